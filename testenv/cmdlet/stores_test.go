package cmdlet_test

import (
	"context"
	"testing"

	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
)

func TestStores(t *testing.T) {
	w := newWorld(t)
	ctx, control := context.Background(), hypervisor.Caller{By: "control"}
	if err := w.farm.Host(hostA).AddDisk(ctx, control, idDB); err != nil {
		t.Fatal(err)
	}
	if !w.farm.Fill(hostA, "97", "control") {
		t.Fatal("the volume is not filled")
	}
	s := w.must(hostA, "Get-LifeboatStores", nil)
	if c := s["certificates"].([]any); len(c) != 1 || c[0].(map[string]any)["thumbprint"] != w.thumbprint(hostA) {
		t.Errorf("certificates are %v", c)
	}
	volume := s["volumes"].([]any)[0].(map[string]any)
	if used := 1 - volume["free"].(float64)/volume["size"].(float64); volume["name"] != `D:\` || used < 0.96 || used > 0.98 {
		t.Errorf("the volume is %v, used %v", volume, used)
	}
	found := false
	for _, v := range s["vms"].([]any) {
		vm := v.(map[string]any)
		if vm["vm"] == idSecondDB {
			t.Error("a VM that does not replicate has no disks to tell")
		}
		if vm["vm"] != idDB {
			continue
		}
		found = true
		disks := vm["disks"].([]any)
		first, last := disks[0].(map[string]any), disks[len(disks)-1].(map[string]any)
		if first["replicated"] != true || last["replicated"] != false {
			t.Errorf("disks are %v", disks)
		}
	}
	// Nothing is encrypted here, and no VM needs a key.
	if problems := s["problems"].([]any); !found || len(problems) != 1 || problems[0] != "Get-BitLockerVolume: CommandNotFoundException" {
		t.Errorf("the DB is told: %v; problems: %v", found, problems)
	}
	keys := s["keys"].(map[string]any)
	if len(keys["vms"].([]any)) != 0 || len(keys["local"].([]any)) != 0 || len(keys["problems"].([]any)) != 0 {
		t.Errorf("keys are %v", keys)
	}
}

func TestDisks(t *testing.T) {
	w := newWorld(t)
	if err := w.farm.Host(hostA).AddDisk(context.Background(), hypervisor.Caller{By: "control"}, idDB); err != nil {
		t.Fatal(err)
	}
	d := w.must(hostA, "Get-LifeboatDisks", vm(idDB))
	disks := d["disks"].([]any)
	if len(disks) != 2 || d["vm"] != idDB {
		t.Fatalf("it says %v", d)
	}
	for _, one := range disks {
		disk := one.(map[string]any)
		if size, used := disk["size"].(float64), disk["used"].(float64); size <= 0 || used <= 0 || used > size || disk["problem"] != "" {
			t.Errorf("a disk is %v", disk)
		}
	}
}
