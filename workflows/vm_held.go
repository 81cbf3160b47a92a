package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// hold asks a person and follows the answer. When a host cannot be seen, the
// operation looks again by itself and goes on once the host is back; the
// question stays one and the same meanwhile.
func (v *vmRun) hold(ctx workflow.Context, phase plans.Phase, d plans.Decision) error {
	if v.op == plans.TestFailover {
		v.settleTest(ctx, d)
		return nil
	}
	if v.in.Run.Canary != "" && !d.Unseen { // nobody is there at night
		v.settle(ctx, plans.VerdictStopped, whyAndRemedy(d))
		return nil
	}
	now := workflow.Now(ctx).UTC()
	since := now
	if d.Unseen {
		if v.blind.IsZero() {
			v.blind = now
		}
		since = v.blind
		d.Why = fmt.Sprintf("since %s UTC: %s", since.Format("2 Jan 15:04"), d.Why)
	}
	if v.report.Question == nil {
		v.forgetAnswers(ctx)
	}
	v.ask(ctx, phase, d, since)
	ready := func() bool {
		return len(v.answers) > 0 || v.stopping || phase == plans.PhaseGates && v.waiver != ""
	}
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
		fits := slices.Contains(v.report.Question.Choices, answer.Choice)
		v.goOn()
		if !fits && answersOnce(ctx) {
			return nil // it was given to another question: this one is put again
		}
		return v.follow(ctx, phase, answer)
	case v.stopping && v.mustFinish(phase):
		v.settle(ctx, plans.VerdictStuck, "runs at "+v.in.VM.TargetHost+" and does not replicate back: "+d.Why)
	case v.stopping:
		v.goOn()
	}
	return nil
}

// forgetAnswers drops what was said before this question was put: a second answer
// to one that was answered, or one to a host that came back by itself. Nobody
// decided about this question yet.
func (v *vmRun) forgetAnswers(ctx workflow.Context) {
	if len(v.answers) > 0 && answersOnce(ctx) {
		v.answers = nil
	}
}

func answersOnce(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, answersCountOnce, workflow.DefaultVersion, 1) == 1
}

// ask puts the question, and tells when it is another one than before.
func (v *vmRun) ask(ctx workflow.Context, phase plans.Phase, d plans.Decision, since time.Time) {
	s := &v.report.Status
	q := plans.Question{VM: s.Label, VMID: s.ID, Text: whyAndRemedy(d), Since: since, Choices: v.choices(phase, d), SafeToWait: v.safeToWait(d)}
	if v.pastBringBack() {
		q.Text += fmt.Sprintf(". To give up what was written at %s: stop the run, then lifeboat cancel %s --lose-writes", v.in.VM.TargetHost, plans.ShellWord(v.in.Run.Plan))
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

// choices are the answers that fit: the table's own offer among them.
func (v *vmRun) choices(phase plans.Phase, d plans.Decision) []plans.Choice {
	c := []plans.Choice{plans.ChoiceRetry}
	if phase == plans.PhaseShutdown && !v.intent.TurnOff {
		c = append(c, plans.ChoiceTurnOff)
	}
	for _, offer := range d.Offer {
		if !slices.Contains(c, offer) {
			c = append(c, offer)
		}
	}
	c = append(c, plans.ChoiceSkip)
	switch {
	case phase == plans.PhaseGates:
		c = append(c, plans.ChoiceWaive)
	case !d.Unseen:
		c = append(c, plans.ChoiceResolved)
	}
	if v.mayBringBack() {
		c = append(c, plans.ChoiceBringBack)
	}
	return c
}

// mayBringBack is true while taking the VM back loses nothing: the copy at the
// target was not started. After an unplanned failover that is so only when this
// operation failed it over itself.
func (v *vmRun) mayBringBack() bool {
	s := &v.report.Status
	if !s.Changed || s.Irreversible || v.mayHaveStarted {
		return false
	}
	return v.intent.Operation == plans.PlannedFailover || v.intent.Operation == plans.UnplannedFailover && v.failedOver
}

// pastBringBack is true for a VM that may have run at the target: taking it
// back loses what was written there, which an answer to a held VM must not do
// in passing.
func (v *vmRun) pastBringBack() bool {
	return v.intent.Operation.Moves() && v.mayHaveStarted && !v.report.Status.Irreversible
}

func (v *vmRun) safeToWait(d plans.Decision) string {
	if v.op == plans.TestFailover {
		return fmt.Sprintf("Waiting costs nothing: production goes on at %s, and the test copy is removed in the end.", v.in.VM.SourceHost)
	}
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
	case plans.ChoiceAccept:
		v.intent.Accept = true
	case plans.ChoiceDisconnect:
		v.intent.Fence = plans.FenceDisconnect
	case plans.ChoiceResolved:
		v.mender = a.By
	case plans.ChoiceSkip:
		if phase == plans.PhaseGates {
			// The VM runs: only the gate is waived, and the VM goes on to be
			// protected.
			v.waived, v.report.Status.Doing = true, fmt.Sprintf("gate waived by %s: %s", a.By, a.Reason)
			v.find(plans.Warning, "gate-waived", v.report.Status.Doing)
			break
		}
		v.settle(ctx, v.skippedVerdict(), fmt.Sprintf("left out by %s: %s", a.By, a.Reason))
	case plans.ChoiceBringBack:
		return v.bringBack(ctx, a)
	default: // retry: look again
		v.mender = ""
		if phase == plans.PhaseGates && v.op.Moves() && workflow.GetVersion(ctx, retryStartsAgain, workflow.DefaultVersion, 1) == 1 {
			// A gate cannot pass in a copy that went off meanwhile.
			return v.advance(ctx, plans.PhaseStart)
		}
	}
	if !v.settled {
		v.tell(ctx)
	}
	return nil
}

// mended judges a look after somebody said that the VM was mended by hand: only
// a VM that is where the phase ends goes on.
func (v *vmRun) mended(d plans.Decision) plans.Decision {
	switch {
	case d.Unseen:
		return d // it is looked at again, and judged then
	case d.Kind == plans.Done:
		d.Why = fmt.Sprintf("mended by hand by %s: %s", v.mender, d.Why)
		v.find(plans.Info, "mended-by-hand", d.Why)
	default:
		if d.Kind != plans.UnknownPair {
			d.Kind = plans.Refuse
		}
		d.Why = "not resolved yet: " + d.Why
		d.Remedy = orWords(d.Remedy, "mend it and answer resolved again; or retry, which lets the run do it")
	}
	v.mender = ""
	return d
}

// find keeps what the report must say of this VM beside its verdict.
func (v *vmRun) find(severity plans.Severity, code, text string) {
	v.report.Found = append(v.report.Found, plans.Finding{Severity: severity, Code: code, VM: v.in.VM.Label, Text: text})
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
