package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// keeper holds the configuration as it is now, and makes a calendar what it says.
type keeper struct {
	wake chan struct{}

	mu     sync.Mutex
	cfg    *Configuration
	cancel context.CancelFunc
	loop   sync.WaitGroup
}

func newKeeper(cfg *Configuration) *keeper {
	return &keeper{wake: make(chan struct{}, 1), cfg: cfg}
}

// adopt goes on with a changed configuration.
func (k *keeper) adopt(cfg *Configuration) {
	k.mu.Lock()
	k.cfg = cfg
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *keeper) now() *Configuration {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.cfg
}

// run calls keep until stop: at once, after each change, and every so often.
func (k *keeper) run(every time.Duration, log *slog.Logger, what string, keep func(context.Context, time.Time) error) {
	ctx, cancel := context.WithCancel(context.Background())
	k.cancel = cancel
	k.loop.Go(func() {
		again := time.NewTicker(every)
		defer again.Stop()
		for {
			if err := keep(ctx, time.Now().UTC()); err != nil && ctx.Err() == nil {
				log.Warn("the calendar of "+what+" is not as the configuration has it", "error", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-k.wake:
			case <-again.C:
			}
		}
	})
}

func (k *keeper) stop() {
	if k.cancel != nil {
		k.cancel()
		k.loop.Wait()
	}
}
