package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// WatchTickName is the activity of a replication schedule.
const WatchTickName = "watch-tick"

// History keeps what replication schedules measure.
type History interface {
	// Tick keeps what a host answered, and says it in short.
	Tick(plans.HostSchedule, plans.HostTick) (plans.TickResult, error)
	// NoTick keeps that it did not answer.
	NoTick(s plans.HostSchedule, at time.Time, why string) (plans.TickResult, error)
	// EndSchedule forgets how a schedule stood that is wanted no longer.
	EndSchedule(plans.ScheduleID) error
}

// watchLimit bounds one question of a schedule: it is asked again soon.
const watchLimit = 25 * time.Second

// WatchTickIn names the schedule that ticks.
type WatchTickIn struct {
	plans.ScheduleID
	// Only is true for a schedule that only wants to know whether it is still
	// wanted: no host is asked.
	Only bool `json:"only,omitempty"`
	// Planned is when the tick should begin, zero for one out of its turn.
	Planned time.Time `json:"planned,omitzero"`
}

// What is counted of ticks, each by frequency; the names are those of metrics.
const (
	// TickLag is from the planned moment to the one at which the host is asked,
	// TickTook from there to when the answer is kept.
	TickLag  = "lifeboat_schedule_tick_lag"
	TickTook = "lifeboat_schedule_tick_took"
	// TicksMissed counts those that did not take place.
	TicksMissed = "lifeboat_schedule_ticks_missed"
)

// TickLabels are the labels of what is counted.
func TickLabels(id plans.ScheduleID) map[string]string {
	return map[string]string{"frequency": id.Frequency.String()}
}

// WatchTickOut is a tick in short, and the rhythm that the schedule has now.
type WatchTickOut struct {
	plans.TickResult
	Every  time.Duration `json:"every,omitempty"`
	Offset time.Duration `json:"offset,omitempty"`
}

// WatchTick asks one host once how the VMs of one frequency replicate, and keeps
// the answer. What is asked comes from the configuration as it is now; a
// schedule that it does not have any more is told so. A host that does not
// answer is an answer; an error says that nothing could be kept.
func (a *Activities) WatchTick(ctx context.Context, in WatchTickIn) (WatchTickOut, error) {
	s, known := a.Schedule(in.ScheduleID)
	if !known {
		return WatchTickOut{TickResult: plans.TickResult{Gone: true, At: time.Now().UTC()}}, a.History.EndSchedule(in.ScheduleID)
	}
	out := WatchTickOut{Every: s.Every, Offset: s.Offset}
	if in.Only {
		return out, nil
	}
	began := time.Now()
	var err error
	out.TickResult, err = a.askAndKeep(ctx, s)
	count(ctx, in, began)
	return out, err
}

// count tells the metrics of a tick that began at a moment and has ended now.
func count(ctx context.Context, in WatchTickIn, began time.Time) {
	if !activity.IsActivity(ctx) {
		return // nobody counts
	}
	metrics := activity.GetMetricsHandler(ctx).WithTags(TickLabels(in.ScheduleID))
	metrics.Timer(TickTook).Record(time.Since(began))
	if !in.Planned.IsZero() && activity.GetInfo(ctx).Attempt == 1 {
		metrics.Timer(TickLag).Record(max(0, began.Sub(in.Planned)))
	}
}

func (a *Activities) askAndKeep(ctx context.Context, s plans.HostSchedule) (plans.TickResult, error) {
	tick, err := a.askReplication(ctx, s)
	if ctx.Err() != nil {
		// The engine stops: what was not heard says nothing of the host.
		return plans.TickResult{}, ctx.Err()
	}
	if err != nil {
		a.Log.Warn("a schedule's host does not answer", "schedule", s.String(), "error", err)
		reason, hint := reasonOf(err)
		if hint != "" {
			reason += "; " + hint
		}
		return a.History.NoTick(s, time.Now().UTC(), reason)
	}
	result, err := a.History.Tick(s, tick)
	if err == nil {
		a.askRepairs(ctx, s, tick)
	}
	return result, err
}

func (a *Activities) askReplication(ctx context.Context, s plans.HostSchedule) (plans.HostTick, error) {
	ctx, cancel := context.WithTimeout(ctx, watchLimit)
	defer cancel()
	h, err := a.Hosts(s.Host)
	if err != nil {
		return plans.HostTick{}, err
	}
	began := time.Now()
	answer, err := h.Replications(ctx, s.VMs())
	if err != nil {
		var silent *hyperv.NoAnswerError
		if ctx.Err() != nil && !errors.As(err, &silent) {
			err = fmt.Errorf("no answer in %s: %w", watchLimit, err)
		}
		return plans.HostTick{}, err
	}
	ended := time.Now()
	tick := plans.HostTick{Host: s.Host, At: ended.UTC(), Clock: answer.UTC, Took: plans.Duration(ended.Sub(began).Round(time.Millisecond)), Copies: []plans.WatchedCopy{}}
	if !a.Simulated { // a lab has a calendar of its own
		skew := plans.Duration(answer.UTC.Sub(ended).Round(time.Millisecond))
		tick.Skew = &skew
	}
	for _, c := range answer.Copies {
		tick.Copies = append(tick.Copies, watchedCopy(c))
	}
	return tick, nil
}

func watchedCopy(c hyperv.Replicating) plans.WatchedCopy {
	out := plans.WatchedCopy{VM: c.VM, Mode: c.Mode, State: c.State, Health: c.Health, Problems: c.Problems}
	for _, r := range c.Relations {
		w := plans.WatchedRelation{
			Extended: r.Relationship == "Extended", State: r.State, Health: r.Health, PrimaryServer: r.PrimaryServer, ReplicaServer: r.ReplicaServer,
			LastReplication: r.LastReplication, FrequencySec: r.FrequencySec, RecoveryHistory: r.RecoveryHistory, Compression: r.Compression,
			Auth: r.Auth, Thumbprint: r.Thumbprint, Port: r.Port, Replicated: r.Replicated, Excluded: r.Excluded, Pending: r.PendingBytes, Missed: r.Missed, Succeeded: r.Succeeded, Errors: r.Errors,
			Monitoring: r.MonitoringStart,
		}
		if r.VSSEnabled {
			w.AppHours = r.VSSHours
		}
		out.Relations = append(out.Relations, w)
	}
	return out
}
