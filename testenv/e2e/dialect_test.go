package e2e

import (
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// dialects are all names that `lab --dialect` knows, read from what it says
// itself about one that it does not know.
func dialects(t *testing.T) []string {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	var err error
	if w.bin, err = build(); err != nil {
		t.Fatal(err)
	}
	r := w.lifeboat("lab", "--environment", "pair", "--dialect", "klingon", "--control", "127.0.0.1:0")
	known := regexp.MustCompile(`known are ([^.\n]+)`).FindStringSubmatch(r.err)
	if known == nil {
		t.Fatalf("the lab does not say which dialects it knows: %s", r.err)
	}
	all := strings.Split(strings.TrimSpace(known[1]), ", ")
	if len(all) < 20 {
		t.Fatalf("only %d dialects: %v", len(all), all)
	}
	return all
}

// sample takes n of all by chance, and all of them when the variable says all.
// Long tests of one kind are proved over many runs, not in each.
func sample[T any](t *testing.T, variable string, n int, all []T) []T {
	t.Helper()
	if os.Getenv(variable) == "all" {
		return all
	}
	seed := time.Now().UnixNano()
	if text := os.Getenv("LIFEBOAT_SEED"); text != "" {
		seed, _ = strconv.ParseInt(text, 10, 64)
	}
	t.Logf("LIFEBOAT_SEED=%d, or %s=all for all %d", seed, variable, len(all))
	dice := rand.New(rand.NewPCG(uint64(seed), 3))
	all = slices.Clone(all)
	dice.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:n]
}

// What Microsoft's documentation leaves open is read in every way: the way from
// loss to home, and a drill before it, come to the same end. All of them with
// LIFEBOAT_DIALECTS=all; three by chance otherwise.
func TestTheWholeWayInEveryDialect(t *testing.T) {
	beside(t, longest)
	for _, name := range sample(t, "LIFEBOAT_DIALECTS", 3, dialects(t)) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "testdata/pair-tests.yaml", 60, "--dialect", name)
			w.up()
			before := len(w.ledger())
			w.must(0, "failover", "both", "--test", "--yes", "--hold", "30s")
			w.untouched(before)
			drilled := len(w.ledger())
			w.lose("a")
			w.must(0, "failover", "both", "--unplanned", "--yes", "--statement", statement)
			w.runsAt("HV-B", "Replica")
			w.post("/sites/a/power-on", nil)
			w.fenceAll("both", "--turn-off")
			w.must(0, "commit", "both", "--yes")
			w.must(0, "reprotect", "both", "--yes")
			w.oneRuns("HV-B", "HV-A")
			w.checkDoneOnceSince(drilled, "Start-VMFailover@HV-B", "Start-VM@HV-B", "Complete-VMFailover@HV-B", "Set-VMReplication@HV-B")
			w.must(0, "failback", "both", "--yes")
			w.oneRuns("HV-A", "HV-B")
			w.must(0, "journal", "verify")
		})
	}
}
