package plans

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

// checker gathers what is wrong with what could be read of a configuration.
type checker struct {
	cfg    *Config
	at     places
	errors Errors
	// untold are errors that may only be there because something was lost.
	untold int

	sites, hosts, networks, plans *nameSet
	// vms maps a name to the VMs that bear it, and a GUID to the one it is. nameless
	// is true where there may be more, guidless are names of VMs whose GUID is not known.
	vms      map[string][]checkedVM
	nameless bool
	guidless map[string]bool
}

// nameSet is what the things of one kind are called, with the number of each.
type nameSet struct {
	index map[string]int
	// twice are names that two things bear, of which one is meant to bear another.
	twice map[string]bool
	// partial is true where something may be there under a name that is not known.
	partial bool
}

// namesAt are those of a list at a path, still to be filled.
func (c *checker) namesAt(path string) *nameSet {
	return &nameSet{index: map[string]int{}, twice: map[string]bool{}, partial: c.at.lost(path)}
}

// one is the thing that a name means, false where that cannot be told.
func (n *nameSet) one(name string) (int, bool) {
	i, ok := n.index[name]
	return i, ok && !n.twice[name]
}

// checkedVM is a VM and its path.
type checkedVM struct {
	vmRef
	path string
}

// vmRef is a protected VM and the group it is in.
type vmRef struct {
	group *ProtectionGroup
	vm    *ProtectedVM
}

func validate(cfg *Config, at places) Errors {
	c := &checker{cfg: cfg, at: at, vms: map[string][]checkedVM{}, nameless: at.lost("groups"), guidless: map[string]bool{}}
	c.sites, c.hosts, c.networks, c.plans = c.namesAt("sites"), c.namesAt("hosts"), c.namesAt("networks"), c.namesAt("plans")
	if cfg.Version != 1 {
		c.fail("version", "write version: 1", "is %d; this program reads version 1", cfg.Version)
	}
	c.checkSites()
	c.checkHosts()
	c.checkNetworks()
	c.checkGroups()
	c.checkPlans()
	c.checkDrills()
	c.checkCanaries()
	c.checkAlerts()
	c.checkRepair(cfg.Repair, "repair", false)
	c.checkOrphans(cfg.Orphans)
	c.checkLab()
	return c.errors
}

// fail records an error at a path, or at the nearest path above it that has a
// place; none about what was lost, which has its error already.
func (c *checker) fail(path, remedy, problem string, args ...any) {
	if c.at.lost(path) {
		c.untold++
		return
	}
	e := &Error{File: "configuration", Line: 1, Column: 1, Field: path, Problem: fmt.Sprintf(problem, args...), Remedy: remedy}
	for at := path; ; at = above(at) {
		if where, ok := c.at[at]; ok {
			e.File, e.Line, e.Column = where.file.Name, where.line, where.column
			if !secretField(lastName(path)) {
				e.Snippet = snippet(where.file.Data, where.line, where.column)
			}
			break
		}
		if at == "" {
			break
		}
	}
	c.errors = append(c.errors, e)
}

func above(path string) string {
	if i := strings.LastIndexAny(path, ".["); i >= 0 {
		return path[:i]
	}
	return ""
}

// anyLost is true where one of the fields of a struct at a path was lost.
func (c *checker) anyLost(path string, fields ...string) bool {
	return slices.ContainsFunc(fields, func(f string) bool { return c.at.lost(path + "." + f) })
}

// exactlyOne is true where one of some kinds of a struct is set, and refuses it else.
func (c *checker) exactlyOne(path, what string, kinds []string, set ...bool) bool {
	n := 0
	for _, one := range set {
		if one {
			n++
		}
	}
	if last := len(kinds) - 1; n != 1 && !c.anyLost(path, kinds...) {
		c.fail(path, fmt.Sprintf("make each %s exactly one of %s and %s", what, strings.Join(kinds[:last], ", "), kinds[last]), "this %s is %d things", what, n)
	}
	return n == 1
}

// unique records a name; empty and repeated names are errors.
func (c *checker) unique(seen *nameSet, name, path, what string, i int) {
	if strings.TrimSpace(name) == "" {
		seen.partial = true
		c.fail(path+".name", "give it a name", "a %s needs a name", what)
		return
	}
	if first, twice := seen.index[name]; twice {
		seen.partial, seen.twice[name] = true, true
		c.fail(path+".name", "give each its own name", "%s %q is there already, as number %d", what, name, first+1)
		return
	}
	seen.index[name] = i
}

// known tells a name that nothing bears, unless something may bear it that was lost.
func (c *checker) known(seen *nameSet, name, path, what string) bool {
	if _, ok := seen.index[name]; ok {
		return true
	}
	names := make([]string, 0, len(seen.index))
	for n := range seen.index {
		names = append(names, n)
	}
	slices.Sort(names)
	remedy := fmt.Sprintf("add the %s, or write one of: %s", what, strings.Join(names, ", "))
	switch {
	case name == "":
		c.fail(path, remedy, "a %s must be named here", what)
	case !seen.partial:
		c.fail(path, remedy, "there is no %s %q", what, name)
	}
	return false
}

func (c *checker) checkSites() {
	if len(c.cfg.Sites) < 2 {
		c.fail("sites", "name the site that runs things and the one that takes over", "there are %d sites: a failover needs two", len(c.cfg.Sites))
	}
	for i, s := range c.cfg.Sites {
		c.unique(c.sites, s.Name, fmt.Sprintf("sites[%d]", i), "site", i)
		c.checkWitnesses(s.Witnesses, fmt.Sprintf("sites[%d].witnesses", i))
	}
	if n := len(c.cfg.Sites); n > 0 && !c.at.lost("sites") && !slices.ContainsFunc(c.cfg.Sites, func(s Site) bool { return !s.Engine }) {
		c.fail(fmt.Sprintf("sites[%d].engine", n-1), "set engine: true only where Lifeboat runs", "every site is called the engine's")
	}
}

func (c *checker) checkWitnesses(all []Witness, path string) {
	names := c.namesAt(path)
	for i, w := range all {
		at := fmt.Sprintf("%s[%d]", path, i)
		c.unique(names, w.Name, at, "witness", i)
		if _, err := netip.ParseAddrPort(w.Address); err != nil {
			c.fail(at+".address", "write it like 10.10.99.1:22: names may not resolve on the day", "%q is no address with a port", w.Address)
		}
	}
}

var secretForm = regexp.MustCompile(`^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$`)

func (c *checker) checkHosts() {
	for i, h := range c.cfg.Hosts {
		path := fmt.Sprintf("hosts[%d]", i)
		c.unique(c.hosts, h.Name, path, "host", i)
		c.known(c.sites, h.Site, path+".site", "site")
		if h.Address == "" {
			c.fail(path+".address", "write its IP address: names may not resolve on the day", "a host needs an address")
		}
		if h.ActLanes < 0 || h.ActLanes > 16 {
			c.fail(path+".act_lanes", "write 1 to 16", "is %d", h.ActLanes)
		}
		if _, err := netip.ParseAddr(h.ReplicaName); err == nil {
			c.fail(path+".replica_name", "write the host's DNS or NetBIOS name", "Hyper-V Replica refuses an IP address as the name of a replica server")
		}
		c.checkWinRM(h.WinRM, path+".winrm")
	}
}

func (c *checker) checkWinRM(w WinRM, path string) {
	c.oneOf(path+".transport", w.Transport, "https", "http")
	c.oneOf(path+".auth", w.Auth, "ntlm", "basic")
	if w.Transport == "http" && w.Auth == "basic" {
		c.fail(path+".auth", "use transport: https, or auth: ntlm", "basic over http would send the password in clear")
	}
	if w.User == "" {
		c.fail(path+".user", "name the account: a local administrator, or one of Hyper-V Administrators", "an account is needed")
	}
	if !secretForm.MatchString(string(w.Secret)) {
		c.fail(path+".secret", "write env:NAME or file:PATH; the password itself never stands here", "is no reference to a secret")
	}
	if w.Port < 0 || w.Port > 65535 {
		c.fail(path+".port", "write 1 to 65535", "is %d", w.Port)
	}
}

func (c *checker) oneOf(path, value string, allowed ...string) {
	if value != "" && !slices.Contains(allowed, value) {
		c.fail(path, "write "+strings.Join(allowed, " or "), "%q is not known here", value)
	}
}

func (c *checker) checkNetworks() {
	for i, n := range c.cfg.Networks {
		path := fmt.Sprintf("networks[%d]", i)
		c.unique(c.networks, n.Name, path, "network", i)
		for j, s := range n.Sites {
			p := fmt.Sprintf("%s.sites[%d]", path, j)
			c.known(c.sites, s.Site, p+".site", "site")
			if s.Switch == "" {
				c.fail(p+".switch", "name the virtual switch there: Get-VMSwitch lists them", "a switch is needed")
			}
			c.checkSubnet(s, p)
			c.checkTestSubnet(s, p)
		}
	}
}

// checkTestSubnet keeps what a gateway shows of test copies apart from every
// address that may be production's.
func (c *checker) checkTestSubnet(s NetworkSite, path string) {
	if s.TestSubnet == "" {
		return
	}
	at := path + ".test_subnet"
	test, err := netip.ParsePrefix(s.TestSubnet)
	if err != nil {
		c.fail(at, "write it like 172.31.10.0/24", "%q is no subnet", s.TestSubnet)
		return
	}
	own, err := netip.ParsePrefix(s.Subnet)
	switch {
	case err != nil && (s.Subnet != "" || c.anyLost(path, "subnet")): // has its own error
	case err != nil || own.Bits() != test.Bits() || own.Addr().Is4() != test.Addr().Is4():
		c.fail(at, "make it as large as subnet: each address keeps its host part", "does not fit subnet %q", s.Subnet)
	}
	if s.TestSwitch == "" && !c.anyLost(path, "test_switch") {
		c.fail(at, "add test_switch: the gateway stands on it", "there is no test network behind it")
	}
	for _, n := range c.cfg.Networks {
		for _, other := range n.Sites {
			if subnet, err := netip.ParsePrefix(other.Subnet); err == nil && subnet.Overlaps(test) {
				c.fail(at, "take a subnet that nothing else has", "overlaps %s of network %q at %s: production could answer for a test copy", other.Subnet, n.Name, other.Site)
			}
		}
	}
}

func (c *checker) checkSubnet(s NetworkSite, path string) {
	if s.Subnet == "" && !c.anyLost(path, "subnet") {
		return
	}
	subnet, err := netip.ParsePrefix(s.Subnet)
	if err != nil {
		c.fail(path+".subnet", "write it like 10.20.10.0/24", "%q is no subnet", s.Subnet)
	} else if s.Gateway != "" {
		if gw, err := netip.ParseAddr(s.Gateway); err != nil || !subnet.Contains(gw) {
			c.fail(path+".gateway", "write an address of "+s.Subnet, "%q is not in the subnet", s.Gateway)
		}
	}
	if len(s.DNS) > 2 {
		c.fail(path+".dns", "keep two", "Hyper-V takes two DNS servers, here are %d", len(s.DNS))
	}
	for i, d := range s.DNS {
		if _, err := netip.ParseAddr(d); err != nil {
			c.fail(fmt.Sprintf("%s.dns[%d]", path, i), "write an IP address", "%q is no address", d)
		}
	}
}

var guidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// checkExtension holds the third copy to Hyper-V's rules.
//
// Microsoft: "Set up Hyper-V Replica", extended replication.
func (c *checker) checkExtension(g *ProtectionGroup, path string) {
	e := g.Extends
	if e == nil {
		return
	}
	if c.known(c.hosts, e.To, path+".to", "host") && (e.To == g.From || e.To == g.To) {
		c.fail(path+".to", "name a third host", "the third copy cannot stand where the first two are")
	}
	if e.Frequency.D() < 5*time.Minute || e.Frequency < g.Frequency {
		c.fail(path+".frequency", "write 5m or 15m, and not more often than the group's own frequency", "Hyper-V refuses this frequency for a third copy")
	}
}

func (c *checker) checkGroups() {
	names, ids := c.namesAt("groups"), map[string]*ProtectionGroup{}
	for i := range c.cfg.Groups {
		g := &c.cfg.Groups[i]
		path := fmt.Sprintf("groups[%d]", i)
		c.nameless = c.nameless || c.anyLost(path, "vms")
		c.unique(names, g.Name, path, "protection group", i)
		from, to := c.known(c.hosts, g.From, path+".from", "host"), c.known(c.hosts, g.To, path+".to", "host")
		if from && to && g.From == g.To {
			c.fail(path+".to", "name the host at the other site", "source and target are the same host")
		}
		if g.Frequency == 0 {
			c.fail(path+".frequency", "write 30s, 5m or 15m", "a replication frequency is needed")
		}
		if g.RecoveryPoints < 0 || g.RecoveryPoints > 24 {
			c.fail(path+".recovery_points", "write 0 to 24", "Hyper-V keeps at most 24 extra points, here are %d", g.RecoveryPoints)
		}
		c.oneOf(path+".authentication", g.Authentication, "certificate", "kerberos")
		if a := g.AppConsistent; a != nil && (a.D()%time.Hour != 0 || a.D() > 12*time.Hour) {
			c.fail(path+".app_consistent", "write 1h to 12h, or 0s for never", "Hyper-V makes application-consistent points every 1 to 12 hours, here is %s", *a)
		}
		c.checkExtension(g, path+".extends")
		c.checkRepair(g.Repair, path+".repair", true)
		for j := range g.VMs {
			c.checkVM(g, j, fmt.Sprintf("%s.vms[%d]", path, j), ids)
		}
	}
}

func (c *checker) checkVM(g *ProtectionGroup, j int, path string, ids map[string]*ProtectionGroup) {
	vm := &g.VMs[j]
	c.checkNICs(g, vm, path)
	if vm.Name == "" {
		c.nameless = true
		c.fail(path+".name", "write its name in Hyper-V", "a VM needs a name")
	}
	id := strings.ToLower(vm.ID)
	if !guidForm.MatchString(vm.ID) {
		c.guidless[vm.Name] = true
		c.fail(path+".id", "write the GUID: (Get-VM NAME).Id", "%q is no GUID", vm.ID)
		return
	}
	if first := ids[id]; first != nil {
		c.guidless[vm.Name] = true
		c.fail(path+".id", "a VM is in one group", "this VM is in group %q already", first.Name)
		return
	}
	vm.ID, ids[id] = id, g
	ref := checkedVM{vmRef{g, vm}, path}
	c.vms[id] = append(c.vms[id], ref)
	if vm.Name != "" {
		c.vms[vm.Name] = append(c.vms[vm.Name], ref)
	}
}

func (c *checker) checkNICs(g *ProtectionGroup, vm *ProtectedVM, path string) {
	for k, nic := range vm.NICs {
		at := fmt.Sprintf("%s.nics[%d]", path, k)
		c.checkNIC(g, nic, at)
		twin := slices.IndexFunc(vm.NICs[:k], func(o NIC) bool { return strings.EqualFold(o.Adapter, nic.Adapter) })
		switch {
		case twin < 0, c.anyLost(fmt.Sprintf("%s.nics[%d]", path, twin), "adapter"):
		case nic.Adapter == "":
			c.fail(at+".adapter", "name the adapter of each: (Get-VM NAME).NetworkAdapters.Name", "of several nics each must name its adapter")
		default:
			c.fail(at+".adapter", "give each adapter a name of its own: Rename-VMNetworkAdapter, on both hosts", "adapter %q is there already, as number %d", nic.Adapter, twin+1)
		}
	}
}

func (c *checker) checkNIC(g *ProtectionGroup, nic NIC, path string) {
	c.known(c.networks, nic.Network, path+".network", "network")
	if nic.IP == "" {
		return
	}
	ip, err := netip.ParseAddr(nic.IP)
	if err != nil {
		c.fail(path+".ip", "write it like 10.10.10.20", "%q is no address", nic.IP)
		return
	}
	i, known := c.networks.one(nic.Network)
	if site, ok := c.siteOf(g.From); ok && known {
		for _, s := range c.cfg.Networks[i].Sites {
			if subnet, err := netip.ParsePrefix(s.Subnet); s.Site == site && err == nil && !subnet.Contains(ip) {
				c.fail(path+".ip", "write an address of "+s.Subnet+", the subnet at "+site, "%s is not in network %q there", nic.IP, nic.Network)
			}
		}
	}
}

// siteOf is where a host stands, false where that cannot be told.
func (c *checker) siteOf(host string) (string, bool) {
	i, ok := c.hosts.one(host)
	if !ok {
		return "", false
	}
	_, ok = c.sites.one(c.cfg.Hosts[i].Site)
	return c.cfg.Hosts[i].Site, ok
}

func (cfg *Config) hostSite(name string) string { return cfg.host(name).Site }

func (c *checker) checkLab() {
	if c.cfg.Lab == nil {
		return
	}
	if c.cfg.Lab.Speed <= 0 || c.cfg.Lab.Speed > 10_000 {
		c.fail("lab.speed", "write a number above 0, at most 10000", "is %g", c.cfg.Lab.Speed)
	}
}
