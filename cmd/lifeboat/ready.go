package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
)

var (
	nagiosFlag = &cli.BoolFlag{Name: "nagios", Usage: "one line with perfdata and exit code 0, 1, 2 or 3, for monitors"}
	allFlag    = &cli.BoolFlag{Name: "all", Usage: "every VM in the table, not only those that need a look"}
)

func readyCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "ready", Usage: "if the site is lost now: ready or not, why, and what it means; reads every host now", ArgsUsage: "PLAN",
		Flags:  []cli.Flag{configFlag, dataFlag, allFlag, nagiosFlag, outputFlag},
		Action: func(c *cli.Context) error { return forMonitors(t, c, ready(t, c)) },
	}
}

func ready(t terminal, c *cli.Context) error {
	name, err := one(c, "the name of a plan")
	if err != nil {
		return err
	}
	cfg, err := worker.LoadConfiguration(c.String("config"))
	if err != nil {
		return &failure{exitUsage, err}
	}
	reports, err := worker.LookAtReadiness(c.Context, cfg, name, c.String("data"))
	if err != nil {
		return &failure{exitUsage, err}
	}
	return answerReady(t, c, reports, "read now")
}

func statusCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "status", Usage: "the morning look: what the engine knows of every plan, or of one", ArgsUsage: "[PLAN]",
		Flags:  []cli.Flag{configFlag, dataFlag, allFlag, nagiosFlag, outputFlag},
		Action: func(c *cli.Context) error { return forMonitors(t, c, status(t, c)) },
	}
}

// status asks the engine, which watches all the time; without one it reads the
// hosts itself.
func status(t terminal, c *cli.Context) error {
	if c.Args().Len() > 1 {
		return usage("status takes one plan, got %q", c.Args().Slice())
	}
	name, source := c.Args().First(), "live"
	reports, err := worker.ReadReadiness(c.Context, c.String("data"))
	if err != nil {
		cfg, bad := worker.LoadConfiguration(c.String("config"))
		if bad != nil {
			return &failure{exitUsage, bad}
		}
		source = "read now: no engine runs here"
		if reports, err = worker.LookAtReadiness(c.Context, cfg, name, c.String("data")); err != nil {
			return &failure{exitUsage, err}
		}
	}
	if name != "" {
		var known []string
		for _, r := range reports {
			if r.Plan != "" {
				known = append(known, r.Plan)
			}
		}
		reports = slices.DeleteFunc(reports, func(r plans.ReadyReport) bool { return r.Plan != name })
		if len(reports) == 0 {
			return usage("no plan %q: the engine has %s", name, strings.Join(known, ", "))
		}
	}
	if len(reports) == 0 {
		return usage("the configuration has no plan, and no VM replicates")
	}
	err = answerReady(t, c, reports, source)
	if source == "live" && c.String("output") == "text" && !c.Bool("nagios") {
		showRepairsOf(t, c)
	}
	return err
}

func answerReady(t terminal, c *cli.Context, reports []plans.ReadyReport, source string) error {
	asJSON, err := wantsJSON(c)
	switch {
	case err != nil:
		return err
	case c.Bool("nagios"):
		return nagios(t, reports)
	case asJSON:
		if err := t.json(reports); err != nil {
			return err
		}
	default:
		showAllReady(t, reports, source, c.Bool("all"))
		if source == "live" {
			showAlertTrouble(t, c)
		}
	}
	return quietly(exitReady(reports))
}

// exitReady is 0 ready, 1 not, 3 when no host could be reached, 6 when what
// decides cannot be seen.
func exitReady(reports []plans.ReadyReport) int {
	switch plans.WorstReady(reports) {
	case plans.ReadyYes:
		return exitOK
	case plans.ReadyNo:
		return exitFinding
	case plans.ReadyUnknown:
	}
	for _, r := range reports {
		if slices.ContainsFunc(r.Hosts, func(h plans.ReadyHost) bool { return h.Up }) {
			return exitUnknown
		}
	}
	return exitNoAccess
}

var readyWords = map[plans.ReadyVerdict]string{plans.ReadyYes: "READY", plans.ReadyNo: "NOT READY", plans.ReadyUnknown: "UNKNOWN"}

// showAllReady prints the plans, worst first. Of several, those that are ready
// and have nothing to mind take a line each, unless all is asked for. What no plan
// holds comes last.
func showAllReady(t terminal, reports []plans.ReadyReport, source string, all bool) {
	if last := len(reports) - 1; last >= 0 && reports[last].Plan == "" {
		defer showOutside(t, reports[last], last > 0, all)
		reports = reports[:last]
	}
	var green []plans.ReadyReport
	for i, r := range reports {
		if len(reports) > 1 && !all && r.Verdict == plans.ReadyYes {
			green = append(green, r)
			continue
		}
		if i > 0 {
			t.say("")
		}
		showReady(t, r, source, all)
	}
	if len(green) > 0 && len(green) < len(reports) {
		t.say("")
	}
	for _, r := range green {
		text := fmt.Sprintf("%s if %s is lost now: %s; %s", plain(r.Plan), plain(r.From), r.Why, readyFacts(r))
		if n := len(plans.GroupFindings(r.Findings, plans.Warning)); n > 0 {
			text += fmt.Sprintf(" %d to mind: lifeboat status %s", n, shellWord(r.Plan))
		}
		t.wrapped("READY  ", 7, text)
	}
	if len(green) > 0 {
		t.say("%s  (%s)", green[0].At.Local().Format("Mon 2006-01-02 15:04 MST"), source)
	}
}

// showOutside prints what no plan holds: a few lines, however many VMs that are.
func showOutside(t terminal, r plans.ReadyReport, more, all bool) {
	if more {
		t.say("")
	}
	head := strings.ToUpper(r.Title()) + "  "
	text := plain(r.Why)
	if r.Verdict != plans.ReadyYes {
		text = readyWords[r.Verdict] + " - " + text
	}
	t.wrapped(head, len([]rune(head)), text)
	for _, s := range r.Stale {
		t.wrapped("!! ", 3, s)
	}
	if shown := readyRows(r, all); len(shown) > 0 {
		t.say("")
		showReadyVMs(t, r, shown, all)
	}
	showReadyFindings(t, r, all)
}

// showReady prints one plan: short when all is well.
func showReady(t terminal, r plans.ReadyReport, source string, all bool) {
	t.say("%s  %s -> %s", strings.ToUpper(plain(r.Plan)), plain(r.From), plain(r.To))
	t.say("%s  (%s)", r.At.Local().Format("Mon 2006-01-02 15:04 MST"), source)
	for _, s := range r.Stale {
		t.wrapped("!! ", 3, s)
	}
	head := fmt.Sprintf("If %s is lost now:  ", plain(r.From))
	t.wrapped(head, len([]rune(head)), fmt.Sprintf("%s - %s", readyWords[r.Verdict], plain(r.Why)))
	t.wrapped("  ", 2, readyFacts(r))
	if shown := readyRows(r, all); len(shown) > 0 {
		t.say("")
		showReadyVMs(t, r, shown, all)
	}
	showReadyFindings(t, r, all)
	for _, left := range r.LeftOut {
		t.wrapped("  left out  ", 12, fmt.Sprintf("%s: %s", plain(left.VM), left.Why))
	}
}

// estimateFrom says in a word whether a time was learned; the whole is in JSON and
// in plan explain.
func estimateFrom(r plans.ReadyReport) string {
	if strings.HasPrefix(r.Basis, "learned") {
		return " (learned from past runs)"
	}
	return " (assumed: no past run)"
}

// readyFacts is a line about time, loss and the last drill.
func readyFacts(r plans.ReadyReport) string {
	var facts []string
	if r.Verdict != plans.ReadyYes { // of a plan that is ready it is why
		facts = append(facts, fmt.Sprintf("%d of %d VMs in time", r.InTime, r.Total))
	}
	if r.Estimate > 0 {
		facts = append(facts, "about "+span(r.Estimate.D().Round(time.Minute))+" to be up"+estimateFrom(r))
	}
	if i := worstRow(r); i >= 0 {
		fact := fmt.Sprintf("most would be lost of %s: %s", plain(r.VMs[i].Label), short(r.VMs[i].Behind.D()))
		if r.VMs[i].Target > 0 {
			fact += fmt.Sprintf(" (target %s)", targetWords(r.VMs[i]))
		}
		facts = append(facts, fact)
	}
	if vm, ok := r.OldestThird(); ok {
		facts = append(facts, fmt.Sprintf("oldest third copy %s old (%s)", short(vm.ExtendedBehind.D()), plain(vm.Label)))
	}
	switch d := r.Drill; {
	case d == nil:
		facts = append(facts, "no drill on record")
	case d.Passed:
		facts = append(facts, "last drill "+ago(r.At.Sub(d.Ended))+", passed")
	default:
		facts = append(facts, "last drill "+ago(r.At.Sub(d.Ended))+", NOT passed")
	}
	return strings.Join(facts, "; ") + "."
}

func ago(d time.Duration) string {
	switch days := int(d.Hours() / 24); days {
	case 0:
		return "today"
	case 1:
		return "1 day ago"
	default:
		return fmt.Sprintf("%d days ago", days)
	}
}

// worstRow is the VM of which most would be lost, -1 when none is seen.
func worstRow(r plans.ReadyReport) int {
	worst := -1
	for i, vm := range r.VMs {
		if vm.Behind >= 0 && (worst < 0 || vm.Behind > r.VMs[worst].Behind) {
			worst = i
		}
	}
	return worst
}

// readyRows are the lines worth showing: all of them, or those that are late or
// not well.
func readyRows(r plans.ReadyReport, all bool) []plans.ReadyVM {
	if all {
		return r.VMs
	}
	return slices.DeleteFunc(slices.Clone(r.VMs), func(vm plans.ReadyVM) bool {
		return vm.InTime && vm.Worse() == "Replicating" && vm.Health != "Critical"
	})
}

// mostRows bounds the table of a page that is read at a glance.
const mostRows = 20

func showReadyVMs(t terminal, r plans.ReadyReport, rows []plans.ReadyVM, all bool) {
	t.say("  %-16s %-17s %-14s %-9s %-7s %s", "VM", "STATE", "LAST GOOD COPY", "BEHIND", "TARGET", "BACKLOG")
	for i, vm := range rows {
		if i == mostRows && len(rows) > mostRows+2 && !all {
			t.say("  ... %d more like these  (lifeboat status --all)", len(rows)-i)
			break
		}
		late := ""
		if !vm.InTime {
			late = " !"
		}
		t.say("  %-16s %-17s %-14s %-9s %-7s %s", cut(plain(vm.Label), 16), cut(stateWords(vm.Worse()), 17), goodTime(vm, r.At), behindWords(vm), targetWords(vm)+late, backlogWords(vm))
	}
	if rest := len(r.VMs) - len(rows); rest > 0 {
		t.say("  ... %d more in time  (lifeboat status --all)", rest)
	}
}

// stateWords is a state of Hyper-V's as people say it.
func stateWords(state string) string {
	switch state {
	case "Suspended":
		return "paused"
	case "Error":
		return "in error"
	case "WaitingForStartResynchronize":
		return "needs a resync"
	case "InitialReplicationInProgress", "WaitingForInitialReplication", "ReadyForInitialReplication":
		return "no first copy yet"
	case "PreparedForFailover":
		return "prepared"
	case "FailedOverWaitingCompletion", "FailedOver":
		return "failed over"
	}
	return plain(strings.ToLower(state))
}

func goodTime(vm plans.ReadyVM, now time.Time) string {
	at := vm.LastGood.Local()
	switch {
	case vm.LastGood.IsZero():
		return "none"
	case at.Format(time.DateOnly) != now.Local().Format(time.DateOnly):
		return at.Format("01-02 15:04:05")
	}
	return at.Format(time.TimeOnly)
}

func behindWords(vm plans.ReadyVM) string {
	if vm.Behind < 0 {
		return "-"
	}
	return coarse(vm.Behind.D())
}

func targetWords(vm plans.ReadyVM) string {
	if vm.Target == 0 {
		return "-"
	}
	return coarse(vm.Target.D())
}

// coarse is an age in a narrow column.
func coarse(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d d", int(d.Hours()/24))
}

func backlogWords(vm plans.ReadyVM) string {
	if vm.Backlog < 0 {
		return "?"
	}
	return bytesWords(uint64(vm.Backlog))
}

// showReadyFindings prints what was found; notes of a plan that is ready are only
// counted, unless all is asked for.
func showReadyFindings(t terminal, r plans.ReadyReport, all bool) {
	notes := 0
	for _, g := range plans.GroupFindings(r.Findings, "") {
		if g.Severity == plans.Info && r.Verdict == plans.ReadyYes && !all {
			notes++
			continue
		}
		showFindingOfDay(t, g, rawError(r, g.Finding))
	}
	switch {
	case notes == 1:
		t.say("  1 note: --all shows it")
	case notes > 1:
		t.say("  %d notes: --all shows them", notes)
	}
}

// showFindingOfDay is a finding with what it means on the day, and what the
// machinery said, if that helps.
func showFindingOfDay(t terminal, g plans.FindingGroup, raw string) {
	mark := map[plans.Severity]string{plans.Blocker: "x", plans.Warning: "!", plans.Info: "-"}[g.Severity]
	t.say("")
	t.wrapped(fmt.Sprintf("  %s ", mark), 4, plain(g.Subject()+": "+g.Text))
	if g.Severity == plans.Info {
		return
	}
	t.wrapped("    On the day  ", 16, plain(g.Means))
	t.wrapped("    Do          ", 16, plain(g.Remedy))
	if raw != "" {
		t.wrapped("    Raw         ", 16, plain(raw))
	}
}

// rawError is what the machinery said of a host that does not answer.
func rawError(r plans.ReadyReport, f plans.Finding) string {
	if f.Code != "host-unreachable" {
		return ""
	}
	for _, h := range r.Hosts {
		if h.Name == f.Host {
			return h.Error
		}
	}
	return ""
}

// The exit codes that monitors of Nagios' kind understand.
const (
	nagiosOK       = 0
	nagiosWarning  = 1
	nagiosCritical = 2
	nagiosUnknown  = 3
)

// forMonitors turns an error into an answer that monitors read as unknown: its own
// code would be one of theirs.
func forMonitors(t terminal, c *cli.Context, err error) error {
	var f *failure
	if !c.Bool("nagios") || !errors.As(err, &f) || f.err == nil {
		return err
	}
	text, _, _ := strings.Cut(f.err.Error(), "\n")
	t.say("LIFEBOAT UNKNOWN - %s", plain(strings.ReplaceAll(text, "|", "/")))
	return quietly(nagiosUnknown)
}

// nagios prints one line and performance data, as the plugin guidelines have it:
// 'label'=value[unit];warn;crit.
//
// https://nagios-plugins.org/doc/guidelines.html
func nagios(t terminal, reports []plans.ReadyReport) error {
	code, words := nagiosOK, "OK"
	var lines, data []string
	for _, r := range reports {
		word := readyWords[r.Verdict] + " "
		if r.Plan == "" && r.Verdict == plans.ReadyYes {
			word = "" // well replicated, and yet nothing starts them
		}
		lines = append(lines, fmt.Sprintf("%s %s(%s)", r.Title(), word, r.Why))
		label := strings.NewReplacer("'", "", "=", "").Replace(r.Title())
		data = append(data, fmt.Sprintf("'%s in time'=%d;;;0;%d", label, r.InTime, r.Total))
		if i := worstRow(r); i >= 0 {
			limit := ""
			if at := r.VMs[i].Target; at > 0 {
				limit = fmt.Sprint(int(at.D().Seconds()))
			}
			data = append(data, fmt.Sprintf("'%s worst behind'=%ds;;%s;0", label, int(r.VMs[i].Behind.D().Seconds()), limit))
		}
		warns := len(plans.GroupFindings(r.Findings, plans.Warning)) > 0
		if code == nagiosOK && warns {
			code, words = nagiosWarning, "WARNING"
		}
	}
	switch plans.WorstReady(reports) {
	case plans.ReadyNo:
		code, words = nagiosCritical, "CRITICAL"
	case plans.ReadyUnknown:
		code, words = nagiosUnknown, "UNKNOWN"
	case plans.ReadyYes:
	}
	// A bar would begin the performance data.
	t.say("LIFEBOAT %s - %s | %s", words, plain(strings.ReplaceAll(strings.Join(lines, "; "), "|", "/")), strings.Join(data, " "))
	return quietly(code)
}
