package worker

import (
	"context"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

// somebodysRuns are runs, newest first, with what they say; it counts the questions.
type somebodysRuns struct {
	runs   []control.RunSummary
	status map[string]plans.RunStatus // by run
	asked  int
}

func (s *somebodysRuns) Runs(context.Context, int32) ([]control.RunSummary, error) {
	return s.runs, nil
}

func (s *somebodysRuns) StatusOf(_ context.Context, r control.RunSummary) (plans.RunStatus, error) {
	s.asked++
	return s.status[r.Run], nil
}

// A run that ended badly and told nobody is told of once; one that is old, that people
// know of or that another followed is not; what ended well is asked for once.
func TestAlertsOfRunsThatEnded(t *testing.T) {
	now := time.Now().UTC()
	ended := func(workflow, run string, ago time.Duration) control.RunSummary {
		return control.RunSummary{Plan: "a", Workflow: workflow, Run: run, Ended: now.Add(-ago)}
	}
	bad := func(v plans.Verdict) plans.RunStatus {
		return plans.RunStatus{Plan: "a", Operation: plans.PlannedFailover, Verdict: v, Summary: "x", Ended: now}
	}
	p := plans.AlertPolicy{Config: &plans.Alerts{To: []string{"hook"}, Channels: []plans.Channel{{Name: "hook", Webhook: &plans.HookChannel{}}}}, Repeat: 24 * time.Hour, Zone: time.UTC}
	s := &somebodysRuns{status: map[string]plans.RunStatus{"1": bad(plans.VerdictStuck), "2": bad(plans.VerdictUnknown), "3": bad(plans.VerdictDone), "4": bad(plans.VerdictStuck), "5": bad(plans.VerdictStuck)}}
	s.runs = []control.RunSummary{
		ended("plan/a", "2", time.Minute), ended("plan/a", "1", time.Hour), // followed by 2
		ended("plan/b", "3", time.Minute), ended("plan/c", "4", 25*time.Hour), ended("plan/d", "5", time.Minute),
	}
	desk := plans.AlertDesk{Ends: map[string]time.Time{"run/plan/d 5": now}}
	runs := &alertRuns{client: s}
	step := func() (told int) {
		t.Helper()
		var look plans.AlertLook
		if err := runs.look(t.Context(), p, desk, &look, map[string]bool{}); err != nil {
			t.Fatal(err)
		}
		desk.Step(p, look, now)
		return len(desk.Queue)
	}
	if told := step(); told != 1 || desk.Queue[0].Key != "run/plan/a 2" || s.asked != 2 {
		t.Fatalf("told of %d, asked %d: %+v", told, s.asked, desk.Queue)
	}
	if told := step(); told != 1 || s.asked != 3 {
		t.Errorf("again: told %d, asked %d", told, s.asked)
	}
	s.runs = append([]control.RunSummary{{Plan: "a", Workflow: "plan/a", Run: "6", Open: true}}, s.runs...)
	if told := step(); told != 2 || desk.Queue[1].Kind != plans.AlertWell || len(desk.Open) != 0 {
		t.Errorf("followed: %+v", desk)
	}
	if told := step(); told != 2 {
		t.Errorf("told again: %+v", desk.Queue)
	}
}

// A run that people were told waits, and that ended stuck, is not over.
func TestARunThatWaitedAndIsStuckStaysTold(t *testing.T) {
	now := time.Now().UTC()
	p := plans.AlertPolicy{Config: &plans.Alerts{To: []string{"hook"}, Channels: []plans.Channel{{Name: "hook", Webhook: &plans.HookChannel{}}}}, Repeat: 24 * time.Hour, Zone: time.UTC}
	desk := plans.AlertDesk{}
	desk.Step(p, plans.AlertLook{Watched: []plans.Watched{p.WatchRun("plan/a 1", plans.RunStatus{Plan: "a", Waiting: []plans.Question{{Text: "x", Since: now}}})}}, now)
	s := &somebodysRuns{runs: []control.RunSummary{{Plan: "a", Workflow: "plan/a", Run: "1", Ended: now}}, status: map[string]plans.RunStatus{"1": {Plan: "a", Verdict: plans.VerdictStuck, Ended: now}}}
	var look plans.AlertLook
	if err := (&alertRuns{client: s}).look(t.Context(), p, desk, &look, map[string]bool{}); err != nil {
		t.Fatal(err)
	}
	if desk.Step(p, look, now); !desk.Open["run/plan/a 1"].TellsEnd() || len(desk.Queue) != 2 || desk.Queue[1].Kind != plans.AlertMore {
		t.Errorf("%+v", desk)
	}
}

// A try that was refused has changed nothing: what was stuck before it stays told, also
// for an engine that has just begun; a run that began ends it.
func TestARefusedRunDoesNotEndWhatIsStuck(t *testing.T) {
	now := time.Now().UTC()
	run := func(id string, ago time.Duration) control.RunSummary {
		return control.RunSummary{Plan: "a", Workflow: "plan/a", Run: id, Ended: now.Add(-ago)}
	}
	p := plans.AlertPolicy{Config: &plans.Alerts{To: []string{"hook"}, Channels: []plans.Channel{{Name: "hook", Webhook: &plans.HookChannel{}}}}, Repeat: 24 * time.Hour, Zone: time.UTC}
	s := &somebodysRuns{runs: []control.RunSummary{run("1", 30*time.Hour)}, status: map[string]plans.RunStatus{
		"1": {Plan: "a", Verdict: plans.VerdictStuck, Ended: now}, "2": {Plan: "a", Verdict: plans.VerdictRefused, Ended: now}, "3": {Plan: "a", Verdict: plans.VerdictRefused, Ended: now},
	}}
	desk := plans.AlertDesk{}
	stuck := p.WatchEnd("plan/a 1", s.status["1"], false)
	desk.Step(p, plans.AlertLook{Watched: []plans.Watched{stuck}}, now.Add(-30*time.Hour))
	runs := &alertRuns{client: s}
	step := func() {
		t.Helper()
		var look plans.AlertLook
		if err := runs.look(t.Context(), p, desk, &look, map[string]bool{}); err != nil {
			t.Fatal(err)
		}
		desk.Step(p, look, now)
	}
	for _, refused := range []control.RunSummary{run("2", 29*time.Hour), run("3", time.Minute)} {
		s.runs = append([]control.RunSummary{refused}, s.runs...)
		step()
		runs = &alertRuns{client: s} // the engine was started anew
		step()
		if !desk.Open["run/plan/a 1"].TellsEnd() {
			t.Fatalf("after %s it is said to be over: %+v", refused.Run, desk.Queue)
		}
	}
	s.runs = nil // so many other runs came after it
	if step(); !desk.Open["run/plan/a 1"].TellsEnd() {
		t.Fatalf("it is said to be over: %+v", desk.Queue)
	}
	s.runs = append([]control.RunSummary{{Plan: "a", Workflow: "plan/a", Run: "4", Open: true}}, s.runs...)
	if step(); len(desk.Open) != 0 {
		t.Errorf("after a run has begun: %+v", desk.Open)
	}
}

// That a VM is protected is told once, when it is, and by no engine again; what was
// written to a folder is not called protected.
func TestAProtectionThatIsThereIsTold(t *testing.T) {
	now := time.Now().UTC()
	p := plans.AlertPolicy{Config: &plans.Alerts{To: []string{"hook"}, Channels: []plans.Channel{{Name: "hook", Webhook: &plans.HookChannel{}}}}, Repeat: 24 * time.Hour, Zone: time.UTC}
	run := func(vm string, open bool) control.RunSummary {
		return control.RunSummary{Plan: "protection-" + vm, Workflow: "plan/protection-" + vm, Run: vm, Open: open, Operation: plans.Protect, Ended: now}
	}
	status := func(vm, doing string, ended time.Time) plans.RunStatus {
		return plans.RunStatus{Plan: "protection-" + vm, Operation: plans.Protect, Verdict: plans.VerdictDone, Ended: ended, VMs: []plans.VMStatus{{Label: vm, Verdict: plans.VerdictDone, Doing: doing}}}
	}
	s := &somebodysRuns{runs: []control.RunSummary{run("APP", true), run("BIG", false)}, status: map[string]plans.RunStatus{
		"APP": status("APP", "", time.Time{}), "BIG": status("BIG", "written to D:\\seed: NOT PROTECTED YET", now),
	}}
	desk := plans.AlertDesk{}
	step := func(runs *alertRuns) {
		t.Helper()
		var look plans.AlertLook
		if err := runs.look(t.Context(), p, desk, &look, map[string]bool{}); err != nil {
			t.Fatal(err)
		}
		desk.Step(p, look, now)
	}
	runs := &alertRuns{client: s}
	step(runs)
	if len(desk.Queue) != 1 || desk.Queue[0].Title != "BIG: written to D:\\seed: NOT PROTECTED YET" {
		t.Fatalf("told while it is under way, or protected: %+v", desk.Queue)
	}
	s.runs[0], s.status["APP"] = run("APP", false), status("APP", "protected: runs at A and replicates to B", now)
	for range 3 {
		step(runs)
		step(&alertRuns{client: s}) // the engine was started anew
	}
	if len(desk.Queue) != 2 || desk.Queue[1].Title != "APP is protected: runs at A and replicates to B" || desk.Queue[1].Kind != plans.AlertNotice || desk.Queue[1].Urgent {
		t.Errorf("told: %+v", desk.Queue)
	}
}
