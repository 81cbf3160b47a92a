package hyperv

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// SelftestFacts is what one host says of the VMs of self-tests.
type SelftestFacts struct {
	VMs []SelftestCopy `json:"vms"`
	// Strays are names of VMs that look like one and bear no mark.
	Strays []string `json:"strays"`
}

// SelftestCopy is a copy of a self-test's VM, or of one that was asked for.
//
// Microsoft: Hyper-V module, Get-VM.
type SelftestCopy struct {
	VM    string `json:"vm"`
	Name  string `json:"name"`
	Power string `json:"power"`
	Mode  string `json:"mode"`
	State string `json:"state"`
	// Marked is true when its notes are the mark of a self-test's VM with this
	// very id.
	Marked bool     `json:"marked"`
	MACs   []string `json:"macs"`
	Disks  []string `json:"disks"`
	// Points are the types of its checkpoints.
	Points []string `json:"points"`
}

// Selftests asks for all marked VMs of the host and for those with these ids; an
// id that the host does not have is left out.
//
// Microsoft: Hyper-V module, Get-VM (Notes), Get-VMNetworkAdapter,
// Get-VMHardDiskDrive, Get-VMSnapshot.
func (h *Host) Selftests(ctx context.Context, ids []string) (facts SelftestFacts, err error) {
	args, _, err := manyVMs(ids)
	if err != nil {
		return SelftestFacts{}, err
	}
	err = h.read(ctx, "self-tests", "Get-LifeboatSelftest", "", args, func(b []byte) (err error) {
		facts, err = decodeSelftests(b)
		return err
	})
	return facts, err
}

func decodeSelftests(data []byte) (SelftestFacts, error) {
	var f SelftestFacts
	if err := decodeStrict(data, &f); err != nil {
		return SelftestFacts{}, err
	}
	if f.VMs == nil || f.Strays == nil {
		return SelftestFacts{}, errors.New("vms or strays is not a list")
	}
	seen := map[string]bool{}
	for i := range f.VMs {
		c := &f.VMs[i]
		id, err := guid(c.VM)
		switch {
		case err != nil:
			return SelftestFacts{}, fmt.Errorf("vms[%d]: %w", i, err)
		case seen[id]:
			return SelftestFacts{}, fmt.Errorf("vms[%d]: %s comes twice", i, id)
		case c.MACs == nil || c.Disks == nil || c.Points == nil:
			return SelftestFacts{}, fmt.Errorf("vms[%d]: macs, disks or points is not a list", i)
		}
		if err := (View{c.Power, c.Mode, c.State}).check(); err != nil {
			return SelftestFacts{}, fmt.Errorf("vms[%d]: %w", i, err)
		}
		c.VM, seen[id] = id, true
	}
	return f, nil
}

// MakeSelftest makes a small VM without an operating system and without a
// network, marks it and answers its id. Asked again with the same name it finds
// the one that is there. Sizes are bytes.
//
// Microsoft: Hyper-V module, New-VM, Set-VM -Notes.
func (h *Host) MakeSelftest(ctx context.Context, name string, memory, disk int64) (id string, err error) {
	const op = "make-self-test"
	args := struct {
		Name   string `json:"Name"`
		Memory int64  `json:"Memory"`
		Disk   int64  `json:"Disk"`
	}{name, memory, disk}
	a, err := h.runner.Run(ctx, Call{Function: "New-LifeboatSelftest", Args: args, Lane: ActLane, Timeout: actTimeout})
	if err != nil {
		return "", refusal(op, h.Name(), "", err)
	}
	var made struct {
		VM string `json:"vm"`
	}
	if err = decodeStrict(a.Result, &made); err == nil {
		id, err = guid(made.VM)
	}
	if err != nil {
		return "", unreadable(op, h.Name(), "", true, err)
	}
	return id, nil
}

// MarkSelftest marks a copy of a self-test's VM.
//
// Microsoft: Hyper-V module, Set-VM -Notes.
func (h *Host) MarkSelftest(ctx context.Context, id string, expect Expect, within time.Duration) (ActResult, error) {
	return h.plain(ctx, "mark-self-test", "Set-LifeboatSelftestMark", id, expect, within, actTimeout)
}

// RemoveSelftest removes a copy of a self-test's VM and its disks. It is refused
// with ErrNotMarked unless the mark is on it, with ErrWrongState unless it is off
// and does not replicate. Now of the result is what it was.
//
// Microsoft: Hyper-V module, Remove-VM, which leaves the disks.
func (h *Host) RemoveSelftest(ctx context.Context, id string, expect Expect, within time.Duration) (ActResult, error) {
	return h.plain(ctx, "remove-self-test", "Remove-LifeboatSelftest", id, expect, within, actTimeout)
}

// SaveSelftest saves a VM that runs.
//
// Microsoft: Hyper-V module, Stop-VM -Save.
func (h *Host) SaveSelftest(ctx context.Context, id string, expect Expect, within time.Duration) (ActResult, error) {
	return h.plain(ctx, "save-self-test", "Save-LifeboatSelftest", id, expect, within, actTimeout)
}

// SecondTest asks a replica for a test VM although it has one, to hear what it
// says.
//
// Microsoft: Hyper-V module, Start-VMFailover -AsTest.
func (h *Host) SecondTest(ctx context.Context, id string, expect Expect, within time.Duration) (ActResult, error) {
	return h.plain(ctx, "second-test", "Start-LifeboatSecondTest", id, expect, within, longTimeout)
}

// StopResync breaks off, on the primary, a resynchronization, which is then
// still needed.
//
// Microsoft: Hyper-V module, Stop-VMReplication.
func (h *Host) StopResync(ctx context.Context, id string, expect Expect, within time.Duration) (ActResult, error) {
	return h.plain(ctx, "stop-resynchronization", "Stop-LifeboatResync", id, expect, within, actTimeout)
}

// AskReplication asks for the replication of one VM by its name, as a script of
// an administrator would; a host may or may not answer one that does not replicate
// with an error.
//
// Microsoft: Hyper-V module, Get-VMReplication.
func (h *Host) AskReplication(ctx context.Context, id string) error {
	id, err := guid(id)
	if err != nil {
		return err
	}
	return h.read(ctx, "ask-replication", "Get-LifeboatTest", id, vmArgs{id}, func(b []byte) error {
		_, err := decodeAct(b)
		return err
	})
}
