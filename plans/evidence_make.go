package plans

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// MakeEvidence turns the record of a run into its evidence.
func MakeEvidence(rec Record) Evidence {
	m := evidenceMaker{rec: rec, r: rec.Report, in: rec.Report.Input, s: rec.Report.Status, speed: 1}
	if m.r.Simulated && m.in.Speed > 0 {
		m.speed = m.in.Speed
	}
	m.out = Evidence{
		Format: 1, Number: rec.Number, Run: m.s.RunID, Plan: m.s.Plan, Operation: m.s.Operation, From: m.s.From, To: m.s.To,
		Started: m.s.Started.UTC(), Ended: m.s.Ended.UTC(), Verdict: m.s.Verdict, Summary: m.s.Summary,
		Simulated: m.r.Simulated, Speed: m.speed, Criteria: m.r.Judgements, LeftOut: m.leftOut(), Before: m.s.Findings, Anchor: rec.Anchor,
	}
	m.vms()
	m.stages()
	m.manual()
	m.log()
	m.measure()
	m.findings()
	m.fields()
	m.out.Outcome = m.outcome()
	return m.out
}

type evidenceMaker struct {
	rec   Record
	r     Report
	in    RunInput
	s     RunStatus
	speed float64
	out   Evidence
}

// hosts is a duration of ours in the hosts' time.
func (m *evidenceMaker) hosts(d time.Duration) Duration {
	return Duration(time.Duration(float64(d) * m.speed).Round(time.Second))
}

// since is a moment counted from the start of the run.
func (m *evidenceMaker) since(t time.Time) Duration { return m.hosts(t.Sub(m.s.Started)) }

// leftOut are the VMs of the plan that took no part, and those that a person left
// out on the way.
func (m *evidenceMaker) leftOut() []LeftOut {
	all := slices.Clone(m.s.LeftOut)
	for _, vm := range m.s.VMs {
		if vm.Verdict == VerdictSkipped {
			all = append(all, LeftOut{VM: vm.Label, Why: vm.Doing, Tenant: m.tenantOf(vm.ID)})
		}
	}
	return all
}

func (m *evidenceMaker) tenantOf(id string) string {
	for _, vm := range m.in.VMs() {
		if vm.ID == id {
			return vm.Tenant
		}
	}
	return ""
}

// brings is true for an operation after which VMs are up that were not.
func (m *evidenceMaker) brings() bool { return m.s.Operation.Moves() || m.s.Operation == TestFailover }

func (m *evidenceMaker) vms() {
	status := map[string]VMStatus{}
	for _, vm := range m.s.VMs {
		status[vm.ID] = vm
	}
	for _, step := range m.in.Steps {
		for _, vm := range step.VMs {
			m.out.VMs = append(m.out.VMs, m.vm(step, vm, status[vm.ID]))
			if vm.Tenant != "" {
				m.out.Tenants = append(m.out.Tenants, vm.Tenant)
			}
		}
	}
	slices.Sort(m.out.Tenants)
	m.out.Tenants = slices.Compact(m.out.Tenants)
	m.out.Measured.VMs = len(m.out.VMs)
}

func (m *evidenceMaker) vm(step RunStep, vm RunVM, s VMStatus) VMEvidence {
	e := VMEvidence{
		ID: vm.ID, Label: vm.Label, Tenant: vm.Tenant, Step: step.Number, SourceHost: vm.SourceHost, TargetHost: vm.TargetHost,
		Verdict: s.Verdict, Doing: s.Doing, Point: s.Point, After: s.After,
	}
	if s.Verdict == "" {
		e.Verdict = VerdictUnknown
		if m.s.Verdict == VerdictRefused {
			e.Verdict = VerdictRefused
		}
	}
	if s.Verdict == VerdictDone {
		m.out.Measured.Done++
	}
	e.Result = m.result(e.Verdict)
	var start, up time.Time
	for _, t := range s.Times {
		bar := PhaseEvidence{Phase: t.Phase, From: m.since(t.Started), To: m.since(t.Ended)}
		if t.Ended.IsZero() {
			bar.To, bar.Open = m.since(m.s.Ended), true
		}
		e.Bars = append(e.Bars, bar)
		switch t.Phase {
		case PhaseStart:
			start = t.Started
		case PhaseGates:
			up = t.Ended
		case PhaseReverse:
			if !t.Ended.IsZero() && s.Verdict == VerdictDone {
				e.After = "replicates to " + vm.SourceHost
			}
		default:
		}
	}
	e.Gates = m.gates(vm, s, !up.IsZero())
	if m.r.gateFailed(vm.Label) {
		up = time.Time{}
	}
	if !start.IsZero() && up.After(start) {
		e.Boot = m.hosts(up.Sub(start))
	}
	e.Downtime = m.hosts(m.r.Downtime[vm.Label].D())
	e.RTO, e.RPO = m.rto(vm, up, e.Downtime), m.rpo(vm, s)
	e.Integrity = m.remarks(func(edit ReportEdit) bool { return edit.Field == EditIntegrity && edit.VM == vm.Label })
	return e
}

// result is a drill's own word; of a real operation the verdict says it.
func (m *evidenceMaker) result(v Verdict) string {
	switch {
	case m.s.Operation != TestFailover:
		return string(v)
	case v == VerdictDone:
		return "pass"
	case m.s.Verdict == VerdictRefused:
		return "not tested"
	case v == VerdictSkipped:
		return "left out"
	}
	return "fail"
}

// rto is for how long users were without the VM: in a planned failover from its
// own shut-down on, else from the start of the run.
func (m *evidenceMaker) rto(vm RunVM, up time.Time, down Duration) Measure {
	t := Measure{Target: cmp.Or(vm.RTO, m.in.Objectives.RTO)}
	switch {
	case m.s.Operation == PlannedFailover:
		t.Known, t.Measured = down > 0, down
	case m.brings() && !up.IsZero():
		t.Known, t.Measured = true, m.since(up)
	}
	return t
}

// rpo is how old the data was that the VM came up with. A planned failover sends
// all of it after the shut-down.
func (m *evidenceMaker) rpo(vm RunVM, s VMStatus) Measure {
	t := Measure{Target: cmp.Or(vm.RPO, m.in.Objectives.RPO)}
	switch m.s.Operation {
	case PlannedFailover:
		t.Known = s.Verdict == VerdictDone && len(s.Times) > 0
	case UnplannedFailover, TestFailover:
		// Never better than what a person was told.
		if !s.Point.Time.IsZero() && !vm.Point.Time.IsZero() {
			t.Known, t.Measured = true, dataAge(vm, s)
		}
	default:
	}
	return t
}

// gates says how the gates of a VM went.
func (m *evidenceMaker) gates(vm RunVM, s VMStatus, passed bool) string {
	gates, not := gatesAsked(m.s, vm)
	asked := make([]string, len(gates))
	for i, g := range gates {
		asked[i] = g.Text
	}
	switch {
	case !m.brings() || s.Verdict == VerdictSkipped:
		return "-"
	case !passed && len(not) == 0:
		return "not passed: " + cmp.Or(s.Doing, "not reached")
	}
	var words []string
	if passed && len(asked) > 0 {
		words = append(words, "passed: "+strings.Join(asked, "; "))
	}
	switch {
	case !passed || len(vm.Gates)+len(not) > 0:
	case lean(vm):
		words = append(words, "passed; which those were is not in the report of so large a run")
	default:
		words = append(words, "the plan has no gate for it")
	}
	return strings.Join(append(words, not...), ". ")
}

// gatesAsked are the gates of a VM that its run asked, and what it says of the others.
func gatesAsked(s RunStatus, vm RunVM) (asked []RunGate, not []string) {
	for _, f := range s.Findings {
		if f.VM == vm.Label && (f.Code == "gate-not-asked" || f.Code == "gate-waived" || f.Code == "gate-not-passed") {
			not = append(not, f.Text)
		}
	}
	for _, g := range vm.Gates {
		if !slices.ContainsFunc(not, func(text string) bool { return strings.HasPrefix(text, g.Text) }) {
			asked = append(asked, g)
		}
	}
	return asked, not
}

// lean is true for a VM of a run that is so large that its report holds only what is
// counted: what it does not hold was not nothing.
func lean(vm RunVM) bool { return vm.Name == "" }

// stages compares the order of the plan with that of the run.
func (m *evidenceMaker) stages() {
	var all []StageEvidence
	began := map[int]time.Time{}
	for _, step := range m.in.Steps {
		if len(step.VMs) == 0 {
			continue
		}
		st := StageEvidence{Step: step.Number, Name: step.Name, Planned: len(all) + 1, RTO: Measure{Target: m.in.Objectives.RTO, Known: true}}
		first := time.Time{}
		for _, vm := range step.VMs {
			st.VMs = append(st.VMs, vm.Label)
			s := m.statusOf(vm.ID)
			begin, _ := upward(s)
			end := m.r.upAt(s)
			if !begin.IsZero() && (first.IsZero() || begin.Before(first)) {
				first = begin
			}
			if end.IsZero() {
				st.RTO.Known = st.RTO.Known && s.Verdict == VerdictSkipped
				continue
			}
			st.RTO.Measured = max(st.RTO.Measured, m.since(end))
		}
		st.RTO.Known = st.RTO.Known && st.RTO.Measured > 0 && m.brings()
		if !first.IsZero() {
			began[len(all)], st.Began = first, m.since(first)
		}
		all = append(all, st)
	}
	for i := range all {
		if at, ok := began[i]; ok {
			all[i].AsRun = 1
			for _, other := range began {
				if other.Before(at) {
					all[i].AsRun++
				}
			}
		}
	}
	m.out.Stages = all
	m.deviations()
}

func (m *evidenceMaker) statusOf(id string) VMStatus {
	for i := range m.s.VMs {
		if m.s.VMs[i].ID == id {
			return m.s.VMs[i]
		}
	}
	return VMStatus{}
}

// upward is when a VM began to start, and when its gates were green.
func upward(s VMStatus) (begin, end time.Time) {
	for _, t := range s.Times {
		switch t.Phase {
		case PhaseStart:
			begin = t.Started
		case PhaseGates:
			if begin.IsZero() { // of a large run
				begin = t.Started
			}
			end = t.Ended
		default:
		}
	}
	return begin, end
}

// deviations says which stage, and which VM that others stand before, began too
// early. It looks at VMs: one that a person left out keeps nobody waiting.
func (m *evidenceMaker) deviations() {
	for i := range m.out.Stages {
		var words []string
		for j := range m.out.Stages[:i] {
			if late := m.stillComing(j, m.out.Stages[i].VMs); late != "" {
				words = append(words, fmt.Sprintf("began before %s of stage %s was up", late, m.out.Stages[j].Name))
			}
		}
		for _, vm := range m.in.VMs() {
			if !slices.Contains(m.out.Stages[i].VMs, vm.Label) {
				continue
			}
			begin, _ := upward(m.statusOf(vm.ID))
			for _, id := range vm.After {
				if _, end := upward(m.statusOf(id)); !begin.IsZero() && !end.IsZero() && begin.Before(end) {
					words = append(words, vm.Label+" began before "+m.statusOf(id).Label+" was up")
				}
			}
		}
		m.out.Stages[i].Deviation = strings.Join(words, "; ")
	}
}

// stillComing names a VM of a stage that came up after one of others had begun.
func (m *evidenceMaker) stillComing(stage int, others []string) string {
	first := time.Time{}
	for _, vm := range m.s.VMs {
		if begin, _ := upward(vm); slices.Contains(others, vm.Label) && !begin.IsZero() && (first.IsZero() || begin.Before(first)) {
			first = begin
		}
	}
	for _, vm := range m.s.VMs {
		if _, end := upward(vm); slices.Contains(m.out.Stages[stage].VMs, vm.Label) && !first.IsZero() && end.After(first) {
			return vm.Label
		}
	}
	return ""
}

// manual are the steps for people.
func (m *evidenceMaker) manual() {
	for _, step := range m.in.Steps {
		if step.Manual == nil {
			continue
		}
		e := ManualEvidence{Step: step.Number, Name: step.Name, Text: step.Manual.Text, Owner: step.Manual.Owner, Takes: step.Manual.Takes, Verdict: VerdictRefused}
		for _, st := range m.s.StepList {
			if st.Number != step.Number {
				continue
			}
			e.Verdict, e.Note, e.Started, e.Ended = st.Verdict, st.Note, st.Started, st.Ended
			if !st.Started.IsZero() {
				e.From, e.To = m.since(st.Started), m.since(cmp.Or(st.Ended, m.s.Ended))
			}
			if st.By != "" {
				e.By = []string{st.By}
			}
		}
		for _, a := range m.r.Answers {
			if a.Answer.Step == step.Number && a.Answer.By != "" && !slices.Contains(e.By, a.Answer.By) {
				e.By = append(e.By, a.Answer.By)
			}
		}
		e.Remarks = m.remarks(func(edit ReportEdit) bool { return edit.Field == EditStep && edit.Step == step.Number })
		m.out.Manual = append(m.out.Manual, e)
	}
}

// edits are what people added, oldest first.
func (m *evidenceMaker) edits(visit func(RecordEntry, ReportEdit)) {
	for _, e := range m.rec.Entries {
		if e.Edit != nil {
			visit(e, *e.Edit)
		}
	}
}

func (m *evidenceMaker) remarks(of func(ReportEdit) bool) []Remark {
	var all []Remark
	m.edits(func(e RecordEntry, edit ReportEdit) {
		if of(edit) {
			all = append(all, Remark{By: edit.By, At: e.At, Text: edit.Text, File: edit.File, Hash: edit.Hash})
		}
	})
	return all
}

// measure is the whole plan against its targets. A VM with a looser RPO of its own
// is judged by that alone.
func (m *evidenceMaker) measure() {
	t := &m.out.Measured
	t.RTO.Target, t.RPO.Target = m.in.Objectives.RTO, m.in.Objectives.RPO
	if !m.brings() {
		return
	}
	// What never came up took longer than anything that did: then a target can be
	// missed, and is never kept.
	took := Measure{Target: t.RTO.Target, Measured: m.hosts(m.r.RTO.D()), Known: m.r.RTO > 0}
	if took.Known && (m.r.AllUp() || took.Missed()) {
		t.RTO = took
	}
	for _, vm := range m.out.VMs {
		if t.RPO.Target > 0 && vm.RPO.Target > t.RPO.Target {
			continue
		}
		if vm.RPO.Known && (!t.RPO.Known || vm.RPO.Measured > t.RPO.Measured) {
			t.RPO.Known, t.RPO.Measured, t.Worst = true, vm.RPO.Measured, vm.Label
		}
	}
}
