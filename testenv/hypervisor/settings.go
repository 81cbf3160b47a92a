package hypervisor

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const (
	stateUpdating    = "WaitingForUpdateCompletion"
	stateUpdateError = "UpdateError"
)

// Settings is how Set-VMReplication was called without -Reverse and -AsReplica;
// what is nil or empty stays as it is.
type Settings struct {
	FrequencySec, RecoveryHistory *int
	// VSSFrequencyHour 0 is no application-consistent points.
	VSSFrequencyHour *int
	Compression      *bool
	Auth             string
	Port             int
	Thumbprint       string
	// Replicated are the paths of all disks that are to replicate.
	Replicated []string
}

// SetReplication changes the settings of a relationship, which belong to the
// side that sends. In the middle of a chain they are those of the extended one,
// whichever was named.
//
// Microsoft: Set-VMReplication; Msvm_ReplicationService ModifyReplicationSettings;
// notes below the operation table, and "Extended replication" in section 1.
func (h *Host) SetReplication(_ context.Context, by Caller, id string, how Settings) error {
	return h.change(id, "set replication", func(c *copyState) error {
		middle := c.mode == modeReplica && c.extended != nil
		switch {
		case c.mode == modePrimary:
			return h.setFirst(c, how, by)
		case middle && h.farm.opts.Dialect.MiddleSetsFirst:
			return c.setOwnSide(how, by)
		case middle && !h.farm.opts.Dialect.MiddleRefuses:
			return h.setExtended(c, how, by)
		case c.isReplica():
			return refuse("InvalidOperation", "InvalidOperation", fmt.Sprintf("Replication settings of '%s' cannot be modified on the Replica server.", c.name))
		}
		return notApplicable(c, "Set-VMReplication")
	})
}

// over is what a relationship has once settings came over it, for the checks that
// enabling makes.
func (how Settings) over(was Enable) Enable {
	set := func(field *int, to *int) {
		if to != nil {
			*field = *to
		}
	}
	set(&was.FrequencySec, how.FrequencySec)
	set(&was.RecoveryHistory, how.RecoveryHistory)
	set(&was.VSSFrequencyHour, how.VSSFrequencyHour)
	if how.Compression != nil {
		was.Uncompressed = !*how.Compression
	}
	if how.Auth != "" && how.Auth != was.Auth {
		was.Auth, was.Port, was.Thumbprint = how.Auth, portOf(how.Auth, 0), ""
	}
	if how.Port != 0 {
		was.Port = how.Port
	}
	if how.Thumbprint != "" {
		was.Thumbprint = how.Thumbprint
	}
	return was
}

// settings are those of a copy's own relationship.
func (c *copyState) settings() Enable {
	return Enable{
		ReplicaServer: "-", Port: portOf(c.auth, c.port), Auth: c.auth, Thumbprint: or(c.thumbprint, c.host.certificate), FrequencySec: int(c.frequency / time.Second),
		RecoveryHistory: c.points, VSSFrequencyHour: c.vss, Uncompressed: c.uncompressed,
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (how Settings) connects() bool { return how.Auth != "" || how.Port != 0 || how.Thumbprint != "" }

// setFirst sets a primary's relationship. The replica learns of it at once, or
// with the next log when it is out of reach.
func (h *Host) setFirst(c *copyState, how Settings, by Caller) error {
	switch c.state {
	case statePrepared, stateUpdating:
		return invalidState(c, "set replication")
	}
	want := how.over(c.settings())
	if err := want.check(c, false); err != nil {
		return err
	}
	if how.connects() {
		if err := h.reaches(c.partner, want); err != nil {
			return err
		}
	}
	if how.Replicated != nil {
		if err := h.updateDisks(c, how.Replicated, by); err != nil {
			return err
		}
	}
	c.note(want, by)
	c.settle(want)
	c.thumbprint = want.Thumbprint
	if o := c.other(); o != nil && h.refusedBy(o.host, c.auth, c.thumbprint) == "" {
		o.follow(c)
	} else {
		c.unsaid = true
	}
	return nil
}

// setExtended sets the middle's relationship with the third copy.
func (h *Host) setExtended(c *copyState, how Settings, by Caller) error {
	l := c.extended
	bad := func(message string) error { return refuse("InvalidParameter", "InvalidArgument", message) }
	if c.failedOver() {
		return invalidState(c, "set extended replication")
	}
	was := Enable{ReplicaServer: "-", Port: portOf(l.auth, l.port), Auth: l.auth, Thumbprint: or(l.thumbprint, h.certificate), FrequencySec: int(l.frequency / time.Second), RecoveryHistory: l.points}
	want := how.over(was)
	switch {
	case how.Replicated != nil:
		return bad("Extended replication has no choice of disks.")
	case want.frequency() < l.frequency:
		return bad("The frequency of extended replication cannot be lowered.")
	}
	if err := want.check(c, true); err != nil {
		return err
	}
	if how.connects() {
		if err := h.reaches(l.to, want); err != nil {
			return err
		}
	}
	h.farm.write(h.env.Name, c.id, "extended-settings", was.words(), want.words(), by.By)
	l.frequency, l.points, l.auth, l.port, l.thumbprint = want.frequency(), want.RecoveryHistory, want.Auth, want.Port, want.Thumbprint
	if o := c.third(); o != nil && h.refusedBy(o.host, l.auth, l.thumbprint) == "" {
		o.settle(want)
		o.trim()
	}
	return nil
}

// setOwnSide is the other reading of settings in the middle of a chain: what
// changes is the middle's own record of how it receives.
func (c *copyState) setOwnSide(how Settings, by Caller) error {
	want := how.over(c.settings())
	if err := want.check(c, false); err != nil {
		return err
	}
	c.note(want, by)
	c.settle(want)
	c.trim()
	return nil
}

// reaches asks the replica server under new terms.
func (h *Host) reaches(to *Host, want Enable) error {
	failed := func(why string) error { return refuse("OperationFailed", "NotSpecified", why) }
	if to == nil || want.Port != to.port(want.Auth) {
		return failed("Hyper-V cannot connect to the Replica server (0x00002EFD).")
	}
	if why := h.refusedBy(to, want.Auth, want.Thumbprint); why != "" {
		return failed(why)
	}
	return nil
}

func (c *copyState) note(want Enable, by Caller) {
	c.host.farm.write(c.host.env.Name, c.id, "settings", c.settings().words(), want.words(), by.By)
}

func (how Enable) words() string {
	return fmt.Sprintf("every %d s, %d points, vss %d h, %s, compressed %t", how.FrequencySec, how.RecoveryHistory, how.VSSFrequencyHour, how.Auth, !how.Uncompressed)
}

// follow takes over what the primary says of their relationship.
func (c *copyState) follow(primary *copyState) {
	primary.unsaid = false
	c.settle(primary.settings())
	c.trim()
}

// trim keeps as many recovery points as the settings say, the newest.
func (c *copyState) trim() {
	keep := c.keeps()
	if over := len(c.history) - keep; over > 0 {
		c.history = c.history[over:]
		c.host.farm.write(c.host.env.Name, c.id, "points", fmt.Sprint(over+keep), fmt.Sprint(keep), "host")
	}
}

// keeps is how many points a replica keeps.
func (c *copyState) keeps() int {
	switch {
	case c.points == 0 && !c.host.farm.opts.Dialect.LatestPointListed:
		return 0
	case c.host.farm.opts.Dialect.ExactHistory:
		return max(c.points, 1)
	}
	return c.points + 1
}

// diskUpdate is a changed set of disks on its way to the replica.
type diskUpdate struct{ replicated []string }

// updateDisks begins to replicate a set of disks: what is new is sent whole, what
// is left out goes from the replica. Meanwhile nothing else is sent.
//
// Microsoft: Set-VMReplication -ReplicatedDisks, "the full list"; state
// WaitingForUpdateCompletion ("Disk update in progress").
func (h *Host) updateDisks(c *copyState, replicated []string, by Caller) error {
	for _, path := range replicated {
		if !holds(c.diskPaths(), path) {
			return refuse("InvalidParameter", "InvalidArgument", fmt.Sprintf("'%s' is no virtual hard disk of this virtual machine.", path))
		}
	}
	switch {
	case len(replicated) == 0:
		return refuse("InvalidParameter", "InvalidArgument", "At least one virtual hard disk must replicate.")
	case c.state != stateReplicates && c.state != stateUpdateError:
		return invalidState(c, "change the replicated disks")
	}
	if why := h.cannotSend(c, c.other()); why != "" {
		return refuse("OperationFailed", "NotSpecified", why)
	}
	c.beginUpdate(&diskUpdate{replicated}, by.By)
	return nil
}

func (c *copyState) diskPaths() []string {
	paths := make([]string, len(c.disks))
	for i, d := range c.disks {
		paths[i] = d.Path
	}
	return paths
}

func (c *copyState) beginUpdate(u *diskUpdate, by string) {
	f, fresh := c.host.farm, uint64(0)
	for _, d := range c.disks {
		if !d.Replicated && holds(u.replicated, d.Path) {
			fresh += d.UsedBytes
		}
	}
	c.update = u
	c.setState(stateUpdating, by)
	if o := c.other(); o != nil && o.state == stateReplicates {
		o.setState(stateUpdating, "host")
	}
	f.after(max(20*time.Second, f.carries(fresh)), func() { c.endUpdate(u) })
}

// endUpdate brings both sides to the new set of disks, or leaves the primary in
// error when the replica cannot be told.
func (c *copyState) endUpdate(u *diskUpdate) {
	o := c.other()
	if c.update != u || c.state != stateUpdating {
		return
	}
	if o != nil && o.state == stateUpdating {
		o.setState(stateReplicates, "host")
	}
	if c.host.cannotSend(c, o) != "" || !o.takesFrom(c.host) {
		c.setState(stateUpdateError, "host")
		return
	}
	for i := range c.disks {
		d := &c.disks[i]
		was := d.Replicated
		d.Replicated = holds(u.replicated, d.Path)
		name := d.Path[strings.LastIndexByte(d.Path, '\\')+1:]
		switch {
		case d.Replicated && !was:
			o.disks = append(o.disks, o.host.replicaDisk(*d, c.id, c.host.env.FQDN))
		case was && !d.Replicated:
			o.dropDisk(name)
		}
	}
	c.update = nil
	c.setState(stateReplicates, "host")
	c.nextCycle = c.host.farm.Now()
}

// endUpdating gives up a changed set of disks: both sides keep the one before.
func (c *copyState) endUpdating() {
	if o := c.other(); c.update != nil && o != nil && o.state == stateUpdating {
		o.setState(stateReplicates, "host")
	}
	c.update = nil
}

// replicaPath is where this host keeps the replica of a disk that a VM has at the
// host from.
func (h *Host) replicaPath(path, id, from string) string {
	return replicaFolder(h.storageFor(from), id) + path[strings.LastIndexByte(path, '\\'):]
}

// replicaDisk is a primary's disk as a replica server keeps it.
func (h *Host) replicaDisk(d Disk, id, from string) Disk {
	d.Path = h.replicaPath(d.Path, id, from)
	d.UsedBytes, d.Replicated = 0, true
	return d
}

func (c *copyState) dropDisk(name string) {
	kept := c.disks[:0]
	for _, d := range c.disks {
		if !strings.EqualFold(d.Path[strings.LastIndexByte(d.Path, '\\')+1:], name) {
			kept = append(kept, d)
		}
	}
	c.disks = kept
}
