package workflows

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// release lets VMs go as far as the run, the order among them and the limits
// allow. The order backwards (shut-down) is the mirror of the order forwards.
func (s *stageRun) release(ctx workflow.Context) {
	if s.paused || s.stopping || s.goal == "" {
		return
	}
	for _, vm := range s.vms {
		if vm.ended || vm.lost || vm.waits || vm.leaving || vm.own != nil {
			continue
		}
		if next := s.allowed(ctx, vm); next != "" && next != vm.released {
			vm.released = next
			s.send(ctx, vm, releaseSignal, releaseTo{Phase: next})
		}
	}
}

// allowed is how far a VM may go now; "" leaves it where it is.
func (s *stageRun) allowed(ctx workflow.Context, vm *stageVM) plans.Phase {
	r, more := s.shape.next(vm.released)
	switch {
	case !more, !s.reached(r.goal), r.when != nil && !r.when(s, ctx, vm):
		return ""
	case r.limit != nil && !s.under(r.to, s.limit(r.limit(s.in.Run.Limits))):
		return ""
	}
	return r.to
}

// reached is true when the run has let the stage go as far as goal.
func (s *stageRun) reached(goal plans.Phase) bool {
	order := s.shape.goals()
	return slices.Index(order, s.goal) >= slices.Index(order, goal)
}

func (s *stageRun) limit(standard int) int {
	if s.in.Parallel > 0 && s.in.Parallel < standard {
		standard = s.in.Parallel
	}
	// Parts that go at once share the stage's limit.
	return max(1, standard/s.beside)
}

// under is true when fewer VMs than the limit are in the phase. A held VM
// keeps no place: others of the stage go on beside it.
func (s *stageRun) under(phase plans.Phase, limit int) bool {
	busy := 0
	for _, vm := range s.vms {
		if vm.released == phase && !vm.ended && vm.report.Question == nil && !vm.report.Up && !past(vm, phase) {
			busy++
		}
	}
	return busy < limit
}

// past is true when a VM is through a phase.
func past(vm *stageVM, phase plans.Phase) bool {
	return slices.ContainsFunc(vm.report.Status.Times, func(t plans.PhaseTime) bool {
		return t.Phase == phase && !t.Ended.IsZero()
	})
}

// offFirst is true when every VM of this stage that comes after vm is off.
func (s *stageRun) offFirst(vm *stageVM) bool {
	for _, id := range plans.Before(s.in.VMs, vm.vm.ID) {
		if !s.vms[s.index[id]].report.Off {
			return false
		}
	}
	return true
}

// upFirst is true when every VM of this stage that vm comes after is up. When
// one of them was left out, a person decides whether vm may start without it.
func (s *stageRun) upFirst(ctx workflow.Context, vm *stageVM) bool {
	for _, id := range vm.vm.After {
		// One that is not here is of an earlier stage: the run has waited for it.
		if i, here := s.index[id]; here && !s.vms[i].report.Up {
			return false
		}
	}
	// A drill asks nobody about that: its copies do one another no harm.
	if missing := s.skippedBefore(vm); missing != "" && !vm.waived && s.in.Run.Operation != plans.TestFailover {
		s.askDependent(ctx, vm, missing)
		return false
	}
	return true
}

// skippedBefore is a VM that vm comes after and that will not be up, or "".
func (s *stageRun) skippedBefore(vm *stageVM) string {
	for _, id := range vm.vm.After {
		if label := s.missing[id]; label != "" {
			return label
		}
		if i, here := s.index[id]; here && notUp(s.vms[i].report.Status) {
			return s.vms[i].vm.Label
		}
	}
	return ""
}

// notUp is true for a VM that has ended otherwise than done.
func notUp(vm plans.VMStatus) bool {
	switch vm.Verdict {
	case plans.VerdictSkipped, plans.VerdictStuck, plans.VerdictStopped, plans.VerdictRefused, plans.VerdictUnknown:
		return true
	default:
		return false
	}
}

// askDependent asks whether a VM shall start without one it comes after.
func (s *stageRun) askDependent(ctx workflow.Context, vm *stageVM, missing string) {
	vm.own = &plans.Question{
		VM: vm.vm.Label, VMID: vm.vm.ID, Since: workflow.Now(ctx).UTC(),
		Text:    fmt.Sprintf("%s comes after %s, which is not up and will not be in this run. Retry starts it all the same; skip leaves it out too.", vm.vm.Label, missing),
		Choices: []plans.Choice{plans.ChoiceRetry, plans.ChoiceSkip}, SafeToWait: "Waiting loses no data; what depends on this VM waits too.",
	}
	vm.dirty, s.urgent = true, true
}
