package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
)

func decideCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "decide", Usage: "is the site gone, what would be lost, what cannot be proved; starts nothing", ArgsUsage: "PLAN",
		Flags:  []cli.Flag{configFlag, dataFlag, toFlag, vmFlag, onlyFlag, pointFlag, outputFlag},
		Action: func(c *cli.Context) error { return decide(t, c) },
	}
}

func decide(t terminal, c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	name, err := one(c, "the name of a plan")
	if err != nil {
		return err
	}
	cfg, err := worker.LoadConfiguration(c.String("config"))
	if err != nil {
		return &failure{exitUsage, err}
	}
	plan, err := cfg.Plan(name)
	if err != nil {
		return &failure{exitUsage, err}
	}
	request, err := requestOf(c, plan, plans.UnplannedFailover)
	if err != nil {
		return err
	}
	request.Past = worker.ReadDurations(c.Context, c.String("data"))
	situation, err := worker.LookAtSituation(c.Context, cfg, plan, request)
	if err != nil {
		return &failure{exitUsage, err}
	}
	if asJSON {
		if err := t.json(situation); err != nil {
			return err
		}
	} else {
		showSituation(t, situation)
	}
	switch situation.Verdict {
	case plans.SiteAnswers:
		return nil
	case plans.SiteSilent:
		return quietly(exitFinding)
	case plans.SiteMixed, plans.SiteBlind:
	}
	return quietly(exitUnknown)
}

// showSituation is what a person reads before the decision.
func showSituation(t terminal, s *plans.Situation) {
	t.say("%s  %s -> %s  is %s really gone?", plain(s.Plan), s.From, s.To, s.From)
	for _, w := range s.Witnesses {
		state := "no answer"
		if w.Answers {
			state = "answers"
		}
		t.say("  %-12s %-8s %-20s %-22s %s", w.Site, w.Kind, cut(plain(w.Name), 20), w.Address, state)
	}
	t.say("")
	for _, line := range s.Text {
		t.wrapped("  ", 2, line)
	}
	t.say("")
	showChoices(t, s)
	if besides := besidesTheSite(s.Findings); len(besides) > 0 {
		t.say("")
		showFindings(t, besides)
	}
	showLeftOut(t, "  left out  ", 12, s.LeftOut)
	if !final(s) {
		t.say("")
		t.wrapped("  Time      ", 12, fmt.Sprintf("about %s until all are up", span(s.Prediction.Duration.D())))
		t.wrapped("            ", 12, s.Prediction.Basis)
		t.wrapped("  Manual    ", 12, s.Prediction.People)
	}
	t.say("Nothing was started. Lifeboat never fails over by itself.")
}

// final is true when nothing is left to choose: every VM was failed over for good.
func final(s *plans.Situation) bool {
	return len(s.VMs) > 0 && !slices.ContainsFunc(s.VMs, func(vm plans.VMSituation) bool { return !vm.Final })
}

// besidesTheSite are the findings that the witnesses, the good copies and the table
// have not said already.
func besidesTheSite(all []plans.Finding) []plans.Finding {
	return slices.DeleteFunc(slices.Clone(all), func(f plans.Finding) bool {
		switch f.Code {
		case "host-unreachable", "source-unseen", "source-runs", "two-copies-run", "rpo-missed", "failed-over-before":
			return true
		}
		return f.Severity == plans.Info
	})
}

// showChoices is what each choice of a point would lose, VM by VM.
func showChoices(t terminal, s *plans.Situation) {
	if final(s) {
		t.wrapped("  ", 2, "No other point can be chosen: the failover is final. Older data comes from a backup.")
		return
	}
	head := "You would lose what was written after:"
	if !slices.ContainsFunc(s.VMs, func(vm plans.VMSituation) bool { return vm.Good != s.To }) {
		head = "Another point, by failover --unplanned --lose-writes, would be of:"
	}
	t.say("  %s", head)
	third := "common"
	if s.Asked != "" {
		third = plain(s.Asked)
	}
	t.say("  %-16s %-20s %-19s %s", "VM", "--point latest", "latest-app", third)
	for _, vm := range s.VMs {
		mark := ""
		if vm.RPO > 0 && vm.LatestBehind > vm.RPO {
			mark = " !"
		}
		third := pointWords(vm.Common, vm.CommonBehind)
		if s.Asked != "" {
			third = pointWords(vm.Asked, vm.AskedBehind)
		}
		t.say("  %-16s %-20s %-19s %s", cut(plain(vm.Label), 16), pointWords(vm.Latest, vm.LatestBehind)+mark, pointWords(vm.App, vm.AppBehind), third)
	}
	switch {
	case s.Asked != "":
	case len(s.CommonMissing) > 0:
		t.wrapped("  ", 2, "One common moment for all is not possible: no point that old at "+names(s.CommonMissing)+".")
	case !s.Common.IsZero():
		text := "Common moment: " + s.Common.UTC().Format("15:04:05") + " UTC; no VM is newer"
		if s.CommonSpread > 0 {
			text += fmt.Sprintf(", the oldest point is %s older", span(s.CommonSpread.D()))
		}
		t.wrapped("  ", 2, text+".")
	}
	t.wrapped("  ", 2, "Times are UTC by the hosts' clocks. ! is beyond the VM's RPO.")
}

func pointWords(p plans.Point, behind plans.Duration) string {
	if p.Time.IsZero() {
		return "-"
	}
	return fmt.Sprintf("%s (%s)", p.Time.UTC().Format(clock), compact(behind.D()))
}

// compact is an age where there is no room for words.
func compact(d time.Duration) string {
	if d >= time.Hour {
		d = d.Round(time.Minute)
	}
	if d >= 48*time.Hour {
		return short(d)
	}
	return plans.Duration(d.Round(time.Second)).String()
}

// short is an age in a table.
func short(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%d d", int(d.Hours()/24))
	}
	return span(d.Round(time.Second))
}

func names(all []string) string {
	if len(all) > 6 {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:6], ", "), len(all)-6)
	}
	return strings.Join(all, ", ")
}
