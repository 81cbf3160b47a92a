package workflows

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// desk is where people sit: asked every tick with the run's picture, it gives
// an answer or none.
type desk func(tick int, s plans.RunStatus) *plans.Answer

// trial is one run of a plan against a world.
type trial struct {
	t     *testing.T
	world *world
	in    plans.RunInput
	desk  desk
	env   *testsuite.TestWorkflowEnvironment
	// every is how often the desk is asked, ticks how often at most.
	every time.Duration
	ticks int

	wire    wire
	seen    []plans.RunStatus
	results []plans.AnswerResult
	refused []string
	result  plans.RunResult
}

func newTrial(t *testing.T, in plans.RunInput, d desk) *trial {
	t.Helper()
	w := newWorld(in)
	tr := newTrialOver(t, in, d, map[string]any{
		activities.AdvanceName: w.Advance, activities.CheckGateName: w.CheckGate, activities.PreflightName: w.Preflight,
		activities.NotifyName: w.Notify, activities.SaveReportName: w.SaveReport,
		activities.ObserveName: w.Observe, activities.WatchReturnName: w.WatchReturn, activities.MakeRoomName: w.MakeRoom,
	})
	tr.world = w
	return tr
}

// newTrialOver is a trial over other activities, by their names.
func newTrialOver(t *testing.T, in plans.RunInput, d desk, acts map[string]any) *trial {
	t.Helper()
	tr := &trial{t: t, in: in, desk: d, every: time.Second, ticks: 2000, world: &world{}} // the activities have a world of theirs
	tr.env = testEnvironment(&tr.wire)
	Register(tr.env)
	for name, f := range acts {
		tr.env.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
	tr.env.SetStartWorkflowOptions(startOptions(in))
	// What outlives a run is not played to its end with it.
	tr.env.SetDetachedChildWait(false)
	// The test server knows children only; what goes to the run itself is
	// handed on here, what goes to others is kept. Nobody else is there.
	tr.env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(
		func(_, id, _, name string, arg any) error {
			if id == RunID(in.Plan, in.Operation) {
				tr.env.SignalWorkflow(name, arg)
				return nil
			}
			if tr.world != nil {
				tr.world.told(id, name)
			}
			return errNobody
		})
	return tr
}

// run plays the run to its end.
func (tr *trial) run() *trial {
	tr.t.Helper()
	if err := tr.play(); err != nil {
		tr.t.Fatalf("%v; last waiting: %.1500s", err, fmt.Sprintf("%+v", tr.last().Waiting))
	}
	return tr
}

// play is run for whoever has something else to say about a failure.
func (tr *trial) play() error {
	tr.env.RegisterDelayedCallback(func() { tr.tick(1) }, tr.every)
	tr.env.ExecuteWorkflow(RecoveryPlanRun, PlanRunInput{Run: tr.in})
	if !tr.env.IsWorkflowCompleted() {
		return errors.New("the run did not end")
	}
	if err := tr.env.GetWorkflowError(); err != nil {
		return fmt.Errorf("the run failed: %w", err)
	}
	return tr.env.GetWorkflowResult(&tr.result)
}

func (tr *trial) tick(n int) {
	if tr.env.IsWorkflowCompleted() || n > tr.ticks {
		return
	}
	s := tr.status()
	tr.seen = append(tr.seen, s)
	var a *plans.Answer
	tr.world.onScene(func() { a = tr.desk(n, s) })
	if a != nil {
		tr.say(*a)
	}
	tr.env.RegisterDelayedCallback(func() { tr.tick(n + 1) }, tr.every)
}

func (tr *trial) status() plans.RunStatus {
	var s plans.RunStatus
	v, err := tr.env.QueryWorkflow(StatusQuery)
	if err == nil {
		err = v.Get(&s)
	}
	if err != nil {
		tr.t.Errorf("query: %v", err)
	}
	return s
}

func (tr *trial) last() plans.RunStatus {
	if len(tr.seen) == 0 {
		return plans.RunStatus{}
	}
	return tr.seen[len(tr.seen)-1]
}

// say gives an answer; what becomes of it is in results and refused.
func (tr *trial) say(a plans.Answer) {
	if a.By == "" {
		a.By = "mia"
	}
	tr.env.UpdateWorkflow(string(a.Choice), "", &testsuite.TestUpdateCallback{
		OnAccept: func() {},
		OnReject: func(err error) { tr.refused = append(tr.refused, err.Error()) },
		OnComplete: func(v any, err error) {
			if r, ok := v.(plans.AnswerResult); ok && err == nil {
				tr.results = append(tr.results, r)
			}
		},
	}, a)
}

// vm is a VM's end in the report that was kept.
func (tr *trial) vm(label string) plans.VMStatus {
	tr.t.Helper()
	for _, vm := range tr.report().Status.VMs {
		if vm.Label == label {
			return vm
		}
	}
	tr.t.Fatalf("no VM %q in the report", label)
	return plans.VMStatus{}
}

func (tr *trial) report() activities.ReportIn {
	tr.t.Helper()
	if len(tr.world.reports) != 1 {
		tr.t.Fatalf("%d reports were kept, want 1", len(tr.world.reports))
	}
	return tr.world.reports[0]
}

func (tr *trial) wantVerdict(want plans.Verdict) {
	tr.t.Helper()
	if tr.result.Verdict != want {
		tr.t.Fatalf("the run is %s (%s), want %s; VMs %s", tr.result.Verdict, tr.result.Summary, want, tr.ends())
	}
}

// ends are the VMs' ends, in words.
func (tr *trial) ends() string {
	var b strings.Builder
	for _, vm := range tr.report().Status.VMs {
		fmt.Fprintf(&b, "\n%s: %s (%s)", vm.Label, vm.Verdict, vm.Doing)
	}
	return b.String()
}

// question finds what waits about a VM ("" for any step).
func question(s plans.RunStatus, vm string) (plans.Question, bool) {
	for _, q := range s.Waiting {
		if q.VM == vm {
			return q, true
		}
	}
	return plans.Question{}, false
}

// approving answers every manual step with yes and nothing else.
func approving(_ int, s plans.RunStatus) *plans.Answer {
	if q, ok := question(s, ""); ok {
		return &plans.Answer{Choice: plans.ChoiceApprove, Step: q.Step}
	}
	return nil
}

// once approves the steps and answers the first question about a VM.
func once(vm string, a plans.Answer) desk {
	given := false
	return func(n int, s plans.RunStatus) *plans.Answer {
		if _, ok := question(s, vm); ok && !given {
			given = true
			a.VM = vm
			return &a
		}
		return approving(n, s)
	}
}

var errNobody = errors.New("no such workflow")

var errLost = errors.New("the engine was killed")
