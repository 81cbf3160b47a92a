package workflows

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// ladder is a RepairHost over pairs of copies; decisions are the real ones.
type ladder struct {
	t   *testing.T
	env *testsuite.TestWorkflowEnvironment

	mu     sync.Mutex
	pairs  map[string]*plans.Pair // by plans.RepairKey
	seen   map[string]*plans.WatchedRelation
	leg    plans.WatchedLeg
	policy plans.RepairPolicy
	acts   []string // "VM verb@host"
	notes  []string
	told   []activities.NotifyIn // of the notes, those that people get
	said   []string
	// taken is how long another operation has the VM; acting stands in for an act.
	taken  map[string]time.Duration
	acting func(ctx context.Context, in activities.RepairActIn) (*activities.RepairActOut, error)
	wire   wire
	began  time.Time
}

func newLadder(t *testing.T, vms ...string) *ladder {
	l := &ladder{t: t, pairs: map[string]*plans.Pair{}, taken: map[string]time.Duration{}, policy: plans.RepairPolicy{
		Resume: plans.RepairAllow, ResumeAfter: plans.Duration(10 * time.Minute), ResumeTries: 3, Resync: plans.RepairAsk, AtOnce: 1, PerDay: 4,
	}}
	for _, name := range vms {
		l.pairs[name] = &plans.Pair{ID: name,
			Source: plans.Copy{Host: "HQ1", Reached: true, Exists: true, VM: name, Power: "Running", Mode: "Primary", State: "Error"},
			Target: plans.Copy{Host: "DR1", Reached: true, Exists: true, VM: name, Power: "Off", Mode: "Replica", State: "Replicating"}}
	}
	l.wire.childID = func(id string) string {
		if l.env.Now().Sub(l.began) < l.taken[strings.TrimPrefix(id, "vm/")] {
			return RepairID("HQ1") // an id that is in use
		}
		return id
	}
	l.env = testEnvironment(&l.wire)
	l.env.SetStartTime(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC))
	l.began = l.env.Now()
	l.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: RepairID("HQ1"), TaskQueue: TaskQueue})
	Register(l.env)
	for name, f := range map[string]any{
		activities.RepairLookName: l.look, activities.RepairActName: l.act,
		activities.NotifyName: func(_ context.Context, in activities.NotifyIn) error {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.notes = append(l.notes, in.Text)
			if !in.JournalOnly {
				l.told = append(l.told, in)
			}
			return nil
		},
	} {
		l.env.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
	l.env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(errNobody).Maybe()
	l.env.RegisterDelayedCallback(func() { l.env.SignalWorkflow(TroubleSignal, vms) }, 0)
	return l
}

func (l *ladder) step(vm plans.RepairVM, today int, now time.Time) plans.RepairStep {
	load := plans.RepairLoad{Today: today}
	for _, p := range l.pairs {
		if p.Source.State == "Resynchronizing" {
			load.Sending, load.Receiving = load.Sending+1, load.Receiving+1
		}
	}
	p := l.pairs[vm.Key()]
	p.Source.At, p.Target.At = now, now
	look := plans.RepairLook{A: p.Source, B: p.Target, VM: vm, Policy: l.policy, Leg: l.leg, Load: load, Now: now, Speed: 1}
	if r := l.seen[vm.Key()]; r != nil {
		look.Seen = &plans.SettingsSeen{Host: p.Source.Host, Relation: *r}
	}
	return plans.NextRepair(look)
}

func (l *ladder) look(_ context.Context, in activities.RepairLookIn) (activities.RepairLookOut, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := activities.RepairLookOut{Steps: map[string]plans.RepairStep{}, Points: map[string]int{}, Labels: map[string]string{}, Speed: 1}
	for _, vm := range in.VMs {
		key := vm.Key()
		if l.pairs[key] == nil {
			continue
		}
		step := l.step(vm, in.Today, in.Now)
		out.Steps[key], out.Labels[key] = step, key
		if step.Resyncs() {
			out.Points[key] = 6
		}
	}
	return out, nil
}

func (l *ladder) act(ctx context.Context, in activities.RepairActIn) (activities.RepairActOut, error) {
	if l.acting != nil {
		if out, err := l.acting(ctx, in); out != nil || err != nil {
			if out == nil {
				out = &activities.RepairActOut{}
			}
			return *out, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	step := l.step(in.VM, in.Today, in.Now)
	if !step.Acts() {
		return activities.RepairActOut{Step: step}, nil
	}
	l.acts = append(l.acts, in.VM.ID+" "+string(step.Verb)+"@"+step.Host)
	p := l.pairs[in.VM.ID]
	if step.Verb == plans.VerbResync {
		p.Source.State, p.Target.State = "Resynchronizing", "Resynchronizing"
		l.env.RegisterDelayedCallback(func() { l.set(in.VM.ID, "Replicating", "Replicating") }, 40*time.Minute)
	} else {
		p.Source.State = "Replicating"
	}
	return activities.RepairActOut{Step: step, Act: &plans.ActRecord{Host: step.Host, Verb: step.Verb, Outcome: "done"}}, nil
}

func (l *ladder) set(vm, source, target string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pairs[vm].Source.State, l.pairs[vm].Target.State = source, target
}

func (l *ladder) at(after time.Duration, do func()) { l.env.RegisterDelayedCallback(do, after) }

func (l *ladder) status() map[string]plans.RepairVM {
	l.t.Helper()
	value, err := l.env.QueryWorkflow(StatusQuery)
	if err != nil {
		l.t.Fatal(err)
	}
	var s plans.RepairStatus
	if err := value.Get(&s); err != nil {
		l.t.Fatal(err)
	}
	out := map[string]plans.RepairVM{}
	for _, vm := range s.VMs {
		out[vm.ID] = vm
	}
	return out
}

// say gives an answer; what becomes of it is in said, "" for yes.
func (l *ladder) say(choice plans.Choice, vm, reason string) {
	l.env.UpdateWorkflow(string(choice), "", &testsuite.TestUpdateCallback{
		OnReject: func(err error) { l.said = append(l.said, err.Error()) },
		OnAccept: func() { l.said = append(l.said, "") }, OnComplete: func(any, error) {},
	}, plans.Answer{VM: vm, By: "Dana", Reason: reason})
}

func (l *ladder) run() {
	l.t.Helper()
	l.env.ExecuteWorkflow(RepairHost, RepairInput{Host: "HQ1"})
	if err := l.env.GetWorkflowError(); err != nil {
		l.t.Fatal(err)
	}
}

// What is in error is resumed after its time, once, and the ladder ends a day
// later.
func TestTheLadderWaitsThenResumes(t *testing.T) {
	l := newLadder(t, "web")
	l.at(9*time.Minute, func() {
		if vm := l.status()["web"]; vm.Step.Rung != plans.RungWait || len(l.acts) != 0 {
			t.Errorf("before its time: %+v, %v", vm.Step, l.acts)
		}
	})
	l.at(12*time.Minute, func() {
		vm := l.status()["web"]
		if vm.Step.Rung != plans.RungWell || !vm.Since.IsZero() || len(vm.Acts) != 1 || vm.Acts[0].Outcome != "done" {
			t.Errorf("after it: %+v", vm)
		}
	})
	l.run()
	if !slices.Equal(l.acts, []string{"web resume-replication@HQ1"}) {
		t.Errorf("acts %v", l.acts)
	}
	if took := l.env.Now().Sub(l.began); took < 24*time.Hour || took > 26*time.Hour {
		t.Errorf("it ended after %s", took)
	}
	if text := strings.Join(l.notes, "\n"); !strings.Contains(text, "resume-replication at HQ1, done") || !strings.Contains(text, "replicates again") {
		t.Errorf("on record: %s", text)
	}
}

// An error that comes back is resumed as often as the policy says, then asked
// about.
func TestTheLadderStopsResuming(t *testing.T) {
	l := newLadder(t, "web")
	l.acting = func(_ context.Context, in activities.RepairActIn) (*activities.RepairActOut, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.acts = append(l.acts, string(in.VM.Step.Verb))
		return &activities.RepairActOut{Step: in.VM.Step, Act: &plans.ActRecord{Host: "HQ1", Verb: in.VM.Step.Verb, Outcome: "failed"}}, nil
	}
	l.at(8*time.Hour, func() {
		vm := l.status()["web"]
		if vm.Step.Rung != plans.RungAsk || vm.Step.Wants != plans.RungResync || len(l.acts) != 3 {
			t.Errorf("%+v after %v", vm.Step, l.acts)
		}
		l.set("web", "Replicating", "Replicating") // somebody mended it
	})
	l.run()
}

// Resynchronizations are asked about, done one at a time, in the day's budget,
// and their cost is kept.
func TestTheLadderAsksBeforePointsAreLost(t *testing.T) {
	l := newLadder(t, "db", "app", "web")
	l.policy.PerDay = 2
	for vm := range l.pairs {
		l.set(vm, "WaitingForStartResynchronize", "Replicating")
	}
	most := 0
	for i := range 200 {
		l.at(time.Duration(i)*time.Minute, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			n := 0
			for _, p := range l.pairs {
				if p.Source.State == "Resynchronizing" {
					n++
				}
			}
			most = max(most, n)
		})
	}
	l.at(time.Minute, func() {
		for _, vm := range []string{"db", "app", "web"} {
			l.say(plans.ChoiceApprove, vm, "")
		}
		l.say(plans.ChoiceApprove, "nobody", "")
		l.say(plans.ChoiceHold, "db", "")
	})
	l.at(3*time.Hour, func() {
		s, done := l.status(), 0
		for _, vm := range s {
			if vm.Step.Rung == plans.RungWell && vm.Acts[0].Cost != nil && vm.Acts[0].Cost.Before == 6 && vm.Acts[0].Cost.After == 0 && vm.Acts[0].Consent == "Dana" {
				done++
			} else if vm.Step.Rung != plans.RungWait || !strings.Contains(vm.Step.Why, "budget") {
				t.Errorf("%s: %+v", vm.ID, vm)
			}
		}
		if done != 2 || most != 1 {
			t.Errorf("%d were done, %d at once", done, most)
		}
	})
	l.at(30*time.Hour, func() {
		if len(l.acts) != 3 {
			t.Errorf("a day later: %v", l.acts)
		}
	})
	l.run()
	for i, want := range []string{"", "", "", "no VM", "needs a reason"} {
		if len(l.said) != 5 || (want == "") != (l.said[i] == "") || !strings.Contains(l.said[i], want) {
			t.Fatalf("answers %q", l.said)
		}
	}
}

// What people paused is asked about, stays asked about when its host forgets the
// pause, and is left alone when somebody says so.
func TestTheLadderLeavesAPauseAlone(t *testing.T) {
	l := newLadder(t, "web")
	l.policy.Resync = plans.RepairAllow
	l.set("web", "Suspended", "Replicating")
	l.at(time.Hour, func() {
		if vm := l.status()["web"]; vm.Step.Rung != plans.RungAsk || vm.Step.Wants != plans.RungResume {
			t.Errorf("paused: %+v", vm.Step)
		}
		l.set("web", "WaitingForStartResynchronize", "Replicating")
	})
	l.at(3*time.Hour, func() {
		if vm := l.status()["web"]; vm.Step.Rung != plans.RungAsk || vm.Step.Wants != plans.RungResync || len(l.acts) != 0 {
			t.Errorf("forgotten by its host: %+v, %v", vm.Step, l.acts)
		}
		l.say(plans.ChoiceHold, "web", "storage moves on Sunday")
		l.say(plans.ChoiceHold, "web", "again")
		l.say(plans.ChoiceApprove, "web", "") // ends the hold
	})
	l.at(5*time.Hour, func() { l.say(plans.ChoiceApprove, "web", "") })
	l.run()
	if !slices.Equal(l.acts, []string{"web resynchronize@HQ1"}) {
		t.Errorf("acts %v, answers %q", l.acts, l.said)
	}
}

// While another operation has the VM nothing is done to it.
func TestTheLadderWaitsForAnOperation(t *testing.T) {
	l := newLadder(t, "web")
	l.taken["web"] = 2 * time.Hour
	l.at(time.Hour, func() {
		if vm := l.status()["web"]; vm.Step.Rung != plans.RungWait || !strings.Contains(vm.Step.Why, "it goes first") || len(vm.Acts) != 0 {
			t.Errorf("%+v", vm)
		}
	})
	l.run()
	if len(l.acts) != 1 {
		t.Errorf("acts %v", l.acts)
	}
}

// Told to give way, a rung that has not acted ends without an act.
func TestARungGivesWay(t *testing.T) {
	l := newLadder(t, "web")
	l.env.OnActivity(activities.RepairActName, mock.Anything, mock.Anything).Return(func(ctx context.Context, _ activities.RepairActIn) (activities.RepairActOut, error) {
		<-ctx.Done()
		return activities.RepairActOut{}, ctx.Err()
	})
	l.env.RegisterDelayedCallback(func() { l.env.SignalWorkflow(GiveWaySignal, "planned-failover by mia") }, 10*time.Millisecond)
	l.env.ExecuteWorkflow(RepairVM, activities.RepairActIn{Run: RepairID("HQ1"), Host: "HQ1", VM: plans.RepairVM{ID: "web", Label: "web"}})
	var out activities.RepairActOut
	if err := l.env.GetWorkflowResult(&out); err != nil {
		t.Fatal(err)
	}
	if out.Act != nil || !strings.Contains(out.Step.Why, "gave way") {
		t.Errorf("%+v", out)
	}
}

// A run that finds a VM under repair tells the repair to give way, and goes on by
// itself once it has: nobody is asked.
func TestARunPassesARepair(t *testing.T) {
	tr := newTrial(t, northwind(), approving)
	began := tr.env.Now()
	tr.wire.childID = func(id string) string {
		if id == VMOperationID(guid("db")) && tr.env.Now().Sub(began) < 8*time.Second {
			return stageRunID("plan/north", 2, 0) // an id that is in use
		}
		return id
	}
	tr.run().wantVerdict(plans.VerdictDone)
	for _, s := range tr.seen {
		if q, ok := question(s, "db"); ok {
			t.Fatalf("somebody was asked: %s", q.Text)
		}
	}
	if !slices.Contains(tr.world.signals, VMOperationID(guid("db"))+" "+GiveWaySignal) {
		t.Errorf("nobody was told to give way: %v", tr.world.signals)
	}
}

// A VM that the configuration has no more is forgotten, and a ladder with nothing
// on it ends.
func TestTheLadderFollowsTheConfiguration(t *testing.T) {
	l := newLadder(t, "web")
	l.at(5*time.Minute, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.pairs, "web")
	})
	l.run()
	if took := l.env.Now().Sub(l.began); len(l.acts) != 0 || took > 15*time.Minute {
		t.Errorf("acts %v, ended after %s", l.acts, took)
	}
}

// A yes is to what was shown: where that has become something else meanwhile it is
// not taken.
func TestAYesToSomethingElseIsNotTaken(t *testing.T) {
	l := newLadder(t, "web")
	l.policy.Resume = plans.RepairAsk
	answer := func(about string) {
		l.env.UpdateWorkflow(string(plans.ChoiceApprove), "", &testsuite.TestUpdateCallback{
			OnReject: func(err error) { l.said = append(l.said, err.Error()) },
			OnAccept: func() { l.said = append(l.said, "") }, OnComplete: func(any, error) {},
		}, plans.Answer{VM: "web", By: "Dana", About: about})
	}
	shown := ""
	l.at(time.Hour, func() {
		shown = l.status()["web"].Step.Asks()
		l.set("web", "WaitingForStartResynchronize", "Replicating")
	})
	l.at(2*time.Hour, func() {
		if wants := l.status()["web"].Step.Wants; shown != "resume" || wants != plans.RungResync {
			t.Errorf("shown %q, now %s", shown, wants)
		}
		answer(shown)
	})
	l.at(3*time.Hour, func() {
		if len(l.acts) != 0 {
			t.Errorf("acts %v", l.acts)
		}
		answer(l.status()["web"].Step.Asks())
	})
	l.run()
	if len(l.said) != 2 || !strings.Contains(l.said[0], "something else, resync") || l.said[1] != "" || !slices.Equal(l.acts, []string{"web resynchronize@HQ1"}) {
		t.Errorf("said %q, acts %v", l.said, l.acts)
	}
}

// People hear of what they are asked, once for all that is asked at once, and not at
// night; what the ladder does by itself is for the record.
func TestTheLadderWakesNobody(t *testing.T) {
	l := newLadder(t, "web", "db", "app")
	for _, vm := range []string{"web", "db"} {
		l.set(vm, "WaitingForStartResynchronize", "Replicating")
	}
	l.at(5*time.Hour, func() {
		l.say(plans.ChoiceApprove, "web", "")
		l.say(plans.ChoiceApprove, "db", "")
	})
	l.run()
	if len(l.told) != 1 || !l.told[0].Calm || !strings.Contains(l.told[0].Text, "Answer: lifeboat repair approve ") || !strings.Contains(l.told[0].Text, "And 1 more wait for an answer") {
		t.Errorf("people were told %+v", l.told)
	}
	if text := strings.Join(l.notes, "\n"); !strings.Contains(text, "app: replicates again") || !strings.Contains(text, "db: replication of it has stopped") {
		t.Errorf("on record: %s", text)
	}
}

// A rung that somebody ended by force may have acted: it counts, and the ladder with
// what it remembers goes on.
func TestARungThatWasEndedCounts(t *testing.T) {
	l := newLadder(t, "web")
	ended := false
	l.acting = func(context.Context, activities.RepairActIn) (*activities.RepairActOut, error) {
		if ended {
			return nil, nil
		}
		ended = true
		return nil, temporal.NewNonRetryableApplicationError("terminated", "x", nil)
	}
	l.at(time.Hour, func() {
		if acts := l.status()["web"].Acts; len(acts) != 2 || acts[0].Outcome != "no-answer" || acts[1].Outcome != "done" {
			t.Errorf("it remembers %+v", acts)
		}
	})
	l.run()
	if !slices.Equal(l.acts, []string{"web resume-replication@HQ1"}) {
		t.Errorf("acts %v", l.acts)
	}
}
