package plans

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// Plans that each fit, and not together, are told of one another; a VM of both
// starts once, another site's plan has another day.
func TestPlansThatDoNotFitTogetherAreTold(t *testing.T) {
	const gb = 1 << 30
	report := func(plan, from string, free uint64, takes ...taking) ReadyReport {
		return ReadyReport{Plan: plan, From: from, takes: takes, free: map[string]uint64{"T": free}}
	}
	vm := func(id string, size uint64) taking { return taking{id, "T", size * gb} }
	for i, c := range []struct {
		all  []ReadyReport
		want map[string]string
	}{
		{[]ReadyReport{report("a", "hq", 10*gb, vm("1", 6)), report("b", "hq", 10*gb, vm("2", 6))},
			map[string]string{"a": "together with b it needs 12 GB of memory there, the host has 10 GB", "b": "together with a it needs 12 GB of memory there, the host has 10 GB"}},
		{[]ReadyReport{report("a", "hq", 12*gb, vm("1", 6)), report("b", "hq", 12*gb, vm("2", 6))}, nil},
		{[]ReadyReport{report("a", "hq", 10*gb, vm("1", 6)), report("b", "hq", 10*gb, vm("1", 6), vm("2", 4))}, nil},
		{[]ReadyReport{report("a", "hq", 10*gb, vm("1", 6)), report("b", "other", 10*gb, vm("2", 6))}, nil},
		{[]ReadyReport{report("a", "hq", 10*gb, vm("1", 60))}, nil},
		// A plan that takes nothing there is nobody's trouble, and none of its own.
		{[]ReadyReport{report("a", "hq", 10*gb, vm("1", 60)), report("b", "hq", 10*gb)}, nil},
	} {
		TogetherReady(c.all)
		for _, r := range c.all {
			var said string
			for _, f := range r.Findings {
				said += f.Text
				require.Equal(t, [3]string{"memory-shared", "warning", "T"}, [3]string{f.Code, fmt.Sprint(f.Severity), f.Host})
			}
			require.Equal(t, c.want[r.Plan], said, "case %d, %s", i, r.Plan)
		}
	}
}

// What a plan takes is what its VMs need that do not run at the target yet.
func TestWhatAPlanTakes(t *testing.T) {
	l := healthy()
	r := Ready(l)
	require.Len(t, r.takes, r.Total, "one is left out")
	require.NotEmpty(t, r.free)
	before := r.takes
	l.Pairs[0].Target.Power, l.Pairs[0].Target.Mode = "Running", "Primary"
	require.Len(t, Ready(l).takes, len(before)-1)
	again := []ReadyReport{Ready(healthy()), Ready(healthy())}
	again[1].Plan = "second"
	for host := range again[0].free {
		again[0].free[host], again[1].free[host] = 0, 0
	}
	TogetherReady(again)
	for _, r := range again {
		require.NotEmpty(t, r.Findings, r.Plan)
	}
}
