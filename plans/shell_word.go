package plans

import (
	"strings"
	"unicode"
)

// ShellWord quotes a name so that it can be pasted into a shell. Between double quotes
// cmd, PowerShell and sh read the same; what one of them reads inside those stands
// between single ones, as sh wants it.
func ShellWord(s string) string {
	special := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_./", r)
	}
	switch {
	case s != "" && !strings.ContainsFunc(s, special):
		return s
	case !strings.ContainsAny(s, "\"$`\\!%"):
		return `"` + s + `"`
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
