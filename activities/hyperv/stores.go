package hyperv

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Stores is what the replicas of a host rest on, which keys its VMs need, and
// which disks of its primary VMs replicate. Sizes are bytes.
type Stores struct {
	// UTC is the host's clock when it answered.
	UTC          time.Time     `json:"utc"`
	Certificates []Certificate `json:"certificates"`
	Volumes      []Volume      `json:"volumes"`
	// Encrypted are the volumes that BitLocker protects. A host without BitLocker
	// has none, and "Get-BitLockerVolume: CommandNotFoundException" in Problems.
	Encrypted []Encrypted `json:"encrypted"`
	Keys      Keys        `json:"keys"`
	VMs       []VMDisks   `json:"vms"`
	// Storages are the folders in which replicas are kept.
	Storages []string `json:"storages"`
	// Problems name the parts that could not be told, as "<cmdlet>: <error id>".
	Problems []string `json:"problems"`
}

// Certificate is one of the machine's own (Cert:\LocalMachine\My).
//
// Microsoft: about_Certificate_Provider.
type Certificate struct {
	Thumbprint string    `json:"thumbprint"`
	NotAfter   time.Time `json:"notAfter"`
}

// Volume is a volume of the host; Name is where it is mounted, such as D:\.
//
// Microsoft: Win32_Volume.
type Volume struct {
	Name string `json:"name"`
	Size uint64 `json:"size"`
	Free uint64 `json:"free"`
}

// VMDisks are the disks of a primary VM. Problems are as those of a Copy: the
// disks of such a VM are not known.
type VMDisks struct {
	VM       string   `json:"vm"`
	Disks    []VMDisk `json:"disks"`
	Problems []string `json:"problems"`
}

// VMDisk is a disk that a VM has, and whether it replicates.
//
// Microsoft: Hyper-V module, Get-VMHardDiskDrive; Get-VMReplication
// (ReplicatedDisks).
type VMDisk struct {
	Path       string `json:"path"`
	Replicated bool   `json:"replicated"`
}

// Stores asks for certificates, volumes, keys and disks, which change seldom.
//
// Microsoft: Hyper-V module, Get-VMHardDiskDrive, Get-VMReplication;
// about_Certificate_Provider; Win32_Volume.
func (h *Host) Stores(ctx context.Context) (stores Stores, err error) {
	err = h.read(ctx, "stores", "Get-LifeboatStores", "", none{}, func(b []byte) (err error) {
		stores, err = decodeStores(b)
		return err
	})
	return stores, err
}

func decodeStores(data []byte) (Stores, error) {
	var s Stores
	if err := decodeStrict(data, &s); err != nil {
		return Stores{}, err
	}
	if s.UTC.IsZero() {
		return Stores{}, errors.New("utc is missing")
	}
	if s.Certificates == nil || s.Volumes == nil || s.Encrypted == nil || s.Storages == nil || s.VMs == nil || s.Problems == nil {
		return Stores{}, errors.New("certificates, volumes, encrypted, storages, vms or problems is not a list")
	}
	if err := errors.Join(s.Keys.settle(), settleEncrypted(s.Encrypted)); err != nil {
		return Stores{}, err
	}
	s.UTC = s.UTC.UTC()
	for i := range s.Certificates {
		c := &s.Certificates[i]
		if c.Thumbprint == "" || c.NotAfter.IsZero() {
			return Stores{}, fmt.Errorf("certificates[%d]: thumbprint or notAfter is missing", i)
		}
		c.NotAfter = c.NotAfter.UTC()
	}
	for i, v := range s.Volumes {
		if v.Name == "" || v.Free > v.Size {
			return Stores{}, fmt.Errorf("volumes[%d]: no name, or more free than there is", i)
		}
	}
	seen := map[string]bool{}
	for i := range s.VMs {
		vm := &s.VMs[i]
		id, err := guid(vm.VM)
		if err != nil {
			return Stores{}, fmt.Errorf("vms[%d]: %w", i, err)
		}
		if seen[id] || vm.Disks == nil || vm.Problems == nil {
			return Stores{}, fmt.Errorf("vms[%d]: %s comes twice, or disks or problems is not a list", i, id)
		}
		vm.VM, seen[id] = id, true
	}
	return s, nil
}
