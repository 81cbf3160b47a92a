package plans

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Rung is where a VM stands on the repair ladder.
type Rung string

// The rungs, lowest first. A VM climbs them one at a time.
const (
	RungWell   Rung = "well"   // replicates
	RungWait   Rung = "wait"   // something is under way, or not due yet
	RungResume Rung = "resume" // resume what is in error
	RungResync Rung = "resync" // compare and send again: recovery points are lost
	RungAsk    Rung = "ask"    // a person decides
	RungHeld   Rung = "held"   // a person, or the policy, left it alone
	RungNone   Rung = "none"   // no matter of repairs

	RungCorrect Rung = "correct" // set what differs from the configuration
)

// repairDay is what tries and budgets are counted over.
const repairDay = 24 * time.Hour

// maxResumeWait bounds how long the next resume is put off.
const maxResumeWait = 2 * time.Hour

// RepairLoad are the resynchronizations that a rung must share its hosts with.
type RepairLoad struct {
	// Sending and Receiving go on now at the sending and the receiving host,
	// whoever began them.
	Sending   int `json:"sending"`
	Receiving int `json:"receiving"`
	// Today were begun by this ladder at the sending host in the last day.
	Today int `json:"today"`
}

// NotToldBusy stands for a host that does not tell what goes on there: it is more
// than any budget.
const NotToldBusy = 1 << 20

// RepairStep is what the ladder says of a VM now.
type RepairStep struct {
	Rung Rung `json:"rung"`
	// Verb, Host and Expect are of an act: RungResume, RungResync, RungCorrect.
	Verb   Verb   `json:"verb,omitempty"`
	Host   string `json:"host,omitempty"`
	Expect Expect `json:"expect,omitzero"`
	// LegState is the state of the relationship that an act in the middle of a chain
	// is about: Expect has that of the VM's own.
	LegState string `json:"leg_state,omitempty"`
	// Settings are those of RungCorrect; Set names them, also where they are asked
	// about or waited for.
	Settings *ReplicationSettings `json:"settings,omitempty"`
	Set      string               `json:"set,omitempty"`
	// Irreversible is true for settings that remove something.
	Irreversible bool `json:"irreversible,omitempty"`
	// Sender and Receiver are the hosts as the copies' modes say.
	Sender   string `json:"sender,omitempty"`
	Receiver string `json:"receiver,omitempty"`
	Why      string `json:"why"`
	Remedy   string `json:"remedy,omitempty"`
	// Wants is the rung that it asks for, or waits for; "" for none.
	Wants Rung `json:"wants,omitempty"`
	// In is how long until it is due, of the engine's time; 0 is not known.
	In Duration `json:"in,omitempty"`
	// Paused is true when somebody paused one of the copies; Moving while a
	// resynchronization goes on.
	Paused   bool          `json:"paused,omitempty"`
	Moving   bool          `json:"moving,omitempty"`
	Progress *SyncProgress `json:"progress,omitempty"`
}

// Resyncs is true for a step that resynchronizes, asks whether to, or waits for
// it.
func (s RepairStep) Resyncs() bool { return s.Wants == RungResync || s.Rung == RungResync }

// Loads is true for an act that both hosts must have room for: a resynchronization,
// or a disk update.
func (s RepairStep) Loads() bool {
	return s.Rung == RungResync || s.Settings != nil && len(s.Settings.Disks) > 0
}

// Loses is true for an act that removes recovery points or a disk of the replica.
func (s RepairStep) Loses() bool { return s.Rung == RungResync || s.Irreversible }

// Asks is what a yes to the step is a yes to, "" for nothing.
func (s RepairStep) Asks() string { return strings.TrimSpace(string(s.Wants) + " " + s.Set) }

// Acts is true for a step that changes something.
func (s RepairStep) Acts() bool { return s.Verb != "" }

// RepairLook is all that the ladder decides from.
type RepairLook struct {
	// A and B are the two copies, in either role; of the leg to a third copy, the
	// middle and the third.
	A, B   Copy
	VM     RepairVM
	Policy RepairPolicy
	// Leg is what the configuration says of it, Seen what the sending host tells;
	// nil where nobody asked, or it does not tell.
	Leg  WatchedLeg
	Seen *SettingsSeen
	Load RepairLoad
	// Now is the engine's clock, Speed how much faster the hosts live.
	Now   time.Time
	Speed float64
}

// NextRepair says which rung comes next for a VM whose replication has stopped:
// wait, resume, resynchronize, ask. It acts on a pair of primary and replica
// only, both seen; what somebody paused is never touched without a yes.
//
// Microsoft: Resume-VMReplication; "Resynchronization of virtual machines in
// Hyper-V Replica"; "Interpreting replication health".
func NextRepair(l RepairLook) RepairStep {
	l.Speed = max(1, l.Speed)
	if l.VM.Leg == ExtendedLeg {
		return l.nextExtended()
	}
	s, r := l.A, l.B
	if l.B.Mode == "Primary" {
		s, r = l.B, l.A
	}
	return l.look(s, r)
}

// look is the step of a pair, with what holds for every step of it.
func (l RepairLook) look(s, r Copy) RepairStep {
	step := l.next(s, r)
	step.Paused = isPaused(s) || isPaused(r)
	step.Moving = s.Exists && s.Mode == "Primary" && s.State == "Resynchronizing"
	if s.Mode == "Primary" {
		step.Sender, step.Receiver = s.Host, r.Host
	}
	return step
}

func isPaused(c Copy) bool {
	return c.Exists && (c.State == "Suspended" || c.State == "ResynchronizeSuspended")
}

func (l RepairLook) next(s, r Copy) RepairStep {
	if !s.Reached || !r.Reached {
		d := unreached(s, r)
		return RepairStep{Rung: RungWait, Why: d.Why, Remedy: d.Remedy}
	}
	sc, rc := Classify(s), Classify(r)
	switch {
	case familyOf(sc) != famPrimary || familyOf(rc) != famReplica || rc == RFailingOver || rc == ROther || sc == POther,
		sc == PPrepared, sc == PPreparedOn:
		return RepairStep{Rung: RungNone, Why: fmt.Sprintf("no pair of primary and replica to repair: at %s %s/%s, at %s %s/%s", s.Host, orWord(s.Mode, "nothing"), s.State, r.Host, orWord(r.Mode, "nothing"), r.State)}
	case isPaused(s) || isPaused(r):
		return l.paused(s, r)
	case sc == PInitial, sc == PWaitsInitial, sc == PInitialOff, rc == RWaits && sc != PError:
		return RepairStep{Rung: RungNone, Why: "its first copy has not arrived: that is protection's matter"}
	case sc == PResyncing:
		return RepairStep{Rung: RungWait, Why: fmt.Sprintf("%s at %s is under way", s.State, s.Host), Progress: underWay("", s).Progress}
	case rc == RError:
		return l.resume(r, fmt.Sprintf("the replica at %s is in error", r.Host), nil)
	case sc == PResyncNeeded:
		return l.resync(s, r, fmt.Sprintf("replication of it has stopped at %s until it is resynchronized", s.Host))
	case sc == PError:
		return l.resume(s, fmt.Sprintf("replication at %s is in error", s.Host), func(why string) RepairStep { return l.afterResumes(s, r, why) })
	case rc == RReplicating:
		return l.correct(s, r)
	}
	return RepairStep{Rung: RungWait, Why: fmt.Sprintf("the replica at %s is %s", r.Host, r.State)}
}

// consented is a person's yes to a rung.
func (l RepairLook) consented(rung Rung) *RepairConsent {
	if c := l.VM.Consent; c != nil && c.Rung == rung {
		return c
	}
	return nil
}

// held is for a VM that a person wants left alone.
func (l RepairLook) held() (RepairStep, bool) {
	h := l.VM.Hold
	if h == nil {
		return RepairStep{}, false
	}
	return RepairStep{Rung: RungHeld, Why: fmt.Sprintf("left alone by %s: %s", h.By, h.Reason)}, true
}

// paused is for a pair of which somebody paused a side. Hyper-V's own stops end
// in Error or in a resynchronization; Suspended is what Suspend-VMReplication
// leaves, and a host's shut-down in some cases too. The two cannot be told apart,
// so it counts as on purpose.
func (l RepairLook) paused(s, r Copy) RepairStep {
	side := r
	if !isPaused(r) {
		side = s
	}
	why := fmt.Sprintf("replication is paused at %s (%s)", side.Host, side.State)
	if step, held := l.held(); held {
		return step
	}
	if c := l.consented(RungResume); c != nil {
		return repairAct(RungResume, VerbResume, side, fmt.Sprintf("%s; %s agreed to resume it", why, c.By))
	}
	return RepairStep{Rung: RungAsk, Wants: RungResume, Why: why + ": somebody paused it, or the host did when it went down",
		Remedy: "ask who paused it and why; nothing is resumed without a yes"}
}

func repairAct(rung Rung, verb Verb, c Copy, why string) RepairStep {
	return RepairStep{Rung: rung, Verb: verb, Host: c.Host, Why: why, Expect: Expect{Power: c.Power, Mode: c.Mode, State: c.State}}
}

// resume is for a side in error: after a while, a few times a day. beyond is
// what comes when those are used up, nil for a question.
func (l RepairLook) resume(c Copy, why string, beyond func(why string) RepairStep) RepairStep {
	if step, held := l.held(); held {
		return step
	}
	tries, last := l.count(RungResume)
	consent := l.consented(RungResume)
	ask := func(why, remedy string) RepairStep {
		return RepairStep{Rung: RungAsk, Wants: RungResume, Why: why, Remedy: remedy}
	}
	switch {
	case consent != nil:
		return repairAct(RungResume, VerbResume, c, fmt.Sprintf("%s; %s agreed to resume it", why, consent.By))
	case l.VM.Paused:
		return ask(why+"; before that it was paused by somebody", "ask who paused it and why; nothing is resumed without a yes")
	case l.Policy.Resume == RepairNever:
		return RepairStep{Rung: RungHeld, Why: why + ", and the policy says resume: never"}
	case l.Policy.Resume == RepairAsk:
		return ask(why, "Measure-VMReplication on "+c.Host+" says why")
	case tries >= l.Policy.ResumeTries:
		why = fmt.Sprintf("%s, and %d resumes in 24 hours did not last", why, tries)
		if beyond != nil {
			return beyond(why)
		}
		return ask(why, "Measure-VMReplication on "+c.Host+" says why; mend that first")
	}
	from := l.VM.Since
	if last.After(from) {
		from = last
	}
	wait := min(l.Policy.ResumeAfter.D()<<tries, max(maxResumeWait, l.Policy.ResumeAfter.D()))
	if left := l.real(wait) - l.Now.Sub(from); left > 0 {
		return RepairStep{Rung: RungWait, Wants: RungResume, In: Duration(left), Why: fmt.Sprintf("%s; it is resumed when that has lasted %s (try %d of %d)", why, Duration(wait), tries+1, l.Policy.ResumeTries)}
	}
	return repairAct(RungResume, VerbResume, c, fmt.Sprintf("%s for %s: resume (try %d of %d in 24 hours)", why, Duration(wait), tries+1, l.Policy.ResumeTries))
}

// real is a host's span in the engine's time.
func (l RepairLook) real(d time.Duration) time.Duration {
	return time.Duration(float64(d) / l.Speed)
}

// count is how often a rung was taken in the last day, and when last.
func (l RepairLook) count(rung Rung) (n int, last time.Time) {
	for _, a := range l.VM.Acts {
		if a.Rung == rung && l.recent(a) {
			n, last = n+1, a.At
		}
	}
	return n, last
}

// recent is true for an act of the last day that took place, or may have.
func (l RepairLook) recent(a RepairAct) bool {
	return a.counts() && l.Now.Sub(a.At) < l.real(repairDay)
}

// counts is false for an act of which it is known that it did not take place.
func (a RepairAct) counts() bool {
	return !slices.Contains([]string{"not-sent", "moved", "expired"}, a.Outcome)
}

// afterResumes is for an error that resumes did not end. A changed set of disks
// that went wrong is nothing that sending again would mend.
func (l RepairLook) afterResumes(s, r Copy, why string) RepairStep {
	if s.State != "Error" || Classify(r) != RReplicating {
		return RepairStep{Rung: RungAsk, Wants: RungResume, Why: why, Remedy: "Measure-VMReplication on " + s.Host + " says why; mend that first"}
	}
	return l.resync(s, r, why)
}

// resync is for a primary that must compare and send again. It removes the
// replica's recovery points and loads both hosts and the line, so it keeps to
// its window and its budget.
func (l RepairLook) resync(s, r Copy, why string) RepairStep {
	if step, held := l.held(); held {
		return step
	}
	consent := l.consented(RungResync)
	today, _ := l.count(RungResync)
	if consent == nil {
		if step, must := l.mustAsk(s, r, why, today); must {
			return step
		}
	}
	if r.TestVM != "" {
		return RepairStep{Rung: RungWait, Wants: RungResync, Why: fmt.Sprintf("%s; it waits until the test copy at %s is gone", why, r.Host)}
	}
	if wait, in := l.paced(s, r, consent); wait != "" {
		return RepairStep{Rung: RungWait, Wants: RungResync, In: Duration(in), Why: why + "; " + wait}
	}
	step := repairAct(RungResync, VerbResync, s, why+": compare and send again; the recovery points at "+r.Host+" are lost")
	if consent != nil {
		step.Why += ", as " + consent.By + " agreed"
	}
	return step
}

// paced says what keeps what loads both hosts from beginning now, "" for nothing,
// and for how long where that is known: its window, and the budgets of both hosts.
func (l RepairLook) paced(s, r Copy, consent *RepairConsent) (why string, in time.Duration) {
	now := consent != nil && consent.Now
	window, err := windowOf(l.Policy)
	switch {
	case err != nil:
		return err.Error(), 0
	case !now && s.At.IsZero():
		return s.Host + " does not tell its time", 0
	case !now && window.opensIn(s.At) > 0:
		return fmt.Sprintf("it begins in its window, %s %s", l.Policy.Window, orWord(l.Policy.Timezone, "UTC")), l.real(window.opensIn(s.At))
	case l.Load.Sending >= l.Policy.AtOnce:
		return l.turn(l.Load.Sending, s.Host), 0
	case l.Load.Receiving >= l.Policy.AtOnce:
		return l.turn(l.Load.Receiving, r.Host), 0
	case !now && l.Load.Today >= l.Policy.PerDay:
		return fmt.Sprintf("the day's budget of %d resynchronizations at %s is used up", l.Policy.PerDay, s.Host), 0
	}
	return "", 0
}

// turn says why a resynchronization waits for others.
func (l RepairLook) turn(going int, host string) string {
	if going >= NotToldBusy {
		return host + " does not tell what else is resynchronized there"
	}
	return fmt.Sprintf("it waits its turn: %d of %d resynchronizations go on at %s", going, l.Policy.AtOnce, host)
}

// mustAsk is true where the policy alone does not let a resynchronization begin.
func (l RepairLook) mustAsk(s, r Copy, why string, today int) (RepairStep, bool) {
	lost := "the recovery points at " + r.Host + " will be lost; until it is done an unplanned failover goes to the data of " + lastGood(r)
	ask := func(more string) (RepairStep, bool) {
		return RepairStep{Rung: RungAsk, Wants: RungResync, Why: why + more, Remedy: lost}, true
	}
	switch {
	case l.VM.Paused:
		return ask("; before that it was paused by somebody")
	case s.Extended != "" || r.Extended != "":
		return ask("; a third copy hangs on it")
	case l.Policy.Resync == RepairNever:
		return RepairStep{Rung: RungHeld, Why: why + ", and the policy says resync: never"}, true
	case l.Policy.Resync != RepairAllow:
		return ask("")
	case today > 0:
		return ask("; it was resynchronized in the last 24 hours already, which did not last")
	}
	return RepairStep{}, false
}

// lastGood is the moment of the replica's newest data.
func lastGood(r Copy) string {
	if r.LastReplication.IsZero() {
		return "its last replication"
	}
	return r.LastReplication.UTC().Format("2 Jan 15:04:05") + " UTC"
}
