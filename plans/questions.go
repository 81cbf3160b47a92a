package plans

import "time"

// Question is something a person must answer.
type Question struct {
	// Step is the step's number for a manual step; VM the label of a held VM.
	Step    int       `json:"step,omitempty"`
	VM      string    `json:"vm,omitempty"`
	VMID    string    `json:"vm_id,omitempty"`
	Text    string    `json:"text"`
	Owner   string    `json:"owner,omitempty"`
	Since   time.Time `json:"since"`
	Choices []Choice  `json:"choices"`
	// SafeToWait says what waiting costs.
	SafeToWait string `json:"safe_to_wait,omitempty"`
	// Quorum is how many different people must approve, Approved who has.
	Quorum   int      `json:"quorum,omitempty"`
	Approved []string `json:"approved,omitempty"`
	// Due is when the answer is wanted; Escalated who was told that it is late.
	Due       time.Time `json:"due,omitzero"`
	Escalated []string  `json:"escalated,omitempty"`
}

// Choice is an answer a person may give. Each is an Update of the run with
// this name.
type Choice string

// The choices.
const (
	ChoiceApprove    Choice = "approve"    // manual step: done / yes
	ChoiceDecline    Choice = "decline"    // manual step: no; the run stops
	ChoiceSkip       Choice = "skip"       // manual step or held VM: leave out, with reason
	ChoiceRetry      Choice = "retry"      // held VM: look again and go on
	ChoiceTurnOff    Choice = "turn-off"   // held VM in shut-down: cut its power
	ChoiceBringBack  Choice = "bring-back" // held VM: cancel this VM, back to the source
	ChoiceAccept     Choice = "accept"     // held VM: go on with the failover somebody made
	ChoiceDisconnect Choice = "disconnect" // old primary that runs: take it off the network
	ChoiceResolved   Choice = "resolved"   // held VM: mended by hand; it is looked at and must be as wanted
	ChoiceWaive      Choice = "waive"      // a gate not asked yet or not passed: go on without it, with reason
	ChoiceReorder    Choice = "reorder"    // run: another order of stages that have not started
	ChoiceEnd        Choice = "end"        // test failover: clean up now
	ChoiceHold       Choice = "hold"       // run: start nothing more until resume
	ChoiceResume     Choice = "resume"     // run: go on after hold
	ChoiceStop       Choice = "stop"       // run: finish acts under way, then end
	ChoiceRun        Choice = "run"        // repair: take the next rung now
)

// Answer is what a person says to a run.
type Answer struct {
	Choice Choice `json:"choice"`
	// Step for a manual step, VM (label or ID) for a held VM.
	Step int    `json:"step,omitempty"`
	VM   string `json:"vm,omitempty"`
	// Stages is the new order, for reorder: every stage that has not started.
	Stages []string `json:"stages,omitempty"`
	By     string   `json:"by"`
	Reason string   `json:"reason,omitempty"`
	// Word is typed beside an answer for which a plain yes is too little.
	Word string `json:"word,omitempty"`
	// About is what the person was shown (RepairStep.Asks): a yes is to that alone.
	// Empty is not told.
	About string `json:"about,omitempty"`
	// Via is how it came: cli, web-ui or lab-operator.
	Via string `json:"via,omitempty"`
}

// AnswerResult is what the run says to an answer it accepted.
type AnswerResult struct {
	Text   string    `json:"text"`
	Status RunStatus `json:"status"`
}

// AnswerRecord is an answer with its time.
type AnswerRecord struct {
	At     time.Time `json:"at"`
	Answer Answer    `json:"answer"`
}
