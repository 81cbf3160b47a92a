package plans

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// driftedLeg is a leg with a configuration, and a relation that has it.
func driftedLeg() (WatchedLeg, WatchedRelation) {
	points, four, yes := 4, Duration(4*time.Hour), true
	return WatchedLeg{VM: "vm", Label: "web", Leg: FirstLeg, From: "A", To: "B", Policy: LegPolicy{
			Frequency: Frequency(5 * time.Minute), RecoveryPoints: &points, AppConsistent: &four, Compression: &yes, Authentication: "certificate",
			Thumbprints: map[string]string{"A": "AA", "B": "BB"}, Excluded: []string{"page.vhdx"},
		}}, WatchedRelation{
			State: "Replicating", FrequencySec: 300, RecoveryHistory: 4, AppHours: 4, Compression: true, Auth: "Certificate", Thumbprint: "aa",
			Replicated: []string{`D:\os.vhdx`}, Excluded: []string{`D:\page.vhdx`},
		}
}

// driftsOfOne are all that may differ, each with whether setting it loses something,
// and whether it loads both hosts.
var driftsOfOne = map[string]struct {
	loses, loads bool
	do           func(*WatchedRelation)
}{
	"frequency":              {false, false, func(r *WatchedRelation) { r.FrequencySec = 30 }},
	"more points":            {false, false, func(r *WatchedRelation) { r.RecoveryHistory = 1 }},
	"fewer points":           {true, false, func(r *WatchedRelation) { r.RecoveryHistory = 9 }},
	"app_consistent":         {false, false, func(r *WatchedRelation) { r.AppHours = 0 }},
	"compression":            {false, false, func(r *WatchedRelation) { r.Compression = false }},
	"authentication":         {false, false, func(r *WatchedRelation) { r.Auth, r.Thumbprint = "Kerberos", "" }},
	"certificate_thumbprint": {false, false, func(r *WatchedRelation) { r.Thumbprint = "old" }},
	"a disk more": {false, true, func(r *WatchedRelation) {
		r.Excluded = append([]string{`D:\data.vhdx`}, r.Excluded...)
	}},
	"a disk less": {true, true, func(r *WatchedRelation) {
		r.Replicated, r.Excluded = []string{`D:\os.vhdx`, `D:\page.vhdx`}, nil
	}},
}

// pastsOfSettings vary what is known of a VM and of its hosts.
var pastsOfSettings = map[string]func(*RepairLook){
	"plain": func(*RepairLook) {},
	"held":  func(l *RepairLook) { l.VM.Hold = &RepairHold{By: "Mia", Reason: "x"} },
	"agreed": func(l *RepairLook) {
		l.VM.Consent = &RepairConsent{Rung: RungCorrect, By: "Mia", Set: setWords(Correctable(DriftOf(l.Leg, "A", l.Seen.Relation)))}
	},
	"agreed to other settings": func(l *RepairLook) {
		l.VM.Consent = &RepairConsent{Rung: RungCorrect, By: "Mia", Set: "compression true, x"}
	},
	"agreed to a resync": func(l *RepairLook) { l.VM.Consent = &RepairConsent{Rung: RungResync, By: "Mia", Now: true} },
	"in doubt":           func(l *RepairLook) { l.VM.Doubt = "UNKNOWN" },
	"set before": func(l *RepairLook) {
		l.VM.Acts = []RepairAct{{Rung: RungCorrect, At: noon.Add(-time.Hour), Outcome: "no-answer", Set: setWords(Correctable(DriftOf(l.Leg, "A", l.Seen.Relation)))}}
	},
	"never sent": func(l *RepairLook) {
		l.VM.Acts = []RepairAct{{Rung: RungCorrect, At: noon.Add(-time.Hour), Outcome: "moved", Set: setWords(Correctable(DriftOf(l.Leg, "A", l.Seen.Relation)))}}
	},
	"paused before": func(l *RepairLook) { l.VM.Paused = true },
	"a test copy":   func(l *RepairLook) { l.B.TestVM = "test" },
	"a third copy":  func(l *RepairLook) { l.B.Extended, l.Seen.Beyond = "Replicating", Frequency(5*time.Minute) },
	"a third copy, too often": func(l *RepairLook) {
		l.B.Extended, l.Seen.Beyond = "Replicating", Frequency(30*time.Second)
	},
	"outside the window": func(l *RepairLook) { l.Policy.Window = "22:00-05:00" },
	"hosts are busy":     func(l *RepairLook) { l.Load.Sending = 1 },
	"budget used":        func(l *RepairLook) { l.Load.Today = 4 },
	"not told":           func(l *RepairLook) { l.Seen = nil },
	"told by another":    func(l *RepairLook) { l.Seen.Host = "C" },
}

func settingsLook(mode DriftMode, a, b Copy, r WatchedRelation) RepairLook {
	l := RepairLook{A: a, B: b, Now: noon, Speed: 1, VM: RepairVM{ID: "vm", Since: noon.Add(-3 * time.Hour)},
		Policy: RepairPolicy{Resume: RepairAllow, ResumeAfter: Duration(time.Minute), ResumeTries: 2, Resync: RepairAllow, AtOnce: 1, PerDay: 4, Drift: mode}}
	l.Leg, _ = driftedLeg()
	l.Seen = &SettingsSeen{Host: "A", Relation: r}
	l.A.Host, l.B.Host, l.A.At, l.B.At = "A", "B", noon, noon
	return l
}

// Whatever differs, whatever both sides say and whatever was before: settings are
// set on a pair that replicates, where the policy or a person lets them.
func TestSettingsAreSetSafely(t *testing.T) {
	set, copies := map[string]int{}, representatives()
	for what, drift := range driftsOfOne {
		for past, with := range pastsOfSettings {
			for _, mode := range []DriftMode{"", DriftReport, DriftAsk, DriftCorrect} {
				for _, a := range copies {
					for _, b := range copies {
						if past != "plain" && (a.State != "Replicating" || b.State != "Replicating") {
							continue // every pair once
						}
						_, r := driftedLeg()
						drift.do(&r)
						l := settingsLook(mode, a, b, r)
						with(&l)
						step := NextRepair(l)
						if step.Rung != RungCorrect {
							if step.Settings != nil || step.Verb == VerbSettings {
								t.Fatalf("%s, %s: settings without the rung: %+v", what, past, step)
							}
							continue
						}
						set[what]++
						if fault := unsafeSetting(l, step, past, drift.loses, drift.loads); fault != "" {
							t.Fatalf("%s, %s, %s, %s/%s/%s beside %s/%s/%s: %s: %+v", what, past, mode, a.Power, a.Mode, a.State, b.Power, b.Mode, b.State, fault, step)
						}
					}
				}
			}
		}
		if set[what] == 0 {
			t.Errorf("%s is never set", what)
		}
	}
}

func unsafeSetting(l RepairLook, d RepairStep, past string, loses, loads bool) string {
	agreed := past == "agreed"
	switch {
	case l.A.Mode != "Primary" || l.A.State != "Replicating" || l.B.Mode != "Replica" || l.B.State != "Replicating" || !l.A.Reached || !l.B.Reached:
		return "an act on something else than a pair that replicates"
	case d.Host != "A" || d.Verb != VerbSettings || d.Settings == nil || d.Set == "" || d.Expect != Expect{l.A.Power, l.A.Mode, l.A.State}:
		return "no proper act"
	case l.Policy.Drift != DriftAsk && l.Policy.Drift != DriftCorrect:
		return "the policy says report"
	case l.Policy.Drift == DriftAsk && !agreed:
		return "nobody was asked"
	case loses && !agreed:
		return "something is lost and nobody agreed"
	case (past == "in doubt" || past == "set before") && !agreed, past == "held", past == "a test copy", past == "not told", past == "told by another":
		return "an act in spite of what is known"
	case l.Seen.Beyond > 0 && d.Settings.Frequency > l.Seen.Beyond:
		return "the third copy would be sent to more often than the second"
	case loads != (len(d.Settings.Disks) > 0) || loads != d.Loads():
		return "the disks are not what was asked for"
	case loads && (past == "outside the window" || past == "hosts are busy" || past == "budget used"):
		return "a disk update outside its window, or beyond the budget"
	case loads && past == "a third copy" && !agreed:
		return "a third copy hangs on it"
	}
	return ""
}

// What may be set at once is, and the rest is asked about; a yes is for what was
// shown and for nothing that came later.
func TestWhatLosesIsAskedAbout(t *testing.T) {
	a := Copy{Reached: true, Exists: true, Mode: "Primary", State: "Replicating", Power: "Running"}
	b := Copy{Reached: true, Exists: true, Mode: "Replica", State: "Replicating", Power: "Off"}
	_, r := driftedLeg()
	r.FrequencySec, r.RecoveryHistory = 30, 9
	l := settingsLook(DriftCorrect, a, b, r)
	step := NextRepair(l)
	if step.Rung != RungCorrect || step.Settings.Frequency != Frequency(5*time.Minute) || step.Settings.RecoveryPoints != nil {
		t.Fatalf("first what loses nothing: %+v", step)
	}
	l.VM.Look(step, noon, 1)
	l.VM.Done(RepairAct{At: noon, Rung: RungCorrect, Outcome: "done", Set: step.Set})
	l.Seen.Relation.FrequencySec = 300
	step = NextRepair(l)
	if step.Rung != RungAsk || step.Wants != RungCorrect || !strings.Contains(step.Remedy, "kept: 4") {
		t.Fatalf("then a question: %+v", step)
	}
	if news := l.VM.Look(step, noon, 1); !strings.Contains(news, "recovery_points is 9, should be 4") {
		t.Errorf("people hear %q", news)
	}
	l.VM.Consent = &RepairConsent{Rung: RungCorrect, By: "Dana", Set: step.Set}
	l.Seen.Relation.Replicated, l.Seen.Relation.Excluded = []string{`D:\os.vhdx`, `D:\page.vhdx`}, nil
	if step := NextRepair(l); step.Rung != RungAsk || !strings.Contains(step.Why, "excluded_disks") {
		t.Errorf("nobody agreed to leave out a disk: %+v", step)
	}
	l.Seen.Relation.Replicated, l.Seen.Relation.Excluded = []string{`D:\os.vhdx`}, []string{`D:\page.vhdx`}
	if step = NextRepair(l); step.Rung != RungCorrect || *step.Settings.RecoveryPoints != 4 || !strings.Contains(step.Why, "Dana agreed") {
		t.Errorf("Dana agreed: %+v", step)
	}
	l.VM.Look(step, noon, 1)
	l.Seen.Relation.RecoveryHistory = 4
	if news := l.VM.Look(NextRepair(l), noon, 1); news != "its settings are those of the configuration" || !l.VM.Since.IsZero() {
		t.Errorf("in the end: %q, %+v", news, l.VM)
	}
}

// What no cmdlet sets is said to be for people, and asks no ladder.
func TestWhatOnlyPeopleSet(t *testing.T) {
	l, same := driftedLeg()
	if found := DriftOf(l, "A", same); len(found) != 0 {
		t.Fatalf("nothing differs: %+v", found)
	}
	for what, do := range map[string]func(*WatchedLeg, *WatchedRelation){
		"the partner":              func(l *WatchedLeg, r *WatchedRelation) { r.ReplicaServer = "elsewhere" },
		"a third copy, more often": func(l *WatchedLeg, r *WatchedRelation) { l.Leg, r.FrequencySec = ExtendedLeg, 900 },
		"no certificate":           func(l *WatchedLeg, r *WatchedRelation) { r.Auth, l.Policy.Thumbprints = "Kerberos", nil },
		"a note":                   func(l *WatchedLeg, r *WatchedRelation) { l.Policy.Excluded = []string{"60 GB", "70 GB"} },
		"a disk that is not there": func(l *WatchedLeg, r *WatchedRelation) { l.Policy.Excluded = []string{"page.vhdx", "no.vhdx"} },
		"every disk":               func(l *WatchedLeg, r *WatchedRelation) { l.Policy.Excluded = []string{"page.vhdx", "os.vhdx"} },
	} {
		l, r := driftedLeg()
		do(&l, &r)
		if found := DriftOf(l, "A", r); len(found) != 1 || found[0].Manual == "" || len(Correctable(found)) != 0 {
			t.Errorf("%s: %+v", what, found)
		}
	}
	// After a failover the other host does not have the disks that were left out, and
	// has a certificate of its own.
	same.Excluded, same.Thumbprint = nil, "BB"
	if found := DriftOf(l, "B", same); len(found) != 0 {
		t.Errorf("at the other host: %+v", found)
	}
}

// In the middle of a chain it is looked at which relationship was set.
func TestSettingsThatDidNotTakeAreSeen(t *testing.T) {
	l, first := driftedLeg()
	l.Leg = ExtendedLeg
	extended := WatchedRelation{Extended: true, State: "Replicating", FrequencySec: 300}
	set := ReplicationSettings{Frequency: Frequency(15 * time.Minute)}
	before := []WatchedRelation{first, extended}
	with := func(r WatchedRelation, every int) WatchedRelation { r.FrequencySec = every; return r }
	for what, c := range map[string]struct {
		after []WatchedRelation
		words string
	}{
		"as it was meant": {[]WatchedRelation{first, with(extended, 900)}, ""},
		"the other one":   {[]WatchedRelation{with(first, 900), extended}, "another leg was changed"},
		"both":            {[]WatchedRelation{with(first, 900), with(extended, 900)}, "another leg was changed"},
		"none":            {before, "shows a frequency of 300 s"},
		"it is gone":      {[]WatchedRelation{first}, "does not show"},
	} {
		if got := SettingsTook(l, "B", set, before, c.after); (got == "") != (c.words == "") || !strings.Contains(got, c.words) {
			t.Errorf("%s: %q", what, got)
		}
	}
	// A set of disks is on its way for a while.
	l.Leg = FirstLeg
	disks := ReplicationSettings{Disks: []string{`D:\os.vhdx`, `D:\data.vhdx`}}
	if got := SettingsTook(l, "A", disks, []WatchedRelation{first}, []WatchedRelation{first}); got == "" {
		t.Error("disks that were not taken are passed over")
	}
	first.State = "WaitingForUpdateCompletion"
	if got := SettingsTook(l, "A", disks, []WatchedRelation{first}, []WatchedRelation{first}); got != "" {
		t.Errorf("disks on their way: %s", got)
	}
	for _, found := range driftsOfOne { // what is set is what the next look finds right
		l, r := driftedLeg()
		found.do(&r)
		drift := DriftOf(l, "A", r)
		if got := SettingsTook(l, "A", *settingsFor(l, "A", r, drift), []WatchedRelation{r}, []WatchedRelation{r}); got == "" {
			t.Errorf("not seen to be unset: %+v", drift)
		}
		_, r = driftedLeg()
		if got := SettingsTook(l, "A", *settingsFor(l, "A", r, drift), []WatchedRelation{r}, []WatchedRelation{r}); got != "" {
			t.Errorf("set, and yet %s", got)
		}
	}
}

// The third copy's ladder acts on that leg alone, and not while the first leg does
// not replicate.
func TestTheExtendedLegHasALadderOfItsOwn(t *testing.T) {
	acted, copies := map[Verb]int{}, representatives()
	for _, state := range states {
		copies = append(copies, Copy{Reached: true, Exists: true, VM: "vm", Mode: "ExtendedReplica", Power: "Off", State: state})
	}
	for _, a := range copies {
		for _, extended := range append([]string{""}, states...) {
			for _, c := range copies {
				for i, p := range repairPolicies() {
					if i%4 != 0 && (a.State != "Replicating" || c.Mode != "ExtendedReplica") { // all policies for what matters
						continue
					}
					l := RepairLook{A: a, B: c, Policy: p, Now: noon, Speed: 1, VM: RepairVM{ID: "vm", Leg: ExtendedLeg, Since: noon.Add(-3 * time.Hour)}}
					l.A.Host, l.B.Host, l.A.At, l.B.At, l.A.Extended = "B", "C", noon, noon, extended
					step := NextRepair(l)
					acted[step.Verb]++
					if fault := unsafeLeg(l, step); fault != "" {
						t.Fatalf("%s/%s/%s sends on %q to %s/%s/%s: %s: %+v", a.Power, a.Mode, a.State, extended, c.Power, c.Mode, c.State, fault, step)
					}
				}
			}
		}
	}
	for _, v := range []Verb{VerbResume, VerbResumeExtended, VerbResyncExtended} {
		if acted[v] == 0 {
			t.Errorf("%s is never done: %v", v, acted)
		}
	}
}

func unsafeLeg(l RepairLook, d RepairStep) string {
	b, c := l.A, l.B
	switch {
	case d.Why == "" || d.Rung == "":
		return "no answer"
	case d.Rung == RungWell && (b.Extended != "Replicating" || c.State != "Replicating"):
		return "well, and it does not replicate"
	case !d.Acts():
		return ""
	case !slices.Contains([]Verb{VerbResume, VerbResumeExtended, VerbResyncExtended}, d.Verb):
		return "an act that this ladder does not have"
	case b.Mode != "Replica" || b.State != "Replicating" || c.Mode != "ExtendedReplica" || !b.Reached || !c.Reached:
		return "an act beside a first leg that does not replicate"
	case strings.HasPrefix(c.State, "FailedOver") || c.State == "RecoveryInProgress":
		return "an act beside a failover"
	case d.Verb == VerbResume && (d.Host != "C" || c.State != "Error" && c.State != "UpdateError"):
		return "a resume of something else than the third copy in error"
	case d.Verb != VerbResume && (d.Host != "B" || d.LegState != b.Extended):
		return "an act elsewhere than in the middle"
	case strings.HasSuffix(b.Extended, "Suspended") || strings.HasSuffix(c.State, "Suspended"):
		return "an act on what people paused"
	case d.Host == "B" && d.Expect != Expect{b.Power, b.Mode, b.State}, d.Host == "C" && d.Expect != Expect{c.Power, c.Mode, c.State}:
		return "expects another copy than it saw"
	case d.Verb == VerbResyncExtended && (l.Policy.Resync != RepairAllow || l.Policy.Window != "" || b.Extended != "WaitingForStartResynchronize"):
		return "a resynchronization that nobody allowed, or that is not needed"
	}
	return ""
}

func TestTheDriftPolicyIsRead(t *testing.T) {
	read := func(repair, group string) (*Config, error) {
		return Decode([]File{{Name: "c.yaml", Data: []byte(strings.Replace(minimalRepair+repair, "GROUP", group, 1))}})
	}
	const id = "11111111-2222-3333-4444-555555555555"
	for _, c := range []struct {
		repair, group string
		want          DriftMode
	}{
		{"repair: {}\n", "rpo: 5m", DriftReport}, {"repair: {drift: correct}\n", "rpo: 5m", DriftCorrect},
		{"repair: {drift: correct}\n", "repair: {drift: ask}", DriftAsk}, {"", "repair: {drift: ask}", DriftAsk},
	} {
		cfg, err := read(c.repair, c.group)
		if err != nil {
			t.Fatal(err)
		}
		if got := Repairs(cfg)[id].Policy; got == nil || got.Drift != c.want {
			t.Errorf("%+v: %+v", c, got)
		}
	}
	if _, err := read("repair: {drift: yes}\n", "rpo: 5m"); err == nil || !strings.Contains(err.Error(), "report, ask, correct") {
		t.Errorf("a wrong word: %v", err)
	}
	if vm, leg := RepairKeyOf(RepairKey(id, ExtendedLeg)); vm != id || leg != ExtendedLeg {
		t.Errorf("%s %s", vm, leg)
	}
}
