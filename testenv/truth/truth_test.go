package truth

import (
	"strings"
	"testing"
	"time"
)

var clock = time.Date(2027, 1, 12, 8, 0, 0, 0, time.UTC)

// ledger makes entries "who what@host change", one a second.
func ledger(lines ...string) []Entry {
	var out []Entry
	for i, line := range lines {
		f := strings.Fields(line)
		e := Entry{Seq: uint64(i + 1), At: clock.Add(time.Duration(i) * time.Second), By: f[0], VM: f[1], Host: f[2], What: "call", From: f[3], To: "done"}
		if f[3] == "Running" || f[3] == "Off" {
			e.What, e.From, e.To = "power", "", f[3]
		}
		out = append(out, e)
	}
	return out
}

func TestActs(t *testing.T) {
	no, yes := func(Entry) bool { return false }, func(Entry) bool { return true }
	way := ledger("r1 vm A Stop-VM", "r2 vm A Start-VMFailover", "r3 vm B Start-VMFailover", "r4 vm B Start-VM", "r4 vm B Running", "r5 vm B Set-VMReplication",
		"r6 vm A Start-VMFailover")
	if broken, lost := Acts(way, no); len(broken) > 0 || len(lost) > 0 {
		t.Errorf("a good way: %v %v", broken, lost)
	}
	for name, c := range map[string]struct {
		l    []Entry
		want string
	}{
		"one request twice": {ledger("r1 vm B Start-VM", "r1 vm B Start-VM"), "I8: request r1"},
		"failover repeated": {ledger("r1 vm B Start-VMFailover", "r2 vm B Start-VMFailover"), "I8: Start-VMFailover"},
		"writes given up":   {ledger("r1 vm B Start-VMFailover", "r2 vm B Running", "r3 vm B Stop-VMFailover"), "I2:"},
	} {
		broken, _ := Acts(c.l, no)
		if len(broken) != 1 || !strings.HasPrefix(broken[0], c.want) {
			t.Errorf("%s: %v, want %s", name, broken, c.want)
		}
	}
	broken, lost := Acts(ledger("r1 vm B Start-VMFailover", "r2 vm B Running", "r3 vm B Stop-VMFailover"), yes)
	if len(broken) > 0 || !lost["vm"] {
		t.Errorf("with consent: %v %v", broken, lost)
	}
	if broken, lost := Acts(ledger("r1 vm B Start-VMFailover", "r3 vm B Stop-VMFailover"), no); len(broken) > 0 || len(lost) > 0 {
		t.Errorf("never ran: %v %v", broken, lost)
	}
}

func TestOrder(t *testing.T) {
	members := []Member{{VM: "db", Stage: 0}, {VM: "app", Stage: 1}, {VM: "web", Stage: 1, After: []string{"app"}}}
	target := func(host string) bool { return host == "B" }
	good := ledger("r web A Off", "r app A Off", "r db A Off", "r db B Running", "r app B Running", "r web B Running")
	if broken := Order(good, members, target); len(broken) > 0 {
		t.Errorf("a good way: %v", broken)
	}
	if broken := Order(ledger("r db A Off", "r web A Off", "r db B Running"), members, target); len(broken) != 1 {
		t.Errorf("db off first: %v", broken)
	}
	if broken := Order(ledger("r web B Running", "r app B Running"), members, target); len(broken) != 1 {
		t.Errorf("web before app: %v", broken)
	}
	if broken := Order(ledger("host web B Running", "r app B Running"), members, target); len(broken) != 0 {
		t.Errorf("the host's own start: %v", broken)
	}
}

// wide makes entries "by vm host what from to", one a second; "-" is empty.
func wide(lines ...string) []Entry {
	var out []Entry
	for i, line := range lines {
		f := strings.Fields(line)
		for n := range f {
			f[n] = strings.TrimPrefix(f[n], "-")
		}
		out = append(out, Entry{Seq: uint64(i + 1), At: clock.Add(time.Duration(i) * time.Second), By: f[0], VM: f[1], Host: f[2], What: f[3], From: f[4], To: f[5]})
	}
	return out
}

func TestTestCopiesAreNoFailovers(t *testing.T) {
	l := wide("r1 vm B test - copy", "r1 vm B call Start-VMFailover done")
	l = append(l, ledger("r2 vm B Start-VMFailover", "r2 vm B Running")...)
	l = append(l, wide("r3 vm B test copy -")...)
	l = append(l, ledger("r3 vm B Stop-VMFailover", "r4 vm B Start-VM")...)
	if broken, lost := Acts(l, func(Entry) bool { return false }); len(broken) > 0 || len(lost) > 0 {
		t.Errorf("a test copy beside a failover: %v %v", broken, lost)
	}
	l = append(l, ledger("r5 vm B Stop-VMFailover")...)
	if broken, _ := Acts(l, func(Entry) bool { return false }); len(broken) != 1 || !strings.HasPrefix(broken[0], "I2:") {
		t.Errorf("the failover itself: %v", broken)
	}
}

func TestTwins(t *testing.T) {
	start := []Copy{{VM: "vm", Host: "A", Running: true, Connected: true}, {VM: "vm", Host: "B", Connected: true}}
	yes, no := func(Entry) bool { return true }, func(Entry) bool { return false }
	lost := []string{"fault - A host up down", "fault vm A power Running Off", "r1 vm B power Off Running"}
	for name, c := range map[string]struct {
		lines    []string
		stated   func(Entry) bool
		broken   string
		returned int
		lasts    bool
	}{
		"a planned way":              {[]string{"r1 vm A power Running Off", "r2 vm B power Off Running"}, no, "", 0, false},
		"the engine starts a second": {[]string{"r1 vm B power Off Running"}, no, "I1: request r1", 0, false},
		"stated, and seen":           {[]string{"r1 vm B power Off Running"}, yes, "I1: request r1", 0, false},
		"stated, and cut off":        {[]string{"fault - A link joined cut", "r1 vm B power Off Running"}, yes, "", 1, true},
		"not stated, and cut off":    {[]string{"fault - A link joined cut", "r1 vm B power Off Running"}, no, "I1: request r1", 0, false},
		"a lost host comes back":     {append(lost, "control - A host down up", "host vm A power Off Running", "r2 vm A power Running Off"), no, "", 1, false},
		"and nobody fences it":       {append(lost, "control - A host down up", "host vm A power Off Running"), no, "", 1, true},
		"it comes back without line": {append(lost, "r0 vm A network S -", "control - A host down up", "host vm A power Off Running"), no, "", 0, false},
		"and is connected":           {append(lost, "r0 vm A network S -", "host vm A power Off Running", "r2 vm A network - S"), no, "I1: request r2", 0, false},
		"it was seen before": {[]string{"r0 vm A power Running Off", "r1 vm B power Off Running", "fault - A host up down", "fault - A host down up", "host vm A power Off Running"},
			no, "I1: A starts", 0, false},
		"a guest that does not shut down": {append(lost, "fault - A host down up", "host vm A power Off Running", "r2 vm A power Running Stopping", "r2 vm A power Stopping Running"),
			no, "", 1, true},
		"a start that the host made up for": {[]string{"fault - A host up down", "fault vm A power Running Off", "r1 vm B power Off Starting", "fault vm B power Starting Off",
			"host vm B power Off Running", "fault - A host down up", "host vm A power Off Running"}, no, "", 1, true},
		"the good copy's host restarts": {append(lost, "fault - A host down up", "host vm A power Off Running", "fault vm B power Running Off", "host vm B power Off Running"),
			no, "", 2, true},
	} {
		broken, returned := Twins(start, wide(c.lines...), c.stated)
		if c.broken == "" && len(broken) > 0 || c.broken != "" && (len(broken) != 1 || !strings.HasPrefix(broken[0], c.broken)) {
			t.Errorf("%s: %v, want %q", name, broken, c.broken)
		}
		if len(returned) != c.returned || len(returned) > 0 && (returned[len(returned)-1].Until == 0) != c.lasts {
			t.Errorf("%s: %+v, want %d, lasting %v", name, returned, c.returned, c.lasts)
		}
	}
}

func TestPoints(t *testing.T) {
	asked := []Asked{{VM: "new", Held: 100}, {VM: "old", Held: 60, Exact: true}}
	if broken := Points(asked, []Landing{{"new", 100}, {"new", 120}, {"old", 60}, {"other", 1}}); len(broken) > 0 {
		t.Errorf("as asked: %v", broken)
	}
	for _, l := range []Landing{{"new", 99}, {"old", 59}, {"old", 61}} {
		if broken := Points(asked, []Landing{l}); len(broken) != 1 || !strings.HasPrefix(broken[0], "I3:") {
			t.Errorf("%+v: %v", l, broken)
		}
	}
}

func TestDrill(t *testing.T) {
	production := func(vm string) bool { return vm == "vm" }
	good := wide("r1 vm B network test= test=T", "r1 vm B call Set-VMNetworkAdapter done", "r2 vm B test - copy", "r2 vm B call Start-VMFailover done",
		"r3 copy B power Off Running", "r3 copy B call Start-VM done", "r4 copy B power Running Off", "r4 vm B test copy -", "r4 vm B call Stop-VMFailover done",
		"host vm A power Running Off", "control vm B state Replicating Suspended", "r5 vm B call Stop-VM refused")
	if broken := Drill(good, production); len(broken) > 0 {
		t.Errorf("a good drill: %v", broken)
	}
	for _, line := range []string{"r vm A power Running Off", "r vm B state Replicating Suspended", "r vm B network S -", "r vm A vm autostart=Start autostart=Nothing", "r vm B call Start-VM done"} {
		if broken := Drill(wide(line), production); len(broken) != 1 || !strings.HasPrefix(broken[0], "I6:") {
			t.Errorf("%s: %v", line, broken)
		}
	}
}

func TestWatch(t *testing.T) {
	lost, over := func(host string) bool { return host == "A" }, func(vm string) bool { return vm == "vm" }
	if broken := Watch(wide("r vm A call Stop-VM done", "r vm B call Stop-VM refused", "host vm B power Off Running", "r early A call Set-VM refused"), lost, over); len(broken) > 0 {
		t.Errorf("a good watch: %v", broken)
	}
	for _, line := range []string{"r vm B call Stop-VM done", "r early A call Stop-VM done"} {
		if broken := Watch(wide(line), lost, over); len(broken) != 1 || !strings.HasPrefix(broken[0], "I1:") {
			t.Errorf("%s: %v", line, broken)
		}
	}
}

func TestKept(t *testing.T) {
	start := []Copy{{VM: "vm", Host: "A", Mode: "Primary", State: "Replicating"}, {VM: "vm", Host: "B", Mode: "Replica", State: "Replicating"}}
	good := wide("r vm B state Replicating FailedOverWaitingCompletion", "r vm A mode Primary Replica", "r vm B mode Replica Primary")
	if broken := Kept(start, good); len(broken) > 0 {
		t.Errorf("a good way: %v", broken)
	}
	for _, line := range []string{"r vm A mode Primary Replica", "r vm B vm vm removed"} {
		if broken := Kept(start, wide(line)); len(broken) != 1 || !strings.HasPrefix(broken[0], "I7:") {
			t.Errorf("%s: %v", line, broken)
		}
	}
}
