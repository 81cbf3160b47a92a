package panel

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// The views are a run in the words and numbers of the page.
type (
	runView struct {
		Verdict, State, Means   string
		Plan, What, Summary     string
		Step, Span, Left, Chain string
		Name                    string
		Done                    string
		Good, Back              string
		Asks                    []askView
		Next                    string
		Start, End              string
		VMs                     []vmView
		Notes                   []noteView
		MoreAsks, MoreVMs       int
	}
	noteView struct{ Word, About, Text string }
	askView  struct {
		Who, Since, About, Text, Safe, Late, Agreed string
		Commands                                    []string
	}
	vmView struct {
		Verdict, Label, Phase, Good, Doing, Remedy string
		// Facts are what is known of the data: how much is sent, which recovery
		// point it is, the test copy.
		Facts   []string
		Bar     []segment
		Phases  string
		BarText string
	}
	// segment is a phase in the bar of a VM, in percent of the run's length.
	segment struct {
		X, Width string
		// Name is left out where it has no room; the line below has it.
		Name string
		Open bool
		wide float64
	}
)

// meanings say what a state word means; a word unknown here stands alone.
var meanings = map[plans.Verdict]string{
	plans.VerdictRunning: "it goes on by itself",
	plans.VerdictWaiting: "it waits for a person",
	plans.VerdictHeld:    "a person must decide",
	plans.VerdictPaused:  "a person said hold",
	plans.VerdictDone:    "finished",
	plans.VerdictRefused: "nothing was changed",
	plans.VerdictStopped: "changed, and safe",
	plans.VerdictStuck:   "changed, and it needs you",
	plans.VerdictUnknown: "it cannot be seen: look at the hosts",
}

func viewRun(s plans.RunStatus, now time.Time) runView {
	v := runView{
		Verdict: string(s.Verdict), State: strings.ToUpper(string(s.Verdict)), Means: meanings[s.Verdict],
		Plan: s.Plan, What: whatText(s), Summary: s.Summary, Step: stepText(s, s.Step), Done: doneText(s), Chain: strings.Join(s.Critical, " then "),
		Good: s.GoodCopy, Back: s.WayBack, Next: nextCommand(s), Name: runName(s),
	}
	end := now
	if !s.Ended.IsZero() {
		end = s.Ended
	}
	v.Span = span(end.Sub(s.Started))
	v.Start, v.End = "start "+clock(s.Started, now), "now "+clock(now, now)
	switch {
	case !s.Ended.IsZero():
		v.End = "ended " + clock(s.Ended, now)
	case s.ETA.After(now):
		end = s.ETA
		v.Left = fmt.Sprintf("about %s, to %s, if people answer at once", span(s.ETA.Sub(now)), clock(s.ETA, now))
		v.End = "expected end " + clock(s.ETA, now)
	}
	for _, q := range s.Waiting[:min(mostAsks, len(s.Waiting))] {
		v.Asks = append(v.Asks, viewAsk(s, q, now))
	}
	v.MoreAsks = max(0, len(s.Waiting)-mostAsks)
	for _, slow := range s.Slow[:min(mostAsks, len(s.Slow))] {
		v.Notes = append(v.Notes, noteView{"slow", slow.VM, strings.TrimPrefix(slow.Words(), slow.VM+", ")})
	}
	for _, f := range s.Findings {
		if f.Severity != plans.Info {
			v.Notes = append(v.Notes, noteView{string(f.Severity), strings.TrimSpace(f.VM + " " + f.Host), noteText(f)})
		}
	}
	for _, l := range s.LeftOut {
		v.Notes = append(v.Notes, noteView{"left out", l.VM, l.Why})
	}
	for _, vm := range urgentFirst(s.VMs)[:min(mostVMs, len(s.VMs))] {
		v.VMs = append(v.VMs, viewVM(s, vm, end, now))
	}
	v.MoreVMs = max(0, len(s.VMs)-mostVMs)
	return v
}

// noteText is a finding in one line.
func noteText(f plans.Finding) string {
	text := f.Text
	if f.Remedy != "" {
		text += ". Do: " + f.Remedy
	}
	return text
}

// A page that is read again every two seconds must stay small: after a mishap
// on a host hundreds of VMs may be held.
const (
	mostAsks = 20
	mostVMs  = 200
)

// whatText is empty for a run that could not be asked.
func whatText(s plans.RunStatus) string {
	if s.Operation == "" {
		return ""
	}
	return fmt.Sprintf("%s, %s to %s", strings.ReplaceAll(string(s.Operation), "-", " "), s.From, s.To)
}

func stepText(s plans.RunStatus, number int) string {
	if s.Steps == 0 {
		return ""
	}
	text := fmt.Sprintf("%d of %d", number, s.Steps)
	for _, st := range s.StepList {
		if st.Number == number && st.Name != "" {
			return text + ", " + st.Name
		}
	}
	return text
}

func doneText(s plans.RunStatus) string {
	if len(s.VMs) == 0 {
		return ""
	}
	n := 0
	for _, vm := range s.VMs {
		if vm.Verdict == plans.VerdictDone {
			n++
		}
	}
	return fmt.Sprintf("%d of %d", n, len(s.VMs))
}

// urgentFirst puts what needs a person at the top and what is done at the end,
// so that a long list reads from its top.
func urgentFirst(vms []plans.VMStatus) []plans.VMStatus {
	rank := func(v plans.Verdict) int {
		switch v {
		case plans.VerdictHeld, plans.VerdictStuck, plans.VerdictUnknown:
			return 0
		case plans.VerdictDone, plans.VerdictSkipped:
			return 2
		default:
			return 1
		}
	}
	vms = slices.Clone(vms)
	slices.SortStableFunc(vms, func(a, b plans.VMStatus) int { return cmp.Compare(rank(a.Verdict), rank(b.Verdict)) })
	return vms
}

func viewVM(s plans.RunStatus, vm plans.VMStatus, end, now time.Time) vmView {
	v := vmView{
		Verdict: string(vm.Verdict), Label: vm.Label, Phase: string(vm.Phase), Good: goodText(s, vm.Good),
		Doing: vm.Doing, Remedy: vm.Remedy,
	}
	if vm.GateText != "" {
		v.Doing = vm.GateText
	}
	if vm.Asking != nil {
		v.Doing = vm.Asking.Words()
	}
	v.Facts = vmFacts(vm)
	var words []string
	for _, t := range vm.Times {
		until, open := t.Ended, t.Ended.IsZero()
		if open {
			until = now
			if !s.Ended.IsZero() {
				until = s.Ended
			}
		}
		took := fmt.Sprintf("%s %s", t.Phase, span(until.Sub(t.Started)))
		if open {
			took += " so far"
		}
		words = append(words, took)
		if seg, ok := part(t.Started.Sub(s.Started), until.Sub(t.Started), end.Sub(s.Started)); ok {
			seg.Open = open
			if !open && seg.wide >= letter*float64(len(t.Phase)) {
				seg.Name = string(t.Phase)
			}
			v.Bar = append(v.Bar, seg)
		}
	}
	v.Phases = strings.Join(words, ", ")
	v.BarText = fmt.Sprintf("%s: %s", v.Label, v.Phases)
	return v
}

func vmFacts(vm plans.VMStatus) []string {
	var facts []string
	if p := vm.Progress; p != nil && p.Percent >= 0 {
		text := fmt.Sprintf("%d %% sent", p.Percent)
		if p.Total > 0 {
			text += fmt.Sprintf(", %s of %s", sized(p.Done), sized(p.Total))
		}
		facts = append(facts, text)
	}
	if at := vm.Point.Time; !at.IsZero() {
		facts = append(facts, "data of "+at.UTC().Format("2 Jan 15:04:05")+" UTC")
	}
	if vm.TestVM != "" {
		facts = append(facts, "test copy "+vm.TestVM)
	}
	return facts
}

// In percent of the bar: the least width that is still seen, and the room that
// a letter takes on a desk's screen.
const (
	thin   = 0.6
	letter = 1.2
)

// part is a piece of the run's length; a clock that went back gives none.
func part(from, length, whole time.Duration) (segment, bool) {
	if whole <= 0 || length < 0 || from < 0 {
		return segment{}, false
	}
	percent := func(d time.Duration) float64 { return min(100, 100*d.Seconds()/whole.Seconds()) }
	width := max(thin, percent(length))
	x := min(percent(from), 100-width)
	return segment{X: fmt.Sprintf("%.2f%%", x), Width: fmt.Sprintf("%.2f%%", width), wide: width}, true
}

func goodText(s plans.RunStatus, good plans.Side) string {
	if s.Operation == plans.TestFailover {
		return "" // a drill touches no good copy
	}
	switch good {
	case plans.Source:
		return "good copy at " + s.From
	case plans.Target:
		return "good copy at " + s.To
	}
	return "good copy NOT KNOWN"
}

func viewAsk(s plans.RunStatus, q plans.Question, now time.Time) askView {
	v := askView{
		Who: "YOU", About: "the run", Text: q.Text, Safe: q.SafeToWait, Late: lateText(q, now), Agreed: agreedText(q),
		Since: fmt.Sprintf("since %s (%s)", clock(q.Since, now), span(now.Sub(q.Since))),
	}
	if q.Owner != "" {
		v.Who = q.Owner
	}
	about := ""
	switch {
	case q.VM != "":
		v.About, about = q.VM, " --vm "+typed(q.VM, q.VMID)
	case q.Step != 0:
		v.About, about = "step "+stepText(s, q.Step), fmt.Sprintf(" --step %d", q.Step)
	}
	for _, c := range q.Choices {
		command := fmt.Sprintf("lifeboat run %s %s%s --by NAME", c, runName(s), about)
		if c == plans.ChoiceSkip || c == plans.ChoiceWaive {
			command += " --reason WHY"
		}
		v.Commands = append(v.Commands, command)
	}
	return v
}

// lateText says until when an answer is wanted, and who knows that it is late.
func lateText(q plans.Question, now time.Time) string {
	switch {
	case len(q.Escalated) > 0:
		return fmt.Sprintf("LATE: it was due %s. Told: %s.", clock(q.Due, now), strings.Join(q.Escalated, ", "))
	case q.Due.IsZero():
		return ""
	case q.Due.Before(now):
		return fmt.Sprintf("LATE: it was due %s.", clock(q.Due, now))
	}
	return fmt.Sprintf("Until %s (%s left).", clock(q.Due, now), span(q.Due.Sub(now)))
}

// agreedText says who has approved what takes several people.
func agreedText(q plans.Question) string {
	switch {
	case q.Quorum < 2:
		return ""
	case len(q.Approved) == 0:
		return fmt.Sprintf("It takes %d different people; nobody has approved yet.", q.Quorum)
	}
	return fmt.Sprintf("It takes %d different people; approved by %s, %d more to go.", q.Quorum, strings.Join(q.Approved, ", "), q.Quorum-len(q.Approved))
}

// runName is how the run is named to the commands: a drill as drill/PLAN.
func runName(s plans.RunStatus) string {
	if s.Operation == plans.TestFailover {
		return plans.ShellWord("drill/" + s.Plan)
	}
	return plans.ShellWord(s.Plan)
}

// nextCommand is what to type when no question waits.
func nextCommand(s plans.RunStatus) string {
	switch {
	case len(s.Waiting) > 0:
		return ""
	case !s.Ended.IsZero() && s.RunID != "":
		return "lifeboat journal report " + plans.ShellWord(s.RunID)
	case s.Verdict == plans.VerdictPaused:
		return fmt.Sprintf("lifeboat run resume %s --by NAME", runName(s))
	}
	return "lifeboat run watch " + runName(s)
}

// typed is a VM as it can be typed into any shell: its label, or its ID when
// the label holds what a shell would read.
func typed(label, id string) string {
	for _, r := range label {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", r) {
			return id
		}
	}
	if strings.HasPrefix(label, "-") {
		return id
	}
	return label
}

// clock is a time of day in now's zone, with the date on another day.
func clock(t, now time.Time) string {
	t = t.In(now.Location())
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

func span(d time.Duration) string {
	return plans.Duration(max(0, d.Round(time.Second))).String()
}
