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

// Parts splits a stage into parts that are released together. VMs that after:
// ties to one another stand in one part, so that the part alone can keep their
// order. A part holds at most 100 VMs: validation refuses a larger knot.
func Parts(vms []RunVM) [][]RunVM {
	var parts [][]RunVM
	var part []RunVM
	for _, knot := range knots(sortAfter(vms)) {
		if len(part) > 0 && len(part)+len(knot) > maxStage {
			parts, part = append(parts, part), nil
		}
		part = append(part, knot...)
	}
	return append(parts, part)
}

// knots groups VMs that after: ties to one another, directly or through others,
// in the order of each group's first VM.
func knots(vms []RunVM) [][]RunVM {
	at := make(map[string]int, len(vms))
	root := make([]int, len(vms))
	for i := range vms {
		at[vms[i].ID], root[i] = i, i
	}
	find := func(i int) int {
		for root[i] != i {
			root[i] = root[root[i]]
			i = root[i]
		}
		return i
	}
	for i := range vms {
		for _, id := range vms[i].After {
			if j, ok := at[id]; ok {
				a, b := find(i), find(j)
				root[max(a, b)] = min(a, b)
			}
		}
	}
	var out [][]RunVM
	number := map[int]int{}
	for i := range vms {
		k, ok := number[find(i)]
		if !ok {
			k = len(out)
			number[find(i)] = k
			out = append(out, nil)
		}
		out[k] = append(out[k], vms[i])
	}
	return out
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
