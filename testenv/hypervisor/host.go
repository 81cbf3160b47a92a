package hypervisor

import "time"

// Crash cuts a host's power: every VM on it stops at once. VMs that ran as
// primaries need a resynchronization afterwards.
//
// Microsoft: "Resynchronization of virtual machines in Hyper-V Replica".
func (f *Farm) Crash(name, by string) bool {
	f.mu.Lock()
	h := f.Host(name)
	if h == nil {
		f.mu.Unlock()
		return false
	}
	if h.up {
		f.write(name, "", "host", "up", "down", by)
		for _, c := range h.copies {
			wasOn := c.power != off
			f.guestDown(c)
			c.setPower(off, by)
			if wasOn && c.mode == modePrimary && (c.state == stateReplicates || c.state == stateSuspended || c.state == stateResyncing) {
				c.setState(stateResync, "host")
			}
			c.wasRunning = wasOn
		}
		h.up = false
		f.followWitnesses()
	}
	f.mu.Unlock()
	f.opts.OnHost(name, h.up, h.linked)
	return true
}

// PowerOn brings a host back; VMs start by themselves as they are set.
//
// Microsoft: Set-VM -AutomaticStartAction.
func (f *Farm) PowerOn(name, by string) bool {
	f.mu.Lock()
	h := f.Host(name)
	if h == nil {
		f.mu.Unlock()
		return false
	}
	if !h.up {
		h.up = true
		f.followWitnesses()
		f.write(name, "", "host", "down", "up", by)
		f.after(30*time.Second, func() { h.autoStart() })
	}
	f.mu.Unlock()
	f.opts.OnHost(name, h.up, h.linked)
	return true
}

func (h *Host) autoStart() {
	for _, c := range h.copies {
		wanted := c.autoStart == "Start" || (c.autoStart == "StartIfRunning" && c.wasRunning)
		locked := c.state == statePrepared || (c.isReplica() && c.state != stateFailedOver && c.state != stateCommitted)
		if h.up && wanted && !locked && c.locked() == "" && c.busy == "" && c.power == off && h.memoryFree() >= c.memory {
			c.setPower(running, "host")
			h.farm.boot(c)
		}
		c.wasRunning = false
	}
}

// Cut takes a host off the network, replication and management alike; Join
// brings it back. Its VMs go on.
func (f *Farm) Cut(name, by string) bool { return f.link(name, false, by) }

// Join undoes Cut.
func (f *Farm) Join(name, by string) bool { return f.link(name, true, by) }

func (f *Farm) link(name string, linked bool, by string) bool {
	f.mu.Lock()
	h := f.Host(name)
	if h == nil {
		f.mu.Unlock()
		return false
	}
	if h.linked != linked {
		word := map[bool]string{true: "joined", false: "cut"}
		f.write(name, "", "link", word[h.linked], word[linked], by)
		h.linked = linked
	}
	f.mu.Unlock()
	f.opts.OnHost(name, h.up, h.linked)
	return true
}
