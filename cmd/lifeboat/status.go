package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

const clock = "15:04:05"

// showStatus prints a run as it stands.
func showStatus(t terminal, s plans.RunStatus, now time.Time) {
	t.say("%s", headline(s))
	t.wrapped("  ", 2, s.Summary)
	if line := progressLine(s, now); line != "" {
		t.say("  %s", line)
	}
	for _, slow := range s.Slow {
		t.wrapped("  SLOW  ", 8, plain(slow.Words()))
	}
	t.say("")
	for _, st := range s.StepList {
		t.say("  %2d/%d %-9s %s%s", st.Number, s.Steps, st.Verdict, plain(st.Name), stepNote(st))
	}
	if len(s.VMs) > 0 {
		t.say("")
		showVMs(t, s)
	}
	showLeftOut(t, "  left out  ", 12, s.LeftOut)
	if s.Ended.IsZero() {
		showFindings(t, s.Findings)
	} else {
		showFindings(t, reportFindings(s))
	}
	showQuestions(t, s)
	t.say("")
	t.wrapped("Good copy  ", 11, s.GoodCopy)
	if s.WayBack != "" {
		t.wrapped("Way back   ", 11, s.WayBack)
	}
}

func headline(s plans.RunStatus) string {
	way := s.From + " -> " + s.To
	if s.From == "" { // a drill that was not found has no sites
		way = "nowhere"
	}
	return fmt.Sprintf("%s  %s  %s  %s", strings.ToUpper(string(s.Verdict)), plain(s.Plan), way, operationWords(s.Operation))
}

func operationWords(o plans.Operation) string { return strings.ReplaceAll(string(o), "-", " ") }

// progressLine is the footer an admin looks at: step n of m, VMs up, time
// gone, time left.
func progressLine(s plans.RunStatus, now time.Time) string {
	up := 0
	for _, vm := range s.VMs {
		if vm.Verdict == plans.VerdictDone {
			up++
		}
	}
	end := now
	if !s.Ended.IsZero() {
		end = s.Ended
	}
	line := fmt.Sprintf("step %d of %d  %d of %d VMs done  %s since start", s.Step, s.Steps, up, len(s.VMs), span(end.Sub(s.Started)))
	if s.Ended.IsZero() && s.ETA.After(now) {
		line += fmt.Sprintf("  about %s left", span(s.ETA.Sub(now)))
	}
	return line
}

func stepNote(st plans.StepStatus) string {
	switch {
	case st.By != "" && st.Note != "":
		return fmt.Sprintf("  (%s: %s)", plain(st.By), plain(st.Note))
	case st.By != "":
		return fmt.Sprintf("  (%s)", plain(st.By))
	}
	return ""
}

func showVMs(t terminal, s plans.RunStatus) {
	t.say("  %-16s %-8s %-10s %s", "VM", "STATE", "PHASE", "NOW")
	for _, vm := range s.VMs {
		words, _ := withoutCode(doing(s, vm))
		t.wrapped(fmt.Sprintf("  %-16s %-8s %-10s ", cut(plain(vm.Label), 16), vm.Verdict, vm.Phase), 39, plain(words))
	}
}

// showQuestions prints what people must answer, with the command that answers.
func showQuestions(t terminal, s plans.RunStatus) {
	for _, group := range together(s.Waiting) {
		showQuestion(t, s, group)
	}
}

// showQuestion prints one question, or the same one about several VMs.
func showQuestion(t terminal, s plans.RunStatus, group []plans.Question) {
	q := group[0]
	t.say("")
	who := "YOU"
	if q.Owner != "" {
		who = strings.ToUpper(plain(q.Owner))
	}
	if q.VM != "" {
		who = heldWords(group)
	}
	t.wrapped("  ", 2, fmt.Sprintf("%s  since %s%s", who, q.Since.Local().Format(clock), lateWords(q)))
	raw := showAsked(t, q)
	if q.Quorum > 1 {
		t.wrapped("    ", 4, quorumWords(q))
	}
	for _, line := range answerCommands(shellWord(runName(s.Plan, s.Operation)), group) {
		t.say("    %s", line)
	}
	showRaw(t, raw)
}

// showAsked prints what a question says, each thing on its own line: what happened,
// what to do, whether it is safe to wait. It gives back the host's own code, which
// stands below the plain words.
func showAsked(t terminal, q plans.Question) (raw string) {
	what, do, _ := strings.Cut(q.Text, ". Do: ")
	what, raw = withoutCode(what)
	t.wrapped("    ", 4, what)
	if do != "" {
		t.wrapped("    Do      ", 12, do)
	}
	if q.SafeToWait != "" {
		t.wrapped("    ", 4, q.SafeToWait)
	}
	return raw
}

func showRaw(t terminal, raw string) {
	if raw != "" {
		t.say("    Raw     %s", raw)
	}
}

// errorCode is PowerShell's id of an error, as hosts put it behind their words.
var errorCode = regexp.MustCompile(`\s*\(([A-Za-z]+,[A-Za-z]+(\.[A-Za-z]+)+)\)`)

// withoutCode takes the code out of a host's words.
func withoutCode(text string) (words, code string) {
	if m := errorCode.FindStringSubmatch(text); m != nil {
		code = m[1]
	}
	return errorCode.ReplaceAllString(text, ""), code
}

// quorumWords says who has agreed and how many more it takes.
func quorumWords(q plans.Question) string {
	text := fmt.Sprintf("It takes %d different people (--by NAME); ", q.Quorum)
	if len(q.Approved) == 0 {
		return text + "nobody has approved yet."
	}
	return text + fmt.Sprintf("%s approved, %d more to go.", plain(strings.Join(q.Approved, ", ")), q.Quorum-len(q.Approved))
}

// lateWords says until when an answer is wanted, and who knows that it is late.
func lateWords(q plans.Question) string {
	switch {
	case len(q.Escalated) > 0:
		return fmt.Sprintf("  LATE, was due %s, told: %s", q.Due.Local().Format(clock), plain(strings.Join(q.Escalated, ", ")))
	case !q.Due.IsZero():
		return "  until " + q.Due.Local().Format(clock)
	}
	return ""
}

// answerCommands is what to type, on one line where it fits; of several VMs each
// may be answered for alone too.
func answerCommands(plan string, group []plans.Question) []string {
	q := group[0]
	words := make([]string, len(q.Choices))
	for i, c := range q.Choices {
		words[i] = string(c)
	}
	target := ""
	switch {
	case len(group) > 1:
		target = " --held"
	case q.VM != "":
		target = " --vm " + shellWord(q.VM)
	case q.Step != 0:
		target = fmt.Sprintf(" --step %d", q.Step)
	}
	lines := []string{fmt.Sprintf("Answer  lifeboat run %s %s%s", strings.Join(words, "|"), plan, target)}
	if len([]rune(lines[0])) > width-4 {
		lines = []string{fmt.Sprintf("Answer  lifeboat run WORD %s%s", plan, target), "WORD    " + strings.Join(words, " | ")}
	}
	if len(group) > 1 {
		lines = append(lines, "For one of them: --vm NAME in place of --held")
	}
	return lines
}

// shellWord quotes a name so that it can be pasted into a shell.
func shellWord(s string) string { return plans.ShellWord(plain(s)) }

// span writes a duration as people say it: 42 s, 3 min 5 s, 1 h 12 min.
func span(d time.Duration) string { return plans.Duration(d).Words() }

func cut(s string, max int) string {
	r := []rune(s)
	if len(r) <= max {
		return s
	}
	return string(r[:max-1]) + "\u2026"
}
