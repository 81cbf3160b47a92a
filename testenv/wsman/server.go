// Package wsman is the simulated wire of a Windows host: an independent
// WS-Management server for the remote shell (WinRS), with Basic and NTLM
// authentication, message encryption, the quotas, the faults and the time
// limits of the real service. What a command line starts is given from outside.
//
// It follows the pages of [MS-WSMV], [MS-NLMP] and the WinRM configuration
// pages of Microsoft's documentation.
package wsman

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Process is what a command line started.
type Process interface {
	// Write queues standard input; it never waits for the process.
	Write(p []byte) (int, error)
	// CloseStdin ends standard input.
	CloseStdin()
	// Kill ends the process at once.
	Kill()
}

// Handle lets a process reach the wire that serves it.
type Handle interface {
	// Cut resets the TCP connections that serve the shell, so that answers are
	// lost. With kill the shell and its processes end too.
	Cut(kill bool)
}

// StartFunc starts a command line. It calls exited once, from any goroutine,
// after the last write to stdout and stderr.
type StartFunc func(ctx context.Context, commandLine string, stdout, stderr io.Writer, h Handle, exited func(code uint32)) Process

// Options says what the server stands for.
type Options struct {
	// HostName and FQDN are the names told to clients.
	HostName, FQDN string
	// Users holds passwords by user name ("user", "DOMAIN\user" or
	// "user@domain"), compared without case.
	Users map[string]string
	// Start starts command lines.
	Start StartFunc
	// AllowUnencrypted accepts plain messages and Basic over plain HTTP, as
	// winrm/config/service AllowUnencrypted.
	AllowUnencrypted bool
	// MaxShells is MaxShellsPerUser; 0 means 30.
	// Microsoft: Installation and configuration for Windows Remote Management.
	MaxShells int
	// Log receives what happens on the wire, without contents; nil means none.
	Log *slog.Logger
	// Kerberos verifies a Kerberos token and says who sent it and what to
	// answer; nil means that the host does not offer Kerberos.
	Kerberos func(token []byte) (user string, answer []byte, err error)
}

// The defaults of Windows Server 2012 and later.
// Microsoft: Installation and configuration for Windows Remote Management.
const (
	defaultShells   = 30
	maxProcesses    = 25
	maxOperations   = 1500
	maxTimeout      = 60 * time.Second
	defaultIdle     = 2 * time.Hour
	maxEnvelopeSize = 500 << 10
)

// Server is the WinRM service of one simulated host.
type Server struct {
	opts Options
	log  *slog.Logger

	mu        sync.Mutex
	down      bool
	closed    bool
	conns     map[*connection]struct{}
	listeners map[io.Closer]struct{}
	shells    map[string]*shell
	receives  map[string]int // outstanding Receives by user
	faults    []WireFault
}

// NewServer makes a server that is up and has no listener yet.
func NewServer(o Options) *Server {
	if o.MaxShells <= 0 {
		o.MaxShells = defaultShells
	}
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Server{
		opts: o, log: log.With("host", o.HostName),
		conns: map[*connection]struct{}{}, listeners: map[io.Closer]struct{}{},
		shells: map[string]*shell{}, receives: map[string]int{},
	}
}

// ServeHTTPS serves TLS with cert on l until Close.
func (s *Server) ServeHTTPS(l net.Listener, cert tls.Certificate) {
	s.serve(tls.NewListener(&listener{Listener: l, server: s}, &tls.Config{
		Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12,
	}))
}

// ServeHTTP serves plain HTTP on l until Close.
func (s *Server) ServeHTTP(l net.Listener) { s.serve(&listener{Listener: l, server: s}) }

func (s *Server) serve(l net.Listener) {
	hs := &http.Server{
		Handler:           http.HandlerFunc(s.handle),
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if t, ok := c.(*tls.Conn); ok {
				c = t.NetConn()
			}
			return context.WithValue(ctx, connKey{}, c.(*connection))
		},
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		l.Close()
		return
	}
	s.listeners[hs] = struct{}{}
	s.listeners[l] = struct{}{}
	s.mu.Unlock()
	if err := hs.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
		s.log.Debug("listener ended", "error", err)
	}
}

// SetUp tells whether the host is up. A host that goes down resets every
// connection, ends every process and closes new connections until it is up.
func (s *Server) SetUp(up bool) {
	s.mu.Lock()
	s.down = !up
	s.mu.Unlock()
	if !up {
		s.drop()
	}
}

// Close ends listeners, connections, shells and processes.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed, s.down = true, true
	var all []io.Closer
	for l := range s.listeners {
		all = append(all, l)
	}
	s.mu.Unlock()
	s.drop()
	for _, l := range all {
		l.Close()
	}
	return nil
}

// Shells counts the open shells of a user; an empty name counts all.
func (s *Server) Shells(user string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, sh := range s.shells {
		if user == "" || sh.owner == user {
			n++
		}
	}
	return n
}

func (s *Server) drop() {
	s.mu.Lock()
	var conns []*connection
	for c := range s.conns {
		conns = append(conns, c)
	}
	var shells []*shell
	for _, sh := range s.shells {
		shells = append(shells, sh)
	}
	s.mu.Unlock()
	for _, c := range conns {
		c.reset()
	}
	for _, sh := range shells {
		sh.end()
	}
}

type connKey struct{}

// connection is one TCP connection and who has authenticated on it.
type connection struct {
	net.Conn
	server *Server

	// Only the request being served on this connection uses these.
	user string
	ntlm *ntlmHandshake
	seal *sealer
}

// reset closes with a TCP reset, so that the peer sees a broken connection and
// not an orderly end.
func (c *connection) reset() {
	if t, ok := c.Conn.(*net.TCPConn); ok {
		t.SetLinger(0)
	}
	_ = c.Close()
}

// Close also forgets the connection.
func (c *connection) Close() error {
	c.server.mu.Lock()
	delete(c.server.conns, c)
	c.server.mu.Unlock()
	return c.Conn.Close()
}

type listener struct {
	net.Listener
	server *Server
}

// Accept refuses connections while the host is down.
func (l *listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &connection{Conn: raw, server: l.server}
		l.server.mu.Lock()
		down := l.server.down
		if !down {
			l.server.conns[c] = struct{}{}
		}
		l.server.mu.Unlock()
		if !down {
			return c, nil
		}
		c.reset()
	}
}
