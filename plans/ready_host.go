package plans

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

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
	case r.left(v.Name):
		f.Means = "its VMs run at " + r.in.To + " already: nothing of them is lost with it; its old copies must not start"
		f.Remedy = "lifeboat decide " + ShellWord(r.in.Plan) + " says what comes next, lifeboat fence " + ShellWord(r.in.Plan) + " what keeps the old copies off"
	case r.livedOn(v.Name) != "":
		f.Text += ", and its VMs went on sending: " + r.livedOn(v.Name)
		f.Means = "it lived then: rather the way from here to it is gone (an address that changed, a firewall) than the site"
		f.Remedy = "compare its address: in the configuration with where it is now; lifeboat decide " + ShellWord(r.in.Plan) + " asks every witness"
	default:
		f.Means = "this may be the day, or only the line: while the copies at " + r.in.To + " grow older, nothing arrives there"
		f.Remedy = "lifeboat decide " + ShellWord(r.in.Plan) + " asks every witness"
	}
	r.add(f)
	if read.IsZero() {
		r.out.Stale = append(r.out.Stale, fmt.Sprintf("I cannot read %s. Nothing below is from it.", v.Name))
		return
	}
	r.out.Stale = append(r.out.Stale, fmt.Sprintf("I have not read %s since %s. What is said of it below is old.", v.Name, clock(read)))
}

// left is true for a host whose VMs all run at the target already.
func (r *ready) left(host string) bool {
	some := false
	for _, vm := range r.in.VMs() {
		if vm.SourceHost != host {
			continue
		}
		t := r.pair(vm.ID).Target
		if family := familyOf(Classify(t)); !runs(t) || family != famPrimary && family != famFailed {
			return false
		}
		some = true
	}
	return some
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
		if vm.SourceHost != host || !r.view(vm.TargetHost).Reached || familyOf(Classify(t)) != famReplica || t.LastReplication.IsZero() {
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
