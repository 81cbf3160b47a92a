package control

import (
	"context"
	"time"

	"go.temporal.io/sdk/converter"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

const (
	// askingAfter is how long a host may take before people are told that its
	// answer is missing.
	askingAfter = 15 * time.Second
	// askedMost is how many VMs of a run are looked at for it.
	askedMost = 20
	// askedWithin bounds that look: an engine that has just gone leaves each question
	// open.
	askedWithin = 3 * time.Second
)

// fillAsking adds to VMs under way what their hosts were asked for and have not
// answered. It is a help to who reads: without it the status is whole as well.
func (c *Client) fillAsking(ctx context.Context, s *plans.RunStatus, now time.Time) {
	if !s.Ended.IsZero() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askedWithin)
	defer cancel()
	looked := 0
	for i := range s.VMs {
		vm := &s.VMs[i]
		if vm.Verdict != plans.VerdictRunning || looked == askedMost {
			continue
		}
		looked++
		if a, ok := c.asking(ctx, workflows.VMPartID(vm.ID, s.Operation)); ok && now.Sub(a.Since) >= askingAfter {
			vm.Asking = &a
		}
	}
}

// asking is what the activity of a VM that is under way said last.
func (c *Client) asking(ctx context.Context, id string) (a plans.Asking, ok bool) {
	answer, err := c.temporal.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return a, false
	}
	for _, pending := range answer.GetPendingActivities() {
		if details := pending.GetHeartbeatDetails(); details != nil {
			err = converter.GetDefaultDataConverter().FromPayloads(details, &a)
			return a, err == nil && a.Verb != ""
		}
	}
	return a, false
}
