package plans

import (
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

// adapterMissing finds a wanted NIC for which the copy has no adapter.
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
	for _, a := range have {
		if strings.EqualFold(a.Name, nic.Adapter) {
			return a, true
		}
	}
	return Adapter{}, false
}

func addressed(a Adapter, nic WantedNIC) bool {
	return a.FailoverIP == nic.IP && a.FailoverMask == nic.Mask && a.FailoverGateway == nic.Gateway &&
		slices.Equal(a.FailoverDNS, nic.DNS)
}
