package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

var _ activities.Journal = (*Journal)(nil)

func fresh(t *testing.T) (*Journal, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.db")
	j, err := Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = j.Close() })
	return j, path
}

func note(run string) plans.ActNote {
	return plans.ActNote{
		Run: run, Plan: "erp", VM: "0f6c3a52-0000-0000-0000-000000000001", Label: "sql01", Host: "hv-b1",
		Verb: plans.VerbStartFailover, Expect: plans.Expect{Power: "Off", Mode: "Replica", State: "Replicating"},
		Why: "the source is prepared",
	}
}

func outcome() plans.ActRecord {
	began := time.Date(2026, 3, 1, 2, 3, 4, 0, time.UTC)
	return plans.ActRecord{
		Request: "r-17", Host: "hv-b1", Verb: plans.VerbStartFailover,
		Started: began, Ended: began.Add(2 * time.Second), Outcome: "done",
	}
}

func report(run string, started time.Time) plans.Report {
	return plans.Report{
		Status:   plans.RunStatus{RunID: run, Plan: "erp", Started: started, Verdict: plans.VerdictDone, Summary: "6 VMs up"},
		Downtime: map[string]plans.Duration{"sql01": plans.Duration(90 * time.Second)}, RTO: plans.Duration(time.Minute),
		Input: plans.RunInput{RunID: run, Steps: []plans.RunStep{{Number: 1, VMs: []plans.RunVM{{ID: "a", Name: "Ünï 'sql'"}}}}},
	}
}

func TestAnActIsKeptBeforeAndAfter(t *testing.T) {
	j, _ := fresh(t)
	seq, err := j.Before(note("run-1"))
	require.NoError(t, err)
	require.Equal(t, uint64(1), seq)
	require.NoError(t, j.After(seq, outcome()))

	list, err := j.Entries(0, Filter{})
	require.NoError(t, err)
	require.Len(t, list, 2)
	before, after := list[0], list[1]
	require.Equal(t, KindBefore, before.Kind)
	require.Equal(t, "Replica", before.Expect.Mode)
	require.Equal(t, "#1 about to: start-failover of sql01 at hv-b1: the source is prepared [run-1]", before.Words())
	require.Equal(t, KindAfter, after.Kind)
	require.Equal(t, seq, after.Of)
	require.Equal(t, "sql01", after.Label)
	require.Equal(t, before.Hash, after.Prev)
	require.Equal(t, "#2 done: start-failover of sql01 at hv-b1 (#1, took 2s, request r-17) [run-1]", after.Words())

	require.Error(t, j.After(seq+1, outcome()), "the outcome of an outcome")
	require.Error(t, j.After(99, outcome()), "the outcome of nothing")
	head, err := j.Verify()
	require.NoError(t, err)
	require.Equal(t, Head{Entries: 2, Hash: after.Hash}, head)
}

func TestFilterAndSince(t *testing.T) {
	j, _ := fresh(t)
	for i := range 6 {
		n := note(fmt.Sprint("run-", i%2))
		n.Host = fmt.Sprint("hv-", i%3)
		_, err := j.Before(n)
		require.NoError(t, err)
	}
	for _, c := range []struct {
		since uint64
		f     Filter
		want  []uint64
	}{
		{0, Filter{Run: "run-1"}, []uint64{2, 4, 6}},
		{2, Filter{Run: "run-1"}, []uint64{4, 6}},
		{0, Filter{Host: "hv-2"}, []uint64{3, 6}},
		{0, Filter{VM: "sql01", Run: "run-0", Host: "hv-0"}, []uint64{1}},
		{4, Filter{VM: note("").VM}, []uint64{5, 6}},
		{6, Filter{}, []uint64{}},
		{^uint64(0), Filter{}, []uint64{}},
	} {
		list, err := j.Entries(c.since, c.f)
		require.NoError(t, err)
		got := []uint64{}
		for _, e := range list {
			got = append(got, e.Seq)
		}
		require.Equal(t, c.want, got, "%+v", c)
	}
}

func TestReportsStayAsTheyWereFirstSaved(t *testing.T) {
	j, _ := fresh(t)
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	first := report("erp-1", day)
	require.NoError(t, j.SaveReport(first))
	require.NoError(t, j.SaveReport(report("erp-2", day.Add(time.Hour))))
	changed := report("erp-1", day)
	changed.Status.Summary = "something else"
	require.NoError(t, j.SaveReport(changed))

	got, err := j.Report("erp-1")
	require.NoError(t, err)
	require.Equal(t, asJSON(t, first), asJSON(t, got))
	all, err := j.Reports()
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, "erp-2", all[0].Status.RunID, "newest first")
	_, err = j.Report("erp-3")
	require.ErrorIs(t, err, ErrNotFound)
	_, err = j.Report("")
	require.ErrorIs(t, err, ErrNotFound)
	for _, bad := range []string{"", strings.Repeat("x", runLimit+1), "\xff"} {
		require.Error(t, j.SaveReport(report(bad, day)))
	}
	head, err := j.Verify()
	require.NoError(t, err)
	require.Equal(t, uint64(2), head.Entries)
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}

func TestANoticeIsKeptOncePerRun(t *testing.T) {
	j, _ := fresh(t)
	for _, n := range [][2]string{{"r1", "mail is back"}, {"r1", "mail is back"}, {"r2", "mail is back"}, {"r1", "web is back"}, {"r", "1mail is back"}} {
		require.NoError(t, j.Note(n[0], n[1]))
	}
	list, err := j.Entries(0, Filter{})
	require.NoError(t, err)
	require.Len(t, list, 4)
}

func TestTextsAreBounded(t *testing.T) {
	j, _ := fresh(t)
	n := note("run")
	n.Why = strings.Repeat("ü", textLimit) + "\xff"
	_, err := j.Before(n)
	require.NoError(t, err)
	list, err := j.Entries(0, Filter{})
	require.NoError(t, err)
	require.Less(t, len(list[0].Text), textLimit+32)
	require.True(t, strings.HasSuffix(list[0].Text, "… (cut)"))

	zeros := strings.Repeat("\x00", textLimit) // six bytes each in JSON
	n.Why, n.Label, n.Host = zeros, zeros, zeros
	_, err = j.Before(n)
	require.ErrorContains(t, err, "too large")
	head, err := j.Verify()
	require.NoError(t, err)
	require.Equal(t, uint64(1), head.Entries)
}

func TestAHeldJournalSaysSo(t *testing.T) {
	j, path := fresh(t)
	for _, open := range []func(string) (*Journal, error){Open, OpenReadOnly} {
		began := time.Now()
		_, err := open(path)
		require.ErrorIs(t, err, ErrHeld)
		require.ErrorContains(t, err, "engine")
		require.Less(t, time.Since(began), 5*lockWait)
	}
	require.NoError(t, j.Close())
	again, err := OpenReadOnly(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, again.Close()) }()
	_, err = again.Before(note("run"))
	require.Error(t, err, "opened for reading")
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	_, err := OpenReadOnly(filepath.Join(dir, "none.db"))
	require.ErrorIs(t, err, os.ErrNotExist)
	text := filepath.Join(dir, "text.db")
	require.NoError(t, os.WriteFile(text, []byte(strings.Repeat("no journal ", 4000)), 0o600))
	for _, open := range []func(string) (*Journal, error){Open, OpenReadOnly} {
		_, err = open(text)
		require.Error(t, err)
		require.NotErrorIs(t, err, ErrHeld)
	}
}

// Whatever is written in whatever order and by however many at once, the chain
// is whole, the numbers have no gap, and every outcome names its act.
func TestAnySequenceIsAWholeChain(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	j, path := fresh(t)
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(w)))
			for range 25 {
				assertNoError(t, step(j, r))
			}
		})
	}
	writers.Wait()
	head, err := j.Verify()
	require.NoError(t, err)
	list, err := j.Entries(0, Filter{})
	require.NoError(t, err)
	require.Len(t, list, int(head.Entries))
	for i, e := range list {
		require.Equal(t, uint64(i+1), e.Seq)
		require.NotEmpty(t, e.Words())
		if e.Kind == KindAfter {
			require.Equal(t, KindBefore, list[e.Of-1].Kind)
		}
	}
	require.NoError(t, j.Close())
	again, err := OpenReadOnly(path)
	require.NoError(t, err)
	defer func() { _ = again.Close() }()
	same, err := again.Verify()
	require.NoError(t, err)
	require.Equal(t, head, same)
}

func assertNoError(t *testing.T, err error) {
	if err != nil {
		t.Error(err)
	}
}

func step(j *Journal, r *rand.Rand) error {
	run := fmt.Sprint("run-", r.IntN(5))
	switch r.IntN(4) {
	case 0:
		return j.Note(run, fmt.Sprint("text ", r.IntN(5)))
	case 1:
		return j.SaveReport(report(run, time.Unix(r.Int64N(1e9), 0)))
	default:
		seq, err := j.Before(note(run))
		if err != nil || r.IntN(5) == 0 {
			return err
		}
		return j.After(seq, outcome())
	}
}

func TestReadersSeeNothingOfAWriteThatFailed(t *testing.T) {
	j, _ := fresh(t)
	_, err := j.Before(note("run"))
	require.NoError(t, err)
	require.NoError(t, j.Close())
	_, err = j.Before(note("run"))
	require.Error(t, err)
	var broken *BrokenError
	require.False(t, errors.As(err, &broken))
}

// Who asks again and again gets all reports when there is a new one, and nothing
// otherwise: a year of them is much to read every half minute.
func TestReportsAreReadWhenThereAreNewOnes(t *testing.T) {
	j, _ := fresh(t)
	news := j.NewReports()
	require.NoError(t, j.SaveReport(report("a", time.Unix(1e9, 0))))
	for _, c := range []struct {
		keep string
		want int
	}{{"", 1}, {"", -1}, {"a", -1}, {"b", 2}, {"", -1}} {
		if c.keep != "" {
			require.NoError(t, j.SaveReport(report(c.keep, time.Unix(1e9, 0))))
		}
		all, err := news()
		require.NoError(t, err)
		if c.want < 0 {
			require.Nil(t, all)
		} else {
			require.Len(t, all, c.want)
		}
	}
	none, _ := fresh(t)
	all, err := none.NewReports()()
	require.NoError(t, err)
	require.NotNil(t, all, "no report is an answer too")
	require.NoError(t, none.Close())
	closed := none.NewReports()
	for range 2 {
		_, err = closed()
		require.Error(t, err, "who could not read asks again")
	}
}
