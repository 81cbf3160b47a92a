package hypervisor

import (
	"context"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/environment"
)

// modeExtended is the mode of the third copy of a chain.
const modeExtended = "ExtendedReplica"

// leg is the second relationship of a copy in the middle of a chain A->B->C:
// the one in which B sends on to C. It has a state of its own.
//
// Microsoft: Msvm_ReplicationRelationship, HVR\1; "Hyper-V Replica: extend
// replication" (virtualization blog, 2013).
type leg struct {
	state      string
	to         *Host
	frequency  time.Duration
	points     int
	auth       string
	thumbprint string
	port       int
	lastRepl   time.Time
	nextCycle  time.Time
	failures   int
	succeeded  uint32
	missed     uint32
}

// isReplica is true for a copy that receives, in the second place or in the
// third.
func (c *copyState) isReplica() bool { return c.mode == modeReplica || c.mode == modeExtended }

// takesFrom is true when a copy would apply a log that this host sends now.
func (c *copyState) takesFrom(h *Host) bool {
	return c.isReplica() && c.state == stateReplicates && c.partner == h
}

// extend gives a VM of the environment its third copy, with all the data that
// the second one has.
func (f *Farm) extend(b *copyState, vm *environment.VM) {
	e := vm.Replicate.Extend
	if e == nil {
		return
	}
	to := f.Host(e.To)
	c := f.newCopy(to, vm, b.id)
	c.power, c.guestIP = off, vm.IP
	c.mode, c.state, c.partner = modeExtended, stateReplicates, b.host
	c.frequency, c.points, c.auth = e.Frequency, e.Points, authOf(b.host, to)
	c.lastRepl, c.lastType, c.held, c.content = f.epoch, regular, b.held, b.content
	c.storeFrom(b)
	to.add(c)
	b.extended = &leg{
		state: stateReplicates, to: to, frequency: e.Frequency, points: e.Points, auth: c.auth, thumbprint: b.host.certificate,
		lastRepl: f.epoch, nextCycle: f.epoch.Add(time.Duration(f.rand.Int64N(int64(e.Frequency)))),
	}
}

func (c *copyState) setLeg(to, by string) {
	if c.extended.state == to {
		return
	}
	c.host.farm.write(c.host.env.Name, c.id, "extended", c.extended.state, to, by)
	c.extended.state = to
}

// third is the copy at the end of the chain, nil when there is none.
func (c *copyState) third() *copyState {
	o, _ := c.extended.to.find(c.id)
	return o
}

// failedOver is true from the failover until the reverse. Meanwhile the copy
// sends nothing on: what it holds then is not yet anybody's truth.
func (c *copyState) failedOver() bool {
	return c.state == stateRecovers || c.state == stateFailedOver || c.state == stateCommitted
}

// sendOn starts the cycle of the extended relationship when it is due. What
// has not arrived in the middle cannot be sent on.
func (f *Farm) sendOn(c *copyState, now time.Time) {
	l := c.extended
	if l == nil || l.state != stateReplicates || c.failedOver() || !c.host.up || now.Before(l.nextCycle) || c.busy == "failover" {
		return
	}
	if c.host.sending >= maxSending {
		return
	}
	l.missed += overdue(l.nextCycle, now, l.frequency)
	l.nextCycle = now.Add(l.frequency)
	if c.cannotSendOn() != "" {
		l.failures++
		l.missed++
		if l.failures >= maxFailures && !f.opts.Dialect.RetriesForEver {
			c.setLeg(stateError, "host")
		}
		return
	}
	c.host.sending++
	f.after(time.Second, func() {
		c.host.sending--
		defer func() { f.cyclesOf(c.host, f.Now()) }()
		if c.extended != l || l.state != stateReplicates || c.failedOver() || c.cannotSendOn() != "" {
			return
		}
		o := c.third()
		if o.placeholder != nil {
			c.deliverDelta(o)
			l.lastRepl, l.failures = f.Now(), 0
			l.succeeded++
			return
		}
		c.deliverOn(o)
		l.failures = 0
		l.succeeded++
		c.hourlyPoints(o)
	})
}

// cannotSendOn says why the third copy gets nothing now, or "".
func (c *copyState) cannotSendOn() string {
	o := c.third()
	if o == nil {
		return "the extended replica is gone"
	}
	if o.placeholder == nil && !o.takesFrom(c.host) {
		return "the extended replica does not accept changes"
	}
	return c.host.refusedBy(o.host, c.extended.auth, c.extended.thumbprint)
}

// deliverOn brings the third copy to where the middle is now.
func (c *copyState) deliverOn(o *copyState) {
	now := c.host.farm.Now()
	o.goTo(c.now())
	c.extended.lastRepl, o.lastRepl, o.lastType = now, now, regular
}

// relation is the second row that Get-VMReplication shows on B.
func (l *leg) relation(c *copyState) Relation {
	r := Relation{
		Relationship: "Extended", Mode: c.mode, State: l.state, Health: l.health(c), FrequencySec: int(l.frequency / time.Second),
		RecoveryHistory: l.points, Auth: l.auth, Port: portOf(l.auth, l.port), Compression: true, LastReplication: l.lastRepl, LastApplied: l.lastRepl,
		Succeeded: l.succeeded, Missed: l.missed, LastType: "Regular", FailoverType: "None", PrimaryServer: c.host.env.FQDN,
		ReplicaServer: l.to.env.FQDN, CurrentReplicaServer: l.to.env.FQDN,
	}
	if l.auth == "Certificate" {
		r.Thumbprint = l.thumbprint
	}
	if o := c.third(); o != nil {
		r.PendingBytes = (c.held - min(c.held, o.held)) * bytesPerWrite
	}
	return r
}

// portOf is a relationship's port: Hyper-V's own unless another was given.
func portOf(auth string, given int) int {
	switch {
	case given != 0:
		return given
	case auth == "Kerberos":
		return 80
	}
	return 443
}

func (l *leg) health(c *copyState) string {
	switch {
	case l.state == stateError || l.state == stateResync:
		return "Critical"
	case l.state != stateReplicates || c.host.farm.Now().Sub(l.lastRepl) > time.Hour:
		return "Warning"
	}
	return "Normal"
}

// SuspendExtended and ResumeExtended are Suspend- and Resume-VMReplication with
// -ReplicationRelationshipType Extended.
func (h *Host) SuspendExtended(_ context.Context, by Caller, id string) error {
	return h.changeLeg(id, "suspend extended replication", func(c *copyState) error {
		if s := c.extended.state; s != stateReplicates && s != stateInitial {
			return invalidState(c, "suspend extended replication")
		}
		c.setLeg(stateSuspended, by.By)
		return nil
	})
}

// ResumeExtended goes on after a pause, an error or a needed resynchronization,
// which it begins when it is told to.
//
// Microsoft: Resume-VMReplication; rows 7 and 8.
func (h *Host) ResumeExtended(_ context.Context, by Caller, id string, resync bool) error {
	return h.changeLeg(id, "resume extended replication", func(c *copyState) error {
		l := c.extended
		if l.state != stateSuspended && l.state != stateError && l.state != stateResync || c.failedOver() {
			return invalidState(c, "resume extended replication")
		}
		l.failures, l.nextCycle = 0, h.farm.Now()
		switch {
		case resync, l.state == stateResync && h.farm.opts.Dialect.ResumeResyncs:
			return c.resyncOn(by)
		case l.state == stateResync:
			return invalidState(c, "resume extended replication without -Resynchronize")
		}
		c.setLeg(stateReplicates, by.By)
		return nil
	})
}

// ResumesBeside is what a resume of a VM, and of no relationship by name, does to the
// leg that the VM sends on.
func (h *Host) ResumesBeside(ctx context.Context, by Caller, id string) {
	if h.farm.opts.Dialect.MiddleResumesBoth {
		_ = h.ResumeExtended(ctx, by, id, false) // or there is nothing to resume
	}
}

// resyncOn compares the third copy with the middle and sends what differs. The
// third copy's recovery points are removed when it ends.
func (c *copyState) resyncOn(by Caller) error {
	l, o := c.extended, c.third()
	if o == nil || o.mode != modeExtended || o.state != stateReplicates && o.state != stateError {
		return refuse("OperationFailed", "NotSpecified", "The extended replica does not accept changes.")
	}
	if why := c.host.refusedBy(o.host, l.auth, l.thumbprint); why != "" {
		return refuse("OperationFailed", "NotSpecified", why)
	}
	c.setLeg(stateResyncing, by.By)
	o.setState(stateResyncing, "host")
	c.host.farm.after(compareTakes, func() {
		if c.extended != l || l.state != stateResyncing {
			return
		}
		waits := o.state == stateResyncing
		if waits {
			o.setState(stateReplicates, "host")
		}
		if !waits || c.failedOver() || !c.host.up || c.cannotSendOn() != "" {
			c.setLeg(stateResync, "host")
			return
		}
		o.dropPoints("host")
		c.deliverOn(o)
		c.setLeg(stateReplicates, "host")
		l.nextCycle = c.host.farm.Now().Add(l.frequency)
	})
	return nil
}

func (h *Host) changeLeg(id, what string, do func(*copyState) error) error {
	return h.change(id, what, func(c *copyState) error {
		if c.extended == nil {
			return refuse("InvalidOperation", "InvalidOperation", "Extended replication is not enabled for virtual machine '"+c.name+"'.")
		}
		return do(c)
	})
}

// removeExtended ends the middle's relationship with the third copy, which
// keeps its own side.
func (c *copyState) removeExtended(by Caller) error {
	if c.extended == nil {
		return notApplicable(c, "Remove-VMReplication")
	}
	c.setLeg(stateDisabled, by.By)
	c.extended = nil
	return nil
}

// ContinueExtended commits a failover in the middle of a chain: the middle
// becomes the primary of the third copy. The old primary is not asked and not
// told. With resync the third copy is compared with the new primary.
//
// Microsoft: Resume-VMReplication -Continue, Msvm_ReplicationService
// ChangeReplicationModeToPrimary; row 20.
func (h *Host) ContinueExtended(ctx context.Context, by Caller, id string, resync bool) error {
	if err := h.continueExtended(by, id, resync); err != nil || !resync {
		return err
	}
	return h.ResumeReplication(ctx, by, id, true)
}

func (h *Host) continueExtended(by Caller, id string, resync bool) error {
	return h.change(id, "continue replication", func(c *copyState) error {
		if c.mode != modeReplica || c.extended == nil || (c.state != stateFailedOver && c.state != stateCommitted) {
			return invalidState(c, "continue replication")
		}
		if c.state == stateFailedOver {
			h.farm.pass(completeTakes)
			if !h.up {
				return refuse("OperationFailed", "NotSpecified", "the host went down")
			}
			c.dropPoints(by.By)
		}
		l := c.extended
		state := l.state
		if resync {
			state = stateResync
		}
		c.setMode(modePrimary, by.By)
		c.setState(state, by.By)
		c.setLeg(stateDisabled, by.By)
		c.partner, c.extended = l.to, nil
		c.frequency, c.points, c.auth, c.port, c.thumbprint = l.frequency, l.points, l.auth, l.port, l.thumbprint
		c.lastRepl, c.nextCycle, c.failures = l.lastRepl, h.farm.Now(), 0
		if o := c.other(); o != nil && h.refusedBy(o.host, c.auth, c.thumbprint) == "" {
			o.becomesSecond(h)
		}
		return nil
	})
}

// becomesSecond turns the third copy of a chain into the replica of the middle,
// now its primary; a copy that was out of reach turns with the first log.
func (c *copyState) becomesSecond(primary *Host) {
	if c.mode == modeExtended && c.partner == primary {
		c.setMode(modeReplica, "host")
	}
}
