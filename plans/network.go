package plans

import (
	"fmt"
	"slices"
	"strings"
)

// networkReady is true when the adapters are connected and addressed as
// wanted. A wanted NIC without an adapter's name means the copy's only one.
func networkReady(have []Adapter, want []WantedNIC) bool {
	for _, nic := range want {
		a, _ := adapterFor(have, nic)
		if nic.Inject && nic.IP != "" && !addressed(a, nic) {
			return false
		}
	}
	return connected(have, want)
}

// connected is networkReady without the addresses.
func connected(have []Adapter, want []WantedNIC) bool {
	for _, nic := range want {
		if a, ok := adapterFor(have, nic); !ok || a.Switch != nic.Switch {
			return false
		}
	}
	return true
}

// adapterMissing finds a wanted NIC for which the copy has no adapter, or more
// than one.
func adapterMissing(have []Adapter, want []WantedNIC) (WantedNIC, bool) {
	for _, nic := range want {
		if _, ok := adapterFor(have, nic); !ok {
			return nic, true
		}
	}
	return WantedNIC{}, false
}

func adapterFor(have []Adapter, nic WantedNIC) (Adapter, bool) {
	if nic.Adapter == "" {
		if len(have) == 1 {
			return have[0], true
		}
		return Adapter{}, false
	}
	var found Adapter
	n := 0
	for _, a := range have {
		if strings.EqualFold(a.Name, nic.Adapter) {
			found, n = a, n+1
		}
	}
	return found, n == 1
}

// noAdapter says of a wanted NIC that has no adapter of its own why not. Hyper-V
// calls every new adapter alike, and of two of one name no act could tell which.
func noAdapter(c Copy, nic WantedNIC) (why, remedy string) {
	if nic.Adapter != "" && slices.ContainsFunc(c.Adapters, func(a Adapter) bool { return strings.EqualFold(a.Name, nic.Adapter) }) {
		return fmt.Sprintf("the copy at %s has more than one adapter %q", c.Host, nic.Adapter),
			"give each a name of its own (Rename-VMNetworkAdapter), on both hosts, and name it in the VM's nics"
	}
	return fmt.Sprintf("the copy at %s has no adapter %q (it has %d)", c.Host, nic.Adapter, len(c.Adapters)),
		"name the adapter in the VM's nics: Get-VMNetworkAdapter on " + c.Host + " shows them; or add one there with Add-VMNetworkAdapter"
}

func addressed(a Adapter, nic WantedNIC) bool {
	return a.FailoverIP == nic.IP && a.FailoverMask == nic.Mask && a.FailoverGateway == nic.Gateway &&
		slices.Equal(a.FailoverDNS, nic.DNS)
}
