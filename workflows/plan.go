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
}

// planRun is a run of a plan.
type planRun struct {
	in      plans.RunInput
	attrs   bool
	status  plans.RunStatus
	parts   map[int][]*stagePart // by step index; looked up, never ranged over
	vmIndex map[string]int
	answers []plans.AnswerRecord
	// replies are answers to manual steps, by step number.
	replies  map[int]plans.Answer
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
	if err := p.listen(ctx); err != nil {
		return plans.RunResult{}, err
	}
	p.show(ctx)
	if err := p.run(ctx); err != nil {
		return plans.RunResult{}, err
	}
	p.conclude(ctx)
	err := workflow.ExecuteActivity(ownWork(ctx, "keep the report"), activities.SaveReportName,
		p.reportIn()).Get(ctx, nil)
	if err != nil {
		return plans.RunResult{}, err
	}
	// Whoever waits for the end finds the report when the run says it has ended.
	p.ended = true
	p.show(ctx)
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return plans.RunResult{}, err
	}
	return plans.RunResult{RunID: p.in.RunID, Verdict: p.status.Verdict, Summary: p.status.Summary}, nil
}

func newPlanRun(ctx workflow.Context, in PlanRunInput) *planRun {
	run := in.Run
	p := &planRun{in: run, attrs: in.SearchAttributes, parts: map[int][]*stagePart{}, vmIndex: map[string]int{}, replies: map[int]plans.Answer{}}
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
	stages := p.in.Stages()
	first := len(p.in.Steps)
	if len(stages) > 0 {
		first = stages[0]
	}
	for i := range p.in.Steps[:first] {
		if err := p.person(ctx, i); err != nil || p.stopping {
			return err
		}
	}
	for _, i := range stages {
		p.begin(ctx, i)
	}
	if err := p.passes(ctx, stages, first); err != nil {
		return err
	}
	return p.await(ctx, func() bool { return p.allEnded(stages) })
}

// passes is the way down (shut-down, backwards) and the way up (start,
// forwards, with people's steps at their place).
func (p *planRun) passes(ctx workflow.Context, stages []int, first int) error {
	if p.in.Operation == plans.PlannedFailover {
		for _, i := range slices.Backward(stages) {
			if err := p.stagePass(ctx, i, plans.PhaseShutdown, func(s *stagePart) bool { return s.off }); err != nil || p.stopping {
				return err
			}
		}
	}
	for i := first; i < len(p.in.Steps); i++ {
		var err error
		if len(p.in.Steps[i].VMs) == 0 {
			err = p.person(ctx, i)
		} else {
			err = p.stagePass(ctx, i, plans.PhaseStart, func(s *stagePart) bool { return s.up })
		}
		if err != nil || p.stopping {
			return err
		}
	}
	return nil
}

// preflight looks at every host before anything changes; a blocker ends the
// run.
func (p *planRun) preflight(ctx workflow.Context) (bool, error) {
	var out activities.PreflightOut
	err := workflow.ExecuteActivity(ownQueue(hostWork(ctx, p.in.To, "look at both sites", readLimit)), activities.PreflightName, p.in).Get(ctx, &out)
	if err != nil {
		return false, err
	}
	p.status.Findings, p.looked, p.good = out.Findings, true, out.Good
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
			WorkflowID: StageRunID(p.in.Plan, step.Number, n), StaticSummary: fmt.Sprintf("stage %s: %d VMs", step.Name, len(vms)),
		})
		part.future = workflow.ExecuteChildWorkflow(childCtx, StageRun, stageInput{
			Run: p.in.RunID, Plan: p.in.Plan, Operation: p.in.Operation, Site: p.in.To, Reverse: p.in.Reverse, Limits: p.in.Limits,
			Speed: p.in.Speed, LoseWrites: p.in.LoseWrites, Step: step.Number, Part: n, Name: step.Name, Parallel: step.Parallel,
			VMs: vms, Parent: p.status.Workflow, Acts: len(p.status.VMs) <= smallRun, ReportEvery: every, Good: p.goodOf(vms),
		})
		workflow.Go(ctx, func(ctx workflow.Context) {
			if err := part.future.Get(ctx, nil); err != nil {
				workflow.GetLogger(ctx).Error("a stage ended with an error", "stage", step.Name, "error", err)
				p.lose(vms)
			}
			part.ended, part.off, part.up = true, true, true
		})
		p.tell(ctx, part, releaseSignal, releaseTo{Phase: plans.PhaseReady})
	}
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
	if phase == plans.PhaseStart {
		p.status.Step = step.Number
	}
	p.status.Summary = fmt.Sprintf("%s stage %s", map[plans.Phase]string{plans.PhaseShutdown: "shutting down", plans.PhaseStart: "starting"}[phase], step.Name)
	p.show(ctx)
	if err := p.releaseParts(ctx, i, phase, through); err != nil {
		return err
	}
	err := p.await(ctx, func() bool {
		return !slices.ContainsFunc(p.parts[i], func(s *stagePart) bool { return !through(s) })
	})
	if err == nil && !p.stopping && phase == plans.PhaseStart {
		step.Verdict, step.Ended = plans.VerdictDone, workflow.Now(ctx).UTC()
		p.show(ctx)
	}
	return err
}

// releaseParts lets the parts of a stage go, as many at once as the stage's
// limit allows VMs. A part in which only people can help holds no place.
func (p *planRun) releaseParts(ctx workflow.Context, i int, phase plans.Phase, through func(*stagePart) bool) error {
	parts := p.parts[i]
	limit := p.in.Limits.Start
	if phase == plans.PhaseShutdown {
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
