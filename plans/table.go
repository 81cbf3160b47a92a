package plans

import (
	"fmt"
	"slices"
)

// Phases are the phases of an operation in the order in which a run releases
// them.
func Phases(op Operation, reverse ReversePolicy) []Phase {
	switch op {
	case UnplannedFailover:
		return []Phase{PhaseReady, PhaseFence, PhaseMove, PhaseStart, PhaseGates}
	case TestFailover:
		return []Phase{PhaseReady, PhaseTest, PhaseStart, PhaseGates, PhaseCleanUp}
	case Cancel:
		return []Phase{PhaseReady, PhaseStart}
	case Commit:
		return []Phase{PhaseGates, PhaseCommit}
	case Reprotect:
		return []Phase{PhaseReverse, PhaseSync}
	case Fence:
		return []Phase{PhaseFence}
	case Protect:
		return []Phase{PhaseEnable, PhaseSync, PhaseExtend}
	case Unprotect:
		return []Phase{PhaseShorten, PhaseRemove}
	case PlannedFailover:
	}
	if reverse == ReverseBeforeStart {
		return []Phase{PhaseReady, PhaseShutdown, PhaseMove, PhaseReverse, PhaseStart, PhaseGates}
	}
	return []Phase{PhaseReady, PhaseShutdown, PhaseMove, PhaseStart, PhaseGates, PhaseReverse}
}

// lastPhase is where an operation ends.
func lastPhase(op Operation, reverse ReversePolicy) Phase {
	order := Phases(op, reverse)
	return order[len(order)-1]
}

// released is true when the run lets a VM go as far as phase.
func (i Intent) released(phase Phase) bool {
	order := Phases(i.Operation, i.Reverse)
	return slices.Index(order, phase) <= slices.Index(order, i.UpTo)
}

// plan is its plan as a command names it; a run of an earlier version does not tell.
func (i Intent) plan() string { return ShellWord(orWord(i.Plan, "PLAN")) }

// Next decides what is to be done now for one VM: one act, a wait, nothing
// more, a refusal, or that it cannot be known. It is the only place where
// Lifeboat decides about a VM. Every pair of views has an answer.
func Next(intent Intent, source, target Copy) Decision {
	d := decide(intent, source, target)
	if d.Kind != Act {
		d.Good = goodSide(intent, source, target)
	}
	d.TestVM = target.TestVM
	d.Changed, d.NoWayBack = hasChanged(intent.Operation, source, target), noWayBack(target)
	if (intent.Operation == UnplannedFailover || intent.Operation == Fence) && source.Reached {
		d.SourceSeen = true
		_, d.SourceOpen = fenceSource(intent, source, PhaseFence)
	}
	if d.Kind == Act && !intent.released(d.Phase) {
		return Decision{Kind: Done, Phase: intent.UpTo, Good: d.Good, Changed: d.Changed, NoWayBack: d.NoWayBack, TestVM: d.TestVM,
			SourceSeen: d.SourceSeen, SourceOpen: d.SourceOpen, Why: reached(intent.UpTo, source, target)}
	}
	if d.Phase == "" {
		d.Phase = intent.UpTo
	}
	return d
}

// reached says where a VM is at the end of a phase, waiting for its turn.
func reached(phase Phase, source, target Copy) string {
	switch phase {
	case PhaseReady:
		return "ready: the network of its copy at " + target.Host + " is as wanted"
	case PhaseShutdown:
		return "off at " + source.Host
	case PhaseMove:
		return "moved to " + target.Host + ", waits for its turn to start"
	case PhaseStart:
		return "started at " + target.Host
	case PhaseGates:
		return "up at " + target.Host
	case PhaseFence:
		return "fenced: it cannot run at " + source.Host
	case PhaseTest:
		return "test copy made at " + target.Host
	case PhaseReverse:
		return "replicates from " + target.Host + " to " + source.Host + ", first copy to come"
	case PhaseEnable:
		return "enabled from " + source.Host + " to " + target.Host + ", first copy to come: NOT PROTECTED YET"
	case PhaseSync:
		if familyOf(Classify(source)) == famPrimary {
			return "replicates from " + source.Host + " to " + target.Host
		}
	case PhaseShorten:
		return "no third copy of it replicates"
	case PhaseCommit, PhaseCleanUp, PhaseExtend, PhaseRemove:
	}
	return "at " + target.Host
}

func decide(intent Intent, source, target Copy) Decision {
	if d, found := danger(intent, source, target); found {
		return d
	}
	switch intent.Operation {
	case PlannedFailover:
		return nextPlannedFailover(intent, source, target)
	case UnplannedFailover:
		return nextUnplannedFailover(intent, source, target)
	case TestFailover:
		return nextTestFailover(intent, target)
	case Cancel:
		return nextCancel(intent, source, target)
	case Commit:
		return nextCommit(source, target)
	case Reprotect:
		return nextReprotect(intent, source, target)
	case Fence:
		return nextFence(intent, source, target)
	case Protect:
		return nextProtect(intent, source, target)
	case Unprotect:
		return nextUnprotect(intent, source, target)
	}
	return Decision{Kind: Refuse, Why: fmt.Sprintf("the operation %q is not known", intent.Operation),
		Remedy: "this is a defect of the caller: nothing was changed"}
}

// danger answers for pairs in which no operation may act. A fence is for just
// such pairs, and a test failover touches neither of the two copies.
func danger(intent Intent, source, target Copy) (Decision, bool) {
	switch {
	case intent.Operation == Fence:
		return Decision{}, false
	case intent.Operation == TestFailover && target.Reached:
		return Decision{}, false
	}
	if runs(source) && runs(target) && source.Mode != "TestReplica" && target.Mode != "TestReplica" && !cutOff(intent, source, target) {
		return Decision{Kind: UnknownPair,
			Why: fmt.Sprintf("DANGER: %s, at %s (%s, %s) and at %s (%s, %s). Which one users reached last cannot be known from here, and each may hold changes that exist nowhere else",
				bothWords(source, target), source.Host, source.Mode, source.Power, target.Host, target.Mode, target.Power),
			Remedy: "decide which copy is the good one, disconnect the other from the network (do not delete it), then shut it down and look again; after an unplanned failover lifeboat fence does that"}, true
	}
	if !target.Reached || !source.Reached && !blind(intent.Operation, intent.Chain) {
		return unreached(source, target), true
	}
	return Decision{}, false
}

// blind is true for an operation that may go on without seeing the source: a third
// copy that is kept needs nothing of it.
func blind(op Operation, chain ChainPolicy) bool {
	return op == UnplannedFailover || op == Commit || op == Reprotect && chain == ChainKeep
}

// cutOff is true when the old primary runs again after an unplanned failover and
// a fence took it off the network: nobody but its console reaches it, so a person
// may choose it. The other copy stops before it is connected again.
func cutOff(intent Intent, source, target Copy) bool {
	pending := familyOf(Classify(target)) == famFailed && !isCommitted(target)
	return intent.Operation == Cancel && pending && lostAndBack(source, target) &&
		isRunning(source.Power) && len(source.Adapters) > 0 && !reachesUsers(source)
}

// bothWords keeps apart two copies that run and two of which one is saved or on
// its way: both are dangerous, but only the first reaches users now.
func bothWords(source, target Copy) string {
	if isRunning(source.Power) && isRunning(target.Power) {
		return "both copies run"
	}
	return "both copies hold a running or a saved state"
}

func unreached(source, target Copy) Decision {
	name := target.Host
	if !source.Reached {
		name = source.Host
	}
	if !source.Reached && !target.Reached {
		name = source.Host + " and " + target.Host
	}
	return Decision{Kind: UnknownPair, Unseen: true, Why: "cannot see " + name + ": unknown is not off, so nothing is done",
		Remedy: "bring " + name + " back within reach (network, WinRM, power); the run goes on by itself then"}
}

// act is a decision to do one verb on one side, as that side is now.
func act(phase Phase, verb Verb, side Side, c Copy, good Side, why string) Decision {
	return Decision{Kind: Act, Phase: phase, Verb: verb, Side: side, Good: good, Why: why,
		Expect: Expect{Power: c.Power, Mode: c.Mode, State: c.State}}
}

func wait(why string) Decision { return Decision{Kind: Wait, Why: why} }

func finished(why string) Decision { return Decision{Kind: Done, Why: why} }

// CodeUnprotected marks the finding about a VM that is done and not replicated.
const CodeUnprotected = "unprotected"

// finishedAt is for a VM that runs where it should; what is in the way of its
// replication there is said with it.
func finishedAt(c Copy, why string) Decision {
	d := finished(why)
	if words, ok := trouble[Classify(c)]; ok {
		d.Unprotected = &Finding{Severity: Warning, Code: CodeUnprotected, Host: c.Host, Text: words[1], Means: "what is written there since its last copy is nowhere else", Remedy: words[2]}
	}
	return d
}

func refuse(why, remedy string) Decision {
	return Decision{Kind: Refuse, Why: why, Remedy: remedy}
}

// unexpected is the answer to a pair that no documented sequence passes
// through: hold, show, let a person look.
func unexpected(source, target Copy) Decision {
	return Decision{Kind: UnknownPair,
		Why: fmt.Sprintf("UNKNOWN: nobody expects this pair: at %s %s/%s/%s, at %s %s/%s/%s. Nothing is done",
			source.Host, source.Power, source.Mode, source.State, target.Host, target.Power, target.Mode, target.State),
		Remedy: fmt.Sprintf("look at both: Get-VM -Id %s | Get-VMReplication on %s and on %s; finish by hand what was begun there and answer resolved, or undo it and retry", source.vmID(target), source.Host, target.Host)}
}

func (c Copy) vmID(other Copy) string {
	if c.VM != "" {
		return c.VM
	}
	return other.VM
}
