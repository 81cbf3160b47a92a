package workflows

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/environment"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
)

// TestChaos plays stories in the workflow test environment: the real workflows,
// activities and table over simulated hosts, with lost answers, late acts,
// killed engines, crashed hosts and colleagues at random. A few seconds as a
// rule, as long as CHAOS_TIME says, or CHAOS_SEED alone.
func TestChaos(t *testing.T) {
	limit := 3 * time.Second
	if text := os.Getenv("CHAOS_TIME"); text != "" {
		var err error
		if limit, err = time.ParseDuration(text); err != nil {
			t.Fatalf("CHAOS_TIME: %v", err)
		}
	}
	first, alone := uint64(time.Now().UnixNano()), false
	if text := os.Getenv("CHAOS_SEED"); text != "" {
		var err error
		if first, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("CHAOS_SEED: %v", err)
		}
		alone = true
	}
	began, tally := time.Now(), newChaosTally()
	seeds := readChaosSeeds(t)
	if alone {
		seeds, limit = nil, 0
	}
	seeds = append(seeds, first)
	breaks := 0
	manyChaos(func(n uint64) bool {
		return n < uint64(len(seeds)) || (time.Since(began) < limit && breaks < 5)
	}, func(n uint64) ([]string, []string, uint64) {
		seed := first + n
		if n < uint64(len(seeds)) {
			seed = seeds[n]
		}
		broken, told := playChaos(t, seed, tally, nil)
		return broken, told, seed
	}, func(broken, told []string, seed uint64) {
		breaks++
		t.Errorf("CHAOS_SEED=%d go test ./workflows -run TestChaos\n  %s\nthe story:\n  %s", seed, strings.Join(broken, "\n  "), strings.Join(told, "\n  "))
	})
	if tally.stories.Load() == 0 {
		t.Error("not one story was played to its end")
	}
	if tally.stories.Load() >= enough {
		tally.spread(t)
	}
	fmt.Printf("\nCHAOS, fast level\n\n%s\n", tally.table(time.Since(began), breaks))
}

// manyChaos plays stories side by side while more says so; told are those that
// broke something.
func manyChaos(more func(n uint64) bool, play func(n uint64) ([]string, []string, uint64), told func(broken, story []string, seed uint64)) {
	var mu sync.Mutex
	var lanes sync.WaitGroup
	next := uint64(0)
	for range 2 * runtime.GOMAXPROCS(0) {
		lanes.Go(func() {
			for {
				mu.Lock()
				n := next
				next++
				on := more(n)
				mu.Unlock()
				if !on {
					return
				}
				broken, story, seed := play(n)
				if len(broken) > 0 {
					mu.Lock()
					told(broken, story, seed)
					mu.Unlock()
				}
			}
		})
	}
	lanes.Wait()
}

// readChaosSeeds are stories that broke something once.
func readChaosSeeds(t *testing.T) []uint64 {
	text, err := os.ReadFile("testdata/chaos-seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	var seeds []uint64
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		seed, err := strconv.ParseUint(line, 10, 64)
		if err != nil {
			t.Fatalf("chaos-seeds.txt: %v", err)
		}
		seeds = append(seeds, seed)
	}
	return seeds
}

func playChaos(t *testing.T, seed uint64, tally *chaosTally, sabotage chaosSabotage) (broken, told []string) {
	dice := rand.New(rand.NewPCG(seed, 0xfa57))
	env := chaosWorld(dice)
	dialects := hypervisor.Dialects()
	f, err := hypervisor.New(env, hypervisor.Options{Seed: int64(seed), Speed: chaosSpeed, Dialect: dialects[dice.IntN(len(dialects))]})
	if err != nil {
		return []string{err.Error()}, nil
	}
	defer f.Close()
	s := &chaosStory{t: t, seed: seed, dice: dice, tally: tally, farm: newChaosFarm(f, seed, tally), tries: map[string]int{}, given: map[string]uint64{}, newest: map[string]uint64{}, others: map[string]bool{}}
	s.farm.sabotage = sabotage
	s.reverse = []plans.ReversePolicy{plans.ReverseAfterGates, plans.ReverseAfterGates, plans.ReverseBeforeStart, plans.ReverseOnCommit}[dice.IntN(4)]
	s.limits = plans.Limits{Shutdown: 1 + dice.IntN(3), Move: 1 + dice.IntN(3), Start: 1 + dice.IntN(3), ShutdownWithin: plans.Duration(10 * time.Minute)}
	s.farm.note("%d VMs, reverse %s, dialect %s", len(env.VMs), s.reverse, f.Options().Dialect.Name)
	s.plan(env)
	s.first = s.copies()
	s.play()
	return s.broken, s.farm.notes
}

// testSwitch is where test copies are connected: a switch without a way out.
const testSwitch = "vSwitch-Test"

// chaosWorld is a small firm, in half of the stories with recovery points.
func chaosWorld(dice *rand.Rand) *environment.Environment {
	env := environment.Generate(2+dice.IntN(4), 1+dice.IntN(2))
	for i := range env.Hosts {
		env.Hosts[i].Switches = append(env.Hosts[i].Switches, environment.Switch{Name: testSwitch, Type: "Private"})
	}
	points := max(0, dice.IntN(8)-3)
	for i := range env.VMs {
		env.VMs[i].Replicate.Points = points
		env.VMs[i].Replicate.AppConsistentHours = min(points, dice.IntN(3))
	}
	return env
}
