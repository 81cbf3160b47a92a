package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

func canaryCommand(t terminal) *cli.Command {
	reading := []cli.Flag{configFlag, dataFlag, outputFlag}
	steering := []cli.Flag{configFlag, dataFlag, outputFlag, byFlag, reasonFlag, dryRunFlag}
	return &cli.Command{Name: "canary", Usage: "a throw-away VM that fails over and back on a calendar", Subcommands: []*cli.Command{
		{
			Name: "list", Usage: "all canaries: when next, what became of the last", Flags: reading,
			Action: func(c *cli.Context) error { return listCanaries(t, c) },
		},
		{
			Name: "show", Usage: "what became of a canary, night by night", ArgsUsage: "CANARY",
			Flags:  append([]cli.Flag{&cli.IntFlag{Name: "count", Value: 14, Usage: "how many nights"}}, reading...),
			Action: func(c *cli.Context) error { return showCanary(t, c) },
		},
		{
			Name: "run", Usage: "send a canary now, whatever the calendar says", ArgsUsage: "CANARY",
			Flags:  []cli.Flag{configFlag, dataFlag, outputFlag, byFlag, reasonFlag, dryRunFlag, yesFlag, detachFlag},
			Action: func(c *cli.Context) error { return runCanaryNow(t, c) },
		},
		{
			Name: "pause", Usage: "send a canary no more until resume (needs --reason)", ArgsUsage: "CANARY", Flags: steering,
			Action: func(c *cli.Context) error { return steerCanary(t, c, true) },
		},
		{
			Name: "resume", Usage: "send it again when it is due", ArgsUsage: "CANARY", Flags: steering,
			Action: func(c *cli.Context) error { return steerCanary(t, c, false) },
		},
	}}
}

// canariesOf reads the configuration and finds the canary that is named, if one is.
func canariesOf(c *cli.Context, name string) (*worker.Configuration, []plans.Canary, error) {
	cfg, err := worker.LoadConfiguration(c.String("config"))
	if err != nil {
		return nil, nil, &failure{exitUsage, err}
	}
	found, err := called(cfg.Canaries, "canary", "canaries", name, func(one plans.Canary) string { return one.Name })
	return cfg, found, err
}

// canaryRow is a canary in a list.
type canaryRow struct {
	Name string `json:"name"`
	Host string `json:"host"`
	To   string `json:"to"`
	calendarRow
	Last     *plans.CanaryResult `json:"last,omitempty"`
	LastPass *plans.CanaryResult `json:"last_pass,omitempty"`
	Problem  string              `json:"problem,omitempty"`
	zone     *time.Location
}

func listCanaries(t terminal, c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	if err := none(c); err != nil {
		return err
	}
	cfg, all, err := canariesOf(c, "")
	if err != nil {
		return err
	}
	past, _ := worker.ReadCanaries(c.Context, c.String("data")) // no journal, no last night
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].Name
	}
	schedules, unseen := calendarsOf(c, names, control.ErrNoCanary, func(client *control.Client, name string) (control.Calendar, error) {
		s, err := client.CanarySchedule(c.Context, name)
		return orByHand(c.Context, s.Calendar, err, name, client.CanaryByHand)
	})
	rows, code := []canaryRow{}, exitOK
	for i, s := range plans.CanaryStates(cfg.Config, past) {
		row := rowOfCanary(s, schedules[i], time.Now())
		if schedules[i] == nil && unseen == nil {
			row.Note = notTaken(control.ErrNoCanary)
		}
		if row.bad() {
			code = exitFinding
		}
		rows = append(rows, row)
	}
	if unseen != nil && len(rows) > 0 {
		code = exitUnknown
	}
	if asJSON {
		return errors.Join(t.json(rows), quietly(code))
	}
	if len(rows) == 0 {
		t.say("The configuration has no canaries. A canary looks like this:")
		t.say(`  canaries: [{name: nightly, host: HOST, to: HOST, cron: "30 2 * * *"}]`)
		return nil
	}
	if unseen != nil {
		t.wrapped("! ", 2, "Nothing begins by itself: "+plain(unseen.Error()))
	}
	for _, r := range rows {
		showCanaryRow(t, r)
	}
	return quietly(code)
}

func rowOfCanary(s plans.CanaryState, is *control.Calendar, now time.Time) canaryRow {
	r := canaryRow{Name: s.Canary.Name, Host: s.Canary.Host, To: s.Canary.To, LastPass: s.LastPass(), calendarRow: calendarRow{State: "unseen"}, zone: time.UTC}
	if calendar, err := s.Canary.Calendar(); err == nil { // validation refuses another
		r.calendarRow, r.zone = rowOfCalendar(is, calendar, now), calendar.Zone()
	}
	if len(s.Results) > 0 {
		r.Last = &s.Results[0]
	}
	if p, wrong := s.Problem(); wrong {
		r.Problem = p.What
	}
	return r
}

// bad is true for a canary that somebody should look after.
func (r canaryRow) bad() bool { return r.Paused || r.Note != "" || r.Problem != "" }

func showCanaryRow(t terminal, r canaryRow) {
	r.head(t, r.Name, r.bad())
	t.say("    way     %s -> %s and back", plain(r.Host), plain(r.To))
	if r.Last == nil {
		t.say("    last    never")
		return
	}
	words, _ := withoutCode(plain(r.Last.Words()))
	t.wrapped("    last    ", 12, fmt.Sprintf("%s, due %s: %s", r.Last.Outcome(), r.Last.Due.In(r.zone).Format(wallForm), words))
	if r.LastPass == nil {
		t.say("    passed  never")
	} else if !r.Last.Passed() {
		t.say("    passed  %s", r.LastPass.Ended.In(r.zone).Format(wallForm))
	}
}

// canaryNights is what show answers as JSON.
type canaryNights struct {
	Canary  string               `json:"canary"`
	Host    string               `json:"host"`
	To      string               `json:"to"`
	Nights  []plans.CanaryResult `json:"nights"`
	Problem string               `json:"problem,omitempty"`
}

func showCanary(t terminal, c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	name, err := one(c, "the name of a canary")
	if err != nil {
		return err
	}
	if n := c.Int("count"); n < 1 {
		return usage("--count is %d: write 1 or more", n)
	}
	_, found, err := canariesOf(c, name)
	if err != nil {
		return err
	}
	past, err := worker.ReadCanaries(c.Context, c.String("data"))
	if err != nil {
		return fail(exitNoAccess, "%v", err)
	}
	s := plans.CanaryState{Canary: found[0], Results: past[name]}
	problem, wrong := s.Problem()
	code := exitOK
	if wrong {
		code = exitFinding
	}
	nights := s.Results[:min(c.Int("count"), len(s.Results))]
	if asJSON {
		return errors.Join(t.json(canaryNights{name, found[0].Host, found[0].To, append([]plans.CanaryResult{}, nights...), problem.What}), quietly(code))
	}
	t.say("%s  %s -> %s and back", plain(name), plain(found[0].Host), plain(found[0].To))
	if len(nights) == 0 {
		t.say("It has not run yet. lifeboat canary run %s sends it now.", shellWord(name))
		return nil
	}
	t.say("  %-20s %-11s %10s %10s %10s %10s", "DUE", "OUTCOME", "COPY", "FAILOVER", "FAILBACK", "REMOVAL")
	zone := rowOfCanary(s, nil, time.Now()).zone
	for _, r := range nights {
		showNight(t, r, zone)
	}
	if wrong {
		t.say("")
		t.wrapped("! ", 2, plain(problem.Means)+".")
		if last, _ := s.Last(); last != nil && last.Remedy != "" {
			t.wrapped("  Do  ", 6, plain(last.Remedy))
		}
	}
	return quietly(code)
}

func showNight(t terminal, r plans.CanaryResult, zone *time.Location) {
	line := fmt.Sprintf("  %-20s %-11s", r.Due.In(zone).Format("Mon 2 Jan 15:04 MST"), r.Outcome())
	for _, part := range []string{plans.CanaryCopy, plans.CanaryFailover, plans.CanaryFailback, plans.CanaryRemoval} {
		took := "-"
		if d, known := r.Took(part); known {
			took = span(d)
		}
		line += fmt.Sprintf(" %10s", took)
	}
	t.say("%s", line)
	if !r.Passed() {
		words, _ := withoutCode(plain(r.Words()))
		t.wrapped("    ", 4, words)
	}
}

func steerCanary(t terminal, c *cli.Context, pause bool) error {
	return steerCalendar(t, c, pause, steered{
		kind: "canary", means: "nothing is proved", missing: control.ErrNoCanary,
		known: func(name string) error {
			_, _, err := canariesOf(c, name)
			return err
		},
		is: func(client *control.Client, name string) (control.Calendar, any, error) {
			s, err := client.CanarySchedule(c.Context, name)
			return s.Calendar, s, err
		},
		pause: (*control.Client).PauseCanary, resume: (*control.Client).ResumeCanary,
	})
}

// runCanaryNow looks at both hosts, says what will happen, asks, begins and
// watches.
func runCanaryNow(t terminal, c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	name, err := one(c, "the name of a canary")
	if err != nil {
		return err
	}
	cfg, found, err := canariesOf(c, name)
	if err != nil {
		return err
	}
	words := t
	if asJSON {
		words.out = t.err
	}
	setup, findings, err := worker.LookAtCanary(c.Context, cfg, found[0], who(c), c.String("reason"))
	if err != nil {
		return &failure{exitUsage, err}
	}
	sayCanary(words, setup)
	for _, f := range findings {
		words.wrapped("! ", 2, strings.Join(strings.Fields(f.Text+". "+f.Means+" "+f.Remedy), " "))
	}
	if c.Bool("dry-run") {
		if asJSON {
			return errors.Join(t.json(selftestPlanOf(setup, findings, setup.Walk())), quietly(blockedExit(findings)))
		}
		for _, s := range setup.Walk() {
			words.say("  %-10s %s", setup.At(s.At).Host, s.Says)
		}
		words.say("Dry run: nothing was changed.")
		return quietly(blockedExit(findings))
	}
	if plans.Blocked(findings) {
		if selftestUnderWay(c) {
			return busySelftest()
		}
		return fail(exitRefused, "REFUSED  these hosts cannot take a canary now. Nothing was changed.")
	}
	if err := askTyped(words, c, "Type the canary's name ("+name+") to start: ", name, "the canary"); err != nil {
		return err
	}
	return followCanary(t, words, c, name, asJSON)
}

func sayCanary(t terminal, s plans.SelfTestSetup) {
	t.wrapped("", 0, fmt.Sprintf("Makes a VM at %s, replicates it to %s, fails it over and back by the runs that move real VMs, and removes it from both.", s.A.Host, s.B.Host))
	t.wrapped("", 0, fmt.Sprintf("The VM has %d MB of memory, an empty disk of %d GB (a few MB on the volume) and no network. No other VM and no setting of a host is changed.",
		plans.SelfTestMemory>>20, plans.SelfTestDisk>>30))
}

// followCanary begins a canary and watches it to its end.
func followCanary(t, words terminal, c *cli.Context, name string, asJSON bool) error {
	_, client, err := dial(c)
	if err != nil {
		return err
	}
	defer client.Close()
	id, err := client.StartCanary(c.Context, name, who(c), c.String("reason"))
	if err != nil {
		return fail(exitNoAccess, "the engine did not take the canary: %v", err)
	}
	words.say("Started  %s", id)
	if c.Bool("detach") {
		return nil
	}
	r, err := watchCanary(c.Context, words, client, id)
	if err != nil {
		return err
	}
	if asJSON {
		return errors.Join(t.json(r), quietly(exitOfCanary(r)))
	}
	words.say("")
	words.wrapped(strings.ToUpper(r.Outcome())+"  ", 9, plain(r.Words()))
	return quietly(exitOfCanary(r))
}

// watchCanary prints each step once until the canary has ended.
func watchCanary(ctx context.Context, t terminal, client *control.Client, id string) (plans.CanaryResult, error) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	told := 0
	for {
		r, err := client.Canary(ctx, id)
		if err == nil {
			var s plans.SelfTestStatus
			if s, err = client.SelfTest(ctx); errors.Is(err, control.ErrNoRun) || s.Setup.Name != r.VM {
				s, err = plans.SelfTestStatus{}, nil // it has not begun, or another's
			}
			if errors.Is(err, control.ErrEndedOutside) {
				err = nil // the canary itself says it
			}
			told = sayNight(t, s, told)
		}
		switch {
		case ctx.Err() != nil:
			return r, fail(exitAway, "you stopped watching; the canary goes on, and its VM is removed.\n  Look again: lifeboat canary show %s", shellWord(r.Canary))
		case errors.Is(err, control.ErrEndedOutside):
			return r, fail(exitStuck, "STUCK  the canary was ended from outside. Its walk goes on to remove %s: lifeboat selftest", orDash(r.VM))
		case err != nil:
			return r, fail(exitNoAccess, "the canary cannot be read: %v", err)
		case !r.Ended.IsZero():
			return r, nil
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func sayNight(t terminal, s plans.SelfTestStatus, told int) int {
	for ; told < len(s.Entries); told++ {
		e := s.Entries[told]
		t.say("%3d/%d  %-10s %-22s %s, %s", told+1, s.Steps, cut(plain(s.Setup.At(e.At).Host), 10), e.Step, outcomeWords(e), e.Lasted.Words())
	}
	return told
}

func exitOfCanary(r plans.CanaryResult) int {
	if r.Passed() {
		return exitOK
	}
	return exitOf(r.Verdict)
}
