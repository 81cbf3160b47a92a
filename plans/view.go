package plans

import "time"

// Operation is what a person asks for.
type Operation string

// The operations. Their words are used on the command line, in plan files
// (only:) and in reports.
const (
	PlannedFailover   Operation = "planned-failover"
	UnplannedFailover Operation = "unplanned-failover"
	TestFailover      Operation = "test-failover"
	Cancel            Operation = "cancel"
	Commit            Operation = "commit"
	Reprotect         Operation = "reprotect"
	Fence             Operation = "fence"
	Protect           Operation = "protect"
	Unprotect         Operation = "unprotect"
)

// Operations are all operations, in the order in which people meet them.
func Operations() []Operation {
	return []Operation{PlannedFailover, UnplannedFailover, TestFailover, Cancel, Commit, Reprotect, Fence, Protect, Unprotect}
}

// Moves is true for an operation that starts VMs at the target site.
func (o Operation) Moves() bool { return o == PlannedFailover || o == UnplannedFailover }

// ChosenTarget is true for an operation that a person begins knowing that the
// copy at the target is the one that goes on.
func (o Operation) ChosenTarget() bool {
	return o == UnplannedFailover || o == Commit || o == Reprotect || o == Fence
}

// Copy is one side's view of one VM, as its host told it in one answer. Words
// are Hyper-V's own enum names.
type Copy struct {
	Host string `json:"host"`
	// Reached is false when the host gave no answer: nothing else is known
	// then, and unknown is not off.
	Reached bool `json:"reached"`
	// Lives is true for a host that gave no answer and yet took the question, or
	// turned it down: it has power and a line.
	Lives bool `json:"lives,omitempty"`
	// Exists is false when the host answered and has no such VM.
	Exists bool      `json:"exists"`
	At     time.Time `json:"at"` // the host's clock, UTC

	VM     string `json:"vm"`
	Name   string `json:"name"`
	Power  string `json:"power"`  // VMState: Running, Off, Saved, Paused, ...
	Mode   string `json:"mode"`   // None, Primary, Replica, TestReplica, ExtendedReplica
	State  string `json:"state"`  // VMReplicationState: Replicating, PreparedForFailover, ...
	Health string `json:"health"` // NotApplicable, Normal, Warning, Critical
	// Extended is the state of the outgoing extended hop, "" if there is none.
	Extended string `json:"extended,omitempty"`
	// ExtendedTo is the third host's name as a replica server, ExtendedLast when
	// it was last sent to, ExtendedSec how often that happens.
	ExtendedTo   string    `json:"extended_to,omitempty"`
	ExtendedLast time.Time `json:"extended_last,omitzero"`
	ExtendedSec  int       `json:"extended_sec,omitempty"`
	// InitialStart is when the host will begin the first copy by itself.
	InitialStart time.Time `json:"initial_start,omitzero"`
	// TestVM is the GUID of a test copy, "" if there is none; Test is that copy
	// as the same host tells it, nil until it was read.
	TestVM    string `json:"test_vm,omitempty"`
	Test      *Copy  `json:"test,omitempty"`
	Heartbeat string `json:"heartbeat,omitempty"`
	AutoStart string `json:"auto_start,omitempty"` // Nothing, StartIfRunning, Start
	Version   string `json:"version,omitempty"`

	PrimaryServer   string    `json:"primary_server,omitempty"`
	ReplicaServer   string    `json:"replica_server,omitempty"`
	FrequencySec    int       `json:"frequency_sec,omitempty"`
	RecoveryHistory int       `json:"recovery_history,omitempty"`
	LastReplication time.Time `json:"last_replication,omitzero"`
	// LastApplied is when a log that had arrived was last applied to the replica's
	// disks; zero when the host does not tell.
	LastApplied  time.Time `json:"last_applied,omitzero"`
	PendingBytes uint64    `json:"pending_bytes,omitempty"`
	// InitialBytes is the size of the first copy, SyncPercent how much of it, or
	// of a resynchronization, is done; -1 when the host does not tell.
	InitialBytes uint64 `json:"initial_bytes,omitempty"`
	SyncPercent  int    `json:"sync_percent,omitempty"`
	// Uptime is how long the copy has been running.
	Uptime        time.Duration `json:"uptime,omitempty"`
	MemoryStartup uint64        `json:"memory_startup,omitempty"`
	FailoverType  string        `json:"failover_type,omitempty"` // Regular, ApplicationConsistent, Planned

	Adapters []Adapter `json:"adapters,omitempty"`
	// Problems are reads that failed for this copy, each "<cmdlet>: <error
	// id>": what they would have told is not known.
	Problems []string `json:"problems,omitempty"`
}

// Adapter is a network adapter of a copy, with its failover address.
type Adapter struct {
	Name      string `json:"name"`
	Switch    string `json:"switch"`
	Connected bool   `json:"connected"`
	// TestSwitch is where a test copy's adapter will be connected.
	TestSwitch string   `json:"test_switch,omitempty"`
	IPs        []string `json:"ips,omitempty"`
	// FailoverIP and the rest are what Hyper-V will inject at a failover.
	FailoverIP      string   `json:"failover_ip,omitempty"`
	FailoverMask    string   `json:"failover_mask,omitempty"`
	FailoverGateway string   `json:"failover_gateway,omitempty"`
	FailoverDNS     []string `json:"failover_dns,omitempty"`
}

// WantedNIC is what one adapter must be at the target before the VM starts.
type WantedNIC struct {
	Adapter string   `json:"adapter,omitempty"`
	Switch  string   `json:"switch"`
	IP      string   `json:"ip,omitempty"`
	Mask    string   `json:"mask,omitempty"`
	Gateway string   `json:"gateway,omitempty"`
	DNS     []string `json:"dns,omitempty"`
	Inject  bool     `json:"inject"`
}

// Phase is a part of a VM's operation. A run releases a VM phase by phase, so
// that order is kept across VMs; the phases of PlannedFailover are in this
// order, but for PhaseReverse, which comes before PhaseStart when the plan
// says reverse: before-start.
type Phase string

// The phases.
const (
	PhaseReady    Phase = "make-ready" // network of the target copy
	PhaseFence    Phase = "fence"      // the source cannot run, or is stated to be gone
	PhaseShutdown Phase = "shut-down"
	PhaseMove     Phase = "move" // prepare at the source, fail over at the target
	PhaseTest     Phase = "test" // create the test copy
	PhaseStart    Phase = "start"
	PhaseGates    Phase = "gates"
	PhaseCommit   Phase = "commit"
	PhaseReverse  Phase = "reverse"
	PhaseSync     Phase = "sync"     // until both sides replicate
	PhaseCleanUp  Phase = "clean-up" // no test copy is left
	PhaseEnable   Phase = "enable"   // both sides know of one another
	PhaseExtend   Phase = "extend"   // a third copy
	PhaseShorten  Phase = "shorten"  // no third copy replicates
	PhaseRemove   Phase = "remove"   // neither side replicates
)

// Verb is an act on one host.
type Verb string

// The verbs, each one script of activities/hyperv.
const (
	VerbSetNetwork      Verb = "set-network"
	VerbShutDown        Verb = "shut-down"
	VerbTurnOff         Verb = "turn-off"
	VerbStart           Verb = "start"
	VerbPrepareFailover Verb = "prepare-failover"
	VerbStartFailover   Verb = "start-failover"
	VerbStopFailover    Verb = "stop-failover"
	VerbReverse         Verb = "reverse-replication"
	VerbComplete        Verb = "complete-failover"
	VerbAsReplica       Verb = "set-as-replica"
	VerbEnableAsReplica Verb = "enable-as-replica"
	VerbEnable          Verb = "enable-replication"
	VerbStartInitial    Verb = "start-initial"
	VerbImport          Verb = "import-initial"
	VerbResume          Verb = "resume-replication"
	VerbResync          Verb = "resynchronize"
	VerbResumeExtended  Verb = "resume-extended"
	VerbResyncExtended  Verb = "resynchronize-extended"
	VerbSettings        Verb = "set-replication"
	VerbRemove          Verb = "remove-replication"
	VerbRemoveExtended  Verb = "remove-extended"
	VerbContinue        Verb = "continue-extended"
	VerbSetTestNetwork  Verb = "set-test-network"
	VerbStartTest       Verb = "start-test"
	VerbStopTest        Verb = "stop-test"
	VerbDisconnect      Verb = "disconnect"
	VerbNoAutoStart     Verb = "no-auto-start"
	VerbAutoStart       Verb = "auto-start"
)

// Side is which of the two hosts of a VM's operation is meant. Source is where
// the VM ran when the run began, target where it is to run.
type Side string

// The sides.
const (
	Source Side = "source"
	Target Side = "target"
	// Test is the test copy of a test failover, at the target's host.
	Test Side = "test"
	// Third is the copy that the target sends on, at a host of its own.
	Third Side = "third"
)

// DecisionKind is what the table says to do now.
type DecisionKind string

// The kinds.
const (
	Act         DecisionKind = "act"     // do Verb on Side, if the copy is still as expected
	Wait        DecisionKind = "wait"    // something is under way: look again
	Done        DecisionKind = "done"    // the phase, or the operation, is finished
	Refuse      DecisionKind = "refuse"  // nothing may be done: a person decides
	UnknownPair DecisionKind = "unknown" // cannot see, or nobody has seen this pair
)

// Decision is one row of the table, applied.
type Decision struct {
	Kind  DecisionKind `json:"kind"`
	Phase Phase        `json:"phase,omitempty"`
	Verb  Verb         `json:"verb,omitempty"`
	Side  Side         `json:"side,omitempty"`
	// Expect is what the act's own side must still be when it acts.
	Expect Expect `json:"expect,omitzero"`
	// Irreversible is true when no operation leads back.
	Irreversible bool `json:"irreversible,omitempty"`
	// Why says it to a person: what was seen and what it means.
	Why string `json:"why"`
	// Remedy is what to do about a refusal, with the command where there is one.
	Remedy string `json:"remedy,omitempty"`
	// Good is which side holds the good copy now.
	Good Side `json:"good,omitempty"`
	// Unseen is true when a host does not answer: looking again by itself is
	// safe, and enough once the host is back.
	Unseen bool `json:"unseen,omitempty"`
	// Changed is true when the two views show that the operation has begun to
	// change this VM, whoever's answer got lost on the way: a VM of which this
	// is said is never "refused, nothing changed".
	Changed bool `json:"changed,omitempty"`
	// NoWayBack is true when the views show that Cancel is not possible any
	// more: the target is the primary, or its failover was committed.
	NoWayBack bool `json:"no_way_back,omitempty"`
	// SourceSeen is true when an unplanned failover, or its watch on the lost
	// site, saw the source, SourceOpen when
	// the copy there runs or may start by itself.
	SourceSeen bool `json:"source_seen,omitempty"`
	SourceOpen bool `json:"source_open,omitempty"`
	// Unprotected is what is in the way of the replication of a VM that is done;
	// nil when nothing is.
	Unprotected *Finding `json:"unprotected,omitempty"`
	// Elsewhere is true for a VM that is done and replicates to a third host: the
	// copy at the source is old, and left out.
	Elsewhere bool `json:"elsewhere,omitempty"`
	// AutoStart is the automatic start action that VerbAutoStart sets, and that
	// VerbNoAutoStart found.
	AutoStart string `json:"auto_start,omitempty"`
	// Offer are answers that a person may give to a refusal beside looking
	// again and leaving the VM out.
	Offer []Choice `json:"offer,omitempty"`
	// Alone is true of an old copy that runs while no other is seen running.
	Alone bool `json:"alone,omitempty"`
	// Progress is how far something long has come: waiting for it needs no
	// person while it moves.
	Progress *SyncProgress `json:"progress,omitempty"`
	// TestVM is the GUID of the test copy, once there is one.
	TestVM string `json:"test_vm,omitempty"`
	// Due is in how long what is waited for begins by itself, by the host's clock:
	// until then nobody needs to look.
	Due Duration `json:"due,omitempty"`
	// Path is the folder that an import reads.
	Path string `json:"path,omitempty"`
	// AskedTest is true when this drill has asked for a test copy, whoever's
	// answer got lost: one that stands there may be its own.
	AskedTest bool `json:"asked_test,omitempty"`
}

// SyncProgress is how far a first copy or a resynchronization has come.
type SyncProgress struct {
	// Percent is -1 when the host does not tell.
	Percent int `json:"percent"`
	// Done and Total are bytes; zero when the host does not tell.
	Done  uint64 `json:"done,omitempty"`
	Total uint64 `json:"total,omitempty"`
	// Begins is when the host begins by itself, by its own clock.
	Begins time.Time `json:"begins,omitzero"`
}

// Expect is what a decision was based on; the host compares before it acts.
type Expect struct {
	Power string `json:"power"`
	Mode  string `json:"mode"`
	State string `json:"state"`
}

// Intent is what the run wants of one VM, the third input of the table beside
// the two views.
type Intent struct {
	// Plan is what commands for people name.
	Plan      string        `json:"plan,omitempty"`
	Operation Operation     `json:"operation"`
	Reverse   ReversePolicy `json:"reverse"`
	// UpTo is the last phase the run has released.
	UpTo Phase       `json:"up_to"`
	NICs []WantedNIC `json:"nics,omitempty"`
	// SourceNICs are the networks of the copy at the source, for Cancel.
	SourceNICs []WantedNIC `json:"source_nics,omitempty"`
	// TurnOff is a person's consent to cut the power of this guest.
	TurnOff bool `json:"turn_off,omitempty"`
	// LoseWrites is a person's consent to lose what users wrote in the target
	// copy since it started: for Cancel, and for an unplanned failover to
	// another point than the one the target stands at.
	LoseWrites bool `json:"lose_writes,omitempty"`
	// NeverStarted is what the run knows and no view shows, for Cancel: this
	// same run failed the target copy over and has not started it. A copy that
	// is off may have run and taken writes before.
	NeverStarted bool `json:"never_started,omitempty"`

	// Point is the recovery point of an unplanned or a test failover.
	Point Point `json:"point,omitzero"`
	// Ours is what the journal knows and no view shows: the failover, or the
	// test copy, that the target has now was asked for by this engine with this
	// same point.
	Ours bool `json:"ours,omitempty"`
	// Asked is true when this run asked for a test copy so short a time ago that
	// its host may not show it yet, or may still be about to make it.
	Asked bool `json:"asked,omitempty"`
	// AutoStart is how the copy that was fenced last started before, as the
	// journal knows it.
	AutoStart string `json:"auto_start,omitempty"`
	// Accept is a person's decision to go on with a failover that somebody else
	// made, whatever point it was made to.
	Accept bool `json:"accept,omitempty"`
	// SourceGone is a person's recorded statement that the source cannot run:
	// it alone lets an unplanned failover go on while the source is not seen.
	SourceGone bool `json:"source_gone,omitempty"`
	// SourceBack is what the run knows and no view shows while the source is not
	// seen: since that statement it was seen, and could run. The statement holds
	// no more.
	SourceBack bool `json:"source_back,omitempty"`
	// Fence is what may be done to a source copy that still runs.
	Fence FencePolicy `json:"fence,omitempty"`
	// ByPerson is true when a person said so of this very copy: the watch on a lost
	// site does it also where no other copy is seen running.
	ByPerson bool `json:"by_person,omitempty"`
	// Chain is what becomes of a replication that goes on to a third site.
	Chain ChainPolicy `json:"chain,omitempty"`
	// Replace is true when the source is a new host that has no copy yet.
	Replace bool `json:"replace,omitempty"`
	// ReplicaName is the source host's name as a replica server; of a protection
	// the target host's.
	ReplicaName string `json:"replica_name,omitempty"`
	// TargetName is the target host's name as a replica server.
	TargetName string `json:"target_name,omitempty"`

	// Seed is how the first copy of a protection travels.
	Seed SeedPlan `json:"seed,omitzero"`
	// RanThere is what the journal knows and no view shows, for Protect and Fence:
	// the VM was failed over to the target, and not back since.
	RanThere bool `json:"ran_there,omitempty"`
	// ExtendTo is the third host's name as a replica server, "" for no third copy;
	// ExtendEvery how often it is sent to.
	ExtendTo    string    `json:"extend_to,omitempty"`
	ExtendEvery Frequency `json:"extend_every,omitempty"`
	// Third is what the third host says, nil where the VM has no third copy.
	Third *Copy `json:"third,omitempty"`
}

// SeedPlan is how the first copy of a VM travels.
type SeedPlan struct {
	// How is SeedNetwork, SeedMedia or SeedExisting.
	How string `json:"how,omitempty"`
	// At is when it begins, by the source host's clock; zero is now.
	At time.Time `json:"at,omitzero"`
	// Export is the folder on the source host that SeedMedia writes to, Import
	// the folder on the target host where what was written lies.
	Export string `json:"export,omitempty"`
	Import string `json:"import,omitempty"`
}

// SeedMedia writes the first copy to a folder that people carry.
const SeedMedia = "media"

// Point names a recovery point of one VM.
type Point struct {
	// ID is the GUID of the recovery point, "" for the latest data.
	ID string `json:"id,omitempty"`
	// Kind is latest, or Hyper-V's SnapshotType: Replica, AppConsistentReplica,
	// SyncedReplica.
	Kind string `json:"kind,omitempty"`
	// Time is the moment whose data it holds, by the target host's clock.
	Time time.Time `json:"time,omitzero"`
}

// PointLatest is the kind of the newest data a replica has received.
const PointLatest = "latest"

// FencePolicy is what may be done to an old primary that can be reached and
// runs. Stopping its automatic start needs no consent; this does.
type FencePolicy string

// The policies. The default is FenceAsk.
const (
	FenceAsk        FencePolicy = "ask"
	FenceShutDown   FencePolicy = "shut-down"
	FenceTurnOff    FencePolicy = "turn-off"
	FenceDisconnect FencePolicy = "disconnect"
)

// ChainPolicy is the choice in a chain A to B to C after a move from A to B: a
// VM replicates to one other host only.
type ChainPolicy string

// The choices: keep C as the replica of B, or leave C and go back to A.
const (
	ChainKeep ChainPolicy = "keep"
	ChainBack ChainPolicy = "back"
)
