package plans

// family is a class seen from far: what kind of copy stands there.
type family int

const (
	famNone     family = iota // nothing there, or nothing known
	famPrimary                // Mode Primary
	famReplica                // Mode Replica, not failed over
	famFailed                 // Mode Replica, failed over
	famLoose                  // no replication
	famStranger               // a test copy, a third copy, a mode nobody expects
)

func familyOf(c Class) family {
	switch c {
	case Unreached, Missing:
		return famNone
	case PRunning, PBusy, POff, PSaved, PPrepared, PPreparedOn, PPaused, PError, PResyncNeeded, PResyncing, PInitial, PWaitsInitial, POther, PInitialOff:
		return famPrimary
	case RReplicating, RPaused, RError, RResyncing, RWaits, RFailingOver, ROther:
		return famReplica
	case RFailedOver, RFailedOverOn, RFailedOverMid, RCommitted, RCommittedOn:
		return famFailed
	case Unprotected, UnprotectedRunning:
		return famLoose
	}
	return famStranger
}

// goodSide names the side whose copy must not be lost, as far as the two views
// and a person's decision prove it; "" means it cannot be told, and a person
// has to find out.
func goodSide(i Intent, s, t Copy) Side {
	if i.Operation == TestFailover {
		return "" // it touches neither copy
	}
	if chosen(i, s, t) {
		return Target
	}
	if leftBehind(t, s, i.TargetName) {
		return Source
	}
	if (i.Operation == Protect || i.Operation == Unprotect) && t.Reached && runs(s) && !runs(t) && familyOf(Classify(s)) == famLoose && familyOf(Classify(t)) == famLoose {
		return Source // of two copies that do not replicate, the one that runs
	}
	return provenSide(s, t)
}

// chosen is true when a person made the target the copy that goes on: by an
// unplanned failover that is this engine's own or that was accepted, and by
// whatever follows one.
func chosen(i Intent, s, t Copy) bool {
	if !i.Operation.ChosenTarget() || !t.Reached || !t.Exists {
		return false
	}
	if i.Operation == UnplannedFailover && !i.Ours && !i.Accept {
		return false
	}
	if i.Operation != Fence && runs(s) {
		return false // it may be the one that users have
	}
	switch familyOf(Classify(t)) {
	case famFailed:
		return Classify(s) != PPrepared || !olderPoint(t) || isCommitted(t)
	case famPrimary:
		return true
	case famNone, famReplica, famLoose, famStranger:
	}
	return false
}

// provenSide is goodSide by the two views alone.
func provenSide(s, t Copy) Side {
	if !s.Reached || !t.Reached || runs(s) && runs(t) {
		return ""
	}
	sc, tc := Classify(s), Classify(t)
	switch familyOf(tc) {
	case famPrimary:
		return besidePrimary(sc, Target)
	case famFailed:
		return besideFailedOver(sc, t)
	case famReplica:
		return besideReplica(sc, tc)
	case famLoose, famStranger:
		if familyOf(sc) == famPrimary && !runs(t) {
			return Source
		}
		return ""
	}
	if sc == Missing || familyOf(sc) == famStranger || sc == RWaits {
		return ""
	}
	return Source // the only copy there is
}

// besidePrimary is for a primary at one side. Two primaries cannot be told
// apart, but for a source that was prepared: it sent everything and is locked.
func besidePrimary(other Class, primary Side) Side {
	switch {
	case other == PPrepared, other == Missing, other == Unprotected:
		return primary
	case familyOf(other) == famReplica && other != RFailingOver:
		return primary
	}
	return ""
}

// besideFailedOver is for a target that was failed over. It holds everything
// only if the source was prepared first and the newest point was taken; once it
// is committed and the source is prepared, it is the one that goes on.
func besideFailedOver(source Class, t Copy) Side {
	switch {
	case source == PPrepared && olderPoint(t) && !isCommitted(t):
		return Source
	case source == PPrepared, source == Missing, familyOf(source) == famReplica && source != RFailingOver:
		return Target
	}
	return ""
}

// besideReplica is for an ordinary replica at the target.
func besideReplica(source, target Class) Side {
	switch familyOf(source) {
	case famPrimary, famLoose:
		return Source
	case famNone:
		if target != RWaits && target != RFailingOver {
			return Target // the only copy there is
		}
	case famFailed, famReplica, famStranger:
	}
	return ""
}

// olderPoint is true for a failover that lacks the last changes.
func olderPoint(t Copy) bool {
	return t.FailoverType != "" && t.FailoverType != "None" && t.FailoverType != "Planned"
}

func isCommitted(t Copy) bool {
	c := Classify(t)
	return c == RCommitted || c == RCommittedOn
}

// noWayBack is true when the failover cannot be cancelled any more.
func noWayBack(t Copy) bool { return isCommitted(t) || familyOf(Classify(t)) == famPrimary }

// hasChanged is true when the views show an operation half-way or at its end.
// A VM that somebody had shut down before counts as changed too: "nothing
// changed" must never be said of a VM that is not running.
func hasChanged(op Operation, s, t Copy) bool {
	source, target := Classify(s), Classify(t)
	halfway := source == PPrepared || source == PPreparedOn || source == POff || source == PInitialOff
	switch op {
	case Cancel:
		return halfway && familyOf(target) == famReplica
	case TestFailover:
		return t.TestVM != ""
	case Commit:
		return isCommitted(t)
	case Reprotect:
		return source == RWaits || familyOf(target) == famPrimary
	case Protect:
		return target == RWaits
	case Unprotect:
		return familyOf(source) == famPrimary && familyOf(target) == famLoose
	case Fence:
		return false // its acts alone tell
	case PlannedFailover, UnplannedFailover:
	}
	switch familyOf(target) {
	case famPrimary:
		return true
	case famFailed:
		return op == UnplannedFailover || halfway || !olderPoint(t)
	case famNone, famReplica, famLoose, famStranger:
	}
	return op == PlannedFailover && halfway || target == RFailingOver
}
