package worker

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// LookAtSituation asks every host and every witness of a plan, and says what
// is known before anybody fails over without the source. It changes nothing,
// needs no engine and no answer of the lost site.
func LookAtSituation(ctx context.Context, cfg *Configuration, plan *plans.RecoveryPlan, request plans.Request) (*plans.Situation, error) {
	request.Operation, request.Speed = plans.UnplannedFailover, cfg.Speed()
	input, err := plans.Resolve(cfg.Config, plan, request)
	if err != nil {
		return nil, err
	}
	all := newHosts(cfg, slog.New(slog.NewTextHandler(io.Discard, nil)))
	defer all.close(context.WithoutCancel(ctx))
	asked := make(chan []plans.WitnessView, 1)
	go func() { asked <- activities.AskWitnesses(ctx, dialer(cfg), plans.Witnesses(cfg.Config, input)) }()
	views, pairs := activities.Look(ctx, all.host, input)
	input = plans.Shed(input, views, pairs)
	have, unread := activities.LookPoints(ctx, all.host, input, pairs)
	witnesses := append(plans.HostWitnesses(input, views), <-asked...)
	s := plans.Decide(input, witnesses, views, pairs, have, time.Now())
	s.Findings = append(s.Findings, unread...)
	return &s, nil
}
