package plans

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// CanaryResult is what became of a canary once.
type CanaryResult struct {
	Canary string `json:"canary"`
	// Due is when the calendar wanted it; of one that a person began, when that was.
	Due    time.Time `json:"due"`
	ByHand bool      `json:"by_hand,omitempty"`
	By     string    `json:"by,omitempty"`
	Began  time.Time `json:"began,omitzero"`
	Ended  time.Time `json:"ended,omitzero"`
	// VM is the name of its VM, Host and To where it was made and went to.
	VM   string `json:"vm,omitempty"`
	Host string `json:"host"`
	To   string `json:"to"`
	// Verdict is done, refused (nothing was changed), stopped (its VM is removed) or
	// stuck (something is left).
	Verdict Verdict `json:"verdict"`
	// Skipped is true for one that stepped aside: it says nothing about the hosts.
	Skipped bool `json:"skipped,omitempty"`
	// Why it did not pass, and at which step.
	Why  string `json:"why,omitempty"`
	Step string `json:"step,omitempty"`
	// Remedy is what to do about a night that was refused.
	Remedy string       `json:"remedy,omitempty"`
	Parts  []CanaryPart `json:"parts,omitempty"`
	// Left is what could not be removed.
	Left []string `json:"left,omitempty"`
}

// CanaryPart is a part of the way and how long it took, in the hosts' time.
type CanaryPart struct {
	Name string   `json:"name"`
	Took Duration `json:"took"`
}

// Parts of a canary's way.
const (
	CanaryCopy     = "first copy"
	CanaryFailover = "failover"
	CanaryFailback = "failback"
	CanaryRemoval  = "removal"
)

// Passed is true when it went there and back and left nothing.
func (r CanaryResult) Passed() bool { return r.Verdict == VerdictDone }

// Took is how long a part took; false when it was not reached.
func (r CanaryResult) Took(part string) (time.Duration, bool) {
	for _, p := range r.Parts {
		if p.Name == part {
			return p.Took.D(), true
		}
	}
	return 0, false
}

// Outcome is the verdict in one word for people.
func (r CanaryResult) Outcome() string {
	switch {
	case r.Skipped:
		return "skipped"
	case r.Verdict == VerdictDone:
		return "passed"
	case r.Verdict == VerdictRunning:
		return "running"
	case r.Verdict == VerdictStuck:
		return "left behind"
	}
	return "failed"
}

// Words say what became of it.
func (r CanaryResult) Words() string {
	switch {
	case r.Verdict == VerdictRunning:
		return "under way"
	case r.Passed():
		there, _ := r.Took(CanaryFailover)
		back, _ := r.Took(CanaryFailback)
		return fmt.Sprintf("%s to %s in %s, back in %s, nothing left", r.Host, r.To, Duration(there).Words(), Duration(back).Words())
	}
	words := r.Why
	if r.Step != "" {
		words = "at the step " + r.Step + ": " + words
	}
	if left := strings.Join(r.Left, "; "); left != "" && words == "" {
		words = "it went there and back. Left: " + left
	} else if left != "" {
		words += ". Left: " + left
	}
	return words
}

// CanaryNote is what the journal's chain has of it.
func CanaryNote(r CanaryResult) string {
	return fmt.Sprintf("canary %s, due %s UTC: %s: %s", r.Canary, r.Due.UTC().Format("2 Jan 2006 15:04"), r.Outcome(), r.Words())
}

// canaryAside is the code of a real run for which a canary steps aside.
const canaryAside = "canary-aside"

// CanaryAside keeps a canary from walking: who is under way.
func CanaryAside(who string) Finding {
	return Finding{Severity: Blocker, Code: canaryAside, Text: who + " is under way: that goes first", Remedy: "the next night tells"}
}

// CanaryLeft keeps a canary from walking: earlier nights have left what could not be
// removed.
func CanaryLeft(s SelfTestSetup, left []string) Finding {
	return Finding{Severity: Blocker, Code: "canary-left", Text: "what an earlier night has left cannot be removed: " + strings.Join(left, "; "), Remedy: cleanCommand(s)}
}

// EndCanary is what a night's walk comes to.
func EndCanary(r CanaryResult, s SelfTestStatus) CanaryResult {
	r.VM, r.Verdict, r.Why, r.Step, r.Left = s.Setup.Name, s.Verdict, s.Broken, s.At, s.Left
	if s.Verdict == VerdictRefused {
		var why, remedies []string
		for _, f := range s.Findings {
			switch {
			case f.Severity != Blocker:
				continue
			case f.Code == canaryAside:
				return SkipCanary(r, f.Text)
			}
			why = append(why, f.Text)
			if !slices.Contains(remedies, f.Remedy) {
				remedies = append(remedies, f.Remedy)
			}
		}
		r.Why, r.Remedy = strings.Join(why, "; "), strings.Join(remedies, "; ")
		return r
	}
	parts := map[string]string{"enable": CanaryCopy, "mark-replica": CanaryCopy, "first-copy": CanaryCopy, "settled-1": CanaryCopy, canaryThere: CanaryFailover, canaryBack: CanaryFailback}
	for _, e := range s.Entries {
		if name := parts[e.Step]; name != "" && name != parts[s.At] { // one that broke off tells no time
			r.add(name, e.Lasted)
		}
	}
	if s.Cleaned && !s.Walked.IsZero() {
		r.add(CanaryRemoval, Duration(float64(s.Ended.Sub(s.Walked))*max(s.Setup.Speed, 1)))
	}
	return r
}

func (r *CanaryResult) add(name string, took Duration) {
	for i := range r.Parts {
		if r.Parts[i].Name == name {
			r.Parts[i].Took += took
			return
		}
	}
	r.Parts = append(r.Parts, CanaryPart{name, took})
}

// SkipCanary is a canary that steps aside, for why.
func SkipCanary(r CanaryResult, why string) CanaryResult {
	r.Verdict, r.Skipped, r.Why = VerdictRefused, true, why
	return r
}

// LostCanary is a canary of which nobody knows what became: its workflow was
// terminated.
func LostCanary(r CanaryResult) CanaryResult {
	r.Verdict = VerdictStuck
	r.Why = fmt.Sprintf("it was ended from outside, and may have left its VM, %s…, on %s and %s: the next night removes it", Canary{Name: r.Canary}.vmPrefix(), r.Host, r.To)
	return r
}

// CanaryState is where a canary stands.
type CanaryState struct {
	Canary Canary
	// Results are the newest first.
	Results []CanaryResult
}

// CanaryStates is where the canaries of a configuration stand. past are results by
// name, newest first.
func CanaryStates(cfg *Config, past map[string][]CanaryResult) []CanaryState {
	var out []CanaryState
	for _, c := range cfg.Canaries {
		out = append(out, CanaryState{c, past[c.Name]})
	}
	return out
}

// Last is the newest result that says something about the hosts; nil without one.
// Skipped is how many stepped aside since.
func (s CanaryState) Last() (last *CanaryResult, skipped int) {
	for i := range s.Results {
		if !s.Results[i].Skipped {
			return &s.Results[i], i
		}
	}
	return nil, len(s.Results)
}

// LastPass is the newest that passed; nil without one.
func (s CanaryState) LastPass() *CanaryResult {
	i := slices.IndexFunc(s.Results, CanaryResult.Passed)
	if i < 0 {
		return nil
	}
	return &s.Results[i]
}

// canarySkips is after how many nights aside people are told.
const canarySkips = 3

// Problem is what is wrong with a canary, if anything is.
func (s CanaryState) Problem() (Problem, bool) {
	last, skipped := s.Last()
	p := Problem{Do: "lifeboat canary show " + s.Canary.Name, Means: fmt.Sprintf("a failover between %s and %s may fail the same way", s.Canary.Host, s.Canary.To)}
	switch {
	case last != nil && last.Verdict == VerdictStuck:
		p.Key, p.What, p.Since = "left", last.Words(), last.Ended
		p.Means = "the small VM of the canary is still there; no other VM was touched"
	case last != nil && !last.Passed():
		p.Key, p.What, p.Since = "failed", last.Words(), last.Ended
	case skipped >= canarySkips:
		p.Key, p.What, p.Since = "skipped", fmt.Sprintf("it stepped aside %d times in a row, due from %s to %s UTC, last: %s",
			skipped, s.Results[skipped-1].Due.UTC().Format("2 Jan 15:04"), s.Results[0].Due.UTC().Format("2 Jan 15:04"), s.Results[0].Why), s.Results[skipped-1].Ended
		p.Means = "nothing has proved since that a failover works"
	default:
		return p, false
	}
	return p, true
}

// WatchCanary is what alerts have to do with a canary.
func (p AlertPolicy) WatchCanary(s CanaryState) Watched {
	w := Watched{Key: "canary/" + s.Canary.Name, Title: "Canary " + s.Canary.Name + ": it did not fail over and back", Well: "Canary " + s.Canary.Name + " passes again"}
	if problem, wrong := s.Problem(); wrong {
		w.Problems = []Problem{problem}
	}
	return w
}

// canaries tells of a canary between the plan's two sites that does not pass.
func (r *ready) canaries() {
	at := func(host string) string {
		for _, h := range r.in.Hosts {
			if h.Name == host {
				return h.Site
			}
		}
		return ""
	}
	for _, s := range r.look.Canaries {
		one, other := at(s.Canary.Host), at(s.Canary.To)
		if one == "" || other == "" || one == other {
			continue
		}
		if p, wrong := s.Problem(); wrong {
			r.add(Finding{Severity: Warning, Code: "canary", Text: "canary " + s.Canary.Name + " does not pass: " + p.What, Means: p.Means, Remedy: p.Do})
		}
	}
}
