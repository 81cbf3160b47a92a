package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/user"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

var (
	detachFlag     = &cli.BoolFlag{Name: "detach", Usage: "start the run and return at once"}
	loseWritesFlag = &cli.BoolFlag{Name: "lose-writes", Usage: "consent: what users wrote at the target since it started is lost"}
	runFlags       = []cli.Flag{configFlag, dataFlag, toFlag, vmFlag, yesFlag, autoFlag, dryRunFlag, detachFlag, byFlag, reasonFlag, outputFlag, nativeFlag}
)

func failoverCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "failover", Usage: "move a whole plan to the other site, in order", ArgsUsage: "PLAN",
		Flags: append([]cli.Flag{&cli.BoolFlag{Name: "planned", Usage: "both sites are up: shut down, send the last changes, start there; nothing is lost"}}, runFlags...),
		Action: func(c *cli.Context) error {
			name, err := one(c, "the name of a plan")
			if err != nil {
				return err
			}
			if !c.Bool("planned") {
				return usage("say which failover: --planned is the one this version has (both sites up, no data loss)")
			}
			return startRun(t, c, name, plans.PlannedFailover)
		},
	}
}

func cancelCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "cancel", Usage: "take back a planned failover while a way back exists", ArgsUsage: "PLAN",
		Flags: append([]cli.Flag{loseWritesFlag}, runFlags...),
		Action: func(c *cli.Context) error {
			name, err := one(c, "the name of a plan")
			if err != nil {
				return err
			}
			return startRun(t, c, name, plans.Cancel)
		},
	}
}

// startRun is one click: look, say what will happen, ask, start, watch.
func startRun(t terminal, c *cli.Context, name string, op plans.Operation) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	look, err := lookAtPlan(c, name, op)
	if err != nil {
		return err
	}
	words := t
	if asJSON {
		words.out = t.err // the report alone goes to the output
	}
	showPlanHead(words, look)
	showFindings(words, look.Findings)
	if look.Blocked() {
		return fail(exitRefused, "REFUSED  %s was not started. Nothing was changed.", name)
	}
	if c.Bool("dry-run") {
		if asJSON {
			return t.json(look)
		}
		showExplanation(words, look, c.Bool("native"))
		words.say("Dry run: nothing was changed.")
		return nil
	}
	if err := askName(words, c, name); err != nil {
		return err
	}
	return launch(t, words, c, look, asJSON)
}

// askName has the plan's name typed back: this moves production.
func askName(t terminal, c *cli.Context, name string) error {
	if c.Bool("yes") {
		return nil
	}
	_, _ = fmt.Fprintf(t.out, "Type the plan name to start: ")
	line, err := bufio.NewReader(t.in).ReadString('\n')
	if typed := strings.TrimSpace(line); typed == name {
		return nil
	} else if typed == "" && err != nil {
		t.say("")
		return fail(exitRefused, "REFUSED  nobody typed the plan's name. Nothing was changed. Unattended: --yes")
	}
	return fail(exitRefused, "REFUSED  that is not %q. Nothing was changed.", name)
}

func launch(t, words terminal, c *cli.Context, look *worker.Look, asJSON bool) error {
	engine, client, err := dial(c)
	if err != nil {
		return err
	}
	defer client.Close()
	input := look.Input
	if err := client.Start(c.Context, input); err != nil {
		return startError(err)
	}
	words.say("")
	words.say("Started %s. Web UI: %s", input.RunID, runPage(engine, input.Plan))
	if c.Bool("detach") {
		return nil
	}
	w := newWatcher(words)
	w.auto = input.Auto
	if words.interactive() && !input.Auto && !asJSON {
		w.answer = askPerson(words, c, client)
	}
	return followRun(t, words, c, engine, client, w, input.Plan, asJSON)
}

func startError(err error) error {
	var busy *control.BusyError
	if errors.As(err, &busy) {
		return fail(exitBusy, "BUSY  %v. Watch it: lifeboat run watch %s", busy, busy.Status.Plan)
	}
	return fail(exitNoAccess, "the engine did not take the run: %v", err)
}

// followRun watches to the end and prints the report.
func followRun(t, words terminal, c *cli.Context, engine control.Engine, client *control.Client, w *watcher, plan string, asJSON bool) error {
	status, err := w.follow(c.Context, func(ctx context.Context) (plans.RunStatus, error) { return client.Status(ctx, plan) })
	if err != nil {
		return err
	}
	r, err := reportOf(c.Context, engine, status)
	if err != nil {
		words.say("The report is not in the journal yet: %v", err)
		return quietly(exitOf(status.Verdict))
	}
	if asJSON {
		if err := t.json(r); err != nil {
			return err
		}
	} else {
		words.say("")
		showReport(words, r)
	}
	return quietly(exitOf(status.Verdict))
}

func reportOf(ctx context.Context, engine control.Engine, s plans.RunStatus) (plans.Report, error) {
	return control.Report(ctx, engine, s.RunID)
}

// dial finds the engine of the data folder and connects to it.
func dial(c *cli.Context) (control.Engine, *control.Client, error) {
	engine, err := control.ReadEngine(c.String("data"))
	if err != nil {
		return engine, nil, fail(exitNoAccess, "%v. Start one: lifeboat up --config %s --data %s", err, c.String("config"), c.String("data"))
	}
	client, err := control.Dial(c.Context, engine)
	if err != nil {
		return engine, nil, fail(exitNoAccess, "%v. Is `lifeboat up` running? It was started as process %d", err, engine.PID)
	}
	return engine, client, nil
}

// lookAtPlan resolves a plan and looks at every host it needs.
func lookAtPlan(c *cli.Context, name string, op plans.Operation) (*worker.Look, error) {
	cfg, err := worker.LoadConfiguration(c.String("config"))
	if err != nil {
		return nil, &failure{exitUsage, err}
	}
	if c.Bool("auto") && cfg.Lab == nil {
		return nil, usage("--auto answers manual steps by a lab operator: it is refused outside a lab configuration")
	}
	plan, err := cfg.Plan(name)
	if err != nil {
		return nil, &failure{exitUsage, err}
	}
	now := time.Now()
	request := plans.Request{
		Operation: op, To: c.String("to"), VMs: c.StringSlice("vm"), By: who(c), Reason: c.String("reason"),
		Auto: c.Bool("auto"), LoseWrites: c.Bool("lose-writes"),
		RunID: fmt.Sprintf("%s-%s", plan.Name, now.UTC().Format("20060102-150405")),
	}
	look, err := worker.LookAtPlan(c.Context, cfg, plan, request, version)
	if err != nil {
		return nil, &failure{exitUsage, err}
	}
	return look, nil
}

// who is the person for the record.
func who(c *cli.Context) string {
	if by := c.String("by"); by != "" {
		return by
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

func runPage(e control.Engine, plan string) string {
	if e.UI == "" {
		return "(Temporal is outside)"
	}
	return fmt.Sprintf("%s/namespaces/%s/workflows/%s", e.UI, e.Namespace, control.WorkflowPath(plan))
}
