package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/worker/evidence"
)

var (
	formatFlag     = &cli.StringSliceFlag{Name: "format", Usage: "html, json or csv; may be repeated (default: all three)"}
	outFlag        = &cli.StringFlag{Name: "out", Usage: "folder for the files; nothing there is written over"}
	tenantFlag     = &cli.StringFlag{Name: "tenant", Usage: "a copy for this tenant, which names nothing of others"}
	allTenantsFlag = &cli.BoolFlag{Name: "all-tenants", Usage: "the operator's own copy of a run that held VMs of several tenants"}
	exportFlags    = []cli.Flag{dataFlag, outputFlag, formatFlag, outFlag, tenantFlag, allTenantsFlag}
)

// reportNamed is what a report is called by.
const reportNamed = "the number of a report (DR-2026-003), the id of a run, or last"

func reportCommand(t terminal) *cli.Command {
	return &cli.Command{Name: "report", Usage: "the evidence that runs and drills leave: read, complete, export, check", Subcommands: []*cli.Command{
		{
			Name: "list", Usage: "all reports, newest first", Flags: []cli.Flag{dataFlag, outputFlag},
			Action: func(c *cli.Context) error { return listEvidence(t, c) },
		},
		{
			Name: "show", Usage: "outcome, measured times, findings and what is missing", ArgsUsage: "REPORT", Flags: []cli.Flag{dataFlag, outputFlag, tenantFlag},
			Action: func(c *cli.Context) error {
				return withReport(c, func(ref string) error { return showEvidence(t, c, ref) })
			},
		},
		{
			Name: "last", Usage: "the newest report; with --out it is exported", Flags: exportFlags,
			Action: func(c *cli.Context) error {
				if c.IsSet("out") || c.IsSet("format") {
					return exportEvidence(t, c, "last")
				}
				return showEvidence(t, c, "last")
			},
		},
		{
			Name: "export", Usage: "signed files for an auditor: HTML, JSON, CSV", ArgsUsage: "REPORT", Flags: exportFlags,
			Action: func(c *cli.Context) error {
				return withReport(c, func(ref string) error { return exportEvidence(t, c, ref) })
			},
		},
		reportEditCommand(t), reportVerifyCommand(t),
		{
			Name: "key", Usage: "the public key of this data folder, for whoever checks reports", Flags: []cli.Flag{dataFlag, outputFlag},
			Action: func(c *cli.Context) error { return showKey(t, c) },
		},
	}}
}

func withReport(c *cli.Context, do func(ref string) error) error {
	ref, err := one(c, reportNamed)
	if err != nil {
		return err
	}
	return do(ref)
}

func listEvidence(t terminal, c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	lines, err := worker.ReadRecords(c.Context, c.String("data"))
	if err != nil {
		return journalError(err)
	}
	if asJSON {
		return t.json(lines)
	}
	if len(lines) == 0 {
		t.say("No run has ended yet.")
		return nil
	}
	for _, l := range lines {
		missing := ""
		if l.Missing > 0 {
			missing = fmt.Sprintf(" (%d blank)", l.Missing)
		}
		t.say("%-12s %s  %s%s", l.Number, l.Started.Local().Format("2006-01-02 15:04"), l.Outcome, missing)
		t.wrapped("", 13, fmt.Sprintf("%s, %s", plain(l.Plan), operationWords(l.Operation)))
	}
	return nil
}

// evidenceOf reads the record of a run and makes its evidence, for one tenant
// where that was asked for.
func evidenceOf(c *cli.Context, ref string) (plans.Record, plans.Evidence, error) {
	rec, err := worker.ReadRecord(c.Context, c.String("data"), ref)
	switch {
	case errors.Is(err, worker.ErrNoReport):
		return rec, plans.Evidence{}, usage("%q: %v", ref, err)
	case err != nil:
		return rec, plans.Evidence{}, journalError(err)
	}
	e := plans.MakeEvidence(rec)
	if tenant := c.String("tenant"); tenant != "" {
		if e, err = e.ForTenant(tenant); err != nil {
			return rec, e, usage("%v", err)
		}
	}
	return rec, e, nil
}

func showEvidence(t terminal, c *cli.Context, ref string) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	rec, e, err := evidenceOf(c, ref)
	if err != nil {
		return err
	}
	if asJSON {
		return t.json(e)
	}
	showEvidenceHead(t, e)
	if e.Withheld == 0 && e.Tenant == "" {
		t.say("")
		showReport(t, rec.Report)
	}
	return nil
}

// showEvidenceHead is what a manager reads first: the outcome, the times, what was
// found, and what still has to be written.
func showEvidenceHead(t terminal, e plans.Evidence) {
	t.wrapped("", 0, fmt.Sprintf("Report %s. Verdict: %s.", e.Number, e.Outcome))
	t.wrapped("  ", 2, fmt.Sprintf("%s of %s, %s", operationWords(e.Operation), plain(e.Plan), e.Started.Local().Format("2006-01-02 15:04 MST")))
	if e.Simulated {
		t.wrapped("  ", 2, fmt.Sprintf("SIMULATED hosts (%gx): no evidence about real machines.", e.Speed))
	}
	if words := measuredWords(e); words != "" {
		t.wrapped("  ", 2, words)
	}
	for _, f := range e.Findings {
		text := plain(f.Text)
		if f.Owner != "" || f.Due != "" {
			text += fmt.Sprintf(" (owner %s, due %s)", orDash(plain(f.Owner)), orDash(f.Due))
		}
		if f.State == "closed" {
			text += " CLOSED"
		}
		t.wrapped(fmt.Sprintf("  %-4s%-12s", f.ID, f.Severity), 18, text)
	}
	needed, other := e.Missing()
	if len(needed) > 0 {
		missing := make([]string, len(needed))
		for i, f := range needed {
			missing[i] = plain(f.Missing)
		}
		t.wrapped("  ", 4, "Missing before you can sign: "+strings.Join(missing, "; ")+".")
	}
	if len(other) > 0 {
		labels := make([]string, len(other))
		for i, f := range other {
			labels[i] = f.Label
		}
		t.wrapped("  ", 4, "Also blank: "+strings.Join(labels, ", ")+".")
	}
	if len(needed) > 0 {
		t.say("  lifeboat report edit %s", e.Number)
	}
}

// measuredWords are the times of the whole plan against their targets.
func measuredWords(e plans.Evidence) string {
	var words []string
	for _, m := range []struct {
		name, of string
		plans.Measure
	}{{"RTO", "", e.Measured.RTO}, {"Worst RPO", e.Measured.Worst, e.Measured.RPO}} {
		if !m.Known {
			continue
		}
		text := m.name + " " + span(m.Measured.D())
		if m.of != "" && m.Measured > 0 {
			text += " of " + plain(m.of)
		}
		if m.Target > 0 {
			text += fmt.Sprintf(" (target %s)", span(m.Target.D()))
		}
		if m.Missed() {
			text += ", MISSED"
		}
		words = append(words, text)
	}
	if len(words) == 0 {
		return ""
	}
	return strings.Join(words, ". ") + "."
}

func exportEvidence(t terminal, c *cli.Context, ref string) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	formats := c.StringSlice("format")
	for _, f := range formats {
		if !slices.Contains(evidence.Formats(), f) {
			return usage("--format is %q: write %s", f, strings.Join(evidence.Formats(), ", "))
		}
	}
	if len(formats) == 0 {
		formats = evidence.Formats()
	}
	if c.String("out") == "" {
		return usage("say where to: --out FOLDER")
	}
	_, e, err := evidenceOf(c, ref)
	if err != nil {
		return err
	}
	if e.Tenant == "" && e.Mixed() && !c.Bool("all-tenants") {
		return fail(exitRefused, "REFUSED  %s holds VMs of several owners (%s), and a file gets around. For one of them: --tenant NAME. Your own copy: --all-tenants. Nothing was written.", e.Number, ownersOf(e))
	}
	key, err := evidence.FolderKey(c.String("data"))
	if err != nil {
		return &failure{exitNoAccess, err}
	}
	files, err := evidence.Export(c.String("out"), formats, e, key)
	switch {
	case errors.Is(err, evidence.ErrThere):
		return fail(exitRefused, "REFUSED  %v. Nothing was written.", err)
	case err != nil:
		return &failure{exitNoAccess, err}
	}
	if asJSON {
		return t.json(files)
	}
	for _, f := range files {
		if f.Same {
			t.say("there already, the same: %s", f.Path)
		} else {
			t.say("written: %s", f.Path)
		}
	}
	showEvidenceHead(t, e)
	t.wrapped("  ", 4, "Signed with "+key.Public().String())
	return nil
}

// ownersOf names whose VMs a run held.
func ownersOf(e plans.Evidence) string {
	owners := e.Owners()
	for i, o := range owners {
		owners[i] = cmp.Or(plain(o), "no tenant")
	}
	return strings.Join(owners, ", ")
}

func showKey(t terminal, c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	key, err := evidence.FolderKey(c.String("data"))
	if err != nil {
		return &failure{exitNoAccess, err}
	}
	if asJSON {
		return t.json(map[string]string{"key": key.Public().String()})
	}
	t.say("%s", key.Public())
	return nil
}

func reportVerifyCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "verify", Usage: "is an exported file as it was signed? Needs no engine", ArgsUsage: "FILE...",
		Flags:  []cli.Flag{dataFlag, outputFlag, &cli.StringFlag{Name: "key", Usage: "the public key to trust, or a file that holds it (default: that of the data folder)"}},
		Action: func(c *cli.Context) error { return verifyReports(t, c) },
	}
}
