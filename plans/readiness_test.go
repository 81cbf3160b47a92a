package plans

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func codes(found []Finding) []string {
	var out []string
	for _, f := range found {
		out = append(out, f.Code)
	}
	return out
}

func TestAHealthyPlanIsReady(t *testing.T) {
	in, hosts := northgate()
	in = Shed(in, hosts, pairsFor(in))
	if found := Readiness(in, hosts, pairsFor(in), noon); len(found) != 0 {
		t.Errorf("findings: %+v", found)
	}
}

// Each trouble is found under its code, as a blocker or not, with a remedy.
func TestEachTroubleIsFound(t *testing.T) {
	for _, row := range []struct {
		code     string
		severity Severity
		spoil    func(in *RunInput, hosts []HostView, pairs []Pair)
	}{
		{"host-unreachable", Blocker, func(_ *RunInput, h []HostView, _ []Pair) { h[1].Reached, h[1].Error = false, "no route" }},
		{"clock-skew", Warning, func(_ *RunInput, h []HostView, _ []Pair) { h[0].Skew = -3 * time.Minute }},
		{"stale-look", Warning, func(_ *RunInput, h []HostView, _ []Pair) { h[0].At = noon.Add(-6 * time.Minute) }},
		{"no-way-back", Blocker, func(_ *RunInput, h []HostView, _ []Pair) { h[0].ReplicaServer = false }},
		{"not-authorized", Blocker, func(_ *RunInput, h []HostView, _ []Pair) { h[0].AllowedFrom = nil }},
		{"nothing-to-do", Blocker, func(in *RunInput, _ []HostView, _ []Pair) { in.Steps = nil }},
		{"two-copies-run", Blocker, func(_ *RunInput, _ []HostView, p []Pair) {
			p[0].Target.Power, p[0].Target.State = "Running", "FailedOverWaitingCompletion"
		}},
		{"vm-missing", Blocker, func(_ *RunInput, _ []HostView, p []Pair) { p[0].Source = Copy{Host: "A", Reached: true} }},
		{"replica-missing", Blocker, func(_ *RunInput, _ []HostView, p []Pair) { p[0].Target = Copy{Host: "B", Reached: true} }},
		{"vm-not-replicating", Blocker, func(_ *RunInput, _ []HostView, p []Pair) { p[0].Source.Mode = "None" }},
		{"test-copy", Warning, func(_ *RunInput, _ []HostView, p []Pair) { p[0].Target.TestVM = "x" }},
		{"extended-replication", Blocker, func(_ *RunInput, _ []HostView, p []Pair) { p[0].Target.Extended = "Replicating" }},
		{"wrong-direction", Blocker, func(_ *RunInput, _ []HostView, p []Pair) { p[0].Source.Power, p[0].Source.Mode = "Off", "Replica" }},
		{"replication-paused", Blocker, func(_ *RunInput, _ []HostView, p []Pair) { p[0].Source.State = "Suspended" }},
		{"resynchronization", Blocker, func(_ *RunInput, _ []HostView, p []Pair) { p[0].Source.State = "WaitingForStartResynchronize" }},
		{"replication-error", Blocker, func(_ *RunInput, _ []HostView, p []Pair) { p[0].Target.State = "Error" }},
		{"already-there", Info, func(_ *RunInput, _ []HostView, p []Pair) { p[0].Source, p[0].Target = p[0].Target, p[0].Source }},
		{"begun-before", Info, func(_ *RunInput, _ []HostView, p []Pair) {
			p[0].Source.Power, p[0].Source.State = "Off", "PreparedForFailover"
		}},
		{"replication-critical", Warning, func(_ *RunInput, _ []HostView, p []Pair) { p[0].Source.Health = "Critical" }},
		{"rpo-missed", Warning, func(in *RunInput, _ []HostView, p []Pair) {
			in.Steps[0].VMs = slices.Clone(in.Steps[0].VMs)
			in.Steps[0].VMs[0].RPO = Duration(time.Minute)
			p[0].Target.At, p[0].Target.LastReplication = noon, noon.Add(-2*time.Minute)
		}},
		{"version-no-way-back", Warning, func(_ *RunInput, h []HostView, p []Pair) {
			h[0].Versions, p[0].Target.Version = []string{"10.0"}, "11.0"
		}},
		{"switch-missing", Blocker, func(in *RunInput, _ []HostView, _ []Pair) { in.Steps[0].VMs[0].NICs = []WantedNIC{{Switch: "LAN"}} }},
		{"network-unmapped", Blocker, func(in *RunInput, _ []HostView, _ []Pair) { in.Steps[0].VMs[0].NICs = []WantedNIC{{}} }},
		{"adapter-missing", Blocker, func(in *RunInput, _ []HostView, _ []Pair) {
			in.Steps[0].VMs[0].NICs = []WantedNIC{{Adapter: "other", Switch: "LAN"}}
		}},
	} {
		in, hosts := northgate()
		in = Shed(in, hosts, pairsFor(in))
		pairs := pairsFor(in)
		row.spoil(&in, hosts, pairs)
		found := Readiness(in, hosts, pairs, noon)
		i := slices.IndexFunc(found, func(f Finding) bool { return f.Code == row.code })
		if i < 0 || found[i].Severity != row.severity || found[i].Text == "" {
			t.Errorf("%s is not found as %s: %+v", row.code, row.severity, found)
			continue
		}
		if f := found[i]; f.Severity == Blocker && f.Remedy == "" {
			t.Errorf("%s has no remedy", row.code)
		}
		if !slices.IsSortedFunc(found, func(a, b Finding) int { return weight(a.Severity) - weight(b.Severity) }) {
			t.Errorf("blockers do not come first: %v", codes(found))
		}
	}
}

func TestStaleCountsOnTheHostsOwnClock(t *testing.T) {
	in, hosts := northgate()
	in = Shed(in, hosts, pairsFor(in))
	hosts[0].Skew, hosts[0].At = time.Minute, noon.Add(time.Minute)
	if found := Readiness(in, hosts, pairsFor(in), noon.Add(4*time.Minute)); len(found) != 0 {
		t.Errorf("four minutes are not stale: %+v", found)
	}
}

func TestExplainSaysEveryStageBothWays(t *testing.T) {
	in := resolved(t, "northgate.yaml", Request{})
	var text []string
	for _, s := range Explain(in).Steps {
		text = append(text, s.Text)
	}
	all := strings.Join(text, "\n")
	for _, want := range []string{"Dana", "shut down NG-DC01", "start NG-DC01", "tcp 53, 88 at 10.20.10.10", "tell staff", "replicate back"} {
		if !strings.Contains(all, want) {
			t.Errorf("the explanation lacks %q:\n%s", want, all)
		}
	}
	if strings.Index(all, "shut down NG-DC01") < strings.Index(all, "shut down NG-WEB01") {
		t.Errorf("the domain controller is shut down before those that need it:\n%s", all)
	}
	for _, s := range Explain(resolved(t, "names.yaml", Request{})).Steps {
		for _, n := range s.Native {
			if strings.Contains(n.Command, "O'Brien") || strings.Contains(n.Command, "$(Stop") {
				t.Errorf("a name stands in a command: %s", n.Command)
			}
		}
	}
}

// A drill is refused where its network has a way out, whatever else is true.
func TestADrillNeedsAnIsolatedNetwork(t *testing.T) {
	for kind, want := range map[string]string{"Private": "", "Internal": "not-isolated", "External": "not-isolated", "": "switch-missing"} {
		in, hosts := northgate()
		in.Operation = TestFailover
		in = Shed(in, hosts, pairsFor(in))
		for i := range in.Steps {
			for j := range in.Steps[i].VMs {
				in.Steps[i].VMs[j].NICs = []WantedNIC{{Switch: "TEST"}}
			}
		}
		pairs := pairsFor(in)
		for i := range pairs {
			pairs[i].Target.Adapters = []Adapter{{Name: "net"}}
		}
		for i := range hosts {
			if kind != "" {
				hosts[i].Switches = append(hosts[i].Switches, SwitchView{Name: "TEST", Type: kind})
			}
		}
		found := Readiness(in, hosts, pairs, noon)
		blocked := slices.ContainsFunc(found, func(f Finding) bool { return f.Code == want && f.Severity == Blocker })
		if want != "" && !blocked || want == "" && len(found) > 0 && found[0].Severity == Blocker {
			t.Errorf("a %q switch: %+v", kind, found)
		}
	}
}
