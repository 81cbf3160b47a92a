package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/testenv/environment"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/lab"
)

// estate is a lab in this process, and the program run on its configuration as a
// person types it: what is read goes over real WinRM.
type estate struct {
	t   *testing.T
	lab *lab.Lab
	dir string
}

// newEstate starts a lab of an environment, with words of it replaced.
func newEstate(t *testing.T, name string, replace ...string) *estate {
	t.Helper()
	if testing.Short() {
		t.Skip("simulated hosts and real time: not with -short")
	}
	t.Parallel()
	if len(replace) > 0 {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.NewReplacer(replace...).Replace(string(text))
		if changed == string(text) {
			t.Fatalf("nothing to replace by %q", replace)
		}
		name = filepath.Join(t.TempDir(), "odd.yaml")
		if err := os.WriteFile(name, []byte(changed), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	env, err := environment.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := hypervisor.DialectNamed("plain")
	if err != nil {
		t.Fatal(err)
	}
	// One second here is one there: what is not done to the hosts stays as it is.
	l, err := lab.Start(lab.Options{Environment: env, Dialect: plain, Seed: 1, Speed: 1, Control: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	e := &estate{t: t, lab: l, dir: filepath.Join(t.TempDir(), "site")}
	if err := l.WriteConfig(e.dir); err != nil {
		t.Fatal(err)
	}
	return e
}

// does is what a colleague, a fault or time does at the control port.
func (e *estate) does(path, body string) {
	e.t.Helper()
	r, err := http.Post("http://"+e.lab.ControlAddr()+path, "application/json", strings.NewReader(body))
	if err != nil {
		e.t.Fatal(err)
	}
	_ = r.Body.Close()
	if r.StatusCode >= 300 {
		e.t.Fatalf("POST %s: %s", path, r.Status)
	}
}

// copyAt is a VM on a host as the control port wants it named.
func (e *estate) copyAt(name, host string) string {
	e.t.Helper()
	for _, vm := range e.lab.Farm().Host(host).VMs() {
		if vm.Name == name {
			return "/vms/" + vm.ID + "@" + host
		}
	}
	e.t.Fatalf("no %s at %s", name, host)
	return ""
}

// says runs the program, which must end with the code and say the words, none of
// its lines wider than the screen.
func (e *estate) says(code int, args []string, words ...string) string {
	e.t.Helper()
	var out, errOut bytes.Buffer
	args = append(append([]string{"lifeboat"}, args...), "--config", e.dir)
	if got := run(e.t.Context(), args, strings.NewReader(""), &out, &errOut); got != code {
		e.t.Errorf("%q: exit %d, want %d:\n%s%s", args, got, code, &out, &errOut)
	}
	flat := strings.Join(strings.Fields(out.String()), " ")
	for _, word := range words {
		if !strings.Contains(flat, word) {
			e.t.Errorf("%q: no %q in\n%s%s", args, word, &out, &errOut)
		}
	}
	for _, line := range strings.Split(out.String(), "\n") {
		if len([]rune(line)) > width {
			e.t.Errorf("%d columns: %s", len([]rune(line)), line)
		}
	}
	return out.String()
}

const northgateFile = "../../testenv/environment/northgate.yaml"

// A certificate with 20 days left, then none (A3); then the power goes and comes
// back, and every VM needs a resynchronization (A4).
func TestScenariosOfNorthgate(t *testing.T) {
	ready := []string{"ready", "northgate-site-loss", "--data", t.TempDir()}
	certificates := []string{"cert", "status"}
	e := newEstate(t, northgateFile, "replica: {enabled: true, auth: Certificate,", "replica: {enabled: true, auth: Certificate, expires: 480h,")

	e.says(0, ready, "READY - all 9 VMs in time", "! NG-HV01: its replication certificate ends in 19 days", "from then on nothing is replicated")
	e.says(1, certificates, "19 d !", "! NG-HV02: its replication certificate", "from then on 10 VMs cannot replicate with it", "set a day for the change in the next two weeks", "1 a new certificate with its key")
	e.does("/faults", `{"host":"NG-HV01","kind":"certificate-expired","count":1}`)
	out := e.says(1, ready, "NOT READY", "x NG-HV01: its replication certificate ended", "everything since would be lost")
	if strings.Contains(out, "does not answer") {
		t.Errorf("A3: the host answers:\n%s", out)
	}
	e.says(1, certificates, "ENDED !", "x NG-HV01: its replication certificate", "since then 10 VMs cannot replicate", "change it now")

	e.does("/hosts/NG-HV01/crash", "")
	e.says(1, ready, "NOT READY", "I cannot read NG-HV01", "x NG-HV01: it does not answer", "this may be the day, or only the line", "lifeboat decide northgate-site-loss", "9 of 9 VMs in time")
	e.does("/hosts/NG-HV01/power-on", "")
	e.says(1, ready, "NOT READY", "needs a resync", "8 more VMs: it waits for a resynchronization: nothing is replicated",
		"what is written since its last copy would be lost", "Resume-VMReplication -Resynchronize in a quiet hour; its recovery points will be lost")
}

// A drill is under way and has most of the memory: the plan stays ready, and a real
// failover is not refused for what it removes first.
func TestScenarioOfADrillThatHasTheMemory(t *testing.T) {
	e := newEstate(t, northgateFile)
	for _, name := range []string{"NG-SQL01", "NG-ERP01"} {
		e.does(e.copyAt(name, "NG-HV02")+"/start-test", "")
		e.does(e.copyAt(name+" - Test", "NG-HV02")+"/start", "")
	}
	e.says(0, []string{"ready", "northgate-site-loss", "--data", t.TempDir()}, "READY - all 9 VMs in time", "a test copy of it exists")
	e.says(0, []string{"failover", "northgate-site-loss", "--planned", "--dry-run"}, "needs 126 GB for this plan and has 116 GB", "Dry run")
}

// HQ's host is newer and its VMs were upgraded: none could ever start at the other
// site (C5, A11).
func TestScenarioOfTheVersionTrap(t *testing.T) {
	e := newEstate(t, northgateFile, `    os: "2022"
    memory_gb: 192`, `    os: "2025"
    memory_gb: 192`)
	ready := []string{"ready", "northgate-site-loss", "--data", t.TempDir()}
	e.says(0, ready, "READY - all 9 VMs in time")
	for _, name := range []string{"NG-DC01", "NG-SQL01", "NG-FS01", "NG-ERP01", "NG-ERP02", "NG-WEB01", "NG-RDS01", "NG-PRN01", "NG-LNX01"} {
		e.does(e.copyAt(name, "NG-HV01")+"/upgrade-version", "")
	}
	e.says(1, ready, "NOT READY - 1 thing to fix", "x NG-DC01 and 8 more VMs: NG-HV02 does not run configuration version 12.0", "it could never start there",
		"bring the host to the other's Windows version; a VM's version cannot go down")
}

// A replica moved to another node of its cluster, where the certificate is missing
// (B3).
func TestScenarioOfTheWrongNode(t *testing.T) {
	e := newEstate(t, "../../docs/transcripts/B3.yaml")
	ready := []string{"ready", "core", "--data", t.TempDir()}
	e.says(0, ready, "READY - all 3 VMs in time")
	e.does("/hosts/MAN-N3/lose-certificate", "")
	e.does(e.copyAt("BW-NS1", "MAN-N1")+"/move?to=MAN-N3", "")
	e.says(1, ready, "NOT READY", "x MAN-N3: its replication certificate", "is not in its store", "import it with its key",
		"x BW-NS1: there is no replica of this VM at MAN-N1", "it could not be started there", "check where it replicates to: Get-VMReplication on LDS-N1", "missing")
	e.says(1, []string{"cert", "status"}, "not there", "x MAN-N3: its replication certificate", "reverse replication is refused")
}

// A storage fault leaves sixty VMs that need a resynchronization: one thing to
// read, not sixty (C4).
func TestScenarioOfAResyncStorm(t *testing.T) {
	e := newEstate(t, "generate:60,1,5m")
	hosts := e.lab.Hosts()
	e.does(fmt.Sprintf("/hosts/%s/crash", hosts[0].Name), "")
	e.does(fmt.Sprintf("/hosts/%s/power-on", hosts[0].Name), "")
	out := e.says(1, []string{"status", "--data", t.TempDir()}, "NOT READY", "59 more VMs: it waits for a resynchronization", "... 40 more like these")
	if n := strings.Count(out, "\n"); n > 45 {
		t.Errorf("%d lines:\n%s", n, out)
	}
}
