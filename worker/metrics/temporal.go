package metrics

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
)

// sdk gives what the Temporal SDK counts to Prometheus. It is a collector that
// describes nothing: the SDK's series have no fixed set of labels.
type sdk struct {
	mu     sync.Mutex
	series map[string]*series
}

type series struct {
	desc   *prometheus.Desc
	kind   prometheus.ValueType
	labels []string
	value  float64
	// timer is set for durations: how many, their sum in seconds, and how many
	// took no longer than each of bounds.
	timer  bool
	count  uint64
	counts []uint64
}

// bounds are those of latencies, in seconds.
var bounds = []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800}

func newSDK() *sdk { return &sdk{series: map[string]*series{}} }

// Describe implements prometheus.Collector.
func (*sdk) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (s *sdk) Collect(out chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.series {
		if !one.timer {
			out <- prometheus.MustNewConstMetric(one.desc, one.kind, one.value, one.labels...)
			continue
		}
		buckets := map[float64]uint64{}
		for i, b := range bounds {
			buckets[b] = one.counts[i]
		}
		out <- prometheus.MustNewConstHistogram(one.desc, one.count, one.value, buckets, one.labels...)
	}
}

// at finds a series, or begins it.
func (s *sdk) at(name string, kind prometheus.ValueType, timer bool, tags map[string]string) *series {
	names := slices.Sorted(maps.Keys(tags))
	key := name
	values := make([]string, len(names))
	for i, n := range names {
		values[i] = tags[n]
		key += "\x00" + n + "\x00" + tags[n]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.series[key]; found != nil {
		return found
	}
	one := &series{desc: prometheus.NewDesc(name, "Of the Temporal SDK.", names, nil), kind: kind, timer: timer, labels: values, counts: make([]uint64, len(bounds))}
	s.series[key] = one
	return one
}

// handler is a client.MetricsHandler with the tags it was given.
type handler struct {
	sdk  *sdk
	tags map[string]string
}

// word makes a name of one that Prometheus refuses.
func word(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, name)
}

func (h handler) WithTags(more map[string]string) client.MetricsHandler {
	all := maps.Clone(h.tags)
	if all == nil {
		all = map[string]string{}
	}
	for k, v := range more {
		all[word(k)] = strings.ToValidUTF8(v, "?")
	}
	return handler{h.sdk, all}
}

func (h handler) Counter(name string) client.MetricsCounter {
	s := h.sdk.at(word(name)+"_total", prometheus.CounterValue, false, h.tags)
	return count(func(n int64) { h.sdk.change(func() { s.value += float64(n) }) })
}

func (h handler) Gauge(name string) client.MetricsGauge {
	s := h.sdk.at(word(name), prometheus.GaugeValue, false, h.tags)
	return gauge(func(v float64) { h.sdk.change(func() { s.value = v }) })
}

func (h handler) Timer(name string) client.MetricsTimer {
	s := h.sdk.at(word(name)+"_seconds", prometheus.UntypedValue, true, h.tags)
	return timer(func(d time.Duration) {
		h.sdk.change(func() {
			s.count++
			s.value += d.Seconds()
			for i, b := range bounds {
				if d.Seconds() <= b {
					s.counts[i]++
				}
			}
		})
	})
}

func (s *sdk) change(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

type count func(int64)

func (c count) Inc(n int64) { c(n) }

type gauge func(float64)

func (g gauge) Update(v float64) { g(v) }

type timer func(time.Duration)

func (t timer) Record(d time.Duration) { t(d) }
