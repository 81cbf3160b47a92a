package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

var (
	detachFlag     = &cli.BoolFlag{Name: "detach", Usage: "start the run and return at once"}
	onlyFlag       = &cli.StringSliceFlag{Name: "only", Usage: "only this VM of the plan, by name or GUID; may be repeated"}
	loseWritesFlag = &cli.BoolFlag{Name: "lose-writes", Usage: "consent: what users wrote at the target since it started is lost"}
	chainFlag      = &cli.StringFlag{Name: "chain", Usage: "when a third site is behind the target: keep it, or go back without it (keep, back)"}
	runFlags       = []cli.Flag{configFlag, dataFlag, toFlag, vmFlag, onlyFlag, yesFlag, autoFlag, dryRunFlag, detachFlag, byFlag, reasonFlag, outputFlag, nativeFlag}

	plannedFlag   = &cli.BoolFlag{Name: "planned", Usage: "both sites are up: shut down, send the last changes, start there; nothing is lost"}
	unplannedFlag = &cli.BoolFlag{Name: "unplanned", Usage: "the source is lost: start from a recovery point; see lifeboat decide first"}
	testFlag      = &cli.BoolFlag{Name: "test", Usage: "test copies on the isolated network, removed in the end; production is not touched"}
	pointFlag     = &cli.StringFlag{Name: "point", Usage: "recovery point: latest, latest-app, common, or a time (UTC)"}
	statementFlag = &cli.StringFlag{Name: "statement", Usage: "your word, for the record, that a source that cannot be seen is dark: who saw what, when"}
	fenceFlag     = &cli.StringFlag{Name: "fence", Usage: "what may be done to a source copy that still runs: ask, shut-down, turn-off"}
	holdFlag      = &cli.DurationFlag{Name: "hold", Usage: "how long test copies stay up for people"}
	stopFlag      = &cli.StringSliceFlag{Name: "stop-resident", Usage: "shut down this VM of the target site to make room; may be repeated"}
)

func failoverCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "failover", Usage: "move a whole plan to the other site, or test it, in order", ArgsUsage: "PLAN",
		Flags: append([]cli.Flag{plannedFlag, unplannedFlag, testFlag, pointFlag, statementFlag, fenceFlag, chainFlag, loseWritesFlag, holdFlag, stopFlag}, runFlags...),
		Action: func(c *cli.Context) error {
			name, err := one(c, "the name of a plan")
			if err != nil {
				return err
			}
			op, err := whichFailover(c)
			if err != nil {
				return err
			}
			return startRun(t, c, name, op)
		},
	}
}

// whichFailover reads which of the three was asked for, and refuses flags that
// mean nothing to it.
func whichFailover(c *cli.Context) (plans.Operation, error) {
	var chosen []plans.Operation
	for flag, op := range map[string]plans.Operation{"planned": plans.PlannedFailover, "unplanned": plans.UnplannedFailover, "test": plans.TestFailover} {
		if c.Bool(flag) {
			chosen = append(chosen, op)
		}
	}
	if len(chosen) != 1 {
		return "", usage("say which failover, one of: --planned (both sites up, no data loss), --unplanned (the source is lost), --test (isolated, production untouched)")
	}
	op := chosen[0]
	for flag, fits := range map[string][]plans.Operation{
		"point":     {plans.UnplannedFailover, plans.TestFailover},
		"statement": {plans.UnplannedFailover}, "fence": {plans.UnplannedFailover}, "lose-writes": {plans.UnplannedFailover},
		"chain": {plans.PlannedFailover}, "hold": {plans.TestFailover}, "stop-resident": {plans.PlannedFailover, plans.UnplannedFailover},
	} {
		if c.IsSet(flag) && !slices.Contains(fits, op) {
			return "", usage("--%s does not go with %s", flag, aWords(op))
		}
	}
	return op, nil
}

// aWords is an operation with its article.
func aWords(op plans.Operation) string {
	if op == plans.UnplannedFailover {
		return "an " + operationWords(op)
	}
	return "a " + operationWords(op)
}

func failbackCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "failback", Usage: "the way home: a planned failover back to the plan's own site", ArgsUsage: "PLAN",
		Flags: append([]cli.Flag{chainFlag}, without(runFlags, toFlag)...),
		Action: func(c *cli.Context) error {
			name, err := one(c, "the name of a plan")
			if err != nil {
				return err
			}
			return startRun(t, c, name, plans.PlannedFailover)
		},
	}
}

// without is a list of flags less one.
func without(flags []cli.Flag, one cli.Flag) []cli.Flag {
	return slices.DeleteFunc(slices.Clone(flags), func(f cli.Flag) bool { return f == one })
}

func cancelCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "cancel", Usage: "take a failover back while a way back exists", ArgsUsage: "PLAN",
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
	return begin(t, c, look, asJSON)
}

// begin says what a run will do, asks, starts and watches it.
func begin(t terminal, c *cli.Context, look *worker.Look, asJSON bool) error {
	words, name := t, look.Input.Plan
	if asJSON {
		words.out = t.err // the report alone goes to the output
	}
	if settled(c, look) {
		return saySettled(t, words, c, look, asJSON)
	}
	showPlanHead(words, look)
	showFindings(words, look.Findings)
	if look.Blocked() {
		return refused(c, look.Input, name+" was not started")
	}
	if c.Bool("dry-run") {
		if asJSON {
			return t.json(look)
		}
		showExplanation(words, look, c.Bool("native"))
		words.say("Dry run: nothing was changed.")
		return nil
	}
	if !asJSON && thereAlready(look) {
		state := "there"
		if look.Input.Operation == plans.Protect {
			state = "protected"
		}
		words.say("DONE  every VM is %s already. Nothing was changed.", state)
		return nil
	}
	if err := askName(words, c, name); err != nil {
		return err
	}
	if c.IsSet("after") {
		return commitLater(words, c, look)
	}
	return launch(t, words, c, look, asJSON)
}

// thereAlready is true for a planned failover that has nothing left to do: it
// would only ask people to do their steps. So it is for VMs that are protected; a
// folder that is written protects nothing yet.
func thereAlready(look *worker.Look) bool {
	there := map[string]bool{}
	for _, f := range look.Findings {
		there[f.VM] = there[f.VM] || f.Code == "already-there"
	}
	in, vms := look.Input, look.Input.VMs()
	protects := in.Operation == plans.Protect && in.Seed.Export == "" && len(in.Trust) == 0
	return (in.Operation == plans.PlannedFailover || protects) && len(vms) > 0 &&
		!slices.ContainsFunc(vms, func(vm plans.RunVM) bool { return !there[vm.Label] })
}

// askName has the plan's name typed back, or that of what is to be protected: this
// moves production.
func askName(t terminal, c *cli.Context, name string) error {
	name = strings.TrimPrefix(name, plans.ProtectionPlan(""))
	return askTyped(t, c, "Type "+plain(name)+" to start: ", name, "the name")
}

// askTyped has something typed back, unless --yes is given.
func askTyped(t terminal, c *cli.Context, prompt, name, what string) error {
	if c.Bool("yes") {
		return nil
	}
	_, _ = fmt.Fprint(t.out, prompt)
	line, err := bufio.NewReader(t.in).ReadString('\n')
	if typed := strings.TrimSpace(line); typed == name {
		return nil
	} else if typed == "" && err != nil {
		t.say("")
		return fail(exitRefused, "REFUSED  nobody typed %s. Nothing was changed. Unattended: --yes", what)
	}
	return fail(exitRefused, "REFUSED  that is not %q. Nothing was changed.", name)
}

func launch(t, words terminal, c *cli.Context, look *worker.Look, asJSON bool) error {
	engine, err := dialLink(c)
	if err != nil {
		return err
	}
	defer engine.close()
	input := look.Input
	if err := engine.client.Start(c.Context, input); err != nil {
		return startError(err)
	}
	words.say("")
	words.say("Started  %s", input.RunID)
	words.say("Web UI   %s", runPage(engine.engine, input))
	if input.Operation == plans.Protect {
		words.wrapped("", 0, notYet(input, tells(c)))
	}
	if c.Bool("detach") {
		words.say("Watch    lifeboat run watch %s", shellWord(runName(input.Plan, input.Operation)))
		return nil
	}
	w := newWatcher(words)
	w.auto = input.Auto
	if words.interactive() && !input.Auto && !asJSON {
		w.answer = askPerson(words, c, engine)
	}
	return followRun(t, words, c, engine, w, engine.run(runName(input.Plan, input.Operation)), asJSON)
}

// refused is what a person is told whose run has a blocker. Where the same plan is
// being run already that is why, and what its run does only looks like an obstacle.
func refused(c *cli.Context, in plans.RunInput, what string) error {
	if s, ok := underWay(c, in); ok {
		return startError(&control.BusyError{Status: s})
	}
	return fail(exitRefused, "REFUSED  %s. Nothing was changed.", what)
}

// underWay is the run that holds a plan, if there is one.
func underWay(c *cli.Context, in plans.RunInput) (plans.RunStatus, bool) {
	_, client, err := dial(c)
	if err != nil {
		return plans.RunStatus{}, false
	}
	defer client.Close()
	id := control.RunOf(in.Plan, in.Operation)
	// One that was ended from outside is over, and does not say so itself.
	if r, err := client.Run(c.Context, id, ""); err != nil || !r.Open {
		return plans.RunStatus{}, false
	}
	s, err := client.Status(c.Context, id)
	return s, err == nil
}

func startError(err error) error {
	var busy *control.BusyError
	if errors.As(err, &busy) {
		return fail(exitBusy, "BUSY  %s.\n  Watch it: lifeboat run watch %s", strings.Replace(busy.Error(), " since ", "\n  since ", 1), shellWord(runName(busy.Status.Plan, busy.Status.Operation)))
	}
	return fail(exitNoAccess, "the engine did not take the run: %v", err)
}

// followRun watches to the end and prints the report.
func followRun(t, words terminal, c *cli.Context, engine *link, w *watcher, source statusSource, asJSON bool) error {
	status, err := w.follow(c.Context, source)
	if err != nil {
		return err
	}
	r, err := reportOf(c.Context, engine.engine, status)
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
		words.say("")
		words.say("  For an auditor: lifeboat report export %s --out FOLDER", shellWord(r.Status.RunID))
	}
	return quietly(exitOfReport(r))
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
		return engine, nil, fail(exitNoAccess, "%v. Start it, and runs go on where they were: lifeboat up --config %s --data %s", err, c.String("config"), c.String("data"))
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
	request, err := requestOf(c, plan, op)
	if err != nil {
		return nil, err
	}
	request.Past = worker.ReadDurations(c.Context, c.String("data"))
	look, err := worker.LookAtPlan(c.Context, cfg, plan, request)
	if err != nil {
		return nil, &failure{exitUsage, err}
	}
	return look, nil
}

// requestOf is what a person asks of a plan, by the flags of the command.
func requestOf(c *cli.Context, plan *plans.RecoveryPlan, op plans.Operation) (plans.Request, error) {
	now := time.Now().UTC()
	r := plans.Request{
		Operation: op, To: c.String("to"), VMs: c.StringSlice("vm"), Only: c.StringSlice("only"), By: who(c), Reason: c.String("reason"),
		Auto: c.Bool("auto"), LoseWrites: c.Bool("lose-writes"), Point: c.String("point"),
		Chain: plans.ChainPolicy(c.String("chain")), Fence: plans.FencePolicy(c.String("fence")), StopResidents: c.StringSlice("stop-resident"),
		RunID: fmt.Sprintf("%s-%s", plan.Name, now.Format("20060102-150405")),
	}
	if c.Command.Name == "failback" {
		r.To = plan.From
	}
	if text := strings.TrimSpace(c.String("statement")); text != "" {
		r.Statement = &plans.Statement{By: r.By, Text: text, At: now}
	}
	for flag, of := range map[string]time.Duration{"hold": c.Duration("hold"), "after": c.Duration("after")} {
		if c.IsSet(flag) {
			d := plans.Duration(of)
			r.Hold = &d
		}
	}
	switch {
	case c.IsSet("chain") && r.Chain != plans.ChainKeep && r.Chain != plans.ChainBack:
		return r, usage("--chain is %q: write keep (go on to the third site) or back (leave it)", r.Chain)
	case c.IsSet("fence") && r.Fence != plans.FenceAsk && r.Fence != plans.FenceShutDown && r.Fence != plans.FenceTurnOff:
		return r, usage("--fence is %q: write ask, shut-down or turn-off", r.Fence)
	case c.IsSet("after") && *r.Hold <= 0:
		return r, usage("--after is %s: write how long to wait, like 4h; without it the commit begins now", c.Duration("after"))
	case c.IsSet("statement") && r.Statement == nil:
		return r, usage("--statement is empty: write who saw what, and when")
	}
	if _, err := plans.ParseMoment(r.Point, now); err != nil && plans.NamesMoment(r.Point) {
		return r, usage("--point: %v", err)
	}
	return r, nil
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

func runPage(e control.Engine, in plans.RunInput) string {
	if e.UI == "" {
		return "(Temporal is outside)"
	}
	return fmt.Sprintf("%s/namespaces/%s/workflows/%s", e.UI, e.Namespace, control.WorkflowPath(runName(in.Plan, in.Operation)))
}

// runName is how people name a run to the run commands: by its plan, a drill as
// drill/PLAN.
func runName(plan string, op plans.Operation) string {
	if op == plans.TestFailover {
		return "drill/" + plan
	}
	return plan
}
