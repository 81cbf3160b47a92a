package plans

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// OutsideTitle is what people call the report about VMs that no plan holds. Its
// Plan is "".
const OutsideTitle = "VMs in no plan"

// Title is the plan's name for people.
func (r ReadyReport) Title() string { return orWord(r.Plan, OutsideTitle) }

// OldestThird is the VM with the oldest third copy; false where none is known.
func (r ReadyReport) OldestThird() (oldest ReadyVM, ok bool) {
	for _, vm := range r.VMs {
		if vm.ExtendedBehind > oldest.ExtendedBehind {
			oldest, ok = vm, true
		}
	}
	return oldest, ok
}

// Outside is what a configuration protects and no plan of it holds.
type Outside struct {
	// Run is the VMs of groups that are in no plan, as if one held them.
	Run RunInput
	// grouped are the VMs of all groups, by id.
	grouped map[string]bool
}

// OutsideOf finds the VMs that are in a protection group and in no plan.
func OutsideOf(cfg *Config, speed float64) Outside {
	o := Outside{Run: RunInput{Speed: speed}, grouped: map[string]bool{}}
	index := indexVMs(cfg)
	planned := map[string]bool{}
	for i := range cfg.Plans {
		r := resolver{cfg: cfg, plan: &cfg.Plans[i], index: index}
		for _, s := range cfg.Plans[i].Steps {
			for _, vm := range s.VMs {
				if ref := r.find(vm.VM); ref.vm != nil {
					planned[ref.vm.ID] = true
				}
			}
		}
	}
	var step RunStep
	for _, g := range cfg.Groups {
		for _, vm := range g.VMs {
			o.grouped[vm.ID] = true
			if !planned[vm.ID] {
				step.VMs = append(step.VMs, RunVM{ID: vm.ID, Name: vm.Name, Label: vm.Name, SourceHost: g.From, TargetHost: g.To, RPO: g.RPO,
					ReverseTo: cfg.host(g.From).replicaName(), TargetName: cfg.host(g.To).replicaName()})
			}
		}
	}
	if len(step.VMs) > 0 {
		o.Run.Steps = []RunStep{step}
	}
	for _, vm := range o.Run.VMs() {
		for _, name := range []string{vm.SourceHost, vm.TargetHost} {
			if !slices.ContainsFunc(o.Run.Hosts, func(h RunHost) bool { return h.Name == name }) {
				o.Run.Hosts = append(o.Run.Hosts, RunHost{Name: name, Site: cfg.host(name).Site})
			}
		}
	}
	return o
}

// ReadyOutside says what becomes of VMs that no plan holds: those of groups, in
// l.Run and l.Pairs, and those that only the hosts know, among found; ok is false
// when there are none. Nothing starts them on the day. Whatever keeps one of a
// group from being replicated makes it not ready; that it is in no plan alone does
// not, and neither does a VM that nobody has asked this engine to watch.
func ReadyOutside(o Outside, l ReadyLook, found map[string]map[string]Copy) (ReadyReport, bool) {
	if l.MaxAge == 0 {
		l.MaxAge = maxAge
	}
	l.Run = o.Run
	r := ready{look: l, in: l.Run}
	r.index()
	r.out = ReadyReport{At: l.Now, Speed: max(1, l.Run.Speed)}
	r.outsideHosts()
	for _, vm := range r.in.VMs() {
		r.outside(vm)
	}
	r.strays(o, found)
	if r.out.Total == 0 {
		return ReadyReport{}, false
	}
	SortFindings(r.out.Findings)
	r.verdict()
	if r.out.Verdict == ReadyYes {
		r.out.Why = fmt.Sprintf("%d of them, no plan starts them", r.out.Total)
		if r.out.Total == 1 {
			r.out.Why = "1 of them, no plan starts it"
		}
	}
	return r.out, true
}

// outsideHosts says which hosts were not read, or not lately.
func (r *ready) outsideHosts() {
	for _, h := range r.in.Hosts {
		v, read := r.view(h.Name), r.look.Read[h.Name]
		r.out.Hosts = append(r.out.Hosts, ReadyHost{Name: h.Name, Site: h.Site, Up: v.Reached, Read: read, Error: v.Error})
		if !read.IsZero() && (r.out.Seen.IsZero() || read.Before(r.out.Seen)) {
			r.out.Seen = read
		}
		if v.Reached && r.look.Now.Sub(read) <= r.look.MaxAge {
			continue
		}
		r.blind = true
		if read.IsZero() {
			r.out.Stale = append(r.out.Stale, fmt.Sprintf("I cannot read %s.", h.Name))
			continue
		}
		r.out.Stale = append(r.out.Stale, fmt.Sprintf("I have not read %s since %s.", h.Name, clock(read)))
	}
}

func (r *ready) outside(vm RunVM) {
	p := r.pair(vm.ID)
	if AwayFromHome([]Pair{p}) {
		p.Source, p.Target = p.Target, p.Source
		vm.SourceHost, vm.TargetHost, vm.ReverseTo, vm.TargetName = vm.TargetHost, vm.SourceHost, vm.TargetName, vm.ReverseTo
	}
	line := r.line(vm, p)
	r.count(line)
	r.add(Finding{Severity: Warning, Code: "no-plan", VM: vm.Label, Text: "in a protection group and in no plan",
		Means: "nothing starts it", Remedy: "add it to a plan: policy: manual for one that is to start only when it is named"})
	before := len(r.out.Findings)
	if r.view(vm.SourceHost).Reached && r.view(vm.TargetHost).Reached {
		r.both(vm, p)
	}
	r.late(vm, p, line, before)
}

func (r *ready) count(line ReadyVM) {
	r.out.Total++
	if line.InTime {
		r.out.InTime++
	}
	r.out.VMs = append(r.out.VMs, line)
}

// strays are VMs that replicate on a host and are in no group, each once: where it
// is the primary if that is seen. Test copies are nobody's, and neither is what
// Lifeboat makes to throw away.
func (r *ready) strays(o Outside, found map[string]map[string]Copy) {
	seen := map[string]Copy{}
	for _, host := range slices.Sorted(maps.Keys(found)) {
		for id, c := range found[host] {
			if o.grouped[id] || isThrowAway(c.Name) || !slices.Contains([]string{"Primary", "Replica", "ExtendedReplica"}, c.Mode) {
				continue
			}
			if was, twice := seen[id]; !twice || was.Mode != "Primary" && c.Mode == "Primary" {
				seen[id] = c
			}
		}
	}
	all := slices.SortedFunc(maps.Values(seen), func(a, b Copy) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.VM, b.VM))
	})
	for _, c := range all {
		line := ReadyVM{ID: c.VM, Label: c.Name, State: c.State, Health: c.Health, Behind: -1, Backlog: -1, TestVM: c.TestVM != "", InTime: c.Health != "Critical"}
		if !c.LastReplication.IsZero() {
			line.LastGood, line.Behind = c.LastReplication, r.behind(c, c.LastReplication)
		}
		r.count(line)
		f := Finding{Severity: Warning, Code: "no-group", VM: c.Name, Host: c.Host, Text: "replicates at " + c.Host + " and is in no protection group",
			Means: "nobody watches it, and nothing starts it", Remedy: "lifeboat init shows it as YAML, for a group and a plan; or end its replication"}
		if c.Health == "Critical" {
			f.Code, f.Text = "no-group-critical", "replicates at "+c.Host+", is in no protection group, and Hyper-V calls it critical"
		}
		r.add(f)
	}
}
