package hypervisor

import (
	"context"
	"fmt"
	"time"
)

// notApplicable is for when a cmdlet does not fit the VM's mode.
func notApplicable(c *copyState, cmdlet string) *Refusal {
	return refuse("InvalidOperation", "InvalidOperation", fmt.Sprintf("'%s' is not applicable on virtual machine '%s'.", cmdlet, c.name))
}

// StartFailover prepares a primary, or fails a replica over.
//
// Microsoft: Start-VMFailover; replica model rows 10 and 12. A test failover is
// not simulated yet and is refused.
func (h *Host) StartFailover(_ context.Context, by Caller, id string, how Failover) (string, error) {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	c, err := h.hold(id, "failover")
	if err != nil {
		return "", err
	}
	defer func() { c.busy = "" }()
	switch {
	case how.AsTest:
		return "", refuse("OperationFailed", "NotImplemented", "this lab does not simulate test failover yet")
	case how.Prepare:
		return "", h.prepare(c, by)
	case c.mode != modeReplica:
		return "", notApplicable(c, "Start-VMFailover")
	}
	return "", h.failOver(c, by, how)
}

// prepare sends the last changes and locks the primary. It ends when the
// replica has them.
func (h *Host) prepare(c *copyState, by Caller) error {
	switch {
	case c.mode != modePrimary:
		return notApplicable(c, "Start-VMFailover")
	case c.power != off:
		return refuse("InvalidState", "InvalidOperation", fmt.Sprintf("'%s' must be turned off before it is prepared for failover.", c.name))
	case c.state != stateReplicates:
		return invalidState(c, "prepare for failover")
	}
	backlog := time.Duration(c.pending()/(20<<20)) * time.Second // 20 MB a second on the line
	h.farm.pass(3*time.Second + min(backlog, time.Minute))
	o := c.other()
	if why := h.cannotSend(c, o); why != "" {
		return refuse("OperationFailed", "NotSpecified", "The last changes could not be sent: "+why)
	}
	if o.mode != modeReplica || o.state != stateReplicates {
		return refuse("OperationFailed", "NotSpecified", "The replica does not accept changes.")
	}
	c.deliver(o)
	if h.farm.opts.Dialect.SyncedPoint {
		o.addPoint("SyncedReplica")
	}
	o.failoverType = ""
	c.setState(statePrepared, by.By)
	return nil
}

// failOver brings a replica to a point and makes it startable. Nobody asks
// whether the primary is down: the cmdlet does not either.
func (h *Host) failOver(c *copyState, by Caller, how Failover) error {
	switch {
	case c.power != off:
		return invalidState(c, "fail over")
	case c.state != stateReplicates && c.state != stateSuspended && c.state != stateResyncing:
		return invalidState(c, "fail over")
	case c.lastRepl.IsZero():
		return invalidState(c, "fail over")
	}
	c.before = &savedPoint{held: c.held, missing: c.missing, guestIP: c.guestIP}
	kind := "Regular"
	if o := c.other(); o != nil && o.state == statePrepared && how.Point == "" {
		kind = "Planned"
	}
	if how.Point != "" {
		p := c.point(how.Point)
		if p == nil {
			c.before = nil
			return refuse("InvalidParameter", "InvalidArgument", "The recovery point does not belong to this virtual machine.")
		}
		c.held, c.missing, c.guestIP = p.held, p.missing, p.guestIP
	}
	c.setState("RecoveryInProgress", by.By)
	h.farm.pass(failoverTakes)
	c.failoverType = kind
	c.setState(stateFailedOver, by.By)
	return nil
}

func (c *copyState) point(id string) *savedPoint {
	for i := range c.history {
		if c.history[i].ID == id {
			return &c.history[i]
		}
	}
	return nil
}

// StopFailover takes a preparation or a failover back. A failed over VM that
// runs is turned off first; what it wrote is gone.
//
// Microsoft: Stop-VMFailover; replica model rows 11 and 15.
func (h *Host) StopFailover(_ context.Context, by Caller, id string) error {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	c, err := h.hold(id, "cancel failover")
	if err != nil {
		return err
	}
	defer func() { c.busy = "" }()
	switch {
	case c.mode == modePrimary && c.state == statePrepared:
		h.farm.pass(time.Second)
		c.setState(stateReplicates, by.By)
		c.nextCycle = h.farm.Now().Add(c.frequency)
		return nil
	case c.mode == modeReplica && (c.state == stateFailedOver || c.state == "RecoveryInProgress"):
		if c.power != off {
			h.farm.guestDown(c)
			c.setPower(off, by.By)
		}
		h.farm.pass(failoverTakes)
		if c.before != nil {
			c.held, c.missing, c.guestIP = c.before.held, c.before.missing, c.before.guestIP
		}
		c.before, c.failoverType = nil, ""
		c.setState(stateReplicates, by.By)
		return nil
	}
	return invalidState(c, "cancel the failover")
}

// CompleteFailover commits: recovery points go, and so does the way back.
//
// Microsoft: Complete-VMFailover; row 16.
func (h *Host) CompleteFailover(_ context.Context, by Caller, id string) error {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	c, err := h.hold(id, "complete failover")
	if err != nil {
		return err
	}
	defer func() { c.busy = "" }()
	if c.mode != modeReplica || c.state != stateFailedOver {
		return invalidState(c, "complete the failover")
	}
	h.farm.pass(completeTakes)
	c.dropPoints(by.By)
	c.setState(stateCommitted, by.By)
	return nil
}

func (c *copyState) dropPoints(by string) {
	if len(c.history) > 0 {
		c.host.farm.write(c.host.env.Name, c.id, "point", fmt.Sprint(len(c.history)), "0", by)
	}
	c.history, c.before = nil, nil
}

// Reverse makes a failed over replica the primary of the old primary's host.
//
// Microsoft: Set-VMReplication -Reverse; rows 18a and 18b.
func (h *Host) Reverse(_ context.Context, by Caller, id string, how Reverse) error {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	c, err := h.hold(id, "reverse replication")
	if err != nil {
		return err
	}
	defer func() { c.busy = "" }()
	if c.mode != modeReplica {
		return notApplicable(c, "Set-VMReplication")
	}
	if c.state != stateFailedOver && c.state != stateCommitted {
		return invalidState(c, "reverse replication")
	}
	to := c.partner
	if how.ReplicaServer != "" {
		if to = h.farm.hostCalled(how.ReplicaServer); to == nil {
			return refuse("OperationFailed", "NotSpecified", fmt.Sprintf("Hyper-V failed to resolve the Replica server name '%s' (0x00002EE7).", how.ReplicaServer))
		}
	}
	if c.auth == "Certificate" && how.Thumbprint == "" {
		return refuse("InvalidParameter", "InvalidArgument", "CertificateThumbprint is required for certificate-based authentication.")
	}
	if why := h.refusedBy(to, c.auth, how.Thumbprint); why != "" {
		return refuse("OperationFailed", "NotSpecified", why)
	}
	return h.reverse(c, to, by)
}

func (h *Host) reverse(c *copyState, to *Host, by Caller) error {
	o, err := to.find(c.id)
	if err != nil {
		return refuse("OperationFailed", "NotSpecified", "The other server has no copy of this virtual machine.")
	}
	planned := o.mode == modePrimary && o.state == statePrepared
	if !planned && (o.mode != modeReplica || o.state != stateWaits) {
		return refuse("OperationFailed", "NotSpecified", "The old primary is neither prepared nor set as a replica.")
	}
	h.farm.pass(reverseTakes)
	if why := h.refusedBy(to, c.auth, h.replica.Thumbprint); why != "" {
		return refuse("OperationFailed", "NotSpecified", why)
	}
	c.dropPoints(by.By)
	c.setMode(modePrimary, by.By)
	c.partner, o.partner = to, h
	o.failoverType = ""
	if !planned {
		c.setState(stateReady, by.By)
		return nil
	}
	c.setState(stateReplicates, by.By)
	c.lastRepl = h.farm.Now()
	c.nextCycle = h.farm.Now().Add(c.frequency)
	turn := func() {
		o.setMode(modeReplica, by.By)
		o.setState(stateReplicates, by.By)
		o.lastRepl = h.farm.Now()
	}
	if h.farm.opts.Dialect.LateOldPrimary {
		h.farm.after(5*time.Second, turn)
	} else {
		turn()
	}
	return nil
}

// SetAsReplica makes an old primary ready to receive.
//
// Microsoft: Set-VMReplication -AsReplica; row 17.
func (h *Host) SetAsReplica(_ context.Context, by Caller, id, allowed string) error {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	c, err := h.hold(id, "set as replica")
	if err != nil {
		return err
	}
	defer func() { c.busy = "" }()
	switch {
	case c.mode == modeNone:
		return notApplicable(c, "Set-VMReplication")
	case c.power != off:
		return invalidState(c, "become a replica")
	case !h.replica.AnyServer && allowed == "" && len(h.replica.Entries) == 0:
		return refuse("OperationFailed", "NotSpecified", "No authorization entry fits.")
	}
	c.setMode(modeReplica, by.By)
	c.setState(stateWaits, by.By)
	c.allowed, c.lastRepl = allowed, time.Time{}
	return nil
}
