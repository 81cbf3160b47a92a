package workflows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"

	"github.com/lifeboat-dr/lifeboat/plans"
)

func TestCommitLater(t *testing.T) {
	for name, c := range map[string]struct {
		standDown bool
		busy      time.Duration // how long another run holds the plan
		takes     time.Duration
	}{
		"on time":       {takes: 4 * time.Hour},
		"the plan busy": {busy: 4*time.Hour + 150*time.Second, takes: 4*time.Hour + 3*time.Minute},
		"stood down":    {standDown: true, takes: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			var env *testsuite.TestWorkflowEnvironment
			var began time.Time
			w := &wire{childID: func(id string) string {
				if env.Now().Sub(began) < c.busy {
					return CommitID("north") // an id that is in use
				}
				return id
			}}
			env = testEnvironment(w)
			began = env.Now()
			env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: CommitID("north"), TaskQueue: TaskQueue})
			Register(env)
			env.OnWorkflow(RecoveryPlanRun, mock.Anything, mock.Anything).Return(plans.RunResult{}, nil).Maybe()
			if c.standDown {
				env.RegisterDelayedCallback(func() { env.SignalWorkflow(StandDownSignal, "a new failover") }, time.Hour)
			}
			in := northwind()
			in.Operation, in.Hold = plans.Commit, plans.Duration(4*time.Hour)
			env.ExecuteWorkflow(CommitLater, PlanRunInput{Run: in})
			var s plans.CommitStatus
			if err := env.GetWorkflowResult(&s); err != nil {
				t.Fatal(err)
			}
			if s.Begun == c.standDown || (s.Ended == "a new failover") != c.standDown {
				t.Errorf("%+v", s)
			}
			if asked := w.widest["child "+RecoveryPlanRun] > 0; asked == c.standDown {
				t.Errorf("a commit was asked for: %v", asked)
			}
			if took := env.Now().Sub(began).Round(time.Minute); took != c.takes {
				t.Errorf("it took %s, want %s", took, c.takes)
			}
		})
	}
}
