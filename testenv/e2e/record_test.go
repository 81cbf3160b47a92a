package e2e

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// recordedVersion is the folder that a recording goes to: one per version of
// the workflows that users may have runs of. See CONTRIBUTING.md.
const recordedVersion = "0.1.0"

// scene is one way through an operation, played on the built binary so that its
// histories are those of real runs.
type scene struct {
	name string
	// world is an environment, "" for the pair.
	world string
	// speed is the lab's, 0 for that of the others.
	speed float64
	// plan are fields of the plan "both" that differ from the pair's.
	plan map[string]any
	// more is a part of the configuration in a file of its own.
	more string
	play func(w *world)
}

// scenes are all ways whose histories are kept. A new operation adds its own
// here; the next recording then has it.
var scenes = []scene{
	{name: "planned-failover", play: func(w *world) {
		w.must(0, "failover", "both", "--planned", "--yes")
		w.must(0, "failover", "both", "--planned", "--yes") // everything is there
		w.must(0, "failover", "both", "--planned", "--yes", "--to", "a")
	}},
	{name: "planned-failover-before-start", plan: map[string]any{"reverse": "before-start"}, play: func(w *world) {
		w.must(0, "failover", "both", "--planned", "--yes")
	}},
	{name: "planned-failover-on-commit", plan: map[string]any{"reverse": "on-commit"}, play: func(w *world) {
		w.must(0, "failover", "both", "--planned", "--yes")
		w.must(4, "cancel", "both", "--yes")
		w.must(0, "cancel", "both", "--yes", "--lose-writes")
	}},
	{name: "planned-failover-held", play: func(w *world) {
		w.post("/faults", map[string]any{"vm": "APP1", "kind": "guest-hang"})
		w.post("/faults", map[string]any{"verb": "Start-VMFailover", "kind": "drop-after", "count": 2})
		w.post("/faults", map[string]any{"verb": "Start-VM", "host": "HV-B", "vm": "APP2", "kind": "refuse", "count": 1})
		w.must(0, "failover", "both", "--planned", "--yes", "--detach")
		w.answerFor("both", "APP1", "turn-off")
		w.answerFor("both", "APP2", "retry")
		w.awaitEnd("both")
	}},
	{name: "planned-failover-killed", play: func(w *world) {
		w.must(0, "failover", "both", "--planned", "--yes", "--detach")
		w.killAt("a failover done", func(l []entry) bool {
			for _, e := range l {
				if e.What == "call" && e.From == "Start-VMFailover" && e.Host == "HV-B" {
					return true
				}
			}
			return false
		})
		w.awaitEnd("both")
	}},
	{name: "people", plan: map[string]any{"steps": []any{
		map[string]any{"manual": map[string]any{"name": "agree", "text": "the business agrees", "owner": "Mia"}},
		map[string]any{"stage": "data", "vms": []any{map[string]any{"vm": "DB"}}},
		map[string]any{"notice": map[string]any{"text": "the data are there", "to": []string{"all"}}},
		map[string]any{"manual": map[string]any{"name": "look", "text": "is the last order there?", "owner": "Mia"}},
		map[string]any{"stage": "apps", "vms": []any{map[string]any{"vm": "APP1"}}},
	}}, play: func(w *world) {
		w.must(0, "failover", "both", "--planned", "--yes", "--detach")
		w.answerFor("both", "", "approve")
		w.must(0, "run", "hold", "both")
		w.must(0, "run", "resume", "both")
		w.answerFor("both", "", "decline")
		w.awaitEnd("both")
		w.must(0, "failover", "both", "--planned", "--yes", "--auto")
	}},
	{name: "cancel", play: func(w *world) {
		w.post("/faults", map[string]any{"verb": "Start-VMFailover", "host": "HV-A", "vm": "APP2", "kind": "refuse", "count": 1})
		w.must(0, "failover", "both", "--planned", "--yes", "--detach")
		w.answerFor("both", "APP2", "bring-back")
		w.must(0, "run", "stop", "both")
		w.awaitEnd("both")
		w.must(0, "cancel", "both", "--yes", "--lose-writes")
	}},
	{name: "unplanned-failover", play: func(w *world) {
		w.lose("a")
		w.must(0, "failover", "both", "--unplanned", "--yes", "--statement", statement)
		w.must(0, "fence", "both", "--stand-down", "--reason", "recorded")
		w.must(0, "failover", "both", "--unplanned", "--yes", "--statement", statement) // all is there but the watch
		w.post("/sites/a/power-on", nil)
		w.fenceAll("both", "--turn-off")
		w.must(0, "commit", "both", "--yes")
		w.must(0, "reprotect", "both", "--yes")
		w.must(0, "failback", "both", "--yes")
	}},
	{name: "unplanned-failover-fenced", world: "testdata/pair-tests.yaml", play: func(w *world) {
		w.must(0, "failover", "both", "--unplanned", "--yes", "--fence", "shut-down", "--point", "common")
		w.must(0, "commit", "both", "--yes", "--after", "1m")
		committed := doneAt{"Complete-VMFailover", "HV-B"}
		w.until("the commit that waited has begun", func() error {
			if committed.count(w.ledger()) == 0 {
				return errNotYet
			}
			return nil
		})
		w.awaitEnd("both")
		w.must(0, "reprotect", "both", "--yes")
	}},
	{name: "unplanned-failover-cancelled", play: func(w *world) {
		w.lose("a")
		w.must(0, "failover", "both", "--unplanned", "--yes", "--statement", statement)
		w.post("/sites/a/power-on", nil)
		w.fenceAll("both", "--turn-off")
		w.must(0, "cancel", "both", "--yes", "--lose-writes")
	}},
	{name: "unplanned-failover-killed", world: "testdata/pair-tests.yaml", play: func(w *world) {
		w.lose("a")
		w.must(0, "failover", "both", "--unplanned", "--yes", "--detach", "--point", "latest-app", "--statement", statement)
		moved := doneAt{"Start-VMFailover", "HV-B"}
		w.killAt(moved.String(), func(l []entry) bool { return moved.count(l) > 0 })
		w.awaitEnd("both")
		w.must(0, "failover", "both", "--unplanned", "--yes", "--lose-writes", "--statement", statement)
		w.post("/sites/a/power-on", nil)
		w.fenceAll("both", "--turn-off")
		w.must(0, "reprotect", "both", "--yes") // it commits first
	}},
	{name: "reprotect-chain", world: "testdata/chain.yaml", play: func(w *world) {
		w.must(0, "failover", "chain", "--planned", "--yes", "--chain", "back")
	}},
	{name: "reprotect-new-host", world: "testdata/new-host.yaml", play: func(w *world) {
		w.post("/hosts/HV-A/crash", nil)
		w.must(0, "failover", "both", "--unplanned", "--yes", "--statement", statement)
		w.must(0, "replace-host", "HV-A", "HV-NEW", "--yes")
		w.must(0, "fence", "both", "--stand-down", "--reason", "recorded")
	}},
	{name: "people-steer", plan: steered, play: func(w *world) {
		w.must(0, "failover", "both", "--planned", "--yes", "--detach", "--by", "Mia")
		w.asked("both", 1, "")
		w.must(0, "run", "approve", "both", "--by", "Mia")
		w.must(0, "run", "reorder", "both", "--stages", "data", "--stages", "second", "--stages", "first")
		w.must(0, "run", "skip", "both", "--vm", "APP1", "--reason", "recorded")
		w.must(0, "run", "waive", "both", "--vm", "DB", "--reason", "recorded")
		w.must(0, "run", "approve", "both", "--by", "Noor")
		w.asked("both", 3, "")
		w.must(0, "run", "approve", "both")
		w.awaitEnd("both")
	}},
	{name: "protect", world: "testdata/unprotected.yaml", play: func(w *world) {
		w.write("groups.yaml", unprotected)
		w.must(0, "protect", "servers", "--yes", "--at", "+10m")
		w.must(0, "protect", "servers", "--yes") // everything is there
		w.must(0, "protect", "OLD", "--yes", "--seed", "existing")
		w.must(0, "unprotect", "servers", "--yes")
	}},
	{name: "protect-carried", world: "testdata/unprotected.yaml", play: func(w *world) {
		w.write("groups.yaml", unprotected)
		w.must(0, "protect", "carried", "--yes", "--export", `D:\seed`, "--turn-on-replica-server")
		w.must(0, "protect", "carried", "--yes", "--import", `E:\carried`, "--detach")
		imported := doneAt{"Import-VMInitialReplication", "HV-B"}
		w.killAt(imported.String(), func(l []entry) bool { return imported.count(l) > 0 })
		w.awaitEnd("protection-carried")
		w.must(0, "unprotect", "carried", "--yes")
	}},
	{name: "test-failover", world: "testdata/pair-tests.yaml", play: func(w *world) {
		w.must(0, "failover", "both", "--test", "--yes", "--hold", "1m")
		w.must(0, "failover", "both", "--test", "--yes", "--detach", "--hold", "3h")
		w.awaitTestCopies(3)
		w.must(0, "failover", "both", "--planned", "--yes") // the drill gives way
	}},
	// The ladder remembers for a day: here that is less than a minute.
	{name: "drill", world: "testdata/pair-tests.yaml", more: `drills: [{name: weekly, plan: both, cron: "0 6 * * SUN", hold: 1m}]`, play: func(w *world) {
		w.must(0, "drill", "run", "weekly", "--yes")
		w.lose("a")
		w.must(4, "drill", "run", "weekly", "--yes")
	}},
	{name: "orphans", speed: 600, more: "orphans: {after: 1h, undo: 24h}", play: func(w *world) {
		w.post("/vms/"+w.copyOf("APP1", "HV-B")+"@HV-B/start-test", nil)
		w.until("what was left behind is old enough", func() error {
			if r := w.lifeboat("orphans", "scan"); r.code != 1 {
				return fmt.Errorf("exit %d: %s%s", r.code, r.out, r.err)
			}
			return nil
		})
		_, found := w.scan(1)
		w.must(0, "orphans", "clean", found["test-vm APP1 - Test@HV-B"], "--yes")
	}},
	{name: "selftest", speed: 30, play: func(w *world) {
		w.must(0, "selftest", "--hosts", "HV-A,HV-B", "--yes", "--trace", filepath.Join(w.dir, "trace.json"))
	}},
	{name: "canary", more: strings.Replace(canaryOfPair, "* * * * *", "0 0 1 1 *", 1), play: func(w *world) {
		w.must(0, "canary", "run", "nightly", "--yes")
		w.post("/faults", map[string]any{"verb": "Start-VMFailover", "host": "HV-B", "kind": "refuse"})
		w.must(7, "canary", "run", "nightly", "--yes")
	}},
	{name: "repair", world: "testdata/pair-tests.yaml", speed: 2000, play: func(w *world) {
		w.repairPolicy("resume_after: 1m")
		w.post("/vms/"+w.copyOf("APP1", "HV-A")+"@HV-A/suspend", nil)
		w.rung("APP1", "ask", "paused")
		w.must(0, "repair", "hold", "APP1", "--reason", "recorded")
		w.must(0, "repair", "approve", "APP1")
		w.rung("APP1", "ask", "paused")
		w.must(0, "repair", "approve", "APP1")
		w.stateOf("APP1", "HV-A", "Replicating")
		w.post("/vms/"+w.copyOf("DB", "HV-A")+"@HV-A/lose-tracking", nil)
		w.rung("DB", "ask", "resynchronized")
		w.must(0, "repair", "run", "DB")
		w.stateOf("DB", "HV-A", "Replicating")
		w.underRepair("APP2", 30_000)
		w.must(0, "failover", "both", "--unplanned", "--yes", "--fence", "turn-off")
		w.must(0, "fence", "both", "--stand-down", "--reason", "recorded")
		w.until("the ladder is empty", func() error {
			rows, err := w.tryRepairs()
			if err == nil && len(rows) > 0 {
				err = fmt.Errorf("%+v", rows)
			}
			return err
		})
	}},
}

// answerFor waits until a VM ("" for a manual step) asks, and answers.
func (w *world) answerFor(plan, vm, choice string) {
	w.t.Helper()
	w.until(fmt.Sprintf("%q waits for %s", vm, choice), func() error {
		s, err := w.run(plan)
		if err != nil {
			return err
		}
		for _, q := range s.Waiting {
			if q.VM == vm {
				return nil
			}
		}
		return fmt.Errorf("%s, waiting for %+v", s.Verdict, s.Waiting)
	})
	args := []string{"run", choice, plan, "--reason", "recorded"}
	if vm != "" {
		args = append(args, "--vm", vm)
	}
	w.must(0, args...)
}

// TestRecordHistories plays every scene and keeps the histories of its
// workflows for the replay tests of the workflows room. It replaces the folder
// of recordedVersion and touches no other.
func TestRecordHistories(t *testing.T) {
	if os.Getenv("LIFEBOAT_RECORD") == "" {
		t.Skip("LIFEBOAT_RECORD=1 records the histories of this version: see CONTRIBUTING.md")
	}
	into, err := filepath.Abs(filepath.Join("../../workflows/testdata/histories", recordedVersion))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(into); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(into, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t, cmp.Or(s.world, "pair"), cmp.Or(s.speed, 60))
			if s.plan != nil {
				w.changePlan("both", s.plan)
			}
			if s.more != "" {
				if err := os.WriteFile(filepath.Join(w.site(), "more.yaml"), []byte(s.more+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			w.up()
			s.play(w)
			secret, err := os.ReadFile(filepath.Join(w.site(), "secrets", "hosts"))
			if err != nil {
				t.Fatal(err)
			}
			for name, h := range w.histories() {
				noSecret(t, name, h, bytes.TrimSpace(secret))
				keep(t, filepath.Join(into, s.name+"."+name+".json.gz"), h)
			}
		})
	}
}

// noSecret looks into every message of a history. What it looks for would be
// seen there: the hosts' names are.
func noSecret(t *testing.T, name string, h *historypb.History, secret []byte) {
	t.Helper()
	text, err := proto.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte("HV-")) {
		t.Errorf("%s: the messages cannot be read: not even a host is in them", name)
	}
	if len(secret) == 0 || bytes.Contains(text, secret) {
		t.Fatalf("%s holds the hosts' password", name)
	}
}

// changePlan changes fields of a plan of the written configuration.
func (w *world) changePlan(name string, fields map[string]any) {
	w.t.Helper()
	file := filepath.Join(w.site(), "plans.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	marker, _, _ := strings.Cut(string(text), "\n")
	var c struct {
		Plans []yaml.MapSlice `yaml:"plans"`
	}
	if err := yaml.Unmarshal(text, &c); err != nil {
		w.t.Fatal(err)
	}
	for i, plan := range c.Plans {
		if plan.ToMap()["name"] != name {
			continue
		}
		kept := plan[:0:0]
		for _, item := range plan {
			if _, changed := fields[fmt.Sprint(item.Key)]; !changed {
				kept = append(kept, item)
			}
		}
		for key, value := range fields {
			kept = append(kept, yaml.MapItem{Key: key, Value: value})
		}
		c.Plans[i] = kept
	}
	out, err := yaml.MarshalWithOptions(c, yaml.IndentSequence(true))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(file, append([]byte(marker+"\n"), out...), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// histories are all workflows of this engine by a short name: what it is of, and
// the number of the run.
func (w *world) histories() map[string]*historypb.History {
	w.t.Helper()
	var engine struct{ Temporal, Namespace string }
	text, err := os.ReadFile(filepath.Join(w.data(), "engine.json"))
	if err == nil {
		err = json.Unmarshal(text, &engine)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := client.DialContext(ctx, client.Options{HostPort: engine.Temporal, Namespace: engine.Namespace})
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	labels := map[string]string{}
	for _, copy := range w.state().Copies {
		labels["vm/"+copy.VM] = "vm-" + copy.Name
	}
	out, count := map[string]*historypb.History{}, map[string]int{}
	for _, e := range w.executions(ctx, c) {
		name := labels[e.WorkflowId]
		if name == "" {
			name = strings.NewReplacer("/", "-", ":", "").Replace(e.WorkflowId)
		}
		count[name]++
		h := &historypb.History{}
		for events := c.GetWorkflowHistory(ctx, e.WorkflowId, e.RunId, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
			event, err := events.Next()
			if err != nil {
				w.t.Fatal(err)
			}
			h.Events = append(h.Events, event)
		}
		out[fmt.Sprintf("%s.%d", name, count[name])] = h
	}
	if len(out) == 0 {
		w.t.Fatal("the engine has no histories")
	}
	return out
}

// executions are the workflows of the engine, oldest first. The engine's list
// lags behind: it is asked until nothing runs in it and it holds every VM. A sweep
// goes on for as long as people may answer it.
func (w *world) executions(ctx context.Context, c client.Client) []*commonpb.WorkflowExecution {
	var out []*commonpb.WorkflowExecution
	w.until("every workflow is listed as ended", func() error {
		out = nil
		r, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{PageSize: 1000})
		if err != nil {
			return err
		}
		for _, e := range r.Executions {
			if e.Status == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING && e.GetType().GetName() != "OrphanSweep" {
				return fmt.Errorf("%s still runs", e.Execution.WorkflowId)
			}
			out = append([]*commonpb.WorkflowExecution{e.Execution}, out...)
		}
		return nil
	})
	return out
}

// identities are process numbers and names of the machine that recorded.
var identities = regexp.MustCompile(`"identity":\s*"\d+@[^"]*"`)

func keep(t *testing.T, file string, h *historypb.History) {
	t.Helper()
	text, err := protojson.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	text = identities.ReplaceAll(text, []byte(`"identity":"engine"`))
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, packed.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
