package journal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/lifeboat-dr/lifeboat/plans"
)

func scratch(tb testing.TB) (*Journal, string) {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "journal.db")
	j, err := Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	j.db.NoSync = true // what is on disk after a power cut is not the question here
	tb.Cleanup(func() { _ = j.Close() })
	return j, name
}

// put writes samples as a schedule's tick would.
func (j *Journal) put(tb testing.TB, schedule string, at time.Time, samples []plans.Sample) {
	tb.Helper()
	if err := j.update(func(tx *bolt.Tx) error {
		h, err := openHistory(tx)
		if err != nil {
			return err
		}
		return h.add(schedule, at, samples)
	}); err != nil {
		tb.Fatal(err)
	}
}

func randomSample(r *rand.Rand, vm string, leg plans.Leg) plans.Sample {
	s := plans.Sample{VM: vm, Leg: leg, Missed: uint32(r.IntN(3)) * uint32(r.IntN(2)), Measured: r.IntN(8) > 0}
	if s.Measured {
		s.Known, s.RPO, s.Health = r.IntN(5) > 0, time.Duration(r.IntN(1<<r.IntN(18)))*time.Second, plans.Healths[r.IntN(len(plans.Healths))]
		if r.IntN(2) == 0 {
			backlog := uint64(r.IntN(1<<30)) * 1024
			s.Backlog = &backlog
		}
	}
	return s
}

// naive is the history as anybody would compute it from all that was measured.
func naive(all []plans.RPOPoint, since time.Time, step time.Duration) []plans.RPOPoint {
	byStart := map[time.Time][]plans.RPOPoint{}
	for _, p := range all {
		from := p.From.Truncate(step)
		byStart[from] = append(byStart[from], p)
	}
	out := []plans.RPOPoint{}
	for from, points := range byStart {
		if from.Before(since.Truncate(step)) {
			continue
		}
		span := plans.RPOPoint{From: from, To: from.Add(step)}
		worst := 0
		for _, p := range points {
			if p.Known > 0 && (span.Known == 0 || p.Min < span.Min) {
				span.Min = p.Min
			}
			span.Max, span.Backlog = max(span.Max, p.Max), max(span.Backlog, p.Backlog)
			span.Known, span.Unknown, span.Missed, span.Sum = span.Known+p.Known, span.Unknown+p.Unknown, span.Missed+p.Missed, span.Sum+p.Sum
			worst = max(worst, slices.Index(plans.Healths, p.Health))
		}
		span.Health = plans.Healths[worst]
		out = append(out, span)
	}
	slices.SortFunc(out, func(a, b plans.RPOPoint) int { return a.From.Compare(b.From) })
	return out
}

// FuzzRollups lets two schedules write of three legs, with pauses from seconds
// to days, and compares every step with a naive recomputation; the file is
// opened anew in between.
func FuzzRollups(f *testing.F) {
	for seed := range uint64(6) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 7))
		j, name := scratch(t)
		at := time.Date(2026, 3, 1, 22, 40, 0, 0, time.UTC)
		began := at
		legs := []plans.LegHistory{{VM: "a", Leg: plans.FirstLeg}, {VM: "a", Leg: plans.ExtendedLeg}, {VM: "b", Leg: plans.FirstLeg}}
		all := make([][]plans.RPOPoint, len(legs))
		for i := range 400 {
			at = at.Add(time.Duration(1+r.IntN(1<<(5+r.IntN(14)))) * time.Second / 2)
			if r.IntN(150) == 0 {
				at = at.Add(time.Duration(r.IntN(60)) * time.Hour)
			}
			var samples []plans.Sample
			for k, leg := range legs {
				if r.IntN(3) > 0 {
					s := randomSample(r, leg.VM, leg.Leg)
					samples, all[k] = append(samples, s), append(all[k], plans.PointOf(s, at))
				}
			}
			j.put(t, fmt.Sprintf("h%d/30s", r.IntN(2)), at, samples)
			if i == 200 {
				_ = j.Close()
				var err error
				if j, err = Open(name); err != nil {
					t.Fatal(err)
				}
				defer func() { _ = j.Close() }()
			}
		}
		for k, leg := range legs {
			for _, step := range []time.Duration{plans.HourStep, plans.DayStep} {
				compare(t, j, leg, step, began, naive(all[k], began, step))
			}
			recent := at.Add(-plans.KeepTicks).Add(time.Second)
			var ticks []plans.RPOPoint
			for _, p := range all[k] {
				if !p.From.Before(recent) {
					ticks = append(ticks, p)
				}
			}
			compare(t, j, leg, 0, recent, ticks)
		}
	})
}

func compare(t *testing.T, j *Journal, leg plans.LegHistory, step time.Duration, since time.Time, want []plans.RPOPoint) {
	t.Helper()
	got, err := j.History(leg.VM, since, step)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(got, func(h plans.LegHistory) bool { return h.Leg == leg.Leg })
	if i < 0 || len(got[i].Points) != len(want) {
		t.Fatalf("%s %s by %s: %d points, want %d", leg.VM, leg.Leg, step, len(got[i].Points), len(want))
	}
	for n, p := range got[i].Points {
		if p != want[n] {
			t.Fatalf("%s %s by %s, point %d:\n got %+v\nwant %+v", leg.VM, leg.Leg, step, n, p, want[n])
		}
	}
}

// What is old is forgotten step by step: the file stays within its bounds.
func TestHistoryIsBounded(t *testing.T) {
	j, _ := scratch(t)
	r := rand.New(rand.NewPCG(1, 1))
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	const every = time.Hour
	for end := at.Add(400 * 24 * time.Hour); at.Before(end); at = at.Add(every) {
		j.put(t, "h/15m", at, []plans.Sample{randomSample(r, "a", plans.FirstLeg)})
	}
	var n map[string]int
	if err := j.view(func(tx *bolt.Tx) error {
		h := readHistory(tx)
		n = map[string]int{"ticks": h.ticks.Stats().KeyN, "hours": h.hours.Stats().KeyN, "days": h.days.Stats().KeyN}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"ticks": int(plans.KeepTicks/every) + 1, "hours": int(plans.KeepHours / plans.HourStep), "days": 399}
	for part, most := range want {
		if n[part] > most || n[part] < most-2 {
			t.Errorf("%d %s are kept, want about %d", n[part], part, most)
		}
	}
}

func TestHistoryOfAnUnknownVM(t *testing.T) {
	j, name := scratch(t)
	if _, err := j.History("a", time.Time{}, 0); !errors.Is(err, ErrNoHistory) {
		t.Errorf("an empty journal: %v", err)
	}
	j.put(t, "h/30s", time.Now(), []plans.Sample{{VM: "a", Leg: plans.FirstLeg, Measured: true}})
	if _, err := j.History("b", time.Time{}, 0); !errors.Is(err, ErrNoHistory) {
		t.Errorf("another VM: %v", err)
	}
	_ = j.Close()
	read, err := OpenReadOnly(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = read.Close() }()
	if got, err := read.History("A", time.Time{}, 0); err != nil || len(got) != 1 || len(got[0].Points) != 1 {
		t.Errorf("read only: %+v, %v", got, err)
	}
}

func FuzzDecodePoints(f *testing.F) {
	f.Add([]byte{1, 1, 0, 2, 0, 0, 30})
	f.Add([]byte{1, 2, 0, 2, 0, 0, 30, 5})
	f.Fuzz(func(t *testing.T, data []byte) {
		points, err := decode(data)
		if err != nil {
			return
		}
		again, err := decode(encode(points))
		if err != nil || len(again) != len(points) {
			t.Fatalf("%d points, then %d, %v", len(points), len(again), err)
		}
	})
}

// A host's tick over the whole way: what was said, what became of it, and a host
// that is away.
func TestATickIsKept(t *testing.T) {
	j, _ := scratch(t)
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	leg := plans.WatchedLeg{VM: "a", Label: "DB", Leg: plans.FirstLeg, From: "A", To: "B", Target: plans.Duration(time.Minute)}
	of := func(host string) plans.HostSchedule {
		return plans.HostSchedule{ScheduleID: plans.ScheduleID{Host: host, Frequency: plans.Frequency(30 * time.Second)}, Every: 30 * time.Second, Speed: 1, Legs: []plans.WatchedLeg{leg}}
	}
	tick := func(host, mode string, age time.Duration, missed uint32) plans.TickResult {
		t.Helper()
		r, err := j.Tick(of(host), plans.HostTick{Host: host, At: at, Clock: at, Copies: []plans.WatchedCopy{{
			VM: "a", Mode: mode, State: "Replicating", Health: "Normal",
			Relations: []plans.WatchedRelation{{State: "Replicating", Health: "Normal", LastReplication: at.Add(-age), Missed: &missed}},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		at = at.Add(15 * time.Second)
		return r
	}
	tick("A", "Primary", 10*time.Second, 4)
	if r := tick("B", "Replica", 90*time.Second, 0); r.Late != 1 || r.Worst == nil || r.Worst.RPO != plans.Duration(90*time.Second) {
		t.Errorf("a late copy: %+v", r)
	}
	if r := tick("A", "Primary", 10*time.Second, 6); r.Missed != 2 {
		t.Errorf("two cycles missed: %+v", r)
	}
	gone, err := j.NoTick(of("A"), at, "no answer")
	if err != nil || gone.Reached || !gone.Since.Equal(at) {
		t.Errorf("away: %+v, %v", gone, err)
	}
	later, err := j.NoTick(of("A"), at.Add(time.Hour), "no answer")
	if err != nil || !later.Since.Equal(at) {
		t.Errorf("away since %s, want %s, %v", later.Since, at, err)
	}
	records, err := j.Records()
	if err != nil || len(records) != 2 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	h, err := j.History("a", at.Add(-time.Hour), 0)
	if err != nil {
		t.Fatal(err)
	}
	var known, missed int
	for _, p := range h[0].Points {
		known, missed = known+p.Known, missed+p.Missed
	}
	if err := j.EndSchedule(of("A").ScheduleID); err != nil {
		t.Fatal(err)
	}
	if records, _ := j.Records(); len(records) != 1 || records[0].Schedule.Host != "B" {
		t.Errorf("after its end: %+v", records)
	}
	// The first tick of A had nobody beside it; the second left it to B.
	if known != 2 || missed != 2 || h[0].Now == nil || !h[0].Now.Late() {
		t.Errorf("known %d, missed %d, now %+v", known, missed, h[0].Now)
	}
}

// BenchmarkGrowth is a day of one host with 20 VMs at 30 s: bytes of the file per
// VM, and time per tick.
func BenchmarkGrowth(b *testing.B) {
	for range b.N {
		j, name := scratch(b)
		r := rand.New(rand.NewPCG(2, 2))
		at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		const vms, hosts = 20, 5
		day := func() {
			for end := at.Add(24 * time.Hour); at.Before(end); at = at.Add(30 * time.Second) {
				_ = j.update(func(tx *bolt.Tx) error {
					h, err := openHistory(tx)
					if err != nil {
						return err
					}
					for host := range hosts {
						samples := make([]plans.Sample, vms)
						for i := range samples {
							samples[i] = randomSample(r, fmt.Sprintf("%d-%d", host, i), plans.FirstLeg)
						}
						if err := h.add(fmt.Sprintf("h%d/30s", host), at, samples); err != nil {
							return err
						}
					}
					return nil
				})
			}
		}
		size := func() int64 {
			info, err := os.Stat(name)
			if err != nil {
				b.Fatal(err)
			}
			return info.Size()
		}
		day()
		first := size()
		for range 3 {
			day()
		}
		full := size()
		for range 3 {
			day()
		}
		b.ReportMetric(float64(first)/(vms*hosts), "B/VM/first-day")
		b.ReportMetric(float64(full)/(vms*hosts), "B/VM/ticks-full")
		b.ReportMetric(float64(size()-full)/3/(vms*hosts), "B/VM/day-after")
	}
}
