package evidence

import (
	"errors"
	"strings"
	"testing"
)

// Base64 has spare bits in its last letter, and readers skip line breaks: another
// spelling of a good signature is a changed file all the same.
func TestASignatureHasOneSpelling(t *testing.T) {
	dir, key := exported(t, named("VM"))
	for _, ending := range []string{"html", "json"} {
		file := read(t, dir, ending)
		seal, err := Open(file)
		if err != nil || seal.Key != key.Public().String() {
			t.Fatal(err)
		}
		last := len(seal.Signature) - 3 // before ==
		for _, other := range []string{
			seal.Signature[:last] + string(seal.Signature[last]+1) + "==", seal.Signature[:8] + `\n` + seal.Signature[8:],
		} {
			bad := strings.Replace(string(file), seal.Signature, other, 1)
			if _, err := Open([]byte(bad)); bad == string(file) || !errors.Is(err, ErrNotAsSigned) {
				t.Errorf("%s: the signature written as %s: %v", ending, other, err)
			}
		}
	}
}
