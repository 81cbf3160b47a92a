package activities

import (
	"context"
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// allowedEntry is the authorization entry of a host under which another may
// replicate to it: "" when any server may.
//
// Microsoft: New-VMReplicationAuthorizationEntry, AllowedPrimaryServer (a wildcard
// stands in the first label; that it stands for several is said nowhere).
func allowedEntry(ctx context.Context, host *hyperv.Host, primary string) (string, error) {
	facts, err := host.Facts(ctx)
	if err != nil {
		return "", err
	}
	if facts.Replica.AnyServer {
		return "", nil
	}
	entry, fits := facts.Replica.EntryFor(primary)
	switch {
	case fits:
		return entry, nil
	case entry != "":
		return "", fmt.Errorf("%s may take no replication from %s: its authorization entry %s stands for the servers of that domain, and whether also for those below it is not documented; New-VMReplicationAuthorizationEntry there with the whole name", host.Name(), primary, entry)
	}
	return "", fmt.Errorf("%s takes no replication from %s: no authorization entry fits; New-VMReplicationAuthorizationEntry there", host.Name(), primary)
}

// trustGroup is the group of the entries made here: the one that Hyper-V itself
// uses where every server is let in.
//
// Microsoft: Set-VMReplicationServer, ReplicationAllowedFromAnyServer.
const trustGroup = "DEFAULT"

// AuthorizeIn is a host that shall take replication from another, or no longer.
type AuthorizeIn struct {
	Run   string          `json:"run"`
	Trust plans.HostTrust `json:"trust"`
	// End removes the entry instead.
	End bool `json:"end,omitempty"`
}

// Authorize lets a host receive replication from another, or ends that. Run
// again it changes nothing.
//
// Microsoft: Set-VMReplicationServer, New-VMReplicationAuthorizationEntry.
func (a *Activities) Authorize(ctx context.Context, in AuthorizeIn) error {
	defer beat(ctx)()
	host, err := a.Hosts(in.Trust.Host)
	if err != nil {
		return err
	}
	if in.End {
		if _, err := host.Unauthorize(ctx, in.Trust.Primary); err != nil {
			return err
		}
		return a.Journal.Note(in.Run, fmt.Sprintf("%s takes no replication from %s any more", in.Trust.Host, in.Trust.Primary))
	}
	facts, err := host.Facts(ctx)
	if err != nil {
		return err
	}
	if in.Trust.Keep && (!facts.Replica.Enabled || !strings.Contains(facts.Replica.Auth, in.Trust.Auth)) {
		return temporal.NewNonRetryableApplicationError(fmt.Sprintf("%s is no replica server with %s authentication: --turn-on-replica-server turns it on", in.Trust.Host, in.Trust.Auth), "replica-server-off", nil)
	}
	storage := in.Trust.Storage
	if storage == "" {
		storage = facts.Replica.Storage
	}
	if storage == "" {
		return temporal.NewNonRetryableApplicationError(fmt.Sprintf("%s has no place for replicas: write replica_storage for it in the configuration", in.Trust.Host), "no-storage", nil)
	}
	if !in.Trust.Keep {
		if _, err := host.EnableReplicaServer(ctx, in.Trust.Auth, in.Trust.Thumbprint, storage); err != nil {
			return err
		}
	}
	if _, err := host.Authorize(ctx, in.Trust.Primary, storage, trustGroup); err != nil {
		return err
	}
	return a.Journal.Note(in.Run, fmt.Sprintf("%s takes replication from %s", in.Trust.Host, in.Trust.Primary))
}

// asReplica makes one copy a replica that the other's host may send to.
func asReplica(ctx context.Context, host *hyperv.Host, in AdvanceIn, verb plans.Verb, expect hyperv.Expect) (hyperv.ActResult, error) {
	sender := in.VM.TargetName
	if in.Intent.Operation == plans.Protect {
		sender = in.VM.ReverseTo
	}
	entry, err := allowedEntry(ctx, host, sender)
	if err != nil {
		return hyperv.ActResult{}, err
	}
	if verb == plans.VerbEnableAsReplica {
		return host.EnableAsReplica(ctx, in.VM.ID, expect, beginWithin, entry)
	}
	return host.SetAsReplica(ctx, in.VM.ID, expect, beginWithin, entry)
}
