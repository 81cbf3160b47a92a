package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// no is a validator's answer: nothing happened.
func no(format string, args ...any) error {
	return temporal.NewNonRetryableApplicationError(fmt.Sprintf(format, args...), "not-accepted", nil)
}

// offer is an answer that people may give, and what the Web UI says of it.
type offer struct {
	choice plans.Choice
	about  string
}

// takeAnswers registers an Update for each answer: check refuses it before it
// gets into the history, take follows it.
func takeAnswers[T any](ctx workflow.Context, offers []offer, check func(plans.Answer) (plans.Answer, error), take func(workflow.Context, plans.Answer) (T, error)) error {
	for _, o := range offers {
		err := workflow.SetUpdateHandlerWithOptions(ctx, string(o.choice),
			func(ctx workflow.Context, a plans.Answer) (T, error) {
				a.Choice = o.choice
				return take(ctx, a)
			},
			workflow.UpdateHandlerOptions{Description: o.about, Validator: func(a plans.Answer) error {
				a.Choice = o.choice
				_, err := check(a)
				return err
			}})
		if err != nil {
			return err
		}
	}
	return nil
}

// whyAndRemedy is what a question says of a decision.
func whyAndRemedy(d plans.Decision) string {
	if d.Remedy == "" {
		return d.Why
	}
	return d.Why + ". Do: " + d.Remedy
}

// signed says how an answer came where it does not say so itself. In the Web UI
// nobody has signed in: a name typed there is no proof.
func signed(a plans.Answer) plans.Answer {
	if strings.TrimSpace(a.By) == "" {
		a.By, a.Via = "Web UI, not authenticated", ""
	}
	a.Via = orWords(a.Via, "web-ui")
	return a
}

// check says whether an answer fits, and completes it: the only question that
// waits may be left unnamed.
func (p *planRun) check(a plans.Answer) (plans.Answer, error) {
	a = signed(a)
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
	case plans.ChoiceEnd:
		return a, p.checkEnd()
	case plans.ChoiceReorder:
		_, err := p.reordered(a)
		return a, err
	case plans.ChoiceWaive:
		return p.checkWaive(a)
	default:
		return p.checkQuestion(a)
	}
}

func (p *planRun) checkEnd() error {
	switch {
	case p.in.Operation != plans.TestFailover:
		return no("end is for a test failover: this is a %s; stop ends it", p.in.Operation)
	case p.stopping, p.drill.ending:
		return no("the drill is ending already")
	}
	return nil
}

// vm is the VM that an answer names, by its label or its GUID.
func (p *planRun) vm(name string) (plans.VMStatus, bool) {
	i := slices.IndexFunc(p.status.VMs, func(vm plans.VMStatus) bool { return vm.Label == name || strings.EqualFold(vm.ID, name) })
	if i < 0 {
		return plans.VMStatus{}, false
	}
	return p.status.VMs[i], true
}

func (p *planRun) checkWaive(a plans.Answer) (plans.Answer, error) {
	phases := plans.Phases(p.in.Operation, p.in.Reverse)
	vm, ok := p.vm(a.VM)
	gates := slices.Index(phases, plans.PhaseGates)
	switch {
	case !ok:
		return a, no("name a VM of this run: %q is none", a.VM)
	case gates < 0:
		return a, no("a %s asks no gates", p.in.Operation)
	case strings.TrimSpace(a.Reason) == "":
		return a, no("waive needs a reason: it goes into the report")
	case slices.Index(phases, vm.Phase) > gates, gatesBehind(vm), vm.Verdict != plans.VerdictRunning && vm.Verdict != plans.VerdictHeld:
		return a, no("the gates of %s are behind it: it is %s in phase %s", vm.Label, vm.Verdict, vm.Phase)
	}
	a.Step, a.VM = 0, vm.ID
	return a, nil
}

// gatesBehind is true for a VM whose gates have been asked to the end.
func gatesBehind(vm plans.VMStatus) bool {
	return slices.ContainsFunc(vm.Times, func(t plans.PhaseTime) bool { return t.Phase == plans.PhaseGates && !t.Ended.IsZero() })
}

// checkAhead is for leaving out a VM that nobody asks about: one that has not
// started.
func (p *planRun) checkAhead(a plans.Answer) (plans.Answer, error) {
	phases := plans.Phases(p.in.Operation, p.in.Reverse)
	vm, ok := p.vm(a.VM)
	switch {
	case !ok:
		return a, no("%s does not fit: %s", a.Choice, p.openQuestions())
	case vm.Verdict != plans.VerdictRunning:
		return a, no("%s is %s: there is nothing to leave out", vm.Label, vm.Verdict)
	case slices.Index(phases, vm.Phase) >= slices.Index(phases, p.shape.up):
		return a, no("%s has started (phase %s): it cannot be left out any more", vm.Label, vm.Phase)
	}
	a.VM = vm.ID
	return a, needsReason(a)
}

func needsReason(a plans.Answer) error {
	if a.Choice == plans.ChoiceSkip && strings.TrimSpace(a.Reason) == "" {
		return no("skip needs a reason: it goes into the report")
	}
	return nil
}

// checkQuorum keeps a step that takes several people from being approved by one
// person twice, or by somebody who has not said who it is.
func checkQuorum(q plans.Question, a plans.Answer) error {
	if a.Choice != plans.ChoiceApprove || q.Quorum < 2 {
		return nil
	}
	if a.Via == "web-ui" {
		return no("step %d takes %d different people who have said who they are, and nobody has signed in to the Web UI: approve it with the command line", q.Step, q.Quorum)
	}
	for _, name := range q.Approved {
		if strings.EqualFold(strings.TrimSpace(name), strings.TrimSpace(a.By)) {
			return no("%s has approved step %d already: it takes %d different people", name, q.Step, q.Quorum)
		}
	}
	return nil
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
		if a.Choice == plans.ChoiceSkip && a.Step == 0 && a.VM != "" {
			return p.checkAhead(a)
		}
		return a, no("%s does not fit: %s", a.Choice, p.openQuestions())
	case 1:
		a.Step, a.VM = fit[0].Step, fit[0].VMID
		if err := checkQuorum(fit[0], a); err != nil {
			return a, err
		}
	default:
		return a, no("%d questions fit: name the step or the VM: %s", len(fit), p.openQuestions())
	}
	return a, needsReason(a)
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
		p.tellPause(ctx)
		p.show(ctx)
		return "On hold: what is under way ends, nothing more is started until resume."
	case plans.ChoiceResume:
		p.paused = false
		p.tellPause(ctx)
		p.show(ctx)
		return "Going on."
	case plans.ChoiceStop:
		p.stop(ctx, "stopped by "+a.By)
		return "Stopping: what is under way ends, then the run ends. Way back: " + p.wayBack()
	case plans.ChoiceEnd:
		return p.end(ctx, a)
	case plans.ChoiceReorder:
		return p.reorder(a)
	}
	if a.Step != 0 {
		return p.acceptStep(ctx, a)
	}
	return p.acceptVM(ctx, a)
}

func (p *planRun) acceptStep(ctx workflow.Context, a plans.Answer) string {
	if q := p.questionOf(a.Step); q != nil && a.Choice == plans.ChoiceApprove && a.Via != "lab-operator" {
		q.Approved = append(q.Approved, a.By)
		if missing := q.Quorum - len(q.Approved); missing > 0 {
			text := fmt.Sprintf("Step %d: approved by %s; %d more must approve.", a.Step, strings.Join(q.Approved, ", "), missing)
			p.show(ctx)
			return text
		}
		a.By = strings.Join(q.Approved, ", ")
	}
	p.replies[a.Step] = a
	p.takeBack(a.Step, "")
	if c, judged := p.criterion(a.Step); judged {
		return fmt.Sprintf("Noted of %q: %s. The report says so.", c.Text, a.Choice)
	}
	switch a.Choice {
	case plans.ChoiceDecline:
		return fmt.Sprintf("Step %d: declined. The run ends; what is under way is finished first. %s", a.Step, p.wayBack())
	case plans.ChoiceSkip:
		return fmt.Sprintf("Step %d: left out. The run goes on.", a.Step)
	default:
		return fmt.Sprintf("Step %d: approved. The run goes on.", a.Step)
	}
}

func (p *planRun) acceptVM(ctx workflow.Context, a plans.Answer) string {
	if slices.ContainsFunc(p.in.MakeRoom, func(vm plans.ResidentVM) bool { return vm.ID == a.VM }) {
		return p.acceptRoom(a)
	}
	held := slices.ContainsFunc(p.status.Waiting, func(q plans.Question) bool { return q.VMID == a.VM })
	if a.Choice != plans.ChoiceWaive {
		p.takeBack(0, a.VM)
	}
	vm := p.status.VMs[p.vmIndex[a.VM]]
	i := vm.Step - 1
	if len(p.parts[i]) == 0 {
		p.early = append(p.early, a) // its stage has not begun: it hears of it first
	}
	for _, part := range p.parts[i] {
		p.tell(ctx, part, answerSignal, a)
	}
	return vm.Label + ": " + p.happensNow(a, held, vm)
}

// happensNow says what an answer about a VM brings about.
func (p *planRun) happensNow(a plans.Answer, held bool, vm plans.VMStatus) string {
	switch a.Choice {
	case plans.ChoiceRetry:
		return "it is looked at again, and goes on from where it is."
	case plans.ChoiceTurnOff:
		return "its power is cut; unsaved work in it is lost, its disk is kept."
	case plans.ChoiceDisconnect:
		return "the copy that runs is taken off the network."
	case plans.ChoiceAccept:
		return "the failover that was found is taken as it is, and the VM goes on."
	case plans.ChoiceResolved:
		return "it is looked at; it goes on if it is as wanted, else it stays held."
	case plans.ChoiceBringBack:
		return "it is taken back to " + p.in.From + "."
	case plans.ChoiceWaive:
		return "it goes on without the gates that have not passed."
	case plans.ChoiceSkip:
		switch {
		case !held:
			return "left out, unless its start is under way already; what comes after it is asked about."
		case vm.Phase == plans.PhaseGates:
			return "it goes on without this gate."
		}
		return "left out; what comes after it is asked about."
	default:
		return string(a.Choice) + "."
	}
}
