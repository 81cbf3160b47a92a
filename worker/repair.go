package worker

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

// tellAgain is how often the ladder is told again of a leg that stays in trouble:
// it has it already, unless something went wrong. It is the hosts' time.
const tellAgain = 5 * time.Minute

// repairs tells the repair ladders what schedules see, and what the
// configuration says of it now.
type repairs struct {
	client *control.Client

	mu      sync.Mutex
	targets map[string]plans.RepairTarget
	speed   float64
	// told is when the ladder of a host was told of a leg, by both.
	told map[[2]string]time.Time
	// steps are what ladders found last, by plans.RepairKey.
	steps map[string]plans.RepairSeen
}

func newRepairs(cfg *Configuration, client *control.Client) *repairs {
	r := &repairs{client: client, told: map[[2]string]time.Time{}, steps: map[string]plans.RepairSeen{}}
	r.adopt(cfg)
	return r
}

// adopt goes on with a changed configuration.
func (r *repairs) adopt(cfg *Configuration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.targets, r.speed = plans.Repairs(cfg.Config), cfg.Speed()
	clear(r.told)
}

func (r *repairs) deps() activities.RepairDeps {
	return activities.RepairDeps{Targets: r.now, Busy: r.client.OpenRun, Ask: r.ask, Seen: r.saw}
}

// saw keeps what a ladder found: the activity that looks runs in this process.
func (r *repairs) saw(steps map[string]plans.RepairStep, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for leg, step := range steps {
		r.steps[leg] = plans.RepairSeen{Step: step, At: at}
	}
}

// seen is what ladders found last.
func (r *repairs) seen() map[string]plans.RepairSeen {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.steps)
}

func (r *repairs) now() (map[string]plans.RepairTarget, float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.targets, r.speed
}

// ask tells the ladder of a host of legs of which it was not told lately. One that
// recovered in between and fell again within that time waits for it.
func (r *repairs) ask(ctx context.Context, host string, legs []string) error {
	r.mu.Lock()
	now, again := time.Now(), pause(tellAgain, r.speed)
	var fresh []string
	for _, leg := range legs {
		if now.Sub(r.told[[2]string{host, leg}]) >= again {
			fresh = append(fresh, leg)
		}
	}
	r.mu.Unlock()
	if len(fresh) == 0 {
		return nil
	}
	if err := r.client.AskRepair(ctx, host, fresh); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, leg := range fresh {
		r.told[[2]string{host, leg}] = now
	}
	return nil
}
