package workflows

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

const canaryVM = "44444444-4444-4444-4444-444444444444"

// canaryNight plays one night without hosts: the steps are a self-test's, the runs
// are stood in for.
type canaryNight struct {
	env *testsuite.TestWorkflowEnvironment
	selfTestActs
	open  func(*activities.CanaryOut)
	kept  []plans.CanaryResult
	keeps func() error
	cuts  []string // which names each clean-up was for
	runs  []plans.RunInput
	moves func(ctx workflow.Context, run plans.RunInput) (plans.RunResult, error)
}

func newCanaryNight(t *testing.T) *canaryNight {
	t.Helper()
	n := &canaryNight{env: testEnvironment(), open: func(*activities.CanaryOut) {}, keeps: func() error { return nil }}
	n.moves = func(_ workflow.Context, run plans.RunInput) (plans.RunResult, error) {
		return plans.RunResult{RunID: run.RunID, Verdict: plans.VerdictDone}, nil
	}
	setup := plans.SelfTestSetup{Name: plans.CanaryPrefix + "n-abc", Canary: "n", Speed: 1}
	setup.A, setup.B = plans.SelfTestParty{Host: "A", Site: "hq", Replica: "a"}, plans.SelfTestParty{Host: "B", Site: "dr", Replica: "b"}
	for _, step := range setup.Walk() {
		n.steps = append(n.steps, step.Name)
	}
	Register(withoutCanaryRun{n.env})
	n.env.RegisterWorkflowWithOptions(func(ctx workflow.Context, in PlanRunInput) (plans.RunResult, error) {
		n.runs = append(n.runs, in.Run)
		return n.moves(ctx, in.Run)
	}, workflow.RegisterOptions{Name: CanaryRun})
	for name, f := range map[string]any{
		activities.OpenCanaryName: func(_ context.Context, in activities.CanaryIn) (activities.CanaryOut, error) {
			out := activities.CanaryOut{Result: in.Result, Setup: setup}
			out.Result.VM, out.Result.Host, out.Result.To = setup.Name, "A", "B"
			n.open(&out)
			return out, nil
		},
		activities.CanaryRunName: func(_ context.Context, in activities.CanaryRunIn) (plans.RunInput, error) {
			return plans.CanaryRun(in.Setup, in.VM, in.To, in.Run)
		},
		activities.CloseCanaryName: func(_ context.Context, r plans.CanaryResult) error {
			if err := n.keeps(); err != nil {
				return err
			}
			n.kept = append(n.kept, r)
			return nil
		},
		activities.SelfTestLookName: func(ctx context.Context, in activities.SelfTestLookIn) (activities.SelfTestLookOut, error) {
			out, err := n.look(ctx, in)
			out.Setup = in.Setup
			return out, err
		},
		activities.SelfTestStepName: func(ctx context.Context, in activities.SelfTestStepIn) (activities.SelfTestStepOut, error) {
			out, err := n.step(ctx, in)
			out.Progress.VM = canaryVM
			return out, err
		},
		activities.SelfTestCleanName: func(ctx context.Context, in activities.SelfTestCleanIn) (activities.SelfTestCleanOut, error) {
			n.cuts = append(n.cuts, in.Named)
			return n.clean(ctx, in)
		},
	} {
		n.env.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
	return n
}

// withoutCanaryRun registers all workflows but the one that a test stands in for.
type withoutCanaryRun struct{ Registry }

func (r withoutCanaryRun) RegisterWorkflowWithOptions(w any, o workflow.RegisterOptions) {
	if o.Name != CanaryRun {
		r.Registry.RegisterWorkflowWithOptions(w, o)
	}
}

// play lets the night run, and returns the one result that was kept.
func (n *canaryNight) play(t *testing.T) (plans.CanaryResult, error) {
	t.Helper()
	n.env.ExecuteWorkflow(CanaryNight, CanaryInput{Canary: "n", Due: time.Date(2026, 11, 29, 2, 30, 0, 0, time.UTC), By: "dana"})
	require.True(t, n.env.IsWorkflowCompleted())
	require.Len(t, n.kept, 1)
	return n.kept[0], n.env.GetWorkflowError()
}

func (n *canaryNight) came() string { return strings.Join(slices.Compact(slices.Clone(n.calls)), " ") }

func TestACanaryGoesThereAndBack(t *testing.T) {
	n := newCanaryNight(t)
	r, err := n.play(t)
	require.NoError(t, err)
	require.True(t, r.Passed(), r.Words())
	require.False(t, r.Ended.IsZero())
	require.Equal(t, "clean make enable mark-replica first-copy settled-1 turn-off clean", n.came())
	require.Equal(t, []string{"lifeboat-canary-n-", "lifeboat-canary-n-abc"}, n.cuts, "first what is old, then its own; never all that is marked")
	require.Len(t, n.runs, 2)
	require.Equal(t, [2]string{"dr", "hq"}, [2]string{n.runs[0].To, n.runs[1].To})
	require.Equal(t, canaryVM, n.runs[0].VMs()[0].ID)
	require.Equal(t, "canary-n-20261129-023000-fail-over", n.runs[0].RunID)
}

// Whatever keeps a night from passing is kept, its VM is removed, and the workflow
// ends as an error; one that stepped aside does not.
func TestWhateverBecomesOfACanaryIsKept(t *testing.T) {
	stopped := func(workflow.Context, plans.RunInput) (plans.RunResult, error) {
		return plans.RunResult{RunID: "x", Verdict: plans.VerdictStopped, Summary: "B refuses"}, nil
	}
	for name, c := range map[string]struct {
		change  func(n *canaryNight)
		outcome string
		why     string
		calls   string
		fine    bool
	}{
		"the hosts refuse it": {change: func(n *canaryNight) { n.blocked = true }, outcome: "failed", calls: "clean"},
		"a step breaks":       {change: func(n *canaryNight) { n.breaks = "enable" }, outcome: "failed", why: "at the step enable: enable was refused", calls: "clean make enable clean"},
		"the failover stops":  {change: func(n *canaryNight) { n.moves = stopped }, outcome: "failed", why: "at the step fail-over: B refuses (lifeboat journal report x)", calls: "clean make enable mark-replica first-copy settled-1 clean"},
		"the run is ended": {change: func(n *canaryNight) {
			n.moves = func(workflow.Context, plans.RunInput) (plans.RunResult, error) {
				return plans.RunResult{}, errors.New("terminated")
			}
		}, outcome: "failed", why: "at the step fail-over: its run was ended from outside: terminated", calls: "clean make enable mark-replica first-copy settled-1 clean"},
		"something is left": {change: func(n *canaryNight) {
			n.moves = func(workflow.Context, plans.RunInput) (plans.RunResult, error) {
				n.left = 1 << 20
				return plans.RunResult{Verdict: plans.VerdictDone}, nil
			}
		}, outcome: "left behind", why: "Left: the VM at B"},
		"something is busy": {change: func(n *canaryNight) {
			n.open = func(o *activities.CanaryOut) { o.Result = plans.SkipCanary(o.Result, "plan/x is under way") }
		}, outcome: "skipped", why: "plan/x is under way", fine: true},
		"somebody cancels it": {change: func(n *canaryNight) { n.env.RegisterDelayedCallback(n.env.CancelWorkflow, 90*time.Second) }, outcome: "failed", why: "canceled", calls: "clean make enable clean"},
		"somebody cancels it before it walks": {change: func(n *canaryNight) {
			n.left = 2 // old ones take a while
			n.env.RegisterDelayedCallback(n.env.CancelWorkflow, time.Second)
		}, outcome: "skipped", why: "it was cancelled before it began", calls: "clean", fine: true},
		"old ones cannot be removed": {change: func(n *canaryNight) { n.left = 1 << 20 }, outcome: "failed", why: "an earlier night has left cannot be removed: the VM at B", calls: "clean"},
		"a host is dark":             {change: func(n *canaryNight) { n.left, n.blocked = 1<<20, true }, outcome: "failed", why: "B does not answer", calls: "clean"},
		"somebody ends its walk": {change: func(n *canaryNight) {
			n.env.RegisterDelayedCallback(func() { _ = n.env.SignalWorkflowByID(SelfTestID, StandDownSignal, "dana") }, 90*time.Second)
		}, outcome: "failed", why: "stopped: dana", calls: "clean make enable clean"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newCanaryNight(t)
			c.change(n)
			r, err := n.play(t)
			require.Equal(t, c.outcome, r.Outcome(), r.Words())
			require.Contains(t, r.Words(), c.why)
			require.False(t, n.blocked && strings.Contains(r.Words(), "an earlier night"), "a host that is not seen is told once: %s", r.Words())
			if c.calls != "" || c.fine {
				require.Equal(t, c.calls, n.came())
			}
			if c.fine {
				require.NoError(t, err)
				return
			}
			var failed *temporal.ApplicationError
			require.True(t, errors.As(err, &failed), err)
			require.Equal(t, CanaryFailed, failed.Type())
		})
	}
}

// A run that does not end is told to stop after an hour, and is waited for: the
// clean-up must not find somebody at work.
func TestARunOfACanaryThatHangsIsStopped(t *testing.T) {
	n := newCanaryNight(t)
	var told time.Time
	began := n.env.Now()
	n.moves = func(ctx workflow.Context, run plans.RunInput) (plans.RunResult, error) {
		ctx.Done().Receive(ctx, nil)
		told = workflow.Now(ctx)
		calm, release := workflow.NewDisconnectedContext(ctx)
		defer release()
		if err := workflow.Sleep(calm, 10*time.Minute); err != nil {
			return plans.RunResult{}, err
		}
		n.calls = append(n.calls, "run over")
		return plans.RunResult{RunID: run.RunID, Verdict: plans.VerdictStopped, Summary: "Stopped"}, nil
	}
	r, _ := n.play(t)
	require.Equal(t, "failed", r.Outcome())
	require.Contains(t, r.Words(), "not done in 1h, and so told to stop: Stopped")
	require.Greater(t, told.Sub(began), canaryMoves)
	require.True(t, strings.HasSuffix(n.came(), "settled-1 run over clean"), n.came())
}

// While a self-test or another canary walks it waits for its turn.
func TestACanaryWaitsForItsTurn(t *testing.T) {
	for name, c := range map[string]struct {
		busy    time.Duration
		outcome string
	}{"and gets it": {time.Hour, "passed"}, "and steps aside": {canaryTurn + time.Hour, "skipped"}} {
		t.Run(name, func(t *testing.T) {
			n := newCanaryNight(t)
			n.env.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
				other := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: SelfTestID})
				holds := workflow.ExecuteChildWorkflow(other, "holds", c.busy)
				if err := holds.GetChildWorkflowExecution().Get(ctx, nil); err != nil {
					return err
				}
				return workflow.ExecuteChildWorkflow(ctx, CanaryNight, CanaryInput{Canary: "n", Due: time.Unix(0, 0).UTC()}).Get(ctx, nil)
			}, workflow.RegisterOptions{Name: "both"})
			n.env.RegisterWorkflowWithOptions(func(ctx workflow.Context, d time.Duration) error { return workflow.Sleep(ctx, d) }, workflow.RegisterOptions{Name: "holds"})
			n.env.ExecuteWorkflow("both")
			require.NoError(t, n.env.GetWorkflowError())
			require.Len(t, n.kept, 1)
			require.Equal(t, c.outcome, n.kept[0].Outcome(), n.kept[0].Words())
		})
	}
}

// Whoever waits for the end of a night finds it in the journal then.
func TestACanaryEndsWhenItIsKept(t *testing.T) {
	n := newCanaryNight(t)
	n.open = func(o *activities.CanaryOut) { o.Result = plans.SkipCanary(o.Result, "a run is under way") }
	n.keeps = func() error {
		if len(n.kept) == 0 {
			return errors.New("the journal is busy")
		}
		return nil
	}
	asked := false
	n.env.RegisterDelayedCallback(func() {
		v, err := n.env.QueryWorkflow(StatusQuery)
		require.NoError(t, err)
		var r plans.CanaryResult
		require.NoError(t, v.Get(&r))
		require.True(t, r.Ended.IsZero(), "it was not kept yet")
		n.kept, asked = []plans.CanaryResult{r}, true
	}, time.Second/2)
	n.env.ExecuteWorkflow(CanaryNight, CanaryInput{Canary: "n", Due: time.Unix(0, 0).UTC()})
	require.NoError(t, n.env.GetWorkflowError())
	require.True(t, asked)
	var r plans.CanaryResult
	require.NoError(t, n.env.GetWorkflowResult(&r))
	require.False(t, r.Ended.IsZero())
}
