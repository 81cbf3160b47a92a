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
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

// Calendar is a Temporal Schedule whose moments are written out, so that what was
// previewed is what runs.
type Calendar struct {
	Moments []time.Time `json:"-"`
	// Within is how late one may begin.
	Within         time.Duration `json:"-"`
	PauseOnFailure bool          `json:"-"`
	// Paused is true when nothing is begun; Note says who stopped it and why.
	Paused bool   `json:"paused"`
	Note   string `json:"note,omitempty"`
	// Begun are the moments of the last that were begun, Running is true while one
	// of them is under way.
	Begun   []time.Time `json:"-"`
	Running bool        `json:"running"`
}

// pausedByFailure begins the note of a Temporal Schedule that paused itself; the
// whole of a workflow's error stands behind.
const pausedByFailure = "paused due to workflow failure"

// errNoCalendar says that the server holds no schedule of an id.
var errNoCalendar = errors.New("no such schedule")

// calendars are the names that of finds in the ids of the server's schedules.
func (c *Client) calendars(ctx context.Context, of func(id string) (name string, ok bool)) ([]string, error) {
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
		if name, ok := of(entry.ID); ok {
			out = append(out, name)
		}
	}
	return out, nil
}

func (c *Client) schedule(ctx context.Context, id string) client.ScheduleHandle {
	return c.temporal.ScheduleClient().GetHandle(ctx, id)
}

func (c *Client) calendar(ctx context.Context, id string) (Calendar, error) {
	var out Calendar
	d, err := c.schedule(ctx, id).Describe(ctx)
	if err != nil {
		return out, calendarError(err)
	}
	if p := d.Schedule.Policy; p != nil {
		out.Within, out.PauseOnFailure = p.CatchupWindow, p.PauseOnFailure
	}
	if st := d.Schedule.State; st != nil {
		out.Paused, out.Note = st.Paused, st.Note
	}
	out.Running = len(d.Info.RunningWorkflows) > 0
	for _, a := range d.Info.RecentActions {
		out.Begun = append(out.Begun, a.ScheduleTime.UTC())
	}
	if d.Schedule.Spec != nil {
		out.Moments = momentsOf(d.Schedule.Spec.Calendars)
	}
	return out, nil
}

// byHand ends the id of a calendar, and begins the moment, of what a person began.
const byHand = "-by-hand-"

// begunByHand tells whether one that a person began, beside the calendar of an id, is
// under way.
func (c *Client) begunByHand(ctx context.Context, id, workflow string) (bool, error) {
	answer, err := c.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: c.namespace, PageSize: 500, Query: fmt.Sprintf("WorkflowType = %q AND ExecutionStatus = 'Running'", workflow),
	})
	return slices.ContainsFunc(answer.GetExecutions(), func(e *workflowpb.WorkflowExecutionInfo) bool {
		return strings.HasPrefix(e.GetExecution().GetWorkflowId(), id+byHand)
	}), err
}

func calendarError(err error) error {
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		return errNoCalendar
	}
	return err
}

// keepCalendar makes the schedule of an action's id as it shall be; whether it is
// paused stays as it is. One that is due while the one before is under way is
// skipped.
func (c *Client) keepCalendar(ctx context.Context, is Calendar, action *client.ScheduleWorkflowAction) error {
	spec := client.ScheduleSpec{Calendars: calendarsOf(is.Moments)}
	id := action.ID
	err := c.schedule(ctx, id).Update(ctx, client.ScheduleUpdateOptions{DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
		now := in.Description.Schedule
		now.Spec, now.Action = &spec, action
		now.Policy = &client.SchedulePolicies{Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: is.Within, PauseOnFailure: is.PauseOnFailure}
		return &client.ScheduleUpdate{Schedule: &now}, nil
	}})
	if !errors.Is(calendarError(err), errNoCalendar) {
		return err
	}
	_, err = c.temporal.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: id, Spec: spec, Action: action,
		Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: is.Within, PauseOnFailure: is.PauseOnFailure,
	})
	if errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return nil // another engine was first
	}
	return err
}

func (c *Client) removeCalendar(ctx context.Context, id string) error {
	if err := calendarError(c.schedule(ctx, id).Delete(ctx)); !errors.Is(err, errNoCalendar) {
		return err
	}
	return nil
}

func (c *Client) pauseCalendar(ctx context.Context, id, by, reason string) error {
	return calendarError(c.schedule(ctx, id).Pause(ctx, client.SchedulePauseOptions{Note: by + ": " + reason}))
}

func (c *Client) resumeCalendar(ctx context.Context, id, by, reason string) error {
	return calendarError(c.schedule(ctx, id).Unpause(ctx, client.ScheduleUnpauseOptions{Note: strings.TrimSuffix(by+": "+reason, ": ")}))
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
