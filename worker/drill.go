package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/activities/journal"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

const (
	// drillEvery is how often the calendar is held against the configuration.
	drillEvery = time.Minute
	// writtenOut is how many moments of a drill a Temporal Schedule is given;
	// with half of them left it gets new ones. A drill at every day has two months.
	writtenOut = 60
	// missedAfter is how long after its last moment to begin a drill counts as
	// missed.
	missedAfter = time.Minute
)

// drills keeps the Temporal Schedules of the configuration's drills as its files
// are now, and reports what was missed.
type drills struct {
	*keeper
	journal    *journal.Journal
	client     *control.Client
	tell       func(activities.NotifyIn) error
	log        *slog.Logger
	version    string
	attributes bool
}

func newDrills(o Options, client *control.Client, tell func(activities.NotifyIn) error) *drills {
	return &drills{keeper: newKeeper(o.Configuration), journal: o.Folder.Journal, client: client, tell: tell, log: o.Log, version: o.Version, attributes: o.SearchAttributes}
}

func (d *drills) start() { d.run(drillEvery, d.log, "drills", d.keep) }

// deps is what a drill asks when it is due.
func (d *drills) deps() activities.DrillDeps {
	return activities.DrillDeps{Find: d.find, Real: d.real, RealAt: d.client.RealRunAt, GiveWay: d.client.DrillsGiveWay}
}

func (d *drills) find(name string, start plans.DrillStart) (activities.FoundDrill, error) {
	cfg := d.now()
	drill, ok := cfg.Drill(name)
	if !ok {
		return activities.FoundDrill{}, fmt.Errorf("the engine's configuration has no drill %q: it was taken out, or was written so lately that the engine has not read it yet", name)
	}
	start.Speed = cfg.Speed()
	start.Auto = start.Auto && cfg.Lab != nil
	in, err := plans.ResolveDrill(cfg.Config, *drill, start)
	if err != nil {
		return activities.FoundDrill{}, err
	}
	if past, err := durations(d.journal); err == nil {
		in = plans.Learn(in, past)
	}
	calendar, err := plans.CalendarOf(*drill)
	if err != nil {
		return activities.FoundDrill{}, err
	}
	return activities.FoundDrill{Input: in, Black: calendar.Black(start.Due), Within: drill.Within.D()}, nil
}

func (d *drills) real(ctx context.Context, plan string, ids []string) (string, error) {
	all := plans.ByVM(d.now().Config)
	if len(ids) == 0 {
		for id, in := range all {
			if slices.Contains(in, plan) {
				ids = append(ids, id)
			}
		}
	}
	of := []string{plan}
	vms := map[string]bool{}
	for _, id := range ids {
		vms[id] = true
		for _, plan := range all[id] {
			if !slices.Contains(of, plan) {
				of = append(of, plan)
			}
		}
	}
	return d.client.RealOperation(ctx, of, vms)
}

// keep makes the calendar what the configuration says: each drill's next moments
// written out, what is not wanted any more gone.
func (d *drills) keep(ctx context.Context, now time.Time) error {
	cfg := d.now()
	var errs []error
	for _, drill := range cfg.Drills {
		if err := d.keepOne(ctx, cfg, drill, now); err != nil {
			errs = append(errs, fmt.Errorf("drill %s: %w", drill.Name, err))
		}
	}
	held, err := d.client.DrillSchedules(ctx)
	for _, name := range held {
		if _, wanted := cfg.Drill(name); !wanted {
			errs = append(errs, d.client.RemoveDrill(ctx, name))
		}
	}
	return errors.Join(append(errs, err)...)
}

func (d *drills) keepOne(ctx context.Context, cfg *Configuration, drill plans.ScheduledDrill, now time.Time) error {
	calendar, err := plans.CalendarOf(drill)
	if err != nil {
		return err
	}
	is, err := d.client.DrillSchedule(ctx, drill.Name)
	if err != nil && !errors.Is(err, control.ErrNoDrill) {
		return err
	}
	held := err == nil
	gone, open, ahead := split(is.Moments, now, is.Within)
	reports := sync.OnceValues(d.journal.Reports) // an engine that was away for long has missed many
	var missed []plans.Report
	for _, at := range gone {
		r, err := d.missed(cfg, drill, is, at, now, reports)
		if err != nil {
			return err
		}
		if r != nil {
			missed = append(missed, *r)
		}
	}
	if err := d.report(drill.Name, missed); err != nil {
		return err
	}
	next := calendar.Next(now, writtenOut)
	if held && unchanged(is.Calendar, open, ahead, next) && is.Within == drill.Within.D() && is.PauseOnFailure == drill.PauseOnFailure {
		return nil
	}
	return d.client.KeepDrill(ctx, control.DrillSchedule{Drill: drill.Name, Calendar: control.Calendar{
		Moments: append(open, next...), Within: drill.Within.D(), PauseOnFailure: drill.PauseOnFailure,
	}}, d.attributes)
}

// split sorts a calendar's moments: those that can begin no more, those that are due
// and still may, and those to come.
func split(moments []time.Time, now time.Time, within time.Duration) (gone, open, ahead []time.Time) {
	over := now.Add(-within - missedAfter)
	for _, at := range moments {
		switch {
		case at.Before(over):
			gone = append(gone, at)
		case at.After(now):
			ahead = append(ahead, at)
		default:
			open = append(open, at)
		}
	}
	return gone, open, ahead
}

// unchanged is true when a schedule's moments are those that it shall have, and
// enough of them.
func unchanged(is control.Calendar, open, ahead, next []time.Time) bool {
	same := len(next) >= len(ahead) && slices.EqualFunc(ahead, next[:len(ahead)], time.Time.Equal)
	return same && len(ahead) >= min(writtenOut/2, len(next)) && len(open)+len(ahead) == len(is.Moments)
}

// missed is the report of a moment that passed without a drill, nil when there was
// one or it was reported. reports may be those of before the first of several.
func (d *drills) missed(cfg *Configuration, drill plans.ScheduledDrill, is control.DrillSchedule, at, now time.Time, reports func() ([]plans.Report, error)) (*plans.Report, error) {
	if slices.ContainsFunc(is.Begun, at.Equal) {
		return nil, nil
	}
	all, err := reports()
	if err != nil {
		return nil, err
	}
	var running time.Time
	if is.Running && len(is.Begun) > 0 {
		running = slices.MaxFunc(is.Begun, time.Time.Compare)
	}
	f := plans.WhyMissed(drill.Name, at, all, running, is.Paused, is.Note)
	if f == nil {
		return nil, nil
	}
	in, err := plans.ResolveDrill(cfg.Config, drill, plans.DrillStart{Due: at, Now: now, Speed: cfg.Speed()})
	if err != nil {
		return nil, err
	}
	r := plans.UnbegunDrill(in, []plans.Finding{*f}, now, d.version, cfg.Lab != nil)
	return &r, nil
}

// report tells people of what a drill missed, all in one message, and keeps a report
// of each. People first: with its report one counts as dealt with, and who was killed
// in between says again what has no report yet, which the journal keeps once.
func (d *drills) report(drill string, missed []plans.Report) error {
	if len(missed) == 0 {
		return nil
	}
	last := missed[len(missed)-1]
	if err := d.tell(activities.NotifyIn{Run: last.Status.RunID, Plan: last.Status.Plan, Text: plans.MissedDrillWords(drill, missed)}); err != nil {
		return err
	}
	for i := range missed {
		if err := d.journal.SaveReport(missed[i]); err != nil {
			return err
		}
	}
	return nil
}
