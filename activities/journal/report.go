package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	bolt "go.etcd.io/bbolt"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Note keeps a message that went out to people. The same message of the same
// run is kept once.
func (j *Journal) Note(run, text string) error { return j.note(run, text, nil) }

// note keeps a message, and does what else belongs into the same transaction
// when it is the first of its kind.
func (j *Journal) note(run, text string, also func(*bolt.Tx) error) error {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d:%s%s", len(run), run, text))
	_, err := j.write(func(tx *bolt.Tx) (Entry, error) {
		notes := tx.Bucket(notesBucket)
		if notes.Get(sum[:]) != nil {
			return Entry{}, errAlready
		}
		if also != nil {
			if err := also(tx); err != nil {
				return Entry{}, err
			}
		}
		last, _ := tx.Bucket(entriesBucket).Cursor().Last()
		seq := uint64(1)
		if last != nil {
			seq = binary.BigEndian.Uint64(last) + 1
		}
		return Entry{Kind: KindNote, Run: run, Text: text}, notes.Put(sum[:], key(seq))
	})
	return err
}

// SaveReport keeps the report of a run for ever. The first one stays: saving
// again replaces nothing and is no error.
func (j *Journal) SaveReport(r plans.Report) error {
	run := r.Status.RunID
	if run == "" || len(run) > runLimit || !utf8.ValidString(run) {
		return fmt.Errorf("a report cannot be kept under the run id %.80q", run)
	}
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("the report of %s: %w", run, err)
	}
	if len(body) > reportLimit {
		return fmt.Errorf("the report of %s has %d bytes, more than the journal keeps (%d)", run, len(body), reportLimit)
	}
	sum := sha256.Sum256(body)
	seq, err := j.write(func(tx *bolt.Tx) (Entry, error) {
		reports := tx.Bucket(reportsBucket)
		if reports.Get([]byte(run)) != nil {
			return Entry{}, errAlready
		}
		return Entry{
			Kind: KindReport, Run: run, Plan: r.Status.Plan, Outcome: string(r.Status.Verdict),
			Text: r.Status.Summary, Report: hex.EncodeToString(sum[:]),
		}, reports.Put([]byte(run), body)
	})
	if seq != 0 {
		j.kept.Add(1)
	}
	return err
}

// NewReports is Reports for who asks again and again: nil while no report was kept
// since its last call. It is for one caller.
func (j *Journal) NewReports() func() ([]plans.Report, error) {
	known, asked := uint64(0), false
	return func() ([]plans.Report, error) {
		kept := j.kept.Load()
		if asked && kept == known {
			return nil, nil
		}
		all, err := j.Reports()
		if err == nil {
			known, asked = kept, true
		}
		return all, err
	}
}

// Report returns the report of one run, or ErrNotFound.
func (j *Journal) Report(runID string) (r plans.Report, err error) {
	err = j.view(func(tx *bolt.Tx) error {
		var body []byte
		if reports := tx.Bucket(reportsBucket); reports != nil && runID != "" {
			body = reports.Get([]byte(runID))
		}
		if body == nil {
			return fmt.Errorf("%w: %s", ErrNotFound, runID)
		}
		return decodeReport(runID, body, &r)
	})
	return r, err
}

// Reports returns every report, the run that started last first.
func (j *Journal) Reports() (all []plans.Report, err error) {
	all = []plans.Report{}
	err = j.view(func(tx *bolt.Tx) error {
		reports := tx.Bucket(reportsBucket)
		if reports == nil {
			return nil
		}
		return reports.ForEach(func(run, body []byte) error {
			var r plans.Report
			if err := decodeReport(string(run), body, &r); err != nil {
				return err
			}
			all = append(all, r)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b plans.Report) int { return b.Status.Started.Compare(a.Status.Started) })
	return all, nil
}

func decodeReport(run string, body []byte, into *plans.Report) error {
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("the report of %s in the journal cannot be read: check it with lifeboat journal verify: %w", run, err)
	}
	return nil
}
