package cmdlet_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
)

func vm(id string) map[string]any { return map[string]any{"VM": id} }

func TestHost(t *testing.T) {
	w := newWorld(t)
	h := w.must(hostB, "Get-LifeboatHost", nil)
	for name, want := range map[string]any{
		"name": hostB, "os": "Microsoft Windows Server 2022 Standard", "version": "10.0.20348", "memory": float64(32 << 30),
	} {
		if h[name] != want {
			t.Errorf("%s is %v, want %v", name, h[name], want)
		}
	}
	if switches := h["switches"].([]any); len(switches) != 1 || switches[0].(map[string]any)["type"] != "External" {
		t.Errorf("switches are %v", switches)
	}
	replica := h["replica"].(map[string]any)
	if replica["enabled"] != true || replica["anyServer"] != true || replica["auth"] != "Certificate" || replica["certificatePort"] != float64(443) || replica["thumbprint"] != w.thumbprint(hostB) {
		t.Errorf("replica server is %v", replica)
	}
	if _, err := time.Parse("2006-01-02T15:04:05.0000000Z", str(h["utc"])); err != nil {
		t.Errorf("utc: %v", err)
	}
}

func TestCopiesAreJoinedByID(t *testing.T) {
	w := newWorld(t)
	all := w.must(hostA, "Get-LifeboatCopies", map[string]any{"VMs": []any{}})
	copies := map[string]map[string]any{}
	for _, c := range all["copies"].([]any) {
		copies[str(c.(map[string]any)["vm"])] = c.(map[string]any)
	}
	if len(copies) != 6 {
		t.Fatalf("%d copies, want 6", len(copies))
	}
	if copies[idOdd]["name"] != oddName {
		t.Errorf("the odd name came back as %q", copies[idOdd]["name"])
	}
	if n := len(copies[idDB]["relations"].([]any)); n != 1 {
		t.Errorf("the protected DB has %d relations", n)
	}
	if n := len(copies[idSecondDB]["relations"].([]any)); n != 0 || copies[idSecondDB]["pendingBytes"] != nil {
		t.Errorf("the other DB has %d relations, pending %v: joined by name?", n, copies[idSecondDB]["pendingBytes"])
	}
	relation := copies[idDB]["relations"].([]any)[0].(map[string]any)
	for name, want := range map[string]any{
		"relationship": "Simple", "mode": "Primary", "state": "Replicating", "replicaServer": fqdnB, "frequencySec": float64(30), "auth": "Certificate", "port": float64(443), "testVM": nil,
	} {
		if relation[name] != want {
			t.Errorf("%s is %v, want %v", name, relation[name], want)
		}
	}
	card := copies[idDB]["adapters"].([]any)[0].(map[string]any)
	if card["switch"] != "vSwitch-A" || card["connected"] != true || card["failoverIP"] != "" {
		t.Errorf("adapter is %v", card)
	}
	if copies[idOff]["power"] != "Off" || copies[idOff]["uptimeSec"] != float64(0) || copies[idOff]["heartbeat"] != "" {
		t.Errorf("the VM that is off is %v", copies[idOff])
	}
	some := w.must(hostA, "Get-LifeboatCopies", map[string]any{"VMs": []any{strings.ToUpper(idDB), idNobody}})
	if len(some["copies"].([]any)) != 1 || len(some["missing"].([]any)) != 1 || some["missing"].([]any)[0] != idNobody {
		t.Errorf("asked for two, one unknown: %v", some)
	}
}

func TestPlannedFailover(t *testing.T) {
	w := newWorld(t)
	w.guard(hostA, idDB, "Running/Primary/Replicating")
	w.must(hostA, "Stop-LifeboatGuest", vm(idDB))
	w.guard(hostA, idDB, "Off/Primary/Replicating")
	w.must(hostA, "Start-LifeboatPrepare", vm(idDB))
	w.guard(hostA, idDB, "Off/Primary/PreparedForFailover")
	w.must(hostB, "Start-LifeboatFailover", vm(idDB))
	w.guard(hostB, idDB, "Off/Replica/FailedOverWaitingCompletion")
	n := w.must(hostB, "Set-LifeboatNetwork", map[string]any{"VM": idDB, "NICs": []any{map[string]any{
		"adapter": "", "switch": "vSwitch-B", "ip": "10.2.0.20", "mask": "255.255.255.0", "gateway": "10.2.0.1", "dns": []any{"10.2.0.2", "10.2.0.3"}, "inject": true,
	}}})
	card := n["adapters"].([]any)[0].(map[string]any)
	if card["switch"] != "vSwitch-B" || card["failoverIP"] != "10.2.0.20" || card["failoverGateway"] != "10.2.0.1" || len(card["failoverDNS"].([]any)) != 2 {
		t.Errorf("the adapter is %v", card)
	}
	w.must(hostB, "Start-LifeboatCopy", vm(idDB))
	w.must(hostB, "Set-LifeboatReverse", map[string]any{"VM": idDB, "ReplicaServer": "", "Thumbprint": w.thumbprint(hostB)})
	w.guard(hostB, idDB, "Running/Primary/Replicating")
	w.guard(hostA, idDB, "Off/Replica/Replicating")
	// The address is cleared again when it is no longer to be given.
	n = w.must(hostB, "Set-LifeboatNetwork", map[string]any{"VM": idDB, "NICs": []any{map[string]any{"adapter": "Network Adapter", "switch": "vSwitch-B", "inject": false}}})
	if ip := n["adapters"].([]any)[0].(map[string]any)["failoverIP"]; ip != "" {
		t.Errorf("the failover address is still %v", ip)
	}
	calls := 0
	for _, e := range w.farm.Ledger(0) {
		if e.What == "call" && e.VM == idDB {
			calls++
			if e.By != testRequest {
				t.Errorf("the ledger says %s by %q", e.From, e.By)
			}
		}
	}
	if calls < 8 {
		t.Errorf("the ledger has %d calls", calls)
	}
}

func TestOtherActs(t *testing.T) {
	w := newWorld(t)
	w.must(hostA, "Suspend-LifeboatReplication", vm(idAPP1))
	w.guard(hostA, idAPP1, "Running/Primary/Suspended")
	w.must(hostA, "Resume-LifeboatReplication", vm(idAPP1))
	w.guard(hostA, idAPP1, "Running/Primary/Replicating")
	if got := w.must(hostA, "Set-LifeboatStartAction", map[string]any{"VM": idAPP1, "Action": "Nothing"})["autoStart"]; got != "Nothing" {
		t.Errorf("autoStart is %v", got)
	}
	w.must(hostA, "Stop-LifeboatPower", vm(idAPP2))
	w.must(hostA, "Start-LifeboatPrepare", vm(idAPP2))
	w.must(hostA, "Stop-LifeboatFailover", vm(idAPP2))
	w.guard(hostA, idAPP2, "Off/Primary/Replicating")
	link := map[string]any{"ReplicaServer": fqdnB, "Port": 443, "Auth": "Certificate", "Thumbprint": w.thumbprint(hostA)}
	if got := w.must(hostA, "Test-LifeboatLink", link)["ok"]; got != true {
		t.Errorf("the link is %v", got)
	}
	told := w.must(hostB, "Get-LifeboatPoints", map[string]any{"VMs": []any{idDB}})["vms"].([]any)
	if len(told) != 1 || told[0].(map[string]any)["points"].([]any) == nil {
		t.Errorf("points are %v", told)
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		host, function string
		args           map[string]any
		id, category   string
	}{
		{hostA, "Get-LifeboatGuard", vm(idNobody), "InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM", "InvalidArgument"},
		{hostA, "Start-LifeboatPrepare", vm(idDB), "InvalidState,Microsoft.HyperV.PowerShell.Commands.StartVMFailover", "InvalidOperation"},
		{hostA, "Start-LifeboatFailover", vm(idDB), "InvalidOperation,Microsoft.HyperV.PowerShell.Commands.StartVMFailover", "InvalidOperation"},
		{hostA, "Resume-LifeboatReplication", vm(idDB), "InvalidState,Microsoft.HyperV.PowerShell.Commands.ResumeVMReplication", "InvalidOperation"},
		{hostB, "Start-LifeboatCopy", vm(idDB), "OperationFailed,Microsoft.HyperV.PowerShell.Commands.StartVM", "InvalidResult"},
		{hostB, "Set-LifeboatReverse", map[string]any{"VM": idDB, "ReplicaServer": "", "Thumbprint": ""}, "InvalidState,Microsoft.HyperV.PowerShell.Commands.SetVMReplication", "InvalidOperation"},
		{hostA, "Test-LifeboatLink", map[string]any{"ReplicaServer": fqdnB, "Port": 80, "Auth": "Certificate", "Thumbprint": w.thumbprint(hostA)}, "OperationFailed,Microsoft.HyperV.PowerShell.Commands.TestVMReplicationConnection", "NotSpecified"},
		{hostA, "Set-LifeboatNetwork", map[string]any{"VM": idDB, "NICs": []any{map[string]any{"adapter": "", "switch": "no such"}}}, "ObjectNotFound,Microsoft.HyperV.PowerShell.Commands.ConnectVMNetworkAdapter", "ObjectNotFound"},
	} {
		_, rec := w.call(c.host, c.function, c.args)
		if rec == nil {
			t.Errorf("%s on %s was not refused", c.function, c.host)
			continue
		}
		if rec.ID != c.id || rec.Category != c.category {
			t.Errorf("%s on %s: %s (%s), want %s (%s)", c.function, c.host, rec.ID, rec.Category, c.id, c.category)
		}
	}
}

func TestInjectedRefusalReachesTheScript(t *testing.T) {
	w := newWorld(t)
	if _, err := w.farm.AddFault(hypervisor.Fault{Host: hostA, Verb: "Start-VMFailover", Kind: "access-denied", Count: 1}); err != nil {
		t.Fatal(err)
	}
	w.must(hostA, "Stop-LifeboatPower", vm(idDB))
	_, rec := w.call(hostA, "Start-LifeboatPrepare", vm(idDB))
	if rec == nil || !strings.HasPrefix(rec.ID, "AccessDenied,") || rec.Category != "PermissionDenied" {
		t.Fatalf("the fault shows as %v", rec)
	}
	w.must(hostA, "Start-LifeboatPrepare", vm(idDB))
}

// What the binder refuses never reaches the host (Microsoft: about_Parameters;
// the ids are those of compiled cmdlets).
func TestBinderRefusesByTheContract(t *testing.T) {
	w := newWorld(t)
	before := len(w.farm.Ledger(0))
	for script, id := range map[string]string{
		"Set-VM -Name APP1 -AutomaticStartAction Never":                    "CannotConvertArgumentNoMessage,Microsoft.HyperV.PowerShell.Commands.SetVM",
		"$m = Get-VM -Name APP1; Start-VMFailover -VM $m -Prepare -AsTest": "AmbiguousParameterSet,Microsoft.HyperV.PowerShell.Commands.StartVMFailover",
		"Get-VM -Name APP1 | Start-VMFailover -Prepare":                    "InvalidOperation,Microsoft.HyperV.PowerShell.Commands.StartVMFailover",
		"Get-VM -Nonsense 1": "NamedParameterNotFound,Microsoft.HyperV.PowerShell.Commands.GetVM",
		"Connect-VMNetworkAdapter -VMNetworkAdapter card -SwitchName x -Confirm:$false": "CannotConvertArgumentNoMessage,Microsoft.HyperV.PowerShell.Commands.ConnectVMNetworkAdapter",
	} {
		var out, problems bytes.Buffer
		w.sessions[hostA].Run(t.Context(), "try { "+script+" } catch { $_.FullyQualifiedErrorId }", &out, &problems)
		if got := strings.TrimSpace(out.String()); got != id {
			t.Errorf("%s: %s, want %s\n%s", script, got, id, problems.String())
		}
	}
	for _, e := range w.farm.Ledger(0)[before:] {
		if e.What == "call" {
			t.Errorf("%s reached the host", e.From)
		}
	}
}

// Windows pipes a VirtualMachine to -VM, not to -VMName.
func TestPipelineBindsTheObject(t *testing.T) {
	w := newWorld(t)
	var out, problems bytes.Buffer
	script := "Get-VM -Name DB | Stop-VM -TurnOff -Force; Get-VM | Where-Object { $_.State -eq 'Off' } | ForEach-Object { $_.VMId.ToString() }"
	if code := w.sessions[hostA].Run(t.Context(), script, &out, &problems); code != 0 {
		t.Fatal(problems.String())
	}
	if got := strings.Join(strings.Fields(out.String()), " "); got != idDB+" "+idSecondDB+" "+idOff {
		t.Errorf("off are %s", got)
	}
}
