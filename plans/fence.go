package plans

import (
	"fmt"
	"strings"
)

// fenceSource is what must happen before a copy may run at the target; open is
// false when the source cannot run, or a person has stated that it is gone.
func fenceSource(i Intent, s Copy, phase Phase) (d Decision, open bool) {
	if !s.Reached {
		if i.SourceGone && !i.SourceBack && !s.Lives {
			return Decision{}, false
		}
		d = unreached(s, Copy{Reached: true})
		d.Why = fmt.Sprintf("%s cannot be seen, and nobody has stated that it is dark: if this VM runs there, two copies would run", s.Host)
		switch {
		case i.SourceGone && s.Lives:
			d.Why = fmt.Sprintf("%s was stated to be dark, and yet it took the question that it did not answer: if this VM runs there, two copies would run", s.Host)
		case i.SourceBack:
			d.Why = fmt.Sprintf("%s cannot be seen again: it was back meanwhile, so what was stated of it holds no more. If this VM runs there, two copies would run", s.Host)
		}
		d.Remedy = "ask somebody to look, or cut its power; then run again with --statement \"who saw what, when\""
		return d, true
	}
	switch family := familyOf(Classify(s)); {
	case Classify(s) == Missing, Classify(s) == PPrepared, family == famReplica:
		return Decision{}, false
	case family == famPrimary, family == famLoose:
	default:
		return unexpected(s, Copy{}), true
	}
	if isOff(s.Power) {
		if s.AutoStart == "Nothing" {
			return Decision{}, false
		}
		return noAutoStart(phase, s, ""), true
	}
	return stopSource(i, s, phase), true
}

// noAutoStart keeps a host from starting its copy at its next boot; how it was
// before is kept for the day on which the copy may start again.
func noAutoStart(phase Phase, s Copy, good Side) Decision {
	d := act(phase, VerbNoAutoStart, Source, s, good, "keep "+s.Host+" from starting its copy by itself")
	d.AutoStart = s.AutoStart
	return d
}

// stopSource is for a source that runs while its copy elsewhere shall.
func stopSource(i Intent, s Copy, phase Phase) Decision {
	saved := primaryByPower(s.Power) == PSaved
	switch {
	case !saved && !isRunning(s.Power):
		return busySource(s)
	case i.TurnOff || i.Fence == FenceTurnOff:
		return act(phase, VerbTurnOff, Source, s, "", "cut the power of the copy at "+s.Host+", as a person decided; its disk is kept")
	case i.Fence == FenceShutDown && !saved:
		return act(phase, VerbShutDown, Source, s, "", "shut down the copy at "+s.Host+" first, as a person decided")
	}
	d := refuse(fmt.Sprintf("the copy at %s answers and is %s: a copy must not start beside it. While %s answers, a planned failover loses nothing", s.Host, s.Power, s.Host),
		"stop this run and use --planned; or turn off that copy (its disk is kept), by the answer turn-off or with --fence shut-down")
	d.Offer = []Choice{ChoiceTurnOff}
	return d
}

// nextFence keeps an old primary from running after the copy at the target has
// taken over: no automatic start at once, and when it runs what a person decided
// of it, or what the policy says while the copy that took over is seen running. It
// acts at the source only, and only while the target is the one that goes on.
//
// Microsoft: Set-VM -AutomaticStartAction, Stop-VM, Disconnect-VMNetworkAdapter.
func nextFence(i Intent, s, t Copy) Decision {
	switch {
	case !s.Reached:
		return wait(s.Host + " is not seen")
	case !t.Reached && !i.RanThere:
		return wait(t.Host + " is not seen: nothing is stopped at " + s.Host + " before it is known that the copy at " + t.Host + " lives")
	case t.Reached && !tookOver(t):
		return finished("the copy at " + t.Host + " has not taken over: nothing to keep from running at " + s.Host)
	}
	switch family := familyOf(Classify(s)); {
	case Classify(s) == Missing:
		return finished("there is no copy at " + s.Host)
	case family == famReplica:
		return finished("the copy at " + s.Host + " is a replica: it cannot start")
	case Classify(s) == PPrepared:
		return finished("the copy at " + s.Host + " is prepared for failover, which locks it")
	case family == famPrimary, family == famLoose:
	default:
		return unexpected(s, t)
	}
	if !t.Reached && !i.decided() {
		return besideUnseen(i, s, t)
	}
	if s.AutoStart != "Nothing" {
		return noAutoStart(PhaseFence, s, Target)
	}
	if isOff(s.Power) {
		return finished("off at " + s.Host + ", and it does not start by itself")
	}
	return stopReturned(i, s, t)
}

// decided is true when a person has said what becomes of this very copy.
func (i Intent) decided() bool { return i.TurnOff || i.ByPerson }

// besideUnseen is for an old primary while nobody sees the copy that took over.
func besideUnseen(i Intent, s, t Copy) Decision {
	if isOff(s.Power) || primaryByPower(s.Power) == PBusy {
		return wait(t.Host + " is not seen: nothing is done at " + s.Host + " until it is")
	}
	return askAlone(i, s, t)
}

// tookOver is true for a target that goes on in the source's place.
func tookOver(t Copy) bool {
	f := familyOf(Classify(t))
	return f == famFailed || f == famPrimary || Classify(t) == RFailingOver || Classify(t) == UnprotectedRunning
}

// stopReturned is for an old primary that runs again. A policy alone does not
// stop what may be the only copy that users have.
func stopReturned(i Intent, s, t Copy) Decision {
	alone := !t.Reached || !isRunning(t.Power)
	beside := ""
	switch {
	case primaryByPower(s.Power) == PBusy:
		return busySource(s)
	case i.Fence == FenceDisconnect && !i.TurnOff && !reachesUsers(s):
		return finished("runs at " + s.Host + " without any network: shut it down when what it holds was looked at")
	case alone && !i.decided() && t.Reached && primaryByPower(t.Power) == PBusy:
		return wait(fmt.Sprintf("the copy at %s is %s: nothing is stopped at %s before it runs", t.Host, t.Power, s.Host))
	case alone && !i.decided():
		return askAlone(i, s, t)
	case alone:
		beside = ", as a person decided; " + otherWords(t)
	}
	switch {
	case i.TurnOff || i.Fence == FenceTurnOff:
		return act(PhaseFence, VerbTurnOff, Source, s, Target, "cut the power of the old copy at "+s.Host+"; its disk is kept"+beside)
	case i.Fence == FenceShutDown && isRunning(s.Power):
		return act(PhaseFence, VerbShutDown, Source, s, Target, "shut down the old copy at "+s.Host+beside)
	case i.Fence == FenceDisconnect:
		return act(PhaseFence, VerbDisconnect, Source, s, Target, "take the old copy at "+s.Host+" off the network"+beside)
	}
	d := refuse(fmt.Sprintf("DANGER: the old copy is %s at %s too%s. Its disk may hold changes made since then that exist nowhere else", s.Power, s.Host, sinceUptime(s)),
		"turn-off cuts its power and keeps its disk; disconnect lets it run without a network")
	d.Offer = []Choice{ChoiceTurnOff, ChoiceDisconnect}
	return d
}

// askAlone asks about an old copy beside which no other is seen running: users
// may be on it, and stopping it may leave them with none.
func askAlone(i Intent, s, t Copy) Decision {
	policy := ""
	if i.Fence != "" && i.Fence != FenceAsk {
		policy = fmt.Sprintf(". on_return: %s has not touched it, for no other copy is seen running, and does so once the one at %s is", i.Fence, t.Host)
	}
	d := refuse(fmt.Sprintf("DANGER: the old copy is %s at %s%s, and %s: users may be on the old one. Each may hold changes that exist nowhere else%s",
		s.Power, s.Host, sinceUptime(s), otherWords(t), policy),
		"say which copy shall go on before this one is stopped: turn-off cuts its power and keeps its disk, then no copy may run until the failover is run again; disconnect lets it run without a network")
	d.Offer, d.Alone = []Choice{ChoiceTurnOff, ChoiceDisconnect}, isRunning(s.Power)
	return d
}

// otherWords says how the copy that took over stands while it is not seen running.
func otherWords(t Copy) string {
	if !t.Reached {
		return "the one that took over cannot be seen: " + t.Host + " does not answer"
	}
	return fmt.Sprintf("the one at %s, which took over, is %s", t.Host, strings.ToLower(t.Power))
}

func reachesUsers(c Copy) bool {
	for _, a := range c.Adapters {
		if a.Switch != "" || a.Connected {
			return true
		}
	}
	return false
}

// sinceUptime says since when a copy runs, by its own host's clock.
func sinceUptime(c Copy) string {
	if c.Uptime <= 0 || c.At.IsZero() {
		return ""
	}
	return ", since " + c.At.Add(-c.Uptime).UTC().Format("2 Jan 15:04") + " UTC"
}
