package control

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// ErrNoCanary says that the engine holds no such canary on its calendar.
var ErrNoCanary = errors.New("no such canary is on the engine's calendar")

// CanarySchedule is a canary's calendar.
type CanarySchedule struct {
	Canary string `json:"canary"`
	Calendar
}

// CanarySchedules are the canaries that the server holds, by name.
func (c *Client) CanarySchedules(ctx context.Context) ([]string, error) {
	return c.calendars(ctx, workflows.CanaryOf)
}

// CanarySchedule asks how one canary's calendar stands.
func (c *Client) CanarySchedule(ctx context.Context, name string) (CanarySchedule, error) {
	calendar, err := c.calendar(ctx, workflows.CanaryID(name))
	return CanarySchedule{name, calendar}, canaryError(err)
}

func canaryError(err error) error {
	if errors.Is(err, errNoCalendar) {
		return ErrNoCanary
	}
	return err
}

// KeepCanary puts a canary on the calendar as it shall be; whether it is paused
// stays as it is.
func (c *Client) KeepCanary(ctx context.Context, s CanarySchedule, attributes bool) error {
	return c.keepCalendar(ctx, s.Calendar, &client.ScheduleWorkflowAction{
		ID: workflows.CanaryID(s.Canary), Workflow: workflows.CanaryNight, TaskQueue: workflows.TaskQueue, StaticSummary: "canary " + s.Canary,
		Args: []any{workflows.CanaryInput{Canary: s.Canary, SearchAttributes: attributes}},
	})
}

// RemoveCanary takes a canary off the calendar. One that is under way goes on.
func (c *Client) RemoveCanary(ctx context.Context, name string) error {
	return c.removeCalendar(ctx, workflows.CanaryID(name))
}

// PauseCanary keeps a canary from beginning until it is resumed. One that is under
// way goes on.
func (c *Client) PauseCanary(ctx context.Context, name, by, reason string) error {
	return canaryError(c.pauseCalendar(ctx, workflows.CanaryID(name), by, reason))
}

// ResumeCanary lets a canary begin again when it is due.
func (c *Client) ResumeCanary(ctx context.Context, name, by, reason string) error {
	return canaryError(c.resumeCalendar(ctx, workflows.CanaryID(name), by, reason))
}

// CanaryByHand tells whether a canary that a person began is under way.
func (c *Client) CanaryByHand(ctx context.Context, name string) (bool, error) {
	return c.begunByHand(ctx, workflows.CanaryID(name), workflows.CanaryNight)
}

// StartCanary begins a canary now, and names its workflow.
func (c *Client) StartCanary(ctx context.Context, name, by, reason string) (string, error) {
	due := time.Now().UTC().Truncate(time.Second)
	id := workflows.CanaryID(name) + byHand + due.Format(time.RFC3339)
	_, err := c.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: workflows.TaskQueue, StaticSummary: "canary " + name + " by " + by,
	}, workflows.CanaryNight, workflows.CanaryInput{Canary: name, Due: due, By: by, Reason: reason, SearchAttributes: c.attributes})
	return id, err
}

// Canary is the picture of a canary that was begun by hand; ErrEndedOutside where
// somebody terminated it.
func (c *Client) Canary(ctx context.Context, id string) (r plans.CanaryResult, err error) {
	err = c.queryToEnd(ctx, id, &r, func() bool { return !r.Ended.IsZero() })
	return r, err
}

// RealRun names a run that moves VMs and is under way; "" for none. Drills and
// canaries do not count.
func (c *Client) RealRun(ctx context.Context) (string, error) {
	const enough = 200
	runs, err := c.Runs(ctx, enough)
	for _, r := range runs {
		if r.Open && r.Operation != plans.TestFailover {
			return "the run " + r.Workflow, nil
		}
	}
	return "", err
}
