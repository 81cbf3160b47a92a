package main

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

var rpoNow = time.Date(2026, 3, 2, 8, 20, 0, 0, time.UTC)

func rpoHistory(points ...plans.RPOPoint) plans.LegHistory {
	return plans.LegHistory{VM: "a", Leg: plans.FirstLeg, Points: points, Now: &plans.LegStatus{
		VM: "a", Label: "NG-FS01", Leg: plans.FirstLeg, Sender: "HQ", Receiver: "DR", RPO: plans.Duration(34 * time.Minute), Known: true,
		Target: plans.Duration(15 * time.Minute), At: rpoNow, Health: "Warning", State: "Replicating",
	}}
}

func pointAt(back, rpo time.Duration, known bool) plans.RPOPoint {
	return plans.PointOf(plans.Sample{Measured: true, Known: known, RPO: rpo}, rpoNow.Add(-back))
}

func TestTheGraphShowsTargetGapsAndWhatIsBeyond(t *testing.T) {
	h := rpoHistory(pointAt(5*time.Hour, 6*time.Minute, true), pointAt(4*time.Hour, 0, false), pointAt(2*time.Hour, 34*time.Minute, true))
	step, mark, rows := graph(h, rpoNow.Add(-24*time.Hour), rpoNow)
	if step != time.Hour || mark != 57*time.Second || len(rows) != 6 {
		t.Fatalf("step %s, mark %s, %d rows: %q", step, mark, len(rows), rows)
	}
	for i, want := range []string{"#######        |", "?  not known", "-  nobody looked", "###############!!!!!!!!!!!!!!!!!!!!!", "-  nobody", "-  nobody"} {
		if !strings.Contains(rows[i], want) {
			t.Errorf("row %d is %q, want %q in it", i, rows[i], want)
		}
	}
}

// Whatever was measured, a screen is not left: neither to the right nor below.
func TestTheGraphFitsTheScreen(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 300 {
		back := time.Duration(1+r.IntN(1<<(4+r.IntN(18)))) * time.Minute
		h := rpoHistory()
		h.Step = plans.Duration(plans.StepFor(back))
		h.Now.Target = plans.Duration(time.Duration(r.IntN(100000)) * time.Second)
		for range r.IntN(200) {
			p := pointAt(time.Duration(r.Int64N(int64(back))), time.Duration(r.IntN(1<<r.IntN(24)))*time.Second, r.IntN(4) > 0)
			p.Missed = r.IntN(2000)
			h.Points = append(h.Points, p)
		}
		var out bytes.Buffer
		showGraph(terminal{out: &out}, h, rpoNow.Add(-back), rpoNow)
		lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
		if len(lines) > maxRows+4 {
			t.Fatalf("%s back: %d lines", back, len(lines))
		}
		for _, line := range lines {
			if len([]rune(line)) > width {
				t.Fatalf("%d wide: %q", len([]rune(line)), line)
			}
		}
	}
}

func TestParseSince(t *testing.T) {
	for text, want := range map[string]time.Duration{"90m": 90 * time.Minute, "24h": 24 * time.Hour, "7d": 7 * 24 * time.Hour} {
		if got, err := parseSince(text); err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "5", "-3d", "0h", "4000d", "1s"} {
		if got, err := parseSince(text); err == nil {
			t.Errorf("%q is taken for %s", text, got)
		}
	}
}

func TestFindVM(t *testing.T) {
	leg := func(id, label string) plans.LegStatus { return plans.LegStatus{VM: id, Label: label} }
	records := []plans.TickRecord{{Legs: []plans.LegStatus{leg("1", "db (1)"), leg("3", "web")}}, {Legs: []plans.LegStatus{leg("2", "db (2)"), leg("3", "web")}}}
	for name, want := range map[string]string{"web": "3", "WEB": "3", "2": "2", "db (1)": "1", "AAAAAAAA-0000-4000-8000-000000000001": "aaaaaaaa-0000-4000-8000-000000000001"} {
		if got, err := findVM(records, name); err != nil || got != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"db", "app", "we"} {
		if got, err := findVM(records, name); err == nil {
			t.Errorf("%s is %q", name, got)
		}
	}
}

// Late is a finding; what is not known or old is not seen.
func TestExitOfLegs(t *testing.T) {
	f := plans.Frequency(30 * time.Second)
	for name, c := range map[string]struct {
		change func(*plans.LegStatus)
		want   int
	}{
		"late":    {func(*plans.LegStatus) {}, exitFinding},
		"in time": {func(l *plans.LegStatus) { l.RPO = 0 }, exitOK},
		"unknown": {func(l *plans.LegStatus) { l.Known = false }, exitUnknown},
		"old":     {func(l *plans.LegStatus) { l.At = rpoNow.Add(-time.Hour) }, exitUnknown},
	} {
		h := rpoHistory()
		c.change(h.Now)
		records := []plans.TickRecord{{Schedule: plans.ScheduleID{Frequency: f}, Tick: plans.HostTick{At: h.Now.At}, Legs: []plans.LegStatus{*h.Now}}}
		if got := exitOfLegs([]plans.LegHistory{h}, records, rpoNow.Add(time.Second)); got != c.want {
			t.Errorf("%s: exit %d, want %d", name, got, c.want)
		}
	}
	if got := exitOfLegs([]plans.LegHistory{{}}, nil, rpoNow); got != exitUnknown {
		t.Errorf("nobody looks: exit %d", got)
	}
}

func TestScheduleListIsNarrow(t *testing.T) {
	var out bytes.Buffer
	since := rpoNow
	skew := plans.Duration(-6 * time.Minute)
	s := plans.ScheduleStatus{
		ScheduleID: plans.ScheduleID{Host: "a-host-with-a-rather-long-name-of-its-own.example.com", Frequency: plans.Frequency(15 * time.Minute)},
		Paused:     &plans.SchedulePause{By: "somebody", Reason: strings.Repeat("because ", 20), Since: since}, Problem: strings.Repeat("disk full ", 20),
		LastTick: since, NextTick: since, Missed: 123456,
		Last: plans.TickResult{At: since, Why: strings.Repeat("no answer ", 20), Since: since, Late: 400, Unknown: 300, Drift: 200, Skew: &skew,
			Worst: &plans.WorstLeg{Label: strings.Repeat("long name ", 9), RPO: plans.Duration(9999 * time.Hour)}},
	}
	showRow(terminal{out: &out}, scheduleRow{Name: s.String(), State: s.State(), Status: &s})
	showLegs(terminal{out: &out}, plans.TickRecord{
		Legs:  []plans.LegStatus{{Label: strings.Repeat("long name ", 9), Leg: plans.ExtendedLeg, Why: strings.Repeat("why ", 30), Target: plans.Duration(9999 * time.Hour)}, *rpoHistory().Now},
		Drift: []plans.Drift{{Label: strings.Repeat("long name ", 9), Field: "partner", Is: strings.Repeat("x", 90), Should: "y"}},
	})
	for _, line := range strings.Split(out.String(), "\n") {
		if len([]rune(line)) > width {
			t.Errorf("%d wide: %q", len([]rune(line)), line)
		}
	}
	if !strings.Contains(out.String(), "behind this machine's") || !strings.Contains(out.String(), "partner is") {
		t.Errorf("it says %s", out.String())
	}
}
