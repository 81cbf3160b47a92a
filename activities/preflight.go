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
	if in.Operation == plans.UnplannedFailover {
		for i := range pairs {
			if pairs[i].Source.Reached {
				a.answered(in.RunID, pairs[i].Source.Host)
			}
		}
	}
	out := PreflightOut{Findings: plans.Readiness(in, views, pairs, time.Now()), Good: goodSides(in, pairs)}
	a.clearDrills(ctx, in, out.Findings)
	if more := len(out.Findings) - maxFindings; more > 0 {
		out.Findings = append(out.Findings[:maxFindings:maxFindings], plans.Finding{Severity: plans.Info, Code: "more-findings",
			Text: fmt.Sprintf("and %d more: lifeboat ready %s shows them all", more, plans.ShellWord(in.Plan))})
	}
	return out, nil
}

// clearDrills tells drills of other plans to give the memory back that this run needs.
// One that is missed here is told when a VM finds no room.
func (a *Activities) clearDrills(ctx context.Context, in plans.RunInput, found []plans.Finding) {
	var hosts []string
	for _, f := range found {
		switch {
		case f.Severity == plans.Blocker:
			return // the run does not begin
		case f.Code == plans.MemoryLent:
			hosts = append(hosts, f.Host)
		}
	}
	if len(hosts) > 0 {
		a.makeWay(ctx, in.RunID, in.Plan, fmt.Sprintf("%s of %s by %s", in.Operation, in.Plan, in.StartedBy), hosts...)
	}
}

func goodSides(in plans.RunInput, pairs []plans.Pair) map[string]plans.Side {
	good := make(map[string]plans.Side, len(pairs))
	for _, vm := range in.VMs() {
		for i := range pairs {
			if pairs[i].ID != vm.ID {
				continue
			}
			intent := in.Intent(vm)
			intent.Third = pairs[i].Third
			if side := plans.Next(intent, pairs[i].Source, pairs[i].Target).Good; side != "" {
				good[vm.ID] = side
			}
		}
	}
	return good
}

// NotifyIn is a message to people.
type NotifyIn struct {
	Run  string   `json:"run"`
	Plan string   `json:"plan,omitempty"`
	Text string   `json:"text"`
	To   []string `json:"to,omitempty"`
	// JournalOnly is for what somebody asked for and sees anyway.
	JournalOnly bool `json:"journal_only,omitempty"`
	// Calm is for what can wait for the morning: quiet hours hold it.
	Calm bool `json:"calm,omitempty"`
}

// Notify records a plan's notice where people and the journal see it, and lets it
// be sent. Run again it adds nothing: the journal keeps the same text of the same
// run once, and it is sent once.
func (a *Activities) Notify(_ context.Context, in NotifyIn) error {
	a.Log.Info("notice", "run", in.Run, "to", in.To, "text", in.Text)
	if a.Tell != nil && !in.JournalOnly {
		return a.Tell(in)
	}
	return a.Journal.Note(in.Run, in.Text)
}

// ReportIn is a run that has ended.
type ReportIn struct {
	Status  plans.RunStatus      `json:"status"`
	Input   plans.RunInput       `json:"input"`
	Answers []plans.AnswerRecord `json:"answers,omitempty"`
}

// ReportOut says which criteria and targets a drill missed.
type ReportOut struct {
	NotMet []string `json:"not_met,omitempty"`
}

// SaveReport keeps the report of a run in the journal.
func (a *Activities) SaveReport(_ context.Context, in ReportIn) (ReportOut, error) {
	r := plans.MakeReport(in.Status, in.Input, in.Answers, a.Version, a.Simulated)
	return ReportOut{NotMet: plans.Misses(r)}, a.Journal.SaveReport(r)
}
