package cmdlet_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/cmdlet"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// direct calls a cmdlet without any PowerShell around it.
func direct(f *hypervisor.Farm, host, name string, bound map[string]any) ([]*powershell.Object, *powershell.ErrorRecord) {
	c := cmdlet.New(f, f.Host(host), func() hypervisor.Caller { return hypervisor.Caller{By: testRequest} })
	var out []*powershell.Object
	rec := c.Invoke(context.Background(), nil, powershell.Invocation{Name: name, Bound: bound}, func(v any) error {
		if o, ok := v.(*powershell.Object); ok {
			out = append(out, o)
		}
		return nil
	})
	return out, rec
}

func names(objects []*powershell.Object) string {
	var all []string
	for _, o := range objects {
		v, _ := o.Get("Name")
		all = append(all, v.(string))
	}
	return strings.Join(all, ",")
}

func TestGetVMByNameIdAndPattern(t *testing.T) {
	f := newFarm(t)
	for _, c := range []struct {
		bound map[string]any
		want  string
	}{
		{map[string]any{"Name": []any{"app?"}}, "APP1,APP2"},
		{map[string]any{"Name": []any{"db"}}, "DB,DB"},
		{map[string]any{"Name": []any{"APP[13]"}}, "APP1"},
		{map[string]any{"Name": []any{"OFF", "APP2"}}, "OFF,APP2"},
		{map[string]any{"Name": []any{"x*"}}, ""},
		{map[string]any{"Id": powershell.GUID(idAPP1)}, "APP1"},
		{map[string]any{"Id": strings.ToUpper(idAPP1)}, "APP1"},
	} {
		got, rec := direct(f, hostA, "get-vm", c.bound)
		if rec != nil || names(got) != c.want {
			t.Errorf("Get-VM %v gives %s (%v), want %s", c.bound, names(got), rec, c.want)
		}
	}
}

func TestObjectsCarryTheContractsTypes(t *testing.T) {
	f := newFarm(t)
	got, rec := direct(f, hostA, "Get-VM", map[string]any{"Id": idDB})
	if rec != nil || len(got) != 1 {
		t.Fatal(rec)
	}
	o := got[0]
	if !o.Is("Microsoft.HyperV.PowerShell.VirtualMachine") || !o.Is("VirtualMachineBase") {
		t.Errorf("type names are %v", o.TypeNames)
	}
	if v, _ := o.Get("State"); v.(powershell.Enum).Value != 2 {
		t.Errorf("State is %v", v)
	}
	if v, _ := o.Get("VMId"); v != powershell.GUID(idDB) {
		t.Errorf("VMId is %v", v)
	}
	if v, _ := o.Get("CreationTime"); v.(time.Time).Location() != time.Local {
		t.Errorf("CreationTime is %v", v)
	}
	relations, rec := direct(f, hostB, "Get-VMReplication", map[string]any{"VM": []any{o}})
	if rec != nil || len(relations) != 1 {
		t.Fatal(rec)
	}
	for alias, property := range map[string]string{"State": "ReplicationState", "Mode": "ReplicationMode", "AuthType": "AuthenticationType", "Name": "VMName"} {
		a, _ := relations[0].Get(alias)
		p, _ := relations[0].Get(property)
		if a != p || a == nil {
			t.Errorf("%s is %v, %s is %v", alias, a, property, p)
		}
	}
}

// A VM that does not replicate is an error when it is named and passed over
// when it is not (replica model, section 1).
func TestReplicationOfWhatDoesNotReplicate(t *testing.T) {
	f := newFarm(t)
	all, rec := direct(f, hostA, "Get-VMReplication", nil)
	if rec != nil || len(all) != 4 {
		t.Errorf("%d relations (%v), want 4", len(all), rec)
	}
	_, rec = direct(f, hostA, "Get-VMReplication", map[string]any{"VMName": []any{"OFF"}})
	if rec == nil || rec.ID != "InvalidOperation,Microsoft.HyperV.PowerShell.Commands.GetVMReplication" {
		t.Errorf("a VM that does not replicate: %v", rec)
	}
	one, rec := direct(f, hostA, "Measure-VMReplication", map[string]any{"VMName": []any{"OFF", "APP1"}})
	if rec == nil || len(one) != 1 {
		t.Errorf("one of two replicates: %d figures, error %v", len(one), rec)
	}
	none, rec := direct(f, hostA, "Get-VMReplication", map[string]any{"ReplicationMode": "Replica"})
	if rec != nil || len(none) != 0 {
		t.Errorf("replicas on the primary: %d, %v", len(none), rec)
	}
}

func TestSeveralVMsEachInTurn(t *testing.T) {
	f := newFarm(t)
	out, rec := direct(f, hostA, "Start-VM", map[string]any{"Name": []any{"nosuch", "OFF"}, "Passthru": true})
	if rec == nil || rec.ID != "InvalidParameter,Microsoft.HyperV.PowerShell.Commands.StartVM" || names(out) != "OFF" {
		t.Errorf("started %s, error %v", names(out), rec)
	}
	if vm, _ := f.Host(hostA).VM(idOff); vm.Power != "Running" {
		t.Errorf("OFF is %s", vm.Power)
	}
}

func TestStopVMThatWouldAskSomebody(t *testing.T) {
	f := newFarm(t)
	if _, err := f.AddFault(hypervisor.Fault{Host: hostA, VM: idAPP1, Kind: "guest-hang"}); err != nil {
		t.Fatal(err)
	}
	_, rec := direct(f, hostA, "Stop-VM", map[string]any{"Name": []any{"APP1"}})
	if rec == nil || !strings.Contains(rec.Message, "NonInteractive") {
		t.Errorf("a hung guest without -Force: %v", rec)
	}
	if _, rec = direct(f, hostA, "Stop-VM", map[string]any{"Name": []any{"APP1"}, "TurnOff": true}); rec != nil {
		t.Error(rec)
	}
	if _, rec = direct(f, hostA, "Stop-VM", map[string]any{"Name": []any{"APP2"}}); rec != nil {
		t.Errorf("a guest that can shut down needs no person: %v", rec)
	}
}

func TestOtherComputersAndWhatIsNotSimulated(t *testing.T) {
	f := newFarm(t)
	_, rec := direct(f, hostA, "Get-VM", map[string]any{"ComputerName": []any{hostB}})
	if rec == nil || rec.Category != "PermissionDenied" {
		t.Errorf("a second hop: %v", rec)
	}
	if _, rec = direct(f, hostA, "Get-VM", map[string]any{"ComputerName": []any{"localhost"}}); rec != nil {
		t.Error(rec)
	}
	_, rec = direct(f, hostA, "Set-VM", map[string]any{"Name": []any{"DB"}, "ProcessorCount": int64(4)})
	if rec == nil || !strings.HasPrefix(rec.ID, "NotSimulated,") || !strings.Contains(rec.Message, "ProcessorCount") {
		t.Errorf("a parameter without effect: %v", rec)
	}
	_, rec = direct(f, hostA, "Get-CimInstance", map[string]any{"ClassName": "Win32_Nothing"})
	if rec == nil || rec.ID != "HRESULT 0x80041010,Microsoft.Management.Infrastructure.CimCmdlets.GetCimInstanceCommand" {
		t.Errorf("an unknown class: %v", rec)
	}
}

func TestAdapters(t *testing.T) {
	f := newFarm(t)
	cards, rec := direct(f, hostA, "Get-VMNetworkAdapter", map[string]any{"VMName": []any{"APP1"}})
	if rec != nil || len(cards) != 1 {
		t.Fatal(rec)
	}
	if _, rec = direct(f, hostA, "Disconnect-VMNetworkAdapter", map[string]any{"VMNetworkAdapter": []any{cards[0]}}); rec != nil {
		t.Fatal(rec)
	}
	out, rec := direct(f, hostA, "Connect-VMNetworkAdapter", map[string]any{"VMName": []any{"APP1"}, "SwitchName": "vSwitch-A", "Passthru": true})
	if rec != nil || len(out) != 1 {
		t.Fatal(rec)
	}
	if v, _ := out[0].Get("Connected"); v != true {
		t.Errorf("connected is %v", v)
	}
	address := map[string]any{"VMNetworkAdapter": cards[0], "IPv4Address": "10.1.0.9", "IPv4SubnetMask": "255.255.255.0", "IPv4AlternateDNSServer": "10.1.0.3"}
	if _, rec = direct(f, hostA, "Set-VMNetworkAdapterFailoverConfiguration", address); rec != nil {
		t.Fatal(rec)
	}
	got, rec := direct(f, hostA, "Get-VMNetworkAdapterFailoverConfiguration", map[string]any{"VMNetworkAdapter": []any{cards[0]}})
	if rec != nil || len(got) != 1 {
		t.Fatal(rec)
	}
	if v, _ := got[0].Get("IPv4Address"); v != "10.1.0.9" {
		t.Errorf("the address is %v", v)
	}
	_, rec = direct(f, hostA, "Get-VMNetworkAdapterFailoverConfiguration", map[string]any{"VMName": []any{"OFF"}})
	if rec == nil || rec.Category != "InvalidOperation" {
		t.Errorf("the failover address of a VM that does not replicate: %v", rec)
	}
}
