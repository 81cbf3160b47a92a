package control

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// Client talks to the Temporal server that holds the runs.
type Client struct {
	temporal   client.Client
	namespace  string
	attributes bool
}

// ErrNoRun says that a plan has no run, ended or not.
var ErrNoRun = errors.New("no run of this plan is known")

// BusyError says that a run holds the plan already.
type BusyError struct{ Status plans.RunStatus }

func (e *BusyError) Error() string {
	return fmt.Sprintf("plan %s is being run by %s since %s (%s)", e.Status.Plan, e.Status.StartedBy,
		e.Status.Started.Local().Format("2006-01-02 15:04:05 MST"), e.Status.Verdict)
}

// NotAcceptedError says that a run did not accept an answer; nothing changed.
type NotAcceptedError struct{ Reason string }

func (e *NotAcceptedError) Error() string { return e.Reason }

// dialLimit bounds the connection to an engine: a person waits for it.
const dialLimit = 5 * time.Second

// Dial connects to an engine's Temporal server. It answers within dialLimit;
// an engine whose process is gone is ErrNotRunning at once.
func Dial(ctx context.Context, e Engine) (*Client, error) {
	if e.gone() {
		return nil, fmt.Errorf("%w (it was process %d)", ErrNotRunning, e.PID)
	}
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	c, err := client.DialContext(ctx, client.Options{HostPort: e.Temporal, Namespace: e.Namespace, Logger: silent{}})
	if err != nil {
		return nil, fmt.Errorf("the engine at %s does not answer: %w", e.Temporal, err)
	}
	return &Client{temporal: c, namespace: e.Namespace, attributes: e.SearchAttributes}, nil
}

// Close ends the connection.
func (c *Client) Close() { c.temporal.Close() }

// Start begins a run. One run of a plan at a time: a second one gets a
// *BusyError that says who runs it and since when.
func (c *Client) Start(ctx context.Context, input plans.RunInput) error {
	_, err := c.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                       workflows.PlanRunID(input.Plan),
		TaskQueue:                workflows.TaskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		// A plan may be run again whatever became of the last run.
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary:                            fmt.Sprintf("%s: %s, %s to %s", input.Plan, input.Operation, input.From, input.To),
		StaticDetails:                            fmt.Sprintf("Started by %s. %s", input.StartedBy, input.Reason),
	}, workflows.RecoveryPlanRun, workflows.PlanRunInput{Run: input, SearchAttributes: c.attributes})
	var already *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &already) {
		status, serr := c.Status(ctx, input.Plan)
		if serr != nil {
			status = plans.RunStatus{Plan: input.Plan}
		}
		return &BusyError{Status: status}
	}
	return err
}

// Status answers with the picture of a plan's present or last run.
func (c *Client) Status(ctx context.Context, plan string) (plans.RunStatus, error) {
	return c.query(ctx, workflows.PlanRunID(plan), "")
}

func (c *Client) query(ctx context.Context, id, run string) (plans.RunStatus, error) {
	var s plans.RunStatus
	value, err := c.temporal.QueryWorkflow(ctx, id, run, workflows.StatusQuery)
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		return s, ErrNoRun
	}
	if err != nil {
		return s, err
	}
	return s, value.Get(&s)
}

// answerLimit bounds how long an answer may take to be accepted.
const answerLimit = 30 * time.Second

// Answer gives a person's answer to a plan's run. A *NotAcceptedError says why
// the run did not take it; it then leaves no trace.
func (c *Client) Answer(ctx context.Context, plan string, a plans.Answer) (plans.AnswerResult, error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	var result plans.AnswerResult
	handle, err := c.temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID:   workflows.PlanRunID(plan),
		UpdateName:   string(a.Choice),
		Args:         []any{a},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(ctx, &result)
	}
	return result, refusal(err)
}

// refusal tells a validator's no from a broken connection.
func refusal(err error) error {
	var said *temporal.ApplicationError
	if errors.As(err, &said) {
		return &NotAcceptedError{Reason: said.Message()}
	}
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		return &NotAcceptedError{Reason: "the run has ended: there is nothing to answer"}
	}
	return err
}

// RunSummary is one line of a list of runs.
type RunSummary struct {
	Plan     string    `json:"plan"`
	Workflow string    `json:"workflow"`
	Run      string    `json:"run"`
	Started  time.Time `json:"started"`
	Ended    time.Time `json:"ended,omitzero"`
	Open     bool      `json:"open"`
}

// Runs lists the runs that Temporal still holds, newest first. A run that has
// just begun may be missing for a moment; Status knows it at once.
func (c *Client) Runs(ctx context.Context, limit int32) ([]RunSummary, error) {
	answer, err := c.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: c.namespace, PageSize: limit,
		Query: fmt.Sprintf("WorkflowType = %q", workflows.RecoveryPlanRun),
	})
	if err != nil {
		return nil, err
	}
	runs := make([]RunSummary, 0, len(answer.GetExecutions()))
	for _, e := range answer.GetExecutions() {
		s := RunSummary{
			Plan:     workflows.PlanOf(e.GetExecution().GetWorkflowId()),
			Workflow: e.GetExecution().GetWorkflowId(), Run: e.GetExecution().GetRunId(),
			Started: e.GetStartTime().AsTime(), Open: e.GetCloseTime() == nil,
		}
		if !s.Open {
			s.Ended = e.GetCloseTime().AsTime()
		}
		runs = append(runs, s)
	}
	slices.SortStableFunc(runs, func(a, b RunSummary) int { return b.Started.Compare(a.Started) })
	return runs, nil
}

// silent keeps the SDK's own log lines off the person's terminal: what matters
// comes back as errors.
type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}

// WorkflowPath is a plan's workflow id as a path element of the Web UI.
func WorkflowPath(plan string) string { return url.PathEscape(workflows.PlanRunID(plan)) }
