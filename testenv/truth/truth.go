// Package truth judges a simulated world by its ledger alone: whatever Lifeboat
// believes, these are the invariants that hold or do not. Tests of every level
// use it, over a farm in the same process or over the control port.
package truth

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Entry is a line of the ledger (docs/lab.md, the control port).
type Entry struct {
	Seq  uint64    `json:"seq"`
	At   time.Time `json:"at"`
	Sim  time.Time `json:"sim"`
	Host string    `json:"host"`
	VM   string    `json:"vm"`
	What string    `json:"what"`
	From string    `json:"from"`
	To   string    `json:"to"`
	By   string    `json:"by"`
}

// Done is true when a cmdlet that changes something was carried out.
func (e Entry) Done() bool { return e.What == "call" && e.To == "done" }

// byOthers are the names in the ledger that stand for no request.
var byOthers = []string{"", "guest", "host", "fault", "control"}

// Requested is true when a request of the engine did it.
func (e Entry) Requested() bool { return !slices.Contains(byOthers, e.By) }

// once are the cmdlets of which a request may do one, and no more.
var once = []string{
	"Start-VMFailover", "Stop-VMFailover", "Set-VMReplication", "Complete-VMFailover", "Start-VM", "Stop-VM",
	"Remove-VMReplication", "Enable-VMReplication", "Start-VMInitialReplication", "Import-VMInitialReplication",
}

// Acts walks the ledger for what must not be done twice (I8) and for writes that
// were given up though nobody said so (I2). consented is asked of a failover
// that was taken back after its copy had run. It returns what is broken, and
// the VMs that have lost writes with consent.
func Acts(ledger []Entry, consented func(Entry) bool) (broken []string, lost map[string]bool) {
	a := acts{lost: map[string]bool{}, requests: map[string]int{}, stands: map[string]bool{}, ran: map[string]bool{}, tests: map[string]bool{}}
	for _, e := range ledger {
		at := e.VM + "@" + e.Host
		if e.What == "test" {
			a.tests[e.By+" "+at] = true
		}
		if e.What == "power" && e.To == "Running" {
			a.ran[at] = true
		}
		if e.Done() && e.Requested() {
			a.request(e, at)
		}
		if e.Done() && !a.ofTest(e, at) {
			a.effect(e, at, consented)
		}
	}
	return a.broken, a.lost
}

type acts struct {
	broken   []string
	lost     map[string]bool
	requests map[string]int
	// stands: a failover stands at this copy; ran: the copy has run since.
	stands, ran map[string]bool
	// tests are requests that made or removed a test copy: the same cmdlets do
	// that.
	tests map[string]bool
}

func (a *acts) breaks(format string, args ...any) {
	a.broken = append(a.broken, fmt.Sprintf(format, args...))
}

// ofTest is true for a call that made or removed a test copy; the copy's own
// entry stands before it.
func (a *acts) ofTest(e Entry, at string) bool {
	key := e.By + " " + at
	if !a.tests[key] || e.From != "Start-VMFailover" && e.From != "Stop-VMFailover" {
		return false
	}
	delete(a.tests, key)
	return true
}

func (a *acts) request(e Entry, at string) {
	if !slices.Contains(once, e.From) {
		return
	}
	key := e.By + " " + e.From + " " + at
	if a.requests[key]++; a.requests[key] > 1 {
		a.breaks("I8: request %s did %s twice at %s", e.By, e.From, at)
	}
}

func (a *acts) effect(e Entry, at string, consented func(Entry) bool) {
	switch e.From {
	case "Start-VMFailover":
		if a.stands[at] && e.Requested() {
			a.breaks("I8: Start-VMFailover at %s is repeated while the first one stands (%s)", at, e.By)
		}
		a.stands[at], a.ran[at] = true, false
	case "Stop-VMFailover":
		if a.stands[at] && a.ran[at] {
			if e.Requested() && !consented(e) {
				a.breaks("I2: the failover of a copy that had run was taken back at %s, and nobody consented (%s)", at, e.By)
			}
			a.lost[e.VM] = true
		}
		a.stands[at] = false
	case "Set-VMReplication", "Complete-VMFailover", "Remove-VMReplication":
		for key := range a.stands {
			if strings.HasPrefix(key, e.VM+"@") {
				a.stands[key] = false
			}
		}
	}
}

// Member is a VM's place in a plan: its stage, and the VMs it comes after.
type Member struct {
	VM    string
	Stage int
	After []string
}

// Order says where what the engine did in one run broke the plan's order (I4):
// starts at the target in the plan's order, shutdowns at the source in the
// reverse one. What guests, hosts and colleagues did is theirs.
func Order(run []Entry, members []Member, target func(host string) bool) (broken []string) {
	off, up := map[string]time.Time{}, map[string]time.Time{}
	for _, e := range run {
		switch {
		case e.What != "power" || !e.Requested():
		case e.To == "Off" && !target(e.Host):
			// The first time: what a colleague starts again is shut down again.
			if _, again := off[e.VM]; !again {
				off[e.VM] = e.At
			}
		case e.To == "Running" && target(e.Host):
			if _, again := up[e.VM]; !again {
				up[e.VM] = e.At
			}
		}
	}
	before := func(first, second, why string) {
		if f, s := up[first], up[second]; !f.IsZero() && !s.IsZero() && !f.Before(s) {
			broken = append(broken, fmt.Sprintf("I4: %s started at the target before %s (%s)", second, first, why))
		}
		if f, s := off[first], off[second]; !f.IsZero() && !s.IsZero() && !s.Before(f) {
			broken = append(broken, fmt.Sprintf("I4: %s was shut down before %s (%s)", first, second, why))
		}
	}
	for _, a := range members {
		for _, b := range members {
			if a.Stage < b.Stage {
				before(a.VM, b.VM, "stages")
			}
		}
		for _, first := range a.After {
			before(first, a.VM, "after")
		}
	}
	return broken
}
