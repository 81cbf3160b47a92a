package cmdlet

import (
	"fmt"
	"strings"

	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// act does something to every VM a call names; with -Passthru it gives out what
// has become of each, a machine or its replication.
func (k *call) act(give func(hypervisor.VM) error, do func(id string) error) error {
	vms, _ := k.targets()
	return k.each(vms, func(vm hypervisor.VM) error {
		if vm.Provider != "" && strings.HasSuffix(k.name, "Replication") {
			return &hypervisor.Refusal{Kind: "InvalidOperation", Category: "InvalidOperation", Message: fmt.Sprintf("Operation not allowed because the virtual machine '%s' is replicating to a provider other than Hyper-V.", vm.Name)}
		}
		if err := do(vm.ID); err != nil || !k.on("Passthru") {
			return err
		}
		now, ok := k.host.VM(vm.ID)
		if !ok {
			return unknownVM("ID", vm.ID)
		}
		return give(now)
	})
}

func (k *call) giveMachine(vm hypervisor.VM) error { return k.put(k.machine(vm)) }

func (k *call) giveReplication(vm hypervisor.VM) error {
	for _, r := range vm.Relations {
		if err := k.put(k.replication(vm, r)); err != nil {
			return err
		}
	}
	return nil
}

// startVM is Start-VM.
func startVM(k *call) error {
	return k.act(k.giveMachine, func(id string) error { return k.host.StartVM(k.ctx, k.by, id) })
}

// stopVM is Stop-VM. Without -Force it asks a person when the guest cannot be
// asked to shut down; a session without a person gets an error instead.
func stopVM(k *call) error {
	how := hypervisor.StopHow{Force: k.on("Force"), TurnOff: k.on("TurnOff"), Save: k.on("Save")}
	if how.TurnOff && how.Save {
		return &hypervisor.Refusal{Kind: "InvalidParameter", Category: "InvalidArgument", Message: "-TurnOff and -Save exclude each other."}
	}
	return k.act(k.giveMachine, func(id string) error {
		err := k.host.StopVM(k.ctx, k.by, id, how)
		if err != nil && !how.Force && strings.HasSuffix(err.Error(), "a confirmation is needed.") {
			return k.asksSomebody()
		}
		return err
	})
}

// asksSomebody is what a prompt becomes in a session without a person.
func (k *call) asksSomebody() error {
	return &powershell.ErrorRecord{
		ID: "InvalidOperation," + k.doc.class(k.name), Category: "InvalidOperation", HResult: "0x80131509",
		Message: "Windows PowerShell is in NonInteractive mode. Read and Prompt functionality is not available.",
		Type:    "System.Management.Automation.PSInvalidOperationException",
	}
}

// setVM is Set-VM -AutomaticStartAction or -Notes.
func setVM(k *call) error {
	switch {
	case k.has("AutomaticStartAction") && k.has("Notes"):
		return notSimulated("Set-VM with more than one setting")
	case k.has("AutomaticStartAction"):
		return k.act(k.giveMachine, func(id string) error { return k.host.SetAutoStart(k.ctx, k.by, id, k.text("AutomaticStartAction")) })
	case k.has("Notes"):
		return k.act(k.giveMachine, func(id string) error { return k.host.SetNotes(k.ctx, k.by, id, k.text("Notes")) })
	}
	return notSimulated("Set-VM without -AutomaticStartAction or -Notes")
}

// startFailover is Start-VMFailover: -Prepare on a primary, else on a replica,
// to the latest data or to a recovery point. A test failover always gives out
// the VM that it made, and nothing else.
func startFailover(k *call) error {
	how := hypervisor.Failover{Prepare: k.on("Prepare"), AsTest: k.on("AsTest")}
	if point, ok := k.bound["VMRecoverySnapshot"].(*powershell.Object); ok {
		id, _ := point.Get("Id")
		how.Point = text(id)
		k.bound = map[string]any{"VM": []any{powershell.NewObject().Set("VMId", idOf(point))}, "Passthru": k.bound["Passthru"]}
	}
	if how.AsTest {
		delete(k.bound, "Passthru")
	}
	return k.act(k.giveMachine, func(id string) error {
		test, err := k.host.StartFailover(k.ctx, k.by, id, how)
		if err != nil || test == "" {
			return err
		}
		vm, ok := k.host.VM(test)
		if !ok {
			return unknownVM("ID", test)
		}
		return k.giveMachine(vm)
	})
}

// stopFailover is Stop-VMFailover.
func stopFailover(k *call) error {
	return k.act(k.giveMachine, func(id string) error { return k.host.StopFailover(k.ctx, k.by, id) })
}

// completeFailover is Complete-VMFailover.
func completeFailover(k *call) error {
	return k.act(k.giveMachine, func(id string) error { return k.host.CompleteFailover(k.ctx, k.by, id) })
}

// setReplication is Set-VMReplication: -Reverse, -AsReplica, or the settings of a
// relationship.
func setReplication(k *call) error {
	reverse, asReplica := k.on("Reverse"), k.on("AsReplica")
	switch {
	case reverse && asReplica:
		return &hypervisor.Refusal{Kind: "InvalidParameter", Category: "InvalidArgument", Message: "-Reverse and -AsReplica exclude each other."}
	case asReplica && k.hasAny(append([]string{"ReplicaServerName", "ReplicaServerPort", "AuthenticationType", "CertificateThumbprint"}, settingsOnly...)):
		return &hypervisor.Refusal{Kind: "InvalidParameter", Category: "InvalidArgument", Message: "-AsReplica goes with no other setting."}
	case asReplica:
		return k.act(k.giveReplication, func(id string) error { return k.host.SetAsReplica(k.ctx, k.by, id, k.text("AllowedPrimaryServer")) })
	case !reverse:
		return setSettings(k)
	}
	if k.hasAny(settingsOnly) {
		return notSimulated("Set-VMReplication -Reverse with settings")
	}
	how := hypervisor.Reverse{
		ReplicaServer: k.text("ReplicaServerName"), Port: k.number("ReplicaServerPort"), Auth: k.text("AuthenticationType"), Thumbprint: k.text("CertificateThumbprint"),
	}
	return k.act(k.giveReplication, func(id string) error { return k.host.Reverse(k.ctx, k.by, id, how) })
}

// removeReplication is Remove-VMReplication. It never asks the other side.
func removeReplication(k *call) error {
	which := k.relationship()
	return k.act(k.giveReplication, func(id string) error { return k.host.RemoveReplication(k.ctx, k.by, id, which) })
}

// suspendReplication is Suspend-VMReplication.
func suspendReplication(k *call) error {
	if k.relationship() == "Extended" {
		return k.act(k.giveReplication, func(id string) error { return k.host.SuspendExtended(k.ctx, k.by, id) })
	}
	return k.act(k.giveReplication, func(id string) error { return k.host.SuspendReplication(k.ctx, k.by, id) })
}

// resumeReplication is Resume-VMReplication. -Continue is the way on in the
// middle of a chain.
func resumeReplication(k *call) error {
	switch {
	case k.on("Continue"):
		return k.act(k.giveReplication, func(id string) error { return k.host.ContinueExtended(k.ctx, k.by, id, k.on("Resynchronize")) })
	case k.relationship() == "Extended":
		return k.act(k.giveReplication, func(id string) error { return k.host.ResumeExtended(k.ctx, k.by, id, k.on("Resynchronize")) })
	}
	return k.act(k.giveReplication, func(id string) error {
		if !k.has("VMReplication") && !k.has("ReplicationRelationshipType") {
			defer k.host.ResumesBeside(k.ctx, k.by, id)
		}
		return k.host.ResumeReplication(k.ctx, k.by, id, k.on("Resynchronize"))
	})
}

// removeSnapshot is Remove-VMSnapshot of one checkpoint that is handed over as the
// object it is.
func removeSnapshot(k *call) error {
	var point string
	for _, o := range list(k.bound["VMSnapshot"]) {
		if object, ok := o.(*powershell.Object); ok {
			id, _ := object.Get("Id")
			point = text(id)
		}
	}
	return k.act(k.giveMachine, func(id string) error { return k.host.RemoveCheckpoint(k.ctx, k.by, id, point) })
}

// stopReplication is Stop-VMReplication, which cancels a resynchronization.
func stopReplication(k *call) error {
	return k.act(k.giveReplication, func(id string) error { return k.host.StopReplication(k.ctx, k.by, id) })
}
