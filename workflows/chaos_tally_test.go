package workflows

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// chaosTally counts what was really played.
type chaosTally struct {
	stories, moved, answers, returned atomic.Int64

	mu                  sync.Mutex
	runs, ended, faults map[string]int
	// kills and struck are by cmdlet and moment, or trouble.
	kills, struck map[string]map[string]int
}

func newChaosTally() *chaosTally {
	return &chaosTally{runs: map[string]int{}, ended: map[string]int{}, faults: map[string]int{}, kills: map[string]map[string]int{}, struck: map[string]map[string]int{}}
}

func (s *chaosTally) add(to map[string]int, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to[key]++
}

func (s *chaosTally) addTo(to map[string]map[string]int, key, kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if to[key] == nil {
		to[key] = map[string]int{}
	}
	to[key][kind]++
}

func (s *chaosTally) fault(name string)  { s.add(s.faults, name) }
func (s *chaosTally) run(op string)      { s.add(s.runs, op) }
func (s *chaosTally) end(verdict string) { s.add(s.ended, verdict) }

func (s *chaosTally) kill(moment, called string) { s.addTo(s.kills, called, moment) }

func (s *chaosTally) faultAt(name, called string) {
	s.fault(name)
	s.addTo(s.struck, called, name)
}

func count(of map[string]int) (n int) {
	for _, v := range of {
		n += v
	}
	return n
}

func list(of map[string]int) string {
	var words []string
	for _, key := range slices.Sorted(maps.Keys(of)) {
		words = append(words, fmt.Sprintf("%s %d", key, of[key]))
	}
	return strings.Join(words, ", ")
}

// moments are when an engine is killed around an act.
var moments = []string{"before", "during", "after", journalled}

// killed says at which points the engine was killed, by cmdlet.
func (s *chaosTally) killed() string {
	all, points, words := 0, 0, []string{}
	for _, called := range slices.Sorted(maps.Keys(s.kills)) {
		of := s.kills[called]
		all, points = all+count(of), points+len(of)
		if called == "" {
			words = append(words, list(of))
			continue
		}
		var at []string
		for _, m := range moments {
			at = append(at, fmt.Sprint(of[m]))
		}
		words = append(words, called+" "+strings.Join(at, "/"))
	}
	return fmt.Sprintf("%d, at %d points (%s): %s", all, points, strings.Join(moments, "/"), strings.Join(words, ", "))
}

// pairs is how many pairs of trouble and cmdlet there were.
func (s *chaosTally) pairs() (n int) {
	for _, of := range s.struck {
		n += len(of)
	}
	return n
}

// table is the block of docs/reliability.md.
func (s *chaosTally) table(took time.Duration, breaks int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := [][2]string{
		{"stories (a world, several operations, troubles, the way to done)", fmt.Sprint(s.stories.Load())},
		{"runs", fmt.Sprintf("%d: %s", count(s.runs), list(s.runs))},
		{"how runs ended", list(s.ended)},
		{"answers of people", fmt.Sprint(s.answers.Load())},
		{"engine killed", s.killed()},
		{"faults that struck", fmt.Sprintf("%d: %s", count(s.faults), list(s.faults))},
		{"pairs of trouble and cmdlet", fmt.Sprintf("%d of %d", s.pairs(), len(chaosTroubles)*len(chaosActs))},
		{"requests answered \"moved\", nothing done", fmt.Sprint(s.moved.Load())},
		{"old copies that a returning host started beside the good one", fmt.Sprint(s.returned.Load())},
		{"invariants broken", fmt.Sprint(breaks)},
		{"took", fmt.Sprintf("%s, %.0f runs a minute", took.Round(time.Second), float64(count(s.runs))/took.Minutes())},
	}
	var b strings.Builder
	b.WriteString("| simulated hosts, workflow test environment | |\n|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s |\n", r[0], r[1])
	}
	return b.String()
}

// enough is how many stories must have met everything at least once.
const enough = 1000

// spread fails a long playing that has left something out: an operation, or an
// act at which the engine did not die before, during, after and once written.
func (s *chaosTally) spread(t *testing.T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, op := range chaosOperations {
		if s.runs[op.name] == 0 {
			t.Errorf("%s was never played", op.name)
		}
	}
	for _, act := range chaosActs {
		rare := act.cmdlet == "Resume-VMReplication" // only where a first copy breaks off, or tracking is lost in between
		for _, m := range moments {
			if s.kills[act.called][m] == 0 && !rare {
				t.Errorf("the engine was never killed %s %s", m, act.called)
			}
		}
	}
}
