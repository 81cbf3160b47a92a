package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
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
	if e.Gone() {
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

// Over is a client on a connection that somebody else owns and closes.
func Over(c client.Client, namespace string) *Client {
	return &Client{temporal: c, namespace: namespace}
}

// Close ends the connection.
func (c *Client) Close() { c.temporal.Close() }

// Start begins a run. One run of a plan at a time, and one drill beside it: a
// second one gets a *BusyError that says who runs it and since when.
func (c *Client) Start(ctx context.Context, input plans.RunInput) error {
	id := workflows.RunID(input.Plan, input.Operation)
	_, err := c.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                       id,
		TaskQueue:                workflows.TaskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		// A plan may be run again whatever became of the last run.
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary:                            workflows.Summary(input),
		StaticDetails:                            workflows.Details(input),
		Memo:                                     workflows.Memo(input),
	}, workflows.RecoveryPlanRun, workflows.PlanRunInput{Run: input, SearchAttributes: c.attributes})
	var already *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &already) {
		status, serr := c.Status(ctx, id)
		if serr != nil {
			status = plans.RunStatus{Plan: input.Plan}
		}
		return &BusyError{Status: status}
	}
	return err
}

// RunOf is how a plan's run of an operation is named to Status and Answer.
func RunOf(plan string, op plans.Operation) string { return workflows.RunID(plan, op) }

// Status answers with the picture of a present or last run: that of a plan, or
// of a drill, by RunOf.
func (c *Client) Status(ctx context.Context, run string) (plans.RunStatus, error) {
	var s plans.RunStatus
	err := c.query(ctx, workflows.RunIDOf(run), "", &s)
	if err == nil {
		c.fillAsking(ctx, &s, time.Now())
	}
	return s, err
}

func (c *Client) query(ctx context.Context, id, run string, picture any) error {
	value, err := c.temporal.QueryWorkflow(ctx, id, run, workflows.StatusQuery)
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		return ErrNoRun
	}
	if err != nil {
		return err
	}
	return value.Get(picture)
}

// ErrEndedOutside says that a workflow was ended by whoever may end workflows: it
// says nothing more of itself.
var ErrEndedOutside = errors.New("it was ended from outside")

// queryToEnd is query of a workflow that says itself when it has ended;
// ErrEndedOutside where it has not, and is closed.
func (c *Client) queryToEnd(ctx context.Context, id string, picture any, ended func() bool) error {
	if err := c.query(ctx, id, "", picture); err != nil || ended() {
		return err
	}
	is, err := c.temporal.DescribeWorkflowExecution(ctx, id, "")
	if err != nil || is.GetWorkflowExecutionInfo().GetCloseTime() == nil {
		return err
	}
	// It may have ended since it was asked.
	if err := c.query(ctx, id, "", picture); err != nil || ended() {
		return err
	}
	return ErrEndedOutside
}

// StatusOf answers with the picture of one run of a plan, by the run's summary.
func (c *Client) StatusOf(ctx context.Context, r RunSummary) (plans.RunStatus, error) {
	var s plans.RunStatus
	return s, c.query(ctx, r.Workflow, r.Run, &s)
}

// answerLimit bounds how long an answer may take to be accepted.
const answerLimit = 30 * time.Second

// Answer gives a person's answer to a run: that of a plan, or a drill, by RunOf;
// a plan whose only run is a drill may be named alone. A *NotAcceptedError says
// why the run did not take it; it then leaves no trace.
func (c *Client) Answer(ctx context.Context, run string, a plans.Answer) (plans.AnswerResult, error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	var result plans.AnswerResult
	id := workflows.RunIDOf(run)
	err := c.update(ctx, id, a, &result)
	var missing *serviceerror.NotFound
	if drill := workflows.DrillRunID(run); errors.As(err, &missing) && id == workflows.PlanRunID(run) {
		if again := c.update(ctx, drill, a, &result); !errors.As(again, &missing) {
			err = again
		}
	}
	return result, refusal(err)
}

func (c *Client) update(ctx context.Context, id string, a plans.Answer, result any) error {
	handle, err := c.temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID:   id,
		UpdateName:   string(a.Choice),
		Args:         []any{a},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return err
	}
	return handle.Get(ctx, result)
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
	Plan string `json:"plan"`
	// Operation is "" for a run that did not say so when it began.
	Operation plans.Operation `json:"operation,omitempty"`
	// Targets are the hosts where the VMs of the run are to be, none for a run that
	// did not say so when it began.
	Targets  []string  `json:"targets,omitempty"`
	Workflow string    `json:"workflow"`
	Run      string    `json:"run"`
	Started  time.Time `json:"started"`
	Ended    time.Time `json:"ended,omitzero"`
	Open     bool      `json:"open"`
}

// Runs lists the newest runs that Temporal still holds, and all that are open however
// old they are; newest first. A run that has just begun may be missing for a moment;
// Status knows it at once.
func (c *Client) Runs(ctx context.Context, limit int32) ([]RunSummary, error) {
	return c.list(ctx, workflows.RecoveryPlanRun, limit)
}

// openMost is how many open runs are listed.
const openMost = 500

func (c *Client) list(ctx context.Context, kind string, limit int32) ([]RunSummary, error) {
	runs := []RunSummary{}
	for _, part := range []struct {
		only string
		most int32
	}{{"", limit}, {" AND ExecutionStatus = 'Running'", openMost}} {
		answer, err := c.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: c.namespace, PageSize: part.most, Query: fmt.Sprintf("WorkflowType = %q", kind) + part.only,
		})
		if err != nil {
			return nil, err
		}
		for _, e := range answer.GetExecutions() {
			if one := summary(e); !slices.ContainsFunc(runs, func(r RunSummary) bool { return r.Run == one.Run }) {
				runs = append(runs, one)
			}
		}
		if len(answer.GetExecutions()) < int(part.most) {
			break // that was all of them
		}
	}
	slices.SortStableFunc(runs, func(a, b RunSummary) int { return b.Started.Compare(a.Started) })
	return runs, nil
}

// Run finds one run by its workflow and run id, as the Web UI names it. A
// workflow that is not a plan's run is ErrNoRun.
func (c *Client) Run(ctx context.Context, id, run string) (RunSummary, error) {
	answer, err := c.temporal.DescribeWorkflowExecution(ctx, id, run)
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		return RunSummary{}, ErrNoRun
	}
	if err != nil {
		return RunSummary{}, err
	}
	info := answer.GetWorkflowExecutionInfo()
	if kind := info.GetType().GetName(); kind != workflows.RecoveryPlanRun && kind != workflows.CanaryRun {
		return RunSummary{}, ErrNoRun
	}
	return summary(info), nil
}

func summary(e *workflowpb.WorkflowExecutionInfo) RunSummary {
	s := RunSummary{
		Plan: workflows.PlanOf(e.GetExecution().GetWorkflowId()), Operation: noted[plans.Operation](e, workflows.MemoOperation), Targets: noted[[]string](e, workflows.MemoTargets),
		Workflow: e.GetExecution().GetWorkflowId(), Run: e.GetExecution().GetRunId(),
		Started: e.GetStartTime().AsTime(), Open: e.GetCloseTime() == nil,
	}
	if !s.Open {
		s.Ended = e.GetCloseTime().AsTime()
	}
	return s
}

// noted is what a run's memo says under a key, the zero value when it says nothing.
func noted[T any](e *workflowpb.WorkflowExecutionInfo, key string) (value T) {
	field, ok := e.GetMemo().GetFields()[key]
	if !ok {
		return value
	}
	if err := json.Unmarshal(field.GetData(), &value); err != nil {
		var none T
		return none
	}
	return value
}

// silent keeps the SDK's own log lines off the person's terminal: what matters
// comes back as errors.
type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}

// WorkflowPath is a run's workflow id as a path element of the Web UI.
func WorkflowPath(run string) string { return url.PathEscape(workflows.RunIDOf(run)) }
