package plans

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// networks derives users' networks from the switches that primaries are connected
// to. What the same network is called at the other site the replica tells where
// it is connected or has an address for a failover; else a switch of the same
// name, or the only external one, is taken and a person is asked.
func (d *discoverer) networks() {
	for i := range d.cfg.Groups {
		g := &d.cfg.Groups[i]
		from, to := d.byName(g.From), d.byName(g.To)
		for j := range g.VMs {
			vm := &g.VMs[j]
			c, _ := from.copyOf(vm.ID)
			t, _ := to.copyOf(vm.ID)
			for _, a := range c.Adapters {
				if len(slices.DeleteFunc(slices.Clone(c.Adapters), func(o Adapter) bool { return !strings.EqualFold(o.Name, a.Name) })) > 1 {
					d.note("%s has more than one adapter %q: left out, since no act could tell which; give each a name of its own on both hosts (Rename-VMNetworkAdapter), and write it in nics:", vm.Name, a.Name)
					continue
				}
				d.nic(g, vm, c, a, adapterNamed(t, a.Name))
			}
			if len(c.Adapters) == 0 {
				d.note("%s has no network adapter", vm.Name)
			}
		}
	}
	slices.SortFunc(d.cfg.Networks, func(a, b Network) int { return strings.Compare(a.Name, b.Name) })
}

func adapterNamed(c FoundCopy, name string) Adapter {
	for _, a := range c.Adapters {
		if a.Name == name {
			return a
		}
	}
	return Adapter{}
}

// nic ties one adapter of a VM to its network.
func (d *discoverer) nic(g *ProtectionGroup, vm *ProtectedVM, c FoundCopy, own, other Adapter) {
	if own.Switch == "" {
		d.note("%s: its adapter %q is on no switch at %s", vm.Name, own.Name, g.From)
		return
	}
	n := d.network(own.Switch)
	nic := NIC{Network: n.Name}
	if len(c.Adapters) > 1 {
		nic.Adapter = own.Name
	}
	d.siteOn(n, d.siteOf(g.From), own.Switch)
	far := d.otherSide(g, n, own, other)
	at := d.siteOn(n, d.siteOf(g.From), own.Switch) // where it stands now
	for _, text := range own.IPs {
		if ip, err := netip.ParseAddr(text); err == nil && ip.Is4() && !ip.IsLinkLocalUnicast() && nic.IP == "" {
			nic.IP = text
		}
	}
	if nic.IP == "" {
		d.note("%s does not tell its address: nothing will be injected at a failover", vm.Name)
	} else if far != nil {
		subnets(at, far, nic.IP, other)
	}
	if subnet, err := netip.ParsePrefix(at.Subnet); err == nil && nic.IP != "" && !subnet.Contains(netip.MustParseAddr(nic.IP)) {
		d.note("%s has the address %s, which is not in %s as others of its switch %q are: its address is left out", vm.Name, nic.IP, at.Subnet, own.Switch)
		nic.IP = ""
	}
	vm.NICs = append(vm.NICs, nic)
}

// network finds a network by the switch it was found on; it bears its name.
func (d *discoverer) network(name string) *Network {
	i := slices.IndexFunc(d.cfg.Networks, func(n Network) bool { return n.Name == name })
	if i < 0 {
		d.cfg.Networks, i = append(d.cfg.Networks, Network{Name: name}), len(d.cfg.Networks)
	}
	return &d.cfg.Networks[i]
}

func (d *discoverer) siteOn(n *Network, site, name string) *NetworkSite {
	i := slices.IndexFunc(n.Sites, func(s NetworkSite) bool { return s.Site == site })
	if i < 0 {
		n.Sites, i = append(n.Sites, NetworkSite{Site: site, Switch: name}), len(n.Sites)
	}
	return &n.Sites[i]
}

// otherSide is the network at the target's site, nil where it cannot be told.
func (d *discoverer) otherSide(g *ProtectionGroup, n *Network, own, other Adapter) *NetworkSite {
	to := d.byName(g.To)
	site := d.siteOf(g.To)
	name, why := other.Switch, ""
	has := func(name string) bool {
		return slices.ContainsFunc(to.Switches, func(s SwitchView) bool { return s.Name == name })
	}
	var outside []string
	for _, s := range to.Switches {
		if s.Type == "External" {
			outside = append(outside, s.Name)
		}
	}
	switch {
	case name != "":
	case has(own.Switch):
		name, why = own.Switch, "it bears the same name there"
	case len(outside) == 1:
		name, why = outside[0], "it is the only external switch there"
	default:
		d.note("which switch at %s (%s) is network %q cannot be told: its VMs would start there without a network", g.To, strings.Join(outside, ", "), n.Name)
		return nil
	}
	key := "network " + n.Name + " at " + site
	if why != "" {
		d.guessed[key] = "a guess: " + why
		d.note("network %q is taken for switch %q at %s: %s", n.Name, name, site, why)
	}
	s := d.siteOn(n, site, name)
	if s.TestSwitch == "" {
		s.TestSwitch = isolated(to, name)
	}
	return s
}

// isolated is a private switch for test failovers: the only one, or the one that
// is named after the network's.
func isolated(h FoundHost, name string) string {
	var all []string
	for _, s := range h.Switches {
		if s.Type == "Private" {
			all = append(all, s.Name)
		}
	}
	for _, s := range all {
		if strings.HasPrefix(s, name) {
			return s
		}
	}
	if len(all) == 1 {
		return all[0]
	}
	return ""
}

// subnets are told by the address for a failover and its mask; of the source's
// site, where the guest's mask is not told, the same size is taken.
func subnets(at, far *NetworkSite, ip string, other Adapter) {
	mask, err := netip.ParseAddr(other.FailoverMask)
	if err != nil || !mask.Is4() || other.FailoverIP == "" {
		return
	}
	bits := 0
	for _, b := range mask.AsSlice() {
		for ; b&0x80 != 0; b <<= 1 {
			bits++
		}
	}
	prefix := func(text string) string {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return ""
		}
		p, err := a.Prefix(bits)
		if err != nil {
			return ""
		}
		return p.String()
	}
	if far.Subnet == "" {
		far.Subnet, far.Gateway, far.DNS = prefix(other.FailoverIP), other.FailoverGateway, other.FailoverDNS
	}
	if at.Subnet == "" {
		at.Subnet = prefix(ip)
	}
}

func quoteAll(all []string) string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = yamlWord(s)
	}
	return strings.Join(out, ", ")
}

// untold says what a network lacks.
func (n NetworkSite) untold() string {
	if n.Subnet != "" {
		return ""
	}
	return fmt.Sprintf("write subnet: and gateway: of %s, or addresses stay as they are after a failover", n.Site)
}
