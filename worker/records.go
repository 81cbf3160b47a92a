package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/activities/journal"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

// serveRecords adds the records of runs, what people add to them, and what past
// runs took.
func (a *api) serveRecords(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/records", func(w http.ResponseWriter, _ *http.Request) {
		lines, err := recordLines(a.journal)
		answer(w, lines, err)
	})
	mux.HandleFunc("GET /v1/records/{ref}", func(w http.ResponseWriter, r *http.Request) {
		rec, err := a.journal.RunRecord(r.PathValue("ref"))
		answerRecord(w, rec, err)
	})
	mux.HandleFunc("POST /v1/records/{ref}/edits", func(w http.ResponseWriter, r *http.Request) {
		var edit plans.ReportEdit
		if err := json.Unmarshal([]byte(r.URL.Query().Get("edit")), &edit); err != nil {
			http.Error(w, "what is to be added cannot be read: "+err.Error(), http.StatusBadRequest)
			return
		}
		answerRecord(w, edit, a.journal.Edit(r.PathValue("ref"), edit))
	})
	mux.HandleFunc("GET /v1/durations", func(w http.ResponseWriter, _ *http.Request) {
		all, err := durations(a.journal)
		answer(w, all, err)
	})
	mux.HandleFunc("GET /v1/first-copies", func(w http.ResponseWriter, _ *http.Request) {
		all, err := firstCopies(a.journal)
		answer(w, all, err)
	})
	mux.HandleFunc("GET /v1/ran-there/{vm}", func(w http.ResponseWriter, r *http.Request) {
		ran, err := activities.RanThere(a.journal, plans.RunVM{ID: r.PathValue("vm"), SourceHost: r.URL.Query().Get("from"), TargetHost: r.URL.Query().Get("to")})
		answer(w, ran, err)
	})
	mux.HandleFunc("GET /v1/journal/{seq}/hash", func(w http.ResponseWriter, r *http.Request) {
		seq, err := strconv.ParseUint(r.PathValue("seq"), 10, 64)
		if err != nil {
			http.Error(w, "an entry is a number", http.StatusBadRequest)
			return
		}
		hash, err := a.journal.HashOf(seq)
		answerRecord(w, hash, err)
	})
}

func answerRecord(w http.ResponseWriter, v any, err error) {
	var refused *journal.EditError
	var broken *journal.BrokenError
	switch {
	case errors.Is(err, journal.ErrNotFound):
		http.Error(w, err.Error(), http.StatusNotFound)
	case errors.As(err, &refused):
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
	case errors.As(err, &broken):
		http.Error(w, broken.Error(), http.StatusConflict)
	default:
		answer(w, v, err)
	}
}

// What callers tell apart.
var (
	// ErrNoReport says that there is no report of that name.
	ErrNoReport = errors.New("there is no such report: see lifeboat report list")
	// ErrEditRefused says that a report does not take what was to be added: nothing
	// was written.
	ErrEditRefused = errors.New("nothing was written")
	// ErrJournalHeld says that another process, which does not answer, has the
	// journal open.
	ErrJournalHeld = journal.ErrHeld
)

// recordError turns what the engine or the journal says into what callers tell
// apart.
func recordError(err error) error {
	var status *control.StatusError
	var refused *journal.EditError
	var broken *journal.BrokenError
	is := func(code int) bool { return errors.As(err, &status) && status.Code == code }
	switch {
	case errors.Is(err, journal.ErrNotFound) || is(http.StatusNotFound):
		return ErrNoReport
	case errors.As(err, &refused):
		return fmt.Errorf("%w: %w", ErrEditRefused, refused.Err)
	case is(http.StatusUnprocessableEntity):
		return fmt.Errorf("%w: %s", ErrEditRefused, status.Text)
	case errors.As(err, &broken):
		return &BrokenChainError{broken.Error()}
	case is(http.StatusConflict):
		return &BrokenChainError{status.Text}
	}
	return err
}

// RecordLine is one report in a list.
type RecordLine struct {
	Number    string          `json:"number"`
	Run       string          `json:"run"`
	Plan      string          `json:"plan"`
	Operation plans.Operation `json:"operation"`
	Started   time.Time       `json:"started"`
	Ended     time.Time       `json:"ended"`
	Outcome   string          `json:"outcome"`
	// Missing is how many blanks keep it from being signed.
	Missing   int      `json:"missing"`
	Simulated bool     `json:"simulated"`
	Tenants   []string `json:"tenants,omitempty"`
}

func recordLines(j *journal.Journal) ([]RecordLine, error) {
	all, err := j.RunRecords()
	if err != nil {
		return nil, err
	}
	lines := make([]RecordLine, len(all))
	for i, rec := range all {
		e := plans.MakeEvidence(rec)
		needed, _ := e.Missing()
		lines[i] = RecordLine{
			Number: e.Number, Run: e.Run, Plan: e.Plan, Operation: e.Operation, Started: e.Started, Ended: e.Ended,
			Outcome: e.Outcome, Missing: len(needed), Simulated: e.Simulated, Tenants: e.Tenants,
		}
	}
	return lines, nil
}

// ReadRecords lists all reports of a data folder, the newest first.
func ReadRecords(ctx context.Context, data string) ([]RecordLine, error) {
	lines, err := read(ctx, data, "/v1/records", nil, recordLines)
	return lines, recordError(err)
}

// ReadRecord reads what the journal has of one run: by its id, its number, or
// "last".
func ReadRecord(ctx context.Context, data, ref string) (plans.Record, error) {
	rec, err := read(ctx, data, "/v1/records/"+url.PathEscape(ref), nil, func(j *journal.Journal) (plans.Record, error) { return j.RunRecord(ref) })
	return rec, recordError(err)
}

// EditReport adds what a person says to a report: through the engine that holds
// the journal, or to the file when none does.
func EditReport(ctx context.Context, data, ref string, edit plans.ReportEdit) error {
	text, err := json.Marshal(edit)
	if err != nil {
		return err
	}
	if engine, err := control.ReadEngine(data); err == nil {
		var said plans.ReportEdit
		err := control.Post(ctx, engine, "/v1/records/"+url.PathEscape(ref)+"/edits", url.Values{"edit": {string(text)}}, &said)
		if err == nil || answered(err) {
			return recordError(err)
		}
	}
	name := filepath.Join(data, JournalFile)
	if _, err := os.Stat(name); err != nil {
		return noJournal(data, err)
	}
	j, err := journal.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = j.Close() }()
	return recordError(j.Edit(ref, edit))
}

// JournalHash is the hash of an entry of the journal, "" when it has none.
func JournalHash(ctx context.Context, data string, entry uint64) (string, error) {
	hash, err := read(ctx, data, fmt.Sprintf("/v1/journal/%d/hash", entry), nil, func(j *journal.Journal) (string, error) { return j.HashOf(entry) })
	return hash, recordError(err)
}

func durations(j *journal.Journal) (plans.Durations, error) {
	all, err := j.Reports()
	return plans.DurationsOf(all), err
}

// ReadDurations is what past runs of a data folder took. Without one nothing is
// known: a prediction says so, and no failover waits for it.
func ReadDurations(ctx context.Context, data string) plans.Durations {
	took, err := read(ctx, data, "/v1/durations", nil, durations)
	if err != nil {
		return nil
	}
	return took
}

func firstCopies(j *journal.Journal) ([]plans.FirstCopy, error) {
	all, err := j.Reports()
	return plans.FirstCopiesOf(all), err
}

// ReadFirstCopies is how first copies went, as the journal of a data folder knows it.
// Without one nothing is known.
func ReadFirstCopies(ctx context.Context, data string) []plans.FirstCopy {
	all, err := read(ctx, data, "/v1/first-copies", nil, firstCopies)
	if err != nil {
		return nil
	}
	return all
}
