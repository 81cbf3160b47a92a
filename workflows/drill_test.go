package workflows

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// sunday is when the calendar wants the drills of these tests.
var sunday = time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)

// calendarDrill is a Drill against a world, its run as a child.
type calendarDrill struct {
	*trial
	// open changes what is found when the drill is due; beside answers each look
	// for a real operation.
	open   func(*activities.DrillOut)
	beside func(n int) string

	asked   int
	dropped []plans.Report
	out     plans.RunResult
	err     error
}

func newCalendarDrill(t *testing.T, criteria ...plans.Criterion) *calendarDrill {
	d := &calendarDrill{trial: &trial{t: t, every: 5 * time.Second, ticks: 3000, desk: func(int, plans.RunStatus) *plans.Answer { return nil }}}
	d.in = toTest(t, nil).in
	// The steps for people have nobody here; the business goes without.
	d.in.Steps = slices.DeleteFunc(d.in.Steps, func(s plans.RunStep) bool { return s.Manual != nil })
	for i := range d.in.Steps {
		d.in.Steps[i].Number = i + 1
	}
	for i := range criteria {
		criteria[i].Step = len(d.in.Steps) + 1 + i
	}
	d.in.RunID, d.in.StartedBy = plans.DrillRunID("north-weekly", sunday), "calendar north-weekly"
	d.in.Drill = &plans.DrillNote{Calendar: "north-weekly", Due: sunday, Criteria: criteria}
	d.world = newWorld(d.in)
	d.env = testEnvironment(&d.wire)
	Register(d.env)
	for name, f := range map[string]any{
		activities.AdvanceName: d.world.Advance, activities.CheckGateName: d.world.CheckGate, activities.PreflightName: d.world.Preflight,
		activities.NotifyName: d.world.Notify, activities.SaveReportName: d.world.SaveReport, activities.ObserveName: d.world.Observe,
		activities.OpenDrillName: d.openDrill, activities.DrillBesideName: d.drillBeside, activities.DropDrillName: d.dropDrill,
	} {
		d.env.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
	d.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: CalendarID("north-weekly") + "-" + sunday.Format(time.RFC3339), TaskQueue: TaskQueue})
	if err := d.env.SetTypedSearchAttributesOnStart(temporal.NewSearchAttributes(scheduledStart.ValueSet(sunday))); err != nil {
		t.Fatal(err)
	}
	d.env.SetStartTime(sunday.Add(2 * time.Second))
	return d
}

func (d *calendarDrill) openDrill(_ context.Context, in activities.DrillIn) (activities.DrillOut, error) {
	if in.Drill != "north-weekly" || !in.Start.Due.Equal(sunday) || in.Start.ByHand {
		d.t.Errorf("asked for %+v", in)
	}
	out := activities.DrillOut{Input: d.in}
	if d.open != nil {
		d.open(&out)
	}
	return out, nil
}

func (d *calendarDrill) drillBeside(_ context.Context, in activities.BesideIn) (string, error) {
	if in.Plan != "north" || len(in.VMs) != 4 {
		d.t.Errorf("asked beside %+v", in)
	}
	d.asked++
	if d.beside == nil {
		return "", nil
	}
	return d.beside(d.asked), nil
}

func (d *calendarDrill) dropDrill(_ context.Context, in activities.UnbegunIn) (plans.RunStatus, error) {
	r := plans.UnbegunDrill(in.Input, in.Found, in.Now, "test", true)
	d.dropped = append(d.dropped, r)
	return r.Status, nil
}

// play is the drill from its moment to its end; the desk sees the run.
func (d *calendarDrill) play() *calendarDrill {
	d.t.Helper()
	var tick func(n int)
	tick = func(n int) {
		if d.env.IsWorkflowCompleted() || n > d.ticks {
			return
		}
		var s plans.RunStatus
		if v, err := d.env.QueryWorkflowByID(DrillRunID("north"), StatusQuery); err == nil && v.Get(&s) == nil {
			d.seen = append(d.seen, s)
			var a *plans.Answer
			d.world.onScene(func() { a = d.desk(n, s) })
			if a != nil {
				a.By = orWords(a.By, "Dana")
				err := d.env.UpdateWorkflowByID(DrillRunID("north"), string(a.Choice), "", &testsuite.TestUpdateCallback{
					OnAccept: func() {}, OnReject: func(err error) { d.refused = append(d.refused, err.Error()) }, OnComplete: func(any, error) {},
				}, *a)
				if err != nil {
					d.t.Errorf("%s: %v", a.Choice, err)
				}
			}
		}
		d.env.RegisterDelayedCallback(func() { tick(n + 1) }, d.every)
	}
	d.env.RegisterDelayedCallback(func() { tick(1) }, d.every)
	d.env.ExecuteWorkflow(Drill, DrillInput{Drill: "north-weekly"})
	if !d.env.IsWorkflowCompleted() {
		d.t.Fatalf("the drill did not end: %+v", d.last().Waiting)
	}
	if d.err = d.env.GetWorkflowError(); d.err == nil {
		d.err = d.env.GetWorkflowResult(&d.out)
	}
	return d
}

func (d *calendarDrill) wants(verdict plans.Verdict) {
	d.t.Helper()
	if d.err != nil || d.out.Verdict != verdict {
		d.t.Fatalf("%v: %s (%s), want %s", d.err, d.out.Verdict, d.out.Summary, verdict)
	}
}

func (d *calendarDrill) told(words ...string) {
	d.t.Helper()
	for _, w := range words {
		if !slices.ContainsFunc(d.world.notes, func(n string) bool {
			return strings.HasPrefix(n, "DRILL  north-weekly, due Sun 1 Mar 06:00 UTC: ") && strings.Contains(n, w)
		}) {
			d.t.Errorf("nobody was told %q: %q", w, d.world.notes)
		}
	}
}

func TestCalendarDrillPasses(t *testing.T) {
	d := newCalendarDrill(t, plans.Criterion{Kind: plans.CriterionVMs, Text: "up"}, plans.Criterion{Kind: plans.CriterionClean, Text: "clean"}).play()
	d.wants(plans.VerdictDone)
	d.clean()
	r := d.report()
	if r.Status.RunID != "north-weekly-20260301-060000" || r.Status.Workflow != "drill/north" || !r.Input.Drill.Due.Equal(sunday) || d.asked == 0 || len(d.dropped) != 0 {
		t.Errorf("report of %s in %s, looked beside %d times, dropped %v", r.Status.RunID, r.Status.Workflow, d.asked, d.dropped)
	}
	if slices.ContainsFunc(d.world.notes, func(n string) bool { return strings.HasPrefix(n, "DRILL") }) {
		t.Errorf("people were told of a drill that passed: %q", d.world.notes)
	}
}

// What keeps a drill from beginning is a report and a message, and no error: the
// calendar goes on.
func TestCalendarDrillIsNotBegun(t *testing.T) {
	d := newCalendarDrill(t, plans.Criterion{Kind: plans.CriterionVMs, Text: "up"})
	d.open = func(out *activities.DrillOut) {
		out.Found = []plans.Finding{{Severity: plans.Blocker, Code: plans.DrillBlackout, Text: "a day without drills (month-end)"}}
	}
	d.play().wants(plans.VerdictRefused)
	d.told("Not begun: a day without drills (month-end). Nothing was changed.")
	if len(d.dropped) != 1 || d.dropped[0].Judgements[0].Result != plans.CriterionNotJudged || len(d.world.did("start-test")) != 0 {
		t.Errorf("%+v; %v", d.dropped, d.world.effects)
	}
}

// Its look was answered, then the engine died: who comes back hours later does not
// begin what was due then.
func TestCalendarDrillIsNotBegunAfterAnEngineDiedOverItsLook(t *testing.T) {
	for within, want := range map[time.Duration]plans.Verdict{10 * time.Minute: plans.VerdictRefused, 2 * time.Hour: plans.VerdictDone, 0: plans.VerdictDone} {
		d := newCalendarDrill(t)
		d.open = func(out *activities.DrillOut) { out.Within = plans.Duration(within) }
		d.env.SetStartTime(sunday.Add(time.Hour)) // as if it had begun in time
		d.play().wants(want)
		if want == plans.VerdictRefused {
			d.told("it was due 1h0m0s ago, and may begin 10m late at most")
		}
	}
}

// A real operation of which the drill was not told, because it was too early to
// hear: it looks by itself, gives way and cleans up.
func TestCalendarDrillSeesARealOperation(t *testing.T) {
	for _, at := range []int{1, 3} {
		d := newCalendarDrill(t)
		d.in.Hold = plans.Duration(time.Hour)
		d.beside = func(n int) string {
			if n < at {
				return ""
			}
			return "the run plan/other"
		}
		d.play()
		if d.err != nil || !d.out.GaveWay && d.out.Verdict != plans.VerdictRefused {
			t.Fatalf("at look %d: %v %+v", at, d.err, d.out)
		}
		d.clean()
		d.told("gave way to the run plan/other")
		if !slices.ContainsFunc(d.report().Status.Findings, func(f plans.Finding) bool { return f.Code == plans.CodeGaveWay }) {
			t.Errorf("the report does not say so: %+v", d.report().Status.Findings)
		}
		if len(d.dropped) != 0 || len(d.world.reports) != 1 {
			t.Errorf("reports %d, dropped %d", len(d.world.reports), len(d.dropped))
		}
	}
}

// One that does not pass ends as a failure, which is what pauses a calendar.
func TestCalendarDrillDoesNotPass(t *testing.T) {
	for _, c := range []struct {
		name  string
		limit time.Duration
		gate  bool
		words string
	}{
		{"a gate, and nobody there", time.Hour, true, "Not passed"}, {"a criterion", time.Second, false, "Not met: fast: it took"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newCalendarDrill(t, plans.Criterion{Kind: plans.CriterionRTO, Text: "fast", Limit: plans.Duration(c.limit)})
			d.in.Steps[0].VMs[0].Settle = plans.Duration(time.Minute)
			d.world.gate = func(_ context.Context, in activities.GateIn) (activities.GateOut, error) {
				return activities.GateOut{Passed: !c.gate || in.VM != "test-db", Detail: "no contact"}, nil
			}
			d.play()
			d.clean()
			var failed *temporal.ApplicationError
			if !errors.As(d.err, &failed) || failed.Type() != DrillFailed || !strings.Contains(failed.Message(), c.words) {
				t.Fatalf("it ended with %v", d.err)
			}
			d.told(c.words)
			for _, s := range d.seen {
				if len(s.Waiting) > 0 {
					t.Fatalf("somebody was asked: %+v", s.Waiting)
				}
			}
		})
	}
}

// People are asked while the copies are up, by name; what they do not answer is
// not judged, and nothing waits for them.
func TestCalendarDrillAsksPeople(t *testing.T) {
	for _, answer := range []plans.Choice{plans.ChoiceApprove, plans.ChoiceDecline, plans.ChoiceSkip, ""} {
		t.Run("answer "+string(answer), func(t *testing.T) {
			d := newCalendarDrill(t, plans.Criterion{Kind: plans.CriterionPeople, Text: "does the log-in work?", Who: "Dana"})
			d.in.Hold = plans.Duration(20 * time.Minute)
			step, asked := d.in.Drill.Criteria[0].Step, 0
			d.desk = func(_ int, s plans.RunStatus) *plans.Answer {
				for _, q := range s.Waiting {
					if q.Step == step && q.Owner == "Dana" && len(d.world.did("stop-test")) == 0 {
						if asked++; asked == 3 && answer != "" {
							return &plans.Answer{Choice: answer, Step: step, Reason: "tried it"}
						}
					}
				}
				return nil
			}
			d.play()
			d.clean()
			want := map[plans.Choice]plans.CriterionResult{plans.ChoiceApprove: plans.CriterionMet, plans.ChoiceDecline: plans.CriterionNotMet}[answer]
			if want == "" {
				want = plans.CriterionNotJudged
			}
			r := d.report()
			j := plans.MakeReport(r.Status, r.Input, r.Answers, "test", true).Judgements[0]
			if j.Result != want || (answer != "") != (j.By == "Dana") || len(d.refused) > 0 || asked < 3 || answer != "" && asked != 3 {
				t.Errorf("%+v, refused %q, asked %d times", j, d.refused, asked)
			}
			if failed := d.err != nil; failed != (answer == plans.ChoiceDecline) || r.Status.Verdict != plans.VerdictDone {
				t.Errorf("%v, the run is %s", d.err, r.Status.Verdict)
			}
		})
	}
}

func TestCalendarDrillCancelledFromOutside(t *testing.T) {
	d := newCalendarDrill(t)
	d.in.Hold = plans.Duration(time.Hour)
	d.desk = func(_ int, s plans.RunStatus) *plans.Answer {
		if _, held := question(s, ""); held {
			d.env.CancelWorkflow()
		}
		return nil
	}
	d.play()
	d.clean()
	if d.err != nil || !d.out.GaveWay || len(d.world.did("stop-test")) != 4 {
		t.Errorf("%v %+v; removed %v", d.err, d.out, d.world.did("stop-test"))
	}
}

// Nobody is there: a task is left out, a yes that nobody gives is a no.
func TestCalendarDrillMeetsAStepForPeople(t *testing.T) {
	for _, approve := range []bool{false, true} {
		d := newCalendarDrill(t)
		d.in.Hold = plans.Duration(10 * time.Minute)
		d.in.Steps = slices.Insert(d.in.Steps, 1, plans.RunStep{Name: "order", Manual: &plans.ManualStep{Name: "order", Text: "an order", Owner: "Dana", Approve: approve}})
		for i := range d.in.Steps {
			d.in.Steps[i].Number = i + 1
		}
		d.play()
		d.clean()
		step := d.report().Status.StepList[1]
		want := map[bool]plans.Verdict{false: plans.VerdictSkipped, true: plans.VerdictStopped}[approve]
		if step.Verdict != want || step.By != "calendar north-weekly" || (d.err != nil) != approve {
			t.Errorf("approve %v: %v, step %+v", approve, d.err, step)
		}
		if !slices.ContainsFunc(d.seen, func(s plans.RunStatus) bool { return len(s.Waiting) > 0 && s.Waiting[0].Owner == "Dana" }) {
			t.Error("Dana was never asked")
		}
		if took := step.Ended.Sub(step.Started); took < 10*time.Minute || took > 11*time.Minute {
			t.Errorf("it waited %s", took)
		}
	}
}
