package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// How often VMs on the ladder are looked at: at first, and at last; and after an
// act. They are the hosts' time.
const (
	repairEvery = 15 * time.Second
	repairMost  = 5 * time.Minute
	// repairBeat notices a killed engine, and bounds how long a repair goes on
	// after it was told to give way.
	repairBeat = 5 * time.Second
	// repairLimit bounds one rung; what it began goes on at the host.
	repairLimit = 10 * time.Minute
	// repairMemory is how long what was done is remembered: tries and budgets are
	// counted over it.
	repairMemory = 24 * time.Hour
)

// RepairInput is what a RepairHost is started with.
type RepairInput struct {
	Host string `json:"host"`
	// Carry is the ladder so far.
	Carry *plans.RepairStatus `json:"carry,omitempty"`
}

// repairRun is the ladder of one sending host.
type repairRun struct {
	status plans.RepairStatus
	// news counts what makes the next look come at once; acted is true after a
	// pass that did something.
	news  int
	acted bool
	shown string
}

// repairHost is the workflow RepairHost. It is begun by the first VM of which a
// schedule sees that its replication has stopped, takes one rung of one VM at a
// time, and ends when a day has passed in which nothing was to be done.
func repairHost(ctx workflow.Context, in RepairInput) (plans.RepairStatus, error) {
	r := &repairRun{status: plans.RepairStatus{Host: in.Host, Started: workflow.Now(ctx).UTC(), Speed: 1, VMs: []plans.RepairVM{}}}
	if in.Carry != nil {
		r.status = *in.Carry
	}
	if err := r.listen(ctx); err != nil {
		return r.status, err
	}
	for {
		r.hear(ctx)
		before := r.news
		if err := r.pass(ctx); err != nil {
			return r.status, err
		}
		r.show(ctx)
		if r.hear(ctx); len(r.status.VMs) == 0 || workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
				return r.status, err
			}
			if r.hear(ctx); len(r.status.VMs) == 0 {
				return r.status, nil
			}
			return r.status, workflow.NewContinueAsNewError(ctx, RepairHost, RepairInput{Host: in.Host, Carry: &r.status})
		}
		if _, err := workflow.AwaitWithTimeout(ctx, r.pause(workflow.Now(ctx)), func() bool { return r.news != before }); err != nil {
			return r.status, err
		}
	}
}

// hear takes in all that was told and not heard yet.
func (r *repairRun) hear(ctx workflow.Context) {
	var keys []string
	for workflow.GetSignalChannel(ctx, TroubleSignal).ReceiveAsync(&keys) {
		r.trouble(ctx, keys)
	}
}

// trouble takes up legs, by plans.RepairKey.
func (r *repairRun) trouble(ctx workflow.Context, keys []string) {
	now := workflow.Now(ctx).UTC()
	for _, key := range keys {
		i := r.index(key)
		if i < 0 {
			vm := plans.RepairVM{Label: key}
			if vm.ID, vm.Leg = plans.RepairKeyOf(key); vm.Leg == plans.FirstLeg {
				vm.Leg = ""
			}
			r.status.VMs = append(r.status.VMs, vm)
			i = len(r.status.VMs) - 1
		}
		if vm := &r.status.VMs[i]; vm.Since.IsZero() {
			vm.Since = now
			vm.Step = plans.RepairStep{Rung: plans.RungWait, Why: "a schedule saw that its replication has stopped, or is not set as it should be; looking"}
			r.news++
		}
	}
}

func (r *repairRun) index(key string) int {
	return slices.IndexFunc(r.status.VMs, func(vm plans.RepairVM) bool { return vm.Key() == key })
}

// pass looks at every VM in trouble, then takes the rungs that are due, one
// after the other: a storm of them is what a ladder is for to prevent.
func (r *repairRun) pass(ctx workflow.Context) error {
	r.acted = false
	defer func() { r.forget(workflow.Now(ctx).UTC()) }()
	if len(r.ill()) == 0 {
		return nil
	}
	if err := r.look(ctx); err != nil {
		return err
	}
	for _, vm := range r.ill() {
		i := r.index(vm.Key())
		if i < 0 || !r.status.VMs[i].Step.Acts() || r.status.VMs[i].Hold != nil {
			continue
		}
		if err := r.act(ctx, vm.Key()); err != nil {
			return err
		}
	}
	return nil
}

// ill are the VMs in trouble, and those whose resynchronization is not settled.
func (r *repairRun) ill() (all []plans.RepairVM) {
	for i := range r.status.VMs {
		if vm := r.status.VMs[i]; !vm.Since.IsZero() || vm.Resync != nil {
			all = append(all, vm)
		}
	}
	return all
}

// forget drops VMs of which nothing is to be remembered any more.
func (r *repairRun) forget(now time.Time) {
	r.status.VMs = slices.DeleteFunc(r.status.VMs, func(vm plans.RepairVM) bool {
		return vm.Since.IsZero() && vm.Resync == nil && !slices.ContainsFunc(vm.Acts, func(a plans.RepairAct) bool {
			return now.Sub(a.At) < r.span(repairMemory)
		})
	})
}

// span is the hosts' time in ours.
func (r *repairRun) span(d time.Duration) time.Duration { return scaled(d, r.status.Speed) }

// look asks both hosts of every VM in trouble and takes in what they say.
func (r *repairRun) look(ctx workflow.Context) error {
	now := workflow.Now(ctx).UTC()
	in := activities.RepairLookIn{Host: r.status.Host, VMs: r.ill(), Today: plans.ResyncsIn(r.status.VMs, now, r.status.Speed), Now: now}
	for _, vm := range in.VMs {
		if vm.Resync != nil {
			in.Settle = append(in.Settle, vm.Key())
		}
	}
	var out activities.RepairLookOut
	err := workflow.ExecuteActivity(repairWork(ctx, "look at what has stopped at "+r.status.Host, readLimit), activities.RepairLookName, in).Get(ctx, &out)
	if err != nil {
		return err
	}
	now = workflow.Now(ctx).UTC()
	r.status.Looked, r.status.Speed = now, max(1, out.Speed)
	var asks []string
	for _, asked := range in.VMs {
		key := asked.Key()
		i := r.index(key)
		step, known := out.Steps[key]
		if !known { // the configuration has it, or its policy, no longer
			r.status.VMs = slices.Delete(r.status.VMs, i, i+1)
			continue
		}
		vm := &r.status.VMs[i]
		vm.Label = orWords(out.Labels[key], vm.Label)
		if n, told := out.Points[key]; told && step.Resyncs() {
			vm.Points = &n
		}
		switch news := vm.Look(step, now, r.status.Speed); {
		case news == "":
		case step.Rung == plans.RungAsk:
			asks = append(asks, fmt.Sprintf("%s: %s. Answer: lifeboat repair approve %s", vm.Label, strings.TrimSuffix(news, "."), plans.ShellWord(vm.Label)))
		default:
			r.tell(ctx, vm.Label+": "+news)
		}
		if vm.Resync != nil && step.Rung == plans.RungWell {
			cost := vm.Settle(now, r.status.Speed, out.Points[key])
			r.tell(ctx, fmt.Sprintf("%s: resynchronized; it %s", vm.Label, cost))
		}
	}
	for i, ask := range asks {
		// However many are asked about at once, people get one message.
		if more := len(asks) - 1; i == 0 && more > 0 {
			ask += fmt.Sprintf(". And %d more wait for an answer: lifeboat repair list", more)
		}
		r.note(ctx, ask, i == 0)
	}
	return nil
}

// act takes a VM's next rung in a workflow that goes by the VM's id: while
// anything else changes the VM there is none, and it gives way.
func (r *repairRun) act(ctx workflow.Context, key string) error {
	now := workflow.Now(ctx).UTC()
	before := r.status.VMs[r.index(key)]
	childCtx := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: VMOperationID(before.ID), StaticSummary: fmt.Sprintf("%s: %s", before.Label, before.Step.Rung),
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	})
	var out activities.RepairActOut
	err := workflow.ExecuteChildWorkflow(childCtx, RepairVM, activities.RepairActIn{
		Run: workflow.GetInfo(ctx).WorkflowExecution.ID, Host: r.status.Host, VM: before,
		Today: plans.ResyncsIn(r.status.VMs, now, r.status.Speed), Now: now,
	}).Get(ctx, &out)
	i := r.index(key)
	if i < 0 {
		return nil
	}
	vm := &r.status.VMs[i]
	switch {
	case temporal.IsWorkflowExecutionAlreadyStartedError(err):
		vm.Step = waits(before.Step, "an operation is working on this VM: it goes first")
		return nil
	case err != nil && ctx.Err() != nil:
		return err
	case err != nil:
		// Somebody ended it, and what it sent is not known: it counts, and what is
		// remembered of tries and budgets goes on.
		out = activities.RepairActOut{Step: before.Step, Act: &plans.ActRecord{Host: before.Step.Host, Verb: before.Step.Verb, Outcome: "no-answer", Error: err.Error()}}
	}
	vm.Step = out.Step
	if out.Act == nil {
		return nil
	}
	r.acted = true
	why := out.Step.Why
	if !out.Step.Acts() { // an act of which the answer got lost: it was this one
		why = before.Step.Why
	}
	vm.Step = waits(before.Step, fmt.Sprintf("%s was asked of %s; looking what became of it", out.Act.Verb, out.Act.Host))
	vm.Done(plans.RepairAct{
		At: now, Rung: before.Step.Rung, Host: out.Act.Host, Why: why, Outcome: out.Act.Outcome, Error: cut(orWords(out.Doubt, out.Act.Error)),
		Set: before.Step.Set, Loads: before.Step.Rung == plans.RungCorrect && before.Step.Loads(),
	})
	vm.Doubt = out.Doubt
	r.tell(ctx, strings.TrimSpace(fmt.Sprintf("%s: %s at %s, %s. Why: %s. %s", vm.Label, out.Act.Verb, out.Act.Host, out.Act.Outcome, why, out.Doubt)))
	r.show(ctx)
	return nil
}

// waits is where a leg stands while the outcome of a step is not known yet.
func waits(before plans.RepairStep, why string) plans.RepairStep {
	step := plans.RepairStep{Rung: plans.RungWait, Sender: before.Sender, Receiver: before.Receiver, Why: why}
	if before.Wants == plans.RungCorrect {
		step.Wants, step.Set = before.Wants, before.Set
	}
	return step
}

// repairVM is the workflow RepairVM: one rung, at most one act. Whoever needs the
// VM tells it to give way; it ends once its act, if there is one on the wire, is
// heard of or given up.
func repairVM(ctx workflow.Context, in activities.RepairActIn) (activities.RepairActOut, error) {
	acting, cancel := workflow.WithCancel(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) {
		workflow.GetSignalChannel(ctx, GiveWaySignal).Receive(ctx, nil)
		cancel()
	})
	var out activities.RepairActOut
	err := workflow.ExecuteActivity(repairWork(acting, fmt.Sprintf("%s: %s", in.VM.Label, in.VM.Step.Rung), repairLimit), activities.RepairActName, in).Get(ctx, &out)
	if temporal.IsCanceledError(err) && ctx.Err() == nil {
		return activities.RepairActOut{Step: waits(in.VM.Step, "it gave way to an operation on this VM")}, nil
	}
	return out, err
}

// repairWork is for the ladder's looks and acts; one that is cancelled is waited
// for, so that nothing of it goes on beside what it gives way to.
func repairWork(ctx workflow.Context, summary string, limit time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue: TaskQueue, StartToCloseTimeout: limit, HeartbeatTimeout: repairBeat, RetryPolicy: patient, Summary: summary, WaitForCancellation: true,
	})
}

// pause is how long nothing needs a look.
func (r *repairRun) pause(now time.Time) time.Duration {
	if r.acted {
		return r.span(pollEvery)
	}
	ill := r.ill()
	if len(ill) == 0 {
		return max(r.remembers(now), r.span(time.Second))
	}
	wait := r.span(repairMost)
	for _, vm := range ill {
		began := vm.Since
		if vm.Resync != nil {
			began = vm.Resync.Began
		}
		wait = min(wait, rhythm(now.Sub(began), r.span(repairEvery), r.span(repairMost)))
		if in := vm.Step.In.D(); in > 0 {
			wait = min(wait, in)
		}
	}
	return max(wait, r.span(time.Second))
}

// remembers is how long until nothing of what was done counts any more.
func (r *repairRun) remembers(now time.Time) (left time.Duration) {
	for i := range r.status.VMs {
		for _, a := range r.status.VMs[i].Acts {
			left = max(left, a.At.Add(r.span(repairMemory)).Sub(now))
		}
	}
	return left
}

// tell puts a message into the record.
func (r *repairRun) tell(ctx workflow.Context, text string) { r.note(ctx, text, false) }

// note puts a message into the record and lets people have it, when quiet hours are
// over. Nothing waits for it.
func (r *repairRun) note(ctx workflow.Context, text string, people bool) {
	text = fmt.Sprintf("%s UTC, repairs at %s: %s", workflow.Now(ctx).UTC().Format("2 Jan 15:04:05"), r.status.Host, text)
	run := workflow.GetInfo(ctx).WorkflowExecution.ID
	workflow.Go(ctx, func(ctx workflow.Context) {
		if err := workflow.ExecuteActivity(ownWork(ctx, "note"), activities.NotifyName, activities.NotifyIn{Run: run, Text: text, JournalOnly: !people, Calm: true}).Get(ctx, nil); err != nil {
			workflow.GetLogger(ctx).Error("it could not be noted", "error", err)
		}
	})
}
