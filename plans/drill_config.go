package plans

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ScheduledDrill is a test failover of a plan on a calendar.
type ScheduledDrill struct {
	Name string `yaml:"name"`
	Plan string `yaml:"plan"`
	// Cron is when: minute, hour, day of the month, month, weekday.
	Cron string `yaml:"cron"`
	// Timezone is where Cron and Blackout are meant (default UTC). A time that the
	// clocks jump over comes when they have jumped; one that comes twice counts
	// once.
	Timezone string `yaml:"timezone,omitempty"`
	// Weeks keeps, of the days Cron names, those of these weeks of the month: 1 is
	// the first seven days, -1 the last seven. Empty means all.
	Weeks []int `yaml:"weeks,omitempty"`
	// Blackout are days without a drill.
	Blackout []string `yaml:"blackout,omitempty"`
	// Jitter spreads the start over this long after Cron, always the same for one
	// drill and day.
	Jitter Duration `yaml:"jitter,omitempty"`
	// Within is how late it may begin (default 15m): one that was missed for longer
	// is reported, not made up for.
	Within Duration `yaml:"within,omitempty"`
	// Stages are the only stages that are tested; empty means all.
	Stages []string `yaml:"stages,omitempty"`
	// Point is latest (default), latest-app or common.
	Point string `yaml:"point,omitempty"`
	// Hold is how long test copies stay up for people (default: the plan's).
	Hold *Duration `yaml:"hold,omitempty"`
	// PauseOnFailure stops the calendar after a drill that did not pass, until
	// somebody resumes it.
	PauseOnFailure bool `yaml:"pause_on_failure,omitempty"`
	// Criteria are what makes it a success (default: every VM up, every gate
	// green, nothing left).
	Criteria []DrillCriterion `yaml:"criteria,omitempty"`
}

// DrillCriterion is one criterion: exactly one of Must, RTO, RPO and Ask is set.
type DrillCriterion struct {
	Must DrillMust `yaml:"must,omitempty"`
	RTO  Duration  `yaml:"rto,omitempty"`
	RPO  Duration  `yaml:"rpo,omitempty"`
	// Ask is a question to Who, while the test copies are up.
	Ask string `yaml:"ask,omitempty"`
	Who string `yaml:"who,omitempty"`
}

// DrillMust is a criterion that needs no figure.
type DrillMust string

// What a drill must come to.
const (
	MustVMsUp      DrillMust = "vms-up"
	MustGatesGreen DrillMust = "gates-green"
	MustLeaveClean DrillMust = "leave-nothing"
)

// DefaultDrillWithin is how late a drill may begin when it does not say;
// leastWithin is the shortest that Temporal keeps.
const (
	DefaultDrillWithin = Duration(15 * time.Minute)
	leastWithin        = 10 * time.Second
)

func setDrillDefaults(all []ScheduledDrill) {
	for i := range all {
		d := &all[i]
		if d.Within == 0 {
			d.Within = DefaultDrillWithin
		}
		d.Point = orWord(d.Point, AskLatest)
		d.Timezone = orWord(d.Timezone, "UTC")
		if len(d.Criteria) == 0 {
			d.Criteria = []DrillCriterion{{Must: MustVMsUp}, {Must: MustGatesGreen}, {Must: MustLeaveClean}}
		}
	}
}

func (c *checker) checkDrills() {
	names := c.namesAt("drills")
	for i := range c.cfg.Drills {
		d, path := &c.cfg.Drills[i], fmt.Sprintf("drills[%d]", i)
		c.unique(names, d.Name, path, "drill", i)
		if strings.ContainsAny(d.Name, "/\n\r\t") {
			c.fail(path+".name", "use letters, digits and dashes", "a drill's name must hold no slash and no line break")
		}
		if _, taken := c.plans.index[d.Name]; taken {
			// Runs are named for either, with the moment: the journal keeps the first
			// report of a name.
			c.fail(path+".name", "name it otherwise, like "+d.Name+"-weekly", "a plan is called %q: its runs and this drill's could not be told apart", d.Name)
		}
		c.checkDrillPlan(d, path)
		c.checkDrillTimes(d, path)
		switch d.Point {
		case "", AskLatest, AskLatestApp, AskCommon:
		default:
			c.fail(path+".point", "write latest, latest-app or common", "%q is not known here", d.Point)
		}
		for j := range d.Criteria {
			c.checkCriterion(d, &d.Criteria[j], path, fmt.Sprintf("%s.criteria[%d]", path, j))
		}
	}
}

func (c *checker) checkDrillPlan(d *ScheduledDrill, path string) {
	if _, known := c.plans.index[d.Plan]; !known && (d.Plan == "" || !c.plans.partial) {
		c.fail(path+".plan", "write the name of a plan: lifeboat plan list names them", "there is no plan %q", d.Plan)
	}
	i, ok := c.plans.one(d.Plan)
	if !ok {
		return
	}
	at := fmt.Sprintf("plans[%d]", i)
	if ttl := cmp.Or(c.cfg.Plans[i].Test.TTL, DefaultTestTTL); d.Hold != nil && *d.Hold >= ttl && !c.anyLost(at, "test.ttl") {
		c.fail(path+".hold", "write less, or give the plan a longer test: ttl", "%s is longer than %s: test copies live no longer, and the drill could not pass", *d.Hold, ttl)
	}
	if c.stagesLost(i) {
		return
	}
	for j, stage := range d.Stages {
		if !slices.ContainsFunc(c.cfg.Plans[i].Steps, func(s Step) bool { return s.Stage == stage }) {
			c.fail(fmt.Sprintf("%s.stages[%d]", path, j), "write the name of one of its stages", "plan %q has no stage %q", d.Plan, stage)
		}
	}
}

// stagesLost is true where the name of a stage of a plan is not known.
func (c *checker) stagesLost(plan int) bool {
	at := fmt.Sprintf("plans[%d].steps", plan)
	lost := c.at.lost(at)
	for i, s := range c.cfg.Plans[plan].Steps {
		lost = lost || s.Stage == "" && (len(s.VMs) > 0 || s.mayBeStage() && c.anyLost(fmt.Sprintf("%s[%d]", at, i), "stage"))
	}
	return lost
}

// checkDrillTimes tells each part of the calendar that cannot be read, then
// whether it ever comes.
func (c *checker) checkDrillTimes(d *ScheduledDrill, path string) {
	before := len(c.errors) + c.untold
	c.checkTimes(d.Cron, d.Timezone, path)
	for i, text := range d.Blackout {
		if _, err := parseBlackout(text); err != nil {
			c.fail(fmt.Sprintf("%s.blackout[%d]", path, i), "write month-end 3, month-start, SAT, 2026-12-24, 2026-12-20..2027-01-03 or 12-20..01-03", "%v", err)
		}
	}
	for i, week := range d.Weeks {
		if week == 0 || week < -5 || week > 5 {
			c.fail(fmt.Sprintf("%s.weeks[%d]", path, i), "write 1 to 5, or -1 for the last", "is %d", week)
		}
	}
	if d.Within != 0 && d.Within.D() < leastWithin {
		c.fail(path+".within", "write 15m, or how late it may begin", "%s is too short: an engine that starts again needs longer", d.Within)
	}
	if d.Within.D() > 24*time.Hour {
		c.fail(path+".within", "write at most 24h", "%s late would be another day's drill", d.Within)
	}
	if d.Jitter.D() > 12*time.Hour {
		c.fail(path+".jitter", "write at most 12h", "%s would be another day", d.Jitter)
	}
	if len(c.errors)+c.untold > before {
		return
	}
	if calendar, err := CalendarOf(*d); err == nil && len(calendar.Next(anyDay, 1)) == 0 {
		c.fail(path+".cron", "lifeboat drill next shows what a calendar comes to", "no such day comes in five years: no drill would ever run")
	}
}

// checkTimes tells what of a calendar's time and place cannot be read.
func (c *checker) checkTimes(cron, zone, path string) {
	if _, err := parseCron(cron); err != nil {
		c.fail(path+".cron", `write minute, hour, day, month, weekday, like "0 6 * * SUN"`, "%v", err)
	}
	if _, err := parseZone(zone); err != nil {
		c.fail(path+".timezone", "write it like Europe/Dublin", "%v", err)
	}
}

// anyDay is where it is asked whether a calendar ever comes.
var anyDay = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (c *checker) checkCriterion(d *ScheduledDrill, one *DrillCriterion, drill, path string) {
	asked, named := strings.TrimSpace(one.Ask) != "", strings.TrimSpace(one.Who) != ""
	single := c.exactlyOne(path, "criterion", []string{"must", "rto", "rpo", "ask"}, one.Must != "", one.RTO != 0, one.RPO != 0, asked)
	hold, held := c.holdOf(d, drill)
	switch {
	case !single, c.anyLost(path, "ask"):
	case !asked && named:
		c.fail(path+".who", "remove it, or write ask: what the person shall say", "who: goes with ask:")
	case asked && !named:
		c.fail(path+".who", "name the person who looks", "nobody would be asked")
	case asked && held && hold <= 0:
		c.fail(path+".ask", "give the drill a hold, like hold: 30m", "nobody could look: the test copies would be removed at once")
	}
}

// holdOf is how long the test copies of the drill at a path stay up, false where that
// cannot be told.
func (c *checker) holdOf(d *ScheduledDrill, path string) (Duration, bool) {
	if d.Hold != nil {
		return *d.Hold, !c.anyLost(path, "hold")
	}
	i, ok := c.plans.one(d.Plan)
	if !ok || c.anyLost(path, "hold") {
		return 0, false
	}
	return c.cfg.Plans[i].Test.Hold, !c.anyLost(fmt.Sprintf("plans[%d]", i), "test.hold")
}

// criterion is what is locked into the run.
func (d DrillCriterion) criterion() Criterion {
	switch {
	case d.Must == MustVMsUp:
		return Criterion{Kind: CriterionVMs, Text: "every VM came up"}
	case d.Must == MustGatesGreen:
		return Criterion{Kind: CriterionGates, Text: "every gate passed"}
	case d.Must == MustLeaveClean:
		return Criterion{Kind: CriterionClean, Text: "nothing is left behind"}
	case d.RTO != 0:
		return Criterion{Kind: CriterionRTO, Text: "all was up within " + d.RTO.String(), Limit: d.RTO}
	case d.RPO != 0:
		return Criterion{Kind: CriterionRPO, Text: "no data was older than " + d.RPO.String(), Limit: d.RPO}
	}
	return Criterion{Kind: CriterionPeople, Text: d.Ask, Who: d.Who}
}
