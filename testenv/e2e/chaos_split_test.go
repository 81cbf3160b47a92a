package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A person who states that a site is dark may be wrong, and a lost site that
// returns starts its old copies before anybody can look: then two copies run,
// and nobody but the world is to blame. Everything else is I1.

// twins finds the VM and the beginning of two copies that ran.
var twins = regexp.MustCompile(`^(\S+): two copies of .* \(([0-9A-Fa-f-]{36})\) run and are connected`)

// split is the ledger as it is judged for two copies that run.
type split struct {
	ledger []entry
	source func(host string) bool
	old    map[string]string // the host of each VM's copy at the source
	// unplanned is true for entries of an unplanned failover, stated for those of
	// one with a person's statement.
	unplanned, stated func(seq uint64) bool
}

// sight is how long, in real time, an engine may act on what it saw last: a look,
// and the time in which a request may begin at its host.
const sight = 30 * time.Second

// broken says why a violation of the lab is not the world's fault, "" when it is.
func (s split) broken(violation string) string {
	found := twins.FindStringSubmatch(violation)
	if found == nil {
		if strings.Contains(violation, "test copy") {
			return "I6: " + violation
		}
		return "I1: " + violation
	}
	began, err := time.Parse(time.RFC3339, found[1])
	if err != nil {
		return "I1: " + violation
	}
	at := -1
	for i, e := range s.ledger {
		begins := e.What == "power" && e.To == "Running" || e.What == "network" && !strings.Contains(e.To, "=")
		if e.VM == found[2] && begins && e.Sim.After(began.Add(-time.Second)) && e.Sim.Before(began.Add(time.Second)) {
			at = i
		}
	}
	switch {
	case at < 0:
		return "I1: " + violation + " (nothing in the ledger begins it)"
	case s.excused(at):
		return ""
	}
	return fmt.Sprintf("I1: %s; it began with %+v", violation, s.ledger[at])
}

// excused: the world started a copy of a VM that an unplanned failover has taken
// over; or the engine started the copy at the target on a person's word, while
// the host of the other was out of its sight. A guest that would not shut down was
// started by nobody: it goes on running.
func (s split) excused(at int) bool {
	e := s.ledger[at]
	if !e.Requested() || e.From == "Stopping" {
		return s.takenOver(at)
	}
	return !s.source(e.Host) && s.stated(e.Seq) && s.unseen(at)
}

// takenOver is true while a VM's last failover is an unplanned one that stands.
func (s split) takenOver(at int) bool {
	for _, e := range slices.Backward(s.ledger[:at]) {
		switch {
		case e.VM != s.ledger[at].VM || !e.Done() || s.source(e.Host) && e.From != "Set-VMReplication":
		case e.From == "Start-VMFailover":
			return s.unplanned(e.Seq)
		case e.From == "Stop-VMFailover", e.From == "Set-VMReplication":
			return false
		}
	}
	return false
}

// unseen is true when the host of the VM's old copy was out of sight, or has come
// back so lately that nobody can have looked.
func (s split) unseen(at int) bool {
	host := s.old[s.ledger[at].VM]
	down, back := map[string]bool{}, time.Time{}
	for _, e := range s.ledger[:at+1] {
		if e.Host != host || e.What != "host" && e.What != "link" {
			continue
		}
		if down[e.What] = e.To == "down" || e.To == "cut"; !down[e.What] {
			back = e.At
		}
	}
	return down["host"] || down["link"] || !back.IsZero() && s.ledger[at].At.Sub(back) < sight
}

// checkTwins judges what the lab has noted since the last look.
func (p *player) checkTwins() {
	s := p.state()
	old := map[string]string{}
	for _, c := range s.Copies {
		if p.siteOf(c.Host) == "source" {
			old[c.VM] = c.Host
		}
	}
	ledger := split{ledger: withoutTests(p.ledger()), old: old, source: func(host string) bool { return p.siteOf(host) == "source" },
		unplanned: func(seq uint64) bool { w := p.windowAt(seq); return w != nil && w.act.op.unplanned },
		stated:    func(seq uint64) bool { w := p.windowAt(seq); return w != nil && w.act.op.loses },
	}
	for ; p.noted < len(s.Violations); p.noted++ {
		if broken := ledger.broken(s.Violations[p.noted]); broken != "" {
			p.t.Error(broken)
		} else {
			p.tell("the world's fault: %s", s.Violations[p.noted])
		}
	}
	for _, v := range s.Violations {
		if strings.HasSuffix(v, "so far") && p.gone == nil && p.watching {
			p.t.Errorf("I1: fenced, and %s", v)
		}
	}
}

// windowAt is the operation in whose time an entry lies.
func (p *player) windowAt(seq uint64) *runWindow {
	for _, w := range slices.Backward(p.windows) {
		if w.from < seq {
			return w
		}
	}
	return nil
}

// checkUnasked: where the plan says ask, the watch cuts no power before a person
// has answered.
func (p *player) checkUnasked(w *runWindow) {
	if w.act.op.kind != aFence || p.story.fields["on_return"] != "ask" {
		return
	}
	for _, e := range p.unasked(p.ledger()[w.from:w.to]) {
		p.t.Errorf("I1: nobody was asked, and %+v", e)
	}
}

func (p *player) unasked(l []entry) []entry {
	return slices.DeleteFunc(slices.Clone(l), func(e entry) bool {
		off := e.What == "power" && e.To == "Off" && e.Requested() && p.siteOf(e.Host) == "source"
		return !off || !p.said.IsZero() && e.At.After(p.said)
	})
}
