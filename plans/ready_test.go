package plans

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// healthy is Northgate on a quiet morning.
func healthy() ReadyLook {
	in, hosts := northgate()
	in.Plan, in.Objectives.RPO = "northgate-site-loss", Duration(15*time.Minute)
	in.Hosts = []RunHost{{Name: "NG-HV01", Site: "hq"}, {Name: "NG-HV02", Site: "warehouse"}}
	for i := range in.Steps {
		for j := range in.Steps[i].VMs {
			vm := &in.Steps[i].VMs[j]
			vm.Name, vm.ReverseTo, vm.TargetName = vm.Label, "ng-hv01.hvr.northgate.example", "ng-hv02.hvr.northgate.example"
		}
	}
	pairs := pairsFor(in)
	for i := range pairs {
		for _, c := range []*Copy{&pairs[i].Source, &pairs[i].Target} {
			c.At, c.Health, c.Version, c.LastReplication = noon, "Normal", "9.0", noon.Add(-time.Minute)
		}
		pairs[i].Source.PendingBytes = 2 << 20
	}
	l := ReadyLook{
		Run: in, Views: hosts, Pairs: pairs, Read: map[string]time.Time{"NG-HV01": noon, "NG-HV02": noon}, Now: noon,
		Known: ReadyConfig{Thumbprints: map[string]string{}, Excluded: map[string][]string{"sql": {`tempdb.vhdx`}}, EngineSite: "warehouse", Auths: map[string]string{"dc": "Certificate"}},
		Drill: &Drill{Run: "northgate-20260101-100000", Ended: noon.AddDate(0, 0, -41), Passed: true},
	}
	for i := range l.Views {
		h := &l.Views[i]
		h.At, h.Versions, h.AllowedFrom, h.ReplicaAuth = noon, []string{"8.0", "9.0"}, []string{"*.hvr.northgate.example"}, "CertificateAndKerberos"
		l.Known.Thumbprints[h.Name] = "AB" + h.Name
		l.Stores = append(l.Stores, StoreView{
			Host: h.Name, Clock: noon, Certificates: map[string]time.Time{"ab" + strings.ToLower(h.Name): noon.AddDate(1, 0, 0)},
			Volumes: []VolumeView{{Name: `C:\`, Size: 100 << 30, Free: 1 << 30}, {Name: `D:\`, Size: 6000 << 30, Free: 3000 << 30}}, Storages: []string{`D:\Replica`},
			Disks: map[string]map[string]bool{"fs": {`D:\VMs\fs\data.vhdx`: true}, "sql": {`D:\VMs\sql\tempdb.vhdx`: false}},
		})
	}
	return l
}

func TestAQuietMorningIsReady(t *testing.T) {
	r := Ready(healthy())
	if r.Verdict != ReadyYes || len(r.Findings) != 0 || r.InTime != 9 || r.Total != 9 || r.Why != "all 9 VMs in time" {
		t.Errorf("%s, %s, %d of %d: %+v", r.Verdict, r.Why, r.InTime, r.Total, r.Findings)
	}
	if len(r.LeftOut) != 1 || r.LeftOut[0].VM != "NG-RDS02" {
		t.Errorf("the VM that stays behind is not said: %+v", r.LeftOut)
	}
	if vm := r.VMs[0]; vm.Behind != Duration(time.Minute) || vm.Target != Duration(15*time.Minute) || vm.Backlog != 2<<20 || vm.State != "Replicating" {
		t.Errorf("line: %+v", vm)
	}
	if h := r.Hosts[1]; !h.Up || *h.CertificateDays != 365 || h.Volume == nil || h.Volume.Name != `D:\` {
		t.Errorf("host: %+v", h)
	}
	if r.Estimate.D() < 10*time.Minute || len(r.Stale) != 0 {
		t.Errorf("estimate %s, stale %v", r.Estimate, r.Stale)
	}
}

// spoilt is a single thing that goes wrong, with the code under which it must be
// found and what becomes of the verdict.
type spoilt struct {
	code    string
	verdict ReadyVerdict
	spoil   func(l *ReadyLook)
}

var spoils = []spoilt{
	{"host-unreachable", ReadyNo, func(l *ReadyLook) { l.Views[0] = HostView{Name: "NG-HV01", Error: "no route"} }},
	{"host-unreachable", ReadyUnknown, func(l *ReadyLook) { l.Views[1] = HostView{Name: "NG-HV02", Error: "no route"} }},
	{"host-unreachable", ReadyUnknown, func(l *ReadyLook) { l.Views = l.Views[:1] }},
	{"stale-look", ReadyNo, func(l *ReadyLook) { l.Read["NG-HV01"] = noon.Add(-6 * time.Minute) }},
	{"stale-look", ReadyUnknown, func(l *ReadyLook) { l.Read["NG-HV02"] = noon.Add(-6 * time.Minute) }},
	{"clock-skew", ReadyYes, func(l *ReadyLook) { l.Views[0].Skew = -3 * time.Minute }},
	{"not-told", ReadyYes, func(l *ReadyLook) { l.Stores[1].Error = "refused" }},
	{"not-told", ReadyYes, func(l *ReadyLook) { l.Stores = nil }},
	{"not-told", ReadyYes, func(l *ReadyLook) { l.Stores[0].Problems = []string{"Get-ChildItem: x"} }},
	{"not-told", ReadyYes, func(l *ReadyLook) { l.Stores[0].Untold = []string{"fs"} }},
	{"certificate-ends", ReadyYes, func(l *ReadyLook) { l.Stores[0].Certificates["abng-hv01"] = noon.AddDate(0, 0, 20) }},
	{"certificate-ends", ReadyNo, func(l *ReadyLook) { l.Stores[1].Certificates["abng-hv02"] = noon.AddDate(0, 0, 6) }},
	{"certificate-expired", ReadyNo, func(l *ReadyLook) { l.Stores[1].Certificates["abng-hv02"] = noon.Add(-time.Hour) }},
	{"certificate-expired", ReadyNo, func(l *ReadyLook) { // a change that stopped half way
		l.Views[0].ReplicaThumbprint, l.Stores[0].Certificates["old"] = "OLD", noon.Add(-time.Hour)
	}},
	{"certificate-unnamed", ReadyYes, func(l *ReadyLook) { l.Known.Thumbprints["NG-HV01"] = "" }},
	{"certificate-missing", ReadyNo, func(l *ReadyLook) { l.Views[0].ReplicaThumbprint = "GONE" }},
	{"certificate-missing", ReadyNo, func(l *ReadyLook) { l.Stores[0].Certificates = nil }},
	{"volume-full", ReadyNo, func(l *ReadyLook) { l.Stores[1].Volumes[1].Free = 180 << 30 }},
	{"volume-short", ReadyYes, func(l *ReadyLook) { l.Stores[1].Volumes[1].Free = 600 << 30 }},
	{"volume-full", ReadyNo, func(l *ReadyLook) { l.Known.Storages = map[string]string{"NG-HV02": `C:\Replica`} }},
	{"volume-not-told", ReadyYes, func(l *ReadyLook) { l.Stores[1].Volumes = l.Stores[1].Volumes[:1] }},
	{"volume-not-told", ReadyYes, func(l *ReadyLook) { l.Stores[1].Storages = nil }},
	{"volume-not-told", ReadyYes, func(l *ReadyLook) { l.Stores[1].Storages = []string{`\\nas\replicas`} }},
	{"volume-full", ReadyNo, func(l *ReadyLook) { // the mount point of a volume of its own
		l.Stores[1].Volumes = append(l.Stores[1].Volumes, VolumeView{Name: `D:\Replica\`, Size: 100 << 30, Free: 1 << 30})
	}},
	{"memory-not-told", ReadyYes, func(l *ReadyLook) { l.Views[1].MemoryBytes = 0 }},
	{"memory-short", ReadyNo, func(l *ReadyLook) { l.Views[1].MemoryUsed = 40 << 30 }},
	{"nothing-to-do", ReadyNo, func(l *ReadyLook) { l.Run.Steps = nil }},
	{"no-replica-server", ReadyNo, func(l *ReadyLook) { l.Views[0].ReplicaServer = false }},
	{"no-replica-server", ReadyNo, func(l *ReadyLook) { l.Views[1].ReplicaServer = false }},
	{"not-authorized", ReadyNo, func(l *ReadyLook) { l.Views[0].AllowedFrom = []string{"*.other.example"} }},
	{"not-authorized", ReadyNo, func(l *ReadyLook) { l.Views[1].AllowedFrom = nil }},
	{"not-authorized", ReadyNo, func(l *ReadyLook) { l.Views[1].AllowedFrom = []string{"*.northgate.example"} }}, // a label above
	{"not-authorized", ReadyNo, func(l *ReadyLook) {
		l.Views[1].AllowedFrom, l.Run.Steps[0].VMs[0].ReverseTo = []string{"other.hvr.northgate.example"}, "ng-hv01"
	}},
	{"replica-server-auth", ReadyNo, func(l *ReadyLook) { l.Views[1].ReplicaAuth = "Kerberos" }},
	{"replica-server-auth", ReadyNo, func(l *ReadyLook) { l.Views[0].ReplicaAuth = "Kerberos" }},
	{"replicates-elsewhere", ReadyNo, func(l *ReadyLook) { l.Pairs[0].Source.ReplicaServer = "third.hvr.northgate.example" }},
	{"engine-in-plan", ReadyNo, func(l *ReadyLook) { l.Machine = "ng-web01.northgate.example" }},
	{"engine-at-source", ReadyYes, func(l *ReadyLook) { l.Known.EngineSite = "hq" }},
	{"no-drill", ReadyYes, func(l *ReadyLook) { l.Drill = nil }},
	{"not-drilled", ReadyYes, func(l *ReadyLook) { l.Drill.proofs = map[string]Proof{} }},
	{"drill-failed", ReadyYes, func(l *ReadyLook) { l.Drill.Passed = false }},
	{"drill-old", ReadyYes, func(l *ReadyLook) { l.Drill.Ended = noon.AddDate(-1, 0, 0) }},
	{"switch-missing", ReadyNo, func(l *ReadyLook) { l.Run.Steps[0].VMs[0].NICs = []WantedNIC{{Switch: "LAN"}} }},
	{"network-unmapped", ReadyNo, func(l *ReadyLook) { l.Run.Steps[0].VMs[0].NICs = []WantedNIC{{}} }},
	{"adapter-missing", ReadyNo, func(l *ReadyLook) { l.Run.Steps[0].VMs[0].NICs = []WantedNIC{{Adapter: "other", Switch: "LAN"}} }},
	{"adapter-missing", ReadyNo, func(l *ReadyLook) { // Hyper-V calls every new adapter alike
		l.Run.Steps[0].VMs[0].NICs = []WantedNIC{{Adapter: "Network Adapter", Switch: "LAN"}}
		l.Views[1].Switches = []SwitchView{{Name: "LAN"}}
		l.Pairs[0].Target.Adapters = []Adapter{{Name: "Network Adapter"}, {Name: "network adapter"}}
	}},
	{"vm-missing", ReadyNo, func(l *ReadyLook) { l.Pairs[0].Source = Copy{Host: "NG-HV01", Reached: true} }},
	{"replica-missing", ReadyNo, func(l *ReadyLook) { l.Pairs[0].Target = Copy{Host: "NG-HV02", Reached: true} }},
	{"vm-not-replicating", ReadyNo, func(l *ReadyLook) { l.Pairs[0].Source.Mode = "None" }},
	{"replication-paused", ReadyNo, func(l *ReadyLook) { l.Pairs[0].Source.State = "Suspended" }},
	{"replication-paused", ReadyNo, func(l *ReadyLook) { l.Pairs[0].Target.State = "Suspended" }},
	{"replication-error", ReadyNo, func(l *ReadyLook) { l.Pairs[0].Source.State = "Error" }},
	{"replication-error", ReadyNo, func(l *ReadyLook) { l.Pairs[0].Target.State = "Error" }},
	{"resynchronization", ReadyNo, func(l *ReadyLook) { l.Pairs[0].Source.State = "WaitingForStartResynchronize" }},
	{"resynchronization", ReadyNo, func(l *ReadyLook) { l.Pairs[0].Target.State = "Resynchronizing" }},
	{"first-copy", ReadyNo, func(l *ReadyLook) { l.Pairs[0].Source.State = "InitialReplicationInProgress" }},
	{"first-copy", ReadyNo, func(l *ReadyLook) { l.Pairs[0].Target.State = "WaitingForInitialReplication" }},
	{"two-copies-run", ReadyNo, func(l *ReadyLook) {
		l.Pairs[0].Target.Power, l.Pairs[0].Target.State = "Running", "FailedOverWaitingCompletion"
	}},
	{"failed-over", ReadyNo, func(l *ReadyLook) { l.Pairs[0].Target.State = "FailedOverWaitingCompletion" }},
	{"state-pair", ReadyNo, func(l *ReadyLook) { l.Pairs[0].Source.Power, l.Pairs[0].Source.Mode = "Off", "Replica" }},
	{"left-out", ReadyNo, func(l *ReadyLook) { // the third copy of a chain was kept
		l.Pairs[0].Source.ReplicaServer = "third.hvr.northgate.example"
		t := &l.Pairs[0].Target
		t.Mode, t.State, t.PrimaryServer = "Primary", "PreparedForFailover", "ng-hv02.hvr.northgate.example"
	}},
	{"no-copy", ReadyNo, func(l *ReadyLook) { l.Pairs[0].Target.LastReplication = time.Time{} }},
	{"rpo-missed", ReadyNo, func(l *ReadyLook) { l.Pairs[2].Target.LastReplication = noon.Add(-34 * time.Minute) }},
	{"rpo-missed", ReadyNo, func(l *ReadyLook) { // nobody said how much may be lost: not any amount
		l.Run.Objectives.RPO, l.Pairs[2].Target.LastReplication = 0, noon.Add(-34*time.Minute)
	}},
	{"clock-set-back", ReadyNo, func(l *ReadyLook) { l.Pairs[0].Target.LastReplication = noon.Add(20 * time.Minute) }},
	{"replication-critical", ReadyNo, func(l *ReadyLook) { l.Pairs[0].Target.Health = "Critical" }},
	{"replication-warning", ReadyYes, func(l *ReadyLook) { l.Pairs[0].Source.Health = "Warning" }},
	{"read-failed", ReadyNo, func(l *ReadyLook) { l.Pairs[0].Source.Problems = []string{"Get-VMReplication: x"} }},
	{"read-failed", ReadyNo, func(l *ReadyLook) { l.Pairs[0].Target.Problems = []string{"Get-VMReplication: x"} }},
	{"test-copy", ReadyYes, func(l *ReadyLook) { l.Pairs[0].Target.TestVM = "x" }},
	{"extended-leg", ReadyYes, func(l *ReadyLook) { l.Pairs[0].Target.Extended = "Error" }},
	{"extended-leg", ReadyYes, func(l *ReadyLook) { l.Known.Extends = map[string]Extension{"dc": {To: "LON-HV3"}} }},
	{"extended-leg", ReadyYes, func(l *ReadyLook) {
		l.Known.Extends = map[string]Extension{"dc": {To: "LON-HV3", Frequency: Frequency(15 * time.Minute)}}
		l.Pairs[0].Target.Extended, l.Pairs[0].Target.ExtendedLast = "Replicating", noon.Add(-6*time.Hour)
	}},
	{"version-too-new", ReadyNo, func(l *ReadyLook) { l.Views[0].Versions, l.Pairs[0].Source.Version = []string{"9.0", "12.0"}, "12.0" }},
	{"version-no-way-back", ReadyNo, func(l *ReadyLook) { l.Views[0].Versions = []string{"8.0"} }},
	{"disk-not-replicated", ReadyNo, func(l *ReadyLook) { l.Stores[0].Disks["fs"][`D:\VMs\fs\new.vhdx`] = false }},
	{"disk-not-replicated", ReadyNo, func(l *ReadyLook) { l.Known.Excluded = nil }},
	{"checkpoint", ReadyYes, func(l *ReadyLook) {
		l.Stores[0].Checkpoints = map[string][]Point{"fs": {{Kind: "Standard", Time: noon.AddDate(0, 0, -3)}}}
	}},
}

// One VM of a plan lives at its target already: that its way back is in trouble is
// said, and does not make the plan not ready.
func TestTroubleOfAVMThatLivesAtTheTarget(t *testing.T) {
	for code, spoil := range map[string]func(s, r *Copy){
		"":                   func(*Copy, *Copy) {},
		"replication-paused": func(_, r *Copy) { r.State = "Suspended" },
		"replication-error":  func(s, _ *Copy) { s.State = "Error" },
		"resynchronization":  func(s, _ *Copy) { s.State = "WaitingForStartResynchronize" },
	} {
		l := healthy()
		s, r := &l.Pairs[0].Target, &l.Pairs[0].Source
		s.Mode, s.Power, r.Mode, r.Power = "Primary", "Running", "Replica", "Off"
		spoil(s, r)
		got := Ready(l)
		found := slices.DeleteFunc(got.Findings, func(f Finding) bool { return f.Severity == Info })
		if got.Verdict != ReadyYes || len(found) != min(1, len(code)) || code != "" && (found[0].Code != code || found[0].Severity != Warning) {
			t.Errorf("%q: %s, %+v", code, got.Verdict, found)
		}
	}
}

// Each single trouble is found under its code, says what it means, and turns
// the verdict.
func TestEachTroubleTurnsTheVerdict(t *testing.T) {
	for _, row := range slices.Concat(spoils, keySpoils) {
		l := healthy()
		row.spoil(&l)
		r := Ready(l)
		i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Code == row.code })
		if i < 0 || r.Verdict != row.verdict {
			t.Errorf("%s: verdict %s, want %s: %+v", row.code, r.Verdict, row.verdict, r.Findings)
			continue
		}
		f := r.Findings[i]
		if f.Text == "" || f.Severity != Info && (f.Means == "" || f.Remedy == "") {
			t.Errorf("%s says too little: %+v", row.code, f)
		}
		if row.verdict == ReadyYes && f.Severity == Blocker || row.verdict == ReadyNo && r.Findings[0].Severity != Blocker {
			t.Errorf("%s: severity %s, first %+v", row.code, f.Severity, r.Findings[0])
		}
		if r.Why == "" || r.Verdict == ReadyUnknown && len(r.Stale) == 0 {
			t.Errorf("%s: why %q, stale %q", row.code, r.Why, r.Stale)
		}
		if !slices.IsSortedFunc(r.Findings, func(a, b Finding) int { return weight(a.Severity) - weight(b.Severity) }) {
			t.Errorf("%s: the worst does not come first: %v", row.code, codes(r.Findings))
		}
	}
}

// A host that cannot be asked while its VMs go on sending lives: its address has
// changed (script B5). What came just after its last answer proves nothing.
func TestAHostWhoseVMsStillSendIsNotCalledLost(t *testing.T) {
	for sent, lives := range map[time.Duration]bool{time.Minute: true, 13 * time.Minute: true, 16 * time.Minute: false, 25 * time.Minute: false} {
		l := healthy()
		l.Now, l.Read = noon.Add(20*time.Minute), map[string]time.Time{"NG-HV01": noon, "NG-HV02": noon.Add(20 * time.Minute)}
		l.Views[0] = HostView{Name: "NG-HV01", Error: "no route"}
		for i := range l.Pairs {
			l.Pairs[i].Target.At, l.Pairs[i].Target.LastReplication = l.Now, l.Now.Add(-sent)
		}
		r := Ready(l)
		i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Code == "host-unreachable" })
		if r.Verdict != ReadyNo || i < 0 || strings.Contains(r.Findings[i].Means, "it lived then") != lives || strings.Contains(r.Findings[i].Means, "the day") == lives {
			t.Errorf("sent %s ago: %s, %+v", sent, r.Verdict, r.Findings)
		}
	}
}

// A password that was changed is not a site that is lost.
func TestAHostThatBarsLifeboatIsNotCalledSilent(t *testing.T) {
	for i, verdict := range map[int]ReadyVerdict{0: ReadyNo, 1: ReadyUnknown} {
		l := healthy()
		l.Views[i] = HostView{Name: l.Views[i].Name, Error: "401", Barred: "it answers and refuses Lifeboat's account"}
		r := Ready(l)
		f := r.Findings[0]
		if r.Verdict != verdict || f.Code != "host-unreachable" || f.Text != l.Views[i].Barred || strings.Contains(f.Means, "the day") || !strings.Contains(f.Remedy, "lifeboat check") {
			t.Errorf("%s: %+v", r.Verdict, f)
		}
	}
}

// A host that does not answer leaves what was seen of it in the table, older by
// the time that has passed, and the report says that it is old.
func TestOldDataSaysSo(t *testing.T) {
	l := healthy()
	l.Now = noon.Add(10 * time.Minute)
	l.Views[1] = HostView{Name: "NG-HV02", Error: "no route"}
	l.Read["NG-HV01"] = l.Now
	r := Ready(l)
	if r.Verdict != ReadyUnknown || len(r.Stale) != 1 || !strings.Contains(r.Stale[0], "I have not read NG-HV02 since "+clock(noon)) {
		t.Errorf("%s: %q", r.Verdict, r.Stale)
	}
	if vm := r.VMs[0]; vm.Behind != Duration(11*time.Minute) || vm.LastGood.IsZero() {
		t.Errorf("a copy that was a minute old ten minutes ago: %+v", vm)
	}
	if r.Seen != noon {
		t.Errorf("seen %s", r.Seen)
	}
}

// A source that falls silent takes with it nothing of what it told: a disk that was
// never copied is missing on the very day it matters, and nobody is told that it is
// over.
func TestWhatASilentSourceToldStays(t *testing.T) {
	p := AlertPolicy{}
	for _, row := range spoils {
		if !slices.Contains([]string{"disk-not-replicated", "version-too-new", "replication-paused", "replication-error", "resynchronization", "checkpoint"}, row.code) {
			continue
		}
		l := healthy()
		row.spoil(&l)
		l.Views[0] = HostView{Name: "NG-HV01", Error: "no route"}
		r := Ready(l)
		if r.Verdict != ReadyNo || !slices.Contains(codes(r.Findings), row.code) {
			t.Errorf("%s: %s, %v", row.code, r.Verdict, codes(r.Findings))
		}
	}
	// That two copies run cannot be told any more; it is not over for that.
	for i := range 2 {
		l := healthy()
		l.Pairs[0].Target.Power, l.Pairs[0].Target.State = "Running", "FailedOverWaitingCompletion"
		desk, now := AlertDesk{}, noon
		desk.Step(p, AlertLook{Watched: []Watched{p.WatchPlan(Ready(l), false)}}, now)
		l.Views[i] = HostView{Name: l.Views[i].Name, Error: "no route"}
		desk.Step(p, AlertLook{Watched: []Watched{p.WatchPlan(Ready(l), false)}}, now.Add(time.Minute))
		for _, problem := range desk.Open["plan/northgate-site-loss"].Problems {
			if strings.HasPrefix(problem.Key, "two-copies-run") && !problem.Over.IsZero() {
				t.Errorf("over without %s: %+v", l.Views[i].Name, problem)
			}
		}
		l = healthy()
		desk.Step(p, AlertLook{Watched: []Watched{p.WatchPlan(Ready(l), false)}}, now.Add(2*time.Minute))
		if a := desk.Open["plan/northgate-site-loss"]; a != nil && a.live() > 0 {
			t.Errorf("seen to be well, and still open: %+v", a.Problems)
		}
	}
}

func TestManyVMsOfOneKindAreOneThing(t *testing.T) {
	l := healthy()
	for i := range l.Pairs {
		l.Pairs[i].Target.LastReplication = noon.Add(-3 * time.Hour)
	}
	r := Ready(l)
	groups := GroupFindings(r.Findings, Blocker)
	if len(groups) != 1 || groups[0].Subject() != "NG-DC01 and 8 more VMs" || r.InTime != 0 {
		t.Errorf("%d groups, %d in time: %+v", len(groups), r.InTime, groups)
	}
	if r.Why != "1 thing to fix: NG-DC01 and 8 more VMs: "+groups[0].Text {
		t.Errorf("why: %s", r.Why)
	}
}

// Field names are a promise to scripts.
func TestTheReportsShapeIsStable(t *testing.T) {
	l := healthy()
	l.Pairs[2].Target.LastReplication = noon.Add(-34 * time.Minute)
	got, err := json.MarshalIndent(Ready(l), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", "ready.json")
	if os.Getenv("LIFEBOAT_UPDATE") != "" {
		if err := os.WriteFile(file, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got)+"\n" != string(want) {
		t.Errorf("differs from %s (look, then LIFEBOAT_UPDATE=1):\n%s", file, got)
	}
}

// A chain whose third copy was kept leaves a primary that is off at home: the
// business is away all the same.
func TestACopyThatWasLeftOutIsNotHome(t *testing.T) {
	l := healthy()
	if AwayFromHome(l.Pairs) {
		t.Fatal("away on a quiet morning")
	}
	for i := range l.Pairs {
		s, t := &l.Pairs[i].Source, &l.Pairs[i].Target
		s.Power, s.State = "Off", "PreparedForFailover"
		t.Power, t.Mode = "Running", "Primary"
	}
	if !AwayFromHome(l.Pairs) {
		t.Error("every VM runs at the target, and it is not called away")
	}
}

// large is a plan of many VMs on many pairs of hosts.
func large(vms, pairs int) ReadyLook {
	in := RunInput{Plan: "all", From: "a", To: "b"}
	l := ReadyLook{Read: map[string]time.Time{}, Now: noon}
	for p := range pairs {
		for _, site := range []string{"a", "b"} {
			name := fmt.Sprintf("HV-%s%03d", site, p)
			in.Hosts = append(in.Hosts, RunHost{Name: name, Site: site})
			l.Views = append(l.Views, HostView{Name: name, Reached: true, MemoryBytes: 1 << 40, ReplicaServer: true, AllowedFrom: []string{"*"}})
			l.Stores = append(l.Stores, StoreView{Host: name})
			l.Read[name] = noon
		}
	}
	for i := range vms {
		if i%20 == 0 {
			in.Steps = append(in.Steps, RunStep{Number: len(in.Steps) + 1})
		}
		step := &in.Steps[len(in.Steps)-1]
		step.VMs = append(step.VMs, RunVM{ID: fmt.Sprintf("%08d", i), Label: fmt.Sprintf("VM-%05d", i), SourceHost: l.Views[i%pairs*2].Name, TargetHost: l.Views[i%pairs*2+1].Name})
	}
	l.Run, l.Pairs = in, pairsFor(in)
	return l
}

// BenchmarkReadyGrows judges a plan of eight times the VMs and hosts beside the
// small one: it takes about eight times as long, not sixty-four.
func BenchmarkReadyGrows(b *testing.B) {
	small, big := large(1000, 25), large(8000, 200)
	var took [2]time.Duration
	for b.Loop() {
		for i, look := range []ReadyLook{small, big} {
			began := time.Now()
			if r := Ready(look); r.Total != len(look.Pairs) {
				b.Fatalf("%d VMs of %d", r.Total, len(look.Pairs))
			}
			took[i] += time.Since(began)
		}
	}
	b.ReportMetric(float64(took[1])/float64(took[0]), "times-for-8x")
}

// Of a server's name without a domain the first label is compared, and a wildcard
// stands for that label alone.
func TestAnEntryFitsAServersName(t *testing.T) {
	for _, c := range []struct {
		entry, name string
		fits        bool
	}{
		{"*", "hv1.a.example", true},
		{"*.a.example", "HV1.a.example", true},
		{"*.example", "hv1.a.example", false},
		{"hv1.a.example", "hv1.a.example", true},
		{"hv1", "hv1.a.example", false},
		{"hv1.a.example", "hv1", true},
		{"hv2.a.example", "hv1", false},
		{"*.a.example", "hv1", true},
	} {
		if admits([]string{c.entry}, c.name) != c.fits {
			t.Errorf("%s lets %s in: want %t", c.entry, c.name, c.fits)
		}
	}
}
