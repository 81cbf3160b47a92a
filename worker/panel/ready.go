package panel

import (
	_ "embed" // the page's parts
	"errors"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// ReadyExtensionID is the banner's name in the Web UI's configuration.
const ReadyExtensionID = "lifeboat.readiness"

//go:embed ready.html
var readyHTML string

var readyTemplate = template.Must(template.New("ready").Parse(readyHTML))

// ReadyPage is what the engine knows about every plan, as a page that prints
// well or as the banner above each page of the Web UI.
type ReadyPage struct {
	// Plans are the worst first.
	Plans  []plans.ReadyReport
	Banner bool
	// Problem says why nothing is known, "" when something is.
	Problem string
	// Now is the time of the picture; its zone is the one that times are
	// written in.
	Now time.Time
}

// What fits: lines of a banner that is 240 pixels high, rows of a table that
// are read.
const (
	mostLines = 6
	mostRows  = 200
)

type readyView struct {
	Name, From, To, Verdict, State, Why, Age, Facts string
	Stale                                           []string
	Findings                                        []findingView
	VMs                                             []readyRow
	MoreVMs                                         int
	Hosts                                           []hostRow
	LeftOut                                         []plans.LeftOut
}

type findingView struct{ Severity, Word, About, Text, Means, Do string }

type readyRow struct {
	Label, State, Good, Behind, Target, Backlog string
	Late                                        bool
}

type hostRow struct {
	Name, Site, Read, Certificate, Volume, Error string
	Up                                           bool
}

// Render writes the page as HTML. Whatever text a report holds is escaped.
func (p ReadyPage) Render(w io.Writer) error {
	shown := struct {
		Title, ID, At, Problem, More string
		Banner                       bool
		Plans                        []readyView
		CSS                          template.CSS
		JS                           template.JS
	}{
		Title: "Lifeboat: readiness", ID: ReadyExtensionID, At: p.Now.Format("Mon 2006-01-02 15:04:05 MST"), Problem: p.Problem, Banner: p.Banner,
		CSS: template.CSS(pageCSS), JS: template.JS(pageJS),
	}
	if len(p.Plans) == 0 && p.Problem == "" {
		shown.Problem = "the configuration has no plan"
	}
	for i, r := range p.Plans {
		if p.Banner && i == mostLines-1 && len(p.Plans) > mostLines {
			shown.More = restWords(p.Plans[i:])
			break
		}
		shown.Plans = append(shown.Plans, viewReady(r, p.Now))
	}
	var text strings.Builder
	if err := readyTemplate.Execute(&text, shown); err != nil {
		return err
	}
	_, err := io.WriteString(w, plain(text.String()))
	return err
}

// restWords counts the plans that have no line of their own; they are no worse
// than those that have.
func restWords(rest []plans.ReadyReport) string {
	count := map[plans.ReadyVerdict]int{}
	for _, r := range rest {
		count[r.Verdict]++
	}
	var words []string
	for _, v := range []plans.ReadyVerdict{plans.ReadyNo, plans.ReadyUnknown, plans.ReadyYes} {
		if count[v] > 0 {
			words = append(words, fmt.Sprintf("%d %s", count[v], strings.ToLower(readyState(v))))
		}
	}
	return fmt.Sprintf("%d more plans: %s.", len(rest), strings.Join(words, ", "))
}

func readyState(v plans.ReadyVerdict) string {
	switch v {
	case plans.ReadyYes:
		return "READY"
	case plans.ReadyNo:
		return "NOT READY"
	case plans.ReadyUnknown:
	}
	return "UNKNOWN"
}

func viewReady(r plans.ReadyReport, now time.Time) readyView {
	v := readyView{
		Name: r.Title(), From: r.From, To: r.To, Verdict: string(r.Verdict), State: readyState(r.Verdict), Why: r.Why,
		Age: readAge(r.Seen, now), Facts: readyFacts(r, now), Stale: r.Stale, LeftOut: r.LeftOut,
	}
	if r.Plan == "" && r.Verdict == plans.ReadyYes {
		v.State = "MIND" // they are replicated, and yet nothing starts them
	}
	for _, g := range plans.GroupFindings(r.Findings, "") {
		word := map[plans.Severity]string{plans.Blocker: "To fix", plans.Warning: "Mind", plans.Info: "Note"}[g.Severity]
		v.Findings = append(v.Findings, findingView{Severity: string(g.Severity), Word: word, About: g.Subject(), Text: g.Text, Means: g.Means, Do: g.Remedy})
	}
	// Those that are late stand first.
	rows := slices.Clone(r.VMs)
	slices.SortStableFunc(rows, func(a, b plans.ReadyVM) int { return rank(a) - rank(b) })
	for i, vm := range rows {
		if i >= mostRows && vm.InTime {
			v.MoreVMs = len(rows) - i
			break
		}
		v.VMs = append(v.VMs, readyRow{
			Label: vm.Label, State: vm.Worse(), Good: goodTime(vm, now), Behind: age(vm.Behind), Target: target(vm.Target), Backlog: backlog(vm.Backlog), Late: !vm.InTime,
		})
	}
	for _, h := range r.Hosts {
		v.Hosts = append(v.Hosts, viewHost(h, now))
	}
	return v
}

func rank(vm plans.ReadyVM) int {
	if vm.InTime {
		return 1
	}
	return 0
}

// readAge says how old the picture is.
func readAge(seen, now time.Time) string {
	if seen.IsZero() {
		return "not read yet"
	}
	return "read " + span(now.Sub(seen)) + " ago"
}

func readyFacts(r plans.ReadyReport, now time.Time) string {
	facts := []string{fmt.Sprintf("%d of %d VMs in time", r.InTime, r.Total)}
	if r.Estimate > 0 {
		facts = append(facts, "about "+plans.Duration(r.Estimate.D().Round(time.Minute)).String()+" to be up")
	}
	if vm, ok := r.OldestThird(); ok {
		facts = append(facts, fmt.Sprintf("oldest third copy %s old (%s)", span(vm.ExtendedBehind.D()), vm.Label))
	}
	switch d := r.Drill; {
	case r.Plan == "": // drills belong to plans
	case d == nil:
		facts = append(facts, "no drill on record")
	default:
		word := "passed"
		if !d.Passed {
			word = "NOT passed"
		}
		facts = append(facts, fmt.Sprintf("last drill %s, %s", clock(d.Ended, now), word))
	}
	return strings.Join(append(facts, readAge(r.Seen, now)), "; ") + "."
}

func viewHost(h plans.ReadyHost, now time.Time) hostRow {
	row := hostRow{Name: h.Name, Site: h.Site, Up: h.Up, Read: "never", Certificate: "-", Volume: "-"}
	if !h.Read.IsZero() {
		row.Read = clock(h.Read, now)
	}
	if !h.Up {
		row.Read += " !"
		row.Error = h.Error
	}
	if h.CertificateDays != nil {
		row.Certificate = fmt.Sprintf("%d days left", *h.CertificateDays)
		if *h.CertificateDays < 0 {
			row.Certificate = "ENDED"
		}
	}
	if h.Volume != nil && h.Volume.Size > 0 {
		row.Volume = fmt.Sprintf("%s %s free of %s", h.Volume.Name, sized(h.Volume.Free), sized(h.Volume.Size))
	}
	return row
}

func goodTime(vm plans.ReadyVM, now time.Time) string {
	if vm.LastGood.IsZero() {
		return "none"
	}
	return clock(vm.LastGood, now)
}

func age(d plans.Duration) string {
	if d < 0 {
		return "-"
	}
	return span(d.D())
}

func target(d plans.Duration) string {
	if d == 0 {
		return "-"
	}
	return d.String()
}

func backlog(b int64) string {
	if b < 0 {
		return "?"
	}
	return sized(uint64(b))
}

// sized is a size as people say it.
func sized(b uint64) string {
	switch {
	case b >= 1<<40:
		return fmt.Sprintf("%.1f TB", float64(b)/(1<<40))
	case b >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(b)/(1<<30))
	}
	return fmt.Sprintf("%d MB", b>>20)
}

// ShowReady gives the page and the banner what to show.
func (s *Server) ShowReady(ready func(now time.Time) []plans.ReadyReport) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = ready
}

// BannerURL is the banner's address, ReadyURL that of the page. Both hold the
// token.
func (s *Server) BannerURL() string { return s.URL() + "banner" }

// ReadyURL is the page's address.
func (s *Server) ReadyURL() string { return s.URL() + "ready" }

// readyPicture judges at most once in keep, however many look.
func (s *Server) readyPicture() ([]plans.ReadyReport, error) {
	s.mu.Lock()
	ready := s.ready
	s.mu.Unlock()
	if ready == nil {
		return nil, errors.New("the engine is starting")
	}
	s.judging.Lock()
	defer s.judging.Unlock()
	if now := time.Now(); s.judgedAt.IsZero() || now.Sub(s.judgedAt) >= keep {
		s.judged, s.judgedAt = ready(now), now
	}
	return s.judged, nil
}

func (s *Server) renderReady(w io.Writer, banner bool) error {
	page := ReadyPage{Banner: banner, Now: time.Now()}
	reports, err := s.readyPicture()
	page.Plans = reports
	if err != nil {
		page.Problem = err.Error()
	}
	return page.Render(w)
}
