package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
)

func rpoCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "rpo", Usage: "how old a VM's copies are and were", ArgsUsage: "VM",
		Flags: []cli.Flag{configFlag, dataFlag, outputFlag,
			&cli.StringFlag{Name: "since", Value: "24h", Usage: "how far back: 90m, 24h, 7d"},
		},
		Action: func(c *cli.Context) error { return showRPO(t, c, time.Now()) },
	}
}

// rpoAnswer is what rpo says in JSON.
type rpoAnswer struct {
	VM    string             `json:"vm"`
	Since time.Time          `json:"since"`
	Until time.Time          `json:"until"`
	Legs  []plans.LegHistory `json:"legs"`
}

func showRPO(t terminal, c *cli.Context, now time.Time) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	name, err := one(c, "the name or the GUID of a VM")
	if err != nil {
		return err
	}
	back, err := parseSince(c.String("since"))
	if err != nil {
		return usage("--since: %v", err)
	}
	data := c.String("data")
	records, err := worker.ReadTicks(c.Context, data)
	if err != nil {
		return fail(exitNoAccess, "%v", err)
	}
	vm, err := findVM(records, name)
	if err != nil {
		return err
	}
	legs, err := worker.ReadHistory(c.Context, data, vm, now.Add(-back), plans.StepFor(back))
	if errors.Is(err, worker.ErrNoHistory) {
		return fail(exitUnknown, "no replication schedule has measured %s yet: lifeboat schedule list", name)
	}
	if err != nil {
		return fail(exitNoAccess, "%v", err)
	}
	code := exitOfLegs(legs, records, now)
	if asJSON {
		return errors.Join(t.json(rpoAnswer{VM: vm, Since: now.Add(-back).UTC(), Until: now.UTC(), Legs: legs}), quietly(code))
	}
	cfg, _ := worker.LoadConfiguration(c.String("config"))
	for i, l := range legs {
		if i > 0 {
			t.say("")
		}
		showLegNow(t, l, records, now)
		showGraph(t, l, now.Add(-back), now)
	}
	if cfg != nil && cfg.Speed() != 1 {
		t.wrapped("", 0, fmt.Sprintf("A lab at %gx: ages are simulated time, the axis is real time.", cfg.Speed()))
	}
	return quietly(code)
}

// parseSince reads a span, days too.
func parseSince(text string) (time.Duration, error) {
	var d time.Duration
	var err error
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(n) * 24 * time.Hour
	} else {
		d, err = time.ParseDuration(text)
	}
	if err != nil || d < time.Minute || d > plans.KeepDays {
		return 0, fmt.Errorf("%q is no span from 1m to ten years: write it like 90m, 24h or 7d", text)
	}
	return d, nil
}

// findVM finds a VM among those that schedules have seen. A GUID may be one that
// the configuration does not have any more.
func findVM(records []plans.TickRecord, name string) (string, error) {
	found := map[string]string{}
	for _, r := range records {
		for _, l := range r.Legs {
			label, _, _ := strings.Cut(l.Label, " (")
			if strings.EqualFold(l.VM, name) || strings.EqualFold(l.Label, name) || strings.EqualFold(label, name) {
				found[l.VM] = l.Label
			}
		}
	}
	var ids []string
	for id := range found {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	switch {
	case len(ids) == 1:
		return ids[0], nil
	case len(ids) > 1:
		return "", usage("%d VMs are called %q: name one by its GUID: %s", len(ids), name, strings.Join(ids, ", "))
	case strings.Count(name, "-") == 4 && len(name) == 36:
		return strings.ToLower(name), nil
	}
	return "", usage("no VM %q: the replication schedules have seen none of that name", name)
}

// exitOfLegs: late is a finding; unknown or old is not seen.
func exitOfLegs(legs []plans.LegHistory, records []plans.TickRecord, now time.Time) int {
	code := exitOK
	for _, l := range legs {
		switch {
		case l.Now != nil && l.Now.Late() && !isOld(*l.Now, records, now):
			return exitFinding
		case l.Now == nil || !l.Now.Known || isOld(*l.Now, records, now):
			code = exitUnknown
		}
	}
	return code
}

// isOld is true when no schedule has looked at a leg for three of its ticks.
func isOld(l plans.LegStatus, records []plans.TickRecord, now time.Time) bool {
	for _, r := range records {
		if r.Tick.At.Equal(l.At) && slices.ContainsFunc(r.Legs, func(o plans.LegStatus) bool { return o.VM == l.VM && o.Leg == l.Leg }) {
			return now.Sub(l.At) > 3*r.Schedule.Frequency.D()+10*time.Second
		}
	}
	return true
}

func showLegNow(t terminal, l plans.LegHistory, records []plans.TickRecord, now time.Time) {
	if l.Now == nil {
		t.say("UNKNOWN  %s, %s leg: no schedule looks at it any more", l.VM, l.Leg)
		return
	}
	n := *l.Now
	head, ages := "IN TIME", fmt.Sprintf("RPO %s, target %s", age(n.RPO.D()), age(n.Target.D()))
	switch {
	case !n.Known:
		head, ages = "UNKNOWN", fmt.Sprintf("RPO not known (%s), target %s", n.Why, age(n.Target.D()))
	case n.Late():
		head = "LATE"
	}
	if isOld(n, records, now) {
		head = "OLD"
	}
	t.say("%s  %s, %s leg, %s -> %s", head, plain(n.Label), n.Leg, orDash(plain(n.Sender)), orDash(plain(n.Receiver)))
	t.wrapped("  ", 2, fmt.Sprintf("%s, seen %s (%s ago)", ages, n.At.Local().Format(day), age(now.Sub(n.At))))
	if head == "OLD" {
		t.wrapped("  ", 2, "Nobody has looked since: what stands here is old. See: lifeboat schedule list")
	}
	line := fmt.Sprintf("sender %s, health %s; receiver %s, health %s", orDash(n.State), orDash(n.Health), orDash(n.ReplicaState), orDash(n.ReplicaHealth))
	if n.Backlog != nil {
		line += "; backlog " + bytesWord(*n.Backlog)
	}
	t.wrapped("  ", 2, line)
}

// rowSteps are what a row of the graph may stand for; maxRows is a screen.
var rowSteps = []time.Duration{
	time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour, 120 * 24 * time.Hour,
}

const (
	maxRows  = 31
	barWidth = 36
)

// graph is a leg's history as rows, the worst of each: '#' up to the target, '!'
// beyond it, '|' where it lies.
func graph(l plans.LegHistory, since, until time.Time) (step time.Duration, mark time.Duration, rows []string) {
	step = rowSteps[len(rowSteps)-1]
	for _, s := range slices.Backward(rowSteps) {
		if s >= l.Step.D() && until.Sub(since) <= maxRows*s {
			step = s
		}
	}
	points := plans.RollUp(l.Points, step)
	if len(points) == 0 {
		return step, 0, nil
	}
	var target, worst plans.Duration
	if l.Now != nil {
		target = l.Now.Target
	}
	for _, p := range points {
		worst = max(worst, p.Max)
	}
	mark = max(time.Second, ceil(max(worst, target).D(), barWidth))
	next := 0
	for at := points[0].From; at.Before(until); at = at.Add(step) {
		p := plans.RPOPoint{From: at}
		if next < len(points) && points[next].From.Equal(at) {
			p = points[next]
			next++
		}
		rows = append(rows, strings.TrimRight(fmt.Sprintf("%s  %s", rowTime(at, step), bar(p, target.D(), mark)), " "))
	}
	return step, mark, rows
}

// ceil is the smallest span of whole seconds of which n hold d.
func ceil(d time.Duration, n int) time.Duration {
	seconds := int((d + time.Second - 1) / time.Second)
	return time.Duration((seconds+n-1)/n) * time.Second
}

func rowTime(at time.Time, step time.Duration) string {
	if step >= 24*time.Hour {
		return at.UTC().Format("2006-01-02")
	}
	return at.Local().Format("02. 15:04 ")
}

func bar(p plans.RPOPoint, target, mark time.Duration) string {
	switch {
	case p.Known == 0 && p.Unknown == 0:
		return "-  nobody looked"
	case p.Known == 0:
		return "?  not known"
	}
	length, limit := int((p.Max.D()+mark-1)/mark), int(target/mark)
	line := []rune(strings.Repeat("#", length) + strings.Repeat(" ", max(0, barWidth+1-length)))
	for i := limit; p.Max.D() > target && i < length; i++ {
		line[i] = '!'
	}
	if target > 0 && limit < len(line) && (p.Max.D() <= target || limit >= length) {
		line[limit] = '|'
	}
	text := fmt.Sprintf("%s %s", string(line), age(p.Max.D()))
	if p.Missed > 0 {
		text += fmt.Sprintf(" (%d missed)", p.Missed)
	}
	return text
}

func showGraph(t terminal, l plans.LegHistory, since, until time.Time) {
	step, mark, rows := graph(l, since, until)
	if len(rows) == 0 {
		t.say("  nothing was measured since %s", since.Local().Format(day))
		return
	}
	t.say("")
	t.say("  worst of each %s; a mark is %s, | the target, ! beyond it", stepWord(step), span(mark))
	for _, row := range rows {
		t.say("  %s", row)
	}
}

func stepWord(step time.Duration) string {
	if step >= 24*time.Hour {
		return fmt.Sprintf("%d d", step/(24*time.Hour))
	}
	return span(step)
}
