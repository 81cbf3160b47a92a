package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// showReport prints what a run left: the page a manager reads. In a lab all
// durations are those of the simulated hosts; what passed here stands behind.
func showReport(t terminal, r plans.Report) {
	s := r.Status
	t.say("%s", headline(s))
	t.say("  Run %s", plain(s.RunID))
	t.wrapped("  ", 2, s.Summary)
	if line := timeLine(r); line != "" {
		t.say("  %s", line)
	}
	t.say("")
	if len(s.VMs) > 0 && s.Verdict != plans.VerdictRefused {
		showResults(t, r)
	}
	showJudgements(t, r.Judgements)
	showTrouble(t, s)
	showLeftOut(t, "  left out  ", 12, s.LeftOut)
	showFindings(t, reportFindings(s))
	for _, a := range r.Answers {
		t.wrapped("  ", 4, fmt.Sprintf("%s  %s by %s %s", a.At.Local().Format(clock), answered(s, a.Answer), plain(a.Answer.By), plain(a.Answer.Reason)))
	}
	t.say("")
	t.wrapped("  Good copy  ", 13, s.GoodCopy)
	t.wrapped("  Way back   ", 13, s.WayBack)
	showNext(t, s)
}

// showJudgements says how the criteria of a drill came out.
func showJudgements(t terminal, all []plans.Judgement) {
	for _, j := range all {
		head := "  " + string(j.Result)
		if j.Result == plans.CriterionNotMet {
			head = "  NOT MET"
		}
		text := fmt.Sprintf("%s: %s", plain(j.Criterion.Text), plain(j.Why))
		if j.By != "" {
			text += " (" + plain(j.By) + ")"
		}
		t.wrapped(head, 14, text)
	}
}

// reportFindings are those that matter once a run has ended: what stood against
// one that was refused, and what else is not as it should be.
func reportFindings(s plans.RunStatus) []plans.Finding {
	return slices.DeleteFunc(slices.Clone(s.Findings), func(f plans.Finding) bool {
		switch f.Code {
		case "mended-by-hand":
			return false
		case "host-unreachable": // what is still to do says it
			return s.Verdict != plans.VerdictRefused
		}
		return f.Severity == plans.Info
	})
}

// showTrouble says of each VM that is not done why, and what is left to do.
func showTrouble(t terminal, s plans.RunStatus) {
	bad := slices.DeleteFunc(slices.Clone(s.VMs), func(vm plans.VMStatus) bool {
		return vm.Verdict == plans.VerdictDone || s.Verdict == plans.VerdictRefused
	})
	for _, group := range alike(bad, func(vm plans.VMStatus) string { return string(vm.Verdict) + vm.Doing + vm.Remedy }) {
		labels := make([]string, len(group))
		for i, vm := range group {
			labels[i] = vm.Label
		}
		vm := group[0]
		t.wrapped("  ", 4, fmt.Sprintf("%s  %s: %s", strings.ToUpper(string(vm.Verdict)), several(labels), plain(vm.Doing)))
		if vm.Remedy != "" {
			t.wrapped("    Do    ", 10, plain(vm.Remedy))
		}
	}
}

// column is one fact about each VM of a report.
type column struct {
	head  string
	width int
	of    func(plans.VMStatus) string
}

func showResults(t terminal, r plans.Report) {
	columns := resultColumns(r)
	head := fmt.Sprintf("  %-16s %-9s", "VM", "RESULT")
	for _, c := range columns {
		head += fmt.Sprintf(" %-*s", c.width, c.head)
	}
	t.say("%s %s", head, "ACTS")
	for _, vm := range r.Status.VMs {
		line := fmt.Sprintf("  %-16s %-9s", cut(plain(vm.Label), 16), vm.Verdict)
		for _, c := range columns {
			line += fmt.Sprintf(" %-*s", c.width, c.of(vm))
		}
		t.say("%s %d", line, len(vm.Acts))
	}
}

// resultColumns are the facts that an operation is judged by.
func resultColumns(r plans.Report) []column {
	speed := reportSpeed(r)
	took := func(from, to plans.Phase) func(plans.VMStatus) string {
		return func(vm plans.VMStatus) string { return phasesTook(vm, from, to, speed) }
	}
	gates := column{"GATES", 13, took(plans.PhaseGates, plans.PhaseGates)}
	wanted := map[string]plans.RunVM{}
	for _, vm := range r.Input.VMs() {
		wanted[vm.ID] = vm
	}
	switch r.Status.Operation {
	case plans.UnplannedFailover:
		return []column{
			{"DATA OF (UTC)", 15, func(vm plans.VMStatus) string { return dayTime(vm.Point.Time) }},
			{"OLD BY THEN", 13, func(vm plans.VMStatus) string {
				if vm.Point.Time.IsZero() {
					return "-"
				}
				return span(wanted[vm.ID].Behind.D())
			}}, gates,
		}
	case plans.TestFailover:
		return []column{
			{"COPY OF (UTC)", 15, func(vm plans.VMStatus) string { return dayTime(vm.Point.Time) }},
			{"UP IN", 13, took(plans.PhaseStart, plans.PhaseGates)},
			{"EXPECTED", 13, func(vm plans.VMStatus) string { return span(plans.ExpectedUp(wanted[vm.ID])) }},
		}
	case plans.Commit:
		return []column{gates}
	case plans.Reprotect:
		return []column{{"TOOK", 13, took(plans.PhaseReverse, plans.PhaseSync)}}
	case plans.Protect:
		return []column{{"TOOK", 13, took(plans.PhaseEnable, plans.PhaseExtend)}}
	case plans.Unprotect:
		return []column{{"TOOK", 13, took(plans.PhaseShorten, plans.PhaseRemove)}}
	case plans.Cancel:
		return []column{{"TOOK", 13, took(plans.PhaseReady, plans.PhaseStart)}}
	case plans.PlannedFailover, plans.Fence:
	}
	return []column{{"DOWN FOR", 13, func(vm plans.VMStatus) string {
		if d, ok := r.Downtime[vm.Label]; ok {
			return span(times(d.D(), speed))
		}
		return "-"
	}}, gates}
}

func dayTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2 Jan 15:04:05")
}

// phasesTook is the time from the beginning of one phase of a VM to the end of
// another.
func phasesTook(vm plans.VMStatus, from, to plans.Phase, speed float64) string {
	var began, ended time.Time
	for _, p := range vm.Times {
		if p.Phase == from {
			began = p.Started
		}
		if p.Phase == to {
			ended = p.Ended
		}
	}
	if began.IsZero() || ended.IsZero() {
		return "-"
	}
	return span(times(ended.Sub(began), speed))
}

// showNext says what is still to do, each command on a line of its own so that
// it can be copied.
func showNext(t terminal, s plans.RunStatus) {
	head, steps := nextSteps(s)
	if len(steps) == 0 {
		return
	}
	t.say("")
	t.say("  %s", head)
	for i, step := range steps {
		t.wrapped(fmt.Sprintf("  %d  ", i+1), 5, step.text)
		t.say("     %s", step.command)
	}
}

type nextStep struct{ text, command string }

func nextSteps(s plans.RunStatus) (head string, steps []nextStep) {
	plan := shellWord(s.Plan)
	back := nextStep{fmt.Sprintf("Once %s is back: replicate to it again.", s.From), "lifeboat reprotect " + plan}
	home := nextStep{"The way home, when it suits the business:", "lifeboat failback " + plan}
	switch {
	case !slices.ContainsFunc(s.VMs, func(vm plans.VMStatus) bool { return vm.Verdict == plans.VerdictDone }):
	case slices.ContainsFunc(s.VMs, func(vm plans.VMStatus) bool { return vm.Elsewhere }):
		return "Way home, when it is wanted:", []nextStep{
			{fmt.Sprintf("The copies at %s are OLD. For each VM Remove-VMReplication at %s (it is NOT protected from then on) and at %s, then:", s.From, s.To, s.From), "lifeboat reprotect " + plan},
			home,
		}
	case s.Operation == plans.UnplannedFailover:
		return "NOT PROTECTED now. Next:", []nextStep{
			{fmt.Sprintf("Fence %s before its power returns: it is watched, and fenced as it answers. Put a note on the rack: DO NOT START SERVERS.", s.From), "lifeboat fence " + plan},
			{"Recovery points are kept until you commit. When the business has checked:", "lifeboat commit " + plan},
			back, home,
		}
	case s.Operation == plans.Commit:
		return "NOT PROTECTED until this is done. Next:", []nextStep{back, home}
	case s.Operation == plans.Reprotect && s.Verdict == plans.VerdictDone && !replaces(s):
		return "Next:", []nextStep{home}
	}
	return "", nil
}

// answered says what an answer was about.
func answered(s plans.RunStatus, a plans.Answer) string {
	for _, vm := range s.VMs {
		if a.VM != "" && (a.VM == vm.ID || a.VM == vm.Label) {
			return fmt.Sprintf("%s %s", a.Choice, plain(vm.Label))
		}
	}
	for _, st := range s.StepList {
		if a.Step == st.Number {
			return fmt.Sprintf("%s step %d, %s,", a.Choice, st.Number, plain(st.Name))
		}
	}
	return string(a.Choice)
}

// timeLine says how long it took. Moving a business has a time to recover, with
// its target beside it; a drill shows what that would be.
func timeLine(r plans.Report) string {
	s := r.Status
	if s.Ended.IsZero() || s.Verdict == plans.VerdictRefused {
		return ""
	}
	target := ""
	if at := r.Input.Objectives.RTO; at > 0 {
		target = ", target " + span(at.D())
	}
	allUp := r.RTO > 0 && r.AllUp()
	switch {
	case s.Operation.Moves() && allUp:
		return "RTO " + reportSpan(r, r.RTO.D()) + target
	case s.Operation == plans.TestFailover && allUp:
		return fmt.Sprintf("All up after %s%s", reportSpan(r, r.RTO.D()), target)
	}
	return "Took " + reportSpan(r, s.Ended.Sub(s.Started))
}

// reportSpan is a duration in the hosts' time, in a lab with what passed here.
func reportSpan(r plans.Report, d time.Duration) string {
	speed := reportSpeed(r)
	if !r.Simulated {
		return span(d)
	}
	return fmt.Sprintf("%s simulated (%s here at %gx)", span(times(d, speed)), span(d), speed)
}

// reportSpeed is how many seconds of the hosts one second here was.
func reportSpeed(r plans.Report) float64 {
	if !r.Simulated || r.Input.Speed <= 0 {
		return 1
	}
	return r.Input.Speed
}

func times(d time.Duration, speed float64) time.Duration {
	return time.Duration(float64(d) * speed)
}
