package workflows

import (
	"io"
	"log/slog"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/truth"
)

// chaosWatch is the watch on a lost site on its own: it outlives the run that
// began it, and here it is played when the site comes back.
type chaosWatch struct {
	s      *chaosStory
	env    *testsuite.TestWorkflowEnvironment
	choice plans.Choice
	// in is how many ticks it takes until the site is back, calm for how many
	// nothing was left to be done; ticks is how many there were.
	in, calm, ticks int
	backAt          time.Time // simulated
	last            plans.FenceStatus
}

const (
	watchEvery = 10 * time.Second
	watchTicks = 3000
	// autoStarts is longer than a host takes to start its VMs by itself.
	autoStarts = 90 * time.Second
)

// fence is the operation: the lost site comes back under the watch, and people
// answer for old copies that run. What was disconnected is looked at and shut
// down by hand in the end.
func (s *chaosStory) fence(op chaosOperation) plans.Verdict {
	if s.watched == nil {
		return plans.VerdictDone
	}
	verdict := s.watch(op)
	s.tally.end(string(verdict))
	s.heal()
	s.shutDisconnected()
	return verdict
}

// comeBack ends the time in which a site is lost: under the watch, if an
// unplanned failover wants one.
func (s *chaosStory) comeBack(choice plans.Choice) {
	switch {
	case s.watched != nil && !s.fenced:
		s.farm.trouble(0)
		s.healed = true
		s.fence(chaosOperation{name: "fence", op: plans.Fence, fence: choice})
	case s.dark != "":
		s.back()
		s.quiet()
	}
}

// watch plays FenceReturn until every old copy is fenced, a replica, or still the
// only one.
func (s *chaosStory) watch(op chaosOperation) plans.Verdict {
	w := &chaosWatch{s: s, choice: op.fence, in: s.dice.IntN(4)}
	in := *s.watched
	if s.dice.IntN(2) == 0 {
		in.Run.OnReturn = plans.FencePolicy(op.fence)
	}
	// The watch does little, so that more of it goes wrong.
	s.farm.odds = 2
	defer func() { s.farm.odds = actOdds }()
	over := map[string]bool{}
	for _, c := range s.farm.farm.State().Copies {
		if s.farm.farm.Host(c.Host).Site() == s.watched.Run.From && s.farm.takenOver(c.VM, c.Host) {
			over[c.VM] = true
		}
	}
	run := s.begin(op, in.Run)
	s.farm.note("the watch, on return %s", in.Run.OnReturn)
	w.env = s.watchEnv()
	w.env.RegisterDelayedCallback(w.tick, watchEvery)
	w.env.ExecuteWorkflow(FenceReturn, in)
	run = s.end(run)
	if err := w.env.GetWorkflowError(); err != nil {
		s.breaks("I5: the watch: %v; %s; %+v", err, s.picture(), w.last)
		return plans.VerdictUnknown
	}
	s.farm.note("the watch ended: %s", w.last.Summary)
	s.fenced = true
	s.judgeWatch(run, over)
	return plans.VerdictDone
}

func (w *chaosWatch) tick() {
	if w.env.IsWorkflowCompleted() {
		return
	}
	s := w.s
	now, err := watchPicture(w.env)
	if err != nil {
		s.breaks("I5: the watch cannot be asked: %v", err)
	}
	w.last = now
	if w.ticks++; w.ticks == watchTicks/2 {
		s.heal()
	}
	if w.in--; w.in < 0 && w.backAt.IsZero() {
		s.back()
		w.backAt = s.farm.farm.Now()
	}
	for _, q := range w.last.Waiting {
		if slices.Contains(q.Choices, w.choice) && (s.healed || s.dice.IntN(3) == 0) {
			s.tally.answers.Add(1)
			s.farm.note("%s for the old copy of %s (%s)", w.choice, q.VM, q.Text)
			s.sayTo(w.env, plans.Answer{Choice: w.choice, VM: q.VMID, By: "mia"})
		}
	}
	if w.settled() {
		s.sayTo(w.env, plans.Answer{Choice: plans.ChoiceStandDown, By: "mia", Reason: "all is fenced"})
	} else if w.ticks > watchTicks {
		s.breaks("I1: the watch does not come to an end: %+v; %s", w.last, s.picture())
		w.env.CancelWorkflow()
		return
	}
	w.env.RegisterDelayedCallback(w.tick, watchEvery)
}

// watchEnv is where a watch is played.
func (s *chaosStory) watchEnv() *testsuite.TestWorkflowEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(30 * time.Second)
	Register(env)
	for name, act := range s.acts() {
		env.RegisterActivityWithOptions(act, activity.RegisterOptions{Name: name})
	}
	env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: FenceID("all"), TaskQueue: TaskQueue})
	return env
}

// watchPicture asks a watch how it stands.
func watchPicture(env *testsuite.TestWorkflowEnvironment) (now plans.FenceStatus, err error) {
	v, err := env.QueryWorkflow(StatusQuery)
	if err == nil {
		err = v.Get(&now)
	}
	return now, err
}

// settled is true once the site has been back for long enough, and for some ticks
// nothing was left to be done.
func (w *chaosWatch) settled() bool {
	if w.backAt.IsZero() {
		return false
	}
	for w.s.farm.farm.Now().Sub(w.backAt) < autoStarts {
		<-time.After(200 * time.Microsecond)
	}
	if len(w.last.Waiting) > 0 || slices.ContainsFunc(w.last.VMs, func(vm plans.FencedVM) bool {
		return !slices.Contains([]plans.FenceState{plans.FenceClosed, plans.FenceOver, plans.FenceEarly}, vm.State)
	}) {
		w.calm = 0
		return false
	}
	w.calm++
	return w.calm > 6
}

func (s *chaosStory) sayTo(env *testsuite.TestWorkflowEnvironment, a plans.Answer) {
	env.UpdateWorkflow(string(a.Choice), "", &testsuite.TestUpdateCallback{
		OnAccept: func() {}, OnReject: func(err error) { s.farm.note("refused: %v", err) }, OnComplete: func(any, error) {},
	}, a)
}

// judgeWatch: every old copy whose place was taken is kept from running beside
// the good one, as was decided, and nothing else was touched.
func (s *chaosStory) judgeWatch(run chaosRun, over map[string]bool) {
	lost := func(host string) bool { return s.farm.farm.Host(host).Site() == run.in.From }
	s.broken = append(s.broken, truth.Watch(s.ledger()[run.from:run.to], lost, func(vm string) bool { return over[vm] })...)
	for _, c := range s.farm.farm.State().Copies {
		switch {
		case !lost(c.Host) || !over[c.VM] || c.Mode != "Primary" || c.State == "PreparedForFailover":
		case c.AutoStart != "Nothing":
			s.breaks("I1: the watch ended, and the old copy %s@%s starts with its host: %s", c.Name, c.Host, c.AutoStart)
		case c.Power != "Off" && reachesUsers(c):
			s.breaks("I1: the watch ended, and the old copy %s@%s is %s and connected", c.Name, c.Host, c.Power)
		}
	}
}

func reachesUsers(c hypervisor.CopyState) bool {
	return slices.ContainsFunc(c.Networks, func(n hypervisor.NetworkState) bool { return n.Connected })
}

// shutDisconnected is what the watch asks for in the end: an old copy without a
// network is looked at and shut down.
func (s *chaosStory) shutDisconnected() {
	for _, c := range s.farm.farm.State().Copies {
		if c.Power != "Off" && c.Mode == "Primary" && !reachesUsers(c) && s.farm.takenOver(c.VM, c.Host) {
			s.farm.note("%s@%s is looked at and shut down by hand", c.Name, c.Host)
			_ = s.farm.farm.Host(c.Host).StopVM(s.t.Context(), hypervisor.Caller{By: "control"}, c.VM, hypervisor.StopHow{TurnOff: true})
		}
	}
}
