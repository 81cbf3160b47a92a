package hypervisor

import (
	"fmt"
	"maps"
	"time"
)

// content says which writes a disk holds: of each writing session (one copy's
// guest from when it may be reached to when it may not) the first so many. It is
// never changed, only replaced: copies and recovery points share it.
type content map[string]uint64

// past is the session of what was written before the simulation began.
const past = "past"

// age gives a VM that keeps recovery points the hours that they stand for: an
// hourly point for each, the older the fewer writes.
func (c *copyState) age(o *copyState, points int) {
	if points == 0 {
		return
	}
	f, hourly := c.host.farm, uint64(c.env.WritesPerMinute)*60
	all := hourly * uint64(points+1)
	f.writes[c.id] = all
	c.held, o.held = all, all
	c.content = content{past: all}
	o.content = c.content
	for hours := points; hours > 0; hours-- {
		// A few minutes short of the hour: the next one is not due at once.
		back := time.Duration(hours)*time.Hour - 7*time.Minute
		kind := "Replica"
		if o.vss > 0 && (points-hours)%o.vss == 0 {
			kind = "AppConsistentReplica"
		}
		p := o.newPoint(kind, f.epoch.Add(-back))
		p.held = all - uint64(back.Minutes())*uint64(c.env.WritesPerMinute)
		p.content = content{past: p.held}
		o.history = append(o.history, p)
	}
}

// hourlyPoints keeps the recovery points that a cycle makes due: hourly ones,
// and application-consistent ones in their own interval while the guest can be
// asked for one.
//
// Microsoft: Set-VMReplication -RecoveryHistory, -VSSSnapshotFrequencyHour.
func (c *copyState) hourlyPoints(o *copyState) {
	f := c.host.farm
	if o.points == 0 {
		if f.opts.Dialect.LatestPointListed {
			o.history = []savedPoint{o.newPoint("Replica", f.Now())}
		}
		return
	}
	var newest, newestApp time.Time
	for _, p := range o.history {
		newest = p.Created
		if p.Type == "AppConsistentReplica" {
			newestApp = p.Created
		}
	}
	if f.Now().Sub(newest) < time.Hour {
		return
	}
	app := o.vss > 0 && c.booted && f.Now().Sub(newestApp) >= time.Duration(o.vss)*time.Hour
	if !app || f.opts.Dialect.AppPointBesides {
		o.addPoint("Replica")
	}
	if app {
		o.addPoint("AppConsistentReplica")
	}
}

// newPoint is a recovery point of what the copy holds.
func (c *copyState) newPoint(kind string, at time.Time) savedPoint {
	p := savedPoint{held: c.held, missing: c.missing, guestIP: c.guestIP, content: c.content}
	p.Point = Point{
		ID:   c.host.farm.guid(fmt.Sprintf("point/%s/%s/%s/%d", kind, c.host.env.Name, c.id, at.UnixNano())),
		Name: c.name + " - " + kind, Type: kind, Created: at,
	}
	return p
}

// lastApp is when the newest application-consistent point was made.
func (c *copyState) lastApp() time.Time {
	var last time.Time
	for _, p := range c.history {
		if p.Type == "AppConsistentReplica" {
			last = p.Created
		}
	}
	return last
}

// goTo makes the disk what it was at a point.
func (c *copyState) goTo(p savedPoint) {
	c.held, c.missing, c.guestIP, c.content = p.held, p.missing, p.guestIP, p.content
}

// written is how many writes the running session has made.
func (c *copyState) written() uint64 {
	if c.writingSince.IsZero() {
		return 0
	}
	return uint64(c.host.farm.Now().Sub(c.writingSince).Minutes() * float64(c.env.WritesPerMinute))
}

// contentNow is what the disk holds at this moment.
func (c *copyState) contentNow() content {
	n := c.written()
	if n == 0 {
		return c.content
	}
	out := maps.Clone(c.content)
	if out == nil {
		out = content{}
	}
	out[c.session] = n
	return out
}

// own counts the writes on this copy that none of the others has.
func (c *copyState) own(others []*copyState) uint64 {
	elsewhere := content{}
	for _, o := range others {
		if o == c {
			continue
		}
		for s, n := range o.contentNow() {
			elsewhere[s] = max(elsewhere[s], n)
		}
	}
	total := uint64(0)
	for s, n := range c.contentNow() {
		total += n - min(n, elsewhere[s])
	}
	return total
}
