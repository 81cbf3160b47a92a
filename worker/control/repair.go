package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// AskRepair tells the repair ladder of a sending host about legs, by
// plans.RepairKey, whose replication has stopped or is not set as it should be, and
// begins the ladder where there is none.
func (c *Client) AskRepair(ctx context.Context, host string, legs []string) error {
	_, err := c.temporal.SignalWithStartWorkflow(ctx, workflows.RepairID(host), workflows.TroubleSignal, legs, client.StartWorkflowOptions{
		ID: workflows.RepairID(host), TaskQueue: workflows.TaskQueue,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		StaticSummary:         "repairs at " + host,
	}, workflows.RepairHost, workflows.RepairInput{Host: host})
	return err
}

// Repairs are the ladders under way, by host. One that has just begun may be
// missing for a moment.
func (c *Client) Repairs(ctx context.Context) ([]plans.RepairStatus, error) {
	ids, err := c.running(ctx, workflows.RepairHost)
	if err != nil {
		return nil, err
	}
	all, errs := make([]plans.RepairStatus, len(ids)), make([]error, len(ids))
	var asked sync.WaitGroup
	free := make(chan struct{}, atOnce)
	for i, id := range ids {
		free <- struct{}{}
		asked.Go(func() {
			errs[i] = c.query(ctx, id, "", &all[i])
			<-free
		})
	}
	asked.Wait()
	slices.SortFunc(all, func(a, b plans.RepairStatus) int { return strings.Compare(a.Host, b.Host) })
	return all, errors.Join(errs...)
}

// running are the ids of the open workflows of a kind.
func (c *Client) running(ctx context.Context, kind string) (ids []string, err error) {
	var page []byte
	for {
		answer, err := c.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: c.namespace, PageSize: 500, NextPageToken: page,
			Query: fmt.Sprintf("WorkflowType = %q AND ExecutionStatus = 'Running'", kind),
		})
		if err != nil {
			return nil, err
		}
		for _, e := range answer.GetExecutions() {
			ids = append(ids, e.GetExecution().GetWorkflowId())
		}
		if page = answer.GetNextPageToken(); len(page) == 0 {
			return ids, nil
		}
	}
}

// AnswerRepair gives a person's answer to the ladder of a host: approve, run or
// hold. A *NotAcceptedError says why it was not taken.
func (c *Client) AnswerRepair(ctx context.Context, host string, a plans.Answer) (plans.RepairStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	var s plans.RepairStatus
	return s, refusal(c.update(ctx, workflows.RepairID(host), a, &s))
}

// OpenRun names a run of one of the plans that is under way, a drill too; ""
// when there is none.
func (c *Client) OpenRun(ctx context.Context, named []string) (string, error) {
	id, err := c.firstOpen(ctx, named, workflows.PlanRunID, workflows.DrillRunID)
	if id != "" {
		id = "the run " + id
	}
	return id, err
}

// firstOpen is the id of the first workflow of one of the plans that is open, "" for
// none. It asks for each by its id, which is never behind.
func (c *Client) firstOpen(ctx context.Context, named []string, ids ...func(plan string) string) (string, error) {
	for _, plan := range named {
		for _, idOf := range ids {
			answer, err := c.temporal.DescribeWorkflowExecution(ctx, idOf(plan), "")
			var missing *serviceerror.NotFound
			switch {
			case errors.As(err, &missing):
			case err != nil:
				return "", err
			case answer.GetWorkflowExecutionInfo().GetCloseTime() == nil:
				return idOf(plan), nil
			}
		}
	}
	return "", nil
}
