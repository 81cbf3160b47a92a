package workflows

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// refusing makes one verb of one VM fail until cured.
func (w *world) refusing(vm string, verb plans.Verb, cured *bool) {
	w.before = func(in activities.AdvanceIn, d plans.Decision) (*activities.AdvanceOut, error) {
		if in.VM.Label != vm || d.Verb != verb || *cured {
			return nil, nil
		}
		act := &plans.ActRecord{Request: "r", Verb: verb, Outcome: "failed", Error: "refused"}
		d.Kind, d.Why, d.Remedy = plans.Refuse, "refused by the host", "mend it"
		return &activities.AdvanceOut{Decision: d, Act: act}, nil
	}
}

func TestRetryGoesOn(t *testing.T) {
	cured := false
	tr := newTrial(t, northwind(), nil)
	tr.world.refusing("app", plans.VerbPrepareFailover, &cured)
	tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
		if q, ok := question(s, "app"); ok && n%20 == 0 {
			if s.Verdict != plans.VerdictHeld || !strings.Contains(q.Text, "mend it") || slices.Contains(q.Choices, plans.ChoiceTurnOff) {
				t.Errorf("verdict %s, question %+v", s.Verdict, q)
			}
			cured = true
			return &plans.Answer{Choice: plans.ChoiceRetry, VM: "app"}
		}
		return approving(n, s)
	}
	tr.run().wantVerdict(plans.VerdictDone)
}

func TestHeldVMHoldsOnlyWhatMustWait(t *testing.T) {
	cured := false
	tr := newTrial(t, northwind(), nil)
	// The move of web is refused: db and app depend on nothing of it.
	tr.world.refusing("web", plans.VerbStartFailover, &cured)
	checked := false
	tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
		if _, ok := question(s, "web"); ok && tr.world.index("app gate@DR1") >= 0 {
			cured, checked = true, true
			return &plans.Answer{Choice: plans.ChoiceRetry, VM: "web"}
		}
		return approving(n, s)
	}
	tr.run().wantVerdict(plans.VerdictDone)
	if !checked {
		t.Error("app did not come up beside the held web")
	}
}

func TestTurnOffNeedsAnAnswer(t *testing.T) {
	cured := false
	tr := newTrial(t, northwind(), once("db", plans.Answer{Choice: plans.ChoiceTurnOff}))
	tr.world.refusing("db", plans.VerbShutDown, &cured)
	tr.run().wantVerdict(plans.VerdictDone)
	if got := tr.world.of("db")[0]; got != "turn-off@HQ1" {
		t.Errorf("db: %v", tr.world.of("db"))
	}
}

func TestSkipAsksDependentsInEveryStage(t *testing.T) {
	cured := false
	tr := newTrial(t, northwind(), nil)
	// dc refuses to start: db (a later stage) comes after it, app after db.
	tr.world.refusing("dc", plans.VerbStart, &cured)
	tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
		if _, ok := question(s, "dc"); ok {
			return &plans.Answer{Choice: plans.ChoiceSkip, VM: "dc", Reason: "broken disk"}
		}
		if q, ok := question(s, "db"); ok {
			if !strings.Contains(q.Text, "comes after dc") {
				t.Errorf("db asks: %s", q.Text)
			}
			return &plans.Answer{Choice: plans.ChoiceRetry, VM: "db"}
		}
		if _, ok := question(s, "app"); ok {
			t.Error("app was asked although db is up")
		}
		return approving(n, s)
	}
	tr.run().wantVerdict(plans.VerdictStuck)
	if tr.vm("dc").Verdict != plans.VerdictStuck || tr.vm("web").Verdict != plans.VerdictDone {
		t.Errorf("dc %s, web %s", tr.vm("dc").Verdict, tr.vm("web").Verdict)
	}
}

func TestDependentsAreLeftOutInWords(t *testing.T) {
	cured := false
	tr := newTrial(t, northwind(), nil)
	tr.world.refusing("db", plans.VerbStart, &cured)
	tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
		for _, vm := range []string{"db", "app", "web"} {
			if _, ok := question(s, vm); ok {
				return &plans.Answer{Choice: plans.ChoiceSkip, VM: vm, Reason: "not tonight"}
			}
		}
		return approving(n, s)
	}
	// They are off on both sides: nobody may read that all is well.
	tr.run().wantVerdict(plans.VerdictStuck)
	for _, vm := range []string{"app", "web"} {
		s := tr.vm(vm)
		if s.Verdict != plans.VerdictStuck || !strings.Contains(s.Doing, "moved to DR1, not started") || !strings.Contains(s.Doing, "not tonight") {
			t.Errorf("%s is %s: %s", vm, s.Verdict, s.Doing)
		}
		if slices.Contains(tr.world.of(vm), "start@DR1") {
			t.Errorf("%s was started", vm)
		}
	}
}

// A VM that holds with a question of its own gets the answer, also when one it
// comes after was left out.
func TestAnswerReachesTheVMThatAsked(t *testing.T) {
	tr := newTrial(t, northwind(), nil)
	appCured := false
	tr.world.before = func(in activities.AdvanceIn, d plans.Decision) (*activities.AdvanceOut, error) {
		refuse := in.VM.Label == "db" && d.Verb == plans.VerbStart || in.VM.Label == "app" && d.Verb == plans.VerbStartFailover && !appCured
		if !refuse {
			return nil, nil
		}
		d.Kind, d.Why = plans.Refuse, "refused by the host: "+string(d.Verb)
		return &activities.AdvanceOut{Decision: d}, nil
	}
	tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
		if _, ok := question(s, "db"); ok {
			return &plans.Answer{Choice: plans.ChoiceSkip, VM: "db", Reason: "broken"}
		}
		if q, ok := question(s, "app"); ok && tr.world.index("dc gate@DR1") >= 0 && n > 60 {
			appCured = appCured || strings.Contains(q.Text, "start-failover")
			return &plans.Answer{Choice: plans.ChoiceRetry, VM: "app"}
		}
		return approving(n, s)
	}
	tr.run()
	if tr.vm("app").Verdict != plans.VerdictDone {
		t.Errorf("app is %s: %s", tr.vm("app").Verdict, tr.vm("app").Doing)
	}
}

func TestBringBackBeforeTheStartOnly(t *testing.T) {
	cured := false
	tr := newTrial(t, northwind(), once("web", plans.Answer{Choice: plans.ChoiceBringBack}))
	tr.world.refusing("web", plans.VerbStartFailover, &cured)
	tr.run().wantVerdict(plans.VerdictStopped)
	want := []string{"shut-down@HQ1", "prepare-failover@HQ1", "stop-failover@HQ1", "start@HQ1"}
	if got := tr.world.of("web"); !slices.Equal(got, want) {
		t.Errorf("web: %v", got)
	}
	if s := tr.vm("web"); s.Verdict != plans.VerdictStopped || !strings.Contains(s.Doing, "brought back to HQ1 by mia") || s.Good != plans.Source {
		t.Errorf("web: %+v", s)
	}
}

func TestNoBringBackOnceTheVMMayHaveRun(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*world)
	}{
		{"start refused", func(w *world) { w.refusing("web", plans.VerbStart, new(bool)) }},
		{"gate not passed", func(w *world) {
			w.gate = func(_ context.Context, in activities.GateIn) (activities.GateOut, error) {
				return activities.GateOut{Passed: in.VM != guid("web"), Detail: "refused"}, nil
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := false
			tr := newTrial(t, northwind(), nil)
			c.set(tr.world)
			tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
				q, ok := question(s, "web")
				if !ok {
					return approving(n, s)
				}
				asked = true
				if slices.Contains(q.Choices, plans.ChoiceBringBack) || !strings.Contains(q.Text, "lifeboat cancel north --lose-writes") {
					t.Errorf("question %+v", q)
				}
				return &plans.Answer{Choice: plans.ChoiceStop}
			}
			tr.run()
			if !asked || slices.Contains(tr.world.of("web"), "stop-failover@DR1") {
				t.Errorf("asked %v, web %v", asked, tr.world.of("web"))
			}
		})
	}
}

func TestWaivedGateGoesOnAndProtects(t *testing.T) {
	tr := newTrial(t, northwind(), once("db", plans.Answer{Choice: plans.ChoiceSkip, Reason: "monitored by hand"}))
	tr.world.gate = func(_ context.Context, in activities.GateIn) (activities.GateOut, error) {
		return activities.GateOut{Passed: in.VM != guid("db"), Detail: "refused"}, nil
	}
	tr.run().wantVerdict(plans.VerdictDone)
	if got := tr.world.of("db"); got[len(got)-1] != "reverse-replication@DR1" {
		t.Errorf("db: %v", got)
	}
}

// An answer that comes twice, or for a question that answered itself, decides
// nothing about the next question of its VM.
func TestALateAnswerIsNotTakenForTheNextQuestion(t *testing.T) {
	for _, late := range []plans.Choice{plans.ChoiceSkip, plans.ChoiceBringBack, plans.ChoiceTurnOff} {
		t.Run(string(late), func(t *testing.T) {
			tr := newTrial(t, northwind(), nil)
			tr.world.gate = func(_ context.Context, in activities.GateIn) (activities.GateOut, error) {
				return activities.GateOut{Passed: in.VM != guid("db"), Detail: "refused"}, nil
			}
			sent, asked := false, 0
			tr.world.looked = func(in activities.AdvanceIn) {
				if in.VM.Label == "db" && in.Intent.UpTo == plans.PhaseMove && !sent {
					sent = true
					if err := tr.env.SignalWorkflowByID(VMPartID(guid("db"), plans.PlannedFailover), answerSignal, plans.Answer{Choice: late, By: "mia", Reason: "late"}); err != nil {
						t.Error(err)
					}
				}
			}
			tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
				if _, ok := question(s, "db"); ok {
					asked++
					return &plans.Answer{Choice: plans.ChoiceSkip, VM: "db", Reason: "monitored by hand"}
				}
				return approving(n, s)
			}
			tr.run().wantVerdict(plans.VerdictDone)
			if !sent || asked == 0 || !strings.Contains(fmt.Sprint(tr.report().Status.Findings), "monitored by hand") {
				t.Errorf("sent %v, asked %d times: %+v", sent, asked, tr.report().Status.Findings)
			}
		})
	}
}

// A copy that went off while its gate was asked is started again by a retry.
func TestRetryAtAGateStartsWhatWentOff(t *testing.T) {
	tr := newTrial(t, northwind(), once("db", plans.Answer{Choice: plans.ChoiceRetry}))
	off := false
	tr.world.gate = func(_ context.Context, in activities.GateIn) (activities.GateOut, error) {
		if in.VM != guid("db") {
			return activities.GateOut{Passed: true}, nil
		}
		if !off {
			off = true
			tr.world.pair("db", func(p *plans.Pair) { p.Target.Power = "Off" })
		}
		var runs bool
		tr.world.pair("db", func(p *plans.Pair) { runs = p.Target.Power == "Running" })
		return activities.GateOut{Passed: runs, Detail: "refused"}, nil
	}
	tr.run().wantVerdict(plans.VerdictDone)
	starts := 0
	for _, act := range tr.world.of("db") {
		if act == "start@DR1" {
			starts++
		}
	}
	if starts != 2 {
		t.Errorf("db: %v", tr.world.of("db"))
	}
}

func TestStopEndsAGateInProgress(t *testing.T) {
	tr := newTrial(t, northwind(), nil)
	over := make(chan struct{})
	defer close(over)
	tr.world.gate = func(_ context.Context, in activities.GateIn) (activities.GateOut, error) {
		if in.VM != guid("db") {
			return activities.GateOut{Passed: true}, nil
		}
		// A gate that would ask on for long; the stop comes first.
		tr.env.RegisterDelayedCallback(func() { tr.say(plans.Answer{Choice: plans.ChoiceStop}) }, 0)
		tr.world.aside(func() { <-over })
		return activities.GateOut{}, nil
	}
	tr.desk = approving
	tr.run().wantVerdict(plans.VerdictStopped)
	if s := tr.vm("db"); s.Verdict != plans.VerdictStopped {
		t.Errorf("db: %+v", s)
	}
	if tr.vm("dc").Verdict != plans.VerdictDone || tr.vm("app").Verdict != plans.VerdictStopped {
		t.Errorf("dc %s, app %s", tr.vm("dc").Verdict, tr.vm("app").Verdict)
	}
}

func TestStopWhileReverseIsRefusedEnds(t *testing.T) {
	tr := newTrial(t, northwind(), once("dc", plans.Answer{}))
	tr.world.refusing("dc", plans.VerbReverse, new(bool))
	tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
		if _, ok := question(s, "dc"); ok {
			return &plans.Answer{Choice: plans.ChoiceStop}
		}
		return approving(n, s)
	}
	tr.run().wantVerdict(plans.VerdictStuck)
	if s := tr.vm("dc"); s.Verdict != plans.VerdictStuck || !strings.Contains(s.Doing, "does not replicate back") {
		t.Errorf("dc: %+v", s)
	}
}

func TestUnreachableHostIsWaitedForWithPatience(t *testing.T) {
	const away = 6 * time.Hour
	tr := newTrial(t, northwind(), nil)
	tr.every, tr.ticks = time.Minute, 3000
	looks := 0
	var since time.Time
	lost := false
	tr.world.looked = func(in activities.AdvanceIn) {
		if in.VM.Label == "dc" && in.Intent.UpTo == plans.PhaseMove {
			tr.world.pair("dc", func(p *plans.Pair) {
				if !lost {
					lost, p.Source.Reached = true, false
				}
				if !p.Source.Reached {
					looks++
				}
			})
		}
	}
	tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
		if q, ok := question(s, "dc"); ok {
			if since.IsZero() {
				since = q.Since
			}
			if !q.Since.Equal(since) || !strings.Contains(q.Text, "cannot see HQ1") || !strings.HasPrefix(q.Text, "since ") {
				t.Errorf("question %+v, first asked at %v", q, since)
			}
			if tr.env.Now().Sub(since) > away {
				tr.world.pair("dc", func(p *plans.Pair) { p.Source.Reached = true })
			}
			return nil
		}
		return approving(n, s)
	}
	tr.run().wantVerdict(plans.VerdictDone)
	if looks < 20 || looks > 200 {
		t.Errorf("%d looks in %s: too few to notice, or a history that grows", looks, away)
	}
	if since.IsZero() {
		t.Error("nobody was told")
	}
}

func TestRhythmStaysSmall(t *testing.T) {
	looks, waited := 0, time.Duration(0)
	for waited < 14*24*time.Hour {
		waited += rhythm(waited, unseenEvery, unseenMost)
		looks++
	}
	if events := looks * 11; events > 51_200 {
		t.Errorf("%d events in two weeks", events)
	}
	if rhythm(0, unseenEvery, unseenMost) != unseenEvery || rhythm(24*time.Hour, unseenEvery, unseenMost) != unseenMost {
		t.Error("bounds")
	}
}
