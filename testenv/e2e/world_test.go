// Package e2e drives the built binary as people do: a lab and an engine in
// processes of their own, real WinRM between them, and the lab's ground truth
// as the only judge.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/truth"
)

// patience bounds every wait for a fact.
const patience = 90 * time.Second

// longest is how long a story may take on a busy machine.
const longest = 3 * time.Minute

// commandTime is how long one command may take.
const commandTime = 10 * time.Minute

var errNotYet = errors.New("not yet")

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "lifeboat-e2e-")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "lifeboat")
	out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", bin, "github.com/lifeboat-dr/lifeboat/cmd/lifeboat").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return bin, nil
})

// sideBySide is how many worlds run at once for each core where the command line
// does not say: each waits for simulated guests more than half of its time.
const sideBySide = 2

func TestMain(m *testing.M) {
	flag.Parse()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if !said {
		if err := flag.Set("test.parallel", strconv.Itoa(sideBySide*runtime.GOMAXPROCS(0))); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	if bin, err := build(); err == nil {
		_ = os.RemoveAll(filepath.Dir(bin))
	}
	os.Exit(code)
}

// world is a lab and, when it is up, an engine.
type world struct {
	t       *testing.T
	bin     string
	dir     string
	control string
	lab     *exec.Cmd
	engine  *exec.Cmd
	log     *os.File
}

// beside lets a story run beside others: they share nothing, and mostly wait for
// simulated guests. It is not begun when go test would end before it may be over.
func beside(t *testing.T, takes time.Duration) {
	t.Helper()
	if testing.Short() {
		t.Skip("processes and real time: not with -short")
	}
	t.Parallel()
	if end, bounded := t.Deadline(); bounded && time.Until(end) < takes {
		t.Skip("go test would end in the middle of this: -timeout 40m plays it")
	}
}

// newWorld is startWorld beside other worlds.
func newWorld(t *testing.T, environment string, speed float64, extra ...string) *world {
	t.Helper()
	beside(t, longest)
	return startWorld(t, environment, speed, extra...)
}

// startWorld starts a lab in a process of its own and writes its configuration.
func startWorld(t *testing.T, environment string, speed float64, extra ...string) *world {
	t.Helper()
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, bin: bin, dir: t.TempDir()}
	if w.log, err = os.Create(filepath.Join(w.dir, "processes.log")); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"lab", "--environment", environment, "--write-config", w.site(),
		"--control", "127.0.0.1:0", "--speed", fmt.Sprint(speed)}, extra...)
	w.lab = w.start(args...)
	t.Cleanup(w.close)
	w.control = w.controlAddress()
	w.until("the lab's control port answers", func() error { _, err := w.tryState(); return err })
	return w
}

func (w *world) site() string { return filepath.Join(w.dir, "site") }
func (w *world) data() string { return filepath.Join(w.dir, "data") }

func (w *world) start(args ...string) *exec.Cmd {
	w.t.Helper()
	cmd := exec.Command(w.bin, args...)
	cmd.Env = w.environ()
	cmd.Stdout, cmd.Stderr = w.log, w.log
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	return cmd
}

func (w *world) environ() []string {
	return append(os.Environ(), "LIFEBOAT_CONFIG="+w.site(), "LIFEBOAT_DATA="+w.data(), "LIFEBOAT_BY=e2e")
}

// controlAddress reads the address the lab chose from its configuration.
func (w *world) controlAddress() string {
	w.t.Helper()
	var address string
	w.until("the lab writes its configuration", func() error {
		text, err := os.ReadFile(filepath.Join(w.site(), "lifeboat.yaml"))
		if err != nil {
			return err
		}
		for _, line := range strings.Split(string(text), "\n") {
			if value, ok := strings.CutPrefix(strings.TrimSpace(line), "control:"); ok {
				address = strings.Trim(strings.TrimSpace(value), `"'`)
				return nil
			}
		}
		return errors.New("no control address in lifeboat.yaml yet")
	})
	return address
}

// up starts the engine and waits until it has said how to reach it.
func (w *world) up(flags ...string) {
	w.t.Helper()
	w.engine = w.start(append([]string{"up", "--ui-port", "0"}, flags...)...)
	w.until("the engine is up", func() error { return w.upWith(w.engine.Process.Pid) })
}

// upWith is nil once the engine of this process has said how to reach it.
func (w *world) upWith(pid int) error {
	text, err := os.ReadFile(filepath.Join(w.data(), "engine.json"))
	if err != nil {
		return err
	}
	var e struct {
		PID int `json:"pid"`
	}
	if err := json.Unmarshal(text, &e); err != nil {
		return err
	}
	if e.PID != pid {
		return fmt.Errorf("engine.json is of process %d, not %d", e.PID, pid)
	}
	return nil
}

// kill ends the engine as a power cut would: no warning, nothing flushed.
func (w *world) kill() {
	w.t.Helper()
	if err := w.engine.Process.Kill(); err != nil {
		w.t.Fatal(err)
	}
	_ = w.engine.Wait()
	w.engine = nil
}

// close ends the processes, once; after a failure it shows what they said.
func (w *world) close() {
	if w.lab == nil {
		return
	}
	defer func() { w.lab = nil }()
	for _, p := range []*exec.Cmd{w.engine, w.lab} {
		if p != nil {
			_ = p.Process.Kill()
			_ = p.Wait()
		}
	}
	_ = w.log.Close()
	if w.t.Failed() {
		for _, name := range []string{filepath.Join(w.dir, "processes.log"), filepath.Join(w.data(), "lifeboat.log")} {
			text, _ := os.ReadFile(name)
			if len(text) > 20_000 {
				text = text[len(text)-20_000:]
			}
			w.t.Logf("%s:\n%s", filepath.Base(name), text)
		}
	}
}

// result is how a command ended.
type result struct {
	code     int
	out, err string
}

// says is true when a command said so, wherever its lines were broken.
func (r result) says(words string) bool {
	flat := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	return strings.Contains(flat(r.out+" "+r.err), flat(words))
}

// lifeboat runs one command to its end.
func (w *world) lifeboat(args ...string) result {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.bin, args...)
	cmd.Env = w.environ()
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		w.t.Fatalf("lifeboat %s: %v\n%s%s", strings.Join(args, " "), err, out.String(), errOut.String())
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errOut.String()}
}

// must runs a command that has to end with the given code.
func (w *world) must(code int, args ...string) result {
	w.t.Helper()
	r := w.lifeboat(args...)
	if r.code != code {
		w.t.Fatalf("lifeboat %s: exit %d, want %d\n%s%s", strings.Join(args, " "), r.code, code, r.out, r.err)
	}
	return r
}

// until polls for a fact, with a bound.
func (w *world) until(what string, fact func() error) {
	w.t.Helper()
	w.within(patience, what, fact)
}

// within is until with a bound of its own.
func (w *world) within(bound time.Duration, what string, fact func() error) {
	w.t.Helper()
	var err error
	for end := time.Now().Add(bound); time.Now().Before(end); {
		began := time.Now()
		if err = fact(); err == nil {
			return
		}
		// Where a look starts a process, looking must not be what keeps the machine busy.
		<-time.After(max(50*time.Millisecond, min(2*time.Since(began), time.Second)))
	}
	w.t.Fatalf("waited %s for: %s: %v", bound, what, err)
}

// The control port's shapes: the parts that judge.
type (
	labState struct {
		Now    time.Time `json:"now"`
		Seq    uint64    `json:"seq"`
		Copies []labCopy `json:"copies"`

		Violations []string `json:"violations"`
	}
	labCopy struct {
		VM    string `json:"vm"`
		Name  string `json:"name"`
		Host  string `json:"host"`
		Power string `json:"power"`
		Mode  string `json:"mode"`
		State string `json:"state"`
		Test  bool   `json:"test"`
		// AutoStart is what the host does with it when it gets power again.
		AutoStart string `json:"autostart"`
		Networks  []struct {
			Connected bool `json:"connected"`
		} `json:"networks"`
		Writes struct {
			Committed uint64 `json:"committed"`
			Held      uint64 `json:"held"`
			Missing   uint64 `json:"missing"`
			Own       uint64 `json:"own"`
		} `json:"writes"`
		Points []struct {
			Type    string    `json:"type"`
			Created time.Time `json:"created"`
			Held    uint64    `json:"held"`
		} `json:"points"`
		// Extended is the second relationship of the middle copy of a chain.
		Extended *struct {
			To           string `json:"to"`
			State        string `json:"state"`
			FrequencySec int    `json:"frequency_sec"`
		} `json:"extended"`
		// Settings are those of its own relationship, in words.
		Settings string `json:"settings"`
	}
	entry = truth.Entry
)

func (w *world) tryState() (labState, error) {
	var s labState
	return s, w.get("/state", &s)
}

func (w *world) state() labState {
	w.t.Helper()
	s, err := w.tryState()
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) ledger() []entry {
	w.t.Helper()
	var l struct {
		Entries []entry `json:"entries"`
	}
	if err := w.get("/ledger?since=0", &l); err != nil {
		w.t.Fatal(err)
	}
	return l.Entries
}

func (w *world) get(path string, v any) error {
	r, err := http.Get("http://" + w.control + path)
	if err != nil {
		return err
	}
	defer func() { _ = r.Body.Close() }()
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, r.Status)
	}
	return json.NewDecoder(r.Body).Decode(v)
}

// post injects a fault or does what a colleague would.
func (w *world) post(path string, body any) {
	w.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := http.Post("http://"+w.control+path, "application/json", bytes.NewReader(text))
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	if r.StatusCode >= 300 {
		answer, _ := io.ReadAll(r.Body)
		w.t.Fatalf("POST %s: %s: %s", path, r.Status, answer)
	}
}
