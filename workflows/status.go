package workflows

import (
	"fmt"
	"slices"
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
		now := workflow.Now(ctx).UTC()
		s.ETA, s.Critical = plans.Progress(s, p.in, now)
		s.Slow = plans.SlowPhases(s, p.in, now)
	}
	return sized(s)
}

// now is the picture without a look ahead, which costs time in a large run.
func (p *planRun) now() plans.RunStatus {
	s := p.status
	s.Verdict = p.verdictNow()
	s.GoodCopy, s.WayBack, s.Findings = p.goodCopy(), p.wayBack(), p.findings()
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
		if q.VMID == "" {
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
	if p.in.Canary != "" {
		p.stopWhy = orWords(p.stopWhy, s.VMs[0].Doing)
	}
	n := countVerdicts(s.VMs)
	s.Verdict, s.Findings = p.endVerdict(n), p.findings()
	switch s.Verdict {
	case plans.VerdictDone:
		s.Summary = fmt.Sprintf("%d of %d VMs done: %s.", n.done, len(s.VMs), p.whereNow())
		if n.skipped > 0 {
			s.Summary += fmt.Sprintf(" %d left out by a person.", n.skipped)
		}
	case plans.VerdictRefused:
		s.Summary = "Not done: " + orWords(p.stopWhy, "every VM was refused") + ". Nothing was changed."
	case plans.VerdictStopped:
		if p.in.Operation == plans.TestFailover {
			s.Summary = fmt.Sprintf("Not passed (%s): %d of %d VMs tested. Production was not touched, and no test copy is left.", orWords(p.stopWhy, "not every gate passed"), n.done, len(s.VMs))
			break
		}
		s.Summary = fmt.Sprintf("Stopped (%s): %d of %d VMs done, %d not finished. Safe.", orWords(p.stopWhy, "not every VM went through"), n.done, len(s.VMs), len(s.VMs)-n.done)
	default:
		s.Summary = fmt.Sprintf("%d of %d VMs done; %d need you%s.", n.done, len(s.VMs), n.stuck+n.unknown, because(p.stopWhy))
	}
	s.GoodCopy, s.WayBack = p.goodCopy(), p.wayBack()
	for i := range s.StepList {
		if s.StepList[i].Ended.IsZero() && s.Verdict == plans.VerdictRefused {
			s.StepList[i].Verdict = plans.VerdictRefused
		}
	}
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}

func orWords(words, instead string) string {
	if words == "" {
		return instead
	}
	return words
}

// findings are those of the look before the run and what VMs found out since.
func (p *planRun) findings() []plans.Finding {
	all := slices.Clone(p.looksFound)
	for i := range p.status.VMs {
		all = append(all, p.found[i]...)
	}
	if p.drill.gaveWay {
		all = append(all, plans.Finding{Severity: plans.Info, Code: plans.CodeGaveWay, Text: p.stopWhy})
	}
	return all
}

func (p *planRun) whereNow() string {
	if p.in.Operation == plans.PlannedFailover && p.in.Reverse == plans.ReverseOnCommit {
		return fmt.Sprintf("running, not replicating back until commit, at %s", p.in.To)
	}
	if p.in.Operation == plans.Protect && p.in.Seed.Export != "" {
		return fmt.Sprintf("NOT PROTECTED YET, where first copies were written to %s: carry them to %s, then lifeboat protect with --seed media --import FOLDER", p.in.Seed.Export, p.in.To)
	}
	if bare := p.unprotected(); len(bare) > 0 {
		return fmt.Sprintf("running at %s; NOT replicating: %s", p.place(), p.some(bare))
	}
	return fmt.Sprintf(p.shape.doneWords, p.place())
}

// unprotected are the VMs that are done and not replicated.
func (p *planRun) unprotected() []string {
	var labels []string
	for _, f := range p.status.Findings {
		if f.Code == plans.CodeUnprotected {
			labels = append(labels, f.VM)
		}
	}
	return labels
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
	case p.stopping && n.changed == 0 && n.unknown == 0:
		return plans.VerdictRefused
	case n.stuck > 0:
		return plans.VerdictStuck
	case n.unknown > 0: // what nobody saw the end of is neither safe nor unchanged
		return plans.VerdictUnknown
	case n.refused > 0 && n.changed == 0 && n.done == 0:
		return plans.VerdictRefused
	case p.stopping || n.stopped > 0 || n.refused > 0:
		return plans.VerdictStopped
	}
	return plans.VerdictDone
}

// goodCopy says in words where the good copies are.
func (p *planRun) goodCopy() string {
	switch {
	case !p.looked:
		return "not looked yet"
	case p.in.Operation == plans.TestFailover:
		return fmt.Sprintf("where it was, at %s: a drill touches neither production nor replication", p.in.From)
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
		text := fmt.Sprintf("NOT KNOWN for %s: start neither copy by hand before you have looked at both.", p.some(unknown))
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
		return fmt.Sprintf("all at %s. %s", p.in.To, p.others())
	}
	return fmt.Sprintf("at %s: %s. At %s: %s.", p.in.To, some(target), p.in.From, some(source))
}

// others says what the copies at the other site are: after an unplanned failover
// they are no replicas until re-protected.
func (p *planRun) others() string {
	switch {
	case p.in.Replace != "":
		return fmt.Sprintf("First copies go to %s.", p.in.From)
	case p.elsewhere():
		return fmt.Sprintf("The copies at %s are OLD and left out: do not start them.", p.in.From)
	case p.in.Operation == plans.UnplannedFailover, p.in.Operation == plans.Commit, p.in.Operation == plans.Reprotect && p.status.Verdict != plans.VerdictDone:
		return fmt.Sprintf("The copies at %s are OLD: do not start them.", p.in.From)
	}
	return fmt.Sprintf("The copies at %s are replicas: do not start them.", p.in.From)
}

// elsewhere is true once VMs replicate to a third site that was kept.
func (p *planRun) elsewhere() bool {
	return slices.ContainsFunc(p.status.VMs, func(vm plans.VMStatus) bool { return vm.Elsewhere })
}

// some names VMs; all of a run are told in a word.
func (p *planRun) some(names []string) string {
	if n := len(p.status.VMs); n > 2 && len(names) == n {
		return fmt.Sprintf("all %d VMs", n)
	}
	return some(names)
}

func some(names []string) string {
	if len(names) > 8 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:8], ", "), len(names)-8)
	}
	return strings.Join(names, ", ")
}

// wayBack says whether Cancel is possible and what it would lose.
func (p *planRun) wayBack() string {
	if !p.status.Ended.IsZero() && p.status.Verdict == plans.VerdictRefused {
		return "nothing was changed, so there is nothing to take back"
	}
	return p.shape.wayBack(p)
}

// takesBack is the way back of an operation that cancel takes back until it is
// final, VM by VM; final says that it is, home is the way home from there.
func (p *planRun) takesBack(cancel, final, home string) string {
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
	switch {
	case len(gone) == 0 && len(open) == 0:
		return "nothing was changed"
	case len(gone) == 0:
		return fmt.Sprintf("%s takes back %s", cancel, p.some(open))
	case len(open) == 0 && p.elsewhere():
		return "changes flow to the third site, so nothing can be cancelled. The copies at " + p.in.From + " stay behind"
	case len(open) == 0:
		return final + ", so nothing can be cancelled. The way home: " + home
	}
	return fmt.Sprintf("%s takes back %s; for %s the way home is: %s", cancel, some(open), some(gone), home)
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
