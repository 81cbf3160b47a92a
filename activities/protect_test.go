package activities

import (
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// A copy that the VM was failed over to last may be the newer one, whatever runs at
// the other side now: it is never the beginning of a replica.
func TestACopyThatTheVMWasFailedOverToIsNoSeed(t *testing.T) {
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	to := func(host string, at time.Time) plans.ActNote {
		return plans.ActNote{VM: vmID, Host: host, Verb: plans.VerbStartFailover, At: at}
	}
	for name, c := range map[string]struct {
		notes   []plans.ActNote
		refused bool
	}{
		"nothing is known":       {nil, false},
		"failed over":            {[]plans.ActNote{to("DR1", at)}, true},
		"over and taken back":    {[]plans.ActNote{to("DR1", at), {VM: vmID, Host: "DR1", Verb: plans.VerbStopFailover}}, false},
		"over and home":          {[]plans.ActNote{to("DR1", at), to("HQ1", at.Add(time.Hour))}, false},
		"over, home, over again": {[]plans.ActNote{to("HQ1", at), to("DR1", at.Add(time.Hour))}, true},
	} {
		s, b := newSite(), &book{before: c.notes}
		s.hosts["HQ1"].mode, s.hosts["HQ1"].state = "None", "Disabled"
		s.hosts["DR1"].mode, s.hosts["DR1"].state = "None", "Disabled"
		in := request(plans.PhaseExtend)
		in.Intent = plans.Intent{Operation: plans.Protect, UpTo: plans.PhaseExtend, Seed: plans.SeedPlan{How: plans.SeedExisting}}
		d := advance(t, s, b, in).Decision
		if refused := strings.Contains(d.Why, "may be the newer one"); refused != c.refused || refused && (d.Kind != plans.Refuse || len(s.acts) != 0) {
			t.Errorf("%s: %s %s, acts %v", name, d.Kind, d.Why, s.acts)
		}
	}
}
