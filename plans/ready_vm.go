package plans

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// vm looks at one VM: its line of the table, what a run could do with its
// replica, and what is in the way while its source still answers.
func (r *ready) vm(vm RunVM) {
	p := r.pair(vm.ID)
	lost := r.lost(p)
	line := r.line(vm, p)
	r.count(line)
	source, target := r.view(vm.SourceHost).Reached, r.view(vm.TargetHost).Reached
	before := len(r.out.Findings)
	if target {
		if isLeftOut(p.Target, p.Source) {
			d := leftOut(p.Target, p.Source)
			r.add(Finding{Severity: Blocker, Code: "left-out", VM: vm.Label, Host: vm.TargetHost, Text: d.Why, Means: "it could not be started there; the third copy would have to be, by hand", Remedy: d.Remedy})
		} else {
			r.replica(vm, lost.Target)
		}
		r.third(vm, p.Target)
		r.applied(vm, p.Target, line)
		r.addresses(vm, p.Target)
		r.key(vm)
		r.base.switches(vm)
		r.base.untold(vm, Pair{Source: Copy{Host: vm.SourceHost}, Target: p.Target})
	}
	if source && target {
		r.both(vm, p)
	}
	if source || p.Source.Reached { // or was, once: what it told then holds on the day
		r.sender(vm, p.Source)
		r.disks(vm)
	}
	if !source && target {
		r.silent(vm, p)
	}
	r.late(vm, p, line, before)
}

func (r *ready) line(vm RunVM, p Pair) ReadyVM {
	out := ReadyVM{ID: vm.ID, Label: vm.Label, State: "not seen", Target: r.target(vm), Behind: -1, Backlog: -1}
	if p.Source.Reached && p.Source.Exists {
		out.Backlog = int64(p.Source.PendingBytes)
		out.Health = p.Source.Health
		if familyOf(Classify(p.Source)) == famPrimary {
			out.Sender = p.Source.State
		}
	}
	if !p.Target.Reached {
		return out
	}
	out.State = "missing"
	if !p.Target.Exists {
		return out
	}
	out.State, out.TestVM, out.Extended = p.Target.State, p.Target.TestVM != "", p.Target.Extended
	out.Health = worseHealth(out.Health, p.Target.Health)
	switch Classify(p.Source) {
	case PResyncNeeded, PResyncing:
		out.Resync = true
	}
	if !p.Target.ExtendedLast.IsZero() {
		out.ExtendedBehind = r.behind(p.Target, p.Target.ExtendedLast)
	}
	if !p.Target.LastReplication.IsZero() {
		out.LastGood = p.Target.LastReplication
		if !setBack(p.Target) {
			out.Behind = r.behind(p.Target, out.LastGood)
			out.InTime = out.Behind <= r.tolerated(vm, out.Target, p.Target)
		}
		if t := p.Target; familyOf(Classify(t)) == famReplica && !t.LastApplied.IsZero() {
			out.Unapplied = Duration(max(0, t.LastReplication.Sub(t.LastApplied)))
		}
	}
	return out
}

// setBack is true for a copy that is newer than its host's clock: the clock was
// set back, and how old the copy is no longer follows from it.
func setBack(c Copy) bool { return !c.At.IsZero() && c.LastReplication.Sub(c.At) > maxSkew }

// noTargetLeast is how old a copy may be at least where nobody has said.
const noTargetLeast = 15 * time.Minute

// tolerated is how old a copy may be: its target, or where nobody has set one as
// many cycles as schedules allow.
func (r *ready) tolerated(vm RunVM, target Duration, t Copy) Duration {
	if target > 0 {
		return target
	}
	every := max(vm.Frequency.D(), time.Duration(t.FrequencySec)*time.Second)
	return Duration(max(noTargetLeast, cyclesLate*every))
}

// behind is how old a moment is that a copy's host told: by that host's clock
// when it told it, and by what has passed since.
func (r *ready) behind(c Copy, at time.Time) Duration {
	age := max(0, c.At.Sub(at))
	if read := r.look.Read[c.Host]; !read.IsZero() {
		age += time.Duration(float64(max(0, r.look.Now.Sub(read))) * r.out.Speed)
	}
	return Duration(age)
}

// target is how much of a VM's data may be lost: its own, else the plan's.
func (r *ready) target(vm RunVM) Duration {
	if vm.RPO > 0 {
		return vm.RPO
	}
	return r.in.Objectives.RPO
}

// replica asks the table what a run could do if the source were gone.
func (r *ready) replica(vm RunVM, t Copy) {
	intent := r.in.Intent(vm)
	d := Next(intent, Copy{Host: vm.SourceHost}, t)
	switch d.Kind {
	case Refuse, UnknownPair:
		r.add(Finding{Severity: Blocker, Code: replicaCode(t, vm), VM: vm.Label, Host: vm.TargetHost, Text: d.Why, Means: "it could not be started there", Remedy: d.Remedy})
	case Done:
		r.add(Finding{Severity: Info, Code: "already-there", VM: vm.Label, Text: d.Why})
	case Act, Wait:
	}
	if t.TestVM != "" {
		r.add(Finding{Severity: Warning, Code: "test-copy", VM: vm.Label, Host: vm.TargetHost, Text: "a test copy of it exists",
			Means: "a drill is under way or left it behind; a failover removes it first", Remedy: "lifeboat run show " + ShellWord(r.in.Plan) + "; when no drill runs: Stop-VMFailover on the replica"})
	}
}

func replicaCode(t Copy, vm RunVM) string {
	if _, missing := adapterMissing(t.Adapters, vm.NICs); missing {
		return "adapter-missing"
	}
	switch c := Classify(t); c {
	case Missing:
		return "replica-missing"
	case RWaits:
		return "first-copy"
	case Unprotected, UnprotectedRunning:
		return "vm-not-replicating"
	case ROn:
		return "two-copies-run"
	default:
		if familyOf(c) == famFailed {
			return "failed-over"
		}
	}
	return "state-pair"
}

// legCycles is how many of its cycles the extended leg may miss, and a replica's
// host may have waiting, before it is worth a word; unappliedLeast is never too much.
const (
	legCycles      = 3
	unappliedLeast = 10 * time.Minute
)

// third looks at the extended leg, which no other side shows. How old the third
// copy may be is against the second.
func (r *ready) third(vm RunVM, t Copy) {
	known := r.look.Known.Extends[vm.ID]
	to := orWord(orWord(t.ExtendedTo, known.To), "the third host")
	limit := known.RPO.D()
	if limit == 0 {
		limit = legCycles * max(known.Frequency.D(), time.Duration(t.ExtendedSec)*time.Second)
	}
	f := Finding{Severity: Warning, Code: "extended-leg", VM: vm.Label, Host: vm.TargetHost, Means: "the third copy grows old; this failover does not need it", Remedy: "Measure-VMReplication on " + vm.TargetHost}
	switch {
	case t.Extended == "" && known.To != "" && t.Mode == "Replica":
		f.Text, f.Remedy = "it is to go on to "+to+" and does not", "lifeboat protect, with its name"
	case t.Extended == "":
		return
	case t.Extended != "Replicating":
		f.Text = fmt.Sprintf("its replication on to %s is %s", to, t.Extended)
		if !t.ExtendedLast.IsZero() {
			f.Text += fmt.Sprintf("; the copy there is %s old", forPeople(r.behind(t, t.ExtendedLast).D()))
		}
	case t.ExtendedLast.IsZero():
		f.Text = "nothing of it has arrived at " + to + " yet"
	case limit > 0 && t.LastReplication.Sub(t.ExtendedLast) > limit:
		f.Text = fmt.Sprintf("its third copy at %s is %s old", to, forPeople(r.behind(t, t.ExtendedLast).D()))
	default:
		return
	}
	r.add(f)
}

// applied looks at data that has arrived and is not on the replica's disks yet.
func (r *ready) applied(vm RunVM, t Copy, line ReadyVM) {
	if line.Unapplied.D() <= max(unappliedLeast, legCycles*time.Duration(t.FrequencySec)*time.Second) {
		return
	}
	r.add(Finding{Severity: Warning, Code: "logs-not-applied", VM: vm.Label, Host: vm.TargetHost,
		Text:   fmt.Sprintf("what arrived in the last %s is not applied to its disks yet", forPeople(line.Unapplied.D())),
		Means:  "nothing is lost by it; its start waits until all is applied",
		Remedy: "look at the load of the disks at " + vm.TargetHost + ", and at its events of Hyper-V-VMMS"})
}

// addresses looks at the failover addresses that a replica has now. A run sets
// them before anything else, whoever starts the copy by hand does not.
func (r *ready) addresses(vm RunVM, t Copy) {
	if familyOf(Classify(t)) != famReplica || slices.ContainsFunc(t.Problems, func(p string) bool { return strings.HasPrefix(p, "Get-VMNetworkAdapter") }) {
		return
	}
	for _, nic := range vm.NICs {
		if !nic.Inject || nic.IP == "" {
			continue
		}
		for _, a := range t.Adapters {
			if (nic.Adapter == "" || nic.Adapter == a.Name) && a.FailoverIP != nic.IP {
				r.add(Finding{Severity: Info, Code: "failover-address", VM: vm.Label, Host: vm.TargetHost,
					Text: "the failover address of its replica is not set, or another: a run sets it first; started by hand it would come up with the wrong one"})
				return
			}
		}
	}
}

// trouble says, for a class, what is in the way of replication: every change
// since is lost with the source.
var trouble = map[Class][3]string{
	Missing:            {"vm-missing", "the VM is not on this host", "find it: Get-VM on each host of the site"},
	Unprotected:        {"vm-not-replicating", "it does not replicate: it is NOT protected", "lifeboat protect, with its name"},
	UnprotectedRunning: {"vm-not-replicating", "it runs and does not replicate: it is NOT protected", "lifeboat protect, with its name"},
	PPaused:            {"replication-paused", "its replication is paused", "ask who paused it and why, then Resume-VMReplication"},
	PError:             {"replication-error", "its replication is in error", "Measure-VMReplication says why, then Resume-VMReplication"},
	PResyncNeeded:      {"resynchronization", "it waits for a resynchronization: nothing is replicated", "Resume-VMReplication -Resynchronize in a quiet hour; its recovery points will be lost"},
	PResyncing:         {"resynchronization", "it is being resynchronized", "wait; an unplanned failover meanwhile goes to an older point"},
	PInitial:           {"first-copy", "its first copy is on the way: it is NOT protected yet", "wait until it has arrived"},
	PWaitsInitial:      {"first-copy", "its first copy was not sent yet: it is NOT protected", "lifeboat protect, with its name"},
	PInitialOff:        {"first-copy", "its first copy has not arrived: it is NOT protected yet", "lifeboat protect, with its name, or wait"},
	PPreparedOn:        {"state-pair", "it runs although it was prepared for a failover", "look at it in Hyper-V Manager before anything else"},
	POther:             {"state-pair", "its replication is in a state that nobody expects", "Get-VMReplication on this host"},
	RWaits:             {"first-copy", "its first copy has not arrived: it is NOT protected yet", "wait; where it was written to a folder: lifeboat protect with --import FOLDER"},
	RPaused:            {"replication-paused", "the replica is paused", "ask who paused it and why, then Resume-VMReplication there"},
	RError:             {"replication-error", "the replica is in error", "Resume-VMReplication there"},
	RResyncing:         {"resynchronization", "the replica is being resynchronized", "wait; an unplanned failover meanwhile goes to an older point"},
}

// both looks at what only the two sides together show.
func (r *ready) both(vm RunVM, p Pair) {
	if runs(p.Source) && runs(p.Target) {
		r.add(Finding{Severity: Blocker, Code: "two-copies-run", VM: vm.Label, seenOn: [2]string{vm.SourceHost, vm.TargetHost}, Text: "copies of it run at " + vm.SourceHost + " and at " + vm.TargetHost,
			Means: "two servers take orders under one name, and only one of them can be kept", Remedy: "lifeboat fence " + ShellWord(r.in.Plan) + "; if it knows of no watch, take the one without users off the network now"})
	}
	if to := p.Source.ReplicaServer; familyOf(Classify(p.Source)) == famPrimary && to != "" && vm.TargetName != "" && !sameServer(to, vm.TargetName) && !isLeftOut(p.Target, p.Source) {
		r.add(Finding{Severity: Blocker, Code: "replicates-elsewhere", VM: vm.Label, Host: vm.SourceHost, Text: "it replicates to " + to + ", not to " + vm.TargetHost,
			Means: "nothing arrives at " + vm.TargetHost + ": what is written since its last copy there would be lost", Remedy: "mend the group's to:, or replica_name: of " + vm.TargetHost + "; else protect it anew"})
	}
	said := ""
	away := familyOf(Classify(p.Source)) == famReplica && familyOf(Classify(p.Target)) == famPrimary
	for _, c := range []Copy{p.Source, p.Target} {
		words, ok := trouble[Classify(c)]
		if !ok || c.Host == p.Target.Host && !away && familyOf(Classify(c)) != famReplica || words[0] == said {
			continue
		}
		said = words[0]
		way, remedy := r.mended(vm, p, Classify(c), words[2])
		if away { // it lives at the target already: only losing that would cost data
			r.add(Finding{Severity: Warning, Code: words[0], VM: vm.Label, Host: c.Host, Way: way, Text: words[1],
				Means: fmt.Sprintf("it runs at %s: nothing of it is lost with %s, and what was written since would be lost with %s", vm.TargetHost, vm.SourceHost, vm.TargetHost), Remedy: remedy})
			continue
		}
		if familyOf(Classify(c)) == famLoose && Classify(p.Target) == Unprotected {
			remedy = "lifeboat protect, with its name and --seed existing: the copy at " + p.Target.Host + " is overwritten where it differs"
		}
		r.add(Finding{Severity: Blocker, Code: words[0], VM: vm.Label, Host: c.Host, Way: way, Text: words[1], Means: "what is written since its last copy would be lost", Remedy: remedy})
	}
	if familyOf(Classify(p.Source)) == famReplica && familyOf(Classify(p.Target)) == famReplica {
		r.add(Finding{Severity: Blocker, Code: "state-pair", VM: vm.Label, Text: "both copies are replicas: neither is the one that users have", Means: "nothing is replicated", Remedy: "lifeboat plan explain " + ShellWord(r.in.Plan)})
	}
}

// silent says what is in the way of replication while the source does not answer:
// what it told last, and what the target tells. What only the moment shows, as that
// two copies run, is not concluded from an old answer.
func (r *ready) silent(vm RunVM, p Pair) {
	if familyOf(Classify(p.Target)) != famReplica {
		return
	}
	words, ok := trouble[Classify(p.Source)]
	if ok && p.Source.Reached && familyOf(Classify(p.Source)) == famPrimary {
		way, remedy := r.mended(vm, p, Classify(p.Source), words[2])
		r.add(Finding{Severity: Blocker, Code: words[0], VM: vm.Label, Host: vm.SourceHost, Way: way, Text: words[1] + ", when " + vm.SourceHost + " was last read",
			Means: "what was written since its last copy would be lost", Remedy: "when it answers again: " + remedy})
	}
	if also, ok := trouble[Classify(p.Target)]; ok && also[0] != words[0] {
		way, remedy := r.mended(vm, p, Classify(p.Target), also[2])
		r.add(Finding{Severity: Blocker, Code: also[0], VM: vm.Label, Host: vm.TargetHost, Way: way, Text: also[1], Means: "what is written since its last copy would be lost", Remedy: remedy})
	}
}

// sender looks at the source's copy.
func (r *ready) sender(vm RunVM, s Copy) {
	version := s.Version
	for _, side := range []struct{ host, code, text, means string }{
		{vm.TargetHost, "version-too-new", "does not run configuration version", "it could never start there"},
		{vm.SourceHost, "version-no-way-back", "does not run configuration version", "it could go there and never come back"},
	} {
		known := r.view(side.host).Versions
		if version == "" || len(known) == 0 || slices.Contains(known, version) {
			continue
		}
		r.add(Finding{Severity: Blocker, Code: side.code, VM: vm.Label, Host: side.host, Text: fmt.Sprintf("%s %s %s", side.host, side.text, version),
			Means: side.means, Remedy: "bring the host to the other's Windows version; a VM's version cannot go down"})
	}
	r.base.untold(vm, Pair{Source: s, Target: Copy{Host: vm.TargetHost}})
}

// disks looks for disks that would not be there on the day, and checkpoints.
func (r *ready) disks(vm RunVM) {
	s, ok := r.store(vm.SourceHost)
	if !ok {
		return // the host's own finding says it
	}
	if slices.Contains(s.Untold, vm.ID) {
		r.add(Finding{Severity: Warning, Code: "not-told", VM: vm.Label, Host: vm.SourceHost, Text: "its disks are not told", Means: "a disk that does not replicate would not be seen", Remedy: "Get-VMHardDiskDrive on the host"})
	}
	var left []string
	for at, replicates := range s.Disks[vm.ID] {
		if !replicates && !onPurpose(r.look.Known.Excluded[vm.ID], at) {
			left = append(left, at)
		}
	}
	slices.Sort(left)
	if len(left) > 0 {
		text := "a disk of it does not replicate: "
		if len(left) > 1 {
			text = fmt.Sprintf("%d disks of it do not replicate: ", len(left))
		}
		r.add(Finding{Severity: Blocker, Code: "disk-not-replicated", VM: vm.Label, Host: vm.SourceHost, Text: text + strings.Join(left, ", "),
			Means: "it would not be there, and what is on it would be lost", Remedy: "Set-VMReplication -ReplicatedDiskPaths with all of them; or name it in excluded_disks"})
	}
	if points := s.Checkpoints[vm.ID]; len(points) > 0 {
		r.add(Finding{Severity: Warning, Code: "checkpoint", VM: vm.Label, Host: vm.SourceHost, Text: fmt.Sprintf("it has a checkpoint of %s", clock(points[0].Time)),
			Means: "going back to it makes a resynchronization necessary; it does not go to the other side", Remedy: "remove it when nobody needs it (Remove-VMSnapshot)"})
	}
}

// onPurpose is true for a disk that the configuration leaves out, by its path or
// its file's name: paths differ from host to host.
func onPurpose(excluded []string, at string) bool {
	return slices.ContainsFunc(excluded, func(e string) bool { return strings.EqualFold(e, at) || strings.EqualFold(fileOf(e), fileOf(at)) })
}

func fileOf(at string) string { return at[strings.LastIndexAny(at, `\/`)+1:] }

// stopped are the codes of replication that does not catch up by itself.
var stopped = []string{"replication-paused", "replication-error", "resynchronization"}

// late says that more would be lost than agreed, unless before shows that the
// reason was said.
func (r *ready) late(vm RunVM, p Pair, line ReadyVM, before int) {
	if !p.Target.Reached || !p.Target.Exists || familyOf(Classify(p.Target)) != famReplica {
		return
	}
	said := slices.ContainsFunc(r.out.Findings[before:], func(f Finding) bool { return f.Severity == Blocker && f.Code != "disk-not-replicated" })
	switch {
	case setBack(p.Target):
		r.add(Finding{Severity: Blocker, Code: "clock-set-back", VM: vm.Label, Host: vm.TargetHost, Text: fmt.Sprintf("its last copy is of %s, and the clock of %s says %s: how old it is cannot be told", clock(line.LastGood), vm.TargetHost, clock(p.Target.At)),
			Means: "more may be lost than agreed, and nobody would see it", Remedy: "compare that host's clock with its domain's: w32tm /resync there; wait for the next copies"})
	case line.Behind < 0 && !said:
		r.add(Finding{Severity: Blocker, Code: "no-copy", VM: vm.Label, Host: vm.TargetHost, Text: "no data of it has arrived", Means: "there is nothing to fail over to", Remedy: "Measure-VMReplication on " + vm.SourceHost})
	case line.Behind >= 0 && !line.InTime:
		text := fmt.Sprintf("its last good copy is %s old (target %s)", forPeople(line.Behind.D()), line.Target)
		if line.Target == 0 {
			text = fmt.Sprintf("its last good copy is %s old (no rpo: is set)", forPeople(line.Behind.D()))
		}
		if line.Backlog > 0 {
			text += fmt.Sprintf(", %s wait to be sent", size(uint64(line.Backlog)))
		}
		way, remedy := r.trend(vm, p, line)
		if slices.ContainsFunc(r.out.Findings[before:], func(f Finding) bool { return slices.Contains(stopped, f.Code) }) {
			way, remedy = "", "what is said of it above: then what waits is sent"
		}
		r.add(Finding{Severity: Blocker, Code: "rpo-missed", VM: vm.Label, Way: way, Text: text, Means: "you would lose what was written after " + clock(line.LastGood), Remedy: remedy})
	case said:
	case line.Health == "Critical":
		r.add(Finding{Severity: Blocker, Code: "replication-critical", VM: vm.Label, Text: "Hyper-V calls its replication critical", Means: "the next changes may not arrive", Remedy: "Measure-VMReplication on " + vm.SourceHost})
	case line.Health == "Warning":
		r.add(Finding{Severity: Warning, Code: "replication-warning", VM: vm.Label, Text: "Hyper-V calls its replication's health a warning", Means: "cycles were missed or a step waits for somebody", Remedy: "Measure-VMReplication on " + vm.SourceHost})
	}
}

// size is bytes as people say them.
func size(b uint64) string {
	if b >= 1<<30 {
		return fmt.Sprintf("%.1f GB", float64(b)/(1<<30))
	}
	return fmt.Sprintf("%.0f MB", float64(b)/(1<<20))
}
