package worker

import (
	"context"
	"strings"
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
	// well are runs, by id, of whose end there is nothing to tell; refused are those
	// that are known to have changed nothing, or something.
	well, refused map[string]bool
}

// look adds the runs that are open, those that people were told of, and those that
// ended lately without anybody being told. A plan that is run is hushed: what its
// readiness says meanwhile is no news. A run that was refused has changed nothing: it
// ends what is told of another refused one, and of no other.
func (r *alertRuns) look(ctx context.Context, p plans.AlertPolicy, desk plans.AlertDesk, look *plans.AlertLook, hushed map[string]bool) error {
	runs, err := r.client.Runs(ctx, lookBack)
	if err != nil {
		return err
	}
	runs = append(runs, unlisted(runs, desk)...)
	later, changed, well, refused := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, run := range runs { // the newest first
		id := run.Workflow + " " + run.Run
		if run.Open && run.Operation != plans.TestFailover {
			hushed[run.Plan] = true
		}
		open := desk.Open["run/"+id]
		_, known := desk.Ends["run/"+id]
		untold := !run.Open && open == nil
		nothing := untold && (known || changed[run.Workflow] || r.well[id] || time.Since(run.Ended) > plans.EndsWithin)
		was, asked := r.refused[id]
		if nothing && (asked || changed[run.Workflow] || !endTold(desk, run.Workflow)) {
			well[id] = true
			later[run.Workflow], changed[run.Workflow] = true, changed[run.Workflow] || !was
			if asked {
				refused[id] = was
			}
			continue
		}
		status, err := r.client.StatusOf(ctx, run)
		if err != nil {
			if !changed[run.Workflow] {
				look.Unseen = append(look.Unseen, "run/"+id)
			}
			continue
		}
		if !run.Open && status.Ended.IsZero() {
			status.Ended, status.Verdict, status.Waiting = run.Ended, plans.VerdictUnknown, nil
		}
		followed := changed[run.Workflow]
		was = !run.Open && status.Verdict == plans.VerdictRefused
		if !run.Open {
			refused[id] = was
		}
		if was {
			followed = later[run.Workflow]
		}
		later[run.Workflow], changed[run.Workflow] = true, changed[run.Workflow] || !was
		if nothing {
			well[id] = true
			continue
		}
		w := p.WatchRun(id, status)
		if untold || open.TellsEnd() || status.EndedBadly() {
			w = p.WatchEnd(id, status, followed)
		}
		well[id] = untold && len(w.Problems) == 0
		look.Watched = append(look.Watched, w)
	}
	r.well, r.refused = well, refused
	return nil
}

// unlisted are runs of whose end people are told, and that so many others came after
// that they are not listed.
func unlisted(runs []control.RunSummary, desk plans.AlertDesk) (more []control.RunSummary) {
	listed := map[string]bool{}
	for _, run := range runs {
		listed["run/"+run.Workflow+" "+run.Run] = true
	}
	for key, a := range desk.Open {
		if workflow, run, _ := strings.Cut(strings.TrimPrefix(key, "run/"), " "); a.TellsEnd() && !listed[key] {
			more = append(more, control.RunSummary{Plan: a.Plan, Workflow: workflow, Run: run})
		}
	}
	return more
}

// endTold is true while people are told of how a run of a workflow has ended.
func endTold(desk plans.AlertDesk, workflow string) bool {
	for key, a := range desk.Open {
		if strings.HasPrefix(key, "run/"+workflow+" ") && a.TellsEnd() {
			return true
		}
	}
	return false
}
