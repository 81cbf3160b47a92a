package hyperv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// parse reads script files with PowerShell's own parser and prints what it does
// not take, and what Windows PowerShell 5.1 would not.
const parse = `
$bad = 0
$newer = @('TernaryExpressionAst', 'PipelineChainAst')
$marks = @('QuestionQuestion', 'QuestionQuestionEquals', 'QuestionDot', 'QuestionLBracket', 'AndAnd', 'OrOr', 'Clean')
foreach ($file in $args) {
    $tokens = $null
    $errors = $null
    $tree = [System.Management.Automation.Language.Parser]::ParseFile($file, [ref]$tokens, [ref]$errors)
    foreach ($e in $errors) { $bad++; "${file}: $($e.Extent.StartLineNumber): $($e.Message)" }
    foreach ($node in $tree.FindAll({ param($n) $newer -contains $n.GetType().Name }, $true)) {
        $bad++; "${file}: $($node.Extent.StartLineNumber): newer than 5.1: $($node.Extent.Text)"
    }
    foreach ($token in $tokens) {
        if ($marks -contains "$($token.Kind)") { $bad++; "${file}: $($token.Extent.StartLineNumber): newer than 5.1: $($token.Text)" }
    }
}
"$($args.Count) files, $bad findings"
exit [int]($bad -gt 0)
`

// shell is a PowerShell on this machine, or the test is skipped.
func shell(t *testing.T) string {
	t.Helper()
	if name := os.Getenv("LIFEBOAT_PWSH"); name != "" {
		return name
	}
	for _, name := range []string{"pwsh", "powershell"} {
		if found, err := exec.LookPath(name); err == nil {
			return found
		}
	}
	near, err := filepath.Abs("../../../shared/pwsh/pwsh")
	require.NoError(t, err)
	if _, err := os.Stat(near); err != nil {
		t.Skip("no PowerShell here: set LIFEBOAT_PWSH to its path")
	}
	return near
}

func parsed(t *testing.T, files ...string) (string, error) {
	t.Helper()
	script := filepath.Join(t.TempDir(), "parse.ps1")
	require.NoError(t, os.WriteFile(script, []byte(parse), 0o600))
	args := append([]string{"-NoProfile", "-NonInteractive", "-File", script}, files...)
	out, err := exec.CommandContext(t.Context(), shell(t), args...).CombinedOutput()
	return string(out), err
}

func TestTheRealParserTakesEveryScript(t *testing.T) {
	files, err := filepath.Glob("scripts/*.ps1")
	require.NoError(t, err)
	for i := range files {
		files[i], err = filepath.Abs(files[i])
		require.NoError(t, err)
	}
	whole := filepath.Join(t.TempDir(), "library.ps1")
	require.NoError(t, os.WriteFile(whole, []byte(Library()), 0o600))
	out, err := parsed(t, append(files, whole)...)
	require.NoError(t, err, out)
}

func TestTheRealParserFindsWhatIsPlanted(t *testing.T) {
	planted := []string{
		"function X { ", "$a = $b ? 1 : 2", "Get-VM && Get-VM", "$a = $b ?? 1", "$a ??= 1", "${a}?.Name", "${a}?[0]",
	}
	dir := t.TempDir()
	var files []string
	for i, text := range planted {
		files = append(files, filepath.Join(dir, fmt.Sprintf("planted-%d.ps1", i)))
		require.NoError(t, os.WriteFile(files[i], []byte(text), 0o600))
	}
	out, err := parsed(t, files...)
	require.Error(t, err, out)
	for i, text := range planted {
		require.Contains(t, out, fmt.Sprintf("planted-%d.ps1: 1:", i), text)
	}
}
