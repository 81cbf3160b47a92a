package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// orphanScan is what scripts read of a sweep.
type orphanScan struct {
	Picture struct {
		Findings []struct {
			ID   string `json:"id"`
			Kind string `json:"kind"`
			Host string `json:"host"`
			Name string `json:"name"`
			Only bool   `json:"only_copy"`
		} `json:"findings"`
		Quiet []struct {
			Why string `json:"why"`
		} `json:"not_offered"`
		Kept []struct {
			ID string `json:"id"`
		} `json:"quarantine"`
	} `json:"picture"`
}

// scan looks at the hosts, and gives the findings as "kind name@host" with their
// ids.
func (w *world) scan(code int) (orphanScan, map[string]string) {
	w.t.Helper()
	r := w.must(code, "orphans", "scan", "--output", "json")
	var s orphanScan
	if err := json.Unmarshal([]byte(r.out), &s); err != nil {
		w.t.Fatalf("orphans scan: %v\n%s", err, r.out)
	}
	found := map[string]string{}
	for _, f := range s.Picture.Findings {
		found[f.Kind+" "+f.Name+"@"+f.Host] = f.ID
	}
	return s, found
}

// What colleagues left behind is found once it is old enough, cleaned one by one
// and taken back; a host that is not read proves nothing; the world judges.
func TestOrphansAreFoundCleanedAndTakenBack(t *testing.T) {
	w := newWorld(t, "pair", 600)
	policy := "orphans:\n  after: 1h\n  undo: 24h\n  clean: [test-vm, files-without-vm]\n"
	if err := os.WriteFile(filepath.Join(w.site(), "orphans.yaml"), []byte(policy), 0o644); err != nil {
		t.Fatal(err)
	}
	w.up()
	if r := w.must(4, "orphans", "clean", "o-00000000"); !r.says("nobody has scanned yet") {
		t.Errorf("before any scan: %s%s", r.out, r.err)
	}
	w.scan(0)
	app1, app2, db := w.copyOf("APP1", "HV-B"), w.copyOf("APP2", "HV-B"), w.copyOf("DB", "HV-A")
	for _, act := range []string{app2 + "@HV-B/remove-replication", app2 + "@HV-B/remove-vm", app1 + "@HV-B/start-test", db + "@HV-A/leave-backup"} {
		w.post("/vms/"+act, nil)
	}
	want := []string{"files-without-vm APP2@HV-B", "recovery-checkpoints DB@HV-A", "replica-gone APP2@HV-A", "test-vm APP1 - Test@HV-B"}
	var found map[string]string
	all := func() error {
		var s orphanScan
		r := w.lifeboat("orphans", "scan", "--output", "json")
		if err := json.Unmarshal([]byte(r.out), &s); err != nil || r.code > 1 {
			return fmt.Errorf("exit %d: %s%s", r.code, r.out, r.err)
		}
		found = map[string]string{}
		for _, f := range s.Picture.Findings {
			found[f.Kind+" "+f.Name+"@"+f.Host] = f.ID
		}
		for _, one := range want {
			if found[one] == "" {
				return fmt.Errorf("no %s in %v; not offered: %v", one, found, s.Picture.Quiet)
			}
		}
		return nil
	}
	w.until("all that was left behind is old enough", all)
	if len(found) != len(want) {
		t.Errorf("found %v", found)
	}

	w.post("/hosts/HV-B/cut", nil)
	blind, seen := w.scan(1)
	for what := range seen {
		if !strings.HasPrefix(what, "recovery-checkpoints") {
			t.Errorf("found although HV-B was not read: %s", what)
		}
	}
	if !slices.ContainsFunc(blind.Picture.Quiet, func(q struct {
		Why string `json:"why"`
	}) bool {
		return strings.Contains(q.Why, "HV-B was not read")
	}) {
		t.Errorf("it is not said what was left out: %+v", blind.Picture.Quiet)
	}
	w.post("/hosts/HV-B/join", nil)
	w.until("HV-B is read again", all)

	if r := w.must(4, "orphans", "clean", found[want[2]], "--yes"); !r.says("takes --word only-copy") {
		t.Errorf("the only copy went with a plain yes: %s%s", r.out, r.err)
	}
	before := w.state()
	w.must(0, "orphans", "clean", "--by-policy", "--dry-run")
	if now := w.state(); len(now.Copies) != len(before.Copies) {
		t.Errorf("a dry run changed something")
	}
	w.must(0, "orphans", "clean", "--by-policy", "--yes")
	w.must(0, "orphans", "clean", found[want[1]], "--yes")
	w.must(0, "orphans", "clean", found[want[2]], "--yes", "--word", "only-copy")
	after, left := w.scan(0)
	if len(left) != 0 || len(after.Picture.Kept) != 1 {
		t.Errorf("left: %v, in quarantine: %v", left, after.Picture.Kept)
	}
	w.must(0, "orphans", "undo", found[want[0]], "--yes")
	if _, left := w.scan(1); left[want[0]] == "" {
		t.Errorf("the files are not where they were: %v", left)
	}

	s := w.state()
	if len(s.Violations) != 0 {
		t.Errorf("violations: %v", s.Violations)
	}
	for _, name := range []string{"DB", "APP1"} {
		if p, r := s.copyOf(name, "HV-A"), s.copyOf(name, "HV-B"); p.Power != "Running" || p.Mode != "Primary" || r.Mode != "Replica" {
			t.Errorf("%s is %+v and %+v", name, p, r)
		}
	}
	if p := s.copyOf("APP2", "HV-A"); p.Power != "Running" || p.Mode != "None" {
		t.Errorf("APP2 is %+v", p)
	}
	for _, c := range s.Copies {
		if c.Test {
			t.Errorf("a test copy is left: %+v", c)
		}
	}
	if r := w.must(0, "journal", "show"); !r.says("quarantine-files") || !r.says("restore-files") {
		t.Errorf("the journal lacks what was done:\n%s", r.out)
	}
	w.must(0, "journal", "verify")
}
