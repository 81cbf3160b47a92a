package control

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// scanLimit bounds how long somebody waits for a look at all hosts.
const scanLimit = 30 * time.Minute

// ScanOrphans looks at every host and answers with what was found. It asks the
// sweep that is open, or begins one; what earlier ones did and can be taken back
// goes with it. It ends when ctx does; the sweep goes on.
func (c *Client) ScanOrphans(ctx context.Context, by string) (plans.OrphanStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, scanLimit)
	defer cancel()
	var s plans.OrphanStatus
	err := refusal(c.update(ctx, workflows.OrphansID, plans.Answer{Choice: plans.ChoiceScan, By: by, Via: "cli"}, &s))
	var no *NotAcceptedError
	if !errors.As(err, &no) {
		return s, err
	}
	last, err := c.Orphans(ctx)
	if err != nil && !errors.Is(err, ErrNoRun) {
		return s, err
	}
	_, err = c.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.OrphansID, TaskQueue: workflows.TaskQueue, StaticSummary: "what replication left behind",
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
	}, workflows.OrphanSweep, workflows.OrphanInput{By: by, Cleans: last.Undoable(time.Now())})
	if err != nil {
		return s, err
	}
	for {
		if s, err = c.Orphans(ctx); err != nil || !s.Looked.IsZero() {
			return s, err
		}
		select {
		case <-ctx.Done():
			return s, ctx.Err()
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// Orphans answers with the picture of the present or last sweep; ErrNoRun says
// that there was none.
func (c *Client) Orphans(ctx context.Context) (plans.OrphanStatus, error) {
	var s plans.OrphanStatus
	return s, c.query(ctx, workflows.OrphansID, "", &s)
}

// AnswerOrphans gives a person's answer to the open sweep: clean or undo. A
// *NotAcceptedError says why it was not taken.
func (c *Client) AnswerOrphans(ctx context.Context, a plans.Answer) (plans.OrphanStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	var s plans.OrphanStatus
	return s, refusal(c.update(ctx, workflows.OrphansID, a, &s))
}

// Held names who works on which VM now, by VM id in lower case: every workflow
// that is open, by its id. vms are the ids of each plan's VMs. A run of something
// that vms does not know is an error: then nobody knows.
func (c *Client) Held(ctx context.Context, vms map[string][]string) (map[string]string, error) {
	held := map[string]string{}
	var page []byte
	for {
		answer, err := c.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: c.namespace, PageSize: 500, NextPageToken: page, Query: "ExecutionStatus = 'Running'",
		})
		if err != nil {
			return nil, err
		}
		for _, e := range answer.GetExecutions() {
			if e.GetType().GetName() == workflows.OrphanClean {
				continue
			}
			if err := holds(held, e.GetExecution().GetWorkflowId(), vms); err != nil {
				return nil, err
			}
		}
		if page = answer.GetNextPageToken(); len(page) == 0 {
			return held, nil
		}
	}
}

// holds notes what the workflow of an id works on.
func holds(held map[string]string, id string, vms map[string][]string) error {
	if vm, ok := strings.CutPrefix(id, workflows.VMOperationID("")); ok {
		held[strings.ToLower(vm)] = "an operation"
		return nil
	}
	for _, watched := range []struct{ prefix, what string }{
		{workflows.PlanRunID(""), "the run "}, {workflows.DrillRunID(""), "the drill "}, {workflows.FenceID(""), "the watch "}, {workflows.CommitID(""), "the commit that waits, "},
	} {
		name, ok := strings.CutPrefix(id, watched.prefix)
		if !ok {
			continue
		}
		name, _, _ = strings.Cut(name, "/stage/")
		name = workflows.PlanOf(watched.prefix + name)
		ids, known := vms[name]
		if !known && watched.prefix == workflows.DrillRunID("") {
			held[strings.ToLower(name)] = watched.what + id // of one VM
			return nil
		}
		if !known {
			return fmt.Errorf("%s%s is under way, and no plan of this name is in the configuration", watched.what, id)
		}
		for _, vm := range ids {
			held[vm] = watched.what + id
		}
	}
	return nil
}

// Working names what goes on with one of the plans: a run, a drill, a watch on its
// lost site, a commit that waits; "" for nothing.
func (c *Client) Working(ctx context.Context, named []string) (string, error) {
	return c.firstOpen(ctx, named, workflows.PlanRunID, workflows.DrillRunID, workflows.FenceID, workflows.CommitID)
}

// KeepOrphanCalendar makes the calendar of sweeps what a policy says: there, other
// than it was, or gone. Its sweeps report only.
func (c *Client) KeepOrphanCalendar(ctx context.Context, p plans.OrphanPolicy) error {
	schedules := c.temporal.ScheduleClient()
	handle := schedules.GetHandle(ctx, workflows.OrphanCalendarID)
	var missing *serviceerror.NotFound
	if p.Cron == "" {
		if err := handle.Delete(ctx); err != nil && !errors.As(err, &missing) {
			return err
		}
		return nil
	}
	spec := client.ScheduleSpec{CronExpressions: []string{p.Cron}, TimeZoneName: p.Timezone}
	action := &client.ScheduleWorkflowAction{
		ID: workflows.OrphanCalendarID, TaskQueue: workflows.TaskQueue, Workflow: workflows.OrphanSweep,
		Args: []any{workflows.OrphanInput{By: "the calendar", Report: true}},
	}
	err := handle.Update(ctx, client.ScheduleUpdateOptions{DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
		in.Description.Schedule.Spec, in.Description.Schedule.Action = &spec, action
		return &client.ScheduleUpdate{Schedule: &in.Description.Schedule}, nil
	}})
	if !errors.As(err, &missing) {
		return err
	}
	_, err = schedules.Create(ctx, client.ScheduleOptions{
		ID: workflows.OrphanCalendarID, Spec: spec, Action: action, Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: time.Hour,
	})
	return err
}
