package worker

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

// How often hosts are read: replication is judged within a minute, the rest
// within five. In a lab the hosts' clocks run faster, so both are divided by
// its speed, down to leastPause.
const (
	lookEvery   = 30 * time.Second
	storesEvery = 4 * time.Minute
	leastPause  = 3 * time.Second
	// oneByOne is between the first looks at two hosts: hundreds of sessions that
	// open at once would keep everything else from its turn.
	oneByOne = 20 * time.Millisecond
)

// lookout reads every host that a plan needs, over and over, and says at any
// moment whether each plan is ready. It changes nothing. Each host has a loop of
// its own: one that hangs does not keep the others from being seen, and what was
// last seen of it grows old by itself.
type lookout struct {
	hosts   func(string) (*hyperv.Host, error)
	reports func() ([]plans.Report, error)
	machine string
	// engine says what is wrong with the engine itself; nil where none runs.
	engine func() []plans.Problem
	// canaries is where canaries stand; nil where nobody knows.
	canaries func() ([]plans.CanaryState, error)
	// repairs is what the repair ladders said last; nil where none tells.
	repairs func() map[string]plans.RepairSeen
	// plansOnly keeps hosts that no plan needs from being read.
	plansOnly bool

	mu      sync.Mutex
	cfg     *Configuration
	known   plans.ReadyConfig
	runs    map[string]imagined
	outside plans.Outside
	seen    map[string]activities.HostSight
	read    map[string]time.Time
	stores  map[string]plans.StoreView
	// sent are looks at primaries over the last while; nil where each host is read
	// only once.
	sent   map[string][]plans.Sent
	drills map[string]*plans.Drill
	// drillsAt is when the reports were read, past what the runs took.
	drillsAt time.Time
	past     plans.Durations

	// turn is held while the loops are started and ended.
	turn   sync.Mutex
	cancel context.CancelFunc
	loops  sync.WaitGroup
}

func newLookout(cfg *Configuration, hosts func(string) (*hyperv.Host, error), reports func() ([]plans.Report, error)) *lookout {
	machine, _ := os.Hostname()
	return &lookout{
		cfg: cfg, hosts: hosts, reports: reports, machine: machine, known: plans.ReadyConfigOf(cfg.Config), outside: plans.OutsideOf(cfg.Config, cfg.Speed()),
		runs: map[string]imagined{}, seen: map[string]activities.HostSight{}, read: map[string]time.Time{}, stores: map[string]plans.StoreView{},
	}
}

// start begins to watch until stop.
func (l *lookout) start() {
	l.turn.Lock()
	defer l.turn.Unlock()
	l.mu.Lock()
	l.sent = map[string][]plans.Sent{}
	l.mu.Unlock()
	l.begin()
}

func (l *lookout) begin() {
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	cfg := l.configuration()
	planned, others := needed(cfg), l.others(cfg)
	for i, h := range slices.Concat(planned, others) {
		l.loops.Go(func() {
			if rest(ctx, time.Duration(i)*oneByOne) {
				l.watch(ctx, h, cfg.Speed(), i < len(planned))
			}
		})
	}
}

// rest waits; false says that the context is over.
func rest(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// stop ends the loops; a read under way is given up, not waited for by a host.
func (l *lookout) stop() {
	l.turn.Lock()
	defer l.turn.Unlock()
	l.end()
}

func (l *lookout) end() {
	if l.cancel != nil {
		l.cancel()
		l.loops.Wait()
		l.cancel = nil
	}
}

// adopt goes on with a changed configuration: what was seen of hosts stays, and
// all are read anew at once.
func (l *lookout) adopt(cfg *Configuration) {
	l.turn.Lock()
	defer l.turn.Unlock()
	l.mu.Lock()
	l.cfg, l.known, l.runs = cfg, plans.ReadyConfigOf(cfg.Config), map[string]imagined{}
	l.outside = plans.OutsideOf(cfg.Config, cfg.Speed())
	l.mu.Unlock()
	if l.cancel != nil {
		l.end()
		l.begin()
	}
}

func (l *lookout) configuration() *Configuration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cfg
}

// pause is how long to wait in real time for something of the hosts' time.
func pause(d time.Duration, speed float64) time.Duration {
	return max(leastPause, time.Duration(float64(d)/max(1, speed)))
}

// untilLook is how long to wait for the next look at a host: each has a moment of
// its own, half a round away from the one at which its schedule of 30 s ticks.
func untilLook(host string, now time.Time, every time.Duration) time.Duration {
	return plans.FirstTick(now, every, (plans.OffsetOf(host, every)+every/2)%every).Sub(now)
}

// watch reads a host over and over; of one that no plan needs only the VMs.
func (l *lookout) watch(ctx context.Context, h plans.RunHost, speed float64, planned bool) {
	var stores time.Time
	sight := activities.LookAtHost(ctx, l.hosts, h)
	at := time.Now()
	if planned && sight.View.Reached {
		// Read before the host shows at all: what was not asked yet would look
		// like something that the host does not tell.
		l.lookAtStores(ctx, h.Name, sight.Copies)
		stores = time.Now()
	}
	l.keep(ctx, h.Name, sight, at)
	for rest(ctx, untilLook(h.Name, time.Now(), pause(lookEvery, speed))) {
		l.look(ctx, h)
		if planned && ctx.Err() == nil && time.Since(stores) >= pause(storesEvery, speed) {
			l.lookAtStores(ctx, h.Name, l.copies(h.Name))
			stores = time.Now()
		}
	}
}

// once reads every host one time, all at once.
func (l *lookout) once(ctx context.Context) {
	var running sync.WaitGroup
	cfg := l.configuration()
	for _, h := range l.others(cfg) {
		running.Go(func() { l.look(ctx, h) })
	}
	for _, h := range needed(cfg) {
		running.Go(func() {
			if l.look(ctx, h) {
				l.lookAtStores(ctx, h.Name, l.copies(h.Name))
			}
		})
	}
	running.Wait()
}

// look reads a host and keeps what it answers.
func (l *lookout) look(ctx context.Context, h plans.RunHost) bool {
	sight := activities.LookAtHost(ctx, l.hosts, h)
	return l.keep(ctx, h.Name, sight, time.Now())
}

// copies are those that were seen of a host last.
func (l *lookout) copies(host string) map[string]plans.Copy {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen[host].Copies
}

// keep keeps what a host answered at a moment. When it did not, what was seen before stays,
// with the error.
func (l *lookout) keep(ctx context.Context, host string, sight activities.HostSight, at time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Err() != nil && !sight.View.Reached {
		return false
	}
	if !sight.View.Reached {
		sight.Copies = l.seen[host].Copies
	} else {
		l.read[host] = at
		l.follow(sight.Copies)
	}
	l.seen[host] = sight
	return sight.View.Reached
}

// follow keeps what primaries send, so that it shows whether they catch up. The
// memory is held.
func (l *lookout) follow(copies map[string]plans.Copy) {
	if l.sent == nil {
		return
	}
	for id, c := range copies {
		if c.Mode == "Primary" {
			l.sent[id] = plans.FollowSent(l.sent[id], c)
		}
	}
}

func (l *lookout) lookAtStores(ctx context.Context, host string, copies map[string]plans.Copy) {
	var primaries []string
	for id, c := range copies {
		if c.Mode == "Primary" {
			primaries = append(primaries, id)
		}
	}
	slices.Sort(primaries)
	view := activities.LookAtStores(ctx, l.hosts, host, primaries)
	view.At = time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if old, ok := l.stores[host]; ok && view.Error != "" && old.Error == "" {
		// Certificates and disks do not change with a line that is cut; that
		// the host is silent is said of itself.
		old.Failing = view.Error
		l.stores[host] = old
		return
	}
	l.stores[host] = view
}

// needed are the hosts of a configuration's plans, each once.
func needed(cfg *Configuration) []plans.RunHost {
	var out []plans.RunHost
	for i := range cfg.Plans {
		in, err := unplanned(cfg, &cfg.Plans[i], "", nil)
		if err != nil {
			continue // the report says it
		}
		for _, h := range in.Hosts {
			if !slices.ContainsFunc(out, func(o plans.RunHost) bool { return o.Name == h.Name }) {
				out = append(out, h)
			}
		}
	}
	return out
}

// others are the hosts of a configuration that none of its plans needs: VMs may
// replicate there that no plan holds.
func (l *lookout) others(cfg *Configuration) []plans.RunHost {
	if l.plansOnly {
		return nil
	}
	planned := map[string]bool{}
	for _, h := range needed(cfg) {
		planned[h.Name] = true
	}
	var out []plans.RunHost
	for _, h := range cfg.Hosts {
		if !planned[h.Name] {
			out = append(out, plans.RunHost{Name: h.Name, Site: h.Site, Reserve: h.MemoryReserve})
		}
	}
	return out
}

// unplanned is what a run would be if a plan's site were lost.
func unplanned(cfg *Configuration, plan *plans.RecoveryPlan, to string, past plans.Durations) (plans.RunInput, error) {
	return plans.Resolve(cfg.Config, plan, plans.Request{Operation: plans.UnplannedFailover, To: to, Speed: cfg.Speed(), Past: past})
}

// imagined is a run that would be if a plan's site were lost, or why there is
// none.
type imagined struct {
	in  plans.RunInput
	err error
}

// unplanned remembers the runs of the present configuration: with thousands of VMs
// each takes a while, and everybody who asks needs them. The memory is held.
func (l *lookout) unplanned(plan *plans.RecoveryPlan, to string) (plans.RunInput, error) {
	key := plan.Name + "\x00" + to
	run, ok := l.runs[key]
	if !ok {
		run.in, run.err = unplanned(l.cfg, plan, to, l.past)
		l.runs[key] = run
	}
	return run.in, run.err
}

// all says of every plan whether it is ready, worst first.
func (l *lookout) all(now time.Time) []plans.ReadyReport {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]plans.ReadyReport, 0, len(l.cfg.Plans))
	for i := range l.cfg.Plans {
		out = append(out, l.report(&l.cfg.Plans[i], now))
	}
	plans.TogetherReady(out)
	rank := map[plans.ReadyVerdict]int{plans.ReadyNo: 0, plans.ReadyUnknown: 1, plans.ReadyYes: 2}
	slices.SortStableFunc(out, func(a, b plans.ReadyReport) int { return rank[a.Verdict] - rank[b.Verdict] })
	return out
}

// report judges one plan by what is remembered; the age of that is judged too.
// The memory is held.
func (l *lookout) report(plan *plans.RecoveryPlan, now time.Time) plans.ReadyReport {
	drill := l.drill(plan.Name, now)
	in, err := l.unplanned(plan, "")
	if err != nil {
		return plans.ReadyUnseen(plan, err.Error(), now)
	}
	pairs := activities.PairsOf(in, l.seen)
	if plans.AwayFromHome(pairs) {
		if back, err := l.unplanned(plan, plan.From); err == nil {
			in, pairs = back, activities.PairsOf(back, l.seen)
		}
	}
	look := l.lookAt(in, pairs, now)
	look.Drill = drill
	if l.engine != nil {
		look.Engine = l.engine()
	}
	if l.canaries != nil {
		look.Canaries, _ = l.canaries() // a journal that cannot be read is told elsewhere
	}
	for _, h := range in.Hosts {
		if s, ok := l.stores[h.Name]; ok {
			look.Stores = append(look.Stores, s)
		}
	}
	return plans.Ready(look)
}

// everything is what all says, and of VMs that no plan holds, if there are any,
// last.
func (l *lookout) everything(now time.Time) []plans.ReadyReport {
	out := l.all(now)
	l.mu.Lock()
	defer l.mu.Unlock()
	found := make(map[string]map[string]plans.Copy, len(l.seen))
	for host, sight := range l.seen {
		found[host] = sight.Copies
	}
	in := l.outside.Run
	if r, some := plans.ReadyOutside(l.outside, l.lookAt(in, activities.PairsOf(in, l.seen), now), found); some {
		out = append(out, r)
	}
	return out
}

// lookAt is what was seen of a run's hosts last. The memory is held.
func (l *lookout) lookAt(in plans.RunInput, pairs []plans.Pair, now time.Time) plans.ReadyLook {
	look := plans.ReadyLook{Run: in, Pairs: pairs, Read: maps.Clone(l.read), Sent: l.sent, Known: l.known, Machine: l.machine, Now: now}
	if l.repairs != nil {
		look.Repairs = l.repairs()
	}
	for _, h := range in.Hosts {
		sight, ok := l.seen[h.Name]
		if !ok {
			sight.View = plans.HostView{Name: h.Name, Error: "it has not answered yet"}
		}
		look.Views = append(look.Views, sight.View)
	}
	return look
}

// drill is the last one of a plan; the journal is asked now and then, and answers
// where something is new: a year of reports is much to read.
func (l *lookout) drill(plan string, now time.Time) *plans.Drill {
	if l.drills == nil || now.Sub(l.drillsAt) > pause(lookEvery, l.cfg.Speed()) {
		if all, err := l.reports(); err == nil && all != nil {
			l.drills = plans.LastDrills(all)
			l.learn(plans.DurationsOf(all))
		}
		l.drillsAt = now
	}
	return l.drills[plan]
}

// learn takes over what past runs took. Runs that were resolved without it are
// forgotten.
func (l *lookout) learn(past plans.Durations) {
	if !slices.Equal(past, l.past) {
		l.past, l.runs = past, map[string]imagined{}
	}
}

// LookAtReadiness reads the hosts of one plan once, or with "" all hosts, and says
// whether the plans are ready, and what no plan holds. It needs no engine; drills are known when data is the
// folder of one.
func LookAtReadiness(ctx context.Context, cfg *Configuration, name, data string) ([]plans.ReadyReport, error) {
	if name != "" {
		plan, err := cfg.Plan(name)
		if err != nil {
			return nil, err
		}
		only, one := *cfg, *cfg.Config
		one.Plans = []plans.RecoveryPlan{*plan}
		only.Config = &one
		cfg = &only
	}
	all := newHosts(cfg, slog.New(slog.NewTextHandler(io.Discard, nil)))
	defer all.close(context.WithoutCancel(ctx))
	l := newLookout(cfg, all.host, func() ([]plans.Report, error) { return ReadReports(ctx, data) })
	l.canaries = func() ([]plans.CanaryState, error) {
		past, err := ReadCanaries(ctx, data)
		return plans.CanaryStates(cfg.Config, past), err
	}
	l.plansOnly = name != ""
	l.once(ctx)
	if l.plansOnly {
		return l.all(time.Now()), nil
	}
	return l.everything(time.Now()), nil
}

// ReadReadiness asks the engine that holds a data folder; control.ErrNoEngine
// or another error when none answers.
func ReadReadiness(ctx context.Context, data string) ([]plans.ReadyReport, error) {
	engine, err := control.ReadEngine(data)
	if err != nil {
		return nil, err
	}
	var out []plans.ReadyReport
	return out, control.Get(ctx, engine, "/v1/ready", nil, &out)
}
