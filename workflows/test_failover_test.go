package workflows

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

func toTest(t *testing.T, d desk) *trial {
	in := northwind()
	in.Operation = plans.TestFailover
	for i := range in.Steps {
		for j := range in.Steps[i].VMs {
			vm := &in.Steps[i].VMs[j]
			vm.NICs = []plans.WantedNIC{{Switch: "bubble"}}
			vm.Gates = append([]plans.RunGate{{Kind: "heartbeat", Text: "heartbeat", Within: plans.Duration(2 * time.Minute)}}, vm.Gates...)
		}
	}
	return newTrial(t, in, d)
}

// clean fails unless no test copy is left and production is as it was.
func (tr *trial) clean() {
	tr.t.Helper()
	for _, vm := range northVMs {
		tr.world.pair(vm, func(p *plans.Pair) {
			if p.Target.TestVM != "" || p.Target.Test != nil {
				tr.t.Errorf("%s: its test copy is left", vm)
			}
			if p.Source.Power != "Running" || p.Source.State != "Replicating" || p.Target.State != "Replicating" || p.Target.Power != "Off" {
				tr.t.Errorf("%s: production or replication was touched: %+v %+v", vm, p.Source, p.Target)
			}
		})
		for _, act := range tr.world.of(vm) {
			if strings.HasSuffix(act, "@HQ1") {
				tr.t.Errorf("%s: %s at the source", vm, act)
			}
		}
	}
}

func TestDrill(t *testing.T) {
	tr := toTest(t, approving).run()
	tr.wantVerdict(plans.VerdictDone)
	tr.clean()
	for _, vm := range northVMs {
		if got := tr.world.of(vm); !slices.Equal(got, []string{"set-test-network@DR1", "start-test@DR1", "start@DR1", "stop-test@DR1"}) {
			t.Errorf("%s: %v", vm, got)
		}
		// Gates are asked of the copy, and only those that reach into the bubble.
		if tr.world.asked[vm+"-copy heartbeat"] != 1 || tr.world.asked[vm+" heartbeat"]+tr.world.asked[vm+" tcp 443"]+tr.world.asked[vm+"-copy tcp 443"] != 0 {
			t.Errorf("%s: asked %v", vm, tr.world.asked)
		}
	}
	tr.wantOrder("dc start@DR1", "dc-copy gate@DR1", "db start@DR1", "db-copy gate@DR1", "app start@DR1", "web start@DR1", "dc stop-test@DR1")
	found := tr.report().Status.Findings
	if n := slices.IndexFunc(found, func(f plans.Finding) bool { return f.Code == "gate-not-asked" }); n < 0 || len(found) != 4 {
		t.Errorf("findings %+v", found)
	}
	if s := tr.report().Status; s.Workflow != "drill/north" || strings.Contains(s.GoodCopy, "NOT KNOWN") {
		t.Errorf("%s: good copy %q", s.Workflow, s.GoodCopy)
	}
}

// What cannot be tested is left out without a question; nothing of it is
// removed, whoever made a test copy there.
func TestDrillLeavesOutWhatItMayNotTouch(t *testing.T) {
	tr := toTest(t, approving)
	tr.world.pair("db", func(p *plans.Pair) { p.Target.State = "Resynchronizing" })
	tr.world.pair("web", func(p *plans.Pair) {
		p.Target.TestVM, p.Target.Test = "test-web", &plans.Copy{Reached: true, Exists: true, Power: "Running", Mode: "TestReplica"}
	})
	tr.run().wantVerdict(plans.VerdictStopped)
	for _, vm := range []string{"db", "web"} {
		if s := tr.vm(vm); s.Verdict != plans.VerdictRefused || s.Changed {
			t.Errorf("%s is %s: %s", vm, s.Verdict, s.Doing)
		}
		if got := tr.world.did("stop-test"); slices.Contains(got, vm) {
			t.Errorf("%s: another's test copy was removed", vm)
		}
	}
	if s := tr.vm("app"); s.Verdict != plans.VerdictDone { // although it comes after db
		t.Errorf("app is %s: %s", s.Verdict, s.Doing)
	}
	for _, s := range tr.seen {
		for _, q := range s.Waiting {
			if q.VM != "" {
				t.Fatalf("somebody was asked: %+v", q)
			}
		}
	}
}

// A test copy whose answer got lost is the drill's own, also when a real failover
// comes before the next look: it says that the copy may be left.
func TestDrillOwnsACopyWhoseAnswerGotLost(t *testing.T) {
	tr := toTest(t, approving)
	tr.world.after = func(in activities.AdvanceIn, d plans.Decision) error {
		if in.VM.Label != "dc" || d.Verb != plans.VerbStartTest {
			return nil
		}
		tr.world.pair("dc", func(p *plans.Pair) { p.Target.State = "FailedOverWaitingCompletion" })
		return errLost
	}
	tr.run().wantVerdict(plans.VerdictStuck)
	if s := tr.vm("dc"); s.Verdict != plans.VerdictStuck || !strings.Contains(s.Doing, "a test copy may be left") {
		t.Errorf("dc is %s: %s", s.Verdict, s.Doing)
	}
}

func TestDrillHoldsForPeople(t *testing.T) {
	for _, early := range []bool{false, true} {
		t.Run(fmt.Sprintf("early=%v", early), func(t *testing.T) {
			tr := toTest(t, nil)
			tr.in.Hold = plans.Duration(20 * time.Minute)
			var since, ended time.Time
			tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
				q, ok := question(s, "")
				switch {
				case !ok:
				case q.Step != 0:
					return approving(n, s)
				case since.IsZero():
					since = tr.env.Now()
					if len(tr.world.did("stop-test")) > 0 || s.Verdict != plans.VerdictWaiting || !slices.Equal(q.Choices, []plans.Choice{plans.ChoiceEnd}) {
						t.Errorf("verdict %s, question %+v, removed %v", s.Verdict, q, tr.world.did("stop-test"))
					}
				case early && tr.env.Now().Sub(since) > 5*time.Minute:
					return &plans.Answer{Choice: plans.ChoiceEnd}
				}
				if !since.IsZero() && ended.IsZero() && len(tr.world.did("stop-test")) == 4 {
					ended = tr.env.Now()
				}
				return nil
			}
			tr.run().wantVerdict(plans.VerdictDone)
			tr.clean()
			if ended.IsZero() {
				ended = tr.env.Now()
			}
			kept := ended.Sub(since)
			if early && kept > 6*time.Minute || !early && (kept < 19*time.Minute || kept > 21*time.Minute) {
				t.Errorf("the copies were kept for %s", kept)
			}
		})
	}
}

// Nobody ends it and a step waits for ever: the time to live does.
func TestDrillEndsByItsTimeToLive(t *testing.T) {
	tr := toTest(t, func(_ int, s plans.RunStatus) *plans.Answer {
		if q, ok := question(s, ""); ok && q.Step == 1 {
			return &plans.Answer{Choice: plans.ChoiceApprove, Step: 1}
		}
		return nil
	})
	tr.in.TTL = plans.Duration(30 * time.Minute)
	tr.every = 10 * time.Second
	tr.run().wantVerdict(plans.VerdictStopped)
	tr.clean()
	if s := tr.report().Status; !strings.Contains(s.Summary, "may live for 30m") {
		t.Errorf("summary %q", s.Summary)
	}
	if got := tr.world.did("stop-test"); len(got) != 4 {
		t.Errorf("removed: %v", got)
	}
}

// amid does something while the gate of db's copy is asked, and lets it pass
// then.
func (tr *trial) amid(what func()) {
	tr.world.gate = func(_ context.Context, in activities.GateIn) (activities.GateOut, error) {
		if in.VM == "test-db" {
			done := make(chan struct{})
			tr.env.RegisterDelayedCallback(func() { what(); close(done) }, 0)
			tr.world.aside(func() { <-done })
		}
		return activities.GateOut{Passed: true}, nil
	}
}

func TestDrillGivesWay(t *testing.T) {
	for _, at := range []string{"dc start-test@DR1", "dc start@DR1", "db gate"} {
		t.Run(at, func(t *testing.T) {
			sent := false
			tr := toTest(t, nil)
			give := func() {
				if !sent {
					sent = true
					tr.env.SignalWorkflow(GiveWaySignal, "unplanned-failover of north by mia")
				}
			}
			if at == "db gate" {
				tr.amid(give)
			}
			tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
				if tr.world.index(at) >= 0 {
					give()
				}
				return approving(n, s)
			}
			tr.run().wantVerdict(plans.VerdictStopped)
			tr.clean()
			if s := tr.report().Status; !strings.Contains(s.Summary, "gave way to unplanned-failover of north by mia") {
				t.Errorf("summary %q", s.Summary)
			}
		})
	}
}

// Only one VM is wanted by a real operation: its copy goes at once, the rest of
// the drill goes on.
func TestDrillOfOneVMGivesWay(t *testing.T) {
	sent := false
	tr := toTest(t, nil)
	tr.desk = func(n int, s plans.RunStatus) *plans.Answer {
		if !sent && tr.world.index("dc start@DR1") >= 0 {
			sent = true
			if err := tr.env.SignalWorkflowByID(VMPartID(guid("web"), plans.TestFailover), GiveWaySignal, "mia"); err != nil {
				t.Error(err)
			}
		}
		if q, ok := question(s, ""); ok && q.Step == 3 && tr.world.index("web stop-test@DR1") < 0 {
			return nil // its copy goes although the drill waits for people
		}
		return approving(n, s)
	}
	tr.run().wantVerdict(plans.VerdictStopped)
	tr.clean()
	if tr.vm("web").Verdict != plans.VerdictStopped || tr.vm("app").Verdict != plans.VerdictDone {
		t.Errorf("web %s, app %s", tr.vm("web").Verdict, tr.vm("app").Verdict)
	}
}

func TestDrillCancelledFromOutsideCleansUp(t *testing.T) {
	tr := toTest(t, approving)
	tr.amid(func() { tr.env.CancelWorkflow() })
	tr.run().wantVerdict(plans.VerdictStopped)
	tr.clean()
	if got := tr.world.did("stop-test"); len(got) != 4 {
		t.Errorf("removed: %v", got)
	}
}

func TestDrillGateNotPassed(t *testing.T) {
	for _, c := range []struct {
		name  string
		auto  bool
		desk  desk
		words string
	}{
		{"auto", true, func(int, plans.RunStatus) *plans.Answer { return nil }, "nobody was asked"},
		{"nobody", false, approving, "nobody answered"},
		{"skip", false, once("db", plans.Answer{Choice: plans.ChoiceSkip, Reason: "known"}), "mia goes on without it: known"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := toTest(t, c.desk)
			tr.in.Auto, tr.in.Hold, tr.every = c.auto, plans.Duration(10*time.Minute), 10*time.Second
			tr.world.gate = func(_ context.Context, in activities.GateIn) (activities.GateOut, error) {
				return activities.GateOut{Passed: in.VM != "test-db", Detail: "no contact"}, nil
			}
			tr.run().wantVerdict(plans.VerdictStopped)
			tr.clean()
			if tr.vm("db").Verdict != plans.VerdictStopped || tr.vm("web").Verdict != plans.VerdictDone {
				t.Errorf("db %s, web %s", tr.vm("db").Verdict, tr.vm("web").Verdict)
			}
			found := tr.report().Status.Findings
			if !slices.ContainsFunc(found, func(f plans.Finding) bool {
				return f.Code == "gate-not-passed" && f.VM == "db" && strings.Contains(f.Text, c.words)
			}) {
				t.Errorf("findings %+v", found)
			}
		})
	}
}

// The removal is refused for a while, then for ever.
func TestDrillCleansUpWithPatience(t *testing.T) {
	for _, forever := range []bool{false, true} {
		t.Run(fmt.Sprintf("forever=%v", forever), func(t *testing.T) {
			tr := toTest(t, approving)
			tr.every, tr.ticks = time.Minute, 3000
			tries := 0
			tr.world.before = func(in activities.AdvanceIn, d plans.Decision) (*activities.AdvanceOut, error) {
				if in.VM.Label != "db" || d.Verb != plans.VerbStopTest {
					return nil, nil
				}
				if tries++; tries > 5 && !forever {
					return nil, nil
				}
				d.Kind, d.Why, d.Remedy = plans.Refuse, "the host refuses", ""
				return &activities.AdvanceOut{Decision: d, Act: &plans.ActRecord{Verb: d.Verb, Outcome: "failed"}}, nil
			}
			tr.run()
			s := tr.vm("db")
			if forever {
				tr.wantVerdict(plans.VerdictStuck)
				if s.Verdict != plans.VerdictStuck || !strings.Contains(s.Doing, "Get-VM -Id test-db") {
					t.Errorf("db is %s: %s", s.Verdict, s.Doing)
				}
				return
			}
			tr.wantVerdict(plans.VerdictDone)
			tr.clean()
		})
	}
}

// A real operation meets a drill's copies: it removes them itself and never
// waits.
func TestRealOperationRemovesTestCopies(t *testing.T) {
	tr := newTrial(t, northwind(), approving)
	tr.world.pair("web", func(p *plans.Pair) { p.Target.TestVM = "test-web" })
	tr.run().wantVerdict(plans.VerdictDone)
	if got := tr.world.of("web"); got[0] != "stop-test@DR1" {
		t.Errorf("web: %v", got)
	}
}
