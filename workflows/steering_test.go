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

// threeStages is northwind with a third stage of one VM that depends on nobody.
func threeStages() plans.RunInput {
	in := northwind()
	in.Steps = append(in.Steps, plans.RunStep{Number: 6, Name: "extra", VMs: []plans.RunVM{testVM("print")}})
	return in
}

func TestReorderChangesWhatHasNotStarted(t *testing.T) {
	given := false
	tr := newTrial(t, threeStages(), nil)
	tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
		if q, ok := question(s, ""); ok && q.Step == 3 && !given {
			given = true
			return &plans.Answer{Choice: plans.ChoiceReorder, Stages: []string{"extra", "business"}}
		}
		return approving(n, s)
	}
	tr.run().wantVerdict(plans.VerdictDone)
	tr.wantOrder("dc start@DR1", "print start@DR1", "print gate@DR1", "db start@DR1")
	if len(tr.refused) > 0 || len(tr.results) == 0 || !strings.Contains(tr.results[1].Text, "extra, business") {
		t.Errorf("refused %v, said %+v", tr.refused, tr.results[1].Text)
	}
}

func TestReorderRefuses(t *testing.T) {
	wrong := []struct {
		stages []string
		words  string
	}{
		{[]string{"business", "core", "extra"}, "db (stage business) would start before dc (stage core)"},
		{[]string{"core", "business"}, "2 of 3 stages"},
		{[]string{"core", "business", "nobody"}, `"nobody" is not a stage`},
		{[]string{"core", "core", "extra"}, `"core" is not a stage that has not started, or is named twice`},
	}
	given := 0
	tr := newTrial(t, threeStages(), func(n int, s plans.RunStatus) *plans.Answer {
		q, ok := question(s, "")
		switch {
		case ok && q.Step == 1 && given < len(wrong):
			given++
			return &plans.Answer{Choice: plans.ChoiceReorder, Stages: wrong[given-1].stages}
		case ok && q.Step == 3 && given == len(wrong):
			given++ // core has started: it is not named any more
			return &plans.Answer{Choice: plans.ChoiceReorder, Stages: []string{"extra", "core", "business"}}
		}
		return approving(n, s)
	})
	tr.run().wantVerdict(plans.VerdictDone)
	if len(tr.refused) != 5 {
		t.Fatalf("refused: %v", tr.refused)
	}
	for i, w := range wrong {
		if !strings.Contains(tr.refused[i], w.words) {
			t.Errorf("%v: %s", w.stages, tr.refused[i])
		}
	}
	tr.wantOrder("dc start@DR1", "web start@DR1", "print start@DR1")
}

// A VM is left out before its stage begins, while it waits for its turn, and
// not any more once it has started.
func TestSkipAheadOfTime(t *testing.T) {
	for _, step := range []int{1, 3} {
		given := 0
		tr := newTrial(t, northwind(), nil)
		tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
			if _, ok := question(s, "web"); ok {
				t.Error("web was asked about")
			}
			if q, ok := question(s, "app"); ok {
				if !strings.Contains(q.Text, "comes after db") {
					t.Errorf("app asks %q", q.Text)
				}
				return &plans.Answer{Choice: plans.ChoiceRetry, VM: "app"}
			}
			if q, ok := question(s, ""); ok && q.Step == step && given < 3 {
				given++
				return []*plans.Answer{
					{Choice: plans.ChoiceSkip, VM: "db"}, // no reason
					{Choice: plans.ChoiceSkip, VM: "db", Reason: "scrapped"},
					{Choice: plans.ChoiceSkip, VM: "dc", Reason: "too late after step 3"},
				}[given-1]
			}
			if n > 1000 {
				return &plans.Answer{Choice: plans.ChoiceStop}
			}
			return approving(n, s)
		}
		if step == 1 {
			given = 0
		}
		// Left out after its shut-down it is off on both sides: that needs somebody.
		want, wantRun := plans.VerdictSkipped, plans.VerdictDone
		if step == 3 {
			want, wantRun = plans.VerdictStuck, plans.VerdictStuck
		}
		tr.run().wantVerdict(wantRun)
		if s := tr.vm("db"); s.Verdict != want || !strings.Contains(s.Doing, "scrapped") || slices.Contains(tr.world.of("db"), "start@DR1") {
			t.Errorf("step %d: db is %s (%s): %v", step, s.Verdict, s.Doing, tr.world.of("db"))
		}
		if step == 1 && len(tr.world.of("db")) > 0 {
			t.Errorf("db was touched: %v", tr.world.of("db"))
		}
		wantDC, refused := plans.VerdictSkipped, 1
		if step == 3 {
			wantDC, refused = plans.VerdictDone, 2
		}
		if tr.vm("dc").Verdict != wantDC || len(tr.refused) != refused {
			t.Errorf("step %d: dc is %s, refused %v", step, tr.vm("dc").Verdict, tr.refused)
		}
	}
}

// A gate is waived before it is asked, and while it is.
func TestWaive(t *testing.T) {
	for _, before := range []bool{true, false} {
		given := false
		tr := newTrial(t, northwind(), nil)
		a := plans.Answer{Choice: plans.ChoiceWaive, VM: "db", Reason: "the port is closed to us"}
		tr.world.gate = func(_ context.Context, in activities.GateIn) (activities.GateOut, error) {
			if in.VM == guid("db") && !before && !given {
				given = true
				tr.env.RegisterDelayedCallback(func() { tr.say(a) }, 0)
			}
			return activities.GateOut{Passed: in.VM != guid("db"), Detail: "closed"}, nil
		}
		tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
			if q, ok := question(s, ""); ok && q.Step == 1 && before && !given {
				given = true
				return &a
			}
			return approving(n, s)
		}
		tr.run().wantVerdict(plans.VerdictDone)
		if got := tr.world.of("db"); got[len(got)-1] != "reverse-replication@DR1" || before && tr.world.asked["db tcp 443"] > 0 {
			t.Errorf("before %v: %v, asked %d", before, got, tr.world.asked["db tcp 443"])
		}
		if found := tr.report().Status.Findings; !slices.ContainsFunc(found, func(f plans.Finding) bool {
			return f.Code == "gate-waived" && f.VM == "db" && strings.Contains(f.Text, "closed to us")
		}) {
			t.Errorf("before %v: findings %+v", before, found)
		}
	}
}

func TestQuorumTakesDifferentPeople(t *testing.T) {
	in := northwind()
	in.Steps[0].Manual.Quorum = 2
	answers := []plans.Answer{
		{By: "mia", Via: ""}, {By: "", Via: ""}, // the Web UI, with a typed name and without
		{By: "mia", Via: "cli"}, {By: " MIA ", Via: "cli"}, {By: "ann", Via: "cli"},
	}
	given := 0
	tr := newTrial(t, in, nil)
	tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
		q, ok := question(s, "")
		if !ok || q.Step != 1 {
			return approving(n, s)
		}
		if slices.Contains(q.Choices, plans.ChoiceSkip) || q.Quorum != 2 {
			t.Errorf("question %+v", q)
		}
		if given < len(answers) {
			a := answers[given]
			given++
			a.Choice, a.Step = plans.ChoiceApprove, 1
			if a.By == "" {
				a.By = " "
			}
			return &a
		}
		return nil
	}
	tr.run().wantVerdict(plans.VerdictDone)
	if len(tr.refused) != 3 || !strings.Contains(tr.refused[0], "nobody has signed in") || !strings.Contains(tr.refused[2], "has approved step 1 already") {
		t.Errorf("refused: %v", tr.refused)
	}
	if !strings.Contains(tr.results[0].Text, "1 more must approve") || tr.report().Status.StepList[0].By != "mia, ann" {
		t.Errorf("said %q, by %q", tr.results[0].Text, tr.report().Status.StepList[0].By)
	}
}

func TestALateAnswerIsEscalated(t *testing.T) {
	in := northwind()
	in.Steps[0].Manual.Within, in.Steps[0].Manual.Escalate = plans.Duration(10*time.Minute), []string{"head of IT"}
	late := false
	tr := newTrial(t, in, nil)
	tr.every = 30 * time.Second
	began := tr.env.Now()
	tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
		q, ok := question(s, "")
		if !ok || q.Step != 1 {
			return approving(n, s)
		}
		waited := tr.env.Now().Sub(began)
		late = late || len(q.Escalated) == 1
		if escalated := len(q.Escalated) > 0; waited != 10*time.Minute && escalated != (waited > 10*time.Minute) || q.Due.IsZero() {
			t.Errorf("after %s: %+v", waited, q)
		}
		if waited > 20*time.Minute {
			return &plans.Answer{Choice: plans.ChoiceApprove, Step: 1}
		}
		return nil
	}
	tr.run().wantVerdict(plans.VerdictDone)
	if !late || !strings.Contains(strings.Join(tr.world.notes, "\n"), "LATE  plan north, step 1") {
		t.Errorf("late %v, notes %v", late, tr.world.notes)
	}
}

// resolved lets a VM go on only when it is where it should be, and nothing is
// done about it meanwhile.
func TestResolvedMustBeTrue(t *testing.T) {
	tr := newTrial(t, northwind(), nil)
	tr.world.refusing("web", plans.VerbStartFailover, new(bool))
	said := 0
	tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
		q, ok := question(s, "web")
		switch {
		case !ok:
			return approving(n, s)
		case said == 0:
			said++
			return &plans.Answer{Choice: plans.ChoiceResolved, VM: "web"}
		case said == 1 && strings.HasPrefix(q.Text, "not resolved yet: "):
			said++
			tr.world.pair("web", func(p *plans.Pair) { p.Target.State, p.Target.FailoverType = "FailedOverWaitingCompletion", "Planned" })
			return &plans.Answer{Choice: plans.ChoiceResolved, VM: "web"}
		}
		return nil
	}
	tr.run().wantVerdict(plans.VerdictDone)
	if said != 2 {
		t.Errorf("asked %d times", said)
	}
	if got := tr.world.did("start-failover"); slices.Contains(got, "web") {
		t.Errorf("web was failed over all the same: %v", got)
	}
	if found := tr.report().Status.Findings; !slices.ContainsFunc(found, func(f plans.Finding) bool {
		return f.Code == "mended-by-hand" && f.VM == "web" && strings.Contains(f.Text, "by mia")
	}) {
		t.Errorf("findings %+v", found)
	}
}

// Residents go off before anything of the plan is touched; one that takes part
// in a replication is not, and a person decides.
func TestMakeRoom(t *testing.T) {
	in := northwind()
	in.MakeRoom = []plans.ResidentVM{{ID: "r1", Label: "lab", Host: "DR1"}, {ID: "r2", Label: "files", Host: "DR1"}}
	tr := newTrial(t, in, once("files", plans.Answer{Choice: plans.ChoiceSkip, Reason: "keep it"}))
	tr.world.residents["r1"] = &plans.Copy{Host: "DR1", Reached: true, Exists: true, Power: "Running", Mode: "None"}
	tr.world.residents["r2"] = &plans.Copy{Host: "DR1", Reached: true, Exists: true, Power: "Running", Mode: "Primary", State: "Replicating"}
	tr.run().wantVerdict(plans.VerdictDone)
	tr.wantOrder("lab shut-down@DR1", "web shut-down@HQ1")
	if tr.world.index("files shut-down@DR1") >= 0 {
		t.Error("files was shut down")
	}
	var codes []string
	for _, f := range tr.report().Status.Findings {
		codes = append(codes, f.Code+" "+f.VM)
	}
	if !slices.Equal(codes, []string{"made-room lab", "no-room-made files"}) {
		t.Errorf("findings %v", codes)
	}
}

func TestEndIsForDrills(t *testing.T) {
	given := false
	tr := newTrial(t, northwind(), func(n int, s plans.RunStatus) *plans.Answer {
		if !given {
			given = true
			return &plans.Answer{Choice: plans.ChoiceEnd}
		}
		return approving(n, s)
	}).run()
	if len(tr.refused) != 1 || !strings.Contains(tr.refused[0], "end is for a test failover") {
		t.Errorf("refused: %v", tr.refused)
	}
}

// A cancel after an unplanned failover goes back to the old primary, and the
// watch on its site is told.
func TestCancelOfAnUnplannedFailover(t *testing.T) {
	in := northwind()
	in.Operation, in.LoseWrites = plans.Cancel, true
	tr := newTrial(t, in, approving)
	tr.world.failedOver()
	tr.run().wantVerdict(plans.VerdictDone)
	for _, vm := range northVMs {
		if got := tr.world.of(vm); !slices.Equal(got, []string{"stop-failover@DR1", "auto-start@HQ1", "start@HQ1"}) {
			t.Errorf("%s: %v", vm, got)
		}
	}
	if !slices.Contains(tr.world.signals, "fence/north taken-back") {
		t.Errorf("the watch goes on: %v", tr.world.signals)
	}
}
