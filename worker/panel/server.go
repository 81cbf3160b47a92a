package panel

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Source is where the pictures come from.
type Source interface {
	// Open answers with the open runs, newest first; with the last one that
	// ended when none is open.
	Open(ctx context.Context) ([]plans.RunStatus, error)
	// Of answers with the run that a page of the Web UI belongs to, none when
	// the page is of something else.
	Of(ctx context.Context, workflow, run string) ([]plans.RunStatus, error)
}

// Server serves the page on loopback. It begins before there is anything to
// show, because the Web UI must be told the address at its own start.
type Server struct {
	listener net.Listener
	server   *http.Server
	token    string
	scheme   string
	host     string

	mu     sync.Mutex
	source Source
	ui     []string

	// asking is held while the source is asked: viewers wait for each other,
	// so that many of them cost as much as one.
	asking sync.Mutex
	kept   map[string]kept

	ready    func(now time.Time) []plans.ReadyReport
	judging  sync.Mutex
	judged   []plans.ReadyReport
	judgedAt time.Time
}

// kept is a picture that several viewers share.
type kept struct {
	runs []plans.RunStatus
	err  error
	at   time.Time
}

// keep bounds how often Temporal is asked, whoever looks.
const keep = time.Second

// askLimit bounds one question: the page must say that nobody answers.
const askLimit = 5 * time.Second

// Listen opens a port on loopback. The page's path holds a random token, known
// to who configures the Web UI only: a frame cannot send a header.
//
// With a certificate the page is served by HTTPS, and the Web UI can tell it
// which run's page is open. The certificate must name localhost or 127.0.0.1
// and be one that browsers on this machine trust.
func Listen(certificate *tls.Certificate) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	var key [32]byte
	_, _ = rand.Read(key[:])
	s := &Server{listener: listener, token: hex.EncodeToString(key[:]), scheme: "http", host: listener.Addr().String(), kept: map[string]kept{}}
	if certificate != nil {
		name, err := loopbackName(certificate)
		if err != nil {
			_ = listener.Close()
			return nil, err
		}
		s.scheme, s.host = "https", fmt.Sprintf("%s:%d", name, listener.Addr().(*net.TCPAddr).Port)
		s.listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{*certificate}, MinVersion: tls.VersionTLS12})
	}
	s.server = &http.Server{
		Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: 5 * time.Second,
		// A browser that does not trust the certificate breaks off: no news for
		// the engine's terminal.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() { _ = s.server.Serve(s.listener) }()
	return s, nil
}

// loopbackName is the name of this machine for itself that a certificate has.
func loopbackName(c *tls.Certificate) (string, error) {
	for _, name := range []string{"localhost", "127.0.0.1"} {
		if c.Leaf != nil && c.Leaf.VerifyHostname(name) == nil {
			return name, nil
		}
	}
	return "", errors.New("the certificate for the run panel names neither localhost nor 127.0.0.1")
}

// URL is the page's address. It holds the token.
func (s *Server) URL() string {
	return (&url.URL{Scheme: s.scheme, Host: s.host, Path: "/" + s.token + "/"}).String()
}

// Show gives the page what to show. ui is the Web UI's base URL: only its pages
// may frame this one.
func (s *Server) Show(source Source, ui string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.source = source
	if u, err := url.Parse(ui); err == nil && u.Host != "" {
		// The same port by the machine's other name for itself.
		s.ui = []string{u.Scheme + "://" + u.Host, u.Scheme + "://localhost:" + u.Port()}
	}
}

// Close ends the server and what it is answering.
func (s *Server) Close() error { return s.server.Close() }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.headers(w, r)
	token, page, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.Host != s.host:
		// A name of somebody else that resolves to loopback.
		http.Error(w, "not this host", http.StatusMisdirectedRequest)
	case subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) != 1, !slices.Contains([]string{"", "ready", "banner"}, page):
		http.NotFound(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		http.Error(w, "this page is for reading only", http.StatusMethodNotAllowed)
	default:
		s.answer(w, r, page)
	}
}

func (s *Server) headers(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	ui := strings.Join(s.ui, " ")
	s.mu.Unlock()
	if ui == "" {
		ui = "'none'"
	}
	style, script := hashes()
	h := w.Header()
	h.Set("Content-Security-Policy", fmt.Sprintf(
		"default-src 'none'; style-src %s; script-src %s; connect-src %s://%s; base-uri 'none'; form-action 'none'; frame-ancestors %s",
		style, script, s.scheme, s.host, ui))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if r.Header.Get("Origin") == "null" {
		// The Web UI's frame has no origin of its own; its script must be able
		// to read this page again. Whoever asks knows the token.
		h.Set("Access-Control-Allow-Origin", "null")
		h.Set("Vary", "Origin")
	}
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, page string) {
	var text bytes.Buffer
	var err error
	if page == "" {
		err = s.renderRuns(&text, r)
	} else {
		err = s.renderReady(&text, page == "banner")
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(text.Bytes())
}

func (s *Server) renderRuns(w io.Writer, r *http.Request) error {
	workflow, run := r.URL.Query().Get("workflow"), r.URL.Query().Get("run")
	page := Page{This: workflow != "", Now: time.Now()}
	runs, err := s.picture(r.Context(), workflow, run)
	page.Runs = runs
	if err != nil {
		page.Problem = err.Error()
	}
	return page.Render(w)
}

// picture asks the source, at most once in keep for each page.
func (s *Server) picture(ctx context.Context, workflow, run string) ([]plans.RunStatus, error) {
	s.mu.Lock()
	source := s.source
	s.mu.Unlock()
	if source == nil {
		return nil, errors.New("the engine is starting")
	}
	s.asking.Lock()
	defer s.asking.Unlock()
	key := workflow + "\x00" + run
	if k, ok := s.kept[key]; ok && time.Since(k.at) < keep {
		return k.runs, k.err
	}
	for old, k := range s.kept {
		if time.Since(k.at) >= keep {
			delete(s.kept, old)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askLimit)
	defer cancel()
	var k kept
	if workflow == "" {
		k.runs, k.err = source.Open(ctx)
	} else {
		k.runs, k.err = source.Of(ctx, workflow, run)
	}
	k.at = time.Now()
	s.kept[key] = k
	return k.runs, k.err
}
