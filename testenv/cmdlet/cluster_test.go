package cmdlet_test

import (
	"context"
	"slices"
	"testing"

	"github.com/lifeboat-dr/lifeboat/testenv/environment"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
)

// clusterTries are calls about clusters as a script writes them.
const clusterTries = `
function Try-Nodes { @{ names = @(Get-ClusterNode -ErrorAction Stop | ForEach-Object { "$($_.Name) $($_.State) $($_.Cluster.Name)" }) } }
function Try-NoNodes { try { Get-ClusterNode -ErrorAction Stop } catch { @{ id = "$($_.FullyQualifiedErrorId)"; category = "$($_.CategoryInfo.Category)" } } }
function Try-Groups { @{ names = @(Get-ClusterGroup -ErrorAction Stop | ForEach-Object { "$($_.GroupType) $($_.Name) $($_.State) $($_.OwnerNode.Name)" }) } }
function Try-Parameters {
    $all = @(Get-ClusterResource -ErrorAction Stop | Where-Object { "$($_.ResourceType.Name)" -eq 'Virtual Machine Configuration' })
    @{ names = @(foreach ($one in $all) { Get-ClusterParameter -InputObject $one -ErrorAction Stop | ForEach-Object { "$($_.Name)=$($_.Value)" } }) }
}
function Try-RemoveGroup { param($VM) Remove-ClusterGroup -VMId $VM -RemoveResources -Force -Confirm:$false -ErrorAction Stop }
function Try-RemoveFullGroup { param($VM) Remove-ClusterGroup -VMId $VM -Force -Confirm:$false -ErrorAction Stop }
function Try-RemoveAsking { param($VM) Remove-ClusterGroup -VMId $VM -RemoveResources -Confirm:$false -ErrorAction Stop }
`

// newCluster makes HV-B the only node of a cluster with a role for the replica of
// APP2; with tools HV-A has the cmdlets, and is a node of none.
func newCluster(t *testing.T, tools bool) *world {
	t.Helper()
	w := changedWorld(t, func(env *environment.Environment) {
		env.Hosts[0].ClusterTools, env.Hosts[1].Cluster, env.VMs[2].Clustered = tools, "CL-B", true
	})
	for _, s := range w.sessions {
		if err := s.Load(tries + orphanTries + clusterTries); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// group is what a node tells of a group, nil where there is none of that name.
func (w *world) group(host, name string) map[string]any {
	w.t.Helper()
	cluster, _ := lookAtOrphans(w, host)["cluster"].(map[string]any)
	if cluster == nil || cluster["name"] != "CL-B" || !slices.Equal(cluster["nodes"].([]any), []any{hostB}) {
		w.t.Fatalf("the cluster is %v", cluster)
	}
	for _, g := range cluster["groups"].([]any) {
		if g := g.(map[string]any); g["name"] == name {
			return g
		}
	}
	return nil
}

func TestClustersAreReadWhereTheyAre(t *testing.T) {
	for _, tools := range []bool{false, true} {
		w := newCluster(t, tools)
		if a := lookAtOrphans(w, hostA); a["cluster"] != nil || len(a["problems"].([]any)) != 0 {
			t.Errorf("tools %v: a host that is no node tells %v %v", tools, a["cluster"], a["problems"])
		}
		want := "CommandNotFoundException"
		if tools {
			want = "ClusterEndpointNotRegistered,Microsoft.FailoverClusters.PowerShell.GetNodeCommand"
		}
		if got := w.must(hostA, "Try-NoNodes", nil)["id"]; got != want {
			t.Errorf("tools %v: %v, want %v", tools, got, want)
		}
		if g := w.group(hostB, "DB"); g != nil {
			t.Errorf("a group that nobody made: %v", g)
		}
	}
}

// A group tells what its owner knows: nothing of one that is online, all of one that
// is not; and files of the configuration once the VM is not there.
func TestRolesAreReadAndRemoved(t *testing.T) {
	w := newCluster(t, false)
	b := w.farm.Host(hostB)
	w.control(hostB, idAPP1, b.MakeRole, b.FailRole)
	off := w.group(hostB, "APP2")
	if off["state"] != "PartialOnline" || off["vm"] != idAPP2 || len(off["failed"].([]any)) != 0 || off["files"] != float64(-1) {
		t.Errorf("the role of a replica that is off: %v", off)
	}
	failed := w.group(hostB, "APP1")
	if failed["state"] != "Failed" || failed["owner"] != hostB || !slices.Equal(failed["failed"].([]any), []any{"Virtual Machine"}) || failed["files"] != float64(-1) {
		t.Errorf("a role that failed: %v", failed)
	}
	remove := func(vm string, g map[string]any) map[string]any {
		return map[string]any{"VM": vm, "Group": str(g["id"])}
	}
	w.not(hostB, "Remove-LifeboatClusterGroup", remove(idAPP2, off), "LifeboatGroupChanged")
	w.not(hostB, "Remove-LifeboatClusterGroup", remove(idAPP1, failed), "LifeboatGroupChanged")
	w.not(hostB, "Remove-LifeboatClusterGroup", remove(idAPP2, failed), "LifeboatGroupChanged")

	w.did(hostB, "Try-Remove", vm(idAPP2))
	w.did(hostB, "Try-RemoveVM", vm(idAPP2))
	left := w.group(hostB, "APP2")
	if left["state"] != "Failed" || left["vm"] != idAPP2 || len(left["failed"].([]any)) != 2 || left["files"] != float64(0) || left["store"] != `D:\VMs` {
		t.Errorf("the role of a VM that is gone: %v", left)
	}
	kept := `D:\VMs\Virtual Machines\` + idAPP2 + ".vmcx"
	b.NewFile(hypervisor.Caller{By: "control"}, `D:\VMs\Other\`+idAPP2+".vmcx", 1) // in no folder for configurations
	b.NewFile(hypervisor.Caller{By: "control"}, kept, 1)
	if g := w.group(hostB, "APP2"); g["files"] != float64(1) {
		t.Errorf("its configuration is there: %v", g)
	}
	w.not(hostB, "Remove-LifeboatClusterGroup", remove(idAPP2, left), "LifeboatGroupChanged")
	if err := b.RemoveItem(hypervisor.Caller{By: "control"}, kept, false); err != nil {
		t.Fatal(err)
	}
	w.not(hostB, "Try-RemoveFullGroup", vm(idAPP2), "ClusterGroupNotEmpty,")
	w.not(hostB, "Try-RemoveAsking", vm(idAPP2), "InvalidOperation,")
	w.not(hostB, "Try-RemoveGroup", vm(idNobody), "ClusterObjectNotFound,")
	w.not(hostB, "Remove-LifeboatClusterGroup", remove(idAPP2, failed), "LifeboatGroupChanged")
	w.did(hostB, "Remove-LifeboatClusterGroup", remove(idAPP2, left))
	w.not(hostB, "Remove-LifeboatClusterGroup", remove(idAPP2, left), "LifeboatGroupChanged")
	if g := w.group(hostB, "APP2"); g != nil {
		t.Errorf("the group is there: %v", g)
	}
	if v := w.farm.State().Violations; len(v) != 0 {
		t.Errorf("something was lost: %v", v)
	}
	w.control(hostB, idAPP1, b.DiskRole)
	if g := w.group(hostB, "APP1"); !slices.Equal(g["others"].([]any), []any{"Physical Disk"}) || len(g["failed"].([]any)) != 1 {
		t.Errorf("a role with a disk: %v", g)
	}
	w.did(hostB, "Try-Remove", vm(idAPP1))
	w.did(hostB, "Try-RemoveVM", vm(idAPP1))
	w.not(hostB, "Remove-LifeboatClusterGroup", remove(idAPP1, failed), "LifeboatGroupChanged")
	w.control(hostB, idDB, b.MakeRole, b.OfflineRole)
	offline := w.group(hostB, "DB")
	if offline["state"] != "Offline" || offline["vm"] != idDB || len(offline["failed"].([]any)) != 0 || offline["files"] != float64(1) {
		t.Errorf("a role whose configuration is offline: %v", offline)
	}
	if err := b.RemoveItem(hypervisor.Caller{By: "control"}, `D:\VMs\Virtual Machines\`+idDB+".vmcx", false); err != nil {
		t.Fatal(err)
	}
	w.not(hostB, "Remove-LifeboatClusterGroup", remove(idDB, offline), "LifeboatGroupChanged")
	w.did(hostB, "Try-RemoveGroup", vm(idAPP1))
	w.did(hostB, "Try-RemoveGroup", vm(idDB))
	if v := w.farm.State().Violations; len(v) != 2 {
		t.Errorf("a disk and the role of a VM were taken, and the world says %v", v)
	}
}

// A node tells no more of what another owns than that it is there.
func TestAGroupIsToldByItsOwner(t *testing.T) {
	w := changedWorld(t, func(env *environment.Environment) { env.Hosts[0].Cluster, env.Hosts[1].Cluster = "CL", "CL" })
	a := w.farm.Host(hostA)
	w.control(hostA, idOff, a.MakeRole, func(ctx context.Context, by hypervisor.Caller, id string) error {
		return a.PartRole(ctx, by, id, hostB)
	})
	for host, want := range map[string]string{hostA: "", hostB: idOff} {
		groups := lookAtOrphans(w, host)["cluster"].(map[string]any)["groups"].([]any)
		if g := groups[0].(map[string]any); len(groups) != 1 || g["owner"] != hostB || g["state"] != "Failed" || g["vm"] != want {
			t.Errorf("%s tells %v", host, groups)
		}
	}
}

func TestRefereeAgreesOnClusters(t *testing.T) {
	engine := referee(t)
	w := newCluster(t, true)
	view, _ := w.farm.Host(hostB).Cluster()
	left := map[string]any{"VM": idAPP2, "Group": view.Roles[0].ID}
	agrees(w, engine, library(t)+tries+orphanTries+clusterTries, []step{
		{hostA, "Try-NoNodes", nil},
		{hostA, "Get-LifeboatOrphans", nil},
		{hostB, "Try-Nodes", nil},
		{hostB, "Try-Groups", nil},
		{hostB, "Try-Parameters", nil},
		{hostB, "Get-LifeboatOrphans", nil},
		{hostB, "Remove-LifeboatClusterGroup", left},
		{hostB, "Try-Remove", vm(idAPP2)},
		{hostB, "Try-RemoveVM", vm(idAPP2)},
		{hostB, "Get-LifeboatOrphans", nil},
		{hostB, "Try-RemoveAsking", vm(idAPP2)},
		{hostB, "Remove-LifeboatClusterGroup", left},
		{hostB, "Remove-LifeboatClusterGroup", left},
		{hostB, "Get-LifeboatOrphans", nil},
	})
}
