package workflows

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

func toReprotect(t *testing.T, d desk) *trial {
	in := northwind()
	in.Operation = plans.Reprotect
	tr := newTrial(t, in, d)
	tr.world.failedOver()
	// A first copy moves with every look.
	tr.world.looked = func(in activities.AdvanceIn) { tr.world.pair(in.VM.Label, func(p *plans.Pair) { sends(p, 10) }) }
	return tr
}

// sends takes a first copy some percent further, to its end.
func sends(p *plans.Pair, percent int) {
	if p.Target.State != "InitialReplicationInProgress" {
		return
	}
	if p.Target.SyncPercent += percent; p.Target.SyncPercent >= 100 {
		p.Target.State, p.Source.State = "Replicating", "Replicating"
	}
}

func TestReprotect(t *testing.T) {
	tr := toReprotect(t, approving)
	seen := map[int]bool{}
	tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
		for _, vm := range s.VMs {
			if vm.Progress != nil {
				seen[vm.Progress.Percent] = true
			}
		}
		return approving(n, s)
	}
	tr.run().wantVerdict(plans.VerdictDone)
	for _, vm := range northVMs {
		want := []string{"complete-failover@DR1", "set-as-replica@HQ1", "reverse-replication@DR1", "start-initial@DR1"}
		if got := tr.world.of(vm); !slices.Equal(got, want) {
			t.Errorf("%s: %v", vm, got)
		}
	}
	if len(seen) < 5 {
		t.Errorf("progress seen: %v", seen)
	}
	if s := tr.report().Status; !strings.Contains(s.Summary, "protected") {
		t.Errorf("summary %q", s.Summary)
	}
}

func TestReprotectKeepsItsLimit(t *testing.T) {
	tr := toReprotect(t, approving)
	tr.in.Limits.Move = 1
	most := 0
	tr.world.looked = func(in activities.AdvanceIn) {
		tr.world.pair(in.VM.Label, func(p *plans.Pair) { sends(p, 10) })
		tr.world.mu.Lock()
		defer tr.world.mu.Unlock()
		syncing := 0
		for _, vm := range []string{"db", "app", "web"} { // one stage
			if p := tr.world.pairs[guid(vm)]; p.Target.State == "InitialReplicationInProgress" {
				syncing++
			}
		}
		most = max(most, syncing)
	}
	tr.run().wantVerdict(plans.VerdictDone)
	if most != 1 {
		t.Errorf("%d first copies at once in a stage, the limit is 1", most)
	}
}

// A first copy may take a day: nobody is asked while it moves, and its history
// stays small. One that stands still is for a person.
func TestLongSyncHoldsOnlyWhenNothingMoves(t *testing.T) {
	tr := toReprotect(t, nil)
	tr.every, tr.ticks = time.Minute, 6000
	var began time.Time
	stuck := false
	tr.world.looked = func(activities.AdvanceIn) {}
	tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
		now := tr.env.Now()
		if q, ok := question(s, "web"); ok {
			if !stuck || !strings.Contains(q.Text, "takes longer than it should") {
				t.Errorf("web asks %q, stuck %v", q.Text, stuck)
			}
			stuck, began = false, time.Time{}
			tr.world.pair("web", func(p *plans.Pair) { p.Target.SyncPercent = 99 })
			return &plans.Answer{Choice: plans.ChoiceRetry, VM: "web"}
		}
		for _, vm := range northVMs {
			tr.world.pair(vm, func(p *plans.Pair) {
				if n%25 == 0 && (vm != "web" || p.Target.SyncPercent < 50 || p.Target.SyncPercent == 99) {
					sends(p, 1)
				}
				if vm == "web" && p.Target.SyncPercent == 50 && began.IsZero() {
					stuck, began = true, now
				}
			})
		}
		return approving(n, s)
	}
	tr.run().wantVerdict(plans.VerdictDone)
	if events := tr.wire.events[VMOperationID(guid("dc"))]; events > historyLimit {
		t.Errorf("%d events for a copy of %s", events, 41*time.Hour)
	}
}
