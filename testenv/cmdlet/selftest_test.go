package cmdlet_test

import (
	"fmt"
	"strings"
	"testing"
)

func makeSelftest(name string) map[string]any {
	return map[string]any{"Name": name, "Memory": int64(64 << 20), "Disk": int64(1 << 30)}
}

// selftestSteps go once through what only a self-test does; id is the VM that the
// first of them makes.
func selftestSteps(w *world, id string) []step {
	name := "lifeboat-selftest-x"
	enable := map[string]any{
		"VM": id, "ReplicaServer": fqdnB, "Port": 443, "Auth": "Certificate", "Thumbprint": w.thumbprint(hostA),
		"FrequencySec": 30, "RecoveryHistory": 0, "VSSHours": 0, "Compression": nil, "ExcludedDisks": []any{},
	}
	all := map[string]any{"VMs": []any{id}}
	return []step{
		{hostA, "New-LifeboatSelftest", makeSelftest(name)},
		{hostA, "New-LifeboatSelftest", makeSelftest(name)},
		{hostA, "New-LifeboatSelftest", makeSelftest("OFF")},
		{hostA, "Get-LifeboatSelftest", map[string]any{"VMs": []any{}}},
		{hostA, "Get-LifeboatTest", vm(id)},
		{hostA, "Remove-LifeboatSelftest", vm(idOff)},
		{hostA, "Start-LifeboatCopy", vm(id)},
		{hostA, "Remove-LifeboatSelftest", vm(id)},
		{hostA, "Save-LifeboatSelftest", vm(id)},
		{hostA, "Stop-LifeboatPower", vm(id)},
		{hostA, "Enable-LifeboatReplication", enable},
		{hostB, "Get-LifeboatSelftest", all},
		{hostB, "Set-LifeboatSelftestMark", vm(id)},
		{hostB, "Get-LifeboatSelftest", map[string]any{"VMs": []any{}}},
		{hostA, "Stop-LifeboatResync", vm(id)},
		{hostB, "Start-LifeboatSecondTest", vm(id)},
		{hostB, "Remove-LifeboatSelftest", vm(id)},
		{hostB, "Remove-LifeboatReplication", map[string]any{"VM": id, "Relationship": "Simple"}},
		{hostB, "Remove-LifeboatSelftest", vm(id)},
		{hostA, "Remove-LifeboatReplication", map[string]any{"VM": id, "Relationship": "Simple"}},
		{hostA, "Remove-LifeboatSelftest", vm(id)},
		{hostA, "Get-LifeboatSelftest", all},
		{hostA, "Remove-LifeboatSelftest", vm(id)},
	}
}

// idOfSelftest is the VM that a world of this seed makes first.
func idOfSelftest(t *testing.T) string {
	t.Helper()
	return str(newWorld(t).must(hostA, "New-LifeboatSelftest", makeSelftest("lifeboat-selftest-x"))["vm"])
}

func TestRefereeAgreesOnASelfTest(t *testing.T) {
	engine := referee(t)
	w := newWorld(t)
	agrees(w, engine, library(t), selftestSteps(w, idOfSelftest(t)))
}

// What a self-test makes is small, on no network and marked; only what bears its
// own mark goes, with its disk and the replica's folder.
func TestOnlyWhatIsMarkedIsRemoved(t *testing.T) {
	w, id := newWorld(t), idOfSelftest(t)
	want := map[string]string{
		"2 New-LifeboatSelftest": "LifeboatNameTaken", "5 Remove-LifeboatSelftest": "LifeboatNotMarked", "7 Remove-LifeboatSelftest": "LifeboatNotAtRest",
		"14 Stop-LifeboatResync": "InvalidState", "15 Start-LifeboatSecondTest": "InvalidState", "16 Remove-LifeboatSelftest": "LifeboatNotAtRest",
		"22 Remove-LifeboatSelftest": "InvalidParameter", "4 Get-LifeboatTest": "InvalidOperation",
	}
	for i, s := range selftestSteps(w, id) {
		v, rec := w.call(s.Host, s.Function, s.Args)
		key := fmt.Sprint(i, " ", s.Function)
		kind := ""
		if rec != nil {
			kind, _, _ = strings.Cut(rec.ID, ",")
		}
		if kind != want[key] {
			t.Errorf("%s: %q, want %q: %v", key, kind, want[key], v)
		}
	}
	for _, c := range w.farm.State().Copies {
		if c.VM == id {
			t.Errorf("%s is left on %s", c.Name, c.Host)
		}
	}
	for _, h := range w.farm.Hosts() {
		files, err := h.Files(`D:\`, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.Contains(strings.ToLower(f.Path), id) || strings.Contains(f.Path, "lifeboat-selftest") {
				t.Errorf("%s is left on %s", f.Path, h.Name())
			}
		}
	}
	if v := w.farm.Violations(); len(v) > 0 {
		t.Error(v)
	}
}
