package workflows

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// sweep is an OrphanSweep over findings that are there until they are cleaned.
type sweep struct {
	t   *testing.T
	env *testsuite.TestWorkflowEnvironment

	mu       sync.Mutex
	findings []plans.Orphan
	kept     []plans.OrphanInQuarantine
	acts     []string
	notes    []activities.NotifyIn
	said     []string
	looks    int
	taken    map[string]bool // VMs that another operation has
	verdicts []plans.Verdict // of the first acts; done after those
	wire     wire
}

func newSweep(t *testing.T, findings ...plans.Orphan) *sweep {
	s := &sweep{t: t, findings: findings, taken: map[string]bool{}}
	s.wire.childID = func(id string) string {
		if s.taken[strings.TrimPrefix(id, "vm/")] {
			return OrphansID // an id that is in use
		}
		return id
	}
	s.env = testEnvironment(&s.wire)
	s.env.SetStartTime(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC))
	s.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: OrphansID, TaskQueue: TaskQueue})
	Register(s.env)
	for name, f := range map[string]any{
		activities.OrphanLookName: s.look, activities.OrphanActName: s.act,
		activities.NotifyName: func(_ context.Context, in activities.NotifyIn) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.notes = append(s.notes, in)
			return nil
		},
	} {
		s.env.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
	return s
}

func (s *sweep) look(context.Context) (activities.OrphanLookOut, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	return activities.OrphanLookOut{Picture: plans.OrphanPicture{Findings: append([]plans.Orphan{}, s.findings...), Kept: append([]plans.OrphanInQuarantine{}, s.kept...)}}, nil
}

func (s *sweep) act(_ context.Context, in activities.OrphanActIn) (activities.OrphanActOut, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acts = append(s.acts, fmt.Sprintf("%s undo=%t by %s", in.Orphan.ID, in.Undo, in.By))
	for i, f := range s.findings {
		if f.ID == in.Orphan.ID {
			s.findings = append(s.findings[:i:i], s.findings[i+1:]...)
			break
		}
	}
	verdict := plans.VerdictDone
	if n := len(s.acts); n <= len(s.verdicts) {
		verdict = s.verdicts[n-1]
	}
	return activities.OrphanActOut{Verdict: verdict, Text: "Read back.", Verb: in.Orphan.Verb}, nil
}

// say gives an answer; what becomes of it is in said, "" for yes.
func (s *sweep) say(after time.Duration, a plans.Answer) {
	s.env.RegisterDelayedCallback(func() {
		s.env.UpdateWorkflow(string(a.Choice), "", &testsuite.TestUpdateCallback{
			OnReject: func(err error) { s.said = append(s.said, err.Error()) },
			OnAccept: func() { s.said = append(s.said, "") }, OnComplete: func(any, error) {},
		}, a)
	}, after)
}

func (s *sweep) run(in OrphanInput) plans.OrphanStatus {
	s.t.Helper()
	s.env.ExecuteWorkflow(OrphanSweep, in)
	var out plans.OrphanStatus
	if err := s.env.GetWorkflowError(); err != nil {
		s.t.Fatal(err)
	}
	if err := s.env.GetWorkflowResult(&out); err != nil {
		s.t.Fatal(err)
	}
	return out
}

func TestASweepCleansWhatIsAgreedToAndNothingElse(t *testing.T) {
	s := newSweep(t,
		plans.Orphan{ID: "o-files", Kind: plans.OrphanFiles, Host: "HQ1", VM: "g1", Verb: plans.VerbQuarantine},
		plans.Orphan{ID: "o-only", Kind: plans.OrphanPrimaryGone, Host: "DR1", VM: "g2", Verb: plans.VerbRemove, Word: plans.WordOnlyCopy, OnlyCopy: true},
		plans.Orphan{ID: "o-person", Kind: plans.OrphanTwoPrimaries, Host: "DR1", VM: "g3", Person: "people say which survives"},
		plans.Orphan{ID: "o-taken", Kind: plans.OrphanCheckpoint, Host: "DR1", VM: "g4", Verb: plans.VerbRemoveCheckpoints},
		plans.Orphan{ID: "o-left", Kind: plans.OrphanCheckpoint, Host: "DR1", VM: "g5", Verb: plans.VerbRemoveCheckpoints},
	)
	s.taken["g4"] = true
	cli := func(id, word string) plans.Answer {
		return plans.Answer{Choice: plans.ChoiceClean, VM: id, Word: word, By: "Dana", Via: "cli"}
	}
	for i, a := range []plans.Answer{
		cli("o-nobody", ""), cli("o-person", ""), cli("o-only", ""), cli("o-only", "yes"),
		{Choice: plans.ChoiceClean, VM: "o-only", Word: plans.WordOnlyCopy}, // from the Web UI
		cli("o-files", ""), cli("o-only", plans.WordOnlyCopy), cli("o-taken", ""),
	} {
		s.say(time.Duration(i+1)*time.Minute, a)
	}
	out := s.run(OrphanInput{By: "Dana"})
	want := []string{"o-files undo=false by Dana", "o-only undo=false by Dana"}
	if fmt.Sprint(s.acts) != fmt.Sprint(want) {
		t.Errorf("acts %v", s.acts)
	}
	for i, words := range []string{"no finding", "a person must act first: people say", "takes the word", "takes the word", "said who they are", "", "", ""} {
		if i >= len(s.said) || words == "" && s.said[i] != "" || !strings.Contains(s.said[i], words) {
			t.Fatalf("answer %d: %q", i, s.said)
		}
	}
	if c := out.Cleans; len(c) != 3 || c[0].Verdict != plans.VerdictDone || c[2].Verdict != plans.VerdictRefused || !strings.Contains(c[2].Text, "Nothing was changed") {
		t.Errorf("cleans %+v", c)
	}
	if out.Ended.IsZero() || s.looks != 4 || len(out.Picture.Findings) != 3 {
		t.Errorf("after %d looks: %+v", s.looks, out.Picture.Findings)
	}
	for _, n := range s.notes {
		if !n.JournalOnly {
			t.Errorf("people were told of what one of them did: %s", n.Text)
		}
	}
}

func TestASweepTakesCleanUpsBack(t *testing.T) {
	entry := plans.OrphanClean{Orphan: plans.Orphan{ID: "o-entry", Kind: plans.OrphanEntry, Host: "DR1", Name: "gone.example", Entry: plans.Authorized{Primary: "gone.example"}}, Verb: plans.VerbRemoveEntry, Verdict: plans.VerdictDone}
	s := newSweep(t)
	s.kept = []plans.OrphanInQuarantine{{ID: "o-files", Host: "DR1", VM: "g1", Path: `D:\q\G1`, Original: `D:\r\G1`}, {ID: "o-test", Host: "DR1", VM: "g2", Path: `D:\q\test-g2`}}
	for i, id := range []string{"o-nobody", "o-test", "o-files", "o-entry", "o-entry"} {
		s.say(time.Duration(i+1)*time.Minute, plans.Answer{Choice: plans.ChoiceUndo, VM: id, By: "Dana", Via: "cli"})
	}
	out := s.run(OrphanInput{By: "Dana", Cleans: []plans.OrphanClean{entry}})
	if want := []string{"o-files undo=true by Dana", "o-entry undo=true by Dana"}; fmt.Sprint(s.acts) != fmt.Sprint(want) {
		t.Errorf("acts %v, said %q", s.acts, s.said)
	}
	if !out.Cleans[0].Undone || out.Cleans[2].Verb != plans.VerbAddEntry {
		t.Errorf("cleans %+v", out.Cleans)
	}
}

// An undo that came to nothing can be asked for again, one that was done cannot.
func TestAnUndoThatFailedIsTriedAgain(t *testing.T) {
	entry := plans.OrphanClean{Orphan: plans.Orphan{ID: "o-entry", Kind: plans.OrphanEntry, Host: "DR1", Name: "gone.example"}, Verb: plans.VerbRemoveEntry, Verdict: plans.VerdictDone}
	s := newSweep(t)
	s.verdicts = []plans.Verdict{plans.VerdictUnknown}
	for i := range 3 {
		s.say(time.Duration(i+1)*time.Minute, plans.Answer{Choice: plans.ChoiceUndo, VM: "o-entry", By: "Dana", Via: "cli"})
	}
	s.run(OrphanInput{By: "Dana", Cleans: []plans.OrphanClean{entry}})
	if len(s.acts) != 2 || len(s.said) != 3 || s.said[0]+s.said[1] != "" || !strings.Contains(s.said[2], "Dana has taken it back already") {
		t.Errorf("acts %v, said %q", s.acts, s.said)
	}
}

func TestTheCalendarsSweepOnlyReports(t *testing.T) {
	s := newSweep(t, plans.Orphan{ID: "o-files", Kind: plans.OrphanFiles, Host: "HQ1", VM: "g1", Verb: plans.VerbQuarantine, Policy: true})
	out := s.run(OrphanInput{By: "the calendar", Report: true})
	if len(s.acts) != 0 || out.Ended.IsZero() || len(s.notes) != 1 || s.notes[0].JournalOnly || !strings.Contains(s.notes[0].Text, "1 files-without-vm") {
		t.Errorf("acts %v, notes %+v", s.acts, s.notes)
	}
	again := newSweep(t, plans.Orphan{ID: "o-files", Kind: plans.OrphanFiles, Host: "HQ1", VM: "g1"})
	again.env.SetLastCompletionResult(out)
	again.run(OrphanInput{Report: true})
	if len(again.notes) != 0 {
		t.Errorf("people were told of it again: %+v", again.notes)
	}
	quiet := newSweep(t)
	quiet.run(OrphanInput{Report: true})
	if len(quiet.notes) != 0 {
		t.Errorf("people were told that nothing is left behind: %+v", quiet.notes)
	}
}
