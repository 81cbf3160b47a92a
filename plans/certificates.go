package plans

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// CertificateLook is what one host says of the certificates that replication with
// it and Lifeboat's own connection rest on.
type CertificateLook struct {
	Host, Site string
	// Error is why the host could not be read, "" when it was.
	Error string
	// Clock is the host's own: the ends of what lies in Store, its certificates by
	// thumbprint, are compared with it.
	Clock time.Time
	Store map[string]time.Time
	// StoreError is why it does not tell its store.
	StoreError string
	// Named is what the configuration names, where a group of certificates needs
	// this host; Needed is true there.
	Named  string
	Needed bool
	// Server is the replica server's, "" where it takes no certificates.
	Server string
	// VMs are how many replication relationships use a certificate, by thumbprint.
	VMs map[string]int
	// Connection is when the certificate of WinRM over HTTPS ends, zero where it
	// uses none or was not seen.
	Connection time.Time
}

// CertificateLookOf is what the configuration says of a host's certificates.
func CertificateLookOf(cfg *Config, host *Host) CertificateLook {
	l := CertificateLook{Host: host.Name, Site: host.Site, Named: host.CertificateThumbprint}
	for _, g := range cfg.Groups {
		if g.Authentication != "certificate" {
			continue
		}
		l.Needed = l.Needed || g.From == host.Name || g.To == host.Name || g.Extends != nil && g.Extends.To == host.Name
	}
	if !l.Needed {
		l.Named = ""
	}
	return l
}

// CertificateUse is what a certificate is for.
type CertificateUse string

// What certificates are for.
const (
	ForReplication   CertificateUse = "replication"    // of VMs, as they were enabled
	ForReplicaServer CertificateUse = "replica-server" // the listener of the other hosts' replication
	ForConnection    CertificateUse = "winrm"          // Lifeboat's own way to the host
	ForNothing       CertificateUse = "configured"     // named in the configuration, used by nothing
)

// CertificateRow is one certificate in one use.
type CertificateRow struct {
	Host       string         `json:"host"`
	Site       string         `json:"site"`
	Use        CertificateUse `json:"use"`
	Thumbprint string         `json:"thumbprint,omitempty"`
	// VMs replicate with it here.
	VMs int `json:"vms,omitempty"`
	// Ends is zero for one that is not in the host's store; Days is what it has
	// left, below zero when it has ended, nil without an end.
	Ends time.Time `json:"ends,omitzero"`
	Days *int      `json:"days,omitempty"`
}

// CertificateReport is when certificates end, and what that means.
type CertificateReport struct {
	At       time.Time        `json:"at"`
	Rows     []CertificateRow `json:"certificates"`
	Findings []Finding        `json:"findings,omitempty"`
	// Unseen are the hosts of which nothing is known.
	Unseen []string `json:"unseen,omitempty"`
	// Roll is how certificates are changed, in order.
	Roll []string `json:"roll,omitempty"`
}

// roll is the order in which a certificate is changed so that replication goes on:
// both stores first, then who receives, then who sends.
//
// Microsoft: Set-VMReplicationServer -CertificateThumbprint, Set-VMReplication
// -CertificateThumbprint.
var roll = []string{
	"a new certificate with its key in Cert:\\LocalMachine\\My of every host, clusters' nodes too, and its authority trusted by the others",
	"Set-VMReplicationServer -CertificateThumbprint NEW on every host that receives (at a cluster: its broker)",
	"Set-VMReplication -CertificateThumbprint NEW for each VM, on its primary and on its replica",
	"certificate_thumbprint in the configuration, then lifeboat cert status again",
	"remove the old one after a week",
}

// Certificates says of every host's certificates when they end. A certificate with
// 60 days left is a warning, one with a week a blocker, as in Ready.
func Certificates(looks []CertificateLook, now time.Time) CertificateReport {
	out := CertificateReport{At: now}
	for _, l := range looks {
		if l.Error != "" {
			out.Unseen = append(out.Unseen, l.Host)
			out.add(Finding{Severity: Blocker, Code: "host-unreachable", Host: l.Host, Text: "it does not answer", Raw: l.Error,
				Means: "when its certificates end is not known", Remedy: "lifeboat check says where it stops and what to do"})
		}
		if l.Error == "" {
			out.replication(l)
		}
		out.connection(l, now)
	}
	SortFindings(out.Findings)
	if slices.ContainsFunc(out.Findings, func(f Finding) bool {
		return strings.HasPrefix(f.Code, "certificate-") && f.Code != "certificate-connection"
	}) {
		out.Roll = roll
	}
	return out
}

func (r *CertificateReport) add(f ...Finding) { r.Findings = append(r.Findings, f...) }

// connection judges WinRM's by this machine's clock, as the handshake does.
func (r *CertificateReport) connection(l CertificateLook, now time.Time) {
	if l.Connection.IsZero() {
		return
	}
	r.Rows = append(r.Rows, CertificateRow{Host: l.Host, Site: l.Site, Use: ForConnection, Ends: l.Connection, Days: daysLeft(l.Connection, now)})
	if f := endOfCertificate("its WinRM certificate", l.Connection, now); f != nil {
		f.Code, f.Host = "certificate-connection", l.Host
		f.Means = "from then on Lifeboat cannot read this host nor act on it"
		if f.Severity == Blocker && !l.Connection.After(now) {
			f.Means = "Lifeboat cannot read this host nor act on it, in a failover neither"
		}
		f.Remedy = "a new certificate for its HTTPS listener: winrm enumerate winrm/config/listener"
		r.add(*f)
	}
}

// replication judges the certificates that VMs and the replica server use, and the
// one that the configuration names: a change that stopped half way shows in that.
func (r *CertificateReport) replication(l CertificateLook) {
	if l.StoreError != "" {
		r.add(Finding{Severity: Warning, Code: "not-told", Host: l.Host, Text: "it does not tell its certificates: " + l.StoreError,
			Means: "when they end is not known", Remedy: "Get-ChildItem Cert:\\LocalMachine\\My on the host, and mend what it says"})
		return
	}
	users := map[string]int{}
	for thumbprint, n := range l.VMs {
		users[bare(thumbprint)] += n
	}
	server, named := bare(l.Server), bare(l.Named)
	if l.Needed && named == "" && server == "" {
		f := unnamedCertificate()
		f.Host, f.Remedy = l.Host, "write certificate_thumbprint for it: "+strings.Join(thumbprints(l.Store), ", ")
		r.add(f)
	}
	all := append(thumbprints(users), server, named)
	for i, thumbprint := range all {
		if thumbprint == "" || slices.Contains(all[:i], thumbprint) {
			continue
		}
		ends := certificateEnd(l.Store, thumbprint)
		row := CertificateRow{Host: l.Host, Site: l.Site, Thumbprint: thumbprint, Ends: ends, Days: daysLeft(ends, l.Clock)}
		if n := users[thumbprint]; n > 0 {
			row.Use, row.VMs = ForReplication, n
			r.Rows = append(r.Rows, row)
		}
		if row.VMs = 0; thumbprint == server {
			row.Use = ForReplicaServer
			r.Rows = append(r.Rows, row)
		}
		if row.Use == "" {
			row.Use = ForNothing
			r.Rows = append(r.Rows, row)
		}
		r.judge(l, thumbprint, ends, users[thumbprint])
	}
	if named != "" && server != "" && named != server {
		r.add(Finding{Severity: Warning, Code: "certificate-differs", Host: l.Host, Text: fmt.Sprintf("its replica server uses %s, the configuration names %s", cutThumbprint(server), cutThumbprint(named)),
			Means: "a change of certificates may have stopped half way; reverse replication uses the one of the configuration", Remedy: "finish the change, or mend certificate_thumbprint"})
	}
}

// judge says what the end of one certificate means for how many VMs.
func (r *CertificateReport) judge(l CertificateLook, thumbprint string, ends time.Time, vms int) {
	f := missingCertificate(thumbprint)
	if !ends.IsZero() {
		f = endOfCertificate("its replication certificate "+cutThumbprint(thumbprint), ends, l.Clock)
	}
	if f == nil {
		return
	}
	f.Host = l.Host
	if f.Code != "certificate-missing" {
		f.Remedy = rollBy(ends.Sub(l.Clock))
	}
	switch {
	case vms > 0 && f.Code == "certificate-ends":
		f.Means = fmt.Sprintf("from then on %s with it: what is written after that would be lost", can(vms))
	case vms > 0 && f.Code == "certificate-expired":
		f.Means = fmt.Sprintf("since then %s with it: what was written after that would be lost", can(vms))
	}
	r.add(*f)
}

func can(vms int) string {
	if vms == 1 {
		return "1 VM cannot replicate"
	}
	return fmt.Sprintf("%d VMs cannot replicate", vms)
}

// rollBy says how soon a certificate has to be changed.
func rollBy(left time.Duration) string {
	switch day := 24 * time.Hour; {
	case left <= 0:
		return "change it now, in the order below; then Resume-VMReplication for VMs in error"
	case left <= certificateLate:
		return "change it today, in the order below: plans count as not ready from a week before its end"
	case left <= 14*day:
		return "change it this week, in the order below"
	case left <= 30*day:
		return "set a day for the change in the next two weeks, in the order below"
	}
	return "order the new one now and set a day for the change, in the order below"
}

// unnamedCertificate is for a host of which nobody says which certificate it uses.
func unnamedCertificate() Finding {
	return Finding{Severity: Warning, Code: "certificate-unnamed", Text: "its replication uses certificates, and the configuration names none for it",
		Means: "when it ends, and whether reverse replication would find one, is not known"}
}

// missingCertificate is one that is used or named and not in the host's store.
func missingCertificate(thumbprint string) *Finding {
	return &Finding{Severity: Blocker, Code: "certificate-missing", Text: "its replication certificate " + cutThumbprint(thumbprint) + " is not in its store",
		Means: "replication to and from it stops, and reverse replication is refused", Remedy: "import it with its key (Cert:\\LocalMachine\\My), or mend certificate_thumbprint"}
}

// endOfCertificate says that a certificate has ended or soon will, nil while it
// has more than 60 days. which is how the sentence calls it.
func endOfCertificate(which string, ends, clockNow time.Time) *Finding {
	left := ends.Sub(clockNow)
	f := &Finding{Severity: Blocker, Remedy: "a new certificate on both hosts: Set-VMReplicationServer, then Set-VMReplication for each VM, both ways"}
	switch {
	case left <= 0:
		f.Code, f.Text = "certificate-expired", which+" ended "+clock(ends)
		f.Means = "nothing is replicated since, so everything since would be lost"
	case left <= certificateSoon:
		f.Code, f.Text = "certificate-ends", fmt.Sprintf("%s ends in %s, %s", which, inDays(left), clock(ends))
		f.Means = "from then on nothing is replicated"
		if left > certificateLate {
			f.Severity = Warning
		}
	default:
		return nil
	}
	return f
}

// inDays is a time ahead in whole days, and in hours on the last one.
func inDays(left time.Duration) string {
	switch days := int(left / (24 * time.Hour)); days {
	case 0:
		return forPeople(left)
	case 1:
		return "1 day"
	default:
		return fmt.Sprintf("%d days", days)
	}
}

// daysLeft is below zero once the end has passed, nil without an end.
func daysLeft(ends, now time.Time) *int {
	if ends.IsZero() {
		return nil
	}
	left := ends.Sub(now)
	days := int(left / (24 * time.Hour))
	if left <= 0 {
		days = min(days, -1)
	}
	return &days
}

// certificateEnd is when a certificate of a store ends, zero for one that is not there.
func certificateEnd(store map[string]time.Time, thumbprint string) time.Time {
	for have, at := range store {
		if bare(have) == bare(thumbprint) {
			return at
		}
	}
	return time.Time{}
}

// bare is a thumbprint as all are compared: people copy them with spaces.
func bare(thumbprint string) string { return strings.ToUpper(strings.ReplaceAll(thumbprint, " ", "")) }

func thumbprints[V any](of map[string]V) []string {
	var out []string
	for t := range of {
		out = append(out, t)
	}
	slices.Sort(out)
	return out
}
