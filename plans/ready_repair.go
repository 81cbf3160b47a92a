package plans

import (
	"fmt"
	"strings"
	"time"
)

// RepairSeen is a VM's step as its repair ladder saw it last, by the engine's clock.
type RepairSeen struct {
	Step RepairStep
	At   time.Time
}

// repairForgotten is for how long after its time a step still says what comes next:
// a ladder looks at least as often.
const repairForgotten = 10 * time.Minute

// mended says what Lifeboat does by itself about replication that has stopped, and
// when, whom it asks, or that it may not; byHand is the way of a person, and all
// there is where the configuration has no policy.
func (r *ready) mended(vm RunVM, p Pair, c Class, byHand string) (way, remedy string) {
	source, target := familyOf(Classify(p.Source)), familyOf(Classify(p.Target))
	if pair := source == famPrimary && target == famReplica || source == famReplica && target == famPrimary; !pair {
		return "", byHand // the ladder leaves alone what is no pair, as the third copy of a chain that was kept
	}
	policy := r.look.Known.Repairs[vm.ID]
	if policy == nil {
		return "", byHand
	}
	wants, mode := RungResume, policy.Resume
	switch c {
	case PError, RError:
	case PPaused, RPaused:
		mode = RepairAsk
	case PResyncNeeded:
		wants, mode = RungResync, policy.Resync
	default:
		return "", byHand
	}
	if seen, ok := r.look.Repairs[vm.ID]; ok && (seen.Step.Wants == wants || seen.Step.Rung == wants || seen.Step.Rung == RungHeld) {
		if due := seen.At.Add(seen.Step.In.D()); r.look.Now.Before(due.Add(repairForgotten)) {
			return stepSays(vm, seen.Step, wants, due, byHand)
		}
	}
	return policySays(vm, policy, wants, mode, byHand)
}

// does is a rung as Lifeboat's own act, with what it costs.
func does(rung Rung) (act, cost string) {
	if rung == RungResync {
		return "resynchronizes it", "; its recovery points are lost then"
	}
	return "resumes it", ""
}

// stepSays say the ladder's next step.
func stepSays(vm RunVM, s RepairStep, wants Rung, due time.Time, byHand string) (way, remedy string) {
	act, cost := does(wants)
	switch {
	case s.Rung == RungHeld:
		return "held", "Lifeboat leaves it alone (" + lastPart(s.Why) + "): " + byHand
	case s.Rung == RungAsk:
		return afterYes(vm, wants, byHand)
	case s.Acts():
		return string(wants), fmt.Sprintf("Lifeboat %s now%s", act, cost)
	case s.In > 0:
		return string(wants), fmt.Sprintf("Lifeboat %s at %s (policy: %s)%s; if it does not hold: %s", act, clock(due), wants, cost, byHand)
	}
	return string(wants), fmt.Sprintf("Lifeboat %s by itself: %s%s", act, lastPart(s.Why), cost)
}

// policySays say what the policy has, where no ladder has told yet.
func policySays(vm RunVM, p *RepairPolicy, wants Rung, mode RepairMode, byHand string) (way, remedy string) {
	act, cost := does(wants)
	switch {
	case mode == RepairNever:
		return "held", fmt.Sprintf("Lifeboat may not (policy: %s: never): %s", wants, byHand)
	case mode == RepairAsk:
		return afterYes(vm, wants, byHand)
	case wants == RungResume:
		return string(wants), fmt.Sprintf("Lifeboat %s by itself when that has lasted %s (policy: resume); if it does not hold: %s", act, p.ResumeAfter, byHand)
	case p.Window != "":
		return string(wants), fmt.Sprintf("Lifeboat %s by itself in its window, %s %s (policy: resync)%s", act, p.Window, orWord(p.Timezone, "UTC"), cost)
	}
	return string(wants), fmt.Sprintf("Lifeboat %s by itself (policy: resync)%s", act, cost)
}

// afterYes is for what Lifeboat does after a yes.
func afterYes(vm RunVM, wants Rung, byHand string) (way, remedy string) {
	before := ""
	if why, _, found := strings.Cut(byHand, ", then "); found {
		before = why + ", then "
	}
	act, cost := does(wants)
	return "ask", fmt.Sprintf("%slifeboat repair approve %s: Lifeboat %s after a yes%s. lifeboat repair list names all that wait", before, ShellWord(vm.Label), act, cost)
}

// lastPart is the last of the reasons in a ladder's words.
func lastPart(why string) string { return strings.TrimSpace(why[strings.LastIndex(why, ";")+1:]) }
