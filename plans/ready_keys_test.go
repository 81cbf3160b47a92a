package plans

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func keyed(local ...string) *KeysView {
	return &KeysView{VMs: map[string]VMKeyView{"fs": {TPM: true, Guardians: []string{"A1"}}}, Local: local}
}

// What is said of a VM's key is known, or said to be not checked.
func TestWhereAKeyIs(t *testing.T) {
	untold := func(k *KeysView) *KeysView {
		k.VMs["fs"] = VMKeyView{TPM: true, Problem: "Get-VMKeyProtector: x"}
		return k
	}
	service := func(url string, guarded bool) *KeysView {
		return &KeysView{VMs: keyed().VMs, Server: url, Guarded: guarded, Attestation: "Expired"}
	}
	none := &KeysView{VMs: map[string]VMKeyView{}}
	for name, row := range map[string]struct {
		source, target *KeysView
		want           keyState
	}{
		"nobody says that it needs one":          {none, none, keyless},
		"nothing was read":                       {nil, nil, keyless},
		"its guardian is there":                  {keyed("A1", "A2"), keyed("b1", "a1"), keyThere},
		"the source is dark, its guardian there": {nil, keyed("A1"), keyThere},
		"no guardian at all":                     {keyed("A1", "A2"), keyed(), keyMissing},
		"the source is dark, no guardian at all": {nil, keyed(), keyMissing},
		"another guardian":                       {keyed("A1"), keyed("B1", "B2"), keyMissing},
		"the target does not tell":               {keyed("A1"), nil, keyUnknown},
		"the target cannot tell":                 {keyed("A1"), &KeysView{VMs: keyed().VMs, Problem: "x"}, keyUnknown},
		"the target does not show it":            {keyed("A1"), none, keyUnknown},
		"its guardian is not told, all copied":   {untold(keyed("A1", "A2")), untold(keyed("A2", "A1", "B1")), keyThere},
		"its guardian is not told, some copied":  {untold(keyed("A1", "A2")), untold(keyed("A1", "B1")), keyUnknown},
		"its guardian is not told, none there":   {untold(keyed("A1")), untold(keyed()), keyMissing},
		"its guardian is not told, source dark":  {nil, untold(keyed("B1")), keyUnknown},
		"its guardian is not told, of a service": {untold(service("https://a", true)), untold(keyed("B1")), keyUnknown},
		"the same service, which vouches":        {service("https://A", true), service("https://a", true), keyThere},
		"the same service, which does not":       {service("https://a", true), service("https://a", false), keyMissing},
		"another service":                        {service("https://a", true), service("https://b", true), keyUnknown},
		"what it needs is not told":              {&KeysView{VMs: map[string]VMKeyView{"fs": {Problem: "Get-VMSecurity: x"}}}, none, keyUnknown},
		"one side does not tell, the other does": {&KeysView{VMs: map[string]VMKeyView{"fs": {Problem: "Get-VMSecurity: x"}}}, keyed("A1"), keyThere},
	} {
		got, _, why := keyAt("fs", "NG-HV02", row.source, row.target)
		if got != row.want || (why == "") != (got == keyless || got == keyThere) {
			t.Errorf("%s: %d (%q), want %d", name, got, why, row.want)
		}
	}
}

// keySpoils go with spoils: keys, encrypted volumes, logs, the engine.
var keySpoils = []spoilt{
	{"key-missing", ReadyNo, func(l *ReadyLook) { l.Stores[0].Keys, l.Stores[1].Keys = keyed("A1", "A2"), keyed() }},
	{"key-missing", ReadyNo, func(l *ReadyLook) {
		l.Stores[1].Keys = &KeysView{VMs: keyed().VMs, Server: "https://hgs", Attestation: "Expired"}
	}},
	{"key-not-checked", ReadyYes, func(l *ReadyLook) { l.Stores[0].Keys = keyed("A1") }},
	{"guest-not-checked", ReadyYes, func(l *ReadyLook) { l.Stores[1].Keys = keyed("A1") }},
	{"guest-asks", ReadyYes, func(l *ReadyLook) { l.Known.Notes = map[string]string{"fs": "BitLocker password in the safe"} }},
	{"volume-locked", ReadyNo, func(l *ReadyLook) { l.Stores[1].Encrypted = []EncryptedView{{Name: "D:", Locked: true}} }},
	{"volume-asks", ReadyYes, func(l *ReadyLook) { l.Stores[1].Encrypted = []EncryptedView{{Name: `d:\`}} }},
	{"host-asks", ReadyYes, func(l *ReadyLook) {
		l.Stores[1].Encrypted = []EncryptedView{{Name: "C:", System: true, Protectors: []string{"TpmPin", "RecoveryPassword"}}}
	}},
	{"stale-stores", ReadyYes, func(l *ReadyLook) { l.Stores[0].At, l.Stores[0].Failing = noon.Add(-20*time.Minute), "refused" }},
	{"logs-not-applied", ReadyYes, func(l *ReadyLook) { l.Pairs[0].Target.LastApplied = noon.Add(-time.Hour) }},
	{"extended-leg", ReadyYes, func(l *ReadyLook) { // of nobody's configuration
		l.Pairs[0].Target.Extended, l.Pairs[0].Target.ExtendedSec, l.Pairs[0].Target.ExtendedLast = "Replicating", 900, noon.Add(-6*time.Hour)
	}},
	{"extended-leg", ReadyYes, func(l *ReadyLook) { l.Pairs[0].Target.Extended = "Replicating" }},
	{"failover-address", ReadyYes, func(l *ReadyLook) {
		l.Run.Steps[0].VMs[0].NICs = []WantedNIC{{Switch: "LAN", IP: "10.20.10.10", Inject: true}}
		l.Views[1].Switches, l.Pairs[0].Target.Adapters = []SwitchView{{Name: "LAN"}}, []Adapter{{Name: "net", FailoverIP: "10.20.10.9"}}
	}},
	{engineHealth, ReadyNo, func(l *ReadyLook) {
		l.Engine = []Problem{{Key: "disk", What: "full", Means: "x", Do: "y", Urgent: true}}
	}},
	{engineHealth, ReadyYes, func(l *ReadyLook) { l.Engine = []Problem{{Key: "configuration", What: "bad", Means: "x", Do: "y"}} }},
}

// What asks nobody, or has nothing to do with the replicas, is not said.
func TestWhatAsksNobodyIsNotSaid(t *testing.T) {
	l := healthy()
	l.Stores[0].Encrypted = []EncryptedView{{Name: "D:", Locked: true}} // not the target's
	l.Stores[1].Encrypted = []EncryptedView{
		{Name: "C:", System: true, Protectors: []string{"Tpm", "RecoveryPassword"}}, {Name: "D:", AutoUnlock: true}, {Name: "E:"}, {Name: `D:\Rep`},
	}
	l.Pairs[0].Target.LastApplied = noon.Add(-9 * time.Minute)
	l.Pairs[1].Target.Extended, l.Pairs[1].Target.ExtendedSec, l.Pairs[1].Target.ExtendedLast = "Replicating", 900, noon.Add(-40*time.Minute)
	l.Known.Notes = map[string]string{"fs": "a word"}
	l.Stores[0].At, l.Stores[0].Failing = noon.Add(-6*time.Minute), "refused" // it is tried again
	if r := Ready(l); len(r.Findings) != 0 || r.Verdict != ReadyYes {
		t.Errorf("%+v", r.Findings)
	}
	if vm := Ready(l).VMs[0]; vm.Unapplied != Duration(8*time.Minute) {
		t.Errorf("unapplied %s", vm.Unapplied)
	}
}

// The day itself: the source is dark, and what its host said before still counts.
func TestAMissingKeyIsSaidWhileTheSourceIsDark(t *testing.T) {
	l := healthy()
	l.Stores[0].Keys, l.Stores[1].Keys = keyed("A1", "A2"), keyed("B1", "B2")
	l.Views[0] = HostView{Name: "NG-HV01", Error: "no route"}
	r := Ready(l)
	i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Code == "key-missing" })
	if i < 0 || r.Findings[i].Severity != Blocker || r.Findings[i].Means != "it will not start at NG-HV02" || !strings.Contains(r.Findings[i].Remedy, "at NG-HV01") {
		t.Errorf("%+v", r.Findings)
	}
}

// A planned failover of a VM that would not start is refused before it is shut
// down; one of a lost site takes the others.
func TestARunLooksForKeys(t *testing.T) {
	for operation, want := range map[Operation]Severity{PlannedFailover: Blocker, TestFailover: Blocker, UnplannedFailover: Warning} {
		in, hosts := northgate()
		in.Operation = operation
		in.Statement = &Statement{Text: "gone"}
		in = Shed(in, hosts, pairsFor(in))
		hosts[0].Keys, hosts[1].Keys = keyed("A1"), keyed()
		pairs := pairsFor(in)
		if operation == UnplannedFailover {
			for i := range pairs {
				pairs[i].Source = Copy{Host: "NG-HV01"}
			}
		}
		found := Readiness(in, hosts, pairs, noon)
		i := slices.IndexFunc(found, func(f Finding) bool { return f.Code == "key-missing" })
		if i < 0 || found[i].Severity != want {
			t.Errorf("%s: %+v", operation, found)
		}
	}
}
