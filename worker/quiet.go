package worker

import (
	"context"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// quietFor is how long a schedule is at least without a tick before anybody asks
// it why.
const quietFor = 15 * time.Minute

// ticking finds the schedule of a tick that begins.
func (w *watch) ticking(id plans.ScheduleID) (plans.HostSchedule, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.found[id]
	if ok {
		w.ticked[id] = time.Now()
	}
	return s, ok
}

// quiet are the schedules that should have ticked for long, and when they did last;
// one that is new began then.
func (w *watch) quiet(now time.Time) (ids []plans.ScheduleID, last []time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range w.list.Wanted {
		at, ok := w.ticked[id]
		if !ok {
			w.ticked[id] = now
			continue
		}
		if now.Sub(at) > max(quietFor, 3*w.found[id].Every) {
			ids, last = append(ids, id), append(last, at)
		}
	}
	return ids, last
}

// askQuiet asks those why: what is paused can be forgotten, and nothing is measured
// or mended meanwhile.
func (w *watch) askQuiet(ctx context.Context, now time.Time) {
	ids, last := w.quiet(now)
	var problems []plans.Problem
	for i, answer := range w.schedulesOf.AllSchedules(ctx, ids) {
		if p, is := plans.QuietSchedule(ids[i], answer.Status.Paused, answer.Err, last[i], now); is {
			problems = append(problems, p)
		}
	}
	if ctx.Err() != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent = problems
}
