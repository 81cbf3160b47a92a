package worker

import (
	"context"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

// runReader reads runs: a *control.Client does.
type runReader interface {
	Runs(ctx context.Context, limit int32) ([]control.RunSummary, error)
	StatusOf(ctx context.Context, run control.RunSummary) (plans.RunStatus, error)
}

// alertRuns is what alerts know of runs, read from Temporal as every other
// reader does.
type alertRuns struct {
	client runReader
	// well are runs, by id, of whose end there is nothing to tell.
	well map[string]bool
}

// look adds the runs that are open, those that people were told of, and those that
// ended lately without anybody being told. A plan that is run is hushed: what its
// readiness says meanwhile is no news.
func (r *alertRuns) look(ctx context.Context, p plans.AlertPolicy, desk plans.AlertDesk, look *plans.AlertLook, hushed map[string]bool) error {
	runs, err := r.client.Runs(ctx, lookBack)
	if err != nil {
		return err
	}
	later, well := map[string]bool{}, map[string]bool{}
	for _, run := range runs { // the newest first
		id := run.Workflow + " " + run.Run
		followed := later[run.Workflow]
		later[run.Workflow] = true
		if run.Open && run.Operation != plans.TestFailover {
			hushed[run.Plan] = true
		}
		open := desk.Open["run/"+id]
		_, known := desk.Ends["run/"+id]
		untold := !run.Open && open == nil
		if untold && (known || followed || r.well[id] || time.Since(run.Ended) > plans.EndsWithin) {
			well[id] = true
			continue
		}
		status, err := r.client.StatusOf(ctx, run)
		if err != nil {
			look.Unseen = append(look.Unseen, "run/"+id)
			continue
		}
		if !run.Open && status.Ended.IsZero() {
			status.Ended, status.Verdict, status.Waiting = run.Ended, plans.VerdictUnknown, nil
		}
		w := p.WatchRun(id, status)
		if untold || open.TellsEnd() {
			w = p.WatchEnd(id, status, followed)
		}
		well[id] = untold && len(w.Problems) == 0
		look.Watched = append(look.Watched, w)
	}
	r.well = well
	return nil
}
