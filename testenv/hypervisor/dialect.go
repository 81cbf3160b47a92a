package hypervisor

import (
	"fmt"
	"strings"
)

// Dialect chooses between readings of facts that Microsoft's documentation
// leaves open. A client must come to a safe end under each. The zero value is
// the plain reading of all of them.
type Dialect struct {
	Name string

	SyncedPoint          bool
	LateOldPrimary       bool
	ExactHistory         bool
	LatestPointListed    bool
	AppPointBesides      bool
	RetriesForEver       bool
	ErrorAfterCancel     bool
	CancelRefusesSaved   bool
	SlowFailover         bool
	OtherStartRefusal    bool
	OtherTestRefusal     bool
	TestNeedsReplicating bool
	TestKeepsMAC         bool
	LateTestVM           bool
	ReverseNeedsComplete bool
	ReverseForgetsTime   bool
	AsReplicaRunning     bool
	AsReplicaFreely      bool
	AsReplicaNamesEntry  bool
	InitialCompares      bool
	ResumeResyncs        bool
	RemoveNeedsOff       bool
	ReplicaStartsNothing bool
	ReplicaWarnsAtOnce   bool
	QuietReplication     bool
	MiddleSetsFirst      bool
	MiddleRefuses        bool
	MiddleResumesBoth    bool
}

// Reading is one open fact read in the other way than plainly.
type Reading struct {
	Name string
	// Row says where the fact is open: a row of the operation table, or the
	// part of Hyper-V that it belongs to.
	Row string
	// Says is what a host of this dialect does.
	Says string
	set  func(*Dialect)
}

// Readings are all open facts that the farm can play in both ways.
func Readings() []Reading {
	return []Reading{
		{"synced-point", "row 10", "preparing leaves a recovery point of type SyncedReplica on the replica", func(d *Dialect) { d.SyncedPoint = true }},
		{"late-old-primary", "row 18a", "after a reverse the old primary shows itself as the replica some seconds later", func(d *Dialect) { d.LateOldPrimary = true }},
		{"exact-history", "recovery points", "RecoveryHistory N keeps N points, not N and the newest", func(d *Dialect) { d.ExactHistory = true }},
		{"latest-listed", "recovery points", "RecoveryHistory 0 still lists the latest state as a point", func(d *Dialect) { d.LatestPointListed = true }},
		{"app-point-besides", "recovery points", "an application-consistent point comes besides the hour's standard point, not in its place", func(d *Dialect) { d.AppPointBesides = true }},
		{"retries-for-ever", "section 6", "a primary that cannot send stays Replicating and never falls to Error", func(d *Dialect) { d.RetriesForEver = true }},
		{"error-after-cancel", "row 15", "a primary that fell to Error stays there after the failover is cancelled, until it is resumed", func(d *Dialect) { d.ErrorAfterCancel = true }},
		{"cancel-refuses-saved", "row 15", "Stop-VMFailover refuses a failed over VM that is saved", func(d *Dialect) { d.CancelRefusesSaved = true }},
		{"slow-failover", "row 12", "a failover stays in RecoveryInProgress for a minute, and one more for every hour that its point is old", func(d *Dialect) { d.SlowFailover = true }},
		{"other-start-refusal", "row 21", "Start-VM on a replica or a prepared primary is refused as InvalidState", func(d *Dialect) { d.OtherStartRefusal = true }},
		{"other-test-refusal", "row 13", "a second test failover is refused as OperationFailed", func(d *Dialect) { d.OtherTestRefusal = true }},
		{"test-needs-replicating", "row 13", "a test failover is refused while replication is paused", func(d *Dialect) { d.TestNeedsReplicating = true }},
		{"test-keeps-mac", "section 9", "the test VM has the replica's MAC address", func(d *Dialect) { d.TestKeepsMAC = true }},
		{"late-test-vm", "row 13", "TestVirtualMachine shows the test VM some seconds late", func(d *Dialect) { d.LateTestVM = true }},
		{"reverse-needs-complete", "row 18b", "reverse after an unplanned failover is refused until the failover is completed", func(d *Dialect) { d.ReverseNeedsComplete = true }},
		{"reverse-forgets-time", "row 18a", "after a reverse the new replica has no LastReplicationTime until its first cycle", func(d *Dialect) { d.ReverseForgetsTime = true }},
		{"as-replica-running", "row 17", "-AsReplica takes a VM that runs, and turns it off", func(d *Dialect) { d.AsReplicaRunning = true }},
		{"as-replica-freely", "row 17", "-AsReplica asks for no authorization entry", func(d *Dialect) { d.AsReplicaFreely = true }},
		{"as-replica-names-entry", "row 17", "-AllowedPrimaryServer must be an entry's own text, not a server that an entry covers", func(d *Dialect) { d.AsReplicaNamesEntry = true }},
		{"initial-compares", "row 18b", "the plain Start-VMInitialReplication compares with what the replica has and sends the difference", func(d *Dialect) { d.InitialCompares = true }},
		{"resume-resyncs", "row 7", "a plain Resume where a resynchronization is needed starts it", func(d *Dialect) { d.ResumeResyncs = true }},
		{"remove-needs-off", "row 19", "Remove-VMReplication is refused on a replica that runs", func(d *Dialect) { d.RemoveNeedsOff = true }},
		{"replica-starts-nothing", "section 10", "a replica's AutomaticStartAction is Nothing, whatever the primary's is", func(d *Dialect) { d.ReplicaStartsNothing = true }},
		{"replica-warns-at-once", "section 6", "a replica's health is Warning as soon as two cycles are overdue", func(d *Dialect) { d.ReplicaWarnsAtOnce = true }},
		{"quiet-replication", "section 1", "Get-VMReplication passes over a named VM that does not replicate, without an error", func(d *Dialect) { d.QuietReplication = true }},
		{"middle-sets-first", "section 1", "Set-VMReplication with settings in the middle of a chain changes its own side of the first relationship, not the extended one", func(d *Dialect) { d.MiddleSetsFirst = true }},
		{"middle-refuses", "notes to section 4", "Set-VMReplication with settings is refused in the middle of a chain, as on any replica", func(d *Dialect) { d.MiddleRefuses = true }},
		{"middle-resumes-both", "section 1", "Resume-VMReplication -VM in the middle of a chain resumes the extended relationship too", func(d *Dialect) { d.MiddleResumesBoth = true }},
	}
}

// Dialects are all that tests go through: the plain reading first, each other
// reading alone, and all of them together.
func Dialects() []Dialect {
	out, all := []Dialect{{Name: "plain"}}, Dialect{Name: "all"}
	for _, r := range Readings() {
		one := Dialect{Name: r.Name}
		r.set(&one)
		r.set(&all)
		out = append(out, one)
	}
	return append(out, all)
}

// DialectNamed finds a dialect: "" or plain, all, or readings joined by commas.
func DialectNamed(names string) (Dialect, error) {
	switch names {
	case "", "plain":
		return Dialect{Name: "plain"}, nil
	case "all":
		every := Dialects()
		return every[len(every)-1], nil
	}
	d := Dialect{Name: names}
	for name := range strings.SplitSeq(names, ",") {
		found := false
		for _, r := range Readings() {
			if r.Name == name {
				r.set(&d)
				found = true
			}
		}
		if !found {
			return Dialect{}, fmt.Errorf("there is no dialect %q: known are plain, all, %s", name, knownReadings())
		}
	}
	return d, nil
}

func knownReadings() string {
	var names []string
	for _, r := range Readings() {
		names = append(names, r.Name)
	}
	return strings.Join(names, ", ")
}
