package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

func repairCommand(t terminal) *cli.Command {
	reading := []cli.Flag{configFlag, dataFlag, outputFlag}
	answering := []cli.Flag{configFlag, dataFlag, outputFlag, byFlag, reasonFlag, dryRunFlag}
	answer := func(choice plans.Choice) cli.ActionFunc {
		return func(c *cli.Context) error { return answerRepair(t, c, choice) }
	}
	return &cli.Command{Name: "repair", Usage: "the repair ladder: replication that has stopped or is not set as it should be, and what is done about it", Subcommands: []*cli.Command{
		{
			Name: "list", Usage: "VMs on the ladder, and those repaired in the last day", Flags: reading,
			Action: func(c *cli.Context) error { return listRepairs(t, c) },
		},
		{
			Name: "show", Usage: "one VM: its rung, what was done, why, and what it cost", ArgsUsage: "VM", Flags: reading,
			Action: func(c *cli.Context) error { return showRepair(t, c) },
		},
		{
			Name: "approve", Usage: "yes to what is asked about a VM; ends a hold", ArgsUsage: "VM", Flags: answering, Action: answer(plans.ChoiceApprove),
		},
		{
			Name: "run", Usage: "take its next rung now, outside its window and the day's budget", ArgsUsage: "VM", Flags: answering, Action: answer(plans.ChoiceRun),
		},
		{
			Name: "hold", Usage: "leave a VM alone until approve, or until it is well again (needs --reason)", ArgsUsage: "VM", Flags: answering, Action: answer(plans.ChoiceHold),
		},
	}}
}

// repairRow is a VM on the ladder of a host.
type repairRow struct {
	Host string `json:"host"`
	plans.RepairVM
}

// repairRows puts what waits for a person first, and what is past last.
func repairRows(all []plans.RepairStatus) []repairRow {
	rows := []repairRow{}
	for _, s := range all {
		for i := range s.VMs {
			rows = append(rows, repairRow{s.Host, s.VMs[i]})
		}
	}
	slices.SortStableFunc(rows, func(a, b repairRow) int { return rankOf(a) - rankOf(b) })
	return rows
}

// rankOf is where a row stands in the list.
func rankOf(r repairRow) int {
	switch {
	case r.Step.Rung == plans.RungAsk:
		return 0
	case !r.Since.IsZero():
		return 1
	}
	return 2
}

// ladder is what every command about repairs begins with. The caller closes client.
type ladder struct {
	client *control.Client
	asJSON bool
	rows   []repairRow
	row    repairRow // the VM that was named
}

// readLadder reads the repairs; one of them must be named, or none may be.
func readLadder(c *cli.Context, named bool) (l ladder, err error) {
	what := ""
	if named {
		what = "the name of a VM"
	}
	asJSON, name, err := asked(c, what)
	if err != nil {
		return l, err
	}
	_, client, err := dial(c)
	if err != nil {
		return l, err
	}
	all, err := client.Repairs(c.Context)
	if err != nil {
		err = fail(exitNoAccess, "the repairs cannot be read: %v", err)
	}
	l = ladder{client: client, asJSON: asJSON, rows: repairRows(all)}
	if named && err == nil {
		l.row, err = repairOf(l.rows, name)
	}
	if err != nil {
		client.Close()
	}
	return l, err
}

// exitOfRepair: what waits for a person is a finding, and so is what is not
// replicating yet.
func exitOfRepair(rows []repairRow) int {
	for i := range rows {
		if !rows[i].Since.IsZero() {
			return exitFinding
		}
	}
	return exitOK
}

func listRepairs(t terminal, c *cli.Context) error {
	l, err := readLadder(c, false)
	if err != nil {
		return err
	}
	l.client.Close()
	switch {
	case l.asJSON:
		err = t.json(l.rows)
	case len(l.rows) == 0:
		t.say("Nothing is on the repair ladder.")
	default:
		showRepairs(t, l.rows)
	}
	return errors.Join(err, quietly(exitOfRepair(l.rows)))
}

func showRepairs(t terminal, rows []repairRow) {
	t.say("%-16s %-12s %-7s %-9s %s", "VM", "SENDER", "RUNG", "SINCE", "NOW")
	for i := range rows {
		r := &rows[i]
		row := fmt.Sprintf("%-16s %-12s %-7s %-9s ", cut(plain(r.Label), 16), cut(plain(r.Host), 12), r.Step.Rung, moment(r.Since))
		if words := repairWords(r.RepairVM); len([]rune(row+words)) <= width {
			t.say("%s%s", row, words)
		} else {
			t.say("%s", strings.TrimRight(row, " "))
			t.wrapped("", 4, words)
		}
		if r.Step.Rung == plans.RungAsk {
			t.say("    Answer  lifeboat repair approve %s", shellWord(r.Label))
		}
	}
}

// repairWords are a VM's rung in words, with the yes it has.
func repairWords(vm plans.RepairVM) string {
	if vm.Since.IsZero() && vm.Step.Rung == plans.RungWell {
		// Nobody on the ladder looks at it any more.
		return "was well again when it was last looked at: lifeboat status has it now"
	}
	words := plain(vm.Step.Why)
	if vm.Points != nil && *vm.Points >= 0 && vm.Step.Resyncs() {
		words += fmt.Sprintf("; %d recovery points would be lost", *vm.Points)
	}
	if vm.Consent != nil {
		words += fmt.Sprintf(" (%s agreed to %s)", plain(vm.Consent.By), vm.Consent.Rung)
	}
	return words
}

// repairOf finds the leg of a VM that was named; a VM's own name is enough for its
// third copy's where nothing else of it is on the ladder.
func repairOf(rows []repairRow, name string) (repairRow, error) {
	var fit []repairRow
	for _, known := range []string{name, plans.RepairKey(name, plans.ExtendedLeg)} {
		for _, r := range rows {
			if r.Named(known) {
				fit = append(fit, r)
			}
		}
		if len(fit) > 0 {
			break
		}
	}
	// After a failover the ladder of the host that sent before may remember it.
	if len(fit) > 1 {
		for _, r := range fit {
			if !r.Since.IsZero() {
				return r, nil
			}
		}
	}
	if len(fit) == 0 {
		return repairRow{}, fail(exitRefused, "REFUSED  no VM %q is on the repair ladder: lifeboat repair list. Nothing was changed.", name)
	}
	return fit[0], nil
}

func showRepair(t terminal, c *cli.Context) error {
	l, err := readLadder(c, true)
	if err != nil {
		return err
	}
	l.client.Close()
	row := l.row
	code := exitOfRepair([]repairRow{row})
	if l.asJSON {
		return errors.Join(t.json(row), quietly(code))
	}
	t.say("%s  %s, sent by %s", strings.ToUpper(string(row.Step.Rung)), plain(row.Label), plain(row.Host))
	t.wrapped("  ", 2, repairWords(row.RepairVM))
	if row.Step.Remedy != "" {
		t.wrapped("  ", 2, plain(row.Step.Remedy))
	}
	if p := row.Step.Progress; p != nil && p.Percent >= 0 {
		t.say("  %d %% done", p.Percent)
	}
	if !row.Since.IsZero() {
		t.say("  in trouble since %s", row.Since.Local().Format(day))
	}
	if row.Step.In > 0 {
		t.say("  due in about %s", span(row.Step.In.D()))
	}
	if row.Step.Rung == plans.RungAsk {
		t.say("  Answer  lifeboat repair approve|run %s", shellWord(row.Label))
		t.say("  or      lifeboat repair hold %s --reason WHY", shellWord(row.Label))
	}
	for _, a := range row.Acts {
		showRepairAct(t, a)
	}
	return quietly(code)
}

func showRepairAct(t terminal, a plans.RepairAct) {
	t.say("")
	t.say("  %s  %s at %s: %s", a.At.Local().Format(day), a.Rung, plain(a.Host), a.Outcome)
	t.wrapped("    why   ", 10, plain(a.Why))
	if a.Set != "" {
		t.wrapped("    set   ", 10, plain(a.Set))
	}
	if a.Consent != "" {
		t.say("    yes   %s", plain(a.Consent))
	}
	if a.Cost != nil {
		t.wrapped("    cost  ", 10, a.Cost.String())
	}
	if a.Error != "" {
		t.wrapped("    said  ", 10, plain(a.Error))
	}
}

// answerRepair gives an answer; --dry-run says what it would be about.
func answerRepair(t terminal, c *cli.Context, choice plans.Choice) error {
	l, err := readLadder(c, true)
	if err != nil {
		return err
	}
	defer l.client.Close()
	row := l.row
	if c.Bool("dry-run") {
		if l.asJSON {
			return t.json(row)
		}
		t.wrapped("", 0, fmt.Sprintf("%s is on rung %s: %s", plain(row.Label), row.Step.Rung, repairWords(row.RepairVM)))
		if row.Step.Remedy != "" && choice != plans.ChoiceHold {
			t.wrapped("", 0, plain(row.Step.Remedy)+".")
		}
		t.wrapped("", 0, answerMeans(choice, row)+" Nothing was changed.")
		return nil
	}
	status, err := l.client.AnswerRepair(c.Context, row.Host, plans.Answer{Choice: choice, VM: row.Key(), By: who(c), Reason: c.String("reason"), About: row.Step.Asks(), Via: "cli"})
	var no *control.NotAcceptedError
	switch {
	case errors.As(err, &no):
		return fail(exitRefused, "REFUSED  %v. Nothing was changed.", no)
	case err != nil:
		return fail(exitNoAccess, "the answer may not have arrived: %v", err)
	}
	if l.asJSON {
		return t.json(status)
	}
	t.wrapped("", 0, "Taken. "+answerMeans(choice, row))
	t.say("Watch: lifeboat repair show %s", shellWord(row.Label))
	return nil
}

// answerMeans says what follows from an answer.
func answerMeans(choice plans.Choice, row repairRow) string {
	name := plain(row.Label)
	switch {
	case choice == plans.ChoiceHold:
		return name + " is left alone until lifeboat repair approve, or until it is well again."
	case row.Hold != nil:
		return "The hold ends; " + name + " is looked at again."
	case row.Step.Wants == plans.RungResync && choice == plans.ChoiceRun:
		return name + " is resynchronized as soon as its hosts are free; its recovery points are lost."
	case row.Step.Wants == plans.RungResync:
		return name + " is resynchronized in its window, within the budget of its hosts; its recovery points are lost."
	case row.Step.Wants == plans.RungCorrect:
		return fmt.Sprintf("The replication of %s is set: %s.", name, plain(row.Step.Set))
	}
	return "The replication of " + name + " is resumed."
}

// showRepairsOf adds to the morning look what is on the ladder; without an engine
// there is none.
func showRepairsOf(t terminal, c *cli.Context) {
	engine, err := control.ReadEngine(c.String("data"))
	if err != nil {
		return
	}
	client, err := control.Dial(c.Context, engine)
	if err != nil {
		return
	}
	defer client.Close()
	all, err := client.Repairs(c.Context)
	if err != nil {
		t.wrapped("! ", 2, "the repairs cannot be read: "+err.Error())
		return
	}
	var rows []repairRow
	for _, r := range repairRows(all) {
		if !r.Since.IsZero() {
			rows = append(rows, r)
		}
	}
	if len(rows) == 0 {
		return
	}
	t.say("")
	t.say("Repairs, %s", time.Now().Local().Format(clock))
	showRepairs(t, rows[:min(len(rows), repairsShown)])
	if more := len(rows) - repairsShown; more > 0 {
		t.say("and %d more: lifeboat repair list", more)
	}
}

// repairsShown is how many VMs of the ladder the morning look shows.
const repairsShown = 6
