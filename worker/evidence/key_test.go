package evidence

import (
	"os"
	"path/filepath"
	"testing"
)

// The public half follows the key: where one was killed between the two files, and
// where the key was moved away for a new one, as an error advises.
func TestThePublicKeyIsTheKeysOwn(t *testing.T) {
	dir := t.TempDir()
	first, err := FolderKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	follows := func(when string) Key {
		t.Helper()
		k, err := FolderKey(dir)
		public, err2 := FolderPublicKey(dir)
		if err != nil || err2 != nil || !public.Same(k.Public()) {
			t.Fatalf("%s: %v, %v, the public key is %s, not %s", when, err, err2, public, k.Public())
		}
		return k
	}
	if err := os.Remove(filepath.Join(dir, publicFile)); err != nil {
		t.Fatal(err)
	}
	if k := follows("killed between the two"); !k.Public().Same(first.Public()) {
		t.Error("another key was made")
	}
	if err := os.Rename(filepath.Join(dir, keyFile), filepath.Join(dir, "old.pem")); err != nil {
		t.Fatal(err)
	}
	if k := follows("a new key"); k.Public().Same(first.Public()) {
		t.Error("the old key came back")
	}
}
