package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Cost is what the conversation with one host has cost since the engine opened
// it.
type Cost struct {
	Host, Site                string
	Requests, Calls, Sessions int64
}

// costs makes counters out of the engine's connections at each scrape.
type costs struct {
	of    func() []Cost
	descs []*prometheus.Desc
}

// counters are the names, what each means, and where it comes from.
var counters = []struct {
	name, help string
	of         func(Cost) int64
}{
	{"lifeboat_winrm_requests_total", "HTTP requests to a host, handshakes and waiting included.", func(c Cost) int64 { return c.Requests }},
	{"lifeboat_winrm_calls_total", "Questions and acts of a host.", func(c Cost) int64 { return c.Calls }},
	{"lifeboat_winrm_sessions_total", "PowerShell sessions that were opened on a host.", func(c Cost) int64 { return c.Sessions }},
}

func newCosts(of func() []Cost) *costs {
	c := &costs{of: of}
	for _, one := range counters {
		c.descs = append(c.descs, prometheus.NewDesc(one.name, one.help, hostLabels, nil))
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *costs) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *costs) Collect(out chan<- prometheus.Metric) {
	for _, cost := range c.of() {
		for i, one := range counters {
			out <- prometheus.MustNewConstMetric(c.descs[i], prometheus.CounterValue, float64(one.of(cost)), cost.Host, cost.Site)
		}
	}
}
