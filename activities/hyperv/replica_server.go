package hyperv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Acts on the host itself. They are about no VM, so nothing guards them: each
// looks first, changes only what is not so yet, and may be asked again.

// Authorize lets primary (a host's DNS name, of a cluster its broker's, or
// *.domain) replicate to this host and answers what the host takes then. It does
// nothing when every server may replicate here, or when an entry fits: one for
// primary or for its domain, with trustGroup unless that is empty. storage and
// trustGroup are for a new entry and needed for it; where a fitting entry stores
// replicas is left alone. An entry for primary in another trust group is refused
// with ErrInvalid: replicas depend on it.
//
// Microsoft: Hyper-V module, New-VMReplicationAuthorizationEntry.
func (h *Host) Authorize(ctx context.Context, primary, storage, trustGroup string) (ReplicaFacts, error) {
	const op = "authorize"
	if primary == "" {
		return ReplicaFacts{}, errors.New("authorize: no primary server is named")
	}
	now, err := h.replicaServer(ctx, op)
	if err != nil || now.admits(primary, trustGroup) {
		return now, err
	}
	if now.entry(primary) {
		return now, &Error{
			Op: op, Host: h.Name(), Code: "LifeboatEntryDiffers", Kind: ErrInvalid, Hint: codeHints["LifeboatEntryDiffers"],
			Err: fmt.Errorf("the entry for %s has another trust group than %q", primary, trustGroup),
		}
	}
	if storage == "" || trustGroup == "" {
		return now, errors.New("authorize: a new entry needs a storage location and a trust group")
	}
	args := struct {
		Primary    string `json:"Primary"`
		Storage    string `json:"Storage"`
		TrustGroup string `json:"TrustGroup"`
	}{primary, storage, trustGroup}
	return h.setReplicaServer(ctx, op, "Add-LifeboatPrimary", args, func(f ReplicaFacts) bool { return f.admits(primary, trustGroup) })
}

// Unauthorize removes the authorization entry of primary, written as the entry
// has it, and answers what the host takes then: a domain's entry, or one for
// every server, may still let primary in.
//
// Microsoft: Hyper-V module, Remove-VMReplicationAuthorizationEntry.
func (h *Host) Unauthorize(ctx context.Context, primary string) (ReplicaFacts, error) {
	const op = "unauthorize"
	if primary == "" {
		return ReplicaFacts{}, errors.New("unauthorize: no primary server is named")
	}
	now, err := h.replicaServer(ctx, op)
	if err != nil || !now.entry(primary) {
		return now, err
	}
	args := struct {
		Primary string `json:"Primary"`
	}{primary}
	return h.setReplicaServer(ctx, op, "Remove-LifeboatPrimary", args, func(f ReplicaFacts) bool { return !f.entry(primary) })
}

// EnableReplicaServer lets this host take replication by auth, Kerberos or
// Certificate, and answers what it takes then. An empty thumbprint or storage
// leaves what is set. A way of authentication that the host takes already stays
// open beside the new one. From whom it takes replication, its ports and its
// firewall are left alone.
//
// Microsoft: Hyper-V module, Set-VMReplicationServer.
func (h *Host) EnableReplicaServer(ctx context.Context, auth, thumbprint, storage string) (ReplicaFacts, error) {
	const op = "enable-replica-server"
	if auth != "Kerberos" && auth != "Certificate" {
		return ReplicaFacts{}, fmt.Errorf("%s: auth is %q (want Kerberos or Certificate)", op, auth)
	}
	fits := func(f ReplicaFacts) bool {
		return f.Enabled && (f.Auth == auth || f.Auth == bothAuths) &&
			(thumbprint == "" || strings.EqualFold(f.Thumbprint, thumbprint)) &&
			(storage == "" || strings.EqualFold(f.Storage, storage))
	}
	now, err := h.replicaServer(ctx, op)
	if err != nil || fits(now) {
		return now, err
	}
	if auth == "Certificate" && thumbprint == "" && now.Thumbprint == "" {
		return now, fmt.Errorf("%s: no thumbprint is given and the host has none: Certificate needs that of its own certificate", op)
	}
	args := struct {
		Auth       string `json:"Auth"`
		Thumbprint string `json:"Thumbprint"`
		Storage    string `json:"Storage"`
	}{auth, thumbprint, storage}
	if now.Enabled && now.Auth != auth {
		args.Auth = bothAuths
	}
	return h.setReplicaServer(ctx, op, "Set-LifeboatReplicaServer", args, fits)
}

// bothAuths is a value of Hyper-V's RecoveryAuthenticationType.
const bothAuths = "CertificateAndKerberos"

func (h *Host) replicaServer(ctx context.Context, op string) (facts ReplicaFacts, err error) {
	err = h.read(ctx, op, "Get-LifeboatReplicaServer", "", none{}, func(b []byte) (err error) {
		facts, err = decodeReplica(b)
		return err
	})
	return facts, err
}

// setReplicaServer runs a change of the host and believes it only when what the
// host answers then fits.
func (h *Host) setReplicaServer(ctx context.Context, op, function string, args any, fits func(ReplicaFacts) bool) (ReplicaFacts, error) {
	a, err := h.runner.Run(ctx, Call{Function: function, Args: args, Lane: ActLane, Timeout: actTimeout})
	if err != nil {
		return ReplicaFacts{}, refusal(op, h.Name(), "", err)
	}
	if a.Outcome != OutcomeDone {
		return ReplicaFacts{}, unreadable(op, h.Name(), "", true, fmt.Errorf("a change of the host was answered with %q", a.Outcome))
	}
	facts, err := decodeReplica(a.Result)
	if err == nil && !fits(facts) {
		err = errors.New("it was done and is not so")
	}
	if err != nil {
		return ReplicaFacts{}, unreadable(op, h.Name(), "", true, err)
	}
	return facts, nil
}

// entry says whether there is an authorization entry of just this name.
func (f ReplicaFacts) entry(primary string) bool {
	for _, e := range f.Entries {
		if strings.EqualFold(e.Primary, primary) {
			return true
		}
	}
	return false
}

// admits says whether primary may replicate here; trustGroup "" is any.
func (f ReplicaFacts) admits(primary, trustGroup string) bool {
	if f.AnyServer {
		return true
	}
	if trustGroup != "" {
		f.Entries = slices.DeleteFunc(slices.Clone(f.Entries), func(e EntryFacts) bool { return !strings.EqualFold(e.TrustGroup, trustGroup) })
	}
	_, fits := f.EntryFor(primary)
	return fits
}

// EntryFor is the authorization entry under which primary may replicate here, its
// own name before a wildcard. A wildcard stands for the first label alone, or for
// every server; where one would have to stand for several labels it is returned,
// and fits is false.
func (f ReplicaFacts) EntryFor(primary string) (entry string, fits bool) {
	_, domain, _ := strings.Cut(primary, ".")
	fit := []string{primary, "*"}
	if domain != "" {
		fit = []string{primary, "*." + domain, "*"}
	}
	for _, want := range fit {
		for _, e := range f.Entries {
			if strings.EqualFold(e.Primary, want) {
				return e.Primary, true
			}
		}
	}
	for _, e := range f.Entries {
		rest, wild := strings.CutPrefix(strings.ToLower(e.Primary), "*.")
		if wild && strings.HasSuffix(strings.ToLower(domain), "."+rest) {
			return e.Primary, false
		}
	}
	return "", false
}
