package main

import (
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/worker"
)

func journalCommand(t terminal) *cli.Command {
	return &cli.Command{Name: "journal", Usage: "what was done to hosts, and the reports of runs", Subcommands: []*cli.Command{
		{
			Name: "show", Usage: "every change made to a host, before and after",
			Flags: []cli.Flag{dataFlag, outputFlag,
				&cli.StringFlag{Name: "run", Usage: "of this run only"},
				&cli.StringFlag{Name: "host", Usage: "on this host only"},
			},
			Action: func(c *cli.Context) error { return showJournal(t, c) },
		},
		{
			Name: "verify", Usage: "check the chain of hashes from the first entry to the last",
			Flags:  []cli.Flag{dataFlag, outputFlag},
			Action: func(c *cli.Context) error { return verifyJournal(t, c) },
		},
		{
			Name: "reports", Usage: "the reports of runs", Flags: []cli.Flag{dataFlag, outputFlag},
			Action: func(c *cli.Context) error { return listReports(t, c) },
		},
		{
			Name: "report", Usage: "one report", ArgsUsage: "RUN", Flags: []cli.Flag{dataFlag, outputFlag},
			Action: func(c *cli.Context) error { return oneReport(t, c) },
		},
	}}
}

func showJournal(t terminal, c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	entries, err := worker.ReadEntries(c.Context, c.String("data"), c.String("run"), c.String("host"))
	if err != nil {
		return journalError(err)
	}
	if asJSON {
		return t.json(entries)
	}
	for _, e := range entries {
		t.wrapped(e.At.Local().Format("2006-01-02 15:04:05  "), 21, plain(e.Words()))
	}
	return nil
}

func verifyJournal(t terminal, c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	head, err := worker.VerifyJournal(c.Context, c.String("data"))
	if err != nil {
		return journalError(err)
	}
	if asJSON {
		return t.json(head)
	}
	t.say("Unbroken: %d entries. Head:", head.Entries)
	t.say("  %s", head.Hash)
	t.wrapped("", 0, "The chain shows edits, not a cut-off end: compare the head with the one in your last report.")
	return nil
}

func listReports(t terminal, c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	reports, err := worker.ReadReports(c.Context, c.String("data"))
	if err != nil {
		return journalError(err)
	}
	if asJSON {
		return t.json(reports)
	}
	for _, r := range reports {
		t.say("%-40s %s  %s", plain(r.Status.RunID), r.Status.Started.Local().Format("2006-01-02 15:04"), r.Status.Verdict)
	}
	return nil
}

func oneReport(t terminal, c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	id, err := one(c, "the id of a run")
	if err != nil {
		return err
	}
	r, err := worker.ReadReport(c.Context, c.String("data"), id)
	if err != nil {
		return journalError(err)
	}
	if asJSON {
		return t.json(r)
	}
	showReport(t, r)
	return nil
}

// journalError tells a broken chain, which is a finding, from a journal that
// cannot be read.
func journalError(err error) error {
	var broken *worker.BrokenChainError
	if errors.As(err, &broken) {
		return &failure{exitFinding, err}
	}
	return &failure{exitNoAccess, err}
}
