package hypervisor

import (
	"strings"
	"testing"
	"time"
)

func TestAVMIsMadeOnceForADisk(t *testing.T) {
	f, a, _, _ := slowFarm(t, Dialect{}, 4000)
	how := NewVM{Name: "X", Memory: 64 << 20, Generation: 2, DiskPath: `D:\VMs\x.vhdx`, DiskBytes: 1 << 30}
	for _, bad := range []func(*NewVM){
		func(n *NewVM) { n.Name = "" }, func(n *NewVM) { n.Memory = 1 << 20 }, func(n *NewVM) { n.Generation = 3 }, func(n *NewVM) { n.DiskPath = `D:\x.vhd` },
	} {
		wrong := how
		bad(&wrong)
		if _, err := a.CreateVM(t.Context(), Caller{}, wrong); err == nil {
			t.Errorf("%+v was made", wrong)
		}
	}
	id, err := a.CreateVM(t.Context(), Caller{}, how)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.CreateVM(t.Context(), Caller{}, how); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("two VMs on one disk: %v", err)
	}
	if err := a.StartVM(t.Context(), Caller{}, id); err != nil {
		t.Fatal(err)
	}
	f.Skip(time.Hour)
	vm, _ := a.VM(id)
	if vm.Power != running || vm.Heartbeat != "NoContact" || vm.Uptime < time.Hour || vm.Adapters[0].Switch != "" || vm.Mode != modeNone {
		t.Errorf("an empty VM runs, and its guest never comes up: %+v", vm)
	}
}

func TestATraceIsADialect(t *testing.T) {
	d, err := DialectOfTrace([]byte(`{"format":1,"dialects":["synced-point","late-test-vm"],"answers":[]}`))
	if err != nil || !d.SyncedPoint || !d.LateTestVM || d.ExactHistory {
		t.Errorf("%+v, %v", d, err)
	}
	if d, err := DialectOfTrace([]byte(`{"format":1,"dialects":[]}`)); err != nil || d.Name != "plain" {
		t.Errorf("%+v, %v", d, err)
	}
	for _, bad := range []string{``, `{}`, `{"format":2,"dialects":[]}`, `{"format":1,"dialects":["no-such"]}`, `[]`} {
		if _, err := DialectOfTrace([]byte(bad)); err == nil {
			t.Errorf("%s is taken for a trace", bad)
		}
	}
}

func FuzzDialectOfTrace(f *testing.F) {
	f.Add([]byte(`{"format":1,"dialects":["synced-point"]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if d, err := DialectOfTrace(text); err == nil && d.Name == "" {
			t.Errorf("a dialect without a name: %+v", d)
		}
	})
}
