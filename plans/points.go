package plans

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The words for a point that --point takes beside a time.
const (
	AskLatest    = "latest"     // each VM's newest data
	AskLatestApp = "latest-app" // each VM's newest application-consistent point
	AskCommon    = "common"     // no VM newer than the oldest of the newest
)

// NamesMoment is true for a --point that is a time.
func NamesMoment(point string) bool {
	return point != "" && point != AskLatest && point != AskLatestApp && point != AskCommon
}

// VMPoints are the recovery points of one VM's replica. Times are the target
// host's clock.
type VMPoints struct {
	VM string    `json:"vm"` // GUID
	At time.Time `json:"at"` // when the host was asked
	// Latest is the moment of the newest data, zero when none ever arrived.
	Latest time.Time `json:"latest,omitzero"`
	// Points are the kept points, oldest first.
	Points []Point `json:"points,omitempty"`
}

// newest is the newest data.
func (p VMPoints) newest() Point { return Point{Kind: PointLatest, Time: p.Latest} }

// at is the newest point whose data is not younger than t; ok is false when
// there is none.
func (p VMPoints) at(t time.Time) (Point, bool) {
	if !p.Latest.IsZero() && !p.Latest.After(t) {
		return p.newest(), true
	}
	for _, one := range slices.Backward(p.Points) {
		if !one.Time.After(t) {
			return one, true
		}
	}
	return Point{}, false
}

// appConsistent is the newest application-consistent point.
func (p VMPoints) appConsistent() (Point, bool) {
	for _, one := range slices.Backward(p.Points) {
		if one.Kind == "AppConsistentReplica" {
			return one, true
		}
	}
	return Point{}, false
}

// Behind is how old the data of a point is, by the host's own clock.
func (p VMPoints) Behind(point Point) time.Duration {
	if point.Time.IsZero() || p.At.IsZero() {
		return 0
	}
	return max(0, p.At.Sub(point.Time))
}

// CommonMoment is the latest moment that all replicas can be brought to: the
// newest data of the one that is farthest behind. missing are those that keep
// no point that old. spread is how far apart the points chosen for it lie.
func CommonMoment(have []VMPoints) (moment time.Time, missing []string, spread time.Duration) {
	for _, p := range have {
		if !p.Latest.IsZero() && (moment.IsZero() || p.Latest.Before(moment)) {
			moment = p.Latest
		}
	}
	oldest := moment
	for _, p := range have {
		point, ok := p.at(moment)
		if !ok || p.Latest.IsZero() {
			missing = append(missing, p.VM)
			continue
		}
		if point.Time.Before(oldest) {
			oldest = point.Time
		}
	}
	return moment, missing, moment.Sub(oldest)
}

// ChoosePoints gives each VM of a run the recovery point that was asked for.
// What cannot be had is a finding: another choice is a person's.
func ChoosePoints(in RunInput, have []VMPoints) (RunInput, []Finding) {
	c := pointChooser{in: in, have: have}
	if in.Point == AskCommon {
		c.moment, _, _ = CommonMoment(c.members())
	}
	steps := slices.Clone(in.Steps)
	for i := range steps {
		steps[i].VMs = slices.Clone(steps[i].VMs)
		for j := range steps[i].VMs {
			vm := &steps[i].VMs[j]
			vm.Point = c.choose(*vm)
			if p, ok := c.of(vm.ID); ok {
				vm.Behind = Duration(p.Behind(vm.Point))
			}
		}
	}
	in.Steps = steps
	return in, c.found
}

type pointChooser struct {
	in     RunInput
	have   []VMPoints
	moment time.Time
	found  []Finding
}

func (c *pointChooser) of(id string) (VMPoints, bool) {
	i := slices.IndexFunc(c.have, func(p VMPoints) bool { return p.VM == id })
	if i < 0 {
		return VMPoints{}, false
	}
	return c.have[i], true
}

// members are the points of the run's own VMs.
func (c *pointChooser) members() []VMPoints {
	var all []VMPoints
	for _, vm := range c.in.VMs() {
		if p, ok := c.of(vm.ID); ok {
			all = append(all, p)
		}
	}
	return all
}

func (c *pointChooser) choose(vm RunVM) Point {
	p, ok := c.of(vm.ID)
	if !ok {
		return Point{Kind: PointLatest} // its host's own finding says why nothing is known
	}
	var point Point
	switch c.in.Point {
	case AskLatest, "":
		return p.newest()
	case AskLatestApp:
		point, ok = p.appConsistent()
		if !ok {
			c.cannot(vm, "it keeps no application-consistent point")
		}
	case AskCommon:
		point, ok = p.at(c.moment)
		if !ok {
			c.cannot(vm, fmt.Sprintf("it keeps no point as old as the common moment %s", clock(c.moment)))
		}
	default:
		moment, err := ParseMoment(c.in.Point, p.At)
		if err != nil {
			c.found = append(c.found, Finding{Severity: Blocker, Code: "point-unreadable", VM: vm.Label, Text: err.Error(), Remedy: "write latest, latest-app, common or a time"})
			return Point{}
		}
		point, ok = p.at(moment)
		if !ok {
			c.cannot(vm, "it keeps no point from "+clock(moment)+" or before"+oldestKept(p))
		}
	}
	return point
}

func oldestKept(p VMPoints) string {
	if len(p.Points) == 0 {
		return ", only its latest data"
	}
	return "; the oldest is of " + clock(p.Points[0].Time)
}

func (c *pointChooser) cannot(vm RunVM, why string) {
	c.found = append(c.found, Finding{Severity: Blocker, Code: "no-such-point", VM: vm.Label, Host: vm.TargetHost, Text: why,
		Means: "it cannot be brought to what was asked for", Remedy: "--only NAME takes the VMs that have one; or --point latest, or another time"})
}

// clock is a moment as people read it on the day.
func clock(t time.Time) string { return t.UTC().Format("2 Jan 15:04:05") + " UTC" }

// momentForms are how a time may be written; without a zone it is UTC, as all
// times of points are shown.
var momentForms = []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04"}

// ParseMoment reads a time of --point. A time of day alone is the last one
// before now, which is the host's clock.
func ParseMoment(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	for _, form := range momentForms {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), nil
		}
	}
	for _, form := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(form, text); err == nil {
			day := time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
			if day.After(now) {
				day = day.AddDate(0, 0, -1)
			}
			return day, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no point: write latest, latest-app, common, or a time (UTC) like 02:45 or 2026-03-01 02:45", text)
}
