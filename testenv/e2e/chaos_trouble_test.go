package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// strike lets every trouble happen whose moment has come, and returns the rest.
func (p *player) strike(todo []trouble, began time.Time, since uint64) []trouble {
	rest := todo[:0:0]
	for _, t := range todo {
		due := time.Since(began) >= t.after
		if t.seen != "" {
			due = p.seen(t, since)
		}
		if !due {
			rest = append(rest, t)
			continue
		}
		p.happen(t)
	}
	return rest
}

// seen is true when the ledger shows a cmdlet done often enough in this act.
func (p *player) seen(t trouble, since uint64) bool {
	n := 0
	for _, e := range p.ledger()[since:] {
		if e.What == "call" && e.To == "done" && e.From == t.seen {
			n++
		}
	}
	return n > t.skip
}

func (p *player) happen(t trouble) {
	host := p.hosts[t.host%len(p.hosts)]
	copies := p.state().Copies
	c := copies[t.vm%len(copies)]
	switch t.kind {
	case "engine-kill", "engine-kill-seen":
		p.killEngine(t)
		return
	case "host-crash":
		p.lasts(t, host, "POST", "/hosts/"+host+"/crash", func() { p.powerOn(host) })
		return
	case "link-cut":
		p.lasts(t, host, "POST", "/hosts/"+host+"/cut", func() { p.join(host) })
		return
	case "colleague":
		p.colleague(t, c)
		return
	case "database-locked":
		p.lockDatabase(t)
		return
	case "disk-full":
		p.fillDisk(t)
		return
	case "powershell-kill":
		p.killPowerShell(t)
		return
	}
	rule := map[string]any{"kind": t.kind, "verb": t.verb, "count": t.count, "skip": t.skip, "delay": 20}
	if t.kind == "guest-hang" || t.kind == "gate-fail" {
		rule = map[string]any{"kind": t.kind, "vm": c.VM}
		p.tally.fault(t.kind, 1)
	}
	if t.kind == "hang" {
		rule["host"] = host
	}
	err := p.tryPost("POST", "/faults", rule)
	p.tell("%s at %s: %v", t, c.Name, err)
	if t.kind == "hang" {
		p.under = append(p.under, &lasting{time.Now().Add(4 * time.Second), p.endHang})
	}
}

// endHang is for a call that hangs: it does so for as long as its process lives
// and holds the VM's mutex, so that nobody else acts on it. A host that is
// started again has no such process.
func (p *player) endHang() {
	for _, f := range p.faults() {
		if f.Kind == "hang" && f.Hits > 0 && !p.unhung[f.ID] {
			p.tell("%s hangs and is started again", f.Host)
			_ = p.tryPost("POST", "/hosts/"+f.Host+"/crash", nil)
			p.powerOn(f.Host)
			p.unhung[f.ID] = true
		}
	}
}

type strikes struct {
	ID, Host, Verb, Kind string
	Hits                 int
}

// faults are the rules in force.
func (p *player) faults() (rules []strikes) {
	if err := p.get("/faults", &rules); err != nil {
		p.t.Fatal(err)
	}
	return rules
}

// lasts begins a trouble that ends after its time.
func (p *player) lasts(t trouble, about, method, path string, undo func()) {
	p.tell("%s %s: %v", t, about, p.tryPost(method, path, nil))
	p.tally.fault(t.kind, 1)
	p.under = append(p.under, &lasting{time.Now().Add(t.lasts), undo})
}

// release ends what has lasted long enough, or all.
func (p *player) release(all bool) {
	kept := p.under[:0:0]
	for _, l := range p.under {
		if !all && time.Now().Before(l.until) {
			kept = append(kept, l)
			continue
		}
		l.undo()
	}
	p.under = kept
}

// killEngine is kill -9, and another engine at once. The last cmdlet that was
// done before is the kill point.
func (p *player) killEngine(t trouble) {
	if p.engine == nil || !running(p.engine) {
		return
	}
	p.kill()
	point := "before the first act"
	for _, e := range p.ledger() {
		if e.What == "call" && e.To == "done" {
			point = e.From + "@" + p.siteOf(e.Host)
		}
	}
	p.tell("%s: killed after %s", t, point)
	p.tally.kill(point)
	p.bringUp()
}

// bringUp starts the engine, again while it cannot (its disk may be full).
func (p *player) bringUp() {
	if p.engine != nil {
		_ = p.engine.Wait()
		p.tell("the engine had ended by itself, disk full: %v", p.diskIsFull())
		p.tally.died.Add(1)
		p.engine = nil
	}
	for try := 1; try <= 20; try++ {
		p.engine = p.start("up", "--ui-port", "0")
		if p.cameUp() {
			p.tell("the engine is up")
			return
		}
		// It was refused: the disk, or who holds the database, is let go.
		p.tell("the engine did not start")
		_ = p.engine.Wait()
		p.engine = nil
		p.release(try > 10)
		pause()
	}
	p.t.Fatal("the engine does not start in 20 tries")
}

// cameUp waits until the engine says how to reach it, or has ended.
func (p *player) cameUp() (up bool) {
	p.until("the engine is up, or says no", func() error {
		if !running(p.engine) {
			return nil
		}
		up = p.upWith(p.engine.Process.Pid) == nil
		if !up {
			return errors.New("neither")
		}
		return nil
	})
	return up
}

// running is false once a process has ended, even while nobody has waited.
func running(cmd *exec.Cmd) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
	if err != nil {
		return cmd.Process.Signal(syscall.Signal(0)) == nil
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// killPowerShell is kill -9 of a PowerShell of a host: a child of the lab, where
// hosts have real ones.
func (p *player) killPowerShell(t trouble) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		p.t.Fatal(err)
	}
	var children []int
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		if f := strings.Fields(rest); len(f) > 1 && f[0] != "Z" && f[1] == strconv.Itoa(p.lab.Process.Pid) {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
				children = append(children, pid)
			}
		}
	}
	if len(children) == 0 {
		p.tell("%s: the hosts have no real one", t)
		return
	}
	pid := children[t.vm%len(children)]
	p.tell("%s: process %d of %d: %v", t, pid, len(children), syscall.Kill(pid, syscall.SIGKILL))
	p.tally.fault(t.kind, 1)
}

func (p *player) siteOf(host string) string {
	if strings.HasPrefix(host, "HV-A") || host == "NG-HV01" {
		return "source"
	}
	return "target"
}

// powerOn and join bring a host back, unless its site is lost.
func (p *player) powerOn(host string) {
	if !p.gone[host] {
		_ = p.tryPost("POST", "/hosts/"+host+"/power-on", nil)
	}
}

func (p *player) join(host string) {
	if !p.gone[host] {
		_ = p.tryPost("POST", "/hosts/"+host+"/join", nil)
	}
}

// colleague does something in Hyper-V Manager. Never to a copy that is failed
// over: what he does there is his to answer for.
func (p *player) colleague(t trouble, c labCopy) {
	if c.Mode != "Primary" {
		p.tell("%s: %s@%s is no primary, he leaves it", t, c.Name, c.Host)
		return
	}
	p.tell("%s %s@%s (%s/%s): %v", t, c.Name, c.Host, c.Power, c.State, p.tryPost("POST", "/vms/"+c.VM+"@"+c.Host+"/"+t.manner, nil))
	p.tally.fault("colleague", 1)
}

// walWriteLock is the byte of the -shm file that SQLite's one writer holds in
// WAL mode. SQLite: "WAL-mode File Format", locking.
const walWriteLock = 120

// lockDatabase lets another process (ours) hold the write lock of the engine's
// database for a while.
func (p *player) lockDatabase(t trouble) {
	release, err := lockFile(filepath.Join(p.data(), "temporal.db-shm"))
	p.tell("%s: %v", t, err)
	if err != nil {
		return
	}
	p.tally.fault(t.kind, 1)
	// By a clock of its own: commands that wait for it must not make it longer.
	freed := time.AfterFunc(t.lasts, release)
	p.under = append(p.under, &lasting{time.Now().Add(t.lasts), func() {
		if freed.Stop() {
			release()
		}
	}})
}

// lockFile takes SQLite's write lock as soon as its holder lets it go.
func lockFile(name string) (release func(), err error) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: 0, Start: walWriteLock, Len: 1}
	for end := time.Now().Add(2 * time.Second); ; {
		if err = syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &lock); err == nil {
			return func() { _ = f.Close() }, nil
		}
		if time.Now().After(end) {
			_ = f.Close()
			return nil, fmt.Errorf("the lock is never free: %w", err)
		}
		<-time.After(time.Millisecond)
	}
}

// diskSize is what the engine's data folder may hold in a story.
const diskSize = "size=96m"

// smallDisk gives the data folder a disk of its own, where that is possible.
func (p *player) smallDisk() {
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		return
	}
	if err := os.MkdirAll(p.data(), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", p.data(), "tmpfs", 0, diskSize); err != nil {
		p.tell("no disk of its own for the data folder: %v", err)
		return
	}
	p.full = filepath.Join(p.data(), "ballast")
	p.t.Cleanup(func() {
		p.close() // first: the log is on that disk
		_ = syscall.Unmount(p.data(), syscall.MNT_DETACH)
	})
}

func (p *player) diskIsFull() bool {
	if p.full == "" {
		return false
	}
	_, err := os.Stat(p.full)
	return err == nil
}

// fillDisk leaves the engine not one byte.
func (p *player) fillDisk(t trouble) {
	if p.full == "" {
		p.tell("%s: not here", t)
		return
	}
	f, err := os.Create(p.full)
	if err != nil {
		p.tell("%s: %v", t, err)
		return
	}
	block := make([]byte, 1<<16)
	for size := len(block); size > 0; {
		if _, err = f.Write(block[:size]); err != nil {
			size /= 2
		}
	}
	_ = f.Close()
	p.tell("%s: %v", t, err)
	p.tally.fault(t.kind, 1)
	p.under = append(p.under, &lasting{time.Now().Add(t.lasts), func() { _ = os.Remove(p.full) }})
}

// countFaults notes how often each rule struck before the rules are removed.
func (p *player) countFaults() {
	for _, f := range p.faults() {
		if f.Hits > 0 {
			p.tally.fault(f.Kind, f.Hits)
			p.tally.pair(f.Kind + " x " + f.Verb)
		}
	}
}
