package e2e

import (
	"strings"
	"testing"
)

// A VM replicates to one host only: of a chain a -> b -> c, a failover to b
// keeps c or goes back to a, and never guesses.
func TestAChainAsksWhichWay(t *testing.T) {
	t.Parallel()
	for _, way := range []struct {
		choice string
		// replica is where the replica is in the end.
		replica string
	}{
		{"keep", "HV-C"},
		{"back", "HV-A"},
	} {
		t.Run(way.choice, func(t *testing.T) {
			w := newWorld(t, "testdata/chain.yaml", 60)
			w.up()
			w.must(4, "failover", "chain", "--planned", "--yes")
			if n := w.calls("HV-A") + w.calls("HV-B") + w.calls("HV-C"); n > 0 {
				t.Errorf("nobody chose, and %d cmdlets were done", n)
			}
			report := w.must(0, "failover", "chain", "--planned", "--yes", "--chain", way.choice).out
			if kept := strings.Contains(report, "OLD and left out"); kept != (way.choice == "keep") {
				t.Errorf("what it says of the copies at a:\n%s", report)
			}
			w.oneRuns("HV-B", way.replica)
			s := w.state()
			for _, c := range s.Copies {
				if c.Host != "HV-B" && c.Power != "Off" {
					t.Errorf("%s runs at %s too", c.Name, c.Host)
				}
				if c.Extended != nil {
					t.Errorf("%s at %s still extends to %+v", c.Name, c.Host, *c.Extended)
				}
				if c.Host == "HV-B" && (c.Writes.Missing > 0 || c.Writes.Held < c.Writes.Committed) {
					t.Errorf("I2: %s lost writes: %+v", c.Name, c.Writes)
				}
			}
			for _, v := range s.Violations {
				t.Errorf("I1: %s", v)
			}
			// The same command again changes nothing.
			before := w.calls("HV-A") + w.calls("HV-B") + w.calls("HV-C")
			w.must(0, "failover", "chain", "--planned", "--yes", "--chain", way.choice)
			if n := w.calls("HV-A") + w.calls("HV-B") + w.calls("HV-C"); n != before {
				t.Errorf("the same command again did %d cmdlets more", n-before)
			}
			// What is written from now on arrives at the replica that was chosen.
			w.flows("HV-B", way.replica)
			if way.choice == "keep" {
				w.comesHomeFromThird()
			}
		})
	}
}

// comesHomeFromThird does what a refused failback says: a person ends what keeps
// the old copies out, then the way home is the usual one.
func (w *world) comesHomeFromThird() {
	w.t.Helper()
	refused := w.must(4, "failback", "chain", "--yes")
	if !strings.Contains(refused.out, "left out") || !strings.Contains(refused.out, "Remove-VMReplication") {
		w.t.Errorf("the refused failback does not say what to do:\n%s", refused.out)
	}
	w.must(4, "reprotect", "chain", "--yes", "--chain", "back")
	for _, c := range w.state().Copies {
		if c.Host == "HV-A" || c.Host == "HV-B" {
			w.post("/vms/"+c.VM+"@"+c.Host+"/remove-replication", nil)
		}
	}
	w.must(0, "reprotect", "chain", "--yes")
	w.oneRuns("HV-B", "HV-A")
	w.must(0, "failback", "chain", "--yes")
	w.oneRuns("HV-A", "HV-B")
	s := w.state()
	for _, c := range s.Copies {
		if c.Host == "HV-A" && (c.Writes.Missing > 0 || c.Writes.Held < c.Writes.Committed) {
			w.t.Errorf("I2: %s lost writes on the way home: %+v", c.Name, c.Writes)
		}
	}
	for _, v := range s.Violations {
		w.t.Errorf("I1: %s", v)
	}
}

// flows waits until every replica has what its primary holds now.
func (w *world) flows(primary, replica string) {
	w.t.Helper()
	now := w.state()
	w.until("writes arrive at "+replica, func() error {
		s, err := w.tryState()
		if err != nil {
			return err
		}
		for _, c := range now.Copies {
			if c.Host == primary && s.copyOf(c.Name, replica).Writes.Held < c.Writes.Held {
				return errNotYet
			}
		}
		return nil
	})
}

// New equipment takes a lost host's place: copies are sent there, the way home
// ends there, and the lost host is let in no more. The engine dies on the way.
func TestNewEquipment(t *testing.T) {
	w := newWorld(t, "testdata/new-host.yaml", 60)
	w.up()
	w.post("/hosts/HV-A/crash", nil)
	w.must(0, "failover", "both", "--unplanned", "--yes", "--statement", statement)
	w.runsAt("HV-B", "Replica")
	w.must(0, "replace-host", "HV-A", "HV-NEW", "--yes", "--detach")
	enabled := doneAt{"Enable-VMReplication", "HV-B"}
	w.killAt(enabled.String(), func(l []entry) bool { return enabled.count(l) > 0 })
	if s := w.awaitEnd("replace-host-HV-A"); s.Verdict != "done" {
		t.Errorf("the run ended %s: %+v", s.Verdict, s.VMs)
	}
	w.oneRuns("HV-B", "HV-NEW")
	w.must(0, "replace-host", "HV-A", "HV-NEW", "--write")
	w.kill()
	w.up()
	w.must(0, "failback", "both", "--yes")
	w.oneRuns("HV-NEW", "HV-B")
	s, lost := w.state(), map[string]uint64{}
	for _, c := range s.Copies {
		if c.Host == "HV-B" {
			lost[c.Name] = c.Writes.Missing
		}
	}
	for _, c := range s.Copies {
		if c.Host == "HV-NEW" && (c.Writes.Missing > lost[c.Name] || c.Writes.Held < c.Writes.Committed) {
			t.Errorf("I2: %s lost writes on its way to the new host: %+v", c.Name, c.Writes)
		}
	}
	for _, v := range s.Violations {
		t.Errorf("I1: %s", v)
	}
	for _, e := range w.named(w.ledger()) {
		if e.What == "call" && e.Host == "HV-A" && e.Requested() {
			t.Errorf("the lost host was asked for something: %+v", e)
		}
	}
	for _, step := range []doneAt{{"Enable-VMReplication", "HV-B"}, {"Start-VMInitialReplication", "HV-B"}, {"Start-VMFailover", "HV-NEW"}} {
		if n := step.count(w.ledger()); n != 2 {
			t.Errorf("I8: %s was done %d times for two VMs", step, n)
		}
	}
	w.must(0, "journal", "verify")
}
