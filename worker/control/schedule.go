package control

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// ErrNoSchedule says that no schedule of that name runs.
var ErrNoSchedule = errors.New("no such replication schedule runs")

// ScheduleList is what an engine says of its replication schedules.
type ScheduleList struct {
	// Wanted are those of the configuration as the engine has it.
	Wanted []plans.ScheduleID `json:"wanted"`
	// Config is where it reads it. Problem says why what stands there now is not
	// used, since Since; the one before goes on.
	Config  string    `json:"config"`
	Problem string    `json:"problem,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	// Off says why the engine runs no schedule at all, "" when it does.
	Off string `json:"off,omitempty"`
}

// Schedules asks an engine which schedules it keeps.
func Schedules(ctx context.Context, e Engine) (ScheduleList, error) {
	var l ScheduleList
	return l, Get(ctx, e, "/v1/schedules", nil, &l)
}

// DialWatch connects to the namespace of an engine's schedules.
func DialWatch(ctx context.Context, e Engine) (*Client, error) {
	e.Namespace = e.WatchNamespace
	return Dial(ctx, e)
}

// Schedule asks one schedule how it stands.
func (c *Client) Schedule(ctx context.Context, id plans.ScheduleID) (plans.ScheduleStatus, error) {
	var s plans.ScheduleStatus
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	value, err := c.temporal.QueryWorkflow(ctx, workflows.ScheduleWorkflowID(id), "", workflows.StatusQuery)
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		return s, ErrNoSchedule
	}
	if err != nil {
		return s, err
	}
	return s, value.Get(&s)
}

// ScheduleAnswer is how one schedule stands, or why it does not say.
type ScheduleAnswer struct {
	Status plans.ScheduleStatus
	Err    error
}

// atOnce bounds how many schedules are asked at the same time.
const atOnce = 16

// AllSchedules asks many schedules at once, in their order.
func (c *Client) AllSchedules(ctx context.Context, ids []plans.ScheduleID) []ScheduleAnswer {
	out := make([]ScheduleAnswer, len(ids))
	var running sync.WaitGroup
	free := make(chan struct{}, atOnce)
	for i, id := range ids {
		free <- struct{}{}
		running.Go(func() {
			out[i].Status, out[i].Err = c.Schedule(ctx, id)
			<-free
		})
	}
	running.Wait()
	return out
}

// PauseSchedule stops a schedule until it is resumed. A *NotAcceptedError says
// why it did not take it.
func (c *Client) PauseSchedule(ctx context.Context, id plans.ScheduleID, by, reason string) (plans.ScheduleStatus, error) {
	return c.steer(ctx, id, workflows.PauseUpdate, workflows.PauseRequest{By: by, Reason: reason})
}

// ResumeSchedule lets a paused schedule tick again.
func (c *Client) ResumeSchedule(ctx context.Context, id plans.ScheduleID, by, reason string) (plans.ScheduleStatus, error) {
	return c.steer(ctx, id, workflows.ResumeUpdate, workflows.PauseRequest{By: by, Reason: reason})
}

func (c *Client) steer(ctx context.Context, id plans.ScheduleID, update string, r workflows.PauseRequest) (plans.ScheduleStatus, error) {
	var s plans.ScheduleStatus
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	handle, err := c.temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflows.ScheduleWorkflowID(id), UpdateName: update, Args: []any{r},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		return s, ErrNoSchedule
	}
	if err == nil {
		err = handle.Get(ctx, &s)
	}
	return s, refusal(err)
}

// RunningSchedules are the schedules that the server has open. One that has just
// begun may be missing.
func (c *Client) RunningSchedules(ctx context.Context) (map[plans.ScheduleID]bool, error) {
	out := map[plans.ScheduleID]bool{}
	var page []byte
	for {
		answer, err := c.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: c.namespace, PageSize: 500, NextPageToken: page,
			Query: fmt.Sprintf("WorkflowType = %q AND ExecutionStatus = 'Running'", workflows.ReplicationSchedule),
		})
		if err != nil {
			return nil, err
		}
		for _, e := range answer.GetExecutions() {
			if id, err := workflows.ScheduleOf(e.GetExecution().GetWorkflowId()); err == nil {
				out[id] = true
			}
		}
		if page = answer.GetNextPageToken(); len(page) == 0 {
			return out, nil
		}
	}
}

// StartSchedule begins a schedule; one that runs already is left alone.
func (c *Client) StartSchedule(ctx context.Context, s plans.HostSchedule, attributes bool) error {
	_, err := c.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.ScheduleWorkflowID(s.ScheduleID), TaskQueue: workflows.WatchQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		StaticSummary:            fmt.Sprintf("%s every %s", s.Host, s.Frequency),
	}, workflows.ReplicationSchedule, workflows.ScheduleInput{ID: s.ScheduleID, Every: s.Every, Offset: s.Offset, SearchAttributes: attributes})
	return err
}

// TellSchedule makes a schedule look at the configuration now. One that has ended
// needs no telling.
func (c *Client) TellSchedule(ctx context.Context, id plans.ScheduleID) error {
	err := c.temporal.SignalWorkflow(ctx, workflows.ScheduleWorkflowID(id), "", workflows.LookSignal, nil)
	var ended *serviceerror.NotFound
	if errors.As(err, &ended) {
		return nil
	}
	return err
}
