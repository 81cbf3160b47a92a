package main

import (
	"fmt"
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
	t.say("")
	for _, st := range s.StepList {
		t.say("  %2d/%d %-9s %s%s", st.Number, s.Steps, st.Verdict, plain(st.Name), stepNote(st))
	}
	if len(s.VMs) > 0 {
		t.say("")
		showVMs(t, s)
	}
	for _, left := range s.LeftOut {
		t.wrapped(fmt.Sprintf("  left out  %s: ", plain(left.VM)), 12, left.Why)
	}
	showFindings(t, s.Findings)
	showQuestions(t, s)
	t.say("")
	t.wrapped("Good copy  ", 11, s.GoodCopy)
	if s.WayBack != "" {
		t.wrapped("Way back   ", 11, s.WayBack)
	}
}

func headline(s plans.RunStatus) string {
	return fmt.Sprintf("%s  %s  %s -> %s  %s", strings.ToUpper(string(s.Verdict)), plain(s.Plan), s.From, s.To, operationWords(s.Operation))
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
		t.wrapped(fmt.Sprintf("  %-16s %-8s %-10s ", cut(plain(vm.Label), 16), vm.Verdict, vm.Phase), 38, plain(doing(s, vm)))
	}
}

func showFindings(t terminal, findings []plans.Finding) {
	for _, f := range findings {
		mark := map[plans.Severity]string{plans.Blocker: "x", plans.Warning: "!", plans.Info: "-"}[f.Severity]
		subject := strings.TrimSpace(f.VM + " " + f.Host)
		t.wrapped(fmt.Sprintf("  %s ", mark), 4, plain(subject)+": "+strings.TrimPrefix(f.Text, subject+": "))
		if f.Means != "" && f.Severity != plans.Info {
			t.wrapped("    Means ", 10, f.Means)
		}
		if f.Remedy != "" && f.Severity != plans.Info {
			t.wrapped("    Do    ", 10, f.Remedy)
		}
	}
}

// showQuestions prints what people must answer, with the command that answers.
func showQuestions(t terminal, s plans.RunStatus) {
	for _, q := range s.Waiting {
		t.say("")
		who := "YOU"
		if q.Owner != "" {
			who = strings.ToUpper(q.Owner)
		}
		if q.VM != "" {
			who = "HELD " + plain(q.VM)
		}
		t.say("  %s  since %s", who, q.Since.Local().Format(clock))
		t.wrapped("    ", 4, q.Text)
		if q.SafeToWait != "" {
			t.wrapped("    ", 4, q.SafeToWait)
		}
		t.say("    Answer  %s", answerCommands(s.Plan, q))
	}
}

func answerCommands(plan string, q plans.Question) string {
	words := make([]string, len(q.Choices))
	for i, c := range q.Choices {
		words[i] = string(c)
	}
	target := fmt.Sprintf("--step %d", q.Step)
	if q.VM != "" {
		target = "--vm " + shellWord(q.VM)
	}
	return fmt.Sprintf("lifeboat run %s %s %s", strings.Join(words, "|"), plan, target)
}

// shellWord quotes a name so that it can be pasted into a shell.
func shellWord(s string) string {
	for _, r := range s {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", r) {
			return "'" + strings.ReplaceAll(plain(s), "'", `'\''`) + "'"
		}
	}
	return s
}

// span writes a duration as people say it: 42 s, 3 min 5 s, 1 h 12 min.
func span(d time.Duration) string {
	d = d.Round(time.Second)
	h, m, sec := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", sec)
	case h > 0 && m > 0:
		return fmt.Sprintf("%d h %d min", h, m)
	case h > 0:
		return fmt.Sprintf("%d h", h)
	case sec > 0:
		return fmt.Sprintf("%d min %d s", m, sec)
	}
	return fmt.Sprintf("%d min", m)
}

func cut(s string, max int) string {
	r := []rune(s)
	if len(r) <= max {
		return s
	}
	return string(r[:max-1]) + "\u2026"
}
