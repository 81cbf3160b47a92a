package plans

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Durations are what past runs took, phase by phase, for predictions. Newest
// first for each VM.
type Durations []Took

// Took is how long a phase of a VM took in one run, in the hosts' time.
type Took struct {
	VM    string   `json:"vm"` // GUID
	To    string   `json:"to"` // the host that it went to: another machine starts it otherwise
	Phase Phase    `json:"phase"`
	Took  Duration `json:"took"`
	// Drill is of a test failover: it starts VMs as a real one does, and asks
	// fewer gates.
	Drill bool `json:"drill,omitempty"`
	// Speed is that of a lab, 1 of real hosts: figures of one are not for others.
	Speed float64 `json:"speed"`
}

// Usual is where a learned duration comes from.
type Usual struct {
	// Runs is how many runs it is the median of, Slow what nine of ten stay under.
	Runs int      `json:"runs"`
	Slow Duration `json:"slow"`
	// Drill is true when only drills are known.
	Drill bool `json:"drill,omitempty"`
}

// Slow is a phase under way that takes much longer than it used to.
type Slow struct {
	VM    string   `json:"vm"` // label
	Phase Phase    `json:"phase"`
	So    Duration `json:"so"`    // so far, in the hosts' time
	Usual Duration `json:"usual"` // the median
	Runs  int      `json:"runs"`
}

// Words say it to a person.
func (s Slow) Words() string {
	return fmt.Sprintf("%s, %s: %s so far, usually %s (%s): %.0fx slower than usual", s.VM, s.Phase, s.So.Words(), s.Usual.Words(), counted(s.Runs, "past run"), float64(s.So)/float64(s.Usual))
}

// learnFrom is how many past runs count for a phase of a VM: what a machine was
// like long ago says little of now.
const learnFrom = 10

// learned are the phases that take about as long each time. What is sent is not
// among them: that depends on how much there is.
var learned = []Phase{PhaseReady, PhaseFence, PhaseShutdown, PhaseMove, PhaseTest, PhaseStart, PhaseGates, PhaseReverse, PhaseCommit, PhaseCleanUp}

// DurationsOf learns from reports, newest first. What a person was asked about
// took as long as the person did, and what did not end says nothing: neither
// counts.
func DurationsOf(reports []Report) Durations {
	all := Durations{}
	counts := map[Took]int{}
	for _, r := range reports {
		vms := map[string]RunVM{}
		for _, vm := range r.Input.VMs() {
			vms[vm.ID] = vm
		}
		speed := speedOf(r.Input)
		// Of a large run the journal alone has the acts.
		acts := slices.ContainsFunc(r.Status.VMs, func(s VMStatus) bool { return len(s.Acts) > 0 })
		for _, s := range r.Status.VMs {
			vm, known := vms[s.ID]
			if !known || s.Verdict != VerdictDone {
				continue
			}
			for _, t := range s.Times {
				if acts && idle(s, t) {
					continue
				}
				took, ok := tookOf(r, vm, t, speed)
				key := took
				key.Took = 0
				if !ok || counts[key] == learnFrom {
					continue
				}
				counts[key]++
				all = append(all, took)
			}
		}
	}
	return all
}

// idle is true for a phase in which nothing was done, because the VM was that far
// already when the run began anew: it says how long a look takes, and no machine.
func idle(s VMStatus, t PhaseTime) bool {
	switch t.Phase {
	case PhaseReady: // mostly a look
		return false
	case PhaseGates: // green at once, where it ran before
		i := slices.IndexFunc(s.Times, func(t PhaseTime) bool { return t.Phase == PhaseStart })
		if i < 0 {
			return false
		}
		t = s.Times[i]
	default:
	}
	return !slices.ContainsFunc(s.Acts, func(a ActRecord) bool { return !a.Started.Before(t.Started) && !a.Started.After(t.Ended) })
}

func speedOf(in RunInput) float64 {
	if in.Speed <= 0 {
		return 1
	}
	return in.Speed
}

func tookOf(r Report, vm RunVM, t PhaseTime, speed float64) (Took, bool) {
	if t.Ended.IsZero() || t.Ended.Before(t.Started) || !slices.Contains(learned, t.Phase) || disturbed(r, vm, t) {
		return Took{}, false
	}
	took := time.Duration(float64(t.Ended.Sub(t.Started)) * speed)
	if t.Phase == PhaseGates {
		took = max(0, took-vm.Settle.D()) // the plan's own pause is added where it is expected
	}
	return Took{
		VM: vm.ID, To: vm.TargetHost, Phase: t.Phase, Took: Duration(took.Round(100 * time.Millisecond)),
		Drill: r.Input.Operation == TestFailover, Speed: speed,
	}, true
}

// disturbed is true when a person said something about the VM, or about the whole
// run, while the phase went on: then it was not the machine that took long.
func disturbed(r Report, vm RunVM, t PhaseTime) bool {
	return slices.ContainsFunc(r.Answers, func(a AnswerRecord) bool {
		about := a.Answer.VM == vm.ID || a.Answer.VM == vm.Label || a.Answer.VM == "" && a.Answer.Step == 0
		return about && !a.At.Before(t.Started) && !a.At.After(t.Ended)
	})
}

// A run of more than learnAll VMs takes over only what most of its time goes to:
// its input must fit into one message.
const learnAll = 300

var learnedOfMany = []Phase{PhaseShutdown, PhaseStart, PhaseGates}

// Learn puts what past runs took into the input of a run that is to begin: from
// then on the run's figures stay, whatever is learned meanwhile.
func Learn(in RunInput, d Durations) RunInput {
	if len(d) == 0 {
		return in
	}
	byVM := map[string]Durations{}
	for _, t := range d {
		if t.Speed == speedOf(in) {
			byVM[t.VM] = append(byVM[t.VM], t)
		}
	}
	phases := Phases(in.Operation, in.Reverse)
	if len(in.VMs()) > learnAll {
		phases = slices.DeleteFunc(slices.Clone(phases), func(p Phase) bool { return !slices.Contains(learnedOfMany, p) })
	}
	in.Steps = slices.Clone(in.Steps)
	for i := range in.Steps {
		in.Steps[i].VMs = slices.Clone(in.Steps[i].VMs)
		for j := range in.Steps[i].VMs {
			vm := &in.Steps[i].VMs[j]
			vm.Expected, vm.Usual = byVM[vm.ID].of(*vm, in.Operation, phases)
		}
	}
	return in
}

func (d Durations) of(vm RunVM, op Operation, phases []Phase) (expect map[Phase]Duration, usual map[Phase]Usual) {
	for _, phase := range phases {
		var own, other []Duration
		for _, t := range d {
			switch {
			case t.Phase != phase || t.To != vm.TargetHost:
			case t.Drill == (op == TestFailover):
				own = append(own, t.Took)
			default:
				other = append(other, t.Took)
			}
		}
		took, u := learnPhase(vm, phase, op, own, other)
		if u.Runs == 0 {
			continue
		}
		if expect == nil {
			expect, usual = map[Phase]Duration{}, map[Phase]Usual{}
		}
		expect[phase], usual[phase] = took, u
	}
	return expect, usual
}

// learnPhase takes what runs of the same kind took. Where there is none, a drill
// knows how a VM starts; it asks no gate over the network, so its gates are taken
// at least for what is assumed.
func learnPhase(vm RunVM, phase Phase, op Operation, own, other []Duration) (Duration, Usual) {
	if len(own) > 0 {
		middle, slow := spread(own)
		return middle, Usual{Runs: len(own), Slow: slow}
	}
	if phase != PhaseStart && phase != PhaseGates || len(other) == 0 {
		return 0, Usual{}
	}
	middle, slow := spread(other)
	u := Usual{Runs: len(other), Slow: slow, Drill: op != TestFailover}
	network := slices.ContainsFunc(vm.Gates, func(g RunGate) bool { return g.Kind != "heartbeat" && g.Kind != "guest-script" })
	if assumed := Duration(expected(RunVM{}, PhaseGates)); u.Drill && phase == PhaseGates && network && middle < assumed {
		return 0, Usual{}
	}
	return middle, u
}

// spread is the median, and what nine of ten stay under: one bad day moves
// neither far.
func spread(all []Duration) (middle, slow Duration) {
	sorted := slices.Sorted(slices.Values(all))
	middle = sorted[len(sorted)/2]
	if len(sorted)%2 == 0 {
		middle = (middle + sorted[len(sorted)/2-1]) / 2
	}
	return middle, sorted[(len(sorted)*9+9)/10-1]
}

// Basis says where the figures of a prediction come from.
func Basis(in RunInput) string {
	vms := in.VMs()
	var known, assumed []string
	drills, fewest, most := false, 0, 0
	for _, phase := range Phases(in.Operation, in.Reverse) {
		n := 0
		for _, vm := range vms {
			u, ok := vm.Usual[phase]
			if !ok {
				continue
			}
			n++
			drills = drills || u.Drill
			if fewest == 0 || u.Runs < fewest {
				fewest = u.Runs
			}
			most = max(most, u.Runs)
		}
		switch {
		case n == 0:
			assumed = append(assumed, string(phase))
		case n < len(vms):
			known = append(known, fmt.Sprintf("%s of %d of %d VMs", phase, n, len(vms)))
		default:
			known = append(known, string(phase))
		}
	}
	if len(known) == 0 {
		return "assumed: no past run of these VMs to these hosts is known"
	}
	runs := counted(most, "past run")
	if fewest != most {
		runs = fmt.Sprintf("%d to %d past runs", fewest, most)
	}
	text := "learned from " + runs + ": " + strings.Join(known, ", ")
	if drills {
		text += " (some from drills only)"
	}
	if len(assumed) > 0 {
		text += "; assumed: " + strings.Join(assumed, ", ")
	}
	return text
}

// A phase is called slow when it takes this many times what it used to, and is
// well beyond what nine of ten runs took; fewer runs do not say what is usual.
const (
	slowTimes = 2
	slowLeast = time.Minute
	slowRuns  = 3
)

// SlowPhases are the phases under way that take much longer than they used to, the
// worst first.
func SlowPhases(s RunStatus, in RunInput, now time.Time) []Slow {
	if !s.Ended.IsZero() {
		return nil
	}
	vms := map[string]RunVM{}
	for _, vm := range in.VMs() {
		if len(vm.Usual) > 0 {
			vms[vm.ID] = vm
		}
	}
	var all []Slow
	for i := range s.VMs {
		phase, so, under := phaseUnderWay(s.VMs[i], speedOf(in), now)
		vm, known := vms[s.VMs[i].ID]
		usual, learnt := vm.Usual[phase]
		if !under || !known || !learnt || usual.Runs < slowRuns || vm.Expected[phase] <= 0 {
			continue
		}
		if phase == PhaseGates {
			so -= vm.Settle.D()
		}
		middle := vm.Expected[phase].D()
		if so >= slowTimes*middle && so >= usual.Slow.D()+slowLeast {
			all = append(all, Slow{VM: vm.Label, Phase: phase, So: Duration(so.Round(time.Second)), Usual: Duration(max(middle.Round(100*time.Millisecond), 100*time.Millisecond)), Runs: usual.Runs})
		}
	}
	slices.SortStableFunc(all, func(a, b Slow) int {
		return cmp.Compare(float64(b.So)/float64(b.Usual), float64(a.So)/float64(a.Usual))
	})
	return all
}

// phaseUnderWay is the phase that a VM is in, and for how long in the hosts' time.
func phaseUnderWay(vm VMStatus, speed float64, now time.Time) (phase Phase, so time.Duration, ok bool) {
	if len(vm.Times) == 0 || vm.Verdict != VerdictRunning && vm.Verdict != VerdictHeld {
		return "", 0, false
	}
	last := vm.Times[len(vm.Times)-1]
	if !last.Ended.IsZero() || now.Before(last.Started) {
		return "", 0, false
	}
	return last.Phase, time.Duration(float64(now.Sub(last.Started)) * speed), true
}

// stillTakes is how long a learned phase that is under way still takes: what is
// left of the usual, and once that is over, a quarter of what it took so far.
func stillTakes(s RunStatus, vm RunVM, phase Phase, speed float64, now time.Time) (time.Duration, bool) {
	if _, learnt := vm.Usual[phase]; !learnt {
		return 0, false
	}
	i := slices.IndexFunc(s.VMs, func(v VMStatus) bool { return v.ID == vm.ID })
	if i < 0 {
		return 0, false
	}
	in, so, ok := phaseUnderWay(s.VMs[i], speed, now)
	if !ok || in != phase {
		return 0, false
	}
	usual := vm.Expected[phase].D()
	if phase == PhaseGates {
		usual += vm.Settle.D()
	}
	if so < usual {
		return usual - so, true
	}
	return so / 4, true
}
