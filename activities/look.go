package activities

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Look reads every host of a run once, all at once, and returns what each said
// of itself and the pairs of copies. A host that does not answer is in the
// views with its error; its copies are not reached.
func Look(ctx context.Context, hosts func(string) (*hyperv.Host, error), in plans.RunInput) ([]plans.HostView, []plans.Pair) {
	views := make([]plans.HostView, len(in.Hosts))
	copies := make([]map[string]plans.Copy, len(in.Hosts))
	var running sync.WaitGroup
	for i, h := range in.Hosts {
		running.Go(func() { views[i], copies[i] = lookAt(ctx, hosts, h) })
	}
	stores := storesAt(ctx, hosts, in, &running)
	running.Wait()
	for i := range views {
		views[i].Keys = stores[i].Keys
		if v := plans.ReplicaVolume(stores[i], ""); v != nil && in.Hosts[i].Site == in.To {
			views[i].VolumeSize, views[i].VolumeFree = v.Size, v.Free
		}
	}
	index := map[string]int{}
	for i, h := range in.Hosts {
		index[h.Name] = i
	}
	find := func(host, vm string) plans.Copy {
		i := index[host]
		if !views[i].Reached {
			return plans.Copy{Host: host}
		}
		if c, ok := copies[i][vm]; ok {
			return testIn(c, copies[i])
		}
		return plans.Copy{Host: host, Reached: true, At: views[i].At, VM: vm}
	}
	var pairs []plans.Pair
	for _, vm := range in.VMs() {
		pair := plans.Pair{ID: vm.ID, Source: find(vm.SourceHost, vm.ID), Target: find(vm.TargetHost, vm.ID)}
		if vm.ThirdHost != "" {
			third := find(vm.ThirdHost, vm.ID)
			pair.Third = &third
		}
		pairs = append(pairs, pair)
	}
	return views, pairs
}

// storesAt asks the hosts for the volume of their replicas and the keys of their
// VMs. A host that does not tell in time tells nothing: no run waits for it.
func storesAt(ctx context.Context, hosts func(string) (*hyperv.Host, error), in plans.RunInput, running *sync.WaitGroup) []plans.StoreView {
	out := make([]plans.StoreView, len(in.Hosts))
	if !in.Operation.Moves() && in.Operation != plans.TestFailover && in.Operation != plans.Protect {
		return out
	}
	for i, h := range in.Hosts {
		running.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, storesWait)
			defer cancel()
			out[i] = LookAtStores(ctx, hosts, h.Name, nil)
		})
	}
	return out
}

// storesWait is how long a look waits for what seldom decides.
const storesWait = 15 * time.Second

func lookAt(ctx context.Context, hosts func(string) (*hyperv.Host, error), h plans.RunHost) (plans.HostView, map[string]plans.Copy) {
	view := plans.HostView{Name: h.Name, MemoryReserve: uint64(h.Reserve)}
	host, err := hosts(h.Name)
	if err != nil {
		view.Error, view.Barred = err.Error(), "Lifeboat's own configuration keeps it from asking"
		return view, nil
	}
	facts, err := host.Facts(ctx)
	if err != nil {
		view.Error, view.Barred = whyUnreached(err), barred(err)
		return view, nil
	}
	view.Skew = time.Until(facts.UTC) // now: the next answer may take long
	answer, err := host.Copies(ctx, nil)
	if err != nil {
		view.Error, view.Barred = whyUnreached(err), barred(err)
		return view, nil
	}
	for _, c := range answer.Copies {
		if c.Power == "Off" {
			continue
		}
		view.MemoryUsed += max(c.MemoryAssigned, c.MemoryStartup)
		if c.Mode == "TestReplica" {
			view.MemoryTests += c.MemoryStartup
		}
		if c.Mode == "None" {
			view.Residents = append(view.Residents, plans.ResidentVM{ID: c.VM, Label: c.Name, Host: h.Name, Memory: plans.Bytes(max(c.MemoryAssigned, c.MemoryStartup))})
		}
	}
	return describe(view, facts), glanceOf(h.Name, answer).copies
}

// whyUnreached says what keeps a host from answering, with the remedy.
func whyUnreached(err error) string {
	var unsent *hyperv.NotSentError
	if errors.As(err, &unsent) && unsent.Hint != "" {
		return fmt.Sprintf("%v; %s", err, unsent.Hint)
	}
	return err.Error()
}

// barred says what keeps Lifeboat out of a host that answers, "" when it is silent:
// a password that was changed must not look like a site that is lost.
func barred(err error) string {
	var unsent *hyperv.NotSentError
	if !errors.As(err, &unsent) {
		return ""
	}
	return map[string]string{
		"denied":      "it answers and refuses Lifeboat's account",
		"certificate": "it answers, and its WinRM certificate is not accepted",
		"policy":      "it answers, and a policy keeps PowerShell from running",
		"quota":       "it answers and has no session left for Lifeboat's account",
	}[unsent.Reason]
}

func describe(v plans.HostView, f hyperv.HostFacts) plans.HostView {
	v.Reached, v.CanAct, v.At, v.OS, v.MemoryBytes, v.Versions = true, true, f.UTC, f.OS, f.Memory, f.Supported
	v.ReplicaServer, v.ReplicaAuth, v.ReplicaThumbprint = f.Replica.Enabled, f.Replica.Auth, f.Replica.Thumbprint
	if f.Replica.AnyServer {
		v.AllowedFrom = []string{"*"}
	}
	for _, e := range f.Replica.Entries {
		v.AllowedFrom = append(v.AllowedFrom, e.Primary)
	}
	for _, s := range f.Switches {
		v.Switches = append(v.Switches, plans.SwitchView{Name: s.Name, Type: s.Type})
	}
	return v
}

// sight is both sides of one VM, and why a side was not seen.
type sight struct {
	pair                           plans.Pair
	sourceErr, targetErr, thirdErr error
}

// observe reads both sides of one VM now. A side that does not answer is not
// reached; that is a state, not an error.
func (a *Activities) observe(ctx context.Context, vm plans.RunVM) sight {
	s := sight{pair: plans.Pair{ID: vm.ID}}
	var running sync.WaitGroup
	running.Go(func() { s.pair.Source, s.sourceErr = a.observeAt(ctx, vm.SourceHost, vm.ID) })
	running.Go(func() { s.pair.Target, s.targetErr = a.observeAt(ctx, vm.TargetHost, vm.ID) })
	if vm.ThirdHost != "" {
		s.pair.Third = &plans.Copy{}
		running.Go(func() { *s.pair.Third, s.thirdErr = a.observeAt(ctx, vm.ThirdHost, vm.ID) })
	}
	running.Wait()
	return s
}

// decide asks the table. Where a host was not seen, the words say why: a wrong
// password needs another remedy than a cut line.
func (a *Activities) decide(in AdvanceIn, s sight) plans.Decision {
	in.Intent.Third = s.pair.Third
	d := plans.Next(in.Intent, s.pair.Source, s.pair.Target)
	if !d.Unseen {
		return d
	}
	var whys, remedies []string
	for _, side := range []struct {
		host string
		err  error
	}{{in.VM.SourceHost, s.sourceErr}, {in.VM.TargetHost, s.targetErr}, {in.VM.ThirdHost, s.thirdErr}} {
		if side.err == nil {
			continue
		}
		reason, hint := reasonOf(side.err)
		whys = append(whys, fmt.Sprintf("cannot see %s (%s)", side.host, reason))
		if hint != "" {
			remedies = append(remedies, side.host+": "+hint)
		}
	}
	if len(whys) > 0 {
		means := "unknown is not off, so nothing is done"
		if in.Intent.SourceGone && s.pair.Target.Reached {
			means = d.Why // why what was stated does not hold
		}
		d.Why = strings.Join(whys, " and ") + ": " + means
	}
	if len(remedies) > 0 {
		d.Remedy = strings.Join(remedies, ". ") + "; the run goes on by itself then"
	}
	return d
}

// maxReason bounds words that came from elsewhere.
const maxReason = 200

// reasonOf is why a host was not seen, in words that stay the same while the
// cause does, and what to do about it.
func reasonOf(err error) (reason, hint string) {
	var unsent *hyperv.NotSentError
	var silent *hyperv.NoAnswerError
	var refused *hyperv.Error
	switch {
	case errors.As(err, &unsent):
		return unsent.Reason, unsent.Hint
	case errors.As(err, &silent), errors.Is(err, context.DeadlineExceeded):
		return "no answer", ""
	case errors.As(err, &refused):
		return refused.Kind.Error(), refused.Hint
	}
	reason = err.Error()
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "") + "..."
	}
	return reason, ""
}

// observeLimit bounds one look: a silent host is worth a word after that.
const observeLimit = 45 * time.Second

func (a *Activities) observeAt(ctx context.Context, host, id string) (plans.Copy, error) {
	ctx, cancel := context.WithTimeout(ctx, observeLimit)
	defer cancel()
	g := glanceAt(ctx, a.Hosts, host, []string{id})
	if g.err != nil {
		a.Log.Warn("a host does not answer", "host", host, "vm", id, "error", g.err)
		return g.of(id), g.err
	}
	return a.withTest(ctx, g.of(id))
}

// testIn adds what the same answer of the host tells of a replica's test copy.
func testIn(c plans.Copy, all map[string]plans.Copy) plans.Copy {
	if test, ok := all[c.TestVM]; ok {
		c.Test = &test
	}
	return c
}

// withTest adds what the host tells of a replica's test copy.
func (a *Activities) withTest(ctx context.Context, c plans.Copy) (plans.Copy, error) {
	if c.TestVM == "" {
		return c, nil
	}
	g := glanceAt(ctx, a.Hosts, c.Host, []string{c.TestVM})
	if g.err != nil {
		return plans.Copy{Host: c.Host}, g.err
	}
	if test := g.of(c.TestVM); test.Exists {
		c.Test = &test
	}
	return c, nil
}

// copyOf turns a host's answer into what the table reads. A copy in the middle
// of a chain has two relations: the simple one is its own, the extended one is
// noted by its state.
func copyOf(host string, at time.Time, c hyperv.Copy) plans.Copy {
	out := plans.Copy{
		Host: host, Reached: true, Exists: true, At: at, VM: c.VM, Name: c.Name, Power: c.Power, Mode: c.Mode,
		State: c.State, Health: c.Health, Heartbeat: c.Heartbeat, AutoStart: c.AutoStart, Version: c.Version,
		MemoryStartup: c.MemoryStartup, Uptime: time.Duration(c.UptimeSec) * time.Second, SyncPercent: -1,
	}
	if c.PendingBytes != nil {
		out.PendingBytes = *c.PendingBytes
	}
	if c.FailoverType != nil {
		out.FailoverType = *c.FailoverType
	}
	for _, r := range c.Relations {
		if r.Relationship == "Extended" {
			out.Extended, out.ExtendedTo, out.ExtendedLast, out.ExtendedSec = r.State, r.ReplicaServer, r.LastReplication, r.FrequencySec
			continue
		}
		if r.InitialBytes != nil && r.PendingBytes != nil && *r.InitialBytes > 0 {
			out.InitialBytes = *r.InitialBytes
			out.SyncPercent = int((*r.InitialBytes - min(*r.PendingBytes, *r.InitialBytes)) * 100 / *r.InitialBytes)
		}
		out.PrimaryServer, out.ReplicaServer, out.FrequencySec = r.PrimaryServer, r.ReplicaServer, r.FrequencySec
		out.RecoveryHistory, out.LastReplication, out.TestVM = r.RecoveryHistory, r.LastReplication, r.TestVM
		out.InitialStart, out.LastApplied = r.InitialStart, r.LastApplied
	}
	for _, ad := range c.Adapters {
		out.Adapters = append(out.Adapters, plans.Adapter{
			Name: ad.Name, Switch: ad.Switch, Connected: ad.Connected, IPs: ad.IPs, FailoverIP: ad.FailoverIP,
			FailoverMask: ad.FailoverMask, FailoverGateway: ad.FailoverGateway, FailoverDNS: ad.FailoverDNS, TestSwitch: ad.TestSwitch,
		})
	}
	return out
}
