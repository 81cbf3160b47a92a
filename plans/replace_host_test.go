package plans

import (
	"os"
	"strings"
	"testing"
)

func TestAHostIsReplacedInPlace(t *testing.T) {
	text, err := os.ReadFile("testdata/good/northgate.yaml")
	if err != nil {
		t.Fatal(err)
	}
	fresh := strings.Replace(string(text), "hosts:\n", "hosts:\n  - {name: NEW, site: hq, address: 10.10.10.9, winrm: {user: u, secret: \"env:X\"}} # spare\n", 1)
	files := []File{{Name: "a.yaml", Data: []byte(fresh)}}
	cfg, err := Decode(files)
	if err != nil {
		t.Fatal(err)
	}
	in, err := ResolveReplacement(cfg, "NG-HV01", "NEW", SeedNetwork, Request{RunID: "r", By: "Dana", Speed: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, vm := range in.VMs() {
		if vm.SourceHost != "NEW" || vm.TargetHost != "NG-HV02" || vm.ReverseTo != "NEW" || vm.Enable == nil {
			t.Errorf("%s goes %s -> %s (%s)", vm.Label, vm.TargetHost, vm.SourceHost, vm.ReverseTo)
		}
	}
	if len(in.VMs()) == 0 || len(in.Trust) != 2 || len(in.Distrust) == 0 || in.From != "hq" || in.To != "warehouse" || len(in.Hosts) != 2 {
		t.Errorf("input: %+v", in)
	}
	changed, err := RenameHost(files, "NG-HV01", "NEW")
	if err != nil || len(changed) != 1 {
		t.Fatalf("renamed: %v, %v", changed, err)
	}
	after, err := Decode(changed)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range after.Groups {
		if g.From == "NG-HV01" || g.To == "NG-HV01" {
			t.Errorf("group %s still names the lost host", g.Name)
		}
	}
	if !strings.Contains(string(changed[0].Data), "# spare") || strings.Count(string(changed[0].Data), "\n") != strings.Count(fresh, "\n") {
		t.Error("comments or lines were lost")
	}
	for _, bad := range [][3]string{{"NG-HV01", "NG-HV01", SeedNetwork}, {"X", "NEW", SeedNetwork}, {"NG-HV01", "X", SeedNetwork}, {"NG-HV01", "NG-HV02", SeedNetwork}, {"NG-HV01", "NEW", "pigeon"}} {
		if _, err := ResolveReplacement(cfg, bad[0], bad[1], bad[2], Request{}); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}
