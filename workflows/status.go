package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// picture is the status with what depends on the present time.
func (p *planRun) picture(ctx workflow.Context) plans.RunStatus {
	s := p.now()
	if !p.ended {
		s.ETA, s.Critical = plans.Progress(s, p.in, workflow.Now(ctx).UTC())
	}
	return sized(s)
}

// now is the picture without a look ahead, which costs time in a large run.
func (p *planRun) now() plans.RunStatus {
	s := p.status
	s.Verdict = p.verdictNow()
	s.GoodCopy, s.WayBack = p.goodCopy(), p.wayBack()
	if !p.ended {
		// The end is told only when the report can be read.
		s.Ended = time.Time{}
	}
	return s
}

// verdictNow is the verdict of a run on its way; an end stays.
func (p *planRun) verdictNow() plans.Verdict {
	if !p.status.Ended.IsZero() {
		return p.status.Verdict
	}
	held := false
	for _, q := range p.status.Waiting {
		if q.Step != 0 {
			return plans.VerdictWaiting
		}
		held = true
	}
	switch {
	case held:
		return plans.VerdictHeld
	case p.paused:
		return plans.VerdictPaused
	}
	return plans.VerdictRunning
}

// conclude gives the run its verdict and the words for its end.
func (p *planRun) conclude(ctx workflow.Context) {
	s := &p.status
	s.Ended = workflow.Now(ctx).UTC()
	s.Waiting = nil
	for i := range s.VMs {
		if vm := &s.VMs[i]; vm.Verdict == plans.VerdictRunning || vm.Verdict == plans.VerdictHeld {
			vm.Verdict, vm.Doing = plans.VerdictRefused, "not begun"
			if vm.Changed {
				vm.Verdict, vm.Doing = plans.VerdictUnknown, "its end was not seen: look at the VM"
			}
		}
	}
	n := countVerdicts(s.VMs)
	s.Verdict = p.endVerdict(n)
	switch s.Verdict {
	case plans.VerdictDone:
		s.Summary = fmt.Sprintf("%d of %d VMs done: %s at %s.", n.done, len(s.VMs), p.whereNow(), p.place())
		if n.skipped > 0 {
			s.Summary += fmt.Sprintf(" %d left out by a person.", n.skipped)
		}
	case plans.VerdictRefused:
		s.Summary = "Not done: " + p.stopWhy + ". Nothing was changed."
	case plans.VerdictStopped:
		s.Summary = fmt.Sprintf("Stopped (%s): %d of %d VMs done, %d not finished. Safe.", p.stopWhy, n.done, len(s.VMs), len(s.VMs)-n.done)
	default:
		s.Summary = fmt.Sprintf("%d of %d VMs done; %d need you.", n.done, len(s.VMs), n.stuck+n.unknown)
	}
	s.GoodCopy, s.WayBack = p.goodCopy(), p.wayBack()
	for i := range s.StepList {
		if s.StepList[i].Ended.IsZero() && s.Verdict == plans.VerdictRefused {
			s.StepList[i].Verdict = plans.VerdictRefused
		}
	}
}

func (p *planRun) whereNow() string {
	if p.in.Operation == plans.PlannedFailover && p.in.Reverse == plans.ReverseOnCommit {
		return "running, not replicating back until commit,"
	}
	return "running and replicating"
}

func (p *planRun) place() string {
	if p.in.Operation == plans.Cancel {
		return p.in.From
	}
	return p.in.To
}

type verdictCount struct{ done, skipped, stuck, unknown, stopped, refused, changed int }

func countVerdicts(vms []plans.VMStatus) verdictCount {
	var n verdictCount
	for i := range vms {
		if vms[i].Changed {
			n.changed++
		}
		switch vms[i].Verdict {
		case plans.VerdictDone:
			n.done++
		case plans.VerdictSkipped:
			n.skipped++
		case plans.VerdictStuck:
			n.stuck++
		case plans.VerdictStopped:
			n.stopped++
		case plans.VerdictRefused:
			n.refused++
		default:
			n.unknown++
		}
	}
	return n
}

// endVerdict is the worst that is true of the VMs.
func (p *planRun) endVerdict(n verdictCount) plans.Verdict {
	switch {
	case p.stopping && n.changed == 0:
		return plans.VerdictRefused
	case n.stuck > 0:
		return plans.VerdictStuck
	case p.stopping || n.stopped > 0:
		return plans.VerdictStopped
	case n.unknown > 0:
		return plans.VerdictUnknown
	}
	return plans.VerdictDone
}

// goodCopy says in words where the good copies are.
func (p *planRun) goodCopy() string {
	if !p.looked {
		return "not looked yet"
	}
	var target, source, unknown []string
	for i := range p.status.VMs {
		switch vm := &p.status.VMs[i]; vm.Good {
		case plans.Target:
			target = append(target, vm.Label)
		case plans.Source:
			source = append(source, vm.Label)
		default:
			unknown = append(unknown, vm.Label)
		}
	}
	if len(unknown) > 0 {
		text := fmt.Sprintf("NOT KNOWN for %s: start neither copy by hand before you have looked at both.", some(unknown))
		if len(target) > 0 {
			text += fmt.Sprintf(" At %s: %s.", p.in.To, some(target))
		}
		if len(source) > 0 {
			text += fmt.Sprintf(" At %s: %s.", p.in.From, some(source))
		}
		return text
	}
	switch {
	case len(target) == 0:
		return "all at " + p.in.From
	case len(source) == 0:
		return fmt.Sprintf("all at %s. The copies at %s are replicas: do not start them.", p.in.To, p.in.From)
	}
	return fmt.Sprintf("at %s: %s. At %s: %s.", p.in.To, some(target), p.in.From, some(source))
}

func some(names []string) string {
	if len(names) > 8 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:8], ", "), len(names)-8)
	}
	return strings.Join(names, ", ")
}

// wayBack says whether Cancel is possible and what it would lose.
func (p *planRun) wayBack() string {
	if p.in.Operation == plans.Cancel {
		return "run the plan again"
	}
	var gone, open []string
	for i := range p.status.VMs {
		vm := &p.status.VMs[i]
		switch {
		case vm.Irreversible:
			gone = append(gone, vm.Label)
		case vm.Changed:
			open = append(open, vm.Label)
		}
	}
	home := fmt.Sprintf("lifeboat failover %s --planned --to %s", p.in.Plan, p.in.From)
	switch {
	case len(gone) == 0 && len(open) == 0:
		return "nothing was changed"
	case len(gone) == 0:
		return fmt.Sprintf("lifeboat cancel %s takes back %s", p.in.Plan, some(open))
	case len(open) == 0:
		return "changes flow back already, so nothing can be cancelled. The way home: " + home
	}
	return fmt.Sprintf("lifeboat cancel %s takes back %s; for %s the way home is: %s", p.in.Plan, some(open), some(gone), home)
}

// show keeps the Web UI's picture up to date, when it has changed.
func (p *planRun) show(ctx workflow.Context) {
	s := p.now()
	waiting := "nobody"
	if len(s.Waiting) > 0 {
		waiting = "a person"
		if s.Waiting[0].Owner != "" {
			waiting = s.Waiting[0].Owner
		}
	}
	text := details(s)
	if text != p.shown {
		workflow.SetCurrentDetails(ctx, text)
	}
	mark := strings.Join([]string{s.Stage, waiting, string(s.Verdict)}, "\x00")
	if p.attrs && (p.shown == "" || mark != p.mark) {
		p.mark = mark
		err := workflow.UpsertTypedSearchAttributes(ctx, attributes(p.in, s, waiting)...)
		if err != nil {
			workflow.GetLogger(ctx).Warn("search attributes", "error", err)
		}
	}
	p.shown = text
}

func attributes(in plans.RunInput, s plans.RunStatus, waiting string) []temporal.SearchAttributeUpdate {
	return []temporal.SearchAttributeUpdate{
		planKey.ValueSet(in.Plan), operationKey.ValueSet(string(in.Operation)), fromKey.ValueSet(in.From), toKey.ValueSet(in.To),
		stageKey.ValueSet(s.Stage), waitingKey.ValueSet(waiting), verdictKey.ValueSet(string(s.Verdict)),
	}
}

// details is the run in Markdown, for the Web UI.
func details(s plans.RunStatus) string {
	var b strings.Builder
	b.WriteString(fmt.Sprintf("## %s — %s: %s → %s\n\n%s\n\n", strings.ToUpper(string(s.Verdict)), s.Operation, s.From, s.To, s.Summary))
	b.WriteString(fmt.Sprintf("Step %d of %d. Good copy: %s\n\n", s.Step, s.Steps, s.GoodCopy))
	for i, q := range s.Waiting {
		if i == shownQuestions {
			b.WriteString(fmt.Sprintf("- and %d more\n", len(s.Waiting)-i))
			break
		}
		about := fmt.Sprintf("step %d", q.Step)
		if q.VM != "" {
			about = q.VM
		}
		b.WriteString(fmt.Sprintf("- **%s** waits: %s (answer with the Update %v)\n", markdown(about), markdown(q.Text), q.Choices))
	}
	if len(s.VMs) <= smallRun {
		b.WriteString("\n| VM | state | phase | now |\n|---|---|---|---|\n")
		for i := range s.VMs {
			vm := &s.VMs[i]
			b.WriteString(fmt.Sprintf("| %s | %s | %s | %s |\n", markdown(vm.Label), vm.Verdict, vm.Phase, markdown(vm.Doing)))
		}
	}
	return b.String()
}

// shownQuestions bounds the page: after a mishap on a host hundreds may wait.
const shownQuestions = 20

// markdown keeps a name from being read as markup.
func markdown(text string) string {
	return strings.NewReplacer("|", "\\|", "<", "&lt;", "\n", " ", "\r", " ", "[", "\\[", "`", "'").Replace(text)
}
