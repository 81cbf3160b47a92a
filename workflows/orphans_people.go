package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// listen registers the query and the Updates.
func (r *orphanRun) listen(ctx workflow.Context) error {
	err := workflow.SetQueryHandlerWithOptions(ctx, StatusQuery, func() (plans.OrphanStatus, error) { return r.status, nil },
		workflow.QueryHandlerOptions{Description: "What replication left behind, and what was done about it."})
	if err != nil {
		return err
	}
	return takeAnswers(ctx, []offer{
		{plans.ChoiceScan, "Read every host again. Give by."},
		{plans.ChoiceClean, "Clean one finding. Give its id as vm, by, and word where it takes one."},
		{plans.ChoiceUndo, "Take one clean-up back. Give the finding's id as vm, and by."},
	}, r.check, func(ctx workflow.Context, a plans.Answer) (plans.OrphanStatus, error) {
		a, err := r.check(a)
		if err != nil {
			return r.status, err
		}
		return r.status, r.follow(ctx, a)
	})
}

// check says whether an answer fits.
func (r *orphanRun) check(a plans.Answer) (plans.Answer, error) {
	a = signed(a)
	if r.status.Report && a.Choice != plans.ChoiceScan {
		return a, no("this sweep only reports: lifeboat orphans scan begins one that cleans")
	}
	switch a.Choice {
	case plans.ChoiceClean:
		return a, r.checkClean(a)
	case plans.ChoiceUndo:
		_, err := r.undoable(a.VM)
		return a, err
	}
	return a, nil
}

func (r *orphanRun) checkClean(a plans.Answer) error {
	f, found := r.status.Picture.Find(a.VM)
	switch {
	case !found:
		return no("there is no finding %q: lifeboat orphans scan", a.VM)
	case r.running(a.VM):
		return no("it is being cleaned already")
	case f.Verb == "":
		return no("a person must act first: %s", f.Person)
	case f.Word != "" && a.Via == "web-ui":
		return no("it takes the word %q from somebody who has said who they are: answer with the command line", f.Word)
	case f.Word != a.Word:
		return no("%s takes the word %q beside its id, not %q", f.ID, f.Word, a.Word)
	}
	return nil
}

func (r *orphanRun) running(id string) bool {
	return slices.ContainsFunc(r.status.Cleans, func(c plans.OrphanClean) bool {
		return c.Orphan.ID == id && c.Verdict == plans.VerdictRunning
	})
}

// undoable is what an undo would take back.
func (r *orphanRun) undoable(id string) (plans.OrphanClean, error) {
	if r.running(id) {
		return plans.OrphanClean{}, no("it is being worked on: try again when that has ended")
	}
	c, why := r.status.Undo(id)
	if why != "" {
		return c, no("%s", why)
	}
	return c, nil
}

// follow does what an answer asks for: a scan is waited for, the rest is begun.
func (r *orphanRun) follow(ctx workflow.Context, a plans.Answer) error {
	now := workflow.Now(ctx).UTC()
	switch a.Choice {
	case plans.ChoiceScan:
		r.scans++
		wanted := r.scans
		return workflow.Await(ctx, func() bool { return r.looked >= wanted })
	case plans.ChoiceClean:
		f, _ := r.status.Picture.Find(a.VM)
		r.status.Cleans = append(r.status.Cleans, plans.OrphanClean{Orphan: f, Verb: f.Verb, By: a.By, Reason: cut(a.Reason), At: now, Verdict: plans.VerdictRunning})
	case plans.ChoiceUndo:
		c, err := r.undoable(a.VM)
		if err != nil {
			return err
		}
		c.By, c.Reason, c.At, c.Verdict = a.By, cut(a.Reason), now, plans.VerdictRunning
		r.status.Cleans = append(r.status.Cleans, c)
	}
	r.answers++
	return nil
}

// show keeps the Web UI's picture up to date.
func (r *orphanRun) show(ctx workflow.Context) {
	var b strings.Builder
	b.WriteString("## " + markdown(plans.OrphanTally(r.status.Picture)) + "\n\n")
	if all := r.status.Picture.Findings; len(all) > 0 && len(all) <= smallRun {
		b.WriteString("| id | host | kind | what |\n|---|---|---|---|\n")
		for i := range all {
			b.WriteString(fmt.Sprintf("| %s | %s | %s | %s |\n", all[i].ID, markdown(all[i].Host), all[i].Kind, markdown(all[i].Name)))
		}
	}
	for _, c := range r.status.Cleans {
		b.WriteString(fmt.Sprintf("\n- %s %s: %s. %s", c.Verb, markdown(c.Orphan.Name), c.Verdict, markdown(c.Text)))
	}
	workflow.SetCurrentDetails(ctx, b.String())
}
