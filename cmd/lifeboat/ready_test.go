package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

var eight = time.Date(2027, 1, 12, 8, 4, 0, 0, time.UTC)

func morning() plans.ReadyReport {
	r := plans.ReadyReport{
		Plan: "northgate-site-loss", From: "hq", To: "warehouse", Verdict: plans.ReadyYes, Why: "all 10 VMs in time", At: eight, Seen: eight, InTime: 10, Total: 10, Speed: 1,
		Estimate: plans.Duration(65 * time.Minute), Drill: &plans.Drill{Run: "d", Ended: eight.AddDate(0, 0, -41), Passed: true},
		Hosts: []plans.ReadyHost{{Name: "NG-HV01", Up: true}, {Name: "NG-HV02", Up: true}},
	}
	for _, name := range []string{"NG-DC01", "NG-SQL01", "NG-FS01", "NG-ERP01", "NG-ERP02", "NG-WEB01", "NG-RDS01", "NG-RDS02", "NG-PRN01", "NG-LNX01-WITH-A-LONG-NAME"} {
		r.VMs = append(r.VMs, plans.ReadyVM{Label: name, State: "Replicating", Health: "Normal", LastGood: eight, Behind: 0, Target: plans.Duration(15 * time.Minute), Backlog: 2 << 20, InTime: true})
	}
	return r
}

func lateMorning() plans.ReadyReport {
	r := morning()
	r.Verdict, r.Why, r.InTime = plans.ReadyNo, "1 thing to fix: NG-FS01: its last good copy is 34m old (target 15m), 11.2 GB wait to be sent", 9
	vm := &r.VMs[2]
	vm.LastGood, vm.Behind, vm.Backlog, vm.InTime = eight.Add(-34*time.Minute), plans.Duration(34*time.Minute), 12_025_908_428, false
	r.Findings = []plans.Finding{
		{Severity: plans.Blocker, Code: "rpo-missed", VM: "NG-FS01", Text: "its last good copy is 34m old (target 15m), 11.2 GB wait to be sent", Means: "you would lose what was written after 07:30", Remedy: "nothing if it is catching up; else Measure-VMReplication on NG-HV01"},
		{Severity: plans.Blocker, Code: "host-unreachable", Host: "NG-HV01", Text: "it does not answer", Means: "this may be the day, or only the line", Remedy: "lifeboat decide northgate-site-loss asks every witness"},
	}
	r.Hosts[0].Up, r.Hosts[0].Error = false, strings.Repeat("a long raw error of the machinery ", 6)
	r.Stale = []string{"I have not read NG-HV01 since 12 Jan 06:12:00 UTC. What is said of it below is old."}
	return r
}

func said(t *testing.T, do func(terminal)) string {
	t.Helper()
	var b bytes.Buffer
	do(terminal{out: &b, err: &b})
	return b.String()
}

func TestAGreenMorningIsShort(t *testing.T) {
	text := said(t, func(o terminal) { showReady(o, morning(), "live", false) })
	for _, want := range []string{"If hq is lost now:  READY - all 10 VMs in time", "about 1 h 5 min to be up", "last drill 41 days ago, passed", "(live)"} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if n := strings.Count(text, "\n"); n > 6 || strings.Contains(text, "NG-SQL01") {
		t.Errorf("%d lines on a green day:\n%s", n, text)
	}
	all := said(t, func(o terminal) { showReady(o, morning(), "live", true) })
	if !strings.Contains(all, "NG-SQL01") || !strings.Contains(all, "LAST GOOD COPY") {
		t.Errorf("--all:\n%s", all)
	}
}

func TestOfSeveralPlansTheGreenOnesTakeALine(t *testing.T) {
	warned := morning()
	warned.Plan, warned.Findings = "print-shop", []plans.Finding{{Severity: plans.Warning, Code: "no-drill", Text: "x"}}
	text := said(t, func(o terminal) {
		showAllReady(o, []plans.ReadyReport{lateMorning(), warned, morning()}, "live", false)
	})
	if n := strings.Count(text, "\nREADY  "); n != 2 || strings.Index(text, "NOT READY") > strings.Index(text, "\nREADY") {
		t.Errorf("%d green lines:\n%s", n, text)
	}
	if !strings.Contains(strings.Join(strings.Fields(text), " "), "1 to mind: lifeboat status print-shop") {
		t.Errorf("the warning is not said:\n%s", text)
	}
	all := said(t, func(o terminal) { showAllReady(o, []plans.ReadyReport{warned, morning()}, "live", true) })
	if strings.Count(all, "LAST GOOD COPY") != 2 {
		t.Errorf("--all:\n%s", all)
	}
}

func TestALateVMIsShownWithItsMeaning(t *testing.T) {
	text := said(t, func(o terminal) { showReady(o, lateMorning(), "live", false) })
	for _, want := range []string{"NOT READY", "!! I have not read NG-HV01 since 12 Jan 06:12:00 UTC.", "34 min", "15 min !", "11.2 GB", "9 more in time", "On the day  you would lose", "Do ", "Raw "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, line := range strings.Split(text, "\n") {
		if len([]rune(line)) > width {
			t.Errorf("%d columns: %s", len([]rune(line)), line)
		}
	}
}

// What no plan holds comes last and stays short, however many VMs that are; notes
// of a plan that is ready are counted.
func TestWhatNoPlanHoldsComesLast(t *testing.T) {
	noted := morning()
	noted.Findings = []plans.Finding{{Severity: plans.Info, Code: "failover-address", VM: "NG-FS01", Text: "a note"}}
	loose := plans.ReadyReport{Verdict: plans.ReadyYes, Why: "40 of them, no plan starts them", At: eight, InTime: 40, Total: 40, Speed: 1}
	for i := range 40 {
		vm := fmt.Sprintf("APP%02d", i)
		loose.VMs = append(loose.VMs, plans.ReadyVM{Label: vm, State: "Replicating", Health: "Normal", InTime: true})
		loose.Findings = append(loose.Findings, plans.Finding{Severity: plans.Warning, Code: "no-plan", VM: vm, Text: "in a protection group and in no plan", Means: "on the day nothing starts it", Remedy: "add it to a plan"})
	}
	all := []plans.ReadyReport{noted, loose}
	text := said(t, func(o terminal) { showAllReady(o, all, "live", false) })
	for _, want := range []string{"1 note: --all shows it", "\nVMS IN NO PLAN  40 of them", "! APP00 and 39 more VMs: in a protection group and in no plan", "If hq is lost now:"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if n := strings.Count(text, "\n"); n > 16 || strings.Contains(text, "a note\n") {
		t.Errorf("%d lines:\n%s", n, text)
	}
	if shown := said(t, func(o terminal) { showAllReady(o, all, "live", true) }); !strings.Contains(shown, "- NG-FS01: a note") || !strings.Contains(shown, "APP39") {
		t.Errorf("--all:\n%s", shown)
	}
	if line := said(t, func(o terminal) { _ = nagios(o, all) }); !strings.HasPrefix(line, "LIFEBOAT WARNING") || !strings.Contains(line, "'VMs in no plan in time'=40;;;0;40") || exitReady(all) != exitOK {
		t.Errorf("monitors: %s", line)
	}
	loose.Verdict, loose.Why, loose.Stale = plans.ReadyUnknown, "I cannot read X.", []string{"I cannot read X."}
	if text := said(t, func(o terminal) { showAllReady(o, []plans.ReadyReport{loose}, "live", false) }); !strings.HasPrefix(text, "VMS IN NO PLAN  UNKNOWN - ") {
		t.Error(text)
	}
}

func TestMonitorsGetOneLine(t *testing.T) {
	unseen := morning()
	unseen.Verdict, unseen.Why, unseen.Plan = plans.ReadyUnknown, "a | b", "o'ne=1"
	warned := morning()
	warned.Findings = []plans.Finding{{Severity: plans.Warning, Code: "no-drill"}}
	for _, row := range []struct {
		reports []plans.ReadyReport
		nagios  int
		exit    int
		words   []string
	}{
		{[]plans.ReadyReport{morning()}, 0, exitOK, []string{"LIFEBOAT OK - northgate-site-loss READY", "'northgate-site-loss in time'=10;;;0;10", "'northgate-site-loss worst behind'=0s;;900;0"}},
		{[]plans.ReadyReport{morning(), warned}, 1, exitOK, []string{"LIFEBOAT WARNING"}},
		{[]plans.ReadyReport{unseen, lateMorning()}, 2, exitFinding, []string{"LIFEBOAT CRITICAL", "'northgate-site-loss worst behind'=2040s;;900;0"}},
		{[]plans.ReadyReport{unseen, morning()}, 3, exitUnknown, []string{"LIFEBOAT UNKNOWN", "a / b", "'one1 in time'"}},
	} {
		var err error
		text := said(t, func(o terminal) { err = nagios(o, row.reports) })
		if strings.Count(text, "\n") != 1 || strings.Count(text, "|") != 1 {
			t.Errorf("not one line with one bar: %s", text)
		}
		for _, w := range row.words {
			if !strings.Contains(text, w) {
				t.Errorf("no %q in %s", w, text)
			}
		}
		code := 0
		var f *failure
		if errors.As(err, &f) {
			code = f.code
		}
		if code != row.nagios || exitReady(row.reports) != row.exit {
			t.Errorf("nagios %d (want %d), exit %d (want %d): %s", code, row.nagios, exitReady(row.reports), row.exit, text)
		}
	}
	nobody := morning()
	nobody.Verdict = plans.ReadyUnknown
	nobody.Hosts = []plans.ReadyHost{{Name: "NG-HV01"}}
	if code := exitReady([]plans.ReadyReport{nobody}); code != exitNoAccess {
		t.Errorf("no host at all: %d", code)
	}
}
