package plans

import "time"

// Evidence is a run as a person reads it who was not there: what was planned,
// what was measured, what went otherwise, and what is still to be written. It is
// made from the record alone: the same record gives the same evidence. Nothing in
// it is invented: a fact that nobody gave is a blank, and says so.
//
// Durations are in the hosts' time, which in a lab runs faster than ours.
type Evidence struct {
	Format    int       `json:"format"` // 1
	Number    string    `json:"number"`
	Run       string    `json:"run"`
	Plan      string    `json:"plan"`
	Operation Operation `json:"operation"`
	From      string    `json:"from"`
	To        string    `json:"to"`
	Started   time.Time `json:"started"`
	Ended     time.Time `json:"ended"`
	Verdict   Verdict   `json:"verdict"`
	// Outcome is the verdict for a reader: PASSED WITH 1 FINDING.
	Outcome string `json:"outcome"`
	Summary string `json:"summary"`
	// Simulated says that the hosts were those of a lab, Speed how many of their
	// seconds one of ours was.
	Simulated bool    `json:"simulated"`
	Speed     float64 `json:"speed"`
	// Tenant is whose copy this is, "" for that of the operator; Withheld how many
	// VMs of others it leaves out.
	Tenant   string   `json:"tenant,omitempty"`
	Withheld int      `json:"withheld,omitempty"`
	Tenants  []string `json:"tenants,omitempty"`

	// Fields are the single facts, block by block.
	Fields   []EvidenceField   `json:"fields"`
	VMs      []VMEvidence      `json:"vms"`
	Stages   []StageEvidence   `json:"stages"`
	Criteria []Judgement       `json:"criteria,omitempty"`
	Manual   []ManualEvidence  `json:"manual,omitempty"`
	LeftOut  []LeftOut         `json:"left_out,omitempty"`
	Before   []Finding         `json:"before,omitempty"`
	Findings []EvidenceFinding `json:"findings"`
	Log      []LogLine         `json:"log"`
	Measured Measured          `json:"measured"`
	Anchor   Anchor            `json:"anchor"`
}

// EvidenceField is one fact. Text is empty for a blank; Missing then says what a
// person must write, and Needed whether the report cannot be signed without it.
type EvidenceField struct {
	Block string `json:"block"`
	Key   string `json:"key"` // stable, for scripts: people.lead
	Label string `json:"label"`
	Text  string `json:"text"`
	// By is who says so: lifeboat, the plan, or a person.
	By      string    `json:"by,omitempty"`
	At      time.Time `json:"at,omitzero"`
	Missing string    `json:"missing,omitempty"`
	Needed  bool      `json:"needed,omitempty"`
}

// Who fills a field, beside people.
const (
	ByLifeboat = "lifeboat"
	ByPlan     = "the plan"
)

// Measure is a measured time against its target: 0 is none.
type Measure struct {
	Target   Duration `json:"target"`
	Measured Duration `json:"measured"`
	// Known is false when nothing could be measured.
	Known bool `json:"known"`
}

// Missed is true when both are known and the target was not kept.
func (t Measure) Missed() bool { return t.Known && t.Target > 0 && t.Measured > t.Target }

// Measured is the whole plan against its targets. Worst is the VM of the worst
// RPO.
type Measured struct {
	RTO   Measure `json:"rto"`
	RPO   Measure `json:"rpo"`
	Worst string  `json:"worst,omitempty"`
	Done  int     `json:"done"`
	VMs   int     `json:"vms"`
}

// VMEvidence is how one VM went.
type VMEvidence struct {
	ID     string `json:"id"`
	Label  string `json:"label"`
	Tenant string `json:"tenant,omitempty"`
	Step   int    `json:"step"`
	// SourceHost and TargetHost are those of the run.
	SourceHost string  `json:"source_host"`
	TargetHost string  `json:"target_host"`
	Verdict    Verdict `json:"verdict"`
	Result     string  `json:"result"` // pass, fail, left out, not tested, or the verdict of what is no test
	Doing      string  `json:"doing,omitempty"`
	Point      Point   `json:"point,omitzero"`
	RPO        Measure `json:"rpo"`
	RTO        Measure `json:"rto"`
	// Downtime is from the beginning of its shut-down to green gates, 0 where that
	// is not known; Boot from its start to green gates.
	Downtime Duration `json:"downtime,omitempty"`
	Boot     Duration `json:"boot,omitempty"`
	Gates    string   `json:"gates"`
	// After is what was seen of its replication in the end.
	After     string          `json:"after,omitempty"`
	Integrity []Remark        `json:"integrity,omitempty"`
	Bars      []PhaseEvidence `json:"bars,omitempty"`
	Acts      int             `json:"acts"`
	Repeats   int             `json:"repeats"`
}

// PhaseEvidence is a phase of a VM, from the start of the run.
type PhaseEvidence struct {
	Phase Phase    `json:"phase"`
	From  Duration `json:"from"`
	To    Duration `json:"to"`
	// Open is true for one that did not end.
	Open bool `json:"open,omitempty"`
}

// StageEvidence is a step that holds VMs: its place in the plan and in the run.
type StageEvidence struct {
	Step int    `json:"step"`
	Name string `json:"name"`
	// Planned and AsRun count stages from 1; AsRun is 0 for one that never began.
	Planned int      `json:"planned"`
	AsRun   int      `json:"as_run"`
	VMs     []string `json:"vms"`
	Began   Duration `json:"began"`
	// RTO is until the last of its VMs was up.
	RTO Measure `json:"rto"`
	// Deviation says what was not in the planned order, "" when all was.
	Deviation string `json:"deviation,omitempty"`
}

// ManualEvidence is a step that was for people.
type ManualEvidence struct {
	Step    int       `json:"step"`
	Name    string    `json:"name"`
	Text    string    `json:"text"`
	Owner   string    `json:"owner,omitempty"`
	Verdict Verdict   `json:"verdict"`
	By      []string  `json:"by,omitempty"`
	Note    string    `json:"note,omitempty"`
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
	From    Duration  `json:"from"`
	To      Duration  `json:"to"`
	Takes   Duration  `json:"takes,omitempty"`
	Remarks []Remark  `json:"remarks,omitempty"`
}

// Remark is what a person wrote, with the file that shows it.
type Remark struct {
	By   string    `json:"by"`
	At   time.Time `json:"at"`
	Text string    `json:"text,omitempty"`
	File string    `json:"file,omitempty"`
	Hash string    `json:"hash,omitempty"` // SHA-256
}

// The severities of a finding of a report. An observation does not count.
const (
	SeverityMajor       = "major"
	SeverityMinor       = "minor"
	SeverityObservation = "observation"
)

// EvidenceFinding is what was not as it should be, and who does what about it.
type EvidenceFinding struct {
	// ID is for this page (F1), Key stable.
	ID       string    `json:"id"`
	Key      string    `json:"key"`
	Severity string    `json:"severity"`
	VM       string    `json:"vm,omitempty"`
	Host     string    `json:"host,omitempty"`
	Text     string    `json:"text"`
	Remedy   string    `json:"remedy,omitempty"`
	By       string    `json:"by"` // lifeboat, or a person
	At       time.Time `json:"at,omitzero"`
	Owner    string    `json:"owner,omitempty"`
	Action   string    `json:"action,omitempty"`
	Due      string    `json:"due,omitempty"`
	State    string    `json:"state"` // open, closed
	Remarks  []Remark  `json:"remarks,omitempty"`
}

// LogLine is one thing that happened. Kind is run, act, answer, step, told or
// edit; Extra says that no plan had it: a retry, or a decision of the moment.
type LogLine struct {
	At      time.Time `json:"at"`
	Ended   time.Time `json:"ended,omitzero"`
	Kind    string    `json:"kind"`
	Who     string    `json:"who"`
	VM      string    `json:"vm,omitempty"`
	Host    string    `json:"host,omitempty"`
	What    string    `json:"what"`
	Outcome string    `json:"outcome,omitempty"`
	Extra   string    `json:"extra,omitempty"`
	Entry   uint64    `json:"entry,omitempty"`
}

// Missing are the blanks without which the report cannot be signed, then those
// that it can be signed with.
func (e Evidence) Missing() (needed, other []EvidenceField) {
	for _, f := range e.Fields {
		switch {
		case f.Missing == "":
		case f.Needed:
			needed = append(needed, f)
		default:
			other = append(other, f)
		}
	}
	return needed, other
}

// Field finds a fact by its key.
func (e Evidence) Field(key string) (EvidenceField, bool) {
	for _, f := range e.Fields {
		if f.Key == key {
			return f, true
		}
	}
	return EvidenceField{}, false
}
