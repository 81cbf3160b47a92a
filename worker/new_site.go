package worker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Typed are passwords that somebody typed, by the references that stand for them
// until they are kept in files.
type Typed map[plans.SecretRef]string

// Account is whose password has to be kept.
type Account struct {
	User, Domain string
	Typed        plans.SecretRef
}

// name is the account as the name of a file.
func (a Account) name() string {
	text := a.User
	if a.Domain != "" {
		text += "@" + a.Domain
	}
	text = strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || strings.ContainsRune("-_.@", r)) {
			return r
		}
		return '-'
	}, text)
	return strings.TrimLeft(text, ".")
}

// NewSite is what was written into a folder.
type NewSite struct {
	File    string
	Secrets []string
}

// WriteNew writes a configuration into a folder, which may exist, as lifeboat.yaml,
// which may not. Passwords that were typed go into files of their own first; text is
// then asked for the configuration, with the references to use. Nothing that is there
// is overwritten, and what cannot be finished leaves no file.
func WriteNew(dir string, accounts []Account, typed Typed, text func(map[plans.SecretRef]plans.SecretRef) ([]byte, error)) (site NewSite, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return site, err
	}
	var made []string
	defer func() {
		if err == nil {
			return
		}
		for _, name := range made {
			_ = os.Remove(name)
		}
		site = NewSite{}
	}()
	refs := map[plans.SecretRef]plans.SecretRef{}
	for _, a := range accounts {
		ref, fresh, err := keepSecret(dir, a.name(), typed[a.Typed])
		if err != nil {
			return site, err
		}
		refs[a.Typed] = ref
		name := filepath.Join(dir, filepath.FromSlash(strings.TrimPrefix(string(ref), "file:")))
		site.Secrets = append(site.Secrets, name)
		if fresh {
			made = append(made, name)
		}
	}
	config, err := text(refs)
	if err != nil {
		return site, err
	}
	site.File = filepath.Join(dir, "lifeboat.yaml")
	return site, writeFresh(site.File, config, 0o644)
}

// keepSecret writes a password into a file of the folder secrets that was not there,
// for its owner alone. One that holds the same already, and that nobody else may read,
// is taken.
func keepSecret(dir, name, password string) (ref plans.SecretRef, fresh bool, err error) {
	if err := os.MkdirAll(filepath.Join(dir, "secrets"), 0o700); err != nil {
		return "", false, err
	}
	for n, base := 2, name; n < 100; n++ {
		ref = plans.SecretRef("file:secrets/" + name)
		err := writeFresh(filepath.Join(dir, "secrets", name), []byte(password+"\n"), 0o600)
		if !errors.Is(err, fs.ErrExist) {
			return ref, err == nil, err
		}
		if there, err := (secrets{dir}).resolve(ref); err == nil && there == password {
			return ref, false, nil
		}
		name = fmt.Sprintf("%s-%d", base, n)
	}
	return "", false, fmt.Errorf("%s is full of other passwords of %s", filepath.Join(dir, "secrets"), name)
}

// writeFresh writes a file that was not there.
func writeFresh(name string, text []byte, mode os.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		_ = f.Close()
		_ = os.Remove(name)
		return err
	}
	return f.Close()
}
