package e2e

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// scrapeEvery is how often Prometheus would ask meanwhile.
const scrapeEvery = 30 * time.Second

// measured is what one size costs, over its window.
type measured struct {
	scale
	engine, lab cost
	// others is what all other programs took of the machine, in cores.
	others float64
	// ticks are those that ended, missed those that did not take place, by the
	// metrics; told are those that the schedules tell of, in a window that is a
	// little wider.
	ticks, missed, toldTicks float64
	unseen                   int
	lag, took                histogram
	calls, requests          float64
	// Sizes are bytes.
	historyPerTick          float64
	journal                 int64
	databaseGrew, scrapeMax float64
}

// cost is what a process took: cores on average, resident memory in MB (binary)
// at the end and at its peak.
type cost struct{ cores, memory, peak float64 }

// measure lets a world of its own run at one size.
func measure(t *testing.T, s scale) measured {
	w := startWorld(t, fmt.Sprintf("generate:%d,%d,30s", s.vms, s.hosts/2), s.speed)
	w.up()
	before := w.warm(s)
	m := measured{scale: s}
	busyAt := busy(t)
	labAt, engineAt, at := cpu(t, w.lab.Process.Pid), cpu(t, w.engine.Process.Pid), time.Now()
	first, pages := w.counters(), w.databaseBytes()
	last := w.watchFor(s.window, &m)
	took := time.Since(at).Seconds()
	m.engine, m.lab = costOf(t, w.engine.Process.Pid, engineAt, took), costOf(t, w.lab.Process.Pid, labAt, took)
	m.others = max(0, (busy(t)-busyAt)/took-m.engine.cores-m.lab.cores)
	m.databaseGrew = float64(w.databaseBytes() - pages)
	m.lag, m.took = last.histogram("lifeboat_schedule_tick_lag_seconds").since(first.histogram("lifeboat_schedule_tick_lag_seconds")),
		last.histogram("lifeboat_schedule_tick_took_seconds").since(first.histogram("lifeboat_schedule_tick_took_seconds"))
	m.ticks = m.took.count()
	grew := func(name string) float64 { return last.sum(name) - first.sum(name) }
	m.missed, m.calls, m.requests = grew("lifeboat_schedule_ticks_missed_total"), grew("lifeboat_winrm_calls_total"), grew("lifeboat_winrm_requests_total")
	after, _ := w.schedules()
	sinceStart := 0
	for i, now := range after.Schedules {
		sinceStart += now.Status.Ticks
		m.toldTicks += float64(now.Status.Ticks - before.Schedules[i].Status.Ticks)
		if now.State == "unseen" || now.State == "starting" || now.Status.Ticks == 0 {
			m.unseen++
		}
	}
	w.kill()
	m.journal = w.size("journal.db")
	m.historyPerTick = w.historyBytes() / float64(sinceStart)
	w.close()
	return m
}

// warm waits until every host has answered its schedule twice.
func (w *world) warm(s scale) scheduleList {
	w.t.Helper()
	var l scheduleList
	w.within(10*time.Minute, "every schedule has ticked twice", func() error {
		l, _ = w.schedules()
		waits := s.hosts - len(l.Schedules)
		for _, one := range l.Schedules {
			if one.Status.Ticks < 2 || one.State == "unseen" {
				waits++
			}
		}
		if waits > 0 {
			<-time.After(s.every() / 4) // asking is work for the engine too
			return fmt.Errorf("%d schedules have not", waits)
		}
		return nil
	})
	return l
}

// watchFor scrapes the engine until the window is over.
func (w *world) watchFor(window time.Duration, m *measured) counters {
	end := time.Now().Add(window)
	for {
		<-time.After(min(scrapeEvery, time.Until(end)))
		began := time.Now()
		c := w.counters()
		m.scrapeMax = max(m.scrapeMax, time.Since(began).Seconds())
		if !time.Now().Before(end) {
			return c
		}
	}
}

func (w *world) size(name string) int64 {
	w.t.Helper()
	info, err := os.Stat(filepath.Join(w.data(), name))
	if err != nil {
		w.t.Fatal(err)
	}
	return info.Size()
}

// databaseBytes is how large Temporal's database is, with what still stands in its
// write-ahead log only: the last commit there says how many pages there are
// (sqlite.org/fileformat2.html, section 4).
func (w *world) databaseBytes() int64 {
	w.t.Helper()
	const head, frame = 32, 24
	wal, err := os.ReadFile(filepath.Join(w.data(), "temporal.db-wal"))
	if err != nil {
		w.t.Fatal(err)
	}
	bytes := w.size("temporal.db")
	if len(wal) < head {
		return bytes
	}
	page, salts := int(binary.BigEndian.Uint32(wal[8:])), string(wal[16:24])
	for at := head; at+frame+page <= len(wal) && string(wal[at+8:at+16]) == salts; at += frame + page {
		if pages := binary.BigEndian.Uint32(wal[at+4:]); pages > 0 {
			bytes = int64(pages) * int64(page)
		}
	}
	return bytes
}

// historyBytes is what the ticks of the history take in the journal, pages and
// their idle room included.
func (w *world) historyBytes() (bytes float64) {
	w.t.Helper()
	db, err := bolt.Open(filepath.Join(w.data(), "journal.db"), 0o600, &bolt.Options{ReadOnly: true, Timeout: 10 * time.Second})
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	err = db.View(func(tx *bolt.Tx) error {
		s := tx.Bucket([]byte("history")).Bucket([]byte("ticks")).Stats()
		bytes = float64(s.LeafAlloc + s.BranchAlloc)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return bytes
}

// counters is a scrape: values by name, and by label where it is a histogram.
type counters struct {
	values  map[string]float64
	buckets map[string]map[float64]float64
}

// counters scrapes what is counted; series of one name are added up.
func (w *world) counters() counters {
	w.t.Helper()
	c := counters{map[string]float64{}, map[string]map[float64]float64{}}
	for _, line := range strings.Split(w.scrape(), "\n") {
		if !strings.HasPrefix(line, "lifeboat_schedule_") && !strings.HasPrefix(line, "lifeboat_winrm_") {
			continue
		}
		space := strings.LastIndex(line, " ")
		value, err := strconv.ParseFloat(line[space+1:], 64)
		if err != nil {
			w.t.Fatalf("%s: %v", line, err)
		}
		name, labels, _ := strings.Cut(line[:space], "{")
		if _, le, found := strings.Cut(labels, `le="`); found {
			bound, err := strconv.ParseFloat(strings.SplitN(le, `"`, 2)[0], 64)
			if err != nil {
				w.t.Fatalf("%s: %v", line, err)
			}
			name = strings.TrimSuffix(name, "_bucket")
			if c.buckets[name] == nil {
				c.buckets[name] = map[float64]float64{}
			}
			c.buckets[name][bound] += value
			continue
		}
		c.values[name] += value
	}
	return c
}

func (c counters) sum(name string) float64         { return c.values[name] }
func (c counters) histogram(name string) histogram { return c.buckets[name] }

// histogram says how many took no longer than each bound, in seconds.
type histogram map[float64]float64

func (h histogram) since(before histogram) histogram {
	out := histogram{}
	for bound, n := range h {
		out[bound] = n - before[bound]
	}
	return out
}

func (h histogram) count() float64 { return h[math.Inf(1)] }

// quantile is in a straight line between two bounds, as Prometheus has it; of
// what took longer than the last bound it says the last bound.
func (h histogram) quantile(q float64) time.Duration {
	bounds := make([]float64, 0, len(h))
	for b := range h {
		bounds = append(bounds, b)
	}
	slices.Sort(bounds)
	rank, low, below := q*h.count(), 0.0, 0.0
	for _, b := range bounds {
		if h[b] >= rank && !math.IsInf(b, 1) {
			part := 1.0
			if h[b] > below {
				part = (rank - below) / (h[b] - below)
			}
			return time.Duration((low + part*(b-low)) * float64(time.Second)).Round(time.Millisecond)
		}
		if !math.IsInf(b, 1) {
			low, below = b, h[b]
		}
	}
	return time.Duration(low * float64(time.Second))
}

// hertz is the unit of times in /proc/PID/stat (proc(5)); it is 100 wherever
// Linux runs Go.
const hertz = 100

// cpu is the processor time of a process, in seconds.
func cpu(t *testing.T, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest) // from the third on
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / hertz
}

func costOf(t *testing.T, pid int, before, seconds float64) cost {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	kilobytes := func(name string) float64 {
		_, rest, _ := strings.Cut(string(text), name+":")
		n, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	return cost{(cpu(t, pid) - before) / seconds, kilobytes("VmRSS") / 1024, kilobytes("VmHWM") / 1024}
}

// busy is the processor time that all programs of the machine have taken, in
// seconds (proc(5): user, nice, system, and from idle on the rest).
func busy(t *testing.T) (seconds float64) {
	t.Helper()
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range strings.Fields(strings.SplitN(string(text), "\n", 2)[0])[1:4] {
		n, err := strconv.ParseFloat(field, 64)
		if err != nil {
			t.Fatalf("/proc/stat: %v", err)
		}
		seconds += n / hertz
	}
	return seconds
}

// table is what was measured, a column for each size, for docs/scale.md.
func table(all ...measured) string {
	var b strings.Builder
	row := func(name string, cell func(measured) string) {
		fmt.Fprintf(&b, "| %s |", name)
		for _, m := range all {
			fmt.Fprintf(&b, " %s |", cell(m))
		}
		b.WriteString("\n")
	}
	f := fmt.Sprintf
	row("simulated hosts, built binary, separate processes", func(m measured) string { return m.String() })
	b.WriteString("|---|" + strings.Repeat("---|", len(all)) + "\n")
	row("engine, cores", func(m measured) string { return f("%.2f", m.engine.cores) })
	row("engine, memory at the end, peak (MB)", func(m measured) string { return f("%.0f, %.0f", m.engine.memory, m.engine.peak) })
	row("tick lag p50, p99", func(m measured) string { return f("%s, %s", m.lag.quantile(0.5), m.lag.quantile(0.99)) })
	row("a tick took p50, p99", func(m measured) string { return f("%s, %s", m.took.quantile(0.5), m.took.quantile(0.99)) })
	row("ticks, missed", func(m measured) string { return f("%.0f, %.0f", m.ticks, m.missed) })
	row("calls of hosts for each tick, readiness included", func(m measured) string { return f("%.2f", m.calls/m.ticks) })
	row("HTTP requests for each tick", func(m measured) string { return f("%.2f", m.requests/m.ticks) })
	row("engine, processor time for each tick (ms)", func(m measured) string { return f("%.1f", m.engine.cores*m.seconds()*1000/m.ticks) })
	row("history in the journal, a day at this rate (MB)", func(m measured) string { return f("%.0f", m.historyPerTick*m.perDay()/(1<<20)) })
	row("journal's file at the end (MB)", func(m measured) string { return f("%.0f", float64(m.journal)/(1<<20)) })
	row("Temporal's database, a day at this rate (MB)", func(m measured) string { return f("%.0f", m.databaseGrew/m.ticks*m.perDay()/(1<<20)) })
	row("slowest scrape of the metrics (s)", func(m measured) string { return f("%.2f", m.scrapeMax) })
	row("the simulated hosts themselves: cores, memory (MB)", func(m measured) string { return f("%.2f, %.0f", m.lab.cores, m.lab.memory) })
	row("other programs of the machine, cores; measured over", func(m measured) string { return f("%.2f; %s", m.others, m.window) })
	return b.String()
}

func (m measured) seconds() float64 { return m.window.Seconds() }

// perDay is how many ticks there are in a day.
func (m measured) perDay() float64 {
	return float64(m.hosts) * (24 * time.Hour).Seconds() / m.every().Seconds()
}
