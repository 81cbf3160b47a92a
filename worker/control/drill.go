package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// ErrNoDrill says that the engine holds no such drill on its calendar.
var ErrNoDrill = errors.New("no such drill is on the engine's calendar")

// DrillSchedule is a drill's calendar.
type DrillSchedule struct {
	Drill string `json:"drill"`
	Calendar
}

// DrillSchedules are the drills that the server holds, by name. One that has just
// been put there may be missing for a moment.
func (c *Client) DrillSchedules(ctx context.Context) ([]string, error) {
	return c.calendars(ctx, workflows.CalendarOf)
}

// DrillSchedule asks how one drill stands.
func (c *Client) DrillSchedule(ctx context.Context, drill string) (DrillSchedule, error) {
	calendar, err := c.calendar(ctx, workflows.CalendarID(drill))
	if strings.HasPrefix(calendar.Note, pausedByFailure) {
		calendar.Note = "a drill did not pass"
	}
	return DrillSchedule{drill, calendar}, drillError(err)
}

func drillError(err error) error {
	if errors.Is(err, errNoCalendar) {
		return ErrNoDrill
	}
	return err
}

// KeepDrill puts a drill on the calendar as it shall be; whether it is paused
// stays as it is.
//
// Overlap: skip, and the skipped one is reported; two drills of a plan would test
// each other. Catch-up: the drill's own within, so that an engine that comes back
// on Monday noon does not run Sunday's.
func (c *Client) KeepDrill(ctx context.Context, s DrillSchedule, attributes bool) error {
	return c.keepCalendar(ctx, s.Calendar, &client.ScheduleWorkflowAction{
		ID: workflows.CalendarID(s.Drill), Workflow: workflows.Drill, TaskQueue: workflows.TaskQueue, StaticSummary: "drill " + s.Drill,
		Args: []any{workflows.DrillInput{Drill: s.Drill, SearchAttributes: attributes}},
	})
}

// RemoveDrill takes a drill off the calendar. One that is under way goes on.
func (c *Client) RemoveDrill(ctx context.Context, drill string) error {
	return c.removeCalendar(ctx, workflows.CalendarID(drill))
}

// PauseDrill keeps a drill from beginning until it is resumed. One that is under
// way goes on.
func (c *Client) PauseDrill(ctx context.Context, drill, by, reason string) error {
	return drillError(c.pauseCalendar(ctx, workflows.CalendarID(drill), by, reason))
}

// ResumeDrill lets a drill begin again when it is due.
func (c *Client) ResumeDrill(ctx context.Context, drill, by, reason string) error {
	return drillError(c.resumeCalendar(ctx, workflows.CalendarID(drill), by, reason))
}

// DrillByHand tells whether a drill that a person began is under way.
func (c *Client) DrillByHand(ctx context.Context, drill string) (bool, error) {
	return c.begunByHand(ctx, workflows.CalendarID(drill), workflows.Drill)
}

// StartDrill begins a drill now, and names its workflow.
func (c *Client) StartDrill(ctx context.Context, drill string, start plans.DrillStart) (string, error) {
	id := workflows.CalendarID(drill) + byHand + start.Due.UTC().Format(time.RFC3339)
	_, err := c.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: workflows.TaskQueue, StaticSummary: fmt.Sprintf("drill %s by %s", drill, start.By),
	}, workflows.Drill, workflows.DrillInput{Drill: drill, Due: start.Due, By: start.By, Reason: start.Reason, Auto: start.Auto, SearchAttributes: c.attributes})
	return id, err
}

// DrillStatus is the picture of a drill that was begun by hand: that of its run
// as soon as there is one.
func (c *Client) DrillStatus(ctx context.Context, id, plan, run string) (plans.RunStatus, error) {
	s, err := c.Status(ctx, RunOf(plan, plans.TestFailover))
	if err == nil && s.RunID == run {
		return s, nil
	}
	s = plans.RunStatus{}
	return s, c.query(ctx, id, "", &s)
}

// RealRunAt names a run that moves VMs to one of these hosts and is under way, "" for
// none. A run that has just begun may be missing for a moment.
func (c *Client) RealRunAt(ctx context.Context, hosts []string) (string, error) {
	runs, err := c.openAt(ctx, hosts)
	for _, r := range runs {
		if r.Operation.Moves() {
			return "the run " + r.Workflow, nil
		}
	}
	return "", err
}

// DrillsGiveWay tells the drills that have test copies on these hosts, but not that of
// the plan itself, who goes first. It names their plans.
func (c *Client) DrillsGiveWay(ctx context.Context, hosts []string, plan, who string) (told []string, err error) {
	runs, err := c.openAt(ctx, hosts)
	for _, r := range runs {
		if r.Operation != plans.TestFailover || r.Plan == plan {
			continue
		}
		var over *serviceerror.NotFound
		if one := c.temporal.SignalWorkflow(ctx, r.Workflow, "", workflows.GiveWaySignal, who); one != nil && !errors.As(one, &over) {
			err = errors.Join(err, one)
			continue
		}
		told = append(told, r.Plan)
	}
	return told, err
}

// openAt are the runs under way that have one of these hosts for a target.
func (c *Client) openAt(ctx context.Context, hosts []string) ([]RunSummary, error) {
	runs, err := c.Runs(ctx, openMost)
	return slices.DeleteFunc(runs, func(r RunSummary) bool {
		return !r.Open || !slices.ContainsFunc(r.Targets, func(h string) bool { return slices.Contains(hosts, h) })
	}), err
}

// RealOperation names an operation that changes one of these VMs, or a run of one
// of these plans, that is under way; "" when there is none. A plan's run is asked
// for by its id, which is never behind.
func (c *Client) RealOperation(ctx context.Context, of []string, vms map[string]bool) (string, error) {
	for _, plan := range of {
		answer, err := c.temporal.DescribeWorkflowExecution(ctx, workflows.PlanRunID(plan), "")
		var missing *serviceerror.NotFound
		switch {
		case errors.As(err, &missing):
		case err != nil:
			return "", err
		case answer.GetWorkflowExecutionInfo().GetCloseTime() == nil:
			return "the run " + workflows.PlanRunID(plan), nil
		}
	}
	return c.operationOn(ctx, vms)
}

func (c *Client) operationOn(ctx context.Context, vms map[string]bool) (string, error) {
	var page []byte
	for {
		answer, err := c.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: c.namespace, PageSize: 500, NextPageToken: page,
			Query: fmt.Sprintf("WorkflowType IN (%q, %q, %q) AND ExecutionStatus = 'Running'", workflows.VMOperation, workflows.RepairVM, workflows.ResidentShutdown),
		})
		if err != nil {
			return "", err
		}
		for _, e := range answer.GetExecutions() {
			if id, real := strings.CutPrefix(e.GetExecution().GetWorkflowId(), workflows.VMOperationID("")); real && vms[id] {
				return "the operation " + e.GetExecution().GetWorkflowId(), nil
			}
		}
		if page = answer.GetNextPageToken(); len(page) == 0 {
			return "", nil
		}
	}
}
