package worker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/activities/journal"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

// BrokenChainError says that the journal was edited: where, as the journal has
// it.
type BrokenChainError struct{ Text string }

func (e *BrokenChainError) Error() string { return e.Text }

// read answers from the engine that holds the data folder, or from the file
// itself when no engine does.
func read[T any](ctx context.Context, data, path string, query url.Values, direct func(*journal.Journal) (T, error)) (T, error) {
	var out T
	if engine, err := control.ReadEngine(data); err == nil {
		if err := control.Get(ctx, engine, path, query, &out); err == nil || answered(err) {
			return out, err
		}
		// The engine was killed and left its file behind: nobody holds the
		// journal now.
	}
	name := filepath.Join(data, JournalFile)
	if _, err := os.Stat(name); err != nil {
		return out, noJournal(data, err)
	}
	j, err := journal.OpenReadOnly(name)
	if err != nil {
		return out, err
	}
	defer func() { _ = j.Close() }()
	return direct(j)
}

func noJournal(data string, err error) error {
	return fmt.Errorf("no journal in %s: %w (name the folder with --data or LIFEBOAT_DATA)", data, err)
}

// answered is true when an engine is there and said no.
func answered(err error) bool {
	var status *control.StatusError
	return errors.As(err, &status)
}

// ReadEntries reads the journal of a data folder.
func ReadEntries(ctx context.Context, data, run, host string) ([]journal.Entry, error) {
	filter := journal.Filter{Run: run, Host: host}
	return read(ctx, data, "/v1/journal", url.Values{"run": {run}, "host": {host}}, func(j *journal.Journal) ([]journal.Entry, error) {
		return j.Entries(0, filter)
	})
}

// ReadReports reads all reports of a data folder, newest first.
func ReadReports(ctx context.Context, data string) ([]plans.Report, error) {
	return read(ctx, data, "/v1/reports", nil, (*journal.Journal).Reports)
}

// ReadCanaries reads what became of canaries, by name, newest first.
func ReadCanaries(ctx context.Context, data string) (map[string][]plans.CanaryResult, error) {
	return read(ctx, data, "/v1/canaries", nil, (*journal.Journal).Canaries)
}

// ReadReport reads one report.
func ReadReport(ctx context.Context, data, run string) (plans.Report, error) {
	return read(ctx, data, "/v1/reports/"+url.PathEscape(run), nil, func(j *journal.Journal) (plans.Report, error) { return j.Report(run) })
}

// VerifyJournal checks the chain of hashes; a *BrokenChainError names the first
// entry that does not fit.
func VerifyJournal(ctx context.Context, data string) (journal.Head, error) {
	head, err := read(ctx, data, "/v1/journal/verify", nil, (*journal.Journal).Verify)
	var status *control.StatusError
	if errors.As(err, &status) && status.Code == http.StatusConflict {
		return head, &BrokenChainError{status.Text}
	}
	var broken *journal.BrokenError
	if errors.As(err, &broken) {
		return head, &BrokenChainError{broken.Error()}
	}
	return head, err
}

// readRanThere reads whether a VM was failed over to its target, and not back since.
func readRanThere(ctx context.Context, data string, vm plans.RunVM) (bool, error) {
	query := url.Values{"from": {vm.SourceHost}, "to": {vm.TargetHost}}
	return read(ctx, data, "/v1/ran-there/"+url.PathEscape(vm.ID), query, func(j *journal.Journal) (bool, error) { return activities.RanThere(j, vm) })
}
