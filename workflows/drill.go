package workflows

import (
	"errors"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// DrillInput is what a Drill is started with: by its calendar, or by a person.
type DrillInput struct {
	Drill string `json:"drill"`
	// Due is set for one that a person began; the calendar's own is told by the
	// server.
	Due    time.Time `json:"due,omitzero"`
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Auto   bool      `json:"auto,omitempty"`
	// SearchAttributes is as in PlanRunInput.
	SearchAttributes bool `json:"search_attributes"`
}

// scheduledStart is when a Temporal Schedule wanted a workflow.
//
// Temporal: "Schedule", TemporalScheduledStartTime.
var scheduledStart = temporal.NewSearchAttributeKeyTime("TemporalScheduledStartTime")

// A drill under way looks this often whether a real operation has begun on one of
// its VMs. Those tell it by themselves; this is for one that told before the drill
// could hear. It is real time.
const (
	besideEvery = 15 * time.Second
	besideMost  = time.Minute
)

// DrillFailed is the kind of error that a Drill which did not pass ends with: it
// is what pauses a calendar that says so.
const DrillFailed = "drill-failed"

// dueBySchedule is when a Temporal Schedule wanted the workflow; now when none did.
func dueBySchedule(ctx workflow.Context) time.Time {
	if at, known := workflow.GetTypedSearchAttributes(ctx).GetTime(scheduledStart); known {
		return at.UTC()
	}
	return workflow.Now(ctx).UTC()
}

type drillRun struct {
	in     DrillInput
	start  plans.DrillStart
	status plans.RunStatus
	run    workflow.ChildWorkflowFuture
	// leave is why the drill gives way, "" as long as it need not.
	leave string
}

// runDrill is the workflow Drill: one test failover of the calendar. What keeps
// it from beginning is a report, not an error.
func runDrill(ctx workflow.Context, in DrillInput) (plans.RunResult, error) {
	d := newDrillRun(ctx, in)
	err := workflow.SetQueryHandlerWithOptions(ctx, StatusQuery, func() (plans.RunStatus, error) { return d.status, nil },
		workflow.QueryHandlerOptions{Description: "The drill until its run has begun."})
	if err != nil {
		return plans.RunResult{}, err
	}
	ctx = outlive(ctx, plans.TestFailover, func(ctx workflow.Context) { d.giveWay(ctx, "a cancel from outside") })
	var open activities.DrillOut
	err = workflow.ExecuteActivity(ownQueue(hostWork(ctx, "", "may the drill begin?", readLimit)), activities.OpenDrillName,
		activities.DrillIn{Drill: in.Drill, Start: d.start}).Get(ctx, &open)
	if err != nil {
		return plans.RunResult{}, err
	}
	d.status.Plan, d.status.From, d.status.To = open.Input.Plan, open.Input.From, open.Input.To
	if d.leave != "" {
		open.Found = append(open.Found, busyWith(d.leave))
	}
	// The look may take its time; an engine that died over it may not.
	if late := workflow.Now(ctx).Sub(d.start.Due); open.Within > 0 && late > open.Within.D()+readLimit {
		open.Found = append(open.Found, activities.DrillTooLate(in.Drill, late, open.Within.D()))
	}
	if len(open.Found) > 0 {
		return d.drop(ctx, open)
	}
	busy, err := d.begin(ctx, open.Input)
	if err != nil {
		return plans.RunResult{}, err
	}
	if busy {
		open.Found = []plans.Finding{busyWith("another drill of plan " + open.Input.Plan)}
		return d.drop(ctx, open)
	}
	return d.follow(ctx, open.Input)
}

func newDrillRun(ctx workflow.Context, in DrillInput) *drillRun {
	now := workflow.Now(ctx).UTC()
	d := &drillRun{in: in, start: plans.DrillStart{Due: in.Due, Now: now, ByHand: !in.Due.IsZero(), By: in.By, Reason: in.Reason, Auto: in.Auto}}
	if !d.start.ByHand {
		d.start.Due = dueBySchedule(ctx)
	}
	d.status = plans.RunStatus{
		RunID: plans.DrillRunID(in.Drill, d.start.Due), Workflow: workflow.GetInfo(ctx).WorkflowExecution.ID, Operation: plans.TestFailover,
		StartedBy: orWords(in.By, "calendar "+in.Drill), Started: now, Verdict: plans.VerdictRunning, Summary: "looking whether the drill may begin",
		StepList: []plans.StepStatus{}, VMs: []plans.VMStatus{},
	}
	return d
}

func busyWith(who string) plans.Finding {
	return plans.Finding{Severity: plans.Blocker, Code: plans.DrillBusy, Text: who + " is under way: that goes first", Means: "nothing was tested",
		Remedy: "lifeboat drill run, when it has ended"}
}

// drop ends a drill that is not begun, with its report.
func (d *drillRun) drop(ctx workflow.Context, open activities.DrillOut) (plans.RunResult, error) {
	var kept plans.RunStatus
	err := workflow.ExecuteActivity(ownWork(ctx, "keep the report"), activities.DropDrillName,
		activities.UnbegunIn{Input: open.Input, Found: open.Found, Now: workflow.Now(ctx).UTC()}).Get(ctx, &kept)
	if err != nil {
		return plans.RunResult{}, err
	}
	if err := d.tell(ctx, kept.Summary); err != nil {
		return plans.RunResult{}, err
	}
	d.status = kept
	workflow.SetCurrentDetails(ctx, "## "+strings.ToUpper(string(kept.Verdict))+"\n\n"+markdown(kept.Summary))
	return plans.RunResult{RunID: kept.RunID, Verdict: kept.Verdict, Summary: kept.Summary}, nil
}

// begin starts the run; busy is true when the plan is being drilled already.
func (d *drillRun) begin(ctx workflow.Context, in plans.RunInput) (busy bool, err error) {
	child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: DrillRunID(in.Plan), WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy: closePolicy(plans.TestFailover), StaticSummary: Summary(in), StaticDetails: Details(in), Memo: Memo(in),
	})
	d.run = workflow.ExecuteChildWorkflow(child, RecoveryPlanRun, PlanRunInput{Run: in, SearchAttributes: d.in.SearchAttributes})
	err = d.run.GetChildWorkflowExecution().Get(ctx, nil)
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return true, nil
	}
	d.status.Summary = "test failover of " + in.Plan
	workflow.SetCurrentDetails(ctx, "The test failover is the workflow "+markdown(DrillRunID(in.Plan))+".")
	return false, err
}

// follow waits for the run's end and keeps it from standing in the way.
func (d *drillRun) follow(ctx workflow.Context, in plans.RunInput) (result plans.RunResult, err error) {
	beside, began := activities.BesideOf(in), workflow.Now(ctx)
	for !d.run.IsReady() {
		if d.leave == "" {
			var who string
			if err := workflow.ExecuteActivity(ownWork(ctx, "is a real operation under way?"), activities.DrillBesideName, beside).Get(ctx, &who); err != nil {
				return result, err
			}
			d.giveWay(ctx, who)
		}
		wait := rhythm(workflow.Now(ctx).Sub(began), besideEvery, besideMost)
		if _, err := workflow.AwaitWithTimeout(ctx, wait, d.run.IsReady); err != nil {
			return result, err
		}
	}
	if err := d.run.Get(ctx, &result); err != nil {
		told := d.tell(ctx, "its run was ended from outside and left no report. Look for test copies: lifeboat status "+plans.ShellWord(in.Plan))
		return result, errors.Join(err, told)
	}
	words := result.Summary
	if len(result.NotMet) > 0 {
		words += " Not met: " + strings.Join(result.NotMet, "; ") + "."
	}
	d.status.Verdict, d.status.Summary, d.status.Ended = result.Verdict, words, workflow.Now(ctx).UTC()
	workflow.SetCurrentDetails(ctx, "## "+strings.ToUpper(string(result.Verdict))+"\n\n"+markdown(words))
	if result.Verdict == plans.VerdictDone && len(result.NotMet) == 0 {
		return result, nil
	}
	if err := d.tell(ctx, words); err != nil {
		return result, err
	}
	if result.GaveWay || result.Verdict == plans.VerdictRefused {
		return result, nil
	}
	return result, temporal.NewNonRetryableApplicationError(words, DrillFailed, nil, result)
}

// giveWay tells the run to clean up, once; whoever goes first need not be named.
func (d *drillRun) giveWay(ctx workflow.Context, who string) {
	if who == "" || d.leave != "" {
		return
	}
	d.leave = who
	if d.run != nil {
		if err := d.run.SignalChildWorkflow(ctx, GiveWaySignal, who).Get(ctx, nil); err != nil {
			workflow.GetLogger(ctx).Warn("the drill does not listen", "error", err)
		}
	}
}

// tell puts what became of a drill before people.
func (d *drillRun) tell(ctx workflow.Context, words string) error {
	return workflow.ExecuteActivity(ownWork(ctx, "tell people"), activities.NotifyName,
		activities.NotifyIn{Run: d.status.RunID, Plan: d.status.Plan, Text: plans.DrillWords(d.in.Drill, d.start.Due, words)}).Get(ctx, nil)
}
