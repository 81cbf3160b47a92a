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
	for _, name := range targetHosts(r.in) {
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

// hosts looks at each host: is it seen, since when not, its clock, its
// certificate, its volume.
func (r *ready) hosts() {
	for _, h := range r.look.Run.Hosts {
		v := r.view(h.Name)
		out := ReadyHost{Name: h.Name, Site: h.Site, Up: v.Reached, Read: r.look.Read[h.Name], Error: v.Error}
		r.seen(v, out.Read)
		if v.Reached && v.Skew.Abs() > maxSkew {
			r.add(Finding{Severity: Warning, Code: "clock-skew", Host: h.Name, Text: fmt.Sprintf("its clock is %s off", forPeople(v.Skew.Abs())),
				Means: "Kerberos fails at five minutes; times here are the hosts' own", Remedy: "w32tm /resync on the host"})
		}
		r.untold(h.Name, v)
		out.CertificateDays = r.certificate(h.Name)
		out.Volume = r.volume(h.Name)
		r.encrypted(h.Name)
		r.out.Hosts = append(r.out.Hosts, out)
	}
}

// seen says of a host that does not answer, or of an answer that has become
// old, what that means.
func (r *ready) seen(v HostView, read time.Time) {
	if !read.IsZero() && (r.out.Seen.IsZero() || read.Before(r.out.Seen)) {
		r.out.Seen = read
	}
	old := !read.IsZero() && r.look.Now.Sub(read) > r.look.MaxAge
	if v.Reached && !old {
		return
	}
	f := Finding{Severity: Blocker, Code: "host-unreachable", Host: v.Name, Text: "it does not answer"}
	if v.Reached {
		f.Code, f.Text = "stale-look", "it was last read "+forPeople(r.look.Now.Sub(read))+" ago"
	}
	if v.Barred != "" {
		f.Text = v.Barred
	}
	switch {
	case r.isTarget(v.Name):
		r.blind = true
		f.Means, f.Remedy = "what stands at "+r.in.To+" cannot be seen, so nothing can be promised", "lifeboat check says where it stops and what to do"
	case v.Barred != "":
		f.Means, f.Remedy = "the site may be well: nothing new is known of it, and a failover would not see it either", "lifeboat check says where it stops and what to do"
	case r.livedOn(v.Name) != "":
		f.Text += ", and its VMs went on sending: " + r.livedOn(v.Name)
		f.Means = "it lived then: rather the way from here to it is gone (an address that changed, a firewall) than the site"
		f.Remedy = "compare its address: in the configuration with where it is now; lifeboat decide " + r.in.Plan + " asks every witness"
	default:
		f.Means = "this may be the day, or only the line: while the copies at " + r.in.To + " grow older, nothing arrives there"
		f.Remedy = "lifeboat decide " + r.in.Plan + " asks every witness"
	}
	r.add(f)
	if read.IsZero() {
		r.out.Stale = append(r.out.Stale, fmt.Sprintf("I cannot read %s. Nothing below is from it.", v.Name))
		return
	}
	r.out.Stale = append(r.out.Stale, fmt.Sprintf("I have not read %s since %s. What is said of it below is old.", v.Name, clock(read)))
}

// livedOn names data that is clearly newer than a host's last answer: what has
// sent it was alive then, though nobody could ask it.
func (r *ready) livedOn(host string) string {
	read := r.look.Read[host]
	if read.IsZero() {
		return ""
	}
	// A look is half a minute old at most when a host falls silent, in a lab some
	// seconds of real time.
	silent := time.Duration(float64(r.look.Now.Sub(read)-10*time.Second)*r.out.Speed) - maxAge
	for _, vm := range r.in.VMs() {
		t := r.pair(vm.ID).Target
		if vm.SourceHost != host || !r.view(vm.TargetHost).Reached || t.LastReplication.IsZero() {
			continue
		}
		if behind := r.behind(t, t.LastReplication).D(); behind < silent {
			return fmt.Sprintf("the copy of %s is of %s", vm.Label, clock(t.LastReplication))
		}
	}
	return ""
}

// untold is for facts that are read seldom and could not be.
func (r *ready) untold(name string, v HostView) {
	s, ok := r.store(name)
	if !v.Reached {
		return
	}
	f := Finding{Severity: Warning, Code: "not-told", Host: name, Means: "certificates, volumes, keys and disks are not all known, and NOT CHECKED", Remedy: "run that cmdlet on the host and mend what it says"}
	if !ok {
		f.Text = "it does not tell its certificates, volumes, keys and disks: " + s.Error
		r.add(f)
		return
	}
	if age := r.look.Now.Sub(s.At); s.Failing != "" && age > 2*r.look.MaxAge {
		f.Code, f.Text = "stale-stores", fmt.Sprintf("its certificates, volumes, keys and disks were last read %s ago: %s", forPeople(age), s.Failing)
		f.Means, f.Remedy = "what is said of them here may not hold any more", "lifeboat check, then look at what it says of this host"
		r.add(f)
	}
	for _, problem := range s.Problems {
		f.Text = "a read failed: " + problem
		r.add(f)
	}
}

// certificate is the days that a host's replication certificates have left: the one
// of the configuration, and the one that its replica server uses.
func (r *ready) certificate(host string) (days *int) {
	named, used := r.look.Known.Thumbprints[host]
	s, ok := r.store(host)
	if !used || !ok || slices.ContainsFunc(s.Problems, func(p string) bool { return strings.HasPrefix(p, "Get-ChildItem:") }) {
		return nil
	}
	all := []string{named}
	if v := r.view(host); strings.Contains(v.ReplicaAuth, "Certificate") && bare(v.ReplicaThumbprint) != bare(named) {
		all = append(all, v.ReplicaThumbprint)
	}
	if strings.Join(all, "") == "" {
		f := unnamedCertificate()
		f.Host, f.Remedy = host, "write certificate_thumbprint for it: lifeboat cert status shows what it has"
		r.add(f)
	}
	for i, thumbprint := range all {
		if thumbprint == "" {
			continue
		}
		ends := certificateEnd(s.Certificates, thumbprint)
		f := missingCertificate(thumbprint)
		if !ends.IsZero() {
			f = endOfCertificate([]string{"its replication certificate", "its replica server's certificate"}[i], ends, s.Clock)
		}
		if f != nil {
			f.Host = host
			r.add(*f)
		}
		if left := daysLeft(ends, s.Clock); days == nil || left != nil && *left < *days {
			days = left
		}
	}
	return days
}

func cutThumbprint(t string) string {
	if len(t) > 12 {
		return t[:12] + "..."
	}
	return t
}

// volume is the one at the target that holds replicas.
func (r *ready) volume(host string) *VolumeView {
	s, ok := r.store(host)
	if !ok || !r.isTarget(host) {
		return nil
	}
	found := ReplicaVolume(s, r.look.Known.Storages[host])
	if found == nil {
		r.volumeNotTold(s)
		return nil
	}
	f := Finding{Severity: Blocker, Code: "volume-full", Host: host, Text: fmt.Sprintf("the volume of its replicas (%s) is %d %% full: %s left", found.Name, share(*found), gib(found.Free)),
		Means:  "replication stops when it is full, and VMs that start there write beside their recovery points: they pause",
		Remedy: "make room there: move what is no replica, or extend the volume"}
	switch {
	case share(*found) >= volumeFullShare:
		r.add(f)
	case share(*found) >= volumeShortShare:
		f.Severity, f.Code = Warning, "volume-short"
		r.add(f)
	}
	return found
}

// volumeNotTold says that the room for replicas is not known, unless a read that
// failed says so already. No volume of a host's own holds a share.
func (r *ready) volumeNotTold(s StoreView) {
	if slices.ContainsFunc(s.Problems, func(p string) bool {
		return strings.HasPrefix(p, "Get-CimInstance:") || strings.HasPrefix(p, "Get-VMReplicationServer:")
	}) {
		return
	}
	f := Finding{Severity: Warning, Code: "volume-not-told", Host: s.Host, Text: "NOT CHECKED whether there is room for its replicas: it names no folder for them",
		Means: "replication stops on a full volume, and VMs that start there pause", Remedy: "write replica_storage: of this host into the configuration"}
	if at := slices.Concat([]string{r.look.Known.Storages[s.Host]}, s.Storages); strings.Join(at, "") != "" {
		at = slices.DeleteFunc(at, func(folder string) bool { return folder == "" })
		f.Text = "NOT CHECKED whether there is room for its replicas: no volume of it holds " + at[0]
		if strings.HasPrefix(at[0], `\\`) {
			f.Severity = Info
		}
	}
	r.add(f)
}

// ReplicaVolume is the fullest volume of a host that holds replicas, in the folder
// that is configured or else where the host has them; nil when it does not tell.
func ReplicaVolume(s StoreView, configured string) *VolumeView {
	storages := s.Storages
	if configured != "" {
		storages = []string{configured}
	}
	var found *VolumeView
	for _, at := range storages {
		if v := holds(s.Volumes, at); v != nil && (found == nil || share(*v) > share(*found)) {
			found = v
		}
	}
	return found
}

// holds is the volume with the longest name that a path begins with.
func holds(all []VolumeView, at string) *VolumeView {
	var found *VolumeView
	at = strings.TrimSuffix(at, `\`) + `\` // it may be the mount point itself
	for i, v := range all {
		if len(at) >= len(v.Name) && strings.EqualFold(at[:len(v.Name)], v.Name) && (found == nil || len(v.Name) > len(found.Name)) {
			found = &all[i]
		}
	}
	return found
}

func share(v VolumeView) int {
	if v.Size == 0 {
		return 0
	}
	return int((v.Size - v.Free) * 100 / v.Size)
}

// room asks whether the target can hold what would start there.
func (r *ready) room() {
	hosts, needs := demand(r.in, r.base.pairs)
	for _, host := range hosts {
		need := needs[host]
		switch free, known := freeAt(r.in, host, r.look.Views); {
		case !known && r.view(host).Reached:
			r.add(Finding{Severity: Warning, Code: "memory-not-told", Host: host, Text: "NOT CHECKED whether its memory is enough: the host does not tell how much it has",
				Means: "the last VMs may not start", Remedy: "Get-VMHost on it, and mend what it says"})
		case known && need > free:
			r.add(Finding{Severity: Blocker, Code: "memory-short", Host: host, Text: fmt.Sprintf("the plan needs %s of memory, the host has %s", gib(need), gib(free)),
				Means: "the last VMs would not start", Remedy: "shut low-priority VMs down there, or give VMs of the plan policy: if_capacity"})
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
	f := Finding{Severity: Warning, Code: "no-drill", Text: "no test failover of this plan is on record", Means: "nobody knows that its VMs start there", Remedy: "lifeboat failover " + r.in.Plan + " --test"}
	switch d := r.look.Drill; {
	case d == nil:
	case !d.Passed:
		f.Code, f.Text = "drill-failed", "the last test failover did not pass: "+d.Run
		f.Remedy = "lifeboat journal report " + d.Run
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
				Means: "nobody knows that it starts there", Remedy: "lifeboat failover " + r.in.Plan + " --test; lifeboat drill coverage names all"})
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
		key := string(f.Severity) + f.Code + "\x00" + f.Host
		if i, ok := at[key]; ok && f.VM != "" {
			groups[i].More = append(groups[i].More, f.VM)
			continue
		}
		at[key] = len(groups)
		groups = append(groups, FindingGroup{Finding: f})
	}
	return groups
}
