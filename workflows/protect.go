package workflows

import (
	"strings"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// protectShape enables VMs, sends their first copies, and extends them to a third
// host. No VM waits for another; how many go at once is limited, since what is
// sent goes over one line.
func protectShape() shape {
	return shape{
		up: plans.PhaseExtend, done: plans.PhaseExtend, together: true,
		rungs: []rung{
			{to: plans.PhaseEnable, goal: plans.PhaseExtend, limit: moveLimit},
			{to: plans.PhaseSync, goal: plans.PhaseExtend, when: isEnabled, limit: moveLimit},
			{to: plans.PhaseExtend, goal: plans.PhaseExtend, when: isSent, limit: moveLimit},
		},
		upWords: "protecting", doneWords: "replicating to %s: protected", upLimit: moveLimit,
		wayBack: func(p *planRun) string {
			return "lifeboat unprotect " + plans.ShellWord(strings.TrimPrefix(p.in.Plan, plans.ProtectionPlan("")))
		},
	}
}

// unprotectShape ends replication, VM by VM.
func unprotectShape() shape {
	return shape{
		up: plans.PhaseRemove, done: plans.PhaseRemove, together: true,
		rungs: []rung{
			{to: plans.PhaseShorten, goal: plans.PhaseRemove, limit: moveLimit},
			{to: plans.PhaseRemove, goal: plans.PhaseRemove, when: isShortened, limit: moveLimit},
		},
		upWords: "ending protection of", doneWords: "NOT PROTECTED any more; the copies at %s stay and are OLD", upLimit: moveLimit,
		wayBack: func(*planRun) string {
			return "none by a command: protecting again needs a new first copy; --seed existing begins from the copies that stay"
		},
	}
}
