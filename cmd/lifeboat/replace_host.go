package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
)

func replaceHostCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "replace-host", Usage: "give a lost host's part to a new one: authorise, point replication at it, send the first copies", ArgsUsage: "OLD NEW",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "seed", Value: plans.SeedNetwork, Usage: "how the first copies go: network, or existing (copies with the same GUIDs stand there already)"},
			&cli.BoolFlag{Name: "write", Usage: "write NEW in place of OLD into the groups of the configuration; nothing else is done"},
		}, without(without(without(without(runFlags, toFlag), vmFlag), onlyFlag), autoFlag)...),
		Action: func(c *cli.Context) error { return replaceHost(t, c) },
	}
}

func replaceHost(t terminal, c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	if c.Args().Len() != 2 {
		return usage("replace-host needs two hosts, the lost one and the new one: lifeboat replace-host OLD NEW")
	}
	lost, fresh := c.Args().Get(0), c.Args().Get(1)
	if c.Bool("write") {
		return renameHost(t, c, lost, fresh)
	}
	cfg, err := worker.LoadConfiguration(c.String("config"))
	if err != nil {
		return &failure{exitUsage, err}
	}
	request := plans.Request{Operation: plans.Reprotect, By: who(c), Reason: c.String("reason"),
		RunID: fmt.Sprintf("%s-%s", plans.ReplacePlan(lost), time.Now().UTC().Format("20060102-150405"))}
	look, err := worker.LookAtReplacement(c.Context, cfg, lost, fresh, c.String("seed"), request)
	if err != nil {
		return &failure{exitUsage, err}
	}
	if err := begin(t, c, look, asJSON); err != nil || asJSON || c.Bool("dry-run") {
		return err
	}
	t.say("")
	t.wrapped("Next  ", 6, fmt.Sprintf("write %s in place of %s into the groups; the engine follows the files by itself:", fresh, lost))
	t.say("      lifeboat replace-host %s %s --write", shellWord(lost), shellWord(fresh))
	return nil
}

func renameHost(t terminal, c *cli.Context, lost, fresh string) error {
	if c.Bool("dry-run") {
		return usage("--write with --dry-run: leave one of them out")
	}
	changed, err := worker.RenameHost(c.String("config"), lost, fresh)
	if err != nil {
		return &failure{exitUsage, err}
	}
	if len(changed) == 0 {
		t.say("No group names %s: nothing was written.", lost)
		return nil
	}
	for _, name := range changed {
		t.say("Wrote %s (before: %s.before)", name, name)
	}
	t.say("The engine takes it over by itself within seconds: lifeboat status")
	return nil
}
