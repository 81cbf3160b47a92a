package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// findPowerShell finds a real engine: LIFEBOAT_PWSH, pwsh on PATH, or one that
// lies beside the checkout; "" when there is none.
func findPowerShell() string {
	for _, name := range []string{os.Getenv("LIFEBOAT_PWSH"), "pwsh", filepath.Join("..", "..", "..", "shared", "pwsh", "pwsh")} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			if path, err = filepath.Abs(path); err == nil {
				return path
			}
		}
	}
	return ""
}

// realSpeed is how fast time goes in a lab whose hosts run a real PowerShell: its
// processes take their own time, of which a faster lab would leave them too little.
const realSpeed = 10

// Every host script and the session pump run by a real PowerShell engine; only the
// Hyper-V cmdlets behind it are simulated. One story after the other: together their
// engines would take the machine.
func TestOnARealPowerShell(t *testing.T) {
	path := findPowerShell()
	if path == "" {
		t.Skip("no PowerShell here: set LIFEBOAT_PWSH")
	}
	beside(t, 4*longest)
	for name, story := range map[string]struct {
		environment string
		told        func(*world)
	}{
		"a whole plan": {"northgate", wholePlan},
		"lost answers": {"pair", lostAnswers},
	} {
		t.Run(name, func(t *testing.T) {
			w := startWorld(t, story.environment, realSpeed, "--powershell", path)
			w.up()
			story.told(w)
		})
	}
}

func wholePlan(w *world) {
	w.must(0, "check")
	w.must(0, "failover", "northgate-site-loss", "--planned", "--yes", "--auto")
	w.checkInvariants("northgate-site-loss", "NG-HV01", "NG-HV02",
		"NG-DC01", "NG-SQL01", "NG-FS01", "NG-ERP01", "NG-ERP02", "NG-WEB01", "NG-RDS01", "NG-PRN01", "NG-LNX01")
	w.must(0, "journal", "verify")
	// What a session does on a host is told apart by request there too.
	for _, e := range w.ledger() {
		if e.What == "call" && (e.By == "" || e.By == "process" || strings.ContainsAny(e.By, " \n")) {
			w.t.Errorf("a call in nobody's name: %+v", e)
		}
	}
}

// lostAnswers: faults reach through a real engine; the wire is cut before or after
// the simulated host acted, and the end is the same.
func lostAnswers(w *world) {
	for verb, kind := range map[string]string{"Stop-VM": "drop-before", "Start-VMFailover": "drop-after", "Start-VM": "cut", "Set-VMReplication": "drop-after"} {
		w.post("/faults", map[string]any{"verb": verb, "kind": kind, "count": 1})
	}
	w.must(0, "failover", "both", "--planned", "--yes")
	w.checkInvariants("both", "HV-A", "HV-B", "DB", "APP1", "APP2")
	w.checkFaultsHit()
}

// checkFaultsHit: a fault that nobody met proves nothing.
func (w *world) checkFaultsHit() {
	w.t.Helper()
	var faults []struct {
		Verb, Kind  string
		Count, Hits int
	}
	if err := w.get("/faults", &faults); err != nil {
		w.t.Fatal(err)
	}
	if len(faults) == 0 {
		w.t.Error("there are no faults")
	}
	for _, f := range faults {
		if f.Hits != f.Count {
			w.t.Errorf("%s on %s struck %d times, want %d", f.Kind, f.Verb, f.Hits, f.Count)
		}
	}
}
