package plans

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// orphanWorld is a generated estate of which it is known what is left behind: an
// independent judge of FindOrphans.
type orphanWorld struct {
	rand  *rand.Rand
	now   time.Time
	hosts []HostReading
	held  map[string]string
	// truth is what may be cleaned, by host, kind and thing; copies where copies
	// of a VM truly are.
	truth  map[string]bool
	copies map[string][]string
	scenes []string
	n      int
	// proves is true where every node of the cluster tells of it, beyond where one is in
	// no configuration.
	proves, beyond bool
}

func newOrphanWorld(seed uint64) *orphanWorld {
	w := &orphanWorld{rand: rand.New(rand.NewPCG(seed, 7)), now: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), held: map[string]string{}, truth: map[string]bool{}, copies: map[string][]string{}}
	for i := range 3 + w.rand.IntN(3) {
		name := fmt.Sprintf("H%d", i)
		w.hosts = append(w.hosts, HostReading{Host: name, Names: []string{name, strings.ToLower(name) + ".corp.example"}, Read: true, At: w.now.Add(time.Duration(w.rand.IntN(600)-300) * time.Second)})
	}
	w.cluster()
	for range 6 + w.rand.IntN(14) {
		all := slices.Concat(orphanScenes, healthyScenes)
		s := all[w.rand.IntN(len(all))]
		w.scenes = append(w.scenes, s.name)
		s.make(w)
	}
	return w
}

// cluster makes the first two hosts nodes of one, which may have a third node that
// is in no configuration, or may be told of by one node only. There is always a host
// that is no node.
func (w *orphanWorld) cluster() {
	nodes := []string{"H0", "h1"}
	how := w.rand.IntN(4)
	if how == 0 {
		nodes = append(nodes, "ELSEWHERE")
	}
	for i := range 2 {
		w.hosts[i].Cluster = &OrphanCluster{Name: "CL1", Nodes: nodes}
	}
	switch how {
	case 1:
		w.hosts[1].Cluster = nil
	case 2:
		w.hosts[1].Cluster = &OrphanCluster{Name: "CL2", Nodes: []string{"H1"}}
	}
	w.proves, w.beyond = how == 3, how == 0
}

// role is a group that the first host owns; the other node tells no more of it than
// that it is there.
func (w *orphanWorld) role(id, state string, failed ...string) *OrphanGroup {
	g := OrphanGroup{ID: "group-" + id, Name: "O'Brien [a]*", Owner: "H0", State: state, VM: id, Store: `C:\ClusterStorage\Volume1`, Failed: failed}
	if c := w.hosts[1].Cluster; c != nil && c.Name == "CL1" {
		c.Groups = append(c.Groups, OrphanGroup{ID: g.ID, Name: g.Name, Owner: g.Owner, State: state, Files: -1})
	}
	c := w.hosts[0].Cluster
	c.Groups = append(c.Groups, g)
	return &c.Groups[len(c.Groups)-1]
}

const roleVM, roleConfiguration = "Virtual Machine", "Virtual Machine Configuration"

// roleLeft is a group whose VM no node has.
func (w *orphanWorld) roleLeft(id string) *OrphanGroup {
	g := w.role(id, "Failed", [][]string{{roleVM}, {roleConfiguration}, {roleVM, roleConfiguration}}[w.rand.IntN(3)]...)
	if w.proves {
		w.orphan(&w.hosts[0], OrphanRole, id)
	}
	return g
}

func (w *orphanWorld) id() string {
	w.n++
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", w.n, w.n)
}

// three are different hosts, in random order.
func (w *orphanWorld) three() (a, b, c *HostReading) {
	p := w.rand.Perm(len(w.hosts))
	return &w.hosts[p[0]], &w.hosts[p[1]], &w.hosts[p[2]]
}

func fqdn(h *HostReading) string { return h.Names[1] }

// old and young are ages on either side of the policy's bound.
func (w *orphanWorld) old(h *HostReading) time.Time {
	return h.At.Add(-25*time.Hour - time.Duration(w.rand.IntN(90*24))*time.Hour)
}

func (w *orphanWorld) young(h *HostReading) time.Time {
	return h.At.Add(-time.Duration(w.rand.IntN(22*60)) * time.Minute)
}

func (w *orphanWorld) vm(h *HostReading, id, power, mode, state string, rels ...OrphanRelation) *OrphanVM {
	names := []string{"DB", "FS01", "APP - Test", "O'Brien [a]*", "DB"}
	h.VMs = append(h.VMs, OrphanVM{
		ID: id, Name: names[w.rand.IntN(len(names))], Power: power, Mode: mode, State: state, Created: w.old(h), Uptime: 90 * 24 * time.Hour, Relations: rels,
		Disks: []OrphanDisk{{Path: `D:\VMs\` + id + `\disk0.vhdx`, Bytes: 10 << 30}},
	})
	w.copies[id] = append(w.copies[id], h.Host)
	return &h.VMs[len(h.VMs)-1]
}

func link(from, to *HostReading, last time.Time) OrphanRelation {
	return OrphanRelation{Relationship: "Simple", Primary: fqdn(from), Replica: fqdn(to), Current: fqdn(to), Last: last}
}

func (w *orphanWorld) pair(last func(*HostReading) time.Time, pState, rState string) (id string, p, r *HostReading, pv, rv *OrphanVM) {
	id = w.id()
	p, r, _ = w.three()
	rv = w.vm(r, id, "Off", "Replica", rState, link(p, r, last(r)))
	pv = w.vm(p, id, "Running", "Primary", pState, link(p, r, last(p)))
	return id, p, r, pv, rv
}

func (w *orphanWorld) orphan(h *HostReading, kind OrphanKind, thing string) {
	w.truth[h.Host+" "+string(kind)+" "+thing] = true
}

const replicaStore = `D:\Replica\Hyper-V Replica\Virtual hard disks\`

func (w *orphanWorld) folder(h *HostReading, id string, at time.Time) *OrphanFolder {
	h.Folders = append(h.Folders, OrphanFolder{Path: replicaStore + strings.ToUpper(id), GUID: id, Files: 2, Bytes: 5 << 30, Modified: at})
	return &h.Folders[len(h.Folders)-1]
}

type orphanScene struct {
	name string
	make func(*orphanWorld)
}

// orphanScenes leave something behind, each of one kind.
var orphanScenes = []orphanScene{
	{"role of a VM that is gone", func(w *orphanWorld) { w.roleLeft(w.id()) }},
	{"role of a VM that is outside the cluster now", func(w *orphanWorld) {
		id := w.id()
		w.vm(&w.hosts[2], id, "Running", "None", "Disabled")
		w.roleLeft(id)
	}},
	{"role of a VM whose disks stay", func(w *orphanWorld) {
		id := w.id()
		w.folder(&w.hosts[0], id, w.young(&w.hosts[0]))
		w.roleLeft(id)
	}},
	{"primary gone", func(w *orphanWorld) {
		id := w.id()
		p, r, _ := w.three()
		w.vm(r, id, "Off", "Replica", "Replicating", link(p, r, w.old(r)))
		w.orphan(r, OrphanPrimaryGone, id)
	}},
	{"replica gone", func(w *orphanWorld) {
		id := w.id()
		p, r, _ := w.three()
		w.vm(p, id, "Running", "Primary", "Error", link(p, r, w.old(p)))
		w.orphan(p, OrphanReplicaGone, id)
	}},
	{"third copy gone", func(w *orphanWorld) {
		id, p, r, _, _ := w.pair(w.young, "Replicating", "Replicating")
		_, c, _ := w.three()
		for c == p || c == r {
			_, c, _ = w.three()
		}
		rv := &r.VMs[len(r.VMs)-1]
		rel := link(r, c, w.old(r))
		rel.Relationship = "Extended"
		rv.Relations = append(rv.Relations, rel)
		w.orphan(r, OrphanReplicaGone, id)
	}},
	{"removed on the primary", func(w *orphanWorld) {
		id := w.id()
		p, r, _ := w.three()
		w.vm(p, id, "Running", "None", "Disabled")
		w.vm(r, id, "Off", "Replica", "Replicating", link(p, r, w.old(r)))
		w.orphan(r, OrphanPrimaryEnded, id)
	}},
	{"the primary replicates elsewhere", func(w *orphanWorld) {
		id := w.id()
		p, r, other := w.three()
		w.vm(p, id, "Running", "Primary", "Replicating", link(p, other, w.young(p)))
		w.vm(other, id, "Off", "Replica", "Replicating", link(p, other, w.young(other)))
		w.vm(r, id, "Off", "Replica", "Error", link(p, r, w.old(r)))
		w.orphan(r, OrphanPrimaryEnded, id)
	}},
	{"removed on the replica", func(w *orphanWorld) {
		id := w.id()
		p, r, _ := w.three()
		w.vm(p, id, "Running", "Primary", "Error", link(p, r, w.old(p)))
		w.vm(r, id, "Off", "None", "Disabled")
		w.orphan(p, OrphanReplicaEnded, id)
	}},
	{"the vault is gone", func(w *orphanWorld) {
		id := w.id()
		p, r, _ := w.three()
		w.vm(p, id, "Running", "Primary", "Error", link(p, r, w.old(p))).Provider = "Microsoft:ASR"
		w.orphan(p, OrphanProvider, id)
	}},
	{"test VM left", func(w *orphanWorld) {
		id, _, r, _, _ := w.pair(w.young, "Replicating", "Replicating")
		test := w.id()
		r.VMs[len(r.VMs)-1].Relations[0].TestVM = strings.ToUpper(test)
		w.vm(r, test, "Off", "TestReplica", "Disabled")
		w.orphan(r, OrphanTest, id)
	}},
	{"test VM that lost its replica", func(w *orphanWorld) {
		h, _, _ := w.three()
		test := w.id()
		w.vm(h, test, "Off", "TestReplica", "Disabled").Disks[0].Path = replicaStore + strings.ToUpper(w.id()) + `\test.avhdx`
		w.orphan(h, OrphanTest, test)
	}},
	{"backup checkpoints", func(w *orphanWorld) {
		id := w.id()
		h, _, _ := w.three()
		w.vm(h, id, "Running", "None", "Disabled").Checkpoints = []Point{{ID: "c1", Kind: "Recovery", Time: w.old(h)}}
		w.orphan(h, OrphanCheckpoint, id)
	}},
	{"stale prepare", func(w *orphanWorld) {
		id, p, _, pv, _ := w.pair(w.old, "PreparedForFailover", "Replicating")
		pv.Power = "Off"
		w.orphan(p, OrphanPrepared, id)
	}},
	{"failover never completed", func(w *orphanWorld) {
		id, _, r, pv, _ := w.pair(w.old, "Error", "FailedOverWaitingCompletion")
		pv.Power = "Off"
		r.VMs[len(r.VMs)-1].Power = "Running"
		w.orphan(r, OrphanPending, id)
	}},
	{"files without a VM", func(w *orphanWorld) {
		id := w.id()
		h, p, _ := w.three()
		if w.rand.IntN(2) == 0 {
			w.vm(p, id, "Running", "None", "Disabled")
		}
		w.folder(h, id, w.old(h))
		w.orphan(h, OrphanFiles, id)
	}},
	{"files of a VM that has lost its disks", func(w *orphanWorld) {
		id := w.id()
		h, p, _ := w.three()
		if vm := w.vm(p, id, "Off", "None", "Disabled"); w.rand.IntN(2) == 0 {
			vm.Power = "OffCritical"
		} else {
			vm.Disks = nil
		}
		delete(w.copies, id) // there is nothing in it
		w.folder(h, id, w.old(h))
		w.orphan(h, OrphanFiles, id)
	}},
	{"replica of a VM that has lost its disks", func(w *orphanWorld) {
		id := w.id()
		p, r, _ := w.three()
		w.vm(p, id, "OffCritical", "None", "Disabled")
		delete(w.copies, id)
		w.vm(r, id, "Off", "Replica", "Replicating", link(p, r, w.old(r)))
		w.orphan(r, OrphanPrimaryEnded, id)
	}},
	{"cleaned twice, both times long ago", func(w *orphanWorld) {
		id := w.id()
		h, _, _ := w.three()
		for _, day := range []string{"20260101", "20260102"} {
			f := w.folder(h, id, w.old(h))
			f.Path, f.Kept = `D:\Replica\Hyper-V Replica\.lifeboat-quarantine\`+day+`T000000Z\`+strings.ToUpper(id), h.At.Add(-15*24*time.Hour)
		}
		w.orphan(h, OrphanKept, id)
	}},
	{"quarantine is over", func(w *orphanWorld) {
		id := w.id()
		h, _, _ := w.three()
		f := w.folder(h, id, w.old(h))
		f.Path, f.Kept = `D:\Replica\Hyper-V Replica\.lifeboat-quarantine\20260101T000000Z\`+strings.ToUpper(id), h.At.Add(-15*24*time.Hour)
		w.orphan(h, OrphanKept, id)
	}},
	{"entry nobody uses", func(w *orphanWorld) {
		h, _, _ := w.three()
		name := fmt.Sprintf("gone%d.corp.example", len(h.Entries))
		h.Entries = append(h.Entries, Authorized{Primary: name, Storage: `D:\Replica`, TrustGroup: "t"})
		w.orphan(h, OrphanEntry, name)
	}},
}

// healthyScenes look like one of them and are not.
var healthyScenes = []orphanScene{
	{"pair", func(w *orphanWorld) { w.pair(w.young, "Replicating", "Replicating") }},
	{"pair that was paused long ago", func(w *orphanWorld) { w.pair(w.old, "Suspended", "Replicating") }},
	{"pair in error for weeks", func(w *orphanWorld) { w.pair(w.old, "Error", "Error") }},
	{"pair that waits for a resynchronization", func(w *orphanWorld) { w.pair(w.old, "WaitingForStartResynchronize", "Replicating") }},
	{"first copy under way", func(w *orphanWorld) {
		w.pair(func(*HostReading) time.Time { return time.Time{} }, "InitialReplicationInProgress", "WaitingForInitialReplication")
	}},
	{"seed that waits", func(w *orphanWorld) {
		_, r, _ := w.three()
		w.vm(r, w.id(), "Off", "Replica", "WaitingForInitialReplication", OrphanRelation{Relationship: "Simple", Allowed: "*"})
	}},
	{"reversed, disks where the replica's were", func(w *orphanWorld) {
		id, p, _, _, _ := w.pair(w.young, "Replicating", "Replicating")
		p.VMs[len(p.VMs)-1].Disks[0].Path = replicaStore + strings.ToUpper(id) + `\disk0.vhdx`
		w.folder(p, id, w.old(p))
	}},
	{"replica whose storage was migrated", func(w *orphanWorld) {
		id, _, r, _, _ := w.pair(w.young, "Replicating", "Replicating")
		w.folder(r, id, w.old(r))
	}},
	{"disks of a VM of another id", func(w *orphanWorld) {
		h, other, _ := w.three()
		stays := w.id()
		at := []*HostReading{h, other}[w.rand.IntN(2)] // shared storage looks alike from both
		w.vm(at, w.id(), "Running", "None", "Disabled").Disks[0].Path = replicaStore + strings.ToUpper(stays) + `\x.vhdx`
		w.folder(h, stays, w.old(h))
	}},
	{"disks of a VM of another id, by way of a share", func(w *orphanWorld) {
		h, other, _ := w.three()
		stays := w.id()
		w.vm(other, w.id(), "Off", "None", "Disabled").Disks[0].Path = `\\H0\Replica$\Hyper-V Replica\Virtual hard disks\` + stays + `\x.vhdx`
		w.folder(h, stays, w.old(h))
	}},
	{"folder that is a junction", func(w *orphanWorld) {
		h, _, _ := w.three()
		w.folder(h, w.id(), w.old(h)).Link = true
	}},
	{"a place whose path looks like a pattern", func(w *orphanWorld) { // for people
		h, _, _ := w.three()
		id := w.id()
		w.folder(h, id, w.old(h)).Path = `D:\Replica [1]\Hyper-V Replica\Virtual hard disks\` + strings.ToUpper(id)
		w.vm(h, w.id(), "Off", "TestReplica", "Disabled").Disks[0].Path = `D:\Replica [1]\Hyper-V Replica\Virtual hard disks\X\test.avhdx`
	}},
	{"junction in quarantine", func(w *orphanWorld) {
		h, _, _ := w.three()
		id := w.id()
		f := w.folder(h, id, w.old(h))
		f.Path, f.Kept, f.Link = `D:\Replica\Hyper-V Replica\.lifeboat-quarantine\20260101T000000Z\`+strings.ToUpper(id), h.At.Add(-15*24*time.Hour), true
	}},
	{"test VM whose disks are elsewhere", func(w *orphanWorld) {
		h, _, _ := w.three()
		w.vm(h, w.id(), "Off", "TestReplica", "Disabled")
	}},
	{"chain whose middle does not tell", func(w *orphanWorld) {
		id := w.id()
		a, b, c := w.three()
		w.vm(a, id, "Running", "Primary", "Replicating", link(a, b, w.young(a)))
		w.vm(b, id, "Off", "Replica", "Replicating").Problems = []string{"Get-VMReplication: OperationFailed"}
		w.vm(c, id, "Off", "ExtendedReplica", "Suspended", link(b, c, w.old(c)))
	}},
	{"test VM of a replica that does not tell", func(w *orphanWorld) {
		id, _, r, _, _ := w.pair(w.young, "Replicating", "Replicating")
		rv := &r.VMs[len(r.VMs)-1]
		for i := range r.VMs {
			if r.VMs[i].ID == id {
				rv = &r.VMs[i]
			}
		}
		rv.Relations, rv.Problems = nil, []string{"Get-VMReplication: OperationFailed"}
		w.vm(r, w.id(), "Off", "TestReplica", "Disabled").Disks[0].Path = replicaStore + strings.ToUpper(id) + `\test.avhdx`
	}},
	{"folder of a VM that is being enabled", func(w *orphanWorld) {
		h, _, _ := w.three()
		w.folder(h, w.id(), w.young(h))
	}},
	{"files that a protection works on", func(w *orphanWorld) {
		h, _, _ := w.three()
		id := w.id()
		w.folder(h, id, w.old(h))
		w.held[id] = "the run plan/protection-X"
	}},
	{"chain", func(w *orphanWorld) {
		id := w.id()
		a, b, c := w.three()
		on := link(b, c, w.young(b))
		on.Relationship = "Extended"
		w.vm(a, id, "Running", "Primary", "Replicating", link(a, b, w.young(a)))
		w.vm(b, id, "Off", "Replica", "Replicating", link(a, b, w.young(b)), on)
		w.vm(c, id, "Off", "ExtendedReplica", "Replicating", link(b, c, w.old(c)))
	}},
	{"replica of a broker, moved to another node", func(w *orphanWorld) {
		id := w.id()
		p, _, c := w.three()
		rel := OrphanRelation{Relationship: "Simple", Primary: fqdn(p), Replica: "broker.corp.example", Current: fqdn(c), Last: w.old(p)}
		w.vm(p, id, "Running", "Primary", "Error", rel)
		w.vm(c, id, "Off", "Replica", "Replicating", rel)
	}},
	{"replica that moved to a host nobody told the primary of", func(w *orphanWorld) {
		id := w.id()
		p, r, c := w.three()
		rel := link(p, r, w.old(p))
		w.vm(p, id, "Running", "Primary", "Error", rel)
		w.vm(c, id, "Off", "Replica", "Replicating", rel)
	}},
	{"replica of a server that is not ours", func(w *orphanWorld) {
		_, r, _ := w.three()
		rel := OrphanRelation{Relationship: "Simple", Primary: "theirs.example", Replica: fqdn(r), Last: w.old(r)}
		w.vm(r, w.id(), "Off", "Replica", "Replicating", rel)
		r.Entries = append(r.Entries, Authorized{Primary: "THEIRS.example"})
	}},
	{"primary that sends to a server that is not ours", func(w *orphanWorld) {
		p, _, _ := w.three()
		w.vm(p, w.id(), "Running", "Primary", "Error", OrphanRelation{Relationship: "Simple", Primary: fqdn(p), Replica: "cloud.example", Last: w.old(p)})
	}},
	{"planned failover under way", func(w *orphanWorld) {
		_, _, _, pv, _ := w.pair(w.young, "PreparedForFailover", "Replicating")
		pv.Power = "Off"
	}},
	{"planned failover under way for days, at the target", func(w *orphanWorld) {
		_, _, _, pv, _ := w.pair(w.old, "PreparedForFailover", "FailedOver")
		pv.Power = "Off"
	}},
	{"failed over this morning", func(w *orphanWorld) {
		_, _, r, pv, _ := w.pair(w.old, "Error", "FailedOverWaitingCompletion")
		pv.Power = "Off"
		rv := &r.VMs[len(r.VMs)-1]
		rv.Power, rv.Uptime = "Running", 5*time.Hour
	}},
	{"committed, not yet protected again", func(w *orphanWorld) {
		_, _, r, pv, _ := w.pair(w.old, "Error", "FailedOver")
		pv.Power = "Off"
		r.VMs[len(r.VMs)-1].Power = "Running"
	}},
	{"failed over, and a watch is on the site", func(w *orphanWorld) {
		id, _, r, pv, _ := w.pair(w.old, "Error", "FailedOverWaitingCompletion")
		pv.Power, w.held[id] = "Off", "the watch fence/both"
		r.VMs[len(r.VMs)-1].Power = "Running"
	}},
	{"drill under way", func(w *orphanWorld) {
		id, _, r, _, _ := w.pair(w.young, "Replicating", "Replicating")
		test := w.id()
		r.VMs[len(r.VMs)-1].Relations[0].TestVM = test
		t := w.vm(r, test, "Running", "TestReplica", "Disabled")
		if w.rand.IntN(2) == 0 {
			t.Created = w.young(r)
		} else {
			w.held[id] = "the drill drill/both"
		}
	}},
	{"somebody's VM of a test", func(w *orphanWorld) {
		h, _, _ := w.three()
		w.vm(h, w.id(), "Off", "None", "Disabled").Name = "FS01 - Test"
	}},
	{"backup under way", func(w *orphanWorld) {
		h, _, _ := w.three()
		w.vm(h, w.id(), "Running", "None", "Disabled").Checkpoints = []Point{{ID: "c1", Time: w.old(h)}, {ID: "c2", Time: w.young(h)}}
	}},
	{"another provider's, and well", func(w *orphanWorld) {
		h, _, _ := w.three()
		w.vm(h, w.id(), "Running", "Primary", "Replicating", OrphanRelation{Relationship: "Simple", Last: w.old(h)}).Provider = "Microsoft:ASR"
	}},
	{"two that run", func(w *orphanWorld) { // a finding, and nobody's to clean
		_, _, r, _, _ := w.pair(w.old, "Error", "FailedOver")
		r.VMs[len(r.VMs)-1].Power = "Running"
	}},
	{"two primaries", func(w *orphanWorld) {
		_, _, r, _, _ := w.pair(w.old, "Replicating", "Replicating")
		r.VMs[len(r.VMs)-1].Mode = "Primary"
	}},
	{"former replica", func(w *orphanWorld) {
		id := w.id()
		p, r, _ := w.three()
		w.vm(p, id, "Running", "None", "Disabled")
		w.vm(r, id, "Off", "None", "Disabled")
	}},
	{"entries for hosts and patterns", func(w *orphanWorld) {
		h, p, _ := w.three()
		h.Entries = append(h.Entries, Authorized{Primary: strings.ToUpper(fqdn(p))}, Authorized{Primary: "*.other.example"}, Authorized{Primary: "*"})
	}},
	{"files in quarantine", func(w *orphanWorld) {
		h, _, _ := w.three()
		id := w.id()
		f := w.folder(h, id, w.old(h))
		f.Path, f.Kept = `D:\Replica\Hyper-V Replica\.lifeboat-quarantine\20260225T000000Z\`+strings.ToUpper(id), h.At.Add(-3*24*time.Hour)
	}},
	{"a run works on half a pair", func(w *orphanWorld) {
		id := w.id()
		p, r, _ := w.three()
		w.vm(r, id, "Off", "Replica", "Replicating", link(p, r, w.old(r)))
		w.held[id] = "the run plan/both"
	}},
	{"role whose VM is at another node", func(w *orphanWorld) {
		id := w.id()
		w.vm(&w.hosts[1], id, "Running", "None", "Disabled")
		w.role(id, "Failed", roleVM, roleConfiguration)
	}},
	{"role of a VM that is off", func(w *orphanWorld) {
		id := w.id()
		w.vm(&w.hosts[0], id, "Off", "None", "Disabled")
		w.role(id, "PartialOnline").Files = -1
	}},
	{"role whose VM is there, and failed", func(w *orphanWorld) {
		id := w.id()
		w.vm(&w.hosts[0], id, "Off", "None", "Disabled")
		w.role(id, "Failed", roleVM)
	}},
	{"role whose configuration is kept offline, with its disks", func(w *orphanWorld) {
		id := w.id()
		w.role(id, "Offline")
		w.folder(&w.hosts[0], id, w.old(&w.hosts[0]))
	}},
	{"role of a replica whose volume is away", func(w *orphanWorld) {
		id := w.id()
		p, r := &w.hosts[2], &w.hosts[0]
		w.vm(p, id, "Running", "Primary", "Error", link(p, r, w.old(p)))
		w.role(id, "Failed", roleConfiguration).Files = -1
	}},
	{"role whose VM may be registered again", func(w *orphanWorld) { w.role(w.id(), "Failed", roleConfiguration).Files = 2 }},
	{"role with a disk that others may use", func(w *orphanWorld) { w.role(w.id(), "Failed", roleVM).Others = []string{"Physical Disk"} }},
	{"role of a VM that a run works on", func(w *orphanWorld) {
		id := w.id()
		w.role(id, "Failed", roleVM)
		w.held[id] = "the run plan/both"
	}},
	{"a VM that does not tell", func(w *orphanWorld) {
		p, r, _ := w.three()
		w.vm(r, w.id(), "Off", "Replica", "Replicating", link(p, r, w.old(r))).Problems = []string{"Get-VMReplication: OperationFailed"}
	}},
}

func (w *orphanWorld) look() OrphanLook {
	return OrphanLook{Hosts: w.hosts, Held: w.held, Policy: OrphanPolicyOf(&Config{})}
}

// needEveryNode are kinds that rest on what is missing.
var needEveryNode = []OrphanKind{OrphanPrimaryGone, OrphanReplicaGone, OrphanPrimaryEnded, OrphanReplicaEnded, OrphanPrepared, OrphanPending, OrphanFiles, OrphanKept, OrphanEntry, OrphanRole}

// judge says what is wrong with a picture of this world.
func (w *orphanWorld) judge(p OrphanPicture) (wrong []string) {
	ids := map[string]bool{}
	for _, f := range p.Findings {
		thing := f.VM
		if f.Kind == OrphanEntry {
			thing = f.Name
		}
		what := f.Host + " " + string(f.Kind) + " " + thing
		if f.Verb != "" && !w.truth[what] {
			wrong = append(wrong, "offered to clean, and nothing is left behind: "+what)
		}
		if w.beyond && f.Verb != "" && slices.Contains(needEveryNode, f.Kind) {
			wrong = append(wrong, "offered, and a node that nobody asks may have it: "+what)
		}
		if ids[f.ID] {
			wrong = append(wrong, "an id stands for two things: "+what)
		}
		ids[f.ID] = true
		elsewhere := slices.ContainsFunc(w.copies[f.VM], func(h string) bool { return h != f.Host })
		about := f.Kind != OrphanEntry && f.Kind != OrphanTest
		if about && !f.OnlyCopy && !elsewhere {
			wrong = append(wrong, "it is the only copy, and not said so: "+what)
		}
		if f.Verb != "" && f.OnlyCopy && f.Word == "" && f.Kind != OrphanCheckpoint {
			wrong = append(wrong, "the only copy goes with a plain yes: "+what)
		}
		if f.Policy && f.Word != "" {
			wrong = append(wrong, "a policy cleans what takes a word: "+what)
		}
		if f.Risk == "" || f.Undo == "" || len(f.Evidence) == 0 || len(f.Commands) == 0 || f.Verb == "" && f.Person == "" {
			wrong = append(wrong, "something is not told: "+what)
		}
		if w.held[f.VM] != "" {
			wrong = append(wrong, "somebody works on it: "+what)
		}
	}
	return wrong
}

const orphanSeeds = 6000

// No look at any generated estate offers to clean what is not left behind,
// however many hosts do not answer.
func TestOrphanCorpus(t *testing.T) {
	met, found := map[string]int{}, map[OrphanKind]int{}
	for seed := range uint64(orphanSeeds) {
		w := newOrphanWorld(seed)
		for _, s := range w.scenes {
			met[s]++
		}
		all := FindOrphans(w.look())
		if wrong := w.judge(all); len(wrong) > 0 {
			t.Fatalf("seed %d, all hosts read, scenes %v:\n%s", seed, w.scenes, strings.Join(wrong, "\n"))
		}
		seen := map[string]bool{}
		for _, f := range all.Findings {
			found[f.Kind]++
			thing := f.VM
			if f.Kind == OrphanEntry {
				thing = f.Name
			}
			seen[f.Host+" "+string(f.Kind)+" "+thing] = f.Verb != ""
		}
		untold := slices.ContainsFunc(w.scenes, func(s string) bool { return strings.HasSuffix(s, "does not tell") }) // it hides what may be its own
		for what := range w.truth {
			if !seen[what] && !w.beyond && !(untold && (strings.Contains(what, string(OrphanEntry)) || strings.Contains(what, string(OrphanTest)))) {
				t.Fatalf("seed %d, scenes %v: not found: %s\nnot offered: %+v", seed, w.scenes, what, all.Quiet)
			}
		}
		slices.Reverse(w.hosts)
		again := FindOrphans(w.look())
		slices.Reverse(again.Hosts)
		require.True(t, reflect.DeepEqual(all.Findings, again.Findings) && reflect.DeepEqual(all.Kept, again.Kept), "seed %d: the order of hosts changes what is found", seed)
		for i := range w.hosts {
			if w.rand.IntN(3) == 0 {
				w.hosts[i] = HostReading{Host: w.hosts[i].Host, Names: w.hosts[i].Names, Why: "unreachable"}
			}
		}
		if wrong := w.judge(FindOrphans(w.look())); len(wrong) > 0 {
			t.Fatalf("seed %d, some hosts unread, scenes %v:\n%s", seed, w.scenes, strings.Join(wrong, "\n"))
		}
	}
	for _, s := range slices.Concat(orphanScenes, healthyScenes) {
		require.Positive(t, met[s.name], "never played: %s", s.name)
	}
	for _, k := range []OrphanKind{OrphanPrimaryGone, OrphanReplicaGone, OrphanPrimaryEnded, OrphanReplicaEnded, OrphanTwoPrimaries, OrphanFormerReplica, OrphanProvider, OrphanTest, OrphanCheckpoint, OrphanPrepared, OrphanPending, OrphanFiles, OrphanKept, OrphanEntry, OrphanRole} {
		require.Positive(t, found[k], "never found: %s", k)
	}
}

func TestOrphansAreNotOfferedBlindly(t *testing.T) {
	w := newOrphanWorld(1)
	look := w.look()
	look.Blind = "Temporal does not answer"
	p := FindOrphans(look)
	require.Empty(t, p.Findings)
	require.True(t, slices.ContainsFunc(p.Quiet, func(q OrphanQuiet) bool { return strings.Contains(q.Why, "Temporal does not answer") }))
}

// A node that is in no configuration may have the VM, and one that is silent too.
func TestARoleIsLeftOnlyWhereEveryNodeIsKnown(t *testing.T) {
	gone := OrphanGroup{ID: "g", Name: "DB", Owner: "H0", State: "Failed", VM: "A", Store: `C:\ClusterStorage\Volume1`, Failed: []string{roleVM}}
	look := func(change func(hosts []HostReading)) OrphanPicture {
		hosts := []HostReading{}
		for _, name := range []string{"H0", "H1", "H2"} {
			hosts = append(hosts, HostReading{Host: name, Names: []string{name}, Read: true, At: time.Unix(1e9, 0)})
		}
		hosts[0].Cluster = &OrphanCluster{Name: "CL", Nodes: []string{"h0", "h1"}, Groups: []OrphanGroup{gone}}
		hosts[1].Cluster = &OrphanCluster{Name: "cl", Nodes: []string{"h0", "h1"}}
		change(hosts)
		return FindOrphans(OrphanLook{Hosts: hosts, Policy: OrphanPolicyOf(&Config{Orphans: &OrphanPolicy{Clean: []OrphanKind{OrphanRole}}})})
	}
	all := look(func([]HostReading) {})
	require.Len(t, all.Findings, 1)
	f := all.Findings[0]
	require.Equal(t, []any{OrphanRole, VerbRemoveRole, "g", true, WordOnlyCopy, false}, []any{f.Kind, f.Verb, f.Group, f.OnlyCopy, f.Word, f.Policy})
	require.Equal(t, Duration(-1), f.Age)
	other := f
	other.Group = "made again"
	require.NotEmpty(t, f.Agreed(other))
	require.Empty(t, f.Agreed(f))
	well := look(func(hosts []HostReading) {
		hosts[0].VMs = []OrphanVM{{ID: "a", Name: "DB", Power: "Off", Mode: "None", State: "Disabled"}}
		hosts[0].Cluster.Groups[0].Failed, hosts[0].Cluster.Groups[0].State = nil, "PartialOnline"
	})
	require.Empty(t, well.Findings)
	require.Empty(t, well.Quiet, "a role that has its VM is nobody's business")
	elsewhere := look(func(hosts []HostReading) {
		hosts[2].Cluster = &OrphanCluster{Name: "OTHER", Nodes: []string{"h2"}}
		hosts[2].VMs = []OrphanVM{{ID: "a", Name: "DB", Power: "Running", Mode: "None", State: "Disabled"}}
	})
	require.Len(t, elsewhere.Findings, 1)
	require.True(t, elsewhere.Findings[0].Policy, "another copy was seen, and the policy names the kind")
	silent := look(func(hosts []HostReading) {
		hosts[0].Cluster, hosts[0].Problems = nil, []string{"Get-ClusterGroup: AccessDenied"}
	})
	require.Len(t, silent.Quiet, 1)
	require.Contains(t, silent.Quiet[0].Why, "AccessDenied")
	for want, change := range map[string]func([]HostReading){
		"node h1 of CL is not in the configuration": func(hosts []HostReading) { hosts[1].Host, hosts[1].Names = "other", []string{"other"} },
		"node h1 did not tell of CL":                func(hosts []HostReading) { hosts[1].Cluster = nil },
		"H1 was not read":                           func(hosts []HostReading) { hosts[1] = HostReading{Host: "H1", Names: []string{"H1"}} },
		"H2 was not read":                           func(hosts []HostReading) { hosts[2] = HostReading{Host: "H2", Names: []string{"H2"}} },
		"its VM is at H1": func(hosts []HostReading) {
			hosts[1].VMs = []OrphanVM{{ID: "a", Name: "DB", Power: "Running", Mode: "None", State: "Disabled"}}
		},
		"nothing of it has failed":                     func(hosts []HostReading) { hosts[0].Cluster.Groups[0].Failed = nil },
		"its volume may be away":                       func(hosts []HostReading) { hosts[0].Cluster.Groups[0].Files = -1 },
		"it holds what is not the VM's: Physical Disk": func(hosts []HostReading) { hosts[0].Cluster.Groups[0].Others = []string{"Physical Disk"} },
		"a configuration of the VM":                    func(hosts []HostReading) { hosts[0].Cluster.Groups[0].Files = 1 },
	} {
		p := look(change)
		require.Empty(t, p.Findings, want)
		require.Len(t, p.Quiet, 1, want)
		require.Contains(t, p.Quiet[0].Why, want)
	}
}

// What was put into quarantine twice comes back as it was cleaned last, and after a
// kill an undo is verified by what was agreed to.
func TestUndoTakesWhatWasCleanedLast(t *testing.T) {
	host := HostReading{Host: "H", Names: []string{"H"}, Read: true, At: time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)}
	const id = "00000001-0000-4000-8000-000000000001"
	for _, stamp := range []string{"20260301T000000Z", "20260302T000000Z"} {
		at, err := KeptAt(stamp)
		require.NoError(t, err)
		host.Folders = append(host.Folders, OrphanFolder{Path: `D:\Replica\Hyper-V Replica\.lifeboat-quarantine\` + stamp + `\` + strings.ToUpper(id), GUID: id, Modified: at, Kept: at})
	}
	p := FindOrphans(OrphanLook{Hosts: []HostReading{host}, Policy: OrphanPolicyOf(&Config{})})
	q, kept := p.InQuarantine(orphanID("H", OrphanFiles, replicaStore+id))
	require.True(t, kept)
	require.Contains(t, q.Path, "20260302")
	agreed := Orphan{ID: q.ID, Kind: OrphanFiles, Host: "H", VM: id, Path: q.Path, Paths: []string{q.Original}}
	f, verb, why := OrphanStep(p, agreed, true)
	require.Empty(t, why)
	require.Equal(t, VerbRestore, verb)
	require.Equal(t, agreed.Path, f.Path)
	back := host
	back.Folders = []OrphanFolder{host.Folders[0], {Path: q.Original, GUID: id}}
	f, verb, why = OrphanStep(FindOrphans(OrphanLook{Hosts: []HostReading{back}, Policy: OrphanPolicyOf(&Config{})}), agreed, true)
	require.NotEmpty(t, why, "it is not in quarantine any more")
	gone, told := f.Gone(verb, back)
	require.True(t, gone && told, "it is back")
	f.Paths = nil
	_, told = f.Gone(verb, back)
	require.False(t, told, "where it should be is not known")
}

// What failed half way is not as it was.
func TestHalfOfACleanUpIsNotAsItWas(t *testing.T) {
	f := Orphan{VM: "vm", Path: `D:\q\vm`, Bytes: 5, Points: []string{"a", "b"}, Paths: []string{`D:\x.vhdx`}}
	whole := HostReading{Read: true, Folders: []OrphanFolder{{Path: f.Path, Bytes: 5}}, VMs: []OrphanVM{{ID: "VM", Checkpoints: []Point{{ID: "b"}, {ID: "a"}}}}}
	half := HostReading{Read: true, Folders: []OrphanFolder{{Path: f.Path, Bytes: 4}}, VMs: []OrphanVM{{ID: "VM", Checkpoints: []Point{{ID: "b"}}}}}
	for _, verb := range []Verb{VerbDeleteFiles, VerbRemoveCheckpoints} {
		require.True(t, f.AsItWas(verb, whole), verb)
		require.False(t, f.AsItWas(verb, half), verb)
	}
	require.False(t, f.AsItWas(VerbRemoveTest, HostReading{Read: true}))
	gone, told := f.Gone(VerbRemoveTest, HostReading{Read: true})
	require.True(t, told && !gone, "the VM is gone, and its disks are not in quarantine")
	gone, _ = f.Gone(VerbRemoveTest, HostReading{Read: true, Folders: []OrphanFolder{{Path: `D:\Hyper-V Replica\.lifeboat-quarantine\1\test-vm`, Files: 1, Kept: time.Unix(1, 0)}}})
	require.True(t, gone)
}

// The place of a test VM's disks in quarantine is on their own volume, whatever the
// letters of its path are.
func TestWhereATestVMsDisksGo(t *testing.T) {
	host := HostReading{At: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}
	at := func(paths ...string) string {
		return Orphan{VM: "vm", Verb: VerbRemoveTest, Paths: paths}.Quarantine(host)
	}
	require.Equal(t, `D:\İstanbul\Hyper-V Replica\.lifeboat-quarantine\20260301T080000Z\test-vm`, at(`D:\İstanbul\HYPER-V Replica\Virtual hard disks\X\a.avhdx`))
	require.Empty(t, at())
	require.Empty(t, at(`D:\VMs\a.avhdx`))
	require.Empty(t, at(`D:\R\Hyper-V Replica\X\a.avhdx`, `E:\R\Hyper-V Replica\X\b.avhdx`))
}

// A command that is shown can be copied as it is: a path is a value in it, whatever
// quotes it has.
func TestCommandsOfOrphansAreQuoted(t *testing.T) {
	host := HostReading{Host: "H", Names: []string{"H"}, Read: true, At: time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)}
	const id = "00000001-0000-4000-8000-000000000001"
	path := "D:\\O'Brien\u2019s\\Hyper-V Replica\\Virtual hard disks\\" + strings.ToUpper(id)
	host.Folders = []OrphanFolder{{Path: path, GUID: id, Modified: host.At.Add(-48 * time.Hour)}}
	p := FindOrphans(OrphanLook{Hosts: []HostReading{host}, Policy: OrphanPolicyOf(&Config{})})
	require.Len(t, p.Findings, 1)
	require.Contains(t, strings.Join(p.Findings[0].Commands, "\n"), "Move('D:\\O''Brien\u2019\u2019s\\Hyper-V Replica\\Virtual hard disks\\"+strings.ToUpper(id)+"'")
}

// A failover that somebody began beside a primary which runs was shown with
// Complete-VMFailover alone: pasted, it makes the wrong copy final.
func TestAPendingFailoverBesideARunningPrimaryIsToldWithBothWays(t *testing.T) {
	w := &orphanWorld{rand: rand.New(rand.NewPCG(1, 7)), copies: map[string][]string{}, truth: map[string]bool{}}
	for _, name := range []string{"H0", "H1", "H2"} {
		w.hosts = append(w.hosts, HostReading{Host: name, Names: []string{name, strings.ToLower(name) + ".corp.example"}, Read: true, At: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)})
	}
	w.pair(w.old, "Error", "FailedOverWaitingCompletion")
	p := FindOrphans(OrphanLook{Hosts: w.hosts, Policy: OrphanPolicyOf(&Config{})})
	require.Len(t, p.Findings, 1)
	f := p.Findings[0]
	require.Equal(t, OrphanPending, f.Kind)
	require.Empty(t, f.Verb)
	require.Len(t, f.Commands, 2)
	require.Contains(t, f.Commands[0], "Stop-VMFailover")
	require.Contains(t, f.Commands[1], "Complete-VMFailover -VM $vm   (when it is, and only then)")
	require.Contains(t, f.Risk, "The other copy runs")
}

// By a clock that is wrong nothing is old, and nothing has been long in quarantine.
func TestAWrongClockProvesNoAge(t *testing.T) {
	const id = "00000001-0000-4000-8000-000000000001"
	at := time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)
	for _, off := range []time.Duration{time.Minute, 400 * 24 * time.Hour, -time.Hour} {
		p := FindOrphans(OrphanLook{Policy: OrphanPolicyOf(&Config{}), Hosts: []HostReading{{Host: "H", Names: []string{"H"}, Read: true, At: at, Off: off, Folders: []OrphanFolder{
			{Path: replicaStore + id, GUID: id, Modified: at.Add(-48 * time.Hour)},
			{Path: `D:\Replica\Hyper-V Replica\.lifeboat-quarantine\20260101T000000Z\` + id, GUID: id, Kept: at.Add(-50 * 24 * time.Hour), Modified: at},
		}}}})
		if wrong := off != time.Minute; wrong != (len(p.Findings) == 0) || wrong && (len(p.Quiet) != 2 || !strings.Contains(p.Quiet[0].Why, "the clock of H is")) {
			t.Errorf("%s off: %+v, not offered %+v", off, p.Findings, p.Quiet)
		}
	}
}

// What an undo would do is known before anybody agrees to it.
func TestWhatAnUndoWouldDo(t *testing.T) {
	s := OrphanStatus{
		Picture: OrphanPicture{Kept: []OrphanInQuarantine{{ID: "o-test", Path: `D:\q\test-x`}, {ID: "o-files", Path: `D:\q\1\x`, Original: `D:\r\x`}}},
		Cleans: []OrphanClean{
			{Orphan: Orphan{ID: "o-points", Undo: "none: they are merged"}, Verb: VerbRemoveCheckpoints, Verdict: VerdictDone},
			{Orphan: Orphan{ID: "o-entry"}, Verb: VerbRemoveEntry, Verdict: VerdictDone},
			{Orphan: Orphan{ID: "o-entry"}, Verb: VerbAddEntry, Verdict: VerdictRefused},
			{Orphan: Orphan{ID: "o-back"}, Verb: VerbRestore, Verdict: VerdictDone, By: "Mia"},
		},
	}
	for id, want := range map[string]string{"o-files": "restore-files", "o-entry": "add-entry", "o-test": "nothing to go back to", "o-points": "none: they are merged", "o-back": "Mia has taken it back", "o-x": "nothing of"} {
		c, why := s.Undo(id)
		require.Contains(t, string(c.Verb)+why, want)
		require.Equal(t, why == "", c.Verb != "")
	}
}
