package plans

// nextCommit makes a failover final: the recovery points are merged and no
// other point can be chosen. A source that was prepared becomes the replica in
// the same act.
//
// Microsoft: Complete-VMFailover; Set-VMReplication -Reverse.
func nextCommit(s, t Copy) Decision {
	switch Classify(t) {
	case RFailedOver:
		return refuse("the copy at "+t.Host+" is failed over and off: nobody can have looked at it", "start it first: run the failover again; then commit")
	case RFailedOverMid:
		return wait("the copy at " + t.Host + " is " + t.Power)
	case RFailedOverOn:
		if familyOf(Classify(s)) == famStranger {
			return unexpected(s, t)
		}
		return commitFailover(s, t, PhaseCommit)
	case RCommittedOn, RCommitted:
		if Classify(s) == PPrepared {
			return reverseAtTarget(s, t, PhaseCommit)
		}
		return finished("committed at " + t.Host + "; NOT PROTECTED until re-protected")
	case PRunning, PBusy, POff, PSaved, PPaused, PError, PResyncNeeded, PResyncing, PInitial, PWaitsInitial, PInitialOff:
		return finished("the copy at " + t.Host + " is the primary: its failover is final")
	case RReplicating, RPaused, RError, RResyncing, RWaits, RFailingOver:
		return refuse("the copy at "+t.Host+" is not failed over: there is nothing to commit", "fail over first, or leave this VM out")
	}
	return unexpected(s, t)
}

// commitFailover makes a failover final: by the reverse where the source was
// prepared, which commits by itself, else alone.
func commitFailover(s, t Copy, phase Phase) Decision {
	if Classify(s) == PPrepared {
		if olderPoint(t) {
			return refuse("the copy at "+t.Host+" lacks the last changes, which the prepared copy at "+s.Host+" has: committing would lose them",
				"take that failover back: lifeboat cancel; then fail over again")
		}
		return reverseAtTarget(s, t, phase)
	}
	d := act(phase, VerbComplete, Target, t, Target, "commit at "+t.Host+": after this no other point can be chosen")
	d.Irreversible = true
	return d
}

// reverseAtTarget makes the target the primary of the source's host.
func reverseAtTarget(s, t Copy, phase Phase) Decision {
	d := act(phase, VerbReverse, Target, t, Target, "replicate back from "+t.Host+" to "+s.Host)
	d.Irreversible = true
	return d
}
