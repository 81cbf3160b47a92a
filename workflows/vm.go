package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// vmInput is what a VMOperation needs.
type vmInput struct {
	Run        string              `json:"run"`
	Plan       string              `json:"plan"`
	Operation  plans.Operation     `json:"operation"`
	Site       string              `json:"site"` // whose queue serves its hosts
	Reverse    plans.ReversePolicy `json:"reverse"`
	Limits     plans.Limits        `json:"limits"`
	Speed      float64             `json:"speed"`
	LoseWrites bool                `json:"lose_writes,omitempty"`
	Step       int                 `json:"step"`
	VM         plans.RunVM         `json:"vm"`
	Parent     string              `json:"parent"`
	// Acts is false in very large runs: the journal has them, and the run's
	// status would grow past what one message may hold.
	Acts bool `json:"acts"`
	// Good is the side of the good copy, as the look before the run found it.
	Good plans.Side `json:"good,omitempty"`
}

// releaseTo lets a VM, or the VMs of a stage, go as far as a phase.
type releaseTo struct {
	Phase plans.Phase `json:"phase"`
	// LeftOut are, for a stage, VMs of other stages that its VMs come after and
	// that will not be up.
	LeftOut []leftOut `json:"left_out,omitempty"`
	// Beside is how many parts of the stage go at once: they share its limits.
	Beside int `json:"beside,omitempty"`
}

// leftOut is a VM that will not be up in this run.
type leftOut struct {
	ID    string `json:"id"`
	Label string `json:"label"`
}

// vmReport is a VM's state and, when it is held, what a person must answer.
type vmReport struct {
	Status   plans.VMStatus  `json:"status"`
	Question *plans.Question `json:"question,omitempty"`
	// Off and Up are what order waits for: off at the source (or settled), up
	// with its gates passed (or settled).
	Off bool `json:"off,omitempty"`
	Up  bool `json:"up,omitempty"`
}

// vmRun is one VM on its way.
type vmRun struct {
	in       vmInput
	intent   plans.Intent
	report   vmReport
	upTo     plans.Phase // released so far
	stopping bool
	answers  []plans.Answer
	settled  bool
	waived   bool // the gate that holds was waived
	// left is why this VM is left out together with one it comes after.
	left string
	// failedOver is true once this operation saw its own failover answered,
	// mayHaveStarted from when it first asked for the start at the target.
	failedOver, mayHaveStarted bool
	// blind is since when a host cannot be seen, zero while both can.
	blind time.Time
}

// operateVM is the workflow VMOperation.
func operateVM(ctx workflow.Context, in vmInput) (plans.VMStatus, error) {
	v := &vmRun{in: in, intent: plans.Intent{Operation: in.Operation, Reverse: in.Reverse, NICs: in.VM.NICs, LoseWrites: in.LoseWrites}}
	v.report.Status = plans.VMStatus{ID: in.VM.ID, Label: in.VM.Label, Step: in.Step, Verdict: plans.VerdictRunning, Good: in.Good}
	v.listen(ctx)
	for _, phase := range plans.Phases(in.Operation, in.Reverse) {
		if err := v.await(ctx, phase); err != nil {
			return v.report.Status, err
		}
		if v.settled {
			break
		}
		if err := v.phase(ctx, phase); err != nil {
			return v.report.Status, err
		}
		if v.settled {
			break
		}
	}
	if !v.settled {
		v.settle(ctx, plans.VerdictDone, v.report.Status.Doing)
	}
	return v.report.Status, nil
}

// listen takes signals for as long as the operation lives.
func (v *vmRun) listen(ctx workflow.Context) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		s := workflow.NewSelector(ctx)
		s.AddReceive(workflow.GetSignalChannel(ctx, releaseSignal), func(c workflow.ReceiveChannel, _ bool) {
			var r releaseTo
			c.Receive(ctx, &r)
			if v.order(r.Phase) > v.order(v.upTo) {
				v.upTo = r.Phase
			}
		})
		s.AddReceive(workflow.GetSignalChannel(ctx, answerSignal), func(c workflow.ReceiveChannel, _ bool) {
			var a plans.Answer
			c.Receive(ctx, &a)
			v.answers = append(v.answers, a)
		})
		s.AddReceive(workflow.GetSignalChannel(ctx, stopSignal), func(c workflow.ReceiveChannel, _ bool) {
			c.Receive(ctx, nil)
			v.stopping = true
		})
		s.AddReceive(workflow.GetSignalChannel(ctx, leaveSignal), func(c workflow.ReceiveChannel, _ bool) {
			c.Receive(ctx, &v.left)
		})
		for {
			s.Select(ctx)
		}
	})
}

// released is true when the run lets this VM into a phase. Reverse replication
// after the gates needs no word of its own.
func (v *vmRun) released(phase plans.Phase) bool {
	if v.upTo == "" {
		return false
	}
	if phase == plans.PhaseReverse && v.upTo == plans.PhaseGates {
		return true
	}
	return v.order(phase) <= v.order(v.upTo)
}

// order is a phase's place in the operation, -1 for none. Signals may overtake
// one another, so only a later phase counts as news.
func (v *vmRun) order(phase plans.Phase) int {
	return slices.Index(plans.Phases(v.in.Operation, v.in.Reverse), phase)
}

func (v *vmRun) await(ctx workflow.Context, phase plans.Phase) error {
	if err := workflow.Await(ctx, func() bool { return v.released(phase) || v.stopping || v.left != "" }); err != nil {
		return err
	}
	switch {
	case v.stopping && !v.mustFinish(phase):
		v.settleStopped(ctx)
	case v.left != "" && !v.released(phase):
		v.settleLeft(ctx)
	}
	return nil
}

// settleLeft is for a VM that a person left out because one it comes after is
// missing. It may be moved by then, and is off on both sides.
func (v *vmRun) settleLeft(ctx workflow.Context) {
	words := v.left
	if v.report.Status.Changed && v.in.Operation == plans.PlannedFailover {
		words = fmt.Sprintf("moved to %s, not started: %s. To start it, run the plan again, or Start-VM on %s", v.in.VM.TargetHost, v.left, v.in.VM.TargetHost)
	}
	v.settle(ctx, plans.VerdictSkipped, words)
}

// mustFinish is true for reverse replication of a VM that runs at the target:
// stopping there would leave it unprotected for no gain. Everything else may
// stop before it begins.
func (v *vmRun) mustFinish(phase plans.Phase) bool {
	return phase == plans.PhaseReverse && v.report.Up
}

func (v *vmRun) settleStopped(ctx workflow.Context) {
	if !v.report.Status.Changed {
		v.settle(ctx, plans.VerdictRefused, "not begun: the run was stopped")
		return
	}
	v.settle(ctx, plans.VerdictStopped, "stopped "+v.where())
}

// where says how far the VM has come.
func (v *vmRun) where() string {
	times := v.report.Status.Times
	for i := len(times) - 1; i >= 0; i-- {
		if !times[i].Ended.IsZero() {
			return "after " + string(times[i].Phase)
		}
	}
	return "before its first phase ended"
}

// settle ends the operation with a verdict.
func (v *vmRun) settle(ctx workflow.Context, verdict plans.Verdict, words string) {
	v.settled = true
	v.report.Off, v.report.Up = true, true
	v.report.Question = nil
	v.report.Status.Verdict, v.report.Status.Doing, v.report.Status.Remedy = verdict, words, ""
	v.tell(ctx)
}

// tell reports to the stage. The stage outlives its VMs, so a report that
// cannot be delivered is a run that was terminated from outside.
func (v *vmRun) tell(ctx workflow.Context) {
	if err := workflow.SignalExternalWorkflow(ctx, v.in.Parent, "", vmReportSignal, v.report).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Warn("the stage does not listen", "vm", v.in.VM.Label, "error", err)
	}
}

// phase takes the VM through one phase and keeps its times.
func (v *vmRun) phase(ctx workflow.Context, phase plans.Phase) error {
	v.report.Status.Phase = phase
	v.report.Status.Times = append(v.report.Status.Times, plans.PhaseTime{Phase: phase, Started: workflow.Now(ctx).UTC()})
	var err error
	if phase == plans.PhaseGates {
		err = v.gates(ctx)
	} else {
		err = v.advance(ctx, phase)
	}
	if err != nil || v.settled {
		return err
	}
	last := len(v.report.Status.Times) - 1
	v.report.Status.Times[last].Ended = workflow.Now(ctx).UTC()
	switch phase {
	case plans.PhaseShutdown:
		v.report.Off = true
	case plans.PhaseGates:
		v.report.Up = true
	case plans.PhaseStart:
		v.report.Up = v.in.Operation == plans.Cancel
	default:
	}
	v.tell(ctx)
	return nil
}

// maxRepeats is how often one verb may be answered "done" in a phase without
// the host being where it should be.
const maxRepeats = 3

// advance repeats look, decide, act until the phase is done.
func (v *vmRun) advance(ctx workflow.Context, phase plans.Phase) error {
	v.intent.UpTo = phase
	if v.intent.Operation == plans.PlannedFailover && v.order(phase) >= v.order(plans.PhaseStart) {
		v.mayHaveStarted = true
	}
	began := workflow.Now(ctx)
	done := 0
	for !v.settled {
		out, err := v.step(ctx)
		if err != nil {
			return err
		}
		d := out.Decision
		if !d.Unseen {
			v.sees()
		}
		switch d.Kind {
		case plans.Done:
			v.note(ctx, d)
			return nil
		case plans.Act:
			if done++; done > maxRepeats {
				d.Kind, d.Why = plans.Refuse, fmt.Sprintf("%s was answered \"done\" %d times, and the VM is not where it should be", d.Verb, done-1)
				d.Remedy = "look at the VM on its host, then retry"
				err, done = v.hold(ctx, phase, d), 0
			}
		case plans.Wait:
			err = v.wait(ctx, phase, d, &began)
		default:
			err, began = v.hold(ctx, phase, d), workflow.Now(ctx)
		}
		if err != nil {
			return err
		}
		if v.stopping && !v.settled && !v.mustFinish(phase) {
			v.settleStopped(ctx)
		}
	}
	return nil
}

// step runs the activity Advance once.
func (v *vmRun) step(ctx workflow.Context) (activities.AdvanceOut, error) {
	var out activities.AdvanceOut
	v.intent.NeverStarted = v.failedOver && !v.mayHaveStarted
	within := v.in.Limits.ShutdownWithin.D()
	err := workflow.ExecuteActivity(
		hostWork(ctx, v.in.Site, fmt.Sprintf("%s: %s", v.in.VM.Label, v.intent.UpTo), actLimit),
		activities.AdvanceName, activities.AdvanceIn{
			Run: v.in.Run, Plan: v.in.Plan, VM: v.in.VM, Intent: v.intent, ShutdownWithin: scaled(within, v.in.Speed),
		}).Get(ctx, &out)
	if err != nil {
		return out, err
	}
	v.prove(out.Decision)
	if out.Act != nil {
		v.record(ctx, out)
	}
	return out, nil
}

// prove takes over what the two views say for certain, so that an act whose
// answer got lost is not forgotten.
func (v *vmRun) prove(d plans.Decision) {
	s := &v.report.Status
	s.Changed = s.Changed || d.Changed
	s.Irreversible = s.Irreversible || d.NoWayBack
	if d.Good != "" || d.Kind == plans.UnknownPair && !d.Unseen {
		s.Good = d.Good
	}
}

// record keeps an act in the status. Whatever was sent may have changed
// something, unless the host said that it did nothing.
func (v *vmRun) record(ctx workflow.Context, out activities.AdvanceOut) {
	s := &v.report.Status
	if v.in.Acts {
		s.Acts = append(s.Acts, *out.Act)
	}
	switch out.Act.Outcome {
	case "moved", "expired", "not-sent":
	default:
		if out.Act.Verb != plans.VerbSetNetwork {
			s.Changed = true
		}
		s.Irreversible = s.Irreversible || out.Decision.Irreversible
		if out.Act.Verb == plans.VerbStartFailover && out.Act.Outcome == "done" {
			v.failedOver = true
		}
	}
	v.note(ctx, out.Decision)
}

// note shows a decision to people when it says something new.
func (v *vmRun) note(ctx workflow.Context, d plans.Decision) {
	s := &v.report.Status
	if s.Doing == d.Why {
		return
	}
	s.Doing = d.Why
	if d.Kind != plans.Done {
		v.tell(ctx)
	}
}

// wait looks again after a while; too long a wait is for a person.
func (v *vmRun) wait(ctx workflow.Context, phase plans.Phase, d plans.Decision, began *time.Time) error {
	v.note(ctx, d)
	waited := workflow.Now(ctx).Sub(*began)
	if waited > scaled(waitLimit, v.in.Speed) {
		d.Kind, d.Remedy = plans.Refuse, "look at the VM on its host, then retry"
		d.Why = "this takes longer than it should: " + d.Why
		*began = workflow.Now(ctx)
		return v.hold(ctx, phase, d)
	}
	_, err := workflow.AwaitWithTimeout(ctx, rhythm(waited, scaled(pollEvery, v.in.Speed), pollMost), func() bool { return v.stopping })
	return err
}
