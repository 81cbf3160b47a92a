package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Names that histories know. They never change: renaming one would stop every
// run that is under way.
const (
	RecoveryPlanRun = "RecoveryPlanRun"
	StageRun        = "StageRun"
	VMOperation     = "VMOperation"

	// TaskQueue serves workflows, and activities that touch no host.
	TaskQueue = "lifeboat"
	// StatusQuery answers with plans.RunStatus (of a RecoveryPlanRun).
	StatusQuery = "status"

	// Signals from parent to child: release, answer, pause, stop, leave out.
	releaseSignal = "release"
	answerSignal  = "answer"
	pauseSignal   = "pause"
	stopSignal    = "stop"
	leaveSignal   = "leave"
	// Signals from child to parent.
	vmReportSignal    = "vm-report"
	stageReportSignal = "stage-report"
)

const planPrefix = "plan/"

// PlanRunID is the id of a plan's run: one at a time.
func PlanRunID(plan string) string { return planPrefix + plan }

// PlanOf is the plan of a run's id.
func PlanOf(id string) string { return strings.TrimPrefix(id, planPrefix) }

// StageRunID is the id of one part of a stage of a plan's run.
func StageRunID(plan string, step, part int) string {
	return fmt.Sprintf("%s%s/stage/%d.%d", planPrefix, plan, step, part+1)
}

// VMOperationID is the id of what changes a VM: one at a time, whoever asks.
func VMOperationID(guid string) string { return "vm/" + guid }

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
)

// SearchAttributeNames are the keyword attributes that must be registered
// before a run may use them.
func SearchAttributeNames() []string {
	keys := []temporal.SearchAttributeKeyKeyword{planKey, operationKey, fromKey, toKey, stageKey, waitingKey, verdictKey}
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
}
