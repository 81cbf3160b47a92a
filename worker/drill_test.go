package worker

import (
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	sdkworker "go.temporal.io/sdk/worker"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/activities/journal"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/control"
	"github.com/lifeboat-dr/lifeboat/worker/embedded"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// drillDesk is the calendar over a real Temporal server, without hosts.
type drillDesk struct {
	*drills
	t    *testing.T
	c    client.Client
	told []string
}

func newDrillDesk(t *testing.T, calendars string) *drillDesk {
	t.Helper()
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	server, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir(), Namespaces: []embedded.Namespace{{Name: Namespace, Retention: 24 * time.Hour}}, SearchAttributes: SearchAttributes()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Stop() })
	c, err := client.Dial(client.Options{HostPort: server.Address, Namespace: Namespace, Logger: sdklog.NewStructuredLogger(quiet)})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	j, err := journal.Open(filepath.Join(t.TempDir(), "journal.db"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = j.Close() })
	d := &drillDesk{t: t, c: c}
	o := Options{Configuration: d.configuration(calendars), Folder: &Folder{Journal: j}, Log: quiet, Version: "test"}
	d.drills = newDrills(o, control.Over(c, Namespace), func(in activities.NotifyIn) error {
		d.told = append(d.told, in.Text)
		return nil
	})
	return d
}

// configuration is a plan of one VM, with what is on calendars.
func (d *drillDesk) configuration(calendars string) *Configuration {
	d.t.Helper()
	cfg, err := plans.Decode([]plans.File{{Name: "site.yaml", Data: []byte(`version: 1
sites: [{name: hq}, {name: dr}]
hosts:
  - {name: A, site: hq, address: 10.0.0.1, winrm: {user: u, secret: "env:X"}}
  - {name: B, site: dr, address: 10.0.1.1, winrm: {user: u, secret: "env:X"}}
groups: [{name: g, from: A, to: B, frequency: 5m, vms: [{name: dc, id: ` + watchedVM + `}]}]
plans: [{name: all, from: hq, to: dr, steps: [{stage: base, vms: [{vm: dc}]}]}]
` + calendars)}})
	require.NoError(d.t, err)
	return &Configuration{Config: cfg}
}

func (d *drillDesk) held(name string) control.DrillSchedule {
	d.t.Helper()
	s, err := d.client.DrillSchedule(d.t.Context(), name)
	require.NoError(d.t, err)
	return s
}

func (d *drillDesk) reports() []plans.Report {
	d.t.Helper()
	all, err := d.journal.Reports()
	require.NoError(d.t, err)
	return all
}

// The calendar in Temporal is what the files say: what was previewed is written
// out there, an edit replaces it, a pause stays, and what was missed is reported
// once, with why.
func TestTheCalendarFollowsTheConfiguration(t *testing.T) {
	d := newDrillDesk(t, `drills:
  - {name: weekly, plan: all, cron: "0 6 * * SUN", timezone: Europe/Dublin, blackout: [month-end], jitter: 30m}
  - {name: gone, plan: all, cron: "0 6 * * *"}`)
	ctx, now := t.Context(), time.Now().UTC().Truncate(time.Second)
	require.NoError(t, d.keep(ctx, now))
	calendar, err := plans.CalendarOf(d.now().Drills[0])
	require.NoError(t, err)
	want := calendar.Next(now, writtenOut)
	require.Equal(t, want, d.held("weekly").Moments)
	require.Equal(t, 15*time.Minute, d.held("weekly").Within)

	// An edit, and a drill that is taken out; the pause of a person stays.
	require.NoError(t, d.client.PauseDrill(ctx, "weekly", "dana", "audit week"))
	d.adopt(d.configuration(`drills:
  - {name: weekly, plan: all, cron: "0 7 * * MON", within: 20m, pause_on_failure: true}`))
	require.Eventually(t, func() bool {
		require.NoError(t, d.keep(ctx, now))
		_, err := d.client.DrillSchedule(ctx, "gone")
		return err != nil
	}, time.Minute, 200*time.Millisecond, "a drill that is not wanted stays on the calendar")
	weekly := d.held("weekly")
	require.Equal(t, time.Monday, weekly.Moments[0].Weekday())
	require.True(t, weekly.PauseOnFailure)
	require.True(t, weekly.Paused)
	require.Equal(t, "dana: audit week", weekly.Note)

	// Its moment passes while it is paused; the next while nobody is there.
	require.NoError(t, d.keep(ctx, weekly.Moments[0].Add(15*time.Minute)))
	require.Empty(t, d.reports(), "it may still begin")
	later := weekly.Moments[0].Add(time.Hour)
	require.NoError(t, d.keep(ctx, later))
	require.NoError(t, d.keep(ctx, later.Add(time.Minute)))
	require.NoError(t, d.client.ResumeDrill(ctx, "weekly", "dana", ""))
	require.NoError(t, d.keep(ctx, weekly.Moments[1].Add(time.Hour)))
	all := d.reports()
	require.Len(t, all, 2)
	for i, code := range []string{plans.DrillMissed, plans.DrillPaused} { // the newest first
		r := all[i]
		require.Equal(t, plans.VerdictRefused, r.Status.Verdict)
		require.Equal(t, code, r.Status.Findings[0].Code)
		require.True(t, r.Input.Drill.Due.Equal(weekly.Moments[1-i]))
		require.Equal(t, plans.CriterionNotJudged, r.Judgements[0].Result)
	}
	require.Len(t, d.told, 2)
	require.Contains(t, d.told[0], "the calendar is paused (dana: audit week)")
	require.Contains(t, d.told[1], "no engine was there to begin it")
	require.Equal(t, calendarAfter(t, d, weekly.Moments[1].Add(time.Hour)), d.held("weekly").Moments)
}

func calendarAfter(t *testing.T, d *drillDesk, after time.Time) []time.Time {
	t.Helper()
	calendar, err := plans.CalendarOf(d.now().Drills[0])
	require.NoError(t, err)
	return calendar.Next(after, writtenOut)
}

// Killed between telling people and the report, or where nobody could be told: the
// next look says it again, and the journal has it once.
func TestAMissedDrillIsToldWhateverHappensInBetween(t *testing.T) {
	d := newDrillDesk(t, `drills:
  - {name: weekly, plan: all, cron: "0 6 * * SUN"}`)
	tell, due := d.tell, time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	d.tell = func(activities.NotifyIn) error { return errors.New("killed") }
	missed := func() error {
		r, err := d.missed(d.now(), d.now().Drills[0], control.DrillSchedule{}, due, due.Add(time.Hour), d.journal.Reports)
		if err != nil || r == nil {
			return err
		}
		return d.report("weekly", []plans.Report{*r})
	}
	require.Error(t, missed())
	require.Empty(t, d.reports(), "with a report it counts as told")
	d.tell = tell
	require.NoError(t, missed())
	require.NoError(t, missed())
	require.Len(t, d.told, 1)
	require.Len(t, d.reports(), 1)
}

// An engine that was away for weeks says in one message how many drills were missed,
// from when to when; each has its report.
func TestALongOutageIsOneMessageForEachDrill(t *testing.T) {
	d := newDrillDesk(t, `drills:
  - {name: daily, plan: all, cron: "0 6 * * *"}
  - {name: weekly, plan: all, cron: "0 7 * * SUN"}`)
	now := time.Now().UTC().Truncate(time.Second)
	require.NoError(t, d.keep(t.Context(), now))
	daily, weekly := d.held("daily").Moments, d.held("weekly").Moments
	require.NoError(t, d.keep(t.Context(), now.Add(21*24*time.Hour)))
	require.Len(t, d.reports(), 24)
	require.Len(t, d.told, 2)
	for i, words := range [][2]string{
		{"daily was missed 21 times, due from " + daily[0].Format("Mon 2 Jan 15:04"), "to " + daily[20].Format("Mon 2 Jan 15:04") + " UTC: no engine was there"},
		{"weekly was missed 3 times, due from " + weekly[0].Format("Mon 2 Jan 15:04"), "to " + weekly[2].Format("Mon 2 Jan 15:04") + " UTC: no engine was there"},
	} {
		require.Contains(t, d.told[i], words[0])
		require.Contains(t, d.told[i], words[1])
	}
	require.NoError(t, d.keep(t.Context(), now.Add(21*24*time.Hour+time.Minute)))
	require.Len(t, d.told, 2)
}

// Temporal begins a drill at the moment that was written out, and the drill knows
// which; here it meets a day that has become a day without drills.
func TestTheCalendarBeginsADrill(t *testing.T) {
	d := newDrillDesk(t, `drills:
  - {name: weekly, plan: all, cron: "0 6 * * SUN"}`)
	d.now().Drills[0].Blackout = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
	acts := activities.New(activities.Deps{Journal: d.journal, Log: d.log, Version: "test", Drills: d.deps(), Tell: d.tell})
	w := sdkworker.New(d.c, workflows.TaskQueue, sdkworker.Options{})
	workflows.Register(w)
	register(w, acts)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)

	moment := soon()
	err := d.client.KeepDrill(t.Context(), control.DrillSchedule{Drill: "weekly", Calendar: control.Calendar{Moments: []time.Time{moment}, Within: 10 * time.Minute}}, false)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(d.reports()) > 0 }, 2*time.Minute, 100*time.Millisecond, "no drill began")
	r := d.reports()[0]
	require.Equal(t, plans.DrillRunID("weekly", moment), r.Status.RunID)
	require.Equal(t, plans.DrillBlackout, r.Status.Findings[0].Code)
	require.Eventually(t, func() bool { return slices.ContainsFunc(d.held("weekly").Begun, moment.Equal) }, time.Minute, 100*time.Millisecond)
	// It was begun: an hour later nobody calls it missed.
	missed, err := d.missed(d.now(), d.now().Drills[0], d.held("weekly"), moment, moment.Add(time.Hour), d.journal.Reports)
	require.NoError(t, err)
	require.Nil(t, missed)
	require.Len(t, d.reports(), 1)
}

// What is asked about real operations: a plan's run by its id, and whatever works
// on a VM; a drill's own work is none.
func TestRealOperationsAreSeen(t *testing.T) {
	d := newDrillDesk(t, `drills:
  - {name: weekly, plan: all, cron: "0 6 * * SUN"}`)
	ctx := t.Context()
	begin := func(id, kind string) {
		_, err := d.c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: "nobody"}, kind)
		require.NoError(t, err)
	}
	begin("drill/"+watchedVM, workflows.VMOperation)
	begin(workflows.VMOperationID("another"), workflows.VMOperation)
	begin(workflows.PlanRunID("other"), workflows.RecoveryPlanRun)
	require.Eventually(t, func() bool {
		open, err := d.c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: Namespace})
		return err == nil && open.GetCount() == 3
	}, time.Minute, 100*time.Millisecond)
	vms := []string{watchedVM}
	who, err := d.real(ctx, "all", vms)
	require.NoError(t, err)
	require.Empty(t, who)

	begin(workflows.VMOperationID(watchedVM), workflows.RepairVM)
	require.Eventually(t, func() bool {
		who, err = d.real(ctx, "all", vms)
		return err == nil && strings.Contains(who, watchedVM)
	}, time.Minute, 100*time.Millisecond)
	who, err = d.real(ctx, "all", nil) // a large plan's VMs are not named
	require.NoError(t, err)
	require.Contains(t, who, watchedVM)
	begin(workflows.PlanRunID("all"), workflows.RecoveryPlanRun)
	who, err = d.real(ctx, "all", vms)
	require.NoError(t, err)
	require.Equal(t, "the run plan/all", who, "by its id, at once")
}

// A calendar that cannot be read, like that of a time zone which is gone, is an
// answer.
func TestADrillOfAnUnreadableCalendarIsNotFound(t *testing.T) {
	cfg := *(&drillDesk{t: t}).configuration(`drills:
  - {name: weekly, plan: all, cron: "0 6 * * SUN"}`)
	cfg.Drills[0].Timezone = "Gone/City"
	j, err := journal.Open(filepath.Join(t.TempDir(), "journal.db"))
	require.NoError(t, err)
	defer func() { _ = j.Close() }()
	_, err = (&drills{keeper: newKeeper(&cfg), journal: j}).find("weekly", plans.DrillStart{Due: time.Now()})
	require.ErrorContains(t, err, "Gone/City")
}

// soon is a moment ahead for which a busy machine can still make a Schedule.
func soon() time.Time { return time.Now().UTC().Truncate(time.Second).Add(10 * time.Second) }
