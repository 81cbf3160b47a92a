package plans

import (
	"time"
	_ "time/tzdata" // Windows has no time zones that Go can read
)

// Alerts says who is told when something is wrong, when, and how.
type Alerts struct {
	// To are the channels that hear what no person is named for.
	To []string `yaml:"to"`
	// Timezone is that of the people: quiet hours and times in messages go by it
	// (default UTC).
	Timezone string `yaml:"timezone,omitempty"`
	// After is how long something must be wrong before people are told, and well
	// again before that is announced (default 5m).
	After Duration `yaml:"after,omitempty"`
	// Waiting is how long a run may wait for a person before people are told
	// (default 1m).
	Waiting Duration `yaml:"waiting,omitempty"`
	// Repeat is when people are told again of what is still wrong (default 24h).
	Repeat Duration `yaml:"repeat,omitempty"`
	// Level is the least that is told: blocker (default) or warning.
	Level Severity `yaml:"level,omitempty"`
	// Quiet hours hold what can wait until they end; nothing is dropped.
	Quiet     *QuietHours `yaml:"quiet,omitempty"`
	Heartbeat *Heartbeat  `yaml:"heartbeat,omitempty"`
	Channels  []Channel   `yaml:"channels"`
	// People are those whom plans name: owners, escalate, a notice's to.
	People []Person `yaml:"people,omitempty"`
}

// QuietHours are from one time of day to another, over midnight too.
type QuietHours struct {
	From string `yaml:"from"`
	To   string `yaml:"to"`
	// HoldUrgent holds also what is urgent: a host that does not answer, two
	// copies that run, a run that waits.
	HoldUrgent bool `yaml:"hold_urgent,omitempty"`
}

// Heartbeat is asked for while the engine watches, so that its silence is an
// alarm somewhere else.
type Heartbeat struct {
	// Secret says where the address is kept: who knows it can keep the alarm
	// silent.
	Secret SecretRef `yaml:"secret"`
	Every  Duration  `yaml:"every,omitempty"` // default 1m
	CA     string    `yaml:"ca,omitempty"`
	// Plaintext allows an http:// address.
	Plaintext bool `yaml:"plaintext,omitempty"`
}

// Channel is a way to people: exactly one kind is set.
type Channel struct {
	Name string `yaml:"name"`
	// Plans are the only ones it hears of; empty means all.
	Plans   []string     `yaml:"plans,omitempty"`
	Mail    *MailChannel `yaml:"mail,omitempty"`
	Teams   *HookChannel `yaml:"teams,omitempty"`
	Slack   *HookChannel `yaml:"slack,omitempty"`
	Ntfy    *HookChannel `yaml:"ntfy,omitempty"`
	Gotify  *HookChannel `yaml:"gotify,omitempty"`
	Webhook *HookChannel `yaml:"webhook,omitempty"`
}

// MailTLS is how a mail server is spoken to.
type MailTLS string

// The ways. The default is MailStartTLS; there is no fall-back to clear text.
const (
	MailStartTLS MailTLS = "starttls"
	MailTLSOnly  MailTLS = "tls" // from the first byte
	MailClear    MailTLS = "none"
)

// MailChannel is a mail server and who gets its mail.
type MailChannel struct {
	// Server is host:port.
	Server string   `yaml:"server"`
	From   string   `yaml:"from"`
	To     []string `yaml:"to"`
	TLS    MailTLS  `yaml:"tls,omitempty"`
	// User and Secret are left out for a relay that asks nobody.
	User   string    `yaml:"user,omitempty"`
	Secret SecretRef `yaml:"secret,omitempty"`
	// CA is a PEM file; ServerName the name in the certificate when it is not
	// that of Server.
	CA         string `yaml:"ca,omitempty"`
	ServerName string `yaml:"server_name,omitempty"`
}

// HookChannel is an address that takes messages by HTTP. For Teams and Slack
// the address itself is the key, so it is kept as a secret.
type HookChannel struct {
	// Secret says where the address is kept; Address is for those that anybody
	// may know.
	Secret  SecretRef `yaml:"secret,omitempty"`
	Address string    `yaml:"address,omitempty"`
	// Token authorizes: ntfy, gotify, webhook.
	Token SecretRef `yaml:"token,omitempty"`
	CA    string    `yaml:"ca,omitempty"`
	// Plaintext allows an http:// address.
	Plaintext bool `yaml:"plaintext,omitempty"`
}

// Person is somebody, or a desk, whom plans name.
type Person struct {
	Name     string   `yaml:"name"`
	Channels []string `yaml:"channels"`
	// Mail is where mail channels write to for this person, in place of their
	// own to.
	Mail string `yaml:"mail,omitempty"`
}

// The defaults of what may be left out.
const (
	DefaultAlertAfter   = Duration(5 * time.Minute)
	DefaultAlertWaiting = Duration(time.Minute)
	DefaultAlertRepeat  = Duration(24 * time.Hour)
	DefaultHeartbeat    = Duration(time.Minute)
)

func setAlertDefaults(a *Alerts) {
	if a == nil {
		return
	}
	for _, d := range []struct {
		of  *Duration
		use Duration
	}{{&a.After, DefaultAlertAfter}, {&a.Waiting, DefaultAlertWaiting}, {&a.Repeat, DefaultAlertRepeat}} {
		if *d.of == 0 {
			*d.of = d.use
		}
	}
	if a.Level == "" {
		a.Level = Blocker
	}
	if a.Heartbeat != nil && a.Heartbeat.Every == 0 {
		a.Heartbeat.Every = DefaultHeartbeat
	}
	for i := range a.Channels {
		if m := a.Channels[i].Mail; m != nil && m.TLS == "" {
			m.TLS = MailStartTLS
		}
	}
}

// Channel finds a channel by its name.
func (a *Alerts) Channel(name string) (Channel, bool) {
	if a == nil {
		return Channel{}, false
	}
	for _, c := range a.Channels {
		if c.Name == name {
			return c, true
		}
	}
	return Channel{}, false
}

// Kind is the channel's kind in one word.
func (c Channel) Kind() string {
	switch {
	case c.Mail != nil:
		return "mail"
	case c.Teams != nil:
		return "teams"
	case c.Slack != nil:
		return "slack"
	case c.Ntfy != nil:
		return "ntfy"
	case c.Gotify != nil:
		return "gotify"
	}
	return "webhook"
}

// Hook is what a channel of HTTP is set up with, nil for mail.
func (c Channel) Hook() *HookChannel {
	for _, h := range []*HookChannel{c.Teams, c.Slack, c.Ntfy, c.Gotify, c.Webhook} {
		if h != nil {
			return h
		}
	}
	return nil
}
