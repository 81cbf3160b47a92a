package hyperv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// EnableOptions says how a VM is to be replicated.
type EnableOptions struct {
	// ReplicaServer is the DNS name of the other host, or of its cluster's
	// broker; Port is where it listens, Auth is Kerberos or Certificate.
	ReplicaServer string `json:"ReplicaServer"`
	Port          int    `json:"Port"`
	Auth          string `json:"Auth"`
	// Thumbprint is this host's own certificate, for Certificate.
	Thumbprint string `json:"Thumbprint"`
	// FrequencySec is 30, 300 or 900.
	FrequencySec int `json:"FrequencySec"`
	// RecoveryHistory is how many extra hourly points are kept, 0 to 24.
	RecoveryHistory int `json:"RecoveryHistory"`
	// VSSHours is how often an application-consistent point is made, 1 to 12
	// hours and with a RecoveryHistory only; 0 is never.
	VSSHours int `json:"VSSHours"`
	// Compression is nil where Hyper-V's own default is to hold.
	Compression *bool `json:"Compression"`
	// ExcludedDisks are paths of virtual disks that are not replicated.
	ExcludedDisks []string `json:"ExcludedDisks"`
}

// check refuses what every host would, before anything is sent.
//
// Microsoft: Hyper-V module, Enable-VMReplication (parameters).
func (o EnableOptions) check() error {
	switch {
	case o.ReplicaServer == "":
		return errors.New("no replica server is named")
	case o.Port < 1 || o.Port > 65535:
		return fmt.Errorf("%d is not a port", o.Port)
	case o.Auth != "Kerberos" && o.Auth != "Certificate":
		return fmt.Errorf("auth is %q (want Kerberos or Certificate)", o.Auth)
	case o.Auth == "Certificate" && o.Thumbprint == "":
		return errors.New("no thumbprint is given: Certificate needs that of the primary's own certificate")
	case !slices.Contains([]int{30, 300, 900}, o.FrequencySec):
		return fmt.Errorf("the frequency is %d s (want 30, 300 or 900)", o.FrequencySec)
	case o.RecoveryHistory < 0 || o.RecoveryHistory > 24:
		return fmt.Errorf("%d recovery points are asked for (want 0 to 24)", o.RecoveryHistory)
	case o.VSSHours < 0 || o.VSSHours > 12:
		return fmt.Errorf("application-consistent points every %d hours are asked for (want 0 to 12)", o.VSSHours)
	case o.VSSHours > 0 && o.RecoveryHistory == 0:
		return errors.New("application-consistent points need a recovery history of at least 1")
	}
	return nil
}

// EnableReplication makes a VM that does not replicate the primary of a new
// replica on another host, or, on a replica, extends replication to a third
// host. The other host is asked at once; nothing is copied before StartInitial.
//
// Microsoft: Hyper-V module, Enable-VMReplication.
func (h *Host) EnableReplication(ctx context.Context, id string, expect Expect, within time.Duration, options EnableOptions) (ActResult, error) {
	id, err := guid(id)
	if err != nil {
		return ActResult{}, err
	}
	if err := options.check(); err != nil {
		return ActResult{}, fmt.Errorf("enable-replication: %w", err)
	}
	if options.ExcludedDisks == nil {
		options.ExcludedDisks = []string{}
	}
	args := struct {
		VM string `json:"VM"`
		EnableOptions
	}{id, options}
	return h.act(ctx, "enable-replication", "Enable-LifeboatReplication", id, args, expect, within, actTimeout)
}

// RemoveReplication ends one relationship of the VM, Simple or Extended, on this
// host alone: the other side keeps its own, the VM and its disks stay, and a
// replica becomes startable. It is refused with ErrExtended while an extended
// relationship hangs on the simple one.
//
// Microsoft: Hyper-V module, Remove-VMReplication.
func (h *Host) RemoveReplication(ctx context.Context, id string, expect Expect, within time.Duration, relationship string) (ActResult, error) {
	id, err := guid(id)
	if err != nil {
		return ActResult{}, err
	}
	if relationship != "Simple" && relationship != "Extended" {
		return ActResult{}, fmt.Errorf("remove-replication: %q is no relationship (want Simple or Extended)", relationship)
	}
	args := struct {
		VM           string `json:"VM"`
		Relationship string `json:"Relationship"`
	}{id, relationship}
	return h.act(ctx, "remove-replication", "Remove-LifeboatReplication", id, args, expect, within, actTimeout)
}

// ContinueExtended makes the middle of a chain, after a failover to it, the
// primary of the host to which it extends. It commits the failover: no way
// back. The old primary keeps its side of the first relationship.
//
// Microsoft: Hyper-V module, Resume-VMReplication -Continue, whose help says
// less; win32 docs, ChangeReplicationModeToPrimary method of
// Msvm_ReplicationService.
func (h *Host) ContinueExtended(ctx context.Context, id string, expect Expect, within time.Duration) (ActResult, error) {
	return h.plain(ctx, "continue-extended", "Resume-LifeboatExtended", id, expect, within, longTimeout)
}
