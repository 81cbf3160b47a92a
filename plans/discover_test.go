package plans

import (
	"strings"
	"testing"
	"time"
)

const discoveredID = "11111111-0000-4000-8000-00000000000"

// foundPair is a primary at A with its replica at B.
func foundPair(name string) []FoundHost {
	relation := []FoundRelation{{Primary: "a.example", Replica: "b.example", Frequency: 5 * time.Minute, Points: 3, Auth: "Certificate"}}
	login := WinRM{Transport: "https", Auth: "ntlm", User: "u", Secret: "env:X"}
	return []FoundHost{
		{
			Host: Host{Name: "A", Address: "10.1.0.5", WinRM: login}, Told: "A", Replica: true, Thumbprint: "AA", Storage: `D:\R`, Switches: []SwitchView{{"LAN", "External"}},
			CopiesFound: []FoundCopy{{
				ID: discoveredID + "1", Name: name, Power: "Running", Mode: "Primary", State: "Replicating", Memory: 3 << 20, Relations: relation,
				Adapters: []Adapter{{Name: "net", Switch: "LAN", IPs: []string{"fe80::1", "10.1.0.20"}}},
			}},
		},
		{
			Host: Host{Name: "B", Address: "10.2.0.5", WinRM: login}, Told: "B", Replica: true, Thumbprint: "BB", Switches: []SwitchView{{"Other", "External"}, {"Second", "External"}, {"Iso", "Private"}},
			CopiesFound: []FoundCopy{{
				ID: discoveredID + "1", Name: name, Power: "Off", Mode: "Replica", State: "Replicating", Relations: relation,
				Adapters: []Adapter{{Name: "net", Switch: "Other", FailoverIP: "10.2.0.20", FailoverMask: "255.255.255.0", FailoverGateway: "10.2.0.1"}},
			}},
		},
	}
}

func decoded(t *testing.T, d Discovery) *Config {
	t.Helper()
	cfg, err := Decode([]File{{Name: "lifeboat.yaml", Data: d.Text}})
	if err != nil {
		t.Fatalf("%v\n%s", err, d.Text)
	}
	return cfg
}

// Names are data: whatever they hold comes back from the file as it was, and no
// comment ends in the middle of one.
func TestDiscoverWritesAnyName(t *testing.T) {
	for _, name := range []string{"DB", "it's", `quo"te`, "a: b", "# no comment", "- x", "yes", "null", "1e3", "{a}", "line\nversion: 2", "tab\t", "ü*[x]", "'", " lead", "$(x)", "\u2028x"} {
		hosts := foundPair(name)
		hosts[0].CopiesFound = append(hosts[0].CopiesFound, FoundCopy{ID: discoveredID + "9", Name: name, Mode: "None", Power: "Off"})
		hosts[0].CopiesFound[0].Unreplicated = []string{`D:\` + name + ".vhdx"}
		d, err := Discover(hosts, Chosen{})
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if vm := decoded(t, d).Groups[0].VMs[0]; vm.Name != name {
			t.Errorf("%q came back as %q", name, vm.Name)
		}
	}
}

// Two adapters with the name that Hyper-V gives every new one cannot be told apart
// on the day: init says so, and a file that names one twice is refused.
func TestDiscoverLeavesOutAdaptersOfOneName(t *testing.T) {
	hosts := foundPair("DB")
	c := &hosts[0].CopiesFound[0]
	c.Adapters = append(c.Adapters, Adapter{Name: "Net", Switch: "LAN"}, Adapter{Name: "own", Switch: "LAN"})
	d, err := Discover(hosts, Chosen{})
	if err != nil {
		t.Fatal(err)
	}
	if nics := decoded(t, d).Groups[0].VMs[0].NICs; len(nics) != 1 || nics[0].Adapter != "own" || !strings.Contains(strings.Join(d.Notes, "\n"), "more than one adapter") {
		t.Errorf("%+v\n%s", nics, strings.Join(d.Notes, "\n"))
	}
	one := "- {network: LAN, adapter: own}"
	for _, two := range []string{one + "\n          - {network: LAN, adapter: OWN}", "- {network: LAN}\n          - {network: LAN}"} {
		text := strings.Replace(string(d.Text), one, two, 1)
		if _, err := Decode([]File{{Name: "lifeboat.yaml", Data: []byte(text)}}); err == nil || !strings.Contains(err.Error(), "nics[1].adapter") {
			t.Errorf("taken: %v", err)
		}
	}
}

// What a self-test or a canary has just made is nobody's VM.
func TestDiscoverLeavesOutThrowAways(t *testing.T) {
	hosts := foundPair("DB")
	for i, name := range []string{SelfTestPrefix + "abc", CanaryPrefix + "n-abc"} {
		c := hosts[0].CopiesFound[0]
		c.ID, c.Name = discoveredID+string(rune('7'+i)), name
		hosts[0].CopiesFound = append(hosts[0].CopiesFound, c)
	}
	d, err := Discover(hosts, Chosen{})
	if err != nil {
		t.Fatal(err)
	}
	if d.VMs != 1 || len(d.Unprotected) != 0 || strings.Contains(string(d.Text), "lifeboat-") {
		t.Errorf("%+v\n%s", d.Unprotected, d.Text)
	}
	if len(hosts[0].CopiesFound) != 3 {
		t.Error("what was found is changed")
	}
}

func TestDiscoverTakesOverWhatIsTold(t *testing.T) {
	d, err := Discover(foundPair("DB"), Chosen{})
	if err != nil {
		t.Fatal(err)
	}
	cfg := decoded(t, d)
	g := cfg.Groups[0]
	if g.From != "A" || g.To != "B" || g.Frequency.D() != 5*time.Minute || g.RecoveryPoints != 3 || g.Authentication != "certificate" || *g.Compression {
		t.Errorf("the group is %+v", g)
	}
	if nic := g.VMs[0].NICs[0]; nic.IP != "10.1.0.20" || nic.Network != "LAN" || nic.Adapter != "" {
		t.Errorf("the NIC is %+v", nic)
	}
	n := cfg.Networks[0]
	if len(n.Sites) != 2 || n.Sites[0].Subnet != "10.1.0.0/24" || n.Sites[1].Switch != "Other" || n.Sites[1].Subnet != "10.2.0.0/24" || n.Sites[1].Gateway != "10.2.0.1" || n.Sites[1].TestSwitch != "Iso" {
		t.Errorf("the network is %+v", n)
	}
	if h := cfg.Hosts[0]; h.ReplicaName != "a.example" || h.CertificateThumbprint != "AA" || h.ReplicaStorage != `D:\R` || h.Site == cfg.Hosts[1].Site {
		t.Errorf("the host is %+v", h)
	}
}

// What cannot be told is said, and what would be a lie is left out.
func TestDiscoverSaysWhatItCannotTell(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func([]FoundHost) []FoundHost
		note  string
		vms   int
	}{
		"partner not named": {func(h []FoundHost) []FoundHost { return h[:1] }, "replicates to b.example, which was not named", 0},
		"primary not named": {func(h []FoundHost) []FoundHost { return h[1:] }, "is a replica of a.example, which was not named", 0},
		"two primaries": {func(h []FoundHost) []FoundHost {
			h[1].CopiesFound[0].Mode = "Primary"
			h[1].CopiesFound[0].Relations = []FoundRelation{{Primary: "b.example", Replica: "a.example", Frequency: 5 * time.Minute, Auth: "Certificate"}}
			return h
		}, "is a primary at A and at B", 1},
		"replica gone":    {func(h []FoundHost) []FoundHost { h[1].CopiesFound = nil; h[1].Told = "b.example"; return h }, "has no copy of it", 1},
		"failed over":     {func(h []FoundHost) []FoundHost { h[1].CopiesFound[0].State = "FailedOver"; return h }, "FailedOver at B", 1},
		"no address":      {func(h []FoundHost) []FoundHost { h[0].CopiesFound[0].Adapters[0].IPs = nil; return h }, "does not tell its address", 1},
		"no such network": {func(h []FoundHost) []FoundHost { h[1].CopiesFound[0].Adapters = nil; return h }, "cannot be told", 1},
		"a disk left out": {func(h []FoundHost) []FoundHost { h[0].CopiesFound[0].Unreplicated = []string{`D:\t.vhdx`}; return h }, "disks that do not replicate", 1},
		"a read that failed": {func(h []FoundHost) []FoundHost {
			h[0].CopiesFound[0].Problems = []string{"Get-VMNetworkAdapter: Denied"}
			return h
		}, "does not tell all", 1},
		"no replica server": {func(h []FoundHost) []FoundHost { h[1].Replica = false; return h }, "is no replica server", 1},
	} {
		d, err := Discover(c.spoil(foundPair("DB")), Chosen{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if text := strings.Join(d.Notes, "\n"); !strings.Contains(text, c.note) || d.VMs != c.vms {
			t.Errorf("%s: %d VMs, and it says\n%s", name, d.VMs, text)
		}
	}
}

// The plan at the end of the file is valid once the # are away, whatever the VMs
// are called, and two of one name are told apart.
func TestTheDraftedPlanIsValid(t *testing.T) {
	hosts := foundPair("# odd: [name]")
	for i := range hosts {
		for _, name := range []string{"twin", "TWIN"} {
			c := hosts[i].CopiesFound[0]
			c.Name, c.ID = name, discoveredID+map[string]string{"twin": "2", "TWIN": "3"}[name]
			hosts[i].CopiesFound = append(hosts[i].CopiesFound, c)
		}
	}
	d, err := Discover(hosts, Chosen{Sites: map[string]string{"A": "hq", "B": "far"}})
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(d.Text), "#plans:\n")
	if !found {
		t.Fatalf("no plan in\n%s", d.Text)
	}
	text := strings.Replace(string(d.Text), after, strings.ReplaceAll(after, "#  ", "  "), 1)
	cfg := decoded(t, Discovery{Text: []byte(strings.Replace(text, "#plans:", "plans:", 1))})
	if len(cfg.Plans) != 1 || cfg.Plans[0].From != "hq" || cfg.Plans[0].To != "far" || len(cfg.Plans[0].Steps[0].VMs) != 3 {
		t.Errorf("the plan is %+v", cfg.Plans)
	}
	if problems := cfg.Plans[0].Steps[0].VMs; problems[1].VM != discoveredID+"2" || problems[0].VM != "# odd: [name]" {
		t.Errorf("its VMs are %+v", problems)
	}
}

// What will matter on the day is said at the first look already.
func TestDiscoverWorries(t *testing.T) {
	hosts := foundPair("DB")
	hosts[1].Memory, hosts[1].CopiesFound[0].Memory, hosts[1].OS = 8<<30, 6<<30, "Windows Server 2022"
	hosts[1].CopiesFound = append(hosts[1].CopiesFound, FoundCopy{ID: discoveredID + "8", Name: "DC", Mode: "None", Power: "Running", Memory: 4 << 30})
	hosts[1].Clock, hosts[1].CertificateEnds = noon, noon.AddDate(0, 0, 20)
	d, err := Discover(hosts, Chosen{})
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(d.Notes, "\n")
	for _, want := range []string{"B has 8 GB of memory and its own VMs use 4 GB; the replicas there (1) need 6 GB", "B: its replication certificate ends in 20 days"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no %q in\n%s", want, notes)
		}
	}
	if len(d.Hosts) != 2 || d.Hosts[1] != "B: Windows Server 2022, VMs of its own 1, of which replicate 0; replicas of others 1; certificate until 2026-12-14" {
		t.Errorf("the hosts are told as %q", d.Hosts)
	}
	hosts[1].Memory, hosts[1].CertificateEnds = 64<<30, noon.AddDate(1, 0, 0)
	if d, _ := Discover(hosts, Chosen{}); strings.Contains(strings.Join(d.Notes, "\n"), "memory") || strings.Contains(strings.Join(d.Notes, "\n"), "certificate") {
		t.Errorf("it worries without a reason: %q", d.Notes)
	}
}

// What people said stands in the file as they said it, and is not asked again.
func TestDiscoverTakesWhatPeopleSaid(t *testing.T) {
	hosts := foundPair("DB")
	for i := range hosts {
		for _, n := range []string{"2", "3"} {
			c := hosts[i].CopiesFound[0]
			c.ID, c.Name, c.Memory = discoveredID+n, "VM-"+n, 3<<30
			hosts[i].CopiesFound = append(hosts[i].CopiesFound, c)
		}
		hosts[i].CopiesFound[0].Memory = 3 << 30
	}
	hosts[0].CopiesFound[0].Unreplicated = []string{`D:\tempdb.vhdx`}
	hosts[1].Memory = 7 << 30
	said := Chosen{Sites: map[string]string{"A": "hq", "B": "far"}, Order: []string{"hq", "far", "cloud"}, Engine: "cloud"}
	d, err := Discover(hosts, said)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Doubts) != 2 || d.Doubts[0].VM.Name != "DB" || d.Doubts[1].Room != 7<<30 || d.Doubts[1].Need != 9<<30 || len(d.Doubts[1].VMs) != 3 {
		t.Errorf("the doubts are %+v", d.Doubts)
	}
	if len(d.Ways) != 1 || d.Ways[0].From != "hq" || d.Ways[0].To != "far" || len(d.Ways[0].VMs) != 3 {
		t.Errorf("the ways are %+v", d.Ways)
	}
	said.Excluded, said.Waiting = []string{discoveredID + "1"}, []string{discoveredID + "3"}
	said.Plans = []Draft{{Name: "hq-loss", From: "hq", To: "far", Stages: [][]string{{discoveredID + "2"}, {discoveredID + "1", discoveredID + "3"}}}}
	if d, err = Discover(hosts, said); err != nil {
		t.Fatal(err)
	}
	cfg := decoded(t, d)
	if s := cfg.Sites; len(s) != 3 || s[0].Name != "hq" || s[0].Engine || !s[2].Engine {
		t.Errorf("the sites are %+v", s)
	}
	if disks := cfg.Groups[0].VMs[0].ExcludedDisks; len(disks) != 1 || disks[0] != `D:\tempdb.vhdx` || len(d.Doubts) != 0 {
		t.Errorf("the disks are %q, the doubts %+v", disks, d.Doubts)
	}
	steps := cfg.Plans[0].Steps
	if len(steps) != 2 || steps[0].VMs[0].VM != "VM-2" || steps[1].VMs[0].VM != "DB" || steps[1].VMs[1].Policy != PolicyIfCapacity || steps[1].VMs[0].Policy == PolicyIfCapacity {
		t.Errorf("the plan is %+v", cfg.Plans[0])
	}
	said.Engine = "hq"
	if _, err = Discover(hosts, said); err == nil {
		t.Error("a plan that moves Lifeboat's own site was written")
	}
}
