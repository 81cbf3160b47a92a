package hyperv

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// act runs a changing function once, under the VM's mutex and only if the VM
// is still as expected. within is how long after it reached the host the act
// may still begin.
func (h *Host) act(ctx context.Context, op, function, id string, args any, expect Expect, within, timeout time.Duration) (ActResult, error) {
	if within <= 0 {
		return ActResult{}, fmt.Errorf("%s: within is %v: give the act a time in which it may begin", op, within)
	}
	if err := View(expect).check(); err != nil {
		return ActResult{}, fmt.Errorf("%s: expect: %w: say what the VM must still be", op, err)
	}
	a, err := h.runner.Run(ctx, Call{
		Function: function, Args: args, Lane: ActLane, Timeout: within + timeout,
		Guard: &Guard{
			VM:     id,
			Expect: map[string]string{"power": expect.Power, "mode": expect.Mode, "state": expect.State},
			Within: within.Seconds(),
		},
	})
	if err != nil {
		return ActResult{}, refusal(op, h.Name(), id, err)
	}
	r := ActResult{Request: a.Request, Outcome: a.Outcome, Took: a.Took, HostTime: a.HostTime}
	switch a.Outcome {
	case OutcomeExpired:
		return r, nil
	case OutcomeMoved:
		if err = decodeStrict(a.Result, &r.Now); err == nil {
			err = r.Now.check()
		}
		if err != nil {
			return ActResult{}, unreadable(op, h.Name(), id, false, err)
		}
		return r, nil
	case OutcomeDone:
		now, err := decodeAct(a.Result)
		if err != nil {
			return r, unreadable(op, h.Name(), id, true, err)
		}
		r.Now, r.Adapters, r.AutoStart, r.TestVM = now.View, now.Adapters, now.AutoStart, now.TestVM
		if r.Relations, err = relationsAfter(now.Replication, id); err != nil {
			return r, unreadable(op, h.Name(), id, true, err)
		}
		return r, nil
	}
	return r, unreadable(op, h.Name(), id, true, fmt.Errorf("unknown outcome %q", a.Outcome))
}

// plain is an act that needs the VM alone.
func (h *Host) plain(ctx context.Context, op, function, id string, expect Expect, within, timeout time.Duration) (ActResult, error) {
	id, err := guid(id)
	if err != nil {
		return ActResult{}, err
	}
	return h.act(ctx, op, function, id, vmArgs{id}, expect, within, timeout)
}

// ShutDown asks the guest to shut down and waits for it.
//
// Microsoft: Hyper-V module, Stop-VM -Force.
func (h *Host) ShutDown(ctx context.Context, id string, expect Expect, within time.Duration) (ActResult, error) {
	return h.plain(ctx, "shut-down", "Stop-LifeboatGuest", id, expect, within, longTimeout)
}

// TurnOff cuts the power of the guest.
//
// Microsoft: Hyper-V module, Stop-VM -TurnOff.
func (h *Host) TurnOff(ctx context.Context, id string, expect Expect, within time.Duration) (ActResult, error) {
	return h.plain(ctx, "turn-off", "Stop-LifeboatPower", id, expect, within, actTimeout)
}

// Start starts the VM; it runs then, but its guest need not be up.
//
// Microsoft: Hyper-V module, Start-VM.
func (h *Host) Start(ctx context.Context, id string, expect Expect, within time.Duration) (ActResult, error) {
	return h.plain(ctx, "start", "Start-LifeboatCopy", id, expect, within, actTimeout)
}

// PrepareFailover sends, on the primary of a VM that is off, the last changes
// and locks the VM from starting.
//
// Microsoft: Hyper-V module, Start-VMFailover -Prepare.
func (h *Host) PrepareFailover(ctx context.Context, id string, expect Expect, within time.Duration) (ActResult, error) {
	return h.plain(ctx, "prepare-failover", "Start-LifeboatPrepare", id, expect, within, longTimeout)
}

// pointArgs is the arguments of a function about one VM at one of its recovery
// points, "" for the latest.
type pointArgs struct {
	VM    string `json:"VM"`
	Point string `json:"Point"`
}

// atPoint is an act that needs the VM and a recovery point.
func (h *Host) atPoint(ctx context.Context, op, function, id string, expect Expect, within time.Duration, point string) (ActResult, error) {
	id, err := guid(id)
	if err != nil {
		return ActResult{}, err
	}
	if point != "" {
		if point, err = guid(point); err != nil {
			return ActResult{}, fmt.Errorf("%s: point: %w", op, err)
		}
	}
	return h.act(ctx, op, function, id, pointArgs{id, point}, expect, within, longTimeout)
}

// StartFailover fails over, on the replica: to the latest point when point is
// empty, else to the recovery point with that id (see Points), which must be one
// of this VM; an old one takes as long as its undo logs need. The VM is not
// started, and StopFailover leads back. It is refused with ErrFailedOver when
// the VM is failed over already, whatever the point, with ErrNotFound when the VM
// has no such point and with ErrInvalid when the point is no recovery point.
//
// Microsoft: Hyper-V module, Start-VMFailover [-VMRecoverySnapshot].
func (h *Host) StartFailover(ctx context.Context, id string, expect Expect, within time.Duration, point string) (ActResult, error) {
	return h.atPoint(ctx, "start-failover", "Start-LifeboatFailover", id, expect, within, point)
}

// StopFailover takes back a preparation (on the primary) or a failover that is
// not completed (on the replica: a running VM is turned off, its writes are
// lost).
//
// Microsoft: Hyper-V module, Stop-VMFailover.
func (h *Host) StopFailover(ctx context.Context, id string, expect Expect, within time.Duration) (ActResult, error) {
	return h.plain(ctx, "stop-failover", "Stop-LifeboatFailover", id, expect, within, longTimeout)
}

// CompleteFailover commits a failover on the replica, whose VM may run: its
// recovery points are removed, the changes merged. There is no way back.
//
// Microsoft: Hyper-V module, Complete-VMFailover.
func (h *Host) CompleteFailover(ctx context.Context, id string, expect Expect, within time.Duration) (ActResult, error) {
	return h.plain(ctx, "complete-failover", "Complete-LifeboatFailover", id, expect, within, longTimeout)
}

// Disconnect takes every adapter of the VM off its switch; the VM goes on. The
// result tells the adapters.
//
// Microsoft: Hyper-V module, Disconnect-VMNetworkAdapter.
func (h *Host) Disconnect(ctx context.Context, id string, expect Expect, within time.Duration) (ActResult, error) {
	return h.plain(ctx, "disconnect", "Disconnect-LifeboatNetwork", id, expect, within, actTimeout)
}

// ReverseReplication makes a replica, after a failover, the primary.
// It commits the failover and merges the recovery points: no way back.
// replicaServer is the name under which the other host is replicated to;
// thumbprint is this host's own certificate, "" with Kerberos.
//
// Microsoft: Hyper-V module, Set-VMReplication -Reverse.
func (h *Host) ReverseReplication(ctx context.Context, id string, expect Expect, within time.Duration, replicaServer, thumbprint string) (ActResult, error) {
	id, err := guid(id)
	if err != nil {
		return ActResult{}, err
	}
	args := struct {
		VM            string `json:"VM"`
		ReplicaServer string `json:"ReplicaServer"`
		Thumbprint    string `json:"Thumbprint"`
	}{id, replicaServer, thumbprint}
	return h.act(ctx, "reverse-replication", "Set-LifeboatReverse", id, args, expect, within, longTimeout)
}

// SuspendReplication pauses replication; changes are still tracked.
//
// Microsoft: Hyper-V module, Suspend-VMReplication.
func (h *Host) SuspendReplication(ctx context.Context, id string, expect Expect, within time.Duration) (ActResult, error) {
	return h.plain(ctx, "suspend-replication", "Suspend-LifeboatReplication", id, expect, within, actTimeout)
}

// ResumeReplication resumes replication that is paused or in error.
//
// Microsoft: Hyper-V module, Resume-VMReplication.
func (h *Host) ResumeReplication(ctx context.Context, id string, expect Expect, within time.Duration) (ActResult, error) {
	return h.plain(ctx, "resume-replication", "Resume-LifeboatReplication", id, expect, within, actTimeout)
}

// SetStartAction says what the VM does when its host boots: Nothing,
// StartIfRunning or Start.
//
// Microsoft: Hyper-V module, Set-VM -AutomaticStartAction.
func (h *Host) SetStartAction(ctx context.Context, id string, expect Expect, within time.Duration, action string) (ActResult, error) {
	id, err := guid(id)
	if err != nil {
		return ActResult{}, err
	}
	args := struct {
		VM     string `json:"VM"`
		Action string `json:"Action"`
	}{id, action}
	return h.act(ctx, "set-start-action", "Set-LifeboatStartAction", id, args, expect, within, actTimeout)
}

// SetNetwork connects adapters and sets the addresses that Hyper-V gives to
// the guest at a failover. It does nothing when an adapter is not found.
//
// Microsoft: Hyper-V module, Connect-VMNetworkAdapter,
// Set-VMNetworkAdapterFailoverConfiguration.
func (h *Host) SetNetwork(ctx context.Context, id string, expect Expect, within time.Duration, nics []NIC) (ActResult, error) {
	id, err := guid(id)
	if err != nil {
		return ActResult{}, err
	}
	if len(nics) == 0 {
		return ActResult{}, errors.New("set-network: no adapter is named: nothing to do")
	}
	args := struct {
		VM   string `json:"VM"`
		NICs []NIC  `json:"NICs"`
	}{id, make([]NIC, len(nics))}
	for i, nic := range nics {
		if len(nic.DNS) > 2 {
			return ActResult{}, fmt.Errorf("set-network: %d DNS servers for adapter %q: Hyper-V takes two", len(nic.DNS), nic.Adapter)
		}
		if nic.DNS == nil {
			nic.DNS = []string{}
		}
		args.NICs[i] = nic
	}
	return h.act(ctx, "set-network", "Set-LifeboatNetwork", id, args, expect, within, actTimeout)
}
