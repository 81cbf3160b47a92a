package workflows

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/plans"
)

const historiesDir = "testdata/histories"

// recorded is the history of a real run, as an engine's database held it.
type recorded struct {
	version, name string
	history       *historypb.History
}

// histories are all that were ever recorded, of every version.
func histories(t *testing.T) []recorded {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(historiesDir, "*", "*.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	out := make([]recorded, 0, len(files))
	for _, file := range files {
		out = append(out, recorded{filepath.Base(filepath.Dir(file)), strings.TrimSuffix(filepath.Base(file), ".json.gz"), readHistory(t, file)})
	}
	return out
}

func readHistory(t *testing.T, file string) *historypb.History {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	h, err := client.HistoryFromJSON(z, client.HistoryJSONOptions{})
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return h
}

// replay runs today's workflow code against what a run of then did, however long
// a busy machine takes over it.
func replay(h *historypb.History, register func(Registry)) error {
	r, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{DisableDeadlockDetection: true})
	if err != nil {
		return err
	}
	register(r)
	quiet := sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))
	started := h.Events[0].GetWorkflowExecutionStartedEventAttributes()
	return r.ReplayWorkflowHistoryWithOptions(quiet, h, worker.ReplayWorkflowHistoryOptions{
		OriginalExecution: workflow.Execution{ID: started.GetWorkflowId(), RunID: started.GetOriginalExecutionRunId()},
	})
}

func kindOf(r recorded) string {
	return r.history.Events[0].GetWorkflowExecutionStartedEventAttributes().GetWorkflowType().GetName()
}

// A run that is under way when a new build starts goes on under that build: its
// history must lead the new code the same way. A change that fails here must
// branch with workflow.GetVersion (versions.go) and keep the old way.
func TestEveryStoredHistoryReplays(t *testing.T) {
	all := histories(t)
	for _, r := range all {
		t.Run(r.version+"/"+r.name, func(t *testing.T) {
			if err := replay(r.history, Register); err != nil {
				t.Errorf("a running %s of version %s would be stuck: %v", kindOf(r), r.version, err)
			}
		})
	}
}

// What is not stored is not proved: every version has its full number of
// histories, and the newest has every operation and every kind of workflow.
func TestNoHistoryIsMissing(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(historiesDir, "expected.txt"))
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]int{}
	operations, kinds := map[plans.Operation]bool{}, map[string]bool{}
	all := histories(t)
	newest := ""
	for _, r := range all {
		have[r.version]++
	}
	for line := range strings.Lines(string(text)) {
		var version string
		var count int
		if strings.HasPrefix(line, "#") {
			continue
		}
		if _, err := fmt.Sscan(line, &version, &count); err != nil {
			t.Fatalf("expected.txt: %q: %v", line, err)
		}
		if have[version] != count {
			t.Errorf("version %s has %d histories, want %d", version, have[version], count)
		}
		delete(have, version)
		newest = version
	}
	for version := range have {
		t.Errorf("version %s is not in expected.txt", version)
	}
	for _, r := range all {
		if r.version != newest {
			continue
		}
		kinds[kindOf(r)] = true
		if in := inputOf(t, r); in != nil {
			operations[in.Run.Operation] = true
		}
	}
	for _, op := range recordedOperations {
		if !operations[op] {
			t.Errorf("version %s holds no run of %s: record it (CONTRIBUTING.md)", newest, op)
		}
	}
	for _, kind := range []string{RecoveryPlanRun, StageRun, VMOperation, FenceReturn, CommitLater, RepairHost, RepairVM} {
		if !kinds[kind] {
			t.Errorf("version %s holds no history of %s", newest, kind)
		}
	}
}

// recordedOperations are the operations whose histories must be there.
var recordedOperations = []plans.Operation{
	plans.PlannedFailover, plans.UnplannedFailover, plans.TestFailover, plans.Cancel, plans.Commit, plans.Reprotect,
	plans.Protect, plans.Unprotect,
}

// inputOf is what a plan's run was started with; nil of another workflow.
func inputOf(t *testing.T, r recorded) *PlanRunInput {
	t.Helper()
	if kindOf(r) != RecoveryPlanRun {
		return nil
	}
	var in PlanRunInput
	payloads := r.history.Events[0].GetWorkflowExecutionStartedEventAttributes().GetInput().GetPayloads()
	if err := converter.GetDefaultDataConverter().FromPayload(payloads[0], &in); err != nil {
		t.Fatalf("%s: %v", r.name, err)
	}
	return &in
}

// The net itself must be able to catch: workflows that were changed as a
// careless hand would change them do not replay.
func TestAChangedWorkflowIsCaught(t *testing.T) {
	all := histories(t)
	sleeping := func(run any) any {
		switch run := run.(type) {
		case func(workflow.Context, PlanRunInput) (plans.RunResult, error):
			return func(ctx workflow.Context, in PlanRunInput) (plans.RunResult, error) {
				_ = workflow.Sleep(ctx, time.Second)
				return run(ctx, in)
			}
		case func(workflow.Context, stageInput) error:
			return func(ctx workflow.Context, in stageInput) error {
				_ = workflow.Sleep(ctx, time.Second)
				return run(ctx, in)
			}
		case func(workflow.Context, vmInput) (plans.VMStatus, error):
			return func(ctx workflow.Context, in vmInput) (plans.VMStatus, error) {
				_ = workflow.Sleep(ctx, time.Second)
				return run(ctx, in)
			}
		}
		t.Fatalf("%T is not known here", run)
		return nil
	}
	for kind, run := range map[string]any{RecoveryPlanRun: runPlan, StageRun: runStage, VMOperation: operateVM} {
		t.Run("a pause at the beginning of "+kind, func(t *testing.T) {
			i := slices.IndexFunc(all, func(r recorded) bool { return kindOf(r) == kind })
			if i < 0 {
				t.Fatal("no history of it")
			}
			wantCaught(t, replay(all[i].history, func(r Registry) {
				r.RegisterWorkflowWithOptions(sleeping(run), workflow.RegisterOptions{Name: kind})
			}))
		})
	}
	t.Run("another activity", func(t *testing.T) {
		wantCaught(t, replay(mutated(t, all, func(e *historypb.HistoryEvent) bool {
			a := e.GetActivityTaskScheduledEventAttributes()
			if a != nil {
				a.ActivityType.Name = "advanced"
			}
			return a != nil
		}), Register))
	})
	t.Run("another child", func(t *testing.T) {
		wantCaught(t, replay(mutated(t, all, func(e *historypb.HistoryEvent) bool {
			a := e.GetStartChildWorkflowExecutionInitiatedEventAttributes()
			if a != nil {
				a.WorkflowId += "-other"
			}
			return a != nil
		}), Register))
	})
}

// mutated is a stored history with one event changed.
func mutated(t *testing.T, all []recorded, change func(*historypb.HistoryEvent) bool) *historypb.History {
	t.Helper()
	for _, r := range all {
		for _, e := range r.history.Events {
			if change(e) {
				return r.history
			}
		}
	}
	t.Fatal("no history has such an event")
	return nil
}

func wantCaught(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Fatal("it replayed: the change would have stopped running failovers unseen")
	}
	if !strings.Contains(err.Error(), "TMPRL1100") {
		t.Errorf("it failed for another reason: %v", errors.Unwrap(err))
	}
}
