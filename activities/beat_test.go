package activities

import (
	"context"
	"strings"
	"testing"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// While a host does not answer an act, the heartbeat says who was asked for what.
func TestAnActThatHangsSaysWhomItWaitsFor(t *testing.T) {
	s := newSite()
	heard := make(chan plans.Asking, 1)
	s.before = func(ctx context.Context, call string) error {
		if strings.HasSuffix(call, "Get-LifeboatCopies") {
			return nil
		}
		select { // the host hangs until somebody has heard of it
		case a := <-heard:
			if a.Host != "HQ1" || a.Verb == "" || a.Since.IsZero() {
				t.Errorf("%+v", a)
			}
			return nil
		case <-ctx.Done():
			t.Error("nobody heard of it")
			return ctx.Err()
		}
	}
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
		var a plans.Asking
		if details.HasValues() && details.Get(&a) == nil {
			select {
			case heard <- a:
			default:
			}
		}
	})
	a := engine(s, &book{})
	env.RegisterActivity(a.Advance)
	if _, err := env.ExecuteActivity(a.Advance, request(plans.PhaseShutdown)); err != nil {
		t.Fatal(err)
	}
}
