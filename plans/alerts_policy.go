package plans

import (
	"slices"
	"strings"
	"time"
)

// AlertPolicy is what the configuration says of alerts, in real time: spans that
// stand for something on a host are divided by a lab's speed.
type AlertPolicy struct {
	// Config is nil where nobody is to be told.
	Config *Alerts
	// After, Waiting and Repeat are the configuration's. Well is how long all
	// must be well before that is announced, Gather how long what comes to an
	// alert that people know of is gathered.
	After, Waiting, Repeat, Well, Gather time.Duration
	Zone                                 *time.Location
	// Simulated is true when the hosts are a lab's.
	Simulated bool
	// roles are who fills a role of a plan.
	roles map[string]map[string]string
}

// gatherTimes is how many times After additions are gathered.
const gatherTimes = 6

// AlertPolicyOf reads the configuration.
func AlertPolicyOf(cfg *Config, speed float64) AlertPolicy {
	p := AlertPolicy{Config: cfg.Alerts, Zone: time.UTC, Simulated: cfg.Lab != nil, roles: map[string]map[string]string{}}
	if cfg.Alerts == nil {
		return p
	}
	scaled := func(d Duration) time.Duration { return time.Duration(float64(d) / max(1, speed)) }
	p.After, p.Waiting, p.Repeat = scaled(cfg.Alerts.After), scaled(cfg.Alerts.Waiting), scaled(cfg.Alerts.Repeat)
	p.Well, p.Gather = p.After, gatherTimes*p.After
	if zone, err := time.LoadLocation(cfg.Alerts.Timezone); err == nil {
		p.Zone = zone
	}
	for _, plan := range cfg.Plans {
		p.roles[plan.Name] = map[string]string{}
		for _, r := range plan.Roles {
			p.roles[plan.Name][strings.ToLower(r.Name)] = r.Who
		}
	}
	return p
}

// AlertTarget is a channel and, for mail, whom to write to in place of the
// channel's own addresses.
type AlertTarget struct {
	Channel string `json:"channel"`
	Address string `json:"address,omitempty"`
}

func (t AlertTarget) String() string {
	if t.Address == "" {
		return t.Channel
	}
	return t.Channel + " (" + t.Address + ")"
}

// Route says where a message goes: to the people who are named, and where none
// of a name is known, to the channels that hear everything. A channel of some
// plans hears nothing of others, and nothing of the engine itself.
func (p AlertPolicy) Route(plan string, names []string) []AlertTarget {
	if p.Config == nil {
		return nil
	}
	var out []AlertTarget
	add := func(t AlertTarget) {
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	everybody := len(names) == 0
	for _, name := range names {
		person, ok := p.person(plan, name)
		everybody = everybody || !ok
		for _, channel := range person.Channels {
			t := AlertTarget{Channel: channel}
			if c, _ := p.Config.Channel(channel); c.Mail != nil {
				t.Address = person.Mail
			}
			add(t)
		}
	}
	for _, name := range p.Config.To {
		c, _ := p.Config.Channel(name)
		if everybody && (len(c.Plans) == 0 || slices.Contains(c.Plans, plan)) {
			add(AlertTarget{Channel: name})
		}
	}
	return out
}

// person is somebody by name, or by a role of the plan.
func (p AlertPolicy) person(plan, name string) (Person, bool) {
	for _, n := range []string{name, p.roles[plan][strings.ToLower(name)]} {
		for _, person := range p.Config.People {
			if n != "" && strings.EqualFold(person.Name, n) {
				return person, true
			}
		}
	}
	return Person{}, false
}

// Quiet says whether it is quiet at a moment, and until when.
func (p AlertPolicy) Quiet(now time.Time) (until time.Time, quiet bool) {
	if p.Config == nil || p.Config.Quiet == nil {
		return time.Time{}, false
	}
	from, errFrom := timeOfDay(p.Config.Quiet.From)
	to, errTo := timeOfDay(p.Config.Quiet.To)
	if errFrom != nil || errTo != nil {
		return time.Time{}, false
	}
	local := now.In(p.Zone)
	// By the clock on the wall, also on the days on which it is changed.
	day := func(n int, d time.Duration) time.Time {
		return time.Date(local.Year(), local.Month(), local.Day()+n, int(d/time.Hour), int(d%time.Hour/time.Minute), 0, 0, p.Zone)
	}
	for n := -1; n <= 0; n++ {
		end := day(n, to)
		if to <= from {
			end = day(n+1, to)
		}
		if !local.Before(day(n, from)) && local.Before(end) {
			return end, true
		}
	}
	return time.Time{}, false
}
