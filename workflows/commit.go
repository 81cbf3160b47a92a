package workflows

import (
	"fmt"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// commitShape asks a VM's gates again and makes its failover final only then.
func commitShape() shape {
	return shape{
		up: plans.PhaseCommit, done: plans.PhaseCommit,
		rungs: []rung{
			{to: plans.PhaseGates, goal: plans.PhaseCommit, when: upFirst, limit: startLimit},
			// Until its gates have passed a VM can still be left out.
			{to: plans.PhaseCommit, goal: plans.PhaseCommit, when: gatesPassed, limit: startLimit},
		},
		upWords: "committing", doneWords: "committed at %s", upLimit: startLimit,
		wayBack: func(p *planRun) string {
			return p.takesBack(fmt.Sprintf("what is not committed yet: lifeboat cancel %s --lose-writes", plans.ShellWord(p.in.Plan)), "the failover is committed", afterCommit(p))
		},
	}
}

// afterCommit is the way home once a failover is final.
func afterCommit(p *planRun) string {
	return fmt.Sprintf("lifeboat reprotect %s, then lifeboat failover %s --planned --to %s", plans.ShellWord(p.in.Plan), plans.ShellWord(p.in.Plan), plans.ShellWord(p.in.From))
}
