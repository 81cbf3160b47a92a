package plans

import (
	"strings"
	"testing"
)

// A copy that was taken off its network is not "as before" when its failover is
// taken back, where nobody has written down which network it had: users would
// not reach it.
func TestCancelOfACopyWithoutANetworkHolds(t *testing.T) {
	for _, power := range []string{"Off", "Running"} {
		m := newModel(dialects[0])
		m.s.Power, m.s.Adapters = power, []Adapter{{Name: "net"}}
		i := toward(Cancel)
		i.SourceNICs = []WantedNIC{{Adapter: "net"}}
		if d := m.walk(i, 99); d.Kind != Refuse || !strings.Contains(d.Why, "no network") || len(m.acts) > 0 {
			t.Errorf("%s: %s %s, %v", power, d.Kind, d.Why, m.acts)
		}
		m.s.Adapters[0].Switch = "LAN"
		if d := m.walk(i, 99); d.Kind != Done || m.fault != "" {
			t.Errorf("%s, connected: %s %s %s", power, d.Kind, d.Why, m.fault)
		}
	}
}

// A re-protection is not done while the copy that users need is off.
func TestReprotectOfACopyThatWentOffHolds(t *testing.T) {
	for power, want := range map[string]DecisionKind{"Running": Done, "Off": Refuse, "Saved": Refuse, "Starting": Wait} {
		m := newModel(dialects[0])
		m.s.Power, m.s.Mode, m.t.Power, m.t.Mode = "Off", "Replica", power, "Primary"
		if d := Next(toward(Reprotect), m.s, m.t); d.Kind != want {
			t.Errorf("%s: %s %s, want %s", power, d.Kind, d.Why, want)
		}
	}
}
