package hypervisor

import (
	"context"
	"time"
)

const (
	// packed is how much faster copying passes here than on a real line of the
	// environment's speed: a day of it takes a quarter of an hour.
	packed = 100
	// comparing reads this many times faster than the line carries.
	comparing = 4
	// defaultLine is in MB (binary) a second.
	defaultLine = 100
	// stallsFor is how long a transfer waits for its line to come back.
	stallsFor = 3 * time.Minute

	stateResyncPaused = "ResynchronizeSuspended"
)

// transfer is a first copy or a resynchronization on its way.
type transfer struct {
	initial bool
	total   uint64 // bytes that the line carries
	takes   time.Duration
	done    time.Duration
	at      time.Time // simulated, of the last look
	stalled time.Duration
}

// task is what the host calls the work.
func (t *transfer) task() string {
	if t.initial {
		return "Sending initial replica"
	}
	return "Resynchronizing"
}

// runs and receives are the states of the two sides while the transfer goes on.
func (t *transfer) runs() string {
	if t.initial {
		return stateInitial
	}
	return stateResyncing
}

func (t *transfer) receives() string {
	if t.initial {
		return stateWaits
	}
	return stateResyncing
}

// percent is how far it is.
func (t *transfer) percent() int { return int(100 * min(t.done, t.takes) / t.takes) }

// left are the bytes still to be sent.
func (t *transfer) left() uint64 {
	return t.total - uint64(float64(t.total)*float64(min(t.done, t.takes))/float64(t.takes))
}

// newTransfer plans a transfer: a full copy carries what the replicated disks
// use, a comparison reads both sides and carries the difference.
func (c *copyState) newTransfer(initial, compares bool) *transfer {
	used := uint64(0)
	for _, d := range c.disks {
		if d.Replicated {
			used += d.UsedBytes
		}
	}
	t := &transfer{initial: initial, total: used, at: c.host.farm.Now(), takes: c.host.farm.carries(used)}
	if compares {
		t.total = c.pending()
		t.takes = c.host.farm.carries(used/comparing) + c.host.farm.carries(t.total)
	}
	t.takes = max(t.takes, 20*time.Second)
	return t
}

// carries is how long the line takes, simulated.
func (f *Farm) carries(bytes uint64) time.Duration {
	line := f.env.LineMBPerS
	if line == 0 {
		line = defaultLine
	}
	return time.Duration(float64(bytes) / float64(line<<20) / packed * float64(time.Second))
}

// transfers moves every transfer on to now.
func (f *Farm) transfers(now time.Time) {
	for _, h := range f.hosts {
		for _, c := range h.copies {
			if c.transfer != nil {
				h.move(c, c.transfer, now)
			}
		}
	}
}

func (h *Host) move(c *copyState, t *transfer, now time.Time) {
	passed := now.Sub(t.at)
	t.at = now
	switch {
	case !h.up:
		return
	case c.state == stateSuspended || c.state == stateError || c.state == stateResyncPaused:
		return // it may be resumed
	case c.mode != modePrimary || c.state != t.runs():
		h.endTransfer(c, t)
		return
	}
	o := c.other()
	if h.cannotSend(c, o) != "" {
		if t.stalled += passed; t.stalled > stallsFor {
			h.breakOff(c, t)
		}
		return
	}
	if !o.isReplica() || o.state != t.receives() {
		h.breakOff(c, t)
		return
	}
	t.stalled = 0
	if t.done += passed; t.done < t.takes {
		return
	}
	c.transfer = nil
	if !t.initial {
		o.dropPoints("host")
	}
	c.deliver(o)
	c.setState(stateReplicates, "host")
	o.setState(stateReplicates, "host")
	c.nextCycle = now.Add(c.frequency)
}

// breakOff leaves a transfer that cannot go on: a first copy may be resumed, a
// resynchronization begins again.
func (h *Host) breakOff(c *copyState, t *transfer) {
	if t.initial {
		t.stalled = 0
		c.setState(stateError, "host")
		return
	}
	c.setState(stateResync, "host")
	h.endTransfer(c, t)
}

func (h *Host) endTransfer(c *copyState, t *transfer) {
	c.transfer = nil
	if o := c.other(); o != nil && !t.initial && o.mode == modeReplica && o.state == stateResyncing {
		o.setState(stateReplicates, "host")
	}
}

// startResync begins a resynchronization; it deletes the replica's recovery
// points when it ends.
//
// Microsoft: "Resynchronization of virtual machines in Hyper-V Replica"; row 8.
func (h *Host) startResync(c *copyState, by string) error {
	if c.mode != modePrimary {
		return notApplicable(c, "Resume-VMReplication")
	}
	o := c.other()
	if why := h.cannotSend(c, o); why != "" {
		return refuse("OperationFailed", "NotSpecified", why)
	}
	if !o.isReplica() || (o.state != stateReplicates && o.state != stateResyncing && o.state != stateError) {
		return refuse("OperationFailed", "NotSpecified", "The replica does not accept changes.")
	}
	c.transfer = c.newTransfer(false, true)
	c.setState(stateResyncing, by)
	o.setState(stateResyncing, "host")
	return nil
}

// StopReplication cancels a resynchronization, and nothing else.
//
// Microsoft: Stop-VMReplication; row 9.
func (h *Host) StopReplication(_ context.Context, by Caller, id string) error {
	return h.change(id, "stop resynchronization", func(c *copyState) error {
		switch {
		case c.mode == modeNone || c.mode == modeTest:
			return notApplicable(c, "Stop-VMReplication")
		case c.mode == modePrimary && (c.state == stateResyncing || c.state == stateResyncPaused || c.state == stateUpdating || c.state == stateUpdateError):
			c.setState(stateResync, by.By)
			c.endUpdating()
			if c.transfer != nil {
				h.endTransfer(c, c.transfer)
			}
			return nil
		case c.mode == modeReplica && c.state == stateResyncing:
			c.setState(stateReplicates, by.By)
			return nil
		}
		return invalidState(c, "stop the resynchronization")
	})
}

// FailApply makes a replica fall to Error, as when it cannot apply what it
// received; LoseTracking makes a primary need a resynchronization, as when its
// log is damaged. Both are what a test does to the farm.
//
// Microsoft: replica model, sections 4 and 6.
func (h *Host) FailApply(_ context.Context, by Caller, id string) error {
	return h.change(id, "fail", func(c *copyState) error {
		if !c.isReplica() || c.state != stateReplicates {
			return invalidState(c, "fail to apply changes")
		}
		c.setState(stateError, by.By)
		return nil
	})
}

// HoldApply lets a replica's host receive logs and not apply them, as when its
// disks are too slow; ReleaseApply ends that.
func (h *Host) HoldApply(_ context.Context, by Caller, id string) error {
	return h.applies(by, id, func(c *copyState) time.Time { return c.lastApplied() })
}

// ReleaseApply applies what was received; see HoldApply.
func (h *Host) ReleaseApply(_ context.Context, by Caller, id string) error {
	return h.applies(by, id, func(*copyState) time.Time { return time.Time{} })
}

func (h *Host) applies(by Caller, id string, upTo func(*copyState) time.Time) error {
	return h.change(id, "apply", func(c *copyState) error {
		if !c.isReplica() {
			return invalidState(c, "apply")
		}
		c.appliedUpTo = upTo(c)
		h.farm.write(h.env.Name, id, "apply", "", c.appliedUpTo.Format(time.RFC3339), by.By)
		return nil
	})
}

// lastApplied is the time of the last log that is on the copy's disks.
//
// Microsoft: Hyper-V module, VMReplication.LastAppliedLogTime.
func (c *copyState) lastApplied() time.Time {
	if c.isReplica() && !c.appliedUpTo.IsZero() {
		return c.appliedUpTo
	}
	return c.lastRepl
}

// LoseTracking makes a primary, or the middle of a chain towards its third copy,
// need a resynchronization; see FailApply.
func (h *Host) LoseTracking(_ context.Context, by Caller, id string) error {
	return h.change(id, "fail", func(c *copyState) error {
		if l := c.extended; c.mode == modeReplica && l != nil && l.state == stateReplicates {
			c.setLeg(stateResync, by.By)
			return nil
		}
		if c.mode != modePrimary || (c.state != stateReplicates && c.state != stateError && c.state != stateSuspended) {
			return invalidState(c, "lose its tracking")
		}
		c.setState(stateResync, by.By)
		return nil
	})
}
