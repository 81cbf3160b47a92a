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
	for _, h := range f.hosts {
		for _, c := range h.copies {
			if c.mode != modePrimary || c.state != stateReplicates || now.Before(c.nextCycle) || c.busy == "failover" {
				continue
			}
			c.nextCycle = now.Add(c.frequency)
			if h.sending >= maxSending {
				c.missed++
				continue
			}
			f.send(c)
		}
	}
}

// send carries a cycle's changes to the replica.
func (f *Farm) send(c *copyState) {
	h, o := c.host, c.other()
	if why := h.cannotSend(c, o); why != "" {
		c.failures++
		c.missed++
		if c.failures >= maxFailures {
			c.setState(stateError, "host")
		}
		return
	}
	h.sending++
	f.after(time.Second, func() {
		h.sending--
		if c.mode != modePrimary || c.state != stateReplicates || h.cannotSend(c, o) != "" || o.mode != modeReplica || o.state != stateReplicates {
			return
		}
		c.deliver(o)
		c.failures = 0
		c.succeeded++
		if o.points > 0 && (len(o.history) == 0 || f.Now().Sub(o.history[len(o.history)-1].Created) >= time.Hour) {
			o.addPoint("Replica")
		}
	})
}

// deliver brings the replica to where the primary is now.
func (c *copyState) deliver(o *copyState) {
	now := c.host.farm.Now()
	o.held, o.missing, o.guestIP = c.heldNow(), c.missing, c.guestIP
	c.lastRepl, o.lastRepl = now, now
}

func (c *copyState) addPoint(kind string) {
	f := c.host.farm
	now := f.Now()
	p := savedPoint{held: c.held, missing: c.missing, guestIP: c.guestIP}
	p.Point = Point{ID: f.guid(fmt.Sprintf("point/%s/%s/%d", c.host.env.Name, c.id, now.UnixNano())), Name: c.name + " - " + kind, Type: kind, Created: now}
	c.history = append(c.history, p)
	if len(c.history) > c.points+1 {
		c.history = c.history[1:]
	}
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
	return h.refusedBy(o.host, c.auth, h.replica.Thumbprint)
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
	case auth == "Certificate" && (!now.Before(h.expires) || !now.Before(to.expires)):
		return "The certificate has expired."
	case auth == "Certificate" && thumbprint != "" && !strings.EqualFold(thumbprint, h.replica.Thumbprint):
		return "The certificate was not found on this server."
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
	want := to.replica.CertificatePort
	if auth == "Kerberos" {
		want = to.replica.KerberosPort
	}
	if port != want {
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
		case stateReplicates, stateInitial, stateWaits, stateResyncing:
			c.setState(stateSuspended, by.By)
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
		case stateSuspended, stateError, stateResync:
		default:
			return invalidState(c, "resume replication")
		}
		c.failures = 0
		c.nextCycle = h.farm.Now()
		if !resync {
			if c.state == stateResync {
				return invalidState(c, "resume replication without -Resynchronize")
			}
			c.setState(stateReplicates, by.By)
			return nil
		}
		c.setState(stateResyncing, by.By)
		h.farm.after(2*time.Minute, func() { h.resynced(c) })
		return nil
	})
}

// resynced ends a resynchronization; recovery points are gone.
func (h *Host) resynced(c *copyState) {
	o := c.other()
	if c.state != stateResyncing || o == nil || h.cannotSend(c, o) != "" {
		return
	}
	o.dropPoints("host")
	c.deliver(o)
	c.setState(stateReplicates, "host")
	o.setState(stateReplicates, "host")
}

// StartInitialReplication sends the first copy.
//
// Microsoft: Start-VMInitialReplication; row 3.
func (h *Host) StartInitialReplication(_ context.Context, by Caller, id string) error {
	return h.change(id, "start initial replication", func(c *copyState) error {
		if c.mode != modePrimary || c.state != stateReady {
			return invalidState(c, "start initial replication")
		}
		o := c.other()
		if why := h.cannotSend(c, o); why != "" {
			return refuse("OperationFailed", "NotSpecified", why)
		}
		c.setState(stateInitial, by.By)
		h.farm.after(5*time.Minute, func() {
			if c.state != stateInitial || h.cannotSend(c, o) != "" {
				return
			}
			c.deliver(o)
			c.setState(stateReplicates, "host")
			o.setState(stateReplicates, "host")
			c.nextCycle = h.farm.Now().Add(c.frequency)
		})
		return nil
	})
}

// StopInitialReplication cancels the first copy.
//
// Microsoft: Stop-VMInitialReplication; row 4.
func (h *Host) StopInitialReplication(_ context.Context, by Caller, id string) error {
	return h.change(id, "stop initial replication", func(c *copyState) error {
		if c.state != stateInitial {
			return invalidState(c, "stop initial replication")
		}
		c.setState(stateReady, by.By)
		return nil
	})
}

// RemoveReplication ends this side's relationship; the other side keeps its
// own.
//
// Microsoft: Remove-VMReplication; row 19.
func (h *Host) RemoveReplication(_ context.Context, by Caller, id, _ string) error {
	return h.change(id, "remove replication", func(c *copyState) error {
		if c.mode == modeNone {
			return notApplicable(c, "Remove-VMReplication")
		}
		c.dropPoints(by.By)
		c.setMode(modeNone, by.By)
		c.setState(stateDisabled, by.By)
		c.partner = nil
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
