package hypervisor

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// ReplicaSettings is how Set-VMReplicationServer was called; nil keeps.
type ReplicaSettings struct {
	Enabled, AnyServer            *bool
	Auth, Thumbprint, Storage     *string
	KerberosPort, CertificatePort *int
}

// SetReplicaServer sets up a host to receive.
//
// Microsoft: Set-VMReplicationServer.
func (h *Host) SetReplicaServer(_ context.Context, by Caller, want ReplicaSettings) error {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	if !h.up {
		return refuse("OperationFailed", "NotSpecified", "the host is down")
	}
	r := h.replica
	put(want.Enabled, &r.Enabled)
	put(want.AnyServer, &r.AnyServer)
	put(want.Auth, &r.Auth)
	put(want.Thumbprint, &r.Thumbprint)
	put(want.Storage, &r.Storage)
	put(want.KerberosPort, &r.KerberosPort)
	put(want.CertificatePort, &r.CertificatePort)
	switch {
	case want.Thumbprint != nil && !strings.EqualFold(r.Thumbprint, h.certificate):
		return refuse("InvalidParameter", "InvalidArgument", "The certificate was not found on this server.")
	case r.Enabled && takes(r, "Certificate") && r.Thumbprint == "":
		return refuse("InvalidParameter", "InvalidArgument", "CertificateThumbprint is required for certificate-based authentication.")
	case r.AnyServer && r.Storage == "":
		return refuse("InvalidParameter", "InvalidArgument", "DefaultStorageLocation is required when replication is allowed from any server.")
	}
	h.authorized(fmt.Sprint(h.replica.facts()), fmt.Sprint(r.facts()), by)
	h.replica = r
	return nil
}

func put[T any](from *T, to *T) {
	if from != nil {
		*to = *from
	}
}

// takes tells whether a replica server takes a kind of authentication.
func takes(r ReplicaServer, auth string) bool { return strings.Contains(r.Auth, auth) }

// facts are what the ledger says of a replica server.
func (r ReplicaServer) facts() string {
	return fmt.Sprintf("enabled=%t auth=%s any=%t storage=%s ports=%d,%d thumbprint=%s", r.Enabled, r.Auth, r.AnyServer, r.Storage, r.KerberosPort, r.CertificatePort, r.Thumbprint)
}

func (h *Host) authorized(from, to string, by Caller) {
	if from != to {
		h.farm.write(h.env.Name, "", "authorization", from, to, by.By)
	}
}

// AddEntry lets a primary server, or those of a pattern, replicate to this host.
//
// Microsoft: New-VMReplicationAuthorizationEntry; a wildcard stands only in the
// first label.
func (h *Host) AddEntry(_ context.Context, by Caller, e Authorization) error {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	if !h.up {
		return refuse("OperationFailed", "NotSpecified", "the host is down")
	}
	_, rest, _ := strings.Cut(e.Primary, ".")
	_, isAddress := netip.ParseAddr(e.Primary)
	switch {
	case h.replica.AnyServer:
		return refuse("InvalidOperation", "InvalidOperation", "The Replica server allows replication from any server: authorization entries cannot be added.")
	case e.Primary == "" || strings.Contains(rest, "*") || isAddress == nil:
		return refuse("InvalidParameter", "InvalidArgument", fmt.Sprintf("'%s' is no name of a primary server.", e.Primary))
	case e.Storage == "" || e.TrustGroup == "":
		return refuse("InvalidParameter", "InvalidArgument", "ReplicaStorageLocation and TrustGroup must be given.")
	case h.entry(e.Primary) != nil:
		return refuse("OperationFailed", "ResourceExists", fmt.Sprintf("An authorization entry for '%s' already exists.", e.Primary))
	}
	h.replica.Entries = append(slices.Clone(h.replica.Entries), e)
	h.authorized("", e.Primary, by)
	return nil
}

// RemoveEntries takes away the entries that fit; none is an error.
//
// Microsoft: Remove-VMReplicationAuthorizationEntry.
func (h *Host) RemoveEntries(_ context.Context, by Caller, fits func(Authorization) bool) ([]Authorization, error) {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	if !h.up {
		return nil, refuse("OperationFailed", "NotSpecified", "the host is down")
	}
	var gone, left []Authorization
	for _, e := range h.replica.Entries {
		if !fits(e) {
			left = append(left, e)
			continue
		}
		gone = append(gone, e)
		h.authorized(e.Primary, "", by)
	}
	if len(gone) == 0 {
		return nil, refuse("ObjectNotFound", "ObjectNotFound", "Hyper-V was unable to find such an authorization entry.")
	}
	h.replica.Entries = left
	return gone, nil
}

// entry is the entry of exactly this name.
func (h *Host) entry(primary string) *Authorization {
	for i := range h.replica.Entries {
		if strings.EqualFold(h.replica.Entries[i].Primary, primary) {
			return &h.replica.Entries[i]
		}
	}
	return nil
}

// storageFor is where replicas of a primary server are kept.
func (h *Host) storageFor(fqdn string) string {
	if !h.replica.AnyServer {
		for _, e := range h.replica.Entries {
			if allowedBy([]Authorization{e}, fqdn) {
				return e.Storage
			}
		}
	}
	return h.replica.Storage
}
