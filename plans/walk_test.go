package plans

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

var policies = []ReversePolicy{ReverseAfterGates, ReverseBeforeStart, ReverseOnCommit}

func forward(reverse ReversePolicy) Intent {
	return Intent{Operation: PlannedFailover, Reverse: reverse, UpTo: lastPhase(PlannedFailover, reverse), NICs: []WantedNIC{wantedNIC}}
}

func back(reverse ReversePolicy) Intent {
	return Intent{Operation: Cancel, Reverse: reverse, UpTo: PhaseStart, LoseWrites: true, SourceNICs: []WantedNIC{homeNIC}}
}

// everyWalk runs a test for each dialect and policy.
func everyWalk(t *testing.T, f func(t *testing.T, d dialect, reverse ReversePolicy)) {
	for _, d := range dialects {
		for _, reverse := range policies {
			t.Run(fmt.Sprintf("%s/%s", d.name, reverse), func(t *testing.T) { f(t, d, reverse) })
		}
	}
}

// movedWell says what is wrong with a finished planned failover.
func movedWell(m *model, reverse ReversePolicy) string {
	m.settle()
	switch {
	case m.fault != "":
		return m.fault
	case !isRunning(m.t.Power) || !isOff(m.s.Power):
		return "it does not run at the target alone"
	case m.sData > m.base:
		return fmt.Sprintf("writes up to %d were made at the source, the target began with %d", m.sData, m.base)
	case m.t.Adapters[0].Switch != wantedNIC.Switch || m.t.Adapters[0].FailoverIP != wantedNIC.IP:
		return "it runs without its network"
	case (m.t.Mode == "Primary") == (reverse == ReverseOnCommit):
		return "replication back does not follow the policy: the target is " + m.t.Mode
	}
	return ""
}

// The documented sequence, phase by phase as a run releases it.
func TestPlannedFailoverWalksTheDocumentedSequence(t *testing.T) {
	want := map[ReversePolicy][]Verb{
		ReverseAfterGates:  {VerbSetNetwork, VerbShutDown, VerbPrepareFailover, VerbStartFailover, VerbStart, VerbReverse},
		ReverseBeforeStart: {VerbSetNetwork, VerbShutDown, VerbPrepareFailover, VerbStartFailover, VerbReverse, VerbStart},
		ReverseOnCommit:    {VerbSetNetwork, VerbShutDown, VerbPrepareFailover, VerbStartFailover, VerbStart},
	}
	everyWalk(t, func(t *testing.T, d dialect, reverse ReversePolicy) {
		m := newModel(d)
		for _, phase := range Phases(PlannedFailover, reverse) {
			i := forward(reverse)
			i.UpTo = phase
			if end := m.walk(i, 99); end.Kind != Done {
				t.Fatalf("released to %s it ends with %s: %s %s", phase, end.Kind, end.Why, m.fault)
			}
		}
		if wrong := movedWell(m, reverse); wrong != "" {
			t.Error(wrong)
		}
		if !slices.Equal(m.acts, want[reverse]) {
			t.Errorf("the acts were %v, want %v", m.acts, want[reverse])
		}
	})
}

// A fresh engine that knows nothing but the hosts takes up any half-way point.
func TestARunTakesUpWhereAnotherEnded(t *testing.T) {
	everyWalk(t, func(t *testing.T, d dialect, reverse ReversePolicy) {
		for acts := range 6 {
			m := newModel(d)
			m.walk(forward(reverse), acts)
			if end := m.walk(forward(reverse), 99); end.Kind != Done {
				t.Errorf("after %d acts the next run ends with %s: %s %s", acts, end.Kind, end.Why, m.fault)
			}
			if wrong := movedWell(m, reverse); wrong != "" {
				t.Errorf("after %d acts: %s", acts, wrong)
			}
			for _, v := range m.acts {
				if n := count(m.acts, v); n > 1 {
					t.Errorf("after %d acts %s was done %d times", acts, v, n)
				}
			}
		}
	})
}

func count(acts []Verb, v Verb) (n int) {
	for _, a := range acts {
		if a == v {
			n++
		}
	}
	return n
}

func TestCancelLeadsBackFromEveryPointUntilTheReverse(t *testing.T) {
	everyWalk(t, func(t *testing.T, d dialect, reverse ReversePolicy) {
		for acts := range 7 {
			m := newModel(d)
			m.walk(forward(reverse), acts)
			reversed := slices.Contains(m.acts, VerbReverse)
			end := m.walk(back(reverse), 99)
			if reversed {
				if end.Kind == Done || end.Kind == Act || !end.NoWayBack || m.t.Mode != "Primary" {
					t.Errorf("after the reverse cancel ends with %s: %s", end.Kind, end.Why)
				}
				continue
			}
			if end.Kind != Done || m.fault != "" || !isRunning(m.s.Power) || m.s.State != "Replicating" || m.t.State != "Replicating" || !isOff(m.t.Power) {
				t.Errorf("after %d acts cancel ends with %s: %s %s", acts, end.Kind, end.Why, m.fault)
			}
			if m.sData < m.base {
				t.Errorf("after %d acts the source went back to %d from %d", acts, m.sData, m.base)
			}
		}
	})
}

func TestCancelNeedsConsentWhereWritesMayBe(t *testing.T) {
	failedOver := func() *model {
		m := newModel(dialects[0])
		m.walk(forward(ReverseAfterGates), 4)
		return m
	}
	ask := back(ReverseAfterGates)
	ask.LoseWrites = false

	m := failedOver()
	if d := m.walk(ask, 99); d.Kind != Refuse || m.t.State != "FailedOverWaitingCompletion" {
		t.Errorf("off, nothing known: %s, %s", d.Kind, d.Why)
	}
	own := ask
	own.NeverStarted = true
	if d := m.walk(own, 99); d.Kind != Done {
		t.Errorf("off and never started by its own run: %s, %s", d.Kind, d.Why)
	}
	m = failedOver()
	m.t.Power = "Running"
	if d := m.walk(own, 99); d.Kind != Refuse {
		t.Errorf("a copy that runs was started by somebody: %s, %s", d.Kind, d.Why)
	}
	if d := m.walk(back(ReverseAfterGates), 0); d.Kind != Act || !d.Irreversible {
		t.Errorf("with consent the act is irreversible: %+v", d)
	}
}

// A primary that was made to replicate to a third host sends its last changes
// there: the replica that it left behind is not failed over to.
func TestAReplicaThatWasLeftBehindIsNotFailedOverTo(t *testing.T) {
	i := forward(ReverseAfterGates)
	i.TargetName = "dr1.corp"
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		to     string
		behind time.Duration
		want   bool // refused
	}{
		{"dr2.corp", time.Hour, true}, {"dr2.corp", time.Minute, false}, {"DR1.corp", time.Hour, false}, {"dr1", time.Hour, false}, {"", time.Hour, false},
	} {
		for _, pair := range [][2]string{
			{"Running/Primary/Replicating", "Off/Replica/Replicating"}, {"Off/Primary/Replicating", "Off/Replica/Replicating"},
			{"Off/Primary/PreparedForFailover", "Off/Replica/Replicating"}, {"Off/Primary/PreparedForFailover", "Off/Replica/FailedOverWaitingCompletion"},
		} {
			s, c := of("A", pair[0]), of("B", pair[1])
			s.ReplicaServer, s.FrequencySec, s.LastReplication, c.LastReplication = row.to, 300, now, now.Add(-row.behind)
			c.Adapters = []Adapter{{Name: "net"}}
			if d := Next(i, s, c); (d.Kind == Refuse) != row.want || row.want && (!strings.Contains(d.Why, "is OLD") || d.Good != Source) {
				t.Errorf("%+v, %s beside %s: %s, good %s: %s", row, pair[0], pair[1], d.Kind, d.Good, d.Why)
			}
		}
		// Seen from where it went to: the old primary is the replica that was left.
		s, c := of("DR", "Off/Replica/Replicating"), of("B", "Running/Primary/Replicating")
		c.ReplicaServer, c.FrequencySec, c.LastReplication, s.LastReplication = row.to, 300, now, now.Add(-row.behind)
		home := toward(Reprotect)
		home.ReplicaName = i.TargetName
		if d := Next(home, s, c); (d.Kind == Refuse) != row.want {
			t.Errorf("re-protected, %+v: %s %s", row, d.Kind, d.Why)
		}
		home = forward(ReverseAfterGates)
		home.ReplicaName = i.TargetName
		if d := Next(home, s, c); d.Kind != Done || d.Elsewhere != row.want {
			t.Errorf("moved, %+v: %s %s", row, d.Kind, d.Why)
		}
	}
}

// A cancel is done when users have their copy again: one that is saved, or on its
// way, runs for nobody, whatever its replication does.
func TestCancelDoesNotCallASavedCopyRunning(t *testing.T) {
	for power, want := range map[string]DecisionKind{"Saved": Refuse, "Paused": Refuse, "Starting": Wait, "Running": Done} {
		for _, state := range []string{"Replicating", "Error", "Suspended", "WaitingForStartResynchronize"} {
			if d := Next(back(ReverseAfterGates), of("A", power+"/Primary/"+state), of("B", "Off/Replica/Replicating")); d.Kind != want {
				t.Errorf("%s/%s: %s %s", power, state, d.Kind, d.Why)
			}
		}
	}
}

// colleague is what somebody with Hyper-V Manager may do meanwhile, as far as
// a host lets him.
func (m *model) colleague(r *rand.Rand) string {
	offers := map[string]func() bool{
		"starts the source": func() bool {
			ok := m.s.Power == "Off" && m.s.Mode == "Primary" && m.s.State != "PreparedForFailover" && isOff(m.t.Power)
			if ok {
				m.s.Power = "Running"
			}
			return ok
		},
		"saves the source":        func() bool { return swap(&m.s.Power, "Running", "Saved") },
		"turns the source off":    func() bool { return swap(&m.s.Power, "Running", "Off") },
		"turns the target off":    func() bool { return swap(&m.t.Power, "Running", "Off") },
		"pauses the replica":      func() bool { return m.t.Mode == "Replica" && swap(&m.t.State, "Replicating", "Suspended") },
		"resumes the replica":     func() bool { return swap(&m.t.State, "Suspended", "Replicating") },
		"disconnects the target":  func() bool { m.t.Adapters[0].Switch = ""; return true },
		"takes the preparation":   func() bool { return isOff(m.t.Power) && swap(&m.s.State, "PreparedForFailover", "Replicating") },
		"cuts the link to B":      func() bool { m.t.Reached = false; return true },
		"mends the link to B":     func() bool { m.t.Reached = true; return true },
		"removes the replication": func() bool { return m.t.Mode == "Replica" && isOff(m.t.Power) && swap(&m.t.Mode, "Replica", "None") },
	}
	names := make([]string, 0, len(offers))
	for name := range offers {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, i := range r.Perm(len(names)) {
		if offers[names[i]]() {
			return names[i]
		}
	}
	return "does nothing"
}

func swap(at *string, from, to string) bool {
	if *at != from {
		return false
	}
	*at = to
	return true
}

// Whatever a colleague does between two looks, no act of ours is refused by the
// host, starts a second copy or loses a write.
func TestAColleagueMeanwhileIsNeverMadeWorse(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	finished := 0
	for range 4000 {
		d, reverse := dialects[r.IntN(len(dialects))], policies[r.IntN(len(policies))]
		m := newModel(d)
		var story []string
		i := forward(reverse)
		var end Decision
		for range 3 {
			end = m.walk(i, r.IntN(7))
			m.settle()
			story = append(story, fmt.Sprint(m.acts), m.colleague(r))
		}
		m.t.Reached = true
		end = m.walk(i, 99)
		if m.fault != "" {
			t.Fatalf("seed %d, %s, %s, %q: %s", seed, d.name, reverse, story, m.fault)
		}
		if end.Kind == Done {
			finished++
			if isRunning(m.t.Power) && m.base < m.sData {
				t.Fatalf("seed %d, %q: done, and writes %d..%d are lost", seed, story, m.base, m.sData)
			}
		}
	}
	if finished == 0 {
		t.Error("not one of 4000 runs came to its end: the colleague does too much")
	}
}
