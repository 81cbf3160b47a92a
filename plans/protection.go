package plans

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// ProtectionRequest is what a person asks of a protection group or of one VM.
type ProtectionRequest struct {
	Operation Operation // Protect or Unprotect
	// Name is a protection group, or a VM by name or GUID.
	Name string
	Seed SeedPlan
	// TurnOn is a person's consent to turn on a replica server that is off.
	TurnOn     bool
	By, Reason string
	RunID      string
	Speed      float64
}

// ProtectionPlan is the name of the run that protects, or no longer protects, a
// group or a VM: one at a time.
func ProtectionPlan(name string) string { return "protection-" + name }

// ResolveProtection is the input of a run that protects a group or a VM of one,
// or ends that.
func ResolveProtection(cfg *Config, r ProtectionRequest) (RunInput, error) {
	g, vms, err := cfg.protected(r.Name)
	if err != nil {
		return RunInput{}, err
	}
	if err := r.Seed.check(r.Operation); err != nil {
		return RunInput{}, err
	}
	in := RunInput{
		RunID: r.RunID, Plan: ProtectionPlan(r.Name), Operation: r.Operation, From: cfg.hostSite(g.From), To: cfg.hostSite(g.To), StartedBy: r.By, Reason: r.Reason,
		Reverse: ReverseOnCommit, Limits: Limits{Shutdown: DefaultParallel, Move: DefaultParallel, Start: DefaultParallel}, Speed: r.Speed, Seed: r.Seed,
	}
	if !r.Seed.At.IsZero() {
		in.Limits.Move = len(vms) // they wait for a moment, not for a line
	}
	step := RunStep{Number: 1, Name: g.Name}
	for _, vm := range vms {
		step.VMs = append(step.VMs, protectionVM(cfg, g, vm, r.Seed))
	}
	in.Steps = []RunStep{step}
	if r.Operation == Protect {
		in.Trust = protectionTrust(cfg, g, r.TurnOn)
	}
	res := resolver{cfg: cfg}
	in.Hosts = res.hosts(in)
	if g.Extends != nil {
		third := cfg.host(g.Extends.To)
		in.Hosts = append(in.Hosts, RunHost{Name: third.Name, Site: third.Site, Reserve: third.MemoryReserve})
	}
	return in, nil
}

// protected finds a group, or one VM of one.
func (cfg *Config) protected(name string) (*ProtectionGroup, []*ProtectedVM, error) {
	var found *ProtectionGroup
	var vms []*ProtectedVM
	n := 0
	for i := range cfg.Groups {
		g := &cfg.Groups[i]
		whole := g.Name == name
		if whole {
			found, vms, n = g, nil, n+1
		}
		for j := range g.VMs {
			vm := &g.VMs[j]
			switch {
			case whole:
				vms = append(vms, vm)
			case vm.Name == name, strings.EqualFold(vm.ID, name):
				found, vms, n = g, []*ProtectedVM{vm}, n+1
			}
		}
	}
	switch {
	case n == 0:
		return nil, nil, fmt.Errorf("the configuration has no protection group and no VM %q. To protect it as another VM is: lifeboat protect %s --like OTHER. Or write it into a group first, with its id: (Get-VM NAME).Id", name, ShellWord(name))
	case n > 1:
		return nil, nil, fmt.Errorf("%q names %d things: write the VM's GUID", name, n)
	case len(vms) == 0:
		return nil, nil, fmt.Errorf("the group %q has no VM", name)
	}
	return found, vms, nil
}

// check says what does not go together.
func (s SeedPlan) check(op Operation) error {
	switch {
	case op == Unprotect:
		return nil
	case s.How != SeedNetwork && s.How != SeedMedia && s.How != SeedExisting:
		return fmt.Errorf("seed %q: write %s, %s or %s", s.How, SeedNetwork, SeedMedia, SeedExisting)
	case s.How == SeedMedia && (s.Export == "") == (s.Import == ""):
		return fmt.Errorf("seed %s: say where it is written (--export FOLDER on the source host), or, once it was carried, where it lies (--import FOLDER on the target host)", SeedMedia)
	case s.How != SeedMedia && (s.Export != "" || s.Import != ""):
		return fmt.Errorf("a folder to write to or to read from goes with seed %s", SeedMedia)
	case s.How != SeedNetwork && !s.At.IsZero():
		return fmt.Errorf("a time to begin goes with seed %s", SeedNetwork)
	}
	return nil
}

func protectionVM(cfg *Config, g *ProtectionGroup, vm *ProtectedVM, seed SeedPlan) RunVM {
	from, to := cfg.host(g.From), cfg.host(g.To)
	out := RunVM{
		ID: vm.ID, Name: vm.Name, Label: g.label(vm), SourceHost: g.From, TargetHost: g.To, ReverseTo: from.replicaName(), TargetName: to.replicaName(),
		Frequency: g.Frequency, Memory: vm.Memory, RPO: g.RPO, Enable: relationship(g, to, from, g.Frequency),
	}
	out.Enable.RecoveryPoints, out.Enable.ExcludedDisks, out.Enable.Seed, out.Enable.Compression = g.RecoveryPoints, vm.ExcludedDisks, seed.How, g.Compression
	if g.AppConsistent != nil {
		out.Enable.AppConsistent = int(g.AppConsistent.D() / time.Hour)
	}
	if e := g.Extends; e != nil {
		third := cfg.host(e.To)
		out.ThirdHost, out.Extend = third.Name, relationship(g, third, to, e.Frequency)
	}
	return out
}

// relationship is how one host replicates to another in a group.
func relationship(g *ProtectionGroup, to, from Host, every Frequency) *EnableSettings {
	e := &EnableSettings{Server: to.replicaName(), Frequency: every}
	if e.Port, e.Authentication = g.listener(); g.Authentication == "certificate" {
		e.Thumbprint = from.CertificateThumbprint
	}
	return e
}

// label is a VM's name, with as much of its GUID as it takes where names repeat.
func (g *ProtectionGroup) label(vm *ProtectedVM) string {
	label := vm.Name
	for i := range g.VMs {
		switch o := &g.VMs[i]; {
		case o.Name != vm.Name || o.ID == vm.ID:
		case o.ID[:8] == vm.ID[:8]:
			return vm.Name + " (" + vm.ID + ")"
		default:
			label = vm.Name + " (" + vm.ID[:8] + ")"
		}
	}
	return label
}

// replicaName is the name under which other hosts replicate to this one.
func (h Host) replicaName() string { return orWord(h.ReplicaName, h.Name) }

// protectionTrust is who must take replication from whom: the way there, the way
// home, and on to a third host.
func protectionTrust(cfg *Config, g *ProtectionGroup, turnOn bool) []HostTrust {
	all := trusts(nil, cfg, g, g.From, g.To)
	if g.Extends != nil {
		all = append(all, trustOf(cfg, g, g.Extends.To, g.To))
	}
	for i := range all {
		all[i].Keep = !turnOn
	}
	return all
}

// BeginIn puts the first copies of a protection ahead from now, by the clock that
// the source host answered with.
func BeginIn(in RunInput, pairs []Pair, ahead time.Duration) RunInput {
	if at := sourceClock(pairs); !at.IsZero() {
		in.Seed.At = at.Add(ahead)
	}
	return in
}

// sourceClock is the clock of the source host, zero where it does not answer.
func sourceClock(pairs []Pair) time.Time {
	for _, p := range pairs {
		if p.Source.Reached {
			return p.Source.At
		}
	}
	return time.Time{}
}

// NeededTrust leaves out of a protection what its hosts do already, and the way
// home where the source takes no replication and nobody asked to turn that on.
func NeededTrust(in RunInput, hosts []HostView) RunInput {
	needed := make([]HostTrust, 0, len(in.Trust))
	for _, t := range in.Trust {
		h, ok := viewOf(t.Host, hosts)
		switch {
		case !ok || !h.Reached:
			needed = append(needed, t)
		case takes(h, t) && letsIn(h, t.Primary):
		case !takes(h, t) && t.Keep && in.isSource(t.Host):
		default:
			t.Keep = t.Keep || takes(h, t)
			needed = append(needed, t)
		}
	}
	in.Trust = needed
	return in
}

func (in RunInput) isSource(host string) bool {
	return slices.ContainsFunc(in.VMs(), func(vm RunVM) bool { return vm.SourceHost == host })
}

func viewOf(name string, hosts []HostView) (HostView, bool) {
	i := slices.IndexFunc(hosts, func(h HostView) bool { return h.Name == name })
	if i < 0 {
		return HostView{}, false
	}
	return hosts[i], true
}

// takes is true for a host that is a replica server with this authentication.
func takes(h HostView, t HostTrust) bool {
	return h.ReplicaServer && strings.Contains(h.ReplicaAuth, t.Auth)
}

// letsIn is admits for who would add an entry: a name without a domain needs one
// of its own.
func letsIn(h HostView, primary string) bool {
	own := func(entry string) bool { return entry == "*" || strings.EqualFold(entry, primary) }
	return admits(h.AllowedFrom, primary) && (strings.Contains(primary, ".") || slices.ContainsFunc(h.AllowedFrom, own))
}

// protection looks at one host of a protection: a replica server that is off is
// named, never turned on in passing.
func (r *readiness) protection(h HostView) {
	if r.in.Operation != Protect {
		return
	}
	if r.in.isSource(h.Name) && !h.ReplicaServer && !slices.ContainsFunc(r.in.Trust, func(t HostTrust) bool { return t.Host == h.Name }) {
		r.add(Finding{Severity: Warning, Code: "no-way-back", Host: h.Name, Text: "it does not accept replication, so nothing can replicate back to it",
			Means: "after a failover the VMs would run unprotected", Remedy: "--turn-on-replica-server turns it on, here too"})
	}
	for _, t := range r.in.Trust {
		switch {
		case t.Host != h.Name:
		case takes(h, t) && !letsIn(h, t.Primary):
			r.add(Finding{Severity: Info, Code: "will-authorize", Host: h.Name, Text: "it will be told to take replication from " + t.Primary})
		case takes(h, t):
		case t.Keep:
			r.add(Finding{Severity: Blocker, Code: "replica-server-off", Host: h.Name, Text: "it is no replica server with " + t.Auth + " authentication" + nowTakes(h),
				Means: "nothing can replicate to it", Remedy: "--turn-on-replica-server turns it on; its firewall must let the listener in (Enable-NetFirewallRule)"})
		default:
			r.add(Finding{Severity: Warning, Code: "will-turn-on", Host: h.Name, Text: "its replica server will be turned on for " + t.Auth + ", and take replication from " + t.Primary,
				Means: "it listens for replication then", Remedy: "leave --turn-on-replica-server out if that is not wanted"})
		}
	}
}

// firstCopy asks whether a copy that would be begun could be used, and does no harm:
// on a volume that is as good as full it would end the replication of all that has
// its replicas there.
func (r *readiness) firstCopy(vm RunVM, p Pair) {
	h, ok := r.view(vm.TargetHost)
	if !ok {
		return
	}
	if version := p.Source.Version; version != "" && len(h.Versions) > 0 && !slices.Contains(h.Versions, version) {
		r.add(Finding{Severity: Blocker, Code: "version-too-new", VM: vm.Label, Host: h.Name, Text: fmt.Sprintf("%s does not run configuration version %s", h.Name, version),
			Means: "its copy could never start there", Remedy: "bring the host to the other's Windows version; a VM's version cannot go down"})
	}
	if volumeFull(h) && r.in.Seed.How != SeedExisting {
		r.add(Finding{Severity: Blocker, Code: "volume-full", VM: vm.Label, Host: h.Name, Text: volumeWords(h) + ": no first copy is sent there",
			Means: "a full volume ends the replication of every VM that has its replica there", Remedy: "make room there: move what is no replica, or extend the volume"})
	}
}

func nowTakes(h HostView) string {
	if !h.ReplicaServer {
		return ": it is off"
	}
	return ": it takes " + orWord(h.ReplicaAuth, "nothing")
}

// firstCopyWithin is how far ahead Hyper-V lets a first copy be put.
//
// Microsoft: Start-VMInitialReplication, InitialReplicationStartTime.
const firstCopyWithin = 7 * 24 * time.Hour

// beginsWhen checks the moment at which first copies are to begin.
func (r *readiness) beginsWhen() {
	at, now := r.in.Seed.At, sourceClock(r.pairs)
	if at.IsZero() || now.IsZero() || r.in.Operation != Protect {
		return
	}
	if ahead := at.Sub(now); ahead <= 0 || ahead > firstCopyWithin {
		r.add(Finding{Severity: Blocker, Code: "start-time", Host: r.in.VMs()[0].SourceHost, Text: fmt.Sprintf("first copies cannot begin %s: it is %s there", clockUTC(at), now.UTC().Format("2 Jan 15:04")),
			Means: "Hyper-V takes a moment in the next seven days, by the host's clock", Remedy: "give --at another time"})
	}
}
