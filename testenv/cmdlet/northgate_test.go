package cmdlet_test

import (
	"regexp"
	"testing"

	"github.com/lifeboat-dr/lifeboat/testenv/cmdlet"
	"github.com/lifeboat-dr/lifeboat/testenv/environment"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// TestNorthgate asks for the shipped environment's copies by their ids, as the
// product does: every id must be one that a host's [guid] takes.
func TestNorthgate(t *testing.T) {
	env, err := environment.Load("northgate")
	if err != nil {
		t.Fatal(err)
	}
	farm, err := hypervisor.New(env, hypervisor.Options{Seed: 1, Speed: 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(farm.Close)
	w := &world{t: t, farm: farm, sessions: map[string]*powershell.Session{}}
	guid := regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	for _, h := range farm.Hosts() {
		s := powershell.NewSession(powershell.Options{
			Commands:     cmdlet.New(farm, h, func() hypervisor.Caller { return hypervisor.Caller{By: testRequest} }),
			ComputerName: h.Name(),
		})
		if err := s.Load(library(t)); err != nil {
			t.Fatal(err)
		}
		w.sessions[h.Name()] = s
		var ids []any
		for _, vm := range h.VMs() {
			if !guid.MatchString(vm.ID) {
				t.Fatalf("%s on %s has the id %s, which is no GUID", vm.Name, h.Name(), vm.ID)
			}
			ids = append(ids, vm.ID)
		}
		for _, s := range h.Info().Switches {
			if !guid.MatchString(s.ID) {
				t.Errorf("switch %s has the id %s, which is no GUID", s.Name, s.ID)
			}
		}
		got := w.must(h.Name(), "Get-LifeboatCopies", map[string]any{"VMs": ids})
		if n, missing := len(got["copies"].([]any)), got["missing"].([]any); n != len(ids) || len(missing) != 0 {
			t.Errorf("%s gives %d of %d copies, missing %v", h.Name(), n, len(ids), missing)
		}
	}
}
