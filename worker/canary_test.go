package worker

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/control"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// aviary is the calendar of canaries over a real Temporal server, without hosts.
func aviary(t *testing.T, text string) (*canaries, *drillDesk) {
	t.Helper()
	d := newDrillDesk(t, "canaries:\n"+text)
	return newCanaries(Options{Configuration: d.now(), Folder: &Folder{Journal: d.journal}, Log: d.log}, d.client), d
}

func (d *drillDesk) nights(name string) []plans.CanaryResult {
	d.t.Helper()
	all, err := d.journal.Canaries()
	require.NoError(d.t, err)
	return all[name]
}

// The calendar in Temporal is what the files say; what was missed is kept once.
func TestTheCalendarOfCanariesFollowsTheConfiguration(t *testing.T) {
	c, d := aviary(t, `  - {name: nightly, host: A, to: B, cron: "30 2 * * *", timezone: Europe/Dublin}
  - {name: gone, host: A, to: B, cron: "0 6 * * *"}`)
	ctx, now := t.Context(), time.Now().UTC().Truncate(time.Second)
	require.NoError(t, c.keep(ctx, now))
	calendar, err := c.now().Canaries[0].Calendar()
	require.NoError(t, err)
	held := func() control.CanarySchedule {
		s, err := c.client.CanarySchedule(ctx, "nightly")
		require.NoError(t, err)
		return s
	}
	require.Equal(t, calendar.Next(now, writtenOut), held().Moments)
	require.Equal(t, time.Hour, held().Within)

	c.adopt(d.configuration("canaries:\n" + `  - {name: nightly, host: A, to: B, cron: "0 4 * * *", within: 20m}`))
	require.Eventually(t, func() bool {
		require.NoError(t, c.keep(ctx, now))
		_, err := c.client.CanarySchedule(ctx, "gone")
		return err != nil
	}, time.Minute, 200*time.Millisecond, "a canary that is not wanted stays on the calendar")
	first := held().Moments[0]
	require.Equal(t, 4, first.Hour())

	require.NoError(t, c.keep(ctx, first.Add(15*time.Minute)))
	require.Empty(t, d.nights("nightly"), "it may still begin")
	for range 2 {
		require.NoError(t, c.keep(ctx, first.Add(time.Hour)))
	}
	missed := d.nights("nightly")
	require.Len(t, missed, 1)
	require.True(t, missed[0].Skipped)
	require.True(t, missed[0].Due.Equal(first))
	require.NoError(t, c.client.PauseCanary(ctx, "nightly", "dana", "holidays"))
	require.NoError(t, c.keep(ctx, held().Moments[0].Add(time.Hour)))
	require.Len(t, d.nights("nightly"), 1, "nobody need be told of one that a person has paused")
	states, err := c.states()
	require.NoError(t, err)
	require.Len(t, states, 1)
	require.Len(t, states[0].Results, 1)
}

// Temporal begins a canary at the moment that was written out; here a real run is
// under way, so it steps aside, and that is kept.
func TestTheCalendarSendsACanary(t *testing.T) {
	c, d := aviary(t, `  - {name: nightly, host: A, to: B, cron: "30 2 * * *"}`)
	_, err := d.c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: workflows.PlanRunID("all"), TaskQueue: "nobody"}, workflows.RecoveryPlanRun)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		who, err := c.client.RealRun(t.Context())
		return err == nil && who == "the run plan/all"
	}, time.Minute, 100*time.Millisecond)
	w := sdkworker.New(d.c, workflows.TaskQueue, sdkworker.Options{})
	workflows.Register(w)
	register(w, activities.New(activities.Deps{Journal: d.journal, Log: d.log, Canaries: c.deps()}))
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)

	moment := soon()
	err = c.client.KeepCanary(t.Context(), control.CanarySchedule{Canary: "nightly", Calendar: control.Calendar{Moments: []time.Time{moment}, Within: 10 * time.Minute}}, false)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(d.nights("nightly")) > 0 }, 2*time.Minute, 100*time.Millisecond, "no canary began")
	r := d.nights("nightly")[0]
	require.True(t, r.Due.Equal(moment))
	require.True(t, r.Skipped)
	require.Equal(t, "the run plan/all is under way: that goes first", r.Why)
	require.Equal(t, [2]string{"A", "B"}, [2]string{r.Host, r.To})
	require.Eventually(t, func() bool {
		s, err := c.client.CanarySchedule(t.Context(), "nightly")
		return err == nil && slices.ContainsFunc(s.Begun, moment.Equal)
	}, time.Minute, 100*time.Millisecond)
	id, err := c.client.StartCanary(t.Context(), "unknown", "dana", "")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(d.nights("unknown")) > 0 }, time.Minute, 100*time.Millisecond)
	r, err = c.client.Canary(t.Context(), id)
	require.NoError(t, err)
	require.Contains(t, r.Why, `no canary "unknown"`)
}

// A night that somebody terminates keeps nothing itself: that is seen, and kept once.
func TestACanaryThatIsTerminatedIsKept(t *testing.T) {
	c, d := aviary(t, `  - {name: nightly, host: A, to: B, cron: "30 2 * * *"}`)
	moment := soon()
	err := c.client.KeepCanary(t.Context(), control.CanarySchedule{Canary: "nightly", Calendar: control.Calendar{Moments: []time.Time{moment}, Within: 10 * time.Minute}}, false)
	require.NoError(t, err)
	held := func() control.CanarySchedule {
		s, err := c.client.CanarySchedule(t.Context(), "nightly")
		require.NoError(t, err)
		return s
	}
	require.Eventually(t, func() bool { return held().Running }, 2*time.Minute, 100*time.Millisecond, "no canary began")
	require.NoError(t, c.keep(t.Context(), time.Now().UTC()))
	require.Empty(t, d.nights("nightly"), "it is under way")
	id := workflows.CanaryID("nightly") + "-" + moment.Format(time.RFC3339)
	require.NoError(t, d.c.TerminateWorkflow(t.Context(), id, "", "a test"))
	require.Eventually(t, func() bool { return !held().Running }, 2*time.Minute, 100*time.Millisecond)
	for range 2 {
		require.NoError(t, c.keep(t.Context(), time.Now().UTC()))
	}
	nights := d.nights("nightly")
	require.Len(t, nights, 1)
	require.Equal(t, "left behind", nights[0].Outcome())
	require.True(t, nights[0].Due.Equal(moment))
	require.Contains(t, nights[0].Words(), "lifeboat-canary-nightly-")
}

// What was due while the one before was under way is not the engine's absence, though
// that one has ended when it is noted.
func TestACanaryThatWasInTheWayIsNamed(t *testing.T) {
	c, d := aviary(t, `  - {name: nightly, host: A, to: B, cron: "30 2 * * *"}`)
	at := time.Now().UTC().Truncate(time.Second).Add(-5 * time.Hour)
	require.NoError(t, c.save(plans.CanaryResult{Canary: "nightly", Due: at.Add(-time.Hour), Began: at.Add(-time.Hour), Ended: at.Add(time.Hour), Verdict: plans.VerdictDone}))
	for _, due := range []time.Time{at, at.Add(2 * time.Hour)} {
		require.NoError(t, c.missed(c.now().Canaries[0], control.CanarySchedule{}, due, time.Now().UTC()))
	}
	nights := d.nights("nightly")
	require.Len(t, nights, 3)
	require.Equal(t, "the engine was not there when it was due", nights[0].Why)
	require.Equal(t, "the one before was still under way", nights[1].Why)
}

// What a person's self-test found can be read though a canary has walked since.
func TestTheLastSelfTestIsNoCanarys(t *testing.T) {
	c, d := aviary(t, `  - {name: nightly, host: A, to: B, cron: "30 2 * * *"}`)
	_, err := c.client.LastSelfTest(t.Context())
	require.ErrorIs(t, err, control.ErrNoRun)
	input := func(name string) workflows.SelfTestInput {
		party := plans.SelfTestParty{Host: "X", Site: "x"}
		return workflows.SelfTestInput{Run: name, Setup: plans.SelfTestSetup{Name: name, A: party, B: party, Speed: 1}}
	}
	acts := activities.New(activities.Deps{Journal: d.journal, Log: d.log, Hosts: func(string) (*hyperv.Host, error) { return nil, errors.New("no host") }})
	for _, queue := range []string{workflows.TaskQueue, workflows.SiteQueue("x")} {
		w := sdkworker.New(d.c, queue, sdkworker.Options{})
		workflows.Register(w)
		register(w, acts)
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
			child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: workflows.SelfTestID})
			return workflow.ExecuteChildWorkflow(child, workflows.SelfTestRun, input("a canary's")).Get(ctx, nil)
		}, workflow.RegisterOptions{Name: "night"})
		require.NoError(t, w.Start())
		t.Cleanup(w.Stop)
	}
	require.NoError(t, c.client.StartSelfTest(t.Context(), "own", input("own").Setup))
	require.Eventually(t, func() bool {
		s, err := c.client.LastSelfTest(t.Context())
		return err == nil && !s.Ended.IsZero()
	}, time.Minute, 100*time.Millisecond)
	night, err := d.c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "night", TaskQueue: workflows.TaskQueue}, "night")
	require.NoError(t, err)
	require.NoError(t, night.Get(t.Context(), nil))
	s, err := c.client.SelfTest(t.Context())
	require.NoError(t, err)
	require.Equal(t, "a canary's", s.Setup.Name)
	s, err = c.client.LastSelfTest(t.Context())
	require.NoError(t, err)
	require.Equal(t, "own", s.Setup.Name)
}

// A night by hand that somebody terminates is told, not watched for ever.
func TestACanaryByHandThatIsTerminatedIsSeen(t *testing.T) {
	c, d := aviary(t, `  - {name: nightly, host: A, to: B, cron: "30 2 * * *"}`)
	w := sdkworker.New(d.c, workflows.TaskQueue, sdkworker.Options{})
	workflows.Register(w) // without activities it waits
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	id, err := c.client.StartCanary(t.Context(), "nightly", "dana", "")
	require.NoError(t, err)
	_, err = c.client.Canary(t.Context(), id)
	require.NoError(t, err)
	require.NoError(t, d.c.TerminateWorkflow(t.Context(), id, "", "a test"))
	_, err = c.client.Canary(t.Context(), id)
	require.ErrorIs(t, err, control.ErrEndedOutside)
}
