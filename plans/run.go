package plans

import "time"

// RunInput is all a run needs, copied from the configuration when it starts:
// later edits do not change a running run. It holds no secret and no address
// of a host: activities resolve host names.
type RunInput struct {
	RunID     string    `json:"run_id"` // for people and the journal: <plan>-<yyyymmdd-hhmmss>
	Plan      string    `json:"plan"`
	PlanHash  string    `json:"plan_hash"`
	Operation Operation `json:"operation"`
	// From and To are the sites of this run; To is where "done" is.
	From       string        `json:"from"`
	To         string        `json:"to"`
	StartedBy  string        `json:"started_by"`
	Reason     string        `json:"reason,omitempty"`
	Reverse    ReversePolicy `json:"reverse"`
	Limits     Limits        `json:"limits"`
	Objectives Objectives    `json:"objectives"`
	Steps      []RunStep     `json:"steps"`
	// Hosts are the hosts the run needs, source hosts first.
	Hosts []RunHost `json:"hosts"`
	// LeftOut are VMs of the plan that do not take part, each with the reason.
	LeftOut []LeftOut `json:"left_out,omitempty"`
	// Speed divides every wait that stands for something on a host (1 on
	// real hosts).
	Speed float64 `json:"speed"`
	// Auto lets the stated lab operator answer manual steps.
	Auto bool `json:"auto,omitempty"`
	// LoseWrites is a person's consent: what users wrote at the target since
	// it started is lost.
	LoseWrites bool `json:"lose_writes,omitempty"`

	// Point is what was asked of an unplanned or a test failover: latest,
	// latest-app, common, or a time; each VM holds its own point.
	Point string `json:"point,omitempty"`
	// Statement is what a person said of a source that cannot be seen.
	Statement *Statement `json:"statement,omitempty"`
	// Fence is what may be done to a primary that runs at From, OnReturn what
	// FenceReturn may do to one that comes back later.
	Fence    FencePolicy `json:"fence,omitempty"`
	OnReturn FencePolicy `json:"on_return,omitempty"`
	Chain    ChainPolicy `json:"chain,omitempty"`
	// Hold is how long a test failover stays up for people, or a commit waits;
	// TTL the longest that a test copy may live.
	Hold Duration `json:"hold,omitempty"`
	TTL  Duration `json:"ttl,omitempty"`
	// Replace is the host that From's host is replaced for, "" in other runs.
	Replace string `json:"replace,omitempty"`
	// Trust are hosts that must take replication from one another before it
	// begins, Distrust entries of a lost host that go once all is over.
	Trust    []HostTrust `json:"trust,omitempty"`
	Distrust []HostTrust `json:"distrust,omitempty"`
	// Seed is how the first copies of a protection travel.
	Seed SeedPlan `json:"seed,omitzero"`
	// MakeRoom are VMs at the target that a person agreed to shut down.
	MakeRoom []ResidentVM `json:"make_room,omitempty"`
	// Drill is set for a test failover of the drills' calendar.
	Drill *DrillNote `json:"drill,omitempty"`
	// Canary is the canary that this is a run of.
	Canary string `json:"canary,omitempty"`
	// About is what the plan says of itself, for the evidence.
	About *PlanAbout `json:"about,omitempty"`
}

// Intent is what a run wants of one VM, released to the end.
func (in RunInput) Intent(vm RunVM) Intent {
	i := Intent{
		Plan: in.Plan, Operation: in.Operation, Reverse: in.Reverse, UpTo: lastPhase(in.Operation, in.Reverse), NICs: vm.NICs, SourceNICs: vm.SourceNICs, LoseWrites: in.LoseWrites,
		Point: vm.Point, SourceGone: in.Statement != nil, Fence: in.Fence, Chain: in.Chain, Replace: in.Replace != "", ReplicaName: vm.ReverseTo, TargetName: vm.TargetName, Seed: in.Seed,
		RanThere: vm.RanThere,
	}
	if in.Operation == Protect || in.Operation == Unprotect {
		i.ReplicaName = vm.TargetName
	}
	if vm.Extend != nil {
		i.ExtendTo, i.ExtendEvery = vm.Extend.Server, vm.Extend.Frequency
	}
	return i
}

// Statement is a person's word for what cannot be seen, kept in the report.
type Statement struct {
	By   string    `json:"by"`
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

// HostTrust is that a host takes replication from another.
type HostTrust struct {
	Host string `json:"host"`
	// Primary is the sender's name as a replica server; Auth and Thumbprint are
	// of the receiving host.
	Primary    string `json:"primary"`
	Auth       string `json:"auth,omitempty"` // Certificate or Kerberos
	Thumbprint string `json:"thumbprint,omitempty"`
	// Storage is where it keeps new replicas, "" for its own default.
	Storage string `json:"storage,omitempty"`
	// Keep leaves the receiving host's replica server as it is: one that is off is
	// turned on only when a person asked for that.
	Keep bool `json:"keep,omitempty"`
}

// ResidentVM is a VM that lives at the target and is not part of the plan.
type ResidentVM struct {
	ID     string `json:"id"`
	Label  string `json:"label"`
	Host   string `json:"host"`
	Memory Bytes  `json:"memory"`
}

// Pair is one VM as both hosts of a run see it.
type Pair struct {
	ID     string `json:"id"`
	Source Copy   `json:"source"`
	Target Copy   `json:"target"`
	// Third is the copy at the end of a chain, nil where nobody asked for it.
	Third *Copy `json:"third,omitempty"`
}

// RunHost is a host that a run needs.
type RunHost struct {
	Name string `json:"name"`
	Site string `json:"site"`
	// Reserve is the memory kept free for the host itself.
	Reserve Bytes `json:"reserve,omitempty"`
}

// RunStep is a step with everything resolved: exactly one of VMs, Manual and
// Notice is set. Number counts from 1 as people see it.
type RunStep struct {
	Number   int         `json:"number"`
	Name     string      `json:"name"`
	Parallel int         `json:"parallel,omitempty"`
	VMs      []RunVM     `json:"vms,omitempty"`
	Manual   *ManualStep `json:"manual,omitempty"`
	Notice   *Notice     `json:"notice,omitempty"`
	// Of is the stage that a manual step or a notice is written after, "" before the
	// first.
	Of string `json:"of,omitempty"`
}

// RunVM is one VM of a run.
type RunVM struct {
	ID   string `json:"id"`
	Name string `json:"name"` // for people; may repeat, may hold anything
	// Label is unique in the run: Name, or Name and the start of the ID.
	Label string `json:"label"`
	// After are the IDs of VMs that must be up first.
	After []string `json:"after,omitempty"`
	// SourceHost and TargetHost are the hosts of this run's From and To.
	SourceHost string `json:"source_host"`
	TargetHost string `json:"target_host"`
	// ReverseTo is the source host's name as a replica server, Thumbprint the
	// target host's own certificate: reverse replication needs both.
	ReverseTo string `json:"reverse_to"`
	// TargetName is the target host's own name as a replica server: what the
	// source's authorization entries must let in.
	TargetName string      `json:"target_name,omitempty"`
	Thumbprint string      `json:"thumbprint,omitempty"`
	NICs       []WantedNIC `json:"nics,omitempty"`
	// SourceNICs are, for Cancel, the switches of the copy at the source.
	SourceNICs []WantedNIC `json:"source_nics,omitempty"`
	Gates      []RunGate   `json:"gates,omitempty"`
	Settle     Duration    `json:"settle,omitempty"`
	RTO        Duration    `json:"rto,omitempty"`
	RPO        Duration    `json:"rpo,omitempty"`
	Frequency  Frequency   `json:"frequency"`
	Memory     Bytes       `json:"memory,omitempty"`
	// IfCapacity is true for a VM that stays behind when the target is full;
	// of several, the one with the lowest Priority first.
	IfCapacity bool `json:"if_capacity,omitempty"`
	Priority   int  `json:"priority,omitempty"`
	// Point is the recovery point chosen for this VM, Behind how old its data was
	// then, by the target host's clock.
	Point  Point    `json:"point,omitzero"`
	Behind Duration `json:"behind,omitempty"`
	// Enable is how replication to a new host is set up.
	Enable *EnableSettings `json:"enable,omitempty"`
	// Extend is how the third copy is set up, ThirdHost where it stands.
	Extend    *EnableSettings `json:"extend,omitempty"`
	ThirdHost string          `json:"third_host,omitempty"`
	// Expected are the durations the ETA starts from, per phase, and Usual what
	// past runs they were learned from. What is in neither is assumed.
	Expected map[Phase]Duration `json:"expected,omitempty"`
	Usual    map[Phase]Usual    `json:"usual,omitempty"`
	// Tenant is whose VM it is, "" where nobody says.
	Tenant string `json:"tenant,omitempty"`
	// RanThere is Intent's, as the journal had it before a protection began.
	RanThere bool `json:"ran_there,omitempty"`
}

// EnableSettings are the settings of a new replication relationship.
type EnableSettings struct {
	Port           int      `json:"port"`
	Authentication string   `json:"authentication"` // Certificate or Kerberos
	RecoveryPoints int      `json:"recovery_points"`
	ExcludedDisks  []string `json:"excluded_disks,omitempty"`
	// Server is the receiving host's name as a replica server, Thumbprint the
	// sending host's own certificate; where they are empty, ReverseTo and
	// Thumbprint of the VM hold, and the VM's own Frequency.
	Server     string    `json:"server,omitempty"`
	Thumbprint string    `json:"thumbprint,omitempty"`
	Frequency  Frequency `json:"frequency,omitempty"`
	// AppConsistent is every how many hours an application-consistent point is
	// made, 0 never; Compression is nil where Hyper-V's own default is to hold.
	AppConsistent int   `json:"app_consistent,omitempty"`
	Compression   *bool `json:"compression,omitempty"`
	// Seed is how the first copy goes: SeedNetwork or SeedExisting.
	Seed string `json:"seed"`
}

// RunGate is a gate with its address resolved.
type RunGate struct {
	Kind   string   `json:"kind"` // heartbeat, tcp, http, guest-script, engine-script
	Text   string   `json:"text"` // for people: "tcp 1433 at 10.20.10.20"
	Within Duration `json:"within"`

	// Via is the subnet through which a gateway shows test copies; "" where the
	// guest is reached as users reach it.
	Via string `json:"via,omitempty"`

	Healthy   bool      `json:"healthy,omitempty"`
	Addresses []string  `json:"addresses,omitempty"` // host:port, all must accept
	URL       string    `json:"url,omitempty"`
	Status    int       `json:"status,omitempty"`
	Contains  string    `json:"contains,omitempty"`
	CA        string    `json:"ca,omitempty"`
	Insecure  bool      `json:"insecure,omitempty"`
	Run       string    `json:"run,omitempty"`
	Command   []string  `json:"command,omitempty"`
	User      string    `json:"user,omitempty"`
	Secret    SecretRef `json:"secret,omitempty"`
}

// LeftOut is a VM of the plan that does not take part in a run.
type LeftOut struct {
	VM  string `json:"vm"` // label
	Why string `json:"why"`
	// Tenant is whose VM it is, "" where nobody says.
	Tenant string `json:"tenant,omitempty"`
}
