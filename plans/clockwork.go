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
	// left is how much a phase under way still needs where its host tells how far
	// it is, or past runs do; held how much longer test copies stay up for people.
	left func(RunVM, Phase) (time.Duration, bool)
	held time.Duration
}

func newClockwork(in RunInput, done func(RunVM, Phase) bool) *clockwork {
	c := &clockwork{in: in, done: done, off: map[string]time.Duration{}, up: map[string]time.Duration{}, because: map[string]string{}, labels: map[string]string{}}
	c.stepDone = func(RunStep) bool { return false }
	c.left = func(RunVM, Phase) (time.Duration, bool) { return 0, false }
	c.held = in.Hold.D()
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
	if left, known := c.left(vm, phase); known {
		return left
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
	if down, ok := downPhase(c.in.Operation); ok {
		last := ""
		for _, i := range slices.Backward(stages) {
			now, last = c.pool(mirrored(c.in.Steps[i]), c.limit(i, c.in.Limits.Shutdown), now, last, func(vm RunVM) time.Duration {
				return c.takes(vm, PhaseReady) + c.takes(vm, down)
			}, c.off)
		}
	}
	// The chain is told of the way up: a VM stands in it once.
	clear(c.because)
	last := ""
	if op := c.in.Operation; op == Reprotect || op == Protect || op == Unprotect {
		// No stage waits for another: what is sent goes over one line.
		now, c.lastVM = c.pool(RunStep{VMs: c.in.VMs()}, max(1, c.in.Limits.Move), now, last, c.upward, c.up)
		return now
	}
	for i := first; i < len(c.in.Steps); i++ {
		step := c.in.Steps[i]
		if len(step.VMs) == 0 {
			now += c.manual(step)
			continue
		}
		now, last = c.pool(step, c.limit(i, c.in.Limits.Start), now, last, func(vm RunVM) time.Duration {
			return c.upward(vm)
		}, c.up)
	}
	c.lastVM = last
	return now + c.reverse() + c.takenDown()
}

// downPhase is the phase that goes through the stages backwards before anything
// starts at the target.
func downPhase(op Operation) (Phase, bool) {
	switch op {
	case PlannedFailover:
		return PhaseShutdown, true
	case UnplannedFailover:
		return PhaseFence, true
	case TestFailover, Cancel, Commit, Reprotect, Fence, Protect, Unprotect:
	}
	return "", false
}

// upward is how long a VM takes on the way forward through the stages: all its
// phases but those of the way down, and but the reverse, which goes on beside
// the next stages, and the clean-up, which is for all in the end.
func (c *clockwork) upward(vm RunVM) time.Duration {
	var sum time.Duration
	down, _ := downPhase(c.in.Operation)
	for _, phase := range Phases(c.in.Operation, c.in.Reverse) {
		switch {
		case phase == PhaseGates:
			sum += c.gates(vm)
		case phase == PhaseReady, phase == down, phase == PhaseCleanUp, phase == PhaseReverse && c.in.Operation == PlannedFailover:
		default:
			sum += c.takes(vm, phase)
		}
	}
	return sum
}

// gates is how long a VM's gates are expected to take, with its settling.
func (c *clockwork) gates(vm RunVM) time.Duration {
	if c.done(vm, PhaseGates) {
		return 0
	}
	if left, known := c.left(vm, PhaseGates); known {
		return left
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

// takenDown is how long test copies stay up for people and their removal takes,
// which all do at once.
func (c *clockwork) takenDown() time.Duration {
	if c.in.Operation != TestFailover {
		return 0
	}
	var longest time.Duration
	for _, vm := range c.in.VMs() {
		longest = max(longest, c.takes(vm, PhaseCleanUp))
	}
	return c.held + longest
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
	if slices.ContainsFunc(s.VMs, func(vm VMStatus) bool { return vm.Progress != nil && !vm.Progress.Begins.IsZero() }) {
		return time.Time{}, nil // a host waits for a moment by its own clock
	}
	c := newClockwork(in, func(vm RunVM, phase Phase) bool { return phaseBehind(s, vm.ID, phase) })
	c.stepDone = func(step RunStep) bool { return stepBehind(s, step.Number) }
	speed := speedOf(in)
	c.left = func(vm RunVM, phase Phase) (time.Duration, bool) {
		if left, known := syncLeft(s, vm.ID, phase, speed, now); known {
			return left, true
		}
		return stillTakes(s, vm, phase, speed, now)
	}
	c.held = holdLeft(s, in, speed, now)
	left := c.run()
	return now.Add(time.Duration(float64(left) / speed)), c.critical()
}

// syncLeft is how long what is being sent still takes, at the pace so far, in the
// hosts' time; known is false when the host does not tell how far it is.
func syncLeft(s RunStatus, id string, phase Phase, speed float64, now time.Time) (left time.Duration, known bool) {
	i := slices.IndexFunc(s.VMs, func(vm VMStatus) bool { return vm.ID == id })
	if phase != PhaseSync || i < 0 || s.VMs[i].Progress == nil || s.VMs[i].Progress.Percent <= 0 {
		return 0, false
	}
	percent := float64(s.VMs[i].Progress.Percent)
	for _, t := range s.VMs[i].Times {
		if t.Phase == PhaseSync {
			so := float64(now.Sub(t.Started)) * speed
			return time.Duration(max(0, so*(100-percent)/percent)), true
		}
	}
	return 0, false
}

// holdLeft is how much longer test copies stay up for people: the whole hold
// before they are up, nothing once they are being removed.
func holdLeft(s RunStatus, in RunInput, speed float64, now time.Time) time.Duration {
	for _, q := range s.Waiting {
		if slices.Contains(q.Choices, ChoiceEnd) && !q.Due.IsZero() {
			return max(0, time.Duration(float64(q.Due.Sub(now))*speed))
		}
	}
	for i := range s.VMs {
		if s.VMs[i].Phase == PhaseCleanUp {
			return 0
		}
	}
	return in.Hold.D()
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
