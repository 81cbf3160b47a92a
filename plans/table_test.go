package plans

import (
	"fmt"
	"slices"
	"testing"
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

// decorations vary what a class does not hold.
var decorations = map[string]func(*Copy, *Intent){
	"plain":      func(*Copy, *Intent) {},
	"test copy":  func(t *Copy, _ *Intent) { t.TestVM = "test" },
	"extended":   func(t *Copy, _ *Intent) { t.Extended = "Replicating" },
	"older":      func(t *Copy, _ *Intent) { t.FailoverType = "Regular" },
	"planned":    func(t *Copy, _ *Intent) { t.FailoverType = "Planned" },
	"no adapter": func(_ *Copy, i *Intent) { i.NICs = []WantedNIC{wantedNIC} },
	"unready": func(t *Copy, i *Intent) {
		t.Adapters, i.NICs = []Adapter{{Name: "net"}}, []WantedNIC{wantedNIC}
	},
}

func intents() []Intent {
	var out []Intent
	for _, reverse := range []ReversePolicy{ReverseAfterGates, ReverseBeforeStart, ReverseOnCommit} {
		for _, upTo := range phaseOrder(reverse) {
			for _, consent := range []bool{false, true} {
				out = append(out, Intent{Operation: PlannedFailover, Reverse: reverse, UpTo: upTo, TurnOff: consent})
				for _, never := range []bool{false, true} {
					out = append(out, Intent{Operation: Cancel, Reverse: reverse, UpTo: upTo, LoseWrites: consent, NeverStarted: never})
				}
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
			all = slices.DeleteFunc(all, func(i Intent) bool { return i.UpTo != PhaseStart && i.UpTo != lastPhase(i.Reverse) })
		}
		for _, s := range copies {
			s.Host = "A"
			for _, target := range copies {
				for _, intent := range all {
					tc := target
					tc.Host = "B"
					decorate(&tc, &intent)
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
	live := func(c Copy) bool { return c.Reached && c.Exists && c.Power != "Off" && c.Power != "OffCritical" }
	switch {
	case !slices.Contains([]DecisionKind{Act, Wait, Done, Refuse, UnknownPair}, d.Kind):
		return "no answer"
	case d.Why == "" || d.Phase == "":
		return "an answer without words or phase"
	case (d.Kind == Refuse || d.Kind == UnknownPair) && d.Remedy == "":
		return "no remedy"
	case (!s.Reached || !t.Reached) && (d.Kind != UnknownPair || d.Good != "" || !d.Unseen):
		return "an unseen side is not off"
	case live(s) && live(t) && s.Mode != "TestReplica" && t.Mode != "TestReplica" && d.Kind != UnknownPair:
		return "both hold a running state and this is no alarm"
	case d.NoWayBack != (t.Reached && t.Exists && (t.Mode == "Primary" || t.Mode == "Replica" && t.State == "FailedOver")):
		return "the way back is told wrong"
	case s.State == "PreparedForFailover" && s.Mode == "Primary" && i.Operation == PlannedFailover && !d.Changed:
		return "a prepared source is a change"
	case d.Kind == Done && i.Operation == PlannedFailover && i.UpTo == lastPhase(i.Reverse) && (!live(t) || live(s)):
		return "done, and it does not run at the target alone"
	case d.Kind == Done && i.UpTo == lastPhase(i.Reverse) && i.Operation == PlannedFailover && s.Mode == "Primary" && s.State != "PreparedForFailover":
		return "done, and the source could start beside it"
	case d.Kind == Done && i.Operation == Cancel && i.UpTo != PhaseReady && i.released(PhaseStart) && (!live(s) || live(t)):
		return "cancelled, and it does not run at the source alone"
	case d.Kind == Act:
		return unsafeAct(i, s, t, d)
	case d.Irreversible || d.Verb != "":
		return "no act, and yet a verb"
	}
	return ""
}

func unsafeAct(i Intent, s, t Copy, d Decision) string {
	own, other := s, t
	if d.Side == Target {
		own, other = t, s
	}
	order := phaseOrder(i.Reverse)
	otherOff := !other.Exists || isOff(other.Power)
	failedOver := t.Exists && (t.State == "FailedOverWaitingCompletion" || t.State == "FailedOver" || t.State == "RecoveryInProgress" || t.Mode == "Primary")
	prepared := s.Exists && s.Mode == "Primary" && s.State == "PreparedForFailover" && isOff(s.Power)
	switch {
	case !own.Exists:
		return "an act on nothing"
	case d.Expect != Expect{own.Power, own.Mode, own.State}:
		return "expects another copy than it saw"
	case slices.Index(order, d.Phase) > slices.Index(order, i.UpTo):
		return "an act beyond what was released"
	case d.Irreversible && d.Verb != VerbReverse && d.Verb != VerbStopFailover:
		return "called irreversible"
	}
	ok := false
	switch d.Verb {
	case VerbStart:
		ok = isOff(own.Power) && otherOff
		if d.Side == Source {
			ok = ok && i.Operation == Cancel && !failedOver && s.Mode == "Primary" && s.State != "PreparedForFailover"
		} else {
			// A primary beside a primary may start only when the other is locked.
			ok = ok && i.Operation == PlannedFailover && failedOver && (prepared || t.Mode == "Primary" && s.Mode != "Primary")
		}
	case VerbSetNetwork:
		ok = d.Side == Target && i.Operation == PlannedFailover && len(i.NICs) > 0 && len(t.Adapters) > 0
	case VerbShutDown, VerbTurnOff:
		ok = d.Side == Source && i.Operation == PlannedFailover && (d.Verb == VerbTurnOff) == i.TurnOff && t.State == "Replicating" && t.Mode == "Replica"
	case VerbPrepareFailover:
		ok = d.Side == Source && isOff(s.Power) && s.Mode == "Primary" && t.Mode == "Replica" && t.State == "Replicating" && t.Extended == "" && t.TestVM == ""
	case VerbStartFailover:
		ok = d.Side == Target && prepared && t.State == "Replicating" && isOff(t.Power) && t.Extended == "" && t.TestVM == ""
	case VerbStopFailover:
		unused := i.NeverStarted && isOff(t.Power)
		ok = i.Operation == Cancel && prepared
		if d.Side == Source {
			ok = ok && !failedOver && isOff(t.Power) && !d.Irreversible
		} else {
			ok = ok && (i.LoseWrites || unused) && d.Irreversible == !unused
		}
	case VerbReverse:
		ok = d.Side == Target && i.Operation == PlannedFailover && d.Irreversible && i.Reverse != ReverseOnCommit && prepared &&
			t.State == "FailedOverWaitingCompletion" && !olderPoint(t)
	}
	if !ok {
		return fmt.Sprintf("%s at the %s must not happen here (irreversible %v)", d.Verb, d.Side, d.Irreversible)
	}
	return ""
}
