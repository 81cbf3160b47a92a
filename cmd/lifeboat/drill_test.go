package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

// Next and last stand on one clock, the calendar's own, and say which.
func TestADrillsTimesAreOfOneClock(t *testing.T) {
	due := time.Date(2026, 7, 5, 10, 0, 0, 0, time.UTC)
	d := plans.ScheduledDrill{Name: "weekly", Cron: "0 6 * * SUN", Timezone: "America/New_York"}
	last := plans.Report{Status: plans.RunStatus{RunID: "weekly-1", Verdict: plans.VerdictRefused, Summary: "Not begun: a run goes on."},
		Input: plans.RunInput{Drill: &plans.DrillNote{Calendar: "weekly", Due: due}}}
	var out bytes.Buffer
	showDrillRow(terminal{out: &out}, rowOfDrill(d, nil, []plans.Report{last}, due.Add(time.Hour)))
	for _, want := range []string{"next Sun 12 Jul 2026 06:00 EDT", "not begun, due Sun 5 Jul 2026 06:00 EDT: a run goes on."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

// One that is running and paused is not begun again; one that was resumed has a note
// and no trouble.
func TestAPauseShowsWhateverIsUnderWay(t *testing.T) {
	d := plans.ScheduledDrill{Name: "weekly", Cron: "0 6 * * SUN", Timezone: "UTC"}
	for _, c := range []struct {
		is   control.Calendar
		want string
		bad  bool
	}{
		{control.Calendar{Running: true, Paused: true, Note: "dana: audit"}, "paused  dana: audit", true},
		{control.Calendar{Paused: true, Note: "dana: audit"}, "paused  dana: audit", true},
		{control.Calendar{Note: "dana: audit is over"}, "armed", false},
	} {
		r := rowOfDrill(d, &c.is, nil, time.Now())
		var out bytes.Buffer
		showDrillRow(terminal{out: &out}, r)
		if !strings.Contains(out.String(), c.want) || r.bad() != c.bad || strings.HasPrefix(out.String(), "!") != c.bad {
			t.Errorf("%+v: %s", c.is, out.String())
		}
	}
}

// A proof of yesterday evening is not of today, and no row leaves the screen.
func TestCoverageSaysHowOldAProofIs(t *testing.T) {
	for days, want := range map[int]string{0: "less than a day ago", 1: "1 day ago", 44: "44 days ago", 94: "untested for 94 days", 4000: "untested for 4000 days"} {
		var out bytes.Buffer
		showCovered(terminal{out: &out}, plans.Covered{
			Label: strings.Repeat("W", 40), Days: days, Old: days > 90, Last: &plans.Proof{Run: strings.Repeat("r", 60)}, Next: time.Date(2026, 12, 20, 12, 0, 0, 0, time.UTC),
		})
		line := strings.TrimRight(out.String(), "\n")
		if !strings.Contains(line, want+" ") || len([]rune(line)) > width {
			t.Errorf("%d days: %q", days, line)
		}
	}
}
