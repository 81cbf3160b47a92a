package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// listen registers the query, the Updates and the signal.
func (r *repairRun) listen(ctx workflow.Context) error {
	err := workflow.SetQueryHandlerWithOptions(ctx, StatusQuery, func() (plans.RepairStatus, error) { return r.status, nil },
		workflow.QueryHandlerOptions{Description: "The repair ladder of this host as it stands."})
	if err != nil {
		return err
	}
	err = takeAnswers(ctx, []offer{
		{plans.ChoiceApprove, "Yes to what is asked about a VM. Give vm and by."},
		{plans.ChoiceRun, "Take a VM's next rung now, whatever its window and the day's budget. Give vm and by."},
		{plans.ChoiceHold, "Leave a VM alone until approve, or until it is well again. Give vm, by and reason."},
	}, r.check, func(ctx workflow.Context, a plans.Answer) (plans.RepairStatus, error) {
		a, err := r.check(a)
		if err != nil {
			return r.status, err
		}
		r.follow(ctx, a)
		return r.status, nil
	})
	if err != nil {
		return err
	}
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var keys []string
			workflow.GetSignalChannel(ctx, TroubleSignal).Receive(ctx, &keys)
			r.trouble(ctx, keys)
		}
	})
	return nil
}

// check says whether an answer fits, and completes it.
func (r *repairRun) check(a plans.Answer) (plans.Answer, error) {
	a = signed(a)
	i := slices.IndexFunc(r.status.VMs, func(vm plans.RepairVM) bool { return !vm.Since.IsZero() && vm.Named(a.VM) })
	if i < 0 {
		return a, no("no VM %q is on the repair ladder of %s", a.VM, r.status.Host)
	}
	vm := r.status.VMs[i]
	a.VM = vm.Key()
	switch {
	case a.Choice == plans.ChoiceHold && strings.TrimSpace(a.Reason) == "":
		return a, no("hold needs a reason: it goes into the record")
	case a.Choice == plans.ChoiceHold && vm.Hold != nil:
		return a, no("it is left alone already, by %s: %s", vm.Hold.By, vm.Hold.Reason)
	case a.Choice == plans.ChoiceHold, vm.Hold != nil:
		return a, nil
	case a.Choice == plans.ChoiceApprove && vm.Step.Rung != plans.RungAsk, vm.Step.Wants == "":
		return a, no("nothing is asked about %s: %s (%s)", vm.Label, vm.Step.Rung, vm.Step.Why)
	case a.About != "" && a.About != vm.Step.Asks():
		return a, no("meanwhile it is about something else, %s: %s. Look again: lifeboat repair show %s", vm.Step.Wants, vm.Step.Why, plans.ShellWord(vm.Label))
	}
	return a, nil
}

func (r *repairRun) follow(ctx workflow.Context, a plans.Answer) {
	vm, now := &r.status.VMs[r.index(a.VM)], workflow.Now(ctx).UTC()
	r.news++
	switch {
	case a.Choice == plans.ChoiceHold:
		vm.Hold, vm.Consent = &plans.RepairHold{By: a.By, Reason: cut(a.Reason), At: now}, nil
		vm.Step = plans.RepairStep{Rung: plans.RungHeld, Sender: vm.Step.Sender, Receiver: vm.Step.Receiver, Why: fmt.Sprintf("left alone by %s: %s", a.By, cut(a.Reason))}
	case vm.Hold != nil:
		vm.Hold = nil
		vm.Step = waits(vm.Step, "taken up again by "+a.By+"; looking")
	default:
		vm.Consent = &plans.RepairConsent{Rung: vm.Step.Wants, Set: vm.Step.Set, By: a.By, Reason: cut(a.Reason), At: now, Now: a.Choice == plans.ChoiceRun}
	}
	r.tell(ctx, fmt.Sprintf("%s: %s by %s %s", vm.Label, a.Choice, a.By, a.Reason))
	r.show(ctx)
}

// show keeps the Web UI's picture up to date, when it has changed.
func (r *repairRun) show(ctx workflow.Context) {
	var b strings.Builder
	b.WriteString(fmt.Sprintf("## Repairs at %s\n\n", markdown(r.status.Host)))
	if len(r.status.VMs) <= smallRun {
		b.WriteString("| VM | rung | now |\n|---|---|---|\n")
		for i := range r.status.VMs {
			vm := &r.status.VMs[i]
			b.WriteString(fmt.Sprintf("| %s | %s | %s |\n", markdown(vm.Label), vm.Step.Rung, markdown(vm.Step.Why)))
		}
	} else {
		b.WriteString(fmt.Sprintf("%d VMs: lifeboat repair list\n", len(r.status.VMs)))
	}
	if text := b.String(); text != r.shown {
		workflow.SetCurrentDetails(ctx, text)
		r.shown = text
	}
}
