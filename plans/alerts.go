package plans

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// AlertDesk is what people were told, and what waits to be told. It is kept as a
// whole: what was said and what is still to be sent change together.
type AlertDesk struct {
	// Seq counts messages.
	Seq  uint64                `json:"seq"`
	Open map[string]*OpenAlert `json:"open,omitempty"`
	// Queue are messages that somebody has not got yet, oldest first; Told the
	// last of the others.
	Queue []AlertMessage `json:"queue,omitempty"`
	Told  []AlertMessage `json:"told,omitempty"`
	// Ends are runs, by key, of whose end people were told, and when.
	Ends map[string]time.Time `json:"ends,omitempty"`
	// Silences are by plan.
	Silences map[string]Silence `json:"silences,omitempty"`
	// Channels is how each does, by name.
	Channels map[string]ChannelHealth `json:"channels,omitempty"`
}

// Silence keeps alerts about a plan from being sent; what is still wrong when it
// ends is told then.
type Silence struct {
	Until  time.Time `json:"until"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
}

// Problem is one thing that is wrong.
type Problem struct {
	// Key is the same for as long as it is the same problem; problems of one
	// Group are told together.
	Key   string `json:"key"`
	Group string `json:"group,omitempty"`
	What  string `json:"what"`
	Means string `json:"means,omitempty"`
	Do    string `json:"do,omitempty"`
	// Hosts are those that show it: while one of them does not answer it is not over.
	Hosts []string `json:"hosts,omitempty"`
	// Urgent is for what cannot wait for the morning.
	Urgent bool `json:"urgent,omitempty"`
	// Since is when it began; left out, when it was first seen.
	Since time.Time `json:"since,omitzero"`
}

// severity is that of a finding about the same.
func (p Problem) severity() Severity {
	if p.Urgent {
		return Blocker
	}
	return Warning
}

// Watched is one thing that alerts are about, as it is seen now.
type Watched struct {
	// Key is plan/NAME, run/ID or engine.
	Key  string
	Plan string
	// Title says what is wrong in one line, Well what is said when it is over.
	Title, Well string
	Problems    []Problem
	// To are people; none means everybody who hears everything.
	To []string
	// After is how long a problem must last before it is told, WellAfter how long
	// none may be left before that is announced.
	After, WellAfter time.Duration
	// Hushed lets nothing new be told: somebody works on it.
	Hushed bool
	// Unseen are hosts that do not answer.
	Unseen []string
	// Ended is true for a run that has ended, Once for what is not told again while it
	// lasts.
	Ended, Once bool
	// Notice is what there is to tell once, though nothing is wrong.
	Notice string
}

// AlertLook is all that is watched, as it is seen now.
type AlertLook struct {
	Watched []Watched
	// Unseen are keys, or beginnings of keys that end with a slash, that cannot be
	// seen now: of them nothing is concluded.
	Unseen []string
}

// OpenAlert is one thing that is or was wrong until people know that it is over.
type OpenAlert struct {
	Plan     string        `json:"plan,omitempty"`
	Title    string        `json:"title"`
	Problems []OpenProblem `json:"problems"`
	// First is when people were told first, Last when last; zero when they were
	// not yet.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	// Well is since when nothing is wrong any more.
	Well    time.Time     `json:"well,omitzero"`
	Urgent  bool          `json:"urgent,omitempty"`
	Targets []AlertTarget `json:"targets,omitempty"`
}

// OpenProblem is a problem, when it was seen first, whether people know of it,
// and when it was over.
type OpenProblem struct {
	Problem
	Seen time.Time `json:"seen"`
	Told bool      `json:"told,omitempty"`
	Over time.Time `json:"over,omitzero"`
}

// Step takes what is seen now into the desk: what has lasted is told once,
// additions are gathered, what stays wrong is told again, and that all is well
// is announced once. The same look again changes nothing.
func (d *AlertDesk) Step(p AlertPolicy, look AlertLook, now time.Time) {
	if d.Open == nil {
		d.Open = map[string]*OpenAlert{}
	}
	seen := map[string]bool{}
	for _, w := range look.Watched {
		seen[w.Key] = true
		d.watch(p, w, now)
		if _, told := d.Ends[w.Key]; w.Notice != "" && !told {
			d.end(w.Key, now)
			d.Notify(p, w.Key, w.Plan, w.Notice, w.To, false, now)
		}
	}
	for _, key := range sortedKeys(d.Open) {
		blind := slices.ContainsFunc(look.Unseen, func(u string) bool {
			return key == u || strings.HasSuffix(u, "/") && strings.HasPrefix(key, u)
		})
		if !seen[key] && !blind {
			d.watch(p, Watched{Key: key, Plan: d.Open[key].Plan, Well: key + ": it is not watched any more"}, now)
		}
	}
	for plan, s := range d.Silences {
		if !now.Before(s.Until) {
			delete(d.Silences, plan)
		}
	}
	for key, told := range d.Ends {
		if d.Open[key] == nil && now.Sub(told) >= 2*EndsWithin {
			delete(d.Ends, key)
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (d *AlertDesk) watch(p AlertPolicy, w Watched, now time.Time) {
	a := d.Open[w.Key]
	if a == nil {
		if len(w.Problems) == 0 || w.Hushed {
			return
		}
		a = &OpenAlert{Plan: w.Plan}
		d.Open[w.Key] = a
	}
	a.take(w, now)
	switch {
	case a.live() == 0 && a.First.IsZero():
		delete(d.Open, w.Key)
	case a.live() == 0 && now.Sub(a.Well) >= w.WellAfter:
		d.announce(p, w, a, AlertWell, now)
		delete(d.Open, w.Key)
	case a.live() > 0 && !w.Hushed && !d.silent(w.Key, now):
		if kind := a.due(p, w, now); kind != "" {
			d.announce(p, w, a, kind, now)
		}
	}
}

func (d *AlertDesk) silent(key string, now time.Time) bool {
	plan, of := strings.CutPrefix(key, "plan/")
	s, ok := d.Silences[plan]
	return of && ok && now.Before(s.Until)
}

// take brings the problems up to date. One that is over and back within the same
// alert is the same, and not new.
func (a *OpenAlert) take(w Watched, now time.Time) {
	here := map[string]Problem{}
	for _, problem := range w.Problems {
		here[problem.Key] = problem
	}
	kept := a.Problems[:0]
	for _, old := range a.Problems {
		problem, still := here[old.Key]
		delete(here, old.Key)
		switch {
		case still && !old.Over.IsZero():
			old = opened(problem, old.Told, now)
		case still:
		case !old.Told:
			continue
		case slices.ContainsFunc(old.Hosts, func(h string) bool { return slices.Contains(w.Unseen, h) }):
		case old.Over.IsZero():
			old.Over = now
		}
		kept = append(kept, old)
	}
	a.Problems = kept
	for _, problem := range w.Problems {
		if _, fresh := here[problem.Key]; fresh && !w.Hushed {
			delete(here, problem.Key)
			a.Problems = append(a.Problems, opened(problem, false, now))
		}
	}
	switch {
	case a.live() > 0:
		a.Well, a.Title = time.Time{}, w.Title
	case a.Well.IsZero():
		a.Well = now
	}
}

func opened(p Problem, told bool, now time.Time) OpenProblem {
	if p.Since.IsZero() || p.Since.After(now) {
		p.Since = now
	}
	return OpenProblem{Problem: p, Seen: now, Told: told}
}

// refresh takes over how the problems are told now.
func (a *OpenAlert) refresh(w Watched) {
	for _, now := range w.Problems {
		for i := range a.Problems {
			if p := &a.Problems[i]; p.Key == now.Key && p.Over.IsZero() {
				now.Since = p.Since
				p.Problem = now
			}
		}
	}
}

func (a *OpenAlert) live() int {
	n := 0
	for _, p := range a.Problems {
		if p.Over.IsZero() {
			n++
		}
	}
	return n
}

// lasting is true for a problem that is to be told for the first time.
func (p OpenProblem) lasting(after time.Duration, now time.Time) bool {
	return p.Over.IsZero() && !p.Told && now.Sub(p.Seen) >= after
}

// due says what there is to tell now, "" for nothing.
func (a *OpenAlert) due(p AlertPolicy, w Watched, now time.Time) AlertKind {
	fresh, urgent, known := false, false, false
	for _, problem := range a.Problems {
		if problem.lasting(w.After, now) {
			fresh, urgent = true, urgent || problem.Urgent
		}
		known = known || problem.Told && problem.Over.IsZero()
	}
	waited := now.Sub(a.Last)
	switch {
	case fresh && a.First.IsZero():
		return AlertProblem
	case fresh && (w.Ended || waited >= p.Gather || urgent && !a.Urgent): // to an end nothing more comes
		return AlertMore
	case known && waited >= p.Repeat && !w.Once:
		return AlertRepeat
	}
	return ""
}

// end notes that people were told of a run's end.
func (d *AlertDesk) end(key string, now time.Time) {
	if d.Ends == nil {
		d.Ends = map[string]time.Time{}
	}
	d.Ends[key] = now
}

// announce puts a message into the queue and notes that people know.
func (d *AlertDesk) announce(p AlertPolicy, w Watched, a *OpenAlert, kind AlertKind, now time.Time) {
	if a.First.IsZero() {
		a.First = now
	}
	a.Last = now
	if w.Ended {
		d.end(w.Key, now)
	}
	a.refresh(w)
	m := AlertMessage{Kind: kind, Key: w.Key, Plan: w.Plan, Title: a.Title, At: now, To: w.To}
	m.Episode = fmt.Sprintf("%s %d", w.Key, a.First.UnixNano())
	m.Lines = a.tell(w, kind, now)
	targets := p.Route(w.Plan, w.To)
	switch kind {
	case AlertWell:
		// Whoever was told of it is told that it is over, at night too if that
		// was at night.
		m.Title, m.Urgent, targets = w.Well, a.Urgent, a.Targets
	case AlertRepeat:
		// What has not arrived yet says the same; and it can wait.
		targets = slices.DeleteFunc(targets, func(t AlertTarget) bool { return d.pending(m.Episode, t) })
		if len(targets) == 0 {
			return
		}
	default:
		m.Urgent = slices.ContainsFunc(m.Lines, func(l AlertLine) bool { return l.Urgent && (l.New || kind == AlertProblem) })
		a.Urgent = a.Urgent || m.Urgent
	}
	for _, t := range targets {
		if !slices.Contains(a.Targets, t) {
			a.Targets = append(a.Targets, t)
		}
	}
	d.queue(m, targets)
}

// tell is what people are told of: what has lasted, and what they know already.
func (a *OpenAlert) tell(w Watched, kind AlertKind, now time.Time) []AlertLine {
	var lines []AlertLine
	for i := range a.Problems {
		problem := &a.Problems[i]
		line := AlertLine{Problem: problem.Problem, Over: problem.Over}
		if problem.lasting(w.After, now) {
			line.New, problem.Told = kind == AlertMore, true
		}
		if problem.Told {
			lines = append(lines, line)
		}
	}
	return lines
}

// queue adds a message for targets.
func (d *AlertDesk) queue(m AlertMessage, targets []AlertTarget) string {
	d.Seq++
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %s %d", d.Seq, m.Key, m.Kind, m.At.UnixNano()))
	m.ID = hex.EncodeToString(sum[:8])
	for _, t := range targets {
		m.Deliveries = append(m.Deliveries, Delivery{AlertTarget: t})
	}
	if len(targets) == 0 {
		d.told(m)
		return m.ID
	}
	d.Queue = append(d.Queue, m)
	return m.ID
}

// Notify puts a run's own words to people into the queue: urgent ones are not held by
// quiet hours.
func (d *AlertDesk) Notify(p AlertPolicy, run, plan, text string, to []string, urgent bool, now time.Time) {
	d.queue(AlertMessage{Kind: AlertNotice, Key: "notice/" + run, Plan: plan, Title: text, At: now, To: to, Urgent: urgent}, p.Route(plan, to))
}

// Test puts a message into the queue that only shows that a channel works, and
// says under which id.
func (d *AlertDesk) Test(target AlertTarget, by string, now time.Time) string {
	return d.queue(TestAlert(by, now), []AlertTarget{target})
}

// TestAlert is a message that only shows that a channel works.
func TestAlert(by string, now time.Time) AlertMessage {
	return AlertMessage{Kind: AlertTest, Key: "test", Title: "This is a test, asked for by " + by + ". Nothing is wrong.", At: now, Urgent: true}
}
