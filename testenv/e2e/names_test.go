package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// Names are data on every way: quotes, expressions, wildcards, line breaks, letters
// of any language in that of the plan, and two VMs of one name move like any other.
func TestPlannedFailoverOfOddNames(t *testing.T) {
	environment, err := filepath.Abs("../lab/testdata/names.yaml")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, environment, 60)
	w.up()
	w.must(0, "check")
	const plan = `Müller's "HQ" plan, 100% (alles)`
	w.must(0, "failover", plan, "--planned", "--yes")
	if out := w.must(0, "run", "show", plan); !strings.Contains(out.out, "DONE  "+plan) {
		t.Errorf("the run is shown as\n%s", out.out)
	}
	if out := w.must(0, "report", "show", "last"); !strings.Contains(out.out, plan) {
		t.Errorf("the report is\n%s", out.out)
	}
	s := w.state()
	for _, v := range s.Violations {
		t.Errorf("I1: %s", v)
	}
	names := map[string]bool{}
	for _, c := range s.Copies {
		names[c.Name] = true
		w.checkHome(labState{Copies: []labCopy{c}}, c.Name, "HV-A", "HV-B")
	}
	// 9 VMs, two of one name, each on both hosts.
	if len(s.Copies) != 18 || len(names) != 8 {
		t.Errorf("%d copies of %d names", len(s.Copies), len(names))
	}
	acts := map[string]int{}
	for _, e := range w.ledger() {
		if e.What == "call" && e.To == "done" && e.Host == "HV-B" {
			acts[e.VM+" "+e.From]++
		}
	}
	for _, c := range s.Copies {
		for _, cmdlet := range []string{"Start-VMFailover", "Set-VMReplication", "Start-VM"} {
			if n := acts[c.VM+" "+cmdlet]; n != 1 {
				t.Errorf("I8: %s was done %d times for %q (%s)", cmdlet, n, c.Name, c.VM)
			}
		}
	}
}
