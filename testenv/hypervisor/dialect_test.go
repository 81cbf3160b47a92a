package hypervisor

import (
	"reflect"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/environment"
)

func TestEveryReadingIsADialectOfItsOwn(t *testing.T) {
	all := Dialects()
	if len(all) != len(Readings())+2 || all[0] != (Dialect{Name: "plain"}) {
		t.Fatalf("%d dialects, the first is %+v", len(all), all[0])
	}
	switches := reflect.TypeFor[Dialect]().NumField() - 1
	if switches != len(Readings()) {
		t.Errorf("%d switches, %d readings", switches, len(Readings()))
	}
	for i, d := range all {
		on := 0
		for f := range switches {
			if reflect.ValueOf(d).Field(f + 1).Bool() {
				on++
			}
		}
		want := map[int]int{0: 0, len(all) - 1: switches}
		n, ok := want[i]
		if !ok {
			n = 1
		}
		if on != n {
			t.Errorf("%s turns %d switches, want %d", d.Name, on, n)
		}
		named, err := DialectNamed(d.Name)
		if err != nil || named != d {
			t.Errorf("%s is found as %+v, %v", d.Name, named, err)
		}
	}
	two, err := DialectNamed("synced-point,late-test-vm")
	if err != nil || !two.SyncedPoint || !two.LateTestVM || two.SlowFailover {
		t.Errorf("two readings: %+v, %v", two, err)
	}
	if _, err := DialectNamed("synced-point,klingon"); err == nil {
		t.Error("an unknown dialect was taken")
	}
}

// Readings that show in one call, each beside the plain one.
func TestReadingsThatShowAtOnce(t *testing.T) {
	for _, on := range []bool{false, true} {
		f := newFarm(t, "pair", Dialect{CancelRefusesSaved: on, RemoveNeedsOff: on, ReplicaStartsNothing: on, SlowFailover: on, ReplicaWarnsAtOnce: on})
		a, b := f.Host("HV-A"), f.Host("HV-B")
		id := idOf(t, a, "DB")
		if got := b.mustVM(id).AutoStart == "Nothing"; got != on {
			t.Errorf("the replica starts by itself: %s", b.mustVM(id).AutoStart)
		}
		late := idOf(t, a, "APP1")
		must(t, a.SuspendReplication(ctx, me, late))
		f.mu.Lock()
		latest, old := f.failoverTakes(f.Now()), f.failoverTakes(f.Now().Add(-3*time.Hour))
		f.mu.Unlock()
		if (latest >= time.Minute) != on || old <= latest {
			t.Errorf("a failover takes %s, to an old point %s", latest, old)
		}
		_, err := b.StartFailover(ctx, me, id, Failover{})
		must(t, err)
		must(t, b.StartVM(ctx, me, id))
		must(t, b.SaveVM(ctx, me, id))
		removed := b.RemoveReplication(ctx, me, id, "Simple")
		cancelled := b.StopFailover(ctx, me, id)
		if on {
			refused(t, removed, "InvalidState")
			refused(t, cancelled, "InvalidState")
		} else {
			must(t, removed) // and nothing is left to cancel
			refused(t, cancelled, "InvalidState")
		}
		eventually(t, "two cycles are overdue", func() bool { return f.Now().Sub(b.mustVM(late).Relations[0].LastReplication) > 12*time.Minute })
		if warns := b.mustVM(late).Health == "Warning"; warns != on {
			t.Errorf("%s on %s is %s", late, b.Name(), b.mustVM(late).Health)
		}
	}
}

func TestSavedVMIsCancelledPlainly(t *testing.T) {
	f := newFarm(t, "pair", Dialect{})
	b := f.Host("HV-B")
	id := idOf(t, b, "DB")
	_, err := b.StartFailover(ctx, me, id, Failover{})
	must(t, err)
	must(t, b.StartVM(ctx, me, id))
	must(t, b.SaveVM(ctx, me, id))
	must(t, b.StopFailover(ctx, me, id))
	if vm := b.mustVM(id); vm.Power != off || vm.State != stateReplicates {
		t.Errorf("it is %s, %s", vm.Power, vm.State)
	}
}

func TestReplicaThatForgetsTheTimeAfterAReverse(t *testing.T) {
	for _, d := range []Dialect{{}, {ReverseForgetsTime: true}} {
		f := newFarm(t, "pair", d)
		a, b := f.Host("HV-A"), f.Host("HV-B")
		id := idOf(t, a, "APP1") // five minutes between cycles
		must(t, a.StopVM(ctx, me, id, StopHow{TurnOff: true}))
		_, err := a.StartFailover(ctx, me, id, Failover{Prepare: true})
		must(t, err)
		_, err = b.StartFailover(ctx, me, id, Failover{})
		must(t, err)
		must(t, b.Reverse(ctx, me, id, Reverse{Thumbprint: b.Info().Replica.Thumbprint}))
		if forgot := a.mustVM(id).Relations[0].LastReplication.IsZero(); forgot != d.ReverseForgetsTime {
			t.Errorf("forgot the time: %v", forgot)
		}
		eventually(t, "the first cycle", func() bool { return !a.mustVM(id).Relations[0].LastReplication.IsZero() })
	}
}

func TestAppPointBesidesTheStandardOne(t *testing.T) {
	for _, besides := range []bool{false, true} {
		f := farmOf(t, Dialect{AppPointBesides: besides}, func(env *environment.Environment) {
			env.VMs[0].Replicate.Points, env.VMs[0].Replicate.AppConsistentHours = 8, 1
		})
		b := f.Host("HV-B")
		id := idOf(t, b, "DB")
		eventually(t, "an application-consistent point", func() bool {
			all := b.mustVM(id).Points
			return all[len(all)-1].Type == "AppConsistentReplica" && all[len(all)-1].Created.After(epoch)
		})
		all := b.mustVM(id).Points
		if two := all[len(all)-2].Created.After(epoch); two != besides {
			t.Errorf("besides %v: the points end with %+v", besides, all[len(all)-2:])
		}
	}
}
