package winrm

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCommandLineFits(t *testing.T) {
	require.Less(t, len(CommandLine()), lineLimit)
	require.True(t, strings.HasPrefix(pumpScript(), "# lifeboat-pump 1\n"))
	for _, c := range pumpScript() {
		require.Less(t, c, rune(128))
	}
}

// enginePath finds a real PowerShell, or skips.
func enginePath(t *testing.T) string {
	if p := os.Getenv("LIFEBOAT_PWSH"); p != "" {
		return p
	}
	if p, err := exec.LookPath("pwsh"); err == nil {
		return p
	}
	if p, err := filepath.Abs("../../../shared/pwsh/pwsh"); err == nil {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	t.Skip("no PowerShell on this machine; set LIFEBOAT_PWSH")
	return ""
}

// engineProcess is a pump in a real PowerShell.
type engineProcess struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out chan frame
}

func startEngine(t *testing.T) *engineProcess {
	e := &engineProcess{t: t, out: make(chan frame, 16)}
	switches := strings.Fields(CommandLine())[1:]
	e.cmd = exec.Command(enginePath(t), switches...)
	var err error
	e.in, err = e.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := e.cmd.StdoutPipe()
	require.NoError(t, err)
	e.cmd.Stderr = os.Stderr
	require.NoError(t, e.cmd.Start())
	go func() {
		defer close(e.out)
		var in lines
		r := bufio.NewReaderSize(out, 1<<16)
		buf := make([]byte, 1<<16)
		for {
			n, err := r.Read(buf)
			frames, _ := in.add(buf[:n])
			for _, f := range frames {
				e.out <- f
			}
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { _ = e.cmd.Process.Kill(); _ = e.cmd.Wait() })
	require.Equal(t, "HELLO", e.next().kind)
	return e
}

func (e *engineProcess) next() frame {
	e.t.Helper()
	select {
	case f, open := <-e.out:
		require.True(e.t, open, "the pump ended")
		return f
	case <-time.After(30 * time.Second):
		require.FailNow(e.t, "no frame within 30 s")
		return frame{}
	}
}

func (e *engineProcess) say(kind, id, payload string) {
	_, err := e.in.Write(frame{kind, id, []byte(payload)}.line())
	require.NoError(e.t, err)
}

func (e *engineProcess) end(id string) (m map[string]any, kinds string) {
	e.t.Helper()
	for {
		f := e.next()
		kinds += f.kind + " "
		require.Equal(e.t, id, f.id)
		if f.kind != "START" {
			require.NoError(e.t, json.Unmarshal(f.payload, &m), string(f.payload))
			return m, kinds
		}
	}
}

const testLibrary = `
$script:LbCount = 0
function Get-LifeboatGuard { param([string]$VM) [ordered]@{ power = 'Off'; mode = 'Replica'; state = 'Replicating' } }
function Test-LifeboatEcho { param($Text) $script:LbCount++; Write-Host -NoNewline 'noise'; [ordered]@{ text = $Text; count = $script:LbCount } }
function Test-LifeboatFail { param() Get-Item -LiteralPath /no/such/thing }
function Test-LifeboatHold { param($Seconds) Start-Sleep -Seconds $Seconds; [ordered]@{ held = $true } }
`

func TestPumpOnRealEngine(t *testing.T) {
	e := startEngine(t)
	e.say("LOAD", "l1", testLibrary)
	require.Equal(t, "OK", e.next().kind)
	run := func(id, body string) (map[string]any, string) { e.say("RUN", id, body); return e.end(id) }

	odd := "it's \"$(1+1)` 🛟 ünï"
	text, _ := json.Marshal(odd)
	body := fmt.Sprintf(`{"function":"Test-LifeboatEcho","args":{"Text":%s}}`, text)
	m, kinds := run("r1", body)
	require.Equal(t, "START END ", kinds)
	require.Equal(t, "done", m["outcome"])
	require.Equal(t, odd, m["result"].(map[string]any)["text"])
	m, kinds = run("r1", body)
	require.Equal(t, "END ", kinds, "a known id is not run again")
	require.EqualValues(t, 1, m["result"].(map[string]any)["count"])
	e.say("GET", "g1", `{"id":"r1"}`)
	m, _ = e.end("g1")
	require.Equal(t, "done", m["outcome"])
	e.say("GET", "g2", `{"id":"never"}`)
	m, _ = e.end("g2")
	require.Equal(t, "unknown", m["error"])

	m, _ = run("f1", `{"function":"Test-LifeboatFail"}`)
	require.Equal(t, "failed", m["outcome"])
	require.Equal(t, true, m["acted"])
	require.Contains(t, m["error"].(map[string]any)["id"], "PathNotFound")
	m, kinds = run("f2", `{"function":"Get-Date"}`)
	require.Equal(t, "END ", kinds)
	require.Equal(t, false, m["acted"])

	later := time.Now().Add(time.Minute).UTC().Format(time.RFC3339Nano)
	m, kinds = run("m1", `{"function":"Test-LifeboatEcho","guard":{"vm":"A-1","expect":{"power":"Running"}},"notAfter":"`+later+`"}`)
	require.Equal(t, "moved", m["outcome"])
	require.Equal(t, "END ", kinds)
	require.Equal(t, "Off", m["now"].(map[string]any)["power"])
	m, kinds = run("m2", `{"function":"Test-LifeboatEcho","guard":{"vm":"A-1","expect":{"power":"Off"}},"notAfter":"`+later+`"}`)
	require.Equal(t, "done", m["outcome"])
	require.Equal(t, "START END ", kinds)
	m, _ = run("x1", `{"function":"Test-LifeboatEcho","guard":{"vm":"A-1","expect":{}},"notAfter":"2020-01-01T00:00:00.0000000Z"}`)
	require.Equal(t, "expired", m["outcome"])

	big := strings.Repeat("x", 1<<20)
	m, _ = run("b1", `{"function":"Test-LifeboatEcho","args":{"Text":"`+big+`"}}`)
	require.Len(t, m["result"].(map[string]any)["text"], 1<<20)

	for _, bad := range []string{"RUN q1 !!!\n", "RUN q1 " + base64.StdEncoding.EncodeToString([]byte("{")) + "\n", "JUMP q1 -\n"} {
		_, err := io.WriteString(e.in, bad)
		require.NoError(t, err)
		f := e.next()
		require.Equal(t, "ERR q1", f.kind+" "+f.id, bad)
	}
	e.say("EXIT", "e1", "")
	require.NoError(t, e.cmd.Wait())
}

func TestMutexOnRealEngine(t *testing.T) {
	a, b := startEngine(t), startEngine(t)
	for _, e := range []*engineProcess{a, b} {
		e.say("LOAD", "l", testLibrary)
		require.Equal(t, "OK", e.next().kind)
	}
	guarded := func(within time.Duration, f string) string {
		return fmt.Sprintf(`{"function":%q,"args":{"Seconds":60},"guard":{"vm":"MUTEX-%d","expect":{}},"notAfter":%q}`,
			f, os.Getpid(), time.Now().Add(within).UTC().Format(time.RFC3339Nano))
	}
	a.say("RUN", "hold", guarded(time.Minute, "Test-LifeboatHold"))
	require.Equal(t, "START", a.next().kind)
	b.say("RUN", "short", guarded(300*time.Millisecond, "Test-LifeboatEcho"))
	m, kinds := b.end("short")
	require.Equal(t, "expired", m["outcome"])
	require.Equal(t, "END ", kinds)
	b.say("RUN", "long", strings.Replace(guarded(time.Minute, "Test-LifeboatEcho"), `"Seconds":60`, `"Text":"mine"`, 1))
	require.NoError(t, a.cmd.Process.Kill())
	m, _ = b.end("long")
	require.Equal(t, "done", m["outcome"], "a killed holder frees the mutex")
}
