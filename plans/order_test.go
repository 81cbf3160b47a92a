package plans

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// randomStage makes a stage whose after: points to earlier VMs only, shuffled.
func randomStage(r *rand.Rand, n int) []RunVM {
	vms := make([]RunVM, n)
	for i := range vms {
		vms[i] = RunVM{ID: fmt.Sprint("vm", i), Label: fmt.Sprint("vm", i)}
		for i > 0 && r.IntN(3) == 0 && len(vms[i].After) < 3 {
			vms[i].After = append(vms[i].After, fmt.Sprint("vm", max(0, i-1-r.IntN(4))))
		}
		if r.IntN(10) == 0 {
			vms[i].After = append(vms[i].After, "of an earlier stage")
		}
	}
	r.Shuffle(n, func(i, j int) { vms[i], vms[j] = vms[j], vms[i] })
	return vms
}

func TestPartsKeepOrderAndEveryVM(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	split := 0
	for range 300 {
		vms := randomStage(r, 1+r.IntN(400))
		parts := Parts(vms)
		if len(parts) > 1 {
			split++
		}
		seen := map[string]bool{}
		for p, part := range parts {
			here := map[string]bool{}
			for _, vm := range part {
				here[vm.ID] = true
			}
			placed := map[string]bool{}
			for _, vm := range part {
				if seen[vm.ID] {
					t.Fatalf("seed %d: %s is in two places", seed, vm.ID)
				}
				seen[vm.ID], placed[vm.ID] = true, true
				for _, id := range vm.After {
					if id != "of an earlier stage" && (!here[id] || !placed[id]) {
						t.Fatalf("seed %d: %s stands in part %d without %s before it", seed, vm.ID, p, id)
					}
				}
			}
			if len(part) > maxStage && len(knots(part)) > 1 {
				t.Fatalf("seed %d: part %d holds %d VMs that are not all tied together", seed, p, len(part))
			}
		}
		if len(seen) != len(vms) {
			t.Fatalf("seed %d: %d of %d VMs are in parts", seed, len(seen), len(vms))
		}
	}
	if split == 0 {
		t.Error("no stage was split: the test shows nothing")
	}
}

func TestASmallStageKeepsTheOrderOfTheFile(t *testing.T) {
	vms := []RunVM{{ID: "c", After: []string{"a"}}, {ID: "b"}, {ID: "a"}}
	var got []string
	for _, vm := range Parts(vms)[0] {
		got = append(got, vm.ID)
	}
	if want := []string{"a", "c", "b"}; !slices.Equal(got, want) {
		t.Errorf("the order is %v, want %v", got, want)
	}
	if got := Before(vms, "a"); !slices.Equal(got, []string{"c"}) {
		t.Errorf("before a may shut down, these must be off: %v", got)
	}
}

func TestBeforeIsTheMirrorOfAfter(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	vms := randomStage(rand.New(rand.NewPCG(seed, 3)), 120)
	for _, vm := range vms {
		for _, later := range Before(vms, vm.ID) {
			i := slices.IndexFunc(vms, func(o RunVM) bool { return o.ID == later })
			if !slices.Contains(vms[i].After, vm.ID) {
				t.Errorf("seed %d: %s waits for %s, which does not come after it", seed, vm.ID, later)
			}
		}
		for _, first := range vm.After {
			if first != "of an earlier stage" && !slices.Contains(Before(vms, first), vm.ID) {
				t.Errorf("seed %d: %s does not wait for %s", seed, first, vm.ID)
			}
		}
	}
}

func TestACycleThatSlippedThroughLosesNoVM(t *testing.T) {
	parts := Parts([]RunVM{{ID: "a", After: []string{"b"}}, {ID: "b", After: []string{"a"}}})
	if len(parts) != 1 || len(parts[0]) != 2 {
		t.Errorf("the parts are %v", parts)
	}
}
