package activities

import (
	"context"
	"fmt"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// act sends the one act of a decision to its host.
func (a *Activities) act(ctx context.Context, in AdvanceIn, d plans.Decision, name string) (hyperv.ActResult, error) {
	host, err := a.Hosts(name)
	if err != nil {
		return hyperv.ActResult{}, err
	}
	id, expect := in.VM.ID, hyperv.Expect{Power: d.Expect.Power, Mode: d.Expect.Mode, State: d.Expect.State}
	switch d.Verb {
	case plans.VerbSetNetwork:
		return host.SetNetwork(ctx, id, expect, beginWithin, nics(in.VM.NICs))
	case plans.VerbShutDown:
		ctx, cancel := context.WithTimeout(ctx, in.ShutdownWithin)
		defer cancel()
		return host.ShutDown(ctx, id, expect, beginWithin)
	case plans.VerbTurnOff:
		return host.TurnOff(ctx, id, expect, beginWithin)
	case plans.VerbStart:
		return host.Start(ctx, id, expect, beginWithin)
	case plans.VerbPrepareFailover:
		return host.PrepareFailover(ctx, id, expect, beginWithin)
	case plans.VerbStartFailover:
		return host.StartFailover(ctx, id, expect, beginWithin)
	case plans.VerbStopFailover:
		return host.StopFailover(ctx, id, expect, beginWithin)
	case plans.VerbReverse:
		return host.ReverseReplication(ctx, id, expect, beginWithin, in.VM.ReverseTo, in.VM.Thumbprint)
	}
	return hyperv.ActResult{}, fmt.Errorf("the verb %q is not known", d.Verb)
}

func nics(wanted []plans.WantedNIC) []hyperv.NIC {
	out := make([]hyperv.NIC, len(wanted))
	for i, w := range wanted {
		out[i] = hyperv.NIC{Adapter: w.Adapter, Switch: w.Switch, IP: w.IP, Mask: w.Mask, Gateway: w.Gateway, DNS: w.DNS, Inject: w.Inject && w.IP != ""}
		if out[i].DNS == nil {
			out[i].DNS = []string{}
		}
	}
	return out
}
