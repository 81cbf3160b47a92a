package plans

import (
	"fmt"
	"strings"
	"time"
)

// nextProtect makes the copy at the source replicate to the target, sends the
// first copy, and extends to a third host where the group says so. What
// replicates already is left as it is.
//
// Microsoft: Enable-VMReplication, Start-VMInitialReplication,
// Import-VMInitialReplication; "Set up Hyper-V Replica".
func nextProtect(i Intent, s, t Copy) Decision {
	switch familyOf(Classify(s)) {
	case famLoose:
		return enableAtSource(i, s, t)
	case famPrimary:
		return seedReplica(i, s, t)
	case famReplica:
		if t.Mode == "Primary" && t.State == "Replicating" && Classify(s) == RReplicating {
			return finished("protected the other way: it runs at " + t.Host + " and replicates to " + s.Host)
		}
		return refuse("the copy at "+s.Host+" is a replica: this VM belongs to "+t.Host+" now", "where it was failed over: lifeboat reprotect, or failback; else mend the group's from: and to:")
	case famNone:
		return refuse("there is no such VM at "+s.Host, "mend the group: the VM's id, (Get-VM NAME).Id, and its from:")
	case famFailed, famStranger:
	}
	return unexpected(s, t)
}

// enableAtSource is for a source that does not replicate.
func enableAtSource(i Intent, s, t Copy) Decision {
	switch class := Classify(t); {
	case class == Missing && i.Seed.How == SeedExisting:
		return refuse("there is no copy of this VM at "+t.Host+" to begin from", "restore or import it there with the same GUID (Import-VM without -GenerateNewId), off; or --seed network")
	case class == Missing, class == RWaits:
		return act(PhaseEnable, VerbEnable, Source, s, Source, "replicate from "+s.Host+" to "+t.Host)
	case class == Unprotected && i.Seed.How != SeedExisting:
		return refuse("a VM with this GUID stands at "+t.Host+" and does not replicate: nobody said what it holds", "--seed existing compares with it and overwrites what differs; or remove it there")
	case class == Unprotected && i.RanThere:
		return refuse(fmt.Sprintf("the copy at %s may be the newer one: this engine failed the VM over to %s last, and never back", t.Host, t.Host),
			"compare both; if the one at "+s.Host+" is good, remove the other by hand, then --seed network")
	case class == Unprotected && !isRunning(s.Power):
		return refuse(fmt.Sprintf("the VM at %s is %s: that it is newer than the copy at %s cannot be told", s.Host, s.Power, t.Host), "start it if it is the good one, then retry")
	case class == Unprotected:
		d := act(PhaseEnable, VerbEnableAsReplica, Target, t, Source, fmt.Sprintf("offer the copy at %s as the beginning: what differs from %s is overwritten", t.Host, s.Host))
		d.Irreversible = true
		return d
	case familyOf(class) == famReplica:
		return refuse("the copy at "+t.Host+" is still a replica, and the VM at "+s.Host+" does not replicate", "lifeboat unprotect ends the replica's side and keeps its disks; then --seed existing begins from them")
	}
	return unexpected(s, t)
}

// seedReplica takes a primary to where both sides replicate.
func seedReplica(i Intent, s, t Copy) Decision {
	switch {
	case sendsElsewhere(i, s):
		return elsewhere(s, t)
	case Classify(t) == Missing:
		return refuse(fmt.Sprintf("it replicates to %s, and that has no copy", orWord(s.ReplicaServer, t.Host)), "lifeboat unprotect, then protect again: a new first copy is sent")
	case familyOf(Classify(t)) != famReplica:
		return unexpected(s, t)
	}
	switch s.State {
	case "ReadyForInitialReplication":
		return beginFirstCopy(i, s, t)
	case "InitialReplicationInProgress":
		if !i.released(PhaseSync) {
			return finished(reached(PhaseEnable, s, t))
		}
		return underWay("the first copy goes from "+s.Host+" to "+firstStop(i, t)+": NOT PROTECTED YET", s)
	case "Replicating":
		return firstCopyIsThere(i, s, t)
	case "Error":
		if Classify(t) == RWaits {
			return act(PhaseSync, VerbResume, Source, s, Source, "resume the first copy, which broke off")
		}
	}
	return refuse(fmt.Sprintf("its replication at %s is %s", s.Host, s.State), "it is enabled, and in trouble: mend that first; if nobody paused it on purpose: Resume-VMReplication on "+s.Host)
}

// sendsElsewhere is true for a primary that replicates to another host than the
// group names. A copy that stands at the group's host is then of an earlier time,
// and goes on saying Replicating for a while.
func sendsElsewhere(i Intent, s Copy) bool {
	return familyOf(Classify(s)) == famPrimary && s.ReplicaServer != "" && i.ReplicaName != "" && !sameServer(s.ReplicaServer, i.ReplicaName)
}

// sameServer is true for two names of one server: one may lack its domain.
func sameServer(a, b string) bool {
	shortA, domainA, _ := strings.Cut(a, ".")
	shortB, domainB, _ := strings.Cut(b, ".")
	return strings.EqualFold(shortA, shortB) && (domainA == "" || domainB == "" || strings.EqualFold(domainA, domainB))
}

func elsewhere(s, t Copy) Decision {
	return refuse(fmt.Sprintf("it replicates from %s to %s, not to %s", s.Host, s.ReplicaServer, t.Host),
		fmt.Sprintf("mend the group's to:, or replica_name: of %s; else end that replication by hand (Remove-VMReplication on %s and on %s) and protect again", t.Host, s.Host, s.ReplicaServer))
}

// firstStop is where a first copy goes first.
func firstStop(i Intent, t Copy) string {
	if i.Seed.How == SeedMedia && i.Seed.Export != "" {
		return i.Seed.Export
	}
	return t.Host
}

// startsWithin is how long after its moment a host may need to begin a first
// copy that it was told to begin then.
const startsWithin = 2 * time.Minute

// beginFirstCopy is for a relationship without data. A moment that was set on the
// host stays: the host begins by itself then.
func beginFirstCopy(i Intent, s, t Copy) Decision {
	if Classify(t) != RWaits {
		return unexpected(s, t)
	}
	later := i.Seed.At.After(s.At) // no host takes a moment that is past: after a downtime it begins now
	if !i.Seed.At.IsZero() && !s.InitialStart.IsZero() {
		if due := s.InitialStart.Sub(s.At); due > -startsWithin {
			if !i.released(PhaseSync) {
				return finished("enabled; the first copy begins " + clockUTC(s.InitialStart) + ": NOT PROTECTED YET")
			}
			d := wait("NOT PROTECTED YET: the first copy begins " + clockUTC(s.InitialStart) + ", by the clock of " + s.Host)
			d.Progress, d.Due = &SyncProgress{Percent: -1, Begins: s.InitialStart}, Duration(max(0, due))
			return d
		}
	}
	d := act(PhaseSync, VerbStartInitial, Source, s, Source, "send the first copy from "+s.Host+" to "+t.Host)
	switch {
	case i.Seed.Import != "":
		return refuse("nothing was written for an import: no first copy has begun", "lifeboat protect with --seed media --export FOLDER first")
	case later:
		d.Phase, d.Why = PhaseEnable, "have the first copy begin "+clockUTC(i.Seed.At)
	case i.Seed.How == SeedMedia:
		d.Why = "write the first copy to " + i.Seed.Export + " on " + s.Host
	case i.Seed.How == SeedExisting:
		d.Why = "compare with the copy at " + t.Host + " and send what differs"
	}
	return d
}

func clockUTC(t time.Time) string { return "at " + t.UTC().Format("2 Jan 15:04") + " UTC" }

// firstCopyIsThere is for a primary that replicates: the replica has its data,
// or waits for what was written to a folder.
func firstCopyIsThere(i Intent, s, t Copy) Decision {
	switch Classify(t) {
	case RReplicating:
		return extendFurther(i, s, t)
	case RWaits:
		if !i.released(PhaseSync) {
			return finished(reached(PhaseEnable, s, t))
		}
		return awaitImport(i, s, t)
	case RPaused, RError:
		return refuse("the replica at "+t.Host+" is "+t.State, "if nobody paused it on purpose: Resume-VMReplication on "+t.Host)
	case RResyncing:
		return underWay("the replica at "+t.Host+" is "+t.State, s)
	}
	return unexpected(s, t)
}

// awaitImport is for a first copy that was written and is not read yet. The host
// does not tell how a first copy travels.
func awaitImport(i Intent, s, t Copy) Decision {
	folder := s.Name + "_" + s.vmID(t)
	switch {
	case i.Seed.Import != "":
		d := act(PhaseSync, VerbImport, Target, t, Source, "read the first copy from "+i.Seed.Import)
		d.Path = strings.TrimRight(i.Seed.Import, `\`) + `\` + folder
		return d
	case i.Seed.How == SeedMedia:
		return finished(fmt.Sprintf("written to %s\\%s on %s: NOT PROTECTED YET, until it is carried to %s and read there with --import FOLDER", strings.TrimRight(i.Seed.Export, `\`), folder, s.Host, t.Host))
	}
	return wait("the replica at " + t.Host + " waits for its first copy: NOT PROTECTED YET. If that was written to a folder: stop this run, then lifeboat protect with --import FOLDER")
}

// extendFurther makes the third copy, from the second.
//
// Microsoft: "Set up Hyper-V Replica", extended replication: every 300 or 900
// seconds, and not more often than the first copy.
func extendFurther(i Intent, s, t Copy) Decision {
	protected := "protected: runs at " + s.Host + " and replicates to " + t.Host
	if i.ExtendTo == "" || !i.released(PhaseExtend) {
		return finished(protected)
	}
	if extendsElsewhere(i, t) {
		return refuse(fmt.Sprintf("%s replicates on to %s already, and the group says %s", t.Host, t.ExtendedTo, i.ExtendTo), "a copy is sent on to one host: end that one first, or mend extends:")
	}
	switch t.Extended {
	case "", "Disabled":
		return enableThird(i, s, t)
	case "ReadyForInitialReplication":
		return act(PhaseExtend, VerbStartInitial, Target, t, Source, "send the third copy from "+t.Host+" to "+i.ExtendTo)
	case "InitialReplicationInProgress", "WaitingForInitialReplication":
		d := wait("the third copy goes from " + t.Host + " to " + i.ExtendTo)
		d.Progress = &SyncProgress{Percent: -1}
		return d
	case "Replicating":
		return finished(protected + ", and on to " + i.ExtendTo)
	}
	return refuse(fmt.Sprintf("the third copy's replication at %s is %s", t.Host, t.Extended), "it is enabled, and in trouble: Get-VMReplication -ReplicationRelationshipType Extended on "+t.Host)
}

// extendsElsewhere is true for a replica that is sent on to another host than the
// group names.
func extendsElsewhere(i Intent, t Copy) bool {
	return t.Extended != "" && t.ExtendedTo != "" && !sameServer(t.ExtendedTo, i.ExtendTo)
}

func enableThird(i Intent, s, t Copy) Decision {
	third := i.Third
	switch {
	case third == nil || !third.Reached:
		return unseenThird(i)
	case third.Exists && !(Classify(*third) == Extended && isOff(third.Power) && third.State == "WaitingForInitialReplication"):
		return refuse(fmt.Sprintf("a VM with this GUID stands at %s (%s, %s)", third.Host, third.Mode, third.Power), "remove or rename what stands there: a third copy begins from nothing")
	case i.ExtendEvery.D() < 5*time.Minute, i.ExtendEvery.D() < time.Duration(t.FrequencySec)*time.Second:
		return refuse(fmt.Sprintf("the third copy cannot be sent every %s: Hyper-V takes 5m or 15m, and not more often than the first copy, which is sent every %s", i.ExtendEvery.D(), time.Duration(t.FrequencySec)*time.Second), "mend the frequency of extends:")
	}
	return act(PhaseExtend, VerbEnable, Target, t, Source, "replicate on from "+t.Host+" to "+i.ExtendTo)
}

func unseenThird(i Intent) Decision {
	name := i.ExtendTo
	if i.Third != nil {
		name = i.Third.Host
	}
	return Decision{Kind: UnknownPair, Unseen: true, Why: "cannot see " + name + ", where the third copy stands: nothing is done",
		Remedy: "bring " + name + " back within reach (network, WinRM, power); the run goes on by itself then"}
}
