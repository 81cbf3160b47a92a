package plans

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// expected are the durations a prediction starts from when nothing is known of
// a VM. They stand for ordinary servers; learned ones come with the run's
// input.
func expected(vm RunVM, phase Phase) time.Duration {
	if d, ok := vm.Expected[phase]; ok {
		return d.D()
	}
	switch phase {
	case PhaseReady:
		return 2 * time.Second
	case PhaseShutdown:
		return 60 * time.Second
	case PhaseMove:
		return 20 * time.Second
	case PhaseStart:
		return 5 * time.Second
	case PhaseGates:
		return 90 * time.Second
	case PhaseReverse:
		return 15 * time.Second
	case PhaseFence:
		return 2 * time.Second
	case PhaseTest, PhaseCommit, PhaseCleanUp:
		return 10 * time.Second
	case PhaseEnable, PhaseRemove, PhaseShorten:
		return 15 * time.Second
	case PhaseExtend:
		if vm.Extend == nil {
			return 0
		}
		return 10 * time.Minute // as PhaseSync
	case PhaseSync:
		// How long sending back takes is known only once the host tells how
		// far it is.
		return 10 * time.Minute
	}
	return 0
}

// ExpectedUp is how long a VM is expected to take from its start until its
// gates are green.
func ExpectedUp(vm RunVM) time.Duration {
	return expected(vm, PhaseStart) + expected(vm, PhaseGates) + vm.Settle.D()
}

// Prediction is what a run is expected to mean, before it starts.
type Prediction struct {
	// Loss, WayBack and People are sentences.
	Loss    string `json:"loss"`
	WayBack string `json:"way_back"`
	People  string `json:"people"`
	// Duration is the whole run's, Downtime the longest a VM is away.
	Duration Duration `json:"duration"`
	Downtime Duration `json:"downtime"`
	// Critical is the chain of VM labels that decides the duration.
	Critical []string `json:"critical,omitempty"`
	// Basis says which durations were learned from past runs, and which assumed.
	Basis string `json:"basis"`
}

// Predict says what a run would mean. pairs may be empty.
func Predict(in RunInput, pairs []Pair) Prediction {
	var p Prediction
	done := func(RunVM, Phase) bool { return false }
	c := newClockwork(in, done)
	end := c.run()
	p.Duration, p.Critical = Duration(end), c.critical()
	p.Downtime = Duration(c.longestAway())
	p.Loss = loss(in, pairs)
	p.WayBack = wayBack(in)
	p.People, p.Basis = people(in), Basis(in)
	return p
}

func loss(in RunInput, pairs []Pair) string {
	switch in.Operation {
	case Cancel:
		if in.LoseWrites {
			return "what users wrote at " + in.To + " since its VMs started there" + longest(pairs)
		}
		return "none: a VM that was failed over at " + in.To + " may have run there, so it is refused without --lose-writes"
	case UnplannedFailover:
		return "what users wrote at " + in.From + " after each VM's recovery point" + worstBehind(in, pairs)
	case TestFailover:
		return "none: neither production nor replication is touched"
	case Commit:
		return "no data; after it no other recovery point can be chosen"
	case Reprotect:
		if in.Replace != "" {
			return "none: " + in.To + " holds the good copies, and first copies go from there"
		}
		if in.Chain == ChainKeep {
			return "none: " + in.To + " goes on to the third site; the copies at " + in.From + " are left out, old as they are"
		}
		lost := "what the old copies at " + in.From + " hold and " + in.To + " has not: it is overwritten"
		if in.Chain == ChainBack {
			lost += ". The copies at the third site get nothing more: extend to it again later"
		}
		return lost
	case Protect:
		if in.Seed.How == SeedExisting {
			return "what the copies at " + in.To + " hold and " + in.From + " has not: it is overwritten"
		}
		return "none: the VMs go on running at " + in.From
	case Unprotect:
		return "no data; the recovery points at " + in.To + " go, and replicas there get nothing more"
	case PlannedFailover, Fence:
	}
	var backlog uint64
	for _, p := range pairs {
		backlog += p.Source.PendingBytes
	}
	return fmt.Sprintf("none: each VM is shut down and its last changes are sent before it starts at %s (%s wait to be sent now)", in.To, mib(backlog))
}

// longest says for how long users may have written at the target.
func longest(pairs []Pair) string {
	var most time.Duration
	for _, p := range pairs {
		if runs(p.Target) {
			most = max(most, p.Target.Uptime)
		}
	}
	if most == 0 {
		return ""
	}
	return ", up to " + forPeople(most)
}

// worstBehind names the VM that loses most.
func worstBehind(in RunInput, pairs []Pair) string {
	var most time.Duration
	label := ""
	found := byID(pairs)
	for _, vm := range in.VMs() {
		p := found[vm.ID]
		if p == nil || vm.Point.Time.IsZero() || p.Target.At.IsZero() {
			continue
		}
		if behind := p.Target.At.Sub(vm.Point.Time); label == "" || behind > most {
			most, label = behind, vm.Label
		}
	}
	if label == "" {
		return ""
	}
	if most > time.Minute { // what is lost at most is never rounded down
		most = (most + time.Minute - 1).Truncate(time.Minute)
	}
	return fmt.Sprintf("; most for %s: %s", label, forPeople(most))
}

func mib(b uint64) string { return fmt.Sprintf("%.0f MB", float64(b)/(1<<20)) }

func wayBack(in RunInput) string {
	switch in.Operation {
	case Cancel:
		return "run the plan again"
	case UnplannedFailover:
		return fmt.Sprintf("until commit: another point with --lose-writes, or lifeboat cancel %s. After it: lifeboat reprotect %s, then lifeboat failback %s", ShellWord(in.Plan), ShellWord(in.Plan), ShellWord(in.Plan))
	case TestFailover:
		return "test copies are removed in the end, whatever happens"
	case Commit:
		return fmt.Sprintf("none by cancel; the way home is lifeboat reprotect %s, then lifeboat failback %s", ShellWord(in.Plan), ShellWord(in.Plan))
	case Reprotect:
		if in.Replace != "" {
			return "none is needed: no data is given up, only replication is pointed elsewhere"
		}
		if in.Chain == ChainKeep {
			return "none by one command: " + wayFromThird("the hosts at "+in.To, "those at "+in.From)
		}
		return "none: the old copies become replicas. The way home is then lifeboat failback " + ShellWord(in.Plan)
	case Protect:
		return "lifeboat unprotect " + ShellWord(strings.TrimPrefix(in.Plan, ProtectionPlan("")))
	case Unprotect:
		return "none by a command: protecting again needs a new first copy; --seed existing begins from the copies that stay at " + in.To
	case PlannedFailover, Fence:
	}
	if in.Chain == ChainKeep {
		return "lifeboat cancel, until a VM's gates are green and it goes on to the third site; then the copies at " + in.From + " are old and left out"
	}
	switch in.Reverse {
	case ReverseBeforeStart:
		return "until a VM's replication is reversed, which is before it starts; then the way home is a failover to " + in.From
	case ReverseOnCommit:
		return "lifeboat cancel, until you commit"
	case ReverseAfterGates:
	}
	return "lifeboat cancel, until a VM's gates are green and its replication is reversed; then the way home is a failover to " + in.From
}

func people(in RunInput) string {
	n, takes := 0, time.Duration(0)
	var owners []string
	for _, s := range in.Steps {
		if s.Manual == nil {
			continue
		}
		n++
		takes += s.Manual.Takes.D()
		if s.Manual.Owner != "" && !slices.Contains(owners, s.Manual.Owner) {
			owners = append(owners, s.Manual.Owner)
		}
	}
	if n == 0 {
		return "no step needs a person"
	}
	text := fmt.Sprintf("%d steps need people, %s in all", n, Duration(takes))
	if n == 1 {
		text = fmt.Sprintf("1 step needs people, %s", Duration(takes))
	}
	for i, o := range owners {
		if i == 0 {
			text += ": " + o
		} else {
			text += ", " + o
		}
	}
	return text
}
