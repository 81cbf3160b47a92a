package plans

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

// checker gathers what is wrong with a configuration that could be read.
type checker struct {
	cfg    *Config
	at     places
	errors Errors

	sites    map[string]int
	hosts    map[string]int
	networks map[string]int
	// vms maps a name to the VMs that bear it, and a GUID to the one it is.
	vms map[string][]vmRef
}

// vmRef is a protected VM and the group it is in.
type vmRef struct {
	group *ProtectionGroup
	vm    *ProtectedVM
}

func validate(cfg *Config, at places) Errors {
	c := &checker{cfg: cfg, at: at, sites: map[string]int{}, hosts: map[string]int{}, networks: map[string]int{}, vms: map[string][]vmRef{}}
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
// place.
func (c *checker) fail(path, remedy, problem string, args ...any) {
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

// unique records a name; empty and repeated names are errors.
func (c *checker) unique(seen map[string]int, name, path, what string, i int) {
	if strings.TrimSpace(name) == "" {
		c.fail(path+".name", "give it a name", "a %s needs a name", what)
		return
	}
	if first, twice := seen[name]; twice {
		c.fail(path+".name", "give each its own name", "%s %q is there already, as number %d", what, name, first+1)
		return
	}
	seen[name] = i
}

func (c *checker) known(seen map[string]int, name, path, what string) bool {
	if _, ok := seen[name]; ok {
		return true
	}
	names := make([]string, 0, len(seen))
	for n := range seen {
		names = append(names, n)
	}
	slices.Sort(names)
	remedy := fmt.Sprintf("add the %s, or write one of: %s", what, strings.Join(names, ", "))
	if name == "" {
		c.fail(path, remedy, "a %s must be named here", what)
	} else {
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
	if n := len(c.cfg.Sites); n > 0 && !slices.ContainsFunc(c.cfg.Sites, func(s Site) bool { return !s.Engine }) {
		c.fail(fmt.Sprintf("sites[%d].engine", n-1), "set engine: true only where Lifeboat runs", "every site is called the engine's")
	}
}

func (c *checker) checkWitnesses(all []Witness, path string) {
	names := map[string]int{}
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
	path += ".test_subnet"
	test, err := netip.ParsePrefix(s.TestSubnet)
	if err != nil {
		c.fail(path, "write it like 172.31.10.0/24", "%q is no subnet", s.TestSubnet)
		return
	}
	if own, err := netip.ParsePrefix(s.Subnet); err != nil || own.Bits() != test.Bits() || own.Addr().Is4() != test.Addr().Is4() {
		c.fail(path, "make it as large as subnet: each address keeps its host part", "does not fit subnet %q", s.Subnet)
	}
	if s.TestSwitch == "" {
		c.fail(path, "add test_switch: the gateway stands on it", "there is no test network behind it")
	}
	for _, n := range c.cfg.Networks {
		for _, other := range n.Sites {
			if subnet, err := netip.ParsePrefix(other.Subnet); err == nil && subnet.Overlaps(test) {
				c.fail(path, "take a subnet that nothing else has", "overlaps %s of network %q at %s: production could answer for a test copy", other.Subnet, n.Name, other.Site)
			}
		}
	}
}

func (c *checker) checkSubnet(s NetworkSite, path string) {
	if s.Subnet == "" {
		return
	}
	subnet, err := netip.ParsePrefix(s.Subnet)
	if err != nil {
		c.fail(path+".subnet", "write it like 10.20.10.0/24", "%q is no subnet", s.Subnet)
		return
	}
	if s.Gateway != "" {
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
	names, ids := map[string]int{}, map[string]string{}
	for i := range c.cfg.Groups {
		g := &c.cfg.Groups[i]
		path := fmt.Sprintf("groups[%d]", i)
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

func (c *checker) checkVM(g *ProtectionGroup, j int, path string, ids map[string]string) {
	vm := &g.VMs[j]
	if vm.Name == "" {
		c.fail(path+".name", "write its name in Hyper-V", "a VM needs a name")
	}
	id := strings.ToLower(vm.ID)
	switch {
	case !guidForm.MatchString(vm.ID):
		c.fail(path+".id", "write the GUID: (Get-VM NAME).Id", "%q is no GUID", vm.ID)
		return
	case ids[id] != "":
		c.fail(path+".id", "a VM is in one group", "this VM is in group %q already", ids[id])
		return
	}
	vm.ID, ids[id] = id, g.Name
	ref := vmRef{g, vm}
	c.vms[id] = append(c.vms[id], ref)
	if vm.Name != "" {
		c.vms[vm.Name] = append(c.vms[vm.Name], ref)
	}
	for k, nic := range vm.NICs {
		at := fmt.Sprintf("%s.nics[%d]", path, k)
		c.checkNIC(g, nic, at)
		switch twin := slices.IndexFunc(vm.NICs[:k], func(o NIC) bool { return strings.EqualFold(o.Adapter, nic.Adapter) }); {
		case twin < 0:
		case nic.Adapter == "":
			c.fail(at+".adapter", "name the adapter of each: (Get-VM NAME).NetworkAdapters.Name", "of several nics each must name its adapter")
		default:
			c.fail(at+".adapter", "give each adapter a name of its own: Rename-VMNetworkAdapter, on both hosts", "adapter %q is there already, as number %d", nic.Adapter, twin+1)
		}
	}
}

func (c *checker) checkNIC(g *ProtectionGroup, nic NIC, path string) {
	if !c.known(c.networks, nic.Network, path+".network", "network") || nic.IP == "" {
		return
	}
	ip, err := netip.ParseAddr(nic.IP)
	if err != nil {
		c.fail(path+".ip", "write it like 10.10.10.20", "%q is no address", nic.IP)
		return
	}
	if site := c.cfg.hostSite(g.From); site != "" {
		n := c.cfg.Networks[c.networks[nic.Network]]
		for _, s := range n.Sites {
			if subnet, err := netip.ParsePrefix(s.Subnet); s.Site == site && err == nil && !subnet.Contains(ip) {
				c.fail(path+".ip", "write an address of "+s.Subnet+", the subnet at "+site, "%s is not in network %q there", nic.IP, nic.Network)
			}
		}
	}
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
