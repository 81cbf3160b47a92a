package main

import (
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

func certificatesOf(left time.Duration, unseen ...string) plans.CertificateReport {
	looks := []plans.CertificateLook{{
		Host: "NG-HV01-WITH-A-LONG-NAME", Clock: eight, Store: map[string]time.Time{"4835EAF9B9303873240B0455C13E6E9BA08924B3": eight.Add(left)}, Needed: true,
		Server: "4835EAF9B9303873240B0455C13E6E9BA08924B3", VMs: map[string]int{"4835EAF9B9303873240B0455C13E6E9BA08924B3": 10}, Connection: eight.AddDate(1, 0, 0),
	}}
	for _, name := range unseen {
		looks = append(looks, plans.CertificateLook{Host: name, Error: strings.Repeat("a long raw error ", 9)})
	}
	return plans.Certificates(looks, eight)
}

// The exit code and the words that matter, at each of the four limits (script A3).
func TestCertificatesEndWithTheirCode(t *testing.T) {
	const day = 24 * time.Hour
	for _, row := range []struct {
		report plans.CertificateReport
		hosts  int
		code   int
		words  []string
	}{
		{certificatesOf(61 * day), 1, exitOK, []string{"All have more than 60 days left.", "61 d", "replication, 10 VMs", "replica server", "WinRM"}},
		{certificatesOf(60 * day), 1, exitFinding, []string{"60 d !", "  ! NG-HV01-WITH", "order the new one now", "in this order"}},
		{certificatesOf(7 * day), 1, exitFinding, []string{"7 d !", "  x NG-HV01-WITH", "change it today"}},
		{certificatesOf(-day), 1, exitFinding, []string{"ENDED !", "since then 10 VMs cannot replicate", "change it now"}},
		{certificatesOf(99*day, "NG-HV02"), 2, exitUnknown, []string{"x NG-HV02: it does not answer", "Raw "}},
		{certificatesOf(9*day, "NG-HV02"), 2, exitFinding, []string{"change it this week"}},
		{plans.Certificates([]plans.CertificateLook{{Host: "NG-HV01"}}, eight), 1, exitOK, []string{"No certificate is used."}},
		{plans.Certificates([]plans.CertificateLook{{Host: "NG-HV01", Error: "no route"}}, eight), 1, exitNoAccess, []string{"it does not answer"}},
	} {
		text := said(t, func(o terminal) { showCertificates(o, row.report) })
		if code := exitCertificates(row.report, row.hosts); code != row.code {
			t.Errorf("exit %d, want %d:\n%s", code, row.code, text)
		}
		for _, word := range row.words {
			if !strings.Contains(strings.Join(strings.Fields(text), " "), strings.Join(strings.Fields(word), " ")) {
				t.Errorf("no %q in\n%s", word, text)
			}
		}
		for _, line := range strings.Split(text, "\n") {
			if len([]rune(line)) > width {
				t.Errorf("%d columns: %s", len([]rune(line)), line)
			}
		}
	}
}
