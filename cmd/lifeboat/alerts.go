package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

func alertsCommand(t terminal) *cli.Command {
	return &cli.Command{Name: "alerts", Usage: "who was told what, what waits, and whether the channels work", Subcommands: []*cli.Command{
		{
			Name: "list", Usage: "what is wrong, since when, who was told, what quiet hours hold, which channel fails",
			Flags:  []cli.Flag{configFlag, dataFlag, outputFlag},
			Action: func(c *cli.Context) error { return listAlerts(t, c) },
		},
		{
			Name: "test", Usage: "send a test message to a channel, to a person, or through all channels", ArgsUsage: "[CHANNEL|PERSON]",
			Flags:  []cli.Flag{configFlag, dataFlag, byFlag, dryRunFlag},
			Action: func(c *cli.Context) error { return testAlerts(t, c) },
		},
		{
			Name: "silence", Usage: "tell nobody about a plan for a while; what is still wrong then is told", ArgsUsage: "PLAN",
			Flags: []cli.Flag{configFlag, dataFlag, byFlag, reasonFlag, dryRunFlag,
				&cli.DurationFlag{Name: "for", Usage: "how long, for example 4h"},
				&cli.BoolFlag{Name: "end", Usage: "end the silence now"},
			},
			Action: func(c *cli.Context) error { return silenceAlerts(t, c) },
		},
	}}
}

func listAlerts(t terminal, c *cli.Context) error {
	if err := none(c); err != nil {
		return err
	}
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	// The configuration is for reading without an engine; with one it may be
	// missing here.
	cfg, _ := worker.LoadConfiguration(c.String("config"))
	v, err := worker.ReadAlerts(c.Context, c.String("data"), cfg)
	if err != nil {
		return fail(exitNoAccess, "%v", err)
	}
	if asJSON {
		if err := t.json(v); err != nil {
			return err
		}
		return quietly(exitAlerts(v))
	}
	showAlerts(t, v)
	return quietly(exitAlerts(v))
}

// exitAlerts is 0 when nothing is wrong and everybody can be told, 6 when nobody
// looks.
func exitAlerts(v plans.AlertsView) int {
	switch {
	case !v.Live:
		return exitUnknown
	case len(v.Open) > 0 || len(alertTrouble(v)) > 0:
		return exitFinding
	}
	return exitOK
}

func showAlerts(t terminal, v plans.AlertsView) {
	switch {
	case !v.Live:
		t.wrapped("!! ", 3, "No engine runs on this data folder: nobody looks, and nobody is told. This is what it knew last.")
	case !v.Configured:
		t.wrapped("!! ", 3, "Nobody is told of anything: the configuration has no alerts: section (docs/configuration.md).")
	}
	if len(v.Open) == 0 && v.Live && v.Configured {
		t.say("Nothing is wrong that people are told of.")
	}
	for _, row := range v.Open {
		showAlert(t, v, row)
	}
	if len(v.Channels) > 0 {
		t.say("")
		t.say("  %-16s %-8s %s", "CHANNEL", "KIND", "NOW")
	}
	for _, ch := range v.Channels {
		t.wrapped(fmt.Sprintf("  %-16s %-8s ", cut(plain(ch.Name), 16), ch.Kind), 28, channelWords(v, ch))
	}
	if h := v.Heartbeat; h != nil {
		t.wrapped("  heartbeat                 ", 28, healthWords(v, h.Sent, h.Failing, h.Error))
	}
	for _, plan := range slices.Sorted(maps.Keys(v.Silences)) {
		s := v.Silences[plan]
		t.say("")
		t.wrapped("Silent     ", 11, fmt.Sprintf("%s until %s, by %s: %s", plain(plan), alertTime(s.Until, v.At), plain(s.By), plain(s.Reason)))
	}
	for _, m := range v.Lost {
		t.say("")
		t.wrapped("LOST       ", 11, fmt.Sprintf("%s, of %s: it was given up after a week", plain(m.Title), alertTime(m.At, v.At)))
	}
	showWaiting(t, v)
}

// mostWaiting bounds the list of messages that wait.
const mostWaiting = 10

func showWaiting(t terminal, v plans.AlertsView) {
	for i, m := range v.Waiting {
		if i == mostWaiting {
			t.say("           and %d more", len(v.Waiting)-i)
			return
		}
		if i == 0 {
			t.say("")
		}
		var to []string
		for _, d := range m.Deliveries {
			if d.Sent.IsZero() {
				to = append(to, d.String())
			}
		}
		first, _, _ := strings.Cut(m.Title, "\n")
		t.wrapped("Waits      ", 11, fmt.Sprintf("%s (%s, %s) for %s", plain(first), m.Kind, alertTime(m.At, v.At), plain(strings.Join(to, ", "))))
	}
}

func showAlert(t terminal, v plans.AlertsView, row plans.AlertRow) {
	t.say("")
	t.wrapped("", 0, plain(row.Title))
	for _, line := range row.Told(time.Local, v.At) {
		t.wrapped("  - ", 4, plain(line.What))
		for _, fact := range line.Facts {
			t.wrapped(fmt.Sprintf("    %-11s ", fact[0]), 16, plain(fact[1]))
		}
	}
	targets := make([]string, len(row.Targets))
	for i, target := range row.Targets {
		targets[i] = target.String()
	}
	switch {
	case row.Settling:
		t.wrapped("  ", 2, "Nobody was told yet: it has to last, or a run works on it.")
	case len(targets) == 0:
		t.wrapped("  ", 2, "Nobody was told: no channel is for it.")
	default:
		t.wrapped("  ", 2, fmt.Sprintf("First told %s, last %s: %s.", alertTime(row.First, v.At), alertTime(row.Last, v.At), plain(strings.Join(targets, ", "))))
	}
}

// alertTime is a time for people: with the day when it is not today.
func alertTime(at, now time.Time) string {
	at = at.Local()
	if at.Format(time.DateOnly) == now.Local().Format(time.DateOnly) {
		return at.Format(clock)
	}
	return at.Format("Mon 2 Jan 15:04")
}

func channelWords(v plans.AlertsView, ch plans.AlertChannel) string {
	words := healthWords(v, ch.Sent, ch.Failing, ch.Error)
	if n := ch.Waiting - ch.Held; n > 0 {
		words += fmt.Sprintf("; %d to be sent", n)
	}
	if ch.Held > 0 {
		words += fmt.Sprintf("; quiet hours hold %d until %s", ch.Held, alertTime(v.QuietUntil, v.At))
	}
	return words
}

func healthWords(v plans.AlertsView, sent, failing time.Time, why string) string {
	switch {
	case !failing.IsZero():
		return fmt.Sprintf("FAILS since %s: %s", alertTime(failing, v.At), plain(why))
	case sent.IsZero():
		return "nothing sent yet"
	}
	return "works; last sent " + alertTime(sent, v.At)
}

// alertTrouble is what keeps people from being told.
func alertTrouble(v plans.AlertsView) []string {
	var out []string
	for _, ch := range v.Channels {
		if !ch.Failing.IsZero() {
			out = append(out, fmt.Sprintf("%s fails since %s (%s): %d messages wait", plain(ch.Name), alertTime(ch.Failing, v.At), plain(ch.Error), ch.Waiting))
		}
	}
	if h := v.Heartbeat; h != nil && !h.Failing.IsZero() {
		out = append(out, fmt.Sprintf("the heartbeat fails since %s (%s)", alertTime(h.Failing, v.At), plain(h.Error)))
	}
	if n := len(v.Lost); n > 0 {
		out = append(out, fmt.Sprintf("%d messages were given up", n))
	}
	return out
}

// showAlertTrouble is for the morning look.
func showAlertTrouble(t terminal, c *cli.Context) {
	v, err := worker.ReadAlerts(c.Context, c.String("data"), nil)
	if err != nil || !v.Configured {
		return
	}
	for _, text := range alertTrouble(v) {
		t.wrapped("!! ", 3, "Alerts: "+text+". See lifeboat alerts list")
	}
}

func testAlerts(t terminal, c *cli.Context) error {
	if c.Args().Len() > 1 {
		return usage("test takes one channel or person, got %q", c.Args().Slice())
	}
	cfg, err := worker.LoadConfiguration(c.String("config"))
	if err != nil {
		return &failure{exitUsage, err}
	}
	targets, err := testTargets(cfg, c.Args().First())
	if err != nil {
		return err
	}
	bad := 0
	for _, target := range targets {
		if c.Bool("dry-run") {
			t.say("would send to %s: %s", plain(target.String()), plans.TestAlert(who(c), time.Now()).Subject(plans.AlertPolicyOf(cfg.Config, cfg.Speed())))
			continue
		}
		direct, err := worker.TestChannel(c.Context, c.String("data"), cfg, target, who(c))
		how := ""
		if direct {
			how = " (sent by this command: no engine runs here)"
		}
		if err != nil {
			bad++
			t.wrapped(fmt.Sprintf("%-16s ", plain(target.String())), 17, "FAILED: "+plain(err.Error())+how)
			continue
		}
		t.wrapped(fmt.Sprintf("%-16s ", plain(target.String())), 17, "taken"+how)
	}
	if bad > 0 {
		return fail(exitNoAccess, "%d of %d did not take the test message", bad, len(targets))
	}
	return nil
}

// testTargets are the channel or the person of a name, or all channels.
func testTargets(cfg *worker.Configuration, name string) ([]plans.AlertTarget, error) {
	if cfg.Alerts == nil {
		return nil, usage("the configuration has no alerts: section, so there is no channel")
	}
	if _, ok := cfg.Alerts.Channel(name); ok {
		return []plans.AlertTarget{{Channel: name}}, nil
	}
	var known []string
	for _, person := range cfg.Alerts.People {
		if strings.EqualFold(person.Name, name) {
			return plans.AlertPolicyOf(cfg.Config, cfg.Speed()).Route("", []string{person.Name}), nil
		}
		known = append(known, person.Name)
	}
	var all []plans.AlertTarget
	for _, channel := range cfg.Alerts.Channels {
		all = append(all, plans.AlertTarget{Channel: channel.Name})
		known = append(known, channel.Name)
	}
	if name != "" {
		return nil, usage("no channel or person %q: there are %s", name, strings.Join(known, ", "))
	}
	return all, nil
}

func silenceAlerts(t terminal, c *cli.Context) error {
	name, err := one(c, "the name of a plan")
	if err != nil {
		return err
	}
	cfg, err := worker.LoadConfiguration(c.String("config"))
	if err != nil {
		return &failure{exitUsage, err}
	}
	if _, err := cfg.Plan(name); err != nil {
		return &failure{exitUsage, err}
	}
	end, length := c.Bool("end"), c.Duration("for")
	switch {
	case end == (length > 0):
		return usage("silence needs --for, for example --for 4h, or --end")
	case !end && strings.TrimSpace(c.String("reason")) == "":
		return fail(exitRefused, "silence needs a --reason: somebody will ask why nobody was told")
	}
	now := time.Now()
	until := now.Add(length)
	words := fmt.Sprintf("%s is silent until %s. What is still wrong then is told.", plain(name), alertTime(until, now))
	if end {
		words = plain(name) + " is not silent any more."
	}
	if c.Bool("dry-run") {
		t.say("Nothing is changed. It would say: %s", words)
		return nil
	}
	if err := worker.Silence(c.Context, c.String("data"), name, until, who(c), c.String("reason")); err != nil {
		if errors.Is(err, control.ErrNoEngine) {
			err = fmt.Errorf("no engine runs here, so nobody is told anything now: %w", err)
		}
		return fail(exitNoAccess, "%v", err)
	}
	t.say("%s", words)
	return nil
}
