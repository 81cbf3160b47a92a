package workflows

import (
	"fmt"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// reprotectShape lets every VM replicate back. The good copies run on
// meanwhile, so no VM waits for another; how many go at once is limited, since
// what is sent goes over one line. The old copies become replicas before much
// is sent: from then on they cannot start.
func reprotectShape() shape {
	return shape{
		up: plans.PhaseSync, done: plans.PhaseSync, together: true,
		rungs: []rung{
			{to: plans.PhaseReverse, goal: plans.PhaseSync, limit: moveLimit},
			{to: plans.PhaseSync, goal: plans.PhaseSync, when: isReversed, limit: moveLimit},
		},
		upWords: "re-protecting", doneWords: "running and replicating at %s: protected", upLimit: moveLimit,
		wayBack: func(p *planRun) string {
			if p.in.Replace != "" {
				return "none is needed: no data is given up. What is not done yet is taken up by the same command again"
			}
			if p.elsewhere() {
				return fmt.Sprintf("none by one command: the copies at %s are left out, and %s goes on to the third site", p.in.From, p.in.To)
			}
			return fmt.Sprintf("the way home, once protected: lifeboat failover %s --planned --to %s", plans.ShellWord(p.in.Plan), plans.ShellWord(p.in.From))
		},
	}
}
