package workflows

import (
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// CanaryInput is what a Canary is started with: by its calendar, or by a person.
type CanaryInput struct {
	Canary string `json:"canary"`
	// Due is set for one that a person began; the calendar's own is told by the
	// server.
	Due    time.Time `json:"due,omitzero"`
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
	// SearchAttributes is as in PlanRunInput.
	SearchAttributes bool `json:"search_attributes"`
}

const (
	// canaryMoves is how long one of its runs may take, and then how long it may take
	// to stop, by the hosts' time.
	canaryMoves = time.Hour
	canaryStops = 30 * time.Minute
	// canaryOld is how long what an earlier night has left is tried to be removed.
	canaryOld = 10 * time.Minute
	// One self-test or canary goes at a time: another waits so long for its turn. It is
	// real time.
	canaryTurn  = 3 * time.Hour
	canaryAgain = 30 * time.Second
)

const cancelledEarly = "it was cancelled before it began"

// CanaryFailed is the kind of error that a Canary which did not pass ends with.
const CanaryFailed = "canary-failed"

// runCanary is the workflow Canary: one night of a canary. Whatever becomes of it
// is kept.
func runCanary(ctx workflow.Context, in CanaryInput) (plans.CanaryResult, error) {
	r := plans.CanaryResult{Canary: in.Canary, Due: in.Due, ByHand: !in.Due.IsZero(), By: in.By, Began: workflow.Now(ctx).UTC(), Verdict: plans.VerdictRunning}
	if !r.ByHand {
		r.Due = dueBySchedule(ctx)
	}
	err := workflow.SetQueryHandlerWithOptions(ctx, StatusQuery, func() (plans.CanaryResult, error) { return r, nil },
		workflow.QueryHandlerOptions{Description: "The canary, and what became of it."})
	if err != nil {
		return r, err
	}
	var open activities.CanaryOut
	err = workflow.ExecuteActivity(ownWork(ctx, "may the canary begin?"), activities.OpenCanaryName, activities.CanaryIn{Result: r, Reason: in.Reason}).Get(ctx, &open)
	switch {
	case temporal.IsCanceledError(err):
		open.Result = plans.SkipCanary(r, cancelledEarly)
	case err != nil:
		return r, err
	}
	r = open.Result
	end := r
	if r.Verdict == plans.VerdictRunning {
		end = night(ctx, in, r, open.Setup)
	}
	ctx, release := workflow.NewDisconnectedContext(ctx)
	defer release()
	end.Ended = workflow.Now(ctx).UTC()
	workflow.SetCurrentDetails(ctx, "## "+markdown(end.Outcome())+"\n\n"+markdown(end.Words()))
	if err := workflow.ExecuteActivity(ownWork(ctx, "keep the result"), activities.CloseCanaryName, end).Get(ctx, nil); err != nil {
		return r, err
	}
	r = end // whoever waits for the end finds it in the journal
	if r.Passed() || r.Skipped {
		return r, nil
	}
	return r, temporal.NewNonRetryableApplicationError(r.Words(), CanaryFailed, nil, r)
}

// night waits for its turn and walks.
func night(ctx workflow.Context, in CanaryInput, r plans.CanaryResult, setup plans.SelfTestSetup) plans.CanaryResult {
	child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: SelfTestID, WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, WaitForCancellation: true,
		ParentClosePolicy: enumspb.PARENT_CLOSE_POLICY_REQUEST_CANCEL, StaticSummary: setup.Kind(),
	})
	until := workflow.Now(ctx).Add(canaryTurn)
	for {
		var s plans.SelfTestStatus
		err := workflow.ExecuteChildWorkflow(child, SelfTestRun,
			SelfTestInput{Run: plans.CanaryRunName(r), Setup: setup, SearchAttributes: in.SearchAttributes}).Get(ctx, &s)
		switch {
		case err == nil:
			return plans.EndCanary(r, s)
		case temporal.IsCanceledError(err): // one that has made its VM ends with a status
			return plans.SkipCanary(r, cancelledEarly)
		case !temporal.IsWorkflowExecutionAlreadyStartedError(err):
			r.Verdict, r.Why = plans.VerdictStuck, fmt.Sprintf("its walk was ended from outside, look for %s on %s and %s: %v", setup.Name, r.Host, r.To, ofChild(err))
			return r
		case !workflow.Now(ctx).Before(until):
			return plans.SkipCanary(r, "another canary or a self-test was under way all the time")
		}
		if err := workflow.Sleep(ctx, canaryAgain); err != nil {
			return plans.SkipCanary(r, cancelledEarly)
		}
	}
}

// ofChild is a child workflow's error without what Temporal calls the child.
func ofChild(err error) error {
	var child *temporal.ChildWorkflowExecutionError
	if errors.As(err, &child) {
		return child.Unwrap()
	}
	return err
}

// clearOld removes what earlier nights of the same canary have left. What stays
// refuses this one.
func (w *selfTestWalk) clearOld(ctx workflow.Context) {
	w.say(ctx, "looks for what earlier nights have left")
	w.old = w.remove(ctx, activities.SelfTestCleanIn{Named: plans.CanaryPrefix + w.in.Setup.Canary + "-"}, canaryOld)
	w.status.Left = nil
}

// move is a step that a run of the canary's plan takes: the same workflows, acts and
// checks that move real VMs.
func (w *selfTestWalk) move(ctx workflow.Context, step string) error {
	to, _ := plans.CanaryMove(step)
	began, speed := workflow.Now(ctx), max(w.in.Setup.Speed, 1)
	w.say(ctx, "step %d of %d: %s", w.status.Step, w.status.Steps, step)
	var run plans.RunInput
	err := workflow.ExecuteActivity(ownWork(ctx, "the run of "+step), activities.CanaryRunName,
		activities.CanaryRunIn{Setup: w.status.Setup, VM: w.progress.VM, To: to, Run: w.in.Run + "-" + step}).Get(ctx, &run)
	if err != nil {
		return err
	}
	moving, stop := workflow.WithCancel(ctx)
	defer stop()
	future := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(moving, workflow.ChildWorkflowOptions{
		WorkflowID: canaryRunID(w.in.Setup.Canary), WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, WaitForCancellation: true,
		ParentClosePolicy: closePolicy(run.Operation), StaticSummary: Summary(run), StaticDetails: Details(run), Memo: Memo(run),
	}), CanaryRun, PlanRunInput{Run: run, SearchAttributes: w.in.SearchAttributes})
	over, late := func() bool { return future.IsReady() || w.stop != "" }, ""
	if _, err := workflow.AwaitWithTimeout(ctx, scaled(canaryMoves, speed), over); err != nil || !future.IsReady() {
		if err == nil && w.stop == "" {
			late = fmt.Sprintf("not done in %s, and so told to stop: ", plans.Duration(canaryMoves))
		}
		stop()
		calm, release := workflow.NewDisconnectedContext(ctx)
		defer release()
		if _, stuck := workflow.AwaitWithTimeout(calm, scaled(canaryStops, speed), future.IsReady); stuck != nil || !future.IsReady() {
			return errors.Join(err, stuck, errors.New("it took too long, and its run does not stop"))
		}
	}
	var result plans.RunResult
	if err := future.Get(ctx, &result); err != nil {
		return fmt.Errorf("its run was ended from outside: %w", ofChild(err))
	}
	entry := plans.SelfTestEntry{Step: step, At: to, Outcome: string(result.Verdict), Lasted: plans.Duration(float64(workflow.Now(ctx).Sub(began)) * speed)}
	w.status.Entries = append(w.status.Entries, entry)
	if result.Verdict != plans.VerdictDone {
		return fmt.Errorf("%s%s (lifeboat journal report %s)", late, result.Summary, result.RunID)
	}
	return nil
}
