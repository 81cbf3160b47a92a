package control

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	commonpb "go.temporal.io/api/common/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/mocks"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// People are told whose answer is missing once it is late, and not of a VM that
// is at something else.
func TestWhoseAnswerIsMissing(t *testing.T) {
	now := time.Now()
	pending := func(details ...any) *workflowservice.DescribeWorkflowExecutionResponse {
		var payloads *commonpb.Payloads
		if len(details) > 0 {
			var err error
			if payloads, err = converter.GetDefaultDataConverter().ToPayloads(details...); err != nil {
				t.Fatal(err)
			}
		}
		return &workflowservice.DescribeWorkflowExecutionResponse{PendingActivities: []*workflowpb.PendingActivityInfo{{HeartbeatDetails: payloads}}}
	}
	asked := func(ago time.Duration) plans.Asking {
		return plans.Asking{Host: "HQ1", Verb: plans.VerbShutDown, Since: now.Add(-ago).UTC()}
	}
	c := &mocks.Client{}
	for vm, answer := range map[string]*workflowservice.DescribeWorkflowExecutionResponse{
		"late": pending(asked(time.Minute)), "soon": pending(asked(time.Second)), "looks": pending(),
	} {
		c.On("DescribeWorkflowExecution", mock.Anything, workflows.VMPartID(vm, plans.PlannedFailover), "").Return(answer, nil)
	}
	c.On("DescribeWorkflowExecution", mock.Anything, mock.Anything, "").Return(nil, errors.New("no such workflow"))

	s := plans.RunStatus{Operation: plans.PlannedFailover}
	for _, vm := range []string{"late", "soon", "looks", "ended", "done"} {
		s.VMs = append(s.VMs, plans.VMStatus{ID: vm, Verdict: plans.VerdictRunning})
	}
	s.VMs[4].Verdict = plans.VerdictDone
	Over(c, "").fillAsking(t.Context(), &s, now)
	for _, vm := range s.VMs {
		if (vm.Asking != nil) != (vm.ID == "late") {
			t.Errorf("%s: %+v", vm.ID, vm.Asking)
		}
	}
	if a := s.VMs[0].Asking; a != nil && *a != asked(time.Minute) {
		t.Errorf("%+v", a)
	}
	c.AssertNotCalled(t, "DescribeWorkflowExecution", mock.Anything, "vm/done", "")
}
