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
}

// selfTestWalk is a self-test under way.
type selfTestWalk struct {
	in       SelfTestInput
	status   plans.SelfTestStatus
	progress plans.SelfTestProgress
	stop     string
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
	steps, err := w.look(ctx)
	if err != nil || w.status.Verdict == plans.VerdictRefused {
		return w.end(ctx), err
	}
	if !in.Setup.Clean {
		w.walk(ctx, steps)
	}
	apart, release := workflow.NewDisconnectedContext(ctx)
	defer release()
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
	if plans.Blocked(out.Findings) {
		w.status.Verdict = plans.VerdictRefused
	}
	return out.Steps, nil
}

// walk goes through the steps until they end, one breaks, or somebody stops it.
func (w *selfTestWalk) walk(ctx workflow.Context, steps []string) {
	for i, step := range steps {
		w.status.Step = i + 1
		if err := w.step(ctx, step); err != nil {
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
	began, speed := workflow.Now(ctx), max(w.in.Setup.Speed, 1)
	for {
		now := workflow.Now(ctx)
		w.say(ctx, "removes its VM from both hosts")
		var out activities.SelfTestCleanOut
		in := activities.SelfTestCleanIn{Run: w.in.Run, Setup: w.status.Setup, VM: w.progress.VM, Now: now.UTC()}
		if err := workflow.ExecuteActivity(w.host(ctx, "remove what is left"), activities.SelfTestCleanName, in).Get(ctx, &out); err != nil {
			w.status.Left, w.status.Verdict = []string{err.Error()}, plans.VerdictStuck
			return
		}
		w.status.Left = out.Left
		waited := now.Sub(began)
		switch {
		case len(out.Left) == 0:
			w.status.Cleaned, w.status.Verdict = true, plans.VerdictDone
			if w.status.Broken != "" {
				w.status.Verdict = plans.VerdictStopped
			}
			return
		case waited > scaled(selfTestCleans, speed):
			w.status.Verdict = plans.VerdictStuck
			return
		}
		pause := max(out.In, rhythm(time.Duration(float64(waited)*speed), cleanEvery, cleanMost))
		if err := workflow.Sleep(ctx, scaled(pause, speed)); err != nil {
			w.status.Left, w.status.Verdict = append(w.status.Left, err.Error()), plans.VerdictStuck
			return
		}
	}
}
