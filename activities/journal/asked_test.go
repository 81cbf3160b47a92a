package journal

import (
	"path/filepath"
	"testing"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// What was asked for is known again after the engine died, until it was taken
// back.
func TestWhatWasAskedIsKnownAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	open := func() *Journal {
		j, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	j := open()
	note := func(verb plans.Verb, run, point string) {
		t.Helper()
		if _, err := j.Before(plans.ActNote{Run: run, VM: "VM-1", Host: "B", Verb: verb, Point: point}); err != nil {
			t.Fatal(err)
		}
	}
	want := func(verb plans.Verb, run, point string, found bool) {
		t.Helper()
		n, ok, err := j.Asked("vm-1", "B", verb)
		if err != nil || n.Run != run || n.Point != point || ok != found {
			t.Errorf("%s: asked by %q for %q (%v), %v; want %q, %q, %v", verb, n.Run, n.Point, ok, err, run, point, found)
		}
	}
	want(plans.VerbStartFailover, "", "", false)
	note(plans.VerbStartFailover, "one", "p1")
	note(plans.VerbStartTest, "drill", "")
	note(plans.VerbResume, "repair/B", "")
	note(plans.VerbResync, "repair/B", "")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open()
	defer func() { _ = j.Close() }()
	want(plans.VerbStartFailover, "one", "p1", true)
	want(plans.VerbStartTest, "drill", "", true)
	want(plans.VerbResume, "repair/B", "", true)
	want(plans.VerbResync, "repair/B", "", true)
	note(plans.VerbStopFailover, "two", "")
	want(plans.VerbStartFailover, "", "", false)
	want(plans.VerbStartTest, "drill", "", true)
	note(plans.VerbStopTest, "drill", "")
	want(plans.VerbStartTest, "", "", false)
}

// Whatever was sent is known to have been sent: an attempt that begins anew after a
// kill must not send it again.
func TestEveryVerbThatWasSentIsRemembered(t *testing.T) {
	j, err := Open(filepath.Join(t.TempDir(), "j.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	for _, verb := range []plans.Verb{plans.VerbSettings, plans.VerbResumeExtended, plans.VerbResyncExtended, plans.VerbStopFailover, plans.VerbStopTest, plans.VerbQuarantine} {
		if _, err := j.Before(plans.ActNote{Run: "r", VM: "VM-1", Host: "B", Verb: verb}); err != nil {
			t.Fatal(err)
		}
		if _, found, err := j.Asked("vm-1", "B", verb); err != nil || !found {
			t.Errorf("%s is forgotten: %v", verb, err)
		}
	}
}

// Whose a failover is, and how a copy started before its fence, is taken from what
// became of the asking.
func TestWhatBecameOfAnActDecidesWhatIsRemembered(t *testing.T) {
	j, err := Open(filepath.Join(t.TempDir(), "j.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	run := ""
	act := func(verb plans.Verb, outcome string) {
		t.Helper()
		seq, err := j.Before(plans.ActNote{Run: run, VM: "vm", Host: "B", Verb: verb, AutoStart: "Start"})
		if err != nil {
			t.Fatal(err)
		}
		if err := j.After(seq, plans.ActRecord{Host: "B", Verb: verb, Outcome: outcome}); err != nil {
			t.Fatal(err)
		}
	}
	for outcome, want := range map[string]bool{"done": true, "no-answer": true, "failed": true, "moved": false, "expired": false, "not-sent": false} {
		run = outcome
		act(plans.VerbStartFailover, outcome)
		if _, ours, err := j.Asked("vm", "B", plans.VerbStartFailover); err != nil || ours != want {
			t.Errorf("a failover that was %s is ours: %v, %v", outcome, ours, err)
		}
	}
	act(plans.VerbStartFailover, "no-answer")
	act(plans.VerbStartFailover, "moved")
	if _, ours, err := j.Asked("vm", "B", plans.VerbStartFailover); err != nil || !ours {
		t.Errorf("what an earlier asking may have begun is somebody else's: %v", err)
	}
	for outcome, want := range map[string]bool{"done": false, "no-answer": true, "failed": true, "moved": true, "expired": true, "not-sent": true} {
		act(plans.VerbNoAutoStart, "done")
		act(plans.VerbAutoStart, outcome)
		if n, known, err := j.Asked("vm", "B", plans.VerbNoAutoStart); err != nil || known != want || known && n.AutoStart != "Start" {
			t.Errorf("an automatic start that was %s: known %v %q, %v", outcome, known, n.AutoStart, err)
		}
	}
}

// What was seen of an old copy holds for the run that saw it, also after a kill.
func TestSightsOfAnOldCopyBelongToTheirRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.db")
	for _, c := range []struct {
		write, open bool
		ask         string
		seen        bool
	}{
		{false, false, "one", false}, {true, true, "one", true}, {false, true, "one", true}, {false, false, "two", false},
		{true, false, "one", true}, {true, true, "one", true},
	} {
		j, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if c.write {
			err = j.Sighted("one", "VM-1", c.open)
		}
		open, seen, readErr := j.Sight(c.ask, "vm-1")
		if err != nil || readErr != nil || open != c.open || seen != c.seen {
			t.Errorf("%+v: open %v, seen %v, %v %v", c, open, seen, err, readErr)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
