package activities

import (
	"context"
	"log/slog"
	"net"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Names of the activities, as workflows and histories know them. They never
// change: a renamed one would stop every run that is under way.
const (
	PreflightName  = "preflight"
	AdvanceName    = "advance"
	ObserveName    = "observe"
	CheckGateName  = "check-gate"
	NotifyName     = "notify"
	SaveReportName = "save-report"
	AuthorizeName  = "authorize"
	// WatchReturnName looks whether hosts that were lost are back, and keeps
	// the old copies there from running.
	WatchReturnName = "watch-return"
	MakeRoomName    = "make-room"
)

// Journal keeps what is done, before and after.
type Journal interface {
	// Before writes what is about to be done and returns when it is on disk.
	// An act whose note could not be written must not be sent.
	Before(plans.ActNote) (seq uint64, err error)
	// After writes what became of it.
	After(seq uint64, outcome plans.ActRecord) error
	// Asked is what was asked for last with a failover, a test failover or a
	// fence of a VM at a host, unless it was taken back since.
	Asked(vm, host string, verb plans.Verb) (note plans.ActNote, found bool, err error)
	// Sighted keeps what a run, or the watch that it began, saw last of a VM's
	// old copy: open is true when that could run. A host goes by a key of its own.
	Sighted(run, vm string, open bool) error
	// Sight is what Sighted kept last of a VM in a run.
	Sight(run, vm string) (open, seen bool, err error)
	// SaveReport keeps the report of a run for ever; saving it again replaces
	// nothing and is no error.
	SaveReport(plans.Report) error
	// Note keeps a message that went out to people; the same text of the same
	// run again adds nothing and is no error.
	Note(run, text string) error
}

// Deps is all that activities need from outside.
type Deps struct {
	// Hosts returns the verbs of a host of the configuration.
	Hosts   func(name string) (*hyperv.Host, error)
	Journal Journal
	// Dial connects a gate to an address of the plan.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// Secrets resolves a reference; ReadFile reads a file of the
	// configuration (an authority of an HTTPS gate).
	Secrets  func(plans.SecretRef) (string, error)
	ReadFile func(name string) ([]byte, error)
	Log      *slog.Logger
	Version  string
	// History keeps what schedules measure; Schedule finds one in the
	// configuration as it is now.
	History  History
	Schedule func(plans.ScheduleID) (plans.HostSchedule, bool)
	// Tell keeps a notice in the journal and lets it be sent, both once; nil where
	// nobody sends.
	Tell func(NotifyIn) error
	// Simulated is true when the hosts are a lab's.
	Simulated bool
	Repair    RepairDeps
	Drills    DrillDeps
	Orphans   OrphanDeps
	Canaries  CanaryDeps
}

// Activities holds the dependencies; its methods are the activities.
type Activities struct {
	Deps
	turns turns
}

// New returns the activities over their dependencies.
func New(d Deps) *Activities { return &Activities{Deps: d} }

// Named are the activities under the names that histories know.
func (a *Activities) Named() map[string]any {
	return map[string]any{
		WatchTickName: a.WatchTick,
		PreflightName: a.Preflight, AdvanceName: a.Advance, CheckGateName: a.CheckGate,
		NotifyName: a.Notify, SaveReportName: a.SaveReport, AuthorizeName: a.Authorize,
		ObserveName: a.Observe, WatchReturnName: a.WatchReturn, MakeRoomName: a.MakeRoom,
		RepairLookName: a.RepairLook, RepairActName: a.RepairAct,
		OpenDrillName: a.OpenDrill, DrillBesideName: a.DrillBeside, DropDrillName: a.DropDrill,
		OrphanLookName: a.OrphanLook, OrphanActName: a.OrphanAct,
		OpenCanaryName: a.OpenCanary, CanaryRunName: a.CanaryRun, CloseCanaryName: a.CloseCanary,
		SelfTestLookName: a.SelfTestLook, SelfTestStepName: a.SelfTestStep, SelfTestCleanName: a.SelfTestClean,
	}
}
