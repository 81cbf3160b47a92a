package activities

import (
	"context"
	"errors"
	"strings"
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

// cleanNamed cleans by mark and name alone, as a night does that knows no VM.
func (b *bench) cleanNamed(setup plans.SelfTestSetup, named string) (left []string) {
	b.t.Helper()
	for range 30 {
		out, err := b.acts.SelfTestClean(b.t.Context(), SelfTestCleanIn{Run: "r", Setup: setup, Named: named})
		require.NoError(b.t, err)
		if left = out.Left; len(left) == 0 {
			return nil
		}
		b.pass(out.In)
	}
	return left
}

// A copy on a host that does not answer has perhaps no mark yet: the other copy,
// which tells whose it is, stays until it is seen.
func TestTheMarkOfACanaryGoesLast(t *testing.T) {
	t.Parallel()
	b := newBench(t, hypervisor.Dialect{Name: "plain"}, benchFast)
	setup := b.setup()
	setup.Canary, setup.Name = "n", plans.CanaryPrefix+"n-abc"
	look, err := b.acts.SelfTestLook(t.Context(), SelfTestLookIn{Setup: setup})
	require.NoError(t, err)
	s := plans.SelfTestStatus{Setup: look.Setup}
	made := b.step(&s, "make", plans.SelfTestProgress{})
	b.step(&s, "enable", made)
	require.Empty(t, s.Broken)
	dark := true
	b.refuse = func(host, _ string) string {
		if dark && host == "HV-B" {
			return "OperationFailed"
		}
		return ""
	}
	left := b.cleanNamed(look.Setup, setup.Name)
	require.Equal(t, 1, strings.Count(strings.Join(left, "; "), "HV-B cannot be seen"), left)
	_, there := b.farm.Host("HV-A").VM(made.VM)
	require.True(t, there, "nothing would tell that the replica is a canary's: %v", left)
	dark = false
	require.Empty(t, b.cleanNamed(look.Setup, plans.CanaryPrefix+"n-"))
	b.leftNothing("in the end")
	_, there = b.farm.Host("HV-B").VM(made.VM)
	require.False(t, there)
}

// A VM that was made and not marked, since its maker died between, is this very
// canary's by its name, and no other's.
func TestACanaryThatWasNotMarkedIsRemoved(t *testing.T) {
	t.Parallel()
	b := newBench(t, hypervisor.Dialect{Name: "plain"}, benchFast)
	setup := b.setup()
	setup.Canary, setup.Name = "n", plans.CanaryPrefix+"n-abc"
	half, err := b.farm.Host("HV-A").CreateVM(t.Context(), hypervisor.Caller{By: "killed"},
		hypervisor.NewVM{Name: setup.Name, Memory: 64 << 20, Generation: 2, DiskPath: `D:\VMs\` + setup.Name + `.vhdx`, DiskBytes: 1 << 30})
	require.NoError(t, err)
	require.Empty(t, b.cleanNamed(setup, plans.CanaryPrefix+"n-"), "by a name alone nothing goes")
	_, there := b.farm.Host("HV-A").VM(half)
	require.True(t, there)
	require.Empty(t, b.cleanNamed(setup, setup.Name))
	_, there = b.farm.Host("HV-A").VM(half)
	require.False(t, there)
	b.leftNothing("in the end")
}

// A run that began while a canary waited for its turn goes first as well; what the
// canary itself left some night is no reason, for it removes that first.
func TestACanaryStepsAsideAtItsTurn(t *testing.T) {
	t.Parallel()
	b := newBench(t, hypervisor.Dialect{Name: "plain"}, benchFast)
	setup := b.setup()
	setup.Canary, setup.Name = "n", plans.CanaryPrefix+"n-abc"
	var who string
	b.acts.Canaries.Real = func(context.Context) (string, error) { return who, nil }
	look := func(setup plans.SelfTestSetup) SelfTestLookOut {
		out, err := b.acts.SelfTestLook(t.Context(), SelfTestLookIn{Setup: setup})
		require.NoError(t, err)
		return out
	}
	require.Empty(t, look(setup).Findings)
	who = "the run plan/x"
	r := plans.EndCanary(plans.CanaryResult{}, plans.SelfTestStatus{Setup: setup, Verdict: plans.VerdictRefused, Findings: look(setup).Findings})
	require.True(t, r.Skipped)
	require.Equal(t, "the run plan/x is under way: that goes first", r.Why)
	require.Empty(t, look(b.setup()).Findings, "a person begins a self-test")

	who = ""
	s := plans.SelfTestStatus{Setup: setup}
	b.step(&s, "make", plans.SelfTestProgress{})
	own := look(setup).Findings
	require.Len(t, own, 1)
	require.Equal(t, "canary-left", own[0].Code)
	require.False(t, plans.Blocked(own))
	other := setup
	other.Canary = "other"
	require.True(t, plans.Blocked(look(other).Findings))
	require.Empty(t, b.cleanNamed(setup, setup.Name))
}
