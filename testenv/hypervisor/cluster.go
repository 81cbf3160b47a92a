package hypervisor

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// clusterRole is a group of a failover cluster for a VM. Nothing ties it to the VM
// but the id: whoever removes the VM in Hyper-V Manager leaves it.
//
// Microsoft: Add-ClusterVirtualMachineRole; resource types "Virtual Machine" and
// "Virtual Machine Configuration".
type clusterRole struct {
	cluster, id, name, vm string
	owner                 *Host
	fails, offline, disk  bool
}

// Role is a cluster's group for a VM, as Get-ClusterGroup and its neighbours see
// it. States are those of ClusterGroupState.
type Role struct {
	ID, Name, VM, Owner, State string
	Resources                  []RoleResource
}

// RoleResource is a resource of a group, with its private properties. States are
// those of ClusterResourceState.
type RoleResource struct {
	ID, Name, Type, State string
	Parameters            map[string]string
}

// ClusterView is a failover cluster as one of its nodes shows it.
type ClusterView struct {
	Name  string
	Nodes []ClusterNode
	Roles []Role
}

// ClusterNode is a node; Up is false for one whose host is down.
type ClusterNode struct {
	Name string
	Up   bool
}

// HasClusterModule tells whether the host has the cmdlets for clusters, which a node
// always has.
func (h *Host) HasClusterModule() bool { return h.env.Cluster != "" || h.env.ClusterTools }

// Cluster is the cluster that the host is a node of; false for a node of none.
func (h *Host) Cluster() (ClusterView, bool) {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	view := ClusterView{Name: h.env.Cluster}
	if view.Name == "" {
		return view, false
	}
	for _, other := range h.farm.hosts {
		if other.env.Cluster == view.Name {
			view.Nodes = append(view.Nodes, ClusterNode{other.env.Name, other.up})
		}
	}
	for _, r := range h.farm.roles {
		if r.cluster == view.Name {
			view.Roles = append(view.Roles, r.shown())
		}
	}
	return view, true
}

// shown is a group as it stands: its resources find their VM at the owner node, or
// fail.
func (r *clusterRole) shown() Role {
	vm, configuration, state := "Online", "Online", "Online"
	switch c := r.owner.byID[r.vm]; {
	case r.offline:
		vm, configuration, state = "Offline", "Offline", "Offline"
	case c == nil:
		vm, configuration, state = "Failed", "Failed", "Failed"
	case r.fails:
		vm, state = "Failed", "Failed"
	case c.power == off:
		vm, state = "Offline", "PartialOnline"
	}
	resource := func(kind, state string, more map[string]string) RoleResource {
		more["VmID"] = strings.ToUpper(r.vm)
		return RoleResource{ID: r.owner.farm.guid(kind + "/" + r.id), Name: kind + " " + r.name, Type: kind, State: state, Parameters: more}
	}
	out := Role{ID: r.id, Name: r.name, VM: r.vm, Owner: r.owner.env.Name, State: state, Resources: []RoleResource{
		resource("Virtual Machine", vm, map[string]string{"OfflineAction": "1"}),
		resource("Virtual Machine Configuration", configuration, map[string]string{"VmStoreRootPath": configurations}),
	}}
	if r.disk {
		out.Resources = append(out.Resources, RoleResource{ID: "disk-" + r.id, Name: "Cluster Disk of " + r.name, Type: "Physical Disk", State: "Online"})
	}
	return out
}

// role is a cluster's group for a VM, nil for none.
func (h *Host) role(vm string) *clusterRole {
	for _, r := range h.farm.roles {
		if r.cluster == h.env.Cluster && r.vm == strings.ToLower(vm) {
			return r
		}
	}
	return nil
}

// MakeRole makes a VM highly available.
//
// Microsoft: Add-ClusterVirtualMachineRole.
func (h *Host) MakeRole(_ context.Context, by Caller, id string) error {
	return h.change(id, "be made highly available", func(c *copyState) error {
		if h.env.Cluster == "" || h.role(c.id) != nil {
			return notApplicable(c, "Add-ClusterVirtualMachineRole")
		}
		h.makeRole(c)
		h.farm.write(h.env.Name, c.id, "role", "", "made", by.By)
		return nil
	})
}

func (h *Host) makeRole(c *copyState) {
	h.farm.roles = append(h.farm.roles, &clusterRole{cluster: h.env.Cluster, id: h.farm.guid("role/" + h.env.Cluster + "/" + c.id), name: c.name, vm: c.id, owner: h})
}

// firstRoles are those of the beginning.
func (h *Host) firstRoles() {
	for _, c := range h.copies {
		if c.env.Clustered && h.env.Cluster != "" {
			h.makeRole(c)
		}
	}
}

// FailRole lets the cluster give up on a VM that is there.
func (h *Host) FailRole(_ context.Context, by Caller, id string) error {
	return h.changeRole(by, id, "failed", func(r *clusterRole) bool {
		r.fails = true
		return true
	})
}

// DiskRole puts a disk of the cluster into a group, for a VM that is not on a volume
// that all nodes share.
func (h *Host) DiskRole(_ context.Context, by Caller, id string) error {
	return h.changeRole(by, id, "given a disk", func(r *clusterRole) bool {
		r.disk = true
		return true
	})
}

// OfflineRole takes a role's configuration offline, for good in this lab: Hyper-V
// knows the VM no more, and its files stay.
//
// Microsoft: failover cluster APIs, resource type "Virtual Machine Configuration".
func (h *Host) OfflineRole(_ context.Context, by Caller, id string) error {
	return h.change(id, "be taken offline", func(c *copyState) error {
		r := h.role(c.id)
		if r == nil || c.power != off {
			return invalidState(c, "be taken offline")
		}
		h.keep(c)
		f := configurationOf(c)
		h.files[strings.ToLower(f.Path)] = f
		h.drop(c)
		r.offline = true
		h.farm.write(h.env.Name, c.id, "role", "", "offline", by.By)
		return nil
	})
}

// configurationOf is the file of a VM's configuration.
func configurationOf(c *copyState) File {
	return File{Path: configurations + `\Virtual Machines\` + strings.ToUpper(c.id) + ".vmcx", Modified: c.created}
}

// PartRole moves a group to another node without its VM, as it comes to be when
// somebody moves the VM in Hyper-V Manager.
func (h *Host) PartRole(_ context.Context, by Caller, id, to string) error {
	return h.changeRole(by, id, "moved to "+to, func(r *clusterRole) bool {
		target := h.farm.Host(to)
		if target == nil || target == h || target.env.Cluster != h.env.Cluster {
			return false
		}
		r.owner = target
		return true
	})
}

func (h *Host) changeRole(by Caller, id, how string, do func(*clusterRole) bool) error {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	r := h.role(id)
	if r == nil || !do(r) {
		return refuse("ObjectNotFound", "ObjectNotFound", fmt.Sprintf("there is no such role or node in cluster '%s'.", h.env.Cluster))
	}
	h.farm.write(h.env.Name, r.vm, "role", "", how, by.By)
	return nil
}

// roleFollows lets a group go with its VM to another node.
func (f *Farm) roleFollows(from, to *Host, vm string) {
	if r := from.role(vm); r != nil && r.owner == from && to.env.Cluster == from.env.Cluster {
		r.owner = to
	}
}

// RemoveRole removes the group of a VM with its resources; the VM and its disks
// stay. One whose VM is on a node of the cluster was in use, which is a violation.
//
// Microsoft: Remove-ClusterGroup: resources are removed first, or with the group.
func (h *Host) RemoveRole(by Caller, vm string, resources bool) error {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	r := h.role(vm)
	switch {
	case r == nil:
		return refuse("ClusterObjectNotFound", "ObjectNotFound", fmt.Sprintf("there is no group for the virtual machine %s.", vm))
	case !resources:
		return refuse("ClusterGroupNotEmpty", "InvalidOperation", fmt.Sprintf("the group '%s' has resources.", r.name))
	}
	for _, node := range h.farm.hosts {
		if node.env.Cluster == r.cluster && (node.byID[r.vm] != nil || r.offline && node == r.owner) {
			h.farm.violated(fmt.Sprintf("a role taken from a VM: %s (%s) of %s on %s by %s", r.name, r.vm, r.cluster, node.env.Name, by.By))
		}
	}
	if r.disk {
		h.farm.violated(fmt.Sprintf("a disk taken from a cluster: that of %s (%s) of %s by %s", r.name, r.vm, r.cluster, by.By))
	}
	h.farm.roles = slices.DeleteFunc(h.farm.roles, func(o *clusterRole) bool { return o == r })
	h.farm.write(h.env.Name, r.vm, "role", r.name, "removed", by.By)
	return nil
}
