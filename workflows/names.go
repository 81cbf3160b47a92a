package workflows

import (
	"fmt"
	"net/url"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Names that histories know. They never change: renaming one would stop every
// run that is under way.
const (
	RecoveryPlanRun = "RecoveryPlanRun"
	StageRun        = "StageRun"
	VMOperation     = "VMOperation"
	FenceReturn     = "FenceReturn"
	CommitLater     = "CommitLater"
	// Drill is one test failover of the calendar.
	Drill = "Drill"
	// RepairHost is the repair ladder of one sending host, RepairVM one rung of
	// one VM; its id is the VM's.
	RepairHost = "RepairHost"
	RepairVM   = "RepairVM"
	// ResidentShutdown makes room at the target; its id is the VM's.
	ResidentShutdown = "ResidentShutdown"
	// OrphanSweep looks for what replication left behind; OrphanClean is one
	// clean-up, its id is the VM's where there is one.
	OrphanSweep = "OrphanSweep"
	OrphanClean = "OrphanClean"
	// CanaryNight is a canary of the calendar: a SelfTest that walks as a canary, and
	// what becomes of it. CanaryRun is a RecoveryPlanRun that moves its VM: by another
	// name, so that it stands among no real runs.
	CanaryNight = "Canary"
	CanaryRun   = "CanaryRun"
	// SelfTestRun is a self-test.
	SelfTestRun = "SelfTest"

	// TaskQueue serves workflows, and activities that touch no host.
	TaskQueue = "lifeboat"
	// StatusQuery answers with plans.RunStatus (of a RecoveryPlanRun),
	// plans.FenceStatus (of a FenceReturn) or plans.CommitStatus (of a
	// CommitLater).
	StatusQuery = "status"
	// StandDownSignal ends a FenceReturn or a CommitLater; its value is why.
	StandDownSignal = "stand-down"
	// GiveWaySignal tells a drill to clean up, or a repair to stand back, for a real
	// operation; its value is who goes first.
	GiveWaySignal = "give-way"

	// Signals from parent to child: release, answer, pause, stop, leave out.
	releaseSignal = "release"
	answerSignal  = "answer"
	pauseSignal   = "pause"
	stopSignal    = "stop"
	leaveSignal   = "leave"
	// A cancel tells a watch which VMs' failovers were taken back.
	takenBackSignal = "taken-back"
	// A new unplanned run tells a watch that goes on what to watch now.
	watchSignal = "watch"
	// TroubleSignal tells a RepairHost of legs whose replication has stopped or is not
	// set as it should be; its value is their keys (plans.RepairKey).
	TroubleSignal = "trouble"
	// Signals from child to parent.
	vmReportSignal    = "vm-report"
	stageReportSignal = "stage-report"
)

const (
	planPrefix   = "plan/"
	drillPrefix  = "drill/"
	fencePrefix  = "fence/"
	commitPrefix = "commit/"
	repairPrefix = "repair/"
	canaryPrefix = "canary/"
	// calendarPrefix begins the id of a drill's Temporal Schedule and of what it
	// starts.
	calendarPrefix = "calendar/"
)

// idText is a person's name as part of an id. Temporal's client sends ids in a
// header, which takes printable ASCII only: a name with other letters is escaped.
func idText(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' }) {
		return url.PathEscape(name)
	}
	return name
}

// nameOf is the name that idText was given.
func nameOf(text string) string {
	if name, err := url.PathUnescape(text); err == nil && idText(name) == text {
		return name
	}
	return text
}

// PlanRunID is the id of a plan's run: one at a time.
func PlanRunID(plan string) string { return planPrefix + idText(plan) }

// DrillRunID is the id of a plan's test failover, which may go on beside other
// runs and gives way to real ones.
func DrillRunID(plan string) string { return drillPrefix + idText(plan) }

// RunID is the id of a plan's run of an operation.
func RunID(plan string, op plans.Operation) string {
	if op == plans.TestFailover {
		return DrillRunID(plan)
	}
	return PlanRunID(plan)
}

// RunIDOf is the id of a run that a person named: a plan, or an id as it is.
func RunIDOf(run string) string {
	for _, prefix := range []string{planPrefix, drillPrefix, canaryPrefix} {
		if name, ok := strings.CutPrefix(run, prefix); ok {
			return prefix + idText(name)
		}
	}
	return PlanRunID(run)
}

// FenceID is the id of the watch on a plan's lost site.
func FenceID(plan string) string { return fencePrefix + idText(plan) }

// CommitID is the id of a commit that waits.
func CommitID(plan string) string { return commitPrefix + idText(plan) }

// CalendarID is the id of a drill's Temporal Schedule. The Drills that it starts
// bear it too, with the moment behind it.
func CalendarID(drill string) string { return calendarPrefix + idText(drill) }

// CalendarOf is the drill of a Temporal Schedule's id.
func CalendarOf(id string) (drill string, ok bool) {
	text, ok := strings.CutPrefix(id, calendarPrefix)
	return nameOf(text), ok
}

// CanaryID is the id of a canary's Temporal Schedule. The workflows that it starts
// bear it too, with the moment behind it.
func CanaryID(name string) string { return canaryPrefix + name }

// CanaryOf is the canary of a Temporal Schedule's id.
func CanaryOf(id string) (name string, ok bool) { return strings.CutPrefix(id, canaryPrefix) }

// canaryRunID is the id of the runs that move a canary's VM.
func canaryRunID(name string) string { return canaryPrefix + name + "/run" }

// SelfTestID is the id of a self-test: one at a time.
const SelfTestID = "self-test"

// Ids of the sweep that people answer, of the calendar's Temporal Schedule, and of
// the sweeps that it starts.
const (
	OrphansID         = "orphans"
	OrphanCalendarID  = "orphans-calendar"
	orphanThingPrefix = "orphan/"
)

// RepairID is the id of a sending host's repair ladder.
func RepairID(host string) string { return repairPrefix + idText(host) }

// PlanOf is the plan of a workflow's id.
func PlanOf(id string) string {
	for _, prefix := range []string{planPrefix, drillPrefix, fencePrefix, commitPrefix} {
		if text, ok := strings.CutPrefix(id, prefix); ok {
			return nameOf(text)
		}
	}
	return id
}

// stageRunID is the id of one part of a stage of a run.
func stageRunID(run string, step, part int) string {
	return fmt.Sprintf("%s/stage/%d.%d", run, step, part+1)
}

// VMOperationID is the id of what changes a VM: one at a time, whoever asks.
func VMOperationID(guid string) string { return "vm/" + guid }

// VMPartID is the id of a VM's part in a run: a drill changes a test copy only.
func VMPartID(guid string, op plans.Operation) string {
	if op == plans.TestFailover {
		return drillPrefix + guid
	}
	return VMOperationID(guid)
}

// SiteQueue serves the hosts of a site.
func SiteQueue(site string) string { return "site-" + site }

// Search attributes of a RecoveryPlanRun, all keywords.
var (
	planKey      = temporal.NewSearchAttributeKeyKeyword("LifeboatPlan")
	operationKey = temporal.NewSearchAttributeKeyKeyword("LifeboatOperation")
	fromKey      = temporal.NewSearchAttributeKeyKeyword("LifeboatFrom")
	toKey        = temporal.NewSearchAttributeKeyKeyword("LifeboatTo")
	stageKey     = temporal.NewSearchAttributeKeyKeyword("LifeboatStage")
	waitingKey   = temporal.NewSearchAttributeKeyKeyword("LifeboatWaiting")
	verdictKey   = temporal.NewSearchAttributeKeyKeyword("LifeboatVerdict")

	// Those of a ReplicationSchedule; its verdict is its state.
	hostKey      = temporal.NewSearchAttributeKeyKeyword("LifeboatHost")
	frequencyKey = temporal.NewSearchAttributeKeyKeyword("LifeboatFrequency")
)

// SearchAttributeNames are the keyword attributes that must be registered
// before a run may use them.
func SearchAttributeNames() []string {
	keys := []temporal.SearchAttributeKeyKeyword{planKey, operationKey, fromKey, toKey, stageKey, waitingKey, verdictKey, hostKey, frequencyKey}
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.GetName()
	}
	return names
}

// Registry is the part of a worker that workflows are registered with.
type Registry interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
}

// Register registers the workflows under their names.
func Register(r Registry) {
	r.RegisterWorkflowWithOptions(runPlan, workflow.RegisterOptions{Name: RecoveryPlanRun})
	r.RegisterWorkflowWithOptions(runStage, workflow.RegisterOptions{Name: StageRun})
	r.RegisterWorkflowWithOptions(operateVM, workflow.RegisterOptions{Name: VMOperation})
	r.RegisterWorkflowWithOptions(watchReturn, workflow.RegisterOptions{Name: FenceReturn})
	r.RegisterWorkflowWithOptions(commitLater, workflow.RegisterOptions{Name: CommitLater})
	r.RegisterWorkflowWithOptions(runDrill, workflow.RegisterOptions{Name: Drill})
	r.RegisterWorkflowWithOptions(repairHost, workflow.RegisterOptions{Name: RepairHost})
	r.RegisterWorkflowWithOptions(repairVM, workflow.RegisterOptions{Name: RepairVM})
	r.RegisterWorkflowWithOptions(sweepOrphans, workflow.RegisterOptions{Name: OrphanSweep})
	r.RegisterWorkflowWithOptions(cleanOrphan, workflow.RegisterOptions{Name: OrphanClean})
	r.RegisterWorkflowWithOptions(shutDownResident, workflow.RegisterOptions{Name: ResidentShutdown})
	r.RegisterWorkflowWithOptions(runPlan, workflow.RegisterOptions{Name: CanaryRun})
	r.RegisterWorkflowWithOptions(runCanary, workflow.RegisterOptions{Name: CanaryNight})
	r.RegisterWorkflowWithOptions(selfTest, workflow.RegisterOptions{Name: SelfTestRun})
}
