package main

import (
	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
)

func reprotectCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "reprotect", Usage: "replicate back to the site that was lost, so that there is a way home", ArgsUsage: "PLAN",
		Flags: append([]cli.Flag{chainFlag}, runFlags...),
		Action: func(c *cli.Context) error {
			name, err := one(c, "the name of a plan")
			if err != nil {
				return err
			}
			asJSON, err := wantsJSON(c)
			if err != nil {
				return err
			}
			look, err := lookAtPlan(c, name, plans.Reprotect)
			if err != nil {
				return err
			}
			if look.Input.Chain != plans.ChainKeep { // which overwrites nothing
				look.Findings = append(look.Findings, onlyThere(c, name)...)
			}
			return begin(t, c, look, asJSON)
		},
	}
}

// onlyThere warns of old copies that ran beside the good ones: re-protection
// overwrites what users wrote in them. Without an engine nothing is known.
func onlyThere(c *cli.Context, plan string) []plans.Finding {
	_, client, err := dial(c)
	if err != nil {
		return nil
	}
	defer client.Close()
	s, err := client.Fence(c.Context, plan)
	if err != nil {
		return nil
	}
	words := ranBeside(s.VMs, "at "+s.From)
	if words == "" {
		return nil
	}
	return []plans.Finding{{Severity: plans.Warning, Code: "ran-beside", Text: words,
		Means:  "what was written in them then exists nowhere else, and is overwritten now",
		Remedy: "if anybody may miss it: leave this, and Export-VM them at " + s.From + " first"}}
}
