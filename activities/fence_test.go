package activities

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// returned is a site after an unplanned failover whose old primary is back.
func returned(power string) *site {
	s := newSite()
	s.hosts["HQ1"].power, s.hosts["HQ1"].autoStart = power, "StartIfRunning"
	s.hosts["DR1"].power, s.hosts["DR1"].state, s.hosts["DR1"].failover = "Running", "FailedOverWaitingCompletion", "Regular"
	return s
}

func watchOf(policy plans.FencePolicy) WatchIn {
	in := request(plans.PhaseFence)
	in.Intent = plans.Intent{Operation: plans.Fence, UpTo: plans.PhaseFence, Fence: policy}
	return WatchIn{Run: "r", Plan: "p", Hosts: []string{"HQ1"}, VMs: []WatchVM{{VM: in.VM, Intent: in.Intent}}, ShutdownWithin: time.Minute}
}

// unseen makes a host silent, and counts what was asked of whom.
func (s *site) unseen(name string, calls *[]string) {
	s.before = func(_ context.Context, call string) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		*calls = append(*calls, call)
		if strings.HasPrefix(call, name+" ") {
			return &hyperv.NotSentError{Host: name, Reason: "no route to host"}
		}
		return nil
	}
}

func TestWatchOfADarkHostCostsOneCall(t *testing.T) {
	s, b, calls := returned("Running"), &book{}, []string{}
	s.unseen("HQ1", &calls)
	in := watchOf(plans.FenceTurnOff)
	in.VMs = nil
	out, err := engine(s, b).WatchReturn(context.Background(), in)
	if err != nil || len(out.Hosts) != 1 || out.Hosts[0].Seen || out.Hosts[0].Why != "no route to host" {
		t.Errorf("%+v, %v", out, err)
	}
	if !slices.Equal(calls, []string{"HQ1 Get-LifeboatCopies"}) {
		t.Errorf("asked: %v", calls)
	}
}

// One act a round, at the source, written down before and after; a policy that
// asks does nothing to a copy that runs but stop its automatic start.
func TestWatchActsOnceARound(t *testing.T) {
	for _, c := range []struct {
		policy plans.FencePolicy
		acts   []string
		end    plans.DecisionKind
	}{
		{plans.FenceAsk, []string{"HQ1 Set-LifeboatStartAction"}, plans.Refuse},
		{plans.FenceTurnOff, []string{"HQ1 Set-LifeboatStartAction", "HQ1 Stop-LifeboatPower"}, plans.Done},
		{plans.FenceShutDown, []string{"HQ1 Set-LifeboatStartAction", "HQ1 Stop-LifeboatGuest"}, plans.Done},
	} {
		t.Run(string(c.policy), func(t *testing.T) {
			s, b := returned("Running"), &book{}
			a := engine(s, b)
			for round := 1; round <= 3; round++ {
				out, err := a.WatchReturn(context.Background(), watchOf(c.policy))
				if err != nil || !out.Hosts[0].Seen || !out.VMs[0].Seen || out.VMs[0].Over {
					t.Fatalf("round %d: %+v, %v", round, out, err)
				}
				if n := min(round, len(c.acts)); !slices.Equal(s.acts, c.acts[:n]) || len(b.before) != n || len(b.after) != n {
					t.Errorf("round %d: %v, %d and %d notes", round, s.acts, len(b.before), len(b.after))
				}
				if both := s.hosts["HQ1"].power == "Running"; round > len(c.acts) && out.VMs[0].Both != both {
					t.Errorf("round %d: both %v", round, out.VMs[0].Both)
				}
				if round == 3 && out.VMs[0].Decision.Kind != c.end {
					t.Errorf("in the end: %+v", out.VMs[0].Decision)
				}
			}
		})
	}
}

// The good copy cannot be seen: nothing is stopped at the source.
func TestWatchDoesNothingWhileTheGoodCopyIsUnseen(t *testing.T) {
	s, calls := returned("Running"), []string{}
	s.unseen("DR1", &calls)
	out, err := engine(s, &book{}).WatchReturn(context.Background(), watchOf(plans.FenceTurnOff))
	if err != nil || out.VMs[0].Decision.Kind != plans.Wait || len(s.acts) > 0 {
		t.Errorf("%+v, %v, acts %v", out, err, s.acts)
	}
}

func TestWatchEndsWithAReplica(t *testing.T) {
	s := returned("Off")
	s.hosts["HQ1"].mode = "Replica"
	out, err := engine(s, &book{}).WatchReturn(context.Background(), watchOf(plans.FenceAsk))
	if err != nil || !out.VMs[0].Over {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestObserveDoesNothing(t *testing.T) {
	s, b := newSite(), &book{}
	out, err := engine(s, b).Observe(context.Background(), request(plans.PhaseReverse))
	if err != nil || out.Decision.Kind != plans.Act || out.Act != nil || len(s.acts)+len(b.before) > 0 {
		t.Errorf("%+v, %v, acts %v", out, err, s.acts)
	}
}

func TestMakeRoom(t *testing.T) {
	for _, c := range []struct {
		mode, power string
		acts        int
		kind        plans.DecisionKind
	}{
		{"None", "Running", 1, plans.Act}, {"None", "Off", 0, plans.Done}, {"None", "Saved", 0, plans.Done},
		{"Replica", "Running", 0, plans.Refuse}, {"Primary", "Running", 0, plans.Refuse}, {"None", "Stopping", 0, plans.Wait},
	} {
		s, b := newSite(), &book{}
		s.hosts["DR1"].mode, s.hosts["DR1"].power = c.mode, c.power
		out, err := engine(s, b).MakeRoom(context.Background(), RoomIn{Run: "r", Plan: "p", VM: plans.ResidentVM{ID: vmID, Label: "lab", Host: "DR1"}, ShutdownWithin: time.Minute})
		if err != nil || out.Decision.Kind != c.kind || len(s.acts) != c.acts || len(b.after) != c.acts {
			t.Errorf("%s/%s: %+v, %v, acts %v, %d notes", c.mode, c.power, out.Decision, err, s.acts, len(b.after))
		}
	}
}

// A call that hangs holds up neither the look nor the fence of the other copies.
func TestWatchDoesNotWaitForACallThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, b := returned("Running"), &book{}
		s.before = func(ctx context.Context, call string) error {
			if call == "HQ1 Set-LifeboatStartAction" {
				<-ctx.Done()
				return &hyperv.NoAnswerError{Host: "HQ1", Started: true, Err: ctx.Err()}
			}
			return nil
		}
		began := time.Now()
		out, err := engine(s, b).WatchReturn(t.Context(), watchOf(plans.FenceAsk))
		if took := time.Since(began); took > watchWaits {
			t.Errorf("the look took %s", took)
		}
		if err != nil || !out.VMs[0].Seen || out.VMs[0].Decision.Kind != plans.Wait || len(b.after) != 1 {
			t.Errorf("%+v, %v, %v", out, err, b.after)
		}
	})
}

// The run and the watch look side by side: what only the watch saw of a site
// that was back ends a person's word for the run as well, until the copy there
// is seen closed.
func TestWhatTheWatchSawEndsAStatement(t *testing.T) {
	start := func(a *Activities) AdvanceOut {
		t.Helper()
		in := request(plans.PhaseStart)
		in.Run = "r"
		in.Intent = plans.Intent{Operation: plans.UnplannedFailover, UpTo: plans.PhaseStart, SourceGone: true, Accept: true}
		out, err := a.Advance(context.Background(), in)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, c := range []struct {
		name  string
		watch func(*site, *Activities)
		acts  bool
	}{
		{"nothing was seen", func(*site, *Activities) {}, true},
		{"it ran", func(s *site, a *Activities) { look(t, a) }, false},
		{"it answered and was gone before its copies were judged", func(s *site, a *Activities) {
			var calls []string
			s.unseen("HQ1", &calls)
			look(t, a)
		}, false},
		{"it was closed", func(s *site, a *Activities) {
			s.hosts["HQ1"].power, s.hosts["HQ1"].autoStart = "Off", "Nothing"
			look(t, a)
		}, true},
		{"it was closed, and answered and was gone again", func(s *site, a *Activities) {
			s.hosts["HQ1"].power, s.hosts["HQ1"].autoStart = "Off", "Nothing"
			look(t, a)
			var calls []string
			s.unseen("HQ1", &calls)
			look(t, a)
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := returned("Running")
			s.hosts["DR1"].power = "Off"
			a := engine(s, &book{})
			c.watch(s, a)
			var calls []string
			s.unseen("HQ1", &calls)
			if out := start(a); (out.Decision.Kind == plans.Act) != c.acts {
				t.Errorf("%s: %+v", out.Decision.Kind, out.Decision)
			}
		})
	}
}

// What one look saw of a host holds for every VM there: a site that was back is
// not dark for those of which nobody had looked yet.
func TestAHostThatAnsweredIsNotDarkForItsOtherVMs(t *testing.T) {
	failover := func(a *Activities, vm string) plans.Decision {
		t.Helper()
		in := request(plans.PhaseStart)
		in.VM.ID = vm
		in.Intent = plans.Intent{Operation: plans.UnplannedFailover, UpTo: plans.PhaseStart, SourceGone: true}
		out, err := a.Advance(context.Background(), in)
		if err != nil {
			t.Fatal(err)
		}
		return out.Decision
	}
	for name, see := range map[string]func(*Activities){
		"nobody has seen it": func(*Activities) {},
		"another VM's look":  func(a *Activities) { failover(a, "11111111-2222-3333-4444-555555555555") },
		"a look of the watch, for no VM yet": func(a *Activities) {
			in := watchOf(plans.FenceAsk)
			in.VMs = nil
			if _, err := a.WatchReturn(context.Background(), in); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite()
			a := engine(s, &book{})
			see(a)
			var calls []string
			s.unseen("HQ1", &calls)
			d := failover(a, vmID)
			if believed := d.Kind == plans.Act; believed != (name == "nobody has seen it") {
				t.Errorf("%s: %s", d.Kind, d.Why)
			}
		})
	}
}

// look is one look of a watch that asks before it touches what runs.
func look(t *testing.T, a *Activities) {
	t.Helper()
	if _, err := a.WatchReturn(context.Background(), watchOf(plans.FenceAsk)); err != nil {
		t.Fatal(err)
	}
}

// A policy waits while the copy that took over is down, or its host is silent and
// the journal knows that it took over; a person's word is done then too.
func TestAPolicyDoesNotStopTheOnlyCopyThatRuns(t *testing.T) {
	for name, down := range map[string]func(*site, *[]string){
		"down":   func(s *site, _ *[]string) { s.hosts["DR1"].power = "Off" },
		"silent": func(s *site, calls *[]string) { s.unseen("DR1", calls) },
	} {
		t.Run(name, func(t *testing.T) {
			s, b, calls := returned("Running"), &book{}, []string{}
			in := watchOf(plans.FenceTurnOff)
			vm := in.VMs[0].VM
			if _, err := b.Before(plans.ActNote{Run: "r", VM: vm.ID, Host: vm.TargetHost, Verb: plans.VerbStartFailover}); err != nil {
				t.Fatal(err)
			}
			down(s, &calls)
			a := engine(s, b)
			for range 3 {
				out, err := a.WatchReturn(context.Background(), in)
				if err != nil || slices.Contains(s.acts, "HQ1 Stop-LifeboatPower") {
					t.Fatalf("%+v, %v, %v", out, err, s.acts)
				}
				if d := out.VMs[0].Decision; d.Kind != plans.Act && !d.Alone {
					t.Errorf("%s %s", d.Kind, d.Why)
				}
			}
			in.VMs[0].Intent.TurnOff = true
			for range 2 {
				if _, err := a.WatchReturn(context.Background(), in); err != nil {
					t.Fatal(err)
				}
			}
			if s.hosts["HQ1"].power != "Off" {
				t.Errorf("a person decided, and it is %s: %v", s.hosts["HQ1"].power, s.acts)
			}
		})
	}
}
