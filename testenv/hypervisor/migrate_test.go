package hypervisor

import "testing"

// A replica moves to another node: its primary goes on sending there, until the
// certificate is missing there; once it is imported replication can be resumed.
func TestAReplicaMovesToAnotherNode(t *testing.T) {
	f, a, b, c := newChain(t, false)
	id := idOf(t, a, "DB")
	refused(t, b.MoveVM(ctx, me, id, "HV-A"), "ObjectNotFound")
	refused(t, a.MoveVM(ctx, me, id, "HV-C"), "ObjectNotFound")
	must(t, b.MoveVM(ctx, me, id, "HV-C"))
	if _, there := b.VM(id); there {
		t.Error("it is still at HV-B")
	}
	c.shows(t, id, "Replica", "Replicating")
	moved := writesOf(f, "HV-C", id).Held
	eventually(t, "writes arrive at the new node", func() bool { return writesOf(f, "HV-C", id).Held > moved })

	if !f.LoseCertificate("HV-C", "test") || c.Info().Certificate != "" {
		t.Fatal("it keeps its certificate")
	}
	eventually(t, "replication fails", func() bool { return a.mustVM(id).State == "Error" })
	f.GainCertificate("HV-C", "test")
	must(t, a.ResumeReplication(ctx, me, id, false))
	a.shows(t, id, "Primary", "Replicating")
}
