package plans

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const likeText = sitesAndHosts + `groups:
  - name: g
    from: HV-A
    to: HV-B
    frequency: 5m
    recovery_points: 2
    vms:
      - {name: ERP, id: ` + erpID + `, memory: 4GB, nics: [{network: lan, ip: 10.1.0.30}]}
      - {name: SQL, id: ` + sqlID + `, memory: 4GB, nics: [{network: lan, ip: 10.1.0.20, inject: false}]}
  - {name: h, from: HV-A, to: HV-B, frequency: 15m, vms: [{name: FS, id: 11111111-0000-4000-8000-000000000009}]}
plans:
  - name: p
    from: hq
    to: dr
    steps:
      - {stage: data, vms: [{vm: SQL}]}
      - {stage: apps, vms: [{vm: ERP, after: [SQL], rto: 1h, gates: [{tcp: {ports: [80]}}]}]}
`

func likeConfig(t *testing.T) *Config {
	t.Helper()
	cfg, err := Decode([]File{{"a.yaml", []byte(likeText)}})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func likeOf(t *testing.T, r LikeRequest) (*Config, Like) {
	t.Helper()
	cfg := likeConfig(t)
	l, err := cfg.Like(r)
	if err != nil {
		t.Fatal(err)
	}
	return cfg, l
}

// looseCopy is a VM at HV-A that does not replicate.
func looseCopy(name, id string) Copy {
	return Copy{Host: "HV-A", Reached: true, Exists: true, VM: id, Name: name, Power: "Running", Mode: "None", State: "Disabled", Heartbeat: "OkApplicationsUnknown",
		Version: "9.0", MemoryStartup: 16 << 30, Adapters: []Adapter{{Name: "Network Adapter", Switch: "A", IPs: []string{"fe80::1", "10.1.0.33"}}}}
}

func seenAt(host string, copies ...Copy) SeenHost {
	out := SeenHost{View: HostView{Name: host, Reached: true}, Copies: map[string]Copy{}}
	for _, c := range copies {
		c.Host = host
		out.Copies[c.VM] = c
	}
	return out
}

// What is no VM to protect is refused, and what to do is said.
func TestWhatIsFoundToProtect(t *testing.T) {
	app, other := looseCopy("APP", appID), looseCopy("app", "11111111-0000-4000-8000-000000000004")
	mode := func(m string) Copy {
		c := app
		c.Mode, c.PrimaryServer, c.ReplicaServer = m, "hv-x", "hv-y"
		return c
	}
	silent := SeenHost{View: HostView{Name: "HV-B"}}
	for name, c := range map[string]struct {
		seen []SeenHost
		want string // "" for found, "-" for not asked yet
		all  bool
	}{
		"here":                    {[]SeenHost{seenAt("HV-A", app), silent}, "", false},
		"here, and another there": {[]SeenHost{seenAt("HV-A", app), seenAt("HV-B", other)}, "", true},
		"not here":                {[]SeenHost{seenAt("HV-A"), silent}, "-", false},
		"two of the name":         {[]SeenHost{seenAt("HV-A", app, other)}, "HV-A has 2 VMs called APP: " + appID, false},
		"there":                   {[]SeenHost{seenAt("HV-A"), seenAt("HV-B", app)}, "APP stands at HV-B, and ERP replicates from HV-A", true},
		"its replica alone":       {[]SeenHost{seenAt("HV-A"), seenAt("HV-B", mode("Replica"))}, "APP at HV-B is a replica of hv-x", true},
		"nowhere":                 {[]SeenHost{seenAt("HV-A"), silent}, `no host of the configuration has a VM "APP"; HV-B did not answer`, true},
		"the source is silent":    {[]SeenHost{{View: HostView{Name: "HV-A"}}}, "HV-A, from where ERP replicates, does not answer", false},
		"a replica":               {[]SeenHost{seenAt("HV-A", mode("Replica"))}, "APP at HV-A is a replica of hv-x", false},
		"a third copy":            {[]SeenHost{seenAt("HV-A", mode("ExtendedReplica"))}, "is a replica of", false},
		"a test copy":             {[]SeenHost{seenAt("HV-A", mode("TestReplica"))}, "is the test copy of a drill", false},
		"protected elsewhere":     {[]SeenHost{seenAt("HV-A", mode("Primary"))}, "replicates already, to hv-y", false},
		"not told":                {[]SeenHost{seenAt("HV-A", mode(""))}, "in a way that is not known", false},
	} {
		cfg, l := likeOf(t, LikeRequest{VM: "APP", Like: "ERP"})
		got, found, err := l.Find(cfg, c.seen, c.all)
		var refused *Refusal
		switch {
		case c.want == "-":
			if found || err != nil {
				t.Errorf("%s: %v, %v", name, found, err)
			}
		case c.want == "":
			if err != nil || got.VM != appID {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		case !errors.As(err, &refused) || !strings.Contains(refused.What, c.want) || refused.Do == "":
			t.Errorf("%s: %v", name, err)
		}
	}
	throwAway := looseCopy(CanaryPrefix+"x", appID)
	cfg, l := likeOf(t, LikeRequest{VM: throwAway.Name, Like: "ERP"})
	if _, _, err := l.Find(cfg, []SeenHost{seenAt("HV-A", throwAway)}, false); err == nil {
		t.Error("a VM of a canary is to be protected")
	}
}

// A VM that the configuration has is not written again; one of another group is
// refused.
func TestWhatTheConfigurationHasIsNotWrittenAgain(t *testing.T) {
	for name, want := range map[string]struct{ known, refused bool }{"SQL": {true, false}, strings.ToUpper(sqlID): {true, false}, "APP": {false, false}, "FS": {false, true}, "g": {false, true}} {
		cfg, l := likeOf(t, LikeRequest{VM: name, Like: "ERP"})
		if known, err := l.Known(cfg); known != want.known || (err != nil) != want.refused {
			t.Errorf("%s: %v, %v", name, known, err)
		}
	}
	cfg := likeConfig(t)
	for _, r := range []LikeRequest{{Like: "g"}, {Like: "NOBODY"}, {Like: "ERP", To: "hq"}, {Like: "ERP", To: "moon"}} {
		if _, err := cfg.Like(r); err == nil {
			t.Errorf("%+v is taken", r)
		}
	}
}

// Networks and addresses are the host's; what the other VM's guest does itself this
// one's does too; an address at the other site is known by the one at home.
func TestTheNetworksOfAVMThatIsProtectedLikeAnother(t *testing.T) {
	with := func(adapters ...Adapter) Copy {
		c := looseCopy("APP", appID)
		c.Adapters = adapters
		return c
	}
	for name, c := range map[string]struct {
		copy     Copy
		request  LikeRequest
		want     string // of the first nic
		codes    string
		wrong    string
		injected bool
	}{
		"as it tells":         {with(Adapter{Name: "n", Switch: "A", IPs: []string{"10.1.0.33"}}), LikeRequest{Like: "ERP"}, "10.1.0.33", "", "", true},
		"its guest sets it":   {with(Adapter{Name: "n", Switch: "A", IPs: []string{"10.1.0.33"}}), LikeRequest{Like: "SQL"}, "10.1.0.33", "", "", false},
		"it tells none":       {with(Adapter{Name: "n", Switch: "A"}), LikeRequest{Like: "ERP"}, "", "", "", true},
		"it is told":          {with(Adapter{Name: "n", Switch: "A"}), LikeRequest{Like: "ERP", FailoverIP: "10.2.0.33"}, "10.1.0.33", "", "", true},
		"the same is told":    {with(Adapter{Name: "n", Switch: "A", IPs: []string{"10.1.0.33"}}), LikeRequest{Like: "ERP", FailoverIP: "10.2.0.33"}, "10.1.0.33", "", "", true},
		"another is told":     {with(Adapter{Name: "n", Switch: "A", IPs: []string{"10.1.0.33"}}), LikeRequest{Like: "ERP", FailoverIP: "10.2.0.34"}, "", "", "which is 10.2.0.33 at dr", true},
		"one of another net":  {with(Adapter{Name: "n", Switch: "A"}), LikeRequest{Like: "ERP", FailoverIP: "10.1.0.33"}, "", "", "not in the subnet", true},
		"no address":          {with(Adapter{Name: "n", Switch: "A"}), LikeRequest{Like: "ERP", FailoverIP: "x"}, "", "", "not in the subnet", true},
		"two adapters":        {with(Adapter{Name: "n", Switch: "A"}, Adapter{Name: "m", Switch: "A"}), LikeRequest{Like: "ERP", FailoverIP: "10.2.0.33"}, "", "", "one adapter", true},
		"outside":             {with(Adapter{Name: "n", Switch: "A", IPs: []string{"192.168.1.1"}}), LikeRequest{Like: "ERP"}, "", "address-outside", "", true},
		"an unknown switch":   {with(Adapter{Name: "n", Switch: "A"}, Adapter{Name: "m", Switch: "Z"}), LikeRequest{Like: "ERP"}, "", "network-unknown", "", true},
		"on no switch":        {with(Adapter{Name: "n", Switch: "A"}, Adapter{Name: "m"}), LikeRequest{Like: "ERP"}, "", "not-connected", "", true},
		"two of one name":     {with(Adapter{Name: "n", Switch: "A"}, Adapter{Name: "N", Switch: "A"}, Adapter{Name: "m", Switch: "A"}), LikeRequest{Like: "ERP"}, "", "adapter-twice adapter-twice", "", true},
		"no adapter, nowhere": {with(), LikeRequest{Like: "ERP"}, "", "no-adapter", "", true},
	} {
		cfg, l := likeOf(t, c.request)
		vm, found, err := l.Protected(cfg, c.copy)
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		var codes []string
		for _, f := range found {
			codes = append(codes, f.Code)
		}
		if err != nil || strings.Join(codes, " ") != c.codes {
			t.Errorf("%s: %v, %v", name, codes, err)
		}
		if len(vm.NICs) > 0 && (vm.NICs[0].IP != c.want || (vm.NICs[0].Inject == nil) != c.injected) {
			t.Errorf("%s: %+v", name, vm.NICs)
		}
	}
}

// explained is what is said of APP like ERP, with facts as a test changes them.
func explained(t *testing.T, change func(*LikeFacts)) LikePlan {
	t.Helper()
	cfg, l := likeOf(t, LikeRequest{VM: "APP", Like: "ERP"})
	f := LikeFacts{
		Copy: looseCopy("APP", appID), Disks: []LikeDisk{{Path: `D:\a.vhdx`, Size: 140 << 30, Used: 100 << 30}},
		Target: HostView{Name: "HV-B", Reached: true, MemoryBytes: 64 << 30, Versions: []string{"9.0"}},
		Store:  StoreView{Storages: []string{`D:\R`}, Volumes: []VolumeView{{Name: `D:\`, Size: 4 << 40, Free: 2 << 40}}},
	}
	change(&f)
	vm, _, err := l.Protected(cfg, f.Copy)
	if err != nil {
		t.Fatal(err)
	}
	files := []File{{"a.yaml", []byte(likeText)}}
	changed, adds, err := AddLike(files, l.Other, vm, l.Part(f.Copy))
	if err != nil {
		t.Fatal(err)
	}
	after, err := Decode(changed)
	if err != nil {
		t.Fatal(err)
	}
	sum := LikeSum{Plan: "p"}
	request := Request{Operation: UnplannedFailover}
	if sum.Before, err = Resolve(cfg, &cfg.Plans[0], request); err != nil {
		t.Fatal(err)
	}
	if sum.After, err = Resolve(after, &after.Plans[0], request); err != nil {
		t.Fatal(err)
	}
	in := RunInput{Operation: Protect, Seed: SeedPlan{How: SeedNetwork}}
	return l.ExplainLike(after, vm, in, f, adds, []LikeSum{sum})
}

// The numbers are those that the hosts told; what they did not tell is said.
func TestChecksOfAVMThatIsProtectedLikeAnother(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*LikeFacts)
		says   string // in steps and checks
		code   string
		level  Severity
	}{
		"all well":         {func(*LikeFacts) {}, "replicate 1 of 1 disks (140 GB) to HV-B, every 5m, 2 extra points|map A -> B, failover IP 10.2.0.33|after SQL|version ok, space ok (2.0 TB free), no checkpoints, memory ok", "", ""},
		"a rate is known":  {func(f *LikeFacts) { f.Rate = &CopyRate{PerSecond: 17.5e6, Copies: 3} }, "now (about 1h42m at 140 Mbps, as 3 went there before)", "", ""},
		"no heartbeat":     {func(f *LikeFacts) { f.Copy.Heartbeat = "" }, "it has no gate", "", ""},
		"version":          {func(f *LikeFacts) { f.Copy.Version = "12.0" }, "version 12.0 NOT KNOWN there", "", ""},
		"version not told": {func(f *LikeFacts) { f.Copy.Version = "" }, "version NOT TOLD", "", ""},
		"no room":          {func(f *LikeFacts) { f.Store.Volumes[0].Free = 60 << 30 }, "space 40 GB SHORT", "volume-short", Blocker},
		"room for now":     {func(f *LikeFacts) { f.Store.Volumes[0].Free = 120 << 30 }, "space ok for now (120 GB free)", "volume-short", Warning},
		"room not told":    {func(f *LikeFacts) { f.Store = StoreView{} }, "space NOT TOLD", "volume-not-told", Warning},
		"disk not told": {func(f *LikeFacts) { f.Disks = append(f.Disks, LikeDisk{Path: "Disk 2", Problem: "Get-VHD: x"}) },
			"replicate 2 disks (140 GB, of 1 it is not told)|space NOT CHECKED", "", ""},
		"a checkpoint":         {func(f *LikeFacts) { f.Points = []Point{{Kind: "Standard", Time: noon}} }, "1 CHECKPOINT", "checkpoint", Warning},
		"checkpoints not told": {func(f *LikeFacts) { f.Untold = []string{"Get-VMSnapshot: x"} }, "checkpoints NOT TOLD", "not-told", Warning},
		"memory":               {func(f *LikeFacts) { f.Target.MemoryBytes = 22 << 30 }, "memory 2 GB OVER", "memory-short", Warning},
		"memory not told":      {func(f *LikeFacts) { f.Target.MemoryBytes = 0 }, "memory NOT TOLD", "", ""},
	} {
		p := explained(t, c.change)
		text := strings.Join(p.Steps, "\n") + "\n" + strings.Join(p.Checks, ", ")
		for _, words := range strings.Split(c.says, "|") {
			if !strings.Contains(text, words) {
				t.Errorf("%s does not say %q:\n%s", name, words, text)
			}
		}
		found := c.code == ""
		for _, f := range p.Findings {
			found = found || f.Code == c.code && f.Severity == c.level
		}
		if !found || c.code == "" && len(p.Findings) > 0 {
			t.Errorf("%s: %+v", name, p.Findings)
		}
	}
}

// A rate is what first copies over the network between these hosts took; what
// waited, was carried or is of a lab's other speed tells nothing.
func TestRatesOfFirstCopies(t *testing.T) {
	report := func(seed SeedPlan, speed float64, bytes uint64, took time.Duration) Report {
		in := RunInput{Operation: Protect, Seed: seed, Speed: speed, Steps: []RunStep{{VMs: []RunVM{{ID: "x", SourceHost: "A", TargetHost: "B"}}}}}
		vm := VMStatus{ID: "x", Verdict: VerdictDone, Progress: &SyncProgress{Total: bytes}, Times: []PhaseTime{{Phase: PhaseSync, Started: noon, Ended: noon.Add(took)}}}
		return Report{Input: in, Status: RunStatus{VMs: []VMStatus{vm}}}
	}
	network := SeedPlan{How: SeedNetwork}
	all := FirstCopiesOf([]Report{
		report(network, 1, 60e9, 10*time.Minute), report(network, 1, 30e9, 10*time.Minute), report(network, 1, 120e9, 10*time.Minute),
		report(network, 1, 1, time.Second), report(SeedPlan{How: SeedMedia}, 1, 1, time.Hour), report(SeedPlan{How: SeedNetwork, At: noon}, 1, 1, time.Hour), report(network, 60, 1, time.Hour),
	})
	rate := RateOf(all, "A", "B", 1)
	if len(all) != 4 || rate == nil || rate.Copies != 3 || rate.PerSecond != 1e8 {
		t.Errorf("%+v of %+v", rate, all)
	}
	if RateOf(all, "B", "A", 1) != nil || RateOf(nil, "A", "B", 1) != nil {
		t.Error("a rate is said of a way that nothing went")
	}
}
