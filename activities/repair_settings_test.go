package activities

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// relation is one that a host tells of, as a schedule reads it.
func relation(kind string, every, points int) map[string]any {
	return map[string]any{
		"relationship": kind, "state": "Replicating", "frequencySec": every, "recoveryHistory": points, "auth": "Kerberos", "port": 80,
		"replicated": []string{`D:\\os.vhdx`}, "excluded": []string{}, "replicaServer": "dr1",
	}
}

// drifted is the site with settings that differ, an engine that may set them, and
// the request for that. The VM's first leg goes from HQ1 to DR1; of a chain HQ1 is the
// middle and DR1 the third.
func drifted(t *testing.T, leg plans.Leg, change func(*plans.RepairTarget)) (*site, *Activities, RepairActIn) {
	t.Helper()
	s, points := newSite(), 4
	target := plans.RepairTarget{VM: vmID, Label: "web", From: "HQ1", To: "DR1", Plans: []string{"p"}, Policy: &plans.RepairPolicy{Drift: plans.DriftCorrect, AtOnce: 1, PerDay: 4},
		Leg: plans.WatchedLeg{VM: vmID, Leg: leg, From: "HQ1", To: "DR1", Names: []string{"dr1"}, Policy: plans.LegPolicy{Frequency: plans.Frequency(15 * time.Minute), RecoveryPoints: &points}}}
	hq, dr := s.hosts["HQ1"], s.hosts["DR1"]
	hq.relations, dr.relations = []map[string]any{relation("Simple", 300, 4)}, []map[string]any{relation("Simple", 300, 4)}
	in := RepairActIn{Run: "repair/HQ1", Host: "HQ1", Now: time.Now().UTC(), VM: plans.RepairVM{ID: vmID, Label: "web", Since: time.Now().Add(-time.Hour)}}
	if leg == plans.ExtendedLeg {
		hq.mode, hq.power, dr.mode = "Replica", "Off", "ExtendedReplica"
		hq.relations = append(hq.relations, relation("Extended", 300, 0))
		target.Leg.Policy.RecoveryPoints, in.VM.Leg = nil, leg
	}
	if change != nil {
		change(&target)
	}
	s.setting = func(c *copyState) { c.relations[len(c.relations)-1]["frequencySec"] = 900 }
	a := engine(s, &book{})
	a.Repair = RepairDeps{Targets: func() (map[string]plans.RepairTarget, float64) {
		return map[string]plans.RepairTarget{plans.RepairKey(vmID, leg): target}, 1
	}}
	look, err := a.RepairLook(t.Context(), RepairLookIn{Host: "HQ1", VMs: []plans.RepairVM{in.VM}, Now: in.Now})
	if err != nil {
		t.Fatal(err)
	}
	in.VM.Step = look.Steps[in.VM.Key()]
	return s, a, in
}

// Settings are set once and read back, on either leg.
func TestSettingsAreSetAndReadBack(t *testing.T) {
	for _, leg := range []plans.Leg{plans.FirstLeg, plans.ExtendedLeg} {
		s, a, in := drifted(t, leg, nil)
		if in.VM.Step.Rung != plans.RungCorrect {
			t.Fatalf("%s: %+v", leg, in.VM.Step)
		}
		out, err := a.RepairAct(t.Context(), in)
		if err != nil || out.Act == nil || out.Act.Outcome != "done" || out.Doubt != "" {
			t.Fatalf("%s: %+v, %v", leg, out, err)
		}
		if !slices.Equal(s.acts, []string{"HQ1 Set-LifeboatReplication"}) {
			t.Errorf("%s: acts %v", leg, s.acts)
		}
		look, err := a.RepairLook(t.Context(), RepairLookIn{Host: "HQ1", VMs: []plans.RepairVM{in.VM}, Now: in.Now})
		if step := look.Steps[in.VM.Key()]; err != nil || step.Rung != plans.RungWell {
			t.Errorf("%s: afterwards %+v, %v", leg, step, err)
		}
	}
}

// A host that changes the other relationship, or none, leaves a doubt.
func TestSettingsOfAnotherLegLeaveADoubt(t *testing.T) {
	for what, c := range map[string]struct {
		setting func(*copyState)
		words   string
	}{
		"the other": {func(c *copyState) { c.relations[0]["frequencySec"] = 900 }, "another leg was changed"},
		"none":      {func(*copyState) {}, "shows a frequency of 300 s"},
	} {
		s, a, in := drifted(t, plans.ExtendedLeg, nil)
		s.setting = c.setting
		out, err := a.RepairAct(t.Context(), in)
		if err != nil || out.Act == nil || out.Act.Outcome != "unknown" || !strings.Contains(out.Doubt, c.words) {
			t.Errorf("%s: %+v, %v", what, out, err)
		}
	}
}

// Settings are not set while a run is open, where the host does not tell how it is
// set, where something else would be set than was decided, and where the hosts could
// not talk so.
func TestSettingsAreNotSet(t *testing.T) {
	certificate := func(target *plans.RepairTarget) {
		target.Leg.Policy = plans.LegPolicy{Authentication: "certificate", Thumbprints: map[string]string{"HQ1": "AA"}}
	}
	silent := func(function string) func(context.Context, string) error {
		return func(_ context.Context, call string) error {
			if strings.HasSuffix(call, function) {
				return errors.New("no answer")
			}
			return nil
		}
	}
	for what, c := range map[string]struct {
		change func(*plans.RepairTarget)
		spoil  func(s *site, a *Activities)
	}{
		"a run is open": {nil, func(_ *site, a *Activities) {
			a.Repair.Busy = func(context.Context, []string) (string, error) { return "the run plan/p", nil }
		}},
		"it does not tell": {nil, func(s *site, _ *Activities) { s.before = silent("Get-LifeboatReplication") }},
		"more has changed": {nil, func(s *site, _ *Activities) { s.hosts["HQ1"].relations[0]["recoveryHistory"] = 1 }},
		"it is set by now": {nil, func(s *site, _ *Activities) { s.hosts["HQ1"].relations[0]["frequencySec"] = 900 }},
		"it is paused":     {nil, func(s *site, _ *Activities) { s.hosts["HQ1"].state = "Suspended" }},
		"there is no line": {certificate, func(s *site, _ *Activities) { s.before = silent("Test-LifeboatLink") }},
	} {
		s, a, in := drifted(t, plans.FirstLeg, c.change)
		if in.VM.Step.Rung != plans.RungCorrect {
			t.Fatalf("%s: %+v", what, in.VM.Step)
		}
		c.spoil(s, a)
		if out, err := a.RepairAct(t.Context(), in); err != nil || out.Act != nil || len(s.acts) != 0 {
			t.Errorf("%s: %+v, %v, acts %v", what, out, err, s.acts)
		}
	}
}

// The leg to the third copy is resumed by its own verb, in the state it was seen in.
func TestTheLegToTheThirdCopyIsResumed(t *testing.T) {
	s, a, in := drifted(t, plans.ExtendedLeg, func(target *plans.RepairTarget) { target.Policy = &lenient })
	s.hosts["HQ1"].relations[1]["state"] = "Error"
	look, err := a.RepairLook(t.Context(), RepairLookIn{Host: "HQ1", VMs: []plans.RepairVM{in.VM}, Now: in.Now})
	if err != nil {
		t.Fatal(err)
	}
	in.VM.Step = look.Steps[in.VM.Key()]
	if step := in.VM.Step; step.Verb != plans.VerbResumeExtended || step.LegState != "Error" || step.Expect.State != "Replicating" {
		t.Fatalf("%+v", step)
	}
	if out, err := a.RepairAct(t.Context(), in); err != nil || out.Act == nil || !slices.Equal(s.acts, []string{"HQ1 Resume-LifeboatLeg"}) {
		t.Errorf("%+v, %v, acts %v", out, err, s.acts)
	}
}

// A tick asks for settings only where a policy lets them be set, and of both legs.
func TestATickAsksForSettings(t *testing.T) {
	for _, mode := range []plans.DriftMode{plans.DriftReport, plans.DriftAsk, plans.DriftCorrect} {
		_, a, _ := drifted(t, plans.ExtendedLeg, func(target *plans.RepairTarget) { target.Policy = &plans.RepairPolicy{Drift: mode} })
		var asked []string
		a.Repair.Ask = func(_ context.Context, host string, legs []string) error {
			for _, leg := range legs {
				asked = append(asked, host+" "+leg)
			}
			return nil
		}
		targets, _ := a.Repair.Targets()
		key := plans.RepairKey(vmID, plans.ExtendedLeg)
		s := plans.HostSchedule{ScheduleID: plans.ScheduleID{Host: "HQ1"}, Legs: []plans.WatchedLeg{targets[key].Leg}}
		tick := plans.HostTick{Host: "HQ1", Copies: []plans.WatchedCopy{{VM: vmID, Mode: "Replica", State: "Replicating", Relations: []plans.WatchedRelation{
			{State: "Replicating", FrequencySec: 300}, {Extended: true, State: "Replicating", FrequencySec: 300},
		}}}}
		a.askRepairs(t.Context(), s, tick)
		if want := mode != plans.DriftReport; want != slices.Equal(asked, []string{"HQ1 " + key}) || !want && len(asked) > 0 {
			t.Errorf("%s: asked %v", mode, asked)
		}
		asked = nil
		tick.Copies[0].Relations[1].State = "Error"
		a.askRepairs(t.Context(), s, tick)
		if !slices.Equal(asked, []string{"HQ1 " + key}) {
			t.Errorf("%s: a leg in error asks %v", mode, asked)
		}
	}
}
