package plans

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every word Hyper-V has for power, mode and state.
var (
	powers = []string{"Other", "Running", "Off", "Stopping", "Saved", "Paused", "Starting", "Reset", "Saving", "Pausing", "Resuming",
		"FastSaved", "FastSaving", "Hibernated", "RunningCritical", "OffCritical", "SavedCritical", "PausedCritical", "StoppingCritical", ""}
	modes  = []string{"None", "Primary", "Replica", "TestReplica", "ExtendedReplica", "Something"}
	states = []string{"Disabled", "ReadyForInitialReplication", "InitialReplicationInProgress", "WaitingForInitialReplication", "Replicating",
		"PreparedForFailover", "FailedOverWaitingCompletion", "FailedOver", "Suspended", "Error", "WaitingForStartResynchronize",
		"Resynchronizing", "ResynchronizeSuspended", "RecoveryInProgress", "FailbackInProgress", "FailbackComplete",
		"WaitingForUpdateCompletion", "UpdateError", "WaitingForRepurposeCompletion", "PreparedForSyncReplication", "FiredrillInProgress", "Novel"}
)

// representatives holds, for each class, one copy per kind of power that the
// class spans: off, running, saved, on its way.
func representatives() []Copy {
	kind := func(power string) string {
		switch {
		case isOff(power):
			return "off"
		case isRunning(power):
			return "running"
		case power == "Saved":
			return "saved"
		}
		return "other"
	}
	seen := map[string]bool{}
	out := []Copy{{}, {Reached: true}}
	for _, mode := range modes {
		for _, state := range states {
			for _, power := range powers {
				c := Copy{Reached: true, Exists: true, VM: "vm", Mode: mode, State: state, Power: power}
				if key := fmt.Sprint(Classify(c), kind(power)); !seen[key] {
					seen[key] = true
					out = append(out, c)
				}
			}
		}
	}
	return out
}

func TestEveryWordOfHyperVHasAClassAndEveryClassAWord(t *testing.T) {
	found := map[Class]bool{}
	for _, c := range representatives() {
		class := Classify(c)
		if !slices.Contains(Classes(), class) {
			t.Errorf("%s/%s/%s has the class %q, which Classes does not list", c.Power, c.Mode, c.State, class)
		}
		found[class] = true
	}
	for _, class := range Classes() {
		if !found[class] {
			t.Errorf("no copy has the class %s", class)
		}
	}
}

func TestTheClassKeepsWhatDecides(t *testing.T) {
	for _, row := range []struct {
		power, mode, state string
		want               Class
	}{
		{"Running", "Primary", "Replicating", PRunning},
		{"RunningCritical", "Primary", "Replicating", PRunning},
		{"Off", "Primary", "Replicating", POff},
		{"OffCritical", "Primary", "Replicating", POff},
		{"Saved", "Primary", "Replicating", PSaved},
		{"Paused", "Primary", "Replicating", PSaved},
		{"Stopping", "Primary", "Replicating", PBusy},
		{"Off", "Primary", "PreparedForFailover", PPrepared},
		{"Running", "Primary", "PreparedForFailover", PPreparedOn},
		{"Running", "Primary", "WaitingForStartResynchronize", PResyncNeeded},
		{"Running", "Primary", "ReadyForInitialReplication", PWaitsInitial},
		{"Off", "Primary", "ReadyForInitialReplication", PInitialOff},
		{"Off", "Replica", "Replicating", RReplicating},
		{"Running", "Replica", "Replicating", ROn},
		{"Off", "Replica", "FailedOverWaitingCompletion", RFailedOver},
		{"Starting", "Replica", "FailedOverWaitingCompletion", RFailedOverMid},
		{"Running", "Replica", "FailedOverWaitingCompletion", RFailedOverOn},
		{"Saved", "Replica", "FailedOver", RCommittedOn},
		{"Off", "Replica", "RecoveryInProgress", RFailingOver},
		{"Off", "None", "Disabled", Unprotected},
		{"Running", "TestReplica", "Disabled", TestCopy},
	} {
		if got := Classify(Copy{Reached: true, Exists: true, Power: row.power, Mode: row.mode, State: row.state}); got != row.want {
			t.Errorf("%s/%s/%s is %s, want %s", row.power, row.mode, row.state, got, row.want)
		}
	}
}

var wantedNIC = WantedNIC{Adapter: "net", Switch: "LAN", IP: "10.2.0.5", Mask: "255.255.255.0", Gateway: "10.2.0.1", Inject: true}

var homeNIC = WantedNIC{Adapter: "net", Switch: "Office"}

// decorations vary what a class does not hold.
var decorations = map[string]func(*Copy, *Intent){
	"plain":      func(*Copy, *Intent) {},
	"test copy":  func(t *Copy, _ *Intent) { t.TestVM = "test" },
	"extended":   func(t *Copy, _ *Intent) { t.Extended = "Replicating" },
	"older":      func(t *Copy, _ *Intent) { t.FailoverType = "Regular" },
	"planned":    func(t *Copy, _ *Intent) { t.FailoverType = "Planned" },
	"no adapter": func(_ *Copy, i *Intent) { i.NICs = []WantedNIC{wantedNIC} },
	"auto start": func(_ *Copy, i *Intent) { i.Ours, i.SourceGone = true, true },
	"our test copy": func(t *Copy, i *Intent) {
		t.TestVM, i.Ours, t.Test = "test", true, &Copy{Host: "B", Reached: true, Exists: true, Power: "Off", Mode: "TestReplica"}
	},
	"fenced before":  func(t *Copy, _ *Intent) { t.AutoStart = "Nothing" },
	"keep the chain": func(t *Copy, i *Intent) { t.Extended, i.Chain, i.Ours = "Replicating", ChainKeep, true },
	"go back":        func(t *Copy, i *Intent) { t.Extended, i.Chain, i.Ours = "Replicating", ChainBack, true },
	"off the net":    func(t *Copy, i *Intent) { t.FailoverType, i.SourceNICs = "Regular", []WantedNIC{homeNIC} },
	"third": func(t *Copy, i *Intent) {
		i.ExtendTo, i.ExtendEvery = "C", Frequency(5*time.Minute)
		i.Third, t.FrequencySec = &Copy{Host: "C", Reached: true}, 300
	},
	"third there": func(t *Copy, i *Intent) {
		t.Extended, t.ExtendedTo, i.ExtendTo, i.ExtendEvery = "Replicating", "C", "C", Frequency(5*time.Minute)
		i.Third = &Copy{Host: "C", Reached: true, Exists: true, VM: "vm", Power: "Off", Mode: "ExtendedReplica", State: "Replicating", AutoStart: "Nothing"}
	},
	"third left": func(_ *Copy, i *Intent) {
		i.ExtendTo, i.ExtendEvery = "C", Frequency(5*time.Minute)
		i.Third = &Copy{Host: "C", Reached: true, Exists: true, VM: "vm", Power: "Off", Mode: "ExtendedReplica", State: "Replicating", AutoStart: "Start"}
	},
	"third runs": func(_ *Copy, i *Intent) {
		i.ExtendTo, i.ExtendEvery = "C", Frequency(5*time.Minute)
		i.Third = &Copy{Host: "C", Reached: true, Exists: true, VM: "vm", Power: "Running", Mode: "ExtendedReplica", State: "FailedOver"}
	},
	"third unseen": func(_ *Copy, i *Intent) {
		i.ExtendTo, i.ExtendEvery, i.Third = "C", Frequency(5*time.Minute), &Copy{Host: "C"}
	},
	"third too often": func(t *Copy, i *Intent) {
		i.ExtendTo, i.ExtendEvery = "C", Frequency(5*time.Minute)
		i.Third, t.FrequencySec = &Copy{Host: "C", Reached: true}, 900
	},
	"unready": func(t *Copy, i *Intent) {
		t.Adapters, i.NICs = []Adapter{{Name: "net"}}, []WantedNIC{wantedNIC}
	},
}

func intents() []Intent {
	var out []Intent
	for _, reverse := range []ReversePolicy{ReverseAfterGates, ReverseBeforeStart, ReverseOnCommit} {
		for _, upTo := range Phases(PlannedFailover, reverse) {
			for _, consent := range []bool{false, true} {
				out = append(out, Intent{Operation: PlannedFailover, Reverse: reverse, UpTo: upTo, TurnOff: consent})
				for _, never := range []bool{false, true} {
					out = append(out, Intent{Operation: Cancel, Reverse: reverse, UpTo: upTo, LoseWrites: consent, NeverStarted: never})
				}
			}
		}
	}
	for _, op := range []Operation{UnplannedFailover, TestFailover, Commit, Reprotect, Fence} {
		for _, upTo := range Phases(op, ReverseAfterGates) {
			for _, i := range []Intent{
				{}, {SourceGone: true}, {SourceGone: true, Ours: true}, {Ours: true, Fence: FenceTurnOff}, {Accept: true, Fence: FenceShutDown},
				{LoseWrites: true, SourceGone: true}, {TurnOff: true, LoseWrites: true}, {Replace: true}, {Fence: FenceDisconnect},
			} {
				i.Operation, i.Reverse, i.UpTo = op, ReverseAfterGates, upTo
				out = append(out, i)
			}
		}
	}
	for _, i := range []Intent{
		{Fence: FenceShutDown}, {RanThere: true, Fence: FenceTurnOff}, {RanThere: true, TurnOff: true}, {RanThere: true, Fence: FenceDisconnect, ByPerson: true},
	} {
		i.Operation, i.Reverse, i.UpTo = Fence, ReverseAfterGates, PhaseFence
		out = append(out, i)
	}
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, op := range []Operation{Protect, Unprotect} {
		for _, upTo := range Phases(op, ReverseOnCommit) {
			for _, seed := range []SeedPlan{
				{How: SeedNetwork}, {How: SeedNetwork, At: noon}, {How: SeedExisting}, {How: SeedMedia, Export: `D:\out`}, {How: SeedMedia, Import: `E:\in`},
			} {
				out = append(out, Intent{Operation: op, Reverse: ReverseOnCommit, UpTo: upTo, Seed: seed})
			}
		}
	}
	return out
}

// TestEveryPairHasASafeAnswer goes through every pair of classes, operation,
// policy, phase and consent.
func TestEveryPairHasASafeAnswer(t *testing.T) {
	copies, asked, faults := representatives(), 0, 0
	for name, decorate := range decorations {
		all := intents()
		if name != "plain" { // where a run stands is varied once
			all = slices.DeleteFunc(all, func(i Intent) bool { return i.UpTo != PhaseStart && i.UpTo != lastPhase(i.Operation, i.Reverse) })
			third := strings.HasPrefix(name, "third")
			all = slices.DeleteFunc(all, func(i Intent) bool { return third && i.Operation != Protect && i.Operation != Unprotect })
		}
		for _, s := range copies {
			s.Host = "A"
			for _, target := range copies {
				for _, intent := range all {
					tc := target
					tc.Host = "B"
					decorate(&tc, &intent)
					if intent.SourceNICs != nil {
						s.Adapters = []Adapter{{Name: "net"}}
					}
					asked++
					if fault := unsafe(intent, s, tc, Next(intent, s, tc)); fault != "" {
						t.Errorf("%s, %s: %s/%s/%s beside %s/%s/%s, %+v: %s", name, intent.Operation, s.Power, s.Mode, s.State, tc.Power, tc.Mode, tc.State, intent, fault)
						if faults++; faults > 20 {
							t.FailNow()
						}
					}
				}
			}
		}
	}
	if asked < 100_000 {
		t.Errorf("only %d questions were asked", asked)
	}
}

// unsafe says which law a decision breaks, "" for none. It reads the raw
// words, not the classes.
func unsafe(i Intent, s, t Copy, d Decision) string {
	final := i.UpTo == lastPhase(i.Operation, i.Reverse)
	keepsThird := i.Operation == Reprotect && i.Chain == ChainKeep // the source is left out
	needsSource := !keepsThird && !slices.Contains([]Operation{UnplannedFailover, TestFailover, Commit, Fence}, i.Operation)
	switch {
	case !slices.Contains([]DecisionKind{Act, Wait, Done, Refuse, UnknownPair}, d.Kind):
		return "no answer"
	case d.Why == "" || d.Phase == "":
		return "an answer without words or phase"
	case (d.Kind == Refuse || d.Kind == UnknownPair) && d.Remedy == "":
		return "no remedy"
	case (needsSource && !s.Reached || i.Operation != Fence && !t.Reached) && (d.Kind != UnknownPair || d.Good != "" && i.Operation != Reprotect || !d.Unseen):
		return "an unseen side is not off"
	case i.Operation != Fence && i.Operation != TestFailover && live(s) && live(t) && !(i.Operation == Cancel && offTheNet(s)) && s.Mode != "TestReplica" && t.Mode != "TestReplica" && d.Kind != UnknownPair:
		return "both hold a running state and this is no alarm"
	case d.NoWayBack != (t.Reached && t.Exists && (t.Mode == "Primary" || t.Mode == "Replica" && t.State == "FailedOver")):
		return "the way back is told wrong"
	case d.Kind != Act && d.Good == Target && i.Operation != Fence && live(s) && !live(t) && (s.Mode == "Primary" || s.Mode == "None"):
		return "the copy that users may have is not called the good one"
	case s.State == "PreparedForFailover" && s.Mode == "Primary" && i.Operation == PlannedFailover && !d.Changed:
		return "a prepared source is a change"
	case d.Kind == Done && final && i.Operation == PlannedFailover && (!isRunning(t.Power) || live(s)):
		return "done, and it does not run at the target alone"
	case d.Kind == Done && final && i.Operation == PlannedFailover && s.Mode == "Primary" && s.State != "PreparedForFailover":
		return "done, and the source could start beside it"
	case d.Kind == Done && final && i.Operation == UnplannedFailover && (!isRunning(t.Power) || s.Reached && couldStart(s)):
		return "done, and the source could start beside it"
	case d.Kind == Done && i.Operation == Cancel && i.UpTo != PhaseReady && i.released(PhaseStart) && (!isRunning(s.Power) || live(t)):
		return "cancelled, and it does not run at the source alone"
	case d.Kind == Done && final && i.Operation == TestFailover && t.TestVM != "":
		return "cleaned up, and a test copy is there"
	case d.Kind == Done && final && i.Operation == Commit && t.State == "FailedOverWaitingCompletion":
		return "committed, and the failover is pending"
	case d.Kind == Done && final && i.Operation == Reprotect && (t.Mode != "Primary" || t.State != "Replicating" || i.Chain != ChainKeep && s.Mode != "Replica"):
		return "protected, and it does not replicate"
	case d.Kind == Done && final && i.Operation == Reprotect && live(s):
		return "protected, and the old copy runs"
	case d.Kind == Done && final && i.Operation == Fence && i.Fence != FenceDisconnect && live(s) && couldStart(s) && failedOver(t):
		return "fenced, and it runs"
	case d.Kind == Done && final && i.Operation == Protect && !protectedOrWritten(i, s, t):
		return "protected, and it does not replicate"
	case d.Kind == Done && i.Operation == Protect && !(s.State == "Replicating" && t.State == "Replicating") && !strings.Contains(d.Why, "NOT PROTECTED YET"):
		return "called protected before the first copy is there"
	case d.Kind == Done && i.Operation == Unprotect && i.Third != nil && i.Third.Mode == "ExtendedReplica":
		return "the third copy's side is called ended, and is there"
	case d.Kind == Done && final && i.Operation == Unprotect && (s.Mode != "None" || !s.Exists || t.Exists && t.Mode != "None"):
		return "not protected any more, and a side replicates"
	case d.Kind == Act:
		return unsafeAct(i, s, t, d)
	case d.Irreversible || d.Verb != "":
		return "no act, and yet a verb"
	}
	return ""
}

// protectedOrWritten is true where both sides replicate, the third copy too where
// there shall be one, or where the first copy was written to a folder.
func protectedOrWritten(i Intent, s, t Copy) bool {
	switch {
	case i.Seed.Export != "" && s.Mode == "Primary" && s.State == "Replicating" && t.Mode == "Replica" && t.State != "Replicating":
		return true
	case s.Mode == "Replica" && t.Mode == "Primary":
		return s.State == "Replicating" && t.State == "Replicating"
	}
	return s.Mode == "Primary" && s.State == "Replicating" && t.Mode == "Replica" && t.State == "Replicating" && isOff(t.Power) &&
		(i.ExtendTo == "" || t.Extended == "Replicating")
}

// offTheNet is true for a copy that a fence disconnected.
func offTheNet(c Copy) bool { return len(c.Adapters) == 1 && !c.Adapters[0].Connected }

func live(c Copy) bool { return c.Reached && c.Exists && c.Power != "Off" && c.Power != "OffCritical" }

func prepared(c Copy) bool {
	return c.Exists && c.Mode == "Primary" && c.State == "PreparedForFailover" && isOff(c.Power)
}

func failedOver(t Copy) bool {
	return t.Exists && (t.State == "FailedOverWaitingCompletion" || t.State == "FailedOver" || t.State == "RecoveryInProgress" || t.Mode == "Primary" || t.Mode == "None" && live(t))
}

// couldStart is true for a copy that its host may bring up again by itself.
func couldStart(c Copy) bool {
	return c.Exists && (c.Mode == "Primary" || c.Mode == "None") && !prepared(c) && (live(c) || c.AutoStart != "Nothing")
}

func unsafeAct(i Intent, s, t Copy, d Decision) string {
	own, other := s, t
	switch d.Side {
	case Target:
		own, other = t, s
	case Test:
		own, other = *t.Test, Copy{}
	case Third:
		own, other = *i.Third, Copy{}
	}
	order := Phases(i.Operation, i.Reverse)
	switch {
	case !own.Exists:
		return "an act on nothing"
	case d.Expect != Expect{own.Power, own.Mode, own.State}:
		return "expects another copy than it saw"
	case slices.Index(order, d.Phase) < 0 || slices.Index(order, d.Phase) > slices.Index(order, i.UpTo):
		return "an act beyond what was released"
	case d.Irreversible && !slices.Contains([]Verb{VerbReverse, VerbStopFailover, VerbComplete, VerbAsReplica, VerbEnableAsReplica, VerbRemove, VerbContinue}, d.Verb):
		return "called irreversible"
	}
	fits := allowed(i, s, t, d, other)
	if i.Operation == Protect || i.Operation == Unprotect {
		fits = allowedProtection(i, s, t, d)
	}
	if !fits {
		return fmt.Sprintf("%s at the %s must not happen here (irreversible %v)", d.Verb, d.Side, d.Irreversible)
	}
	return ""
}

// allowed says of every act whether the laws and the documentation let it
// happen in this pair.
func allowed(i Intent, s, t Copy, d Decision, other Copy) bool {
	planned, unplanned := i.Operation == PlannedFailover, i.Operation == UnplannedFailover
	otherOff := !other.Exists || isOff(other.Power)
	replicating := t.Mode == "Replica" && t.State == "Replicating"
	sourceFenced := s.Reached && !couldStart(s) || !s.Reached && i.SourceGone
	pendingAt := t.State == "FailedOverWaitingCompletion"
	// What a person decided about this very copy the watch does though nobody sees
	// the one that took over; a policy only beside one that is seen running.
	tookOver := failedOver(t) || !t.Reached && i.RanThere && (i.TurnOff || i.ByPerson)
	beside := i.TurnOff || i.ByPerson || t.Reached && isRunning(t.Power)
	switch d.Verb {
	case VerbStart:
		switch {
		case d.Side == Test:
			return i.Operation == TestFailover && t.Test != nil && isOff(t.Test.Power) && i.Ours
		case d.Side == Source:
			return i.Operation == Cancel && isOff(s.Power) && isOff(t.Power) && !failedOver(t) && s.Mode == "Primary" && s.State != "PreparedForFailover"
		case planned:
			// A primary beside a primary may start only when the other is locked.
			return isOff(t.Power) && otherOff && failedOver(t) && (prepared(s) || t.Mode == "Primary" && s.Mode != "Primary")
		}
		return unplanned && isOff(t.Power) && failedOver(t) && (sourceFenced || t.Mode == "Primary" && s.Reached && otherOff && s.Mode != "Primary")
	case VerbSetNetwork:
		if d.Side == Source {
			return i.Operation == Cancel && s.Mode == "Primary" && isOff(t.Power) && !failedOver(t) && s.Adapters[0].Switch == ""
		}
		return i.Operation.Moves() && len(i.NICs) > 0 && len(t.Adapters) > 0
	case VerbShutDown, VerbTurnOff:
		consent := i.TurnOff || i.Fence == FenceTurnOff || i.Fence == FenceShutDown
		if planned {
			return d.Side == Source && (d.Verb == VerbTurnOff) == i.TurnOff && replicating
		}
		return d.Side == Source && consent && (unplanned || i.Operation == Fence && tookOver && beside)
	case VerbNoAutoStart:
		return d.Side == Source && (unplanned || i.Operation == Fence && tookOver) && s.AutoStart != "Nothing" && s.Mode != "Replica"
	case VerbAutoStart:
		if i.Operation == Cancel {
			return d.Side == Source && s.AutoStart == "Nothing" && d.AutoStart == t.AutoStart && isOff(t.Power) && !failedOver(t)
		}
		return planned && d.Side == Target && t.AutoStart == "Nothing" && d.AutoStart == s.AutoStart && !failedOver(t)
	case VerbDisconnect:
		return d.Side == Source && i.Operation == Fence && i.Fence == FenceDisconnect && live(s) && tookOver && beside
	case VerbPrepareFailover:
		return planned && d.Side == Source && isOff(s.Power) && s.Mode == "Primary" && replicating && (t.Extended == "" || i.Chain == ChainKeep) && t.TestVM == ""
	case VerbStartFailover:
		if planned {
			return d.Side == Target && prepared(s) && replicating && isOff(t.Power) && (t.Extended == "" || i.Chain == ChainKeep) && t.TestVM == ""
		}
		return unplanned && d.Side == Target && sourceFenced && isOff(t.Power) && t.Mode == "Replica" && !failedOver(t) && t.TestVM == ""
	case VerbStopFailover:
		unused := i.NeverStarted && isOff(t.Power)
		switch {
		case d.Side == Source:
			return i.Operation == Cancel && prepared(s) && !failedOver(t) && isOff(t.Power) && !d.Irreversible
		case unplanned:
			return i.LoseWrites && !i.Ours && !i.Accept && d.Irreversible && sourceFenced && pendingAt
		}
		return i.Operation == Cancel && pendingAt && s.Mode == "Primary" && (i.LoseWrites || unused) && d.Irreversible == !unused
	case VerbReverse:
		if planned {
			return d.Side == Target && d.Irreversible && i.Reverse != ReverseOnCommit && prepared(s) && pendingAt && !olderPoint(t) && t.Extended == ""
		}
		return (i.Operation == Commit || i.Operation == Reprotect) && d.Side == Target && d.Irreversible && t.Mode == "Replica" && failedOver(t) &&
			(prepared(s) && (!olderPoint(t) || t.State == "FailedOver") || i.Operation == Reprotect && s.Mode == "Replica" && t.State == "FailedOver")
	case VerbComplete:
		return (i.Operation == Commit || i.Operation == Reprotect) && live(t) && d.Side == Target && pendingAt && d.Irreversible && !live(s)
	case VerbAsReplica, VerbEnableAsReplica:
		return i.Operation == Reprotect && d.Side == Source && isOff(s.Power) && d.Irreversible && failedOver(t) && t.State != "FailedOverWaitingCompletion" && !prepared(s)
	case VerbStartInitial, VerbResync:
		return i.Operation == Reprotect && d.Side == Target && t.Mode == "Primary" && s.Mode == "Replica"
	case VerbResume:
		return unplanned && d.Side == Target && t.Mode == "Replica" && sourceFenced || i.Operation == Reprotect && t.Mode == "Primary" && s.Mode == "Replica"
	case VerbRemove:
		return i.Operation == Reprotect && i.Replace && d.Side == Target && !s.Exists && (t.State == "FailedOver" || t.Mode == "Primary")
	case VerbEnable:
		return i.Operation == Reprotect && d.Side == Target && t.Mode == "None" && (!s.Exists && i.Replace || s.Mode == "Replica" && isOff(s.Power))
	case VerbRemoveExtended:
		return (planned || i.Operation == Reprotect) && i.Chain == ChainBack && d.Side == Target && t.Extended != ""
	case VerbContinue:
		return (planned || i.Operation == Reprotect) && i.Chain == ChainKeep && d.Side == Target && t.Extended != "" && d.Irreversible && failedOver(t) && t.Mode == "Replica"
	case VerbSetTestNetwork, VerbStartTest:
		return i.Operation == TestFailover && d.Side == Target && t.TestVM == "" && t.Mode == "Replica" && !failedOver(t) && !i.Ours
	case VerbStopTest:
		return (i.Operation.Moves() || i.Operation == TestFailover) && d.Side == Target && t.TestVM != "" && t.Mode == "Replica" && !failedOver(t)
	}
	return false
}

// allowedProtection is allowed for setting protection up and ending it.
func allowedProtection(i Intent, s, t Copy, d Decision) bool {
	protect := i.Operation == Protect
	waits := t.Mode == "Replica" && isOff(t.Power) && slices.Contains([]string{"WaitingForInitialReplication", "ReadyForInitialReplication", "InitialReplicationInProgress"}, t.State)
	both := s.Mode == "Primary" && s.State == "Replicating" && t.Mode == "Replica" && t.State == "Replicating"
	onward := d.Side == Target && both && i.ExtendTo == "C" && i.Third.Reached
	switch d.Verb {
	case VerbEnable:
		if d.Side == Target {
			return protect && onward && t.Extended == "" && time.Duration(t.FrequencySec)*time.Second <= i.ExtendEvery.D() && !live(*i.Third)
		}
		return protect && d.Side == Source && s.Mode == "None" && (!t.Exists && i.Seed.How != SeedExisting || waits)
	case VerbEnableAsReplica:
		// It is overwritten: only a copy that is off, beside one that runs.
		return protect && d.Side == Target && d.Irreversible && i.Seed.How == SeedExisting && t.Mode == "None" && isOff(t.Power) && s.Mode == "None" && isRunning(s.Power)
	case VerbStartInitial:
		if d.Side == Target {
			return protect && onward && t.Extended == "ReadyForInitialReplication"
		}
		return protect && d.Side == Source && s.Mode == "Primary" && s.State == "ReadyForInitialReplication" && waits && i.Seed.Import == ""
	case VerbImport:
		return protect && d.Side == Target && waits && s.Mode == "Primary" && s.State == "Replicating" && i.Seed.Import != "" && strings.HasPrefix(d.Path, i.Seed.Import)
	case VerbResume:
		return protect && d.Side == Source && s.Mode == "Primary" && s.State == "Error" && waits
	case VerbRemoveExtended:
		return !protect && d.Side == Target && t.Extended != "" && i.ExtendTo != "" && !live(*i.Third) && s.Exists
	case VerbNoAutoStart, VerbRemove:
		if protect || d.Verb == VerbRemove && !d.Irreversible || t.TestVM != "" || failedOver(t) || prepared(s) || !s.Exists {
			return false
		}
		source := d.Verb == VerbRemove && s.Mode == "Primary" && (!t.Exists || t.Mode == "None" && isOff(t.Power))
		target := t.Mode == "Replica" && isOff(t.Power) && (s.Mode == "Primary" || s.Mode == "None" && isRunning(s.Power)) && (d.Verb == VerbRemove) == (t.AutoStart == "Nothing")
		switch d.Side {
		case Source:
			return source && (i.Third == nil || i.Third.Mode != "ExtendedReplica")
		case Target:
			return target && t.Extended == "" && (i.Third == nil || i.Third.Mode != "ExtendedReplica")
		case Third:
			return (t.Extended == "" || !t.Exists) && isOff(i.Third.Power) && (d.Verb == VerbRemove) == (i.Third.AutoStart == "Nothing")
		case Test:
		}
	}
	return false
}
