package cmdlet_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// tries are calls as a script writes them, so that parameters, aliases and
// sets are bound as the module binds them.
const tries = `
function Try-Enable { param($VM, $Server, $Thumbprint, $Excluded)
    Get-VM -Id $VM | Enable-VMReplication -ReplicaServerName $Server -ReplicaServerPort 443 -AuthenticationType Certificate -CertificateThumbprint $Thumbprint -ReplicationFrequencySec 900 -RecoveryHistory 3 -VSSSnapshotFrequencyHour 1 -CompressionEnabled $false -ExcludedVhdPath $Excluded -Confirm:$false -Passthru -ErrorAction Stop |
        ForEach-Object { @{ state = "$($_.ReplicationState)"; frequency = $_.ReplicationFrequencySec; points = $_.RecoveryHistory; vss = $_.VSSSnapshotFrequencyHour; compression = $_.CompressionEnabled; server = $_.ReplicaServerName } }
}
function Try-Seed { param($VM) Enable-VMReplication -VM (Get-VM -Id $VM) -AsReplica -AllowedPrimaryServer '*' -Confirm:$false -ErrorAction Stop }
function Try-SeedToo { param($VM) $ErrorActionPreference = 'Stop'; Enable-VMReplication -VM (Get-VM -Id $VM) -AsReplica -ReplicaServerName x }
function Try-Initial { param($VM) Start-VMInitialReplication -VM (Get-VM -Id $VM) -UseBackup -Confirm:$false -ErrorAction Stop }
function Try-Export { param($VM) Start-VMInitialReplication -VM (Get-VM -Id $VM) -DestinationPath 'E:\IR' -Confirm:$false -ErrorAction Stop }
function Try-Later { param($VM, $At)
    Start-VMInitialReplication -VM (Get-VM -Id $VM) -InitialReplicationStartTime ([datetime]$At) -Confirm:$false -ErrorAction Stop
    Get-VMReplication -VM (Get-VM -Id $VM) | ForEach-Object { @{ begins = $_.InitialReplicationStartTime.ToUniversalTime().ToString('o'); state = "$($_.ReplicationState)" } }
}
function Try-LaterExport { param($VM, $At) Start-VMInitialReplication -VM (Get-VM -Id $VM) -InitialReplicationStartTime ([datetime]$At) -DestinationPath 'E:\IR' -Confirm:$false -ErrorAction Stop }
function Try-Stop { param($VM) Stop-VMInitialReplication -VM (Get-VM -Id $VM) -Confirm:$false -ErrorAction Stop }
function Try-Import { param($VM, $Path) Import-VMInitialReplication -VM (Get-VM -Id $VM) -Path $Path -Confirm:$false -ErrorAction Stop }
function Try-Remove { param($VM) Remove-VMReplication -VM (Get-VM -Id $VM) -Confirm:$false -ErrorAction Stop }
function Try-RemoveVM { param($VM) Remove-VM -VM (Get-VM -Id $VM) -Force -Confirm:$false -ErrorAction Stop }
function Try-RemoveVMAsking { param($VM) Remove-VM -VM (Get-VM -Id $VM) -Confirm:$false -ErrorAction Stop }
function Try-Continue { param($VM) Resume-VMReplication -VM (Get-VM -Id $VM) -Continue -Confirm:$false -ErrorAction Stop }
function Try-Server { param($Thumbprint)
    Set-VMReplicationServer -ReplicationEnabled $true -AllowedAuthenticationType Certificate -ReplicationAllowedFromAnyServer $false -CertificateThumbprint $Thumbprint -Force -Confirm:$false -Passthru -ErrorAction Stop |
        ForEach-Object { @{ enabled = $_.ReplicationEnabled; any = $_.ReplicationAllowedFromAnyServer; auth = "$($_.AllowedAuthenticationType)" } }
}
function Try-Entry { param($Server) New-VMReplicationAuthorizationEntry -AllowedPrimaryServer $Server -ReplicaStorageLocation 'D:\R' -TrustGroup 'lifeboat' -Confirm:$false -ErrorAction Stop | Select-Object AllowedPrimaryServer, TrustGroup }
function Try-Entries { @{ all = @(Get-VMReplicationAuthorizationEntry | ForEach-Object { $_.AllowedPrimaryServer }) } }
function Try-RemoveEntry { param($Server) Remove-VMReplicationAuthorizationEntry -AllowedPrimaryServer $Server -Confirm:$false -ErrorAction Stop }
`

func newTries(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	for _, s := range w.sessions {
		if err := s.Load(tries); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// did wants a call that gives nothing to succeed.
func (w *world) did(host, function string, args map[string]any) {
	w.t.Helper()
	if _, rec := w.call(host, function, args); rec != nil {
		w.t.Fatalf("%s on %s: %s: %s", function, host, rec.ID, rec.Message)
	}
}

// not wants a call to fail with an error id that begins so.
func (w *world) not(host, function string, args map[string]any, id string) *powershell.ErrorRecord {
	w.t.Helper()
	_, rec := w.call(host, function, args)
	if rec == nil || !strings.HasPrefix(rec.ID, id) {
		w.t.Fatalf("%s on %s: %v, want %s", function, host, rec, id)
	}
	return rec
}

func TestEnablingIsBound(t *testing.T) {
	w := newTries(t)
	vm, _ := w.farm.Host(hostA).VM(idAPP2)
	w.did(hostA, "Try-Remove", map[string]any{"VM": idAPP2})
	w.did(hostB, "Try-Remove", map[string]any{"VM": idAPP2})
	w.not(hostA, "Try-Enable", map[string]any{"VM": idAPP2, "Server": fqdnB, "Thumbprint": w.thumbprint(hostA), "Excluded": []any{}}, "OperationFailed,")
	w.not(hostB, "Try-RemoveVMAsking", map[string]any{"VM": idAPP2}, "InvalidOperation,")
	w.did(hostB, "Try-RemoveVM", map[string]any{"VM": idAPP2})
	w.not(hostA, "Try-Enable", map[string]any{"VM": idAPP2, "Server": fqdnB, "Thumbprint": w.thumbprint(hostA), "Excluded": []any{vm.Disks[0].Path}}, "InvalidParameter,Microsoft.HyperV.PowerShell.Commands.EnableVMReplication")
	got := w.must(hostA, "Try-Enable", map[string]any{"VM": idAPP2, "Server": fqdnB, "Thumbprint": w.thumbprint(hostA), "Excluded": []any{}})
	for name, want := range map[string]any{"state": "ReadyForInitialReplication", "frequency": 900.0, "points": 3.0, "vss": 1.0, "compression": false, "server": fqdnB} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	w.not(hostA, "Try-Initial", map[string]any{"VM": idAPP2}, "OperationFailed,") // no seed
	w.did(hostA, "Try-Export", map[string]any{"VM": idAPP2})
	w.did(hostA, "Try-Stop", map[string]any{"VM": idAPP2})
	w.not(hostA, "Try-Stop", map[string]any{"VM": idAPP2}, "InvalidState,")
	w.not(hostB, "Try-Import", map[string]any{"VM": idAPP2, "Path": `F:\x`}, "ObjectNotFound,")
	w.not(hostB, "Try-Continue", map[string]any{"VM": idAPP2}, "InvalidState,")
}

func TestSeedingIsBound(t *testing.T) {
	w := newTries(t)
	for _, h := range []string{hostA, hostB} {
		w.did(h, "Try-Remove", map[string]any{"VM": idAPP1})
		w.not(h, "Try-Remove", map[string]any{"VM": idAPP1}, "InvalidOperation,")
	}
	w.not(hostB, "Try-SeedToo", map[string]any{"VM": idAPP1}, "AmbiguousParameterSet,")
	w.did(hostB, "Try-Seed", map[string]any{"VM": idAPP1})
	w.not(hostB, "Try-Seed", map[string]any{"VM": idAPP1}, "InvalidOperation,")
}

func TestAuthorizingIsBound(t *testing.T) {
	w := newTries(t)
	w.not(hostB, "Try-Entry", map[string]any{"Server": "hv-a.pair.example"}, "InvalidOperation,Microsoft.HyperV.PowerShell.Commands.NewVMReplicationAuthorizationEntry")
	w.not(hostB, "Try-Server", map[string]any{"Thumbprint": w.thumbprint(hostA)}, "InvalidParameter,")
	got := w.must(hostB, "Try-Server", map[string]any{"Thumbprint": w.thumbprint(hostB)})
	if got["enabled"] != true || got["any"] != false || got["auth"] != "Certificate" {
		t.Errorf("the replica server is %v", got)
	}
	if e := w.must(hostB, "Try-Entry", map[string]any{"Server": "*"}); e["AllowedPrimaryServer"] != "*" || e["TrustGroup"] != "lifeboat" {
		t.Errorf("the entry is %v", e)
	}
	w.not(hostB, "Try-Entry", map[string]any{"Server": "*"}, "OperationFailed,")
	w.did(hostB, "Try-Remove", map[string]any{"VM": idAPP1})
	w.did(hostB, "Try-Seed", map[string]any{"VM": idAPP1})
	w.did(hostB, "Try-RemoveEntry", map[string]any{"Server": "*"})
	w.not(hostB, "Try-RemoveEntry", map[string]any{"Server": "*"}, "ObjectNotFound,")
	if all := w.must(hostB, "Try-Entries", nil)["all"].([]any); len(all) != 0 {
		t.Errorf("entries left: %v", all)
	}
}

// Objects of the module carry what a cmdlet needs of them.
func TestExclusionByObject(t *testing.T) {
	f := newFarm(t)
	disks, rec := direct(f, hostA, "Get-VMHardDiskDrive", map[string]any{"VMName": []any{"OFF"}})
	if rec != nil || len(disks) != 1 {
		t.Fatal(rec)
	}
	_, rec = direct(f, hostA, "Enable-VMReplication", map[string]any{
		"VMName": []any{"OFF"}, "ReplicaServerName": fqdnB, "ReplicaServerPort": int64(443), "AuthenticationType": "Certificate",
		"CertificateThumbprint": f.Host(hostA).Info().Certificate, "ExcludedVhd": []any{disks[0]},
	})
	if rec == nil || !strings.Contains(rec.Message, "At least one") {
		t.Errorf("its only disk was left out: %v", rec)
	}
}

// The interpreter binds and answers as the real engine does.
func TestRefereeAgreesOnEnabling(t *testing.T) {
	engine := referee(t)
	w := newTries(t)
	enable := map[string]any{"VM": idAPP2, "Server": fqdnB, "Thumbprint": w.thumbprint(hostA), "Excluded": []any{}}
	agrees(w, engine, tries, []step{
		{hostA, "Try-Remove", vm(idAPP2)},
		{hostA, "Try-Remove", vm(idAPP2)},
		{hostB, "Try-RemoveVM", vm(idAPP2)},
		{hostB, "Try-Remove", vm(idAPP2)},
		{hostA, "Try-Enable", enable},
		{hostB, "Try-RemoveVMAsking", vm(idAPP2)},
		{hostB, "Try-RemoveVM", vm(idAPP2)},
		{hostA, "Try-Enable", enable},
		{hostA, "Try-Enable", enable},
		{hostA, "Try-Initial", vm(idAPP2)},
		{hostA, "Try-LaterExport", map[string]any{"VM": idAPP2, "At": "2020-01-01T00:00:00Z"}},
		{hostA, "Try-Later", map[string]any{"VM": idAPP2, "At": "2020-01-01T00:00:00Z"}},
		{hostA, "Try-Later", map[string]any{"VM": idAPP2, "At": w.farm.Now().Add(6 * 24 * time.Hour).UTC().Truncate(time.Second).Format(time.RFC3339)}},
		{hostA, "Try-Export", vm(idAPP2)},
		{hostA, "Try-Stop", vm(idAPP2)},
		{hostB, "Try-Import", map[string]any{"VM": idAPP2, "Path": `F:\x`}},
		{hostB, "Try-Continue", vm(idAPP2)},
		{hostB, "Try-Entry", map[string]any{"Server": "*"}},
		{hostB, "Try-Server", map[string]any{"Thumbprint": w.thumbprint(hostB)}},
		{hostB, "Try-Entry", map[string]any{"Server": "*"}},
		{hostB, "Try-Entries", nil},
		{hostB, "Try-RemoveEntry", map[string]any{"Server": "*"}},
	})
}
