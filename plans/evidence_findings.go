package plans

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// findings are proposed from what was measured, then added to by people.
func (m *evidenceMaker) findings() {
	m.out.Findings = []EvidenceFinding{}
	m.proposeVMs()
	m.proposeTargets()
	for _, j := range m.out.Criteria {
		key := "criterion:" + j.Criterion.Text
		if j.Criterion.Who != "" { // several may be asked the same
			key += ":" + j.Criterion.Who
		}
		switch j.Result {
		case CriterionNotMet:
			m.propose(key, SeverityMajor, "", "success criterion not met: "+j.Criterion.Text+" ("+j.Why+")", "")
		case CriterionNotJudged:
			m.propose(key, SeverityMinor, "", "success criterion not judged: "+j.Criterion.Text+" ("+j.Why+")", "")
		case CriterionMet:
		}
	}
	for _, st := range m.out.Stages {
		if st.Deviation != "" {
			m.propose(fmt.Sprintf("order:%d", st.Step), SeverityMinor, "", fmt.Sprintf("stage %s not in the planned order: %s", st.Name, st.Deviation), "")
		}
	}
	for _, step := range m.out.Manual {
		text := fmt.Sprintf("step %d, %s: %s", step.Step, step.Name, ManualWord(step.Verdict))
		switch step.Verdict {
		case VerdictSkipped, VerdictStopped:
			m.propose(fmt.Sprintf("step:%d", step.Step), SeverityMinor, "", fmt.Sprintf("%s by %s: %s", text, strings.Join(step.By, ", "), step.Note), "")
		case VerdictWaiting, VerdictRunning:
			m.propose(fmt.Sprintf("step:%d", step.Step), SeverityMinor, "", text, "")
		default:
		}
	}
	for _, f := range m.s.Findings {
		m.proposeFound(f)
	}
	m.improvised()
	m.edits(func(e RecordEntry, edit ReportEdit) {
		if edit.Field == EditFinding {
			m.amend(e, edit)
		}
	})
	for i := range m.out.Findings {
		m.out.Findings[i].ID = fmt.Sprintf("F%d", i+1)
	}
}

// ManualWord is what became of a step for people, in a run that has ended.
func ManualWord(v Verdict) string {
	switch v {
	case VerdictStopped:
		return "declined"
	case VerdictRefused, "":
		return "not reached"
	case VerdictWaiting, VerdictRunning:
		return "not answered"
	default:
	}
	return string(v)
}

func (m *evidenceMaker) propose(key, severity, vm, text, remedy string) {
	m.add(EvidenceFinding{Key: key, Severity: severity, VM: vm, Text: text, Remedy: remedy, By: ByLifeboat, State: "open"})
}

// add keeps one finding of a key.
func (m *evidenceMaker) add(f EvidenceFinding) {
	if !slices.ContainsFunc(m.out.Findings, func(have EvidenceFinding) bool { return have.Key == f.Key }) {
		m.out.Findings = append(m.out.Findings, f)
	}
}

func (m *evidenceMaker) proposeVMs() {
	for _, vm := range m.s.VMs {
		switch vm.Verdict {
		case VerdictDone, VerdictSkipped:
		case VerdictStuck:
			m.propose("vm:"+vm.ID, SeverityMajor, vm.Label, vm.Label+" needs somebody: "+vm.Doing, vm.Remedy)
		default:
			if m.s.Verdict != VerdictRefused {
				m.propose("vm:"+vm.ID, SeverityMajor, vm.Label, fmt.Sprintf("%s was not done (%s): %s", vm.Label, cmp.Or(vm.Verdict, VerdictUnknown), vm.Doing), vm.Remedy)
			}
		}
	}
}

func (m *evidenceMaker) proposeTargets() {
	late := func(what string, t Measure) string {
		return fmt.Sprintf("%s target missed: %s, target %s", what, t.Measured.Words(), t.Target.Words())
	}
	if t := m.out.Measured.RTO; t.Missed() {
		m.propose("rto", SeverityMajor, "", late("RTO", t), "")
	}
	if t := m.out.Measured.RPO; t.Missed() {
		m.propose("rpo", SeverityMajor, m.out.Measured.Worst, late("RPO", t)+", worst at "+m.out.Measured.Worst, "")
	}
	for _, vm := range m.out.VMs {
		// Where the plan's own target holds, the plan's finding says it.
		if vm.RTO.Missed() && vm.RTO.Target != m.out.Measured.RTO.Target {
			m.propose("rto:"+vm.ID, SeverityMajor, vm.Label, vm.Label+": "+late("RTO", vm.RTO), "")
		}
		if vm.RPO.Missed() && vm.RPO.Target != m.out.Measured.RPO.Target {
			m.propose("rpo:"+vm.ID, SeverityMajor, vm.Label, vm.Label+": "+late("RPO", vm.RPO), "")
		}
	}
}

// proposeFound takes over what the run itself found.
func (m *evidenceMaker) proposeFound(f Finding) {
	severity := SeverityMinor
	switch {
	case f.Severity == Blocker:
		severity = SeverityMajor
	case f.Severity == Info:
		if f.Code != "mended-by-hand" {
			return
		}
		severity = SeverityObservation
	case f.Code == "not-tested", m.s.Operation == UnplannedFailover && f.Code == "host-unreachable":
		return // its VM says it; that the lost site is silent is why all this is done
	}
	text := f.Text
	if f.VM != "" {
		text = f.VM + ": " + text
	} else if f.Host != "" {
		text = f.Host + ": " + text
	}
	key := strings.Join([]string{f.Code, f.Host, f.VM}, ":")
	m.add(EvidenceFinding{Key: key, Severity: severity, VM: f.VM, Host: f.Host, Text: text, Remedy: f.Remedy, By: ByLifeboat, State: "open"})
}

// improvised is one observation about all that no plan had.
func (m *evidenceMaker) improvised() {
	extra := 0
	for _, l := range m.out.Log {
		if l.Extra != "" {
			extra++
		}
	}
	if extra > 0 {
		m.propose("improvised", SeverityObservation, "", fmt.Sprintf("%s went otherwise than planned: retries and decisions of the moment, marked in the timeline", counted(extra, "thing")), "should the plan have it?")
	}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// amend adds a person's finding, or says more about one that is there: who said what
// when stands beside it. A severity is only ever raised.
func (m *evidenceMaker) amend(e RecordEntry, edit ReportEdit) {
	at := slices.IndexFunc(m.out.Findings, func(f EvidenceFinding) bool { return f.Key == edit.About })
	if edit.About == "" || at < 0 {
		m.out.Findings = append(m.out.Findings, EvidenceFinding{
			Key: cmp.Or(edit.About, fmt.Sprintf("entry:%d", e.Seq)), Severity: cmp.Or(edit.Severity, SeverityMinor), VM: edit.VM,
			Text: edit.Text, By: edit.By, At: e.At, State: "open",
		})
		at = len(m.out.Findings) - 1
	} else {
		m.out.Findings[at].Remarks = append(m.out.Findings[at].Remarks, Remark{By: edit.By, At: e.At, Text: edit.said(), File: edit.File, Hash: edit.Hash})
	}
	f := &m.out.Findings[at]
	f.Owner, f.Action = cmp.Or(edit.Owner, f.Owner), cmp.Or(edit.Action, f.Action)
	f.Due, f.State = cmp.Or(edit.Due, f.Due), cmp.Or(edit.State, f.State)
	if !lowers(edit.Severity, f.Severity) {
		f.Severity = cmp.Or(edit.Severity, f.Severity)
	}
}

// lowers is true for a severity that makes less of a finding: what was found would
// no longer be counted.
func lowers(to, from string) bool {
	return to != "" && slices.Index(findingSeverities, to) > slices.Index(findingSeverities, from)
}

// outcome is the verdict for a reader. A drill passes when every VM came up, no
// target was missed and no criterion failed; what people think of it they write
// as findings.
func (m *evidenceMaker) outcome() string {
	count := 0
	for _, f := range m.out.Findings {
		if f.Severity != SeverityObservation {
			count++
		}
	}
	word := strings.ToUpper(string(m.s.Verdict))
	if m.s.Operation == TestFailover && m.s.Verdict != VerdictRefused {
		word = "PASSED"
		if !m.passed() {
			word = "NOT PASSED"
		}
	}
	if count == 0 {
		return word
	}
	return word + " WITH " + strings.ToUpper(counted(count, "finding"))
}

func (m *evidenceMaker) passed() bool {
	missed := m.out.Measured.RTO.Missed() || m.out.Measured.RPO.Missed() ||
		slices.ContainsFunc(m.out.VMs, func(vm VMEvidence) bool { return vm.RTO.Missed() || vm.RPO.Missed() })
	failed := slices.ContainsFunc(m.out.Criteria, func(j Judgement) bool { return j.Result == CriterionNotMet })
	return m.s.Verdict == VerdictDone && !missed && !failed
}
