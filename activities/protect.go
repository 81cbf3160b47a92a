package activities

import (
	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// initialOptions is how the first copy that a decision begins travels: from the
// primary as the run says, on to a third host over the network.
func initialOptions(in AdvanceIn, d plans.Decision) hyperv.InitialOptions {
	switch {
	case in.Intent.Operation != plans.Protect:
		return hyperv.InitialOptions{UseBackup: in.VM.Enable != nil && in.VM.Enable.Seed == plans.SeedExisting}
	case d.Side != plans.Source:
		return hyperv.InitialOptions{}
	}
	o := hyperv.InitialOptions{UseBackup: in.Intent.Seed.How == plans.SeedExisting, Path: in.Intent.Seed.Export}
	if d.Phase == plans.PhaseEnable {
		o.At = in.Intent.Seed.At
	}
	return o
}
