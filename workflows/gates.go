package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// gates asks each gate of the VM in turn, then lets it settle.
func (v *vmRun) gates(ctx workflow.Context) error {
	for _, g := range v.in.VM.Gates {
		if !v.askable(g) {
			continue
		}
		if err := v.gate(ctx, g); err != nil || v.settled {
			return err
		}
	}
	if settle := v.in.VM.Settle.D(); settle > 0 {
		v.report.Status.Doing = "settling"
		if _, err := workflow.AwaitWithTimeout(ctx, scaled(settle, v.in.Run.Speed), func() bool { return v.stopping }); err != nil {
			return err
		}
	}
	if v.stopping {
		v.settleStopped(ctx)
	}
	return nil
}

// gate asks one gate until it passes or is waived. One that does not pass in
// its time holds the VM; stop ends the asking at once.
func (v *vmRun) gate(ctx workflow.Context, g plans.RunGate) error {
	defer func() { v.report.Status.GateText = "" }()
	for !v.settled && !v.waived {
		if v.waiver != "" {
			v.report.Status.Doing = g.Text + ": " + v.waiver
			v.find(plans.Warning, "gate-waived", v.report.Status.Doing)
			v.goOn()
			return nil
		}
		v.report.Status.GateText = "waiting for " + g.Text
		v.report.Status.Doing = v.report.Status.GateText
		v.tell(ctx)
		out, err := v.askGate(ctx, g)
		switch {
		case err != nil:
			return err
		case v.stopping && !out.Passed:
			v.settleStopped(ctx)
			return nil
		case out.Passed:
			v.report.Status.Doing = g.Text + ": passed"
			return nil
		}
		if v.waiver != "" {
			continue
		}
		held := plans.Decision{Kind: plans.Refuse, Good: plans.Target,
			Why:    fmt.Sprintf("the gate did not pass in %s: %s (%s)", g.Within, g.Text, out.Detail),
			Remedy: "look at the service in the guest; then retry, or skip the gate with a reason"}
		hold := v.holdGate
		if v.op == plans.TestFailover {
			hold = v.gateNotPassed
		}
		if err := hold(ctx, held); err != nil {
			return err
		}
	}
	v.waived = false
	return nil
}

func (v *vmRun) holdGate(ctx workflow.Context, d plans.Decision) error {
	return v.hold(ctx, plans.PhaseGates, d)
}

func (v *vmRun) askGate(ctx workflow.Context, g plans.RunGate) (out activities.GateOut, err error) {
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	speed := v.in.Run.Speed
	within := scaled(g.Within.D(), speed)
	vm := v.in.VM.ID
	if v.op == plans.TestFailover {
		vm = v.report.Status.TestVM
	}
	asked := workflow.ExecuteActivity(
		hostWork(ctx, v.in.Run.To, fmt.Sprintf("%s: %s", v.in.VM.Label, g.Text), within+readLimit),
		activities.CheckGateName, activities.GateIn{
			Run: v.in.Run.RunID, Host: v.in.VM.TargetHost, VM: vm, Gate: g, Within: within, Every: scaled(gateEvery, speed),
		})
	if err := workflow.Await(ctx, func() bool { return asked.IsReady() || v.stopping || v.waiver != "" }); err != nil {
		return out, err
	}
	if !asked.IsReady() {
		return activities.GateOut{Detail: "it was not waited for"}, nil
	}
	return out, asked.Get(ctx, &out)
}
