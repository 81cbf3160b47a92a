package plans

import "time"

// Verdict is how a run or a VM ended, or that it has not. One meaning each.
type Verdict string

// The verdicts. The first four are of a run on its way, the rest are ends.
const (
	VerdictRunning Verdict = "running"
	VerdictWaiting Verdict = "waiting" // for a person: a manual step
	VerdictHeld    Verdict = "held"    // a gate not passed, a VM refused: a person decides
	VerdictPaused  Verdict = "paused"  // a person said hold

	VerdictDone    Verdict = "done"
	VerdictRefused Verdict = "refused" // nothing changed
	VerdictStopped Verdict = "stopped" // changed, safe
	VerdictStuck   Verdict = "stuck"   // changed, needs you
	VerdictUnknown Verdict = "unknown" // cannot see
	VerdictSkipped Verdict = "skipped" // of a VM only: a person left it out
)

// RunStatus is the live picture of a run: what queries answer, what the
// terminal draws and what the report is made from.
type RunStatus struct {
	RunID     string    `json:"run_id"`
	Workflow  string    `json:"workflow"`
	Plan      string    `json:"plan"`
	PlanHash  string    `json:"plan_hash"`
	Operation Operation `json:"operation"`
	From      string    `json:"from"`
	To        string    `json:"to"`
	StartedBy string    `json:"started_by"`
	Started   time.Time `json:"started"`
	Ended     time.Time `json:"ended,omitzero"`
	Verdict   Verdict   `json:"verdict"`
	// Summary is one or two lines for people.
	Summary string `json:"summary"`
	// Step and Steps are "step n of m".
	Step  int    `json:"step"`
	Steps int    `json:"steps"`
	Stage string `json:"stage,omitempty"`
	// ETA is when the run is expected to end if people answer at once; zero
	// when it cannot be said.
	ETA time.Time `json:"eta,omitzero"`
	// Critical is the chain of VM labels that decides the ETA.
	Critical []string `json:"critical,omitempty"`
	// Slow are the phases under way that take much longer than they used to.
	Slow []Slow `json:"slow,omitempty"`
	// Waiting is what the run waits for from people, oldest first.
	Waiting  []Question   `json:"waiting,omitempty"`
	StepList []StepStatus `json:"step_list"`
	VMs      []VMStatus   `json:"vms"`
	LeftOut  []LeftOut    `json:"left_out,omitempty"`
	Findings []Finding    `json:"findings,omitempty"`
	// GoodCopy says in words where the good copies are now.
	GoodCopy string `json:"good_copy"`
	// WayBack says whether Cancel is possible and what it would lose.
	WayBack string `json:"way_back,omitempty"`
}

// RunResult is what a run's workflow returns; the report is in the journal.
type RunResult struct {
	RunID   string  `json:"run_id"`
	Verdict Verdict `json:"verdict"`
	Summary string  `json:"summary"`
	// NotMet are the criteria and targets that a drill missed.
	NotMet []string `json:"not_met,omitempty"`
	// GaveWay is true for a drill that a real operation ended.
	GaveWay bool `json:"gave_way,omitempty"`
}

// StepStatus is one step of a run on its way.
type StepStatus struct {
	Number  int       `json:"number"`
	Name    string    `json:"name"`
	Kind    string    `json:"kind"` // stage, manual, notice
	Verdict Verdict   `json:"verdict"`
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
	By      string    `json:"by,omitempty"`
	Note    string    `json:"note,omitempty"`
}

// VMStatus is one VM of a run on its way.
type VMStatus struct {
	ID      string  `json:"id"`
	Label   string  `json:"label"`
	Step    int     `json:"step"`
	Verdict Verdict `json:"verdict"`
	Phase   Phase   `json:"phase,omitempty"`
	// Doing is the last decision in words; Remedy what a held VM needs.
	Doing  string `json:"doing,omitempty"`
	Remedy string `json:"remedy,omitempty"`
	Good   Side   `json:"good,omitempty"`
	// Times holds when each phase began and ended.
	Times []PhaseTime `json:"times,omitempty"`
	// Acts are the changing calls made, in order.
	Acts []ActRecord `json:"acts,omitempty"`
	// Progress is how far a first copy or a resynchronization has come.
	Progress *SyncProgress `json:"progress,omitempty"`
	// Point is the recovery point the copy at the target was failed over to.
	Point Point `json:"point,omitzero"`
	// TestVM is the GUID of the test copy.
	TestVM string `json:"test_vm,omitempty"`
	// Changed is true once anything was changed for this VM.
	Changed bool `json:"changed,omitempty"`
	// Irreversible is true once the way back by Cancel is gone.
	Irreversible bool   `json:"irreversible,omitempty"`
	GateText     string `json:"gate_text,omitempty"`
	// Asking is what a host was asked for and has not answered for some time. Who
	// reads the status fills it in: the run itself waits.
	Asking *Asking `json:"asking,omitempty"`
	// After is what was seen of the replication once a test copy was gone.
	After string `json:"after,omitempty"`
	// Elsewhere is true once the VM replicates to a third host: the copy at the
	// source is old, and left out.
	Elsewhere bool `json:"elsewhere,omitempty"`
}

// PhaseTime is when a phase of a VM began and ended.
type PhaseTime struct {
	Phase   Phase     `json:"phase"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
}

// Report is what a run leaves for ever in the journal.
type Report struct {
	Status RunStatus `json:"status"`
	Input  RunInput  `json:"input"`
	// RTO is from the start to the last VM up and its gates green; zero for an
	// operation that brings nothing up.
	RTO Duration `json:"rto"`
	// Downtime per VM label: from shutdown begun to gates green. After an
	// unplanned failover nobody knows when it began.
	Downtime map[string]Duration `json:"downtime"`
	Answers  []AnswerRecord      `json:"answers,omitempty"`
	// Judgements are how the criteria of a drill came out.
	Judgements []Judgement `json:"judgements,omitempty"`
	// Version of Lifeboat, and whether hosts were simulated.
	Version   string `json:"version"`
	Simulated bool   `json:"simulated"`
}
