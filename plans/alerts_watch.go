package plans

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// urgentCodes are findings that cannot wait for the morning.
var urgentCodes = []string{"host-unreachable", "stale-look", "two-copies-run"}

// WatchPlan is what alerts have to do with a plan's readiness. Which finding is
// the same as before is told by what it is about, never by its words: those hold
// ages that change. A replica that is off is no finding, so nobody is ever told
// of one.
func (p AlertPolicy) WatchPlan(r ReadyReport, hushed bool) Watched {
	words := map[ReadyVerdict]string{ReadyYes: "READY", ReadyNo: "NOT READY", ReadyUnknown: "UNKNOWN"}
	w := Watched{
		Key: "plan/" + r.Plan, Plan: r.Plan, After: p.After, WellAfter: p.Well, Hushed: hushed,
		Title: fmt.Sprintf("%s: %s if %s is lost now", r.Plan, words[r.Verdict], r.From),
		Well:  fmt.Sprintf("%s: READY again if %s is lost", r.Plan, r.From),
	}
	for _, h := range r.Hosts {
		if !h.Up {
			w.Unseen = append(w.Unseen, h.Name)
		}
	}
	for _, f := range r.Findings {
		if p.tells(f.Severity) && f.Code != engineHealth { // that is told once, of the engine
			w.Problems = append(w.Problems, problemOf(r, f))
		}
	}
	w.Problems = together(w.Problems)
	if len(w.Problems) == 0 && r.Verdict == ReadyUnknown {
		w.Problems = []Problem{{Key: "unknown", What: r.Why, Means: "nothing can be promised for the day", Do: "lifeboat status " + ShellWord(r.Plan)}}
	}
	return w
}

func (p AlertPolicy) tells(s Severity) bool {
	return s == Blocker || s == Warning && p.Config != nil && p.Config.Level == Warning
}

func problemOf(r ReadyReport, f Finding) Problem {
	out := Problem{
		Key: strings.Join([]string{f.Code, f.Host, f.VM}, " "), Group: f.Code + " " + f.Host,
		What: FindingGroup{Finding: f}.Subject() + ": " + f.Text, Means: f.Means, Do: f.Remedy,
		Urgent: slices.Contains(urgentCodes, f.Code),
	}
	if f.Code != "host-unreachable" && f.Code != "stale-look" {
		out.Hosts = f.shownBy()
	}
	for _, h := range r.Hosts {
		if h.Name == f.Host && f.Code == "host-unreachable" {
			out.Since = h.Read
		}
	}
	return out
}

// together drops a problem that stands there already.
func together(all []Problem) []Problem {
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(p Problem) bool {
		was := seen[p.Key]
		seen[p.Key] = true
		return was
	})
}

// WatchRun is what alerts have to do with a run: that it waits for people.
func (p AlertPolicy) WatchRun(id string, s RunStatus) Watched {
	w := Watched{
		Key: "run/" + id, Plan: s.Plan, After: p.Waiting,
		Title: fmt.Sprintf("%s: the %s to %s waits for a person", s.Plan, strings.ReplaceAll(string(s.Operation), "-", " "), s.To),
		Well:  fmt.Sprintf("%s: the %s waits for nobody any more", s.Plan, strings.ReplaceAll(string(s.Operation), "-", " ")),
	}
	if w.Ended = !s.Ended.IsZero(); w.Ended {
		w.Well = fmt.Sprintf("%s: the %s has ended: %s. %s", s.Plan, strings.ReplaceAll(string(s.Operation), "-", " "), s.Verdict, s.Summary)
		return w
	}
	for _, q := range s.Waiting {
		what, who := q.Text, q.VM
		if q.Step > 0 {
			who = fmt.Sprintf("step %d", q.Step)
		}
		if q.Owner != "" {
			who += ", for " + q.Owner
			if !slices.Contains(w.To, q.Owner) {
				w.To = append(w.To, q.Owner)
			}
		}
		w.Problems = append(w.Problems, Problem{
			Key: fmt.Sprintf("%d %s %d", q.Step, q.VMID, q.Since.UnixNano()), Group: q.Text + q.Owner,
			What: who + ": " + what, Means: q.SafeToWait, Do: "lifeboat run show " + ShellWord(orWord(runName(id), s.Plan)), Since: q.Since,
			Urgent: s.Operation != TestFailover,
		})
	}
	return w
}

// EndsWithin is for how long after its end people are told of a run of which they
// were not told before.
const EndsWithin = 24 * time.Hour

// ended is the key of the problem that a run has ended other than well.
const ended = "ended"

// TellsEnd is true for an alert that is about how a run has ended.
func (a *OpenAlert) TellsEnd() bool {
	return a != nil && slices.ContainsFunc(a.Problems, func(p OpenProblem) bool { return p.Key == ended })
}

// EndedBadly is true for a run that has ended and needs people all the same.
func (s RunStatus) EndedBadly() bool {
	return !s.Ended.IsZero() && (s.Verdict == VerdictStuck || s.Verdict == VerdictUnknown)
}

// WatchEnd is what alerts have to do with a run that has ended: that it is stuck, that
// nobody knows, or, where it waited for nobody before, that it was refused. It is over
// when a later run of the same has begun. That a protection is there is told once.
func (p AlertPolicy) WatchEnd(id string, s RunStatus, later bool) Watched {
	what := fmt.Sprintf("%s: the %s to %s", s.Plan, strings.ReplaceAll(string(s.Operation), "-", " "), s.To)
	w := Watched{
		Key: "run/" + id, Plan: s.Plan, Ended: true, Once: s.Verdict == VerdictRefused,
		Title: fmt.Sprintf("%s has ended: %s", what, s.Verdict), Well: fmt.Sprintf("%s that ended %s was followed by another run", what, s.Verdict),
	}
	if s.Operation == Protect && s.Verdict == VerdictDone && !later {
		w.Notice = arrived(s)
	}
	bad := s.EndedBadly()
	if later || !bad && !w.Once {
		return w
	}
	w.Problems = []Problem{{
		Key: ended, What: orWord(s.Summary, "it says no more"), Means: s.GoodCopy, Do: "lifeboat run show " + ShellWord(orWord(runName(id), s.Plan)), Since: s.Ended,
		Urgent: bad && s.Operation != TestFailover,
	}}
	return w
}

// arrived says what a protection has come to: people wait for it, and believe that it
// is there from the beginning.
func arrived(s RunStatus) string {
	var there, others []string
	for _, vm := range s.VMs {
		switch what := vm.Label + " is " + vm.Doing; {
		case vm.Verdict != VerdictDone:
		case strings.HasPrefix(vm.Doing, "protected"):
			there = append(there, what)
		default:
			others = append(others, vm.Label+": "+vm.Doing)
		}
	}
	if len(there) > mostNamed {
		there = []string{fmt.Sprintf("%d VMs of %s are protected at %s", len(there), strings.TrimPrefix(s.Plan, ProtectionPlan("")), s.To)}
	}
	if len(others) > mostNamed {
		others = []string{fmt.Sprintf("%d VMs of %s are NOT PROTECTED YET: lifeboat run show %s", len(others), strings.TrimPrefix(s.Plan, ProtectionPlan("")), ShellWord(s.Plan))}
	}
	return strings.Join(slices.Concat(there, others), "\n")
}

// mostNamed is up to how many VMs are told one by one.
const mostNamed = 5

// runName is how people name a run to a command: its workflow's id where the
// plan alone would not do.
func runName(id string) string {
	workflow, _, _ := strings.Cut(id, " ")
	if strings.HasPrefix(workflow, "drill/") {
		return workflow
	}
	return ""
}

// WatchEngine is what alerts have to do with the engine itself.
func (p AlertPolicy) WatchEngine(problems []Problem) Watched {
	return Watched{Key: "engine", Title: "The engine needs a look", Well: "The engine is well again", After: p.After, WellAfter: p.Well, Problems: problems}
}

// timeFor is a moment as people of a place read it; the day stands there when it
// is not that of now.
func timeFor(at, now time.Time, zone *time.Location) string {
	at = at.In(zone)
	if at.Format(time.DateOnly) == now.In(zone).Format(time.DateOnly) {
		return at.Format("15:04:05 MST")
	}
	return at.Format("Mon 2 Jan 15:04 MST")
}
