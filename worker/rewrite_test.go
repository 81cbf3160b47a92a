package worker

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/plans"
)

func written(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func holds(t *testing.T, path, want string) {
	t.Helper()
	if text, err := os.ReadFile(path); err != nil || string(text) != want {
		t.Errorf("%s holds %q (%v), want %q", filepath.Base(path), text, err, want)
	}
}

// left are the names in a file's folder beside its own and the one of its old text.
func left(t *testing.T, path string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if e.Name() != filepath.Base(path) && e.Name() != filepath.Base(path)+".before" {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestRewriteReplacesWhatIsUnchanged(t *testing.T) {
	path := written(t, "site.yaml", "old", 0o640)
	if err := Rewrite(path, []byte("old"), []byte("new")); err != nil {
		t.Fatal(err)
	}
	holds(t, path, "new")
	holds(t, path+".before", "old")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode is %v (%v)", info.Mode(), err)
	}
	if names := left(t, path); len(names) > 0 {
		t.Errorf("left behind: %q", names)
	}
}

// What somebody else wrote meanwhile is not lost.
func TestRewriteRefusesWhatWasChanged(t *testing.T) {
	path := written(t, "site.yaml", "somebody's", 0o600)
	if err := Rewrite(path, []byte("old"), []byte("new")); !errors.Is(err, ErrChanged) {
		t.Errorf("it says %v", err)
	}
	holds(t, path, "somebody's")
	if _, err := os.Stat(path + ".before"); err == nil {
		t.Error("a .before was written though nothing was replaced")
	}
	if names := left(t, path); len(names) > 0 {
		t.Errorf("left behind: %q", names)
	}
}

func TestRewriteFollowsALink(t *testing.T) {
	path := written(t, "real.yaml", "old", 0o600)
	link := filepath.Join(t.TempDir(), "site.yaml")
	if err := os.Symlink(path, link); err != nil {
		t.Skip(err)
	}
	if err := Rewrite(link, []byte("old"), []byte("new")); err != nil {
		t.Fatal(err)
	}
	holds(t, path, "new")
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone (%v)", err)
	}
}

func TestRewriteFilesWritesNothingInvalid(t *testing.T) {
	path := written(t, "site.yaml", "version: 1\n", 0o600)
	files := []plans.File{{Name: path, Data: []byte("version: 1\n")}}
	_, err := RewriteFiles(files, []plans.File{{Name: path, Data: []byte("version: 1\nsitse: []\n")}})
	var invalid plans.Errors
	if !errors.As(err, &invalid) || !strings.Contains(err.Error(), "sitse") {
		t.Errorf("it says %v", err)
	}
	holds(t, path, "version: 1\n")
	if names := left(t, path); len(names) > 0 {
		t.Errorf("left behind: %q", names)
	}
}

// Of two files that are both invalid each can be mended for itself; an edit that adds
// an error changes nothing.
func TestEditFilesMendsOneAfterAnother(t *testing.T) {
	first, second := written(t, "a.yaml", "version: 1\nsitse: []\n", 0o600), written(t, "b.yaml", "hsots: []\n", 0o600)
	edit := func(path, text string) (plans.Errors, error) {
		var files []plans.File
		for _, name := range []string{first, second} {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, plans.File{Name: name, Data: data})
		}
		_, left, err := EditFiles(files, []plans.File{{Name: path, Data: []byte(text)}})
		return left, err
	}
	var invalid plans.Errors
	if _, err := edit(first, "version: 1\nfrob: []\n"); !errors.As(err, &invalid) || len(invalid) != 1 || invalid[0].File != first {
		t.Errorf("another error was taken: %v", err)
	}
	holds(t, first, "version: 1\nsitse: []\n")
	left, err := edit(first, "version: 1\n")
	if err != nil || len(left) != 2 || left[0].Field != "hsots" || left[1].Field != "sites" { // which are nowhere
		t.Errorf("left %v, %v", left, err)
	}
	holds(t, first, "version: 1\n")
	holds(t, first+".before", "version: 1\nsitse: []\n")
	if _, err = edit(second, "hosts: []\n"); err != nil {
		t.Error(err)
	}
	holds(t, second, "hosts: []\n")
}
