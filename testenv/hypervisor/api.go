package hypervisor

import "time"

// Caller is who stands behind a cmdlet call: the ledger's "by", and the wire
// that an injected fault may cut.
type Caller struct {
	// By is the request id, "guest", "host", "fault" or "control".
	By string
	// Cut cuts the connection that carries the answer; kill also ends the
	// process that makes the call. Nil when there is no wire.
	Cut func(kill bool)
}

// Refusal is what a host answers when it will not: the parts of a PowerShell
// error record that do not depend on the language.
type Refusal struct {
	// Kind is the first half of the FullyQualifiedErrorId: InvalidState,
	// InvalidOperation, ObjectNotFound, InvalidParameter, OperationFailed,
	// AccessDenied, OutOfMemory, ...
	Kind string
	// Category is the CategoryInfo category: InvalidOperation, ObjectNotFound,
	// InvalidArgument, NotSpecified, PermissionDenied, ResourceUnavailable, ...
	Category string
	Message  string
}

func (r *Refusal) Error() string { return r.Message }

// VM is a snapshot of one copy on one host, as Get-VM would see it. Enums are
// Hyper-V's names.
type VM struct {
	ID, Name         string
	Power            string // VMState
	Mode             string // VMReplicationMode
	State            string // VMReplicationState
	Health           string // VMReplicationHealthState
	Heartbeat        string // VMHeartbeatStatus
	Status           string
	Notes            string
	AutoStart        string // Nothing, StartIfRunning, Start
	AutoStop         string
	Version          string
	Generation       int
	MemoryStartup    int64
	MemoryAssigned   int64
	Uptime           time.Duration // simulated
	Processors       int
	Created          time.Time
	Relations        []Relation // none, one, or two in the middle of a chain
	Adapters         []Adapter
	Disks            []Disk
	Points           []Point // recovery points and checkpoints, oldest first
	TestVM           string  // GUID of the test copy
	TestOf           string  // GUID of the replica this is a test copy of
	VTPM             bool
	Guardian         string // who can open its key protector
	ConfigurationDir string
	Provider         string // of its replication, "" for Hyper-V's own
}

// Relation is one replication relationship of a copy (Get-VMReplication, and
// Measure-VMReplication's figures).
type Relation struct {
	Relationship                         string // Simple, Extended
	Mode, State, Health                  string
	PrimaryServer                        string
	ReplicaServer                        string
	CurrentReplicaServer                 string
	AllowedPrimary                       string
	FrequencySec                         int
	RecoveryHistory                      int
	VSSFrequencyHour                     int
	Auth                                 string // Kerberos, Certificate
	Thumbprint                           string
	Port                                 int
	Compression                          bool
	AutoResync                           bool
	AutoResyncStart, AutoResyncEnd       time.Duration
	LastReplication                      time.Time // zero: never
	LastApplied                          time.Time
	InitialStart                         time.Time
	PendingBytes, AverageBytes, MaxBytes uint64
	InitialBytes                         uint64
	Task                                 string // of a first copy or resynchronization on its way, else ""
	TaskPercent                          int
	LastVSS                              time.Time // of the newest application-consistent point
	AverageLatency, MaxLatency           time.Duration
	Errors, Succeeded, Missed            uint32
	LastType, FailoverType               string // None, Regular, ApplicationConsistent, Planned
	LastTestFailover                     time.Time
	MonitoringStart, MonitoringEnd       time.Time
	HealthDetails                        []string
	ReplicatedDisks, ExcludedDisks       []string // paths
}

// Adapter is a network adapter of a copy.
type Adapter struct {
	ID, Name   string
	Switch     string // "" when not connected
	TestSwitch string
	MAC        string
	VLAN       int
	IPs        []string // while the guest runs and its services answer

	FailoverIP, FailoverMask, FailoverGateway string
	FailoverDNS                               []string
}

// Disk is a virtual disk of a copy.
type Disk struct {
	Path                 string
	Parent               string // of a differencing disk
	SizeBytes, UsedBytes uint64
	Controller           string // SCSI, IDE
	ControllerNum, Slot  int
	Replicated           bool
}

// Point is a recovery point or checkpoint.
type Point struct {
	ID, Name string
	Type     string // SnapshotType: Replica, AppConsistentReplica, SyncedReplica, Standard, Recovery
	Created  time.Time
}

// HostInfo is what Get-VMHost and its neighbours tell.
type HostInfo struct {
	Name, FQDN, OS, Build  string
	Memory, MemoryFree     int64
	Processors             int
	Now                    time.Time // the host's clock: simulated, with its skew
	Supported              []string  // VM configuration versions
	DefaultPath            string
	Volume                 string // where it is mounted
	VolumeSize, VolumeFree uint64
	Switches               []Switch
	Replica                ReplicaServer
	Certificate            string // thumbprint of the host's own certificate
	CertificateEnds        time.Time
}

// Switch is a virtual switch.
type Switch struct{ ID, Name, Type string }

// ReplicaServer is Get-VMReplicationServer and the authorization entries.
type ReplicaServer struct {
	Enabled                       bool
	Auth                          string // Kerberos, Certificate, CertificateAndKerberos
	KerberosPort, CertificatePort int
	Thumbprint                    string
	AnyServer                     bool
	Storage                       string
	Entries                       []Authorization
}

// Authorization is an authorization entry.
type Authorization struct{ Primary, Storage, TrustGroup string }

// StopHow is how Stop-VM was called.
type StopHow struct{ Force, TurnOff, Save bool }

// Failover is how Start-VMFailover was called.
type Failover struct {
	Prepare, AsTest bool
	Point           string // GUID of a recovery point, "" for the latest
}

// Reverse is how Set-VMReplication -Reverse was called; empty fields default
// as on a host.
type Reverse struct {
	ReplicaServer string
	Port          int
	Auth          string
	Thumbprint    string
}
