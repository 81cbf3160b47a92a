package activities

import (
	"context"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// WatchIn asks for one look at a lost site.
type WatchIn struct {
	Run  string `json:"run"`
	Plan string `json:"plan"`
	// Hosts are asked whether they answer.
	Hosts []string `json:"hosts"`
	// VMs are judged: those of hosts that answered last time. While none did,
	// a look costs one call per host.
	VMs            []WatchVM     `json:"vms,omitempty"`
	ShutdownWithin time.Duration `json:"shutdown_within"`
}

// WatchVM is an old copy with what may be done to it.
type WatchVM struct {
	VM     plans.RunVM  `json:"vm"`
	Intent plans.Intent `json:"intent"`
}

// WatchOut is what a look found and did.
type WatchOut struct {
	Hosts []HostSeen  `json:"hosts"`
	VMs   []WatchedVM `json:"vms,omitempty"`
}

// HostSeen says whether a host answered.
type HostSeen struct {
	Name string `json:"name"`
	Seen bool   `json:"seen"`
	Why  string `json:"why,omitempty"`
}

// WatchedVM is what was decided about one old copy, and what became of it.
type WatchedVM struct {
	ID       string           `json:"id"`
	Decision plans.Decision   `json:"decision"`
	Act      *plans.ActRecord `json:"act,omitempty"`
	// Seen is false when its host gave no answer to this look.
	Seen bool `json:"seen"`
	// At is the source host's clock. TakenOver is true when the target goes on
	// in the source's place, Both when both copies run, Over when there is
	// nothing to watch any more, Gone when that is so because there is no copy.
	At        time.Time `json:"at,omitzero"`
	TakenOver bool      `json:"taken_over,omitempty"`
	Both      bool      `json:"both,omitempty"`
	Over      bool      `json:"over,omitempty"`
	Gone      bool      `json:"gone,omitempty"`
}

// watchActs is how many old copies are acted on at once.
const watchActs = 4

// watchWaits is how long a look waits for an act, beside what a guest may take to
// shut down: a call that hangs must not keep the other copies from being fenced.
// What became of it the next look finds out, after the act can no longer begin.
const watchWaits = beginWithin + 10*time.Second

// WatchReturn looks at the hosts of a lost site, one call each, and does at most
// one act per VM, at the lost site only. It may be run again from its beginning
// at any moment: an act looks at both sides again first.
func (a *Activities) WatchReturn(ctx context.Context, in WatchIn) (WatchOut, error) {
	defer beat(ctx)()
	sources := a.glances(ctx, in.Hosts, in.VMs, func(vm plans.RunVM) string { return vm.SourceHost })
	targets := a.glances(ctx, nil, in.VMs, func(vm plans.RunVM) string { return vm.TargetHost })
	if err := ctx.Err(); err != nil {
		return WatchOut{}, err
	}
	out := WatchOut{VMs: make([]WatchedVM, len(in.VMs))}
	for _, name := range in.Hosts {
		seen := HostSeen{Name: name, Seen: sources[name].err == nil}
		if seen.Seen {
			a.answered(in.Run, name)
		} else {
			seen.Why, _ = reasonOf(sources[name].err)
		}
		out.Hosts = append(out.Hosts, seen)
	}
	places := make(chan struct{}, watchActs)
	var running sync.WaitGroup
	errs := make([]error, len(in.VMs))
	for i, vm := range in.VMs {
		s, t := sources[vm.VM.SourceHost].of(vm.VM.ID), targets[vm.VM.TargetHost].of(vm.VM.ID)
		w := &out.VMs[i]
		if s.Reached && !t.Reached {
			if err := a.recallRan(vm.VM, &vm.Intent); err != nil {
				return WatchOut{}, err
			}
		}
		*w = WatchedVM{
			ID: vm.VM.ID, Decision: plans.Next(vm.Intent, s, t), Seen: s.Reached, At: s.At,
			TakenOver: plans.HasTakenOver(t), Both: plans.BothRun(s, t), Over: plans.FenceIsOver(s), Gone: plans.IsGone(s),
		}
		a.sighted(in.Run, vm.VM, w.Decision)
		if !s.Reached {
			a.lostAgain(in.Run, vm.VM)
		}
		if w.Decision.Kind != plans.Act {
			continue
		}
		running.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			errs[i] = a.keepOff(ctx, in, vm, w)
		})
	}
	running.Wait()
	for _, err := range errs {
		if err != nil {
			return WatchOut{}, err
		}
	}
	return out, nil
}

// lostAgain is for a host that answered last time and is away before its copies
// could be judged: whatever was not seen closed may run there.
func (a *Activities) lostAgain(run string, vm plans.RunVM) {
	if _, seen, err := a.Journal.Sight(run, vm.ID); err == nil && !seen {
		a.sighted(run, vm, plans.Decision{SourceSeen: true, SourceOpen: true})
	}
}

// keepOff does one act at an old copy, or finds that it is not needed any more.
func (a *Activities) keepOff(ctx context.Context, in WatchIn, vm WatchVM, w *WatchedVM) error {
	within := watchWaits
	if w.Decision.Verb == plans.VerbShutDown {
		within += in.ShutdownWithin
	}
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	done, err := a.Advance(limited, AdvanceIn{Run: in.Run, Plan: in.Plan, VM: vm.VM, Intent: vm.Intent, ShutdownWithin: in.ShutdownWithin})
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		w.Decision = plans.Decision{Kind: plans.Wait, Why: vm.VM.SourceHost + " takes long to answer; looking again"}
		return nil
	}
	w.Decision, w.Act = done.Decision, done.Act
	return err
}

// nobody is the GUID of no VM: asking for it costs a host the least and shows
// that its Hyper-V answers.
const nobody = "00000000-0000-0000-0000-000000000000"

// glances asks hosts, all at once, for the VMs they hold; a host without any is
// asked whether it answers.
func (a *Activities) glances(ctx context.Context, hosts []string, vms []WatchVM, of func(plans.RunVM) string) map[string]glance {
	ctx, cancel := context.WithTimeout(ctx, observeLimit)
	defer cancel()
	ids := map[string][]string{}
	for _, name := range hosts {
		ids[name] = nil
	}
	for i := range vms {
		name := of(vms[i].VM)
		ids[name] = append(ids[name], vms[i].VM.ID)
	}
	var mu sync.Mutex
	var running sync.WaitGroup
	out := make(map[string]glance, len(ids))
	for name, wanted := range ids {
		if len(wanted) == 0 {
			wanted = []string{nobody}
		}
		running.Go(func() {
			g := glanceAt(ctx, a.Hosts, name, wanted)
			mu.Lock()
			defer mu.Unlock()
			out[name] = g
		})
	}
	running.Wait()
	return out
}
