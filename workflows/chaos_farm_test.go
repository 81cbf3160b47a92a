package workflows

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/truth"
)

// chaosSpeed makes a guest's boot last a millisecond.
const chaosSpeed = 20_000

// chaosFarm is a farm of simulated hosts without wire and without PowerShell:
// the real activities call its hosts through a Runner that compares and acts as
// docs/pump.md says. What goes wrong is decided by dice of each VM's own, so
// that a seed tells the same story whichever VM comes first.
type chaosFarm struct {
	farm  *hypervisor.Farm
	seed  uint64
	tally *chaosTally
	acts  *activities.Activities
	// sabotage is done once, after an act that it fits: a test's own proof that
	// the judge sees it.
	sabotage  chaosSabotage
	sabotaged atomic.Bool
	// most is how often things may go wrong for one VM; then it is left alone.
	// Something befalls one act in odds until then.
	most, odds int

	mu      sync.Mutex
	dice    map[string]*rand.Rand
	wrong   map[string]int
	mutexes map[string]*sync.Mutex
	// killed: the engine dies while this VM is worked on, and nobody hears the
	// answer.
	killed map[string]bool
	// later are requests of a dead engine that their host still gets to, and
	// what ends a trouble.
	later   []*due
	request atomic.Int64
	notes   []string
	// asked is what the journal remembers of failovers, report the last report
	// in it.
	asked map[string]plans.ActNote
	// sights is what it remembers of old copies, by run and VM; recalls is when
	// it was asked, by VM.
	sights  map[string]bool
	recalls map[string][]uint64
	report  plans.Report
	// landings are the failovers that were done.
	landings []chaosLanding

	// told is what the operations of VMs learned of the copies they go from.
	told []chaosSight

	// world is held by whatever looks and acts. What comes back into sight does
	// so only in between: on real hosts a boot, and half a minute before VMs are
	// started by themselves, lie between an act that was decided without a host
	// and the moment at which that host's VMs run; here a boot takes no time.
	world sync.RWMutex
	calm  []func()
	// blind is true while a person has stated that a site is dark; from is the
	// site that the run goes from.
	blind bool
	from  string
}

const actOdds = 6

// chaosLanding is a failover that was done: to which point, and what the copy
// held before.
type chaosLanding struct {
	truth.Landing
	point  string
	before uint64
}

// due is what happens after so many more calls: at once, or, calm, between two
// acts. late is a request of a dead engine.
type due struct {
	calls      int
	calm, late bool
	do         func()
}

func newChaosFarm(f *hypervisor.Farm, seed uint64, tally *chaosTally) *chaosFarm {
	c := &chaosFarm{farm: f, seed: seed, tally: tally, odds: actOdds, asked: map[string]plans.ActNote{}, sights: map[string]bool{}, recalls: map[string][]uint64{},
		dice: map[string]*rand.Rand{}, wrong: map[string]int{}, mutexes: map[string]*sync.Mutex{}, killed: map[string]bool{}}
	c.acts = activities.New(activities.Deps{
		Hosts: func(name string) (*hyperv.Host, error) {
			h := f.Host(name)
			if h == nil {
				return nil, fmt.Errorf("there is no host %s", name)
			}
			return hyperv.New(chaosHost{c, h}), nil
		},
		Journal: c, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Simulated: true,
		// The test environment runs one workflow at a time: no other drill hears.
		Drills: activities.DrillDeps{GiveWay: func(context.Context, []string, string, string) ([]string, error) { return nil, nil }},
	})
	return c
}

// The journal: what matters here is that its disk may be full.

func (c *chaosFarm) Before(n plans.ActNote) (uint64, error) {
	if c.goesWrong(n.VM, 60) {
		c.note("the journal's disk is full before %s of %s", n.Verb, n.Label)
		c.tally.fault("journal full before an act")
		return 0, errors.New("no space left on device")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch n.Verb {
	case plans.VerbStartFailover, plans.VerbStartTest:
		c.asked[askedOf(n.VM, n.Host, n.Verb)] = n
	case plans.VerbStopFailover:
		delete(c.asked, askedOf(n.VM, n.Host, plans.VerbStartFailover))
	case plans.VerbStopTest:
		delete(c.asked, askedOf(n.VM, n.Host, plans.VerbStartTest))
	}
	return uint64(c.request.Add(1)), nil
}

func askedOf(vm, host string, verb plans.Verb) string { return vm + "@" + host + " " + string(verb) }

func (c *chaosFarm) Asked(vm, host string, verb plans.Verb) (plans.ActNote, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, found := c.asked[askedOf(vm, host, verb)]
	return n, found, nil
}

func (c *chaosFarm) Sighted(run, vm string, open bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sights[run+vm] = open
	return nil
}

func (c *chaosFarm) Sight(run, vm string) (open, seen bool, err error) {
	seq := c.farm.State().Seq
	c.mu.Lock()
	defer c.mu.Unlock()
	c.recalls[vm] = append(c.recalls[vm], seq)
	open, seen = c.sights[run+vm]
	return open, seen, nil
}

func (c *chaosFarm) After(uint64, plans.ActRecord) error { return nil }
func (c *chaosFarm) Note(string, string) error           { return nil }

func (c *chaosFarm) SaveReport(r plans.Report) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report = r
	return nil
}

func (c *chaosFarm) landed(l chaosLanding) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.landings = append(c.landings, l)
}

// since are the landings after the first n.
func (c *chaosFarm) since(n int) []chaosLanding {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.landings[n:])
}

// takenOver is true when another copy than the one at a host goes on.
func (c *chaosFarm) takenOver(vm, host string) bool {
	return slices.ContainsFunc(c.farm.State().Copies, func(o hypervisor.CopyState) bool {
		return o.VM == vm && o.Host != host && (o.Mode == "Primary" || strings.HasPrefix(o.State, "FailedOver") || o.State == "RecoveryInProgress")
	})
}

func (c *chaosFarm) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

// throw is a VM's next throw of its own dice.
func (c *chaosFarm) throw(vm string, n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.dice[vm]
	if d == nil {
		h := fnv.New64()
		_, _ = h.Write([]byte(vm))
		d = rand.New(rand.NewPCG(c.seed, h.Sum64()))
		c.dice[vm] = d
	}
	return d.IntN(n)
}

// goesWrong is true once in n throws, as long as the VM has not had its share.
func (c *chaosFarm) goesWrong(vm string, n int) bool {
	if c.throw(vm, n) != 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wrong[vm] >= c.most {
		return false
	}
	c.wrong[vm]++
	return true
}

// trouble lets things go wrong up to so many times for each VM from now on.
func (c *chaosFarm) trouble(most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.most = most
	clear(c.wrong)
}

// tick counts a call: what waits for its time may come due.
func (c *chaosFarm) tick(all bool) {
	c.mu.Lock()
	var now []func()
	later := c.later[:0:0]
	for _, d := range c.later {
		switch d.calls--; {
		case d.calls > 0 && !all:
			later = append(later, d)
		case d.calm:
			c.calm = append(c.calm, d.do)
		default:
			now = append(now, d.do)
		}
	}
	c.later = later
	c.mu.Unlock()
	for _, do := range now {
		do()
	}
}

func (c *chaosFarm) wait(d *due) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.later = append(c.later, d)
}

// settle lets what comes back into sight do so.
func (c *chaosFarm) settle(more ...func()) {
	c.mu.Lock()
	now := append(c.calm, more...)
	c.calm = nil
	c.mu.Unlock()
	if len(now) == 0 {
		return
	}
	c.world.Lock()
	defer c.world.Unlock()
	if c.blind {
		// What was decided without the host is too late by now.
		c.mu.Lock()
		c.later = slices.DeleteFunc(c.later, func(d *due) bool { return d.late })
		c.mu.Unlock()
	}
	for _, do := range now {
		do()
	}
}

// begin is the beginning of something that looks and acts.
func (c *chaosFarm) begin() (end func()) {
	c.settle()
	c.world.RLock()
	return c.world.RUnlock
}

// errKilled is what the engine's next life sees of an activity that was under
// way: nothing. Temporal runs it again from its beginning.
var errKilled = errors.New("the engine was killed")

// kill marks the engine as dead for this VM's activity.
func (c *chaosFarm) kill(vm, moment, called string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.killed[vm] = true
	c.notes = append(c.notes, "the engine is killed "+moment+" "+called+" ("+vm[:8]+")")
	c.tally.kill(moment, called)
}

func (c *chaosFarm) died(vm string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.killed[vm]
	delete(c.killed, vm)
	return was
}

// journalled is the moment once the journal has an act done.
const journalled = "once written down"

// Advance is the real activity; a killed engine loses its answer.
func (c *chaosFarm) Advance(ctx context.Context, in activities.AdvanceIn) (activities.AdvanceOut, error) {
	defer c.begin()()
	look := &chaosLook{}
	out, err := c.acts.Advance(context.WithValue(ctx, chaosLookKey{}, look), in)
	err = c.heard(in.VM.ID, out.Act, err)
	if err == nil {
		c.tell(look, 0)
	}
	return out, err
}

// heard is whether an engine that lives hears an answer.
func (c *chaosFarm) heard(vm string, act *plans.ActRecord, err error) error {
	if c.died(vm) {
		return errKilled
	}
	if act != nil && c.goesWrong(vm, 7*c.odds) {
		c.kill(vm, journalled, chaosCalledBy(act.Verb))
		c.died(vm)
		return errKilled
	}
	return err
}

// Observe is the real activity.
func (c *chaosFarm) Observe(ctx context.Context, in activities.AdvanceIn) (activities.AdvanceOut, error) {
	defer c.begin()()
	out, err := c.acts.Observe(ctx, in)
	return out, c.heard(in.VM.ID, nil, err)
}

// WatchReturn is the real activity; the engine that dies over one VM loses the
// whole look.
func (c *chaosFarm) WatchReturn(ctx context.Context, in activities.WatchIn) (activities.WatchOut, error) {
	defer c.begin()()
	c.tick(false)
	look := &chaosLook{}
	out, err := c.acts.WatchReturn(context.WithValue(ctx, chaosLookKey{}, look), in)
	c.tell(look, c.farm.State().Seq)
	acts := map[string]*plans.ActRecord{}
	for _, vm := range out.VMs {
		acts[vm.ID] = vm.Act
	}
	for _, vm := range in.VMs {
		if lost := c.heard(vm.VM.ID, acts[vm.VM.ID], nil); lost != nil {
			err = lost
		}
	}
	return out, err
}

// CheckGate asks the guest itself, in the farm's own time.
func (c *chaosFarm) CheckGate(_ context.Context, in activities.GateIn) (activities.GateOut, error) {
	c.settle()
	if c.goesWrong(in.VM, 12) {
		c.tally.fault("gate not passed")
		return activities.GateOut{Detail: "no answer"}, nil
	}
	for range 1500 {
		vm, ok := c.farm.Host(in.Host).VM(in.VM)
		switch {
		case ok && strings.HasPrefix(vm.Heartbeat, "Ok"):
			return activities.GateOut{Passed: true, Detail: vm.Heartbeat}, nil
		case !ok || vm.Power == "Off":
			c.tick(false)
			return activities.GateOut{Detail: "it is off"}, nil
		}
		<-time.After(200 * time.Microsecond)
		c.tick(false)
	}
	return activities.GateOut{Detail: "no heartbeat"}, nil
}
