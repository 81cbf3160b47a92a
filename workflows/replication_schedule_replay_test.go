package workflows

import (
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"
	"time"

	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"
)

// scheduleHistories are recorded by the e2e test of schedules (LIFEBOAT_RECORD):
// killed engines, pauses, a host that was away, and ends.
func scheduleHistories(t *testing.T) map[string]*historypb.History {
	t.Helper()
	files, err := filepath.Glob("testdata/schedules/*/*.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*historypb.History{}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if all[filepath.Base(name)], err = client.HistoryFromJSON(z, client.HistoryJSONOptions{}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_ = f.Close()
	}
	return all
}

func replaySchedule(h *historypb.History, run any) error {
	return replay(h, func(r Registry) {
		r.RegisterWorkflowWithOptions(run, workflow.RegisterOptions{Name: ReplicationSchedule})
	})
}

// A schedule that runs when a new build starts goes on under that build.
func TestRecordedSchedulesReplay(t *testing.T) {
	all := scheduleHistories(t)
	if len(all) < 6 {
		t.Fatalf("%d histories of schedules are stored, want those of 0.1.0", len(all))
	}
	caught := 0
	for name, h := range all {
		if err := replaySchedule(h, runSchedule); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		// The net must be able to catch.
		if err := replaySchedule(h, func(ctx workflow.Context, in ScheduleInput) error {
			_ = workflow.Sleep(ctx, time.Second)
			return runSchedule(ctx, in)
		}); err != nil {
			caught++
		}
	}
	if caught != len(all) {
		t.Errorf("a changed workflow is caught by %d of %d histories", caught, len(all))
	}
}
