package activities

import (
	"context"
	"fmt"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Names of the canaries' activities.
const (
	OpenCanaryName  = "open-canary"
	CanaryRunName   = "canary-run"
	CloseCanaryName = "close-canary"
)

// CanaryDeps is what canaries need from outside. The zero value knows none.
type CanaryDeps struct {
	// Find is a canary of the configuration as it is now, and what it asks of its
	// hosts.
	Find func(name, by, reason string) (plans.Canary, plans.SelfTestSetup, error)
	// Real names a real operation that is under way, "" for none. An error is no
	// answer.
	Real func(ctx context.Context) (string, error)
	// Keep keeps what became of one; kept again it changes nothing.
	Keep func(plans.CanaryResult) error
}

// CanaryIn is a canary that is due.
type CanaryIn struct {
	Result plans.CanaryResult `json:"result"`
	Reason string             `json:"reason,omitempty"`
}

// CanaryOut is what it asks of its hosts; where Result is not running any more it
// does not begin.
type CanaryOut struct {
	Result plans.CanaryResult  `json:"result"`
	Setup  plans.SelfTestSetup `json:"setup"`
}

// OpenCanary resolves a canary from the configuration as it is now, and says
// whether it may begin. It changes nothing and asks no host.
func (a *Activities) OpenCanary(ctx context.Context, in CanaryIn) (CanaryOut, error) {
	out := CanaryOut{Result: in.Result}
	canary, setup, err := a.Canaries.Find(in.Result.Canary, in.Result.By, in.Reason)
	if err != nil {
		out.Result = plans.SkipCanary(in.Result, err.Error())
		return out, nil
	}
	out.Setup, out.Result.VM, out.Result.Host, out.Result.To = setup, setup.Name, canary.Host, canary.To
	if late := in.Result.Began.Sub(in.Result.Due); late > canary.Within.D() {
		out.Result = plans.SkipCanary(out.Result, fmt.Sprintf("it was due %s ago, and may begin %s late at most", late.Round(time.Second), canary.Within))
		return out, nil
	}
	who, err := a.Canaries.Real(ctx)
	if err != nil {
		return CanaryOut{}, err
	}
	if who != "" {
		out.Result = plans.SkipCanary(out.Result, plans.CanaryAside(who).Text)
	}
	return out, nil
}

// CanaryRunIn asks for the run that moves a canary's VM to one side.
type CanaryRunIn struct {
	Setup plans.SelfTestSetup `json:"setup"`
	VM    string              `json:"vm"`
	To    plans.SelfTestSide  `json:"to"`
	Run   string              `json:"run"`
}

// CanaryRun resolves that run. It asks no host; it is an activity so that a later
// version, which resolves otherwise, does not change a run that has begun.
func (a *Activities) CanaryRun(_ context.Context, in CanaryRunIn) (plans.RunInput, error) {
	return plans.CanaryRun(in.Setup, in.VM, in.To, in.Run)
}

// CloseCanary keeps what became of a canary, once.
func (a *Activities) CloseCanary(_ context.Context, r plans.CanaryResult) error {
	return a.Canaries.Keep(r)
}
