package journal

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// numbered is a point of one leg.
type numbered struct {
	number uint64
	point  plans.RPOPoint
}

// errPoints says that a stored value is none.
var errPoints = errors.New("a value of the history is damaged")

// A value is a row of points, each a handful of small numbers: the leg, how many
// ticks measured, how many could not, the worst health, missed cycles, the
// backlog in KiB and, where a tick measured, least, further and summed seconds.
// A point of one tick takes some eight bytes.
func encode(points []numbered) []byte {
	var b []byte
	add := func(n uint64) { b = binary.AppendUvarint(b, n) }
	for _, p := range points {
		q := p.point
		add(p.number)
		add(uint64(q.Known))
		add(uint64(q.Unknown))
		add(uint64(max(0, slices.Index(plans.Healths, q.Health))))
		add(uint64(q.Missed))
		add((q.Backlog + 1023) / 1024)
		if q.Known > 0 {
			add(uint64(q.Min.D() / time.Second))
		}
		if q.Known > 1 {
			add(uint64((q.Max - q.Min).D() / time.Second))
			add(uint64(q.Sum.D() / time.Second))
		}
	}
	return b
}

func decode(b []byte) ([]numbered, error) {
	var points []numbered
	broken := false
	next := func() uint64 {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > 1<<62 {
			broken, b = true, nil
			return 0
		}
		b = b[size:]
		return n
	}
	seconds := func() plans.Duration { return plans.Duration(time.Duration(min(next(), 1<<33)) * time.Second) }
	for len(b) > 0 {
		p := numbered{number: next()}
		q := &p.point
		q.Known, q.Unknown = int(next()), int(next())
		if health := next(); health < uint64(len(plans.Healths)) {
			q.Health = plans.Healths[health]
		}
		q.Missed, q.Backlog = int(next()), next()*1024
		if q.Known > 0 {
			q.Min = seconds()
			q.Max, q.Sum = q.Min, q.Min
		}
		if q.Known > 1 {
			q.Max, q.Sum = q.Min+seconds(), seconds()
		}
		if broken {
			return nil, errPoints
		}
		points = append(points, p)
	}
	return points, nil
}
