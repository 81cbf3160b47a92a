package hyperv

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Orphans is a host's answer about all that replication may leave behind. Sizes
// are bytes.
type Orphans struct {
	// UTC is the host's clock when it answered.
	UTC  time.Time `json:"utc"`
	Name string    `json:"name"`
	// FQDN is the name under which others replicate to it.
	FQDN    string          `json:"fqdn"`
	VMs     []OrphanVM      `json:"vms"`
	Entries []EntryFacts    `json:"entries"`
	Folders []ReplicaFolder `json:"folders"`
	// Parents are the disks that differencing disks of VMs rest on and that are no
	// VM's own, in lower case; asked for where a folder may be nobody's.
	Parents []string `json:"parents"`
	// Cluster is nil on a host that is a node of none, or does not tell.
	Cluster *Cluster `json:"cluster"`
	// Problems name the parts that could not be told, as "<cmdlet>: <error id>".
	Problems []string `json:"problems"`
}

// OrphanVM is a VM of the host. Words are Hyper-V's enum names.
//
// Microsoft: Hyper-V module, Get-VM; Msvm_ReplicationSettingData.
type OrphanVM struct {
	VM        string           `json:"vm"`
	Name      string           `json:"name"`
	Power     string           `json:"power"`
	Mode      string           `json:"mode"`
	State     string           `json:"state"`
	Created   time.Time        `json:"created"`
	UptimeSec int64            `json:"uptimeSec"`
	Relations []OrphanRelation `json:"relations"`
	Disks     []OrphanDisk     `json:"disks"`
	Backups   []OrphanBackup   `json:"backups"`
	// Provider is who replicates it: "" where nobody does, or the host does not
	// tell.
	Provider string   `json:"provider"`
	Problems []string `json:"problems"`
}

// ForeignProvider is the provider of a VM that another product replicates, "" for
// Hyper-V's own.
//
// Microsoft: Msvm_ReplicationProvider, whose Name this is.
func (vm OrphanVM) ForeignProvider() string {
	const own = "22391CDC-272C-4DDF-BA88-9BEFB1A0975C"
	if strings.Contains(strings.ToUpper(vm.Provider), own) {
		return ""
	}
	return vm.Provider
}

// OrphanRelation is one replication relationship.
//
// Microsoft: Hyper-V module, Get-VMReplication.
type OrphanRelation struct {
	Relationship         string    `json:"relationship"`
	PrimaryServer        string    `json:"primaryServer"`
	ReplicaServer        string    `json:"replicaServer"`
	CurrentReplicaServer string    `json:"currentReplicaServer"`
	AllowedPrimary       string    `json:"allowedPrimary"`
	LastReplication      time.Time `json:"lastReplication"`
	TestVM               string    `json:"testVM"`
}

// OrphanDisk is a disk of a VM; Bytes is 0 where its file was not listed.
type OrphanDisk struct {
	Path  string `json:"path"`
	Bytes uint64 `json:"bytes"`
}

// OrphanBackup is a checkpoint of type Recovery.
//
// Microsoft: Hyper-V module, Get-VMSnapshot.
type OrphanBackup struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
}

// ReplicaFolder is a folder below the place where replicas are kept; Kept is true
// for one in quarantine.
type ReplicaFolder struct {
	Path     string    `json:"path"`
	Kept     bool      `json:"kept"`
	Files    int       `json:"files"`
	Bytes    uint64    `json:"bytes"`
	Modified time.Time `json:"modified"`
	// Link is true where it is, or holds, a reparse point that is a folder.
	Link bool `json:"link"`
}

// Cluster is a failover cluster with its groups for VMs.
//
// Microsoft: FailoverClusters module, Get-ClusterNode, Get-ClusterGroup.
type Cluster struct {
	Name   string         `json:"name"`
	Nodes  []string       `json:"nodes"`
	Groups []ClusterGroup `json:"groups"`
}

// ClusterGroup is a group of type VirtualMachine. VM, Failed, Others, Store and Files
// are told of one that the asked node owns and that is not online, and empty (-1
// files) else.
//
// Microsoft: FailoverClusters module, Get-ClusterGroup, Get-ClusterResource; failover
// cluster APIs, private properties VmID and VmStoreRootPath.
type ClusterGroup struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Owner string `json:"owner"`
	State string `json:"state"` // of ClusterGroupState
	VM    string `json:"vm"`
	// Failed are the types of the VM's resources that have failed, Others those of the
	// resources that are not the VM's, such as disks.
	Failed []string `json:"failed"`
	Others []string `json:"others"`
	// Store is where the VM's configuration was, Files how many files of it are there;
	// -1: not known.
	Store string `json:"store"`
	Files int    `json:"files"`
}

// VMID is the one form of a VM's GUID; an error says that a text is none.
func VMID(text string) (string, error) { return guid(text) }

// orphansTimeout bounds a reading: every file of every replica is listed.
const orphansTimeout = 3 * time.Minute

// Orphans asks for all that replication may leave behind.
//
// Microsoft: Hyper-V module, Get-VM, Get-VMReplication, Get-VMHardDiskDrive,
// Get-VMSnapshot, Get-VHD; Get-ChildItem; Msvm_ReplicationSettingData; FailoverClusters module.
func (h *Host) Orphans(ctx context.Context) (o Orphans, err error) {
	a, err := h.runner.Run(ctx, Call{Function: "Get-LifeboatOrphans", Args: none{}, Lane: ActLane, Timeout: orphansTimeout})
	if err != nil {
		return Orphans{}, refusal("orphans", h.Name(), "", err)
	}
	if o, err = decodeOrphans(a.Result); err != nil {
		return Orphans{}, unreadable("orphans", h.Name(), "", false, err)
	}
	return o, nil
}

func decodeOrphans(data []byte) (Orphans, error) {
	var o Orphans
	if err := decodeStrict(data, &o); err != nil {
		return Orphans{}, err
	}
	if o.UTC.IsZero() || o.Name == "" {
		return Orphans{}, errors.New("utc or name is missing")
	}
	if o.VMs == nil || o.Entries == nil || o.Folders == nil || o.Parents == nil || o.Problems == nil {
		return Orphans{}, errors.New("vms, entries, folders, parents or problems is not a list")
	}
	o.UTC = o.UTC.UTC()
	seen := map[string]bool{}
	for i := range o.VMs {
		if err := settleOrphan(&o.VMs[i]); err != nil {
			return Orphans{}, fmt.Errorf("vms[%d]: %w", i, err)
		}
		if seen[o.VMs[i].VM] {
			return Orphans{}, fmt.Errorf("vms[%d]: %s comes twice", i, o.VMs[i].VM)
		}
		seen[o.VMs[i].VM] = true
	}
	for i, f := range o.Folders {
		if f.Path == "" || f.Modified.IsZero() || f.Files < 0 {
			return Orphans{}, fmt.Errorf("folders[%d]: path or modified is missing", i)
		}
		o.Folders[i].Modified = f.Modified.UTC()
	}
	if err := settleCluster(o.Cluster); err != nil {
		return Orphans{}, fmt.Errorf("cluster: %w", err)
	}
	return o, nil
}

func settleCluster(c *Cluster) error {
	if c == nil {
		return nil
	}
	if c.Name == "" || len(c.Nodes) == 0 || c.Groups == nil {
		return errors.New("name, nodes or groups is missing")
	}
	seen := map[string]bool{}
	for i := range c.Groups {
		g := &c.Groups[i]
		if g.ID == "" || g.Name == "" || g.Owner == "" || g.State == "" || g.Failed == nil || g.Others == nil || g.Files < -1 || seen[g.ID] {
			return fmt.Errorf("groups[%d]: something is missing, or it comes twice", i)
		}
		seen[g.ID] = true
		if g.VM == "" {
			continue
		}
		id, err := guid(g.VM)
		if err != nil {
			return fmt.Errorf("groups[%d]: %w", i, err)
		}
		g.VM = id
	}
	return nil
}

func settleOrphan(vm *OrphanVM) error {
	id, err := guid(vm.VM)
	if err != nil {
		return err
	}
	vm.VM, vm.Created = id, vm.Created.UTC()
	if err := (View{vm.Power, vm.Mode, vm.State}).check(); err != nil {
		return err
	}
	if vm.Relations == nil || vm.Disks == nil || vm.Backups == nil || vm.Problems == nil {
		return errors.New("relations, disks, backups or problems is not a list")
	}
	for i := range vm.Relations {
		r := &vm.Relations[i]
		if r.LastReplication = r.LastReplication.UTC(); r.Relationship == "" {
			return fmt.Errorf("relations[%d]: relationship is empty", i)
		}
		if r.TestVM != "" {
			if r.TestVM, err = guid(r.TestVM); err != nil {
				return fmt.Errorf("relations[%d]: testVM: %w", i, err)
			}
		}
	}
	for i := range vm.Backups {
		b := &vm.Backups[i]
		if b.ID, err = guid(b.ID); err != nil {
			return fmt.Errorf("backups[%d]: %w", i, err)
		}
		b.Created = b.Created.UTC()
	}
	return nil
}

// RemoveByWMI ends the replication of a VM that another provider has. The VM and
// its disks stay.
//
// Microsoft: RemoveReplicationRelationship of Msvm_ReplicationService.
func (h *Host) RemoveByWMI(ctx context.Context, id string, expect Expect, within time.Duration) (ActResult, error) {
	return h.plain(ctx, "remove-replication-wmi", "Remove-LifeboatByWMI", id, expect, within, actTimeout)
}

// RemoveCheckpoints removes checkpoints of type Recovery; those that are gone, or
// of another type, are passed over.
//
// Microsoft: Hyper-V module, Remove-VMSnapshot.
func (h *Host) RemoveCheckpoints(ctx context.Context, id string, expect Expect, within time.Duration, points []string) (ActResult, error) {
	id, err := guid(id)
	if err != nil {
		return ActResult{}, err
	}
	args := struct {
		VM     string   `json:"VM"`
		Points []string `json:"Points"`
	}{id, points}
	return h.act(ctx, "remove-checkpoints", "Remove-LifeboatCheckpoints", id, args, expect, within, longTimeout)
}

// RemoveTestVM removes a test VM that has lost its replica and moves its disks
// into a folder of the quarantine. A VM of any other mode is refused, and one that
// shares a disk.
//
// Microsoft: Hyper-V module, Remove-VM; Move-Item.
func (h *Host) RemoveTestVM(ctx context.Context, id string, expect Expect, within time.Duration, paths []string, into string) (ActResult, error) {
	id, err := guid(id)
	if err != nil {
		return ActResult{}, err
	}
	if expect.Mode != "TestReplica" || expect.Power != "Off" {
		return ActResult{}, fmt.Errorf("remove-test-vm: a test VM that is off is removed, not one that is %s with mode %s", expect.Power, expect.Mode)
	}
	args := struct {
		VM    string   `json:"VM"`
		Paths []string `json:"Paths"`
		Into  string   `json:"Into"`
	}{id, paths, into}
	call := Call{Function: "Remove-LifeboatTestVM", Args: args, Timeout: within + actTimeout, Guard: &Guard{
		VM: id, Expect: map[string]string{"power": expect.Power, "mode": expect.Mode, "state": expect.State}, Within: within.Seconds(),
	}}
	return h.change(ctx, "remove-test-vm", id, call)
}

// Quarantine moves a folder of replica files into a folder of the quarantine,
// unless a VM of this host has a disk there, or is that of the folder.
//
// Microsoft: New-Item, Move-Item.
func (h *Host) Quarantine(ctx context.Context, id, path, into string) (ActResult, error) {
	args := struct {
		VM   string `json:"VM"`
		Path string `json:"Path"`
		Into string `json:"Into"`
	}{id, path, into}
	return h.change(ctx, "quarantine-files", id, Call{Function: "Move-LifeboatToQuarantine", Args: args, Timeout: actTimeout})
}

// RestoreFiles moves files out of quarantine to where they came from, unless
// something stands there.
//
// Microsoft: Move-Item.
func (h *Host) RestoreFiles(ctx context.Context, path, to string) (ActResult, error) {
	args := struct {
		Path   string `json:"Path"`
		To     string `json:"To"`
		Folder string `json:"Folder"`
	}{path, to, to[:max(0, strings.LastIndexByte(to, '\\'))]}
	return h.change(ctx, "restore-files", "", Call{Function: "Move-LifeboatFromQuarantine", Args: args, Timeout: actTimeout})
}

// DeleteFiles deletes files that are in quarantine; any other path is refused.
//
// Microsoft: Remove-Item.
func (h *Host) DeleteFiles(ctx context.Context, path string) (ActResult, error) {
	args := struct {
		Path string `json:"Path"`
	}{path}
	return h.change(ctx, "delete-files", "", Call{Function: "Remove-LifeboatFiles", Args: args, Timeout: longTimeout})
}

// RemoveClusterGroup removes the group, named by its id, that a cluster has for a VM,
// with its resources, unless it is not as it was: a VM that is there, or files of its
// configuration, refuse it.
//
// Microsoft: FailoverClusters module, Remove-ClusterGroup.
func (h *Host) RemoveClusterGroup(ctx context.Context, id, group string) (ActResult, error) {
	id, err := guid(id)
	if err != nil {
		return ActResult{}, err
	}
	args := struct {
		VM    string `json:"VM"`
		Group string `json:"Group"`
	}{id, group}
	return h.change(ctx, "remove-cluster-group", id, Call{Function: "Remove-LifeboatClusterGroup", Args: args, Timeout: actTimeout})
}

// change runs a function that leaves no VM to read back; what is so afterwards is
// for the next reading to say.
func (h *Host) change(ctx context.Context, op, id string, call Call) (ActResult, error) {
	call.Lane = ActLane
	a, err := h.runner.Run(ctx, call)
	if err != nil {
		return ActResult{}, refusal(op, h.Name(), id, err)
	}
	r := ActResult{Request: a.Request, Outcome: a.Outcome, Took: a.Took, HostTime: a.HostTime}
	switch a.Outcome {
	case OutcomeExpired:
		return r, nil
	case OutcomeMoved:
		err = decodeStrict(a.Result, &r.Now)
	case OutcomeDone:
		err = decodeStrict(a.Result, &struct {
			Left []string `json:"left"`
		}{})
	default:
		err = fmt.Errorf("unknown outcome %q", a.Outcome)
	}
	if err != nil {
		return r, unreadable(op, h.Name(), id, a.Outcome == OutcomeDone, err)
	}
	return r, nil
}
