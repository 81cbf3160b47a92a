package worker

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// secrets resolves references to secrets: env:NAME, or file:PATH relative to
// the configuration's folder.
type secrets struct{ dir string }

// resolve returns the secret itself. Errors name the reference, never the
// value.
func (s secrets) resolve(ref plans.SecretRef) (string, error) {
	kind, name, _ := strings.Cut(string(ref), ":")
	switch kind {
	case "env":
		value, ok := os.LookupEnv(name)
		if !ok || value == "" {
			return "", fmt.Errorf("secret %s: the environment variable %s is not set where the engine runs", ref, name)
		}
		return value, nil
	case "file":
		return s.fromFile(ref, name)
	}
	return "", fmt.Errorf("secret %q: write env:NAME or file:PATH", ref)
}

func (s secrets) fromFile(ref plans.SecretRef, name string) (string, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(s.dir, name)
	}
	info, err := os.Stat(name)
	if err != nil {
		return "", fmt.Errorf("secret %s: %w", ref, err)
	}
	// Windows keeps rights in ACLs that the mode does not show.
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("secret %s: %s may be read by others (mode %04o): chmod 600 it", ref, name, info.Mode().Perm())
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("secret %s: %w", ref, err)
	}
	value := strings.TrimRight(string(text), "\r\n")
	if value == "" {
		return "", fmt.Errorf("secret %s: %s is empty", ref, name)
	}
	return value, nil
}
