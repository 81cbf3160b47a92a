package workflows

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// fenceTrial is one watch on a lost site against a world. The desk is asked
// every few seconds with the watch's picture.
type fenceTrial struct {
	t       *testing.T
	world   *world
	env     *testsuite.TestWorkflowEnvironment
	in      fenceInput
	desk    func(now time.Duration, s plans.FenceStatus) *plans.Answer
	refused []string
	status  plans.FenceStatus
}

// newFenceTrial is a watch after an unplanned failover of northwind: the site is
// dark, the good copies run at DR.
func newFenceTrial(t *testing.T, policy plans.FencePolicy) *fenceTrial {
	t.Helper()
	run := northwind()
	run.Operation, run.OnReturn = plans.UnplannedFailover, policy
	f := &fenceTrial{t: t, world: newWorld(run), in: fenceInput{Run: withoutSteps(run), VMs: run.VMs()}}
	f.world.failedOver()
	for _, vm := range northVMs {
		f.world.pair(vm, func(p *plans.Pair) { p.Source.Reached = false })
	}
	f.env = testEnvironment()
	Register(f.env)
	for name, act := range map[string]any{activities.WatchReturnName: f.world.WatchReturn, activities.NotifyName: f.world.Notify} {
		f.env.RegisterActivityWithOptions(act, activity.RegisterOptions{Name: name})
	}
	f.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: FenceID(run.Plan), TaskQueue: TaskQueue})
	return f
}

const (
	fenceTick  = 3 * time.Second
	fenceLimit = 6 * time.Hour
)

func (f *fenceTrial) run() *fenceTrial {
	f.t.Helper()
	began := f.env.Now()
	var tick func()
	tick = func() {
		if f.env.IsWorkflowCompleted() {
			return
		}
		if f.env.Now().Sub(began) > fenceLimit {
			f.t.Errorf("the watch goes on after %s: %+v", fenceLimit, f.picture())
			f.env.CancelWorkflow()
			return
		}
		var a *plans.Answer
		s := f.picture()
		f.world.onScene(func() { a = f.desk(f.env.Now().Sub(began), s) })
		if a != nil {
			f.say(*a)
		}
		f.env.RegisterDelayedCallback(tick, fenceTick)
	}
	f.env.RegisterDelayedCallback(tick, fenceTick)
	f.env.ExecuteWorkflow(FenceReturn, f.in)
	if err := f.env.GetWorkflowError(); err != nil {
		f.t.Fatalf("the watch failed: %v; %+v", err, f.status)
	}
	if err := f.env.GetWorkflowResult(&f.status); err != nil {
		f.t.Fatal(err)
	}
	return f
}

func (f *fenceTrial) picture() plans.FenceStatus {
	var s plans.FenceStatus
	v, err := f.env.QueryWorkflow(StatusQuery)
	if err == nil {
		err = v.Get(&s)
	}
	if err != nil {
		f.t.Error(err)
	}
	return s
}

func (f *fenceTrial) say(a plans.Answer) {
	if a.By == "" {
		a.By = "mia"
	}
	f.env.UpdateWorkflow(string(a.Choice), "", &testsuite.TestUpdateCallback{
		OnAccept: func() {}, OnReject: func(err error) { f.refused = append(f.refused, err.Error()) }, OnComplete: func(any, error) {},
	}, a)
}

// power lets the lost host come back, its copies as they are.
func (f *fenceTrial) power(change func(*plans.Copy)) {
	for _, vm := range northVMs {
		f.world.pair(vm, func(p *plans.Pair) {
			p.Source.Reached, p.Source.At = true, f.env.Now().UTC()
			p.Source.AutoStart = "StartIfRunning"
			if change != nil {
				change(&p.Source)
			}
		})
	}
}

// gone makes every old copy a replica, which ends the watch.
func (f *fenceTrial) reprotected() {
	for _, vm := range northVMs {
		f.world.pair(vm, func(p *plans.Pair) { p.Source.Mode, p.Source.State, p.Source.Power = "Replica", "Replicating", "Off" })
	}
}

func states(s plans.FenceStatus) map[plans.FenceState]int {
	n := map[plans.FenceState]int{}
	for _, vm := range s.VMs {
		n[vm.State]++
	}
	return n
}

// The host comes back with its copies off: they are kept from starting by
// themselves, at once, and nobody is asked. The watch goes on until they are
// replicas.
func TestFenceStopsAutoStartAtOnce(t *testing.T) {
	f := newFenceTrial(t, plans.FenceAsk)
	back, fenced := time.Duration(0), time.Duration(0)
	f.desk = func(now time.Duration, s plans.FenceStatus) *plans.Answer {
		if len(s.Waiting) > 0 {
			t.Errorf("asked: %+v", s.Waiting)
		}
		switch {
		case back == 0 && now > 2*time.Hour:
			if len(f.world.effects) > 0 || states(s)[plans.FenceUnseen] != 4 {
				t.Errorf("before it is back: %v, %+v", f.world.effects, s)
			}
			back = now
			f.power(nil)
		case back > 0 && fenced == 0 && states(s)[plans.FenceClosed] == 4:
			fenced = now
		case fenced > 0 && now > fenced+time.Hour:
			f.reprotected()
		}
		return nil
	}
	f.run()
	if f.status.Verdict != plans.VerdictDone {
		t.Errorf("%s: %s", f.status.Verdict, f.status.Summary)
	}
	if got := f.world.did("no-auto-start"); len(got) != 4 {
		t.Errorf("auto start stopped at %v; all: %v", got, f.world.effects)
	}
	if late := fenced - back; fenced == 0 || late > watchUnseenMost+10*time.Second {
		t.Errorf("fenced %s after the host was back", late)
	}
	// A look at a dark site judges no copy, so it costs one call per host.
	if f.world.watches[0] != 0 || !slices.Contains(f.world.watches, 4) {
		t.Errorf("looks: %v", f.world.watches)
	}
}

// An old copy runs: people are told at once and every hour, nothing is done to
// it until one decides, and what is decided is done at the source only.
func TestFenceAsksAboutACopyThatRuns(t *testing.T) {
	for _, choice := range []plans.Choice{plans.ChoiceTurnOff, plans.ChoiceDisconnect} {
		t.Run(string(choice), func(t *testing.T) {
			f := newFenceTrial(t, plans.FenceAsk)
			var asked time.Duration
			back := false
			given := map[string]bool{}
			f.desk = func(now time.Duration, s plans.FenceStatus) *plans.Answer {
				switch {
				case now < time.Minute:
				case !back:
					back = true
					f.power(func(c *plans.Copy) {
						c.Power, c.Adapters = "Running", []plans.Adapter{{Name: "a", Switch: "lan", Connected: true}}
					})
				case asked == 0 && len(s.Waiting) == 0:
				case asked == 0:
					asked = now
					q := s.Waiting[0]
					if len(s.Waiting) != 4 || s.Verdict != plans.VerdictHeld || !strings.Contains(q.Text, "exist nowhere else") || !strings.Contains(q.SafeToWait, "Good copy: DR1") {
						t.Errorf("%s, waiting %+v", s.Verdict, s.Waiting)
					}
				case now < asked+150*time.Minute:
					for _, vm := range northVMs {
						if got := f.world.of(vm); !slices.Equal(got, []string{"no-auto-start@HQ1"}) {
							t.Fatalf("%s: %v before anybody decided", vm, got)
						}
					}
				case len(s.Waiting) > 0 && !given[s.Waiting[0].VM]:
					given[s.Waiting[0].VM] = true
					return &plans.Answer{Choice: choice, VM: s.Waiting[0].VM}
				case states(s)[plans.FenceClosed] == 4:
					for _, vm := range s.VMs {
						if vm.BothFirst.IsZero() || vm.BothLast.Before(vm.BothFirst) {
							t.Errorf("%s: both copies ran from %s to %s", vm.Label, vm.BothFirst, vm.BothLast)
						}
					}
					f.reprotected()
				}
				return nil
			}
			f.run()
			if f.status.Verdict != plans.VerdictDone || len(f.status.Answers) != 4 {
				t.Errorf("%s: %s, %d answers", f.status.Verdict, f.status.Summary, len(f.status.Answers))
			}
			for _, vm := range northVMs {
				if got := f.world.of(vm); !slices.Equal(got, []string{"no-auto-start@HQ1", string(choice) + "@HQ1"}) {
					t.Errorf("%s: %v", vm, got)
				}
			}
			told := 0
			for _, note := range f.world.notes {
				if strings.Contains(note, "DANGER") && strings.Contains(note, ", dc:") {
					told++
				}
			}
			if told != 3 {
				t.Errorf("people were told %d times of dc in two and a half hours: %v", told, f.world.notes)
			}
		})
	}
}

func TestFenceByPolicyAsksNobody(t *testing.T) {
	f := newFenceTrial(t, plans.FenceTurnOff)
	f.desk = func(now time.Duration, s plans.FenceStatus) *plans.Answer {
		switch {
		case len(s.Waiting) > 0:
			t.Errorf("asked: %+v", s.Waiting)
		case now > time.Minute && states(s)[plans.FenceUnseen] == 4:
			f.power(func(c *plans.Copy) { c.Power = "Running" })
		case states(s)[plans.FenceClosed] == 4:
			f.reprotected()
		}
		return nil
	}
	f.run()
	if got := f.world.did("turn-off"); len(got) != 4 || f.status.Verdict != plans.VerdictDone {
		t.Errorf("%s, turned off %v", f.status.Verdict, got)
	}
}

// A copy at a site whose good copies cannot be seen, or have not taken over, is
// not touched.
func TestFenceTouchesNothingBeforeTheTakeover(t *testing.T) {
	f := newFenceTrial(t, plans.FenceTurnOff)
	for _, vm := range northVMs {
		f.world.pair(vm, func(p *plans.Pair) {
			p.Target.Power, p.Target.State, p.Target.FailoverType = "Off", "Replicating", ""
			p.Target.Reached = vm != "dc"
		})
	}
	f.desk = func(now time.Duration, s plans.FenceStatus) *plans.Answer {
		switch {
		case now > time.Minute && states(s)[plans.FenceUnseen] == 4:
			f.power(func(c *plans.Copy) { c.Power = "Running" })
		case now > time.Hour:
			if n := states(s); n[plans.FenceEarly] != 3 || n[plans.FenceActing] != 1 {
				t.Errorf("states %v", n)
			}
			return &plans.Answer{Choice: plans.ChoiceStandDown, Reason: "HQ goes on"}
		}
		return nil
	}
	f.run()
	for _, vm := range northVMs {
		if got := f.world.of(vm); len(got) > 0 {
			t.Errorf("%s: %v", vm, got)
		}
	}
	if f.status.Verdict != plans.VerdictStopped || !strings.Contains(f.status.Summary, "HQ goes on") {
		t.Errorf("%s: %s", f.status.Verdict, f.status.Summary)
	}
}

// A host that has just started says of its VMs that it has none, before it has
// found them: the watch goes on, and ends when they stay away.
func TestTheWatchDoesNotTakeAMissingCopyForGoneAtOnce(t *testing.T) {
	f := newFenceTrial(t, plans.FenceTurnOff)
	var back, found time.Duration
	f.desk = func(now time.Duration, s plans.FenceStatus) *plans.Answer {
		switch {
		case now > time.Minute && back == 0:
			back = now
			f.power(func(c *plans.Copy) { c.Exists = false })
		case back > 0 && now > back+2*time.Minute && found == 0:
			found = now
			f.power(func(c *plans.Copy) { c.Exists, c.Power = c.VM != guid("web"), "Running" })
		case found > 0 && now > found+5*time.Minute && len(f.world.did("turn-off")) < 3:
			t.Fatalf("turned off: %v; %+v", f.world.did("turn-off"), s)
		case found > 0 && now > found+30*time.Minute:
			f.reprotected()
		}
		return nil
	}
	f.run()
	if got := f.world.did("turn-off"); len(got) != 3 || slices.Contains(got, "web") || f.status.Verdict != plans.VerdictDone {
		t.Errorf("%s: turned off %v: %s", f.status.Verdict, got, f.status.Summary)
	}
}

func TestFenceValidators(t *testing.T) {
	f := newFenceTrial(t, plans.FenceAsk)
	wrong := []plans.Answer{
		{Choice: plans.ChoiceTurnOff, VM: "dc"}, {Choice: plans.ChoiceTurnOff, VM: "nobody"}, {Choice: plans.ChoiceTurnOff},
		{Choice: plans.ChoiceSkip, VM: "dc"}, {Choice: plans.ChoiceStandDown},
	}
	left := 0
	f.desk = func(now time.Duration, s plans.FenceStatus) *plans.Answer {
		if len(wrong) > 0 {
			a := wrong[0]
			wrong = wrong[1:]
			return &a
		}
		if left < 4 {
			left++
			return &plans.Answer{Choice: plans.ChoiceSkip, VM: northVMs[left-1], Reason: "scrapped"}
		}
		return nil
	}
	f.run()
	if len(f.refused) != 5 || len(f.status.Answers) != 4 || states(f.status)[plans.FenceLeft] != 4 {
		t.Errorf("refused %v, answers %d, states %v", f.refused, len(f.status.Answers), states(f.status))
	}
}

// A new unplanned failover is told to a watch that goes on, and a cancel that is
// done ends it.
func TestFenceHearsOfOtherRuns(t *testing.T) {
	f := newFenceTrial(t, plans.FenceAsk)
	told := false
	f.desk = func(now time.Duration, s plans.FenceStatus) *plans.Answer {
		switch {
		case now < time.Minute:
		case !told:
			told = true
			again := f.in
			again.Run.RunID, again.Run.OnReturn = "north-2", plans.FenceTurnOff
			again.VMs = append(slices.Clone(again.VMs), testVM("extra"))
			f.world.mu.Lock()
			f.world.labels[guid("extra")] = "extra"
			f.world.pairs[guid("extra")] = &plans.Pair{ID: guid("extra"), Source: plans.Copy{Host: "HQ1"}, Target: plans.Copy{Host: "DR1"}}
			f.world.mu.Unlock()
			f.env.SignalWorkflow(watchSignal, again)
		case now > 2*time.Minute:
			if s.RunID != "north-2" || s.OnReturn != plans.FenceTurnOff || len(s.VMs) != 5 {
				t.Errorf("%s, %s, %d VMs", s.RunID, s.OnReturn, len(s.VMs))
			}
			f.env.SignalWorkflow(StandDownSignal, "the failover was taken back by mia")
		}
		return nil
	}
	f.run()
	if f.status.Verdict != plans.VerdictStopped || !strings.Contains(f.status.Summary, "taken back by mia") {
		t.Errorf("%s: %s", f.status.Verdict, f.status.Summary)
	}
}

// A failover that asks for the watch while people are told of its end is watched:
// it was told that somebody listens.
func TestTheWatchHearsWhoAsksForItAtItsEnd(t *testing.T) {
	for name, end := range map[string]func(*fenceTrial){
		"all is over": func(f *fenceTrial) { f.power(nil); f.reprotected() },
		"told to end": func(f *fenceTrial) { f.env.SignalWorkflow(StandDownSignal, "mia knows better") },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFenceTrial(t, plans.FenceAsk)
			said := 0
			f.env.OnActivity(activities.NotifyName, mock.Anything, mock.Anything).Return(func(ctx context.Context, in activities.NotifyIn) error {
				if said++; said == 1 {
					again := f.in
					again.Run.RunID = "north-2"
					f.world.failedOver()
					f.power(func(c *plans.Copy) { c.Mode, c.State = "Primary", "Replicating" })
					f.env.SignalWorkflow(watchSignal, again)
				}
				return f.world.Notify(ctx, in)
			})
			done, fenced := false, false
			f.desk = func(now time.Duration, s plans.FenceStatus) *plans.Answer {
				switch {
				case now > time.Minute && !done:
					done = true
					end(f)
				case said > 0 && states(s)[plans.FenceClosed] == 4:
					fenced = true
					f.reprotected()
				}
				return nil
			}
			f.run()
			if !fenced || f.status.RunID != "north-2" || f.status.Verdict != plans.VerdictDone || said != 2 {
				t.Errorf("fenced %v, told %d times, %s of %s: %s", fenced, said, f.status.Verdict, f.status.RunID, f.status.Summary)
			}
		})
	}
}

// A failover that was taken back for some VMs ends the watch on those, and on the
// others it goes on.
func TestWatchGoesOnBesideWhatWasTakenBack(t *testing.T) {
	f := newFenceTrial(t, plans.FenceAsk)
	told := 0
	f.desk = func(now time.Duration, s plans.FenceStatus) *plans.Answer {
		over := 0
		for _, vm := range s.VMs {
			if vm.State == plans.FenceOver {
				over++
			}
		}
		switch {
		case now < time.Minute:
		case told == 0:
			told++
			f.env.SignalWorkflow(takenBackSignal, takenBack{By: "mia", VMs: []string{s.VMs[0].ID, guid("nobody")}})
		case now > 10*time.Minute && told == 1:
			told++
			if over != 1 || !s.Ended.IsZero() {
				t.Errorf("%d over, ended %v", over, s.Ended)
			}
			var rest []string
			for _, vm := range s.VMs {
				rest = append(rest, vm.ID)
			}
			f.env.SignalWorkflow(takenBackSignal, takenBack{By: "mia", VMs: rest})
		}
		return nil
	}
	f.run()
	if f.status.Verdict != plans.VerdictDone || told != 2 {
		t.Errorf("%s: %s, told %d", f.status.Verdict, f.status.Summary, told)
	}
}

// A history that grows long is handed on, with all that was decided and who was
// told.
func TestFenceContinuesAsNew(t *testing.T) {
	f := newFenceTrial(t, plans.FenceAsk)
	f.env.SetContinueAsNewSuggested(true)
	f.power(func(c *plans.Copy) { c.Power = "Running" })
	f.in.Carried = &fenceCarried{
		Decided: []decided{{ID: guid("dc"), Policy: plans.FenceDisconnect}},
		Status: plans.FenceStatus{Plan: "north", Hosts: []plans.FencedHost{{Name: "HQ1", Seen: true, Since: f.env.Now()}},
			VMs: []plans.FencedVM{{ID: guid("dc"), Label: "dc", SourceHost: "HQ1", TargetHost: "DR1", State: plans.FenceOpen}}},
	}
	f.env.ExecuteWorkflow(FenceReturn, f.in)
	var again *workflow.ContinueAsNewError
	if err := f.env.GetWorkflowError(); !errors.As(err, &again) {
		t.Fatalf("error %v", err)
	}
	var next fenceInput
	if err := converter.GetDefaultDataConverter().FromPayloads(again.Input, &next); err != nil {
		t.Fatal(err)
	}
	if next.Run.RunID != "north-1" || len(next.Carried.Status.VMs) != 1 || next.Carried.Decided[0].Policy != plans.FenceDisconnect {
		t.Errorf("handed on: %+v", next)
	}
}

// A guest that takes its time to shut down on one host must not hide that
// another host is back.
func TestFenceLooksAfterEveryHostByItself(t *testing.T) {
	if testing.Short() {
		t.Skip("an act under way keeps the test clock from running ahead")
	}
	f := newFenceTrial(t, plans.FenceShutDown)
	f.in.VMs[3].SourceHost = "HQ2" // web
	f.world.pair("web", func(p *plans.Pair) { p.Source.Host = "HQ2" })
	reached := func(vm string) {
		f.world.pair(vm, func(p *plans.Pair) { p.Source.Reached, p.Source.Power, p.Source.AutoStart = true, "Running", "Nothing" })
	}
	web := make(chan struct{})
	f.world.before = func(in activities.AdvanceIn, d plans.Decision) (*activities.AdvanceOut, error) {
		switch in.VM.Label {
		case "dc": // while it shuts down, HQ2 comes back
			reached("web")
			f.world.aside(func() {
				select {
				case <-web:
				case <-time.After(20 * time.Second):
					t.Error("nobody looked after HQ2")
				}
			})
		case "web":
			close(web)
		}
		return nil, nil
	}
	f.desk = func(now time.Duration, s plans.FenceStatus) *plans.Answer {
		switch {
		case now > time.Minute && states(s)[plans.FenceUnseen] == 4:
			for _, vm := range northVMs[:3] {
				reached(vm)
			}
		case states(s)[plans.FenceClosed] == 4:
			f.reprotected()
		}
		return nil
	}
	f.run()
	if f.status.Verdict != plans.VerdictDone || len(f.world.did("shut-down")) != 4 {
		t.Errorf("%s: %s; %v", f.status.Verdict, f.status.Summary, f.world.effects)
	}
}

// A look that began before a person's answer knows nothing of it: what was decided
// stands, and is not asked again.
func TestFenceAsksNothingTwiceThatWasAnsweredDuringALook(t *testing.T) {
	f := newFenceTrial(t, plans.FenceAsk)
	// answer decides about a VM while a look is under way, and gives the watch's
	// picture after it.
	answer := func(vm string) (s plans.FenceStatus) {
		done := make(chan struct{})
		f.env.UpdateWorkflow(string(plans.ChoiceTurnOff), "", &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnReject: func(err error) { t.Error(err) },
			OnComplete: func(v any, _ error) { s = v.(plans.FenceStatus); close(done) },
		}, plans.Answer{Choice: plans.ChoiceTurnOff, VM: vm, By: "mia"})
		f.world.aside(func() { <-done })
		return s
	}
	f.world.before = func(in activities.AdvanceIn, d plans.Decision) (*activities.AdvanceOut, error) {
		switch {
		case d.Verb != plans.VerbTurnOff:
		case in.VM.Label == northVMs[0]:
			answer(northVMs[1])
		case in.VM.Label == northVMs[1]: // the look after
			for _, q := range answer(northVMs[2]).Waiting {
				if q.VM == northVMs[1] {
					t.Errorf("it is asked about again: %+v", q)
				}
			}
		}
		return nil, nil
	}
	back := false
	f.desk = func(now time.Duration, s plans.FenceStatus) *plans.Answer {
		switch {
		case now < time.Minute:
		case !back:
			back = true
			f.power(func(c *plans.Copy) { c.Power = "Running" })
		case len(s.Answers) == 0 && len(s.Waiting) == len(northVMs):
			return &plans.Answer{Choice: plans.ChoiceTurnOff, VM: northVMs[0]}
		case states(s)[plans.FenceClosed] == 3:
			f.reprotected()
		}
		return nil
	}
	if f.run(); len(f.status.Answers) != 3 {
		t.Errorf("%d answers", len(f.status.Answers))
	}
}

// The good copy is down when the old one comes back: by policy alone the only copy
// that runs is not stopped. People are told at once, and the policy acts as soon as
// the good copy runs.
func TestAPolicyDoesNotStopTheOnlyCopyThatRuns(t *testing.T) {
	f := newFenceTrial(t, plans.FenceTurnOff)
	target := func(power string) {
		for _, vm := range northVMs {
			f.world.pair(vm, func(p *plans.Pair) { p.Target.Power = power })
		}
	}
	var back, up, fenced time.Duration
	f.desk = func(now time.Duration, s plans.FenceStatus) *plans.Answer {
		switch {
		case now < time.Minute:
		case back == 0:
			back = now
			target("Off")
			f.power(func(c *plans.Copy) {
				c.Power, c.Adapters = "Running", []plans.Adapter{{Name: "a", Switch: "lan", Connected: true}}
			})
		case now < back+time.Minute:
		case up == 0 && now < back+90*time.Minute:
			if len(s.Waiting) != 4 || s.Verdict != plans.VerdictHeld || !s.VMs[0].Alone || len(f.world.did("turn-off")) > 0 {
				t.Fatalf("%s, waiting %+v, turned off %v", s.Verdict, s.Waiting, f.world.did("turn-off"))
			}
			if q := s.Waiting[0]; !strings.Contains(q.Text, "on_return: turn-off has not touched it") || !strings.Contains(q.SafeToWait, "no other copy is seen running") || !strings.Contains(q.SafeToWait, "Good copy: DR1") {
				t.Fatalf("asked: %+v", q)
			}
		case up == 0:
			up = now
			target("Running")
		case fenced == 0 && states(s)[plans.FenceClosed] == 4:
			fenced = now
			f.reprotected()
		}
		return nil
	}
	f.run()
	if late := fenced - up; fenced == 0 || late > 2*pollEvery+10*time.Second || len(f.world.did("turn-off")) != 4 || len(f.status.Answers) > 0 {
		t.Errorf("fenced %s after the good copies ran: %v", late, f.world.effects)
	}
	told := 0
	for _, note := range f.world.notes {
		if strings.Contains(note, "no other copy is seen running") && strings.Contains(note, ", dc:") {
			told++
		}
	}
	if told != 2 {
		t.Errorf("people were told %d times of dc in ninety minutes: %v", told, f.world.notes)
	}
}

// People who know that both copies run are told at once when the good one goes
// down, and not at every look.
func TestPeopleAreToldAtOnceThatTheOldCopyIsTheOnlyOne(t *testing.T) {
	f := newFenceTrial(t, plans.FenceAsk)
	var back, down time.Duration
	f.desk = func(now time.Duration, s plans.FenceStatus) *plans.Answer {
		switch {
		case now < time.Minute:
		case back == 0:
			back = now
			f.power(func(c *plans.Copy) { c.Power = "Running" })
		case down == 0 && now > back+10*time.Minute:
			down = now
			f.world.pair("dc", func(p *plans.Pair) { p.Target.Power = "Off" })
		case down > 0 && now > down+10*time.Minute:
			f.reprotected()
		}
		return nil
	}
	f.run()
	var told []bool
	for _, note := range f.world.notes {
		if strings.Contains(note, ", dc:") {
			told = append(told, strings.Contains(note, "no other copy is seen running"))
		}
	}
	if !slices.Equal(told, []bool{false, true}) {
		t.Errorf("told %v: %v", told, f.world.notes)
	}
}
