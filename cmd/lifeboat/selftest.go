package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

func selftestCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "selftest", Usage: "ask two real hosts, with a small VM of its own, what Microsoft's documentation leaves open; without --hosts: show the last one",
		Flags: []cli.Flag{
			configFlag, dataFlag, outputFlag, byFlag, reasonFlag, dryRunFlag, yesFlag,
			&cli.StringFlag{Name: "hosts", Usage: "two hosts of the configuration, A,B: the VM is made at A and replicates to B"},
			&cli.BoolFlag{Name: "hours", Usage: "ask what takes hours too (about four)"},
			&cli.StringFlag{Name: "trace", Usage: "where the redacted trace is written (default: NAME-OF-THE-VM.json)"},
			&cli.BoolFlag{Name: "clean", Usage: "only remove what earlier self-tests have left on these hosts"},
			&cli.BoolFlag{Name: "stop", Usage: "end the self-test under way; its VM is removed"},
			&cli.BoolFlag{Name: "detach", Usage: "do not wait for the end"},
		},
		Action: func(c *cli.Context) error { return selftest(t, c) },
	}
}

func selftest(t terminal, c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	if err := none(c); err != nil {
		return err
	}
	switch {
	case c.Bool("stop") && c.String("hosts") != "":
		return usage("--stop and --hosts: leave one of them out")
	case c.Bool("stop"):
		return stopSelftest(t, c)
	case c.String("hosts") == "" && c.Bool("clean"):
		return usage("--clean needs --hosts A,B: the hosts to look at")
	case c.String("hosts") == "":
		return showLastSelftest(t, c, asJSON)
	}
	a, b, ok := strings.Cut(c.String("hosts"), ",")
	if a, b = strings.TrimSpace(a), strings.TrimSpace(b); !ok || a == "" || b == "" {
		return usage("--hosts is %q: write two hosts of the configuration, A,B", c.String("hosts"))
	}
	cfg, err := worker.LoadConfiguration(c.String("config"))
	if err != nil {
		return &failure{exitUsage, err}
	}
	setup, findings, err := worker.LookAtSelfTest(c.Context, cfg, worker.SelfTestRequest{
		A: a, B: b, Hours: c.Bool("hours"), Clean: c.Bool("clean"), By: who(c), Reason: c.String("reason"),
	})
	if err != nil {
		return &failure{exitUsage, err}
	}
	return beginSelftest(t, c, setup, findings, asJSON)
}

// selftestPlan is what --dry-run answers as JSON.
type selftestPlan struct {
	Setup    plans.SelfTestSetup `json:"setup"`
	Findings []plans.Finding     `json:"findings"`
	Steps    []string            `json:"steps"`
}

func selftestPlanOf(setup plans.SelfTestSetup, findings []plans.Finding, steps []plans.SelfTestStep) selftestPlan {
	p := selftestPlan{Setup: setup, Findings: append([]plans.Finding{}, findings...), Steps: []string{}}
	for _, s := range steps {
		p.Steps = append(p.Steps, s.Name)
	}
	return p
}

func beginSelftest(t terminal, c *cli.Context, setup plans.SelfTestSetup, findings []plans.Finding, asJSON bool) error {
	words := t
	if asJSON {
		words = terminal{in: t.in, out: t.err, err: t.err}
	}
	steps := plans.SelfTestWalk(setup.Hours)
	if setup.Clean {
		steps = nil
	}
	if c.Bool("dry-run") && asJSON {
		return errors.Join(t.json(selftestPlanOf(setup, findings, steps)), quietly(blockedExit(findings)))
	}
	saySelftest(words, setup, len(steps))
	for _, f := range findings {
		words.wrapped("! ", 2, strings.Join(strings.Fields(f.Text+". "+f.Means+" "+f.Remedy), " "))
	}
	if plans.Blocked(findings) {
		if selftestUnderWay(c) {
			return busySelftest()
		}
		return fail(exitRefused, "REFUSED  these hosts cannot take a self-test now. Nothing was changed.")
	}
	if c.Bool("dry-run") {
		for _, s := range steps {
			words.say("  %-10s %s", setup.At(s.At).Host, s.Says)
		}
		words.say("Nothing was changed.")
		return nil
	}
	hosts := setup.A.Host + "," + setup.B.Host
	if err := askTyped(words, c, "Type the two hosts ("+hosts+") to start: ", hosts, "the hosts"); err != nil {
		return err
	}
	return runSelftest(t, words, c, setup, asJSON)
}

// selftestUnderWay is true when the engine, if there is one, is at a self-test.
func selftestUnderWay(c *cli.Context) bool {
	_, client, err := dial(c)
	if err != nil {
		return false
	}
	defer client.Close()
	s, err := client.SelfTest(c.Context)
	return err == nil && s.Ended.IsZero()
}

func busySelftest() error {
	return fail(exitBusy, "BUSY  %v. Watch it: lifeboat selftest. End it: lifeboat selftest --stop", control.ErrSelfTestRuns)
}

func blockedExit(findings []plans.Finding) int {
	if plans.Blocked(findings) {
		return exitRefused
	}
	return exitOK
}

// saySelftest says what will be done and where.
func saySelftest(t terminal, s plans.SelfTestSetup, steps int) {
	if s.Clean {
		t.wrapped("", 0, fmt.Sprintf("Removes from %s and %s every VM that bears the mark of a self-test in its notes, with its disk and its replica. No other VM is touched.", s.A.Host, s.B.Host))
		return
	}
	t.wrapped("", 0, fmt.Sprintf("Makes the VM %s at %s, replicates it to %s (%s, port %d), and takes it through %d steps there and back.",
		s.Name, s.A.Host, s.B.Host, orDash(s.B.Auth), s.B.Port, steps))
	t.wrapped("", 0, fmt.Sprintf("The VM has %d MB of memory, an empty disk of %d GB (a few MB on the volume) and no network. It is marked in its notes, "+
		"and removed from both hosts in the end. No other VM, no switch and no setting of a host is changed.", plans.SelfTestMemory>>20, plans.SelfTestDisk>>30))
	took := "about half an hour"
	if s.Hours {
		took = "about four hours"
	}
	t.say("It takes %s on real hosts.", took)
}

func runSelftest(t, words terminal, c *cli.Context, setup plans.SelfTestSetup, asJSON bool) error {
	_, client, err := dial(c)
	if err != nil {
		return err
	}
	defer client.Close()
	run := "self-test-" + time.Now().UTC().Format("20060102-150405")
	switch err := client.StartSelfTest(c.Context, run, setup); {
	case errors.Is(err, control.ErrSelfTestRuns):
		return busySelftest()
	case err != nil:
		return fail(exitNoAccess, "the engine did not take the self-test: %v", err)
	}
	words.say("Started  %s", run)
	if c.Bool("detach") {
		return nil
	}
	s, err := followSelftest(c.Context, words, client)
	if err != nil {
		return err
	}
	return endSelftest(t, words, c, s, asJSON)
}

// followSelftest prints each step once until the self-test has ended.
func followSelftest(ctx context.Context, t terminal, client *control.Client) (plans.SelfTestStatus, error) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	told := 0
	for {
		s, err := client.SelfTest(ctx)
		switch {
		case ctx.Err() != nil:
			return s, fail(exitAway, "you stopped watching; the self-test goes on, and removes its VM.\n  Look again: lifeboat selftest. End it: lifeboat selftest --stop")
		case errors.Is(err, control.ErrEndedOutside):
			return s, selftestEndedOutside(s)
		case err != nil:
			return s, fail(exitNoAccess, "the self-test cannot be read: %v", err)
		}
		for ; told < len(s.Entries); told++ {
			e := s.Entries[told]
			t.say("%3d/%d  %-10s %-22s %s", told+1, s.Steps, cut(plain(s.Setup.At(e.At).Host), 10), e.Step, outcomeWords(e))
		}
		if !s.Ended.IsZero() {
			return s, nil
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// selftestEndedOutside is for one that could not clean up.
func selftestEndedOutside(s plans.SelfTestStatus) error {
	return fail(exitStuck, "STUCK  the %s was ended from outside, and has removed nothing.\n  Remove its VM: lifeboat selftest --hosts %s,%s --clean",
		s.Setup.Kind(), shellWord(s.Setup.A.Host), shellWord(s.Setup.B.Host))
}

func outcomeWords(e plans.SelfTestEntry) string {
	switch {
	case e.Code != "":
		return "refused: " + plain(e.Code)
	case e.Outcome == "failed":
		return "refused"
	}
	return e.Outcome
}

// selftestEnd is what is answered as JSON.
type selftestEnd struct {
	Verdict plans.Verdict       `json:"verdict"`
	Cleaned bool                `json:"cleaned"`
	Left    []string            `json:"left"`
	Broken  string              `json:"broken,omitempty"`
	File    string              `json:"file,omitempty"`
	Trace   plans.SelfTestTrace `json:"trace"`
}

func selftestEndOf(c *cli.Context, s plans.SelfTestStatus) selftestEnd {
	return selftestEnd{Verdict: s.Verdict, Cleaned: s.Cleaned, Left: append([]string{}, s.Left...), Broken: s.Broken, Trace: plans.TraceOf(s, version, simulatedSelftest(c))}
}

// endSelftest writes the trace and says what was found.
func endSelftest(t, words terminal, c *cli.Context, s plans.SelfTestStatus, asJSON bool) error {
	end := selftestEndOf(c, s)
	if !s.Setup.Clean && len(s.Entries) > 0 {
		if end.File = c.String("trace"); end.File == "" {
			end.File = s.Setup.Name + ".json"
		}
		if err := writeTrace(end.File, end.Trace); err != nil {
			words.say("! the trace was not written: %v", err)
			end.File = ""
		}
	}
	if asJSON {
		return errors.Join(t.json(end), quietly(exitOfSelftest(s)))
	}
	showSelftest(words, s, end)
	return quietly(exitOfSelftest(s))
}

func simulatedSelftest(c *cli.Context) bool {
	cfg, err := worker.LoadConfiguration(c.String("config"))
	return err == nil && cfg.Lab != nil
}

func writeTrace(name string, trace plans.SelfTestTrace) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(trace); err != nil {
		return err
	}
	return os.WriteFile(name, text.Bytes(), 0o600)
}

func exitOfSelftest(s plans.SelfTestStatus) int {
	switch {
	case s.Ended.IsZero():
		return exitOK
	case s.Verdict == plans.VerdictRefused:
		return exitRefused
	case !s.Cleaned:
		return exitStuck
	case s.Broken != "":
		return exitStopped
	case s.Differs() > 0:
		return exitFinding
	}
	return exitOK
}

func showSelftest(t terminal, s plans.SelfTestStatus, end selftestEnd) {
	t.say("")
	if len(s.Answers) > 0 {
		t.say("%-8s %-24s %s", "AGREES", "QUESTION", "ANSWER")
		for _, q := range end.Trace.Answers {
			t.wrapped(fmt.Sprintf("%-8s %-24s ", agrees[q.Reading], q.ID), 34, answerWords(q))
		}
		t.say("")
		t.wrapped("", 0, fmt.Sprintf("%d of %d answers are not as Lifeboat's model assumes. %d more open facts need more than two hosts and an empty VM; the trace names them.",
			s.Differs(), len(end.Trace.Answers), len(end.Trace.Unasked)))
	}
	if s.Broken != "" {
		t.wrapped("STOPPED  ", 9, "the walk ended early: "+plain(s.Broken))
	}
	for _, f := range s.Findings {
		t.wrapped("! ", 2, plain(f.Text))
	}
	switch {
	case s.Verdict == plans.VerdictRefused:
		t.say("REFUSED  nothing was changed.")
	case s.Cleaned:
		t.say("Cleaned  no VM of a self-test is left on %s and %s.", plain(s.Setup.A.Host), plain(s.Setup.B.Host))
	default:
		t.say("STUCK    this is left:")
		for _, l := range s.Left {
			t.wrapped("  ", 2, plain(l))
		}
		t.say("Again    lifeboat selftest --hosts %s,%s --clean", shellWord(s.Setup.A.Host), shellWord(s.Setup.B.Host))
	}
	if end.File != "" {
		t.say("Trace    %s", end.File)
		if len(end.Trace.Dialects) > 0 {
			t.say("Play it  lifeboat lab --dialect-file %s", shellWord(end.File))
		}
	}
}

var agrees = map[plans.SelfTestReading]string{plans.AsModel: "yes", plans.AsDialect: "no", plans.AsNeither: "no", plans.Untold: "-"}

func answerWords(q plans.SelfTestTraceReply) string {
	switch q.Reading {
	case plans.AsDialect, plans.AsNeither:
		return fmt.Sprintf("%s; the model assumes: %s (%s)", plain(q.Answer), q.Assumes, q.Asks)
	case plans.Untold:
		return "not told: " + plain(q.Answer)
	case plans.AsModel:
	}
	return plain(q.Answer)
}

func showLastSelftest(t terminal, c *cli.Context, asJSON bool) error {
	_, client, err := dial(c)
	if err != nil {
		return err
	}
	defer client.Close()
	s, err := client.SelfTest(c.Context)
	if err == nil && s.Setup.Canary != "" {
		if s.Ended.IsZero() && !asJSON {
			t.wrapped("", 0, fmt.Sprintf("The %s is under way at %s and %s since %s: %s", s.Setup.Kind(), plain(s.Setup.A.Host), plain(s.Setup.B.Host), moment(s.Started), plain(s.Doing)))
			return nil
		}
		s, err = client.LastSelfTest(c.Context)
	}
	switch {
	case errors.Is(err, control.ErrNoRun) && asJSON:
		return t.json(nil)
	case errors.Is(err, control.ErrNoRun):
		t.say("There was no self-test. Begin one: lifeboat selftest --hosts A,B --dry-run")
		return nil
	case errors.Is(err, control.ErrEndedOutside):
		return selftestEndedOutside(s)
	case err != nil:
		return fail(exitNoAccess, "the self-test cannot be read: %v", err)
	case s.Ended.IsZero() && !asJSON:
		t.wrapped("", 0, fmt.Sprintf("A self-test of %s and %s is under way since %s: %s", plain(s.Setup.A.Host), plain(s.Setup.B.Host), moment(s.Started), plain(s.Doing)))
		return nil
	}
	end := selftestEndOf(c, s)
	if asJSON {
		return errors.Join(t.json(end), quietly(exitOfSelftest(s)))
	}
	showSelftest(t, s, end)
	return quietly(exitOfSelftest(s))
}

func stopSelftest(t terminal, c *cli.Context) error {
	_, client, err := dial(c)
	if err != nil {
		return err
	}
	defer client.Close()
	switch err := client.StopSelfTest(c.Context, who(c)); {
	case errors.Is(err, control.ErrNoRun):
		return fail(exitRefused, "REFUSED  no self-test is under way. Nothing was changed.")
	case err != nil:
		return fail(exitNoAccess, "the self-test was not told: %v", err)
	}
	t.say("Told. It ends its walk and removes its VM: lifeboat selftest")
	return nil
}
