package journal

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// What a schedule measured that is wanted no longer is rolled up, thinned out and
// forgotten like everything else, by the ticks of the others; and nothing is lost of
// one whose host was only away.
func TestTheHistoryOfARemovedScheduleIsThinned(t *testing.T) {
	j, _ := scratch(t)
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	id := func(host string) plans.HostSchedule {
		return plans.HostSchedule{ScheduleID: plans.ScheduleID{Host: host, Frequency: plans.Frequency(30 * time.Second)}, Every: 30 * time.Second, Speed: 1,
			Legs: []plans.WatchedLeg{{VM: "vm-" + host, Leg: plans.FirstLeg, From: host, To: "X"}}}
	}
	tick := func(host string) {
		t.Helper()
		_, err := j.Tick(id(host), plans.HostTick{Host: host, At: at, Clock: at, Copies: []plans.WatchedCopy{{VM: "vm-" + host, Mode: "Primary", State: "Replicating", Health: "Normal",
			Relations: []plans.WatchedRelation{{State: "Replicating", Health: "Normal", LastReplication: at.Add(-time.Minute)}}}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	const ticks = 300
	for range ticks {
		tick("gone")
		tick("away")
		at = at.Add(30 * time.Second)
	}
	if err := j.EndSchedule(id("gone").ScheduleID); err != nil {
		t.Fatal(err)
	}
	known := func(host string, step time.Duration) (n int) {
		legs, err := j.History("vm-"+host, time.Time{}, step)
		if err != nil {
			return -1
		}
		for _, p := range legs[0].Points {
			n += p.Known
		}
		return n
	}
	for _, c := range []struct {
		after              time.Duration
		raw, hours, days   int // values that are left of the schedule that is gone
		known, knownOfAway int
	}{
		{2 * plans.HourStep, ticks, 3, 0, ticks, ticks},
		{plans.KeepTicks + plans.DayStep, 0, 3, 1, ticks, ticks},
		{plans.KeepHours + plans.DayStep, 0, 0, 1, ticks, ticks},
		{plans.KeepDays + plans.DayStep, 0, 0, 0, -1, 0},
	} {
		at = at.Add(c.after)
		for range 40 { // each tick looks after one more
			tick("live")
			at = at.Add(time.Second)
		}
		raw, hours, days := left(t, j, 1)
		if raw != c.raw || hours != c.hours || days != c.days {
			t.Errorf("after %s: %d ticks, %d hours and %d days are left, want %d, %d and %d", c.after, raw, hours, days, c.raw, c.hours, c.days)
		}
		if n := known("gone", plans.DayStep); n != c.known {
			t.Errorf("after %s: %d measures are known, want %d", c.after, n, c.known)
		}
		if n := known("away", plans.DayStep); n != c.knownOfAway {
			t.Errorf("after %s: %d measures of the host that is away, want %d", c.after, n, c.knownOfAway)
		}
	}
	// Its schedule is still wanted: it goes on where it was.
	tick("away")
	if n := known("away", 0); n != 1 {
		t.Errorf("back again: %d", n)
	}
	names := []string{}
	_ = j.view(func(tx *bolt.Tx) error {
		return readHistory(tx).streams.ForEach(func(k, _ []byte) error { names = append(names, string(k)); return nil })
	})
	if want := fmt.Sprint([]string{id("away").String(), id("live").String()}); fmt.Sprint(names) != want {
		t.Errorf("schedules %v, want %s", names, want)
	}
}

// left is how many values a schedule has in each part.
func left(t *testing.T, j *Journal, schedule uint32) (ticks, hours, days int) {
	t.Helper()
	err := j.view(func(tx *bolt.Tx) error {
		h := readHistory(tx)
		for b, n := range map[*bolt.Bucket]*int{h.ticks: &ticks, h.hours: &hours, h.days: &days} {
			err := b.ForEach(func(k, _ []byte) error {
				if binary.BigEndian.Uint32(k) == schedule {
					*n++
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ticks, hours, days
}

// A tick that is written a little after those of others is in its hour's roll-up.
func TestALateTickIsRolledUpToo(t *testing.T) {
	j, _ := scratch(t)
	hour := time.Date(2026, 3, 1, 1, 0, 0, 0, time.UTC)
	sample := []plans.Sample{{VM: "a", Leg: plans.FirstLeg, Measured: true, Known: true, RPO: time.Minute}}
	j.put(t, "slow", hour.Add(-time.Minute), sample)
	err := j.update(func(tx *bolt.Tx) error {
		h, err := openHistory(tx)
		if err == nil {
			err = h.thin("slow", hour.Add(5*time.Second))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	j.put(t, "slow", hour.Add(-time.Second), sample)
	j.put(t, "slow", hour.Add(2*time.Minute), sample)
	legs, err := j.History("a", hour.Add(-plans.HourStep), plans.HourStep)
	if err != nil || len(legs[0].Points) != 2 || legs[0].Points[0].Known != 2 {
		t.Errorf("%+v, %v", legs, err)
	}
}
