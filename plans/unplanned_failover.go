package plans

import (
	"fmt"
	"time"
)

// nextUnplannedFailover brings a VM up at the target when its source is lost:
// the source is fenced, or stated by a person to be gone; the replica is failed
// over to the chosen point and started. Nobody at the host asks whether the
// primary is down, so it is asked here.
//
// Microsoft: "Types of failover operations in Hyper-V Replica", unplanned
// failover; Start-VMFailover.
func nextUnplannedFailover(i Intent, s, t Copy) Decision {
	if movedAway(i, s, t) && !i.SourceGone && !isRunning(t.Power) {
		return refuse(fmt.Sprintf("there is no such VM at %s, and its replica at %s comes from %s: if it runs there, two copies would run", s.Host, t.Host, t.PrimaryServer),
			fmt.Sprintf("look for it: Get-VM -Id %s on %s. If it is there, name that host in the configuration and use --planned; if it is gone, run again with --statement \"who saw what, when\"", t.VM, t.PrimaryServer))
	}
	switch Classify(t) {
	case RReplicating, RPaused, RResyncing, RError:
		return beforeUnplanned(i, s, t)
	case RFailingOver:
		return wait("the failover at " + t.Host + " is under way")
	case RFailedOver, RFailedOverOn, RFailedOverMid:
		return afterUnplanned(i, s, t)
	case RCommitted, RCommittedOn:
		return finalAtTarget(i, s, t, "committed: no other point can be chosen")
	case PRunning, PBusy, POff, PSaved, PPaused, PError, PResyncNeeded, PResyncing, PInitial, PWaitsInitial, PInitialOff:
		if familyOf(Classify(s)) == famPrimary && Classify(s) != PPrepared && !goesElsewhere(i, t) {
			return atTargetAlready(i, s, t)
		}
		return finalAtTarget(i, s, t, "it is the primary there")
	case RWaits:
		return refuse("the first copy of this VM never arrived at "+t.Host+": there is nothing to fail over to",
			"bring it back from a backup, or bring "+s.Host+" back; leave this VM out meanwhile")
	}
	if why, remedy, ok := targetTrouble(s, t); ok {
		return refuse(why, remedy)
	}
	return unexpected(s, t)
}

// movedAway is true for a VM that is not at its source while its replica comes
// from another host: it was moved there, and missing here is not gone.
//
// Microsoft: Get-VMReplication, PrimaryServer.
func movedAway(i Intent, s, t Copy) bool {
	return Classify(s) == Missing && t.Mode == "Replica" && t.PrimaryServer != "" && i.ReplicaName != "" &&
		!sameServer(t.PrimaryServer, i.ReplicaName) && !sameServer(t.PrimaryServer, s.Host)
}

// beforeUnplanned makes the replica ready, fences the source, and fails over.
func beforeUnplanned(i Intent, s, t Copy) Decision {
	if t.TestVM != "" {
		return act(PhaseReady, VerbStopTest, Target, t, "", "remove the test copy at "+t.Host+": the real operation goes first")
	}
	if d, needed := network(PhaseReady, networkReady, i, t, ""); needed {
		return d
	}
	if d, open := fenceSource(i, s, PhaseFence); open {
		d.Good = provenSide(s, t)
		return d
	}
	if Classify(t) == RError {
		return act(PhaseMove, VerbResume, Target, t, "", "take the replica at "+t.Host+" out of its error: Hyper-V fails over only then")
	}
	return act(PhaseMove, VerbStartFailover, Target, t, "", "fail over at "+t.Host+" to "+i.Point.words())
}

// words names a point for people.
func (p Point) words() string {
	if p.ID == "" {
		return "the latest data"
	}
	kind := "the recovery point"
	if p.Kind == "AppConsistentReplica" {
		kind = "the application-consistent point"
	}
	return kind + " of " + p.Time.UTC().Format("2 Jan 15:04:05") + " UTC"
}

// afterUnplanned is for a target that is failed over: by this run, by an
// earlier one to the same point, or by somebody else.
func afterUnplanned(i Intent, s, t Copy) Decision {
	if !i.Ours && !i.Accept {
		return anotherFailover(i, s, t)
	}
	return upAtTarget(i, s, t, "its recovery points are kept until commit")
}

// anotherFailover is for a failover that was not asked for with this point.
func anotherFailover(i Intent, s, t Copy) Decision {
	if !i.LoseWrites {
		d := refuse(fmt.Sprintf("the copy at %s is failed over already (%s), by somebody else or to another point than %s%s",
			t.Host, orWord(t.FailoverType, "no type told"), i.Point.words(), hasRun(t)),
			"accept goes on with it as it is. For another point: stop this run, then the same command with --lose-writes")
		d.Offer = []Choice{ChoiceAccept}
		return d
	}
	if d, open := fenceSource(i, s, PhaseFence); open {
		return d
	}
	d := act(PhaseMove, VerbStopFailover, Target, t, "", "give up the failover at "+t.Host+" for another point, as a person decided: what was written there"+runningFor(t)+" is lost")
	d.Irreversible = true
	return d
}

// finalAtTarget is for a failover that is final. Its recovery points are gone, so
// a point that was asked for by name and that it was not made to is not to be had.
func finalAtTarget(i Intent, s, t Copy, state string) Decision {
	if i.Point.ID == "" || i.Ours || i.Accept {
		return upAtTarget(i, s, t, state)
	}
	d := refuse(fmt.Sprintf("the failover at %s is final, and its recovery points went with the commit: %s cannot be given", t.Host, i.Point.words()),
		"accept goes on with the copy as it is; older data comes from a backup")
	d.Offer = []Choice{ChoiceAccept}
	return d
}

func hasRun(t Copy) string {
	if isOff(t.Power) || t.Uptime <= 0 {
		return ""
	}
	return "; it has run for " + forPeople(t.Uptime)
}

// runningFor says how long a copy has been running, and so taking writes.
func runningFor(t Copy) string {
	if isOff(t.Power) || t.Uptime <= 0 {
		return ""
	}
	return " in the " + forPeople(t.Uptime) + " that it has run"
}

func forPeople(d time.Duration) string {
	if d < time.Minute {
		return d.Round(time.Second).String()
	}
	return Duration(d.Round(time.Minute)).String()
}

// upAtTarget starts the target copy and keeps the source from running beside
// it.
func upAtTarget(i Intent, s, t Copy, state string) Decision {
	switch {
	case isRunning(t.Power):
		if s.Reached {
			if d, open := fenceSource(i, s, PhaseStart); open {
				return d
			}
		}
		switch {
		case !goesElsewhere(i, t):
		case t.State == "Replicating":
			return keeping(s, t)
		default:
			return finished(fmt.Sprintf("runs at %s; its replication to %s is %s: NOT PROTECTED until that is mended", t.Host, t.ReplicaServer, t.State))
		}
		return finished(fmt.Sprintf("runs at %s; %s; NOT PROTECTED until re-protected", t.Host, state))
	case isOff(t.Power):
		if d, open := fenceSource(i, s, PhaseStart); open {
			return d
		}
		ready := networkReady
		if t.Mode == "Primary" {
			ready = connected // failover addresses are not injected into a primary
		}
		return startAtTarget(ready, i, t)
	case primaryByPower(t.Power) == PSaved:
		return savedCopy(t)
	}
	return wait(fmt.Sprintf("the copy at %s is %s", t.Host, t.Power))
}
