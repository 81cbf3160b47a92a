package activities

import (
	"context"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// RoomIn asks to take a resident VM one act towards being off.
type RoomIn struct {
	Run            string           `json:"run"`
	Plan           string           `json:"plan"`
	VM             plans.ResidentVM `json:"vm"`
	ShutdownWithin time.Duration    `json:"shutdown_within"`
}

// MakeRoom looks at a resident VM and does at most one act: a shut-down by the
// guest, never a cut of its power. It may be run again from its beginning.
func (a *Activities) MakeRoom(ctx context.Context, in RoomIn) (AdvanceOut, error) {
	defer beat(ctx)()
	seen, _ := a.observeAt(ctx, in.VM.Host, in.VM.ID)
	if err := ctx.Err(); err != nil {
		return AdvanceOut{}, err
	}
	d := plans.NextResident(seen)
	if d.Kind != plans.Act {
		return AdvanceOut{Decision: d}, nil
	}
	host, err := a.Hosts(in.VM.Host)
	if err != nil {
		return AdvanceOut{}, err
	}
	done, err := a.send(plans.ActNote{
		Run: in.Run, Plan: in.Plan, VM: in.VM.ID, Label: in.VM.Label, Host: in.VM.Host, Verb: d.Verb, Expect: d.Expect, Why: d.Why,
	}, func() (hyperv.ActResult, error) { return shutDown(ctx, host, in.VM.ID, d, in.ShutdownWithin) })
	if err != nil {
		return AdvanceOut{}, err
	}
	if done.err != nil && (!isUnanswered(done.err) || overran(done.err)) {
		d.Kind, d.Why = plans.Refuse, refusedWords(d, done.err)
		if overran(done.err) {
			d.Why = stillUpWords(in.VM.Host, in.ShutdownWithin)
		}
		d.Remedy = "look at its console; retry, or skip, which goes on without that room"
	}
	return AdvanceOut{Decision: d, Act: &done.record}, nil
}
