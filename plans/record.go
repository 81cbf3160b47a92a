package plans

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Record is all that the journal has of one run that ended.
type Record struct {
	// Number is DR-2026-003: the third report that was kept in 2026, by UTC. The
	// journal only grows, so a number never changes.
	Number string    `json:"number"`
	Kept   time.Time `json:"kept"`
	Report Report    `json:"report"`
	// Entries are what the journal has of the run, oldest first.
	Entries []RecordEntry `json:"entries"`
	Anchor  Anchor        `json:"anchor"`
}

// Anchor is the newest entry about a run: the chain of hashes up to it holds all
// that its evidence rests on.
type Anchor struct {
	Entry uint64 `json:"entry"`
	Hash  string `json:"hash"`
}

// RecordNumber is the number of the nth report of a year.
func RecordNumber(year, nth int) string { return fmt.Sprintf("DR-%d-%03d", year, nth) }

// RecordEntry is an entry of the journal; Kind is before, after, note, report or
// edit.
type RecordEntry struct {
	Seq     uint64      `json:"seq"`
	At      time.Time   `json:"at"`
	Kind    string      `json:"kind"`
	VM      string      `json:"vm,omitempty"`
	Label   string      `json:"label,omitempty"`
	Host    string      `json:"host,omitempty"`
	Verb    Verb        `json:"verb,omitempty"`
	Outcome string      `json:"outcome,omitempty"`
	Text    string      `json:"text,omitempty"`
	Started time.Time   `json:"started,omitzero"`
	Ended   time.Time   `json:"ended,omitzero"`
	Of      uint64      `json:"of,omitempty"`
	Edit    *ReportEdit `json:"edit,omitempty"`
}

// PlanAbout is what a plan says of itself, as it stood when a run began.
type PlanAbout struct {
	Purpose     string   `json:"purpose,omitempty"`
	Scope       string   `json:"scope,omitempty"`
	Review      string   `json:"review,omitempty"`
	Roles       []string `json:"roles,omitempty"` // lead: Dana
	Risk        string   `json:"risk,omitempty"`
	Functions   []string `json:"functions,omitempty"`
	Scenario    string   `json:"scenario,omitempty"`
	Assumptions string   `json:"assumptions,omitempty"`
}

// aboutOf leaves out how people are reached: a report goes to strangers.
func aboutOf(p *RecoveryPlan, op Operation) *PlanAbout {
	a := &PlanAbout{Purpose: p.Purpose, Scope: p.Scope, Review: p.Review, Risk: p.Risk, Functions: p.Functions}
	for _, r := range p.Roles {
		a.Roles = append(a.Roles, r.Name+": "+r.Who)
	}
	if op == TestFailover {
		a.Scenario, a.Assumptions = p.Test.Scenario, p.Test.Assumptions
	}
	if reflect.ValueOf(*a).IsZero() {
		return nil
	}
	return a
}

// What a person may add to a report.
const (
	EditLead          = "lead"
	EditObserver      = "observer"
	EditThirdParty    = "third-party"
	EditCommunication = "communication"
	EditIntegrity     = "integrity" // of a VM's data
	EditStep          = "step"      // evidence for a manual step
	EditFinding       = "finding"   // a new one, or more about one
	EditNote          = "note"
	EditReviewed      = "reviewed"
	EditAcknowledged  = "acknowledged"
)

// ReportEdit is what a person adds to a report. It is kept as an entry of its
// own, with the time; nothing that was said before is changed.
type ReportEdit struct {
	// By is who says it, which may be another than the one it is about.
	By    string `json:"by"`
	Field string `json:"field"`
	Text  string `json:"text,omitempty"`
	// VM is the label for integrity, Step the number for step.
	VM   string `json:"vm,omitempty"`
	Step int    `json:"step,omitempty"`
	// About is the key of a finding that is there, "" for a new one; the rest is of
	// findings. Due is a date (2027-01-31).
	About    string `json:"about,omitempty"`
	Severity string `json:"severity,omitempty"`
	Owner    string `json:"owner,omitempty"`
	Action   string `json:"action,omitempty"`
	Due      string `json:"due,omitempty"`
	State    string `json:"state,omitempty"`
	// File is the name of a file that shows it, Hash its SHA-256; the file itself
	// is kept by people.
	File string `json:"file,omitempty"`
	Hash string `json:"hash,omitempty"`
}

// editFields are the fields, with whether they need words.
var editFields = []struct {
	name  string
	needs string
}{
	{EditLead, "who led"}, {EditObserver, "who observed"}, {EditThirdParty, "which third party"},
	{EditCommunication, "whether communication and escalation worked"}, {EditIntegrity, "what was looked at, and what it showed"},
	{EditStep, ""}, {EditFinding, ""}, {EditNote, "the note"}, {EditReviewed, "who reviewed it"}, {EditAcknowledged, "who acknowledged it for the management"},
}

// Findings have these severities, the worst first, and states.
var (
	findingSeverities = []string{SeverityMajor, SeverityMinor, SeverityObservation}
	findingStates     = []string{"open", "closed"}
)

// maxEdit bounds what a person writes at once, in bytes.
const maxEdit = 4 << 10

// CheckEdit says what is wrong with an edit of a report, nil when nothing is.
func CheckEdit(e Evidence, edit ReportEdit) error {
	known := slices.IndexFunc(editFields, func(f struct{ name, needs string }) bool { return f.name == edit.Field })
	if known < 0 {
		return fmt.Errorf("%q is nothing that can be added to a report", edit.Field)
	}
	for _, text := range []string{edit.Text, edit.Owner, edit.Action, edit.By, edit.File} {
		if len(text) > maxEdit {
			return fmt.Errorf("%s: a text of %d bytes is too long, at most %d: name a file instead", edit.Field, len(text), maxEdit)
		}
	}
	switch needs := editFields[known].needs; {
	case strings.TrimSpace(edit.By) == "":
		return fmt.Errorf("who says so? Give a name")
	case needs != "" && strings.TrimSpace(edit.Text) == "":
		return fmt.Errorf("%s: write %s", edit.Field, needs)
	case edit.Field == EditIntegrity:
		if !slices.ContainsFunc(e.VMs, func(vm VMEvidence) bool { return vm.Label == edit.VM }) {
			return fmt.Errorf("integrity: the run has no VM %q", edit.VM)
		}
	case edit.Field == EditStep:
		return checkStepEdit(e, edit)
	case edit.Field == EditFinding:
		return checkFindingEdit(e, edit)
	}
	return nil
}

func checkStepEdit(e Evidence, edit ReportEdit) error {
	if !slices.ContainsFunc(e.Manual, func(m ManualEvidence) bool { return m.Step == edit.Step }) {
		return fmt.Errorf("step %d is no manual step of this run", edit.Step)
	}
	if edit.Text == "" && edit.File == "" {
		return fmt.Errorf("step %d: write a note, or name a file", edit.Step)
	}
	return nil
}

func checkFindingEdit(e Evidence, edit ReportEdit) error {
	if edit.Due != "" {
		if _, err := time.Parse(time.DateOnly, edit.Due); err != nil {
			return fmt.Errorf("due is %q: write a date like 2027-01-31", edit.Due)
		}
	}
	about := slices.IndexFunc(e.Findings, func(f EvidenceFinding) bool { return f.Key == edit.About })
	switch {
	case edit.Severity != "" && !slices.Contains(findingSeverities, edit.Severity):
		return fmt.Errorf("severity is %q: write %s", edit.Severity, strings.Join(findingSeverities, ", "))
	case edit.State != "" && !slices.Contains(findingStates, edit.State):
		return fmt.Errorf("state is %q: write %s", edit.State, strings.Join(findingStates, ", "))
	case edit.About == "" && strings.TrimSpace(edit.Text) == "":
		return fmt.Errorf("a finding: write what was found")
	case edit.About != "" && about < 0:
		return fmt.Errorf("the report has no finding %q", edit.About)
	case edit.About != "" && cmp.Or(edit.Text, edit.Owner, edit.Action, edit.Due, edit.State, edit.Severity, edit.File) == "":
		return fmt.Errorf("finding: nothing is said about it")
	case edit.About != "" && lowers(edit.Severity, e.Findings[about].Severity):
		return fmt.Errorf("finding %s is %s, and a severity is only raised: write why it matters less, or close it (state: closed)", e.Findings[about].ID, e.Findings[about].Severity)
	}
	return nil
}

// Words is the edit in one line.
func (e ReportEdit) Words() string {
	text := e.Field
	switch {
	case e.VM != "":
		text += " of " + e.VM
	case e.Step != 0:
		text += fmt.Sprintf(" %d", e.Step)
	case e.About != "":
		text += " " + e.About
	}
	if said := e.said(); said != "" {
		text += ": " + said
	}
	if e.File != "" {
		text += "; file " + e.File
	}
	return text
}

// said is the words of an edit, and what it sets.
func (e ReportEdit) said() string {
	var all []string
	for _, part := range []struct{ head, text string }{
		{"", e.Text}, {"severity ", e.Severity}, {"owner ", e.Owner}, {"action ", e.Action}, {"due ", e.Due}, {"state ", e.State},
	} {
		if part.text != "" {
			all = append(all, part.head+part.text)
		}
	}
	return strings.Join(all, "; ")
}
