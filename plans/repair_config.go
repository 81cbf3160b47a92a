package plans

import (
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a window's time zone is known on every machine
)

// RepairMode says whether a rung of the repair ladder may be taken.
type RepairMode string

// The modes: without asking, after a person's yes, or not at all.
const (
	RepairAllow RepairMode = "allow"
	RepairAsk   RepairMode = "ask"
	RepairNever RepairMode = "never"
)

// DriftMode says what is done about settings of a replication that are not those
// of the configuration.
type DriftMode string

// The modes: say so, ask a person, or set them. What removes something is asked
// about in any mode.
const (
	DriftReport  DriftMode = "report"
	DriftAsk     DriftMode = "ask"
	DriftCorrect DriftMode = "correct"
)

// RepairPolicy is what may be done about replication that has stopped. Without
// one nothing is repaired and nobody is asked. A group's fields win over those of
// the whole configuration.
type RepairPolicy struct {
	// Resume is about replication in error (default: allow).
	Resume RepairMode `yaml:"resume,omitempty"`
	// ResumeAfter is how long an error may stand before the first resume
	// (default: two intervals of the group); each one after it waits twice as
	// long. ResumeTries is how many of one VM there may be in 24 hours, however
	// they end (default 3).
	ResumeAfter Duration `yaml:"resume_after,omitempty"`
	ResumeTries int      `yaml:"resume_tries,omitempty"`
	// Resync is about a resynchronization, which removes the replica's recovery
	// points (default: ask).
	Resync RepairMode `yaml:"resync,omitempty"`
	// Window is when one may begin, like 22:00-05:00 (default: at any hour), by
	// the clock of the sending host, in Timezone (default: UTC).
	Window   string `yaml:"window,omitempty"`
	Timezone string `yaml:"timezone,omitempty"`
	// AtOnce is how many may go on at once at a host, as sender or as receiver,
	// whoever began them (default 1); PerDay how many a sending host may begin in
	// 24 hours (default 4). Both are for the whole configuration only.
	AtOnce int `yaml:"resyncs_at_once,omitempty"`
	PerDay int `yaml:"resyncs_per_day,omitempty"`
	// Drift is about settings that differ from the configuration (default: report).
	Drift DriftMode `yaml:"drift,omitempty"`
}

// The defaults of a repair policy.
const (
	DefaultResumeTries = 3
	DefaultAtOnce      = 1
	DefaultPerDay      = 4
	// resumeIntervals is how many intervals an error may stand.
	resumeIntervals = 2
)

// RepairTarget is one leg of one VM of which a host has a copy, and what may be
// done about it.
type RepairTarget struct {
	VM    string `json:"vm"`
	Label string `json:"label"`
	// Leg is what the configuration says of it.
	Leg WatchedLeg `json:"leg"`
	// From and To are the hosts of both copies; either may be the sender now.
	From string `json:"from"`
	To   string `json:"to"`
	// Policy is nil where nothing is to be repaired.
	Policy *RepairPolicy `json:"policy,omitempty"`
	// Plans are those that the VM belongs to: a run of one goes first.
	Plans []string `json:"plans,omitempty"`
}

// RepairKey names a leg of a VM on the ladder: the VM's id, and /extended for the
// third copy's.
func RepairKey(vm string, leg Leg) string {
	if leg == ExtendedLeg {
		return vm + "/" + string(ExtendedLeg)
	}
	return vm
}

// RepairKeyOf reads what RepairKey writes.
func RepairKeyOf(key string) (vm string, leg Leg) {
	if id, found := strings.CutSuffix(key, "/"+string(ExtendedLeg)); found {
		return id, ExtendedLeg
	}
	return key, FirstLeg
}

// Repairs are the legs of a configuration with what may be done about each, by
// RepairKey. Spans are the hosts'.
func Repairs(cfg *Config) map[string]RepairTarget {
	out := map[string]RepairTarget{}
	for i := range cfg.Groups {
		g := &cfg.Groups[i]
		inPlans := map[string][]string{}
		for j := range g.VMs {
			inPlans[g.VMs[j].ID] = cfg.plansOf(&g.VMs[j])
		}
		for _, leg := range cfg.legs(g) {
			out[RepairKey(leg.VM, leg.Leg)] = RepairTarget{
				VM: leg.VM, Label: RepairKey(leg.Label, leg.Leg), Leg: leg, From: leg.From, To: leg.To,
				Policy: mergedRepair(cfg.Repair, g, leg.Policy.Frequency), Plans: inPlans[leg.VM],
			}
		}
	}
	return out
}

// mergedRepair is a group's policy over that of the configuration, with defaults
// for a leg of some frequency; nil where neither has one.
func mergedRepair(whole *RepairPolicy, g *ProtectionGroup, every Frequency) *RepairPolicy {
	if whole == nil && g.Repair == nil {
		return nil
	}
	p := RepairPolicy{}
	for _, over := range []*RepairPolicy{whole, g.Repair} {
		if over == nil {
			continue
		}
		setOver(&p.Resume, over.Resume)
		setOver(&p.ResumeAfter, over.ResumeAfter)
		setOver(&p.ResumeTries, over.ResumeTries)
		setOver(&p.Resync, over.Resync)
		setOver(&p.Window, over.Window)
		setOver(&p.Timezone, over.Timezone)
		setOver(&p.AtOnce, over.AtOnce)
		setOver(&p.PerDay, over.PerDay)
		setOver(&p.Drift, over.Drift)
	}
	setDefault(&p.Resume, RepairAllow)
	setDefault(&p.ResumeAfter, Duration(resumeIntervals*every.D()))
	setDefault(&p.ResumeTries, DefaultResumeTries)
	setDefault(&p.Resync, RepairAsk)
	setDefault(&p.AtOnce, DefaultAtOnce)
	setDefault(&p.PerDay, DefaultPerDay)
	setDefault(&p.Drift, DriftReport)
	return &p
}

func setOver[T comparable](field *T, over T) {
	var none T
	if over != none {
		*field = over
	}
}

func setDefault[T comparable](field *T, standard T) {
	var none T
	if *field == none {
		*field = standard
	}
}

// plansOf are the plans that name a VM, by its name or its id.
func (cfg *Config) plansOf(vm *ProtectedVM) []string {
	var out []string
	for i := range cfg.Plans {
		if slices.ContainsFunc(cfg.Plans[i].Steps, func(s Step) bool {
			return slices.ContainsFunc(s.VMs, func(p PlanVM) bool { return p.VM == vm.Name || strings.EqualFold(p.VM, vm.ID) })
		}) {
			out = append(out, cfg.Plans[i].Name)
		}
	}
	return out
}

// repairWindow is a part of the day, which may go over midnight.
type repairWindow struct {
	from, to time.Duration
	zone     *time.Location
}

// windowOf reads a policy's window; nil is any hour.
func windowOf(p RepairPolicy) (*repairWindow, error) {
	zone := time.UTC
	if p.Timezone != "" {
		var err error
		if zone, err = time.LoadLocation(p.Timezone); err != nil {
			return nil, fmt.Errorf("there is no time zone %q", p.Timezone)
		}
	}
	if p.Window == "" {
		return nil, nil
	}
	begin, end, ok := strings.Cut(p.Window, "-")
	from, err := timeOfDay(begin)
	to, err2 := timeOfDay(end)
	if !ok || err != nil || err2 != nil || from == to {
		return nil, fmt.Errorf("%q is no window", p.Window)
	}
	return &repairWindow{from, to, zone}, nil
}

// opensIn is how long it is until the window is open, 0 while it is. The clock
// of the wall decides: a day on which it is set forward or back counts too.
func (w *repairWindow) opensIn(at time.Time) time.Duration {
	if w == nil {
		return 0
	}
	local := at.In(w.zone)
	now := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute + time.Duration(local.Second())*time.Second
	if w.from < w.to && now >= w.from && now < w.to || w.from > w.to && (now >= w.from || now < w.to) {
		return 0
	}
	if now < w.from {
		return w.from - now
	}
	return w.from + 24*time.Hour - now
}

// checkRepair checks the policy at a path; a group's has no budget of a host.
func (c *checker) checkRepair(p *RepairPolicy, path string, group bool) {
	if p == nil {
		return
	}
	if p.Window == "" && !c.anyLost(path, "window") && p.Timezone != "" && group && c.cfg.Repair != nil && c.cfg.Repair.Window != "" {
		c.fail(path+".timezone", "write window: beside it", "a time zone alone would shift the window of the whole configuration")
	}
	if _, err := windowOf(RepairPolicy{Timezone: p.Timezone}); err != nil {
		c.fail(path+".timezone", "write it like Europe/Berlin or UTC", "%v", err)
	}
	if _, err := windowOf(RepairPolicy{Window: p.Window}); err != nil {
		c.fail(path+".window", "write it like 22:00-05:00", "%v", err)
	}
	if p.ResumeTries < 0 || p.ResumeTries > 24 {
		c.fail(path+".resume_tries", "write 1 to 24, or resume: never", "is %d", p.ResumeTries)
	}
	for _, budget := range []struct {
		field string
		n     int
	}{{"resyncs_at_once", p.AtOnce}, {"resyncs_per_day", p.PerDay}} {
		switch {
		case budget.n < 0:
			c.fail(path+"."+budget.field, "write 1 or more, or resync: never", "is %d", budget.n)
		case budget.n > 0 && group:
			c.fail(path+"."+budget.field, "write it under repair: of the whole configuration", "a host's budget belongs to no group")
		}
	}
}
