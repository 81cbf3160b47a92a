package control

import (
	"context"
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// ErrCommitWaits says that a commit of the plan waits already.
var ErrCommitWaits = errors.New("a commit of this plan waits already")

// CommitLater lets a commit begin after the input's hold. A new failover or a
// cancel of the plan ends the wait; ErrCommitWaits says that one waits already.
func (c *Client) CommitLater(ctx context.Context, input plans.RunInput) error {
	_, err := c.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                                       workflows.CommitID(input.Plan),
		TaskQueue:                                workflows.TaskQueue,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary:                            fmt.Sprintf("%s: commit after %s", input.Plan, input.Hold),
		StaticDetails:                            workflows.Details(input),
	}, workflows.CommitLater, workflows.PlanRunInput{Run: input, SearchAttributes: c.attributes})
	var already *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &already) {
		return ErrCommitWaits
	}
	return err
}

// CommitWait answers with the commit that waits or waited last; ErrNoRun says
// that there was none.
func (c *Client) CommitWait(ctx context.Context, plan string) (plans.CommitStatus, error) {
	var s plans.CommitStatus
	return s, c.query(ctx, workflows.CommitID(plan), "", &s)
}

// StopCommit ends a commit that waits; ErrNoRun says that none does.
func (c *Client) StopCommit(ctx context.Context, plan, by, reason string) error {
	err := c.temporal.SignalWorkflow(ctx, workflows.CommitID(plan), "", workflows.StandDownSignal, fmt.Sprintf("stopped by %s: %s", by, reason))
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		return ErrNoRun
	}
	return err
}
