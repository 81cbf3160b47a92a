package hyperv

import (
	"context"
	"errors"
	"time"
)

// allowedArgs is the arguments of a function that makes a VM a replica.
// AllowedPrimary names an authorization entry of the host, "" its only choice.
type allowedArgs struct {
	VM             string `json:"VM"`
	AllowedPrimary string `json:"AllowedPrimary"`
}

// SetAsReplica makes the old primary, after an unplanned failover, the replica:
// the other host can reverse replication to it then, and what this copy alone
// holds is overwritten. The VM is off. allowedPrimary names the authorization
// entry of this host that fits the new primary; empty needs the entry "*".
//
// Microsoft: Hyper-V module, Set-VMReplication -AsReplica.
func (h *Host) SetAsReplica(ctx context.Context, id string, expect Expect, within time.Duration, allowedPrimary string) (ActResult, error) {
	return h.asReplica(ctx, "set-as-replica", "Set-LifeboatAsReplica", id, expect, within, allowedPrimary)
}

// EnableAsReplica offers a VM that does not replicate as the seed of a replica:
// an initial replication with UseBackup compares its disks with the primary's
// and overwrites what differs. The VM is off and keeps its id.
//
// Microsoft: Hyper-V module, Enable-VMReplication -AsReplica.
func (h *Host) EnableAsReplica(ctx context.Context, id string, expect Expect, within time.Duration, allowedPrimary string) (ActResult, error) {
	return h.asReplica(ctx, "enable-as-replica", "Enable-LifeboatAsReplica", id, expect, within, allowedPrimary)
}

func (h *Host) asReplica(ctx context.Context, op, function, id string, expect Expect, within time.Duration, allowedPrimary string) (ActResult, error) {
	id, err := guid(id)
	if err != nil {
		return ActResult{}, err
	}
	return h.act(ctx, op, function, id, allowedArgs{id, allowedPrimary}, expect, within, actTimeout)
}

// InitialOptions is how the first copy of the disks travels; the zero value is
// over the network, at once.
type InitialOptions struct {
	// UseBackup compares with the copy that the replica has (EnableAsReplica,
	// or what the failover left): only blocks that differ are sent.
	UseBackup bool
	// Path is a folder of the primary's host to which the disks are exported,
	// for ImportInitial on the other side.
	Path string
	// At is when the host begins over the network by itself, by its own clock and
	// at most 7 days ahead; zero is now.
	At time.Time
}

// StartInitial starts the initial replication on the primary (on the middle of
// a chain: of its extended relationship). It returns when the copying has begun:
// look at the relation's state and bytes for how far it is.
//
// Microsoft: Hyper-V module, Start-VMInitialReplication [-UseBackup]
// [-DestinationPath] [-InitialReplicationStartTime].
func (h *Host) StartInitial(ctx context.Context, id string, expect Expect, within time.Duration, options InitialOptions) (ActResult, error) {
	id, err := guid(id)
	if err != nil {
		return ActResult{}, err
	}
	if options.UseBackup && options.Path != "" {
		return ActResult{}, errors.New("start-initial: a copy is compared (UseBackup) or exported (Path), not both")
	}
	if !options.At.IsZero() && (options.UseBackup || options.Path != "") {
		return ActResult{}, errors.New("start-initial: a time to begin is for a first copy over the network")
	}
	args := struct {
		VM        string `json:"VM"`
		UseBackup bool   `json:"UseBackup"`
		Path      string `json:"Path"`
		At        string `json:"At"`
	}{id, options.UseBackup, options.Path, ""}
	if !options.At.IsZero() {
		args.At = options.At.UTC().Format(time.RFC3339)
	}
	return h.act(ctx, "start-initial", "Start-LifeboatInitial", id, args, expect, within, longTimeout)
}

// ImportInitial takes, on the replica, the first copy of the disks from path:
// the folder <name>_<id> that the export made. It can last hours; when no answer
// comes in time, look at the VM's state.
//
// Microsoft: Hyper-V module, Import-VMInitialReplication.
func (h *Host) ImportInitial(ctx context.Context, id string, expect Expect, within time.Duration, path string) (ActResult, error) {
	id, err := guid(id)
	if err != nil {
		return ActResult{}, err
	}
	if path == "" {
		return ActResult{}, errors.New("import-initial: no folder is named: say where the export lies")
	}
	args := struct {
		VM   string `json:"VM"`
		Path string `json:"Path"`
	}{id, path}
	return h.act(ctx, "import-initial", "Import-LifeboatInitial", id, args, expect, within, longTimeout)
}

// StopInitial cancels the initial replication on the primary.
//
// Microsoft: Hyper-V module, Stop-VMInitialReplication.
func (h *Host) StopInitial(ctx context.Context, id string, expect Expect, within time.Duration) (ActResult, error) {
	return h.plain(ctx, "stop-initial", "Stop-LifeboatInitial", id, expect, within, actTimeout)
}

// Resynchronize compares, from the primary, both copies and sends what differs.
// The replica's recovery points are removed. A VM that is Replicating refuses:
// SuspendReplication first.
//
// Microsoft: Hyper-V module, Resume-VMReplication -Resynchronize.
func (h *Host) Resynchronize(ctx context.Context, id string, expect Expect, within time.Duration) (ActResult, error) {
	return h.plain(ctx, "resynchronize", "Start-LifeboatResync", id, expect, within, actTimeout)
}
