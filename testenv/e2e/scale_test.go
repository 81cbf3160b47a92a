package e2e

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// scale is one size at which the engine is measured.
type scale struct {
	hosts, vms int
	// speed is that of the hosts' clocks: schedules of 30 s tick every 30 s
	// divided by it.
	speed float64
	// window is how long is measured, once all is warm.
	window time.Duration
}

func (s scale) String() string { return fmt.Sprintf("%d hosts, %d VMs", s.hosts, s.vms) }

// every is the time between two ticks of a schedule.
func (s scale) every() time.Duration { return time.Duration(float64(30*time.Second) / s.speed) }

func (s scale) half() scale {
	s.hosts, s.vms, s.window = s.hosts/4*2, s.vms/2, s.window/2
	return s
}

// What the engine promises at the size that is asked for.
const (
	mostCores = 1.0
	mostLag   = 2 * time.Second
)

// TestScale is `make bench-watch`: how much an engine and a machine have to give
// for hosts and VMs that replicate every 30 s. BENCH_HOSTS, BENCH_VMS and
// BENCH_MINUTES say how many and how long; half of them is measured first, in
// the same run, to show how the cost grows.
func TestScale(t *testing.T) {
	if os.Getenv("BENCH_HOSTS") == "" {
		t.Skip("set BENCH_HOSTS, BENCH_VMS and BENCH_MINUTES: make bench-watch")
	}
	all := scale{hosts: number(t, "BENCH_HOSTS"), vms: number(t, "BENCH_VMS"), speed: 1}
	all.window = time.Duration(number(t, "BENCH_MINUTES")) * time.Minute
	half := measure(t, all.half())
	t.Logf("half of them:\n%s", table(half))
	m := measure(t, all)
	t.Logf("\n%s", table(half, m))
	if m.missed > 0 || m.unseen > 0 {
		t.Errorf("%.0f ticks missed, %d schedules without an answer", m.missed, m.unseen)
	}
	if lag := m.lag.quantile(0.99); lag > mostLag {
		t.Errorf("tick lag p99 is %s, more than %s", lag, mostLag)
	}
	if m.engine.cores > mostCores {
		t.Errorf("the engine takes %.2f cores, more than %.2f", m.engine.cores, mostCores)
	}
}

func number(t *testing.T, name string) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil || n < 1 {
		t.Fatalf("%s is %q: write a number", name, os.Getenv(name))
	}
	return n
}

// What is measured is what takes place: the metrics count the ticks that the
// schedules themselves tell of.
func TestTheScaleIsMeasured(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("what processes cost is read from /proc")
	}
	beside(t, longest)
	s := scale{hosts: 4, vms: 24, speed: 15, window: 12 * time.Second}
	m := measure(t, s)
	t.Logf("\n%s", table(m))
	if m.unseen > 0 {
		t.Errorf("%d schedules without an answer", m.unseen)
	}
	// A tick may lie on either side of each end of the window.
	if want := float64(s.hosts) * (s.window.Seconds() / s.every().Seconds()); m.ticks+m.missed < want-2*float64(s.hosts) || m.ticks < 1 {
		t.Errorf("%.0f ticks were counted and %.0f missed, of %.0f", m.ticks, m.missed, want)
	}
	if told := m.toldTicks; m.lag.count() > told || m.ticks > told+float64(s.hosts) {
		t.Errorf("the metrics count %.0f ticks, %.0f with a lag, the schedules tell of %.0f", m.ticks, m.lag.count(), told)
	}
	if m.engine.cores <= 0 || m.lab.cores <= 0 || m.engine.memory < 50 || m.calls < m.ticks || m.requests < m.calls || m.historyPerTick <= 0 {
		t.Errorf("measured %+v", m)
	}
}
