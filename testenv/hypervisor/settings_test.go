package hypervisor

import (
	"testing"
)

func number(n int) *int { return &n }

// Settings belong to the primary; the replica follows, and loses the points that
// are no longer kept.
func TestSettingsOfThePrimary(t *testing.T) {
	f := newFarm(t, "../e2e/testdata/pair-tests.yaml", Dialect{})
	a, b := f.Host("HV-A"), f.Host("HV-B")
	id := idOf(t, a, "DB")
	before := len(b.mustVM(id).Points)
	if before < 3 {
		t.Fatalf("the replica has %d points", before)
	}
	no := false
	must(t, a.SetReplication(ctx, me, id, Settings{FrequencySec: number(900), RecoveryHistory: number(1), VSSFrequencyHour: number(4), Compression: &no}))
	for _, h := range []*Host{a, b} {
		r := h.mustVM(id).Relations[0]
		if r.FrequencySec != 900 || r.RecoveryHistory != 1 || r.VSSFrequencyHour != 4 || r.Compression {
			t.Errorf("%s shows %+v", h.Name(), r)
		}
	}
	if n := len(b.mustVM(id).Points); n != 2 {
		t.Errorf("%d points are left, want one and the newest", n)
	}
	must(t, a.SetReplication(ctx, me, id, Settings{RecoveryHistory: number(8)}))
	if n := len(b.mustVM(id).Points); n != 2 {
		t.Errorf("%d points after more are kept: none comes back", n)
	}

	refused(t, b.SetReplication(ctx, me, id, Settings{RecoveryHistory: number(8)}), "InvalidOperation")
	for what, how := range map[string]Settings{
		"a frequency that there is not":       {FrequencySec: number(60)},
		"too many points":                     {RecoveryHistory: number(25)},
		"consistent points without a history": {RecoveryHistory: number(0)},
		"no disk at all":                      {Replicated: []string{}},
		"a disk of somebody else":             {Replicated: []string{`D:\nobody.vhdx`}},
	} {
		if err := a.SetReplication(ctx, me, id, how); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
	refused(t, a.SetReplication(ctx, me, id, Settings{Auth: "Kerberos"}), "OperationFailed")
	refused(t, a.SetReplication(ctx, me, id, Settings{Thumbprint: "0000"}), "OperationFailed")
	refused(t, a.SetReplication(ctx, me, id, Settings{Port: 8443}), "OperationFailed")
}

// A replica that is out of reach learns of changed settings with the next log.
func TestSettingsReachTheReplicaLater(t *testing.T) {
	f := newFarm(t, "pair", Dialect{})
	a, b := f.Host("HV-A"), f.Host("HV-B")
	id := idOf(t, a, "DB")
	f.Cut("HV-B", "test")
	must(t, a.SetReplication(ctx, me, id, Settings{RecoveryHistory: number(1)}))
	if r := b.mustVM(id).Relations[0]; r.RecoveryHistory == 1 {
		t.Error("a host that is cut off knows")
	}
	f.Join("HV-B", "test")
	eventually(t, "the replica keeps one point", func() bool { return b.mustVM(id).Relations[0].RecoveryHistory == 1 })
}

// A changed set of disks is sent while nothing else is; a failover in between
// leaves the primary in error, a line that is cut too.
func TestTheSetOfDisksChanges(t *testing.T) {
	f := newFarm(t, "pair", Dialect{})
	a, b := f.Host("HV-A"), f.Host("HV-B")
	id := idOf(t, a, "DB")
	must(t, a.AddDisk(ctx, me, id))
	all := make([]string, 0)
	for _, d := range a.mustVM(id).Disks {
		all = append(all, d.Path)
	}
	disks := len(b.mustVM(id).Disks)
	must(t, a.SetReplication(ctx, me, id, Settings{Replicated: all}))
	a.shows(t, id, "Primary", "WaitingForUpdateCompletion")
	b.shows(t, id, "Replica", "WaitingForUpdateCompletion")
	refused(t, a.SetReplication(ctx, me, id, Settings{Replicated: all[:1]}), "InvalidState")
	a.becomes(t, id, "Primary", "Replicating")
	if n := len(b.mustVM(id).Disks); n != disks+1 {
		t.Errorf("the replica has %d disks, had %d", n, disks)
	}

	must(t, a.SetReplication(ctx, me, id, Settings{Replicated: all[:disks]}))
	f.Cut("HV-B", "test")
	a.becomes(t, id, "Primary", "UpdateError")
	refused(t, a.SuspendReplication(ctx, me, id), "InvalidState")
	f.Join("HV-B", "test")
	must(t, a.ResumeReplication(ctx, me, id, false))
	a.becomes(t, id, "Primary", "Replicating")
	if n := len(b.mustVM(id).Disks); n != disks {
		t.Errorf("the replica has %d disks, want %d", n, disks)
	}

	must(t, a.SetReplication(ctx, me, id, Settings{Replicated: all}))
	must(t, a.StopReplication(ctx, me, id))
	a.shows(t, id, "Primary", "WaitingForStartResynchronize")
	b.shows(t, id, "Replica", "Replicating")
}

// In the middle of a chain settings are those of the third copy, which goes no
// more often than it does; in the other reading they are the middle's own.
func TestSettingsInTheMiddle(t *testing.T) {
	f, a, b, c := newChain(t, true)
	id := idOf(t, a, "DB")
	must(t, b.SetReplication(ctx, me, id, Settings{FrequencySec: number(900), RecoveryHistory: number(1)}))
	rows := b.mustVM(id).Relations
	if rows[1].FrequencySec != 900 || rows[1].RecoveryHistory != 1 || rows[0].FrequencySec == 900 || c.mustVM(id).Relations[0].FrequencySec != 900 {
		t.Errorf("the middle shows %+v", rows)
	}
	refused(t, b.SetReplication(ctx, me, id, Settings{FrequencySec: number(300)}), "InvalidParameter")
	refused(t, b.SetReplication(ctx, me, id, Settings{VSSFrequencyHour: number(2)}), "InvalidParameter")
	refused(t, b.SetReplication(ctx, me, id, Settings{Replicated: []string{"x"}}), "InvalidParameter")
	refused(t, c.SetReplication(ctx, me, id, Settings{RecoveryHistory: number(3)}), "InvalidOperation")

	f.mu.Lock()
	f.opts.Dialect.MiddleSetsFirst = true
	f.mu.Unlock()
	must(t, b.SetReplication(ctx, me, id, Settings{RecoveryHistory: number(3)}))
	if rows := b.mustVM(id).Relations; rows[0].RecoveryHistory != 3 || rows[1].RecoveryHistory != 1 {
		t.Errorf("in the other reading the middle shows %+v", rows)
	}
	f.mu.Lock()
	f.opts.Dialect = Dialect{MiddleRefuses: true}
	f.mu.Unlock()
	refused(t, b.SetReplication(ctx, me, id, Settings{RecoveryHistory: number(2)}), "InvalidOperation")
}

// The third copy is compared with the middle; its points go, the first leg's stay.
func TestTheSecondLegIsResynchronized(t *testing.T) {
	f, a, b, c := newChain(t, true)
	id := idOf(t, a, "DB")
	leg := func() string { return b.mustVM(id).Relations[1].State }
	refused(t, b.ResumeExtended(ctx, me, id, true), "InvalidState")
	eventually(t, "the third copy has points", func() bool { return len(c.mustVM(id).Points) > 0 })
	points := len(b.mustVM(id).Points)
	must(t, b.LoseTracking(ctx, me, id))
	a.shows(t, id, "Primary", "Replicating")
	refused(t, b.ResumeExtended(ctx, me, id, false), "InvalidState")
	must(t, b.ResumeExtended(ctx, me, id, true))
	if leg() != "Resynchronizing" || c.mustVM(id).State != "Resynchronizing" {
		t.Errorf("the leg is %s, the third copy %s", leg(), c.mustVM(id).State)
	}
	b.shows(t, id, "Replica", "Replicating")
	eventually(t, "it replicates on", func() bool { return leg() == "Replicating" && c.mustVM(id).State == "Replicating" })
	if n := len(b.mustVM(id).Points); n < points {
		t.Errorf("the second copy lost points: %d of %d", n, points)
	}

	must(t, b.LoseTracking(ctx, me, id))
	must(t, b.ResumeExtended(ctx, me, id, true))
	f.Cut("HV-C", "test")
	eventually(t, "it must be begun again", func() bool { return leg() == "WaitingForStartResynchronize" })
	c.shows(t, id, "ExtendedReplica", "Replicating")
}
