package activities

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
)

// Speeds of the simulation. What a host shows some seconds late is seen to be late
// at a slow one, whatever else the machine does.
const (
	benchSlow  = 6
	benchSpeed = 24
	benchFast  = 30
)

// masked are readings that another one hides: a primary that never falls to Error
// cannot stay there, and an entry that nobody asks for is not asked by name.
var masked = map[string]string{"error-after-cancel": "retries-for-ever", "as-replica-names-entry": "as-replica-freely"}

// readingsOf are the names of a dialect that a self-test can tell.
func readingsOf(t *testing.T, d hypervisor.Dialect) []string {
	t.Helper()
	names := strings.Split(d.Name, ",")
	switch d.Name {
	case "plain":
		names = nil
	case "all":
		names = nil
		for _, r := range hypervisor.Readings() {
			names = append(names, r.Name)
		}
	}
	unasked := func(name string) bool {
		return slices.ContainsFunc(plans.SelfTestUnasked(), func(a plans.SelfTestAnswer) bool { return a.ID == name })
	}
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(names, masked[name]) || unasked(name) })
}

// someDialects are the plain one, all, and two that share the readings by chance,
// so that each reading is seen on and off; LIFEBOAT_DIALECTS=all takes each alone,
// -short only all.
func someDialects(t *testing.T) []hypervisor.Dialect {
	t.Helper()
	if os.Getenv("LIFEBOAT_DIALECTS") == "all" {
		return hypervisor.Dialects()
	}
	all := hypervisor.Dialects()[len(hypervisor.Dialects())-1]
	if testing.Short() {
		return []hypervisor.Dialect{all}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	var halves [2][]string
	for _, reading := range hypervisor.Readings() {
		side := r.IntN(2)
		halves[side] = append(halves[side], reading.Name)
	}
	out := []hypervisor.Dialect{{Name: "plain"}, all}
	for _, half := range halves {
		d, err := hypervisor.DialectNamed(strings.Join(half, ","))
		require.NoError(t, err)
		out = append(out, d)
	}
	return out
}

func TestASelfTestTellsWhatItsHostsDoOtherwise(t *testing.T) {
	t.Parallel()
	inTurn := make(chan struct{}, 6)
	var worlds sync.WaitGroup
	for _, d := range someDialects(t) {
		worlds.Go(func() {
			inTurn <- struct{}{}
			defer func() { <-inTurn }()
			tellsTheDialect(t, d)
		})
	}
	worlds.Wait()
}

// tellsTheDialect walks through a world of a dialect; one that did not tell it
// right has a second, slow walk, on which a busy machine has no bearing.
func tellsTheDialect(t *testing.T, d hypervisor.Dialect) {
	s, wrong := walkDialect(t, d, benchSpeed)
	if len(wrong) > 0 {
		t.Logf("%s, again and slower: %v", d.Name, wrong)
		s, wrong = walkDialect(t, d, benchSlow)
	}
	for _, w := range wrong {
		t.Errorf("%s: %s", d.Name, w)
	}
	if d.Name == "all" {
		playsAgain(t, plans.TraceOf(s, "test", true))
	}
}

func walkDialect(t *testing.T, d hypervisor.Dialect, speed float64) (s plans.SelfTestStatus, wrong []string) {
	b := newBench(t, d, speed)
	s = b.walk(nil)
	b.leftNothing(d.Name)
	if s.Broken != "" || !s.Cleaned {
		return s, append(wrong, fmt.Sprintf("broken %q, left %v", s.Broken, s.Left))
	}
	if said, want := plans.SelfTestDialects(s.Answers), readingsOf(t, d); !sameWords(said, want) {
		wrong = append(wrong, fmt.Sprintf("the self-test says %v, wanted %v", said, want))
	}
	for _, a := range s.Answers {
		hidden := slices.Contains(strings.Split(d.Name, ","), masked[a.ID]) || d.Name == "all" && masked[a.ID] != ""
		if a.Reading == plans.AsNeither || a.Reading == plans.Untold && !hidden {
			wrong = append(wrong, fmt.Sprintf("%s is %s: %s", a.ID, a.Reading, a.Answer))
		}
	}
	return s, wrong
}

// playsAgain: hosts that were made from a trace give the same answers.
func playsAgain(t *testing.T, trace plans.SelfTestTrace) {
	names := strings.Join(trace.Dialects, ",")
	d, err := hypervisor.DialectNamed(names)
	if err != nil {
		t.Error(err)
		return
	}
	second, wrong := walkDialect(t, d, benchSpeed)
	if len(wrong) > 0 {
		second, _ = walkDialect(t, d, benchSlow)
	}
	for i, a := range plans.TraceOf(second, "test", true).Answers {
		if a != trace.Answers[i] {
			t.Errorf("%s was %q (%s), and is %q (%s) where the trace is played", a.ID, trace.Answers[i].Answer, trace.Answers[i].Reading, a.Answer, a.Reading)
		}
	}
}

func sameWords(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// leftNothing looks at the ground truth: no VM and no file of a self-test is left,
// and the other VM is where it was.
func (b *bench) leftNothing(about string) {
	b.t.Helper()
	state := b.farm.State()
	for _, v := range state.Violations {
		b.t.Errorf("%s: %s", about, v)
	}
	kept := []string{}
	for _, c := range state.Copies {
		if strings.HasPrefix(c.Name, plans.SelfTestPrefix) {
			b.t.Errorf("%s: %s is left on %s", about, c.Name, c.Host)
			continue
		}
		kept = append(kept, c.Host+"/"+c.Mode+"/"+c.State+"/"+c.Power)
	}
	if want := []string{"HV-A/Primary/Replicating/Running", "HV-B/Replica/Replicating/Off"}; !slices.Equal(kept, want) {
		b.t.Errorf("%s: the other VM is %v", about, kept)
	}
	for _, h := range b.farm.Hosts() {
		files, err := h.Files(`D:\`, true)
		if err != nil {
			b.t.Error(err)
		}
		for _, f := range files {
			if strings.Contains(f.Path, plans.SelfTestPrefix) {
				b.t.Errorf("%s: %s is left on %s", about, f.Path, h.Name())
			}
		}
	}
}

// A self-test that ended anywhere is cleaned by its mark alone: whoever cleans
// need not know the VM.
func TestWhatASelfTestLeftIsFoundByItsMark(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	b := newBench(t, hypervisor.Dialect{Name: "plain"}, benchFast)
	mine, err := b.farm.Host("HV-A").CreateVM(t.Context(), hypervisor.Caller{By: "colleague"},
		hypervisor.NewVM{Name: "lifeboat-selftest-mine", Memory: 1 << 30, Generation: 2, DiskPath: `D:\VMs\mine.vhdx`, DiskBytes: 1 << 30})
	require.NoError(t, err)
	steps := plans.SelfTestWalk(false)
	for range 4 {
		at := steps[1+r.IntN(len(steps)-1)].Name
		look, err := b.acts.SelfTestLook(t.Context(), SelfTestLookIn{Setup: b.setup()})
		require.NoError(t, err)
		require.False(t, plans.Blocked(look.Findings), look.Findings)
		require.Equal(t, "self-test-stray", look.Findings[0].Code, "a VM with the name alone is told of")
		s := plans.SelfTestStatus{Setup: look.Setup}
		var p plans.SelfTestProgress
		for _, step := range steps {
			if step.Name == at {
				break
			}
			p = b.step(&s, step.Name, p)
		}
		require.Empty(t, s.Broken)
		blocked, err := b.acts.SelfTestLook(t.Context(), SelfTestLookIn{Setup: b.setup()})
		require.NoError(t, err)
		require.True(t, plans.Blocked(blocked.Findings), "before %s: what is left keeps the next one from beginning", at)
		require.Empty(t, b.clean(look.Setup, ""), "before %s", at)
	}
	vm, there := b.farm.Host("HV-A").VM(mine)
	require.True(t, there, "a VM with the name and no mark is somebody's")
	require.Len(t, vm.Disks, 1)
	require.NoError(t, b.farm.Host("HV-A").RemoveVM(t.Context(), hypervisor.Caller{By: "colleague"}, mine))
	b.leftNothing("after four")
}

// The answers to the acts are lost now and then: the walk goes on, tells nothing
// wrong, and is cleaned.
func TestALostAnswerTellsNothing(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 3))
	var mu sync.Mutex
	b := newBench(t, hypervisor.Dialect{Name: "plain"}, benchFast)
	lost := map[string]int{}
	b.lose = func(_, function string) bool {
		mu.Lock()
		defer mu.Unlock()
		if r.IntN(3) > 0 {
			return false
		}
		lost[function]++
		return true
	}
	s := b.walk(nil)
	require.Empty(t, s.Broken, lost)
	require.Empty(t, s.Left)
	require.NotEmpty(t, lost)
	for _, a := range s.Answers {
		require.Contains(t, []plans.SelfTestReading{plans.AsModel, plans.Untold}, a.Reading, "%s: %s", a.ID, a.Answer)
	}
	b.leftNothing("lost answers")
}

// A host that refuses what the walk needs ends it; what was made is removed.
func TestAHostThatRefusesEndsTheWalk(t *testing.T) {
	t.Parallel()
	b := newBench(t, hypervisor.Dialect{Name: "plain"}, benchFast)
	b.refuse = func(host, function string) string {
		if host == "HV-B" && function == "Start-LifeboatFailover" {
			return "OperationFailed,Microsoft.HyperV.PowerShell.Commands.StartVMFailover"
		}
		return ""
	}
	s := b.walk(nil)
	require.Contains(t, s.Broken, "planned was refused")
	require.Equal(t, "planned", s.At)
	require.True(t, s.Cleaned, s.Left)
	b.leftNothing("refused")
	trace := plans.TraceOf(s, "test", true)
	require.Equal(t, "planned", trace.Broken)
	require.NotContains(t, fmt.Sprint(trace), "HV-B")
}

// What cannot be removed is said, and nothing else is tried in its place.
func TestACleanUpThatIsRefusedSaysWhatIsLeft(t *testing.T) {
	t.Parallel()
	b := newBench(t, hypervisor.Dialect{Name: "plain"}, benchFast)
	refused := false
	b.refuse = func(_, function string) string {
		if function == "Remove-LifeboatSelftest" && !refused {
			return "OperationFailed"
		}
		return ""
	}
	look, err := b.acts.SelfTestLook(t.Context(), SelfTestLookIn{Setup: b.setup()})
	require.NoError(t, err)
	s := plans.SelfTestStatus{Setup: look.Setup}
	b.step(&s, "make", plans.SelfTestProgress{})
	out, err := b.acts.SelfTestClean(t.Context(), SelfTestCleanIn{Run: "r", Setup: look.Setup})
	require.NoError(t, err)
	require.Len(t, out.Left, 1)
	require.Contains(t, out.Left[0], "lifeboat-selftest-bench at HV-A")
	refused = true
	require.Empty(t, b.clean(look.Setup, ""))
	b.leftNothing("in the end")
}

// Hosts that cannot take a self-test are told before anything is made.
func TestASelfTestIsRefusedBeforeItBegins(t *testing.T) {
	t.Parallel()
	b := newBench(t, hypervisor.Dialect{Name: "plain"}, benchFast)
	setup := b.setup()
	setup.B.Host = "HV-X"
	look, err := b.acts.SelfTestLook(t.Context(), SelfTestLookIn{Setup: setup})
	require.NoError(t, err)
	require.True(t, plans.Blocked(look.Findings))
	require.Contains(t, look.Findings[0].Text, "HV-X")
	b.farm.Cut("HV-B", "colleague")
	look, err = b.acts.SelfTestLook(t.Context(), SelfTestLookIn{Setup: b.setup()})
	require.NoError(t, err)
	require.True(t, plans.Blocked(look.Findings), look.Findings)
	require.Empty(t, b.book.before, "nothing was done")
}
