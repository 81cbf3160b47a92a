package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
)

func planCommand(t terminal) *cli.Command {
	return &cli.Command{Name: "plan", Usage: "recovery plans: list, validate, edit, explain", Subcommands: []*cli.Command{
		{
			Name: "list", Usage: "the plans of the configuration", Flags: []cli.Flag{configFlag, dataFlag, outputFlag},
			Action: func(c *cli.Context) error { return listPlans(t, c) },
		},
		{
			Name: "validate", Usage: "read the configuration and say all that is wrong with it", Flags: []cli.Flag{configFlag, dataFlag, outputFlag},
			Action: func(c *cli.Context) error { return validatePlans(t, c) },
		},
		{
			Name: "schema", Usage: "JSON Schema of the configuration, for editors",
			Action: func(*cli.Context) error {
				_, err := t.out.Write(plans.Schema())
				return err
			},
		},
		planEditCommand(t),
		{
			Name: "explain", Usage: "what a run of this plan would do now: order, loss, time, people", ArgsUsage: "PLAN",
			Flags: []cli.Flag{configFlag, dataFlag, toFlag, vmFlag, onlyFlag, outputFlag, nativeFlag, pointFlag, statementFlag, chainFlag,
				&cli.StringFlag{Name: "operation", Usage: "planned-failover (default), unplanned-failover, test-failover, cancel, commit, reprotect"}},
			Action: func(c *cli.Context) error { return explainPlan(t, c) },
		},
	}}
}

func listPlans(t terminal, c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	cfg, err := worker.LoadConfiguration(c.String("config"))
	if err != nil {
		return &failure{exitUsage, err}
	}
	if asJSON {
		return t.json(planRows(cfg.Plans))
	}
	for _, p := range cfg.Plans {
		t.say("%-28s %s -> %s  %d steps", plain(p.Name), plain(p.From), plain(p.To), len(p.Steps))
		if p.Purpose != "" {
			t.wrapped("", 4, plain(p.Purpose))
		}
	}
	if len(cfg.Plans) == 0 {
		t.say("The configuration in %s has no recovery plan yet: docs/configuration.md.", plain(cfg.Dir))
	}
	return nil
}

// planRow is a plan in `plan list --output json`.
type planRow struct {
	Name    string `json:"name"`
	From    string `json:"from"`
	To      string `json:"to"`
	Purpose string `json:"purpose,omitempty"`
	Steps   int    `json:"steps"`
}

func planRows(all []plans.RecoveryPlan) []planRow {
	rows := make([]planRow, len(all))
	for i, p := range all {
		rows[i] = planRow{Name: p.Name, From: p.From, To: p.To, Purpose: p.Purpose, Steps: len(p.Steps)}
	}
	return rows
}

func validatePlans(t terminal, c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	cfg, err := worker.LoadConfiguration(c.String("config"))
	if asJSON {
		if err != nil {
			_ = t.json(map[string]any{"valid": false, "error": err.Error()})
			return quietly(exitUsage)
		}
		return t.json(map[string]any{"valid": true, "plans": len(cfg.Plans)})
	}
	if err != nil {
		return &failure{exitUsage, err}
	}
	vms := 0
	for _, g := range cfg.Groups {
		vms += len(g.VMs)
	}
	t.say("Valid: %d sites, %d hosts, %d protected VMs, %d plans.", len(cfg.Sites), len(cfg.Hosts), vms, len(cfg.Plans))
	return nil
}

func explainPlan(t terminal, c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	name, err := one(c, "the name of a plan")
	if err != nil {
		return err
	}
	op := plans.PlannedFailover
	if text := c.String("operation"); text != "" {
		if op = plans.Operation(text); !slices.Contains(plans.Operations(), op) {
			return usage("--operation is %q: write one of %v", text, plans.Operations())
		}
	}
	look, err := lookAtPlan(c, name, op)
	if err != nil {
		return err
	}
	if asJSON {
		if err := t.json(look); err != nil {
			return err
		}
	} else {
		showPlanHead(t, look)
		showFindings(t, look.Findings)
		t.say("")
		showExplanation(t, look, c.Bool("native"))
	}
	if look.Blocked() {
		return quietly(exitFinding)
	}
	return nil
}

// showPlanHead says in a few lines what a run would mean.
func showPlanHead(t terminal, l *worker.Look) {
	in, p := l.Input, l.Prediction
	t.say("%s  %s  %s -> %s", strings.ToUpper(operationWords(in.Operation)), plain(in.Plan), in.From, in.To)
	t.wrapped("  Loss      ", 12, p.Loss)
	t.wrapped("  Time      ", 12, timeWords(in, p))
	t.wrapped("            ", 12, p.Basis)
	if len(p.Critical) > 0 && !sends(in) {
		t.wrapped("  Longest   ", 12, strings.Join(p.Critical, " -> "))
	}
	showLosses(t, l)
	t.wrapped("  Way back  ", 12, p.WayBack)
	t.wrapped("  Manual    ", 12, p.People)
	showLeftOut(t, "  Left out  ", 12, in.LeftOut)
}

// timeWords says how long a run takes, and how long users are without service.
func timeWords(in plans.RunInput, p plans.Prediction) string {
	switch in.Operation {
	case plans.PlannedFailover:
		return fmt.Sprintf("about %s, of which users lose service about %s%s", span(p.Duration.D()), span(p.Downtime.D()), objective(in.Objectives.RTO))
	case plans.UnplannedFailover:
		return fmt.Sprintf("about %s until all are up%s", span(p.Duration.D()), objective(in.Objectives.RTO))
	case plans.TestFailover, plans.Cancel, plans.Commit, plans.Reprotect, plans.Fence, plans.Protect, plans.Unprotect:
	}
	switch {
	case !sends(in):
		return "about " + span(p.Duration.D())
	case !in.Seed.At.IsZero():
		return "first copies begin " + in.Seed.At.UTC().Format("2 Jan 15:04 UTC") + " by the host's clock, and take as long as the line needs"
	}
	return "as long as the line needs for what has to be sent: the run says how far each VM is"
}

// sends is true for a run whose time is that of copying, which nobody knows before
// the hosts tell how far they are.
func sends(in plans.RunInput) bool {
	return in.Operation == plans.Protect || in.Operation == plans.Reprotect && in.Chain != plans.ChainKeep
}

// showLosses says what an unplanned failover loses, VM by VM.
func showLosses(t terminal, l *worker.Look) {
	if l.Input.Operation != plans.UnplannedFailover {
		return
	}
	var losses []string
	for _, vm := range l.Input.VMs() {
		if !vm.Point.Time.IsZero() {
			losses = append(losses, plain(vm.Label)+" "+lossWords(vm))
		}
	}
	t.wrapped("  Data of   ", 12, strings.Join(losses, ", ")+" UTC")
	if s := l.Input.Statement; s != nil {
		t.wrapped("  Statement ", 12, fmt.Sprintf("%q, by %s: goes into the record", s.Text, s.By))
	}
}

// lossWords is the moment a VM goes back to, and how long ago that was.
func lossWords(vm plans.RunVM) string {
	text := vm.Point.Time.UTC().Format(clock)
	if vm.Behind > 0 {
		text += " (" + compact(vm.Behind.D()) + ")"
	}
	if vm.Point.Kind == "AppConsistentReplica" {
		text += " application-consistent"
	}
	return text
}

func objective(d plans.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf(" (target %s)", span(d.D()))
}

func showExplanation(t terminal, l *worker.Look, native bool) {
	for i, s := range l.Explanation.Steps {
		t.wrapped(fmt.Sprintf("%3d  ", i+1), 5, s.Text)
		if !native {
			continue
		}
		for _, n := range s.Native {
			t.say("       %s> %s", n.Host, n.Command)
		}
	}
}
