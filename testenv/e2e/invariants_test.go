package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/lifeboat-dr/lifeboat/testenv/truth"
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

// members are the plan's VMs by name.
func (p planOrder) members() []truth.Member {
	var all []truth.Member
	for i, s := range p.Steps {
		for _, vm := range s.VMs {
			all = append(all, truth.Member{VM: vm.VM, Stage: i, After: vm.After})
		}
	}
	return all
}

// named is the ledger with the VMs' names in place of their GUIDs, as plans of
// worlds without equal names call them.
func (w *world) named(l []entry) []entry {
	names := map[string]string{}
	for _, c := range w.state().Copies {
		names[c.VM] = c.Name
	}
	out := slices.Clone(l)
	for i := range out {
		out[i].VM = names[out[i].VM]
	}
	return out
}

// checkInvariants judges a finished planned failover by ground truth alone.
func (w *world) checkInvariants(plan, source, target string, moved ...string) {
	w.t.Helper()
	s := w.state()
	for _, v := range s.Violations {
		w.t.Errorf("I1: %s", v)
	}
	l := w.named(w.ledger())
	for _, name := range moved {
		w.checkHome(s, name, source, target)
		w.checkOnce(l, name, target)
	}
	for _, broken := range truth.Order(l, w.plan(plan).members(), func(host string) bool { return host == target }) {
		w.t.Error(broken)
	}
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
func (w *world) checkOnce(l []entry, name, target string) {
	w.t.Helper()
	for _, cmdlet := range []string{"Start-VMFailover", "Set-VMReplication", "Start-VM"} {
		n := 0
		for _, e := range l {
			if e.Done() && e.VM == name && e.From == cmdlet && e.Host == target {
				n++
			}
		}
		if n != 1 {
			w.t.Errorf("I8: %s was done %d times for %s at %s, want once", cmdlet, n, name, target)
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
		ID      string `json:"id"`
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
		w.lifeboat("run", "watch", plan) // one process for all of it; what it says is not judged
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
