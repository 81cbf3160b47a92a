package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
)

func planCommand(t terminal) *cli.Command {
	return &cli.Command{Name: "plan", Usage: "recovery plans: list, validate, explain", Subcommands: []*cli.Command{
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
		{
			Name: "explain", Usage: "what a run of this plan would do now: order, loss, time, people", ArgsUsage: "PLAN",
			Flags:  []cli.Flag{configFlag, dataFlag, toFlag, vmFlag, outputFlag, nativeFlag},
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
		t.say("%-28s %s -> %s  %d steps  %s", plain(p.Name), p.From, p.To, len(p.Steps), plain(p.Purpose))
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
	look, err := lookAtPlan(c, name, plans.PlannedFailover)
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
	t.wrapped("  Time      ", 12, fmt.Sprintf("about %s, of which users lose service about %s%s", span(p.Duration.D()), span(p.Downtime.D()), objective(in.Objectives.RTO)))
	if len(p.Critical) > 0 {
		t.wrapped("  Longest   ", 12, strings.Join(p.Critical, " -> "))
	}
	t.wrapped("  Way back  ", 12, p.WayBack)
	t.wrapped("  Manual    ", 12, p.People)
	for _, left := range in.LeftOut {
		t.wrapped("  Left out  ", 12, fmt.Sprintf("%s: %s", plain(left.VM), left.Why))
	}
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
