package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// gates asks each gate of the VM in turn, then lets it settle. A gate that does
// not pass in its time holds the VM.
func (v *vmRun) gates(ctx workflow.Context) error {
	for _, g := range v.in.VM.Gates {
		for !v.settled {
			out, err := v.gate(ctx, g)
			if err != nil {
				return err
			}
			if out.Passed {
				v.report.Status.Doing = g.Text + ": passed"
				break
			}
			held := plans.Decision{Kind: plans.Refuse, Good: plans.Target,
				Why:    fmt.Sprintf("the gate did not pass in %s: %s (%s)", g.Within, g.Text, out.Detail),
				Remedy: "look at the service in the guest; then retry, or skip the gate with a reason"}
			if err := v.hold(ctx, plans.PhaseGates, held); err != nil {
				return err
			}
			if v.waived {
				v.waived = false
				break
			}
			if v.stopping {
				v.settleStopped(ctx)
			}
		}
		if v.settled {
			return nil
		}
	}
	v.report.Status.GateText = ""
	if settle := v.in.VM.Settle.D(); settle > 0 {
		v.report.Status.Doing = "settling"
		return workflow.Sleep(ctx, scaled(settle, v.in.Speed))
	}
	return nil
}

func (v *vmRun) gate(ctx workflow.Context, g plans.RunGate) (activities.GateOut, error) {
	v.report.Status.GateText = "waiting for " + g.Text
	v.report.Status.Doing = v.report.Status.GateText
	v.tell(ctx)
	within := scaled(g.Within.D(), v.in.Speed)
	host := v.in.VM.TargetHost
	var out activities.GateOut
	err := workflow.ExecuteActivity(
		hostWork(ctx, v.in.Site, fmt.Sprintf("%s: %s", v.in.VM.Label, g.Text), within+readLimit),
		activities.CheckGateName, activities.GateIn{
			Run: v.in.Run, Host: host, VM: v.in.VM.ID, Gate: g, Within: within, Every: scaled(gateEvery, v.in.Speed),
		}).Get(ctx, &out)
	return out, err
}
