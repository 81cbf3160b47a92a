package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// labOperator is who answers manual steps with --auto.
const labOperator = "lab operator (simulated)"

// person does a step that is for people: a notice, or a question that waits
// for its answer.
func (p *planRun) person(ctx workflow.Context, i int) error {
	step, st := p.in.Steps[i], &p.status.StepList[i]
	st.Started, st.Verdict = workflow.Now(ctx).UTC(), plans.VerdictRunning
	p.status.Step, p.status.Stage = step.Number, step.Name
	if step.Notice != nil {
		err := workflow.ExecuteActivity(ownWork(ctx, "notice"), activities.NotifyName,
			activities.NotifyIn{Run: p.in.RunID, Plan: p.in.Plan, Text: step.Notice.Text, To: step.Notice.To}).Get(ctx, nil)
		st.Verdict, st.Ended = plans.VerdictDone, workflow.Now(ctx).UTC()
		return err
	}
	p.ask(ctx, step)
	if p.in.Auto {
		p.operate(ctx, step)
	}
	if err := p.awaitReply(ctx, step); err != nil {
		return err
	}
	reply, answered := p.replies[step.Number]
	if !answered {
		return nil
	}
	st.Ended, st.By, st.Note = workflow.Now(ctx).UTC(), reply.By, reply.Reason
	st.Verdict = map[plans.Choice]plans.Verdict{
		plans.ChoiceApprove: plans.VerdictDone, plans.ChoiceSkip: plans.VerdictSkipped, plans.ChoiceDecline: plans.VerdictStopped,
	}[reply.Choice]
	if reply.Choice == plans.ChoiceDecline {
		p.stop(ctx, fmt.Sprintf("%s declined step %d (%s)", reply.By, step.Number, step.Name))
	}
	p.show(ctx)
	return nil
}

// awaitReply waits for the answer to a step, or stop.
func (p *planRun) awaitReply(ctx workflow.Context, step plans.RunStep) error {
	answered := func() bool { _, ok := p.replies[step.Number]; return ok || p.stopping }
	if p.in.Drill.Unattended() {
		return p.awaitNobody(ctx, step, answered)
	}
	return workflow.Await(ctx, answered)
}

func (p *planRun) ask(ctx workflow.Context, step plans.RunStep) {
	m, now := step.Manual, workflow.Now(ctx).UTC()
	q := plans.Question{
		Step: step.Number, Text: m.Text, Owner: m.Owner, Since: now,
		Choices: []plans.Choice{plans.ChoiceApprove, plans.ChoiceDecline}, SafeToWait: p.safeToWait(),
	}
	if m.Quorum > 1 {
		q.Quorum = m.Quorum
	} else {
		// What takes several people one alone must not leave out.
		q.Choices = append(q.Choices, plans.ChoiceSkip)
	}
	if within := m.Within.D(); within > 0 {
		within = scaled(within, p.in.Speed)
		q.Due = now.Add(within)
		p.escalate(ctx, step, within)
	}
	p.status.Waiting = append(p.status.Waiting, q)
	p.status.StepList[step.Number-1].Verdict = plans.VerdictWaiting
	p.status.Summary = fmt.Sprintf("waiting for a person: %s", step.Name)
	p.show(ctx)
}

// escalate tells others when an answer is late. The question stays open.
func (p *planRun) escalate(ctx workflow.Context, step plans.RunStep, within time.Duration) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		answered := func() bool { _, ok := p.replies[step.Number]; return ok || p.stopping }
		if done, err := workflow.AwaitWithTimeout(ctx, within, answered); done || err != nil {
			return
		}
		m, to := step.Manual, step.Manual.Escalate
		if len(to) == 0 {
			to = []string{orWords(m.Owner, p.in.StartedBy)}
		}
		if q := p.questionOf(step.Number); q != nil {
			q.Escalated = to
			p.show(ctx)
		}
		text := fmt.Sprintf("LATE  plan %s, step %d (%s): no answer in %s. It waits for %s: %s", p.in.Plan, step.Number, step.Name, m.Within, orWords(m.Owner, "anybody"), m.Text)
		err := workflow.ExecuteActivity(ownWork(ctx, "escalate"), activities.NotifyName, activities.NotifyIn{Run: p.in.RunID, Plan: p.in.Plan, Text: text, To: to}).Get(ctx, nil)
		if err != nil {
			workflow.GetLogger(ctx).Error("nobody could be told that an answer is late", "step", step.Number, "error", err)
		}
	})
}

func (p *planRun) questionOf(step int) *plans.Question {
	for i := range p.status.Waiting {
		if p.status.Waiting[i].Step == step {
			return &p.status.Waiting[i]
		}
	}
	return nil
}

func (p *planRun) safeToWait() string {
	if p.in.Operation == plans.TestFailover {
		return "Waiting costs nothing: production goes on, and the test copies are removed in the end."
	}
	for i := range p.status.VMs {
		if p.status.VMs[i].Changed {
			return "Waiting costs time, no data: VMs that are off stay off meanwhile."
		}
	}
	return "Waiting costs nothing: nothing was changed yet."
}

// operate answers as the stated lab operator, after a person's reaction time.
func (p *planRun) operate(ctx workflow.Context, step plans.RunStep) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		takes := min(operatorWait, max(step.Manual.Takes.D(), operatorWait/10))
		if workflow.Sleep(ctx, scaled(takes, p.in.Speed)) != nil {
			return
		}
		if _, ok := p.replies[step.Number]; !ok && !p.stopping {
			// It stands for everybody who has to agree, and says what it is.
			p.accept(ctx, plans.Answer{Choice: plans.ChoiceApprove, Step: step.Number, By: labOperator, Via: "lab-operator"})
		}
	})
}

// takeBack removes a question that was answered or has answered itself.
func (p *planRun) takeBack(step int, vmID string) {
	p.status.Waiting = slices.DeleteFunc(p.status.Waiting, func(q plans.Question) bool {
		return q.Step == step && q.VMID == vmID
	})
}

// listen registers the query, the Updates and the stages' reports.
func (p *planRun) listen(ctx workflow.Context) error {
	err := workflow.SetQueryHandlerWithOptions(ctx, StatusQuery, func() (plans.RunStatus, error) { return p.picture(ctx), nil },
		workflow.QueryHandlerOptions{Description: "The run as it stands."})
	if err != nil {
		return err
	}
	err = takeAnswers(ctx, []offer{
		{plans.ChoiceApprove, "A manual step is done, or yes. Give by."},
		{plans.ChoiceDecline, "No: the run stops. Give by and reason."},
		{plans.ChoiceSkip, "Leave a manual step, a gate, a held VM or one that has not started out. Give step or vm, by and reason."},
		{plans.ChoiceRetry, "Look at a held VM again and go on. Give vm and by."},
		{plans.ChoiceTurnOff, "Cut the power of a guest that will not shut down, or of a source that still runs. Give vm and by."},
		{plans.ChoiceDisconnect, "Take a source that still runs off the network. Give vm and by."},
		{plans.ChoiceAccept, "Go on with a failover that somebody else made. Give vm and by."},
		{plans.ChoiceResolved, "A held VM was mended by hand: it is looked at, and goes on if it is as wanted. Give vm and by."},
		{plans.ChoiceBringBack, "Take one held VM back to where it was. Give vm and by."},
		{plans.ChoiceWaive, "Go on without the gates of a VM that have not passed. Give vm, by and reason."},
		{plans.ChoiceReorder, "Another order of the stages that have not started. Give stages (each once) and by."},
		{plans.ChoiceEnd, "Test failover: remove the test copies now. Give by."},
		{plans.ChoiceHold, "Start nothing more until resume. Give by."},
		{plans.ChoiceResume, "Go on after hold. Give by."},
		{plans.ChoiceStop, "Finish what is under way, then end the run. Give by."},
	}, p.check, p.answer)
	if err != nil {
		return err
	}
	workflow.Go(ctx, func(ctx workflow.Context) {
		reports := workflow.GetSignalChannel(ctx, stageReportSignal)
		for {
			var r stageReport
			reports.Receive(ctx, &r)
			p.heard(ctx, r)
		}
	})
	workflow.Go(ctx, func(ctx workflow.Context) {
		var who string
		workflow.GetSignalChannel(ctx, GiveWaySignal).Receive(ctx, &who)
		if p.in.Operation == plans.TestFailover && p.status.Ended.IsZero() {
			p.drill.gaveWay = true
			p.stop(ctx, "gave way to "+who)
		}
	})
	return nil
}

// heard takes a stage's report into the picture.
func (p *planRun) heard(ctx workflow.Context, r stageReport) {
	for _, report := range r.Reports {
		i, ok := p.vmIndex[report.Status.ID]
		if !ok {
			continue
		}
		p.status.VMs[i], p.found[i] = report.Status, report.Found
		p.watchDrill(ctx, report.Status)
		p.takeBack(0, report.Status.ID)
		if report.Question != nil {
			p.status.Waiting = append(p.status.Waiting, *report.Question)
		}
	}
	for i := range p.in.Steps {
		if p.in.Steps[i].Number != r.Step || r.Part >= len(p.parts[i]) {
			continue
		}
		part := p.parts[i][r.Part]
		if !part.ended {
			part.off, part.up, part.held = r.Off, r.Up, r.Held
		}
	}
	p.show(ctx)
}

func (p *planRun) stop(ctx workflow.Context, why string) {
	p.stopping, p.stopWhy, p.paused = true, why, false
	p.status.Waiting = nil
	p.tellAll(ctx, stopSignal, true)
	p.show(ctx)
}
