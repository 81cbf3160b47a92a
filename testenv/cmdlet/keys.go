package cmdlet

import (
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/environment"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// The stores of the certificate drive that the lab has.
//
// Microsoft: about_Certificate_Provider; "Shielded VM Local Certificates" holds
// the certificates of local guardians.
const (
	myStore       = `Cert:\LocalMachine\My`
	shieldedStore = `Cert:\LocalMachine\Shielded VM Local Certificates`
)

func (k *call) ownCertificate() error {
	i := k.host.Info()
	if i.Certificate == "" {
		return nil
	}
	return k.put(k.certificate(i.Certificate, "CN="+i.FQDN, i.CertificateEnds))
}

// guardianYears is how long the certificates of a local guardian last, as
// Hyper-V makes them.
const guardianYears = 10

// guardianCertificates are two for each local guardian. A store that was never
// made is no path.
func (k *call) guardianCertificates(path string) error {
	local := k.host.Keys().Local
	if local == nil {
		return &powershell.ErrorRecord{
			ID: "PathNotFound," + k.doc.class(k.name), Category: "ObjectNotFound", Message: "Cannot find path '" + path + "' because it does not exist.",
			Type: "System.Management.Automation.ItemNotFoundException", HResult: "0x80131501",
		}
	}
	ends := k.farm.Now().AddDate(guardianYears, 0, 0)
	for _, g := range local {
		for _, c := range []struct{ thumbprint, kind string }{{g.Encryption, "Encryption"}, {g.Signing, "Signing"}} {
			if err := k.put(k.certificate(c.thumbprint, "CN=Shielded VM "+c.kind+" Certificate (UntrustedGuardian) ("+g.Name+")", ends)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (k *call) certificate(thumbprint, subject string, ends time.Time) *powershell.Object {
	const class = "System.Security.Cryptography.X509Certificates.X509Certificate"
	return powershell.NewObject(class+"2", class, "System.Object").
		Set("Thumbprint", thumbprint).Set("Subject", subject).Set("NotAfter", k.clock(ends)).Set("HasPrivateKey", true)
}

// getSecurity is Get-VMSecurity. Its objects do not say whose they are.
func getSecurity(k *call) error {
	return k.readEach(func(vm hypervisor.VM) error { return k.put(k.object("VMSecurity", fields{"TpmEnabled": vm.VTPM})) })
}

// noProtector is what a VM without a key protector has.
var noProtector = []byte{0, 0, 0, 4}

// getKeyProtector is Get-VMKeyProtector: bytes.
func getKeyProtector(k *call) error {
	return k.readEach(func(vm hypervisor.VM) error {
		bytes := k.host.KeyProtector(vm)
		if bytes == nil {
			bytes = noProtector
		}
		for _, b := range bytes {
			if err := k.put(int64(b)); err != nil {
				return err
			}
		}
		return nil
	})
}

// hgs makes an instance of the provider of the guardian service's client.
//
// Microsoft: Host Guardian Service WMI provider.
func hgs(class string) *powershell.Object {
	const root = "Microsoft.Management.Infrastructure.CimInstance"
	return powershell.NewObject(root+"#root/Microsoft/Windows/Hgs/"+class, root, "System.Object")
}

// convertProtector is ConvertTo-HgsKeyProtector.
func convertProtector(k *call) error {
	return k.guarded("", func() error {
		var bytes []byte
		if all, ok := k.bound["Bytes"].([]any); ok {
			for _, b := range all {
				n, _ := b.(int64)
				bytes = append(bytes, byte(n))
			}
		}
		found, ok := k.host.Guardians(bytes)
		if !ok {
			return &powershell.ErrorRecord{
				ID: "HRESULT 0x80070057," + k.name, Category: "InvalidArgument", Message: "The parameter is incorrect.",
				Type: "Microsoft.Management.Infrastructure.CimException", HResult: "0x80131500",
			}
		}
		guardians := anys(found, func(g hypervisor.LocalGuardian) any { return k.guardian(g) })
		return k.put(hgs("MSFT_HgsKeyProtector").Set("Owner", guardians[0]).Set("Guardians", guardians))
	})
}

func (k *call) guardian(g hypervisor.LocalGuardian) *powershell.Object {
	ends := k.farm.Now().AddDate(guardianYears, 0, 0)
	return hgs("MSFT_HgsGuardian").Set("Name", g.Name).Set("HasPrivateSigningKey", false).
		Set("EncryptionCertificate", k.certificate(g.Encryption, "", ends)).Set("SigningCertificate", k.certificate(g.Signing, "", ends))
}

// getGuardianClient is Get-HgsClientConfiguration: a host in local mode has no
// address of a server.
func getGuardianClient(k *call) error {
	return k.guarded("", func() error {
		keys, mode := k.host.Keys(), "Local"
		if keys.KeyServer != "" {
			mode = "HostGuardianService"
		}
		return k.put(hgs("MSFT_HgsClientConfiguration").Set("Mode", mode).Set("KeyProtectionServerUrl", orNull(keys.KeyServer)).
			Set("IsHostGuarded", keys.KeyServer != "" && keys.Attestation == "Passed").Set("AttestationStatus", or(keys.Attestation, "NotConfigured")))
	})
}

// getBitLocker is Get-BitLockerVolume. A host without the feature has no such
// command.
func getBitLocker(k *call) error {
	return k.guarded("", func() error {
		volumes := k.host.Keys().BitLocker
		if volumes == nil {
			return &powershell.ErrorRecord{
				ID: "CommandNotFoundException", Category: "ObjectNotFound", Message: "The term 'Get-BitLockerVolume' is not recognized.",
				Type: "System.Management.Automation.CommandNotFoundException", HResult: "0x80131501",
			}
		}
		for _, v := range volumes {
			if err := k.put(bitLocker(v)); err != nil {
				return err
			}
		}
		return nil
	})
}

func bitLocker(v environment.BitLocker) *powershell.Object {
	word := func(yes bool, a, b string) string {
		if yes {
			return a
		}
		return b
	}
	const space = "Microsoft.BitLocker.Structures."
	return powershell.NewObject(space+"BitLockerVolume", "System.Object").
		Set("MountPoint", v.Volume).Set("VolumeType", word(v.System, "OperatingSystem", "Data")).
		Set("ProtectionStatus", word(v.Locked, "Unknown", "On")).Set("LockStatus", word(v.Locked, "Locked", "Unlocked")).
		Set("AutoUnlockEnabled", v.AutoUnlock).
		Set("KeyProtector", anys(v.Protectors, func(p string) any {
			return powershell.NewObject(space+"BitLockerVolumeKeyProtector", "System.Object").Set("KeyProtectorType", p)
		}))
}
