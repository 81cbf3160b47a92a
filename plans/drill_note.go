package plans

import "time"

// DrillNote is what a drill of the calendar adds to its test failover: why it
// ran now, and what it was to prove, both written before it began. Later edits
// of the files do not change it.
type DrillNote struct {
	// Calendar is the drill's name in the configuration.
	Calendar string `json:"calendar"`
	// Hash identifies the drill as it stood in the files when it began.
	Hash string `json:"hash"`
	// Due is when the calendar wanted it; of one that a person began, when that was.
	Due time.Time `json:"due"`
	// Next is when the calendar wants the next one, zero when never again.
	Next time.Time `json:"next,omitzero"`
	// ByHand is true for one that a person began.
	ByHand bool `json:"by_hand,omitempty"`
	// Criteria are what makes it a success, Locked when they were copied.
	Criteria []Criterion `json:"criteria,omitempty"`
	Locked   time.Time   `json:"locked"`
}

// CriterionKind is how a criterion is judged.
type CriterionKind string

// The kinds of criteria.
const (
	CriterionVMs    CriterionKind = "vms"    // every VM came up
	CriterionGates  CriterionKind = "gates"  // every gate was asked and passed
	CriterionRTO    CriterionKind = "rto"    // all was up within Limit
	CriterionRPO    CriterionKind = "rpo"    // no copy's data was older than Limit
	CriterionClean  CriterionKind = "clean"  // nothing is left behind
	CriterionPeople CriterionKind = "people" // a person says so
)

// Criterion is one thing that makes a drill a success.
type Criterion struct {
	Kind CriterionKind `json:"kind"`
	// Text says it in words.
	Text string `json:"text"`
	// Limit is of rto and rpo.
	Limit Duration `json:"limit,omitempty"`
	// Who is asked, of people; Step the number by which it is answered.
	Who  string `json:"who,omitempty"`
	Step int    `json:"step,omitempty"`
}

// CriterionResult is how a criterion came out.
type CriterionResult string

// The results. What could not be seen or was not answered is not judged: it is
// neither a success nor a failure.
const (
	CriterionMet       CriterionResult = "met"
	CriterionNotMet    CriterionResult = "not met"
	CriterionNotJudged CriterionResult = "not judged"
)

// Judgement is a criterion with how it came out.
type Judgement struct {
	Criterion Criterion       `json:"criterion"`
	Result    CriterionResult `json:"result"`
	// Why is what was measured, or what the person said.
	Why string `json:"why"`
	// By is who answered and At when, of people.
	By string    `json:"by,omitempty"`
	At time.Time `json:"at,omitzero"`
}
