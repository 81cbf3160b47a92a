package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

// orphans tells sweeps what the configuration says now, and keeps the calendar's
// Temporal Schedule as it says.
type orphans struct {
	client *control.Client
	log    *slog.Logger
	news   chan struct{}

	mu     sync.Mutex
	estate plans.OrphanEstate
	cancel context.CancelFunc
	loop   sync.WaitGroup
}

func newOrphans(cfg *Configuration, client *control.Client, log *slog.Logger) *orphans {
	o := &orphans{client: client, log: log, news: make(chan struct{}, 1)}
	o.adopt(cfg)
	return o
}

// adopt goes on with a changed configuration.
func (o *orphans) adopt(cfg *Configuration) {
	o.mu.Lock()
	o.estate = plans.OrphanEstateOf(cfg.Config, cfg.Speed())
	o.mu.Unlock()
	select {
	case o.news <- struct{}{}:
	default:
	}
}

// now is a copy: whoever reads hosts fills in what they answer.
func (o *orphans) now() plans.OrphanEstate {
	o.mu.Lock()
	defer o.mu.Unlock()
	e := o.estate
	e.Hosts = append([]plans.HostReading(nil), e.Hosts...)
	return e
}

func (o *orphans) deps() activities.OrphanDeps {
	return activities.OrphanDeps{
		Estate: o.now, Busy: o.client.Working,
		Held: func(ctx context.Context) (map[string]string, error) { return o.client.Held(ctx, o.now().VMs) },
	}
}

// calendarAgain is how often a calendar that could not be kept is tried again.
const calendarAgain = 30 * time.Second

// start keeps the calendar as the configuration says, now and after each change.
func (o *orphans) start() {
	ctx, cancel := context.WithCancel(context.Background())
	o.cancel = cancel
	o.loop.Go(func() {
		for {
			var again <-chan time.Time
			if err := o.client.KeepOrphanCalendar(ctx, o.now().Policy); err != nil && ctx.Err() == nil {
				o.log.Warn("the calendar of orphan sweeps is not as the configuration says", "error", err)
				again = time.After(calendarAgain)
			}
			select {
			case <-ctx.Done():
				return
			case <-o.news:
			case <-again:
			}
		}
	})
}

func (o *orphans) stop() {
	if o.cancel != nil {
		o.cancel()
		o.loop.Wait()
	}
}
