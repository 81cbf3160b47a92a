package hypervisor

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// What a replication or a failover was (VMReplicationType).
const (
	regular = "Regular"
	planned = "Planned"
)

// notApplicable is for when a cmdlet does not fit the VM's mode.
func notApplicable(c *copyState, cmdlet string) *Refusal {
	return refuse("InvalidOperation", "InvalidOperation", fmt.Sprintf("'%s' is not applicable on virtual machine '%s'.", cmdlet, c.name))
}

// StartFailover prepares a primary, fails a replica over, or makes a test VM
// beside it, whose GUID it answers.
//
// Microsoft: Start-VMFailover; replica model rows 10, 12 and 13.
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
		return h.testFailOver(c, by, how.Point)
	case how.Prepare:
		return "", h.prepare(c, by)
	case !c.isReplica():
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
	if !o.takesFrom(h) {
		return refuse("OperationFailed", "NotSpecified", "The replica does not accept changes.")
	}
	c.deliver(o)
	if h.farm.opts.Dialect.SyncedPoint {
		o.addPoint("SyncedReplica")
	}
	o.failoverType, o.lastType, c.lastType = "", planned, planned
	c.setState(statePrepared, by.By)
	return nil
}

// failOver brings a replica to a point and makes it startable. Nobody asks
// whether the primary is down: the cmdlet does not either.
func (h *Host) failOver(c *copyState, by Caller, how Failover) error {
	switch {
	case c.power != off:
		return invalidState(c, "fail over")
	case c.state != stateReplicates && c.state != stateSuspended && c.state != stateResyncing && c.state != stateUpdating:
		return invalidState(c, "fail over")
	case c.lastRepl.IsZero():
		return invalidState(c, "fail over")
	}
	kind, from := regular, c.newPoint("Replica", h.farm.Now())
	if o := c.other(); o != nil && o.state == statePrepared && how.Point == "" {
		kind = planned
	}
	if how.Point != "" {
		p := c.point(how.Point)
		if p == nil {
			return unknownPoint()
		}
		from = *p
		kind = map[string]string{"AppConsistentReplica": "ApplicationConsistent", "SyncedReplica": planned, "Replica": regular}[p.Type]
	}
	before := c.newPoint("Replica", h.farm.Now())
	c.before = &before
	c.goTo(from)
	c.setState(stateRecovers, by.By)
	h.farm.pass(h.farm.failoverTakes(from.Created))
	c.failoverType = kind
	c.setState(stateFailedOver, by.By)
	return nil
}

// failoverTakes: the latest point is there at once, an old one takes as long as
// the undo logs need.
//
// Microsoft virtualization team: "Improvements in Recovery History".
func (f *Farm) failoverTakes(point time.Time) time.Duration {
	hours := time.Duration(f.Now().Sub(point).Hours())
	if f.opts.Dialect.SlowFailover {
		return (1 + hours) * time.Minute
	}
	return failoverTakes + hours*2*time.Second
}

func (c *copyState) point(id string) *savedPoint {
	for i := range c.history {
		if c.history[i].ID == id {
			return &c.history[i]
		}
	}
	return nil
}

// StopFailover ends a test failover before all else; without one it takes a
// preparation or a failover back. A failed over VM that runs is turned off
// first; what it wrote is gone.
//
// Microsoft: Stop-VMFailover; replica model rows 11, 14 and 15.
func (h *Host) StopFailover(_ context.Context, by Caller, id string) error {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	c, err := h.hold(id, "cancel failover")
	if err != nil {
		return err
	}
	defer func() { c.busy = "" }()
	switch {
	case c.mode == modeTest:
		return notApplicable(c, "Stop-VMFailover")
	case c.test != nil:
		return h.endTest(c, by)
	case c.mode == modePrimary && c.state == statePrepared:
		h.farm.pass(time.Second)
		c.setState(stateReplicates, by.By)
		c.nextCycle = h.farm.Now().Add(c.frequency)
		return nil
	case c.isReplica() && (c.state == stateFailedOver || c.state == stateRecovers):
		if c.power == saved && h.farm.opts.Dialect.CancelRefusesSaved {
			break
		}
		h.cancel(c, by)
		return nil
	}
	return invalidState(c, "cancel the failover")
}

func (h *Host) cancel(c *copyState, by Caller) {
	if c.power != off {
		h.farm.guestDown(c)
		c.setPower(off, by.By)
	}
	h.farm.pass(failoverTakes)
	if c.before != nil {
		c.goTo(*c.before)
	}
	c.before, c.failoverType = nil, ""
	c.setState(stateReplicates, by.By)
	if o := c.other(); o != nil && o.mode == modePrimary && o.state == stateError && !h.farm.opts.Dialect.ErrorAfterCancel && o.host.refusedBy(h, o.auth, "") == "" {
		o.failures = 0
		o.setState(stateReplicates, "host")
	}
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
	if !c.isReplica() || c.state != stateFailedOver {
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
	if !c.isReplica() {
		return notApplicable(c, "Set-VMReplication")
	}
	if c.extended != nil {
		return refuse("InvalidOperation", "InvalidOperation", fmt.Sprintf("Replication of '%s' cannot be reversed while extended replication is enabled.", c.name))
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
	wasPlanned := o.mode == modePrimary && o.state == statePrepared && c.failoverType == planned
	switch {
	case wasPlanned:
	case o.mode != modeReplica || o.state != stateWaits:
		return refuse("OperationFailed", "NotSpecified", "The old primary is neither prepared nor set as a replica.")
	case c.state != stateCommitted && h.farm.opts.Dialect.ReverseNeedsComplete:
		return invalidState(c, "reverse replication before the failover is completed")
	}
	h.farm.pass(reverseTakes)
	if why := h.refusedBy(to, c.auth, h.certificate); why != "" {
		return refuse("OperationFailed", "NotSpecified", why)
	}
	c.dropPoints(by.By)
	c.setMode(modePrimary, by.By)
	c.partner, o.partner = to, h
	o.failoverType = ""
	if !wasPlanned {
		c.lastRepl = time.Time{}
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
		if h.farm.opts.Dialect.ReverseForgetsTime {
			o.lastRepl = time.Time{}
		}
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
	case c.mode == modeNone || c.mode == modeTest:
		return notApplicable(c, "Set-VMReplication")
	case c.extended != nil, c.power != off && !h.farm.opts.Dialect.AsReplicaRunning:
		return invalidState(c, "become a replica")
	case !h.authorizes(allowed):
		return refuse("OperationFailed", "NotSpecified", "No authorization entry fits.")
	}
	if c.power != off {
		h.farm.guestDown(c)
		c.setPower(off, by.By)
	}
	c.dropPoints(by.By)
	c.setMode(modeReplica, by.By)
	c.setState(stateWaits, by.By)
	c.allowed, c.seed, c.lastRepl, c.failoverType, c.transfer = allowed, true, time.Time{}, "", nil
	return nil
}

// authorizes: a replica without a primary needs an entry for any server, or the
// name of one that an entry covers.
func (h *Host) authorizes(allowed string) bool {
	d := h.farm.opts.Dialect
	if h.replica.AnyServer || d.AsReplicaFreely {
		return true
	}
	for _, e := range h.replica.Entries {
		if e.Primary == "*" || strings.EqualFold(e.Primary, allowed) {
			return true
		}
	}
	return allowed != "" && !d.AsReplicaNamesEntry && allowedBy(h.replica.Entries, allowed)
}
