package workflows

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

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
	tr := &trial{t: t, world: newWorld(in), in: in, desk: d, every: time.Second, ticks: 2000}
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
	tr.env = suite.NewTestWorkflowEnvironment()
	tr.env.SetTestTimeout(30 * time.Second)
	tr.env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&tr.wire}})
	Register(tr.env)
	for name, f := range map[string]any{
		activities.AdvanceName: tr.world.Advance, activities.CheckGateName: tr.world.CheckGate, activities.PreflightName: tr.world.Preflight,
		activities.NotifyName: tr.world.Notify, activities.SaveReportName: tr.world.SaveReport,
	} {
		tr.env.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
	tr.env.SetStartWorkflowOptions(startOptions(in.Plan))
	// The test server knows children only; what goes to the run itself is
	// handed on here.
	tr.env.OnSignalExternalWorkflow(mock.Anything, PlanRunID(in.Plan), mock.Anything, mock.Anything, mock.Anything).Return(
		func(_, _, _, name string, arg any) error { tr.env.SignalWorkflow(name, arg); return nil })
	return tr
}

// run plays the run to its end.
func (tr *trial) run() *trial {
	tr.t.Helper()
	tr.env.RegisterDelayedCallback(func() { tr.tick(1) }, tr.every)
	tr.env.ExecuteWorkflow(RecoveryPlanRun, PlanRunInput{Run: tr.in})
	if !tr.env.IsWorkflowCompleted() {
		tr.t.Fatalf("the run did not end; last picture: %+v", tr.last())
	}
	if err := tr.env.GetWorkflowError(); err != nil {
		tr.t.Fatalf("the run failed: %v; last waiting: %.1500s", err, fmt.Sprintf("%+v", tr.last().Waiting))
	}
	if err := tr.env.GetWorkflowResult(&tr.result); err != nil {
		tr.t.Fatal(err)
	}
	return tr
}

func (tr *trial) tick(n int) {
	if tr.env.IsWorkflowCompleted() || n > tr.ticks {
		return
	}
	s := tr.status()
	tr.seen = append(tr.seen, s)
	if a := tr.desk(n, s); a != nil {
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
		tr.t.Fatalf("the run is %s (%s), want %s; VMs %+v", tr.result.Verdict, tr.result.Summary, want, tr.report().Status.VMs)
	}
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

var errLost = errors.New("the engine was killed")
