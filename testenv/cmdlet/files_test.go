package cmdlet_test

import (
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
)

// fileTries are calls about files as a script writes them.
const fileTries = `
function Try-Files { param($Path)
    $all = @(Get-ChildItem -LiteralPath $Path -Recurse -Force -ErrorAction Stop)
    [ordered]@{
        folders = @($all | Where-Object { $_.PSIsContainer } | ForEach-Object { $_.FullName })
        files   = @($all | Where-Object { -not $_.PSIsContainer } | ForEach-Object { [ordered]@{ name = $_.Name; size = [long]$_.Length } })
    }
}
function Try-Below { param($Path) @{ names = @(Get-ChildItem -LiteralPath $Path -ErrorAction Stop | ForEach-Object { $_.Name }) } }
function Try-Folder { param($Path) New-Item -Path $Path -ItemType Directory -Force -ErrorAction Stop | Out-Null }
function Try-NewFolder { param($Path) New-Item -Path $Path -ItemType Directory -ErrorAction Stop | Out-Null }
function Try-Move { param($Path, $To) Move-Item -LiteralPath $Path -Destination $To -ErrorAction Stop }
function Try-Delete { param($Path) Remove-Item -LiteralPath $Path -Recurse -Force -Confirm:$false -ErrorAction Stop }
function Try-DeleteAsking { param($Path) Remove-Item -LiteralPath $Path -Force -ErrorAction Stop }
`

const replicas = `D:\Replica\Hyper-V Replica\Virtual hard disks`

func newFiles(t *testing.T) *world {
	t.Helper()
	w := newTries(t)
	for _, s := range w.sessions {
		if err := s.Load(fileTries); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func at(path string) map[string]any { return map[string]any{"Path": path} }

func TestFilesOfAVMThatIsGone(t *testing.T) {
	w := newFiles(t)
	folder := replicas + `\` + strings.ToUpper(idAPP2)
	if all := w.must(hostB, "Try-Files", at(folder))["files"].([]any); len(all) != 1 {
		t.Fatalf("a replica's folder holds its disk, not %v", all)
	}
	w.did(hostB, "Try-Remove", vm(idAPP2))
	w.did(hostB, "Try-RemoveVM", vm(idAPP2))
	left := w.must(hostB, "Try-Files", at(folder))["files"].([]any)
	if len(left) != 1 || left[0].(map[string]any)["size"].(float64) == 0 {
		t.Fatalf("what a removed VM leaves is %v", left)
	}
	w.not(hostB, "Try-Move", map[string]any{"Path": folder, "To": `D:\Nowhere\Else`}, "MoveDirectoryItemIOError,Microsoft.PowerShell.Commands.MoveItemCommand")
	w.not(hostB, "Try-Move", map[string]any{"Path": folder, "To": `E:\`}, "MoveDirectoryItemIOError,")
	w.not(hostB, "Try-Move", map[string]any{"Path": folder + "x", "To": `D:\VMs`}, "PathNotFound,")
	w.did(hostB, "Try-Folder", at(replicas+`\.kept\today`))
	w.did(hostB, "Try-Folder", at(replicas+`\.kept\today`))
	w.not(hostB, "Try-NewFolder", at(replicas+`\.kept`), "DirectoryExist,Microsoft.PowerShell.Commands.NewItemCommand")
	w.did(hostB, "Try-Move", map[string]any{"Path": folder, "To": replicas + `\.kept\today`})
	w.not(hostB, "Try-Files", at(folder), "PathNotFound,Microsoft.PowerShell.Commands.GetChildItemCommand")
	before := w.farm.Host(hostB).Info().VolumeFree
	w.not(hostB, "Try-DeleteAsking", at(replicas+`\.kept`), "InvalidOperation,")
	w.did(hostB, "Try-Delete", at(replicas+`\.kept`))
	w.not(hostB, "Try-Delete", at(replicas+`\.kept`), "PathNotFound,Microsoft.PowerShell.Commands.RemoveItemCommand")
	if w.farm.Host(hostB).Info().VolumeFree <= before {
		t.Error("deleting files frees no space")
	}
	if v := w.farm.State().Violations; len(v) != 0 {
		t.Errorf("nothing was lost, and yet %v", v)
	}
}

// A disk of a VM that runs cannot be touched; that of one that is off can, and
// the world has seen it.
func TestTakingADiskFromAVM(t *testing.T) {
	w := newFiles(t)
	running, _ := w.farm.Host(hostA).VM(idDB)
	w.not(hostA, "Try-Delete", at(running.Disks[0].Path), "RemoveFileSystemItemIOError,")
	w.not(hostA, "Try-Move", map[string]any{"Path": running.Disks[0].Path, "To": `D:\VMs\x.vhdx`}, "MoveFileInfoItemIOError,")
	replica, _ := w.farm.Host(hostB).VM(idDB)
	w.did(hostB, "Try-Delete", at(replica.Disks[0].Path))
	if v := w.farm.State().Violations; len(v) != 1 || !strings.Contains(v[0], "a disk taken from a VM") {
		t.Errorf("violations are %v", v)
	}
}

func TestRefereeAgreesOnFiles(t *testing.T) {
	engine := referee(t)
	w := newFiles(t)
	folder := replicas + `\` + strings.ToUpper(idAPP2)
	agrees(w, engine, library(t)+tries+fileTries, []step{
		{hostB, "Get-LifeboatGuard", vm(idAPP2)}, // loads the module
		{hostB, "Try-Files", at(`D:\`)},
		{hostB, "Try-Below", at(replicas)},
		{hostB, "Try-Remove", vm(idAPP2)},
		{hostB, "Try-RemoveVM", vm(idAPP2)},
		{hostB, "Try-Files", at(folder)},
		{hostB, "Try-Folder", at(replicas + `\.kept`)},
		{hostB, "Try-NewFolder", at(replicas + `\.kept`)},
		{hostB, "Try-Move", map[string]any{"Path": folder, "To": replicas + `\.kept\x`}},
		{hostB, "Try-Move", map[string]any{"Path": folder, "To": replicas + `\.kept\x`}},
		{hostB, "Try-DeleteAsking", at(replicas + `\.kept`)},
		{hostB, "Try-Delete", at(replicas + `\.kept`)},
		{hostB, "Try-Below", at(replicas)},
		{hostA, "Try-Delete", at(`D:\VMs\` + idDB)},
	})
}

func TestFilesThatAreNotThere(t *testing.T) {
	f := newFarm(t)
	if _, rec := direct(f, hostA, "Get-ChildItem", map[string]any{"Path": []any{`HKLM:\SOFTWARE`}}); rec == nil || rec.ID[:12] != "NotSimulated" {
		t.Errorf("another drive: %v", rec)
	}
	if _, err := f.Host(hostA).Files(`D:\none`, false); err == nil || err.(*hypervisor.Refusal).Kind != "PathNotFound" {
		t.Errorf("a folder that is not there: %v", err)
	}
}
