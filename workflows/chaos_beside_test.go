package workflows

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// What goes on beside a run on an engine of its own, as in the world: the watch
// on a lost site, or a drill that has to give way.

// aside is the part of a story that is played at the same time.
type aside struct {
	enough atomic.Bool // the run beside it has ended
	done   sync.WaitGroup
	broken []string
	// drill is true for a drill, told when it was asked to give way or has ended,
	// left when it said that a test copy may be left.
	drill, left bool
	told        chan struct{}
}

// besides begins what goes on beside an operation, if anything does; the returned
// function waits until that has ended too.
func (s *chaosStory) besides(op chaosOperation) (end func()) {
	a := &aside{}
	dice := rand.New(rand.NewPCG(s.dice.Uint64(), 0xbe51de))
	switch {
	case s.healed || s.dice.IntN(2) == 0:
	case s.watched != nil && s.watched.Run.OnReturn != plans.FenceDisconnect && !op.op.Moves():
		s.tally.run("fence, beside " + op.name)
		a.done.Go(func() { s.watchAside(a, dice) })
	case op.op == plans.PlannedFailover && s.is == protected:
		s.tally.run("test-failover, beside " + op.name)
		in := s.input(chaosCalled("test-failover"))
		a.drill, a.told = true, make(chan struct{})
		a.done.Go(func() { s.drillAside(a, dice, in) })
		<-a.told // a real operation begins by telling the drill
	}
	return func() {
		a.enough.Store(true)
		a.done.Wait()
		s.broken = append(s.broken, a.broken...)
		s.farm.tick(true)
		if a.drill {
			s.judgeLeft(a.left)
		}
	}
}

// pace keeps the clock of what is played aside, which jumps from timer to timer,
// near that of the run.
func (a *aside) pace() {
	if !a.enough.Load() {
		<-time.After(time.Millisecond)
	}
}

// watchAside is the watch until the run has ended; whoever is asked has the power
// of an old copy cut.
func (s *chaosStory) watchAside(a *aside, dice *rand.Rand) {
	env := s.watchEnv()
	ticks := 0
	var tick func()
	tick = func() {
		if env.IsWorkflowCompleted() {
			return
		}
		a.pace()
		now, err := watchPicture(env)
		if err != nil {
			a.broken = append(a.broken, "I5: the watch cannot be asked: "+err.Error())
		}
		for _, q := range now.Waiting {
			if dice.IntN(3) == 0 {
				s.farm.note("turn-off for the old copy of %s, beside the run (%s)", q.VM, q.Text)
				s.sayTo(env, plans.Answer{Choice: plans.ChoiceTurnOff, VM: q.VMID, By: "mia"})
			}
		}
		if ticks++; a.enough.Load() || ticks > watchTicks {
			s.sayTo(env, plans.Answer{Choice: plans.ChoiceStandDown, By: "mia", Reason: "the run has ended"})
		}
		env.RegisterDelayedCallback(tick, watchEvery)
	}
	env.RegisterDelayedCallback(tick, watchEvery)
	env.ExecuteWorkflow(FenceReturn, *s.watched)
	if err := env.GetWorkflowError(); err != nil {
		a.broken = append(a.broken, "I5: the watch beside a run: "+err.Error())
	}
}

// drillAside is a drill into which the run comes: it is told to give way, and
// leaves nothing.
func (s *chaosStory) drillAside(a *aside, dice *rand.Rand, in plans.RunInput) {
	var tell sync.Once
	defer tell.Do(func() { close(a.told) })
	early := 1 + dice.IntN(3)
	var tr *trial
	tr = newTrialOver(s.t, in, func(n int, st plans.RunStatus) *plans.Answer {
		a.pace()
		if n >= early {
			tell.Do(func() {
				tr.env.SignalWorkflow(GiveWaySignal, "planned-failover of all by mia")
				close(a.told)
			})
		}
		if q, ok := question(st, ""); ok && a.enough.Load() {
			return &plans.Answer{Choice: q.Choices[0], Reason: "chaos"}
		}
		return nil
	}, s.acts())
	tr.every = 10 * time.Second
	if err := tr.play(); err != nil {
		a.broken = append(a.broken, "I5: a drill beside a run: "+err.Error())
		return
	}
	s.tally.end(string(tr.result.Verdict))
	s.farm.note("the drill beside it ended %s: %s", tr.result.Verdict, tr.result.Summary)
	a.left = tr.result.Verdict == plans.VerdictStuck || tr.result.Verdict == plans.VerdictUnknown
}
