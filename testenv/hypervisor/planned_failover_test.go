package hypervisor

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/environment"
)

var (
	ctx = context.Background()
	me  = Caller{By: "test"}
)

func newFarm(t *testing.T, name string, d Dialect) *Farm {
	t.Helper()
	env, err := environment.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := New(env, Options{Seed: 7, Speed: 600, Dialect: d})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func idOf(t *testing.T, h *Host, name string) string {
	t.Helper()
	for _, vm := range h.VMs() {
		if vm.Name == name {
			return vm.ID
		}
	}
	t.Fatalf("no VM %s on %s", name, h.Name())
	return ""
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused wants a refusal of the given kind.
func refused(t *testing.T, err error, kind string) {
	t.Helper()
	var r *Refusal
	if !errors.As(err, &r) || r.Kind != kind {
		t.Fatalf("got %v, want a refusal of kind %s", err, kind)
	}
}

func eventually(t *testing.T, what string, fact func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		if fact() {
			return
		}
		<-time.After(5 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

func writesOf(f *Farm, host, id string) Writes {
	for _, c := range f.State().Copies {
		if c.Host == host && c.VM == id {
			return c.Writes
		}
	}
	return Writes{}
}

// The documented planned failover, with every refusal on the way: nothing a
// user wrote is lost, in every dialect.
func TestPlannedFailoverLosesNothing(t *testing.T) {
	for _, d := range Dialects() {
		t.Run(d.Name, func(t *testing.T) {
			f := newFarm(t, "pair", d)
			a, b := f.Host("HV-A"), f.Host("HV-B")
			id := idOf(t, a, "DB")
			_, err := a.StartFailover(ctx, me, id, Failover{Prepare: true})
			refused(t, err, "InvalidState") // it runs
			blocked := map[bool]string{false: "OperationFailed", true: "InvalidState"}[d.OtherStartRefusal]
			refused(t, b.StartVM(ctx, me, id), blocked)
			eventually(t, "users write", func() bool { return writesOf(f, "HV-A", id).Committed > 10 })
			must(t, a.StopVM(ctx, me, id, StopHow{Force: true}))
			_, err = a.StartFailover(ctx, me, id, Failover{Prepare: true})
			must(t, err)
			refused(t, a.StartVM(ctx, me, id), blocked) // locked
			_, err = b.StartFailover(ctx, me, id, Failover{})
			must(t, err)
			_, err = b.StartFailover(ctx, me, id, Failover{})
			refused(t, err, "InvalidState")
			must(t, b.ConnectAdapter(ctx, me, id, b.mustVM(id).Adapters[0].ID, "vSwitch-B"))
			must(t, b.SetFailoverAddress(ctx, me, id, b.mustVM(id).Adapters[0].ID, Adapter{FailoverIP: "10.2.0.20", FailoverMask: "255.255.255.0"}))
			must(t, b.StartVM(ctx, me, id))
			refused(t, b.Reverse(ctx, me, id, Reverse{}), "InvalidParameter") // certificate authentication
			must(t, b.Reverse(ctx, me, id, Reverse{Thumbprint: b.Info().Replica.Thumbprint}))
			eventually(t, "the old primary is the replica", func() bool { vm, _ := a.VM(id); return vm.Mode == "Replica" && vm.State == "Replicating" })
			eventually(t, "the guest listens at its new address", func() bool { return dials(f, "10.2.0.20:1433") })
			w := writesOf(f, "HV-B", id)
			if w.Missing != 0 || w.Held < w.Committed {
				t.Errorf("writes were lost: %+v", w)
			}
			if v := f.Violations(); len(v) > 0 {
				t.Error(strings.Join(v, "\n"))
			}
		})
	}
}

func (h *Host) mustVM(id string) VM { vm, _ := h.VM(id); return vm }

func dials(f *Farm, from string) bool {
	for _, a := range f.Addresses() {
		if a.From == from {
			c, err := net.Dial("tcp", a.To)
			if err == nil {
				_ = c.Close()
			}
			return err == nil
		}
	}
	return false
}

// Unplanned: what was not sent is missing at the target, and counted.
func TestUnplannedFailoverCountsWhatIsLost(t *testing.T) {
	f := newFarm(t, "pair", Dialect{})
	a, b := f.Host("HV-A"), f.Host("HV-B")
	id := idOf(t, a, "DB")
	eventually(t, "a cycle", func() bool { return writesOf(f, "HV-B", id).Held > 0 })
	f.Cut("HV-A", "test")
	sent := writesOf(f, "HV-B", id).Held
	eventually(t, "writes behind the cut", func() bool { return writesOf(f, "HV-A", id).Held > sent+20 })
	f.Crash("HV-A", "test")
	lost := writesOf(f, "HV-A", id).Held - writesOf(f, "HV-B", id).Held
	_, err := b.StartFailover(ctx, me, id, Failover{})
	must(t, err)
	must(t, b.ConnectAdapter(ctx, me, id, b.mustVM(id).Adapters[0].ID, "vSwitch-B"))
	must(t, b.StartVM(ctx, me, id))
	eventually(t, "users write at b", func() bool { return writesOf(f, "HV-B", id).Missing > 0 })
	if got := writesOf(f, "HV-B", id).Missing; got != lost {
		t.Errorf("missing = %d, want %d", got, lost)
	}
}

// Two running copies are seen, whoever made them.
func TestTwoRunningCopiesAreRecorded(t *testing.T) {
	f := newFarm(t, "pair", Dialect{})
	a, b := f.Host("HV-A"), f.Host("HV-B")
	id := idOf(t, a, "DB")
	_, err := b.StartFailover(ctx, me, id, Failover{})
	must(t, err)
	must(t, b.ConnectAdapter(ctx, me, id, b.mustVM(id).Adapters[0].ID, "vSwitch-B"))
	must(t, b.StartVM(ctx, me, id)) // the cmdlet does not ask whether the primary runs
	if len(f.Violations()) == 0 {
		t.Error("two running copies were not recorded")
	}
}

func TestAFaultDropsTheAnswerAfterTheAct(t *testing.T) {
	f := newFarm(t, "pair", Dialect{})
	a := f.Host("HV-A")
	id := idOf(t, a, "DB")
	_, err := f.AddFault(Fault{Verb: "Stop-VM", VM: id, Kind: "drop-after", Count: 1})
	must(t, err)
	cuts := 0
	leave, err := f.Enter(ctx, "HV-A", "Stop-VM", id, Caller{By: "r1", Cut: func(bool) { cuts++ }}, true)
	must(t, err)
	done := a.StopVM(ctx, me, id, StopHow{TurnOff: true})
	leave(done)
	if cuts != 1 || a.mustVM(id).Power != "Off" {
		t.Errorf("cuts = %d, power = %s: want one cut after the VM is off", cuts, a.mustVM(id).Power)
	}
	if _, err := f.AddFault(Fault{Kind: "sunshine"}); err == nil {
		t.Error("an unknown kind of fault was taken")
	}
}
