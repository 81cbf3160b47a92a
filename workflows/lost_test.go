package workflows

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// every act of a run, killed once before it reached the host and once after
// it was done: the run ends as without, and no act is done twice.
func TestKilledAtEveryStep(t *testing.T) {
	verbs := []plans.Verb{plans.VerbShutDown, plans.VerbPrepareFailover, plans.VerbStartFailover, plans.VerbStart, plans.VerbReverse}
	for _, policy := range []plans.ReversePolicy{plans.ReverseAfterGates, plans.ReverseBeforeStart, plans.ReverseOnCommit} {
		for _, verb := range verbs {
			for _, late := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/late=%v", policy, verb, late), func(t *testing.T) {
					in := northwind()
					in.Reverse = policy
					tr := newTrial(t, in, approving)
					lost := map[string]bool{}
					kill := func(in activities.AdvanceIn, d plans.Decision) error {
						tr.world.mu.Lock()
						defer tr.world.mu.Unlock()
						if d.Verb == verb && !lost[in.VM.ID] {
							lost[in.VM.ID] = true
							return errLost
						}
						return nil
					}
					if late {
						tr.world.after = kill
					} else {
						tr.world.before = func(in activities.AdvanceIn, d plans.Decision) (*activities.AdvanceOut, error) {
							return nil, kill(in, d)
						}
					}
					tr.run().wantVerdict(plans.VerdictDone)
					for _, vm := range []string{"dc", "db", "app", "web"} {
						acts := tr.world.of(vm)
						sorted := slices.Sorted(slices.Values(acts))
						if len(slices.Compact(sorted)) != len(acts) {
							t.Errorf("%s: done twice: %v", vm, acts)
						}
						s := tr.vm(vm)
						if !s.Changed || s.Irreversible != (policy != plans.ReverseOnCommit) {
							t.Errorf("%s: changed %v, irreversible %v although the views prove it", vm, s.Changed, s.Irreversible)
						}
					}
				})
			}
		}
	}
}

// answers that get lost at random: the same end, nothing done twice.
func TestLostAnswersAtRandom(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 1))
	for range 10 {
		tr := newTrial(t, northwind(), approving)
		tr.world.after = func(activities.AdvanceIn, plans.Decision) error {
			tr.world.mu.Lock()
			defer tr.world.mu.Unlock()
			if dice.IntN(3) == 0 {
				return errLost
			}
			return nil
		}
		tr.run().wantVerdict(plans.VerdictDone)
		for _, vm := range []string{"dc", "db", "app", "web"} {
			if acts := tr.world.of(vm); len(acts) != 6 {
				t.Errorf("seed %d: %s: %v", seed, vm, acts)
			}
		}
	}
}

// A lost answer is not "nothing was changed": the stopped run says so.
func TestStopAfterALostAnswerIsNotRefused(t *testing.T) {
	tr := newTrial(t, northwind(), nil)
	tr.world.after = func(in activities.AdvanceIn, d plans.Decision) error {
		if d.Verb == plans.VerbShutDown {
			// The activity is retried and finds the guest off.
			tr.world.mu.Lock()
			tr.world.after = nil
			tr.world.mu.Unlock()
			return errLost
		}
		return nil
	}
	tr.world.refusing("web", plans.VerbPrepareFailover, new(bool))
	tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
		if _, ok := question(s, "web"); ok {
			return &plans.Answer{Choice: plans.ChoiceStop}
		}
		return approving(n, s)
	}
	tr.run().wantVerdict(plans.VerdictStopped)
	if s := tr.vm("web"); !s.Changed || s.Verdict != plans.VerdictStopped {
		t.Errorf("web: %+v", s)
	}
}

func TestTheSameRunAgainConverges(t *testing.T) {
	first := newTrial(t, northwind(), nil)
	first.desk = func(n int, s plans.RunStatus) *plans.Answer {
		if first.world.index("db start-failover@DR1") >= 0 && n > 1 {
			return &plans.Answer{Choice: plans.ChoiceStop}
		}
		return approving(n, s)
	}
	first.run()
	second := newTrial(t, northwind(), approving)
	second.world.pairs = first.world.pairs
	second.run().wantVerdict(plans.VerdictDone)
	for _, vm := range []string{"dc", "db", "app", "web"} {
		acts := slices.DeleteFunc(append(first.world.of(vm), second.world.of(vm)...), func(a string) bool { return strings.HasPrefix(a, "gate") })
		want := []string{"shut-down@HQ1", "prepare-failover@HQ1", "start-failover@DR1", "start@DR1", "reverse-replication@DR1"}
		if !slices.Equal(acts, want) {
			t.Errorf("%s over both runs: %v", vm, acts)
		}
	}
}

// Another run holds db: this one says so, goes on with the rest, and follows
// the answer.
func TestVMHeldByAnotherRun(t *testing.T) {
	for _, choice := range []plans.Choice{plans.ChoiceRetry, plans.ChoiceSkip} {
		t.Run(string(choice), func(t *testing.T) {
			tr := newTrial(t, northwind(), nil)
			busy := true
			tr.wire.childID = func(id string) string {
				if busy && id == VMOperationID(guid("db")) {
					return stageRunID("plan/north", 2, 0) // an id that is in use
				}
				return id
			}
			tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
				for _, vm := range []string{"app", "web"} {
					if _, ok := question(s, vm); ok {
						return &plans.Answer{Choice: plans.ChoiceRetry, VM: vm}
					}
				}
				if q, ok := question(s, "db"); ok {
					if !strings.Contains(q.Text, VMOperationID(guid("db"))) {
						t.Errorf("db: %s", q.Text)
					}
					busy = false
					return &plans.Answer{Choice: choice, VM: "db", Reason: "the other run does it"}
				}
				return approving(n, s)
			}
			tr.run()
			done := map[plans.Choice]plans.Verdict{plans.ChoiceRetry: plans.VerdictDone, plans.ChoiceSkip: plans.VerdictSkipped}
			if s := tr.vm("db"); s.Verdict != done[choice] || choice == plans.ChoiceSkip && len(tr.world.of("db")) > 0 {
				t.Errorf("db is %s (%s): %v", s.Verdict, s.Doing, tr.world.of("db"))
			}
		})
	}
}
