package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

func fenceCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "fence", Usage: "the watch on a lost site: see what it keeps from running, and decide about old copies that run", ArgsUsage: "PLAN|SITE",
		Flags: []cli.Flag{configFlag, dataFlag, vmFlag, byFlag, reasonFlag, outputFlag, standDownFlag,
			&cli.BoolFlag{Name: "turn-off", Usage: "cut the power of the old copy; its disk is kept"},
			&cli.BoolFlag{Name: "disconnect", Usage: "let the old copy run without a network"},
			&cli.BoolFlag{Name: "leave", Usage: "leave the old copy as it is (needs --reason)"},
		},
		Action: func(c *cli.Context) error { return fence(t, c) },
	}
}

func fence(t terminal, c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	name, err := one(c, "the name of a plan or of a lost site")
	if err != nil {
		return err
	}
	choice, err := fenceChoice(c)
	if err != nil {
		return err
	}
	_, client, err := dial(c)
	if err != nil {
		return err
	}
	defer client.Close()
	watched, err := fencedPlans(c, client, name)
	if err != nil {
		return err
	}
	worst, refused := exitOK, 0
	for _, plan := range watched {
		code, err := fenceOne(t, c, client, plan, choice, asJSON)
		var no *failure
		if errors.As(err, &no) && no.code == exitRefused && len(watched) > 1 {
			// The other plans of the site are answered all the same.
			refused++
			_, _ = fmt.Fprintln(t.err, err)
			continue
		}
		if err != nil {
			return err
		}
		worst = max(worst, code)
	}
	if refused > 0 && refused == len(watched) {
		return quietly(exitRefused)
	}
	return quietly(worst)
}

func fenceChoice(c *cli.Context) (plans.Choice, error) {
	var chosen []plans.Choice
	for flag, choice := range map[string]plans.Choice{
		"turn-off": plans.ChoiceTurnOff, "disconnect": plans.ChoiceDisconnect, "leave": plans.ChoiceSkip, "stand-down": plans.ChoiceStandDown,
	} {
		if c.Bool(flag) {
			chosen = append(chosen, choice)
		}
	}
	switch {
	case len(chosen) > 1:
		return "", usage("say one of --turn-off, --disconnect, --leave and --stand-down")
	case len(chosen) == 0:
		return "", nil
	case (chosen[0] == plans.ChoiceSkip || chosen[0] == plans.ChoiceStandDown) && strings.TrimSpace(c.String("reason")) == "":
		return "", usage("that needs --reason: it goes into the record")
	}
	return chosen[0], nil
}

// fencedPlans are the plans whose lost site is watched: the one that was named,
// or all of a site.
func fencedPlans(c *cli.Context, client *control.Client, name string) ([]string, error) {
	cfg, err := worker.LoadConfiguration(c.String("config"))
	if err != nil {
		return nil, &failure{exitUsage, err}
	}
	if _, err := cfg.Plan(name); err == nil {
		return []string{name}, nil
	}
	var found []string
	for _, p := range cfg.Plans {
		s, err := client.Fence(c.Context, p.Name)
		if err == nil && s.From == name {
			found = append(found, p.Name)
		}
	}
	if len(found) == 0 {
		return nil, fail(exitRefused, "REFUSED  no plan and no watched site is called %q. A watch begins with an unplanned failover.", name)
	}
	return found, nil
}

// fenceOne answers one watch, or shows it.
func fenceOne(t terminal, c *cli.Context, client *control.Client, plan string, choice plans.Choice, asJSON bool) (int, error) {
	s, err := client.Fence(c.Context, plan)
	if errors.Is(err, control.ErrNoRun) {
		return 0, fail(exitRefused, "REFUSED  no site of %s is watched: a watch begins with an unplanned failover. Nothing was changed.", plan)
	}
	if err != nil {
		return 0, fail(exitNoAccess, "the watch of %s cannot be read: %v", plan, err)
	}
	if choice != "" && choice != plans.ChoiceStandDown && len(s.Waiting) == 0 {
		return 0, fail(exitRefused, "REFUSED  no old copy of %s waits for an answer now. Nothing was changed.\n  Look: lifeboat fence %s", plan, shellWord(plan))
	}
	if s, err = answerFence(c, client, plan, choice, s); err != nil {
		return 0, err
	}
	if asJSON {
		return fenceExit(s), t.json(s)
	}
	showFence(t, s)
	return fenceExit(s), nil
}

// answerFence gives the choice for every VM it is meant for. One that waits no
// more, since somebody else has answered meanwhile, is passed over unless it was
// named.
func answerFence(c *cli.Context, client *control.Client, plan string, choice plans.Choice, s plans.FenceStatus) (plans.FenceStatus, error) {
	var refused error
	answered := 0
	for _, vm := range fenceTargets(c, choice, s) {
		now, err := client.AnswerFence(c.Context, plan, plans.Answer{Choice: choice, VM: vm, By: who(c), Reason: c.String("reason"), Via: "cli"})
		var no *control.NotAcceptedError
		switch {
		case errors.As(err, &no):
			refused = fail(exitRefused, "REFUSED  %s", no.Reason)
			if c.IsSet("vm") {
				return s, refused
			}
		case err != nil:
			return s, fail(exitNoAccess, "the answer may not have reached the watch: %v. Look: lifeboat fence %s", err, shellWord(plan))
		default:
			s = now
			answered++
		}
	}
	if answered == 0 {
		return s, refused
	}
	return s, nil
}

// fenceTargets are the VMs an answer is for: those named, or all that wait.
func fenceTargets(c *cli.Context, choice plans.Choice, s plans.FenceStatus) []string {
	switch {
	case choice == "":
		return nil
	case choice == plans.ChoiceStandDown:
		return []string{""}
	case len(c.StringSlice("vm")) > 0:
		return c.StringSlice("vm")
	}
	var all []string
	for _, q := range s.Waiting {
		all = append(all, q.VMID)
	}
	return all
}

func fenceExit(s plans.FenceStatus) int {
	if len(s.Waiting) > 0 {
		return exitStuck
	}
	return exitOK
}

// showFence prints a watch: what is kept from running, and what waits.
func showFence(t terminal, s plans.FenceStatus) {
	good := "  good copies: " + s.To
	if !s.Ended.IsZero() { // what was true when it ended may not be so now
		good = ""
	}
	t.say("%s  watch on %s for %s%s", strings.ToUpper(string(s.Verdict)), s.From, plain(s.Plan), good)
	t.wrapped("  ", 2, s.Summary)
	for _, h := range s.Hosts {
		state := "not seen"
		if h.Seen {
			state = "answers"
		}
		since := ""
		if !h.Since.IsZero() {
			since = ", since " + h.Since.Local().Format("2006-01-02 15:04:05")
		}
		t.say("  host %-12s %s%s", h.Name, state, since)
	}
	for _, group := range alike(s.VMs, func(vm plans.FencedVM) string { return string(vm.State) + vm.Doing }) {
		showFenced(t, group)
	}
	for _, group := range together(s.Waiting) {
		q, one := group[0], ""
		if len(group) < len(s.Waiting) {
			one = " --vm NAME"
		}
		if len(group) == 1 {
			one = " --vm " + shellWord(q.VM)
		}
		t.say("")
		t.wrapped("  ", 2, heldWords(group)+"  since "+q.Since.Local().Format(clock))
		raw := showAsked(t, q)
		t.say("    Answer  lifeboat fence %s%s --turn-off", shellWord(s.Plan), one)
		t.say("    or      --disconnect, --leave --reason WHY")
		showRaw(t, raw)
	}
}

// showFenced prints old copies of which the same is said, and when they ran
// beside the good ones.
func showFenced(t terminal, group []plans.FencedVM) {
	labels := make([]string, len(group))
	for i, vm := range group {
		labels[i] = plain(vm.Label)
	}
	text := names(labels)
	if group[0].Doing != "" && group[0].State != plans.FenceOpen { // what is open is asked below
		text += ": " + plain(group[0].Doing)
	}
	t.wrapped(fmt.Sprintf("  %-3d %-9s", len(group), group[0].State), 16, text)
	if words := ranBeside(group, "there"); words != "" {
		t.wrapped("", 16, words)
	}
}

// ranBeside says which old copies were seen running beside the good ones, and
// when, "" when none was.
func ranBeside(all []plans.FencedVM, where string) string {
	var labels []string
	var first, last time.Time
	for _, vm := range all {
		if vm.BothFirst.IsZero() {
			continue
		}
		labels = append(labels, vm.Label)
		if first.IsZero() || vm.BothFirst.Before(first) {
			first = vm.BothFirst
		}
		if vm.BothLast.After(last) {
			last = vm.BothLast
		}
	}
	if len(labels) == 0 {
		return ""
	}
	who := several(labels)
	if n := len(all); n > 2 && n == len(labels) {
		who = fmt.Sprintf("all %d VMs", n)
	}
	return fmt.Sprintf("%s ran %s beside the good copy, seen from %s to %s UTC", who, where, first.UTC().Format("2 Jan "+clock), last.UTC().Format(clock))
}
