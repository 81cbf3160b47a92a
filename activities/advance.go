package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// AdvanceIn asks to take one VM one act further.
type AdvanceIn struct {
	Run    string       `json:"run"`
	Plan   string       `json:"plan"`
	VM     plans.RunVM  `json:"vm"`
	Intent plans.Intent `json:"intent"`
	// ShutdownWithin is how long a guest may take to shut down, in real time.
	ShutdownWithin time.Duration `json:"shutdown_within"`
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

// Advance looks at both sides of a VM, asks the table, and does at most one
// act. It may be run again from its beginning at any moment.
func (a *Activities) Advance(ctx context.Context, in AdvanceIn) (AdvanceOut, error) {
	defer beat(ctx)()
	seen := a.observe(ctx, in.VM)
	if err := ctx.Err(); err != nil {
		return AdvanceOut{}, err
	}
	d := a.decide(in, seen)
	if d.Kind != plans.Act {
		return AdvanceOut{Decision: d}, nil
	}
	host := in.VM.TargetHost
	if d.Side == plans.Source {
		host = in.VM.SourceHost
	}
	seq, err := a.Journal.Before(plans.ActNote{
		Run: in.Run, Plan: in.Plan, VM: in.VM.ID, Label: in.VM.Label, Host: host,
		Verb: d.Verb, Expect: d.Expect, Why: d.Why, Irreversible: d.Irreversible,
	})
	if err != nil {
		// What cannot be written down is not done: the disk may have room
		// again when the activity is retried.
		return AdvanceOut{}, fmt.Errorf("the journal cannot be written, so %s at %s was not done: %w", d.Verb, host, err)
	}
	record := plans.ActRecord{Host: host, Verb: d.Verb, Started: time.Now().UTC()}
	result, actErr := a.act(ctx, in, d, host)
	record.Ended, record.Request = time.Now().UTC(), result.Request
	record.Outcome = outcome(result, actErr)
	if actErr != nil {
		record.Error = actErr.Error()
	}
	if err := a.Journal.After(seq, record); err != nil {
		a.Log.Error("the journal's after-record is missing", "vm", in.VM.Label, "verb", d.Verb, "error", err)
	}
	a.Log.Info("act", "run", in.Run, "vm", in.VM.Label, "host", host, "verb", d.Verb, "outcome", record.Outcome, "request", record.Request, "error", record.Error)
	return AdvanceOut{Decision: a.afterAct(ctx, in, d, result, actErr), Act: &record}, nil
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
	case err == nil:
		again.Why = fmt.Sprintf("%s was not done: the VM had changed or the request came late (%s); looking again", d.Verb, r.Outcome)
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
	held := d
	held.Kind = plans.Refuse
	held.Why = fmt.Sprintf("the guest at %s did not shut down in %s; the host may still be shutting it down", in.VM.SourceHost, in.ShutdownWithin)
	held.Remedy = "look at its console; then retry, or turn it off (unsaved work in it is lost), or bring it back"
	return held
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

// beatEvery is how often an activity says that it lives: a killed engine is
// noticed after a few of them.
const beatEvery = 1500 * time.Millisecond

// beat heartbeats until the returned function is called.
func beat(ctx context.Context) (stop func()) {
	if !activity.IsActivity(ctx) {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(beatEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-ctx.Done():
				return
			case <-tick.C:
				activity.RecordHeartbeat(ctx)
			}
		}
	}()
	return func() { close(done) }
}
