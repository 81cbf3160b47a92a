package hypervisor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ownProvider is the Name of Hyper-V's own Msvm_ReplicationProvider.
const ownProvider = "22391CDC-272C-4DDF-BA88-9BEFB1A0975C"

// HandOver gives a VM's replication to another provider, as Azure Site Recovery
// does: the cmdlets of Hyper-V Replica refuse it from then on.
//
// Microsoft: Msvm_ReplicationSettingData.ReplicationProvider.
func (h *Host) HandOver(_ context.Context, by Caller, id string) error {
	return h.change(id, "hand over", func(c *copyState) error {
		if c.mode == modeTest {
			return notApplicable(c, "another provider")
		}
		c.provider = "59DEEE88-A6C5-4D2C-8D4C-3D9F1D6D4B26"
		if c.auth == "" {
			c.auth = "Certificate" // the type has no empty value
		}
		c.partner, c.extended, c.nextCycle = nil, nil, h.farm.Now().AddDate(100, 0, 0)
		c.setMode(modePrimary, by.By)
		c.setState(stateReplicates, by.By)
		h.farm.write(h.env.Name, c.id, "provider", ownProvider, c.provider, by.By)
		return nil
	})
}

// FailProvider is what becomes of such a VM when its vault is gone.
func (h *Host) FailProvider(_ context.Context, by Caller, id string) error {
	return h.change(id, "lose its vault", func(c *copyState) error {
		if c.provider == "" {
			return notApplicable(c, "another provider")
		}
		c.setState(stateError, by.By)
		return nil
	})
}

// RemoveRelationship is RemoveReplicationRelationship of the WMI service: it
// takes whatever provider a VM's replication has, and answers by number.
//
// Microsoft: Msvm_ReplicationService; 32775 is "invalid state".
func (h *Host) RemoveRelationship(ctx context.Context, by Caller, id string) (int, error) {
	const done, invalidState = 0, 32775
	h.farm.mu.Lock()
	if c, err := h.find(id); err == nil {
		c.provider = ""
	}
	h.farm.mu.Unlock()
	err := h.RemoveReplication(ctx, by, id, "Simple")
	var refusal *Refusal
	switch {
	case err == nil:
		return done, nil
	case errors.As(err, &refusal) && refusal.Kind != "OperationFailed":
		return invalidState, nil
	}
	return 0, err
}

// ProviderName is how Msvm_ReplicationSettingData names the provider of a VM.
func (vm VM) ProviderName() string {
	name := vm.Provider
	if name == "" {
		name = ownProvider
	}
	return `Microsoft:` + name
}

// LeaveBackup makes a checkpoint as a backup does that never comes back for it.
//
// Microsoft: "Cannot delete a recovery checkpoint for a virtual machine".
func (h *Host) LeaveBackup(_ context.Context, by Caller, id string) error {
	return h.change(id, "take a checkpoint", func(c *copyState) error {
		p := Point{ID: h.farm.guid(fmt.Sprintf("backup/%s/%s/%d", h.env.Name, c.id, len(c.checkpoints))), Name: c.name + " - Backup", Type: "Recovery", Created: h.farm.Now()}
		c.checkpoints = append(c.checkpoints, p)
		h.farm.write(h.env.Name, c.id, "checkpoint", "", p.ID, by.By)
		return nil
	})
}

// RemoveCheckpoint merges a checkpoint into its VM.
//
// Microsoft: Remove-VMSnapshot. Recovery points of a replica are not taken away
// this way in this lab.
func (h *Host) RemoveCheckpoint(_ context.Context, by Caller, id, point string) error {
	return h.change(id, "remove a checkpoint", func(c *copyState) error {
		at := slices.IndexFunc(c.checkpoints, func(p Point) bool { return strings.EqualFold(p.ID, point) })
		if at < 0 {
			return refuse("InvalidParameter", "InvalidArgument", "Hyper-V was unable to find a checkpoint with ID "+point+".")
		}
		c.checkpoints = slices.Delete(slices.Clone(c.checkpoints), at, at+1)
		h.farm.write(h.env.Name, c.id, "checkpoint", point, "", by.By)
		return nil
	})
}

// LoseTest breaks what ties a test VM to its replica, as a replica that moves to
// another node of its cluster does.
//
// Microsoft: "Types of failover operations in Hyper-V Replica, part I".
func (h *Host) LoseTest(_ context.Context, by Caller, id string) error {
	return h.change(id, "lose its test VM", func(c *copyState) error {
		if c.test == nil {
			return invalidState(c, "lose its test VM")
		}
		h.farm.write(h.env.Name, c.id, "test", c.test.id, "lost", by.By)
		c.test.testOf, c.test = nil, nil
		return nil
	})
}
