package hypervisor

import "testing"

// New equipment becomes a replica server step by step; at every step less is
// refused, until a VM can be protected there.
func TestNewEquipmentBecomesAReplicaServer(t *testing.T) {
	f := newFarm(t, "northgate", Dialect{})
	spare, other := f.Host("NG-HV03"), f.Host("NG-HV02")
	id := idOf(t, f.Host("NG-HV01"), "NG-WSUS01")
	from := f.Host("NG-HV01")
	yes, no, auth, wrong, cert, store := true, false, "Certificate", other.Info().Certificate, spare.Info().Certificate, `D:\Replica`
	refused(t, from.EnableReplication(ctx, me, id, to(from, spare)), "OperationFailed")
	if r := spare.Info().Replica; r.Enabled || r.Thumbprint != "" {
		t.Errorf("the new host is %+v", r)
	}
	refused(t, spare.SetReplicaServer(ctx, me, ReplicaSettings{Enabled: &yes, Auth: &auth}), "InvalidParameter")
	refused(t, spare.SetReplicaServer(ctx, me, ReplicaSettings{Enabled: &yes, Auth: &auth, Thumbprint: &wrong}), "InvalidParameter")
	refused(t, spare.SetReplicaServer(ctx, me, ReplicaSettings{AnyServer: &yes}), "InvalidParameter")
	for range 2 { // a second call changes nothing and is no error
		must(t, spare.SetReplicaServer(ctx, me, ReplicaSettings{Enabled: &yes, Auth: &auth, Thumbprint: &cert, AnyServer: &no}))
	}
	refused(t, from.EnableReplication(ctx, me, id, to(from, spare)), "OperationFailed") // nobody is authorized
	for _, bad := range []Authorization{
		{Primary: "", Storage: store, TrustGroup: "g"}, {Primary: "10.10.10.5", Storage: store, TrustGroup: "g"},
		{Primary: "ng.*.example", Storage: store, TrustGroup: "g"}, {Primary: "ng-hv01.hvr.northgate.example", TrustGroup: "g"},
	} {
		refused(t, spare.AddEntry(ctx, me, bad), "InvalidParameter")
	}
	entry := Authorization{Primary: from.Info().FQDN, Storage: `E:\Store`, TrustGroup: "northgate"}
	must(t, spare.AddEntry(ctx, me, entry))
	refused(t, spare.AddEntry(ctx, me, entry), "OperationFailed")
	must(t, from.EnableReplication(ctx, me, id, to(from, spare)))
	if path := spare.mustVM(id).Disks[0].Path; path[:9] != `E:\Store\` {
		t.Errorf("the replica's disk is at %s", path)
	}
	gone, err := spare.RemoveEntries(ctx, me, func(a Authorization) bool { return a.TrustGroup == "northgate" })
	must(t, err)
	if len(gone) != 1 {
		t.Errorf("removed %v", gone)
	}
	_, err = spare.RemoveEntries(ctx, me, func(Authorization) bool { return true })
	refused(t, err, "ObjectNotFound")
	refused(t, from.StartInitialReplication(ctx, me, id), "OperationFailed") // no longer authorized
	must(t, spare.SetReplicaServer(ctx, me, ReplicaSettings{AnyServer: &yes, Storage: &store}))
	refused(t, spare.AddEntry(ctx, me, entry), "InvalidOperation")
	must(t, from.StartInitialReplication(ctx, me, id))
	n := 0
	for _, e := range f.Ledger(0) {
		if e.What == "authorization" && e.Host == "NG-HV03" {
			n++
		}
	}
	if n != 4 { // enabled, added, removed, any server
		t.Errorf("%d entries of the ledger tell of authorization, want 4", n)
	}
}

// A seed accepts only the server that its entry names.
func TestASeedBelongsToItsEntry(t *testing.T) {
	_, a, b, c := newChain(t, false)
	id := idOf(t, a, "APP1")
	no := false
	must(t, c.SetReplicaServer(ctx, me, ReplicaSettings{AnyServer: &no}))
	must(t, c.AddEntry(ctx, me, Authorization{Primary: "hv-b.pair.example", Storage: `D:\R`, TrustGroup: "t"}))
	must(t, a.RemoveReplication(ctx, me, id, "Simple"))
	must(t, b.RemoveReplication(ctx, me, id, "Simple"))
	must(t, b.EnableReplication(ctx, me, id, to(b, c)))
	must(t, c.RemoveReplication(ctx, me, id, "Simple"))
	refused(t, c.EnableAsReplica(ctx, me, id, ""), "OperationFailed") // no entry for all
	must(t, c.EnableAsReplica(ctx, me, id, "hv-b.pair.example"))
	must(t, c.AddEntry(ctx, me, Authorization{Primary: "hv-a.pair.example", Storage: `D:\R`, TrustGroup: "t"}))
	refused(t, a.EnableReplication(ctx, me, id, to(a, c)), "OperationFailed") // authorized, but not for this VM
	must(t, b.RemoveReplication(ctx, me, id, "Simple"))
	must(t, b.EnableReplication(ctx, me, id, to(b, c)))
}
