package hyperv

import "time"

// HostFacts is what a host says of itself. Sizes are bytes.
//
// Microsoft: Hyper-V module, Get-VMHost, Get-VMHostSupportedVersion,
// Get-VMSwitch, Get-VMReplicationServer, Get-VMReplicationAuthorizationEntry.
type HostFacts struct {
	Name string `json:"name"`
	// UTC is the host's clock when it answered.
	UTC time.Time `json:"utc"`
	// OS is the caption of Windows, for people; Version is 10.0.<build>.
	OS         string `json:"os"`
	Version    string `json:"version"`
	Memory     uint64 `json:"memory"`
	Processors int    `json:"processors"`
	// Supported are the VM configuration versions the host can run.
	Supported []string      `json:"supported"`
	Switches  []SwitchFacts `json:"switches"`
	Replica   ReplicaFacts  `json:"replica"`
}

// SwitchFacts is a virtual switch. Type is External, Internal or Private.
type SwitchFacts struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// ReplicaFacts says whether and from whom a host accepts replication.
//
// Microsoft: Hyper-V module, Set-VMReplicationServer.
type ReplicaFacts struct {
	Enabled bool `json:"enabled"`
	// Auth is Kerberos, Certificate or CertificateAndKerberos.
	Auth            string `json:"auth"`
	KerberosPort    int    `json:"kerberosPort"`
	CertificatePort int    `json:"certificatePort"`
	Thumbprint      string `json:"thumbprint"`
	// AnyServer is true when every authenticated server may replicate here.
	AnyServer bool         `json:"anyServer"`
	Storage   string       `json:"storage"`
	Entries   []EntryFacts `json:"entries"`
}

// EntryFacts is an authorization entry.
//
// Microsoft: Hyper-V module, New-VMReplicationAuthorizationEntry.
type EntryFacts struct {
	Primary    string `json:"primary"`
	Storage    string `json:"storage"`
	TrustGroup string `json:"trustGroup"`
}

// Copies is one host's answer about many VMs.
type Copies struct {
	// UTC is the host's clock when it answered: ages are differences to it.
	UTC    time.Time `json:"utc"`
	Copies []Copy    `json:"copies"`
	// Missing are the ids that were asked for and are not on this host.
	Missing []string `json:"missing"`
}

// Copy is one VM on one host. Words are Hyper-V's enum names, sizes bytes.
//
// Microsoft: Hyper-V module, Get-VM.
type Copy struct {
	VM        string `json:"vm"`
	Name      string `json:"name"`
	Power     string `json:"power"`     // VMState
	Mode      string `json:"mode"`      // VMReplicationMode
	State     string `json:"state"`     // VMReplicationState
	Health    string `json:"health"`    // VMReplicationHealthState
	Heartbeat string `json:"heartbeat"` // VMHeartbeatStatus, "" when unknown
	AutoStart string `json:"autoStart"` // Nothing, StartIfRunning, Start
	Version   string `json:"version"`   // configuration version
	// Generation is 1 or 2.
	Generation     int    `json:"generation"`
	MemoryStartup  uint64 `json:"memoryStartup"`
	MemoryAssigned uint64 `json:"memoryAssigned"`
	UptimeSec      int64  `json:"uptimeSec"`
	// Status is localised text for people.
	Status string `json:"status"`
	// Relations are none, one, or two in the middle of a chain.
	Relations []Relation `json:"relations"`
	Adapters  []Adapter  `json:"adapters"`
	// PendingBytes and FailoverType are nil where the VM does not replicate
	// or the host had no figures.
	PendingBytes *uint64 `json:"pendingBytes"`
	FailoverType *string `json:"failoverType"` // None, Regular, ApplicationConsistent, Planned
	// Problems say which cmdlets failed about this VM alone, as
	// "<cmdlet>: <error id>": what they would have told is missing here and
	// must not be taken for "not set".
	Problems []string `json:"problems"`
}

// Relation is one replication relationship of a copy.
//
// Microsoft: Hyper-V module, Get-VMReplication, Enable-VMReplication.
type Relation struct {
	Relationship         string `json:"relationship"` // Simple, Extended
	Mode                 string `json:"mode"`
	State                string `json:"state"`
	Health               string `json:"health"`
	PrimaryServer        string `json:"primaryServer"`
	ReplicaServer        string `json:"replicaServer"`
	CurrentReplicaServer string `json:"currentReplicaServer"`
	FrequencySec         int    `json:"frequencySec"`
	// RecoveryHistory is how many extra hourly points are kept, 0 to 24.
	RecoveryHistory int `json:"recoveryHistory"`
	// LastReplication is zero when there was none.
	LastReplication time.Time `json:"lastReplication"`
	// LastApplied is when the last log that was received was applied to the
	// replica's disks; zero when the host does not tell.
	LastApplied time.Time `json:"lastApplied"`
	// InitialStart is when the host begins the first copy by itself, zero for no
	// such time.
	InitialStart time.Time `json:"initialStart"`
	Auth         string    `json:"auth"` // Kerberos, Certificate
	Thumbprint   string    `json:"thumbprint"`
	Port         int       `json:"port"`
	// TestVM is the id of the test copy, "" when there is none.
	TestVM     string `json:"testVM"`
	AutoResync bool   `json:"autoResync"`
	// InitialBytes, PendingBytes and AverageBytes are what the initial
	// replication takes, what waits to be sent, and what a cycle sends on
	// average; nil where the host had no figures. The primary's are the ones
	// that mean something. A simple relation's PendingBytes is the copy's own.
	//
	// Microsoft: Hyper-V module, Measure-VMReplication.
	InitialBytes *uint64 `json:"initialBytes"`
	PendingBytes *uint64 `json:"pendingBytes"`
	AverageBytes *uint64 `json:"averageBytes"`
}

// Adapter is a network adapter with the address that Hyper-V gives to the
// guest at a failover.
//
// Microsoft: Hyper-V module, Get-VMNetworkAdapter,
// Get-VMNetworkAdapterFailoverConfiguration.
type Adapter struct {
	Name      string   `json:"name"`
	Switch    string   `json:"switch"`
	Connected bool     `json:"connected"`
	IPs       []string `json:"ips"`
	// The failover address is empty when none is set, and when the copy's
	// Problems name Get-VMNetworkAdapterFailoverConfiguration.
	FailoverIP      string   `json:"failoverIP"`
	FailoverMask    string   `json:"failoverMask"`
	FailoverGateway string   `json:"failoverGateway"`
	FailoverDNS     []string `json:"failoverDNS"`
	// TestSwitch is what the adapter of a test VM is connected to, "" nothing;
	// see SetTestNetwork.
	TestSwitch string `json:"testSwitch"`
}

// Point is a checkpoint of a VM; on a replica, a recovery point.
//
// Microsoft: Hyper-V module, Get-VMSnapshot.
type Point struct {
	ID   string `json:"id"`
	Name string `json:"name"` // localised, for people
	// Type is Replica, AppConsistentReplica, SyncedReplica, Standard, ...
	Type    string    `json:"type"`
	Created time.Time `json:"created"`
}

// Recovery says whether a failover can go to this point.
func (p Point) Recovery() bool {
	return p.Type == "Replica" || p.Type == "AppConsistentReplica" || p.Type == "SyncedReplica"
}

// View is what the host compares before an act and reads back after it.
//
// Microsoft: Hyper-V module, Get-VM (State, ReplicationMode,
// ReplicationState).
type View struct {
	Power string `json:"power"`
	Mode  string `json:"mode"`
	State string `json:"state"`
}

// Expect is what a decision was based on: the host acts only if the VM is
// still so.
type Expect View

// ActResult is what became of an act that was answered.
type ActResult struct {
	// Request is the id under which the host knows it.
	Request string
	Outcome Outcome
	// Now is the VM after the act (done) or instead of it (moved); zero when
	// the request had expired.
	Now View
	// When done, Adapters is set by SetNetwork, SetTestNetwork and Disconnect,
	// AutoStart by SetStartAction, and TestVM, the id of the replica's test VM, by
	// StartTest and StopTest.
	Adapters  []Adapter
	AutoStart string
	TestVM    string
	// Relations are all relationships of the VM, read back by SetReplication.
	Relations []Watched
	// Took is how long the host was at it, HostTime its clock at the end.
	Took     time.Duration
	HostTime time.Time
}

// NIC is what one adapter of a VM is to be.
type NIC struct {
	// Adapter is its name; empty means the only one.
	Adapter string `json:"adapter"`
	// Switch is connected; empty leaves the connection as it is.
	Switch string `json:"switch"`
	// IP, Mask, Gateway and DNS (at most two) are given to the guest at a
	// failover when Inject is true; otherwise such an address is cleared.
	IP      string   `json:"ip"`
	Mask    string   `json:"mask"`
	Gateway string   `json:"gateway"`
	DNS     []string `json:"dns"`
	Inject  bool     `json:"inject"`
}

// Link is a way that replication would take from one host to another.
type Link struct {
	ReplicaServer string `json:"ReplicaServer"`
	Port          int    `json:"Port"`
	Auth          string `json:"Auth"` // Kerberos, Certificate
	// Thumbprint is the asked host's own certificate, for Certificate.
	Thumbprint string `json:"Thumbprint"`
}
