package plans

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// withheld stands where a copy for one tenant leaves out a name of another.
const withheld = "[withheld]"

// Mixed is true when a run was about VMs of several owners.
func (e Evidence) Mixed() bool { return len(e.Owners()) > 1 }

// Owners are the tenants of a run's VMs, those that were left out too, with "" for the
// operator where it held VMs of no tenant; a VM beside the plan that was shut down to
// make room is of none.
func (e Evidence) Owners() []string {
	var all []string
	if len(e.strangers()) > 0 {
		all = append(all, "")
	}
	for _, vm := range e.VMs {
		all = append(all, vm.Tenant)
	}
	for _, l := range e.LeftOut {
		all = append(all, l.Tenant)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// strangers are VMs that something was done to and that the plan does not have.
func (e Evidence) strangers() []string {
	var all []string
	for _, l := range e.Log {
		known := l.VM == "" || slices.Contains(all, l.VM) || slices.ContainsFunc(e.VMs, func(vm VMEvidence) bool { return vm.Label == l.VM }) ||
			slices.ContainsFunc(e.LeftOut, func(o LeftOut) bool { return o.VM == l.VM })
		if !known {
			all = append(all, l.VM)
		}
	}
	return all
}

// ForTenant is the copy of a run's evidence for one tenant. Where the run held
// others, their rows are gone, and whatever a text says of their VMs, of hosts
// that only they use and of the tenants themselves is withheld; what people wrote
// is withheld whole where it is about more than this tenant's VMs, since words
// cannot be searched for every name.
func (e Evidence) ForTenant(tenant string) (Evidence, error) {
	if !slices.ContainsFunc(e.VMs, func(vm VMEvidence) bool { return vm.Tenant == tenant && tenant != "" }) {
		return Evidence{}, fmt.Errorf("report %s holds no VM of tenant %q (it has: %s)", e.Number, tenant, strings.Join(e.Tenants, ", "))
	}
	out := e
	out.Tenant = tenant
	if !e.Mixed() {
		return out, nil
	}
	labels, known := e.namesFor(tenant)
	out.Tenants = []string{tenant}
	out.VMs = keep(e.VMs, func(vm VMEvidence) bool { return vm.Tenant == tenant })
	out.Withheld = len(e.VMs) - len(out.VMs)
	out.narrow(labels)
	text, err := json.Marshal(out)
	if err != nil {
		return Evidence{}, err
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		return Evidence{}, err
	}
	if text, err = json.Marshal(known.cover(tree)); err != nil {
		return Evidence{}, err
	}
	var covered Evidence
	if err := json.Unmarshal(text, &covered); err != nil {
		return Evidence{}, fmt.Errorf("report %s: a name of another tenant looks like a number or a time, so no copy for one tenant can be made: %w", e.Number, err)
	}
	covered.restore(out)
	return covered, nil
}

// restore gives back what is ours and no name, whatever a VM is called: one called
// test must not take a test failover for something else.
func (e *Evidence) restore(from Evidence) {
	e.Operation, e.Verdict, e.Outcome = from.Operation, from.Verdict, from.Outcome
	for i := range e.VMs {
		e.VMs[i].Verdict, e.VMs[i].Result = from.VMs[i].Verdict, from.VMs[i].Result
		for j := range e.VMs[i].Bars {
			e.VMs[i].Bars[j].Phase = from.VMs[i].Bars[j].Phase
		}
	}
	for i := range e.Findings {
		e.Findings[i].Severity, e.Findings[i].State = from.Findings[i].Severity, from.Findings[i].State
	}
	for i := range e.Fields {
		e.Fields[i].Block, e.Fields[i].Key, e.Fields[i].Label = from.Fields[i].Block, from.Fields[i].Key, from.Fields[i].Label
	}
	for i := range e.Log {
		e.Log[i].Kind = from.Log[i].Kind
	}
}

// namesFor are the labels of a tenant's VMs, and the names that its copy may and
// must not hold.
func (e Evidence) namesFor(tenant string) (labels []string, n names) {
	n.own = []string{tenant}
	theirs := e.strangers()
	for _, vm := range e.VMs {
		all := []string{vm.ID, vm.Label, baseName(vm.Label), vm.SourceHost, vm.TargetHost}
		if vm.Tenant == tenant {
			labels, n.own = append(labels, vm.Label), append(n.own, all...)
			continue
		}
		theirs = append(theirs, append(all, vm.Tenant)...)
	}
	for _, l := range e.LeftOut {
		if l.Tenant == tenant {
			labels, n.own = append(labels, l.VM), append(n.own, l.VM)
			continue
		}
		theirs = append(theirs, l.VM, baseName(l.VM), l.Tenant)
	}
	for _, name := range theirs {
		if name != "" && !slices.ContainsFunc(n.own, func(o string) bool { return strings.EqualFold(o, name) }) {
			n.others = append(n.others, name)
		}
	}
	return labels, n
}

// baseName is a label without the part of the GUID that made it unique.
func baseName(label string) string {
	name, _, _ := strings.Cut(label, " (")
	return name
}

// narrow leaves out what is not about the given VMs.
func (e *Evidence) narrow(own []string) {
	mine := func(label string) bool { return slices.Contains(own, label) }
	e.LeftOut = keep(e.LeftOut, func(l LeftOut) bool { return mine(l.VM) })
	e.Before = keep(e.Before, func(f Finding) bool { return mine(f.VM) })
	e.Findings = keep(e.Findings, func(f EvidenceFinding) bool { return mine(f.VM) })
	e.Log = keep(e.Log, func(l LogLine) bool { return mine(l.VM) || l.Kind == "run" })
	e.Stages = keep(e.Stages, func(st StageEvidence) bool { return slices.ContainsFunc(st.VMs, mine) })
	for i := range e.Stages {
		st := &e.Stages[i]
		st.VMs, st.Name, st.Deviation = keep(st.VMs, mine), fmt.Sprintf("stage %d", st.Planned), ""
		e.retime(st)
	}
	// The plan's name and that of its run, and who was at work for all, are about more
	// than this tenant.
	e.Plan, e.Run = withheld, withheld
	e.Summary = fmt.Sprintf("%d of the tenant's VMs; the run held others too.", len(e.VMs))
	e.Criteria = nil
	e.Manual = nil
	for i := range e.Log {
		l := &e.Log[i]
		if l.Kind == "run" || l.Kind == "act" {
			l.Who = ByLifeboat
		}
		if l.Kind == "run" && l.What != "ended" {
			l.What = "started"
		}
	}
	e.Measured = Measured{VMs: len(e.VMs), RTO: Measure{Target: e.Measured.RTO.Target}, RPO: Measure{Target: e.Measured.RPO.Target}}
	e.Measured.RTO.Known = len(e.VMs) > 0
	for _, vm := range e.VMs {
		if vm.Verdict == VerdictDone {
			e.Measured.Done++
		}
		e.Measured.RTO.Known = e.Measured.RTO.Known && (vm.RTO.Known || vm.Verdict == VerdictSkipped)
		e.Measured.RTO.Measured = max(e.Measured.RTO.Measured, vm.RTO.Measured)
		if e.Measured.RPO.Target > 0 && vm.RPO.Target > e.Measured.RPO.Target {
			continue
		}
		if vm.RPO.Known && (!e.Measured.RPO.Known || vm.RPO.Measured > e.Measured.RPO.Measured) {
			e.Measured.RPO.Known, e.Measured.RPO.Measured, e.Measured.Worst = true, vm.RPO.Measured, vm.Label
		}
	}
	e.Outcome = e.tenantOutcome()
	e.Fields = e.tenantFields()
}

// retime gives a stage the times of the VMs that are left in it.
func (e *Evidence) retime(st *StageEvidence) {
	known, first := true, true
	st.Began, st.RTO.Measured = 0, 0
	for _, vm := range e.VMs {
		if !slices.Contains(st.VMs, vm.Label) {
			continue
		}
		began, up := Duration(0), Duration(0)
		for _, b := range vm.Bars {
			if b.Phase == PhaseStart || b.Phase == PhaseGates && began == 0 {
				began = b.From
			}
			if b.Phase == PhaseGates && !b.Open && (vm.RTO.Known || e.Operation != TestFailover) {
				up = b.To
			}
		}
		if began > 0 && (first || began < st.Began) {
			st.Began, first = began, false
		}
		known = known && (up > 0 || vm.Verdict == VerdictSkipped)
		st.RTO.Measured = max(st.RTO.Measured, up)
	}
	st.RTO.Known = known && st.RTO.Measured > 0
}

// tenantOutcome is the outcome of what a tenant's copy shows.
func (e *Evidence) tenantOutcome() string {
	count := 0
	for _, f := range e.Findings {
		if f.Severity != SeverityObservation {
			count++
		}
	}
	word := "DONE"
	if e.Operation == TestFailover {
		word = "PASSED"
	}
	if e.Measured.Done < len(e.VMs) || e.Operation == TestFailover && slices.ContainsFunc(e.VMs, func(vm VMEvidence) bool { return vm.RTO.Missed() || vm.RPO.Missed() }) {
		word = "NOT " + word
	}
	if count == 0 {
		return word
	}
	return word + " WITH " + strings.ToUpper(counted(count, "finding"))
}

// tenantKeys are the facts that hold nothing of other VMs by their making; the
// rest is withheld from a tenant's copy of a run that held others.
var tenantKeys = []string{
	"identity.tool", "identity.type", "identity.time", "scope.sites", "signoff.created", "integrity.chain",
}

// tenantBlanks are filled with the names of people who stand for all: a blank stays
// one, a name is withheld.
var tenantBlanks = []string{"people.lead", "signoff.reviewed", "signoff.acknowledged"}

func (e *Evidence) tenantFields() []EvidenceField {
	var all []EvidenceField
	for _, f := range e.Fields {
		switch {
		case slices.Contains(tenantKeys, f.Key), slices.Contains(tenantBlanks, f.Key) && f.Missing != "":
		case f.Key == "identity.number":
			f.Text = e.Number
		case f.Key == "result.integrity":
			var bare []string
			for _, vm := range e.VMs {
				if vm.Verdict == VerdictDone && len(vm.Integrity) == 0 {
					bare = append(bare, vm.Label)
				}
			}
			f.Text, f.By, f.Missing, f.Needed = "a note for each VM: see the table of VMs", "people", "", false
			if len(bare) > 0 {
				f.Text, f.By, f.Missing, f.Needed = "", "", "integrity check note for "+fewOf(bare, 4), true
			}
		case f.Key == "scope.vms":
			f.Text = counted(len(e.VMs), "VM") + " of this tenant"
		default:
			f.Text, f.By, f.Missing, f.Needed = "withheld: the run held VMs of others too", ByLifeboat, "", false
		}
		all = append(all, f)
	}
	return all
}

func keep[T any](all []T, wanted func(T) bool) []T {
	kept := []T{}
	for _, v := range all {
		if wanted(v) {
			kept = append(kept, v)
		}
	}
	return kept
}

// names are those that a copy may hold and those that it must not.
type names struct{ own, others []string }

// cover withholds names in every text of a decoded JSON tree.
func (n names) cover(v any) any {
	switch v := v.(type) {
	case string:
		return n.coverText(v)
	case []any:
		for i := range v {
			v[i] = n.cover(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = n.cover(v[k])
		}
	}
	return v
}

// coverText withholds a name of another wherever it begins and ends at a mark,
// whatever its case, and leaves a longer one of the tenant's own whole.
func (n names) coverText(text string) string {
	runes := []rune(text)
	var out []rune
	for i := 0; i < len(runes); {
		switch own, other := longestAt(runes, i, n.own), longestAt(runes, i, n.others); {
		case own > 0 && own >= other:
			out = append(out, runes[i:i+own]...)
			i += own
		case other > 0:
			out = append(out, []rune(withheld)...)
			i += other
		default:
			out = append(out, runes[i])
			i++
		}
	}
	return string(out)
}

// longestAt is the length of the longest name that stands at a place, 0 for none.
func longestAt(runes []rune, at int, all []string) int {
	longest := 0
	for _, name := range all {
		n := len([]rune(name))
		if n > longest && at+n <= len(runes) && strings.EqualFold(string(runes[at:at+n]), name) && mark(runes, at-1) && mark(runes, at+n) {
			longest = n
		}
	}
	return longest
}

// mark is true where no word goes on.
func mark(runes []rune, i int) bool {
	return i < 0 || i >= len(runes) || !unicode.IsLetter(runes[i]) && !unicode.IsDigit(runes[i])
}
