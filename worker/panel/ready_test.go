package panel

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

func readyReport(plan string, v plans.ReadyVerdict) plans.ReadyReport {
	days := 20
	r := plans.ReadyReport{
		Plan: plan, From: "hq", To: "warehouse", Verdict: v, Why: "all 3 VMs in time", At: at(0), Seen: at(-20 * time.Second), InTime: 3, Total: 3,
		Estimate: plans.Duration(65 * time.Minute), Speed: 1, Drill: &plans.Drill{Ended: at(-41 * 24 * time.Hour), Passed: true},
		Hosts: []plans.ReadyHost{
			{Name: "NG-HV01", Site: "hq", Up: true, Read: at(-20 * time.Second), CertificateDays: &days},
			{Name: "NG-HV02", Site: "warehouse", Up: true, Read: at(-10 * time.Second), Volume: &plans.VolumeView{Name: `D:\`, Size: 6000 << 30, Free: 180 << 30}},
		},
		LeftOut: []plans.LeftOut{{VM: "NG-RDS02", Why: "if_capacity: it does not fit"}},
	}
	for _, name := range []string{"NG-DC01", "NG-SQL01", "NG-FS01"} {
		r.VMs = append(r.VMs, plans.ReadyVM{Label: name, State: "Replicating", Health: "Normal", LastGood: at(-time.Minute), Behind: plans.Duration(time.Minute),
			Target: plans.Duration(15 * time.Minute), Backlog: 2 << 20, InTime: true})
	}
	return r
}

func late() plans.ReadyReport {
	r := readyReport("northgate-site-loss", plans.ReadyNo)
	r.InTime, r.Why = 2, "1 thing to fix: NG-FS01: its last good copy is 34m old (target 15m)"
	r.VMs[2].Behind, r.VMs[2].Backlog, r.VMs[2].InTime, r.VMs[2].LastGood = plans.Duration(34*time.Minute), 11<<30, false, at(-34*time.Minute)
	r.Findings = []plans.Finding{
		{Severity: plans.Blocker, Code: "rpo-missed", VM: "NG-FS01", Text: "its last good copy is 34m old (target 15m)", Means: "you would lose what was written after 13:26", Remedy: "nothing if it is catching up"},
		{Severity: plans.Warning, Code: "certificate-ends", Host: "NG-HV01", Text: "its replication certificate ends in 20 days", Means: "from then on nothing is replicated", Remedy: "a new one on both hosts"},
	}
	return r
}

func unseen() plans.ReadyReport {
	r := readyReport("brightwater", plans.ReadyUnknown)
	r.Stale = []string{"I have not read NG-HV02 since 25 Nov 06:12:00 UTC. What is said of it below is old."}
	r.Why = r.Stale[0]
	r.Hosts[1].Up, r.Hosts[1].Error, r.Hosts[1].Read = false, "no route to host", time.Time{}
	r.VMs[0].Behind, r.VMs[0].LastGood, r.VMs[0].Backlog, r.VMs[0].InTime = -1, time.Time{}, -1, false
	return r
}

func nastyReady() plans.ReadyReport {
	r := late()
	r.Plan, r.From, r.To, r.Why, r.Stale = hostile, hostile, hostile, hostile, []string{hostile}
	r.Findings[0] = plans.Finding{Severity: plans.Blocker, VM: hostile, Host: hostile, Text: hostile, Means: hostile, Remedy: hostile}
	r.VMs[0].Label, r.VMs[0].State = hostile, hostile
	r.Hosts[0] = plans.ReadyHost{Name: hostile, Site: hostile, Error: hostile, Volume: &plans.VolumeView{Name: hostile, Size: 2, Free: 1}}
	r.LeftOut[0] = plans.LeftOut{VM: hostile, Why: hostile}
	return r
}

// loose is what no plan holds.
func loose() plans.ReadyReport {
	r := readyReport("", plans.ReadyNo)
	r.From, r.To, r.Why, r.Drill, r.Estimate = "", "", "1 thing to fix: APP1: its replication is paused", nil, 0
	r.Findings = []plans.Finding{{Severity: plans.Blocker, Code: "replication-paused", VM: "APP1", Text: "its replication is paused", Means: "x", Remedy: "y"}}
	r.VMs[0].ExtendedBehind = plans.Duration(6 * time.Hour)
	return r
}

func readyPages() map[string]ReadyPage {
	all := []plans.ReadyReport{late(), unseen(), readyReport("print-shop", plans.ReadyYes)}
	var many []plans.ReadyReport
	for i := range 4 {
		many = append(many, late())
		many[i].Plan = fmt.Sprintf("late-%d", i)
	}
	for i := range 9 {
		many = append(many, readyReport(fmt.Sprintf("good-%d", i), plans.ReadyYes))
	}
	return map[string]ReadyPage{
		"ready":        {Plans: all, Now: at(0)},
		"ready-green":  {Plans: all[2:], Now: at(0)},
		"ready-loose":  {Plans: []plans.ReadyReport{loose()}, Now: at(0)},
		"ready-nasty":  {Plans: []plans.ReadyReport{nastyReady()}, Now: at(0)},
		"ready-none":   {Problem: "the engine is starting", Now: at(0)},
		"banner":       {Plans: all, Banner: true, Now: at(0)},
		"banner-green": {Plans: all[2:], Banner: true, Now: at(0)},
		"banner-many":  {Plans: many, Banner: true, Now: at(0)},
		"banner-nasty": {Plans: []plans.ReadyReport{nastyReady()}, Banner: true, Now: at(0)},
		"banner-none":  {Banner: true, Now: at(0)},
	}
}

func renderReady(t *testing.T, p ReadyPage) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.Render(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	from, to := strings.Index(text, "<main>"), strings.Index(text, "</main>")
	if from < 0 || to < from {
		t.Fatalf("no <main> in %s", text)
	}
	return text[from:to] + "</main>\n"
}

func TestReadyPages(t *testing.T) {
	for name, p := range readyPages() {
		t.Run(name, func(t *testing.T) {
			got, file := renderReady(t, p), filepath.Join("testdata", name+".html")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("differs from %s (look, then -update):\n%s", file, got)
			}
		})
	}
}

// What must be there in words, whatever the golden files say.
func TestReadyPagesSayWhatMatters(t *testing.T) {
	for name, words := range map[string][]string{
		"ready":        {"NOT READY", "On the day:", "you would lose", "34m", "11.0 GB", "20 days left", "I have not read NG-HV02 since", "UNKNOWN", "no route to host", "left out", "READY</span>"},
		"ready-none":   {"the engine is starting"},
		"banner":       {"NOT READY", "UNKNOWN", "read 20s ago", `href="ready"`, "print-shop"},
		"banner-green": {">READY<", "all 3 VMs in time"},
		"banner-many":  {"8 more plans: 8 ready."},
		"banner-none":  {"the configuration has no plan"},
	} {
		text := renderReady(t, readyPages()[name])
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("%s lacks %q", name, w)
			}
		}
	}
	// The banner is 240 pixels high at most.
	if n := strings.Count(renderReady(t, readyPages()["banner-many"]), `<p class="line`); n > mostLines {
		t.Errorf("%d lines", n)
	}
}

func TestHostileReadinessStaysText(t *testing.T) {
	for _, name := range []string{"ready-nasty", "banner-nasty"} {
		text := renderReady(t, readyPages()[name])
		for _, bad := range []string{"<script", "<img", "</style", "\u202e", `="x onerror`} {
			if strings.Contains(text, bad) {
				t.Errorf("%s holds %q", name, bad)
			}
		}
		if !strings.Contains(text, "&lt;script&gt;") {
			t.Errorf("%s lost the text", name)
		}
	}
}

// The pages stand beside that of the runs: the same token, the same rules.
func TestReadinessIsServed(t *testing.T) {
	s, err := Listen(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	get := func(url string) (int, string, http.Header) {
		r, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Body.Close() }()
		text, _ := io.ReadAll(r.Body)
		return r.StatusCode, string(text), r.Header
	}
	if _, text, _ := get(s.ReadyURL()); !strings.Contains(text, "the engine is starting") {
		t.Error("before there is an engine the page says so")
	}
	asked := 0
	s.ShowReady(func(time.Time) []plans.ReadyReport { asked++; return []plans.ReadyReport{late()} })
	for _, url := range []string{s.ReadyURL(), s.BannerURL()} {
		code, text, header := get(url)
		if code != http.StatusOK || !strings.Contains(text, "NOT READY") || !strings.Contains(header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %d, %v", url, code, header)
		}
	}
	if asked != 1 {
		t.Errorf("two that look at once make %d judgements", asked)
	}
	for _, path := range []string{"other", "ready/more"} {
		if code, _, _ := get(s.URL() + path); code != http.StatusNotFound {
			t.Errorf("%s: %d", path, code)
		}
	}
	if code, _, _ := get(strings.Replace(s.ReadyURL(), s.token, strings.Repeat("0", len(s.token)), 1)); code != http.StatusNotFound {
		t.Errorf("with a wrong token: %d", code)
	}
}
