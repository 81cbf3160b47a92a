package hyperv

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

type contract struct {
	Source  map[string]string         `json:"source"`
	Cmdlets map[string]contractCmdlet `json:"cmdlets"`
}

type contractCmdlet struct {
	Module     string                   `json:"module"`
	Documented []string                 `json:"documented"`
	Sets       []string                 `json:"sets"`
	Params     map[string]contractParam `json:"params"`
}

type contractParam struct {
	Type    string   `json:"type"`
	Aliases []string `json:"aliases"`
	// Sets are the parameter sets it belongs to ("*" = all), and whether it is
	// mandatory there.
	Sets map[string]bool `json:"sets"`
	// Undocumented are the years whose documentation lacks it.
	Undocumented []string `json:"undocumented"`
}

// plainCommands are those of Windows PowerShell itself that scripts may use.
var plainCommands = []string{"ForEach-Object", "Where-Object", "Sort-Object", "New-Object", "Out-Null", "Get-Date", "Invoke-Command"}

var commonParams = []string{"ErrorAction"}

func readContract(t *testing.T) contract {
	t.Helper()
	data, err := os.ReadFile("contract.json")
	require.NoError(t, err)
	require.Less(t, len(data), 150_000)
	var c contract
	require.NoError(t, decodeStrict(data, &c))
	return c
}

// findings are what is wrong with a script, which may call the functions of own.
func (c contract) findings(text string, own map[string][]string, used map[string]bool) (found []string) {
	g, err := readScript(text)
	if err != nil {
		return []string{err.Error()}
	}
	for _, call := range commands(g) {
		cmdlet, known := c.Cmdlets[call.name]
		params, ours := own[call.name]
		switch {
		case call.newName || slices.Contains(plainCommands, call.name):
		case ours:
			for _, f := range checkOwn(params, call) {
				found = append(found, call.name+": "+f)
			}
		case !known:
			found = append(found, call.name+" is not in the contract")
		default:
			used[call.name] = true
			for _, f := range cmdlet.check(g, call) {
				found = append(found, call.name+": "+f)
			}
		}
	}
	return found
}

// checkOwn says what is wrong with a call of one function by another: it names
// each parameter in full and gives all of them. Only what changes nothing is
// called so: a function acts once, and under the guard it was sent with.
func checkOwn(params []string, call command) (found []string) {
	verb, _, _ := strings.Cut(call.name, "-")
	if !slices.Contains([]string{"Get", "Find", "ConvertTo"}, verb) {
		found = append(found, "it acts, so no other function calls it")
	}
	if given := slices.Sorted(slices.Values(call.params)); len(call.splats) > 0 || !slices.Equal(given, params) {
		found = append(found, fmt.Sprintf("it takes %v, not %v", params, given))
	}
	return found
}

// ownFunctions are the functions of the library with their parameters, sorted.
func ownFunctions(t *testing.T) map[string][]string {
	t.Helper()
	own := map[string][]string{}
	for name, text := range scriptFiles(t) {
		g, err := readScript(text)
		require.NoError(t, err, name)
		own[name] = slices.Sorted(slices.Values(declared(g)))
	}
	return own
}

func (c contractCmdlet) check(g *group, call command) (found []string) {
	all, surely := slices.Clone(call.params), slices.Clone(call.params)
	for _, name := range call.splats {
		always, sometimes := splatted(g, name)
		if len(always) == 0 {
			found = append(found, "nothing is known of @"+name)
		}
		all, surely = append(append(all, always...), sometimes...), append(surely, always...)
	}
	var set []string
	for _, name := range all {
		p, ok := c.Params[name]
		switch {
		case ok && len(p.Undocumented) == len(c.Documented):
			found = append(found, "no documentation knows -"+name)
		case ok:
			set = append(set, name)
		case !slices.Contains(commonParams, name):
			found = append(found, "no parameter -"+name)
		}
	}
	if !slices.ContainsFunc(c.Sets, func(s string) bool { return c.fits(s, set, surely) }) {
		found = append(found, fmt.Sprintf("no parameter set takes %v", set))
	}
	return found
}

// fits is true when a parameter set has every name and misses none that is
// mandatory in it.
func (c contractCmdlet) fits(set string, names, surely []string) bool {
	for _, name := range names {
		_, here := c.Params[name].Sets[set]
		if _, everywhere := c.Params[name].Sets["*"]; !here && !everywhere {
			return false
		}
	}
	for name, p := range c.Params {
		if p.Sets[set] && !slices.Contains(surely, name) {
			return false
		}
	}
	return true
}

func scriptFiles(t *testing.T) map[string]string {
	t.Helper()
	names, err := fs.Glob(scripts, "scripts/*.ps1")
	require.NoError(t, err)
	files := map[string]string{}
	for _, name := range names {
		text, err := scripts.ReadFile(name)
		require.NoError(t, err)
		files[strings.TrimSuffix(strings.TrimPrefix(name, "scripts/"), ".ps1")] = string(text)
	}
	return files
}

func TestScriptsUseTheContractOnly(t *testing.T) {
	c := readContract(t)
	own, used := ownFunctions(t), map[string]bool{}
	for name, text := range scriptFiles(t) {
		for _, f := range c.findings(text, own, used) {
			t.Errorf("%s: %s", name, f)
		}
		g, err := readScript(text)
		require.NoError(t, err)
		var defined []string
		for _, call := range commands(g) {
			if call.newName {
				defined = append(defined, call.name)
			}
		}
		require.Equal(t, []string{name}, defined, "one function a file, named as the file")
	}
	for name := range c.Cmdlets {
		require.True(t, used[name], "%s is in the contract and no script uses it", name)
	}
}

func TestTheContractIsKeptByATestThatCanFail(t *testing.T) {
	c := readContract(t)
	own := map[string][]string{"Get-LifeboatA": {"Name", "VM"}, "Get-LifeboatB": nil, "Stop-LifeboatA": {"VM"}}
	for text, want := range map[string]string{
		"Get-VM -Id $x -ErrorAction Stop":                         "",
		"$a = @(Get-VM | Where-Object { $_.Id -eq 1 })":           "",
		"$p = @{ VM = 1; Reverse = $true }\nSet-VMReplication @p": "",
		"Get-VMs":               "Get-VMs is not in the contract",
		"gvm":                   "gvm is not in the contract",
		"$a = Export-VM -VM $x": "Export-VM is not in the contract",
		"if ($x) { Export-VM }": "Export-VM is not in the contract",
		"\"a $(Export-VM) b\"":  "Export-VM is not in the contract",
		"try { Get-VM } catch { Invoke-Expression $x }":             "Invoke-Expression is not in the contract",
		"[ordered]@{ a = Export-VM }":                               "Export-VM is not in the contract",
		"Get-VM | ForEach-Object { Export-VM }":                     "Export-VM is not in the contract",
		"Out-Null -InputObject (Export-VM)":                         "Export-VM is not in the contract",
		"Get-VM -Id $x -ErrorA Stop":                                "Get-VM: no parameter -ErrorA",
		"Start-VMFailover -VM $x -Prep -Confirm:$false":             "Start-VMFailover: no parameter -Prep",
		"Start-VMFailover -VM $x -Prepare -AsTest":                  "Start-VMFailover: no parameter set takes [VM Prepare AsTest]",
		"Stop-VM -Force":                                            "Stop-VM: no parameter set takes [Force]",
		"$p = @{ VM = 1; Revers = $true }\nSet-VMReplication @p":    "Set-VMReplication: no parameter -Revers",
		"$p = @{ VM = 1 }\n$p['Nope'] = 1\nSet-VMReplication @p":    "Set-VMReplication: no parameter -Nope",
		"Set-VMReplication @q":                                      "Set-VMReplication: nothing is known of @q",
		"@{ a = Get-LifeboatA -VM $x -Name ''; b = Get-LifeboatB }": "",
		"Get-LifeboatC -VM $x":                                      "Get-LifeboatC is not in the contract",
		"function Get-LifeboatD { }\nGet-LifeboatD":                 "Get-LifeboatD is not in the contract",
		"Get-LifeboatA -VM $x":                                      "Get-LifeboatA: it takes [Name VM], not [VM]",
		"Get-LifeboatA -VM $x -Nam 1":                               "Get-LifeboatA: it takes [Name VM], not [Nam VM]",
		"Get-LifeboatA @p":                                          "Get-LifeboatA: it takes [Name VM], not []",
		"if ($x) { Stop-LifeboatA -VM $x }":                         "Stop-LifeboatA: it acts, so no other function calls it",
		"Get-VM `\n -Id $x":                                         "line 1: '`' is not in the plain grammar",
		"Get-VM && Get-VM":                                          "line 1: '&' is not in the plain grammar",
		"$x ? 1 : 2":                                                "line 1: '?' is not in the plain grammar",
	} {
		found := strings.Join(c.findings(text, own, map[string]bool{}), "\n")
		if want == "" {
			require.Empty(t, found, text)
		} else {
			require.Contains(t, found, want, text)
		}
	}
}

// A changing cmdlet never waits for a person, and no cmdlet's failure passes
// for an answer, but where Find-LifeboatRelations asks again.
func TestEveryCmdletStopsOnFailureAndAsksNobody(t *testing.T) {
	c := readContract(t)
	for name, text := range scriptFiles(t) {
		g, err := readScript(text)
		require.NoError(t, err)
		for _, call := range commands(g) {
			cmdlet, known := c.Cmdlets[call.name]
			if !known {
				continue
			}
			given := slices.Clone(call.params)
			for _, splat := range call.splats {
				always, _ := splatted(g, splat)
				given = append(given, always...)
			}
			require.Contains(t, given, "ErrorAction", "%s: %s", name, call.name)
			if _, asks := cmdlet.Params["Confirm"]; asks && !strings.HasPrefix(call.name, "Test-") {
				require.Contains(t, given, "Confirm", "%s: %s", name, call.name)
			}
		}
		if strings.Contains(text, "SilentlyContinue") {
			require.Equal(t, "Find-LifeboatRelations", name)
		}
	}
}

func TestTheLibraryIsEveryScriptAndHoldsNoValue(t *testing.T) {
	require.Len(t, LibraryHash(), 64)
	for name, text := range scriptFiles(t) {
		require.Contains(t, Library(), strings.TrimSpace(text), name)
		require.True(t, isASCII(text), "%s: a host reads its own code page", name)
	}
	_, err := json.Marshal(Library())
	require.NoError(t, err)
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] > 126 {
			return false
		}
	}
	return true
}
