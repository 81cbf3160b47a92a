package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities/journal"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
)

// reported is a data folder without an engine in which one drill has a report.
func reported(t *testing.T) (data string) {
	t.Helper()
	data = t.TempDir()
	j, err := journal.Open(filepath.Join(data, worker.JournalFile))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	s := plans.RunStatus{RunID: "p-1", Plan: "p", Operation: plans.TestFailover, StartedBy: "Dana", Started: now, Ended: now.Add(time.Hour), Verdict: plans.VerdictDone}
	r := plans.MakeReport(s, plans.RunInput{RunID: "p-1", Plan: "p", Operation: plans.TestFailover}, nil, "1.0", false)
	if err := j.SaveReport(r); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return data
}

// says runs the program as a person types it and wants an exit code.
func says(t *testing.T, code int, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if got := run(context.Background(), append([]string{"lifeboat"}, args...), strings.NewReader(""), &out, &out); got != code {
		t.Fatalf("%q ended with %d, want %d: %s", args, got, code, out.String())
	}
	return strings.Join(strings.Fields(out.String()), " ")
}

// The file of before a finding was written stays good, and whoever checks it hears
// that more was written. A journal that is gone, or has been cut before the report,
// is no journal on which it rests.
func TestVerifyTellsWhatTheJournalKnows(t *testing.T) {
	t.Chdir(reported(t)) // short names: long ones are folded
	const data = "."
	says(t, 0, "report", "export", "last", "--data", data, "--out", "out")
	files, err := filepath.Glob(filepath.Join("out", "*.html"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	verify := func(code int, words string, not string) {
		t.Helper()
		got := says(t, code, "report", "verify", "--data", data, files[0])
		if !strings.Contains(got, words) || not != "" && strings.Contains(got, not) {
			t.Errorf("want %q, not %q: %s", words, not, got)
		}
	}
	verify(0, "checked by the key of the data folder "+data, "written since")
	says(t, 0, "report", "edit", "last", "--data", data, "--finding", "nobody led", "--severity", "major", "--by", "Auditor")
	verify(0, "more about this run was written since, up to entry 2", "NOT GOOD")

	if got := says(t, 3, "report", "verify", "--data", data, files[0]+".gone", files[0]); !strings.Contains(got, "NOT GOOD "+files[0]+".gone") || !strings.Contains(got, " GOOD "+files[0]) {
		t.Errorf("a file that is not there hides the others: %s", got)
	}
	name := filepath.Join(data, worker.JournalFile)
	if err := os.Rename(name, name+".old"); err != nil {
		t.Fatal(err)
	}
	verify(1, "NOT GOOD", "")
	if err := os.WriteFile(name, []byte("no journal"), 0o600); err != nil {
		t.Fatal(err)
	}
	verify(1, "cannot be read", "")
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	_ = j.Close()
	verify(1, "no entry 1 any more", "")
}
