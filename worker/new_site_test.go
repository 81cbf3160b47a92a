package worker

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/lifeboat-dr/lifeboat/plans"
)

const typedRef = plans.SecretRef("file:typed:1")

func writeSite(dir, password string, fails error) (site NewSite, ref plans.SecretRef, err error) {
	site, err = WriteNew(dir, []Account{{User: `../x/user`, Domain: "DOM", Typed: typedRef}}, Typed{typedRef: password}, func(refs map[plans.SecretRef]plans.SecretRef) ([]byte, error) {
		ref = refs[typedRef]
		return []byte("version: 1\n"), fails
	})
	return site, ref, err
}

// A password lies in a file of its own, for its owner alone, in the folder and under
// the reference that stands in the configuration, whatever the account is called.
func TestTypedPasswordsAreKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "site")
	site, ref, err := writeSite(dir, "s3cret", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := (secrets{dir}).resolve(ref); err != nil || got != "s3cret" {
		t.Errorf("%s is %q (%v)", ref, got, err)
	}
	if len(site.Secrets) != 1 || filepath.Dir(site.Secrets[0]) != filepath.Join(dir, "secrets") {
		t.Errorf("written: %q", site.Secrets)
	}
	holds(t, site.File, "version: 1\n")
	if runtime.GOOS == "windows" {
		return
	}
	for path, want := range map[string]os.FileMode{filepath.Join(dir, "secrets"): 0o700, site.Secrets[0]: 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v (%v), want %v", path, info.Mode(), err, want)
		}
	}
}

// What is there is never overwritten, neither a password nor a configuration, and what
// could not be finished is gone again.
func TestWriteNewOverwritesNothing(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "secrets", Account{User: `../x/user`, Domain: "DOM"}.name())
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte("somebody's\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := writeSite(dir, "s3cret", errors.New("no")); err == nil {
		t.Fatal("it did not say that there is no configuration")
	}
	if _, err := os.Stat(name + "-2"); err == nil {
		t.Error("a password was left of what was not finished")
	}
	site, _, err := writeSite(dir, "s3cret", nil)
	if err != nil || site.Secrets[0] != name+"-2" {
		t.Fatalf("written: %q (%v)", site.Secrets, err)
	}
	holds(t, name, "somebody's\n")
	if _, _, err := writeSite(dir, "third", nil); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second configuration: %v", err)
	}
	holds(t, site.File, "version: 1\n")
	holds(t, name+"-2", "s3cret\n")
	if _, err := os.Stat(name + "-3"); err == nil {
		t.Error("a password was left of what was refused")
	}
	if err := os.Remove(site.File); err != nil {
		t.Fatal(err)
	}
	if site, _, err = writeSite(dir, "s3cret", nil); err != nil || site.Secrets[0] != name+"-2" {
		t.Errorf("the same password: %q (%v)", site.Secrets, err)
	}
}
