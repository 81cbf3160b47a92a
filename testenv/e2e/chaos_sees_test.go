package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The judge of unplanned failovers, fences and drills must be able to say no:
// ledgers and states in which what must never be has been done are broken, and
// the same without it are not.

const vmID = "11111111-2222-3333-4444-555555555555"

var noon = time.Date(2027, 1, 12, 12, 0, 0, 0, time.UTC)

// lines makes a ledger of "by host what from to", an entry a second in both
// clocks; "-" is an empty word, and "later" lets ten minutes pass.
func lines(text ...string) (l []entry) {
	now := noon
	for _, line := range text {
		if line == "later" {
			now = now.Add(10 * time.Minute)
			continue
		}
		now = now.Add(time.Second)
		f := strings.Fields(strings.ReplaceAll(line, "-", ""))
		for len(f) < 5 {
			f = append(f, "")
		}
		e := entry{Seq: uint64(len(l) + 1), At: now, Sim: now, By: f[0], Host: "HV-" + f[1], VM: vmID, What: f[2], From: f[3], To: f[4]}
		if e.What == "host" || e.What == "link" {
			e.VM = ""
		}
		l = append(l, e)
	}
	return l
}

// call, on and goes are lines of a ledger.
func call(by, host, cmdlet string) string {
	return by + " " + host + " call " + strings.ReplaceAll(cmdlet, "-", "_") + " done"
}
func on(by, host string) string         { return by + " " + host + " power Off Running" }
func goes(host, what, to string) string { return "control " + host + " " + what + " before " + to }

func unminus(l []entry) []entry {
	for i := range l {
		l[i].From = strings.ReplaceAll(l[i].From, "_", "-")
	}
	return l
}

func TestTheChaosJudgeSeesTwoCopies(t *testing.T) {
	never, always := func(uint64) bool { return false }, func(uint64) bool { return true }
	failover := []string{on("control", "A"), call("r1", "B", "Start-VMFailover")}
	for name, c := range map[string]struct {
		ledger            []string
		unplanned, stated func(uint64) bool
		broken            bool
	}{
		"a lost site returns":                        {append(failover, on("r2", "B"), on("host", "A")), always, always, false},
		"the engine starts the old copy":             {append(failover, on("r2", "B"), on("r3", "A")), always, always, true},
		"its guest does not shut down":               {append(failover, on("r2", "B"), on("host", "A"), "r3 A power Stopping Running"), always, always, false},
		"one of a planned failover does not":         {append(failover, on("r2", "B"), "r3 A power Stopping Running"), never, never, true},
		"it is no unplanned failover":                {append(failover, on("r2", "B"), on("host", "A")), never, never, true},
		"stated to be dark, and cut off":             {append(failover, goes("A", "link", "cut"), on("r2", "B")), always, always, false},
		"nobody stated it":                           {append(failover, goes("A", "link", "cut"), on("r2", "B")), always, never, true},
		"stated to be dark, and in sight":            {append(failover, on("r2", "B")), always, always, true},
		"back for a moment":                          {append(failover, goes("A", "link", "cut"), goes("A", "link", "joined"), on("r2", "B")), always, always, false},
		"back for long":                              {append(failover, goes("A", "link", "cut"), goes("A", "link", "joined"), "later", on("r2", "B")), always, always, true},
		"given up, and the world starts both":        {append(failover, call("r2", "B", "Stop-VMFailover"), on("host", "A")), always, always, true},
		"replicating back, and the old one is woken": {append(failover, call("r2", "B", "Set-VMReplication"), on("host", "A")), always, always, true},
	} {
		l := unminus(lines(c.ledger...))
		s := split{ledger: l, old: map[string]string{vmID: "HV-A"}, source: func(h string) bool { return h == "HV-A" }, unplanned: c.unplanned, stated: c.stated}
		violation := l[len(l)-1].Sim.Format(time.RFC3339) + ": two copies of VM1 (" + vmID + ") run and are connected, on HV-A HV-B, for 5s"
		if broken := s.broken(violation); (broken != "") != c.broken || c.broken && !strings.HasPrefix(broken, "I1:") {
			t.Errorf("%s: %q", name, broken)
		}
	}
	var s split
	if broken := s.broken(noon.Format(time.RFC3339) + ": test copy on a connected network: VM1"); !strings.HasPrefix(broken, "I6:") {
		t.Errorf("a test copy among users: %q", broken)
	}
	if broken := s.broken(noon.Format(time.RFC3339) + ": two copies of VM1 (" + vmID + ") run and are connected, on A B"); broken == "" {
		t.Error("nothing began it, and nobody asks")
	}
}

func TestTheChaosJudgeSeesADrillThatTouches(t *testing.T) {
	real := map[string]bool{vmID: true}
	drill := []string{call("r1", "B", "Set-VMNetworkAdapter"), "r2 B test - T", call("r2", "B", "Start-VMFailover"), "r3 B test T", call("r3", "B", "Stop-VMFailover")}
	for name, c := range map[string]struct {
		more []string
		want string
	}{
		"it leaves all as it was":   {nil, ""},
		"the world's own":           {[]string{"host B power Off Running"}, ""},
		"it starts the replica":     {[]string{on("r4", "B")}, "I6:"},
		"it stops production":       {[]string{"r4 A power Running Off"}, "I6:"},
		"it reverses":               {[]string{call("r4", "B", "Set-VMReplication")}, "I6:"},
		"it takes a failover back":  {[]string{"r4 B state FailedOverWaitingCompletion Replicating"}, "I6:"},
		"it makes two of one order": {[]string{"r2 B test none T2"}, "I8:"},
	} {
		l := unminus(lines(append(append([]string{}, drill...), c.more...)...))
		l[1].From, l[1].To = "", "T" // "-" stands for nothing
		broken := touched(l, real)
		if (len(broken) > 0) != (c.want != "") || len(broken) > 0 && !strings.HasPrefix(broken[0], c.want) {
			t.Errorf("%s: %v, want %q", name, broken, c.want)
		}
		if left := withoutTests(l[:5]); len(left) != 3 {
			t.Errorf("%d entries are left without the test copies' cmdlets: %+v", len(left), left)
		}
	}
}

func TestTheChaosJudgeSeesTheOnlyCopyGo(t *testing.T) {
	real := map[string]bool{vmID: true}
	for name, c := range map[string]struct {
		ledger []string
		broken bool
	}{
		"re-protected":                {[]string{"r1 B state Replicating FailedOverWaitingCompletion", "r2 B state FailedOverWaitingCompletion FailedOver", "r3 A mode Primary Replica"}, false},
		"reversed":                    {[]string{"r1 B mode Replica Primary", "r1 A mode Primary Replica"}, false},
		"nothing was failed over":     {[]string{"r3 A mode Primary Replica"}, true},
		"the failover was taken back": {[]string{"r1 B state Replicating FailedOverWaitingCompletion", "r2 B state FailedOverWaitingCompletion Replicating", "r3 A mode Primary Replica"}, true},
		"both are to be overwritten":  {[]string{"r1 B mode Replica Primary", "r1 A mode Primary Replica", "r2 B mode Primary Replica"}, true},
		"a VM's own copy is removed":  {[]string{"r1 A vm x removed"}, true},
		"somebody else's hand is his": {[]string{"control A mode Primary Replica"}, false},
	} {
		if broken := onlyCopies(lines(c.ledger...), real); (len(broken) > 0) != c.broken {
			t.Errorf("%s: %v", name, broken)
		}
	}
}

// at is a copy of the VM.
func at(host, power, mode, state string, committed, held, missing uint64) labCopy {
	c := labCopy{VM: vmID, Name: "VM1", Host: "HV-" + host, Power: power, Mode: mode, State: state, AutoStart: "Nothing"}
	c.Writes.Committed, c.Writes.Held, c.Writes.Missing = committed, held, missing
	return c
}

func judging(standing standing) *player {
	return &player{at: standing, losses: losses{known: map[string]uint64{}, freely: map[string]bool{},
		busy: map[string]float64{"VM1": 60}, boots: map[string]time.Duration{"VM1": time.Minute}}}
}

func TestTheChaosJudgeSeesLostWrites(t *testing.T) {
	// 40 writes had not arrived when the site was lost; two points are kept.
	before := labState{Now: noon, Copies: []labCopy{at("A", "Off", "Primary", "Replicating", 10_000, 10_000, 0), at("B", "Off", "Replica", "Replicating", 10_000, 9_960, 0)}}
	for i, held := range []uint64{1000, 6000} {
		before.Copies[1].Points = append(before.Copies[1].Points, struct {
			Type    string    `json:"type"`
			Created time.Time `json:"created"`
			Held    uint64    `json:"held"`
		}{"Replica", noon.Add(time.Duration(i-3) * time.Hour), held})
	}
	beside := before
	beside.Copies = append([]labCopy{at("A", "Running", "Primary", "Replicating", 10_000, 10_000, 0)}, before.Copies[1:]...)
	failover := []string{call("r1", "B", "Start-VMFailover"), on("r2", "B")}
	for name, c := range map[string]struct {
		op      string
		before  labState
		point   string
		ledger  []string
		missing uint64
		known   uint64
		want    string
	}{
		"just what the latest data lacked":      {"unplanned-failover", before, "latest", failover, 40, 0, ""},
		"one more":                              {"unplanned-failover", before, "latest", failover, 41, 0, "I3:"},
		"an older point than was asked for":     {"unplanned-failover", before, "latest", failover, 4000, 0, "I3:"},
		"the point for the common moment":       {"unplanned-failover", before, "common", failover, 4000, 0, ""},
		"an older one than that":                {"unplanned-failover", before, "common", failover, 9000, 0, "I3:"},
		"the source wrote on meanwhile":         {"unplanned-beside", beside, "latest", failover, 90, 0, ""},
		"it did not write that much":            {"unplanned-beside", beside, "latest", failover, 900, 0, "I3:"},
		"committed, and no more is missing":     {"commit-unplanned", before, "", nil, 40, 40, ""},
		"committed, and more is missing":        {"commit-unplanned", before, "", nil, 41, 40, "I2:"},
		"another point with consent":            {"other-point", before, "common", []string{call("r3", "B", "Stop-VMFailover"), call("r4", "B", "Start-VMFailover"), on("r5", "B")}, 9000, 40, ""},
		"another point without giving one up":   {"other-point", before, "common", nil, 9000, 40, "I2:"},
		"an old copy ran, and wrote, meanwhile": {"commit-unplanned", before, "", []string{on("host", "A")}, 100, 40, ""},
	} {
		p := judging(lost)
		p.known[vmID] = c.known
		l := unminus(lines(c.ledger...))
		w := &runWindow{act: storyAct{op: operationCalled(c.op)}, point: c.point, before: c.before, to: uint64(len(l))}
		after := labState{Copies: []labCopy{at("A", "Off", "Primary", "Replicating", 10_000, 10_000, 0),
			at("B", "Running", "Replica", "FailedOverWaitingCompletion", 10_500, 10_500, c.missing)}}
		broken := p.lacks(w, after, l)
		if (len(broken) > 0) != (c.want != "") || len(broken) > 0 && !strings.HasPrefix(broken[0], c.want) {
			t.Errorf("%s: %v, want %q", name, broken, c.want)
		}
	}
	// A site that was cut off has run on; more is missing at a copy that came up
	// again meanwhile, until the old one is fenced, and no more after that.
	q := judging(dark)
	now := labState{Copies: []labCopy{at("A", "Running", "Primary", "Error", 10_000, 10_000, 0), at("B", "Running", "Replica", "FailedOver", 10_500, 10_500, 40)}}
	fence := &runWindow{act: storyAct{op: operationCalled("commit-unplanned")}}
	for _, step := range []struct {
		power   string
		missing uint64
		broken  int
	}{{"Running", 40, 0}, {"Running", 60, 0}, {"Off", 90, 0}, {"Off", 91, 1}} {
		now.Copies[0].Power, now.Copies[1].Writes.Missing = step.power, step.missing
		if broken := q.lacks(fence, now, nil); len(broken) != step.broken {
			t.Errorf("the old copy is %s and %d writes are missing: %v", step.power, step.missing, broken)
		}
	}
	// On the way home nothing may be lost that was there.
	p := judging(away)
	p.known[vmID] = 40
	w := &runWindow{act: storyAct{op: operationCalled("failback")}}
	after := labState{Copies: []labCopy{at("A", "Running", "Primary", "Replicating", 10_500, 10_499, 40)}}
	if broken := p.lacks(w, after, nil); len(broken) != 1 || !strings.HasPrefix(broken[0], "I2:") {
		t.Errorf("a write is lost on the way home: %v", broken)
	}
}

func TestTheChaosJudgeSeesAnOldCopyThatIsNotFenced(t *testing.T) {
	good := at("B", "Running", "Replica", "FailedOverWaitingCompletion", 0, 0, 0)
	starts := at("A", "Off", "Primary", "Error", 0, 0, 0)
	starts.AutoStart = "StartIfRunning"
	runs := at("A", "Running", "Primary", "Error", 0, 0, 0)
	for name, c := range map[string]struct {
		old       labCopy
		connected bool
		broken    bool
	}{
		"off, and stays so":      {at("A", "Off", "Primary", "Error", 0, 0, 0), true, false},
		"starts with its host":   {starts, true, true},
		"runs among users":       {runs, true, true},
		"runs without a network": {runs, false, false},
		"saved":                  {at("A", "Saved", "Primary", "Error", 0, 0, 0), true, true},
		"a replica again":        {at("A", "Off", "Replica", "Replicating", 0, 0, 0), true, false},
	} {
		err := judging(lost).unfenced(labState{Copies: []labCopy{c.old, good}}, map[string]bool{vmID + "@HV-A": c.connected})
		if (err != nil) != c.broken {
			t.Errorf("%s: %v", name, err)
		}
	}
	p, l := judging(lost), lines("r1 A power Running Off", "guest A power Running Off", "r2 B power Running Off")
	if got := p.unasked(l); len(got) != 1 || got[0].By != "r1" {
		t.Errorf("nobody answered yet: %+v", got)
	}
	if p.said = noon; len(p.unasked(l)) != 0 {
		t.Error("a person has answered, and it is called unasked")
	}
}

// What says nothing of a run's order is left out, and no more.
func TestTheChaosJudgeKnowsTheRunsOwnOrder(t *testing.T) {
	target := func(h string) bool { return h == "HV-B" }
	for name, c := range map[string]struct {
		ledger []string
		left   int
	}{
		"the run's own shutdown":            {[]string{"r1 A power Running Off", call("r2", "B", "Start-VMFailover"), on("r3", "B")}, 3},
		"turned off by the watch":           {[]string{call("r2", "B", "Start-VMFailover"), on("r3", "B"), "r4 A power Running Off"}, 2},
		"went off by itself, and once more": {[]string{"host A power Running Off", "r1 A power Running Off"}, 1},
	} {
		if got := ownOrder(unminus(lines(c.ledger...)), target); len(got) != c.left {
			t.Errorf("%s: %d entries are left: %s", name, len(got), fmt.Sprint(got))
		}
	}
}

func TestTheChaosJudgeKnowsWhoShutAGoodCopyDown(t *testing.T) {
	c := at("B", "Off", "Primary", "Replicating", 0, 0, 0)
	for _, row := range []struct {
		last   string
		others bool
	}{{"control B power Running Off", true}, {"r1 B power Running Off", false}, {"control A power Running Off", false}, {"control B power Off Running", false}} {
		if got := stoppedByOthers(lines(row.last), c); got != row.others {
			t.Errorf("%s: by others %v", row.last, got)
		}
	}
}

// What is there already needs no run, and nobody waits for one: stories that
// began with the way home, at home, waited for ever.
func TestAChaosOperationThatHasNothingToDo(t *testing.T) {
	w := newWorld(t, "pair", 100)
	w.up()
	p := &player{world: w, story: &story{environment: "pair", plan: "both", from: "a", to: "b"}, tally: newTally(), at: home, done: true}
	p.learnWorld()
	if got := p.act(0, storyAct{op: operationCalled("way-home")}); got != "done" || !p.windows[0].nothing {
		t.Errorf("it ended %s: %+v", got, p.windows[0])
	}
	p.judge(operationCalled("way-home"), home)
}
