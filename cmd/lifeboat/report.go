package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// showReport prints what a run left: the page a manager reads. In a lab all
// durations are those of the simulated hosts; what passed here stands behind.
func showReport(t terminal, r plans.Report) {
	s, speed := r.Status, reportSpeed(r)
	t.say("%s  %s  %s -> %s  %s", strings.ToUpper(string(s.Verdict)), plain(s.Plan), s.From, s.To, s.RunID)
	t.wrapped("  ", 2, s.Summary)
	t.say("  %s", rtoLine(r))
	t.say("")
	t.say("  %-16s %-9s %-14s %-14s %s", "VM", "RESULT", "DOWN FOR", "GATES", "ACTS")
	for _, vm := range s.VMs {
		down := "-"
		if d, ok := r.Downtime[vm.Label]; ok {
			down = span(times(d.D(), speed))
		}
		t.say("  %-16s %-9s %-14s %-14s %d", cut(plain(vm.Label), 16), vm.Verdict, down, gatesWord(vm, speed), len(vm.Acts))
	}
	for _, left := range s.LeftOut {
		t.wrapped(fmt.Sprintf("  %-16s ", cut(plain(left.VM), 16)), 19, "left out: "+left.Why)
	}
	for _, a := range r.Answers {
		t.wrapped("  ", 4, fmt.Sprintf("%s  %s by %s %s", a.At.Local().Format(clock), answered(s, a.Answer), plain(a.Answer.By), plain(a.Answer.Reason)))
	}
	t.say("")
	t.wrapped("  Good copy  ", 13, s.GoodCopy)
	t.wrapped("  Way back   ", 13, s.WayBack)
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

// rtoLine puts the time to recover beside its target; simulated time first.
func rtoLine(r plans.Report) string {
	speed := reportSpeed(r)
	line := "RTO " + span(times(r.RTO.D(), speed))
	if r.Simulated {
		line += fmt.Sprintf(" simulated (%s here at %gx)", span(r.RTO.D()), speed)
	}
	if target := r.Input.Objectives.RTO; target > 0 {
		line += ", target " + span(target.D())
	}
	return line
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

func gatesWord(vm plans.VMStatus, speed float64) string {
	for _, p := range vm.Times {
		if p.Phase == plans.PhaseGates && !p.Ended.IsZero() {
			return span(times(p.Ended.Sub(p.Started), speed))
		}
	}
	return "-"
}
