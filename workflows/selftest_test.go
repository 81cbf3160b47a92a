package workflows

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// selfTestActs are a self-test's activities as a story plays them.
type selfTestActs struct {
	steps   []string
	blocked bool
	// breaks is the step that breaks, left how many looks there is something left.
	breaks string
	left   int
	calls  []string
	vm     string // what the clean-up was told
	named  string
}

func (s *selfTestActs) look(context.Context, activities.SelfTestLookIn) (activities.SelfTestLookOut, error) {
	out := activities.SelfTestLookOut{Steps: s.steps}
	if s.blocked {
		out.Findings = []plans.Finding{{Severity: plans.Blocker, Code: "self-test-host", Text: "B does not answer"}}
	}
	return out, nil
}

func (s *selfTestActs) step(_ context.Context, in activities.SelfTestStepIn) (activities.SelfTestStepOut, error) {
	s.calls = append(s.calls, in.Step)
	out := activities.SelfTestStepOut{Progress: in.Progress, Decision: plans.SelfTestDecision{Kind: plans.SelfTestWait, In: time.Minute}}
	out.Progress.VM = "made"
	switch {
	case in.Step == s.breaks:
		out.Decision = plans.SelfTestDecision{Kind: plans.SelfTestBroken, Why: "was refused"}
	case in.Waited >= time.Minute:
		out.Decision = plans.SelfTestDecision{Kind: plans.SelfTestOver, Answers: []plans.SelfTestAnswer{{ID: in.Step, Reading: plans.AsDialect}}}
	default:
		return out, nil
	}
	out.Entry = &plans.SelfTestEntry{Step: in.Step}
	return out, nil
}

func (s *selfTestActs) clean(_ context.Context, in activities.SelfTestCleanIn) (activities.SelfTestCleanOut, error) {
	s.vm, s.named = in.VM, in.Named
	s.calls = append(s.calls, "clean")
	if s.left--; s.left >= 0 {
		return activities.SelfTestCleanOut{Left: []string{"the VM at B"}}, nil
	}
	return activities.SelfTestCleanOut{}, nil
}

func TestASelfTestCleansWhateverBecameOfIt(t *testing.T) {
	for name, c := range map[string]struct {
		acts    selfTestActs
		clean   bool
		stop    bool // somebody ends it in the second step
		cancel  bool // the workflow is cancelled there
		verdict plans.Verdict
		broken  string
		calls   string // the steps it came to, each once
	}{
		"walks":            {verdict: plans.VerdictDone, calls: "one two clean"},
		"is refused":       {acts: selfTestActs{blocked: true}, verdict: plans.VerdictRefused},
		"breaks":           {acts: selfTestActs{breaks: "one"}, verdict: plans.VerdictStopped, broken: "one was refused", calls: "one clean"},
		"is stopped":       {stop: true, verdict: plans.VerdictStopped, broken: "stopped: somebody", calls: "one two clean"},
		"is cancelled":     {cancel: true, verdict: plans.VerdictStopped, broken: "canceled", calls: "one two clean"},
		"needs some looks": {acts: selfTestActs{left: 3}, verdict: plans.VerdictDone, calls: "one two clean"},
		"stays behind":     {acts: selfTestActs{left: 1 << 20}, verdict: plans.VerdictStuck, calls: "one two clean"},
		"cleans only":      {clean: true, verdict: plans.VerdictDone, calls: "clean"},
	} {
		t.Run(name, func(t *testing.T) {
			acts := c.acts
			acts.steps = []string{"one", "two"}
			env := testEnvironment()
			Register(env)
			for name, f := range map[string]any{activities.SelfTestLookName: acts.look, activities.SelfTestStepName: acts.step, activities.SelfTestCleanName: acts.clean} {
				env.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
			}
			if c.stop {
				env.RegisterDelayedCallback(func() { env.SignalWorkflow(StandDownSignal, "somebody") }, 90*time.Second)
			}
			if c.cancel {
				env.RegisterDelayedCallback(env.CancelWorkflow, 90*time.Second)
			}
			env.ExecuteWorkflow(SelfTestRun, SelfTestInput{Run: "r", Setup: plans.SelfTestSetup{Name: "own", Clean: c.clean, Speed: 1}})
			var s plans.SelfTestStatus
			if err := env.GetWorkflowResult(&s); err != nil {
				t.Fatal(err)
			}
			if s.Verdict != c.verdict || !strings.Contains(s.Broken, c.broken) || (s.Broken == "") != (c.broken == "") || s.Ended.IsZero() {
				t.Errorf("%s, broken %q", s.Verdict, s.Broken)
			}
			if came := strings.Join(slices.Compact(slices.Clone(acts.calls)), " "); came != c.calls {
				t.Errorf("it came to %q, want %q", came, c.calls)
			}
			if cleaned := c.verdict == plans.VerdictDone || c.verdict == plans.VerdictStopped; s.Cleaned != cleaned || (len(s.Left) > 0) != (c.verdict == plans.VerdictStuck) {
				t.Errorf("cleaned %v, left %v", s.Cleaned, s.Left)
			}
			if want := map[bool]string{true: "", false: "own"}[c.clean]; len(acts.calls) > 0 && acts.named != want {
				t.Errorf("it removes what is named %q, want %q: what bears the mark may be that of another engine", acts.named, want)
			}
			if len(acts.calls) > 1 && acts.vm != "made" {
				t.Errorf("the clean-up was told of %q", acts.vm)
			}
		})
	}
}
