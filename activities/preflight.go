package activities

import (
	"context"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// PreflightOut is what a run finds before it changes anything.
type PreflightOut struct {
	Findings []plans.Finding `json:"findings,omitempty"`
}

// Preflight looks at all hosts of a run once and says what stands against it.
func (a *Activities) Preflight(ctx context.Context, in plans.RunInput) (PreflightOut, error) {
	defer beat(ctx)()
	views, pairs := Look(ctx, a.Hosts, in)
	if err := ctx.Err(); err != nil {
		return PreflightOut{}, err
	}
	return PreflightOut{Findings: plans.Readiness(in, views, pairs, time.Now())}, nil
}

// NotifyIn is a message to people.
type NotifyIn struct {
	Run  string   `json:"run"`
	Text string   `json:"text"`
	To   []string `json:"to,omitempty"`
}

// Notify records a plan's notice where people and the journal see it.
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
