package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

func TestGoodSidesComeFromWhatWasSeen(t *testing.T) {
	in := plans.RunInput{Operation: plans.PlannedFailover, Reverse: plans.ReverseAfterGates,
		Steps: []plans.RunStep{{VMs: []plans.RunVM{{ID: "here"}, {ID: "there"}, {ID: "unseen"}}}}}
	seen := func(host, power, mode string) plans.Copy {
		return plans.Copy{Host: host, Reached: true, Exists: true, Power: power, Mode: mode, State: "Replicating"}
	}
	good := goodSides(in, []plans.Pair{
		{ID: "here", Source: seen("HQ1", "Running", "Primary"), Target: seen("DR1", "Off", "Replica")},
		{ID: "there", Source: seen("HQ1", "Off", "Replica"), Target: seen("DR1", "Running", "Primary")},
		{ID: "unseen", Source: plans.Copy{Host: "HQ1"}, Target: seen("DR1", "Off", "Replica")},
	})
	if good["here"] != plans.Source || good["there"] != plans.Target || good["unseen"] != "" || len(good) != 2 {
		t.Errorf("good sides: %v", good)
	}
}

func TestPreflightOfHostsThatDoNotAnswer(t *testing.T) {
	s := newSite()
	s.before = failing("DR1 Get-LifeboatHost", &hyperv.NotSentError{Host: "DR1", Reason: "unreachable", Err: errors.New("refused"), Hint: "start WinRM"})
	in := plans.RunInput{Plan: "p", Operation: plans.PlannedFailover, Hosts: []plans.RunHost{{Name: "DR1"}}}
	for i := range maxFindings + 20 {
		in.Hosts = append(in.Hosts, plans.RunHost{Name: fmt.Sprintf("NO%d", i)})
	}
	out, err := engine(s, &book{}).Preflight(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Findings) != maxFindings+1 || out.Findings[0].Severity != plans.Blocker || out.Findings[maxFindings].Code != "more-findings" {
		t.Errorf("%d findings, first %+v, last %+v", len(out.Findings), out.Findings[0], out.Findings[len(out.Findings)-1])
	}
}

// Drills of other plans give way to a run that needs their memory, and to none that does
// not begin.
func TestDrillsGiveWayForTheirMemory(t *testing.T) {
	lent := plans.Finding{Severity: plans.Warning, Code: plans.MemoryLent, Host: "DR1"}
	blocker := plans.Finding{Severity: plans.Blocker, Code: "host-unreachable", Host: "DR2"}
	for _, c := range []struct {
		found []plans.Finding
		told  []string
	}{
		{nil, nil},
		{[]plans.Finding{lent}, []string{"DR1"}},
		{[]plans.Finding{lent, blocker}, nil},
		{[]plans.Finding{{Severity: plans.Warning, Code: "volume-short", Host: "DR1"}}, nil},
	} {
		a := engine(newSite(), &book{})
		var told []string
		a.Drills.GiveWay = func(_ context.Context, hosts []string, plan, who string) ([]string, error) {
			told = hosts
			if plan != "p" || who != "planned-failover of p by mia" {
				t.Errorf("%s, %s", plan, who)
			}
			return nil, errors.New("nobody answers")
		}
		a.clearDrills(t.Context(), plans.RunInput{Plan: "p", Operation: plans.PlannedFailover, StartedBy: "mia"}, c.found)
		if !slices.Equal(told, c.told) {
			t.Errorf("%+v: told %v", c.found, told)
		}
	}
}

func TestNoticeTwiceIsOneNote(t *testing.T) {
	b := &book{}
	a := engine(newSite(), b)
	for range 2 {
		if err := a.Notify(t.Context(), NotifyIn{Run: "r", Text: "we run at DR"}); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.notes) != 1 {
		t.Errorf("notes: %v", b.notes)
	}
}
