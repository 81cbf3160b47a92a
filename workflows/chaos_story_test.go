package workflows

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/environment"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/truth"
)

// standing is how the VMs stand between two operations, wherever they run.
type standing string

const (
	protected standing = "protected" // one side runs, the other is its replica
	open      standing = "open"      // failed over, planned: the other side is prepared
	lost      standing = "lost"      // failed over, unplanned: the other side is an old primary
	committed standing = "committed" // the same, and final
)

// chaosOperation is an operation as the story-teller knows it; a new one is a
// row of chaosOperations.
type chaosOperation struct {
	name string
	op   plans.Operation
	// when are the standings it is asked for in, at is the only site for it.
	when []standing
	at   string
	// ends is what it leads to, onCommit what it leads to in a plan that says
	// reverse: on-commit; back is true when the VMs run at the run's From then.
	ends, onCommit standing
	back           bool
	// undo takes a half done one back; losing is consent to lose writes.
	undo   string
	losing bool
	// dark is true when the site is lost before, fence is the answer to a watch
	// that asks: the operation is the watch itself.
	dark  bool
	fence plans.Choice
}

var chaosOperations = []chaosOperation{
	{name: "planned-failover", op: plans.PlannedFailover, when: []standing{protected}, at: "a", ends: protected, onCommit: open, undo: "cancel"},
	{name: "way-home", op: plans.PlannedFailover, when: []standing{protected}, at: "b", ends: protected, onCommit: open, undo: "cancel"},
	{name: "unplanned-failover, site dark", op: plans.UnplannedFailover, when: []standing{protected}, ends: lost, onCommit: lost, undo: "cancel", dark: true},
	{name: "unplanned-failover, site answers", op: plans.UnplannedFailover, when: []standing{protected}, ends: lost, onCommit: lost, undo: "cancel"},
	{name: "unplanned-failover, another point", op: plans.UnplannedFailover, when: []standing{lost}, ends: lost, onCommit: lost, undo: "cancel", losing: true},
	{name: "cancel", op: plans.Cancel, when: []standing{protected, open, lost}, ends: protected, onCommit: protected, back: true, losing: true},
	{name: "commit", op: plans.Commit, when: []standing{open, lost}, ends: committed, onCommit: committed},
	{name: "reprotect", op: plans.Reprotect, when: []standing{open, lost, committed}, ends: protected, onCommit: protected},
	{name: "fence, turn-off", op: plans.Fence, when: []standing{lost, committed}, fence: plans.ChoiceTurnOff},
	{name: "fence, disconnect", op: plans.Fence, when: []standing{lost, committed}, fence: plans.ChoiceDisconnect},
	{name: "test-failover", op: plans.TestFailover, when: []standing{protected}, ends: protected, onCommit: protected, back: true},
}

func chaosCalled(name string) chaosOperation {
	return chaosOperations[slices.IndexFunc(chaosOperations, func(op chaosOperation) bool { return op.name == name })]
}

// chaosStory is one seed's world and what is asked of it.
type chaosStory struct {
	t       *testing.T
	seed    uint64
	dice    *rand.Rand
	farm    *chaosFarm
	tally   *chaosTally
	steps   []plans.RunStep
	members []truth.Member
	reverse plans.ReversePolicy
	limits  plans.Limits

	// is how the VMs stand, site where they run; asked is how they stood when the
	// operation was asked for that is under way, with its from and to; forward is
	// the failover that stands or is half done.
	is    standing
	site  string
	asked struct {
		is       standing
		from, to string
	}
	forward plans.Operation
	// dark is the site that is lost; watched is what FenceReturn watches, nil
	// when no old copy needs a watch; fenced once it has seen them all.
	dark    string
	watched *fenceInput
	fenced  bool
	point   string // as it was asked for last

	healed  bool
	bent    bool
	trial   *trial
	tries   map[string]int
	windows []chaosWindow
	runs    int
	broken  []string
	first   []truth.Copy
	// given is how many writes of a VM are known to be lost; newest is what its
	// replica held before it was failed over last.
	given, newest map[string]uint64
	twins         int
	// others are test copies that somebody made.
	others map[string]bool
}

type chaosWindow struct {
	op             chaosOperation
	losing, stated bool
	from, to       uint64
}

// plan puts the farm's VMs into stages, some after others.
func (s *chaosStory) plan(env *environment.Environment) {
	stages := 1 + s.dice.IntN(min(3, len(env.VMs)))
	s.steps = make([]plans.RunStep, stages)
	for i := range s.steps {
		s.steps[i] = plans.RunStep{Number: i + 1, Name: fmt.Sprintf("stage %d", i+1), Parallel: 1 + s.dice.IntN(3)}
	}
	for i, vm := range env.VMs {
		id, stage := s.farm.farm.VMID(i), &s.steps[i%stages]
		member := truth.Member{VM: id, Stage: i % stages}
		run := plans.RunVM{ID: id, Name: vm.Name, Label: vm.Name, SourceHost: vm.Host, TargetHost: vm.Replicate.To,
			Gates: []plans.RunGate{{Kind: "heartbeat", Text: "heartbeat", Within: plans.Duration(2 * time.Minute)}}}
		if n := len(stage.VMs); n > 0 && s.dice.IntN(2) == 0 {
			run.After = []string{stage.VMs[n-1].ID}
			member.After = run.After
		}
		stage.VMs, s.members = append(stage.VMs, run), append(s.members, member)
	}
	s.is, s.site = protected, "a"
}

// play asks for a few operations, then for the last again until it is done.
func (s *chaosStory) play() {
	op, done := chaosOperations[0], true
	for range 3 + s.dice.IntN(4) {
		op = s.next(op, done)
		s.prepare(op)
		s.healed = false
		s.farm.trouble(1 + s.dice.IntN(5))
		// What a person left out is still to be brought to its end.
		if done = s.start(op) == plans.VerdictDone && !s.bent; done {
			s.arrive(op)
		}
		s.heal()
		if len(s.broken) > 0 {
			return
		}
	}
	for try := 1; len(s.broken) == 0; try++ {
		s.comeBack(plans.ChoiceTurnOff)
		s.heal()
		s.tries = map[string]int{}
		verdict := s.start(op)
		if verdict == plans.VerdictDone {
			s.arrive(op)
			break
		}
		if op.op == plans.Cancel && try >= 2 {
			// Some VM is past the point of no return: the way is forward.
			op = s.onwards()
		}
		if try == 8 {
			s.breaks("I5: %s does not converge in a whole world: %s; %s", op.name, verdict, s.picture())
		}
	}
	s.comeBack(plans.ChoiceTurnOff)
	s.judge()
	s.tally.stories.Add(1)
}

// onwards is the failover that could not be taken back, in a world that answers.
func (s *chaosStory) onwards() chaosOperation {
	if s.forward != plans.UnplannedFailover {
		from, _ := s.way()
		return chaosCalled(map[string]string{"a": "planned-failover", "b": "way-home"}[from])
	}
	return chaosCalled("unplanned-failover, site answers")
}

// arrive is how the VMs stand when an operation is done.
func (s *chaosStory) arrive(op chaosOperation) {
	if op.op == plans.Fence {
		return
	}
	s.site, s.is = s.asked.to, s.after(op)
	if op.back {
		s.site = s.asked.from
	}
	if op.op == plans.Commit && s.allPrimary() {
		s.is = protected // a planned failover is committed by its reverse
	}
	if s.is == protected && op.op != plans.TestFailover {
		s.watched, s.fenced = nil, false
	}
	s.settleLoss(op)
}

// allPrimary is true when every VM is the primary where it runs.
func (s *chaosStory) allPrimary() bool {
	return !slices.ContainsFunc(s.farm.farm.State().Copies, func(c hypervisor.CopyState) bool {
		return s.farm.farm.Host(c.Host).Site() == s.site && c.Mode != "Primary"
	})
}

func (s *chaosStory) after(op chaosOperation) standing {
	if s.reverse == plans.ReverseOnCommit {
		return op.onCommit
	}
	return op.ends
}

// next is what people ask for now. What was left half done is brought to its
// end, or taken back; a taking back that was refused leaves the way forward.
func (s *chaosStory) next(last chaosOperation, done bool) chaosOperation {
	switch {
	case done, last.op == plans.Fence, last.op == plans.TestFailover:
	case last.op == plans.Cancel:
		return s.onwards()
	case last.undo != "" && s.dice.IntN(3) == 0:
		return chaosCalled(last.undo)
	default:
		return last
	}
	var fit []chaosOperation
	for _, op := range chaosOperations {
		if slices.Contains(op.when, s.is) && (op.at == "" || op.at == s.site) && s.worth(op) {
			fit = append(fit, op)
		}
	}
	if len(fit) == 0 {
		return last
	}
	return fit[s.dice.IntN(len(fit))]
}

// worth is false, mostly, for what would change nothing.
func (s *chaosStory) worth(op chaosOperation) bool {
	switch {
	case op.op == plans.Fence:
		return s.watched != nil && !s.fenced
	case op.op == plans.Cancel && s.is == protected:
		return s.dice.IntN(6) == 0
	}
	return true
}

// prepare is what the world and people do before an operation begins.
func (s *chaosStory) prepare(op chaosOperation) {
	s.asked.is = s.is
	s.asked.from, s.asked.to = s.way()
	switch {
	case op.dark && s.dark == "":
		s.lose(s.asked.from)
	case op.op == plans.Cancel, op.op == plans.Reprotect:
		s.comeBack(plans.ChoiceTurnOff) // both need both sites
	case op.op == plans.Fence && s.dark == "":
		s.lose(s.asked.from)
	}
	if op.op == plans.UnplannedFailover {
		s.choosePoint()
	}
	if op.op.Moves() {
		s.forward = op.op
		if s.dice.IntN(6) == 0 {
			s.leaveTest(s.asked.to)
		}
	}
}

// start is one run with a fresh engine: workflows that know nothing but their
// input.
func (s *chaosStory) start(op chaosOperation) plans.Verdict {
	s.farm.note("%s, healed %v, dark %q: %s", op.name, s.healed, s.dark, s.picture())
	s.tally.run(op.name)
	s.bent = false
	if op.op == plans.Fence {
		return s.fence(op)
	}
	in := s.input(op)
	run := s.begin(op, in)
	tr := newTrialOver(s.t, in, s.answer, s.acts())
	tr.every, s.trial = 10*time.Second, tr
	s.farm.blind, s.farm.from = in.Statement != nil, in.From
	beside := s.besides(op)
	err := tr.play()
	beside()
	run = s.end(run)
	if err != nil {
		s.breaks("I5: %s: %v; %s; waiting for %+v", op.name, err, s.picture(), tr.last().Waiting)
		return ""
	}
	if in.Operation == plans.UnplannedFailover && (tr.result.Verdict != plans.VerdictRefused || s.watched != nil) {
		watch := fenceInput{Run: withoutSteps(in), VMs: in.VMs()}
		s.watched, s.fenced = &watch, false
	}
	s.tally.end(string(tr.result.Verdict))
	s.farm.note("it ended %s: %s", tr.result.Verdict, tr.result.Summary)
	s.judgeRun(run, tr.result.Verdict)
	return tr.result.Verdict
}

func (s *chaosStory) acts() map[string]any {
	return map[string]any{
		activities.AdvanceName: s.farm.Advance, activities.CheckGateName: s.farm.CheckGate, activities.PreflightName: s.farm.acts.Preflight,
		activities.NotifyName: s.farm.acts.Notify, activities.SaveReportName: s.farm.acts.SaveReport,
		activities.ObserveName: s.farm.Observe, activities.WatchReturnName: s.farm.WatchReturn,
	}
}

func (s *chaosStory) breaks(format string, args ...any) {
	s.broken = append(s.broken, fmt.Sprintf(format, args...))
}

func (s *chaosStory) picture() string {
	var words []string
	for _, c := range s.farm.farm.State().Copies {
		words = append(words, fmt.Sprintf("%s@%s %s/%s/%s", c.Name, c.Host, c.Power, c.Mode, c.State))
	}
	return strings.Join(words, ", ")
}
