package plans

// SettledVM is a VM for which an unplanned failover has nothing left to do.
type SettledVM struct {
	ID string `json:"id"`
	VM string `json:"vm"` // label
	// Host is where it runs: its good copy.
	Host string `json:"host"`
	// Unseen is true where its old copy cannot be seen: only the watch on the lost
	// site keeps that one from running.
	Unseen bool `json:"unseen,omitempty"`
	// After is the last operation that its hosts show: unplanned-failover while its
	// recovery points are kept, commit, or reprotect once it replicates back.
	After Operation `json:"after"`
	// Elsewhere is true for one whose replica is at the third site that was kept.
	Elsewhere bool `json:"elsewhere,omitempty"`
}

// Settled are the VMs of an unplanned failover that has nothing left to do, by what
// the hosts show; nil where it has. Whose failover it was does not count: users have
// the copy that runs.
func Settled(in RunInput, pairs []Pair) []SettledVM {
	if in.Operation != UnplannedFailover || in.LoseWrites || in.Point != AskLatest || len(in.MakeRoom) > 0 {
		return nil // another point, or room, is something to do
	}
	var all []SettledVM
	for _, vm := range in.VMs() {
		p, ok := pairOf(vm.ID, pairs)
		intent := in.Intent(vm)
		intent.Ours = true
		d := Next(intent, p.Source, p.Target)
		if !ok || d.Kind != Done || d.Good != Target {
			return nil
		}
		all = append(all, SettledVM{ID: vm.ID, VM: vm.Label, Host: vm.TargetHost, Unseen: !p.Source.Reached, After: lastShown(p), Elsewhere: d.Elsewhere})
	}
	return all
}

// lastShown is the last operation of a VM that runs at the target.
func lastShown(p Pair) Operation {
	source, target := Classify(p.Source), Classify(p.Target)
	switch {
	case familyOf(target) == famPrimary && familyOf(source) == famReplica && source != RWaits:
		return Reprotect
	case noWayBack(p.Target):
		return Commit
	}
	return UnplannedFailover
}
