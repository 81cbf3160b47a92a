package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// canaries makes metrics out of what became of canaries at each scrape.
type canaries struct {
	of    func() []plans.CanaryState
	descs []*prometheus.Desc
}

// perCanary are the names, what each means, and where it comes from; false where
// there is nothing to tell yet.
var perCanary = []struct {
	name, help string
	of         func(s plans.CanaryState, now time.Time) (float64, bool)
}{
	{"lifeboat_canary_passed", "1 when the last night of a canary that was not skipped went there and back and left nothing.", func(s plans.CanaryState, _ time.Time) (float64, bool) {
		last, _ := s.Last()
		return truth(last != nil && last.Passed()), last != nil
	}},
	{"lifeboat_canary_skipped", "Nights that were skipped since the last that was not.", func(s plans.CanaryState, _ time.Time) (float64, bool) {
		_, skipped := s.Last()
		return float64(skipped), true
	}},
	{"lifeboat_canary_last_pass_age_seconds", "Since a canary passed.", func(s plans.CanaryState, now time.Time) (float64, bool) {
		if pass := s.LastPass(); pass != nil {
			return now.Sub(pass.Ended).Seconds(), true
		}
		return 0, false
	}},
	{"lifeboat_canary_failover_seconds", "How long the failover of the last night took that came so far, in the hosts' time.", func(s plans.CanaryState, _ time.Time) (float64, bool) {
		last, _ := s.Last()
		if last == nil {
			return 0, false
		}
		took, known := last.Took(plans.CanaryFailover)
		return took.Seconds(), known
	}},
}

func newCanaries(of func() []plans.CanaryState) *canaries {
	c := &canaries{of: of}
	for _, one := range perCanary {
		c.descs = append(c.descs, prometheus.NewDesc(one.name, one.help, []string{"canary"}, nil))
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *canaries) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *canaries) Collect(out chan<- prometheus.Metric) {
	now := time.Now()
	for _, s := range c.of() {
		for i, one := range perCanary {
			if v, known := one.of(s, now); known {
				out <- prometheus.MustNewConstMetric(c.descs[i], prometheus.GaugeValue, v, s.Canary.Name)
			}
		}
	}
}
