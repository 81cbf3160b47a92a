package plans

import "time"

// ReadyVerdict answers "if the site is lost now".
type ReadyVerdict string

// The verdicts. Unknown is neither: what decides cannot be seen.
const (
	ReadyYes     ReadyVerdict = "ready"
	ReadyNo      ReadyVerdict = "not-ready"
	ReadyUnknown ReadyVerdict = "unknown"
)

// ReadyLook is all that the verdict about one plan comes from.
type ReadyLook struct {
	// Run is the plan's unplanned failover in the direction in which its VMs
	// would go now.
	Run RunInput
	// Views are the hosts as they answered last. A host that does not answer now
	// is not reached; Pairs still hold what was seen of it before.
	Views []HostView
	Pairs []Pair
	// Read is when each host last answered, by the clock of Now.
	Read   map[string]time.Time
	Stores []StoreView
	// Sent are earlier looks at what VMs send, by id, nil where nobody looked before;
	// Repairs what the repair ladders said last, by RepairKey.
	Sent    map[string][]Sent
	Repairs map[string]RepairSeen
	// Known is what the configuration says beside the run.
	Known ReadyConfig
	// Drill is the last test failover of the plan that ended, nil when none is
	// known.
	Drill *Drill
	// Canaries are all of the configuration.
	Canaries []CanaryState
	// Machine is the name of the machine that looks, Engine what is wrong with the
	// engine itself.
	Machine string
	Engine  []Problem
	Now     time.Time
	// MaxAge is how old an answer may be, 0 for five minutes.
	MaxAge time.Duration
}

// ReadyConfig is what the configuration says of hosts and VMs that a run does
// not need.
type ReadyConfig struct {
	// Thumbprints are the replication certificates of hosts that use one.
	Thumbprints map[string]string
	// Storages are the folders for replicas that were configured, by host.
	Storages map[string]string
	// Excluded are the disks left out on purpose, Extends the third copies, by
	// VM.
	Excluded map[string][]string
	Extends  map[string]Extension
	// Auths are the ways of authentication of VMs' groups: Kerberos or Certificate.
	Auths map[string]string
	// Repairs are the repair policies of first legs, by VM; none where nothing is to
	// be repaired.
	Repairs map[string]*RepairPolicy
	// EngineSite is where the engine is said to stand.
	EngineSite string
	// Notes are what people wrote about VMs.
	Notes map[string]string
}

// StoreView is what a host says of certificates, volumes, keys and disks.
type StoreView struct {
	Host string
	// Clock is the host's own, which ends of certificates are compared with.
	Clock time.Time
	// At is when it was read, by the clock of Now; Failing why it could not be read
	// again since.
	At      time.Time
	Failing string
	// Error is why nothing is known, Problems which parts are not.
	Error        string
	Problems     []string
	Certificates map[string]time.Time // thumbprint to end
	Volumes      []VolumeView
	Storages     []string
	// Encrypted are the volumes that BitLocker protects, Keys what VMs need to
	// start and what is there; nil when that is not told.
	Encrypted []EncryptedView
	Keys      *KeysView
	// Disks are of VMs that are primary there: path to whether it replicates.
	// A VM whose disks were not told is in Untold.
	Disks  map[string]map[string]bool
	Untold []string
	// Checkpoints are those that are no recovery points, by VM.
	Checkpoints map[string][]Point
}

// VolumeView is a volume of a host, in bytes.
type VolumeView struct {
	Name string `json:"name"`
	Size uint64 `json:"size"`
	Free uint64 `json:"free"`
}

// Drill is what the last test failover of a plan came to.
type Drill struct {
	Run    string    `json:"run"`
	Ended  time.Time `json:"ended"`
	Passed bool      `json:"passed"`
	// RTO is until all its VMs were up, 0 where one never was.
	RTO Duration `json:"rto"`
	// proofs are when VMs came up last, by id; nil is not told.
	proofs map[string]Proof
}

// ReadyReport is the answer about one plan, or, with Plan "", about the VMs that no
// plan holds. Field names are stable.
type ReadyReport struct {
	Plan    string       `json:"plan"`
	From    string       `json:"from"`
	To      string       `json:"to"`
	Verdict ReadyVerdict `json:"verdict"`
	// Why is one line for people.
	Why string `json:"why"`
	// At is when the answer was made, Seen the oldest of the hosts' answers it
	// rests on; Stale are sentences about hosts that have not answered since.
	At    time.Time `json:"at"`
	Seen  time.Time `json:"seen,omitzero"`
	Stale []string  `json:"stale,omitempty"`
	// InTime of Total VMs lose no more than their target.
	InTime int `json:"in_time"`
	Total  int `json:"total"`
	// Estimate is how long the failover would take; Speed is of the hosts' clocks
	// (1 on real ones).
	Estimate Duration `json:"estimate"`
	// Basis says what Estimate was learned from, or that it is assumed.
	Basis    string      `json:"basis"`
	Speed    float64     `json:"speed"`
	Drill    *Drill      `json:"drill,omitempty"`
	VMs      []ReadyVM   `json:"vms"`
	Hosts    []ReadyHost `json:"hosts"`
	LeftOut  []LeftOut   `json:"left_out,omitempty"`
	Findings []Finding   `json:"findings,omitempty"`
	// takes is what its VMs would take of targets, free what those have; for
	// TogetherReady.
	takes []taking
	free  map[string]uint64
}

// ReadyVM is one line of the table.
type ReadyVM struct {
	ID    string `json:"id"`
	Label string `json:"label"`
	// State is Hyper-V's word for the replica's state, Health the worse of both
	// sides'.
	State  string `json:"state"`
	Health string `json:"health"`
	// Sender is Hyper-V's word for the primary's state, "" when it was not seen.
	Sender string `json:"sender,omitempty"`
	// LastGood is when the newest data was sent, by the target's clock; Behind
	// is how old it is now, -1 when there is none or it cannot be seen.
	LastGood time.Time `json:"last_good,omitzero"`
	Behind   Duration  `json:"behind"`
	Target   Duration  `json:"target,omitempty"`
	// Unapplied is how much newer the data that has arrived is than what is on the
	// replica's disks; zero when all is applied or that is not told.
	Unapplied Duration `json:"unapplied,omitempty"`
	// Backlog is what waits to be sent, in bytes; -1 when the source does not
	// tell.
	Backlog int64 `json:"backlog"`
	InTime  bool  `json:"in_time"`
	Resync  bool  `json:"resync"`
	TestVM  bool  `json:"test_vm"`
	// Extended is the state of the third copy's leg, "" where there is none,
	// ExtendedBehind how old its newest data is; zero when it is not told.
	Extended       string   `json:"extended,omitempty"`
	ExtendedBehind Duration `json:"extended_behind,omitempty"`
}

// Worse is the state of the side that does not replicate: a replica goes on saying
// Replicating when its primary has stopped.
func (vm ReadyVM) Worse() string {
	if vm.State == "Replicating" && vm.Sender != "" {
		return vm.Sender
	}
	return vm.State
}

// ReadyHost is a host that the plan needs.
type ReadyHost struct {
	Name string `json:"name"`
	Site string `json:"site"`
	Up   bool   `json:"up"`
	// Read is when it last answered, zero for never.
	Read  time.Time `json:"read,omitzero"`
	Error string    `json:"error,omitempty"`
	// CertificateDays is what its replication certificate has left, by its own
	// clock; below zero when it has ended, nil when it is not known.
	CertificateDays *int `json:"certificate_days,omitempty"`
	// Volume is the one that holds replicas, nil when it is not known.
	Volume *VolumeView `json:"volume,omitempty"`
}
