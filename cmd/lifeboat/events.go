package main

import (
	"fmt"
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
	if s.Operation == plans.Cancel {
		switch phase {
		case plans.PhaseReady:
			return "taking the failover back"
		case plans.PhaseStart:
			return "starting at " + s.From
		default:
			return ""
		}
	}
	switch phase {
	case plans.PhaseShutdown:
		return "shutting down at " + s.From
	case plans.PhaseMove:
		return "sending the last changes to " + s.To
	case plans.PhaseStart:
		return "starting at " + s.To
	case plans.PhaseReverse:
		return "turning replication round, back to " + s.From
	default:
		return ""
	}
}

// outcome says what a phase brought; nothing when it found nothing to do.
func outcome(s plans.RunStatus, vm plans.VMStatus, t plans.PhaseTime) string {
	if t.Phase == plans.PhaseGates {
		if t.Ended.Equal(t.Started) {
			return ""
		}
		return "gates passed"
	}
	if !acted(vm, t) {
		return ""
	}
	switch {
	case s.Operation == plans.Cancel && t.Phase == plans.PhaseReady:
		return "failover taken back"
	case s.Operation == plans.Cancel:
		return ""
	case t.Phase == plans.PhaseShutdown:
		return "off at " + s.From
	case t.Phase == plans.PhaseMove:
		return "moved: " + s.To + " has its last changes"
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
	if vm.GateText != "" {
		return vm.GateText
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
	case s.Operation == plans.Cancel:
		return "waits for its turn"
	case vm.Phase == plans.PhaseReady:
		return "runs at " + s.From + ", waits for its turn to shut down"
	case vm.Phase == plans.PhaseShutdown:
		return "off, waits for its turn to move"
	case vm.Phase == plans.PhaseMove:
		return "moved, waits for its turn to start at " + s.To
	}
	return "waits for its turn"
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
	case st.Verdict == plans.VerdictRunning && s.Operation != plans.Cancel:
		return head + "begins with the shut-down at " + s.From
	case st.Verdict == plans.VerdictRunning:
		return head + "begins"
	}
	return head + string(st.Verdict) + stepNote(st)
}
