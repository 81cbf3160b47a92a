package plans

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// OrphanLook is all that a classification rests on.
type OrphanLook struct {
	// Hosts are all of the configuration, read or not.
	Hosts []HostReading
	// Held is who works on a VM now, by VM id in lower case. Blind is why that is
	// not known: then nothing is offered.
	Held   map[string]string
	Blind  string
	Policy OrphanPolicy
}

// orphanHunt is one classification under way.
type orphanHunt struct {
	OrphanLook
	unread []string
	// beyond is a node of a cluster that is no host of the configuration, "" for none.
	beyond string
	all    map[string][]orphanCopy
	out    OrphanPicture
}

// orphanCopy is one copy of a VM on a host that was read.
type orphanCopy struct {
	host *HostReading
	vm   *OrphanVM
}

// needs are what a finding rests on beside what it shows.
type needs struct {
	// everyHost is for what only counts as gone.
	everyHost bool
	// age is for what looks the same while somebody is at it.
	age bool
	// also is another VM that may be worked on.
	also string
}

// FindOrphans classifies what was read. It does not know who is right: what is
// missing counts only where every host was read, what is young or worked on is
// not offered, and where two copies may both be good a person decides.
func FindOrphans(l OrphanLook) OrphanPicture {
	h := &orphanHunt{OrphanLook: l, all: map[string][]orphanCopy{}}
	h.out = OrphanPicture{Hosts: []OrphanHost{}, Findings: []Orphan{}, Quiet: []OrphanQuiet{}, Kept: []OrphanInQuarantine{}}
	for i := range l.Hosts {
		host := &l.Hosts[i]
		h.out.Hosts = append(h.out.Hosts, OrphanHost{Host: host.Host, Read: host.Read, Why: host.Why, At: host.At})
		if !host.Read {
			h.unread = append(h.unread, host.Host)
			continue
		}
		for j := range host.VMs {
			id := strings.ToLower(host.VMs[j].ID)
			h.all[id] = append(h.all[id], orphanCopy{host, &host.VMs[j]})
		}
	}
	h.beyond = h.nodeBeyond()
	for _, copies := range h.all {
		h.group(copies)
	}
	for i := range l.Hosts {
		if host := &l.Hosts[i]; host.Read {
			h.files(host)
			h.entries(host)
			h.roles(host)
		}
	}
	h.out.settle()
	return h.out
}

// orphansShown is how many findings a picture holds.
const orphansShown = 300

// settle puts the picture in order: the same look gives the same picture.
func (p *OrphanPicture) settle() {
	slices.SortFunc(p.Findings, func(a, b Orphan) int {
		return strings.Compare(a.Host+"\x00"+string(a.Kind)+"\x00"+a.Name+a.ID, b.Host+"\x00"+string(b.Kind)+"\x00"+b.Name+b.ID)
	})
	slices.SortFunc(p.Quiet, func(a, b OrphanQuiet) int {
		return strings.Compare(a.Host+"\x00"+a.Name+string(a.Kind)+a.Why, b.Host+"\x00"+b.Name+string(b.Kind)+b.Why)
	})
	slices.SortFunc(p.Kept, func(a, b OrphanInQuarantine) int { return strings.Compare(a.Host+a.Path, b.Host+b.Path) })
	if p.More = len(p.Findings) - orphansShown; p.More > 0 {
		p.Findings = p.Findings[:orphansShown]
	}
	p.More, p.Quiet = max(p.More, 0), p.Quiet[:min(len(p.Quiet), orphansShown)]
}

// add takes a finding in, or says why it is not offered.
func (h *orphanHunt) add(host *HostReading, f Orphan, n needs) {
	f.Host, f.ID, f.Age = host.Host, orphanID(host.Host, f.Kind, orWord(f.Path, orWord(f.VM, f.Name))), -1
	if !f.Since.IsZero() {
		f.Age = Duration(host.At.Sub(f.Since))
	}
	if why := h.quiet(host, f, n); why != "" {
		h.leave(host, f.Kind, f.VM, f.Name, why)
		return
	}
	if f.Commands == nil {
		f.Commands = []string{}
	}
	f.Policy = f.Verb != "" && f.Word == "" && slices.Contains(h.Policy.Clean, f.Kind)
	h.out.Findings = append(h.out.Findings, f)
}

// clockMayBeOff is how far from ours a host's clock may be: ages are told by it, and
// when files went into quarantine.
const clockMayBeOff = 10 * time.Minute

// quiet says why a finding is not offered.
func (h *orphanHunt) quiet(host *HostReading, f Orphan, n needs) string {
	held := orWord(h.Held[strings.ToLower(f.VM)], h.Held[strings.ToLower(n.also)])
	switch {
	case h.Blind != "":
		return "who works on what is not known: " + h.Blind
	case held != "":
		return held + " works on it"
	case n.everyHost && len(h.unread) > 0:
		return fmt.Sprintf("%s was not read: it may be there", strings.Join(h.unread, ", "))
	case n.everyHost && h.beyond != "":
		return h.beyond + " is not in the configuration: it may be there"
	case n.everyHost && h.parked(f.VM) != "":
		return h.parked(f.VM)
	case n.age && host.Off.Abs() > clockMayBeOff:
		return fmt.Sprintf("the clock of %s is %s off: how old it is, is not known", host.Host, Duration(host.Off.Abs().Round(time.Minute)))
	case n.age && f.Since.IsZero():
		return "how old it is, is not known"
	case n.age && f.Age.D() < h.Policy.After.D():
		return fmt.Sprintf("it is %s old; one of less than %s may be somebody's work", ago(f.Age.D()), ago(h.Policy.After.D()))
	}
	return ""
}

func (h *orphanHunt) leave(host *HostReading, kind OrphanKind, vm, name, why string) {
	h.out.Quiet = append(h.out.Quiet, OrphanQuiet{Kind: kind, Host: host.Host, VM: vm, Name: name, Why: why})
}

// ago is a span as people say it.
func ago(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
	return Duration(d.Round(time.Minute)).String()
}

// called is the host of the configuration that a name means, nil for none.
func (h *orphanHunt) called(name string) *HostReading {
	if name == "" {
		return nil
	}
	for i := range h.Hosts {
		if slices.ContainsFunc(h.Hosts[i].Names, func(n string) bool { return strings.EqualFold(n, name) }) {
			return &h.Hosts[i]
		}
	}
	return nil
}

// moving are states in which a failover is between its beginning and its end:
// neither side looks as it will.
var moving = []string{
	"PreparedForFailover", "FailedOverWaitingCompletion", "FailedOver", "RecoveryInProgress", "FailbackInProgress", "FailbackComplete",
	"WaitingForRepurposeCompletion", "PreparedForSyncReplication", "PreparedForGroupReverseReplication", "FiredrillInProgress",
}

// group classifies the copies of one VM.
func (h *orphanHunt) group(copies []orphanCopy) {
	var real []orphanCopy
	for _, c := range copies {
		if c.vm.Mode == "TestReplica" {
			h.test(c)
			continue
		}
		real = append(real, c)
	}
	another := false
	for _, c := range real {
		h.checkpoints(c, c.only(real))
		if c.vm.Provider != "" {
			another = true
			h.provider(c, c.only(real))
		}
	}
	switch {
	case another || h.twoPrimaries(real):
		return
	case slices.ContainsFunc(real, func(c orphanCopy) bool { return slices.Contains(moving, c.vm.State) }):
		for _, c := range real {
			h.prepared(c, real)
			h.pending(c, real)
		}
		return
	}
	for _, c := range real {
		switch {
		case len(c.vm.Problems) > 0:
			h.leave(c.host, OrphanPrimaryGone, c.vm.ID, c.vm.Name, "it did not tell how it replicates: "+c.vm.Problems[0])
		case c.replica():
			h.replica(c, real)
		case c.vm.Mode == "Primary":
			h.sender(c, real, "Simple")
		case c.vm.Mode == "None" && c.vm.Power == "Off":
			h.former(c, real)
		}
		if c.relation("Extended") != nil {
			h.sender(c, real, "Extended")
		}
	}
}

func (c orphanCopy) replica() bool { return c.vm.Mode == "Replica" || c.vm.Mode == "ExtendedReplica" }

func (c orphanCopy) relation(which string) *OrphanRelation {
	for i := range c.vm.Relations {
		if c.vm.Relations[i].Relationship == which {
			return &c.vm.Relations[i]
		}
	}
	return nil
}

func (c orphanCopy) expect() Expect { return Expect{c.vm.Power, c.vm.Mode, c.vm.State} }

func (c orphanCopy) bytes() (sum uint64) {
	for _, d := range c.vm.Disks {
		sum += d.Bytes
	}
	return sum
}

// finding begins a finding about a copy.
func (c orphanCopy) finding(kind OrphanKind, since time.Time, only bool) Orphan {
	return Orphan{Kind: kind, VM: c.vm.ID, Name: c.vm.Name, Bytes: c.bytes(), Since: since, OnlyCopy: only, Expect: c.expect()}
}

// onlyCopyTakesAWord is for what is done to a copy itself.
func (f *Orphan) onlyCopyTakesAWord() {
	if f.OnlyCopy {
		f.Word = WordOnlyCopy
	}
}

func (c orphanCopy) others(all []orphanCopy) (out []orphanCopy) {
	for _, o := range all {
		if o.vm != c.vm {
			out = append(out, o)
		}
	}
	return out
}

// whole is false for a copy that nothing comes back from: it has no disk that is
// known of, or its host has lost their storage.
//
// Microsoft: Hyper-V module, VMState (OffCritical, SavedCritical and the like).
func (c orphanCopy) whole() bool {
	return len(c.vm.Disks) > 0 && !strings.HasSuffix(c.vm.Power, "Critical")
}

// only tells whether no other copy could take the place of this one.
func (c orphanCopy) only(all []orphanCopy) bool {
	return !slices.ContainsFunc(c.others(all), orphanCopy.whole)
}

func (c orphanCopy) says() string {
	return fmt.Sprintf("%s: %s, mode %s, state %s", c.host.Host, c.vm.Power, c.vm.Mode, c.vm.State)
}

func saying(all []orphanCopy) (out []string) {
	for _, c := range all {
		out = append(out, c.says())
	}
	slices.Sort(out)
	return out
}

// sendsTo tells whether a relationship of a copy may lead to a host. A name that
// no host of the configuration has may be that of a cluster's broker.
func (h *orphanHunt) sendsTo(r *OrphanRelation, to *HostReading) bool {
	if r == nil {
		return false
	}
	for _, name := range []string{r.Replica, r.Current} {
		if at := h.called(name); at == to || at == nil && name != "" {
			return true
		}
	}
	return r.Replica == "" && r.Current == ""
}

// replica is for a copy that receives.
func (h *orphanHunt) replica(c orphanCopy, real []orphanCopy) {
	rel := c.relation("Simple")
	if rel == nil {
		h.leave(c.host, OrphanPrimaryGone, c.vm.ID, c.vm.Name, "it did not tell from where it receives")
		return
	}
	others := c.others(real)
	for _, o := range others {
		if len(o.vm.Problems) > 0 {
			h.leave(c.host, OrphanPrimaryEnded, c.vm.ID, c.vm.Name, "the copy at "+o.host.Host+" did not tell how it replicates: "+o.vm.Problems[0])
			return
		}
		if o.vm.Mode == "Primary" && h.sendsTo(o.relation("Simple"), c.host) || h.sendsTo(o.relation("Extended"), c.host) {
			return // it has its sender
		}
		if o.vm.Mode == "Primary" && !h.hasReplica(o, others) {
			h.leave(c.host, OrphanPrimaryEnded, c.vm.ID, c.vm.Name, "its primary at "+o.host.Host+" sends to a host that has no replica of it: this one may have moved")
			return
		}
	}
	f := c.finding(OrphanPrimaryGone, rel.Last, c.only(real))
	f.Verb, f.Relationship = VerbRemove, "Simple"
	f.Commands = []string{onVM(c, "Remove-VMReplication -VM $vm")}
	f.Undo = "none: Hyper-V has no way to join a replica to its primary again; lifeboat protect --seed existing reuses its disks"
	if n := h.called(rel.Primary); n == nil {
		why := "its primary server " + orWord(rel.Primary, "(none yet)") + " is not in the configuration"
		h.leave(c.host, f.Kind, c.vm.ID, c.vm.Name, why)
		return
	}
	if len(others) == 0 {
		f.Evidence = []string{c.says(), fmt.Sprintf("its primary server is %s, and no host has another copy of it", rel.Primary), lastCopy(rel.Last)}
		f.Risk = "It may be all that is left of this VM. Ending its replication keeps the VM and its disks, and removes its recovery points."
	} else {
		f.Kind = OrphanPrimaryEnded
		f.Evidence = append([]string{c.says()}, saying(others)...)
		f.Evidence = append(f.Evidence, "no host sends to it", lastCopy(rel.Last))
		f.Risk = "It grows older and looks like protection. Ending its replication keeps the VM and its disks, and removes its recovery points."
	}
	f.onlyCopyTakesAWord()
	h.add(c.host, f, needs{everyHost: true, age: true})
}

// hasReplica tells whether a primary has a replica where it sends to.
func (h *orphanHunt) hasReplica(p orphanCopy, among []orphanCopy) bool {
	return slices.ContainsFunc(among, func(o orphanCopy) bool { return o.replica() && h.sendsTo(p.relation("Simple"), o.host) })
}

func lastCopy(at time.Time) string {
	if at.IsZero() {
		return "nothing was ever replicated"
	}
	return "last replicated " + at.UTC().Format("2006-01-02 15:04") + " UTC"
}

// sender is for a copy that sends: a primary, or the middle of a chain.
func (h *orphanHunt) sender(c orphanCopy, real []orphanCopy, which string) {
	rel := c.relation(which)
	if rel == nil {
		h.leave(c.host, OrphanReplicaGone, c.vm.ID, c.vm.Name, "it did not tell to where it sends")
		return
	}
	var at *orphanCopy
	for _, o := range c.others(real) {
		if h.receives(o, c, which) {
			return // its replica is there, or has moved to another node
		}
		if o.host == h.called(rel.Replica) && o.vm.Mode == "None" {
			at = &o
		}
	}
	f := c.finding(OrphanReplicaGone, rel.Last, c.only(real))
	if h.called(rel.Replica) == nil {
		h.leave(c.host, f.Kind, c.vm.ID, c.vm.Name, "its replica server "+orWord(rel.Replica, "(not told)")+" is not in the configuration")
		return
	}
	f.Verb, f.Relationship = VerbRemove, which
	if which == "Extended" {
		f.Verb = VerbRemoveExtended
	}
	f.Commands = []string{onVM(c, "Get-VMReplication -VM $vm | where ReplicationRelationshipType -eq "+which+" | Remove-VMReplication")}
	f.Evidence = []string{c.says(), fmt.Sprintf("it sends to %s, and no host has a replica of it", rel.Replica), lastCopy(rel.Last)}
	f.Risk = "It is not protected, whatever it shows. Ending its replication changes nothing in the VM, which goes on; then protect it again."
	f.Undo = "lifeboat protect " + ShellWord(c.vm.Name)
	if at != nil {
		f.Kind = OrphanReplicaEnded
		f.Evidence = append(f.Evidence, at.says())
		f.Undo = "lifeboat protect " + ShellWord(c.vm.Name) + " --seed existing"
	}
	f.onlyCopyTakesAWord()
	h.add(c.host, f, needs{everyHost: true, age: true})
}

// receives tells whether a copy is the replica of a sender, on whichever host.
func (h *orphanHunt) receives(o, from orphanCopy, which string) bool {
	if which == "Extended" {
		return o.vm.Mode == "ExtendedReplica"
	}
	if !o.replica() || len(o.vm.Problems) > 0 {
		return o.replica()
	}
	rel := o.relation("Simple")
	return rel == nil || rel.Primary == "" || h.called(rel.Primary) == nil || h.called(rel.Primary) == from.host
}

// former is for a VM that is off and replicates no more.
func (h *orphanHunt) former(c orphanCopy, real []orphanCopy) {
	others := c.others(real)
	if len(others) == 0 {
		return // a VM like any other
	}
	for _, o := range others {
		if o.replica() || h.sendsTo(o.relation("Simple"), c.host) {
			return // the other side of this pair says it
		}
	}
	f := c.finding(OrphanFormerReplica, time.Time{}, false)
	f.Evidence = append([]string{c.says()}, saying(others)...)
	f.Risk = "It takes room, and it is an old copy that somebody may start. It may also be wanted as a seed."
	f.Person = "Hyper-V has no way back from Remove-VM, so Lifeboat removes no VM but a test copy: make sure that nobody wants it"
	f.Commands = []string{onVM(c, "Remove-VM -VM $vm -Force")}
	f.Undo = "none; what it leaves of its disks is found by the next scan, and goes into quarantine first"
	h.add(c.host, f, needs{everyHost: true})
}

// twoPrimaries tells whether two copies both count as the one that goes on.
func (h *orphanHunt) twoPrimaries(real []orphanCopy) bool {
	var primary, runs []orphanCopy
	for _, c := range real {
		if c.vm.Mode == "Primary" {
			primary = append(primary, c)
		}
		if c.vm.Power == "Running" {
			runs = append(runs, c)
		}
	}
	both := primary
	if len(runs) > len(both) {
		both = runs
	}
	if len(both) < 2 {
		return false
	}
	for _, c := range both {
		f := c.finding(OrphanTwoPrimaries, time.Time{}, false)
		f.Evidence = saying(real)
		f.Risk = "Two copies go on by themselves, and both may hold changes that the other has not."
		f.Person = "which copy survives is for people to say; shut the other down first"
		f.Commands = []string{onVM(c, "Stop-VM -VM $vm -TurnOff -Force") + "   (on the host of the loser only)", onVM(c, "Set-VMReplication -VM $vm -AsReplica") + "   (there, then)"}
		f.Undo = "none: what the loser alone holds is lost once it is a replica again"
		h.add(c.host, f, needs{})
	}
	return true
}
