package hypervisor

import (
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/environment"
)

// A point older than the latest loses what it had not got: the numbers say it,
// and cancelling gives it back (rows 12 and 15).
func TestUnplannedFailoverToAnOldPoint(t *testing.T) {
	for _, d := range Dialects() {
		t.Run(d.Name, func(t *testing.T) {
			f, _, b, id := drillFarm(t, d)
			points := stateOf(t, f, "HV-B", id).Points
			if len(points) < 4 || points[0].Held >= points[1].Held || points[1].Held == 0 {
				t.Fatalf("the points are %+v", points)
			}
			kinds := map[string]string{"Replica": "Regular", "AppConsistentReplica": "ApplicationConsistent"}
			f.Crash("HV-A", "test")
			latest := stateOf(t, f, "HV-B", id).Writes
			for _, p := range points[:2] {
				_, err := b.StartFailover(ctx, me, id, Failover{Point: p.ID})
				must(t, err)
				r := b.mustVM(id).Relations[0]
				if r.FailoverType != kinds[p.Type] || r.State != stateFailedOver {
					t.Errorf("%s gives %s, %s", p.Type, r.FailoverType, r.State)
				}
				w := stateOf(t, f, "HV-B", id).Writes
				if w.Held != p.Held {
					t.Errorf("held = %d, the point had %d", w.Held, p.Held)
				}
				if a := stateOf(t, f, "HV-A", id).Writes; a.Own != a.Held-p.Held {
					t.Errorf("the old primary has %d writes alone, want %d", a.Own, a.Held-p.Held)
				}
				must(t, b.StopFailover(ctx, me, id))
				if w := stateOf(t, f, "HV-B", id).Writes; w.Held != latest.Held || w.Missing != latest.Missing {
					t.Errorf("after the cancel %+v, before %+v", w, latest)
				}
			}
			_, err := b.StartFailover(ctx, me, id, Failover{Point: points[0].ID})
			must(t, err)
			must(t, b.ConnectAdapter(ctx, me, id, b.mustVM(id).Adapters[0].ID, "vSwitch-B"))
			must(t, b.StartVM(ctx, me, id))
			lost := stateOf(t, f, "HV-A", id).Writes.Held - points[0].Held
			eventually(t, "users write", func() bool { return writesOf(f, "HV-B", id).Own > 0 })
			if got := writesOf(f, "HV-B", id).Missing; got != lost {
				t.Errorf("missing = %d, want %d", got, lost)
			}
			must(t, b.CompleteFailover(ctx, me, id))
			refused(t, b.CompleteFailover(ctx, me, id), "InvalidState")
			refused(t, b.StopFailover(ctx, me, id), "InvalidState")
			if n := len(b.mustVM(id).Points); n != 0 {
				t.Errorf("%d points after the commit", n)
			}
		})
	}
}

// What the primary does when its replica was failed over, and after a cancel.
func TestPrimaryWhoseReplicaWasFailedOver(t *testing.T) {
	for _, d := range []Dialect{{}, {ErrorAfterCancel: true}, {RetriesForEver: true}} {
		f := newFarm(t, "pair", d)
		a, b := f.Host("HV-A"), f.Host("HV-B")
		id := idOf(t, a, "DB")
		_, err := b.StartFailover(ctx, me, id, Failover{})
		must(t, err)
		missed := a.mustVM(id).Relations[0].Missed
		eventually(t, "sends fail", func() bool { return a.mustVM(id).Relations[0].Missed >= missed+maxFailures })
		if state := a.mustVM(id).State; (state == stateError) == d.RetriesForEver {
			t.Errorf("%+v: the primary is %s", d, state)
		}
		must(t, b.StopFailover(ctx, me, id))
		if state := a.mustVM(id).State; (state == stateError) != d.ErrorAfterCancel {
			t.Errorf("%+v: after the cancel the primary is %s", d, state)
		}
		if d.ErrorAfterCancel {
			must(t, a.ResumeReplication(ctx, me, id, false))
		}
		sent := b.mustVM(id).Relations[0].LastReplication
		eventually(t, "replication goes on", func() bool { return b.mustVM(id).Relations[0].LastReplication.After(sent) })
	}
}

func TestReplicaInErrorMustBeResumedFirst(t *testing.T) {
	f := newFarm(t, "pair", Dialect{})
	b := f.Host("HV-B")
	id := idOf(t, b, "DB")
	must(t, b.FailApply(ctx, me, id))
	_, err := b.StartFailover(ctx, me, id, Failover{})
	refused(t, err, "InvalidState")
	must(t, b.ResumeReplication(ctx, me, id, false))
	refused(t, b.ResumeReplication(ctx, me, id, false), "InvalidState")
	_, err = b.StartFailover(ctx, me, id, Failover{})
	must(t, err)
}

// Hourly points come, the oldest go, every second one is application-consistent.
func TestPointsOfTheHours(t *testing.T) {
	for _, d := range []Dialect{{}, {ExactHistory: true}, {AppPointBesides: true}} {
		f := farmOf(t, d, func(env *environment.Environment) {
			env.VMs[0].Replicate.Points, env.VMs[0].Replicate.AppConsistentHours = 3, 2
		})
		b := f.Host("HV-B")
		id := idOf(t, b, "DB")
		first := b.mustVM(id).Points
		if len(first) != 3 || first[0].Type != "AppConsistentReplica" || first[1].Type != "Replica" || !first[2].Created.Before(epoch) {
			t.Fatalf("at the start: %+v", first)
		}
		want := map[bool]int{false: 4, true: 3}[d.ExactHistory]
		eventually(t, "a new point", func() bool {
			points := b.mustVM(id).Points
			return len(points) == want && points[want-1].Created.After(epoch)
		})
	}
	f := newFarm(t, "pair", Dialect{LatestPointListed: true})
	b := f.Host("HV-B")
	eventually(t, "the latest state is listed", func() bool { return len(b.mustVM(idOf(t, b, "DB")).Points) == 1 })
}

// Scenario: the old site comes back after an unplanned failover and its copy
// starts by itself. Both run; it is recorded, with how long, and what the old
// copy's users write exists nowhere else.
func TestOldPrimaryThatStartsByItself(t *testing.T) {
	f := newFarm(t, "pair", Dialect{})
	a, b := f.Host("HV-A"), f.Host("HV-B")
	id := idOf(t, a, "DB")
	if !f.Site("a", "power-loss", "test") || f.Site("nowhere", "cut", "test") || f.Site("a", "sunshine", "test") {
		t.Fatal("sites")
	}
	if s := a.mustVM(id).State; s != stateResync {
		t.Fatalf("after the power loss: %s", s)
	}
	_, err := b.StartFailover(ctx, me, id, Failover{})
	must(t, err)
	must(t, b.ConnectAdapter(ctx, me, id, b.mustVM(id).Adapters[0].ID, "vSwitch-B"))
	must(t, b.StartVM(ctx, me, id))
	eventually(t, "users write at b", func() bool { return writesOf(f, "HV-B", id).Own > 0 })
	before := writesOf(f, "HV-A", id).Own
	f.Site("a", "power-on", "test")
	eventually(t, "the old copy runs, and its users write", func() bool { return writesOf(f, "HV-A", id).Own > before })
	if s := stateOf(t, f, "HV-A", id); s.State != stateResync || s.Since == "" {
		t.Errorf("the old copy is %+v", s)
	}
	if v := f.Violations(); len(v) != 1 || !strings.HasSuffix(v[0], " so far") {
		t.Fatalf("recorded: %v", v)
	}
	_, err = b.StartFailover(ctx, me, id, Failover{})
	refused(t, err, "InvalidState")
	must(t, a.StopVM(ctx, me, id, StopHow{TurnOff: true}))
	if v := f.Violations(); len(v) != 1 || strings.HasSuffix(v[0], "so far") || !strings.Contains(v[0], ", for ") {
		t.Errorf("recorded: %v", v)
	}
	refused(t, a.ResumeReplication(ctx, me, id, true), "OperationFailed") // the replica is failed over
}

// The way home after an unplanned failover (section 5.4), in every dialect:
// what a client may try first is refused, then it converges.
func TestReprotectAfterAnUnplannedFailover(t *testing.T) {
	for _, d := range Dialects() {
		t.Run(d.Name, func(t *testing.T) {
			f := newFarm(t, "pair", d)
			a, b := f.Host("HV-A"), f.Host("HV-B")
			id := idOf(t, a, "DB")
			f.Crash("HV-A", "test")
			_, err := b.StartFailover(ctx, me, id, Failover{})
			must(t, err)
			must(t, b.StartVM(ctx, me, id))
			back := Reverse{Thumbprint: b.Info().Replica.Thumbprint}
			refused(t, b.Reverse(ctx, me, id, back), "OperationFailed") // the other host is down
			f.PowerOn("HV-A", "test")
			refused(t, b.Reverse(ctx, me, id, back), "OperationFailed") // not set as a replica
			eventually(t, "the old copy has started", func() bool { return a.mustVM(id).Power == running })
			if !d.AsReplicaRunning {
				refused(t, a.SetAsReplica(ctx, me, id, ""), "InvalidState")
				must(t, a.StopVM(ctx, me, id, StopHow{TurnOff: true}))
			}
			must(t, a.SetAsReplica(ctx, me, id, ""))
			if vm := a.mustVM(id); vm.Power != off || vm.Mode != modeReplica || vm.State != stateWaits {
				t.Fatalf("the old primary is %+v", vm)
			}
			if d.ReverseNeedsComplete {
				refused(t, b.Reverse(ctx, me, id, back), "InvalidState")
				must(t, b.CompleteFailover(ctx, me, id))
			}
			must(t, b.Reverse(ctx, me, id, back))
			refused(t, b.Reverse(ctx, me, id, back), "InvalidOperation") // a primary now
			if s := b.mustVM(id); s.Mode != modePrimary || s.State != stateReady {
				t.Fatalf("the new primary is %+v", s)
			}
			_, err = a.StartFailover(ctx, me, id, Failover{})
			refused(t, err, "InvalidState") // nothing has arrived yet
			must(t, b.StartInitialReplication(ctx, me, id))
			refused(t, b.StartInitialReplication(ctx, me, id), "InvalidState")
			eventually(t, "it replicates", func() bool { return a.mustVM(id).State == stateReplicates && b.mustVM(id).State == stateReplicates })
			if w := writesOf(f, "HV-A", id); w.Own != 0 {
				t.Errorf("the replica has %d writes of its own", w.Own)
			}
		})
	}
}

// An entry for any server or a named one is needed where the host does not take
// everybody (row 17).
func TestAsReplicaNeedsAnEntry(t *testing.T) {
	for name, c := range map[string]struct {
		d          Dialect
		none, fqdn bool // is -AsReplica taken without a name, with a server's name
	}{
		"plain":  {Dialect{}, false, true},
		"freely": {Dialect{AsReplicaFreely: true}, true, true},
		"exact":  {Dialect{AsReplicaNamesEntry: true}, false, false},
	} {
		f := farmOf(t, c.d, func(env *environment.Environment) { env.Hosts[0].Replica.Allow = []string{"*.pair.example"} })
		a := f.Host("HV-A")
		id := idOf(t, a, "DB")
		must(t, a.StopVM(ctx, me, id, StopHow{TurnOff: true}))
		if err := a.SetAsReplica(ctx, me, id, ""); (err == nil) != c.none {
			t.Errorf("%s without a name: %v", name, err)
		}
		if err := a.SetAsReplica(ctx, me, id, "hv-b.pair.example"); (err == nil) != c.fqdn {
			t.Errorf("%s with a server's name: %v", name, err)
		}
		must(t, a.SetAsReplica(ctx, me, id, "*.pair.example"))
	}
}

// slowFarm is a pair with a disk of so many GB, half of it in use, and a slow
// line: a full copy of 1200 GB takes 100 simulated minutes, ten seconds here.
func slowFarm(t *testing.T, d Dialect, size int) (f *Farm, a, b *Host, id string) {
	t.Helper()
	f = farmOf(t, d, func(env *environment.Environment) { env.LineMBPerS, env.VMs[0].DisksGB = 1, []int{size} })
	a, b = f.Host("HV-A"), f.Host("HV-B")
	return f, a, b, idOf(t, a, "DB")
}

func TestResynchronizationShowsItsProgress(t *testing.T) {
	_, a, b, id := slowFarm(t, Dialect{}, 1200)
	refused(t, a.ResumeReplication(ctx, me, id, true), "InvalidState") // from Replicating
	must(t, a.LoseTracking(ctx, me, id))
	refused(t, a.ResumeReplication(ctx, me, id, false), "InvalidState") // -Resynchronize is needed
	refused(t, b.ResumeReplication(ctx, me, id, true), "InvalidState")
	must(t, a.ResumeReplication(ctx, me, id, true))
	if s := b.mustVM(id).State; s != stateResyncing {
		t.Errorf("the replica is %s", s)
	}
	_, err := b.StartFailover(ctx, me, id, Failover{AsTest: true})
	refused(t, err, "InvalidState")
	r := a.mustVM(id).Relations[0]
	if r.Task == "" || r.TaskPercent > 90 {
		t.Errorf("the task is %q at %d %%", r.Task, r.TaskPercent)
	}
	eventually(t, "it moves on", func() bool { return a.mustVM(id).Relations[0].TaskPercent > r.TaskPercent })
	must(t, a.SuspendReplication(ctx, me, id))
	if s := a.mustVM(id).State; s != stateResyncPaused {
		t.Errorf("paused it is %s", s)
	}
	must(t, a.ResumeReplication(ctx, me, id, false))
	must(t, a.StopReplication(ctx, me, id))
	refused(t, a.StopReplication(ctx, me, id), "InvalidState")
	if p, s := a.mustVM(id).State, b.mustVM(id).State; p != stateResync || s != stateReplicates {
		t.Errorf("cancelled it is %s, %s", p, s)
	}
	must(t, a.ResumeReplication(ctx, me, id, true))
	eventually(t, "it replicates", func() bool { return a.mustVM(id).State == stateReplicates && b.mustVM(id).State == stateReplicates })
	if r := a.mustVM(id).Relations[0]; r.Task != "" {
		t.Errorf("the task %q is still there", r.Task)
	}
}

func TestPlainResumeThatResynchronizes(t *testing.T) {
	_, a, _, id := slowFarm(t, Dialect{ResumeResyncs: true}, 4000)
	must(t, a.LoseTracking(ctx, me, id))
	must(t, a.ResumeReplication(ctx, me, id, false))
	if s := a.mustVM(id).State; s != stateResyncing {
		t.Errorf("it is %s", s)
	}
}

// A failover during a resynchronization is allowed and cancels it.
func TestFailoverCancelsAResynchronization(t *testing.T) {
	_, a, b, id := slowFarm(t, Dialect{}, 4000)
	must(t, a.LoseTracking(ctx, me, id))
	must(t, a.ResumeReplication(ctx, me, id, true))
	_, err := b.StartFailover(ctx, me, id, Failover{})
	must(t, err)
	eventually(t, "the primary gave up", func() bool { return a.mustVM(id).State == stateResync })
	if s := b.mustVM(id).State; s != stateFailedOver {
		t.Errorf("the replica is %s", s)
	}
}

// A first copy takes as long as the disks are big, compares where the dialect
// says so, survives a cut line, and can be stopped.
func TestInitialReplicationOverTheLine(t *testing.T) {
	took := map[bool]time.Duration{}
	for _, compares := range []bool{false, true} {
		f, a, b, id := slowFarm(t, Dialect{InitialCompares: compares}, 4000)
		f.mu.Lock()
		took[compares] = a.byID[id].newTransfer(true, compares).takes
		for c, state := range map[*copyState]string{a.byID[id]: stateReady, b.byID[id]: stateWaits} {
			c.setState(state, "test")
		}
		b.byID[id].seed = true // it holds data of this VM
		f.mu.Unlock()
		must(t, a.StartInitialReplication(ctx, me, id))
		r := a.mustVM(id).Relations[0]
		if full := uint64(gb(2000)); (r.InitialBytes == full) == compares || r.PendingBytes > r.InitialBytes {
			t.Errorf("compares %v: %d of %d bytes are left", compares, r.PendingBytes, r.InitialBytes)
		}
		f.Cut("HV-B", "test")
		eventually(t, "it stands still", func() bool { return a.mustVM(id).State == stateError })
		f.Join("HV-B", "test")
		must(t, a.ResumeReplication(ctx, me, id, false))
		if s := a.mustVM(id).State; s != stateInitial {
			t.Fatalf("resumed it is %s", s)
		}
		must(t, a.StopInitialReplication(ctx, me, id))
		refused(t, a.StopInitialReplication(ctx, me, id), "InvalidState")
		if s := a.mustVM(id).State; s != stateReady {
			t.Errorf("stopped it is %s", s)
		}
	}
	if took[true]*2 > took[false] || took[false] < 30*time.Minute {
		t.Errorf("a full copy takes %s, a comparison %s", took[false], took[true])
	}
}
