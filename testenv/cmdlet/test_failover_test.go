package cmdlet_test

import (
	"bytes"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/cmdlet"
	"github.com/lifeboat-dr/lifeboat/testenv/environment"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// drillWorld is the pair with an isolated switch at HV-B and recovery points,
// and a session on each host without the product's functions.
func drillWorld(t *testing.T, d hypervisor.Dialect) *world {
	t.Helper()
	env, err := environment.Load("pair")
	if err != nil {
		t.Fatal(err)
	}
	env.Hosts[1].Switches = append(env.Hosts[1].Switches, environment.Switch{Name: "vSwitch-TEST", Type: "Private"})
	env.VMs[0].ID, env.VMs[0].Replicate.Points, env.VMs[0].Replicate.AppConsistentHours = idDB, 4, 4
	env.VMs[0].DisksGB, env.LineMBPerS = []int{4000}, 1
	farm, err := hypervisor.New(env, hypervisor.Options{Seed: 4, Speed: 200, Dialect: d})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(farm.Close)
	w := &world{t: t, farm: farm, sessions: map[string]*powershell.Session{}}
	for _, h := range farm.Hosts() {
		commands := cmdlet.New(farm, h, func() hypervisor.Caller { return hypervisor.Caller{By: testRequest} })
		w.sessions[h.Name()] = powershell.NewSession(powershell.Options{Commands: commands, ComputerName: h.Name()})
	}
	return w
}

// run gives what a script writes, its lines joined by spaces; a script that
// fails writes its error's id.
func (w *world) run(host, script string) string {
	w.t.Helper()
	var out, problems bytes.Buffer
	w.sessions[host].Run(w.t.Context(), "try { "+script+" } catch { $_.FullyQualifiedErrorId }", &out, &problems)
	if problems.Len() > 0 {
		w.t.Errorf("%s: %s", script, problems.String())
	}
	return strings.Join(strings.Fields(out.String()), " ")
}

func (w *world) runs(host, script, want string) {
	w.t.Helper()
	if got := w.run(host, script); got != want {
		w.t.Errorf("%s\n gives %s\n want  %s", script, got, want)
	}
}

func TestTestFailoverByItsCmdlets(t *testing.T) {
	w := drillWorld(t, hypervisor.Dialect{})
	on := func(script, want string) { t.Helper(); w.runs(hostB, script, want) }
	on("Set-VMNetworkAdapter -VMName DB -TestReplicaSwitchName vSwitch-TEST -ErrorAction Stop; (Get-VMNetworkAdapter -VMName DB).TestReplicaSwitchName", "vSwitch-TEST")
	on("$m = Get-VM -Name DB; $card = Get-VMNetworkAdapter -VM $m; (Set-VMNetworkAdapter -VMNetworkAdapter $card -TestReplicaSwitchName vSwitch-TEST -Passthru -ErrorAction Stop).TestReplicaSwitchName", "vSwitch-TEST")
	on("Set-VMNetworkAdapter -VMName DB -TestReplicaSwitchName nowhere -ErrorAction Stop", "ObjectNotFound,Microsoft.HyperV.PowerShell.Commands.SetVMNetworkAdapter")
	on("Set-VMNetworkAdapter -VMName DB -MacAddressSpoofing On -ErrorAction Stop", "NotSimulated,Microsoft.HyperV.PowerShell.Commands.SetVMNetworkAdapter")
	// The VM is given out without -Passthru, once.
	on("$t = @(Start-VMFailover -VMName DB -AsTest -Confirm:$false -ErrorAction Stop); \"$($t.Count) $($t[0].Name) $($t[0].ReplicationMode) $($t[0].State)\"", "1 DB - Test TestReplica Off")
	on("(Get-VMNetworkAdapter -VMName 'DB - Test').SwitchName", "vSwitch-TEST")
	on("(Get-VMReplication -VMName DB).TestVirtualMachine.Name", "DB - Test")
	on("$m = Measure-VMReplication -VMName DB; $null -ne $m.LastTestFailoverInitiatedTime; $null -ne $m.LastVSSSnapshotTime", "True True")
	on("Start-VMFailover -VMName DB -AsTest -Confirm:$false -ErrorAction Stop", "InvalidState,Microsoft.HyperV.PowerShell.Commands.StartVMFailover")
	on("Start-VM -Name 'DB - Test' -ErrorAction Stop; \"$((Get-VM -Name 'DB - Test').State)\"", "Running")
	on("Stop-VMFailover -VMName 'DB - Test' -ErrorAction Stop", "InvalidOperation,Microsoft.HyperV.PowerShell.Commands.StopVMFailover")
	on("Get-VMReplication -VMName 'DB - Test' -ErrorAction Stop", "InvalidOperation,Microsoft.HyperV.PowerShell.Commands.GetVMReplication")
	on("Stop-VMFailover -VMName DB -ErrorAction Stop; @(Get-VM -Name 'DB*').Count; $null -eq (Get-VMReplication -VMName DB).TestVirtualMachine", "1 True")
	on("Stop-VMFailover -VMName DB -ErrorAction Stop", "InvalidState,Microsoft.HyperV.PowerShell.Commands.StopVMFailover")
	// From a point, which brings its VM along.
	on("$p = Get-VMSnapshot -VMName DB; (Start-VMFailover -VMRecoverySnapshot $p[0] -AsTest -Confirm:$false -ErrorAction Stop).Name; Stop-VMFailover -VMName DB", "DB - Test")
	on("Set-VMNetworkAdapter -VMName DB -TestReplicaSwitchName '' -ErrorAction Stop; $null -eq (Get-VMNetworkAdapter -VMName DB).TestReplicaSwitchName", "True")
	w.runs(hostA, "Start-VMFailover -VMName DB -AsTest -Confirm:$false -ErrorAction Stop", "InvalidParameter,Microsoft.HyperV.PowerShell.Commands.StartVMFailover")
}

func TestUnplannedFailoverToPoints(t *testing.T) {
	w := drillWorld(t, hypervisor.Dialect{})
	w.runs(hostB, "(Get-VMReplication -VMName DB).VSSSnapshotFrequencyHour; @(Get-VMSnapshot -VMName DB -SnapshotType AppConsistentReplica).Count", "4 1")
	w.runs(hostB, "$p = Get-VMSnapshot -VMName DB -SnapshotType AppConsistentReplica; Start-VMFailover -VMRecoverySnapshot $p -Confirm:$false -ErrorAction Stop; \"$((Measure-VMReplication -VMName DB).FailedOverReplicationType)\"", "ApplicationConsistent")
	w.runs(hostB, "Complete-VMFailover -VMName DB -Confirm:$false -ErrorAction Stop; \"$((Get-VM -Name DB).ReplicationState)\"; @(Get-VMSnapshot -VMName DB).Count", "FailedOver 0")
}

func TestResynchronizationIsSeenAndStopped(t *testing.T) {
	w := drillWorld(t, hypervisor.Dialect{})
	if err := w.farm.Host(hostA).LoseTracking(t.Context(), hypervisor.Caller{By: "test"}, idDB); err != nil {
		t.Fatal(err)
	}
	w.runs(hostA, "(Measure-VMReplication -VMName DB).ReplicationHealthDetails.Count", "1")
	w.runs(hostA, "Resume-VMReplication -VMName DB -Resynchronize -ErrorAction Stop; $m = Measure-VMReplication -VMName DB; \"$($m.ReplicationState) $($m.CurrentTask.Count)\"", "Resynchronizing 1")
	for end := time.Now().Add(10 * time.Second); ; <-time.After(10 * time.Millisecond) {
		if got := w.run(hostA, "$t = (Measure-VMReplication -VMName DB).CurrentTask[0]; $t.Name -ne '' -and $t.PercentComplete -gt 0"); got == "True" {
			break
		} else if time.Now().After(end) {
			t.Fatalf("the task does not move: %s", got)
		}
	}
	w.runs(hostA, "Stop-VMReplication -VMName DB -ErrorAction Stop; \"$((Get-VMReplication -VMName DB).ReplicationState)\"", "WaitingForStartResynchronize")
	w.runs(hostA, "Stop-VMReplication -VMName DB -ErrorAction Stop", "InvalidState,Microsoft.HyperV.PowerShell.Commands.StopVMReplication")
}

func TestQuietReplicationOfWhatDoesNotReplicate(t *testing.T) {
	w := drillWorld(t, hypervisor.Dialect{QuietReplication: true})
	w.run(hostB, "$null = Start-VMFailover -VMName DB -AsTest -Confirm:$false -ErrorAction Stop")
	w.runs(hostB, "@(Get-VMReplication -VMName 'DB - Test' -ErrorAction Stop).Count", "0")
}

// drill is a test failover from its network to its clean-up, in lines that do
// not depend on the moment.
const drill = `
Set-VMNetworkAdapter -VMName DB -TestReplicaSwitchName vSwitch-TEST -ErrorAction Stop
$test = @(Start-VMFailover -VMName DB -AsTest -Confirm:$false -ErrorAction Stop)
"$($test.Count) $($test[0].Name) $($test[0].ReplicationMode)"
"$((Get-VMNetworkAdapter -VMName 'DB - Test').SwitchName) $((Get-VMReplication -VMName DB).TestVirtualMachine.Name)"
try { Start-VMFailover -VMName DB -AsTest -Confirm:$false -ErrorAction Stop } catch { "$($_.CategoryInfo.Category)" }
try { Stop-VMFailover -VMName 'DB - Test' -ErrorAction Stop } catch { "$($_.CategoryInfo.Category)" }
Start-VM -Name 'DB - Test' -ErrorAction Stop
"$((Get-VM -Name 'DB - Test').State)"
Stop-VMFailover -VMName DB -ErrorAction Stop
$point = @(Get-VMSnapshot -VMName DB)[0]
$test = Start-VMFailover -VMRecoverySnapshot $point -AsTest -Confirm:$false -ErrorAction Stop
"$($test.GetType().Name) $($test.State)"
Stop-VMFailover -VM (Get-VM -Name DB) -ErrorAction Stop
Set-VMNetworkAdapter -VMName DB -TestReplicaSwitchName '' -ErrorAction Stop
"[$((Get-VMNetworkAdapter -VMName DB).TestReplicaSwitchName)] $(@(Get-VM).Count)"
try { Stop-VMReplication -VMName DB -ErrorAction Stop } catch { "$($_.CategoryInfo.Category)" }
`

func TestRefereeAgreesOnADrill(t *testing.T) {
	engine := referee(t)
	ours := drillWorld(t, hypervisor.Dialect{}).run(hostB, drill)
	if want := "1 DB - Test TestReplica vSwitch-TEST DB - Test InvalidOperation InvalidOperation Running VirtualMachine Off [] 3 InvalidOperation"; ours != want {
		t.Errorf("the drill says %s\n want %s", ours, want)
	}
	server := httptest.NewServer(endpoints(drillWorld(t, hypervisor.Dialect{}).farm))
	defer server.Close()
	dir := t.TempDir()
	if err := cmdlet.WriteModule(dir); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), engine, "-NoLogo", "-NoProfile", "-NonInteractive", "-Command", drill)
	c.Env = append(os.Environ(), "PSModulePath="+dir, "LIFEBOAT_LAB_ENDPOINT="+server.URL+"/"+hostB+"/")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("the engine: %v\n%s", err, out)
	}
	if theirs := strings.Join(strings.Fields(string(out)), " "); theirs != ours {
		t.Errorf("interpreter %s\nengine      %s", ours, theirs)
	}
}
