package workflows

import (
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Activities are retried for as long as it takes: each looks at the hosts
// first, so a retry never repeats an act. None has a schedule-to-start limit:
// an engine that was down for an hour must not fail what waits for it.
var patient = &temporal.RetryPolicy{
	InitialInterval: 500 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 10 * time.Second,
}

const (
	// heartbeat notices a killed engine; activities beat every 1.5 s.
	heartbeat = 8 * time.Second
	// actLimit bounds one Advance: a preparation may send a large backlog.
	actLimit = 45 * time.Minute
	// readLimit bounds one look at all hosts.
	readLimit = 5 * time.Minute
)

// hostWork is for Advance and Preflight, near the hosts of a site.
func hostWork(ctx workflow.Context, site, summary string, limit time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue: SiteQueue(site), StartToCloseTimeout: limit, HeartbeatTimeout: heartbeat, RetryPolicy: patient, Summary: summary,
	})
}

// ownQueue moves host work to the engine's own queue: a site that the engine
// does not know has no queue that anybody serves, and must be refused, not
// waited for.
func ownQueue(ctx workflow.Context) workflow.Context {
	return workflow.WithTaskQueue(ctx, TaskQueue)
}

// ownWork is for what touches no host.
func ownWork(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue: TaskQueue, StartToCloseTimeout: time.Minute, RetryPolicy: patient, Summary: summary,
	})
}

// startApart starts a workflow that outlives the one that starts it, unless one
// of its id goes on already.
func startApart(ctx workflow.Context, name string, in any, o workflow.ChildWorkflowOptions) error {
	o.ParentClosePolicy = enumspb.PARENT_CLOSE_POLICY_ABANDON
	o.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	child := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, o), name, in)
	return child.GetChildWorkflowExecution().Get(ctx, nil)
}

// Waits that stand for something on a host or in a guest are divided by the
// run's speed, which is 1 on real hosts.
const (
	pollEvery    = 4 * time.Second  // between two looks at something under way, at first
	gateEvery    = 3 * time.Second  // between two questions of a gate
	waitLimit    = 30 * time.Minute // for something under way, before a person is asked
	operatorWait = 30 * time.Second // the lab operator's reaction
)

// pollMost is the longest pause between two looks at something under way,
// syncMost that at a first copy or a resynchronization; one that takes days is
// looked at every hundredth of its time. A host that cannot be seen is looked
// for every unseenEvery at first and every unseenMost at last; that is real
// time: it is about the wire, not about a guest. A look is some eleven events,
// so a day of it is about 4,000 and two weeks stay below the server's limit of
// 51,200.
const (
	pollMost    = 15 * time.Second
	syncMost    = time.Minute
	unseenEvery = 5 * time.Second
	unseenMost  = 5 * time.Minute
)

// rhythm is how long to wait before the next look: a twentieth of what was
// waited so far, between two bounds. What comes back is noticed after a
// twentieth more of its absence, and the number of looks stays small.
func rhythm(waited, least, most time.Duration) time.Duration {
	return max(least, min(waited/20, most))
}

// scaled is a host's time in real time, never below a floor that keeps looks
// at a host from becoming a storm.
func scaled(d time.Duration, speed float64) time.Duration {
	if speed <= 0 {
		speed = 1
	}
	return max(200*time.Millisecond, time.Duration(float64(d)/speed))
}
