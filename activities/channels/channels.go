package channels

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// sendLimit bounds one try.
const sendLimit = 30 * time.Second

// Sender sends messages through the channels of a configuration.
type Sender struct {
	// Secrets resolves a reference; ReadFile reads a file of the configuration.
	Secrets  func(plans.SecretRef) (string, error)
	ReadFile func(name string) ([]byte, error)
	// Engine names the engine to whoever gets the message.
	Engine string
}

// Send carries a message to one target, once. An error says nothing secret.
func (s Sender) Send(ctx context.Context, p plans.AlertPolicy, parcel plans.Parcel, now time.Time) error {
	channel, ok := p.Config.Channel(parcel.Target.Channel)
	if !ok {
		return fmt.Errorf("the configuration has no channel %q any more", parcel.Target.Channel)
	}
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	m := parcel.Message
	l := letter{AlertMessage: m, subject: m.Subject(p), text: m.Text(p, now), told: m.Told(p, now), simulated: p.Simulated, engine: s.Engine}
	var known hidden
	var err error
	if channel.Mail != nil {
		err = s.mail(ctx, channel.Mail, parcel.Target.Address, l, &known)
	} else {
		err = s.hook(ctx, channel, l, &known)
	}
	return known.clean(err)
}

// letter is a message in words.
type letter struct {
	plans.AlertMessage
	subject, text string
	told          []plans.ToldLine
	simulated     bool
	engine        string
}

// hidden are secrets that no error may show.
type hidden []string

// resolve reads a secret and remembers it.
func (h *hidden) resolve(s Sender, ref plans.SecretRef) (string, error) {
	if ref == "" {
		return "", nil
	}
	value, err := s.Secrets(ref)
	if err == nil {
		*h = append(*h, value)
	}
	return value, err
}

// clean is an error without secrets. One of net/http names the whole address:
// its cause says enough.
func (h hidden) clean(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	var web *url.Error
	if errors.As(err, &web) {
		text = web.Err.Error()
	}
	for _, part := range h.parts() {
		text = strings.ReplaceAll(text, part, "***")
	}
	return errors.New(strings.Join(strings.Fields(text), " "))
}

// tellingLength is from how many characters on a part of a secret address is kept
// out of errors: a server may answer with any part of what it was asked.
const tellingLength = 6

// parts are the secrets, and what secret addresses are made of, longest first.
func (h hidden) parts() []string {
	all := slices.Clone(h)
	for _, secret := range h {
		u, err := url.Parse(secret)
		if err != nil || u.Host == "" {
			continue
		}
		cut := func(r rune) bool { return strings.ContainsRune("/?&=", r) }
		for _, part := range strings.FieldsFunc(u.RequestURI()+"/"+u.Path, cut) {
			if len(part) >= tellingLength {
				all = append(all, part)
			}
		}
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return all
}

// trust is how servers are known: by the machine's authorities, or by one of the
// configuration.
func (s Sender) trust(ca, serverName string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: serverName}
	if ca == "" {
		return c, nil
	}
	pem, err := s.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("authority: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("authority %s: it holds no certificate (PEM)", ca)
	}
	return c, nil
}
