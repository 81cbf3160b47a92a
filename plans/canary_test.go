package plans

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The canary of docs/configuration.md is read as it stands there.
func TestTheDocumentedCanaryIsValid(t *testing.T) {
	text, err := os.ReadFile("../docs/configuration.md")
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(text), "## Canaries\n")
	_, rest, _ = strings.Cut(rest, "```yaml\n")
	example, _, found := strings.Cut(rest, "```")
	require.True(t, found, "docs/configuration.md has no example of a canary")
	cfg, err := Decode(drilling(strings.NewReplacer("NG-HV01", "A", "NG-HV02", "B").Replace(example)))
	require.NoError(t, err)
	require.Equal(t, []Canary{{Name: "nightly", Host: "A", To: "B", Cron: "30 2 * * *", Timezone: "Europe/Dublin", Within: Duration(2 * time.Hour)}}, cfg.Canaries)
}

func TestACanaryThatCannotBeIsToldWhole(t *testing.T) {
	_, err := Decode(drilling(`canaries:
  - {name: Night 1, host: A, to: C, cron: "* *"}
  - {name: same, host: A, to: A, cron: "0 6 * * *", timezone: Mars, within: 1s}
  - {name: same, host: B, to: A, cron: "0 6 * * *"}
  - {name: never, host: B, to: A, cron: "0 0 30 2 *"}
`))
	require.Error(t, err)
	for _, want := range []string{
		`canaries[0].name: "Night 1" goes into the name of a VM`, `canaries[0].to: there is no host "C"`, "canaries[0].cron: ",
		"canaries[1].to: A is at the same site as A", `canaries[1].timezone: "Mars" is no time zone`, "canaries[1].within: 1s is too short",
		`canaries[2].name: canary "same" is there already, as number 2`, "drills.yaml:2:",
		"canaries[3].cron: no such day comes in five years",
	} {
		require.Contains(t, err.Error(), want)
	}
	cfg, err := Decode(drilling("canaries: [{name: n, host: B, to: A, cron: \"0 6 * * *\"}]\n"))
	require.NoError(t, err)
	require.Equal(t, DefaultCanaryWithin, cfg.Canaries[0].Within)
	calendar, err := cfg.Canaries[0].Calendar()
	require.NoError(t, err)
	require.Equal(t, noon.Add(18*time.Hour), calendar.Next(noon, 1)[0])
}

func canarySetup(t *testing.T) SelfTestSetup {
	t.Helper()
	cfg, err := Decode(drilling("canaries: [{name: n, host: A, to: B, cron: \"0 6 * * *\"}]\n"))
	require.NoError(t, err)
	s, err := ResolveCanary(cfg, cfg.Canaries[0], "abc123", 1, "", "")
	require.NoError(t, err)
	return s
}

// The run of a canary is that of any other VM: from where it is to where it shall
// be, with the hosts' names and certificates.
func TestTheRunsOfACanaryGoThereAndBack(t *testing.T) {
	s := canarySetup(t)
	s.A.Auth, s.A.Thumbprint, s.A.Replica = "Certificate", "AA", "a.example"
	s.B.Auth, s.B.Thumbprint, s.B.Replica = "Certificate", "BB", "b.example"
	require.Equal(t, "lifeboat-canary-n-abc123", s.Name)
	const id = "44444444-4444-4444-4444-444444444444"
	moves := 0
	for _, step := range s.Walk() {
		to, move := CanaryMove(step.Name)
		if !move {
			require.NotNil(t, step.Until, step.Name)
			continue
		}
		moves++
		in, err := CanaryRun(s, id, to, "r")
		require.NoError(t, err)
		require.Equal(t, PlannedFailover, in.Operation)
		require.Equal(t, s.At(to).Site, in.To)
		require.Empty(t, in.LeftOut)
		require.Equal(t, "n", in.Canary)
		vm := in.VMs()[0]
		require.Equal(t, [4]string{id, s.Other(to).Host, s.At(to).Host, s.Other(to).Replica}, [4]string{vm.ID, vm.SourceHost, vm.TargetHost, vm.ReverseTo})
		require.Equal(t, s.At(to).Thumbprint, vm.Thumbprint)
		require.Equal(t, to, step.At)
	}
	require.Equal(t, 2, moves)
	for _, step := range s.Walk() {
		_, known := SelfTestStepNamed(s, step.Name)
		require.True(t, known, step.Name)
	}
}

func TestWhatANightComesTo(t *testing.T) {
	s := SelfTestStatus{Setup: canarySetup(t), Verdict: VerdictDone, Cleaned: true, Walked: noon, Ended: noon.Add(time.Minute)}
	for step, took := range map[string]time.Duration{"enable": time.Second, "first-copy": 30 * time.Second, canaryThere: time.Minute, canaryOff: time.Hour, canaryBack: 2 * time.Minute} {
		s.Entries = append(s.Entries, SelfTestEntry{Step: step, Lasted: Duration(took)})
	}
	due := CanaryResult{Canary: "n", Due: noon, Host: "A", To: "B", Verdict: VerdictRunning}
	r := EndCanary(due, s)
	require.True(t, r.Passed())
	for part, want := range map[string]time.Duration{CanaryCopy: 31 * time.Second, CanaryFailover: time.Minute, CanaryFailback: 2 * time.Minute, CanaryRemoval: time.Minute} {
		took, known := r.Took(part)
		require.True(t, known, part)
		require.Equal(t, want, took, part)
	}
	require.Equal(t, "A to B in 1 min, back in 2 min, nothing left", r.Words())

	s.Verdict, s.Broken, s.At = VerdictStopped, "Stopped", "fail-over"
	stopped := EndCanary(due, s)
	_, known := stopped.Took(CanaryFailover)
	require.False(t, known, "a failover that stopped took no time that counts")
	_, known = stopped.Took(CanaryCopy)
	require.True(t, known)

	s.Verdict, s.Broken, s.At, s.Entries = VerdictStopped, "was refused: x", "enable", nil
	r = EndCanary(due, s)
	require.Equal(t, [2]string{"failed", "at the step enable: was refused: x"}, [2]string{r.Outcome(), r.Words()})
	s.Verdict, s.Cleaned, s.Left = VerdictStuck, false, []string{"lifeboat-canary-n-abc123 at B: turn it off"}
	r = EndCanary(due, s)
	require.Equal(t, "left behind", r.Outcome())
	require.Contains(t, r.Words(), "Left: lifeboat-canary-n-abc123 at B")
	r.Why, r.Step = "", ""
	require.Equal(t, "it went there and back. Left: lifeboat-canary-n-abc123 at B: turn it off", r.Words())
	_, removed := r.Took(CanaryRemoval)
	require.False(t, removed)
	r = EndCanary(due, SelfTestStatus{Setup: s.Setup, Verdict: VerdictRefused, Findings: []Finding{{Severity: Warning, Text: "w"}, {Severity: Blocker, Text: "B is no replica server", Remedy: "turn it on"}}})
	require.Equal(t, [3]string{"failed", "B is no replica server", "turn it on"}, [3]string{r.Outcome(), r.Words(), r.Remedy})
}

// People are told of a canary that fails until it passes; of one that steps aside
// once, nothing.
func TestWhenACanaryIsAProblem(t *testing.T) {
	at := func(hours int, r CanaryResult) CanaryResult {
		r.Canary, r.Due, r.Ended = "n", noon.Add(time.Duration(hours)*time.Hour), noon.Add(time.Duration(hours)*time.Hour+time.Minute)
		return r
	}
	passed, failed := CanaryResult{Verdict: VerdictDone}, CanaryResult{Verdict: VerdictStopped, Why: "w", Step: "s"}
	left, refused := CanaryResult{Verdict: VerdictStuck}, CanaryResult{Verdict: VerdictRefused, Why: "no host"}
	skipped := SkipCanary(CanaryResult{}, "busy")
	for i, c := range []struct {
		nights []CanaryResult // the oldest first
		want   string
		since  int
	}{
		{nil, "", 0},
		{[]CanaryResult{passed}, "", 0},
		{[]CanaryResult{passed, failed}, "failed", 1},
		{[]CanaryResult{failed, passed}, "", 0},
		{[]CanaryResult{passed, refused}, "failed", 1},
		{[]CanaryResult{passed, left}, "left", 1},
		{[]CanaryResult{failed, skipped}, "failed", 0},
		{[]CanaryResult{passed, skipped, skipped}, "", 0},
		{[]CanaryResult{passed, skipped, skipped, skipped}, "skipped", 1},
		{[]CanaryResult{skipped, skipped, skipped}, "skipped", 0},
	} {
		s := CanaryState{Canary: Canary{Name: "n", Host: "A", To: "B"}}
		for h, r := range c.nights {
			s.Results = append([]CanaryResult{at(h, r)}, s.Results...)
		}
		p, wrong := s.Problem()
		require.Equal(t, c.want != "", wrong, i)
		require.Equal(t, c.want, p.Key, i)
		if wrong {
			require.Equal(t, at(c.since, passed).Ended, p.Since, i)
			require.Equal(t, "lifeboat canary show n", p.Do)
		}
		w := AlertPolicy{}.WatchCanary(s)
		require.Equal(t, "canary/n", w.Key)
		require.Len(t, w.Problems, map[bool]int{true: 1}[wrong], i)
	}
}

// A canary that fails is a warning to the plans between its two sites, and to no
// others; a night's VM is nobody's stray.
func TestReadinessTellsOfACanaryThatFails(t *testing.T) {
	l := healthy()
	hosts := l.Run.Hosts
	bad := func(host, to string) CanaryState {
		return CanaryState{Canary: Canary{Name: "n", Host: host, To: to}, Results: []CanaryResult{{Verdict: VerdictStopped, Why: "w"}}}
	}
	l.Canaries = []CanaryState{bad(hosts[1].Name, hosts[0].Name), bad(hosts[0].Name, "elsewhere")}
	r := Ready(l)
	require.Equal(t, ReadyYes, r.Verdict)
	var codes []string
	for _, f := range r.Findings {
		codes = append(codes, fmt.Sprint(f.Code, " ", f.Severity))
	}
	require.Equal(t, []string{"canary warning"}, codes)
	l.Canaries[0].Results[0].Verdict = VerdictDone
	require.Empty(t, Ready(l).Findings)
	found := map[string]map[string]Copy{"A": {}}
	for id, name := range map[string]string{"1": CanaryPrefix + "n-abc", "2": SelfTestPrefix + "abc", "3": "real"} {
		found["A"][id] = Copy{VM: id, Name: name, Host: "A", Mode: "Primary"}
	}
	out, ok := ReadyOutside(Outside{}, ReadyLook{Now: noon}, found)
	require.True(t, ok)
	require.Equal(t, "real", out.VMs[0].Label)
	require.Len(t, out.VMs, 1)
}

func TestCanariesOfSeveralFilesAreOne(t *testing.T) {
	one := "canaries: [{name: n%d, host: A, to: B, cron: \"%s\"}]\n"
	files := append(drilling(fmt.Sprintf(one, 1, "0 6 * * *")), File{Name: "more.yaml", Data: fmt.Appendf(nil, one, 2, "x")})
	_, err := Decode(files)
	var all Errors
	require.True(t, errors.As(err, &all))
	require.Equal(t, "more.yaml", all[0].File)
	require.Contains(t, all[0].Field, "canaries[1].cron")
}

func TestTheVMsOfACanaryAreItsOwn(t *testing.T) {
	for name, own := range map[string]bool{
		"lifeboat-canary-a-x4k2pw": true, "lifeboat-canary-a-b-x4k2pw": false, "lifeboat-canary-ab-x4k2pw": false,
		"lifeboat-canary-a-": false, "lifeboat-selftest-a-x4k2pw": false,
	} {
		if IsCanaryVM("a", name) != own {
			t.Errorf("%s: want %v", name, own)
		}
	}
	if !IsCanaryVM("a-b", "lifeboat-canary-a-b-x4k2pw") {
		t.Error("a-b has none")
	}
}

// Nights that an engine missed while it was away are one problem, which names how
// many and from when to when.
func TestMissedNightsAreOneProblem(t *testing.T) {
	var s CanaryState
	for day := 9; day > 0; day-- {
		due := time.Date(2026, 3, day, 2, 30, 0, 0, time.UTC)
		s.Results = append(s.Results, SkipCanary(CanaryResult{Due: due, Ended: due.AddDate(0, 0, 30)}, "the engine was not there when it was due"))
	}
	p, wrong := s.Problem()
	if want := "it stepped aside 9 times in a row, due from 1 Mar 02:30 to 9 Mar 02:30 UTC, last: the engine was not there"; !wrong || !strings.HasPrefix(p.What, want) {
		t.Errorf("%v, %+v", wrong, p)
	}
}
