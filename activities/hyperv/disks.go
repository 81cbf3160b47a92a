package hyperv

import (
	"context"
	"errors"
	"fmt"
)

// Disk is a disk of a VM. Sizes are bytes, nil where the host does not tell.
//
// Microsoft: Hyper-V module, Get-VMHardDiskDrive, Get-VHD.
type Disk struct {
	Path string `json:"path"`
	// Size is the disk's, Used what its file takes now.
	Size *uint64 `json:"size"`
	Used *uint64 `json:"used"`
	// Problem is why there are none, as "<cmdlet>: <error id>".
	Problem string `json:"problem"`
}

// Disks asks for the disks of one VM.
//
// Microsoft: Hyper-V module, Get-VM, Get-VMHardDiskDrive, Get-VHD.
func (h *Host) Disks(ctx context.Context, id string) (disks []Disk, err error) {
	id, err = guid(id)
	if err != nil {
		return nil, err
	}
	err = h.read(ctx, "disks", "Get-LifeboatDisks", id, vmArgs{VM: id}, func(b []byte) (err error) {
		disks, err = decodeDisks(b, id)
		return err
	})
	return disks, err
}

func decodeDisks(data []byte, asked string) ([]Disk, error) {
	var answer struct {
		VM    string `json:"vm"`
		Disks []Disk `json:"disks"`
	}
	if err := decodeStrict(data, &answer); err != nil {
		return nil, err
	}
	id, err := guid(answer.VM)
	switch {
	case err != nil:
		return nil, err
	case id != asked:
		return nil, fmt.Errorf("asked for %s, answered of %s", asked, id)
	case answer.Disks == nil:
		return nil, errors.New("disks is not a list")
	}
	for i, d := range answer.Disks {
		if (d.Size == nil || d.Used == nil) == (d.Problem == "") {
			return nil, fmt.Errorf("disks[%d]: it has a size, or a reason why not", i)
		}
	}
	return answer.Disks, nil
}
