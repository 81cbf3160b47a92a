package journal

import (
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// LastRecord names the newest report wherever a run or a number does.
const LastRecord = "last"

// RunRecords are all runs that have a report, the one that was kept last first.
func (j *Journal) RunRecords() ([]plans.Record, error) { return j.records("") }

// RunRecord is the one of a run id, of a number (DR-2026-003), or of LastRecord;
// ErrNotFound when there is none.
func (j *Journal) RunRecord(ref string) (plans.Record, error) {
	if ref == "" {
		return plans.Record{}, fmt.Errorf("%w: no run was named", ErrNotFound)
	}
	all, err := j.records(ref)
	if err != nil {
		return plans.Record{}, err
	}
	if len(all) == 0 {
		return plans.Record{}, fmt.Errorf("%w: %s", ErrNotFound, ref)
	}
	return all[0], nil
}

// records walks the chain: it numbers the reports in the order in which they were
// kept, and gathers what was written about each run. What rests on a chain that
// does not hold, or on a report other than the one that was kept, is a *BrokenError:
// nothing is signed that was edited.
func (j *Journal) records(ref string) (out []plans.Record, err error) {
	err = j.view(func(tx *bolt.Tx) error {
		entries, reports := tx.Bucket(entriesBucket), tx.Bucket(reportsBucket)
		if entries == nil {
			return nil
		}
		kept, err := registered(entries)
		if err != nil {
			return err
		}
		out = make([]plans.Record, 0, len(kept))
		byRun := map[string]*plans.Record{}
		for i := len(kept) - 1; i >= 0; i-- {
			if k := kept[i]; ref == "" || ref == k.Run || ref == k.number || ref == LastRecord && i == len(kept)-1 {
				rec, body := plans.Record{Number: k.number, Kept: k.At}, reports.Get([]byte(k.Run))
				if err := k.fits(body); err != nil {
					return err
				}
				if err := decodeReport(k.Run, body, &rec.Report); err != nil {
					return err
				}
				out = append(out, rec)
				byRun[k.Run] = &out[len(out)-1]
			}
		}
		return gather(entries, byRun)
	})
	return out, err
}

// keptReport is the entry of a report, with its number.
type keptReport struct {
	number string
	Entry
}

func registered(entries *bolt.Bucket) ([]keptReport, error) {
	var all []keptReport
	var head Head
	years := map[int]int{}
	err := entries.ForEach(func(k, stored []byte) error {
		e, err := head.next(k, stored)
		if err == nil && e.Kind == KindReport {
			years[e.At.Year()]++
			all = append(all, keptReport{plans.RecordNumber(e.At.Year(), years[e.At.Year()]), e})
		}
		return err
	})
	return all, err
}

// gather adds to each record what the chain, which holds, has of its run.
func gather(entries *bolt.Bucket, byRun map[string]*plans.Record) error {
	return entries.ForEach(func(k, stored []byte) error {
		e, err := unseal(stored)
		if err != nil {
			return &BrokenError{Seq: number(k), Why: err.Error()}
		}
		if rec := byRun[e.Run]; rec != nil {
			rec.Entries = append(rec.Entries, entryOf(e))
			rec.Anchor = plans.Anchor{Entry: e.Seq, Hash: e.Hash}
		}
		return nil
	})
}

func entryOf(e Entry) plans.RecordEntry {
	out := plans.RecordEntry{
		Seq: e.Seq, At: e.At, Kind: e.Kind, VM: e.VM, Label: e.Label, Host: e.Host, Verb: e.Verb,
		Outcome: e.Outcome, Text: e.Text, Of: e.Of, Edit: e.Edit,
	}
	if e.Started != nil {
		out.Started = *e.Started
	}
	if e.Ended != nil {
		out.Ended = *e.Ended
	}
	return out
}

// Edit keeps what a person adds to a report. It is an entry of its own: what was
// said before stays, and shows.
func (j *Journal) Edit(ref string, edit plans.ReportEdit) error {
	rec, err := j.RunRecord(ref)
	if err != nil {
		return err
	}
	if err := plans.CheckEdit(plans.MakeEvidence(rec), edit); err != nil {
		return &EditError{err}
	}
	_, err = j.write(func(*bolt.Tx) (Entry, error) {
		return Entry{Kind: KindEdit, Run: rec.Report.Status.RunID, Plan: rec.Report.Status.Plan, Label: edit.VM, Text: edit.Words(), Edit: &edit}, nil
	})
	return err
}

// EditError is an edit that the report does not take: nothing was written.
type EditError struct{ Err error }

func (e *EditError) Error() string { return e.Err.Error() }

func (e *EditError) Unwrap() error { return e.Err }

// HashOf is the hash of an entry, "" when there is none.
func (j *Journal) HashOf(seq uint64) (hash string, err error) {
	err = j.view(func(tx *bolt.Tx) error {
		stored := tx.Bucket(entriesBucket).Get(key(seq))
		if stored == nil {
			return nil
		}
		e, err := unseal(stored)
		if err != nil {
			return &BrokenError{Seq: seq, Why: err.Error()}
		}
		hash = e.Hash
		return nil
	})
	return hash, err
}
