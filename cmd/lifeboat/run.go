package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

var (
	stepFlag = &cli.IntFlag{Name: "step", Usage: "number of the manual step (default: the only one that waits)"}
	heldFlag = &cli.BoolFlag{Name: "held", Usage: "answer for every held VM that this answer fits"}
)

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
		{plans.ChoiceSkip, "leave a manual step or a VM out, held or not yet started (needs --reason)"},
		{plans.ChoiceRetry, "look at a held VM again and go on"},
		{plans.ChoiceTurnOff, "cut the power of a guest that will not shut down"},
		{plans.ChoiceBringBack, "take one held VM back to where it was"},
		{plans.ChoiceAccept, "go on with a failover that somebody else made"},
		{plans.ChoiceDisconnect, "take a source that still runs off the network"},
		{plans.ChoiceResolved, "a held VM was mended by hand: look, and go on if it is as wanted"},
		{plans.ChoiceWaive, "go on without a VM's gates (needs --reason)"},
		{plans.ChoiceReorder, "another order of the stages that have not started (--stages a,b,c)"},
		{plans.ChoiceEnd, "drill: remove the test copies now"},
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
			showRuns(t, runs)
			return nil
		},
	}
}

func showRuns(t terminal, runs []control.RunSummary) {
	if len(runs) == 0 {
		return
	}
	t.say("%-28s %-18s %-16s  %s", "RUN", "OPERATION", "STARTED", "STATE")
	for _, r := range runs {
		state := "running"
		if !r.Open {
			state = "took " + span(r.Ended.Sub(r.Started))
		}
		name := plain(runName(r.Plan, r.Operation))
		if len([]rune(name)) > 28 {
			// The name is for typing: it is not cut.
			t.say("%s", name)
			name = ""
		}
		t.say("%-28s %-18s %s  %s", name, operationWords(r.Operation), r.Started.Local().Format("2006-01-02 15:04"), state)
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
			name, err := one(c, "the name of a plan")
			if err != nil {
				return err
			}
			_, client, err := dial(c)
			if err != nil {
				return err
			}
			defer client.Close()
			status, err := client.Status(c.Context, name)
			if err != nil {
				return runError(name, err)
			}
			if asJSON {
				return t.json(status)
			}
			showStatus(t, status, time.Now())
			// A commit that waits is nobody's run yet, and cannot be taken back later.
			if wait, err := client.CommitWait(c.Context, status.Plan); err == nil && wait.Waits() {
				t.wrapped("Commit     ", 11, commitWaitWords(wait))
			}
			return nil
		},
	}
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
			engine, err := dialLink(c)
			if err != nil {
				return err
			}
			defer engine.close()
			if _, err := engine.client.Status(c.Context, name); err != nil {
				return runError(name, err)
			}
			words := t
			if asJSON {
				words.out = t.err
			}
			w := newWatcher(words)
			if words.interactive() && !asJSON {
				w.answer = askPerson(words, c, engine)
			}
			return followRun(t, words, c, engine, w, engine.run(name), asJSON)
		},
	}
}

func answerCommand(t terminal, choice plans.Choice, text string) *cli.Command {
	return &cli.Command{
		Name: string(choice), Usage: text, ArgsUsage: "PLAN",
		Flags: append([]cli.Flag{configFlag, dataFlag, stepFlag, vmFlag, heldFlag, byFlag, reasonFlag, outputFlag}, ownFlags(choice)...),
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
				return usage("%s answers for one VM at a time, got %d; for all that are held: --held", choice, len(vms))
			}
			if c.Bool("held") && (len(vms) > 0 || c.IsSet("step")) {
				return usage("--held is for all held VMs: leave --vm and --step out")
			}
			_, client, err := dial(c)
			if err != nil {
				return err
			}
			defer client.Close()
			answer := plans.Answer{Choice: choice, Step: c.Int("step"), By: who(c), Reason: c.String("reason"), Stages: c.StringSlice("stages"), Via: "cli"}
			if len(vms) == 1 {
				answer.VM = vms[0]
			}
			result, err := answerWith(c, client, name, answer)
			if err != nil {
				return err
			}
			if asJSON {
				return t.json(result)
			}
			t.wrapped("", 0, result.Text)
			return nil
		},
	}
}

// answerWith gives one answer, or with --held the same for all held VMs that it
// fits.
func answerWith(c *cli.Context, client *control.Client, plan string, a plans.Answer) (plans.AnswerResult, error) {
	if !c.Bool("held") {
		return give(c.Context, client, plan, a)
	}
	status, err := client.Status(c.Context, plan)
	if err != nil {
		return plans.AnswerResult{}, runError(plan, err)
	}
	var group []plans.Question
	for _, q := range status.Waiting {
		if q.VMID != "" && slices.Contains(q.Choices, a.Choice) {
			group = append(group, q)
		}
	}
	if len(group) == 0 {
		return plans.AnswerResult{}, fail(exitRefused, "REFUSED  no held VM of %s takes the answer %s. Nothing was changed.", plan, a.Choice)
	}
	return giveAll(c.Context, client, plan, a, group)
}

// giveAll gives the same answer to several questions.
func giveAll(ctx context.Context, client *control.Client, plan string, a plans.Answer, group []plans.Question) (plans.AnswerResult, error) {
	var last plans.AnswerResult
	for i, q := range group {
		a.Step, a.VM = q.Step, q.VMID
		result, err := give(ctx, client, plan, a)
		if err != nil {
			return last, fmt.Errorf("%w (%d of %d answered before)", err, i, len(group))
		}
		last = result
	}
	if len(group) > 1 {
		last.Text = fmt.Sprintf("%d VMs: %s; of the last one: %s", len(group), a.Choice, last.Text)
	}
	return last, nil
}

func ownFlags(choice plans.Choice) []cli.Flag {
	if choice == plans.ChoiceReorder {
		return []cli.Flag{&cli.StringSliceFlag{Name: "stages", Usage: "every stage that has not started, in the new order"}}
	}
	return nil
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
		return result, fail(exitNoAccess, "the answer may not have reached the run: %v. Look: lifeboat run show %s", err, shellWord(plan))
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
func askPerson(t terminal, c *cli.Context, engine *link) func(context.Context, plans.RunStatus, []plans.Question) error {
	in := bufio.NewReader(t.in)
	return func(ctx context.Context, s plans.RunStatus, group []plans.Question) error {
		for {
			_, _ = fmt.Fprintf(t.out, "    [%s, or Enter to leave it]: ", choiceWords(group[0].Choices))
			line, err := in.ReadString('\n')
			word, reason, _ := strings.Cut(strings.TrimSpace(line), " ")
			if word == "" {
				if err != nil {
					t.say("")
				}
				return nil
			}
			a := plans.Answer{Choice: plans.Choice(word), By: who(c), Reason: reason, Via: "cli"}
			client, err := engine.live(ctx)
			if err != nil {
				t.wrapped("    ", 4, fmt.Sprintf("the answer was not given: %v. Answer again when it is back.", err))
				continue
			}
			result, err := giveAll(ctx, client, runName(s.Plan, s.Operation), a, group)
			if err == nil {
				t.wrapped("    ", 4, result.Text)
				return nil
			}
			t.wrapped("    ", 4, err.Error())
		}
	}
}

// needsReason is true for an answer that goes into the report with its reason.
func needsReason(c plans.Choice) bool { return c == plans.ChoiceSkip || c == plans.ChoiceWaive }

func choiceWords(choices []plans.Choice) string {
	words := make([]string, len(choices))
	for i, c := range choices {
		words[i] = string(c)
		if needsReason(c) {
			words[i] += " REASON"
		}
	}
	return strings.Join(words, ", ")
}
