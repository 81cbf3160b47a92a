package plans

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Drill finds a drill of the configuration.
func (cfg *Config) Drill(name string) (*ScheduledDrill, bool) {
	i := slices.IndexFunc(cfg.Drills, func(d ScheduledDrill) bool { return d.Name == name })
	if i < 0 {
		return nil, false
	}
	return &cfg.Drills[i], true
}

// DrillStart is what makes one drill of a calendar.
type DrillStart struct {
	Due    time.Time `json:"due"`
	Now    time.Time `json:"now"`
	ByHand bool      `json:"by_hand,omitempty"`
	// By and Reason are of one that a person began.
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Auto lets the lab operator answer.
	Auto bool `json:"auto,omitempty"`
	// Speed is how much faster the hosts live.
	Speed float64 `json:"-"`
}

// DrillRunID names the one run of a drill that a moment has.
func DrillRunID(name string, due time.Time) string {
	return name + "-" + due.UTC().Format("20060102-150405")
}

// ResolveDrill turns a drill into the input of a test failover, with its criteria
// as they stand now.
func ResolveDrill(cfg *Config, d ScheduledDrill, start DrillStart) (RunInput, error) {
	i := slices.IndexFunc(cfg.Plans, func(p RecoveryPlan) bool { return p.Name == d.Plan })
	if i < 0 {
		return RunInput{}, fmt.Errorf("there is no plan %q", d.Plan)
	}
	in, err := Resolve(cfg, &cfg.Plans[i], Request{
		Operation: TestFailover, By: orWord(start.By, "calendar "+d.Name), Reason: start.Reason, RunID: DrillRunID(d.Name, start.Due),
		Speed: start.Speed, Auto: start.Auto, Point: d.Point, Hold: d.Hold,
	})
	if err != nil {
		return in, err
	}
	in = onlyStages(in, d.Stages)
	in.Drill = &DrillNote{Calendar: d.Name, Hash: hashOfDrill(d), Due: start.Due.UTC(), ByHand: start.ByHand, Locked: start.Now.UTC()}
	if calendar, err := CalendarOf(d); err == nil { // validation refuses another
		if next := calendar.Next(start.Now, 1); len(next) > 0 {
			in.Drill.Next = next[0].UTC()
		}
	}
	for _, c := range d.Criteria {
		one := c.criterion()
		if one.Kind == CriterionPeople {
			one.Step = len(in.Steps) + len(in.Drill.Criteria) + 1
		}
		in.Drill.Criteria = append(in.Drill.Criteria, one)
	}
	return in, nil
}

func hashOfDrill(d ScheduledDrill) string {
	text, err := json.Marshal(d)
	if err != nil { // the type is ours and holds nothing that cannot be encoded
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// onlyStages leaves the VMs of other stages out, and the manual steps and notices
// that stand after those: nobody could look at what was not started.
func onlyStages(in RunInput, stages []string) RunInput {
	if len(stages) == 0 {
		return in
	}
	var steps []RunStep
	for _, step := range in.Steps {
		if step.Of != "" && !slices.Contains(stages, step.Of) {
			for i := range step.VMs {
				in.LeftOut = append(in.LeftOut, LeftOut{VM: step.VMs[i].Label, Why: "this drill does not test stage " + step.Name, Tenant: step.VMs[i].Tenant})
			}
			continue
		}
		step.Number = len(steps) + 1
		steps = append(steps, step)
	}
	in.Steps = steps
	in.Hosts = slices.DeleteFunc(in.Hosts, func(h RunHost) bool {
		return !slices.ContainsFunc(in.VMs(), func(vm RunVM) bool { return vm.SourceHost == h.Name || vm.TargetHost == h.Name })
	})
	return in
}

// Unattended is true for a drill that the calendar began: perhaps nobody is there.
func (n *DrillNote) Unattended() bool { return n != nil && !n.ByHand }

// People are the criteria that a person answers.
func (n *DrillNote) People() []Criterion {
	if n == nil {
		return nil
	}
	var out []Criterion
	for _, c := range n.Criteria {
		if c.Kind == CriterionPeople {
			out = append(out, c)
		}
	}
	return out
}

// CodeGaveWay is the code of the finding that says which real operation a drill
// gave way to.
const CodeGaveWay = "gave-way"

// gaveWay is true for a drill that a real operation ended.
func gaveWay(s RunStatus) bool {
	return slices.ContainsFunc(s.Findings, func(f Finding) bool { return f.Code == CodeGaveWay })
}

// Why a drill was not begun: the code of its report's finding.
const (
	DrillBlackout  = "drill-blackout"   // a day without drills
	DrillBusy      = "drill-busy"       // a real operation, or another drill
	DrillMissed    = "drill-missed"     // nobody was there to begin it
	DrillPaused    = "drill-paused"     // somebody stopped the calendar
	DrillGone      = "drill-gone"       // it is no longer in the configuration
	DrillNoStorage = "drill-no-storage" // a target is all but full
)

// UnbegunDrill is the report of a drill that was not begun. Nothing was changed.
func UnbegunDrill(in RunInput, found []Finding, now time.Time, version string, simulated bool) Report {
	s := RunStatus{
		RunID: in.RunID, Workflow: "drill/" + in.Plan, Plan: in.Plan, PlanHash: in.PlanHash, Operation: TestFailover, From: in.From, To: in.To,
		StartedBy: in.StartedBy, Started: now, Ended: now, Verdict: VerdictRefused, Steps: len(in.Steps), LeftOut: in.LeftOut, Findings: found,
		GoodCopy: "where it was: nothing was touched", WayBack: "nothing was changed, so there is nothing to take back",
		StepList: []StepStatus{}, VMs: []VMStatus{},
	}
	s.Summary = "Not begun: " + whyUnbegun(found) + ". Nothing was changed."
	return MakeReport(s, in, nil, version, simulated)
}

// whyUnbegun is the first blocker, and how many there are.
func whyUnbegun(found []Finding) string {
	var first string
	n := 0
	for _, f := range found {
		if f.Severity != Blocker {
			continue
		}
		if n++; n == 1 {
			first = f.Text
			if about := orWord(f.VM, f.Host); about != "" {
				first = about + ": " + first
			}
		}
	}
	if n > 1 {
		return fmt.Sprintf("%s, and %d more", first, n-1)
	}
	return first
}

// DrillHurts are the findings of a look that keep a drill of the calendar from
// beginning: what refuses a test failover, and what a person could weigh but
// nobody is there to.
func DrillHurts(found []Finding) (out []Finding) {
	for _, f := range found {
		if f.Code == "volume-short" {
			f.Severity, f.Code, f.Means = Blocker, DrillNoStorage, "test copies write there, beside the replicas"
		}
		if f.Severity == Blocker {
			out = append(out, f)
		}
	}
	return out
}

// WhyMissed says why a moment of a drill passed without one, nil when there was
// one. running is when a drill that is under way was due, zero when none is.
func WhyMissed(drill string, due time.Time, reports []Report, running time.Time, paused bool, note string) *Finding {
	overlapped := !running.IsZero() && running.Before(due)
	for i := range reports {
		r := &reports[i]
		if r.Input.Drill == nil || r.Input.Drill.Calendar != drill {
			continue
		}
		if r.Input.Drill.Due.Equal(due) {
			return nil
		}
		overlapped = overlapped || r.Status.Started.Before(due) && r.Status.Ended.After(due)
	}
	f := Finding{Severity: Blocker, Means: "nothing was tested", Remedy: "lifeboat drill run " + ShellWord(drill)}
	switch {
	case paused:
		f.Code, f.Text, f.Remedy = DrillPaused, "the calendar is paused ("+orWord(note, "nobody said why")+")", "lifeboat drill resume "+ShellWord(drill)
	case overlapped:
		f.Code, f.Text = DrillBusy, "the drill before it was still going on"
	default:
		f.Code, f.Text = DrillMissed, "no engine was there to begin it"
	}
	return &f
}

// DrillWords is what people are told of a drill.
func DrillWords(drill string, due time.Time, words string) string {
	return fmt.Sprintf("DRILL  %s, due %s UTC: %s", drill, due.UTC().Format("Mon 2 Jan 15:04"), words)
}

// MissedDrillWords is what people are told of the moments that a drill missed, the
// oldest first: one message, however long nobody was there.
func MissedDrillWords(drill string, missed []Report) string {
	due := func(i int) time.Time { return missed[i].Input.Drill.Due }
	last := len(missed) - 1
	if last == 0 {
		return DrillWords(drill, due(0), missed[0].Status.Summary)
	}
	var whys []string
	count := map[string]int{}
	for i := range missed {
		why := whyUnbegun(missed[i].Status.Findings)
		if count[why]++; count[why] == 1 {
			whys = append(whys, why)
		}
	}
	for i, why := range whys {
		if len(whys) > 1 {
			whys[i] = fmt.Sprintf("%d times %s", count[why], why)
		}
	}
	return fmt.Sprintf("DRILL  %s was missed %d times, due from %s to %s UTC: %s. Nothing was tested, and nothing was changed. Once is enough: lifeboat drill run %s",
		drill, len(missed), due(0).UTC().Format("Mon 2 Jan 15:04"), due(last).UTC().Format("Mon 2 Jan 15:04"), strings.Join(whys, "; "), ShellWord(drill))
}

// LastOfDrill is the report of a drill of the calendar that was due last: a moment that
// was missed is reported later than a drill which somebody ran meanwhile.
func LastOfDrill(drill string, reports []Report) (last *Report) {
	for i := range reports {
		if d := reports[i].Input.Drill; d != nil && d.Calendar == drill && (last == nil || d.Due.After(last.Input.Drill.Due)) {
			last = &reports[i]
		}
	}
	return last
}

// DrillOutcome is how a drill came out, in two words.
func DrillOutcome(r Report) string {
	switch {
	case r.Status.Verdict == VerdictRefused:
		return "not begun"
	case r.Status.Verdict == VerdictDone && len(Misses(r)) == 0:
		return "passed"
	case r.Status.Verdict == VerdictStuck:
		return "stuck"
	case gaveWay(r.Status):
		return "gave way"
	}
	return "not passed"
}
