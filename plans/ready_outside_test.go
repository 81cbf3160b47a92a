package plans

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// loose is a look at two VMs of a group that are in no plan, both well.
func loose() (Outside, ReadyLook, map[string]map[string]Copy) {
	cfg := &Config{
		Hosts:  []Host{{Name: "A", Site: "hq"}, {Name: "B", Site: "dr"}},
		Groups: []ProtectionGroup{{Name: "g", From: "A", To: "B", RPO: Duration(15 * time.Minute), VMs: []ProtectedVM{{Name: "in", ID: "id-in"}, {Name: "one", ID: "id-1"}, {Name: "two", ID: "id-2"}}}},
		Plans:  []RecoveryPlan{{Name: "p", Steps: []Step{{Stage: "s", VMs: []PlanVM{{VM: "in", Policy: PolicyManual}}}}}},
	}
	l := ReadyLook{Now: noon, Read: map[string]time.Time{"A": noon, "B": noon}, Views: []HostView{{Name: "A", Reached: true}, {Name: "B", Reached: true}}}
	found := map[string]map[string]Copy{"A": {}, "B": {}}
	for _, id := range []string{"id-1", "id-2"} {
		s := Copy{Host: "A", Reached: true, Exists: true, At: noon, VM: id, Power: "Running", Mode: "Primary", State: "Replicating", Health: "Normal", LastReplication: noon.Add(-time.Minute)}
		t := s
		t.Host, t.Power, t.Mode = "B", "Off", "Replica"
		l.Pairs = append(l.Pairs, Pair{ID: id, Source: s, Target: t})
		found["A"][id], found["B"][id] = s, t
	}
	return OutsideOf(cfg, 1), l, found
}

func TestVMsInNoPlanAreOneWarning(t *testing.T) {
	o, l, found := loose()
	r, ok := ReadyOutside(o, l, found)
	if !ok || r.Plan != "" || r.Title() != OutsideTitle || r.Verdict != ReadyYes || r.Total != 2 || r.InTime != 2 || r.Why != "2 of them, no plan starts them" {
		t.Fatalf("%+v", r)
	}
	groups := GroupFindings(r.Findings, Warning)
	if len(groups) != 1 || groups[0].Code != "no-plan" || groups[0].Subject() != "one and two" || len(r.Findings) != 2 {
		t.Errorf("%+v", groups)
	}
}

func TestTroubleOutsideOfPlansIsRed(t *testing.T) {
	for code, spoil := range map[string]func(*ReadyLook){
		"rpo-missed":         func(l *ReadyLook) { l.Pairs[0].Target.LastReplication = noon.Add(-time.Hour) },
		"replication-paused": func(l *ReadyLook) { l.Pairs[0].Source.State = "Suspended" },
		"vm-not-replicating": func(l *ReadyLook) { l.Pairs[0].Source.Mode, l.Pairs[0].Source.State = "None", "Disabled" },
	} {
		o, l, found := loose()
		spoil(&l)
		r, _ := ReadyOutside(o, l, found)
		if r.Verdict != ReadyNo || r.Findings[0].Code != code || r.Findings[0].VM != "one" {
			t.Errorf("%s: %s, %+v", code, r.Verdict, r.Findings)
		}
	}
	o, l, found := loose()
	l.Views[1] = HostView{Name: "B"}
	if r, _ := ReadyOutside(o, l, found); r.Verdict != ReadyUnknown || len(r.Stale) != 1 {
		t.Errorf("%s: %v", r.Verdict, r.Stale)
	}
	// They run at the other host: that is not paused, and not two copies.
	o, l, found = loose()
	for i := range l.Pairs {
		s, t := l.Pairs[i].Source, l.Pairs[i].Target
		s.Host, t.Host = t.Host, s.Host
		l.Pairs[i].Source, l.Pairs[i].Target = t, s
	}
	if r, _ := ReadyOutside(o, l, found); r.Verdict != ReadyYes {
		t.Errorf("%s: %+v", r.Verdict, r.Findings)
	}
}

// What replicates and is in no group is named once, where it is the primary, and
// never makes anything red: nobody asked for it.
func TestStraysAreNamedOnce(t *testing.T) {
	o, l, found := loose()
	stray := Copy{Host: "B", Reached: true, Exists: true, At: noon, VM: "id-9", Name: "lost", Mode: "Replica", State: "Replicating", Health: "Critical", LastReplication: noon.Add(-time.Hour)}
	found["B"]["id-9"] = stray
	primary := stray
	primary.Host, primary.Mode, primary.State = "A", "Primary", "Error"
	found["A"]["id-9"] = primary
	found["B"]["id-8"] = Copy{Host: "B", VM: "id-8", Name: "test", Mode: "TestReplica"}
	found["A"]["id-7"] = Copy{Host: "A", VM: "id-7", Name: "plain", Mode: "None"}
	r, _ := ReadyOutside(o, l, found)
	i := slices.IndexFunc(r.Findings, func(f Finding) bool { return strings.HasPrefix(f.Code, "no-group") })
	if r.Verdict != ReadyYes || r.Total != 3 || i < 0 || r.Findings[i].Host != "A" || r.Findings[i].Code != "no-group-critical" || r.VMs[2].State != "Error" {
		t.Errorf("%+v", r)
	}
	o, l, _ = loose()
	o.Run.Steps, l.Pairs = nil, nil
	if _, ok := ReadyOutside(o, l, map[string]map[string]Copy{}); ok {
		t.Error("a report about nothing")
	}
}
