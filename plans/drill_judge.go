package plans

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Judge holds a drill that has ended against the criteria that were locked when
// it began. rto is as the report has it.
func Judge(in RunInput, s RunStatus, rto Duration, answers []AnswerRecord) []Judgement {
	if in.Drill == nil {
		return nil
	}
	j := judge{in: in, s: s, rto: rto, answers: answers}
	var out []Judgement
	for _, c := range in.Drill.Criteria {
		one := Judgement{Criterion: c, Result: CriterionNotJudged, Why: "the drill was not begun"}
		if s.Verdict != VerdictRefused {
			one = j.criterion(c)
		}
		if one.Result == CriterionNotMet && c.Kind != CriterionClean && gaveWay(s) {
			one.Result, one.Why = CriterionNotJudged, "it gave way to a real operation"
		}
		out = append(out, one)
	}
	return out
}

// NotMet are the criteria that a drill missed, in words.
func NotMet(all []Judgement) []string {
	var out []string
	for _, j := range all {
		if j.Result == CriterionNotMet {
			out = append(out, j.Criterion.Text+": "+j.Why)
		}
	}
	return out
}

// Misses are what keeps a drill of the calendar from having passed though all its VMs
// are done, in words: criteria, and targets of the plan and of VMs.
func Misses(r Report) []string {
	out := NotMet(r.Judgements)
	if r.Input.Drill == nil || r.Status.Verdict == VerdictRefused || gaveWay(r.Status) {
		return out
	}
	for _, f := range MakeEvidence(Record{Report: r}).Findings {
		if what, _, _ := strings.Cut(f.Key, ":"); what == "rto" || what == "rpo" {
			out = append(out, f.Text)
		}
	}
	return out
}

type judge struct {
	in      RunInput
	s       RunStatus
	rto     Duration
	answers []AnswerRecord
}

func (j judge) criterion(c Criterion) Judgement {
	out := Judgement{Criterion: c}
	switch c.Kind {
	case CriterionVMs:
		out.Result, out.Why = j.all("did not come up", func(vm VMStatus) bool { return !phaseEnded(vm, PhaseStart).IsZero() })
	case CriterionGates:
		out.Result, out.Why = j.gates()
	case CriterionRTO:
		out.Result, out.Why = j.withinRTO(c.Limit)
	case CriterionRPO:
		out.Result, out.Why = j.withinRPO(c.Limit)
	case CriterionClean:
		out.Result, out.Why = j.all("may be left", func(vm VMStatus) bool {
			return vm.TestVM == "" && vm.Verdict != VerdictStuck && vm.Verdict != VerdictUnknown
		})
	case CriterionPeople:
		return j.person(out)
	}
	return out
}

// phaseEnded is when a phase of a VM ended, zero when it did not.
func phaseEnded(vm VMStatus, phase Phase) (at time.Time) {
	for _, t := range vm.Times {
		if t.Phase == phase {
			at = t.Ended
		}
	}
	return at
}

// all is met when every VM is as wanted; those that are not are named.
func (j judge) all(words string, good func(VMStatus) bool) (CriterionResult, string) {
	var bad []string
	for i := range j.s.VMs {
		if !good(j.s.VMs[i]) {
			bad = append(bad, j.s.VMs[i].Label)
		}
	}
	if len(bad) > 0 {
		return CriterionNotMet, fmt.Sprintf("%d of %d %s: %s", len(bad), len(j.s.VMs), words, fewOf(bad, 8))
	}
	return CriterionMet, fmt.Sprintf("%d of %d VMs", len(j.s.VMs), len(j.s.VMs))
}

// fewOf are the first of many.
func fewOf(all []string, most int) string {
	if len(all) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:most], ", "), len(all)-most)
	}
	return strings.Join(all, ", ")
}

// gates is not judged while one could not be asked: what nobody asked did
// neither pass nor fail.
func (j judge) gates() (CriterionResult, string) {
	failed, unasked := j.withCode("gate-not-passed", "gate-waived"), j.withCode("gate-not-asked")
	result, why := j.all("did not pass their gates", func(vm VMStatus) bool {
		return !phaseEnded(vm, PhaseGates).IsZero() && !slices.Contains(failed, vm.Label)
	})
	if result == CriterionMet && len(unasked) > 0 {
		return CriterionNotJudged, "not every gate could be asked: " + fewOf(unasked, 8)
	}
	return result, why
}

// withCode are the VMs that findings of a code name, each once.
func (j judge) withCode(codes ...string) []string {
	var out []string
	for _, f := range j.s.Findings {
		if slices.Contains(codes, f.Code) && !slices.Contains(out, f.VM) {
			out = append(out, f.VM)
		}
	}
	return out
}

func (j judge) withinRTO(limit Duration) (CriterionResult, string) {
	failed := j.withCode("gate-not-passed")
	result, why := j.all("did not come up", func(vm VMStatus) bool {
		return !phaseEnded(vm, PhaseGates).IsZero() && !slices.Contains(failed, vm.Label)
	})
	if result != CriterionMet {
		return result, why
	}
	took := Duration((time.Duration(float64(j.rto) * max(1, j.in.Speed))).Round(time.Second))
	if took > limit {
		return CriterionNotMet, "it took " + took.String()
	}
	return CriterionMet, "it took " + took.String()
}

func (j judge) withinRPO(limit Duration) (CriterionResult, string) {
	status := map[string]VMStatus{}
	for _, s := range j.s.VMs {
		status[s.ID] = s
	}
	var worst Duration
	var label string
	for _, vm := range j.in.VMs() {
		switch s := status[vm.ID]; {
		case phaseEnded(s, PhaseStart).IsZero():
			return CriterionNotJudged, vm.Label + " did not come up, with whatever data"
		case vm.Point.Time.IsZero() && vm.Behind == 0:
			return CriterionNotJudged, "how old the data of " + vm.Label + " was is not known"
		case label == "" || dataAge(vm, s) > worst:
			worst, label = dataAge(vm, s), vm.Label
		}
	}
	if label == "" {
		return CriterionNotJudged, "no VM took part"
	}
	why := fmt.Sprintf("the oldest was %s, of %s", Duration(worst.D().Round(time.Second)), label)
	if worst > limit {
		return CriterionNotMet, why
	}
	return CriterionMet, why
}

// dataAge is how old the data was that a VM came up with: the age that was seen before
// the start, and more where an older point was taken.
func dataAge(vm RunVM, s VMStatus) Duration {
	if s.Point.Time.IsZero() || vm.Point.Time.IsZero() {
		return vm.Behind
	}
	return vm.Behind + Duration(max(0, vm.Point.Time.Sub(s.Point.Time)))
}

// person takes the last word that was given.
func (j judge) person(out Judgement) Judgement {
	out.Result, out.Why = CriterionNotJudged, "nobody answered"
	for _, a := range j.answers {
		if a.Answer.Step != out.Criterion.Step {
			continue
		}
		result, known := map[Choice]CriterionResult{ChoiceApprove: CriterionMet, ChoiceDecline: CriterionNotMet, ChoiceSkip: CriterionNotJudged}[a.Answer.Choice]
		if known {
			out.Result, out.By, out.At, out.Why = result, a.Answer.By, a.At, orWord(a.Answer.Reason, string(a.Answer.Choice))
		}
	}
	return out
}
