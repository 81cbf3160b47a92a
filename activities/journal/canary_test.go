package journal

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// A night is kept once, with a note in the chain, newest first, for a year.
func TestCanariesAreKept(t *testing.T) {
	j, path := fresh(t)
	start := time.Date(2026, 1, 1, 2, 30, 0, 0, time.UTC)
	night := func(i int) plans.CanaryResult {
		return plans.CanaryResult{Canary: "n", Due: start.AddDate(0, 0, i), Verdict: plans.VerdictDone, Host: "A", To: "B"}
	}
	for _, i := range []int{1, 0, 1} {
		require.NoError(t, j.SaveCanary(night(i)))
	}
	require.NoError(t, j.SaveCanary(plans.SkipCanary(plans.CanaryResult{Canary: "other", Due: start}, "busy")))
	all, err := j.Canaries()
	require.NoError(t, err)
	require.Len(t, all["n"], 2)
	require.Len(t, all["other"], 1)
	require.True(t, all["n"][0].Due.Equal(night(1).Due), "the newest first")
	notes, err := j.Entries(0, Filter{Run: plans.CanaryRunName(night(0))})
	require.NoError(t, err)
	require.Len(t, notes, 1)
	require.Contains(t, notes[0].Text, "canary n, due 1 Jan 2026 02:30 UTC: passed")
	for i := range canaryKept {
		require.NoError(t, j.SaveCanary(night(2+i)))
	}
	require.NoError(t, j.Close())
	again, err := OpenReadOnly(path)
	require.NoError(t, err)
	defer func() { _ = again.Close() }()
	all, err = again.Canaries()
	require.NoError(t, err)
	require.Len(t, all["n"], canaryKept)
	require.True(t, all["n"][0].Due.Equal(night(canaryKept+1).Due))
	_, err = again.Verify()
	require.NoError(t, err)
}

func TestAJournalWithoutCanariesHasNone(t *testing.T) {
	j, _ := fresh(t)
	all, err := j.Canaries()
	require.NoError(t, err)
	require.Empty(t, all)
}
