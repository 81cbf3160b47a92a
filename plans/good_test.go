package plans

import (
	"slices"
	"strings"
	"testing"
)

// of makes a copy from "power/mode/state"; "" is out of reach, "-" missing.
func of(host, text string) Copy {
	c := Copy{Host: host}
	if text == "" {
		return c
	}
	c.Reached = true
	if parts := strings.Split(text, "/"); len(parts) == 3 {
		c.Exists, c.Power, c.Mode, c.State = true, parts[0], parts[1], parts[2]
	}
	return c
}

func TestTheGoodCopyIsNamedOnlyWhereThePairProvesIt(t *testing.T) {
	const (
		running  = "Running/Primary/Replicating"
		off      = "Off/Primary/Replicating"
		prepared = "Off/Primary/PreparedForFailover"
		replica  = "Off/Replica/Replicating"
		failed   = "Off/Replica/FailedOverWaitingCompletion"
		failedOn = "Running/Replica/FailedOverWaitingCompletion"
		commit   = "Off/Replica/FailedOver"
	)
	for _, row := range []struct {
		s, t, failover string
		want           Side
		changed, lost  bool
	}{
		{running, replica, "", Source, false, false},
		{off, replica, "", Source, true, false},
		{"Saved/Primary/Replicating", replica, "", Source, false, false},
		{prepared, replica, "", Source, true, false},
		{"Running/Primary/Error", "Off/Replica/Error", "", Source, false, false},
		{"Running/None/Disabled", replica, "", Source, false, false},
		{prepared, failed, "Planned", Target, true, false},
		{prepared, failed, "Regular", Source, true, false},
		{prepared, failedOn, "", Target, true, false},
		{prepared, commit, "Planned", Target, true, true},
		{off, failed, "Planned", "", true, false},
		{off, commit, "", "", true, true},
		{replica, running, "", Target, true, true},
		{replica, "Saved/Primary/Replicating", "", Target, true, true},
		{replica, prepared, "", Target, true, true},
		{replica, "Running/Primary/Suspended", "", Target, true, true},
		{prepared, running, "", Target, true, true},
		{"-", running, "", Target, true, true},
		{"-", replica, "", Target, false, false},
		{running, "-", "", Source, false, false},
		{"-", "-", "", "", false, false},
		{off, off, "", "", true, true},
		{running, running, "", "", true, true},
		{running, failedOn, "", "", true, false},
		{replica, replica, "", "", false, false},
		{"", running, "", "", true, true},
		{prepared, "", "", "", true, false},
		{running, "Off/None/Disabled", "", Source, false, false},
	} {
		s, c := of("A", row.s), of("B", row.t)
		c.FailoverType = row.failover
		d := Next(forward(ReverseOnCommit), s, c)
		if d.Kind != Act && d.Good != row.want || goodSide(forward(ReverseOnCommit), s, c) != row.want {
			t.Errorf("%q beside %q: good is %q, want %q (%s)", row.s, row.t, d.Good, row.want, d.Why)
		}
		if d.Changed != row.changed || d.NoWayBack != row.lost {
			t.Errorf("%q beside %q: changed %v, no way back %v; want %v, %v", row.s, row.t, d.Changed, d.NoWayBack, row.changed, row.lost)
		}
	}
}

func TestASavedCopyIsDangerousAndNotCalledRunning(t *testing.T) {
	saved := Next(forward(ReverseAfterGates), of("A", "Saved/Primary/Replicating"), of("B", "Running/Replica/FailedOverWaitingCompletion"))
	both := Next(forward(ReverseAfterGates), of("A", "Running/Primary/Error"), of("B", "Running/Replica/FailedOverWaitingCompletion"))
	if saved.Kind != UnknownPair || !strings.Contains(saved.Why, "both copies hold a running or a saved state") {
		t.Errorf("saved beside running: %s, %s", saved.Kind, saved.Why)
	}
	if both.Kind != UnknownPair || !strings.Contains(both.Why, "both copies run") {
		t.Errorf("running beside running: %s, %s", both.Kind, both.Why)
	}
}

func TestTheNetworkIsReadyBeforeTheStart(t *testing.T) {
	start := forward(ReverseOnCommit)
	start.UpTo = PhaseStart
	for _, row := range []struct{ s, t string }{
		{"Off/Primary/PreparedForFailover", "Off/Replica/FailedOverWaitingCompletion"},
		{"Off/Replica/Replicating", "Off/Primary/Replicating"},
	} {
		s, c := of("A", row.s), of("B", row.t)
		c.Adapters = []Adapter{{Name: "net"}}
		if d := Next(start, s, c); d.Verb != VerbSetNetwork || d.Phase != PhaseStart {
			t.Errorf("%s unconnected: %s %s in %s", row.t, d.Kind, d.Verb, d.Phase)
		}
		c.Adapters[0] = Adapter{Name: "NET", Switch: wantedNIC.Switch, FailoverIP: wantedNIC.IP, FailoverMask: wantedNIC.Mask, FailoverGateway: wantedNIC.Gateway}
		if d := Next(start, s, c); d.Verb != VerbStart {
			t.Errorf("%s connected: %s %s: %s", row.t, d.Kind, d.Verb, d.Why)
		}
		c.Adapters = []Adapter{{Name: "one"}, {Name: "two"}}
		if d := Next(start, s, c); d.Kind != Refuse || !strings.Contains(d.Why, `"net"`) || d.Remedy == "" {
			t.Errorf("%s without the adapter: %s %s: %s", row.t, d.Kind, d.Verb, d.Why)
		}
	}
}

func TestANICWithoutAnAdaptersNameMeansTheOnlyOne(t *testing.T) {
	want := []WantedNIC{{Switch: "LAN"}}
	if !networkReady([]Adapter{{Name: "any", Switch: "LAN"}}, want) {
		t.Error("the only adapter is not taken")
	}
	if _, missing := adapterMissing([]Adapter{{}, {}}, want); !missing {
		t.Error("one of two adapters was guessed")
	}
	if networkReady([]Adapter{{Name: "any", Switch: "another"}}, want) || networkReady(nil, want) {
		t.Error("another switch, or no adapter, passes for ready")
	}
	inject := []WantedNIC{{Switch: "LAN", IP: "10.2.0.5", Inject: true, DNS: []string{"10.2.0.1"}}}
	have := []Adapter{{Switch: "LAN", FailoverIP: "10.2.0.5"}}
	if networkReady(have, inject) || !connected(have, inject) {
		t.Error("a missing DNS server must make the addresses unready, and only them")
	}
	inject[0].Inject = false
	if !networkReady(have, inject) {
		t.Error("a guest that sets its own address needs no injection")
	}
}

func TestPhasesAreInTheOrderOfThePolicy(t *testing.T) {
	if got := Phases(Cancel, ReverseAfterGates); !slices.Equal(got, []Phase{PhaseReady, PhaseStart}) {
		t.Errorf("cancel has %v", got)
	}
	before := Phases(PlannedFailover, ReverseBeforeStart)
	if slices.Index(before, PhaseReverse) > slices.Index(before, PhaseStart) {
		t.Errorf("before-start has %v", before)
	}
	after := Phases(PlannedFailover, ReverseAfterGates)
	if slices.Index(after, PhaseReverse) < slices.Index(after, PhaseGates) {
		t.Errorf("after-gates has %v", after)
	}
}
