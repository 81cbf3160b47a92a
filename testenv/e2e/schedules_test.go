package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdkworker "go.temporal.io/sdk/worker"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/lifeboat-dr/lifeboat/workflows"
)

// What people and scripts read of schedules.
type (
	scheduleList struct {
		Problem   string        `json:"problem"`
		Schedules []scheduleRow `json:"schedules"`
	}
	scheduleRow struct {
		Name   string `json:"name"`
		State  string `json:"state"`
		Status struct {
			Started  time.Time `json:"started"`
			NextTick time.Time `json:"next_tick"`
			Ticks    int       `json:"ticks"`
			Missed   int       `json:"missed"`
			Paused   *struct {
				By string `json:"by"`
			} `json:"paused"`
		} `json:"status"`
	}
	rpoAnswer struct {
		Legs []struct {
			Leg    string `json:"leg"`
			Points []struct {
				Known  int `json:"known"`
				Missed int `json:"missed"`
			} `json:"points"`
			Now struct {
				Sender   string `json:"sender"`
				Receiver string `json:"receiver"`
			} `json:"now"`
		} `json:"legs"`
	}
)

func (w *world) schedules() (scheduleList, int) {
	w.t.Helper()
	r := w.lifeboat("schedule", "list", "--output", "json")
	var l scheduleList
	if err := json.Unmarshal([]byte(r.out), &l); err != nil {
		w.t.Fatalf("schedule list: %v\n%s%s", err, r.out, r.err)
	}
	return l, r.code
}

// states polls until each schedule is in its state ("name state ...") and the
// list ends with the code.
func (w *world) states(code int, want string) scheduleList {
	w.t.Helper()
	var l scheduleList
	w.until("schedules are "+want, func() error {
		var got int
		l, got = w.schedules()
		var is []string
		for _, s := range l.Schedules {
			is = append(is, s.Name+" "+s.State)
		}
		if text := strings.Join(is, ", "); text != want || got != code {
			return fmt.Errorf("exit %d, %s %s", got, text, l.Problem)
		}
		return nil
	})
	return l
}

// edit replaces words in the lab's configuration.
func (w *world) edit(replace ...string) {
	w.t.Helper()
	name := filepath.Join(w.site(), "lifeboat.yaml")
	text, err := os.ReadFile(name)
	if err != nil {
		w.t.Fatal(err)
	}
	changed := strings.NewReplacer(replace...).Replace(string(text))
	if changed == string(text) {
		w.t.Fatalf("nothing to replace by %q", replace)
	}
	if err := os.WriteFile(name, []byte(changed), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

const allWell = "HV-A/30s well, HV-A/5m well, HV-B/30s well, HV-B/5m well"

// Schedules survive a kill, tell what is late and who does not answer, stop for
// people, and follow the configuration.
func TestSchedules(t *testing.T) {
	w := newWorld(t, "pair", 60)
	w.up()
	before := w.states(0, allWell)
	w.kill()
	// The history is read from the file meanwhile; nobody says that it is fresh.
	w.until("rpo reads the file", func() error {
		if r := w.lifeboat("rpo", "DB"); r.code != 0 && r.code != 6 || !r.says("DB, first leg, HV-A -> HV-B") {
			return fmt.Errorf("exit %d: %s%s", r.code, r.out, r.err)
		}
		return nil
	})
	w.must(3, "schedule", "list")
	w.up()
	w.until("the same schedules go on", func() error {
		l, _ := w.schedules()
		for i, s := range l.Schedules {
			if was := before.Schedules[i].Status; s.Status.Ticks <= was.Ticks || !s.Status.Started.Equal(was.Started) {
				return fmt.Errorf("%s: %+v, was %+v", s.Name, s.Status, was)
			}
			if err := noBurst(s, before.Schedules[i]); err != nil {
				return err
			}
		}
		return nil
	})

	// A colleague pauses the replication of DB: it falls behind.
	db := w.copyOf("DB", "HV-A")
	w.post("/vms/"+db+"@HV-A/suspend", nil)
	w.states(1, "HV-A/30s late, HV-A/5m well, HV-B/30s late, HV-B/5m well")
	if r := w.must(1, "rpo", "DB"); !strings.Contains(r.out, "LATE") || !r.says("sender Suspended") {
		t.Errorf("rpo says %s", r.out)
	}
	w.post("/vms/"+db+"@HV-A/resume", nil)
	w.states(0, allWell)

	w.must(4, "schedule", "pause", "HV-B/5m")
	w.must(0, "schedule", "pause", "HV-B/5m", "--reason", "new switch")
	w.must(4, "schedule", "pause", "HV-B/5m", "--reason", "again")
	w.states(1, "HV-A/30s well, HV-A/5m well, HV-B/30s well, HV-B/5m paused")
	w.must(0, "schedule", "resume", "HV-B/5m")
	w.states(0, allWell)

	// A host is away: what cannot be seen is said, and the other side measures.
	w.post("/hosts/HV-B/crash", nil)
	w.until("HV-B is not seen, HV-A measures", func() error {
		l, code := w.schedules()
		if code != 6 || len(l.Schedules) != 4 || l.Schedules[2].State != "unseen" || l.Schedules[0].State != "late" {
			return fmt.Errorf("exit %d, %+v", code, l.Schedules)
		}
		return nil
	})
	w.post("/hosts/HV-B/power-on", nil)
	// How replication recovers is the host's matter: it is seen again.
	w.until("HV-B is seen", func() error {
		if l, _ := w.schedules(); l.Schedules[2].State == "unseen" || l.Schedules[3].State == "unseen" {
			return fmt.Errorf("%+v", l.Schedules)
		}
		return nil
	})
	w.wantHistory()

	// A bad file changes nothing and is told; a good one is followed.
	w.edit("groups:", "grups:")
	w.until("the bad file is told", func() error {
		if l, code := w.schedules(); code == 0 || !strings.Contains(l.Problem, "grups") || len(l.Schedules) != 4 {
			return fmt.Errorf("exit %d, problem %q", code, l.Problem)
		}
		return nil
	})
	w.edit("grups:", "groups:", "frequency: 5m", "frequency: 15m", "recovery_points: 2", "recovery_points: 3")
	w.until("the schedules are those of the file", func() error {
		l, _ := w.schedules()
		if len(l.Schedules) != 4 || l.Problem != "" || l.Schedules[1].Name != "HV-A/15m" || l.Schedules[1].Status.Ticks == 0 {
			return fmt.Errorf("%+v", l)
		}
		return nil
	})
	w.until("the drift is told", func() error {
		if r := w.lifeboat("schedule", "show", "HV-A/15m"); !r.says("frequency is 5m, should be 15m") {
			return fmt.Errorf("exit %d: %s%s", r.code, r.out, r.err)
		}
		return nil
	})
	w.must(2, "schedule", "show", "HV-A/5m")
	w.replaySchedules()
}

// noBurst: a schedule ticks at most once for each moment of its grid, and what did
// not take place while the engine was dead is counted, not made up for. Of an
// engine that is soon back one moment is late, and none is missed.
func noBurst(now, was scheduleRow) error {
	every := 5 * time.Second // of 5m at speed 60
	if strings.HasSuffix(now.Name, "/30s") {
		every = 2 * time.Second // the shortest there is
	}
	passed := int(now.Status.NextTick.Sub(was.Status.NextTick) / every)
	ticks, missed := now.Status.Ticks-was.Status.Ticks, now.Status.Missed-was.Status.Missed
	if ticks+missed != passed {
		return fmt.Errorf("%s: %d moments passed, with %d ticks and %d missed", now.Name, passed, ticks, missed)
	}
	return nil
}

// copyOf is the GUID of a VM at a host.
func (w *world) copyOf(name, host string) string {
	w.t.Helper()
	for _, c := range w.state().Copies {
		if c.Name == name && c.Host == host {
			return c.VM
		}
	}
	w.t.Fatalf("no %s at %s", name, host)
	return ""
}

// wantHistory wants measured points of DB, and the cycles that were missed while
// its replica was away.
func (w *world) wantHistory() {
	w.t.Helper()
	w.until("the history has what was missed", func() error {
		r := w.lifeboat("rpo", "DB", "--since", "30m", "--output", "json")
		var a rpoAnswer
		if err := json.Unmarshal([]byte(r.out), &a); err != nil || len(a.Legs) != 1 {
			return fmt.Errorf("%v, %s%s", err, r.out, r.err)
		}
		known, missed := 0, 0
		for _, p := range a.Legs[0].Points {
			known, missed = known+p.Known, missed+p.Missed
		}
		if known < 5 || missed == 0 {
			return fmt.Errorf("%d measured, %d missed", known, missed)
		}
		return nil
	})
}

// replaySchedules runs the workflow code against the histories of this test's
// schedules: kills, pauses and all. With LIFEBOAT_RECORD they are kept for the
// workflows room, with one that went through a continue-as-new.
func (w *world) replaySchedules() {
	w.t.Helper()
	var engine struct {
		Temporal string `json:"temporal"`
		Watch    string `json:"watch_namespace"`
	}
	text, err := os.ReadFile(filepath.Join(w.data(), "engine.json"))
	if err == nil {
		err = json.Unmarshal(text, &engine)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 6*patience)
	defer cancel()
	c, err := client.DialContext(ctx, client.Options{HostPort: engine.Temporal, Namespace: engine.Watch})
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	record, into := os.Getenv("LIFEBOAT_RECORD") != "", "../../workflows/testdata/schedules/0.1.0"
	var runs []string
	w.until("the server lists the schedules", func() error {
		runs = nil
		list, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: engine.Watch})
		if err != nil {
			return err
		}
		for _, e := range list.GetExecutions() {
			runs = append(runs, e.GetExecution().GetWorkflowId()+" "+e.GetExecution().GetRunId())
		}
		if len(runs) < 6 {
			return fmt.Errorf("%d runs, want four that run and two that ended", len(runs))
		}
		return nil
	})
	for _, run := range runs {
		id, runID, _ := strings.Cut(run, " ")
		h := &historypb.History{}
		events := c.GetWorkflowHistory(ctx, id, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			e, err := events.Next()
			if err != nil {
				w.t.Fatal(err)
			}
			h.Events = append(h.Events, e)
		}
		replayer := sdkworker.NewWorkflowReplayer()
		workflows.RegisterWatch(replayer)
		if err := replayer.ReplayWorkflowHistory(nil, h); err != nil {
			w.t.Errorf("%s (%d events): %v", run, len(h.Events), err)
		}
		if record {
			w.keep(filepath.Join(into, strings.ReplaceAll(id, "/", "-")+"."+runID[:8]+".json.gz"), h)
		}
	}
}

func (w *world) keep(name string, h *historypb.History) {
	w.t.Helper()
	text, err := protojson.Marshal(h)
	if err != nil {
		w.t.Fatal(err)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(text)
	if err := z.Close(); err != nil {
		w.t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
		w.t.Fatal(err)
	}
}
