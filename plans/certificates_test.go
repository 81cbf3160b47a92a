package plans

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// certified is a host whose VMs, replica server and configuration use one
// certificate with so much left.
func certified(left time.Duration) CertificateLook {
	return CertificateLook{
		Host: "NG-HV01", Site: "hq", Clock: noon, Store: map[string]time.Time{"ab cd": noon.Add(left)}, Needed: true, Named: "AB CD", Server: "abcd",
		VMs: map[string]int{"ABCD": 10}, Connection: noon.AddDate(1, 0, 0),
	}
}

// The words and the weight of an end at 60, 30, 14 and 7 days, on the last day and
// after it (script A3).
func TestHowSoonACertificateEndsIsSaid(t *testing.T) {
	const day = 24 * time.Hour
	for _, row := range []struct {
		left     time.Duration
		severity Severity
		days     int
		words    []string
	}{
		{61 * day, "", 61, nil},
		{60 * day, Warning, 60, []string{"ends in 60 days", "10 VMs cannot replicate", "order the new one now"}},
		{31 * day, Warning, 31, []string{"order the new one now"}},
		{30 * day, Warning, 30, []string{"ends in 30 days", "in the next two weeks"}},
		{20 * day, Warning, 20, []string{"ends in 20 days", "in the next two weeks"}},
		{14 * day, Warning, 14, []string{"change it this week"}},
		{7*day + time.Hour, Warning, 7, []string{"change it this week"}},
		{7 * day, Blocker, 7, []string{"ends in 7 days", "change it today"}},
		{30 * time.Hour, Blocker, 1, []string{"ends in 1 day"}},
		{5 * time.Hour, Blocker, 0, []string{"ends in 5h"}},
		{0, Blocker, -1, []string{"ended", "since then 10 VMs cannot replicate", "change it now"}},
		{-40 * day, Blocker, -40, []string{"ended", "what was written after that would be lost"}},
	} {
		r := Certificates([]CertificateLook{certified(row.left)}, noon)
		if len(r.Rows) != 3 || r.Rows[0].Use != ForReplication || r.Rows[0].VMs != 10 || r.Rows[1].Use != ForReplicaServer || *r.Rows[0].Days != row.days {
			t.Fatalf("%s: rows %+v", row.left, r.Rows)
		}
		if row.severity == "" {
			if len(r.Findings) != 0 || len(r.Roll) != 0 {
				t.Errorf("%s: %+v", row.left, r.Findings)
			}
			continue
		}
		if len(r.Findings) != 1 || r.Findings[0].Severity != row.severity || len(r.Roll) == 0 {
			t.Errorf("%s: %+v", row.left, r.Findings)
			continue
		}
		f := r.Findings[0]
		for _, word := range row.words {
			if !strings.Contains(f.Text+" "+f.Means+" "+f.Remedy, word) {
				t.Errorf("%s: no %q in %+v", row.left, word, f)
			}
		}
		// What readiness says of the same certificate has the same weight.
		l := healthy()
		l.Stores[0].Certificates["abng-hv01"] = noon.Add(row.left)
		ready := Ready(l)
		if i := slices.IndexFunc(ready.Findings, func(g Finding) bool { return g.Code == f.Code }); i < 0 || ready.Findings[i].Severity != f.Severity {
			t.Errorf("%s: readiness says %+v, not %s", row.left, ready.Findings, f.Code)
		}
	}
}

func TestWhatElseIsWrongWithCertificates(t *testing.T) {
	for _, row := range []struct {
		code  string
		what  string
		spoil func(l *CertificateLook)
	}{
		{"certificate-missing", "is not in its store", func(l *CertificateLook) { l.Store = nil }},
		{"certificate-missing", "is not in its store", func(l *CertificateLook) { l.Named = "EF" }},
		{"certificate-differs", "half way", func(l *CertificateLook) { l.Named = "EF"; l.Store["EF"] = noon.AddDate(1, 0, 0) }},
		{"certificate-unnamed", "ab cd", func(l *CertificateLook) { l.Named, l.Server = "", "" }},
		{"certificate-connection", "WinRM", func(l *CertificateLook) { l.Connection = noon.AddDate(0, 0, 20) }},
		{"certificate-connection", "in a failover neither", func(l *CertificateLook) { l.Connection, l.Error = noon.AddDate(0, 0, -1), "x509" }},
		{"not-told", "does not tell", func(l *CertificateLook) { l.StoreError = "refused" }},
		{"host-unreachable", "not known", func(l *CertificateLook) { l.Error = "no route" }},
	} {
		l := certified(365 * 24 * time.Hour)
		row.spoil(&l)
		r := Certificates([]CertificateLook{l}, noon)
		i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Code == row.code })
		if i < 0 {
			t.Errorf("%s: %+v", row.code, r.Findings)
			continue
		}
		f := r.Findings[i]
		if f.Host != "NG-HV01" || f.Means == "" || f.Remedy == "" || !strings.Contains(f.Text+f.Means+f.Remedy, row.what) {
			t.Errorf("%s says too little: %+v", row.code, f)
		}
	}
	// A host that no group of certificates needs has none to judge but its WinRM's.
	cfg := &Config{Groups: []ProtectionGroup{{From: "A", To: "B", Authentication: "kerberos"}, {From: "C", To: "D", Authentication: "certificate", Extends: &Extension{To: "E"}}}}
	for name, needed := range map[string]bool{"A": false, "C": true, "D": true, "E": true} {
		if l := CertificateLookOf(cfg, &Host{Name: name, CertificateThumbprint: "AB"}); l.Needed != needed || (l.Named != "") != needed {
			t.Errorf("%s: %+v", name, l)
		}
	}
}
