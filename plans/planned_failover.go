package plans

import (
	"fmt"
	"time"
)

// nextPlannedFailover walks a VM from the source to the target without loss:
// shut down, send the last changes (-Prepare), fail over, start, reverse.
//
// Microsoft: "Set up Hyper-V Replica", planned failover; Start-VMFailover,
// example 4; Set-VMReplication -Reverse.
func nextPlannedFailover(intent Intent, s, t Copy) Decision {
	if isLeftOut(t, s) {
		return leftOut(t, s)
	}
	if leftBehind(t, s, intent.TargetName) {
		return refuse(fmt.Sprintf("the copy at %s replicates to %s, and the one at %s is OLD: its data is %s older", s.Host, s.ReplicaServer, t.Host, forPeople(s.LastReplication.Sub(t.LastReplication))),
			"fail over to "+s.ReplicaServer+". To move it to "+t.Host+", let it replicate there first: Remove-VMReplication on both (it is NOT protected from then on), then lifeboat protect")
	}
	switch Classify(t) {
	case PRunning, PBusy, POff, PSaved, PPaused, PError, PResyncNeeded, PResyncing, PInitial, PWaitsInitial, PInitialOff:
		return atTargetAlready(intent, s, t)
	case RFailedOver, RFailedOverMid, RFailedOverOn:
		return afterFailover(intent, s, t)
	case RFailingOver:
		return wait("the failover at " + t.Host + " is under way")
	case RReplicating:
		return beforeFailover(intent, s, t)
	}
	return refusePlannedFailover(s, t)
}

// behindMost is how far a replica may lie behind its primary's last cycle before a
// primary that names another replica server is believed: names have aliases.
const behindMost = 10 * time.Minute

// leftBehind is true for a replica beside a primary that replicates to another
// host since: the last changes go there. name is the replica's host's as a replica
// server.
//
// Microsoft: Get-VMReplication, ReplicaServer and LastReplicationTime.
func leftBehind(replica, primary Copy, name string) bool {
	family := familyOf(Classify(replica))
	return familyOf(Classify(primary)) == famPrimary && (family == famReplica || family == famFailed) && primary.ReplicaServer != "" && name != "" &&
		!sameServer(primary.ReplicaServer, name) && !sameServer(primary.ReplicaServer, replica.Host) && !replica.LastReplication.IsZero() &&
		primary.LastReplication.Sub(replica.LastReplication) > behindMost+2*time.Duration(primary.FrequencySec)*time.Second
}

// beforeFailover is for a healthy replica: everything happens at the source.
func beforeFailover(intent Intent, s, t Copy) Decision {
	if t.TestVM != "" {
		return act(PhaseReady, VerbStopTest, Target, t, Source, "remove the test copy at "+t.Host+": the real operation goes first")
	}
	if t.Extended != "" && intent.Chain != ChainKeep {
		if d, decided := chainAtTarget(intent, s, t, PhaseReady); decided {
			d.Good = Source
			return d
		}
	}
	switch Classify(s) {
	case PRunning, POff, PPrepared:
		if d, needed := network(PhaseReady, networkReady, intent, t, Source); needed {
			return d
		}
		if d, needed := startsAgain(intent, Target, t, s); needed {
			return d
		}
	}
	switch Classify(s) {
	case PRunning:
		if intent.TurnOff {
			return act(PhaseShutdown, VerbTurnOff, Source, s, Source, "cut the power of the guest at "+s.Host+", as a person decided")
		}
		return act(PhaseShutdown, VerbShutDown, Source, s, Source, "shut the guest down at "+s.Host)
	case POff:
		return act(PhaseMove, VerbPrepareFailover, Source, s, Source, "send the last changes from "+s.Host)
	case PPrepared:
		return act(PhaseMove, VerbStartFailover, Target, t, Source, "fail over at "+t.Host)
	case PBusy:
		return busySource(s)
	}
	return refusePlannedFailover(s, t)
}

// startsAgain lets a copy c that was fenced after a failover start with its host
// again once it is the one that runs: as it did before, or, where the journal
// does not know that, as the other one does. The good copy is at the source then.
//
// Microsoft: Set-VM -AutomaticStartAction.
func startsAgain(intent Intent, side Side, c, other Copy) (Decision, bool) {
	action, like := intent.AutoStart, "as before it was fenced"
	if action == "" {
		action, like = other.AutoStart, "as "+other.Host+" does"
	}
	if c.AutoStart != "Nothing" || action == "Nothing" || action == "" {
		return Decision{}, false
	}
	d := act(PhaseReady, VerbAutoStart, side, c, Source, "let "+c.Host+" start it by itself again, "+like)
	d.AutoStart = action
	return d, true
}

func busySource(s Copy) Decision {
	return wait(fmt.Sprintf("the guest at %s is %s", s.Host, s.Power))
}

// afterFailover is for a replica that was failed over. It may start only while
// the source is known to be unable to run.
func afterFailover(intent Intent, s, t Copy) Decision {
	if olderPoint(t) && Classify(s) != PPrepared {
		return refuse(fmt.Sprintf("the copy at %s was failed over already, unplanned%s: what users wrote there since is nowhere else, and the copy at %s has not got it", t.Host, hasRun(t), s.Host),
			"to stay at "+t.Host+": lifeboat reprotect "+intent.plan()+". To go back to the copy at "+s.Host+" and lose what was written at "+t.Host+": lifeboat cancel "+intent.plan()+" --lose-writes")
	}
	if olderPoint(t) {
		return refuse(fmt.Sprintf("the copy at %s was failed over to an older point (%s): it lacks the last changes, which are at %s", t.Host, t.FailoverType, s.Host),
			"take that failover back: Stop-VMFailover on "+t.Host+", then retry")
	}
	if Classify(s) != PPrepared {
		return refuse(fmt.Sprintf("the copy at %s was failed over, but the one at %s was not prepared (%s/%s/%s): starting it could lose changes or run two copies", t.Host, s.Host, s.Power, s.Mode, s.State),
			"if the copy at "+t.Host+" never ran: Stop-VMFailover there, then retry. If it ran, decide which copy is the good one first")
	}
	// The source is prepared, which locks it from starting: the target is the
	// copy that may run.
	reverse := reverseAtTarget(s, t, PhaseReverse)
	if t.Extended != "" {
		reverse, _ = chainAtTarget(intent, s, t, PhaseReverse)
	}
	switch Classify(t) {
	case RFailedOverMid:
		if primaryByPower(t.Power) == PSaved {
			return savedCopy(t)
		}
		return wait(fmt.Sprintf("the copy at %s is %s", t.Host, t.Power))
	case RFailedOverOn:
		if intent.Reverse == ReverseOnCommit {
			return finished("runs at " + t.Host + "; reverse replication waits for commit")
		}
		return reverse
	}
	if intent.Reverse == ReverseBeforeStart {
		// Addresses are injected at the first start after a failover, so they
		// are set while it still is one.
		if d, needed := network(PhaseReverse, networkReady, intent, t, Target); needed {
			return d
		}
		return reverse
	}
	return startAtTarget(networkReady, intent, t)
}

// startAtTarget starts the target copy, connected first: somebody else may have
// failed it over, or have changed its network since.
func startAtTarget(ready func([]Adapter, []WantedNIC) bool, intent Intent, t Copy) Decision {
	if d, needed := network(PhaseStart, ready, intent, t, Target); needed {
		return d
	}
	return act(PhaseStart, VerbStart, Target, t, Target, "start at "+t.Host)
}

// network connects the target copy where that is needed. Without an adapter for
// each wanted network no act would ever make it ready.
func network(phase Phase, ready func([]Adapter, []WantedNIC) bool, intent Intent, t Copy, good Side) (Decision, bool) {
	if nic, missing := adapterMissing(t.Adapters, intent.NICs); missing {
		why, remedy := noAdapter(t, nic)
		return refuse(why+": it would start without a network", remedy), true
	}
	if ready(t.Adapters, intent.NICs) {
		return Decision{}, false
	}
	return act(phase, VerbSetNetwork, Target, t, good, "connect the copy at "+t.Host+" to its networks"), true
}

// atTargetAlready is for a target that is the primary already. Running there is
// "done", as long as the other copy cannot start beside it.
func atTargetAlready(intent Intent, s, t Copy) Decision {
	switch Classify(s) {
	case RReplicating, RPaused, RError, RResyncing, RWaits, Missing, Unprotected, PPrepared:
	case POff, PInitialOff, PPaused, PError, PResyncNeeded, PResyncing, PSaved:
		if !isOff(s.Power) || !goesElsewhere(intent, t) {
			return refuse(fmt.Sprintf("both copies call themselves primary (%s and %s): which one is the good one cannot be told", s.Host, t.Host),
				"compare both, then make the other one a replica: Set-VMReplication -AsReplica on its host")
		}
	case RFailedOver, RFailedOverOn, RFailedOverMid, RCommitted, RCommittedOn:
		return refuse(fmt.Sprintf("it was failed over at %s and does not replicate to %s yet: it is NOT PROTECTED, and there is nothing to move it by. What is at %s is OLD", s.Host, t.Host, t.Host),
			"lifeboat reprotect "+intent.plan()+", and this again when that is done")
	default:
		return unexpected(s, t)
	}
	switch {
	case isOff(t.Power):
		// Failover addresses are not injected into a primary: only its
		// switches count.
		return startAtTarget(connected, intent, t)
	case t.State == "Replicating" && (isOff(s.Power) && familyOf(Classify(s)) == famPrimary && goesElsewhere(intent, t) || isRunning(t.Power) && leftBehind(s, t, intent.ReplicaName)):
		return keeping(s, t)
	case isRunning(t.Power) && t.State == "Replicating" && familyOf(Classify(s)) == famReplica:
		return finished("runs at " + t.Host + " and replicates back to " + s.Host)
	case isRunning(t.Power):
		return finishedAt(t, fmt.Sprintf("runs at %s as primary; its replication is %s", t.Host, t.State))
	case primaryByPower(t.Power) == PSaved:
		return savedCopy(t)
	}
	return wait(fmt.Sprintf("the copy at %s is %s", t.Host, t.Power))
}

// savedCopy is for the copy that goes on, at either side, while it is saved.
func savedCopy(c Copy) Decision {
	return refuse(fmt.Sprintf("the copy at %s is the one that goes on, and it is %s: users cannot reach it", c.Host, c.Power),
		"let it go on: Start-VM on "+c.Host+" (Resume-VM when it is paused), then retry")
}

// refusePlannedFailover says why a VM may not be moved now and what to do.
func refusePlannedFailover(s, t Copy) Decision {
	if familyOf(Classify(s)) == famReplica && familyOf(Classify(t)) == famReplica {
		return unexpected(s, t) // neither is the one that users have
	}
	if why, remedy, ok := sourceTrouble(s); ok {
		return refuse(why, remedy)
	}
	if why, remedy, ok := targetTrouble(s, t); ok {
		return refuse(why, remedy)
	}
	return unexpected(s, t)
}

func sourceTrouble(s Copy) (why, remedy string, ok bool) {
	switch Classify(s) {
	case Missing:
		return "there is no such VM at " + s.Host, "check the VM's GUID in the configuration: Get-VM on " + s.Host + " shows Id", true
	case Unprotected, UnprotectedRunning:
		return "the VM at " + s.Host + " is not replicating", "enable replication for it (Enable-VMReplication), and wait until its first copy is done", true
	case PSaved:
		return fmt.Sprintf("the VM at %s is %s: Hyper-V prepares only a VM that is off", s.Host, s.Power),
			"start it and let the run shut it down (Start-VM on " + s.Host + "), or shut it down", true
	case PPreparedOn:
		return fmt.Sprintf("the VM at %s is prepared for failover and yet %s: that should not be", s.Host, s.Power), "shut it down on " + s.Host + " and retry", true
	case PPaused:
		return "replication is paused at " + s.Host, "if nobody paused it on purpose: Resume-VMReplication on " + s.Host, true
	case PError:
		return "replication is in error at " + s.Host, "mend the cause (Measure-VMReplication tells), then Resume-VMReplication on " + s.Host, true
	case PResyncNeeded:
		return "replication needs a resynchronization at " + s.Host,
			"Resume-VMReplication -Resynchronize on " + s.Host + "; recovery points will be lost, and a failover must wait until it is done", true
	case PResyncing:
		return "a resynchronization runs at " + s.Host + ": a planned failover is blocked meanwhile", "wait until it is done and retry", true
	case PInitial, PWaitsInitial, PInitialOff:
		return "the first copy of this VM is not complete: it is not protected yet", "wait for the initial replication, or start it: Start-VMInitialReplication on " + s.Host, true
	case RReplicating, RPaused, RError, RResyncing, RWaits:
		return "the copy at " + s.Host + " is the replica: this VM does not run from " + s.Host + " to the target",
			"check the direction: lifeboat plan explain, or name the target with --to", true
	}
	return "", "", false
}

func targetTrouble(s, t Copy) (why, remedy string, ok bool) {
	switch Classify(t) {
	case Missing:
		return "there is no replica of this VM at " + t.Host, "check where it replicates to: Get-VMReplication on " + s.Host, true
	case Unprotected, UnprotectedRunning:
		return "the copy at " + t.Host + " is not part of a replication", "remove the one-sided relationship on " + s.Host + " and enable replication again, with the copy as seed", true
	case RPaused:
		return "replication is paused at " + t.Host, "if nobody paused it on purpose: Resume-VMReplication on " + t.Host, true
	case RError:
		return "the replica at " + t.Host + " is in error", "mend the cause, then Resume-VMReplication on " + t.Host, true
	case RResyncing:
		return "the replica at " + t.Host + " is being resynchronized", "wait until it is done and retry", true
	case RWaits:
		return "the first copy has not arrived at " + t.Host, "wait for the initial replication", true
	case RCommitted, RCommittedOn:
		return "the copy at " + t.Host + " was failed over and committed: recovery points are gone, and it does not replicate back",
			"re-protect it: Set-VMReplication -AsReplica on " + s.Host + ", then Set-VMReplication -Reverse on " + t.Host, true
	case ROn:
		return "the replica at " + t.Host + " runs without a failover: that should not be", "look at it on " + t.Host + " before anything else", true
	case Extended:
		return "the copy at " + t.Host + " is the third in a chain, not this VM's replica", "fail over to the second site, or leave this VM out", true
	case TestCopy:
		return "the VM at " + t.Host + " with this GUID is a test copy", "Stop-VMFailover on " + t.Host, true
	}
	return "", "", false
}
