package cmdlet_test

import (
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/testenv/cmdlet"
	"github.com/lifeboat-dr/lifeboat/testenv/environment"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// TestAChainEndsByItsObject removes the third copy's relationship in the middle
// of a chain, which is named by nothing but the object that Get-VMReplication
// gave; the relationship with the primary stays.
func TestAChainEndsByItsObject(t *testing.T) {
	env, err := environment.Load("brightwater")
	if err != nil {
		t.Fatal(err)
	}
	farm, err := hypervisor.New(env, hypervisor.Options{Seed: 1, Speed: 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(farm.Close)
	middle := farm.Host("MAN-CL1")
	s := powershell.NewSession(powershell.Options{
		Commands:     cmdlet.New(farm, middle, func() hypervisor.Caller { return hypervisor.Caller{By: testRequest} }),
		ComputerName: middle.Name(),
	})
	if err := s.Load(library(t)); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, farm: farm, sessions: map[string]*powershell.Session{"MAN-CL1": s}}
	var id string
	for _, vm := range middle.VMs() {
		if vm.Name == "COB-SQL1" {
			id = vm.ID
		}
	}
	remove := func(relationship string) (any, *powershell.ErrorRecord) {
		return w.call("MAN-CL1", "Remove-LifeboatReplication", map[string]any{"VM": id, "Relationship": relationship})
	}
	if _, rec := remove("Simple"); rec == nil || !strings.Contains(rec.Message, "LifeboatExtendedExists") {
		t.Errorf("the simple relationship goes before the extended one: %v", rec)
	}
	if _, rec := remove("Extended"); rec != nil {
		t.Fatalf("%s: %s", rec.ID, rec.Message)
	}
	if vm, _ := middle.VM(id); vm.Mode != "Replica" || len(vm.Relations) != 1 {
		t.Errorf("the copy in the middle is %s with %d relations, want a Replica with one", vm.Mode, len(vm.Relations))
	}
}
