package workflows

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// trustTries is how often a host is asked to take replication from another: it
// was reached a moment ago, so what fails again and again is for a person.
const trustTries = 5

// trust lets the hosts of a replacement replicate to one another before any
// VM's replication is touched.
func (p *planRun) trust(ctx workflow.Context) error {
	for _, t := range p.in.Trust {
		p.status.Summary = fmt.Sprintf("letting %s take replication from %s", t.Host, t.Primary)
		p.show(ctx)
		if err := p.authorize(ctx, activities.AuthorizeIn{Run: p.in.RunID, Trust: t}); err != nil {
			if temporal.IsCanceledError(err) {
				return err
			}
			p.stopping, p.stopWhy = true, fmt.Sprintf("%s does not take replication from %s: %s", t.Host, t.Primary, said(err))
			return nil
		}
	}
	return nil
}

// distrust removes the lost host's entries, last of all and only when nothing
// depends on them any more.
func (p *planRun) distrust(ctx workflow.Context) {
	if p.stopping || countVerdicts(p.status.VMs).done < len(p.status.VMs) {
		return
	}
	for _, t := range p.in.Distrust {
		if err := p.authorize(ctx, activities.AuthorizeIn{Run: p.in.RunID, Trust: t, End: true}); err != nil {
			p.looksFound = append(p.looksFound, plans.Finding{Severity: plans.Warning, Code: "entry-left", Host: t.Host,
				Text:   fmt.Sprintf("the authorization entry for %s is left: %s", t.Primary, said(err)),
				Means:  "a host that is gone is still let in",
				Remedy: "Remove-VMReplicationAuthorizationEntry -AllowedPrimaryServer " + t.Primary})
		}
	}
}

func (p *planRun) authorize(ctx workflow.Context, in activities.AuthorizeIn) error {
	ctx = ownQueue(hostWork(ctx, p.in.To, in.Trust.Host+": authorization", readLimit))
	ctx = workflow.WithRetryPolicy(ctx, temporal.RetryPolicy{
		InitialInterval: patient.InitialInterval, BackoffCoefficient: patient.BackoffCoefficient, MaximumInterval: patient.MaximumInterval, MaximumAttempts: trustTries,
	})
	return workflow.ExecuteActivity(ctx, activities.AuthorizeName, in).Get(ctx, nil)
}

// said is what an activity's error says to people, without the wrapping.
func said(err error) string {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return app.Message()
	}
	return err.Error()
}
