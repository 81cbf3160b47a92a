package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// selftestEnd is what people and scripts read of a self-test.
type selftestEnd struct {
	Verdict string   `json:"verdict"`
	Cleaned bool     `json:"cleaned"`
	Left    []string `json:"left"`
	Broken  string   `json:"broken"`
	Trace   struct {
		Format   int      `json:"format"`
		Dialects []string `json:"dialects"`
		Steps    []struct {
			Step string `json:"step"`
		} `json:"steps"`
	} `json:"trace"`
}

// A self-test goes on where a killed engine left it, finds what these hosts do
// otherwise, leaves nothing behind, and its trace makes hosts that do the same and
// names nobody.
func TestASelfTestOutlivesItsEngine(t *testing.T) {
	w := newWorld(t, "pair", 60, "--dialect", "synced-point,remove-needs-off")
	w.up()
	if r := w.lifeboat("selftest", "--hosts", "HV-A,HV-B", "--detach"); r.code != 4 || !strings.Contains(r.err, "nobody typed the hosts") {
		t.Fatalf("without a yes: %d\n%s%s", r.code, r.out, r.err)
	}
	if r := w.lifeboat("selftest", "--hosts", "HV-A,HV-B", "--yes", "--detach"); r.code != 0 {
		t.Fatalf("exit %d\n%s%s", r.code, r.out, r.err)
	}
	var id string
	w.until("the self-test's VM replicates", func() error {
		for _, c := range w.state().Copies {
			if strings.HasPrefix(c.Name, "lifeboat-selftest-") && c.Host == "HV-B" && c.State == "Replicating" {
				id = c.VM
				return nil
			}
		}
		return errNotYet
	})
	w.kill()
	w.up()
	var end selftestEnd
	var said string
	w.until("the self-test ends", func() error {
		r := w.lifeboat("selftest", "--output", "json")
		if err := json.Unmarshal([]byte(r.out), &end); err != nil {
			return fmt.Errorf("%w\n%s%s", err, r.out, r.err)
		}
		if end.Verdict == "running" {
			return errors.New(end.Trace.Steps[len(end.Trace.Steps)-1].Step)
		}
		said = r.out
		if r.code != 1 {
			t.Errorf("exit %d, want 1: answers differ", r.code)
		}
		return nil
	})
	if end.Verdict != "done" || !end.Cleaned || end.Broken != "" {
		t.Fatalf("%s, cleaned %v, left %v, broken %q", end.Verdict, end.Cleaned, end.Left, end.Broken)
	}
	if want := []string{"synced-point", "remove-needs-off"}; !slices.Equal(end.Trace.Dialects, want) {
		t.Errorf("the trace says %v, want %v", end.Trace.Dialects, want)
	}
	for _, c := range w.state().Copies {
		if c.VM == id || strings.HasPrefix(c.Name, "lifeboat-selftest-") {
			t.Errorf("%s is left on %s", c.Name, c.Host)
		}
	}
	if v := w.state().Violations; len(v) > 0 {
		t.Error(v)
	}
	var whole struct {
		Trace json.RawMessage `json:"trace"`
	}
	if err := json.Unmarshal([]byte(said), &whole); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{id, "HV-A", "HV-B", "pair.example", "e2e"} {
		if strings.Contains(strings.ToLower(string(whole.Trace)), strings.ToLower(name)) {
			t.Errorf("the trace names %s", name)
		}
	}
	file := filepath.Join(t.TempDir(), "trace.json")
	if err := os.WriteFile(file, whole.Trace, 0o600); err != nil {
		t.Fatal(err)
	}
	again := startWorld(t, "pair", 60, "--dialect-file", file)
	again.until("the lab says what it plays", func() error {
		text, err := os.ReadFile(again.log.Name())
		if err != nil || !strings.Contains(string(text), "synced-point,remove-needs-off") {
			return errNotYet
		}
		return nil
	})
}
