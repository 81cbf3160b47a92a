package workflows

import (
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// testFailover makes test copies, starts them in order, keeps them up for
// people and removes all of them in the end. Nobody but gates and people's
// steps is asked: what cannot be tested is left out, and the rest goes on.
func testFailover() shape {
	return shape{
		first: plans.PhaseTest, up: plans.PhaseStart, last: plans.PhaseCleanUp, done: plans.PhaseGates,
		rungs: []rung{
			{to: plans.PhaseTest, goal: plans.PhaseTest, limit: moveLimit},
			{to: plans.PhaseGates, goal: plans.PhaseStart, when: upFirst, limit: startLimit},
			{to: plans.PhaseCleanUp, goal: plans.PhaseCleanUp},
		},
		upWords: "starting the test copies of", upLimit: startLimit,
		doneWords: "tested at %s, and their test copies are removed",
		wayBack:   func(*planRun) string { return "there is nothing to take back: test copies are removed in the end" },
	}
}

const (
	// longestDrill is how long test copies live when the run does not say.
	longestDrill = 8 * time.Hour
	// cleanLimit is how long a removal that is refused is tried again before
	// it is left to a person. It is real time.
	cleanLimit = 30 * time.Minute
)

// drillState is what a run of a test failover has of its own.
type drillState struct {
	ttl    bool // the time to live runs
	up     bool // the copies are up for people
	ending bool // somebody said end
	// gaveWay is true once a real operation needed its VMs.
	gaveWay bool
}

// outlive keeps a test failover working when it is cancelled from outside: it
// is told so, and cleans up. Other operations are not touched.
func outlive(ctx workflow.Context, op plans.Operation, cancelled func(workflow.Context)) workflow.Context {
	if op != plans.TestFailover {
		return ctx
	}
	return calmly(ctx, cancelled)
}

// calmly keeps going when it is cancelled from outside; it is told so.
func calmly(ctx workflow.Context, cancelled func(workflow.Context)) workflow.Context {
	calm, _ := workflow.NewDisconnectedContext(ctx)
	workflow.Go(calm, func(c workflow.Context) {
		ctx.Done().Receive(c, nil)
		cancelled(c)
	})
	return calm
}

// closePolicy is what becomes of children when their parent is gone: those of a
// drill are told to clean up.
func closePolicy(op plans.Operation) enumspb.ParentClosePolicy {
	if op == plans.TestFailover {
		return enumspb.PARENT_CLOSE_POLICY_REQUEST_CANCEL
	}
	return enumspb.PARENT_CLOSE_POLICY_TERMINATE
}

// watchDrill starts the time to live with the first test copy.
func (p *planRun) watchDrill(ctx workflow.Context, vm plans.VMStatus) {
	if p.in.Operation != plans.TestFailover || p.drill.ttl || !vm.Changed {
		return
	}
	p.drill.ttl = true
	workflow.Go(ctx, func(ctx workflow.Context) {
		ttl := p.ttl()
		if workflow.Sleep(ctx, scaled(ttl, p.in.Speed)) == nil && p.status.Ended.IsZero() && !p.stopping {
			p.stop(ctx, fmt.Sprintf("test copies may live for %s", plans.Duration(ttl)))
		}
	})
}

func (p *planRun) ttl() time.Duration {
	if ttl := p.in.TTL.D(); ttl > 0 {
		return ttl
	}
	return longestDrill
}

// last keeps the test copies up for people, then lets every VM clean up.
func (p *planRun) last(ctx workflow.Context) error {
	if hold := p.in.Hold.D(); hold > 0 {
		if err := p.keepUp(ctx, scaled(hold, p.in.Speed)); err != nil || p.stopping {
			return err
		}
	}
	p.status.Summary = "removing the test copies"
	p.tellAll(ctx, releaseSignal, releaseTo{Phase: p.shape.last})
	p.show(ctx)
	return nil
}

func (p *planRun) keepUp(ctx workflow.Context, hold time.Duration) error {
	now := workflow.Now(ctx).UTC()
	p.drill.up = true
	p.status.Summary = "the test copies are up for people"
	p.status.Waiting = append(p.status.Waiting, plans.Question{
		Text:  fmt.Sprintf("the test copies are up at %s, on isolated networks, until %s UTC: end removes them now", p.in.To, now.Add(hold).Format("2 Jan 15:04")),
		Since: now, Due: now.Add(hold), Choices: []plans.Choice{plans.ChoiceEnd}, SafeToWait: "They are removed by themselves then.",
	})
	criteria := p.in.Drill.People()
	for _, c := range criteria {
		p.askCriterion(ctx, c, now.Add(hold))
	}
	p.show(ctx)
	_, err := workflow.AwaitWithTimeout(ctx, hold, func() bool { return p.drill.ending || p.stopping })
	p.takeBack(0, "")
	for _, c := range criteria {
		p.takeBack(c.Step, "")
	}
	return err
}

// awaitNobody is for a step of a drill that the calendar began: it may be that
// nobody is there. A task is gone on without after the time that the copies are
// held for people; a yes that nobody gives is a no.
func (p *planRun) awaitNobody(ctx workflow.Context, step plans.RunStep, answered func() bool) error {
	there, err := workflow.AwaitWithTimeout(ctx, scaled(p.in.Hold.D(), p.in.Speed), answered)
	if err != nil || there {
		return err
	}
	a := plans.Answer{Choice: plans.ChoiceSkip, Step: step.Number, By: p.in.StartedBy, Reason: "nobody answered while the test copies were held", Via: "calendar"}
	if step.Manual.Approve || step.Manual.Quorum > 1 {
		a.Choice = plans.ChoiceDecline
	}
	p.accept(ctx, a)
	return nil
}

// askCriterion asks the person who is to judge what no gate can see. Without an
// answer it is not judged; nothing waits for it.
func (p *planRun) askCriterion(ctx workflow.Context, c plans.Criterion, until time.Time) {
	p.status.Waiting = append(p.status.Waiting, plans.Question{
		Step: c.Step, Text: c.Text, Owner: c.Who, Since: workflow.Now(ctx).UTC(), Due: until,
		Choices:    []plans.Choice{plans.ChoiceApprove, plans.ChoiceDecline, plans.ChoiceSkip},
		SafeToWait: "Without an answer it is not judged, and the test copies are removed all the same.",
	})
	if p.in.Auto {
		p.operate(ctx, plans.RunStep{Number: c.Step, Manual: &plans.ManualStep{}})
	}
}

// criterion is the criterion that a step's number stands for, if it does.
func (p *planRun) criterion(step int) (plans.Criterion, bool) {
	for _, c := range p.in.Drill.People() {
		if c.Step == step {
			return c, true
		}
	}
	return plans.Criterion{}, false
}

// end cleans a drill up before its time.
func (p *planRun) end(ctx workflow.Context, a plans.Answer) string {
	if p.drill.up {
		p.drill.ending = true
		return "The test copies are being removed."
	}
	p.stop(ctx, "ended by "+a.By+" before all test copies were up")
	return "The drill ends: what is under way ends, then the test copies are removed."
}

// test is a VM's part in a drill. However it goes, the test copy is removed.
func (v *vmRun) test(ctx workflow.Context) error {
	phases := v.phases()
	last := len(phases) - 1
	err := v.walk(ctx, phases[:last])
	if err == nil && !v.settled {
		err = v.await(ctx, phases[last])
	}
	if !v.settled {
		v.settleTested(ctx, err)
	}
	if v.mayHaveTest {
		return v.cleanUp(ctx)
	}
	return nil
}

// settleTested says how the test went, for one that was not stopped.
func (v *vmRun) settleTested(ctx workflow.Context, err error) {
	switch {
	case err != nil:
		v.settle(ctx, plans.VerdictStopped, "the drill ended with an error: "+err.Error())
	case v.gateFailed:
		v.settle(ctx, plans.VerdictStopped, "tested, and not every gate passed")
	default:
		v.settle(ctx, plans.VerdictDone, "tested: it came up isolated at "+v.in.VM.TargetHost)
	}
}

// settleTest is for a VM that the table refuses or does not know: nobody is
// asked, the others go on.
func (v *vmRun) settleTest(ctx workflow.Context, d plans.Decision) {
	words := whyAndRemedy(d)
	v.find(plans.Warning, "not-tested", words)
	if v.report.Status.Phase == plans.PhaseTest && !v.report.Status.Changed {
		v.mayHaveTest = v.mayHaveTest && (d.Unseen || d.AskedTest) // else a copy that stands there is another's
	}
	verdict := plans.VerdictRefused
	if v.report.Status.Changed || d.AskedTest {
		verdict = plans.VerdictStopped
	}
	v.settle(ctx, verdict, words)
}

// proveTest takes over what the view says of the test copy. One that this drill
// cannot have made is not its own.
func (v *vmRun) proveTest(d plans.Decision) {
	if d.Unseen || !v.mayHaveTest {
		return
	}
	v.report.Status.TestVM = d.TestVM
	v.report.Status.Changed = v.report.Status.Changed || d.Kind == plans.Done && d.TestVM != ""
}

// gateNotPassed asks people about a gate of a test copy. When nobody answers in
// the time that the copies stay up, or nobody is there, the drill goes on, and
// the report says that the gate did not pass.
func (v *vmRun) gateNotPassed(ctx workflow.Context, d plans.Decision) error {
	wait := v.in.Run.Hold.D()
	if wait <= 0 {
		wait = longestDrill
	}
	// A drill of the calendar that holds for nobody has nobody there.
	alone := v.in.Run.Auto || v.in.Run.Drill.Unattended() && v.in.Run.Hold <= 0
	if !alone {
		v.ask(ctx, plans.PhaseGates, d, workflow.Now(ctx).UTC())
		_, err := workflow.AwaitWithTimeout(ctx, scaled(wait, v.in.Run.Speed), func() bool { return len(v.answers) > 0 || v.waiver != "" || v.stopping })
		if err != nil {
			return err
		}
		v.goOn()
	}
	words := "nobody was asked"
	switch {
	case v.stopping:
		return nil
	case len(v.answers) > 0:
		a := v.answers[0]
		v.answers = v.answers[1:]
		if a.Choice == plans.ChoiceRetry {
			return nil
		}
		words = fmt.Sprintf("%s goes on without it: %s", a.By, a.Reason)
	case v.waiver != "":
		words = v.waiver
	case !alone:
		words = "nobody answered"
	}
	v.waived, v.gateFailed = true, true
	v.find(plans.Warning, "gate-not-passed", d.Why+"; "+words)
	return nil
}

// askable is false for a gate that reaches a guest over the network where no
// gateway shows test copies: there is no way into an isolated network, and the
// same address may answer in production.
func (v *vmRun) askable(g plans.RunGate) bool {
	if v.op != plans.TestFailover || g.Kind == "heartbeat" || g.Kind == "guest-script" || g.Via != "" {
		return true
	}
	v.find(plans.Info, "gate-not-asked", g.Text+": not asked: no way into an isolated network")
	return false
}

// cleanUp removes the test copy and keeps on until it is gone. The verdict that
// the test has earned stays.
func (v *vmRun) cleanUp(ctx workflow.Context) error {
	s := &v.report.Status
	verdict, words := s.Verdict, s.Doing
	s.Verdict, s.Doing, s.Phase = plans.VerdictRunning, "removing its test copy", plans.PhaseCleanUp
	s.Times = append(s.Times, plans.PhaseTime{Phase: plans.PhaseCleanUp, Started: workflow.Now(ctx).UTC()})
	v.tell(ctx)
	v.intent.UpTo, v.mender = plans.PhaseCleanUp, ""
	v.answers = nil
	began, acts := workflow.Now(ctx), 0
	for {
		out, err := v.step(ctx)
		if err != nil {
			v.settle(ctx, plans.VerdictUnknown, "whether its test copy is gone is not known: "+err.Error())
			return err
		}
		d := out.Decision
		waited := workflow.Now(ctx).Sub(began)
		switch {
		case d.Kind == plans.Done:
			s.Times[len(s.Times)-1].Ended = workflow.Now(ctx).UTC()
			s.TestVM, s.After = "", d.Why
			v.settle(ctx, verdict, words+"; no test copy is left")
			return nil
		case d.Kind == plans.Act && acts < maxRepeats:
			acts++
			continue // look whether it is gone
		case d.Kind != plans.Wait && !d.Unseen && waited > cleanLimit, v.gaveUp():
			v.settle(ctx, plans.VerdictStuck, v.leftover(d))
			return nil
		}
		if d.Kind != plans.Wait {
			v.ask(ctx, plans.PhaseCleanUp, d, began.UTC())
		}
		v.answers = nil
		if _, err := workflow.AwaitWithTimeout(ctx, rhythm(waited, unseenEvery, unseenMost), func() bool { return len(v.answers) > 0 }); err != nil {
			return err
		}
	}
}

// gaveUp is true when a person says that somebody else removes the test copy.
func (v *vmRun) gaveUp() bool {
	return len(v.answers) > 0 && v.answers[0].Choice == plans.ChoiceSkip
}

// leftover says what is left and the command that removes it.
func (v *vmRun) leftover(d plans.Decision) string {
	command := "Stop-VMFailover for its replica"
	if v.report.Status.TestVM != "" {
		command += fmt.Sprintf(" (the test copy is Get-VM -Id %s)", v.report.Status.TestVM)
	}
	return fmt.Sprintf("a test copy may be left: %s. Do: %s, on %s", d.Why, orWords(d.Remedy, command), v.in.VM.TargetHost)
}
