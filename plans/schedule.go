package plans

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"
)

// Leg is one hop of a VM's replication.
type Leg string

// The legs: from the first copy to the second, and on to the third.
const (
	FirstLeg    Leg = "first"
	ExtendedLeg Leg = "extended"
)

// ScheduleID names a replication schedule: one host and one frequency.
type ScheduleID struct {
	Host      string    `json:"host"`
	Frequency Frequency `json:"frequency"`
}

// String writes HOST/FREQUENCY, as people name a schedule.
func (s ScheduleID) String() string { return s.Host + "/" + s.Frequency.String() }

// ParseScheduleID reads what String writes.
func ParseScheduleID(text string) (ScheduleID, error) {
	cut := strings.LastIndex(text, "/")
	if cut <= 0 {
		return ScheduleID{}, fmt.Errorf("%q names no schedule: write HOST/FREQUENCY, like HV01/5m", text)
	}
	f, err := parseFrequency(text[cut+1:])
	if err != nil {
		return ScheduleID{}, err
	}
	return ScheduleID{Host: text[:cut], Frequency: f}, nil
}

// HostSchedule is what one schedule watches: every copy that one host has of
// the VMs of one frequency, whichever side it is now.
type HostSchedule struct {
	ScheduleID
	// Every is the real time between two ticks, Offset where they lie in it:
	// hosts tick one after another, not all at once.
	Every  time.Duration `json:"every"`
	Offset time.Duration `json:"offset"`
	// Speed is that of the hosts' clocks, 1 but in a lab.
	Speed float64      `json:"speed"`
	Legs  []WatchedLeg `json:"legs"`
}

// WatchedLeg is one leg of one VM, as the configuration wants it.
type WatchedLeg struct {
	VM    string `json:"vm"`
	Label string `json:"label"`
	Group string `json:"group"`
	Leg   Leg    `json:"leg"`
	// From and To are the hosts of the leg; after a failover it may go the other
	// way.
	From string `json:"from"`
	To   string `json:"to"`
	// Names are the names under which both hosts replicate.
	Names []string `json:"names"`
	// Target is how old the receiving copy may be.
	Target Duration  `json:"target"`
	Policy LegPolicy `json:"policy"`
}

// other is the host at the leg's other end.
func (l WatchedLeg) other(host string) string {
	if host == l.From {
		return l.To
	}
	return l.From
}

// LegPolicy is what the configuration says of a leg; nil and "" are not said.
type LegPolicy struct {
	Frequency      Frequency `json:"frequency"`
	RecoveryPoints *int      `json:"recovery_points,omitempty"`
	AppConsistent  *Duration `json:"app_consistent,omitempty"`
	Compression    *bool     `json:"compression,omitempty"`
	Authentication string    `json:"authentication,omitempty"`
	// Thumbprints are of the hosts' own certificates, by host.
	Thumbprints map[string]string `json:"thumbprints,omitempty"`
	// Excluded are the disks left out on record; nil is not compared.
	Excluded []string `json:"excluded,omitempty"`
}

// VMs are the ids of all VMs of a schedule, each once.
func (s HostSchedule) VMs() []string {
	var ids []string
	for _, l := range s.Legs {
		if !slices.Contains(ids, l.VM) {
			ids = append(ids, l.VM)
		}
	}
	return ids
}

// leastTick keeps a lab's fast clock from becoming a storm of calls.
const leastTick = 2 * time.Second

// cyclesLate is how many cycles a copy may be behind where no RPO is set.
const cyclesLate = 3

// Schedules are the replication schedules that a configuration asks for, by
// host and frequency. A VM is watched at both ends of each of its legs.
func Schedules(cfg *Config, speed float64) []HostSchedule {
	if speed <= 0 {
		speed = 1
	}
	found := map[ScheduleID]*HostSchedule{}
	for i := range cfg.Groups {
		for _, leg := range cfg.legs(&cfg.Groups[i]) {
			for _, host := range []string{leg.From, leg.To} {
				id := ScheduleID{Host: host, Frequency: leg.Policy.Frequency}
				s := found[id]
				if s == nil {
					s = &HostSchedule{ScheduleID: id, Every: realTime(id.Frequency.D(), speed), Speed: speed}
					s.Offset = OffsetOf(host, s.Every)
					found[id] = s
				}
				s.Legs = append(s.Legs, leg)
			}
		}
	}
	all := make([]HostSchedule, 0, len(found))
	for _, s := range found {
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b HostSchedule) int {
		if c := strings.Compare(a.Host, b.Host); c != 0 {
			return c
		}
		return int(a.Frequency.D()/time.Second) - int(b.Frequency.D()/time.Second)
	})
	return all
}

// legs are the legs of a group's VMs.
func (cfg *Config) legs(g *ProtectionGroup) []WatchedLeg {
	names := cfg.vmNames()
	var all []WatchedLeg
	for i := range g.VMs {
		vm := &g.VMs[i]
		label := vm.Name
		if names[vm.Name] > 1 {
			label = vm.Name + " (" + vm.ID + ")"
		}
		points, excluded := g.RecoveryPoints, vm.ExcludedDisks
		if excluded == nil {
			excluded = []string{}
		}
		all = append(all, WatchedLeg{
			VM: vm.ID, Label: label, Group: g.Name, Leg: FirstLeg, From: g.From, To: g.To, Names: cfg.replicaNames(g.From, g.To),
			Target: orTarget(g.RPO, g.Frequency),
			Policy: LegPolicy{
				Frequency: g.Frequency, RecoveryPoints: &points, AppConsistent: g.AppConsistent, Compression: g.Compression,
				Authentication: g.Authentication, Thumbprints: cfg.thumbprints(g.From, g.To), Excluded: excluded,
			},
		})
		if e := g.Extends; e != nil {
			all = append(all, WatchedLeg{
				VM: vm.ID, Label: label, Group: g.Name, Leg: ExtendedLeg, From: g.To, To: e.To, Names: cfg.replicaNames(g.To, e.To),
				Target: orTarget(e.RPO, e.Frequency), Policy: LegPolicy{Frequency: e.Frequency},
			})
		}
	}
	return all
}

func (cfg *Config) vmNames() map[string]int {
	names := map[string]int{}
	for i := range cfg.Groups {
		for j := range cfg.Groups[i].VMs {
			names[cfg.Groups[i].VMs[j].Name]++
		}
	}
	return names
}

func (cfg *Config) replicaNames(hosts ...string) []string {
	var names []string
	for _, h := range hosts {
		names = append(names, h)
		if replica := cfg.host(h).ReplicaName; replica != "" && replica != h {
			names = append(names, replica)
		}
	}
	return names
}

func (cfg *Config) thumbprints(hosts ...string) map[string]string {
	out := map[string]string{}
	for _, h := range hosts {
		if own := cfg.host(h).CertificateThumbprint; own != "" {
			out[h] = own
		}
	}
	return out
}

func orTarget(rpo Duration, f Frequency) Duration {
	if rpo > 0 {
		return rpo
	}
	return Duration(cyclesLate * f.D())
}

// realTime is a host's span in ours.
func realTime(d time.Duration, speed float64) time.Duration {
	return max(leastTick, time.Duration(float64(d)/speed).Truncate(time.Millisecond))
}

// OffsetOf spreads hosts over the time between two ticks, the same at every
// start.
func OffsetOf(host string, every time.Duration) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(host))
	return time.Duration(uint64(h.Sum32())%uint64(every/time.Millisecond)) * time.Millisecond
}

// FirstTick is the first moment after now at which a schedule ticks.
func FirstTick(now time.Time, every, offset time.Duration) time.Time {
	first := now.Truncate(every).Add(offset)
	for !first.After(now) {
		first = first.Add(every)
	}
	for first.Add(-every).After(now) {
		first = first.Add(-every)
	}
	return first
}

// NextTick is when a schedule ticks again after the tick that was planned for
// planned has ended at now, and how many ticks did not take place: they are not
// made up for.
func NextTick(planned, now time.Time, every time.Duration) (next time.Time, missed int) {
	if now.After(planned) {
		missed = int(now.Sub(planned) / every)
	}
	return planned.Add(time.Duration(missed+1) * every), missed
}

// ScheduleStatus is what a schedule says of itself. Times are the engine's.
type ScheduleStatus struct {
	ScheduleID
	// Paused is set while a person has stopped it.
	Paused   *SchedulePause `json:"paused,omitempty"`
	Started  time.Time      `json:"started"`
	LastTick time.Time      `json:"last_tick,omitzero"`
	NextTick time.Time      `json:"next_tick,omitzero"`
	// Lag is how late the last tick began, MaxLag the latest since Started.
	Lag    Duration `json:"lag"`
	MaxLag Duration `json:"max_lag"`
	Ticks  int      `json:"ticks"`
	// Missed are ticks that did not take place although it was not paused: the
	// engine was down, or the host was slow.
	Missed int        `json:"missed"`
	Last   TickResult `json:"last"`
	// Problem says why the last tick could not be kept; "" is well.
	Problem string `json:"problem,omitempty"`
}

// SchedulePause is who stopped a schedule, and why.
type SchedulePause struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
}

// pausedLong is how long a pause may last before people are reminded of it.
const pausedLong = 24 * time.Hour

// QuietSchedule is what to tell of a schedule that has not ticked since last; err is
// why it does not say how it stands. Of a pause that somebody made within a day it is
// nothing.
func QuietSchedule(id ScheduleID, paused *SchedulePause, err error, last, now time.Time) (p Problem, is bool) {
	name := ShellWord(id.String())
	p = Problem{
		Key: "schedule/" + id.String(), Group: "schedules-quiet", What: fmt.Sprintf("the replication schedule %s does not tick", id), Since: last,
		Means: "nothing of it is measured, kept as history or repaired", Do: "lifeboat schedule show " + name,
	}
	switch {
	case paused != nil && now.Sub(paused.Since) < pausedLong:
		return Problem{}, false
	case paused != nil:
		p.What, p.Since = fmt.Sprintf("the replication schedule %s is paused by %s: %s", id, paused.By, paused.Reason), paused.Since
		p.Group, p.Do = "schedules-paused", "lifeboat schedule resume "+name
	case err != nil:
		p.What += ": " + err.Error()
	}
	return p, true
}

// TickResult is one tick in short.
type TickResult struct {
	// Gone is true when the configuration has the schedule no longer.
	Gone bool      `json:"gone,omitempty"`
	At   time.Time `json:"at,omitzero"`
	// Reached is false when the host gave no answer: Why, and since when.
	Reached bool      `json:"reached"`
	Why     string    `json:"why,omitempty"`
	Since   time.Time `json:"since,omitzero"`

	// Legs are those of which the host has a side, Late those over their
	// target, Unknown those whose RPO nobody can tell.
	Legs    int `json:"legs"`
	Late    int `json:"late"`
	Unknown int `json:"unknown"`
	// Missed are replication cycles that the host has counted as missed since
	// the tick before; Drift are differences from the configuration.
	Missed int `json:"missed"`
	Drift  int `json:"drift"`
	// Worst is the leg that is the most behind its target, nil when none is
	// known.
	Worst *WorstLeg `json:"worst,omitempty"`
	// Skew is the host's clock minus ours; nil in a lab, whose time is its own.
	Skew *Duration `json:"skew,omitempty"`
	// Took is how long the host's answer took.
	Took Duration `json:"took"`
}

// WorstLeg is the leg that is the most behind.
type WorstLeg struct {
	VM     string   `json:"vm"`
	Label  string   `json:"label"`
	Leg    Leg      `json:"leg"`
	RPO    Duration `json:"rpo"`
	Target Duration `json:"target"`
}

// State is the schedule in one word: paused, starting, unseen, unkept, late,
// drift or well.
func (s ScheduleStatus) State() string {
	switch {
	case s.Paused != nil:
		return "paused"
	case s.Problem != "":
		return "unkept"
	case s.Last.At.IsZero():
		return "starting"
	case !s.Last.Reached:
		return "unseen"
	case s.Last.Late > 0 || s.Last.Unknown > 0:
		return "late"
	case s.Last.Drift > 0:
		return "drift"
	}
	return "well"
}
