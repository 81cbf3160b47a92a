package workflows

import (
	"fmt"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// unplannedFailover fences what can still be reached backwards, then fails over
// and starts forwards.
func unplannedFailover() shape {
	return shape{
		first: plans.PhaseReady, down: plans.PhaseFence, up: plans.PhaseStart,
		off: plans.PhaseFence, done: plans.PhaseGates,
		rungs: []rung{
			{to: plans.PhaseReady, goal: plans.PhaseReady},
			{to: plans.PhaseFence, goal: plans.PhaseFence, when: offFirst, limit: shutdownLimit},
			{to: plans.PhaseMove, when: isOff, limit: moveLimit},
			{to: plans.PhaseGates, goal: plans.PhaseStart, when: upFirst, limit: startLimit},
		},
		downWords: "fencing", upWords: "starting", upLimit: startLimit,
		doneWords: "running at %s, NOT PROTECTED until lifeboat reprotect; the old copies are watched (lifeboat fence)",
		wayBack: func(p *planRun) string {
			return p.takesBack(fmt.Sprintf("lifeboat cancel %s --lose-writes", plans.ShellWord(p.in.Plan)), "the failover is committed", afterCommit(p))
		},
	}
}
