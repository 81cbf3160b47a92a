package evidence

import (
	"bytes"
	_ "embed" // the page's parts
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// Page is a report as HTML: one file that fetches nothing and runs nothing. All
// text in it is escaped; the same evidence gives the same page.
func Page(e plans.Evidence, key PublicKey) ([]byte, error) {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, viewOf(e, key)); err != nil {
		return nil, err
	}
	return []byte(plain(b.String())), nil
}

type (
	pageView struct {
		E                  plans.Evidence
		CSS                template.CSS
		Title, What, Class string
		Lab                string
		Key, File, Span    string
		Withheld           string // how many VMs of others a tenant's copy leaves out
		Figures            []figure
		Needed, Other      []plans.EvidenceField
		Findings           []plans.EvidenceFinding
		Blocks             []block
		SignOff            []plans.EvidenceField
		Charts             []chart
		Legend             []legendEntry
		VMs                []vmRow
		Stages             []stageRow
		Manual             []manualRow
		Log                []logRow
		Before             []plans.Finding
	}
	// figure is one number that a manager looks for; Bad marks a target missed.
	figure struct {
		Label, Value, Of, Target string
		Bad                      bool
	}
	block struct {
		Title  string
		Fields []plans.EvidenceField
	}
	vmRow struct {
		plans.VMEvidence
		RTO, RPO, Point, Boot, Down string
		RTOGoal, RPOGoal            string
		Bad                         bool
	}
	stageRow struct {
		plans.StageEvidence
		AsRun, Began, Up, Goal, VMs string
	}
	manualRow struct {
		plans.ManualEvidence
		Who, When, Word string
	}
	logRow struct {
		plans.LogLine
		When, Took string
	}
)

// blocks are the tables of single facts, in the order of the page.
var blocks = []struct{ key, title string }{
	{"identity", "What this is"}, {"people", "People"}, {"scope", "Scope"}, {"before", "Before"}, {"result", "Result"},
	{"cleanup", "Clean-up and replication"}, {"integrity", "Integrity"},
}

func viewOf(e plans.Evidence, key PublicKey) pageView {
	v := pageView{
		E: e, CSS: template.CSS(pageCSS), Title: e.Number + " " + e.Plan, What: kindWords(e.Operation), Class: classOf(e.Outcome),
		Key: key.String(), File: baseName(e) + ".html", Figures: figures(e), Findings: e.Findings, Charts: charts(e), Before: e.Before,
	}
	if e.Simulated {
		v.Lab = fmt.Sprintf("The hosts were simulated (a lab, %gx): this shows how the plan runs, and is no evidence about real machines. Durations are those of the simulated hosts.", e.Speed)
	}
	v.Span = spanOf(e.Started.UTC(), e.Ended.UTC())
	if n := e.Withheld; n > 0 {
		v.Withheld = fmt.Sprintf("%d VM%s", n, map[bool]string{false: "s"}[n == 1])
	}
	v.Legend = legendOf(v.Charts)
	v.Needed, v.Other = e.Missing()
	byBlock := map[string][]plans.EvidenceField{}
	for _, f := range e.Fields {
		if f.Key == "signoff.notes" && f.Text == "" {
			continue
		}
		byBlock[f.Block] = append(byBlock[f.Block], f)
	}
	v.SignOff = byBlock["signoff"]
	for _, b := range blocks {
		if fields := byBlock[b.key]; len(fields) > 0 {
			v.Blocks = append(v.Blocks, block{b.title, fields})
		}
	}
	for _, vm := range e.VMs {
		v.VMs = append(v.VMs, rowOf(vm))
	}
	for _, st := range e.Stages {
		v.Stages = append(v.Stages, stageOf(st))
	}
	for _, m := range e.Manual {
		v.Manual = append(v.Manual, manualOf(m))
	}
	for _, l := range e.Log {
		row := logRow{LogLine: l, When: l.At.UTC().Format("02 Jan 15:04:05")}
		if !l.Ended.IsZero() {
			row.Took = took(e, l.At, l.Ended)
		}
		v.Log = append(v.Log, row)
	}
	return v
}

// spanOf names the day of the end where it is another.
func spanOf(from, to time.Time) string {
	const day, clock = "2 January 2006 ", "15:04:05"
	end := to.Format(clock)
	if from.Format(day) != to.Format(day) {
		end = to.Format(day + clock)
	}
	return from.Format(day+clock) + " to " + end
}

func kindWords(op plans.Operation) string {
	if op == plans.TestFailover {
		return "Disaster recovery drill (test failover)"
	}
	text := strings.ReplaceAll(string(op), "-", " ")
	return strings.ToUpper(text[:min(1, len(text))]) + text[min(1, len(text)):]
}

// classOf is only how the outcome is drawn; the words say it all.
func classOf(outcome string) string {
	switch {
	case outcome == "PASSED", outcome == "DONE":
		return "good"
	case strings.HasPrefix(outcome, "PASSED"), strings.HasPrefix(outcome, "DONE"):
		return "fair"
	}
	return "bad"
}

func figures(e plans.Evidence) []figure {
	all := []figure{{Label: "VMs", Value: fmt.Sprintf("%d of %d done", e.Measured.Done, e.Measured.VMs), Bad: e.Measured.Done < e.Measured.VMs}}
	if !e.Operation.Moves() && e.Operation != plans.TestFailover {
		return append(all, figure{Label: "Took", Value: took(e, e.Started, e.Ended)})
	}
	rto := figure{Label: "RTO measured", Value: measured(e.Measured.RTO), Target: target(e.Measured.RTO), Bad: e.Measured.RTO.Missed()}
	rpo := figure{Label: "Worst RPO measured", Value: measured(e.Measured.RPO), Target: target(e.Measured.RPO), Bad: e.Measured.RPO.Missed()}
	if e.Measured.Worst != "" && e.Measured.RPO.Measured > 0 {
		rpo.Of = e.Measured.Worst
	}
	return append([]figure{rto, rpo}, all...)
}

func measured(m plans.Measure) string {
	if !m.Known {
		return "not measured"
	}
	return m.Measured.Words()
}

func target(m plans.Measure) string {
	if m.Target == 0 {
		return "no target"
	}
	text := "target " + m.Target.Words()
	if m.Missed() {
		text += ": MISSED"
	}
	return text
}

// took is a time between two of ours, in the hosts' time.
func took(e plans.Evidence, from, to time.Time) string {
	return plans.Duration(float64(to.Sub(from)) * e.Speed).Words()
}

// against is a measured time in a cell.
func against(m plans.Measure) string {
	if !m.Known && m.Target == 0 {
		return "-"
	}
	return measured(m)
}

// goal is the target below it.
func goal(m plans.Measure) string {
	if m.Target == 0 {
		return ""
	}
	return target(m)
}

func rowOf(vm plans.VMEvidence) vmRow {
	row := vmRow{VMEvidence: vm, RTO: against(vm.RTO), RPO: against(vm.RPO), RTOGoal: goal(vm.RTO), RPOGoal: goal(vm.RPO), Point: "-", Boot: "-", Down: "-"}
	row.Bad = vm.Result == "fail" || vm.RTO.Missed() || vm.RPO.Missed()
	if !vm.Point.Time.IsZero() {
		row.Point = vm.Point.Time.UTC().Format("02 Jan 15:04:05")
		if vm.Point.Kind != "" {
			row.Point += ", " + pointWords(vm.Point.Kind)
		}
	}
	if vm.Boot > 0 {
		row.Boot = vm.Boot.Words()
	}
	if vm.Downtime > 0 {
		row.Down = vm.Downtime.Words()
	}
	return row
}

func pointWords(kind string) string {
	switch kind {
	case plans.PointLatest:
		return "latest data"
	case "AppConsistentReplica":
		return "application-consistent"
	case "Replica", "SyncedReplica":
		return "crash-consistent"
	}
	return kind
}

func stageOf(st plans.StageEvidence) stageRow {
	row := stageRow{StageEvidence: st, AsRun: "-", Began: "-", Up: against(st.RTO), Goal: goal(st.RTO), VMs: strings.Join(st.VMs, ", ")}
	if st.AsRun > 0 {
		row.AsRun, row.Began = fmt.Sprint(st.AsRun), "+"+st.Began.Words()
	}
	return row
}

func manualOf(m plans.ManualEvidence) manualRow {
	row := manualRow{ManualEvidence: m, Who: strings.Join(m.By, ", "), Word: plans.ManualWord(m.Verdict)}
	if row.Who == "" {
		row.Who = "nobody"
	}
	if !m.Ended.IsZero() {
		row.When = m.Ended.UTC().Format("02 Jan 15:04:05")
	}
	return row
}
