package plans

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func repairPolicies() []RepairPolicy {
	var out []RepairPolicy
	for _, resume := range []RepairMode{RepairAllow, RepairAsk, RepairNever} {
		for _, resync := range []RepairMode{RepairAllow, RepairAsk, RepairNever} {
			for _, window := range []string{"", "22:00-05:00"} { // noon is outside
				out = append(out, RepairPolicy{Resume: resume, ResumeAfter: Duration(time.Minute), ResumeTries: 2, Resync: resync, Window: window, AtOnce: 1, PerDay: 2})
			}
		}
	}
	return out
}

// pasts vary what is known of a VM, and of whoever shares its hosts.
func pasts() map[string]func(*RepairLook) {
	act := func(rung Rung, outcome string) RepairAct {
		return RepairAct{Rung: rung, At: noon.Add(-time.Hour), Outcome: outcome}
	}
	return map[string]func(*RepairLook){
		"long ago":      func(*RepairLook) {},
		"just now":      func(l *RepairLook) { l.VM.Since = noon },
		"paused before": func(l *RepairLook) { l.VM.Paused = true },
		"held":          func(l *RepairLook) { l.VM.Hold = &RepairHold{By: "Mia", Reason: "x"} },
		"yes to resume": func(l *RepairLook) { l.VM.Consent = &RepairConsent{Rung: RungResume, By: "Mia"} },
		"yes to resync": func(l *RepairLook) { l.VM.Consent = &RepairConsent{Rung: RungResync, By: "Mia"} },
		"resync now":    func(l *RepairLook) { l.VM.Consent = &RepairConsent{Rung: RungResync, By: "Mia", Now: true} },
		"held with a yes": func(l *RepairLook) {
			l.VM.Hold, l.VM.Consent = &RepairHold{By: "Mia", Reason: "x"}, &RepairConsent{Rung: RungResync, By: "Mia", Now: true}
		},
		"resumed enough":   func(l *RepairLook) { l.VM.Acts = []RepairAct{act(RungResume, "done"), act(RungResume, "no-answer")} },
		"never sent":       func(l *RepairLook) { l.VM.Acts = []RepairAct{act(RungResume, "not-sent"), act(RungResume, "moved")} },
		"resynced today":   func(l *RepairLook) { l.VM.Acts = []RepairAct{act(RungResync, "done")} },
		"sender busy":      func(l *RepairLook) { l.Load.Sending = 1 },
		"receiver busy":    func(l *RepairLook) { l.Load.Receiving = 1 },
		"budget used":      func(l *RepairLook) { l.Load.Today = 2 },
		"third copy":       func(l *RepairLook) { l.B.Extended = "Replicating" },
		"test copy":        func(l *RepairLook) { l.B.TestVM = "test" },
		"now, sender busy": func(l *RepairLook) { l.VM.Consent, l.Load.Sending = &RepairConsent{Rung: RungResync, Now: true}, 1 },
		"now, budget used": func(l *RepairLook) { l.VM.Consent, l.Load.Today = &RepairConsent{Rung: RungResync, Now: true}, 2 },
	}
}

// Every pair of words of Hyper-V, every policy and every past has an answer, and
// none is an unsafe rung.
func TestEveryPairHasASafeRung(t *testing.T) {
	copies, policies, asked, acted, faults := representatives(), repairPolicies(), 0, map[Verb]int{}, 0
	for name, with := range pasts() {
		for _, a := range copies {
			for _, b := range copies {
				for i, p := range policies {
					if name != "long ago" && i%5 != 0 { // all policies once
						continue
					}
					l := RepairLook{A: a, B: b, Policy: p, Now: noon, Speed: 1, VM: RepairVM{ID: "vm", Since: noon.Add(-3 * time.Hour)}}
					l.A.Host, l.B.Host, l.A.At, l.B.At = "A", "B", noon, noon
					with(&l)
					step := NextRepair(l)
					asked++
					acted[step.Verb]++
					if fault := unsafeRung(l, step); fault != "" {
						t.Errorf("%s: %s/%s/%s beside %s/%s/%s, %+v: %s: %+v", name, a.Power, a.Mode, a.State, b.Power, b.Mode, b.State, p, fault, step)
						if faults++; faults > 20 {
							t.FailNow()
						}
					}
				}
			}
		}
	}
	if asked < 100_000 || acted[VerbResume] == 0 || acted[VerbResync] == 0 {
		t.Errorf("%d questions were asked, acts: %v", asked, acted)
	}
}

// unsafeRung says which law a step breaks, "" for none. It reads the raw words.
func unsafeRung(l RepairLook, d RepairStep) string {
	s, r := l.A, l.B
	if l.B.Mode == "Primary" {
		s, r = l.B, l.A
	}
	switch {
	case d.Why == "" || d.Rung == "":
		return "no answer"
	case d.Rung == RungAsk && (d.Wants == "" || d.Remedy == ""):
		return "a question that nobody can answer"
	case d.Rung == RungWell && (s.State != "Replicating" || r.State != "Replicating" || r.Mode != "Replica"):
		return "well, and it does not replicate"
	case (d.Verb == "") != (d.Rung != RungResume && d.Rung != RungResync):
		return "a rung without its verb"
	case !d.Acts():
		return ""
	}
	own := s
	if d.Host == r.Host {
		own = r
	}
	consent := l.VM.Consent
	agreed := consent != nil && consent.Rung == d.Rung
	pausedNow := strings.HasSuffix(s.State, "Suspended") || strings.HasSuffix(r.State, "Suspended")
	switch {
	case !l.A.Reached || !l.B.Reached || !l.A.Exists || !l.B.Exists:
		return "an act with a side that is not seen, or not there"
	case s.Mode != "Primary" || r.Mode != "Replica" || !isOff(r.Power):
		return "an act on something else than a primary and its replica"
	case s.State == "PreparedForFailover" || strings.HasPrefix(r.State, "FailedOver") || r.State == "RecoveryInProgress":
		return "an act beside a failover"
	case d.Expect != Expect{own.Power, own.Mode, own.State}:
		return "expects another copy than it saw"
	case l.VM.Hold != nil:
		return "an act on what a person wants left alone"
	case (pausedNow || l.VM.Paused) && !agreed:
		return "an act on what people paused on purpose"
	case pausedNow && d.Verb != VerbResume:
		return "more than a resume of what is paused"
	}
	if d.Verb == VerbResume {
		mode := l.Policy.Resume
		switch {
		case own.State != "Error" && own.State != "UpdateError" && !pausedNow:
			return "a resume of what is not in error"
		case !agreed && mode != RepairAllow:
			return "a resume that the policy does not allow"
		case !agreed && (l.Now.Sub(l.VM.Since) < l.Policy.ResumeAfter.D() || lasting(l.VM.Acts, RungResume) >= l.Policy.ResumeTries):
			return "a resume too soon, or too often"
		}
		return ""
	}
	switch {
	case d.Verb != VerbResync || own.Mode != "Primary":
		return "an act that no ladder has"
	case own.State != "WaitingForStartResynchronize" && !(own.State == "Error" && lasting(l.VM.Acts, RungResume) >= l.Policy.ResumeTries):
		return "a resynchronization that is not needed"
	case r.TestVM != "":
		return "a resynchronization under a drill"
	case l.Load.Sending >= l.Policy.AtOnce || l.Load.Receiving >= l.Policy.AtOnce:
		return "more at once than the budget"
	case !(agreed && consent.Now) && (l.Policy.Window != "" || l.Load.Today >= l.Policy.PerDay):
		return "outside the window, or beyond the day's budget"
	case !agreed && (l.Policy.Resync != RepairAllow || r.Extended != "" || lasting(l.VM.Acts, RungResync) > 0):
		return "recovery points are lost and nobody agreed"
	}
	return ""
}

// lasting counts acts that took place, or may have.
func lasting(acts []RepairAct, rung Rung) (n int) {
	for _, a := range acts {
		if a.Rung == rung && a.Outcome != "not-sent" && a.Outcome != "moved" && a.Outcome != "expired" {
			n++
		}
	}
	return n
}

func TestTheWindowOpens(t *testing.T) {
	at := func(text string) time.Time {
		v, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, row := range []struct {
		window, zone, at string
		in               time.Duration
	}{
		{"", "", "2026-03-01T12:00:00Z", 0},
		{"22:00-05:00", "", "2026-03-01T12:00:00Z", 10 * time.Hour},
		{"22:00-05:00", "UTC", "2026-03-01T22:00:00Z", 0},
		{"22:00-05:00", "UTC", "2026-03-01T04:59:59Z", 0},
		{"22:00-05:00", "UTC", "2026-03-01T05:00:00Z", 17 * time.Hour},
		{"22:00-05:00", "Europe/Berlin", "2026-03-01T21:30:00Z", 0},
		{"22:00-05:00", "Europe/Berlin", "2026-07-01T20:30:00Z", 0},                 // summer time
		{"22:00-05:00", "America/New_York", "2026-03-01T12:00:00Z", 15 * time.Hour}, // 07:00 there
		{"01:00-02:30", "UTC", "2026-03-01T03:00:00Z", 22 * time.Hour},
	} {
		w, err := windowOf(RepairPolicy{Window: row.window, Timezone: row.zone})
		if err != nil {
			t.Fatal(err)
		}
		if got := w.opensIn(at(row.at)); got != row.in {
			t.Errorf("%s %s opens %s after %s, want %s", row.window, row.zone, got, row.at, row.in)
		}
	}
	for _, bad := range []RepairPolicy{{Window: "22:00"}, {Window: "22:00-22:00"}, {Window: "10-12"}, {Window: "25:00-01:00"}, {Timezone: "Mars/North"}} {
		if _, err := windowOf(bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// estate is hosts on which replication stops at random, and a ladder per sending
// host: what a storage fault does to sixty VMs at once.
type estate struct {
	random *rand.Rand
	now    time.Time
	vms    []*estateVM
	acts   int
}

type estateVM struct {
	s, r   Copy
	vm     RepairVM
	policy RepairPolicy
	// byHand is true from when somebody paused it until somebody resumed it, shown
	// once the ladder could see that.
	byHand, shown bool
	ends          time.Time
}

func (e *estate) load(v *estateVM) (l RepairLoad) {
	var mine []RepairVM
	for _, o := range e.vms {
		if o.s.State == "Resynchronizing" {
			if o.s.Host == v.s.Host {
				l.Sending++
			}
			if o.r.Host == v.r.Host {
				l.Receiving++
			}
		}
		if o.s.Host == v.s.Host {
			mine = append(mine, o.vm)
		}
	}
	l.Today = ResyncsIn(mine, e.now, 1)
	return l
}

// trouble does to a VM what the world does.
func (e *estate) trouble(v *estateVM) {
	switch e.random.IntN(12) {
	case 0:
		if v.s.State == "Replicating" {
			v.s.State = "Error"
		}
	case 1:
		if v.s.State == "Replicating" || v.s.State == "Error" || v.s.State == "Suspended" {
			v.s.State = "WaitingForStartResynchronize" // its host went down: a pause is forgotten there
		}
	case 2:
		if v.s.State == "Replicating" {
			v.s.State, v.byHand = "Suspended", true
		}
	case 3:
		if v.r.State == "Replicating" {
			v.r.State, v.byHand = "Suspended", true
		}
	case 4:
		if v.r.State == "Replicating" {
			v.r.State = "Error"
		}
	case 5:
		v.s.Reached = !v.s.Reached
	case 6: // a person resumes by hand
		if v.byHand {
			v.s.State, v.r.State, v.byHand = "Replicating", "Replicating", false
		}
	}
}

// climb lets the ladder look at a VM, and act.
func (e *estate) climb(t *testing.T, v *estateVM) {
	v.s.At, v.r.At = e.now, e.now
	if v.s.State == "Resynchronizing" && !e.now.Before(v.ends) {
		v.s.State, v.r.State = "Replicating", "Replicating"
	}
	if v.s.State != "Replicating" || v.r.State != "Replicating" {
		if v.vm.Since.IsZero() {
			v.vm.Since = e.now
		}
	}
	seen := func(c Copy) Copy {
		if !c.Reached {
			return Copy{Host: c.Host}
		}
		v.shown = v.byHand && (v.shown || c.State == "Suspended")
		return c
	}
	look := RepairLook{A: seen(v.s), B: seen(v.r), VM: v.vm, Policy: v.policy, Load: e.load(v), Now: e.now, Speed: 1}
	step := NextRepair(look)
	v.vm.Look(step, e.now, 1)
	if step.Rung == RungWell && v.vm.Resync != nil {
		v.vm.Settle(e.now, 1, 0)
	}
	if !step.Acts() {
		return
	}
	if fault := unsafeRung(look, step); fault != "" {
		t.Fatalf("%s: %+v", fault, step)
	}
	if v.shown && v.vm.Consent == nil {
		t.Fatalf("somebody paused it, nobody agreed, and: %+v", step)
	}
	e.acts++
	v.vm.Done(RepairAct{At: e.now, Rung: step.Rung, Host: step.Host, Outcome: "done"})
	switch {
	case step.Verb == VerbResync:
		v.s.State, v.r.State, v.ends = "Resynchronizing", "Resynchronizing", e.now.Add(time.Duration(1+e.random.IntN(180))*time.Minute)
		v.byHand = false
	case step.Host == v.r.Host:
		v.r.State, v.byHand = "Replicating", false
	default:
		v.s.State, v.byHand = "Replicating", false
	}
}

// Whatever stops, in whatever order: never more resynchronizations at once at a
// host, or in a day, than the budget, and never an act on what people paused.
func TestNoResyncStorm(t *testing.T) {
	seed := time.Now().UnixNano()
	if text := os.Getenv("LIFEBOAT_SEED"); text != "" {
		seed, _ = strconv.ParseInt(text, 10, 64)
	}
	t.Logf("LIFEBOAT_SEED=%d", seed)
	for round := range 5 {
		e := &estate{random: rand.New(rand.NewPCG(uint64(seed), uint64(round))), now: noon}
		policy := RepairPolicy{Resume: RepairAllow, ResumeAfter: Duration(5 * time.Minute), ResumeTries: 3, Resync: RepairAllow, AtOnce: 1 + e.random.IntN(2), PerDay: 1 + e.random.IntN(6)}
		for i := range 60 {
			side := func(host, mode, power string) Copy {
				return Copy{Host: host, Reached: true, Exists: true, VM: fmt.Sprint(i), Mode: mode, Power: power, State: "Replicating"}
			}
			e.vms = append(e.vms, &estateVM{s: side(fmt.Sprintf("S%d", i%3), "Primary", "Running"), r: side(fmt.Sprintf("R%d", i%2), "Replica", "Off"), vm: RepairVM{ID: fmt.Sprint(i)}, policy: policy})
		}
		for range 600 { // five minutes each: two days
			e.now = e.now.Add(5 * time.Minute)
			for _, i := range e.random.Perm(len(e.vms)) {
				v := e.vms[i]
				if e.random.IntN(8) == 0 {
					e.trouble(v)
				}
				if e.random.IntN(50) == 0 && v.vm.Step.Rung == RungAsk {
					v.vm.Consent = &RepairConsent{Rung: v.vm.Step.Wants, By: "Mia", At: e.now}
				}
				e.climb(t, v)
			}
			e.judge(t, policy)
		}
		if e.acts < 50 {
			t.Errorf("round %d: only %d rungs were taken", round, e.acts)
		}
	}
}

// judge counts what goes on, and what began in any day.
func (e *estate) judge(t *testing.T, p RepairPolicy) {
	t.Helper()
	going, today := map[string]int{}, map[string]int{}
	for _, v := range e.vms {
		if v.s.State == "Resynchronizing" {
			going[v.s.Host]++
			going[v.r.Host]++
		}
		for _, a := range v.vm.Acts {
			if a.Rung == RungResync && e.now.Sub(a.At) < 24*time.Hour {
				today[v.s.Host]++
			}
		}
	}
	for host, n := range going {
		if n > p.AtOnce {
			t.Fatalf("%d resynchronizations at once at %s, budget %d", n, host, p.AtOnce)
		}
	}
	for host, n := range today {
		if n > p.PerDay {
			t.Fatalf("%d resynchronizations in a day at %s, budget %d", n, host, p.PerDay)
		}
	}
}

func TestARepairPolicyIsRead(t *testing.T) {
	file := func(repair, group string) []File {
		text := minimalRepair + repair
		return []File{{Name: "c.yaml", Data: []byte(strings.Replace(text, "GROUP", group, 1))}}
	}
	cfg, err := Decode(file("repair: {resume_after: 10m, window: 22:00-05:00, timezone: Europe/Berlin, resyncs_at_once: 2}\n", "repair: {resync: allow, resume: never}"))
	if err != nil {
		t.Fatal(err)
	}
	got := Repairs(cfg)["11111111-2222-3333-4444-555555555555"]
	want := RepairPolicy{Resume: RepairNever, ResumeAfter: Duration(10 * time.Minute), ResumeTries: 3, Resync: RepairAllow, Window: "22:00-05:00", Timezone: "Europe/Berlin", AtOnce: 2, PerDay: 4, Drift: DriftReport}
	if got.Policy == nil || *got.Policy != want || got.From != "A" || got.To != "B" || !slices.Equal(got.Plans, []string{"p"}) {
		t.Errorf("%+v, policy %+v", got, got.Policy)
	}
	if cfg, err = Decode(file("", "rpo: 5m")); err != nil || Repairs(cfg)["11111111-2222-3333-4444-555555555555"].Policy != nil {
		t.Errorf("without a policy: %v, %+v", err, Repairs(cfg))
	}
	if cfg, err = Decode(file("repair: {resync: never}\n", "rpo: 5m")); err != nil || Repairs(cfg)["11111111-2222-3333-4444-555555555555"].Policy.ResumeAfter != Duration(10*time.Minute) {
		t.Errorf("two intervals: %v, %+v", err, Repairs(cfg))
	}
	_, err = Decode(file("repair: {resume: yes, window: 22-5, timezone: Mars, resyncs_per_day: -1}\n", "repair: {resyncs_at_once: 2}"))
	if err == nil || !strings.Contains(err.Error(), "allow, ask, never") {
		t.Errorf("a wrong word: %v", err)
	}
	_, err = Decode(file("repair: {window: 22-5, timezone: Mars, resume_tries: 99, resyncs_per_day: -1}\n", "repair: {resyncs_at_once: 2}"))
	for _, wanted := range []string{"repair.window", "repair.timezone", "repair.resume_tries", "repair.resyncs_per_day", "groups[0].repair.resyncs_at_once"} {
		if err == nil || !strings.Contains(err.Error(), wanted) {
			t.Errorf("%s is not said: %v", wanted, err)
		}
	}
}

const minimalRepair = `version: 1
sites: [{name: a}, {name: b, engine: true}]
hosts:
  - {name: A, site: a, address: 10.1.0.5, winrm: {user: u, secret: "env:P"}}
  - {name: B, site: b, address: 10.2.0.5, winrm: {user: u, secret: "env:P"}}
groups:
  - name: g
    from: A
    to: B
    frequency: 5m
    GROUP
    vms: [{name: V, id: 11111111-2222-3333-4444-555555555555}]
plans:
  - {name: p, from: a, to: b, steps: [{stage: one, vms: [{vm: V}]}]}
`
