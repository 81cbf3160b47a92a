package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// untouched judges a drill: nothing of production or replication changed, and
// nothing is left.
func (w *world) untouched(since int) {
	w.t.Helper()
	s := w.state()
	names := map[string]bool{}
	for _, c := range s.Copies {
		names[c.VM] = true
		if c.Test {
			w.t.Errorf("I6: the test copy %s is left at %s", c.Name, c.Host)
		}
	}
	for _, e := range w.ledger()[since:] {
		if names[e.VM] && (e.What == "power" || e.What == "mode" || e.What == "state") {
			w.t.Errorf("I6: a drill changed %+v", e)
		}
	}
	for _, v := range s.Violations {
		w.t.Errorf("I1: %s", v)
	}
}

// A drill touches nothing and leaves nothing; its time to live ends one that
// somebody forgot.
func TestADrillLeavesNothing(t *testing.T) {
	w := newWorld(t, "testdata/pair-tests.yaml", 60)
	w.up()
	before := len(w.ledger())
	w.must(0, "failover", "both", "--test", "--yes", "--hold", "1m")
	w.untouched(before)
	w.changePlan("both", map[string]any{"test": map[string]any{"ttl": "8m"}})
	w.must(0, "failover", "both", "--test", "--yes", "--detach", "--hold", "9h")
	w.awaitTestCopies(3)
	w.awaitEnd("drill/both")
	w.untouched(before)
}

// The engine dies in the middle of a drill, again and again: when it comes back
// it cleans up what it made, and nothing was made or removed twice.
func TestADrillIsKilled(t *testing.T) {
	w := newWorld(t, "testdata/pair-tests.yaml", 60)
	w.up()
	before := len(w.ledger())
	w.must(0, "failover", "both", "--test", "--yes", "--detach", "--hold", "1m")
	for _, step := range []doneAt{{"Start-VMFailover", "HV-B"}, {"Start-VM", "HV-B"}, {"Stop-VMFailover", "HV-B"}} {
		w.killAt(step.String(), func(l []entry) bool { return step.count(l) > 0 })
	}
	w.awaitEnd("drill/both")
	w.untouched(before)
	w.checkDoneOnce("Start-VMFailover@HV-B", "Stop-VMFailover@HV-B")
}

// A real operation goes first: the drill gives way at once.
func TestADrillGivesWay(t *testing.T) {
	t.Parallel()
	for _, real := range [][]string{{"--planned"}, {"--unplanned", "--statement", statement}} {
		t.Run(real[0], func(t *testing.T) {
			w := newWorld(t, "testdata/pair-tests.yaml", 60)
			w.up()
			w.must(0, "failover", "both", "--test", "--yes", "--detach", "--hold", "8h")
			w.awaitTestCopies(3)
			if real[0] == "--unplanned" {
				w.lose("a")
			}
			w.must(0, append([]string{"failover", "both", "--yes"}, real...)...)
			if real[0] == "--unplanned" {
				w.runsAt("HV-B", "Replica")
			} else {
				w.oneRuns("HV-B", "HV-A")
			}
			w.awaitEnd("drill/both")
			s := w.state()
			for _, c := range s.Copies {
				if c.Test {
					t.Errorf("I6: the test copy of %s is left at %s", c.Name, c.Host)
				}
			}
			for _, v := range s.Violations {
				t.Errorf("I1: %s", v)
			}
		})
	}
}

// A drill of another plan has the memory that a real operation needs: it gives way, and
// the VM is started once there is room.
func TestADrillGivesItsMemory(t *testing.T) {
	w := newWorld(t, smallPair(t), 60)
	w.write("apart.yaml", `plans:
  - {name: db, from: a, to: b, steps: [{stage: data, vms: [{vm: DB, gates: [{tcp: {ports: [1433]}}]}]}]}
  - {name: apps, from: a, to: b, steps: [{stage: apps, vms: [{vm: APP1}, {vm: APP2}]}]}
`)
	w.up()
	w.must(0, "failover", "apps", "--test", "--yes", "--detach", "--hold", "8h")
	w.awaitTestCopies(2)
	w.lose("a")
	r := w.must(0, "failover", "db", "--unplanned", "--yes", "--statement", statement)
	if !r.says("test copies have 4 GB now") {
		t.Errorf("nobody was told of the drill:\n%s%s", r.out, r.err)
	}
	w.awaitEnd("drill/apps")
	for _, c := range w.state().Copies {
		if c.Test {
			t.Errorf("the test copy of %s is left at %s", c.Name, c.Host)
		}
		if c.Name == "DB" && c.Host == "HV-B" && c.Power != "Running" {
			t.Errorf("DB is %s", c.Power)
		}
	}
	for _, v := range w.state().Violations {
		t.Errorf("I1: %s", v)
	}
}

// smallPair is the pair of the tests with a second host that holds DB, or the others.
func smallPair(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("testdata/pair-tests.yaml")
	if err != nil {
		t.Fatal(err)
	}
	with, name := strings.Replace(string(text), "ip: 10.2.0.5\n    memory_gb: 32", "ip: 10.2.0.5\n    memory_gb: 6", 1), filepath.Join(t.TempDir(), "pair-small.yaml")
	if with == string(text) {
		t.Fatal("the second host of the pair is another")
	}
	if err := os.WriteFile(name, []byte(with), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// A test network with a way out is refused, and so is none at all.
func TestADrillRefusesANetworkWithAWayOut(t *testing.T) {
	w := newWorld(t, "testdata/pair-tests.yaml", 60)
	w.up()
	for _, c := range []struct{ was, is, words string }{
		{"vSwitch-TEST", "vSwitch-B", "is external: it has a way out"},
		{"test_switch: vSwitch-B", "test_switch: vSwitch-X", "has no switch"},
	} {
		w.edit(c.was, c.is)
		r := w.must(4, "failover", "both", "--test", "--yes")
		if !r.says(c.words) {
			t.Errorf("with %s nobody was told that it %s:\n%s%s", c.is, c.words, r.out, r.err)
		}
	}
	if n := w.calls("HV-B"); n > 0 {
		t.Errorf("refused, and %d cmdlets were done", n)
	}
}
