package cmdlet

import (
	"maps"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// clusterSpace is the namespace of the types of the module FailoverClusters. Their
// states are plain strings here.
const clusterSpace = "Microsoft.FailoverClusters.PowerShell."

func ofCluster(name string) bool { return strings.Contains(name, "-Cluster") }

// clusterClass is the class that ends the error id of a cmdlet for clusters, as
// people show them: Get-ClusterNode's is GetNodeCommand.
func clusterClass(name string) string {
	return clusterSpace + strings.Replace(name, "-Cluster", "", 1) + "Command"
}

func clusterObject(class, name string) *powershell.Object {
	return powershell.NewObject(clusterSpace+class, "System.Object").Set("Name", name)
}

// cluster is what the local cluster service tells. On a host that is no node it is
// not there.
func (k *call) cluster(do func(hypervisor.ClusterView) error) error {
	return k.guarded("", func() error {
		view, ok := k.host.Cluster()
		if !ok {
			return &powershell.ErrorRecord{
				ID: "ClusterEndpointNotRegistered," + k.doc.class(k.name), Category: "ConnectionError", HResult: "0x80131500",
				Message: "The cluster service is not running. There are no more endpoints available from the endpoint mapper.",
				Type:    clusterSpace + "ClusterCmdletException",
			}
		}
		return do(view)
	})
}

// getClusterNode is Get-ClusterNode.
func getClusterNode(k *call) error {
	return k.cluster(func(view hypervisor.ClusterView) error {
		for _, n := range view.Nodes {
			state := "Down"
			if n.Up {
				state = "Up"
			}
			if err := k.put(clusterObject("ClusterNode", n.Name).Set("State", state).Set("Cluster", clusterObject("Cluster", view.Name))); err != nil {
				return err
			}
		}
		return nil
	})
}

// getClusterGroup is Get-ClusterGroup: the groups that every cluster has, and those
// of VMs.
func getClusterGroup(k *call) error {
	return k.cluster(func(view hypervisor.ClusterView) error {
		own := hypervisor.Role{ID: "core/" + view.Name, Name: "Cluster Group", Owner: view.Nodes[0].Name, State: "Online"}
		if err := k.put(clusterGroup(own).Set("GroupType", "Cluster")); err != nil {
			return err
		}
		for _, r := range view.Roles {
			if err := k.put(clusterGroup(r)); err != nil {
				return err
			}
		}
		return nil
	})
}

func clusterGroup(r hypervisor.Role) *powershell.Object {
	return clusterObject("ClusterGroup", r.Name).Set("Id", r.ID).Set("GroupType", "VirtualMachine").Set("State", r.State).
		Set("OwnerNode", clusterObject("ClusterNode", r.Owner))
}

// getClusterResource is Get-ClusterResource.
func getClusterResource(k *call) error {
	return k.cluster(func(view hypervisor.ClusterView) error {
		for _, r := range view.Roles {
			for _, s := range r.Resources {
				o := clusterObject("ClusterResource", s.Name).Set("Id", s.ID).Set("State", s.State).Set("OwnerGroup", clusterGroup(r)).
					Set("ResourceType", clusterObject("ClusterResourceType", s.Type))
				if err := k.put(o); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// getClusterParameter is Get-ClusterParameter for a resource.
func getClusterParameter(k *call) error {
	return k.cluster(func(view hypervisor.ClusterView) error {
		id := idOf(k.bound["InputObject"])
		for _, r := range view.Roles {
			for _, s := range r.Resources {
				if s.ID != id {
					continue
				}
				for _, name := range slices.Sorted(maps.Keys(s.Parameters)) {
					if err := k.put(clusterObject("ClusterParameter", name).Set("Value", s.Parameters[name])); err != nil {
						return err
					}
				}
				return nil
			}
		}
		return &hypervisor.Refusal{Kind: "ClusterObjectNotFound", Category: "ObjectNotFound", Message: "there is no such resource."}
	})
}

// removeClusterGroup is Remove-ClusterGroup -VMId. Without -Force it asks a person.
func removeClusterGroup(k *call) error {
	return k.cluster(func(hypervisor.ClusterView) error {
		if !k.has("VMId") {
			return notSimulated(k.name + " without -VMId")
		}
		if !k.on("Force") {
			return k.asksSomebody()
		}
		return k.host.RemoveRole(k.by, k.text("VMId"), k.on("RemoveResources"))
	})
}
