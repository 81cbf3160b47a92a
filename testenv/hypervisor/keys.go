package hypervisor

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/testenv/environment"
)

// LocalGuardian is a guardian whose two certificates lie on a host, in the store
// of shielded VMs, with their private keys.
//
// Microsoft: New-HgsGuardian -GenerateCertificates.
type LocalGuardian struct{ Name, Encryption, Signing string }

// KeyFacts is what a host knows of keys and of its encrypted volumes.
type KeyFacts struct {
	// Local are nil where the store was never made.
	Local       []LocalGuardian
	KeyServer   string
	Attestation string
	BitLocker   []environment.BitLocker
}

// attested is what a Host Guardian Service says of a host that it trusts.
//
// Microsoft: "Troubleshooting guarded hosts", AttestationStatus.
const attested = "Passed"

// guardian is what a host, or a key protection server, is as a guardian.
func (f *Farm) guardian(name string) LocalGuardian {
	thumbprint := func(what string) string {
		return fmt.Sprintf("%X", sha256.Sum256(fmt.Appendf(nil, "%d/guardian/%s/%s", f.opts.Seed, what, name)))[:40]
	}
	return LocalGuardian{Name: name, Encryption: thumbprint("encryption"), Signing: thumbprint("signing")}
}

// guardianOf is who can open a VM's key protector: the service of the host where
// it was made, or that host's own guardian.
func (f *Farm) guardianOf(vm *environment.VM) string {
	if home := f.Host(vm.Host); home != nil && home.env.Guardian.KeyServer != "" {
		return home.env.Guardian.KeyServer
	}
	return vm.Host
}

// Keys is what the host knows of keys.
func (h *Host) Keys() KeyFacts {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	g := h.env.Guardian
	k := KeyFacts{KeyServer: g.KeyServer, Attestation: g.Attestation, BitLocker: h.env.BitLocker}
	for _, name := range h.guardians {
		k.Local = append(k.Local, h.farm.guardian(name))
	}
	return k
}

// firstGuardians are those that a host has at the beginning: what was imported,
// and its own when a VM needs one.
func (f *Farm) firstGuardians(h *Host) {
	h.guardians = slices.Clone(h.env.Guardian.Imported)
	for i := range f.env.VMs {
		if vm := &f.env.VMs[i]; vm.VTPM && vm.Host == h.env.Name && f.guardianOf(vm) == vm.Host {
			h.guardians = append(h.guardians, vm.Host)
			return
		}
	}
}

// ImportGuardian brings another host's guardian here, with its keys, as people do
// with two PFX files.
//
// Microsoft: Import-PfxCertificate, Import-HgsGuardian.
func (f *Farm) ImportGuardian(name, from, by string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.Host(name)
	if h == nil || f.Host(from) == nil {
		return false
	}
	if !slices.Contains(h.guardians, from) {
		h.guardians = append(h.guardians, from)
		f.write(name, "", "guardian", "", from, by)
	}
	return true
}

// KeyProtector is that of a VM: who can open it. Nil for a VM that needs none.
//
// Microsoft: Get-VMKeyProtector gives bytes whose form is not documented.
func (h *Host) KeyProtector(vm VM) []byte {
	if !vm.VTPM {
		return nil
	}
	return []byte("guardian:" + vm.Guardian)
}

// Guardians are whom a key protector names; false for bytes that are none.
func (h *Host) Guardians(protector []byte) ([]LocalGuardian, bool) {
	name, ok := strings.CutPrefix(string(protector), "guardian:")
	if !ok {
		return nil, false
	}
	return []LocalGuardian{h.farm.guardian(name)}, true
}

// locked says why a VM's key protector cannot be opened on its host, or "".
//
// Microsoft: "Set-HgsClientConfiguration": in local mode the client keeps the
// keys; "Guarded fabric and shielded VMs overview": the service gives them to
// hosts that pass attestation only.
func (c *copyState) locked() string {
	if !c.env.VTPM {
		return ""
	}
	h, who := c.host, c.host.farm.guardianOf(c.env)
	g := h.env.Guardian
	opens := slices.Contains(h.guardians, who)
	if g.KeyServer != "" {
		opens = g.KeyServer == who && g.Attestation == attested
	}
	if opens {
		return ""
	}
	return "the key protector for the virtual machine could not be unwrapped"
}
