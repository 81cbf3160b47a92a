package lab_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	masterzen "github.com/masterzen/winrm"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/activities/winrm"
	"github.com/lifeboat-dr/lifeboat/testenv/lab"
)

// relay is a wire that counts the HTTP requests on it: heads are in clear even
// where bodies are sealed.
type relay struct {
	net.Listener
	to       string
	requests atomic.Int64
}

func newRelay(t testing.TB, to string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{Listener: l, to: to}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.carry(c)
		}
	}()
	return r
}

func (r *relay) carry(c net.Conn) {
	defer func() { _ = c.Close() }()
	there, err := net.Dial("tcp", r.to)
	if err != nil {
		return
	}
	defer func() { _ = there.Close() }()
	go func() { _, _ = io.Copy(c, there); _ = c.Close() }()
	_, _ = io.Copy(there, io.TeeReader(c, &counter{count: &r.requests}))
}

// counter counts request lines, also those that two reads share.
type counter struct {
	count *atomic.Int64
	tail  []byte
}

var requestLine = []byte("POST /wsman HTTP/1.1\r\n")

func (c *counter) Write(b []byte) (int, error) {
	all := append(c.tail, b...)
	c.count.Add(int64(bytes.Count(all, requestLine)))
	c.tail = append([]byte(nil), all[max(0, len(all)-len(requestLine)+1):]...)
	return len(b), nil
}

func port(t testing.TB, l net.Listener) int {
	t.Helper()
	_, text, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// BenchmarkCall asks a simulated host for one VM's state, over sealed NTLM, in
// two ways in turn: in a session that stands, and in a fresh shell for each
// call as most tools do. Only the ratio says something about real hosts, and
// too little: there a fresh powershell.exe and its Hyper-V module take longer.
func BenchmarkCall(b *testing.B) {
	l := start(b, "pair", lab.Options{Speed: 1})
	at, vm := l.Hosts()[0], l.Farm().VMID(0)
	warmWire, freshWire := newRelay(b, at.HTTP), newRelay(b, at.HTTP)
	session, err := winrm.New(winrm.Config{Host: at.Name, Address: "127.0.0.1", Port: port(b, warmWire), User: lab.User,
		Password: winrm.Secret(l.Password()), Auth: "ntlm", Library: hyperv.Library()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = session.Close(context.Background()) }()
	warm := func() {
		a, err := session.Run(b.Context(), hyperv.Call{Function: "Get-LifeboatGuard", Args: map[string]string{"VM": vm}, Timeout: time.Minute})
		if err != nil || a.Outcome != hyperv.OutcomeDone {
			b.Fatal(a, err)
		}
	}
	fresh := freshShell(b, freshWire, l.Password(), "(Get-VM -Id '"+vm+"').State")
	warm() // the session is made once
	warmWire.requests.Store(0)
	var warmTook, freshTook time.Duration
	for b.Loop() {
		begun := time.Now()
		warm()
		warmTook += time.Since(begun)
		begun = time.Now()
		fresh()
		freshTook += time.Since(begun)
	}
	n := float64(b.N)
	b.ReportMetric(float64(warmTook.Microseconds())/n, "warm-µs/call")
	b.ReportMetric(float64(freshTook.Microseconds())/n, "fresh-µs/call")
	b.ReportMetric(float64(freshTook)/float64(warmTook), "fresh/warm")
	b.ReportMetric(float64(warmWire.requests.Load())/n, "warm-requests/call")
	b.ReportMetric(float64(freshWire.requests.Load())/n, "fresh-requests/call")
}

func freshShell(b *testing.B, wire *relay, password, script string) func() {
	b.Helper()
	sealed, err := masterzen.NewEncryption("ntlm")
	if err != nil {
		b.Fatal(err)
	}
	p := masterzen.NewParameters("PT60S", "en-US", 153600)
	p.TransportDecorator = func() masterzen.Transporter { return sealed }
	c, err := masterzen.NewClientWithParameters(masterzen.NewEndpoint("127.0.0.1", port(b, wire), false, false, nil, nil, nil, time.Minute), lab.User, password, p)
	if err != nil {
		b.Fatal(err)
	}
	line := encoded(script)
	return func() {
		var out, errs bytes.Buffer
		code, err := c.RunWithContext(b.Context(), line, &out, &errs)
		if err != nil || code != 0 || strings.TrimSpace(out.String()) != "Running" {
			b.Fatalf("%d %v %q %q", code, err, out.String(), errs.String())
		}
	}
}
