package plans

import (
	"fmt"
	"slices"
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
	}
	return 0
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
	p.People = people(in)
	return p
}

func loss(in RunInput, pairs []Pair) string {
	if in.Operation == Cancel {
		if in.LoseWrites {
			return "what users wrote at " + in.To + " since its VMs started there"
		}
		return "none: a VM that was failed over at " + in.To + " may have run there, so it is refused without --lose-writes"
	}
	var backlog uint64
	for _, p := range pairs {
		backlog += p.Source.PendingBytes
	}
	return fmt.Sprintf("none: each VM is shut down and its last changes are sent before it starts at %s (%s wait to be sent now)", in.To, mib(backlog))
}

func mib(b uint64) string { return fmt.Sprintf("%.0f MB", float64(b)/(1<<20)) }

func wayBack(in RunInput) string {
	if in.Operation == Cancel {
		return "run the plan again"
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
	for i, o := range owners {
		if i == 0 {
			text += ": " + o
		} else {
			text += ", " + o
		}
	}
	return text
}
