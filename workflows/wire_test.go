package workflows

import (
	"encoding/json"
	"io"
	"log/slog"
	"sync"
	"time"

	"go.temporal.io/sdk/interceptor"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// wire stands between a workflow and its server: it counts what would become
// events of its history, can send a child's start to another id, and can let a
// signal to a child take its time.
type wire struct {
	interceptor.WorkerInterceptorBase
	childID func(id string) string
	takes   func(signal string) time.Duration

	mu     sync.Mutex
	events map[string]int // by workflow id
	widest map[string]int // the largest message, by kind
}

// The events that each command and each signal leaves in a history, workflow
// task included (scheduled, started, completed) as if none were shared.
const (
	taskEvents   = 3
	actEvents    = 3 + taskEvents
	timerEvents  = 2 + taskEvents
	signalEvents = 2 // initiated, delivered
	gotEvents    = 1 + taskEvents
	childEvents  = 3 + 2*taskEvents
)

func (w *wire) count(id string, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.events == nil {
		w.events, w.widest = map[string]int{}, map[string]int{}
	}
	w.events[id] += n
}

// weigh is the test's own and decides nothing in a workflow.
//
//workflowcheck:ignore
func (w *wire) weigh(kind string, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		return
	}
	w.count("", 0)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.widest[kind] = max(w.widest[kind], len(text))
}

func (w *wire) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	in := &inbound{wire: w}
	in.Next = next
	return in
}

type inbound struct {
	interceptor.WorkflowInboundInterceptorBase
	wire *wire
}

func (i *inbound) Init(out interceptor.WorkflowOutboundInterceptor) error {
	o := &outbound{wire: i.wire}
	o.Next = out
	return i.Next.Init(o)
}

type outbound struct {
	interceptor.WorkflowOutboundInterceptorBase
	wire *wire
}

func own(ctx workflow.Context) string { return workflow.GetInfo(ctx).WorkflowExecution.ID }

func (o *outbound) ExecuteActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	o.wire.count(own(ctx), actEvents)
	o.wire.weigh("activity "+name, args)
	return o.Next.ExecuteActivity(ctx, name, args...)
}

func (o *outbound) ExecuteChildWorkflow(ctx workflow.Context, name string, args ...any) workflow.ChildWorkflowFuture {
	o.wire.count(own(ctx), childEvents)
	o.wire.weigh("child "+name, args)
	if o.wire.childID != nil {
		id := workflow.GetChildWorkflowOptions(ctx).WorkflowID
		ctx = workflow.WithWorkflowID(ctx, o.wire.childID(id))
	}
	return o.Next.ExecuteChildWorkflow(ctx, name, args...)
}

func (o *outbound) SignalExternalWorkflow(ctx workflow.Context, id, run, name string, arg any) workflow.Future {
	o.wire.count(own(ctx), signalEvents+taskEvents)
	o.wire.count(id, gotEvents)
	o.wire.weigh("signal "+name, arg)
	return o.Next.SignalExternalWorkflow(ctx, id, run, name, arg)
}

func (o *outbound) SignalChildWorkflow(ctx workflow.Context, id, name string, arg any) workflow.Future {
	o.wire.count(own(ctx), signalEvents+taskEvents)
	o.wire.count(id, gotEvents)
	if o.wire.takes != nil {
		if takes := o.wire.takes(name); takes > 0 {
			_ = workflow.Sleep(ctx, takes)
		}
	}
	return o.Next.SignalChildWorkflow(ctx, id, name, arg)
}

func (o *outbound) NewTimerWithOptions(ctx workflow.Context, d time.Duration, options workflow.TimerOptions) workflow.Future {
	o.wire.count(own(ctx), timerEvents)
	return o.Next.NewTimerWithOptions(ctx, d, options)
}

// testEnvironment is a quiet one. Its bounds in real time are for what hangs:
// a machine that does other work too may stand still for seconds.
func testEnvironment(interceptors ...interceptor.WorkerInterceptor) *testsuite.TestWorkflowEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(5 * time.Minute)
	env.SetWorkerOptions(worker.Options{Interceptors: interceptors, DeadlockDetectionTimeout: time.Minute})
	return env
}
