package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

const watchedVM = "0f6c3a52-9a33-4a53-9f6d-3f9c8f6d0a01"

// pretend is a host that answers reads by a script, or not.
type pretend struct {
	name string
	mode string // of its copy of the VM

	mu    sync.Mutex
	away  error
	hangs bool
	asked int
}

func (p *pretend) Host() string { return p.name }

func (p *pretend) Run(ctx context.Context, call hyperv.Call) (hyperv.Answer, error) {
	p.mu.Lock()
	away, hangs := p.away, p.hangs
	p.asked++
	p.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return hyperv.Answer{}, ctx.Err()
	}
	if away != nil {
		return hyperv.Answer{}, away
	}
	now := time.Now().UTC()
	power := map[string]string{"Primary": "Running", "Replica": "Off"}[p.mode]
	result, err := json.Marshal(map[string]any{
		"Get-LifeboatHost": map[string]any{
			"name": p.name, "utc": now, "os": "x", "version": "10.0.1", "memory": 64 << 30, "supported": []string{"9.0"},
			"switches": []any{map[string]any{"name": "LAN", "type": "External"}},
			"replica":  map[string]any{"enabled": true, "auth": "Kerberos", "anyServer": true, "entries": []any{}},
		},
		"Get-LifeboatCopies": map[string]any{"utc": now, "missing": []any{}, "copies": []any{map[string]any{
			"vm": watchedVM, "name": "DB", "power": power, "mode": p.mode, "state": "Replicating", "health": "Normal", "version": "9.0",
			"memoryStartup": 1 << 30, "adapters": []any{map[string]any{"name": "a", "switch": "LAN", "ips": []any{}, "failoverDNS": []any{}}}, "problems": []any{},
			"relations": []any{map[string]any{"relationship": "Simple", "mode": p.mode, "state": "Replicating", "health": "Normal", "lastReplication": now.Add(-time.Minute)}},
		}}},
		"Get-LifeboatStores": map[string]any{"utc": now, "certificates": []any{}, "volumes": []any{map[string]any{"name": `D:\`, "size": 1 << 40, "free": 1 << 39}}, "storages": []any{`D:\R`}, "vms": []any{}, "problems": []any{}, "encrypted": []any{},
			"keys": map[string]any{"vms": []any{}, "local": []any{}, "problems": []any{}}},
		"Get-LifeboatPoints": map[string]any{"vms": []any{map[string]any{"vm": watchedVM, "points": []any{}, "problems": []any{}}}, "missing": []any{}},
	}[call.Function])
	return hyperv.Answer{Outcome: hyperv.OutcomeDone, Result: result}, err
}

func (p *pretend) set(away error, hangs bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away, p.hangs = away, hangs
}

// watched is a configuration of two hosts, with a lookout on pretended ones.
func watched() (*lookout, map[string]*pretend) {
	cfg := &Configuration{Config: &plans.Config{
		Sites: []plans.Site{{Name: "hq"}, {Name: "dr", Engine: true}},
		Hosts: []plans.Host{{Name: "A", Site: "hq"}, {Name: "B", Site: "dr"}},
		Groups: []plans.ProtectionGroup{{Name: "g", From: "A", To: "B", RPO: plans.Duration(5 * time.Minute),
			VMs: []plans.ProtectedVM{{Name: "DB", ID: watchedVM}}}},
		Plans: []plans.RecoveryPlan{{Name: "both", From: "hq", To: "dr", Steps: []plans.Step{{Stage: "all", VMs: []plans.PlanVM{{VM: "DB"}}}}}},
	}}
	hosts := map[string]*pretend{"A": {name: "A", mode: "Primary"}, "B": {name: "B", mode: "Replica"}}
	l := newLookout(cfg, func(name string) (*hyperv.Host, error) { return hyperv.New(hosts[name]), nil },
		func() ([]plans.Report, error) {
			up := plans.VMStatus{ID: watchedVM, Times: []plans.PhaseTime{{Phase: plans.PhaseGates, Ended: time.Now()}}}
			return []plans.Report{{Input: plans.RunInput{Plan: "both", Operation: plans.TestFailover},
				Status: plans.RunStatus{RunID: "d", Ended: time.Now(), Verdict: plans.VerdictDone, VMs: []plans.VMStatus{up}}}}, nil
		})
	return l, hosts
}

func TestTheLookoutRemembersAndSaysHowOldItIs(t *testing.T) {
	l, hosts := watched()
	l.once(t.Context())
	now := time.Now()
	r := l.all(now)[0]
	if r.Verdict != plans.ReadyYes || r.InTime != 1 || len(r.Findings) != 0 || r.Drill == nil {
		t.Fatalf("%s, %s: %+v", r.Verdict, r.Why, r.Findings)
	}
	if late := l.all(now.Add(6 * time.Minute))[0]; late.Verdict != plans.ReadyUnknown || len(late.Stale) != 2 {
		t.Errorf("nobody has read for six minutes: %s, %q", late.Verdict, late.Stale)
	}
	hosts["A"].set(errors.New("no route"), false)
	l.once(t.Context())
	r = l.all(time.Now())[0]
	if r.Verdict != plans.ReadyNo || len(r.Stale) != 1 || !strings.Contains(r.Stale[0], "I have not read A since") || r.Hosts[0].Error == "" {
		t.Errorf("%s, %q, %+v", r.Verdict, r.Stale, r.Hosts)
	}
	if vm := r.VMs[0]; vm.Behind < plans.Duration(time.Minute) || vm.State != "Replicating" {
		t.Errorf("what was seen before: %+v", vm)
	}
	hosts["A"].set(nil, false)
	l.once(t.Context())
	if r = l.all(time.Now())[0]; r.Verdict != plans.ReadyYes {
		t.Errorf("back again: %s, %+v", r.Verdict, r.Findings)
	}
}

// After a move the question is what it means to lose the other site.
func TestTheQuestionTurnsWithTheVMs(t *testing.T) {
	l, hosts := watched()
	hosts["A"].mode, hosts["B"].mode = "Replica", "Primary"
	l.once(t.Context())
	if r := l.all(time.Now())[0]; r.From != "dr" || r.To != "hq" || r.Verdict != plans.ReadyYes {
		t.Errorf("%s -> %s: %s, %+v", r.From, r.To, r.Verdict, r.Findings)
	}
}

// A changed configuration is taken over while the engine runs: its plans are the
// new ones, and what was seen of hosts stays.
func TestTheLookoutFollowsTheConfiguration(t *testing.T) {
	l, _ := watched()
	ready := func() []plans.ReadyReport { return l.all(time.Now()) }
	wait := func(what string, fact func([]plans.ReadyReport) bool) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); !fact(ready()); <-time.After(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: %+v", what, ready())
			}
		}
	}
	l.start()
	defer l.stop()
	wait("ready", func(r []plans.ReadyReport) bool { return r[0].Verdict == plans.ReadyYes })
	changed, whole := *l.configuration(), *l.configuration().Config
	whole.Plans = append(slices.Clone(whole.Plans), whole.Plans[0])
	whole.Plans[1].Name = "again"
	changed.Config = &whole
	before := l.readAt("A")
	l.adopt(&changed)
	if r := ready(); len(r) != 2 || r[0].Verdict != plans.ReadyYes || r[1].Verdict != plans.ReadyYes {
		t.Errorf("after the change: %+v", r)
	}
	wait("read anew", func([]plans.ReadyReport) bool { return l.readAt("A").After(before) })
}

func (l *lookout) readAt(host string) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.read[host]
}

// A host that hangs keeps neither the others from being seen nor the engine from
// stopping.
func TestAHostThatHangsHoldsNobody(t *testing.T) {
	l, hosts := watched()
	hosts["B"].set(nil, true)
	l.start()
	for end := time.Now().Add(10 * time.Second); ; {
		if r := l.all(time.Now())[0]; r.Hosts[0].Up && r.Verdict == plans.ReadyUnknown {
			break
		}
		if time.Now().After(end) {
			t.Fatal("A is not seen")
		}
		<-time.After(time.Millisecond)
	}
	began := time.Now()
	l.stop()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("stopping took %s", took)
	}
	hosts["A"].mu.Lock()
	asked := hosts["A"].asked
	hosts["A"].mu.Unlock()
	if asked == 0 {
		t.Error("A was not asked")
	}
}

// Looks at hosts are spread over a round, never further apart than it is long, and
// half a round away from where their schedules tick.
func TestLooksAreSpread(t *testing.T) {
	const every = 30 * time.Second
	now := time.Date(2026, 3, 1, 12, 0, 7, 0, time.UTC)
	var third [3]int
	for i := range 300 {
		host := fmt.Sprintf("HV-%03d", i)
		wait := untilLook(host, now, every)
		if wait <= 0 || wait > every {
			t.Fatalf("%s waits for %s", host, wait)
		}
		if again := untilLook(host, now.Add(wait), every); again != every {
			t.Fatalf("%s looks again after %s", host, again)
		}
		tick := plans.FirstTick(now, every, plans.OffsetOf(host, every))
		if apart := now.Add(wait).Sub(tick).Abs(); apart != every/2 {
			t.Fatalf("%s looks %s from its tick", host, apart)
		}
		third[int(3*(wait-1)/every)]++
	}
	if slices.Min(third[:]) < 70 {
		t.Errorf("looks by thirds of a round: %v", third)
	}
}

// VMs that no plan holds are said last, those of groups and those that only the
// hosts know; hosts that no plan needs are read for that, and for no one plan.
func TestWhatNoPlanHoldsIsSaid(t *testing.T) {
	l, hosts := watched()
	hosts["C"] = &pretend{name: "C", mode: "Primary"}
	cfg := *l.cfg.Config
	cfg.Hosts = append(slices.Clone(cfg.Hosts), plans.Host{Name: "C", Site: "hq"})
	cfg.Groups = slices.Clone(cfg.Groups)
	cfg.Groups[0].VMs = append(slices.Clone(cfg.Groups[0].VMs), plans.ProtectedVM{Name: "APP", ID: "0f6c3a52-9a33-4a53-9f6d-3f9c8f6d0a02"})
	l.adopt(&Configuration{Config: &cfg})
	l.once(t.Context())
	all := l.everything(time.Now())
	if len(all) != 2 || all[0].Plan != "both" || all[0].Verdict != plans.ReadyYes {
		t.Fatalf("%+v", all)
	}
	// The hosts do not have APP at all.
	if o := all[1]; o.Plan != "" || o.Verdict != plans.ReadyNo || o.Total != 1 || o.Findings[0].Code != "vm-missing" || hosts["C"].asked == 0 {
		t.Errorf("%+v", o)
	}
	cfg.Groups[0].VMs = cfg.Groups[0].VMs[1:]
	cfg.Plans = nil
	l.adopt(&Configuration{Config: &cfg})
	// DB is in no group now.
	if o := l.everything(time.Now()); len(o) != 1 || o[0].Total != 2 || !slices.ContainsFunc(o[0].Findings, func(f plans.Finding) bool { return f.Code == "no-group" && f.VM == "DB" }) {
		t.Errorf("%+v", o)
	}
	l.plansOnly, hosts["C"].asked = true, 0
	l.once(t.Context())
	if hosts["C"].asked != 0 {
		t.Error("a host that the plan does not need is read")
	}
}

// A disk that fills up is said in time, and makes an engine not ready at the end.
func TestALittleRoomIsSaid(t *testing.T) {
	if p := roomProblem("data", 100<<30); p != nil {
		t.Errorf("%+v", p)
	}
	if p := roomProblem("data", 2<<30); len(p) != 1 || p[0].Urgent || !strings.Contains(p[0].What, "2048 MB") {
		t.Errorf("%+v", p)
	}
	if p := roomProblem("data", 100<<20); len(p) != 1 || !p[0].Urgent {
		t.Errorf("%+v", p)
	}
	if free, known := freeSpace(t.TempDir()); known && free == 0 {
		t.Error("no room in a folder that can be written to")
	}
}

// Whether a copy catches up shows over time, and what the repair ladder does next is
// its own to say: both reach the verdict.
func TestTheLookoutTellsOfTrendsAndRepairs(t *testing.T) {
	l, _ := watched()
	ladders := newRepairs(l.cfg, nil)
	l.repairs = ladders.seen
	l.once(t.Context())
	look := func() plans.ReadyLook {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.lookAt(plans.RunInput{}, nil, time.Now())
	}
	if look().Sent != nil {
		t.Error("one look is taken for a trend")
	}
	l.start()
	l.stop()
	l.once(t.Context())
	now := time.Now()
	ladders.deps().Seen(map[string]plans.RepairStep{watchedVM: {Rung: plans.RungWait, Wants: plans.RungResume}}, now)
	got := look()
	if trail := got.Sent[watchedVM]; len(trail) != 1 || trail[0].Host != "A" || trail[0].Last.IsZero() {
		t.Errorf("what A sends: %+v", got.Sent)
	}
	if step := got.Repairs[watchedVM]; step.Step.Wants != plans.RungResume || !step.At.Equal(now) {
		t.Errorf("what the ladder said: %+v", got.Repairs)
	}
}
