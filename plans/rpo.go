package plans

import (
	"slices"
	"strings"
	"time"
)

// HostTick is what one host said of its copies at one tick.
type HostTick struct {
	Host string `json:"host"`
	// At is the engine's clock, Clock the host's, in the same answer: every age
	// is Clock minus one of the host's own times.
	At     time.Time     `json:"at"`
	Clock  time.Time     `json:"clock"`
	Skew   *Duration     `json:"skew,omitempty"`
	Took   Duration      `json:"took"`
	Copies []WatchedCopy `json:"copies"`
}

// Relations are those of a VM's copy.
func (t HostTick) Relations(vm string) []WatchedRelation {
	for _, c := range t.Copies {
		if c.VM == vm {
			return c.Relations
		}
	}
	return nil
}

// WatchedCopy is a copy at one tick. Words are Hyper-V's enum names.
type WatchedCopy struct {
	VM        string            `json:"vm"`
	Mode      string            `json:"mode"`
	State     string            `json:"state"`
	Health    string            `json:"health"`
	Relations []WatchedRelation `json:"relations,omitempty"`
	Problems  []string          `json:"problems,omitempty"`
}

// WatchedRelation is a replication relationship of a copy at one tick. Pointers
// are nil where the host did not say.
type WatchedRelation struct {
	Extended      bool   `json:"extended,omitempty"`
	State         string `json:"state"`
	Health        string `json:"health"`
	PrimaryServer string `json:"primary_server,omitempty"`
	ReplicaServer string `json:"replica_server,omitempty"`
	// LastReplication is zero when there was none.
	LastReplication time.Time `json:"last_replication,omitzero"`

	FrequencySec    int      `json:"frequency_sec"`
	RecoveryHistory int      `json:"recovery_history"`
	AppHours        int      `json:"app_hours"`
	Compression     bool     `json:"compression"`
	Auth            string   `json:"auth"`
	Thumbprint      string   `json:"thumbprint,omitempty"`
	Port            int      `json:"port,omitempty"`
	Replicated      []string `json:"replicated,omitempty"`
	Excluded        []string `json:"excluded,omitempty"`

	// Pending are bytes that wait to be sent. Missed, Succeeded and Errors are
	// cycles since Monitoring, where the host began to count anew.
	Pending    *uint64   `json:"pending,omitempty"`
	Missed     *uint32   `json:"missed,omitempty"`
	Succeeded  *uint32   `json:"succeeded,omitempty"`
	Errors     *uint32   `json:"errors,omitempty"`
	Monitoring time.Time `json:"monitoring,omitzero"`
}

// TickRecord is what is kept of a schedule's last tick.
type TickRecord struct {
	Schedule ScheduleID `json:"schedule"`
	// Tick is the last one that the host answered.
	Tick HostTick `json:"tick"`
	// Since is when the host stopped answering, zero while it does; Why it does
	// not, Tried when it was asked last.
	Since time.Time   `json:"since,omitzero"`
	Why   string      `json:"why,omitempty"`
	Tried time.Time   `json:"tried,omitzero"`
	Legs  []LegStatus `json:"legs"`
	Drift []Drift     `json:"drift,omitempty"`
}

// LegStatus is one leg of one VM now, of what both ends said last.
type LegStatus struct {
	VM    string    `json:"vm"`
	Label string    `json:"label"`
	Group string    `json:"group"`
	Leg   Leg       `json:"leg"`
	At    time.Time `json:"at"`
	// Sender and Receiver are the hosts, as the copies' modes say; "" is not
	// seen.
	Sender   string `json:"sender,omitempty"`
	Receiver string `json:"receiver,omitempty"`
	// RPO is how old the receiving copy was, by its host's clock; of a receiver
	// that is not seen, by the sender's. It means nothing unless Known: Why says
	// what keeps it from being known.
	RPO    Duration `json:"rpo"`
	Known  bool     `json:"known"`
	Why    string   `json:"why,omitempty"`
	Target Duration `json:"target"`
	// State and Health are the sender's, ReplicaState and ReplicaHealth the
	// receiver's. State is now; Health lags behind.
	State         string `json:"state,omitempty"`
	Health        string `json:"health,omitempty"`
	ReplicaState  string `json:"replica_state,omitempty"`
	ReplicaHealth string `json:"replica_health,omitempty"`
	// Backlog are bytes that wait to be sent, nil when the sender is not seen.
	Backlog *uint64 `json:"backlog,omitempty"`
	// Missed are the cycles that the sender's host counts as missed since it
	// began to count.
	Missed *uint32 `json:"missed,omitempty"`
}

// Late is true when the copy is known to be older than it may be.
func (l LegStatus) Late() bool { return l.Known && l.RPO > l.Target }

// Sample is what one tick adds to a leg's history.
type Sample struct {
	VM  string
	Leg Leg
	// Measured is false for a sample that only brings missed cycles: the other
	// end's schedule measures.
	Measured bool
	// RPO counts if Known.
	RPO    time.Duration
	Known  bool
	Health string
	// Backlog are bytes, nil when not seen.
	Backlog *uint64
	Missed  uint32
}

// freshTicks is for how many ticks what the other end said still counts.
const freshTicks = 3

// end is one side of a leg: the copy and its relation for that leg.
type end struct {
	host  string
	clock time.Time
	copy  WatchedCopy
	rel   WatchedRelation
	// role is sender, receiver, or "" when the copy takes no part in the leg.
	role string
	// ago is how long before the tick at hand it was told, in the hosts' time.
	ago time.Duration
}

const (
	sends    = "sender"
	receives = "receiver"
)

// endOf finds a host's side of a leg in its tick.
func endOf(t HostTick, l WatchedLeg) end {
	e := end{host: t.Host, clock: t.Clock}
	i := slices.IndexFunc(t.Copies, func(c WatchedCopy) bool { return c.VM == l.VM })
	if i < 0 {
		return e
	}
	e.copy = t.Copies[i]
	extended := l.Leg == ExtendedLeg
	for _, r := range e.copy.Relations {
		// A third copy has one relation, whatever type it is told as.
		if r.Extended == extended || e.copy.Mode == "ExtendedReplica" {
			e.rel, e.role = r, roleOf(e.copy.Mode, extended)
		}
	}
	return e
}

func roleOf(mode string, extended bool) string {
	switch {
	case extended && mode == "ExtendedReplica":
		return receives
	case extended && (mode == "Replica" || mode == "Primary"):
		return sends
	case !extended && mode == "Primary":
		return sends
	case !extended && mode == "Replica":
		return receives
	}
	return ""
}

// MeasureTick turns a host's answer into what is kept: the legs as they stand,
// what goes into their history, and the tick in short. before is the record of
// this schedule's last tick; other gives the one of another host's schedule of
// the same frequency, with what is known of it.
//
// Of a leg whose receiver is seen, the receiver's schedule writes the history;
// else the sender's. Missed cycles are counted by the sender's host and written
// by its schedule alone, so that none is counted twice.
func MeasureTick(s HostSchedule, tick HostTick, before TickRecord, other func(host string) TickRecord) (TickRecord, []Sample, TickResult) {
	record := TickRecord{Schedule: s.ScheduleID, Tick: tick, Tried: tick.At, Legs: []LegStatus{}}
	result := TickResult{At: tick.At, Reached: true, Skew: tick.Skew, Took: tick.Took}
	var samples []Sample
	for _, l := range s.Legs {
		mine, theirs := endOf(tick, l), end{}
		if r := other(l.other(s.Host)); fresh(r, tick.At, s.Every) {
			theirs = endOf(r.Tick, l)
			theirs.ago = time.Duration(float64(max(0, tick.At.Sub(r.Tick.At))) * max(1, s.Speed))
		}
		if mine.role == "" && (theirs.role != "" || s.Host != l.From) {
			continue // the other end, or the end where it should be, tells of it
		}
		status := legStatus(l, tick.At, mine, theirs)
		sample := Sample{VM: l.VM, Leg: l.Leg, Measured: mine.role != sends || theirs.role != receives}
		if mine.role == sends {
			sample.Missed = missedSince(endOf(before.Tick, l), mine)
			record.Drift = append(record.Drift, DriftOf(l, mine.host, mine.rel)...)
		}
		if sample.Measured {
			sample.RPO, sample.Known, sample.Backlog = status.RPO.D(), status.Known, status.Backlog
			sample.Health = worseHealth(status.Health, status.ReplicaHealth)
		}
		if sample.Measured || sample.Missed > 0 {
			samples = append(samples, sample)
		}
		record.Legs = append(record.Legs, status)
		result.count(status, sample)
	}
	result.Drift = len(record.Drift)
	return record, samples, result
}

// Unanswered is the record after a tick that the host did not answer: what it
// said last stays, and is old.
func Unanswered(s HostSchedule, at time.Time, why string, before TickRecord) (TickRecord, TickResult) {
	record := before
	record.Schedule, record.Why, record.Tried = s.ScheduleID, why, at
	if record.Since.IsZero() {
		record.Since = at
	}
	return record, TickResult{At: at, Why: why, Since: record.Since, Legs: len(record.Legs)}
}

func fresh(r TickRecord, now time.Time, every time.Duration) bool {
	return r.Since.IsZero() && !r.Tick.At.IsZero() && now.Sub(r.Tick.At) <= freshTicks*every
}

func (r *TickResult) count(l LegStatus, s Sample) {
	r.Legs++
	r.Missed += int(s.Missed)
	switch {
	case !l.Known:
		r.Unknown++
		return
	case l.Late():
		r.Late++
	}
	if r.Worst == nil || behind(l.RPO, l.Target) > behind(r.Worst.RPO, r.Worst.Target) {
		r.Worst = &WorstLeg{VM: l.VM, Label: l.Label, Leg: l.Leg, RPO: l.RPO, Target: l.Target}
	}
}

// behind compares legs of different targets.
func behind(rpo, target Duration) float64 { return float64(rpo) / float64(max(target, 1)) }

// legStatus joins what both ends of a leg said.
func legStatus(l WatchedLeg, at time.Time, ends ...end) LegStatus {
	out := LegStatus{VM: l.VM, Label: l.Label, Group: l.Group, Leg: l.Leg, At: at, Target: l.Target, Why: "it does not replicate here"}
	var from, to end
	for _, e := range ends {
		switch e.role {
		case sends:
			from, out.Sender = e, e.host
			out.State, out.Health, out.Backlog, out.Missed = e.rel.State, e.rel.Health, e.rel.Pending, e.rel.Missed
		case receives:
			to, out.Receiver = e, e.host
			out.ReplicaState, out.ReplicaHealth = e.rel.State, e.rel.Health
		default:
			if told(e.copy, "Get-VMReplication") {
				out.Why = "the host does not tell how it replicates"
			}
		}
	}
	switch {
	case to.role != "":
		out.RPO, out.Known, out.Why = ageOf(to)
		if out.Known {
			out.RPO = grown(out.RPO, to.ago, from)
		}
	case from.role != "":
		out.RPO, out.Known, out.Why = ageOf(from)
	}
	return out
}

func told(c WatchedCopy, cmdlet string) bool {
	return slices.ContainsFunc(c.Problems, func(p string) bool { return strings.HasPrefix(p, cmdlet+":") })
}

// ageOf is how old the receiving copy is, both times of one host.
func ageOf(e end) (age Duration, known bool, why string) {
	switch {
	case strings.HasPrefix(e.rel.State, "FailedOver") || e.rel.State == "Recovered":
		return 0, false, "failed over: no other copy follows it"
	case e.rel.LastReplication.IsZero():
		return 0, false, "not protected yet: nothing was replicated"
	case e.rel.LastReplication.Sub(e.clock) > maxSkew:
		return 0, false, "the clock of " + e.host + " was set back: it is behind its own copy"
	}
	return Duration(max(0, e.clock.Sub(e.rel.LastReplication))), true, ""
}

// grown is the age of a copy that its host told some time ago: older by that, but
// not older than the last cycle that the sender has counted since by its own clock.
func grown(age Duration, ago time.Duration, from end) Duration {
	now := age + Duration(ago)
	if sent, known, _ := ageOf(from); known && from.role == sends {
		return max(age, min(now, sent))
	}
	return now
}

// missedSince is how many cycles a sender missed between two looks. Hyper-V
// counts within an interval of its own and begins again at 0.
//
// Microsoft: Measure-VMReplication, MissedReplicationCount;
// Reset-VMReplicationStatistics.
func missedSince(before, now end) uint32 {
	if now.rel.Missed == nil || before.role != sends || before.rel.Missed == nil {
		return 0
	}
	was, is := *before.rel.Missed, *now.rel.Missed
	if is < was || now.rel.Monitoring.After(before.rel.Monitoring) {
		return is
	}
	return is - was
}

// Healths are Hyper-V's words, the worst last.
var Healths = []string{"", "NotApplicable", "Normal", "Warning", "Critical"}

func worseHealth(a, b string) string {
	if slices.Index(Healths, b) > slices.Index(Healths, a) {
		return b
	}
	return a
}
