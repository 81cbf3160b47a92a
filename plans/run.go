package plans

import "time"

// RunInput is all a run needs, copied from the configuration when it starts:
// later edits do not change a running run. It holds no secret and no address
// of a host: activities resolve host names.
type RunInput struct {
	RunID     string    `json:"run_id"` // for people and the journal: <plan>-<yyyymmdd-hhmmss>
	Plan      string    `json:"plan"`
	PlanHash  string    `json:"plan_hash"`
	Operation Operation `json:"operation"`
	// From and To are the sites of this run; To is where "done" is.
	From       string        `json:"from"`
	To         string        `json:"to"`
	StartedBy  string        `json:"started_by"`
	Reason     string        `json:"reason,omitempty"`
	Reverse    ReversePolicy `json:"reverse"`
	Limits     Limits        `json:"limits"`
	Objectives Objectives    `json:"objectives"`
	Steps      []RunStep     `json:"steps"`
	// Hosts are the hosts the run needs, source hosts first.
	Hosts []RunHost `json:"hosts"`
	// LeftOut are VMs of the plan that do not take part, each with the reason.
	LeftOut []LeftOut `json:"left_out,omitempty"`
	// Speed divides every wait that stands for something on a host (1 on
	// real hosts).
	Speed float64 `json:"speed"`
	// Auto lets the stated lab operator answer manual steps.
	Auto bool `json:"auto,omitempty"`
	// LoseWrites is a person's consent, for Cancel: what users wrote at the
	// target since it started is lost.
	LoseWrites bool `json:"lose_writes,omitempty"`
}

// Pair is one VM as both hosts of a run see it.
type Pair struct {
	ID     string `json:"id"`
	Source Copy   `json:"source"`
	Target Copy   `json:"target"`
}

// RunHost is a host that a run needs.
type RunHost struct {
	Name string `json:"name"`
	Site string `json:"site"`
	// Reserve is the memory kept free for the host itself.
	Reserve Bytes `json:"reserve,omitempty"`
}

// RunStep is a step with everything resolved: exactly one of VMs, Manual and
// Notice is set. Number counts from 1 as people see it.
type RunStep struct {
	Number   int         `json:"number"`
	Name     string      `json:"name"`
	Parallel int         `json:"parallel,omitempty"`
	VMs      []RunVM     `json:"vms,omitempty"`
	Manual   *ManualStep `json:"manual,omitempty"`
	Notice   *Notice     `json:"notice,omitempty"`
}

// RunVM is one VM of a run.
type RunVM struct {
	ID   string `json:"id"`
	Name string `json:"name"` // for people; may repeat, may hold anything
	// Label is unique in the run: Name, or Name and the start of the ID.
	Label string `json:"label"`
	// After are the IDs of VMs that must be up first.
	After []string `json:"after,omitempty"`
	// SourceHost and TargetHost are the hosts of this run's From and To.
	SourceHost string `json:"source_host"`
	TargetHost string `json:"target_host"`
	// ReverseTo is the source host's name as a replica server, Thumbprint the
	// target host's own certificate: reverse replication needs both.
	ReverseTo  string      `json:"reverse_to"`
	Thumbprint string      `json:"thumbprint,omitempty"`
	NICs       []WantedNIC `json:"nics,omitempty"`
	Gates      []RunGate   `json:"gates,omitempty"`
	Settle     Duration    `json:"settle,omitempty"`
	RTO        Duration    `json:"rto,omitempty"`
	RPO        Duration    `json:"rpo,omitempty"`
	Frequency  Frequency   `json:"frequency"`
	Memory     Bytes       `json:"memory,omitempty"`
	// IfCapacity is true for a VM that stays behind when the target is full.
	IfCapacity bool `json:"if_capacity,omitempty"`
	// Expected are the durations the ETA starts from, per phase.
	Expected map[Phase]Duration `json:"expected,omitempty"`
}

// RunGate is a gate with its address resolved.
type RunGate struct {
	Kind   string   `json:"kind"` // heartbeat, tcp, http, guest-script, engine-script
	Text   string   `json:"text"` // for people: "tcp 1433 at 10.20.10.20"
	Within Duration `json:"within"`

	Healthy   bool      `json:"healthy,omitempty"`
	Addresses []string  `json:"addresses,omitempty"` // host:port, all must accept
	URL       string    `json:"url,omitempty"`
	Status    int       `json:"status,omitempty"`
	Contains  string    `json:"contains,omitempty"`
	CA        string    `json:"ca,omitempty"`
	Insecure  bool      `json:"insecure,omitempty"`
	Run       string    `json:"run,omitempty"`
	Command   []string  `json:"command,omitempty"`
	User      string    `json:"user,omitempty"`
	Secret    SecretRef `json:"secret,omitempty"`
}

// LeftOut is a VM of the plan that does not take part in a run.
type LeftOut struct {
	VM  string `json:"vm"` // label
	Why string `json:"why"`
}

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
	// Changed is true once anything was changed for this VM.
	Changed bool `json:"changed,omitempty"`
	// Irreversible is true once the way back by Cancel is gone.
	Irreversible bool   `json:"irreversible,omitempty"`
	GateText     string `json:"gate_text,omitempty"`
}

// PhaseTime is when a phase of a VM began and ended.
type PhaseTime struct {
	Phase   Phase     `json:"phase"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
}

// ActRecord is one changing call to a host, as the journal has it too.
type ActRecord struct {
	Request string    `json:"request"`
	Host    string    `json:"host"`
	Verb    Verb      `json:"verb"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	// Outcome is done, moved, expired, failed, not-sent or no-answer.
	Outcome string `json:"outcome"`
	Error   string `json:"error,omitempty"`
}

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
}

// Choice is an answer a person may give. Each is an Update of the run with
// this name.
type Choice string

// The choices.
const (
	ChoiceApprove   Choice = "approve"    // manual step: done / yes
	ChoiceDecline   Choice = "decline"    // manual step: no; the run stops
	ChoiceSkip      Choice = "skip"       // manual step or held VM: leave out, with reason
	ChoiceRetry     Choice = "retry"      // held VM: look again and go on
	ChoiceTurnOff   Choice = "turn-off"   // held VM in shut-down: cut its power
	ChoiceBringBack Choice = "bring-back" // held VM: cancel this VM, back to the source
	ChoiceHold      Choice = "hold"       // run: start nothing more until resume
	ChoiceResume    Choice = "resume"     // run: go on after hold
	ChoiceStop      Choice = "stop"       // run: finish acts under way, then end
)

// Answer is what a person says to a run.
type Answer struct {
	Choice Choice `json:"choice"`
	// Step for a manual step, VM (label or ID) for a held VM.
	Step   int    `json:"step,omitempty"`
	VM     string `json:"vm,omitempty"`
	By     string `json:"by"`
	Reason string `json:"reason,omitempty"`
	// Via is how it came: cli, web-ui or lab-operator.
	Via string `json:"via,omitempty"`
}

// AnswerResult is what the run says to an answer it accepted.
type AnswerResult struct {
	Text   string    `json:"text"`
	Status RunStatus `json:"status"`
}

// ActNote is what the journal keeps of an act before it is sent.
type ActNote struct {
	Run    string `json:"run"`
	Plan   string `json:"plan"`
	VM     string `json:"vm"`
	Label  string `json:"label"`
	Host   string `json:"host"`
	Verb   Verb   `json:"verb"`
	Expect Expect `json:"expect"`
	Why    string `json:"why"`
	// Irreversible is true when no operation leads back.
	Irreversible bool `json:"irreversible,omitempty"`
}

// Severity of a finding.
type Severity string

// The severities.
const (
	Blocker Severity = "blocker" // the run is refused, nothing changes
	Warning Severity = "warning"
	Info    Severity = "info"
)

// Finding is one thing a look at the hosts brought up.
type Finding struct {
	Severity Severity `json:"severity"`
	// Code is stable, for scripts: vm-not-replicating, host-unreachable, ...
	Code string `json:"code"`
	Host string `json:"host,omitempty"`
	VM   string `json:"vm,omitempty"`
	Text string `json:"text"`
	// Means says what it would mean on the day; Remedy what to do.
	Means  string `json:"means,omitempty"`
	Remedy string `json:"remedy,omitempty"`
}

// HostView is what a host said of itself.
type HostView struct {
	Name    string `json:"name"`
	Reached bool   `json:"reached"`
	// Error is why it was not reached, in words with the remedy.
	Error string    `json:"error,omitempty"`
	At    time.Time `json:"at"`
	// Skew is the host's clock minus the engine's.
	Skew        time.Duration `json:"skew"`
	OS          string        `json:"os,omitempty"`
	MemoryBytes uint64        `json:"memory_bytes,omitempty"`
	// MemoryUsed is what running VMs have now, MemoryReserve what is kept for
	// the host itself.
	MemoryUsed    uint64       `json:"memory_used,omitempty"`
	MemoryReserve uint64       `json:"memory_reserve,omitempty"`
	Switches      []SwitchView `json:"switches,omitempty"`
	// ReplicaServer is true when this host accepts replication.
	ReplicaServer bool     `json:"replica_server"`
	ReplicaAuth   string   `json:"replica_auth,omitempty"` // Kerberos, Certificate, CertificateAndKerberos
	AllowedFrom   []string `json:"allowed_from,omitempty"` // authorization entries; "*" = any server
	CanAct        bool     `json:"can_act"`
	Versions      []string `json:"versions,omitempty"` // supported configuration versions
}

// SwitchView is a virtual switch of a host.
type SwitchView struct {
	Name string `json:"name"`
	Type string `json:"type"` // External, Internal, Private
}

// Report is what a run leaves for ever in the journal.
type Report struct {
	Status RunStatus `json:"status"`
	Input  RunInput  `json:"input"`
	// RTO is from the start to the last VM up and its gates green.
	RTO Duration `json:"rto"`
	// Downtime per VM label: from shutdown begun to gates green.
	Downtime map[string]Duration `json:"downtime"`
	Answers  []AnswerRecord      `json:"answers,omitempty"`
	// Version of Lifeboat, and whether hosts were simulated.
	Version   string `json:"version"`
	Simulated bool   `json:"simulated"`
}

// AnswerRecord is an answer with its time.
type AnswerRecord struct {
	At     time.Time `json:"at"`
	Answer Answer    `json:"answer"`
}
