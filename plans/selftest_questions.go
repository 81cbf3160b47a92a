package plans

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// SelfTestReading is how an answer stands to the model.
type SelfTestReading string

// The readings.
const (
	// AsModel: as the model assumes.
	AsModel SelfTestReading = "as-assumed"
	// AsDialect: the other reading, which a lab can play.
	AsDialect SelfTestReading = "dialect"
	// AsNeither: neither; the model has no word for it yet.
	AsNeither SelfTestReading = "neither"
	// Untold: it could not be asked, or the answer does not tell.
	Untold SelfTestReading = "untold"
)

// SelfTestQuestion is one thing that the documentation leaves open.
type SelfTestQuestion struct {
	ID string
	// Asks is the question, Where the row or part of Hyper-V it is about.
	Asks, Where string
	// Assumes is what the model says.
	Assumes string
	// Dialect is the lab's word for the other answer, "" where it has none.
	Dialect string
	read    func(selfTestEvidence) (string, SelfTestReading)
}

// SelfTestAnswer is what the hosts made of a question.
type SelfTestAnswer struct {
	ID      string          `json:"id"`
	Answer  string          `json:"answer"`
	Reading SelfTestReading `json:"reading"`
}

// selfTestEvidence is what a question is answered from.
type selfTestEvidence struct {
	step     SelfTestStep
	setup    SelfTestSetup
	progress SelfTestProgress
	now      SelfTestSight
	// late is true when the step's patience ended first.
	late bool
}

func (e selfTestEvidence) over() SelfTestDecision {
	d := SelfTestDecision{Kind: SelfTestOver}
	if e.late {
		d.Why = "did not come about in " + e.step.Patience.String()
	}
	for _, id := range e.step.Asks {
		q := selfTestQuestion(id)
		answer, reading := "the answer was lost", Untold
		if e.progress.Outcome != selfTestLost && !e.progress.Again && !strings.HasPrefix(e.progress.Code, "Lifeboat") {
			answer, reading = q.read(e)
		}
		d.Answers = append(d.Answers, SelfTestAnswer{ID: id, Answer: answer, Reading: reading})
	}
	return d
}

func untold(step SelfTestStep, why string) []SelfTestAnswer {
	var out []SelfTestAnswer
	for _, id := range step.Asks {
		out = append(out, SelfTestAnswer{ID: id, Answer: why, Reading: Untold})
	}
	return out
}

// at is the side of the step, there the other one.
func (e selfTestEvidence) at() SelfTestView    { return e.now.At(e.step.At) }
func (e selfTestEvidence) there() SelfTestView { return e.now.At(e.step.At.other()) }

// refused is the code of a refusal, "" when the act was taken.
func (e selfTestEvidence) refused() string {
	if e.progress.Outcome != selfTestFailed {
		return ""
	}
	return orWord(e.progress.Code, "an error")
}

// refusal reads a question whose model says that the act is refused: taken is what
// a host of the dialect does.
func refusal(e selfTestEvidence, taken SelfTestReading) (string, SelfTestReading) {
	if code := e.refused(); code != "" {
		return "refused: " + code, AsModel
	}
	return "done", taken
}

// acceptance is for one whose model says that the act is done.
func acceptance(e selfTestEvidence, refused SelfTestReading) (string, SelfTestReading) {
	if code := e.refused(); code != "" {
		return "refused: " + code, refused
	}
	if e.late {
		return "taken, and nothing came of it", AsNeither
	}
	return "done", AsModel
}

// code reads a question whose answer is the id of a refusal.
func refusedAs(e selfTestEvidence, model, dialect string) (string, SelfTestReading) {
	switch got := e.refused(); got {
	case "":
		return "done", AsNeither
	case model:
		return "refused: " + got, AsModel
	case dialect:
		return "refused: " + got, AsDialect
	default:
		return "refused: " + got, AsNeither
	}
}

func yes(is bool, plain, other string) (string, SelfTestReading) {
	if is {
		return other, AsDialect
	}
	return plain, AsModel
}

// SelfTestQuestions are all that a self-test asks, in the order of the walk.
func SelfTestQuestions() []SelfTestQuestion {
	return slices.Concat(enableQuestions(), pauseQuestions(), testQuestions(), moveQuestions(), homeQuestions(), hourQuestions())
}

func selfTestQuestion(id string) SelfTestQuestion {
	for _, q := range SelfTestQuestions() {
		if q.ID == id {
			return q
		}
	}
	panic("there is no question " + id) // a step of the walk names it: a test sees to that
}

func enableQuestions() []SelfTestQuestion {
	return []SelfTestQuestion{
		{"quiet-replication", "is a named VM that does not replicate an error of Get-VMReplication?", "Get-VMReplication", "yes", "quiet-replication",
			func(e selfTestEvidence) (string, SelfTestReading) { return refusal(e, AsDialect) }},
		{"enable-states", "what do both sides say once replication is enabled?", "row 1", "ReadyForInitialReplication, and Off/WaitingForInitialReplication", "",
			func(e selfTestEvidence) (string, SelfTestReading) {
				return e.at().State + ", and " + e.there().Power + "/" + e.there().State, AsModel
			}},
		{"replica-starts-nothing", "what is a replica's automatic start action?", "section 10", "the primary's", "replica-starts-nothing",
			func(e selfTestEvidence) (string, SelfTestReading) {
				if e.there().AutoStart == e.at().AutoStart {
					return "the primary's", AsModel
				}
				return yes(e.there().AutoStart == "Nothing", e.there().AutoStart, "Nothing")
			}},
		{"replica-mac", "has the replica the primary's MAC address when it is made?", "section 9", "yes", "", replicaMAC},
		{"compression", "what is the default of CompressionEnabled?", "Enable-VMReplication", "on", "",
			func(e selfTestEvidence) (string, SelfTestReading) {
				switch c := e.at().Compression; {
				case c == nil:
					return "not told", Untold
				case *c:
					return "on", AsModel
				}
				return "off", AsNeither
			}},
		{"enable-twice", "is a VM that replicates refused by Enable-VMReplication?", "row 1", "refused: InvalidOperation", "",
			func(e selfTestEvidence) (string, SelfTestReading) { return refusedAs(e, "InvalidOperation", "") }},
		{"initial-returns", "does Start-VMInitialReplication return once it has begun?", "row 3", "yes", "",
			func(e selfTestEvidence) (string, SelfTestReading) {
				if f := e.progress.First; f != nil && f.At(e.step.At).State == "Replicating" {
					return "it had ended by then", Untold
				}
				return "yes", AsModel
			}},
		{"other-start-refusal", "how is Start-VM refused on a replica?", "row 21", "refused: OperationFailed", "other-start-refusal",
			func(e selfTestEvidence) (string, SelfTestReading) {
				return refusedAs(e, "OperationFailed", "InvalidState")
			}},
		{"latest-listed", "does RecoveryHistory 0 list the latest state as a point?", "recovery points", "no", "latest-listed",
			func(e selfTestEvidence) (string, SelfTestReading) {
				if e.late {
					return "no cycle was seen", Untold
				}
				return yes(len(e.at().Points) > 0, "no", "yes")
			}},
	}
}

func replicaMAC(e selfTestEvidence) (string, SelfTestReading) {
	own, replica := strings.Join(e.at().MACs, ","), strings.Join(e.there().MACs, ",")
	switch {
	case blankMAC(own):
		return "the primary has none yet", Untold
	case own == replica:
		return "yes", AsModel
	case blankMAC(replica):
		return "no: it has none yet", AsNeither
	}
	return "no: another one", AsNeither
}

// blankMAC: a dynamic address is given at the first start.
func blankMAC(macs string) bool { return strings.Trim(macs, "0,:-") == "" }

func pauseQuestions() []SelfTestQuestion {
	return []SelfTestQuestion{
		{"resync-replicating", "is a resynchronization refused while it is Replicating?", "row 8", "refused: InvalidState", "",
			func(e selfTestEvidence) (string, SelfTestReading) { return refusedAs(e, "InvalidState", "") }},
		{"replica-warns-at-once", "is a replica's health Warning as soon as some cycles are overdue?", "section 6", "no, after an hour", "replica-warns-at-once",
			func(e selfTestEvidence) (string, SelfTestReading) {
				return yes(e.now.B.Health == "Warning", e.now.B.Health, "Warning")
			}},
		{"resume-resyncs", "what does a plain Resume do where a resynchronization is needed?", "row 7", "refused: InvalidState", "resume-resyncs",
			func(e selfTestEvidence) (string, SelfTestReading) {
				if e.refused() != "" {
					return refusedAs(e, "InvalidState", "")
				}
				first := e.progress.First
				if first != nil && strings.HasPrefix(first.A.State, "Resynchroniz") {
					return "it resynchronizes", AsDialect
				}
				return "done", AsNeither
			}},
		{"test-needs-replicating", "is a test failover refused while the replica is paused?", "row 13", "no", "test-needs-replicating",
			func(e selfTestEvidence) (string, SelfTestReading) { return acceptance(e, AsDialect) }},
		{"retries-for-ever", "does a primary that cannot send fall to Error?", "section 6", "yes", "retries-for-ever",
			func(e selfTestEvidence) (string, SelfTestReading) {
				return yes(e.late, "yes", "not in "+e.step.Patience.String())
			}},
	}
}

func testQuestions() []SelfTestQuestion {
	return []SelfTestQuestion{
		{"late-test-vm", "is the test VM shown at once?", "row 13", "yes", "late-test-vm",
			func(e selfTestEvidence) (string, SelfTestReading) {
				if e.late || e.progress.First == nil {
					return "it is never shown", AsNeither
				}
				return yes(e.progress.First.B.TestVM == "", "yes", "later")
			}},
		{"test-keeps-mac", "has the test VM the replica's MAC address?", "section 9", "no", "test-keeps-mac",
			func(e selfTestEvidence) (string, SelfTestReading) {
				own, test := strings.Join(e.now.B.MACs, ","), strings.Join(e.now.B.TestMACs, ",")
				if blankMAC(own) || blankMAC(test) {
					return "they have none yet", Untold
				}
				return yes(own == test, "no", "yes")
			}},
		{"other-test-refusal", "how is a second test failover refused?", "row 13", "refused: InvalidState", "other-test-refusal",
			func(e selfTestEvidence) (string, SelfTestReading) {
				return refusedAs(e, "InvalidState", "OperationFailed")
			}},
	}
}

func moveQuestions() []SelfTestQuestion {
	return []SelfTestQuestion{
		{"prepare-running", "is a preparation refused while the VM runs?", "row 10", "refused: InvalidState", "",
			func(e selfTestEvidence) (string, SelfTestReading) { return refusedAs(e, "InvalidState", "") }},
		{"start-prepared", "is Start-VM refused on a prepared primary?", "row 10", "yes", "",
			func(e selfTestEvidence) (string, SelfTestReading) { return refusal(e, AsNeither) }},
		{"synced-point", "does a preparation leave a point of type SyncedReplica?", "row 10", "no", "synced-point",
			func(e selfTestEvidence) (string, SelfTestReading) {
				return yes(slices.Contains(e.there().Points, "SyncedReplica"), "no", "yes")
			}},
		{"slow-failover", "how long does a failover to the latest point take?", "row 12", "seconds", "slow-failover", failoverTakes},
		{"failover-type", "what is FailedOverReplicationType after a planned failover?", "row 12", "Planned", "",
			func(e selfTestEvidence) (string, SelfTestReading) {
				if e.at().FailoverType == "Planned" {
					return "Planned", AsModel
				}
				return e.at().FailoverType, AsNeither
			}},
		{"late-old-primary", "does the old primary show itself as the replica as soon as it is reversed?", "row 18a", "yes", "late-old-primary",
			func(e selfTestEvidence) (string, SelfTestReading) {
				first := e.progress.First
				return yes(first != nil && first.At(e.step.At.other()).Mode == "Primary", "yes", "later")
			}},
		{"reverse-forgets-time", "has the new replica a LastReplicationTime after a reverse?", "row 18a", "yes", "reverse-forgets-time",
			func(e selfTestEvidence) (string, SelfTestReading) {
				return yes(e.there().LastReplication.IsZero(), "yes", "not before its first cycle")
			}},
		{"failover-beside-primary", "does the cmdlet fail over though the primary runs?", "row 12", "yes", "",
			func(e selfTestEvidence) (string, SelfTestReading) { return acceptance(e, AsNeither) }},
		{"after-cancel", "what is the replica right after its failover was taken back?", "row 15", "Off/Replicating/Normal", "",
			func(e selfTestEvidence) (string, SelfTestReading) {
				v := e.at()
				if f := e.progress.First; f != nil {
					v = f.At(e.step.At)
				}
				got := v.Power + "/" + v.State + "/" + v.Health
				if got == "Off/Replicating/Normal" {
					return got, AsModel
				}
				return got, AsNeither
			}},
		{"cancel-refuses-saved", "is the failover of a saved VM taken back?", "row 15", "yes", "cancel-refuses-saved",
			func(e selfTestEvidence) (string, SelfTestReading) { return acceptance(e, AsDialect) }},
	}
}

// failoverTakes: a host of the dialect needs a minute for what others do at once.
func failoverTakes(e selfTestEvidence) (string, SelfTestReading) {
	took := time.Duration(float64(e.progress.Took) * max(e.setup.Speed, 1))
	answer, reading := yes(took > 30*time.Second, "seconds", "a minute or more")
	if took <= 0 {
		return "not told", Untold
	}
	return answer, reading
}

func homeQuestions() []SelfTestQuestion {
	return []SelfTestQuestion{
		{"error-after-cancel", "does a primary in Error go on when the failover is taken back?", "row 15", "yes", "error-after-cancel",
			func(e selfTestEvidence) (string, SelfTestReading) {
				return yes(e.late, "yes", "not before it is resumed")
			}},
		{"as-replica-freely", "does -AsReplica need an authorization entry?", "row 17", "yes", "as-replica-freely", asReplicaFreely},
		{"as-replica-names-entry", "may -AllowedPrimaryServer be a server that a wildcard entry covers?", "row 17", "yes", "as-replica-names-entry", asReplicaNames},
		{"as-replica-running", "is -AsReplica refused while the VM runs?", "row 17", "yes", "as-replica-running",
			func(e selfTestEvidence) (string, SelfTestReading) { return refusal(e, AsDialect) }},
		{"reverse-needs-complete", "is an unplanned failover reversed before it is completed?", "row 18b", "yes", "reverse-needs-complete",
			func(e selfTestEvidence) (string, SelfTestReading) { return acceptance(e, AsDialect) }},
		{"initial-compares", "does a plain initial replication after a reverse send all again?", "row 18b", "yes", "initial-compares", initialCompares},
		{"remove-needs-off", "is replication removed from a replica that runs?", "row 19", "yes", "remove-needs-off",
			func(e selfTestEvidence) (string, SelfTestReading) { return acceptance(e, AsDialect) }},
		{"remove-one-side", "does the other side keep its relationship when one is removed?", "row 19", "yes", "",
			func(e selfTestEvidence) (string, SelfTestReading) {
				if e.there().Mode == "Primary" {
					return "yes", AsModel
				}
				return "no", AsNeither
			}},
	}
}

// takesAny is true where an entry for every server makes the question void.
func (p SelfTestParty) takesAny() bool { return p.AnyServer || slices.Contains(p.Entries, "*") }

func asReplicaFreely(e selfTestEvidence) (string, SelfTestReading) {
	if e.refused() == "" && e.setup.At(e.step.At).takesAny() {
		return "the host takes replication from every server", Untold
	}
	return refusal(e, AsDialect)
}

func asReplicaNames(e selfTestEvidence) (string, SelfTestReading) {
	here, name := e.setup.At(e.step.At), e.setup.At(e.step.At.other()).Replica
	if here.takesAny() || slices.ContainsFunc(here.Entries, func(entry string) bool { return strings.EqualFold(entry, name) }) {
		return "the host has an entry of that very name", Untold
	}
	return acceptance(e, AsDialect)
}

// initialCompares sets what the first copy took beside what the second one takes.
func initialCompares(e selfTestEvidence) (string, SelfTestReading) {
	first := e.progress.First
	if first == nil || e.progress.InitialBytes == nil || *e.progress.InitialBytes < 1<<20 || first.At(e.step.At).InitialBytes == nil {
		return "the host gave no figures", Untold
	}
	if first.At(e.step.At).State != "InitialReplicationInProgress" {
		return "it had ended by then", Untold
	}
	return yes(*first.At(e.step.At).InitialBytes < *e.progress.InitialBytes/2, "yes", "no, the difference")
}

func hourQuestions() []SelfTestQuestion {
	return []SelfTestQuestion{
		{"exact-history", "how many points does RecoveryHistory 1 keep?", "recovery points", "2", "exact-history",
			func(e selfTestEvidence) (string, SelfTestReading) {
				switch n := len(e.now.A.Points); n {
				case 1:
					return "1", AsDialect
				case 2:
					return "2", AsModel
				default:
					return fmt.Sprint(n), AsNeither
				}
			}},
		{"app-point-besides", "does an application-consistent point come besides the standard one of its hour?", "recovery points", "no", "app-point-besides",
			func(e selfTestEvidence) (string, SelfTestReading) {
				if e.now.A.AppPoints+e.now.B.AppPoints == 0 {
					return "no VM here has such points", Untold
				}
				return yes(e.now.A.AppBesides+e.now.B.AppBesides > 0, "no", "yes")
			}},
	}
}

// SelfTestUnasked are open facts for which two hosts and an empty VM are not
// enough, with what it would take.
func SelfTestUnasked() []SelfTestAnswer {
	return []SelfTestAnswer{
		{"cluster-test-vm", "needs a cluster: is the test VM made highly available?", Untold},
		{"cluster-broker", "needs a cluster: does a primary cluster need a broker?", Untold},
		{"extended", "needs a third host: extended replication, -Continue, its frequency", Untold},
		{"middle-sets-first", "needs a third host: which relationship settings change in the middle of a chain", Untold},
		{"middle-refuses", "needs a third host: does the middle of a chain take settings at all?", Untold},
		{"middle-resumes-both", "needs a third host: does a resume in the middle of a chain resume what it sends on, too?", Untold},
		{"vlan", "needs a network: the VLAN of a replica and of a test VM", Untold},
		{"shut-down", "needs a guest: Stop-VM -Force, heartbeat, address injection", Untold},
		{"media", "needs a folder: export and import of a first copy, and when its state changes", Untold},
		{"retry-schedule", "the number and spacing of retries before Error: see event 32315 in Hyper-V-VMMS Admin", Untold},
	}
}
