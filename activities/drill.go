package activities

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Names of the drills' activities.
const (
	OpenDrillName   = "open-drill"
	DrillBesideName = "drill-beside"
	DropDrillName   = "drop-drill"
)

// DrillDeps is what drills of the calendar need from outside. The zero value
// knows none.
type DrillDeps struct {
	// Find is a drill of the configuration as it is now, with how late it may begin.
	Find func(name string, start plans.DrillStart) (FoundDrill, error)
	// Real names a real operation of one of these VMs that is under way, "" for
	// none; without VMs it is asked of all that the plan has now. An error is no
	// answer.
	Real func(ctx context.Context, plan string, vms []string) (string, error)
	// RealAt names a real operation that brings VMs up on one of these hosts, "" for
	// none.
	RealAt func(ctx context.Context, hosts []string) (string, error)
	// GiveWay tells the drills with test copies on these hosts, but that of the plan
	// itself, that somebody goes first, and names their plans.
	GiveWay func(ctx context.Context, hosts []string, plan, who string) ([]string, error)
}

// FoundDrill is a drill as the configuration has it.
type FoundDrill struct {
	Input plans.RunInput
	// Black is why its day has no drill, "" when it has.
	Black  string
	Within time.Duration
}

// DrillIn is one drill that is due.
type DrillIn struct {
	Drill string           `json:"drill"`
	Start plans.DrillStart `json:"start"`
}

// DrillOut is the run that a drill is, or why it is not begun: one finding is a
// blocker then.
type DrillOut struct {
	Input plans.RunInput  `json:"input"`
	Found []plans.Finding `json:"found,omitempty"`
	// Within is how late it may begin, 0 for one that a person began.
	Within plans.Duration `json:"within,omitempty"`
}

// OpenDrill resolves a drill from the configuration as it is now and says whether
// it may begin. It changes nothing.
func (a *Activities) OpenDrill(ctx context.Context, in DrillIn) (DrillOut, error) {
	defer beat(ctx)()
	found, err := a.Drills.Find(in.Drill, in.Start)
	if err != nil {
		note := &plans.DrillNote{Calendar: in.Drill, Due: in.Start.Due, ByHand: in.Start.ByHand}
		gone := plans.RunInput{Plan: in.Drill, RunID: plans.DrillRunID(in.Drill, in.Start.Due), Operation: plans.TestFailover, StartedBy: in.Start.By, Drill: note}
		return unbegun(gone, plans.DrillGone, err.Error(), "mend the configuration, or take the drill off the calendar"), nil
	}
	out := DrillOut{Input: found.Input}
	late := lateBy(in.Start, activity.GetInfo(ctx))
	switch {
	case in.Start.ByHand: // a person has weighed the day
	case found.Black != "":
		return unbegun(out.Input, plans.DrillBlackout, "a day without drills ("+found.Black+")", "lifeboat drill run "+plans.ShellWord(in.Drill)+", if it shall be after all"), nil
	case late > found.Within:
		return DrillOut{Input: out.Input, Found: []plans.Finding{DrillTooLate(in.Drill, late, found.Within)}}, nil
	default:
		out.Within = plans.Duration(found.Within)
	}
	if why, err := a.drillWaits(ctx, out.Input); err != nil {
		return DrillOut{}, err
	} else if why != "" {
		return unbegun(out.Input, plans.DrillBusy, why+": that goes first", "lifeboat drill run "+plans.ShellWord(in.Drill)+", when it has ended"), nil
	}
	views, pairs := Look(ctx, a.Hosts, out.Input)
	if err := ctx.Err(); err != nil {
		return DrillOut{}, err
	}
	var missing []plans.Finding
	out.Input, missing = ChooseVMs(ctx, a.Hosts, out.Input, views, pairs)
	out.Found = plans.DrillHurts(append(missing, plans.Readiness(out.Input, views, pairs, time.Now())...))
	return out, nil
}

// drillWaits says which real operation a drill would be in the way of, "" for none: one
// of its VMs, or one that needs the memory of its hosts.
func (a *Activities) drillWaits(ctx context.Context, in plans.RunInput) (string, error) {
	who, err := a.Drills.Real(ctx, in.Plan, BesideOf(in).VMs)
	if err != nil {
		return "", err
	}
	if who != "" {
		return who + " is working on its VMs", nil
	}
	hosts := plans.TargetHosts(in)
	if who, err = a.Drills.RealAt(ctx, hosts); err != nil || who == "" {
		return "", err
	}
	return fmt.Sprintf("%s brings VMs up at %s", who, strings.Join(hosts, ", ")), nil
}

// makeWay tells the drills of other plans who needs the memory of these hosts. Nobody
// waits for an answer: it is told again for each VM that finds no room.
func (a *Activities) makeWay(ctx context.Context, run, plan, who string, hosts ...string) {
	told, err := a.Drills.GiveWay(ctx, hosts, plan, who)
	a.Log.Info("drills give way", "run", run, "hosts", hosts, "plans", told, "error", err)
}

// lateBy is how late a drill is when this attempt begins. The workflow's own moment is
// not enough: an engine may have died in between.
func lateBy(start plans.DrillStart, info activity.Info) time.Duration {
	return start.Now.Sub(start.Due) + max(0, info.StartedTime.Sub(info.ScheduledTime))
}

// DrillTooLate is why a drill is not begun any more.
func DrillTooLate(drill string, late, within time.Duration) plans.Finding {
	return plans.Finding{Severity: plans.Blocker, Code: plans.DrillMissed, Means: "nothing was tested", Remedy: "lifeboat drill run " + plans.ShellWord(drill) + " makes up for it",
		Text: fmt.Sprintf("it was due %s ago, and may begin %s late at most", late.Round(time.Second), plans.Duration(within))}
}

func unbegun(in plans.RunInput, code, why, remedy string) DrillOut {
	return DrillOut{Input: in, Found: []plans.Finding{{Severity: plans.Blocker, Code: code, Text: why, Means: "nothing was tested", Remedy: remedy}}}
}

// BesideIn is a drill of which it is asked what else works on its VMs.
type BesideIn struct {
	Plan string   `json:"plan"`
	VMs  []string `json:"vms,omitempty"`
}

// namedBeside is up to how many VMs are named: the question is asked for as long
// as a drill lasts, and each time stands in its history.
const namedBeside = 200

// BesideOf is the question for a run.
func BesideOf(in plans.RunInput) BesideIn {
	out := BesideIn{Plan: in.Plan}
	vms := in.VMs()
	if len(vms) > namedBeside {
		return out
	}
	for i := range vms {
		out.VMs = append(out.VMs, vms[i].ID)
	}
	return out
}

// ChooseVMs leaves out what a full target cannot take or what is there already,
// and gives each VM its recovery point, by one look at the hosts.
func ChooseVMs(ctx context.Context, hosts func(string) (*hyperv.Host, error), in plans.RunInput, views []plans.HostView, pairs []plans.Pair) (plans.RunInput, []plans.Finding) {
	in = plans.Narrow(plans.Shed(in, views, pairs), pairs)
	if in.Point == "" {
		return in, nil
	}
	have, unread := LookPoints(ctx, hosts, in, pairs)
	in, found := plans.ChoosePoints(in, have)
	return in, append(found, unread...)
}

// DrillBeside names a real operation of one of the VMs of a drill under way.
func (a *Activities) DrillBeside(ctx context.Context, in BesideIn) (string, error) {
	return a.Drills.Real(ctx, in.Plan, in.VMs)
}

// UnbegunIn is a drill that is not begun, and why.
type UnbegunIn struct {
	Input plans.RunInput  `json:"input"`
	Found []plans.Finding `json:"found"`
	Now   time.Time       `json:"now"`
}

// DropDrill keeps the report of a drill that was not begun.
func (a *Activities) DropDrill(_ context.Context, in UnbegunIn) (plans.RunStatus, error) {
	r := plans.UnbegunDrill(in.Input, in.Found, in.Now, a.Version, a.Simulated)
	return r.Status, a.Journal.SaveReport(r)
}
