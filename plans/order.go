package plans

// maxStage is how many VMs one stage's workflow holds: more are split, so that
// no history comes near the server's limit.
const maxStage = 100

// Stages are the numbers (indexes into Steps) of the steps that hold VMs, in
// starting order.
func (in RunInput) Stages() []int {
	var stages []int
	for i := range in.Steps {
		if len(in.Steps[i].VMs) > 0 {
			stages = append(stages, i)
		}
	}
	return stages
}

// VMs are all VMs of a run in starting order.
func (in RunInput) VMs() []RunVM {
	var all []RunVM
	for i := range in.Steps {
		all = append(all, in.Steps[i].VMs...)
	}
	return all
}

// Parts splits a stage into parts of at most 100 VMs. A VM's predecessors of
// the same stage stand in the same part or an earlier one.
func Parts(vms []RunVM) [][]RunVM {
	ordered := sortAfter(vms)
	var parts [][]RunVM
	for len(ordered) > maxStage {
		parts = append(parts, ordered[:maxStage])
		ordered = ordered[maxStage:]
	}
	return append(parts, ordered)
}

// sortAfter orders VMs so that each stands behind those of its After that are
// in the list; otherwise the list's order is kept. Validation has refused
// cycles; should one come all the same, its members keep their order.
func sortAfter(vms []RunVM) []RunVM {
	at := make(map[string]int, len(vms))
	for i := range vms {
		at[vms[i].ID] = i
	}
	out := make([]RunVM, 0, len(vms))
	placed := make([]bool, len(vms))
	visiting := make([]bool, len(vms))
	var place func(i int)
	place = func(i int) {
		if placed[i] || visiting[i] {
			return
		}
		visiting[i] = true
		for _, id := range vms[i].After {
			if j, ok := at[id]; ok {
				place(j)
			}
		}
		placed[i] = true
		out = append(out, vms[i])
	}
	for i := range vms {
		place(i)
	}
	return out
}

// Before are the VMs of a list that must be off before this one may shut down:
// those that come after it.
func Before(vms []RunVM, id string) []string {
	var later []string
	for i := range vms {
		for _, a := range vms[i].After {
			if a == id {
				later = append(later, vms[i].ID)
			}
		}
	}
	return later
}
