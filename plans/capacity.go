package plans

import (
	"fmt"
	"slices"
)

// Shed leaves out the VMs of policy if_capacity that a target host cannot
// hold, the last of the plan first. Memory counts as startup memory; what other
// VMs of the host use now is theirs.
func Shed(in RunInput, hosts []HostView, pairs []Pair) RunInput {
	if in.Operation != PlannedFailover {
		return in
	}
	for _, name := range targetHosts(in) {
		need, free, known := capacity(in, name, hosts, pairs)
		for known && need > free {
			vm, ok := lastSheddable(in, name, pairs)
			if !ok {
				break
			}
			size := memoryOf(vm, pairs)
			in = without(in, vm, fmt.Sprintf("if_capacity: %s needs %s for this plan and has %s; without this VM (%s) it needs %s",
				name, gib(need), gib(free), gib(size), gib(need-size)))
			need -= size
		}
	}
	return in
}

func targetHosts(in RunInput) []string {
	var names []string
	for _, vm := range in.VMs() {
		if !slices.Contains(names, vm.TargetHost) {
			names = append(names, vm.TargetHost)
		}
	}
	return names
}

// capacity is what the plan still needs on a host and what the host has for
// it, in bytes. VMs that run there already need nothing more.
func capacity(in RunInput, host string, hosts []HostView, pairs []Pair) (need, free uint64, known bool) {
	i := slices.IndexFunc(hosts, func(h HostView) bool { return h.Name == host })
	if i < 0 || !hosts[i].Reached || hosts[i].MemoryBytes == 0 {
		return 0, 0, false
	}
	for _, vm := range in.VMs() {
		if vm.TargetHost == host && !runsAtTarget(vm.ID, pairs) {
			need += memoryOf(vm, pairs)
		}
	}
	taken := hosts[i].MemoryUsed + hosts[i].MemoryReserve
	if taken >= hosts[i].MemoryBytes {
		return need, 0, true
	}
	return need, hosts[i].MemoryBytes - taken, true
}

func runsAtTarget(id string, pairs []Pair) bool {
	p, ok := pairOf(id, pairs)
	return ok && runs(p.Target)
}

func pairOf(id string, pairs []Pair) (Pair, bool) {
	for i := range pairs {
		if pairs[i].ID == id {
			return pairs[i], true
		}
	}
	return Pair{}, false
}

// memoryOf is what a VM needs to start: what its hosts say, else the
// configuration.
func memoryOf(vm RunVM, pairs []Pair) uint64 {
	p, _ := pairOf(vm.ID, pairs)
	return max(p.Source.MemoryStartup, p.Target.MemoryStartup, uint64(vm.Memory))
}

func lastSheddable(in RunInput, host string, pairs []Pair) (RunVM, bool) {
	all := in.VMs()
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].IfCapacity && all[i].TargetHost == host && !begun(all[i].ID, pairs) {
			return all[i], true
		}
	}
	return RunVM{}, false
}

// begun is true for a VM whose move was started before: it is finished, not
// shed.
func begun(id string, pairs []Pair) bool {
	p, ok := pairOf(id, pairs)
	if !ok {
		return false
	}
	switch Classify(p.Source) {
	case PPrepared, RReplicating, RWaits:
		return true
	}
	return runs(p.Target)
}

// without takes a VM out of a run's steps; the input itself is not changed.
func without(in RunInput, vm RunVM, why string) RunInput {
	steps := slices.Clone(in.Steps)
	for i := range steps {
		steps[i].VMs = slices.DeleteFunc(slices.Clone(steps[i].VMs), func(v RunVM) bool { return v.ID == vm.ID })
	}
	steps = slices.DeleteFunc(steps, func(s RunStep) bool { return len(s.VMs) == 0 && s.Manual == nil && s.Notice == nil })
	for i := range steps {
		steps[i].Number = i + 1
	}
	in.Steps = steps
	in.LeftOut = append(slices.Clone(in.LeftOut), LeftOut{VM: vm.Label, Why: why})
	return in
}

func gib(b uint64) string {
	if b%(1<<30) == 0 {
		return fmt.Sprintf("%d GB", b>>30)
	}
	return fmt.Sprintf("%.1f GB", float64(b)/(1<<30))
}
