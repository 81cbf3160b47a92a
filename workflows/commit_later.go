package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// askAgain is how often a commit whose time has come asks whether the plan is
// free.
const askAgain = time.Minute

// commitLater is the workflow CommitLater: it waits for the run's hold, then
// starts the commit as the plan's run. A new failover or a cancel of the plan
// ends it: what it was to make final is decided anew then.
func commitLater(ctx workflow.Context, in PlanRunInput) (plans.CommitStatus, error) {
	run := in.Run
	hold := scaled(run.Hold.D(), run.Speed)
	now := workflow.Now(ctx).UTC()
	s := plans.CommitStatus{Plan: run.Plan, RunID: run.RunID, StartedBy: run.StartedBy, Started: now, At: now.Add(hold)}
	say := func(format string, args ...any) {
		s.Doing = fmt.Sprintf(format, args...)
		workflow.SetCurrentDetails(ctx, s.Doing)
	}
	say("waits until %s UTC, then commits plan %s at %s", s.At.Format("2 Jan 15:04"), run.Plan, run.To)
	err := workflow.SetQueryHandlerWithOptions(ctx, StatusQuery, func() (plans.CommitStatus, error) { return s, nil },
		workflow.QueryHandlerOptions{Description: "The commit that waits."})
	if err != nil {
		return s, err
	}
	workflow.Go(ctx, func(ctx workflow.Context) {
		var why string
		workflow.GetSignalChannel(ctx, StandDownSignal).Receive(ctx, &why)
		s.Ended = orWords(why, "told to stand down")
	})
	pause := hold
	for {
		over, err := workflow.AwaitWithTimeout(ctx, pause, func() bool { return s.Ended != "" })
		if err != nil || over {
			say("does not commit: %s", s.Ended)
			return s, err
		}
		err = startCommit(ctx, in)
		switch {
		case err == nil:
			s.Begun = true
			say("the commit has begun: %s", PlanRunID(run.Plan))
			return s, nil
		case !temporal.IsWorkflowExecutionAlreadyStartedError(err):
			return s, err
		}
		pause = askAgain
		say("waits: another run holds plan %s", run.Plan)
	}
}

func startCommit(ctx workflow.Context, in PlanRunInput) error {
	run := in.Run
	return startApart(ctx, RecoveryPlanRun, in, workflow.ChildWorkflowOptions{
		WorkflowID: PlanRunID(run.Plan), StaticSummary: Summary(run), StaticDetails: Details(run), Memo: Memo(run),
	})
}

// Keys of a run's memo: its operation, and the hosts where it brings VMs up.
const (
	MemoOperation = "operation"
	MemoTargets   = "targets"
)

// Summary is the line of a run in lists; Details and Memo go with it.
func Summary(run plans.RunInput) string {
	return fmt.Sprintf("%s: %s, %s to %s", run.Plan, run.Operation, run.From, run.To)
}

// Details says who started a run and why.
func Details(run plans.RunInput) string {
	return fmt.Sprintf("Started by %s. %s", run.StartedBy, run.Reason)
}

// Memo is what can be read of a run without asking it.
func Memo(run plans.RunInput) map[string]any {
	return map[string]any{MemoOperation: string(run.Operation), MemoTargets: plans.TargetHosts(run)}
}
