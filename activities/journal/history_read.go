package journal

import (
	"fmt"
	"slices"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Records are the last ticks of all schedules that have not ended, by name.
func (j *Journal) Records() (all []plans.TickRecord, err error) {
	all = []plans.TickRecord{}
	err = j.view(func(tx *bolt.Tx) error {
		h := readHistory(tx)
		if h == nil {
			return nil
		}
		return h.records.ForEach(func(k, _ []byte) error {
			var r plans.TickRecord
			err := get(h.records, string(k), &r)
			all = append(all, r)
			return err
		})
	})
	return all, err
}

// History is what was measured of a VM's legs since a moment, in one step: 0 for
// single ticks. A step that has not ended yet is among them. A VM that no
// schedule has measured is ErrNoHistory.
func (j *Journal) History(vm string, since time.Time, step time.Duration) (legs []plans.LegHistory, err error) {
	err = j.view(func(tx *bolt.Tx) error {
		h := readHistory(tx)
		for _, leg := range []plans.Leg{plans.FirstLeg, plans.ExtendedLeg} {
			if h == nil {
				break
			}
			var s series
			if err := get(h.series, seriesKey(vm, leg), &s); err != nil {
				return err
			}
			if s.Number == 0 {
				continue
			}
			points, err := h.points(s, since, step)
			if err != nil {
				return err
			}
			now, err := h.standing(vm, leg)
			if err != nil {
				return err
			}
			legs = append(legs, plans.LegHistory{VM: vm, Leg: leg, Step: plans.Duration(step), Points: points, Now: now})
		}
		if legs == nil {
			return fmt.Errorf("%w: %s", ErrNoHistory, vm)
		}
		return nil
	})
	return legs, err
}

// points reads a leg from every schedule that wrote of it. What is rolled up
// comes from there, the rest from what it will be made of.
func (h *history) points(s series, since time.Time, step time.Duration) ([]plans.RPOPoint, error) {
	points := []plans.RPOPoint{}
	rolled := map[uint32]stream{}
	err := h.streams.ForEach(func(k, _ []byte) error {
		var st stream
		err := get(h.streams, string(k), &st)
		rolled[st.Number] = st
		return err
	})
	if err != nil {
		return nil, err
	}
	read := func(b *bolt.Bucket, schedule uint32, begin, end int64, long, unit time.Duration) error {
		return between(b, schedule, begin, end, func(at int64, all []numbered) {
			for _, p := range all {
				if p.number == s.Number {
					p.point.From = time.UnixMilli(at * int64(unit/time.Millisecond)).UTC()
					p.point.To = p.point.From.Add(long)
					points = append(points, p.point)
				}
			}
		})
	}
	const forever = 1 << 60
	for _, schedule := range s.Streams {
		st := rolled[schedule]
		ticks, hours := since.UnixMilli(), int64(forever)
		if step >= plans.HourStep {
			ticks = max(ticks, st.Hours*1000)
			begin := since.Truncate(plans.HourStep).Unix()
			if step >= plans.DayStep {
				if err := read(h.days, schedule, since.Truncate(plans.DayStep).Unix(), st.Days, plans.DayStep, time.Second); err != nil {
					return nil, err
				}
				begin = max(begin, st.Days)
			}
			if err := read(h.hours, schedule, begin, hours, plans.HourStep, time.Second); err != nil {
				return nil, err
			}
		}
		if err := read(h.ticks, schedule, ticks, forever, 0, time.Millisecond); err != nil {
			return nil, err
		}
	}
	if step > 0 {
		return plans.RollUp(points, step), nil
	}
	slices.SortStableFunc(points, func(a, b plans.RPOPoint) int { return a.From.Compare(b.From) })
	return points, nil
}

// standing is how a leg stands. The schedules of both ends know what both said,
// so the later look is the better one.
func (h *history) standing(vm string, leg plans.Leg) (now *plans.LegStatus, err error) {
	err = h.records.ForEach(func(k, _ []byte) error {
		var r plans.TickRecord
		if err := get(h.records, string(k), &r); err != nil {
			return err
		}
		for _, l := range r.Legs {
			if l.VM == strings.ToLower(vm) && l.Leg == leg && (now == nil || l.At.After(now.At)) {
				now = &l
			}
		}
		return nil
	})
	return now, err
}
