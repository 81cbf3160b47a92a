package plans

// nextCancel takes a planned failover back while there is a way: the failover
// at the target first, then the preparation at the source, then the start
// there. Un-preparing the source while the target is failed over would make
// both startable, so it is never done in another order.
//
// Microsoft: Stop-VMFailover.
func nextCancel(intent Intent, s, t Copy) Decision {
	switch Classify(t) {
	case RFailingOver:
		return wait("the failover at " + t.Host + " is under way")
	case RFailedOver, RFailedOverMid, RFailedOverOn:
		return cancelFailover(intent, s, t)
	case RCommitted, RCommittedOn:
		return refuse("the failover at "+t.Host+" was committed: it cannot be cancelled", wayHome(s))
	case PRunning, PBusy, POff, PSaved, PPaused, PError, PResyncNeeded, PResyncing, PInitial, PWaitsInitial, PInitialOff, PPrepared, PPreparedOn, POther:
		if Classify(s) == PRunning {
			return unexpected(s, t)
		}
		return refuse("the copy at "+t.Host+" is the primary now: changes already flow back, so there is nothing to cancel", wayHome(s))
	case RReplicating, RPaused, RError, RResyncing:
		return cancelAtSource(s, t)
	}
	return unexpected(s, t)
}

func wayHome(s Copy) string {
	return "the way home is a planned failover the other way, to the site of " + s.Host
}

// cancelFailover takes the failover at the target back. What users wrote there
// since it started is lost: that needs a person's consent. A copy that is off
// now may have run before, so only a run that failed it over itself and never
// started it goes without.
func cancelFailover(intent Intent, s, t Copy) Decision {
	if Classify(s) != PPrepared {
		return refuse("the copy at "+t.Host+" was failed over, but the one at "+s.Host+" is not prepared: which one is the good one cannot be told",
			"decide which copy is the good one, then Stop-VMFailover on "+t.Host+" by hand if it is the other")
	}
	unused := Classify(t) == RFailedOver && intent.NeverStarted
	if !unused && !intent.LoseWrites {
		return refuse(writesAt(t), "to keep it, go forward. To give it up, say so: lifeboat cancel PLAN --lose-writes")
	}
	why := "take the failover at " + t.Host + " back, as a person decided: what was written there is lost"
	if unused {
		why = "take the failover at " + t.Host + " back: this run has not started the copy, so nothing was written there"
	}
	d := act(PhaseReady, VerbStopFailover, Target, t, Source, why)
	// Writes made at the target are gone after this, for good.
	d.Irreversible = !unused
	return d
}

func writesAt(t Copy) string {
	if Classify(t) == RFailedOver {
		return "the copy at " + t.Host + " is failed over and off, and whether it has run since cannot be seen from here: what users wrote there would be lost"
	}
	return "the copy at " + t.Host + " runs: what users wrote there since it started would be lost"
}

// cancelAtSource un-prepares and starts the source; the target is a replica
// that is not failed over.
func cancelAtSource(s, t Copy) Decision {
	switch Classify(s) {
	case PPrepared:
		return act(PhaseReady, VerbStopFailover, Source, s, Source, "take the preparation at "+s.Host+" back")
	case POff, PInitialOff:
		return act(PhaseStart, VerbStart, Source, s, Source, "start at "+s.Host)
	case PRunning, PPaused, PError, PResyncNeeded, PResyncing, PInitial, PWaitsInitial:
		if isOff(s.Power) {
			return act(PhaseStart, VerbStart, Source, s, Source, "start at "+s.Host)
		}
		return finished("runs at " + s.Host + ", as before the failover")
	case PBusy:
		return busySource(s)
	}
	return unexpected(s, t)
}
