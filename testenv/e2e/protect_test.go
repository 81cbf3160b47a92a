package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// unprotected are the groups that a person writes for testdata/unprotected.yaml.
const unprotected = `groups:
  - name: servers
    from: HV-A
    to: HV-B
    frequency: 30s
    recovery_points: 2
    app_consistent: 1h
    authentication: certificate
    vms:
      - {name: DB, id: 11111111-0000-4000-8000-000000000001, memory: 4GB, nics: [{network: lan, ip: 10.1.0.20}]}
      - {name: APP, id: 11111111-0000-4000-8000-000000000002, memory: 2GB, nics: [{network: lan, ip: 10.1.0.30}]}
  - name: carried
    from: HV-A
    to: HV-B
    frequency: 15m
    authentication: certificate
    extends: {to: HV-C, frequency: 15m}
    vms: [{name: BIG, id: 11111111-0000-4000-8000-000000000003, memory: 2GB, nics: [{network: lan, ip: 10.1.0.40}]}]
  - name: restored
    from: HV-A
    to: HV-B
    frequency: 5m
    authentication: certificate
    vms: [{name: OLD, id: 11111111-0000-4000-8000-000000000004, memory: 2GB, nics: [{network: lan, ip: 10.1.0.50}]}]
plans:
  - name: all
    from: a
    to: b
    purpose: tests
    steps: [{stage: all, vms: [{vm: DB}, {vm: APP}, {vm: BIG}]}]
`

func newUnprotected(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, "testdata/unprotected.yaml", 60)
	w.write("groups.yaml", unprotected)
	return w
}

// write adds a file to the lab's configuration.
func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.site(), name), []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// is holds a copy against mode and state, "" for a copy that must not be there.
func (w *world) is(vm, host, mode, state string) {
	w.t.Helper()
	for _, c := range w.state().Copies {
		if c.Name == vm && c.Host == host {
			if c.Mode != mode || c.State != state {
				w.t.Errorf("%s at %s is %s, %s, want %s, %s", vm, host, c.Mode, c.State, mode, state)
			}
			return
		}
	}
	if mode != "" {
		w.t.Errorf("%s is not at %s", vm, host)
	}
}

// times is how often a cmdlet was done for a VM at a host.
func (w *world) times(cmdlet, host, vm string) (n int) {
	for _, e := range w.named(w.ledger()) {
		if e.Done() && e.From == cmdlet && e.Host == host && (vm == "" || e.VM == vm) {
			n++
		}
	}
	return n
}

// judged: never two running copies, and none of these cmdlets twice for a VM.
func (w *world) judged(vms ...string) {
	w.t.Helper()
	for _, v := range w.state().Violations {
		w.t.Errorf("I1: %s", v)
	}
	for _, vm := range vms {
		for _, d := range []doneAt{
			{"Enable-VMReplication", "HV-A"}, {"Start-VMInitialReplication", "HV-A"}, {"Import-VMInitialReplication", "HV-B"},
			{"Enable-VMReplication", "HV-B"}, {"Start-VMInitialReplication", "HV-B"},
			{"Remove-VMReplication", "HV-A"}, {"Remove-VMReplication", "HV-C"},
		} {
			if n := w.times(d.cmdlet, d.host, vm); n > 1 {
				w.t.Errorf("I8: %s was done %d times for %s", d, n, vm)
			}
		}
	}
}

// Over the network: looked at, authorised, enabled, sent, protected; until then
// every word says that it is not. The same command again changes nothing.
func TestProtectOverTheNetwork(t *testing.T) {
	w := newUnprotected(t)
	r := w.must(0, "protect", "servers", "--dry-run", "--native")
	for _, words := range []string{"it will be told to take replication from hv-a.unprotected.example", "Enable-VMReplication", "Start-VMInitialReplication", "nothing was changed"} {
		if !r.says(words) {
			t.Errorf("the dry run does not say %q:\n%s", words, r.out)
		}
	}
	w.nothingChanged()
	w.up()
	w.must(0, "protect", "servers", "--yes", "--detach", "--at", "+30m")
	w.until("the first copies are put off", func() error {
		if w.times("Start-VMInitialReplication", "HV-A", "") < 2 {
			return errNotYet
		}
		return nil
	})
	for _, vm := range []string{"DB", "APP"} {
		w.is(vm, "HV-A", "Primary", "ReadyForInitialReplication")
	}
	w.until("people are told", func() error {
		if r := w.must(0, "run", "show", "protection-servers"); !r.says("NOT PROTECTED YET: the first copy begins") {
			return errNotYet
		}
		return nil
	})
	w.statusUntil(1, "NOT protected")
	if s := w.awaitEnd("protection-servers"); s.Verdict != "done" {
		t.Errorf("it ended %s: %+v", s.Verdict, s.VMs)
	}
	for _, vm := range []string{"DB", "APP"} {
		w.is(vm, "HV-A", "Primary", "Replicating")
		w.is(vm, "HV-B", "Replica", "Replicating")
	}
	before := len(w.requests())
	w.must(0, "protect", "servers", "--yes")
	if after := len(w.requests()); after != before {
		t.Errorf("the same command again did %d things", after-before)
	}
	w.judged("DB", "APP")
	w.must(0, "journal", "verify")
}

func (w *world) requests() []entry {
	return slices.DeleteFunc(w.ledger(), func(e entry) bool { return !e.Requested() })
}

// On a disk that people carry, and on to a third site; a replica server that is
// off is named and never turned on in passing.
func TestProtectByMediaAndExtend(t *testing.T) {
	w := newUnprotected(t)
	w.up()
	if r := w.must(4, "protect", "carried", "--yes", "--seed", "media", "--export", `D:\seed`); !strings.Contains(r.out, "--turn-on-replica-server") {
		t.Errorf("the remedy is not named:\n%s", r.out)
	}
	w.nothingChanged()
	w.must(2, "protect", "carried", "--yes", "--seed", "media")
	r := w.must(0, "protect", "carried", "--yes", "--export", `D:\seed`, "--turn-on-replica-server")
	if !r.says("NOT PROTECTED YET") {
		t.Errorf("it does not say that it is not protected:\n%s", r.out)
	}
	w.is("BIG", "HV-A", "Primary", "Replicating")
	w.is("BIG", "HV-B", "Replica", "WaitingForInitialReplication")
	w.statusUntil(1, "NOT protected")
	w.must(0, "protect", "carried", "--yes", "--import", `E:\carried`)
	w.is("BIG", "HV-B", "Replica", "Replicating")
	w.is("BIG", "HV-C", "ExtendedReplica", "Replicating")
	w.judged("BIG")

	w.must(0, "unprotect", "BIG", "--yes")
	for _, host := range []string{"HV-A", "HV-B", "HV-C"} {
		w.is("BIG", host, "None", "Disabled")
	}
	w.keptFromStarting("BIG", "HV-B", "HV-C")
	w.judged("BIG")
	before := len(w.requests())
	w.must(0, "unprotect", "BIG", "--yes")
	if after := len(w.requests()); after != before {
		t.Errorf("the same command again did %d things", after-before)
	}
}

// keptFromStarting: copies that were replicas stay, and do not start by
// themselves.
func (w *world) keptFromStarting(vm string, hosts ...string) {
	w.t.Helper()
	n := 0
	for _, c := range w.state().Copies {
		if c.Name == vm && slices.Contains(hosts, c.Host) {
			n++
			if c.Power != "Off" || c.AutoStart != "Nothing" {
				w.t.Errorf("%s at %s is %s and starts: %s", vm, c.Host, c.Power, c.AutoStart)
			}
		}
	}
	if n != len(hosts) {
		w.t.Errorf("%d copies of %s are left at %v", n, vm, hosts)
	}
}

// A copy that stands there already is overwritten only when a person says so.
func TestProtectFromAnExistingCopy(t *testing.T) {
	w := newUnprotected(t)
	w.up()
	w.must(4, "protect", "OLD", "--yes")
	w.must(4, "protect", "APP", "--yes", "--seed", "existing")
	w.nothingChanged()
	w.must(0, "protect", "OLD", "--yes", "--seed", "existing")
	w.is("OLD", "HV-A", "Primary", "Replicating")
	w.is("OLD", "HV-B", "Replica", "Replicating")
	w.judged("OLD")
}

// The engine dies when a cmdlet was done, at every step: nothing is done twice.
func TestProtectKilledAtEveryStep(t *testing.T) {
	w := newUnprotected(t)
	w.up()
	for _, part := range []struct {
		args  []string
		steps []doneAt
	}{
		{[]string{"protect", "carried", "--export", `D:\seed`, "--turn-on-replica-server"}, []doneAt{{"Enable-VMReplication", "HV-A"}, {"Start-VMInitialReplication", "HV-A"}}},
		{[]string{"protect", "carried", "--import", `E:\carried`}, []doneAt{{"Import-VMInitialReplication", "HV-B"}, {"Enable-VMReplication", "HV-B"}, {"Start-VMInitialReplication", "HV-B"}}},
		{[]string{"unprotect", "carried"}, []doneAt{{"Remove-VMReplication", "HV-B"}, {"Remove-VMReplication", "HV-C"}, {"Remove-VMReplication", "HV-A"}}},
	} {
		w.must(0, append(part.args, "--yes", "--detach")...)
		for _, step := range part.steps {
			w.killAt(step.String(), func(l []entry) bool { return step.count(l) > 0 })
		}
		if s := w.awaitEnd("protection-carried"); s.Verdict != "done" {
			t.Fatalf("%v ended %s: %+v", part.args, s.Verdict, s.VMs)
		}
	}
	w.judged("BIG")
	if n := w.times("Remove-VMReplication", "HV-B", "BIG"); n != 2 {
		t.Errorf("HV-B ended %d relationships, it had 2", n)
	}
	w.must(0, "journal", "verify")
}

// What was failed over is not taken apart: its replica may be the good copy.
func TestUnprotectRefusesWhatWasFailedOver(t *testing.T) {
	w := newWorld(t, "pair", 60)
	w.up()
	w.lose("a")
	w.must(0, "failover", "both", "--unplanned", "--yes", "--statement", statement)
	w.post("/sites/a/power-on", nil)
	before := len(w.requests())
	group := readConfig(t, w.site()).Groups[0].Name
	w.must(4, "unprotect", group, "--yes")
	for _, e := range w.requests()[before:] {
		if e.From == "Remove-VMReplication" {
			t.Errorf("replication was removed: %+v", e)
		}
	}
}

// The same with Kerberos: its own port, and no certificate.
func TestProtectWithKerberos(t *testing.T) {
	text, err := os.ReadFile("testdata/unprotected.yaml")
	if err != nil {
		t.Fatal(err)
	}
	environment := filepath.Join(t.TempDir(), "kerberos.yaml")
	if err := os.WriteFile(environment, []byte(strings.ReplaceAll(string(text), "auth: Certificate", "auth: Kerberos")), 0o644); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, environment, 60)
	groups := strings.ReplaceAll(unprotected, "authentication: certificate", "authentication: kerberos")
	w.write("groups.yaml", groups)
	w.up()
	w.must(0, "protect", "carried", "--yes", "--turn-on-replica-server")
	w.is("BIG", "HV-A", "Primary", "Replicating")
	w.is("BIG", "HV-C", "ExtendedReplica", "Replicating")
	w.judged("BIG")
	// A group that says certificate where hosts take Kerberos is stopped before
	// anything changes.
	w.write("groups.yaml", unprotected)
	before := len(w.requests())
	if r := w.must(4, "protect", "servers", "--yes"); !r.says("no replica server with Certificate authentication") {
		t.Errorf("it does not say what is missing:\n%s", r.out)
	}
	if after := len(w.requests()); after != before {
		t.Errorf("a refused command did %d things", after-before)
	}
}
