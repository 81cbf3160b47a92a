package winrm

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// times are the limits of the wire. Tests shorten them.
type times struct {
	dial      time.Duration // connect and TLS
	operation time.Duration // how long the host holds a Receive open
	slack     time.Duration // how much longer we wait for an answer
	hello     time.Duration // from the start of powershell.exe to its HELLO
	load      time.Duration // for the library
	closing   time.Duration // for Signal and Delete
	idle      time.Duration // after which an act lane is closed
	backoff   time.Duration // first pause after a failed start
	denied    time.Duration // pause after a refused login: accounts get locked
	retries   int           // how often a lost Receive is asked for again
}

var usual = times{
	dial: 8 * time.Second, operation: 20 * time.Second, slack: 15 * time.Second,
	hello: 30 * time.Second, load: 60 * time.Second, closing: 5 * time.Second, idle: 60 * time.Second,
	backoff: 250 * time.Millisecond, denied: 30 * time.Second, retries: 4,
}

// errDenied says that the host refused who we are.
var errDenied = errors.New("the host refused the account (401)")

// errMoved says that a 401 proves nothing: each connection is authenticated for
// itself, and this request went out on another one than the handshake before it. Go
// gives a connection up after an answer when its own writer is late to say that it has
// written (maxWriteWaitBeforeConnReuse, 50 ms): on a machine with too much to do.
var errMoved = errors.New("the connection was replaced during the handshake")

// mostTried is how many times in a row a connection that is replaced shakes hands.
const mostTried = 4

// wireError is a request without a whole answer.
type wireError struct {
	// wrote is false when no byte of the message left this machine: the host
	// cannot have seen it.
	wrote bool
	err   error
}

func (e *wireError) Error() string { return e.err.Error() }
func (e *wireError) Unwrap() error { return e.err }

// wires are the two connections of one session.
type wires struct {
	url     string
	times   times
	receive *wire
	control *wire
}

func newWires(c *Config, t times, stats *counters) (*wires, error) {
	scheme := "http"
	if c.HTTPS {
		scheme = "https"
	}
	address := net.JoinHostPort(c.Address, strconv.Itoa(c.Port))
	w := &wires{url: scheme + "://" + address + "/wsman", times: t}
	for _, one := range []**wire{&w.receive, &w.control} {
		transport, err := newTransport(c, t)
		if err != nil {
			return nil, err
		}
		*one = &wire{url: w.url, config: c, stats: stats, turn: make(chan struct{}, 1),
			client: &http.Client{Transport: transport, CheckRedirect: noRedirect}}
	}
	return w, nil
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func newTransport(c *Config, t times) (*http.Transport, error) {
	conf := &tls.Config{ServerName: c.ServerName, MinVersion: tls.VersionTLS12}
	if len(c.CA) > 0 {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(c.CA) {
			return nil, fmt.Errorf("host %s: the authority file holds no PEM certificate; export it as Base-64 X.509", c.Host)
		}
	}
	dialer := &net.Dialer{Timeout: t.dial, KeepAlive: 15 * time.Second}
	return &http.Transport{
		// The environment's proxy is not for hosts of the same site.
		Proxy: nil, DialContext: dialer.DialContext, TLSClientConfig: conf,
		TLSHandshakeTimeout: t.dial, MaxConnsPerHost: 1, MaxIdleConnsPerHost: 1,
		IdleConnTimeout: 90 * time.Second, DisableCompression: true, ForceAttemptHTTP2: false,
	}, nil
}

func (w *wires) close() {
	w.receive.client.CloseIdleConnections()
	w.control.client.CloseIdleConnections()
}

// wire is one connection: one request at a time, authenticated once for each
// TCP connection that is made.
type wire struct {
	url    string
	config *Config
	stats  *counters
	client *http.Client
	turn   chan struct{}
	conn   net.Conn // that carried the last request
	ntlm   *ntlm    // nil until this connection has shaken hands
}

// post sends a message and reads the whole answer within limit. A Fault is an
// error of type *Fault; anything without a whole answer is a *wireError.
func (w *wire) post(ctx context.Context, m message, limit time.Duration) (*reply, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return nil, &wireError{err: ctx.Err()}
	}
	text, err := w.exchange(ctx, []byte(m.text))
	if err != nil {
		// The connection's state is unknown: the next one shakes hands anew.
		w.ntlm = nil
		w.client.CloseIdleConnections()
		if errors.Is(err, errDenied) {
			return nil, err
		}
		// The caller's reason is clearer than the transport's.
		if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
			err = &wireError{wrote: wroteOf(err), err: fmt.Errorf("%w: %w", ctx.Err(), err)}
		}
		return nil, err
	}
	r, err := parseReply(text)
	if r != nil && r.RelatesTo != "" && !strings.EqualFold(strings.TrimSpace(r.RelatesTo), m.id) {
		w.client.CloseIdleConnections()
		return nil, &wireError{wrote: true, err: errors.New("the answer is for another message")}
	}
	var fault *Fault
	if err != nil && !errors.As(err, &fault) {
		return nil, &wireError{wrote: true, err: err}
	}
	return r, err
}

func wroteOf(err error) bool {
	var e *wireError
	return errors.As(err, &e) && e.wrote
}

// exchange carries one message. A connection that turns out to be new answers
// 401 without reading the message, so shaking hands and sending it once more
// is not sending it twice.
func (w *wire) exchange(ctx context.Context, text []byte) ([]byte, error) {
	if w.config.Auth == "basic" {
		status, head, body, err := w.request(ctx, soapType, text, "")
		if err != nil {
			return nil, err
		}
		return accept(status, head.Get("Content-Type"), body)
	}
	for tried, fresh := 0, false; ; fresh = true {
		if w.ntlm == nil {
			fresh = true
			err := w.shakeHands(ctx)
			if tried++; errors.Is(err, errMoved) && tried < mostTried {
				continue
			}
			if err != nil {
				return nil, err
			}
		}
		kind, sent := soapType, text
		var err error
		if !w.config.HTTPS {
			if kind, sent, err = w.ntlm.seal(text); err != nil {
				return nil, &wireError{err: err}
			}
		}
		status, head, body, err := w.request(ctx, kind, sent, "")
		if err != nil {
			return nil, err
		}
		moved := w.conn != w.ntlm.conn
		switch {
		case status != http.StatusUnauthorized:
		case !fresh, moved && tried < mostTried:
			w.ntlm = nil
			continue
		case moved:
			return nil, &wireError{err: errMoved}
		}
		kind = head.Get("Content-Type")
		if !w.config.HTTPS && status != http.StatusUnauthorized {
			if kind, body, err = w.ntlm.open(kind, body); err != nil {
				return nil, &wireError{wrote: true, err: err}
			}
		}
		return accept(status, kind, body)
	}
}

const soapType = "application/soap+xml;charset=UTF-8"

// maxAnswer bounds an answer: hosts keep theirs below MaxEnvelopeSize.
const maxAnswer = 4 << 20

func accept(status int, kind string, body []byte) ([]byte, error) {
	switch {
	case status == http.StatusUnauthorized:
		return nil, errDenied
	case status != http.StatusOK && status != http.StatusInternalServerError:
		return nil, &wireError{wrote: true, err: fmt.Errorf("HTTP status %d: is this the address of WinRM?", status)}
	case !strings.Contains(kind, "application/soap+xml"):
		return nil, &wireError{wrote: true, err: fmt.Errorf("HTTP status %d with content type %q instead of SOAP", status, kind)}
	}
	return body, nil
}

// request is one HTTP request on this wire's connection.
func (w *wire) request(ctx context.Context, kind string, body []byte, token string) (int, http.Header, []byte, error) {
	w.stats.requests.Add(1)
	var wrote atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(got httptrace.GotConnInfo) { w.conn = got.Conn }, WroteHeaders: func() { wrote.Store(true) },
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, strings.NewReader(string(body)))
	if err != nil {
		return 0, nil, nil, &wireError{err: err}
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("User-Agent", "lifeboat")
	if w.config.Auth == "basic" {
		req.SetBasicAuth(w.config.User, string(w.config.Password))
	} else if token != "" {
		req.Header.Set("Authorization", "Negotiate "+token)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return 0, nil, nil, &wireError{wrote.Load(), err}
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.TLS != nil && len(resp.TLS.PeerCertificates) > 0 {
		w.stats.certificateEnds.Store(&resp.TLS.PeerCertificates[0].NotAfter)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(text) > maxAnswer {
		err = fmt.Errorf("the answer is larger than %d bytes", maxAnswer)
	}
	if err != nil {
		return 0, nil, nil, &wireError{true, err}
	}
	return resp.StatusCode, resp.Header, text, nil
}

// isoSeconds writes a duration as xs:duration.
func isoSeconds(d time.Duration) string {
	return "PT" + strconv.FormatFloat(d.Seconds(), 'f', 3, 64) + "S"
}
