package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Names that histories know.
const (
	// ReplicationSchedule is the durable schedule of one host and frequency.
	ReplicationSchedule = "ReplicationSchedule"
	// WatchQueue serves schedules, in a namespace of their own.
	WatchQueue = "lifeboat-watch"
	// PauseUpdate and ResumeUpdate take a PauseRequest.
	PauseUpdate  = "pause"
	ResumeUpdate = "resume"
	// LookSignal tells a schedule that the configuration has changed.
	LookSignal = "look"
)

const schedulePrefix = "schedule/"

// ScheduleWorkflowID is the id of a schedule's workflow.
func ScheduleWorkflowID(id plans.ScheduleID) string { return schedulePrefix + idText(id.String()) }

// ScheduleOf is the schedule of a workflow's id.
func ScheduleOf(workflowID string) (plans.ScheduleID, error) {
	return plans.ParseScheduleID(nameOf(strings.TrimPrefix(workflowID, schedulePrefix)))
}

// RegisterWatch registers what works in the namespace of the schedules.
func RegisterWatch(r Registry) {
	r.RegisterWorkflowWithOptions(runSchedule, workflow.RegisterOptions{Name: ReplicationSchedule})
}

// ScheduleInput is what a ReplicationSchedule is started with.
type ScheduleInput struct {
	ID plans.ScheduleID `json:"id"`
	// Every and Offset are the rhythm; each tick tells the present one.
	Every            time.Duration `json:"every"`
	Offset           time.Duration `json:"offset"`
	SearchAttributes bool          `json:"search_attributes"`
	// Carry is the status that an earlier part of the schedule ended with.
	Carry *plans.ScheduleStatus `json:"carry,omitempty"`
}

// PauseRequest is who pauses or resumes a schedule, and why.
type PauseRequest struct {
	By     string `json:"by"`
	Reason string `json:"reason"`
}

const (
	// ticksPerRun keeps histories small: a tick is some seven events.
	ticksPerRun = 60
	// tickLimit bounds a tick with all its tries; the next one is near.
	tickLimit = 90 * time.Second
	// firstWithin is how soon a new schedule ticks.
	firstWithin = 30 * time.Second
)

// schedule is a ReplicationSchedule.
type schedule struct {
	in     ScheduleInput
	status plans.ScheduleStatus
	// look is set when the configuration has changed.
	look bool
	mark string
}

// runSchedule is the workflow ReplicationSchedule. A tick that is over is never
// made up for: after a day of downtime there is one tick, then the rhythm.
func runSchedule(ctx workflow.Context, in ScheduleInput) error {
	s := &schedule{in: in, status: plans.ScheduleStatus{ScheduleID: in.ID, Started: workflow.Now(ctx).UTC()}}
	if in.Carry != nil {
		s.status = *in.Carry
	}
	if err := s.listen(ctx); err != nil {
		return err
	}
	for range ticksPerRun {
		if err := s.untilDue(ctx); err != nil {
			return err
		}
		gone, err := s.tick(ctx)
		if err != nil || gone {
			return err
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			break
		}
	}
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return err
	}
	if s.look {
		s.status.NextTick = workflow.Now(ctx).UTC()
	}
	s.in.Carry = &s.status
	return workflow.NewContinueAsNewError(ctx, ReplicationSchedule, s.in)
}

// untilDue waits for the next tick, or for the end of a pause and the tick after
// it. A changed configuration is a reason to tick at once.
func (s *schedule) untilDue(ctx workflow.Context) error {
	for {
		s.show(ctx)
		if s.look {
			return nil
		}
		if s.status.Paused != nil {
			if err := workflow.Await(ctx, func() bool { return s.status.Paused == nil || s.look }); err != nil {
				return err
			}
			continue
		}
		if s.status.NextTick.IsZero() {
			s.status.NextTick = s.first(workflow.Now(ctx).UTC())
		}
		wait := s.status.NextTick.Sub(workflow.Now(ctx))
		if wait <= 0 {
			return nil
		}
		if _, err := workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
			Timeout: wait, TimerOptions: workflow.TimerOptions{Summary: "next tick"},
		}, func() bool { return s.status.Paused != nil || s.look }); err != nil {
			return err
		}
	}
}

// first is when a new schedule ticks: soon, so that nobody waits a quarter of an
// hour to know, but not all at once.
func (s *schedule) first(now time.Time) time.Time {
	if !s.status.LastTick.IsZero() {
		return plans.FirstTick(now, s.in.Every, s.in.Offset)
	}
	every := min(s.in.Every, firstWithin)
	return plans.FirstTick(now, every, s.in.Offset%every)
}

// tick asks the host, unless a person has paused the schedule, and plans the
// next one. gone is true when the configuration does not have it any more.
func (s *schedule) tick(ctx workflow.Context) (gone bool, err error) {
	began := workflow.Now(ctx).UTC()
	in := activities.WatchTickIn{ScheduleID: s.in.ID, Only: s.status.Paused != nil}
	planned := s.status.NextTick
	if s.look || s.status.LastTick.IsZero() {
		s.look, planned = false, time.Time{} // out of its turn
	}
	in.Planned = planned
	var out activities.WatchTickOut
	err = workflow.ExecuteLocalActivity(workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: tickLimit, Summary: "ask " + s.in.ID.Host,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumAttempts: 3},
	}), activities.WatchTickName, in).Get(ctx, &out)
	if temporal.IsCanceledError(err) && ctx.Err() != nil {
		return false, err
	}
	if out.Gone {
		s.status.Last = out.TickResult
		return true, nil
	}
	if err == nil && (out.Every != s.in.Every || out.Offset != s.in.Offset) {
		s.in.Every, s.in.Offset, planned = out.Every, out.Offset, time.Time{}
	}
	if in.Only {
		return false, nil
	}
	s.keep(ctx, began, planned, out.TickResult, err)
	return false, nil
}

// keep notes what became of a tick and when the next one is. A zero planned is
// one out of turn, or in another rhythm.
func (s *schedule) keep(ctx workflow.Context, began, planned time.Time, result plans.TickResult, err error) {
	st := &s.status
	st.Problem = ""
	if err != nil {
		st.Problem = cut(err.Error())
	} else {
		st.Ticks++
		st.Last, st.LastTick = result, began
	}
	ended := workflow.Now(ctx).UTC()
	if planned.IsZero() {
		st.NextTick = plans.FirstTick(ended, s.in.Every, s.in.Offset)
		return
	}
	st.Lag = plans.Duration(max(0, began.Sub(planned)))
	st.MaxLag = max(st.MaxLag, st.Lag)
	var missed int
	st.NextTick, missed = plans.NextTick(planned, ended, s.in.Every)
	st.Missed += missed
	workflow.GetMetricsHandler(ctx).WithTags(activities.TickLabels(s.in.ID)).Counter(activities.TicksMissed).Inc(int64(missed))
}

func (s *schedule) listen(ctx workflow.Context) error {
	err := workflow.SetQueryHandlerWithOptions(ctx, StatusQuery, func() (plans.ScheduleStatus, error) { return s.status, nil },
		workflow.QueryHandlerOptions{Description: "The schedule as it stands."})
	if err != nil {
		return err
	}
	err = workflow.SetUpdateHandlerWithOptions(ctx, PauseUpdate, s.pause,
		workflow.UpdateHandlerOptions{Description: "Ask this host no more until resume. Give by and reason.", Validator: s.mayPause})
	if err != nil {
		return err
	}
	err = workflow.SetUpdateHandlerWithOptions(ctx, ResumeUpdate, s.resume,
		workflow.UpdateHandlerOptions{Description: "Tick again. Give by.", Validator: s.mayResume})
	if err != nil {
		return err
	}
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			workflow.GetSignalChannel(ctx, LookSignal).Receive(ctx, nil)
			s.look = true
		}
	})
	return nil
}

func (s *schedule) mayPause(r PauseRequest) error {
	switch {
	case s.status.Paused != nil:
		return fmt.Errorf("it is paused already, by %s: %s", s.status.Paused.By, s.status.Paused.Reason)
	case strings.TrimSpace(r.By) == "" || strings.TrimSpace(r.Reason) == "":
		return fmt.Errorf("a pause needs by and reason: nobody is warned while it lasts")
	}
	return nil
}

func (s *schedule) pause(ctx workflow.Context, r PauseRequest) (plans.ScheduleStatus, error) {
	s.status.Paused = &plans.SchedulePause{By: r.By, Reason: cut(r.Reason), Since: workflow.Now(ctx).UTC()}
	s.status.NextTick = time.Time{}
	return s.status, nil
}

func (s *schedule) mayResume(r PauseRequest) error {
	switch {
	case s.status.Paused == nil:
		return fmt.Errorf("it is not paused")
	case strings.TrimSpace(r.By) == "":
		return fmt.Errorf("give by")
	}
	return nil
}

func (s *schedule) resume(ctx workflow.Context, _ PauseRequest) (plans.ScheduleStatus, error) {
	s.status.Paused = nil
	s.status.NextTick = plans.FirstTick(workflow.Now(ctx).UTC(), s.in.Every, s.in.Offset)
	return s.status, nil
}

// show keeps the Web UI's picture up to date.
func (s *schedule) show(ctx workflow.Context) {
	workflow.SetCurrentDetails(ctx, scheduleDetails(s.status))
	state := s.status.State()
	if !s.in.SearchAttributes || state == s.mark {
		return
	}
	s.mark = state
	err := workflow.UpsertTypedSearchAttributes(ctx, hostKey.ValueSet(s.in.ID.Host), frequencyKey.ValueSet(s.in.ID.Frequency.String()), verdictKey.ValueSet(state))
	if err != nil {
		workflow.GetLogger(ctx).Warn("search attributes", "error", err)
	}
}

// scheduleDetails is the schedule in Markdown, for the Web UI.
func scheduleDetails(s plans.ScheduleStatus) string {
	var b strings.Builder
	moment := func(t time.Time) string {
		if t.IsZero() {
			return "none"
		}
		return t.UTC().Format("2006-01-02 15:04:05Z")
	}
	b.WriteString(fmt.Sprintf("## %s: %s\n\n", strings.ToUpper(s.State()), markdown(s.String())))
	b.WriteString(fmt.Sprintf("Last tick %s, next %s. %d ticks, %d missed.\n\n", moment(s.LastTick), moment(s.NextTick), s.Ticks, s.Missed))
	switch l := s.Last; {
	case s.Paused != nil:
		b.WriteString(fmt.Sprintf("Paused by %s since %s: %s\n", markdown(s.Paused.By), moment(s.Paused.Since), markdown(s.Paused.Reason)))
	case s.Problem != "":
		b.WriteString("The last tick could not be kept: " + markdown(s.Problem) + "\n")
	case !l.Reached && !l.Since.IsZero():
		b.WriteString(fmt.Sprintf("**The host has not answered since %s**: %s\n", moment(l.Since), markdown(l.Why)))
	case l.Worst != nil:
		b.WriteString(fmt.Sprintf("Worst RPO: %s of %s (%s leg), target %s. %d legs, %d late, %d unknown, %d cycles missed, %d settings drifted.\n",
			l.Worst.RPO, markdown(l.Worst.Label), l.Worst.Leg, l.Worst.Target, l.Legs, l.Late, l.Unknown, l.Missed, l.Drift))
	case l.Reached:
		b.WriteString(fmt.Sprintf("%d legs, none with a known RPO.\n", l.Legs))
	}
	return b.String()
}
