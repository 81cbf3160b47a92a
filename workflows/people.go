package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/temporal"
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
			activities.NotifyIn{Run: p.in.RunID, Text: step.Notice.Text, To: step.Notice.To}).Get(ctx, nil)
		st.Verdict, st.Ended = plans.VerdictDone, workflow.Now(ctx).UTC()
		return err
	}
	p.ask(ctx, step)
	if p.in.Auto {
		p.operate(ctx, step)
	}
	if err := workflow.Await(ctx, func() bool { _, ok := p.replies[step.Number]; return ok || p.stopping }); err != nil {
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

func (p *planRun) ask(ctx workflow.Context, step plans.RunStep) {
	choices := []plans.Choice{plans.ChoiceApprove, plans.ChoiceDecline, plans.ChoiceSkip}
	p.status.Waiting = append(p.status.Waiting, plans.Question{
		Step: step.Number, Text: step.Manual.Text, Owner: step.Manual.Owner, Since: workflow.Now(ctx).UTC(),
		Choices: choices, SafeToWait: p.safeToWait(),
	})
	p.status.StepList[step.Number-1].Verdict = plans.VerdictWaiting
	p.status.Summary = fmt.Sprintf("waiting for a person: %s", step.Name)
	p.show(ctx)
}

func (p *planRun) safeToWait() string {
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
	for _, u := range []struct {
		choice plans.Choice
		about  string
	}{
		{plans.ChoiceApprove, "A manual step is done, or yes. Give by."},
		{plans.ChoiceDecline, "No: the run stops. Give by and reason."},
		{plans.ChoiceSkip, "Leave a manual step, a gate or a held VM out. Give by and reason."},
		{plans.ChoiceRetry, "Look at a held VM again and go on. Give vm and by."},
		{plans.ChoiceTurnOff, "Cut the power of a guest that will not shut down. Give vm and by."},
		{plans.ChoiceBringBack, "Take one held VM back to where it was. Give vm and by."},
		{plans.ChoiceHold, "Start nothing more until resume. Give by."},
		{plans.ChoiceResume, "Go on after hold. Give by."},
		{plans.ChoiceStop, "Finish what is under way, then end the run. Give by."},
	} {
		err := workflow.SetUpdateHandlerWithOptions(ctx, string(u.choice),
			func(ctx workflow.Context, a plans.Answer) (plans.AnswerResult, error) {
				a.Choice = u.choice
				return p.answer(ctx, a)
			},
			workflow.UpdateHandlerOptions{Description: u.about, Validator: func(a plans.Answer) error {
				a.Choice = u.choice
				_, err := p.check(a)
				return err
			}})
		if err != nil {
			return err
		}
	}
	workflow.Go(ctx, func(ctx workflow.Context) {
		reports := workflow.GetSignalChannel(ctx, stageReportSignal)
		for {
			var r stageReport
			reports.Receive(ctx, &r)
			p.heard(ctx, r)
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
		p.status.VMs[i] = report.Status
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

// no is a validator's answer: nothing happened.
func no(format string, args ...any) error {
	return temporal.NewNonRetryableApplicationError(fmt.Sprintf(format, args...), "not-accepted", nil)
}

// check says whether an answer fits, and completes it: the only question that
// waits may be left unnamed.
func (p *planRun) check(a plans.Answer) (plans.Answer, error) {
	if a.By == "" {
		// Nobody has signed in there, and the record says so.
		a.By, a.Via = "Web UI, not authenticated", "web-ui"
	}
	if !p.status.Ended.IsZero() {
		return a, no("the run has ended: there is nothing to answer")
	}
	switch a.Choice {
	case plans.ChoiceHold:
		if p.paused {
			return a, no("the run is on hold already")
		}
		return a, nil
	case plans.ChoiceResume:
		if !p.paused {
			return a, no("the run is not on hold")
		}
		return a, nil
	case plans.ChoiceStop:
		if p.stopping {
			return a, no("the run is stopping already")
		}
		return a, nil
	default:
		return p.checkQuestion(a)
	}
}

func (p *planRun) checkQuestion(a plans.Answer) (plans.Answer, error) {
	var fit []plans.Question
	for _, q := range p.status.Waiting {
		if p.asked(q, a) && slices.Contains(q.Choices, a.Choice) {
			fit = append(fit, q)
		}
	}
	switch len(fit) {
	case 0:
		return a, no("%s does not fit: %s", a.Choice, p.openQuestions())
	case 1:
		a.Step, a.VM = fit[0].Step, fit[0].VMID
	default:
		return a, no("%d questions fit: name the step or the VM: %s", len(fit), p.openQuestions())
	}
	if a.Choice == plans.ChoiceSkip && strings.TrimSpace(a.Reason) == "" {
		return a, no("skip needs a reason: it goes into the report")
	}
	return a, nil
}

// asked is true when an answer is about a question.
func (p *planRun) asked(q plans.Question, a plans.Answer) bool {
	switch {
	case a.Step != 0:
		return q.Step == a.Step
	case a.VM != "":
		return q.VMID != "" && (q.VM == a.VM || strings.EqualFold(q.VMID, a.VM))
	}
	return true
}

func (p *planRun) openQuestions() string {
	if len(p.status.Waiting) == 0 {
		return "nothing waits for an answer"
	}
	words := make([]string, len(p.status.Waiting))
	for i, q := range p.status.Waiting {
		about := fmt.Sprintf("step %d", q.Step)
		if q.VM != "" {
			about = "VM " + q.VM
		}
		words[i] = fmt.Sprintf("%s waits for %v", about, q.Choices)
	}
	return strings.Join(words, "; ")
}

// answer is the handler of every Update: it accepts and says what happens now.
func (p *planRun) answer(ctx workflow.Context, a plans.Answer) (plans.AnswerResult, error) {
	a, err := p.check(a)
	if err != nil {
		return plans.AnswerResult{}, err
	}
	text := p.accept(ctx, a)
	return plans.AnswerResult{Text: text, Status: p.picture(ctx)}, nil
}

// accept records an answer and acts on it.
func (p *planRun) accept(ctx workflow.Context, a plans.Answer) string {
	p.answers = append(p.answers, plans.AnswerRecord{At: workflow.Now(ctx).UTC(), Answer: a})
	switch a.Choice {
	case plans.ChoiceHold:
		p.paused = true
		p.tellAll(ctx, pauseSignal, true)
		p.show(ctx)
		return "On hold: what is under way ends, nothing more is started until resume."
	case plans.ChoiceResume:
		p.paused = false
		p.tellAll(ctx, pauseSignal, false)
		p.show(ctx)
		return "Going on."
	case plans.ChoiceStop:
		p.stop(ctx, "stopped by "+a.By)
		return "Stopping: what is under way ends, then the run ends. " + p.wayBack()
	}
	if a.Step != 0 {
		p.replies[a.Step] = a
		p.takeBack(a.Step, "")
		return fmt.Sprintf("Step %d: %s.", a.Step, a.Choice)
	}
	p.takeBack(0, a.VM)
	for i := range p.in.Steps {
		if slices.ContainsFunc(p.in.Steps[i].VMs, func(vm plans.RunVM) bool { return vm.ID == a.VM }) {
			for _, part := range p.parts[i] {
				p.tell(ctx, part, answerSignal, a)
			}
		}
	}
	return fmt.Sprintf("%s: %s.", p.status.VMs[p.vmIndex[a.VM]].Label, a.Choice)
}

func (p *planRun) stop(ctx workflow.Context, why string) {
	p.stopping, p.stopWhy, p.paused = true, why, false
	p.status.Waiting = nil
	p.tellAll(ctx, stopSignal, true)
	p.show(ctx)
}
