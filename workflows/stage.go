package workflows

import (
	"fmt"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// stageInput is what one part of a stage needs.
type stageInput struct {
	// Run is the run's input without what single stages and VMs do not need.
	Run      plans.RunInput `json:"run"`
	Parent   string         `json:"parent"`
	Step     int            `json:"step"`
	Part     int            `json:"part"`
	Name     string         `json:"name"`
	Parallel int            `json:"parallel,omitempty"`
	VMs      []plans.RunVM  `json:"vms"`
	Acts     bool           `json:"acts"`
	// Good are the sides of the good copies by VM id, as the look before the
	// run found them.
	Good map[string]plans.Side `json:"good,omitempty"`
	// ReportEvery spaces the reports of a very large run, whose history would
	// grow too long otherwise.
	ReportEvery time.Duration `json:"report_every"`
}

// stageReport is what has changed in a part of a stage.
type stageReport struct {
	Step    int        `json:"step"`
	Part    int        `json:"part"`
	Reports []vmReport `json:"reports"`
	// Off and Up are true when order needs to wait no longer for this part.
	Off bool `json:"off"`
	Up  bool `json:"up"`
	// Held is true when every VM that order still waits for waits for a person:
	// others may go on beside it.
	Held bool `json:"held,omitempty"`
}

// stageVM is a VM of a stage: what it has said, and how far it may go.
type stageVM struct {
	vm     plans.RunVM
	report vmReport
	dirty  bool
	future workflow.ChildWorkflowFuture
	// own is a question of the stage, not of the VM's operation.
	own *plans.Question
	// released is the last phase let go; waived is true once a person decided
	// to start it although a VM it comes after was left out.
	released plans.Phase
	waived   bool
	leaving  bool // nothing more is let go: it was left out
	lost     bool // its operation could not begin: another one holds the VM
	ended    bool
	// passes is how often what holds it was waited for; waits while it is.
	passes int
	waits  bool
}

// stageRun is one part of a stage.
type stageRun struct {
	in       stageInput
	vms      []*stageVM
	index    map[string]int
	shape    shape
	goal     plans.Phase // what the run has released for this stage
	paused   bool
	stopping bool
	urgent   bool
	// news counts what may let a VM go on.
	news int
	// beside is how many parts of the stage go at once; missing are VMs of
	// other stages that will not be up, by id.
	beside  int
	missing map[string]string
	// told is what the run was told last of the stage as a whole.
	told stageReport
}

// runStage is the workflow StageRun: it releases the phases of its VMs in
// order, within the limits, and reports.
func runStage(ctx workflow.Context, in stageInput) error {
	s := &stageRun{in: in, index: map[string]int{}, missing: map[string]string{}, beside: 1, shape: shapeOf(in.Run.Operation)}
	ctx = outlive(ctx, in.Run.Operation, func(ctx workflow.Context) {
		s.stopping = true
		s.stop(ctx)
		s.news++
	})
	for i, vm := range in.VMs {
		s.index[vm.ID] = i
		s.vms = append(s.vms, &stageVM{vm: vm, report: vmReport{Status: plans.VMStatus{
			ID: vm.ID, Label: vm.Label, Step: in.Step, Verdict: plans.VerdictRunning, Good: in.Good[vm.ID],
		}}})
	}
	s.listen(ctx)
	for _, vm := range s.vms {
		s.begin(ctx, vm)
	}
	workflow.Go(ctx, s.reportLoop)
	for {
		s.release(ctx)
		if s.over() {
			break
		}
		before := s.news
		if err := workflow.Await(ctx, func() bool { return s.news != before }); err != nil {
			return err
		}
	}
	return s.flush(ctx)
}

func (s *stageRun) over() bool {
	for _, vm := range s.vms {
		if !vm.ended {
			return false
		}
	}
	return true
}

func (s *stageRun) listen(ctx workflow.Context) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		sel := workflow.NewSelector(ctx)
		sel.AddReceive(workflow.GetSignalChannel(ctx, releaseSignal), func(c workflow.ReceiveChannel, _ bool) {
			var r releaseTo
			c.Receive(ctx, &r)
			s.released(r)
		})
		sel.AddReceive(workflow.GetSignalChannel(ctx, vmReportSignal), func(c workflow.ReceiveChannel, _ bool) {
			var r vmReport
			c.Receive(ctx, &r)
			s.heard(r)
		})
		sel.AddReceive(workflow.GetSignalChannel(ctx, pauseSignal), func(c workflow.ReceiveChannel, _ bool) {
			c.Receive(ctx, &s.paused)
		})
		sel.AddReceive(workflow.GetSignalChannel(ctx, stopSignal), func(c workflow.ReceiveChannel, _ bool) {
			c.Receive(ctx, nil)
			s.stopping = true
			s.stop(ctx)
		})
		sel.AddReceive(workflow.GetSignalChannel(ctx, answerSignal), func(c workflow.ReceiveChannel, _ bool) {
			var a plans.Answer
			c.Receive(ctx, &a)
			s.answer(ctx, a)
		})
		for {
			sel.Select(ctx)
			s.news++
		}
	})
}

func (s *stageRun) heard(r vmReport) {
	i, ok := s.index[r.Status.ID]
	if !ok {
		return
	}
	vm := s.vms[i]
	s.urgent = s.urgent || (r.Question == nil) != (vm.report.Question == nil)
	vm.report, vm.dirty = r, true
}

// released takes over how far the run lets the stage go. Signals may overtake
// one another: only a later phase is news.
func (s *stageRun) released(r releaseTo) {
	order := s.shape.goals()
	if slices.Index(order, r.Phase) <= slices.Index(order, s.goal) {
		return
	}
	s.goal, s.beside = r.Phase, max(1, r.Beside)
	for _, m := range r.LeftOut {
		s.missing[m.ID] = m.Label
	}
}

// begin starts a VM's operation. When another one holds the VM, a person is
// told and asked.
func (s *stageRun) begin(ctx workflow.Context, vm *stageVM) {
	vm.lost, vm.waits, vm.report.Question, vm.report.Status.Verdict = false, false, nil, plans.VerdictRunning
	vm.released = "" // an operation that begins anew has heard nothing
	op := s.in.Run.Operation
	childCtx := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: VMPartID(vm.vm.ID, op), StaticSummary: fmt.Sprintf("%s: %s", vm.vm.Label, op), ParentClosePolicy: closePolicy(op),
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	})
	vm.future = workflow.ExecuteChildWorkflow(childCtx, VMOperation, vmInput{
		Run: s.in.Run, Step: s.in.Step, VM: vm.vm,
		Parent: workflow.GetInfo(ctx).WorkflowExecution.ID, Acts: s.in.Acts, Good: s.in.Good[vm.vm.ID],
	})
	workflow.Go(ctx, func(ctx workflow.Context) {
		if err := vm.future.GetChildWorkflowExecution().Get(ctx, nil); err != nil {
			if s.givesWay(ctx, vm, err) {
				s.begin(ctx, vm)
				s.news++ // what was released before must be said again
				return
			}
			s.loseVM(ctx, vm, err)
			if s.stopping {
				s.drop(vm)
			}
			s.news++
			return
		}
		var status plans.VMStatus
		if err := vm.future.Get(ctx, &status); err != nil {
			vm.report.Status.Verdict, vm.report.Status.Doing = plans.VerdictUnknown, "its operation ended with an error: "+err.Error()
			vm.report.Off, vm.report.Up, vm.report.Question = true, true, nil
		} else {
			vm.report.Status, vm.report.Off, vm.report.Up, vm.report.Question = status, true, true, nil
		}
		vm.ended, vm.dirty, vm.own = true, true, nil
		s.news++
	})
}

// passEvery and maxPasses bound how long what holds a VM may take to give way;
// that is real time.
const (
	passEvery = time.Second
	maxPasses = 30
	// sayEvery is after how many of them it is told again.
	sayEvery = 10
)

// givesWay tells what holds a VM to give way, and waits a moment for it: a repair
// does, at once or when the call under way is over. An operation of another run
// does not listen to it.
func (s *stageRun) givesWay(ctx workflow.Context, vm *stageVM, err error) bool {
	op := s.in.Run.Operation
	switch {
	case !temporal.IsWorkflowExecutionAlreadyStartedError(err), op == plans.TestFailover:
		return false
	case workflow.GetVersion(ctx, repairsGiveWay, workflow.DefaultVersion, 1) == workflow.DefaultVersion:
		return false
	case s.stopping, vm.passes >= maxPasses:
		return false
	}
	if vm.waits = true; vm.passes%sayEvery == 0 {
		signalOther(ctx, VMPartID(vm.vm.ID, op), GiveWaySignal, fmt.Sprintf("%s by %s", op, s.in.Run.StartedBy))
	}
	vm.passes++
	return workflow.Sleep(ctx, passEvery) == nil && !s.stopping && !vm.leaving
}

func (s *stageRun) loseVM(ctx workflow.Context, vm *stageVM, err error) {
	vm.lost, vm.waits, vm.dirty, s.urgent = true, false, true, true
	text := "its operation could not begin: " + err.Error()
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		text = "another run is working on this VM (" + VMPartID(vm.vm.ID, s.in.Run.Operation) + " in the Temporal Web UI; lifeboat runs lists them): wait until it has ended, then retry"
	}
	vm.report.Status.Verdict, vm.report.Status.Doing = plans.VerdictHeld, text
	vm.report.Question = &plans.Question{
		VM: vm.vm.Label, VMID: vm.vm.ID, Text: text, Since: workflow.Now(ctx).UTC(),
		Choices: []plans.Choice{plans.ChoiceRetry, plans.ChoiceSkip}, SafeToWait: "Nothing was changed for this VM by this run.",
	}
}

// answer follows what a person decided, or hands it to the VM's operation.
func (s *stageRun) answer(ctx workflow.Context, a plans.Answer) {
	i, ok := s.index[a.VM]
	if !ok {
		return
	}
	vm := s.vms[i]
	switch {
	case vm.ended:
	case a.Choice == plans.ChoiceWaive:
		s.send(ctx, vm, answerSignal, a)
	case vm.lost && a.Choice == plans.ChoiceRetry:
		s.begin(ctx, vm)
	case vm.lost:
		vm.ended, vm.lost, vm.report.Question = true, false, nil
		vm.report.Off, vm.report.Up = true, true
		vm.report.Status.Verdict, vm.report.Status.Doing = plans.VerdictSkipped, fmt.Sprintf("left out by %s: %s", a.By, a.Reason)
	case vm.report.Question == nil && vm.own != nil:
		s.answerDependent(ctx, vm, a)
	case vm.report.Question == nil && a.Choice == plans.ChoiceSkip:
		s.leaveOut(ctx, vm, fmt.Sprintf("left out ahead of time by %s: %s", a.By, a.Reason))
	default:
		s.send(ctx, vm, answerSignal, a)
	}
	vm.dirty, s.urgent = true, true
}

// answerDependent is for a VM whose predecessor was left out.
func (s *stageRun) answerDependent(ctx workflow.Context, vm *stageVM, a plans.Answer) {
	vm.own, vm.waived = nil, true
	if a.Choice == plans.ChoiceSkip {
		s.leaveOut(ctx, vm, fmt.Sprintf("left out with %s by %s: %s", s.skippedBefore(vm), a.By, a.Reason))
	}
}

// leaveOut lets a VM go no further: it ends. One that was let go up to its end
// already goes on.
func (s *stageRun) leaveOut(ctx workflow.Context, vm *stageVM, why string) {
	if _, more := s.shape.next(vm.released); !more {
		return
	}
	vm.leaving = true
	s.send(ctx, vm, leaveSignal, why)
}

func (s *stageRun) send(ctx workflow.Context, vm *stageVM, signal string, value any) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		if err := vm.future.SignalChildWorkflow(ctx, signal, value).Get(ctx, nil); err != nil {
			workflow.GetLogger(ctx).Warn("the VM's operation does not listen", "vm", vm.vm.Label, "error", err)
		}
	})
}

func (s *stageRun) stop(ctx workflow.Context) {
	for _, vm := range s.vms {
		switch {
		case vm.ended:
		case vm.lost:
			s.drop(vm)
		default:
			vm.own = nil
			s.send(ctx, vm, stopSignal, true)
		}
	}
}

// drop ends a VM whose operation never began.
func (s *stageRun) drop(vm *stageVM) {
	vm.ended, vm.report.Question = true, nil
	vm.report.Off, vm.report.Up = true, true
	vm.report.Status.Verdict, vm.report.Status.Doing = plans.VerdictRefused, "not begun: the run was stopped"
	vm.dirty, s.urgent = true, true
}

// reportLoop tells the run what has changed: at once what order or people wait
// for, the rest in batches.
func (s *stageRun) reportLoop(ctx workflow.Context) {
	s.told = s.whole()
	dirty := func() bool { return s.urgent || slices.ContainsFunc(s.vms, func(vm *stageVM) bool { return vm.dirty }) }
	for {
		if workflow.Await(ctx, dirty) != nil {
			return
		}
		if !s.hurries() {
			if _, err := workflow.AwaitWithTimeout(ctx, s.in.ReportEvery, s.hurries); err != nil {
				return
			}
		}
		if s.flush(ctx) != nil {
			return
		}
	}
}

// hurries is true when people or the order of the run wait for the report.
func (s *stageRun) hurries() bool {
	now := s.whole()
	return s.urgent || now.Off != s.told.Off || now.Up != s.told.Up || now.Held != s.told.Held
}

// whole is what the run is told of the stage as a whole.
func (s *stageRun) whole() stageReport {
	r := stageReport{Step: s.in.Step, Part: s.in.Part, Off: true, Up: true}
	held, waits := 0, 0
	for _, vm := range s.vms {
		r.Off, r.Up = r.Off && vm.report.Off, r.Up && vm.report.Up
		if s.goal == s.shape.down && vm.report.Off || vm.report.Up {
			continue
		}
		waits++
		if vm.report.Question != nil || vm.own != nil {
			held++
		}
	}
	r.Held = waits > 0 && held == waits
	return r
}

// full is a VM's report with the stage's own question about it.
func (vm *stageVM) full() vmReport {
	r := vm.report
	if r.Question == nil && vm.own != nil {
		r.Question, r.Status.Verdict, r.Status.Doing = vm.own, plans.VerdictHeld, vm.own.Text
	}
	return r
}

func (s *stageRun) flush(ctx workflow.Context) error {
	r := s.whole()
	s.told, s.urgent = r, false
	for _, vm := range s.vms {
		if vm.dirty {
			r.Reports = append(r.Reports, vm.full())
			vm.dirty = false
		}
	}
	return workflow.SignalExternalWorkflow(ctx, s.in.Parent, "", stageReportSignal, r).Get(ctx, nil)
}
