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
	r.beginsWhen()
	if len(in.VMs()) == 0 {
		r.add(Finding{Severity: Blocker, Code: "nothing-to-do", Text: "no VM of this plan takes part", Remedy: "name VMs with --vm, or look at the plan's policies"})
	}
	SortFindings(r.found)
	return r.found
}

// SortFindings puts the worst first and keeps the order of equals.
func SortFindings(all []Finding) {
	slices.SortStableFunc(all, func(a, b Finding) int { return weight(a.Severity) - weight(b.Severity) })
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
	for i := range r.hosts { // a host's view is large, and this is asked for each VM
		if r.hosts[i].Name == name {
			return r.hosts[i], true
		}
	}
	return HostView{}, false
}

func (r *readiness) host(h HostView) {
	if !h.Reached {
		r.silent(h)
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
	r.protection(h)
}

// silent is for a host that does not answer. Where only the lost side is
// silent, the table says of each VM whether the run may go on without it.
func (r *readiness) silent(h HostView) {
	source := slices.ContainsFunc(r.in.VMs(), func(vm RunVM) bool { return vm.SourceHost == h.Name })
	f := Finding{Severity: Blocker, Code: "host-unreachable", Host: h.Name, Text: "it does not answer", Raw: h.Error,
		Means: "its copies cannot be seen, and unknown is not off", Remedy: "lifeboat check says where it stops and what to do"}
	if r.in.Operation == PlannedFailover && source {
		f.Remedy += "; if the site may be lost: lifeboat decide " + ShellWord(r.in.Plan)
	}
	switch {
	case source && r.in.Operation == Reprotect && r.in.Chain == ChainKeep:
		f.Severity, f.Means = Warning, "its copies are old and are left out; the watch keeps them from running"
		f.Remedy = "lifeboat fence " + ShellWord(r.in.Plan)
	case source && r.in.Operation == Reprotect && r.chained(h.Name):
		f.Remedy = "to go on to the third site without it: lifeboat reprotect " + ShellWord(r.in.Plan) + " --chain keep; else wait until it answers"
	case source && r.in.Operation == Reprotect:
		f.Remedy += "; if it is gone for good: lifeboat replace-host " + ShellWord(h.Name) + " NEW"
	case source && blind(r.in.Operation, r.in.Chain):
		f.Severity, f.Means = Warning, "its copies cannot be seen; if they run and copies are started here, two will run"
		f.Remedy = "lifeboat decide " + ShellWord(r.in.Plan) + " asks every witness"
	case source && r.in.Operation == TestFailover:
		f.Means, f.Remedy = "no drill begins while a site is silent: this may be the day", "lifeboat decide "+ShellWord(r.in.Plan)
	}
	r.add(f)
}

// chained is true where what ran at a host has a third copy that can be kept.
func (r *readiness) chained(host string) bool {
	return slices.ContainsFunc(r.in.VMs(), func(vm RunVM) bool {
		p, _ := pairOf(vm.ID, r.pairs)
		return vm.SourceHost == host && (p.Target.Extended != "" || goesElsewhere(r.in.Intent(vm), p.Target))
	})
}

// replicaServer looks at the way back: after the failover the source receives.
func (r *readiness) replicaServer(h HostView) {
	if r.in.Operation != PlannedFailover && r.in.Operation != Reprotect || r.in.Reverse == ReverseOnCommit && r.in.Operation == PlannedFailover {
		return
	}
	from := r.partners(h.Name)
	if len(from) == 0 || r.in.Replace != "" { // a replacement sets both hosts up itself
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
	if !ok || !p.Target.Reached || !p.Source.Reached && !blind(r.in.Operation, r.in.Chain) {
		return // the host's own finding says it
	}
	intent := r.in.Intent(vm)
	// Whose a failover is that stands already, the journal tells the run, which
	// asks a person when it is somebody else's.
	intent.Ours = r.in.Operation == UnplannedFailover
	if r.in.Operation == TestFailover {
		intent.UpTo = PhaseGates // its last phase only removes
		r.isolated(vm)
		r.untold(vm, p)
		r.key(vm)
	}
	intent.Third = p.Third
	d := Next(intent, p.Source, p.Target)
	if r.in.Operation == UnplannedFailover && d.Kind == Act {
		// What stands against it comes after the first act, and must be known
		// before that.
		if fence, open := fenceSource(intent, p.Source, PhaseFence); open && fence.Kind != Act {
			d = fence
		}
	}
	off := Classify(p.Target) == POff && Classify(p.Source) == RReplicating || Classify(p.Target) == RFailedOver && !runs(p.Source)
	if d.Kind == Refuse && r.in.Operation == Reprotect && off {
		// It holds itself, not the others: somebody may have shut it down.
		r.add(Finding{Severity: Warning, Code: "off", VM: vm.Label, Host: vm.TargetHost, Text: d.Why, Means: "the run asks about it", Remedy: d.Remedy})
		return
	}
	switch d.Kind {
	case Refuse, UnknownPair:
		r.add(Finding{Severity: Blocker, Code: code(r.in.Operation, vm, p), VM: vm.Label, Text: d.Why, Remedy: d.Remedy, Means: "it cannot take part as things are, and nothing is done to it"})
		return
	case Done:
		r.add(Finding{Severity: Info, Code: "already-there", VM: vm.Label, Text: d.Why})
		r.otherPoint(vm, p)
		return
	case Act, Wait:
	}
	if r.in.Operation == Protect && d.Kind == Act && d.Verb == VerbEnable {
		r.firstCopy(vm, p)
	}
	if r.in.Operation.Moves() {
		r.switches(vm)
		r.untold(vm, p)
		r.health(vm, p)
		r.version(vm, p)
		r.key(vm)
		r.aside(vm, p)
	}
	if r.in.Operation == PlannedFailover && begun(vm.ID, r.pairs) {
		r.add(Finding{Severity: Info, Code: "begun-before", VM: vm.Label, Text: "its move was begun before and will be finished: " + d.Why})
	}
}

// otherPoint says what another point for a VM that is failed over already takes.
func (r *readiness) otherPoint(vm RunVM, p Pair) {
	if r.in.Operation != UnplannedFailover || r.in.Point == "" || r.in.Point == AskLatest {
		return
	}
	if noWayBack(p.Target) {
		r.add(Finding{Severity: Blocker, Code: "point-gone", VM: vm.Label, Host: vm.TargetHost, Text: "its failover is final, and its recovery points went with the commit",
			Means: "it cannot be brought to another point", Remedy: "--point latest goes on with it as it is; --only NAME takes the others; older data comes from a backup"})
		return
	}
	if r.in.LoseWrites || familyOf(Classify(p.Target)) != famFailed {
		return
	}
	r.add(Finding{Severity: Warning, Code: "failed-over-before", VM: vm.Label, Host: vm.TargetHost, Text: "it is failed over already, and another point is asked for",
		Means: "the run stops there and asks, unless it is the point that it has", Remedy: "--lose-writes gives up what was written there since it started"})
}

// code names why a VM is blocked, for scripts.
func code(op Operation, vm RunVM, p Pair) string {
	_, noAdapter := adapterMissing(p.Target.Adapters, vm.NICs)
	s, t := Classify(p.Source), Classify(p.Target)
	switch {
	case runs(p.Source) && runs(p.Target):
		return "two-copies-run"
	case op == Protect:
		return "cannot-protect"
	case op == Unprotect:
		return "cannot-unprotect"
	case s == Missing:
		return "vm-missing"
	case s == Unprotected || s == UnprotectedRunning:
		return "vm-not-replicating"
	case t == Missing:
		return "replica-missing"
	case op == Cancel:
		return "cannot-cancel"
	case op == UnplannedFailover && !p.Source.Reached:
		return "source-unseen"
	case op == UnplannedFailover && runs(p.Source):
		return "source-runs"
	case op == TestFailover && p.Target.TestVM != "":
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

// aside looks at what else stands at the target: a test copy gives way, and a
// copy without an automatic start is worth a word.
func (r *readiness) aside(vm RunVM, p Pair) {
	if r.in.Operation == UnplannedFailover && p.Target.AutoStart == "Nothing" {
		r.add(Finding{Severity: Warning, Code: "auto-start-off", VM: vm.Label, Host: vm.TargetHost, Text: "its copy does not start by itself when that host boots",
			Means: "after a power cut at " + r.in.To + " it would stay off", Remedy: "Set-VM -AutomaticStartAction StartIfRunning there, once it runs"})
	}
	if p.Target.TestVM != "" {
		r.add(Finding{Severity: Warning, Code: "test-copy", VM: vm.Label, Host: vm.TargetHost, Text: "a test copy of it exists",
			Means: "a drill is under way or left it behind; it is removed first, by what Hyper-V marks as this replica's test copy"})
	}
}

// isolated checks that test copies cannot reach anybody: only a private switch
// has no way out.
//
// Microsoft: New-VMSwitch -SwitchType: External reaches the network, Internal
// the host.
func (r *readiness) isolated(vm RunVM) {
	h, ok := r.view(vm.TargetHost)
	if !ok || !h.Reached {
		return
	}
	for _, nic := range vm.NICs {
		i := slices.IndexFunc(h.Switches, func(s SwitchView) bool { return s.Name == nic.Switch })
		f := Finding{Severity: Blocker, VM: vm.Label, Host: h.Name, Means: "a test copy must reach nobody: it has production's names and addresses"}
		switch {
		case nic.Switch == "":
			f.Code, f.Text, f.Remedy = "test-network-unmapped", "its network has no test_switch at this site", "add test_switch: a private switch, to the network in the configuration"
		case i < 0:
			f.Code, f.Text, f.Remedy = "switch-missing", fmt.Sprintf("the host has no switch %q", nic.Switch), "New-VMSwitch -SwitchType Private on "+h.Name
		case h.Switches[i].Type != "Private":
			f.Code, f.Text, f.Remedy = "not-isolated", fmt.Sprintf("the switch %q is %s: it has a way out", nic.Switch, strings.ToLower(h.Switches[i].Type)), "use a private switch as test_switch"
		default:
			continue
		}
		r.add(f)
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
		f := Finding{Severity: Warning, Code: "rpo-missed", VM: vm.Label, Text: fmt.Sprintf("its last copy is %s old (target %s)", age.Round(time.Second), vm.RPO),
			Means: "the last changes to be sent are more than usual, so its downtime is longer; nothing is lost"}
		if r.in.Operation == UnplannedFailover {
			f.Means = "what its users wrote since is missing in the copy that starts"
		}
		r.add(f)
	}
}

// key says of a VM with a virtual TPM that it would not start at the target. Where
// the site is lost the others go on without it.
func (r *readiness) key(vm RunVM) {
	source, _ := r.view(vm.SourceHost)
	target, _ := r.view(vm.TargetHost)
	f, ok := keyFinding(vm, source.Keys, target.Keys)
	if ok && r.in.Operation == UnplannedFailover {
		f.Severity = Warning
	}
	if ok {
		r.add(f)
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
	if !r.in.Operation.Moves() && r.in.Operation != TestFailover {
		return
	}
	r.volumes()
	hosts, needs := demand(r.in, r.pairs)
	for _, host := range hosts {
		for _, f := range memoryFor(r.in, host, needs[host], r.hosts) {
			r.add(f)
		}
	}
}

// volumes looks at the disk space that a failover needs: differences grow until
// commit.
func (r *readiness) volumes() {
	for _, name := range TargetHosts(r.in) {
		h, ok := r.view(name)
		if !ok || !volumeFull(h) {
			continue
		}
		r.add(Finding{Severity: Warning, Code: "volume-short", Text: volumeWords(h),
			Means: "VMs that run there write beside their recovery points until commit; a full volume pauses them", Remedy: "make room there, or commit early"})
	}
}
