package control

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	commonpb "go.temporal.io/api/common/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/mocks"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/lifeboat-dr/lifeboat/workflows"
)

// A run that waits is listed however many others came after it.
func TestAnOpenRunIsListedHoweverOld(t *testing.T) {
	now := time.Now()
	run := func(id string, ago time.Duration, open bool) *workflowpb.WorkflowExecutionInfo {
		e := &workflowpb.WorkflowExecutionInfo{Execution: &commonpb.WorkflowExecution{WorkflowId: "plan/" + id, RunId: id}, StartTime: timestamppb.New(now.Add(-ago))}
		if !open {
			e.CloseTime = timestamppb.New(now)
		}
		return e
	}
	lists := func(c *mocks.Client, running bool, all ...*workflowpb.WorkflowExecutionInfo) {
		c.On("ListWorkflow", mock.Anything, mock.MatchedBy(func(q *workflowservice.ListWorkflowExecutionsRequest) bool {
			return strings.Contains(q.GetQuery(), "Running") == running
		})).Return(&workflowservice.ListWorkflowExecutionsResponse{Executions: all}, nil)
	}
	c := &mocks.Client{}
	lists(c, false, run("new", time.Minute, true), run("drill", time.Hour, false))
	lists(c, true, run("new", time.Minute, true), run("old", 90*time.Hour, true))
	runs, err := Over(c, "").Runs(t.Context(), 2)
	if err != nil || len(runs) != 3 || runs[0].Run != "new" || runs[2].Run != "old" || !runs[2].Open {
		t.Errorf("%+v, %v", runs, err)
	}
	few := &mocks.Client{} // asked once where that is all
	lists(few, false, run("new", time.Minute, true))
	if runs, err := Over(few, "").Runs(t.Context(), 2); err != nil || len(runs) != 1 {
		t.Errorf("%+v, %v", runs, err)
	}
}

// A drill is found by the hosts of its test copies, and so is what is in its way; a run
// of an engine that noted no hosts is passed over.
func TestRunsAtAHost(t *testing.T) {
	run := func(id, op, targets string, open bool) *workflowpb.WorkflowExecutionInfo {
		memo := map[string]*commonpb.Payload{workflows.MemoOperation: {Data: []byte(`"` + op + `"`)}}
		if targets != "" {
			memo[workflows.MemoTargets] = &commonpb.Payload{Data: []byte(targets)}
		}
		e := &workflowpb.WorkflowExecutionInfo{Execution: &commonpb.WorkflowExecution{WorkflowId: id, RunId: id}, StartTime: timestamppb.Now(), Memo: &commonpb.Memo{Fields: memo}}
		if !open {
			e.CloseTime = timestamppb.Now()
		}
		return e
	}
	of := func(all ...*workflowpb.WorkflowExecutionInfo) (*Client, *mocks.Client) {
		c := &mocks.Client{}
		c.On("ListWorkflow", mock.Anything, mock.Anything).Return(&workflowservice.ListWorkflowExecutionsResponse{Executions: all}, nil)
		return Over(c, ""), c
	}
	here := []string{"HV-B"}
	for id, c := range map[string]struct {
		run  *workflowpb.WorkflowExecutionInfo
		want string
	}{
		"a failover to it":      {run("plan/x", "planned-failover", `["HV-B"]`, true), "the run plan/x"},
		"one that is over":      {run("plan/x", "planned-failover", `["HV-B"]`, false), ""},
		"one to another host":   {run("plan/x", "unplanned-failover", `["HV-C"]`, true), ""},
		"a commit":              {run("plan/x", "commit", `["HV-B"]`, true), ""},
		"one of an old engine":  {run("plan/x", "planned-failover", "", true), ""},
		"a memo that is broken": {run("plan/x", "planned-failover", `{`, true), ""},
	} {
		client, _ := of(c.run)
		if got, err := client.RealRunAt(t.Context(), here); err != nil || got != c.want {
			t.Errorf("%s: %q, %v", id, got, err)
		}
	}
	client, temporal := of(run("drill/own", "test-failover", `["HV-B"]`, true), run("drill/other", "test-failover", `["HV-A","HV-B"]`, true),
		run("drill/far", "test-failover", `["HV-C"]`, true), run("plan/x", "planned-failover", `["HV-B"]`, true))
	temporal.On("SignalWorkflow", mock.Anything, "drill/other", "", workflows.GiveWaySignal, "mia").Return(nil).Once()
	told, err := client.DrillsGiveWay(t.Context(), here, "own", "mia")
	if err != nil || len(told) != 1 || told[0] != "other" {
		t.Errorf("told %v, %v", told, err)
	}
	temporal.AssertExpectations(t)
}
