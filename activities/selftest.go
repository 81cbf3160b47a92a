package activities

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Names of a self-test's activities.
const (
	SelfTestLookName  = "self-test-look"
	SelfTestStepName  = "self-test-step"
	SelfTestCleanName = "self-test-clean"
)

// SelfTestStepIn asks to take a self-test one act further in a step.
type SelfTestStepIn struct {
	Run      string                 `json:"run"`
	Setup    plans.SelfTestSetup    `json:"setup"`
	Step     string                 `json:"step"`
	Progress plans.SelfTestProgress `json:"progress"`
	// Waited is how long the step has taken, by the hosts' time.
	Waited time.Duration `json:"waited"`
	Now    time.Time     `json:"now,omitzero"`
}

// SelfTestStepOut is what follows, and where the self-test stands. Entry is set
// when the step is over.
type SelfTestStepOut struct {
	Decision plans.SelfTestDecision `json:"decision"`
	Progress plans.SelfTestProgress `json:"progress"`
	Entry    *plans.SelfTestEntry   `json:"entry,omitempty"`
}

// SelfTestStep looks at both hosts and does at most one act. What an engine that
// ended meanwhile has done is seen, and its answer given up for lost.
func (a *Activities) SelfTestStep(ctx context.Context, in SelfTestStepIn) (SelfTestStepOut, error) {
	defer beat(ctx)()
	out := SelfTestStepOut{Progress: in.Progress}
	step, known := plans.SelfTestStepNamed(in.Setup, in.Step)
	if !known { // of another version
		out.Decision = plans.SelfTestDecision{Kind: plans.SelfTestOver, Skipped: true}
		return out, nil
	}
	sight := a.selfTestSight(ctx, in.Setup, step, in.Progress.VM)
	if err := ctx.Err(); err != nil {
		return out, err
	}
	p := &out.Progress
	d := plans.NextSelfTest(step, in.Setup, *p, sight, in.Waited)
	if p.Before == nil && sight.A.Seen && sight.B.Seen {
		p.Before = &sight
	}
	if d.Kind == plans.SelfTestAct {
		p.Again = p.Again || activity.IsActivity(ctx) && activity.GetInfo(ctx).Attempt > 1
		if err := a.selfTestDo(ctx, in, step, d, p); err != nil {
			return out, err
		}
		if sight = a.selfTestSight(ctx, in.Setup, step, p.VM); sight.A.Seen && sight.B.Seen && p.Acted {
			p.First = &sight
		}
		if d = plans.NextSelfTest(step, in.Setup, *p, sight, in.Waited); d.Kind == plans.SelfTestAct {
			d.Kind, d.In = plans.SelfTestWait, beginWithin // it was not sent, or came late
		}
	}
	out.Decision = d
	if d.Kind == plans.SelfTestOver || d.Kind == plans.SelfTestBroken {
		entry, next := plans.EndSelfTestStep(step, *p, d, sight, in.Waited)
		out.Entry, out.Progress = &entry, next
	}
	return out, ctx.Err()
}

// selfTestDo does a step's act, between its two notes in the journal, and writes
// down what became of it.
func (a *Activities) selfTestDo(ctx context.Context, in SelfTestStepIn, step plans.SelfTestStep, d plans.SelfTestDecision, p *plans.SelfTestProgress) error {
	party := in.Setup.At(step.At)
	host, err := a.Hosts(party.Host)
	if err != nil {
		return err
	}
	if step.Verb == plans.VerbAskReplication {
		began := time.Now()
		err = host.AskReplication(ctx, p.VM)
		selfTestOutcome(p, hyperv.ActResult{Outcome: hyperv.OutcomeDone, Took: time.Since(began)}, err)
		return nil
	}
	done, err := a.send(plans.ActNote{
		Run: in.Run, VM: p.VM, Label: in.Setup.Name, Host: party.Host, Verb: step.Verb, Expect: d.Expect, Why: in.Setup.Kind() + ": " + step.Says, At: in.Now,
		Irreversible: step.Verb == plans.VerbSelfTestRemove,
	}, func() (hyperv.ActResult, error) {
		if step.Verb == plans.VerbSelfTestMake {
			id, err := host.MakeSelftest(ctx, in.Setup.Name, plans.SelfTestMemory, plans.SelfTestDisk)
			p.VM = id
			return hyperv.ActResult{Outcome: hyperv.OutcomeDone}, err
		}
		return selfTestAct(ctx, host, step, in.Setup, p.VM, hyperv.Expect(d.Expect))
	})
	if err != nil {
		return err
	}
	selfTestOutcome(p, done.result, done.err)
	if p.VM == "" && p.Outcome == "no-answer" {
		p.Acted = false // it is found by its name when it is made again
	}
	return nil
}

// selfTestOutcome writes down what became of an act. One that was surely not done
// is done again after the next look.
func selfTestOutcome(p *plans.SelfTestProgress, r hyperv.ActResult, err error) {
	p.Outcome, p.Took, p.Code, p.Category, p.Error = outcome(r, err), r.Took, "", "", ""
	p.Acted = true
	var unsent *hyperv.NotSentError
	var said *hyperv.Error
	switch {
	case err == nil:
		p.Acted = r.Outcome == hyperv.OutcomeDone
		return
	case errors.As(err, &unsent), errors.Is(err, hyperv.ErrBusy):
		p.Acted = false
	case errors.Is(err, hyperv.ErrAnswer): // done, and not shown yet
		p.Outcome = string(hyperv.OutcomeDone)
	case errors.As(err, &said):
		p.Code = said.Code
	}
	p.Error = err.Error()
	var script *hyperv.ScriptError
	if errors.As(err, &script) {
		p.Category = script.Category
	}
}

// selfTestAct is the act of a step.
func selfTestAct(ctx context.Context, host *hyperv.Host, step plans.SelfTestStep, setup plans.SelfTestSetup, id string, expect hyperv.Expect) (hyperv.ActResult, error) {
	here, there := setup.At(step.At), setup.Other(step.At)
	switch step.Verb {
	case plans.VerbEnable:
		return host.EnableReplication(ctx, id, expect, beginWithin, hyperv.EnableOptions{
			ReplicaServer: there.Replica, Port: there.Port, Auth: there.Auth, Thumbprint: thumbprint(here), FrequencySec: 30, RecoveryHistory: step.Points,
		})
	case plans.VerbStartInitial:
		return host.StartInitial(ctx, id, expect, beginWithin, hyperv.InitialOptions{})
	case plans.VerbStart:
		return host.Start(ctx, id, expect, beginWithin)
	case plans.VerbTurnOff:
		return host.TurnOff(ctx, id, expect, beginWithin)
	case plans.VerbSelfTestSave:
		return host.SaveSelftest(ctx, id, expect, beginWithin)
	case plans.VerbSuspend:
		return host.SuspendReplication(ctx, id, expect, beginWithin)
	case plans.VerbResume:
		return host.ResumeReplication(ctx, id, expect, beginWithin)
	case plans.VerbResync:
		return host.Resynchronize(ctx, id, expect, beginWithin)
	case plans.VerbStopResync:
		return host.StopResync(ctx, id, expect, beginWithin)
	case plans.VerbStartTest:
		return host.StartTest(ctx, id, expect, beginWithin, "")
	case plans.VerbSecondTest:
		return host.SecondTest(ctx, id, expect, beginWithin)
	case plans.VerbPrepareFailover:
		return host.PrepareFailover(ctx, id, expect, beginWithin)
	case plans.VerbStartFailover:
		return host.StartFailover(ctx, id, expect, beginWithin, "")
	case plans.VerbComplete:
		return host.CompleteFailover(ctx, id, expect, beginWithin)
	case plans.VerbAsReplica:
		return host.SetAsReplica(ctx, id, expect, beginWithin, step.Allowed(setup))
	case plans.VerbReverse:
		return host.ReverseReplication(ctx, id, expect, beginWithin, there.Replica, thumbprint(here))
	}
	return selfTestUndo(ctx, host, step.Verb, id, expect)
}

// selfTestUndo are the verbs with which a clean-up does without a step.
func selfTestUndo(ctx context.Context, host *hyperv.Host, verb plans.Verb, id string, expect hyperv.Expect) (hyperv.ActResult, error) {
	switch verb {
	case plans.VerbStopTest:
		return host.StopTest(ctx, id, expect, beginWithin)
	case plans.VerbTurnOff:
		return host.TurnOff(ctx, id, expect, beginWithin)
	case plans.VerbStopFailover:
		return host.StopFailover(ctx, id, expect, beginWithin)
	case plans.VerbRemove:
		return host.RemoveReplication(ctx, id, expect, beginWithin, "Simple")
	case plans.VerbSelfTestMark:
		return host.MarkSelftest(ctx, id, expect, beginWithin)
	case plans.VerbSelfTestRemove:
		return host.RemoveSelftest(ctx, id, expect, beginWithin)
	}
	return hyperv.ActResult{}, fmt.Errorf("a self-test has no verb %q", verb)
}

// thumbprint is that with which a host sends; none with Kerberos.
func thumbprint(p plans.SelfTestParty) string {
	if !strings.Contains(p.Auth, "Certificate") {
		return ""
	}
	return p.Thumbprint
}
