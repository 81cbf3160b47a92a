package activities

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
)

func TestACanaryMayBegin(t *testing.T) {
	t.Parallel()
	due := time.Date(2026, 11, 29, 2, 30, 0, 0, time.UTC)
	canary := plans.Canary{Name: "n", Host: "A", To: "B", Within: plans.Duration(time.Hour)}
	unseen := errors.New("no answer")
	for name, c := range map[string]struct {
		late time.Duration
		real string
		err  error
		gone bool
		why  string
	}{
		"in time":         {late: time.Minute},
		"just in time":    {late: time.Hour},
		"too late":        {late: time.Hour + time.Second, why: "it was due 1h0m1s ago, and may begin 1h late at most"},
		"a run goes on":   {real: "the run plan/x", why: "the run plan/x is under way: that goes first"},
		"it is not there": {gone: true, why: "no canary"},
		"nobody can say":  {err: unseen},
	} {
		a := New(Deps{Canaries: CanaryDeps{
			Find: func(string, string, string) (plans.Canary, plans.SelfTestSetup, error) {
				if c.gone {
					return plans.Canary{}, plans.SelfTestSetup{}, errors.New("no canary")
				}
				return canary, plans.SelfTestSetup{Name: "vm"}, nil
			},
			Real: func(context.Context) (string, error) { return c.real, c.err },
		}})
		out, err := a.OpenCanary(t.Context(), CanaryIn{Result: plans.CanaryResult{Canary: "n", Due: due, Began: due.Add(c.late), Verdict: plans.VerdictRunning}})
		require.ErrorIs(t, err, c.err, name)
		require.Equal(t, c.why, out.Result.Why, name)
		require.Equal(t, c.why != "", out.Result.Skipped, name)
		if c.err == nil && !c.gone {
			require.Equal(t, [3]string{"vm", "A", "B"}, [3]string{out.Result.VM, out.Result.Host, out.Result.To}, name)
		}
	}
}

// A canary removes what is its own by name and mark; a self-test's VM beside it
// stays until somebody cleans all that is marked.
func TestACanaryRemovesNoOther(t *testing.T) {
	t.Parallel()
	b := newBench(t, hypervisor.Dialect{Name: "plain"}, benchFast)
	test, canary := b.setup(), b.setup()
	canary.Canary, canary.Name = "n", plans.CanaryPrefix+"n-old"
	made := map[string]string{}
	for _, setup := range []plans.SelfTestSetup{test, canary} {
		s := plans.SelfTestStatus{Setup: setup}
		made[setup.Name] = b.step(&s, "make", plans.SelfTestProgress{}).VM
		require.Empty(t, s.Broken)
	}
	stranger, err := b.farm.Host("HV-A").CreateVM(t.Context(), hypervisor.Caller{By: "colleague"},
		hypervisor.NewVM{Name: plans.CanaryPrefix + "n-mine", Memory: 1 << 30, Generation: 2, DiskPath: `D:\VMs\mine.vhdx`, DiskBytes: 1 << 30})
	require.NoError(t, err)
	look, err := b.acts.SelfTestLook(t.Context(), SelfTestLookIn{Setup: canary})
	require.NoError(t, err)
	require.True(t, plans.Blocked(look.Findings), "what is left of any keeps it from beginning")
	for range 30 {
		out, err := b.acts.SelfTestClean(t.Context(), SelfTestCleanIn{Run: "r", Setup: canary, Named: plans.CanaryPrefix + "n-"})
		require.NoError(t, err)
		if len(out.Left) == 0 {
			break
		}
		b.pass(out.In)
	}
	there := func(id string) bool {
		_, found := b.farm.Host("HV-A").VM(id)
		return found
	}
	require.False(t, there(made[canary.Name]))
	require.True(t, there(made[test.Name]), "a self-test's VM is not the canary's")
	require.True(t, there(stranger), "a name alone says nothing")
	require.Empty(t, b.clean(test, ""))
	require.NoError(t, b.farm.Host("HV-A").RemoveVM(t.Context(), hypervisor.Caller{By: "colleague"}, stranger))
	b.leftNothing("in the end")
}
