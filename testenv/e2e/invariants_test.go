package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// planOrder is the part of a plan that order is judged by, read from the written
// configuration by the tests' own eyes.
type planOrder struct {
	Name  string `yaml:"name"`
	Steps []struct {
		Stage string `yaml:"stage"`
		VMs   []struct {
			VM    string   `yaml:"vm"`
			After []string `yaml:"after"`
		} `yaml:"vms"`
	} `yaml:"steps"`
}

func (w *world) plan(name string) planOrder {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.site(), "plans.yaml"))
	if err != nil {
		w.t.Fatal(err)
	}
	var file struct {
		Plans []planOrder `yaml:"plans"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		w.t.Fatal(err)
	}
	for _, p := range file.Plans {
		if p.Name == name && len(p.Steps) > 0 {
			return p
		}
	}
	w.t.Fatalf("no plan %s with steps", name)
	return planOrder{}
}

// truth gathers what the ledger says about each VM.
type truth struct {
	names map[string]string // GUID to name
	// off is when each VM went off at the source, up when it began to run at
	// the target.
	off, up map[string]time.Time
	// acts counts the cmdlets that were done, by VM and cmdlet.
	acts map[string]map[string]int
}

func (w *world) truth(source, target string) truth {
	t := truth{names: map[string]string{}, off: map[string]time.Time{}, up: map[string]time.Time{}, acts: map[string]map[string]int{}}
	for _, c := range w.state().Copies {
		t.names[c.VM] = c.Name
	}
	for _, e := range w.ledger() {
		name := t.names[e.VM]
		switch {
		case e.What == "power" && e.Host == source && e.To == "Off":
			t.off[name] = e.At
		case e.What == "power" && e.Host == target && e.To == "Running":
			t.up[name] = e.At
		case e.What == "call" && e.To == "done":
			if t.acts[name] == nil {
				t.acts[name] = map[string]int{}
			}
			t.acts[name][e.From+"@"+e.Host]++
		}
	}
	return t
}

// checkInvariants judges a finished planned failover by ground truth alone.
func (w *world) checkInvariants(plan, source, target string, moved ...string) {
	w.t.Helper()
	s := w.state()
	for _, v := range s.Violations {
		w.t.Errorf("I1: %s", v)
	}
	t := w.truth(source, target)
	for _, name := range moved {
		w.checkHome(s, name, source, target)
		w.checkOnce(t, name, target)
	}
	w.checkOrder(w.plan(plan), t)
}

// checkHome: the VM runs at the target as primary, the other copy is its
// replica, and no write that users were told is safe is missing.
func (w *world) checkHome(s labState, name, source, target string) {
	w.t.Helper()
	for _, c := range s.Copies {
		if c.Name != name {
			continue
		}
		switch c.Host {
		case target:
			if c.Power != "Running" || c.Mode != "Primary" {
				w.t.Errorf("%s at %s is %s/%s/%s, want Running/Primary", name, target, c.Power, c.Mode, c.State)
			}
			if c.Writes.Missing != 0 || c.Writes.Held < c.Writes.Committed {
				w.t.Errorf("I2: %s lost writes: %+v", name, c.Writes)
			}
		case source:
			if c.Power != "Off" || c.Mode != "Replica" {
				w.t.Errorf("%s at %s is %s/%s/%s, want Off/Replica", name, source, c.Power, c.Mode, c.State)
			}
		}
	}
}

// checkOnce: no irreversible act was done twice (I8).
func (w *world) checkOnce(t truth, name, target string) {
	w.t.Helper()
	for _, cmdlet := range []string{"Start-VMFailover", "Set-VMReplication", "Start-VM"} {
		if n := t.acts[name][cmdlet+"@"+target]; n != 1 {
			w.t.Errorf("I8: %s was done %d times for %s at %s, want once", cmdlet, n, name, target)
		}
	}
}

// checkOrder: stages and after:, both ways (I4).
func (w *world) checkOrder(p planOrder, t truth) {
	w.t.Helper()
	type member struct {
		name  string
		stage int
		after []string
	}
	var all []member
	for i, s := range p.Steps {
		for _, vm := range s.VMs {
			all = append(all, member{vm.VM, i, vm.After})
		}
	}
	before := func(first, second, why string) {
		if f, s := t.up[first], t.up[second]; !f.IsZero() && !s.IsZero() && !f.Before(s) {
			w.t.Errorf("I4: %s started at the target before %s (%s)", second, first, why)
		}
		if f, s := t.off[first], t.off[second]; !f.IsZero() && !s.IsZero() && !s.Before(f) {
			w.t.Errorf("I4: %s was shut down before %s (%s)", first, second, why)
		}
	}
	for _, a := range all {
		for _, b := range all {
			if a.stage < b.stage {
				before(a.name, b.name, "stages")
			}
		}
		for _, first := range a.after {
			before(first, a.name, "after")
		}
	}
}

// runStatus is the part of `run show --output json` that tests look at.
type runStatus struct {
	RunID   string    `json:"run_id"`
	Verdict string    `json:"verdict"`
	Ended   time.Time `json:"ended"`
	Waiting []struct {
		Step    int      `json:"step"`
		VM      string   `json:"vm"`
		Choices []string `json:"choices"`
	} `json:"waiting"`
	VMs []struct {
		Label   string `json:"label"`
		Verdict string `json:"verdict"`
		Phase   string `json:"phase"`
	} `json:"vms"`
}

func (w *world) run(plan string) (runStatus, error) {
	var s runStatus
	r := w.lifeboat("run", "show", plan, "--output", "json")
	if r.code != 0 {
		return s, fmt.Errorf("run show: exit %d: %s", r.code, r.err)
	}
	return s, json.Unmarshal([]byte(r.out), &s)
}

// awaitEnd waits until a run has ended and returns its last picture.
func (w *world) awaitEnd(plan string) runStatus {
	w.t.Helper()
	var last runStatus
	w.until("the run ends", func() error {
		s, err := w.run(plan)
		if err != nil {
			return err
		}
		last = s
		if s.Ended.IsZero() {
			return fmt.Errorf("the run is %s, waiting for %v", s.Verdict, s.Waiting)
		}
		return nil
	})
	return last
}

func TestPlannedFailoverOfAPair(t *testing.T) {
	w := newWorld(t, "pair", 60)
	w.up()
	w.must(0, "check")
	w.must(0, "failover", "both", "--planned", "--yes")
	w.checkInvariants("both", "HV-A", "HV-B", "DB", "APP1", "APP2")
	w.must(0, "journal", "verify")

	// The same command again is safe: everything is where it was wanted.
	before := len(w.ledger())
	w.must(0, "failover", "both", "--planned", "--yes")
	for _, e := range w.ledger()[before:] {
		if e.What == "call" {
			t.Errorf("the second run changed something: %+v", e)
		}
	}

	// And the way home is the same command with the other target.
	w.must(0, "failover", "both", "--planned", "--yes", "--to", "a")
	for _, c := range w.state().Copies {
		if c.Host == "HV-A" && (c.Power != "Running" || c.Mode != "Primary" || c.Writes.Missing != 0) {
			t.Errorf("back home %s is %s/%s, missing %d writes", c.Name, c.Power, c.Mode, c.Writes.Missing)
		}
	}
}
