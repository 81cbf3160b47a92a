package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// hold asks a person and follows the answer. When a host cannot be seen, the
// operation looks again by itself and goes on once the host is back.
func (v *vmRun) hold(ctx workflow.Context, phase plans.Phase, d plans.Decision) error {
	s := &v.report.Status
	s.Verdict, s.Doing, s.Remedy = plans.VerdictHeld, d.Why, d.Remedy
	v.report.Question = &plans.Question{
		VM: s.Label, VMID: s.ID, Text: d.Why, Since: workflow.Now(ctx).UTC(), Choices: v.choices(phase), SafeToWait: v.safeToWait(d),
	}
	if d.Remedy != "" {
		v.report.Question.Text += ". Do: " + d.Remedy
	}
	v.tell(ctx)
	ready := func() bool { return len(v.answers) > 0 || v.stopping }
	if d.Unseen {
		if _, err := workflow.AwaitWithTimeout(ctx, unseenEvery, ready); err != nil {
			return err
		}
	} else if err := workflow.Await(ctx, ready); err != nil {
		return err
	}
	if len(v.answers) > 0 {
		answer := v.answers[0]
		v.answers = v.answers[1:]
		v.goOn()
		return v.follow(ctx, phase, answer)
	}
	if !d.Unseen || v.stopping {
		v.goOn()
	}
	return nil
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
	if v.in.Operation == plans.PlannedFailover && !v.report.Status.Irreversible && v.report.Status.Changed {
		c = append(c, plans.ChoiceBringBack)
	}
	return c
}

func (v *vmRun) safeToWait(d plans.Decision) string {
	switch d.Good {
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

// bringBack takes this VM back to where it was, through the same table.
func (v *vmRun) bringBack(ctx workflow.Context, a plans.Answer) error {
	v.intent.Operation = plans.Cancel
	// A person who brings back a VM that runs at the target has been told
	// that its writes there are lost.
	v.intent.LoseWrites = v.intent.LoseWrites || a.Choice == plans.ChoiceBringBack
	if err := v.advance(ctx, plans.PhaseStart); err != nil || v.settled {
		return err
	}
	v.settle(ctx, plans.VerdictStopped, fmt.Sprintf("brought back to %s by %s", v.in.VM.SourceHost, a.By))
	return nil
}
