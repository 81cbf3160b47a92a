package plans

import (
	"fmt"
	"slices"
	"strings"
)

// KeysView is what a host says of the keys that VMs with a virtual TPM, and others
// whose state is encrypted, need to start.
type KeysView struct {
	// VMs are those on it that need a key, or do not tell, by id.
	VMs map[string]VMKeyView
	// Local are the certificates of local guardians of which it has the private
	// key, by thumbprint.
	Local []string
	// Server is the key protection server, "" in local mode; Guarded is true when
	// the guardian service vouches for the host, Attestation its word.
	Server      string
	Guarded     bool
	Attestation string
	// Problem is why its keys are not known, "" when they are. A host none of whose
	// VMs needs one was not asked.
	Problem string
}

// VMKeyView is what a VM needs to start.
type VMKeyView struct {
	// TPM is true for a virtual TPM, Other for anything else that needs a key: a
	// shielded VM, a key storage drive, encrypted state.
	TPM, Other bool
	// Guardians can open its key protector: thumbprints of their certificates,
	// none when that is not told.
	Guardians []string
	// Problem is what kept it from being told, "" for nothing.
	Problem string
}

func (v VMKeyView) needed() bool { return v.TPM || v.Other }

func (k *KeysView) asked() bool {
	for _, v := range k.VMs {
		if v.needed() {
			return true
		}
	}
	return false
}

// keyState is what is known of a VM's key at a host.
type keyState int

const (
	keyless    keyState = iota // it needs none
	keyThere                   // the host can open it
	keyMissing                 // the host cannot
	keyUnknown                 // that cannot be told
)

// keyAt says whether the target has what a VM needs to start, and why not, or why
// that is not known. source may be nil: what its host said before is enough.
//
// Microsoft: Set-HgsClientConfiguration: in local mode the host keeps the keys
// itself, in Host Guardian Service mode the service gives them to hosts that pass
// attestation. Grant-HgsKeyProtectorAccess: each guardian of a key protector can
// open it.
func keyAt(vm, at string, source, target *KeysView) (keyState, VMKeyView, string) {
	key := keyOf(vm, source, target)
	switch {
	case !key.needed() && key.Problem != "":
		return keyUnknown, key, "a read failed: " + key.Problem
	case !key.needed():
		return keyless, key, ""
	case target == nil:
		return keyUnknown, key, at + " has not told its keys"
	case target.Problem != "":
		return keyUnknown, key, "a read failed at " + at + ": " + target.Problem
	case !target.asked():
		return keyUnknown, key, at + " does not show that the replica needs one"
	case target.Server != "":
		state, why := keyFromService(at, source, target)
		return state, key, why
	}
	state, why := keyFromStore(key, at, source, target)
	return state, key, why
}

// keyOf is what either side says of a VM; the one that knows more counts.
func keyOf(vm string, sides ...*KeysView) VMKeyView {
	var key VMKeyView
	for _, k := range sides {
		if k == nil {
			continue
		}
		v := k.VMs[vm]
		key.TPM, key.Other = key.TPM || v.TPM, key.Other || v.Other
		if len(key.Guardians) == 0 {
			key.Guardians = v.Guardians
		}
		if key.Problem == "" {
			key.Problem = v.Problem
		}
	}
	return key
}

func keyFromService(at string, source, target *KeysView) (keyState, string) {
	switch {
	case !target.Guarded:
		return keyMissing, "the guardian service does not vouch for that host (" + orWord(target.Attestation, "no word") + ")"
	case source != nil && strings.EqualFold(source.Server, target.Server):
		return keyThere, ""
	}
	return keyUnknown, at + " gets keys from " + target.Server + ", and whether that service has this one no host tells"
}

func keyFromStore(key VMKeyView, at string, source, target *KeysView) (keyState, string) {
	has := func(thumbprint string) bool {
		return slices.ContainsFunc(target.Local, func(t string) bool { return strings.EqualFold(t, thumbprint) })
	}
	switch {
	case len(target.Local) == 0:
		return keyMissing, "that host has no guardian's key at all"
	case slices.ContainsFunc(key.Guardians, has):
		return keyThere, ""
	case len(key.Guardians) > 0:
		return keyMissing, "that host has the keys of other guardians only"
	case source == nil || source.Problem != "" || source.Server != "" || len(source.Local) == 0:
		return keyUnknown, "whose key it is is not told"
	case !slices.ContainsFunc(source.Local, func(t string) bool { return !has(t) }):
		return keyThere, "" // whichever of them it is
	}
	return keyUnknown, "whose key it is is not told, and " + at + " has not all that the other host has"
}

// keyWords is what the key belongs to.
func keyWords(v VMKeyView) string {
	if v.TPM {
		return "its virtual TPM's key"
	}
	return "the key to its encrypted state"
}

const shieldedStore = `Cert:\LocalMachine\Shielded VM Local Certificates`

// keyFinding says what a VM's key means for its start at the target; ok is false
// when there is nothing to say.
func keyFinding(vm RunVM, source, target *KeysView) (f Finding, ok bool) {
	state, key, why := keyAt(vm.ID, vm.TargetHost, source, target)
	f = Finding{VM: vm.Label, Host: vm.TargetHost}
	switch state {
	case keyless, keyThere:
		return f, false
	case keyMissing:
		f.Severity, f.Code = Blocker, "key-missing"
		f.Text = fmt.Sprintf("%s is not at %s: %s", keyWords(key), vm.TargetHost, why)
		f.Means = "it will not start at " + vm.TargetHost
		f.Remedy = fmt.Sprintf("export the guardian's two certificates with their private keys at %s (%s) and import them into the same store at %s", vm.SourceHost, shieldedStore, vm.TargetHost)
		if target.Server != "" {
			f.Remedy = "Get-HgsTrace -RunDiagnostics on " + vm.TargetHost + ", until Get-HgsClientConfiguration says IsHostGuarded"
		}
	case keyUnknown:
		f.Severity, f.Code = Warning, "key-not-checked"
		f.Text = fmt.Sprintf("NOT CHECKED whether %s is at %s: %s", keyWords(key), vm.TargetHost, why)
		f.Means = "if it is not there, the VM will not start there"
		f.Remedy = "a test failover starts a copy of it there, and shows it"
		if !key.needed() {
			f.Text = "NOT CHECKED whether it needs a key to start: " + why
			f.Remedy = "Get-VMSecurity on " + vm.SourceHost
		}
	}
	return f, true
}

// key looks at what a VM with a virtual TPM needs to start at the target. A host's
// keys do not change with a line that is cut, so what it said last counts.
func (r *ready) key(vm RunVM) {
	view := func(host string) *KeysView {
		if s, ok := r.store(host); ok {
			return s.Keys
		}
		return nil
	}
	source, target := view(vm.SourceHost), view(vm.TargetHost)
	if f, ok := keyFinding(vm, source, target); ok {
		r.add(f)
	}
	if keyOf(vm.ID, source, target).TPM && r.look.Known.Notes[vm.ID] == "" {
		r.add(Finding{Severity: Info, Code: "guest-not-checked", VM: vm.Label,
			Text: "NOT CHECKED whether its guest asks for a BitLocker key or PIN when it starts: no host tells. If it does, write so in the VM's note: in the configuration"})
	}
}

// notes are what people wrote about guests that ask for something.
func (r *ready) notes() {
	var said []string
	for _, vm := range r.in.VMs() {
		if note := r.look.Known.Notes[vm.ID]; strings.Contains(strings.ToLower(note), "bitlocker") {
			said = append(said, vm.Label+": "+note)
		}
	}
	if len(said) > 0 {
		r.add(Finding{Severity: Info, Code: "guest-asks", Text: "notes about BitLocker: " + strings.Join(said, "; ")})
	}
}

// EncryptedView is a volume of a host that BitLocker protects.
type EncryptedView struct {
	Name string
	// System is true for the volume that Windows starts from.
	System     bool
	Locked     bool
	AutoUnlock bool
	Protectors []string
}

// quiet are the protectors of a system volume that ask nobody.
//
// Microsoft: Add-BitLockerKeyProtector; "BitLocker: network unlock".
var quiet = []string{"Tpm", "TpmNetworkKey"}

// encrypted looks at what BitLocker would ask for at a target after a power cut.
func (r *ready) encrypted(host string) {
	s, ok := r.store(host)
	if !ok || !r.isTarget(host) {
		return
	}
	for _, v := range s.Encrypted {
		f := Finding{Severity: Warning, Host: host}
		switch {
		case v.System && len(v.Protectors) > 0 && !slices.ContainsFunc(quiet, func(p string) bool { return slices.Contains(v.Protectors, p) }):
			f.Code, f.Text = "host-asks", fmt.Sprintf("BitLocker asks for a PIN or a key when it starts (%s)", strings.Join(v.Protectors, ", "))
			f.Means = "after a power cut it stays down until somebody is at its console"
			f.Remedy = "know who has the PIN and how that console is reached; or a protector that asks nobody (TPM, network unlock)"
		case v.System || !r.holdsReplicas(s, v.Name):
			continue
		case v.Locked:
			f.Severity, f.Code, f.Text = Blocker, "volume-locked", fmt.Sprintf("BitLocker has locked the volume of its replicas (%s)", v.Name)
			f.Means, f.Remedy = "nothing arrives there, and nothing there starts", "Unlock-BitLocker on the host, then Enable-BitLockerAutoUnlock"
		case !v.AutoUnlock:
			f.Code, f.Text = "volume-asks", fmt.Sprintf("the volume of its replicas (%s) is encrypted and does not unlock by itself", v.Name)
			f.Means, f.Remedy = "after a power cut nothing there starts until somebody gives its key", "Enable-BitLockerAutoUnlock on the host; keep the recovery key where it is reached on the day"
		default:
			continue
		}
		r.add(f)
	}
}

// holdsReplicas is true for a volume, by its mount point without the last
// backslash, in which a host keeps replicas.
func (r *ready) holdsReplicas(s StoreView, volume string) bool {
	folders := s.Storages
	if at := r.look.Known.Storages[s.Host]; at != "" {
		folders = []string{at}
	}
	under := strings.ToLower(strings.TrimSuffix(volume, `\`) + `\`)
	return slices.ContainsFunc(folders, func(at string) bool { return strings.HasPrefix(strings.ToLower(at)+`\`, under) })
}
