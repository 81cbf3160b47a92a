package channels

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// post is one request to a channel.
type post struct {
	path   string // after the channel's address
	body   []byte
	header map[string]string
}

// hook sends a message by HTTP.
func (s Sender) hook(ctx context.Context, c plans.Channel, l letter, known *hidden) error {
	h := c.Hook()
	token, err := known.resolve(s, h.Token)
	if err != nil {
		return err
	}
	compose := map[string]func(letter, string) (post, error){
		"teams": teams, "slack": slack, "ntfy": ntfy, "gotify": gotify, "webhook": webhook,
	}[c.Kind()]
	p, err := compose(l, token)
	if err != nil {
		return err
	}
	return s.send(ctx, h, p, known)
}

// send posts, and takes any answer of success for one. A redirect is none: it
// would carry the message to somebody else.
func (s Sender) send(ctx context.Context, h *plans.HookChannel, p post, known *hidden) error {
	address, err := s.address(h, known)
	if err != nil {
		return err
	}
	trust, err := s.trust(h.CA, "")
	if err != nil {
		return err
	}
	transport := &http.Transport{TLSClientConfig: trust, Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address+p.path, bytes.NewReader(p.body))
	if err != nil {
		return errors.New("its address is none of the web")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "lifeboat")
	for name, value := range p.header {
		request.Header.Set(name, value)
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(answer.Body, 200))
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fmt.Errorf("it answered %s: %s", answer.Status, said)
	}
	return nil
}

// address is where to post. What is kept as a secret is seen here for the first
// time, so it is checked here.
func (s Sender) address(h *plans.HookChannel, known *hidden) (string, error) {
	address := h.Address
	if h.Secret != "" {
		secret, err := known.resolve(s, h.Secret)
		if err != nil {
			return "", err
		}
		address = secret
	}
	u, err := url.Parse(strings.TrimSpace(address))
	switch {
	case err != nil || u.Host == "":
		return "", errors.New("its address is none of the web: it begins with https://")
	case u.Scheme != "https" && !(u.Scheme == "http" && h.Plaintext):
		return "", errors.New("its address does not begin with https://: write plaintext: true if everybody on the way may read it")
	}
	return u.String(), nil
}

// Beat says that the engine watches.
func (s Sender) Beat(ctx context.Context, b *plans.Heartbeat) error {
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	var known hidden
	return known.clean(s.send(ctx, &plans.HookChannel{Secret: b.Secret, CA: b.CA, Plaintext: b.Plaintext}, post{}, &known))
}

func asJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

// clip bounds a text in bytes, for receivers that refuse more.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-4], "") + " ..."
}

// slack is a text block, so that columns stay columns.
//
// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
func slack(l letter, _ string) (post, error) {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "```", "'''")
	body, err := asJSON(map[string]string{"text": escape.Replace(l.subject) + "\n```" + escape.Replace(clip(l.text, 30_000)) + "```"})
	return post{body: body}, err
}

// ntfyMost is what ntfy takes as a message: 4,096 bytes.
const ntfyMost = 4000

// ntfy posts the text to the topic, with title and priority as headers.
//
// https://docs.ntfy.sh/publish/
func ntfy(l letter, token string) (post, error) {
	h := map[string]string{"Content-Type": "text/plain; charset=utf-8", "Title": mime.BEncoding.Encode("utf-8", l.subject), "Priority": "3", "Tags": "warning"}
	if l.Urgent {
		h["Priority"] = "5"
	}
	if l.Kind == plans.AlertWell {
		h["Tags"] = "white_check_mark"
	}
	if token != "" {
		h["Authorization"] = "Bearer " + token
	}
	return post{body: []byte(clip(l.text, ntfyMost)), header: h}, nil
}

// gotify posts to the server's /message.
//
// https://gotify.net/docs/pushmsg
func gotify(l letter, token string) (post, error) {
	priority := 5
	if l.Urgent {
		priority = 8
	}
	body, err := asJSON(map[string]any{
		"title": l.subject, "message": l.text, "priority": priority,
		"extras": map[string]any{"lifeboat::message": map[string]string{"id": l.ID}},
	})
	return post{path: "/message", body: body, header: map[string]string{"X-Gotify-Key": token}}, err
}

// Hook is what a generic webhook gets. Field names are stable.
type Hook struct {
	// ID is the same however often it is sent.
	ID        string          `json:"id"`
	Kind      plans.AlertKind `json:"kind"`
	Plan      string          `json:"plan,omitempty"`
	Subject   string          `json:"subject"`
	Text      string          `json:"text"`
	At        time.Time       `json:"at"`
	Urgent    bool            `json:"urgent"`
	To        []string        `json:"to,omitempty"`
	Engine    string          `json:"engine"`
	Simulated bool            `json:"simulated"`
	// Episode is the same for all messages about one thing.
	Episode  string            `json:"episode,omitempty"`
	Problems []plans.AlertLine `json:"problems,omitempty"`
}

func webhook(l letter, token string) (post, error) {
	body, err := asJSON(Hook{
		ID: l.ID, Kind: l.Kind, Plan: l.Plan, Subject: l.subject, Text: l.text, At: l.At, Urgent: l.Urgent, To: l.To,
		Engine: l.engine, Simulated: l.simulated, Episode: l.Episode, Problems: l.Lines,
	})
	h := map[string]string{"Idempotency-Key": l.ID}
	if token != "" {
		h["Authorization"] = "Bearer " + token
	}
	return post{body: body, header: h}, err
}
