package activities

import (
	"context"
	"fmt"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// settingsTold asks the hosts of legs, whose settings may be set, how their VMs
// replicate. A host that does not answer tells nothing.
func (a *Activities) settingsTold(ctx context.Context, vms []plans.RepairVM, targets map[string]plans.RepairTarget) map[string]plans.HostTick {
	ctx, cancel := context.WithTimeout(ctx, observeLimit)
	defer cancel()
	may := func(t plans.RepairTarget) bool {
		return t.Policy != nil && t.Policy.Drift != "" && t.Policy.Drift != plans.DriftReport
	}
	return askEach(hostsOf(vms, targets, may), func(name string, ids []string) plans.HostTick {
		told := plans.HostTick{Host: name}
		host, err := a.Hosts(name)
		if err != nil {
			return told
		}
		answer, err := host.Replications(ctx, ids)
		if err != nil {
			a.Log.Warn("a host does not tell how its VMs replicate", "host", name, "error", err)
			return told
		}
		for _, c := range answer.Copies {
			told.Copies = append(told.Copies, watchedCopy(c))
		}
		return told
	})
}

func relationsOf(told []hyperv.Watched) []plans.WatchedRelation {
	return watchedCopy(hyperv.Replicating{Relations: told}).Relations
}

// legOf is the relationship that settings are for, in the state in which it was
// decided on.
func legOf(step plans.RepairStep) hyperv.Leg {
	if step.LegState != "" {
		return hyperv.Leg{Relationship: "Extended", State: step.LegState}
	}
	return hyperv.Leg{Relationship: "Simple", State: step.Expect.State}
}

func settingsOf(s plans.ReplicationSettings) hyperv.Settings {
	out := hyperv.Settings{
		FrequencySec: int(s.Frequency.D().Seconds()), RecoveryHistory: s.RecoveryPoints, Compression: s.Compression,
		Auth: s.Authentication, Port: s.Port, Thumbprint: s.Thumbprint, Disks: s.Disks,
	}
	if s.AppConsistent != nil {
		hours := int(s.AppConsistent.D() / time.Hour)
		out.VSSHours = &hours
	}
	return out
}

// cannotConnect says why two hosts could not replicate under new terms, "" when the
// sender reaches the other so: a replication that works is not cut off.
func (a *Activities) cannotConnect(ctx context.Context, step plans.RepairStep, now plans.WatchedRelation) string {
	host, err := a.Hosts(step.Host)
	if err == nil {
		link := hyperv.Link{ReplicaServer: now.ReplicaServer, Port: now.Port, Auth: now.Auth, Thumbprint: step.Settings.Thumbprint}
		if step.Settings.Authentication != "" {
			link.Auth, link.Port = step.Settings.Authentication, step.Settings.Port
		}
		err = host.TestLink(ctx, link)
	}
	if err != nil {
		return fmt.Sprintf("%s would not reach %s with these settings (%v)", step.Host, now.ReplicaServer, err)
	}
	return ""
}
