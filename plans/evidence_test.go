package plans

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// drillRecord is a drill of two stages that went well, as the journal has it.
func drillRecord() Record {
	start := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	at := func(m float64) time.Time { return start.Add(time.Duration(m * float64(time.Minute))) }
	vm := func(id byte, name, tenant string) RunVM {
		return RunVM{
			ID: strings.Repeat(string(id), 8) + "-0000-0000-0000-000000000000", Name: name, Label: name, Tenant: tenant, SourceHost: "HV-A", TargetHost: "HV-B",
			Gates: []RunGate{{Kind: "heartbeat", Text: "heartbeat"}}, RPO: Duration(15 * time.Minute), Behind: Duration(2 * time.Minute),
			Point: Point{Kind: PointLatest, Time: start.Add(-2 * time.Minute)}, NICs: []WantedNIC{{Switch: "vSwitch-TEST"}},
		}
	}
	in := RunInput{
		RunID: "p-1", Plan: "p", PlanHash: "0123456789abcdef", Operation: TestFailover, From: "hq", To: "dr", StartedBy: "Dana", Speed: 1,
		Objectives: Objectives{RTO: Duration(time.Hour), RPO: Duration(15 * time.Minute)},
		Steps: []RunStep{
			{Number: 1, Name: "data", VMs: []RunVM{vm('a', "DB", "")}},
			{Number: 2, Name: "look", Manual: &ManualStep{Name: "look", Text: "open order 1001", Owner: "Dana"}},
			{Number: 3, Name: "front", VMs: []RunVM{vm('b', "WEB", "")}},
		},
	}
	in.Steps[2].VMs[0].After = []string{in.Steps[0].VMs[0].ID}
	status := func(vm RunVM, step int, from float64) VMStatus {
		return VMStatus{
			ID: vm.ID, Label: vm.Label, Step: step, Verdict: VerdictDone, Point: vm.Point, Changed: true, After: "replication is Replicating",
			Times: []PhaseTime{
				{PhaseTest, at(from), at(from + 1)}, {PhaseStart, at(from + 1), at(from + 2)}, {PhaseGates, at(from + 2), at(from + 4)}, {PhaseCleanUp, at(30), at(31)},
			},
		}
	}
	s := RunStatus{
		RunID: "p-1", Plan: "p", Operation: TestFailover, From: "hq", To: "dr", StartedBy: "Dana", Started: start, Ended: at(32), Verdict: VerdictDone, Summary: "2 of 2 VMs done.",
		StepList: []StepStatus{
			{Number: 1, Name: "data", Kind: "stage", Verdict: VerdictDone, Started: at(0), Ended: at(4)},
			{Number: 2, Name: "look", Kind: "manual", Verdict: VerdictDone, Started: at(4), Ended: at(5), By: "Dana", Note: "order is there"},
			{Number: 3, Name: "front", Kind: "stage", Verdict: VerdictDone, Started: at(5), Ended: at(9)},
		},
		VMs: []VMStatus{status(in.Steps[0].VMs[0], 1, 0), status(in.Steps[2].VMs[0], 3, 5)},
	}
	answers := []AnswerRecord{{At: at(5), Answer: Answer{Choice: ChoiceApprove, Step: 2, By: "Dana", Reason: "order is there", Via: "cli"}}}
	db := in.Steps[0].VMs[0]
	return Record{
		Number: "DR-2026-001", Kept: at(32), Report: MakeReport(s, in, answers, "1.0", false), Anchor: Anchor{Entry: 3, Hash: "abc"},
		Entries: []RecordEntry{
			{Seq: 1, At: at(0), Kind: "before", VM: db.ID, Label: "DB", Host: "HV-B", Verb: VerbStartTest, Text: "make a test copy"},
			{Seq: 2, At: at(1), Kind: "after", VM: db.ID, Label: "DB", Host: "HV-B", Verb: VerbStartTest, Outcome: "done", Ended: at(1), Of: 1},
			{Seq: 3, At: at(32), Kind: "report", Outcome: "done"},
		},
	}
}

func (r *Record) say(edit ReportEdit) {
	if edit.By == "" {
		edit.By = "Dana"
	}
	seq := uint64(len(r.Entries) + 1)
	r.Entries = append(r.Entries, RecordEntry{Seq: seq, At: r.Kept.Add(time.Duration(seq) * time.Minute), Kind: "edit", Edit: &edit})
}

// Every field that standards ask of a report is there: filled, or a blank that
// says what is missing.
func TestEveryFieldOfAReportIsThere(t *testing.T) {
	e := MakeEvidence(drillRecord())
	for _, key := range []string{
		"identity.number", "identity.plan", "identity.tool", "identity.type", "identity.time", "identity.clock", "identity.scenario",
		"identity.assumptions", "identity.objectives", "identity.criteria", "identity.risk", "identity.functions",
		"people.lead", "people.operators", "people.approved", "people.observers", "people.third_parties", "people.communication",
		"scope.sites", "scope.hosts", "scope.vms", "scope.networks", "before.readiness", "result.order", "result.integrity",
		"cleanup.copies", "cleanup.networks", "cleanup.replication", "signoff.created", "signoff.reviewed", "signoff.acknowledged",
		"integrity.chain", "integrity.next_test", "integrity.next",
	} {
		f, ok := e.Field(key)
		if !ok || (f.Text == "") == (f.Missing == "") || f.Text != "" && f.By == "" {
			t.Errorf("%s: %+v", key, f)
		}
	}
	rec := drillRecord() // the next test was in no report
	rec.Report.Input.Drill = &DrillNote{Next: time.Date(2026, 3, 8, 6, 0, 0, 0, time.UTC)}
	if f, _ := MakeEvidence(rec).Field("integrity.next_test"); f.Missing != "" || f.By == "" || f.Text != "2026-03-08 06:00:00 UTC, by the calendar as it was at the start" {
		t.Errorf("next test: %+v", f)
	}
	if len(e.VMs) != 2 || len(e.Stages) != 2 || len(e.Manual) != 1 || len(e.Log) == 0 {
		t.Errorf("%d VMs, %d stages, %d manual steps, %d lines", len(e.VMs), len(e.Stages), len(e.Manual), len(e.Log))
	}
	if e.Outcome != "PASSED" || e.Measured.RTO.Measured != Duration(9*time.Minute) || e.Measured.RPO.Measured != Duration(2*time.Minute) {
		t.Errorf("%s, RTO %s, RPO %s", e.Outcome, e.Measured.RTO.Measured, e.Measured.RPO.Measured)
	}
	if text, _ := json.Marshal(e); strings.Contains(strings.ToLower(string(text)), "compliant") {
		t.Error("it says compliant: it is evidence for, never that")
	}
	if f, _ := e.Field("cleanup.copies"); !strings.HasPrefix(f.Text, "2 of 2 test copies removed") {
		t.Error(f.Text)
	}
	if again := MakeEvidence(drillRecord()); !sameJSON(t, e, again) {
		t.Error("the same record gives other evidence")
	}
}

func sameJSON(t *testing.T, a, b any) bool {
	t.Helper()
	one, err := json.Marshal(a)
	two, err2 := json.Marshal(b)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	return string(one) == string(two)
}

func missing(e Evidence) string {
	needed, _ := e.Missing()
	var all []string
	for _, f := range needed {
		all = append(all, f.Missing)
	}
	return strings.Join(all, "; ")
}

func TestPeopleFillTheBlanks(t *testing.T) {
	rec := drillRecord()
	if got := missing(MakeEvidence(rec)); got != "who led; whether communication and escalation worked; integrity check note for DB, WEB; reviewer name; who acknowledged it for the management" {
		t.Error(got)
	}
	for _, edit := range []ReportEdit{
		{Field: EditLead, Text: "Dana"}, {Field: EditCommunication, Text: "yes"}, {Field: EditObserver, Text: "J. Patel"}, {Field: EditObserver, Text: "A. Kim"},
		{Field: EditIntegrity, VM: "DB", Text: "CHECKDB: 0 errors"}, {Field: EditReviewed, Text: "first"}, {Field: EditReviewed, Text: "J. Patel"},
		{Field: EditAcknowledged, Text: "M. Board"}, {Field: EditStep, Step: 2, File: "order.png", Hash: "ab"},
	} {
		edit.By = "Dana"
		if err := CheckEdit(MakeEvidence(rec), edit); err != nil {
			t.Fatal(err)
		}
		rec.say(edit)
	}
	e := MakeEvidence(rec)
	if got := missing(e); got != "integrity check note for WEB" {
		t.Error(got)
	}
	rec.say(ReportEdit{Field: EditIntegrity, VM: "WEB", Text: "opened"})
	if e = MakeEvidence(rec); missing(e) != "" {
		t.Error(missing(e))
	}
	if f, _ := e.Field("people.observers"); f.Text != "J. Patel, A. Kim" {
		t.Error(f.Text)
	}
	if f, _ := e.Field("signoff.reviewed"); f.Text != "J. Patel" || f.By != "Dana" || f.At.IsZero() {
		t.Errorf("%+v", f)
	}
	if r := e.Manual[0].Remarks; len(r) != 1 || r[0].File != "order.png" || e.Manual[0].By[0] != "Dana" {
		t.Errorf("%+v", e.Manual[0])
	}
	// What was said first stays to be seen.
	if !slices.ContainsFunc(e.Log, func(l LogLine) bool { return l.Kind == "edit" && l.What == "wrote reviewed: first" }) {
		t.Error("the first reviewer is gone")
	}
}

func TestAnEditThatMeansNothingIsRefused(t *testing.T) {
	e := MakeEvidence(drillRecord())
	for _, edit := range []ReportEdit{
		{Field: "verdict", Text: "PASSED"}, {Field: EditLead}, {Field: EditLead, Text: " \n"}, {Field: EditIntegrity, VM: "X", Text: "fine"}, {Field: EditIntegrity, VM: "DB"},
		{Field: EditStep, Step: 1, Text: "x"}, {Field: EditStep, Step: 2}, {Field: EditFinding}, {Field: EditFinding, About: "rto", Owner: "x"},
		{Field: EditFinding, Text: "x", Due: "tomorrow"}, {Field: EditFinding, Text: "x", Severity: "bad"}, {Field: EditFinding, Text: "x", State: "gone"},
		{Field: EditNote, Text: strings.Repeat("x", maxEdit+1)},
	} {
		edit.By = "Dana"
		if CheckEdit(e, edit) == nil {
			t.Errorf("%+v was taken", edit)
		}
	}
	if CheckEdit(e, ReportEdit{Field: EditLead, Text: "Dana"}) == nil {
		t.Error("nobody said it, and it was taken")
	}
}

func TestFindingsAreProposedAndOwned(t *testing.T) {
	rec := drillRecord()
	rec.Report.Input.Objectives.RTO = Duration(5 * time.Minute)
	rec.Report.Judgements = []Judgement{
		{Criterion: Criterion{Text: "orders can be entered"}, Result: CriterionNotMet, Why: "the form failed"},
		{Criterion: Criterion{Text: "phones ring"}, Result: CriterionNotJudged, Why: "nobody answered"},
	}
	rec.Report.Status.Findings = []Finding{{Severity: Warning, Code: "gate-not-passed", VM: "WEB", Text: "heartbeat: no"}, {Severity: Info, Code: "already-there", VM: "DB", Text: "x"}}
	e := MakeEvidence(rec)
	var keys []string
	for _, f := range e.Findings {
		keys = append(keys, f.Key+" "+f.Severity)
	}
	want := []string{"rto major", "criterion:orders can be entered major", "criterion:phones ring minor", "gate-not-passed::WEB minor"}
	if !slices.Equal(keys, want) || e.Outcome != "NOT PASSED WITH 4 FINDINGS" {
		t.Errorf("%s: %q", e.Outcome, keys)
	}
	edit := ReportEdit{Field: EditFinding, About: "rto", Owner: "MSP", Due: "2026-06-30", Action: "faster disks", State: "closed"}
	rec.say(edit)
	rec.say(ReportEdit{Field: EditFinding, Text: "card was out of date", Severity: SeverityObservation})
	e = MakeEvidence(rec)
	if f := e.Findings[0]; f.Owner != "MSP" || f.Due != "2026-06-30" || f.State != "closed" || f.By != ByLifeboat || f.ID != "F1" {
		t.Errorf("%+v", f)
	}
	if f := e.Findings[4]; f.By != "Dana" || f.Key != "entry:5" || e.Outcome != "NOT PASSED WITH 4 FINDINGS" {
		t.Errorf("%+v, %s", f, e.Outcome)
	}
}

// A finding that counts cannot be edited into one that does not: neither what was
// measured nor what an auditor wrote. What was wanted stands beside it.
func TestAnEditMakesLessOfNoFinding(t *testing.T) {
	rec := drillRecord()
	rec.Report.Status.Findings = []Finding{{Severity: Warning, Code: "clock-skew", Host: "HV-B", Text: "its clock is off"}}
	rec.say(ReportEdit{By: "Auditor", Field: EditFinding, Text: "no second person was there", Severity: SeverityMajor})
	before := MakeEvidence(rec)
	for _, f := range before.Findings {
		lower := ReportEdit{By: "Dana", Field: EditFinding, About: f.Key, Severity: SeverityObservation, Text: "known"}
		if err := CheckEdit(before, lower); err == nil || !strings.Contains(err.Error(), "only raised") {
			t.Errorf("%s: %v", f.Key, err)
		}
		rec.say(lower) // of a journal that took it
	}
	e := MakeEvidence(rec)
	if e.Outcome != before.Outcome || e.Outcome != "PASSED WITH 2 FINDINGS" {
		t.Errorf("%s, before %s", e.Outcome, before.Outcome)
	}
	for i, f := range e.Findings {
		if f.Severity != before.Findings[i].Severity || len(f.Remarks) != 1 || f.Remarks[0].Text != "known; severity observation" || f.Remarks[0].By != "Dana" {
			t.Errorf("%+v", f)
		}
	}
	higher := ReportEdit{By: "Auditor", Field: EditFinding, About: e.Findings[0].Key, Severity: SeverityMajor, Owner: "MSP"}
	if err := CheckEdit(e, higher); err != nil {
		t.Error(err)
	}
	rec.say(higher)
	if f := MakeEvidence(rec).Findings[0]; f.Severity != SeverityMajor || f.Remarks[1].Text != "severity major; owner MSP" {
		t.Errorf("%+v", f)
	}
}

// A time to recover is that of all VMs: one that never came up took longer than any,
// and one whose gate did not pass never came up.
func TestWhatNeverCameUpHasNoTime(t *testing.T) {
	gate := func(rec *Record) {
		rec.Report.Status.VMs[1].Verdict = VerdictStopped
		rec.Report.Status.Findings = []Finding{{Severity: Warning, Code: "gate-not-passed", VM: "WEB", Text: "heartbeat: no"}}
	}
	for name, c := range map[string]struct {
		change func(*Record)
		known  bool
	}{
		"all up": {func(*Record) {}, true},
		"all up, then stopped": {func(r *Record) {
			r.Report.Status.VMs[0].Verdict, r.Report.Status.VMs[1].Verdict = VerdictStopped, VerdictStopped
		}, true},
		"a person left it out":     {func(r *Record) { r.Report.Status.VMs[1].Verdict, r.Report.Status.VMs[1].Times = VerdictSkipped, nil }, true},
		"one that did not start":   {func(r *Record) { r.Report.Status.VMs[1].Verdict, r.Report.Status.VMs[1].Times = VerdictStopped, nil }, false},
		"a gate that did not pass": {gate, false},
	} {
		rec := drillRecord()
		c.change(&rec)
		e := MakeEvidence(rec)
		web := e.VMs[1]
		if e.Measured.RTO.Known != c.known || (name != "a person left it out" && web.RTO.Known != c.known) || !c.known && (web.Boot != 0 || e.Stages[1].RTO.Known) {
			t.Errorf("%s: %+v, the VM %+v, boot %s, its stage %+v", name, e.Measured.RTO, web.RTO, web.Boot, e.Stages[1].RTO)
		}
		if rec.Report.AllUp() != c.known {
			t.Errorf("%s: the run itself says otherwise", name)
		}
		if name == "a person left it out" && web.Result != "left out" {
			t.Error(web.Result)
		}
	}
}

// A drill that was not begun failed nobody's VM and made no copy.
func TestADrillThatWasNotBegunFailsNothing(t *testing.T) {
	rec := drillRecord()
	in := rec.Report.Input
	in.Drill, in.StartedBy = &DrillNote{Calendar: "weekly"}, ""
	rec.Report = UnbegunDrill(in, []Finding{{Severity: Blocker, Code: DrillBusy, Text: "a run goes on"}}, rec.Kept, "1.0", false)
	rec.Entries = rec.Entries[2:]
	e := MakeEvidence(rec)
	if vm := e.VMs[0]; vm.Result != "not tested" || vm.Verdict != VerdictRefused {
		t.Errorf("%+v", vm)
	}
	if f, _ := e.Field("cleanup.copies"); f.Text != "none was made, so nothing had to be removed" {
		t.Error(f.Text)
	}
	for key, want := range map[string]string{"before.readiness": "not looked at", "identity.clock": "no host was asked"} {
		if f, _ := e.Field(key); !strings.Contains(f.Text, want) {
			t.Errorf("%s: %s", key, f.Text)
		}
	}
	if _, there := e.Field("cleanup.networks"); there {
		t.Error("it tells where copies were that nobody made")
	}
	for _, f := range e.Fields {
		if f.Key != "signoff.notes" && (f.Text == "") != (f.Missing != "") {
			t.Errorf("neither a fact nor a blank: %+v", f)
		}
	}
}

// A question that the run's end took away was not answered: nobody waits any more.
func TestAStepThatNobodyAnsweredIsAFinding(t *testing.T) {
	rec := drillRecord()
	step := &rec.Report.Status.StepList[1]
	step.Verdict, step.Ended, step.By, step.Note = VerdictWaiting, time.Time{}, "", ""
	rec.Report.Answers = nil
	e := MakeEvidence(rec)
	if f := e.Findings; len(f) != 1 || f[0].Key != "step:2" || f[0].Text != "step 2, look: not answered" || e.Outcome != "PASSED WITH 1 FINDING" {
		t.Errorf("%s: %+v", e.Outcome, f)
	}
	if word := ManualWord(""); word != "not reached" {
		t.Errorf("a step that never began: %q", word)
	}
	if i := slices.IndexFunc(e.Log, func(l LogLine) bool { return l.What == "step 2, look" }); i < 0 || e.Log[i].Outcome != "not answered" {
		t.Errorf("%+v", e.Log)
	}
}

// The report of a large run leaves out gates, networks and acts: that is no word about
// the plan.
func TestALargeRunsReportClaimsNothingOfWhatItLeavesOut(t *testing.T) {
	rec := drillRecord()
	for i := range rec.Report.Input.Steps {
		for j := range rec.Report.Input.Steps[i].VMs {
			vm := &rec.Report.Input.Steps[i].VMs[j]
			vm.Name, vm.Gates, vm.NICs = "", nil, nil
		}
	}
	rec.Report.Status.Findings = []Finding{{Severity: Warning, Code: "gate-not-passed", VM: "WEB", Text: "tcp 443: no"}}
	e := MakeEvidence(rec)
	if got := e.VMs[1].Gates; got != "tcp 443: no" {
		t.Errorf("a gate that did not pass: %q", got)
	}
	nets, _ := e.Field("scope.networks")
	if vm := e.VMs[0]; strings.Contains(vm.Gates, "no gate") || !strings.HasPrefix(vm.Gates, "passed") || vm.Acts != 1 || nets.Missing == "" {
		t.Errorf("gates %q, %d acts, networks %+v", vm.Gates, vm.Acts, nets)
	}
}

// A criterion's question is the plan's own, whatever is answered: the log has its
// words, not the number by which it is answered.
func TestAnAnswerToACriterionIsNoDecisionOfTheMoment(t *testing.T) {
	rec := drillRecord()
	rec.Report.Input.Drill = &DrillNote{Criteria: []Criterion{{Kind: CriterionPeople, Text: "log in?", Who: "Dana", Step: 4}}}
	rec.Report.Answers = append(rec.Report.Answers, AnswerRecord{At: rec.Kept, Answer: Answer{Choice: ChoiceSkip, Step: 4, By: "Dana", Reason: "no account"}})
	e := MakeEvidence(rec)
	if i := slices.IndexFunc(e.Log, func(l LogLine) bool { return l.What == `skip "log in?": no account` && l.Extra == "" }); i < 0 {
		t.Errorf("%+v", e.Log)
	}
}

func TestTwoWhoAreAskedTheSameAreTwoFindings(t *testing.T) {
	rec := drillRecord()
	for who, result := range map[string]CriterionResult{"Dana": CriterionNotMet, "Bob": CriterionNotJudged} {
		rec.Report.Judgements = append(rec.Report.Judgements, Judgement{Criterion: Criterion{Text: "log in?", Who: who}, Result: result})
	}
	if e := MakeEvidence(rec); len(e.Findings) != 2 {
		t.Errorf("%+v", e.Findings)
	}
}

// A test copy that may still be there is said, also where its removal never began.
func TestACopyThatIsLeftIsSaid(t *testing.T) {
	rec := drillRecord()
	s := &rec.Report.Status.VMs[1]
	s.Times, s.TestVM, s.Doing = s.Times[:3], "guid", "the drill ended with an error"
	if f, _ := MakeEvidence(rec).Field("cleanup.copies"); !strings.HasPrefix(f.Text, "1 of 2 test copies removed") || !strings.Contains(f.Text, "LEFT: WEB: the drill ended") {
		t.Error(f.Text)
	}
}

func TestOrderAsPlannedAndAsRun(t *testing.T) {
	rec := drillRecord()
	for _, st := range MakeEvidence(rec).Stages {
		if st.Deviation != "" || st.AsRun != st.Planned {
			t.Errorf("%+v", st)
		}
	}
	// The front begins while the database is still on its way.
	times := rec.Report.Status.VMs[1].Times
	times[1].Started = rec.Report.Status.Started.Add(3 * time.Minute)
	e := MakeEvidence(rec)
	if st := e.Stages[1]; !strings.Contains(st.Deviation, "began before DB of stage data was up") || !strings.Contains(st.Deviation, "WEB began before DB was up") {
		t.Errorf("%+v", st)
	}
	if f, _ := e.Field("result.order"); f.Text != "1 stage not as planned" {
		t.Error(f.Text)
	}
	// The other way round.
	for i := range rec.Report.Status.VMs[0].Times[:3] {
		rec.Report.Status.VMs[0].Times[i].Started = rec.Report.Status.Started.Add(20 * time.Minute)
		rec.Report.Status.VMs[0].Times[i].Ended = rec.Report.Status.Started.Add(21 * time.Minute)
	}
	if e = MakeEvidence(rec); e.Stages[0].AsRun != 2 || e.Stages[1].AsRun != 1 {
		t.Errorf("%d, %d", e.Stages[0].AsRun, e.Stages[1].AsRun)
	}
}

func TestRetriesAndDecisionsOfTheMomentShow(t *testing.T) {
	rec := drillRecord()
	db := rec.Entries[0]
	db.Seq, db.At = 4, db.At.Add(2*time.Minute)
	rec.Entries = append(rec.Entries, db)
	rec.Report.Answers = append(rec.Report.Answers, AnswerRecord{At: db.At, Answer: Answer{Choice: ChoiceWaive, VM: "WEB", By: "Dana", Reason: "known"}})
	e := MakeEvidence(rec)
	extra := 0
	for _, l := range e.Log {
		if l.Extra != "" {
			extra++
		}
	}
	if extra != 2 || e.VMs[0].Repeats != 1 || e.VMs[0].Acts != 2 {
		t.Errorf("%d extra lines, %d of %d acts repeated", extra, e.VMs[0].Repeats, e.VMs[0].Acts)
	}
	if !slices.ContainsFunc(e.Log, func(l LogLine) bool { return l.Outcome == "its end is not in the journal" }) {
		t.Error("an act without an end is not said")
	}
	// An observation does not make a finding of a drill that passed.
	if f := e.Findings; len(f) != 1 || f[0].Severity != SeverityObservation || e.Outcome != "PASSED" {
		t.Errorf("%s, %+v", e.Outcome, f)
	}
}

// A lab's durations are those of its hosts; its clock times are ours.
func TestASimulatedRunSaysSo(t *testing.T) {
	rec := drillRecord()
	rec.Report.Simulated, rec.Report.Input.Speed = true, 10
	e := MakeEvidence(rec)
	if !e.Simulated || e.Measured.RTO.Measured != Duration(90*time.Minute) || e.Outcome != "NOT PASSED WITH 1 FINDING" || e.Measured.RPO.Measured != Duration(2*time.Minute) {
		t.Errorf("%s, RTO %s, RPO %s", e.Outcome, e.Measured.RTO.Measured, e.Measured.RPO.Measured)
	}
}

// A copy for one tenant names nothing of another, wherever a name stands: in rows,
// in findings, in what people wrote, in the plan's own name.
func TestATenantsCopyNamesNothingOfOthers(t *testing.T) {
	for range 200 {
		seed := rand.Uint64()
		rec, secret := tenantRecord(rand.New(rand.NewPCG(seed, 1)))
		e := MakeEvidence(rec)
		if !e.Mixed() {
			t.Fatalf("seed %d: not mixed", seed)
		}
		copied, err := e.ForTenant("acme")
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		text, _ := json.Marshal(copied)
		for _, name := range secret {
			quoted, _ := json.Marshal(name)
			if strings.Contains(strings.ToLower(string(text)), strings.ToLower(string(quoted[1:len(quoted)-1]))) {
				t.Fatalf("seed %d: %q is in the copy:\n%s", seed, name, text)
			}
		}
		if len(copied.VMs) != 1 || copied.VMs[0].Label != "ACM-SQL1" || copied.Withheld != 1 || copied.VMs[0].TargetHost != "HV-B" {
			t.Fatalf("seed %d: %+v", seed, copied.VMs)
		}
		if copied.Anchor != e.Anchor || copied.Number != e.Number {
			t.Fatal("the copy is not of the same report")
		}
	}
	if _, err := MakeEvidence(drillRecord()).ForTenant("acme"); err == nil {
		t.Error("a tenant without VMs got a copy")
	}
}

// The names of the plan, of its run and of people who stood for all are about more
// than one tenant; a stage takes what the tenant's own VMs took.
func TestATenantsCopyIsAboutTheTenantAlone(t *testing.T) {
	rec, _ := tenantRecord(rand.New(rand.NewPCG(1, 1)))
	s, in := &rec.Report.Status, &rec.Report.Input
	in.Plan, s.Plan, s.RunID, s.StartedBy = "AcmeCobaltLoss", "AcmeCobaltLoss", "AcmeCobaltLoss-1", "P. Otherman"
	for _, field := range []string{EditLead, EditReviewed, EditAcknowledged} {
		rec.say(ReportEdit{By: "P. Otherman", Field: field, Text: "Q. Elsewhere"})
	}
	// The other's VM stands in the same stage, and takes longer.
	in.Steps[0].VMs = append(in.Steps[0].VMs, in.Steps[2].VMs[0])
	in.Steps = in.Steps[:2]
	e := MakeEvidence(rec)
	copied, err := e.ForTenant("acme")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(copied)
	for _, name := range []string{"AcmeCobaltLoss", "Otherman", "Elsewhere"} {
		if strings.Contains(string(text), name) {
			t.Errorf("%s is in the copy:\n%s", name, text)
		}
	}
	if st := copied.Stages[0]; e.Stages[0].RTO.Measured != Duration(9*time.Minute) || st.RTO.Measured != Duration(4*time.Minute) || !st.RTO.Known || st.Began != Duration(time.Minute) {
		t.Errorf("%+v, of all %+v", st, e.Stages[0])
	}
	if f, _ := copied.Field("identity.number"); f.Text != copied.Number {
		t.Error(f.Text)
	}
	// What nobody wrote is still to be written.
	rec.Entries = rec.Entries[:3]
	if copied, err = MakeEvidence(rec).ForTenant("acme"); err != nil || !strings.Contains(missing(copied), "reviewer name") {
		t.Error(err, missing(copied))
	}
}

// Another tenant's VM may be called as words of ours are.
func TestAVMCalledTestLeavesTheReportReadable(t *testing.T) {
	rec, _ := tenantRecord(rand.New(rand.NewPCG(1, 1)))
	for _, name := range []string{"test", "start", "pass", "done", "people", "run", "PASSED"} {
		rec.Report.Input.Steps[2].VMs[0].Label, rec.Report.Status.VMs[1].Label = name, name
		e := MakeEvidence(rec)
		copied, err := e.ForTenant("acme")
		if err != nil {
			t.Fatal(name, err)
		}
		vm := copied.VMs[0]
		lead, ok := copied.Field("people.lead")
		if copied.Operation != TestFailover || vm.Result != "pass" || vm.Bars[1].Phase != PhaseStart || copied.Log[0].Kind != "run" || !ok || lead.Block != "people" || !strings.HasPrefix(copied.Outcome, "PASSED") {
			t.Errorf("%s: %s, %s, %+v, %s", name, copied.Operation, copied.Outcome, vm, lead.Block)
		}
	}
}

// A VM that was shut down to make room is not the tenant's, though all VMs of the run
// are.
func TestWhoMadeRoomIsNotNamedToATenant(t *testing.T) {
	rec := drillRecord()
	for i := range rec.Report.Input.Steps {
		for j := range rec.Report.Input.Steps[i].VMs {
			rec.Report.Input.Steps[i].VMs[j].Tenant = "acme"
		}
	}
	if MakeEvidence(rec).Mixed() {
		t.Fatal("all VMs are of one tenant")
	}
	rec.Entries = append(rec.Entries, RecordEntry{Seq: 4, At: rec.Kept, Kind: "before", VM: "x", Label: "COB-FILES", Host: "HV-B", Verb: VerbShutDown, Text: "to make room"})
	e := MakeEvidence(rec)
	copied, err := e.ForTenant("acme")
	text, _ := json.Marshal(copied)
	if owners := e.Owners(); !slices.Equal(owners, []string{"", "acme"}) {
		t.Errorf("owners %q", owners)
	}
	if err != nil || !e.Mixed() || strings.Contains(string(text), "COB-FILES") {
		t.Errorf("%v, mixed %v: %s", err, e.Mixed(), text)
	}
	for i := range rec.Report.Input.Steps { // where nobody has tenants nothing is mixed
		for j := range rec.Report.Input.Steps[i].VMs {
			rec.Report.Input.Steps[i].VMs[j].Tenant = ""
		}
	}
	if MakeEvidence(rec).Mixed() {
		t.Error("nobody has tenants")
	}
}

// tenantRecord is a drill for two tenants; secret are the names of the second.
func tenantRecord(rng *rand.Rand) (rec Record, secret []string) {
	names := []string{"COB-SQL1", "<script>alert(1)</script>", "Müller & Söhne", "cob\"sql\\1", "=cmd|'/c'!A1", "COB (x)", "コブ"}
	name, host, tenant := names[rng.IntN(len(names))], fmt.Sprintf("COBHOST%d", rng.IntN(100)), "cobalt"
	rec = drillRecord()
	s, in := &rec.Report.Status, &rec.Report.Input
	in.Plan, s.Plan = "acme-cobalt-loss", "acme-cobalt-loss"
	first, second := &in.Steps[0].VMs[0], &in.Steps[2].VMs[0]
	first.Name, first.Label, first.Tenant = "ACM-SQL1", "ACM-SQL1", "acme"
	second.Name, second.Label, second.Tenant, second.TargetHost = name, name, tenant, host
	in.Steps[0].Name, in.Steps[2].Name = "databases of acme and cobalt", name
	in.Steps[1].Manual.Text = "call " + name + " at " + host
	s.VMs[0].Label, s.VMs[1].Label = "ACM-SQL1", name
	s.VMs[0].Doing = "waits for " + name + ", at " + host + "."
	s.StepList[2].Name = name
	s.Summary = "of cobalt: " + name
	s.LeftOut = []LeftOut{{VM: "COB-RDS9", Why: "no room beside " + name, Tenant: tenant}}
	s.Findings = []Finding{
		{Severity: Warning, Code: "x", Host: host, Text: "cobalt has no room"}, {Severity: Warning, Code: "y", VM: "ACM-SQL1", Text: "beside " + name + "/" + host},
		{Severity: Warning, Code: "z", VM: name, Text: "late"},
	}
	rec.Report.Judgements = []Judgement{{Criterion: Criterion{Text: name + " answers"}, Result: CriterionMet, Why: "yes"}}
	rec.Report.Answers[0].Answer.Reason = name + " is there"
	rec.Entries[0].Label, rec.Entries[1].Label = "ACM-SQL1", "ACM-SQL1"
	rec.Entries[0].Text = "beside (" + strings.ToLower(name) + ")"
	rec.say(ReportEdit{Field: EditIntegrity, VM: "ACM-SQL1", Text: "as good as " + name})
	rec.say(ReportEdit{Field: EditNote, Text: "cobalt: " + name})
	rec.say(ReportEdit{Field: EditFinding, Text: "cobalt pays late", Owner: host})
	in.About = &PlanAbout{Purpose: "for acme and cobalt", Functions: []string{name}}
	return rec, []string{name, host, "cobalt", "COB-RDS9", second.ID}
}
