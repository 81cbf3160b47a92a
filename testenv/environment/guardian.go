package environment

import "slices"

// Guardian is where a host finds the keys of virtual TPMs.
//
// Microsoft: HgsClient module, Set-HgsClientConfiguration.
type Guardian struct {
	// Imported are hosts whose local guardians were imported here, with their
	// keys. A host's own is there once a VM with a virtual TPM was made on it.
	Imported []string `yaml:"imported,omitempty"`
	// KeyServer is the key protection server of a host in Host Guardian Service
	// mode; "" is local mode. Attestation is what the service says of the host
	// (default Passed).
	KeyServer   string `yaml:"key_server,omitempty"`
	Attestation string `yaml:"attestation,omitempty"`
}

// BitLocker is an encrypted volume of a host.
//
// Microsoft: BitLocker module, Get-BitLockerVolume.
type BitLocker struct {
	Volume string `yaml:"volume"` // D:
	// System is true for the volume that Windows boots from.
	System     bool     `yaml:"system,omitempty"`
	AutoUnlock bool     `yaml:"auto_unlock,omitempty"`
	Locked     bool     `yaml:"locked,omitempty"`
	Protectors []string `yaml:"protectors,omitempty"` // Tpm, TpmPin, RecoveryPassword, ...
}

func (e *Environment) checkGuardians(bad func(string, ...any)) {
	for _, h := range e.Hosts {
		for _, from := range h.Guardian.Imported {
			if !slices.ContainsFunc(e.Hosts, func(o Host) bool { return o.Name == from && o.Name != h.Name }) {
				bad("host %q: guardian.imported must be another host, is %q", h.Name, from)
			}
		}
		for _, v := range h.BitLocker {
			if v.Volume == "" {
				bad("host %q: a bitlocker volume has no name", h.Name)
			}
		}
	}
}
