package workflows

import (
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// roomInput is what a ResidentShutdown needs.
type roomInput struct {
	Run plans.RunInput   `json:"run"`
	VM  plans.ResidentVM `json:"vm"`
}

// shutDownResident is the workflow ResidentShutdown: it goes by the id of
// whatever changes the VM, and ends when the VM is off or a person must decide.
func shutDownResident(ctx workflow.Context, in roomInput) (plans.Decision, error) {
	waits := newPatience(ctx)
	for acts := 0; ; {
		var out activities.AdvanceOut
		err := workflow.ExecuteActivity(hostWork(ctx, in.Run.To, in.VM.Label+": make room", actLimit), activities.MakeRoomName, activities.RoomIn{
			Run: in.Run.RunID, Plan: in.Run.Plan, VM: in.VM, ShutdownWithin: scaled(in.Run.Limits.ShutdownWithin.D(), in.Run.Speed),
		}).Get(ctx, &out)
		d := out.Decision
		now := workflow.Now(ctx)
		switch {
		case err != nil:
			return d, err
		case d.Kind == plans.Act && acts < maxRepeats:
			acts++
			continue
		case d.Kind != plans.Act && d.Kind != plans.Wait:
			return d, nil
		case waits.over(now, in.Run.Speed):
			return tooLong(d), nil
		}
		if err := workflow.Sleep(ctx, waits.pause(now, in.Run.Speed, pollMost)); err != nil {
			return d, err
		}
	}
}

// makeRoom shuts down the VMs that a person agreed to, all at once, before the
// stages begin. One that is not off holds and asks.
func (p *planRun) makeRoom(ctx workflow.Context) error {
	if len(p.in.MakeRoom) == 0 {
		return nil
	}
	p.status.Summary = fmt.Sprintf("making room at %s: shutting down %d VMs that were agreed", p.in.To, len(p.in.MakeRoom))
	p.show(ctx)
	all := workflow.NewWaitGroup(ctx)
	var first error
	for _, vm := range p.in.MakeRoom {
		all.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer all.Done()
			if err := p.roomOf(ctx, vm); err != nil && first == nil {
				first = err
			}
		})
	}
	all.Wait(ctx)
	return first
}

func (p *planRun) roomOf(ctx workflow.Context, vm plans.ResidentVM) error {
	childCtx := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: VMOperationID(vm.ID), StaticSummary: vm.Label + ": make room",
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	})
	for !p.stopping {
		var d plans.Decision
		err := workflow.ExecuteChildWorkflow(childCtx, ResidentShutdown, roomInput{Run: withoutSteps(p.in), VM: vm}).Get(ctx, &d)
		switch {
		case temporal.IsWorkflowExecutionAlreadyStartedError(err):
			d = plans.Decision{Kind: plans.Refuse, Why: "another run is working on this VM", Remedy: "wait until it has ended, then retry"}
		case err != nil:
			return err
		}
		if d.Kind == plans.Done {
			p.looksFound = append(p.looksFound, plans.Finding{Severity: plans.Info, Code: "made-room", Host: vm.Host, VM: vm.Label, Text: d.Why})
			return nil
		}
		delete(p.room, vm.ID)
		p.status.Waiting = append(p.status.Waiting, plans.Question{
			VM: vm.Label, VMID: vm.ID, Text: "no room made: " + whyAndRemedy(d), Since: workflow.Now(ctx).UTC(),
			Choices: []plans.Choice{plans.ChoiceRetry, plans.ChoiceSkip}, SafeToWait: p.safeToWait(),
		})
		p.show(ctx)
		if err := workflow.Await(ctx, func() bool { _, ok := p.room[vm.ID]; return ok || p.stopping }); err != nil {
			return err
		}
		if a := p.room[vm.ID]; a.Choice == plans.ChoiceSkip {
			p.looksFound = append(p.looksFound, plans.Finding{Severity: plans.Warning, Code: "no-room-made", Host: vm.Host, VM: vm.Label,
				Text: fmt.Sprintf("left running by %s: %s", a.By, a.Reason)})
			return nil
		}
	}
	return nil
}

// acceptRoom takes an answer about a resident VM.
func (p *planRun) acceptRoom(a plans.Answer) string {
	p.takeBack(0, a.VM)
	p.room[a.VM] = a
	if a.Choice == plans.ChoiceSkip {
		return "The run goes on without that room."
	}
	return "It is looked at again and shut down."
}
