package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

func otherSite(site string) string { return map[string]string{"a": "b", "b": "a"}[site] }

// way is from where to where an operation goes: away from where the VMs run, or,
// as long as a failover stands, about that one.
func (s *chaosStory) way() (from, to string) {
	if s.is == protected {
		return s.site, otherSite(s.site)
	}
	return otherSite(s.site), s.site
}

// input is what a run is started with.
func (s *chaosStory) input(op chaosOperation) plans.RunInput {
	s.runs++
	in := plans.RunInput{RunID: fmt.Sprintf("all-%d", s.runs), Plan: "all", Operation: op.op, StartedBy: "mia",
		Reverse: s.reverse, Limits: s.limits, Speed: 1, LoseWrites: op.losing}
	in.From, in.To = s.asked.from, s.asked.to
	for _, step := range s.steps {
		vms := slices.Clone(step.VMs)
		for i := range vms {
			if in.From == "b" {
				vms[i].SourceHost, vms[i].TargetHost = vms[i].TargetHost, vms[i].SourceHost
			}
			target := s.farm.farm.Host(vms[i].TargetHost).Info()
			vms[i].ReverseTo = s.farm.farm.Host(vms[i].SourceHost).Info().FQDN
			vms[i].Thumbprint, vms[i].TargetName = target.Replica.Thumbprint, target.FQDN
			vms[i].NICs = []plans.WantedNIC{{Switch: "vSwitch-" + strings.ToUpper(in.To)}}
			if op.op == plans.TestFailover {
				vms[i].NICs[0].Switch = testSwitch
			}
			if op.op == plans.Cancel {
				vms[i].SourceNICs = []plans.WantedNIC{{Switch: "vSwitch-" + strings.ToUpper(in.From)}}
			}
		}
		step.VMs = vms
		in.Steps = append(in.Steps, step)
	}
	for _, site := range []string{in.From, in.To} {
		for _, h := range s.farm.farm.Hosts() {
			if h.Site() == site {
				in.Hosts = append(in.Hosts, plans.RunHost{Name: h.Name(), Site: site})
			}
		}
	}
	switch op.op {
	case plans.UnplannedFailover:
		s.unplanned(&in)
	case plans.TestFailover:
		in.Hold = plans.Duration(time.Duration(s.dice.IntN(2)) * 10 * time.Minute)
		in.TTL = plans.Duration(time.Duration(1+s.dice.IntN(4)) * 10 * time.Minute)
	case plans.PlannedFailover, plans.Cancel, plans.Commit, plans.Reprotect, plans.Fence:
	}
	return in
}

// unplanned is what a person says to an unplanned failover beside its name: that
// the site is dark, if it is, or what may be done to copies that run there; and
// to which point.
func (s *chaosStory) unplanned(in *plans.RunInput) {
	in.OnReturn = []plans.FencePolicy{plans.FenceAsk, plans.FenceAsk, plans.FenceShutDown, plans.FenceTurnOff, plans.FenceDisconnect}[s.dice.IntN(5)]
	if s.dark != "" {
		in.Statement = &plans.Statement{By: "guard", Text: "dark", At: time.Now()}
	} else {
		in.Fence = []plans.FencePolicy{plans.FenceTurnOff, plans.FenceShutDown}[s.dice.IntN(2)]
	}
	in.Point = s.point
	_, pairs := activities.Look(s.t.Context(), s.farm.acts.Hosts, *in)
	have, _ := activities.LookPoints(s.t.Context(), s.farm.acts.Hosts, *in, pairs)
	chosen, found := plans.ChoosePoints(*in, have)
	if len(found) > 0 { // some VM keeps no such point: a person takes the latest
		in.Point = plans.AskLatest
		chosen, _ = plans.ChoosePoints(*in, have)
	}
	*in = chosen
	s.farm.note("points: %s", in.Point)
}

// choosePoint is what a person asks for: the latest data, the common moment, or
// some time in the past.
func (s *chaosStory) choosePoint() {
	ago := time.Duration(30+s.dice.IntN(200)) * time.Minute
	s.point = []string{plans.AskLatest, plans.AskCommon, s.farm.farm.Now().Add(-ago).UTC().Format(time.RFC3339)}[s.dice.IntN(3)]
}
