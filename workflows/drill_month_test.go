package workflows

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/truth"
)

// drillMonth is a month of drills over simulated hosts, with nobody there. Every
// answer may be lost, the engine dies in between, hosts crash; and on some days
// something else is the matter.
type drillMonth struct {
	*chaosStory
	drills  []plans.ScheduledDrill
	black   bool // the day has become one without drills
	real    int  // from which look on a real operation is under way, 0 for none
	looks   int  // how often it was asked so far
	reports []plans.Report
	ended   map[string]int
}

// incidents are what may be the matter on a day, beside what goes wrong anyway,
// each with the code of the finding that keeps the drill from beginning; "" is a
// day on which it begins.
var incidents = []struct{ name, code string }{
	{quiet, ""}, {"nothing", ""}, {"nothing", ""}, {"a real operation comes", ""},
	{"a real operation is there", plans.DrillBusy}, {"somebody's test copy stands there", "test-copy"},
	{"the site is dark", "host-unreachable"}, {"the day was taken off the calendar", plans.DrillBlackout},
}

// quiet is a day on which nothing at all goes wrong.
const quiet = "a quiet day"

// TestAMonthOfDrillsLeavesNothing plays two calendars through March 2026 in
// Dublin: the clocks jump, the month's end is black. The ledger says that nothing
// was touched and nothing is left, after each of them; each has its report.
func TestAMonthOfDrillsLeavesNothing(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("DRILL_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	m := playMonth(t, seed, nil)
	if len(m.broken) > 0 {
		t.Fatalf("DRILL_SEED=%d go test ./workflows -run TestAMonthOfDrills\n  %s\nthe story:\n  %s", seed, strings.Join(m.broken, "\n  "), strings.Join(m.farm.notes, "\n  "))
	}
	if len(m.reports) != 25 || m.ended["passed"] < 3 || m.ended["not begun"] < 8 {
		t.Errorf("DRILL_SEED=%d: %d reports: %v", seed, len(m.reports), m.ended)
	}
	t.Logf("seed %d: %v", seed, m.ended)
}

// The judge must be able to say no.
func TestTheMonthSeesALeftover(t *testing.T) {
	m := playMonth(t, uint64(time.Now().UnixNano()), func(r chaosHost, function string, by hypervisor.Caller, args chaosArgs) bool {
		if function != "Stop-LifeboatTest" {
			return false
		}
		r.c.wait(&due{calls: 1 << 20, do: func() {
			_, _ = r.h.StartFailover(t.Context(), by, args.VM, hypervisor.Failover{AsTest: true})
		}})
		return true
	})
	if !slices.ContainsFunc(m.broken, func(b string) bool { return strings.HasPrefix(b, "I6:") }) {
		t.Errorf("a test copy was left, and nobody saw it: %q", m.broken)
	}
}

func playMonth(t *testing.T, seed uint64, sabotage chaosSabotage) *drillMonth {
	t.Helper()
	dice := rand.New(rand.NewPCG(seed, 0xd2111))
	env := chaosWorld(dice)
	f, err := hypervisor.New(env, hypervisor.Options{Seed: int64(seed), Speed: chaosSpeed, Dialect: hypervisor.Dialects()[0]})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tally := newChaosTally()
	m := &drillMonth{ended: map[string]int{}, chaosStory: &chaosStory{t: t, seed: seed, dice: dice, tally: tally, farm: newChaosFarm(f, seed, tally),
		tries: map[string]int{}, given: map[string]uint64{}, newest: map[string]uint64{}, others: map[string]bool{}}}
	m.farm.sabotage = sabotage
	m.reverse, m.limits = plans.ReverseAfterGates, plans.Limits{Shutdown: 2, Move: 2, Start: 2, ShutdownWithin: plans.Duration(10 * time.Minute)}
	m.plan(env)
	m.asked.is, m.asked.from, m.asked.to = protected, "a", "b"
	m.farm.from = "a"
	m.first = m.copies()
	m.drills = []plans.ScheduledDrill{
		{Name: "workdays", Plan: "all", Cron: "0 6 * * MON-FRI", Timezone: "Europe/Dublin", Jitter: plans.Duration(45 * time.Minute), Blackout: []string{"month-end 2"}},
		{Name: "sundays", Plan: "all", Cron: "30 20 * * SUN", Timezone: "Europe/Dublin", Hold: new(plans.Duration(30 * time.Minute))},
	}
	m.play(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC))
	m.judgeAll()
	return m
}

// play begins every drill of a time when it is due, one after the other.
func (m *drillMonth) play(from, to time.Time) {
	type dueDrill struct {
		drill plans.ScheduledDrill
		at    time.Time
	}
	var all []dueDrill
	for _, d := range m.drills {
		calendar, err := plans.CalendarOf(d)
		if err != nil {
			m.t.Fatal(err)
		}
		for _, at := range calendar.Next(from, 40) {
			if at.Before(to) {
				all = append(all, dueDrill{d, at})
			}
		}
	}
	slices.SortFunc(all, func(a, b dueDrill) int { return a.at.Compare(b.at) })
	for i, d := range all {
		// Each incident comes, whatever the dice say.
		incident := incidents[i%len(incidents)]
		m.day(d.drill, d.at, incident.name, incident.code)
		if len(m.broken) > 0 {
			return
		}
	}
}

func (m *drillMonth) day(drill plans.ScheduledDrill, at time.Time, incident, code string) {
	m.farm.note("%s, due %s: %s; %s", drill.Name, at, incident, m.picture())
	m.healed, m.black, m.real, m.looks = false, false, 0, 0
	m.farm.trouble(1 + m.dice.IntN(4))
	switch incident {
	case quiet:
		m.farm.trouble(0)
	case "a real operation comes":
		m.real = 2 + m.dice.IntN(4)
	case "a real operation is there":
		m.real = 1
	case "somebody's test copy stands there":
		m.leaveTest("b")
	case "the site is dark":
		m.lose("a")
	case "the day was taken off the calendar":
		m.black = true
	}
	passed := m.ended["passed"]
	before, run := len(m.reports), m.begin(chaosCalled("test-failover"), plans.RunInput{})
	out, err := m.begins(drill, at)
	run = m.end(run)
	m.broken = append(m.broken, truth.Drill(m.ledger()[run.from:run.to], m.production)...)
	m.judgeLeft(false)
	m.judgeDay(drill, at, m.reports[before:], out, err, code)
	if incident == quiet && m.ended["passed"] == passed {
		m.breaks("on a quiet day the drill of %s did not pass", at.Format("2 Jan"))
	}
	m.dark = ""
	m.heal()
	for _, c := range m.farm.farm.State().Copies {
		if c.Test && m.others[c.VM] {
			m.removeTest(c) // whoever made it
		}
	}
}

// begins is what the calendar does when a drill is due.
func (m *drillMonth) begins(drill plans.ScheduledDrill, at time.Time) (out plans.RunResult, err error) {
	m.farm.acts.Drills = activities.DrillDeps{
		Find: func(_ string, start plans.DrillStart) (activities.FoundDrill, error) {
			return m.found(drill, start), nil
		},
		Real: func(context.Context, string, []string) (string, error) {
			if m.looks++; m.real > 0 && m.looks >= m.real {
				return "the run plan/all", nil
			}
			return "", nil
		},
		RealAt: func(context.Context, []string) (string, error) { return "", nil },
	}
	acts := m.acts()
	acts[activities.OpenDrillName], acts[activities.DrillBesideName] = m.farm.acts.OpenDrill, m.farm.acts.DrillBeside
	acts[activities.SaveReportName] = func(ctx context.Context, in activities.ReportIn) (activities.ReportOut, error) {
		out, err := m.farm.acts.SaveReport(ctx, in)
		m.keep()
		return out, err
	}
	acts[activities.DropDrillName] = func(ctx context.Context, in activities.UnbegunIn) (plans.RunStatus, error) {
		out, err := m.farm.acts.DropDrill(ctx, in)
		m.keep()
		return out, err
	}
	env := testEnvironment(&wire{})
	Register(env)
	for name, f := range acts {
		env.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
	if err := env.SetTypedSearchAttributesOnStart(temporal.NewSearchAttributes(scheduledStart.ValueSet(at))); err != nil {
		return out, err
	}
	env.SetStartTime(at.Add(time.Second))
	env.ExecuteWorkflow(Drill, DrillInput{Drill: drill.Name})
	if !env.IsWorkflowCompleted() {
		return out, errors.New("it did not end")
	}
	if err := env.GetWorkflowError(); err != nil {
		return out, err
	}
	return out, env.GetWorkflowResult(&out)
}

// keep takes the report over that the journal got.
func (m *drillMonth) keep() {
	m.farm.mu.Lock()
	defer m.farm.mu.Unlock()
	m.reports = append(m.reports, m.farm.report)
}

// found is the drill as the configuration would have it.
func (m *drillMonth) found(drill plans.ScheduledDrill, start plans.DrillStart) activities.FoundDrill {
	in := m.input(chaosCalled("test-failover"))
	in.RunID, in.StartedBy, in.Hold, in.TTL = plans.DrillRunID(drill.Name, start.Due), "calendar "+drill.Name, 0, plans.Duration(4*time.Hour)
	in.Drill = &plans.DrillNote{Calendar: drill.Name, Due: start.Due, Locked: start.Now, Criteria: []plans.Criterion{
		{Kind: plans.CriterionVMs, Text: "up"}, {Kind: plans.CriterionClean, Text: "clean"},
	}}
	if drill.Hold != nil {
		in.Hold = *drill.Hold
	}
	out := activities.FoundDrill{Input: in, Within: 15 * time.Minute}
	if m.black {
		out.Black = "month-end"
	}
	return out
}

// judgeDay looks for the one report, and that it says what was.
func (m *drillMonth) judgeDay(drill plans.ScheduledDrill, at time.Time, reports []plans.Report, out plans.RunResult, err error, code string) {
	about := fmt.Sprintf("%s of %s", drill.Name, at.Format("2 Jan"))
	var failed *temporal.ApplicationError
	if err != nil && (!errors.As(err, &failed) || failed.Type() != DrillFailed) {
		m.breaks("I5: %s ended with %v", about, err)
	}
	if len(reports) != 1 || reports[0].Status.RunID != plans.DrillRunID(drill.Name, at) || !reports[0].Input.Drill.Due.Equal(at) || len(reports[0].Judgements) != 2 {
		m.breaks("%s has %d reports: %+v", about, len(reports), reports)
		return
	}
	r := reports[0]
	m.ended[plans.DrillOutcome(r)]++
	m.farm.note("it ended %s: %s", plans.DrillOutcome(r), r.Status.Summary)
	if code != "" && (r.Status.Verdict != plans.VerdictRefused || !slices.ContainsFunc(r.Status.Findings, func(f plans.Finding) bool { return f.Code == code })) {
		m.breaks("%s was begun although: %s; %s, %+v", about, code, r.Status.Verdict, r.Status.Findings)
	}
	if clean := r.Judgements[1]; r.Status.Verdict != plans.VerdictRefused && clean.Result != plans.CriterionMet {
		m.breaks("I6: %s says of itself: %s", about, clean.Why)
	}
	if passed := plans.DrillOutcome(r) == "passed"; passed != (err == nil && out.Verdict == plans.VerdictDone) {
		m.breaks("%s ended %s with %v", about, plans.DrillOutcome(r), err)
	}
}
