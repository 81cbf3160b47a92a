package plans

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// OrphanEstate is what a configuration says to a sweep.
type OrphanEstate struct {
	// Hosts are all hosts with the names that others call them by; none is read.
	Hosts  []HostReading
	Policy OrphanPolicy
	// Speed is how much faster the hosts live, Simulated true where their clocks have
	// nothing to do with ours.
	Speed     float64
	Simulated bool
	// VMs are the ids of each plan's VMs, and of what a protection or a replacement
	// of the same name works on.
	VMs map[string][]string
}

// OrphanEstateOf reads a configuration.
func OrphanEstateOf(cfg *Config, speed float64) OrphanEstate {
	e := OrphanEstate{Policy: OrphanPolicyOf(cfg), Speed: max(1, speed), Simulated: cfg.Lab != nil, VMs: map[string][]string{}}
	for i := range cfg.Hosts {
		h := &cfg.Hosts[i]
		e.Hosts = append(e.Hosts, HostReading{Host: h.Name, Names: []string{h.Name, orWord(h.ReplicaName, h.Name)}})
	}
	for i := range cfg.Groups {
		g := &cfg.Groups[i]
		for j := range g.VMs {
			vm, id := &g.VMs[j], strings.ToLower(g.VMs[j].ID)
			names := append(cfg.plansOf(vm), "protection-"+g.Name, "protection-"+vm.Name, "replace-host-"+g.From, "replace-host-"+g.To)
			if g.Extends != nil {
				names = append(names, "replace-host-"+g.Extends.To)
			}
			for _, name := range names {
				e.VMs[name] = append(e.VMs[name], id)
			}
		}
	}
	return e
}

// PlansOf are the plans that a VM belongs to.
func (e OrphanEstate) PlansOf(vm string) (out []string) {
	for name, ids := range e.VMs {
		if slices.Contains(ids, strings.ToLower(vm)) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Quarantine is the folder of the quarantine into which a finding's files go, by
// the time of its host's clock.
func (f Orphan) Quarantine(host HostReading) string {
	stamp := host.At.UTC().Format(keptForm)
	if f.Verb == VerbQuarantine {
		return quarantineOf(f.Path) + `\` + stamp
	}
	if place := quarantineOfAll(f.Paths); place != "" {
		return place + `\` + stamp + testFolder + f.VM
	}
	return ""
}

// testFolder begins the folder of a test VM's disks in quarantine.
const testFolder = `\test-`

var replicaPlace = regexp.MustCompile(`(?i)\\hyper-v replica\\`)

// quarantineOfAll is the quarantine of the place of replicas that holds all disks, ""
// where none does: what goes elsewhere would go to another volume, or be lost sight
// of.
func quarantineOfAll(disks []string) (place string) {
	for i, p := range disks {
		at := replicaPlace.FindStringIndex(p)
		if at == nil || i > 0 && !strings.EqualFold(p[:at[0]], place) {
			return ""
		}
		place = p[:at[0]]
	}
	if place == "" {
		return ""
	}
	return place + `\Hyper-V Replica\.lifeboat-quarantine`
}

// Gone tells from a new reading of its host whether what a verb was to do about a
// finding is so now; told is false where the reading does not say.
func (f Orphan) Gone(verb Verb, host HostReading) (gone, told bool) {
	if !host.Read {
		return false, false
	}
	listed := !slices.ContainsFunc(host.Problems, func(p string) bool { return strings.HasPrefix(p, "Get-ChildItem:") })
	switch verb {
	case VerbQuarantine, VerbDeleteFiles, VerbRestore:
		there := func(path string) bool {
			return slices.ContainsFunc(host.Folders, func(d OrphanFolder) bool { return strings.EqualFold(d.Path, path) })
		}
		if verb == VerbRestore {
			back := len(f.Paths) > 0
			return back && !there(f.Path) && there(f.Paths[0]), back && listed
		}
		return !there(f.Path) && (verb != VerbQuarantine || f.inQuarantine(host)), listed
	case VerbRemoveEntry, VerbAddEntry:
		there := slices.ContainsFunc(host.Entries, func(e Authorized) bool { return strings.EqualFold(e.Primary, f.Entry.Primary) })
		return there == (verb == VerbAddEntry), true
	case VerbRemoveRole:
		gone := host.Cluster != nil && !slices.ContainsFunc(host.Cluster.Groups, func(g OrphanGroup) bool { return g.ID == f.Group })
		return gone, host.Cluster != nil
	}
	i := slices.IndexFunc(host.VMs, func(vm OrphanVM) bool { return strings.EqualFold(vm.ID, f.VM) })
	if i < 0 {
		return verb == VerbRemoveTest && f.disksKept(host), verb == VerbRemoveTest && listed
	}
	vm := host.VMs[i]
	switch verb {
	case VerbRemoveTest:
		return false, true
	case VerbRemove, VerbRemoveByWMI:
		return vm.Mode == "None", true
	case VerbRemoveExtended:
		return !slices.ContainsFunc(vm.Relations, func(r OrphanRelation) bool { return r.Relationship == "Extended" }), len(vm.Problems) == 0
	case VerbStopFailover:
		return vm.State != "PreparedForFailover", true
	case VerbComplete:
		return vm.State == "FailedOver", true
	case VerbStopTest:
		return !slices.ContainsFunc(vm.Relations, func(r OrphanRelation) bool { return r.TestVM != "" }), len(vm.Problems) == 0
	case VerbRemoveCheckpoints:
		left := slices.ContainsFunc(vm.Checkpoints, func(p Point) bool { return slices.Contains(f.Points, p.ID) })
		return !left, !slices.ContainsFunc(host.Problems, func(p string) bool { return strings.HasPrefix(p, "Get-VMSnapshot:") })
	}
	return false, false
}

// inQuarantine tells whether the files of a replica are in quarantine: that they are
// not in their place is too little.
func (f Orphan) inQuarantine(host HostReading) bool {
	return slices.ContainsFunc(host.Folders, func(d OrphanFolder) bool {
		return !d.Kept.IsZero() && strings.EqualFold(folderOf(folderOf(d.Path)), quarantineOf(f.Path)) && strings.EqualFold(d.GUID, f.VM)
	})
}

// disksKept tells whether the disks of a test VM are in quarantine.
func (f Orphan) disksKept(host HostReading) bool {
	return len(f.Paths) == 0 || slices.ContainsFunc(host.Folders, func(d OrphanFolder) bool {
		return !d.Kept.IsZero() && d.Files >= len(f.Paths) && strings.HasSuffix(strings.ToLower(d.Path), testFolder+strings.ToLower(f.VM))
	})
}

// AsItWas tells from a new reading of its host that nothing of a finding has gone:
// what takes several steps may have failed half way.
func (f Orphan) AsItWas(verb Verb, host HostReading) bool {
	switch verb {
	case VerbDeleteFiles, VerbQuarantine, VerbRestore:
		return slices.ContainsFunc(host.Folders, func(d OrphanFolder) bool { return strings.EqualFold(d.Path, f.Path) && d.Bytes == f.Bytes })
	case VerbRemoveTest, VerbRemoveCheckpoints:
		return slices.ContainsFunc(host.VMs, func(vm OrphanVM) bool {
			return strings.EqualFold(vm.ID, f.VM) && !slices.ContainsFunc(f.Points, func(id string) bool {
				return !slices.ContainsFunc(vm.Checkpoints, func(p Point) bool { return p.ID == id })
			})
		})
	}
	return true
}

// Missing says why a finding is not there, or not offered, any more.
func (p OrphanPicture) Missing(f Orphan) string {
	for _, q := range p.Quiet {
		if q.Host == f.Host && q.Name == f.Name && (q.VM == f.VM || q.Kind == f.Kind) {
			return q.Why
		}
	}
	for _, h := range p.Hosts {
		if h.Host == f.Host && !h.Read {
			return f.Host + " was not read: " + h.Why
		}
	}
	return "it is not there any more"
}

// Agreed says why what is found now is not what was agreed to, "" when it is.
func (f Orphan) Agreed(now Orphan) string {
	switch {
	case now.Verb == "":
		return "a person must look first: " + now.Person
	case now.Verb != f.Verb || now.Path != f.Path || now.Relationship != f.Relationship || !slices.Equal(now.Points, f.Points) || !slices.Equal(now.Paths, f.Paths) || now.Entry != f.Entry || now.Group != f.Group:
		return "it is not as it was when it was agreed to"
	case now.Word != f.Word:
		return fmt.Sprintf("it takes the word %q now", now.Word)
	}
	return ""
}

// OrphanTally says in a line what a sweep found.
func OrphanTally(p OrphanPicture) string {
	byKind, kinds := map[OrphanKind]int{}, []OrphanKind{}
	var bytes uint64
	for i := range p.Findings {
		kind := p.Findings[i].Kind
		if byKind[kind] == 0 {
			kinds = append(kinds, kind)
		}
		byKind[kind]++
		bytes += p.Findings[i].Bytes
	}
	slices.Sort(kinds)
	words := make([]string, len(kinds))
	for i, kind := range kinds {
		words[i] = fmt.Sprintf("%d %s", byKind[kind], kind)
	}
	text := "nothing that replication left behind"
	if len(words) > 0 {
		text = "left behind: " + strings.Join(words, ", ")
	}
	if bytes > 0 {
		text += fmt.Sprintf("; %s in all", Bytes(bytes))
	}
	if p.More > 0 {
		text += fmt.Sprintf(" (the first %d of %d)", len(p.Findings), len(p.Findings)+p.More)
	}
	if unread := p.Unread(); len(unread) > 0 {
		text += "; not read: " + strings.Join(unread, ", ")
	}
	return text
}

// keptForm is how the folders of the quarantine are named: the host's time, UTC.
const keptForm = "20060102T150405Z"

// KeptAt reads the name of a folder of the quarantine.
func KeptAt(name string) (time.Time, error) { return time.Parse(keptForm, name) }

// OrphanStep is what is to be done now about what was agreed to: the finding as it
// is now, or why nothing is.
func OrphanStep(p OrphanPicture, agreed Orphan, undo bool) (f Orphan, verb Verb, why string) {
	if undo {
		return undoStep(p, agreed)
	}
	now, found := p.Find(agreed.ID)
	if !found {
		return agreed, agreed.Verb, "It is not offered any more: " + p.Missing(agreed)
	}
	if why := agreed.Agreed(now); why != "" {
		return agreed, agreed.Verb, "Not done: " + why
	}
	return now, now.Verb, ""
}

// undoStep takes a clean-up back: files out of quarantine, an entry put back.
func undoStep(p OrphanPicture, agreed Orphan) (f Orphan, verb Verb, why string) {
	f = agreed
	if f.Kind == OrphanEntry {
		return f, VerbAddEntry, ""
	}
	f.Expect = Expect{}
	for _, q := range p.Kept {
		if q.ID != agreed.ID || !strings.EqualFold(q.Path, agreed.Path) {
			continue
		}
		f.Host, f.VM, f.Path, f.Paths = q.Host, q.VM, q.Path, []string{q.Original}
		if q.Original == "" {
			return f, VerbRestore, "Their VM is gone for ever: nothing to go back to. They are in " + q.Path
		}
		return f, VerbRestore, ""
	}
	return f, VerbRestore, "Nothing of it is in quarantine"
}
