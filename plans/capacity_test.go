package plans

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const gigabyte = 1 << 30

// northgate is the invented office of the simulated environment: ten VMs of
// 126 GB, a host of 128 GB that keeps 8 and runs a VM of 4 itself.
func northgate() (RunInput, []HostView) {
	in := RunInput{Operation: PlannedFailover, From: "hq", To: "warehouse", Reverse: ReverseAfterGates}
	for _, stage := range [][]RunVM{
		{{ID: "dc", Label: "NG-DC01", Memory: 4 * gigabyte}},
		{{ID: "sql", Label: "NG-SQL01", Memory: 32 * gigabyte}, {ID: "fs", Label: "NG-FS01", Memory: 8 * gigabyte}},
		{{ID: "erp1", Label: "NG-ERP01", Memory: 16 * gigabyte}, {ID: "erp2", Label: "NG-ERP02", Memory: 8 * gigabyte}},
		{
			{ID: "web", Label: "NG-WEB01", Memory: 4 * gigabyte}, {ID: "rds1", Label: "NG-RDS01", Memory: 24 * gigabyte},
			{ID: "prn", Label: "NG-PRN01", Memory: 4 * gigabyte}, {ID: "lnx", Label: "NG-LNX01", Memory: 2 * gigabyte},
			{ID: "rds2", Label: "NG-RDS02", Memory: 24 * gigabyte, IfCapacity: true},
		},
	} {
		for i := range stage {
			stage[i].SourceHost, stage[i].TargetHost = "NG-HV01", "NG-HV02"
		}
		in.Steps = append(in.Steps, RunStep{Number: len(in.Steps) + 1, Name: "stage", VMs: stage})
	}
	hosts := []HostView{
		{Name: "NG-HV01", Reached: true, ReplicaServer: true, AllowedFrom: []string{"*"}, MemoryBytes: 192 * gigabyte},
		{Name: "NG-HV02", Reached: true, ReplicaServer: true, AllowedFrom: []string{"*"}, MemoryBytes: 128 * gigabyte, MemoryReserve: 8 * gigabyte, MemoryUsed: 4 * gigabyte},
	}
	return in, hosts
}

// pairsOf are healthy pairs of a run that has not begun.
func pairsFor(in RunInput) []Pair {
	var pairs []Pair
	for _, vm := range in.VMs() {
		m := newModel(dialects[0])
		m.s.Host, m.t.Host = vm.SourceHost, vm.TargetHost
		pairs = append(pairs, Pair{ID: vm.ID, Source: m.s, Target: m.t})
	}
	return pairs
}

func TestNorthgateLeavesOneVMBehind(t *testing.T) {
	in, hosts := northgate()
	_, needs := demand(in, nil)
	free, known := freeAt(in, "NG-HV02", hosts)
	if need := needs["NG-HV02"]; need != 126*gigabyte || free != 116*gigabyte || !known {
		t.Fatalf("it needs %s of %s (%v), want 126 GB of 116 GB", gib(needs["NG-HV02"]), gib(free), known)
	}
	out := Shed(in, hosts, pairsFor(in))
	if len(out.LeftOut) != 1 || out.LeftOut[0].VM != "NG-RDS02" || len(out.VMs()) != 9 {
		t.Fatalf("left out: %+v, %d VMs move", out.LeftOut, len(out.VMs()))
	}
	if why := out.LeftOut[0].Why; !strings.Contains(why, "126 GB") || !strings.Contains(why, "116 GB") || !strings.Contains(why, "102 GB") {
		t.Errorf("the sum is not said: %s", why)
	}
	if len(in.VMs()) != 10 || len(in.LeftOut) != 0 {
		t.Error("Shed changed its input")
	}
	if again := Shed(out, hosts, pairsFor(out)); len(again.LeftOut) != 1 {
		t.Errorf("a second look leaves out more: %+v", again.LeftOut)
	}
}

// Drills had the memory that the real operation needs, which was then refused, though
// they give way to it.
func TestTestCopiesAreNotInTheWayOfTheRealOperation(t *testing.T) {
	in, hosts := northgate()
	pairs := pairsFor(in)
	found := func(in RunInput, code string) (f Finding, is bool) {
		all := Readiness(Shed(in, hosts, pairs), hosts, pairs, time.Now())
		i := slices.IndexFunc(all, func(f Finding) bool { return f.Code == code })
		if i < 0 {
			return f, false
		}
		return all[i], true
	}
	if f, is := found(in, MemoryLent); is {
		t.Errorf("nobody tests: %+v", f)
	}
	hosts[1].MemoryUsed, hosts[1].MemoryTests = 44*gigabyte, 40*gigabyte
	if f, is := found(in, "memory-short"); is {
		t.Errorf("refused: %+v", f)
	}
	if f, is := found(in, MemoryLent); !is || f.Severity != Warning || f.Host != "NG-HV02" || !strings.Contains(f.Text, "test copies have 40 GB") {
		t.Errorf("%v: %+v", is, f)
	}
	hosts[1].MemoryReserve += 20 * gigabyte // short without them too
	if f, is := found(in, "memory-short"); !is || strings.Contains(f.Remedy, "drill") {
		t.Errorf("%v: %+v", is, f)
	}
	in.Operation = TestFailover
	if f, is := found(in, "memory-short"); !is || !strings.HasPrefix(f.Remedy, "end the drill whose test copies have 40 GB there (lifeboat run list names it), or shut ") {
		t.Errorf("a drill ends no other: %v: %+v", is, f)
	}
}

func TestTheLastOfThePlanStaysBehindFirst(t *testing.T) {
	in, hosts := northgate()
	in.Steps[2].VMs[0].IfCapacity = true // NG-ERP01, 16 GB: would be enough
	if out := Shed(in, hosts, nil); len(out.LeftOut) != 1 || out.LeftOut[0].VM != "NG-RDS02" {
		t.Errorf("left out: %+v", out.LeftOut)
	}
	hosts[1].MemoryUsed = 24 * gigabyte
	out := Shed(in, hosts, nil)
	if len(out.LeftOut) != 2 || out.LeftOut[1].VM != "NG-ERP01" || out.Steps[3].Number != 4 {
		t.Errorf("20 GB less, left out: %+v", out.LeftOut)
	}
}

func TestShedLeavesWhatFitsAndWhatHasBegun(t *testing.T) {
	in, hosts := northgate()
	hosts[1].MemoryBytes = 256 * gigabyte
	if out := Shed(in, hosts, nil); len(out.LeftOut) != 0 {
		t.Errorf("everything fits, and yet: %+v", out.LeftOut)
	}
	in, hosts = northgate()
	pairs := pairsFor(in)
	last := &pairs[len(pairs)-1]
	last.Source.Power, last.Source.State = "Off", "PreparedForFailover"
	if out := Shed(in, hosts, pairs); len(out.LeftOut) != 0 {
		t.Errorf("a VM half-way over was left out: %+v", out.LeftOut)
	}
	hosts[1].Reached = false
	if out := Shed(in, hosts, pairsFor(in)); len(out.LeftOut) != 0 {
		t.Errorf("a host nobody sees is not a full one: %+v", out.LeftOut)
	}
	in, hosts = northgate()
	in.Operation, hosts[1].MemoryBytes = Cancel, 9*gigabyte
	if out := Shed(in, hosts, nil); len(out.LeftOut) != 0 {
		t.Errorf("cancel leaves nobody behind: %+v", out.LeftOut)
	}
}

// A volume that is all but full leaves behind what may stay, with its figures, and
// the look says it of the rest; with room, or unknown, nothing is left behind for it.
func TestAFullVolumeLeavesBehindWhatMayStay(t *testing.T) {
	in, hosts := northgate()
	hosts[1].MemoryBytes = 256 * gigabyte // memory holds all
	for free, behind := range map[uint64]bool{180 * gigabyte: true, 600 * gigabyte: false} {
		hosts[1].VolumeSize, hosts[1].VolumeFree = 6000*gigabyte, free
		shed := Shed(in, hosts, pairsFor(in))
		if got := len(shed.LeftOut) == 1; got != behind || got && (shed.LeftOut[0].VM != "NG-RDS02" || !strings.Contains(shed.LeftOut[0].Why, "180 GB left of 6000 GB")) {
			t.Errorf("%d GB free: left out %+v", free/gigabyte, shed.LeftOut)
		}
		said := slices.ContainsFunc(Readiness(shed, hosts, pairsFor(in), noon), func(f Finding) bool { return f.Code == "volume-short" })
		if said != behind {
			t.Errorf("%d GB free: the look says it: %v", free/gigabyte, said)
		}
	}
	hosts[1].VolumeSize, hosts[1].VolumeFree = 0, 0
	if shed := Shed(in, hosts, pairsFor(in)); len(shed.LeftOut) > 0 {
		t.Errorf("unknown is not full: %+v", shed.LeftOut)
	}
}

func TestWhatCannotBeShedBlocks(t *testing.T) {
	in, hosts := northgate()
	for i := range in.Steps {
		for j := range in.Steps[i].VMs {
			in.Steps[i].VMs[j].IfCapacity = false
		}
	}
	found := Readiness(Shed(in, hosts, pairsFor(in)), hosts, pairsFor(in), hosts[0].At)
	if !slices.ContainsFunc(found, func(f Finding) bool {
		return f.Code == "memory-short" && f.Severity == Blocker && strings.Contains(f.Text, "126 GB") && strings.Contains(f.Text, "116 GB")
	}) {
		t.Errorf("no blocker for 126 GB on 116 GB: %+v", found)
	}
}

// A VM that stayed behind when its site was lost must not stand in the way of
// what the others need.
func TestWhatStayedBehindIsLeftOut(t *testing.T) {
	lost := Copy{Host: "NG-HV01"}
	gone := Copy{Host: "NG-HV03", Reached: true}
	replica := Copy{Host: "NG-HV02", Reached: true, Exists: true, Mode: "Replica", State: "Replicating", Power: "Off"}
	for _, c := range []struct {
		name           string
		op             Operation
		source, target Copy
		may, out       bool
	}{
		{"a commit while the site is dark", Commit, lost, replica, false, true},
		{"re-protection needs to see it", Reprotect, lost, replica, false, false},
		{"the way home without it", PlannedFailover, replica, gone, true, true},
		{"one that must come is asked about", PlannedFailover, replica, gone, false, false},
	} {
		vm := RunVM{ID: "1", Label: "RDS02", IfCapacity: c.may}
		in := RunInput{Plan: "north", Operation: c.op, Steps: []RunStep{{Number: 1, VMs: []RunVM{vm, {ID: "2", Label: "DC01"}}}}}
		got := Narrow(in, []Pair{{ID: "1", Source: c.source, Target: c.target}})
		if out := len(got.LeftOut) == 1 && len(got.VMs()) == 1; out != c.out {
			t.Errorf("%s: left out %+v", c.name, got.LeftOut)
		}
	}
}
