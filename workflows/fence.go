package workflows

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// How often a lost site is looked at: a host that gets its power back starts its
// VMs by itself within a minute, and must be seen before. In a lab its minutes
// are shorter.
const (
	watchUnseen     = 5 * time.Second  // while a host does not answer, at first
	watchUnseenMost = 30 * time.Second // and at last
	watchFenced     = 30 * time.Second // when all that is seen is fenced
	// goneFor is for how long a host must say that it has no such VM: one that has
	// just started may not have found its VMs yet.
	goneFor = 10 * time.Minute
	// alertEvery is how often people are told again that an old copy runs.
	alertEvery = time.Hour
	// watchTries is how often a watch that ends just then is begun anew.
	watchTries = 3
	// keptActs is how many acts the status keeps of one copy; the journal has
	// them all.
	keptActs = 10
)

// fenceInput is what a FenceReturn is started with, and what it hands to itself
// when its history grows long.
type fenceInput struct {
	// Run is the unplanned failover's input without its steps.
	Run plans.RunInput `json:"run"`
	VMs []plans.RunVM  `json:"vms"`
	// Carried is the watch so far.
	Carried *fenceCarried `json:"carried,omitempty"`
}

type fenceCarried struct {
	Status  plans.FenceStatus `json:"status"`
	Decided []decided         `json:"decided,omitempty"`
}

// decided is what a person decided about one old copy, and when people were
// told of it last.
type decided struct {
	ID      string            `json:"id"`
	Policy  plans.FencePolicy `json:"policy,omitempty"`
	Alerted time.Time         `json:"alerted,omitzero"`
	// Alone is when they were told last that no other copy was seen running.
	Alone time.Time `json:"alone,omitzero"`
}

// fenceRun is a watch on a lost site.
type fenceRun struct {
	in      fenceInput
	status  plans.FenceStatus
	decided map[string]plans.FencePolicy // by VM id; looked up, never ranged over
	alerted map[string]time.Time
	alone   map[string]time.Time // when people were told last that no other copy runs
	looping map[string]bool      // by host: each is looked at by itself
	loops   int
	news    int    // counts what makes the next look come at once
	ending  string // why the watch ends, "" while it goes on
	handOn  bool   // the history grew long
	failed  error
	shown   string
}

// watchReturn is the workflow FenceReturn: it waits for hosts of a lost site and
// keeps the old copies there from running beside the good ones.
func watchReturn(ctx workflow.Context, in fenceInput) (plans.FenceStatus, error) {
	f := &fenceRun{in: in, decided: map[string]plans.FencePolicy{}, alerted: map[string]time.Time{}, alone: map[string]time.Time{}, looping: map[string]bool{}}
	f.start(ctx)
	if err := f.listen(ctx); err != nil {
		return f.status, err
	}
	f.begin(ctx)
	for {
		if err := workflow.Await(ctx, func() bool { return !f.goesOn() && (f.loops == 0 || f.ending != "") }); err != nil {
			return f.status, err
		}
		if err := hear(ctx); err != nil {
			return f.status, err
		}
		switch {
		case f.goesOn():
			continue
		case f.failed != nil:
			return f.status, f.failed
		case f.ending != "":
			f.finish(ctx, plans.VerdictStopped, f.ending)
		case f.over():
			f.finish(ctx, plans.VerdictDone, "every old copy is a replica or the good one again, or gone, or was left by a person")
		default:
			return f.status, f.continueAsNew(ctx)
		}
		f.show(ctx)
		err := f.notify(ctx, fmt.Sprintf("The watch on %s for plan %s has ended: %s.", f.in.Run.From, f.in.Run.Plan, f.status.Summary))
		if err != nil {
			return f.status, err
		}
		if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
			return f.status, err
		}
		if err := hear(ctx); err != nil || f.ending != "" || f.over() {
			return f.status, err
		}
		// A failover asked for the watch while people were told of its end.
	}
}

// hear lets whoever listens take every signal that has come, also those that
// arrived together with what ends a workflow: it goes on after them.
func hear(ctx workflow.Context) error {
	heard := false
	workflow.Go(ctx, func(workflow.Context) { heard = true })
	return workflow.Await(ctx, func() bool { return heard })
}

func (f *fenceRun) goesOn() bool {
	return f.ending == "" && !f.handOn && f.failed == nil && !f.over()
}

// begin looks after every host by itself: a guest that takes its time to shut
// down on one must not hide that another is back.
func (f *fenceRun) begin(ctx workflow.Context) {
	for _, h := range f.status.Hosts {
		if f.looping[h.Name] {
			continue
		}
		f.looping[h.Name] = true
		f.loops++
		workflow.Go(ctx, func(ctx workflow.Context) {
			if err := f.watchHost(ctx, h.Name); err != nil && f.failed == nil {
				f.failed = err
			}
			f.looping[h.Name] = false
			f.loops--
		})
	}
}

func (f *fenceRun) watchHost(ctx workflow.Context, name string) error {
	for f.goesOn() && f.needed(name) {
		before := f.news
		found, err := f.look(ctx, name)
		if err != nil {
			return err
		}
		f.alert(ctx)
		f.show(ctx)
		f.handOn = f.handOn || workflow.GetInfo(ctx).GetContinueAsNewSuggested()
		if found {
			continue // it has just answered: judge its copies at once
		}
		if _, err := workflow.AwaitWithTimeout(ctx, f.pause(ctx, name), func() bool { return f.news != before || !f.goesOn() }); err != nil {
			return err
		}
	}
	return nil
}

// needed is true while a host has copies to be watched.
func (f *fenceRun) needed(name string) bool {
	return slices.ContainsFunc(f.status.VMs, func(vm plans.FencedVM) bool { return vm.SourceHost == name && watched(vm) })
}

func (f *fenceRun) host(name string) *plans.FencedHost {
	i := slices.IndexFunc(f.status.Hosts, func(h plans.FencedHost) bool { return h.Name == name })
	return &f.status.Hosts[i]
}

func (f *fenceRun) start(ctx workflow.Context) {
	run := f.in.Run
	if c := f.in.Carried; c != nil {
		f.status = c.Status
		for _, d := range c.Decided {
			f.decided[d.ID], f.alerted[d.ID], f.alone[d.ID] = d.Policy, d.Alerted, d.Alone
		}
		return
	}
	f.status = plans.FenceStatus{Workflow: workflow.GetInfo(ctx).WorkflowExecution.ID, Started: workflow.Now(ctx).UTC(), Verdict: plans.VerdictRunning}
	f.watch(run, f.in.VMs)
}

// watch takes over what an unplanned failover wants watched. What a person
// decided about a copy before does not hold for a new failover.
func (f *fenceRun) watch(run plans.RunInput, vms []plans.RunVM) {
	if run.OnReturn == "" {
		run.OnReturn = plans.FenceAsk
	}
	f.in.Run = run
	s := &f.status
	s.RunID, s.Plan, s.From, s.To, s.StartedBy, s.OnReturn = run.RunID, run.Plan, run.From, run.To, run.StartedBy, run.OnReturn
	s.Summary = "looking for " + run.From
	f.ending, s.Ended, s.Verdict = "", time.Time{}, plans.VerdictRunning
	for _, vm := range vms {
		delete(f.decided, vm.ID)
		fresh := plans.FencedVM{ID: vm.ID, Label: vm.Label, SourceHost: vm.SourceHost, TargetHost: vm.TargetHost, State: plans.FenceUnseen}
		if i := f.index(vm.ID); i >= 0 {
			s.VMs[i] = fresh
		} else {
			s.VMs = append(s.VMs, fresh)
		}
		if !slices.ContainsFunc(s.Hosts, func(h plans.FencedHost) bool { return h.Name == vm.SourceHost }) {
			s.Hosts = append(s.Hosts, plans.FencedHost{Name: vm.SourceHost})
		}
	}
}

func (f *fenceRun) index(id string) int {
	return slices.IndexFunc(f.status.VMs, func(vm plans.FencedVM) bool { return vm.ID == id })
}

func watched(vm plans.FencedVM) bool {
	return vm.State != plans.FenceOver && vm.State != plans.FenceLeft
}

// over is true when no old copy needs the watch any more.
func (f *fenceRun) over() bool { return !slices.ContainsFunc(f.status.VMs, watched) }

// look asks a host once and takes what it says into the picture. It is true when
// the host answers and its copies were not judged yet.
func (f *fenceRun) look(ctx workflow.Context, name string) (found bool, err error) {
	run := f.in.Run
	asked := maps.Clone(f.decided)
	in := activities.WatchIn{Run: run.RunID, Plan: run.Plan, Hosts: []string{name}, VMs: f.vmsAt(*f.host(name)), ShutdownWithin: scaled(run.Limits.ShutdownWithin.D(), run.Speed)}
	var out activities.WatchOut
	err = workflow.ExecuteActivity(hostWork(ctx, run.To, "look for "+name, actLimit), activities.WatchReturnName, in).Get(ctx, &out)
	if err != nil {
		return false, err
	}
	now := workflow.Now(ctx).UTC()
	f.status.LookedAt = now
	for _, seen := range out.Hosts {
		h := f.host(name)
		if h.Seen != seen.Seen || h.Since.IsZero() {
			found = seen.Seen
			h.Seen, h.Since = seen.Seen, now
		}
		h.Why = seen.Why
	}
	for _, vm := range out.VMs {
		// What was decided while the host was asked is not in its answer.
		f.heard(now, vm, f.decided[vm.ID] == asked[vm.ID])
	}
	f.summarize()
	return found, nil
}

// vmsAt are the copies to be judged at a host: none while it does not answer.
func (f *fenceRun) vmsAt(h plans.FencedHost) []activities.WatchVM {
	var out []activities.WatchVM
	for _, vm := range f.status.VMs {
		if !h.Seen || vm.SourceHost != h.Name || !watched(vm) {
			continue
		}
		intent := plans.Intent{Operation: plans.Fence, UpTo: plans.PhaseFence, Fence: f.in.Run.OnReturn}
		switch f.decided[vm.ID] {
		case plans.FenceTurnOff:
			intent.TurnOff = true
		case plans.FenceDisconnect:
			intent.Fence, intent.ByPerson = plans.FenceDisconnect, true
		case plans.FenceAsk, plans.FenceShutDown:
		}
		out = append(out, activities.WatchVM{Intent: intent,
			VM: plans.RunVM{ID: vm.ID, Label: vm.Label, SourceHost: vm.SourceHost, TargetHost: vm.TargetHost}})
	}
	return out
}

// heard takes what was found about one copy into the picture; an answer that is
// not current leaves it as a person has just decided.
func (f *fenceRun) heard(now time.Time, w activities.WatchedVM, current bool) {
	i := f.index(w.ID)
	if i < 0 || !watched(f.status.VMs[i]) {
		return
	}
	vm := &f.status.VMs[i]
	if w.Act != nil {
		vm.Acts = append(vm.Acts, *w.Act)
		vm.Acts = vm.Acts[max(0, len(vm.Acts)-keptActs):]
	}
	if w.Both {
		vm.BothLast = w.At
		if vm.BothFirst.IsZero() {
			vm.BothFirst = w.At
		}
	}
	if !current {
		return
	}
	vm.Doing, vm.Alone = w.Decision.Why, w.Decision.Alone
	switch {
	case !w.Gone:
		vm.GoneSince = time.Time{}
	case vm.GoneSince.IsZero():
		vm.GoneSince = now
	}
	switch {
	case !w.Seen:
		vm.State = plans.FenceUnseen
	case w.Gone && now.Sub(vm.GoneSince) < scaled(goneFor, f.in.Run.Speed):
		vm.State, vm.Doing = plans.FenceClosed, w.Decision.Why+"; it is looked for until that has held a while"
	case w.Over:
		vm.State = plans.FenceOver
	case w.Decision.Kind == plans.Act, w.Decision.Kind == plans.Wait:
		vm.State = plans.FenceActing
	case w.Decision.Kind == plans.Done && !w.TakenOver:
		vm.State = plans.FenceEarly
	case w.Decision.Kind == plans.Done:
		vm.State = plans.FenceClosed
	default:
		vm.State = plans.FenceOpen
	}
	f.askAbout(now, *vm, w.Decision)
}

// pause is how long a host needs no look.
func (f *fenceRun) pause(ctx workflow.Context, name string) time.Duration {
	h, speed := f.host(name), f.in.Run.Speed
	// A policy that waits for the good copy acts as soon as that runs.
	acting := func(vm plans.FencedVM) bool {
		return vm.SourceHost == name && (vm.State == plans.FenceActing || vm.Alone)
	}
	switch {
	case !h.Seen:
		return rhythm(workflow.Now(ctx).Sub(h.Since), scaled(watchUnseen, speed), scaled(watchUnseenMost, speed))
	case slices.ContainsFunc(f.status.VMs, acting):
		return scaled(pollEvery, speed)
	}
	return scaled(watchFenced, speed)
}

func (f *fenceRun) summarize() {
	count := map[plans.FenceState]int{}
	for i := range f.status.VMs {
		count[f.status.VMs[i].State]++
	}
	s := &f.status
	s.Verdict = plans.VerdictRunning
	if len(s.Waiting) > 0 {
		s.Verdict = plans.VerdictHeld
		s.Summary = fmt.Sprintf("%d of %d old copies run or cannot be judged at %s: a person decides", len(s.Waiting), len(s.VMs), s.From)
		return
	}
	var words []string
	for _, state := range []struct {
		state plans.FenceState
		words string
	}{
		{plans.FenceUnseen, "not seen"}, {plans.FenceEarly, "not replaced yet"}, {plans.FenceActing, "being fenced"},
		{plans.FenceClosed, "fenced"}, {plans.FenceLeft, "left by a person"}, {plans.FenceOver, "need no watch"},
	} {
		if n := count[state.state]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, state.words))
		}
	}
	s.Summary = fmt.Sprintf("%d old copies at %s: %s", len(s.VMs), s.From, strings.Join(words, ", "))
}

func (f *fenceRun) finish(ctx workflow.Context, v plans.Verdict, why string) {
	f.status.Ended, f.status.Verdict, f.status.Summary, f.status.Waiting = workflow.Now(ctx).UTC(), v, why, nil
}

func (f *fenceRun) continueAsNew(ctx workflow.Context) error {
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return err
	}
	if err := hear(ctx); err != nil {
		return err
	}
	next := fenceInput{Run: f.in.Run, Carried: &fenceCarried{Status: f.status}}
	for i := range f.status.VMs {
		id := f.status.VMs[i].ID
		next.Carried.Decided = append(next.Carried.Decided, decided{ID: id, Policy: f.decided[id], Alerted: f.alerted[id], Alone: f.alone[id]})
	}
	return workflow.NewContinueAsNewError(ctx, FenceReturn, next)
}

// show keeps the Web UI's picture up to date, when it has changed.
func (f *fenceRun) show(ctx workflow.Context) {
	s := f.status
	var b strings.Builder
	b.WriteString(fmt.Sprintf("## %s — watch on %s for plan %s\n\n%s\n\n", strings.ToUpper(string(s.Verdict)), s.From, s.Plan, s.Summary))
	for i, q := range s.Waiting {
		if i == shownQuestions {
			b.WriteString(fmt.Sprintf("- and %d more\n", len(s.Waiting)-i))
			break
		}
		b.WriteString(fmt.Sprintf("- **%s**: %s (answer with the Update %v)\n", markdown(q.VM), markdown(q.Text), q.Choices))
	}
	if len(s.VMs) <= smallRun {
		b.WriteString("\n| VM | old copy at | state | now |\n|---|---|---|---|\n")
		for _, vm := range s.VMs {
			b.WriteString(fmt.Sprintf("| %s | %s | %s | %s |\n", markdown(vm.Label), markdown(vm.SourceHost), vm.State, markdown(vm.Doing)))
		}
	}
	if text := b.String(); text != f.shown {
		workflow.SetCurrentDetails(ctx, text)
		f.shown = text
	}
}

// watchSource starts the watch on the lost site before an unplanned failover
// starts anything, or tells one that goes on already. A failover does not wait
// for it, and the watch outlives the run.
func (p *planRun) watchSource(ctx workflow.Context) error {
	if p.in.Operation != plans.UnplannedFailover {
		return nil
	}
	in := fenceInput{Run: withoutSteps(p.in)}
	for _, vm := range p.in.VMs() {
		in.VMs = append(in.VMs, plans.RunVM{ID: vm.ID, Label: vm.Label, SourceHost: vm.SourceHost, TargetHost: vm.TargetHost})
	}
	var err error
	for try, again := 0, true; again && try < watchTries; try++ {
		err = startApart(ctx, FenceReturn, in, workflow.ChildWorkflowOptions{
			WorkflowID: FenceID(p.in.Plan), StaticSummary: fmt.Sprintf("watch on %s for plan %s", p.in.From, p.in.Plan),
		})
		p.ownWatch = err == nil
		again = temporal.IsWorkflowExecutionAlreadyStartedError(err)
		if again && signalOther(ctx, FenceID(p.in.Plan), watchSignal, in) {
			return nil
		}
		// One that has ended between the two hears nothing: a new one begins.
		again = again && workflow.GetVersion(ctx, watchBegunAgain, workflow.DefaultVersion, 1) == 1
	}
	if err != nil && temporal.IsCanceledError(err) {
		return err
	}
	if err != nil {
		p.looksFound = append(p.looksFound, plans.Finding{Severity: plans.Warning, Code: "no-watch",
			Text: "the watch on " + p.in.From + " could not begin: " + err.Error(), Means: "an old copy that comes back may run beside the good one",
			Remedy: "keep " + p.in.From + " off the network until its copies are fenced"})
	}
	return nil
}

// takenBack are VMs whose copies at the watched site are the good ones again.
type takenBack struct {
	By  string   `json:"by"`
	VMs []string `json:"vms"`
}

// endWatch ends the watch on copies that are the good ones again: a failover was
// taken back, or the one that began the watch changed nothing.
func (p *planRun) endWatch(ctx workflow.Context) {
	if p.in.Operation == plans.Cancel && workflow.GetVersion(ctx, watchTakenBack, workflow.DefaultVersion, 1) == 1 {
		back := takenBack{By: p.in.StartedBy}
		for i := range p.status.VMs {
			if vm := &p.status.VMs[i]; vm.Verdict == plans.VerdictDone {
				back.VMs = append(back.VMs, vm.ID)
			}
		}
		signalOther(ctx, FenceID(p.in.Plan), takenBackSignal, back)
		return
	}
	switch {
	case p.in.Operation == plans.Cancel && p.status.Verdict == plans.VerdictDone:
		signalOther(ctx, FenceID(p.in.Plan), StandDownSignal, fmt.Sprintf("the failover was taken back by %s", p.in.StartedBy))
	case p.ownWatch && p.status.Verdict == plans.VerdictRefused:
		signalOther(ctx, FenceID(p.in.Plan), StandDownSignal, "nothing was failed over")
	}
}
