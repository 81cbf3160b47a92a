package workflows

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// The server's limits: one message (bytes), one history (events; it warns from
// here on).
const (
	messageLimit = 2 << 20
	historyLimit = 10_240
)

// many is a plan of n VMs in stages of stage VMs, each VM after the one before
// it in a chain of ten.
func many(n, stage int) plans.RunInput {
	in := northwind()
	in.Steps = nil
	for from := 0; from < n; from += stage {
		step := plans.RunStep{Number: len(in.Steps) + 1, Name: fmt.Sprintf("stage-%d", len(in.Steps)+1)}
		for i := from; i < min(n, from+stage); i++ {
			vm := testVM(fmt.Sprintf("application-server-%04d", i))
			if i > from && i%10 != 0 {
				vm.After = []string{guid(fmt.Sprintf("application-server-%04d", i-1))}
			}
			vm.NICs = []plans.WantedNIC{{Switch: "vSwitch-DR", IP: "10.20.10.20", Mask: "255.255.255.0", Gateway: "10.20.10.1", DNS: []string{"10.20.10.10"}, Inject: true}}
			step.VMs = append(step.VMs, vm)
		}
		in.Steps = append(in.Steps, step)
	}
	return in
}

func size(t *testing.T, v any) int {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return len(text)
}

// worst is a run's state in which every VM has much to say.
func worst(in plans.RunInput) *planRun {
	p := &planRun{in: in, status: plans.RunStatus{Plan: in.Plan}}
	now := time.Date(2026, 11, 24, 14, 0, 0, 123456789, time.UTC)
	for _, vm := range in.VMs() {
		s := plans.VMStatus{ID: vm.ID, Label: vm.Label, Step: 1, Verdict: plans.VerdictHeld, Phase: plans.PhaseShutdown, Good: plans.Source,
			Changed: true, Irreversible: true, Doing: strings.Repeat("why ", 100), Remedy: strings.Repeat("do ", 100), GateText: "waiting for tcp 443 at 10.20.10.20"}
		for _, phase := range plans.Phases(plans.PlannedFailover, plans.ReverseAfterGates) {
			s.Times = append(s.Times, plans.PhaseTime{Phase: phase, Started: now, Ended: now})
		}
		p.status.VMs = append(p.status.VMs, s)
		p.status.Waiting = append(p.status.Waiting, plans.Question{VM: vm.Label, VMID: vm.ID, Text: strings.Repeat("why ", 100), Since: now,
			Choices: []plans.Choice{plans.ChoiceRetry, plans.ChoiceTurnOff, plans.ChoiceSkip}})
	}
	return p
}

func TestMessagesOf2000VMsFit(t *testing.T) {
	p := worst(many(2000, 400))
	for name, v := range map[string]any{"run input": PlanRunInput{Run: p.in}, "status": sized(p.status), "report": p.reportIn()} {
		if n := size(t, v); n > messageLimit*9/10 {
			t.Errorf("%s: %d bytes of %d", name, n, messageLimit)
		} else {
			t.Logf("%s: %d bytes", name, n)
		}
	}
	if n := len(details(sized(p.status))); n > 32<<10 {
		t.Errorf("the Web UI's page has %d bytes", n)
	}
	// What the report is counted from stays.
	if got := len(p.reportIn().Status.VMs[0].Times); got != 3 {
		t.Errorf("%d times kept", got)
	}
	if len(p.status.VMs[0].Times) != 6 {
		t.Error("making a message changed the run's own state")
	}
}

func TestSmallRunsKeepEverything(t *testing.T) {
	p := worst(many(smallRun, 100))
	if got := p.reportIn(); len(got.Status.VMs[0].Times) != 6 || len(got.Input.VMs()[0].Gates) != 1 {
		t.Error("a small run's report is cut")
	}
}

func TestHistoriesOf300VMs(t *testing.T) {
	if testing.Short() {
		t.Skip("plays 300 VMs")
	}
	in := many(300, 150)
	tr := newTrial(t, in, approving)
	tr.every, tr.ticks = 10*time.Minute, 600
	tr.run().wantVerdict(plans.VerdictDone)
	for id, n := range tr.wire.events {
		if n > historyLimit {
			t.Errorf("%s: up to %d events, the server warns from %d", id, n, historyLimit)
		}
	}
	for kind, n := range tr.wire.widest {
		if n > messageLimit/2 {
			t.Errorf("%s: %d bytes", kind, n)
		}
	}
	t.Logf("run %d, a stage %d, a VM %d events", tr.wire.events[PlanRunID("north")], tr.wire.events[stageRunID("plan/north", 1, 0)], tr.wire.events[VMOperationID(in.Steps[0].VMs[0].ID)])
	// 150 VMs in two parts share the stage's limit.
	for _, verb := range []string{"shut-down", "start"} {
		if got := tr.world.most[verb]; got > 4 {
			t.Errorf("%d of %s at once, the limit is 4", got, verb)
		}
	}
}

// A drill of many VMs is judged by the gates that did not pass, however many were not
// asked.
func TestGatesThatFailedStayInALargeReport(t *testing.T) {
	p := worst(many(2*mostFindings, 400))
	for i, vm := range p.in.VMs() {
		f := plans.Finding{Severity: plans.Info, Code: "gate-not-asked", VM: vm.Label, Text: "not asked"}
		if i >= 2*mostFindings-3 {
			f = plans.Finding{Severity: plans.Warning, Code: "gate-not-passed", VM: vm.Label, Text: "no answer"}
		}
		p.status.Findings = append(p.status.Findings, f)
	}
	kept, failed := p.reportIn().Status.Findings, 0
	for _, f := range kept {
		if f.Code == "gate-not-passed" {
			failed++
		}
	}
	if failed != 3 || len(kept) != mostFindings || p.status.Findings[0].Code != "gate-not-asked" {
		t.Errorf("%d of 3 in %d, first of the run's own %s", failed, len(kept), p.status.Findings[0].Code)
	}
	if p.reportIn().Input.VMs()[0].Name != "" {
		t.Error("the evidence knows a large run by VMs without a name")
	}
}
