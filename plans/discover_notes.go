package plans

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// told says of each host what stands there, for people.
func (d *discoverer) told() []string {
	var out []string
	for _, h := range d.hosts {
		count := map[string]int{}
		for _, c := range h.CopiesFound {
			count[c.Mode]++
		}
		text := fmt.Sprintf("%s: %s, VMs of its own %d, of which replicate %d; replicas of others %d", h.Host.Name, orWord(h.OS, "Windows"),
			count["None"]+count["Primary"], count["Primary"], count["Replica"]+count["ExtendedReplica"])
		if !h.CertificateEnds.IsZero() {
			text += "; certificate until " + h.CertificateEnds.UTC().Format(time.DateOnly)
		}
		out = append(out, text)
	}
	return out
}

// worries are what will matter on the day and shows already: memory for the
// replicas, and certificates.
func (d *discoverer) worries() {
	for _, h := range d.hosts {
		var need, used uint64
		n := 0
		for _, c := range h.CopiesFound {
			switch {
			case c.Mode == "Replica":
				need, n = need+c.Memory, n+1
			case isRunning(c.Power):
				used += c.Memory
			}
		}
		if h.Memory > 0 && need+used > h.Memory {
			d.note("%s has %s of memory and its own VMs use %s; the replicas there (%d) need %s: not all can run at once. In the plan, give those that can wait policy: if_capacity",
				h.Host.Name, gib(h.Memory), gib(used), n, gib(need))
		}
		if h.CertificateEnds.IsZero() {
			continue
		}
		if f := endOfCertificate("its replication certificate", h.CertificateEnds, h.Clock); f != nil {
			d.note("%s: %s; %s. See lifeboat cert status", h.Host.Name, f.Text, f.Means)
		}
	}
}

// writeDraft writes a plan to begin with, as comments: the order in which VMs must
// start no host can tell.
func (d *discoverer) writeDraft(w *yamlWriter) {
	w.line(0, "")
	if len(d.cfg.Groups) == 0 {
		w.ask(0, "Recovery plans (order, gates, people) are yours to write: docs/configuration.md")
		return
	}
	from, to := d.siteOf(d.cfg.Groups[0].From), d.siteOf(d.cfg.Groups[0].To)
	w.ask(0, "A recovery plan to begin with. Take the first # of these lines away, put the VMs")
	w.ask(0, "into stages in the order in which they must start, and say with gates: how it is")
	w.ask(0, "known that they are up: docs/configuration.md")
	draft := &yamlWriter{}
	draft.line(0, "plans:")
	draft.line(2, "- name: %s", yamlWord(from+"-loss"))
	draft.line(4, "from: %s", yamlWord(from))
	draft.line(4, "to: %s", yamlWord(to))
	draft.line(4, "steps:")
	draft.line(6, "- stage: all")
	draft.line(8, "vms:")
	for _, g := range d.cfg.Groups {
		if d.siteOf(g.From) != from || d.siteOf(g.To) != to {
			continue
		}
		for _, vm := range g.VMs {
			if d.named(vm.Name) > 1 {
				draft.line(10, "- {vm: %s}", vm.ID)
				continue
			}
			draft.line(10, "- {vm: %s}", yamlWord(vm.Name))
		}
	}
	for _, line := range strings.Split(strings.TrimSuffix(draft.String(), "\n"), "\n") {
		w.line(0, "#%s", line)
	}
}

// named counts the VMs that bear a name: of two the GUID tells them apart.
func (d *discoverer) named(name string) int {
	n := 0
	for _, g := range d.cfg.Groups {
		n += len(slices.DeleteFunc(slices.Clone(g.VMs), func(vm ProtectedVM) bool { return !strings.EqualFold(vm.Name, name) }))
	}
	return n
}
