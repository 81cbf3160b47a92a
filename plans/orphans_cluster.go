package plans

import (
	"fmt"
	"slices"
	"strings"
)

// roles is for the groups that a node owns and that are not wholly online. Absence of
// the VM counts only where every node of the cluster is a host of the configuration
// that was read and told of the same cluster: the VM may be on any of them. A VM is
// also on no host while the cluster keeps its configuration offline, or has lost the
// volume where it lies: then nothing has failed, or its store cannot be read, or holds
// its configuration still. A copy on a host outside the cluster is another copy, for
// which this group is not.
//
// Microsoft: Get-ClusterGroup, Remove-ClusterGroup; failover cluster APIs, resource
// types "Virtual Machine" and "Virtual Machine Configuration".
func (h *orphanHunt) roles(host *HostReading) {
	if host.Cluster == nil {
		for _, p := range host.Problems {
			if strings.HasPrefix(p, "Get-ClusterGroup:") {
				h.leave(host, OrphanRole, "", host.Host, "it did not tell of its cluster: "+p)
			}
		}
		return
	}
	for _, g := range host.Cluster.Groups {
		copies := h.all[strings.ToLower(g.VM)]
		at := among(copies, host)
		if g.VM == "" || at == host && len(g.Failed) == 0 {
			continue // it has its VM, or is for its owner to tell
		}
		if why := h.wanted(host.Cluster, g, at); why != "" {
			h.leave(host, OrphanRole, g.VM, g.Name, why)
			continue
		}
		f := Orphan{Kind: OrphanRole, VM: g.VM, Name: g.Name, Group: g.ID, OnlyCopy: len(copies) == 0, Verb: VerbRemoveRole}
		f.Evidence = []string{
			fmt.Sprintf("cluster %s has a group for it: %s, owned by %s; failed: %s", host.Cluster.Name, g.State, g.Owner, strings.Join(g.Failed, ", ")),
			fmt.Sprintf("none of its nodes (%s) has a VM of this id, and %s holds no configuration of it", strings.Join(host.Cluster.Nodes, ", "), g.Store),
		}
		f.Evidence = append(append(f.Evidence, saying(copies)...), h.filesOf(g.VM)...)
		f.Risk = "It stays failed and hides what else has. Removing it takes the VM's place in the cluster, and no disk or file."
		f.Undo = "none; Add-ClusterVirtualMachineRole makes it again where the VM is back"
		f.Commands = []string{fmt.Sprintf("%s> Remove-ClusterGroup -VMId %s -RemoveResources", host.Host, g.VM)}
		if f.OnlyCopy {
			f.Evidence, f.Word = append(f.Evidence, "no host has a VM of this id"), WordOnlyCopy
		}
		h.add(host, f, needs{everyHost: true})
	}
}

// among is the node of a host's cluster that has one of the copies, the host itself
// first; nil for none.
func among(copies []orphanCopy, host *HostReading) (at *HostReading) {
	for _, c := range copies {
		if c.host == host || at == nil && c.host.Cluster != nil && strings.EqualFold(c.host.Cluster.Name, host.Cluster.Name) {
			at = c.host
		}
	}
	return at
}

// wanted says why a group may still be wanted.
func (h *orphanHunt) wanted(cluster *OrphanCluster, g OrphanGroup, at *HostReading) string {
	if at != nil {
		return "its VM is at " + at.Host
	}
	for _, node := range cluster.Nodes {
		if n := h.called(node); n != nil && n.Read && (n.Cluster == nil || !strings.EqualFold(n.Cluster.Name, cluster.Name)) {
			return "node " + node + " did not tell of " + cluster.Name + ": the VM may be there"
		}
	}
	switch {
	case len(g.Failed) == 0:
		return "it is " + g.State + " and nothing of it has failed: its VM may be kept offline"
	case g.Files < 0:
		return orWord(g.Store, "its store") + " cannot be read: its volume may be away"
	case g.Files > 0:
		return "a configuration of the VM is in " + g.Store
	case len(g.Others) > 0:
		return "it holds what is not the VM's: " + strings.Join(g.Others, ", ")
	}
	return ""
}

// nodeBeyond is a node of a cluster that is no host of the configuration: any VM of
// the cluster may be there.
func (h *orphanHunt) nodeBeyond() string {
	var beyond []string
	for _, host := range h.Hosts {
		if host.Cluster == nil {
			continue
		}
		for _, node := range host.Cluster.Nodes {
			if h.called(node) == nil {
				beyond = append(beyond, "node "+node+" of "+host.Cluster.Name)
			}
		}
	}
	if len(beyond) == 0 {
		return ""
	}
	return slices.Min(beyond)
}

// parked says which cluster may bring a VM back that no host shows: it has a group for
// it which is not remains. What else looks left behind of such a VM is not.
func (h *orphanHunt) parked(vm string) string {
	for i := range h.Hosts {
		cluster := h.Hosts[i].Cluster
		if cluster == nil || vm == "" {
			continue
		}
		for _, g := range cluster.Groups {
			if strings.EqualFold(g.VM, vm) && among(h.all[strings.ToLower(vm)], &h.Hosts[i]) == nil && (len(g.Failed) == 0 || g.Files != 0) {
				return fmt.Sprintf("cluster %s has a role for it (%s), and may bring the VM back", cluster.Name, g.State)
			}
		}
	}
	return ""
}

// filesOf says where files of a VM are, which stay.
func (h *orphanHunt) filesOf(vm string) (out []string) {
	for _, host := range h.Hosts {
		for _, folder := range host.Folders {
			if strings.EqualFold(folder.GUID, vm) {
				out = append(out, fmt.Sprintf("its files stay: %s at %s", folder.Path, host.Host))
			}
		}
	}
	slices.Sort(out)
	return out
}
