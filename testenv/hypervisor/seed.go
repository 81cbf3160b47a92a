package hypervisor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// How long a first copy takes, whatever its size, where no line carries it or to
// a third host.
const (
	sendTakes    = 5 * time.Minute // to the third copy of a chain
	compareTakes = 2 * time.Minute // the same, compared with a seed
	exportTakes  = 2 * time.Minute
	importTakes  = 2 * time.Minute
)

// EnableAsReplica makes a VM that does not replicate a seed: it waits for a
// primary of the same id, which then compares instead of sending all.
//
// Microsoft: Enable-VMReplication -AsReplica; row 2. allowed is the
// server that may send; authorizes says what it has to name.
func (h *Host) EnableAsReplica(_ context.Context, by Caller, id, allowed string) error {
	return h.change(id, "enable as a replica", func(c *copyState) error {
		if c.mode != modeNone {
			return notApplicable(c, "Enable-VMReplication")
		}
		if c.power != off {
			return invalidState(c, "become a replica")
		}
		if !h.replica.Enabled {
			return refuse("OperationFailed", "NotSpecified", fmt.Sprintf("'%s' is not enabled as a Replica server.", h.env.FQDN))
		}
		if !h.authorizes(allowed) {
			return refuse("OperationFailed", "NotSpecified", fmt.Sprintf("No authorization entry on '%s' is for '%s'.", h.env.FQDN, allowed))
		}
		c.allowed, c.seed, c.lastRepl, c.partner = allowed, true, time.Time{}, nil
		if c.auth == "" {
			// Nobody has said how it will replicate; the type has no empty value.
			c.auth = "Kerberos"
			if takes(h.replica, "Certificate") {
				c.auth = "Certificate"
			}
		}
		c.setMode(modeReplica, by.By)
		c.setState(stateWaits, by.By)
		return nil
	})
}

// fitsAsSeed is nil when a primary may take this copy for its replica.
func (c *copyState) fitsAsSeed(primary *copyState, how Enable) error {
	failed := func(format string, args ...any) error {
		return refuse("OperationFailed", "NotSpecified", "Enabling replication failed. "+fmt.Sprintf(format, args...))
	}
	switch {
	case c.busy != "":
		return failed("The virtual machine on '%s' is in use by another operation.", c.host.env.FQDN)
	case !c.seed || c.mode != modeReplica || c.state != stateWaits:
		return failed("A virtual machine with the ID %s already exists on '%s'.", c.id, c.host.env.FQDN)
	case c.allowed != "" && !allowedBy([]Authorization{{Primary: c.allowed}}, primary.host.env.FQDN):
		return failed("The virtual machine on '%s' accepts replication from '%s' only.", c.host.env.FQDN, c.allowed)
	}
	have := slices.Clone(c.disks)
	for _, d := range primary.disks {
		same := slices.IndexFunc(have, func(o Disk) bool { return o.SizeBytes == d.SizeBytes })
		switch {
		case holds(how.Excluded, d.Path):
		case same < 0:
			return failed("The virtual hard disks on '%s' are not the same.", c.host.env.FQDN)
		default:
			have = slices.Delete(have, same, same+1)
		}
	}
	return nil
}

// sender is the sending side of an initial replication: a primary, or the
// middle of a chain towards its third copy.
type sender struct{ c *copyState }

func (s sender) on() bool { return s.c.mode == modeReplica && s.c.extended != nil }

func (s sender) state() string {
	if s.on() {
		return s.c.extended.state
	}
	return s.c.state
}

func (s sender) set(to, by string) {
	if s.on() {
		s.c.setLeg(to, by)
	} else {
		s.c.setState(to, by)
	}
}

func (s sender) to() *copyState {
	if s.on() {
		return s.c.third()
	}
	return s.c.other()
}

// cannot says why the first copy does not come through, or "".
func (s sender) cannot() string {
	o := s.to()
	switch {
	case o == nil || !o.isReplica() || o.partner != s.c.host:
		return "The replica is gone."
	case o.state != stateWaits:
		return "The replica does not wait for an initial replication."
	case s.on():
		return s.c.host.refusedBy(o.host, s.c.extended.auth, s.c.extended.thumbprint)
	}
	return s.c.host.refusedBy(o.host, s.c.auth, s.c.thumbprint)
}

// begins is nil when an initial replication may begin now.
func (s sender) begins() error {
	if s.c.mode != modePrimary && !s.on() || s.state() != stateReady {
		return invalidState(s.c, "start initial replication")
	}
	if why := s.cannot(); why != "" {
		return refuse("OperationFailed", "NotSpecified", why)
	}
	s.c.initialStart = time.Time{}
	return nil
}

// stoppable is true before the first copy is complete.
func (s sender) stoppable() bool {
	if s.on() {
		l := s.c.extended
		return l.state == stateInitial || l.lastRepl.IsZero() && (l.state == stateSuspended || l.state == stateError)
	}
	return s.c.transfer != nil && s.c.transfer.initial || s.c.mode == modePrimary && s.c.state == stateInitial
}

// send begins now. A primary's transfer has its own progress; towards a third
// copy what comes through after its time makes both sides replicate, and what
// does not leaves them where they were.
func (s sender) send(by Caller, takes time.Duration) {
	f := s.c.host.farm
	s.set(stateInitial, by.By)
	if !s.on() {
		s.c.transfer = s.c.newTransfer(true, true)
		return
	}
	f.after(takes, func() {
		if !s.on() || s.state() != stateInitial {
			return
		}
		if s.cannot() != "" {
			s.set(stateReady, "host")
			return
		}
		o := s.to()
		s.c.deliverOn(o)
		s.replicates()
		o.setState(stateReplicates, "host")
	})
}

// replicates begins the cycles.
func (s sender) replicates() {
	now := s.c.host.farm.Now()
	s.set(stateReplicates, "host")
	if s.on() {
		s.c.extended.nextCycle = now.Add(s.c.extended.frequency)
	} else {
		s.c.nextCycle = now.Add(s.c.frequency)
	}
}

// overNetwork sends the third copy of a chain.
//
// Microsoft: Start-VMInitialReplication; row 3.
func (s sender) overNetwork(by Caller) error {
	if err := s.begins(); err != nil {
		return err
	}
	s.send(by, sendTakes)
	return nil
}

// StartInitialFromSeed compares with the copy that stands at the replica and
// sends what differs.
//
// Microsoft: Start-VMInitialReplication -UseBackup; row 3.
func (h *Host) StartInitialFromSeed(_ context.Context, by Caller, id string) error {
	return h.change(id, "start initial replication", func(c *copyState) error {
		s := sender{c}
		if err := s.begins(); err != nil {
			return err
		}
		if !s.to().seed {
			return refuse("OperationFailed", "NotSpecified", "The Replica server has no existing virtual machine to compare with.")
		}
		s.send(by, compareTakes)
		return nil
	})
}

// startAhead is how far ahead a first copy may be put.
const startAhead = 7 * 24 * time.Hour

// ScheduleInitial notes when the first copy begins over the network. The VM stays
// ready for it until then.
//
// Microsoft: Start-VMInitialReplication -InitialReplicationStartTime: "up to
// 7 days"; row 3.
func (h *Host) ScheduleInitial(_ context.Context, by Caller, id string, at time.Time) error {
	return h.change(id, "start initial replication", func(c *copyState) error {
		if c.mode != modePrimary || c.state != stateReady {
			return invalidState(c, "start initial replication")
		}
		if ahead := at.Sub(h.farm.Now()); ahead <= 0 || ahead > startAhead {
			return refuse("InvalidParameter", "InvalidArgument", "InitialReplicationStartTime must be in the next 7 days.")
		}
		c.initialStart = at
		h.farm.write(h.env.Name, c.id, "initial-start", "", at.UTC().Format(time.RFC3339), by.By)
		return nil
	})
}

// initials begins the first copies whose moment has come; one that cannot begin
// is tried again.
func (f *Farm) initials(now time.Time) {
	for _, h := range f.hosts {
		for _, c := range h.copies {
			if c.initialStart.IsZero() || now.Before(c.initialStart) || !h.up || c.mode != modePrimary || c.state != stateReady || c.busy != "" {
				continue
			}
			if h.cannotSend(c, c.other()) == "" {
				c.beginInitial("host")
			}
		}
	}
}

// medium is an export of a first copy on something that people carry.
type medium struct {
	id string
	savedPoint
}

// ExportInitial writes the first copy to a folder <name>_<id> under path and
// begins to replicate changes, which the replica keeps until the import.
//
// Microsoft: Start-VMInitialReplication -DestinationPath; row 3b; "Save network
// bandwidth by using out-of-band initial replication" (virtualization blog, 2013).
func (h *Host) ExportInitial(_ context.Context, by Caller, id, path string) error {
	return h.change(id, "start initial replication", func(c *copyState) error {
		s := sender{c}
		if err := s.begins(); err != nil {
			return err
		}
		if strings.TrimSpace(path) == "" {
			return refuse("InvalidParameter", "InvalidArgument", "DestinationPath")
		}
		s.set(stateInitial, by.By)
		h.farm.after(exportTakes, func() {
			if s.state() != stateInitial {
				return
			}
			if s.cannot() != "" || !h.up {
				s.set(stateReady, "host")
				return
			}
			h.farm.media[folder(c)] = medium{c.id, c.now()}
			s.to().placeholder = &savedPoint{}
			s.replicates()
		})
		return nil
	})
}

// folder is the name of an export's folder, in lower case.
func folder(c *copyState) string { return strings.ToLower(c.name + "_" + c.id) }

// now is what the copy holds at this moment, as a point that nobody lists.
func (c *copyState) now() savedPoint {
	return savedPoint{held: c.heldNow(), missing: c.missing, guestIP: c.guestIP, content: c.contentNow()}
}

// deliverDelta gives changes to a replica that still waits for its medium.
func (c *copyState) deliverDelta(o *copyState) {
	*o.placeholder = c.now()
}

// ImportInitial reads an export that was carried to the replica server; path
// must end in the export's folder.
//
// Microsoft: Import-VMInitialReplication; row 5.
func (h *Host) ImportInitial(_ context.Context, by Caller, id, path string) error {
	return h.change(id, "import initial replication", func(c *copyState) error {
		if !c.isReplica() {
			return notApplicable(c, "Import-VMInitialReplication")
		}
		if c.state != stateWaits || c.power != off {
			return invalidState(c, "import an initial replication")
		}
		parts := strings.FieldsFunc(path, func(r rune) bool { return r == '\\' || r == '/' })
		if len(parts) == 0 {
			return refuse("InvalidParameter", "InvalidArgument", "Path")
		}
		from, ok := h.farm.media[strings.ToLower(parts[len(parts)-1])]
		if !ok || from.id != c.id || c.placeholder == nil {
			return refuse("ObjectNotFound", "ObjectNotFound", fmt.Sprintf("'%s' holds no initial replica of this virtual machine.", path))
		}
		h.farm.pass(importTakes)
		if c.state != stateWaits || c.placeholder == nil || !h.up {
			return invalidState(c, "import an initial replication")
		}
		got := from.savedPoint
		if c.placeholder.held > got.held {
			got = *c.placeholder
		}
		c.goTo(got)
		c.placeholder, c.lastRepl = nil, h.farm.Now()
		c.setState(stateReplicates, by.By)
		return nil
	})
}

// RemoveVM takes a VM off its host; its disks stay as files. A test VM goes this
// way only when it has lost its replica.
//
// Microsoft: Remove-VM: "does not delete any virtual hard drives".
func (h *Host) RemoveVM(_ context.Context, by Caller, id string) error {
	return h.change(id, "remove", func(c *copyState) error {
		if c.mode != modeNone && (c.mode != modeTest || c.testOf != nil) || c.power != off {
			return invalidState(c, "be removed")
		}
		h.farm.write(h.env.Name, c.id, "vm", c.name, "removed", by.By)
		h.keep(c)
		h.drop(c)
		return nil
	})
}
