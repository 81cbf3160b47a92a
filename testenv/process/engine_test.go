package process

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

func realEngine(t *testing.T) string {
	t.Helper()
	beside, err := filepath.Abs("../../../shared/pwsh/pwsh")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{os.Getenv("LIFEBOAT_PWSH"), "pwsh", beside} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path
		}
	}
	t.Skip("no PowerShell here: set LIFEBOAT_PWSH")
	return ""
}

// echoing says its process id and then each line it gets, until input ends.
const echoing = `[Console]::Out.WriteLine("pid $PID"); foreach ($line in $input) { [Console]::Out.WriteLine("got $line") }; exit 7`

// child is a real engine as a process of a host.
type child struct {
	t     *testing.T
	p     *Process
	lines chan string
	code  chan uint32
	rest  string
	gone  chan struct{} // the engine's environment was taken back
	by    func() string
}

func (x *child) Write(b []byte) (int, error) {
	x.rest += string(b)
	for {
		line, rest, whole := strings.Cut(x.rest, "\n")
		if !whole {
			return len(b), nil
		}
		x.lines <- strings.TrimSpace(line)
		x.rest = rest
	}
}

func (x *child) next() string {
	x.t.Helper()
	select {
	case line := <-x.lines:
		return line
	case <-time.After(20 * time.Second):
		x.t.Fatal("the engine says nothing")
		return ""
	}
}

func newChild(t *testing.T) *child {
	t.Helper()
	x := &child{t: t, lines: make(chan string, 100), code: make(chan uint32, 1), gone: make(chan struct{})}
	h := &Host{Name: "NG-HV01", Now: time.Now, Engine: &Engine{Path: realEngine(t), Env: func(by func() string, _ Handle) ([]string, func()) {
		x.by = by
		return []string{"LAB_TEST=1"}, func() { close(x.gone) }
	}}}
	x.p = h.Start(context.Background(), "powershell.exe -NoProfile -EncodedCommand "+encode(echoing), x, io.Discard, noWire{}, func(c uint32) { x.code <- c })
	t.Cleanup(x.p.Kill)
	if line := x.next(); !strings.HasPrefix(line, "pid ") {
		t.Fatalf("first line %q", line)
	}
	return x
}

func (x *child) ended() {
	x.t.Helper()
	select {
	case <-x.gone:
	case <-time.After(20 * time.Second):
		x.t.Fatal("the engine's process is still there")
	}
}

func TestEngineEndsWithItsInput(t *testing.T) {
	x := newChild(t)
	fmt.Fprintf(x.p, "RUN r-1 %s\n", strings.Repeat("A", 1000))
	if line := x.next(); !strings.HasPrefix(line, "got RUN r-1 AAA") {
		t.Errorf("%.40q", line)
	}
	if by := x.by(); by != "r-1" {
		t.Errorf("the request is %q", by)
	}
	x.p.CloseStdin()
	x.ended()
	if c := <-x.code; c != 7 {
		t.Errorf("exit code %d", c)
	}
}

func TestEngineEndsWhenItIsKilled(t *testing.T) {
	x := newChild(t)
	x.p.Kill()
	x.ended()
	if c := <-x.code; c != 1 {
		t.Errorf("exit code %d", c)
	}
}

func TestRequestsAreReadFromTheInput(t *testing.T) {
	q := newRequests()
	for _, row := range []struct{ input, by string }{
		{"LOAD l", "process"}, {"1 QUJD\nPI", "l1"}, {"NG p1 -\n", "l1"}, {"RUN r2 " + strings.Repeat("x", 500), "l1"},
		{"\nGET g3 e30=\nRUN", "r2"}, {" r4 e30=\nRUN bad/id x\n", "r4"},
	} {
		if n, err := q.Write([]byte(row.input)); n != len(row.input) || err != nil {
			t.Fatal(n, err)
		}
		if by := q.current(); by != row.by {
			t.Errorf("after %.20q: %q, want %q", row.input, by, row.by)
		}
	}
}

// The pump over the interpreter itself, with functions that come over the wire.
func TestPumpOverTheInterpreter(t *testing.T) {
	h := &Host{Name: "NG-HV01", Now: time.Now, Mutexes: NewMutexes(), NewSession: func(_ *string, _ Handle, native Native) *powershell.Session {
		return powershell.NewSession(powershell.Options{ComputerName: "NG-HV01", Native: native})
	}}
	x := newPeer(t, h)
	x.send("LOAD", "l1", `
function Get-LifeboatGuard { param([string]$VM) [ordered]@{ power = 'Off'; vm = $VM } }
function Get-LifeboatOdd { param([string]$Text, [int]$N) [ordered]@{ text = $Text; twice = $N * 2; host = hostname } }
function Stop-LifeboatOdd { param([string]$Text) throw $Text }`)
	x.expect("OK l1", "", "")
	odd := "O'Brien \"$(1+1)\" `n [x] 🚤"
	x.send("RUN", "r1", fmt.Sprintf(`{"function":"Get-LifeboatOdd","args":{"Text":%q,"N":21},"guard":{"vm":"6A1C","expect":{"power":"Off"}}}`, odd))
	x.expect("START r1", "", "")
	m := x.expect("END r1", "outcome", "done")
	if r, _ := m["result"].(map[string]any); r["text"] != odd || r["twice"] != 42.0 || r["host"] != "NG-HV01" {
		t.Errorf("result %v", m["result"])
	}
	x.send("RUN", "r2", `{"function":"Get-LifeboatOdd","guard":{"vm":"6A1C","expect":{"power":"Running"}}}`)
	if now, _ := x.expect("END r2", "outcome", "moved")["now"].(map[string]any); now["power"] != "Off" || now["vm"] != "6A1C" {
		t.Errorf("now %v", now)
	}
	x.send("RUN", "r3", `{"function":"Stop-LifeboatOdd","args":{"Text":"no more"}}`)
	x.expect("START r3", "", "")
	m = x.expect("END r3", "outcome", "failed")
	if e, _ := m["error"].(map[string]any); e["message"] != "no more" || m["acted"] != true {
		t.Errorf("failure %v", m)
	}
	x.send("LOAD", "l2", "function {{")
	if kind, _ := x.next(); kind != "ERR l2" {
		t.Errorf("broken text: %s", kind)
	}
}
