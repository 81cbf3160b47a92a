package activities

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Names of the repair ladder's activities.
const (
	RepairLookName = "repair-look"
	RepairActName  = "repair-act"
)

// RepairDeps is what the repair ladder needs from outside. The zero value
// repairs nothing.
type RepairDeps struct {
	// Targets are the legs of the configuration as it is now, by plans.RepairKey,
	// Speed how much faster their hosts live.
	Targets func() (map[string]plans.RepairTarget, float64)
	// Busy names the run that a VM's plans are in, "" for none. An error counts
	// as busy.
	Busy func(ctx context.Context, plans []string) (run string, err error)
	// Ask tells the ladder of a sending host about legs, by plans.RepairKey, whose
	// replication has stopped or is not set as the configuration says.
	Ask func(ctx context.Context, host string, legs []string) error
	// Seen is told what a ladder found, by plans.RepairKey; nil where nobody wants it.
	Seen func(steps map[string]plans.RepairStep, at time.Time)
}

func (r RepairDeps) targets() (map[string]plans.RepairTarget, float64) {
	if r.Targets == nil {
		return nil, 1
	}
	return r.Targets()
}

// What is counted of repairs; the names are those of metrics.
const (
	// RepairsDone counts rungs that were taken, by host, step and outcome.
	RepairsDone = "lifeboat_repairs"
	// RepairsWaiting is how many legs wait for a person, by host and step.
	RepairsWaiting = "lifeboat_repairs_waiting"
)

// countWaiting tells the metrics of whom a person is asked about.
func countWaiting(ctx context.Context, host string, steps map[string]plans.RepairStep) {
	if !activity.IsActivity(ctx) {
		return // nobody counts
	}
	waiting := map[plans.Rung]int{plans.RungResume: 0, plans.RungResync: 0, plans.RungCorrect: 0}
	for _, step := range steps {
		if step.Rung == plans.RungAsk {
			waiting[step.Wants]++
		}
	}
	for rung, n := range waiting {
		activity.GetMetricsHandler(ctx).WithTags(map[string]string{"host": host, "step": string(rung)}).Gauge(RepairsWaiting).Update(float64(n))
	}
}

func countRepair(ctx context.Context, step plans.RepairStep, outcome string) {
	if activity.IsActivity(ctx) {
		activity.GetMetricsHandler(ctx).WithTags(map[string]string{"host": step.Host, "step": string(step.Rung), "outcome": outcome}).Counter(RepairsDone).Inc(1)
	}
}

// RepairLookIn asks how the VMs of a sending host stand on the ladder.
type RepairLookIn struct {
	Host string           `json:"host"`
	VMs  []plans.RepairVM `json:"vms"`
	// Settle are those, by key, whose resynchronization may have ended: their
	// recovery points are counted.
	Settle []string `json:"settle,omitempty"`
	// Today are the resynchronizations that this ladder began in the last day.
	Today int       `json:"today"`
	Now   time.Time `json:"now"`
}

// RepairLookOut is what was found, by plans.RepairKey. A leg that the configuration
// does not have, or has no policy for, is not among them.
type RepairLookOut struct {
	Steps map[string]plans.RepairStep `json:"steps"`
	// Points are the recovery points of replicas whose resynchronization has
	// ended, or is to begin; -1 where they are not told.
	Points map[string]int    `json:"points,omitempty"`
	Labels map[string]string `json:"labels"`
	Speed  float64           `json:"speed"`
}

// RepairLook looks at both copies of every VM, one call per host, and says which
// rung is next for each. It changes nothing.
func (a *Activities) RepairLook(ctx context.Context, in RepairLookIn) (RepairLookOut, error) {
	defer beat(ctx)()
	targets, speed := a.Repair.targets()
	out := RepairLookOut{Steps: map[string]plans.RepairStep{}, Points: map[string]int{}, Labels: map[string]string{}, Speed: speed}
	glances, told := a.repairGlances(ctx, in.VMs, targets), a.settingsTold(ctx, in.VMs, targets)
	counts := map[string]int{}
	for _, vm := range in.VMs {
		key := vm.Key()
		t, known := targets[key]
		if !known || t.Policy == nil {
			continue
		}
		look := plans.RepairLook{A: glances[t.From].of(vm.ID), B: glances[t.To].of(vm.ID), VM: vm, Policy: *t.Policy, Leg: t.Leg, Now: in.Now, Speed: speed}
		look.Seen = plans.SeenIn(t.Leg, told[t.From], told[t.To])
		step := plans.NextRepair(look)
		if step.Loads() { // only what would begin needs to know who else is at it
			look.Load = a.repairLoad(ctx, step, targets, counts, in.Today)
			step = plans.NextRepair(look)
		}
		out.Steps[key], out.Labels[key] = step, t.Label
		if step.Resyncs() && vm.Points == nil {
			out.Points[key] = a.countPoints(ctx, step.Receiver, vm.ID)
		}
	}
	for _, key := range in.Settle {
		if step := out.Steps[key]; step.Rung == plans.RungWell {
			id, _ := plans.RepairKeyOf(key)
			out.Points[key] = a.countPoints(ctx, step.Receiver, id)
		}
	}
	countWaiting(ctx, in.Host, out.Steps)
	if a.Repair.Seen != nil {
		a.Repair.Seen(out.Steps, in.Now)
	}
	return out, ctx.Err()
}

// repairGlances asks each host once for all VMs that are looked at there.
func (a *Activities) repairGlances(ctx context.Context, vms []plans.RepairVM, targets map[string]plans.RepairTarget) map[string]glance {
	ctx, cancel := context.WithTimeout(ctx, observeLimit)
	defer cancel()
	return askEach(hostsOf(vms, targets, nil), func(name string, ids []string) glance { return glanceAt(ctx, a.Hosts, name, ids) })
}

// hostsOf are the hosts of legs with the VMs that are to be asked about there; only
// leaves some out.
func hostsOf(vms []plans.RepairVM, targets map[string]plans.RepairTarget, only func(plans.RepairTarget) bool) map[string][]string {
	ids := map[string][]string{}
	for _, vm := range vms {
		t, known := targets[vm.Key()]
		if !known || only != nil && !only(t) {
			continue
		}
		for _, host := range []string{t.From, t.To} {
			if !slices.Contains(ids[host], vm.ID) {
				ids[host] = append(ids[host], vm.ID)
			}
		}
	}
	return ids
}

// askEach asks all hosts at once.
func askEach[T any](ids map[string][]string, ask func(host string, ids []string) T) map[string]T {
	var mu sync.Mutex
	var running sync.WaitGroup
	out := make(map[string]T, len(ids))
	for name, wanted := range ids {
		running.Go(func() {
			answer := ask(name, wanted)
			mu.Lock()
			defer mu.Unlock()
			out[name] = answer
		})
	}
	running.Wait()
	return out
}

// repairLoad counts the resynchronizations that go on at both hosts of a step.
// A host that does not tell counts as full.
func (a *Activities) repairLoad(ctx context.Context, step plans.RepairStep, targets map[string]plans.RepairTarget, known map[string]int, today int) plans.RepairLoad {
	count := func(host string) int {
		if n, told := known[host]; told {
			return n
		}
		n, err := a.resyncsAt(ctx, host, targets)
		if err != nil {
			n = plans.NotToldBusy
		}
		known[host] = n
		return n
	}
	return plans.RepairLoad{Sending: count(step.Sender), Receiving: count(step.Receiver), Today: today}
}

// resyncsAt counts the legs at a host that are being resynchronized, or whose disks
// are updated, in either role, whoever began it.
func (a *Activities) resyncsAt(ctx context.Context, name string, targets map[string]plans.RepairTarget) (n int, err error) {
	host, err := a.Hosts(name)
	if err != nil {
		return 0, err
	}
	var ids []string
	for _, t := range targets {
		if (t.From == name || t.To == name) && !slices.Contains(ids, t.VM) {
			ids = append(ids, t.VM)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, observeLimit)
	defer cancel()
	answer, err := host.Replications(ctx, ids)
	if err != nil {
		return 0, err
	}
	loads := []string{"Resynchronizing", "WaitingForUpdateCompletion"}
	for _, c := range answer.Copies {
		if slices.Contains(loads, c.State) {
			n++
		}
		for _, r := range c.Relations {
			if r.Relationship == "Extended" && slices.Contains(loads, r.State) {
				n++
			}
		}
	}
	return n, nil
}

// countPoints counts a replica's recovery points, -1 when they are not told.
func (a *Activities) countPoints(ctx context.Context, name, id string) int {
	host, err := a.Hosts(name)
	if err != nil {
		return -1
	}
	ctx, cancel := context.WithTimeout(ctx, observeLimit)
	defer cancel()
	points, err := host.Points(ctx, []string{id})
	if err != nil {
		return -1
	}
	n := 0
	for _, p := range points[id] {
		if p.Recovery() {
			n++
		}
	}
	return n
}

// RepairActIn asks to take one VM one rung up.
type RepairActIn struct {
	Run  string         `json:"run"`
	Host string         `json:"host"`
	VM   plans.RepairVM `json:"vm"`
	// Today are the resynchronizations that the ladder of this host began in the
	// last day.
	Today int       `json:"today"`
	Now   time.Time `json:"now"`
}

// RepairActOut is what was decided and what became of it.
type RepairActOut struct {
	Step plans.RepairStep `json:"step"`
	// Act is set when a changing call was made.
	Act *plans.ActRecord `json:"act,omitempty"`
	// Doubt says what is seen in place of settings that were taken.
	Doubt string `json:"doubt,omitempty"`
}

// RepairAct looks at both copies again, decides anew and does at most one act:
// the one that was asked for, or none. It may be run again from its beginning at
// any moment: what the journal has of this request was sent, and is not sent
// again.
func (a *Activities) RepairAct(ctx context.Context, in RepairActIn) (RepairActOut, error) {
	defer beat(ctx)()
	targets, speed := a.Repair.targets()
	t, known := targets[in.VM.Key()]
	if !known || t.Policy == nil {
		return RepairActOut{Step: plans.RepairStep{Rung: plans.RungNone, Why: "the configuration has no repair policy for it"}}, nil
	}
	look := plans.RepairLook{VM: in.VM, Policy: *t.Policy, Leg: t.Leg, Now: in.Now, Speed: speed}
	seen := a.observe(ctx, plans.RunVM{ID: t.VM, SourceHost: t.From, TargetHost: t.To})
	look.A, look.B = seen.pair.Source, seen.pair.Target
	told := a.settingsTold(ctx, []plans.RepairVM{in.VM}, targets)
	look.Seen = plans.SeenIn(t.Leg, told[t.From], told[t.To])
	step := plans.NextRepair(look)
	if step.Loads() {
		// From the count to the answer nobody else of this engine begins one at
		// these hosts.
		give, err := a.turns.take(ctx, step.Sender, step.Receiver)
		if err != nil {
			return RepairActOut{}, err
		}
		defer give()
		look.Load = a.repairLoad(ctx, step, targets, map[string]int{}, in.Today)
		step = plans.NextRepair(look)
	}
	wanted := in.VM.Step
	sent, err := a.sentBefore(in, wanted)
	switch {
	case err != nil:
		return RepairActOut{}, err
	case sent != nil:
		return RepairActOut{Step: step, Act: sent}, nil
	case ctx.Err() != nil, !step.Acts(), step.Verb != wanted.Verb, step.Host != wanted.Host, step.Sender != in.Host, step.Set != wanted.Set:
		return RepairActOut{Step: step}, ctx.Err()
	}
	if first := a.goesFirst(ctx, t, step, look.Seen); first != "" {
		return RepairActOut{Step: plans.RepairStep{Rung: plans.RungWait, Sender: step.Sender, Receiver: step.Receiver, Wants: step.Wants, Set: step.Set,
			Why: fmt.Sprintf("%s; then: %s", first, step.Why)}}, ctx.Err()
	}
	done, err := a.send(plans.ActNote{
		Run: in.Run, VM: t.VM, Label: t.Label, Host: step.Host, Verb: step.Verb, Expect: step.Expect, Why: step.Why,
		Irreversible: step.Loses(), At: in.Now,
	}, func() (hyperv.ActResult, error) { return a.repair(ctx, t.VM, step) })
	if err != nil {
		return RepairActOut{}, err
	}
	out := RepairActOut{Step: step, Act: &done.record}
	if step.Settings != nil && done.record.Outcome == string(hyperv.OutcomeDone) {
		before := told[step.Host].Relations(t.VM)
		if out.Doubt = plans.SettingsTook(t.Leg, step.Host, *step.Settings, before, relationsOf(done.result.Relations)); out.Doubt != "" {
			out.Act.Outcome = "unknown"
		}
	}
	countRepair(ctx, step, out.Act.Outcome)
	return out, nil
}

// goesFirst says what keeps a rung from being taken, "" for nothing: a run of one of
// the VM's plans, or two hosts that could not talk as the settings say.
func (a *Activities) goesFirst(ctx context.Context, t plans.RepairTarget, step plans.RepairStep, seen *plans.SettingsSeen) string {
	if run := a.busyWith(ctx, t.Plans); run != "" {
		return run + " goes first"
	}
	if step.Settings == nil || !step.Settings.Connects() {
		return ""
	}
	return a.cannotConnect(ctx, step, seen.Relation)
}

// sentBefore is the act of an earlier attempt at this same request, of which
// nobody heard the answer; nil when none was sent.
func (a *Activities) sentBefore(in RepairActIn, wanted plans.RepairStep) (*plans.ActRecord, error) {
	n, found, err := a.asked(in.VM.ID, wanted.Host, wanted.Verb)
	if err != nil || !found || n.Run != in.Run || !n.At.Equal(in.Now) {
		return nil, err
	}
	return &plans.ActRecord{Host: n.Host, Verb: n.Verb, Started: n.At, Outcome: "no-answer", Error: "the engine ended before the answer came"}, nil
}

func (a *Activities) repair(ctx context.Context, id string, step plans.RepairStep) (hyperv.ActResult, error) {
	host, err := a.Hosts(step.Host)
	if err != nil {
		return hyperv.ActResult{}, err
	}
	expect := hyperv.Expect(step.Expect)
	switch step.Verb {
	case plans.VerbResync:
		return host.Resynchronize(ctx, id, expect, beginWithin)
	case plans.VerbResumeExtended, plans.VerbResyncExtended:
		return host.ResumeLeg(ctx, id, expect, beginWithin, step.LegState, step.Verb == plans.VerbResyncExtended)
	case plans.VerbSettings:
		return host.SetReplication(ctx, id, expect, beginWithin, legOf(step), settingsOf(*step.Settings))
	}
	return host.ResumeReplication(ctx, id, expect, beginWithin)
}

// busyWith names what keeps a repair from acting: a run of one of the VM's
// plans, which goes first although it may not have come to this VM yet.
func (a *Activities) busyWith(ctx context.Context, named []string) string {
	if a.Repair.Busy == nil || len(named) == 0 {
		return ""
	}
	run, err := a.Repair.Busy(ctx, named)
	if err != nil {
		return "which runs are under way is not known (" + err.Error() + "): whatever runs"
	}
	return run
}

// turns lets one begin at a time at each host.
type turns struct {
	mu    sync.Mutex
	hosts map[string]chan struct{}
}

// take waits for both hosts, always in the same order, and returns what gives
// them back.
func (t *turns) take(ctx context.Context, one, other string) (give func(), err error) {
	held := []chan struct{}{}
	give = func() {
		for _, h := range held {
			<-h
		}
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values([]string{one, other}))) {
		h := t.of(name)
		select {
		case h <- struct{}{}:
			held = append(held, h)
		case <-ctx.Done():
			give()
			return nil, ctx.Err()
		}
	}
	return give, nil
}

func (t *turns) of(host string) chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.hosts == nil {
		t.hosts = map[string]chan struct{}{}
	}
	if t.hosts[host] == nil {
		t.hosts[host] = make(chan struct{}, 1)
	}
	return t.hosts[host]
}

// askRepairs tells the ladder of what a tick shows. A tick is kept although
// nobody could be told: the next one tells again.
func (a *Activities) askRepairs(ctx context.Context, s plans.HostSchedule, tick plans.HostTick) {
	if a.Repair.Ask == nil {
		return
	}
	targets, _ := a.Repair.targets()
	corrects := s
	corrects.Legs = nil
	for _, l := range s.Legs {
		if p := targets[plans.RepairKey(l.VM, l.Leg)].Policy; p != nil && p.Drift != plans.DriftReport {
			corrects.Legs = append(corrects.Legs, l)
		}
	}
	bySender := map[string][]string{}
	for _, l := range append(plans.Troubled(s, tick), plans.Drifted(corrects, tick)...) {
		key := plans.RepairKey(l.VM, l.Leg)
		if t, known := targets[key]; known && t.Policy != nil {
			sender := plans.SenderAt(l, tick)
			bySender[sender] = append(bySender[sender], key)
		}
	}
	for sender, legs := range bySender {
		if err := a.Repair.Ask(ctx, sender, legs); err != nil {
			a.Log.Warn("the repair ladder was not told", "host", sender, "error", err)
		}
	}
}
