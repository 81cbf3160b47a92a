package hypervisor

import (
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/environment"
)

// newChain is the shipped "pair" with a third host at b and the given changes.
// APP2 is not protected; DB goes on to HV-C when extended.
func newChain(t *testing.T, extended bool) (f *Farm, a, b, c *Host) {
	t.Helper()
	env, err := environment.Load("pair")
	if err != nil {
		t.Fatal(err)
	}
	third := env.Hosts[1]
	third.Name, third.FQDN, third.IP = "HV-C", "hv-c.pair.example", "10.2.0.6"
	env.Hosts = append(env.Hosts, third)
	env.VMs[2].Replicate = nil
	if extended {
		r := *env.VMs[0].Replicate
		r.Extend = &environment.Extend{To: "HV-C", Frequency: 5 * time.Minute, Points: 2}
		env.VMs[0].Replicate = &r
	}
	if f, err = New(env, Options{Seed: 7, Speed: 600}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f, f.Host("HV-A"), f.Host("HV-B"), f.Host("HV-C")
}

// to is a plain way to enable replication from one host to another.
func to(from, target *Host) Enable {
	return Enable{ReplicaServer: target.Info().FQDN, Port: 443, Auth: "Certificate", Thumbprint: from.Info().Certificate}
}

func (h *Host) shows(t *testing.T, id, mode, state string) {
	t.Helper()
	if vm, _ := h.VM(id); vm.Mode != mode || vm.State != state {
		t.Errorf("on %s the copy is %s/%s, want %s/%s", h.Name(), vm.Mode, vm.State, mode, state)
	}
}

func (h *Host) becomes(t *testing.T, id, mode, state string) {
	t.Helper()
	eventually(t, h.Name()+" is "+mode+"/"+state, func() bool { vm, _ := h.VM(id); return vm.Mode == mode && vm.State == state })
}

// Row 1: what is asked of the replica server, what both sides are afterwards,
// and that a refusal leaves nothing behind.
func TestEnable(t *testing.T) {
	f, a, b, _ := newChain(t, false)
	id := idOf(t, a, "APP2")
	path := a.mustVM(id).Disks[0].Path
	for name, spoil := range map[string]struct {
		kind string
		do   func(*Enable)
	}{
		"an address":         {"InvalidParameter", func(e *Enable) { e.ReplicaServer = "10.2.0.5" }},
		"no such server":     {"OperationFailed", func(e *Enable) { e.ReplicaServer = "nobody.pair.example" }},
		"itself":             {"OperationFailed", func(e *Enable) { e.ReplicaServer = "hv-a.pair.example" }},
		"the wrong port":     {"OperationFailed", func(e *Enable) { e.Port = 80 }},
		"Kerberos":           {"OperationFailed", func(e *Enable) { e.Auth, e.Port = "Kerberos", 80 }},
		"no certificate":     {"InvalidParameter", func(e *Enable) { e.Thumbprint = "" }},
		"a foreign one":      {"OperationFailed", func(e *Enable) { e.Thumbprint = b.Info().Certificate }},
		"every minute":       {"InvalidParameter", func(e *Enable) { e.FrequencySec = 60 }},
		"25 points":          {"InvalidParameter", func(e *Enable) { e.RecoveryHistory = 25 }},
		"VSS without points": {"InvalidParameter", func(e *Enable) { e.VSSFrequencyHour = 1 }},
		"no disk left":       {"InvalidParameter", func(e *Enable) { e.Excluded = []string{path} }},
		"an unknown disk":    {"InvalidParameter", func(e *Enable) { e.Excluded = []string{`D:\x.vhdx`} }},
	} {
		t.Run(name, func(t *testing.T) {
			how := to(a, b)
			spoil.do(&how)
			refused(t, a.EnableReplication(ctx, me, id, how), spoil.kind)
		})
	}
	f.Cut("HV-B", "test")
	refused(t, a.EnableReplication(ctx, me, id, to(a, b)), "OperationFailed")
	f.Join("HV-B", "test")
	a.shows(t, id, "None", "Disabled")
	if _, there := b.VM(id); there {
		t.Fatal("a refused call left a copy")
	}

	how := to(a, b)
	how.FrequencySec, how.RecoveryHistory, how.VSSFrequencyHour = 900, 4, 2
	must(t, a.EnableReplication(ctx, me, id, how))
	a.shows(t, id, "Primary", "ReadyForInitialReplication")
	b.shows(t, id, "Replica", "WaitingForInitialReplication")
	if vm := b.mustVM(id); vm.Power != "Off" || vm.Adapters[0].Switch != "" || len(vm.Disks) != 1 || vm.Disks[0].Path == path {
		t.Errorf("the replica is %+v", vm)
	}
	if r := a.mustVM(id).Relations[0]; r.FrequencySec != 900 || r.RecoveryHistory != 4 || r.VSSFrequencyHour != 2 || r.ReplicaServer != "hv-b.pair.example" {
		t.Errorf("the relation is %+v", r)
	}
	refused(t, a.EnableReplication(ctx, me, id, how), "InvalidOperation")
	must(t, a.StartInitialReplication(ctx, me, id))
	a.becomes(t, id, "Primary", "Replicating")
	b.shows(t, id, "Replica", "Replicating")
	if w := writesOf(f, "HV-B", id); w.Held == 0 {
		t.Error("the first copy brought nothing")
	}
}

// A leftover on the target is refused; as a seed it is compared and brought up
// to date (rows 2 and 3; failure 32).
func TestSeed(t *testing.T) {
	f, a, b, _ := newChain(t, false)
	id := idOf(t, a, "APP1")
	eventually(t, "users write", func() bool { return writesOf(f, "HV-A", id).Held > 5 })
	must(t, a.RemoveReplication(ctx, me, id, "Simple"))
	refused(t, a.RemoveReplication(ctx, me, id, "Simple"), "InvalidOperation")
	refused(t, b.EnableAsReplica(ctx, me, id, ""), "InvalidOperation") // one-sided: still a replica
	must(t, b.RemoveReplication(ctx, me, id, "Simple"))
	refused(t, a.EnableReplication(ctx, me, id, to(a, b)), "OperationFailed")
	must(t, b.StartVM(ctx, me, id)) // nothing blocks it now
	refused(t, b.EnableAsReplica(ctx, me, id, ""), "InvalidState")
	refused(t, b.RemoveVM(ctx, me, id), "InvalidState")
	must(t, b.StopVM(ctx, me, id, StopHow{TurnOff: true}))
	must(t, b.EnableAsReplica(ctx, me, id, ""))
	refused(t, b.EnableAsReplica(ctx, me, id, ""), "InvalidOperation")
	b.shows(t, id, "Replica", "WaitingForInitialReplication")
	must(t, a.EnableReplication(ctx, me, id, to(a, b)))
	refused(t, b.StartInitialFromSeed(ctx, me, id), "InvalidState")
	must(t, a.StartInitialFromSeed(ctx, me, id))
	refused(t, a.StartInitialFromSeed(ctx, me, id), "InvalidState")
	must(t, a.StopInitialReplication(ctx, me, id))
	refused(t, a.StopInitialReplication(ctx, me, id), "InvalidState")
	must(t, a.StartInitialFromSeed(ctx, me, id))
	a.becomes(t, id, "Primary", "Replicating")
	b.shows(t, id, "Replica", "Replicating")
	if v := f.Violations(); len(v) > 0 {
		t.Errorf("an unconnected copy is no second one: %v", v)
	}
}

// A first copy may be put off for up to seven days; its VM stays ready for it, and
// begins by itself (row 3, scheduled).
func TestAFirstCopyBeginsAtItsTime(t *testing.T) {
	f, a, b, _ := newChain(t, false)
	id := idOf(t, a, "APP2")
	refused(t, a.ScheduleInitial(ctx, me, id, f.Now().Add(time.Hour)), "InvalidState")
	must(t, a.EnableReplication(ctx, me, id, to(a, b)))
	refused(t, a.ScheduleInitial(ctx, me, id, f.Now().Add(-time.Second)), "InvalidParameter")
	refused(t, a.ScheduleInitial(ctx, me, id, f.Now().Add(8*24*time.Hour)), "InvalidParameter")
	at := f.Now().Add(time.Hour)
	must(t, a.ScheduleInitial(ctx, me, id, at))
	a.shows(t, id, "Primary", "ReadyForInitialReplication")
	if r := a.mustVM(id).Relations[0]; !r.InitialStart.Equal(at) {
		t.Errorf("it begins %s, want %s", r.InitialStart, at)
	}
	a.becomes(t, id, "Primary", "Replicating")
	b.shows(t, id, "Replica", "Replicating")
	if r := a.mustVM(id).Relations[0]; f.Now().Before(at) || !r.InitialStart.IsZero() {
		t.Errorf("at %s its moment is %s", f.Now(), r.InitialStart)
	}
}

// A copy that the replica server made itself is no seed.
func TestNoSeedToCompareWith(t *testing.T) {
	_, a, b, _ := newChain(t, false)
	id := idOf(t, a, "APP2")
	must(t, a.EnableReplication(ctx, me, id, to(a, b)))
	refused(t, a.StartInitialFromSeed(ctx, me, id), "OperationFailed")
}

// Rows 3b and 5: changes go on to the placeholder while the medium travels and
// are there after the import.
func TestExportAndImport(t *testing.T) {
	f, a, b, _ := newChain(t, false)
	id := idOf(t, a, "APP2")
	must(t, a.EnableReplication(ctx, me, id, to(a, b)))
	refused(t, a.ExportInitial(ctx, me, id, " "), "InvalidParameter")
	must(t, a.ExportInitial(ctx, me, id, `E:\IR`))
	folder := `F:\carried\APP2_` + id
	refused(t, b.ImportInitial(ctx, me, id, folder), "ObjectNotFound")
	a.becomes(t, id, "Primary", "Replicating")
	b.shows(t, id, "Replica", "WaitingForInitialReplication")
	refused(t, a.ExportInitial(ctx, me, id, `E:\IR`), "InvalidState")
	refused(t, a.StopInitialReplication(ctx, me, id), "InvalidState")
	exported := writesOf(f, "HV-A", id).Held
	before := a.mustVM(id).Relations[0].Succeeded
	eventually(t, "a cycle to the placeholder", func() bool { return a.mustVM(id).Relations[0].Succeeded > before })
	_, err := b.StartFailover(ctx, me, id, Failover{})
	refused(t, err, "InvalidState") // nothing has arrived yet
	refused(t, b.ImportInitial(ctx, me, id, `F:\carried\other`), "ObjectNotFound")
	must(t, b.ImportInitial(ctx, me, id, folder+`\`))
	b.shows(t, id, "Replica", "Replicating")
	refused(t, b.ImportInitial(ctx, me, id, folder), "InvalidState")
	if w := writesOf(f, "HV-B", id); w.Held < exported {
		t.Errorf("the import holds %d writes, %d were made when the export ended", w.Held, exported)
	}
}

func TestRemoveVM(t *testing.T) {
	f, a, b, _ := newChain(t, false)
	id := idOf(t, a, "DB")
	refused(t, b.RemoveVM(ctx, me, id), "InvalidState")
	must(t, b.RemoveReplication(ctx, me, id, "Simple"))
	must(t, b.RemoveVM(ctx, me, id))
	refused(t, b.RemoveVM(ctx, me, id), "InvalidParameter")
	if _, there := b.VM(id); there {
		t.Error("the VM is still there")
	}
	found := false
	for _, e := range f.Ledger(0) {
		found = found || e.Host == "HV-B" && e.VM == id && e.What == "vm" && e.To == "removed" && e.By == "test"
	}
	if !found {
		t.Error("the ledger does not say so")
	}
	a.becomes(t, id, "Primary", "Error") // one-sided
	must(t, a.RemoveReplication(ctx, me, id, "Simple"))
	must(t, a.EnableReplication(ctx, me, id, to(a, b))) // there is room again
}
