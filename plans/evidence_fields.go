package plans

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// fields are the single facts in the order in which they are read. What standards
// ask for beside them stands in the tables.
func (m *evidenceMaker) fields() {
	m.identity()
	m.people()
	m.scope()
	m.results()
	m.cleanUp()
	m.signOff()
}

// fact is what lifeboat says; what the record does not have is a blank.
func (m *evidenceMaker) fact(key, label, text string) {
	f := EvidenceField{Block: blockOf(key), Key: key, Label: label, Text: text, By: ByLifeboat}
	if text == "" {
		f.By, f.Missing = "", "it was not recorded"
	}
	m.out.Fields = append(m.out.Fields, f)
}

// written is what the plan, or who began the run, had to write before it: a blank
// stays one.
func (m *evidenceMaker) written(key, label, text, by, where string) {
	f := EvidenceField{Block: blockOf(key), Key: key, Label: label, Text: text, By: by}
	if strings.TrimSpace(text) == "" {
		f.By, f.Missing = "", "not written before the start, and it cannot be added now; for next time: "+where
	}
	m.out.Fields = append(m.out.Fields, f)
}

// said is what a person writes after the run; of several the last word holds,
// where many may stand beside each other all do.
func (m *evidenceMaker) said(key, label, field, missing string, needed, many bool) {
	f := EvidenceField{Block: blockOf(key), Key: key, Label: label, Missing: missing, Needed: needed}
	m.edits(func(e RecordEntry, edit ReportEdit) {
		if edit.Field != field {
			return
		}
		if many && f.Text != "" && f.Text != edit.Text {
			f.Text += ", " + edit.Text
		} else {
			f.Text = edit.Text
		}
		f.By, f.At, f.Missing = edit.By, e.At, ""
	})
	f.Needed = f.Needed && f.Missing != ""
	m.out.Fields = append(m.out.Fields, f)
}

func blockOf(key string) string {
	block, _, _ := strings.Cut(key, ".")
	return block
}

// kinds are the types of a test that auditors know.
var kinds = map[Operation]string{
	TestFailover:      "simulation: test failover, production untouched",
	PlannedFailover:   "full: planned failover of production",
	UnplannedFailover: "real event: unplanned failover",
	Cancel:            "real operation: a failover taken back",
	Commit:            "real operation: a failover made final",
	Reprotect:         "real operation: replication set up again",
	Protect:           "real operation: protection set up",
	Unprotect:         "real operation: protection ended",
	Fence:             "real operation: old copies kept from running",
}

const stamp = "2006-01-02 15:04:05 UTC"

func (m *evidenceMaker) identity() {
	about := m.about()
	m.fact("identity.number", "Report", m.rec.Number+", run "+m.s.RunID)
	m.fact("identity.plan", "Plan", m.s.Plan+", version "+short(m.in.PlanHash))
	m.fact("identity.tool", "Tool", "Lifeboat "+m.r.Version)
	m.fact("identity.type", "Type", kinds[m.s.Operation])
	m.fact("identity.time", "Time", fmt.Sprintf("%s to %s, %s", m.s.Started.UTC().Format(stamp), m.s.Ended.UTC().Format(stamp), m.hosts(m.s.Ended.Sub(m.s.Started)).Words()))
	m.fact("identity.clock", "Time source", "the engine's clock, in UTC; "+m.clocks())
	scenario := cmp.Or(m.in.Reason, about.Scenario)
	by := ByPlan
	if m.in.Reason != "" {
		by = m.s.StartedBy
	}
	m.written("identity.scenario", "Scenario", scenario, by, "--reason, or test.scenario in the plan")
	m.written("identity.assumptions", "Assumptions", about.Assumptions, ByPlan, "test.assumptions in the plan")
	m.written("identity.objectives", "Objectives", m.objectives(about), ByPlan, "objectives and purpose in the plan")
	if m.s.Operation == TestFailover {
		m.written("identity.criteria", "Success criteria", m.criteria(), ByPlan, "criteria in the drill's calendar")
	}
	m.written("identity.risk", "Business impact, risk", about.Risk, ByPlan, "risk in the plan")
	m.written("identity.functions", "Critical functions", strings.Join(about.Functions, ", "), ByPlan, "functions in the plan")
}

func (m *evidenceMaker) about() PlanAbout {
	if m.in.About == nil {
		return PlanAbout{}
	}
	return *m.in.About
}

func short(hash string) string {
	if len(hash) > 12 {
		return hash[:12]
	}
	return cmp.Or(hash, "not known")
}

// clocks is how far hosts were off, as far as the run saw it.
func (m *evidenceMaker) clocks() string {
	if m.unseen() {
		return "no host was asked"
	}
	var off []string
	for _, f := range m.s.Findings {
		if f.Code == "clock-skew" {
			off = append(off, f.Host+": "+f.Text)
		}
	}
	if len(off) > 0 {
		return strings.Join(off, "; ")
	}
	return fmt.Sprintf("no host that was reached was off by more than %s at the start", Duration(maxSkew).Words())
}

func (m *evidenceMaker) objectives(about PlanAbout) string {
	var all []string
	if d := m.in.Objectives.RTO; d > 0 {
		all = append(all, "RTO "+d.Words())
	}
	if d := m.in.Objectives.RPO; d > 0 {
		all = append(all, "RPO "+d.Words())
	}
	if about.Purpose != "" {
		all = append(all, about.Purpose)
	}
	return strings.Join(all, "; ")
}

func (m *evidenceMaker) criteria() string {
	note := m.in.Drill
	if note == nil || len(note.Criteria) == 0 {
		return ""
	}
	all := make([]string, len(note.Criteria))
	for i, c := range note.Criteria {
		all[i] = c.Text
	}
	return fmt.Sprintf("%s (locked %s)", strings.Join(all, "; "), note.Locked.UTC().Format(stamp))
}

func (m *evidenceMaker) people() {
	m.said("people.lead", "Lead", EditLead, "who led", true, false)
	operators := []string{cmp.Or(m.s.StartedBy, "nobody named")}
	var approved []string
	for _, a := range m.r.Answers {
		if !slices.Contains(operators, a.Answer.By) {
			operators = append(operators, a.Answer.By)
		}
		if a.Answer.Choice == ChoiceApprove && !slices.Contains(approved, a.Answer.By) {
			approved = append(approved, a.Answer.By)
		}
	}
	m.fact("people.operators", "Operators, by login", strings.Join(operators, ", "))
	m.fact("people.approved", "Started and approved by", strings.Join(slices.Compact(append([]string{operators[0] + " (started)"}, approved...)), ", "))
	m.said("people.observers", "Observers", EditObserver, "who observed, or none", false, true)
	m.said("people.third_parties", "Third parties", EditThirdParty, "who took part, or none", false, true)
	if roles := m.about().Roles; len(roles) > 0 {
		m.out.Fields = append(m.out.Fields, EvidenceField{Block: "people", Key: "people.roles", Label: "Roles in the plan", Text: strings.Join(roles, "; "), By: ByPlan})
	}
	m.said("people.communication", "Communication, escalation", EditCommunication, "whether communication and escalation worked", true, false)
}

func (m *evidenceMaker) scope() {
	m.fact("scope.sites", "Sites", m.s.From+" to "+m.s.To)
	var hosts, nets []string
	for _, vm := range m.in.VMs() {
		for _, h := range []string{vm.SourceHost, vm.TargetHost} {
			if h != "" && !slices.Contains(hosts, h) {
				hosts = append(hosts, h)
			}
		}
		for _, n := range vm.NICs {
			if n.Switch != "" && !slices.Contains(nets, n.Switch) {
				nets = append(nets, n.Switch)
			}
		}
	}
	m.fact("scope.hosts", "Hosts", strings.Join(hosts, ", "))
	m.fact("scope.vms", "VMs", fmt.Sprintf("%s in %s; %d left out", counted(len(m.out.VMs), "VM"), counted(len(m.out.Stages), "stage"), len(m.out.LeftOut)))
	if len(nets) == 0 && !slices.ContainsFunc(m.in.VMs(), lean) {
		nets = []string{"none was set"}
	}
	m.fact("scope.networks", "Networks at the target", strings.Join(nets, ", "))
	if about := m.about(); about.Scope != "" {
		m.out.Fields = append(m.out.Fields, EvidenceField{Block: "scope", Key: "scope.plan", Label: "Scope of the plan", Text: about.Scope, By: ByPlan})
	}
	m.fact("before.readiness", "Readiness at the start", m.readiness())
}

// unseen is true for a drill that was not begun before anybody looked at a host.
func (m *evidenceMaker) unseen() bool {
	return m.s.Verdict == VerdictRefused && slices.ContainsFunc(m.s.Findings, func(f Finding) bool {
		return slices.Contains([]string{DrillBlackout, DrillBusy, DrillMissed, DrillPaused, DrillGone}, f.Code)
	})
}

func (m *evidenceMaker) readiness() string {
	if m.unseen() {
		return "not looked at: the drill was not begun"
	}
	n := map[Severity]int{}
	for _, f := range m.s.Findings {
		n[f.Severity]++
	}
	if len(m.s.Findings) == 0 {
		return "looked at before anything changed: no finding"
	}
	return fmt.Sprintf("looked at before anything changed; with what was found on the way: %s, %s, %d for information",
		counted(n[Blocker], "blocker"), counted(n[Warning], "warning"), n[Info])
}

func (m *evidenceMaker) results() {
	late := 0
	for _, st := range m.out.Stages {
		if st.Deviation != "" {
			late++
		}
	}
	order := "as planned"
	if late > 0 {
		order = counted(late, "stage") + " not as planned"
	}
	if m.brings() {
		m.fact("result.order", "Order of recovery", order)
	}
	var bare []string
	for _, vm := range m.out.VMs {
		if vm.Verdict == VerdictDone && len(vm.Integrity) == 0 {
			bare = append(bare, vm.Label)
		}
	}
	f := EvidenceField{Block: "result", Key: "result.integrity", Label: "Data integrity", Text: "a note for each VM: see the table of VMs", By: "people"}
	if len(bare) > 0 {
		f.Text, f.By, f.Missing, f.Needed = "", "", "integrity check note for "+fewOf(bare, 4), true
	}
	if m.brings() && m.out.Measured.Done > 0 {
		m.out.Fields = append(m.out.Fields, f)
	}
	m.fact("result.good_copy", "Good copy in the end", m.s.GoodCopy)
	m.fact("result.way_back", "Way back in the end", m.s.WayBack)
}

// cleanUp is the proof that a drill left nothing, and that replication went on; of
// a real operation, whether what it brought up is protected.
func (m *evidenceMaker) cleanUp() {
	if m.s.Operation != TestFailover {
		if m.s.Operation.Moves() {
			back := 0
			for _, vm := range m.out.VMs {
				if strings.HasPrefix(vm.After, "replicates to") {
					back++
				}
			}
			m.fact("cleanup.replication", "Replication in the end", fmt.Sprintf("%d of %d VMs replicate back to %s", back, len(m.out.VMs), m.s.From))
		}
		return
	}
	made, gone, last := 0, 0, time.Time{}
	var left, after []string
	for _, vm := range m.s.VMs {
		removed := phaseEnded(vm, PhaseCleanUp)
		switch {
		case !removed.IsZero():
			gone++
		case vm.TestVM != "" || slices.ContainsFunc(vm.Times, func(t PhaseTime) bool { return t.Phase == PhaseCleanUp }):
			left = append(left, vm.Label+": "+vm.Doing)
		default:
			continue // it never had one
		}
		made++
		if removed.After(last) {
			last = removed
		}
		if vm.After != "" {
			after = append(after, vm.Label+": "+vm.After)
		}
	}
	if made == 0 {
		m.fact("cleanup.copies", "Test copies", "none was made, so nothing had to be removed")
		return
	}
	text := fmt.Sprintf("%d of %d test copies removed, seen on the hosts", gone, made)
	if !last.IsZero() {
		text += "; the last at " + last.UTC().Format(stamp)
	}
	if len(left) > 0 {
		text += ". LEFT: " + strings.Join(left, "; ")
	}
	m.fact("cleanup.copies", "Test copies", text)
	m.fact("cleanup.networks", "Networks", "test copies were on isolated switches only; nothing of production was connected elsewhere, so nothing had to be restored")
	m.fact("cleanup.replication", "Replication afterwards", strings.Join(after, "; "))
}

func (m *evidenceMaker) signOff() {
	m.fact("signoff.created", "Created", fmt.Sprintf("by Lifeboat %s on %s, from the journal", m.r.Version, m.rec.Kept.UTC().Format(stamp)))
	m.said("signoff.reviewed", "Reviewed", EditReviewed, "reviewer name", true, false)
	m.said("signoff.acknowledged", "Acknowledged by the management", EditAcknowledged, "who acknowledged it for the management", true, false)
	m.said("signoff.notes", "Notes", EditNote, "", false, true)
	m.fact("integrity.chain", "Journal", fmt.Sprintf("entry %d, hash %s", m.rec.Anchor.Entry, m.rec.Anchor.Hash))
	if d := m.r.Input.Drill; d != nil && !d.Next.IsZero() {
		m.fact("integrity.next_test", "Next test due", d.Next.UTC().Format(stamp)+", by the calendar as it was at the start")
	} else {
		m.out.Fields = append(m.out.Fields, EvidenceField{Block: blockOf("integrity.next_test"), Key: "integrity.next_test", Label: "Next test due",
			Missing: "this run was none of the calendar's drills; lifeboat drill next shows what is due"})
	}
	m.written("integrity.next", "Plan reviewed next", m.about().Review, ByPlan, "review in the plan")
}
