package plans

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// toward is the intent of an operation after the loss of the source, released
// to its end.
func toward(op Operation) Intent {
	return Intent{Operation: op, Reverse: ReverseAfterGates, UpTo: lastPhase(op, ReverseAfterGates), NICs: []WantedNIC{wantedNIC}, SourceGone: true, Ours: true, ReplicaName: "A"}
}

// lost is a world whose source has just gone dark.
func lost(d dialect) *model {
	m := newModel(d)
	m.s.AutoStart = "StartIfRunning"
	m.look()
	m.tData = m.sData // a cycle went over
	m.look()          // and users wrote on
	m.crash()
	return m
}

// The worst hour from end to end: lost, failed over, returned and fenced,
// committed, re-protected, and home again without a loss.
func TestTheWholeWayFromLossToHome(t *testing.T) {
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			m := lost(d)
			follow := func(what string, i Intent) {
				t.Helper()
				if end := m.walk(i, 99); end.Kind != Done || m.fault != "" {
					t.Fatalf("%s ends with %s: %s %s", what, end.Kind, end.Why, m.fault)
				}
			}
			follow("the failover", toward(UnplannedFailover))
			if want := []Verb{VerbSetNetwork, VerbStartFailover, VerbStart}; !slices.Equal(m.acts, want) {
				t.Errorf("the acts were %v, want %v", m.acts, want)
			}
			m.settle()
			m.returned = true
			m.comeBack()
			if d := m.walk(toward(Fence), 99); d.Kind != Refuse || !slices.Contains(d.Offer, ChoiceTurnOff) || d.Good != Target {
				t.Fatalf("a returned primary that runs: %s %s, good %s, offers %v", d.Kind, d.Why, d.Good, d.Offer)
			}
			fence := toward(Fence)
			fence.Fence = FenceTurnOff
			follow("the fence", fence)
			m.returned = false
			follow("the commit", toward(Commit))
			follow("the re-protection", toward(Reprotect))
			m.settle()
			if m.sData < m.base || m.s.Mode != "Replica" || m.t.Mode != "Primary" {
				t.Fatalf("after re-protection: %+v, %+v, data %d and %d", m.s, m.t, m.sData, m.tData)
			}
			// Home: the same two copies with their roles exchanged.
			home := newModel(d)
			home.s, home.t, home.sData, home.tData, home.written = m.t, m.s, m.tData, m.sData, m.written
			home.s.Host, home.t.Host = "B", "A"
			home.t.Adapters, home.t.AutoStart = []Adapter{{Name: "net"}}, ""
			if end := home.walk(forward(ReverseAfterGates), 99); end.Kind != Done || home.fault != "" {
				t.Fatalf("failback ends with %s: %s %s", end.Kind, end.Why, home.fault)
			}
			if wrong := movedWell(home, ReverseAfterGates); wrong != "" {
				t.Error(wrong)
			}
		})
	}
}

// A copy that is failed over and off was looked at by nobody: the old one is not
// given up for it.
func TestNothingIsGivenUpForACopyThatNeverRan(t *testing.T) {
	for _, s := range []Copy{of("A", "Off/Primary/Replicating"), of("A", "Off/Primary/PreparedForFailover"), of("A", "Off/None/Disabled")} {
		c := of("B", "Off/Replica/FailedOverWaitingCompletion")
		if d := Next(toward(Reprotect), s, c); d.Kind != Refuse || !strings.Contains(d.Remedy, "start it first") {
			t.Errorf("%s/%s/%s: %s %s %s", s.Power, s.Mode, s.State, d.Kind, d.Verb, d.Why)
		}
		c.Power = "Running"
		if d := Next(toward(Reprotect), s, c); d.Kind != Act {
			t.Errorf("beside one that runs, %s/%s/%s: %s %s", s.Power, s.Mode, s.State, d.Kind, d.Why)
		}
	}
}

// An old copy that runs beside one that is failed over and off may be the one
// that users have: the other is not called the good one.
func TestACopyThatIsOffIsNotTheGoodOneBesideOneThatRuns(t *testing.T) {
	for _, op := range []Operation{UnplannedFailover, Commit, Reprotect} {
		for _, state := range []string{"Off/Replica/FailedOverWaitingCompletion", "Off/Primary/Replicating"} {
			if d := Next(toward(op), of("A", "Running/Primary/Replicating"), of("B", state)); d.Good == Target {
				t.Errorf("%s, %s: %s, good %s: %s", op, state, d.Kind, d.Good, d.Why)
			}
		}
	}
}

// A VM that was moved to another host of its site is missing at its own and runs:
// its replica says where it comes from.
func TestAVMThatWasMovedIsNotGone(t *testing.T) {
	i := toward(UnplannedFailover)
	i.SourceGone, i.ReplicaName = false, "hq1.corp"
	for _, row := range []struct {
		from, state string
		want        DecisionKind
	}{
		{"HQ2.corp", "Off/Replica/Replicating", Refuse}, {"HQ2.corp", "Off/Replica/FailedOverWaitingCompletion", Refuse}, {"HQ2.corp", "Off/Replica/FailedOver", Refuse},
		{"HQ1.corp", "Off/Replica/Replicating", Act}, {"hq1", "Off/Replica/Replicating", Act}, {"a.corp", "Off/Replica/Replicating", Act}, {"", "Off/Replica/Replicating", Act},
	} {
		c := of("B", row.state)
		c.PrimaryServer, c.Adapters = row.from, []Adapter{{Name: "net"}}
		d := Next(i, of("A", "-"), c)
		if d.Kind != row.want || d.Kind == Refuse && !strings.Contains(d.Why+d.Remedy, "HQ2.corp") {
			t.Errorf("%q, %s: %s %s %s", row.from, row.state, d.Kind, d.Why, d.Remedy)
		}
		stated := i
		stated.SourceGone = true
		if d := Next(stated, of("A", "-"), c); d.Kind != Act {
			t.Errorf("%q, %s, stated: %s %s", row.from, row.state, d.Kind, d.Why)
		}
	}
}

// While the source is not seen, only a person's word lets a copy start.
func TestAnUnseenSourceNeedsAStatement(t *testing.T) {
	m := lost(dialects[0])
	i := toward(UnplannedFailover)
	i.SourceGone = false
	if d := m.walk(i, 99); d.Kind != UnknownPair || !d.Unseen || slices.Contains(m.acts, VerbStartFailover) {
		t.Errorf("without a statement it goes on: %s %s, %v", d.Kind, d.Why, m.acts)
	}
}

// What a person stated of a dark source holds no more once it was seen able to
// run, nor for a host that takes a question and loses the answer.
func TestAStatementEndsWhenTheSourceIsBack(t *testing.T) {
	for name, change := range map[string]func(*model, *Intent){
		"it was back":             func(_ *model, i *Intent) { i.SourceBack = true },
		"it took the question":    func(m *model, _ *Intent) { m.s.Lives = true },
		"both, and it is away":    func(m *model, i *Intent) { m.s.Lives, i.SourceBack = true, true },
		"back, and by its answer": func(_ *model, i *Intent) { i.SourceBack, i.Accept = true, true },
	} {
		m, i := lost(dialects[0]), toward(UnplannedFailover)
		change(m, &i)
		if d := m.walk(i, 99); d.Kind != UnknownPair || !d.Unseen || slices.Contains(m.acts, VerbStartFailover) {
			t.Errorf("%s: it goes on: %s %s, %v", name, d.Kind, d.Why, m.acts)
		}
	}
}

// A look at the source says whether the copy there can run.
func TestALookSaysWhetherTheSourceCanRun(t *testing.T) {
	for _, c := range []struct {
		power, start, state string
		reached, open       bool
	}{
		{"Running", "Nothing", "Replicating", true, true}, {"Off", "StartIfRunning", "Replicating", true, true}, {"Off", "Nothing", "Replicating", true, false},
		{"Off", "Start", "PreparedForFailover", true, false}, {"Running", "Start", "Replicating", false, false},
	} {
		m := newModel(dialects[0])
		m.s.Power, m.s.AutoStart, m.s.State, m.s.Reached = c.power, c.start, c.state, c.reached
		for _, upTo := range []Phase{PhaseReady, PhaseGates} {
			i := toward(UnplannedFailover)
			i.UpTo = upTo
			if d := Next(i, m.s, m.t); d.SourceSeen != c.reached || d.SourceOpen != c.open {
				t.Errorf("%+v: %+v", c, d)
			}
		}
	}
}

// A source that answers is fenced before anything starts elsewhere.
func TestASourceThatAnswersIsFencedFirst(t *testing.T) {
	m := newModel(dialects[0])
	m.s.AutoStart = "Start"
	i := toward(UnplannedFailover)
	if d := m.walk(i, 99); d.Kind != Refuse || !slices.Contains(d.Offer, ChoiceTurnOff) {
		t.Errorf("without consent: %s %s", d.Kind, d.Why)
	}
	i.Fence = FenceShutDown
	if d := m.walk(i, 99); d.Kind != Done || m.fault != "" {
		t.Fatalf("with consent: %s %s %s", d.Kind, d.Why, m.fault)
	}
	for _, before := range []Verb{VerbShutDown, VerbNoAutoStart} {
		if slices.Index(m.acts, before) > slices.Index(m.acts, VerbStartFailover) {
			t.Errorf("%s comes after the failover: %v", before, m.acts)
		}
	}
}

// What the fence stopped from starting by itself starts with its host again once
// the failover is taken back, and before it is started.
func TestAFenceEndsWithTheFailover(t *testing.T) {
	m := newModel(dialects[0])
	m.s.AutoStart, m.t.AutoStart = "StartIfRunning", "StartIfRunning"
	i := toward(UnplannedFailover)
	i.Fence = FenceShutDown
	m.walk(i, 99)
	m.settle()
	if m.s.AutoStart != "Nothing" {
		t.Fatalf("not fenced: %v", m.acts)
	}
	m.acts = nil
	end := m.walk(back(ReverseOnCommit), 99)
	if end.Kind != Done || m.fault != "" || m.s.AutoStart != "StartIfRunning" || !isRunning(m.s.Power) {
		t.Errorf("taken back: %s %s %s, automatic start %s, %v", end.Kind, end.Why, m.fault, m.s.AutoStart, m.acts)
	}
	if slices.Index(m.acts, VerbAutoStart) > slices.Index(m.acts, VerbStart) {
		t.Errorf("started before its automatic start is as it was: %v", m.acts)
	}
}

// An old copy that came back and was taken off the network may be chosen after
// all: the other is given up first, then it is as it was before the fence.
func TestAnOldCopyOffTheNetworkMayBeChosen(t *testing.T) {
	m := lost(dialects[0])
	m.t.AutoStart = "Nothing" // where a replica does not start by itself, the journal tells
	m.walk(toward(UnplannedFailover), 99)
	m.settle()
	m.returned = true
	m.comeBack()
	cut := toward(Fence)
	cut.Fence = FenceDisconnect
	if d := m.walk(cut, 99); d.Kind != Done || !isRunning(m.s.Power) || reachesUsers(m.s) {
		t.Fatalf("fenced: %s %s", d.Kind, d.Why)
	}
	way := back(ReverseAfterGates)
	way.AutoStart, way.LoseWrites = "StartIfRunning", false
	if d := m.walk(way, 99); d.Kind != Refuse || d.Good != "" {
		t.Errorf("without consent: %s %s", d.Kind, d.Why)
	}
	m.acts, way.LoseWrites = nil, true
	d := m.walk(way, 99)
	if d.Kind != Done || m.fault != "" || !reachesUsers(m.s) || !isOff(m.t.Power) || m.s.AutoStart != "StartIfRunning" {
		t.Errorf("chosen: %s %s %s, %+v", d.Kind, d.Why, m.fault, m.s)
	}
	if want := []Verb{VerbStopFailover, VerbAutoStart, VerbSetNetwork}; !slices.Equal(m.acts, want) {
		t.Errorf("acts %v, want %v", m.acts, want)
	}
}

// Which copies run is said as it is: an old one that came back while the other is down
// may be the only one that users have.
func TestAnOldCopyThatRunsAloneIsNotCalledOneOfTwo(t *testing.T) {
	m := lost(dialects[0])
	m.walk(toward(UnplannedFailover), 99)
	m.settle()
	m.returned = true
	m.comeBack()
	watch := toward(Fence)
	watch.Fence = FenceAsk
	if d := m.walk(watch, 99); d.Kind != Refuse || !strings.Contains(d.Why, " at "+m.s.Host+" too") {
		t.Fatalf("both run: %s %s", d.Kind, d.Why)
	}
	m.t.Power = "Off"
	d := m.walk(watch, 99)
	if d.Kind != Refuse || strings.Contains(d.Why, m.s.Host+" too") || !strings.Contains(d.Why, m.t.Host+", which took over, is off") || !slices.Contains(d.Offer, ChoiceTurnOff) {
		t.Errorf("it runs alone: %s %s", d.Kind, d.Why)
	}
}

// A clean-up waits for a test copy that was asked for and may still come.
func TestACleanUpWaitsForWhatWasAskedFor(t *testing.T) {
	replica := Copy{Reached: true, Exists: true, Host: "B", Power: "Off", Mode: "Replica", State: "Replicating"}
	clean := Intent{Operation: TestFailover, UpTo: PhaseCleanUp, Asked: true}
	if d := Next(clean, Copy{}, replica); d.Kind != Wait {
		t.Errorf("it may still come: %s %s", d.Kind, d.Why)
	}
	replica.TestVM = "x"
	if d := Next(clean, Copy{}, replica); d.Kind != Act || d.Verb != VerbStopTest {
		t.Errorf("it came: %s %s", d.Kind, d.Why)
	}
	replica.TestVM, clean.Asked = "", false
	if d := Next(clean, Copy{}, replica); d.Kind != Done {
		t.Errorf("it comes no more: %s %s", d.Kind, d.Why)
	}
}

// A point that went with the commit is refused by name.
func TestAfterTheCommitThereIsNoOtherPoint(t *testing.T) {
	m := lost(dialects[0])
	m.walk(toward(UnplannedFailover), 99)
	m.settle()
	m.walk(toward(Commit), 99)
	other := toward(UnplannedFailover)
	if d := m.walk(other, 99); d.Kind != Done {
		t.Errorf("the same again: %s %s", d.Kind, d.Why)
	}
	other.Ours, other.LoseWrites, other.Point = false, true, Point{ID: "11111111-2222-3333-4444-555555555555", Kind: "Replica", Time: time.Now()}
	if d := m.walk(other, 99); d.Kind != Refuse || !slices.Contains(d.Offer, ChoiceAccept) {
		t.Errorf("another point: %s %s", d.Kind, d.Why)
	}
	other.Accept = true
	if d := m.walk(other, 99); d.Kind != Done {
		t.Errorf("accepted: %s %s", d.Kind, d.Why)
	}
}

// A failover that somebody else made is accepted or given up by a person.
func TestAnotherPointIsAPersonsChoice(t *testing.T) {
	m := lost(dialects[0])
	m.walk(toward(UnplannedFailover), 99)
	m.settle()
	other := toward(UnplannedFailover)
	other.Ours, other.Point = false, Point{ID: "11111111-2222-3333-4444-555555555555", Kind: "Replica", Time: time.Now()}
	if d := m.walk(other, 99); d.Kind != Refuse || !slices.Contains(d.Offer, ChoiceAccept) || d.Good != "" {
		t.Errorf("a failover of somebody else: %s %s, good %q", d.Kind, d.Why, d.Good)
	}
	accept := other
	accept.Accept = true
	if d := m.walk(accept, 99); d.Kind != Done || d.Good != Target {
		t.Errorf("accepted: %s %s", d.Kind, d.Why)
	}
	other.LoseWrites = true
	if d := m.walk(other, 0); d.Kind != Act || d.Verb != VerbStopFailover || !d.Irreversible {
		t.Errorf("another point: %+v", d)
	}
}

// A chain A to B to C: both ways on are walked safely.
func TestAChainIsAChoice(t *testing.T) {
	for _, chain := range []ChainPolicy{"", ChainKeep, ChainBack} {
		m := newModel(dialects[0])
		m.t.Extended = "Replicating"
		i := forward(ReverseAfterGates)
		i.Chain = chain
		d := m.walk(i, 99)
		switch {
		case m.fault != "":
			t.Errorf("%q: %s", chain, m.fault)
		case chain == "" && (d.Kind != Refuse || len(m.acts) > 0):
			t.Errorf("nothing was chosen, and it goes on: %s %v", d.Why, m.acts)
		case chain != "" && (d.Kind != Done || m.t.Mode != "Primary" || !isRunning(m.t.Power)):
			t.Errorf("%q ends with %s: %s", chain, d.Kind, d.Why)
		case chain == ChainKeep && m.s.State != "PreparedForFailover":
			t.Errorf("keep leaves the source locked, it is %s", m.s.State)
		}
	}
}

// Whatever the source's host does meanwhile, the engine starts nothing beside a
// copy that runs, and no act is one that a host refuses.
func TestALostSiteThatComesAndGoes(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	ends := map[DecisionKind]int{}
	for range 3000 {
		m := lost(dialects[r.IntN(len(dialects))])
		i := toward(UnplannedFailover)
		i.Fence = []FencePolicy{FenceAsk, FenceTurnOff, FenceShutDown}[r.IntN(3)]
		var story []string
		for range 4 {
			d := m.walk(i, r.IntN(3))
			m.settle()
			story = append(story, fmt.Sprint(m.acts, " ", d.Kind))
			switch r.IntN(3) {
			case 0:
				if !m.s.Reached {
					m.comeBack()
					m.returned = !isOff(m.s.Power) && !isOff(m.t.Power)
				}
			case 1:
				m.crash()
				m.returned = false
			}
		}
		m.crash()
		m.returned = false
		end := m.walk(i, 99)
		ends[end.Kind]++
		if m.fault != "" {
			t.Fatalf("seed %d: %q: %s", seed, story, m.fault)
		}
		if end.Kind == Done && !isRunning(m.t.Power) {
			t.Fatalf("seed %d: %q: done, and it does not run", seed, story)
		}
	}
	if ends[Done] < 1000 {
		t.Errorf("only %v came to an end", ends)
	}
}

// After the third copy was kept the old one is left out, and stays a primary
// that is off: nothing is left to do.
func TestAKeptChainIsDone(t *testing.T) {
	old := Copy{Host: "LDS", Reached: true, Exists: true, Mode: "Primary", State: "Replicating", Power: "Off", ReplicaServer: "man.example"}
	good := Copy{Host: "MAN", Reached: true, Exists: true, Mode: "Primary", State: "Replicating", Power: "Running", ReplicaServer: "dub.example"}
	i := Intent{Operation: Reprotect, UpTo: PhaseSync, Chain: ChainKeep, ReplicaName: "lds.example"}
	if d := Next(i, old, good); d.Kind != Done || d.Good != Target {
		t.Errorf("kept: %+v", d)
	}
	i.Chain = ""
	if d := Next(i, old, good); d.Kind != Refuse {
		t.Errorf("nobody said that the old copy is left out: %+v", d)
	}
	i.Chain, old.Power = ChainKeep, "Running"
	if d := Next(i, old, good); d.Kind == Done {
		t.Errorf("the old copy runs: %+v", d)
	}
	old.Power, good.Power = "Off", "Off"
	if d := Next(i, old, good); d.Kind == Done {
		t.Errorf("neither copy runs: %+v", d)
	}
}

// A policy alone does not stop the only copy that runs: it acts beside a copy that
// is seen running, and else people are asked, at once, whatever they decide is done.
func TestAPolicyDoesNotStopTheOnlyCopyThatRuns(t *testing.T) {
	for _, policy := range []FencePolicy{FenceTurnOff, FenceShutDown, FenceDisconnect} {
		for name, down := range map[string]func(*Copy){
			"off":        func(c *Copy) { c.Power = "Off" },
			"saved":      func(c *Copy) { c.Power = "Saved" },
			"not seen":   func(c *Copy) { *c = Copy{Host: c.Host} },
			"is paused":  func(c *Copy) { c.Power = "Paused" },
			"is stuck":   func(c *Copy) { c.Power = "OffCritical" },
			"not beside": func(c *Copy) { c.Power, c.State = "Off", "FailedOver" },
		} {
			m := lost(dialects[0])
			m.walk(toward(UnplannedFailover), 99)
			m.settle()
			m.returned = true
			m.comeBack()
			watch := toward(Fence)
			watch.Fence, watch.RanThere = policy, true
			seen := m.t
			down(&m.t)
			d := m.walk(watch, 99)
			if d.Kind != Refuse || !d.Alone || !isRunning(m.s.Power) || !reachesUsers(m.s) || m.t.Reached && d.Good != Target {
				t.Fatalf("%s, the good copy %s: %s %s, %v", policy, name, d.Kind, d.Why, m.acts)
			}
			for _, word := range []string{"DANGER", m.s.Host, seen.Host, "on_return: " + string(policy) + " has not touched it"} {
				if !strings.Contains(d.Why, word) {
					t.Errorf("%s, the good copy %s: %q is not in %q", policy, name, word, d.Why)
				}
			}
			// A person's word is done all the same, and says what it means.
			said := watch
			said.TurnOff = policy != FenceDisconnect
			said.ByPerson = !said.TurnOff
			said.UpTo = PhaseFence
			done := m
			done.s.AutoStart = "Nothing"
			if d := Next(said, done.s, done.t); d.Kind != Act || !strings.Contains(d.Why, "as a person decided; the one") {
				t.Errorf("%s, the good copy %s, a person decided: %s %s", policy, name, d.Kind, d.Why)
			}
			// The policy acts as soon as the good copy runs.
			m.t = seen
			if d := m.walk(watch, 99); d.Kind != Done || isRunning(m.s.Power) && reachesUsers(m.s) {
				t.Errorf("%s once the good copy runs: %s %s", policy, d.Kind, d.Why)
			}
		}
	}
}

// A host that does not answer hides a copy that may not have taken over: there the
// old one is the good one, and nobody is told of a danger.
func TestACopyOfWhichNobodyKnowsATakeoverIsNoDanger(t *testing.T) {
	m := newModel(dialects[0])
	watch := toward(Fence)
	watch.Fence, watch.TurnOff = FenceTurnOff, true
	m.t = Copy{Host: m.t.Host}
	if d := Next(watch, m.s, m.t); d.Kind != Wait || d.Alone {
		t.Errorf("%s %s", d.Kind, d.Why)
	}
}
