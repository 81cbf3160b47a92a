package plans

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var learnStart = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// pastRun is a report in which each VM's phases took the given times, one after
// the other.
func pastRun(op Operation, speed float64, vm RunVM, takes map[Phase]time.Duration) Report {
	in := RunInput{RunID: "past", Plan: "p", Operation: op, Reverse: ReverseAfterGates, Speed: speed, Steps: []RunStep{{Number: 1, Name: "s", VMs: []RunVM{vm}}}}
	s := VMStatus{ID: vm.ID, Label: vm.Label, Verdict: VerdictDone}
	at := learnStart
	for _, phase := range Phases(op, ReverseAfterGates) {
		if d, ok := takes[phase]; ok {
			s.Times = append(s.Times, PhaseTime{Phase: phase, Started: at, Ended: at.Add(d)})
			at = at.Add(d)
		}
	}
	return Report{Input: in, Status: RunStatus{RunID: "past", Plan: "p", Operation: op, Started: learnStart, Ended: at, Verdict: VerdictDone, VMs: []VMStatus{s}}}
}

func learnVM() RunVM {
	return RunVM{ID: "11111111-0000-0000-0000-000000000001", Name: "DB", Label: "DB", TargetHost: "HV-B", SourceHost: "HV-A"}
}

func toBegin(op Operation, vm RunVM) RunInput {
	return RunInput{Plan: "p", Operation: op, Reverse: ReverseAfterGates, Speed: 1, Steps: []RunStep{{Number: 1, Name: "s", VMs: []RunVM{vm}}}}
}

// One bad day among ten moves neither the median nor the run's own input later.
func TestTheUsualIsAMedianOfTheLastRuns(t *testing.T) {
	var past []Report
	for i := range 14 { // newest first; those beyond the tenth do not count
		d := time.Duration(60+i) * time.Second
		if i == 2 {
			d = time.Hour
		}
		past = append(past, pastRun(PlannedFailover, 1, learnVM(), map[Phase]time.Duration{PhaseStart: d}))
	}
	in := Learn(toBegin(PlannedFailover, learnVM()), DurationsOf(past))
	vm := in.VMs()[0]
	if got := vm.Expected[PhaseStart]; got < Duration(60*time.Second) || got > Duration(70*time.Second) {
		t.Errorf("expected %s", got)
	}
	if u := vm.Usual[PhaseStart]; u.Runs != learnFrom || u.Slow >= Duration(time.Hour) || u.Drill {
		t.Errorf("usual %+v", u)
	}
	if _, ok := vm.Usual[PhaseShutdown]; ok {
		t.Error("a phase that no run had was learned")
	}
	// What was not learned is what was assumed before.
	if expected(vm, PhaseShutdown) != time.Minute {
		t.Error("the assumption is gone")
	}
}

func TestWhatIsNotTheMachinesDoesNotCount(t *testing.T) {
	vm := learnVM()
	whole := map[Phase]time.Duration{PhaseStart: time.Minute, PhaseGates: time.Hour}
	answered := pastRun(PlannedFailover, 1, vm, whole)
	answered.Answers = []AnswerRecord{{At: learnStart.Add(30 * time.Minute), Answer: Answer{Choice: ChoiceRetry, VM: vm.Label, By: "Dana"}}}
	elsewhere := vm
	elsewhere.TargetHost = "HV-C"
	failed := pastRun(PlannedFailover, 1, vm, whole)
	failed.Status.VMs[0].Verdict = VerdictStuck
	lab := pastRun(PlannedFailover, 60, vm, whole)
	for name, r := range map[string]Report{
		"another host": pastRun(PlannedFailover, 1, elsewhere, whole), "a VM that was not done": failed, "a lab": lab,
	} {
		if in := Learn(toBegin(PlannedFailover, vm), DurationsOf([]Report{r})); len(in.VMs()[0].Usual) != 0 {
			t.Errorf("%s was learned from: %v", name, in.VMs()[0].Usual)
		}
	}
	got := Learn(toBegin(PlannedFailover, vm), DurationsOf([]Report{answered})).VMs()[0].Usual
	if _, ok := got[PhaseGates]; ok {
		t.Error("a gate at which a person was asked was learned from")
	}
	if _, ok := got[PhaseStart]; !ok {
		t.Error("the phase before the question was not learned from")
	}
	// A question about a manual step is not about a VM.
	answered.Answers[0].Answer = Answer{Choice: ChoiceApprove, Step: 3}
	if _, ok := Learn(toBegin(PlannedFailover, vm), DurationsOf([]Report{answered})).VMs()[0].Usual[PhaseGates]; !ok {
		t.Error("an answer to a step was held against a VM")
	}
}

// A run that is begun again finds most of it done: phases in which nothing happened
// are no news of how long they take.
func TestWhatWasThereAlreadyTeachesNothing(t *testing.T) {
	vm := learnVM()
	takes := map[Phase]time.Duration{PhaseReady: time.Second, PhaseShutdown: time.Second, PhaseMove: 30 * time.Second, PhaseStart: time.Second, PhaseGates: time.Second, PhaseReverse: 10 * time.Second}
	r := pastRun(PlannedFailover, 1, vm, takes)
	s := &r.Status.VMs[0]
	act := func(phase Phase) {
		for _, p := range s.Times {
			if p.Phase == phase {
				s.Acts = append(s.Acts, ActRecord{Started: p.Started.Add(200 * time.Millisecond), Outcome: "done"})
			}
		}
	}
	learnt := func() (out []Phase) {
		usual := Learn(toBegin(PlannedFailover, vm), DurationsOf([]Report{r})).VMs()[0].Usual
		for _, p := range learned {
			if _, ok := usual[p]; ok {
				out = append(out, p)
			}
		}
		return out
	}
	act(PhaseMove)
	act(PhaseReverse)
	if got := learnt(); !slices.Equal(got, []Phase{PhaseReady, PhaseMove, PhaseReverse}) {
		t.Errorf("it was shut down and started before: learned %v", got)
	}
	act(PhaseStart)
	if got := learnt(); !slices.Equal(got, []Phase{PhaseReady, PhaseMove, PhaseStart, PhaseGates, PhaseReverse}) {
		t.Errorf("it was started now: learned %v", got)
	}
}

// A drill knows how a VM starts. Its gates ask nothing over the network, so they
// are no reason to expect less than is assumed.
func TestDrillsAndRealOnesAreKeptApart(t *testing.T) {
	vm := learnVM()
	vm.Gates = []RunGate{{Kind: "tcp", Text: "tcp 1433"}}
	vm.Settle = Duration(20 * time.Second)
	drill := func(gates time.Duration) Report {
		return pastRun(TestFailover, 1, vm, map[Phase]time.Duration{PhaseTest: time.Second, PhaseStart: 40 * time.Second, PhaseGates: gates + vm.Settle.D()})
	}
	for _, c := range []struct {
		gates, want time.Duration
	}{{5 * time.Second, 90 * time.Second}, {4 * time.Minute, 4 * time.Minute}} {
		got := Learn(toBegin(UnplannedFailover, vm), DurationsOf([]Report{drill(c.gates)})).VMs()[0]
		if d := expected(got, PhaseGates); d != c.want {
			t.Errorf("gates of %s in a drill: %s expected, want %s", c.gates, d, c.want)
		}
		if got.Expected[PhaseStart] != Duration(40*time.Second) || !got.Usual[PhaseStart].Drill {
			t.Errorf("start %v %v", got.Expected, got.Usual)
		}
		if _, ok := got.Usual[PhaseFence]; ok {
			t.Error("a drill knows of no fence")
		}
	}
	real := pastRun(UnplannedFailover, 1, vm, map[Phase]time.Duration{PhaseStart: 10 * time.Second, PhaseGates: 30*time.Second + vm.Settle.D()})
	got := Learn(toBegin(UnplannedFailover, vm), DurationsOf([]Report{drill(5 * time.Second), real})).VMs()[0]
	if got.Expected[PhaseStart] != Duration(10*time.Second) || got.Expected[PhaseGates] != Duration(30*time.Second) || got.Usual[PhaseStart].Drill {
		t.Errorf("a drill stands against a real run: %v %v", got.Expected, got.Usual)
	}
}

func TestLearningChangesNobodyElsesInput(t *testing.T) {
	in := toBegin(PlannedFailover, learnVM())
	before, _ := json.Marshal(in)
	out := Learn(in, DurationsOf([]Report{pastRun(PlannedFailover, 1, learnVM(), map[Phase]time.Duration{PhaseStart: time.Minute})}))
	after, _ := json.Marshal(in)
	if string(before) != string(after) || len(out.VMs()[0].Usual) == 0 {
		t.Error("the input that was given was changed, or nothing was learned")
	}
	if none, _ := json.Marshal(Learn(in, nil)); string(none) != string(before) {
		t.Error("nothing learned leaves traces")
	}
	if n := len(out.VMs()); n != 1 {
		t.Error(n)
	}
}

func TestAPredictionSaysWhatItRestsOn(t *testing.T) {
	in := toBegin(PlannedFailover, learnVM())
	if got := Predict(in, nil).Basis; !strings.HasPrefix(got, "assumed") {
		t.Error(got)
	}
	slow := Learn(in, DurationsOf([]Report{pastRun(PlannedFailover, 1, learnVM(), map[Phase]time.Duration{PhaseStart: time.Hour, PhaseGates: time.Minute})}))
	p := Predict(slow, nil)
	if !strings.Contains(p.Basis, "learned from 1 past run: start, gates; assumed: ") || strings.Contains(p.Basis, "drills") {
		t.Error(p.Basis)
	}
	if p.Duration < Duration(time.Hour) || Predict(in, nil).Duration > Duration(time.Hour) {
		t.Errorf("the prediction does not use it: %s", p.Duration)
	}
}

// "This step is 3x slower than usual", and the ETA moves with it.
func TestAStepSlowerThanUsualIsSaid(t *testing.T) {
	var past []Report
	for range 4 {
		past = append(past, pastRun(PlannedFailover, 1, learnVM(), map[Phase]time.Duration{PhaseStart: 2 * time.Minute}))
	}
	in := Learn(toBegin(PlannedFailover, learnVM()), DurationsOf(past))
	status := func(verdict Verdict) RunStatus {
		return RunStatus{Started: learnStart, Verdict: VerdictRunning, VMs: []VMStatus{{
			ID: in.VMs()[0].ID, Label: "DB", Verdict: verdict, Phase: PhaseStart, Times: []PhaseTime{{Phase: PhaseStart, Started: learnStart}},
		}}}
	}
	at := func(d time.Duration) []Slow { return SlowPhases(status(VerdictRunning), in, learnStart.Add(d)) }
	if got := at(3 * time.Minute); len(got) != 0 {
		t.Errorf("3 of 2 min is called slow: %v", got)
	}
	got := at(6 * time.Minute)
	if len(got) != 1 || got[0].Words() != "DB, start: 6 min so far, usually 2 min (4 past runs): 3x slower than usual" {
		t.Errorf("%v", got)
	}
	if got := SlowPhases(status(VerdictDone), in, learnStart.Add(time.Hour)); len(got) != 0 {
		t.Errorf("a VM that is done is slow: %v", got)
	}
	early, _ := Progress(status(VerdictRunning), in, learnStart.Add(30*time.Second))
	soon, _ := Progress(status(VerdictRunning), in, learnStart.Add(90*time.Second))
	late, _ := Progress(status(VerdictRunning), in, learnStart.Add(20*time.Minute))
	if !early.Equal(soon) || !late.After(soon.Add(18*time.Minute)) {
		t.Errorf("ETA %s, %s, %s", early, soon, late)
	}
	few := Learn(toBegin(PlannedFailover, learnVM()), DurationsOf(past[:2]))
	if got := SlowPhases(status(VerdictRunning), few, learnStart.Add(time.Hour)); len(got) != 0 {
		t.Errorf("two runs are called usual: %v", got)
	}
}

func TestTheInputOfManyVMsStaysSmall(t *testing.T) {
	in, past := toBegin(PlannedFailover, learnVM()), []Report(nil)
	in.Steps[0].VMs = nil
	for i := range learnAll + 1 {
		vm := learnVM()
		vm.ID, vm.Label = fmt.Sprintf("11111111-0000-0000-0000-%012d", i), fmt.Sprintf("VM%d", i)
		in.Steps[0].VMs = append(in.Steps[0].VMs, vm)
		past = append(past, pastRun(PlannedFailover, 1, vm, map[Phase]time.Duration{PhaseReady: time.Second, PhaseShutdown: time.Minute, PhaseMove: time.Minute, PhaseStart: time.Minute, PhaseGates: time.Minute, PhaseReverse: time.Minute}))
	}
	for _, vm := range Learn(in, DurationsOf(past)).VMs() {
		if len(vm.Usual) != len(learnedOfMany) {
			t.Fatalf("%d phases learned", len(vm.Usual))
		}
	}
	if !slices.Contains(learnedOfMany, PhaseGates) {
		t.Error("the longest phase is not among them")
	}
}
