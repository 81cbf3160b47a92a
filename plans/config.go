package plans

import "time"

// Config is everything people write: one YAML file, or a folder of them that
// are read as one. Decode fills it; Validate has accepted it when Decode
// returns no error.
type Config struct {
	Version  int               `yaml:"version"`
	Sites    []Site            `yaml:"sites"`
	Hosts    []Host            `yaml:"hosts"`
	Networks []Network         `yaml:"networks,omitempty"`
	Groups   []ProtectionGroup `yaml:"groups"`
	Plans    []RecoveryPlan    `yaml:"plans,omitempty"`
	Alerts   *Alerts           `yaml:"alerts,omitempty"`
	// Repair is what may be done about replication that has stopped.
	Repair *RepairPolicy `yaml:"repair,omitempty"`
	// Drills are test failovers on a calendar.
	Drills []ScheduledDrill `yaml:"drills,omitempty"`
	// Canaries are throw-away VMs that fail over and back on a calendar.
	Canaries []Canary `yaml:"canaries,omitempty"`
	// Orphans is what may be done about what replication leaves behind.
	Orphans *OrphanPolicy `yaml:"orphans,omitempty"`
	Lab     *Lab          `yaml:"lab,omitempty"`
}

// Lab is present only in a configuration written for simulated hosts. Its
// presence is what permits --auto.
type Lab struct {
	// Speed is simulated seconds per real second. Every wait of the engine
	// that stands for something on a host or in a guest is divided by it.
	Speed float64 `yaml:"speed"`
	// Control is the lab's control port, host:port.
	Control string `yaml:"control,omitempty"`
	// Seed is what the lab was started with.
	Seed int64 `yaml:"seed,omitempty"`
	// Addresses maps plan addresses ("10.20.10.20:1433") to loopback ones.
	Addresses []LabAddress `yaml:"addresses,omitempty"`
}

// LabAddress maps one address of the plan to the loopback address at which
// the simulated guest listens.
type LabAddress struct {
	From string `yaml:"from"`
	To   string `yaml:"to"`
}

// Site is a place with hosts.
type Site struct {
	Name string `yaml:"name"`
	// Engine is true for the site in which Lifeboat itself runs: it must not
	// be a site that Lifeboat fails over from when that site is lost.
	Engine bool `yaml:"engine,omitempty"`
	// Witnesses are things that answer as long as the site lives: a switch, the
	// provider's router. They help to tell a dead site from a cut line.
	Witnesses []Witness `yaml:"witnesses,omitempty"`
}

// Witness is something that accepts TCP connections while its site lives.
type Witness struct {
	Name string `yaml:"name"`
	// Address is host:port.
	Address string `yaml:"address"`
}

// Host is a Hyper-V host and how to reach it.
type Host struct {
	Name    string `yaml:"name"`
	Site    string `yaml:"site"`
	Address string `yaml:"address"`
	WinRM   WinRM  `yaml:"winrm"`
	// ReplicaName is the name under which other hosts replicate to this one
	// (Hyper-V Replica refuses IP addresses). Empty means Name.
	ReplicaName string `yaml:"replica_name,omitempty"`
	// CertificateThumbprint is this host's replication certificate. It must
	// be given with certificate authentication: reverse replication needs it.
	CertificateThumbprint string `yaml:"certificate_thumbprint,omitempty"`
	// ReplicaStorage is the folder on this host for new replicas, for example
	// D:\Replica; empty means the host's own default location.
	ReplicaStorage string `yaml:"replica_storage,omitempty"`
	// MemoryReserve is kept free for the host itself, for example "8GB".
	MemoryReserve Bytes `yaml:"memory_reserve,omitempty"`
	// ActLanes is how many changing requests may be under way at once
	// (default 4, 1 to 16).
	ActLanes int `yaml:"act_lanes,omitempty"`
	// BMC is the address of the management controller, a witness when the
	// host is silent.
	BMC string `yaml:"bmc,omitempty"`
}

// WinRM says how to talk to a host.
type WinRM struct {
	// Port defaults to 5986 (https) or 5985 (http).
	Port int `yaml:"port,omitempty"`
	// Transport is https (default) or http. Over http only sealed mechanisms
	// (ntlm) are allowed.
	Transport string `yaml:"transport,omitempty"`
	// Auth is ntlm (default) or basic (https only). There is never a silent
	// fall-back from one to another.
	Auth   string `yaml:"auth,omitempty"`
	User   string `yaml:"user"`
	Domain string `yaml:"domain,omitempty"`
	// Secret is a reference, never a password: env:NAME or file:PATH
	// (relative to the configuration's folder).
	Secret SecretRef `yaml:"secret"`
	// CA is a PEM file with the authority that signed the host's WinRM
	// certificate (relative to the configuration's folder).
	CA string `yaml:"ca,omitempty"`
	// ServerName is the name in that certificate when it is not Address.
	ServerName string `yaml:"server_name,omitempty"`
}

// SecretRef names where a secret is kept: env:NAME or file:PATH.
type SecretRef string

// Network is one user network and what it is called at each site.
type Network struct {
	Name  string        `yaml:"name"`
	Sites []NetworkSite `yaml:"sites"`
}

// NetworkSite is a network at one site: the switch VMs are connected to and
// the addressing there.
type NetworkSite struct {
	Site    string `yaml:"site"`
	Switch  string `yaml:"switch"`
	Subnet  string `yaml:"subnet,omitempty"`
	Gateway string `yaml:"gateway,omitempty"`
	// DNS holds at most two servers: Hyper-V takes a preferred and an
	// alternate one.
	DNS []string `yaml:"dns,omitempty"`
	// TestSwitch is the isolated switch for drills.
	TestSwitch string `yaml:"test_switch,omitempty"`
	// TestSubnet is where a gateway that people keep on TestSwitch shows test
	// copies to the engine, each at the address with the same host part. Without
	// it no port of a test copy can be asked.
	TestSubnet string `yaml:"test_subnet,omitempty"`
}

// ProtectionGroup is VMs that share source, target, frequency and policy.
type ProtectionGroup struct {
	Name string `yaml:"name"`
	// From and To are host names.
	From string `yaml:"from"`
	To   string `yaml:"to"`
	// Frequency is 30s, 5m or 15m.
	Frequency Frequency `yaml:"frequency"`
	// RecoveryPoints is how many extra hourly points are kept, 0 to 24.
	RecoveryPoints int `yaml:"recovery_points,omitempty"`
	// Authentication is certificate or kerberos.
	Authentication string `yaml:"authentication,omitempty"`
	// RPO is how old the replica may be (default: three times the frequency).
	RPO Duration `yaml:"rpo,omitempty"`
	// AppConsistent is how often an application-consistent point is made, 1h to
	// 12h, 0s for never; absent means that nobody minds. Compression likewise.
	// Both are compared with what the hosts tell.
	//
	// Microsoft: Set-VMReplication, -VSSSnapshotFrequencyHour, -CompressionEnabled.
	AppConsistent *Duration `yaml:"app_consistent,omitempty"`
	Compression   *bool     `yaml:"compression,omitempty"`
	// Extends is the third copy, that To sends on.
	Extends *Extension `yaml:"extends,omitempty"`
	// Repair is what differs from the configuration's repair policy.
	Repair *RepairPolicy `yaml:"repair,omitempty"`
	// Tenant is whose VMs these are, where a host serves several: a report for one
	// of them names nothing of the others. It is left out of the plan's hash where
	// nobody wrote it.
	Tenant string        `yaml:"tenant,omitempty" json:",omitempty"`
	VMs    []ProtectedVM `yaml:"vms"`
}

// Extension is extended replication: a third copy at another host.
//
// Microsoft: "Set up Hyper-V Replica", extended replication: 5m or 15m, and not
// more often than the first copy.
type Extension struct {
	To        string    `yaml:"to"`
	Frequency Frequency `yaml:"frequency"`
	// RPO is how old the third copy may be against the second (default: three
	// times the frequency).
	RPO Duration `yaml:"rpo,omitempty"`
}

// ProtectedVM is one VM. Its identity is ID; names are for people.
type ProtectedVM struct {
	Name string `yaml:"name"`
	// ID is the VM's GUID, the same on both sides.
	ID string `yaml:"id"`
	// Memory is the startup memory, for capacity sums when no host answers.
	Memory Bytes `yaml:"memory,omitempty"`
	NICs   []NIC `yaml:"nics,omitempty"`
	// ExcludedDisks are disks left out of replication on record.
	ExcludedDisks []string `yaml:"excluded_disks,omitempty"`
	Note          string   `yaml:"note,omitempty"`
}

// NIC ties a VM's adapter to a network.
type NIC struct {
	// Adapter is the adapter's name in Hyper-V; empty means the only one.
	Adapter string `yaml:"adapter,omitempty"`
	Network string `yaml:"network"`
	// IP is the VM's address at the group's From site; at any other site it
	// is the address with the same host part in that site's subnet.
	IP string `yaml:"ip,omitempty"`
	// Inject is false when the guest sets its own address after a failover
	// (some Linux guests). Default true.
	Inject *bool `yaml:"inject,omitempty"`
}

// ReversePolicy says when reverse replication starts, which ends the way back.
type ReversePolicy string

// The reverse policies. The default is ReverseAfterGates.
const (
	ReverseAfterGates  ReversePolicy = "after-gates"
	ReverseBeforeStart ReversePolicy = "before-start"
	ReverseOnCommit    ReversePolicy = "on-commit"
)

// RecoveryPlan is how a business is moved: what auditors ask of a plan, and
// ordered steps.
type RecoveryPlan struct {
	Name string `yaml:"name"`
	// From and To are site names: the plan's forward direction.
	From string `yaml:"from"`
	To   string `yaml:"to"`

	Purpose      string   `yaml:"purpose,omitempty"`
	Scope        string   `yaml:"scope,omitempty"`
	Activation   []string `yaml:"activation,omitempty"`
	Deactivation []string `yaml:"deactivation,omitempty"`
	Roles        []Role   `yaml:"roles,omitempty"`
	Review       string   `yaml:"review,omitempty"`
	// Risk is where the business impact analysis or the risk is written that this
	// plan answers, Functions what the business does with its VMs: auditors ask.
	Risk      string   `yaml:"risk,omitempty" json:",omitempty"`
	Functions []string `yaml:"functions,omitempty" json:",omitempty"`

	Objectives Objectives    `yaml:"objectives,omitempty"`
	Reverse    ReversePolicy `yaml:"reverse,omitempty"`
	Limits     Limits        `yaml:"limits,omitempty"`
	// OnReturn is what may be done, without asking again, to an old primary
	// that runs again after an unplanned failover while the copy that took over is
	// seen running (default: ask).
	OnReturn FencePolicy `yaml:"on_return,omitempty"`
	Test     TestPolicy  `yaml:"test,omitempty"`
	Steps    []Step      `yaml:"steps"`
}

// TestPolicy is how a test failover of a plan ends.
type TestPolicy struct {
	// Hold is how long test copies stay up for people after their gates
	// (default 0: clean up at once).
	Hold Duration `yaml:"hold,omitempty"`
	// TTL is the longest that a test copy may live (default 8h).
	TTL Duration `yaml:"ttl,omitempty"`
	// Scenario is what a drill plays, Assumptions what it takes for granted: they
	// are copied when it begins and cannot be written afterwards.
	Scenario    string `yaml:"scenario,omitempty" json:",omitempty"`
	Assumptions string `yaml:"assumptions,omitempty" json:",omitempty"`
}

// DefaultTestTTL is the longest that a test copy lives when the plan does not
// say.
const DefaultTestTTL = Duration(8 * time.Hour)

// Role is a person or desk the plan relies on.
type Role struct {
	Name    string `yaml:"name"`
	Who     string `yaml:"who"`
	Contact string `yaml:"contact,omitempty"`
}

// Objectives are targets to measure against, not promises.
type Objectives struct {
	RTO Duration `yaml:"rto,omitempty"`
	RPO Duration `yaml:"rpo,omitempty"`
}

// Limits bound how much happens at once.
type Limits struct {
	// Shutdown, Move and Start are VMs at once over the whole stage
	// (defaults 4, 4, 4). A stage's own parallel wins where it is lower.
	Shutdown int `yaml:"shutdown,omitempty"`
	Move     int `yaml:"move,omitempty"`
	Start    int `yaml:"start,omitempty"`
	// ShutdownWithin is how long a guest may take to shut down before the
	// VM is held (default 10m).
	ShutdownWithin Duration `yaml:"shutdown_within,omitempty"`
}

// Step is one line of a plan: exactly one of Stage, Manual and Notice is set.
type Step struct {
	// Stage names a stage; VMs and Parallel belong to it.
	Stage    string   `yaml:"stage,omitempty"`
	Parallel int      `yaml:"parallel,omitempty"`
	VMs      []PlanVM `yaml:"vms,omitempty"`

	Manual *ManualStep `yaml:"manual,omitempty"`
	Notice *Notice     `yaml:"notice,omitempty"`

	// Only lists the operations in which this step takes part; empty means
	// all of them. For manual steps and notices.
	Only []Operation `yaml:"only,omitempty"`
}

// ManualStep is work for a person. The run waits for the answer.
type ManualStep struct {
	Name    string   `yaml:"name"`
	Text    string   `yaml:"text"`
	Owner   string   `yaml:"owner,omitempty"`
	Takes   Duration `yaml:"takes,omitempty"`
	Approve bool     `yaml:"approve,omitempty"` // a yes or no, not a task
	// Quorum is how many different people must approve (default 1). Answers of
	// people who have not said who they are do not count.
	Quorum int `yaml:"quorum,omitempty"`
	// Within is when the answer is late; Escalate who is told then.
	Within   Duration `yaml:"within,omitempty"`
	Escalate []string `yaml:"escalate,omitempty"`
}

// Notice is a message to people; the run does not wait.
type Notice struct {
	Text string   `yaml:"text"`
	To   []string `yaml:"to,omitempty"`
}

// SheddingPolicy says whether a VM takes part.
type SheddingPolicy string

// The policies. The default is PolicyAuto.
const (
	PolicyAuto       SheddingPolicy = "auto"
	PolicyManual     SheddingPolicy = "manual"      // only when named with --vm
	PolicyNever      SheddingPolicy = "never"       // never moved
	PolicyIfCapacity SheddingPolicy = "if_capacity" // moved if the target can hold it
)

// PlanVM is a VM's place in a stage.
type PlanVM struct {
	// VM is the name of a protected VM, or its GUID where names repeat.
	VM string `yaml:"vm"`
	// After are VMs of this or an earlier stage that must be up first.
	After []string `yaml:"after,omitempty"`
	// Policy is auto, manual, never or if_capacity.
	Policy SheddingPolicy `yaml:"policy,omitempty"`
	// Priority orders VMs of policy if_capacity: the lowest stays behind first
	// (default 0; of equals, the last of the plan).
	Priority int    `yaml:"priority,omitempty"`
	Gates    []Gate `yaml:"gates,omitempty"`
	// Settle is waited after the gates have passed.
	Settle Duration `yaml:"settle,omitempty"`
	RTO    Duration `yaml:"rto,omitempty"`
	Note   string   `yaml:"note,omitempty"`
}

// Gate is a fact that says "it is up": exactly one kind is set.
type Gate struct {
	Heartbeat *HeartbeatGate `yaml:"heartbeat,omitempty"`
	TCP       *TCPGate       `yaml:"tcp,omitempty"`
	HTTP      *HTTPGate      `yaml:"http,omitempty"`
	Script    *ScriptGate    `yaml:"script,omitempty"`
	// Within is how long the gate may take before the VM is held (default
	// 10m).
	Within Duration `yaml:"within,omitempty"`
}

// HeartbeatGate passes when Hyper-V reports OkApplicationsHealthy or
// OkApplicationsUnknown.
type HeartbeatGate struct {
	// Healthy demands OkApplicationsHealthy.
	Healthy bool `yaml:"healthy,omitempty"`
}

// TCPGate passes when every port accepts a connection from the engine.
type TCPGate struct {
	Ports []int `yaml:"ports"`
	// Address defaults to the VM's address at the run's target site.
	Address string `yaml:"address,omitempty"`
}

// HTTPGate passes when the URL answers with the status. {ip} in URL is the
// VM's address at the run's target site.
type HTTPGate struct {
	URL      string `yaml:"url"`
	Status   int    `yaml:"status,omitempty"` // default 200
	Contains string `yaml:"contains,omitempty"`
	CA       string `yaml:"ca,omitempty"`
	// Insecure accepts any certificate; said in the report.
	Insecure bool `yaml:"insecure,omitempty"`
}

// ScriptGate passes when the script says so: in a guest the last output is
// true, on the engine the program exits 0.
type ScriptGate struct {
	In string `yaml:"in"` // guest | engine
	// Run is PowerShell text for a guest.
	Run string `yaml:"run,omitempty"`
	// Command is a program and its arguments on the engine; no shell.
	Command []string  `yaml:"command,omitempty"`
	User    string    `yaml:"user,omitempty"`
	Secret  SecretRef `yaml:"secret,omitempty"`
}

// Duration is a span written like "30s", "10m", "2h30m".
type Duration time.Duration

// D returns the time.Duration.
func (d Duration) D() time.Duration { return time.Duration(d) }

// Frequency is a replication frequency: 30s, 5m or 15m.
type Frequency time.Duration

// D returns the time.Duration.
func (f Frequency) D() time.Duration { return time.Duration(f) }

// Bytes is a size written like "8GB" (binary units).
type Bytes uint64
