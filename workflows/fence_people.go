package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// askAbout keeps one question per copy that a person must decide about.
func (f *fenceRun) askAbout(now time.Time, vm plans.FencedVM, d plans.Decision) {
	at := slices.IndexFunc(f.status.Waiting, func(q plans.Question) bool { return q.VMID == vm.ID })
	if vm.State != plans.FenceOpen {
		if at >= 0 && vm.State != plans.FenceUnseen {
			f.status.Waiting = slices.Delete(f.status.Waiting, at, at+1)
		}
		return
	}
	q := plans.Question{VM: vm.Label, VMID: vm.ID, Text: whyAndRemedy(d), Since: now, Choices: append(slices.Clone(d.Offer), plans.ChoiceSkip),
		SafeToWait: fmt.Sprintf("NOT safe to wait: users may reach the wrong copy. Good copy: %s.", vm.TargetHost)}
	if vm.Alone {
		q.SafeToWait = fmt.Sprintf("NOT safe to wait: no other copy is seen running, and what users write now is on the old one. Good copy: %s, which took over.", vm.TargetHost)
	}
	if at >= 0 {
		q.Since = f.status.Waiting[at].Since
		f.status.Waiting[at] = q
		return
	}
	f.status.Waiting = append(f.status.Waiting, q)
}

// alert tells people of every copy that runs, at once and again every hour; also at
// once that it has become the only one. Nothing waits for it: a full disk must not
// keep the watch from looking.
func (f *fenceRun) alert(ctx workflow.Context) {
	now := workflow.Now(ctx).UTC()
	for _, q := range f.status.Waiting {
		last := f.alerted[q.VMID]
		alone := f.status.VMs[f.index(q.VMID)].Alone
		if alone {
			last = f.alone[q.VMID]
		}
		if now.Sub(last) < scaled(alertEvery, f.in.Run.Speed) {
			continue
		}
		f.alerted[q.VMID] = now
		if alone {
			f.alone[q.VMID] = now
		}
		text := fmt.Sprintf("%s UTC, plan %s, %s: %s. %s Decide: lifeboat fence %s", now.Format("2 Jan 15:04:05"), f.in.Run.Plan, q.VM, q.Text, q.SafeToWait, plans.ShellWord(f.in.Run.Plan))
		workflow.Go(ctx, func(ctx workflow.Context) {
			if err := f.notify(ctx, text); err != nil {
				workflow.GetLogger(ctx).Error("nobody could be told", "vm", q.VM, "error", err)
			}
		})
	}
}

func (f *fenceRun) notify(ctx workflow.Context, text string) error {
	return workflow.ExecuteActivity(ownWork(ctx, "alert"), activities.NotifyName, activities.NotifyIn{Run: f.in.Run.RunID, Plan: f.in.Run.Plan, Text: text}).Get(ctx, nil)
}

// listen registers the query, the Updates and the signals.
func (f *fenceRun) listen(ctx workflow.Context) error {
	err := workflow.SetQueryHandlerWithOptions(ctx, StatusQuery, func() (plans.FenceStatus, error) { return f.status, nil },
		workflow.QueryHandlerOptions{Description: "The watch as it stands."})
	if err != nil {
		return err
	}
	err = takeAnswers(ctx, []offer{
		{plans.ChoiceTurnOff, "Cut the power of an old copy that runs; its disk is kept. Give vm and by."},
		{plans.ChoiceDisconnect, "Take an old copy that runs off the network; it runs on. Give vm and by."},
		{plans.ChoiceSkip, "Leave an old copy as it is and watch it no more. Give vm, by and reason."},
		{plans.ChoiceStandDown, "End the whole watch. Give by and reason."},
	}, f.check, func(ctx workflow.Context, a plans.Answer) (plans.FenceStatus, error) {
		a, err := f.check(a)
		if err != nil {
			return f.status, err
		}
		f.follow(ctx, a)
		return f.status, nil
	})
	if err != nil {
		return err
	}
	workflow.Go(ctx, func(ctx workflow.Context) {
		s := workflow.NewSelector(ctx)
		s.AddReceive(workflow.GetSignalChannel(ctx, StandDownSignal), func(c workflow.ReceiveChannel, _ bool) {
			var why string
			c.Receive(ctx, &why)
			f.ending = orWords(why, "told to stand down")
		})
		s.AddReceive(workflow.GetSignalChannel(ctx, takenBackSignal), func(c workflow.ReceiveChannel, _ bool) {
			var back takenBack
			c.Receive(ctx, &back)
			f.giveBack(back)
		})
		s.AddReceive(workflow.GetSignalChannel(ctx, watchSignal), func(c workflow.ReceiveChannel, _ bool) {
			var in fenceInput
			c.Receive(ctx, &in)
			f.watch(in.Run, in.VMs)
			f.status.Waiting = nil
			f.news++
			f.begin(ctx)
		})
		for {
			s.Select(ctx)
		}
	})
	return nil
}

// giveBack ends the watch on copies that are the good ones again.
func (f *fenceRun) giveBack(back takenBack) {
	for _, id := range back.VMs {
		i := f.index(id)
		if i < 0 || !watched(f.status.VMs[i]) {
			continue
		}
		vm := &f.status.VMs[i]
		vm.State, vm.Doing, vm.Alone = plans.FenceOver, "its failover was taken back by "+back.By, false
		f.status.Waiting = slices.DeleteFunc(f.status.Waiting, func(q plans.Question) bool { return q.VMID == id })
	}
	f.news++
	f.summarize()
}

// check says whether an answer fits, and completes it.
func (f *fenceRun) check(a plans.Answer) (plans.Answer, error) {
	a = signed(a)
	if f.ending != "" || !f.status.Ended.IsZero() {
		return a, no("the watch has ended: there is nothing to answer")
	}
	needsReason := a.Choice == plans.ChoiceSkip || a.Choice == plans.ChoiceStandDown
	if needsReason && strings.TrimSpace(a.Reason) == "" {
		return a, no("%s needs a reason: it goes into the record", a.Choice)
	}
	if a.Choice == plans.ChoiceStandDown {
		return a, nil
	}
	vm, err := f.find(a)
	if err != nil {
		return a, err
	}
	a.VM = vm.ID
	if a.Choice == plans.ChoiceSkip {
		return a, nil
	}
	for _, q := range f.status.Waiting {
		if q.VMID == vm.ID && slices.Contains(q.Choices, a.Choice) {
			return a, nil
		}
	}
	return a, no("%s does not fit: the old copy of %s is %s (%s)", a.Choice, vm.Label, vm.State, orWords(vm.Doing, "not looked at yet"))
}

// find is the VM an answer is about: the only one that waits may be left
// unnamed.
func (f *fenceRun) find(a plans.Answer) (plans.FencedVM, error) {
	name := a.VM
	if name == "" && len(f.status.Waiting) == 1 {
		name = f.status.Waiting[0].VMID
	}
	var fit []plans.FencedVM
	for _, vm := range f.status.VMs {
		if watched(vm) && (vm.Label == name || strings.EqualFold(vm.ID, name)) {
			fit = append(fit, vm)
		}
	}
	switch {
	case name == "":
		return plans.FencedVM{}, no("name the VM: %d wait", len(f.status.Waiting))
	case len(fit) != 1:
		return plans.FencedVM{}, no("no old copy of %q is watched", name)
	}
	return fit[0], nil
}

func (f *fenceRun) follow(ctx workflow.Context, a plans.Answer) {
	f.status.Answers = append(f.status.Answers, plans.AnswerRecord{At: workflow.Now(ctx).UTC(), Answer: a})
	f.news++
	if a.Choice == plans.ChoiceStandDown {
		f.ending = fmt.Sprintf("stood down by %s: %s", a.By, a.Reason)
		return
	}
	vm := &f.status.VMs[f.index(a.VM)]
	f.status.Waiting = slices.DeleteFunc(f.status.Waiting, func(q plans.Question) bool { return q.VMID == a.VM })
	switch a.Choice {
	case plans.ChoiceTurnOff:
		f.decided[a.VM], vm.State = plans.FenceTurnOff, plans.FenceActing
		vm.Doing = "its power is being cut, as " + a.By + " decided"
	case plans.ChoiceDisconnect:
		f.decided[a.VM], vm.State = plans.FenceDisconnect, plans.FenceActing
		vm.Doing = "it is being taken off the network, as " + a.By + " decided"
	default:
		vm.State, vm.Doing, vm.Alone = plans.FenceLeft, fmt.Sprintf("left as it is by %s: %s", a.By, a.Reason), false
	}
	f.summarize()
	f.show(ctx)
}
