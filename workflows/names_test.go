package workflows

import (
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

func TestIDs(t *testing.T) {
	for _, op := range plans.Operations() {
		want := "plan/north"
		if op == plans.TestFailover {
			want = "drill/north"
		}
		if got := RunID("north", op); got != want || RunIDOf(got) != want || PlanOf(got) != "north" {
			t.Errorf("%s: %s", op, got)
		}
	}
	if got := RunIDOf("north"); got != "plan/north" {
		t.Errorf("a plan alone: %s", got)
	}
	for _, id := range []string{FenceID("north"), CommitID("north")} {
		if PlanOf(id) != "north" {
			t.Errorf("%s is of plan %q", id, PlanOf(id))
		}
	}
	if VMPartID("g", plans.TestFailover) != "drill/g" || VMPartID("g", plans.Commit) != VMOperationID("g") {
		t.Error("a drill and a real operation must not share the VM's id")
	}
}

// Ids travel in headers of printable ASCII: a plan, a host or a group of any other
// name could not be started.
func TestIDsHoldAnyName(t *testing.T) {
	for _, name := range []string{"Büro Verlust", "100 % Ausfall", "100 % Büro", "東京/1", "tab\there", "north", `"quoted"`, "%"} {
		every := plans.ScheduleID{Host: name, Frequency: plans.Frequency(30 * time.Second)}
		drill, _ := CalendarOf(CalendarID(name))
		back, err := ScheduleOf(ScheduleWorkflowID(every))
		for _, id := range []string{PlanRunID(name), DrillRunID(name), FenceID(name), CommitID(name), CalendarID(name), RepairID(name), ScheduleWorkflowID(every)} {
			if strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%q is no header", id)
			}
		}
		for _, id := range []string{PlanRunID(name), DrillRunID(name), FenceID(name), CommitID(name)} {
			if got := PlanOf(id); got != name {
				t.Errorf("%s is of %q, not of %q", id, got, name)
			}
		}
		if drill != name || err != nil || back != every {
			t.Errorf("%q: drill %q, schedule %v, %v", name, drill, back, err)
		}
		if got := RunIDOf("drill/" + name); got != DrillRunID(name) || RunIDOf(got) != got {
			t.Errorf("%q is typed as %s", name, got)
		}
	}
}

// Every operation that is a run has a shape whose rungs reach its last phase,
// each rung further than the one before.
func TestEveryOperationHasItsShape(t *testing.T) {
	for _, op := range plans.Operations() {
		if op == plans.Fence {
			continue
		}
		phases := plans.Phases(op, plans.ReverseAfterGates)
		place := map[plans.Phase]int{}
		for i, phase := range phases {
			place[phase] = i
		}
		s, last := shapeOf(op), -1
		for _, r := range s.rungs {
			at, ok := place[r.to]
			if !ok || at <= last {
				t.Errorf("%s: the rung %s leads nowhere", op, r.to)
			}
			last = at
		}
		end := phases[len(phases)-1]
		if op == plans.PlannedFailover {
			end = plans.PhaseGates // reverse replication needs no word of its own
		}
		if last != place[end] || s.up == "" || s.done == "" || s.upLimit == nil || s.wayBack == nil || s.doneWords == "" {
			t.Errorf("%s: %+v", op, s)
		}
	}
}
