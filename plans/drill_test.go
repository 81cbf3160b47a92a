package plans

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func calendarOf(t *testing.T, d ScheduledDrill) DrillCalendar {
	t.Helper()
	c, err := CalendarOf(d)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// local are times as the wall's clock of the calendar shows them.
func local(c DrillCalendar, times []time.Time) (out []string) {
	for _, at := range times {
		out = append(out, at.In(c.Zone()).Format("Mon 2006-01-02 15:04 MST"))
	}
	return out
}

func TestDrillCalendar(t *testing.T) {
	for _, c := range []struct {
		name  string
		drill ScheduledDrill
		after string
		want  []string
	}{
		{"weekly, over the spring forward", ScheduledDrill{Cron: "0 6 * * SUN", Timezone: "Europe/Dublin"}, "2026-03-20T00:00:00Z",
			[]string{"Sun 2026-03-22 06:00 GMT", "Sun 2026-03-29 06:00 IST"}},
		{"a time that the clocks jump over comes behind the jump", ScheduledDrill{Cron: "30 1 * * SUN", Timezone: "Europe/Dublin"}, "2026-03-23T00:00:00Z",
			[]string{"Sun 2026-03-29 02:30 IST", "Sun 2026-04-05 01:30 IST"}},
		{"a time that comes twice counts once, the first", ScheduledDrill{Cron: "30 1 * * SUN", Timezone: "Europe/Dublin"}, "2026-10-19T00:00:00Z",
			[]string{"Sun 2026-10-25 01:30 IST", "Sun 2026-11-01 01:30 GMT"}},
		{"half hours over the jump come once each", ScheduledDrill{Cron: "0,30 1,2 * * *", Timezone: "Europe/Dublin"}, "2026-03-29T00:00:00Z",
			[]string{"Sun 2026-03-29 02:00 IST", "Sun 2026-03-29 02:30 IST", "Mon 2026-03-30 01:00 IST"}},
		{"asked in the hour that comes twice", ScheduledDrill{Cron: "30 1 * * *", Timezone: "Europe/Dublin"}, "2026-10-25T00:45:00Z",
			[]string{"Mon 2026-10-26 01:30 GMT"}},
		{"the moment itself is over", ScheduledDrill{Cron: "0 6 * * *"}, "2026-01-01T06:00:00Z", []string{"Fri 2026-01-02 06:00 UTC"}},
		{"first Sunday of a quarter", ScheduledDrill{Cron: "0 6 * JAN,APR,JUL,OCT SUN", Weeks: []int{1}}, "2026-01-10T00:00:00Z",
			[]string{"Sun 2026-04-05 06:00 UTC", "Sun 2026-07-05 06:00 UTC", "Sun 2026-10-04 06:00 UTC"}},
		{"last Friday of a month", ScheduledDrill{Cron: "0 20 * * FRI", Weeks: []int{-1}}, "2026-01-01T00:00:00Z",
			[]string{"Fri 2026-01-30 20:00 UTC", "Fri 2026-02-27 20:00 UTC"}},
		{"not on month end", ScheduledDrill{Cron: "0 6 * * *", Blackout: []string{"month-end 3"}}, "2024-02-26T12:00:00Z",
			[]string{"Fri 2024-03-01 06:00 UTC"}},
		{"not on the first, nor at the weekend", ScheduledDrill{Cron: "0 6 * * *", Blackout: []string{"month-start", "SAT", "sunday"}}, "2026-01-30T12:00:00Z",
			[]string{"Mon 2026-02-02 06:00 UTC"}},
		{"not over the holidays, any year", ScheduledDrill{Cron: "0 6 * * *", Blackout: []string{"12-20..01-03"}}, "2026-12-18T12:00:00Z",
			[]string{"Sat 2026-12-19 06:00 UTC", "Mon 2027-01-04 06:00 UTC"}},
		{"not on these dates", ScheduledDrill{Cron: "0 6 * * *", Blackout: []string{"2026-05-02", "2026-05-04..2026-05-06"}}, "2026-05-01T12:00:00Z",
			[]string{"Sun 2026-05-03 06:00 UTC", "Thu 2026-05-07 06:00 UTC"}},
		{"the blackout day is the zone's", ScheduledDrill{Cron: "30 23 * * *", Timezone: "America/New_York", Blackout: []string{"2026-05-02"}}, "2026-05-01T00:00:00Z",
			[]string{"Thu 2026-04-30 23:30 EDT", "Fri 2026-05-01 23:30 EDT", "Sun 2026-05-03 23:30 EDT"}},
		{"a word of cron", ScheduledDrill{Cron: "@monthly"}, "2026-01-15T00:00:00Z", []string{"Sun 2026-02-01 00:00 UTC"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			after, err := time.Parse(time.RFC3339, c.after)
			if err != nil {
				t.Fatal(err)
			}
			calendar := calendarOf(t, c.drill)
			if got := local(calendar, calendar.Next(after, len(c.want))); !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// Cron takes every other day *or* a Sunday, as it does the first or a Sunday.
func TestADayAndAWeekdayAreRefusedInEveryForm(t *testing.T) {
	for cron, fine := range map[string]bool{
		"0 6 */2 * SUN": false, "0 6 1-31/2 * SUN": false, "0 6 1 * */2": false, "0 6 ?/2 * SUN": false, "0 6 1-7 * 0": false,
		"0 6 */2 * *": true, "0 6 * * */2": true, "0 6 ? * SUN": true, "0 6 1 * ?": true,
	} {
		if _, err := parseCron(cron); (err == nil) != fine {
			t.Errorf("%q: %v", cron, err)
		}
	}
}

// A time that its jitter carries into a black day takes no other of its own day with
// it.
func TestJitterIntoABlackDayLeavesTheDayItself(t *testing.T) {
	d := ScheduledDrill{Cron: "0 20,23 * * *", Jitter: Duration(6 * time.Hour)}
	found := 0
	for i := range 400 {
		d.Name, d.Blackout = fmt.Sprintf("d%d", i), []string{"2026-01-02"}
		c := calendarOf(t, d)
		if early, late := c.spread(anyDay.Add(20*time.Hour)), c.spread(anyDay.Add(23*time.Hour)); early.Day() == 2 && late.Day() == 1 {
			found++
			if got := c.Next(anyDay.Add(12*time.Hour), 1)[0]; !got.Equal(late) {
				t.Errorf("%s: the next is %s, not %s", d.Name, got, late)
			}
		}
	}
	if found == 0 {
		t.Fatal("no such day among them")
	}
}

func TestDrillPreviewTellsWhatIsLeftOut(t *testing.T) {
	c := calendarOf(t, ScheduledDrill{Cron: "0 */6 * * *", Blackout: []string{"month-end"}})
	var got []string
	for _, d := range c.Preview(time.Date(2026, 1, 30, 17, 0, 0, 0, time.UTC), 2) {
		got = append(got, d.At.Format("2 15:04")+" "+d.Black)
	}
	if want := []string{"30 18:00 ", "31 00:00 month-end", "1 00:00 "}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Whatever the calendar: times grow, lie on no black day, come again from
// anywhere in between, and jitter stays in its bounds.
func TestDrillCalendarHolds(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	dice := rand.New(rand.NewPCG(seed, 17))
	zones := []string{"UTC", "Europe/Dublin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Havana", "Africa/Casablanca"}
	rules := []string{"month-end 2", "month-start 3", "WED", "12-20..01-05", "2026-06-01..2026-06-30", "02-29"}
	for range 150 {
		d := ScheduledDrill{
			Name: "d", Cron: fmt.Sprintf("%d %d * * %s", dice.IntN(60), dice.IntN(24), []string{"*", "SUN", "MON-FRI"}[dice.IntN(3)]),
			Timezone: zones[dice.IntN(len(zones))], Jitter: Duration(time.Duration(dice.IntN(3)) * 17 * time.Minute),
		}
		for range dice.IntN(3) {
			d.Blackout = append(d.Blackout, rules[dice.IntN(len(rules))])
		}
		plain := d
		plain.Jitter, plain.Blackout = 0, nil
		c, bare := calendarOf(t, d), calendarOf(t, plain)
		after := anyDay.Add(time.Duration(dice.IntN(500*24*60)) * time.Minute)
		all := c.Next(after, 40)
		if len(all) != 40 {
			t.Fatalf("seed %d: %+v has %d times", seed, d, len(all))
		}
		last := after
		for i, at := range all {
			if !at.After(last) || c.Black(at) != "" {
				t.Fatalf("seed %d: %+v: %s after %s, black %q", seed, d, at, last, c.Black(at))
			}
			last = at
			if nominal := bare.Next(at.Add(-d.Jitter.D()-time.Second), 1); len(nominal) != 1 || nominal[0].After(at) {
				t.Fatalf("seed %d: %+v: no time of cron lies within the jitter before %s: %v", seed, d, at, nominal)
			}
			if again := c.Next(at.Add(-time.Second), 1); !again[0].Equal(at) {
				t.Fatalf("seed %d: %+v: asked again the %dth is %s, not %s", seed, d, i, again[0], at)
			}
		}
	}
}

func FuzzDrillCalendar(f *testing.F) {
	for _, text := range []string{"0 6 * * SUN", "@weekly", "*/5 * * * *", "TZ=UTC 0 6 * * *", "@every 1h", "0 0 30 2 *", "month-end 3", "2026-12-20..2027-01-03", "12-24", "SAT"} {
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, cron, black string) {
		c, err := CalendarOf(ScheduledDrill{Name: "f", Cron: cron, Blackout: []string{black}})
		if err != nil {
			return
		}
		last := anyDay
		for _, at := range c.Next(anyDay, 3) {
			if !at.After(last) || c.Black(at) != "" {
				t.Errorf("%q without %q: %s", cron, black, at)
			}
			last = at
		}
	})
}

// drilling is a configuration with a plan of two stages, and drills as written.
func drilling(drills string) []File {
	return []File{{Name: "site.yaml", Data: []byte(`version: 1
sites: [{name: hq}, {name: dr, engine: true}]
hosts:
  - {name: A, site: hq, address: 10.0.0.1, winrm: {user: u, secret: "env:X"}}
  - {name: B, site: dr, address: 10.0.1.1, winrm: {user: u, secret: "env:X"}}
networks: [{name: lan, sites: [{site: hq, switch: s}, {site: dr, switch: s, test_switch: t}]}]
groups:
  - name: g
    from: A
    to: B
    frequency: 5m
    vms:
      - {name: dc, id: 11111111-1111-1111-1111-111111111111, nics: [{network: lan}]}
      - {name: web, id: 22222222-2222-2222-2222-222222222222, nics: [{network: lan}]}
      - {name: lone, id: 33333333-3333-3333-3333-333333333333}
plans:
  - name: all
    from: hq
    to: dr
    test: {hold: 10m}
    steps:
      - {stage: base, vms: [{vm: dc}]}
      - {stage: top, vms: [{vm: web}]}
`)}, {Name: "drills.yaml", Data: []byte(drills)}}
}

func TestDrillErrorsAreToldAllAtOnce(t *testing.T) {
	_, err := Decode(drilling(`drills:
  - {name: a/b, plan: none, cron: "0 6 1 * SUN", timezone: Nowhere/City}
  - {name: two, plan: all, cron: "@every 1h", blackout: [someday, 2026-02-30, month-end 40, 2026-02-02..2026-01-01]}
  - {name: two, plan: all, cron: "TZ=UTC 0 6 * * *", stages: [base, roof], point: newest, within: 1s, weeks: [0], jitter: 20h}
  - {name: never, plan: all, cron: 0 0 30 2 *}
  - name: crit
    plan: all
    cron: 0 0 * * *
    blackout: [SUN, MON, TUE, WED, THU, FRI, SAT]
    hold: 0s
    criteria: [{rto: 1h, rpo: 5m}, {}, {must: pass}, {ask: fine?}, {ask: fine?, who: Dana}, {rto: 1h, who: Dana}]
`))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"drills.yaml:2:", "no slash", `no plan "none"`, "mean either of them", "no time zone",
		"@every has no day", `"someday" is no day`, `"2026-02-30" is no date`, "1 to 15 days", "ends before it begins",
		"is there already", "belongs into the field timezone", `no stage "roof"`, `"newest" is not known`, "1s is too short", "weeks[0]", "20h would be another day",
		"drills[3].cron", "no such day comes", "drills[4].cron", "is 2 things", "is 0 things", `"pass" is not known`, "nobody would be asked", "nobody could look", "goes with ask",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nobody is told %q:\n%v", want, err)
		}
	}
	if strings.Count(err.Error(), " things") != 2 {
		t.Errorf("the criterion that could not be read is called none:\n%v", err)
	}
}

// A drill that is not begun because its plan's real run began in the same second must
// not take that run's place in the journal.
func TestADrillHasNoPlansName(t *testing.T) {
	_, err := Decode(drilling(`drills: [{name: all, plan: all, cron: "0 6 * * SUN"}]`))
	if err == nil || !strings.Contains(err.Error(), "drills.yaml:1:") || !strings.Contains(err.Error(), "all-weekly") || strings.Count(err.Error(), "do: ") != 1 {
		t.Errorf("%v", err)
	}
}

func TestADrillThatNobodyCouldMeanIsRefused(t *testing.T) {
	for field, want := range map[string]string{
		"timezone: Local":                      "no time zone", // of which machine?
		"within: 5000h":                        "another day's drill",
		`criteria: [{ask: " ", who: Dana}]`:    "is 0 things",
		`criteria: [{ask: "fine?", who: " "}]`: "nobody would be asked",
		"hold: 9h":                             "is longer than 8h",
		"timezone: UTC, within: 24h, hold: 7h, weeks: [-1]": "",
	} {
		_, err := Decode(drilling(`drills: [{name: d, plan: all, cron: "0 6 * * SUN", ` + field + `}]`))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), "do: ") != 1) {
			t.Errorf("%s: %v, want %q", field, err, want)
		}
	}
}

func decodedDrills(t *testing.T, text string) *Config {
	t.Helper()
	cfg, err := Decode(drilling(text))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// Criteria are copied when the drill begins; who edits the files later changes
// another drill.
func TestCriteriaAreLocked(t *testing.T) {
	cfg := decodedDrills(t, `drills: [{name: d, plan: all, cron: "0 6 * * SUN", stages: [top], criteria: [{rto: 30m}, {ask: "log in?", who: Dana}, {must: vms-up}]}]`)
	d, _ := cfg.Drill("d")
	start := DrillStart{Due: anyDay, Now: anyDay.Add(time.Minute), Speed: 1}
	in, err := ResolveDrill(cfg, *d, start)
	if err != nil {
		t.Fatal(err)
	}
	locked := in.Drill.Criteria
	want := []Criterion{
		{Kind: CriterionRTO, Text: "all was up within 30m", Limit: Duration(30 * time.Minute)},
		{Kind: CriterionPeople, Text: "log in?", Who: "Dana", Step: 3},
		{Kind: CriterionVMs, Text: "every VM came up"},
	}
	if !reflect.DeepEqual(locked, want) {
		t.Errorf("locked %+v", locked)
	}
	if in.RunID != "d-20260101-000000" || in.Operation != TestFailover || in.Hold != Duration(10*time.Minute) || in.StartedBy != "calendar d" || in.Drill.Due != anyDay {
		t.Errorf("input %+v", in)
	}
	if want := time.Date(2026, 1, 4, 6, 0, 0, 0, time.UTC); !in.Drill.Next.Equal(want) {
		t.Errorf("next %s, want %s", in.Drill.Next, want)
	}
	if vms := in.VMs(); len(vms) != 1 || vms[0].Name != "web" || len(in.LeftOut) != 1 || in.Steps[0].Number != 1 {
		t.Errorf("stages: %+v, left out %+v", in.Steps, in.LeftOut)
	}
	d.Criteria[0].RTO = Duration(time.Hour)
	if in.Drill.Criteria[0].Limit != Duration(30*time.Minute) {
		t.Error("an edit changed a drill that is under way")
	}
	if again, _ := ResolveDrill(cfg, *d, start); again.Drill.Hash == in.Drill.Hash {
		t.Error("the hash does not tell of the edit")
	}
}

func TestDrillWithoutCriteriaHasThree(t *testing.T) {
	cfg := decodedDrills(t, `drills: [{name: d, plan: all, cron: "0 6 * * SUN"}]`)
	in, err := ResolveDrill(cfg, cfg.Drills[0], DrillStart{Due: anyDay, Now: anyDay, Speed: 1})
	if err != nil || len(in.Drill.Criteria) != 3 || len(in.VMs()) != 2 {
		t.Errorf("%v %+v", err, in.Drill)
	}
}

// passed is a drill in which all went well, in two minutes.
func passed(t *testing.T, criteria string) (RunInput, RunStatus) {
	t.Helper()
	cfg := decodedDrills(t, `drills: [{name: d, plan: all, cron: "0 6 * * SUN", criteria: [`+criteria+`]}]`)
	in, err := ResolveDrill(cfg, cfg.Drills[0], DrillStart{Due: anyDay, Now: anyDay, Speed: 10})
	if err != nil {
		t.Fatal(err)
	}
	s := RunStatus{RunID: in.RunID, Verdict: VerdictDone, Started: anyDay, Ended: anyDay.Add(5 * time.Minute)}
	for i := range in.Steps {
		vm := &in.Steps[i].VMs[0]
		vm.Behind, vm.Point = Duration(4*time.Minute), Point{Time: anyDay}
		s.VMs = append(s.VMs, VMStatus{ID: vm.ID, Label: vm.Label, Verdict: VerdictDone, Times: []PhaseTime{
			{Phase: PhaseStart, Started: anyDay, Ended: anyDay.Add(time.Minute)}, {Phase: PhaseGates, Started: anyDay.Add(time.Minute), Ended: anyDay.Add(2 * time.Minute)},
		}})
	}
	return in, s
}

func TestCriteriaAreJudged(t *testing.T) {
	yes := func(c Choice) []AnswerRecord {
		return []AnswerRecord{{At: anyDay, Answer: Answer{Choice: c, Step: 3, By: "Dana", Reason: "seen"}}, {Answer: Answer{Choice: ChoiceEnd}}}
	}
	for _, c := range []struct {
		name, criterion string
		change          func(*RunInput, *RunStatus)
		answers         []AnswerRecord
		want            CriterionResult
		why             string
	}{
		{"all up", "must: vms-up", nil, nil, CriterionMet, "2 of 2"},
		{"one not up", "must: vms-up", func(_ *RunInput, s *RunStatus) { s.VMs[1].Times = nil }, nil, CriterionNotMet, "1 of 2 did not come up: web"},
		{"gates green", "must: gates-green", nil, nil, CriterionMet, ""},
		{"a gate red", "must: gates-green", func(_ *RunInput, s *RunStatus) {
			s.Findings = []Finding{{Code: "gate-not-passed", VM: "dc"}, {Code: "gate-not-asked", VM: "web"}}
		}, nil, CriterionNotMet, "dc"},
		{"a gate waived", "must: gates-green", func(_ *RunInput, s *RunStatus) { s.Findings = []Finding{{Code: "gate-waived", VM: "dc"}} }, nil, CriterionNotMet, "dc"},
		{"a gate not asked", "must: gates-green", func(_ *RunInput, s *RunStatus) { s.Findings = []Finding{{Code: "gate-not-asked", VM: "web"}} }, nil, CriterionNotJudged, "web"},
		{"in time, by the hosts' clock", "rto: 20m", nil, nil, CriterionMet, "20m"},
		{"too late", "rto: 19m", nil, nil, CriterionNotMet, "20m"},
		{"not all up, so no time", "rto: 1h", func(_ *RunInput, s *RunStatus) { s.VMs[0].Times[1].Ended = time.Time{} }, nil, CriterionNotMet, "did not come up"},
		{"a gate red, so not up", "rto: 1h", func(_ *RunInput, s *RunStatus) { s.Findings = []Finding{{Code: "gate-not-passed", VM: "dc"}} }, nil, CriterionNotMet, "dc"},
		{"nothing came up, with whatever data", "rpo: 1h", func(_ *RunInput, s *RunStatus) { s.VMs[0].Times, s.VMs[1].Times = nil, nil }, nil, CriterionNotJudged, "did not come up"},
		{"an older point was taken", "rpo: 4m", func(_ *RunInput, s *RunStatus) { s.VMs[1].Point.Time = anyDay.Add(-3 * time.Minute) }, nil, CriterionNotMet, "7m, of web"},
		{"data young enough", "rpo: 4m", nil, nil, CriterionMet, "4m"},
		{"data too old", "rpo: 4m", func(in *RunInput, _ *RunStatus) { in.Steps[1].VMs[0].Behind = Duration(5 * time.Minute) }, nil, CriterionNotMet, "5m, of web"},
		{"age not known", "rpo: 4m", func(in *RunInput, _ *RunStatus) {
			in.Steps[1].VMs[0].Behind, in.Steps[1].VMs[0].Point = 0, Point{}
		}, nil, CriterionNotJudged, "not known"},
		{"clean", "must: leave-nothing", nil, nil, CriterionMet, ""},
		{"left", "must: leave-nothing", func(_ *RunInput, s *RunStatus) { s.VMs[0].Verdict = VerdictStuck }, nil, CriterionNotMet, "dc"},
		{"a person says yes", "ask: fine?, who: Dana", nil, yes(ChoiceApprove), CriterionMet, "seen"},
		{"a person says no", "ask: fine?, who: Dana", nil, yes(ChoiceDecline), CriterionNotMet, "seen"},
		{"a person does not know", "ask: fine?, who: Dana", nil, yes(ChoiceSkip), CriterionNotJudged, "seen"},
		{"nobody answers", "ask: fine?, who: Dana", nil, nil, CriterionNotJudged, "nobody answered"},
		{"it gave way", "must: vms-up", func(_ *RunInput, s *RunStatus) { s.VMs[1].Times, s.Findings = nil, []Finding{{Code: CodeGaveWay}} }, nil, CriterionNotJudged, "gave way"},
		{"it gave way, and left something", "must: leave-nothing", func(_ *RunInput, s *RunStatus) {
			s.VMs[0].TestVM, s.Findings = "x", []Finding{{Code: CodeGaveWay}}
		}, nil, CriterionNotMet, "dc"},
		{"not begun", "must: vms-up", func(_ *RunInput, s *RunStatus) { s.Verdict = VerdictRefused }, nil, CriterionNotJudged, "not begun"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, s := passed(t, "{"+c.criterion+"}")
			if c.change != nil {
				c.change(&in, &s)
			}
			r := MakeReport(s, in, c.answers, "v", true)
			if len(r.Judgements) != 1 || r.Judgements[0].Result != c.want || !strings.Contains(r.Judgements[0].Why, c.why) {
				t.Fatalf("%+v, want %s (%s)", r.Judgements, c.want, c.why)
			}
			if missed := NotMet(r.Judgements); (len(missed) == 1) != (c.want == CriterionNotMet) {
				t.Errorf("missed %q", missed)
			}
			if answered := c.answers != nil; answered != (r.Judgements[0].By == "Dana") {
				t.Errorf("answered by %q", r.Judgements[0].By)
			}
		})
	}
}

// The list, readiness, the calendar's pause and the evidence say the same of a drill of
// the calendar: one that missed a target of the plan did not pass.
func TestADrillThatMissedATargetDidNotPassAnywhere(t *testing.T) {
	in, s := passed(t, "")
	s.Operation = TestFailover
	for i := range s.VMs {
		s.VMs[i].Point = Point{Time: anyDay}
	}
	for target, want := range map[Duration]string{Duration(time.Hour): "passed", Duration(10 * time.Minute): "not passed"} {
		in.Objectives.RTO = target
		r := MakeReport(s, in, nil, "v", true)
		good := want == "passed"
		if got := DrillOutcome(r); got != want || (len(Misses(r)) == 0) != good || LastDrills([]Report{r})["all"].Passed != good {
			t.Errorf("target %s: %s, missed %q", target, got, Misses(r))
		}
		if e := MakeEvidence(Record{Report: r}); strings.HasPrefix(e.Outcome, "NOT") == good {
			t.Errorf("target %s: %s", target, e.Outcome)
		}
	}
}

func TestDrillCoverage(t *testing.T) {
	cfg := decodedDrills(t, `drills: [{name: d, plan: all, cron: "0 6 * * SUN", stages: [top]}, {name: e, plan: all, cron: "0 6 * * MON", stages: [top]}]`)
	in, s := passed(t, "")
	in.Speed = 1
	s.Findings = []Finding{{Code: "gate-not-passed", VM: "dc"}}
	later := s
	later.RunID, later.VMs = "moved", []VMStatus{{ID: in.VMs()[0].ID, Label: "dc", Times: []PhaseTime{{Phase: PhaseGates, Ended: anyDay.AddDate(0, 0, 50)}}}}
	later.Findings = nil
	move := in
	move.Operation = PlannedFailover
	refused := later
	refused.VMs = nil
	reports := []Report{MakeReport(s, in, nil, "v", true), MakeReport(refused, in, nil, "v", true), MakeReport(later, move, nil, "v", true)}
	now := anyDay.AddDate(0, 0, 94).Add(time.Hour)
	all := DrillCoverage(cfg, reports, 90*24*time.Hour, now)
	if len(all) != 3 {
		t.Fatalf("%+v", all)
	}
	lone, web, dc := all[0], all[1], all[2]
	if lone.Label != "lone" || lone.Days != -1 || !lone.Old || lone.Last != nil || lone.Plans != nil || lone.Drills != nil {
		t.Errorf("never tested: %+v", lone)
	}
	if web.Label != "web" || web.Days != 94 || !web.Old || !slices.Equal(web.Drills, []string{"d", "e"}) || web.Next.Format(time.DateTime) != "2026-04-05 06:00:00" {
		t.Errorf("untested for 94 days: %+v", web)
	}
	if dc.Label != "dc" || dc.Days != 44 || dc.Old || dc.Last.Operation != PlannedFailover || dc.Last.Run != "moved" || !slices.Equal(dc.Plans, []string{"all"}) {
		t.Errorf("proved by a real failover: %+v", dc)
	}
}

// A proof by heartbeat alone looked as good as one by a service that answered.
func TestHowStrongAProofIs(t *testing.T) {
	gates := map[string]RunGate{"heartbeat": {Kind: "heartbeat", Text: "heartbeat"}, "tcp": {Kind: "tcp", Text: "tcp 443"}, "http": {Kind: "http", Text: "http 200"},
		"engine-script": {Kind: "engine-script", Text: "script on the engine"}, "guest-script": {Kind: "guest-script", Text: "script in the guest"}}
	for _, row := range []struct {
		asked string // kinds; the last of them was not asked where not is set
		not   bool
		met   bool
		want  Strength
		weak  bool
	}{
		{"", false, false, ShownStarted, true},
		{"heartbeat", false, false, ShownHeartbeat, true},
		{"heartbeat", false, true, ShownHeartbeat, false},
		{"heartbeat tcp", false, false, ShownPort, false},
		{"heartbeat tcp", true, false, ShownHeartbeat, true},
		{"http heartbeat", false, false, ShownHTTP, false},
		{"engine-script", false, false, ShownScript, false},
		{"tcp guest-script", false, false, ShownInGuest, false},
	} {
		in, s := passed(t, "")
		for i := range in.Steps {
			for j := range in.Steps[i].VMs {
				vm := &in.Steps[i].VMs[j]
				vm.Name, vm.Gates = vm.Label, nil
				for _, kind := range strings.Fields(row.asked) {
					vm.Gates = append(vm.Gates, gates[kind])
				}
				if row.not {
					s.Findings = append(s.Findings, Finding{Code: "gate-not-asked", VM: vm.Label, Text: vm.Gates[len(vm.Gates)-1].Text + ": not asked: no way in"})
				}
			}
		}
		r := MakeReport(s, in, nil, "v", true)
		if row.met {
			r.Judgements = append(r.Judgements, Judgement{Criterion: Criterion{Kind: CriterionPeople}, Result: CriterionMet, By: "Dana", At: s.Ended})
		}
		proofs := map[string]Proof{}
		proved(&r, proofs)
		p := proofs[in.VMs()[0].ID]
		if p.Shown != row.want || p.Weak() != row.weak || (p.Person == "Dana") != row.met {
			t.Errorf("%q, not %t: %+v", row.asked, row.not, p)
		}
		in.Steps[0].VMs[0].Name, in.Steps[0].VMs[0].Gates, r.Status.Findings = "", nil, nil // as a large run's report has it
		clear(proofs)
		if proved(&r, proofs); proofs[in.VMs()[0].ID].Shown != ShownUnknown || proofs[in.VMs()[0].ID].Weak() {
			t.Errorf("a report that has no gates says %+v", proofs[in.VMs()[0].ID])
		}
	}
}

// A drill that was not begun proves nothing, and takes no proof away.
func TestADrillThatWasNotBegunIsNoProof(t *testing.T) {
	in, s := passed(t, "")
	good := MakeReport(s, in, nil, "v", true)
	skipped := UnbegunDrill(in, []Finding{{Severity: Blocker, Code: DrillBusy, Text: "a run goes on"}}, anyDay.AddDate(0, 0, 7), "v", true)
	if skipped.Status.Verdict != VerdictRefused || skipped.Status.Summary != "Not begun: a run goes on. Nothing was changed." || len(skipped.Judgements) != 3 {
		t.Errorf("%+v", skipped)
	}
	if d := LastDrills([]Report{skipped, good})["all"]; d == nil || !d.Passed || d.Run != in.RunID {
		t.Errorf("the last drill is %+v", d)
	}
	// A real failover that went first left the plan with a drill that "did not pass".
	aside := good
	aside.Status.Verdict, aside.Status.Findings = VerdictStopped, []Finding{{Code: CodeGaveWay}}
	if d := LastDrills([]Report{aside, good})["all"]; d == nil || !d.Passed {
		t.Errorf("the last drill is %+v", d)
	}
	for _, vm := range in.VMs() {
		if LastDrills([]Report{skipped, good})["all"].proofs[vm.ID].At.IsZero() {
			t.Errorf("that %s came up is not known", vm.Label)
		}
	}
	good.Judgements[0].Result = CriterionNotMet
	if d := LastDrills([]Report{skipped, good})["all"]; d.Passed {
		t.Error("a drill that missed a criterion passed")
	}
}

func TestWhatKeepsADrillFromBeginning(t *testing.T) {
	hurts := DrillHurts([]Finding{
		{Severity: Warning, Code: "volume-short", Host: "B", Text: "D: is full"}, {Severity: Warning, Code: "clock-skew"},
		{Severity: Blocker, Code: "host-unreachable", Host: "A", Text: "it does not answer"},
	})
	if len(hurts) != 2 || hurts[0].Code != DrillNoStorage || hurts[1].Code != "host-unreachable" {
		t.Errorf("%+v", hurts)
	}
	if why := whyUnbegun(hurts); why != "B: D: is full, and 1 more" {
		t.Error(why)
	}
}

func TestWhyADrillWasMissed(t *testing.T) {
	in, s := passed(t, "")
	one := MakeReport(s, in, nil, "v", true) // from anyDay, five minutes long
	inside, after := anyDay.Add(2*time.Minute), anyDay.Add(time.Hour)
	for _, c := range []struct {
		name    string
		due     time.Time
		running time.Time
		paused  bool
		want    string
	}{
		{"it ran", anyDay, time.Time{}, false, ""},
		{"the one before was still going on", inside, time.Time{}, false, DrillBusy},
		{"the one before still goes on", after, anyDay, false, DrillBusy},
		{"a later one goes on", after, after.Add(time.Minute), false, DrillMissed},
		{"nobody was there", after, time.Time{}, false, DrillMissed},
		{"paused", inside, anyDay, true, DrillPaused},
	} {
		got := ""
		if f := WhyMissed("d", c.due, []Report{one}, c.running, c.paused, "dana"); f != nil {
			got = f.Code
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if f := WhyMissed("another", anyDay, []Report{one}, time.Time{}, false, ""); f == nil || f.Code != DrillMissed {
		t.Errorf("another's report counted: %+v", f)
	}
}

// What a gateway shows is asked there, at the address with the same host part;
// what it does not show is not asked at the address that production has.
func TestTestGatesGoThroughTheGateway(t *testing.T) {
	at := NetworkSite{Subnet: "10.2.0.0/24", TestSwitch: "t", TestSubnet: "172.31.2.0/24"}
	for _, c := range []struct {
		name string
		gate Gate
		at   NetworkSite
		via  bool
		want string
	}{
		{"tcp", Gate{TCP: &TCPGate{Ports: []int{53, 88}}}, at, true, "172.31.2.20:53 172.31.2.20:88"},
		{"tcp at another address of the network", Gate{TCP: &TCPGate{Ports: []int{53}, Address: "10.2.0.9"}}, at, true, "172.31.2.9:53"},
		{"tcp elsewhere", Gate{TCP: &TCPGate{Ports: []int{53}, Address: "10.9.0.9"}}, at, false, ""},
		{"http", Gate{HTTP: &HTTPGate{URL: "http://{ip}:8080/health"}}, at, true, "http://172.31.2.20:8080/health"},
		{"http by name", Gate{HTTP: &HTTPGate{URL: "http://erp/health"}}, at, false, ""},
		{"heartbeat", Gate{Heartbeat: &HeartbeatGate{}}, at, false, ""},
		{"no gateway", Gate{TCP: &TCPGate{Ports: []int{53}}}, NetworkSite{Subnet: "10.2.0.0/24"}, false, ""},
	} {
		g := testGate(c.gate, "10.2.0.20", c.at)
		if got := strings.Join(g.Addresses, " ") + g.URL; (g.Via == "172.31.2.0/24") != c.via || c.via && got != c.want {
			t.Errorf("%s: via %q, %q", c.name, g.Via, got)
		}
		if c.via != strings.Contains(g.Text, "through the test gateway") {
			t.Errorf("%s: %q", c.name, g.Text)
		}
	}
}

func TestATestSubnetThatCouldBeProduction(t *testing.T) {
	for site, words := range map[string]string{
		"subnet: 10.2.0.0/24, test_switch: t, test_subnet: 10.1.0.0/24":   "production could answer",
		"subnet: 10.2.0.0/24, test_switch: t, test_subnet: 172.31.0.0/16": "does not fit",
		"subnet: 10.2.0.0/24, test_subnet: 172.31.2.0/24":                 "no test network behind it",
		"subnet: 10.2.0.0/24, test_switch: t, test_subnet: bubble":        "is no subnet",
		"subnet: 10.2.0.0/24, test_switch: t, test_subnet: 172.31.2.0/24": "",
	} {
		files := drilling("")
		files[0].Data = []byte(strings.Replace(string(files[0].Data), "{site: hq, switch: s}, {site: dr, switch: s, test_switch: t}", "{site: hq, switch: s, subnet: 10.1.0.0/24}, {site: dr, switch: s, "+site+"}", 1))
		_, err := Decode(files)
		if words == "" && err != nil || words != "" && (err == nil || !strings.Contains(err.Error(), words)) {
			t.Errorf("%s: %v", site, err)
		}
	}
}

// A drill of some stages asks nobody about the others: manual steps and notices
// belong to the stage that they are written after, also to one without a VM here.
func TestADrillOfSomeStagesAsksNobodyAboutTheOthers(t *testing.T) {
	cfg := decodedDrills(t, `drills: [{name: d, plan: all, cron: "0 6 * * SUN"}]`)
	manual := func(name string) Step {
		return Step{Manual: &ManualStep{Name: name, Text: name}, Only: []Operation{TestFailover}}
	}
	base, top, none := cfg.Plans[0].Steps[0], cfg.Plans[0].Steps[1], cfg.Plans[0].Steps[1]
	none.Stage, none.VMs = "none", []PlanVM{top.VMs[0]}
	none.VMs[0].Policy = PolicyNever
	cfg.Plans[0].Steps = []Step{manual("before all"), base, manual("after base"), top, manual("after top"),
		{Notice: &Notice{Text: "top is up"}, Only: []Operation{TestFailover}}, none, manual("after none")}
	for _, c := range []struct {
		of   []string
		want []string
	}{
		{[]string{base.Stage}, []string{"before all", base.Stage, "after base"}},
		{[]string{top.Stage}, []string{"before all", top.Stage, "after top", "notice"}},
		{nil, []string{"before all", base.Stage, "after base", top.Stage, "after top", "notice", "after none"}},
	} {
		cfg.Drills[0].Stages = c.of
		in, err := ResolveDrill(cfg, cfg.Drills[0], DrillStart{Due: anyDay, Now: anyDay, Speed: 1})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i, step := range in.Steps {
			got = append(got, step.Name)
			if step.Number != i+1 {
				t.Errorf("%s has number %d", step.Name, step.Number)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("of %v: %v, want %v", c.of, got, c.want)
		}
	}
}

// A moment that nobody was there for is reported a quarter of an hour later; a drill
// that was run by hand meanwhile is the last.
func TestAMissedDrillThatIsReportedLateIsNotTheLast(t *testing.T) {
	due := time.Date(2026, 7, 5, 6, 0, 0, 0, time.UTC)
	one := func(run string, due time.Time, v Verdict) Report {
		return Report{Status: RunStatus{RunID: run, Verdict: v}, Input: RunInput{Operation: TestFailover, Drill: &DrillNote{Calendar: "weekly", Due: due}}}
	}
	reports := []Report{one("missed", due, VerdictRefused), one("by-hand", due.Add(10*time.Minute), VerdictDone), one("before", due.AddDate(0, 0, -7), VerdictDone)}
	if last := LastOfDrill("weekly", reports); last == nil || last.Status.RunID != "by-hand" {
		t.Errorf("the last is %+v", last)
	}
	if last := LastOfDrill("other", reports); last != nil {
		t.Errorf("the last of another is %+v", last)
	}
}
