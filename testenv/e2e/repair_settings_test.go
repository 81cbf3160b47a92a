package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rewrite changes a file of the configuration as an editor does: at once.
func (w *world) rewrite(name, old, now string) {
	w.t.Helper()
	file := filepath.Join(w.site(), name)
	text, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	changed := strings.ReplaceAll(string(text), old, now)
	if changed == string(text) {
		w.t.Fatalf("%s has no %q", name, old)
	}
	if err := os.WriteFile(file+".new", []byte(changed), 0o644); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		w.t.Fatal(err)
	}
}

// copyAt is a copy as it truly is.
func (w *world) copyAt(vm, host string) labCopy {
	w.t.Helper()
	for _, c := range w.state().Copies {
		if c.Name == vm && c.Host == host && !c.Test {
			return c
		}
	}
	w.t.Fatalf("no %s at %s", vm, host)
	return labCopy{}
}

// isSet waits until a copy's settings have some words, or its leg to the third copy a
// frequency.
func (w *world) isSet(vm, host, words string, everySec int) {
	w.t.Helper()
	w.until(fmt.Sprintf("%s at %s is set: %s %d", vm, host, words, everySec), func() error {
		c := w.copyAt(vm, host)
		if !strings.Contains(c.Settings, words) || everySec > 0 && (c.Extended == nil || c.Extended.FrequencySec != everySec) {
			return fmt.Errorf("it is %s, extended %+v", c.Settings, c.Extended)
		}
		return nil
	})
}

// The configuration changes under a chain that replicates: what loses nothing is set
// on both legs, once; fewer recovery points wait for a yes, for that VM alone; and the
// leg to the third copy is repaired without the first.
func TestRepairSetsWhatDrifted(t *testing.T) {
	w := newWorld(t, "testdata/chain.yaml", 60)
	w.rewrite("lifeboat.yaml", "      frequency: 5m", "      frequency: 15m")
	w.rewrite("lifeboat.yaml", "    frequency: 30s", "    frequency: 5m\n    recovery_points: 4")
	w.repairPolicy("drift: correct")
	w.up()
	for _, vm := range []string{"DB", "APP"} {
		w.isSet(vm, "HV-A", "every 300 s, 4 points", 0)
		w.isSet(vm, "HV-B", "every 300 s, 4 points", 900)
		for _, host := range []string{"HV-A", "HV-B"} {
			if n := w.called("Set-VMReplication", vm, host); n != 1 {
				t.Errorf("%s was set %d times at %s", vm, n, host)
			}
		}
	}
	w.rewrite("lifeboat.yaml", "recovery_points: 4", "recovery_points: 1")
	w.rung("DB", "ask", "recovery_points is 4, should be 1")
	w.rung("APP", "ask", "recovery_points is 4, should be 1")
	if r := w.must(0, "repair", "approve", "DB", "--dry-run"); !r.says("older recovery points are removed") || !r.says("Nothing was changed") {
		t.Errorf("dry run: %s", r.out)
	}
	if n := w.called("Set-VMReplication", "DB", "HV-A"); n != 1 {
		t.Errorf("DB was set %d times and nobody agreed", n)
	}
	w.must(0, "repair", "approve", "DB", "--by", "Dana")
	w.isSet("DB", "HV-A", "1 points", 0)
	w.isSet("APP", "HV-A", "4 points", 0)
	if row := w.rung("DB", "well", ""); row.Acts[len(row.Acts)-1].Consent != "Dana" {
		t.Errorf("on record: %+v", row.Acts)
	}

	// The leg to the third copy loses its tracking; the first leg goes on.
	w.post("/vms/"+w.copyOf("DB", "HV-B")+"@HV-B/lose-tracking", nil)
	w.rung("DB/extended", "ask", "until it is resynchronized")
	w.must(0, "repair", "run", "DB/extended", "--by", "Dana")
	w.rung("DB/extended", "well", "")
	if c := w.copyAt("DB", "HV-B"); c.Extended.State != "Replicating" || w.called("Resume-VMReplication", "DB", "HV-B") != 1 || w.called("Resume-VMReplication", "DB", "HV-A") != 0 {
		t.Errorf("the leg is %+v", c.Extended)
	}
}

// A host of the other reading sets its own side in place of the leg to the third
// copy: that is seen, told, and not repeated before a yes.
func TestRepairStopsWhenAnotherLegWasSet(t *testing.T) {
	w := newWorld(t, "testdata/chain.yaml", 60, "--dialect", "middle-sets-first")
	w.rewrite("lifeboat.yaml", "      frequency: 5m", "      frequency: 15m")
	w.repairPolicy("drift: correct")
	w.up()
	row := w.rung("DB/extended", "ask", "UNKNOWN: HV-B took the settings, but the extended leg shows a frequency of 300 s; another leg was changed")
	if len(row.Acts) != 1 || row.Acts[0].Outcome != "unknown" {
		t.Errorf("on record: %+v", row.Acts)
	}
	w.rung("APP/extended", "ask", "UNKNOWN")
	if n := w.called("Set-VMReplication", "DB", "HV-B"); n != 1 {
		t.Errorf("DB was set %d times", n)
	}
	if r := w.must(0, "journal", "show", "--run", "repair/HV-B"); !r.says("set-replication at HV-B, unknown") {
		t.Errorf("the journal says %s", r.out)
	}
	w.must(0, "repair", "hold", "APP/extended", "--reason", "we look at the host")
	w.must(0, "repair", "approve", "DB/extended", "--by", "Dana")
	w.until("Dana's yes is used", func() error {
		if n := w.called("Set-VMReplication", "DB", "HV-B"); n != 2 {
			return fmt.Errorf("set %d times", n)
		}
		return nil
	})
	w.rung("DB/extended", "ask", "UNKNOWN")
	if n := w.called("Set-VMReplication", "APP", "HV-B"); n != 1 {
		t.Errorf("what is left alone was set %d times", n)
	}
}
