package powershell

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// hypervisorDouble knows one VM and two cmdlets, enough to try the seam.
type hypervisorDouble struct{ started int }

func (h *hypervisorDouble) Lookup(name string) (*CommandInfo, bool) {
	sets := func(p string) map[string]SetInfo {
		return map[string]SetInfo{p: {Mandatory: true, Position: 0, Pipeline: "value"}}
	}
	vm := Parameter{Name: "VM", Type: "VirtualMachine[]", Sets: sets("VMObject")}
	switch strings.ToLower(name) {
	case "get-vm":
		return &CommandInfo{Name: "Get-VM", DefaultSet: "Name", Parameters: []Parameter{
			{Name: "Name", Type: "String[]", Sets: map[string]SetInfo{"Name": {Position: 0}}},
			{Name: "Id", Type: "Guid", Sets: map[string]SetInfo{"Id": {Mandatory: true, Position: 0}}}}}, true
	case "start-vmfailover":
		return &CommandInfo{Name: "Start-VMFailover", DefaultSet: "Name", ConfirmImpact: "High", ShouldProcess: true,
			ErrorClass: "Microsoft.HyperV.PowerShell.Commands.StartVMFailover",
			Parameters: []Parameter{vm, {Name: "VMName", Type: "String[]", Sets: sets("Name")}}}, true
	}
	return nil, false
}

func (h *hypervisorDouble) Invoke(_ context.Context, _ *Session, call Invocation, emit func(any) error) *ErrorRecord {
	if call.Name == "Get-VM" {
		_ = emit(NewObject("Microsoft.HyperV.PowerShell.VirtualMachine").Set("Name", "web").Set("Id", GUID("11111111-2222-3333-4444-555555555555")).
			Set("State", Enum{"VMState", "Off", 3}).Set("ReplicationMode", Enum{"Mode", "Replica", 2}).Set("ReplicationState", Enum{"S", "Replicating", 5}))
		return nil
	}
	h.started++
	if call.Set != "VMObject" {
		return &ErrorRecord{ID: "WrongSet", Category: "InvalidArgument", Message: call.Set}
	}
	return nil
}

func TestSnippets(t *testing.T) {
	for script, want := range map[string]string{
		`"a$(1+2)b"`: `"a3b"`, `@(1..3)`: `[1,2,3]`, `(1,2,3).Count`: `3`, `$null.x`: `null`, `'b' + 1`: `"b1"`,
		`@(1,2,3 | Where-Object { $_ -gt 1 })`: `[2,3]`, `[ordered]@{ a = 1; 'b' = @() }`: `{"a":1,"b":[]}`,
		`try { throw 'Nope' } catch { $_.FullyQualifiedErrorId }`: `"Nope"`, `$x = @{}; $x['k'] = 1; $x.ContainsKey('K')`: `true`,
		`@(foreach ($i in 1,2) { $i * 2 })`: `[2,4]`, `"{0:d3}|{1}" -f 7,'x'`: `"007|x"`, `'a,b' -split ','`: `["a","b"]`,
		`@(3,1,2 | Sort-Object -Descending)`: `[3,2,1]`, `(Get-VM).State`: `3`, `"$((Get-VM).State)"`: `"Off"`,
		`try { Nothing-Here } catch { $_.FullyQualifiedErrorId }`:                                               "\"CommandNotFoundException\"",
		`try { Get-VM -Bogus 1 } catch { $_.FullyQualifiedErrorId }`:                                            "\"NamedParameterNotFound,Get-VM\"",
		`try { Start-VMFailover -VM web -Confirm:$false } catch { $_.FullyQualifiedErrorId }`:                   "\"CannotConvertArgumentNoMessage,Microsoft.HyperV.PowerShell.Commands.StartVMFailover\"",
		`try { Start-VMFailover -VM (Get-VM) } catch { $_.FullyQualifiedErrorId }`:                              "\"InvalidOperation,Microsoft.HyperV.PowerShell.Commands.StartVMFailover\"",
		`try { Start-VMFailover -VM (Get-VM) -VMName a -Confirm:$false } catch { $_.FullyQualifiedErrorId }`:    "\"AmbiguousParameterSet,Microsoft.HyperV.PowerShell.Commands.StartVMFailover\"",
		`try { Start-VMFailover -Confirm:$false } catch { $_.FullyQualifiedErrorId }`:                           "\"MissingMandatoryParameter,Microsoft.HyperV.PowerShell.Commands.StartVMFailover\"",
		`try { Get-VM | Start-VMFailover -Confirm:$false -ErrorAction Stop; 1 } catch { $_.Exception.Message }`: `1`,
		"ConvertTo-Json -Compress -InputObject @('<')":                                                          `"[\"\\u003c\"]"`,
	} {
		t.Run(script, func(t *testing.T) {
			s := NewSession(Options{Commands: &hypervisorDouble{}})
			if err := s.Load("function Try-It {\n" + script + "\n}"); err != nil {
				t.Fatal(err)
			}
			v, e := s.Call(context.Background(), "Try-It", nil)
			if e != nil {
				t.Fatal(e)
			}
			if got := ToJSON(v, 8); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestHostScripts(t *testing.T) {
	files, _ := filepath.Glob("../../activities/hyperv/scripts/*.ps1")
	if len(files) < 17 {
		t.Fatalf("found %d scripts", len(files))
	}
	s := NewSession(Options{Commands: &hypervisorDouble{}})
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Load(string(text)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	v, e := s.Call(context.Background(), "Start-LifeboatFailover", map[string]any{"VM": "11111111-2222-3333-4444-555555555555"})
	if e != nil {
		t.Fatal(e)
	}
	if got := ToJSON(v, 8); got != `{"power":"Off","mode":"Replica","state":"Replicating"}` {
		t.Error(got)
	}
}

func TestRun(t *testing.T) {
	var out, errs bytes.Buffer
	s := NewSession(Options{Commands: &hypervisorDouble{}})
	if code := s.Run(context.Background(), "Get-VM | Select-Object Name,State", &out, &errs); code != 0 || !strings.Contains(out.String(), "web  Off") {
		t.Errorf("%d %q %q", code, out.String(), errs.String())
	}
	if code := s.Run(context.Background(), "throw 'x'", &out, &errs); code != 1 || !strings.Contains(errs.String(), "FullyQualifiedErrorId : x") {
		t.Errorf("%d %q", code, errs.String())
	}
}

func TestRefused(t *testing.T) {
	for _, text := range []string{"class A {}", "a && b", "function f { process {} }", "'open", "$a ??= 1", ". ./x.ps1"} {
		if _, err := parse(text); err == nil {
			t.Errorf("%s was taken", text)
		} else if !strings.HasPrefix(err.Error(), "line 1: ") {
			t.Error(err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"@{a=1}", "\"$(1)\"", "@'\nx\n'@", "if (1) {2} else {3}", "a -b:c @d | % { $_ }"} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, text string) { _, _ = parse(text) })
}
