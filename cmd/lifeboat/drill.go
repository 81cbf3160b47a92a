package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

var (
	countFlag    = &cli.IntFlag{Name: "count", Value: 5, Usage: "how many times of each drill"}
	untestedFlag = &cli.StringFlag{Name: "untested", Value: "183d", Usage: "after how long without a proof a VM counts as untested, like 90d"}
)

func drillCommand(t terminal) *cli.Command {
	reading := []cli.Flag{configFlag, dataFlag, outputFlag}
	steering := []cli.Flag{configFlag, dataFlag, outputFlag, byFlag, reasonFlag, dryRunFlag}
	return &cli.Command{Name: "drill", Usage: "test failovers on a calendar", Subcommands: []*cli.Command{
		{
			Name: "list", Usage: "all drills: when next, what became of the last", Flags: reading,
			Action: func(c *cli.Context) error { return listDrills(t, c) },
		},
		{
			Name: "next", Usage: "when drills run, and on which days they do not; needs no engine", ArgsUsage: "[DRILL]",
			Flags:  []cli.Flag{configFlag, outputFlag, countFlag},
			Action: func(c *cli.Context) error { return nextDrills(t, c, time.Now()) },
		},
		{
			Name: "run", Usage: "begin a drill now, whatever the calendar says", ArgsUsage: "DRILL|PLAN",
			Flags:  []cli.Flag{configFlag, dataFlag, yesFlag, autoFlag, dryRunFlag, detachFlag, byFlag, reasonFlag, outputFlag, nativeFlag},
			Action: func(c *cli.Context) error { return runDrillNow(t, c) },
		},
		{
			Name: "coverage", Usage: "each VM's last proof and how strong it was, the longest untested first", Flags: append([]cli.Flag{untestedFlag}, reading...),
			Action: func(c *cli.Context) error { return drillCoverage(t, c, time.Now()) },
		},
		{
			Name: "pause", Usage: "begin a drill no more until resume (needs --reason)", ArgsUsage: "DRILL", Flags: steering,
			Action: func(c *cli.Context) error { return steerDrill(t, c, true) },
		},
		{
			Name: "resume", Usage: "begin it again when it is due", ArgsUsage: "DRILL", Flags: steering,
			Action: func(c *cli.Context) error { return steerDrill(t, c, false) },
		},
	}}
}

// drillsOf reads the configuration, and the drill that is named, if one is.
func drillsOf(c *cli.Context, name string) (*worker.Configuration, []plans.ScheduledDrill, error) {
	cfg, err := worker.LoadConfiguration(c.String("config"))
	if err != nil {
		return nil, nil, &failure{exitUsage, err}
	}
	found, err := called(cfg.Drills, "drill", "drills", name, func(one plans.ScheduledDrill) string { return one.Name })
	return cfg, found, err
}

// drillRow is a drill in a list.
type drillRow struct {
	Name string `json:"name"`
	Plan string `json:"plan"`
	calendarRow
	Last *lastRow `json:"last,omitempty"`
	due  string
}

type lastRow struct {
	Run     string    `json:"run"`
	Due     time.Time `json:"due"`
	Outcome string    `json:"outcome"`
	Summary string    `json:"summary"`
}

func listDrills(t terminal, c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	_, all, err := drillsOf(c, "")
	if err != nil {
		return err
	}
	reports, _ := worker.ReadReports(c.Context, c.String("data")) // no journal, no last drill
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].Name
	}
	states, unseen := calendarsOf(c, names, control.ErrNoDrill, func(client *control.Client, name string) (control.Calendar, error) {
		s, err := client.DrillSchedule(c.Context, name)
		return orByHand(c.Context, s.Calendar, err, name, client.DrillByHand)
	})
	rows := make([]drillRow, len(all))
	code := exitOK
	for i, d := range all {
		rows[i] = rowOfDrill(d, states[i], reports, time.Now())
		if states[i] == nil && unseen == nil {
			rows[i].Note = notTaken(control.ErrNoDrill)
		}
		if rows[i].bad() {
			code = exitFinding
		}
	}
	if unseen != nil && len(rows) > 0 {
		code = exitUnknown
	}
	if asJSON {
		return errors.Join(t.json(rows), quietly(code))
	}
	if len(rows) == 0 {
		t.say("The configuration has no drills. A drill looks like this:")
		t.say(`  drills: [{name: weekly, plan: PLAN, cron: "0 6 * * SUN"}]`)
		return nil
	}
	if unseen != nil {
		t.wrapped("! ", 2, "Nothing begins by itself: "+plain(unseen.Error()))
	}
	for _, r := range rows {
		showDrillRow(t, r)
	}
	return quietly(code)
}

func rowOfDrill(d plans.ScheduledDrill, is *control.Calendar, reports []plans.Report, now time.Time) drillRow {
	calendar, err := plans.CalendarOf(d)
	if err != nil { // validation refuses such a drill
		return drillRow{Name: d.Name, Plan: d.Plan, calendarRow: calendarRow{State: "unseen"}}
	}
	r := drillRow{Name: d.Name, Plan: d.Plan, calendarRow: rowOfCalendar(is, calendar, now)}
	if last := plans.LastOfDrill(d.Name, reports); last != nil {
		r.due = onWall(last.Input.Drill.Due, calendar)
		r.Last = &lastRow{Run: last.Status.RunID, Due: last.Input.Drill.Due, Outcome: plans.DrillOutcome(*last), Summary: last.Status.Summary}
	}
	return r
}

// bad is true for a drill that somebody should look after.
func (r drillRow) bad() bool {
	return r.Paused || r.Note != "" || r.Last != nil && r.Last.Outcome != "passed"
}

func showDrillRow(t terminal, r drillRow) {
	r.head(t, r.Name, r.bad())
	if r.Last == nil {
		t.say("    last    never")
		return
	}
	t.wrapped("    last    ", 12, fmt.Sprintf("%s, due %s: %s", r.Last.Outcome, r.due, plain(strings.TrimPrefix(r.Last.Summary, "Not begun: "))))
	t.say("            lifeboat journal report %s", shellWord(r.Last.Run))
}

// drillTimes is the preview of one drill.
type drillTimes struct {
	Name string           `json:"name"`
	Plan string           `json:"plan"`
	Days []plans.DrillDay `json:"days"`
}

func nextDrills(t terminal, c *cli.Context, now time.Time) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	name := c.Args().First()
	if c.Args().Len() > 1 {
		return usage("next takes one drill at most, got %q", c.Args().Slice())
	}
	if n := c.Int("count"); n < 1 || n > 500 {
		return usage("--count is %d: write 1 to 500", n)
	}
	_, all, err := drillsOf(c, name)
	if err != nil {
		return err
	}
	out := make([]drillTimes, len(all))
	for i, d := range all {
		calendar, err := plans.CalendarOf(d)
		if err != nil {
			return &failure{exitUsage, err}
		}
		out[i] = drillTimes{Name: d.Name, Plan: d.Plan, Days: calendar.Preview(now, c.Int("count"))}
		if asJSON {
			continue
		}
		t.say("%s  (plan %s)", plain(d.Name), plain(d.Plan))
		for _, day := range out[i].Days {
			line := onWall(day.At, calendar)
			if day.Black != "" {
				line = fmt.Sprintf("%s  no drill: %s", line, plain(day.Black))
			}
			t.say("  %s", line)
		}
	}
	if asJSON {
		return t.json(out)
	}
	if len(all) == 0 {
		t.say("The configuration has no drills.")
	}
	return nil
}

func drillCoverage(t terminal, c *cli.Context, now time.Time) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	limit, err := parseSince(c.String("untested"))
	if err != nil {
		return usage("--untested: %v", err)
	}
	cfg, _, err := drillsOf(c, "")
	if err != nil {
		return err
	}
	reports, err := worker.ReadReports(c.Context, c.String("data"))
	if err != nil {
		return fail(exitNoAccess, "%v", err)
	}
	all := plans.DrillCoverage(cfg.Config, reports, limit, now)
	old := 0
	for i := range all {
		if all[i].Old {
			old++
		}
	}
	code := exitOK
	if old > 0 {
		code = exitFinding
	}
	if asJSON {
		return errors.Join(t.json(all), quietly(code))
	}
	t.say("%d of %d VMs untested for more than %s", old, len(all), c.String("untested"))
	if weak := weaklyProved(all); len(weak) > 0 {
		t.wrapped("", 2, fmt.Sprintf("%d of %d shown by no more than a heartbeat: %s. Their systems came up; that their services work nobody has seen. A script in the guest shows more; so do ports and pages, where the network has a test_subnet.", len(weak), len(all), names(weak)))
	}
	t.say("  %-18s %-22s %-20s %s", "VM", "LAST PROOF", "SHOWN BY", "NEXT DRILL")
	for i := range all {
		showCovered(t, all[i])
	}
	return quietly(code)
}

// weaklyProved are the VMs whose last proof shows no service.
func weaklyProved(all []plans.Covered) (labels []string) {
	for _, v := range all {
		if v.Last != nil && v.Last.Weak() {
			labels = append(labels, plain(v.Label))
		}
	}
	return labels
}

// shownBy is how strong a proof is, in words.
func shownBy(p plans.Proof) string {
	words := string(p.Shown)
	switch {
	case p.Person != "":
		words += ", person"
	case p.Weak():
		words += " only"
	}
	return words
}

func showCovered(t terminal, v plans.Covered) {
	mark, last, by, next := " ", "never tested", "-", "none"
	if v.Old {
		mark = "!"
	}
	if v.Last != nil {
		last, by = days(v.Days)+" ago", shownBy(*v.Last)
		if v.Old && v.Days > 0 {
			last = "untested for " + days(v.Days)
		}
	}
	if !v.Next.IsZero() {
		next = v.Next.Local().Format("2 Jan 2006")
	}
	t.say("%s %-18s %-22s %-20s %s", mark, cut(plain(v.Label), 18), last, cut(plain(by), 20), next)
}

// days are whole days since a proof: yesterday evening is less than one.
func days(n int) string {
	switch n {
	case 0:
		return "less than a day"
	case 1:
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}

func steerDrill(t terminal, c *cli.Context, pause bool) error {
	return steerCalendar(t, c, pause, steered{
		kind: "drill", means: "nothing is tested", missing: control.ErrNoDrill,
		known: func(name string) error {
			_, _, err := drillsOf(c, name)
			return err
		},
		is: func(client *control.Client, name string) (control.Calendar, any, error) {
			s, err := client.DrillSchedule(c.Context, name)
			return s.Calendar, s, err
		},
		pause: (*control.Client).PauseDrill, resume: (*control.Client).ResumeDrill,
	})
}

// drillToRun is the drill that is named, by its own name or by that of a plan which
// has no other.
func drillToRun(c *cli.Context, name string) (*worker.Configuration, plans.ScheduledDrill, error) {
	cfg, found, err := drillsOf(c, name)
	if err == nil {
		return cfg, found[0], nil
	}
	if cfg == nil || !slices.ContainsFunc(cfg.Plans, func(p plans.RecoveryPlan) bool { return p.Name == name }) {
		return cfg, plans.ScheduledDrill{}, err
	}
	var names []string
	for _, d := range cfg.Drills {
		if d.Plan == name {
			found, names = append(found, d), append(names, d.Name)
		}
	}
	switch len(found) {
	case 0:
		return cfg, plans.ScheduledDrill{}, usage("the plan %q has no drill in drills:. To test it now: lifeboat failover %s --test", name, shellWord(name))
	case 1:
		return cfg, found[0], nil
	}
	return cfg, plans.ScheduledDrill{}, usage("the plan %q has %d drills: name one of %s", name, len(names), strings.Join(names, ", "))
}

// runDrillNow looks, says what will happen, asks, begins and watches.
func runDrillNow(t terminal, c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	name, err := one(c, "the name of a drill")
	if err != nil {
		return err
	}
	cfg, drill, err := drillToRun(c, name)
	if err != nil {
		return err
	}
	name = drill.Name
	if c.Bool("auto") && cfg.Lab == nil {
		return usage("--auto answers by a lab operator: it is refused outside a lab configuration")
	}
	now := time.Now().UTC().Truncate(time.Second)
	start := plans.DrillStart{Due: now, Now: now, ByHand: true, By: who(c), Reason: c.String("reason"), Auto: c.Bool("auto")}
	look, err := worker.LookAtDrill(c.Context, cfg, drill, start)
	if err != nil {
		return &failure{exitUsage, err}
	}
	words := t
	if asJSON {
		words.out = t.err
	}
	showPlanHead(words, look)
	showCriteria(words, look.Input.Drill)
	if calendar, err := plans.CalendarOf(drill); err == nil && calendar.Black(now) != "" {
		words.wrapped("! ", 2, "the calendar has no drill today: "+plain(calendar.Black(now)))
	}
	showFindings(words, look.Findings)
	if hurts := plans.DrillHurts(look.Findings); len(hurts) > 0 {
		return refused(c, look.Input, name+" was not begun")
	}
	if c.Bool("dry-run") {
		if asJSON {
			return t.json(look)
		}
		showExplanation(words, look, c.Bool("native"))
		words.say("Dry run: nothing was changed.")
		return nil
	}
	if err := askName(words, c, look.Input.Plan); err != nil {
		return err
	}
	return followDrill(t, words, c, name, start, look.Input, asJSON)
}

func showCriteria(t terminal, n *plans.DrillNote) {
	for i, criterion := range n.Criteria {
		head := ""
		if i == 0 {
			head = "  Success"
		}
		text := plain(criterion.Text)
		if criterion.Who != "" {
			text += " (" + plain(criterion.Who) + " is asked)"
		}
		t.wrapped(head, 12, text)
	}
}

// followDrill begins the drill and watches it to its report.
func followDrill(t, words terminal, c *cli.Context, name string, start plans.DrillStart, in plans.RunInput, asJSON bool) error {
	engine, err := dialLink(c)
	if err != nil {
		return err
	}
	defer engine.close()
	id, err := engine.client.StartDrill(c.Context, name, start)
	if err != nil {
		return startError(err)
	}
	words.say("")
	words.say("Started  %s", in.RunID)
	if c.Bool("detach") {
		words.say("Watch    lifeboat run watch %s", shellWord(runName(in.Plan, in.Operation)))
		return nil
	}
	w := newWatcher(words)
	w.auto = start.Auto
	if words.interactive() && !start.Auto && !asJSON {
		w.answer = askPerson(words, c, engine)
	}
	return followRun(t, words, c, engine, w, func(ctx context.Context) (plans.RunStatus, error) {
		client, err := engine.live(ctx)
		if err != nil {
			return plans.RunStatus{}, err
		}
		return client.DrillStatus(ctx, id, in.Plan, in.RunID)
	}, asJSON)
}
