package plans

import "time"

// ChoiceStandDown ends a watch on a lost site, or a commit that waits; with a
// reason.
const ChoiceStandDown Choice = "stand-down"

// FenceState is where an old copy stands, as its watch sees it.
type FenceState string

// The states.
const (
	FenceUnseen FenceState = "unseen" // its host does not answer
	// FenceEarly is seen, while the copy that is to take over has not: there is
	// nothing to keep from running yet.
	FenceEarly  FenceState = "early"
	FenceActing FenceState = "acting" // seen, and something is being done or waited for
	FenceOpen   FenceState = "open"   // it runs, or cannot be judged: a person decides
	FenceClosed FenceState = "fenced" // it cannot reach users and does not start by itself
	FenceLeft   FenceState = "left"   // a person left it as it is
	FenceOver   FenceState = "over"   // a replica, or gone: nothing to watch any more
)

// FenceStatus is the live picture of the watch on a lost site.
type FenceStatus struct {
	// RunID is the unplanned failover that asked for the watch last.
	RunID     string    `json:"run_id"`
	Workflow  string    `json:"workflow"`
	Plan      string    `json:"plan"`
	From      string    `json:"from"` // the site that is watched
	To        string    `json:"to"`   // where the good copies are
	StartedBy string    `json:"started_by"`
	Started   time.Time `json:"started"`
	Ended     time.Time `json:"ended,omitzero"`
	// Verdict is running, held (a person must decide), done, or stopped (a
	// person ended the watch).
	Verdict Verdict `json:"verdict"`
	Summary string  `json:"summary"`
	// OnReturn is what may be done without asking.
	OnReturn FencePolicy    `json:"on_return"`
	Hosts    []FencedHost   `json:"hosts"`
	VMs      []FencedVM     `json:"vms"`
	Waiting  []Question     `json:"waiting,omitempty"`
	Answers  []AnswerRecord `json:"answers,omitempty"`
	// LookedAt is when the site was looked at last.
	LookedAt time.Time `json:"looked_at,omitzero"`
}

// FencedHost is a host of the lost site. Times are the engine's.
type FencedHost struct {
	Name string `json:"name"`
	Seen bool   `json:"seen"`
	// Since is when it was first seen, or first missed, without a break.
	Since time.Time `json:"since,omitzero"`
	Why   string    `json:"why,omitempty"`
}

// FencedVM is an old copy.
type FencedVM struct {
	ID         string     `json:"id"`
	Label      string     `json:"label"`
	SourceHost string     `json:"source_host"`
	TargetHost string     `json:"target_host"`
	State      FenceState `json:"state"`
	Doing      string     `json:"doing,omitempty"`
	// Alone is true while it runs and no other copy is seen running: a policy does
	// not stop it.
	Alone bool `json:"alone,omitempty"`
	// BothFirst and BothLast are when both copies were first and last seen
	// running, by the source host's clock.
	BothFirst time.Time `json:"both_first,omitzero"`
	BothLast  time.Time `json:"both_last,omitzero"`
	// GoneSince is since when its host has answered that it has no such VM.
	GoneSince time.Time   `json:"gone_since,omitzero"`
	Acts      []ActRecord `json:"acts,omitempty"`
}

// CommitStatus is a commit that waits for its time.
type CommitStatus struct {
	Plan      string    `json:"plan"`
	RunID     string    `json:"run_id"`
	StartedBy string    `json:"started_by"`
	Started   time.Time `json:"started"`
	// At is when it begins; Begun is true once it has.
	At    time.Time `json:"at"`
	Begun bool      `json:"begun,omitempty"`
	// Ended says why it will not begin any more, "" while it waits.
	Ended string `json:"ended,omitempty"`
	Doing string `json:"doing"`
}

// Waits is true until the commit begins or somebody ends the wait.
func (s CommitStatus) Waits() bool { return s.Plan != "" && !s.Begun && s.Ended == "" }

// FenceIsOver is true for a source that needs no watch any more: it is a
// replica again, which cannot start, or there is none.
func FenceIsOver(source Copy) bool {
	return Classify(source) == Missing || familyOf(Classify(source)) == famReplica
}

// IsGone is true for a copy of which its host says that it has none. A host that
// has just started may say so before it has found its VMs.
func IsGone(c Copy) bool { return Classify(c) == Missing }

// HasTakenOver is true for a target that goes on in the source's place.
func HasTakenOver(target Copy) bool { return target.Reached && target.Exists && tookOver(target) }

// BothRun is true when both copies of a VM are seen running.
func BothRun(source, target Copy) bool {
	return runs(source) && isRunning(source.Power) && runs(target) && isRunning(target.Power)
}
