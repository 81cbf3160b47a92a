package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/testenv/truth"
)

// gatewayPair is the pair of the tests with a gateway in its test network.
func gatewayPair(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("testdata/pair-tests.yaml")
	if err != nil {
		t.Fatal(err)
	}
	with, name := string(text), filepath.Join(t.TempDir(), "pair-gateway.yaml")
	for is, want := range map[string]string{
		"gateway: 10.2.0.1, test_switch: vSwitch-TEST": "gateway: 10.2.0.1, test_switch: vSwitch-TEST, test_subnet: 172.31.2.0/24",
		"gates: [{tcp: {ports: [1433]}}]":              "gates: [{heartbeat: {}, within: 1m}, {tcp: {ports: [1433]}, within: 1m}]",
	} {
		if !strings.Contains(with, is) {
			t.Fatalf("the pair has no %q any more", is)
		}
		with = strings.Replace(with, is, want, 1)
	}
	if err := os.WriteFile(name, []byte(with), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// drillReport is what a drill left, as judged.
type drillReport struct {
	Status struct {
		RunID   string `json:"run_id"`
		Verdict string `json:"verdict"`
	} `json:"status"`
	Judgements []struct {
		Criterion struct {
			Kind string `json:"kind"`
		} `json:"criterion"`
		Result string `json:"result"`
		Why    string `json:"why"`
	} `json:"judgements"`
}

func (w *world) drill(code int, name string, results ...string) drillReport {
	w.t.Helper()
	before := len(w.ledger())
	r := w.must(code, "drill", "run", name, "--yes", "--output", "json")
	var out drillReport
	if err := json.Unmarshal([]byte(r.out), &out); err != nil {
		w.t.Fatalf("%v: %s%s", err, r.out, r.err)
	}
	for i, want := range results {
		if i >= len(out.Judgements) || out.Judgements[i].Result != want {
			w.t.Fatalf("criterion %d is not %q: %+v", i+1, want, out)
		}
	}
	w.untouched(before)
	names := map[string]bool{}
	for _, c := range w.state().Copies {
		names[c.VM] = true
	}
	for _, b := range truth.Drill(w.ledger()[before:], func(vm string) bool { return names[vm] }) {
		w.t.Error(b)
	}
	return out
}

// A drill of the calendar, begun by hand: its gates are asked through the gateway
// of the bubble, its criteria are judged, and it leaves nothing; the same with a
// service that does not come up is a drill that did not pass. A site that is
// silent is no day for a drill.
func TestADrillOfTheCalendar(t *testing.T) {
	w := newWorld(t, gatewayPair(t), 60)
	err := os.WriteFile(filepath.Join(w.site(), "drills.yaml"), []byte(`drills:
  - name: weekly
    plan: both
    cron: "0 6 * * SUN"
    hold: 1m
    criteria: [{must: vms-up}, {must: gates-green}, {must: leave-nothing}, {rto: 2h}, {rpo: 30m}]
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	w.up()
	w.drill(0, "weekly", "met", "met", "met", "met", "met")
	if r := w.must(0, "drill", "coverage"); !r.says("0 of 3 VMs untested") {
		t.Errorf("%s", r.out)
	}
	w.busyDrill("weekly")
	w.post("/faults", map[string]any{"vm": "DB - Test", "kind": "gate-fail"})
	failed := w.drill(7, "weekly", "met", "not met", "met")
	if why := failed.Judgements[1].Why; !strings.Contains(why, "DB") {
		t.Errorf("the gate that failed is %q", why)
	}
	if r := w.must(1, "drill", "list"); !r.says("not passed") || !r.says("armed") {
		t.Errorf("%s", r.out)
	}
	w.lose("a")
	before := len(w.ledger())
	w.must(4, "drill", "run", "weekly", "--yes")
	w.untouched(before)
}

// busyDrill begins a drill and another while its test copies are there: that one is told
// who runs it, not to remove them. The list shows what a person began.
func (w *world) busyDrill(name string) {
	w.t.Helper()
	w.post("/faults", map[string]any{"verb": "Stop-VMFailover", "kind": "delay", "delay": 600, "count": 1})
	w.must(0, "drill", "run", name, "--yes", "--detach")
	w.until("its test copies are there", func() error {
		for _, c := range w.state().Copies {
			if c.Test {
				return nil
			}
		}
		return errors.New("no test copy")
	})
	if r := w.must(8, "drill", "run", name, "--yes"); !r.says("BUSY") || !r.says("lifeboat run watch drill/both") {
		w.t.Errorf("%s%s", r.out, r.err)
	}
	if r := w.must(0, "drill", "list"); !r.says("running") {
		w.t.Errorf("%s", r.out)
	}
	w.lifeboat("run", "watch", "drill/both") // how it ends is told above
}
