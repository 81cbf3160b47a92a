package plans

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// FoundHost is what one host said of itself and its VMs; every host speaks for
// itself alone.
type FoundHost struct {
	Host Host // how it was reached
	// Told is its own name.
	Told       string
	OS         string
	Switches   []SwitchView
	Replica    bool // it takes replication
	Thumbprint string
	Storage    string
	// Memory is the whole host's, in bytes; CertificateEnds is when the replica
	// server's certificate ends, by Clock, the host's own.
	Memory                 uint64
	CertificateEnds, Clock time.Time
	CopiesFound            []FoundCopy
}

// FoundCopy is one VM on one host.
type FoundCopy struct {
	ID, Name, Power, Mode, State string
	Memory                       uint64
	Adapters                     []Adapter
	Relations                    []FoundRelation
	// Unreplicated are disks that a primary has and does not send.
	Unreplicated []string
	// Problems are reads that failed for this copy.
	Problems []string
}

// FoundRelation is one relationship of a copy, with the settings it has.
type FoundRelation struct {
	Extended         bool
	Primary, Replica string
	Frequency        time.Duration
	Points           int
	Auth             string
	AppConsistent    time.Duration
	Compression      bool
}

// Chosen is what people said that no host tells. Any of it may be missing.
type Chosen struct {
	// Sites are where hosts stand, by the names of both; Order are all sites, the
	// primary first, and Engine is the one where Lifeboat runs.
	Sites  map[string]string
	Order  []string
	Engine string
	// Excluded are VMs of which disks are left out on purpose, Waiting those that
	// may stay behind where memory is short, by their GUIDs.
	Excluded, Waiting []string
	Plans             []Draft
}

// Draft is a recovery plan to begin with: who starts when, by their GUIDs. It has
// neither gates nor people.
type Draft struct {
	Name, From, To string
	Stages         [][]string
}

// Discovery is a configuration made of what hosts said.
type Discovery struct {
	// Text is YAML, with a comment wherever a person has to decide.
	Text []byte `json:"text"`
	// Hosts are sentences about what each host said of itself.
	Hosts []string `json:"told"`
	// Notes are what could not be told, and what is worth knowing now.
	Notes []string `json:"notes"`
	// Groups, VMs and Unprotected count what was found.
	Groups      int      `json:"groups"`
	VMs         int      `json:"vms"`
	Unprotected []string `json:"unprotected,omitempty"`
	// Doubts are those of the notes that a person can decide at once; Ways are the
	// pairs of sites between which VMs replicate.
	Doubts []Doubt `json:"-"`
	Ways   []Way   `json:"-"`
}

// Doubt is a note that a person can decide about: either disks of a VM that do not
// replicate, or memory that is too small for all replicas of a host.
type Doubt struct {
	Note string
	// Text is the note without what to write into the file.
	Text string
	Host string
	// Disks are those left out of VM.
	VM    FoundVM
	Disks []string
	// Room and Need are bytes for VMs at the host; VMs are those that come to it.
	Room, Need uint64
	VMs        []FoundVM
}

// FoundVM is a VM that replicates.
type FoundVM struct {
	ID, Name string
	Memory   uint64
}

// Way is what replicates from one site to another.
type Way struct {
	From, To string
	VMs      []FoundVM
}

// discoverer puts a configuration together.
type discoverer struct {
	hosts  []FoundHost
	chosen Chosen
	cfg    Config
	notes  []string
	doubts []Doubt
	// guessed are networks' sites and hosts' sites of which a person must say
	// whether they are right; decide are words for a VM.
	guessed map[string]string
	decide  map[string][]string
	loose   []string
}

// Discover derives a configuration from what hosts said of themselves, and from what
// people said. It never asks a host.
func Discover(hosts []FoundHost, chosen Chosen) (Discovery, error) {
	d := discoverer{hosts: withoutThrowAways(hosts), chosen: chosen, cfg: Config{Version: 1}, guessed: map[string]string{}, decide: map[string][]string{}}
	d.names()
	d.sites(chosen.Sites)
	d.groups()
	d.networks()
	d.worries()
	out := Discovery{Text: d.write(), Hosts: d.told(), Notes: d.notes, Groups: len(d.cfg.Groups), Unprotected: d.loose, Doubts: d.doubts, Ways: d.ways()}
	for _, g := range d.cfg.Groups {
		out.VMs += len(g.VMs)
	}
	if _, err := Decode([]File{{Name: "lifeboat.yaml", Data: out.Text}}); err != nil {
		return out, fmt.Errorf("what was found makes no valid configuration: %w", err)
	}
	return out, nil
}

// withoutThrowAways leaves out what Lifeboat itself made and removes again.
func withoutThrowAways(hosts []FoundHost) []FoundHost {
	out := slices.Clone(hosts)
	for i := range out {
		out[i].CopiesFound = slices.DeleteFunc(slices.Clone(out[i].CopiesFound), func(c FoundCopy) bool { return isThrowAway(c.Name) })
	}
	return out
}

func (d *discoverer) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(d.notes, text) {
		d.notes = append(d.notes, text)
	}
}

// names finds the name under which each host is replicated to: the one in its own
// relationships, and its own name where it has none.
func (d *discoverer) names() {
	for i := range d.hosts {
		h := &d.hosts[i]
		h.Host.ReplicaName = h.Told
		h.Host.CertificateThumbprint, h.Host.ReplicaStorage = h.Thumbprint, h.Storage
		if name := h.ownName(); name != "" {
			h.Host.ReplicaName = name
		} else if !strings.Contains(h.Told, ".") {
			d.note("%s: nothing replicates to or from it, so the name that others would replicate to is not known; %s is its own", h.Host.Name, h.Told)
		}
		if !h.Replica {
			d.note("%s takes no replication: it is no replica server", h.Host.Name)
		}
	}
}

func (h FoundHost) ownName() string {
	for _, c := range h.CopiesFound {
		for _, r := range c.Relations {
			switch {
			case c.Mode == "Primary" || r.Extended:
				return r.Primary
			case c.Mode == "Replica" || c.Mode == "ExtendedReplica":
				return r.Replica
			}
		}
	}
	return ""
}

// called finds a host by a name that another one uses for it.
func (d *discoverer) called(name string) (FoundHost, bool) {
	for _, h := range d.hosts {
		if strings.EqualFold(h.Host.ReplicaName, name) || strings.EqualFold(h.Told, name) || strings.EqualFold(h.Host.Name, name) {
			return h, true
		}
	}
	return FoundHost{}, false
}

func (h FoundHost) copyOf(id string) (FoundCopy, bool) {
	for _, c := range h.CopiesFound {
		if c.ID == id {
			return c, true
		}
	}
	return FoundCopy{}, false
}

func (c FoundCopy) relation(extended bool) (FoundRelation, bool) {
	for _, r := range c.Relations {
		if r.Extended == extended {
			return r, true
		}
	}
	return FoundRelation{}, false
}

// groups sorts the VMs that replicate into groups of those that do it alike.
func (d *discoverer) groups() {
	for _, h := range d.hosts {
		for _, c := range h.CopiesFound {
			for _, p := range c.Problems {
				d.note("%s at %s does not tell all: %s", c.Name, h.Host.Name, p)
			}
			switch c.Mode {
			case "Primary":
				d.primary(h, c)
			case "None":
				d.loose = append(d.loose, c.Name+" at "+h.Host.Name)
			case "Replica", "ExtendedReplica":
				d.replica(h, c)
			}
		}
	}
	for i := range d.cfg.Groups {
		d.cfg.Groups[i].Name = d.groupName(i)
	}
}

// replica notes a replica whose primary was not seen: nothing is written of it.
func (d *discoverer) replica(h FoundHost, c FoundCopy) {
	r, ok := c.relation(false)
	if !ok {
		d.note("%s at %s is a replica and does not tell of whom", c.Name, h.Host.Name)
		return
	}
	from, seen := d.called(r.Primary)
	if !seen {
		d.note("%s at %s is a replica of %s, which was not named: --host NAME=ADDRESS for it too", c.Name, h.Host.Name, orWord(r.Primary, "another host"))
		return
	}
	if _, there := from.copyOf(c.ID); !there {
		d.note("%s at %s is a replica of %s, which has no such VM: it may be the only copy", c.Name, h.Host.Name, from.Host.Name)
	}
}

func (d *discoverer) primary(h FoundHost, c FoundCopy) {
	r, ok := c.relation(false)
	if !ok {
		d.note("%s at %s is a primary and does not tell how it replicates: left out", c.Name, h.Host.Name)
		return
	}
	to, seen := d.called(r.Replica)
	if !seen {
		d.note("%s at %s replicates to %s, which was not named: left out; --host NAME=ADDRESS for it too", c.Name, h.Host.Name, orWord(r.Replica, "another host"))
		return
	}
	for _, g := range d.cfg.Groups {
		if slices.ContainsFunc(g.VMs, func(vm ProtectedVM) bool { return vm.ID == c.ID }) {
			d.note("%s (%s) is a primary at %s and at %s: written as %s has it; find out which is the good one", c.Name, c.ID, g.From, h.Host.Name, g.From)
			return
		}
	}
	g := ProtectionGroup{From: h.Host.Name, To: to.Host.Name, Frequency: Frequency(r.Frequency), RecoveryPoints: r.Points, Authentication: strings.ToLower(r.Auth)}
	app, compression := Duration(r.AppConsistent), r.Compression
	g.AppConsistent, g.Compression = &app, &compression
	t, there := to.copyOf(c.ID)
	switch {
	case !there:
		d.note("%s replicates to %s, which has no copy of it", c.Name, to.Host.Name)
	case t.Mode != "Replica":
		d.note("%s replicates to %s, where its copy is %s: find out which is the good one", c.Name, to.Host.Name, t.Mode)
	case c.State != "Replicating" || t.State != "Replicating":
		d.note("%s is %s at %s and %s at %s", c.Name, c.State, h.Host.Name, t.State, to.Host.Name)
	}
	d.third(&g, c, t)
	vm := ProtectedVM{Name: c.Name, ID: c.ID, Memory: Bytes(c.Memory)}
	if slices.Contains(d.chosen.Excluded, c.ID) {
		vm.ExcludedDisks = c.Unreplicated
	} else if len(c.Unreplicated) > 0 {
		text := fmt.Sprintf("%s has disks that do not replicate: %s", c.Name, strings.Join(c.Unreplicated, ", "))
		d.note("%s", text)
		d.doubts = append(d.doubts, Doubt{Note: text, Text: text, Host: h.Host.Name, VM: FoundVM{ID: c.ID, Name: c.Name}, Disks: c.Unreplicated})
		d.decide[c.ID] = append(d.decide[c.ID], "these disks do not replicate; if that is on purpose, take the # away:", "excluded_disks: ["+quoteAll(c.Unreplicated)+"]")
	}
	d.put(g, vm)
}

// third is the copy that the replica sends on.
func (d *discoverer) third(g *ProtectionGroup, c, t FoundCopy) {
	e, ok := t.relation(true)
	if !ok {
		return
	}
	to, seen := d.called(e.Replica)
	if !seen {
		d.note("%s replicates on from %s to %s, which was not named: its third copy is left out; --host NAME=ADDRESS for it too", c.Name, g.To, orWord(e.Replica, "another host"))
		return
	}
	g.Extends = &Extension{To: to.Host.Name, Frequency: Frequency(e.Frequency)}
}

// put adds a VM to the group of those that replicate alike.
func (d *discoverer) put(g ProtectionGroup, vm ProtectedVM) {
	at := slices.IndexFunc(d.cfg.Groups, func(o ProtectionGroup) bool { return alike(o, g) })
	if at < 0 {
		d.cfg.Groups, at = append(d.cfg.Groups, g), len(d.cfg.Groups)
	}
	d.cfg.Groups[at].VMs = append(d.cfg.Groups[at].VMs, vm)
}

func alike(a, b ProtectionGroup) bool {
	third := func(g ProtectionGroup) Extension {
		if g.Extends == nil {
			return Extension{}
		}
		return *g.Extends
	}
	return a.From == b.From && a.To == b.To && a.Frequency == b.Frequency && a.RecoveryPoints == b.RecoveryPoints && a.Authentication == b.Authentication &&
		*a.AppConsistent == *b.AppConsistent && *a.Compression == *b.Compression && third(a) == third(b)
}

// groupName says what the VMs of a group have in common; of two that would be
// called alike each has its number.
func (d *discoverer) groupName(i int) string {
	g := d.cfg.Groups[i]
	name := strings.ToLower(fmt.Sprintf("%s-%s-%s", g.From, g.To, Duration(g.Frequency)))
	if g.RecoveryPoints > 0 {
		name += fmt.Sprintf("-%d", g.RecoveryPoints)
	}
	if g.Extends != nil {
		name += strings.ToLower("-then-" + g.Extends.To)
	}
	taken := func(n string) bool {
		return slices.ContainsFunc(d.cfg.Groups[:i], func(o ProtectionGroup) bool { return o.Name == n })
	}
	for n, base := 2, name; taken(name); n++ {
		name = fmt.Sprintf("%s-no%d", base, n)
	}
	return name
}

// sites puts hosts that replicate to one another at different sites. Which hosts
// stand together no host tells: those with the same external switches are
// taken for that, and a person is asked.
func (d *discoverer) sites(given map[string]string) {
	names := slices.Clone(d.chosen.Order)
	for _, h := range d.hosts {
		site := given[h.Host.Name]
		if site == "" {
			site = d.together(h, names)
		}
		if site == "" {
			for n := len(names) + 1; site == "" || slices.Contains(names, site); n++ {
				site = fmt.Sprintf("site-%d", n)
			}
		}
		if given[h.Host.Name] == "" {
			d.guessed["host "+h.Host.Name] = "where it stands no host tells: is this right?"
		}
		if !slices.Contains(names, site) {
			names = append(names, site)
		}
		h.Host.Site = site
		d.cfg.Hosts = append(d.cfg.Hosts, h.Host)
	}
	if len(given) < len(d.hosts) {
		d.note("which hosts stand at one site no host tells: look at sites and hosts in the file, or say --site NAME=HOST")
	}
	for len(names) < 2 {
		names = append(names, fmt.Sprintf("site-%d", len(names)+1))
		d.note("only one site was found: a failover needs two")
	}
	for _, name := range names {
		d.cfg.Sites = append(d.cfg.Sites, Site{Name: name, Engine: name == d.chosen.Engine})
	}
}

// together is the site of a host with the same external switches, with none of
// whose hosts this one replicates.
func (d *discoverer) together(h FoundHost, names []string) string {
	for _, site := range names {
		same, apart := false, false
		for _, placed := range d.cfg.Hosts {
			if placed.Site != site {
				continue
			}
			o, _ := d.called(placed.ReplicaName)
			same = same || externals(o) != "" && externals(o) == externals(h)
			apart = apart || d.linked(h, o) || d.linked(o, h)
		}
		if same && !apart {
			return site
		}
	}
	return ""
}

func externals(h FoundHost) string {
	var names []string
	for _, s := range h.Switches {
		if s.Type == "External" {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, "\x00")
}

// linked is true when a host sends anything to another.
func (d *discoverer) linked(from, to FoundHost) bool {
	return slices.ContainsFunc(from.CopiesFound, func(c FoundCopy) bool {
		return slices.ContainsFunc(c.Relations, func(r FoundRelation) bool {
			o, ok := d.called(r.Replica)
			return ok && (c.Mode == "Primary" || r.Extended) && o.Host.Name == to.Host.Name
		})
	})
}

// byName finds what was found of a host of the configuration.
func (d *discoverer) byName(name string) FoundHost {
	for _, h := range d.hosts {
		if h.Host.Name == name {
			return h
		}
	}
	return FoundHost{}
}

func (d *discoverer) siteOf(host string) string { return cmp.Or(d.cfg.hostSite(host), host) }
