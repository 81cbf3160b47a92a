package worker

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

// panelRuns is what the run panel shows, read from Temporal as every other
// reader does.
type panelRuns struct {
	client *control.Client

	// An ended run's picture does not change, and Temporal would replay the
	// whole run for each look.
	mu    sync.Mutex
	ended control.RunSummary
	last  plans.RunStatus
}

// lookBack is how many runs are looked at for open ones, panelLimit how many
// open ones are shown: one plan has one.
const (
	lookBack   = 50
	panelLimit = 8
)

// Open answers with the open runs, newest first; with the last one that ended
// when none is open.
func (p *panelRuns) Open(ctx context.Context) ([]plans.RunStatus, error) {
	runs, err := p.client.Runs(ctx, lookBack)
	if err != nil || len(runs) == 0 {
		return nil, err
	}
	var shown []plans.RunStatus
	for _, r := range runs {
		if r.Open && len(shown) < panelLimit {
			shown = append(shown, p.picture(ctx, r))
		}
	}
	if len(shown) > 0 {
		return shown, nil
	}
	last := slices.MaxFunc(runs, func(a, b control.RunSummary) int { return a.Ended.Compare(b.Ended) })
	return []plans.RunStatus{p.picture(ctx, last)}, nil
}

// Of answers with the run that a page of the Web UI belongs to.
func (p *panelRuns) Of(ctx context.Context, workflow, run string) ([]plans.RunStatus, error) {
	r, err := p.client.Run(ctx, workflow, run)
	if errors.Is(err, control.ErrNoRun) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []plans.RunStatus{p.picture(ctx, r)}, nil
}

// picture is a run's status. A run that cannot be asked is unknown, in so many
// words: the others are still shown.
func (p *panelRuns) picture(ctx context.Context, r control.RunSummary) plans.RunStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !r.Open && p.ended.Run == r.Run {
		return p.last
	}
	s, err := p.client.StatusOf(ctx, r)
	if err != nil {
		return plans.RunStatus{
			Plan: r.Plan, Started: r.Started, Ended: r.Ended, Verdict: plans.VerdictUnknown,
			Summary:  "The run cannot be asked: " + err.Error(),
			GoodCopy: "NOT KNOWN: start no copy by hand before you have looked at both.",
		}
	}
	if r.Open {
		return s
	}
	if s.Ended.IsZero() {
		// Ended from outside, by nobody who asked the run.
		s.Ended, s.Verdict = r.Ended, plans.VerdictUnknown
		s.Summary = "The run was ended from outside and left no report: look at the hosts."
	}
	p.ended, p.last = r, s
	return s
}
