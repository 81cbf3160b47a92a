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

// canaries keeps the Temporal Schedules of the configuration's canaries as its
// files are now, and notes what was missed.
type canaries struct {
	*keeper
	journal    *journal.Journal
	client     *control.Client
	log        *slog.Logger
	attributes bool

	reading sync.Mutex
	// results are those of the journal; nil when it is to be read.
	results map[string][]plans.CanaryResult
}

func newCanaries(o Options, client *control.Client) *canaries {
	return &canaries{keeper: newKeeper(o.Configuration), journal: o.Folder.Journal, client: client, log: o.Log, attributes: o.SearchAttributes}
}

func (c *canaries) start() { c.run(drillEvery, c.log, "canaries", c.keep) }

// deps is what a canary asks when it is due.
func (c *canaries) deps() activities.CanaryDeps {
	return activities.CanaryDeps{Find: c.find, Real: c.client.RealRun, Keep: c.save}
}

func (c *canaries) find(name, by, reason string) (plans.Canary, plans.SelfTestSetup, error) {
	cfg := c.now()
	canary, ok := cfg.Canary(name)
	if !ok {
		return canary, plans.SelfTestSetup{}, fmt.Errorf("the engine's configuration has no canary %q: it was taken out, or was written so lately that the engine has not read it yet", name)
	}
	setup, err := plans.ResolveCanary(cfg.Config, canary, shortName(), cfg.Speed(), by, reason)
	return canary, setup, err
}

// keep makes the calendar what the configuration says: each canary's next moments
// written out, what is not wanted any more gone.
func (c *canaries) keep(ctx context.Context, now time.Time) error {
	cfg := c.now()
	var errs []error
	for _, canary := range cfg.Canaries {
		if err := c.keepOne(ctx, canary, now); err != nil {
			errs = append(errs, fmt.Errorf("canary %s: %w", canary.Name, err))
		}
	}
	held, err := c.client.CanarySchedules(ctx)
	for _, name := range held {
		if _, wanted := cfg.Canary(name); !wanted {
			errs = append(errs, c.client.RemoveCanary(ctx, name))
		}
	}
	return errors.Join(append(errs, err)...)
}

func (c *canaries) keepOne(ctx context.Context, canary plans.Canary, now time.Time) error {
	calendar, err := canary.Calendar()
	if err != nil {
		return err
	}
	is, err := c.client.CanarySchedule(ctx, canary.Name)
	held := err == nil
	if err != nil && !errors.Is(err, control.ErrNoCanary) {
		return err
	}
	if err := c.ended(canary, is, now); err != nil {
		return err
	}
	gone, open, ahead := split(is.Moments, now, is.Within)
	for _, at := range gone {
		if err := c.missed(canary, is, at, now); err != nil {
			return err
		}
	}
	next := calendar.Next(now, writtenOut)
	if held && unchanged(is.Calendar, open, ahead, next) && is.Within == canary.Within.D() {
		return nil
	}
	return c.client.KeepCanary(ctx, control.CanarySchedule{
		Canary: canary.Name, Calendar: control.Calendar{Moments: append(open, next...), Within: canary.Within.D()},
	}, c.attributes)
}

// ended keeps that the last night was ended from outside: one that ends by itself is
// kept before it has ended.
func (c *canaries) ended(canary plans.Canary, is control.CanarySchedule, now time.Time) error {
	if is.Running || len(is.Begun) == 0 {
		return nil
	}
	last := slices.MaxFunc(is.Begun, time.Time.Compare).Truncate(time.Second)
	all, err := c.past()
	if err != nil || slices.ContainsFunc(all[canary.Name], func(r plans.CanaryResult) bool { return !r.Due.Before(last) }) {
		return err
	}
	return c.save(plans.LostCanary(plans.CanaryResult{Canary: canary.Name, Due: last, Ended: now, Host: canary.Host, To: canary.To}))
}

// missed keeps that a moment passed without a canary; nobody need be told of one
// that a person has paused.
func (c *canaries) missed(canary plans.Canary, is control.CanarySchedule, at, now time.Time) error {
	if is.Paused || slices.ContainsFunc(is.Begun, at.Equal) {
		return nil
	}
	all, err := c.past()
	if err != nil || slices.ContainsFunc(all[canary.Name], func(r plans.CanaryResult) bool { return r.Due.Equal(at) }) {
		return err
	}
	why := "the engine was not there when it was due"
	if is.Running || slices.ContainsFunc(all[canary.Name], func(r plans.CanaryResult) bool { return r.Due.Before(at) && at.Before(r.Ended) && !r.Began.IsZero() }) {
		why = "the one before was still under way"
	}
	return c.save(plans.SkipCanary(plans.CanaryResult{Canary: canary.Name, Due: at, Ended: now, Host: canary.Host, To: canary.To}, why))
}

// save keeps a result.
func (c *canaries) save(r plans.CanaryResult) error {
	err := c.journal.SaveCanary(r)
	c.reading.Lock()
	defer c.reading.Unlock()
	c.results = nil
	return err
}

// past is what became of all canaries; the journal is read once for each change.
func (c *canaries) past() (map[string][]plans.CanaryResult, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	if c.results != nil {
		return c.results, nil
	}
	all, err := c.journal.Canaries()
	if err == nil {
		c.results = all
	}
	return all, err
}

// states is where the configuration's canaries stand.
func (c *canaries) states() ([]plans.CanaryState, error) {
	cfg := c.now()
	if len(cfg.Canaries) == 0 {
		return nil, nil
	}
	all, err := c.past()
	return plans.CanaryStates(cfg.Config, all), err
}
