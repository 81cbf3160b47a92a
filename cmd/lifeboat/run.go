package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

var stepFlag = &cli.IntFlag{Name: "step", Usage: "number of the manual step (default: the only one that waits)"}

func runCommand(t terminal) *cli.Command {
	group := &cli.Command{Name: "run", Usage: "list, watch and steer runs", Subcommands: []*cli.Command{
		runListCommand(t), runShowCommand(t), runWatchCommand(t),
	}}
	for _, a := range []struct {
		choice plans.Choice
		usage  string
	}{
		{plans.ChoiceApprove, "a manual step is done, or yes"},
		{plans.ChoiceDecline, "no: the run stops"},
		{plans.ChoiceSkip, "leave a manual step or a held VM out (needs --reason)"},
		{plans.ChoiceRetry, "look at a held VM again and go on"},
		{plans.ChoiceTurnOff, "cut the power of a guest that will not shut down"},
		{plans.ChoiceBringBack, "take one held VM back to where it was"},
		{plans.ChoiceHold, "start nothing more until resume"},
		{plans.ChoiceResume, "go on after hold"},
		{plans.ChoiceStop, "finish what is under way, then end the run"},
	} {
		group.Subcommands = append(group.Subcommands, answerCommand(t, a.choice, a.usage))
	}
	return group
}

func runListCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "runs, newest first", Flags: []cli.Flag{configFlag, dataFlag, outputFlag},
		Action: func(c *cli.Context) error {
			asJSON, err := wantsJSON(c)
			if err != nil {
				return err
			}
			_, client, err := dial(c)
			if err != nil {
				return err
			}
			defer client.Close()
			runs, err := client.Runs(c.Context, 50)
			if err != nil {
				return fail(exitNoAccess, "%v", err)
			}
			if asJSON {
				return t.json(runs)
			}
			if len(runs) == 0 {
				t.say("No runs yet. Older ones: lifeboat journal show")
			}
			if len(runs) > 0 {
				t.say("%-28s %-19s  %s", "PLAN", "STARTED", "STATE")
			}
			for _, r := range runs {
				state := "ended " + r.Ended.Local().Format("2006-01-02 15:04:05")
				if r.Open {
					state = "running"
				}
				t.say("%-28s %s  %s", plain(r.Plan), r.Started.Local().Format("2006-01-02 15:04:05"), state)
			}
			return nil
		},
	}
}

func runShowCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "show", Usage: "a plan's present or last run", ArgsUsage: "PLAN", Flags: []cli.Flag{configFlag, dataFlag, outputFlag},
		Action: func(c *cli.Context) error {
			asJSON, err := wantsJSON(c)
			if err != nil {
				return err
			}
			status, err := statusOf(c)
			if err != nil {
				return err
			}
			if asJSON {
				return t.json(status)
			}
			showStatus(t, status, time.Now())
			return nil
		},
	}
}

func statusOf(c *cli.Context) (plans.RunStatus, error) {
	name, err := one(c, "the name of a plan")
	if err != nil {
		return plans.RunStatus{}, err
	}
	_, client, err := dial(c)
	if err != nil {
		return plans.RunStatus{}, err
	}
	defer client.Close()
	status, err := client.Status(c.Context, name)
	return status, runError(name, err)
}

func runError(plan string, err error) error {
	if errors.Is(err, control.ErrNoRun) {
		return usage("plan %q has no run: see lifeboat run list", plan)
	}
	if err != nil {
		return fail(exitNoAccess, "the run of %s cannot be read: %v", plan, err)
	}
	return nil
}

func runWatchCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "watch", Usage: "follow a run to its end", ArgsUsage: "PLAN", Flags: []cli.Flag{configFlag, dataFlag, outputFlag, byFlag},
		Action: func(c *cli.Context) error {
			asJSON, err := wantsJSON(c)
			if err != nil {
				return err
			}
			name, err := one(c, "the name of a plan")
			if err != nil {
				return err
			}
			engine, client, err := dial(c)
			if err != nil {
				return err
			}
			defer client.Close()
			if _, err := client.Status(c.Context, name); err != nil {
				return runError(name, err)
			}
			words := t
			if asJSON {
				words.out = t.err
			}
			w := newWatcher(words)
			if words.interactive() && !asJSON {
				w.answer = askPerson(words, c, client)
			}
			return followRun(t, words, c, engine, client, w, name, asJSON)
		},
	}
}

func answerCommand(t terminal, choice plans.Choice, text string) *cli.Command {
	return &cli.Command{
		Name: string(choice), Usage: text, ArgsUsage: "PLAN",
		Flags: []cli.Flag{configFlag, dataFlag, stepFlag, vmFlag, byFlag, reasonFlag, outputFlag},
		Action: func(c *cli.Context) error {
			asJSON, err := wantsJSON(c)
			if err != nil {
				return err
			}
			name, err := one(c, "the name of a plan")
			if err != nil {
				return err
			}
			vms := c.StringSlice("vm")
			if len(vms) > 1 {
				return usage("%s answers for one VM at a time, got %d", choice, len(vms))
			}
			_, client, err := dial(c)
			if err != nil {
				return err
			}
			defer client.Close()
			answer := plans.Answer{Choice: choice, Step: c.Int("step"), By: who(c), Reason: c.String("reason"), Via: "cli"}
			if len(vms) == 1 {
				answer.VM = vms[0]
			}
			result, err := give(c.Context, client, name, answer)
			if err != nil {
				return err
			}
			if asJSON {
				return t.json(result)
			}
			t.say("%s", result.Text)
			return nil
		},
	}
}

// give answers a run. A question left open by the caller (no step, no VM) is
// the only one that waits; with several the person must say which.
func give(ctx context.Context, client *control.Client, plan string, a plans.Answer) (plans.AnswerResult, error) {
	status, err := client.Status(ctx, plan)
	if err != nil {
		return plans.AnswerResult{}, runError(plan, err)
	}
	if a.Step == 0 && a.VM == "" {
		if err := fillOnly(&a, status); err != nil {
			return plans.AnswerResult{}, err
		}
	}
	result, err := client.Answer(ctx, plan, a)
	var no *control.NotAcceptedError
	if errors.As(err, &no) {
		return result, fail(exitRefused, "REFUSED  %s", no.Reason)
	}
	if err != nil {
		return result, fail(exitNoAccess, "the answer may not have reached the run: %v. Look: lifeboat run show %s", err, plan)
	}
	return result, nil
}

func fillOnly(a *plans.Answer, s plans.RunStatus) error {
	var fit []plans.Question
	for _, q := range s.Waiting {
		for _, c := range q.Choices {
			if c == a.Choice {
				fit = append(fit, q)
			}
		}
	}
	switch len(fit) {
	case 0: // hold, resume, stop; or the run says why not
		return nil
	case 1:
		a.Step, a.VM = fit[0].Step, fit[0].VMID
		return nil
	}
	names := make([]string, len(fit))
	for i, q := range fit {
		names[i] = fmt.Sprintf("--step %d", q.Step)
		if q.VM != "" {
			names[i] = "--vm " + shellWord(q.VM)
		}
	}
	return usage("%d questions wait: say which with %s", len(fit), strings.Join(names, ", "))
}

// askPerson asks at the terminal and gives the answer to the run.
func askPerson(t terminal, c *cli.Context, client *control.Client) func(context.Context, plans.RunStatus, plans.Question) error {
	in := bufio.NewReader(t.in)
	return func(ctx context.Context, s plans.RunStatus, q plans.Question) error {
		for {
			_, _ = fmt.Fprintf(t.out, "    [%s, or Enter to leave it]: ", choiceWords(q.Choices))
			line, err := in.ReadString('\n')
			word, reason, _ := strings.Cut(strings.TrimSpace(line), " ")
			if word == "" {
				if err != nil {
					t.say("")
				}
				return nil
			}
			a := plans.Answer{Choice: plans.Choice(word), Step: q.Step, VM: q.VMID, By: who(c), Reason: reason, Via: "cli"}
			result, err := give(ctx, client, s.Plan, a)
			if err == nil {
				t.say("    %s", result.Text)
				return nil
			}
			t.say("    %v", err)
		}
	}
}

func choiceWords(choices []plans.Choice) string {
	words := make([]string, len(choices))
	for i, c := range choices {
		words[i] = string(c)
		if c == plans.ChoiceSkip {
			words[i] += " REASON"
		}
	}
	return strings.Join(words, ", ")
}
