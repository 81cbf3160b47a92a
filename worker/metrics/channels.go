package metrics

import "github.com/prometheus/client_golang/prometheus"

// Channel is what became of messages to people on one channel since the engine
// began, and what waits now.
type Channel struct {
	Name         string
	Sent, Failed int64
	Waiting      int
	Failing      bool
}

// channels makes metrics out of the engine's messages at each scrape.
type channels struct {
	of    func() []Channel
	descs []*prometheus.Desc
}

// perChannel are the names, what each means, and where it comes from.
var perChannel = []struct {
	name, help string
	kind       prometheus.ValueType
	of         func(Channel) float64
}{
	{"lifeboat_alert_sent_total", "Messages that a channel took.", prometheus.CounterValue, func(c Channel) float64 { return float64(c.Sent) }},
	{"lifeboat_alert_failed_total", "Tries to send a message that a channel did not take.", prometheus.CounterValue, func(c Channel) float64 { return float64(c.Failed) }},
	{"lifeboat_alert_queue", "Messages that have not reached a channel, those that quiet hours hold included.", prometheus.GaugeValue, func(c Channel) float64 { return float64(c.Waiting) }},
	{"lifeboat_alert_channel_failing", "1 while nothing gets through on a channel.", prometheus.GaugeValue, func(c Channel) float64 { return truth(c.Failing) }},
}

func newChannels(of func() []Channel) *channels {
	c := &channels{of: of}
	for _, one := range perChannel {
		c.descs = append(c.descs, prometheus.NewDesc(one.name, one.help, []string{"channel"}, nil))
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *channels) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *channels) Collect(out chan<- prometheus.Metric) {
	for _, channel := range c.of() {
		for i, one := range perChannel {
			out <- prometheus.MustNewConstMetric(c.descs[i], one.kind, one.of(channel), channel.Name)
		}
	}
}
