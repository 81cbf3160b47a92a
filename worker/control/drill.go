package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// ErrNoDrill says that the engine holds no such drill on its calendar.
var ErrNoDrill = errors.New("no such drill is on the engine's calendar")

// DrillSchedule is a drill as a Temporal Schedule holds it: its moments are
// written out, so that what was previewed is what runs.
type DrillSchedule struct {
	Drill          string        `json:"drill"`
	Moments        []time.Time   `json:"-"`
	Within         time.Duration `json:"-"`
	PauseOnFailure bool          `json:"-"`
	// Paused is true when nothing is begun; Note says who stopped it and why.
	Paused bool   `json:"paused"`
	Note   string `json:"note,omitempty"`
	// Begun are the moments of the last drills that were begun, Running is true
	// while one is under way.
	Begun   []time.Time `json:"-"`
	Running bool        `json:"running"`
}

// DrillSchedules are the drills that the server holds, by name. One that has just
// been put there may be missing for a moment.
func (c *Client) DrillSchedules(ctx context.Context) ([]string, error) {
	list, err := c.temporal.ScheduleClient().List(ctx, client.ScheduleListOptions{PageSize: 500})
	if err != nil {
		return nil, err
	}
	var out []string
	for list.HasNext() {
		entry, err := list.Next()
		if err != nil {
			return nil, err
		}
		if drill, ok := workflows.CalendarOf(entry.ID); ok {
			out = append(out, drill)
		}
	}
	return out, nil
}

func (c *Client) calendar(ctx context.Context, drill string) client.ScheduleHandle {
	return c.temporal.ScheduleClient().GetHandle(ctx, workflows.CalendarID(drill))
}

// DrillSchedule asks how one drill stands.
func (c *Client) DrillSchedule(ctx context.Context, drill string) (DrillSchedule, error) {
	s := DrillSchedule{Drill: drill}
	d, err := c.calendar(ctx, drill).Describe(ctx)
	if err != nil {
		return s, drillError(err)
	}
	if p := d.Schedule.Policy; p != nil {
		s.Within, s.PauseOnFailure = p.CatchupWindow, p.PauseOnFailure
	}
	if st := d.Schedule.State; st != nil {
		s.Paused, s.Note = st.Paused, st.Note
		if strings.HasPrefix(s.Note, pausedByFailure) {
			s.Note = "a drill did not pass"
		}
	}
	s.Running = len(d.Info.RunningWorkflows) > 0
	for _, a := range d.Info.RecentActions {
		s.Begun = append(s.Begun, a.ScheduleTime.UTC())
	}
	if d.Schedule.Spec != nil {
		s.Moments = momentsOf(d.Schedule.Spec.Calendars)
	}
	return s, nil
}

// pausedByFailure begins the note of a Temporal Schedule that paused itself; the
// whole of a workflow's error stands behind.
const pausedByFailure = "paused due to workflow failure"

func drillError(err error) error {
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
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
	spec := client.ScheduleSpec{Calendars: calendarsOf(s.Moments)}
	action := &client.ScheduleWorkflowAction{
		ID: workflows.CalendarID(s.Drill), Workflow: workflows.Drill, TaskQueue: workflows.TaskQueue, StaticSummary: "drill " + s.Drill,
		Args: []any{workflows.DrillInput{Drill: s.Drill, SearchAttributes: attributes}},
	}
	err := c.calendar(ctx, s.Drill).Update(ctx, client.ScheduleUpdateOptions{DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
		now := in.Description.Schedule
		now.Spec, now.Action = &spec, action
		now.Policy = &client.SchedulePolicies{Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: s.Within, PauseOnFailure: s.PauseOnFailure}
		return &client.ScheduleUpdate{Schedule: &now}, nil
	}})
	if !errors.Is(drillError(err), ErrNoDrill) {
		return err
	}
	_, err = c.temporal.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: workflows.CalendarID(s.Drill), Spec: spec, Action: action,
		Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: s.Within, PauseOnFailure: s.PauseOnFailure,
	})
	if errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return nil // another engine was first
	}
	return err
}

// calendarsOf writes moments out: each matches once, and never again.
func calendarsOf(moments []time.Time) []client.ScheduleCalendarSpec {
	out := make([]client.ScheduleCalendarSpec, 0, len(moments))
	for _, at := range moments {
		at = at.UTC()
		one := func(n int) []client.ScheduleRange { return []client.ScheduleRange{{Start: n}} }
		out = append(out, client.ScheduleCalendarSpec{
			Second: one(at.Second()), Minute: one(at.Minute()), Hour: one(at.Hour()),
			DayOfMonth: one(at.Day()), Month: one(int(at.Month())), Year: one(at.Year()),
		})
	}
	return out
}

func momentsOf(all []client.ScheduleCalendarSpec) []time.Time {
	var out []time.Time
	for _, c := range all {
		first := func(r []client.ScheduleRange) int {
			if len(r) == 0 {
				return 0
			}
			return r[0].Start
		}
		out = append(out, time.Date(first(c.Year), time.Month(first(c.Month)), first(c.DayOfMonth), first(c.Hour), first(c.Minute), first(c.Second), 0, time.UTC))
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}

// RemoveDrill takes a drill off the calendar. One that is under way goes on.
func (c *Client) RemoveDrill(ctx context.Context, drill string) error {
	if err := drillError(c.calendar(ctx, drill).Delete(ctx)); !errors.Is(err, ErrNoDrill) {
		return err
	}
	return nil
}

// PauseDrill keeps a drill from beginning until it is resumed. One that is under
// way goes on.
func (c *Client) PauseDrill(ctx context.Context, drill, by, reason string) error {
	return drillError(c.calendar(ctx, drill).Pause(ctx, client.SchedulePauseOptions{Note: by + ": " + reason}))
}

// ResumeDrill lets a drill begin again when it is due.
func (c *Client) ResumeDrill(ctx context.Context, drill, by, reason string) error {
	return drillError(c.calendar(ctx, drill).Unpause(ctx, client.ScheduleUnpauseOptions{Note: strings.TrimSuffix(by+": "+reason, ": ")}))
}

// StartDrill begins a drill now, and names its workflow.
func (c *Client) StartDrill(ctx context.Context, drill string, start plans.DrillStart) (string, error) {
	id := workflows.CalendarID(drill) + "-by-hand-" + start.Due.UTC().Format(time.RFC3339)
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
