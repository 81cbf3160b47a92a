package plans

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// The limits of a verdict.
const (
	certificateSoon  = 60 * 24 * time.Hour // said from then on
	certificateLate  = 7 * 24 * time.Hour  // too late to be called ready
	drillOld         = 183 * 24 * time.Hour
	volumeFullShare  = 95 // percent used: a failover's differences would fill it
	volumeShortShare = 85
)

// Ready says what it would mean to lose the source site now. It imagines the
// source gone, asks the table what a run could do with each replica, and adds
// what the source and the seldom-read facts show while it still answers. A
// blocker makes it not ready; a warning does not.
func Ready(l ReadyLook) ReadyReport {
	if l.MaxAge == 0 {
		l.MaxAge = maxAge
	}
	r := ready{look: l, in: imagined(l)}
	r.index()
	r.out = ReadyReport{Plan: l.Run.Plan, From: l.Run.From, To: l.Run.To, At: l.Now, Drill: l.Drill, LeftOut: r.in.LeftOut, Speed: max(1, l.Run.Speed)}
	r.base = readiness{in: r.in, hosts: r.targets(), pairs: r.allLost(), now: l.Now}
	r.hosts()
	for _, vm := range r.in.VMs() {
		r.vm(vm)
	}
	r.room()
	r.take()
	r.trust()
	r.people()
	r.notes()
	r.add(r.base.found...)
	SortFindings(r.out.Findings)
	predicted := Predict(r.in, r.base.pairs)
	r.out.Estimate, r.out.Basis = predicted.Duration, predicted.Basis
	r.verdict()
	return r.out
}

// imagined is the run as it would be if the source were lost now.
func imagined(l ReadyLook) RunInput {
	in := l.Run
	in.Operation = UnplannedFailover
	in.Statement = &Statement{Text: "imagined", At: l.Now}
	return Shed(in, l.Views, l.Pairs)
}

type ready struct {
	look ReadyLook
	in   RunInput // without what would be shed
	base readiness
	out  ReadyReport
	// blind is true when what decides cannot be seen.
	blind bool

	// What is looked up for each VM, by name: a plan may have thousands.
	views  map[string]HostView
	stores map[string]StoreView
	goesTo map[string]bool
	pairs  map[string]*Pair
}

func (r *ready) index() {
	r.views, r.stores, r.goesTo, r.pairs = map[string]HostView{}, map[string]StoreView{}, map[string]bool{}, byID(r.look.Pairs)
	for _, h := range r.look.Views {
		r.views[h.Name] = h
	}
	for _, s := range r.look.Stores {
		r.stores[s.Host] = s
	}
	for _, name := range TargetHosts(r.in) {
		r.goesTo[name] = true
	}
}

// pair is both sides of a VM as they were seen.
func (r *ready) pair(id string) Pair {
	if p := r.pairs[id]; p != nil {
		return *p
	}
	return Pair{}
}

// lost is a pair as it would be seen: nothing of the source, and of the target
// what is seen now.
func (r *ready) lost(p Pair) Pair {
	out := Pair{ID: p.ID, Source: Copy{Host: p.Source.Host}, Target: p.Target}
	if !r.view(p.Target.Host).Reached {
		out.Target = Copy{Host: p.Target.Host}
	}
	return out
}

func (r *ready) add(f ...Finding) { r.out.Findings = append(r.out.Findings, f...) }

func (r *ready) view(name string) HostView {
	if h, ok := r.views[name]; ok {
		return h
	}
	return HostView{Name: name, Error: "it was not asked"}
}

func (r *ready) store(name string) (StoreView, bool) {
	if s, ok := r.stores[name]; ok {
		return s, s.Error == ""
	}
	return StoreView{Host: name, Error: "it was not asked yet"}, false
}

// isTarget is true for a host that VMs would go to.
func (r *ready) isTarget(name string) bool { return r.goesTo[name] }

func (r *ready) targets() []HostView {
	var out []HostView
	for _, h := range r.look.Views {
		if r.isTarget(h.Name) {
			out = append(out, h)
		}
	}
	return out
}

func (r *ready) allLost() []Pair {
	out := make([]Pair, len(r.look.Pairs))
	for i, p := range r.look.Pairs {
		out[i] = r.lost(p)
	}
	return out
}

// room asks whether the target can hold what would start there.
func (r *ready) room() {
	hosts, needs := demand(r.in, r.base.pairs)
	for _, host := range hosts {
		if _, known := freeAt(r.in, host, r.look.Views); !known && r.view(host).Reached {
			r.add(Finding{Severity: Warning, Code: "memory-not-told", Host: host, Text: "NOT CHECKED whether its memory is enough: the host does not tell how much it has",
				Means: "the last VMs may not start", Remedy: "Get-VMHost on it, and mend what it says"})
		}
		for _, f := range memoryFor(r.in, host, needs[host], r.look.Views) {
			r.add(f)
		}
	}
	if len(r.in.VMs()) == 0 {
		r.add(Finding{Severity: Blocker, Code: "nothing-to-do", Text: "no VM of this plan would take part", Means: "the plan protects nothing", Remedy: "look at the plan's policies"})
	}
}

// trust asks whether each side takes replication from the other: one for now,
// one for the way home.
func (r *ready) trust() {
	said := map[string]bool{}
	for _, vm := range r.in.VMs() {
		for _, way := range []struct{ at, from, means string }{
			{vm.TargetHost, vm.ReverseTo, "a broken replication could not be set up again"},
			{vm.SourceHost, vm.TargetName, "there is no way home: after the failover the VMs would stay unprotected"},
		} {
			h, auth := r.view(way.at), r.look.Known.Auths[vm.ID]
			if said[way.at+way.from+auth] || !h.Reached {
				continue
			}
			said[way.at+way.from+auth] = true
			f := Finding{Severity: Blocker, Host: way.at, Means: way.means}
			switch {
			case !h.ReplicaServer:
				f.Code, f.Text, f.Remedy = "no-replica-server", "it does not accept replication", "Set-VMReplicationServer -ReplicationEnabled $true on it"
			case auth != "" && h.ReplicaAuth != "" && !strings.Contains(h.ReplicaAuth, auth):
				f.Code, f.Text = "replica-server-auth", "its replica server takes "+h.ReplicaAuth+", and "+vm.Label+" is replicated with "+auth
				f.Remedy = "lifeboat protect with --turn-on-replica-server opens that way beside the other; or mend the group's authentication:"
			case !admits(h.AllowedFrom, way.from):
				f.Code, f.Text = "not-authorized", "it accepts no replication from "+way.from
				f.Remedy = "New-VMReplicationAuthorizationEntry on it for that host"
			default:
				continue
			}
			r.add(f)
		}
	}
}

// admits is true when an authorization entry fits a server's name. Of a name
// without a domain only the first label can be compared.
//
// Microsoft: New-VMReplicationAuthorizationEntry -AllowedPrimaryServer: a name,
// or *.domain; the wildcard stands for the first label.
func admits(entries []string, name string) bool {
	short, domain, _ := strings.Cut(strings.ToLower(name), ".")
	return slices.ContainsFunc(entries, func(e string) bool {
		first, rest, _ := strings.Cut(strings.ToLower(e), ".")
		fits, err := path.Match(first, short)
		return err == nil && fits && (e == "*" || domain == "" || rest == domain)
	})
}

// engineHealth is the code of what is wrong with the engine itself.
const engineHealth = "engine-health"

// people is what no host shows: the engine's own place and health, and the last
// drill.
func (r *ready) people() {
	machine, _, _ := strings.Cut(r.look.Machine, ".")
	for _, vm := range r.in.VMs() {
		if name, _, _ := strings.Cut(vm.Name, "."); machine != "" && strings.EqualFold(name, machine) {
			r.add(Finding{Severity: Blocker, Code: "engine-in-plan", VM: vm.Label, Text: "it has the name of the machine that looks: " + machine,
				Means: "if the engine runs in it, it is lost with " + r.in.From + " and nobody fails over", Remedy: "run the engine outside the plans it runs, best at the other site"})
		}
	}
	if r.look.Known.EngineSite == r.in.From && r.in.From != "" {
		r.add(Finding{Severity: Warning, Code: "engine-at-source", Text: "the engine stands at " + r.in.From + ", says the configuration",
			Means: "it is lost with that site; the failover needs another engine first", Remedy: "run the engine at " + r.in.To})
	}
	for _, p := range r.look.Engine {
		r.add(Finding{Severity: p.severity(), Code: engineHealth, Text: "the engine: " + p.What, Means: p.Means, Remedy: p.Do})
	}
	r.canaries()
	f := Finding{Severity: Warning, Code: "no-drill", Text: "no test failover of this plan is on record", Means: "nobody knows that its VMs start there", Remedy: "lifeboat failover " + ShellWord(r.in.Plan) + " --test"}
	switch d := r.look.Drill; {
	case d == nil:
	case !d.Passed:
		f.Code, f.Text = "drill-failed", "the last test failover did not pass: "+d.Run
		f.Remedy = "lifeboat journal report " + ShellWord(d.Run)
	case r.look.Now.Sub(d.Ended) > drillOld:
		f.Code, f.Text = "drill-old", fmt.Sprintf("the last test failover passed %d days ago", int(r.look.Now.Sub(d.Ended)/(24*time.Hour)))
	default:
		r.untried()
		return
	}
	r.add(f)
}

// untried are the VMs of which no run of the last half year shows that they start
// there: the last drill may have left them out.
func (r *ready) untried() {
	if r.look.Drill.proofs == nil {
		return
	}
	for _, vm := range r.in.VMs() {
		if at := r.look.Drill.proofs[vm.ID].At; r.look.Now.Sub(at) > drillOld {
			r.add(Finding{Severity: Warning, Code: "not-drilled", VM: vm.Label, Text: "no test failover of the last half year has shown that it comes up, the last one neither",
				Means: "nobody knows that it starts there", Remedy: "lifeboat failover " + ShellWord(r.in.Plan) + " --test; lifeboat drill coverage names all"})
		}
	}
}

// verdict sums up.
func (r *ready) verdict() {
	blockers := 0
	for _, f := range r.out.Findings {
		if f.Severity == Blocker {
			blockers++
		}
	}
	groups := len(GroupFindings(r.out.Findings, Blocker))
	switch {
	case r.blind:
		r.out.Verdict, r.out.Why = ReadyUnknown, "cannot see "+orWord(r.in.To, "their hosts")
		if len(r.out.Stale) > 0 {
			r.out.Why = r.out.Stale[0]
		}
	case blockers > 0:
		r.out.Verdict = ReadyNo
		r.out.Why = things(groups) + " to fix: " + firstWords(GroupFindings(r.out.Findings, Blocker)[0])
	default:
		r.out.Verdict = ReadyYes
		r.out.Why = fmt.Sprintf("%d of %d VMs in time", r.out.InTime, r.out.Total)
		if r.out.InTime == r.out.Total {
			r.out.Why = fmt.Sprintf("all %d VMs in time", r.out.Total)
		}
	}
}

func things(n int) string {
	if n == 1 {
		return "1 thing"
	}
	return fmt.Sprintf("%d things", n)
}

func firstWords(g FindingGroup) string { return g.Subject() + ": " + g.Text }

// FindingGroup is a finding, and the other VMs of which the same was found.
type FindingGroup struct {
	Finding
	More []string
}

// Subject names what it is about.
func (g FindingGroup) Subject() string {
	subject := strings.TrimSpace(g.VM)
	if subject == "" {
		subject = g.Host
	}
	switch {
	case len(g.More) == 1:
		subject += " and " + g.More[0]
	case len(g.More) > 1:
		subject += fmt.Sprintf(" and %d more VMs", len(g.More))
	}
	return orWord(subject, "the plan")
}

// GroupFindings puts findings of one kind about several VMs together, worst
// first; severity "" takes all.
func GroupFindings(all []Finding, severity Severity) []FindingGroup {
	var groups []FindingGroup
	at := map[string]int{}
	for _, f := range all {
		if severity != "" && f.Severity != severity {
			continue
		}
		key := string(f.Severity) + f.Code + "\x00" + f.Host + "\x00" + f.Way
		if i, ok := at[key]; ok && f.VM != "" {
			groups[i].More = append(groups[i].More, f.VM)
			continue
		}
		at[key] = len(groups)
		groups = append(groups, FindingGroup{Finding: f})
	}
	return groups
}
