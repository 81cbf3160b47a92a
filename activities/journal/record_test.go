package journal

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Numbers follow the order in which reports were kept, year by year, and stay.
func TestReportsAreNumberedForEver(t *testing.T) {
	j, path := fresh(t)
	now := time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC)
	j.now = func() time.Time { return now }
	for _, run := range []string{"b", "a"} { // the order of keeping counts, no other
		require.NoError(t, j.SaveReport(report(run, now)))
	}
	require.NoError(t, j.SaveReport(report("b", now.Add(time.Hour))), "kept again")
	now = now.Add(2 * time.Hour)
	require.NoError(t, j.SaveReport(report("c", now.Add(-2*time.Hour))))

	numbers := func(j *Journal) map[string]string {
		all, err := j.RunRecords()
		require.NoError(t, err)
		out := map[string]string{}
		for _, r := range all {
			out[r.Report.Status.RunID] = r.Number
		}
		require.Equal(t, "c", all[0].Report.Status.RunID, "the newest first")
		return out
	}
	want := map[string]string{"b": "DR-2026-001", "a": "DR-2026-002", "c": "DR-2027-001"}
	require.Equal(t, want, numbers(j))
	require.NoError(t, j.Edit("DR-2026-001", plans.ReportEdit{By: "Dana", Field: plans.EditLead, Text: "Dana"}))
	require.NoError(t, j.Close())
	again, err := OpenReadOnly(path)
	require.NoError(t, err)
	defer func() { _ = again.Close() }()
	require.Equal(t, want, numbers(again))
	for _, ref := range []string{"c", "DR-2027-001", LastRecord} {
		rec, err := again.RunRecord(ref)
		require.NoError(t, err)
		require.Equal(t, "c", rec.Report.Status.RunID)
	}
	for _, ref := range []string{"", "DR-2027-002", "x"} {
		_, err := again.RunRecord(ref)
		require.ErrorIs(t, err, ErrNotFound)
	}
}

// What a person adds is an entry of its own in the chain: the report stays as it
// was kept, and the anchor moves on.
func TestAnEditIsAnEntryAndChangesNothing(t *testing.T) {
	j, _ := fresh(t)
	seq, err := j.Before(note("run-1"))
	require.NoError(t, err)
	require.NoError(t, j.After(seq, outcome()))
	_, err = j.Before(note("another"))
	require.NoError(t, err)
	require.NoError(t, j.SaveReport(report("run-1", time.Now())))
	before, err := j.RunRecord("run-1")
	require.NoError(t, err)
	require.Len(t, before.Entries, 3, "entries of this run alone")

	edit := plans.ReportEdit{By: "Dana", Field: plans.EditReviewed, Text: "J. Patel"}
	require.NoError(t, j.Edit(LastRecord, edit))
	after, err := j.RunRecord("run-1")
	require.NoError(t, err)
	require.Equal(t, before.Report, after.Report)
	require.Equal(t, before.Number, after.Number)
	last := after.Entries[len(after.Entries)-1]
	require.Equal(t, KindEdit, last.Kind)
	require.Equal(t, edit, *last.Edit)
	require.Equal(t, last.Seq, after.Anchor.Entry)
	require.Greater(t, after.Anchor.Entry, before.Anchor.Entry)
	hash, err := j.HashOf(after.Anchor.Entry)
	require.NoError(t, err)
	require.Equal(t, after.Anchor.Hash, hash)
	none, err := j.HashOf(99)
	require.NoError(t, err)
	require.Empty(t, none)

	var refused *EditError
	require.ErrorAs(t, j.Edit("run-1", plans.ReportEdit{By: "Dana", Field: "verdict", Text: "PASSED"}), &refused)
	require.ErrorIs(t, j.Edit("nothing", edit), ErrNotFound)
	head, err := j.Verify()
	require.NoError(t, err)
	require.Equal(t, uint64(5), head.Entries, "what was refused is not written")
}

func TestAJournalWithoutReportsHasNoRecords(t *testing.T) {
	j, err := Open(filepath.Join(t.TempDir(), "journal.db"))
	require.NoError(t, err)
	defer func() { _ = j.Close() }()
	all, err := j.RunRecords()
	require.NoError(t, err)
	require.Empty(t, all)
	_, err = j.RunRecord(LastRecord)
	require.ErrorIs(t, err, ErrNotFound)
}

// What was edited in the file is no evidence: an entry that is hashed anew, one that
// is gone, a report that is another are found when a record is read, and nothing is
// added to it.
func TestNoRecordRestsOnWhatWasEdited(t *testing.T) {
	for name, tamper := range map[string]func(entries, reports *bolt.Bucket) error{
		"an entry hashed anew": func(b, _ *bolt.Bucket) error {
			e, err := unseal(b.Get(key(3)))
			if err != nil {
				return err
			}
			e.Host = "another"
			stored, _, err := seal(e)
			if err != nil {
				return err
			}
			return b.Put(key(3), stored)
		},
		"an entry gone": func(b, _ *bolt.Bucket) error { return b.Delete(key(5)) },
		"another report": func(_, r *bolt.Bucket) error {
			return r.Put([]byte("run-1"), bytes.Replace(r.Get([]byte("run-1")), []byte("6 VMs up"), []byte("9 VMs up"), 1))
		},
		"no report": func(_, r *bolt.Bucket) error { return r.Delete([]byte("run-1")) },
	} {
		t.Run(name, func(t *testing.T) {
			j, _ := filled(t)
			_, err := j.RunRecord("run-1")
			require.NoError(t, err)
			require.NoError(t, j.db.Update(func(tx *bolt.Tx) error { return tamper(tx.Bucket(entriesBucket), tx.Bucket(reportsBucket)) }))
			var broken *BrokenError
			_, err = j.RunRecord("run-1")
			require.ErrorAs(t, err, &broken)
			_, err = j.RunRecords()
			require.ErrorAs(t, err, &broken)
			require.ErrorAs(t, j.Edit("run-1", plans.ReportEdit{By: "Dana", Field: plans.EditLead, Text: "Dana"}), &broken)
		})
	}
}
