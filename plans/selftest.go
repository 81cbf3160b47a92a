package plans

import "time"

// A self-test asks two real hosts what Microsoft's documentation leaves open, and
// walks every verb on the way, with a small empty VM of its own. What it finds is a
// trace that a lab can play: so the model that Lifeboat was written from is
// corrected by what Windows does.

// Verbs that only a self-test uses.
const (
	VerbSelfTestMake   Verb = "make-self-test"
	VerbSelfTestMark   Verb = "mark-self-test"
	VerbSelfTestRemove Verb = "remove-self-test"
	VerbSelfTestSave   Verb = "save-self-test"
	VerbSecondTest     Verb = "second-test"
	VerbStopResync     Verb = "stop-resynchronization"
	VerbSuspend        Verb = "suspend-replication"
	// VerbAskReplication reads; a host may answer with an error.
	VerbAskReplication Verb = "ask-replication"
)

// SelfTestPrefix begins the name of a self-test's VM; the name alone says nothing,
// the mark in the VM's notes does.
const SelfTestPrefix = "lifeboat-selftest-"

// What the VM of a self-test has, in bytes.
const (
	SelfTestMemory = 64 << 20
	SelfTestDisk   = 1 << 30
)

// SelfTestSetup is a self-test as it was asked for, with what its hosts said.
type SelfTestSetup struct {
	// Name is that of the VM: SelfTestPrefix and some random letters.
	Name string        `json:"name"`
	A    SelfTestParty `json:"a"`
	B    SelfTestParty `json:"b"`
	// Canary is the canary that this is a night of, "" of a self-test.
	Canary string `json:"canary,omitempty"`
	// Hours is consent to the questions that take hours.
	Hours bool `json:"hours,omitempty"`
	// Clean only removes what earlier self-tests have left.
	Clean  bool    `json:"clean,omitempty"`
	Speed  float64 `json:"speed"`
	By     string  `json:"by,omitempty"`
	Reason string  `json:"reason,omitempty"`
}

// SelfTestParty is one of the two hosts.
type SelfTestParty struct {
	Host string `json:"host"`
	Site string `json:"site"`
	// Replica is the name under which the other host replicates to it, Thumbprint
	// its own certificate.
	Replica    string `json:"replica"`
	Thumbprint string `json:"thumbprint,omitempty"`
	// What follows the host itself said. Auth and Port are how it takes
	// replication; Entries are its authorization entries.
	Auth      string   `json:"auth,omitempty"`
	Port      int      `json:"port,omitempty"`
	AnyServer bool     `json:"any_server,omitempty"`
	Entries   []string `json:"entries,omitempty"`
	// Windows is its version, 10.0.<build>.
	Windows string `json:"windows,omitempty"`
}

// Kind names it for people.
func (s SelfTestSetup) Kind() string {
	if s.Canary != "" {
		return "canary " + s.Canary
	}
	return "self-test"
}

// At is the party that a step is for.
func (s SelfTestSetup) At(side SelfTestSide) SelfTestParty {
	if side == SelfTestB {
		return s.B
	}
	return s.A
}

// Other is the party that a step is not for.
func (s SelfTestSetup) Other(side SelfTestSide) SelfTestParty { return s.At(side.other()) }

// SelfTestSide is one of the two hosts of a self-test.
type SelfTestSide string

// The sides. The VM is made at A.
const (
	SelfTestA SelfTestSide = "a"
	SelfTestB SelfTestSide = "b"
)

func (s SelfTestSide) other() SelfTestSide {
	if s == SelfTestA {
		return SelfTestB
	}
	return SelfTestA
}

// SelfTestView is what one host says of the self-test's VM. Words are Hyper-V's.
type SelfTestView struct {
	// Seen is false where the host did not answer; Why says so.
	Seen bool   `json:"seen"`
	Why  string `json:"why,omitempty"`
	// Here is false where it has no such VM.
	Here            bool      `json:"here,omitempty"`
	Name            string    `json:"name,omitempty"`
	Power           string    `json:"power,omitempty"`
	Mode            string    `json:"mode,omitempty"`
	State           string    `json:"state,omitempty"`
	Health          string    `json:"health,omitempty"`
	AutoStart       string    `json:"auto_start,omitempty"`
	FailoverType    string    `json:"failover_type,omitempty"`
	LastReplication time.Time `json:"last_replication,omitzero"`
	TestVM          string    `json:"test_vm,omitempty"`
	InitialBytes    *uint64   `json:"initial_bytes,omitempty"`
	Compression     *bool     `json:"compression,omitempty"`
	Marked          bool      `json:"marked,omitempty"`
	MACs            []string  `json:"macs,omitempty"`
	TestMACs        []string  `json:"test_macs,omitempty"`
	Disks           []string  `json:"disks,omitempty"`
	// Points are the types of its recovery points.
	Points []string `json:"points,omitempty"`
	// AppPoints are application-consistent points of other VMs' replicas there,
	// AppBesides those with a standard point of the same moment.
	AppPoints  int `json:"app_points,omitempty"`
	AppBesides int `json:"app_besides,omitempty"`
}

// SelfTestSight is what both hosts say at one moment.
type SelfTestSight struct {
	A SelfTestView `json:"a"`
	B SelfTestView `json:"b"`
}

// At is what one side says.
func (s SelfTestSight) At(side SelfTestSide) SelfTestView {
	if side == SelfTestB {
		return s.B
	}
	return s.A
}

// SelfTestStep is one step of the walk.
type SelfTestStep struct {
	Name string
	// Says is what it does, for people.
	Says string
	At   SelfTestSide
	// Verb is what is done; none only looks.
	Verb Verb
	// From says whether there is anything to do; nil is always.
	From func(SelfTestSight) bool
	// Until says whether it has come about; nil is at once.
	Until func(SelfTestSight) bool
	// Settle is how long is waited first, Patience how long for Until, by the
	// hosts' time.
	Settle, Patience time.Duration
	// Probe is a step whose refusal is an answer.
	Probe bool
	// Soft goes on though Until does not come about.
	Soft bool
	// Hours is a step for which hours must be given.
	Hours bool
	// Allowed is the authorization entry that -AsReplica names.
	Allowed func(SelfTestSetup) string
	// Points is the RecoveryHistory of what is enabled.
	Points int
	// Settings and Others ask for more than every look: the settings of
	// replication, and the recovery points of other VMs.
	Settings, Others bool
	// Cycle begins its wait at the last replication that is seen first.
	Cycle bool
	// Asks are the questions that it answers.
	Asks []string
}

// SelfTestProgress is where a self-test stands; the workflow carries it.
type SelfTestProgress struct {
	VM string `json:"vm,omitempty"`
	// Acted is true when this step's act was sent; Outcome is what became of it.
	Acted    bool          `json:"acted,omitempty"`
	Outcome  string        `json:"outcome,omitempty"`
	Code     string        `json:"code,omitempty"`
	Category string        `json:"category,omitempty"`
	Error    string        `json:"error,omitempty"`
	Took     time.Duration `json:"took,omitempty"`
	// Again is true when an engine that ended meanwhile may have sent it before:
	// its answer then tells nothing.
	Again bool `json:"again,omitempty"`
	// Before is what was seen before the act, First right after it.
	Before *SelfTestSight `json:"before,omitempty"`
	First  *SelfTestSight `json:"first,omitempty"`
	// InitialBytes is what the first copy of all took.
	InitialBytes *uint64 `json:"initial_bytes,omitempty"`
}

// next is the progress with which the step that follows begins.
func (p SelfTestProgress) next() SelfTestProgress {
	return SelfTestProgress{VM: p.VM, InitialBytes: p.InitialBytes}
}

// Outcomes of a self-test's act besides those of an ActRecord.
const selfTestDone, selfTestFailed, selfTestLost = "done", "failed", "no-answer"

// SelfTestKind is what follows from a look.
type SelfTestKind string

// The kinds.
const (
	SelfTestAct    SelfTestKind = "act"
	SelfTestWait   SelfTestKind = "wait"
	SelfTestOver   SelfTestKind = "over"
	SelfTestBroken SelfTestKind = "broken"
)

// SelfTestDecision is that, with how long to wait by the hosts' time, or with the
// answers of a step that is over.
type SelfTestDecision struct {
	Kind    SelfTestKind     `json:"kind"`
	Why     string           `json:"why,omitempty"`
	In      time.Duration    `json:"in,omitempty"`
	Expect  Expect           `json:"expect,omitzero"`
	Answers []SelfTestAnswer `json:"answers,omitempty"`
	// Skipped is true for a step with nothing to do.
	Skipped bool `json:"skipped,omitempty"`
}

// How often a self-test looks, and how long it looks for a host that does not
// answer.
const (
	selfTestEvery  = 2 * time.Second
	selfTestMost   = 2 * time.Minute
	selfTestUnseen = 10 * time.Minute
)

// NextSelfTest says what follows for a step from what both hosts say. waited is
// how long the step has taken, by the hosts' time.
func NextSelfTest(step SelfTestStep, setup SelfTestSetup, p SelfTestProgress, s SelfTestSight, waited time.Duration) SelfTestDecision {
	if !s.A.Seen || !s.B.Seen {
		if waited > step.Settle+step.Patience+selfTestUnseen {
			return SelfTestDecision{Kind: SelfTestBroken, Why: "a host does not answer: " + orWord(s.A.Why, s.B.Why)}
		}
		return SelfTestDecision{Kind: SelfTestWait, In: 10 * selfTestEvery, Why: "a host does not answer"}
	}
	if !p.Acted {
		if d, done := beforeSelfTestAct(step, p, s, waited); done {
			return d
		}
		if step.Verb != "" {
			v := s.At(step.At)
			return SelfTestDecision{Kind: SelfTestAct, Why: step.Says, Expect: Expect{Power: v.Power, Mode: v.Mode, State: v.State}}
		}
	}
	return afterSelfTestAct(step, setup, p, s, waited)
}

// beforeSelfTestAct says whether a step that has not acted needs to.
func beforeSelfTestAct(step SelfTestStep, p SelfTestProgress, s SelfTestSight, waited time.Duration) (SelfTestDecision, bool) {
	switch {
	case p.Before == nil && step.From != nil && !step.From(s):
		return SelfTestDecision{Kind: SelfTestOver, Skipped: true, Answers: untold(step, "what came before left nothing to ask")}, true
	case step.Verb != "" && !step.Probe && step.Until != nil && step.Until(s):
		return SelfTestDecision{Kind: SelfTestOver, Skipped: true, Answers: untold(step, "it was so already")}, true
	case waited < step.Settle:
		return SelfTestDecision{Kind: SelfTestWait, In: step.Settle - waited, Why: "gives the hosts time"}, true
	case waited > step.Settle+step.Patience+selfTestUnseen && step.Verb != "":
		return SelfTestDecision{Kind: SelfTestBroken, Why: "could not be done: " + orWord(p.Error, p.Outcome)}, true
	}
	return SelfTestDecision{}, false
}

func afterSelfTestAct(step SelfTestStep, setup SelfTestSetup, p SelfTestProgress, s SelfTestSight, waited time.Duration) SelfTestDecision {
	e := selfTestEvidence{step: step, setup: setup, progress: p, now: s}
	reached := step.reached(p, s)
	switch {
	case p.Outcome == selfTestFailed && step.Probe && !reached:
		return e.over()
	case reached:
		return e.over()
	case p.Outcome == selfTestFailed:
		return SelfTestDecision{Kind: SelfTestBroken, Why: "was refused: " + p.Error}
	case waited < step.Settle+step.Patience:
		return SelfTestDecision{Kind: SelfTestWait, In: min(selfTestMost, max(selfTestEvery, waited/5)), Why: "waits for the hosts"}
	case step.Soft || step.Probe:
		e.late = true
		return e.over()
	}
	return SelfTestDecision{Kind: SelfTestBroken, Why: "did not come about in " + step.Patience.String()}
}

// reached says whether a step has come about.
func (step SelfTestStep) reached(p SelfTestProgress, s SelfTestSight) bool {
	if step.Cycle {
		return p.Before != nil && s.At(step.At).LastReplication.After(p.Before.At(step.At).LastReplication)
	}
	return step.Until == nil || step.Until(s)
}
