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
		return wait(Source, "the failover at "+t.Host+" is under way")
	case RFailedOver, RFailedOverMid, RFailedOverOn:
		return cancelFailover(intent, s, t)
	case RCommitted, RCommittedOn:
		return refuse(Target, "the failover at "+t.Host+" was committed: it cannot be cancelled", wayHome(s))
	case PRunning, PBusy, POff, PSaved, PPaused, PError, PResyncNeeded, PResyncing, PInitial, PWaitsInitial, PInitialOff, PPrepared, PPreparedOn, POther:
		if Classify(s) == PRunning {
			return unexpected(s, t)
		}
		return refuse(Target, "the copy at "+t.Host+" is the primary now: changes already flow back, so there is nothing to cancel", wayHome(s))
	case RReplicating, RPaused, RError, RResyncing:
		return cancelAtSource(s, t)
	}
	return unexpected(s, t)
}

func wayHome(s Copy) string {
	return "the way home is a planned failover the other way, to the site of " + s.Host
}

// cancelFailover takes the failover at the target back. What users wrote there
// since it started is lost: that needs a person's consent.
func cancelFailover(intent Intent, s, t Copy) Decision {
	if Classify(t) != RFailedOver && !intent.LoseWrites {
		return refuse(Target, "the copy at "+t.Host+" runs: what users wrote there since it started would be lost",
			"to keep it, go forward. To give it up, say so: lifeboat cancel PLAN --lose-writes")
	}
	if Classify(s) != PPrepared {
		return refuse("", "the copy at "+t.Host+" was failed over, but the one at "+s.Host+" is not prepared: which one is the good one cannot be told",
			"decide which copy is the good one, then Stop-VMFailover on "+t.Host+" by hand if it is the other")
	}
	d := act(PhaseReady, VerbStopFailover, Target, t, Source, "take the failover at "+t.Host+" back")
	// Writes made at the target are gone after this, for good.
	d.Irreversible = Classify(t) != RFailedOver
	return d
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
		return finished(Source, "runs at "+s.Host+", as before the failover")
	case PBusy:
		return busySource(s)
	}
	return unexpected(s, t)
}
