package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// A VM's way is told once, in order, VM first, and without the engine's words.
func TestTheWatcherTellsEachEventOnce(t *testing.T) {
	at := func(s int) time.Time { return time.Date(2026, 1, 2, 3, 4, s, 0, time.UTC) }
	vm := plans.VMStatus{ID: "1", Label: "DB", Verdict: plans.VerdictRunning, Phase: plans.PhaseShutdown,
		Doing: "the shut-down is done; next is the move",
		Times: []plans.PhaseTime{{Phase: plans.PhaseShutdown, Started: at(1)}}}
	look := func(vm plans.VMStatus) plans.RunStatus {
		return plans.RunStatus{Plan: "web", Operation: plans.PlannedFailover, From: "a", To: "b", Started: at(0), VMs: []plans.VMStatus{vm}}
	}
	var out bytes.Buffer
	w := newWatcher(terminal{out: &out})
	see := func() {
		if err := w.show(context.Background(), look(vm)); err != nil {
			t.Fatal(err)
		}
	}
	see()
	see()
	vm.Acts = []plans.ActRecord{{Verb: plans.VerbShutDown, Started: at(1)}, {Verb: plans.VerbPrepareFailover, Started: at(4)}}
	vm.Times[0].Ended = at(3)
	vm.Times = append(vm.Times, plans.PhaseTime{Phase: plans.PhaseMove, Started: at(4), Ended: at(6)},
		plans.PhaseTime{Phase: plans.PhaseGates, Started: at(7)})
	vm.Phase, vm.GateText = plans.PhaseGates, "waiting for heartbeat"
	see()
	vm.Times[2].Ended, vm.GateText = at(9), ""
	vm.Verdict, vm.Doing = plans.VerdictDone, "runs at HV-B and replicates back to HV-A"
	see()
	var told []string
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		told = append(told, strings.Join(strings.Fields(line)[1:], " "))
	}
	want := []string{"DB shutting down at a", "DB off at a", "DB moved: b has its last changes", "DB waiting for heartbeat",
		"DB runs at HV-B and replicates back to HV-A"}
	if strings.Join(told, "\n") != strings.Join(want, "\n") {
		t.Errorf("told:\n%s\nwant:\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
}

// A VM that was there already was neither shut down nor moved by this run.
func TestNothingDoneIsNotTold(t *testing.T) {
	now := time.Now()
	vm := plans.VMStatus{Verdict: plans.VerdictDone, Doing: "runs at HV-B", Times: []plans.PhaseTime{
		{Phase: plans.PhaseShutdown, Started: now, Ended: now}, {Phase: plans.PhaseMove, Started: now, Ended: now}, {Phase: plans.PhaseGates, Started: now, Ended: now}}}
	got := vmEvents(plans.RunStatus{Operation: plans.PlannedFailover, From: "a", To: "b"}, vm)
	if len(got) != 1 || got[0].text != "runs at HV-B" {
		t.Errorf("told %+v", got)
	}
}

// In a lab the hosts' time comes first, beside the target in the same time.
func TestTheReportCountsInTheHostsTime(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := plans.Report{Status: plans.RunStatus{Operation: plans.PlannedFailover, Started: began, Ended: began.Add(time.Minute)}, Simulated: true, RTO: plans.Duration(31 * time.Second), Input: plans.RunInput{Speed: 30, Objectives: plans.Objectives{RTO: plans.Duration(2 * time.Hour)}}}
	if got, want := timeLine(r), "RTO 15 min 30 s simulated (31 s here at 30x), target 2 h"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	r.Simulated, r.Input.Speed = false, 1
	if got, want := timeLine(r), "RTO 31 s, target 2 h"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	r.Status.VMs = []plans.VMStatus{{Label: "DB", Verdict: plans.VerdictStuck}}
	if got, want := timeLine(r), "Took 1 min"; got != want {
		t.Errorf("with a VM that never came up: got %q, want %q", got, want)
	}
	r.Status.Operation = plans.Commit
	if got, want := timeLine(r), "Took 1 min"; got != want {
		t.Errorf("of a commit: got %q, want %q", got, want)
	}
	r.Status.Verdict = plans.VerdictRefused
	if got := timeLine(r); got != "" {
		t.Errorf("nothing was done, and it took %q", got)
	}
}

// A run that cannot be read for a while is watched on, and it is said once that it
// cannot and once that it can again; after a minute of it the words say that the run
// goes on, and the exit code that there is no access.
func TestTheWatcherOutlivesAnEngineThatIsBusy(t *testing.T) {
	for name, c := range map[string]struct {
		blind time.Duration
		code  int
	}{"busy": {blindLimit - time.Second, exitOK}, "gone": {blindLimit + time.Second, exitNoAccess}} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			source := func(context.Context) (plans.RunStatus, error) {
				switch now := time.Now(); {
				case now.Equal(began):
					return plans.RunStatus{Plan: "web", GoodCopy: "all at a"}, nil
				case now.Sub(began) < c.blind:
					return plans.RunStatus{}, context.DeadlineExceeded
				default:
					return plans.RunStatus{Plan: "web", Ended: now}, nil
				}
			}
			var out bytes.Buffer
			_, err := newWatcher(terminal{out: &out}).follow(t.Context(), source)
			if code := report(t.Context(), &out, err); code != c.code || (code != exitOK) != strings.Contains(out.String(), "It goes on when the engine does") {
				t.Errorf("%s: exit %d: %s", name, code, &out)
			}
			lost, back := strings.Count(out.String(), "ENGINE     does not answer"), strings.Count(out.String(), "ENGINE     answers again")
			if lost != 1 || back != map[int]int{exitOK: 1}[c.code] || !strings.Contains(out.String(), "all at a") {
				t.Errorf("%s: said %d times that it is lost, %d times that it is back: %s", name, lost, back, &out)
			}
		})
	}
}
