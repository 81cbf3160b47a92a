package workflows

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

var northVMs = []string{"dc", "db", "app", "web"}

// lostSite is northwind after its site went dark, with a person's word for it.
func lostSite(t *testing.T, d desk) *trial {
	in := northwind()
	in.Operation = plans.UnplannedFailover
	in.Statement = &plans.Statement{By: "guard", Text: "the building is dark"}
	tr := newTrial(t, in, d)
	for _, vm := range northVMs {
		tr.world.pair(vm, func(p *plans.Pair) { p.Source = plans.Copy{Host: "HQ1", VM: p.ID} })
	}
	return tr
}

// seenSite is the same with a site that answers, every VM running there.
func seenSite(t *testing.T, d desk) *trial {
	in := northwind()
	in.Operation = plans.UnplannedFailover
	return newTrial(t, in, d)
}

func TestUnplannedOfALostSite(t *testing.T) {
	tr := lostSite(t, approving).run()
	tr.wantVerdict(plans.VerdictDone)
	for _, vm := range northVMs {
		if got := tr.world.of(vm); !slices.Equal(got, []string{"start-failover@DR1", "start@DR1", "gate@DR1"}) {
			t.Errorf("%s: %v", vm, got)
		}
	}
	if got := tr.world.did("start"); !slices.Equal(got, northVMs) {
		t.Errorf("started in the order %v", got)
	}
	s := tr.report().Status
	if !strings.Contains(s.Summary, "NOT PROTECTED") || !strings.Contains(s.WayBack, "lifeboat cancel north --lose-writes") {
		t.Errorf("summary %q, way back %q", s.Summary, s.WayBack)
	}
	if len(tr.world.watches) == 0 {
		t.Error("nobody watches the lost site")
	}
	for _, want := range []string{"drill/north give-way", "commit/north stand-down", "drill/" + guid("web") + " give-way"} {
		if !slices.Contains(tr.world.signals, want) {
			t.Errorf("%q was not sent: %v", want, tr.world.signals)
		}
	}
}

// The watch of an earlier failover ends just when this one relies on it: another
// one is begun.
func TestAWatchThatEndsJustThenIsBegunAnew(t *testing.T) {
	tr := lostSite(t, approving)
	asked := 0
	tr.wire.childID = func(id string) string {
		if id == FenceID("north") {
			if asked++; asked == 1 {
				return RunID("north", plans.UnplannedFailover) // an id that is in use
			}
		}
		return id
	}
	tr.run()
	tr.wantVerdict(plans.VerdictDone)
	if asked != 2 || len(tr.world.watches) == 0 {
		t.Errorf("asked %d times for a watch, which looked %d times", asked, len(tr.world.watches))
	}
}

// Without a person's word an unseen site is not dark: nothing is failed over.
func TestUnplannedWithoutAStatementHolds(t *testing.T) {
	tr := lostSite(t, func(n int, s plans.RunStatus) *plans.Answer {
		if q, ok := question(s, "dc"); ok && n > 30 {
			if !strings.Contains(q.Text, "nobody has stated that it is dark") {
				t.Errorf("dc asks %q", q.Text)
			}
			return &plans.Answer{Choice: plans.ChoiceStop}
		}
		return approving(n, s)
	})
	tr.in.Statement = nil
	tr.env.SetDetachedChildWait(true) // until the watch has ended too
	tr.run().wantVerdict(plans.VerdictRefused)
	if got := tr.world.did("start-failover"); len(got) > 0 {
		t.Errorf("failed over: %v", got)
	}
	if notes := strings.Join(tr.world.notes, "\n"); !strings.Contains(notes, "has ended: nothing was failed over") {
		t.Errorf("the watch goes on: %s", notes)
	}
}

// A site that was stated to be dark, came back and is away again is not dark: its
// old copies may run, so nothing starts beside them.
func TestASiteThatWasBackIsNotDarkAgain(t *testing.T) {
	tr := lostSite(t, nil)
	dc, times := guid("dc"), 0
	tr.world.looked = func(in activities.AdvanceIn) {
		if in.VM.ID != dc || in.Intent.UpTo != plans.PhaseStart {
			return
		}
		times++
		tr.world.pair("dc", func(p *plans.Pair) {
			p.Source = plans.Copy{Host: "HQ1", VM: p.ID} // away, but for one look
			if times == 1 {
				p.Source = plans.Copy{Host: "HQ1", Reached: true, Exists: true, VM: p.ID, Power: "Running", Mode: "Primary", State: "Replicating", AutoStart: "StartIfRunning"}
			}
		})
	}
	tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
		if q, ok := question(s, "dc"); ok && times > 3 {
			if !strings.Contains(q.Text, "it was back meanwhile") {
				t.Errorf("dc asks %q", q.Text)
			}
			return &plans.Answer{Choice: plans.ChoiceStop}
		}
		if q, ok := question(s, "dc"); ok && slices.Contains(q.Choices, plans.ChoiceTurnOff) {
			return &plans.Answer{Choice: plans.ChoiceRetry, VM: "dc"}
		}
		return approving(n, s)
	}
	tr.run()
	if got := tr.world.did("start"); len(got) > 0 || times < 2 {
		t.Errorf("started %v after %d looks", got, times)
	}
}

// A source that runs is asked about, backwards, and goes off before its copy
// comes up.
func TestUnplannedFencesBackwardsByAnswer(t *testing.T) {
	asked := map[string]bool{}
	tr := seenSite(t, nil)
	tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
		for _, vm := range northVMs {
			if q, ok := question(s, vm); ok {
				if !slices.Contains(q.Choices, plans.ChoiceTurnOff) {
					t.Errorf("%s offers %v", vm, q.Choices)
				}
				asked[vm] = true
				return &plans.Answer{Choice: plans.ChoiceTurnOff, VM: vm}
			}
		}
		return approving(n, s)
	}
	tr.run().wantVerdict(plans.VerdictDone)
	if got := tr.world.did("turn-off"); !slices.Equal(got, []string{"web", "app", "db", "dc"}) || len(asked) != 4 {
		t.Errorf("turned off %v, asked %v", got, asked)
	}
	for _, vm := range northVMs {
		tr.wantOrder(vm+" turn-off@HQ1", vm+" no-auto-start@HQ1", vm+" start-failover@DR1", vm+" start@DR1")
	}
	tr.wantOrder("dc turn-off@HQ1", "dc start@DR1")
}

func TestUnplannedFenceByPolicyAsksNobody(t *testing.T) {
	tr := seenSite(t, approving)
	tr.in.Fence = plans.FenceShutDown
	tr.run().wantVerdict(plans.VerdictDone)
	if got := tr.world.did("shut-down"); !slices.Equal(got, []string{"web", "app", "db", "dc"}) {
		t.Errorf("shut down in the order %v", got)
	}
}

// Somebody failed a VM over by hand: accept goes on with it, and says nothing of
// a point that nobody knows.
func TestUnplannedAcceptsAnothersFailover(t *testing.T) {
	tr := lostSite(t, once("dc", plans.Answer{Choice: plans.ChoiceAccept}))
	tr.world.pair("dc", func(p *plans.Pair) { p.Target.State, p.Target.FailoverType = "FailedOverWaitingCompletion", "Regular" })
	tr.run().wantVerdict(plans.VerdictDone)
	if got := tr.world.of("dc"); !slices.Equal(got, []string{"start@DR1", "gate@DR1"}) {
		t.Errorf("dc: %v", got)
	}
}

func TestUnplannedKeepsThePoint(t *testing.T) {
	tr := lostSite(t, approving)
	point := plans.Point{ID: "p-1", Kind: "AppConsistentReplica", Time: time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)}
	tr.in.Steps[1].VMs[0].Point = point
	var failedOver []plans.Point
	tr.world.before = func(in activities.AdvanceIn, d plans.Decision) (*activities.AdvanceOut, error) {
		if d.Verb == plans.VerbStartFailover && in.VM.Label == "dc" {
			failedOver = append(failedOver, in.Intent.Point)
		}
		return nil, nil
	}
	tr.run().wantVerdict(plans.VerdictDone)
	if len(failedOver) != 1 || failedOver[0] != point || tr.vm("dc").Point != point {
		t.Errorf("failed over to %v, the status says %v", failedOver, tr.vm("dc").Point)
	}
}

// The failover itself is refused: bring-back loses nothing only when this run
// made the failover and never started the copy.
func TestUnplannedBringBackOnlyOfItsOwn(t *testing.T) {
	for _, verb := range []plans.Verb{plans.VerbStartFailover, plans.VerbStart} {
		t.Run(string(verb), func(t *testing.T) {
			asked := false
			tr := lostSite(t, func(n int, s plans.RunStatus) *plans.Answer {
				q, ok := question(s, "web")
				if !ok {
					return approving(n, s)
				}
				asked = true
				if slices.Contains(q.Choices, plans.ChoiceBringBack) {
					t.Errorf("offers %v", q.Choices)
				}
				return &plans.Answer{Choice: plans.ChoiceSkip, VM: "web", Reason: "later"}
			})
			tr.world.refusing("web", verb, new(bool))
			tr.run()
			if !asked {
				t.Error("nobody was asked")
			}
		})
	}
}

// every act of every other operation, killed once before it reached the host
// and once after it was done: the same end, no act done twice.
func TestEveryOperationKilledAtEveryStep(t *testing.T) {
	for _, c := range []struct {
		name  string
		make  func(*testing.T, desk) *trial
		verbs []plans.Verb
		acts  int
	}{
		{"unplanned", lostSite, []plans.Verb{plans.VerbStartFailover, plans.VerbStart}, 3},
		{"unplanned-seen", func(t *testing.T, d desk) *trial {
			tr := seenSite(t, d)
			tr.in.Fence = plans.FenceShutDown
			return tr
		}, []plans.Verb{plans.VerbShutDown, plans.VerbNoAutoStart, plans.VerbStartFailover, plans.VerbStart}, 5},
		{"commit", toCommit, []plans.Verb{plans.VerbComplete}, 2},
		{"reprotect", toReprotect, []plans.Verb{plans.VerbComplete, plans.VerbAsReplica, plans.VerbReverse, plans.VerbStartInitial}, 4},
		{"test", toTest, []plans.Verb{plans.VerbSetTestNetwork, plans.VerbStartTest, plans.VerbStart, plans.VerbStopTest}, 4},
	} {
		for _, verb := range c.verbs {
			for _, late := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/late=%v", c.name, verb, late), func(t *testing.T) {
					tr := c.make(t, approving)
					lost := map[string]bool{}
					kill := func(in activities.AdvanceIn, d plans.Decision) error {
						tr.world.mu.Lock()
						defer tr.world.mu.Unlock()
						if d.Verb != verb || lost[in.VM.ID] {
							return nil
						}
						lost[in.VM.ID] = true
						return errLost
					}
					if late {
						tr.world.after = kill
					} else {
						tr.world.before = func(in activities.AdvanceIn, d plans.Decision) (*activities.AdvanceOut, error) {
							return nil, kill(in, d)
						}
					}
					tr.run().wantVerdict(plans.VerdictDone)
					for _, vm := range northVMs {
						if acts := tr.world.of(vm); len(acts) != c.acts || len(slices.Compact(slices.Sorted(slices.Values(acts)))) != c.acts {
							t.Errorf("%s: %v, want %d acts, none twice", vm, acts, c.acts)
						}
					}
					if len(lost) != 4 {
						t.Errorf("%d of 4 answers were lost", len(lost))
					}
				})
			}
		}
	}
}
