package cmdlet

import (
	"strings"

	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// getAdapters is Get-VMNetworkAdapter.
func getAdapters(k *call) error {
	return k.readEach(func(vm hypervisor.VM) error {
		for _, a := range vm.Adapters {
			if k.has("Name") && !fits(k.text("Name"), a.Name) {
				continue
			}
			if err := k.put(k.adapter(vm, a)); err != nil {
				return err
			}
		}
		return nil
	})
}

// card is an adapter that a call names.
type card struct {
	vm      hypervisor.VM
	adapter hypervisor.Adapter
}

// eachCard runs do for every adapter a call names: by object, or by the VM and,
// in the parameter called name, the adapter's own name.
func (k *call) eachCard(name string, do func(card) error) error {
	objects, ok := k.bound["VMNetworkAdapter"]
	if !ok {
		vms, _ := k.targets()
		return k.each(vms, func(vm hypervisor.VM) error {
			return k.cardsOf(vm, func(a hypervisor.Adapter) bool { return !k.has(name) || fitsAny(k.bound[name], a.Name) }, do)
		})
	}
	var first error
	for _, o := range list(objects) {
		id, adapter := adapterOf(o)
		err := k.each([]target{k.byID(id)}, func(vm hypervisor.VM) error {
			return k.cardsOf(vm, func(a hypervisor.Adapter) bool { return strings.EqualFold(a.ID, adapter) }, do)
		})
		if err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (k *call) cardsOf(vm hypervisor.VM, wanted func(hypervisor.Adapter) bool, do func(card) error) error {
	found := false
	for _, a := range vm.Adapters {
		if !wanted(a) {
			continue
		}
		found = true
		if err := do(card{vm, a}); err != nil {
			return err
		}
	}
	if !found {
		return &hypervisor.Refusal{Kind: "ObjectNotFound", Category: "ObjectNotFound", Message: "Hyper-V was unable to find such a network adapter of the virtual machine."}
	}
	return nil
}

func fitsAny(patterns any, name string) bool {
	for _, p := range texts(patterns) {
		if fits(p, name) {
			return true
		}
	}
	return false
}

// giveAdapter gives an adapter out as it is now, with -Passthru.
func (k *call) giveAdapter(c card) error {
	if !k.on("Passthru") {
		return nil
	}
	vm, ok := k.host.VM(c.vm.ID)
	if !ok {
		return unknownVM("ID", c.vm.ID)
	}
	for _, a := range vm.Adapters {
		if a.ID == c.adapter.ID {
			return k.put(k.adapter(vm, a))
		}
	}
	return nil
}

// connect is Connect-VMNetworkAdapter.
func connect(k *call) error {
	sw := k.text("SwitchName")
	if o, ok := k.bound["VMSwitch"].(*powershell.Object); ok {
		v, _ := o.Get("Name")
		sw = text(v)
	}
	return k.eachCard("Name", func(c card) error {
		if err := k.host.ConnectAdapter(k.ctx, k.by, c.vm.ID, c.adapter.ID, sw); err != nil {
			return err
		}
		return k.giveAdapter(c)
	})
}

// disconnect is Disconnect-VMNetworkAdapter.
func disconnect(k *call) error {
	return k.eachCard("Name", func(c card) error {
		if err := k.host.DisconnectAdapter(k.ctx, k.by, c.vm.ID, c.adapter.ID); err != nil {
			return err
		}
		return k.giveAdapter(c)
	})
}

// getFailoverAddress is Get-VMNetworkAdapterFailoverConfiguration. What it gives
// does not say to which adapter it belongs.
func getFailoverAddress(k *call) error {
	return k.eachCard("VMNetworkAdapterName", func(c card) error {
		if c.vm.Mode == "None" || c.vm.Mode == "TestReplica" {
			return k.notApplicable(c.vm)
		}
		return k.put(k.failoverAddress(c.adapter))
	})
}

func (c *Commands) failoverAddress(a hypervisor.Adapter) *powershell.Object {
	dns := append(append([]string(nil), a.FailoverDNS...), "", "")
	return c.object("VMNetworkAdapterFailoverSetting", fields{
		"IPv4Address": a.FailoverIP, "IPv4SubnetMask": a.FailoverMask, "IPv4DefaultGateway": a.FailoverGateway,
		"IPv4PreferredDNSServer": dns[0], "IPv4AlternateDNSServer": dns[1], "IPv6Address": "", "IPv6SubnetPrefixLength": "",
		"IPv6DefaultGateway": "", "IPv6PreferredDNSServer": "", "IPv6AlternateDNSServer": "",
	})
}

// setFailoverAddress is Set-VMNetworkAdapterFailoverConfiguration for IPv4.
// Parts that are not given keep their value.
func setFailoverAddress(k *call) error {
	return k.eachCard("VMNetworkAdapterName", func(c card) error {
		want := c.adapter
		if k.on("ClearFailoverIPv4Settings") {
			want = hypervisor.Adapter{}
		} else {
			k.fill(&want)
		}
		if err := k.host.SetFailoverAddress(k.ctx, k.by, c.vm.ID, c.adapter.ID, want); err != nil {
			return err
		}
		if !k.on("Passthru") {
			return nil
		}
		return k.put(k.failoverAddress(want))
	})
}

func (k *call) fill(a *hypervisor.Adapter) {
	for name, field := range map[string]*string{
		"IPv4Address": &a.FailoverIP, "IPv4SubnetMask": &a.FailoverMask, "IPv4DefaultGateway": &a.FailoverGateway,
	} {
		if k.has(name) {
			*field = k.text(name)
		}
	}
	if !k.has("IPv4PreferredDNSServer") && !k.has("IPv4AlternateDNSServer") {
		return
	}
	dns := append(append([]string(nil), a.FailoverDNS...), "", "")[:2]
	if k.has("IPv4PreferredDNSServer") {
		dns[0] = k.text("IPv4PreferredDNSServer")
	}
	if k.has("IPv4AlternateDNSServer") {
		dns[1] = k.text("IPv4AlternateDNSServer")
	}
	a.FailoverDNS = nil
	for _, server := range dns {
		if server != "" {
			a.FailoverDNS = append(a.FailoverDNS, server)
		}
	}
}
