package e2e

import (
	"fmt"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/environment"
)

// losses is what users have lost so far, by VM: writes that they were told are
// safe, and that the copy which goes on has not got.
type losses struct {
	known map[string]uint64
	// freely are VMs of which more may be missing since they were counted last:
	// somebody consented, or the world started an old copy beside the good one.
	freely map[string]bool
	// busy is how many writes a minute a VM's users make, boots how long it is
	// on its way up at most, both by name.
	busy  map[string]float64
	boots map[string]time.Duration
	noted int // violations that were judged
}

// learnWorld is what a judge must know of the world before the story begins.
func (p *player) learnWorld() {
	for _, c := range p.state().Copies {
		if !slices.Contains(p.hosts, c.Host) {
			p.hosts = append(p.hosts, c.Host)
		}
	}
	slices.Sort(p.hosts)
	p.losses = losses{known: map[string]uint64{}, freely: map[string]bool{}, busy: map[string]float64{}, boots: map[string]time.Duration{}}
	env, err := environment.Load(p.story.environment)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, vm := range env.VMs {
		p.busy[vm.Name], p.boots[vm.Name] = float64(vm.WritesPerMinute), 2*time.Duration(vm.Boot)
	}
}

// missing is what users have lost when this copy goes on.
func missing(c labCopy) uint64 {
	return c.Writes.Missing + c.Writes.Committed - min(c.Writes.Committed, c.Writes.Held)
}

// account counts what is missing after an operation: no more than before, but
// where somebody consented (I2), and after an unplanned failover no more than its
// point lacked (I3).
func (p *player) account(w *runWindow) {
	for _, broken := range p.lacks(w, p.state(), p.ledger()) {
		p.t.Error(broken)
	}
}

func (p *player) lacks(w *runWindow, s labState, l []entry) (broken []string) {
	p.free(w, s, l)
	for _, c := range s.Copies {
		if c.Test || c.Power != "Running" || p.isOld(s, c) {
			continue
		}
		now, limit, words := missing(c), p.known[c.VM], "I2"
		free := p.freely[c.VM]
		if w.act.op.unplanned && !w.act.op.losing && tookOver(c) {
			// What it lacked when it came up; an old copy that writes on changes
			// that only where this one came up again.
			now, limit, words = c.Writes.Missing, p.mayLose(w, c, l), "I3"
			free = free && starts(l[w.from:w.to], c) > 1
		}
		if now > limit && !free {
			broken = append(broken, fmt.Sprintf("%s: after %s %s at %s lacks %d writes, %d at most were to be lost: %+v", words, w.act.op.name, c.Name, c.Host, now, limit, c.Writes))
		}
		p.known[c.VM] = missing(c)
		if !p.oldRuns(s, c.VM) { // else it writes on, and is counted later
			delete(p.freely, c.VM)
		}
	}
	return broken
}

// oldRuns is true while the old copy of a VM runs beside the good one.
func (p *player) oldRuns(s labState, vm string) bool {
	return slices.ContainsFunc(s.Copies, func(c labCopy) bool { return c.VM == vm && c.Power == "Running" && p.isOld(s, c) })
}

func starts(l []entry, c labCopy) (n int) {
	for _, e := range l {
		if e.VM == c.VM && e.Host == c.Host && e.What == "power" && e.To == "Running" {
			n++
		}
	}
	return n
}

// free notes the VMs of which more may be missing now.
func (p *player) free(w *runWindow, s labState, l []entry) {
	for _, c := range s.Copies {
		if p.oldRuns(s, c.VM) {
			p.freely[c.VM] = true
		}
	}
	old := !slices.Contains([]standing{home, away, open, openHome}, p.at)
	over := map[string]bool{}
	for _, e := range withoutTests(l[w.from:w.to]) {
		source := p.siteOf(e.Host) == "source"
		switch {
		case e.Done() && e.From == "Stop-VMFailover" && w.act.op.losing:
			p.freely[e.VM] = true
		case e.Done() && e.From == "Start-VMFailover" && !source:
			over[e.VM] = true
		case e.What == "power" && e.To == "Running" && !e.Requested() && source && (old || over[e.VM]):
			p.freely[e.VM] = true
		}
	}
}

// mayLose is how many writes an unplanned failover may lose: what the point that
// was asked for lacked, and what users wrote at the source until the copy took
// over.
func (p *player) mayLose(w *runWindow, c labCopy, l []entry) uint64 {
	i := slices.IndexFunc(w.before.Copies, func(b labCopy) bool { return b.VM == c.VM && b.Host == c.Host })
	before := w.before.Copies[i]
	held := before.Writes.Held
	if w.point == "common" && !tookOver(before) {
		held = p.commonHeld(w.before, before)
	}
	limit := before.Writes.Missing + before.Writes.Committed - min(before.Writes.Committed, held)
	if until, wrote := p.wroteUntil(w, c, l); wrote {
		limit += uint64(p.busy[c.Name]*(until.Sub(w.before.Now)+p.boots[c.Name]).Minutes()) + 1
	}
	return limit
}

// wroteUntil is when the copy that took over was started; wrote is false when no
// user can have written at the source meanwhile.
func (p *player) wroteUntil(w *runWindow, c labCopy, l []entry) (until time.Time, wrote bool) {
	up := map[string]bool{}
	for _, b := range w.before.Copies {
		if b.VM == c.VM && b.Host != c.Host {
			wrote = wrote || b.Power != "Off"
			up[b.Host] = true
		}
	}
	until = w.before.Now
	for _, e := range l[w.before.Seq:w.to] {
		if e.VM != c.VM || e.What != "power" || e.To != "Running" {
			continue
		}
		if e.Host == c.Host {
			return e.Sim, wrote
		}
		wrote = true
	}
	return until, wrote
}

// skewed is how far the clocks of two hosts of a story may be apart: a common
// moment is one of the hosts' own.
const skewed = 20 * time.Minute

// commonHeld is how much the point for the common moment holds at least: that
// moment is the newest data of the VM that is farthest behind.
func (p *player) commonHeld(s labState, of labCopy) uint64 {
	moment := s.Now
	for _, c := range s.Copies {
		if c.Mode != "Replica" || c.Test || p.busy[c.Name] == 0 {
			continue
		}
		behind := float64(c.Writes.Committed-min(c.Writes.Committed, c.Writes.Held)) / p.busy[c.Name]
		if at := s.Now.Add(-time.Duration(behind * float64(time.Minute))); at.Before(moment) {
			moment = at
		}
	}
	held := of.Writes.Held
	for _, point := range of.Points { // oldest first
		held = min(held, point.Held)
	}
	for _, point := range of.Points {
		if point.Created.Before(moment.Add(-skewed - time.Minute)) {
			held = max(held, point.Held)
		}
	}
	return held
}
