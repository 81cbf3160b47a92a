package journal

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// The history of replication lies beside the entries and outside their chain:
// it is measured, thinned out and forgotten, which a chain cannot be.
//
// One schedule's samples of one tick are one value, so that a tick writes a page
// or two whatever the number of VMs. Once an hour has passed its ticks are
// rolled up, and after the day its hours.
var (
	historyBucket = []byte("history")
	ticksBucket   = []byte("ticks")   // schedule, time → samples
	hoursBucket   = []byte("hours")   // schedule, hour → points
	daysBucket    = []byte("days")    // schedule, day → points
	seriesBucket  = []byte("series")  // VM and leg → number, schedules
	recordsBucket = []byte("records") // schedule's name → JSON of its TickRecord
	streamsBucket = []byte("streams") // schedule's name → number, rolled up until
)

// pruneAtOnce bounds how many old values one tick forgets.
const pruneAtOnce = 64

// ErrNoHistory says that no schedule has measured the VM.
var ErrNoHistory = errors.New("there is no history of this VM")

// stream is one schedule in the file.
type stream struct {
	Number uint32 `json:"n"`
	// Hours and Days are up to when ticks and hours are rolled up, in Unix
	// seconds.
	Hours int64 `json:"h"`
	Days  int64 `json:"d"`
}

// series is one leg of one VM in the file, and the schedules that wrote of it.
type series struct {
	Number  uint64   `json:"n"`
	Streams []uint32 `json:"s"`
}

// Tick keeps what a host answered to a schedule: the record, the samples, and
// what is due to be rolled up or forgotten, in one transaction.
func (j *Journal) Tick(s plans.HostSchedule, tick plans.HostTick) (result plans.TickResult, err error) {
	err = j.update(func(tx *bolt.Tx) error {
		h, err := openHistory(tx)
		if err != nil {
			return err
		}
		before, err := h.record(s.ScheduleID)
		if err != nil {
			return err
		}
		var broken error
		others := map[string]plans.TickRecord{}
		record, samples, short := plans.MeasureTick(s, tick, before, func(host string) plans.TickRecord {
			r, ok := others[host]
			if !ok {
				r, err = h.record(plans.ScheduleID{Host: host, Frequency: s.Frequency})
				broken, others[host] = errors.Join(broken, err), r
			}
			return r
		})
		if broken != nil {
			return broken
		}
		result = short
		if err := h.keep(record); err != nil {
			return err
		}
		if err := h.add(s.String(), tick.At, samples); err != nil {
			return err
		}
		j.turn, err = h.thinNext(j.turn, tick.At)
		return err
	})
	if err != nil {
		return plans.TickResult{}, fmt.Errorf("write to the journal: %w", err)
	}
	return result, nil
}

// NoTick keeps that a host did not answer.
func (j *Journal) NoTick(s plans.HostSchedule, at time.Time, why string) (result plans.TickResult, err error) {
	err = j.update(func(tx *bolt.Tx) error {
		h, err := openHistory(tx)
		if err != nil {
			return err
		}
		before, err := h.record(s.ScheduleID)
		if err != nil {
			return err
		}
		record, short := plans.Unanswered(s, at, clip(why), before)
		result = short
		return h.keep(record)
	})
	if err != nil {
		return plans.TickResult{}, fmt.Errorf("write to the journal: %w", err)
	}
	return result, nil
}

// EndSchedule forgets the last tick of a schedule that the configuration has no
// longer; what it measured stays as long as it is kept.
func (j *Journal) EndSchedule(id plans.ScheduleID) error {
	return j.update(func(tx *bolt.Tx) error {
		if h := readHistory(tx); h != nil {
			return h.records.Delete([]byte(id.String()))
		}
		return nil
	})
}

// history is the buckets in one transaction; any may be nil when reading.
type history struct{ ticks, hours, days, series, records, streams *bolt.Bucket }

func openHistory(tx *bolt.Tx) (*history, error) {
	root, err := tx.CreateBucketIfNotExists(historyBucket)
	if err != nil {
		return nil, err
	}
	h := &history{}
	for name, b := range h.parts() {
		if *b, err = root.CreateBucketIfNotExists([]byte(name)); err != nil {
			return nil, err
		}
	}
	// Values come in the order of time within a schedule and never change.
	h.ticks.FillPercent, h.hours.FillPercent, h.days.FillPercent = 0.9, 0.9, 0.9
	return h, nil
}

func (h *history) parts() map[string]**bolt.Bucket {
	return map[string]**bolt.Bucket{
		string(ticksBucket): &h.ticks, string(hoursBucket): &h.hours, string(daysBucket): &h.days,
		string(seriesBucket): &h.series, string(recordsBucket): &h.records, string(streamsBucket): &h.streams,
	}
}

// readHistory is nil when nothing was ever kept.
func readHistory(tx *bolt.Tx) *history {
	root := tx.Bucket(historyBucket)
	if root == nil {
		return nil
	}
	h := &history{}
	for name, b := range h.parts() {
		if *b = root.Bucket([]byte(name)); *b == nil {
			return nil
		}
	}
	return h
}

func (h *history) record(id plans.ScheduleID) (r plans.TickRecord, err error) {
	return r, get(h.records, id.String(), &r)
}

func (h *history) keep(r plans.TickRecord) error { return put(h.records, r.Schedule.String(), r) }

func get(b *bolt.Bucket, key string, into any) error {
	text := b.Get([]byte(key))
	if text == nil {
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("the history of %s is damaged: %w", key, err)
	}
	return nil
}

func put(b *bolt.Bucket, key string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return b.Put([]byte(key), text)
}

// add writes a tick's samples, then rolls up and forgets what is due.
func (h *history) add(schedule string, at time.Time, samples []plans.Sample) error {
	var s stream
	if err := get(h.streams, schedule, &s); err != nil {
		return err
	}
	if s.Number == 0 {
		n, err := h.streams.NextSequence()
		if err != nil {
			return err
		}
		s = stream{Number: uint32(n), Hours: at.Truncate(plans.HourStep).Unix(), Days: at.Truncate(plans.DayStep).Unix()}
	}
	points := make([]numbered, 0, len(samples))
	for _, sample := range samples {
		n, err := h.number(sample.VM, sample.Leg, s.Number)
		if err != nil {
			return err
		}
		points = append(points, numbered{n, plans.PointOf(sample, at)})
	}
	if len(points) > 0 {
		if err := h.ticks.Put(moment8(s.Number, at.UnixMilli()), encode(points)); err != nil {
			return err
		}
	}
	if err := h.rollUp(&s, at); err != nil {
		return err
	}
	if err := h.forget(s.Number, at); err != nil {
		return err
	}
	return put(h.streams, schedule, s)
}

// number is a leg's number; the schedule that writes of it is noted.
func (h *history) number(vm string, leg plans.Leg, schedule uint32) (uint64, error) {
	key := seriesKey(vm, leg)
	var s series
	if err := get(h.series, key, &s); err != nil {
		return 0, err
	}
	if slices.Contains(s.Streams, schedule) {
		return s.Number, nil
	}
	if s.Number == 0 {
		n, err := h.series.NextSequence()
		if err != nil {
			return 0, err
		}
		s.Number = n
	}
	s.Streams = append(s.Streams, schedule)
	return s.Number, put(h.series, key, s)
}

func seriesKey(vm string, leg plans.Leg) string { return strings.ToLower(vm) + " " + string(leg) }

// rollUp writes the hours and the days that have passed.
func (h *history) rollUp(s *stream, at time.Time) error {
	milli := int64(time.Second / time.Millisecond)
	var err error
	if s.Hours, err = roll(h.ticks, h.hours, s.Number, s.Hours, at, plans.HourStep, milli); err != nil {
		return err
	}
	s.Days, err = roll(h.hours, h.days, s.Number, s.Days, at, plans.DayStep, 1)
	return err
}

// roll joins what lies in from since the Unix second done into whole steps of
// into, and says up to where; unit is how many of from's units a second has.
func roll(from, into *bolt.Bucket, schedule uint32, done int64, at time.Time, step time.Duration, unit int64) (int64, error) {
	end := at.UTC().Truncate(step).Unix()
	if end <= done {
		return done, nil
	}
	byLeg := map[uint64][]plans.RPOPoint{}
	err := between(from, schedule, done*unit, end*unit, func(at int64, points []numbered) {
		begin := time.UnixMilli(at * int64(time.Second/time.Millisecond) / unit).UTC()
		for _, p := range points {
			p.point.From = begin
			byLeg[p.number] = append(byLeg[p.number], p.point)
		}
	})
	if err != nil {
		return done, err
	}
	spans := map[int64][]numbered{}
	for number, points := range byLeg {
		for _, p := range plans.RollUp(points, step) {
			spans[p.From.Unix()] = append(spans[p.From.Unix()], numbered{number, p})
		}
	}
	for begin, points := range spans {
		slices.SortFunc(points, func(a, b numbered) int { return int(a.number) - int(b.number) })
		if err := into.Put(moment8(schedule, begin), encode(points)); err != nil {
			return done, err
		}
	}
	return end, nil
}

// forget removes what is older than it is kept, a part at a time.
func (h *history) forget(schedule uint32, at time.Time) error {
	for _, part := range []struct {
		bucket *bolt.Bucket
		limit  int64
	}{
		{h.ticks, at.Add(-plans.KeepTicks).UnixMilli()},
		{h.hours, at.Add(-plans.KeepHours).Unix()},
		{h.days, at.Add(-plans.KeepDays).Unix()},
	} {
		var old [][]byte
		c := part.bucket.Cursor()
		end := moment8(schedule, part.limit)
		for k, _ := c.Seek(moment8(schedule, 0)); k != nil && string(k) < string(end) && len(old) < pruneAtOnce; k, _ = c.Next() {
			old = append(old, slices.Clone(k))
		}
		for _, k := range old {
			if err := part.bucket.Delete(k); err != nil {
				return err
			}
		}
	}
	return nil
}

// between reads what a schedule wrote from begin on and before end.
func between(b *bolt.Bucket, schedule uint32, begin, end int64, each func(at int64, points []numbered)) error {
	stop := moment8(schedule, end)
	c := b.Cursor()
	for k, v := c.Seek(moment8(schedule, begin)); k != nil && string(k) < string(stop); k, v = c.Next() {
		points, err := decode(v)
		if err != nil {
			return err
		}
		each(int64(binary.BigEndian.Uint64(k[4:])), points)
	}
	return nil
}

// moment8 is a key: the schedule's number, then the time.
func moment8(schedule uint32, at int64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, schedule), uint64(max(at, 0)))
}
