package cmdlet_test

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/testenv/cmdlet"
)

// step is one function called on one host.
type step struct {
	Host     string         `json:"host"`
	Function string         `json:"function"`
	Args     map[string]any `json:"args"`
}

// referee finds a real PowerShell engine: LIFEBOAT_PWSH, pwsh on PATH, or one
// that lies beside the checkout.
func referee(t *testing.T) string {
	t.Helper()
	beside, err := filepath.Abs("../../../shared/pwsh/pwsh")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{os.Getenv("LIFEBOAT_PWSH"), "pwsh", beside} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path
		}
	}
	t.Skip("no PowerShell here: set LIFEBOAT_PWSH")
	return ""
}

// refereeing runs the steps and writes a line of JSON for each.
const refereeing = `
$steps = [System.IO.File]::ReadAllText($env:LIFEBOAT_STEPS) | ConvertFrom-Json
foreach ($step in $steps) {
    $env:LIFEBOAT_LAB_ENDPOINT = $env:LIFEBOAT_LAB_BASE + $step.host + '/'
    $arguments = @{}
    foreach ($property in $step.args.psobject.Properties) { $arguments[$property.Name] = $property.Value }
    try {
        $out = & $step.function @arguments
        if ($null -eq $out) { [Console]::Out.WriteLine('null'); continue }
        [Console]::Out.WriteLine((ConvertTo-Json -InputObject $out -Compress -Depth 10))
    } catch {
        [Console]::Out.WriteLine((ConvertTo-Json -Compress -InputObject @{ id = "$($_.FullyQualifiedErrorId)"; category = "$($_.CategoryInfo.Category)" }))
    }
}
`

// TestRefereeAgrees runs the same functions on two worlds of the same seed: one
// under the interpreter, one under the real engine with the stand-in module.
func TestRefereeAgrees(t *testing.T) {
	engine := referee(t)
	w := newWorld(t)
	agrees(w, engine, library(t), refereeSteps(w))
}

// agrees plays the steps under both engines, each on a world of its own.
func agrees(w *world, engine, functions string, steps []step) {
	t := w.t
	t.Helper()
	theirs := underEngine(w, engine, functions, steps)
	if len(theirs) != len(steps) {
		t.Fatalf("the engine answered %d of %d steps", len(theirs), len(steps))
	}
	for i, s := range steps {
		ours, rec := w.call(s.Host, s.Function, s.Args)
		if rec != nil {
			ours = map[string]any{"id": rec.ID, "category": rec.Category}
		}
		a, b := settled(ours), settled(theirs[i])
		if !reflect.DeepEqual(a, b) {
			t.Errorf("step %d, %s on %s:\n interpreter %s\n engine      %s", i, s.Function, s.Host, shown(a), shown(b))
		}
	}
}

func refereeSteps(w *world) []step {
	nic := func(sw, ip string, inject bool) map[string]any {
		return map[string]any{"VM": idDB, "NICs": []any{map[string]any{"adapter": "", "switch": sw, "ip": ip, "mask": "255.255.255.0", "gateway": "10.2.0.1", "dns": []any{"10.2.0.2"}, "inject": inject}}}
	}
	all := map[string]any{"VMs": []any{}}
	link := func(port int) map[string]any {
		return map[string]any{"ReplicaServer": fqdnB, "Port": port, "Auth": "Certificate", "Thumbprint": w.thumbprint(hostA)}
	}
	reverse := map[string]any{"VM": idDB, "ReplicaServer": "", "Thumbprint": w.thumbprint(hostB)}
	return []step{
		{hostA, "Get-LifeboatHost", nil},
		{hostB, "Get-LifeboatHost", nil},
		{hostA, "Get-LifeboatCopies", all},
		{hostA, "Get-LifeboatCopies", map[string]any{"VMs": []any{strings.ToUpper(idDB), idNobody}}},
		{hostB, "Get-LifeboatCopies", all},
		{hostA, "Get-LifeboatGuard", vm(idOdd)},
		{hostA, "Get-LifeboatGuard", vm(idNobody)},
		{hostB, "Get-LifeboatPoints", map[string]any{"VMs": []any{idDB, idNobody}}},
		{hostA, "Test-LifeboatLink", link(443)},
		{hostA, "Test-LifeboatLink", link(80)},
		{hostA, "Start-LifeboatPrepare", vm(idDB)},
		{hostA, "Start-LifeboatFailover", vm(idDB)},
		{hostB, "Start-LifeboatCopy", vm(idDB)},
		{hostA, "Suspend-LifeboatReplication", vm(idAPP1)},
		{hostA, "Suspend-LifeboatReplication", vm(idAPP1)},
		{hostA, "Resume-LifeboatReplication", vm(idAPP1)},
		{hostA, "Set-LifeboatStartAction", map[string]any{"VM": idDB, "Action": "Nothing"}},
		{hostA, "Stop-LifeboatPower", vm(idAPP2)},
		{hostA, "Stop-LifeboatGuest", vm(idDB)},
		{hostA, "Start-LifeboatPrepare", vm(idDB)},
		{hostB, "Start-LifeboatFailover", vm(idDB)},
		{hostB, "Stop-LifeboatFailover", vm(idDB)},
		{hostB, "Start-LifeboatFailover", vm(idDB)},
		{hostB, "Set-LifeboatNetwork", nic("no such switch", "", false)},
		{hostB, "Set-LifeboatNetwork", nic("vSwitch-B", "10.2.0.20", true)},
		{hostB, "Set-LifeboatNetwork", nic("vSwitch-B", "", false)},
		{hostB, "Start-LifeboatCopy", vm(idDB)},
		{hostB, "Set-LifeboatReverse", map[string]any{"VM": idDB, "ReplicaServer": "", "Thumbprint": ""}},
		{hostB, "Set-LifeboatReverse", reverse},
		{hostB, "Set-LifeboatReverse", reverse},
		{hostB, "Get-LifeboatCopies", all},
		{hostA, "Get-LifeboatCopies", all},
	}
}

// underEngine plays the steps under the real engine, on a world of its own.
func underEngine(w *world, engine, functions string, steps []step) []any {
	t := w.t
	t.Helper()
	farm := changedFarm(t, w.change)
	server := httptest.NewServer(endpoints(farm))
	defer server.Close()
	dir := t.TempDir()
	if err := cmdlet.WriteModule(dir); err != nil {
		t.Fatal(err)
	}
	for i := range steps {
		if steps[i].Args == nil {
			steps[i].Args = map[string]any{}
		}
	}
	text, err := json.Marshal(steps)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"steps.json": string(text), "referee.ps1": functions + refereeing}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), engine, "-NoLogo", "-NoProfile", "-NonInteractive", "-File", filepath.Join(dir, "referee.ps1"))
	c.Env = append(os.Environ(), "PSModulePath="+dir, "LIFEBOAT_STEPS="+filepath.Join(dir, "steps.json"), "LIFEBOAT_LAB_BASE="+server.URL+"/")
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("the engine: %v\n%s", err, stderr.String())
	}
	if stderr.Len() > 0 {
		t.Errorf("the engine complains: %s", stderr.String())
	}
	var answers []any
	for line := range strings.Lines(string(out)) {
		var v any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("the engine wrote %q", line)
		}
		answers = append(answers, v)
	}
	return answers
}

// settled drops what depends on the moment: times, counters, what a booting
// guest reports.
func settled(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = settled(v[i])
		}
	case map[string]any:
		for name, value := range v {
			switch name {
			case "utc", "modified", "uptimeSec", "pendingBytes", "succeeded", "missed", "lastReplication", "lastApplied", "created", "heartbeat", "ips":
				v[name] = value == nil
			case "id":
				kind, rest, _ := strings.Cut(str(value), ",")
				class, _, _ := strings.Cut(rest, ",")
				v[name] = kind + "," + class
			default:
				v[name] = settled(value)
			}
		}
	}
	return v
}

func shown(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
