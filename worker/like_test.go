package worker

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Of two files both are written or none: the second was changed by somebody else, and
// the first holds again what it held.
func TestAVMIsWrittenIntoAllFilesOrNone(t *testing.T) {
	dir := t.TempDir()
	name := func(n string) string { return filepath.Join(dir, n) }
	base := "version: 1\nsites: [{name: a}, {name: b}]\nhosts:\n- {name: A, site: a, address: 10.1.0.5, winrm: {user: u, secret: \"env:X\"}}\n"
	for n, text := range map[string]string{"a.yaml": base, "b.yaml": "# one\n"} {
		if err := os.WriteFile(name(n), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := ReadFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	look := LikeLook{files: files, changed: []plans.File{{Name: name("a.yaml"), Data: []byte("# new\n" + base)}, {Name: name("b.yaml"), Data: []byte("# two\n")}}}
	if err := os.WriteFile(name("b.yaml"), []byte("# by somebody else\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	left, err := look.Write()
	if !errors.Is(err, ErrChanged) || len(left) != 0 {
		t.Fatalf("%v, %v", left, err)
	}
	for n, want := range map[string]string{"a.yaml": base, "b.yaml": "# by somebody else\n"} {
		if got, _ := os.ReadFile(name(n)); string(got) != want {
			t.Errorf("%s holds %q", n, got)
		}
	}
}
