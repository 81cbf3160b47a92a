package winrm

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"
)

// Secret is a password that does not print itself.
type Secret string

// String hides the secret from every fmt verb that asks for text.
func (Secret) String() string { return "***" }

// GoString hides it from %#v.
func (Secret) GoString() string { return "***" }

// MarshalText hides it from encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }

// LogValue hides it from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue("***") }

// Config says how one host is reached.
type Config struct {
	// Host is the host's name in messages, Address and Port where it listens.
	Host    string
	Address string
	Port    int
	HTTPS   bool
	// ServerName is the name in the host's certificate, "" for Address. CA is
	// the authority as PEM, empty for the system's.
	ServerName string
	CA         []byte
	User       string
	Domain     string
	Password   Secret
	// Auth is "ntlm" or "basic". Basic needs HTTPS.
	Auth string
	// ActLanes is how many changes may run at once on the host; 0 means 4.
	ActLanes int
	// Library is the text of functions that each session loads once.
	Library string
	// Log gets no arguments and no results, only events; nil is silent.
	Log *slog.Logger
}

func (c *Config) check() error {
	switch {
	case c.Host == "" || c.Address == "" || c.Port <= 0 || c.Port > 65535:
		return errors.New("a host needs a name, an address and a port")
	case c.User == "":
		return fmt.Errorf("host %s: no user; set winrm.user", c.Host)
	case c.Auth != "ntlm" && c.Auth != "basic":
		return fmt.Errorf("host %s: unknown authentication %q; use ntlm or basic", c.Host, c.Auth)
	case c.Auth == "basic" && !c.HTTPS:
		return fmt.Errorf("host %s: basic would send the password in clear over http; use https or ntlm", c.Host)
	}
	if c.Auth == "ntlm" && c.Domain == "" {
		if domain, user, found := strings.Cut(c.User, `\`); found {
			c.Domain, c.User = domain, user
		}
	}
	if c.Auth == "basic" && c.Domain != "" && !strings.ContainsAny(c.User, `\@`) {
		c.User = c.Domain + `\` + c.User
	}
	if c.ServerName == "" {
		c.ServerName = c.Address
	}
	if c.ActLanes <= 0 {
		c.ActLanes = 4
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Stats counts what a host cost since New.
type Stats struct {
	Requests int64 // HTTP requests, handshakes included
	Calls    int64 // calls of Run
	Sessions int64 // PowerShell sessions opened
	// CertificateEnds is when the certificate ends that the host showed last, zero
	// over HTTP and before the first answer.
	CertificateEnds time.Time
}

type counters struct {
	requests, calls, sessions atomic.Int64
	certificateEnds           atomic.Pointer[time.Time]
}
