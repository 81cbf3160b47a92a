package plans

import (
	"errors"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// DrillCalendar says when a drill runs.
type DrillCalendar struct {
	name     string
	cron     cron.Schedule
	zone     *time.Location
	weeks    []int
	blackout []blackout
	jitter   time.Duration
}

// CalendarOf reads a drill's calendar.
func CalendarOf(d ScheduledDrill) (DrillCalendar, error) {
	c := DrillCalendar{name: d.Name, weeks: d.Weeks, jitter: d.Jitter.D()}
	var err error
	if c.cron, err = parseCron(d.Cron); err != nil {
		return c, err
	}
	if c.zone, err = parseZone(d.Timezone); err != nil {
		return c, err
	}
	for _, text := range d.Blackout {
		b, err := parseBlackout(text)
		if err != nil {
			return c, err
		}
		c.blackout = append(c.blackout, b)
	}
	return c, nil
}

// parseCron reads five fields, or @weekly and its like.
func parseCron(text string) (cron.Schedule, error) {
	fields := strings.Fields(text)
	switch {
	case len(fields) == 0:
		return nil, errors.New("it needs a time")
	case strings.Contains(fields[0], "="):
		return nil, errors.New("the time zone belongs into the field timezone")
	case fields[0] == "@every":
		return nil, errors.New("@every has no day and no hour of its own")
	case len(fields) == 5 && named(fields[2]) && named(fields[4]):
		return nil, errors.New("a day of the month and a weekday together mean either of them, in cron; weeks: [1] keeps the first weekday of a month")
	}
	s, err := cron.ParseStandard(text)
	if err != nil {
		return nil, fmt.Errorf("%q is no such time: %w", text, err)
	}
	return s, nil
}

// parseZone reads a time zone of the world, not that of the machine: what one shows
// must be what another runs.
func parseZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || zone == time.Local {
		return nil, fmt.Errorf("%q is no time zone", name)
	}
	return zone, nil
}

// named is true for a field that cron takes as some days: */2 is one, * is not.
func named(field string) bool {
	return !strings.HasPrefix(field, "*") && !strings.HasPrefix(field, "?") || strings.Contains(field, "/")
}

// Zone is the time zone that the calendar is meant in.
func (c DrillCalendar) Zone() *time.Location { return c.zone }

// DrillDay is one time that cron names.
type DrillDay struct {
	// At is when the drill begins, in UTC, jitter included.
	At time.Time `json:"at"`
	// Black is why there is no drill then, "" when there is one.
	Black string `json:"black,omitempty"`
}

// horizon is how far a calendar is looked ahead.
const horizon = 5 * 366 * 24 * time.Hour

// Next are the next n times after a moment at which the drill begins, in UTC;
// fewer when there are not so many in five years.
func (c DrillCalendar) Next(after time.Time, n int) []time.Time {
	var out []time.Time
	c.walk(after, func(d DrillDay) bool {
		if d.Black == "" {
			out = append(out, d.At)
		}
		return len(out) < n
	})
	return out
}

// Preview is Next with what is left out in between: of a black day its first
// time.
func (c DrillCalendar) Preview(after time.Time, n int) []DrillDay {
	var out []DrillDay
	runs := 0
	c.walk(after, func(d DrillDay) bool {
		out = append(out, d)
		if d.Black == "" {
			runs++
		}
		return runs < n && len(out) < 20*n
	})
	return out
}

// Black says why there is no drill at a moment, "" when there may be one.
func (c DrillCalendar) Black(at time.Time) string {
	day := at.In(c.zone)
	for _, b := range c.blackout {
		if b.holds(day) {
			return b.text
		}
	}
	return ""
}

// walk tells each time that cron names, in order, until enough was told. Cron
// runs on the wall's clock, as if it never jumped; each of its times is then put
// at the one moment that it stands for.
func (c DrillCalendar) walk(after time.Time, tell func(DrillDay) bool) {
	// A jitter may carry the start beyond the moment that is asked about.
	from := after.Add(-c.jitter)
	wall := asWall(from.In(c.zone)).Add(-3 * time.Hour)
	last := after
	for {
		wall = c.cron.Next(wall)
		if wall.IsZero() || wall.Sub(asWall(from.In(c.zone))) > horizon {
			return
		}
		if !c.inWeeks(wall) {
			wall = endOfDay(wall)
			continue
		}
		at := c.spread(c.moment(wall))
		if !at.After(last) {
			continue
		}
		day := DrillDay{At: at.UTC(), Black: c.Black(at)}
		switch {
		case day.Black == "":
			last = at
		case at.In(c.zone).Day() == wall.Day(): // its jitter may have carried it into the next
			wall = endOfDay(wall)
		}
		if !tell(day) {
			return
		}
	}
}

// asWall is what the clock on the wall shows, as if it were UTC.
func asWall(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

func endOfDay(wall time.Time) time.Time {
	return time.Date(wall.Year(), wall.Month(), wall.Day(), 23, 59, 59, 0, time.UTC)
}

// moment is when the wall's clock shows a time: the first of two when clocks were
// set back, and the moment as far behind the jump when they jumped over it.
func (c DrillCalendar) moment(wall time.Time) time.Time {
	t := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, c.zone)
	_, before := t.Add(-4 * time.Hour).Zone()
	first := wall.Add(-time.Duration(before) * time.Second).In(c.zone)
	if asWall(t).Equal(wall) && !asWall(first).Equal(wall) {
		return t
	}
	return first
}

// spread adds the jitter of one drill at one time.
func (c DrillCalendar) spread(at time.Time) time.Time {
	if c.jitter < time.Second {
		return at
	}
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%s\x00%d", c.name, at.Unix())
	return at.Add(time.Duration(h.Sum64()%uint64(c.jitter/time.Second)) * time.Second)
}

func (c DrillCalendar) inWeeks(day time.Time) bool {
	if len(c.weeks) == 0 {
		return true
	}
	return slices.Contains(c.weeks, (day.Day()-1)/7+1) || slices.Contains(c.weeks, -((daysIn(day)-day.Day())/7+1))
}

// daysIn is how many days the month of a day has.
func daysIn(day time.Time) int {
	return time.Date(day.Year(), day.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// blackout is a rule for days without a drill.
type blackout struct {
	text  string
	holds func(day time.Time) bool
}

var (
	blackMonth = regexp.MustCompile(`^(month-end|month-start)(?: ([0-9]{1,2}))?$`)
	blackDates = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:\.\.([0-9]{4}-[0-9]{2}-[0-9]{2}))?$`)
	blackYear  = regexp.MustCompile(`^([0-9]{2}-[0-9]{2})(?:\.\.([0-9]{2}-[0-9]{2}))?$`)
)

// parseBlackout reads one rule.
func parseBlackout(text string) (blackout, error) {
	text = strings.TrimSpace(text)
	b := blackout{text: text}
	if m := blackMonth.FindStringSubmatch(text); m != nil {
		return monthRule(b, m[1], m[2])
	}
	if m := blackDates.FindStringSubmatch(text); m != nil {
		return dateRule(b, time.DateOnly, m[1], m[2])
	}
	if m := blackYear.FindStringSubmatch(text); m != nil {
		return dateRule(b, "01-02", m[1], m[2])
	}
	for day := time.Sunday; day <= time.Saturday; day++ {
		if strings.EqualFold(text, day.String()) || strings.EqualFold(text, day.String()[:3]) {
			b.holds = func(t time.Time) bool { return t.Weekday() == day }
			return b, nil
		}
	}
	return b, fmt.Errorf("%q is no day that is known here", text)
}

func monthRule(b blackout, which, count string) (blackout, error) {
	n := 1
	if count != "" {
		n, _ = strconv.Atoi(count)
	}
	if n < 1 || n > 15 {
		return b, fmt.Errorf("%q: write 1 to 15 days", b.text)
	}
	b.holds = func(t time.Time) bool { return t.Day() <= n }
	if which == "month-end" {
		b.holds = func(t time.Time) bool { return t.Day() > daysIn(t)-n }
	}
	return b, nil
}

// dateRule is from one date to another, both included, once or, without a year,
// each year; over the end of the year too.
func dateRule(b blackout, form, from, to string) (blackout, error) {
	if to == "" {
		to = from
	}
	for _, date := range []string{from, to} {
		full, layout := date, time.DateOnly
		if form != time.DateOnly {
			full = "2024-" + date // a year that has a 29 February
		}
		if _, err := time.Parse(layout, full); err != nil {
			return b, fmt.Errorf("%q is no date", date)
		}
	}
	if to < from && form == time.DateOnly {
		return b, fmt.Errorf("%q ends before it begins", b.text)
	}
	b.holds = func(t time.Time) bool {
		day := t.Format(form)
		if to < from {
			return day >= from || day <= to
		}
		return day >= from && day <= to
	}
	return b, nil
}
