package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

func heldRun(n int) plans.RunStatus {
	s := plans.RunStatus{Plan: "web", Operation: plans.PlannedFailover}
	for i := range n {
		s.Waiting = append(s.Waiting, plans.Question{VM: fmt.Sprintf("VM%d", i), VMID: fmt.Sprint(i), Text: "HV-A is not seen", Since: time.Date(2026, 1, 2, 3, 4, i, 0, time.UTC),
			Choices: []plans.Choice{plans.ChoiceRetry, plans.ChoiceSkip}})
	}
	return s
}

// Many VMs that are held for one reason are one message; a few are not.
func TestManyHeldVMsAreOneMessage(t *testing.T) {
	for n, want := range map[int]int{1: 1, 3: 3, 4: 1, 9: 1} {
		var out bytes.Buffer
		showQuestions(terminal{out: &out}, heldRun(n))
		if got := strings.Count(out.String(), "HV-A is not seen"); got != want {
			t.Errorf("%d held VMs are told %d times, want %d:\n%s", n, got, want, out.String())
		}
		if all := strings.Contains(out.String(), "--held"); all != (n > mostAlone) {
			t.Errorf("%d held VMs: one answer for all offered: %v", n, all)
		}
	}
	s := heldRun(9)
	for i := range s.Waiting {
		s.Waiting[i].Text += ": '" + s.Waiting[i].VM + "' was refused"
	}
	if groups := together(s.Waiting); len(groups) != 1 {
		t.Errorf("a host's words that name each VM make %d groups", len(groups))
	}
	s.Waiting[4].Text = "HV-B is not seen"
	if groups := together(s.Waiting); len(groups) != 2 || len(groups[0]) != 8 {
		t.Errorf("another reason stands alone, got %d groups", len(groups))
	}
	steps := plans.RunStatus{Waiting: []plans.Question{{Step: 1, Text: "same"}, {Step: 2, Text: "same"}, {Step: 3, Text: "same"}, {Step: 4, Text: "same"}}}
	if groups := together(steps.Waiting); len(groups) != 4 {
		t.Errorf("steps are answered one by one, got %d groups", len(groups))
	}
}

// A question says each thing on a line of its own; the host's code stands below
// the plain words, where nobody has to read past it.
func TestAQuestionIsReadLineByLine(t *testing.T) {
	s := heldRun(1)
	s.Waiting[0].Text = "shut-down was refused by HV-A: the guest did not respond. (OperationFailed,Microsoft.HyperV.PowerShell.Commands.StopVM). Do: look at its console"
	s.Waiting[0].SafeToWait = "Waiting loses no data. Good copy: HV-A."
	var out bytes.Buffer
	showQuestions(terminal{out: &out}, s)
	want := `    shut-down was refused by HV-A: the guest did not respond.
    Do      look at its console
    Waiting loses no data. Good copy: HV-A.
    Answer  lifeboat run retry|skip web --vm VM0
    Raw     OperationFailed,Microsoft.HyperV.PowerShell.Commands.StopVM
`
	if _, got, _ := strings.Cut(strings.TrimPrefix(out.String(), "\n"), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// The same finding about many VMs is read once; what differs stands alone.
func TestTheSameFindingIsReadOnce(t *testing.T) {
	var found []plans.Finding
	for i := range 5 {
		found = append(found, plans.Finding{Severity: plans.Blocker, Code: "source-unseen", VM: fmt.Sprintf("VM%d", i), Text: "not seen", Remedy: "look"})
	}
	found = append(found, plans.Finding{Severity: plans.Blocker, Code: "source-unseen", VM: "VM9", Text: "another thing"},
		plans.Finding{Severity: plans.Blocker, Code: "nothing-to-do", Text: "no VM of this plan takes part"},
		plans.Finding{Severity: plans.Warning, Code: "host-unreachable", Host: "HV-A", Text: "it does not answer", Raw: strings.Repeat("shell: ", 20) + "connection refused; check the port"})
	var out bytes.Buffer
	showFindings(terminal{out: &out}, found)
	text := out.String()
	for want, times := range map[string]int{"not seen": 1, "another thing": 1, "5 VMs": 1, "connection refused\n": 1, "check the port": 0, " : ": 0} {
		if got := strings.Count(text, want); got != times {
			t.Errorf("%q is there %d times, want %d:\n%s", want, got, times, text)
		}
	}
	for _, line := range strings.Split(text, "\n") {
		if len([]rune(line)) > width {
			t.Errorf("wider than %d: %q", width, line)
		}
	}
}

// A report says what its operation is judged by, in 78 columns.
func TestReportsFitTheOperation(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(m int) time.Time { return began.Add(time.Duration(m) * time.Minute) }
	vm := plans.VMStatus{ID: "1", Label: "A-NAME-OF-16-CHR", Verdict: plans.VerdictDone, Point: plans.Point{Kind: plans.PointLatest, Time: began}}
	for i, phase := range []plans.Phase{plans.PhaseReady, plans.PhaseReverse, plans.PhaseStart, plans.PhaseGates, plans.PhaseSync} {
		vm.Times = append(vm.Times, plans.PhaseTime{Phase: phase, Started: at(i), Ended: at(i + 1)})
	}
	for op, words := range map[plans.Operation][]string{
		plans.PlannedFailover:   {"DOWN FOR", "GATES"},
		plans.UnplannedFailover: {"DATA OF (UTC)", "2 Jan 03:04:05", "OLD BY THEN", "7 min", "NOT PROTECTED", "lifeboat fence web", "lifeboat commit web", "lifeboat reprotect web"},
		plans.TestFailover:      {"UP IN", "EXPECTED", "1 min 35 s"},
		plans.Commit:            {"GATES", "Took 10 min", "lifeboat reprotect web"},
		plans.Reprotect:         {"TOOK", "lifeboat failback web"},
		plans.Cancel:            {"TOOK", "Took 10 min"},
	} {
		r := plans.Report{Status: plans.RunStatus{Plan: "web", Operation: op, From: "a", To: "b", Started: began, Ended: at(10), Verdict: plans.VerdictDone, VMs: []plans.VMStatus{vm}},
			Input: plans.RunInput{Steps: []plans.RunStep{{VMs: []plans.RunVM{{ID: "1", Behind: plans.Duration(7 * time.Minute)}}}}}}
		var out bytes.Buffer
		showReport(terminal{out: &out}, r)
		for _, w := range words {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%s lacks %q:\n%s", op, w, out.String())
			}
		}
		for _, line := range strings.Split(out.String(), "\n") {
			if len([]rune(line)) > width {
				t.Errorf("%s: wider than %d: %q", op, width, line)
			}
		}
	}
}

// A watch that has ended does not say which copies are good: the failover may have
// been taken back, which ended it.
func TestAWatchThatHasEndedNamesNoGoodCopies(t *testing.T) {
	s := plans.FenceStatus{Verdict: plans.VerdictRunning, Plan: "web", From: "hq", To: "dr"}
	for _, ended := range []time.Time{{}, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} {
		s.Ended = ended
		var out bytes.Buffer
		showFence(terminal{out: &out}, s)
		if named := strings.Contains(out.String(), "good copies: dr"); named != ended.IsZero() {
			t.Errorf("ended %v: %s", ended, out.String())
		}
	}
}
