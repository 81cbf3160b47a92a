package plans

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxSkew is how far a host's clock may be off before it is worth a word:
// Kerberos gives up at five minutes.
const maxSkew = 2 * time.Minute

// maxAge is how old a look at a host may be before it is called stale.
const maxAge = 5 * time.Minute

// Readiness says what a look at the hosts brings up about a run: all findings
// together, blockers first. A run with a blocker is refused before anything
// changes.
func Readiness(in RunInput, hosts []HostView, pairs []Pair, now time.Time) []Finding {
	r := readiness{in: in, hosts: hosts, pairs: pairs, now: now}
	for _, h := range hosts {
		r.host(h)
	}
	for _, vm := range in.VMs() {
		r.vm(vm)
	}
	r.capacity()
	if len(in.VMs()) == 0 {
		r.add(Finding{Severity: Blocker, Code: "nothing-to-do", Text: "no VM of this plan takes part", Remedy: "name VMs with --vm, or look at the plan's policies"})
	}
	slices.SortStableFunc(r.found, func(a, b Finding) int { return weight(a.Severity) - weight(b.Severity) })
	return r.found
}

func weight(s Severity) int {
	switch s {
	case Blocker:
		return 0
	case Warning:
		return 1
	case Info:
		return 2
	}
	return 3
}

type readiness struct {
	in    RunInput
	hosts []HostView
	pairs []Pair
	now   time.Time
	found []Finding
}

func (r *readiness) add(f Finding) { r.found = append(r.found, f) }

func (r *readiness) view(name string) (HostView, bool) {
	i := slices.IndexFunc(r.hosts, func(h HostView) bool { return h.Name == name })
	if i < 0 {
		return HostView{}, false
	}
	return r.hosts[i], true
}

func (r *readiness) host(h HostView) {
	if !h.Reached {
		r.add(Finding{Severity: Blocker, Code: "host-unreachable", Host: h.Name, Text: h.Error,
			Means: "its copies cannot be seen, and unknown is not off", Remedy: "lifeboat check says where it stops and what to do"})
		return
	}
	if h.Skew.Abs() > maxSkew {
		r.add(Finding{Severity: Warning, Code: "clock-skew", Host: h.Name, Text: fmt.Sprintf("its clock is %s off", h.Skew.Abs().Round(time.Second)),
			Means: "Kerberos fails at five minutes; times in reports are the hosts' own", Remedy: "w32tm /resync on the host"})
	}
	// The skew puts the host's time on the clock of now.
	if age := r.now.Sub(h.At.Add(-h.Skew)); !h.At.IsZero() && age > maxAge {
		r.add(Finding{Severity: Warning, Code: "stale-look", Host: h.Name, Text: fmt.Sprintf("it was looked at %s ago", age.Round(time.Second)),
			Means: "what is said here may not hold any more", Remedy: "look again"})
	}
	r.replicaServer(h)
}

// replicaServer looks at the way back: after the failover the source receives.
func (r *readiness) replicaServer(h HostView) {
	if r.in.Operation != PlannedFailover || r.in.Reverse == ReverseOnCommit {
		return
	}
	from := r.partners(h.Name)
	if len(from) == 0 {
		return
	}
	if !h.ReplicaServer {
		r.add(Finding{Severity: Blocker, Code: "no-way-back", Host: h.Name, Text: "it does not accept replication, so nothing can replicate back to it",
			Means:  "after the failover the VMs would run unprotected",
			Remedy: "enable it as a replica server (Set-VMReplicationServer -ReplicationEnabled $true), or set reverse: on-commit in the plan"})
		return
	}
	if len(h.AllowedFrom) == 0 {
		r.add(Finding{Severity: Blocker, Code: "not-authorized", Host: h.Name, Text: fmt.Sprintf("it accepts replication from nobody, %s included", strings.Join(from, ", ")),
			Means: "reverse replication would be refused", Remedy: "New-VMReplicationAuthorizationEntry on it for the other host"})
	}
}

// partners are the target hosts of VMs that run on this host now.
func (r *readiness) partners(host string) []string {
	var names []string
	for _, vm := range r.in.VMs() {
		if vm.SourceHost == host && !slices.Contains(names, vm.TargetHost) {
			names = append(names, vm.TargetHost)
		}
	}
	return names
}

// vm asks the table what it would do now: a refusal there is a blocker here.
func (r *readiness) vm(vm RunVM) {
	p, ok := pairOf(vm.ID, r.pairs)
	if !ok || !p.Source.Reached || !p.Target.Reached {
		return // the host's own finding says it
	}
	intent := Intent{Operation: r.in.Operation, Reverse: r.in.Reverse, UpTo: lastPhase(r.in.Reverse), NICs: vm.NICs, LoseWrites: r.in.LoseWrites}
	d := Next(intent, p.Source, p.Target)
	switch d.Kind {
	case Refuse, UnknownPair:
		r.add(Finding{Severity: Blocker, Code: code(r.in.Operation, vm, p), VM: vm.Label, Text: d.Why, Remedy: d.Remedy, Means: "this VM cannot be moved as things are"})
		return
	case Done:
		r.add(Finding{Severity: Info, Code: "already-there", VM: vm.Label, Text: d.Why})
		return
	case Act, Wait:
	}
	if r.in.Operation == PlannedFailover {
		r.switches(vm)
		r.untold(vm, p)
		r.health(vm, p)
		r.version(vm, p)
	}
	if begun(vm.ID, r.pairs) {
		r.add(Finding{Severity: Info, Code: "begun-before", VM: vm.Label, Text: "its move was begun before and will be finished: " + d.Why})
	}
}

func lastPhase(reverse ReversePolicy) Phase {
	order := phaseOrder(reverse)
	return order[len(order)-1]
}

// code names why a VM is blocked, for scripts.
func code(op Operation, vm RunVM, p Pair) string {
	_, noAdapter := adapterMissing(p.Target.Adapters, vm.NICs)
	s, t := Classify(p.Source), Classify(p.Target)
	switch {
	case runs(p.Source) && runs(p.Target):
		return "two-copies-run"
	case s == Missing:
		return "vm-missing"
	case s == Unprotected || s == UnprotectedRunning:
		return "vm-not-replicating"
	case t == Missing:
		return "replica-missing"
	case op == Cancel:
		return "cannot-cancel"
	case p.Target.TestVM != "":
		return "test-copy"
	case p.Target.Extended != "":
		return "extended-replication"
	case s == RReplicating || s == RPaused || s == RError || s == RResyncing || s == RWaits:
		return "wrong-direction"
	case s == PPaused || t == RPaused:
		return "replication-paused"
	case s == PResyncNeeded || s == PResyncing || t == RResyncing:
		return "resynchronization"
	case s == PError || t == RError:
		return "replication-error"
	}
	if noAdapter {
		return "adapter-missing"
	}
	return "state-pair"
}

// switches checks that the target has the switches the VM will be connected to.
func (r *readiness) switches(vm RunVM) {
	h, ok := r.view(vm.TargetHost)
	if !ok || !h.Reached {
		return
	}
	for _, nic := range vm.NICs {
		if nic.Switch == "" {
			r.add(Finding{Severity: Blocker, Code: "network-unmapped", VM: vm.Label, Host: h.Name, Text: "its network has no switch at the target site",
				Means: "it would start without a network", Remedy: "add the site to the network in the configuration"})
			continue
		}
		if !slices.ContainsFunc(h.Switches, func(s SwitchView) bool { return s.Name == nic.Switch }) {
			r.add(Finding{Severity: Blocker, Code: "switch-missing", VM: vm.Label, Host: h.Name, Text: fmt.Sprintf("the host has no switch %q", nic.Switch),
				Means: "it would start without a network", Remedy: "create the switch there, or mend the network in the configuration"})
		}
	}
}

// untold reports reads that failed for one copy. Without Get-VMReplication it is
// not known how the VM replicates, so nothing may be decided.
func (r *readiness) untold(vm RunVM, p Pair) {
	for _, c := range []Copy{p.Source, p.Target} {
		for _, problem := range c.Problems {
			f := Finding{Severity: Warning, Code: "read-failed", VM: vm.Label, Host: c.Host, Text: "a read failed: " + problem,
				Means: "part of its state is not known", Remedy: "run that cmdlet on the host and mend what it says"}
			if strings.HasPrefix(problem, "Get-VMReplication:") {
				f.Severity, f.Means = Blocker, "how it replicates is not known, so it is not moved"
			}
			r.add(f)
		}
	}
}

func (r *readiness) health(vm RunVM, p Pair) {
	if p.Source.Health == "Critical" || p.Target.Health == "Critical" {
		r.add(Finding{Severity: Warning, Code: "replication-critical", VM: vm.Label, Text: "Hyper-V calls its replication critical",
			Means: "sending the last changes may take long or fail; nothing is lost by trying", Remedy: "Measure-VMReplication on " + vm.SourceHost})
	}
	if vm.RPO == 0 || p.Target.LastReplication.IsZero() {
		return
	}
	if age := p.Target.At.Sub(p.Target.LastReplication); age > vm.RPO.D() {
		r.add(Finding{Severity: Warning, Code: "rpo-missed", VM: vm.Label, Text: fmt.Sprintf("its last copy is %s old (target %s)", age.Round(time.Second), vm.RPO),
			Means: "the last changes to be sent are more than usual, so its downtime is longer; nothing is lost"})
	}
}

func (r *readiness) version(vm RunVM, p Pair) {
	h, ok := r.view(vm.SourceHost)
	if !ok || len(h.Versions) == 0 || p.Target.Version == "" || slices.Contains(h.Versions, p.Target.Version) {
		return
	}
	r.add(Finding{Severity: Warning, Code: "version-no-way-back", VM: vm.Label, Text: fmt.Sprintf("its configuration version %s is not supported at %s", p.Target.Version, h.Name),
		Means: "it could go there and not come back", Remedy: "do not upgrade VM versions while one site is older"})
}

func (r *readiness) capacity() {
	if r.in.Operation != PlannedFailover {
		return
	}
	for _, host := range targetHosts(r.in) {
		if need, free, known := capacity(r.in, host, r.hosts, r.pairs); known && need > free {
			r.add(Finding{Severity: Blocker, Code: "memory-short", Host: host, Text: fmt.Sprintf("the plan needs %s of memory, the host has %s", gib(need), gib(free)),
				Means: "the last VMs would not start", Remedy: "shut low-priority VMs down there, or give VMs of the plan policy: if_capacity"})
		}
	}
}
