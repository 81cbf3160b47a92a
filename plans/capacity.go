package plans

import (
	"fmt"
	"slices"
	"strings"
)

// Shed leaves out the VMs of policy if_capacity that a target host cannot
// hold, the last of the plan first. Memory counts as startup memory; what other
// VMs of the host use now is theirs.
func Shed(in RunInput, hosts []HostView, pairs []Pair) RunInput {
	if !in.Operation.Moves() && in.Operation != TestFailover {
		return in
	}
	names, needs := demand(in, pairs)
	for _, name := range names {
		need, before := needs[name], len(in.LeftOut)
		if in = shedByVolume(in, name, hosts, pairs); len(in.LeftOut) > before {
			_, now := demand(in, pairs)
			need = now[name]
		}
		free, known := freeAt(in, name, hosts)
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

// shedByVolume leaves out what may stay behind where the volume of the replicas is
// all but full: each VM that runs there writes beside its recovery points, and a
// full volume pauses all of them.
func shedByVolume(in RunInput, name string, hosts []HostView, pairs []Pair) RunInput {
	i := slices.IndexFunc(hosts, func(h HostView) bool { return h.Name == name })
	if i < 0 || !volumeFull(hosts[i]) {
		return in
	}
	for {
		vm, ok := lastSheddable(in, name, pairs)
		if !ok {
			return in
		}
		in = without(in, vm, "if_capacity: "+volumeWords(hosts[i])+"; what runs there writes beside its recovery points until commit")
	}
}

// volumeFull is true for a host that tells its volume and has hardly any room.
func volumeFull(h HostView) bool {
	return h.VolumeSize > 0 && h.VolumeFree <= h.VolumeSize/100*(100-volumeFullShare)
}

func volumeWords(h HostView) string {
	return fmt.Sprintf("the volume of the replicas at %s has %s left of %s", h.Name, gib(h.VolumeFree), gib(h.VolumeSize))
}

// TargetHosts are the hosts where a run wants its VMs, in the order of the plan.
func TargetHosts(in RunInput) []string {
	names, _ := demand(in, nil)
	return names
}

// demand is what the plan still needs on each of its target hosts, in bytes, and
// those hosts in the order of the plan. VMs that run there already need nothing
// more. A plan may have thousands of VMs on hundreds of hosts: this goes through
// them once.
func demand(in RunInput, pairs []Pair) (hosts []string, need map[string]uint64) {
	need = map[string]uint64{}
	found := byID(pairs)
	for i := range in.Steps {
		for j := range in.Steps[i].VMs {
			vm := &in.Steps[i].VMs[j]
			if _, ok := need[vm.TargetHost]; !ok {
				hosts, need[vm.TargetHost] = append(hosts, vm.TargetHost), 0
			}
			if p := found[vm.ID]; p == nil {
				need[vm.TargetHost] += uint64(vm.Memory)
			} else if !runs(p.Target) {
				need[vm.TargetHost] += memoryIn(vm, p)
			}
		}
	}
	return hosts, need
}

// freeAt is what a host has for the plan, in bytes.
func freeAt(in RunInput, host string, hosts []HostView) (free uint64, known bool) {
	i := slices.IndexFunc(hosts, func(h HostView) bool { return h.Name == host })
	if i < 0 || !hosts[i].Reached || hosts[i].MemoryBytes == 0 {
		return 0, false
	}
	taken := hosts[i].MemoryUsed + hosts[i].MemoryReserve
	for _, vm := range in.MakeRoom {
		if vm.Host == host {
			taken -= min(taken, uint64(vm.Memory))
		}
	}
	taken -= min(taken, lent(in, &hosts[i]))
	if taken >= hosts[i].MemoryBytes {
		return 0, true
	}
	return hosts[i].MemoryBytes - taken, true
}

// lent is the memory that test copies have of a host: drills give way before a real
// operation starts anything.
func lent(in RunInput, host *HostView) uint64 {
	if !in.Operation.Moves() {
		return 0
	}
	return host.MemoryTests
}

// memoryFor holds what a plan needs of a host's memory against what there is.
func memoryFor(in RunInput, host string, need uint64, hosts []HostView) []Finding {
	free, known := freeAt(in, host, hosts)
	if !known {
		return nil
	}
	i := slices.IndexFunc(hosts, func(h HostView) bool { return h.Name == host })
	tests := hosts[i].MemoryTests
	if need > free {
		return []Finding{memoryShort(in, host, need, free, tests)}
	}
	if lent := lent(in, &hosts[i]); lent > 0 && need > free-min(free, lent) {
		return []Finding{{Severity: Warning, Code: MemoryLent, Host: host, Text: fmt.Sprintf("the plan needs %s of memory, of which test copies have %s now", gib(need), gib(lent)),
			Means:  "drills there give way, and a VM is started once there is room",
			Remedy: "nothing for copies of Lifeboat's drills; one made by hand: Stop-VMFailover on its VM there"}}
	}
	return nil
}

// MemoryLent is the code of a finding: a host holds what a plan needs of it once
// drills have given way.
const MemoryLent = "memory-lent"

// memoryShort says that a host does not hold what a plan needs of it.
func memoryShort(in RunInput, host string, need, free, tests uint64) Finding {
	f := Finding{Severity: Blocker, Code: "memory-short", Host: host, Text: fmt.Sprintf("the plan needs %s of memory, the host has %s", gib(need), gib(free)),
		Means: "the last VMs would not start", Remedy: "shut low-priority VMs down there, or give VMs of the plan policy: if_capacity"}
	if tests > 0 && !in.Operation.Moves() {
		f.Remedy = fmt.Sprintf("end the drill whose test copies have %s there (lifeboat run list names it), or %s", gib(tests), f.Remedy)
	}
	return f
}

// byID finds pairs by their VM.
func byID(pairs []Pair) map[string]*Pair {
	out := make(map[string]*Pair, len(pairs))
	for i := range pairs {
		if _, twice := out[pairs[i].ID]; !twice {
			out[pairs[i].ID] = &pairs[i]
		}
	}
	return out
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
	return memoryIn(&vm, &p)
}

func memoryIn(vm *RunVM, p *Pair) uint64 {
	return max(p.Source.MemoryStartup, p.Target.MemoryStartup, uint64(vm.Memory))
}

// lastSheddable is the VM that stays behind next: of the lowest priority, and
// of equals the last of the plan.
func lastSheddable(in RunInput, host string, pairs []Pair) (RunVM, bool) {
	var least RunVM
	found := false
	for _, vm := range slices.Backward(in.VMs()) {
		if !vm.IfCapacity || vm.TargetHost != host || begun(vm.ID, pairs) {
			continue
		}
		if !found || vm.Priority < least.Priority {
			least, found = vm, true
		}
	}
	return least, found
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
	in.LeftOut = append(slices.Clone(in.LeftOut), LeftOut{VM: vm.Label, Why: why, Tenant: vm.Tenant})
	return in
}

func gib(b uint64) string {
	if b%(1<<30) == 0 {
		return fmt.Sprintf("%d GB", b>>30)
	}
	return fmt.Sprintf("%.1f GB", float64(b)/(1<<30))
}

// Narrow leaves out of a commit or a re-protection the VMs that were not failed
// over: they run where they did, and have nothing to take. Of a planned failover
// it leaves out a VM that stayed behind when its site was lost: it waits for an
// unplanned one.
func Narrow(in RunInput, pairs []Pair) RunInput {
	for _, vm := range in.VMs() {
		if p, ok := pairOf(vm.ID, pairs); ok {
			if why := takesNoPart(in, vm, p); why != "" {
				in = without(in, vm, why)
			}
		}
	}
	return in
}

func takesNoPart(in RunInput, vm RunVM, p Pair) string {
	source, target := Classify(p.Source), Classify(p.Target)
	if in.Operation == PlannedFailover {
		if vm.IfCapacity && target == Missing && familyOf(source) == famReplica && source != RFailingOver {
			return fmt.Sprintf("it stayed behind: %s holds its replica, the only copy; lifeboat failover %s --unplanned --only %s brings it up", p.Source.Host, ShellWord(in.Plan), ShellWord(vm.Label))
		}
		return ""
	}
	if in.Operation != Commit && in.Operation != Reprotect || familyOf(target) != famReplica || target == RFailingOver {
		return ""
	}
	switch {
	case familyOf(source) == famPrimary:
		return fmt.Sprintf("not failed over: it belongs to %s, and %s holds its replica", p.Source.Host, p.Target.Host)
	case source == Missing && in.Replace != "":
		return fmt.Sprintf("not failed over: %s holds its replica, the only copy; fail it over first, then replace the host again", p.Target.Host)
	case in.Operation == Commit, in.Chain == ChainKeep && !p.Source.Reached:
		return fmt.Sprintf("not failed over: %s holds its replica", p.Target.Host)
	}
	return ""
}

// MakeRoom notes which VMs that live at the target a person agreed to shut
// down, by name or GUID.
func MakeRoom(in RunInput, names []string, hosts []HostView) (RunInput, error) {
	for _, name := range names {
		var fit []ResidentVM
		for _, h := range hosts {
			if !slices.Contains(TargetHosts(in), h.Name) {
				continue
			}
			for _, vm := range h.Residents {
				if vm.Label == name || strings.EqualFold(vm.ID, name) {
					fit = append(fit, vm)
				}
			}
		}
		if len(fit) != 1 {
			return in, fmt.Errorf("--stop-resident %q: %d VMs that run at %s outside of replication are called that", name, len(fit), in.To)
		}
		in.MakeRoom = append(slices.Clone(in.MakeRoom), fit[0])
	}
	return in, nil
}
