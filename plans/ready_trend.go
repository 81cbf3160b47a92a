package plans

import (
	"fmt"
	"time"
)

// Sent is what one look at a primary showed of what it sends, by its host's clock.
type Sent struct {
	Host    string
	At      time.Time
	Last    time.Time // its last replication
	Backlog uint64    // bytes
}

// A trail reaches far enough back to judge a VM of the longest interval, and has no
// more looks than that takes.
const (
	sentKept  = 40 * time.Minute
	sentApart = 2 * time.Minute
)

// trendLeast is the shortest time in which it shows whether a copy catches up;
// trendMost is how long that may take for nothing to be done.
const (
	trendLeast = 5 * time.Minute
	trendMost  = 24 * time.Hour
)

const moreRoom = "Give its line more room, or write less"

// FollowSent adds a look at a primary to those before, oldest first. What another
// host sent, or a clock that was set back, begins anew.
func FollowSent(trail []Sent, c Copy) []Sent {
	if n := len(trail); n > 0 && (trail[n-1].Host != c.Host || c.At.Before(trail[n-1].At)) {
		trail = nil
	}
	if n := len(trail); n > 0 && c.At.Sub(trail[n-1].At) < sentApart {
		return trail
	}
	for len(trail) > 1 && c.At.Sub(trail[1].At) > sentKept {
		trail = trail[1:]
	}
	return append(trail, Sent{Host: c.Host, At: c.At, Last: c.LastReplication, Backlog: c.PendingBytes})
}

// The ways in which a copy that is too old goes on.
const (
	wayCatchingUp = "catching-up"
	wayFalling    = "falling-behind" // cycles end, and more is written than is sent
	wayStanding   = "standing"       // no cycle ends
	wayUnjudged   = "not-judged"
)

// trend judges whether a VM that is late catches up, and says what to do.
func (r *ready) trend(vm RunVM, p Pair, line ReadyVM) (way, remedy string) {
	look := "Measure-VMReplication on " + vm.SourceHost
	if !r.view(vm.SourceHost).Reached || familyOf(Classify(p.Source)) != famPrimary {
		return wayUnjudged, "whether it catches up cannot be judged while " + vm.SourceHost + " does not tell; then: " + look
	}
	if r.look.Sent == nil {
		return wayUnjudged, "one look cannot judge whether it catches up: lifeboat status can, where the engine runs; else " + look
	}
	now, trail := p.Source, r.look.Sent[vm.ID]
	need := max(trendLeast, 2*max(vm.Frequency.D(), time.Duration(now.FrequencySec)*time.Second))
	before := -1
	for i, s := range trail {
		if s.Host == now.Host && now.At.Sub(s.At) >= need {
			before = i
		}
	}
	if before < 0 {
		since := now.At
		if len(trail) > 0 && trail[0].Host == now.Host {
			since = trail[0].At
		}
		return wayUnjudged, fmt.Sprintf("wait: whether it catches up can be judged from %s on; if it cannot wait: %s", clock(since.Add(need)), look)
	}
	return trendSince(trail[before], now, line, look)
}

// trendSince compares two looks at one primary.
func trendSince(before Sent, now Copy, line ReadyVM, look string) (way, remedy string) {
	span := now.At.Sub(before.At)
	ago, newer := forPeople(span), now.LastReplication.Sub(before.Last)-span
	until := func(share float64, what string) (string, string) {
		left := time.Duration(float64(span) * share)
		if left > trendMost {
			return wayFalling, fmt.Sprintf("it hardly catches up (%s), at that rate not before %s. %s; %s shows each cycle", what, clock(now.At.Add(left)), moreRoom, look)
		}
		return wayCatchingUp, fmt.Sprintf("nothing: it is catching up (%s), at that rate until about %s", what, clock(now.At.Add(left)))
	}
	switch {
	case now.PendingBytes < before.Backlog:
		less := before.Backlog - now.PendingBytes
		return until(float64(now.PendingBytes)/float64(less), size(less)+" less to send than "+ago+" ago")
	case newer > 0:
		return until(float64(max(0, line.Behind-line.Target))/float64(newer), forPeople(newer)+" less behind than "+ago+" ago")
	}
	more := size(now.PendingBytes-before.Backlog) + " more waits than " + ago + " ago"
	if now.LastReplication.Equal(before.Last) {
		return wayStanding, fmt.Sprintf("it is NOT catching up: no cycle has ended since %s, and %s. %s; then the line and the load between the hosts", clock(line.LastGood), more, look)
	}
	return wayFalling, fmt.Sprintf("it is NOT catching up: cycles end, and %s. %s; %s shows each cycle", more, moreRoom, look)
}
