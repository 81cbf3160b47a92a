package worker

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// SelfTestRequest is what a person asks of a self-test.
type SelfTestRequest struct {
	A, B         string // hosts of the configuration
	Hours, Clean bool
	By, Reason   string
}

// LookAtSelfTest resolves a self-test and asks both hosts whether they can take it.
// It changes nothing and needs no engine.
func LookAtSelfTest(ctx context.Context, cfg *Configuration, r SelfTestRequest) (plans.SelfTestSetup, []plans.Finding, error) {
	setup, err := plans.ResolveSelfTest(cfg.Config, r.A, r.B, shortName(), r.Hours, r.Clean, cfg.Speed(), r.By, r.Reason)
	if err != nil {
		return setup, nil, err
	}
	return lookForSelfTest(ctx, cfg, setup)
}

// LookAtCanary is LookAtSelfTest of a canary.
func LookAtCanary(ctx context.Context, cfg *Configuration, c plans.Canary, by, reason string) (plans.SelfTestSetup, []plans.Finding, error) {
	setup, err := plans.ResolveCanary(cfg.Config, c, shortName(), cfg.Speed(), by, reason)
	if err != nil {
		return setup, nil, err
	}
	return lookForSelfTest(ctx, cfg, setup)
}

func lookForSelfTest(ctx context.Context, cfg *Configuration, setup plans.SelfTestSetup) (plans.SelfTestSetup, []plans.Finding, error) {
	all := newHosts(cfg, slog.New(slog.NewTextHandler(io.Discard, nil)))
	defer all.close(context.WithoutCancel(ctx))
	look := activities.LookForSelfTest(ctx, all.host, setup)
	return look.Setup, look.Findings, ctx.Err()
}

// shortName tells one self-test's VM from another's.
func shortName() string {
	const letters = "abcdefghjkmnpqrstuvwxyz23456789"
	name := make([]byte, 6)
	for i := range name {
		name[i] = letters[rand.IntN(len(letters))]
	}
	return string(name)
}
