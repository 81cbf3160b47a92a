package activities

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// What keeps a drill from beginning, in the order in which it is asked; the hosts
// are looked at last, and here none is there.
func TestWhatKeepsADrillFromBeginning(t *testing.T) {
	due := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	in := plans.RunInput{RunID: "d-1", Plan: "p", Operation: plans.TestFailover, From: "a", To: "b", Drill: &plans.DrillNote{Calendar: "d", Due: due},
		Hosts: []plans.RunHost{{Name: "A", Site: "a"}, {Name: "B", Site: "b"}},
		Steps: []plans.RunStep{{Number: 1, Name: "s", VMs: []plans.RunVM{{ID: "vm", Label: "vm", SourceHost: "A", TargetHost: "B"}}}}}
	for _, c := range []struct {
		name   string
		gone   bool
		black  string
		late   time.Duration
		byHand bool
		busy   string
		beside string
		fails  bool
		want   string
	}{
		{name: "it is in the files no more", gone: true, want: plans.DrillGone},
		{name: "a black day", black: "month-end", busy: "x", want: plans.DrillBlackout},
		{name: "too late", late: 16 * time.Minute, busy: "x", want: plans.DrillMissed},
		{name: "late, and in time", late: 14 * time.Minute, busy: "the run plan/p", want: plans.DrillBusy},
		{name: "a person says: today", black: "month-end", late: time.Hour, byHand: true, want: "host-unreachable"},
		{name: "a real operation also for a person", byHand: true, busy: "the run plan/p", want: plans.DrillBusy},
		{name: "another plan needs the memory", beside: "the run plan/q", want: plans.DrillBusy},
		{name: "who knows whether one is under way", fails: true, want: "error"},
		{name: "the hosts are silent", want: "host-unreachable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := New(Deps{
				Log:   slog.New(slog.NewTextHandler(io.Discard, nil)),
				Hosts: func(string) (*hyperv.Host, error) { return nil, errors.New("dark") },
				Drills: DrillDeps{
					Find: func(name string, _ plans.DrillStart) (FoundDrill, error) {
						if c.gone {
							return FoundDrill{}, errors.New("no drill " + name)
						}
						return FoundDrill{Input: in, Black: c.black, Within: 15 * time.Minute}, nil
					},
					Real: func(_ context.Context, plan string, vms []string) (string, error) {
						if plan != "p" || !slices.Equal(vms, []string{"vm"}) {
							t.Errorf("asked of %s, %v", plan, vms)
						}
						if c.fails {
							return "", errors.New("temporal is away")
						}
						return c.busy, nil
					},
					RealAt: func(_ context.Context, hosts []string) (string, error) {
						if !slices.Equal(hosts, []string{"B"}) {
							t.Errorf("asked of %v", hosts)
						}
						return c.beside, nil
					},
				},
			})
			var suite testsuite.WorkflowTestSuite
			env := suite.NewTestActivityEnvironment()
			env.RegisterActivity(a.OpenDrill)
			value, err := env.ExecuteActivity(a.OpenDrill, DrillIn{Drill: "d", Start: plans.DrillStart{Due: due, Now: due.Add(c.late), ByHand: c.byHand}})
			if c.want == "error" {
				if err == nil {
					t.Fatal("it went on without knowing")
				}
				return
			}
			var out DrillOut
			if err == nil {
				err = value.Get(&out)
			}
			if err != nil || len(out.Found) == 0 || out.Found[0].Code != c.want || out.Found[0].Severity != plans.Blocker {
				t.Fatalf("%v: %+v, want %s", err, out.Found, c.want)
			}
			if out.Input.RunID == "" || !out.Input.Drill.Due.Equal(due) {
				t.Errorf("nothing to report under: %+v", out.Input)
			}
		})
	}
}

// The workflow began in time; the engine died, and hours later another asks.
func TestADrillIsLateByTheAttemptsOwnClock(t *testing.T) {
	due := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	info := activity.Info{ScheduledTime: due.Add(2 * time.Second), StartedTime: due.Add(5 * time.Hour)}
	if late := lateBy(plans.DrillStart{Due: due, Now: due.Add(time.Second)}, info); late < 4*time.Hour {
		t.Errorf("%s late", late)
	}
}

func TestALargeDrillIsNotNamedVMByVM(t *testing.T) {
	step := plans.RunStep{}
	for range namedBeside + 1 {
		step.VMs = append(step.VMs, plans.RunVM{ID: "x"})
	}
	if b := BesideOf(plans.RunInput{Plan: "p", Steps: []plans.RunStep{step}}); b.VMs != nil || b.Plan != "p" {
		t.Errorf("%d VMs in each question", len(b.VMs))
	}
	step.VMs = step.VMs[1:]
	if b := BesideOf(plans.RunInput{Plan: "p", Steps: []plans.RunStep{step}}); len(b.VMs) != namedBeside {
		t.Errorf("%d VMs named", len(b.VMs))
	}
}
