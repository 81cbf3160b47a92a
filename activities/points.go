package activities

import (
	"context"
	"sync"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// LookPoints reads the recovery points of all replicas of a run, with one call
// per target host. Of a VM whose points are not told only the latest data is
// known; why, is among the findings.
func LookPoints(ctx context.Context, hosts func(string) (*hyperv.Host, error), in plans.RunInput, pairs []plans.Pair) ([]plans.VMPoints, []plans.Finding) {
	byHost := map[string][]plans.Pair{}
	for _, p := range pairs {
		if p.Target.Reached && p.Target.Exists {
			byHost[p.Target.Host] = append(byHost[p.Target.Host], p)
		}
	}
	var mu sync.Mutex
	var all []plans.VMPoints
	var found []plans.Finding
	var running sync.WaitGroup
	for name, members := range byHost {
		running.Go(func() {
			told, err := pointsAt(ctx, hosts, name, members)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, told...)
			if err != nil {
				found = append(found, plans.Finding{Severity: plans.Warning, Code: "points-not-told", Host: name, Text: err.Error(),
					Means: "only the latest data of its replicas is known here"})
			}
		})
	}
	running.Wait()
	return inOrder(in, all), found
}

// inOrder is the answer in the order of the plan.
func inOrder(in plans.RunInput, all []plans.VMPoints) []plans.VMPoints {
	out := make([]plans.VMPoints, 0, len(all))
	for _, vm := range in.VMs() {
		for _, p := range all {
			if p.VM == vm.ID {
				out = append(out, p)
			}
		}
	}
	return out
}

func pointsAt(ctx context.Context, hosts func(string) (*hyperv.Host, error), name string, members []plans.Pair) ([]plans.VMPoints, error) {
	out := make([]plans.VMPoints, len(members))
	ids := make([]string, len(members))
	for i, p := range members {
		out[i], ids[i] = plans.VMPoints{VM: p.ID, At: p.Target.At, Latest: p.Target.LastReplication}, p.ID
	}
	host, err := hosts(name)
	if err != nil {
		return out, err
	}
	told, err := host.Points(ctx, ids)
	for i := range out {
		for _, p := range told[ids[i]] {
			if p.Recovery() {
				out[i].Points = append(out[i].Points, plans.Point{ID: p.ID, Kind: p.Type, Time: p.Created})
			}
		}
	}
	return out, err
}
