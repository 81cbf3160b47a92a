package plans

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// LikeRequest is what a person asks: that a VM which the configuration does not know
// be protected as another one is.
type LikeRequest struct {
	// VM is its name on its host, or its GUID; Like a protected VM by name or GUID.
	VM, Like string
	// To is the site where the copy is to stand, "" for the other VM's.
	To string
	// FailoverIP is the address that it is to have there, "" for the one with the
	// same host part as now.
	FailoverIP string
}

// Like is what a VM is to be protected as.
type Like struct {
	Request LikeRequest
	Group   ProtectionGroup
	Other   ProtectedVM
	// From and To are the group's sites.
	From, To string
}

// Refusal is why nothing is done, and what to do.
type Refusal struct {
	What, Do string
	// Lines are what a person may write instead.
	Lines []Insertion
}

func (r *Refusal) Error() string { return r.What }

// Like finds what a VM is to be protected as.
func (cfg *Config) Like(r LikeRequest) (Like, error) {
	g, vms, err := cfg.protected(r.Like)
	switch {
	case err != nil:
		return Like{}, fmt.Errorf("--like %q: no VM of the configuration is called that, or more than one is: write a name of its groups, or a GUID", r.Like)
	case g.Name == r.Like:
		return Like{}, fmt.Errorf("--like %q is a group: name a VM of it, such as %s", r.Like, vms[0].Name)
	}
	l := Like{Request: r, Group: *g, Other: *vms[0], From: cfg.hostSite(g.From), To: cfg.hostSite(g.To)}
	return l, cfg.goesTo(g, vms[0].Name, r.To)
}

// goesTo is an error when the copies of a group go to another site than was asked
// for; it names VMs whose copies go there.
func (cfg *Config) goesTo(g *ProtectionGroup, who, to string) error {
	if to == "" || to == cfg.hostSite(g.To) {
		return nil
	}
	var others []string
	for i := range cfg.Groups {
		if o := &cfg.Groups[i]; cfg.hostSite(o.To) == to && len(o.VMs) > 0 {
			others = append(others, fmt.Sprintf("%s (from %s)", o.VMs[0].Name, cfg.hostSite(o.From)))
		}
	}
	if len(others) == 0 {
		return fmt.Errorf("--to %q: %s replicates to %s, and no group replicates to %q: leave --to out", to, who, cfg.hostSite(g.To), to)
	}
	return fmt.Errorf("--to %q: %s replicates to %s. Leave --to out, or name with --like a VM that replicates there: %s", to, who, cfg.hostSite(g.To), strings.Join(others, ", "))
}

// Known says whether the configuration has the VM that was asked for already, in the
// group of the other one; in another group it is refused.
func (l Like) Known(cfg *Config) (bool, error) {
	g, vms, err := cfg.protected(l.Request.VM)
	switch {
	case err != nil:
		return false, nil
	case g.Name == l.Request.VM:
		return false, fmt.Errorf("%q is a group: --like goes with a VM", g.Name)
	case g.Name != l.Group.Name:
		return false, &Refusal{What: fmt.Sprintf("the configuration has %s in group %s already, and %s is in %s", vms[0].Name, g.Name, l.Other.Name, l.Group.Name),
			Do: fmt.Sprintf("lifeboat protect %s protects it as its group says; another group: unprotect it, then move its lines there", ShellWord(vms[0].Name))}
	}
	return true, nil
}

// SeenHost is one host's answer.
type SeenHost struct {
	View   HostView
	Copies map[string]Copy
}

// Find is the VM among what the hosts said, first at the source host of the group.
// found is false when that host does not have it and others were not asked.
func (l Like) Find(cfg *Config, seen []SeenHost, all bool) (c Copy, found bool, err error) {
	var here, elsewhere []Copy
	var silent []string
	for _, s := range seen {
		if !s.View.Reached {
			silent = append(silent, s.View.Name)
		}
		for _, c := range s.Copies {
			switch {
			case !strings.EqualFold(c.Name, l.Request.VM) && !strings.EqualFold(c.VM, l.Request.VM):
			case s.View.Name == l.Group.From:
				here = append(here, c)
			default:
				elsewhere = append(elsewhere, c)
			}
		}
	}
	sortCopies(here)
	sortCopies(elsewhere)
	switch {
	case len(here) == 1:
		return here[0], true, fits(here[0])
	case len(here) > 1:
		return Copy{}, true, twins(here)
	case slices.Contains(silent, l.Group.From):
		return Copy{}, true, &Refusal{What: fmt.Sprintf("%s, from where %s replicates, does not answer", l.Group.From, l.Other.Name), Do: "lifeboat check says where it stops and what to do"}
	case !all:
		return Copy{}, false, nil
	case len(elsewhere) > 0:
		return Copy{}, true, l.standsElsewhere(cfg, elsewhere)
	}
	what := fmt.Sprintf("no host of the configuration has a VM %q", l.Request.VM)
	if len(silent) > 0 {
		what += "; " + strings.Join(silent, ", ") + " did not answer"
	}
	return Copy{}, true, &Refusal{What: what, Do: "write its name as Get-VM shows it; a VM on a host that the configuration does not know: add the host to hosts:, or lifeboat init"}
}

func sortCopies(all []Copy) {
	slices.SortFunc(all, func(a, b Copy) int { return strings.Compare(a.Host+a.VM, b.Host+b.VM) })
}

func twins(all []Copy) error {
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = fmt.Sprintf("%s (%s)", c.VM, c.Power)
	}
	return &Refusal{What: fmt.Sprintf("%s has %d VMs called %s: %s", all[0].Host, len(all), all[0].Name, strings.Join(names, ", ")), Do: "write the GUID of the one that is meant in place of its name"}
}

// standsElsewhere is for a VM that is not where the group's VMs run.
func (l Like) standsElsewhere(cfg *Config, all []Copy) error {
	for _, c := range all {
		if err := fits(c); err != nil {
			return err
		}
	}
	c := all[0]
	r := &Refusal{What: fmt.Sprintf("%s stands at %s, and %s replicates from %s", c.Name, c.Host, l.Other.Name, l.Group.From)}
	for _, g := range cfg.Groups {
		if g.From == c.Host && len(g.VMs) > 0 && cfg.hostSite(g.To) == l.To {
			r.Do = fmt.Sprintf("--like %s, which replicates from there", g.VMs[0].Name)
			return r
		}
	}
	r.Do = fmt.Sprintf("write a group from %s, with the VM in it, then lifeboat protect %s", c.Host, ShellWord(c.Name))
	return r
}

// fits refuses a copy that is no VM of its own, or replicates already.
func fits(c Copy) error {
	refused := func(do, format string, args ...any) error {
		return &Refusal{What: c.Name + " at " + c.Host + " " + fmt.Sprintf(format, args...), Do: do}
	}
	switch {
	case isThrowAway(c.Name):
		return refused("protect another VM", "is a VM that Lifeboat makes and removes by itself")
	case c.Mode == "TestReplica":
		return refused("name the VM of which it is a copy", "is the test copy of a drill: it is removed when that ends")
	case c.Mode == "Replica" || c.Mode == "ExtendedReplica":
		return refused(fmt.Sprintf("where %s is in the configuration: --like a VM that replicates from there", orWord(c.PrimaryServer, "that host")), "is a replica of %s: its VM stands there", orWord(c.PrimaryServer, "another host"))
	case c.Mode == "Primary":
		return refused("lifeboat init shows how it replicates, as groups: that can be taken over; or end that first (Remove-VMReplication on both hosts)", "replicates already, to %s", orWord(c.ReplicaServer, "another host"))
	case c.Mode != "None":
		return refused("Get-VMReplication there says more", "replicates in a way that is not known: %s", orWord(c.Mode, "it does not tell"))
	}
	return nil
}

// Goes is true for a copy that replicates already to where the group's VMs do: it is
// only missing in the configuration.
func (l Like) Goes(cfg *Config, c Copy) bool {
	return c.Mode == "Primary" && sameServer(c.ReplicaServer, cfg.host(l.Group.To).replicaName())
}

// Protected is the VM as it is to stand in the configuration, with what is worth a
// word about its networks.
func (l Like) Protected(cfg *Config, c Copy) (ProtectedVM, []Finding, error) {
	out := ProtectedVM{Name: c.Name, ID: c.VM, Memory: Bytes(c.MemoryStartup)}
	var found []Finding
	warn := func(code, text, means, remedy string) {
		found = append(found, Finding{Severity: Warning, Code: code, VM: c.Name, Host: c.Host, Text: text, Means: means, Remedy: remedy})
	}
	seen := map[string]int{}
	for _, a := range c.Adapters {
		seen[strings.ToLower(a.Name)]++
	}
	noNetwork := "at " + l.To + " it would start without that network"
	for _, a := range c.Adapters {
		network, ok := cfg.networkOf(a.Switch, l.From)
		switch {
		case seen[strings.ToLower(a.Name)] > 1:
			warn("adapter-twice", fmt.Sprintf("it has more than one adapter %q", a.Name), noNetwork, "give each a name of its own (Rename-VMNetworkAdapter), then write its nics:")
		case a.Switch == "":
			warn("not-connected", fmt.Sprintf("its adapter %q is on no switch", a.Name), noNetwork, "connect it, then write its nics:")
		case !ok:
			warn("network-unknown", fmt.Sprintf("its switch %q is in no network of the configuration at %s", a.Switch, l.From), noNetwork, "add it to networks:, or ask again once it is there")
		default:
			out.NICs = append(out.NICs, l.nic(cfg, c, a, network))
		}
	}
	if len(c.Adapters) == 0 {
		warn("no-adapter", "it has no network adapter", "nobody reaches it after a failover", "Add-VMNetworkAdapter, where it needs one")
	}
	if err := l.failoverIP(cfg, &out); err != nil {
		return out, found, err
	}
	for i, n := range out.NICs {
		if home := cfg.networkAt(n.Network, l.From); n.IP != "" && !contains(home.Subnet, n.IP) {
			warn("address-outside", fmt.Sprintf("its address %s is not in %s, the subnet of network %q at %s", n.IP, home.Subnet, n.Network, l.From), "no address is given to it at "+l.To, "write its ip: once that is right")
			out.NICs[i].IP = ""
		}
	}
	return out, found, nil
}

// nic ties one adapter to its network, with the address that its guest tells. Whether
// an address is given to the guest is as with the other VM.
func (l Like) nic(cfg *Config, c Copy, a Adapter, network string) NIC {
	nic := NIC{Network: network}
	if len(c.Adapters) > 1 {
		nic.Adapter = a.Name
	}
	for _, text := range a.IPs {
		if ip, err := netip.ParseAddr(text); err == nil && ip.Is4() && !ip.IsLinkLocalUnicast() && nic.IP == "" {
			nic.IP = text
		}
	}
	for _, o := range l.Other.NICs {
		if o.Network == network && o.Inject != nil && !*o.Inject {
			nic.Inject = o.Inject
		}
	}
	return nic
}

// failoverIP takes over the address that was asked for at the other site: the
// configuration knows it by the one that the VM has at home.
func (l Like) failoverIP(cfg *Config, vm *ProtectedVM) error {
	want := l.Request.FailoverIP
	if want == "" {
		return nil
	}
	if len(vm.NICs) != 1 {
		return fmt.Errorf("--failover-ip is for a VM with one adapter in a network of the configuration, %s has %d", vm.Name, len(vm.NICs))
	}
	nic := &vm.NICs[0]
	home, far := cfg.networkAt(nic.Network, l.From), cfg.networkAt(nic.Network, l.To)
	if !contains(far.Subnet, want) || far.Subnet == "" || home.Subnet == "" {
		return fmt.Errorf("--failover-ip %q is not in the subnet of network %q at %s: %s", want, nic.Network, l.To, orWord(far.Subnet, "none is written"))
	}
	at := moveIP(want, far.Subnet, home.Subnet)
	if !contains(home.Subnet, at) {
		return fmt.Errorf("--failover-ip %q: the subnets of network %q are not of one size, so no address of the one stands for it in the other", want, nic.Network)
	}
	if nic.IP != "" && nic.IP != at {
		return fmt.Errorf("--failover-ip %q: %s has %s at %s, which is %s at %s: the host part stays, so that the way home is known too. Leave it out, or change the VM's own address first",
			want, vm.Name, nic.IP, l.From, moveIP(nic.IP, home.Subnet, far.Subnet), l.To)
	}
	nic.IP = at
	return nil
}

func contains(subnet, ip string) bool {
	s, err := netip.ParsePrefix(subnet)
	a, bad := netip.ParseAddr(ip)
	return bad == nil && (err != nil || s.Contains(a))
}

// networkOf is the network that a switch of a site belongs to.
func (cfg *Config) networkOf(name, site string) (string, bool) {
	for _, n := range cfg.Networks {
		for _, s := range n.Sites {
			if s.Site == site && s.Switch == name {
				return n.Name, true
			}
		}
	}
	return "", false
}

func (cfg *Config) networkAt(name, site string) NetworkSite {
	return (&resolver{cfg: cfg}).networkAt(name, site)
}

// Part is the VM's part in a stage, as the other's is. Gates are facts about what
// that one serves: of them only a heartbeat holds for this one, where it has one
// now.
func (l Like) Part(c Copy) func(PlanVM) PlanVM {
	return func(p PlanVM) PlanVM {
		out := PlanVM{After: p.After, Policy: p.Policy, Priority: p.Priority, RTO: p.RTO}
		if beats(c) {
			out.Gates = []Gate{{Heartbeat: &HeartbeatGate{}}}
		}
		return out
	}
}

// beats is true for a copy whose guest is heard.
//
// Microsoft: Hyper-V module, VMHeartbeatStatus.
func beats(c Copy) bool { return strings.HasPrefix(c.Heartbeat, "OkApplications") }
