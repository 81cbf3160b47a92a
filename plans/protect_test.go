package plans

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func protectConfig() *Config {
	host := func(name, site string) Host {
		return Host{Name: name, Site: site, ReplicaName: strings.ToLower(name) + ".example", CertificateThumbprint: "OF-" + name, ReplicaStorage: `D:\R`}
	}
	hour := Duration(time.Hour)
	return &Config{
		Hosts: []Host{host("A", "a"), host("B", "b"), host("C", "c")},
		Groups: []ProtectionGroup{{
			Name: "g", From: "A", To: "B", Frequency: Frequency(30 * time.Second), RecoveryPoints: 2, Authentication: "certificate", AppConsistent: &hour,
			Extends: &Extension{To: "C", Frequency: Frequency(5 * time.Minute)},
			VMs:     []ProtectedVM{{Name: "VM", ID: discoveredID + "1"}, {Name: "VM", ID: discoveredID + "2"}, {Name: "other", ID: discoveredID + "3"}},
		}},
	}
}

// Each hop has the sender's own certificate and the receiver's name; the settings
// are the group's.
func TestProtectionTakesTheGroupsSettings(t *testing.T) {
	in, err := ResolveProtection(protectConfig(), ProtectionRequest{Operation: Protect, Name: "g", Seed: SeedPlan{How: SeedNetwork}})
	if err != nil {
		t.Fatal(err)
	}
	vm := in.VMs()[0]
	if e := vm.Enable; e.Server != "b.example" || e.Thumbprint != "OF-A" || e.Port != 443 || e.Authentication != "Certificate" || e.RecoveryPoints != 2 || e.AppConsistent != 1 {
		t.Errorf("the first hop is %+v", e)
	}
	if e := vm.Extend; vm.ThirdHost != "C" || e.Server != "c.example" || e.Thumbprint != "OF-B" || e.Frequency.D() != 5*time.Minute || e.RecoveryPoints != 0 {
		t.Errorf("the second hop is %+v", e)
	}
	if vm.Label == in.VMs()[1].Label {
		t.Errorf("two VMs of one name are both called %s", vm.Label)
	}
	var trust []string
	for _, t := range in.Trust {
		trust = append(trust, t.Host+"<-"+t.Primary)
	}
	if want := []string{"A<-b.example", "B<-a.example", "C<-b.example"}; !slices.Equal(trust, want) {
		t.Errorf("trust is %v, want %v", trust, want)
	}
	if len(in.Hosts) != 3 {
		t.Errorf("%d hosts are looked at", len(in.Hosts))
	}
	cfg := protectConfig()
	cfg.Groups[0].Authentication = "kerberos"
	in, err = ResolveProtection(cfg, ProtectionRequest{Operation: Protect, Name: "other", Seed: SeedPlan{How: SeedNetwork}})
	if err != nil || len(in.VMs()) != 1 || in.VMs()[0].Enable.Port != 80 || in.VMs()[0].Enable.Thumbprint != "" || in.Trust[0].Auth != "Kerberos" {
		t.Errorf("with Kerberos: %v %+v", err, in.VMs())
	}
}

func TestProtectionRefusesWhatDoesNotGoTogether(t *testing.T) {
	at := time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC)
	for name, r := range map[string]ProtectionRequest{
		"nothing of that name": {Name: "nowhere", Seed: SeedPlan{How: SeedNetwork}},
		"two of that name":     {Name: "VM", Seed: SeedPlan{How: SeedNetwork}},
		"no way":               {Name: "g", Seed: SeedPlan{How: "pigeon"}},
		"media to nowhere":     {Name: "g", Seed: SeedPlan{How: SeedMedia}},
		"both ends of media":   {Name: "g", Seed: SeedPlan{How: SeedMedia, Export: "E:", Import: "F:"}},
		"a folder and a line":  {Name: "g", Seed: SeedPlan{How: SeedNetwork, Export: "E:"}},
		"media at a time":      {Name: "g", Seed: SeedPlan{How: SeedMedia, Export: "E:", At: at}},
	} {
		r.Operation = Protect
		if _, err := ResolveProtection(protectConfig(), r); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// A first copy to a volume that is as good as full would end the replication of all
// that is there, and one that can never start protects nothing: neither is begun, and
// what replicates already is not held up.
func TestNoFirstCopyIsBegunThatDoesHarmOrHelpsNobody(t *testing.T) {
	on := func(name string) HostView {
		return HostView{Name: name, Reached: true, ReplicaServer: true, ReplicaAuth: "Certificate", AllowedFrom: []string{"*"}, Versions: []string{"9.0"}, VolumeSize: 100 << 30, VolumeFree: 50 << 30}
	}
	loose := Copy{Host: "A", Reached: true, Exists: true, Mode: "None", State: "Disabled", Power: "Running", Version: "9.0"}
	missing, third := Copy{Host: "B", Reached: true}, Copy{Host: "C", Reached: true}
	for name, c := range map[string]struct {
		seed  SeedPlan
		spoil func(b *HostView, s, t *Copy)
		codes string
	}{
		"room":            {SeedPlan{How: SeedNetwork}, func(*HostView, *Copy, *Copy) {}, ""},
		"full":            {SeedPlan{How: SeedNetwork}, func(b *HostView, _, _ *Copy) { b.VolumeFree = 3 << 30 }, "volume-full"},
		"full, by a disk": {SeedPlan{How: SeedMedia, Export: `E:\`}, func(b *HostView, _, _ *Copy) { b.VolumeFree = 3 << 30 }, "volume-full"},
		"too new":         {SeedPlan{How: SeedNetwork}, func(_ *HostView, s, _ *Copy) { s.Version = "12.0" }, "version-too-new"},
		"not told":        {SeedPlan{How: SeedNetwork}, func(b *HostView, _, _ *Copy) { b.VolumeSize, b.VolumeFree, b.Versions = 0, 0, nil }, ""},
		"there already": {SeedPlan{How: SeedNetwork}, func(b *HostView, s, t *Copy) {
			b.VolumeFree = 3 << 30
			s.Mode, s.State, s.ReplicaServer = "Primary", "InitialReplicationInProgress", "b.example"
			*t = Copy{Host: "B", Reached: true, Exists: true, Mode: "Replica", State: "WaitingForInitialReplication", Power: "Off"}
		}, ""},
	} {
		in, err := ResolveProtection(protectConfig(), ProtectionRequest{Operation: Protect, Name: "other", Seed: c.seed})
		if err != nil {
			t.Fatal(err)
		}
		b, source, target := on("B"), loose, missing
		c.spoil(&b, &source, &target)
		views := []HostView{on("A"), b, on("C")}
		var codes []string
		for _, f := range Readiness(NeededTrust(in, views), views, []Pair{{ID: in.VMs()[0].ID, Source: source, Target: target, Third: &third}}, time.Time{}) {
			codes = append(codes, f.Code)
		}
		if strings.Join(codes, " ") != c.codes {
			t.Errorf("%s: %v, want %q", name, codes, c.codes)
		}
	}
}

// What hosts do already is not asked again; a replica server that is off is never
// turned on in passing.
func TestAReplicaServerThatIsOffIsNamed(t *testing.T) {
	on := func(name string, from ...string) HostView {
		return HostView{Name: name, Reached: true, ReplicaServer: true, ReplicaAuth: "Certificate", AllowedFrom: from}
	}
	off := func(name string) HostView { return HostView{Name: name, Reached: true} }
	for name, c := range map[string]struct {
		turnOn bool
		hosts  []HostView
		trust  string // what is left to do, with + where a server may be turned on
		codes  string
	}{
		"all is there":         {false, []HostView{on("A", "*.example"), on("B", "a.example"), on("C", "*")}, "", ""},
		"entries missing":      {false, []HostView{on("A"), on("B", "x.example"), on("C", "*")}, "A B", "will-authorize will-authorize"},
		"the target is off":    {false, []HostView{on("A", "*"), off("B"), on("C", "*")}, "B", "replica-server-off"},
		"the third is off":     {false, []HostView{on("A", "*"), on("B", "*"), off("C")}, "C", "replica-server-off"},
		"the way home is off":  {false, []HostView{off("A"), on("B", "*"), on("C", "*")}, "", "no-way-back"},
		"another way of proof": {false, []HostView{on("A", "*"), {Name: "B", Reached: true, ReplicaServer: true, ReplicaAuth: "Kerberos", AllowedFrom: []string{"*"}}, on("C", "*")}, "B", "replica-server-off"},
		"asked to turn it on":  {true, []HostView{on("A"), off("B"), on("C", "*")}, "A B+", "will-turn-on will-authorize"},
	} {
		in, err := ResolveProtection(protectConfig(), ProtectionRequest{Operation: Protect, Name: "other", TurnOn: c.turnOn, Seed: SeedPlan{How: SeedNetwork}})
		if err != nil {
			t.Fatal(err)
		}
		in = NeededTrust(in, c.hosts)
		var trust, codes []string
		for _, h := range in.Trust {
			word := h.Host
			if !h.Keep {
				word += "+"
			}
			trust = append(trust, word)
		}
		for _, f := range Readiness(in, c.hosts, nil, time.Time{}) {
			codes = append(codes, f.Code)
		}
		if strings.Join(trust, " ") != c.trust || strings.Join(codes, " ") != c.codes {
			t.Errorf("%s: %v, %v; want %q, %q", name, trust, codes, c.trust, c.codes)
		}
	}
}

// A moment that passed while the engine was down is no reason to hold: no host
// would take it any more, so the first copy begins now.
func TestAMomentThatHasPassedIsNow(t *testing.T) {
	at := time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		clock, set, asked time.Time
		phase             Phase
		kind              DecisionKind
	}{
		"to come":                         {at.Add(-time.Hour), time.Time{}, at, PhaseEnable, Act},
		"passed before it was set":        {at.Add(time.Hour), time.Time{}, at, PhaseSync, Act},
		"set and to come":                 {at.Add(-time.Hour), at, at, PhaseExtend, Wait},
		"set, and the host slept":         {at.Add(time.Hour), at, at, PhaseSync, Act},
		"slept, and asked for tomorrow":   {at.Add(time.Hour), at, at.AddDate(0, 0, 1), PhaseEnable, Act},
		"nobody spoke of a moment":        {at, time.Time{}, time.Time{}, PhaseSync, Act},
		"set by hand, and wanted at once": {at.Add(-time.Hour), at, time.Time{}, PhaseSync, Act},
	} {
		s := Copy{Host: "A", Reached: true, Exists: true, At: c.clock, VM: "1", Mode: "Primary", State: "ReadyForInitialReplication", Power: "Running", InitialStart: c.set}
		r := Copy{Host: "B", Reached: true, Exists: true, At: c.clock, VM: "1", Mode: "Replica", State: "WaitingForInitialReplication", Power: "Off"}
		d := Next(Intent{Operation: Protect, UpTo: PhaseExtend, Seed: SeedPlan{How: SeedNetwork, At: c.asked}}, s, r)
		if d.Kind != c.kind || d.Phase != c.phase {
			t.Errorf("%s: %s in %s: %s", name, d.Kind, d.Phase, d.Why)
		}
	}
}
