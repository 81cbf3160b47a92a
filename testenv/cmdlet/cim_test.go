package cmdlet_test

import (
	"context"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
)

// orphanTries are calls about what replication leaves behind, as a script writes
// them.
const orphanTries = `
function Try-Providers {
    $rows = @(Get-CimInstance -Namespace 'root/virtualization/v2' -ClassName Msvm_ReplicationSettingData -ErrorAction Stop)
    @{ own = @($rows | Where-Object { "$($_.ReplicationProvider)" -like '*22391CDC-272C-4DDF-BA88-9BEFB1A0975C' }).Count
       other = @($rows | Where-Object { "$($_.ReplicationProvider)" -notlike '*22391CDC-272C-4DDF-BA88-9BEFB1A0975C' } | ForEach-Object { $_.InstanceID }) }
}
function Try-ByWMI { param($VM)
    $service = Get-CimInstance -Namespace 'root/virtualization/v2' -ClassName Msvm_ReplicationService -ErrorAction Stop
    $machine = Get-CimInstance -Namespace 'root/virtualization/v2' -ClassName Msvm_ComputerSystem -Filter "Name='$($VM.ToUpper())'" -ErrorAction Stop
    $answer = Invoke-CimMethod -InputObject $service -MethodName RemoveReplicationRelationship -Arguments @{ ComputerSystem = $machine } -Confirm:$false -ErrorAction Stop
    @{ code = [int]$answer.ReturnValue }
}
function Try-NoClass { Get-CimInstance -Namespace 'root/virtualization/v2' -ClassName Msvm_Nothing -ErrorAction Stop }
function Try-Backups { param($VM) @{ names = @(Get-VMSnapshot -VM (Get-VM -Id $VM) -SnapshotType Recovery -ErrorAction Stop | ForEach-Object { $_.Name }) } }
function Try-NoBackups { param($VM)
    foreach ($point in @(Get-VMSnapshot -VM (Get-VM -Id $VM) -SnapshotType Recovery -ErrorAction Stop)) { Remove-VMSnapshot -VMSnapshot $point -Confirm:$false -ErrorAction Stop }
    Try-Backups -VM $VM
}
`

func newOrphans(t *testing.T) *world {
	t.Helper()
	w := newTries(t)
	for _, s := range w.sessions {
		if err := s.Load(orphanTries); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *world) control(host, vm string, acts ...func(context.Context, hypervisor.Caller, string) error) {
	w.t.Helper()
	for _, act := range acts {
		if err := act(context.Background(), hypervisor.Caller{By: "control"}, vm); err != nil {
			w.t.Fatalf("%s on %s: %v", vm, host, err)
		}
	}
}

func TestAnotherProviderIsRefusedByCmdletsOnly(t *testing.T) {
	w := newOrphans(t)
	if got := w.must(hostA, "Try-Providers", nil); got["own"] != float64(4) || len(got["other"].([]any)) != 0 {
		t.Fatalf("providers are %v", got)
	}
	w.control(hostA, idAPP2, w.farm.Host(hostA).HandOver)
	if got := w.must(hostA, "Try-Providers", nil)["other"].([]any); len(got) != 1 || got[0] != `Microsoft:`+strings.ToUpper(idAPP2)+`\HVR\0` {
		t.Fatalf("other providers are %v", got)
	}
	if rec := w.not(hostA, "Try-Remove", vm(idAPP2), "InvalidOperation,Microsoft.HyperV.PowerShell.Commands.RemoveVMReplication"); !strings.Contains(rec.Message, "a provider other than Hyper-V") {
		t.Errorf("it says %q", rec.Message)
	}
	if got := w.must(hostA, "Try-ByWMI", vm(idAPP2)); got["code"] != float64(0) {
		t.Errorf("the service answers %v", got)
	}
	w.guard(hostA, idAPP2, "Running/None/Disabled")
	if got := w.must(hostA, "Try-ByWMI", vm(idAPP2)); got["code"] != float64(32775) {
		t.Errorf("the service answers %v to the second call", got)
	}
	w.not(hostA, "Try-NoClass", nil, "HRESULT 0x80041010,Microsoft.Management.Infrastructure.CimCmdlets.GetCimInstanceCommand")
}

func TestCheckpointsThatABackupLeft(t *testing.T) {
	w := newOrphans(t)
	h := w.farm.Host(hostA)
	w.control(hostA, idAPP2, h.TakeCheckpoint, h.LeaveBackup, h.LeaveBackup)
	if got := w.must(hostA, "Try-Backups", vm(idAPP2))["names"].([]any); len(got) != 2 {
		t.Fatalf("left are %v", got)
	}
	if got := w.must(hostA, "Try-NoBackups", vm(idAPP2))["names"].([]any); len(got) != 0 {
		t.Errorf("left are still %v", got)
	}
	if m, _ := h.VM(idAPP2); len(m.Points) != 1 || m.Points[0].Type != "Standard" {
		t.Errorf("a person's checkpoint stays: %v", m.Points)
	}
}

func TestATestVMThatLostItsReplica(t *testing.T) {
	w := newOrphans(t)
	h := w.farm.Host(hostB)
	made := w.must(hostB, "Start-LifeboatTest", map[string]any{"VM": idAPP2, "Point": ""})
	id := str(made["testVM"])
	w.not(hostB, "Try-RemoveVM", vm(id), "InvalidState,")
	w.control(hostB, idAPP2, h.LoseTest)
	w.did(hostB, "Try-RemoveVM", vm(id))
	if files, err := h.Files(replicas+`\`+strings.ToUpper(idAPP2), true); err != nil || len(files) != 2 {
		t.Errorf("the test VM leaves its disk beside the replica's: %v %v", files, err)
	}
}

func TestRefereeAgreesOnOrphans(t *testing.T) {
	engine := referee(t)
	w := newOrphans(t)
	agrees(w, engine, library(t)+tries+orphanTries, []step{
		{hostA, "Try-Providers", nil},
		{hostA, "Try-NoClass", nil},
		{hostA, "Try-ByWMI", vm(idAPP2)},
		{hostA, "Try-ByWMI", vm(idAPP2)},
		{hostA, "Try-ByWMI", vm(idNobody)},
		{hostA, "Try-Backups", vm(idAPP1)},
		{hostA, "Try-NoBackups", vm(idAPP1)},
	})
}
