package activities

import (
	"context"
	"fmt"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// PreflightOut is what a run finds before it changes anything.
type PreflightOut struct {
	Findings []plans.Finding `json:"findings,omitempty"`
	// Good is, by VM id, which side holds the good copy; a VM of which that
	// cannot be told is not in it.
	Good map[string]plans.Side `json:"good,omitempty"`
}

// maxFindings bounds what one answer carries: a plan of thousands of VMs may
// have something to say of each, and the worst come first.
const maxFindings = 500

// Preflight looks at all hosts of a run once and says what stands against it.
func (a *Activities) Preflight(ctx context.Context, in plans.RunInput) (PreflightOut, error) {
	defer beat(ctx)()
	views, pairs := Look(ctx, a.Hosts, in)
	if err := ctx.Err(); err != nil {
		return PreflightOut{}, err
	}
	out := PreflightOut{Findings: plans.Readiness(in, views, pairs, time.Now()), Good: goodSides(in, pairs)}
	if more := len(out.Findings) - maxFindings; more > 0 {
		out.Findings = append(out.Findings[:maxFindings:maxFindings], plans.Finding{Severity: plans.Info, Code: "more-findings",
			Text: fmt.Sprintf("and %d more: lifeboat ready %s shows them all", more, in.Plan)})
	}
	return out, nil
}

func goodSides(in plans.RunInput, pairs []plans.Pair) map[string]plans.Side {
	phases := plans.Phases(in.Operation, in.Reverse)
	intent := plans.Intent{Operation: in.Operation, Reverse: in.Reverse, UpTo: phases[len(phases)-1]}
	good := make(map[string]plans.Side, len(pairs))
	for i := range pairs {
		if side := plans.Next(intent, pairs[i].Source, pairs[i].Target).Good; side != "" {
			good[pairs[i].ID] = side
		}
	}
	return good
}

// NotifyIn is a message to people.
type NotifyIn struct {
	Run  string   `json:"run"`
	Text string   `json:"text"`
	To   []string `json:"to,omitempty"`
}

// Notify records a plan's notice where people and the journal see it. Run again
// it adds nothing: the journal keeps the same text of the same run once.
func (a *Activities) Notify(_ context.Context, in NotifyIn) error {
	a.Log.Info("notice", "run", in.Run, "to", in.To, "text", in.Text)
	return a.Journal.Note(in.Run, in.Text)
}

// ReportIn is a run that has ended.
type ReportIn struct {
	Status  plans.RunStatus      `json:"status"`
	Input   plans.RunInput       `json:"input"`
	Answers []plans.AnswerRecord `json:"answers,omitempty"`
}

// SaveReport keeps the report of a run in the journal.
func (a *Activities) SaveReport(_ context.Context, in ReportIn) error {
	return a.Journal.SaveReport(plans.MakeReport(in.Status, in.Input, in.Answers, a.Version, a.Simulated))
}
