package cmdlet

import (
	"slices"

	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
)

// settingsOnly are the parameters of Set-VMReplication that change a relationship
// and go with neither -AsReplica ("no other setting") nor, here, -Reverse.
var settingsOnly = []string{
	"CompressionEnabled", "DisableVSSSnapshotReplication", "VSSSnapshotFrequencyHour", "RecoveryHistory", "ReplicationFrequencySec", "ReplicatedDisks", "ReplicatedDiskPaths",
}

// setSettings is Set-VMReplication with nothing but settings.
func setSettings(k *call) error {
	bad := func(message string) error {
		return &hypervisor.Refusal{Kind: "InvalidParameter", Category: "InvalidArgument", Message: message}
	}
	switch {
	case k.on("DisableVSSSnapshotReplication") && k.has("VSSSnapshotFrequencyHour"):
		return bad("-DisableVSSSnapshotReplication and -VSSSnapshotFrequencyHour exclude each other.")
	case k.has("ReplicatedDisks") && k.has("ReplicatedDiskPaths"):
		return bad("-ReplicatedDisks and -ReplicatedDiskPaths exclude each other.")
	case k.has("ReplicaServerName"):
		return notSimulated("Set-VMReplication -ReplicaServerName without -Reverse")
	}
	how := hypervisor.Settings{
		FrequencySec: k.given("ReplicationFrequencySec"), RecoveryHistory: k.given("RecoveryHistory"), VSSFrequencyHour: k.given("VSSSnapshotFrequencyHour"),
		Auth: k.text("AuthenticationType"), Port: k.number("ReplicaServerPort"), Thumbprint: k.text("CertificateThumbprint"),
	}
	if k.on("DisableVSSSnapshotReplication") {
		how.VSSFrequencyHour = new(int)
	}
	if k.has("CompressionEnabled") {
		on := k.on("CompressionEnabled")
		how.Compression = &on
	}
	if k.has("ReplicatedDisks") || k.has("ReplicatedDiskPaths") {
		how.Replicated = append(texts(k.bound["ReplicatedDiskPaths"]), properties(k.bound["ReplicatedDisks"], "Path")...)
	}
	return k.act(k.giveReplication, func(id string) error { return k.host.SetReplication(k.ctx, k.by, id, how) })
}

func (k *call) hasAny(names []string) bool { return slices.ContainsFunc(names, k.has) }

// given is a number that the caller gave, nil for none.
func (k *call) given(name string) *int {
	if !k.has(name) {
		return nil
	}
	n := k.number(name)
	return &n
}
