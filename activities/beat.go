package activities

import (
	"context"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// beatEvery is how often an activity says that it lives: a killed engine is
// noticed after a few of them.
const beatEvery = 1500 * time.Millisecond

// beat heartbeats until the returned function is called.
func beat(ctx context.Context) (stop func()) {
	_, stop = beatAsking(ctx)
	return stop
}

type askingKey struct{}

// beatAsking heartbeats until stop is called, and says what asking was told last:
// people who wait for an act that hangs can see whose answer is missing.
func beatAsking(ctx context.Context) (_ context.Context, stop func()) {
	now := &atomic.Pointer[plans.Asking]{}
	ctx = context.WithValue(ctx, askingKey{}, now)
	if !activity.IsActivity(ctx) {
		return ctx, func() {}
	}
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(beatEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-ctx.Done():
				return
			case <-tick.C:
				if a := now.Load(); a != nil {
					activity.RecordHeartbeat(ctx, *a)
				} else {
					activity.RecordHeartbeat(ctx)
				}
			}
		}
	}()
	return ctx, func() { close(done) }
}

// asking keeps what a host is being asked for, for the next heartbeat; nil says
// that it has answered.
func asking(ctx context.Context, a *plans.Asking) {
	if now, ok := ctx.Value(askingKey{}).(*atomic.Pointer[plans.Asking]); ok {
		now.Store(a)
	}
}
