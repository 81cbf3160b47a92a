package lab_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/lifeboat-dr/lifeboat/testenv/lab"
)

// What is written for groups with a third copy.
func TestConfigurationOfAThirdCopy(t *testing.T) {
	l := start(t, "brightwater", lab.Options{Speed: 60})
	dir := t.TempDir()
	if err := l.WriteConfig(dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "lifeboat.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var written struct {
		Groups []struct {
			Name, From, To string
			Extends        *struct{ To, Frequency string }
			VMs            []struct{ Name string } `yaml:"vms"`
		}
	}
	if err := yaml.Unmarshal(text, &written); err != nil {
		t.Fatal(err)
	}
	vms, extended := 0, map[string]int{}
	for _, g := range written.Groups {
		vms += len(g.VMs)
		if g.Extends == nil {
			continue
		}
		if g.From != "LDS-CL1" || g.To != "MAN-CL1" || g.Extends.Frequency != "5m" {
			t.Errorf("group %s is %+v, extends %+v", g.Name, g, *g.Extends)
		}
		for _, v := range g.VMs {
			if !strings.HasPrefix(v.Name, "COB-") {
				t.Errorf("%s has a third copy", v.Name)
			}
		}
		extended[g.Extends.To] += len(g.VMs)
	}
	if vms != 31 || extended["DUB-H1"]+extended["DUB-H2"] != 14 || extended["DUB-H1"] == 0 || extended["DUB-H2"] == 0 {
		t.Errorf("%d VMs, extended %v", vms, extended)
	}
}

// Brightwater's plans and the rest of its configuration are what the product
// reads, third copies aside.
func TestBrightwaterIsReadable(t *testing.T) {
	l := start(t, "brightwater", lab.Options{Speed: 60})
	vms := l.Farm().Environment().VMs
	for i := range vms {
		vms[i].Replicate.Extend = nil
	}
	cfg := decoded(t, l)
	if len(cfg.Plans) != 4 || len(cfg.Hosts) != 5 {
		t.Errorf("%d plans, %d hosts", len(cfg.Plans), len(cfg.Hosts))
	}
}
