package workflows

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// failedOver turns a world into the one an unplanned failover leaves: the old
// copies off and fenced, the new ones running.
func (w *world) failedOver() {
	for _, vm := range northVMs {
		w.pair(vm, func(p *plans.Pair) {
			p.Source.Power, p.Source.AutoStart = "Off", "Nothing"
			p.Target.Power, p.Target.State, p.Target.FailoverType = "Running", "FailedOverWaitingCompletion", "Regular"
		})
	}
}

func toCommit(t *testing.T, d desk) *trial {
	in := northwind()
	in.Operation = plans.Commit
	tr := newTrial(t, in, d)
	tr.world.failedOver()
	return tr
}

func TestCommitAsksTheGatesFirst(t *testing.T) {
	tr := toCommit(t, approving).run()
	tr.wantVerdict(plans.VerdictDone)
	for _, vm := range northVMs {
		if got := tr.world.of(vm); !slices.Equal(got, []string{"gate@DR1", "complete-failover@DR1"}) {
			t.Errorf("%s: %v", vm, got)
		}
	}
	if got := tr.world.did("complete-failover"); !slices.Equal(got, northVMs) {
		t.Errorf("committed in the order %v", got)
	}
	if s := tr.vm("dc"); !s.Irreversible {
		t.Errorf("dc: %+v", s)
	}
}

// A VM whose gate does not pass is not made final without a word.
func TestCommitHoldsAtAGate(t *testing.T) {
	tr := toCommit(t, func(n int, s plans.RunStatus) *plans.Answer {
		if _, ok := question(s, "db"); ok {
			return &plans.Answer{Choice: plans.ChoiceStop}
		}
		return approving(n, s)
	})
	tr.world.gate = func(_ context.Context, in activities.GateIn) (activities.GateOut, error) {
		return activities.GateOut{Passed: in.VM != guid("db"), Detail: "refused"}, nil
	}
	tr.run().wantVerdict(plans.VerdictStopped)
	if got := tr.world.did("complete-failover"); !slices.Equal(got, []string{"dc"}) {
		t.Errorf("committed: %v", got)
	}
	if s := tr.report().Status; !strings.Contains(s.WayBack, "lifeboat reprotect north") {
		t.Errorf("way back %q", s.WayBack)
	}
}

// A VM is left out of a commit while its gate is still asked: it stays open.
func TestCommitLeavesOutWhoseGateIsStillAsked(t *testing.T) {
	given := false
	tr := toCommit(t, approving)
	tr.world.gate = func(_ context.Context, in activities.GateIn) (activities.GateOut, error) {
		if in.VM == guid("db") && !given {
			given = true
			done := make(chan struct{})
			tr.env.RegisterDelayedCallback(func() {
				tr.say(plans.Answer{Choice: plans.ChoiceSkip, VM: "db", Reason: "its owner wants another point"})
				close(done)
			}, 0)
			tr.world.aside(func() { <-done })
		}
		return activities.GateOut{Passed: true}, nil
	}
	tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
		if _, ok := question(s, "app"); ok {
			return &plans.Answer{Choice: plans.ChoiceRetry, VM: "app"}
		}
		return approving(n, s)
	}
	tr.run()
	if got := tr.world.did("complete-failover"); slices.Contains(got, "db") || len(got) != 3 || tr.vm("db").Verdict != plans.VerdictSkipped {
		t.Errorf("committed %v, db is %s (%s), refused %v", got, tr.vm("db").Verdict, tr.vm("db").Doing, tr.refused)
	}
}
