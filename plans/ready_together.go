package plans

import (
	"fmt"
	"slices"
	"strings"
)

// taking is the memory that one VM would take of a target, in bytes.
type taking struct {
	id, host string
	bytes    uint64
}

// take keeps what the plan's VMs would take where they do not run yet.
func (r *ready) take() {
	r.out.free = map[string]uint64{}
	found := byID(r.look.Pairs)
	for _, vm := range r.in.VMs() {
		p := found[vm.ID]
		if p == nil {
			p = &Pair{}
		}
		if !runs(p.Target) {
			r.out.takes = append(r.out.takes, taking{vm.ID, vm.TargetHost, memoryIn(&vm, p)})
		}
		if _, asked := r.out.free[vm.TargetHost]; asked {
			continue
		}
		if free, known := freeAt(r.in, vm.TargetHost, r.look.Views); known {
			r.out.free[vm.TargetHost] = free
		}
	}
}

// TogetherReady adds what no plan sees by itself: a site is lost with all that it
// has, and then every plan of it wants its VMs at the same hosts.
func TogetherReady(all []ReadyReport) {
	sites := map[string][]*ReadyReport{}
	for i := range all {
		sites[all[i].From] = append(sites[all[i].From], &all[i])
	}
	for _, reports := range sites {
		if len(reports) > 1 {
			crowd(reports)
		}
	}
}

// crowd looks at each host that plans of one lost site share. A VM that stands in
// several plans starts once.
func crowd(reports []*ReadyReport) {
	need, seen := map[string]uint64{}, map[string]bool{}
	plansAt := map[string][]string{}
	for _, r := range reports {
		for _, t := range r.takes {
			if !slices.Contains(plansAt[t.host], r.Plan) {
				plansAt[t.host] = append(plansAt[t.host], r.Plan)
			}
			if !seen[t.id] {
				seen[t.id] = true
				need[t.host] += t.bytes
			}
		}
	}
	for _, r := range reports {
		for _, host := range sortedKeys(r.free) {
			others := slices.DeleteFunc(slices.Clone(plansAt[host]), func(p string) bool { return p == r.Plan })
			if len(others) == 0 || len(others) == len(plansAt[host]) || need[host] <= r.free[host] {
				continue
			}
			slices.Sort(others)
			r.Findings = append(r.Findings, Finding{Severity: Warning, Code: "memory-shared", Host: host,
				Text:  fmt.Sprintf("together with %s it needs %s of memory there, the host has %s", strings.Join(others, ", "), gib(need[host]), gib(r.free[host])),
				Means: "the plan that comes last does not start whole", Remedy: "start the plan that matters most first; give VMs policy: if_capacity, or the host more memory"})
		}
		SortFindings(r.Findings)
	}
}
