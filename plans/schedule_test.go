package plans

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// From any moment the first tick is less than a period away and lies on the
// schedule's own grid; so does every tick after it, whatever the delay, and each
// delay is one tick, not a burst.
func TestTicksKeepTheirRhythm(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 5000 {
		every := time.Duration(2000+r.IntN(900_000)) * time.Millisecond
		offset := OffsetOf(string(rune('a'+r.IntN(26)))+"host", every)
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.Int64N(int64(900 * 24 * time.Hour))))
		planned := FirstTick(now, every, offset)
		if d := planned.Sub(now); d <= 0 || d > every || planned.Sub(planned.Truncate(every)) != offset%every {
			t.Fatalf("first tick of %s + %s after %s is %s", every, offset, now, planned)
		}
		delay := time.Duration(r.Int64N(int64(3 * 24 * time.Hour)))
		if r.IntN(2) == 0 {
			delay = time.Duration(r.Int64N(int64(every)))
		}
		ended := planned.Add(delay)
		next, missed := NextTick(planned, ended, every)
		if d := next.Sub(ended); d <= 0 || d > every || next.Sub(planned) != time.Duration(missed+1)*every {
			t.Fatalf("planned %s, ended %s: next %s, missed %d (every %s)", planned, ended, next, missed, every)
		}
		if delay < every && missed != 0 {
			t.Fatalf("a delay of %s of %s counts as %d missed ticks", delay, every, missed)
		}
	}
	// A clock that was set back does not bring a tick forward twice.
	planned := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if next, missed := NextTick(planned, planned.Add(-time.Hour), time.Minute); missed != 0 || !next.Equal(planned.Add(time.Minute)) {
		t.Errorf("set back: %s, %d", next, missed)
	}
}

func TestScheduleNames(t *testing.T) {
	for _, text := range []string{"HV01/30s", "a/b/15m", "HV01/5m"} {
		id, err := ParseScheduleID(text)
		if err != nil || id.String() != text {
			t.Errorf("%s: %s, %v", text, id, err)
		}
	}
	for _, text := range []string{"", "HV01", "/5m", "HV01/7m", "HV01/"} {
		if id, err := ParseScheduleID(text); err == nil {
			t.Errorf("%q is taken for %s", text, id)
		}
	}
}

func TestSchedulesWatchBothEndsOfEveryLeg(t *testing.T) {
	cfg := &Config{
		Hosts: []Host{{Name: "A", ReplicaName: "a.example"}, {Name: "B"}, {Name: "C"}},
		Groups: []ProtectionGroup{
			{Name: "fast", From: "A", To: "B", Frequency: Frequency(30 * time.Second), RPO: Duration(2 * time.Minute),
				VMs: []ProtectedVM{{Name: "db", ID: "1"}}, Extends: &Extension{To: "C", Frequency: Frequency(15 * time.Minute)}},
			{Name: "slow", From: "B", To: "A", Frequency: Frequency(15 * time.Minute), VMs: []ProtectedVM{{Name: "db", ID: "2"}, {Name: "web", ID: "3"}}},
		},
	}
	var names []string
	legs := map[string]int{}
	for _, s := range Schedules(cfg, 60) {
		names = append(names, s.String())
		legs[s.String()] = len(s.Legs)
		if s.Every != max(leastTick, s.Frequency.D()/60) || s.Offset < 0 || s.Offset >= s.Every {
			t.Errorf("%s ticks every %s, offset %s", s, s.Every, s.Offset)
		}
	}
	want := []string{"A/30s", "A/15m", "B/30s", "B/15m", "C/15m"}
	if len(names) != len(want) {
		t.Fatalf("schedules %v, want %v", names, want)
	}
	for i, n := range []int{1, 2, 1, 3, 1} {
		if names[i] != want[i] || legs[want[i]] != n {
			t.Errorf("%s has %d legs, want %s with %d", names[i], legs[want[i]], want[i], n)
		}
	}
	all := Schedules(cfg, 1)
	if l := all[1].Legs[0]; l.Label != "db (2)" || l.Target != Duration(45*time.Minute) || len(l.Names) != 3 {
		t.Errorf("a leg is %+v", l)
	}
	if l := all[0].Legs[0]; l.Target != Duration(2*time.Minute) || *l.Policy.RecoveryPoints != 0 || len(all[3].VMs()) != 3 {
		t.Errorf("a leg is %+v", l)
	}
}

// A pause that somebody forgot ended history and repairs without a word; one that
// was made today is on purpose.
func TestAForgottenPauseIsTold(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	id, last := ScheduleID{Host: "HQ 1", Frequency: Frequency(5 * time.Minute)}, now.Add(-30*time.Hour)
	pause := func(ago time.Duration) *SchedulePause {
		return &SchedulePause{By: "dana", Reason: "new switch", Since: now.Add(-ago)}
	}
	if p, is := QuietSchedule(id, pause(23*time.Hour), nil, last, now); is {
		t.Errorf("of today: %+v", p)
	}
	p, is := QuietSchedule(id, pause(25*time.Hour), nil, last, now)
	if !is || !strings.Contains(p.What, "paused by dana: new switch") || !p.Since.Equal(now.Add(-25*time.Hour)) || p.Do != "lifeboat schedule resume "+ShellWord(id.String()) {
		t.Errorf("%v %+v", is, p)
	}
	stuck, is := QuietSchedule(id, nil, errors.New("no worker answers"), last, now)
	if !is || !strings.HasSuffix(stuck.What, "does not tick: no worker answers") || !stuck.Since.Equal(last) || stuck.Group == p.Group {
		t.Errorf("%v %+v", is, stuck)
	}
}
