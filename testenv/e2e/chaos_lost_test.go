package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// lostSite is what is known of a site that is lost, or was.
type lostSite struct {
	// gone are the hosts that are lost now, nil for none; how is the word of
	// siteLosses.
	gone map[string]bool
	how  string
	// watching is true from the first unplanned failover on: a watch may ask.
	watching bool
	looked   time.Time // at the watch
	// said is when a person first answered the watch.
	said time.Time
}

// lose takes the plan's site away.
func (p *player) lose(how string) {
	if p.gone != nil {
		return
	}
	p.gone, p.how = map[string]bool{}, how
	for _, h := range p.hosts {
		if p.siteOf(h) == "source" && (how != "host" || len(p.gone) == 0) {
			p.gone[h] = true
		}
	}
	p.tell("site %s is lost (%s): %v", p.story.from, how, p.tryPost("POST", p.lossPath(map[string]string{"power": "power-loss", "cut": "cut", "host": "crash"}), nil))
	p.tally.fault("site-lost-"+how, 1)
}

// siteReturns brings it back: what had power and is set to starts by itself.
func (p *player) siteReturns() {
	if p.gone == nil {
		return
	}
	p.tell("site %s returns: %v", p.story.from, p.tryPost("POST", p.lossPath(map[string]string{"power": "power-on", "cut": "join", "host": "power-on"}), nil))
	gone := p.gone
	p.gone = nil
	for h := range gone { // what went wrong there beside
		p.powerOn(h)
		p.join(h)
	}
}

func (p *player) lossPath(acts map[string]string) string {
	if p.how == "host" {
		for h := range p.gone {
			return "/hosts/" + h + "/" + acts[p.how]
		}
	}
	return "/sites/" + p.story.from + "/" + acts[p.how]
}

// askBare asks for an unplanned failover without a word about the other side:
// what cannot be proved needs a person's statement, what runs his consent.
func (p *player) askBare(w *runWindow) {
	args := append(p.story.args(w.act, "latest", true), "--detach")
	r := p.lifeboat(args...)
	p.tell("lifeboat %s: exit %d", strings.Join(args, " "), r.code)
	if r.code == 0 {
		p.t.Errorf("I1: nobody stated that %s is dark, nor consented to stop what runs there, and the run was taken", p.story.from)
	}
	for _, e := range p.ledger()[w.from:] {
		if e.Done() && e.Requested() && (e.From == "Start-VMFailover" || e.From == "Start-VM" || e.From == "Stop-VM") {
			p.t.Errorf("I1: refused, and %+v", e)
		}
	}
	p.tally.refused.Add(1)
}

// isOld is true for the old copy of a VM that was failed over without it.
func (p *player) isOld(s labState, c labCopy) bool {
	if c.Test || c.Mode != "Primary" || c.State == "PreparedForFailover" || p.siteOf(c.Host) != "source" {
		return false
	}
	return slices.ContainsFunc(s.Copies, func(o labCopy) bool { return o.VM == c.VM && o.Host != c.Host && tookOver(o) })
}

func tookOver(c labCopy) bool {
	return c.Mode == "Replica" && slices.Contains([]string{"RecoveryInProgress", "FailedOverWaitingCompletion", "FailedOver"}, c.State)
}

// fenced is nil when no old copy runs where users are, and none starts by itself.
func (p *player) fenced() error { return p.unfenced(p.state(), p.connected()) }

func (p *player) unfenced(s labState, connected map[string]bool) error {
	for _, c := range s.Copies {
		switch {
		case !p.isOld(s, c):
		case c.AutoStart != "Nothing":
			return fmt.Errorf("the old copy of %s at %s starts with its host (%s)", c.Name, c.Host, c.AutoStart)
		case c.Power != "Off" && (c.Power != "Running" || connected[c.VM+"@"+c.Host]):
			return fmt.Errorf("the old copy of %s at %s is %s", c.Name, c.Host, c.Power)
		}
	}
	return nil
}

// connected are the copies ("vm@host") that have a network.
func (p *player) connected() map[string]bool {
	var s struct {
		Copies []struct {
			VM, Host string
			Networks []struct{ Connected bool }
		}
	}
	if err := p.get("/state", &s); err != nil {
		p.t.Fatal(err)
	}
	out := map[string]bool{}
	for _, c := range s.Copies {
		for _, n := range c.Networks {
			out[c.VM+"@"+c.Host] = out[c.VM+"@"+c.Host] || n.Connected
		}
	}
	return out
}

// attendWatch answers the watch on the lost site, if it asks.
func (p *player) attendWatch(w *runWindow) {
	if !p.watching || p.gone != nil && p.how != "host" || time.Since(p.looked) < time.Second {
		return
	}
	p.looked = time.Now()
	s, code, err := p.fence(p.story.plan)
	if err != nil || code != 5 || !p.healed && p.dice.IntN(2) == 0 {
		return
	}
	answer := "--turn-off"
	if w.act.disconnect {
		answer = "--disconnect"
	}
	if p.said.IsZero() {
		p.said = time.Now()
	}
	args := []string{"fence", p.story.plan, answer}
	if len(s.Waiting) > 1 && p.dice.IntN(2) == 0 {
		args = append(args, "--vm", s.Waiting[0].VM)
	}
	p.say(args...)
	p.tally.answers.Add(1)
}

// closeWatch sees that the watch does its work once the site is back: by ground
// truth every old copy is fenced. What runs on without a network a person then
// shuts down, as the watch asks him to.
func (p *player) closeWatch(w *runWindow) {
	if !p.watching || p.gone != nil {
		return
	}
	p.within(patience, "I1: every old copy is fenced", func() error {
		if p.engine == nil || !running(p.engine) {
			p.bringUp()
		}
		p.attendWatch(w)
		err := p.fenced()
		if s, _, look := p.fence(p.story.plan); err != nil && look == nil {
			text, _ := json.Marshal(s)
			err = errors.Join(err, fmt.Errorf("the watch: %s", text))
		}
		return err
	})
	s := p.state()
	for _, c := range s.Copies {
		if p.isOld(s, c) && c.Power != "Off" {
			p.tell("a person: turn-off %s@%s, which runs without a network: %v", c.Name, c.Host, p.tryPost("POST", "/vms/"+c.VM+"@"+c.Host+"/turn-off", nil))
		}
	}
}
