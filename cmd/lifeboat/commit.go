package main

import (
	"errors"
	"fmt"

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
		return fail(exitBusy, "BUSY  %v. End it: lifeboat commit %s --stand-down", err, shellWord(plan))
	}
	if err != nil {
		return fail(exitNoAccess, "the engine did not take the commit: %v", err)
	}
	wait, err := client.CommitWait(c.Context, plan)
	if err != nil {
		return fail(exitNoAccess, "the engine took the commit, and does not say when it begins: %v. Look: lifeboat run show %s", err, shellWord(plan))
	}
	t.wrapped("", 0, "The commit "+commitWaitWords(wait))
	return nil
}

// commitWaitWords says when a commit begins, and what ends the wait.
func commitWaitWords(s plans.CommitStatus) string {
	return fmt.Sprintf("begins at %s if every gate passes then (%s). A new failover or a cancel ends the wait; so does lifeboat commit %s --stand-down.",
		s.At.Local().Format("2006-01-02 15:04:05 MST"), plain(s.StartedBy), shellWord(s.Plan))
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
