package workflows

import (
	"fmt"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// plannedFailover shuts down backwards and starts forwards. What is off is
// moved at once: its downtime is already running.
func plannedFailover() shape {
	return shape{
		first: plans.PhaseReady, down: plans.PhaseShutdown, up: plans.PhaseStart,
		off: plans.PhaseShutdown, done: plans.PhaseGates,
		rungs: []rung{
			{to: plans.PhaseReady, goal: plans.PhaseReady},
			{to: plans.PhaseShutdown, goal: plans.PhaseShutdown, when: offFirst, limit: shutdownLimit},
			{to: plans.PhaseMove, when: isOff, limit: moveLimit},
			{to: plans.PhaseGates, goal: plans.PhaseStart, when: upFirst, limit: startLimit},
		},
		downWords: "shutting down", upWords: "starting", doneWords: "running and replicating at %s", upLimit: startLimit,
		wayBack: func(p *planRun) string {
			return p.takesBack(fmt.Sprintf("lifeboat cancel %s", plans.ShellWord(p.in.Plan)), "changes flow back already",
				fmt.Sprintf("lifeboat failover %s --planned --to %s", plans.ShellWord(p.in.Plan), plans.ShellWord(p.in.From)))
		},
	}
}
