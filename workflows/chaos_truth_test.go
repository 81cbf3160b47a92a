package workflows

import (
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/truth"
)

// chaosRun is one run as the judge sees it.
type chaosRun struct {
	chaosWindow
	in plans.RunInput
	// asked are the points of an unplanned failover; landings counts those before.
	asked    []truth.Asked
	landings int
}

// begin notes how the world is before a run.
func (s *chaosStory) begin(op chaosOperation, in plans.RunInput) chaosRun {
	state := s.farm.farm.State()
	run := chaosRun{chaosWindow: chaosWindow{op: op, losing: op.losing, stated: in.Statement != nil, from: state.Seq}, in: in, landings: len(s.farm.since(0))}
	if op.op != plans.UnplannedFailover {
		return run
	}
	for _, vm := range in.VMs() {
		i := slices.IndexFunc(state.Copies, func(c hypervisor.CopyState) bool { return c.VM == vm.ID && c.Host == vm.TargetHost })
		run.asked = append(run.asked, s.askedOf(vm, state.Copies[i]))
	}
	return run
}

// askedOf is what a point holds in truth. The newest data of a copy that is
// failed over already is what it had before.
func (s *chaosStory) askedOf(vm plans.RunVM, c hypervisor.CopyState) truth.Asked {
	a := truth.Asked{VM: vm.ID, Held: c.Writes.Held}
	if strings.HasPrefix(c.State, "FailedOver") {
		a.Held = s.newest[vm.ID]
	}
	for _, p := range c.Points {
		if p.ID == vm.Point.ID {
			a.Held, a.Exact = p.Held, true
		}
	}
	return a
}

// end waits for what the run has left behind and notes how the world is then.
func (s *chaosStory) end(run chaosRun) chaosRun {
	s.farm.tick(true)
	s.farm.settle(func() {}) // and nothing is under way any more
	s.farm.blind = false
	run.to = s.farm.farm.State().Seq
	s.windows = append(s.windows, run.chaosWindow)
	for _, l := range s.farm.since(run.landings) {
		s.newest[l.VM] = l.before
	}
	return run
}

// judgeRun looks at one run by ground truth.
func (s *chaosStory) judgeRun(run chaosRun, verdict plans.Verdict) {
	if !slices.Contains([]plans.Verdict{plans.VerdictDone, plans.VerdictRefused, plans.VerdictStopped, plans.VerdictStuck, plans.VerdictUnknown}, verdict) {
		s.breaks("I5: %s ended %q", run.op.name, verdict)
	}
	entries := s.ledger()[run.from:run.to]
	if run.in.Operation.Moves() && !s.bent {
		target := func(host string) bool { return s.farm.farm.Host(host).Site() == run.in.To }
		s.broken = append(s.broken, truth.Order(s.ordered(run, entries), s.members, target)...)
	}
	switch run.in.Operation {
	case plans.UnplannedFailover:
		s.judgePoints(run)
	case plans.TestFailover:
		s.broken = append(s.broken, truth.Drill(entries, s.production)...)
		s.judgeLeft(verdict == plans.VerdictStuck || verdict == plans.VerdictUnknown)
	case plans.PlannedFailover, plans.Cancel, plans.Commit, plans.Reprotect, plans.Fence:
	}
	s.judgeAll()
}

// ordered is what order is judged by: the watch on a lost site fences whatever
// comes back first.
func (s *chaosStory) ordered(run chaosRun, entries []truth.Entry) []truth.Entry {
	if run.in.Statement == nil {
		return entries
	}
	return slices.DeleteFunc(slices.Clone(entries), func(e truth.Entry) bool { return e.What == "power" && e.To == "Off" })
}

func (s *chaosStory) production(vm string) bool {
	return slices.ContainsFunc(s.members, func(m truth.Member) bool { return m.VM == vm })
}

// judgePoints: each VM was failed over to what was asked for, and to what the
// report says (I3).
func (s *chaosStory) judgePoints(run chaosRun) {
	var landed []truth.Landing
	for _, l := range s.farm.since(run.landings) {
		landed = append(landed, l.Landing)
	}
	s.broken = append(s.broken, truth.Points(run.asked, landed)...)
	all := s.farm.since(0)
	for _, vm := range s.farm.report.Status.VMs {
		if vm.Verdict != plans.VerdictDone || vm.Point.Kind == "" {
			continue
		}
		i := -1
		for n, l := range all {
			if l.VM == vm.ID {
				i = n
			}
		}
		if i < 0 || all[i].point != vm.Point.ID {
			s.breaks("I3: the report says that %s stands at %q, and it was failed over to %v", vm.Label, vm.Point.ID, all[max(i, 0):])
		}
	}
}

// judgeLeft: a drill that does not say that something may be left has left
// nothing (I6).
func (s *chaosStory) judgeLeft(said bool) {
	for _, c := range s.farm.farm.State().Copies {
		switch {
		case !c.Test, s.others[c.VM]:
		case said:
			s.farm.note("%s is removed by hand", c.Name)
			s.removeTest(c)
		default:
			s.breaks("I6: the drill has ended, and %s@%s is left", c.Name, c.Host)
		}
	}
}

func (s *chaosStory) removeTest(c hypervisor.CopyState) {
	h := s.farm.farm.Host(c.Host)
	if vm, ok := h.VM(c.VM); ok {
		_ = h.StopFailover(s.t.Context(), hypervisor.Caller{By: "control"}, vm.TestOf)
	}
}

// judgeAll looks at the whole story so far for what must never be.
func (s *chaosStory) judgeAll() {
	ledger := s.ledger()
	twins, returned := truth.Twins(s.first, ledger, s.stated)
	acts, _ := truth.Acts(ledger, s.consented)
	found := slices.Concat(twins, acts, truth.Kept(s.first, ledger))
	for _, v := range s.farm.farm.Violations() {
		if !strings.Contains(v, "two copies of") { // those are judged by whose doing they are
			found = append(found, "I6: "+v)
		}
	}
	for _, f := range found {
		if !slices.Contains(s.broken, f) {
			s.broken = append(s.broken, f)
		}
	}
	s.tally.returned.Add(int64(len(returned) - s.twins))
	s.twins = len(returned)
}

func (s *chaosStory) consented(e truth.Entry) bool {
	return slices.ContainsFunc(s.windows, func(w chaosWindow) bool { return w.losing && e.Seq > w.from && e.Seq <= w.to })
}

// stated is true while a person's word that a site is dark holds: until the
// operation of a VM was told that the old copy there can run.
func (s *chaosStory) stated(e truth.Entry) bool {
	return slices.ContainsFunc(s.windows, func(w chaosWindow) bool {
		return w.stated && e.Seq > w.from && e.Seq <= w.to && !s.farm.knew(e.VM, w.from, e.Seq)
	})
}

// cameBack is true for a VM whose old copy its host started after the failover,
// while the copy that took over may have been down: nobody can keep users from it.
func (s *chaosStory) cameBack(vm string, ledger []truth.Entry) bool {
	back := false
	for _, e := range ledger {
		here := e.VM == vm && s.farm.farm.Host(e.Host) != nil && s.farm.farm.Host(e.Host).Site() == s.site
		switch {
		case here && e.Done() && e.From == "Start-VMFailover":
			back = false
		case e.VM == vm && !here && e.What == "power" && e.To == "Running" && e.By == "host":
			back = true
		}
	}
	return back
}

// settleLoss: an operation that is done has lost no write (I2), but for those
// that an unplanned failover said it would, that somebody gave up, or that users
// wrote in an old copy that came back beside the good one, or in its place.
func (s *chaosStory) settleLoss(op chaosOperation) {
	ledger := s.ledger()
	_, given := truth.Acts(ledger, s.consented)
	_, returned := truth.Twins(s.first, ledger, s.stated)
	for _, c := range s.farm.farm.State().Copies {
		if c.Test || s.farm.farm.Host(c.Host).Site() != s.site {
			continue
		}
		missing := c.Writes.Missing + c.Writes.Committed - min(c.Writes.Committed, c.Writes.Held)
		twin := slices.ContainsFunc(returned, func(t truth.Twin) bool { return t.VM == c.VM })
		if missing > s.given[c.VM] && op.op != plans.UnplannedFailover && op.op != plans.Cancel && !given[c.VM] && !twin && !s.cameBack(c.VM, ledger) {
			s.breaks("I2: after %s %s@%s lacks %d writes, %d were known to be lost: %+v", op.name, c.Name, c.Host, missing, s.given[c.VM], c.Writes)
		}
		s.given[c.VM] = missing
	}
}

// judge looks at the story's end.
func (s *chaosStory) judge() {
	s.judgeAll()
	_, returned := truth.Twins(s.first, s.ledger(), s.stated)
	for _, t := range returned {
		if t.Until == 0 {
			s.breaks("I1: two copies of %s still run, at %s and at %s", t.VM, t.Beside, t.Host)
		}
	}
	ids := map[string]int{}
	for _, c := range s.farm.farm.State().Copies {
		ids[c.VM]++
		here := s.farm.farm.Host(c.Host).Site() == s.site
		if got, ok := s.wanted(c, here); !ok {
			s.breaks("I5: at the end %s@%s is %s, want it %s, running here: %v", c.Name, c.Host, got, s.is, here)
		}
	}
	for _, m := range s.members {
		if ids[m.VM] != 2 {
			s.breaks("I7: %s has %d copies", m.VM, ids[m.VM])
		}
	}
}

// wanted is whether a copy is as the story's standing says.
func (s *chaosStory) wanted(c hypervisor.CopyState, here bool) (string, bool) {
	got := c.Power + "/" + c.Mode + "/" + c.State
	if c.Test {
		return got, s.others[c.VM]
	}
	switch s.is {
	case protected:
		return got, strings.HasPrefix(got, map[bool]string{true: "Running/Primary/", false: "Off/Replica/"}[here]) && (!here || reachesUsers(c))
	case open:
		return got, got == map[bool]string{true: "Running/Replica/FailedOverWaitingCompletion", false: "Off/Primary/PreparedForFailover"}[here]
	case lost:
		return got, strings.HasPrefix(got, map[bool]string{true: "Running/Replica/FailedOverWaitingCompletion", false: "Off/Primary/"}[here])
	case committed: // some may be committed by their reverse, where their source was seen
		return got, got == "Running/Replica/FailedOver" || here && strings.HasPrefix(got, "Running/Primary/") || !here && strings.HasPrefix(got, "Off/")
	}
	return got, false
}

// copies are all copies of the farm as they are.
func (s *chaosStory) copies() []truth.Copy {
	var out []truth.Copy
	for _, c := range s.farm.farm.State().Copies {
		out = append(out, truth.Copy{VM: c.VM, Host: c.Host, Running: c.Power == "Running", Connected: reachesUsers(c), Mode: c.Mode, State: c.State})
	}
	return out
}

// ledger is the farm's, as the judge reads it.
func (s *chaosStory) ledger() []truth.Entry {
	entries := s.farm.farm.Ledger(0)
	out := make([]truth.Entry, len(entries))
	for i, e := range entries {
		at, err := time.Parse(time.RFC3339Nano, e.At)
		if err != nil {
			s.breaks("the ledger's time %q: %v", e.At, err)
		}
		out[i] = truth.Entry{Seq: e.Seq, At: at, Host: e.Host, VM: e.VM, What: e.What, From: e.From, To: e.To, By: e.By}
	}
	return out
}
