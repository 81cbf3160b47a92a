package hyperv

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// TestNIC is where one adapter of a test VM is connected.
type TestNIC struct {
	// Adapter is its name on the replica; empty means the only one.
	Adapter string `json:"adapter"`
	// Switch is a virtual switch of the replica's host, isolated from everything
	// that users reach.
	Switch string `json:"switch"`
}

// SetTestNetwork says, on the replica, to which switch each adapter of a test
// VM made later is connected. It does nothing when an adapter is not found. The
// result tells the adapters.
//
// Microsoft: Hyper-V module, Set-VMNetworkAdapter -TestReplicaSwitchName.
func (h *Host) SetTestNetwork(ctx context.Context, id string, expect Expect, within time.Duration, nics []TestNIC) (ActResult, error) {
	id, err := guid(id)
	if err != nil {
		return ActResult{}, err
	}
	if len(nics) == 0 {
		return ActResult{}, errors.New("set-test-network: no adapter is named: nothing to do")
	}
	for _, nic := range nics {
		if nic.Switch == "" {
			return ActResult{}, fmt.Errorf("set-test-network: no switch is named for adapter %q", nic.Adapter)
		}
	}
	args := struct {
		VM   string    `json:"VM"`
		NICs []TestNIC `json:"NICs"`
	}{id, nics}
	return h.act(ctx, "set-test-network", "Set-LifeboatTestNetwork", id, args, expect, within, actTimeout)
}

// StartTest makes, on the replica, a test VM as of the latest point when point
// is empty, else as of the recovery point with that id. Its id is TestVM of the
// result, and it is a copy of Mode TestReplica that Copies and Start take.
// Replication goes on. It is refused with ErrTestExists while there is one.
//
// Microsoft: Hyper-V module, Start-VMFailover -AsTest; Get-VMReplication
// (TestVirtualMachine).
func (h *Host) StartTest(ctx context.Context, id string, expect Expect, within time.Duration, point string) (ActResult, error) {
	r, err := h.atPoint(ctx, "start-test", "Start-LifeboatTest", id, expect, within, point)
	if err == nil && r.Outcome == OutcomeDone && r.TestVM == "" {
		return r, unreadable("start-test", h.Name(), id, true, errors.New("the replica names no test VM"))
	}
	return r, err
}

// StopTest removes, on the replica and by the replica's id, its test VM with
// the test VM's disks, running or not. It is refused with ErrNotFound when there
// is none: the same cmdlet would then take back a failover. TestVM of the result
// is empty unless another test VM is left.
//
// Microsoft: Hyper-V module, Stop-VMFailover.
func (h *Host) StopTest(ctx context.Context, id string, expect Expect, within time.Duration) (ActResult, error) {
	return h.plain(ctx, "stop-test", "Stop-LifeboatTest", id, expect, within, longTimeout)
}
