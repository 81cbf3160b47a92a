package control

import (
	"context"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// Fence answers with the picture of the present or last watch on a plan's lost
// site; ErrNoRun says that there was none.
func (c *Client) Fence(ctx context.Context, plan string) (plans.FenceStatus, error) {
	var s plans.FenceStatus
	return s, c.query(ctx, workflows.FenceID(plan), "", &s)
}

// Fences lists the watches that Temporal still holds, newest first.
func (c *Client) Fences(ctx context.Context, limit int32) ([]RunSummary, error) {
	return c.list(ctx, workflows.FenceReturn, limit)
}

// AnswerFence gives a person's answer to the watch on a plan's lost site:
// turn-off, disconnect, skip (leave a copy as it is) or stand-down. A
// *NotAcceptedError says why it was not taken.
func (c *Client) AnswerFence(ctx context.Context, plan string, a plans.Answer) (plans.FenceStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	var s plans.FenceStatus
	return s, refusal(c.update(ctx, workflows.FenceID(plan), a, &s))
}
