// Package people is who gets messages in tests: a mail server and addresses of
// the web, on loopback, that keep what arrives and can be out of order.
package people

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Web is an address that takes anything, or refuses it.
type Web struct {
	server *httptest.Server

	mu     sync.Mutex
	got    []Request
	status int
	answer string
	hold   chan struct{}
}

// Request is what arrived.
type Request struct {
	Path   string
	Header http.Header
	Body   []byte
}

// NewWeb listens, with TLS unless plain.
func NewWeb(plain bool) *Web {
	w := &Web{status: http.StatusAccepted}
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(w.take))
	w.server.Config.ErrorLog = nil
	if plain {
		w.server.Start()
	} else {
		w.server.StartTLS()
	}
	return w
}

func (w *Web) take(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.status < 300 {
		w.got = append(w.got, Request{r.URL.RequestURI(), r.Header.Clone(), body})
	}
	if hold := w.hold; hold != nil {
		w.mu.Unlock()
		<-hold
		w.mu.Lock()
	}
	if w.status == http.StatusFound {
		rw.Header().Set("Location", w.server.URL+"/elsewhere")
	}
	rw.WriteHeader(w.status)
	_, _ = io.WriteString(rw, w.answer)
}

// URL is where it listens; CA its certificate as PEM.
func (w *Web) URL() string { return w.server.URL }

// CA is the certificate as PEM.
func (w *Web) CA() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.server.Certificate().Raw})
}

// Answers makes it answer with a status and a text from now on.
func (w *Web) Answers(status int, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status, w.answer = status, text
}

// Hold keeps back what it would say to all that arrives, until release.
func (w *Web) Hold() (release func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	hold := make(chan struct{})
	w.hold = hold
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.hold = nil
		close(hold)
	}
}

// Got is what has arrived.
func (w *Web) Got() []Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.got)
}

// Close ends it.
func (w *Web) Close() { w.server.Close() }

// Mail is a mail server.
type Mail struct {
	User, Password string
	server         *smtp.Server
	listener       net.Listener
	web            *httptest.Server // its certificate is used

	mu   sync.Mutex
	got  []Letter
	down bool
}

// Letter is a mail that arrived, and how.
type Letter struct {
	From string
	To   []string
	Data []byte
	// TLS and User are how it came, User "" for nobody.
	TLS  bool
	User string
}

// How a mail server speaks.
const (
	Clear    = "none"     // it knows no TLS
	StartTLS = "starttls" // and takes nothing in clear
	TLSOnly  = "tls"      // from the first byte
)

// NewMail listens. With a user it wants a password.
func NewMail(how, user, password string) (*Mail, error) {
	m := &Mail{User: user, Password: password, web: httptest.NewTLSServer(http.NotFoundHandler())}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m.listener = listener
	m.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{mail: m, conn: c, how: how}, nil }))
	m.server.Domain, m.server.ErrorLog = "localhost", quiet{}
	certificate := &tls.Config{Certificates: m.web.TLS.Certificates, MinVersion: tls.VersionTLS12}
	switch how {
	case StartTLS:
		m.server.TLSConfig = certificate
	case TLSOnly:
		listener = tls.NewListener(listener, certificate)
	}
	go func() { _ = m.server.Serve(listener) }()
	return m, nil
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// Address is host:port.
func (m *Mail) Address() string { return m.listener.Addr().String() }

// CA is the certificate as PEM.
func (m *Mail) CA() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.web.Certificate().Raw})
}

// Refuses makes it refuse everything, or nothing any more.
func (m *Mail) Refuses(down bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = down
}

// Got is what has arrived.
func (m *Mail) Got() []Letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.got)
}

// Close ends it.
func (m *Mail) Close() {
	_ = m.server.Close()
	m.web.Close()
}

// session is one client of the mail server.
type session struct {
	mail   *Mail
	conn   *smtp.Conn
	how    string
	user   string
	letter Letter
}

func (s *session) AuthMechanisms() []string {
	if s.mail.User == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.mail.User || password != s.mail.Password {
			return errors.New("wrong password")
		}
		s.user = user
		return nil
	}), nil
}

func (s *session) Reset()        { s.letter = Letter{} }
func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	_, secure := s.conn.TLSConnectionState()
	s.mail.mu.Lock()
	down := s.mail.down
	s.mail.mu.Unlock()
	switch {
	case down:
		return &smtp.SMTPError{Code: 451, Message: "come back later"}
	case s.how == StartTLS && !secure:
		return &smtp.SMTPError{Code: 530, Message: "not in clear"}
	case s.mail.User != "" && s.user == "":
		return smtp.ErrAuthRequired
	}
	s.letter = Letter{From: from, TLS: secure || s.how == TLSOnly, User: s.user}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.letter.To = append(s.letter.To, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil {
		return err
	}
	s.letter.Data = b.Bytes()
	s.mail.mu.Lock()
	defer s.mail.mu.Unlock()
	s.mail.got = append(s.mail.got, s.letter)
	return nil
}
