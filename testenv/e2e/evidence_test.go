package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A drill leaves evidence: people complete it while the engine runs and after it
// is gone, an auditor checks the files without either, and every change shows. The
// next run is predicted from what this one took.
func TestADrillLeavesEvidence(t *testing.T) {
	w := newWorld(t, "testdata/pair-tests.yaml", 60)
	w.up()
	if r := w.must(0, "plan", "explain", "both"); !r.says("assumed: no past run") {
		t.Errorf("before any run: %s", r.out)
	}
	w.must(0, "failover", "both", "--test", "--yes", "--reason", "HQ burns")
	if r := w.must(0, "plan", "explain", "both"); !r.says("learned from 1 past run") {
		t.Errorf("nothing was learned: %s", r.out)
	}
	w.must(0, "report", "edit", "last", "--lead", "Dana, of IT", "--by", "Dana")
	if r := w.must(2, "report", "edit", "last", "--integrity", "NOSUCH=fine", "--by", "Dana"); !r.says("no VM") {
		t.Errorf("an edit of nothing: %s%s", r.out, r.err)
	}
	if r := w.must(0, "report", "show", "last"); !r.says("reviewer name") || r.says("who led") || !r.says("SIMULATED") {
		t.Errorf("the blanks: %s", r.out)
	}
	key := strings.TrimSpace(w.must(0, "report", "key").out)
	dir := filepath.Join(w.dir, "audit")
	w.must(0, "report", "export", "last", "--out", dir)
	files, err := filepath.Glob(filepath.Join(dir, "DR-*-001.*"))
	if err != nil || len(files) != 3 {
		t.Fatalf("%q, %v", files, err)
	}
	verify := func(code int, args ...string) result {
		return w.must(code, append([]string{"report", "verify"}, args...)...)
	}
	if r := verify(0, files...); !r.says("is the one that the report rests on") {
		t.Errorf("the engine's own check: %s", r.out)
	}
	w.kill()
	w.must(0, "report", "edit", "last", "--reviewer", "J. Patel", "--by", "J. Patel")
	w.must(0, "journal", "verify")
	// The old files still stand; written again they would say something else.
	verify(0, files...)
	w.must(4, "report", "export", "last", "--out", dir)
	// Far from the engine, with nothing but the key.
	far := t.TempDir()
	verify(0, append([]string{"--data", far, "--key", key}, files...)...)
	verify(1, append([]string{"--data", far}, files...)...)
	for _, name := range files {
		if strings.HasSuffix(name, ".html") {
			body, err := os.ReadFile(name)
			if err != nil || !bytes.Contains(body, []byte("HQ burns")) {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, bytes.Replace(body, []byte("HQ burns"), []byte("HQ turns"), 1), 0o600); err != nil {
				t.Fatal(err)
			}
			verify(1, "--data", far, "--key", key, name)
		}
	}
}
