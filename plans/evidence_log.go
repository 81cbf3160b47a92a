package plans

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// log is what happened, in order: acts from the journal, steps and answers from
// the run, what people were told, and what they wrote afterwards.
func (m *evidenceMaker) log() {
	who := "lifeboat, for " + cmp.Or(m.s.StartedBy, "nobody named")
	m.out.Log = append(m.out.Log, LogLine{At: m.s.Started, Kind: "run", Who: cmp.Or(m.s.StartedBy, ByLifeboat), What: strings.TrimSpace(startWords(m.s) + ". " + m.in.Reason)})
	if st := m.in.Statement; st != nil {
		m.out.Log = append(m.out.Log, LogLine{At: st.At, Kind: "answer", Who: st.By, What: fmt.Sprintf("stated that %s is dark: %s", m.s.From, st.Text)})
	}
	m.acts(who)
	for _, st := range m.s.StepList {
		outcome := string(st.Verdict)
		if st.Kind == "manual" {
			outcome = ManualWord(st.Verdict)
		}
		if !st.Started.IsZero() {
			m.out.Log = append(m.out.Log, LogLine{At: st.Started, Ended: st.Ended, Kind: "step", Who: cmp.Or(st.By, ByLifeboat), What: fmt.Sprintf("step %d, %s", st.Number, st.Name), Outcome: outcome})
		}
	}
	for _, a := range m.r.Answers {
		m.out.Log = append(m.out.Log, m.answer(a))
	}
	m.out.Log = append(m.out.Log, LogLine{At: m.s.Ended, Kind: "run", Who: ByLifeboat, What: "ended", Outcome: string(m.s.Verdict)})
	for i := range m.out.Log {
		m.out.Log[i].At = m.out.Log[i].At.UTC()
	}
	slices.SortStableFunc(m.out.Log, func(a, b LogLine) int { return a.At.Compare(b.At) })
}

func startWords(s RunStatus) string {
	return fmt.Sprintf("started the %s of %s from %s to %s", strings.ReplaceAll(string(s.Operation), "-", " "), s.Plan, s.From, s.To)
}

// acts joins each announced act with what became of it. The same verb again for
// the same copy is a retry.
func (m *evidenceMaker) acts(who string) {
	ended := map[uint64]RecordEntry{}
	for _, e := range m.rec.Entries {
		if e.Kind == "after" {
			ended[e.Of] = e
		}
	}
	times := map[string]int{}
	for _, e := range m.rec.Entries {
		line := LogLine{At: e.At, VM: e.Label, Host: e.Host, Entry: e.Seq}
		switch e.Kind {
		case "before":
			after := ended[e.Seq]
			line.Kind, line.Who, line.What, line.Ended = "act", who, actWords(e.Verb, e.Text), after.Ended
			line.Outcome = strings.TrimSpace(cmp.Or(after.Outcome, "its end is not in the journal") + " " + after.Text)
			key := e.VM + "\x00" + e.Host + "\x00" + string(e.Verb)
			if times[key]++; times[key] > 1 {
				line.Extra = fmt.Sprintf("again, the %s time", nth(times[key]))
			}
			m.count(e.VM, times[key] > 1)
		case "note":
			line.Kind, line.Who, line.What = "told", ByLifeboat, "told people: "+e.Text
		case "edit":
			if e.Edit == nil {
				continue
			}
			line.Kind, line.Who, line.What = "edit", e.Edit.By, "wrote "+e.Edit.Words()
		default:
			continue
		}
		m.out.Log = append(m.out.Log, line)
	}
}

func actWords(v Verb, why string) string {
	text := strings.ReplaceAll(string(v), "-", " ")
	if why != "" {
		text += ": " + why
	}
	return text
}

func nth(n int) string {
	switch n {
	case 2:
		return "2nd"
	case 3:
		return "3rd"
	}
	return fmt.Sprintf("%dth", n)
}

// count adds an act to its VM: of a large run the journal alone has them.
func (m *evidenceMaker) count(vm string, again bool) {
	for i := range m.out.VMs {
		if m.out.VMs[i].ID == vm {
			m.out.VMs[i].Acts++
			if again {
				m.out.VMs[i].Repeats++
			}
		}
	}
}

// answer is what a person said to the run. What no step of the plan asked for is
// a decision of the moment.
func (m *evidenceMaker) answer(a AnswerRecord) LogLine {
	line := LogLine{At: a.At, Kind: "answer", Who: a.Answer.By, What: string(a.Answer.Choice)}
	for _, vm := range m.s.VMs {
		if a.Answer.VM != "" && (a.Answer.VM == vm.ID || a.Answer.VM == vm.Label) {
			line.VM = vm.Label
		}
	}
	people := m.in.Drill.People()
	i := slices.IndexFunc(people, func(c Criterion) bool { return c.Step == a.Answer.Step })
	switch {
	case i >= 0:
		line.What += fmt.Sprintf(" %q", people[i].Text)
	case a.Answer.Step != 0:
		line.What += fmt.Sprintf(" step %d", a.Answer.Step)
	}
	if len(a.Answer.Stages) > 0 {
		line.What += " to " + strings.Join(a.Answer.Stages, ", ")
	}
	if a.Answer.Reason != "" {
		line.What += ": " + a.Answer.Reason
	}
	if a.Answer.Via != "" {
		line.Outcome = "through " + a.Answer.Via
	}
	if i < 0 && !asked(a.Answer.Choice) {
		line.Extra = "not in the plan"
	}
	return line
}

// asked is true for an answer that the plan, or a drill's end, asks for.
func asked(c Choice) bool { return c == ChoiceApprove || c == ChoiceDecline || c == ChoiceEnd }
