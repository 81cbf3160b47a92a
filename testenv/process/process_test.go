package process

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// fake is an interpreter that knows the guard, one function and one script.
type fake struct {
	mu    sync.Mutex
	calls []string
	by    *string
	power string
	hold  chan struct{} // Work waits for it when set
}

func (f *fake) Load(text string) error {
	if strings.Contains(text, "{{") {
		return errors.New("does not parse")
	}
	return nil
}

func (f *fake) Call(ctx context.Context, function string, args map[string]any) (any, *powershell.ErrorRecord) {
	f.mu.Lock()
	f.calls = append(f.calls, function+"/"+*f.by)
	f.mu.Unlock()
	switch function {
	case "Get-LifeboatGuard":
		return powershell.NewObject().Set("power", f.power).Set("mode", "Replica").Set("state", "Replicating"), nil
	case "Work":
		if f.hold != nil {
			<-f.hold
		}
		return powershell.NewObject().Set("got", args["N"]), nil
	}
	return nil, &powershell.ErrorRecord{ID: "InvalidState,X", Category: "InvalidOperation", Message: "no", Type: "T", HResult: "0x80131501"}
}

func (f *fake) Run(ctx context.Context, script string, stdout, stderr io.Writer) int {
	io.WriteString(stdout, "ran "+script)
	return 3
}

func (f *fake) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.calls)
}

func newHost(f *fake) *Host {
	return &Host{Name: "NG-HV01", Now: time.Now, Mutexes: NewMutexes(), sessions: func(by *string, _ Handle) session {
		f.by = by
		return f
	}}
}

type noWire struct{}

func (noWire) Cut(bool) {}

func finish(t *testing.T, h *Host, line string) (string, string, uint32) {
	t.Helper()
	var out, errs bytes.Buffer
	code := make(chan uint32, 1)
	h.Start(context.Background(), line, &out, &errs, noWire{}, func(c uint32) { code <- c })
	select {
	case c := <-code:
		return out.String(), errs.String(), c
	case <-time.After(10 * time.Second):
		t.Fatal("the command did not end")
		return "", "", 0
	}
}

func TestCommandLines(t *testing.T) {
	h := newHost(&fake{})
	for _, row := range []struct {
		line, out, errs string
		code            uint32
	}{
		{"hostname", "NG-HV01\r\n", "", 0},
		{"HostName.EXE", "NG-HV01\r\n", "", 0},
		{"echo a  b", "a  b\r\n", "", 0},
		{"exit /b 5", "", "", 5},
		{"exit -1", "", "", 0xFFFFFFFF},
		{"echo " + strings.Repeat("x", 8187), "", "The command line is too long.\r\n", 1},
		{"nope 1", "", "'nope' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n", 1},
		{`powershell -NoProfile -Command "Get-Date"`, "ran Get-Date", "", 3},
		{"PowerShell.exe -NOLOGO -noprofile -NonInteractive -ExecutionPolicy Bypass -OutputFormat Text -EncodedCommand " + encode("'é'"), "ran 'é'", "", 3},
	} {
		out, errs, code := finish(t, h, row.line)
		if out != row.out || errs != row.errs || code != row.code {
			t.Errorf("%.60s: %q, %q, %d", row.line, out, errs, code)
		}
	}
}

// peer is the other end of a pump.
type peer struct {
	t     *testing.T
	p     *Process
	lines chan string
	code  chan uint32
}

func newPeer(t *testing.T, h *Host) *peer {
	t.Helper()
	x := &peer{t: t, lines: make(chan string, 100), code: make(chan uint32, 1)}
	line := "powershell.exe -NoLogo -EncodedCommand " + encode("# lifeboat-pump 1\r\nrest")
	x.p = h.Start(context.Background(), line, x, io.Discard, noWire{}, func(c uint32) { x.code <- c })
	t.Cleanup(x.p.Kill)
	if kind, _ := x.next(); kind != "HELLO 0" {
		t.Fatalf("first frame %s", kind)
	}
	return x
}

func (x *peer) Write(b []byte) (int, error) { x.lines <- string(b); return len(b), nil }

func (x *peer) send(kind, id, payload string) {
	fmt.Fprintf(x.p, "%s %s %s\n", kind, id, base64.StdEncoding.EncodeToString([]byte(payload)))
}

func (x *peer) next() (string, map[string]any) {
	x.t.Helper()
	select {
	case line := <-x.lines:
		f := strings.Fields(line)
		b, err := base64.StdEncoding.DecodeString(f[4])
		if err != nil || f[0] != "~LB1" || f[3] != fmt.Sprint(len(f[4])) {
			x.t.Fatalf("bad frame %q", line)
		}
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil {
			x.t.Fatal(err)
		}
		return f[1] + " " + f[2], m
	case <-time.After(10 * time.Second):
		x.t.Fatal("no frame")
		return "", nil
	}
}

func (x *peer) expect(kind, member, value string) map[string]any {
	x.t.Helper()
	got, m := x.next()
	if got != kind || member != "" && fmt.Sprint(m[member]) != value {
		x.t.Fatalf("%s %v, want %s with %s=%s", got, m, kind, member, value)
	}
	return m
}

const guarded = `{"function":"Work","args":{"N":7},"guard":{"vm":"6A1C","expect":{"power":"Off","state":"Replicating"}},"notAfter":%q}`

func TestPump(t *testing.T) {
	f := &fake{power: "Off"}
	x := newPeer(t, newHost(f))
	soon := time.Now().Add(time.Minute).UTC().Format(time.RFC3339Nano)
	x.send("LOAD", "l1", "function Work {}")
	x.expect("OK l1", "", "")
	x.send("LOAD", "l2", "{{")
	x.expect("ERR l2", "error", "does not parse")
	x.send("RUN", "r1", fmt.Sprintf(guarded, soon))
	x.expect("START r1", "", "")
	x.expect("END r1", "result", "map[got:7]")
	if strings.Join(f.calls, " ") != "Get-LifeboatGuard/r1 Work/r1" {
		t.Errorf("calls %v", f.calls)
	}
	// The same id is answered from the table and not executed again.
	x.send("RUN", "r1", fmt.Sprintf(guarded, soon))
	x.expect("END r1", "outcome", "done")
	x.send("GET", "g1", `{"id":"r1"}`)
	x.expect("END g1", "outcome", "done")
	x.send("GET", "g2", `{"id":"r9"}`)
	x.expect("ERR g2", "error", "unknown")
	if n := f.count(); n != 2 {
		t.Errorf("%d calls", n)
	}
	f.power = "Running"
	x.send("RUN", "r2", fmt.Sprintf(guarded, soon))
	x.expect("END r2", "outcome", "moved")
	x.send("RUN", "r3", fmt.Sprintf(guarded, "2020-01-01T00:00:00Z"))
	x.expect("END r3", "outcome", "expired")
	x.send("RUN", "r4", `{"function":"Other"}`)
	x.expect("START r4", "", "")
	x.expect("END r4", "acted", "true")
	x.send("RUN", "r5", `{`)
	x.expect("ERR r5", "error", "bad JSON")
	x.send("EXIT", "e", "")
	if c := <-x.code; c != 0 {
		t.Errorf("exit code %d", c)
	}
}

func TestMutexOfKilledHolder(t *testing.T) {
	f := &fake{power: "Off", hold: make(chan struct{})}
	h := newHost(f)
	defer close(f.hold)
	holder := newPeer(t, h)
	soon := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339Nano) }
	holder.send("RUN", "a", fmt.Sprintf(guarded, soon(time.Minute)))
	holder.expect("START a", "", "")
	other := &fake{power: "Running"}
	h.sessions = func(by *string, _ Handle) session { other.by = by; return other }
	waiter := newPeer(t, h)
	waiter.send("RUN", "b", fmt.Sprintf(guarded, soon(100*time.Millisecond)))
	waiter.expect("END b", "outcome", "expired")
	waiter.send("RUN", "c", fmt.Sprintf(guarded, soon(time.Minute)))
	holder.p.Kill()
	waiter.expect("END c", "outcome", "moved")
}
