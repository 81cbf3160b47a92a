package plans

import (
	"slices"
	"time"
)

// RPOPoint is what a leg's history says of a span of time; of one tick when
// From and To are the same. Times are the engine's.
type RPOPoint struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Known are ticks that measured an RPO, Unknown those that could not. Both
	// are zero where nobody looked.
	Known   int `json:"known"`
	Unknown int `json:"unknown"`
	// Min, Max and Sum are of the known ones, in whole seconds.
	Min Duration `json:"min"`
	Max Duration `json:"max"`
	Sum Duration `json:"sum"`
	// Backlog is the most that waited to be sent, in bytes.
	Backlog uint64 `json:"backlog"`
	// Missed are replication cycles.
	Missed int `json:"missed"`
	// Health is the worst that was seen.
	Health string `json:"health,omitempty"`
}

// Avg is the mean RPO of the ticks that measured one.
func (p RPOPoint) Avg() Duration {
	if p.Known == 0 {
		return 0
	}
	return p.Sum / Duration(p.Known)
}

// PointOf is a sample as a point of its own.
func PointOf(s Sample, at time.Time) RPOPoint {
	p := RPOPoint{From: at, To: at, Missed: int(s.Missed), Health: s.Health}
	if s.Backlog != nil {
		p.Backlog = *s.Backlog
	}
	switch {
	case s.Measured && s.Known:
		rpo := Duration(s.RPO.Truncate(time.Second))
		p.Known, p.Min, p.Max, p.Sum = 1, rpo, rpo, rpo
	case s.Measured:
		p.Unknown = 1
	}
	return p
}

// Add joins another point's ticks with p's; From and To stay.
func (p RPOPoint) Add(o RPOPoint) RPOPoint {
	if o.Known > 0 {
		if p.Known == 0 || o.Min < p.Min {
			p.Min = o.Min
		}
		p.Max = max(p.Max, o.Max)
	}
	p.Known, p.Unknown, p.Sum = p.Known+o.Known, p.Unknown+o.Unknown, p.Sum+o.Sum
	p.Backlog, p.Missed = max(p.Backlog, o.Backlog), p.Missed+o.Missed
	p.Health = worseHealth(p.Health, o.Health)
	return p
}

// RollUp joins points into spans of one step, in the order of time. A point
// belongs to the span in which it begins. Spans without points are left out.
// Rolling up in several steps gives the same as in one.
func RollUp(points []RPOPoint, step time.Duration) []RPOPoint {
	spans := map[time.Time]RPOPoint{}
	for _, p := range points {
		from := p.From.UTC().Truncate(step)
		span, ok := spans[from]
		if !ok {
			span = RPOPoint{From: from, To: from.Add(step)}
		}
		spans[from] = span.Add(p)
	}
	out := make([]RPOPoint, 0, len(spans))
	for _, p := range spans {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b RPOPoint) int { return a.From.Compare(b.From) })
	return out
}

// The steps of a history, and how far back each goes: what is older is kept in
// the next one only.
const (
	HourStep = time.Hour
	DayStep  = 24 * time.Hour

	KeepTicks = 3 * 24 * time.Hour
	KeepHours = 366 * 24 * time.Hour
	KeepDays  = 10 * 366 * 24 * time.Hour
)

// LegHistory is the history of one leg of one VM.
type LegHistory struct {
	VM  string `json:"vm"`
	Leg Leg    `json:"leg"`
	// Step is the time between two points; 0 for single ticks.
	Step   Duration   `json:"step"`
	Points []RPOPoint `json:"points"`
	// Now is how the leg stands, nil when no schedule has looked since.
	Now *LegStatus `json:"now,omitempty"`
}

// StepFor is the finest step that a history has for the whole of a span.
func StepFor(span time.Duration) time.Duration {
	switch {
	case span <= KeepTicks:
		return 0
	case span <= KeepHours:
		return HourStep
	}
	return DayStep
}
