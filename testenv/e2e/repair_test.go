package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// repairRow is what people and scripts read of a VM on the repair ladder.
type repairRow struct {
	Host  string    `json:"host"`
	ID    string    `json:"id"`
	Label string    `json:"label"`
	Since time.Time `json:"since"`
	Step  struct {
		Rung  string `json:"rung"`
		Wants string `json:"wants"`
		Why   string `json:"why"`
	} `json:"step"`
	Acts []struct {
		Rung    string `json:"rung"`
		Host    string `json:"host"`
		Why     string `json:"why"`
		Outcome string `json:"outcome"`
		Consent string `json:"consent"`
		Cost    *struct {
			Before int    `json:"points_before"`
			After  int    `json:"points_after"`
			Took   string `json:"took"`
		} `json:"cost"`
	} `json:"acts"`
}

// repairPolicy adds a repair policy to the lab's configuration.
func (w *world) repairPolicy(fields ...string) {
	w.t.Helper()
	text := "repair:\n  " + strings.Join(fields, "\n  ") + "\n"
	if err := os.WriteFile(filepath.Join(w.site(), "repair.yaml"), []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) tryRepairs() (map[string]repairRow, error) {
	r := w.lifeboat("repair", "list", "--output", "json")
	var rows []repairRow
	if err := json.Unmarshal([]byte(r.out), &rows); err != nil {
		return nil, fmt.Errorf("repair list: %w\n%s%s", err, r.out, r.err)
	}
	out := map[string]repairRow{}
	for _, row := range rows {
		out[row.Label] = row
	}
	return out, nil
}

// rung polls until a VM stands on a rung and its words hold some others.
func (w *world) rung(vm, rung, words string) repairRow {
	w.t.Helper()
	var row repairRow
	w.until(fmt.Sprintf("%s is on rung %s (%s)", vm, rung, words), func() error {
		rows, err := w.tryRepairs()
		if err != nil {
			return err
		}
		if row = rows[vm]; row.Step.Rung != rung || !strings.Contains(row.Step.Why, words) {
			return fmt.Errorf("%+v", rows)
		}
		return nil
	})
	return row
}

// stateOf polls until a copy is in a state.
func (w *world) stateOf(vm, host, state string) {
	w.t.Helper()
	w.until(fmt.Sprintf("%s at %s is %s", vm, host, state), func() error {
		for _, c := range w.state().Copies {
			if c.Name == vm && c.Host == host && c.State != state {
				return fmt.Errorf("it is %s", c.State)
			}
		}
		return nil
	})
}

// called counts a cmdlet that was done to a VM at a host, by this engine.
func (w *world) called(cmdlet, vm, host string) (n int) {
	w.t.Helper()
	id := w.copyOf(vm, host)
	for _, e := range w.ledger() {
		if e.Done() && e.From == cmdlet && e.VM == id && e.Host == host && e.By != "control" {
			n++
		}
	}
	return n
}

// A line that is cut for long leaves replication in error; once it is back it is
// resumed by itself. What a colleague paused is asked about and not touched.
func TestRepairResumesAfterALongCut(t *testing.T) {
	w := newWorld(t, "pair", 60)
	w.repairPolicy("resume_after: 2m")
	w.up()
	w.states(0, allWell)
	if r := w.must(0, "repair", "list"); !strings.Contains(r.out, "Nothing") {
		t.Errorf("repair list says %s", r.out)
	}
	app2 := w.copyOf("APP2", "HV-A")
	w.post("/vms/"+app2+"@HV-A/suspend", nil)
	w.rung("APP2", "ask", "somebody paused it")

	w.post("/hosts/HV-B/cut", nil)
	w.stateOf("DB", "HV-A", "Error")
	w.rung("DB", "wait", "cannot see HV-B")
	w.post("/hosts/HV-B/join", nil)
	w.stateOf("DB", "HV-A", "Replicating")
	row := w.rung("DB", "well", "")
	if len(row.Acts) != 1 || row.Acts[0].Rung != "resume" || row.Acts[0].Outcome != "done" || row.Acts[0].Consent != "" || !strings.Contains(row.Acts[0].Why, "in error") {
		t.Errorf("what was done: %+v", row.Acts)
	}
	if n := w.called("Resume-VMReplication", "DB", "HV-A"); n != 1 {
		t.Errorf("DB was resumed %d times", n)
	}
	if r := w.must(0, "journal", "show", "--run", "repair/HV-A"); !r.says("about to: resume-replication of DB at HV-A") || !r.says("done: resume-replication") {
		t.Errorf("the journal says %s", r.out)
	}

	// Nobody has touched what was paused, and the morning look says so.
	if n := w.called("Resume-VMReplication", "APP2", "HV-A"); n != 0 {
		t.Errorf("what a colleague paused was resumed %d times", n)
	}
	w.statusUntil(1, "lifeboat repair approve APP2")
	w.must(4, "repair", "hold", "APP2")
	w.must(0, "repair", "hold", "APP2", "--reason", "backup until noon")
	w.rung("APP2", "held", "backup until noon")
	w.must(0, "repair", "approve", "APP2")
	w.rung("APP2", "ask", "somebody paused it")
	if r := w.must(0, "repair", "approve", "APP2", "--dry-run"); !r.says("Nothing was changed") {
		t.Errorf("dry run: %s", r.out)
	}
	w.must(0, "repair", "approve", "APP2", "--by", "Dana")
	w.stateOf("APP2", "HV-A", "Replicating")
	if row := w.rung("APP2", "well", ""); len(row.Acts) != 1 || row.Acts[0].Consent != "Dana" {
		t.Errorf("what was done to APP2: %+v", row.Acts)
	}
	w.must(4, "repair", "approve", "APP2")
	w.must(0, "repair", "list")
}

// crashed loses a host's power and gives it back; every VM of it needs a
// resynchronization then.
func (w *world) crashed(vms ...string) {
	w.t.Helper()
	w.post("/hosts/HV-A/crash", nil)
	w.post("/hosts/HV-A/power-on", nil)
	for _, vm := range vms {
		w.stateOf(vm, "HV-A", "WaitingForStartResynchronize")
	}
}

// mostAtOnce is how many copies of a host were resynchronized at once at most.
func (w *world) mostAtOnce(host string) (most int) {
	w.t.Helper()
	going := map[string]bool{}
	for _, e := range w.ledger() {
		if e.What != "state" || e.Host != host {
			continue
		}
		if delete(going, e.VM); e.To == "Resynchronizing" {
			going[e.VM] = true
		}
		most = max(most, len(going))
	}
	return most
}

// A host that crashed leaves VMs that must be resynchronized: each is asked
// about, those that were agreed to are done in their window, one at a time, and
// what it cost is kept.
func TestRepairResynchronizesInItsWindow(t *testing.T) {
	w := newWorld(t, "testdata/pair-tests.yaml", 60)
	w.repairPolicy("window: 08:30-11:00", "timezone: UTC")
	w.up()
	w.states(0, allWell)
	w.crashed("DB", "APP1", "APP2")
	for _, vm := range []string{"DB", "APP1", "APP2"} {
		w.rung(vm, "ask", "until it is resynchronized")
	}
	w.must(0, "repair", "approve", "DB", "--by", "Dana", "--reason", "month end is over")
	w.must(0, "repair", "approve", "APP1", "--by", "Dana")
	opens := time.Date(2027, 1, 12, 8, 30, 0, 0, time.UTC)
	if w.state().Now.Before(opens.Add(-2 * time.Minute)) {
		w.rung("DB", "wait", "in its window, 08:30-11:00 UTC")
	}
	for _, vm := range []string{"DB", "APP1"} {
		w.stateOf(vm, "HV-A", "Replicating")
		row := w.rung(vm, "well", "")
		if len(row.Acts) != 1 || row.Acts[0].Cost == nil || row.Acts[0].Consent != "Dana" || row.Acts[0].Cost.Before < 3 || row.Acts[0].Cost.After >= row.Acts[0].Cost.Before {
			t.Errorf("%s: %+v", vm, row.Acts)
		}
	}
	if r := w.must(0, "repair", "show", "DB"); !r.says("recovery points were lost") || !r.says("yes   Dana") {
		t.Errorf("repair show says %s", r.out)
	}
	for _, e := range w.ledger() {
		if e.To == "Resynchronizing" && e.Host == "HV-A" && e.Sim.Before(opens) {
			t.Errorf("a resynchronization began at %s", e.Sim)
		}
	}
	if w.mostAtOnce("HV-A") > 1 {
		t.Error("two were resynchronized at once")
	}
	if n := w.called("Resume-VMReplication", "APP2", "HV-A"); n != 0 {
		t.Errorf("nobody agreed to APP2, and it was resumed %d times", n)
	}
	w.rung("APP2", "ask", "")
	if r := w.must(0, "journal", "show", "--run", "repair/HV-A"); !r.says("(no way back)") || !r.says("recovery points were lost") {
		t.Errorf("the journal says %s", r.out)
	}
}

// The engine dies the moment a resynchronization has begun: it is not begun
// again, and is on record.
func TestRepairKilledInTheMiddle(t *testing.T) {
	w := newWorld(t, "testdata/pair-tests.yaml", 30)
	w.repairPolicy("resync: allow", "resyncs_per_day: 24")
	w.up()
	w.states(0, allWell)
	w.crashed()
	began := doneAt{"Resume-VMReplication", "HV-A"}
	w.killAt("a resynchronization begun", func(l []entry) bool { return began.count(l) > 0 })
	w.killAt("another one begun", func(l []entry) bool { return began.count(l) > 1 })
	for _, vm := range []string{"DB", "APP1", "APP2"} {
		w.stateOf(vm, "HV-A", "Replicating")
		row := w.rung(vm, "well", "")
		if n := w.called("Resume-VMReplication", vm, "HV-A"); n != 1 {
			t.Errorf("%s was resynchronized %d times: %+v", vm, n, row.Acts)
		}
		// A VM that its host was just starting may have moved under an act, which
		// then did nothing.
		began := 0
		for _, a := range row.Acts {
			if a.Cost != nil && a.Rung == "resync" && a.Outcome != "moved" {
				began++
			}
		}
		if began != 1 {
			t.Errorf("%s: on record are %+v", vm, row.Acts)
		}
	}
	if w.mostAtOnce("HV-A") > 1 {
		t.Error("two were resynchronized at once")
	}
}

// underRepair lets a VM fall into error and waits until its resume is on the wire,
// which takes some simulated seconds.
func (w *world) underRepair(vm string, delay int) {
	w.t.Helper()
	w.post("/faults", map[string]any{"verb": "Resume-VMReplication", "host": "HV-A", "vm": vm, "kind": "delay", "delay": delay})
	w.post("/hosts/HV-B/cut", nil)
	w.stateOf(vm, "HV-A", "Error")
	w.post("/hosts/HV-B/join", nil)
	w.until("the repair of "+vm+" is under way", func() error {
		var faults []struct{ Hits int }
		if err := w.get("/faults", &faults); err != nil {
			return err
		}
		if len(faults) != 1 || faults[0].Hits == 0 {
			return errors.New("not yet")
		}
		return nil
	})
}

// A storage fault makes sixty VMs need a resynchronization at once. All get it,
// and no host ever has more under way than its budget.
func TestRepairIsNoStorm(t *testing.T) {
	w := newWorld(t, "generate:60,2", 60)
	w.repairPolicy("resync: allow", "resyncs_at_once: 2", "resyncs_per_day: 60")
	w.up()
	hosts := map[string]bool{}
	for _, c := range w.state().Copies {
		if c.Mode == "Primary" {
			w.post("/vms/"+c.VM+"@"+c.Host+"/lose-tracking", nil)
		}
		hosts[c.Host] = true
	}
	w.within(2*patience, "all replicate again", func() error {
		rows, err := w.tryRepairs()
		if err != nil {
			return err
		}
		well := 0
		for _, r := range rows {
			if r.Step.Rung == "well" && len(r.Acts) > 0 {
				well++
			}
		}
		if well != 60 {
			return fmt.Errorf("%d do", well)
		}
		return nil
	})
	for host := range hosts {
		if n := w.mostAtOnce(host); n == 0 || n > 2 {
			t.Errorf("at %s %d were resynchronized at once", host, n)
		}
	}
}

// A failover of a VM that is being repaired goes first.
func TestRepairGivesWayToAFailover(t *testing.T) {
	w := newWorld(t, "pair", 60)
	w.repairPolicy("resume_after: 30s")
	w.up()
	w.states(0, allWell)
	w.underRepair("DB", 900)
	w.must(0, "failover", "both", "--unplanned", "--yes", "--fence", "turn-off")
	w.runsAt("HV-B", "Replica")
	if v := w.state().Violations; len(v) > 0 {
		t.Errorf("violations: %v", v)
	}
	rows, err := w.tryRepairs()
	if err != nil {
		t.Fatal(err)
	}
	for vm, row := range rows {
		if !row.Since.IsZero() && row.Step.Rung != "none" && row.Step.Rung != "wait" {
			t.Errorf("%s was failed over and is still on rung %s: %s", vm, row.Step.Rung, row.Step.Why)
		}
	}
}
