package e2e

import (
	"fmt"
	"slices"
	"testing"
)

// wholeWay is every cmdlet from loss to protection, by the operation that does
// it.
var wholeWay = []struct {
	args    []string
	cmdlets []doneAt
}{
	{[]string{"failover", "both", "--unplanned", "--statement", statement},
		[]doneAt{{"Connect-VMNetworkAdapter", "HV-B"}, {"Start-VMFailover", "HV-B"}, {"Start-VM", "HV-B"}}},
	{[]string{"commit", "both"}, []doneAt{{"Complete-VMFailover", "HV-B"}}},
	{[]string{"reprotect", "both"},
		[]doneAt{{"Set-VMReplication", "HV-A"}, {"Set-VMReplication", "HV-B"}, {"Start-VMInitialReplication", "HV-B"}}},
}

// doneAt is a cmdlet that was done at a host.
type doneAt struct{ cmdlet, host string }

func (d doneAt) String() string { return d.cmdlet + "@" + d.host }

func (d doneAt) count(l []entry) (n int) {
	for _, e := range l {
		if e.Done() && e.From == d.cmdlet && e.Host == d.host {
			n++
		}
	}
	return n
}

// walkHome goes from a lost site to one that is protected again, and judges the
// end: nothing irreversible was done twice, whatever do did to the run meanwhile.
func (w *world) walkHome(do func(args []string, cmdlets []doneAt)) {
	w.t.Helper()
	w.lose("a")
	for _, part := range wholeWay {
		do(append(part.args, "--yes"), part.cmdlets)
		if part.args[0] == "failover" {
			w.runsAt("HV-B", "Replica")
			w.oldCopiesRun()
			w.fenceAll("both", "--turn-off")
		}
	}
	w.oneRuns("HV-B", "HV-A")
	w.checkDoneOnce("Start-VMFailover@HV-B", "Start-VM@HV-B", "Complete-VMFailover@HV-B",
		"Set-VMReplication@HV-A", "Set-VMReplication@HV-B", "Start-VMInitialReplication@HV-B")
	w.must(0, "journal", "verify")
}

// Every step of the way is a place to die: when a cmdlet was done for the first,
// for the second or for the last VM, and the engine has not heard of it yet.
// One of the three by chance; all with LIFEBOAT_KILLS=all.
func TestKilledAtEveryStepOfTheWholeWay(t *testing.T) {
	t.Parallel()
	for _, n := range sample(t, "LIFEBOAT_KILLS", 1, []int{0, 1, 2}) {
		t.Run(fmt.Sprintf("VM %d", n+1), func(t *testing.T) {
			w := newWorld(t, "pair", 60)
			w.up()
			w.walkHome(func(args []string, cmdlets []doneAt) {
				w.must(0, append(args, "--detach")...)
				for _, step := range cmdlets {
					w.killAt(step.String(), func(l []entry) bool { return step.count(l) > n })
				}
				if s := w.awaitEnd("both"); s.Verdict != "done" {
					t.Errorf("%v: the run ended %s: %+v", args, s.Verdict, s.VMs)
				}
			})
		})
	}
}

// An answer is lost before or after the host acted, for each cmdlet of the way.
// One kind by chance; all with LIFEBOAT_KILLS=all.
func TestLostAnswersOnTheWholeWay(t *testing.T) {
	t.Parallel()
	for _, kind := range sample(t, "LIFEBOAT_KILLS", 1, []string{"drop-before", "drop-after", "cut"}) {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, "pair", 60)
			w.up()
			for _, part := range wholeWay {
				for _, step := range part.cmdlets {
					w.post("/faults", map[string]any{"verb": step.cmdlet, "host": step.host, "kind": kind, "count": 2})
				}
			}
			for _, verb := range []string{"Set-VM", "Stop-VM"} { // of the watch
				w.post("/faults", map[string]any{"verb": verb, "host": "HV-A", "kind": kind, "count": 2})
			}
			w.walkHome(func(args []string, _ []doneAt) { w.must(0, args...) })
			w.checkFaultsHit()
		})
	}
}

// The watch on a lost site outlives the engine: killed when it has stopped the
// automatic start, and again when it has cut the power.
func TestTheWatchIsKilled(t *testing.T) {
	w := newWorld(t, "pair", 60)
	w.up()
	w.lose("a")
	w.must(0, "failover", "both", "--unplanned", "--yes", "--statement", statement)
	w.oldCopiesRun()
	noStart, off := doneAt{"Set-VM", "HV-A"}, doneAt{"Stop-VM", "HV-A"}
	w.killAt(noStart.String(), func(l []entry) bool { return noStart.count(l) > 0 })
	w.until("the watch asks about every old copy", func() error {
		s, _, err := w.fence("both")
		if err == nil && len(s.Waiting) != 3 {
			err = errNotYet
		}
		return err
	})
	w.must(5, "fence", "both", "--turn-off", "--vm", "DB")
	w.killAt(off.String(), func(l []entry) bool { return off.count(l) > 0 })
	w.fenceAll("both", "--turn-off")
	w.checkDoneOnce("Set-VM@HV-A", "Stop-VM@HV-A")
	if slices.ContainsFunc(w.state().Copies, func(c labCopy) bool { return c.Host == "HV-A" && c.Power != "Off" }) {
		t.Error("fenced, and an old copy is not off")
	}
}
