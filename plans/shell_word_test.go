package plans

import (
	"os/exec"
	"testing"
)

// A command that is shown can be pasted: the name arrives as it is.
func TestAShellReadsANameAsItIs(t *testing.T) {
	for name, want := range map[string]string{
		"northgate-site-loss": "northgate-site-loss", "Büro": "Büro", "": `""`,
		"site loss": `"site loss"`, "Müller's plan (alles)": `"Müller's plan (alles)"`, "a;b&c|d": `"a;b&c|d"`,
		"it's $(rm)": `'it'\''s $(rm)'`, `"HQ"`: `'"HQ"'`, "100 %": "'100 %'", "a`b\\": "'a`b\\'",
	} {
		if got := ShellWord(name); got != want {
			t.Errorf("%q is written %s, want %s", name, got, want)
		}
		out, err := exec.Command("sh", "-c", "printf %s "+ShellWord(name)).Output()
		if err != nil {
			t.Skipf("no sh: %v", err)
		}
		if string(out) != name {
			t.Errorf("%q is read as %q", name, out)
		}
	}
}
