package plans

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheWalkAsksEveryQuestionOnce(t *testing.T) {
	names, asked := map[string]bool{}, map[string]bool{}
	for _, s := range SelfTestWalk(true) {
		require.False(t, names[s.Name], "%s is a step twice", s.Name)
		names[s.Name] = true
		for _, id := range s.Asks {
			require.False(t, asked[id], "%s is asked twice", id)
			require.NotPanics(t, func() { selfTestQuestion(id) })
			asked[id] = true
		}
		require.NotEmpty(t, s.Says)
		require.Equal(t, s.Verb == VerbAsReplica, s.Allowed != nil, s.Name)
		if s.Until != nil || s.Cycle {
			require.Positive(t, s.Patience, s.Name)
		}
	}
	for _, q := range SelfTestQuestions() {
		require.True(t, asked[q.ID], "%s is never asked", q.ID)
		require.NotEmpty(t, q.Assumes)
	}
	for _, s := range SelfTestWalk(false) {
		require.False(t, s.Hours)
	}
	require.Less(t, len(SelfTestWalk(false)), len(SelfTestWalk(true)))
}

func selfTestPair(a, b SelfTestView) SelfTestSight {
	a.Seen, a.Here, b.Seen, b.Here = true, true, true, true
	return SelfTestSight{A: a, B: b}
}

func TestWhatFollowsInAStep(t *testing.T) {
	off, running := selfTestPair(SelfTestView{Power: "Off", Mode: "None", State: "Disabled"}, SelfTestView{}), selfTestPair(SelfTestView{Power: "Running"}, SelfTestView{})
	hard := SelfTestStep{Name: "on", At: SelfTestA, Verb: VerbStart, Until: sees(SelfTestA, "Running", "", ""), Patience: time.Minute}
	look := SelfTestStep{Name: "look", At: SelfTestA, Until: sees(SelfTestA, "Running", "", ""), Patience: time.Minute}
	soft, settle, asks := look, look, probe(hard, "other-start-refusal")
	soft.Soft, settle.Settle = true, time.Minute
	failed := SelfTestProgress{Acted: true, Outcome: "failed", Code: "OperationFailed", Error: "HV-A: no"}
	for name, c := range map[string]struct {
		step   SelfTestStep
		p      SelfTestProgress
		s      SelfTestSight
		waited time.Duration
		want   SelfTestKind
		why    string
	}{
		"acts":                  {hard, SelfTestProgress{}, off, 0, SelfTestAct, ""},
		"is so already":         {hard, SelfTestProgress{}, running, 0, SelfTestOver, ""},
		"waits for what it did": {hard, SelfTestProgress{Acted: true, Outcome: "done"}, off, time.Second, SelfTestWait, "hosts"},
		"has come about":        {hard, SelfTestProgress{Acted: true, Outcome: "done"}, running, time.Second, SelfTestOver, ""},
		"does not come about":   {hard, SelfTestProgress{Acted: true, Outcome: "done"}, off, time.Minute, SelfTestBroken, "did not come about in 1m"},
		"is refused":            {hard, failed, off, 0, SelfTestBroken, "was refused: HV-A: no"},
		"refused, and came":     {hard, failed, running, 0, SelfTestOver, ""},
		"a probe is refused":    {asks, failed, off, 0, SelfTestOver, ""},
		"lost, and came":        {hard, SelfTestProgress{Acted: true, Outcome: "no-answer"}, running, 0, SelfTestOver, ""},
		"never sent":            {hard, SelfTestProgress{Outcome: "not-sent", Error: "unreachable"}, off, time.Hour, SelfTestBroken, "unreachable"},
		"a look waits":          {look, SelfTestProgress{}, off, 0, SelfTestWait, ""},
		"a look gives up":       {look, SelfTestProgress{}, off, time.Minute, SelfTestBroken, "did not"},
		"a soft look goes on":   {soft, SelfTestProgress{}, off, time.Minute, SelfTestOver, "did not"},
		"settles first":         {settle, SelfTestProgress{}, running, time.Second, SelfTestWait, "time"},
		"a host is dark":        {hard, SelfTestProgress{}, SelfTestSight{A: off.A}, 0, SelfTestWait, "does not answer"},
		"a host stays dark":     {hard, SelfTestProgress{}, SelfTestSight{A: off.A, B: SelfTestView{Why: "no route"}}, time.Hour, SelfTestBroken, "no route"},
	} {
		d := NextSelfTest(c.step, SelfTestSetup{}, c.p, c.s, c.waited)
		require.Equal(t, c.want, d.Kind, name)
		require.Contains(t, d.Why, c.why, name)
		if d.Kind == SelfTestWait {
			require.Positive(t, d.In, name)
		}
	}
	d := NextSelfTest(asks, SelfTestSetup{}, failed, off, 0)
	require.Equal(t, []SelfTestAnswer{{"other-start-refusal", "refused: OperationFailed", AsModel}}, d.Answers)
	again := failed
	again.Again = true
	require.Equal(t, Untold, NextSelfTest(asks, SelfTestSetup{}, again, off, 0).Answers[0].Reading, "an answer that may be to another attempt tells nothing")
	require.Equal(t, Expect{Power: "Off", Mode: "None", State: "Disabled"}, NextSelfTest(hard, SelfTestSetup{}, SelfTestProgress{}, off, 0).Expect)
}

// Whatever a copy is, cleaning it takes acts that a host allows, in few of them, and
// removes nothing that is not marked, off and alone.
func TestCleaningEndsAndRemovesOnlyWhatIsAtRest(t *testing.T) {
	for _, power := range []string{"Off", "Running", "Saved", "Paused"} {
		for _, mode := range []string{"None", "Primary", "Replica"} {
			for _, state := range []string{"Disabled", "Replicating", "PreparedForFailover", "FailedOverWaitingCompletion", "Resynchronizing", "Error"} {
				for _, test := range []string{"", "some"} {
					l := SelfTestLeft{VM: "x", SelfTestView: SelfTestView{Seen: true, Here: true, Power: power, Mode: mode, State: state, TestVM: test}}
					gone := false
					for range 6 {
						c := NextSelfTestCleaning(l)
						switch c.Verb {
						case VerbSelfTestMark:
							l.Marked, l.Last = true, true
						case VerbStopTest:
							l.TestVM = ""
						case VerbTurnOff:
							l.Power = "Off"
						case VerbRemove:
							l.Mode, l.State = "None", "Disabled"
						case VerbSelfTestRemove:
							require.True(t, l.Marked && l.Power == "Off" && l.Mode == "None" && l.TestVM == "", "%+v", l)
							gone = true
						default:
							t.Fatalf("%+v leads to %+v", l, c)
						}
						if gone {
							break
						}
					}
					require.True(t, gone, "%s/%s/%s", power, mode, state)
				}
			}
		}
	}
	for _, l := range []SelfTestView{{Power: "Stopping", Marked: true}, {Power: "Off", Mode: "Replica", State: "RecoveryInProgress", Marked: true}, {Power: "Off", Mode: "None", Marked: true, Disks: []string{`D:\x_1.AVHDX`}}} {
		c := NextSelfTestCleaning(SelfTestLeft{SelfTestView: l, Last: true})
		require.Empty(t, c.Verb, "%+v", l)
		require.Positive(t, c.In)
	}
	alone := SelfTestLeft{SelfTestView: SelfTestView{Power: "Off", Mode: "None", Marked: true}}
	require.Empty(t, NextSelfTestCleaning(alone).Verb, "its mark is what tells of a copy that is not seen")
}

// A trace names nobody, whatever hosts are called and whatever they say.
func TestATraceNamesNobody(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	word := func(letters string, n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte(letters[r.IntN(len(letters))])
		}
		return b.String()
	}
	const lower, hexes = "abcdefghijklmnopqrstuvwxyz", "0123456789abcdef"
	for range 100 {
		guid := fmt.Sprintf("%s-%s-%s-%s-%s", word(hexes, 8), word(hexes, 4), word(hexes, 4), word(hexes, 4), word(hexes, 12))
		ip := fmt.Sprintf("%d.%d.%d.%d", 1+r.IntN(254), r.IntN(256), r.IntN(256), r.IntN(256))
		ip6 := "fe80::" + word(hexes, 4) + ":" + word(hexes, 4)
		domain := word(lower, 7) + "." + word(lower, 6)
		host := func() string { return strings.ToUpper(word(lower, 4) + "-" + word(lower, 5)) }
		a, b, user := host(), host(), word(lower, 9)
		s := SelfTestSetup{
			Name: SelfTestPrefix + word(lower, 6), By: user,
			A: SelfTestParty{Host: a, Site: word(lower, 8), Replica: strings.ToLower(a) + "." + domain, Thumbprint: strings.ToUpper(word(hexes, 40)), Windows: "10.0.20348"},
			B: SelfTestParty{Host: b, Site: word(lower, 8), Replica: strings.ToLower(b) + "." + domain, Thumbprint: strings.ToUpper(word(hexes, 40)), Entries: []string{"*." + domain}},
		}
		mac := "00:15:5D:" + strings.ToUpper(word(hexes, 2)+":"+word(hexes, 2)+":"+word(hexes, 2))
		secrets := []string{guid, ip, ip6, domain, a, b, user, s.Name, s.A.Replica, s.A.Thumbprint, s.B.Thumbprint, s.A.Site, mac, strings.ReplaceAll(mac, ":", "")}
		r.Shuffle(len(secrets), func(i, j int) { secrets[i], secrets[j] = secrets[j], secrets[i] })
		text := "'" + strings.Join(secrets, "' ("[:1+r.IntN(3)]) + `' D:\Kunden\` + user + ` CORP\` + user
		if r.IntN(2) == 0 {
			text = strings.Join(secrets, []string{" ", ",", "'", "/", "; ", "\t"}[r.IntN(6)])
		}
		status := SelfTestStatus{Setup: s, Broken: text, At: "planned", Answers: []SelfTestAnswer{{"quiet-replication", text, AsModel}},
			Entries: []SelfTestEntry{{Step: "x", Code: text, Category: text, Outcome: text, A: text, B: strings.ToUpper(text)}}, Left: secrets}
		out, err := json.Marshal(TraceOf(status, "1", false))
		require.NoError(t, err)
		for _, secret := range secrets {
			require.NotContains(t, strings.ToLower(string(out)), strings.ToLower(secret), text)
		}
		require.Contains(t, string(out), "10.0.20348", "the version of Windows stays")
	}
}

func TestATraceSaysWhatALabNeeds(t *testing.T) {
	s := SelfTestStatus{Answers: []SelfTestAnswer{
		{"late-test-vm", "later", AsDialect}, {"synced-point", "no", AsModel}, {"after-cancel", "Off/Replicating/Warning", AsNeither}, {"exact-history", "1", AsDialect},
	}}
	trace := TraceOf(s, "1", true)
	require.Equal(t, []string{"late-test-vm", "exact-history"}, trace.Dialects)
	require.Equal(t, 3, s.Differs())
	require.Len(t, trace.Answers, len(SelfTestQuestions()))
	require.True(t, slices.ContainsFunc(trace.Answers, func(a SelfTestTraceReply) bool { return a.ID == "retries-for-ever" && a.Reading == Untold }))
	require.NotEmpty(t, trace.Unasked)
	require.Equal(t, "Off/Replicating/Warning", trace.Answers[slices.IndexFunc(trace.Answers, func(a SelfTestTraceReply) bool { return a.ID == "after-cancel" })].Answer, "words of Hyper-V stay")
}

func TestASelfTestNeedsTwoReplicaServers(t *testing.T) {
	well := func() map[SelfTestSide]SelfTestHost {
		h := SelfTestHost{Seen: true, Takes: true, Auth: "CertificateAndKerberos", KerberosPort: 80, CertificatePort: 443, Thumbprint: "AB"}
		return map[SelfTestSide]SelfTestHost{SelfTestA: h, SelfTestB: h}
	}
	change := func(f func(*SelfTestHost)) map[SelfTestSide]SelfTestHost {
		m := well()
		h := m[SelfTestB]
		f(&h)
		m[SelfTestB] = h
		return m
	}
	setup := SelfTestSetup{A: SelfTestParty{Host: "A"}, B: SelfTestParty{Host: "B"}}
	for name, c := range map[string]struct {
		said map[SelfTestSide]SelfTestHost
		code string
	}{
		"well":    {well(), ""},
		"silent":  {change(func(h *SelfTestHost) { *h = SelfTestHost{Why: "no route"} }), "self-test-host"},
		"off":     {change(func(h *SelfTestHost) { h.Takes = false }), "self-test-server"},
		"auth":    {change(func(h *SelfTestHost) { h.Auth = "None" }), "self-test-auth"},
		"left":    {change(func(h *SelfTestHost) { h.Marked = []string{"x"} }), "self-test-left"},
		"strange": {change(func(h *SelfTestHost) { h.Strays = []string{"x"} }), "self-test-stray"},
	} {
		got, found := PrepareSelfTest(setup, c.said)
		if c.code == "" {
			require.Empty(t, found, name)
			require.Equal(t, "Certificate", got.A.Auth)
			require.Equal(t, 443, got.B.Port)
			continue
		}
		require.True(t, slices.ContainsFunc(found, func(f Finding) bool { return f.Code == c.code }), "%s: %+v", name, found)
		require.Equal(t, c.code != "self-test-stray", Blocked(found), name)
	}
	kerberos := change(func(h *SelfTestHost) { h.Auth = "Kerberos" })
	got, _ := PrepareSelfTest(setup, kerberos)
	require.Equal(t, "Kerberos", got.A.Auth)
	require.Equal(t, 80, got.A.Port)
	clean := setup
	clean.Clean = true
	_, found := PrepareSelfTest(clean, change(func(h *SelfTestHost) { h.Takes, h.Marked = false, []string{"x"} }))
	require.False(t, Blocked(found), "what is left is removed from a host whatever it takes")
}
