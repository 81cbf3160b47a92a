package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// A VM that was repaired is not looked at any more: the list does not say of it how it
// replicates now. What waits for a person comes first.
func TestARepairThatIsPastSaysNothingOfNow(t *testing.T) {
	well := plans.RepairStep{Rung: plans.RungWell, Why: "replicates, with the settings of the configuration"}
	rows := repairRows([]plans.RepairStatus{{Host: "A", VMs: []plans.RepairVM{
		{Label: "past", Step: well},
		{Label: "late", Since: time.Now(), Step: plans.RepairStep{Rung: plans.RungWait, Why: "in error"}},
		{Label: "asks", Since: time.Now(), Step: plans.RepairStep{Rung: plans.RungAsk, Why: "resynchronize?"}},
		{Label: "settling", Since: time.Now(), Step: well},
	}}})
	var order []string
	for _, r := range rows {
		order = append(order, r.Label)
	}
	if got := strings.Join(order, " "); got != "asks late settling past" {
		t.Errorf("the order is %s", got)
	}
	var out bytes.Buffer
	rows[1].Step.Why = strings.Repeat("why it waits ", 12)
	showRepairs(terminal{out: &out}, rows)
	for line := range strings.Lines(out.String()) {
		if len([]rune(line)) > width+1 {
			t.Errorf("%d columns: %s", len([]rune(line)), line)
		}
	}
	if words := repairWords(rows[3].RepairVM); strings.Contains(words, "replicates") {
		t.Errorf("of one that is past: %s", words)
	}
	if words := repairWords(rows[2].RepairVM); words != well.Why {
		t.Errorf("of one that is looked at: %s", words)
	}
}
