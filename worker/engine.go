package worker

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	sdkworker "go.temporal.io/sdk/worker"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/worker/control"
	"github.com/lifeboat-dr/lifeboat/worker/metrics"
	"github.com/lifeboat-dr/lifeboat/worker/panel"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// The namespaces: runs, drills and sweeps in one, schedules in the other,
// whose many short histories are kept for a day only.
const (
	Namespace      = "lifeboat"
	WatchNamespace = "lifeboat-watch"
)

// Options are what an engine is started with.
type Options struct {
	Configuration *Configuration
	Folder        *Folder
	// Temporal is the gRPC address, Namespace where runs live.
	Temporal, Namespace string
	// UI is the Web UI's address, "" when somebody else serves it.
	UI string
	// Panel is the page about runs that UI frames, nil when it does not. The
	// caller closes it.
	Panel *panel.Server
	// Metrics serve Prometheus, nil when nobody wants them. The caller closes it.
	Metrics *metrics.Server
	// SearchAttributes is what the caller expects; Start asks the server and
	// goes by its answer: a workflow that upserts an unknown attribute would be
	// blocked for ever.
	SearchAttributes bool
	Version          string
	Log              *slog.Logger
}

// Engine is a running engine: workers for workflows and for every site's hosts,
// and the API that serves the journal.
type Engine struct {
	info    control.Engine
	folder  *Folder
	client  client.Client
	workers []sdkworker.Worker
	hosts   *hosts
	lookout *lookout
	alerts  *alerts
	repairs *repairs
	drills  *drills
	orphans *orphans
	canary  *canaries
	watch   *watch
	api     *api
}

// Identify names this program in the histories, before anything of Temporal is
// started in it. Unnamed, Temporal reads the whole of it for a checksum, which was
// half of what a start took (docs/decisions/0001-temporal.md).
func Identify(version string) { sdkworker.SetBinaryChecksum(version) }

// SearchAttributes are the keyword attributes that runs carry.
func SearchAttributes() []string { return workflows.SearchAttributeNames() }

// Start connects to Temporal and begins to work. The engine file in the data
// folder tells others how to reach it.
func Start(ctx context.Context, o Options) (*Engine, error) {
	dial := client.Options{HostPort: o.Temporal, Namespace: o.Namespace, Logger: sdklog.NewStructuredLogger(o.Log)}
	if o.Metrics != nil {
		dial.MetricsHandler = o.Metrics.Temporal()
	}
	c, err := client.DialContext(ctx, dial)
	if err != nil {
		return nil, fmt.Errorf("temporal at %s does not answer: %w", o.Temporal, err)
	}
	has, err := control.Inspect(ctx, c, o.Namespace, SearchAttributes())
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("temporal at %s: %w", o.Temporal, err)
	}
	o.SearchAttributes = has
	e := &Engine{folder: o.Folder, client: c, hosts: newHosts(o.Configuration, o.Log)}
	e.lookout = newLookout(o.Configuration, e.hosts.host, o.Folder.Journal.NewReports())
	e.alerts = newAlerts(o, e.lookout, e.hosts)
	e.repairs = newRepairs(o.Configuration, control.Over(c, o.Namespace))
	e.lookout.repairs = e.repairs.seen
	e.drills = newDrills(o, control.Over(c, o.Namespace), e.alerts.tell)
	e.orphans = newOrphans(o.Configuration, control.Over(c, o.Namespace), o.Log)
	e.canary = newCanaries(o, control.Over(c, o.Namespace))
	e.alerts.canaries, e.lookout.canaries = e.canary.states, e.canary.states
	e.watch = newWatch(o, e.hosts, func(cfg *Configuration) {
		e.lookout.adopt(cfg)
		e.alerts.adopt(cfg)
		e.repairs.adopt(cfg)
		e.drills.adopt(cfg)
		e.orphans.adopt(cfg)
		e.canary.adopt(cfg)
	})
	if e.api, err = startAPI(o.Folder.Journal, e.watch.schedules); err != nil {
		c.Close()
		return nil, err
	}
	if err := e.work(ctx, o); err != nil {
		e.stopParts(ctx)
		return nil, err
	}
	e.info = describe(o, e.api)
	if err := control.WriteEngine(o.Folder.Dir, e.info); err != nil {
		e.stopParts(ctx)
		return nil, fmt.Errorf("data folder %s: %w", o.Folder.Dir, err)
	}
	e.lookout.engine = e.trouble
	e.orphans.start()
	e.lookout.start()
	e.api.lookout.Store(e.lookout)
	e.alerts.start(&alertRuns{client: control.Over(c, o.Namespace)}, e.trouble)
	e.api.alerts.Store(e.alerts)
	e.drills.start()
	e.canary.start()
	if o.Metrics != nil {
		o.Metrics.Show(e.lookout.all)
		o.Metrics.ShowCost(e.hosts.costs)
		o.Metrics.ShowChannels(e.alerts.channels)
		o.Metrics.ShowCanaries(e.canary.states)
	}
	if o.Panel != nil {
		o.Panel.Show(&panelRuns{client: control.Over(c, o.Namespace)}, o.UI)
		o.Panel.ShowReady(e.lookout.everything)
	}
	return e, nil
}

func describe(o Options, a *api) control.Engine {
	name := ""
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	machine, _ := os.Hostname()
	scrape := ""
	if o.Metrics != nil {
		scrape = o.Metrics.URL()
	}
	return control.Engine{
		PID: os.Getpid(), Host: machine, User: name, Started: time.Now().UTC(), Version: o.Version,
		Temporal: o.Temporal, Namespace: o.Namespace, WatchNamespace: WatchNamespace, UI: o.UI,
		API: a.address(), Token: a.token, Config: o.Configuration.Dir,
		SearchAttributes: o.SearchAttributes, Metrics: scrape,
	}
}

// stalled is how long workflow code may seem to stand still before its task is
// given up: a second, Temporal's default, passes on a machine in trouble too.
const stalled = 10 * time.Second

// work starts one worker for workflows and one per site, so that host work of a
// site can later run near its hosts.
func (e *Engine) work(ctx context.Context, o Options) error {
	acts := activities.New(e.deps(o))
	flow := sdkworker.New(e.client, workflows.TaskQueue, sdkworker.Options{
		MaxConcurrentWorkflowTaskPollers: 8, MaxConcurrentActivityTaskPollers: 4, DeadlockDetectionTimeout: stalled,
	})
	workflows.Register(flow)
	register(flow, acts)
	if err := flow.Start(); err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	e.workers = append(e.workers, flow)
	serve := e.sites(acts)
	if err := serve(o.Configuration); err != nil {
		return err
	}
	return e.watch.start(ctx, e.client, acts, serve)
}

// sites returns what starts a worker for each site that has none yet. It is not
// for concurrent use.
func (e *Engine) sites(acts *activities.Activities) func(*Configuration) error {
	served := map[string]bool{}
	return func(cfg *Configuration) error {
		for _, site := range cfg.Sites {
			if served[site.Name] {
				continue
			}
			w := sdkworker.New(e.client, workflows.SiteQueue(site.Name), sdkworker.Options{
				DisableWorkflowWorker: true, MaxConcurrentActivityTaskPollers: 8,
			})
			register(w, acts)
			if err := w.Start(); err != nil {
				return fmt.Errorf("worker of site %s: %w", site.Name, err)
			}
			e.workers, served[site.Name] = append(e.workers, w), true
		}
		return nil
	}
}

func register(w sdkworker.Worker, acts *activities.Activities) {
	for name, f := range acts.Named() {
		w.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
}

func (e *Engine) deps(o Options) activities.Deps {
	return activities.Deps{
		Hosts: e.hosts.host, Journal: o.Folder.Journal, Dial: dialer(o.Configuration),
		Secrets: secrets{o.Configuration.Dir}.resolve, ReadFile: func(name string) ([]byte, error) { return os.ReadFile(e.hosts.path(name)) },
		History: o.Folder.Journal, Schedule: e.watch.ticking, Log: o.Log, Version: o.Version, Simulated: o.Configuration.Lab != nil,
		Tell: e.alerts.tell, Repair: e.repairs.deps(), Drills: e.drills.deps(), Orphans: e.orphans.deps(), Canaries: e.canary.deps(),
	}
}

// Info says how to reach this engine.
func (e *Engine) Info() control.Engine { return e.info }

// Folder is the data folder.
func (e *Engine) Folder() string { return e.folder.Dir }

// Close ends the work under way and gives the folder back. Runs go on when an
// engine is back.
func (e *Engine) Close(ctx context.Context) error {
	err := control.RemoveEngine(e.folder.Dir)
	e.stopParts(ctx)
	if closed := e.folder.Release(); err == nil {
		err = closed
	}
	return err
}

// stopLimit bounds what an orderly stop waits for hosts and readers. An act
// under way is not waited for: it goes on at its host, and after a restart its
// activity looks before it acts.
const stopLimit = 2 * time.Second

func (e *Engine) stopParts(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, stopLimit)
	defer cancel()
	e.watch.stop() // first: it may start workers
	e.drills.stop()
	e.orphans.stop()
	e.canary.stop()
	e.alerts.stop(ctx)
	// All at once; without a WorkerStopTimeout none waits for its activities.
	var all sync.WaitGroup
	for _, w := range e.workers {
		all.Go(w.Stop)
	}
	all.Go(e.lookout.stop)
	all.Wait()
	e.hosts.close(ctx)
	_ = e.api.stop(ctx)
	e.client.Close()
}
