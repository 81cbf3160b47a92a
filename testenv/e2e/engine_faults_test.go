package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// plain says what is wrong with a message for people: a Go dump, or nothing.
func plain(text string) string {
	switch {
	case strings.TrimSpace(text) == "":
		return "it says nothing"
	case strings.Contains(text, "goroutine ") || strings.Contains(text, "panic:"):
		return "it is a dump: " + text
	}
	return ""
}

// Somebody's backup program holds the engine's database for a while: commands
// meanwhile wait or are refused in plain words, the engine stays up, and
// everything goes on once it is free.
func TestTheEnginesDatabaseIsLocked(t *testing.T) {
	w := newWorld(t, "pair", 100)
	w.up()
	w.must(0, "failover", "both", "--planned", "--yes", "--detach")
	release, err := lockFile(filepath.Join(w.data(), "temporal.db-shm"))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	freed := time.AfterFunc(5*time.Second, release)
	defer freed.Stop()
	r := w.lifeboat("run", "hold", "both")
	t.Logf("run hold: exit %d after %s: %s%s", r.code, time.Since(began), r.out, r.err)
	if !slices.Contains([]int{0, 3, 4}, r.code) || plain(r.out+r.err) != "" {
		t.Errorf("run hold with the database locked: exit %d: %s%s %s", r.code, r.out, r.err, plain(r.out+r.err))
	}
	if !running(w.engine) {
		t.Fatal("the engine has ended because its database was locked")
	}
	if r.code == 0 {
		w.must(0, "run", "resume", "both")
	}
	if s := w.awaitEnd("both"); s.Verdict != "done" {
		t.Errorf("the run ended %s: %+v", s.Verdict, s.VMs)
	}
	w.checkInvariants("both", "HV-A", "HV-B", "DB", "APP1", "APP2")
}

// The disk of the data folder has not one byte left: nothing is done that could
// not be written down, commands are refused in plain words, and a run under way
// goes on when there is room again, with a new engine if the old one had to end.
func TestTheEnginesDiskIsFull(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a small disk can only be made as root")
	}
	w := newWorld(t, "pair", 100)
	p := &player{world: w, tally: newTally()}
	if p.smallDisk(); p.full == "" {
		t.Skip("no small disk can be mounted here")
	}
	w.up()
	w.must(0, "failover", "both", "--planned", "--yes", "--detach")
	w.until("the run has begun to act", func() error {
		for _, e := range w.ledger() {
			if e.Done() {
				return nil
			}
		}
		return os.ErrNotExist
	})
	p.fillDisk(trouble{kind: "disk-full"})
	full := w.state().Seq
	r := w.lifeboat("failover", "both", "--planned", "--yes", "--detach")
	t.Logf("failover on a full disk: exit %d: %s", r.code, r.err)
	if !slices.Contains([]int{3, 8}, r.code) || plain(r.err) != "" {
		t.Errorf("failover on a full disk: exit %d: %s%s %s", r.code, r.out, r.err, plain(r.err))
	}
	if running(w.engine) {
		w.kill()
	}
	// An engine that cannot write does not start, and says why.
	r = w.lifeboat("up", "--ui-port", "0")
	t.Logf("up on a full disk: exit %d: %s", r.code, r.err)
	if r.code == 0 || r.code == 2 && plain(r.err) != "" || !strings.Contains(r.err, "space") {
		t.Errorf("up on a full disk: exit %d, and does not say that the disk is full: %s%s", r.code, r.out, r.err)
	}
	t.Logf("%d entries of the ledger while the disk was full", w.state().Seq-full)
	p.release(true)
	w.up()
	if s := w.awaitEnd("both"); s.Verdict != "done" {
		t.Errorf("the run ended %s: %+v", s.Verdict, s.VMs)
	}
	w.checkInvariants("both", "HV-A", "HV-B", "DB", "APP1", "APP2")
	w.must(0, "journal", "verify")
}

// Another program holds the journal: the engine says so and does not start; it
// does once the file is free.
func TestTheJournalIsHeldByAnother(t *testing.T) {
	w := newWorld(t, "pair", 100)
	w.up()
	gone := fmt.Sprint(w.engine.Process.Pid)
	w.kill()
	f, err := os.OpenFile(filepath.Join(w.data(), "journal.db"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	r := w.lifeboat("up", "--ui-port", "0")
	t.Logf("up with the journal held: exit %d: %s", r.code, r.err)
	if r.code != 8 || plain(r.err) != "" || strings.Contains(r.err, gone) {
		t.Errorf("up with the journal held: exit %d: %s%s", r.code, r.out, r.err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	w.up()
	w.must(0, "failover", "both", "--planned", "--yes")
	w.checkInvariants("both", "HV-A", "HV-B", "DB", "APP1", "APP2")
}
