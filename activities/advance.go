package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// AdvanceIn asks to take one VM one act further.
type AdvanceIn struct {
	Run    string       `json:"run"`
	Plan   string       `json:"plan"`
	VM     plans.RunVM  `json:"vm"`
	Intent plans.Intent `json:"intent"`
	// TestVM is the GUID of the test copy that this run has seen.
	TestVM string `json:"test_vm,omitempty"`
	// ShutdownWithin is how long a guest may take to shut down, in real time.
	ShutdownWithin time.Duration `json:"shutdown_within"`
	// Now is the run's own time.
	Now time.Time `json:"now,omitzero"`
	// askedTest is true when this run has asked for a test copy, seen or not.
	askedTest bool
}

// AdvanceOut is what was decided and what became of it. Workflows follow the
// decision and never make one.
type AdvanceOut struct {
	Decision plans.Decision `json:"decision"`
	// Act is set when a changing call was made.
	Act *plans.ActRecord `json:"act,omitempty"`
}

// beginWithin is how long after a request reached its host the act may still
// begin there. It bounds what an orphaned request can do late.
const beginWithin = 20 * time.Second

// showWithin is how long after a test copy was asked for it may still come into
// sight: the act may begin late, and a host shows the copy a while after.
const showWithin = beginWithin + 10*time.Second

// Advance looks at both sides of a VM, asks the table, and does at most one
// act. It may be run again from its beginning at any moment.
func (a *Activities) Advance(ctx context.Context, in AdvanceIn) (AdvanceOut, error) {
	ctx, stop := beatAsking(ctx)
	defer stop()
	seen := a.observe(ctx, in.VM)
	if err := ctx.Err(); err != nil {
		return AdvanceOut{}, err
	}
	if err := a.recall(&in, seen); err != nil {
		return AdvanceOut{}, err
	}
	d := a.decide(in, seen)
	d.AskedTest = in.askedTest
	a.sighted(in.Run, in.VM, d)
	if d.Kind != plans.Act {
		return AdvanceOut{Decision: d}, nil
	}
	host := hostOf(in.VM, d.Side)
	done, err := a.send(plans.ActNote{
		Run: in.Run, Plan: in.Plan, VM: in.VM.ID, Label: in.VM.Label, Host: host,
		Verb: d.Verb, Expect: d.Expect, Why: d.Why, Irreversible: d.Irreversible, Point: pointOf(in, d), At: in.Now, AutoStart: d.AutoStart,
	}, func() (hyperv.ActResult, error) {
		asking(ctx, &plans.Asking{Host: host, Verb: d.Verb, Since: time.Now().UTC()})
		defer asking(ctx, nil)
		return a.act(ctx, in, d, host)
	})
	if err != nil {
		return AdvanceOut{}, err
	}
	return AdvanceOut{Decision: a.afterAct(ctx, in, d, done.result, done.err), Act: &done.record}, nil
}

// hostOf is where a side of a VM stands; a test copy stands beside its replica.
func hostOf(vm plans.RunVM, side plans.Side) string {
	switch side {
	case plans.Source:
		return vm.SourceHost
	case plans.Third:
		return vm.ThirdHost
	case plans.Target, plans.Test:
	}
	return vm.TargetHost
}

// sent is what became of one act: how the journal has it, the host's answer and
// why there is none.
type sent struct {
	record plans.ActRecord
	result hyperv.ActResult
	err    error
}

// send does one act between its two notes in the journal. An error says that
// nothing was sent: what cannot be written down is not done, and the disk may
// have room again when the activity is retried.
func (a *Activities) send(note plans.ActNote, act func() (hyperv.ActResult, error)) (sent, error) {
	seq, err := a.Journal.Before(note)
	if err != nil {
		return sent{}, fmt.Errorf("the journal cannot be written, so %s at %s was not done: %w", note.Verb, note.Host, err)
	}
	s := sent{record: plans.ActRecord{Host: note.Host, Verb: note.Verb, Started: time.Now().UTC()}}
	s.result, s.err = act()
	r := &s.record
	r.Ended, r.Request, r.Outcome = time.Now().UTC(), s.result.Request, outcome(s.result, s.err)
	if s.err != nil {
		r.Error = s.err.Error()
	}
	if err := a.Journal.After(seq, *r); err != nil {
		a.Log.Error("the journal's after-record is missing", "vm", note.Label, "verb", note.Verb, "error", err)
	}
	a.Log.Info("act", "run", note.Run, "vm", note.Label, "host", note.Host, "verb", note.Verb, "outcome", r.Outcome, "request", r.Request, "error", r.Error)
	return s, nil
}

// recall tells the table what no host tells: whether the failover, or the test
// copy, that stands at the target was asked for here, with this same point; and
// how a copy that was fenced started before.
func (a *Activities) recall(in *AdvanceIn, seen sight) error {
	i := &in.Intent
	switch i.Operation {
	case plans.UnplannedFailover:
		n, asked, err := a.asked(in.VM.ID, in.VM.TargetHost, plans.VerbStartFailover)
		i.Ours = asked && n.Point == i.Point.ID
		if err != nil {
			return err
		}
		i.SourceBack, err = a.sourceBack(in)
		return err
	case plans.TestFailover:
		n, asked, err := a.asked(in.VM.ID, in.VM.TargetHost, plans.VerbStartTest)
		in.askedTest = asked && n.Run == in.Run
		i.Ours = in.askedTest && (seen.pair.Target.TestVM != "" || in.TestVM != "")
		i.Asked = in.askedTest && !i.Ours && in.Now.Sub(n.At) < showWithin
		return err
	case plans.Cancel:
		n, _, err := a.asked(in.VM.ID, in.VM.SourceHost, plans.VerbNoAutoStart)
		i.AutoStart = n.AutoStart
		return err
	case plans.PlannedFailover:
		n, _, err := a.asked(in.VM.ID, in.VM.TargetHost, plans.VerbNoAutoStart)
		i.AutoStart = n.AutoStart
		return err
	case plans.Protect:
		return a.recallRan(in.VM, i)
	case plans.Fence:
		if seen.pair.Target.Reached {
			return nil
		}
		return a.recallRan(in.VM, i)
	case plans.Commit, plans.Reprotect, plans.Unprotect:
	}
	return nil
}

// recallRan tells whether a VM was failed over to its target, and not back since.
func (a *Activities) recallRan(vm plans.RunVM, i *plans.Intent) (err error) {
	i.RanThere, err = RanThere(a.Journal, vm)
	if err != nil {
		err = fmt.Errorf("the journal cannot be read, so it is not known whether %s ran at %s last: %w", vm.Label, vm.TargetHost, err)
	}
	return err
}

// RanThere is true for a VM that was failed over to its target, and not back since,
// as a journal has it.
func RanThere(journal interface {
	Asked(vm, host string, verb plans.Verb) (plans.ActNote, bool, error)
}, vm plans.RunVM) (bool, error) {
	there, moved, err := journal.Asked(vm.ID, vm.TargetHost, plans.VerbStartFailover)
	if err != nil || !moved {
		return false, err
	}
	back, home, err := journal.Asked(vm.ID, vm.SourceHost, plans.VerbStartFailover)
	return !(home && back.At.After(there.At)), err
}

func (a *Activities) asked(vm, host string, verb plans.Verb) (plans.ActNote, bool, error) {
	n, asked, err := a.Journal.Asked(vm, host, verb)
	if err != nil {
		err = fmt.Errorf("the journal cannot be read, so it is not known what was asked of %s: %w", host, err)
	}
	return n, asked, err
}

// sourceBack is true when the old copy of a VM could run when it was seen last in
// this run. One that was not seen could where its host has answered: whoever said
// that it was dark was mistaken, for every VM there.
func (a *Activities) sourceBack(in *AdvanceIn) (bool, error) {
	open, seen, err := a.Journal.Sight(in.Run, in.VM.ID)
	if err != nil || seen {
		return open, err
	}
	_, answered, err := a.Journal.Sight(in.Run, hostKey(in.VM.SourceHost))
	return answered || in.Intent.SourceBack, err
}

// hostKey stands for a host itself among the VMs of which sights are kept.
func hostKey(host string) string { return "host " + host }

// sighted keeps that the old copy of a VM that is failed over was seen, for
// whoever looks after it next: the run and the watch on the lost site do so side
// by side, and what a person stated of that site holds no more once it was back.
func (a *Activities) sighted(run string, vm plans.RunVM, d plans.Decision) {
	if !d.SourceSeen {
		return
	}
	a.answered(run, vm.SourceHost)
	if err := a.Journal.Sighted(run, vm.ID, d.SourceOpen); err != nil {
		a.Log.Error("what was seen of an old copy could not be kept", "vm", vm.Label, "host", vm.SourceHost, "error", err)
	}
}

// answered keeps that a host of a lost site has answered in a run.
func (a *Activities) answered(run, host string) {
	if err := a.Journal.Sighted(run, hostKey(host), true); err != nil {
		a.Log.Error("that a host has answered could not be kept", "host", host, "error", err)
	}
}

// pointOf is the recovery point that goes into the journal's note.
func pointOf(in AdvanceIn, d plans.Decision) string {
	switch d.Verb {
	case plans.VerbStartTest:
		return in.Intent.Point.ID
	case plans.VerbStartFailover:
		if in.Intent.Operation == plans.UnplannedFailover {
			return in.Intent.Point.ID
		}
	}
	return ""
}

// afterAct turns what became of an act into what the workflow does next. Done
// or not, the next Advance looks at the hosts first: an answer is never taken
// for the state.
func (a *Activities) afterAct(ctx context.Context, in AdvanceIn, d plans.Decision, r hyperv.ActResult, err error) plans.Decision {
	again := d
	again.Kind = plans.Wait
	switch {
	case err == nil && r.Outcome == hyperv.OutcomeDone:
		return d
	case err == nil && r.Outcome == hyperv.OutcomeExpired:
		again.Why = fmt.Sprintf("%s was not done: its turn on the host did not come in time (expired); looking again", d.Verb)
		again.Remedy = "something there still works on this VM: if it stays so, look on the host for a powershell.exe that does not end, end it, then retry"
		return again
	case err == nil:
		again.Why = fmt.Sprintf("%s was not done: the VM had changed (%s); looking again", d.Verb, r.Outcome)
		return again
	case isUnanswered(err):
		again.Why = fmt.Sprintf("no answer to %s came; looking what became of it", d.Verb)
		var unsent *hyperv.NotSentError
		if errors.As(err, &unsent) {
			again.Why = fmt.Sprintf("%s could not be sent (%s); looking again", d.Verb, unsent.Reason)
			return again
		}
		if d.Verb == plans.VerbShutDown && overran(err) {
			return a.stillUp(ctx, in, d)
		}
		return again
	case errors.Is(err, hyperv.ErrBusy):
		again.Why = fmt.Sprintf("%s must wait: another operation is under way on this VM", d.Verb)
		return again
	}
	return a.afterFailure(ctx, in, d, err)
}

// afterFailure looks whether a failed act went through all the same; if not, a
// person decides.
func (a *Activities) afterFailure(ctx context.Context, in AdvanceIn, d plans.Decision, err error) plans.Decision {
	next := a.decide(in, a.observe(ctx, in.VM))
	if next.Kind != plans.Act || next.Verb != d.Verb || next.Expect != d.Expect {
		again := d
		again.Kind, again.Why = plans.Wait, fmt.Sprintf("%s answered with an error, but the VM has moved on; looking again", d.Verb)
		if next.Unseen {
			again.Why = fmt.Sprintf("%s answered with an error; looking what became of it", d.Verb)
		}
		return again
	}
	held := d
	held.Kind, held.Why, held.Remedy = plans.Refuse, refusedWords(d, err), remedyOf(err)
	if d.Verb == plans.VerbShutDown && errors.Is(err, hyperv.ErrFailed) {
		held = offerPower(in, held) // the host's log would not say more
	}
	if host := hostOf(in.VM, d.Side); errors.Is(err, hyperv.ErrOutOfMemory) && in.Intent.Operation.Moves() && a.testsRun(ctx, host) {
		a.makeWay(ctx, in.Run, in.Plan, string(in.Intent.Operation)+" of "+in.Plan, host)
		held.Kind, held.Why = plans.Wait, fmt.Sprintf("%s has no memory left for it while test copies run there; drills have been told to give way", host)
		held.Remedy = "a test copy that somebody made by hand stays: Stop-VMFailover on its VM there, or shut other VMs down"
	}
	if d.Verb == plans.VerbStartTest && (in.askedTest || errors.Is(err, hyperv.ErrAnswer)) {
		// A host may show a test copy some seconds after it has made it, also
		// in the answer to the very call that made it.
		held.Kind, held.Why = plans.Wait, "the test copy was asked for; waiting for "+in.VM.TargetHost+" to show it"
	}
	return held
}

// testsRun is true while test copies run on a host.
func (a *Activities) testsRun(ctx context.Context, host string) bool {
	for _, c := range glanceAt(ctx, a.Hosts, host, nil).copies {
		if c.Mode == "TestReplica" && c.Power != "Off" {
			return true
		}
	}
	return false
}

// offerPower is what to do about a guest that does not shut down, wherever in the
// run that was wanted.
func offerPower(in AdvanceIn, held plans.Decision) plans.Decision {
	held.Remedy = "look at its console; then retry, or turn it off (unsaved work in it is lost)"
	if in.Intent.Operation == plans.PlannedFailover {
		held.Remedy += ", or bring it back"
	}
	held.Offer = []plans.Choice{plans.ChoiceTurnOff}
	return held
}

// stillUp is for a guest that did not shut down in time.
func (a *Activities) stillUp(ctx context.Context, in AdvanceIn, d plans.Decision) plans.Decision {
	next := a.decide(in, a.observe(ctx, in.VM))
	if next.Kind != plans.Act || next.Verb != plans.VerbShutDown {
		// It went off, is on its way, or cannot be seen: the next look tells.
		next.Kind, next.Why = plans.Wait, fmt.Sprintf("no answer to %s came in time; looking what became of it", d.Verb)
		return next
	}
	held := offerPower(in, d)
	held.Kind, held.Why = plans.Refuse, stillUpWords(in.VM.SourceHost, in.ShutdownWithin)
	return held
}

func stillUpWords(host string, within time.Duration) string {
	return fmt.Sprintf("the guest at %s did not shut down in %s; the host may still be shutting it down", host, within)
}

func refusedWords(d plans.Decision, err error) string {
	var said *hyperv.ScriptError
	if errors.As(err, &said) {
		return fmt.Sprintf("%s was refused by %s: %s (%s)", d.Verb, said.Host, said.Message, said.ID)
	}
	return fmt.Sprintf("%s failed: %v", d.Verb, err)
}

func remedyOf(err error) string {
	var known *hyperv.Error
	if errors.As(err, &known) {
		return known.Hint
	}
	return "look at the VM on the host, then retry"
}

func isUnanswered(err error) bool {
	var unsent *hyperv.NotSentError
	var silent *hyperv.NoAnswerError
	return errors.As(err, &unsent) || errors.As(err, &silent) || errors.Is(err, context.DeadlineExceeded)
}

func overran(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

func outcome(r hyperv.ActResult, err error) string {
	var unsent *hyperv.NotSentError
	var silent *hyperv.NoAnswerError
	switch {
	case err == nil:
		return string(r.Outcome)
	case errors.As(err, &unsent):
		return "not-sent"
	case errors.As(err, &silent), errors.Is(err, context.DeadlineExceeded):
		return "no-answer"
	}
	return "failed"
}
