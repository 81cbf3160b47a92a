package hypervisor

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Enable is how Enable-VMReplication was called; zero fields default as on a
// host.
type Enable struct {
	ReplicaServer string
	Port          int
	Auth          string // Kerberos, Certificate
	Thumbprint    string
	// FrequencySec is 30, 300 or 900; 0 is 300, or what the first hop has when
	// this one extends it.
	FrequencySec     int
	RecoveryHistory  int // 0..24
	VSSFrequencyHour int // 0..12
	Uncompressed     bool
	Excluded         []string // paths of disks that do not replicate
}

// enableTakes is how long the replica server needs to make the copy.
const enableTakes = 3 * time.Second

// version is the configuration version of every simulated VM.
const version = "9.0"

// EnableReplication protects a VM: the replica server is asked at once and
// makes its copy, off and without network. On a replica it makes the extended
// relationship to a third server.
//
// Microsoft: Enable-VMReplication; row 1, and "Extended replication" in section 1.
func (h *Host) EnableReplication(_ context.Context, by Caller, id string, how Enable) error {
	return h.change(id, "enable replication", func(c *copyState) error {
		extends := c.mode == modeReplica
		switch {
		case extends && c.extended != nil, c.mode == modePrimary:
			return refuse("InvalidOperation", "InvalidOperation", fmt.Sprintf("Replication is already enabled for virtual machine '%s'.", c.name))
		case !extends && c.mode != modeNone:
			return notApplicable(c, "Enable-VMReplication")
		case extends && c.state != stateReplicates && c.state != stateSuspended:
			return invalidState(c, "enable extended replication")
		}
		if err := how.check(c, extends); err != nil {
			return err
		}
		to := h.farm.hostCalled(how.ReplicaServer)
		h.farm.pass(enableTakes)
		if err := h.canEnable(c, to, how); err != nil {
			return err
		}
		o, err := to.receiving(c, how, by)
		if err != nil {
			return err
		}
		if extends {
			c.extended = &leg{state: stateDisabled, to: to, frequency: how.frequency(), points: how.RecoveryHistory, auth: how.Auth, thumbprint: how.Thumbprint, port: how.Port}
			c.setLeg(stateReady, by.By)
			o.setMode(modeExtended, by.By)
		} else {
			c.settle(how)
			c.partner, c.thumbprint, c.lastRepl, c.failures = to, how.Thumbprint, time.Time{}, 0
			c.exclude(how.Excluded)
			c.setMode(modePrimary, by.By)
			c.setState(stateReady, by.By)
			o.setMode(modeReplica, by.By)
		}
		o.settle(how)
		o.partner, o.lastRepl = h, time.Time{}
		o.setState(stateWaits, by.By)
		return nil
	})
}

func (how Enable) frequency() time.Duration { return time.Duration(how.FrequencySec) * time.Second }

// settle keeps the settings of a relationship on one of its sides.
func (c *copyState) settle(how Enable) {
	c.frequency, c.points, c.auth, c.port = how.frequency(), how.RecoveryHistory, how.Auth, how.Port
	c.vss, c.uncompressed = how.VSSFrequencyHour, how.Uncompressed
}

func (c *copyState) exclude(paths []string) {
	for i := range c.disks {
		c.disks[i].Replicated = !holds(paths, c.disks[i].Path)
	}
}

func holds(paths []string, path string) bool {
	return slices.ContainsFunc(paths, func(p string) bool { return strings.EqualFold(p, path) })
}

// check turns down what no server needs to be asked for, and fills in the
// frequency.
func (how *Enable) check(c *copyState, extends bool) error {
	bad := func(format string, args ...any) error {
		return refuse("InvalidParameter", "InvalidArgument", fmt.Sprintf(format, args...))
	}
	if how.FrequencySec == 0 {
		how.FrequencySec = 300
		if extends {
			how.FrequencySec = max(300, int(c.frequency/time.Second))
		}
	}
	if _, err := netip.ParseAddr(how.ReplicaServer); err == nil || how.ReplicaServer == "" {
		return bad("ReplicaServerName must be a name, not an IP address.")
	}
	switch {
	case how.FrequencySec != 30 && how.FrequencySec != 300 && how.FrequencySec != 900:
		return bad("ReplicationFrequencySec is 30, 300 or 900.")
	case how.RecoveryHistory < 0 || how.RecoveryHistory > 24:
		return bad("RecoveryHistory is 0 to 24.")
	case how.VSSFrequencyHour < 0 || how.VSSFrequencyHour > 12 || how.VSSFrequencyHour > 0 && how.RecoveryHistory == 0:
		return bad("VSSSnapshotFrequencyHour is 1 to 12 and needs additional recovery points.")
	case how.Auth != "Kerberos" && how.Auth != "Certificate":
		return bad("AuthenticationType is Kerberos or Certificate.")
	case how.Auth == "Certificate" && how.Thumbprint == "":
		return bad("CertificateThumbprint is required for certificate-based authentication.")
	case extends && how.FrequencySec == 30:
		return bad("Extended replication runs every 300 or 900 seconds.")
	case extends && how.frequency() < c.frequency:
		return bad("Extended replication cannot be more frequent than the replication it extends.")
	case extends && (how.VSSFrequencyHour > 0 || len(how.Excluded) > 0):
		return bad("Extended replication has neither application-consistent points nor a choice of disks.")
	}
	return how.checkDisks(c, bad)
}

func (how *Enable) checkDisks(c *copyState, bad func(string, ...any) error) error {
	left := len(c.disks)
	for _, path := range how.Excluded {
		if !slices.ContainsFunc(c.disks, func(d Disk) bool { return strings.EqualFold(d.Path, path) }) {
			return bad("'%s' is no virtual hard disk of this virtual machine.", path)
		}
		left--
	}
	if left < 1 {
		return bad("At least one virtual hard disk must replicate.")
	}
	return nil
}

// canEnable asks the replica server.
func (h *Host) canEnable(c *copyState, to *Host, how Enable) error {
	failed := func(why string) error {
		return refuse("OperationFailed", "NotSpecified", "Enabling replication failed. "+why)
	}
	switch {
	case !h.up:
		return failed("The host went down.")
	case to == nil:
		return failed("The Replica server name could not be resolved (0x00002EE7).")
	case to == h:
		return failed("A server cannot be its own Replica server.")
	case to == c.partner:
		return failed("The extended Replica server is the primary server.")
	case how.Port != to.port(how.Auth):
		return failed("Hyper-V cannot connect to the Replica server (0x00002EFD).")
	}
	if why := h.refusedBy(to, how.Auth, how.Thumbprint); why != "" {
		return failed(why)
	}
	if !slices.Contains(builds[to.env.OS].versions, version) {
		return failed(fmt.Sprintf("'%s' does not support configuration version %s.", to.env.FQDN, version))
	}
	return nil
}

func (h *Host) port(auth string) int {
	if auth == "Kerberos" {
		return h.replica.KerberosPort
	}
	return h.replica.CertificatePort
}

// receiving is the copy that a replica server makes, or the seed that waits
// there. A leftover that nobody has made a seed of is refused.
//
// Microsoft: "Using an existing VM for initial replication" (virtualization
// blog, 2013).
func (h *Host) receiving(c *copyState, how Enable, by Caller) (*copyState, error) {
	o, err := h.find(c.id)
	if err == nil {
		return o, o.fitsAsSeed(c, how)
	}
	o = h.farm.newCopy(h, c.env, c.id)
	o.name, o.memory, o.generation, o.disks = c.name, c.memory, c.generation, nil
	for _, d := range c.disks {
		if !holds(how.Excluded, d.Path) {
			o.disks = append(o.disks, h.replicaDisk(d, c.id, c.host.env.FQDN))
		}
	}
	if h.farm.opts.Dialect.ReplicaStartsNothing {
		o.autoStart = "Nothing"
	}
	h.add(o)
	h.farm.write(h.env.Name, c.id, "vm", "", "created", by.By)
	return o, nil
}
