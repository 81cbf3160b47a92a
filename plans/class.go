package plans

// Class is what one side is, reduced to what decides: a few dozen names in
// place of thousands of combinations of power, mode and state.
type Class string

// The classes. P… are copies in the role of the primary, R… of the replica.
const (
	Unreached Class = "unreached" // the host gave no answer: nothing is known
	Missing   Class = "missing"   // the host answered and has no such VM

	Unprotected        Class = "unprotected"         // Mode None, not running
	UnprotectedRunning Class = "unprotected-running" // Mode None, running

	PRunning       Class = "p-running"        // Primary, Replicating, running
	PBusy          Class = "p-busy"           // Primary, starting, stopping, saving, ...
	POff           Class = "p-off"            // Primary, Replicating, off
	PSaved         Class = "p-saved"          // Primary, Replicating, saved or paused
	PPrepared      Class = "p-prepared"       // Primary, PreparedForFailover, off
	PPreparedOn    Class = "p-prepared-on"    // Primary, PreparedForFailover, not off: must not be
	PPaused        Class = "p-paused"         // Primary, Suspended
	PError         Class = "p-error"          // Primary, Error
	PResyncNeeded  Class = "p-resync-needed"  // Primary, WaitingForStartResynchronize
	PResyncing     Class = "p-resyncing"      // Primary, Resynchronizing or suspended in it
	PInitial       Class = "p-initial"        // Primary, initial replication not done
	PWaitsInitial  Class = "p-waits-initial"  // Primary, ReadyForInitialReplication
	POther         Class = "p-other"          // Primary, a state nobody expects
	PInitialOff    Class = "p-initial-off"    // as PInitial and PWaitsInitial, off
	RReplicating   Class = "r-replicating"    // Replica, Replicating, off
	RPaused        Class = "r-paused"         // Replica, Suspended, off
	RError         Class = "r-error"          // Replica, Error, off
	RResyncing     Class = "r-resyncing"      // Replica, Resynchronizing or the like, off
	RWaits         Class = "r-waits"          // Replica, WaitingForInitialReplication, off
	RFailingOver   Class = "r-failing-over"   // Replica, RecoveryInProgress
	RFailedOver    Class = "r-failed-over"    // Replica, FailedOverWaitingCompletion, off
	RFailedOverOn  Class = "r-failed-over-on" // the same, running
	RFailedOverMid Class = "r-failed-over-mid"
	RCommitted     Class = "r-committed"    // Replica, FailedOver, off
	RCommittedOn   Class = "r-committed-on" // the same, running or on the way
	ROn            Class = "r-on"           // Replica that runs without a failover: must not be
	ROther         Class = "r-other"
	Extended       Class = "extended"     // ExtendedReplica
	TestCopy       Class = "test-replica" // TestReplica
	Other          Class = "other"        // a mode nobody expects
)

// Classes lists every class, for exhaustive tests.
func Classes() []Class {
	return []Class{
		Unreached, Missing, Unprotected, UnprotectedRunning,
		PRunning, PBusy, POff, PSaved, PPrepared, PPreparedOn, PPaused, PError, PResyncNeeded, PResyncing,
		PInitial, PWaitsInitial, POther, PInitialOff,
		RReplicating, RPaused, RError, RResyncing, RWaits, RFailingOver, RFailedOver, RFailedOverOn, RFailedOverMid,
		RCommitted, RCommittedOn, ROn, ROther, Extended, TestCopy, Other,
	}
}

// Classify reduces a copy to its class. Names of modes and states are those of
// VMReplicationMode and VMReplicationState (Hyper-V module, Get-VM and
// Get-VMReplication).
func Classify(c Copy) Class {
	switch {
	case !c.Reached:
		return Unreached
	case !c.Exists:
		return Missing
	}
	switch c.Mode {
	case "None":
		if isOff(c.Power) {
			return Unprotected
		}
		return UnprotectedRunning
	case "Primary":
		return classifyPrimary(c)
	case "Replica":
		return classifyReplica(c)
	case "ExtendedReplica":
		return Extended
	case "TestReplica":
		return TestCopy
	}
	return Other
}

func classifyPrimary(c Copy) Class {
	switch c.State {
	case "Replicating":
		return primaryByPower(c.Power)
	case "PreparedForFailover":
		if isOff(c.Power) {
			return PPrepared
		}
		return PPreparedOn
	case "Suspended":
		return PPaused
	case "Error", "UpdateError":
		return PError
	case "WaitingForStartResynchronize":
		return PResyncNeeded
	case "Resynchronizing", "ResynchronizeSuspended", "WaitingForUpdateCompletion":
		return PResyncing
	case "InitialReplicationInProgress", "WaitingForInitialReplication", "ReadyForInitialReplication":
		switch {
		case isOff(c.Power):
			return PInitialOff
		case c.State == "ReadyForInitialReplication":
			return PWaitsInitial
		}
		return PInitial
	}
	return POther
}

func primaryByPower(power string) Class {
	switch {
	case isOff(power):
		return POff
	case isRunning(power):
		return PRunning
	case power == "Saved" || power == "Paused" || power == "FastSaved" || power == "Hibernated" ||
		power == "SavedCritical" || power == "PausedCritical" || power == "FastSavedCritical":
		return PSaved
	}
	return PBusy
}

func classifyReplica(c Copy) Class {
	off := isOff(c.Power)
	switch c.State {
	case "FailedOverWaitingCompletion":
		switch {
		case off:
			return RFailedOver
		case isRunning(c.Power):
			return RFailedOverOn
		}
		return RFailedOverMid
	case "FailedOver":
		if off {
			return RCommitted
		}
		return RCommittedOn
	case "RecoveryInProgress":
		return RFailingOver
	}
	if !off {
		return ROn
	}
	switch c.State {
	case "Replicating":
		return RReplicating
	case "Suspended":
		return RPaused
	case "Error", "UpdateError":
		return RError
	case "Resynchronizing", "ResynchronizeSuspended", "WaitingForStartResynchronize", "WaitingForUpdateCompletion":
		return RResyncing
	case "WaitingForInitialReplication", "ReadyForInitialReplication", "InitialReplicationInProgress":
		return RWaits
	}
	return ROther
}

// isOff is true when the VM's memory is gone for certain. Everything else,
// saved included, may hold state that a start elsewhere would leave behind.
func isOff(power string) bool { return power == "Off" || power == "OffCritical" }

func isRunning(power string) bool { return power == "Running" || power == "RunningCritical" }

// runs is true when users may be reaching the copy, or may soon.
func runs(c Copy) bool { return c.Reached && c.Exists && !isOff(c.Power) }
