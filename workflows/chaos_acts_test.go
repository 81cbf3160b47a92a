package workflows

import (
	"context"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
)

// chaosAct is what a changing function of the library does at a host. A new
// function is a row of chaosActs.
type chaosAct struct {
	// cmdlet is what the ledger names, called what it is called here: one cmdlet
	// does several things.
	cmdlet, called string
	verb           plans.Verb
	do             func(h *hypervisor.Host, by hypervisor.Caller, a chaosArgs) error
	// more is what the answer holds beside the view.
	more func(h *hypervisor.Host, a chaosArgs, answer map[string]any)
}

var chaosActs = map[string]chaosAct{
	"Stop-LifeboatGuest": {cmdlet: "Stop-VM", called: "Stop-VM", verb: plans.VerbShutDown, do: func(h *hypervisor.Host, by hypervisor.Caller, a chaosArgs) error {
		return h.StopVM(context.Background(), by, a.VM, hypervisor.StopHow{Force: true})
	}},
	"Stop-LifeboatPower": {cmdlet: "Stop-VM", called: "Stop-VM -TurnOff", verb: plans.VerbTurnOff, do: func(h *hypervisor.Host, by hypervisor.Caller, a chaosArgs) error {
		return h.StopVM(context.Background(), by, a.VM, hypervisor.StopHow{TurnOff: true})
	}},
	"Start-LifeboatCopy": {cmdlet: "Start-VM", called: "Start-VM", verb: plans.VerbStart, do: func(h *hypervisor.Host, by hypervisor.Caller, a chaosArgs) error {
		return h.StartVM(context.Background(), by, a.VM)
	}},
	"Start-LifeboatPrepare": {cmdlet: "Start-VMFailover", called: "Start-VMFailover -Prepare", verb: plans.VerbPrepareFailover, do: func(h *hypervisor.Host, by hypervisor.Caller, a chaosArgs) error {
		_, err := h.StartFailover(context.Background(), by, a.VM, hypervisor.Failover{Prepare: true})
		return err
	}},
	"Start-LifeboatFailover": {cmdlet: "Start-VMFailover", called: "Start-VMFailover", verb: plans.VerbStartFailover, do: func(h *hypervisor.Host, by hypervisor.Caller, a chaosArgs) error {
		_, err := h.StartFailover(context.Background(), by, a.VM, hypervisor.Failover{Point: a.Point})
		return err
	}},
	"Stop-LifeboatFailover": {cmdlet: "Stop-VMFailover", called: "Stop-VMFailover", verb: plans.VerbStopFailover, do: func(h *hypervisor.Host, by hypervisor.Caller, a chaosArgs) error {
		return h.StopFailover(context.Background(), by, a.VM)
	}},
	"Complete-LifeboatFailover": {cmdlet: "Complete-VMFailover", called: "Complete-VMFailover", verb: plans.VerbComplete, do: func(h *hypervisor.Host, by hypervisor.Caller, a chaosArgs) error {
		return h.CompleteFailover(context.Background(), by, a.VM)
	}},
	"Set-LifeboatReverse": {cmdlet: "Set-VMReplication", called: "Set-VMReplication -Reverse", verb: plans.VerbReverse, do: func(h *hypervisor.Host, by hypervisor.Caller, a chaosArgs) error {
		return h.Reverse(context.Background(), by, a.VM, hypervisor.Reverse{ReplicaServer: a.ReplicaServer, Thumbprint: a.Thumbprint})
	}},
	"Set-LifeboatAsReplica": {cmdlet: "Set-VMReplication", called: "Set-VMReplication -AsReplica", verb: plans.VerbAsReplica, do: func(h *hypervisor.Host, by hypervisor.Caller, a chaosArgs) error {
		return h.SetAsReplica(context.Background(), by, a.VM, a.AllowedPrimary)
	}},
	"Start-LifeboatInitial": {cmdlet: "Start-VMInitialReplication", called: "Start-VMInitialReplication", verb: plans.VerbStartInitial, do: func(h *hypervisor.Host, by hypervisor.Caller, a chaosArgs) error {
		return h.StartInitialReplication(context.Background(), by, a.VM)
	}},
	"Resume-LifeboatReplication": {cmdlet: "Resume-VMReplication", called: "Resume-VMReplication", verb: plans.VerbResume, do: func(h *hypervisor.Host, by hypervisor.Caller, a chaosArgs) error {
		return h.ResumeReplication(context.Background(), by, a.VM, false)
	}},
	"Start-LifeboatResync": {cmdlet: "Resume-VMReplication", called: "Resume-VMReplication -Resynchronize", verb: plans.VerbResync, do: func(h *hypervisor.Host, by hypervisor.Caller, a chaosArgs) error {
		return h.ResumeReplication(context.Background(), by, a.VM, true)
	}},
	"Set-LifeboatStartAction": {cmdlet: "Set-VM", called: "Set-VM -AutomaticStartAction", verb: plans.VerbNoAutoStart, do: func(h *hypervisor.Host, by hypervisor.Caller, a chaosArgs) error {
		return h.SetAutoStart(context.Background(), by, a.VM, a.Action)
	}, more: func(_ *hypervisor.Host, a chaosArgs, answer map[string]any) { answer["autoStart"] = a.Action }},
	"Set-LifeboatNetwork": {cmdlet: "Connect-VMNetworkAdapter", called: "Connect-VMNetworkAdapter", verb: plans.VerbSetNetwork, do: chaosConnect, more: chaosAdapters},
	"Disconnect-LifeboatNetwork": {cmdlet: "Disconnect-VMNetworkAdapter", called: "Disconnect-VMNetworkAdapter", verb: plans.VerbDisconnect, do: func(h *hypervisor.Host, by hypervisor.Caller, a chaosArgs) error {
		vm, _ := h.VM(a.VM)
		return h.DisconnectAdapter(context.Background(), by, a.VM, vm.Adapters[0].ID)
	}, more: chaosAdapters},
	"Set-LifeboatTestNetwork": {cmdlet: "Set-VMNetworkAdapter", called: "Set-VMNetworkAdapter -TestReplicaSwitchName", verb: plans.VerbSetTestNetwork, do: func(h *hypervisor.Host, by hypervisor.Caller, a chaosArgs) error {
		vm, _ := h.VM(a.VM)
		return h.SetTestSwitch(context.Background(), by, a.VM, vm.Adapters[0].ID, a.NICs[0].Switch)
	}, more: chaosAdapters},
	"Start-LifeboatTest": {cmdlet: "Start-VMFailover", called: "Start-VMFailover -AsTest", verb: plans.VerbStartTest, do: func(h *hypervisor.Host, by hypervisor.Caller, a chaosArgs) error {
		if vm, _ := h.VM(a.VM); vm.TestVM != "" {
			return &hypervisor.Refusal{Kind: "LifeboatTestExists", Category: "OperationStopped", Message: "LifeboatTestExists"}
		}
		_, err := h.StartFailover(context.Background(), by, a.VM, hypervisor.Failover{AsTest: true, Point: a.Point})
		return err
	}, more: chaosTestVM},
	"Stop-LifeboatTest": {cmdlet: "Stop-VMFailover", called: "Stop-VMFailover of a test", verb: plans.VerbStopTest, do: func(h *hypervisor.Host, by hypervisor.Caller, a chaosArgs) error {
		if vm, _ := h.VM(a.VM); vm.TestVM == "" {
			return &hypervisor.Refusal{Kind: "LifeboatTestNotFound", Category: "OperationStopped", Message: "LifeboatTestNotFound"}
		}
		return h.StopFailover(context.Background(), by, a.VM)
	}, more: chaosTestVM},
}

// chaosCalled is what the act behind a verb is called.
func chaosCalledBy(verb plans.Verb) string {
	if verb == plans.VerbAutoStart {
		verb = plans.VerbNoAutoStart
	}
	for _, act := range chaosActs {
		if act.verb == verb {
			return act.called
		}
	}
	return string(verb)
}

func chaosConnect(h *hypervisor.Host, by hypervisor.Caller, a chaosArgs) error {
	vm, _ := h.VM(a.VM)
	for _, nic := range a.NICs {
		if err := h.ConnectAdapter(context.Background(), by, a.VM, vm.Adapters[0].ID, nic.Switch); err != nil {
			return err
		}
		want := hypervisor.Adapter{}
		if nic.Inject {
			want = hypervisor.Adapter{FailoverIP: nic.IP, FailoverMask: nic.Mask, FailoverGateway: nic.Gateway, FailoverDNS: nic.DNS}
		}
		if err := h.SetFailoverAddress(context.Background(), by, a.VM, vm.Adapters[0].ID, want); err != nil {
			return err
		}
	}
	return nil
}

func chaosAdapters(h *hypervisor.Host, a chaosArgs, answer map[string]any) {
	vm, _ := h.VM(a.VM)
	answer["adapters"] = adaptersOf(vm)
}

func chaosTestVM(h *hypervisor.Host, a chaosArgs, answer map[string]any) {
	vm, _ := h.VM(a.VM)
	answer["testVM"] = vm.TestVM
}

// chaosReads is what the reading functions of the library tell.
var chaosReads = map[string]func(h *hypervisor.Host, a chaosArgs) (any, error){
	"Get-LifeboatHost": func(h *hypervisor.Host, _ chaosArgs) (any, error) {
		i := h.Info()
		facts := hyperv.HostFacts{Name: i.Name, UTC: time.Now().UTC(), OS: i.OS, Version: i.Build, Memory: uint64(i.Memory), Processors: i.Processors,
			Supported: i.Supported, Switches: []hyperv.SwitchFacts{},
			Replica: hyperv.ReplicaFacts{Enabled: i.Replica.Enabled, Auth: i.Replica.Auth, KerberosPort: i.Replica.KerberosPort, CertificatePort: i.Replica.CertificatePort,
				Thumbprint: i.Replica.Thumbprint, AnyServer: i.Replica.AnyServer, Storage: i.Replica.Storage, Entries: []hyperv.EntryFacts{}}}
		for _, s := range i.Switches {
			facts.Switches = append(facts.Switches, hyperv.SwitchFacts{Name: s.Name, Type: s.Type})
		}
		return facts, nil
	},
	"Get-LifeboatCopies": func(h *hypervisor.Host, a chaosArgs) (any, error) {
		out := hyperv.Copies{UTC: time.Now().UTC(), Copies: []hyperv.Copy{}, Missing: []string{}}
		if len(a.VMs) == 0 {
			for _, vm := range h.VMs() {
				out.Copies = append(out.Copies, chaosCopy(vm))
			}
		}
		for _, id := range a.VMs {
			if vm, ok := h.VM(id); ok {
				out.Copies = append(out.Copies, chaosCopy(vm))
			} else {
				out.Missing = append(out.Missing, id)
			}
		}
		return out, nil
	},
	"Get-LifeboatPoints": func(h *hypervisor.Host, a chaosArgs) (any, error) {
		type points struct {
			VM       string         `json:"vm"`
			Points   []hyperv.Point `json:"points"`
			Problems []string       `json:"problems"`
		}
		vms, missing := []points{}, []string{}
		for _, id := range a.VMs {
			vm, ok := h.VM(id)
			if !ok {
				missing = append(missing, id)
				continue
			}
			one := points{VM: id, Points: []hyperv.Point{}, Problems: []string{}}
			for _, p := range vm.Points {
				one.Points = append(one.Points, hyperv.Point{ID: p.ID, Name: p.Name, Type: p.Type, Created: p.Created})
			}
			vms = append(vms, one)
		}
		return map[string]any{"vms": vms, "missing": missing}, nil
	},
	"Get-LifeboatStores": func(h *hypervisor.Host, _ chaosArgs) (any, error) {
		i := h.Info()
		return hyperv.Stores{UTC: time.Now().UTC(), Certificates: []hyperv.Certificate{}, VMs: []hyperv.VMDisks{}, Problems: []string{},
			Volumes: []hyperv.Volume{{Name: i.Volume, Size: i.VolumeSize, Free: i.VolumeFree}}, Storages: []string{i.Replica.Storage}, Encrypted: []hyperv.Encrypted{},
			Keys: hyperv.Keys{VMs: []hyperv.VMKey{}, Local: []string{}, Problems: []string{}}}, nil
	},
}

func chaosCopy(vm hypervisor.VM) hyperv.Copy {
	c := hyperv.Copy{VM: vm.ID, Name: vm.Name, Power: vm.Power, Mode: vm.Mode, State: vm.State, Health: vm.Health, Heartbeat: vm.Heartbeat,
		AutoStart: vm.AutoStart, Version: vm.Version, Generation: vm.Generation, MemoryStartup: uint64(vm.MemoryStartup), MemoryAssigned: uint64(vm.MemoryAssigned),
		UptimeSec: int64(vm.Uptime.Seconds()), Status: vm.Status, Relations: []hyperv.Relation{}, Adapters: []hyperv.Adapter{}, Problems: []string{}}
	for _, r := range vm.Relations {
		c.Relations = append(c.Relations, hyperv.Relation{Relationship: r.Relationship, Mode: r.Mode, State: r.State, Health: r.Health,
			PrimaryServer: r.PrimaryServer, ReplicaServer: r.ReplicaServer, CurrentReplicaServer: r.CurrentReplicaServer, FrequencySec: r.FrequencySec,
			RecoveryHistory: r.RecoveryHistory, LastReplication: r.LastReplication, Auth: r.Auth, Thumbprint: r.Thumbprint, Port: r.Port,
			TestVM: vm.TestVM, AutoResync: r.AutoResync, InitialBytes: &r.InitialBytes, PendingBytes: &r.PendingBytes})
		if r.Relationship == "Simple" {
			c.PendingBytes, c.FailoverType = &r.PendingBytes, &r.FailoverType
		}
	}
	c.Adapters = adaptersOf(vm)
	return c
}

func adaptersOf(vm hypervisor.VM) []hyperv.Adapter {
	out := []hyperv.Adapter{}
	for _, a := range vm.Adapters {
		card := hyperv.Adapter{Name: a.Name, Switch: a.Switch, Connected: a.Switch != "", IPs: append([]string{}, a.IPs...),
			FailoverIP: a.FailoverIP, FailoverMask: a.FailoverMask, FailoverGateway: a.FailoverGateway, FailoverDNS: append([]string{}, a.FailoverDNS...), TestSwitch: a.TestSwitch}
		out = append(out, card)
	}
	return out
}
