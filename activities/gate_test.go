package activities

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

func ask(t *testing.T, s *site, g plans.RunGate) GateOut {
	t.Helper()
	within := max(300*time.Millisecond, g.Within.D())
	out, err := engine(s, &book{}).CheckGate(t.Context(), GateIn{Run: "r", Host: "HQ1", VM: vmID, Gate: g, Within: within, Every: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func wantGate(t *testing.T, out GateOut, passed bool, words string) {
	t.Helper()
	if out.Passed != passed || !strings.Contains(out.Detail, words) {
		t.Errorf("passed %v (%s), want %v with %q", out.Passed, out.Detail, passed, words)
	}
}

func TestHeartbeatGate(t *testing.T) {
	s := newSite()
	wantGate(t, ask(t, s, plans.RunGate{Kind: "heartbeat", Healthy: true}), true, "OkApplicationsHealthy")
	s.hosts["HQ1"].heartbeat = "OkApplicationsUnknown"
	wantGate(t, ask(t, s, plans.RunGate{Kind: "heartbeat"}), true, "OkApplicationsUnknown")
	wantGate(t, ask(t, s, plans.RunGate{Kind: "heartbeat", Healthy: true}), false, "OkApplicationsUnknown")
	s.hosts["HQ1"].heartbeat = "NoContact"
	wantGate(t, ask(t, s, plans.RunGate{Kind: "heartbeat"}), false, "NoContact")
	s.before = failing("HQ1 Get-LifeboatCopies", errors.New("no route"))
	wantGate(t, ask(t, s, plans.RunGate{Kind: "heartbeat"}), false, "cannot see HQ1 (no route)")
}

func TestTCPGate(t *testing.T) {
	listen := func() (net.Listener, string) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l, l.Addr().String()
	}
	_, open := listen()
	gone, shut := listen()
	_ = gone.Close()
	// On a loaded machine the first look alone may take part of a second.
	gate := plans.RunGate{Kind: "tcp", Addresses: []string{open}, Within: plans.Duration(2 * time.Second)}
	wantGate(t, ask(t, newSite(), gate), true, open)
	gate.Addresses = append(gate.Addresses, shut)
	wantGate(t, ask(t, newSite(), gate), false, shut)
}

func TestHTTPGate(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = fmt.Fprint(w, "all good")
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	gate := plans.RunGate{Kind: "http", URL: server.URL + "/health", Status: 200, Contains: "good", Insecure: true, Within: plans.Duration(2 * time.Second)}
	wantGate(t, ask(t, newSite(), gate), true, "answers 200")
	bad := gate
	bad.Contains = "perfect"
	wantGate(t, ask(t, newSite(), bad), false, "without the expected text")
	bad = gate
	bad.URL = server.URL + "/other"
	wantGate(t, ask(t, newSite(), bad), false, "answers 503, not 200")
	bad = gate
	// The first look at the machine's own authorities may take seconds.
	bad.Insecure, bad.Within = false, plans.Duration(6*time.Second)
	wantGate(t, ask(t, newSite(), bad), false, "certificate")
	bad.CA = "ca.pem"
	wantGate(t, ask(t, newSite(), bad), false, "no such file")
}

func TestGuestGate(t *testing.T) {
	s := newSite()
	gate := plans.RunGate{Kind: "guest-script", User: "svc", Secret: "env:X", Run: "$true"}
	s.guest = "True\r\n"
	wantGate(t, ask(t, s, gate), true, "True")
	s.guest = "False"
	out := ask(t, s, gate)
	wantGate(t, out, false, "False")
	s.before = failing("HQ1 Invoke-LifeboatGuest", scriptError("AccessDenied,X", "PermissionDenied"))
	out = ask(t, s, gate)
	wantGate(t, out, false, "access denied")
	if strings.Contains(out.Detail, "hunter2") {
		t.Error("the password is in the answer")
	}
}

func TestEngineGate(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	gate := func(command ...string) plans.RunGate {
		return plans.RunGate{Kind: "engine-script", Command: command, Within: plans.Duration(3 * time.Second)}
	}
	wantGate(t, ask(t, newSite(), gate(self, "-test.run=^$")), true, "exits 0")
	wantGate(t, ask(t, newSite(), gate(self, "-test.nosuchflag")), false, "exit status")
	wantGate(t, ask(t, newSite(), gate(self+".missing")), false, "no such file")
}

func TestGatePassesLater(t *testing.T) {
	s := newSite()
	asked := 0
	s.before = func(context.Context, string) error {
		if asked++; asked < 3 {
			return errors.New("not yet")
		}
		return nil
	}
	wantGate(t, ask(t, s, plans.RunGate{Kind: "heartbeat"}), true, "Ok")
	if asked != 3 {
		t.Errorf("asked %d times", asked)
	}
}

func TestGateCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := newSite()
	s.before = func(context.Context, string) error { cancel(); return errors.New("not yet") }
	out, err := engine(s, &book{}).CheckGate(ctx, GateIn{Host: "HQ1", VM: vmID, Gate: plans.RunGate{Kind: "heartbeat"}, Within: time.Minute, Every: time.Minute})
	if !errors.Is(err, context.Canceled) || out.Passed {
		t.Fatalf("passed %v, error %v: want cancelled", out.Passed, err)
	}
}
