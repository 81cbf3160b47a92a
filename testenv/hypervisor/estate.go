package hypervisor

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// What people do to an estate between two drills, and what shows only on the
// day.

// AddDisk gives a VM a new disk of 500 GB. One that is added while the VM
// replicates is not among the replicated disks until somebody adds it there.
//
// Microsoft: Add-VMHardDiskDrive; Set-VMReplication -ReplicatedDisks.
func (h *Host) AddDisk(_ context.Context, by Caller, id string) error {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	c, err := h.find(id)
	if err != nil {
		return err
	}
	n := len(c.disks)
	path := fmt.Sprintf(`D:\VMs\%s\disk%d.vhdx`, c.id, n)
	c.disks = append(c.disks, Disk{Path: path, SizeBytes: uint64(gb(500)), UsedBytes: uint64(gb(4)), Controller: "SCSI", Slot: n})
	h.farm.write(h.env.Name, c.id, "disk", "", path, by.By)
	return nil
}

// AddChild gives a VM a differencing disk on a parent that is no disk of its own.
//
// Microsoft: New-VHD -ParentPath; Add-VMHardDiskDrive.
func (h *Host) AddChild(by Caller, id, parent string) error {
	if err := h.AddDisk(context.Background(), by, id); err != nil {
		return err
	}
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	c, err := h.find(id)
	if err != nil {
		return err
	}
	c.disks[len(c.disks)-1].Parent = parent
	return nil
}

// VHD is a disk file of this host, by its path.
//
// Microsoft: Get-VHD.
func (h *Host) VHD(path string) (Disk, bool) {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	for _, c := range h.copies {
		for _, d := range c.disks {
			if strings.EqualFold(d.Path, path) {
				return d, true
			}
		}
	}
	f, ok := h.tree()[strings.ToLower(clean(path))]
	return Disk{Path: f.Path, UsedBytes: f.Size}, ok && !f.Folder
}

// TakeCheckpoint makes a checkpoint that somebody forgets.
//
// Microsoft: Checkpoint-VM (SnapshotType Standard).
func (h *Host) TakeCheckpoint(_ context.Context, by Caller, id string) error {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	c, err := h.find(id)
	if err != nil {
		return err
	}
	p := Point{ID: h.farm.guid(fmt.Sprintf("checkpoint/%s/%d", c.id, len(c.checkpoints))), Name: "before the update", Type: "Standard", Created: h.farm.Now()}
	c.checkpoints = append(c.checkpoints, p)
	h.farm.write(h.env.Name, c.id, "checkpoint", "", p.ID, by.By)
	return nil
}

// UpgradeVersion brings a VM to the newest configuration version of its host.
// There is no way down again.
//
// Microsoft: Update-VMVersion.
func (h *Host) UpgradeVersion(_ context.Context, by Caller, id string) error {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	c, err := h.find(id)
	if err != nil {
		return err
	}
	known := builds[h.env.OS].versions
	was := c.configVersion()
	c.upgraded = known[len(known)-1]
	h.farm.write(h.env.Name, c.id, "version", was, c.upgraded, by.By)
	return nil
}

func (c *copyState) configVersion() string {
	if c.upgraded != "" {
		return c.upgraded
	}
	return version
}

// Fill lets other files take so much of a host's volume that percent of it is
// used.
func (f *Farm) Fill(name, percent, by string) bool {
	h := f.Host(name)
	wanted, err := strconv.ParseUint(percent, 10, 64)
	if h == nil || err != nil || wanted > 100 {
		return false
	}
	info := h.Info()
	f.mu.Lock()
	defer f.mu.Unlock()
	used := info.VolumeSize - info.VolumeFree - h.filled
	h.filled = 0
	if full := info.VolumeSize / 100 * wanted; full > used {
		h.filled = full - used
	}
	f.write(name, "", "volume", "", percent+" % used", by)
	return true
}
