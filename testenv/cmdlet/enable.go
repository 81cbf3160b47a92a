package cmdlet

import (
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// enableReplication is Enable-VMReplication: towards a replica server, or with
// -AsReplica of a copy that shall be a seed.
func enableReplication(k *call) error {
	if k.on("AsReplica") {
		return k.act(k.giveReplication, func(id string) error {
			return k.host.EnableAsReplica(k.ctx, k.by, id, k.text("AllowedPrimaryServer"))
		})
	}
	how := hypervisor.Enable{
		ReplicaServer: k.text("ReplicaServerName"), Port: k.number("ReplicaServerPort"), Auth: k.text("AuthenticationType"),
		Thumbprint: k.text("CertificateThumbprint"), FrequencySec: k.number("ReplicationFrequencySec"), RecoveryHistory: k.number("RecoveryHistory"),
		VSSFrequencyHour: k.number("VSSSnapshotFrequencyHour"), Uncompressed: k.has("CompressionEnabled") && !k.on("CompressionEnabled"),
		Excluded: append(texts(k.bound["ExcludedVhdPath"]), properties(k.bound["ExcludedVhd"], "Path")...),
	}
	return k.act(k.giveReplication, func(id string) error { return k.host.EnableReplication(k.ctx, k.by, id, how) })
}

// properties are one property of each object.
func properties(objects any, name string) []string {
	var out []string
	for _, o := range list(objects) {
		if object, ok := o.(*powershell.Object); ok {
			v, _ := object.Get(name)
			out = append(out, text(v))
		}
	}
	return out
}

// startInitial is Start-VMInitialReplication: over the network, now or at a time,
// compared with a seed, or written to a folder.
func startInitial(k *call) error {
	if k.on("UseBackup") && k.has("DestinationPath") {
		return &hypervisor.Refusal{Kind: "InvalidParameter", Category: "InvalidArgument", Message: "-UseBackup and -DestinationPath exclude each other."}
	}
	if k.has("InitialReplicationStartTime") && (k.on("UseBackup") || k.has("DestinationPath")) {
		return &hypervisor.Refusal{Kind: "InvalidParameter", Category: "InvalidArgument", Message: "-InitialReplicationStartTime is for an initial replication over the network."}
	}
	return k.act(k.giveReplication, func(id string) error {
		switch {
		case k.has("InitialReplicationStartTime"):
			at, err := moment(k.bound["InitialReplicationStartTime"])
			if err != nil {
				return &hypervisor.Refusal{Kind: "InvalidParameter", Category: "InvalidArgument", Message: "InitialReplicationStartTime"}
			}
			return k.host.ScheduleInitial(k.ctx, k.by, id, k.moment(at))
		case k.on("UseBackup"):
			return k.host.StartInitialFromSeed(k.ctx, k.by, id)
		case k.has("DestinationPath"):
			return k.host.ExportInitial(k.ctx, k.by, id, k.text("DestinationPath"))
		}
		return k.host.StartInitialReplication(k.ctx, k.by, id)
	})
}

// moment is a DateTime as the interpreter binds it, or as the stand-in module
// hands it on.
func moment(v any) (time.Time, error) {
	if at, ok := v.(time.Time); ok {
		return at, nil
	}
	return time.Parse(time.RFC3339Nano, text(v))
}

// stopInitial is Stop-VMInitialReplication.
func stopInitial(k *call) error {
	return k.act(k.giveReplication, func(id string) error { return k.host.StopInitialReplication(k.ctx, k.by, id) })
}

// importInitial is Import-VMInitialReplication.
func importInitial(k *call) error {
	return k.act(k.giveReplication, func(id string) error { return k.host.ImportInitial(k.ctx, k.by, id, k.text("Path")) })
}

// removeVM is Remove-VM. Without -Force it asks a person.
func removeVM(k *call) error {
	vms, _ := k.targets()
	return k.each(vms, func(vm hypervisor.VM) error {
		if !k.on("Force") {
			return k.asksSomebody()
		}
		if err := k.host.RemoveVM(k.ctx, k.by, vm.ID); err != nil || !k.on("Passthru") {
			return err
		}
		return k.giveMachine(vm)
	})
}
