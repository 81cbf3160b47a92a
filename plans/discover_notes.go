package plans

import (
	"fmt"
	"slices"
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
		d.short(h)
		if h.CertificateEnds.IsZero() {
			continue
		}
		if f := endOfCertificate("its replication certificate", h.CertificateEnds, h.Clock); f != nil {
			d.note("%s: %s; %s. See lifeboat cert status", h.Host.Name, f.Text, f.Means)
		}
	}
}

// short notes a host that cannot hold all that replicates to it. What may wait does
// not count.
func (d *discoverer) short(h FoundHost) {
	var need, used uint64
	var vms []FoundVM
	for _, c := range h.CopiesFound {
		switch {
		case c.Mode == "Replica" && !slices.Contains(d.chosen.Waiting, c.ID):
			need, vms = need+c.Memory, append(vms, FoundVM{c.ID, c.Name, c.Memory})
		case isRunning(c.Power):
			used += c.Memory
		}
	}
	if h.Memory == 0 || need+used <= h.Memory {
		return
	}
	text := fmt.Sprintf("%s has %s of memory and its own VMs use %s; the replicas there (%d) need %s: not all can run at once",
		h.Host.Name, gib(h.Memory), gib(used), len(vms), gib(need))
	note := text + ". In the plan, give those that can wait policy: if_capacity"
	d.note("%s", note)
	d.doubts = append(d.doubts, Doubt{Note: note, Text: text, Host: h.Host.Name, Room: h.Memory - min(h.Memory, used), Need: need, VMs: vms})
}
