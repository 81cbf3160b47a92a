package hyperv

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"strings"
	"sync"
)

//go:embed scripts/*.ps1
var scripts embed.FS

var library = sync.OnceValue(func() string {
	names, err := fs.Glob(scripts, "scripts/*.ps1")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	var text strings.Builder
	for _, name := range names {
		script, err := scripts.ReadFile(name)
		if err != nil {
			panic(err) // embedded in this binary
		}
		text.WriteString(strings.TrimRight(strings.ReplaceAll(string(script), "\r\n", "\n"), "\n"))
		text.WriteString("\n\n")
	}
	return text.String()
})

// Library is the text of every function in scripts/, in the order of their
// names. A session loads it once; it holds no values.
func Library() string { return library() }

// LibraryHash is the SHA-256 of Library in hexadecimal: it tells which text a
// host ran, and can be allow-listed.
func LibraryHash() string {
	sum := sha256.Sum256([]byte(Library()))
	return hex.EncodeToString(sum[:])
}
