package journal

import (
	"encoding/binary"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// lateTick is how long after its moment a schedule's own tick may still be written:
// what others roll up for it ends before that.
const lateTick = plans.HourStep

// thinNext rolls up and forgets what is due of the schedule after the one that had
// its turn last, and says which that was. One that is wanted no longer, or whose
// host is away, does it by no tick of its own; so every tick looks after one more.
func (h *history) thinNext(turn string, at time.Time) (string, error) {
	c := h.streams.Cursor()
	k, _ := c.Seek([]byte(turn))
	if k != nil && string(k) == turn {
		k, _ = c.Next()
	}
	if k == nil {
		k, _ = c.First()
	}
	if k == nil {
		return "", nil
	}
	turn = string(k)
	return turn, h.thin(turn, at)
}

func (h *history) thin(schedule string, at time.Time) error {
	var s stream
	if err := get(h.streams, schedule, &s); err != nil {
		return err
	}
	before := s
	if err := h.rollUp(&s, at.Add(-lateTick)); err != nil {
		return err
	}
	if err := h.forget(s.Number, at); err != nil {
		return err
	}
	switch {
	case h.records.Get([]byte(schedule)) == nil && h.empty(s.Number):
		return h.drop(schedule, s.Number)
	case s == before:
		return nil
	}
	return put(h.streams, schedule, s)
}

// empty is true when nothing is left of what a schedule measured.
func (h *history) empty(schedule uint32) bool {
	for _, b := range []*bolt.Bucket{h.ticks, h.hours, h.days} {
		k, _ := b.Cursor().Seek(moment8(schedule, 0))
		if k != nil && binary.BigEndian.Uint32(k) == schedule {
			return false
		}
	}
	return true
}

// drop forgets a schedule of which nothing is left, and the legs that only it wrote
// of. Its number is not given again.
func (h *history) drop(schedule string, number uint32) error {
	left := map[string]series{}
	err := h.series.ForEach(func(k, _ []byte) error {
		var s series
		if err := get(h.series, string(k), &s); err != nil || !slices.Contains(s.Streams, number) {
			return err
		}
		s.Streams = slices.DeleteFunc(s.Streams, func(n uint32) bool { return n == number })
		left[string(k)] = s
		return nil
	})
	if err != nil {
		return err
	}
	for k, s := range left {
		if len(s.Streams) == 0 {
			err = h.series.Delete([]byte(k))
		} else {
			err = put(h.series, k, s)
		}
		if err != nil {
			return err
		}
	}
	return h.streams.Delete([]byte(schedule))
}
