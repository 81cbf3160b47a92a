package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

func demoCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "demo", Usage: "the main job in one process: a lab, an engine, a planned failover of a whole plan",
		Flags: []cli.Flag{environmentFlag, speedFlag, seedFlag, powershellFlag, autoFlag, outputFlag, nativeFlag, byFlag,
			&cli.BoolFlag{Name: "keep", Usage: "leave all of it running to play with"},
			&cli.IntFlag{Name: "ui-port", Value: 8233, Usage: "port of the Temporal Web UI; any free one when it is taken"},
		},
		Action: func(c *cli.Context) error {
			if err := none(c); err != nil {
				return err
			}
			asJSON, err := wantsJSON(c)
			if err != nil {
				return err
			}
			d := &demo{t: t, words: t, c: c, asJSON: asJSON}
			if asJSON {
				d.words.out = t.err
			}
			return d.run()
		},
	}
}

// demo walks a new user through the main job on simulated hosts.
type demo struct {
	t, words terminal
	c        *cli.Context
	asJSON   bool
	dir      string
	control  string
}

// demoReport is what --output json prints: the run's report and the lab's
// ground truth.
type demoReport struct {
	plans.Report
	// WritesLost is counted by the simulated guests themselves.
	WritesLost uint64 `json:"writes_lost"`
}

func (d *demo) run() error {
	var err error
	if d.dir, err = os.MkdirTemp("", "lifeboat-demo-"); err != nil {
		return fail(exitUsage, "%v", err)
	}
	if !d.c.Bool("keep") {
		defer func() { _ = os.RemoveAll(d.dir) }()
	}
	d.head("1  A lab: simulated Hyper-V hosts on real WinRM ports")
	l, err := startLab(d.c, "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	d.control = l.ControlAddr()
	if err := l.WriteConfig(d.config()); err != nil {
		return fail(exitUsage, "%v", err)
	}
	sayLab(d.words, d.c, l)

	d.head("2  An engine: Temporal, its Web UI and a journal in this process")
	e, err := bringUp(d.c.Context, upOptions{config: d.config(), data: d.data(), uiPort: d.c.Int("ui-port"), namespace: worker.Namespace})
	if err != nil {
		return err
	}
	defer func() { _ = e.stop() }()
	sayEngine(d.words, e)
	return d.failOver(e)
}

func (d *demo) config() string { return filepath.Join(d.dir, "site") }
func (d *demo) data() string   { return filepath.Join(d.dir, "data") }

func (d *demo) head(text string) {
	d.words.say("")
	d.words.say("%s", text)
}

// failOver looks, explains, runs and reports.
func (d *demo) failOver(e *running) error {
	cfg, err := worker.LoadConfiguration(d.config())
	if err != nil {
		return &failure{exitUsage, err}
	}
	d.head("3  Can every host be reached, read and acted on?")
	showChecks(d.words, worker.CheckHosts(d.c.Context, cfg))

	plan := &cfg.Plans[0]
	auto := d.c.Bool("auto") || !d.words.interactive()
	look, err := worker.LookAtPlan(d.c.Context, cfg, plan, plans.Request{
		Operation: plans.PlannedFailover, By: who(d.c), Reason: "demo", Auto: auto,
		RunID: fmt.Sprintf("%s-%s", plan.Name, time.Now().UTC().Format("20060102-150405")),
	})
	if err != nil {
		return &failure{exitUsage, err}
	}
	d.head("4  The plan: what will happen")
	showPlanHead(d.words, look)
	showFindings(d.words, look.Findings)
	d.words.say("")
	showExplanation(d.words, look, d.c.Bool("native"))
	if look.Blocked() {
		return fail(exitRefused, "REFUSED  the lab is not ready. Nothing was changed.")
	}
	d.head(fmt.Sprintf("5  Planned failover %s -> %s", look.Input.From, look.Input.To))
	return d.watch(e, look.Input, auto)
}

func (d *demo) watch(e *running, input plans.RunInput, auto bool) error {
	client, err := control.Dial(d.c.Context, e.Info())
	if err != nil {
		return fail(exitNoAccess, "%v", err)
	}
	engine := &link{d.data(), e.Info(), client}
	defer engine.close()
	if err := client.Start(d.c.Context, input); err != nil {
		return startError(err)
	}
	d.words.say("Look at it in the browser: %s", runPage(e.Info(), input))
	if auto {
		d.words.say("Manual steps are answered by the lab operator (simulated): --auto.")
	}
	w := newWatcher(d.words)
	w.auto = auto
	if !auto {
		w.answer = askPerson(d.words, d.c, engine)
	}
	status, err := w.follow(d.c.Context, engine.run(input.Plan))
	if err != nil {
		return err
	}
	return d.finish(e, status)
}

func (d *demo) finish(e *running, status plans.RunStatus) error {
	r, err := reportOf(d.c.Context, e.Info(), status)
	if err != nil {
		return fail(exitNoAccess, "%v", err)
	}
	truth, err := groundTruth(d.c.Context, d.control)
	if err != nil {
		return fail(exitNoAccess, "the lab's ground truth cannot be read: %v", err)
	}
	lost := truth.lost(status)
	d.head("6  The report, and what the simulated guests themselves say")
	showReport(d.words, r)
	d.words.say("  Writes lost %d (ground truth of the lab: %d writes acknowledged to users)", lost, truth.acknowledged(status))
	if d.asJSON {
		if err := d.t.json(demoReport{Report: r, WritesLost: lost}); err != nil {
			return err
		}
	}
	if d.c.Bool("keep") {
		d.stay(status)
	}
	if lost > 0 {
		return fail(exitStuck, "%d writes were lost in a planned failover: this is a defect", lost)
	}
	return quietly(exitOf(status.Verdict))
}

func (d *demo) stay(s plans.RunStatus) {
	d.head("7  All of it keeps running. In another shell:")
	d.words.say("  export LIFEBOAT_CONFIG=%s LIFEBOAT_DATA=%s", d.config(), d.data())
	d.words.say("  lifeboat run show %s", s.Plan)
	d.words.say("  lifeboat failover %s --planned --to %s      # the way home", s.Plan, s.From)
	d.words.say("Stop with Ctrl-C.")
	<-d.c.Context.Done()
	_ = os.RemoveAll(d.dir)
}

// labState is the part of the control port's /state that counts writes.
type labState struct {
	Copies []struct {
		VM     string `json:"vm"`
		Power  string `json:"power"`
		Test   bool   `json:"test"`
		Writes struct {
			Committed uint64 `json:"committed"`
			Held      uint64 `json:"held"`
			Missing   uint64 `json:"missing"`
		} `json:"writes"`
	} `json:"copies"`
}

func groundTruth(ctx context.Context, address string) (labState, error) {
	var s labState
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/state", nil)
	if err != nil {
		return s, err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return s, err
	}
	defer func() { _ = answer.Body.Close() }()
	return s, json.NewDecoder(answer.Body).Decode(&s)
}

// lost counts, over the VMs of a run, the writes that users were told are safe
// and that the running copy does not hold.
func (s labState) lost(run plans.RunStatus) uint64 {
	var lost uint64
	s.running(run, func(committed, held, missing uint64) { lost += max(committed, held) - held + missing })
	return lost
}

func (s labState) acknowledged(run plans.RunStatus) uint64 {
	var sum uint64
	s.running(run, func(committed, _, _ uint64) { sum += committed })
	return sum
}

func (s labState) running(run plans.RunStatus, each func(committed, held, missing uint64)) {
	for _, vm := range run.VMs {
		for _, c := range s.Copies {
			if c.VM == vm.ID && c.Power == "Running" && !c.Test {
				each(c.Writes.Committed, c.Writes.Held, c.Writes.Missing)
			}
		}
	}
}
