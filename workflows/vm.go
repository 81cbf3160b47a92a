package workflows

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// vmInput is what a VMOperation needs.
type vmInput struct {
	// Run is the run's input without what single VMs do not need.
	Run    plans.RunInput `json:"run"`
	Step   int            `json:"step"`
	VM     plans.RunVM    `json:"vm"`
	Parent string         `json:"parent"`
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
	// Found is what the report must say of this VM beside its verdict.
	Found []plans.Finding `json:"found,omitempty"`
}

// vmRun is one VM on its way.
type vmRun struct {
	in       vmInput
	op       plans.Operation // the run's; bring-back changes the intent's
	shape    shape
	intent   plans.Intent
	report   vmReport
	upTo     plans.Phase // released so far
	stopping bool
	answers  []plans.Answer
	settled  bool
	// unprotected is what is in the way of the replication of a VM that is done.
	unprotected *plans.Finding
	waived      bool // the gate that holds was waived
	// waiver is who waived all gates that have not passed, and why.
	waiver string
	// mender is who said that what held this VM was mended by hand.
	mender string
	// left is why this VM is left out together with one it comes after.
	left string
	// failedOver is true once this operation saw its own failover answered,
	// mayHaveStarted from when it first asked for the start at the target.
	failedOver, mayHaveStarted bool
	// blind is since when a host cannot be seen, zero while both can.
	blind time.Time
	// mayHaveTest is true from when this drill may have made a test copy;
	// gateFailed once a gate of it did not pass.
	mayHaveTest, gateFailed bool
}

// operateVM is the workflow VMOperation.
func operateVM(ctx workflow.Context, in vmInput) (plans.VMStatus, error) {
	v := &vmRun{in: in, op: in.Run.Operation, shape: shapeOf(in.Run.Operation), intent: in.Run.Intent(in.VM)}
	v.report.Status = plans.VMStatus{ID: in.VM.ID, Label: in.VM.Label, Step: in.Step, Verdict: plans.VerdictRunning, Good: in.Good}
	ctx = outlive(ctx, v.op, func(workflow.Context) { v.stopping = true })
	v.listen(ctx)
	if v.op == plans.TestFailover {
		err := v.test(ctx)
		return v.report.Status, err
	}
	signalOther(ctx, VMPartID(in.VM.ID, plans.TestFailover), GiveWaySignal, fmt.Sprintf("%s by %s", v.op, in.Run.StartedBy))
	if err := v.walk(ctx, v.phases()); err != nil {
		return v.report.Status, err
	}
	if !v.settled {
		v.settle(ctx, plans.VerdictDone, v.endWords())
	}
	return v.report.Status, nil
}

func (v *vmRun) phases() []plans.Phase { return plans.Phases(v.op, v.in.Run.Reverse) }

// walk takes the VM through phases, each when it is let into it, until the last
// is done or the VM has settled before.
func (v *vmRun) walk(ctx workflow.Context, phases []plans.Phase) error {
	for _, phase := range phases {
		if err := v.await(ctx, phase); err != nil || v.settled {
			return err
		}
		if err := v.phase(ctx, phase); err != nil || v.settled {
			return err
		}
	}
	return nil
}

// endWords are what is last said of a VM that is done: what it stands at, not
// which gate it passed.
func (v *vmRun) endWords() string {
	if v.op != plans.UnplannedFailover || v.report.Status.Phase != plans.PhaseGates {
		return v.report.Status.Doing
	}
	words := fmt.Sprintf("runs at %s", v.in.VM.TargetHost)
	if at := v.in.VM.Point.Time; !at.IsZero() {
		words += " with its data of " + at.UTC().Format("2 Jan 15:04:05") + " UTC"
	}
	return words + "; NOT PROTECTED"
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
			if a.Choice == plans.ChoiceWaive {
				v.waiver = fmt.Sprintf("waived by %s: %s", a.By, a.Reason)
				return
			}
			v.answers = append(v.answers, a)
		})
		s.AddReceive(workflow.GetSignalChannel(ctx, stopSignal), func(c workflow.ReceiveChannel, _ bool) {
			c.Receive(ctx, nil)
			v.stopping = true
		})
		s.AddReceive(workflow.GetSignalChannel(ctx, leaveSignal), func(c workflow.ReceiveChannel, _ bool) {
			c.Receive(ctx, &v.left)
		})
		s.AddReceive(workflow.GetSignalChannel(ctx, GiveWaySignal), func(c workflow.ReceiveChannel, _ bool) {
			c.Receive(ctx, nil)
			v.stopping = v.stopping || v.op == plans.TestFailover
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
	return slices.Index(v.phases(), phase)
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
// missing, or ahead of time. It may be moved by then, and is off on both sides.
func (v *vmRun) settleLeft(ctx workflow.Context) {
	words := v.left
	switch {
	case !v.report.Status.Changed || !v.op.Moves():
	case v.ended(plans.PhaseMove):
		words = fmt.Sprintf("moved to %s, not started: %s. To start it, run the plan again, or Start-VM on %s", v.in.VM.TargetHost, v.left, v.in.VM.TargetHost)
	default:
		words = fmt.Sprintf("stopped %s: %s. To move it after all, run the plan again", v.where(), v.left)
	}
	v.settle(ctx, v.skippedVerdict(), words)
}

// mustFinish is true for reverse replication of a VM that runs at the target:
// stopping there would leave it unprotected for no gain. Everything else may
// stop before it begins.
func (v *vmRun) mustFinish(phase plans.Phase) bool {
	return v.op == plans.PlannedFailover && phase == plans.PhaseReverse && v.report.Up
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

// ended is true when the VM is through a phase.
func (v *vmRun) ended(phase plans.Phase) bool {
	return slices.ContainsFunc(v.report.Status.Times, func(t plans.PhaseTime) bool { return t.Phase == phase && !t.Ended.IsZero() })
}

// settle ends the operation with a verdict.
func (v *vmRun) settle(ctx workflow.Context, verdict plans.Verdict, words string) {
	v.settled = true
	v.report.Off, v.report.Up = true, true
	v.report.Question = nil
	if f := v.unprotected; verdict == plans.VerdictDone && f != nil {
		found := *f
		found.VM = v.in.VM.Label
		v.report.Found = append(v.report.Found, found)
	}
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
	v.report.Off = v.report.Off || phase == v.shape.off
	v.report.Up = v.report.Up || phase == v.shape.done
	v.tell(ctx)
	return nil
}

// maxRepeats is how often one verb may be answered "done" in a phase without
// the host being where it should be.
const maxRepeats = 3

// advance repeats look, decide, act until the phase is done.
func (v *vmRun) advance(ctx workflow.Context, phase plans.Phase) error {
	v.intent.UpTo = phase
	if v.intent.Operation.Moves() && v.order(phase) >= v.order(plans.PhaseStart) {
		v.mayHaveStarted = true
	}
	v.mayHaveTest = v.mayHaveTest || v.op == plans.TestFailover && phase == plans.PhaseTest
	waits := newPatience(ctx)
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
			v.reached(phase)
			v.note(ctx, d)
			return nil
		case plans.Act:
			if done++; done > maxRepeats {
				d.Kind, d.Why = plans.Refuse, fmt.Sprintf("%s was answered \"done\" %d times, and the VM is not where it should be", d.Verb, done-1)
				d.Remedy = "look at the VM on its host, then retry"
				err, done = v.hold(ctx, phase, d), 0
			}
		case plans.Wait:
			err = v.wait(ctx, phase, d, &waits)
		default:
			err, waits = v.hold(ctx, phase, d), newPatience(ctx)
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

// reached keeps what the end of a phase proves.
func (v *vmRun) reached(phase plans.Phase) {
	if phase == plans.PhaseMove && v.op == plans.UnplannedFailover && !v.intent.Accept || phase == plans.PhaseTest {
		v.report.Status.Point = v.in.VM.Point
	}
	v.report.Status.Progress = nil
}

// step runs the activity Advance once; when somebody says that the VM was
// mended by hand, it is looked at first, and nothing is done about it.
func (v *vmRun) step(ctx workflow.Context) (activities.AdvanceOut, error) {
	var out activities.AdvanceOut
	v.intent.NeverStarted = v.failedOver && !v.mayHaveStarted
	run := v.in.Run
	in := activities.AdvanceIn{
		Run: run.RunID, Plan: run.Plan, VM: v.in.VM, Intent: v.intent, TestVM: v.report.Status.TestVM,
		ShutdownWithin: scaled(run.Limits.ShutdownWithin.D(), run.Speed), Now: workflow.Now(ctx).UTC(),
	}
	name, limit := activities.AdvanceName, actLimit
	if v.mender != "" {
		name, limit = activities.ObserveName, readLimit
	}
	err := workflow.ExecuteActivity(
		hostWork(ctx, run.To, fmt.Sprintf("%s: %s", v.in.VM.Label, v.intent.UpTo), limit), name, in).Get(ctx, &out)
	if err != nil {
		return out, err
	}
	if v.mender != "" {
		out.Decision = v.mended(out.Decision)
	}
	v.prove(out.Decision)
	if out.Decision.SourceSeen {
		v.intent.SourceBack = out.Decision.SourceOpen
	}
	if out.Act != nil {
		v.record(ctx, out)
	}
	return out, nil
}

// prove takes over what the two views say for certain, so that an act whose
// answer got lost is not forgotten.
func (v *vmRun) prove(d plans.Decision) {
	s := &v.report.Status
	if v.op == plans.TestFailover {
		v.proveTest(d)
		return
	}
	if d.Kind == plans.Done {
		v.unprotected, s.Elsewhere = d.Unprotected, d.Elsewhere
	}
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
		if out.Act.Verb != plans.VerbSetNetwork && out.Act.Verb != plans.VerbSetTestNetwork {
			s.Changed = true
		}
		// Giving a failover up loses what was written there, and leaves the way
		// back from the next one open.
		s.Irreversible = s.Irreversible || out.Decision.Irreversible && out.Act.Verb != plans.VerbStopFailover
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

// patience is what a wait remembers: when it began, and when something moved
// last.
type patience struct {
	began, moved time.Time
	seen         plans.SyncProgress
}

func newPatience(ctx workflow.Context) patience {
	now := workflow.Now(ctx)
	return patience{began: now, moved: now, seen: plans.SyncProgress{Percent: -1}}
}

// over is true when nothing has moved for too long.
func (p patience) over(now time.Time, speed float64) bool {
	return now.Sub(p.moved) > scaled(waitLimit, speed)
}

// pause is how long to wait before the next look.
func (p patience) pause(now time.Time, speed float64, most time.Duration) time.Duration {
	return rhythm(now.Sub(p.began), scaled(pollEvery, speed), most)
}

// tooLong makes a wait that was over a person's matter.
func tooLong(d plans.Decision) plans.Decision {
	d.Kind, d.Why = plans.Refuse, "this takes longer than it should: "+d.Why
	return d
}

// wait looks again after a while. Too long a wait in which nothing moves is for
// a person.
func (v *vmRun) wait(ctx workflow.Context, phase plans.Phase, d plans.Decision, p *patience) error {
	now := workflow.Now(ctx)
	v.progress(ctx, d.Progress)
	v.note(ctx, d)
	most := pollMost
	if d.Progress != nil {
		most = max(syncMost, now.Sub(p.began)/100)
		if d.Progress.Percent != p.seen.Percent || d.Progress.Done != p.seen.Done {
			p.moved, p.seen = now, *d.Progress
		}
	}
	if d.Due > 0 {
		p.moved = now // its moment is set: until then nobody needs to look
	}
	if p.over(now, v.in.Run.Speed) {
		d = tooLong(d)
		d.Remedy = cmp.Or(d.Remedy, "look at the VM on its host, then retry")
		*p = newPatience(ctx)
		return v.hold(ctx, phase, d)
	}
	_, err := workflow.AwaitWithTimeout(ctx, p.pause(now, v.in.Run.Speed, most), func() bool { return v.stopping })
	return err
}

// progress shows how far something long has come, when it has moved.
func (v *vmRun) progress(ctx workflow.Context, p *plans.SyncProgress) {
	old := v.report.Status.Progress
	if p == nil || old != nil && *old == *p {
		return
	}
	v.report.Status.Progress = p
	v.tell(ctx)
}
