package hypervisor

import (
	"context"
	"fmt"
	"time"
)

// How long the host itself takes, simulated.
const (
	startTakes    = 2 * time.Second
	turnOffTakes  = time.Second
	forcedAfter   = 5 * time.Minute // Stop-VM -Force gives applications five minutes
	failoverTakes = 4 * time.Second
	reverseTakes  = 6 * time.Second
	completeTakes = 8 * time.Second
)

// hold takes the VM for an operation: while one runs, another is refused.
func (h *Host) hold(id, what string) (*copyState, error) {
	if !h.up {
		return nil, refuse("OperationFailed", "NotSpecified", "the host is down")
	}
	c, err := h.find(id)
	if err != nil {
		return nil, err
	}
	if c.busy != "" {
		return nil, refuse("ObjectInUse", "ResourceBusy", "The operation cannot be performed while the virtual machine is in use by another operation ("+c.busy+").")
	}
	c.busy = what
	return c, nil
}

func refuse(kind, category, message string) *Refusal {
	return &Refusal{Kind: kind, Category: category, Message: message}
}

func invalidState(c *copyState, what string) *Refusal {
	return refuse("InvalidState", "InvalidOperation", fmt.Sprintf("'%s' failed to %s: the virtual machine is not in a valid state to perform the operation (%s, %s, %s).", c.name, what, c.power, c.mode, c.state))
}

// pass lets simulated time pass without the farm's lock; the VM stays held.
// It returns early only when the farm ends: an operation inside the host goes
// on though its caller has gone, as VMMS does.
func (f *Farm) pass(d time.Duration) {
	f.mu.Unlock()
	defer f.mu.Lock()
	t := time.NewTimer(f.real(d))
	defer t.Stop()
	select {
	case <-t.C:
	case <-f.ended:
	}
}

// StartVM starts a VM. It returns when the VM runs, not when its guest is up.
// A prepared primary is locked, a replica starts only after a failover, a VM with
// a virtual TPM only where its key is.
//
// Microsoft: Start-VM; "Interpreting replication health"; "Types of failover".
func (h *Host) StartVM(_ context.Context, by Caller, id string) error {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	c, err := h.hold(id, "start")
	if err != nil {
		return err
	}
	defer func() { c.busy = "" }()
	switch {
	case c.power == running:
		return nil // Start-VM warns and does nothing
	case c.power != off && c.power != saved:
		return invalidState(c, "start")
	case c.mode == modePrimary && c.state == statePrepared:
		return h.farm.blocked(c, "it is prepared for planned failover")
	case c.isReplica() && c.state != stateFailedOver && c.state != stateCommitted:
		return h.farm.blocked(c, "a replica virtual machine is blocked from starting until it is failed over")
	case c.locked() != "":
		return refuse("OperationFailed", "InvalidResult", fmt.Sprintf("'%s' failed to start: %s.", c.name, c.locked()))
	case h.memoryFree() < c.memory:
		return refuse("OutOfMemory", "ResourceUnavailable", fmt.Sprintf("'%s' failed to start: not enough memory on %s.", c.name, h.env.Name))
	}
	c.setPower(starting, by.By)
	h.farm.pass(startTakes)
	if !h.up || c.power != starting {
		return refuse("OperationFailed", "NotSpecified", "the host went down")
	}
	c.setPower(running, by.By)
	h.farm.boot(c)
	return nil
}

func (f *Farm) blocked(c *copyState, why string) *Refusal {
	kind, category := "OperationFailed", "InvalidResult"
	if f.opts.Dialect.OtherStartRefusal {
		kind, category = "InvalidState", "InvalidOperation"
	}
	return refuse(kind, category, fmt.Sprintf("'%s' failed to start: %s.", c.name, why))
}

// StopVM shuts the guest down, turns it off, or saves it.
//
// Microsoft: Stop-VM.
func (h *Host) StopVM(ctx context.Context, by Caller, id string, how StopHow) error {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	c, err := h.hold(id, "stop")
	if err != nil {
		return err
	}
	defer func() { c.busy = "" }()
	if c.power == off {
		return nil // Stop-VM warns and does nothing
	}
	if c.power != running && !(how.TurnOff && c.power == saved) {
		return invalidState(c, "stop")
	}
	switch {
	case how.TurnOff:
		h.farm.pass(turnOffTakes)
		return h.end(c, off, by.By)
	case how.Save:
		h.farm.pass(turnOffTakes)
		return h.end(c, saved, by.By)
	}
	return h.shutDown(ctx, c, by, how)
}

func (h *Host) shutDown(_ context.Context, c *copyState, by Caller, how StopHow) error {
	if (c.hangs || !c.booted) && !how.Force {
		return refuse("OperationFailed", "NotSpecified", "Hyper-V cannot shut the guest down; a confirmation is needed.")
	}
	c.setPower(stopping, by.By)
	if c.hangs {
		h.farm.pass(forcedAfter)
		if c.power == stopping {
			c.setPower(running, by.By)
		}
		return refuse("OperationFailed", "InvalidResult", fmt.Sprintf("Failed to shut down virtual machine '%s': the guest did not respond.", c.name))
	}
	h.farm.pass(h.farm.jitter(c.env.Shutdown))
	if c.power != stopping {
		return refuse("OperationFailed", "NotSpecified", "the virtual machine was stopped otherwise")
	}
	return h.end(c, off, by.By)
}

// end is the moment a VM stops running.
func (h *Host) end(c *copyState, to, by string) error {
	if !h.up {
		return refuse("OperationFailed", "NotSpecified", "the host went down")
	}
	h.farm.guestDown(c)
	c.setPower(to, by)
	return nil
}

// SaveVM saves a VM, as Save-VM does.
func (h *Host) SaveVM(ctx context.Context, by Caller, id string) error {
	return h.StopVM(ctx, by, id, StopHow{Save: true})
}

// SetAutoStart sets what happens with the VM when the host boots.
//
// Microsoft: Set-VM -AutomaticStartAction.
func (h *Host) SetAutoStart(_ context.Context, by Caller, id, action string) error {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	c, err := h.hold(id, "set")
	if err != nil {
		return err
	}
	defer func() { c.busy = "" }()
	if action != "Nothing" && action != "StartIfRunning" && action != "Start" {
		return refuse("InvalidParameter", "InvalidArgument", "AutomaticStartAction")
	}
	h.farm.write(h.env.Name, id, "vm", "autostart="+c.autoStart, "autostart="+action, by.By)
	c.autoStart = action
	return nil
}
