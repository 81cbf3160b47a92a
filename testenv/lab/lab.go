// Package lab puts a simulated world on real ports: every host of an
// environment behind WinRM (HTTPS with the lab's own authority, and HTTP with
// sealed NTLM only), its guests on loopback, and the control port. It also
// writes the configuration with which Lifeboat finds all of it.
package lab

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/cmdlet"
	"github.com/lifeboat-dr/lifeboat/testenv/control"
	"github.com/lifeboat-dr/lifeboat/testenv/environment"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
	"github.com/lifeboat-dr/lifeboat/testenv/process"
	"github.com/lifeboat-dr/lifeboat/testenv/wsman"
)

// User is the account that every simulated host knows.
const User = "lifeboat"

// Options say which world to play and how.
type Options struct {
	Environment *environment.Environment
	Seed        int64
	// Speed is simulated seconds per real second.
	Speed   float64
	Dialect hypervisor.Dialect
	// Control is the control port's address, "127.0.0.1:0" for any.
	Control string
	// PowerShell is the path of a real PowerShell that runs the hosts' scripts
	// in place of the lab's interpreter; "" for the interpreter.
	PowerShell string
	Log        *slog.Logger
}

// Host is where a simulated host listens.
type Host struct {
	Name, HTTPS, HTTP string
}

// Lab is a running simulated world.
type Lab struct {
	opts     Options
	farm     *hypervisor.Farm
	control  *control.Server
	wires    map[string]*wire
	order    []string
	passwd   string
	ca       *authority
	endpoint *endpoint // with a real PowerShell only
}

// wire is one host's WinRM service.
type wire struct {
	server      *wsman.Server
	https, http *gate
}

// Start brings a lab up. It listens on loopback only.
func Start(o Options) (*Lab, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	l := &Lab{opts: o, wires: map[string]*wire{}, passwd: newPassword()}
	var err error
	if l.ca, err = newAuthority(); err != nil {
		return nil, err
	}
	if l.farm, err = hypervisor.New(o.Environment, hypervisor.Options{Seed: o.Seed, Speed: o.Speed, Dialect: o.Dialect, OnHost: l.follow}); err != nil {
		return nil, err
	}
	if err := l.start(); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func (l *Lab) start() error {
	if l.opts.PowerShell != "" {
		var err error
		if l.opts.PowerShell, err = findPowerShell(l.opts.PowerShell); err != nil {
			return err
		}
		if l.endpoint, err = startEndpoint(); err != nil {
			return err
		}
	}
	for _, h := range l.farm.Hosts() {
		if err := l.startHost(h); err != nil {
			return fmt.Errorf("host %s: %w", h.Name(), err)
		}
	}
	var err error
	l.control, err = control.Start(l.farm, l.opts.Control)
	return err
}

func (l *Lab) startHost(h *hypervisor.Host) error {
	cert, err := l.ca.certificate(h.Info().FQDN, h.Name())
	if err != nil {
		return err
	}
	skew := h.Info().Now.Sub(l.farm.Now()).Round(time.Second)
	now := func() time.Time { return time.Now().Add(skew) }
	host := &process.Host{
		Name: h.Name(), Mutexes: process.NewMutexes(),
		Now: now,
		NewSession: func(by *string, handle process.Handle, native process.Native) *powershell.Session {
			return l.session(h, now, by, handle, native)
		},
	}
	if l.opts.PowerShell != "" {
		host.Engine = l.engine(h)
	}
	w := &wire{server: wsman.NewServer(wsman.Options{
		HostName: h.Name(), FQDN: h.Info().FQDN, Users: map[string]string{User: l.passwd}, Log: l.opts.Log,
		Start: func(ctx context.Context, line string, stdout, stderr io.Writer, handle wsman.Handle, exited func(uint32)) wsman.Process {
			return host.Start(ctx, line, stdout, stderr, handle, exited)
		},
	})}
	if w.https, err = newGate(); err != nil {
		return err
	}
	if w.http, err = newGate(); err != nil {
		return err
	}
	go w.server.ServeHTTPS(w.https, cert)
	go w.server.ServeHTTP(w.http)
	l.wires[h.Name()] = w
	l.order = append(l.order, h.Name())
	return nil
}

// session is a PowerShell of the lab's interpreter on a host. Cmdlets act in
// the name of the request that the process is working on.
func (l *Lab) session(h *hypervisor.Host, now func() time.Time, by *string, handle process.Handle, native process.Native) *powershell.Session {
	caller := func() hypervisor.Caller { return hypervisor.Caller{By: *by, Cut: handle.Cut} }
	return powershell.NewSession(powershell.Options{
		Commands: cmdlet.New(l.farm, h, caller), ComputerName: h.Name(), Now: now, Native: native,
		InvokeGuest: func(ctx context.Context, vm, user, password, script string) (any, *powershell.ErrorRecord) {
			return l.inGuest(ctx, h, vm, user, password, script)
		},
	})
}

// follow keeps the wires in step with the hosts.
func (l *Lab) follow(host string, up, linked bool) {
	w := l.wires[host]
	if w == nil {
		return
	}
	w.server.SetUp(up)
	w.https.open(up && linked)
	w.http.open(up && linked)
}

// Farm is the simulated world, for tests.
func (l *Lab) Farm() *hypervisor.Farm { return l.farm }

// Hosts are the hosts and where they listen, in the environment's order.
func (l *Lab) Hosts() []Host {
	out := make([]Host, len(l.order))
	for i, name := range l.order {
		out[i] = Host{Name: name, HTTPS: l.wires[name].https.Addr().String(), HTTP: l.wires[name].http.Addr().String()}
	}
	return out
}

// ControlAddr is the control port's address.
func (l *Lab) ControlAddr() string { return l.control.Address() }

// Password is what User signs in with; it is never printed.
func (l *Lab) Password() string { return l.passwd }

// Authority is the PEM certificate that signed the hosts' certificates.
func (l *Lab) Authority() []byte { return l.ca.pem }

// Close ends the lab.
func (l *Lab) Close() {
	if l.control != nil {
		_ = l.control.Close()
	}
	for _, w := range l.wires {
		_ = w.server.Close()
		_ = w.https.Close()
		_ = w.http.Close()
	}
	if l.endpoint != nil {
		l.endpoint.close()
	}
	l.farm.Close()
}

// gate is a listener that can be shut: a host that is down or cut off accepts
// nothing and its connections are gone, while its port stays its own.
type gate struct {
	net.Listener
	mu    sync.Mutex
	shut  bool
	conns map[net.Conn]bool
}

func newGate() (*gate, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &gate{Listener: l, conns: map[net.Conn]bool{}}, nil
}

// Accept lets a connection in while the gate is open.
func (g *gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		g.mu.Lock()
		if g.shut {
			g.mu.Unlock()
			reset(c)
			continue
		}
		g.conns[c] = true
		g.mu.Unlock()
		return &gatedConn{Conn: c, gate: g}, nil
	}
}

func (g *gate) open(open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = !open
	if g.shut {
		for c := range g.conns {
			reset(c)
		}
	}
}

// reset ends a connection as a lost host does: no goodbye.
func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}

type gatedConn struct {
	net.Conn
	gate *gate
}

func (c *gatedConn) Close() error {
	c.gate.mu.Lock()
	delete(c.gate.conns, c.Conn)
	c.gate.mu.Unlock()
	return c.Conn.Close()
}
