package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// steered is a plan with people in it and three stages, none after another.
var steered = map[string]any{"steps": []any{
	map[string]any{"manual": map[string]any{"name": "agree", "text": "two of us agree?", "owner": "Mia", "quorum": 2, "within": "1m", "escalate": []string{"Noor"}}},
	map[string]any{"stage": "data", "vms": []any{map[string]any{"vm": "DB", "gates": []any{map[string]any{"tcp": map[string]any{"ports": []int{1433}}, "within": "30s"}}}}},
	map[string]any{"manual": map[string]any{"name": "look", "text": "is the last order there?", "owner": "Mia"}},
	map[string]any{"stage": "first", "vms": []any{map[string]any{"vm": "APP1"}}},
	map[string]any{"stage": "second", "vms": []any{map[string]any{"vm": "APP2"}}},
}}

// asked waits until the run waits for a step, "" VM, or for a VM.
func (w *world) asked(plan string, step int, vm string) runStatus {
	w.t.Helper()
	var last runStatus
	w.until(fmt.Sprintf("step %d or %q waits", step, vm), func() error {
		s, err := w.run(plan)
		if err != nil {
			return err
		}
		last = s
		for _, q := range s.Waiting {
			if q.VM == vm && q.Step == step {
				return nil
			}
		}
		return fmt.Errorf("%s, waiting for %+v", s.Verdict, s.Waiting)
	})
	return last
}

// Two operators and one plan: who comes second is told who runs it since when,
// two must agree and one alone cannot, and what people change while it runs is
// what is done.
func TestPeopleSteerARun(t *testing.T) {
	w := newWorld(t, "pair", 60)
	w.changePlan("both", steered)
	w.up()
	// The DB does not answer at b: its gate will not pass.
	w.post("/faults", map[string]any{"vm": "DB", "kind": "gate-fail"})
	w.must(0, "failover", "both", "--planned", "--yes", "--detach", "--by", "Mia")
	w.asked("both", 1, "")
	r := w.must(8, "failover", "both", "--planned", "--yes", "--detach", "--by", "Noor")
	if !strings.Contains(r.err, "Mia") || !strings.Contains(r.err, "since") {
		t.Errorf("the second operator is not told who runs it since when: %s", r.err)
	}
	w.must(8, "failover", "both", "--unplanned", "--fence", "turn-off", "--yes", "--detach", "--by", "Noor")

	w.must(0, "run", "approve", "both", "--by", "Mia")
	w.must(4, "run", "approve", "both", "--by", "Mia")                     // the same person again
	w.must(4, "run", "skip", "both", "--step", "1", "--reason", "alone")   // one alone must not leave it out
	w.must(0, "run", "hold", "both")                                       // and on hold nothing starts
	w.must(0, "run", "approve", "both", "--by", "Noor", "--reason", "yes") // the second one
	if n := w.calls("HV-A"); n > 0 {
		t.Errorf("on hold, and %d cmdlets were done at HV-A", n)
	}
	// Ahead of time: the stages that have not started in another order, and one
	// VM left out.
	w.must(4, "run", "reorder", "both", "--stages", "second")
	w.must(0, "run", "reorder", "both", "--stages", "second", "--stages", "first", "--stages", "data")
	w.must(4, "run", "skip", "both", "--vm", "APP1")
	w.must(0, "run", "skip", "both", "--vm", "APP1", "--reason", "is being worked on")
	w.must(0, "run", "reorder", "both", "--stages", "data", "--stages", "second", "--stages", "first")
	w.must(0, "run", "resume", "both")

	w.asked("both", 0, "DB")
	w.must(4, "run", "waive", "both", "--vm", "DB") // it needs a reason
	w.must(0, "run", "waive", "both", "--vm", "DB", "--reason", "the port comes later")
	w.asked("both", 3, "")
	w.must(0, "run", "approve", "both")
	if s := w.awaitEnd("both"); s.Verdict != "done" {
		t.Errorf("the run ended %s: %+v", s.Verdict, s.VMs)
	}
	w.checkHome(w.state(), "DB", "HV-A", "HV-B")
	w.checkHome(w.state(), "APP2", "HV-A", "HV-B")
	if c := w.state().copyOf("APP1", "HV-A"); c.Power != "Running" || c.Mode != "Primary" {
		t.Errorf("APP1 was left out, and is %s/%s/%s at HV-A", c.Power, c.Mode, c.State)
	}
	for _, e := range w.named(w.ledger()) {
		if e.VM == "APP1" && slices.Contains([]string{"power", "mode", "state"}, e.What) {
			t.Errorf("APP1 was left out, and %+v", e)
		}
	}
	for _, v := range w.state().Violations {
		t.Errorf("I1: %s", v)
	}
}

// No is an answer: a run that is declined at its first step has changed nothing.
func TestARunIsDeclined(t *testing.T) {
	w := newWorld(t, "pair", 60)
	w.changePlan("both", steered)
	w.up()
	w.must(0, "failover", "both", "--planned", "--yes", "--detach")
	w.asked("both", 1, "")
	w.must(0, "run", "decline", "both", "--by", "Mia", "--reason", "the power is back")
	w.awaitEnd("both")
	w.must(4, "run", "watch", "both")
	if n := w.calls("HV-A") + w.calls("HV-B"); n > 0 {
		t.Errorf("declined, and %d cmdlets were done", n)
	}
}
