package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// canaryNight is what scripts read of one.
type canaryNight struct {
	Verdict string `json:"verdict"`
	ByHand  bool   `json:"by_hand"`
	Why     string `json:"why"`
}

// canaryOfPair is one between the pair's hosts.
const canaryOfPair = `canaries: [{name: nightly, host: HV-A, to: HV-B, cron: "* * * * *"}]`

func (w *world) nights() (nights []canaryNight) {
	w.t.Helper()
	r := w.lifeboat("canary", "show", "nightly", "--output", "json")
	var all struct {
		Nights []canaryNight `json:"nights"`
	}
	if err := json.Unmarshal([]byte(r.out), &all); err != nil {
		w.t.Fatalf("%v: %s%s", err, r.out, r.err)
	}
	return all.Nights
}

// sung awaits a night that a person or the calendar began, and makes sure that it
// left nothing and moved nothing else.
func (w *world) sung(byHand bool) (night canaryNight) {
	w.t.Helper()
	w.until("the night is over", func() error {
		nights := w.nights()
		i := slices.IndexFunc(nights, func(n canaryNight) bool { return n.ByHand == byHand })
		if i < 0 {
			return errNotYet
		}
		night = nights[i]
		return nil
	})
	s := w.state()
	for _, v := range s.Violations {
		w.t.Error(v)
	}
	for _, c := range s.Copies {
		if strings.HasPrefix(c.Name, "lifeboat-canary-") {
			w.t.Errorf("%s is left on %s", c.Name, c.Host)
		}
		if home := map[string]string{"HV-A": "Primary", "HV-B": "Replica"}[c.Host]; c.Mode != home {
			w.t.Errorf("%s on %s is %s", c.Name, c.Host, c.Mode)
		}
	}
	return night
}

// A canary of the calendar goes there and back by itself, outlives a killed engine
// in the middle of its failover, acts nothing twice, and a host that refuses is
// found out.
func TestACanaryOfTheCalendar(t *testing.T) {
	w := newWorld(t, "pair", 120)
	if err := os.WriteFile(filepath.Join(w.site(), "canaries.yaml"), []byte(canaryOfPair+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.up()
	var vm string
	w.killAt("the failover of the canary", func(l []entry) bool {
		for _, e := range l {
			if e.Done() && e.From == "Start-VMFailover" && e.Host == "HV-B" {
				vm = e.VM
			}
		}
		return vm != ""
	})
	w.must(0, "canary", "pause", "nightly", "--reason", "one is enough")
	if first := w.sung(false); first.Verdict != "done" {
		t.Fatalf("%+v", first)
	}
	own := slices.DeleteFunc(w.ledger(), func(e entry) bool { return e.VM != vm })
	for once, want := range map[doneAt]int{
		{"Enable-VMReplication", "HV-A"}: 1, {"Start-VMInitialReplication", "HV-A"}: 1, {"Set-VMReplication", "HV-A"}: 1, {"Set-VMReplication", "HV-B"}: 1,
		{"Start-VMFailover", "HV-A"}: 2, {"Start-VMFailover", "HV-B"}: 2, // there and back, each prepared at the other
		{"Remove-VM", "HV-A"}: 1, {"Remove-VM", "HV-B"}: 1,
	} {
		if n := once.count(own); n != want {
			t.Errorf("%s was done %d times, want %d", once, n, want)
		}
	}
	w.post("/faults", map[string]any{"verb": "Start-VMFailover", "host": "HV-B", "kind": "refuse"})
	if r := w.lifeboat("canary", "run", "nightly", "--yes"); r.code != 7 || !r.says("FAILED") || !r.says("HV-B") {
		t.Errorf("exit %d\n%s%s", r.code, r.out, r.err)
	}
	if last := w.sung(true); last.Verdict != "stopped" || !strings.Contains(last.Why, "refused by HV-B") {
		t.Errorf("%+v", last)
	}
	if r := w.must(1, "canary", "list"); !r.says("failed") || !r.says("one is enough") {
		t.Error(r.out)
	}
	w.until("readiness tells of it", func() error {
		if r := w.lifeboat("status", "both"); !r.says("canary nightly does not pass") {
			return errors.New(r.out)
		}
		return nil
	})
}
