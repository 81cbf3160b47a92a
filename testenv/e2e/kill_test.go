package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// killAt kills the engine when the ledger first shows a fact, brings it back,
// and lets the run end.
func (w *world) killAt(what string, seen func([]entry) bool) {
	w.t.Helper()
	w.until("the ledger shows "+what, func() error {
		if !seen(w.ledger()) {
			return fmt.Errorf("not yet")
		}
		return nil
	})
	w.kill()
	w.up()
}

// Every step of one VM's way is a place to die: when a cmdlet was done, and the
// engine has not heard of it yet.
func TestKilledAtEveryStep(t *testing.T) {
	for _, step := range []struct{ cmdlet, host string }{
		{"Connect-VMNetworkAdapter", "HV-B"}, {"Stop-VM", "HV-A"}, {"Start-VMFailover", "HV-A"}, {"Start-VMFailover", "HV-B"},
		{"Start-VM", "HV-B"}, {"Set-VMReplication", "HV-B"},
	} {
		t.Run(step.cmdlet+"@"+step.host, func(t *testing.T) {
			w := newWorld(t, "pair", 60)
			w.up()
			w.must(0, "failover", "both", "--planned", "--yes", "--detach")
			w.killAt(step.cmdlet+" done at "+step.host, func(l []entry) bool {
				for _, e := range l {
					if e.What == "call" && e.From == step.cmdlet && e.Host == step.host {
						return true
					}
				}
				return false
			})
			if s := w.awaitEnd("both"); s.Verdict != "done" {
				t.Errorf("the run ended %s: %+v", s.Verdict, s.VMs)
			}
			w.checkInvariants("both", "HV-A", "HV-B", "DB", "APP1", "APP2")
		})
	}
}

// Who watches a run sees its end, though the engine was killed and has come back
// on other ports.
func TestAWatchOutlivesTheEngine(t *testing.T) {
	w := newWorld(t, "pair", 60)
	w.up()
	was := w.temporal()
	watcher := w.start("failover", "both", "--planned", "--yes")
	moved := doneAt{"Start-VMFailover", "HV-A"}
	w.until(moved.String(), func() error {
		if moved.count(w.ledger()) == 0 {
			return errNotYet
		}
		return nil
	})
	w.kill()
	w.until("the watcher says that the engine is away", func() error {
		if !strings.Contains(w.processesSay(), "ENGINE     does not answer") {
			return errNotYet
		}
		return nil
	})
	w.up()
	if is := w.temporal(); is == was {
		t.Fatalf("the engine is at %s again: this proves nothing", is)
	}
	if err := watcher.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	r := result{out: w.processesSay()}
	for _, words := range []string{"Good copy, as last seen:", "ENGINE answers again", "3 of 3 VMs done"} {
		if !r.says(words) {
			t.Errorf("nobody said %q", words)
		}
	}
}

// processesSay is what the processes that were started have said so far.
func (w *world) processesSay() string {
	w.t.Helper()
	text, err := os.ReadFile(w.log.Name())
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// temporal is where the engine's Temporal server listens.
func (w *world) temporal() string {
	w.t.Helper()
	var e struct {
		Temporal string `json:"temporal"`
	}
	text, err := os.ReadFile(filepath.Join(w.data(), "engine.json"))
	if err = errors.Join(err, json.Unmarshal(text, &e)); err != nil {
		w.t.Fatal(err)
	}
	return e.Temporal
}

// The engine dies at random moments of the whole plan, again and again.
func TestKilledAtRandomMoments(t *testing.T) {
	seed := time.Now().UnixNano()
	if text := os.Getenv("LIFEBOAT_SEED"); text != "" {
		seed, _ = strconv.ParseInt(text, 10, 64)
	}
	t.Logf("LIFEBOAT_SEED=%d", seed)
	random := rand.New(rand.NewPCG(uint64(seed), 1))
	w := newWorld(t, "northgate", 60)
	w.up()
	w.must(0, "failover", "northgate-site-loss", "--planned", "--yes", "--auto", "--detach")
	for range 4 {
		moment := time.Now().Add(time.Duration(500+random.IntN(4000)) * time.Millisecond)
		w.until("the moment has come", func() error {
			if time.Now().Before(moment) {
				return fmt.Errorf("not yet")
			}
			return nil
		})
		w.kill()
		w.up()
	}
	if s := w.awaitEnd("northgate-site-loss"); s.Verdict != "done" {
		t.Errorf("the run ended %s", s.Verdict)
	}
	w.checkInvariants("northgate-site-loss", "NG-HV01", "NG-HV02",
		"NG-DC01", "NG-SQL01", "NG-FS01", "NG-ERP01", "NG-ERP02", "NG-WEB01", "NG-RDS01", "NG-PRN01", "NG-LNX01")
}

// An answer is lost before or after the host acted, for each verb: same end.
func TestLostAnswers(t *testing.T) {
	for _, kind := range []string{"drop-before", "drop-after", "cut"} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, "pair", 60)
			w.up()
			for _, verb := range []string{"Connect-VMNetworkAdapter", "Stop-VM", "Start-VMFailover", "Start-VM", "Set-VMReplication"} {
				w.post("/faults", map[string]any{"verb": verb, "kind": kind, "count": 2})
			}
			w.must(0, "failover", "both", "--planned", "--yes")
			w.checkInvariants("both", "HV-A", "HV-B", "DB", "APP1", "APP2")
			w.checkFaultsHit()
		})
	}
}

// A guest that will not shut down holds its stage and asks; the answer goes on.
func TestAGuestThatWillNotShutDown(t *testing.T) {
	w := newWorld(t, "pair", 120)
	w.up()
	w.post("/faults", map[string]any{"vm": "APP1", "kind": "guest-hang"})
	w.must(0, "failover", "both", "--planned", "--yes", "--detach")
	w.until("APP1 is held", func() error {
		s, err := w.run("both")
		if err != nil {
			return err
		}
		for _, q := range s.Waiting {
			if q.VM == "APP1" {
				return nil
			}
		}
		return fmt.Errorf("%s, %+v", s.Verdict, s.VMs)
	})
	for _, c := range w.state().Copies {
		if c.Name == "DB" && c.Host == "HV-A" && c.Power != "Running" {
			t.Errorf("DB was shut down although APP1, which starts after it, still runs")
		}
	}
	w.must(4, "run", "approve", "both") // no manual step waits
	w.must(0, "run", "turn-off", "both", "--vm", "APP1")
	if s := w.awaitEnd("both"); s.Verdict != "done" {
		t.Errorf("the run ended %s: %+v", s.Verdict, s.VMs)
	}
	w.checkInvariants("both", "HV-A", "HV-B", "DB", "APP1", "APP2")
}

// A second engine on the same folder is told who holds it, and a second run of
// the plan who runs it.
func TestBusy(t *testing.T) {
	w := newWorld(t, "pair", 5)
	w.up()
	if r := w.must(8, "up"); r.err == "" {
		t.Error("nobody said who holds the data folder")
	}
	w.must(0, "failover", "both", "--planned", "--yes", "--detach")
	w.must(8, "failover", "both", "--planned", "--yes", "--detach")
	w.must(0, "run", "stop", "both")
	if s := w.awaitEnd("both"); s.Verdict != "stopped" && s.Verdict != "refused" {
		t.Errorf("a stopped run ended %s", s.Verdict)
	}
	w.must(0, "cancel", "both", "--yes")
	for _, c := range w.state().Copies {
		if c.Host == "HV-A" && (c.Power != "Running" || c.Mode != "Primary") {
			t.Errorf("after cancel %s at HV-A is %s/%s/%s", c.Name, c.Power, c.Mode, c.State)
		}
	}
}
