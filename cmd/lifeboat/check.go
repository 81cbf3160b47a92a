package main

import (
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/worker"
)

func checkCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "can I reach, read and act on every host?",
		Flags: []cli.Flag{configFlag, dataFlag, outputFlag},
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
			checks := worker.CheckHosts(c.Context, cfg)
			if asJSON {
				if err := t.json(checks); err != nil {
					return err
				}
			} else {
				showChecks(t, checks)
			}
			for _, h := range checks {
				if !h.OK() {
					return quietly(exitNoAccess)
				}
			}
			return nil
		},
	}
}

func showChecks(t terminal, checks []worker.HostCheck) {
	good := 0
	for _, h := range checks {
		if h.OK() {
			good++
			t.say("%-12s reach ok, read ok, act ok", plain(h.Host))
			t.wrapped("", 13, strings.Join(nonEmpty(
				plain(h.System),
				h.VMs,
				"clock "+skewWords(h.Skew),
				"answered in "+h.Took.Round(time.Millisecond).String(),
			), ", "))
			continue
		}
		showStopped(t, h)
	}
	t.say("")
	t.say("%d of %d hosts can be reached, read and acted on. Nothing was changed.", good, len(checks))
}

// showStopped says where the way to a host ends.
func showStopped(t terminal, h worker.HostCheck) {
	t.say("%-12s NO   stopped at: %s", h.Host, h.Step)
	t.wrapped("  Means  ", 9, h.Problem)
	t.wrapped("  Do     ", 9, h.Remedy)
}

func nonEmpty(words ...string) []string {
	var out []string
	for _, w := range words {
		if w != "" {
			out = append(out, w)
		}
	}
	return out
}

func skewWords(d time.Duration) string {
	if d.Abs() < 2*time.Second {
		return "in step"
	}
	if d < 0 {
		return span(-d) + " behind"
	}
	return span(d) + " ahead"
}
