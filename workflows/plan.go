package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// PlanRunInput is what a RecoveryPlanRun is started with.
type PlanRunInput struct {
	Run plans.RunInput `json:"run"`
	// SearchAttributes is true when the server is known to have them: an
	// unknown one would block the run for ever.
	SearchAttributes bool `json:"search_attributes"`
}

// stagePart is one StageRun of a run.
type stagePart struct {
	future  workflow.ChildWorkflowFuture
	off, up bool
	held    bool // every VM that order waits for here waits for a person
	ended   bool
	telling bool // it is being told of a hold or its end
}

// planRun is a run of a plan.
type planRun struct {
	in      plans.RunInput
	shape   shape
	attrs   bool
	status  plans.RunStatus
	parts   map[int][]*stagePart // by step index; looked up, never ranged over
	vmIndex map[string]int
	answers []plans.AnswerRecord
	// replies are answers to manual steps, by step number.
	replies map[int]plans.Answer
	// order is how the steps follow one another on the way up, by index; at is
	// the place reached in it, -1 before the first.
	order []int
	at    int
	// looksFound is what the look before the run brought up, found what VMs
	// found out since, by VM index.
	looksFound []plans.Finding
	found      map[int][]plans.Finding
	// ownWatch is true when this run began the watch on the lost site.
	ownWatch bool
	// room is what people said of VMs that make room, by id; looked up only.
	room map[string]plans.Answer
	// early are answers about VMs whose stage has not begun.
	early []plans.Answer
	// drill is what a test failover has of its own.
	drill    drillState
	paused   bool
	stopping bool
	stopWhy  string
	ended    bool
	looked   bool // the hosts were looked at
	good     map[string]plans.Side
	// shown and mark are what the Web UI was told last.
	shown, mark string
}

// smallRun is up to how many VMs a run's status carries every act.
const smallRun = 300

// runPlan is the workflow RecoveryPlanRun.
func runPlan(ctx workflow.Context, in PlanRunInput) (plans.RunResult, error) {
	p := newPlanRun(ctx, in)
	stop := func(ctx workflow.Context) { p.stop(ctx, "cancelled from outside") }
	ctx = outlive(ctx, p.in.Operation, stop)
	if p.in.Canary != "" {
		ctx = calmly(ctx, stop)
	}
	if err := p.listen(ctx); err != nil {
		return plans.RunResult{}, err
	}
	p.show(ctx)
	if err := p.run(ctx); err != nil {
		return plans.RunResult{}, err
	}
	p.conclude(ctx)
	p.endWatch(ctx)
	var kept activities.ReportOut
	if p.in.Canary == "" || p.status.Verdict != plans.VerdictDone { // a canary that sang is one line
		err := workflow.ExecuteActivity(ownWork(ctx, "keep the report"), activities.SaveReportName,
			p.reportIn()).Get(ctx, &kept)
		if err != nil {
			return plans.RunResult{}, err
		}
	}
	// Whoever waits for the end finds the report when the run says it has ended.
	p.ended = true
	p.show(ctx)
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return plans.RunResult{}, err
	}
	return plans.RunResult{RunID: p.in.RunID, Verdict: p.status.Verdict, Summary: p.status.Summary, NotMet: kept.NotMet, GaveWay: p.drill.gaveWay}, nil
}

func newPlanRun(ctx workflow.Context, in PlanRunInput) *planRun {
	run := in.Run
	p := &planRun{
		in: run, shape: shapeOf(run.Operation), attrs: in.SearchAttributes, at: -1,
		parts: map[int][]*stagePart{}, vmIndex: map[string]int{}, replies: map[int]plans.Answer{}, room: map[string]plans.Answer{}, found: map[int][]plans.Finding{},
	}
	for i := range run.Steps {
		p.order = append(p.order, i)
	}
	p.status = plans.RunStatus{
		RunID: run.RunID, Workflow: workflow.GetInfo(ctx).WorkflowExecution.ID, Plan: run.Plan, PlanHash: run.PlanHash,
		Operation: run.Operation, From: run.From, To: run.To, StartedBy: run.StartedBy, Started: workflow.Now(ctx).UTC(),
		Verdict: plans.VerdictRunning, Steps: len(run.Steps), LeftOut: run.LeftOut,
		Summary: "looking at both sites", GoodCopy: "not looked yet",
	}
	for _, s := range run.Steps {
		st := plans.StepStatus{Number: s.Number, Name: s.Name, Kind: "stage", Verdict: plans.VerdictWaiting}
		switch {
		case s.Manual != nil:
			st.Kind = "manual"
		case s.Notice != nil:
			st.Kind = "notice"
		}
		p.status.StepList = append(p.status.StepList, st)
	}
	for _, vm := range run.VMs() {
		p.vmIndex[vm.ID] = len(p.status.VMs)
		p.status.VMs = append(p.status.VMs, plans.VMStatus{ID: vm.ID, Label: vm.Label, Step: stepOf(run, vm.ID), Verdict: plans.VerdictRunning})
	}
	return p
}

func stepOf(run plans.RunInput, id string) int {
	for i := range run.Steps {
		if slices.ContainsFunc(run.Steps[i].VMs, func(vm plans.RunVM) bool { return vm.ID == id }) {
			return run.Steps[i].Number
		}
	}
	return 0
}

// run takes the plan from its first step to its last.
func (p *planRun) run(ctx workflow.Context) error {
	if ok, err := p.preflight(ctx); err != nil || !ok {
		return err
	}
	p.clearTheWay(ctx)
	if err := p.watchSource(ctx); err != nil {
		return err
	}
	first := p.firstStage()
	for p.at = 0; p.at < first; p.at++ {
		if err := p.person(ctx, p.order[p.at]); err != nil || p.stopping {
			return err
		}
	}
	p.at = first - 1
	if err := p.makeRoom(ctx); err != nil || p.stopping {
		return err
	}
	if err := p.trust(ctx); err != nil || p.stopping {
		return err
	}
	stages := p.in.Stages()
	for _, i := range stages {
		p.begin(ctx, i)
	}
	if err := p.passes(ctx, first); err != nil {
		return err
	}
	if p.shape.last != "" && !p.stopping {
		if err := p.last(ctx); err != nil {
			return err
		}
	}
	if err := p.await(ctx, func() bool { return p.allEnded(stages) }); err != nil {
		return err
	}
	p.distrust(ctx)
	return nil
}

// firstStage is the place of the first stage in the order: all steps for
// people when there is none.
func (p *planRun) firstStage() int {
	return slices.IndexFunc(append(p.order, len(p.in.Steps)), func(i int) bool {
		return i == len(p.in.Steps) || len(p.in.Steps[i].VMs) > 0
	})
}

// passes is the way down, backwards, and the way up, forwards, with people's
// steps at their place. On the way up the order may change under way.
func (p *planRun) passes(ctx workflow.Context, first int) error {
	if p.shape.down != "" {
		for _, i := range slices.Backward(slices.Clone(p.order)) {
			if len(p.in.Steps[i].VMs) == 0 {
				continue
			}
			if err := p.stagePass(ctx, i, p.shape.down, func(s *stagePart) bool { return s.off }); err != nil || p.stopping {
				return err
			}
		}
	}
	for p.at = first; p.at < len(p.order); p.at++ {
		i := p.order[p.at]
		up := func(ctx workflow.Context) error {
			return p.stagePass(ctx, i, p.shape.up, func(s *stagePart) bool { return s.up })
		}
		var err error
		switch {
		case len(p.in.Steps[i].VMs) == 0:
			err = p.person(ctx, i)
		case p.shape.together:
			workflow.Go(ctx, func(ctx workflow.Context) {
				if err := up(ctx); err != nil {
					workflow.GetLogger(ctx).Warn("a stage was not waited for", "error", err)
				}
			})
		default:
			err = up(ctx)
		}
		if err != nil || p.stopping {
			return err
		}
	}
	return nil
}

// clearTheWay tells others that a run of this plan goes first: its drill, and,
// when the run decides anew where the VMs are, a commit that waits.
func (p *planRun) clearTheWay(ctx workflow.Context) {
	if p.in.Operation == plans.TestFailover {
		return
	}
	who := fmt.Sprintf("%s of %s by %s", p.in.Operation, p.in.Plan, p.in.StartedBy)
	signalOther(ctx, DrillRunID(p.in.Plan), GiveWaySignal, who)
	if p.in.Operation.Moves() || p.in.Operation == plans.Cancel {
		signalOther(ctx, CommitID(p.in.Plan), StandDownSignal, who)
	}
}

// signalOther tells a workflow that may not be there.
func signalOther(ctx workflow.Context, id, signal string, value any) bool {
	return workflow.SignalExternalWorkflow(ctx, id, "", signal, value).Get(ctx, nil) == nil
}

// preflight looks at every host before anything changes; a blocker ends the
// run.
func (p *planRun) preflight(ctx workflow.Context) (bool, error) {
	var out activities.PreflightOut
	err := workflow.ExecuteActivity(ownQueue(hostWork(ctx, p.in.To, "look at both sites", readLimit)), activities.PreflightName, p.in).Get(ctx, &out)
	if err != nil {
		return false, err
	}
	p.looksFound, p.looked, p.good = out.Findings, true, out.Good
	for i := range p.status.VMs {
		p.status.VMs[i].Good = out.Good[p.status.VMs[i].ID]
	}
	for _, f := range out.Findings {
		if f.Severity == plans.Blocker {
			p.stopping, p.stopWhy = true, "the hosts are not ready"
			return false, nil
		}
	}
	return true, nil
}

// begin starts the parts of a stage and makes their VMs ready.
func (p *planRun) begin(ctx workflow.Context, i int) {
	step := p.in.Steps[i]
	every := max(time.Second, time.Duration(len(p.status.VMs)/20)*time.Second)
	for n, vms := range plans.Parts(step.VMs) {
		part := &stagePart{}
		p.parts[i] = append(p.parts[i], part)
		childCtx := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
			WorkflowID: stageRunID(p.status.Workflow, step.Number, n), StaticSummary: fmt.Sprintf("stage %s: %d VMs", step.Name, len(vms)),
			ParentClosePolicy: closePolicy(p.in.Operation),
		})
		part.future = workflow.ExecuteChildWorkflow(childCtx, StageRun, stageInput{
			Run: withoutSteps(p.in), Step: step.Number, Part: n, Name: step.Name, Parallel: step.Parallel,
			VMs: vms, Parent: p.status.Workflow, Acts: len(p.status.VMs) <= smallRun, ReportEvery: every, Good: p.goodOf(vms),
		})
		workflow.Go(ctx, func(ctx workflow.Context) {
			if err := part.future.Get(ctx, nil); err != nil {
				workflow.GetLogger(ctx).Error("a stage ended with an error", "stage", step.Name, "error", err)
				p.lose(vms)
			}
			part.ended, part.off, part.up = true, true, true
		})
		for _, a := range p.early {
			if slices.ContainsFunc(vms, func(vm plans.RunVM) bool { return vm.ID == a.VM }) {
				p.tell(ctx, part, answerSignal, a)
			}
		}
		if p.shape.first != "" {
			p.tell(ctx, part, releaseSignal, releaseTo{Phase: p.shape.first})
		}
	}
}

// withoutSteps is a run's input without what single stages and VMs do not need.
func withoutSteps(in plans.RunInput) plans.RunInput {
	in.Steps, in.Hosts, in.LeftOut, in.MakeRoom = nil, nil, nil, nil
	return in
}

func (p *planRun) goodOf(vms []plans.RunVM) map[string]plans.Side {
	good := map[string]plans.Side{}
	for i := range vms {
		if side, ok := p.good[vms[i].ID]; ok {
			good[vms[i].ID] = side
		}
	}
	return good
}

// lose is for VMs whose stage ended with an error: nobody watches them now.
func (p *planRun) lose(vms []plans.RunVM) {
	for i := range vms {
		if vm := &p.status.VMs[p.vmIndex[vms[i].ID]]; vm.Verdict != plans.VerdictDone && !notUp(*vm) {
			vm.Verdict, vm.Doing = plans.VerdictUnknown, "the stage ended with an error: look at the VM, and run the plan again"
		}
	}
}

// tell signals one part of a stage.
func (p *planRun) tell(ctx workflow.Context, part *stagePart, signal string, value any) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		if part.ended {
			return
		}
		if err := part.future.SignalChildWorkflow(ctx, signal, value).Get(ctx, nil); err != nil {
			workflow.GetLogger(ctx).Warn("a stage does not listen", "signal", signal, "error", err)
		}
	})
}

// tellAll signals every part of every stage that has begun.
func (p *planRun) tellAll(ctx workflow.Context, signal string, value any) {
	for i := range p.in.Steps {
		for _, part := range p.parts[i] {
			p.tell(ctx, part, signal, value)
		}
	}
}

// tellPause tells every stage whether the run is on hold: one word after the
// other, since signals may overtake one another, and what was said last holds.
func (p *planRun) tellPause(ctx workflow.Context) {
	for i := range p.in.Steps {
		for _, part := range p.parts[i] {
			workflow.Go(ctx, func(ctx workflow.Context) {
				if workflow.Await(ctx, func() bool { return !part.telling }) != nil || part.ended {
					return
				}
				part.telling = true
				if err := part.future.SignalChildWorkflow(ctx, pauseSignal, p.paused).Get(ctx, nil); err != nil {
					workflow.GetLogger(ctx).Warn("a stage does not listen", "signal", pauseSignal, "error", err)
				}
				part.telling = false
			})
		}
	}
}

// stagePass releases a phase for a stage and waits until all its VMs are
// through it or settled.
func (p *planRun) stagePass(ctx workflow.Context, i int, phase plans.Phase, through func(*stagePart) bool) error {
	if err := p.await(ctx, func() bool { return !p.paused }); err != nil || p.stopping {
		return err
	}
	step := &p.status.StepList[i]
	if step.Started.IsZero() {
		step.Started = workflow.Now(ctx).UTC()
	}
	step.Verdict = plans.VerdictRunning
	p.status.Stage = step.Name
	words := p.shape.downWords
	if phase == p.shape.up {
		p.status.Step, words = step.Number, p.shape.upWords
	}
	p.status.Summary = fmt.Sprintf("%s stage %s", words, step.Name)
	p.show(ctx)
	if err := p.releaseParts(ctx, i, phase, through); err != nil {
		return err
	}
	err := p.await(ctx, func() bool {
		return !slices.ContainsFunc(p.parts[i], func(s *stagePart) bool { return !through(s) })
	})
	if err == nil && !p.stopping && phase == p.shape.up {
		step.Verdict, step.Ended = plans.VerdictDone, workflow.Now(ctx).UTC()
		p.show(ctx)
	}
	return err
}

// releaseParts lets the parts of a stage go, as many at once as the stage's
// limit allows VMs. A part in which only people can help holds no place.
func (p *planRun) releaseParts(ctx workflow.Context, i int, phase plans.Phase, through func(*stagePart) bool) error {
	parts := p.parts[i]
	limit := p.shape.upLimit(p.in.Limits)
	if phase == p.shape.down {
		limit = p.in.Limits.Shutdown
	}
	if own := p.in.Steps[i].Parallel; own > 0 && own < limit {
		limit = own
	}
	places := max(1, min(limit, len(parts)))
	for n, part := range parts {
		free := func() bool {
			busy := 0
			for _, before := range parts[:n] {
				if !through(before) && !before.held {
					busy++
				}
			}
			return busy < places
		}
		if err := p.await(ctx, free); err != nil || p.stopping {
			return err
		}
		part.held = false
		p.tell(ctx, part, releaseSignal, releaseTo{Phase: phase, LeftOut: p.missingFor(i), Beside: places})
	}
	return nil
}

// missingFor are the VMs that VMs of a step come after and that will not be up.
func (p *planRun) missingFor(i int) []leftOut {
	var out []leftOut
	for _, vm := range p.in.Steps[i].VMs {
		for _, id := range vm.After {
			n, ok := p.vmIndex[id]
			if !ok || !notUp(p.status.VMs[n]) || slices.ContainsFunc(out, func(l leftOut) bool { return l.ID == id }) {
				continue
			}
			out = append(out, leftOut{ID: id, Label: p.status.VMs[n].Label})
		}
	}
	return out
}

// await waits for a fact, or for stop.
func (p *planRun) await(ctx workflow.Context, fact func() bool) error {
	return workflow.Await(ctx, func() bool { return fact() || (p.stopping && !p.hasOpenParts()) })
}

func (p *planRun) hasOpenParts() bool {
	for i := range p.in.Steps {
		for _, part := range p.parts[i] {
			if !part.ended {
				return true
			}
		}
	}
	return false
}

func (p *planRun) allEnded(stages []int) bool {
	for _, i := range stages {
		if slices.ContainsFunc(p.parts[i], func(s *stagePart) bool { return !s.ended }) {
			return false
		}
	}
	return true
}
