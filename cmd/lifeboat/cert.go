package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
)

func certCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "cert", Usage: "certificates of hosts: when they end, and what that means",
		Subcommands: []*cli.Command{{
			Name: "status", Usage: "when each host's certificates end (replication, replica server, WinRM), and what to do by when; reads every host now",
			Flags: []cli.Flag{configFlag, outputFlag},
			Action: func(c *cli.Context) error {
				if err := none(c); err != nil {
					return err
				}
				asJSON, err := wantsJSON(c)
				if err != nil {
					return err
				}
				cfg, err := worker.LoadConfiguration(c.String("config"))
				if err != nil {
					return &failure{exitUsage, err}
				}
				report := worker.ReadCertificates(c.Context, cfg)
				if asJSON {
					if err := t.json(report); err != nil {
						return err
					}
				} else {
					showCertificates(t, report)
				}
				return quietly(exitCertificates(report, len(cfg.Hosts)))
			},
		}},
	}
}

// exitCertificates is 0 when all have more than 60 days, 1 when one has not, 3 when
// no host could be read, 6 when one could not and the others are well.
func exitCertificates(r plans.CertificateReport, hosts int) int {
	switch {
	case len(r.Unseen) == hosts:
		return exitNoAccess
	case len(r.Findings) > len(r.Unseen):
		return exitFinding
	case len(r.Unseen) > 0:
		return exitUnknown
	}
	return exitOK
}

var certificateUses = map[plans.CertificateUse]string{
	plans.ForReplication: "replication", plans.ForReplicaServer: "replica server",
	plans.ForConnection: "WinRM", plans.ForNothing: "nothing: configured",
}

func showCertificates(t terminal, r plans.CertificateReport) {
	t.say("CERTIFICATES  %s  (read now)", r.At.Local().Format("Mon 2006-01-02 15:04 MST"))
	if len(r.Rows) > 0 {
		t.say("")
		t.say("  %-16s %-22s %-16s %-11s %s", "HOST", "USED FOR", "CERTIFICATE", "ENDS", "LEFT")
	}
	for _, row := range r.Rows {
		use := certificateUses[row.Use]
		if row.VMs > 0 {
			use = fmt.Sprintf("%s, %d VMs", use, row.VMs)
		}
		ends := "not there"
		if !row.Ends.IsZero() {
			ends = row.Ends.Local().Format("2006-01-02")
		}
		t.say("  %-16s %-22s %-16s %-11s %s", cut(plain(row.Host), 16), cut(use, 22), cut(plain(row.Thumbprint), 16), ends, leftWords(row.Days))
	}
	for _, g := range plans.GroupFindings(r.Findings, "") {
		showFindingOfDay(t, g, g.Raw)
	}
	if len(r.Roll) > 0 {
		t.say("")
		t.say("To change a certificate, in this order (Lifeboat has no command for it yet):")
		for i, step := range r.Roll {
			t.wrapped(fmt.Sprintf("  %d ", i+1), 4, step)
		}
	}
	if len(r.Findings) == 0 {
		t.say("")
		if len(r.Rows) == 0 {
			t.say("No certificate is used.")
			return
		}
		t.say("All have more than 60 days left.")
	}
}

func leftWords(days *int) string {
	switch {
	case days == nil:
		return "!"
	case *days < 0:
		return "ENDED !"
	case *days <= 60:
		return fmt.Sprintf("%d d !", *days)
	}
	return fmt.Sprintf("%d d", *days)
}
