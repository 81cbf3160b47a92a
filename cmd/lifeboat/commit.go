package main

import (
	"errors"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

var (
	afterFlag     = &cli.DurationFlag{Name: "after", Usage: "commit later, by itself, if the gates pass then"}
	standDownFlag = &cli.BoolFlag{Name: "stand-down", Usage: "do not do it after all: end the wait"}
)

func commitCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "commit", Usage: "make a failover final: no other point, no cancel after it", ArgsUsage: "PLAN",
		Flags: append([]cli.Flag{afterFlag, standDownFlag}, runFlags...),
		Action: func(c *cli.Context) error {
			name, err := one(c, "the name of a plan")
			if err != nil {
				return err
			}
			if c.Bool("stand-down") {
				return stopCommit(t, c, name)
			}
			return startRun(t, c, name, plans.Commit)
		},
	}
}

// commitLater leaves a commit to the engine, after a person has seen and typed
// what it means.
func commitLater(t terminal, c *cli.Context, look *worker.Look) error {
	_, client, err := dial(c)
	if err != nil {
		return err
	}
	defer client.Close()
	plan := look.Input.Plan
	err = client.CommitLater(c.Context, look.Input)
	if errors.Is(err, control.ErrCommitWaits) {
		return fail(exitBusy, "BUSY  %v. End it: lifeboat commit %s --stand-down", err, plan)
	}
	if err != nil {
		return fail(exitNoAccess, "the engine did not take the commit: %v", err)
	}
	t.wrapped("", 0, "The commit begins at "+time.Now().Add(look.Input.Hold.D()).Format("2006-01-02 15:04:05 MST")+" if every gate passes then. A new failover or a cancel ends the wait; so does lifeboat commit "+plan+" --stand-down.")
	return nil
}

func stopCommit(t terminal, c *cli.Context, plan string) error {
	_, client, err := dial(c)
	if err != nil {
		return err
	}
	defer client.Close()
	err = client.StopCommit(c.Context, plan, who(c), c.String("reason"))
	if errors.Is(err, control.ErrNoRun) {
		return fail(exitRefused, "REFUSED  no commit of %s waits. Nothing was changed.", plan)
	}
	if err != nil {
		return fail(exitNoAccess, "the engine did not take it: %v", err)
	}
	t.wrapped("", 0, "The commit of "+plan+" will not begin. Its recovery points are kept.")
	return nil
}
