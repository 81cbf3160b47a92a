package plans

import (
	"slices"
	"time"
)

// Severity of a finding.
type Severity string

// The severities.
const (
	Blocker Severity = "blocker" // the run is refused, nothing changes
	Warning Severity = "warning"
	Info    Severity = "info"
)

// Finding is one thing a look at the hosts brought up.
type Finding struct {
	Severity Severity `json:"severity"`
	// Code is stable, for scripts: vm-not-replicating, host-unreachable, ...
	Code string `json:"code"`
	Host string `json:"host,omitempty"`
	VM   string `json:"vm,omitempty"`
	Text string `json:"text"`
	// Means says what it would mean on the day; Remedy what to do.
	Means  string `json:"means,omitempty"`
	Remedy string `json:"remedy,omitempty"`
	// Way tells findings of one code apart by what sets them right: how a copy that is
	// too old goes on (catching-up, falling-behind, standing, not-judged), or what the
	// repair ladder has for it (resume, resync, ask, held).
	Way string `json:"way,omitempty"`
	// Raw is what the machinery said, for who knows it.
	Raw string `json:"raw,omitempty"`
	// seenOn are the hosts that showed it together, where Host does not say it.
	seenOn [2]string
}

// shownBy are the hosts that show a finding.
func (f Finding) shownBy() []string {
	hosts := []string{f.Host, f.seenOn[0], f.seenOn[1]}
	return slices.DeleteFunc(hosts, func(h string) bool { return h == "" })
}

// HostView is what a host said of itself.
type HostView struct {
	Name    string `json:"name"`
	Reached bool   `json:"reached"`
	// Error is why it was not reached, in words with the remedy.
	Error string `json:"error,omitempty"`
	// Barred says what keeps Lifeboat out of a host that may be well: its account, a
	// certificate. "" where the host is silent.
	Barred string    `json:"barred,omitempty"`
	At     time.Time `json:"at"`
	// Skew is the host's clock minus the engine's.
	Skew        time.Duration `json:"skew"`
	OS          string        `json:"os,omitempty"`
	MemoryBytes uint64        `json:"memory_bytes,omitempty"`
	// MemoryUsed is what running VMs have now, MemoryReserve what is kept for
	// the host itself.
	MemoryUsed    uint64 `json:"memory_used,omitempty"`
	MemoryReserve uint64 `json:"memory_reserve,omitempty"`
	// MemoryTests is what running test copies have of MemoryUsed.
	MemoryTests uint64       `json:"memory_tests,omitempty"`
	Switches    []SwitchView `json:"switches,omitempty"`
	// ReplicaServer is true when this host accepts replication.
	ReplicaServer bool `json:"replica_server"`
	// VolumeFree and VolumeSize are of the volume that holds the replicas, in
	// bytes; zero when the host does not tell.
	VolumeFree uint64 `json:"volume_free,omitempty"`
	VolumeSize uint64 `json:"volume_size,omitempty"`
	// Keys is nil when the host does not tell.
	Keys *KeysView `json:"-"`
	// Residents are VMs that run there and do not replicate to or from it.
	Residents   []ResidentVM `json:"residents,omitempty"`
	ReplicaAuth string       `json:"replica_auth,omitempty"` // Kerberos, Certificate, CertificateAndKerberos
	// ReplicaThumbprint is of the replica server's certificate.
	ReplicaThumbprint string   `json:"replica_thumbprint,omitempty"`
	AllowedFrom       []string `json:"allowed_from,omitempty"` // authorization entries; "*" = any server
	CanAct            bool     `json:"can_act"`
	Versions          []string `json:"versions,omitempty"` // supported configuration versions
}

// SwitchView is a virtual switch of a host.
type SwitchView struct {
	Name string `json:"name"`
	Type string `json:"type"` // External, Internal, Private
}
