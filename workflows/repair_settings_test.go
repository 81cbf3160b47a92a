package workflows

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// newDrifted is a ladder over VMs that replicate, with one setting that differs from
// the configuration.
func newDrifted(t *testing.T, mode plans.DriftMode, drift func(*plans.WatchedRelation), vms ...string) *ladder {
	l := newLadder(t, vms...)
	l.policy.Drift = mode
	points := 4
	l.leg = plans.WatchedLeg{Leg: plans.FirstLeg, From: "HQ1", To: "DR1", Policy: plans.LegPolicy{Frequency: plans.Frequency(5 * time.Minute), RecoveryPoints: &points}}
	l.seen = map[string]*plans.WatchedRelation{}
	for _, vm := range vms {
		l.set(vm, "Replicating", "Replicating")
		l.seen[vm] = &plans.WatchedRelation{State: "Replicating", FrequencySec: 300, RecoveryHistory: 4}
		drift(l.seen[vm])
	}
	l.acting = func(_ context.Context, in activities.RepairActIn) (*activities.RepairActOut, error) {
		return l.correct(in, "")
	}
	return l
}

// correct does what a step says, or nothing and says so.
func (l *ladder) correct(in activities.RepairActIn, doubt string) (*activities.RepairActOut, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	step := l.step(in.VM, in.Today, in.Now)
	if step.Rung != plans.RungCorrect {
		return &activities.RepairActOut{Step: step}, nil
	}
	l.acts = append(l.acts, in.VM.Key()+" "+step.Set)
	out := &activities.RepairActOut{Step: step, Doubt: doubt, Act: &plans.ActRecord{Host: step.Host, Verb: step.Verb, Outcome: "done"}}
	if doubt != "" {
		out.Act.Outcome = "unknown"
		return out, nil
	}
	r := l.seen[in.VM.Key()]
	if f := step.Settings.Frequency; f > 0 {
		r.FrequencySec = int(f.D().Seconds())
	}
	if n := step.Settings.RecoveryPoints; n != nil {
		r.RecoveryHistory = *n
	}
	return out, nil
}

// What the policy lets be set is set, once for each VM, and it is on record.
func TestDriftIsSetRight(t *testing.T) {
	l := newDrifted(t, plans.DriftCorrect, func(r *plans.WatchedRelation) { r.FrequencySec = 30 }, "web", "db")
	l.run()
	if !slices.Equal(l.acts, []string{"web frequency 5m", "db frequency 5m"}) {
		t.Errorf("acts %v", l.acts)
	}
	if text := strings.Join(l.notes, "\n"); !strings.Contains(text, "frequency is 30s, should be 5m") || !strings.Contains(text, "its settings are those of the configuration") {
		t.Errorf("on record: %s", text)
	}
}

// Fewer recovery points are asked about, and set after a yes.
func TestFewerPointsAreAskedAbout(t *testing.T) {
	l := newDrifted(t, plans.DriftCorrect, func(r *plans.WatchedRelation) { r.RecoveryHistory = 9 }, "web")
	l.at(time.Hour, func() {
		if vm := l.status()["web"]; vm.Step.Rung != plans.RungAsk || vm.Step.Wants != plans.RungCorrect || len(l.acts) != 0 {
			t.Errorf("before a yes: %+v, %v", vm.Step, l.acts)
		}
		l.say(plans.ChoiceApprove, "web", "")
	})
	l.run()
	if !slices.Equal(l.acts, []string{"web recovery_points 4"}) || !slices.Equal(l.said, []string{""}) {
		t.Errorf("acts %v, said %v", l.acts, l.said)
	}
}

// Settings that did not come to be are not set again, on this day or the next, until
// a person says so.
func TestADoubtStopsTheLadder(t *testing.T) {
	l := newDrifted(t, plans.DriftCorrect, func(r *plans.WatchedRelation) { r.FrequencySec = 30 }, "web")
	l.acting = func(_ context.Context, in activities.RepairActIn) (*activities.RepairActOut, error) {
		if in.VM.Consent != nil {
			return l.correct(in, "")
		}
		return l.correct(in, "UNKNOWN: another leg was changed")
	}
	l.at(50*time.Hour, func() {
		vm := l.status()["web"]
		if vm.Step.Rung != plans.RungAsk || !strings.Contains(vm.Step.Why, "UNKNOWN: another leg was changed") || len(l.acts) != 1 {
			t.Errorf("two days later: %+v, %v", vm.Step, l.acts)
		}
		l.say(plans.ChoiceApprove, "web", "")
	})
	l.run()
	if len(l.acts) != 2 {
		t.Errorf("acts %v", l.acts)
	}
	if text := strings.Join(l.notes, "\n"); !strings.Contains(text, "set-replication at HQ1, unknown") {
		t.Errorf("on record: %s", text)
	}
}

// Both legs of a chain stand on the ladder of a host without knowing of one another.
func TestBothLegsHaveTheirOwnState(t *testing.T) {
	key := plans.RepairKey("web", plans.ExtendedLeg)
	l := newLadder(t, "web", key)
	chain := l.pairs[key]
	chain.Source = plans.Copy{Host: "HQ1", Reached: true, Exists: true, VM: "web", Power: "Off", Mode: "Replica", State: "Replicating", Extended: "Suspended"}
	chain.Target = plans.Copy{Host: "DR1", Reached: true, Exists: true, VM: "web", Power: "Off", Mode: "ExtendedReplica", State: "Replicating"}
	l.acting = func(_ context.Context, in activities.RepairActIn) (*activities.RepairActOut, error) {
		if in.VM.Leg != plans.ExtendedLeg {
			return nil, nil
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		step := l.step(in.VM, in.Today, in.Now)
		l.acts = append(l.acts, in.VM.Key()+" "+string(step.Verb)+"@"+step.Host)
		chain.Source.Extended = "Replicating"
		return &activities.RepairActOut{Step: step, Act: &plans.ActRecord{Host: step.Host, Verb: step.Verb, Outcome: "done"}}, nil
	}
	l.at(20*time.Minute, func() {
		all := l.status() // by id: the last of both
		if vm := all["web"]; vm.Leg != plans.ExtendedLeg || vm.Step.Rung != plans.RungAsk {
			t.Errorf("the leg to the third copy: %+v", vm)
		}
		if !slices.Equal(l.acts, []string{"web resume-replication@HQ1"}) {
			t.Errorf("acts %v", l.acts)
		}
		l.say(plans.ChoiceApprove, key, "")
	})
	l.run()
	if !slices.Equal(l.acts, []string{"web resume-replication@HQ1", key + " resume-extended@HQ1"}) {
		t.Errorf("acts %v", l.acts)
	}
}
