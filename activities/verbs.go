package activities

import (
	"context"
	"fmt"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// act sends the one act of a decision to its host.
func (a *Activities) act(ctx context.Context, in AdvanceIn, d plans.Decision, name string) (hyperv.ActResult, error) {
	host, err := a.Hosts(name)
	if err != nil {
		return hyperv.ActResult{}, err
	}
	id, expect := idOf(in, d), hyperv.Expect(d.Expect)
	switch d.Verb {
	case plans.VerbSetNetwork:
		return host.SetNetwork(ctx, id, expect, beginWithin, nics(wantedAt(in.VM, d.Side)))
	case plans.VerbShutDown:
		return shutDown(ctx, host, id, d, in.ShutdownWithin)
	case plans.VerbTurnOff:
		return host.TurnOff(ctx, id, expect, beginWithin)
	case plans.VerbStart:
		return host.Start(ctx, id, expect, beginWithin)
	case plans.VerbPrepareFailover:
		return host.PrepareFailover(ctx, id, expect, beginWithin)
	case plans.VerbStartFailover:
		return host.StartFailover(ctx, id, expect, beginWithin, pointOf(in, d))
	case plans.VerbStopFailover:
		return host.StopFailover(ctx, id, expect, beginWithin)
	case plans.VerbReverse:
		return host.ReverseReplication(ctx, id, expect, beginWithin, in.VM.ReverseTo, in.VM.Thumbprint)
	case plans.VerbNoAutoStart:
		return host.SetStartAction(ctx, id, expect, beginWithin, "Nothing")
	case plans.VerbAutoStart:
		return host.SetStartAction(ctx, id, expect, beginWithin, d.AutoStart)
	case plans.VerbDisconnect:
		return host.Disconnect(ctx, id, expect, beginWithin)
	}
	return a.actOnReplication(ctx, host, in, d, id, expect)
}

// shutDown waits no longer for a guest than it may take.
func shutDown(ctx context.Context, host *hyperv.Host, id string, d plans.Decision, within time.Duration) (hyperv.ActResult, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return host.ShutDown(ctx, id, hyperv.Expect(d.Expect), beginWithin)
}

// actOnReplication are the verbs that end, begin or test a replication.
func (a *Activities) actOnReplication(ctx context.Context, host *hyperv.Host, in AdvanceIn, d plans.Decision, id string, expect hyperv.Expect) (hyperv.ActResult, error) {
	switch d.Verb {
	case plans.VerbComplete:
		return host.CompleteFailover(ctx, id, expect, beginWithin)
	case plans.VerbAsReplica, plans.VerbEnableAsReplica:
		return asReplica(ctx, host, in, d.Verb, expect)
	case plans.VerbEnable:
		return host.EnableReplication(ctx, id, expect, beginWithin, enableOptions(in.VM, in.Intent.Operation, d.Side))
	case plans.VerbStartInitial:
		return host.StartInitial(ctx, id, expect, beginWithin, initialOptions(in, d))
	case plans.VerbImport:
		return host.ImportInitial(ctx, id, expect, beginWithin, d.Path)
	case plans.VerbResume:
		return host.ResumeReplication(ctx, id, expect, beginWithin)
	case plans.VerbResync:
		return host.Resynchronize(ctx, id, expect, beginWithin)
	case plans.VerbRemove:
		return host.RemoveReplication(ctx, id, expect, beginWithin, "Simple")
	case plans.VerbRemoveExtended:
		return host.RemoveReplication(ctx, id, expect, beginWithin, "Extended")
	case plans.VerbContinue:
		return host.ContinueExtended(ctx, id, expect, beginWithin)
	case plans.VerbSetTestNetwork:
		return host.SetTestNetwork(ctx, id, expect, beginWithin, testNICs(in.VM.NICs))
	case plans.VerbStartTest:
		return host.StartTest(ctx, id, expect, beginWithin, pointOf(in, d))
	case plans.VerbStopTest:
		return host.StopTest(ctx, id, expect, beginWithin)
	}
	return hyperv.ActResult{}, fmt.Errorf("the verb %q is not known", d.Verb)
}

// idOf is the VM that an act is for: the test copy has a GUID of its own.
func idOf(in AdvanceIn, d plans.Decision) string {
	if d.Side == plans.Test {
		return d.TestVM
	}
	return in.VM.ID
}

// wantedAt are the networks of a VM's copy at one side.
func wantedAt(vm plans.RunVM, side plans.Side) []plans.WantedNIC {
	if side == plans.Source {
		return vm.SourceNICs
	}
	return vm.NICs
}

func testNICs(wanted []plans.WantedNIC) []hyperv.TestNIC {
	out := make([]hyperv.TestNIC, len(wanted))
	for i, w := range wanted {
		out[i] = hyperv.TestNIC{Adapter: w.Adapter, Switch: w.Switch}
	}
	return out
}

// enableOptions are the settings with which a VM replicates to a new host; what
// the replica of a protection sends on is its third copy.
func enableOptions(vm plans.RunVM, op plans.Operation, side plans.Side) hyperv.EnableOptions {
	o := hyperv.EnableOptions{ReplicaServer: vm.ReverseTo, Thumbprint: vm.Thumbprint, FrequencySec: int(vm.Frequency.D().Seconds())}
	e := vm.Enable
	if op == plans.Protect && side == plans.Target {
		e = vm.Extend
	}
	if e == nil {
		return o
	}
	o.Port, o.Auth, o.RecoveryHistory, o.ExcludedDisks = e.Port, e.Authentication, e.RecoveryPoints, e.ExcludedDisks
	o.VSSHours, o.Compression = e.AppConsistent, e.Compression
	if e.Server != "" {
		o.ReplicaServer, o.Thumbprint, o.FrequencySec = e.Server, e.Thumbprint, int(e.Frequency.D().Seconds())
	}
	return o
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
