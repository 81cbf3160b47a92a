package plans

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// OrphanKind is a kind of what replication leaves behind.
type OrphanKind string

// The kinds. "Only counts as gone" means: every host of the configuration was
// read in this look, and none has it.
const (
	// OrphanPrimaryGone is a replica whose primary only counts as gone.
	OrphanPrimaryGone OrphanKind = "primary-gone"
	// OrphanReplicaGone is a primary whose replica only counts as gone.
	OrphanReplicaGone OrphanKind = "replica-gone"
	// OrphanPrimaryEnded is a replica whose primary replicates no more, or
	// elsewhere; OrphanReplicaEnded a primary whose replica is a plain VM now.
	OrphanPrimaryEnded OrphanKind = "removed-on-primary"
	OrphanReplicaEnded OrphanKind = "removed-on-replica"
	// OrphanTwoPrimaries are two copies that both are, or run as, the primary.
	OrphanTwoPrimaries OrphanKind = "two-primaries"
	// OrphanFormerReplica is a VM that is off, replicates no more, and whose other
	// copy goes on.
	OrphanFormerReplica OrphanKind = "former-replica"
	// OrphanProvider is a VM of another provider, such as Azure Site Recovery.
	OrphanProvider OrphanKind = "other-provider"
	// OrphanTest is a test VM that a test failover left.
	OrphanTest OrphanKind = "test-vm"
	// OrphanCheckpoint are checkpoints that a backup left.
	OrphanCheckpoint OrphanKind = "recovery-checkpoints"
	// OrphanPrepared is a primary that was prepared for a failover that never came;
	// OrphanPending a failover that was never completed.
	OrphanPrepared OrphanKind = "stale-prepare"
	OrphanPending  OrphanKind = "pending-failover"
	// OrphanFiles are a replica's files of which no VM has a disk; OrphanKept those
	// that were put into quarantine and are due to be deleted.
	OrphanFiles OrphanKind = "files-without-vm"
	OrphanKept  OrphanKind = "quarantine"
	// OrphanEntry is an authorization entry for a server that nothing here knows.
	OrphanEntry OrphanKind = "unused-entry"
	// OrphanRole is a failover cluster's group for a VM that no node has any more.
	OrphanRole OrphanKind = "cluster-remains"
)

// The verbs of cleaning up that no operation has, each one script.
const (
	VerbRemoveByWMI       Verb = "remove-replication-wmi"
	VerbRemoveTest        Verb = "remove-test-vm"
	VerbRemoveCheckpoints Verb = "remove-checkpoints"
	VerbQuarantine        Verb = "quarantine-files"
	VerbRestore           Verb = "restore-files"
	VerbDeleteFiles       Verb = "delete-files"
	VerbRemoveEntry       Verb = "remove-entry"
	VerbAddEntry          Verb = "add-entry"
	VerbRemoveRole        Verb = "remove-cluster-group"
)

// OrphanChoices are what people answer a sweep with.
const (
	ChoiceClean Choice = "clean"
	ChoiceUndo  Choice = "undo"
	ChoiceScan  Choice = "scan"
)

// HostReading is one host's answer about all that replication may leave behind.
type HostReading struct {
	Host string `json:"host"`
	// Names are what others call it: its own, its DNS names.
	Names []string `json:"names"`
	// Read is false when it gave no answer, and Why says why. Then nothing else is
	// known, and nothing is proved by what is missing here.
	Read bool   `json:"read"`
	Why  string `json:"why,omitempty"`
	// At is the host's clock, Off how far that is from ours; 0 for simulated hosts,
	// which live in a time of their own.
	At      time.Time      `json:"at,omitzero"`
	Off     time.Duration  `json:"off,omitempty"`
	VMs     []OrphanVM     `json:"vms,omitempty"`
	Entries []Authorized   `json:"entries,omitempty"`
	Folders []OrphanFolder `json:"folders,omitempty"`
	// Parents are disks that are no VM's own, and that differencing disks rest on.
	Parents []string `json:"parents,omitempty"`
	// Cluster is nil for a host that is no node, or did not tell.
	Cluster *OrphanCluster `json:"cluster,omitempty"`
	// Problems are parts that were not told, as "<cmdlet>: <error id>".
	Problems []string `json:"problems,omitempty"`
}

// OrphanVM is a VM of a host. Words are Hyper-V's own enum names.
type OrphanVM struct {
	ID, Name, Power, Mode, State string
	Created                      time.Time
	Uptime                       time.Duration
	Relations                    []OrphanRelation
	Disks                        []OrphanDisk
	// Checkpoints are those of type Recovery.
	Checkpoints []Point
	// Provider is who replicates it, "" for Hyper-V itself.
	Provider string
	Problems []string
}

// OrphanRelation is one replication relationship of a VM.
type OrphanRelation struct {
	Relationship, Primary, Replica, Current, Allowed, TestVM string
	Last                                                     time.Time
}

// OrphanDisk is a virtual disk of a VM.
type OrphanDisk struct {
	Path  string
	Bytes uint64
}

// OrphanFolder is a folder below the place where a host keeps replicas, named by
// a GUID. Kept is when it was put into quarantine, zero while it is in its place.
type OrphanFolder struct {
	Path, GUID string
	Files      int
	Bytes      uint64
	Modified   time.Time
	Kept       time.Time
	// Link is true where it is, or holds, a junction or the like.
	Link bool
}

// OrphanCluster is a failover cluster as one of its nodes tells it: all its nodes,
// and all its groups for VMs.
type OrphanCluster struct {
	Name   string
	Nodes  []string
	Groups []OrphanGroup
}

// OrphanGroup is a cluster's group for a VM. VM is "" of one that another node owns
// or that is online: then no more is known. Failed are the types of the VM's
// resources that have failed, Others those of resources that are not the VM's, Files
// how many files of the VM's configuration are in Store; -1 is not known.
type OrphanGroup struct {
	ID, Name, Owner, State, VM, Store string
	Failed, Others                    []string
	Files                             int
}

// Authorized is an authorization entry of a host.
type Authorized struct{ Primary, Storage, TrustGroup string }

// Orphan is one thing that was found. Field names are stable.
type Orphan struct {
	// ID stays the same from look to look: it is made of host, kind and thing.
	ID   string     `json:"id"`
	Kind OrphanKind `json:"kind"`
	Host string     `json:"host"`
	VM   string     `json:"vm,omitempty"` // GUID
	Name string     `json:"name"`
	// Evidence is what was seen, Risk what may happen when it stays or goes.
	Evidence []string `json:"evidence"`
	Risk     string   `json:"risk"`
	Bytes    uint64   `json:"bytes"`
	// Since is by the host's clock, as is the age; -1 is not known.
	Since time.Time `json:"since,omitzero"`
	Age   Duration  `json:"age"`
	// OnlyCopy is true when no other copy of the VM was seen.
	OnlyCopy bool `json:"only_copy"`
	// Verb is what cleaning does, "" where a person must; Person says why. Commands
	// are the same in Hyper-V's own words.
	Verb     Verb     `json:"verb,omitempty"`
	Person   string   `json:"person,omitempty"`
	Commands []string `json:"commands"`
	// Word must be typed beside the id where a plain yes is too little.
	Word string `json:"word,omitempty"`
	// Undo says how it is taken back, or that it cannot be.
	Undo string `json:"undo,omitempty"`
	// Policy is true when the configuration names the kind: then it may be cleaned
	// without being named.
	Policy bool `json:"policy,omitempty"`

	Expect       Expect     `json:"expect,omitzero"`
	Relationship string     `json:"relationship,omitempty"`
	Path         string     `json:"path,omitempty"`
	Paths        []string   `json:"paths,omitempty"`
	Points       []string   `json:"points,omitempty"`
	Entry        Authorized `json:"entry,omitzero"`
	Group        string     `json:"group,omitempty"`
}

// The words that are typed where a plain yes is too little.
const (
	WordOnlyCopy  = "only-copy"
	WordVaultGone = "vault-gone"
)

// OrphanQuiet is something that looks like an orphan and is not offered.
type OrphanQuiet struct {
	Kind OrphanKind `json:"kind"`
	Host string     `json:"host"`
	VM   string     `json:"vm,omitempty"`
	Name string     `json:"name"`
	Why  string     `json:"why"`
}

// OrphanInQuarantine are files that wait out their time.
type OrphanInQuarantine struct {
	ID    string    `json:"id"`
	Host  string    `json:"host"`
	VM    string    `json:"vm"`
	Name  string    `json:"name"`
	Path  string    `json:"path"`
	Bytes uint64    `json:"bytes"`
	Since time.Time `json:"since"`
	// Until is when they may be deleted, by the host's clock.
	Until time.Time `json:"until"`
	// Original is where they go back to, "" when their VM is gone for ever.
	Original string `json:"original,omitempty"`
}

// OrphanPicture is what one look at all hosts shows.
type OrphanPicture struct {
	Hosts    []OrphanHost         `json:"hosts"`
	Findings []Orphan             `json:"findings"`
	Quiet    []OrphanQuiet        `json:"not_offered"`
	Kept     []OrphanInQuarantine `json:"quarantine"`
	// More is how many findings did not find room.
	More int `json:"more,omitempty"`
}

// OrphanHost is whether a host was read.
type OrphanHost struct {
	Host string    `json:"host"`
	Read bool      `json:"read"`
	Why  string    `json:"why,omitempty"`
	At   time.Time `json:"at,omitzero"`
}

// Find is the finding of an id.
func (p OrphanPicture) Find(id string) (Orphan, bool) {
	for i := range p.Findings {
		if p.Findings[i].ID == id {
			return p.Findings[i], true
		}
	}
	return Orphan{}, false
}

// InQuarantine are the files of an id that were put into quarantine last: the same
// place may have been cleaned before.
func (p OrphanPicture) InQuarantine(id string) (OrphanInQuarantine, bool) {
	for _, q := range slices.Backward(p.Kept) { // in the order of their time
		if q.ID == id {
			return q, true
		}
	}
	return OrphanInQuarantine{}, false
}

// Unread are the hosts that were not read.
func (p OrphanPicture) Unread() (out []string) {
	for _, h := range p.Hosts {
		if !h.Read {
			out = append(out, h.Host)
		}
	}
	return out
}

// OrphanClean is one clean-up, or one that was taken back.
type OrphanClean struct {
	Orphan Orphan    `json:"orphan"`
	Verb   Verb      `json:"verb"`
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
	// Verdict is running, done, refused (nothing was changed) or unknown (it
	// could not be verified).
	Verdict Verdict    `json:"verdict"`
	Text    string     `json:"text,omitempty"`
	Act     *ActRecord `json:"act,omitempty"`
	// Undone is true once it was taken back.
	Undone bool `json:"undone,omitempty"`
}

// OrphanStatus is a sweep as it stands. Field names are stable.
type OrphanStatus struct {
	Started time.Time `json:"started"`
	By      string    `json:"by"`
	// Report is true for a sweep of the calendar, which cleans nothing.
	Report  bool          `json:"report,omitempty"`
	Looked  time.Time     `json:"looked,omitzero"`
	Looking bool          `json:"looking"`
	Picture OrphanPicture `json:"picture"`
	Cleans  []OrphanClean `json:"cleans"`
	Ended   time.Time     `json:"ended,omitzero"`
}

// orphanID makes the id of a thing: the same thing has the same id in every
// look.
func orphanID(host string, kind OrphanKind, thing string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(host + "\x00" + string(kind) + "\x00" + thing)))
	return "o-" + hex.EncodeToString(sum[:4])
}

// Undo is the clean-up that takes one of an id back, or why there is none.
func (s OrphanStatus) Undo(id string) (c OrphanClean, why string) {
	q, kept := s.Picture.InQuarantine(id)
	switch {
	case kept && q.Original == "":
		return OrphanClean{}, "the VM of " + q.Path + " is gone for ever: its disks have nothing to go back to"
	case kept:
		return OrphanClean{Verb: VerbRestore, Orphan: Orphan{
			ID: id, Kind: OrphanFiles, Host: q.Host, VM: q.VM, Name: q.Name, Bytes: q.Bytes, Path: q.Path, Paths: []string{q.Original}, Evidence: []string{}, Commands: []string{},
		}}, ""
	}
	for _, c := range slices.Backward(s.Cleans) {
		switch undo := c.Verb == VerbAddEntry || c.Verb == VerbRestore; {
		case c.Orphan.ID != id || c.Undone || undo && c.Verdict != VerdictDone: // an undo that came to nothing may be tried again
		case undo:
			return OrphanClean{}, c.By + " has taken it back already"
		case c.Verb == VerbRemoveEntry && c.Verdict == VerdictDone:
			return OrphanClean{Orphan: c.Orphan, Verb: VerbAddEntry}, ""
		default:
			return OrphanClean{}, fmt.Sprintf("%s cannot be taken back: %s", c.Verb, c.Orphan.Undo)
		}
	}
	return OrphanClean{}, fmt.Sprintf("nothing of %q can be taken back: lifeboat orphans scan shows what is in quarantine", id)
}

// undoKeeps is how many clean-ups a new sweep takes over from the last one.
const undoKeeps = 100

// Undoable are clean-ups that a later sweep may still have to take back, and knows
// from nowhere else: the last ones that removed an entry.
func (s OrphanStatus) Undoable(now time.Time) (out []OrphanClean) {
	for _, c := range s.Cleans {
		if c.Verb == VerbRemoveEntry && c.Verdict == VerdictDone && !c.Undone && now.Sub(c.At) < DefaultOrphanUndo {
			out = append(out, c)
		}
	}
	return out[max(0, len(out)-undoKeeps):]
}
