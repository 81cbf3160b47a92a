package hyperv

import (
	"errors"
	"fmt"
)

// Keys is what a host says of the keys that VMs with a virtual TPM, and others
// whose state is encrypted, need to start.
//
// Microsoft: Hyper-V module, Get-VMSecurity, Get-VMKeyProtector; HgsClient,
// ConvertTo-HgsKeyProtector, Get-HgsClientConfiguration.
type Keys struct {
	// VMs are those that replicate and need a key, or do not tell.
	VMs []VMKey `json:"vms"`
	// Local are the certificates, by thumbprint, of which the host has the private
	// key among those of local guardians (Cert:\LocalMachine\Shielded VM Local
	// Certificates).
	Local []string `json:"local"`
	// Server is the key protection server, "" for a host in local mode. Guarded is
	// true when the guardian service vouches for the host; Attestation is its word.
	Server      string `json:"server"`
	Guarded     bool   `json:"guarded"`
	Attestation string `json:"attestation"`
	// Problems name the parts that could not be told. A host without a VM that
	// needs a key was not asked for its keys.
	Problems []string `json:"problems"`
}

// VMKey is what a VM needs to start. Guardians are the encryption certificates, by
// thumbprint, of those who can open its key protector; empty when that is not told.
type VMKey struct {
	VM string `json:"vm"`
	// TPM is true for a virtual TPM, Other for a shielded VM, a key storage drive,
	// or encrypted state and migration traffic.
	TPM       bool     `json:"tpm"`
	Other     bool     `json:"other"`
	Guardians []string `json:"guardians"`
	Problems  []string `json:"problems"`
}

// Encrypted is a volume of the host that BitLocker protects; Name is its mount
// point, such as D:. Protectors are words such as Tpm, TpmPin, RecoveryPassword.
//
// Microsoft: BitLocker module, Get-BitLockerVolume, Add-BitLockerKeyProtector.
type Encrypted struct {
	Name string `json:"name"`
	// System is true for the volume that Windows starts from.
	System     bool     `json:"system"`
	Locked     bool     `json:"locked"`
	AutoUnlock bool     `json:"autoUnlock"`
	Protectors []string `json:"protectors"`
}

func (k *Keys) settle() error {
	if k.VMs == nil || k.Local == nil || k.Problems == nil {
		return errors.New("keys: vms, local or problems is not a list")
	}
	seen := map[string]bool{}
	for i := range k.VMs {
		vm := &k.VMs[i]
		id, err := guid(vm.VM)
		if err != nil {
			return fmt.Errorf("keys.vms[%d]: %w", i, err)
		}
		if seen[id] || vm.Guardians == nil || vm.Problems == nil {
			return fmt.Errorf("keys.vms[%d]: %s comes twice, or guardians or problems is not a list", i, id)
		}
		vm.VM, seen[id] = id, true
	}
	return nil
}

func settleEncrypted(all []Encrypted) error {
	for i, v := range all {
		if v.Name == "" || v.Protectors == nil {
			return fmt.Errorf("encrypted[%d]: name is empty, or protectors is not a list", i)
		}
	}
	return nil
}
