package panel

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

var update = flag.Bool("update", false, "write the golden files anew")

var start = time.Date(2026, 11, 25, 14, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return start.Add(d) }

// times are phases one after the other, the last one open when n is odd.
func times(phases []plans.Phase, ends ...time.Duration) []plans.PhaseTime {
	var out []plans.PhaseTime
	from := time.Duration(0)
	for i, phase := range phases {
		t := plans.PhaseTime{Phase: phase, Started: at(from)}
		if i < len(ends) {
			t.Ended, from = at(ends[i]), ends[i]
		}
		out = append(out, t)
	}
	return out
}

func running() plans.RunStatus {
	phases := []plans.Phase{"make-ready", "shut-down", "move", "start", "gates", "reverse"}
	return plans.RunStatus{
		RunID: "northgate-20261125-140000", Plan: "northgate", Operation: plans.PlannedFailover, From: "hq", To: "warehouse",
		StartedBy: "ann", Started: start, Verdict: plans.VerdictRunning, Summary: "1 of 3 VMs done.", Step: 2, Steps: 4,
		ETA: at(6 * time.Minute), Critical: []string{"SQL01", "APP01"},
		StepList: []plans.StepStatus{{Number: 1, Name: "directory"}, {Number: 2, Name: "databases"}},
		VMs: []plans.VMStatus{
			{ID: "1", Label: "DC01", Verdict: plans.VerdictDone, Good: plans.Target, Doing: "running and replicating",
				Times: times(phases, 2*time.Second, 40*time.Second, 60*time.Second, 65*time.Second, 110*time.Second, 120*time.Second)},
			{ID: "2", Label: "SQL01", Verdict: plans.VerdictRunning, Phase: "gates", Good: plans.Target, GateText: "tcp 1433 at 10.20.10.20 does not answer yet",
				Times: times(phases[:5], 3*time.Second, 50*time.Second, 80*time.Second, 85*time.Second)},
			{ID: "3", Label: "APP01", Verdict: plans.VerdictRunning, Phase: "a-phase-of-tomorrow", Good: plans.Source, Doing: "waits for its turn",
				Times: []plans.PhaseTime{{Phase: "a-phase-of-tomorrow", Started: at(30 * time.Second)}}},
		},
		LeftOut:  []plans.LeftOut{{VM: "TEST01", Why: "not replicated"}},
		GoodCopy: "at warehouse: DC01, SQL01. At hq: APP01.", WayBack: "lifeboat cancel northgate takes back SQL01",
	}
}

func waiting() plans.RunStatus {
	s := running()
	s.Verdict = plans.VerdictWaiting
	s.Step = 3
	s.Waiting = []plans.Question{{
		Step: 3, Text: "Move the phone lines to the warehouse.", Owner: "network team", Since: at(time.Minute),
		Choices: []plans.Choice{plans.ChoiceApprove, plans.ChoiceDecline, plans.ChoiceSkip}, SafeToWait: "Safe to wait: users call in vain meanwhile.",
	}}
	return s
}

func held() plans.RunStatus {
	s := running()
	s.Verdict = plans.VerdictHeld
	s.VMs[1].Verdict, s.VMs[1].Good = plans.VerdictHeld, ""
	s.VMs[1].Remedy = "look at the guest's console, then lifeboat run retry"
	s.Waiting = []plans.Question{{
		VM: "SQL01", VMID: "2", Text: "Its gate tcp 1433 is not green after 5m.", Since: at(100 * time.Second),
		Choices: []plans.Choice{plans.ChoiceRetry, plans.ChoiceBringBack},
	}}
	s.GoodCopy = "NOT KNOWN for SQL01: start neither copy by hand before you have looked at both."
	return s
}

// drill is a test failover whose step takes two people and is late.
func drill() plans.RunStatus {
	s := waiting()
	s.Operation, s.GoodCopy, s.WayBack = plans.TestFailover, "where it was, at hq: a drill touches neither production nor replication", ""
	q := &s.Waiting[0]
	q.Quorum, q.Approved, q.Due, q.Escalated = 2, []string{"ann"}, at(2*time.Minute), []string{"owner"}
	s.VMs[1].TestVM = "b7e0c8a4-0000-4000-8000-000000000001"
	s.VMs[1].Point = plans.Point{Kind: plans.PointLatest, Time: at(-3 * time.Minute)}
	s.Waiting = append(s.Waiting,
		plans.Question{VM: "SQL01", VMID: "2", Text: "the gate did not pass", Since: at(time.Minute), Choices: []plans.Choice{plans.ChoiceRetry, plans.ChoiceWaive}},
		plans.Question{Text: "the test copies are up", Since: at(time.Minute), Due: at(5 * time.Minute), Choices: []plans.Choice{plans.ChoiceEnd}})
	return s
}

// syncing is a re-protection: what differs is being sent.
func syncing() plans.RunStatus {
	s := running()
	s.Operation, s.WayBack = plans.Reprotect, ""
	s.VMs[1].GateText, s.VMs[1].Doing = "", "sending what differs"
	s.VMs[1].Phase, s.VMs[1].Progress = "sync", &plans.SyncProgress{Percent: 40, Done: 200 << 30, Total: 500 << 30}
	return s
}

func done() plans.RunStatus {
	s := running()
	s.Verdict, s.Summary, s.Ended, s.ETA, s.Step = plans.VerdictDone, "3 of 3 VMs done.", at(5*time.Minute), time.Time{}, 4
	for i := range s.VMs {
		vm := &s.VMs[i]
		vm.Verdict, vm.Good, vm.Phase, vm.GateText = plans.VerdictDone, plans.Target, "reverse", ""
		for j := range vm.Times {
			if vm.Times[j].Ended.IsZero() {
				vm.Times[j].Ended = at(4 * time.Minute)
			}
		}
	}
	s.GoodCopy = "all at warehouse. The copies at hq are replicas: do not start them."
	return s
}

// many is a run too large to carry times.
func many() plans.RunStatus {
	s := running()
	s.VMs = nil
	for i := range 60 {
		vm := plans.VMStatus{ID: fmt.Sprint(i), Label: fmt.Sprintf("VM%02d", i), Verdict: plans.VerdictDone, Good: plans.Target, Doing: "running and replicating"}
		if i%7 == 3 {
			vm.Verdict, vm.Phase, vm.Good = plans.VerdictRunning, "shut-down", plans.Source
		}
		if i == 41 {
			vm.Verdict = plans.VerdictStuck
		}
		s.VMs = append(s.VMs, vm)
	}
	return s
}

const hostile = `<script>alert(1)</script>"'--><img src=x onerror=alert(1)>` + "\n\u202edrawkcab & {{.}} </style>"

// nasty holds the hostile text wherever a run holds text from outside.
func nasty() plans.RunStatus {
	s := held()
	s.Plan, s.From, s.To, s.Summary, s.GoodCopy, s.WayBack = hostile, hostile, hostile, hostile, hostile, hostile
	s.Critical = []string{hostile}
	s.StepList[1].Name = hostile
	s.Findings = []plans.Finding{{Severity: plans.Warning, Host: hostile, VM: hostile, Text: hostile, Remedy: hostile}}
	s.LeftOut = []plans.LeftOut{{VM: hostile, Why: hostile}}
	s.Waiting[0].VM, s.Waiting[0].Text, s.Waiting[0].Owner, s.Waiting[0].SafeToWait = hostile, hostile, hostile, hostile
	s.Waiting[0].VMID = "0c1d-guid"
	s.Waiting[0].Quorum, s.Waiting[0].Approved, s.Waiting[0].Escalated = 2, []string{hostile}, []string{hostile}
	for i := range s.VMs {
		vm := &s.VMs[i]
		vm.TestVM = hostile
		vm.Label, vm.Doing, vm.Remedy, vm.GateText, vm.Phase = hostile, hostile, hostile, hostile, hostile
		for j := range vm.Times {
			vm.Times[j].Phase = hostile
		}
	}
	return s
}

func pages() map[string]Page {
	now := at(2*time.Minute + 30*time.Second)
	return map[string]Page{
		"running": {Runs: []plans.RunStatus{running()}, Now: now},
		"waiting": {Runs: []plans.RunStatus{waiting()}, This: true, Now: now},
		"held":    {Runs: []plans.RunStatus{held()}, Now: now},
		"drill":   {Runs: []plans.RunStatus{drill()}, Now: now},
		"sync":    {Runs: []plans.RunStatus{syncing()}, Now: now},
		"done":    {Runs: []plans.RunStatus{done()}, Now: at(26 * time.Hour)},
		"many":    {Runs: []plans.RunStatus{many(), waiting()}, Now: now},
		"nasty":   {Runs: []plans.RunStatus{nasty()}, Now: now},
		"none":    {Now: now},
		"problem": {Problem: "temporal does not answer", Now: now},
	}
}

func render(t *testing.T, p Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.Render(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The golden files hold what changes from page to page: everything but style
// and script.
func TestPages(t *testing.T) {
	for name, p := range pages() {
		t.Run(name, func(t *testing.T) {
			text := render(t, p)
			from, to := strings.Index(text, "<main>"), strings.Index(text, "</main>")
			if from < 0 || to < from {
				t.Fatalf("no <main> in %s", text)
			}
			got := text[from:to] + "</main>\n"
			file := filepath.Join("testdata", name+".html")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("differs from %s (look, then -update):\n%s", file, got)
			}
		})
	}
}

// What a person under stress looks for must be there in words, whatever the
// golden files say.
func TestPagesSayWhatMatters(t *testing.T) {
	for name, words := range map[string][]string{
		"running": {">RUNNING<", "2 of 4, databases", "SQL01 then APP01", "about 3m30s, to 14:06:00", "good copy at hq", "a-phase-of-tomorrow 2m so far", "lifeboat run watch northgate", "cannot tell which run&#39;s page you opened"},
		"waiting": {">WAITING<", "Waits for <bdi>network team</bdi>", "lifeboat run approve northgate --step 3 --by NAME", "lifeboat run skip northgate --step 3 --by NAME --reason WHY", "Safe to wait", "The run of this page."},
		"held":    {">HELD<", "lifeboat run retry northgate --vm SQL01 --by NAME", "good copy NOT KNOWN"},
		"drill": {"lifeboat run approve drill/northgate --step 3 --by NAME", "approved by ann, 1 more to go", "LATE: it was due 14:02:00. Told: owner.",
			"lifeboat run waive drill/northgate --vm SQL01 --by NAME --reason WHY", "lifeboat run end drill/northgate --by NAME", "Until 14:05:00 (2m30s left).",
			"data of 25 Nov 13:57:00 UTC", "test copy b7e0c8a4-0000-4000-8000-000000000001"},
		"sync":    {"40 % sent, 200.0 GB of 500.0 GB"},
		"done":    {">DONE<", "No run is open: this is the last one that ended", "ended 2026-11-25 14:05:00", "lifeboat journal report northgate-20261125-140000"},
		"many":    {"2 runs are open now", "VM59"},
		"none":    {"No run is open, and none has ended"},
		"problem": {"temporal does not answer"},
	} {
		text := render(t, pages()[name])
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("%s lacks %q", name, w)
			}
		}
	}
}

func TestWhatNeedsAPersonComesFirst(t *testing.T) {
	text := render(t, pages()["many"])
	stuck, on, ended := strings.Index(text, "<bdi>VM41</bdi>"), strings.Index(text, "<bdi>VM03</bdi>"), strings.Index(text, "<bdi>VM00</bdi>")
	if stuck < 0 || stuck > on || on > ended {
		t.Errorf("stuck at %d, running at %d, done at %d", stuck, on, ended)
	}
}

// After a mishap on a host the page stays one that can be read every moment.
func TestAHugeRunStaysSmall(t *testing.T) {
	s := held()
	for i := range 3000 {
		s.VMs = append(s.VMs, plans.VMStatus{ID: fmt.Sprint(i), Label: fmt.Sprintf("H%04d", i), Verdict: plans.VerdictHeld})
		s.Waiting = append(s.Waiting, plans.Question{VM: fmt.Sprintf("H%04d", i), VMID: fmt.Sprint(i), Text: "held", Choices: []plans.Choice{plans.ChoiceRetry}})
	}
	text := render(t, Page{Runs: []plans.RunStatus{s}, Now: at(time.Minute)})
	for _, want := range []string{"2981 more questions wait.", "2803 more VMs.", "lifeboat run show northgate"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	if len(text) > 200_000 {
		t.Errorf("%d bytes", len(text))
	}
}

// A run that could not be asked says only what is known.
func TestARunThatCannotBeAsked(t *testing.T) {
	text := render(t, Page{Now: at(time.Minute), Runs: []plans.RunStatus{{
		Plan: "northgate", Started: start, Verdict: plans.VerdictUnknown, Summary: "The run cannot be asked: away", GoodCopy: "NOT KNOWN"}}})
	for _, want := range []string{">UNKNOWN<", "cannot be asked: away", "lifeboat run watch northgate"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	if strings.Contains(text, "0 of 0") {
		t.Error("it makes numbers up")
	}
}

// A name is data: it makes no tag, no attribute, no other reading direction and
// nothing that a shell would run.
func TestHostileNamesStayText(t *testing.T) {
	text := render(t, pages()["nasty"])
	main := text[strings.Index(text, "<main>"):strings.Index(text, "</main>")]
	for _, bad := range []string{"<script", "<img", "</style", "\u202e", `="x onerror`} {
		if strings.Contains(main, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if n := strings.Count(main, "&lt;script&gt;"); n < 20 {
		t.Errorf("the hostile text is there %d times: a place lost it", n)
	}
	if !strings.Contains(main, "--vm 0c1d-guid ") {
		t.Error("a name that a shell would read must be typed by its id")
	}
}

func TestTyped(t *testing.T) {
	for label, want := range map[string]string{"SQL01": "SQL01", "a b": "id", "-rf": "id", "$(x)": "id", "": ""} {
		if got := typed(label, "id"); got != want {
			t.Errorf("typed(%q) = %q, want %q", label, got, want)
		}
	}
}

func TestPartsStayInTheBar(t *testing.T) {
	for _, c := range []struct {
		from, length, whole time.Duration
		ok                  bool
	}{{0, 5, 10, true}, {10, 5, 10, true}, {0, 50, 10, true}, {5, 0, 10, true}, {-1, 5, 10, false}, {0, 5, 0, false}} {
		s, ok := part(c.from*time.Second, c.length*time.Second, c.whole*time.Second)
		if ok != c.ok {
			t.Errorf("%+v: ok = %v", c, ok)
		}
		if !ok {
			continue
		}
		var x, width float64
		if _, err := fmt.Sscanf(s.X+" "+s.Width, "%f%% %f%%", &x, &width); err != nil {
			t.Fatal(err)
		}
		if x < 0 || width < thin-0.01 || x+width > 100.01 {
			t.Errorf("%+v: x %v width %v", c, x, width)
		}
	}
}

func TestASlowStepIsSaidOnThePage(t *testing.T) {
	s := plans.RunStatus{
		RunID: "r", Plan: "p", Verdict: plans.VerdictRunning, Started: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC),
		Slow: []plans.Slow{{VM: "DB", Phase: plans.PhaseGates, So: plans.Duration(6 * time.Minute), Usual: plans.Duration(2 * time.Minute), Runs: 4}},
	}
	var page strings.Builder
	if err := (Page{Runs: []plans.RunStatus{s}, Now: s.Started.Add(7 * time.Minute)}).Render(&page); err != nil {
		t.Fatal(err)
	}
	if want := "<b>slow</b> <bdi>DB</bdi>: gates: 6 min so far, usually 2 min (4 past runs): 3x slower than usual"; !strings.Contains(page.String(), want) {
		t.Errorf("no %q", want)
	}
}
