package workflows

import "github.com/lifeboat-dr/lifeboat/plans"

// cancelShape takes a failover back everywhere, then starts in order where the
// VMs came from.
func cancelShape() shape {
	return shape{
		first: plans.PhaseReady, up: plans.PhaseStart, done: plans.PhaseStart,
		rungs: []rung{
			{to: plans.PhaseReady, goal: plans.PhaseReady},
			{to: plans.PhaseStart, goal: plans.PhaseStart, when: upFirst, limit: startLimit},
		},
		upWords: "starting", doneWords: "running and replicating at %s", upLimit: startLimit,
		wayBack: func(*planRun) string { return "run the plan again" },
	}
}
