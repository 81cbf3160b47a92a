package evidence

import (
	"fmt"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// The chart's measures, in units of its own.
const (
	chartWidth = 800
	chartLeft  = 140 // room for names
	laneHeight = 24
	axisHeight = 26
	mostLanes  = 30 // in one picture: a page holds it
	letter     = 6.4
	thinnest   = 3
)

type (
	chart struct {
		Width, Height, Bottom int
		Lanes                 []lane
		Ticks                 []tick
		Limit                 *tick // the RTO target
		Alt                   string
	}
	lane struct {
		Label, Full, Words string
		Y, TextY           int
		Even, People       bool
		Bars               []bar
	}
	bar struct {
		Class, Text, Title string
		X, W               string
		TextX              string
		Open               bool
	}
	tick        struct{ X, Text string }
	legendEntry struct{ Class, Name string }
)

// phaseNames say what a phase is to a reader; the class gives its texture.
var phaseNames = map[plans.Phase]struct{ class, name string }{
	plans.PhaseReady:    {"ready", "made ready"},
	plans.PhaseFence:    {"ready", "fenced"},
	plans.PhaseShutdown: {"down", "shut down"},
	plans.PhaseMove:     {"move", "flush, failover"},
	plans.PhaseTest:     {"move", "test copy made"},
	plans.PhaseStart:    {"boot", "boot"},
	plans.PhaseGates:    {"gate", "gates"},
	plans.PhaseReverse:  {"back", "reverse replication"},
	plans.PhaseCleanUp:  {"clean", "test copy removed"},
}

// legend is the textures in the order in which they come.
var legend = []legendEntry{
	{"down", "shut down"}, {"move", "flush and failover, or test copy made"}, {"boot", "boot"}, {"gate", "gates"},
	{"back", "reverse replication"}, {"clean", "test copy removed"}, {"ready", "made ready, others"}, {"people", "a person"},
}

// legendOf explains the textures that are there.
func legendOf(all []chart) []legendEntry {
	used := map[string]bool{}
	for _, c := range all {
		for _, l := range c.Lanes {
			for _, b := range l.Bars {
				used[b.Class] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(legend), func(e legendEntry) bool { return !used[e.Class] })
}

// charts draw the run, people first, at most mostLanes in a picture.
func charts(e plans.Evidence) []chart {
	end := e.Ended.Sub(e.Started)
	whole := time.Duration(float64(end) * e.Speed)
	var lanes []lane
	for _, m := range e.Manual {
		if m.Started.IsZero() {
			continue
		}
		l := lane{Full: fmt.Sprintf("step %d: %s", m.Step, m.Name), People: true}
		l.Bars = append(l.Bars, barOf("people", "person", m.From.D(), m.To.D(), whole, m.Ended.IsZero()))
		lanes = append(lanes, l)
	}
	for _, vm := range e.VMs {
		l := lane{Full: vm.Label}
		for _, b := range vm.Bars {
			name, ok := phaseNames[b.Phase]
			if !ok {
				name.class, name.name = "ready", string(b.Phase)
			}
			l.Bars = append(l.Bars, barOf(name.class, name.name, b.From.D(), b.To.D(), whole, b.Open))
		}
		lanes = append(lanes, l)
	}
	if whole <= 0 {
		return nil
	}
	var all []chart
	for from := 0; from < len(lanes); from += mostLanes {
		all = append(all, chartOf(lanes[from:min(len(lanes), from+mostLanes)], whole, e.Measured.RTO.Target.D()))
	}
	return all
}

func chartOf(lanes []lane, whole, limit time.Duration) chart {
	c := chart{Width: chartWidth, Bottom: len(lanes)*laneHeight + 4, Lanes: lanes}
	c.Height = c.Bottom + axisHeight
	for i := range c.Lanes {
		l := &c.Lanes[i]
		l.Y, l.TextY, l.Even = i*laneHeight+2, i*laneHeight+2+15, i%2 == 0
		l.Label = cut(l.Full, 20)
		for _, b := range l.Bars {
			l.Words += "; " + b.Title
		}
		l.Words = l.Full + l.Words
	}
	step := tickStep(whole)
	for at := time.Duration(0); at <= whole; at += step {
		c.Ticks = append(c.Ticks, tick{place(at, whole), tickWords(at)})
	}
	if limit > 0 && limit <= whole {
		c.Limit = &tick{place(limit, whole), "RTO target"}
	}
	c.Alt = fmt.Sprintf("Timeline of %d lanes over %s; the table of VMs and the timeline in words say the same.", len(lanes), plans.Duration(whole).Words())
	return c
}

func units(d, whole time.Duration) float64 {
	return float64(d) / float64(whole) * (chartWidth - chartLeft - 10)
}

func place(at, whole time.Duration) string {
	return fmt.Sprintf("%.1f", chartLeft+units(at, whole))
}

// barOf is a phase in the picture: one too short to be seen is drawn thin.
func barOf(class, name string, from, to, whole time.Duration, open bool) bar {
	if whole <= 0 {
		return bar{}
	}
	from, to = max(0, min(from, whole)), max(0, min(to, whole))
	w := max(thinnest, units(to-from, whole))
	x := min(chartLeft+units(from, whole), chartWidth-10-w)
	b := bar{Class: class, X: fmt.Sprintf("%.1f", x), W: fmt.Sprintf("%.1f", w), TextX: fmt.Sprintf("%.1f", x+w/2), Open: open}
	b.Title = fmt.Sprintf("%s from +%s, %s", name, plans.Duration(from).Words(), plans.Duration(to-from).Words())
	if open {
		b.Title += ", not ended"
	}
	for _, text := range []string{name + " " + plans.Duration(to-from).Words(), name, plans.Duration(to - from).Words()} {
		if float64(len(text))*letter < w {
			b.Text = text
			break
		}
	}
	return b
}

// tickStep keeps the axis at no more than ten marks.
func tickStep(whole time.Duration) time.Duration {
	steps := []time.Duration{
		5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute,
		30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 12 * time.Hour,
	}
	for _, s := range steps {
		if whole <= 10*s {
			return s
		}
	}
	return (whole/10 + 23*time.Hour).Truncate(24 * time.Hour)
}

func tickWords(at time.Duration) string {
	if at == 0 {
		return "start"
	}
	return "+" + plans.Duration(at).Words()
}

func cut(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}
