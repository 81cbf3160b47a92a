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
