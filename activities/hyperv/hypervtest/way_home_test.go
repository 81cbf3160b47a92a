package hypervtest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/testenv/environment"
	"github.com/lifeboat-dr/lifeboat/testenv/lab"
)

// actor does one thing after the other to one VM of one host, each on what the
// host says just before.
type actor struct {
	t    *testing.T
	host *hyperv.Host
	vm   string
}

type act func(id string, expect hyperv.Expect) (hyperv.ActResult, error)

func (a actor) copy() hyperv.Copy {
	a.t.Helper()
	c, err := a.host.Copies(a.t.Context(), []string{a.vm})
	require.NoError(a.t, err)
	require.Len(a.t, c.Copies, 1)
	return c.Copies[0]
}

func (a actor) try(do act) (hyperv.ActResult, error) {
	a.t.Helper()
	c := a.copy()
	return do(a.vm, hyperv.Expect{Power: c.Power, Mode: c.Mode, State: c.State})
}

// do does it and says what the VM is then. Where the VM moved on between the look
// and the act, nothing was done: simulated minutes pass in between.
func (a actor) do(do act) hyperv.View {
	a.t.Helper()
	for range 10 {
		r, err := a.try(do)
		require.NoError(a.t, err)
		if r.Outcome == hyperv.OutcomeDone {
			return r.Now
		}
		require.Equal(a.t, hyperv.OutcomeMoved, r.Outcome)
	}
	a.t.Fatal("the VM has moved on before each of ten acts")
	return hyperv.View{}
}

// until waits for what the host says.
func (a actor) until(want func(hyperv.Copy) bool) {
	a.t.Helper()
	require.Eventually(a.t, func() bool {
		c, err := a.host.Copies(a.t.Context(), []string{a.vm})
		return err == nil && len(c.Copies) == 1 && want(c.Copies[0])
	}, time.Minute, 50*time.Millisecond)
}

// startFast starts the pair with recovery points, simulated hours a second.
func startFast(t *testing.T) (primary, replica actor) {
	t.Helper()
	env, err := environment.Load("pair")
	require.NoError(t, err)
	for i := range env.VMs {
		env.VMs[i].Replicate.Points = 4
	}
	l, err := lab.Start(lab.Options{Environment: env, Seed: 1, Speed: 3600, Control: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(l.Close)
	at := func(i int) actor {
		return actor{t, hyperv.New(dialLab(t, l, l.Hosts()[i])), l.Farm().VMID(0)}
	}
	return at(0), at(1)
}

const begin = time.Minute

// A lost site: fail over to a chosen point and to the latest, commit, and take
// the old primary back as the replica.
func TestTheWayHomeAfterAnUnplannedFailover(t *testing.T) {
	a, b := startFast(t)
	ctx := t.Context()
	failover := func(point string) act {
		return func(id string, e hyperv.Expect) (hyperv.ActResult, error) {
			return b.host.StartFailover(ctx, id, e, begin, point)
		}
	}
	var points []hyperv.Point
	require.Eventually(t, func() bool {
		all, err := b.host.Points(ctx, []string{b.vm})
		points = all[b.vm]
		return err == nil && len(points) > 1 && points[len(points)-1].Recovery()
	}, time.Minute, 50*time.Millisecond)

	a.do(func(id string, e hyperv.Expect) (hyperv.ActResult, error) { return a.host.TurnOff(ctx, id, e, begin) })
	_, err := b.try(failover("0f6c3a52-9a33-4a53-9f6d-3f9c8f6d0a0f"))
	require.ErrorIs(t, err, hyperv.ErrNotFound, "a point that is nowhere")
	require.Equal(t, "Replicating", b.copy().State)
	require.Equal(t, "FailedOverWaitingCompletion", b.do(failover(points[len(points)-1].ID)).State)
	_, err = b.try(failover(""))
	require.ErrorIs(t, err, hyperv.ErrFailedOver)
	require.Equal(t, "Replicating", b.do(func(id string, e hyperv.Expect) (hyperv.ActResult, error) {
		return b.host.StopFailover(ctx, id, e, begin)
	}).State)
	require.Equal(t, "FailedOverWaitingCompletion", b.do(failover("")).State)
	require.Equal(t, "FailedOver", b.do(func(id string, e hyperv.Expect) (hyperv.ActResult, error) {
		return b.host.CompleteFailover(ctx, id, e, begin)
	}).State)
	all, err := b.host.Points(ctx, []string{b.vm})
	require.NoError(t, err)
	require.Empty(t, all[b.vm], "a commit removes the recovery points")

	require.Equal(t, "Replica", a.do(func(id string, e hyperv.Expect) (hyperv.ActResult, error) {
		return a.host.SetAsReplica(ctx, id, e, begin, "*")
	}).Mode)
	thumbprint := b.copy().Relations[0].Thumbprint
	require.Equal(t, "Primary", b.do(func(id string, e hyperv.Expect) (hyperv.ActResult, error) {
		return b.host.ReverseReplication(ctx, id, e, begin, "", thumbprint)
	}).Mode)
	b.do(func(id string, e hyperv.Expect) (hyperv.ActResult, error) {
		return b.host.StartInitial(ctx, id, e, begin, hyperv.InitialOptions{})
	})
	for _, side := range []actor{a, b} {
		side.until(func(c hyperv.Copy) bool { return c.State == "Replicating" })
	}
	require.NotNil(t, b.copy().Relations[0].InitialBytes)
}

func TestAResynchronizationAndTheEndOfARelationship(t *testing.T) {
	a, b := startFast(t)
	ctx := t.Context()
	resynchronize := func(id string, e hyperv.Expect) (hyperv.ActResult, error) {
		return a.host.Resynchronize(ctx, id, e, begin)
	}
	_, err := a.try(resynchronize)
	require.ErrorIs(t, err, hyperv.ErrWrongState)
	var refused *hyperv.Error
	require.ErrorAs(t, err, &refused)
	require.Contains(t, refused.Hint, "suspend")
	a.do(func(id string, e hyperv.Expect) (hyperv.ActResult, error) {
		return a.host.SuspendReplication(ctx, id, e, begin)
	})
	a.do(resynchronize)
	a.until(func(c hyperv.Copy) bool { return c.State == "Replicating" })

	remove := func(relationship string) act {
		return func(id string, e hyperv.Expect) (hyperv.ActResult, error) {
			return a.host.RemoveReplication(ctx, id, e, begin, relationship)
		}
	}
	_, err = a.try(remove("Extended"))
	require.ErrorIs(t, err, hyperv.ErrNotFound)
	require.Equal(t, "Primary", a.copy().Mode)
	require.Equal(t, "None", a.do(remove("Simple")).Mode)
	require.Equal(t, "Replica", b.copy().Mode, "the other side is not asked")
}

func TestAVMIsTakenOffTheNetwork(t *testing.T) {
	a, _ := startFast(t)
	require.True(t, a.copy().Adapters[0].Connected)
	r, err := a.try(func(id string, e hyperv.Expect) (hyperv.ActResult, error) {
		return a.host.Disconnect(t.Context(), id, e, begin)
	})
	require.NoError(t, err)
	require.Equal(t, "Running", r.Now.Power)
	after := a.copy().Adapters
	require.False(t, after[0].Connected)
	require.Equal(t, after[0].Connected, r.Adapters[0].Connected)
}

// There is nothing to clean up, and the same cmdlet would take back a failover.
func TestACleanUpWithoutATestIsRefused(t *testing.T) {
	a, b := startFast(t)
	a.do(func(id string, e hyperv.Expect) (hyperv.ActResult, error) {
		return a.host.TurnOff(t.Context(), id, e, begin)
	})
	b.do(func(id string, e hyperv.Expect) (hyperv.ActResult, error) {
		return b.host.StartFailover(t.Context(), id, e, begin, "")
	})
	_, err := b.try(func(id string, e hyperv.Expect) (hyperv.ActResult, error) {
		return b.host.StopTest(t.Context(), id, e, begin)
	})
	require.ErrorIs(t, err, hyperv.ErrNotFound)
	require.Equal(t, "FailedOverWaitingCompletion", b.copy().State)
}
