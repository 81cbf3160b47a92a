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

// Temporal's client takes printable ASCII only: a plan called "München" was valid,
// ready, and could not be started.
func TestANameWithAnyLettersMakesAnID(t *testing.T) {
	for _, name := range []string{"north", "Müller's \"HQ\" plan", "Zürich 100%", "東京", "50% off"} {
		ids := []string{PlanRunID(name), DrillRunID(name), FenceID(name), CommitID(name)}
		for _, id := range ids {
			if PlanOf(id) != name {
				t.Errorf("%s is of plan %q, want %q", id, PlanOf(id), name)
			}
		}
		if RunIDOf(name) != PlanRunID(name) || RunIDOf("drill/"+name) != DrillRunID(name) || RunIDOf(DrillRunID(name)) != DrillRunID(name) {
			t.Errorf("%q is not found by its name", name)
		}
		if drill, ok := CalendarOf(CalendarID(name)); !ok || drill != name {
			t.Errorf("%s is of drill %q", CalendarID(name), drill)
		}
		schedule := plans.ScheduleID{Host: name, Frequency: plans.Frequency(30 * time.Second)}
		if got, err := ScheduleOf(ScheduleWorkflowID(schedule)); err != nil || got != schedule {
			t.Errorf("%s is of schedule %v: %v", ScheduleWorkflowID(schedule), got, err)
		}
		for _, id := range append(ids, CalendarID(name), RepairID(name), ScheduleWorkflowID(schedule)) {
			if strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%q cannot be sent", id)
			}
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
