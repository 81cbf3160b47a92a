package plans

import (
	"fmt"
	"strings"
)

// nextReprotect lets the copy at the target replicate back to the source: the
// old copy becomes a replica, replication is reversed, and what differs is
// sent. With Replace the source is a new host that has no copy yet.
//
// Microsoft: "Fail over with Hyper-V Replica", Set-VMReplication -AsReplica and
// -Reverse, Start-VMInitialReplication.
func nextReprotect(i Intent, s, t Copy) Decision {
	if t.Exists && t.Extended != "" {
		if d, decided := chainAtTarget(i, s, t, PhaseReverse); decided {
			return d
		}
	}
	switch {
	case !s.Reached && goesElsewhere(i, t):
		return keeping(s, t)
	case !s.Reached:
		return unreached(s, t)
	}
	switch familyOf(Classify(t)) {
	case famFailed:
		return reprotectFailedOver(i, s, t)
	case famPrimary:
		return reprotectPrimary(i, s, t)
	case famLoose:
		return reprotectLoose(i, s, t)
	case famReplica:
		if familyOf(Classify(s)) == famPrimary {
			return refuse("the VM runs from "+s.Host+" and "+t.Host+" holds its replica: it was not failed over",
				"there is nothing to re-protect; if its replication is in trouble, mend that")
		}
	case famNone, famStranger:
	}
	return unexpected(s, t)
}

// reprotectFailedOver is for a target that was failed over. Giving the old copy
// up leaves no other point to go to, so the failover is committed first; one
// whose source was prepared needs no more than the reverse.
func reprotectFailedOver(i Intent, s, t Copy) Decision {
	class := Classify(s)
	switch {
	case Classify(t) == RFailedOverMid:
		return wait("the copy at " + t.Host + " is " + t.Power)
	case familyOf(class) == famPrimary && !isOff(s.Power), class == UnprotectedRunning:
		return refuse(fmt.Sprintf("the old copy at %s is %s and would be overwritten: it may hold changes that exist nowhere else", s.Host, s.Power),
			"look at it, export what is missing (Export-VM), then fence it: lifeboat fence")
	case Classify(t) == RFailedOver:
		return refuse(fmt.Sprintf("the copy at %s is failed over and off: nobody can have looked at it, and the old copy at %s would be given up for it", t.Host, s.Host),
			"start it first: run the failover again, or Start-VM on "+t.Host+"; then retry. If it is not to go on: lifeboat cancel")
	case class == Missing && !i.Replace:
		return noCopy(s)
	case class != RWaits && class != Missing && class != Unprotected && familyOf(class) != famPrimary:
		return unexpected(s, t)
	case !isCommitted(t):
		return commitFailover(s, t, PhaseReverse)
	case class == PPrepared, class == RWaits:
		return reverseAtTarget(s, t, PhaseReverse)
	case class == Missing:
		return leaveLostHost(t)
	case class == Unprotected:
		return becomeReplica(VerbEnableAsReplica, s, t)
	}
	return becomeReplica(VerbAsReplica, s, t)
}

// becomeReplica gives the old copy up: what it has and the good copy has not is
// overwritten by what is sent back.
func becomeReplica(verb Verb, s, t Copy) Decision {
	d := act(PhaseReverse, verb, Source, s, Target, fmt.Sprintf("make the old copy at %s a replica: its data is overwritten from %s", s.Host, t.Host))
	d.Irreversible = true
	return d
}

func noCopy(s Copy) Decision {
	return refuse("there is no copy of this VM at "+s.Host, "for new equipment: lifeboat replace-host OLD NEW; else enable replication again")
}

// leaveLostHost ends what still points at a lost host: a VM replicates to one
// host only.
func leaveLostHost(t Copy) Decision {
	d := act(PhaseReverse, VerbRemove, Target, t, Target, "end the replication at "+t.Host+" that points at the lost host")
	d.Irreversible = true
	return d
}

// reprotectLoose is for a good copy without any replication.
func reprotectLoose(i Intent, s, t Copy) Decision {
	if !isRunning(t.Power) {
		return refuse(fmt.Sprintf("the copy at %s does not replicate and is %s: that it is the good one cannot be told", t.Host, t.Power), "start it if it is the good one, then retry")
	}
	switch Classify(s) {
	case Unprotected:
		return becomeReplica(VerbEnableAsReplica, s, t)
	case Missing:
		if !i.Replace {
			return noCopy(s)
		}
	case RWaits:
	default:
		return unexpected(s, t)
	}
	return act(PhaseReverse, VerbEnable, Target, t, Target, "replicate from "+t.Host+" to "+s.Host)
}

// reprotectPrimary is for a target that is the primary: towards the source, or
// still towards somebody else.
func reprotectPrimary(i Intent, s, t Copy) Decision {
	switch class := Classify(s); {
	case class == Missing && i.Replace && !strings.EqualFold(t.ReplicaServer, i.ReplicaName):
		return leaveLostHost(t)
	case i.Chain == ChainKeep && isOff(s.Power) && goesElsewhere(i, t):
		return keeping(s, t)
	case goesElsewhere(i, t) && familyOf(class) == famPrimary, leftBehind(s, t, i.ReplicaName):
		return leftOut(s, t)
	case class == Missing:
		return noCopy(s)
	case class == PPrepared:
		return wait("the old copy at " + s.Host + " has not become the replica yet")
	case familyOf(class) != famReplica:
		return refuse(fmt.Sprintf("both copies call themselves primary (%s and %s)", s.Host, t.Host),
			"compare both; the one that is not good becomes a replica: Set-VMReplication -AsReplica on its host")
	}
	return syncing(s, t)
}

// goesElsewhere is true for a primary that runs and whose replica is at a host
// other than the one it came from: the third site of a chain that was kept.
func goesElsewhere(i Intent, t Copy) bool {
	return isRunning(t.Power) && familyOf(Classify(t)) == famPrimary && t.ReplicaServer != "" && i.ReplicaName != "" && !sameServer(t.ReplicaServer, i.ReplicaName)
}

// keeping is for a chain whose third copy was kept: done once that replicates.
func keeping(s, t Copy) Decision {
	if t.State == "Replicating" {
		d := finished("runs at " + t.Host + " and replicates to " + t.ReplicaServer + ": protected there; the copy at " + s.Host + " is OLD and left out")
		d.Elsewhere = true
		return d
	}
	good := fmt.Sprintf("the good copy runs at %s, its replica is at %s, and the copy at %s is OLD and left out", t.Host, t.ReplicaServer, s.Host)
	switch Classify(t) {
	case PResyncing:
		return underWay(fmt.Sprintf("a resynchronization runs from %s to %s: %s", t.Host, t.ReplicaServer, good), t)
	case PInitial:
		return underWay(fmt.Sprintf("the first copy goes from %s to %s: %s", t.Host, t.ReplicaServer, good), t)
	}
	why, remedy, _ := sourceTrouble(t)
	return refuse(orWord(why, "replication at "+t.Host+" is "+t.State)+": "+good, orWord(remedy, "Get-VMReplication on "+t.Host))
}

// isLeftOut is true for a primary that is off beside a good copy that runs and
// replicates to somebody else.
func isLeftOut(old, good Copy) bool {
	return runs(good) && familyOf(Classify(good)) == famPrimary && old.Reached && isOff(old.Power) && familyOf(Classify(old)) == famPrimary &&
		good.ReplicaServer != "" && old.PrimaryServer != "" && !strings.EqualFold(good.ReplicaServer, old.PrimaryServer)
}

// leftOut is for a copy beside one that replicates to a third host: what it would
// take to have it back ends the only protection there is, so a person does it.
func leftOut(old, good Copy) Decision {
	return refuse(fmt.Sprintf("the copy at %s is OLD and left out: %s holds the good one and replicates to %s%s", old.Host, good.Host, good.ReplicaServer, notSent(good)), wayFromThird(good.Host, old.Host))
}

// notSent says of a primary what its replication is, where that is not well.
func notSent(c Copy) string {
	if c.State == "Replicating" {
		return ""
	}
	return " (now " + c.State + ")"
}

// wayFromThird is the way home from a third site that was kept.
func wayFromThird(good, old string) string {
	return fmt.Sprintf("to come back: Remove-VMReplication for it on %s (it is NOT protected from then on) and on %s, then lifeboat reprotect, then lifeboat failback", good, old)
}

// syncing takes a reversed relationship to where both sides replicate.
func syncing(s, t Copy) Decision {
	switch t.State {
	case "ReadyForInitialReplication":
		return act(PhaseSync, VerbStartInitial, Target, t, Target, "send what differs from "+t.Host+" to "+s.Host)
	case "InitialReplicationInProgress":
		return underWay("the first copy goes from "+t.Host+" to "+s.Host, t)
	case "WaitingForStartResynchronize":
		return act(PhaseSync, VerbResync, Target, t, Target, "compare and send again from "+t.Host+": recovery points at "+s.Host+" are lost")
	case "Resynchronizing", "WaitingForUpdateCompletion":
		return underWay("a resynchronization runs from "+t.Host+" to "+s.Host, t)
	case "Error", "UpdateError":
		return act(PhaseSync, VerbResume, Target, t, Target, "resume the replication at "+t.Host)
	case "Replicating":
		return syncedSource(s, t)
	}
	return refuse(fmt.Sprintf("replication at %s is %s", t.Host, t.State), "if nobody paused it on purpose: Resume-VMReplication on "+t.Host)
}

func syncedSource(s, t Copy) Decision {
	switch Classify(s) {
	case RReplicating:
		return protectedNow(s, t)
	case RError:
		return act(PhaseSync, VerbResume, Source, s, Target, "resume the replica at "+s.Host)
	case RPaused:
		return refuse("replication is paused at "+s.Host, "if nobody paused it on purpose: Resume-VMReplication on "+s.Host)
	}
	return underWay("the replica at "+s.Host+" is "+s.State, t)
}

// protectedNow is the end of a re-protection: done is a copy that runs, and one
// that went off meanwhile, with its host, is nobody's to call done.
func protectedNow(s, t Copy) Decision {
	switch {
	case isRunning(t.Power):
		return finished("runs at " + t.Host + " and replicates to " + s.Host + ": protected")
	case isOff(t.Power):
		return refuse(fmt.Sprintf("it replicates from %s to %s, and the copy at %s is off: users cannot reach it", t.Host, s.Host, t.Host),
			"start it: Start-VM on "+t.Host+"; then retry")
	case primaryByPower(t.Power) == PSaved:
		return savedCopy(t)
	}
	return wait(fmt.Sprintf("the copy at %s is %s", t.Host, t.Power))
}

// underWay is a wait for something that takes hours and moves meanwhile.
func underWay(why string, c Copy) Decision {
	d := wait(why)
	d.Progress = &SyncProgress{Percent: c.SyncPercent, Total: c.InitialBytes}
	if c.InitialBytes > 0 && c.SyncPercent >= 0 {
		d.Progress.Done = c.InitialBytes / 100 * uint64(c.SyncPercent)
	}
	return d
}

// chainAtTarget is for a target that replicates on to a third host. A VM has
// one outgoing replication only, so going back to the source ends that one, and
// keeping it leaves the source out.
//
// Microsoft: Resume-VMReplication -Continue, Remove-VMReplication.
func chainAtTarget(i Intent, s, t Copy, phase Phase) (Decision, bool) {
	switch i.Chain {
	case ChainKeep:
		if familyOf(Classify(t)) != famFailed {
			return Decision{}, false
		}
		if Classify(t) == RFailedOverMid {
			return wait("the copy at " + t.Host + " is " + t.Power), true
		}
		d := act(phase, VerbContinue, Target, t, Target, fmt.Sprintf("keep the third copy: replicate from %s to %s", t.Host, orWord(t.ExtendedTo, "the third host")))
		d.Irreversible = true
		return d, true
	case ChainBack:
		return act(phase, VerbRemoveExtended, Target, t, Target, fmt.Sprintf("end the replication from %s to %s, so that it can go back to %s", t.Host, orWord(t.ExtendedTo, "the third host"), s.Host)), true
	}
	return refuse(fmt.Sprintf("%s replicates on to a third site (%s), and a VM replicates to one host only", t.Host, t.Extended),
		"choose: --chain keep goes on to the third site and leaves "+s.Host+" out; --chain back ends the third copy and goes back to "+s.Host), true
}
