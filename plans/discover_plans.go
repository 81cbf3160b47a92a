package plans

import (
	"fmt"
	"slices"
	"strings"
)

// ways are the pairs of sites between which VMs replicate, those of the primary site
// first.
func (d *discoverer) ways() []Way {
	var all []Way
	for _, g := range d.cfg.Groups {
		from, to := d.siteOf(g.From), d.siteOf(g.To)
		i := slices.IndexFunc(all, func(w Way) bool { return w.From == from && w.To == to })
		if i < 0 {
			all, i = append(all, Way{From: from, To: to}), len(all)
		}
		for _, vm := range g.VMs {
			all[i].VMs = append(all[i].VMs, FoundVM{vm.ID, vm.Name, uint64(vm.Memory)})
		}
	}
	order := func(w Way) int { return slices.IndexFunc(d.cfg.Sites, func(s Site) bool { return s.Name == w.From }) }
	slices.SortStableFunc(all, func(a, b Way) int { return order(a) - order(b) })
	return all
}

// PlanName is what a plan for the loss of a site is called where nobody says
// otherwise.
func (w Way) PlanName() string { return w.From + "-loss" }

// writePlans writes the plans that people drafted; without one it writes a plan to
// begin with, as comments: the order in which VMs must start no host can tell.
func (d *discoverer) writePlans(w *yamlWriter) {
	w.line(0, "")
	if len(d.chosen.Plans) > 0 {
		w.ask(0, "Drafts: they say who starts when, not how it is known that a VM is up (gates:), nor")
		w.ask(0, "who decides and who is told (manual:, notice:): docs/configuration.md")
		w.line(0, "plans:")
		for _, p := range d.chosen.Plans {
			d.writePlan(w, p)
		}
		return
	}
	ways := slices.DeleteFunc(d.ways(), func(w Way) bool { return w.From == d.chosen.Engine })
	if len(ways) == 0 {
		w.ask(0, "Recovery plans (order, gates, people) are yours to write: docs/configuration.md")
		return
	}
	w.ask(0, "A recovery plan to begin with. Take the first # of these lines away, put the VMs")
	w.ask(0, "into stages in the order in which they must start, and say with gates: how it is")
	w.ask(0, "known that they are up: docs/configuration.md")
	text := &yamlWriter{}
	text.line(0, "plans:")
	d.writePlan(text, Draft{Name: ways[0].PlanName(), From: ways[0].From, To: ways[0].To, Stages: [][]string{idsOf(ways[0].VMs)}})
	for _, line := range strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n") {
		w.line(0, "#%s", line)
	}
}

func idsOf(vms []FoundVM) []string {
	ids := make([]string, len(vms))
	for i, vm := range vms {
		ids[i] = vm.ID
	}
	return ids
}

func (d *discoverer) writePlan(w *yamlWriter, p Draft) {
	w.line(2, "- name: %s", yamlWord(p.Name))
	w.line(4, "from: %s", yamlWord(p.From))
	w.line(4, "to: %s", yamlWord(p.To))
	w.line(4, "steps:")
	for i, ids := range p.Stages {
		w.line(6, "- stage: %s", stageName(i, len(p.Stages)))
		w.line(8, "vms:")
		for _, id := range ids {
			policy := ""
			if slices.Contains(d.chosen.Waiting, id) {
				policy = ", policy: " + string(PolicyIfCapacity)
			}
			w.line(10, "- {vm: %s%s}", yamlWord(d.vmWord(id)), policy)
		}
	}
}

func stageName(i, of int) string {
	if of == 1 {
		return "all"
	}
	return fmt.Sprintf("start-%d", i+1)
}

// vmWord is what a plan calls a VM: its name, or its GUID where names repeat.
func (d *discoverer) vmWord(id string) string {
	word, same := id, map[string]int{}
	for _, g := range d.cfg.Groups {
		for _, vm := range g.VMs {
			same[strings.ToLower(vm.Name)]++
			if vm.ID == id {
				word = vm.Name
			}
		}
	}
	if same[strings.ToLower(word)] > 1 {
		return id
	}
	return word
}
