package plans

import "fmt"

// nextUnprotect ends the replication of a VM: of the third copy first, then the
// replica's side, last the primary's, so that at every moment it is plain which
// copy is the good one. VMs and disks stay; a copy that was a replica can start
// afterwards, so that its host is told first not to start it.
//
// Microsoft: Remove-VMReplication (each side alone; the simple relationship
// after the extended one), Set-VM -AutomaticStartAction.
func nextUnprotect(i Intent, s, t Copy) Decision {
	if d, stands := notOurs(i, s, t); stands {
		return d
	}
	if d, more := endThird(i, t); more {
		return d
	}
	if familyOf(Classify(t)) == famReplica {
		return endReplica(PhaseRemove, Target, t, fmt.Sprintf("end the replica's side at %s: its recovery points go, its disks stay", t.Host))
	}
	if familyOf(Classify(s)) == famPrimary {
		d := act(PhaseRemove, VerbRemove, Source, s, Source, "end the replication at "+s.Host)
		d.Irreversible = true
		return d
	}
	words := "NOT PROTECTED any more: the VM at " + s.Host + " replicates nowhere"
	if t.Exists {
		words += fmt.Sprintf("; the copy at %s stays there and is OLD: do not start it", t.Host)
	}
	return finished(words)
}

// notOurs answers for pairs in which the source is not plainly the good copy.
func notOurs(i Intent, s, t Copy) (Decision, bool) {
	source, target := Classify(s), Classify(t)
	switch {
	case source == Missing:
		return refuse(fmt.Sprintf("there is no copy of this VM at %s: the one at %s may be the only one", s.Host, t.Host), "nothing is removed; mend the group's from: and to:"), true
	case familyOf(source) != famPrimary && familyOf(source) != famLoose:
		return refuse(fmt.Sprintf("the copy at %s is no primary (%s, %s): this VM belongs to %s now", s.Host, s.Mode, s.State, t.Host), "go home first (lifeboat failback), or mend the group's from: and to:"), true
	case sendsElsewhere(i, s):
		return elsewhere(s, t), true
	case source == PPrepared || source == PPreparedOn:
		return refuse("a planned failover of it is half done", "finish it, or lifeboat cancel"), true
	case t.TestVM != "":
		return refuse("a test copy of it stands at "+t.Host, "end the drill first: lifeboat run end drill/PLAN"), true
	case target != Missing && target != Unprotected && familyOf(target) != famReplica, target == RFailingOver:
		return refuse(fmt.Sprintf("the copy at %s is %s, %s, %s: it may be the good one", t.Host, t.Mode, t.State, t.Power), "finish or cancel what was begun with it first"), true
	case familyOf(source) == famLoose && familyOf(target) == famReplica && !isRunning(s.Power):
		return refuse(fmt.Sprintf("the VM at %s does not replicate and is %s, while %s holds a replica: which is the good one cannot be told", s.Host, s.Power, t.Host), "start it if it is the good one, then retry"), true
	case t.Extended != "" && (i.ExtendTo == "" || extendsElsewhere(i, t)):
		return refuse(fmt.Sprintf("%s replicates on to %s, which the group does not name", t.Host, orWord(t.ExtendedTo, "a third host")), "write extends: to that host into the group, so that the third copy is looked at too"), true
	}
	return Decision{}, false
}

// endThird ends the third copy's replication on both of its sides.
func endThird(i Intent, t Copy) (Decision, bool) {
	switch third := i.Third; {
	case i.ExtendTo == "":
		return Decision{}, false
	case third == nil || !third.Reached:
		return unseenThird(i), true
	case third.Exists && !isOff(third.Power):
		return refuse(fmt.Sprintf("the third copy at %s is %s: it may be the good one", third.Host, third.Power), "look at it first"), true
	case t.Exists && t.Extended != "":
		return act(PhaseShorten, VerbRemoveExtended, Target, t, Source, fmt.Sprintf("end the replication from %s to %s", t.Host, third.Host)), true
	case Classify(*third) == Extended:
		return endReplica(PhaseShorten, Third, *third, fmt.Sprintf("end the third copy's side at %s: its disks stay", third.Host)), true
	}
	return Decision{}, false
}

// endReplica ends a receiving side; before that its host is told not to start it.
func endReplica(phase Phase, side Side, c Copy, why string) Decision {
	if c.AutoStart != "Nothing" {
		d := act(phase, VerbNoAutoStart, side, c, Source, "keep the copy at "+c.Host+" from starting by itself")
		d.AutoStart = c.AutoStart
		return d
	}
	d := act(phase, VerbRemove, side, c, Source, why)
	d.Irreversible = true
	return d
}
