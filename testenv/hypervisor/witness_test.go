package hypervisor

import (
	"testing"

	"github.com/lifeboat-dr/lifeboat/testenv/environment"
)

// Witnesses tell a site without power from one whose line is cut, as far as one
// can tell from outside.
func TestWitnessesFollowTheirSite(t *testing.T) {
	f := farmOf(t, Dialect{}, func(env *environment.Environment) {
		env.Hosts[0].BMC = "10.1.99.5"
		env.Sites[0].Witnesses = []environment.Witness{
			{Name: "switch", Address: "10.1.99.1", Port: 22},
			{Name: "internet", Address: "198.51.100.53", Port: 443, Outside: true},
		}
	})
	const bmc, sw, internet = "10.1.99.5:443", "10.1.99.1:22", "198.51.100.53:443"
	for _, step := range []struct {
		what              string
		do                func() bool
		bmc, sw, internet bool
	}{
		{"at first", func() bool { return true }, true, true, true},
		{"crash", func() bool { return f.Crash("HV-A", "test") }, false, true, true},
		{"power on", func() bool { return f.PowerOn("HV-A", "test") }, true, true, true},
		{"host cut", func() bool { return f.Cut("HV-A", "test") }, true, true, true},
		{"host joined", func() bool { return f.Join("HV-A", "test") }, true, true, true},
		{"site power loss", func() bool { return f.Site("a", "power-loss", "test") }, false, false, true},
		{"site power on", func() bool { return f.Site("a", "power-on", "test") }, true, true, true},
		{"site cut", func() bool { return f.Site("a", "cut", "test") }, false, false, false},
		{"the other site", func() bool { return f.Site("b", "power-loss", "test") }, false, false, false},
		{"site joined", func() bool { return f.Site("a", "join", "test") }, true, true, true},
	} {
		if !step.do() {
			t.Fatalf("%s: not done", step.what)
		}
		for address, want := range map[string]bool{bmc: step.bmc, sw: step.sw, internet: step.internet} {
			if got := dials(f, address); got != want {
				t.Errorf("%s: %s answers is %v, want %v", step.what, address, got, want)
			}
		}
	}
	if s := f.State().Sites; len(s) != 2 || !s[0].Power || !s[0].Linked || s[1].Power {
		t.Errorf("the sites are %+v", s)
	}
}
