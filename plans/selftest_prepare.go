package plans

import (
	"fmt"
	"slices"
	"strings"
)

// SelfTestHost is what a host says before a self-test.
type SelfTestHost struct {
	Seen bool
	Why  string
	// Takes is true where it is a replica server; Auth is how.
	Takes           bool
	Auth            string
	KerberosPort    int
	CertificatePort int
	Thumbprint      string
	AnyServer       bool
	Entries         []string
	Windows         string
	// Marked are VMs that self-tests have left, Strays those that have only the
	// name of one.
	Marked, Strays []string
}

// ResolveSelfTest is a self-test on two hosts of the configuration.
func ResolveSelfTest(cfg *Config, a, b, name string, hours, clean bool, speed float64, by, reason string) (SelfTestSetup, error) {
	s := SelfTestSetup{Name: SelfTestPrefix + name, Hours: hours, Clean: clean, Speed: speed, By: by, Reason: reason}
	for _, side := range []struct {
		name  string
		party *SelfTestParty
	}{{a, &s.A}, {b, &s.B}} {
		i := slices.IndexFunc(cfg.Hosts, func(h Host) bool { return h.Name == side.name })
		if i < 0 {
			return SelfTestSetup{}, fmt.Errorf("the configuration has no host %q", side.name)
		}
		h := cfg.Hosts[i]
		*side.party = SelfTestParty{Host: h.Name, Site: h.Site, Replica: h.replicaName(), Thumbprint: h.CertificateThumbprint}
	}
	if a == b {
		return SelfTestSetup{}, fmt.Errorf("a self-test needs two hosts, not %s twice", a)
	}
	return s, nil
}

// Blocked says whether a finding stands against going on.
func Blocked(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Severity == Blocker })
}

// PrepareSelfTest takes what the hosts say into the setup, and says what stands
// against it.
func PrepareSelfTest(s SelfTestSetup, said map[SelfTestSide]SelfTestHost) (SelfTestSetup, []Finding) {
	var found []Finding
	block := func(code, remedy, format string, args ...any) {
		found = append(found, Finding{Severity: Blocker, Code: code, Text: fmt.Sprintf(format, args...), Remedy: remedy})
	}
	auth := commonAuth(s, said)
	for _, side := range []struct {
		party *SelfTestParty
		said  SelfTestHost
	}{{&s.A, said[SelfTestA]}, {&s.B, said[SelfTestB]}} {
		p, h := side.party, side.said
		p.AnyServer, p.Entries, p.Windows, p.Auth, p.Port = h.AnyServer, h.Entries, h.Windows, auth, h.KerberosPort
		if auth == "Certificate" {
			p.Port, p.Thumbprint = h.CertificatePort, orWord(p.Thumbprint, h.Thumbprint)
		}
		switch {
		case !h.Seen:
			block("self-test-host", "lifeboat check says what keeps it", "%s does not answer: %s", p.Host, h.Why)
		case s.Clean:
		case !h.Takes:
			block("self-test-server", "turn it on there: Set-VMReplicationServer", "%s is no replica server", p.Host)
		case auth == "" && said[SelfTestA].Seen && said[SelfTestB].Seen:
			block("self-test-auth", "let both take Kerberos, or both certificates with a thumbprint each", "the two hosts take no common authentication: %s takes %s", p.Host, h.Auth)
		}
		left := slices.Clone(h.Marked)
		for _, name := range h.Marked {
			if s.Canary != "" && IsCanaryVM(s.Canary, name) {
				found = append(found, Finding{Severity: Warning, Code: "canary-left", Text: fmt.Sprintf("%s has %s of an earlier night, or of one under way", p.Host, name), Means: "it is removed first"})
				left = slices.DeleteFunc(left, func(one string) bool { return one == name })
			}
		}
		if !s.Clean && len(left) > 0 {
			block("self-test-left", cleanCommand(s), "%s has what an earlier self-test or canary has left, or one under way: %s", p.Host, strings.Join(left, ", "))
		}
		for _, stray := range h.Strays {
			found = append(found, Finding{Severity: Warning, Code: "self-test-stray", Text: fmt.Sprintf("%s has a VM %s without the mark of a self-test", p.Host, stray),
				Means: "it is left alone", Remedy: "look at it, and remove it yourself if it is nobody's"})
		}
	}
	return s, found
}

// cleanCommand removes whatever bears a mark on both hosts.
func cleanCommand(s SelfTestSetup) string {
	return fmt.Sprintf("lifeboat selftest --hosts %s,%s --clean removes them", s.A.Host, s.B.Host)
}

// commonAuth is how both can replicate to one another, certificates first; "" for
// not at all.
func commonAuth(s SelfTestSetup, said map[SelfTestSide]SelfTestHost) string {
	a, b := said[SelfTestA], said[SelfTestB]
	take := func(auth string) bool { return strings.Contains(a.Auth, auth) && strings.Contains(b.Auth, auth) }
	switch {
	case take("Certificate") && orWord(s.A.Thumbprint, a.Thumbprint) != "" && orWord(s.B.Thumbprint, b.Thumbprint) != "":
		return "Certificate"
	case take("Kerberos"):
		return "Kerberos"
	}
	return ""
}
