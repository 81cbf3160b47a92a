package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// hold asks a person and follows the answer. When a host cannot be seen, the
// operation looks again by itself and goes on once the host is back; the
// question stays one and the same meanwhile.
func (v *vmRun) hold(ctx workflow.Context, phase plans.Phase, d plans.Decision) error {
	now := workflow.Now(ctx).UTC()
	since := now
	if d.Unseen {
		if v.blind.IsZero() {
			v.blind = now
		}
		since = v.blind
		d.Why = fmt.Sprintf("since %s UTC: %s", since.Format("2 Jan 15:04"), d.Why)
	}
	v.ask(ctx, phase, d, since)
	ready := func() bool { return len(v.answers) > 0 || v.stopping }
	if d.Unseen {
		if _, err := workflow.AwaitWithTimeout(ctx, rhythm(now.Sub(since), unseenEvery, unseenMost), ready); err != nil {
			return err
		}
	} else if err := workflow.Await(ctx, ready); err != nil {
		return err
	}
	switch {
	case len(v.answers) > 0:
		answer := v.answers[0]
		v.answers = v.answers[1:]
		v.goOn()
		return v.follow(ctx, phase, answer)
	case v.stopping && v.mustFinish(phase):
		v.settle(ctx, plans.VerdictStuck, "runs at "+v.in.VM.TargetHost+" and does not replicate back: "+d.Why)
	case v.stopping:
		v.goOn()
	}
	return nil
}

// ask puts the question, and tells when it is another one than before.
func (v *vmRun) ask(ctx workflow.Context, phase plans.Phase, d plans.Decision, since time.Time) {
	s := &v.report.Status
	q := plans.Question{VM: s.Label, VMID: s.ID, Text: d.Why, Since: since, Choices: v.choices(phase), SafeToWait: v.safeToWait(d)}
	if d.Remedy != "" {
		q.Text += ". Do: " + d.Remedy
	}
	if v.pastBringBack() {
		q.Text += fmt.Sprintf(". To give up what was written at %s: stop the run, then lifeboat cancel %s --lose-writes", v.in.VM.TargetHost, v.in.Plan)
	}
	s.Verdict, s.Doing, s.Remedy = plans.VerdictHeld, d.Why, d.Remedy
	if old := v.report.Question; old != nil && old.Text == q.Text && old.Since.Equal(since) {
		return
	}
	v.report.Question = &q
	v.tell(ctx)
}

// sees takes back what was asked because a host could not be seen.
func (v *vmRun) sees() {
	if v.blind.IsZero() {
		return
	}
	v.blind = time.Time{}
	v.goOn()
}

// goOn takes the question back: it was answered, or has answered itself.
func (v *vmRun) goOn() {
	v.report.Question = nil
	v.report.Status.Verdict, v.report.Status.Remedy = plans.VerdictRunning, ""
}

func (v *vmRun) choices(phase plans.Phase) []plans.Choice {
	c := []plans.Choice{plans.ChoiceRetry}
	if phase == plans.PhaseShutdown && !v.intent.TurnOff {
		c = append(c, plans.ChoiceTurnOff)
	}
	c = append(c, plans.ChoiceSkip)
	if v.intent.Operation == plans.PlannedFailover && v.report.Status.Changed && !v.report.Status.Irreversible && !v.mayHaveStarted {
		c = append(c, plans.ChoiceBringBack)
	}
	return c
}

// pastBringBack is true for a VM that may have run at the target: taking it
// back loses what was written there, which an answer to a held VM must not do
// in passing.
func (v *vmRun) pastBringBack() bool {
	return v.intent.Operation == plans.PlannedFailover && v.mayHaveStarted && !v.report.Status.Irreversible
}

func (v *vmRun) safeToWait(d plans.Decision) string {
	good := d.Good
	if d.Unseen {
		good = v.report.Status.Good // as last seen
	}
	switch good {
	case plans.Source:
		return fmt.Sprintf("Waiting loses no data. Good copy: %s.", v.in.VM.SourceHost)
	case plans.Target:
		return fmt.Sprintf("Waiting loses no data. Good copy: %s.", v.in.VM.TargetHost)
	}
	return "Which copy is the good one is not known: start neither by hand before you have looked at both."
}

// follow does what a person decided about a held VM.
func (v *vmRun) follow(ctx workflow.Context, phase plans.Phase, a plans.Answer) error {
	switch a.Choice {
	case plans.ChoiceTurnOff:
		v.intent.TurnOff = true
	case plans.ChoiceSkip:
		if phase == plans.PhaseGates {
			// The VM runs: only the gate is waived, and the VM goes on to be
			// protected.
			v.waived, v.report.Status.Doing = true, fmt.Sprintf("gate waived by %s: %s", a.By, a.Reason)
			break
		}
		v.settle(ctx, v.skippedVerdict(), fmt.Sprintf("left out by %s: %s", a.By, a.Reason))
	case plans.ChoiceBringBack:
		return v.bringBack(ctx, a)
	default: // retry: look again
	}
	if !v.settled {
		v.tell(ctx)
	}
	return nil
}

// skippedVerdict: a VM that was changed and not finished needs somebody.
func (v *vmRun) skippedVerdict() plans.Verdict {
	if v.report.Status.Changed {
		return plans.VerdictStuck
	}
	return plans.VerdictSkipped
}

// bringBack takes this VM back to where it was, through the same table. It is
// offered only while this operation has not started the copy at the target.
func (v *vmRun) bringBack(ctx workflow.Context, a plans.Answer) error {
	v.intent.Operation = plans.Cancel
	if err := v.advance(ctx, plans.PhaseStart); err != nil || v.settled {
		return err
	}
	v.settle(ctx, plans.VerdictStopped, fmt.Sprintf("brought back to %s by %s", v.in.VM.SourceHost, a.By))
	return nil
}
