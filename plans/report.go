package plans

import (
	"slices"
	"time"
)

// MakeReport turns a run that has ended into what stays of it.
func MakeReport(s RunStatus, in RunInput, answers []AnswerRecord, version string, simulated bool) Report {
	r := Report{Status: s, Input: in, Downtime: map[string]Duration{}, Answers: answers, Version: version, Simulated: simulated}
	if !in.Operation.Moves() && in.Operation != TestFailover {
		return r // nothing is down, and nothing has to come up
	}
	// A VM that nothing was done to was not taken from its users. Of a large run
	// the journal alone has the acts.
	acts := slices.ContainsFunc(s.VMs, func(vm VMStatus) bool { return len(vm.Acts) > 0 })
	up := s.Started
	for _, vm := range s.VMs {
		began, ended := away(vm)
		if ended.IsZero() {
			continue
		}
		if !began.IsZero() && (len(vm.Acts) > 0 || !acts) {
			r.Downtime[vm.Label] = Duration(ended.Sub(began))
		}
		if ended.After(up) {
			up = ended
		}
	}
	r.RTO = Duration(up.Sub(s.Started))
	r.Judgements = Judge(in, s, r.RTO, answers)
	return r
}

// away is when a VM's shut-down began and when its gates were green.
func away(vm VMStatus) (began, ended time.Time) {
	for _, t := range vm.Times {
		switch t.Phase {
		case PhaseShutdown:
			began = t.Started
		case PhaseGates:
			ended = t.Ended
		default:
		}
	}
	return began, ended
}

// AllUp is true when every VM came up that nobody left out: then RTO is that of all.
func (r Report) AllUp() bool {
	return !slices.ContainsFunc(r.Status.VMs, func(s VMStatus) bool { return s.Verdict != VerdictSkipped && r.upAt(s).IsZero() })
}

// upAt is when a VM was up with its gates green, zero when it never was.
func (r Report) upAt(s VMStatus) time.Time {
	if r.gateFailed(s.Label) {
		return time.Time{}
	}
	return phaseEnded(s, PhaseGates)
}

// gateFailed is true for a VM of a drill that went on with a gate that had not
// passed: it never came up. Of a real operation a person answers for that.
func (r Report) gateFailed(label string) bool {
	return slices.ContainsFunc(r.Status.Findings, func(f Finding) bool { return f.Code == "gate-not-passed" && f.VM == label })
}
