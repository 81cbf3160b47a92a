package hypervisor

import (
	"net"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/testenv/environment"
)

// drillFarm is the pair with an isolated switch at b and recovery points.
func drillFarm(t *testing.T, d Dialect) (f *Farm, a, b *Host, id string) {
	t.Helper()
	f = farmOf(t, d, func(env *environment.Environment) {
		env.Hosts[1].Switches = append(env.Hosts[1].Switches, environment.Switch{Name: "vSwitch-TEST", Type: "Private"})
		env.VMs[0].Replicate.Points, env.VMs[0].Replicate.AppConsistentHours = 4, 2
	})
	a, b = f.Host("HV-A"), f.Host("HV-B")
	return f, a, b, idOf(t, a, "DB")
}

// farmOf is the pair, changed.
func farmOf(t *testing.T, d Dialect, change func(*environment.Environment)) *Farm {
	t.Helper()
	env, err := environment.Load("pair")
	if err != nil {
		t.Fatal(err)
	}
	change(env)
	f, err := New(env, Options{Seed: 7, Speed: 600, Dialect: d})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func stateOf(t *testing.T, f *Farm, host, id string) CopyState {
	t.Helper()
	for _, c := range f.State().Copies {
		if c.Host == host && c.VM == id {
			return c
		}
	}
	t.Fatalf("no copy of %s on %s", id, host)
	return CopyState{}
}

func startTest(t *testing.T, b *Host, id, point string) string {
	t.Helper()
	test, err := b.StartFailover(ctx, me, id, Failover{AsTest: true, Point: point})
	must(t, err)
	return test
}

// A drill touches neither the replica nor replication, and leaves nothing, in
// every dialect (rows 13 and 14).
func TestTestFailoverFromStartToCleanUp(t *testing.T) {
	for _, d := range Dialects() {
		t.Run(d.Name, func(t *testing.T) {
			f, _, b, id := drillFarm(t, d)
			must(t, b.SetTestSwitch(ctx, me, id, b.mustVM(id).Adapters[0].ID, "vSwitch-TEST"))
			must(t, b.SetFailoverAddress(ctx, me, id, b.mustVM(id).Adapters[0].ID, Adapter{FailoverIP: "10.2.0.20", FailoverMask: "255.255.255.0"}))
			id2 := startTest(t, b, id, "")
			vm := b.mustVM(id2)
			if id2 == id || vm.Name != "DB - Test" || vm.Mode != "TestReplica" || vm.Power != "Off" || vm.TestOf != id || vm.Adapters[0].Switch != "vSwitch-TEST" {
				t.Fatalf("the test VM is %+v", vm)
			}
			if same := vm.Adapters[0].MAC == b.mustVM(id).Adapters[0].MAC; same != d.TestKeepsMAC {
				t.Errorf("the MAC address is kept: %v", same)
			}
			eventually(t, "the replica names its test VM", func() bool { return b.mustVM(id).TestVM == id2 })
			if b.mustVM(id).Relations[0].LastTestFailover.IsZero() {
				t.Error("LastTestFailoverInitiatedTime is not set")
			}
			_, err := b.StartFailover(ctx, me, id, Failover{AsTest: true})
			refused(t, err, map[bool]string{false: "InvalidState", true: "OperationFailed"}[d.OtherTestRefusal])
			refused(t, b.StopFailover(ctx, me, id2), "InvalidOperation") // on the test VM's own name
			must(t, b.StartVM(ctx, me, id2))
			eventually(t, "the test guest is up", func() bool { return b.mustVM(id2).Heartbeat == "OkApplicationsHealthy" })
			if ips := b.mustVM(id2).Adapters[0].IPs; len(ips) != 1 || ips[0] != "10.2.0.20" {
				t.Errorf("the guest has %v", ips)
			}
			if dials(f, "10.2.0.20:1433") {
				t.Error("a guest on an isolated switch can be reached")
			}
			before := b.mustVM(id).Relations[0].LastReplication
			eventually(t, "replication goes on", func() bool { return b.mustVM(id).Relations[0].LastReplication.After(before) })
			if s := stateOf(t, f, "HV-B", id2); !s.Test || s.Writes.Own != 0 || s.Since == "" {
				t.Errorf("the truth about the test copy is %+v", s)
			}
			must(t, b.StopFailover(ctx, me, id))
			if _, there := b.VM(id2); there || b.mustVM(id).TestVM != "" || b.mustVM(id).State != "Replicating" {
				t.Errorf("left: %v, replica %+v", there, b.mustVM(id))
			}
			refused(t, b.StopFailover(ctx, me, id), "InvalidState") // nothing is left
			if v := f.Violations(); len(v) > 0 {
				t.Error(strings.Join(v, "\n"))
			}
			if again := startTest(t, b, id, ""); again == id2 {
				t.Error("the next test VM has the GUID of the last")
			}
		})
	}
}

func TestTestFailoverWhereItIsRefused(t *testing.T) {
	f, a, b, id := drillFarm(t, Dialect{})
	asTest := Failover{AsTest: true}
	_, err := a.StartFailover(ctx, me, id, asTest)
	refused(t, err, "InvalidParameter") // a primary
	_, err = b.StartFailover(ctx, me, id, Failover{AsTest: true, Point: "no such"})
	refused(t, err, "InvalidParameter")
	must(t, b.FailApply(ctx, me, id))
	_, err = b.StartFailover(ctx, me, id, asTest)
	refused(t, err, "InvalidState") // Error
	must(t, b.ResumeReplication(ctx, me, id, false))
	must(t, b.SuspendReplication(ctx, me, id))
	test := startTest(t, b, id, "") // Suspended will do
	if sw := b.mustVM(test).Adapters[0].Switch; sw != "" {
		t.Errorf("connected to %s without a test switch", sw)
	}
	refused(t, b.SetTestSwitch(ctx, me, id, b.mustVM(id).Adapters[0].ID, "no such"), "ObjectNotFound")
	refused(t, b.RemoveReplication(ctx, me, test, "Simple"), "InvalidOperation")
	refused(t, b.SetAsReplica(ctx, me, test, ""), "InvalidOperation")

	strict, _, b2, id2 := drillFarm(t, Dialect{TestNeedsReplicating: true})
	must(t, b2.SuspendReplication(ctx, me, id2))
	_, err = b2.StartFailover(ctx, me, id2, asTest)
	refused(t, err, "InvalidState")
	if len(f.Violations())+len(strict.Violations()) > 0 {
		t.Error(f.Violations(), strict.Violations())
	}
}

// A test VM holds what its point held, and a cancel of both removes the test VM
// first.
func TestTestFailoverToAPointBesideAFailover(t *testing.T) {
	f, _, b, id := drillFarm(t, Dialect{})
	oldest := b.mustVM(id).Points[0]
	held := stateOf(t, f, "HV-B", id).Points[0].Held
	test := startTest(t, b, id, oldest.ID)
	if w := stateOf(t, f, "HV-B", test).Writes; w.Held != held || w.Committed <= held {
		t.Errorf("the test copy has %+v, its point %d", w, held)
	}
	_, err := b.StartFailover(ctx, me, id, Failover{})
	must(t, err)
	must(t, b.StopFailover(ctx, me, id))
	if _, there := b.VM(test); there || b.mustVM(id).State != stateFailedOver {
		t.Fatalf("the first call left the test VM (%v) and the state %s", there, b.mustVM(id).State)
	}
	must(t, b.StopFailover(ctx, me, id))
	if s := b.mustVM(id).State; s != stateReplicates {
		t.Errorf("after the second call: %s", s)
	}
}

// A test copy where users are is the accident that drills must never be.
func TestTestCopyOnAConnectedNetworkIsRecorded(t *testing.T) {
	f, _, b, id := drillFarm(t, Dialect{})
	test := startTest(t, b, id, "")
	must(t, b.StartVM(ctx, me, test))
	if v := f.Violations(); len(v) > 0 {
		t.Fatalf("unconnected, and yet %v", v)
	}
	must(t, b.ConnectAdapter(ctx, me, test, b.mustVM(test).Adapters[0].ID, "vSwitch-B"))
	if v := f.Violations(); len(v) != 1 || !strings.Contains(v[0], "test copy on a connected network") {
		t.Errorf("recorded: %v", v)
	}
}

func TestTestCopyNeedsMemory(t *testing.T) {
	f := farmOf(t, Dialect{}, func(env *environment.Environment) { env.Hosts[1].MemoryGB = 3 })
	b := f.Host("HV-B")
	id := idOf(t, b, "DB") // 4 GB
	test := startTest(t, b, id, "")
	refused(t, b.StartVM(ctx, me, test), "OutOfMemory")
}

// A gateway on the test network shows a test copy under an address of its own,
// while it runs there; without one, and to users, it is not there.
func TestAGatewayShowsATestCopy(t *testing.T) {
	for _, gateway := range []bool{true, false} {
		f := farmOf(t, Dialects()[0], func(env *environment.Environment) {
			env.Hosts[1].Switches = append(env.Hosts[1].Switches, environment.Switch{Name: "vSwitch-TEST", Type: "Private"})
			site := &env.Networks[0].Sites[1]
			if site.TestSwitch = "vSwitch-TEST"; gateway {
				site.TestSubnet = "172.31.2.0/24"
			}
		})
		b, id := f.Host("HV-B"), idOf(t, f.Host("HV-A"), "DB")
		shown := ""
		for _, a := range f.Addresses() {
			if a.From == "172.31.2.20:1433" {
				shown = a.To
			}
		}
		if (shown != "") != gateway {
			t.Fatalf("gateway %v: shown at %q", gateway, shown)
		}
		if !gateway {
			continue
		}
		answers := func() bool {
			c, err := net.Dial("tcp", shown)
			if err == nil {
				_ = c.Close()
			}
			return err == nil
		}
		if answers() {
			t.Error("it answers, and no test copy is there")
		}
		must(t, b.SetTestSwitch(ctx, me, id, b.mustVM(id).Adapters[0].ID, "vSwitch-TEST"))
		test := startTest(t, b, id, "")
		must(t, b.StartVM(ctx, me, test))
		eventually(t, "the gateway shows it", answers)
		must(t, b.StopFailover(ctx, me, id))
		eventually(t, "it is gone", func() bool { return !answers() })
	}
}
