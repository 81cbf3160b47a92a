package workflows

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/lifeboat-dr/lifeboat/plans"
)

func startOptions(in plans.RunInput) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{ID: RunID(in.Plan, in.Operation), TaskQueue: TaskQueue}
}

// before fails unless the effects happened in this order.
func (tr *trial) wantOrder(effects ...string) {
	tr.t.Helper()
	last := -1
	for _, e := range effects {
		i := tr.world.index(e)
		if i <= last {
			tr.t.Fatalf("%q stands at %d, want it after %d:\n%s", e, i, last, strings.Join(tr.world.effects, "\n"))
		}
		last = i
	}
}

func TestRunKeepsOrder(t *testing.T) {
	tr := newTrial(t, northwind(), approving).run()
	tr.wantVerdict(plans.VerdictDone)
	if got := tr.world.did("shut-down"); !slices.Equal(got, []string{"web", "app", "db", "dc"}) {
		t.Errorf("shut down in the order %v", got)
	}
	if got := tr.world.did("gate"); !slices.Equal(got, []string{"dc", "db", "app", "web"}) {
		t.Errorf("gates passed in the order %v", got)
	}
	for _, vm := range []string{"dc", "db", "app", "web"} {
		want := []string{"shut-down@HQ1", "prepare-failover@HQ1", "start-failover@DR1", "start@DR1", "gate@DR1", "reverse-replication@DR1"}
		if got := tr.world.of(vm); !slices.Equal(got, want) {
			t.Errorf("%s: %v", vm, got)
		}
	}
	tr.wantOrder("dc shut-down@HQ1", "dc start@DR1", "dc gate@DR1", "db start@DR1", "web gate@DR1", "notice we run at DR")
	// Nothing starts before the whole of the plan is off.
	tr.wantOrder("web shut-down@HQ1", "dc shut-down@HQ1", "dc start@DR1")
	if s := tr.report().Status; s.GoodCopy != "all at DR. The copies at HQ are replicas: do not start them." || s.Ended.IsZero() {
		t.Errorf("good copy %q, ended %v", s.GoodCopy, s.Ended)
	}
	if n := len(tr.report().Answers); n != 2 {
		t.Errorf("%d answers in the report, want 2", n)
	}
}

// A VM that runs where it should and is not replicated is no VM that is
// "running and replicating": it is named, with what to do.
func TestTheSummaryNamesWhatDoesNotReplicate(t *testing.T) {
	tr := newTrial(t, northwind(), approving)
	tr.world.pair("web", func(p *plans.Pair) { // its failover of long ago needs a resynchronization
		p.Source.Power, p.Source.Mode = "Off", "Replica"
		p.Target.Power, p.Target.Mode, p.Target.State = "Running", "Primary", "WaitingForStartResynchronize"
	})
	tr.run().wantVerdict(plans.VerdictDone)
	s := tr.report().Status
	if s.Summary != "4 of 4 VMs done: running at DR; NOT replicating: web." {
		t.Errorf("summary %q", s.Summary)
	}
	found := slices.IndexFunc(s.Findings, func(f plans.Finding) bool { return f.Code == plans.CodeUnprotected })
	if found < 0 || s.Findings[found].VM != "web" || s.Findings[found].Host != "DR1" || !strings.Contains(s.Findings[found].Remedy, "-Resynchronize") {
		t.Errorf("findings %+v", s.Findings)
	}
}

// A chain that was kept leaves old copies behind: nothing flows back to them, and
// the way home is no failover.
func TestAChainThatWasKeptSaysWhatIsLeft(t *testing.T) {
	in := northwind()
	in.Chain = plans.ChainKeep
	tr := newTrial(t, in, approving)
	for _, vm := range northVMs {
		tr.world.pair(vm, func(p *plans.Pair) {
			p.Source.Power, p.Source.State = "Off", "PreparedForFailover"
			p.Target.Power, p.Target.Mode, p.Target.ReplicaServer = "Running", "Primary", "third.example"
		})
	}
	tr.run().wantVerdict(plans.VerdictDone)
	if s := tr.report().Status; !strings.Contains(s.GoodCopy, "OLD and left out") || strings.Contains(s.WayBack, "lifeboat failover") {
		t.Errorf("good copy %q, way back %q", s.GoodCopy, s.WayBack)
	}
}

func TestManualStepsWaitAtTheirPlace(t *testing.T) {
	in := northwind()
	var tr *trial
	tr = newTrial(t, in, func(n int, s plans.RunStatus) *plans.Answer {
		q, ok := question(s, "")
		if !ok || n%30 != 0 {
			return nil // people take their time
		}
		if q.Step == 1 && len(tr.world.effects) > 0 {
			t.Errorf("before the first yes: %v", tr.world.effects)
		}
		if q.Step == 3 && (tr.world.index("dc gate@DR1") < 0 || tr.world.index("db start@DR1") >= 0) {
			t.Errorf("step 3 asks at the wrong time: %v", tr.world.effects)
		}
		return &plans.Answer{Choice: plans.ChoiceApprove, Step: q.Step}
	})
	tr.run().wantVerdict(plans.VerdictDone)
}

func TestStatusBeforeAnybodyLooked(t *testing.T) {
	p := &planRun{in: northwind()}
	if got := p.goodCopy(); got != "not looked yet" {
		t.Errorf("good copy: %q", got)
	}
}

func TestBlockerRefusesTheRun(t *testing.T) {
	tr := newTrial(t, northwind(), approving)
	tr.world.findings = []plans.Finding{{Severity: plans.Blocker, Code: "host-unreachable", Text: "DR1 does not answer"}}
	tr.run().wantVerdict(plans.VerdictRefused)
	if len(tr.world.effects) != 0 {
		t.Errorf("effects: %v", tr.world.effects)
	}
	for _, vm := range tr.report().Status.VMs {
		if vm.Verdict != plans.VerdictRefused || vm.Doing != "not begun" {
			t.Errorf("%s is %s (%s)", vm.Label, vm.Verdict, vm.Doing)
		}
	}
}

func TestDeclineBeforeTheFirstStageChangesNothing(t *testing.T) {
	tr := newTrial(t, northwind(), func(_ int, s plans.RunStatus) *plans.Answer {
		if q, ok := question(s, ""); ok {
			return &plans.Answer{Choice: plans.ChoiceDecline, Step: q.Step, Reason: "not today"}
		}
		return nil
	}).run()
	tr.wantVerdict(plans.VerdictRefused)
	if len(tr.world.effects) != 0 || tr.vm("web").Verdict != plans.VerdictRefused {
		t.Errorf("effects %v, web %s", tr.world.effects, tr.vm("web").Verdict)
	}
}

func TestDeclineInTheMiddleStopsSafely(t *testing.T) {
	tr := newTrial(t, northwind(), func(_ int, s plans.RunStatus) *plans.Answer {
		q, ok := question(s, "")
		switch {
		case !ok:
			return nil
		case q.Step == 3:
			return &plans.Answer{Choice: plans.ChoiceDecline, Step: 3, Reason: "DNS is down"}
		}
		return &plans.Answer{Choice: plans.ChoiceApprove, Step: q.Step}
	}).run()
	tr.wantVerdict(plans.VerdictStopped)
	if got := tr.world.did("start"); !slices.Equal(got, []string{"dc"}) {
		t.Errorf("started: %v", got)
	}
	if tr.vm("dc").Verdict != plans.VerdictDone || tr.vm("db").Verdict != plans.VerdictStopped {
		t.Errorf("dc %s, db %s", tr.vm("dc").Verdict, tr.vm("db").Verdict)
	}
}

func TestSkipOfAManualStepNeedsAReason(t *testing.T) {
	tr := newTrial(t, northwind(), func(n int, s plans.RunStatus) *plans.Answer {
		q, ok := question(s, "")
		if !ok {
			return nil
		}
		a := plans.Answer{Choice: plans.ChoiceSkip, Step: q.Step}
		if n > 5 {
			a.Reason = "agreed by phone"
		}
		return &a
	}).run()
	tr.wantVerdict(plans.VerdictDone)
	if len(tr.refused) == 0 || !strings.Contains(tr.refused[0], "skip needs a reason") {
		t.Errorf("refused: %v", tr.refused)
	}
	if st := tr.report().Status.StepList[0]; st.Verdict != plans.VerdictSkipped || st.Note != "agreed by phone" {
		t.Errorf("step 1: %+v", st)
	}
}

func TestTwoAnswersToOneStep(t *testing.T) {
	tr := newTrial(t, northwind(), nil)
	both := false
	tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
		if q, ok := question(s, ""); ok && !both {
			both = true
			tr.say(plans.Answer{Choice: plans.ChoiceApprove, Step: q.Step})
			return &plans.Answer{Choice: plans.ChoiceDecline, Step: q.Step, Reason: "too late"}
		}
		return approving(n, s)
	}
	tr.run().wantVerdict(plans.VerdictDone)
	if len(tr.refused) != 1 {
		t.Errorf("refused: %v", tr.refused)
	}
}

func TestValidatorsRefuse(t *testing.T) {
	wrong := []plans.Answer{
		{Choice: plans.ChoiceRetry, VM: "web"}, {Choice: plans.ChoiceResume}, {Choice: plans.ChoiceApprove, Step: 3},
		{Choice: plans.ChoiceTurnOff, VM: "nobody"}, {Choice: plans.ChoiceBringBack, VM: "db"}, {Choice: plans.ChoiceSkip, Step: 1},
	}
	given := 0
	tr := newTrial(t, northwind(), func(n int, s plans.RunStatus) *plans.Answer {
		if q, ok := question(s, ""); ok && q.Step == 1 && given < len(wrong) {
			given++
			return &wrong[given-1]
		}
		return approving(n, s)
	}).run()
	tr.wantVerdict(plans.VerdictDone)
	if len(tr.refused) != len(wrong) {
		t.Errorf("%d of %d refused: %v", len(tr.refused), len(wrong), tr.refused)
	}
	if n := len(tr.report().Answers); n != 2 {
		t.Errorf("a refused answer left a trace: %d answers", n)
	}
}

func TestHoldStartsNothingUntilResume(t *testing.T) {
	var before int
	var tr *trial
	held := 0
	tr = newTrial(t, northwind(), func(n int, s plans.RunStatus) *plans.Answer {
		q, ok := question(s, "")
		switch {
		case ok && q.Step == 3 && held == 0:
			held = n
			return &plans.Answer{Choice: plans.ChoiceHold}
		case held > 0 && n == held+1:
			return &plans.Answer{Choice: plans.ChoiceApprove, Step: 3}
		case held > 0 && n == held+3:
			before = len(tr.world.effects)
			if s.Verdict != plans.VerdictPaused {
				t.Errorf("verdict %s", s.Verdict)
			}
		case held > 0 && n == held+300:
			if len(tr.world.effects) != before {
				t.Errorf("began on hold: %v", tr.world.effects[before:])
			}
			return &plans.Answer{Choice: plans.ChoiceResume}
		case held > 0 && n < held+300:
			return nil
		}
		return approving(n, s)
	})
	tr.run().wantVerdict(plans.VerdictDone)
}

func TestLabOperatorAnswersByItself(t *testing.T) {
	in := northwind()
	in.Auto = true
	tr := newTrial(t, in, func(int, plans.RunStatus) *plans.Answer { return nil }).run()
	tr.wantVerdict(plans.VerdictDone)
	for _, a := range tr.report().Answers {
		if a.Answer.By != labOperator || a.Answer.Via != "lab-operator" {
			t.Errorf("answer by %+v", a.Answer)
		}
	}
}

func TestCancelTakesBackWhatIsHalfway(t *testing.T) {
	in := northwind()
	in.Operation = plans.Cancel
	in.Steps = []plans.RunStep{in.Steps[1], in.Steps[3]}
	in.Steps[0].Number, in.Steps[1].Number = 1, 2
	tr := newTrial(t, in, approving)
	for _, vm := range []string{"dc", "db", "app", "web"} {
		tr.world.pair(vm, func(p *plans.Pair) { p.Source.Power, p.Source.State = "Off", "PreparedForFailover" })
	}
	tr.run().wantVerdict(plans.VerdictDone)
	if got := tr.world.did("start"); !slices.Equal(got, []string{"dc", "db", "app", "web"}) {
		t.Errorf("started in the order %v", got)
	}
	for _, vm := range []string{"dc", "web"} {
		if got := tr.world.of(vm); !slices.Equal(got, []string{"stop-failover@HQ1", "start@HQ1"}) {
			t.Errorf("%s: %v", vm, got)
		}
	}
}

// Hold and resume in one breath: the first word takes longer than the second, and
// the run goes on all the same.
func TestAHoldThatIsOvertakenByItsEndHoldsNothing(t *testing.T) {
	said, paused, quiet := 0, 0, 10
	tr := newTrial(t, northwind(), nil)
	tr.wire.takes = func(signal string) time.Duration {
		if signal != pauseSignal {
			return 0
		}
		if paused++; paused == 1 {
			return 5 * time.Second
		}
		return 0
	}
	tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
		if q, ok := question(s, ""); ok && q.Step == 3 && said < 2 {
			said++
			return &plans.Answer{Choice: []plans.Choice{plans.ChoiceHold, plans.ChoiceResume}[said-1]}
		} else if ok && q.Step == 3 && quiet > 0 {
			quiet-- // until both words have arrived
			return nil
		}
		return approving(n, s)
	}
	tr.run().wantVerdict(plans.VerdictDone)
	if said != 2 || paused == 0 {
		t.Errorf("said %d, told %d times", said, paused)
	}
}

// A run that lost sight of a VM calls nothing safe and nothing unchanged, however it
// was ended.
func TestWhatWasNotSeenToItsEndIsNotCalledSafe(t *testing.T) {
	for _, n := range []verdictCount{{unknown: 1}, {unknown: 1, refused: 3}, {unknown: 1, stopped: 2, changed: 2}, {unknown: 1, done: 3, changed: 3}} {
		for _, stopping := range []bool{false, true} {
			p := &planRun{stopping: stopping}
			if got := p.endVerdict(n); got != plans.VerdictUnknown {
				t.Errorf("%+v, stopping %v: %s", n, stopping, got)
			}
		}
	}
}
