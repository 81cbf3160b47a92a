package hypervisor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/environment"
)

// NewVM is how New-VM was called, with a new disk.
type NewVM struct {
	Name       string
	Memory     int64
	Generation int
	DiskPath   string
	DiskBytes  uint64
}

const (
	createTakes = 2 * time.Second
	// emptyDisk is how large the file of a dynamic disk is at first.
	emptyDisk = 4 << 20
	// leastMemory is what a VM must have.
	leastMemory = 32 << 20
)

// CreateVM makes a VM that is off, on no switch, with a new dynamic disk on which
// there is nothing: its guest never comes up. It is started again with its host if
// it ran, as Hyper-V has it for a new VM. Its id is answered.
//
// Microsoft: New-VM -NewVHDPath -NewVHDSizeBytes; Set-VM -AutomaticStartAction.
func (h *Host) CreateVM(_ context.Context, by Caller, how NewVM) (string, error) {
	f := h.farm
	f.mu.Lock()
	defer f.mu.Unlock()
	_, taken := h.tree()[strings.ToLower(how.DiskPath)]
	switch {
	case !h.up:
		return "", refuse("OperationFailed", "NotSpecified", "the host is down")
	case how.Name == "", how.Memory < leastMemory, how.Generation < 1 || how.Generation > 2:
		return "", refuse("InvalidParameter", "InvalidArgument", "Name, MemoryStartupBytes or Generation")
	case how.Generation == 2 && !strings.HasSuffix(strings.ToLower(how.DiskPath), ".vhdx"):
		return "", refuse("InvalidParameter", "InvalidArgument", "A generation 2 virtual machine takes disks of the format VHDX.")
	case taken:
		return "", refuse("OperationFailed", "ResourceExists", fmt.Sprintf("The file '%s' exists (0x80070050).", how.DiskPath))
	}
	f.pass(createTakes)
	f.created++
	c := f.newCopy(h, &environment.VM{Name: how.Name, AutoStart: "StartIfRunning", Empty: true}, f.guid(fmt.Sprintf("created/%s/%d", h.env.Name, f.created)))
	c.memory, c.created, c.generation = how.Memory, f.Now(), how.Generation
	c.disks = []Disk{{Path: how.DiskPath, SizeBytes: how.DiskBytes, UsedBytes: emptyDisk, Controller: "SCSI", Replicated: true}}
	h.add(c)
	f.write(h.env.Name, c.id, "vm", "", "created", by.By)
	return c.id, nil
}

// SetNotes sets a VM's notes. They belong to one copy: replication does not carry
// them here.
//
// Microsoft: Set-VM -Notes.
func (h *Host) SetNotes(_ context.Context, by Caller, id, notes string) error {
	return h.change(id, "set", func(c *copyState) error {
		h.farm.write(h.env.Name, c.id, "vm", "notes="+c.notes, "notes="+notes, by.By)
		c.notes = notes
		return nil
	})
}

// Skip moves the simulated clock ahead at once. What is due by the clock happens
// at the farm's next beat, once; what an operation or a guest is waiting for takes
// as long as it takes.
func (f *Farm) Skip(d time.Duration) { f.skipped.Add(int64(d)) }
