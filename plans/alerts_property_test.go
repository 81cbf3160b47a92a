package plans

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// The receiver's and the world's side of the property test: what was really so,
// and what really arrived. Nothing here asks the desk.
type (
	alertWorld struct {
		random  *rand.Rand
		p       AlertPolicy
		desk    AlertDesk
		now     time.Time
		keys    []string
		state   map[string]map[string]bool // what is wrong now
		begin   map[string]map[string]time.Time
		empty   map[string]time.Time
		open    map[string]bool
		down    map[string]bool
		up      map[string]time.Time // since when a channel works
		late    []string
		want    map[string]int // "target key kind time"
		got     map[string][]arrival
		lasting []lastingProblem
		crashes int
	}
	arrival struct {
		at time.Time
		m  AlertMessage
	}
	lastingProblem struct {
		key, problem string
		from, to     time.Time
	}
)

const alertTick = time.Minute

func newAlertWorld(seed uint64, quiet bool) *alertWorld {
	cfg := &Config{Alerts: &Alerts{
		To: []string{"mail", "push"}, Timezone: "Europe/London",
		Channels: []Channel{{Name: "mail", Mail: &MailChannel{}}, {Name: "push", Ntfy: &HookChannel{}}},
	}}
	if quiet {
		cfg.Alerts.Quiet = &QuietHours{From: "22:00", To: "06:30"}
	}
	setAlertDefaults(cfg.Alerts)
	w := &alertWorld{
		random: rand.New(rand.NewPCG(seed, 7)), p: AlertPolicyOf(cfg, 1),
		// The clocks go forward on the second night.
		now: time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC), keys: []string{"plan/a", "plan/b", "run/plan/a 1", "engine"},
		state: map[string]map[string]bool{}, begin: map[string]map[string]time.Time{}, empty: map[string]time.Time{},
		open: map[string]bool{}, down: map[string]bool{}, up: map[string]time.Time{}, want: map[string]int{}, got: map[string][]arrival{},
	}
	for _, k := range w.keys {
		w.state[k], w.begin[k], w.empty[k] = map[string]bool{}, map[string]time.Time{}, w.now
	}
	return w
}

func (w *alertWorld) spans(key string) (after, well time.Duration) {
	if key == "run/plan/a 1" {
		return time.Minute, 0
	}
	return 5 * time.Minute, 5 * time.Minute
}

// change lets the world go its way; the next tick is the first that can see it.
func (w *alertWorld) change() {
	for _, key := range w.keys {
		for _, problem := range []string{"disk", "line", "copy"} {
			switch rate := w.random.IntN(400); {
			case !w.state[key][problem] && rate == 0:
				w.state[key][problem], w.begin[key][problem] = true, w.now.Add(alertTick)
			case w.state[key][problem] && rate < 12 && (problem != "copy" || w.random.IntN(100) == 0):
				w.ends(key, problem)
			}
		}
	}
	for _, c := range []string{"mail", "push"} {
		if w.random.IntN(200) == 0 {
			w.down[c], w.up[c] = !w.down[c], w.now
		}
	}
}

func (w *alertWorld) ends(key, problem string) {
	w.lasting = append(w.lasting, lastingProblem{key, problem, w.begin[key][problem], w.now.Add(alertTick)})
	delete(w.state[key], problem)
	delete(w.begin[key], problem)
	if len(w.state[key]) == 0 {
		w.empty[key] = w.now.Add(alertTick)
	}
}

// expect is what people have to be told, from what was really so.
func (w *alertWorld) expect(key string) {
	after, well := w.spans(key)
	lasted := false
	for problem := range w.state[key] {
		lasted = lasted || w.now.Sub(w.begin[key][problem]) >= after
	}
	kind := AlertKind("")
	switch {
	case !w.open[key] && lasted:
		kind, w.open[key] = AlertProblem, true
	case w.open[key] && len(w.state[key]) == 0 && w.now.Sub(w.empty[key]) >= well:
		kind, w.open[key] = AlertWell, false
	default:
		return
	}
	for _, c := range []string{"mail", "push"} {
		w.want[fmt.Sprintf("%s %s %s %d", c, key, kind, w.now.Unix())]++
	}
}

func (w *alertWorld) look() AlertLook {
	var look AlertLook
	for _, key := range w.keys {
		after, well := w.spans(key)
		watched := Watched{Key: key, Title: "wrong", Well: "well", After: after, WellAfter: well}
		for _, problem := range []string{"disk", "line", "copy"} {
			if w.state[key][problem] {
				watched.Problems = append(watched.Problems, Problem{Key: problem, What: problem, Urgent: problem == "line"})
			}
		}
		look.Watched = append(look.Watched, watched)
	}
	return look
}

// send does what the engine does within a minute, and dies in between now and
// then.
func (w *alertWorld) send() {
	for parcels := w.desk.Due(w.p, nil, w.now); len(parcels) > 0; parcels = w.desk.Due(w.p, nil, w.now) {
		w.sendAll(parcels)
	}
	if w.random.IntN(50) == 0 {
		w.restart()
	}
}

func (w *alertWorld) sendAll(parcels []Parcel) {
	for _, parcel := range parcels {
		c := parcel.Target.Channel
		if w.down[c] {
			w.desk.Failed(parcel.Message.ID, parcel.Target, "down", w.now)
			continue
		}
		w.got[c] = append(w.got[c], arrival{w.now, parcel.Message})
		if w.random.IntN(20) == 0 {
			w.crashes++ // it has arrived, and nobody could note that
			continue
		}
		w.desk.Delivered(parcel.Message.ID, parcel.Target, w.now)
	}
}

// restart is what is left of an engine after a kill: what was on disk.
func (w *alertWorld) restart() {
	text, _ := json.Marshal(w.desk)
	w.desk = AlertDesk{}
	_ = json.Unmarshal(text, &w.desk)
}

func (w *alertWorld) tick() {
	w.now = w.now.Add(alertTick)
	for _, key := range w.keys {
		w.expect(key)
	}
	w.desk.Step(w.p, w.look(), w.now)
	w.send()
	w.watchUrgent()
}

// watchUrgent notes what is urgent and waits although its channel works.
func (w *alertWorld) watchUrgent() {
	const patience = 30 * time.Minute
	for _, m := range w.desk.Queue {
		for _, d := range m.Deliveries {
			if m.Urgent && d.Sent.IsZero() && !w.down[d.Channel] && w.now.Sub(m.At) > patience && w.now.Sub(w.up[d.Channel]) > patience {
				w.late = append(w.late, fmt.Sprintf("%s of %s for %s at %s", m.Kind, m.Key, d.Channel, w.now))
			}
		}
	}
}

// Over random days, with quiet hours, channels that fail and kills at any moment,
// nobody misses a word, and nobody hears it twice but under the same id.
func TestNoAlertIsLostOrDoubled(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("LIFEBOAT_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	t.Logf("LIFEBOAT_SEED=%d", seed)
	kinds, crashes := map[AlertKind]int{}, 0
	for n := range uint64(24) {
		w := newAlertWorld(seed+n, n%4 != 0)
		for range 5 * 24 * 60 {
			w.change()
			w.tick()
		}
		w.down, w.up = map[string]bool{}, map[string]time.Time{"mail": w.now, "push": w.now}
		for _, key := range w.keys {
			for problem := range w.state[key] {
				w.ends(key, problem)
			}
		}
		for range 24 * 60 {
			w.tick()
		}
		w.judge(t, seed+n)
		for _, a := range w.got["mail"] {
			kinds[a.m.Kind]++
		}
		crashes += w.crashes
	}
	if crashes == 0 {
		t.Error("no kill between sending and noting: the test shows nothing about it")
	}
	t.Logf("arrived at one of two channels: %v", kinds)
	for _, k := range []AlertKind{AlertProblem, AlertMore, AlertRepeat, AlertWell} {
		if kinds[k] == 0 {
			t.Errorf("no message of kind %s in all those days", k)
		}
	}
}

func (w *alertWorld) judge(t *testing.T, seed uint64) {
	t.Helper()
	if len(w.desk.Queue) > 0 || len(w.desk.Open) > 0 {
		t.Errorf("seed %d: left over: %d messages, %d alerts", seed, len(w.desk.Queue), len(w.desk.Open))
	}
	if len(w.late) > 0 {
		t.Errorf("seed %d: urgent, and waits: %d times, first %s", seed, len(w.late), w.late[0])
	}
	arrivals, different := 0, map[string]bool{}
	for c, all := range w.got {
		seen, last, known := map[string]bool{}, map[string]time.Time{}, map[string]bool{}
		for _, a := range all {
			arrivals++
			different[c+a.m.ID] = true
			w.judgeHour(t, seed, a)
			for _, l := range a.m.Lines {
				if since := a.m.At.Sub(l.Since); since < 0 || since > 6*24*time.Hour {
					t.Errorf("seed %d: %s of %s is so since %s", seed, l.Key, a.m.Key, l.Since)
				}
			}
			if seen[a.m.ID] {
				continue
			}
			seen[a.m.ID] = true
			if a.m.At.Before(last[a.m.Episode]) {
				t.Errorf("seed %d: %s got %s of %s after a later one", seed, c, a.m.Kind, a.m.Key)
			}
			if a.m.Kind == AlertRepeat && a.m.At.Sub(last[a.m.Episode]) < 24*time.Hour {
				t.Errorf("seed %d: %s hears of %s again after %s", seed, c, a.m.Key, a.m.At.Sub(last[a.m.Episode]))
			}
			last[a.m.Episode] = a.m.At
			for _, l := range a.m.Lines {
				if l.New && known[a.m.Episode+l.Key] {
					t.Errorf("seed %d: %s hears of %s in %s as new again", seed, c, l.Key, a.m.Key)
				}
				known[a.m.Episode+l.Key] = true
			}
			if a.m.Kind == AlertProblem || a.m.Kind == AlertWell {
				w.want[fmt.Sprintf("%s %s %s %d", c, a.m.Key, a.m.Kind, a.m.At.Unix())]--
			}
		}
		for _, l := range w.lasting {
			w.judgeTold(t, seed, c, l)
		}
	}
	if arrivals != len(different)+w.crashes {
		t.Errorf("seed %d: %d arrived, %d different, %d kills before it was noted", seed, arrivals, len(different), w.crashes)
	}
	for what, n := range w.want {
		if n != 0 {
			t.Errorf("seed %d: %+d too few of: %s", seed, n, what)
		}
	}
}

// judgeHour wants nothing at night but what is urgent, or belongs to it.
func (w *alertWorld) judgeHour(t *testing.T, seed uint64, a arrival) {
	t.Helper()
	london, _ := time.LoadLocation("Europe/London")
	clock := a.at.In(london).Format("15:04")
	if w.p.Config.Quiet == nil || clock >= "06:30" && clock < "22:00" {
		return
	}
	for _, other := range w.got {
		if slices.ContainsFunc(other, func(o arrival) bool {
			return o.m.Episode == a.m.Episode && o.m.Urgent && !o.m.At.After(a.at)
		}) {
			return
		}
	}
	t.Errorf("seed %d: %s of %s arrived at %s", seed, a.m.Kind, a.m.Key, clock)
}

// judgeTold wants a problem that lasted in a message made in time.
func (w *alertWorld) judgeTold(t *testing.T, seed uint64, channel string, l lastingProblem) {
	t.Helper()
	after, _ := w.spans(l.key)
	latest := l.from.Add(after + w.p.Gather + 2*alertTick)
	if l.to.Before(latest) {
		return
	}
	told := slices.ContainsFunc(w.got[channel], func(a arrival) bool {
		return a.m.Key == l.key && !a.m.At.After(latest) && slices.ContainsFunc(a.m.Lines, func(line AlertLine) bool {
			return line.Key == l.problem && (line.Over.IsZero() || line.Over.After(l.from)) && line.Since.Before(latest)
		})
	})
	if !told {
		t.Errorf("seed %d: nobody told %s of %s in %s, from %s to %s", seed, channel, l.problem, l.key, l.from, l.to)
	}
}
