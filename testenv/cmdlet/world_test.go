package cmdlet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/testenv/cmdlet"
	"github.com/lifeboat-dr/lifeboat/testenv/environment"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// Ids of the VMs of the tests' world.
const (
	idDB        = "11111111-1111-4111-8111-111111111111"
	idAPP1      = "22222222-2222-4222-8222-222222222222"
	idAPP2      = "33333333-3333-4333-8333-333333333333"
	idSecondDB  = "44444444-4444-4444-8444-444444444444" // of the same name as idDB, unprotected
	idOdd       = "55555555-5555-4555-8555-555555555555"
	idOff       = "66666666-6666-4666-8666-666666666666"
	idNobody    = "99999999-9999-4999-8999-999999999999"
	oddName     = `O'Brien "x" $(1) [a-z]* ` + "`n <&> 2024-01-01T00:00:00Z é 🚤"
	scripts     = "../../activities/hyperv/scripts/*.ps1"
	hostA       = "HV-A"
	hostB       = "HV-B"
	fqdnB       = "hv-b.pair.example"
	testRequest = "r-7"
)

// world is the shipped "pair" with four more VMs on HV-A, each host with a
// session that has the product's functions.
type world struct {
	t        *testing.T
	farm     *hypervisor.Farm
	sessions map[string]*powershell.Session
	// change makes its environment another than that of most tests; it may be nil.
	change func(*environment.Environment)
}

func newFarm(t *testing.T) *hypervisor.Farm {
	t.Helper()
	return changedFarm(t, nil)
}

func changedFarm(t *testing.T, change func(*environment.Environment)) *hypervisor.Farm {
	t.Helper()
	env, err := environment.Load("pair")
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range []string{idDB, idAPP1, idAPP2} {
		env.VMs[i].ID = id
	}
	lone := func(id, name string, off bool) environment.VM {
		vm := env.VMs[2]
		vm.ID, vm.Name, vm.IP, vm.Network, vm.Replicate, vm.Off = id, name, "", "", nil, off
		return vm
	}
	env.VMs = append(env.VMs, lone(idSecondDB, "DB", false), lone(idOdd, oddName, false), lone(idOff, "OFF", true))
	env.VMs[4].Replicate = env.VMs[0].Replicate
	if change != nil {
		change(env)
	}
	farm, err := hypervisor.New(env, hypervisor.Options{Seed: 4, Speed: 200})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(farm.Close)
	return farm
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return changedWorld(t, nil)
}

func changedWorld(t *testing.T, change func(*environment.Environment)) *world {
	t.Helper()
	w := &world{t: t, farm: changedFarm(t, change), sessions: map[string]*powershell.Session{}, change: change}
	for _, h := range w.farm.Hosts() {
		commands := cmdlet.New(w.farm, h, func() hypervisor.Caller { return hypervisor.Caller{By: testRequest} })
		s := powershell.NewSession(powershell.Options{Commands: commands, ComputerName: h.Name()})
		if err := s.Load(library(t)); err != nil {
			t.Fatal(err)
		}
		w.sessions[h.Name()] = s
	}
	return w
}

// library is the text of the product's functions, as it reaches a host.
func library(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(scripts)
	if err != nil || len(files) == 0 {
		t.Fatalf("no functions at %s: %v", scripts, err)
	}
	var all strings.Builder
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
		all.WriteString("\n")
	}
	return all.String()
}

// call runs a function on a host and gives its answer as JSON gives it.
func (w *world) call(host, function string, args map[string]any) (any, *powershell.ErrorRecord) {
	w.t.Helper()
	v, rec := w.sessions[host].Call(context.Background(), function, args)
	if rec != nil {
		return nil, rec
	}
	var out any
	d := json.NewDecoder(bytes.NewReader([]byte(powershell.ToJSON(v, 10))))
	if err := d.Decode(&out); err != nil {
		w.t.Fatalf("%s on %s: the answer is no JSON: %v", function, host, err)
	}
	return out, nil
}

// must calls a function that has to succeed.
func (w *world) must(host, function string, args map[string]any) map[string]any {
	w.t.Helper()
	v, rec := w.call(host, function, args)
	if rec != nil {
		w.t.Fatalf("%s on %s: %s (%s): %s", function, host, rec.ID, rec.Category, rec.Message)
	}
	m, ok := v.(map[string]any)
	if !ok {
		w.t.Fatalf("%s on %s answers %v, not one dictionary", function, host, v)
	}
	return m
}

func (w *world) guard(host, vm, want string) {
	w.t.Helper()
	g := w.must(host, "Get-LifeboatGuard", map[string]any{"VM": vm})
	if got := state(g); got != want {
		w.t.Errorf("%s on %s is %s, want %s", vm, host, got, want)
	}
}

func state(m map[string]any) string {
	return strings.Join([]string{str(m["power"]), str(m["mode"]), str(m["state"])}, "/")
}

func str(v any) string { s, _ := v.(string); return s }

// thumbprint is that of a host's certificate.
func (w *world) thumbprint(host string) string {
	return w.farm.Host(host).Info().Replica.Thumbprint
}

// endpoints serves every host of a farm to the stand-in module, under its name.
func endpoints(farm *hypervisor.Farm) http.Handler {
	mux := http.NewServeMux()
	for _, h := range farm.Hosts() {
		mux.Handle("/"+h.Name()+"/", cmdlet.Endpoint(farm, h, nil))
	}
	return mux
}
