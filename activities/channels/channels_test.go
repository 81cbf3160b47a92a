package channels

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/people"
)

var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

// cut is what people are told when the line to HQ is cut.
func cut() plans.AlertMessage {
	return plans.AlertMessage{
		ID: "0123456789abcdef", Kind: plans.AlertProblem, Key: "plan/both", Episode: "plan/both 1", Plan: "both", Urgent: true, At: noon,
		Title: "both: NOT READY if hq is lost now", To: []string{"Dana"},
		Lines: []plans.AlertLine{
			{Problem: plans.Problem{Key: "line", What: "NG-HV01: it does not answer <&>", Since: noon.Add(-time.Hour), Means: "this may be the day", Do: "lifeboat decide both"}},
			{Problem: plans.Problem{Key: "full", What: "NG-HV02: the volume D:\\ is full \u2013 97 %", Since: noon, Means: "replication stops", Do: "make room"}},
		},
	}
}

// bench is a sender with secrets and files of its own.
type bench struct {
	t       *testing.T
	secrets map[plans.SecretRef]string
	files   map[string][]byte
}

func newBench(t *testing.T) *bench {
	return &bench{t: t, secrets: map[plans.SecretRef]string{}, files: map[string][]byte{}}
}

func (b *bench) send(c plans.Channel, m plans.AlertMessage, address string) error {
	b.t.Helper()
	c.Name = "c"
	p := plans.AlertPolicyOf(&plans.Config{Alerts: &plans.Alerts{To: []string{"c"}, Channels: []plans.Channel{c}}}, 1)
	s := Sender{Engine: "dr01", Secrets: func(r plans.SecretRef) (string, error) {
		if v, ok := b.secrets[r]; ok {
			return v, nil
		}
		return "", errors.New("secret " + string(r) + " is not set")
	}, ReadFile: func(name string) ([]byte, error) { return b.files[name], nil }}
	return s.Send(b.t.Context(), p, plans.Parcel{Message: m, Target: plans.AlertTarget{Channel: "c", Address: address}}, noon)
}

func (b *bench) web(plain bool) *people.Web {
	w := people.NewWeb(plain)
	b.t.Cleanup(w.Close)
	if !plain {
		b.files["ca.pem"] = w.CA()
	}
	return w
}

// one is the only request that arrived.
func one(t *testing.T, w *people.Web) people.Request {
	t.Helper()
	got := w.Got()
	if len(got) != 1 {
		t.Fatalf("%d requests arrived", len(got))
	}
	return got[0]
}

func decode(t *testing.T, body []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
}

func TestTeamsGetsAnAdaptiveCard(t *testing.T) {
	b := newBench(t)
	w := b.web(false)
	b.secrets["env:TEAMS"] = w.URL() + "/workflows/abc/triggers/manual/paths/invoke?sig=s3cret"
	if err := b.send(plans.Channel{Teams: &plans.HookChannel{Secret: "env:TEAMS", CA: "ca.pem"}}, cut(), ""); err != nil {
		t.Fatal(err)
	}
	r := one(t, w)
	var message struct {
		Type        string `json:"type"`
		Attachments []struct {
			ContentType string `json:"contentType"`
			Content     struct {
				Type    string `json:"type"`
				Version string `json:"version"`
				Body    []struct {
					Type  string `json:"type"`
					Text  string `json:"text"`
					Color string `json:"color"`
					Facts []struct{ Title, Value string }
				} `json:"body"`
			} `json:"content"`
		} `json:"attachments"`
	}
	decode(t, r.Body, &message)
	if message.Type != "message" || len(message.Attachments) != 1 || message.Attachments[0].ContentType != "application/vnd.microsoft.card.adaptive" {
		t.Fatalf("it is no message with one card: %s", r.Body)
	}
	card := message.Attachments[0].Content
	if card.Type != "AdaptiveCard" || card.Version == "" || strings.Contains(string(r.Body), "MessageCard") {
		t.Errorf("it is no Adaptive Card: %s", r.Body)
	}
	if len(card.Body) != 6 || card.Body[0].Text != "Lifeboat: both: NOT READY if hq is lost now (2 things)" || card.Body[0].Color != "attention" {
		t.Fatalf("%+v", card.Body)
	}
	if facts := card.Body[3].Facts; card.Body[2].Text != "NG-HV01: it does not answer <&>" || len(facts) != 3 || facts[0].Value != "11:00:00 UTC" || facts[2].Value != "lifeboat decide both" {
		t.Errorf("%+v", card.Body)
	}
	if r.Path != "/workflows/abc/triggers/manual/paths/invoke?sig=s3cret" || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s, %v", r.Path, r.Header)
	}
	// However much is wrong, Teams takes no more than 28 KB.
	m := cut()
	for range 300 {
		l := m.Lines[0]
		l.What, l.Means = strings.Repeat("x", 3000), strings.Repeat("y", 3000)
		m.Lines = append(m.Lines, l)
	}
	if err := b.send(plans.Channel{Teams: &plans.HookChannel{Secret: "env:TEAMS", CA: "ca.pem"}}, m, ""); err != nil {
		t.Fatal(err)
	}
	if n := len(w.Got()[1].Body); n > 28<<10 {
		t.Errorf("a card of %d bytes", n)
	}
}

func TestTheOtherHooks(t *testing.T) {
	for _, row := range []struct {
		kind    string
		channel func(plans.HookChannel) plans.Channel
		check   func(*testing.T, people.Request)
	}{
		{"slack", func(h plans.HookChannel) plans.Channel { return plans.Channel{Slack: &h} }, func(t *testing.T, r people.Request) {
			var got struct {
				Text string `json:"text"`
			}
			decode(t, r.Body, &got)
			if !strings.Contains(got.Text, "NG-HV01: it does not answer &lt;&amp;&gt;") || !strings.Contains(got.Text, "Do          lifeboat decide both") || strings.Count(got.Text, "```") != 2 {
				t.Errorf("%s", got.Text)
			}
		}},
		{"ntfy", func(h plans.HookChannel) plans.Channel { h.Token = "env:TOKEN"; return plans.Channel{Ntfy: &h} }, func(t *testing.T, r people.Request) {
			title, err := new(mime.WordDecoder).DecodeHeader(r.Header.Get("Title"))
			if err != nil || !strings.HasPrefix(title, "Lifeboat: both: NOT READY") || r.Header.Get("Priority") != "5" || r.Header.Get("Authorization") != "Bearer t0ken" || !strings.Contains(string(r.Body), "\u2013 97 %") {
				t.Errorf("%s, %v, %v: %s", title, err, r.Header, r.Body)
			}
		}},
		{"gotify", func(h plans.HookChannel) plans.Channel { h.Token = "env:TOKEN"; return plans.Channel{Gotify: &h} }, func(t *testing.T, r people.Request) {
			var got struct {
				Title, Message string
				Priority       int
				Extras         map[string]map[string]string
			}
			decode(t, r.Body, &got)
			if r.Path != "/topic/message" || r.Header.Get("X-Gotify-Key") != "t0ken" || got.Priority != 8 || got.Title == "" || !strings.Contains(got.Message, "this may be the day") || got.Extras["lifeboat::message"]["id"] != cut().ID {
				t.Errorf("%s %+v", r.Path, got)
			}
		}},
		{"webhook", func(h plans.HookChannel) plans.Channel { h.Token = "env:TOKEN"; return plans.Channel{Webhook: &h} }, func(t *testing.T, r people.Request) {
			var got Hook
			decode(t, r.Body, &got)
			if got.ID != cut().ID || got.Kind != plans.AlertProblem || got.Plan != "both" || !got.Urgent || got.Engine != "dr01" || len(got.Problems) != 2 || got.Problems[0].Do != "lifeboat decide both" || got.Problems[0].Since.IsZero() {
				t.Errorf("%s", r.Body)
			}
			if r.Header.Get("Idempotency-Key") != cut().ID || r.Header.Get("Authorization") != "Bearer t0ken" {
				t.Errorf("%v", r.Header)
			}
		}},
	} {
		t.Run(row.kind, func(t *testing.T) {
			b := newBench(t)
			w := b.web(false)
			b.secrets["env:URL"], b.secrets["env:TOKEN"] = w.URL()+"/topic", "t0ken"
			channel := row.channel(plans.HookChannel{Secret: "env:URL", CA: "ca.pem"})
			if err := b.send(channel, cut(), ""); err != nil {
				t.Fatal(err)
			}
			row.check(t, one(t, w))
		})
	}
}

// What is not taken is an error in words that name neither address nor token.
func TestWhatDoesNotArriveIsSaid(t *testing.T) {
	b := newBench(t)
	w, plain := b.web(false), b.web(true)
	hook := func(ca string, plaintext bool) plans.Channel {
		return plans.Channel{Webhook: &plans.HookChannel{Secret: "env:URL", Token: "env:TOKEN", CA: ca, Plaintext: plaintext}}
	}
	b.secrets["env:TOKEN"] = "t0ken"
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	for _, row := range []struct {
		what, url string
		status    int
		channel   plans.Channel
		words     string
	}{
		{"refused", w.URL() + "/hook/s3cret?sig=s3cret2", 403, hook("ca.pem", false), "it answered 403 Forbidden: no /hook/***"},
		{"a redirect", w.URL() + "/hook/s3cret", 302, hook("ca.pem", false), "it answered 302 Found"},
		{"an unknown authority", w.URL() + "/hook/s3cret", 200, hook("", false), "certificate signed by unknown authority"},
		{"clear text unasked", plain.URL() + "/hook/s3cret", 200, hook("", false), "does not begin with https://"},
		{"nobody there", "https://" + gone.Addr().String() + "/hook/s3cret", 200, hook("", false), "connection refused"},
		{"no address", "hook/s3cret", 200, hook("", false), "none of the web"},
	} {
		b.secrets["env:URL"] = row.url
		w.Answers(row.status, "no /hook/s3cret, s3cret2")
		err := b.send(row.channel, cut(), "")
		if err == nil || !strings.Contains(err.Error(), row.words) {
			t.Errorf("%s: %v", row.what, err)
		}
		if err != nil && (strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "t0ken")) {
			t.Errorf("%s shows a secret: %v", row.what, err)
		}
	}
	if len(w.Got())+len(plain.Got()) != 0 {
		t.Errorf("something arrived: %v %v", w.Got(), plain.Got())
	}
	b.secrets["env:URL"] = plain.URL() + "/hook"
	if err := b.send(hook("", true), cut(), ""); err != nil {
		t.Errorf("clear text that was asked for: %v", err)
	}
	delete(b.secrets, "env:URL")
	if err := b.send(hook("", true), cut(), ""); err == nil || !strings.Contains(err.Error(), "env:URL is not set") {
		t.Errorf("no secret: %v", err)
	}
}

func TestMail(t *testing.T) {
	for _, row := range []struct{ how, user string }{
		{people.StartTLS, "lifeboat"}, {people.StartTLS, ""}, {people.TLSOnly, "lifeboat"}, {people.Clear, ""},
	} {
		t.Run(row.how+" "+row.user, func(t *testing.T) {
			b := newBench(t)
			server := b.mail(row.how, row.user)
			c := plans.MailChannel{Server: server.Address(), From: "lifeboat@x.example", To: []string{"ops@x.example", "it@x.example"}, TLS: plans.MailTLS(row.how), CA: "ca.pem"}
			if row.user != "" {
				c.User, c.Secret = row.user, "env:MAIL"
			}
			if err := b.send(plans.Channel{Mail: &c}, cut(), ""); err != nil {
				t.Fatal(err)
			}
			got := server.Got()
			if len(got) != 1 || got[0].From != "lifeboat@x.example" || strings.Join(got[0].To, " ") != "ops@x.example it@x.example" || got[0].TLS != (row.how != people.Clear) || got[0].User != row.user {
				t.Fatalf("%+v", got)
			}
			readMail(t, got[0].Data)
			if err := b.send(plans.Channel{Mail: &c}, cut(), "dana@x.example"); err != nil || strings.Join(server.Got()[1].To, " ") != "dana@x.example" {
				t.Errorf("to a person: %v %+v", err, server.Got())
			}
		})
	}
}

func (b *bench) mail(how, user string) *people.Mail {
	b.t.Helper()
	server, err := people.NewMail(how, user, "s3cret")
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(server.Close)
	b.files["ca.pem"], b.secrets["env:MAIL"] = server.CA(), "s3cret"
	return server
}

// readMail reads a mail as a mail program does.
func readMail(t *testing.T, data []byte) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	subject, _ := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if subject != "Lifeboat: both: NOT READY if hq is lost now (2 things)" || m.Header.Get("Message-ID") != "<0123456789abcdef.lifeboat@x.example>" || m.Header.Get("Auto-Submitted") != "auto-generated" || m.Header.Get("References") == "" {
		t.Errorf("%+v", m.Header)
	}
	body := io.Reader(m.Body)
	if m.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
		body = quotedprintable.NewReader(body)
	}
	text, err := io.ReadAll(body)
	if err != nil || !strings.Contains(string(text), "Do          lifeboat decide both") || !strings.Contains(string(text), "\u2013 97 %") {
		t.Errorf("%v: %s", err, text)
	}
}

// A server that cannot keep a secret gets none, and mail that is refused is not
// taken for sent.
func TestMailThatIsNotSent(t *testing.T) {
	b := newBench(t)
	clear, safe := b.mail(people.Clear, ""), b.mail(people.StartTLS, "lifeboat")
	channel := func(server *people.Mail, change func(*plans.MailChannel)) plans.Channel {
		c := &plans.MailChannel{Server: server.Address(), From: "a@x.example", To: []string{"b@x.example"}, User: "lifeboat", Secret: "env:MAIL", CA: "ca.pem"}
		change(c)
		return plans.Channel{Mail: c}
	}
	for _, row := range []struct {
		what    string
		channel plans.Channel
		before  func()
	}{
		{"no TLS where TLS is wanted", channel(clear, func(c *plans.MailChannel) { c.User, c.Secret = "", "" }), func() {}},
		{"another authority", channel(safe, func(c *plans.MailChannel) { c.CA = "" }), func() {}},
		{"another name", channel(safe, func(c *plans.MailChannel) { c.ServerName = "mail.elsewhere.test" }), func() {}},
		{"a wrong password", channel(safe, func(c *plans.MailChannel) { c.Secret = "env:WRONG" }), func() { b.secrets["env:WRONG"] = "wr0ng" }},
		{"a server that refuses", channel(safe, func(*plans.MailChannel) {}), func() { safe.Refuses(true) }},
	} {
		row.before()
		err := b.send(row.channel, cut(), "")
		if err == nil {
			t.Errorf("%s: it was sent", row.what)
		} else if strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "wr0ng") {
			t.Errorf("%s shows a secret: %v", row.what, err)
		}
	}
	if len(clear.Got())+len(safe.Got()) != 0 {
		t.Errorf("something arrived")
	}
	safe.Refuses(false)
	if err := b.send(channel(safe, func(*plans.MailChannel) {}), cut(), ""); err != nil {
		t.Errorf("the next try: %v", err)
	}
}

func TestAHeartbeat(t *testing.T) {
	b := newBench(t)
	w := b.web(false)
	b.secrets["env:BEAT"] = w.URL() + "/ping/1234"
	s := Sender{Secrets: func(r plans.SecretRef) (string, error) { return b.secrets[r], nil }, ReadFile: func(name string) ([]byte, error) { return b.files[name], nil }}
	beat := &plans.Heartbeat{Secret: "env:BEAT", CA: "ca.pem"}
	if err := s.Beat(t.Context(), beat); err != nil {
		t.Fatal(err)
	}
	if r := one(t, w); r.Path != "/ping/1234" {
		t.Errorf("%+v", r)
	}
	w.Answers(http.StatusInternalServerError, "")
	if err := s.Beat(t.Context(), beat); err == nil {
		t.Error("an answer of 500 is none")
	}
}
