package e2e

import (
	"fmt"
	"slices"
	"strings"
)

// What people do in a story: they give commands, answer what is asked, and put
// right what Lifeboat leaves to them.

// What becomes of a command that asks for an operation.
type taken int

const (
	refused taken = iota // nothing changed
	started              // there is a run
	nothing              // all is as wanted: there is no run
)

// request starts an operation as a person would, again while the engine is
// away.
func (p *player) request(args []string, name string) taken {
	for range 40 {
		r := p.lifeboat(append(args, "--detach")...)
		p.tell("lifeboat %s: exit %d %s", strings.Join(args, " "), r.code, lastLine(r.err))
		switch r.code {
		case 0:
			if !strings.Contains(r.out, "Started ") {
				p.tell("%s", lastLine(r.out))
				return nothing
			}
			p.tally.run(name)
			return started
		case 4:
			p.tell("%s", blockers(r.out))
			p.tally.refused.Add(1)
			return refused
		case 3, 6, 8:
			if p.engine == nil || !running(p.engine) {
				p.bringUp()
			}
			pause()
		default:
			p.t.Errorf("I5: lifeboat %s: exit %d: %s%s", strings.Join(args, " "), r.code, r.out, r.err)
			return refused
		}
	}
	p.t.Errorf("I5: lifeboat %s was not taken in 40 tries", strings.Join(args, " "))
	return refused
}

// blockers are the first lines of what stands against a run.
func blockers(out string) string {
	lines := slices.DeleteFunc(strings.Split(out, "\n"), func(l string) bool { return !strings.HasPrefix(l, "  x ") })
	return strings.Join(lines, ";")
}

// attend looks at what is under way and answers what it asks. True when it has
// ended.
func (p *player) attend(w *runWindow) bool {
	if p.engine == nil || !running(p.engine) {
		p.bringUp()
	}
	p.attendWatch(w)
	if w.act.op.kind == aFence {
		return p.fenced() == nil
	}
	return p.attendRun(w, p.runOf(w.act.op))
}

func (p *player) attendRun(w *runWindow, name string) bool {
	s, err := p.run(name)
	if err != nil {
		return false
	}
	if !s.Ended.IsZero() {
		return true
	}
	for _, q := range s.Waiting {
		if choice := p.choose(q.VM, q.Choices); choice != "" {
			args := []string{"run", choice, name, "--reason", "chaos"}
			if q.VM != "" {
				args = append(args, "--vm", q.VM)
			} else if q.Step > 0 {
				args = append(args, "--step", fmt.Sprint(q.Step))
			}
			p.say(args...)
			p.tally.answers.Add(1)
			w.bent = w.bent || slices.Contains([]string{"skip", "waive", "bring-back", "decline", "stop"}, choice)
		}
	}
	return false
}

// choose is a person's answer. Once everything is mended he goes forward, and
// gives a VM up that does not after many tries.
func (p *player) choose(vm string, choices []string) string {
	has := func(c string) bool { return slices.Contains(choices, c) }
	switch {
	case vm == "" && has("end"): // the test copies are up
		if p.healed || p.dice.IntN(4) == 0 {
			return "end"
		}
		return ""
	case vm == "":
		if !p.healed && p.dice.IntN(20) == 0 && has("skip") {
			return "skip"
		}
		return "approve"
	case p.healed:
		return p.forward(vm, has)
	case p.dice.IntN(3) > 0:
		return "" // he thinks about it
	}
	switch d := p.dice.IntN(20); {
	case d < 10 && has("accept"):
		return "accept"
	case d < 4 && has("turn-off"):
		return "turn-off"
	case d < 5 && has("bring-back"):
		return "bring-back"
	case d < 6 && has("skip"):
		return "skip"
	}
	return "retry"
}

// forward is the answer that brings a VM on.
func (p *player) forward(vm string, has func(string) bool) string {
	p.retries[vm]++
	switch n := p.retries[vm]; {
	case n > 40 && has("skip"):
		return "skip"
	case n > 2 && has("accept"):
		return "accept"
	case n > 8 && has("turn-off"):
		return "turn-off"
	case n%2 == 0:
		p.remedies()
	}
	return "retry"
}

// say gives an answer; it may come too late or while the engine is away.
func (p *player) say(args ...string) {
	r := p.lifeboat(args...)
	p.tell("lifeboat %s: exit %d %s", strings.Join(args, " "), r.code, lastLine(r.err))
	ok := []int{0, 2, 3, 4, 6, 8}
	if args[0] == "fence" {
		ok = append(ok, 5) // it asks about other copies still
	}
	if !slices.Contains(ok, r.code) {
		p.t.Errorf("I5: lifeboat %s: exit %d: %s%s", strings.Join(args, " "), r.code, r.out, r.err)
	}
}

// remedies are what Lifeboat asks a person for and does not do itself:
// replication that is paused, in error or out of step is resumed, what was saved
// is started, and so is what went off while it was re-protected, which starts nothing.
func (p *player) remedies() {
	s := p.state()
	for _, c := range s.Copies {
		act := ""
		switch {
		case c.Test || p.isOld(s, c): // the watch asks about old copies
		case c.State == "WaitingForStartResynchronize":
			act = "resync"
		case c.State == "Suspended" || c.State == "Error":
			act = "resume"
		case c.Power == "Saved", c.Power == "Off" && c.Mode == "Primary" && c.State == "Replicating" && p.last.op.name == "reprotect":
			act = "start"
		}
		if act != "" {
			p.tell("a person: %s %s@%s (%s): %v", act, c.Name, c.Host, c.State, p.tryPost("POST", "/vms/"+c.VM+"@"+c.Host+"/"+act, nil))
		}
	}
	p.until("nothing is being resynchronized", func() error {
		for _, c := range p.state().Copies {
			if c.State == "Resynchronizing" {
				return fmt.Errorf("%s@%s is", c.Name, c.Host)
			}
		}
		return nil
	})
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
