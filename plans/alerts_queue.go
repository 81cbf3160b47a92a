package plans

import (
	"slices"
	"time"
)

// AlertKind is why a message is sent.
type AlertKind string

// The kinds.
const (
	AlertProblem AlertKind = "problem" // something has gone wrong
	AlertMore    AlertKind = "more"    // and something else about the same
	AlertRepeat  AlertKind = "repeat"  // it is still so
	AlertWell    AlertKind = "well"    // it is over
	AlertNotice  AlertKind = "notice"  // a run tells people
	AlertTest    AlertKind = "test"
)

// AlertMessage is one message to people. Field names are stable.
type AlertMessage struct {
	// ID is the same however often it is sent: receivers may know by it that they
	// have it already.
	ID      string    `json:"id"`
	Kind    AlertKind `json:"kind"`
	Key     string    `json:"key"`
	Episode string    `json:"episode,omitempty"`
	Plan    string    `json:"plan,omitempty"`
	Title   string    `json:"title"`
	At      time.Time `json:"at"`
	Urgent  bool      `json:"urgent,omitempty"`
	// To are the people it is for, as the plan names them.
	To         []string    `json:"to,omitempty"`
	Lines      []AlertLine `json:"lines,omitempty"`
	Deliveries []Delivery  `json:"deliveries,omitempty"`
}

// AlertLine is a problem as a message tells it.
type AlertLine struct {
	Problem
	New  bool      `json:"new,omitempty"`
	Over time.Time `json:"over,omitzero"`
}

// Delivery is a message on its way to one target.
type Delivery struct {
	AlertTarget
	Tries int       `json:"tries,omitempty"`
	Next  time.Time `json:"next,omitzero"`
	Error string    `json:"error,omitempty"`
	Sent  time.Time `json:"sent,omitzero"`
	// Lost is when it was given up.
	Lost time.Time `json:"lost,omitzero"`
}

func (d Delivery) ended() bool { return !d.Sent.IsZero() || !d.Lost.IsZero() }

// ChannelHealth is how a channel does.
type ChannelHealth struct {
	// Failing is since when nothing gets through, zero when it works; Error why.
	Failing time.Time `json:"failing,omitzero"`
	Error   string    `json:"error,omitempty"`
	Sent    time.Time `json:"sent,omitzero"`
}

// A delivery that fails is tried again after retryFirst, then after twice as
// long each time, at most retryMost; after giveUp it is given up, on record.
const (
	retryFirst = 5 * time.Second
	retryMost  = 10 * time.Minute
	giveUp     = 7 * 24 * time.Hour
	// keptTold is how many messages that ended are kept for people to look at.
	keptTold = 50
)

// pending is true while a message of an episode has not reached a target.
func (d *AlertDesk) pending(episode string, t AlertTarget) bool {
	for _, m := range d.Queue {
		if m.Episode != episode {
			continue
		}
		for _, to := range m.Deliveries {
			if to.AlertTarget == t && !to.ended() {
				return true
			}
		}
	}
	return false
}

// held says whether quiet hours hold a message now, and until when. What is
// urgent goes out, and what was told before it about the same goes out first.
func (d *AlertDesk) held(p AlertPolicy, m AlertMessage, now time.Time) (until time.Time, held bool) {
	until, quiet := p.Quiet(now)
	switch {
	case !quiet:
		return time.Time{}, false
	case p.Config.Quiet.HoldUrgent && m.Kind != AlertTest:
		return until, true
	}
	return until, !slices.ContainsFunc(d.Queue, func(o AlertMessage) bool {
		return o.Urgent && (o.ID == m.ID || m.Episode != "" && o.Episode == m.Episode)
	})
}

// Parcel is one message to one target.
type Parcel struct {
	Message AlertMessage
	Target  AlertTarget
}

// Due are the deliveries to try now, at most one for each channel that is not
// busy. Messages about the same thing arrive in their order; one that does not
// arrive does not keep others back.
func (d *AlertDesk) Due(p AlertPolicy, busy map[string]bool, now time.Time) []Parcel {
	var out []Parcel
	taken, before := map[string]bool{}, map[string]bool{}
	for _, m := range d.Queue {
		_, held := d.held(p, m, now)
		for _, to := range m.Deliveries {
			if to.ended() {
				continue
			}
			same := m.Episode + "\x00" + to.String()
			first := m.Episode == "" || !before[same]
			before[same] = true
			if !first || held || taken[to.Channel] || busy[to.Channel] || now.Before(to.Next) {
				continue
			}
			taken[to.Channel] = true
			out = append(out, Parcel{m, to.AlertTarget})
		}
	}
	return out
}

// Delivered notes that a message has arrived.
func (d *AlertDesk) Delivered(id string, t AlertTarget, now time.Time) {
	d.ended(id, t, func(to *Delivery) { to.Sent, to.Error = now, "" })
	d.health(t.Channel, ChannelHealth{Sent: now})
}

// Failed notes that a message could not be sent, and says whether it was given
// up.
func (d *AlertDesk) Failed(id string, t AlertTarget, why string, now time.Time) (lost bool) {
	d.ended(id, t, func(to *Delivery) {
		to.Tries++
		to.Error, to.Next = why, now.Add(min(retryMost, retryFirst<<min(to.Tries-1, 10)))
		// A person waits for the outcome of a test.
		m := d.message(id)
		if lost = m.Kind == AlertTest || now.Sub(m.At) >= giveUp; lost {
			to.Lost = now
		}
	})
	h := d.Channels[t.Channel]
	if h.Failing.IsZero() {
		h.Failing = now
	}
	h.Error = why
	d.health(t.Channel, h)
	return lost
}

func (d *AlertDesk) message(id string) AlertMessage {
	for _, m := range d.Queue {
		if m.ID == id {
			return m
		}
	}
	return AlertMessage{}
}

func (d *AlertDesk) health(channel string, h ChannelHealth) {
	if d.Channels == nil {
		d.Channels = map[string]ChannelHealth{}
	}
	d.Channels[channel] = h
}

// ended changes a delivery; a message that has no other left leaves the queue.
func (d *AlertDesk) ended(id string, t AlertTarget, change func(*Delivery)) {
	for i := range d.Queue {
		m := &d.Queue[i]
		if m.ID != id {
			continue
		}
		for j := range m.Deliveries {
			if to := &m.Deliveries[j]; to.AlertTarget == t && !to.ended() {
				change(to)
			}
		}
		if !slices.ContainsFunc(m.Deliveries, func(to Delivery) bool { return !to.ended() }) {
			d.told(*m)
			d.Queue = slices.Delete(d.Queue, i, i+1)
		}
		return
	}
}

func (d *AlertDesk) told(m AlertMessage) {
	d.Told = append(d.Told, m)
	d.Told = d.Told[max(0, len(d.Told)-keptTold):]
}
