package cmdlet_test

import (
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/testenv/cmdlet"
	"github.com/lifeboat-dr/lifeboat/testenv/environment"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// setting is what Set-LifeboatReplication is asked, over nothing to change.
func setting(vm, relationship string, changes map[string]any) map[string]any {
	args := map[string]any{
		"VM": vm, "Relationship": relationship, "State": "Replicating", "FrequencySec": 0, "RecoveryHistory": nil, "VSSHours": nil,
		"Compression": nil, "Auth": "", "Port": 0, "Thumbprint": "", "Disks": []any{},
	}
	for name, v := range changes {
		args[name] = v
	}
	return args
}

// relationsIn are those that an answer tells of, by their type.
func relationsIn(answer map[string]any) map[string]map[string]any {
	out := map[string]map[string]any{}
	for _, r := range answer["replication"].(map[string]any)["copies"].([]any)[0].(map[string]any)["relations"].([]any) {
		r := r.(map[string]any)
		out[str(r["relationship"])] = r
	}
	return out
}

// settingSteps change every setting and are refused in every way.
func settingSteps(w *world) []step {
	disk := func(n string) string { return `D:\VMs\` + idDB + `\disk` + n + `.vhdx` }
	set := func(host string, changes map[string]any) step {
		return step{host, "Set-LifeboatReplication", setting(idDB, "Simple", changes)}
	}
	return []step{
		set(hostA, map[string]any{"FrequencySec": 900, "RecoveryHistory": 4, "VSSHours": 2, "Compression": false}),
		set(hostA, map[string]any{"VSSHours": 0, "RecoveryHistory": 0, "Compression": true}),
		set(hostA, map[string]any{"VSSHours": 3}),      // no history for it
		set(hostA, map[string]any{"FrequencySec": 60}), // no such frequency
		set(hostA, map[string]any{"Auth": "Kerberos"}),
		set(hostA, map[string]any{"Auth": "Certificate", "Port": 443, "Thumbprint": w.thumbprint(hostA)}),
		set(hostA, map[string]any{"Thumbprint": "00"}),
		set(hostA, map[string]any{"Disks": []any{disk("7")}}),
		set(hostA, map[string]any{"State": "Error"}),
		set(hostB, map[string]any{"RecoveryHistory": 3}),
		{hostA, "Set-LifeboatReplication", setting(idDB, "Extended", map[string]any{"RecoveryHistory": 3})},
		{hostA, "Resume-LifeboatLeg", map[string]any{"VM": idDB, "State": "Error", "Resynchronize": false}},
		// The disks are bound as objects, and refused while replication is paused.
		{hostA, "Suspend-LifeboatReplication", vm(idDB)},
		set(hostA, map[string]any{"Disks": []any{disk("0")}, "State": "Suspended"}),
	}
}

// Both engines bind, change and refuse the same.
func TestRefereeAgreesOnSettings(t *testing.T) {
	engine := referee(t)
	w := newWorld(t)
	agrees(w, engine, library(t), settingSteps(w))
}

func TestSettingsReachTheHost(t *testing.T) {
	w := newWorld(t)
	var ids []string
	steps := append(settingSteps(w), // what the binder refuses has ids of its own in the stand-in
		step{hostA, "Resume-LifeboatReplication", vm(idDB)},
		step{hostA, "Set-LifeboatReplication", setting(idDB, "Simple", map[string]any{"Disks": []any{`D:\VMs\` + idDB + `\disk0.vhdx`}})},
		step{hostA, "Set-LifeboatReplication", setting(idAPP1, "Simple", map[string]any{"FrequencySec": 5})},
		step{hostA, "Set-LifeboatReplication", setting(idAPP1, "Simple", map[string]any{"RecoveryHistory": 25})})
	for i, s := range steps {
		answer, rec := w.call(s.Host, s.Function, s.Args)
		switch {
		case rec != nil:
			id, _, _ := strings.Cut(rec.ID, ",")
			ids = append(ids, id)
		case i == 0:
			r := relationsIn(answer.(map[string]any))["Simple"]
			for name, want := range map[string]any{"frequencySec": float64(900), "recoveryHistory": float64(4), "vssEnabled": true, "vssHours": float64(2), "compression": false, "port": float64(443)} {
				if r[name] != want {
					t.Errorf("%s is %v, want %v", name, r[name], want)
				}
			}
		}
	}
	want := "InvalidParameter InvalidParameter OperationFailed OperationFailed " +
		"LifeboatDiskNotFound LifeboatRelationMoved InvalidOperation LifeboatRelationNotFound LifeboatRelationNotFound InvalidState ParameterArgumentValidationError ParameterArgumentValidationError"
	if got := strings.Join(ids, " "); got != want {
		t.Errorf("refused as\n%s, want\n%s", got, want)
	}
}

// middleOfAChain is the middle host of brightwater's chain and a VM of it.
func middleOfAChain(t *testing.T, d hypervisor.Dialect) (w *world, host, id string) {
	t.Helper()
	env, err := environment.Load("brightwater")
	if err != nil {
		t.Fatal(err)
	}
	farm, err := hypervisor.New(env, hypervisor.Options{Seed: 1, Speed: 10, Dialect: d})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(farm.Close)
	host = "MAN-CL1"
	s := powershell.NewSession(powershell.Options{
		Commands:     cmdlet.New(farm, farm.Host(host), func() hypervisor.Caller { return hypervisor.Caller{By: testRequest} }),
		ComputerName: host,
	})
	if err := s.Load(library(t)); err != nil {
		t.Fatal(err)
	}
	for _, vm := range farm.Host(host).VMs() {
		if vm.Name == "COB-SQL1" {
			id = vm.ID
		}
	}
	return &world{t: t, farm: farm, sessions: map[string]*powershell.Session{host: s}}, host, id
}

// In the middle of a chain the extended relationship is set, or in the other
// reading the middle's own: the answer tells which.
func TestSettingsInTheMiddleAreReadBack(t *testing.T) {
	for _, first := range []bool{false, true} {
		w, host, id := middleOfAChain(t, hypervisor.Dialect{MiddleSetsFirst: first})
		answer := relationsIn(w.must(host, "Set-LifeboatReplication", setting(id, "Extended", map[string]any{"FrequencySec": 900})))
		if changed := answer["Simple"]["frequencySec"] == float64(900); changed != first {
			t.Errorf("other reading %v: the first leg is %v", first, answer["Simple"])
		}
		if changed := answer["Extended"]["frequencySec"] == float64(900); changed == first {
			t.Errorf("other reading %v: the extended leg is %v", first, answer["Extended"])
		}
	}
}

// The leg to the third copy is resumed and resynchronized without the first one.
func TestALegIsRepairedAlone(t *testing.T) {
	w, host, id := middleOfAChain(t, hypervisor.Dialect{})
	middle := w.farm.Host(host)
	me := hypervisor.Caller{By: "control"}
	if err := middle.SuspendExtended(t.Context(), me, id); err != nil {
		t.Fatal(err)
	}
	leg := func() string { vm, _ := middle.VM(id); return vm.Relations[1].State }
	w.must(host, "Resume-LifeboatLeg", map[string]any{"VM": id, "State": "Suspended", "Resynchronize": false})
	if leg() != "Replicating" {
		t.Errorf("resumed, it is %s", leg())
	}
	if err := middle.LoseTracking(t.Context(), me, id); err != nil {
		t.Fatal(err)
	}
	w.must(host, "Resume-LifeboatLeg", map[string]any{"VM": id, "State": "WaitingForStartResynchronize", "Resynchronize": true})
	if leg() != "Resynchronizing" {
		t.Errorf("resynchronized, it is %s", leg())
	}
	w.guard(host, id, "Off/Replica/Replicating")
}

// The middle's own relationship is resumed without the one that it sends on, which
// somebody paused.
func TestAResumeLeavesThePausedLegAlone(t *testing.T) {
	w, host, id := middleOfAChain(t, hypervisor.Dialect{MiddleResumesBoth: true})
	middle, me := w.farm.Host(host), hypervisor.Caller{By: "control"}
	if err := middle.SuspendExtended(t.Context(), me, id); err != nil {
		t.Fatal(err)
	}
	if err := middle.SuspendReplication(t.Context(), me, id); err != nil {
		t.Fatal(err)
	}
	w.must(host, "Resume-LifeboatReplication", vm(id))
	w.guard(host, id, "Off/Replica/Replicating")
	if vm, _ := middle.VM(id); vm.Relations[1].State != "Suspended" {
		t.Errorf("the leg that was paused is %s", vm.Relations[1].State)
	}
}
