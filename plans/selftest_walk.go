package plans

import (
	"slices"
	"strings"
	"time"
)

// SelfTestWalk is the way of a self-test: from A to B, back, and to B again.
func SelfTestWalk(hours bool) []SelfTestStep {
	all := slices.Concat(enableWalk(), pauseWalk(), testWalk(), plannedWalk(), cancelWalk(), homeWalk(), againWalk(), removeWalk(), historyWalk())
	return slices.DeleteFunc(all, func(s SelfTestStep) bool { return s.Hours && !hours })
}

// Walk is the way of a self-test, or of a canary.
func (s SelfTestSetup) Walk() []SelfTestStep {
	if s.Canary != "" {
		return canaryWalk()
	}
	return SelfTestWalk(s.Hours)
}

// SelfTestStepNamed is one step of the walk.
func SelfTestStepNamed(setup SelfTestSetup, name string) (SelfTestStep, bool) {
	setup.Hours = true
	for _, s := range setup.Walk() {
		if s.Name == name {
			return s, true
		}
	}
	return SelfTestStep{}, false
}

const (
	selfTestShort = 2 * time.Minute
	// selfTestCopies is how long a first copy or a resynchronization of the small
	// disk may take.
	selfTestCopies = 20 * time.Minute
	// selfTestRetries is how long a primary is given to fall to Error.
	selfTestRetries = 40 * time.Minute
)

// sees is a condition on one side: power, mode and state; "" is any.
func sees(side SelfTestSide, power, mode, state string) func(SelfTestSight) bool {
	return func(s SelfTestSight) bool {
		v := s.At(side)
		return v.Here && (power == "" || v.Power == power) && (mode == "" || v.Mode == mode) && (state == "" || v.State == state)
	}
}

func both(one, other func(SelfTestSight) bool) func(SelfTestSight) bool {
	return func(s SelfTestSight) bool { return one(s) && other(s) }
}

func either(one, other func(SelfTestSight) bool) func(SelfTestSight) bool {
	return func(s SelfTestSight) bool { return one(s) || other(s) }
}

func not(is func(SelfTestSight) bool) func(SelfTestSight) bool {
	return func(s SelfTestSight) bool { return !is(s) }
}

// replicates is true when a side sends and the other takes.
func replicates(primary SelfTestSide) func(SelfTestSight) bool {
	return both(sees(primary, "", "Primary", "Replicating"), sees(primary.other(), "", "Replica", "Replicating"))
}

// received is true when the replica has had a cycle.
func received(primary SelfTestSide) func(SelfTestSight) bool {
	return both(replicates(primary), func(s SelfTestSight) bool { return !s.At(primary.other()).LastReplication.IsZero() })
}

func hasTest(side SelfTestSide) func(SelfTestSight) bool {
	return func(s SelfTestSight) bool { return s.At(side).TestVM != "" }
}

// The steps that come again and again.

func settled(name string, primary SelfTestSide) SelfTestStep {
	return SelfTestStep{Name: name, Says: "wait until both sides replicate", At: primary, Until: received(primary), Patience: selfTestCopies}
}

func turnOff(name string, side SelfTestSide) SelfTestStep {
	return SelfTestStep{Name: name, Says: "turn it off", At: side, Verb: VerbTurnOff, Until: sees(side, "Off", "", ""), Patience: selfTestShort}
}

func turnOn(name string, side SelfTestSide) SelfTestStep {
	return SelfTestStep{Name: name, Says: "start it", At: side, Verb: VerbStart, Until: sees(side, "Running", "", ""), Patience: selfTestShort}
}

func failOver(name string, side SelfTestSide, asks ...string) SelfTestStep {
	return SelfTestStep{Name: name, Says: "fail over to the latest point", At: side, Verb: VerbStartFailover,
		Until: sees(side, "", "Replica", "FailedOverWaitingCompletion"), Patience: 10 * time.Minute, Asks: asks}
}

func takeBack(name string, side SelfTestSide, asks ...string) SelfTestStep {
	return SelfTestStep{Name: name, Says: "take the failover back", At: side, Verb: VerbStopFailover,
		From: sees(side, "", "Replica", "FailedOverWaitingCompletion"), Until: sees(side, "Off", "Replica", "Replicating"), Patience: selfTestShort, Asks: asks}
}

// resume is for a side that is paused or in error, if it is.
func resume(name string, side SelfTestSide) SelfTestStep {
	return SelfTestStep{Name: name, Says: "resume replication", At: side, Verb: VerbResume,
		From:  either(sees(side, "", "", "Suspended"), either(sees(side, "", "", "Error"), sees(side, "", "", "ResynchronizeSuspended"))),
		Until: not(either(sees(side, "", "", "Suspended"), sees(side, "", "", "Error"))), Patience: selfTestShort}
}

func suspend(name string, side SelfTestSide) SelfTestStep {
	return SelfTestStep{Name: name, Says: "pause replication", At: side, Verb: VerbSuspend, Until: sees(side, "", "", "Suspended"), Patience: selfTestShort}
}

func stopTest(name string, side SelfTestSide) SelfTestStep {
	return SelfTestStep{Name: name, Says: "remove the test copy", At: side, Verb: VerbStopTest, From: hasTest(side), Until: not(hasTest(side)), Patience: selfTestShort}
}

func enable(name string, side SelfTestSide, points int, asks ...string) SelfTestStep {
	return SelfTestStep{Name: name, Says: "enable replication", At: side, Verb: VerbEnable, Points: points, Settings: true,
		Until:    both(sees(side, "", "Primary", "ReadyForInitialReplication"), sees(side.other(), "", "Replica", "WaitingForInitialReplication")),
		Patience: selfTestShort, Asks: asks}
}

func firstCopy(name string, side SelfTestSide, asks ...string) SelfTestStep {
	return SelfTestStep{Name: name, Says: "send the first copy", At: side, Verb: VerbStartInitial, Until: replicates(side), Patience: selfTestCopies, Asks: asks}
}

// asReplica makes an old primary the replica, under what allowed says.
func asReplica(name string, side SelfTestSide, allowed func(SelfTestSetup) string) SelfTestStep {
	return SelfTestStep{Name: name, Says: "make the old primary a replica", At: side, Verb: VerbAsReplica, Allowed: allowed,
		From: sees(side, "", "Primary", ""), Until: sees(side, "Off", "Replica", ""), Patience: selfTestShort}
}

func reverse(name string, side SelfTestSide, until func(SelfTestSight) bool, asks ...string) SelfTestStep {
	return SelfTestStep{Name: name, Says: "reverse replication", At: side, Verb: VerbReverse, From: sees(side, "", "Replica", ""), Until: until, Patience: 5 * time.Minute, Asks: asks}
}

func complete(name string, side SelfTestSide) SelfTestStep {
	return SelfTestStep{Name: name, Says: "complete the failover", At: side, Verb: VerbComplete,
		From: sees(side, "", "Replica", "FailedOverWaitingCompletion"), Until: not(sees(side, "", "Replica", "FailedOverWaitingCompletion")), Patience: 10 * time.Minute}
}

func remove(name string, side SelfTestSide) SelfTestStep {
	return SelfTestStep{Name: name, Says: "end replication at this side", At: side, Verb: VerbRemove,
		From: not(sees(side, "", "None", "")), Until: sees(side, "", "None", ""), Patience: selfTestShort}
}

// probe makes a step one whose refusal is an answer.
func probe(s SelfTestStep, asks ...string) SelfTestStep {
	s.Probe, s.Asks = true, append(s.Asks, asks...)
	return s
}

func inHours(s SelfTestStep) SelfTestStep {
	s.Hours = true
	return s
}

func enableWalk() []SelfTestStep {
	const a, b = SelfTestA, SelfTestB
	return []SelfTestStep{
		{Name: "make", Says: "make the VM: small, off, on no network, marked in its notes", At: a, Verb: VerbSelfTestMake,
			Until: func(s SelfTestSight) bool { return s.A.Here && s.A.Marked }, Patience: selfTestShort},
		probe(SelfTestStep{Name: "ask", Says: "ask for its replication before it has one", At: a, Verb: VerbAskReplication}, "quiet-replication"),
		turnOn("start", a),
		enable("enable", a, 0, "enable-states", "replica-starts-nothing", "replica-mac", "compression"),
		{Name: "mark-replica", Says: "mark the replica", At: b, Verb: VerbSelfTestMark, Until: func(s SelfTestSight) bool { return s.B.Marked }, Patience: selfTestShort},
		probe(SelfTestStep{Name: "enable-again", Says: "enable what is enabled", At: a, Verb: VerbEnable}, "enable-twice"),
		firstCopy("first-copy", a, "initial-returns"),
		probe(SelfTestStep{Name: "start-replica", Says: "start the replica", At: b, Verb: VerbStart, Until: sees(b, "Running", "", ""), Patience: selfTestShort}, "other-start-refusal"),
		turnOff("replica-off", b),
		{Name: "cycle", Says: "wait for a cycle", At: b, Cycle: true, Patience: 5 * time.Minute, Soft: true, Asks: []string{"latest-listed"}},
		probe(SelfTestStep{Name: "resync-replicating", Says: "resynchronize while it replicates", At: a, Verb: VerbResync}, "resync-replicating"),
		settled("settled-1", a),
	}
}

func pauseWalk() []SelfTestStep {
	const a, b = SelfTestA, SelfTestB
	needed := sees(a, "", "", "WaitingForStartResynchronize")
	resync := SelfTestStep{Says: "resynchronize", At: a, Verb: VerbResync, Patience: selfTestShort,
		Until: either(sees(a, "", "", "Resynchronizing"), sees(a, "", "", "Replicating"))}
	first, again := resync, resync
	first.Name, again.Name, again.From = "resync", "resync-again", needed
	paused := SelfTestStep{Name: "test-paused", Says: "test failover of a paused replica", At: b, Verb: VerbStartTest, Until: hasTest(b), Patience: selfTestShort}
	return []SelfTestStep{
		suspend("suspend", a),
		{Name: "overdue", Says: "leave it paused", At: a, Settle: 4 * time.Minute, Asks: []string{"replica-warns-at-once"}},
		first,
		probe(SelfTestStep{Name: "stop-resync", Says: "break the resynchronization off", At: a, Verb: VerbStopResync,
			From: sees(a, "", "", "Resynchronizing"), Until: needed, Patience: selfTestShort}),
		probe(SelfTestStep{Name: "resume-plainly", Says: "resume plainly where a resynchronization is needed", At: a, Verb: VerbResume,
			From: needed, Until: not(needed), Patience: selfTestShort}, "resume-resyncs"),
		again,
		resume("resume", a),
		settled("settled-2", a),
		suspend("suspend-replica", b),
		probe(paused, "test-needs-replicating"),
		stopTest("stop-test-paused", b),
		inHours(SelfTestStep{Name: "retries", Says: "leave the replica paused, so that nothing can be sent", At: a, Until: sees(a, "", "", "Error"),
			Patience: selfTestRetries, Soft: true, Asks: []string{"retries-for-ever"}}),
		resume("resume-replica", b),
		resume("resume-primary", a),
		settled("settled-3", a),
	}
}

func testWalk() []SelfTestStep {
	const b = SelfTestB
	return []SelfTestStep{
		{Name: "test", Says: "test failover", At: b, Verb: VerbStartTest, Until: hasTest(b), Patience: selfTestShort, Asks: []string{"late-test-vm", "test-keeps-mac"}},
		probe(SelfTestStep{Name: "second-test", Says: "a second test failover", At: b, Verb: VerbSecondTest}, "other-test-refusal"),
		stopTest("stop-test", b), stopTest("stop-second-test", b),
	}
}

func plannedWalk() []SelfTestStep {
	const a, b = SelfTestA, SelfTestB
	prepared := sees(a, "", "Primary", "PreparedForFailover")
	prepare := func(name string) SelfTestStep {
		return SelfTestStep{Name: name, Says: "prepare the planned failover", At: a, Verb: VerbPrepareFailover, Until: prepared, Patience: 10 * time.Minute}
	}
	last := prepare("prepare-again")
	last.Asks = []string{"synced-point"}
	return []SelfTestStep{
		probe(SelfTestStep{Name: "prepare-running", Says: "prepare while it runs", At: a, Verb: VerbPrepareFailover, From: sees(a, "Running", "", "")}, "prepare-running"),
		turnOff("off", a),
		prepare("prepare"),
		probe(SelfTestStep{Name: "start-prepared", Says: "start the prepared primary", At: a, Verb: VerbStart, Until: sees(a, "Running", "", ""), Patience: selfTestShort}, "start-prepared"),
		turnOff("prepared-off", a),
		{Name: "cancel-prepare", Says: "take the preparation back", At: a, Verb: VerbStopFailover, From: prepared, Until: sees(a, "", "Primary", "Replicating"), Patience: selfTestShort},
		last,
		failOver("planned", b, "slow-failover", "failover-type"),
		turnOn("start-moved", b),
		reverse("reverse", b, replicates(b), "late-old-primary", "reverse-forgets-time"),
		settled("settled-4", b),
	}
}

// cancelWalk has B as the primary, which goes on running.
func cancelWalk() []SelfTestStep {
	const a, b = SelfTestA, SelfTestB
	saved := takeBack("cancel-saved", a)
	saved.From = sees(a, "Saved", "", "")
	return []SelfTestStep{
		probe(failOver("unplanned", a), "failover-beside-primary"),
		takeBack("cancel", a, "after-cancel"),
		resume("resume-after-cancel", b), settled("settled-5", b),
		failOver("unplanned-again", a), turnOn("start-failed-over", a),
		{Name: "save", Says: "save it", At: a, Verb: VerbSelfTestSave, Until: sees(a, "Saved", "", ""), Patience: selfTestShort},
		probe(saved, "cancel-refuses-saved"),
		turnOff("saved-off", a), takeBack("cancel-again", a),
		inHours(failOver("unplanned-long", a)),
		inHours(SelfTestStep{Name: "error", Says: "leave it failed over, until the primary is in error", At: b, Until: sees(b, "", "", "Error"), Patience: selfTestRetries, Soft: true}),
		// A primary that never fell to Error has nothing to tell.
		inHours(SelfTestStep{Name: "cancel-long", Says: "take the failover back", At: a, Verb: VerbStopFailover, From: sees(b, "", "", "Error"),
			Until: both(sees(a, "Off", "Replica", "Replicating"), sees(b, "", "Primary", "Replicating")), Patience: 10 * time.Minute, Soft: true, Asks: []string{"error-after-cancel"}}),
		takeBack("cancel-last", a),
		resume("resume-last", b), settled("settled-6", b),
	}
}

// entry is the authorization entry of a host that covers the other one.
func entry(side SelfTestSide) func(SelfTestSetup) string {
	return func(s SelfTestSetup) string {
		here, name := s.At(side), strings.ToLower(s.At(side.other()).Replica)
		if here.takesAny() {
			return ""
		}
		for _, e := range here.Entries {
			rest, wild := strings.CutPrefix(strings.ToLower(e), "*")
			if strings.EqualFold(e, name) || wild && strings.HasSuffix(name, rest) {
				return e
			}
		}
		return ""
	}
}

// homeWalk loses B: A is failed over, and B becomes its replica.
func homeWalk() []SelfTestStep {
	const a, b = SelfTestA, SelfTestB
	nameOfA := func(s SelfTestSetup) string { return s.A.Replica }
	ready := both(sees(a, "", "Primary", "ReadyForInitialReplication"), sees(b, "", "Replica", "WaitingForInitialReplication"))
	return []SelfTestStep{
		failOver("lost", a), turnOff("old-primary-off", b),
		probe(asReplica("as-replica-freely", b, func(SelfTestSetup) string { return "" }), "as-replica-freely"),
		probe(asReplica("as-replica-by-name", b, nameOfA), "as-replica-names-entry"),
		asReplica("as-replica", b, entry(b)),
		probe(reverse("reverse-at-once", a, ready), "reverse-needs-complete"),
		complete("complete", a), reverse("reverse-lost", a, ready),
		firstCopy("copy-again", a, "initial-compares"),
		settled("settled-7", a),
	}
}

// againWalk loses A: B is failed over while A runs, completed and reversed.
func againWalk() []SelfTestStep {
	const a, b = SelfTestA, SelfTestB
	ready := both(sees(b, "", "Primary", "ReadyForInitialReplication"), sees(a, "", "Replica", "WaitingForInitialReplication"))
	return []SelfTestStep{
		turnOn("start-again", a), failOver("lost-again", b), turnOn("start-lost-again", b),
		probe(asReplica("as-replica-running", a, entry(a)), "as-replica-running"),
		turnOff("old-primary-off-again", a),
		asReplica("as-replica-again", a, entry(a)),
		complete("complete-again", b), reverse("reverse-again", b, ready),
		firstCopy("copy-home", b), settled("settled-8", b),
	}
}

func removeWalk() []SelfTestStep {
	const a, b = SelfTestA, SelfTestB
	return []SelfTestStep{
		failOver("fail-over-last", a), turnOn("start-last", a),
		probe(remove("remove-running", a), "remove-needs-off"),
		turnOff("off-last", a),
		remove("remove-replica", a),
		{Name: "other-side", Says: "look at the other side", At: a, Asks: []string{"remove-one-side"}},
		remove("remove-primary", b),
	}
}

// historyWalk replicates from B to A once more, with one additional recovery
// point, for two hours.
func historyWalk() []SelfTestStep {
	const a, b = SelfTestA, SelfTestB
	gone := SelfTestStep{Name: "remove-vm", Says: "remove the VM with its disk", At: a, Verb: VerbSelfTestRemove,
		Until: func(s SelfTestSight) bool { return !s.A.Here }, Patience: selfTestShort}
	steps := []SelfTestStep{
		gone,
		enable("enable-with-points", b, 1),
		{Name: "mark-with-points", Says: "mark the replica", At: a, Verb: VerbSelfTestMark, Until: func(s SelfTestSight) bool { return s.A.Marked }, Patience: selfTestShort},
		firstCopy("copy-with-points", b), settled("settled-9", b),
		{Name: "hour-1", Says: "let an hour pass", At: a, Settle: 65 * time.Minute},
		{Name: "hour-2", Says: "let another hour pass", At: a, Settle: 65 * time.Minute, Others: true, Asks: []string{"exact-history", "app-point-besides"}},
	}
	for i := range steps {
		steps[i].Hours = true
	}
	return steps
}
