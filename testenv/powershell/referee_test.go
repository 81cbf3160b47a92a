package powershell

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var refereed = []string{
	`1 + '2'`, `'1' + 2`, `7 / 2`, `6 / 2`, `7 % 4`, `@(1,2) + 3`, `"x$(@(1,2))y"`, `@()`, `$null`, `@($null)`, `,@(1,2)`,
	`'ABC' -eq 'abc'`, `'ABC' -ceq 'abc'`, `@(1,2,3) -gt 1`, `'abc' -match 'B'`, `'abc' -like 'A*'`, `'a-b' -replace '-','+'`,
	`1,2,3 -join ';'`, `'a b' -split ' '`, `-split 'a  b'`, `3 -in 1,2,3`, `1..4`, `4..1`, `'{0:N1}' -f 1234.56`, `[int]'12'`,
	`[int]2.5`, `[bool]'False'`, `[string]$null`, `[guid]'{6A1C0000-0000-0000-0000-000000000001}'`, `$a = @{x=1}; $a.x; $a['y']`,
	`[ordered]@{a=1;b=@{c=@{d=1}}}`, `@{n=1}.ContainsKey('N')`, `if (@()) {1} else {2}`, `if (@(0)) {1} else {2}`,
	`foreach ($i in 1,2) { if ($i -eq 2) { break }; $i }`, `try { throw 'E1' } catch { $_.FullyQualifiedErrorId }`,
	`try { $null.Foo() } catch { $_.FullyQualifiedErrorId }`, `try { 1/0 } catch { $_.Exception.Message }`,
	`try { Nope-Nope } catch { $_.CategoryInfo.Category.ToString() }`, `1,2,3 | Select-Object -First 2`, `3,1,2 | Sort-Object`,
	`(1,2,3 | Measure-Object -Sum).Sum`, `@{a=1},@{a=2} | ForEach-Object { $_.a }`, `'abc'.Substring(1)`, `'éab\cb'.LastIndexOf('b')`, `'abc'.LastIndexOf('x')`, `'abc'[0]`, `(1,2,3)[-1]`,
	`[math]::Max(1,2)`, `'x'.GetType().FullName`, `1 -is [int]`, `$x = 5; $x++; $x`, `$i = 0; while ($i -lt 3) { $i++ }; $i`,
	`function F($a, $b = 2) { $a + $b }; F 1; F -b 5 1`, `function G { param([int]$n) $n }; G`, `& { param($q) $q } 4`,
	`'{"a":[1,2],"b":null}' | ConvertFrom-Json`, `(@{a=1}).Count`, `$null -eq $null`, `-not 0`, `'a' * 3`, `0x1F`, `1kb`, `"a'b<c>&"`,
}

func engine() string {
	for _, path := range []string{os.Getenv("LIFEBOAT_PWSH"), "pwsh", filepath.Join("..", "..", "..", "shared", "pwsh", "pwsh")} {
		if found, err := exec.LookPath(path); path != "" && err == nil {
			return found
		}
	}
	return ""
}

// TestReferee asks the real engine the same questions, in one process.
func TestReferee(t *testing.T) {
	path := engine()
	if path == "" {
		t.Skip("no PowerShell here")
	}
	var all strings.Builder
	for _, snippet := range refereed {
		all.WriteString("'~' + (ConvertTo-Json -Compress -Depth 8 -InputObject @(& {\n" + snippet + "\n}))\n")
	}
	file := filepath.Join(t.TempDir(), "referee.ps1")
	if err := os.WriteFile(file, []byte(all.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path, "-NoProfile", "-NonInteractive", "-File", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	var theirs []string
	for _, l := range strings.Split(string(out), "\n") {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(l), "~"); ok {
			theirs = append(theirs, rest)
		}
	}
	if len(theirs) != len(refereed) {
		t.Fatalf("%d answers to %d questions", len(theirs), len(refereed))
	}
	for i, snippet := range refereed {
		s := NewSession(Options{})
		if err := s.Load("function Try-It { ConvertTo-Json -Compress -Depth 8 -InputObject @(& {\n" + snippet + "\n}) }"); err != nil {
			t.Errorf("%s: %v", snippet, err)
			continue
		}
		v, e := s.Call(context.Background(), "Try-It", nil)
		if e != nil {
			t.Errorf("%s: %v", snippet, e)
		} else if toString(v) != theirs[i] {
			t.Errorf("%s: here %s, there %s", snippet, toString(v), theirs[i])
		}
	}
}
