package hypervisor

import (
	"testing"
	"time"
)

// run starts a failed over copy where users can reach it.
func run(t *testing.T, h *Host, id string) {
	t.Helper()
	nic := h.mustVM(id).Adapters[0].ID
	must(t, h.ConnectAdapter(ctx, me, id, nic, "vSwitch-B"))
	must(t, h.SetFailoverAddress(ctx, me, id, nic, Adapter{FailoverIP: "10.2.0.20", FailoverMask: "255.255.255.0"}))
	must(t, h.StartVM(ctx, me, id))
}

// A chain: two rows in the middle, one at the end, and data that arrives by
// two cycles of their own.
func TestChain(t *testing.T) {
	f, a, b, c := newChain(t, true)
	id := idOf(t, a, "DB")
	c.shows(t, id, "ExtendedReplica", "Replicating")
	rows := b.mustVM(id).Relations
	if len(rows) != 2 || rows[0].Relationship != "Simple" || rows[1].Relationship != "Extended" || rows[1].Mode != "Replica" ||
		rows[1].ReplicaServer != "hv-c.pair.example" || rows[1].FrequencySec != 300 || len(c.mustVM(id).Relations) != 1 {
		t.Fatalf("the rows in the middle are %+v", rows)
	}
	eventually(t, "data at the end of the chain", func() bool { return writesOf(f, "HV-C", id).Held > 0 })
	if m, e := writesOf(f, "HV-B", id).Held, writesOf(f, "HV-C", id).Held; e > m {
		t.Errorf("the end of the chain has %d writes, the middle %d", e, m)
	}
	refused(t, c.StartVM(ctx, me, id), "OperationFailed")
	refused(t, b.RemoveReplication(ctx, me, id, "Simple"), "InvalidOperation")
	for _, s := range f.State().Copies {
		if s.VM == id && (s.Extended != nil) != (s.Host == "HV-B") {
			t.Errorf("the state of %s shows %v", s.Host, s.Extended)
		}
	}
}

// A dead second leg is seen on the middle only (F25), and heals.
func TestTheSecondLegLagsAlone(t *testing.T) {
	f, a, b, c := newChain(t, true)
	id := idOf(t, a, "DB")
	f.Cut("HV-C", "test")
	leg := func() Relation { return b.mustVM(id).Relations[1] }
	eventually(t, "the second leg is in error", func() bool { return leg().State == "Error" && leg().Health == "Critical" })
	first := b.mustVM(id).Relations[0]
	if first.State != "Replicating" || first.Health != "Normal" || !first.LastReplication.After(leg().LastReplication) {
		t.Errorf("the first leg is %+v, the second %+v", first, leg())
	}
	f.Join("HV-C", "test")
	held := writesOf(f, "HV-C", id).Held
	must(t, b.ResumeExtended(ctx, me, id, false))
	refused(t, b.ResumeExtended(ctx, me, id, false), "InvalidState")
	eventually(t, "it catches up", func() bool { return writesOf(f, "HV-C", id).Held > held })
	must(t, b.SuspendExtended(ctx, me, id))
	refused(t, b.SuspendExtended(ctx, me, id), "InvalidState")
	refused(t, a.SuspendExtended(ctx, me, id), "InvalidOperation")
	c.shows(t, id, "ExtendedReplica", "Replicating")
}

// Planned A->B keeping C (model 5.8): reverse is refused while the chain
// stands, -Continue makes the middle the primary of C, A stays prepared.
func TestPlannedFailoverKeepsTheThirdCopy(t *testing.T) {
	f, a, b, c := newChain(t, true)
	id := idOf(t, a, "DB")
	refused(t, b.ContinueExtended(ctx, me, id, false), "InvalidState")
	must(t, a.StopVM(ctx, me, id, StopHow{Force: true}))
	_, err := a.StartFailover(ctx, me, id, Failover{Prepare: true})
	must(t, err)
	_, err = b.StartFailover(ctx, me, id, Failover{})
	must(t, err)
	run(t, b, id)
	sent := b.mustVM(id).Relations[1].Succeeded
	refused(t, b.Reverse(ctx, me, id, Reverse{Thumbprint: b.Info().Certificate}), "InvalidOperation")
	eventually(t, "two cycles' time", func() bool { return f.Now().Sub(b.mustVM(id).Relations[1].LastReplication) > 11*time.Minute })
	if now := b.mustVM(id).Relations[1].Succeeded; now != sent {
		t.Errorf("a failed over copy went on sending: %d, then %d", sent, now)
	}
	must(t, b.ContinueExtended(ctx, me, id, false))
	refused(t, b.ContinueExtended(ctx, me, id, false), "InvalidState")
	b.shows(t, id, "Primary", "Replicating")
	c.shows(t, id, "Replica", "Replicating")
	a.shows(t, id, "Primary", "PreparedForFailover")
	refused(t, a.StartVM(ctx, me, id), "OperationFailed")
	if rows := b.mustVM(id).Relations; len(rows) != 1 || rows[0].ReplicaServer != "hv-c.pair.example" || rows[0].FrequencySec != 300 {
		t.Errorf("the middle shows %+v", rows)
	}
	held := writesOf(f, "HV-B", id).Held
	eventually(t, "the middle sends", func() bool { return writesOf(f, "HV-C", id).Held > held })
	if w := writesOf(f, "HV-B", id); w.Missing != 0 || len(f.Violations()) > 0 {
		t.Errorf("writes %+v, violations %v", w, f.Violations())
	}
	must(t, a.RemoveReplication(ctx, me, id, "Simple")) // the old primary, last
}

// A third copy that is out of reach turns with the first log that comes.
func TestContinueWithoutTheThirdHost(t *testing.T) {
	f, a, b, c := newChain(t, true)
	id := idOf(t, a, "DB")
	f.Crash("HV-A", "test")
	f.Cut("HV-C", "test")
	_, err := b.StartFailover(ctx, me, id, Failover{})
	must(t, err)
	must(t, b.CompleteFailover(ctx, me, id))
	must(t, b.ContinueExtended(ctx, me, id, false))
	c.shows(t, id, "ExtendedReplica", "Replicating")
	f.Join("HV-C", "test")
	c.becomes(t, id, "Replica", "Replicating")
	b.shows(t, id, "Primary", "Replicating")
}

// With -Resynchronize the third copy is compared first, and loses its points.
func TestContinueAndResynchronize(t *testing.T) {
	_, a, b, c := newChain(t, true)
	id := idOf(t, a, "DB")
	eventually(t, "a recovery point at the end", func() bool { return len(c.mustVM(id).Points) > 0 })
	_, err := b.StartFailover(ctx, me, id, Failover{})
	must(t, err)
	must(t, b.ContinueExtended(ctx, me, id, true))
	b.shows(t, id, "Primary", "Resynchronizing")
	b.becomes(t, id, "Primary", "Replicating")
	c.shows(t, id, "Replica", "Replicating")
}

// A and B lost: the third copy is failed over, and two running copies count
// wherever they are.
func TestFailoverOfTheThirdCopy(t *testing.T) {
	f, a, b, c := newChain(t, true)
	id := idOf(t, a, "DB")
	_, err := c.StartFailover(ctx, me, id, Failover{})
	must(t, err)
	_, err = c.StartFailover(ctx, me, id, Failover{})
	refused(t, err, "InvalidState")
	must(t, c.StopFailover(ctx, me, id))
	c.shows(t, id, "ExtendedReplica", "Replicating")
	_, err = c.StartFailover(ctx, me, id, Failover{})
	must(t, err)
	run(t, c, id)
	if len(f.Violations()) != 1 {
		t.Errorf("the primary runs and so does the third copy: %v", f.Violations())
	}
	must(t, c.CompleteFailover(ctx, me, id))
	c.shows(t, id, "ExtendedReplica", "FailedOver")
	f.Crash("HV-A", "test")
	// Home from there: the middle lets go of both and receives.
	refused(t, b.SetAsReplica(ctx, me, id, "*"), "InvalidState")
	must(t, b.RemoveReplication(ctx, me, id, "Extended"))
	refused(t, b.RemoveReplication(ctx, me, id, "Extended"), "InvalidOperation")
	must(t, b.SetAsReplica(ctx, me, id, "*"))
	must(t, c.Reverse(ctx, me, id, Reverse{ReplicaServer: "hv-b.pair.example", Thumbprint: c.Info().Certificate}))
	must(t, c.StartInitialReplication(ctx, me, id))
	b.becomes(t, id, "Replica", "Replicating")
	c.shows(t, id, "Primary", "Replicating")
}

// A chain is made and unmade: the end keeps its side until somebody removes it
// there too.
func TestExtendAndLetGo(t *testing.T) {
	f, a, b, c := newChain(t, false)
	id := idOf(t, a, "DB") // every 30 seconds
	how := to(b, c)
	for name, spoil := range map[string]func(*Enable){
		"30 seconds": func(e *Enable) { e.FrequencySec = 30 }, "VSS": func(e *Enable) { e.RecoveryHistory, e.VSSFrequencyHour = 2, 1 },
		"disks": func(e *Enable) { e.Excluded = []string{b.mustVM(id).Disks[0].Path} },
	} {
		t.Run(name, func(t *testing.T) {
			bad := how
			spoil(&bad)
			refused(t, b.EnableReplication(ctx, me, id, bad), "InvalidParameter")
		})
	}
	refused(t, b.EnableReplication(ctx, me, id, to(b, a)), "OperationFailed") // back to the primary
	must(t, b.EnableReplication(ctx, me, id, how))
	refused(t, b.EnableReplication(ctx, me, id, how), "InvalidOperation")
	c.shows(t, id, "ExtendedReplica", "WaitingForInitialReplication")
	refused(t, c.EnableReplication(ctx, me, id, to(c, a)), "InvalidOperation") // no fourth
	must(t, b.StartInitialReplication(ctx, me, id))
	refused(t, b.StartInitialReplication(ctx, me, id), "InvalidState")
	must(t, b.StopInitialReplication(ctx, me, id))
	must(t, b.StartInitialReplication(ctx, me, id))
	c.becomes(t, id, "ExtendedReplica", "Replicating")
	must(t, b.RemoveReplication(ctx, me, id, "Extended"))
	if len(b.mustVM(id).Relations) != 1 {
		t.Error("the middle still shows two rows")
	}
	c.shows(t, id, "ExtendedReplica", "Replicating") // one-sided
	last := c.mustVM(id).Relations[0].LastReplication
	eventually(t, "some cycles", func() bool { return f.Now().Sub(last) > 20*time.Minute })
	if now := c.mustVM(id).Relations[0].LastReplication; now.After(last) {
		t.Error("the end still receives")
	}
	must(t, c.RemoveReplication(ctx, me, id, "Simple"))
	must(t, c.EnableAsReplica(ctx, me, id, ""))
	must(t, b.EnableReplication(ctx, me, id, how))
	must(t, b.StartInitialFromSeed(ctx, me, id))
	c.becomes(t, id, "ExtendedReplica", "Replicating")
}

// An export serves the second leg as well.
func TestExportToTheThirdCopy(t *testing.T) {
	_, a, b, c := newChain(t, false)
	id := idOf(t, a, "DB")
	must(t, b.EnableReplication(ctx, me, id, to(b, c)))
	must(t, b.ExportInitial(ctx, me, id, `E:\IR`))
	eventually(t, "the export", func() bool { return b.mustVM(id).Relations[1].State == "Replicating" })
	must(t, c.ImportInitial(ctx, me, id, `F:\DB_`+id))
	c.shows(t, id, "ExtendedReplica", "Replicating")
}
