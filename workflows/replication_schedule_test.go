package workflows

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

const halfMinute = 30 * time.Second

var everyHalfMinute = plans.ScheduleID{Host: "HQ1", Frequency: plans.Frequency(halfMinute)}

// rhythm is a schedule in a test environment; ticks are the times at which the
// host was asked.
type rhythmTrial struct {
	t     *testing.T
	env   *testsuite.TestWorkflowEnvironment
	ticks []time.Time
	only  int
	// said are the answers to Updates, in order: "" is yes.
	said []string
	// answer stands in for the host, n counts from 1.
	answer func(n int) (activities.WatchTickOut, error)
}

func newRhythm(t *testing.T) *rhythmTrial {
	r := &rhythmTrial{t: t, env: testEnvironment()}
	r.env.SetStartTime(time.Date(2026, 3, 1, 8, 0, 7, 0, time.UTC))
	RegisterWatch(r.env)
	r.env.RegisterActivityWithOptions(func(_ context.Context, in activities.WatchTickIn) (activities.WatchTickOut, error) {
		if in.Only {
			r.only++
		} else {
			r.ticks = append(r.ticks, r.env.Now().UTC())
		}
		if r.answer != nil {
			return r.answer(len(r.ticks))
		}
		return r.well(), nil
	}, activity.RegisterOptions{Name: activities.WatchTickName})
	return r
}

func (r *rhythmTrial) well() activities.WatchTickOut {
	return activities.WatchTickOut{Every: halfMinute, Offset: 4 * time.Second, TickResult: plans.TickResult{At: r.env.Now(), Reached: true, Legs: 1}}
}

func (r *rhythmTrial) input() ScheduleInput {
	return ScheduleInput{ID: everyHalfMinute, Every: halfMinute, Offset: 4 * time.Second}
}

func (r *rhythmTrial) at(after time.Duration, do func()) { r.env.RegisterDelayedCallback(do, after) }

func (r *rhythmTrial) status() plans.ScheduleStatus {
	r.t.Helper()
	value, err := r.env.QueryWorkflow(StatusQuery)
	if err != nil {
		r.t.Fatal(err)
	}
	var s plans.ScheduleStatus
	if err := value.Get(&s); err != nil {
		r.t.Fatal(err)
	}
	return s
}

// ask sends an Update; its answer comes later, into said.
func (r *rhythmTrial) ask(name string, p PauseRequest) {
	r.env.UpdateWorkflow(name, "", &testsuite.TestUpdateCallback{
		OnReject: func(err error) { r.said = append(r.said, err.Error()) },
		OnAccept: func() { r.said = append(r.said, "") }, OnComplete: func(any, error) {},
	}, p)
}

// carried runs to the continue-as-new and returns the next part's input.
func (r *rhythmTrial) carried(in ScheduleInput) ScheduleInput {
	r.t.Helper()
	r.env.ExecuteWorkflow(ReplicationSchedule, in)
	var again *workflow.ContinueAsNewError
	if err := r.env.GetWorkflowError(); !errors.As(err, &again) {
		r.t.Fatalf("ended with %v, want a continue-as-new", err)
	}
	var next ScheduleInput
	if err := converter.GetDefaultDataConverter().FromPayloads(again.Input, &next); err != nil {
		r.t.Fatal(err)
	}
	return next
}

// Ticks lie on the schedule's own grid, across the parts of its history.
func TestAScheduleKeepsItsRhythmAcrossContinueAsNew(t *testing.T) {
	r := newRhythm(t)
	next := r.carried(r.input())
	if len(r.ticks) != ticksPerRun || !r.ticks[0].Equal(time.Date(2026, 3, 1, 8, 0, 34, 0, time.UTC)) {
		t.Fatalf("%d ticks, the first at %v", len(r.ticks), r.ticks[0])
	}
	for i, at := range r.ticks[1:] {
		if at.Sub(r.ticks[i]) != halfMinute {
			t.Fatalf("tick %d came %s after the one before", i+1, at.Sub(r.ticks[i]))
		}
	}
	if next.Carry == nil || next.Carry.Ticks != ticksPerRun || next.Carry.Missed != 0 || !next.Carry.NextTick.Equal(r.ticks[ticksPerRun-1].Add(halfMinute)) {
		t.Fatalf("carried %+v", next.Carry)
	}
	second := newRhythm(t)
	second.env.SetStartTime(next.Carry.NextTick.Add(-20 * time.Second))
	after := second.carried(next)
	if !second.ticks[0].Equal(next.Carry.NextTick) || after.Carry.Ticks != 2*ticksPerRun || !after.Carry.Started.Equal(next.Carry.Started) {
		t.Errorf("the second part began at %v and carried %+v", second.ticks[0], after.Carry)
	}
}

// After a day without an engine there is one tick, and then the rhythm.
func TestADayOfDowntimeIsOneTick(t *testing.T) {
	r := newRhythm(t)
	in := r.input()
	planned := time.Date(2026, 2, 28, 8, 0, 4, 0, time.UTC)
	in.Carry = &plans.ScheduleStatus{ScheduleID: everyHalfMinute, Started: planned.Add(-time.Hour), LastTick: planned.Add(-halfMinute), NextTick: planned, Ticks: 7}
	r.at(time.Minute, func() {
		if s := r.status(); s.Missed != 2880 || s.Ticks != 7+len(r.ticks) || s.Lag != 0 && s.MaxLag.D() < 24*time.Hour {
			t.Errorf("after a day: %+v", s)
		}
		if len(r.ticks) != 3 || r.ticks[0].Sub(planned) < 24*time.Hour || r.ticks[0].Sub(planned) > 24*time.Hour+halfMinute ||
			!r.ticks[1].Equal(time.Date(2026, 3, 1, 8, 0, 34, 0, time.UTC)) || r.ticks[2].Sub(r.ticks[1]) != halfMinute {
			t.Errorf("ticks at %v", r.ticks)
		}
	})
	r.carried(in)
}

// The engine is killed while a host is asked, and is away for a day: the tick under
// way is the one that there is, what was due meanwhile counts as missed, and the
// next ones lie on the grid.
func TestADayOfDowntimeInTheMiddleOfATick(t *testing.T) {
	r := newRhythm(t)
	const day = 24 * time.Hour
	tick := func(context.Context, activities.WatchTickIn) (activities.WatchTickOut, error) {
		r.ticks = append(r.ticks, r.env.Now().UTC())
		return r.well(), nil
	}
	for _, takes := range []time.Duration{0, day} {
		r.env.OnActivity(activities.WatchTickName, mock.Anything, mock.Anything).After(takes).Return(tick).Once()
	}
	r.env.OnActivity(activities.WatchTickName, mock.Anything, mock.Anything).Return(tick)
	planned := time.Date(2026, 3, 1, 8, 1, 4, 0, time.UTC) // the second
	r.at(day+2*time.Minute, func() {
		if s := r.status(); s.Missed != 2880 || s.Ticks != 4 || s.State() != "well" || !s.NextTick.Equal(planned.Add(day+3*halfMinute)) {
			t.Errorf("after a day: %d ticks, %d missed, %s, next at %s: %s", s.Ticks, s.Missed, s.State(), s.NextTick, s.Problem)
		}
		want := []time.Time{planned.Add(-halfMinute), planned.Add(day), planned.Add(day + halfMinute), planned.Add(day + 2*halfMinute)}
		if !slices.EqualFunc(r.ticks, want, time.Time.Equal) {
			t.Errorf("ticks at %v, want %v", r.ticks, want)
		}
	})
	r.carried(r.input())
}

func TestPauseAndResume(t *testing.T) {
	r := newRhythm(t)
	r.at(40*time.Second, func() {
		r.ask(PauseUpdate, PauseRequest{By: "mia"})
		r.ask(PauseUpdate, PauseRequest{Reason: "maintenance"})
		r.ask(ResumeUpdate, PauseRequest{By: "mia"})
		r.ask(PauseUpdate, PauseRequest{By: "mia", Reason: "new switch"})
	})
	var before int
	r.at(50*time.Second, func() {
		before = len(r.ticks)
		if s := r.status(); s.State() != "paused" || s.Paused.By != "mia" || s.Paused.Reason != "new switch" || !s.NextTick.IsZero() {
			t.Errorf("paused: %+v", s)
		}
		r.ask(PauseUpdate, PauseRequest{By: "tom", Reason: "x"})
		// A changed configuration is looked at, the host is not.
		r.env.SignalWorkflow(LookSignal, nil)
	})
	r.at(6*time.Hour, func() {
		if len(r.ticks) != before || r.only != 1 {
			t.Errorf("%d ticks in a pause, %d looks at the configuration", len(r.ticks)-before, r.only)
		}
		r.ask(ResumeUpdate, PauseRequest{By: "mia"})
	})
	r.at(6*time.Hour+time.Minute, func() {
		if s := r.status(); s.Missed != 0 || s.Paused != nil || len(r.ticks) != before+2 {
			t.Errorf("after the pause: %+v, %d ticks", s, len(r.ticks)-before)
		}
	})
	r.carried(r.input())
	want := []string{"needs by and reason", "needs by and reason", "not paused", "", "by mia: new switch", ""}
	for i, said := range r.said {
		if len(r.said) != len(want) || (said == "") != (want[i] == "") || !strings.Contains(said, want[i]) {
			t.Fatalf("the Updates were answered %q, want %q", r.said, want)
		}
	}
	if len(r.said) == 0 {
		t.Error("no Update was answered")
	}
}

// A host that is away is seen to be, and since when; a tick that cannot be kept
// is a problem that the next one may end. Neither ends the schedule.
func TestAHostThatIsAwayAndATickThatCannotBeKept(t *testing.T) {
	r := newRhythm(t)
	var since time.Time
	r.answer = func(n int) (activities.WatchTickOut, error) {
		out := r.well()
		switch {
		case n >= 3 && n < 6:
			if since.IsZero() {
				since = r.env.Now()
			}
			out.TickResult = plans.TickResult{At: r.env.Now(), Why: "no answer", Since: since}
		case n >= 8 && n < 11:
			return activities.WatchTickOut{}, errors.New("disk full")
		}
		return out, nil
	}
	states := map[string]int{}
	for i := range 15 {
		r.at(time.Duration(i)*halfMinute+35*time.Second, func() { states[r.status().State()]++ })
	}
	next := r.carried(r.input())
	if states["unseen"] != 3 || states["unkept"] != 1 || states["well"] != 11 {
		t.Errorf("states %v, want three unseen, one unkept after its three tries, then well again", states)
	}
	if next.Carry.Problem != "" || next.Carry.State() != "well" {
		t.Errorf("carried %+v", next.Carry)
	}
	text := scheduleDetails(plans.ScheduleStatus{ScheduleID: everyHalfMinute, Last: plans.TickResult{At: since, Why: "no answer", Since: since}})
	if !strings.Contains(text, "UNSEEN") || !strings.Contains(text, "has not answered since "+since.UTC().Format("2006-01-02 15:04:05Z")) {
		t.Errorf("the Web UI says %q", text)
	}
}

// What the configuration does not have any more ends, at once when it is told
// to look; a new rhythm is taken up.
func TestAScheduleFollowsTheConfiguration(t *testing.T) {
	r := newRhythm(t)
	r.answer = func(n int) (activities.WatchTickOut, error) {
		out := r.well()
		if n >= 2 {
			out.Every, out.Offset = 10*time.Second, time.Second
		}
		out.Gone = n >= 5
		return out, nil
	}
	r.at(time.Minute, func() { r.env.SignalWorkflow(LookSignal, nil) })
	r.env.ExecuteWorkflow(ReplicationSchedule, r.input())
	if err := r.env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	var seconds []int
	for _, at := range r.ticks {
		seconds = append(seconds, int(at.Sub(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC))/time.Second))
	}
	// 34 and 64 in the old rhythm, 67 when it is told to look, 71 and 81 in the
	// new one.
	if !slices.Equal(seconds, []int{34, 64, 67, 71, 81}) {
		t.Errorf("ticks at %v s", seconds)
	}
}

// A new schedule of a quarter of an hour ticks within half a minute, then in its
// rhythm.
func TestANewScheduleTicksSoon(t *testing.T) {
	r := newRhythm(t)
	in := r.input()
	in.Every, in.Offset = 15*time.Minute, 7*time.Minute
	r.answer = func(int) (activities.WatchTickOut, error) {
		out := r.well()
		out.Every, out.Offset = in.Every, in.Offset
		return out, nil
	}
	r.carried(in)
	began := time.Date(2026, 3, 1, 8, 0, 7, 0, time.UTC)
	if r.ticks[0].Sub(began) > firstWithin || !r.ticks[1].Equal(time.Date(2026, 3, 1, 8, 7, 0, 0, time.UTC)) || r.ticks[2].Sub(r.ticks[1]) != in.Every {
		t.Errorf("ticks at %v", r.ticks[:3])
	}
}
