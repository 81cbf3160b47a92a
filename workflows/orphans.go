package workflows

import (
	"fmt"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

const (
	// sweepLife is how long a sweep waits for people after the last answer: what it
	// found grows old.
	sweepLife = 24 * time.Hour
	// sweepLimit bounds one look at all hosts, orphanLimit one clean-up with a look
	// before and one after.
	sweepLimit  = 30 * time.Minute
	orphanLimit = time.Hour
)

// OrphanInput is what an OrphanSweep is started with.
type OrphanInput struct {
	By string `json:"by"`
	// Report is true for the calendar's: it looks, tells and ends.
	Report bool `json:"report,omitempty"`
	// Cleans are those of earlier sweeps that can still be taken back.
	Cleans []plans.OrphanClean `json:"cleans,omitempty"`
	// Carry is the sweep so far.
	Carry *plans.OrphanStatus `json:"carry,omitempty"`
}

// orphanRun is one sweep.
type orphanRun struct {
	status plans.OrphanStatus
	// scans counts looks that were asked for, looked those that were made.
	scans, looked int
	answers       int
}

// sweepOrphans is the workflow OrphanSweep: it looks at every host, shows what
// replication left behind, and cleans what people agree to, one after the other.
func sweepOrphans(ctx workflow.Context, in OrphanInput) (plans.OrphanStatus, error) {
	r := &orphanRun{status: plans.OrphanStatus{Started: workflow.Now(ctx).UTC(), By: in.By, Report: in.Report, Cleans: slices.Clone(in.Cleans)}}
	if in.Carry != nil {
		r.status = *in.Carry
	}
	if r.status.Cleans == nil {
		r.status.Cleans = []plans.OrphanClean{}
	}
	if err := r.listen(ctx); err != nil {
		return r.status, err
	}
	if in.Carry == nil {
		r.scans++
	}
	for {
		if err := r.work(ctx); err != nil {
			return r.status, err
		}
		if in.Report {
			return r.end(ctx)
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
				return r.status, err
			}
			return r.status, workflow.NewContinueAsNewError(ctx, OrphanSweep, OrphanInput{By: in.By, Carry: &r.status})
		}
		before := r.answers
		asked, err := workflow.AwaitWithTimeout(ctx, sweepLife, func() bool { return r.answers != before || r.scans > r.looked })
		if err != nil {
			return r.status, err
		}
		if !asked {
			return r.end(ctx)
		}
	}
}

func (r *orphanRun) end(ctx workflow.Context) (plans.OrphanStatus, error) {
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return r.status, err
	}
	r.status.Ended = workflow.Now(ctx).UTC()
	return r.status, nil
}

// work does all that was asked for: looks, then clean-ups, each of which ends with
// a new look.
func (r *orphanRun) work(ctx workflow.Context) error {
	for {
		i := slices.IndexFunc(r.status.Cleans, func(c plans.OrphanClean) bool { return c.Verdict == plans.VerdictRunning })
		switch {
		case r.scans > r.looked:
			if err := r.look(ctx); err != nil {
				return err
			}
		case i >= 0:
			if err := r.clean(ctx, i); err != nil {
				return err
			}
			r.scans++
		default:
			return nil
		}
	}
}

func (r *orphanRun) look(ctx workflow.Context) error {
	asked := r.scans
	r.status.Looking = true
	var out activities.OrphanLookOut
	work := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue: TaskQueue, StartToCloseTimeout: sweepLimit, HeartbeatTimeout: heartbeat, RetryPolicy: patient, Summary: "read every host",
	})
	if err := workflow.ExecuteActivity(work, activities.OrphanLookName).Get(ctx, &out); err != nil {
		return err
	}
	first := r.status.Looked.IsZero()
	r.status.Looking, r.looked, r.status.Looked, r.status.Picture = false, asked, workflow.Now(ctx).UTC(), out.Picture
	r.show(ctx)
	if first && (!r.status.Report || r.news(ctx)) {
		text := plans.OrphanTally(out.Picture)
		if r.status.Report {
			text += ". Nothing was changed. Look: lifeboat orphans scan"
		}
		r.tell(ctx, text)
	}
	return nil
}

// news tells whether there is a finding that the calendar's last sweep had not:
// people are told of each once.
func (r *orphanRun) news(ctx workflow.Context) bool {
	var last plans.OrphanStatus
	if workflow.HasLastCompletionResult(ctx) {
		if err := workflow.GetLastCompletionResult(ctx, &last); err != nil {
			workflow.GetLogger(ctx).Error("what the last sweep found cannot be read", "error", err)
		}
	}
	return slices.ContainsFunc(r.status.Picture.Findings, func(f plans.Orphan) bool {
		_, known := last.Picture.Find(f.ID)
		return !known
	})
}

// clean does one clean-up in a workflow that goes by the VM's id: while anything
// else changes the VM there is none.
func (r *orphanRun) clean(ctx workflow.Context, i int) error {
	c := &r.status.Cleans[i]
	id := orphanThingPrefix + c.Orphan.ID
	if c.Orphan.VM != "" {
		id = VMOperationID(c.Orphan.VM)
	}
	child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: id, StaticSummary: fmt.Sprintf("%s: %s at %s", c.Orphan.Name, c.Verb, c.Orphan.Host),
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	})
	in := activities.OrphanActIn{
		Run: workflow.GetInfo(ctx).WorkflowExecution.ID, Orphan: c.Orphan, Undo: c.Verb == plans.VerbRestore || c.Verb == plans.VerbAddEntry, By: c.By, Now: c.At,
	}
	var out activities.OrphanActOut
	err := workflow.ExecuteChildWorkflow(child, OrphanClean, in).Get(ctx, &out)
	switch {
	case temporal.IsWorkflowExecutionAlreadyStartedError(err):
		out = activities.OrphanActOut{Verdict: plans.VerdictRefused, Verb: c.Verb, Text: "An operation is working on this VM: it goes first. Nothing was changed."}
	case err != nil:
		return err
	}
	c.Verdict, c.Text, c.Act = out.Verdict, cut(out.Text), out.Act
	if in.Undo && out.Verdict == plans.VerdictDone {
		for j := range r.status.Cleans {
			if j != i && r.status.Cleans[j].Orphan.ID == c.Orphan.ID {
				r.status.Cleans[j].Undone = true
			}
		}
	}
	r.tell(ctx, fmt.Sprintf("%s %s (%s) at %s, agreed to by %s: %s. %s", c.Verb, c.Orphan.Name, c.Orphan.ID, c.Orphan.Host, c.By, c.Verdict, c.Text))
	r.show(ctx)
	return nil
}

// cleanOrphan is the workflow OrphanClean: at most one act. Whoever needs the VM
// tells it to give way; it ends once its act, if there is one on the wire, is
// heard of.
func cleanOrphan(ctx workflow.Context, in activities.OrphanActIn) (activities.OrphanActOut, error) {
	acting, cancel := workflow.WithCancel(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) {
		workflow.GetSignalChannel(ctx, GiveWaySignal).Receive(ctx, nil)
		cancel()
	})
	work := workflow.WithActivityOptions(acting, workflow.ActivityOptions{
		TaskQueue: TaskQueue, StartToCloseTimeout: orphanLimit, HeartbeatTimeout: heartbeat, RetryPolicy: patient, WaitForCancellation: true,
		Summary: fmt.Sprintf("%s: %s", in.Orphan.Name, in.Orphan.Verb),
	})
	var out activities.OrphanActOut
	err := workflow.ExecuteActivity(work, activities.OrphanActName, in).Get(ctx, &out)
	if temporal.IsCanceledError(err) && ctx.Err() == nil {
		return activities.OrphanActOut{Verdict: plans.VerdictUnknown, Verb: in.Orphan.Verb, Text: "It gave way to an operation on this VM. Scan again."}, nil
	}
	return out, err
}

// tell puts a message into the journal; what the calendar found goes to people too.
func (r *orphanRun) tell(ctx workflow.Context, text string) {
	text = fmt.Sprintf("%s UTC, orphans: %s", workflow.Now(ctx).UTC().Format("2 Jan 15:04:05"), text)
	run := workflow.GetInfo(ctx).WorkflowExecution.ID
	err := workflow.ExecuteActivity(ownWork(ctx, "note"), activities.NotifyName, activities.NotifyIn{Run: run, Text: text, JournalOnly: !r.status.Report, Calm: true}).Get(ctx, nil)
	if err != nil {
		workflow.GetLogger(ctx).Error("it could not be noted", "error", err)
	}
}
