package hypervisor

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/environment"
)

// Names of enum values that the simulation sets (VMState, VMReplicationMode,
// VMReplicationState; Hyper-V module).
const (
	off      = "Off"
	running  = "Running"
	starting = "Starting"
	stopping = "Stopping"
	saved    = "Saved"

	modeNone    = "None"
	modePrimary = "Primary"
	modeReplica = "Replica"

	stateDisabled   = "Disabled"
	stateReady      = "ReadyForInitialReplication"
	stateInitial    = "InitialReplicationInProgress"
	stateWaits      = "WaitingForInitialReplication"
	stateReplicates = "Replicating"
	statePrepared   = "PreparedForFailover"
	stateFailedOver = "FailedOverWaitingCompletion"
	stateCommitted  = "FailedOver"
	stateSuspended  = "Suspended"
	stateError      = "Error"
	stateResync     = "WaitingForStartResynchronize"
	stateResyncing  = "Resynchronizing"
	stateRecovers   = "RecoveryInProgress"
)

// copyState is one VM on one host.
type copyState struct {
	host *Host
	env  *environment.VM
	id   string
	name string

	power      string
	autoStart  string
	memory     int64
	generation int // 0: 2
	notes      string
	upgraded   string // configuration version, "" for that of every VM
	created    time.Time
	startedAt  time.Time
	busy       string // the operation that holds the VM
	booted     bool   // the guest is up: services answer
	wasRunning bool   // when its host lost power
	hangs      bool   // the guest ignores shutdown
	silent     bool   // the guest's services do not answer (a gate fails)
	bootNo     int    // distinguishes one boot from the next

	mode, state  string
	partner      *Host // the other side of the simple relationship
	frequency    time.Duration
	points       int
	auth         string
	failoverType string
	lastRepl     time.Time
	appliedUpTo  time.Time // while its host receives and does not apply, else zero
	nextCycle    time.Time
	failures     int
	succeeded    uint32
	missed       uint32
	allowed      string
	vss          int
	lastType     string
	transfer     *transfer
	update       *diskUpdate
	unsaid       bool // the replica was not told of changed settings

	test      *copyState // the test VM of this replica
	testOf    *copyState // the replica of this test VM
	testShown time.Time  // from when on test shows
	lastTest  time.Time

	port         int    // 0: Hyper-V's own
	thumbprint   string // of this side's certificate, as enabling gave it
	uncompressed bool
	initialStart time.Time   // when the first copy begins by itself
	seed         bool        // a VM that was here before and waits for its primary
	provider     string      // of its replication, "" for Hyper-V's own
	placeholder  *savedPoint // changes that wait for the import of an export
	extended     *leg

	adapters []*adapterState
	disks    []Disk
	history  []savedPoint
	// checkpoints are those of people, no recovery points.
	checkpoints []Point
	before      *savedPoint // what Stop-VMFailover goes back to

	// guestIP is on the guest's disk: it travels with the data.
	guestIP string
	// held is the highest write on this copy's disk, missing how many
	// acknowledged writes below it are not.
	held, missing uint64
	writingSince  time.Time // simulated; zero while it does not write
	// content says which writes those are; session names those that are being
	// written now.
	content  content
	session  string
	sessions int

	listeners []net.Listener
}

type adapterState struct {
	Adapter
	network string
}

// savedPoint is what a recovery point holds.
type savedPoint struct {
	Point
	held, missing uint64
	guestIP       string
	content       content
}

// place puts a VM of the environment on its host, with its replica.
func (f *Farm) place(n int, vm environment.VM) error {
	h := f.Host(vm.Host)
	id := strings.ToLower(vm.ID)
	if id == "" {
		id = f.guid(fmt.Sprintf("vm/%d/%s", n, vm.Name))
	}
	f.ids = append(f.ids, id)
	c := f.newCopy(h, &f.env.VMs[n], id)
	c.power, c.guestIP, c.startedAt = running, vm.IP, f.epoch
	if vm.Off {
		c.power = off
	}
	if vm.Network != "" {
		site, ok := f.env.At(vm.Network, h.env.Site)
		if !ok {
			return fmt.Errorf("VM %q: network %q is not at site %q", vm.Name, vm.Network, h.env.Site)
		}
		c.adapters[0].Switch = site.Switch
	}
	for i, name := range vm.ExcludedDisks() {
		c.disks = append(c.disks, Disk{
			Path: fmt.Sprintf(`D:\VMs\%s\%s`, id, name), SizeBytes: uint64(gb(vm.ExcludedGB[i])), UsedBytes: uint64(gb(vm.ExcludedGB[i])) / 2,
			Controller: "SCSI", Slot: len(c.disks),
		})
	}
	h.add(c)
	r := vm.Replicate
	if r == nil {
		return nil
	}
	target := f.Host(r.To)
	t := f.newCopy(target, &f.env.VMs[n], id)
	t.power, t.guestIP = off, vm.IP
	t.storeFrom(c)
	target.add(t)
	for _, side := range []struct {
		c    *copyState
		mode string
		with *Host
	}{{c, modePrimary, target}, {t, modeReplica, h}} {
		side.c.mode, side.c.state, side.c.partner = side.mode, stateReplicates, side.with
		side.c.frequency, side.c.points, side.c.auth = r.Frequency, r.Points, authOf(h, target)
		side.c.lastRepl, side.c.lastType, side.c.vss = f.epoch, regular, r.AppConsistentHours
	}
	if f.opts.Dialect.ReplicaStartsNothing {
		t.autoStart = "Nothing"
	}
	c.age(t, r.Points)
	c.nextCycle = f.epoch.Add(time.Duration(f.rand.Int64N(int64(r.Frequency))))
	f.extend(t, &f.env.VMs[n])
	return nil
}

// storeFrom puts the disks of a replica where its host keeps those of the
// primary's.
func (c *copyState) storeFrom(primary *copyState) {
	for i := range c.disks {
		c.disks[i].Path = c.host.replicaPath(c.disks[i].Path, primary.id, primary.host.env.FQDN)
	}
}

func authOf(a, b *Host) string {
	if a.env.Replica.Auth == "Kerberos" || b.env.Replica.Auth == "Kerberos" {
		return "Kerberos"
	}
	return "Certificate"
}

func (f *Farm) newCopy(h *Host, vm *environment.VM, id string) *copyState {
	c := &copyState{
		host: h, env: vm, id: id, name: vm.Name, power: off, autoStart: vm.AutoStart, memory: gb(vm.MemoryGB), created: f.epoch,
		mode: modeNone, state: stateDisabled,
	}
	c.adapters = []*adapterState{{network: vm.Network, Adapter: Adapter{
		ID: f.guid("nic/" + h.env.Name + "/" + id), Name: "Network Adapter", MAC: strings.ToUpper("00155D" + f.guid("mac/" + id)[:6]),
	}}}
	for i, size := range vm.DisksGB {
		c.disks = append(c.disks, Disk{
			Path: fmt.Sprintf(`D:\VMs\%s\disk%d.vhdx`, id, i), SizeBytes: uint64(gb(size)), UsedBytes: uint64(gb(size)) / 2,
			Controller: "SCSI", Slot: i, Replicated: vm.Replicate != nil,
		})
	}
	return c
}

func (h *Host) add(c *copyState) {
	h.copies = append(h.copies, c)
	h.byID[c.id] = c
}

func (h *Host) drop(c *copyState) {
	h.copies = slices.DeleteFunc(h.copies, func(o *copyState) bool { return o == c })
	delete(h.byID, c.id)
}

// find returns a host's copy of a VM, or the refusal that Get-VM -Id gives.
func (h *Host) find(id string) (*copyState, error) {
	if c := h.byID[strings.ToLower(id)]; c != nil {
		return c, nil
	}
	return nil, &Refusal{Kind: "InvalidParameter", Category: "InvalidArgument", Message: fmt.Sprintf("Hyper-V was unable to find a virtual machine with ID %s.", id)}
}

// other is the same VM on the partner host, nil when there is none.
func (c *copyState) other() *copyState {
	if c.partner == nil {
		return nil
	}
	o, _ := c.partner.find(c.id)
	return o
}

// VMs are snapshots of every copy on the host.
func (h *Host) VMs() []VM {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	out := make([]VM, 0, len(h.copies))
	for _, c := range h.copies {
		out = append(out, c.snapshot())
	}
	return out
}

// VM is a snapshot of one copy.
func (h *Host) VM(id string) (VM, bool) {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	c, err := h.find(id)
	if err != nil {
		return VM{}, false
	}
	return c.snapshot(), true
}

func (c *copyState) snapshot() VM {
	f := c.host.farm
	vm := VM{
		ID: c.id, Name: c.name, Power: c.power, Mode: c.mode, State: c.state, Health: c.health(), Heartbeat: c.heartbeat(),
		Status: "Operating normally", AutoStart: c.autoStart, AutoStop: "Save", Version: c.configVersion(), Generation: c.generationOf(), Notes: c.notes,
		MemoryStartup: c.memory, Processors: 2, Created: c.created, Disks: append([]Disk(nil), c.disks...), ConfigurationDir: configurations,
		VTPM: c.env.VTPM, Guardian: f.guardianOf(c.env),
	}
	if c.power != off {
		vm.MemoryAssigned = c.memory
		vm.Uptime = f.Now().Sub(c.startedAt)
	}
	for _, a := range c.adapters {
		out := a.Adapter
		out.FailoverDNS = append([]string(nil), a.FailoverDNS...)
		if c.booted && c.guestIP != "" {
			out.IPs = []string{c.guestIP}
		}
		vm.Adapters = append(vm.Adapters, out)
	}
	for _, p := range c.history {
		vm.Points = append(vm.Points, p.Point)
	}
	vm.Points = append(vm.Points, c.checkpoints...)
	vm.TestVM, vm.Provider = c.shownTest(), c.provider
	if c.testOf != nil {
		vm.TestOf = c.testOf.id
	}
	if c.mode != modeNone && c.mode != modeTest {
		vm.Relations = []Relation{c.relation()}
	}
	if c.extended != nil {
		vm.Relations = append(vm.Relations, c.extended.relation(c))
	}
	return vm
}

func (c *copyState) relation() Relation {
	r := Relation{
		Relationship: "Simple", Mode: c.mode, State: c.state, Health: c.health(), FrequencySec: int(c.frequency / time.Second),
		RecoveryHistory: c.points, Auth: c.auth, Port: portOf(c.auth, c.port), Compression: !c.uncompressed, LastReplication: c.lastRepl, LastApplied: c.lastApplied(),
		Succeeded: c.succeeded, Missed: c.missed, LastType: orNone(c.lastType), FailoverType: orNone(c.failoverType), Thumbprint: c.host.certificate,
		AllowedPrimary: c.allowed, InitialStart: c.initialStart, VSSFrequencyHour: c.vss, LastVSS: c.lastApp(), LastTestFailover: c.lastTest, HealthDetails: c.details(),
	}
	if c.mode == modePrimary && c.thumbprint != "" {
		r.Thumbprint = c.thumbprint
	}
	if c.auth == "Kerberos" {
		r.Thumbprint = ""
	}
	if c.mode == modePrimary {
		r.PrimaryServer = c.host.env.FQDN
		if c.partner != nil {
			r.ReplicaServer, r.CurrentReplicaServer = c.partner.env.FQDN, c.partner.env.FQDN
		}
		r.PendingBytes = c.pending()
		if t := c.transfer; t != nil {
			r.InitialBytes, r.PendingBytes = t.total, t.left()
			r.Task, r.TaskPercent = t.task(), t.percent()
		}
	} else {
		r.ReplicaServer, r.CurrentReplicaServer = c.host.env.FQDN, c.host.env.FQDN
		if c.partner != nil {
			r.PrimaryServer = c.partner.env.FQDN
		}
	}
	return r
}

func (c *copyState) generationOf() int {
	if c.generation == 0 {
		return 2
	}
	return c.generation
}

func orNone(s string) string {
	if s == "" {
		return "None"
	}
	return s
}

// heartbeat is what the guest's integration services report.
//
// Microsoft: Msvm_HeartbeatComponent.
func (c *copyState) heartbeat() string {
	switch {
	case c.power != running:
		return ""
	case c.booted && !c.silent:
		return "OkApplicationsHealthy"
	}
	return "NoContact"
}

// health follows "Interpreting replication health" (Microsoft virtualization
// blog, 2012): critical when sending is impossible or the replica is paused,
// warning when something waits for a person or data is more than an hour old.
func (c *copyState) health() string {
	switch c.state {
	case stateDisabled:
		return "NotApplicable"
	case stateError, stateResync, stateUpdateError:
		return "Critical"
	case stateSuspended:
		if c.isReplica() {
			return "Critical"
		}
		return "Warning"
	case stateReady, stateWaits, stateInitial, stateFailedOver, stateCommitted, statePrepared, stateResyncing, stateResyncPaused, stateRecovers, stateUpdating:
		return "Warning"
	}
	if c.late() {
		return "Warning"
	}
	return "Normal"
}

// late is true when the last cycle is too long ago.
func (c *copyState) late() bool {
	bound := time.Hour
	if c.isReplica() && c.host.farm.opts.Dialect.ReplicaWarnsAtOnce {
		bound = 2*c.frequency + 30*time.Second
	}
	return c.host.farm.Now().Sub(c.lastRepl) > bound
}

// details are the texts behind the health.
//
// Microsoft virtualization team: "Interpreting Replication Health, part 2".
func (c *copyState) details() []string {
	switch {
	case c.state == stateError:
		return []string{"Replication for virtual machine '" + c.name + "' is in error. Fix the error(s) and resume replication."}
	case c.state == stateResync:
		return []string{"Resynchronization is required for the virtual machine '" + c.name + "'. Resume replication to start resynchronization."}
	case c.isReplica() && c.state == stateReplicates && c.late():
		return []string{"Replica virtual machine '" + c.name + "' is behind the primary by more than an hour."}
	}
	return nil
}

// bytesPerWrite makes a write's share of the backlog.
const bytesPerWrite = 64 << 10

// pending is what the primary has not sent yet, in bytes.
func (c *copyState) pending() uint64 {
	o := c.other()
	if o == nil {
		return 0
	}
	now := c.heldNow()
	return (now - min(now, o.held)) * bytesPerWrite
}
