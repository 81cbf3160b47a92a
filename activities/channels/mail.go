package channels

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/wneessen/go-mail"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// mail sends a message by SMTP. Without TLS, or without a password, only where
// the configuration says so: there is no fall-back.
func (s Sender) mail(ctx context.Context, m *plans.MailChannel, address string, l letter, known *hidden) error {
	client, err := s.mailClient(m, known)
	if err != nil {
		return err
	}
	msg, err := composeMail(m, address, l)
	if err != nil {
		return err
	}
	// What the server has taken is sent, even if it then hung up without a word.
	if err := client.DialAndSendWithContext(ctx, msg); err != nil && !msg.IsDelivered() {
		return err
	}
	return nil
}

func (s Sender) mailClient(m *plans.MailChannel, known *hidden) (*mail.Client, error) {
	host, port, _ := m.Host()
	name := m.ServerName
	if name == "" {
		name = host
	}
	trust, err := s.trust(m.CA, name)
	if err != nil {
		return nil, err
	}
	options := []mail.Option{mail.WithPort(port), mail.WithTimeout(sendLimit), mail.WithTLSConfig(trust)}
	switch m.TLS {
	case plans.MailTLSOnly:
		options = append(options, mail.WithSSL())
	case plans.MailClear:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if m.Secret != "" {
		password, err := known.resolve(s, m.Secret)
		if err != nil {
			return nil, err
		}
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(m.User), mail.WithPassword(password))
	}
	return mail.NewClient(host, options...)
}

func composeMail(m *plans.MailChannel, address string, l letter) (*mail.Msg, error) {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := msg.FromFormat("Lifeboat", m.From); err != nil {
		return nil, fmt.Errorf("from %s: %w", m.From, err)
	}
	to := m.To
	if address != "" {
		to = []string{address}
	}
	if err := msg.To(to...); err != nil {
		return nil, fmt.Errorf("to %s: %w", strings.Join(to, ", "), err)
	}
	msg.Subject(l.subject)
	msg.SetDateWithValue(l.At)
	// Sent again it has the same id; all about one thing is one conversation.
	domain := m.From[strings.LastIndexByte(m.From, '@')+1:]
	msg.SetMessageIDWithValue(l.ID + ".lifeboat@" + domain)
	if l.Episode != "" {
		sum := sha256.Sum256([]byte(l.Episode))
		msg.SetGenHeader(mail.HeaderReferences, "<"+hex.EncodeToString(sum[:8])+".lifeboat@"+domain+">")
	}
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	if l.Urgent {
		msg.SetImportance(mail.ImportanceHigh)
	}
	msg.SetBodyString(mail.TypeTextPlain, l.text)
	return msg, nil
}
