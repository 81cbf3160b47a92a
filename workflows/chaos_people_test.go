package workflows

import (
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
)

// answer is a person at the desk: while things go wrong he does what comes to
// his mind, afterwards he goes forward.
func (s *chaosStory) answer(_ int, st plans.RunStatus) *plans.Answer {
	s.meanwhile(st)
	if len(st.Waiting) == 0 || (!s.healed && s.dice.IntN(3) > 0) {
		return nil
	}
	q := st.Waiting[s.dice.IntN(len(st.Waiting))]
	s.tally.answers.Add(1)
	if s.tries[q.VM]++; s.tries[q.VM] > 12 {
		s.heal()
	}
	choice := s.choose(q)
	s.bent = s.bent || !slices.Contains([]plans.Choice{plans.ChoiceRetry, plans.ChoiceTurnOff, plans.ChoiceAccept, plans.ChoiceEnd}, choice)
	s.farm.note("%s for %s (%s)", choice, q.VM, q.Text)
	a := plans.Answer{Choice: choice, Reason: "chaos"}
	if choice != plans.ChoiceStop {
		a.VM = q.VM
	}
	return &a
}

func (s *chaosStory) choose(q plans.Question) plans.Choice {
	has := func(c plans.Choice) bool { return slices.Contains(q.Choices, c) }
	d := s.dice.IntN(20)
	if s.tries[q.VM] > 60 {
		return plans.ChoiceStop
	}
	for _, c := range []plans.Choice{plans.ChoiceEnd, plans.ChoiceAccept} {
		if has(c) && (s.healed || d < 10) {
			return c
		}
	}
	if has(plans.ChoiceTurnOff) && (s.tries[q.VM] > 20 || d < 3 && !s.healed) {
		return plans.ChoiceTurnOff
	}
	if !s.healed {
		switch {
		case d < 5 && has(plans.ChoiceBringBack):
			return plans.ChoiceBringBack
		case d < 6 && has(plans.ChoiceSkip):
			return plans.ChoiceSkip
		case d < 7:
			return plans.ChoiceStop
		case d < 8 && has(plans.ChoiceResolved):
			return plans.ChoiceResolved
		}
	}
	if has(plans.ChoiceRetry) {
		return plans.ChoiceRetry
	}
	return q.Choices[0]
}

// meanwhile is what happens in the world and at other desks while a run goes on:
// a lost site comes back, a real operation asks a drill to give way.
func (s *chaosStory) meanwhile(st plans.RunStatus) {
	switch {
	case (st.Operation == plans.UnplannedFailover || st.Operation == plans.Commit) && s.dark != "" && s.dice.IntN(12) == 0:
		s.farm.note("%s comes back", s.dark)
		s.back()
	case st.Operation == plans.TestFailover && s.dice.IntN(25) == 0:
		s.farm.note("the drill is asked to give way")
		s.trial.env.SignalWorkflow(GiveWaySignal, "planned-failover of all by mia")
	}
}

// lose takes a site away: its power, or its line after somebody there has cut the
// power of its VMs.
func (s *chaosStory) lose(site string) {
	s.dark = site
	cut := s.dice.IntN(3) == 0
	s.farm.note("%s is lost, cut off: %v", site, cut)
	for _, h := range s.farm.farm.Hosts() {
		switch {
		case h.Site() != site:
		case !cut:
			s.farm.farm.Crash(h.Name(), "fault")
		default:
			for _, vm := range h.VMs() {
				_ = h.StopVM(s.t.Context(), hypervisor.Caller{By: "control"}, vm.ID, hypervisor.StopHow{TurnOff: true})
			}
			s.farm.farm.Cut(h.Name(), "fault")
		}
	}
}

// back lets the hosts of the lost site answer again.
func (s *chaosStory) back() {
	s.farm.settle(func() { s.power(s.dark) })
	s.dark = ""
}

// power brings all hosts of a site back, with what was to start with them; "" is
// every site.
func (s *chaosStory) power(site string) {
	for _, h := range s.farm.farm.Hosts() {
		if site == "" || h.Site() == site {
			s.farm.farm.PowerOn(h.Name(), "control")
			s.farm.farm.Join(h.Name(), "control")
		}
	}
}

// leaveTest leaves a test copy of somebody at a site.
func (s *chaosStory) leaveTest(site string) {
	for _, h := range s.farm.farm.Hosts() {
		for _, vm := range h.VMs() {
			if h.Site() == site && vm.TestOf == "" {
				id, err := h.StartFailover(s.t.Context(), hypervisor.Caller{By: "control"}, vm.ID, hypervisor.Failover{AsTest: true})
				s.others[id] = true
				s.farm.note("somebody makes a test copy of %s: %v", vm.Name, err)
				return
			}
		}
	}
}

// heal takes every trouble away and does what an admin does after it. A site
// that is dark stays so.
func (s *chaosStory) heal() {
	f := s.farm.farm
	s.farm.trouble(0)
	s.farm.tick(true)
	f.RemoveFault("")
	s.farm.settle(func() {
		if s.dark == "" {
			s.power("")
		} else {
			s.power(otherSite(s.dark))
		}
	})
	s.healed = true
	s.remedy()
}

// remedy is what Lifeboat asks a person for: what is paused, in error or out of
// step is resumed, what was saved, or failed over and off, is started, what was
// taken off its network is connected. An old copy beside one that goes on is
// nobody's to touch.
func (s *chaosStory) remedy() {
	by, ctx := hypervisor.Caller{By: "control"}, s.t.Context()
	for _, c := range s.farm.farm.State().Copies {
		h := s.farm.farm.Host(c.Host)
		switch {
		case s.farm.takenOver(c.VM, c.Host) && c.Mode == "Primary", s.runsElsewhere(c):
		case s.is != protected && h.Site() == s.site && c.Mode == "Primary" && c.Power == "Running" && c.State != "Suspended":
			// What is out of step after a reverse, re-protection mends itself.
		case c.State == "WaitingForStartResynchronize":
			_ = h.ResumeReplication(ctx, by, c.VM, true)
		case c.State == "Suspended" || c.State == "Error":
			_ = h.ResumeReplication(ctx, by, c.VM, false)
		case c.Power == "Saved", c.Power == "Off" && h.Site() == s.site && s.is != protected:
			_ = h.StartVM(ctx, by, c.VM)
		}
	}
	for _, c := range s.farm.farm.State().Copies {
		h := s.farm.farm.Host(c.Host)
		if c.Mode == "Primary" && c.Power == "Off" && c.AutoStart == "Nothing" && h.Site() == s.site && s.is == protected && !s.farm.takenOver(c.VM, c.Host) {
			// It was fenced, and went off with its host since.
			_ = h.SetAutoStart(ctx, by, c.VM, "StartIfRunning")
			_ = h.StartVM(ctx, by, c.VM)
		}
		if c.Mode == "Primary" && !reachesUsers(c) && !s.farm.takenOver(c.VM, c.Host) {
			vm, _ := h.VM(c.VM)
			_ = h.ConnectAdapter(ctx, by, c.VM, vm.Adapters[0].ID, "vSwitch-"+strings.ToUpper(h.Site()))
		}
	}
	s.quiet()
}

// runsElsewhere is true for a copy beside one that is not off.
func (s *chaosStory) runsElsewhere(c hypervisor.CopyState) bool {
	return c.Power != "Running" && slices.ContainsFunc(s.farm.farm.State().Copies, func(o hypervisor.CopyState) bool {
		return o.VM == c.VM && o.Host != c.Host && o.Power != "Off"
	})
}

// quiet waits for what is under way: a resynchronization takes some simulated
// minutes, an automatic start less.
func (s *chaosStory) quiet() {
	for range 300 {
		busy := false
		for _, c := range s.farm.farm.State().Copies {
			busy = busy || c.State == "Resynchronizing" || c.Power == "Starting" || c.Power == "Stopping"
		}
		if !busy {
			return
		}
		<-time.After(200 * time.Microsecond)
	}
}
