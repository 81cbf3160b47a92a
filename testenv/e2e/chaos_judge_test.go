package e2e

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/testenv/truth"
)

// ends are the words a VM or a run may end with.
var ends = []string{"done", "refused", "stopped", "stuck", "unknown", "skipped"}

// checkAccounted: every run and every VM in it has ended with a word (I5).
func (p *player) checkAccounted(s runStatus) {
	if !slices.Contains(ends, s.Verdict) {
		p.t.Errorf("I5: the run ended %q", s.Verdict)
	}
	for _, vm := range s.VMs {
		if !slices.Contains(ends, vm.Verdict) {
			p.t.Errorf("I5: %s is not accounted for: %q in %s", vm.Label, vm.Verdict, vm.Phase)
		}
		if s.Verdict == "done" && vm.Verdict != "done" && vm.Verdict != "skipped" {
			p.t.Errorf("I5: the run is done and %s is %s", vm.Label, vm.Verdict)
		}
	}
	if s.Verdict == "refused" {
		for _, vm := range s.VMs {
			if vm.Verdict == "stuck" || vm.Verdict == "stopped" || vm.Verdict == "done" {
				p.t.Errorf("I5: the run is refused, nothing changed, and %s is %s", vm.Label, vm.Verdict)
			}
		}
	}
}

// checkOrderOf: what the engine started and shut down in one run kept the plan's
// order, both ways (I4). What guests, hosts and colleagues did is theirs.
func (p *player) checkOrderOf(w *runWindow) {
	if op := w.act.op; w.bent || w.nothing || op.kind != aRun || op.args[0] != "failover" && op.args[0] != "failback" {
		return
	}
	to := map[bool]string{true: "target", false: "source"}[w.act.op.to == "to"]
	target := func(host string) bool { return p.siteOf(host) == to }
	for _, broken := range truth.Order(ownOrder(p.named(withoutTests(p.ledger()[w.from:w.to])), target), p.plan(p.story.plan).members(), target) {
		p.t.Error(broken)
	}
}

// ownOrder leaves out what says nothing of a run's order: a copy at the source
// that went off by itself first, or is turned off (by the watch) after its VM was
// failed over.
func ownOrder(l []entry, target func(host string) bool) []entry {
	over := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(l), func(e entry) bool {
		offThere := e.What == "power" && e.To == "Off" && !target(e.Host)
		left := offThere && over[e.VM]
		if offThere && !e.Requested() || e.Done() && e.From == "Start-VMFailover" && target(e.Host) {
			over[e.VM] = true
		}
		return left
	})
}

// judge looks at the whole story's end: where the VMs are, what was lost, what
// was done twice.
func (p *player) judge(op *chaosOperation, want standing) {
	s, connected := p.state(), p.connected()
	for _, b := range p.acts() {
		p.t.Error(b)
	}
	for _, b := range onlyCopies(p.ledger(), p.reals()) {
		p.t.Error(b)
	}
	for _, c := range p.taking(s, op) {
		wanted := standings[want].to
		if p.siteOf(c.Host) == "source" {
			wanted = standings[want].from
		}
		is := c.Power + "/" + c.Mode + "/" + c.State + "/"
		if !op.starts() && stoppedByOthers(p.ledger(), c) {
			p.tell("%s@%s is off, and no %s starts anything", c.Name, c.Host, op.name)
			wanted = strings.Replace(wanted, "Running", "Off", 1)
		}
		if !strings.HasPrefix(is, wanted) {
			p.t.Errorf("I5: after %s, done, %s at %s is %s, want %s", op.name, c.Name, c.Host, is, wanted)
		}
		if strings.HasPrefix(wanted, "Running") && !connected[c.VM+"@"+c.Host] {
			p.t.Errorf("I5: after %s, done, %s runs at %s, and no user reaches it: it has no network", op.name, c.Name, c.Host)
		}
		if strings.HasPrefix(wanted, "Running/Primary") && c.AutoStart == "Nothing" {
			p.t.Errorf("I5: after %s, done, %s runs at %s, and does not start with its host", op.name, c.Name, c.Host)
		}
		if op.name == "reprotect" && c.State != "Replicating" {
			p.t.Errorf("I5: re-protected, and %s at %s is %s", c.Name, c.Host, is)
		}
	}
}

// stoppedByOthers is true for a copy that went off last without a request.
func stoppedByOthers(l []entry, c labCopy) bool {
	for _, e := range slices.Backward(l) {
		if e.VM == c.VM && e.Host == c.Host && e.What == "power" {
			return e.To == "Off" && !e.Requested()
		}
	}
	return false
}

// acts is I8, and what was given up without consent (I2).
func (p *player) acts() []string {
	broken, _ := truth.Acts(withoutTests(p.ledger()), func(e entry) bool {
		w := p.windowAt(e.Seq)
		return w != nil && w.act.op.losing
	})
	return broken
}

// taking are the copies of the VMs that take part in the last run; of all where
// no run was needed.
func (p *player) taking(s labState, op *chaosOperation) []labCopy {
	r, err := p.run(p.runOf(op))
	none := p.windows[len(p.windows)-1].nothing
	inPlan := map[string]bool{}
	for _, m := range p.plan(p.story.plan).members() {
		inPlan[m.VM] = true
	}
	if err != nil && !none {
		p.t.Errorf("I5: the run cannot be read: %v", err)
	}
	takes := func(c labCopy) bool {
		for _, vm := range r.VMs {
			if vm.ID == c.VM {
				return none || vm.Verdict == "done"
			}
		}
		return none && err != nil && inPlan[c.Name]
	}
	out := slices.DeleteFunc(slices.Clone(s.Copies), func(c labCopy) bool { return c.Test || !takes(c) })
	if len(out) == 0 {
		p.t.Error("I5: no VM takes part in the last run")
	}
	return out
}

// onlyCopies is I7: a copy is removed or overwritten only while its VM has
// another that goes on: a primary, or one that was failed over.
func onlyCopies(l []entry, real map[string]bool) (broken []string) {
	copies := map[string]map[string]labCopy{} // by VM and host
	for _, e := range l {
		if !real[e.VM] || e.Host == "" {
			continue
		}
		if copies[e.VM] == nil {
			copies[e.VM] = map[string]labCopy{}
		}
		c := copies[e.VM][e.Host]
		switch {
		case e.What == "state":
			c.State = e.To
		case e.What == "mode":
			c.Mode = e.To
			if e.To == "Replica" && e.Requested() && !anotherGoesOn(copies[e.VM], e.Host) {
				broken = append(broken, fmt.Sprintf("I7: a copy is to be overwritten, and its VM has no other that goes on: %+v", e))
			}
		case e.What == "vm" && e.To == "removed" && e.Requested():
			broken = append(broken, fmt.Sprintf("I7: a copy of a VM was removed: %+v", e))
		}
		copies[e.VM][e.Host] = c
	}
	return broken
}

func anotherGoesOn(of map[string]labCopy, host string) bool {
	for h, c := range of {
		if h != host && (c.Mode == "Primary" || strings.HasPrefix(c.State, "FailedOver")) {
			return true
		}
	}
	return false
}
