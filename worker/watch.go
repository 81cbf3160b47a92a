package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	sdkworker "go.temporal.io/sdk/worker"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/control"
	"github.com/lifeboat-dr/lifeboat/worker/metrics"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

const (
	// rereadEvery is how often the configuration's files are looked at.
	rereadEvery = 3 * time.Second
	// mendEvery is how often it is made sure that every schedule runs.
	mendEvery = time.Minute
	// startAtOnce bounds how many schedules are started at the same time.
	startAtOnce = 8
)

// watch keeps the replication schedules of the configuration running, and the
// engine's hosts those of the configuration, as its files are now.
type watch struct {
	hosts   *hosts
	log     *slog.Logger
	path    string
	metrics *metrics.Server // nil when nobody wants them

	mu    sync.Mutex
	found map[plans.ScheduleID]plans.HostSchedule
	seen  string // fingerprint of the files that were read last
	list  control.ScheduleList
	// ticked is when a schedule's last tick began, silent what is told of those of
	// which it is long ago.
	ticked map[plans.ScheduleID]time.Time
	silent []plans.Problem

	schedulesOf *control.Client
	worker      sdkworker.Worker
	serve       func(*Configuration) error // makes sure that every site has a worker
	adopted     func(*Configuration)       // is told of each configuration taken over
	attributes  bool
	cancel      context.CancelFunc
	ended       chan struct{}
}

func newWatch(o Options, h *hosts, adopted func(*Configuration)) *watch {
	w := &watch{hosts: h, log: o.Log, path: o.Configuration.Path, metrics: o.Metrics, adopted: adopted, ticked: map[plans.ScheduleID]time.Time{}}
	w.list.Config = w.path
	w.seen, _ = fingerprint(w.path)
	w.adopt(o.Configuration)
	return w
}

// adopt takes a configuration over and returns the schedules that have changed:
// new, different or gone.
func (w *watch) adopt(cfg *Configuration) (changed []plans.ScheduleID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.found
	w.found, w.list.Wanted = map[plans.ScheduleID]plans.HostSchedule{}, []plans.ScheduleID{}
	for _, s := range plans.Schedules(cfg.Config, cfg.Speed()) {
		w.found[s.ScheduleID] = s
		w.list.Wanted = append(w.list.Wanted, s.ScheduleID)
		if was, ok := before[s.ScheduleID]; !ok || !reflect.DeepEqual(was, s) {
			changed = append(changed, s.ScheduleID)
		}
	}
	for id := range before {
		if _, still := w.found[id]; !still {
			delete(w.ticked, id)
			changed = append(changed, id)
		}
	}
	return changed
}

// schedule finds a schedule in the configuration as it is now.
func (w *watch) schedule(id plans.ScheduleID) (plans.HostSchedule, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.found[id]
	return s, ok
}

// schedules is what people are told.
func (w *watch) schedules() control.ScheduleList {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.list
	l.Wanted = slices.Clone(l.Wanted)
	return l
}

// start brings the schedules' worker up on a namespace of its own. An outside
// Temporal that does not have it runs no schedules, and that is said; runs do
// without.
func (w *watch) start(ctx context.Context, runs client.Client, acts *activities.Activities, serve func(*Configuration) error) error {
	w.serve = serve
	has, err := control.Inspect(ctx, runs, WatchNamespace, SearchAttributes())
	if err != nil {
		w.mu.Lock()
		w.list.Off = fmt.Sprintf("Temporal has no namespace %s: create it (temporal operator namespace create --retention 1d %s) and start the engine again", WatchNamespace, WatchNamespace)
		w.mu.Unlock()
		w.log.Warn("no replication schedules", "error", err)
		w.follow(ctx, func(context.Context, []plans.ScheduleID) {})
		return nil
	}
	w.attributes = has
	dial := client.Options{Namespace: WatchNamespace, Logger: sdklog.NewStructuredLogger(w.log)}
	if w.metrics != nil {
		dial.MetricsHandler = w.metrics.Temporal()
	}
	own, err := client.NewClientFromExistingWithContext(ctx, runs, dial)
	if err != nil {
		return fmt.Errorf("namespace %s: %w", WatchNamespace, err)
	}
	w.schedulesOf = control.Over(own, WatchNamespace)
	flow := sdkworker.New(own, workflows.WatchQueue, sdkworker.Options{MaxConcurrentWorkflowTaskPollers: 4, LocalActivityWorkerOnly: true, DeadlockDetectionTimeout: stalled})
	workflows.RegisterWatch(flow)
	register(flow, acts)
	if err := flow.Start(); err != nil {
		return fmt.Errorf("worker of schedules: %w", err)
	}
	w.worker = flow
	w.follow(ctx, w.mend)
	return nil
}

// follow begins to look at the files, and calls mend after each change and now
// and then.
func (w *watch) follow(ctx context.Context, mend func(context.Context, []plans.ScheduleID)) {
	loop, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w.cancel, w.ended = cancel, make(chan struct{})
	go w.loop(loop, mend)
}

func (w *watch) stop() {
	if w.cancel != nil {
		w.cancel()
		<-w.ended
	}
	if w.worker != nil {
		w.worker.Stop()
	}
}

func (w *watch) loop(ctx context.Context, mend func(context.Context, []plans.ScheduleID)) {
	defer close(w.ended)
	look, now := time.NewTicker(rereadEvery), time.NewTicker(mendEvery)
	defer look.Stop()
	defer now.Stop()
	mend(ctx, nil)
	for {
		select {
		case <-ctx.Done():
			return
		case <-now.C:
			mend(ctx, nil)
		case <-look.C:
			if changed, anything := w.reread(ctx); anything {
				mend(ctx, changed)
			}
		}
	}
}

// reread takes over changed files. Files with an error change nothing; it is
// logged once and told to whoever asks.
func (w *watch) reread(ctx context.Context) (changed []plans.ScheduleID, anything bool) {
	now, err := fingerprint(w.path)
	if err == nil && now == w.seen || err != nil && err.Error() == w.seen {
		return nil, false
	}
	w.seen = now
	var cfg *Configuration
	if err == nil {
		cfg, err = LoadConfiguration(w.path)
	} else {
		w.seen = err.Error()
	}
	if err == nil {
		err = w.serve(cfg)
	}
	w.mu.Lock()
	w.list.Problem, w.list.Since = "", time.Time{}
	if err != nil {
		w.list.Problem, w.list.Since = err.Error(), time.Now().UTC()
	}
	w.mu.Unlock()
	if err != nil {
		w.log.Error("the changed configuration is not used: the one before goes on", "error", err)
		return nil, false
	}
	w.hosts.reload(ctx, cfg)
	changed = w.adopt(cfg)
	w.adopted(cfg)
	w.log.Info("the configuration was read again", "schedules_changed", len(changed))
	return changed, true
}

// fingerprint tells one state of the configuration's files from another.
func fingerprint(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	names := []string{path}
	if info.IsDir() {
		names = yamlFiles(path)
	}
	sum := sha256.New()
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return "", err
		}
		_, _ = fmt.Fprintf(sum, "%s\x00%d\x00%d\x00", name, info.Size(), info.ModTime().UnixNano())
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// mend starts the schedules that should run and do not, and tells the changed
// ones, and those that should not run, to look: they end by themselves.
func (w *watch) mend(ctx context.Context, changed []plans.ScheduleID) {
	running, err := w.schedulesOf.RunningSchedules(ctx)
	if err != nil {
		if ctx.Err() == nil {
			w.log.Warn("which schedules run is not known", "error", err)
		}
		return
	}
	var all sync.WaitGroup
	free := make(chan struct{}, startAtOnce)
	do := func(what string, id plans.ScheduleID, f func(context.Context, plans.ScheduleID) error) {
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free }()
			if err := f(ctx, id); err != nil && ctx.Err() == nil {
				w.log.Warn(what, "schedule", id.String(), "error", err)
			}
		})
	}
	for _, id := range w.schedules().Wanted {
		if !running[id] {
			do("a schedule does not start", id, w.begin)
		}
	}
	for id := range running {
		if _, wanted := w.schedule(id); !wanted || slices.Contains(changed, id) {
			do("a schedule is not told of the change", id, w.schedulesOf.TellSchedule)
		}
	}
	all.Wait()
	w.askQuiet(ctx, time.Now())
}

func (w *watch) begin(ctx context.Context, id plans.ScheduleID) error {
	s, ok := w.schedule(id)
	if !ok {
		return nil
	}
	return w.schedulesOf.StartSchedule(ctx, s, w.attributes)
}
