package worker

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities/journal"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

// serveHistory adds what replication schedules measured, and which there are.
func (a *api) serveHistory(mux *http.ServeMux, schedules func() control.ScheduleList) {
	mux.HandleFunc("GET /v1/ticks", func(w http.ResponseWriter, _ *http.Request) {
		records, err := a.journal.Records()
		answer(w, records, err)
	})
	mux.HandleFunc("GET /v1/history/{vm}", a.history)
	mux.HandleFunc("GET /v1/schedules", func(w http.ResponseWriter, _ *http.Request) { answer(w, schedules(), nil) })
}

func (a *api) history(w http.ResponseWriter, r *http.Request) {
	since, err := time.Parse(time.RFC3339, r.URL.Query().Get("since"))
	step, stepErr := time.ParseDuration(r.URL.Query().Get("step"))
	if err != nil || stepErr != nil {
		http.Error(w, "since must be a time and step a span", http.StatusBadRequest)
		return
	}
	legs, err := a.journal.History(r.PathValue("vm"), since, step)
	if errors.Is(err, journal.ErrNoHistory) {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	answer(w, legs, err)
}

// ErrNoHistory says that no schedule has measured a VM yet.
var ErrNoHistory = journal.ErrNoHistory

// ReadHistory reads what was measured of a VM since a moment.
func ReadHistory(ctx context.Context, data, vm string, since time.Time, step time.Duration) ([]plans.LegHistory, error) {
	query := url.Values{"since": {since.UTC().Format(time.RFC3339)}, "step": {step.String()}}
	legs, err := read(ctx, data, "/v1/history/"+url.PathEscape(vm), query, func(j *journal.Journal) ([]plans.LegHistory, error) {
		return j.History(vm, since, step)
	})
	var status *control.StatusError
	if errors.As(err, &status) && status.Code == http.StatusNotFound {
		return nil, ErrNoHistory
	}
	return legs, err
}

// ReadTicks reads the last tick of every schedule.
func ReadTicks(ctx context.Context, data string) ([]plans.TickRecord, error) {
	return read(ctx, data, "/v1/ticks", nil, (*journal.Journal).Records)
}
