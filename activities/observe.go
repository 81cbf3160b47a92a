package activities

import "context"

// Observe looks at both sides of a VM and asks the table, and does nothing: for
// a VM of which a person says that it was mended by hand.
func (a *Activities) Observe(ctx context.Context, in AdvanceIn) (AdvanceOut, error) {
	defer beat(ctx)()
	seen := a.observe(ctx, in.VM)
	if err := ctx.Err(); err != nil {
		return AdvanceOut{}, err
	}
	if err := a.recall(&in, seen); err != nil {
		return AdvanceOut{}, err
	}
	return AdvanceOut{Decision: a.decide(in, seen)}, nil
}
