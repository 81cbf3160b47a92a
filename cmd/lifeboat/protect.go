package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
)

// protectionFlags are those of a run that fit a group or a VM of one.
var protectionFlags = without(without(without(without(runFlags, toFlag), vmFlag), onlyFlag), autoFlag)

func protectCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "protect", Usage: "replicate a protection group, or one VM of it, as the configuration says: authorise, enable, send first copies", ArgsUsage: "GROUP|VM",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "like", Usage: "a VM that the configuration does not know: write it there as this protected VM is, into its group and its stages, then protect it"},
			&cli.StringFlag{Name: "to", Usage: "the site where the copy is to stand: refused where the group's, or that of --like, stands elsewhere"},
			&cli.StringFlag{Name: "failover-ip", Usage: "with --like: the VM's address at the other site (default: the one with the same host part as now)"},
			&cli.StringFlag{Name: "seed", Usage: "how first copies go: network (default), media (a folder that people carry), usb:FOLDER (media, written to that folder), or existing (copies with the same GUIDs stand there already)"},
			&cli.StringFlag{Name: "at", Usage: "when first copies begin over the network: a time in UTC, or +2h; at most 7 days ahead"},
			&cli.StringFlag{Name: "export", Usage: "media: the folder on the source host that first copies are written to"},
			&cli.StringFlag{Name: "import", Usage: "media: the folder on the target host where they lie, once they were carried"},
			&cli.BoolFlag{Name: "turn-on-replica-server", Usage: "consent: turn on a host's replica server that is off"},
		}, protectionFlags...),
		Action: func(c *cli.Context) error { return protect(t, c, plans.Protect) },
	}
}

func unprotectCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "unprotect", Usage: "end the replication of a protection group, or of one VM of it, on all its hosts; VMs and disks stay", ArgsUsage: "GROUP|VM",
		Flags:  protectionFlags,
		Action: func(c *cli.Context) error { return protect(t, c, plans.Unprotect) },
	}
}

func protect(t terminal, c *cli.Context, op plans.Operation) error {
	name, err := one(c, "a protection group or a VM")
	if err != nil {
		return err
	}
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	if c.String("like") != "" {
		return protectLike(t, c, name, asJSON)
	}
	if c.IsSet("failover-ip") {
		return usage("--failover-ip goes with --like; of a VM that the configuration knows, the ip: of its nics says it")
	}
	cfg, err := worker.LoadConfiguration(c.String("config"))
	if err != nil {
		return &failure{exitUsage, err}
	}
	now := time.Now().UTC()
	request := plans.ProtectionRequest{
		Operation: op, Name: name, TurnOn: c.Bool("turn-on-replica-server"), By: who(c), Reason: c.String("reason"),
		RunID: fmt.Sprintf("%s-%s", plans.ProtectionPlan(name), now.Format("20060102-150405")),
	}
	ahead, err := seedOf(c, &request, now)
	if err != nil {
		return err
	}
	look, err := worker.LookAtProtection(c.Context, cfg, c.String("data"), request, ahead)
	if err != nil {
		return &failure{exitUsage, err}
	}
	if to := c.String("to"); to != "" && to != look.Input.To {
		return usage("--to %q: its group replicates to %s", to, look.Input.To)
	}
	return begin(t, c, look, asJSON)
}

// seedOf reads how first copies travel, and in how long they begin where that was
// said.
func seedOf(c *cli.Context, request *plans.ProtectionRequest, now time.Time) (ahead time.Duration, err error) {
	if request.Operation == plans.Unprotect {
		return 0, nil
	}
	seed := &request.Seed
	seed.How, seed.Export, seed.Import = c.String("seed"), c.String("export"), c.String("import")
	if folder, usb := strings.CutPrefix(seed.How, "usb:"); usb {
		if folder == "" || seed.Export != "" || seed.Import != "" {
			return 0, usage(`--seed usb:FOLDER names the folder on the source host that is written to, such as usb:E:\, and no other`)
		}
		seed.How, seed.Export = plans.SeedMedia, folder
	}
	if seed.How == "" {
		seed.How = plans.SeedNetwork
		if seed.Export != "" || seed.Import != "" {
			seed.How = plans.SeedMedia
		}
	}
	text := strings.TrimSpace(c.String("at"))
	if text == "" {
		return 0, nil
	}
	if rest, relative := strings.CutPrefix(text, "+"); relative {
		if ahead, err = time.ParseDuration(rest); err != nil || ahead <= 0 {
			return 0, usage("--at is %q: write a time in UTC (20:00, 2026-03-01 20:00), or +2h", text)
		}
		seed.At = now.Add(ahead)
		return ahead, nil
	}
	if seed.At, err = nextMoment(text, now); err != nil {
		return 0, err
	}
	return 0, nil
}

// nextMoment is a time in UTC that people write: a moment, or the next time that
// a clock shows it.
func nextMoment(text string, now time.Time) (time.Time, error) {
	if at, err := time.Parse("2006-01-02 15:04", text); err == nil {
		return at, nil
	}
	at, err := time.Parse("15:04", text)
	if err != nil {
		return time.Time{}, usage("--at is %q: write a time in UTC (20:00, 2026-03-01 20:00), or +2h", text)
	}
	at = time.Date(now.Year(), now.Month(), now.Day(), at.Hour(), at.Minute(), 0, 0, time.UTC)
	if !at.After(now) {
		at = at.AddDate(0, 0, 1)
	}
	return at, nil
}
