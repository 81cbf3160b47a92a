package e2e

import (
	"fmt"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/truth"
)

// beginDrill begins a test failover that somebody leaves up; the operation that
// comes next goes first.
func (p *player) beginDrill(w *runWindow) {
	args := []string{"failover", p.story.plan, "--test", "--hold", "8h", "--yes", "--to", p.story.to}
	if w.beside = p.request(args, "test-failover, gives way") == started; !w.beside {
		return
	}
	for end := time.Now().Add(w.act.drill); time.Now().Before(end); {
		pause()
	}
}

// endDrill waits for the end of the drill that stood beside an operation; a
// person ends it where the operation was refused.
func (p *player) endDrill(w *runWindow) {
	name := "drill/" + p.story.plan
	p.within(patience, "I6: the drill gives way", func() error {
		if p.attendRun(&runWindow{act: w.act}, name) {
			return nil
		}
		s, err := p.run(name)
		return fmt.Errorf("it is %s, waiting for %+v %v", s.Verdict, s.Waiting, err)
	})
	if s, err := p.run(name); err == nil {
		p.tell("the drill beside it ended %s", s.Verdict)
		p.tally.end("drill " + s.Verdict)
		p.leavesNothing(s.Verdict)
	}
}

// checkDrill is I6: a drill has touched nothing, and leaves nothing.
func (p *player) checkDrill(w *runWindow) {
	if w.act.op.kind != aDrill {
		return
	}
	for _, broken := range touched(p.ledger()[w.from:w.to], p.reals()) {
		p.t.Error(broken)
	}
	p.leavesNothing(w.verdict)
}

// reals are the GUIDs of the VMs that are no test copies.
func (p *player) reals() map[string]bool {
	out := map[string]bool{}
	for _, c := range p.state().Copies {
		if !c.Test {
			out[c.VM] = true
		}
	}
	return out
}

// drillMay are the cmdlets that a drill may do to a real VM: they make, set up
// and remove its test copy.
var drillMay = []string{"Set-VMNetworkAdapter", "Start-VMFailover", "Stop-VMFailover"}

// touched says what a drill did to real VMs. What guests, hosts and colleagues
// did meanwhile is theirs.
func touched(drill []entry, real map[string]bool) (broken []string) {
	made := map[string]int{}
	for _, e := range drill {
		switch {
		case !e.Requested() || !real[e.VM]:
		case slices.Contains([]string{"power", "mode", "state", "vm"}, e.What), e.Done() && !slices.Contains(drillMay, e.From):
			broken = append(broken, fmt.Sprintf("I6: a drill changed %+v", e))
		case e.What == "test" && e.To != "":
			if made[e.By]++; made[e.By] > 1 {
				broken = append(broken, fmt.Sprintf("I8: request %s made two test copies", e.By))
			}
		}
	}
	return broken
}

// leavesNothing: the test copies are gone, unless the drill has said that one is
// left; that one a person removes.
func (p *player) leavesNothing(verdict string) {
	s := p.state()
	for _, c := range s.Copies {
		if !c.Test {
			continue
		}
		if verdict != "stuck" {
			p.t.Errorf("I6: the drill ended %s, and the test copy %s is left at %s", verdict, c.Name, c.Host)
		}
		for _, r := range s.Copies {
			if r.Host == c.Host && !r.Test && c.Name == r.Name+" - Test" {
				p.tell("a person: removes the test copy of %s at %s: %v", r.Name, r.Host, p.tryPost("POST", "/vms/"+r.VM+"@"+r.Host+"/stop-failover", nil))
			}
		}
	}
}

// withoutTests is the ledger without the cmdlets that made and removed test
// copies: the same cmdlets fail over and take back.
func withoutTests(l []entry) []truth.Entry {
	tests := map[string]bool{}
	for _, e := range l {
		if e.What == "test" {
			tests[e.By+" "+e.VM] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(l), func(e entry) bool {
		return e.What == "call" && (e.From == "Start-VMFailover" || e.From == "Stop-VMFailover") && tests[e.By+" "+e.VM]
	})
}
