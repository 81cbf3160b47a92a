package plans

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// WitnessView is what one thing that should answer while a site lives said,
// seen from where the engine runs.
type WitnessView struct {
	Site string `json:"site"`
	Name string `json:"name"`
	// Kind is host (WinRM), bmc (management controller) or witness.
	Kind    string `json:"kind"`
	Address string `json:"address,omitempty"`
	Answers bool   `json:"answers"`
	Detail  string `json:"detail,omitempty"`
}

// bmcPort is where management controllers serve their pages and Redfish.
const bmcPort = "443"

// Witnesses are everything at the two sites of a run that should answer while
// its site lives, besides the hosts' own WinRM.
func Witnesses(cfg *Config, in RunInput) []WitnessView {
	var all []WitnessView
	for _, site := range cfg.Sites {
		if site.Name != in.From && site.Name != in.To {
			continue
		}
		for _, h := range cfg.Hosts {
			if h.Site == site.Name && h.BMC != "" {
				all = append(all, WitnessView{Site: site.Name, Name: h.Name, Kind: "bmc", Address: withPort(h.BMC, bmcPort)})
			}
		}
		for _, w := range site.Witnesses {
			all = append(all, WitnessView{Site: site.Name, Name: w.Name, Kind: "witness", Address: w.Address})
		}
	}
	return all
}

func withPort(address, port string) string {
	if ip, err := netip.ParseAddr(address); err == nil && ip.Is6() {
		return "[" + address + "]:" + port
	}
	if strings.Contains(address, ":") {
		return address
	}
	return address + ":" + port
}

// HostWitnesses are the hosts themselves, as one look found them.
func HostWitnesses(in RunInput, hosts []HostView) []WitnessView {
	var all []WitnessView
	for _, h := range hosts {
		w := WitnessView{Name: h.Name, Kind: "host", Answers: h.Reached, Detail: h.Error}
		if i := slices.IndexFunc(in.Hosts, func(r RunHost) bool { return r.Name == h.Name }); i >= 0 {
			w.Site = in.Hosts[i].Site
		}
		all = append(all, w)
	}
	return all
}

// Situation is what can be said before anybody fails over without the source:
// is the site gone, which copies are good, what is lost by each choice, and
// what cannot be proved. It decides nothing and starts nothing.
type Situation struct {
	Plan      string        `json:"plan"`
	From      string        `json:"from"`
	To        string        `json:"to"`
	Verdict   SiteVerdict   `json:"verdict"`
	Text      []string      `json:"text"`
	Witnesses []WitnessView `json:"witnesses"`
	VMs       []VMSituation `json:"vms"`
	// Common is the latest moment that all VMs have, zero when some VM keeps no
	// point that old: CommonMissing names them. CommonSpread is how far apart
	// their points lie.
	Common        time.Time `json:"common,omitzero"`
	CommonMissing []string  `json:"common_missing,omitempty"`
	CommonSpread  Duration  `json:"common_spread,omitempty"`
	// Asked is a time that was asked for with --point, as it was written.
	Asked      string     `json:"asked,omitempty"`
	Findings   []Finding  `json:"findings,omitempty"`
	LeftOut    []LeftOut  `json:"left_out,omitempty"`
	Prediction Prediction `json:"prediction"`
}

// SiteVerdict is how a site looks from here.
type SiteVerdict string

// The verdicts.
const (
	SiteAnswers SiteVerdict = "answers" // its hosts answer: planned failover loses nothing
	SiteSilent  SiteVerdict = "silent"  // nothing of it answers, others do
	SiteMixed   SiteVerdict = "mixed"   // no host answers, something else there does: it lives
	SiteBlind   SiteVerdict = "blind"   // nothing answers anywhere: it may be our own line
)

// VMSituation is one VM's choice of points.
type VMSituation struct {
	ID     string `json:"id"`
	Label  string `json:"label"`
	Target string `json:"target"` // the state of the copy at the target, in words
	// Good is the site of the good copy, as far as the hosts prove it.
	Good string `json:"good,omitempty"`
	// Latest, LatestApp and Common are the points of each choice, with a zero
	// time where there is none; Behind is how old each one's data is now.
	Latest       Point    `json:"latest"`
	LatestBehind Duration `json:"latest_behind"`
	App          Point    `json:"latest_app,omitzero"`
	AppBehind    Duration `json:"latest_app_behind,omitempty"`
	Common       Point    `json:"common,omitzero"`
	CommonBehind Duration `json:"common_behind,omitempty"`
	// Asked is the point of a time that was asked for.
	Asked       Point    `json:"asked,omitzero"`
	AskedBehind Duration `json:"asked_behind,omitempty"`
	Kept        int      `json:"kept"` // recovery points
	RPO         Duration `json:"rpo,omitempty"`
	// Final is true for a failover for which no other point can be chosen.
	Final bool `json:"final,omitempty"`

	stands standing
	third  string // where its replica is
	stuck  bool   // it does not replicate there now
}

// Decide puts a situation together. hosts and pairs are one look, have the
// points of the replicas.
func Decide(in RunInput, witnesses []WitnessView, hosts []HostView, pairs []Pair, have []VMPoints, now time.Time) Situation {
	s := Situation{Plan: in.Plan, From: in.From, To: in.To, Witnesses: witnesses, LeftOut: in.LeftOut}
	s.Verdict = siteVerdict(in.From, witnesses)
	moment, missing, spread := CommonMoment(have)
	if len(missing) == 0 {
		s.Common, s.CommonSpread = moment, Duration(spread)
	}
	chosen, unmet := in, []Finding(nil)
	if NamesMoment(in.Point) {
		s.Asked = in.Point
		chosen, unmet = ChoosePoints(in, have)
	}
	for _, vm := range chosen.VMs() {
		if slices.Contains(missing, vm.ID) {
			s.CommonMissing = append(s.CommonMissing, vm.Label)
		}
		one := situationOf(vm, pairs, have, s.Common)
		p, _ := pairOf(vm.ID, pairs)
		one.stands = standsAt(in.Intent(vm), p.Source, p.Target)
		one.Good = map[standing]string{atSource: in.From, atTarget: in.To, atMiddle: in.To, atThird: in.To}[one.stands]
		one.Final = one.Good == in.To && noWayBack(p.Target)
		if one.stands == atThird {
			one.third, one.stuck = p.Target.ReplicaServer, p.Target.State != "Replicating"
		}
		s.VMs = append(s.VMs, one)
	}
	s.Text = siteWords(s)
	s.Findings = append(unmet, Readiness(in, hosts, pairs, now)...)
	SortFindings(s.Findings)
	s.Prediction = Predict(in, pairs)
	return s
}

// standing is where the copy that goes on is, before a person decides.
type standing int

const (
	standsUnclear standing = iota
	standsTwice            // both copies run
	standsUnseen           // the target holds a replica of a source that cannot be seen
	atSource
	atTarget // failed over already, or the primary there
	atMiddle // as atTarget, and a third copy hangs on it: nobody has chosen yet
	atThird  // as atTarget, and its replica is at the third site that was kept
)

func standsAt(i Intent, source, target Copy) standing {
	i.Accept = true // whoever failed it over: users have that copy now
	switch good := goodSide(i, source, target); {
	case runs(source) && runs(target):
		return standsTwice
	case good == Source:
		return atSource
	case good == Target && goesElsewhere(i, target):
		return atThird
	case good == Target && target.Extended != "":
		return atMiddle
	case good == Target:
		return atTarget
	case !source.Reached && familyOf(Classify(target)) == famReplica:
		return standsUnseen
	}
	return standsUnclear
}

func situationOf(vm RunVM, pairs []Pair, have []VMPoints, common time.Time) VMSituation {
	out := VMSituation{ID: vm.ID, Label: vm.Label, RPO: vm.RPO, Target: "not seen"}
	if p, ok := pairOf(vm.ID, pairs); ok && p.Target.Reached {
		out.Target = string(Classify(p.Target))
	}
	i := slices.IndexFunc(have, func(p VMPoints) bool { return p.VM == vm.ID })
	if i < 0 {
		return out
	}
	p := have[i]
	out.Kept, out.Latest = len(p.Points), p.newest()
	out.LatestBehind = Duration(p.Behind(out.Latest))
	out.Asked, out.AskedBehind = vm.Point, vm.Behind
	if app, ok := p.appConsistent(); ok {
		out.App, out.AppBehind = app, Duration(p.Behind(app))
	}
	if point, ok := p.at(common); ok && !common.IsZero() {
		out.Common, out.CommonBehind = point, Duration(p.Behind(point))
	}
	return out
}

// siteVerdict says how a site looks by what answers there and elsewhere.
func siteVerdict(from string, all []WitnessView) SiteVerdict {
	hosts, others, elsewhere := false, false, false
	for _, w := range all {
		switch {
		case !w.Answers:
		case w.Site != from:
			elsewhere = true
		case w.Kind == "host":
			hosts = true
		default:
			others = true
		}
	}
	switch {
	case hosts:
		return SiteAnswers
	case others:
		return SiteMixed
	case elsewhere:
		return SiteSilent
	}
	return SiteBlind
}

// siteWords says which copies are good, what the witnesses prove and what they
// cannot.
func siteWords(s Situation) []string {
	names := map[standing][]string{}
	for _, vm := range s.VMs {
		names[vm.stands] = append(names[vm.stands], vm.Label)
	}
	of := func(is standing) string {
		if len(names[is]) == len(s.VMs) {
			return fmt.Sprintf("all %d VMs", len(s.VMs))
		}
		return fewOf(names[is], 6)
	}
	var text []string
	say := func(is standing, format string, args ...any) {
		if len(names[is]) > 0 {
			text = append(text, fmt.Sprintf(format, args...))
		}
	}
	say(standsTwice, "DANGER: both copies run, at %s and at %s, of %s. Users may reach either. Do: lifeboat fence %s. If it knows of no watch: take the copy without users off the network.",
		s.From, s.To, of(standsTwice), ShellWord(s.Plan))
	say(atTarget, "Good copy: %s, of %s, failed over already. What is at %s is OLD: do not start it. Next: lifeboat run show %s; once %s is back, lifeboat reprotect %s.",
		s.To, of(atTarget), s.From, ShellWord(s.Plan), s.From, ShellWord(s.Plan))
	say(atMiddle, "Good copy: %s, of %s, failed over already. What is at %s is OLD: do not start it. A third copy hangs on the good one: lifeboat reprotect %s --chain keep goes on to that site at once; --chain back ends it and goes back, once %s is there.",
		s.To, of(atMiddle), s.From, ShellWord(s.Plan), s.From)
	if third, stuck := thirds(s); len(third) > 0 {
		say(atThird, "Good copy: %s, of %s; the replica is at the third site: %s. What is at %s is OLD and left out: do not start it; lifeboat fence %s says what keeps it off.",
			s.To, of(atThird), fewOf(third, 4), s.From, ShellWord(s.Plan))
		next := "nothing must be done"
		if len(stuck) > 0 {
			next = fmt.Sprintf("look at %s: NOT PROTECTED while replication from %s does not go on; lifeboat status %s says why", fewOf(stuck, 6), s.To, ShellWord(s.Plan))
		}
		say(atThird, "Next: %s.", next)
		say(atThird, "Way home, when it is wanted: Remove-VMReplication for each VM at %s (it is NOT protected from then on) and at %s, then lifeboat reprotect %s, then lifeboat failback %s.",
			s.To, s.From, ShellWord(s.Plan), ShellWord(s.Plan))
	}
	say(atSource, "Good copy: %s, of %s.", s.From, of(atSource))
	say(standsUnseen, "The newest data of %s is at %s, in what cannot be seen. %s has what the table below says.", of(standsUnseen), s.From, s.To)
	say(standsUnclear, "Which copy is good cannot be told from here: %s. Look: lifeboat plan explain %s --operation unplanned-failover", of(standsUnclear), ShellWord(s.Plan))
	if len(names[standsTwice]) > 0 || len(names[atTarget])+len(names[atMiddle])+len(names[atThird]) == len(s.VMs) {
		return text // nothing is left to decide about the site
	}
	if s.Verdict == SiteAnswers && len(names[standsUnseen]) > 0 {
		return append(text, fmt.Sprintf("%s answers, but not every host there. Ask somebody to look at the silent one. To go without it: lifeboat failover %s --unplanned --only VM --statement \"who saw what, when\"", s.From, ShellWord(s.Plan)))
	}
	return append(text, verdictWords(s)...)
}

// thirds are the replica servers of the third copies that were kept, and the VMs
// that do not replicate there now.
func thirds(s Situation) (servers, stuck []string) {
	for _, vm := range s.VMs {
		if vm.third != "" && !slices.Contains(servers, vm.third) {
			servers = append(servers, vm.third)
		}
		if vm.stuck {
			stuck = append(stuck, vm.Label)
		}
	}
	return servers, stuck
}

// verdictWords says what the witnesses prove, and what to do.
func verdictWords(s Situation) []string {
	doubt := fmt.Sprintf("It cannot be proved from here that the VMs at %s are off. If they run and copies are started at %s, two servers take orders under one name.", s.From, s.To)
	switch s.Verdict {
	case SiteAnswers:
		return []string{
			fmt.Sprintf("%s answers: a planned failover loses nothing.", s.From),
			fmt.Sprintf("Do: lifeboat failover %s --planned", ShellWord(s.Plan)),
		}
	case SiteMixed:
		return []string{
			fmt.Sprintf("No host at %s answers, but something else there does: the site has power, and its VMs may be running.", s.From), doubt,
			"Do: have somebody look at the hosts, or cut their power, before anything else.",
		}
	case SiteBlind:
		return []string{
			"Nothing answers anywhere, at " + s.To + " neither: it may be this machine's own line that is cut.", doubt,
			"Do: mend the line here first, then ask again.",
		}
	case SiteSilent:
	}
	return []string{
		fmt.Sprintf("Nothing at %s answers; what stands at %s does.", s.From, s.To), doubt,
		fmt.Sprintf("If %s is dark, waiting costs time, not data. If it runs, going costs both.", s.From),
		fmt.Sprintf("Wait, or ask somebody to look and cut its power. To go: lifeboat failover %s --unplanned --statement \"who saw what, when\"", ShellWord(s.Plan)),
	}
}
