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
		return cancelAtSource(intent, s, t)
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
	if Classify(s) != PPrepared && !lostAndBack(s, t) {
		return refuse("the copy at "+t.Host+" was failed over, but the one at "+s.Host+" is not prepared: which one is the good one cannot be told",
			"decide which copy is the good one, then Stop-VMFailover on "+t.Host+" by hand if it is the other")
	}
	unused := Classify(t) == RFailedOver && intent.NeverStarted
	if !unused && !intent.LoseWrites {
		return refuse(writesAt(t), "to keep it, go forward. To give it up, say so: lifeboat cancel "+intent.plan()+" --lose-writes")
	}
	why := "take the failover at " + t.Host + " back, as a person decided: what was written there" + runningFor(t) + " is lost"
	if unused {
		why = "take the failover at " + t.Host + " back: this run has not started the copy, so nothing was written there"
	}
	d := act(PhaseReady, VerbStopFailover, Target, t, Source, why)
	// Writes made at the target are gone after this, for good.
	d.Irreversible = !unused
	return d
}

// lostAndBack is true for a pair after an unplanned failover whose old primary
// can be seen again: giving the failover up leaves that one.
func lostAndBack(s, t Copy) bool {
	return olderPoint(t) && familyOf(Classify(s)) == famPrimary && Classify(s) != PPreparedOn && Classify(s) != POther
}

func writesAt(t Copy) string {
	if Classify(t) == RFailedOver {
		return "the copy at " + t.Host + " is failed over and off, and whether it has run since cannot be seen from here: what users wrote there would be lost"
	}
	return "the copy at " + t.Host + " runs: what users wrote there" + orWord(runningFor(t), " since it started") + " would be lost"
}

// cancelAtSource un-prepares and starts the source; the target is a replica
// that is not failed over.
func cancelAtSource(intent Intent, s, t Copy) Decision {
	switch Classify(s) {
	case PPrepared:
		return act(PhaseReady, VerbStopFailover, Source, s, Source, "take the preparation at "+s.Host+" back")
	case PRunning, POff, PSaved, PBusy, PPaused, PError, PResyncNeeded, PResyncing, PInitial, PWaitsInitial, PInitialOff:
		return upAtSource(intent, s, t)
	}
	return unexpected(s, t)
}

// startSource starts the copy at the source. One that was fenced meanwhile gets
// back what the fence took.
func startSource(intent Intent, s, t Copy) Decision {
	if d, needed := unfence(intent, s, t); needed {
		return d
	}
	return act(PhaseStart, VerbStart, Source, s, Source, "start at "+s.Host)
}

// upAtSource is for a source that is to run, whatever its replication does: it
// did all the time, or a fence left it running without a network. One that is
// saved or on its way runs for nobody.
func upAtSource(intent Intent, s, t Copy) Decision {
	switch {
	case isOff(s.Power):
		return startSource(intent, s, t)
	case primaryByPower(s.Power) == PSaved:
		return savedCopy(s)
	case !isRunning(s.Power):
		return busySource(s)
	}
	if d, needed := unfence(intent, s, t); needed {
		return d
	}
	return finishedAt(s, "runs at "+s.Host+", as before the failover")
}

// unfence gives a copy its automatic start and its network back.
//
// Microsoft: Set-VM -AutomaticStartAction, Connect-VMNetworkAdapter.
func unfence(intent Intent, s, t Copy) (Decision, bool) {
	if d, needed := startsAgain(intent, Source, s, t); needed {
		return d, true
	}
	for _, nic := range intent.SourceNICs {
		if a, ok := adapterFor(s.Adapters, nic); ok && a.Switch == "" && nic.Switch != "" {
			return act(PhaseReady, VerbSetNetwork, Source, s, Source, "connect the copy at "+s.Host+" to its networks again"), true
		}
	}
	if len(intent.SourceNICs) > 0 && len(s.Adapters) > 0 && !reachesUsers(s) {
		return refuse("the copy at "+s.Host+" has no network, and the configuration names no switch for it there: users would not reach it",
			"connect it: Connect-VMNetworkAdapter on "+s.Host+"; then retry"), true
	}
	return Decision{}, false
}
