package environment

import (
	"strings"
	"testing"
	"time"
)

func load(t *testing.T, name string) *Environment {
	t.Helper()
	e, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Brightwater's tenants, their classes, and what fits where.
func TestBrightwater(t *testing.T) {
	e := load(t, "brightwater")
	class := map[string]Replicate{
		"core": {Frequency: 30 * time.Second, Points: 12, RPO: 5 * time.Minute}, "cobalt": {Frequency: 30 * time.Second, Points: 12, RPO: 5 * time.Minute},
		"acme": {Frequency: 5 * time.Minute, Points: 6, RPO: 15 * time.Minute}, "birch": {Frequency: 15 * time.Minute, RPO: time.Hour},
	}
	count, addresses, memory := map[string]int{}, map[string]string{}, map[string]int{}
	for _, vm := range e.VMs {
		r, want := vm.Replicate, class[vm.Network]
		if r == nil || r.To != "MAN-CL1" || r.Frequency != want.Frequency || r.Points != want.Points || r.RPO != want.RPO {
			t.Errorf("%s of %s replicates as %+v, want %+v", vm.Name, vm.Network, r, want)
			continue
		}
		if (r.Extend != nil) != (vm.Network == "cobalt") {
			t.Errorf("%s of %s: extended as %v", vm.Name, vm.Network, r.Extend)
		}
		if other := addresses[vm.IP]; other != "" {
			t.Errorf("%s and %s share %s", vm.Name, other, vm.IP)
		}
		addresses[vm.IP] = vm.Name
		count[vm.Network]++
		memory[vm.Host] += vm.MemoryGB
		memory[r.To] += vm.MemoryGB
		if r.Extend != nil {
			memory[r.Extend.To] += vm.MemoryGB
		}
	}
	for tenant, n := range map[string]int{"core": 4, "acme": 8, "birch": 5, "cobalt": 14} {
		if count[tenant] != n {
			t.Errorf("%s has %d VMs, want %d", tenant, count[tenant], n)
		}
	}
	for _, h := range e.Hosts {
		if need := memory[h.Name]; need == 0 || need > h.MemoryGB-h.ReserveGB {
			t.Errorf("%s holds %d GB of %d", h.Name, need, h.MemoryGB-h.ReserveGB)
		}
	}
	if len(e.Plans) != 4 {
		t.Errorf("%d plans, want one for each tenant", len(e.Plans))
	}
}

// Northgate's spare host is there and does nothing yet.
func TestNorthgateHasASpareHost(t *testing.T) {
	e := load(t, "northgate")
	spare, ok := e.Host("NG-HV03")
	if !ok || spare.Site != "hq" || spare.OS != "2025" || spare.MemoryGB != 256 || spare.Replica.Enabled || len(spare.Replica.Allow) != 0 {
		t.Errorf("the spare host is %+v", spare)
	}
	for _, vm := range e.VMs {
		if vm.Host == "NG-HV03" || vm.Replicate != nil && vm.Replicate.To == "NG-HV03" {
			t.Errorf("%s uses the spare host", vm.Name)
		}
	}
}

func TestAThirdCopyMustMakeSense(t *testing.T) {
	text, err := shipped.ReadFile("pair.yaml")
	if err != nil {
		t.Fatal(err)
	}
	third := strings.Replace(string(text), "vms:\n", "  - {name: HV-C, site: b, ip: 10.2.0.6, memory_gb: 32, replica: {enabled: true, auth: Certificate, allow: [\"*\"]}}\nvms:\n", 1)
	for extend, bad := range map[string]bool{
		"{to: HV-C, frequency: 5m}": false, "{to: HV-B, frequency: 5m}": true, "{to: HV-A, frequency: 5m}": true,
		"{to: HV-D, frequency: 5m}": true, "{to: HV-C, frequency: 30s}": true, "{to: HV-C}": true,
	} {
		whole := strings.Replace(third, "{to: HV-B, frequency: 5m}", "{to: HV-B, frequency: 5m, extend: "+extend+"}", 1)
		if _, err := Parse([]byte(whole)); (err != nil) != bad {
			t.Errorf("extend: %s gives %v", extend, err)
		}
	}
}
