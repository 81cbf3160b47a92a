package control

import (
	"context"
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// ErrSelfTestRuns says that a self-test or a canary is under way: there is one at a
// time.
var ErrSelfTestRuns = errors.New("a self-test or a canary is under way")

// StartSelfTest begins a self-test; ErrSelfTestRuns when there is one.
func (c *Client) StartSelfTest(ctx context.Context, run string, setup plans.SelfTestSetup) error {
	_, err := c.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.SelfTestID, TaskQueue: workflows.TaskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL, WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary:                            fmt.Sprintf("self-test of %s and %s", setup.A.Host, setup.B.Host),
		StaticDetails:                            fmt.Sprintf("Started by %s. %s", setup.By, setup.Reason),
	}, workflows.SelfTestRun, workflows.SelfTestInput{Run: run, Setup: setup})
	var already *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &already) {
		return ErrSelfTestRuns
	}
	return err
}

// SelfTest answers with the picture of the present or last self-test; ErrNoRun
// says that there was none, ErrEndedOutside that somebody terminated it.
func (c *Client) SelfTest(ctx context.Context) (s plans.SelfTestStatus, err error) {
	err = c.queryToEnd(ctx, workflows.SelfTestID, &s, func() bool { return !s.Ended.IsZero() })
	return s, err
}

// LastSelfTest is SelfTest past the nights of canaries.
func (c *Client) LastSelfTest(ctx context.Context) (s plans.SelfTestStatus, err error) {
	answer, err := c.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: c.namespace, PageSize: 1, Query: fmt.Sprintf("WorkflowType = %q AND ParentWorkflowId IS NULL", workflows.SelfTestRun),
	})
	switch {
	case err != nil:
		return s, err
	case len(answer.GetExecutions()) == 0:
		return s, ErrNoRun
	}
	last := answer.GetExecutions()[0]
	if err = c.query(ctx, workflows.SelfTestID, last.GetExecution().GetRunId(), &s); err == nil && s.Ended.IsZero() && last.GetCloseTime() != nil {
		err = ErrEndedOutside
	}
	return s, err
}

// StopSelfTest ends the walk of the self-test under way; its VM is removed then.
func (c *Client) StopSelfTest(ctx context.Context, by string) error {
	err := c.temporal.SignalWorkflow(ctx, workflows.SelfTestID, "", workflows.StandDownSignal, by)
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		return ErrNoRun
	}
	return err
}
