package plans

import (
	"slices"
	"time"
)

// AlertsView is what people look at. Field names are stable.
type AlertsView struct {
	// At is when; Live is false when it was read from the file of an engine that
	// does not run: then nobody sends.
	At   time.Time `json:"at"`
	Live bool      `json:"live"`
	// Configured is false where the configuration names nobody to tell.
	Configured bool `json:"configured"`
	// QuietUntil is when the quiet hours end, zero when there are none now.
	QuietUntil time.Time          `json:"quiet_until,omitzero"`
	Open       []AlertRow         `json:"open"`
	Channels   []AlertChannel     `json:"channels"`
	Heartbeat  *HeartbeatHealth   `json:"heartbeat,omitempty"`
	Silences   map[string]Silence `json:"silences,omitempty"`
	// Waiting are messages that somebody has not got yet, Lost those of the last
	// ones that were given up; Told the last ones.
	Waiting []AlertMessage `json:"waiting"`
	Lost    []AlertMessage `json:"lost,omitempty"`
	Told    []AlertMessage `json:"told"`
}

// AlertRow is one thing that is wrong.
type AlertRow struct {
	Key string `json:"key"`
	OpenAlert
	// Settling is true while it has not lasted long enough to be told.
	Settling bool `json:"settling,omitempty"`
}

// Told are the things that are wrong, as a message tells them.
func (r AlertRow) Told(zone *time.Location, now time.Time) []ToldLine {
	m := AlertMessage{Kind: AlertRepeat}
	for _, p := range r.Problems {
		m.Lines = append(m.Lines, AlertLine{Problem: p.Problem, Over: p.Over})
	}
	return m.Told(AlertPolicy{Zone: zone}, now)
}

// HeartbeatHealth is how the heartbeat does.
type HeartbeatHealth struct {
	Sent    time.Time `json:"sent,omitzero"`
	Failing time.Time `json:"failing,omitzero"`
	Error   string    `json:"error,omitempty"`
}

// AlertChannel is a channel as people look at it.
type AlertChannel struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	ChannelHealth
	// Waiting is how many messages have not reached it, Held how many of them
	// quiet hours hold.
	Waiting int `json:"waiting"`
	Held    int `json:"held,omitempty"`
}

// View is the desk as people look at it.
func (d *AlertDesk) View(p AlertPolicy, now time.Time) AlertsView {
	v := AlertsView{At: now, Configured: p.Config != nil, Open: []AlertRow{}, Waiting: d.Queue, Told: d.Told, Silences: d.Silences, Channels: d.channels(p, now)}
	if until, quiet := p.Quiet(now); quiet {
		v.QuietUntil = until
	}
	for _, key := range sortedKeys(d.Open) {
		v.Open = append(v.Open, AlertRow{Key: key, OpenAlert: *d.Open[key], Settling: d.Open[key].First.IsZero()})
	}
	for _, m := range slices.Concat(d.Told, d.Queue) {
		if m.Kind != AlertTest && slices.ContainsFunc(m.Deliveries, func(to Delivery) bool { return !to.Lost.IsZero() }) {
			v.Lost = append(v.Lost, m)
		}
	}
	return v
}

func (d *AlertDesk) channels(p AlertPolicy, now time.Time) []AlertChannel {
	out := []AlertChannel{}
	if p.Config == nil {
		return out
	}
	for _, c := range p.Config.Channels {
		a := AlertChannel{Name: c.Name, Kind: c.Kind(), ChannelHealth: d.Channels[c.Name]}
		for _, m := range d.Queue {
			_, held := d.held(p, m, now)
			for _, to := range m.Deliveries {
				if to.Channel != c.Name || to.ended() {
					continue
				}
				a.Waiting++
				if held {
					a.Held++
				}
			}
		}
		out = append(out, a)
	}
	return out
}

// Find is the message of an id, wherever it is.
func (v AlertsView) Find(id string) (m AlertMessage, found bool) {
	for _, m := range slices.Concat(v.Waiting, v.Told) {
		if m.ID == id {
			return m, true
		}
	}
	return m, false
}
