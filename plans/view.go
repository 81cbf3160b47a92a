package plans

import "time"

// Operation is what a person asks for.
type Operation string

// The operations. Their words are used on the command line, in plan files
// (only:) and in reports.
const (
	PlannedFailover Operation = "planned-failover"
	Cancel          Operation = "cancel"
)

// Copy is one side's view of one VM, as its host told it in one answer. Words
// are Hyper-V's own enum names.
type Copy struct {
	Host string `json:"host"`
	// Reached is false when the host gave no answer: nothing else is known
	// then, and unknown is not off.
	Reached bool `json:"reached"`
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
	// TestVM is the GUID of a test copy, "" if there is none.
	TestVM    string `json:"test_vm,omitempty"`
	Heartbeat string `json:"heartbeat,omitempty"`
	AutoStart string `json:"auto_start,omitempty"` // Nothing, StartIfRunning, Start
	Version   string `json:"version,omitempty"`

	PrimaryServer   string    `json:"primary_server,omitempty"`
	ReplicaServer   string    `json:"replica_server,omitempty"`
	FrequencySec    int       `json:"frequency_sec,omitempty"`
	RecoveryHistory int       `json:"recovery_history,omitempty"`
	LastReplication time.Time `json:"last_replication,omitzero"`
	PendingBytes    uint64    `json:"pending_bytes,omitempty"`
	MemoryStartup   uint64    `json:"memory_startup,omitempty"`
	FailoverType    string    `json:"failover_type,omitempty"` // Regular, ApplicationConsistent, Planned

	Adapters []Adapter `json:"adapters,omitempty"`
	// Problems are reads that failed for this copy, each "<cmdlet>: <error
	// id>": what they would have told is not known.
	Problems []string `json:"problems,omitempty"`
}

// Adapter is a network adapter of a copy, with its failover address.
type Adapter struct {
	Name      string   `json:"name"`
	Switch    string   `json:"switch"`
	Connected bool     `json:"connected"`
	IPs       []string `json:"ips,omitempty"`
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
	PhaseShutdown Phase = "shut-down"
	PhaseMove     Phase = "move" // prepare at the source, fail over at the target
	PhaseStart    Phase = "start"
	PhaseGates    Phase = "gates"
	PhaseReverse  Phase = "reverse"
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
)

// Side is which of the two hosts of a VM's operation is meant. Source is where
// the VM ran when the run began, target where it is to run.
type Side string

// The sides.
const (
	Source Side = "source"
	Target Side = "target"
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
	Operation Operation     `json:"operation"`
	Reverse   ReversePolicy `json:"reverse"`
	// UpTo is the last phase the run has released.
	UpTo Phase       `json:"up_to"`
	NICs []WantedNIC `json:"nics,omitempty"`
	// TurnOff is a person's consent to cut the power of this guest.
	TurnOff bool `json:"turn_off,omitempty"`
	// LoseWrites is a person's consent, for Cancel, to lose what users wrote
	// in the target copy since it started.
	LoseWrites bool `json:"lose_writes,omitempty"`
	// NeverStarted is what the run knows and no view shows, for Cancel: this
	// same run failed the target copy over and has not started it. A copy that
	// is off may have run and taken writes before.
	NeverStarted bool `json:"never_started,omitempty"`
}
