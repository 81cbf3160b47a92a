package journal

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lifeboat-dr/lifeboat/plans"
)

func TestWhatPeopleWereToldSurvives(t *testing.T) {
	name := filepath.Join(t.TempDir(), "journal.db")
	j, err := Open(name)
	require.NoError(t, err)
	d, err := j.AlertDesk()
	require.NoError(t, err)
	require.Zero(t, d.Seq)
	tell := func(d *plans.AlertDesk) {
		d.Test(plans.AlertTarget{Channel: "mail"}, "Dana", time.Unix(1_700_000_000, 0).UTC())
	}
	require.NoError(t, j.Alerts(tell))
	writes := func() int64 { s := j.db.Stats(); return s.TxStats.GetWrite() }
	pages := writes()
	require.NoError(t, j.Alerts(func(*plans.AlertDesk) {}))
	require.Equal(t, pages, writes(), "nothing new was written")
	// The same message of a run, told by an activity that did not hear that it
	// had done so: once in the journal, once in the queue.
	for range 3 {
		require.NoError(t, j.Tell("run-1", "we run at DR", tell))
	}
	want, err := j.AlertDesk()
	require.NoError(t, err)
	require.Len(t, want.Queue, 2)
	require.NoError(t, j.Close())
	j, err = Open(name)
	require.NoError(t, err)
	got, err := j.AlertDesk()
	require.NoError(t, err)
	require.Equal(t, want, got)
	entries, err := j.Entries(0, Filter{})
	require.NoError(t, err)
	require.Len(t, entries, 1)
	_, err = j.Verify()
	require.NoError(t, err)
	require.NoError(t, j.Close())
	ro, err := OpenReadOnly(name)
	require.NoError(t, err)
	got, err = ro.AlertDesk()
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.NoError(t, ro.Close())
}
