package activities

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// failing answers one call with an error, before or after it is done.
func failing(call string, err error) func(context.Context, string) error {
	return func(_ context.Context, c string) error {
		if c == call {
			return err
		}
		return nil
	}
}

func advance(t *testing.T, s *site, b *book, in AdvanceIn) AdvanceOut {
	t.Helper()
	out, err := engine(s, b).Advance(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func wantDecision(t *testing.T, out AdvanceOut, kind plans.DecisionKind, words ...string) {
	t.Helper()
	if out.Decision.Kind != kind {
		t.Fatalf("decided %s (%s), want %s", out.Decision.Kind, out.Decision.Why, kind)
	}
	for _, w := range words {
		if text := out.Decision.Why + " " + out.Decision.Remedy; !strings.Contains(text, w) {
			t.Errorf("%q does not say %q", text, w)
		}
	}
}

func TestOneActAndItsTwoNotes(t *testing.T) {
	eachVerb(t, func(t *testing.T, verb plans.Verb, s *site, b *book, in AdvanceIn) {
		out := advance(t, s, b, in)
		wantDecision(t, out, plans.Act)
		if !slices.Equal(s.acts, []string{functionOf[verb]}) {
			t.Fatalf("acts %v", s.acts)
		}
		if out.Act == nil || out.Act.Outcome != "done" || out.Act.Request != "r1" || len(b.before) != 1 || len(b.after) != 1 {
			t.Fatalf("act %+v, journal %v %v", out.Act, b.before, b.after)
		}
		if n := b.before[0]; n.Verb != verb || n.Expect != out.Decision.Expect || n.Irreversible != (verb == plans.VerbReverse || verb == plans.VerbComplete) {
			t.Errorf("before: %+v", n)
		}
	})
}

func TestWalkToTheEnd(t *testing.T) {
	s, b := newSite(), &book{}
	for range 10 {
		out := advance(t, s, b, request(plans.PhaseReverse))
		if out.Decision.Kind == plans.Done {
			if len(s.acts) != 5 || !out.Decision.NoWayBack || out.Decision.Good != plans.Target {
				t.Errorf("acts %v, decision %+v", s.acts, out.Decision)
			}
			return
		}
	}
	t.Fatalf("not done after ten: %v", s.acts)
}

func TestAnswerLost(t *testing.T) {
	for _, late := range []bool{false, true} {
		eachVerb(t, func(t *testing.T, verb plans.Verb, s *site, b *book, in AdvanceIn) {
			silent := failing(functionOf[verb], &hyperv.NoAnswerError{Host: "X", Request: "r1", Err: errors.New("cut")})
			if late {
				s.after = silent
			} else {
				s.before = silent
			}
			out := advance(t, s, b, in)
			wantDecision(t, out, plans.Wait, "no answer to "+string(verb))
			if out.Act.Outcome != "no-answer" {
				t.Errorf("outcome %s", out.Act.Outcome)
			}
			s.before, s.after = nil, nil
			for range 3 {
				advance(t, s, b, in)
			}
			if n := len(slices.DeleteFunc(slices.Clone(s.acts), func(a string) bool { return a != functionOf[verb] })); n != 1 {
				t.Errorf("late=%v: done %d times: %v", late, n, s.acts)
			}
		})
	}
}

func TestMovedAndExpired(t *testing.T) {
	for _, o := range []hyperv.Outcome{hyperv.OutcomeMoved, hyperv.OutcomeExpired} {
		eachVerb(t, func(t *testing.T, verb plans.Verb, s *site, b *book, in AdvanceIn) {
			s.outcome = func(call string) hyperv.Outcome {
				if call == functionOf[verb] {
					return o
				}
				return ""
			}
			out := advance(t, s, b, in)
			wantDecision(t, out, plans.Wait, string(o))
			if hangs := strings.Contains(out.Decision.Remedy, "powershell.exe that does not end"); hangs != (o == hyperv.OutcomeExpired) {
				t.Errorf("%s: %q", o, out.Decision.Remedy) // one that hangs there keeps a real failover waiting, and nobody knew what for
			}
			if out.Act.Outcome != string(o) || len(s.acts) != 0 {
				t.Errorf("outcome %s, acts %v", out.Act.Outcome, s.acts)
			}
		})
	}
}

func scriptError(id, category string) error {
	return &hyperv.ScriptError{Host: "DR1", Function: "f", ID: id, Category: category, Message: "said so", Acted: true}
}

func TestFailedButWentThrough(t *testing.T) {
	eachVerb(t, func(t *testing.T, verb plans.Verb, s *site, b *book, in AdvanceIn) {
		s.after = failing(functionOf[verb], scriptError("OperationFailed,X", "NotSpecified"))
		out := advance(t, s, b, in)
		wantDecision(t, out, plans.Wait, "the VM has moved on")
		if out.Act.Outcome != "failed" {
			t.Errorf("outcome %s", out.Act.Outcome)
		}
	})
}

func TestRefusedByTheHost(t *testing.T) {
	eachVerb(t, func(t *testing.T, verb plans.Verb, s *site, b *book, in AdvanceIn) {
		s.before = failing(functionOf[verb], scriptError("OutOfMemory,X", "NotSpecified"))
		out := advance(t, s, b, in)
		wantDecision(t, out, plans.Refuse, string(verb)+" was refused by DR1", "said so", "free memory")
	})
}

// Drills that give way need a moment: a VM that finds no memory meanwhile waits, and
// does not wake a person.
func TestNoMemoryWhileTestCopiesRun(t *testing.T) {
	s, b := newSite(), &book{}
	for advance(t, s, b, request(plans.PhaseMove)).Decision.Kind != plans.Done {
	}
	s.testing = true
	s.before = failing(functionOf[plans.VerbStart], scriptError("OutOfMemory,X", "NotSpecified"))
	a, told := engine(s, b), []string{}
	a.Drills.GiveWay = func(_ context.Context, hosts []string, _, _ string) ([]string, error) {
		told = append(told, hosts...)
		return nil, errors.New("nobody answers")
	}
	out, err := a.Advance(t.Context(), request(plans.PhaseStart))
	if err != nil || !slices.Equal(told, []string{"DR1"}) {
		t.Errorf("told %v, %v", told, err)
	}
	wantDecision(t, out, plans.Wait, "DR1 has no memory left for it while test copies run there", "Stop-VMFailover")
	s.testing = false
	wantDecision(t, advance(t, s, b, request(plans.PhaseStart)), plans.Refuse, "was refused by DR1")
}

func TestFailedAndThenUnseen(t *testing.T) {
	s, b := newSite(), &book{}
	failed := false
	s.before = func(_ context.Context, call string) error {
		switch {
		case call == "HQ1 Stop-LifeboatGuest":
			failed = true
			return scriptError("OperationFailed,X", "NotSpecified")
		case failed:
			return &hyperv.NotSentError{Host: "HQ1", Reason: "unreachable", Err: errors.New("gone")}
		}
		return nil
	}
	wantDecision(t, advance(t, s, b, request(plans.PhaseShutdown)), plans.Wait, "looking what became of it")
}

// A host that makes a test copy and does not name it yet is looked at again, and
// asked again only when no request of before can still begin.
func TestATestCopyThatShowsLate(t *testing.T) {
	s, b := newSite(), &book{}
	in := request(plans.PhaseTest)
	in.Intent = plans.Intent{Operation: plans.TestFailover, UpTo: plans.PhaseTest}
	out := advance(t, s, b, in)
	wantDecision(t, out, plans.Wait, "waiting for DR1 to show it")
	if out.Act == nil || out.Act.Verb != plans.VerbStartTest || len(b.before) != 1 {
		t.Errorf("act %+v, journal %v", out.Act, b.before)
	}
	in.Now = in.Now.Add(showWithin - time.Second)
	if out := advance(t, s, b, in); out.Act != nil || out.Decision.Kind != plans.Wait {
		t.Errorf("asked again at once: %+v", out)
	}
	in.Now = in.Now.Add(time.Second)
	if out := advance(t, s, b, in); out.Act == nil || out.Act.Verb != plans.VerbStartTest {
		t.Errorf("never asked again: %+v", out)
	}
}

// Once a drill has asked for a test copy it is told so, whatever stands in the way
// by then: the copy may be there. Another drill is not.
func TestADrillIsToldThatItAsked(t *testing.T) {
	s, b := newSite(), &book{}
	in := request(plans.PhaseTest)
	in.Intent = plans.Intent{Operation: plans.TestFailover, UpTo: plans.PhaseTest}
	if out := advance(t, s, b, in); out.Decision.AskedTest {
		t.Errorf("before it had asked: %+v", out.Decision)
	}
	s.hosts["DR1"].state = "FailedOverWaitingCompletion"
	for _, run := range []string{in.Run, "another"} {
		in.Run = run
		out := advance(t, s, b, in)
		wantDecision(t, out, plans.Refuse, "a real failover")
		if out.Decision.AskedTest != (run != "another") {
			t.Errorf("%s: %+v", run, out.Decision)
		}
	}
}

func TestBusyWaits(t *testing.T) {
	s, b := newSite(), &book{}
	s.before = failing("HQ1 Stop-LifeboatGuest", scriptError("ObjectInUse,X", "ResourceBusy"))
	wantDecision(t, advance(t, s, b, request(plans.PhaseShutdown)), plans.Wait, "another operation is under way")
}

func TestNotWrittenDownIsNotDone(t *testing.T) {
	eachVerb(t, func(t *testing.T, _ plans.Verb, s *site, b *book, in AdvanceIn) {
		b.full = true
		_, err := engine(s, b).Advance(t.Context(), in)
		if err == nil || !strings.Contains(err.Error(), "no space left") || len(s.acts) != 0 {
			t.Fatalf("error %v, acts %v", err, s.acts)
		}
	})
}

func TestShutDownThatTakesTooLong(t *testing.T) {
	in := request(plans.PhaseShutdown)
	for _, c := range []struct {
		name  string
		err   error
		kind  plans.DecisionKind
		words []string
	}{
		{"sent", &hyperv.NoAnswerError{Host: "HQ1", Started: true, Err: context.DeadlineExceeded}, plans.Refuse, []string{"did not shut down", "may still be shutting it down", "turn it off"}},
		{"never sent", &hyperv.NotSentError{Host: "HQ1", Reason: "busy", Err: context.DeadlineExceeded}, plans.Wait, []string{"could not be sent (busy)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite()
			s.before = failing("HQ1 Stop-LifeboatGuest", c.err)
			wantDecision(t, advance(t, s, &book{}, in), c.kind, c.words...)
		})
	}
	t.Run("before an unplanned failover", func(t *testing.T) {
		// It said "turn it off", and took no such answer.
		s, fence := newSite(), request(plans.PhaseFence)
		fence.Intent.Operation, fence.Intent.Fence = plans.UnplannedFailover, plans.FenceShutDown
		s.before = failing("HQ1 Stop-LifeboatGuest", scriptError("OperationFailed,X", "NotSpecified"))
		out := advance(t, s, &book{}, fence)
		wantDecision(t, out, plans.Refuse, "turn it off")
		if !slices.Contains(out.Decision.Offer, plans.ChoiceTurnOff) || out.Decision.Good != plans.Source {
			t.Errorf("offers %v, good copy %q", out.Decision.Offer, out.Decision.Good)
		}
	})
	t.Run("went off", func(t *testing.T) {
		s := newSite()
		s.after = failing("HQ1 Stop-LifeboatGuest", &hyperv.NoAnswerError{Host: "HQ1", Err: context.DeadlineExceeded})
		wantDecision(t, advance(t, s, &book{}, in), plans.Wait)
	})
}

func TestUnseenSaysWhy(t *testing.T) {
	for _, c := range []struct {
		name  string
		err   error
		words []string
	}{
		{"password", &hyperv.NotSentError{Host: "HQ1", Reason: "denied", Err: errors.New("401"), Hint: "check the account"}, []string{"cannot see HQ1 (denied)", "unknown is not off", "check the account"}},
		{"certificate", &hyperv.NotSentError{Host: "HQ1", Reason: "certificate", Err: errors.New("expired"), Hint: "renew it"}, []string{"(certificate)", "renew it"}},
		{"silence", &hyperv.NoAnswerError{Host: "HQ1", Err: errors.New("read tcp 127.0.0.1:54321: reset")}, []string{"(no answer)", "bring HQ1 back"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, b := newSite(), &book{}
			s.before = failing("HQ1 Get-LifeboatCopies", c.err)
			out := advance(t, s, b, request(plans.PhaseReverse))
			wantDecision(t, out, plans.UnknownPair, c.words...)
			if !out.Decision.Unseen || len(s.acts)+len(b.before) != 0 || strings.Contains(out.Decision.Why, "54321") {
				t.Errorf("decision %+v, acts %v", out.Decision, s.acts)
			}
		})
	}
}

// A host that was stated to be dark and yet takes a question, or turns it down,
// lives: nothing is failed over beside it.
func TestAHostThatTakesAQuestionIsNotDark(t *testing.T) {
	for _, c := range []struct {
		err  error
		want plans.DecisionKind
	}{
		{&hyperv.NoAnswerError{Host: "HQ1", Err: errors.New("cut")}, plans.UnknownPair},
		{&hyperv.NotSentError{Host: "HQ1", Reason: "denied", Err: errors.New("401")}, plans.UnknownPair},
		{&hyperv.NotSentError{Host: "HQ1", Reason: "unreachable", Err: errors.New("no route")}, plans.Act},
	} {
		s, b := newSite(), &book{}
		s.before = failing("HQ1 Get-LifeboatCopies", c.err)
		in := request(plans.PhaseGates)
		in.Intent.Operation, in.Intent.SourceGone = plans.UnplannedFailover, true
		out := advance(t, s, b, in)
		if out.Decision.Kind != c.want || out.Decision.Unseen != (c.want == plans.UnknownPair) {
			t.Errorf("%v: %+v", c.err, out.Decision)
		}
	}
}

func TestUnknownHost(t *testing.T) {
	in := request(plans.PhaseReverse)
	in.VM.SourceHost = "HQ9"
	wantDecision(t, advance(t, newSite(), &book{}, in), plans.UnknownPair, "cannot see HQ9", "not in the configuration")
}

func TestCancelledBeforeTheActDoesNothing(t *testing.T) {
	s, b := newSite(), &book{}
	ctx, cancel := context.WithCancel(t.Context())
	s.before = func(context.Context, string) error { cancel(); return nil }
	if _, err := engine(s, b).Advance(ctx, request(plans.PhaseReverse)); err == nil || len(s.acts)+len(b.before) != 0 {
		t.Fatalf("error %v, acts %v, notes %v", err, s.acts, b.before)
	}
}
