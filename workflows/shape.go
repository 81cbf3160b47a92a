package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// shape is how a run of one operation goes through its stages. Each operation
// states its own, in the file of its name.
type shape struct {
	// first is how far every stage is let go as soon as it begins; down is the
	// phase of the way down, last stage first; up that of the way up, first
	// stage first, with people's steps at their place; last is let go for all
	// stages at once in the end. What is "" an operation has not.
	first, down, up, last plans.Phase
	// together is true where the way up needs no order among stages.
	together bool
	// off and done are the phases whose end the way down and the way up wait
	// for.
	off, done plans.Phase
	// rungs are how a VM is let go, one after the other.
	rungs []rung
	// downWords and upWords go before a stage's name, doneWords behind the
	// number of VMs that are done; %s is the site of the place.
	downWords, upWords, doneWords string
	// upLimit is how many VMs of a stage go up at once.
	upLimit func(plans.Limits) int
	// wayBack says what leads back from where the run is now.
	wayBack func(*planRun) string
}

// rung lets a VM go as far as a phase.
type rung struct {
	to plans.Phase
	// goal is how far the run must have let the stage go.
	goal plans.Phase
	// when is what the VM itself or others of its stage must have reached; nil
	// is nothing.
	when func(*stageRun, workflow.Context, *stageVM) bool
	// limit is how many VMs may be in the phase at once; nil is any number.
	limit func(plans.Limits) int
}

func shapeOf(op plans.Operation) shape {
	switch op {
	case plans.UnplannedFailover:
		return unplannedFailover()
	case plans.TestFailover:
		return testFailover()
	case plans.Cancel:
		return cancelShape()
	case plans.Commit:
		return commitShape()
	case plans.Reprotect:
		return reprotectShape()
	case plans.Protect:
		return protectShape()
	case plans.Unprotect:
		return unprotectShape()
	case plans.PlannedFailover, plans.Fence: // a fence is no run: FenceReturn watches
	}
	return plannedFailover()
}

// goals are what a run lets a stage go to, in order.
func (s shape) goals() []plans.Phase {
	var goals []plans.Phase
	for _, phase := range []plans.Phase{s.first, s.down, s.up, s.last} {
		if phase != "" {
			goals = append(goals, phase)
		}
	}
	return goals
}

// next is the rung above the phase a VM was let go to.
func (s shape) next(released plans.Phase) (rung, bool) {
	if released == "" {
		return s.rungs[0], true
	}
	for i := range s.rungs {
		if s.rungs[i].to == released && i+1 < len(s.rungs) {
			return s.rungs[i+1], true
		}
	}
	return rung{}, false
}

func shutdownLimit(l plans.Limits) int { return l.Shutdown }
func moveLimit(l plans.Limits) int     { return l.Move }
func startLimit(l plans.Limits) int    { return l.Start }

func isOff(_ *stageRun, _ workflow.Context, vm *stageVM) bool { return vm.report.Off }

func offFirst(s *stageRun, _ workflow.Context, vm *stageVM) bool { return s.offFirst(vm) }

func upFirst(s *stageRun, ctx workflow.Context, vm *stageVM) bool { return s.upFirst(ctx, vm) }

func isReversed(_ *stageRun, _ workflow.Context, vm *stageVM) bool {
	return past(vm, plans.PhaseReverse)
}

func isEnabled(_ *stageRun, _ workflow.Context, vm *stageVM) bool {
	return past(vm, plans.PhaseEnable)
}

func isSent(_ *stageRun, _ workflow.Context, vm *stageVM) bool {
	return past(vm, plans.PhaseSync)
}

func isShortened(_ *stageRun, _ workflow.Context, vm *stageVM) bool {
	return past(vm, plans.PhaseShorten)
}

func gatesPassed(_ *stageRun, _ workflow.Context, vm *stageVM) bool {
	return past(vm, plans.PhaseGates)
}
