package worker

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	commonpb "go.temporal.io/api/common/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/mocks"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

// ago is a run that began so many minutes ago and ended so many minutes ago, 0
// when it is open.
func ago(plan string, began, ended int) *workflowpb.WorkflowExecutionInfo {
	at := func(minutes int) *timestamppb.Timestamp {
		return timestamppb.New(time.Now().Add(-time.Duration(minutes) * time.Minute))
	}
	e := &workflowpb.WorkflowExecutionInfo{
		Execution: &commonpb.WorkflowExecution{WorkflowId: "plan/" + plan, RunId: "run-" + plan}, StartTime: at(began),
	}
	if ended > 0 {
		e.CloseTime = at(ended)
	}
	return e
}

// shownOf are the pictures for a server that holds these runs; every query is
// answered with s or err, and counted.
func shownOf(s plans.RunStatus, err error, runs ...*workflowpb.WorkflowExecutionInfo) (p *panelRuns, asked func() int) {
	c := &mocks.Client{}
	c.On("ListWorkflow", mock.Anything, mock.Anything).Return(&workflowservice.ListWorkflowExecutionsResponse{Executions: runs}, nil)
	value := &mocks.Value{}
	value.On("Get", mock.Anything).Run(func(a mock.Arguments) { *a.Get(0).(*plans.RunStatus) = s }).Return(nil)
	n := 0
	c.On("QueryWorkflow", mock.Anything, mock.Anything, mock.Anything, mock.Anything).Run(func(mock.Arguments) { n++ }).Return(value, err)
	return &panelRuns{client: control.Over(c, "lifeboat")}, func() int { return n }
}

func TestThePanelShowsOpenRunsElseTheLast(t *testing.T) {
	ctx := context.Background()
	p, _ := shownOf(plans.RunStatus{Verdict: plans.VerdictRunning}, nil, ago("a", 9, 8), ago("b", 7, 0), ago("c", 5, 0))
	if got, err := p.Open(ctx); err != nil || len(got) != 2 {
		t.Errorf("%d runs, %v: want the two open ones", len(got), err)
	}
	// The one that ended last began first.
	p, asked := shownOf(plans.RunStatus{Verdict: plans.VerdictDone, Ended: time.Now()}, nil, ago("a", 60, 1), ago("b", 30, 20))
	for range 3 {
		if got, err := p.Open(ctx); err != nil || len(got) != 1 || p.ended.Plan != "a" {
			t.Errorf("%d runs, %v, of plan %q: want the one of a", len(got), err, p.ended.Plan)
		}
	}
	if asked() != 1 {
		t.Errorf("an ended run was asked %d times", asked())
	}
	p, _ = shownOf(plans.RunStatus{}, nil)
	if got, err := p.Open(ctx); err != nil || len(got) != 0 {
		t.Errorf("no runs: %v, %v", got, err)
	}
}

// Neither a run that was ended from outside nor one that gives no answer may
// look as if it were on its way.
func TestThePanelDoesNotPretend(t *testing.T) {
	ctx := context.Background()
	p, _ := shownOf(plans.RunStatus{Verdict: plans.VerdictRunning}, nil, ago("a", 9, 8))
	got, err := p.Open(ctx)
	if err != nil || len(got) != 1 || got[0].Verdict != plans.VerdictUnknown || got[0].Ended.IsZero() {
		t.Errorf("ended from outside: %+v, %v", got, err)
	}
	p, _ = shownOf(plans.RunStatus{}, errors.New("task failed"), ago("a", 9, 0))
	got, err = p.Open(ctx)
	if err != nil || len(got) != 1 || got[0].Verdict != plans.VerdictUnknown || got[0].Plan != "a" {
		t.Errorf("no answer: %+v, %v", got, err)
	}
	says(t, errors.New(got[0].Summary), "cannot be asked", "task failed")
}
