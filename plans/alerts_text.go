package plans

import (
	"fmt"
	"strings"
	"time"
)

var alertHeads = map[AlertKind]string{
	AlertProblem: "", AlertMore: "AND MORE: ", AlertRepeat: "STILL: ", AlertWell: "", AlertNotice: "", AlertTest: "TEST: ",
}

// Subject is the message in one line.
func (m AlertMessage) Subject(p AlertPolicy) string {
	head, _, _ := strings.Cut(m.Title, "\n")
	text := "Lifeboat: " + alertHeads[m.Kind] + head
	if p.Simulated {
		text = "[simulated hosts] " + text
	}
	if m.Kind != AlertWell {
		if n := len(m.groups(true)); n > 0 {
			text += fmt.Sprintf(" (%s)", things(n))
		}
	}
	return clipWords(text, 180)
}

func clipWords(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "\u2026"
	}
	return text
}

// group are lines of one group that are told together.
type alertGroup struct {
	AlertLine
	more int
}

// groups are the lines that are still so, or those that are over.
func (m AlertMessage) groups(open bool) []alertGroup {
	var out []alertGroup
	at := map[string]int{}
	for _, l := range m.Lines {
		if l.Over.IsZero() != open {
			continue
		}
		i, there := at[l.Group]
		if !there || l.Group == "" {
			at[l.Group] = len(out)
			out = append(out, alertGroup{AlertLine: l})
			continue
		}
		g := &out[i]
		g.more++
		g.New = g.New || l.New
		if l.Since.Before(g.Since) {
			g.Since = l.Since
		}
	}
	return out
}

// ToldLine is a thing that is or was wrong, and the facts about it: a name and
// what it is.
type ToldLine struct {
	What  string
	Facts [][2]string
}

// Told are the things a message tells: what is wrong, then what is over. Now is
// when it is sent.
func (m AlertMessage) Told(p AlertPolicy, now time.Time) []ToldLine {
	var out []ToldLine
	when := func(at time.Time) string { return timeFor(at, now, p.Zone) }
	for _, g := range m.groups(true) {
		line := ToldLine{What: g.words(), Facts: [][2]string{{"Since", when(g.Since)}}}
		if g.Means != "" {
			line.Facts = append(line.Facts, [2]string{"On the day", g.Means})
		}
		if g.Do != "" {
			line.Facts = append(line.Facts, [2]string{"Do", g.Do})
		}
		out = append(out, line)
	}
	for _, g := range m.groups(false) {
		out = append(out, ToldLine{What: "over: " + g.words(), Facts: [][2]string{{"Was so", when(g.Since) + " to " + when(g.Over)}}})
	}
	return out
}

func (g alertGroup) words() string {
	what := g.What
	if g.New {
		what = "NEW: " + what
	}
	if g.more > 0 {
		what += fmt.Sprintf(" (and %d more like it)", g.more)
	}
	return what
}

// Text is the message for people: what, since when, what it means on the day,
// and the command.
func (m AlertMessage) Text(p AlertPolicy, now time.Time) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("%s%s", alertHeads[m.Kind], m.Title)
	if len(m.To) > 0 {
		say("For %s.", strings.Join(m.To, ", "))
	}
	for _, told := range m.Told(p, now) {
		say("\n- %s", told.What)
		for _, fact := range told.Facts {
			say("  %-11s %s", fact[0], fact[1])
		}
	}
	if m.Kind != AlertNotice && m.Kind != AlertTest {
		say("\nAll that is open: lifeboat alerts list")
	}
	if late := now.Sub(m.At); late >= time.Minute {
		say("Said %s, sent %s later: quiet hours, or a channel that did not answer.", timeFor(m.At, now, p.Zone), forPeople(late))
	}
	return b.String()
}
