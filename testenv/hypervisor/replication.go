package hypervisor

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const (
	// maxSending is how many VMs a host sends at once (Microsoft:
	// MaximumActiveTransfers, default 3).
	maxSending = 3
	// maxFailures is how many sends fail before replication is in error. The
	// number is not documented.
	maxFailures = 3
)

// live is the farm's heart: it starts the cycles that are due.
func (f *Farm) live() {
	tick := time.NewTicker(max(20*time.Millisecond, min(200*time.Millisecond, f.real(2*time.Second))))
	defer tick.Stop()
	for {
		select {
		case <-f.ended:
			return
		case <-tick.C:
			f.mu.Lock()
			f.cycles()
			f.mu.Unlock()
		}
	}
}

func (f *Farm) cycles() {
	now := f.Now()
	f.transfers(now)
	f.initials(now)
	for _, h := range f.hosts {
		f.cyclesOf(h, now)
	}
}

// cyclesOf starts what is due at one host; what finds no place to send waits for
// its turn.
func (f *Farm) cyclesOf(h *Host, now time.Time) {
	for _, c := range h.copies {
		f.sendOn(c, now)
		if c.mode != modePrimary || c.state != stateReplicates || now.Before(c.nextCycle) || c.busy == "failover" || h.sending >= maxSending {
			continue
		}
		c.missed += overdue(c.nextCycle, now, c.frequency)
		c.nextCycle = now.Add(c.frequency)
		f.send(c)
	}
}

// overdue is 1 when a cycle begins a whole interval late: it was missed.
func overdue(due, now time.Time, frequency time.Duration) uint32 {
	if now.Sub(due) < frequency {
		return 0
	}
	return 1
}

// send carries a cycle's changes to the replica.
func (f *Farm) send(c *copyState) {
	h, o := c.host, c.other()
	why := h.cannotSend(c, o)
	if why == "" && o.placeholder == nil && !o.takesFrom(h) {
		why = "the replica does not take changes"
	}
	if why != "" {
		c.failures++
		c.missed++
		if c.failures >= maxFailures && !f.opts.Dialect.RetriesForEver {
			c.setState(stateError, "host")
		}
		return
	}
	h.sending++
	f.after(time.Second, func() {
		h.sending--
		defer func() { f.cyclesOf(h, f.Now()) }() // whose turn it is
		if c.mode != modePrimary || c.state != stateReplicates || h.cannotSend(c, o) != "" {
			return
		}
		if o.placeholder != nil {
			c.deliverDelta(o)
			c.lastRepl, c.failures = f.Now(), 0
			c.succeeded++
			return
		}
		if !o.takesFrom(h) {
			return
		}
		c.deliver(o)
		c.failures = 0
		c.succeeded++
		c.hourlyPoints(o)
	})
}

// deliver brings the replica to where the primary is now.
func (c *copyState) deliver(o *copyState) {
	now := c.host.farm.Now()
	o.becomesSecond(c.host)
	if c.unsaid {
		o.follow(c)
	}
	o.held, o.missing, o.guestIP, o.content = c.heldNow(), c.missing, c.guestIP, c.contentNow()
	c.lastRepl, o.lastRepl = now, now
	c.lastType, o.lastType = regular, regular
}

func (c *copyState) addPoint(kind string) {
	f := c.host.farm
	c.history = append(c.history, c.newPoint(kind, f.Now()))
	c.history = c.history[max(0, len(c.history)-max(c.keeps(), 1)):]
	f.write(c.host.env.Name, c.id, "point", "", kind, "host")
}

// cannotSend says why a host cannot replicate a VM now, or "".
func (h *Host) cannotSend(c, o *copyState) string {
	if o == nil {
		return "the replica is gone"
	}
	if o.state == stateSuspended {
		return "replication is paused on the replica server"
	}
	return h.refusedBy(o.host, c.auth, c.thumbprint)
}

// refusedBy says why another host does not take replication from this one, or
// "".
//
// Microsoft: Set-VMReplicationServer, New-VMReplicationAuthorizationEntry.
func (h *Host) refusedBy(to *Host, auth, thumbprint string) string {
	now := h.farm.Now()
	switch {
	case !to.up || !to.linked || !h.linked:
		return fmt.Sprintf("Hyper-V cannot connect to the Replica server '%s' (0x00002EFD).", to.env.FQDN)
	case !to.replica.Enabled:
		return fmt.Sprintf("'%s' is not enabled as a Replica server.", to.env.FQDN)
	case !takes(to.replica, auth):
		return fmt.Sprintf("'%s' does not accept %s authentication.", to.env.FQDN, auth)
	case auth == "Certificate" && (!now.Before(h.expires) || !now.Before(to.expires)):
		return "The certificate has expired."
	case auth == "Certificate" && thumbprint != "" && !strings.EqualFold(thumbprint, h.certificate):
		return "The certificate was not found on this server."
	case auth == "Certificate" && to.certificate == "":
		return fmt.Sprintf("The certificate was not found on the Replica server '%s'.", to.env.FQDN)
	case !to.replica.AnyServer && !allowedBy(to.replica.Entries, h.env.FQDN):
		return fmt.Sprintf("'%s' does not authorize replication from '%s'.", to.env.FQDN, h.env.FQDN)
	}
	return ""
}

func allowedBy(entries []Authorization, fqdn string) bool {
	for _, e := range entries {
		if strings.EqualFold(e.Primary, fqdn) {
			return true
		}
		if rest, ok := strings.CutPrefix(e.Primary, "*"); ok && strings.HasSuffix(strings.ToLower(fqdn), strings.ToLower(rest)) {
			return true
		}
	}
	return false
}

// hostCalled finds a host by FQDN or name.
func (f *Farm) hostCalled(name string) *Host {
	for _, h := range f.hosts {
		if strings.EqualFold(h.env.FQDN, name) || strings.EqualFold(h.env.Name, name) {
			return h
		}
	}
	return nil
}

// TestConnection tries the way that replication would take.
//
// Microsoft: Test-VMReplicationConnection.
func (h *Host) TestConnection(_ context.Context, _ Caller, server string, port int, auth, thumbprint string) error {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	to := h.farm.hostCalled(server)
	if to == nil {
		return refuse("OperationFailed", "NotSpecified", "The Replica server name could not be resolved (0x00002EE7).")
	}
	if port != to.port(auth) {
		return refuse("OperationFailed", "NotSpecified", "Hyper-V cannot connect to the Replica server (0x00002EFD).")
	}
	if why := h.refusedBy(to, auth, thumbprint); why != "" {
		return refuse("OperationFailed", "NotSpecified", why)
	}
	return nil
}

// SuspendReplication pauses this side.
//
// Microsoft: Suspend-VMReplication; row 6.
func (h *Host) SuspendReplication(_ context.Context, by Caller, id string) error {
	return h.change(id, "suspend replication", func(c *copyState) error {
		switch c.state {
		case stateReplicates, stateInitial, stateWaits:
			c.setState(stateSuspended, by.By)
			return nil
		case stateResyncing:
			to := stateSuspended
			if c.mode == modePrimary {
				to = stateResyncPaused
			}
			c.setState(to, by.By)
			return nil
		}
		return invalidState(c, "suspend replication")
	})
}

// ResumeReplication goes on after a pause, an error or a needed
// resynchronization.
//
// Microsoft: Resume-VMReplication; rows 7 and 8.
func (h *Host) ResumeReplication(_ context.Context, by Caller, id string, resync bool) error {
	return h.change(id, "resume replication", func(c *copyState) error {
		switch c.state {
		case stateSuspended, stateError, stateResync, stateResyncPaused, stateUpdateError:
		default:
			return invalidState(c, "resume replication")
		}
		c.failures = 0
		c.nextCycle = h.farm.Now()
		switch {
		case resync, c.state == stateResync && h.farm.opts.Dialect.ResumeResyncs:
			return h.startResync(c, by.By)
		case c.state == stateResync:
			return invalidState(c, "resume replication without -Resynchronize")
		case c.update != nil:
			c.beginUpdate(c.update, by.By)
		case c.transfer != nil:
			c.setState(c.transfer.runs(), by.By)
		case c.isReplica() && c.lastRepl.IsZero():
			c.setState(stateWaits, by.By)
		default:
			c.setState(stateReplicates, by.By)
		}
		return nil
	})
}

// StartInitialReplication sends the first copy.
//
// Microsoft: Start-VMInitialReplication; row 3.
func (h *Host) StartInitialReplication(_ context.Context, by Caller, id string) error {
	return h.change(id, "start initial replication", func(c *copyState) error {
		if s := (sender{c}); s.on() {
			return s.overNetwork(by)
		}
		if c.mode != modePrimary || c.state != stateReady {
			return invalidState(c, "start initial replication")
		}
		o := c.other()
		if why := h.cannotSend(c, o); why != "" {
			return refuse("OperationFailed", "NotSpecified", why)
		}
		c.beginInitial(by.By)
		return nil
	})
}

func (c *copyState) beginInitial(by string) {
	c.initialStart = time.Time{}
	o := c.other() // a replica that was just made has nothing to compare with
	c.transfer = c.newTransfer(true, c.host.farm.opts.Dialect.InitialCompares && o != nil && o.seed)
	c.setState(stateInitial, by)
}

// StopInitialReplication cancels the first copy.
//
// Microsoft: Stop-VMInitialReplication; row 4.
func (h *Host) StopInitialReplication(_ context.Context, by Caller, id string) error {
	return h.change(id, "stop initial replication", func(c *copyState) error {
		s := sender{c}
		if !s.stoppable() {
			return invalidState(c, "stop initial replication")
		}
		if !s.on() {
			c.transfer = nil
		}
		s.set(stateReady, by.By)
		return nil
	})
}

// RemoveReplication ends this side's relationship; the other side keeps its
// own.
//
// Microsoft: Remove-VMReplication; row 19.
func (h *Host) RemoveReplication(_ context.Context, by Caller, id, which string) error {
	return h.change(id, "remove replication", func(c *copyState) error {
		if which == "Extended" {
			return c.removeExtended(by)
		}
		switch {
		case c.mode == modeNone || c.mode == modeTest:
			return notApplicable(c, "Remove-VMReplication")
		case c.extended != nil:
			return refuse("InvalidOperation", "InvalidOperation", fmt.Sprintf("Replication of '%s' cannot be removed while extended replication is enabled.", c.name))
		case c.isReplica() && c.power != off && h.farm.opts.Dialect.RemoveNeedsOff:
			return invalidState(c, "remove replication")
		}
		c.transfer, c.initialStart = nil, time.Time{}
		c.dropPoints(by.By)
		c.setMode(modeNone, by.By)
		c.setState(stateDisabled, by.By)
		c.partner, c.seed, c.placeholder, c.allowed = nil, false, nil, ""
		return nil
	})
}

// change is a short operation on one VM.
func (h *Host) change(id, what string, do func(*copyState) error) error {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	c, err := h.hold(id, what)
	if err != nil {
		return err
	}
	defer func() { c.busy = "" }()
	return do(c)
}
