package metrics

import (
	"errors"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// full has something for every name.
func full(now time.Time) []plans.ReadyReport {
	days := -1
	one := plans.ReadyReport{
		Plan: "one", From: "hq", To: "warehouse", Verdict: plans.ReadyNo, InTime: 1, Total: 2,
		Drill:    &plans.Drill{Ended: now.Add(-time.Hour), Passed: true, RTO: plans.Duration(time.Minute)},
		Findings: []plans.Finding{{Severity: plans.Blocker, Code: "rpo-missed", VM: "FS01"}, {Severity: plans.Blocker, Code: "rpo-missed", VM: "SQL01"}},
		VMs: []plans.ReadyVM{
			{Label: "SQL01", State: "Replicating", Health: "Warning", Behind: plans.Duration(90 * time.Second), Target: plans.Duration(time.Minute), Backlog: 42, Resync: true, TestVM: true},
			{Label: `a "b" \c`, State: "not seen", Behind: -1, Backlog: -1},
		},
		Hosts: []plans.ReadyHost{{
			Name: "H1", Site: "warehouse", Up: true, Read: now.Add(-5 * time.Second), CertificateDays: &days,
			Volume: &plans.VolumeView{Name: `D:\`, Size: 100, Free: 3},
		}},
	}
	two := plans.ReadyReport{Plan: "two", Verdict: plans.ReadyYes, Hosts: append(one.Hosts, plans.ReadyHost{Name: "H2", Site: "hq"})}
	return []plans.ReadyReport{one, two}
}

func serve(t *testing.T) *Server {
	t.Helper()
	s, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func scrape(t *testing.T, s *Server) string {
	t.Helper()
	r, err := http.Get(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	text, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v: %s", r.Status, err, text)
	}
	return string(text)
}

func TestAScrape(t *testing.T) {
	s := serve(t)
	if text := scrape(t, s); strings.Contains(text, "lifeboat_") || !strings.Contains(text, "go_goroutines") {
		t.Error("before there is an engine nothing is said of plans")
	}
	s.Show(full)
	text := scrape(t, s)
	for _, want := range []string{
		`lifeboat_plan_ready{plan="one"} 0`, `lifeboat_plan_ready{plan="two"} 1`,
		`lifeboat_plan_findings{plan="one",severity="blocker"} 1`,
		`lifeboat_vm_replication_health{plan="one",site="warehouse",vm="SQL01"} 2`,
		`lifeboat_vm_replication_state{plan="one",site="warehouse",state="Replicating",vm="SQL01"} 1`,
		`lifeboat_vm_replication_age_seconds{plan="one",site="warehouse",vm="SQL01"} 90`,
		`lifeboat_vm_replication_rpo_target_seconds{plan="one",site="warehouse",vm="SQL01"} 60`,
		`lifeboat_vm_replication_backlog_bytes{plan="one",site="warehouse",vm="SQL01"} 42`,
		`lifeboat_vm_replication_resync_required{plan="one",site="warehouse",vm="SQL01"} 1`,
		`lifeboat_vm_replication_resync_required{plan="one",site="warehouse",vm="a \"b\" \\c"} 0`,
		`lifeboat_test_vm_leftover{plan="one",site="warehouse",vm="SQL01"} 1`,
		`lifeboat_host_up{host="H1",site="warehouse"} 1`, `lifeboat_host_up{host="H2",site="hq"} 0`,
		`lifeboat_cert_expiry_seconds{host="H1",site="warehouse",use="replication"} -86400`,
		`lifeboat_volume_free_bytes{host="H1",site="warehouse",volume="D:\\"} 3`,
		`lifeboat_plan_last_drill_rto_seconds{plan="one"} 60`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(text, `age_seconds{plan="one",site="warehouse",vm="a`) {
		t.Error("an age is made up for a VM that is not seen")
	}
	for _, g := range gauges {
		if !strings.Contains(text, "\n"+g.name+"{") {
			t.Errorf("%s is never told", g.name)
		}
	}
}

func TestWhatTheSDKCounts(t *testing.T) {
	s := serve(t)
	h := s.Temporal().WithTags(map[string]string{"namespace": "lifeboat"})
	h.WithTags(map[string]string{"operation": "Poll-It"}).Counter("temporal_request").Inc(2)
	h.Counter("temporal_request").Inc(1) // other labels under one name
	h.Gauge("temporal_worker.slots").Update(7)
	for _, d := range []time.Duration{20 * time.Millisecond, 2 * time.Second} {
		h.Timer("temporal_request_latency").Record(d)
	}
	text := scrape(t, s)
	for _, want := range []string{
		`temporal_request_total{namespace="lifeboat",operation="Poll-It"} 2`, `temporal_request_total{namespace="lifeboat"} 1`,
		`temporal_worker_slots{namespace="lifeboat"} 7`,
		`temporal_request_latency_seconds_bucket{namespace="lifeboat",le="0.05"} 1`,
		`temporal_request_latency_seconds_bucket{namespace="lifeboat",le="5"} 2`,
		`temporal_request_latency_seconds_count{namespace="lifeboat"} 2`, `temporal_request_latency_seconds_sum{namespace="lifeboat"} 2.02`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

func TestWhatHostsCost(t *testing.T) {
	s := serve(t)
	s.ShowCost(cost)
	text := scrape(t, s)
	for _, want := range []string{
		`lifeboat_winrm_requests_total{host="H1",site="hq"} 9`, `lifeboat_winrm_calls_total{host="H1",site="hq"} 3`,
		`lifeboat_winrm_sessions_total{host="H1",site="hq"} 1`, `lifeboat_winrm_calls_total{host="H2",site="warehouse"} 4`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

func cost() []Cost {
	return []Cost{{Host: "H1", Site: "hq", Requests: 9, Calls: 3, Sessions: 1}, {Host: "H2", Site: "warehouse", Calls: 4}}
}

func TestWhatChannelsTell(t *testing.T) {
	s := serve(t)
	s.ShowChannels(channelsOf)
	text := scrape(t, s)
	for _, want := range []string{
		`lifeboat_alert_sent_total{channel="mail"} 7`, `lifeboat_alert_failed_total{channel="mail"} 2`, `lifeboat_alert_queue{channel="mail"} 3`,
		`lifeboat_alert_channel_failing{channel="mail"} 1`, `lifeboat_alert_channel_failing{channel="teams"} 0`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

func channelsOf() []Channel {
	return []Channel{{Name: "mail", Sent: 7, Failed: 2, Waiting: 3, Failing: true}, {Name: "teams"}}
}

func TestWhatCanariesTell(t *testing.T) {
	s := serve(t)
	s.ShowCanaries(canariesOf)
	text := scrape(t, s)
	for _, want := range []string{
		`lifeboat_canary_passed{canary="nightly"} 1`, `lifeboat_canary_skipped{canary="nightly"} 1`, `lifeboat_canary_failover_seconds{canary="nightly"} 60`,
		`lifeboat_canary_passed{canary="bad"} 0`, `lifeboat_canary_skipped{canary="new"} 0`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	age := regexp.MustCompile(`lifeboat_canary_last_pass_age_seconds\{canary="nightly"\} 36[45]\d`)
	if !age.MatchString(text) {
		t.Errorf("no age in\n%s", text)
	}
	for _, no := range []string{`passed{canary="new"}`, `age_seconds{canary="bad"}`, `failover_seconds{canary="bad"}`} {
		if strings.Contains(text, no) {
			t.Errorf("%s is made up", no)
		}
	}
	s.ShowCanaries(func() ([]plans.CanaryState, error) { return canariesWith(errors.New("no journal")) })
	if strings.Contains(scrape(t, s), "lifeboat_canary") {
		t.Error("told although nothing is known")
	}
}

func canariesOf() ([]plans.CanaryState, error) { return canariesWith(nil) }

func canariesWith(err error) ([]plans.CanaryState, error) {
	took := []plans.CanaryPart{{Name: plans.CanaryFailover, Took: plans.Duration(time.Minute)}}
	return []plans.CanaryState{
		{Canary: plans.Canary{Name: "nightly"}, Results: []plans.CanaryResult{
			{Verdict: plans.VerdictRefused, Skipped: true}, {Verdict: plans.VerdictDone, Ended: time.Now().Add(-3650 * time.Second), Parts: took},
		}},
		{Canary: plans.Canary{Name: "bad"}, Results: []plans.CanaryResult{{Verdict: plans.VerdictStopped}}},
		{Canary: plans.Canary{Name: "new"}},
	}, err
}

// Every name of ours on the dashboard is one that a scrape has; the SDK's are
// held against a running engine in testenv/e2e.
func TestTheDashboardKnowsNoOtherNames(t *testing.T) {
	board, err := os.ReadFile("../../docs/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t)
	s.Show(full)
	s.ShowCost(cost)
	s.ShowChannels(channelsOf)
	s.ShowCanaries(canariesOf)
	repairs := s.Temporal().WithTags(map[string]string{"host": "H1", "step": "resume"})
	repairs.Counter(activities.RepairsDone).Inc(1)
	repairs.Gauge(activities.RepairsWaiting).Update(1)
	ticks := s.Temporal().WithTags(activities.TickLabels(plans.ScheduleID{}))
	ticks.Timer(activities.TickLag).Record(time.Second)
	ticks.Timer(activities.TickTook).Record(time.Second)
	ticks.Counter(activities.TicksMissed).Inc(1)
	text := scrape(t, s)
	names := regexp.MustCompile(`lifeboat_[a-z_]+`).FindAllString(string(board), -1)
	if len(names) < len(gauges) {
		t.Errorf("%d names on the dashboard", len(names))
	}
	for _, name := range names {
		if !strings.Contains(text, "\n"+name+"{") {
			t.Errorf("the dashboard has %s, the scrape has not", name)
		}
	}
	for _, g := range gauges {
		if !strings.Contains(string(board), g.name) {
			t.Errorf("the dashboard does not show %s", g.name)
		}
	}
	ours := []string{counters[0].name, counters[1].name, counters[2].name, activities.TickLag, activities.TickTook, activities.TicksMissed, activities.RepairsDone, activities.RepairsWaiting}
	for _, one := range perChannel {
		ours = append(ours, one.name)
	}
	for _, one := range perCanary {
		ours = append(ours, one.name)
	}
	for _, name := range ours {
		if !strings.Contains(string(board), name) {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
}

func TestOnlyLoopback(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "192.0.2.1:0", "example.com:0", "9464"} {
		if s, err := Listen(address); err == nil {
			_ = s.Close()
			t.Errorf("%s is served", address)
		}
	}
	s := serve(t)
	request, _ := http.NewRequest(http.MethodGet, s.URL(), nil)
	request.Host = "evil.example:80"
	r, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	if r.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("by another name: %s", r.Status)
	}
}
