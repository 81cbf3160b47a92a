package plans

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func northgateRun() (RunInput, RunStatus) {
	in, _ := northgate()
	in.Limits, in.Speed = Limits{Shutdown: 4, Move: 4, Start: 3}, 1
	in.Steps = append(in.Steps, RunStep{Number: 5, Name: "phones", Manual: &ManualStep{Name: "phones", Text: "divert", Owner: "office", Takes: Duration(20 * time.Minute)}})
	s := RunStatus{Started: noon}
	for _, step := range in.Steps {
		s.StepList = append(s.StepList, StepStatus{Number: step.Number})
	}
	for _, vm := range in.VMs() {
		s.VMs = append(s.VMs, VMStatus{ID: vm.ID, Label: vm.Label, Verdict: VerdictRunning})
	}
	return in, s
}

func TestThePredictionAddsUp(t *testing.T) {
	in, _ := northgateRun()
	p := Predict(in, pairsFor(in))
	if p.Duration.D() < 20*time.Minute || p.Duration.D() > 2*time.Hour {
		t.Errorf("ten VMs in four stages and 20 minutes of a person take %s", p.Duration)
	}
	if p.Downtime <= 0 || p.Downtime >= p.Duration {
		t.Errorf("the longest downtime is %s of %s", p.Downtime, p.Duration)
	}
	var known []string
	for _, vm := range in.VMs() {
		known = append(known, vm.Label)
	}
	if len(p.Critical) == 0 {
		t.Error("nothing decides the duration")
	}
	for i, label := range p.Critical {
		if !slices.Contains(known, label) || slices.Index(p.Critical, label) != i {
			t.Errorf("the chain %v holds %q, which is no VM or twice there", p.Critical, label)
		}
	}
	if p.Loss == "" || p.WayBack == "" || p.People == "" {
		t.Errorf("a sentence is missing: %+v", p)
	}
	quick := in
	quick.Steps = slices.Clone(in.Steps[:4])
	if less := Predict(quick, nil); less.Duration.D() != p.Duration.D()-20*time.Minute {
		t.Errorf("without the person's 20 minutes it takes %s, with them %s", less.Duration, p.Duration)
	}
}

func TestASlowVMIsOnTheChain(t *testing.T) {
	in, _ := northgateRun()
	in.Steps[1].VMs = slices.Clone(in.Steps[1].VMs)
	in.Steps[1].VMs[1].Expected = map[Phase]Duration{PhaseGates: Duration(3 * time.Hour)}
	if p := Predict(in, nil); !slices.Contains(p.Critical, "NG-FS01") || p.Duration.D() < 3*time.Hour {
		t.Errorf("three hours of NG-FS01: %s by %v", p.Duration, p.Critical)
	}
}

// Each phase that ends brings the end nearer, never farther.
func TestTheRestOnlyShrinks(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 4))
	in, s := northgateRun()
	eta, _ := Progress(s, in, noon)
	first := eta
	for range 200 {
		vm := &s.VMs[r.IntN(len(s.VMs))]
		if order := Phases(PlannedFailover, in.Reverse); len(vm.Times) < len(order) {
			vm.Times = append(vm.Times, PhaseTime{Phase: order[len(vm.Times)], Started: noon, Ended: noon})
		} else {
			vm.Verdict = VerdictDone
		}
		next, chain := Progress(s, in, noon)
		// List scheduling may shift a VM to another place; never by more than
		// the longest single piece of work.
		if next.After(eta.Add(3 * time.Minute)) {
			t.Fatalf("seed %d: the end went from %s to %s", seed, eta, next)
		}
		if next.After(first) {
			t.Fatalf("seed %d: the end %s is behind the first one %s", seed, next, first)
		}
		for _, label := range chain {
			if !slices.ContainsFunc(in.VMs(), func(vm RunVM) bool { return vm.Label == label }) {
				t.Fatalf("seed %d: the chain names %q", seed, label)
			}
		}
		eta = next
	}
	if !eta.Before(first) {
		t.Error("200 ended phases changed nothing")
	}
	s.Ended = noon.Add(time.Hour)
	if end, _ := Progress(s, in, noon); !end.Equal(s.Ended) {
		t.Errorf("a run that ended at %s is expected to end at %s", s.Ended, end)
	}
}

func TestSpeedScalesTheRest(t *testing.T) {
	in, s := northgateRun()
	slow, _ := Progress(s, in, noon)
	in.Speed = 60
	fast, _ := Progress(s, in, noon)
	if got, want := fast.Sub(noon), slow.Sub(noon)/60; got < want-time.Millisecond || got > want+time.Millisecond {
		t.Errorf("at speed 60 it takes %s, want %s", got, want)
	}
}

func TestAReportMeasuresWhatPeopleFelt(t *testing.T) {
	in, s := northgateRun()
	s.VMs[0].Times = []PhaseTime{{Phase: PhaseShutdown, Started: noon.Add(time.Minute), Ended: noon.Add(2 * time.Minute)}, {Phase: PhaseGates, Started: noon.Add(4 * time.Minute), Ended: noon.Add(6 * time.Minute)}}
	s.VMs[1].Times = []PhaseTime{{Phase: PhaseGates, Ended: noon.Add(9 * time.Minute)}}
	s.VMs[2].Times = []PhaseTime{{Phase: PhaseShutdown, Started: noon}}
	r := MakeReport(s, in, []AnswerRecord{{At: noon}}, "1.2.3", true)
	if r.RTO.D() != 9*time.Minute {
		t.Errorf("the RTO is %s, want 9m", r.RTO)
	}
	if len(r.Downtime) != 1 || r.Downtime["NG-DC01"].D() != 5*time.Minute {
		t.Errorf("the downtimes are %v, want NG-DC01 5m alone", r.Downtime)
	}
	// Where acts are told, a VM without any stayed with its users.
	s.VMs[1].Times, s.VMs[1].Acts = s.VMs[0].Times, []ActRecord{{Verb: VerbShutDown}}
	if down := MakeReport(s, in, nil, "", false).Downtime; len(down) != 1 || down[s.VMs[1].Label].D() != 5*time.Minute {
		t.Errorf("the downtimes are %v, want the one of the VM that was shut down", down)
	}
	if !r.Simulated || r.Version != "1.2.3" || len(r.Answers) != 1 {
		t.Errorf("the report forgot: %+v", r)
	}
}
