package cmdlet

import (
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
)

// setReplicaServer is Set-VMReplicationServer.
func setReplicaServer(k *call) error {
	return k.guarded("", func() error {
		err := k.host.SetReplicaServer(k.ctx, k.by, hypervisor.ReplicaSettings{
			Enabled: given(k, "ReplicationEnabled", k.on), AnyServer: given(k, "ReplicationAllowedFromAnyServer", k.on),
			Auth: given(k, "AllowedAuthenticationType", k.text), Thumbprint: given(k, "CertificateThumbprint", k.text),
			Storage: given(k, "DefaultStorageLocation", k.text), KerberosPort: given(k, "KerberosAuthenticationPort", k.number),
			CertificatePort: given(k, "CertificateAuthenticationPort", k.number),
		})
		if err != nil || !k.on("Passthru") {
			return err
		}
		return k.put(k.replicaServer())
	})
}

// given is a parameter's value, nil when it was not given.
func given[T any](k *call, name string, as func(string) T) *T {
	if !k.has(name) {
		return nil
	}
	v := as(name)
	return &v
}

// newEntry is New-VMReplicationAuthorizationEntry; it always gives the entry.
func newEntry(k *call) error {
	return k.guarded("", func() error {
		e := hypervisor.Authorization{Primary: k.text("AllowedPrimaryServer"), Storage: k.text("ReplicaStorageLocation"), TrustGroup: k.text("TrustGroup")}
		if err := k.host.AddEntry(k.ctx, k.by, e); err != nil {
			return err
		}
		return k.put(k.entry(e))
	})
}

// removeEntry is Remove-VMReplicationAuthorizationEntry: by primary server, by
// trust group, or by object.
func removeEntry(k *call) error {
	primaries := properties(k.bound["VMReplicationAuthorizationEntry"], "AllowedPrimaryServer")
	if k.has("AllowedPrimaryServer") {
		primaries = append(primaries, k.text("AllowedPrimaryServer"))
	}
	return k.guarded("", func() error {
		gone, err := k.host.RemoveEntries(k.ctx, k.by, func(e hypervisor.Authorization) bool {
			if k.has("TrustGroup") {
				return strings.EqualFold(e.TrustGroup, k.text("TrustGroup"))
			}
			return slices.ContainsFunc(primaries, func(p string) bool { return strings.EqualFold(p, e.Primary) })
		})
		if err != nil || !k.on("Passthru") {
			return err
		}
		for _, e := range gone {
			if err := k.put(k.entry(e)); err != nil {
				return err
			}
		}
		return nil
	})
}
