package cmdlet_test

import (
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
)

func lookAtOrphans(w *world, host string) map[string]any {
	return w.must(host, "Get-LifeboatOrphans", nil)
}

func TestOrphansAreRead(t *testing.T) {
	w := newOrphans(t)
	h := w.farm.Host(hostB)
	w.did(hostB, "Try-Remove", vm(idAPP2))
	w.did(hostB, "Try-RemoveVM", vm(idAPP2))
	w.control(hostA, idAPP1, w.farm.Host(hostA).LeaveBackup)
	w.control(hostA, idOff, w.farm.Host(hostA).HandOver)
	test := str(w.must(hostB, "Start-LifeboatTest", map[string]any{"VM": idDB, "Point": ""})["testVM"])
	a, b := lookAtOrphans(w, hostA), lookAtOrphans(w, hostB)
	if p := append(a["problems"].([]any), b["problems"].([]any)...); len(p) != 0 {
		t.Fatalf("problems: %v", p)
	}
	machines := map[string]map[string]any{}
	for _, v := range append(a["vms"].([]any), b["vms"].([]any)...) {
		m := v.(map[string]any)
		machines[str(m["vm"])+str(m["mode"])] = m
	}
	if m := machines[idAPP1+"Primary"]; len(m["backups"].([]any)) != 1 || !strings.Contains(str(m["provider"]), "22391CDC") {
		t.Errorf("APP1 is %v", m)
	}
	if m := machines[idOff+"Primary"]; strings.Contains(str(m["provider"]), "22391CDC") || str(m["provider"]) == "" {
		t.Errorf("OFF is %v", m)
	}
	if m := machines[test+"TestReplica"]; m == nil || len(m["disks"].([]any)) != 1 {
		t.Errorf("the test VM is %v", m)
	}
	replica := machines[idDB+"Replica"]
	if r := replica["relations"].([]any)[0].(map[string]any); r["testVM"] != test || r["primaryServer"] != "hv-a.pair.example" || r["lastReplication"] == nil {
		t.Errorf("the replica's relation is %v", r)
	}
	if d := replica["disks"].([]any)[0].(map[string]any); d["bytes"].(float64) == 0 {
		t.Errorf("the size of a replica's disk is not told: %v", d)
	}
	var left map[string]any
	for _, f := range b["folders"].([]any) {
		if f := f.(map[string]any); strings.HasSuffix(str(f["path"]), strings.ToUpper(idAPP2)) {
			left = f
		}
	}
	if left == nil || left["bytes"].(float64) == 0 || left["files"] != float64(1) || left["kept"] != false {
		t.Fatalf("what APP2 left is %v", left)
	}
	into := `D:\Replica\Hyper-V Replica\.lifeboat-quarantine\20270112T090000Z`
	w.not(hostB, "Move-LifeboatToQuarantine", map[string]any{"VM": idDB, "Path": replicas + `\` + strings.ToUpper(idDB), "Into": into}, "LifeboatFilesInUse")
	w.did(hostB, "Move-LifeboatToQuarantine", map[string]any{"VM": idAPP2, "Path": str(left["path"]), "Into": into})
	kept := into + `\` + strings.ToUpper(idAPP2)
	w.did(hostB, "Move-LifeboatFromQuarantine", map[string]any{"Path": kept, "To": str(left["path"]), "Folder": replicas})
	w.not(hostB, "Move-LifeboatFromQuarantine", map[string]any{"Path": kept, "To": str(left["path"]), "Folder": replicas}, "LifeboatPlaceTaken")
	w.not(hostB, "Remove-LifeboatFiles", map[string]any{"Path": str(left["path"])}, "LifeboatNotInQuarantine")
	w.did(hostB, "Move-LifeboatToQuarantine", map[string]any{"VM": idAPP2, "Path": str(left["path"]), "Into": into})
	if f := lookAtOrphans(w, hostB)["folders"].([]any); f[len(f)-1].(map[string]any)["kept"] != true {
		t.Errorf("quarantine is not read: %v", f)
	}
	w.did(hostB, "Remove-LifeboatFiles", map[string]any{"Path": kept})
	if files, err := h.Files(into, true); err != nil || len(files) != 0 {
		t.Errorf("left in quarantine: %v %v", files, err)
	}
	if v := w.farm.State().Violations; len(v) != 0 {
		t.Errorf("something was lost: %v", v)
	}
}

func TestOrphansAreCleaned(t *testing.T) {
	w := newOrphans(t)
	test := str(w.must(hostB, "Start-LifeboatTest", map[string]any{"VM": idDB, "Point": ""})["testVM"])
	w.control(hostB, idDB, w.farm.Host(hostB).LoseTest)
	w.control(hostA, idAPP1, w.farm.Host(hostA).LeaveBackup, w.farm.Host(hostA).LeaveBackup)
	var paths, points []any
	for _, v := range lookAtOrphans(w, hostB)["vms"].([]any) {
		if m := v.(map[string]any); m["vm"] == test {
			paths = append(paths, m["disks"].([]any)[0].(map[string]any)["path"])
		}
	}
	for _, v := range lookAtOrphans(w, hostA)["vms"].([]any) {
		for _, b := range v.(map[string]any)["backups"].([]any) {
			points = append(points, b.(map[string]any)["id"])
		}
	}
	into := `D:\Replica\Hyper-V Replica\.lifeboat-quarantine\20270112T090000Z\test-` + test
	w.not(hostB, "Remove-LifeboatTestVM", map[string]any{"VM": idDB, "Paths": paths, "Into": into}, "LifeboatNotATestVM")
	if got := w.must(hostB, "Remove-LifeboatTestVM", map[string]any{"VM": test, "Paths": paths, "Into": into}); len(got["left"].([]any)) != 0 {
		t.Errorf("left is %v", got)
	}
	if files, err := w.farm.Host(hostB).Files(into, true); err != nil || len(files) != 1 {
		t.Errorf("in quarantine: %v %v", files, err)
	}
	w.must(hostA, "Remove-LifeboatCheckpoints", map[string]any{"VM": idAPP1, "Points": points[:1]})
	if m, _ := w.farm.Host(hostA).VM(idAPP1); len(m.Points) != 1 {
		t.Errorf("checkpoints are %v", m.Points)
	}
	w.control(hostA, idAPP2, w.farm.Host(hostA).HandOver)
	if got := w.must(hostA, "Remove-LifeboatByWMI", vm(idAPP2)); state(got) != "Running/None/Disabled" {
		t.Errorf("after WMI: %v", got)
	}
	w.not(hostA, "Remove-LifeboatByWMI", vm(idNobody), "LifeboatVMNotFound")
	w.not(hostA, "Remove-LifeboatByWMI", vm(idAPP2), "LifeboatWMIRefused")
	if v := w.farm.State().Violations; len(v) != 0 {
		t.Errorf("something was lost: %v", v)
	}
}

// A junction is not gone through: neither is it told as a plain folder, nor deleted
// with what is in quarantine.
func TestAJunctionIsNotFollowed(t *testing.T) {
	w := newOrphans(t)
	kept := `D:\Replica\Hyper-V Replica\.lifeboat-quarantine\20270112T090000Z\` + strings.ToUpper(idNobody)
	for _, link := range []string{replicas + `\` + strings.ToUpper(idNobody), kept + `\deep`} {
		w.farm.Host(hostB).NewLink(hypervisor.Caller{By: "control"}, link)
	}
	links := 0
	for _, f := range lookAtOrphans(w, hostB)["folders"].([]any) {
		if f := f.(map[string]any); f["link"] == true && strings.HasSuffix(str(f["path"]), strings.ToUpper(idNobody)) {
			links++
		}
	}
	if links != 2 {
		t.Errorf("%d junctions are told", links)
	}
	w.not(hostB, "Remove-LifeboatFiles", map[string]any{"Path": kept}, "LifeboatJunction")
	w.not(hostB, "Remove-LifeboatFiles", map[string]any{"Path": kept + `\deep`}, "LifeboatJunction")
	if v := w.farm.State().Violations; len(v) != 0 {
		t.Errorf("something was lost: %v", v)
	}
}

// What a differencing disk rests on is in use, though no VM has it for a disk.
func TestAParentOfADiskIsInUse(t *testing.T) {
	w := newOrphans(t)
	w.did(hostB, "Try-Remove", vm(idAPP2))
	w.did(hostB, "Try-RemoveVM", vm(idAPP2))
	h, control := w.farm.Host(hostB), hypervisor.Caller{By: "control"}
	var folder, parent string
	files, err := h.Files(replicas+`\`+strings.ToUpper(idAPP2), true)
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	folder, parent = replicas+`\`+strings.ToUpper(idAPP2), files[0].Path
	if seen := lookAtOrphans(w, hostB)["parents"].([]any); len(seen) != 0 {
		t.Errorf("nothing rests on anything, and %v is told", seen)
	}
	if err := h.AddChild(control, idDB, parent); err != nil {
		t.Fatal(err)
	}
	if seen := lookAtOrphans(w, hostB)["parents"].([]any); len(seen) != 1 || seen[0] != strings.ToLower(parent) {
		t.Errorf("a disk rests on %s, and %v is told", parent, seen)
	}
	into := `D:\Replica\Hyper-V Replica\.lifeboat-quarantine\20270112T090000Z`
	w.not(hostB, "Move-LifeboatToQuarantine", map[string]any{"VM": idAPP2, "Path": folder, "Into": into}, "LifeboatFilesInUse")
	if v := w.farm.State().Violations; len(v) != 0 {
		t.Errorf("something was lost: %v", v)
	}
}

// One place of replicas is one place, however its path is written.
func TestAPlaceOfReplicasIsReadOnce(t *testing.T) {
	w := newOrphans(t)
	w.must(hostB, "Try-Server", map[string]any{"Thumbprint": w.thumbprint(hostB)}) // no longer from any server
	before := len(lookAtOrphans(w, hostB)["folders"].([]any))
	w.must(hostB, "Add-LifeboatPrimary", map[string]any{"Primary": "x.example", "Storage": `d:\replica\`, "TrustGroup": "t"})
	if now := len(lookAtOrphans(w, hostB)["folders"].([]any)); now != before || now == 0 {
		t.Errorf("%d folders, then %d", before, now)
	}
}

// A test VM stays where its disks have no place to go to, or another VM has one.
func TestATestVMWhoseDisksCannotGoStays(t *testing.T) {
	w := newOrphans(t)
	test := str(w.must(hostB, "Start-LifeboatTest", map[string]any{"VM": idDB, "Point": ""})["testVM"])
	var shared string
	for _, v := range lookAtOrphans(w, hostB)["vms"].([]any) {
		if m := v.(map[string]any); m["vm"] == idDB {
			shared = str(m["disks"].([]any)[0].(map[string]any)["path"])
		}
	}
	w.farm.Host(hostB).NewFile(hypervisor.Caller{By: "control"}, `D:\taken`, 1)
	w.not(hostB, "Remove-LifeboatTestVM", map[string]any{"VM": test, "Paths": []any{shared}, "Into": `D:\taken\x`}, "LifeboatFilesInUse")
	for _, into := range []string{"", `D:\taken`} {
		if _, rec := w.call(hostB, "Remove-LifeboatTestVM", map[string]any{"VM": test, "Paths": []any{`D:\x.avhdx`}, "Into": into}); rec == nil {
			t.Errorf("it went although %q is no place for its disks", into)
		}
	}
	if _, there := w.farm.Host(hostB).VM(test); !there {
		t.Error("the test VM is gone")
	}
}

func TestRefereeAgreesOnOrphanFunctions(t *testing.T) {
	engine := referee(t)
	w := newOrphans(t)
	folder := replicas + `\` + strings.ToUpper(idAPP2)
	into := `D:\Replica\Hyper-V Replica\.lifeboat-quarantine\20270112T090000Z`
	kept := into + `\` + strings.ToUpper(idAPP2)
	move := map[string]any{"VM": idAPP2, "Path": folder, "Into": into}
	agrees(w, engine, library(t)+tries+orphanTries, []step{
		{hostA, "Get-LifeboatOrphans", nil},
		{hostB, "Get-LifeboatOrphans", nil},
		{hostB, "Move-LifeboatToQuarantine", move},
		{hostB, "Try-Remove", vm(idAPP2)},
		{hostB, "Try-RemoveVM", vm(idAPP2)},
		{hostB, "Get-LifeboatOrphans", nil},
		{hostB, "Move-LifeboatToQuarantine", move},
		{hostB, "Move-LifeboatToQuarantine", move},
		{hostB, "Get-LifeboatOrphans", nil},
		{hostB, "Move-LifeboatFromQuarantine", map[string]any{"Path": kept, "To": folder, "Folder": replicas}},
		{hostB, "Move-LifeboatFromQuarantine", map[string]any{"Path": kept, "To": folder, "Folder": replicas}},
		{hostB, "Remove-LifeboatFiles", at(folder)},
		{hostB, "Move-LifeboatToQuarantine", move},
		{hostB, "Remove-LifeboatFiles", at(kept)},
		{hostA, "Remove-LifeboatByWMI", vm(idAPP2)},
		{hostA, "Remove-LifeboatByWMI", vm(idNobody)},
		{hostA, "Remove-LifeboatCheckpoints", map[string]any{"VM": idAPP1, "Points": []any{idNobody}}},
		{hostB, "Remove-LifeboatTestVM", map[string]any{"VM": idDB, "Paths": []any{}, "Into": into}},
	})
}
