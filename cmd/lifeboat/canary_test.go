package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

// A night stands on its calendar's clock, a pause shows whatever is under way, a canary
// that the engine does not have is said, and no line leaves the screen.
func TestACanaryInItsList(t *testing.T) {
	due := time.Date(2026, 7, 5, 6, 30, 0, 0, time.UTC)
	state := plans.CanaryState{Canary: plans.Canary{Name: "nightly", Host: "A", To: "B", Cron: "30 2 * * *", Timezone: "America/New_York"}}
	passed := plans.CanaryResult{Canary: "nightly", Due: due.AddDate(0, 0, -1), Ended: due.AddDate(0, 0, -1), Verdict: plans.VerdictDone, Host: "A", To: "B"}
	failed := plans.CanaryResult{Canary: "nightly", Due: due, Ended: due, Verdict: plans.VerdictStopped, Step: "fail-over", Why: "refused by B (OperationFailed,Microsoft.X)"}
	for i, c := range []struct {
		nights []plans.CanaryResult
		is     *control.Calendar
		bad    bool
		want   []string
	}{
		{nil, &control.Calendar{}, false, []string{"armed", "next Mon 6 Jul 2026 02:30 EDT", "last    never"}},
		{[]plans.CanaryResult{passed}, &control.Calendar{}, false, []string{"passed, due Sat 4 Jul 2026 02:30 EDT"}},
		{[]plans.CanaryResult{failed, passed}, &control.Calendar{}, true, []string{"failed, due Sun 5 Jul 2026 02:30 EDT: at the step fail-over: refused by B", "passed  Sat 4 Jul 2026 02:30 EDT"}},
		{[]plans.CanaryResult{failed}, nil, true, []string{"unseen", "passed  never"}},
		{nil, &control.Calendar{Running: true, Paused: true, Note: "dana: audit"}, true, []string{"running", "paused  dana: audit"}},
		{nil, &control.Calendar{Note: "dana: audit is over"}, false, []string{"armed"}},
	} {
		state.Results = c.nights
		r := rowOfCanary(state, c.is, due.Add(time.Hour))
		var out bytes.Buffer
		showCanaryRow(terminal{out: &out}, r)
		for _, n := range c.nights {
			showNight(terminal{out: &out}, n, r.zone)
		}
		flat := strings.Join(strings.Fields(out.String()), " ")
		for _, want := range c.want {
			if !strings.Contains(flat, strings.Join(strings.Fields(want), " ")) {
				t.Errorf("case %d: no %q in\n%s", i, want, out.String())
			}
		}
		if r.bad() != c.bad || strings.HasPrefix(out.String(), "!") != c.bad || strings.Contains(out.String(), "Microsoft.X") {
			t.Errorf("case %d, bad %v:\n%s", i, r.bad(), out.String())
		}
		for _, line := range strings.Split(out.String(), "\n") {
			if len([]rune(line)) > width {
				t.Errorf("case %d: %q", i, line)
			}
		}
	}
}
