package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// event is one thing that happened to a VM, in the words of an admin.
type event struct {
	at   time.Time
	key  string // stays the same from one look to the next
	text string
}

// vmEvents are the things worth a line that a VM's picture shows by now, in
// order. What a later one says already is left out: a VM that is off was
// shutting down.
func vmEvents(s plans.RunStatus, vm plans.VMStatus) []event {
	var found []event
	add := func(at time.Time, key, text string) {
		found = append(found, event{at: at, key: key, text: text})
	}
	for i, t := range vm.Times {
		key := fmt.Sprintf("%s %d", t.Phase, i)
		if t.Ended.IsZero() {
			if text := beginning(s, t.Phase); text != "" && vm.Verdict == plans.VerdictRunning {
				add(t.Started, key, text)
			}
		} else if text := outcome(s, vm, t); text != "" {
			add(t.Ended, key+" ended", text)
		}
	}
	if len(vm.Times) == 0 && vm.Verdict == plans.VerdictRunning {
		// A large run does not carry the times: the phase has to do.
		if text := beginning(s, vm.Phase); text != "" {
			add(time.Now(), string(vm.Phase), text)
		}
	}
	if vm.GateText != "" && vm.Verdict == plans.VerdictRunning {
		add(time.Now(), vm.GateText, vm.GateText)
	}
	if a := vm.Asking; a != nil {
		add(a.Since, "asking "+a.Since.String(), a.Words())
	}
	switch vm.Verdict {
	case plans.VerdictDone:
		add(lastTime(vm), "end", vm.Doing)
	case plans.VerdictSkipped, plans.VerdictRefused, plans.VerdictStopped, plans.VerdictStuck, plans.VerdictUnknown:
		add(lastTime(vm), "end", strings.ToUpper(string(vm.Verdict))+": "+vm.Doing)
	default:
	}
	return found
}

// beginning says what a phase is about while it goes on.
func beginning(s plans.RunStatus, phase plans.Phase) string {
	switch phase {
	case plans.PhaseReady:
		if s.Operation == plans.Cancel {
			return "taking the failover back"
		}
	case plans.PhaseShutdown:
		return "shutting down at " + s.From
	case plans.PhaseMove:
		if s.Operation == plans.UnplannedFailover {
			return "failing over at " + s.To
		}
		return "sending the last changes to " + s.To
	case plans.PhaseTest:
		return "making a test copy at " + s.To
	case plans.PhaseStart:
		switch s.Operation {
		case plans.Cancel:
			return "starting at " + s.From
		case plans.TestFailover:
			return "starting the test copy"
		default:
			return "starting at " + s.To
		}
	case plans.PhaseCommit:
		return "committing at " + s.To
	case plans.PhaseReverse:
		if replaces(s) {
			return "pointing its replication at the new host"
		}
		return "turning replication round, back to " + s.From
	case plans.PhaseSync:
		if replaces(s) {
			return "sending the first copy to " + s.From
		}
		if s.Operation == plans.Protect {
			return "NOT PROTECTED YET: first copy to " + s.To
		}
		return "sending what differs to " + s.From
	case plans.PhaseEnable:
		return "setting up replication to " + s.To
	case plans.PhaseExtend:
		return "setting up its third copy"
	case plans.PhaseShorten, plans.PhaseRemove:
		return "ending its replication"
	case plans.PhaseCleanUp:
		return "removing the test copy"
	case plans.PhaseFence, plans.PhaseGates:
	}
	return ""
}

// replaces is true for a run that gives a lost host's part to another.
func replaces(s plans.RunStatus) bool { return strings.HasPrefix(s.Plan, plans.ReplacePlan("")) }

// outcome says what a phase brought; nothing when it found nothing to do.
func outcome(s plans.RunStatus, vm plans.VMStatus, t plans.PhaseTime) string {
	if t.Phase == plans.PhaseGates {
		if t.Ended.Equal(t.Started) || vm.Verdict == plans.VerdictDone {
			return "" // what is said in the end says it too
		}
		if slices.ContainsFunc(s.Findings, func(f plans.Finding) bool { return f.Code == "gate-waived" && f.VM == vm.Label }) {
			return "goes on, with a gate waived"
		}
		return "gates passed"
	}
	if !acted(vm, t) {
		return ""
	}
	switch t.Phase {
	case plans.PhaseReady:
		if s.Operation == plans.Cancel {
			return "failover taken back"
		}
	case plans.PhaseFence:
		return "fenced: it cannot run at " + s.From
	case plans.PhaseShutdown:
		return "off at " + s.From
	case plans.PhaseMove:
		if s.Operation == plans.UnplannedFailover {
			return "failed over at " + s.To
		}
		return "moved: " + s.To + " has its last changes"
	case plans.PhaseTest:
		return "test copy made, isolated"
	case plans.PhaseReverse:
		switch {
		case slices.ContainsFunc(vm.Acts, func(a plans.ActRecord) bool { return a.Verb == plans.VerbContinue }):
			return "goes on to the third site; the old copy at " + s.From + " is left out"
		case replaces(s):
			return "it replicates to the new host now, without its first copy yet"
		}
		if s.Operation == plans.Reprotect {
			return "the old copy is a replica now"
		}
	case plans.PhaseEnable:
		return "replication is set up; NOT PROTECTED YET"
	case plans.PhaseStart, plans.PhaseGates, plans.PhaseCommit, plans.PhaseSync, plans.PhaseCleanUp, plans.PhaseExtend, plans.PhaseShorten, plans.PhaseRemove:
	}
	return ""
}

// acted is true when a host was changed in this phase.
func acted(vm plans.VMStatus, t plans.PhaseTime) bool {
	for _, a := range vm.Acts {
		if !a.Started.Before(t.Started) && !a.Started.After(t.Ended) {
			return true
		}
	}
	return false
}

// lastTime is the end of the last phase known; now when there is none.
func lastTime(vm plans.VMStatus) time.Time {
	for i := len(vm.Times) - 1; i >= 0; i-- {
		if !vm.Times[i].Ended.IsZero() {
			return vm.Times[i].Ended
		}
	}
	return time.Now()
}

// doing is what a VM is at now, in a few words.
func doing(s plans.RunStatus, vm plans.VMStatus) string {
	if vm.Verdict != plans.VerdictRunning {
		return vm.Doing
	}
	if vm.Asking != nil {
		return vm.Asking.Words()
	}
	if vm.GateText != "" {
		return vm.GateText
	}
	if vm.Progress != nil && !vm.Progress.Begins.IsZero() {
		return vm.Doing
	}
	if p := vm.Progress; p != nil && p.Percent >= 0 {
		return fmt.Sprintf("%s, %s", beginning(s, vm.Phase), syncWords(*p))
	}
	var last plans.PhaseTime
	if n := len(vm.Times); n > 0 {
		last = vm.Times[n-1]
	}
	if last.Ended.IsZero() {
		if text := beginning(s, vm.Phase); text != "" {
			return text
		}
		return "at its turn"
	}
	switch {
	case s.Operation == plans.TestFailover && vm.Phase == plans.PhaseTest:
		return "test copy made, waits for its turn to start"
	case s.Operation == plans.TestFailover && vm.Phase == plans.PhaseGates:
		return "its test copy is up"
	case s.Operation == plans.UnplannedFailover && vm.Phase == plans.PhaseMove:
		return "failed over, waits for its turn to start at " + s.To
	case s.Operation != plans.PlannedFailover:
		return "waits for its turn"
	}
	switch vm.Phase {
	case plans.PhaseReady:
		return "runs at " + s.From + ", waits for its turn to shut down"
	case plans.PhaseShutdown:
		return "off, waits for its turn to move"
	case plans.PhaseMove:
		return "moved, waits for its turn to start at " + s.To
	default:
	}
	return "waits for its turn"
}

// syncWords is how far something long has come.
func syncWords(p plans.SyncProgress) string {
	text := fmt.Sprintf("%d %%", p.Percent)
	if p.Total > 0 {
		text += fmt.Sprintf(" (%s of %s)", bytesWords(p.Done), bytesWords(p.Total))
	}
	return text
}

// bytesWords is a size as people say it.
func bytesWords(b uint64) string {
	switch {
	case b >= 1<<40:
		return fmt.Sprintf("%.1f TB", float64(b)/(1<<40))
	case b >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(b)/(1<<30))
	}
	return fmt.Sprintf("%d MB", b>>20)
}

// stepLine says what became of a step; nothing while it waits for its turn or
// for a person, which the question says.
func stepLine(s plans.RunStatus, st plans.StepStatus) string {
	head := fmt.Sprintf("step %d of %d, %s: ", st.Number, s.Steps, plain(st.Name))
	switch {
	case st.Started.IsZero() || st.Verdict == plans.VerdictWaiting || st.Verdict == plans.VerdictHeld:
		return ""
	case st.Verdict == plans.VerdictRunning && st.Kind != "stage":
		return ""
	case st.Verdict == plans.VerdictRunning && s.Operation == plans.PlannedFailover:
		return head + "begins with the shut-down at " + s.From
	case st.Verdict == plans.VerdictRunning && s.Operation == plans.UnplannedFailover:
		return head + "begins with the fence at " + s.From
	case st.Verdict == plans.VerdictRunning:
		return head + "begins"
	}
	return head + string(st.Verdict) + stepNote(st)
}
