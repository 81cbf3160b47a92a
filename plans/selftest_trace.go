package plans

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"
)

// SelfTestEntry is one step as it went, of which nothing names a host, an address
// or a person.
type SelfTestEntry struct {
	Step    string       `json:"step"`
	At      SelfTestSide `json:"at"`
	Verb    Verb         `json:"verb,omitempty"`
	Outcome string       `json:"outcome"`
	// Code and Category are those of a refusal, the same in every language.
	Code     string `json:"code,omitempty"`
	Category string `json:"category,omitempty"`
	// Took is how long the host was at it, Lasted how long until it had come about.
	Took   Duration `json:"took,omitempty"`
	Lasted Duration `json:"lasted,omitempty"`
	// A and B are power/mode/state/health at the end, "-" where there is no VM.
	A string `json:"a"`
	B string `json:"b"`
}

// SelfTestStatus is the picture of a self-test.
type SelfTestStatus struct {
	Setup   SelfTestSetup `json:"setup"`
	Started time.Time     `json:"started"`
	// Walked is when its walk was over and its VM began to be removed.
	Walked time.Time `json:"walked,omitzero"`
	Ended  time.Time `json:"ended,omitzero"`
	// Step of Steps is under way: Doing says what.
	Step    int              `json:"step"`
	Steps   int              `json:"steps"`
	Doing   string           `json:"doing,omitempty"`
	Answers []SelfTestAnswer `json:"answers"`
	Entries []SelfTestEntry  `json:"entries"`
	// Findings are why it was refused.
	Findings []Finding `json:"findings,omitempty"`
	// Broken is why the walk ended early, "" when it did not, and At the step.
	Broken string `json:"broken,omitempty"`
	At     string `json:"at,omitempty"`
	// Cleaned is true when no VM of a self-test is left; Left says what is.
	Cleaned bool     `json:"cleaned"`
	Left    []string `json:"left,omitempty"`
	Verdict Verdict  `json:"verdict"`
}

// Differs counts the answers that are not as the model assumes.
func (s SelfTestStatus) Differs() (n int) {
	for _, a := range s.Answers {
		if a.Reading == AsDialect || a.Reading == AsNeither {
			n++
		}
	}
	return n
}

// SelfTestTrace is a self-test as it may leave the house: its answers, and what a
// lab needs to answer the same.
type SelfTestTrace struct {
	// Format is 1.
	Format    int    `json:"format"`
	Version   string `json:"version"`
	Simulated bool   `json:"simulated"`
	// Windows are the versions of the two hosts.
	Windows []string `json:"windows"`
	// Dialects are the lab's words for what these hosts do otherwise than the model
	// assumes: lifeboat lab --dialect-file reads them.
	Dialects []string             `json:"dialects"`
	Answers  []SelfTestTraceReply `json:"answers"`
	Unasked  []SelfTestAnswer     `json:"unasked"`
	Entries  []SelfTestEntry      `json:"steps"`
	// Broken is the step at which it ended early. Why is not told: a host's own
	// words may name anything.
	Broken string `json:"broken,omitempty"`
}

// SelfTestTraceReply is a question with its answer.
type SelfTestTraceReply struct {
	SelfTestAnswer
	Asks    string `json:"question"`
	Where   string `json:"where"`
	Assumes string `json:"assumes"`
}

// TraceOf makes the trace of a self-test. Every word in it that a host gave is
// redacted.
func TraceOf(s SelfTestStatus, version string, simulated bool) SelfTestTrace {
	r := newRedactor(s.Setup)
	t := SelfTestTrace{
		Format: 1, Version: version, Simulated: simulated, Windows: []string{r.clean(s.Setup.A.Windows), r.clean(s.Setup.B.Windows)},
		Dialects: SelfTestDialects(s.Answers), Answers: []SelfTestTraceReply{}, Unasked: SelfTestUnasked(), Entries: []SelfTestEntry{}, Broken: s.At,
	}
	for _, q := range SelfTestQuestions() {
		a := answerTo(q.ID, s.Answers)
		a.Answer = r.clean(a.Answer)
		t.Answers = append(t.Answers, SelfTestTraceReply{SelfTestAnswer: a, Asks: q.Asks, Where: q.Where, Assumes: q.Assumes})
	}
	for _, e := range s.Entries {
		e.Outcome, e.Code, e.Category, e.A, e.B = r.clean(e.Outcome), r.clean(e.Code), r.clean(e.Category), r.clean(e.A), r.clean(e.B)
		t.Entries = append(t.Entries, e)
	}
	return t
}

// answerTo is the answer to a question, or that there is none.
func answerTo(id string, all []SelfTestAnswer) SelfTestAnswer {
	for _, a := range all {
		if a.ID == id {
			return a
		}
	}
	for _, step := range SelfTestWalk(true) {
		if step.Hours && slices.Contains(step.Asks, id) {
			return SelfTestAnswer{ID: id, Answer: "not asked: it takes hours (--hours)", Reading: Untold}
		}
	}
	return SelfTestAnswer{ID: id, Answer: "not asked", Reading: Untold}
}

// SelfTestDialects are the lab's words for the answers that differ.
func SelfTestDialects(answers []SelfTestAnswer) []string {
	out := []string{}
	for _, q := range SelfTestQuestions() {
		if q.Dialect != "" && answerTo(q.ID, answers).Reading == AsDialect {
			out = append(out, q.Dialect)
		}
	}
	return out
}

// entryOf is how a step went.
func entryOf(step SelfTestStep, p SelfTestProgress, d SelfTestDecision, s SelfTestSight, waited time.Duration) SelfTestEntry {
	e := SelfTestEntry{
		Step: step.Name, At: step.At, Verb: step.Verb, Outcome: orWord(p.Outcome, "seen"), Code: p.Code, Category: p.Category,
		Took: Duration(p.Took), Lasted: Duration(waited), A: s.A.words(), B: s.B.words(),
	}
	if d.Skipped {
		e.Outcome = "nothing to do"
	}
	return e
}

// EndSelfTestStep is how a step that is over went, and the progress with which the
// next one begins.
func EndSelfTestStep(step SelfTestStep, p SelfTestProgress, d SelfTestDecision, s SelfTestSight, waited time.Duration) (SelfTestEntry, SelfTestProgress) {
	next := p.next()
	if f := p.First; step.Verb == VerbStartInitial && next.InitialBytes == nil && f != nil {
		next.InitialBytes = f.At(step.At).InitialBytes
	}
	return entryOf(step, p, d, s, waited), next
}

func (v SelfTestView) words() string {
	if !v.Here {
		return "-"
	}
	return strings.Join([]string{v.Power, v.Mode, v.State, v.Health}, "/")
}

// redactor takes names out of what hosts said.
type redactor struct{ names []naming }

type naming struct {
	old *regexp.Regexp
	new string
}

// Forms of what may name a host, a VM or a person without having been configured.
// What is left of a longer thing must not stand, so the longest come first.
var redactedForms = []naming{
	{regexp.MustCompile(`(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "<guid>"},
	{regexp.MustCompile(`(?i)\b[0-9a-f]{2}([:-][0-9a-f]{2}){5}\b`), "<mac>"},
	{regexp.MustCompile(`(?i)[0-9a-f]{40,}`), "<thumbprint>"},
	{regexp.MustCompile(`(?i)\b00155d[0-9a-f]{6}\b`), "<mac>"},
	{regexp.MustCompile(`[^\s'"<>]+@[^\s'"<>]+`), "<user>"},
	{regexp.MustCompile(`\b\d{1,3}(\.\d{1,3}){3}\b`), "<address>"},
	{regexp.MustCompile(`(?i)\b[0-9a-f]{0,4}(:[0-9a-f]{0,4}){2,}`), "<address>"},
	{regexp.MustCompile(`(?i)(\\\\|\b[a-z]:\\)[^'"<>|]*`), "<path>"},
	{regexp.MustCompile(`[^\s'"<>\\]+\\[^\s'"<>]+`), "<user>"},
	{regexp.MustCompile(`(?i)\b[a-z0-9_-]+(\.[a-z0-9_-]+)*\.[a-z][a-z0-9_-]+\b`), "<name>"},
}

func newRedactor(s SelfTestSetup) redactor {
	words := map[string]string{s.Name: "<vm>", s.By: "<user>"}
	for side, p := range map[string]SelfTestParty{"host-a": s.A, "host-b": s.B} {
		words[p.Host], words[p.Replica], words[p.Thumbprint], words[p.Site] = side, side, "<thumbprint>", "<site>"
		if short, domain, ok := strings.Cut(p.Replica, "."); ok {
			words[short], words[domain] = side, "<domain>"
		}
		for _, e := range p.Entries {
			words[strings.TrimPrefix(e, "*.")] = "<entry>"
		}
	}
	delete(words, "")
	delete(words, "*")
	var r redactor
	for word, by := range words {
		// A name is no part of a longer word: a site called b must not spoil text.
		r.names = append(r.names, naming{regexp.MustCompile(`(?i)(^|[^\pL\pN])` + regexp.QuoteMeta(word) + `($|[^\pL\pN])`), "${1}" + by + "${2}"})
	}
	slices.SortFunc(r.names, func(a, b naming) int {
		return cmp.Or(cmp.Compare(len(b.old.String()), len(a.old.String())), strings.Compare(a.old.String(), b.old.String()))
	})
	return r
}

// clean is text without what names anybody.
func (r redactor) clean(text string) string {
	for _, n := range r.names {
		for range 2 { // of two that share the sign between them one is left at first
			text = n.old.ReplaceAllString(text, n.new)
		}
	}
	for _, n := range redactedForms {
		text = n.old.ReplaceAllString(text, n.new)
	}
	return text
}
