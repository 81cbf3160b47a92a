package activities

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// broken is the site with replication in a state, an engine with a policy over it
// and a request for the rung that is next.
func broken(t *testing.T, state string, policy plans.RepairPolicy) (*site, *book, *Activities, RepairActIn) {
	t.Helper()
	s, b := newSite(), &book{}
	s.hosts["HQ1"].state = state
	a := engine(s, b)
	a.Repair = RepairDeps{Targets: func() (map[string]plans.RepairTarget, float64) {
		return map[string]plans.RepairTarget{vmID: {VM: vmID, Label: "web", From: "HQ1", To: "DR1", Policy: &policy, Plans: []string{"p"}}}, 1
	}}
	in := RepairActIn{Run: "repair/HQ1", Host: "HQ1", Now: time.Now().UTC(), VM: plans.RepairVM{ID: vmID, Label: "web", Since: time.Now().Add(-time.Hour)}}
	look, err := a.RepairLook(t.Context(), RepairLookIn{Host: "HQ1", VMs: []plans.RepairVM{in.VM}, Now: in.Now})
	if err != nil {
		t.Fatal(err)
	}
	in.VM.Step = look.Steps[vmID]
	return s, b, a, in
}

// What a ladder finds is told to whoever says what comes next.
func TestWhatALadderFindsIsTold(t *testing.T) {
	_, _, a, in := broken(t, "Error", lenient)
	var told map[string]plans.RepairStep
	var when time.Time
	a.Repair.Seen = func(steps map[string]plans.RepairStep, at time.Time) { told, when = steps, at }
	if _, err := a.RepairLook(t.Context(), RepairLookIn{Host: "HQ1", VMs: []plans.RepairVM{in.VM}, Now: in.Now}); err != nil {
		t.Fatal(err)
	}
	if told[vmID].Rung != plans.RungResume || !when.Equal(in.Now) {
		t.Errorf("told %+v at %s", told, when)
	}
}

var lenient = plans.RepairPolicy{Resume: plans.RepairAllow, ResumeAfter: plans.Duration(time.Minute), ResumeTries: 3, Resync: plans.RepairAllow, AtOnce: 1, PerDay: 4}

// One request acts once, also when its activity is run again from its beginning.
func TestARepairActsOnce(t *testing.T) {
	for state, verb := range map[string]plans.Verb{"Error": plans.VerbResume, "WaitingForStartResynchronize": plans.VerbResync} {
		t.Run(state, func(t *testing.T) {
			s, b, a, in := broken(t, state, lenient)
			out, err := a.RepairAct(t.Context(), in)
			if err != nil || out.Act == nil || out.Act.Verb != verb || out.Act.Outcome != "done" {
				t.Fatalf("%+v, %v", out, err)
			}
			// The copy looks as before, as when the act has not begun yet.
			s.hosts["HQ1"].state, s.hosts["DR1"].state = state, "Replicating"
			again, err := a.RepairAct(t.Context(), in)
			if err != nil || again.Act == nil || again.Act.Outcome != "no-answer" {
				t.Errorf("again: %+v, %v", again, err)
			}
			if len(s.acts) != 1 || len(b.before) != 1 || b.before[0].Irreversible != (verb == plans.VerbResync) {
				t.Errorf("acts %v, notes %+v", s.acts, b.before)
			}
		})
	}
}

// What is not certain keeps a repair from acting: another run, a run that cannot
// be asked for, another rung than was asked for, another sender, a full journal.
func TestARepairDoesNotAct(t *testing.T) {
	for name, spoil := range map[string]func(s *site, b *book, a *Activities, in *RepairActIn){
		"a run is open": func(_ *site, _ *book, a *Activities, _ *RepairActIn) {
			a.Repair.Busy = func(context.Context, []string) (string, error) { return "the run plan/p", nil }
		},
		"runs are not known": func(_ *site, _ *book, a *Activities, _ *RepairActIn) {
			a.Repair.Busy = func(context.Context, []string) (string, error) { return "", errors.New("gone") }
		},
		"another rung": func(s *site, _ *book, _ *Activities, _ *RepairActIn) {
			s.hosts["HQ1"].state = "WaitingForStartResynchronize"
		},
		"well by now": func(s *site, _ *book, _ *Activities, _ *RepairActIn) { s.hosts["HQ1"].state = "Replicating" },
		"paused":      func(s *site, _ *book, _ *Activities, _ *RepairActIn) { s.hosts["DR1"].state = "Suspended" },
		"failed over": func(s *site, _ *book, _ *Activities, _ *RepairActIn) {
			s.hosts["DR1"].state = "FailedOverWaitingCompletion"
		},
		"not its host": func(_ *site, _ *book, _ *Activities, in *RepairActIn) { in.Host = "DR1" },
		"no policy": func(_ *site, _ *book, a *Activities, _ *RepairActIn) {
			a.Repair.Targets = func() (map[string]plans.RepairTarget, float64) { return nil, 1 }
		},
		"the journal is full": func(_ *site, b *book, _ *Activities, _ *RepairActIn) { b.full = true },
	} {
		t.Run(name, func(t *testing.T) {
			s, b, a, in := broken(t, "Error", lenient)
			if in.VM.Step.Verb != plans.VerbResume {
				t.Fatalf("%+v", in.VM.Step)
			}
			spoil(s, b, a, &in)
			out, err := a.RepairAct(t.Context(), in)
			if len(s.acts) != 0 || out.Act != nil || (err != nil) != b.full {
				t.Errorf("%+v, %v, acts %v", out, err, s.acts)
			}
		})
	}
}

// A host that does not tell what goes on there counts as busy.
func TestAHostThatDoesNotTellIsFull(t *testing.T) {
	s, _, a, in := broken(t, "WaitingForStartResynchronize", lenient)
	if in.VM.Step.Verb != plans.VerbResync {
		t.Fatalf("%+v", in.VM.Step)
	}
	s.before = func(_ context.Context, call string) error {
		if call == "DR1 Get-LifeboatReplication" {
			return errors.New("no answer")
		}
		return nil
	}
	out, err := a.RepairAct(t.Context(), in)
	if err != nil || out.Act != nil || out.Step.Rung != plans.RungWait || len(s.acts) != 0 {
		t.Errorf("%+v, %v, acts %v", out, err, s.acts)
	}
}

// Whoever counts at a host counts alone, and a turn that is given up is free.
func TestTurnsAreTakenOneByOne(t *testing.T) {
	var all turns
	give, err := all.take(t.Context(), "A", "B")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waits := make(chan error)
	go func() {
		_, err := all.take(ctx, "C", "B")
		waits <- err
	}()
	cancel()
	if err := <-waits; err == nil {
		t.Fatal("two have the turn of B")
	}
	give()
	for _, pair := range [][2]string{{"B", "C"}, {"A", "A"}, {"B", "A"}} {
		give, err := all.take(t.Context(), pair[0], pair[1])
		if err != nil {
			t.Fatal(err)
		}
		give()
	}
}

// A tick hands on what has stopped, to the ladder of the sender, and nothing of
// VMs without a policy.
func TestATickAsksForRepairs(t *testing.T) {
	_, _, a, _ := broken(t, "Error", lenient)
	asked := map[string][]string{}
	a.Repair.Ask = func(_ context.Context, host string, vms []string) error {
		asked[host] = append(asked[host], vms...)
		return nil
	}
	leg := plans.WatchedLeg{VM: vmID, Label: "web", Leg: plans.FirstLeg, From: "HQ1", To: "DR1"}
	schedule := plans.HostSchedule{ScheduleID: plans.ScheduleID{Host: "HQ1"}, Legs: []plans.WatchedLeg{leg}}
	tick := func(host, mode, state string) plans.HostTick {
		return plans.HostTick{Host: host, Copies: []plans.WatchedCopy{{VM: vmID, Mode: mode, State: state, Relations: []plans.WatchedRelation{{State: state}}}}}
	}
	a.askRepairs(t.Context(), schedule, tick("HQ1", "Primary", "Replicating"))
	a.askRepairs(t.Context(), schedule, tick("DR1", "Replica", "WaitingForInitialReplication"))
	if len(asked) != 0 {
		t.Fatalf("asked without need: %v", asked)
	}
	a.askRepairs(t.Context(), schedule, tick("HQ1", "Primary", "Error"))
	a.askRepairs(t.Context(), schedule, tick("DR1", "Replica", "Error"))
	if !slices.Equal(asked["HQ1"], []string{vmID, vmID}) || len(asked) != 1 {
		t.Errorf("asked %v", asked)
	}
	a.Repair.Targets = nil
	clear(asked)
	a.askRepairs(t.Context(), schedule, tick("HQ1", "Primary", "Error"))
	if len(asked) != 0 {
		t.Errorf("asked without a policy: %v", asked)
	}
}

// replications is a site's answer about how a copy replicates.
func replications(c *copyState) json.RawMessage {
	relations := append([]map[string]any{}, c.relations...)
	text, err := json.Marshal(map[string]any{"utc": time.Now().UTC(), "missing": []string{}, "copies": []any{map[string]any{
		"vm": vmID, "mode": c.mode, "state": c.state, "health": "Normal", "relations": relations, "problems": []string{},
	}}})
	if err != nil {
		panic(err)
	}
	return text
}
