package e2e

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// tally counts what was really played.
type tally struct {
	stories, judged, refused, answers, died atomic.Int64

	mu                                sync.Mutex
	runs, ended, faults, pairs, kills map[string]int
}

func newTally() *tally {
	return &tally{runs: map[string]int{}, ended: map[string]int{}, faults: map[string]int{}, pairs: map[string]int{}, kills: map[string]int{}}
}

func (s *tally) add(to map[string]int, key string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to[key] += n
}

func (s *tally) run(op string)            { s.add(s.runs, op, 1) }
func (s *tally) end(verdict string)       { s.add(s.ended, verdict, 1) }
func (s *tally) fault(kind string, n int) { s.add(s.faults, kind, n) }
func (s *tally) pair(kind string)         { s.add(s.pairs, kind, 1) }
func (s *tally) kill(point string)        { s.add(s.kills, point, 1) }

func total(of map[string]int) (n int) {
	for _, v := range of {
		n += v
	}
	return n
}

func listed(of map[string]int) string {
	var words []string
	for _, key := range slices.Sorted(maps.Keys(of)) {
		words = append(words, fmt.Sprintf("%s %d", key, of[key]))
	}
	return strings.Join(words, ", ")
}

// table is the block of docs/reliability.md.
func (s *tally) table(took time.Duration, breaks int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := [][2]string{
		{"stories (a world, several operations, troubles, the way to done)", fmt.Sprint(s.stories.Load())},
		{"runs", fmt.Sprintf("%d: %s", total(s.runs), listed(s.runs))},
		{"requests refused before anything changed", fmt.Sprint(s.refused.Load())},
		{"how runs ended", listed(s.ended)},
		{"answers of people", fmt.Sprint(s.answers.Load())},
		{"engine killed (`kill -9`)", fmt.Sprintf("%d, at %d points: %s", total(s.kills), len(s.kills), listed(s.kills))},
		{"faults that struck", fmt.Sprintf("%d: %s", total(s.faults), listed(s.faults))},
		{"pairs of fault kind and cmdlet", fmt.Sprint(len(s.pairs))},
		{"engine ended by itself", fmt.Sprint(s.died.Load())},
		{"invariants broken", fmt.Sprint(breaks)},
		{"took", took.Round(time.Second).String()},
	}
	var b strings.Builder
	b.WriteString("| simulated hosts, built binary, separate processes | |\n|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s |\n", r[0], r[1])
	}
	return b.String()
}

// chaosTask is one story to play.
type chaosTask struct {
	seed   uint64
	chosen []int // troubles; nil: all
	why    string
}

// TestChaos plays stories: first those that broke something once, then fresh
// seeds until CHAOS_TIME is over (one short one when it is not set). CHAOS_SEED plays one
// story alone, CHAOS_STEPS (1,3,4) only some of its troubles.
func TestChaos(t *testing.T) {
	limit := time.Duration(0)
	text := os.Getenv("CHAOS_TIME")
	if text == "" {
		beside(t, longest)
	} else {
		var err error
		if limit, err = time.ParseDuration(text); err != nil {
			t.Fatalf("CHAOS_TIME: %v", err)
		}
	}
	began, sum := time.Now(), newTally()
	var breaks atomic.Int64
	deadline := began.Add(limit)
	next := chaosTasks(t, deadline, limit == 0)
	t.Run("stories", func(t *testing.T) {
		lanes := 1
		if limit > 0 {
			lanes = min(3, runtime.NumCPU())
		}
		for lane := range lanes {
			t.Run(fmt.Sprintf("lane-%d", lane+1), func(t *testing.T) {
				t.Parallel()
				for task, ok := next(); ok; task, ok = next() {
					if !play(t, task, sum) {
						breaks.Add(1)
						shrink(t, task, sum, deadline)
					}
				}
			})
		}
	})
	fmt.Printf("\nCHAOS, real level\n\n%s\n", sum.table(time.Since(began), int(breaks.Load())))
}

// chaosTasks hands out what is to be played, to many lanes.
// Without much time the fresh one is the next short story.
func chaosTasks(t *testing.T, deadline time.Time, short bool) func() (chaosTask, bool) {
	var stored []chaosTask
	fresh := uint64(time.Now().UnixNano())
	for short && !isShort(t, fresh) {
		fresh++
	}
	alone := os.Getenv("CHAOS_SEED")
	if alone != "" {
		seed, err := strconv.ParseUint(alone, 10, 64)
		if err != nil {
			t.Fatalf("CHAOS_SEED: %v", err)
		}
		stored = []chaosTask{{seed, parseSteps(t, os.Getenv("CHAOS_STEPS")), "CHAOS_SEED"}}
	} else {
		stored = append(readSeeds(t), chaosTask{seed: fresh, why: "fresh"})
	}
	var mu sync.Mutex
	told := storiesTold{}
	return func() (chaosTask, bool) {
		mu.Lock()
		defer mu.Unlock()
		if len(stored) > 0 {
			task := stored[0]
			stored = stored[1:]
			return task, true
		}
		if alone != "" || !time.Now().Before(deadline) {
			return chaosTask{}, false
		}
		return chaosTask{seed: told.rarest(t, &fresh), why: "fresh"}, true
	}
}

// storiesTold counts, by operation, what the stories handed out so far ask for.
type storiesTold map[string]int

// rarest is, of the next few seeds, the one that asks for what was asked for
// least: every operation comes up though time is short.
func (c storiesTold) rarest(t *testing.T, next *uint64) (seed uint64) {
	var best *story
	least := 0
	for range 8 {
		*next++
		s, err := newStory(*next, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if n := c.seldom(s); best == nil || n < least {
			best, least = s, n
		}
	}
	c.add(best)
	return best.seed
}

func (c storiesTold) add(s *story) {
	for _, a := range s.acts {
		c[a.op.name]++
	}
}

// seldom is how often the rarest operation of a story was asked for.
func (c storiesTold) seldom(s *story) int {
	least := c[s.acts[0].op.name]
	for _, a := range s.acts {
		least = min(least, c[a.op.name])
	}
	return least
}

// isShort is true for a story of few acts and VMs.
func isShort(t *testing.T, seed uint64) bool {
	s, err := newStory(seed, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return len(s.acts) <= 2 && s.speed == 100 && len(s.troubles) <= 8
}

// readSeeds are the stories that broke something once: "seed [steps] # what".
func readSeeds(t *testing.T) []chaosTask {
	f, err := os.Open(filepath.Join("testdata", "chaos-seeds.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var tasks []chaosTask
	for lines := bufio.NewScanner(f); lines.Scan(); {
		text, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		seed, err := strconv.ParseUint(fields[0], 10, 64)
		if err != nil {
			t.Fatalf("chaos-seeds.txt: %v", err)
		}
		task := chaosTask{seed: seed, why: "chaos-seeds.txt"}
		if len(fields) > 1 {
			task.chosen = parseSteps(t, fields[1])
		}
		tasks = append(tasks, task)
	}
	return tasks
}

// parseSteps reads "1,3,4", counted from 1 as people do; "none" is no trouble.
func parseSteps(t *testing.T, text string) []int {
	if text == "" {
		return nil
	}
	steps := []int{}
	for word := range strings.SplitSeq(text, ",") {
		if word == "none" {
			continue
		}
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			t.Fatalf("steps %q: write them like 1,3,4", text)
		}
		steps = append(steps, n-1)
	}
	return steps
}

func stepsText(steps []int) string {
	if len(steps) == 0 {
		return "none"
	}
	words := make([]string, len(steps))
	for i, s := range steps {
		words[i] = strconv.Itoa(s + 1)
	}
	return strings.Join(words, ",")
}

func (c chaosTask) again() string {
	again := fmt.Sprintf("CHAOS_SEED=%d", c.seed)
	if c.chosen != nil {
		again += " CHAOS_STEPS=" + stepsText(c.chosen)
	}
	return again + " go test ./testenv/e2e -run TestChaos -v"
}

func play(t *testing.T, task chaosTask, sum *tally) bool {
	name := fmt.Sprint(task.seed)
	if task.chosen != nil {
		name += "/" + stepsText(task.chosen)
	}
	return t.Run(name, func(t *testing.T) {
		t.Logf("%s; again: %s", task.why, task.again())
		playStory(t, task.seed, task.chosen, sum)
	})
}

// shrink looks, while time is left, for fewer troubles that still break it.
func shrink(t *testing.T, task chaosTask, sum *tally, deadline time.Time) {
	s, err := newStory(task.seed, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if task.chosen == nil {
		for i := range s.troubles {
			task.chosen = append(task.chosen, i)
		}
	}
	smaller := true
	for size := len(task.chosen) / 2; size > 0 && (smaller || size > 1); {
		smaller = false
		for at := 0; at < len(task.chosen) && time.Now().Before(deadline); {
			less := task
			less.chosen = slices.Delete(slices.Clone(task.chosen), at, min(at+size, len(task.chosen)))
			if play(t, less, sum) {
				at += size
			} else {
				task, smaller = less, true
			}
		}
		if size = size / 2; size == 0 && smaller {
			size = 1
		}
		if !time.Now().Before(deadline) {
			break
		}
	}
	t.Errorf("the smallest case found: %s", task.again())
	for _, i := range task.chosen {
		t.Logf("  %s", s.troubles[i])
	}
}
