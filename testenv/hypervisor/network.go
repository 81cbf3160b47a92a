package hypervisor

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/testenv/environment"
)

// ConnectAdapter connects an adapter to a switch of the host.
//
// Microsoft: Connect-VMNetworkAdapter.
func (h *Host) ConnectAdapter(_ context.Context, by Caller, id, adapter, sw string) error {
	return h.onAdapter(id, adapter, func(c *copyState, a *adapterState) error {
		if !h.hasSwitch(sw) {
			return noSwitch(sw)
		}
		h.connect(c, a, sw, by.By)
		return nil
	})
}

func (h *Host) hasSwitch(name string) bool {
	return slices.ContainsFunc(h.env.Switches, func(s environment.Switch) bool { return s.Name == name })
}

func noSwitch(name string) *Refusal {
	return refuse("ObjectNotFound", "ObjectNotFound", fmt.Sprintf("Hyper-V was unable to find a virtual switch with name '%s'.", name))
}

// DisconnectAdapter takes an adapter off its switch.
//
// Microsoft: Disconnect-VMNetworkAdapter.
func (h *Host) DisconnectAdapter(_ context.Context, by Caller, id, adapter string) error {
	return h.onAdapter(id, adapter, func(c *copyState, a *adapterState) error {
		h.connect(c, a, "", by.By)
		return nil
	})
}

func (h *Host) connect(c *copyState, a *adapterState, sw, by string) {
	if a.Switch == sw {
		return
	}
	h.farm.write(h.env.Name, c.id, "network", a.Switch, sw, by)
	c.stopWrites()
	a.Switch = sw
	c.resumeWrites()
	h.farm.openListeners(c)
	h.farm.checkTwoRunning(c)
	h.farm.checkTest(c)
}

// SetTestSwitch sets where a test copy's adapter will be connected; "" is
// nowhere.
//
// Microsoft: Set-VMNetworkAdapter -TestReplicaSwitchName.
func (h *Host) SetTestSwitch(_ context.Context, by Caller, id, adapter, sw string) error {
	return h.onAdapter(id, adapter, func(c *copyState, a *adapterState) error {
		if sw != "" && !h.hasSwitch(sw) {
			return noSwitch(sw)
		}
		h.farm.write(h.env.Name, c.id, "network", "test="+a.TestSwitch, "test="+sw, by.By)
		a.TestSwitch = sw
		return nil
	})
}

// SetFailoverAddress sets what is injected into the guest after a failover; an
// empty address clears it. It applies only to VMs that replicate.
//
// Microsoft: Set-VMNetworkAdapterFailoverConfiguration.
func (h *Host) SetFailoverAddress(_ context.Context, by Caller, id, adapter string, want Adapter) error {
	return h.onAdapter(id, adapter, func(c *copyState, a *adapterState) error {
		if c.mode == modeNone || c.mode == modeTest {
			return notApplicable(c, "Set-VMNetworkAdapterFailoverConfiguration")
		}
		if want.FailoverIP != "" {
			if _, err := netip.ParseAddr(want.FailoverIP); err != nil || want.FailoverMask == "" {
				return refuse("InvalidParameter", "InvalidArgument", "IPv4Address and IPv4SubnetMask must both be given.")
			}
		}
		h.farm.write(h.env.Name, c.id, "network", "failover="+a.FailoverIP, "failover="+want.FailoverIP, by.By)
		a.FailoverIP, a.FailoverMask, a.FailoverGateway = want.FailoverIP, want.FailoverMask, want.FailoverGateway
		a.FailoverDNS = append([]string(nil), want.FailoverDNS...)
		return nil
	})
}

func (h *Host) onAdapter(id, adapter string, do func(*copyState, *adapterState) error) error {
	return h.change(id, "set network", func(c *copyState) error {
		for _, a := range c.adapters {
			if strings.EqualFold(a.ID, adapter) {
				return do(c, a)
			}
		}
		return refuse("ObjectNotFound", "ObjectNotFound", "The virtual machine has no such network adapter.")
	})
}
