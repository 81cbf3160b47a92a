package plans

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// alertPolicy is one with quiet hours and people.
func alertPolicy(t *testing.T) AlertPolicy {
	t.Helper()
	cfg := &Config{
		Plans: []RecoveryPlan{{Name: "a", Roles: []Role{{Name: "owner", Who: "Dana"}}}},
		Alerts: &Alerts{
			To: []string{"mail", "acme"}, Timezone: "Europe/London", Quiet: &QuietHours{From: "22:00", To: "06:30"},
			Channels: []Channel{{Name: "mail", Mail: &MailChannel{}}, {Name: "push", Ntfy: &HookChannel{}}, {Name: "acme", Plans: []string{"b"}, Webhook: &HookChannel{}}},
			People:   []Person{{Name: "Dana", Channels: []string{"push", "mail"}, Mail: "dana@x.example"}},
		},
	}
	setAlertDefaults(cfg.Alerts)
	return AlertPolicyOf(cfg, 1)
}

// script is a desk that sees one thing every minute.
type script struct {
	p    AlertPolicy
	desk AlertDesk
	now  time.Time
}

func (s *script) minutes(n int, problems ...Problem) {
	for range n {
		s.now = s.now.Add(time.Minute)
		s.desk.Step(s.p, AlertLook{Watched: []Watched{{Key: "plan/a", Plan: "a", Title: "a: NOT READY", Well: "a: READY again", Problems: problems, After: s.p.After, WellAfter: s.p.Well}}}, s.now)
	}
}

// deliver sends what is due and says what arrived.
func (s *script) deliver() (kinds string) {
	for range 10 {
		for _, parcel := range s.desk.Due(s.p, nil, s.now) {
			kinds += " " + string(parcel.Message.Kind)
			s.desk.Delivered(parcel.Message.ID, parcel.Target, s.now)
		}
	}
	return strings.TrimSpace(kinds)
}

func (s *script) wants(t *testing.T, what, want string) {
	t.Helper()
	if got := s.deliver(); got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestAlertsOnTransitionDailyAndRecoveryOnce(t *testing.T) {
	s := &script{p: alertPolicy(t), now: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)}
	full, line := Problem{Key: "full", What: "HV02: the volume is full"}, Problem{Key: "line", What: "HV01: it does not answer", Urgent: true}
	s.minutes(5, full)
	s.wants(t, "not yet", "")
	s.minutes(1, full)
	s.wants(t, "after five minutes", "problem")
	if text := s.desk.Told[0].Text(s.p, s.now); !strings.Contains(text, "  Since       09:01:00 GMT\n") {
		t.Errorf("since when:\n%s", text)
	}
	s.minutes(30, full)
	s.wants(t, "the same is not told again", "")
	s.minutes(3)
	s.minutes(20, full)
	s.wants(t, "a short break is none", "")
	s.minutes(20, full, Problem{Key: "cert", What: "HV02: its certificate ends"})
	s.wants(t, "an addition, gathered", "more")
	s.minutes(6, full, line)
	s.wants(t, "what is urgent is not gathered", "more")
	s.minutes(24*60-1, full, line)
	s.wants(t, "not a day yet", "")
	s.minutes(1, full, line)
	s.wants(t, "a day later", "repeat")
	s.minutes(5)
	s.wants(t, "not well for long enough", "")
	s.minutes(60)
	s.wants(t, "well, once", "well")
	if len(s.desk.Open) != 0 {
		t.Errorf("still open: %+v", s.desk.Open)
	}
}

func TestQuietHoursHoldAndDoNotDrop(t *testing.T) {
	s := &script{p: alertPolicy(t), now: time.Date(2026, 1, 5, 23, 0, 0, 0, time.UTC)}
	full := Problem{Key: "full", What: "HV02: the volume is full"}
	s.minutes(120, full)
	s.minutes(120)
	s.wants(t, "at 03:00", "")
	if v := s.desk.View(s.p, s.now); v.Channels[0].Waiting != 2 || v.Channels[0].Held != 2 || v.QuietUntil.Format("15:04 MST") != "06:30 GMT" {
		t.Errorf("%+v", v)
	}
	s.minutes(209)
	s.wants(t, "at 06:29", "")
	s.minutes(1)
	s.wants(t, "at 06:30", "problem well")
	text := s.desk.Told[0].Text(s.p, s.now)
	if !strings.Contains(text, "Said Mon 5 Jan 23:06 GMT, sent 7h24m later") {
		t.Errorf("nothing says that it was held:\n%s", text)
	}

	// What is urgent takes with it what was told before about the same.
	s = &script{p: alertPolicy(t), now: time.Date(2026, 1, 5, 23, 0, 0, 0, time.UTC)}
	s.minutes(30, full)
	s.minutes(6, full, Problem{Key: "line", What: "HV01: it does not answer", Urgent: true})
	s.wants(t, "the line is cut in the night", "problem more")
	s.minutes(6)
	s.wants(t, "and is back", "well")
	s.p.Config.Quiet.HoldUrgent = true
	s.minutes(6, Problem{Key: "line", What: "HV01: it does not answer", Urgent: true})
	s.wants(t, "hold_urgent", "")
}

// While a person works on a plan its readiness is not news; what is left when he
// is done is.
func TestAPlanThatIsRunIsHushed(t *testing.T) {
	p := alertPolicy(t)
	d, now := AlertDesk{}, time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	off := ReadyReport{Plan: "a", Verdict: ReadyNo, Findings: []Finding{{Severity: Blocker, Code: "failed-over", VM: "DB", Text: "it was failed over"}}}
	step := func(n int, hushed bool) {
		for range n {
			now = now.Add(time.Minute)
			d.Step(p, AlertLook{Watched: []Watched{p.WatchPlan(off, hushed)}}, now)
		}
	}
	if step(60, true); d.Seq != 0 {
		t.Errorf("told during the run: %+v", d.Queue)
	}
	if step(6, false); d.Seq != 1 {
		t.Errorf("%d messages after the run", d.Seq)
	}
}

func TestASilenceEndsAndThenIsTold(t *testing.T) {
	s := &script{p: alertPolicy(t), now: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)}
	s.desk.Silences = map[string]Silence{"a": {Until: s.now.Add(time.Hour), By: "Dana", Reason: "new disks"}}
	full := Problem{Key: "full", What: "HV02: the volume is full"}
	s.minutes(59, full)
	s.wants(t, "silent", "")
	s.minutes(1, full)
	s.wants(t, "the silence is over", "problem")
	if len(s.desk.Silences) != 0 {
		t.Errorf("%+v", s.desk.Silences)
	}
}

// A channel that fails keeps its messages, is tried less and less often, says why,
// and after a week gives a message up on record.
func TestAChannelThatFails(t *testing.T) {
	s := &script{p: alertPolicy(t), now: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)}
	s.minutes(6, Problem{Key: "full", What: "full"})
	tries, lost, began := 0, false, s.now
	for end := s.now.Add(8 * 24 * time.Hour); s.now.Before(end) && !lost; s.now = s.now.Add(time.Second) {
		for _, parcel := range s.desk.Due(s.p, nil, s.now) {
			tries++
			lost = s.desk.Failed(parcel.Message.ID, parcel.Target, "refused", s.now)
		}
		if tries == 5 && s.desk.Queue[0].Deliveries[0].Next.Sub(s.now) > 2*time.Minute {
			t.Fatal("the first tries are too far apart")
		}
	}
	// Every ten minutes of 15.5 hours a day, the rest is quiet.
	if days := s.now.Sub(began); !lost || days < 7*24*time.Hour || tries < 640 || tries > 680 {
		t.Errorf("lost: %v, %d tries in %s", lost, tries, days)
	}
	if h := s.desk.Channels["mail"]; h.Error != "refused" || !h.Failing.Equal(began) {
		t.Errorf("%+v", h)
	}
	if len(s.desk.Queue) != 0 || s.desk.Told[0].Deliveries[0].Lost.IsZero() {
		t.Errorf("%+v", s.desk)
	}
}

func TestAlertsFindTheirPeople(t *testing.T) {
	p := alertPolicy(t)
	for _, row := range []struct {
		plan  string
		names []string
		want  string
	}{
		{"a", nil, "[mail]"},
		{"b", nil, "[mail acme]"},
		{"", nil, "[mail]"},
		{"a", []string{"dana"}, "[push mail (dana@x.example)]"},
		{"a", []string{"owner"}, "[push mail (dana@x.example)]"},
		{"b", []string{"owner"}, "[mail acme]"},
		{"a", []string{"Dana", "nobody"}, "[push mail (dana@x.example) mail]"},
	} {
		if got := fmt.Sprint(p.Route(row.plan, row.names)); got != row.want {
			t.Errorf("%s %v: %s, want %s", row.plan, row.names, got, row.want)
		}
	}
}

// A look that cannot be taken says nothing; a plan that is gone ends its alert.
func TestWhatCannotBeSeenStaysAsItIs(t *testing.T) {
	s := &script{p: alertPolicy(t), now: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)}
	s.minutes(6, Problem{Key: "full", What: "full"})
	s.wants(t, "told", "problem")
	before, _ := json.Marshal(s.desk)
	for range 30 {
		s.now = s.now.Add(time.Minute)
		s.desk.Step(s.p, AlertLook{Unseen: []string{"plan/a", "run/"}}, s.now)
	}
	if after, _ := json.Marshal(s.desk); string(after) != string(before) {
		t.Errorf("%s", after)
	}
	s.desk.Step(s.p, AlertLook{Unseen: []string{"plan/ab", "run/"}}, s.now)
	s.wants(t, "gone", "well")
}

// The same look again changes nothing: nothing needs to be written.
func TestTheSameLookChangesNothing(t *testing.T) {
	s := &script{p: alertPolicy(t), now: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)}
	s.minutes(6, Problem{Key: "full", What: "full for 6 min"})
	s.deliver()
	before, _ := json.Marshal(s.desk)
	s.minutes(60, Problem{Key: "full", What: "full for 66 min"})
	if after, _ := json.Marshal(s.desk); string(after) != string(before) {
		t.Errorf("%s\n%s", before, after)
	}
}

// Replicas are off as long as all is well: that is never told.
func TestNobodyIsToldThatAReplicaIsOff(t *testing.T) {
	look := healthy()
	for _, pair := range look.Pairs {
		if pair.Target.Power != "Off" {
			t.Fatalf("the replica of %s is %s", pair.ID, pair.Target.Power)
		}
	}
	p := alertPolicy(t)
	p.Config.Level = Warning
	if w := p.WatchPlan(Ready(look), false); len(w.Problems) != 0 {
		t.Errorf("%+v", w.Problems)
	}
	// The check can fail: one of them that runs is told at once.
	look.Pairs[0].Target.Power = "Running"
	if w := p.WatchPlan(Ready(look), false); len(w.Problems) == 0 || !w.Problems[0].Urgent {
		t.Errorf("a replica that runs: %+v", w.Problems)
	}
}

func TestARunThatWaits(t *testing.T) {
	p := alertPolicy(t)
	since := time.Date(2026, 1, 5, 3, 10, 0, 0, time.UTC)
	status := RunStatus{Plan: "a", Operation: UnplannedFailover, To: "warehouse", Waiting: []Question{
		{Step: 3, Text: "Start the generator", Owner: "Dana", Since: since, SafeToWait: "Waiting costs time, no data."},
		{VM: "DB", VMID: "1", Text: "the guest will not shut down", Since: since},
		{VM: "APP", VMID: "2", Text: "the guest will not shut down", Since: since},
	}}
	w := p.WatchRun("plan/a 77", status)
	if !reflect.DeepEqual(w.To, []string{"Dana"}) || len(w.Problems) != 3 || !w.Problems[0].Urgent {
		t.Errorf("%+v", w)
	}
	d := AlertDesk{}
	d.Step(p, AlertLook{Watched: []Watched{w}}, since.Add(time.Second))
	d.Step(p, AlertLook{Watched: []Watched{w}}, since.Add(time.Minute+time.Second))
	if len(d.Queue) != 1 {
		t.Fatalf("%+v", d)
	}
	text := d.Queue[0].Text(p, since.Add(time.Minute+time.Second))
	for _, words := range []string{
		"a: the unplanned failover to warehouse waits for a person", "For Dana.", "- step 3, for Dana: Start the generator", "Since       03:10:00 GMT",
		"On the day  Waiting costs time, no data.", "Do          lifeboat run show a", "- DB: the guest will not shut down (and 1 more like it)",
	} {
		if !strings.Contains(text, words) {
			t.Errorf("no %q in\n%s", words, text)
		}
	}
	if s := d.Queue[0].Subject(p); s != "Lifeboat: a: the unplanned failover to warehouse waits for a person (2 things)" {
		t.Error(s)
	}
	if drill := p.WatchRun("drill/a 78", RunStatus{Plan: "a", Operation: TestFailover, Waiting: status.Waiting}); drill.Problems[0].Urgent || drill.Problems[0].Do != "lifeboat run show drill/a" {
		t.Errorf("%+v", drill.Problems[0])
	}
}

// A run that ended stuck, refused or unknown without having waited is told of once,
// and once more when another one has followed; how it ended is told once in any way.
func TestARunThatEndedOtherThanWell(t *testing.T) {
	p := alertPolicy(t)
	for verdict, c := range map[Verdict]struct {
		kinds  string
		urgent bool
	}{
		VerdictStuck: {"problem repeat well", true}, VerdictUnknown: {"problem repeat well", true}, VerdictRefused: {"problem well", false},
		VerdictDone: {"", false}, VerdictStopped: {"", false},
	} {
		s := &script{p: p, now: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)}
		status := RunStatus{Plan: "a", Operation: PlannedFailover, To: "warehouse", Verdict: verdict, Summary: "DB is off on both sides.", GoodCopy: "hq has the good copies.", Ended: s.now}
		looks := func(n int, later bool) {
			for range n {
				s.now = s.now.Add(time.Minute)
				s.desk.Step(p, AlertLook{Watched: []Watched{p.WatchEnd("plan/a 77", status, later)}}, s.now)
			}
		}
		looks(1, false)
		if text := ""; len(s.desk.Queue) > 0 {
			text = s.desk.Queue[0].Text(p, s.now)
			for _, words := range []string{"a: the planned failover to warehouse has ended: " + string(verdict), "DB is off on both sides.", "hq has the good copies.", "lifeboat run show a"} {
				if !strings.Contains(text, words) {
					t.Errorf("%s: no %q in\n%s", verdict, words, text)
				}
			}
			if s.desk.Queue[0].Urgent != c.urgent || !s.desk.Open["run/plan/a 77"].TellsEnd() {
				t.Errorf("%s: %+v", verdict, s.desk.Queue[0])
			}
		}
		kinds := s.deliver()
		looks(25*60, false)
		kinds += " " + s.deliver()
		looks(5, true)
		if kinds = strings.Join(strings.Fields(kinds+" "+s.deliver()), " "); kinds != c.kinds {
			t.Errorf("%s: told %q, want %q", verdict, kinds, c.kinds)
		}
		if _, known := s.desk.Ends["run/plan/a 77"]; known != (c.kinds != "") || s.desk.Open["run/plan/a 77"] != nil {
			t.Errorf("%s: %+v", verdict, s.desk)
		}
		s.desk.Step(p, AlertLook{}, s.now.Add(3*EndsWithin))
		if len(s.desk.Ends) != 0 {
			t.Errorf("remembered for ever: %v", s.desk.Ends)
		}
	}
	// A run of which it was told that it waits tells its end itself.
	s := &script{p: p, now: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)}
	status := RunStatus{Plan: "a", Operation: PlannedFailover, Waiting: []Question{{Text: "x", Since: s.now}}}
	for _, at := range []time.Duration{time.Second, 2 * time.Minute, 3 * time.Minute} {
		if at > 2*time.Minute {
			status.Waiting, status.Ended, status.Verdict = nil, s.now, VerdictStopped
		}
		s.desk.Step(p, AlertLook{Watched: []Watched{p.WatchRun("plan/a 77", status)}}, s.now.Add(at))
	}
	if _, known := s.desk.Ends["run/plan/a 77"]; !known || s.deliver() != "problem well" {
		t.Errorf("%+v", s.desk)
	}
}

// A run of which it was told that it waits, and that ends stuck, is told of at once and
// every day: its end is no recovery.
func TestAStuckEndIsNoRecovery(t *testing.T) {
	p := alertPolicy(t)
	s := &script{p: p, now: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)}
	status := RunStatus{Plan: "a", Operation: PlannedFailover, Waiting: []Question{{Text: "x", Since: s.now}}}
	look := func(w Watched, ago time.Duration) {
		s.now = s.now.Add(ago)
		s.desk.Step(p, AlertLook{Watched: []Watched{w}}, s.now)
	}
	look(p.WatchRun("plan/a 77", status), time.Second)
	look(p.WatchRun("plan/a 77", status), 2*time.Minute)
	status.Waiting, status.Ended, status.Verdict = nil, s.now, VerdictStuck
	look(p.WatchEnd("plan/a 77", status, false), 5*time.Second)
	kinds := s.deliver()
	look(p.WatchEnd("plan/a 77", status, false), 25*time.Hour)
	look(p.WatchEnd("plan/a 77", status, true), time.Minute)
	if kinds += " " + s.deliver(); kinds != "problem more repeat well" {
		t.Errorf("told %q", kinds)
	}
}

func TestQuietHoursByTheClockOnTheWall(t *testing.T) {
	p := alertPolicy(t)
	for _, row := range []struct{ at, until string }{
		{"2026-01-05T21:59:00Z", ""}, {"2026-01-05T22:00:00Z", "2026-01-06T06:30:00Z"}, {"2026-01-06T06:29:00Z", "2026-01-06T06:30:00Z"},
		{"2026-01-06T06:30:00Z", ""},
		// In summer London is an hour ahead; in the night of the change too.
		{"2026-07-05T20:59:00Z", ""}, {"2026-07-05T21:00:00Z", "2026-07-06T05:30:00Z"},
		{"2026-03-28T22:00:00Z", "2026-03-29T05:30:00Z"}, {"2026-10-24T21:00:00Z", "2026-10-25T06:30:00Z"},
	} {
		at, _ := time.Parse(time.RFC3339, row.at)
		until, quiet := p.Quiet(at)
		got := ""
		if quiet {
			got = until.UTC().Format(time.RFC3339)
		}
		if got != row.until {
			t.Errorf("%s: %q, want %q", row.at, got, row.until)
		}
	}
}

// What can wait is held by quiet hours, and sent when they are over.
func TestACalmNoticeWaitsForTheMorning(t *testing.T) {
	p := alertPolicy(t)
	night := time.Date(2026, 1, 5, 23, 0, 0, 0, time.UTC)
	for _, urgent := range []bool{false, true} {
		var d AlertDesk
		d.Notify(p, "repair/HQ1", "", "web: replication is paused", nil, urgent, night)
		if now := len(d.Due(p, nil, night)); (now > 0) != urgent {
			t.Errorf("urgent %t: %d at night", urgent, now)
		}
		if len(d.Due(p, nil, night.Add(8*time.Hour))) == 0 {
			t.Errorf("urgent %t: it was dropped", urgent)
		}
	}
}
