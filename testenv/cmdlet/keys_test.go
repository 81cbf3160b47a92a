package cmdlet_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/testenv/environment"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
)

// guarded is the world in which the DB and APP1 have virtual TPMs and HV-B's
// volumes are encrypted.
func guarded(t *testing.T, change func(*environment.Environment)) *world {
	t.Helper()
	return changedWorld(t, func(env *environment.Environment) {
		env.VMs[0].VTPM, env.VMs[1].VTPM = true, true
		env.Hosts[1].BitLocker = []environment.BitLocker{
			{Volume: "C:", System: true, AutoUnlock: false, Protectors: []string{"TpmPin", "RecoveryPassword"}},
			{Volume: "D:", Protectors: []string{"ExternalKey", "RecoveryPassword"}},
		}
		if change != nil {
			change(env)
		}
	})
}

func keysOf(w *world, host string) (keys map[string]any, vms map[string]map[string]any) {
	keys, vms = w.must(host, "Get-LifeboatStores", nil)["keys"].(map[string]any), map[string]map[string]any{}
	for _, v := range keys["vms"].([]any) {
		vms[str(v.(map[string]any)["vm"])] = v.(map[string]any)
	}
	return keys, vms
}

// A VM with a virtual TPM names its guardian on both sides; only the side that has
// the guardian's key starts it.
func TestKeys(t *testing.T) {
	w := guarded(t, nil)
	source, there := keysOf(w, hostA)
	target, here := keysOf(w, hostB)
	if len(there) != 2 || len(here) != 2 || there[idDB]["tpm"] != true || here[idDB]["other"] != false {
		t.Fatalf("VMs: %v, %v", there, here)
	}
	guardian := here[idDB]["guardians"].([]any)[0]
	if local := source["local"].([]any); len(local) != 2 || !slices.Contains(local, guardian) {
		t.Errorf("the source has %v, not %v", local, guardian)
	}
	if problems := target["problems"].([]any); len(target["local"].([]any)) != 0 || len(problems) != 1 || !strings.HasPrefix(str(problems[0]), "Get-ChildItem: PathNotFound,") {
		t.Errorf("the target has %v, %v", target["local"], problems)
	}
	if target["server"] != "" || target["guarded"] != false {
		t.Errorf("local mode: %v", target)
	}

	w.must(hostA, "Stop-LifeboatPower", vm(idDB))
	w.must(hostA, "Start-LifeboatPrepare", vm(idDB))
	w.must(hostB, "Start-LifeboatFailover", vm(idDB))
	if _, rec := w.call(hostB, "Start-LifeboatCopy", vm(idDB)); rec == nil || !strings.Contains(rec.Message, "key protector") || !strings.HasPrefix(rec.ID, "OperationFailed,") {
		t.Fatalf("it starts without its key: %v", rec)
	}
	if !w.farm.ImportGuardian(hostB, hostA, "test") {
		t.Fatal("nothing is imported")
	}
	w.must(hostB, "Start-LifeboatCopy", vm(idDB))
	if target, _ = keysOf(w, hostB); !slices.Contains(target["local"].([]any), guardian) || len(target["problems"].([]any)) != 0 {
		t.Errorf("imported, the target has %v", target)
	}
}

// A host that a Host Guardian Service does not vouch for gets no key from it.
func TestKeysOfAService(t *testing.T) {
	const service = "https://hgs.example/KeyProtection"
	w := guarded(t, func(env *environment.Environment) {
		env.Hosts[0].Guardian = environment.Guardian{KeyServer: service, Attestation: "Passed"}
		env.Hosts[1].Guardian = environment.Guardian{KeyServer: service, Attestation: "InsecureHostConfiguration"}
	})
	source, _ := keysOf(w, hostA)
	target, _ := keysOf(w, hostB)
	if source["server"] != service || source["guarded"] != true || target["guarded"] != false || target["attestation"] != "InsecureHostConfiguration" {
		t.Errorf("%v, %v", source, target)
	}
	w.must(hostA, "Stop-LifeboatPower", vm(idDB))
	w.must(hostA, "Start-LifeboatCopy", vm(idDB))
	w.must(hostA, "Stop-LifeboatPower", vm(idDB))
	w.must(hostA, "Start-LifeboatPrepare", vm(idDB))
	w.must(hostB, "Start-LifeboatFailover", vm(idDB))
	if _, rec := w.call(hostB, "Start-LifeboatCopy", vm(idDB)); rec == nil {
		t.Error("a host that did not pass gets the key")
	}
}

func TestEncryptedVolumes(t *testing.T) {
	w := guarded(t, nil)
	all := w.must(hostB, "Get-LifeboatStores", nil)["encrypted"].([]any)
	if len(all) != 2 {
		t.Fatalf("%v", all)
	}
	system, data := all[0].(map[string]any), all[1].(map[string]any)
	if system["name"] != "C:" || system["system"] != true || system["protectors"].([]any)[0] != "TpmPin" {
		t.Errorf("%v", system)
	}
	if data["system"] != false || data["locked"] != false || data["autoUnlock"] != false {
		t.Errorf("%v", data)
	}
}

// A VM about which Get-VMSecurity fails does not hide the others.
func TestKeysAreToldVMByVM(t *testing.T) {
	w := guarded(t, nil)
	if _, err := w.farm.AddFault(hypervisor.Fault{Host: hostA, Verb: "Get-VMSecurity", VM: idAPP2, Kind: "refuse"}); err != nil {
		t.Fatal(err)
	}
	_, vms := keysOf(w, hostA)
	if len(vms) != 3 || len(vms[idAPP2]["problems"].([]any)) != 1 || vms[idDB]["tpm"] != true {
		t.Errorf("%v", vms)
	}
}

// Both engines agree about keys and encrypted volumes.
func TestRefereeAgreesAboutKeys(t *testing.T) {
	engine := referee(t)
	agrees(guarded(t, nil), engine, library(t), []step{{hostA, "Get-LifeboatStores", nil}, {hostB, "Get-LifeboatStores", nil}, {hostB, "Start-LifeboatCopy", vm(idDB)}})
}
