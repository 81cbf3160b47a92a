package plans

import (
	"slices"
	"strings"
	"time"
)

// Proof is when a VM was last seen to come up where it is recovered.
type Proof struct {
	At        time.Time `json:"at"`
	Run       string    `json:"run"`
	Operation Operation `json:"operation"`
	// Shown is the strongest gate that it passed, Person who said besides that the
	// drill's work can be done, once it was up; "" for nobody.
	Shown  Strength `json:"shown"`
	Person string   `json:"person,omitempty"`
}

// Weak is true for a proof that says no more than that the guest's system runs.
func (p Proof) Weak() bool {
	return p.Person == "" && (p.Shown == ShownStarted || p.Shown == ShownHeartbeat)
}

// Strength is how much a proof shows.
type Strength string

// The strengths, weakest first. Of a run so large that its report has no gates it
// is not recorded.
const (
	ShownStarted   Strength = "started" // the plan has no gate for it
	ShownHeartbeat Strength = "heartbeat"
	ShownPort      Strength = "port"
	ShownHTTP      Strength = "http"
	ShownScript    Strength = "script" // on the engine
	ShownInGuest   Strength = "guest script"
	ShownUnknown   Strength = "not recorded"
)

// strengths are those of gates, by kind; rising is their order.
var (
	strengths = map[string]Strength{"heartbeat": ShownHeartbeat, "tcp": ShownPort, "http": ShownHTTP, "engine-script": ShownScript, "guest-script": ShownInGuest}
	rising    = []Strength{ShownStarted, ShownHeartbeat, ShownPort, ShownHTTP, ShownScript, ShownInGuest}
)

// shown is the strongest gate of those that a VM passed.
func shown(r *Report, vm RunVM) Strength {
	passed, not := gatesAsked(r.Status, vm)
	if len(vm.Gates)+len(not) == 0 && lean(vm) {
		return ShownUnknown
	}
	strongest := 0
	for _, g := range passed {
		strongest = max(strongest, slices.Index(rising, strengths[g.Kind]))
	}
	return rising[strongest]
}

// agreed is who said after a moment that what a drill asks people about is met.
func agreed(all []Judgement, after time.Time) (by string) {
	for _, j := range all {
		if j.Criterion.Kind == CriterionPeople && j.Result == CriterionMet && j.At.After(after) {
			by = j.By
		}
	}
	return by
}

// Covered is a VM of the configuration with what is proved of it.
type Covered struct {
	ID    string   `json:"id"`
	Label string   `json:"label"`
	Group string   `json:"group"`
	Plans []string `json:"plans,omitempty"`
	// Drills are those of the calendar that test it, Next when the next of them
	// comes.
	Drills []string  `json:"drills,omitempty"`
	Next   time.Time `json:"next,omitzero"`
	// Last is nil for a VM that was never proved.
	Last *Proof `json:"last,omitempty"`
	// Days since then, -1 for never. Old is true when that is too long.
	Days int  `json:"days"`
	Old  bool `json:"old"`
}

// DrillCoverage is the last proof of every VM, the longest untested first.
// reports may come in any order. What is older than limit, or not there, is old.
func DrillCoverage(cfg *Config, reports []Report, limit time.Duration, now time.Time) []Covered {
	proofs := map[string]Proof{}
	for i := range reports {
		proved(&reports[i], proofs)
	}
	drills, in := drilled(cfg, now), ByVM(cfg)
	var out []Covered
	for i := range cfg.Groups {
		for j := range cfg.Groups[i].VMs {
			vm := &cfg.Groups[i].VMs[j]
			c := Covered{ID: vm.ID, Label: vm.Name, Group: cfg.Groups[i].Name, Plans: in[vm.ID], Days: -1, Old: true}
			for _, d := range drills[vm.ID] {
				c.Drills = append(c.Drills, d.name)
				if c.Next.IsZero() || !d.next.IsZero() && d.next.Before(c.Next) {
					c.Next = d.next
				}
			}
			if p, known := proofs[vm.ID]; known {
				c.Last, c.Days, c.Old = &p, int(now.Sub(p.At)/(24*time.Hour)), now.Sub(p.At) > limit
			}
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b Covered) int {
		switch {
		case (a.Last == nil) != (b.Last == nil):
			return map[bool]int{true: -1, false: 1}[a.Last == nil]
		case a.Last != nil && !a.Last.At.Equal(b.Last.At):
			return a.Last.At.Compare(b.Last.At)
		}
		return strings.Compare(a.Label, b.Label)
	})
	return out
}

// proved takes over what a run proves: that a VM came up with its gates green,
// as a test copy or for good.
func proved(r *Report, proofs map[string]Proof) {
	if r.Input.Operation != TestFailover && !r.Input.Operation.Moves() {
		return
	}
	vms := byVMID(r.Input)
	failed := judge{s: r.Status}.withCode("gate-not-passed", "gate-waived")
	for i := range r.Status.VMs {
		vm := &r.Status.VMs[i]
		at := phaseEnded(*vm, PhaseGates)
		if at.IsZero() || slices.Contains(failed, vm.Label) || !at.After(proofs[vm.ID].At) {
			continue
		}
		proofs[vm.ID] = Proof{At: at, Run: r.Status.RunID, Operation: r.Input.Operation, Shown: shown(r, vms[vm.ID]), Person: agreed(r.Judgements, at)}
	}
}

type drillOfVM struct {
	name string
	next time.Time
}

// drilled are the drills that test each VM.
func drilled(cfg *Config, now time.Time) map[string][]drillOfVM {
	out := map[string][]drillOfVM{}
	for _, d := range cfg.Drills {
		in, err := ResolveDrill(cfg, d, DrillStart{Due: now, Now: now, Speed: 1})
		calendar, noTimes := CalendarOf(d)
		if err != nil || noTimes != nil { // validation refuses such a drill
			continue
		}
		one := drillOfVM{name: d.Name}
		if next := calendar.Next(now, 1); len(next) > 0 {
			one.next = next[0]
		}
		for _, vm := range in.VMs() {
			out[vm.ID] = append(out[vm.ID], one)
		}
	}
	return out
}

// ByVM are the plans that have each VM, by VM id.
func ByVM(cfg *Config) map[string][]string {
	out := map[string][]string{}
	r := resolver{cfg: cfg, index: indexVMs(cfg)}
	for i := range cfg.Plans {
		for j := range cfg.Plans[i].Steps {
			for _, vm := range cfg.Plans[i].Steps[j].VMs {
				id := r.find(vm.VM).vm.ID
				out[id] = append(out[id], cfg.Plans[i].Name)
			}
		}
	}
	return out
}
