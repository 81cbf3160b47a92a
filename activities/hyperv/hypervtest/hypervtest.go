// Package hypervtest is one set of questions for whatever claims to be a
// Hyper-V host behind a hyperv.Runner: simulated hosts always, a real one when
// somebody names it. It changes nothing that lasts: its only act that is done
// sets the VM's start action to what it is.
package hypervtest

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
)

// nowhere is an id that no host has.
const nowhere = "00000000-0000-4000-8000-00000000dead"

// within is how long an act of the suite may wait to begin.
const within = time.Minute

// Run asks everything. runner returns the way to the host under test; vm is the
// id of one of its VMs, which should be idle: somebody else's changes to it
// look like faults of the host.
func Run(t *testing.T, runner func() hyperv.Runner, vm string) {
	h := hyperv.New(runner())
	vm = strings.ToLower(vm)
	for name, ask := range map[string]func(*testing.T, *hyperv.Host, string){
		"facts":                       facts,
		"copies tell what is":         copies,
		"points are in order":         points,
		"an unknown VM is refused":    unknown,
		"a moved VM is left alone":    moved,
		"a late act is left undone":   late,
		"an act reads back":           again,
		"an unknown adapter":          adapter,
		"many at once are kept apart": many,
	} {
		t.Run(name, func(t *testing.T) { ask(t, h, vm) })
	}
}

func facts(t *testing.T, h *hyperv.Host, _ string) {
	f, err := h.Facts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if f.OS == "" || f.Memory == 0 || f.Processors == 0 || len(f.Supported) == 0 || !strings.HasPrefix(f.Version, "10.0.") {
		t.Errorf("a host says less of itself than every Windows Server does: %+v", f)
	}
	if f.Replica.Enabled && f.Replica.Auth == "" {
		t.Errorf("it takes replication and does not say how: %+v", f.Replica)
	}
}

// one reads the VM under test.
func one(t *testing.T, h *hyperv.Host, vm string) hyperv.Copy {
	t.Helper()
	c, err := h.Copies(t.Context(), []string{vm})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Copies) != 1 {
		t.Fatalf("VM %s is not on %s: name one that is", vm, h.Name())
	}
	return c.Copies[0]
}

func expect(c hyperv.Copy) hyperv.Expect {
	return hyperv.Expect{Power: c.Power, Mode: c.Mode, State: c.State}
}

func copies(t *testing.T, h *hyperv.Host, vm string) {
	all, err := h.Copies(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all.Copies, func(c hyperv.Copy) bool { return c.VM == vm })
	if i < 0 {
		t.Fatalf("VM %s is not among all %d", vm, len(all.Copies))
	}
	alone := one(t, h, vm)
	if all.Copies[i].Name != alone.Name || expect(all.Copies[i]) != expect(alone) || len(all.Copies[i].Adapters) != len(alone.Adapters) {
		t.Errorf("among all it is %+v, alone %+v", all.Copies[i], alone)
	}
	if replicates := alone.Mode != "None"; replicates && len(alone.Relations) == 0 {
		t.Errorf("it replicates (%s) and has no relation", alone.Mode)
	}
	view, err := h.Guard(t.Context(), vm)
	if err != nil {
		t.Fatal(err)
	}
	if hyperv.Expect(view) != expect(alone) {
		t.Errorf("the guard sees %+v, the copy is %+v", view, expect(alone))
	}
	some, err := h.Copies(t.Context(), []string{nowhere, vm})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(some.Missing, []string{nowhere}) || len(some.Copies) != 1 {
		t.Errorf("missing %v, %d copies", some.Missing, len(some.Copies))
	}
}

func points(t *testing.T, h *hyperv.Host, vm string) {
	all, err := h.Points(t.Context(), []string{vm})
	if err != nil {
		t.Fatal(err)
	}
	list, told := all[vm]
	if !told || len(all) != 1 || !slices.IsSortedFunc(list, func(a, b hyperv.Point) int { return a.Created.Compare(b.Created) }) {
		t.Errorf("not the VM's alone, oldest first: %+v", all)
	}
	some, err := h.Points(t.Context(), []string{nowhere, vm})
	if !errors.Is(err, hyperv.ErrNotFound) || len(some) != 1 || len(some[vm]) < len(list) {
		t.Errorf("beside a VM that is not there: %+v, %v", some, err)
	}
}

func unknown(t *testing.T, h *hyperv.Host, _ string) {
	if _, err := h.Points(t.Context(), []string{nowhere}); !errors.Is(err, hyperv.ErrNotFound) {
		t.Errorf("points: %v", err)
	}
	if _, err := h.Guard(t.Context(), nowhere); !errors.Is(err, hyperv.ErrNotFound) {
		t.Errorf("guard: %v", err)
	}
	_, err := h.TurnOff(t.Context(), nowhere, hyperv.Expect{Power: "Running", Mode: "None", State: "Disabled"}, within)
	if !errors.Is(err, hyperv.ErrNotFound) {
		t.Errorf("turn off: %v", err)
	}
}

func moved(t *testing.T, h *hyperv.Host, vm string) {
	before := one(t, h, vm)
	wrong := expect(before)
	wrong.State = "WaitingForInitialReplication"
	if before.State == wrong.State {
		wrong.State = "Replicating"
	}
	action := "Nothing"
	if before.AutoStart == action {
		action = "Start"
	}
	r, err := h.SetStartAction(t.Context(), vm, wrong, within, action)
	if err != nil {
		t.Fatal(err)
	}
	if r.Outcome != hyperv.OutcomeMoved || hyperv.Expect(r.Now) != expect(before) {
		t.Errorf("outcome %s, now %+v; it was %+v", r.Outcome, r.Now, expect(before))
	}
	if after := one(t, h, vm); after.AutoStart != before.AutoStart {
		t.Errorf("the start action was %s and is %s", before.AutoStart, after.AutoStart)
	}
}

func late(t *testing.T, h *hyperv.Host, vm string) {
	before := one(t, h, vm)
	action := "Nothing"
	if before.AutoStart == action {
		action = "Start"
	}
	r, err := h.SetStartAction(t.Context(), vm, expect(before), time.Nanosecond, action)
	if err != nil {
		t.Fatal(err)
	}
	if after := one(t, h, vm); r.Outcome != hyperv.OutcomeExpired || after.AutoStart != before.AutoStart {
		t.Errorf("outcome %s; the start action was %s and is %s", r.Outcome, before.AutoStart, after.AutoStart)
	}
}

func again(t *testing.T, h *hyperv.Host, vm string) {
	before := one(t, h, vm)
	r, err := h.SetStartAction(t.Context(), vm, expect(before), within, before.AutoStart)
	if err != nil {
		t.Fatal(err)
	}
	if r.Outcome != hyperv.OutcomeDone || r.AutoStart != before.AutoStart || hyperv.Expect(r.Now) != expect(before) {
		t.Errorf("it was %+v with %s, the act answers %+v", expect(before), before.AutoStart, r)
	}
	if r.Request == "" || r.HostTime.IsZero() {
		t.Errorf("the answer does not say which request it is for, or when: %+v", r)
	}
}

func adapter(t *testing.T, h *hyperv.Host, vm string) {
	before := one(t, h, vm)
	_, err := h.SetNetwork(t.Context(), vm, expect(before), within, []hyperv.NIC{{Adapter: "no such adapter of lifeboat", Switch: "x"}})
	var refused *hyperv.Error
	if !errors.As(err, &refused) || refused.Code != "LifeboatAdapterNotFound" || !errors.Is(err, hyperv.ErrNotFound) {
		t.Errorf("an adapter that is not there: %v", err)
	}
}

func many(t *testing.T, h *hyperv.Host, vm string) {
	want := one(t, h, vm)
	var asking sync.WaitGroup
	for i := range 6 {
		asking.Go(func() {
			ids := []string{vm, nowhere}[:1+i%2]
			c, err := h.Copies(t.Context(), ids)
			if err != nil {
				t.Error(err)
				return
			}
			if len(c.Copies) != 1 || c.Copies[0].VM != vm || c.Copies[0].Name != want.Name || len(c.Missing) != i%2 {
				t.Errorf("asked for %v, answered %+v", ids, c)
			}
		})
	}
	asking.Wait()
}
