package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// One engine, one hoster, one morning: the words and the exit code for a broker
// that is down (B2; the lab has none: all of a tenant's replicas stop taking
// changes while every host answers), a third copy that grows old behind a green
// first leg (B4), and a tenant's office whose address has changed (B5).
func TestAHostersMorning(t *testing.T) {
	w := newWorld(t, "brightwater", 120)
	w.up()
	w.until("all four plans are ready", func() error {
		r := w.lifeboat() // alone it is the morning look
		if r.code != 0 || strings.Count(r.out, "READY  brightwater-") != 4 || !r.says("all 14 VMs in time") {
			return fmt.Errorf("exit %d: %s%s", r.code, r.out, r.err)
		}
		return nil
	})

	for _, name := range []string{"BW-DC1", "BW-NS1", "BW-PANEL", "BW-MON"} {
		w.post("/vms/"+w.copyNamed(name, "MAN-CL1")+"/fail-apply", nil)
	}
	w.post("/hosts/DUB-H1/cut", nil)
	w.moveHost("BIRCH-HV")

	// The replicas first, then their primaries, which cannot send.
	w.saysOf("brightwater-core", 1, "NOT READY", "x BW-DC1 and 3 more VMs: ", "is in error", "Resume-VMReplication")
	if out := w.must(1, "status", "brightwater-core").out; strings.Contains(out, "does not answer") {
		t.Errorf("B2: both hosts answer:\n%s", out)
	}
	w.saysOf("brightwater-cobalt", 0, "READY - all 14 VMs in time", "8 more VMs: its replication on to dub-h1.bw.example", "this failover does not need it")
	w.until("the extended leg is late", func() error {
		r := w.lifeboat("rpo", "COB-SQL1")
		if r.code != 1 || !r.says("IN TIME COB-SQL1, first leg") || !r.says("LATE COB-SQL1, extended leg") {
			return fmt.Errorf("exit %d: %s%s", r.code, r.out, r.err)
		}
		return nil
	})
	w.until("the schedules say late and unseen", func() error {
		if l, code := w.schedules(); code != 6 || !stateIs(l, "MAN-CL1/5m", "late") || !stateIs(l, "DUB-H1/5m", "unseen") {
			return fmt.Errorf("exit %d, %+v", code, l.Schedules)
		}
		return nil
	})
	w.saysOf("brightwater-birch", 1, "NOT READY", "I have not read BIRCH-HV since", "its VMs went on sending", "it lived then", "an address that changed")
	// The others are not drawn in, and the worst decides the code.
	w.until("the worst comes first", func() error {
		r := w.lifeboat()
		worst, acme := strings.Index(r.out, "NOT READY"), strings.Index(r.out, "READY  brightwater-acme")
		if r.code != 1 || worst < 0 || acme < worst {
			return fmt.Errorf("exit %d: %s", r.code, r.out)
		}
		return nil
	})
}

// saysOf waits for what the engine says of one plan.
func (w *world) saysOf(plan string, code int, words ...string) {
	w.t.Helper()
	w.until(fmt.Sprintf("status %s ends with %d and says %q", plan, code, words), func() error {
		r := w.lifeboat("status", plan)
		if r.code != code {
			return fmt.Errorf("it ended with %d: %s%s", r.code, r.out, r.err)
		}
		for _, word := range words {
			if !r.says(word) {
				return fmt.Errorf("no %q in %s", word, r.out)
			}
		}
		return nil
	})
}

func stateIs(l scheduleList, name, state string) bool {
	for _, s := range l.Schedules {
		if s.Name == name {
			return s.State == state
		}
	}
	return false
}

// moveHost leaves an address in the configuration at which the host is no more.
func (w *world) moveHost(name string) {
	w.t.Helper()
	file := filepath.Join(w.site(), "lifeboat.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(text), "  - name: "+name+"\n")
	at := strings.Index(rest, "port: ")
	if !found || at < 0 {
		w.t.Fatalf("no %s with a port in %s", name, text)
	}
	_, after, _ := strings.Cut(rest[at:], "\n")
	if err := os.WriteFile(file, []byte(head+"  - name: "+name+"\n"+rest[:at]+"port: 1\n"+after), 0o644); err != nil {
		w.t.Fatal(err)
	}
}
