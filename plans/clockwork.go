package plans

import (
	"slices"
	"time"
)

// clockwork plays a run forward in expected time, with its order and limits,
// to find its end and the chain of VMs that decides it.
type clockwork struct {
	in   RunInput
	done func(RunVM, Phase) bool
	// off and up are when each VM is off at the source and up at the target.
	off, up  map[string]time.Duration
	because  map[string]string // the VM whose end this one waited for
	lastVM   string
	labels   map[string]string
	stepDone func(step RunStep) bool
}

func newClockwork(in RunInput, done func(RunVM, Phase) bool) *clockwork {
	c := &clockwork{in: in, done: done, off: map[string]time.Duration{}, up: map[string]time.Duration{}, because: map[string]string{}, labels: map[string]string{}}
	c.stepDone = func(RunStep) bool { return false }
	for _, vm := range in.VMs() {
		c.labels[vm.ID] = vm.Label
	}
	return c
}

// takes is how long a phase of a VM is expected to last, nothing when it is
// behind it.
func (c *clockwork) takes(vm RunVM, phase Phase) time.Duration {
	if c.done(vm, phase) {
		return 0
	}
	return expected(vm, phase)
}

// run returns when everything is over, counted from now.
func (c *clockwork) run() time.Duration {
	var now time.Duration
	stages := c.in.Stages()
	first := len(c.in.Steps)
	if len(stages) > 0 {
		first = stages[0]
	}
	for i := range c.in.Steps[:first] {
		now += c.manual(c.in.Steps[i])
	}
	if c.in.Operation == PlannedFailover {
		last := ""
		for _, i := range slices.Backward(stages) {
			now, last = c.pool(mirrored(c.in.Steps[i]), c.limit(i, c.in.Limits.Shutdown), now, last, func(vm RunVM) time.Duration {
				return c.takes(vm, PhaseReady) + c.takes(vm, PhaseShutdown)
			}, c.off)
		}
	}
	// The chain is told of the way up: a VM stands in it once.
	clear(c.because)
	last := ""
	for i := first; i < len(c.in.Steps); i++ {
		step := c.in.Steps[i]
		if len(step.VMs) == 0 {
			now += c.manual(step)
			continue
		}
		now, last = c.pool(step, c.limit(i, c.in.Limits.Start), now, last, func(vm RunVM) time.Duration {
			return c.takes(vm, PhaseMove) + c.takes(vm, PhaseStart) + c.gates(vm)
		}, c.up)
	}
	c.lastVM = last
	return now + c.reverse()
}

// gates is how long a VM's gates are expected to take, with its settling.
func (c *clockwork) gates(vm RunVM) time.Duration {
	if c.done(vm, PhaseGates) {
		return 0
	}
	return expected(vm, PhaseGates) + vm.Settle.D()
}

// reverse is the slowest reverse replication still to come: each VM's begins
// when its own gates are green, so only the last one's adds to the whole.
func (c *clockwork) reverse() time.Duration {
	var longest time.Duration
	if c.in.Operation != PlannedFailover || c.in.Reverse == ReverseOnCommit {
		return 0
	}
	for _, vm := range c.in.VMs() {
		longest = max(longest, c.takes(vm, PhaseReverse))
	}
	return longest
}

// mirrored is a stage on the way down: what starts first shuts down last.
func mirrored(step RunStep) RunStep {
	before := map[string][]string{}
	for _, vm := range step.VMs {
		for _, id := range vm.After {
			before[id] = append(before[id], vm.ID)
		}
	}
	step.VMs = slices.Clone(step.VMs)
	slices.Reverse(step.VMs)
	for i := range step.VMs {
		step.VMs[i].After = before[step.VMs[i].ID]
	}
	return step
}

func (c *clockwork) limit(step, standard int) int {
	limit := standard
	if p := c.in.Steps[step].Parallel; p > 0 && (limit <= 0 || p < limit) {
		limit = p
	}
	return max(1, limit)
}

// pool plays one stage through a number of places: a VM starts when a place is
// free and its predecessors are done.
func (c *clockwork) pool(step RunStep, places int, from time.Duration, after string, takes func(RunVM) time.Duration, ends map[string]time.Duration) (time.Duration, string) {
	free := make([]time.Duration, places)
	holder := make([]string, places)
	for i := range free {
		free[i], holder[i] = from, after
	}
	end, last := from, after
	for _, vm := range sortAfter(step.VMs) {
		place := 0
		for i := range free {
			if free[i] < free[place] {
				place = i
			}
		}
		start, why := free[place], holder[place]
		for _, id := range vm.After {
			if t, ok := ends[id]; ok && t > start {
				start, why = t, id
			}
		}
		done := start + takes(vm)
		ends[vm.ID], free[place], holder[place] = done, done, vm.ID
		if why != "" && why != vm.ID {
			c.because[vm.ID] = why
		}
		if done > end {
			end, last = done, vm.ID
		}
	}
	return end, last
}

func (c *clockwork) manual(s RunStep) time.Duration {
	if s.Manual == nil || c.stepDone(s) {
		return 0
	}
	return s.Manual.Takes.D()
}

// critical is the chain of labels that ends with the VM that is last.
func (c *clockwork) critical() []string {
	var chain []string
	for id := c.lastVM; id != "" && len(chain) <= len(c.labels); id = c.because[id] {
		chain = append(chain, c.labels[id])
	}
	slices.Reverse(chain)
	return chain
}

// longestAway is the longest time between a VM's shut-down and its being up.
func (c *clockwork) longestAway() time.Duration {
	var longest time.Duration
	for _, vm := range c.in.VMs() {
		if away := c.up[vm.ID] - c.off[vm.ID] + c.takes(vm, PhaseShutdown); away > longest {
			longest = away
		}
	}
	return longest
}

// Progress says when a run is expected to end if people answer at once, and
// which chain of VMs decides it. Times are real ones: Speed is taken out.
func Progress(s RunStatus, in RunInput, now time.Time) (eta time.Time, critical []string) {
	if !s.Ended.IsZero() {
		return s.Ended, nil
	}
	c := newClockwork(in, func(vm RunVM, phase Phase) bool { return phaseBehind(s, vm.ID, phase) })
	c.stepDone = func(step RunStep) bool { return stepBehind(s, step.Number) }
	left := c.run()
	speed := in.Speed
	if speed <= 0 {
		speed = 1
	}
	return now.Add(time.Duration(float64(left) / speed)), c.critical()
}

// phaseBehind is true when a VM has ended the phase, or takes no more part.
func phaseBehind(s RunStatus, id string, phase Phase) bool {
	for i := range s.VMs {
		if s.VMs[i].ID != id {
			continue
		}
		switch s.VMs[i].Verdict {
		case VerdictDone, VerdictSkipped, VerdictRefused, VerdictStopped:
			return true
		default:
		}
		for _, t := range s.VMs[i].Times {
			if t.Phase == phase && !t.Ended.IsZero() {
				return true
			}
		}
	}
	return false
}

func stepBehind(s RunStatus, number int) bool {
	for i := range s.StepList {
		if s.StepList[i].Number == number {
			return !s.StepList[i].Ended.IsZero()
		}
	}
	return false
}
