package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

const (
	// selfTestCleans is how long what a self-test made is tried to be removed, by
	// the hosts' time.
	selfTestCleans = time.Hour
	cleanEvery     = 5 * time.Second
	cleanMost      = time.Minute
)

// SelfTestInput is what a SelfTest is started with.
type SelfTestInput struct {
	Run   string              `json:"run"`
	Setup plans.SelfTestSetup `json:"setup"`
	// SearchAttributes is as in PlanRunInput, for the runs of a canary.
	SearchAttributes bool `json:"search_attributes,omitempty"`
}

// selfTestWalk is a self-test under way.
type selfTestWalk struct {
	in       SelfTestInput
	status   plans.SelfTestStatus
	progress plans.SelfTestProgress
	stop     string
	old      []string // what earlier nights of a canary have left, and stays
}

// selfTest is the workflow SelfTest: it looks, walks, and whatever came of the walk
// removes the VM that it made, also when it is cancelled.
func selfTest(ctx workflow.Context, in SelfTestInput) (plans.SelfTestStatus, error) {
	w := &selfTestWalk{in: in, status: plans.SelfTestStatus{
		Setup: in.Setup, Started: workflow.Now(ctx).UTC(), Verdict: plans.VerdictRunning, Answers: []plans.SelfTestAnswer{}, Entries: []plans.SelfTestEntry{},
	}}
	err := workflow.SetQueryHandlerWithOptions(ctx, StatusQuery, func() (plans.SelfTestStatus, error) { return w.status, nil },
		workflow.QueryHandlerOptions{Description: "The self-test and its answers."})
	if err != nil {
		return w.status, err
	}
	workflow.Go(ctx, func(ctx workflow.Context) {
		var why string
		workflow.GetSignalChannel(ctx, StandDownSignal).Receive(ctx, &why)
		w.stop = orWords(why, "told to stop")
	})
	if in.Setup.Canary != "" {
		w.clearOld(ctx)
	}
	steps, err := w.look(ctx)
	if err != nil || w.status.Verdict == plans.VerdictRefused {
		return w.end(ctx), err
	}
	if !in.Setup.Clean {
		w.walk(ctx, steps)
	}
	apart, release := workflow.NewDisconnectedContext(ctx)
	defer release()
	w.status.Walked = workflow.Now(apart).UTC()
	w.clean(apart)
	return w.end(apart), nil
}

func (w *selfTestWalk) end(ctx workflow.Context) plans.SelfTestStatus {
	w.status.Ended = workflow.Now(ctx).UTC()
	w.say(ctx, "ended: %s", w.status.Verdict)
	return w.status
}

func (w *selfTestWalk) say(ctx workflow.Context, format string, args ...any) {
	w.status.Doing = fmt.Sprintf(format, args...)
	workflow.SetCurrentDetails(ctx, w.status.Doing)
}

func (w *selfTestWalk) host(ctx workflow.Context, summary string) workflow.Context {
	return hostWork(ctx, w.in.Setup.A.Site, summary, actLimit)
}

// look asks both hosts whether they can take a self-test.
func (w *selfTestWalk) look(ctx workflow.Context) ([]string, error) {
	w.say(ctx, "looks at both hosts")
	var out activities.SelfTestLookOut
	if err := workflow.ExecuteActivity(w.host(ctx, "look at both hosts"), activities.SelfTestLookName, activities.SelfTestLookIn{Setup: w.in.Setup}).Get(ctx, &out); err != nil {
		return nil, err
	}
	w.status.Setup, w.status.Findings, w.status.Steps = out.Setup, out.Findings, len(out.Steps)
	if len(w.old) > 0 && !plans.Blocked(out.Findings) {
		w.status.Findings = append(w.status.Findings, plans.CanaryLeft(w.in.Setup, w.old))
	}
	if plans.Blocked(w.status.Findings) {
		w.status.Verdict = plans.VerdictRefused
	}
	return out.Steps, nil
}

// walk goes through the steps until they end, one breaks, or somebody stops it.
func (w *selfTestWalk) walk(ctx workflow.Context, steps []string) {
	for i, step := range steps {
		w.status.Step = i + 1
		take := w.step
		if _, move := plans.CanaryMove(step); move {
			take = w.move
		}
		if err := take(ctx, step); err != nil {
			w.status.Broken, w.status.At = err.Error(), step
			return
		}
		if w.stop != "" {
			w.status.Broken, w.status.At = "stopped: "+w.stop, step
			return
		}
	}
}

// step asks for one step until it is over.
func (w *selfTestWalk) step(ctx workflow.Context, step string) error {
	began, speed := workflow.Now(ctx), max(w.in.Setup.Speed, 1)
	for w.stop == "" {
		now := workflow.Now(ctx)
		var out activities.SelfTestStepOut
		in := activities.SelfTestStepIn{
			Run: w.in.Run, Setup: w.status.Setup, Step: step, Progress: w.progress, Waited: time.Duration(float64(now.Sub(began)) * speed), Now: now.UTC(),
		}
		w.say(ctx, "step %d of %d: %s", w.status.Step, w.status.Steps, step)
		if err := workflow.ExecuteActivity(w.host(ctx, step), activities.SelfTestStepName, in).Get(ctx, &out); err != nil {
			return err
		}
		w.progress = out.Progress
		if out.Entry != nil {
			w.status.Entries = append(w.status.Entries, *out.Entry)
			w.status.Answers = append(w.status.Answers, out.Decision.Answers...)
		}
		switch out.Decision.Kind {
		case plans.SelfTestOver:
			return nil
		case plans.SelfTestBroken:
			return fmt.Errorf("%s %s", step, out.Decision.Why)
		case plans.SelfTestAct, plans.SelfTestWait:
		}
		w.say(ctx, "step %d of %d: %s; %s", w.status.Step, w.status.Steps, step, out.Decision.Why)
		if _, err := workflow.AwaitWithTimeout(ctx, scaled(out.Decision.In, speed), func() bool { return w.stop != "" }); err != nil {
			return err
		}
	}
	return nil
}

// clean removes what is left, and says what could not be.
func (w *selfTestWalk) clean(ctx workflow.Context) {
	w.say(ctx, "removes its VM from both hosts")
	in := activities.SelfTestCleanIn{VM: w.progress.VM}
	if !w.in.Setup.Clean {
		in.Named = w.in.Setup.Name
	}
	w.status.Left = w.remove(ctx, in, selfTestCleans)
	switch {
	case len(w.status.Left) > 0:
		w.status.Verdict = plans.VerdictStuck
	case w.status.Broken != "":
		w.status.Cleaned, w.status.Verdict = true, plans.VerdictStopped
	default:
		w.status.Cleaned, w.status.Verdict = true, plans.VerdictDone
	}
}

// remove asks for VMs to be removed until none is left, for so long by the hosts'
// time; it says what is left then.
func (w *selfTestWalk) remove(ctx workflow.Context, in activities.SelfTestCleanIn, limit time.Duration) []string {
	began, speed := workflow.Now(ctx), max(w.in.Setup.Speed, 1)
	in.Run, in.Setup = w.in.Run, w.status.Setup
	for {
		in.Now = workflow.Now(ctx).UTC()
		var out activities.SelfTestCleanOut
		if err := workflow.ExecuteActivity(w.host(ctx, "remove what is left"), activities.SelfTestCleanName, in).Get(ctx, &out); err != nil {
			return []string{err.Error()}
		}
		w.status.Left = out.Left
		waited := in.Now.Sub(began)
		if len(out.Left) == 0 || waited > scaled(limit, speed) {
			return out.Left
		}
		pause := max(out.In, rhythm(time.Duration(float64(waited)*speed), cleanEvery, cleanMost))
		if err := workflow.Sleep(ctx, scaled(pause, speed)); err != nil {
			return append(out.Left, err.Error())
		}
	}
}
