package cmdlet_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
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
		{hostA, "New-LifeboatSelftest", map[string]any{"Name": "lifeboat-canary-n-x", "Memory": int64(1), "Disk": int64(1 << 30)}},
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
		"23 New-LifeboatSelftest": "InvalidParameter",
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

// A removal that ended half way is done again: the VM goes last, so that its mark
// stands as long as anything is left.
func TestARemovalThatEndedHalfWayIsDoneAgain(t *testing.T) {
	w := newWorld(t)
	disk := `D:\VMs\lifeboat-selftest-x.vhdx`
	id := str(w.must(hostA, "New-LifeboatSelftest", makeSelftest("lifeboat-selftest-x"))["vm"])
	rule, err := w.farm.AddFault(hypervisor.Fault{Host: hostA, Verb: "Remove-VM", Kind: "refuse"})
	if err != nil {
		t.Fatal(err)
	}
	w.not(hostA, "Remove-LifeboatSelftest", vm(id), "OperationFailed,Microsoft.HyperV.PowerShell.Commands.RemoveVM")
	if files, err := w.farm.Host(hostA).Files(disk, false); err == nil {
		t.Errorf("the VM would have gone before its disk: %v", files)
	}
	marked := w.must(hostA, "Get-LifeboatSelftest", map[string]any{"VMs": []any{}})
	if got := fmt.Sprint(marked["vms"]); !strings.Contains(got, id) {
		t.Errorf("what is left bears no mark: %s", got)
	}
	if !w.farm.RemoveFault(rule) {
		t.Fatal("the rule is gone")
	}
	w.must(hostA, "Remove-LifeboatSelftest", vm(id))
	if v := w.farm.Violations(); len(v) > 0 {
		t.Error(v)
	}
}

// A VM with a disk that somebody else gave it stays, and so does the disk.
func TestADiskThatLifeboatDidNotMakeStays(t *testing.T) {
	w := newWorld(t)
	id, err := w.farm.Host(hostA).CreateVM(t.Context(), hypervisor.Caller{By: "colleague"},
		hypervisor.NewVM{Name: "lifeboat-selftest-y", Memory: 1 << 30, Generation: 2, DiskPath: `D:\VMs\books.vhdx`, DiskBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	w.must(hostA, "Set-LifeboatSelftestMark", vm(id))
	w.not(hostA, "Remove-LifeboatSelftest", vm(id), "LifeboatForeignDisk")
	if _, err := w.farm.Host(hostA).Files(`D:\VMs\books.vhdx`, false); err != nil {
		t.Error(err)
	}
}

// A disk that was made without its VM is left by nobody; a VM of the name that
// somebody works with is not taken for an earlier attempt.
func TestMakingASelfTestsVMLeavesNothingHalf(t *testing.T) {
	w := newWorld(t)
	a, disk := w.farm.Host(hostA), `D:\VMs\lifeboat-canary-n-x.vhdx`
	a.NewFile(hypervisor.Caller{By: "killed"}, disk, 4<<20)
	w.not(hostA, "New-LifeboatSelftest", makeSelftest("lifeboat-canary-n-x"), "OperationFailed,Microsoft.HyperV.PowerShell.Commands.NewVM")
	if _, err := a.Files(disk, false); err == nil {
		t.Errorf("%s is left", disk)
	}
	id := str(w.must(hostA, "New-LifeboatSelftest", makeSelftest("lifeboat-canary-n-x"))["vm"])
	if err := a.SetNotes(t.Context(), hypervisor.Caller{By: "killed"}, id, ""); err != nil {
		t.Fatal(err)
	}
	unmarked := w.must(hostA, "Get-LifeboatSelftest", map[string]any{"VMs": []any{}})
	if got := fmt.Sprint(unmarked["strays"]); got != "[lifeboat-canary-n-x]" {
		t.Errorf("a canary's VM without its mark is not told of: %s", got)
	}
	w.must(hostA, "Start-LifeboatCopy", vm(id))
	w.not(hostA, "New-LifeboatSelftest", makeSelftest("lifeboat-canary-n-x"), "LifeboatNameTaken")
	w.must(hostA, "Stop-LifeboatPower", vm(id))
	if again := str(w.must(hostA, "New-LifeboatSelftest", makeSelftest("lifeboat-canary-n-x"))["vm"]); again != id {
		t.Errorf("%s was made beside %s", again, id)
	}
}
