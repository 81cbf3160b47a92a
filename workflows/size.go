package workflows

import (
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// One message to or from the server may hold 2 MB. A run of up to smallRun VMs
// keeps everything; of a larger one the journal has the acts, and its status
// and report carry what a VM needs to be found and its times to be counted.

// mostFindings bounds what a large run says of its VMs beside their verdicts.
const mostFindings = 500

// words bounds what a large run says of one VM.
const words = 100

// sized is a status that fits into one message.
func sized(s plans.RunStatus) plans.RunStatus {
	if len(s.VMs) <= smallRun {
		return s
	}
	vms := make([]plans.VMStatus, len(s.VMs))
	for i, vm := range s.VMs {
		vm.Times, vm.Acts = nil, nil
		vm.Doing, vm.Remedy, vm.GateText = cut(vm.Doing), cut(vm.Remedy), ""
		vms[i] = vm
	}
	s.VMs = vms
	s.Waiting = s.Waiting[:min(len(s.Waiting), smallRun)]
	if len(s.Findings) > mostFindings {
		s.Findings = worstFirst(s.Findings)[:mostFindings]
	}
	return s
}

// worstFirst keeps what a drill is judged by in front of what is only told.
func worstFirst(all []plans.Finding) []plans.Finding {
	rank := map[plans.Severity]int{plans.Blocker: 0, plans.Warning: 1, plans.Info: 2}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b plans.Finding) int { return rank[a.Severity] - rank[b.Severity] })
	return all
}

// reportIn is what the report is made from.
func (p *planRun) reportIn() activities.ReportIn {
	in := activities.ReportIn{Status: p.status, Input: p.in, Answers: p.answers}
	if len(p.status.VMs) <= smallRun {
		return in
	}
	in.Status = sized(p.status)
	for i := range in.Status.VMs {
		in.Status.VMs[i].Times = counted(p.status.VMs[i].Times)
	}
	in.Input.Steps = make([]plans.RunStep, len(p.in.Steps))
	for i, step := range p.in.Steps {
		vms := make([]plans.RunVM, len(step.VMs))
		for j, vm := range step.VMs { // without a name: the evidence knows by that what is not here
			vms[j] = plans.RunVM{
				ID: vm.ID, Label: vm.Label, SourceHost: vm.SourceHost, TargetHost: vm.TargetHost, Tenant: vm.Tenant,
				RTO: vm.RTO, RPO: vm.RPO, Point: vm.Point, Behind: vm.Behind, Settle: vm.Settle,
			}
		}
		step.VMs = vms
		in.Input.Steps[i] = step
	}
	return in
}

// counted are the times that downtime, the time to recover and the evidence of a
// drill's clean-up are made of.
func counted(times []plans.PhaseTime) []plans.PhaseTime {
	var kept []plans.PhaseTime
	for _, t := range times {
		switch t.Phase {
		case plans.PhaseShutdown, plans.PhaseStart, plans.PhaseGates, plans.PhaseCleanUp:
			t.Started, t.Ended = t.Started.Truncate(time.Second/10), t.Ended.Truncate(time.Second/10)
			kept = append(kept, t)
		default:
		}
	}
	return kept
}

func cut(text string) string {
	if runes := []rune(text); len(runes) > words {
		return string(runes[:words]) + "..."
	}
	return text
}
