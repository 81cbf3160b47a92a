package hypervisor

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/environment"
)

// Address maps an address of the simulated world to the loopback address at
// which the guest really listens while it is up, connected and has that IP, or
// the witness while it can be reached.
type Address struct{ From, To string }

// Addresses are all addresses at which guests and witnesses may be reached.
func (f *Farm) Addresses() []Address { return append([]Address(nil), f.ports...) }

// choosePorts finds a free loopback port for every address a guest may have:
// its own and the one with the same host part at every other site.
func (f *Farm) choosePorts() error {
	taken := map[string]bool{}
	// Labs that run side by side keep out of each other's way: a port is held
	// only while its guest is up.
	next := 20_000 + os.Getpid()*97%11_000
	for i := range f.env.VMs {
		vm := &f.env.VMs[i]
		for _, ip := range f.everyIP(vm) {
			for _, port := range vm.Listen {
				from := netip.AddrPortFrom(netip.MustParseAddr(ip), uint16(port)).String()
				if taken[from] {
					continue
				}
				taken[from] = true
				to, err := freePort(&next)
				if err != nil {
					return err
				}
				f.ports = append(f.ports, Address{from, to})
			}
		}
	}
	return f.chooseWitnesses(&next)
}

func freePort(next *int) (string, error) {
	for range 20_000 {
		*next++
		if *next > 32_000 {
			*next = 20_000
		}
		address := fmt.Sprintf("127.0.0.1:%d", *next)
		if l, err := net.Listen("tcp", address); err == nil {
			_ = l.Close()
			return address, nil
		}
	}
	return "", fmt.Errorf("no free loopback port between 20000 and 32000 for the guests")
}

// everyIP is a VM's address at each site of its network, also as a gateway there
// shows its test copy.
func (f *Farm) everyIP(vm *environment.VM) []string {
	own, err := netip.ParseAddr(vm.IP)
	if err != nil {
		return nil
	}
	ips := []string{vm.IP}
	for _, n := range f.env.Networks {
		if n.Name != vm.Network {
			continue
		}
		for _, s := range n.Sites {
			for _, text := range []string{s.Subnet, s.TestSubnet} {
				subnet, err := netip.ParsePrefix(text)
				if err != nil || subnet.Contains(own) {
					continue
				}
				ips = append(ips, sameHost(own, subnet))
			}
		}
	}
	return ips
}

// sameHost is the address with ip's host part in another subnet.
func sameHost(ip netip.Addr, subnet netip.Prefix) string {
	b, n := ip.As4(), subnet.Masked().Addr().As4()
	for bit := range subnet.Bits() {
		mask := byte(0x80 >> (bit % 8))
		b[bit/8] = b[bit/8]&^mask | n[bit/8]&mask
	}
	return netip.AddrFrom4(b).String()
}

// boot lets the guest come up after its boot time, if there is one on the disk.
func (f *Farm) boot(c *copyState) {
	if c.env.Empty {
		return
	}
	c.bootNo++
	boot := c.bootNo
	f.after(f.jitter(c.env.Boot), func() {
		if c.power == running && c.bootNo == boot {
			f.guestUp(c)
		}
	})
}

// guestUp: integration services answer, the failover address is injected once
// after a failover, users work again.
//
// Microsoft: Set-VMNetworkAdapterFailoverConfiguration; the address is applied
// when the guest's KVP component answers after a failover.
func (f *Farm) guestUp(c *copyState) {
	c.booted = true
	if a := c.adapters[0]; a.FailoverIP != "" && !c.env.Static && c.injects() {
		c.guestIP = a.FailoverIP
	}
	c.resumeWrites()
	f.openListeners(c)
}

// injects is true once a copy was failed over to: a replica that became this,
// a test copy, or a primary that was a replica.
func (c *copyState) injects() bool {
	return c.state == stateFailedOver || c.state == stateCommitted || c.testOf != nil || (c.mode == modePrimary && c.failoverType != "")
}

// guestDown: the guest no longer runs, however that came.
func (f *Farm) guestDown(c *copyState) {
	c.stopWrites()
	c.booted = false
	f.closeListeners(c)
}

// reachable is true when users can reach the guest: it is connected, and its
// address belongs to the network behind its switch.
func (c *copyState) reachable() bool {
	a := c.adapters[0]
	if !c.booted || a.Switch == "" || !c.host.up {
		return false
	}
	site, ok := c.host.farm.env.At(a.network, c.host.env.Site)
	if !ok || site.Switch != a.Switch {
		return false
	}
	subnet, err := netip.ParsePrefix(site.Subnet)
	ip, ipErr := netip.ParseAddr(c.guestIP)
	return err != nil || ipErr != nil || subnet.Contains(ip)
}

// shownAt is the address at which the gateway of a test network shows a test
// copy, "" where there is none. It translates the addresses of every site: a copy
// that no failover address was set for comes up with the source's.
func (c *copyState) shownAt() string {
	a := c.adapters[0]
	if c.testOf == nil || !c.booted || a.Switch == "" || !c.host.up {
		return ""
	}
	site, ok := c.host.farm.env.At(a.network, c.host.env.Site)
	subnet, err := netip.ParsePrefix(site.TestSubnet)
	own, ipErr := netip.ParseAddr(c.guestIP)
	if !ok || site.TestSwitch != a.Switch || err != nil || ipErr != nil {
		return ""
	}
	return sameHost(own, subnet)
}

// resumeWrites begins to count writes: users work while the guest is up and
// connected. Acknowledged writes that this copy lacks are counted as missing,
// and numbering goes on behind them. Nobody works in a test copy.
func (c *copyState) resumeWrites() {
	f := c.host.farm
	if !c.writingSince.IsZero() || !c.booted || c.adapters[0].Switch == "" || c.testOf != nil {
		return
	}
	c.sessions++
	c.session = fmt.Sprintf("%s/%d", c.host.env.Name, c.sessions)
	if ack := f.writes[c.id]; ack > c.held {
		c.missing += ack - c.held
		c.held = ack
	}
	c.writingSince = f.Now()
}

func (c *copyState) stopWrites() {
	c.held, c.content = c.heldNow(), c.contentNow()
	c.writingSince = time.Time{}
}

// heldNow is the highest write on disk now; what is on a running copy's disk
// was acknowledged to its users.
func (c *copyState) heldNow() uint64 {
	held := c.held
	f := c.host.farm
	if !c.writingSince.IsZero() {
		held += c.written()
		if held > f.writes[c.id] {
			f.writes[c.id] = held
		}
	}
	return held
}

func (f *Farm) openListeners(c *copyState) {
	f.closeListeners(c)
	ip := c.shownAt()
	if c.reachable() {
		ip = c.guestIP
	}
	if ip == "" || c.silent {
		return
	}
	for _, port := range c.env.Listen {
		from := fmt.Sprintf("%s:%d", ip, port)
		for _, a := range f.ports {
			if a.From != from {
				continue
			}
			if l, err := net.Listen("tcp", a.To); err == nil {
				c.listeners = append(c.listeners, l)
				go serve(l, c.env, port)
			}
		}
	}
}

func (f *Farm) closeListeners(c *copyState) {
	for _, l := range c.listeners {
		_ = l.Close()
	}
	c.listeners = nil
}

// serve answers on one port: HTTP where the environment says so, else it
// accepts and hangs up.
func serve(l net.Listener, vm *environment.VM, port int) {
	mux := http.NewServeMux()
	web := false
	for _, h := range vm.HTTP {
		if h.Port == port {
			web = true
			mux.HandleFunc(h.Path, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(h.Status) })
		}
	}
	if web {
		server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
		server.SetKeepAlivesEnabled(false)
		_ = server.Serve(l)
		return
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_ = conn.Close()
	}
}

// Violations are what must never happen and did, in order.
func (f *Farm) Violations() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.violations()
}

// GuestServices is what Get-Service would show inside a running guest; an error
// when nobody answers there.
//
// Microsoft: Manage Windows virtual machines with PowerShell Direct.
func (h *Host) GuestServices(id string) (map[string]string, error) {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	c, err := h.find(id)
	if err != nil {
		return nil, err
	}
	if !c.booted || c.silent {
		return nil, &Refusal{Kind: "PSSessionStateBroken", Category: "OpenError", Message: "The virtual machine is not in a running state, or the guest does not answer."}
	}
	return c.env.Services, nil
}
