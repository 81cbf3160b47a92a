package worker

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// ErrChanged is that somebody else changed a file since it was read.
var ErrChanged = errors.New("was changed by somebody else meanwhile")

// ReadFiles reads the files of a configuration as they stand, valid or not.
func ReadFiles(path string) ([]plans.File, error) {
	_, files, err := readFiles(path)
	return files, err
}

// RewriteFiles puts changed files of a configuration in the place of those that
// were read, and names them. Nothing is written unless the whole would be valid
// (else the error is plans.Errors) and each still holds what was read (else it
// is ErrChanged).
func RewriteFiles(files, changed []plans.File) ([]string, error) {
	if _, err := plans.Decode(plans.Replaced(files, changed)); err != nil {
		return nil, err
	}
	return put(files, changed)
}

// EditFiles is RewriteFiles for files that may not have been valid before: they are
// written unless the change adds an error. left is what stays wrong.
func EditFiles(files, changed []plans.File) (names []string, left plans.Errors, err error) {
	if left, err = plans.CheckRewrite(files, changed); err != nil {
		return nil, nil, err
	}
	names, err = put(files, changed)
	return names, left, err
}

func put(files, changed []plans.File) ([]string, error) {
	var names []string
	for _, f := range changed {
		i := slices.IndexFunc(files, func(was plans.File) bool { return was.Name == f.Name })
		if i < 0 {
			return names, fmt.Errorf("%s is no file of the configuration", f.Name)
		}
		if err := Rewrite(f.Name, files[i].Data, f.Data); err != nil {
			return names, err
		}
		names = append(names, f.Name)
	}
	return names, nil
}

// Rewrite puts a text in the place of the one that a file holds, if it still holds
// that one. An engine that reads the file finds the old text or the new one, never
// half of one and never none; the old text stays beside it, as .before.
func Rewrite(path string, was, text []byte) error {
	// What a link leads to is replaced, not the link.
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	fresh, err := besides(path, text, info.Mode().Perm())
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(fresh) }()
	before, err := besides(path, was, info.Mode().Perm())
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(before) }()
	now, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, was) {
		return fmt.Errorf("%s %w", path, ErrChanged)
	}
	if err := os.Rename(before, path+".before"); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

// besides writes a text into a new file of the same folder, where no reader of
// configurations looks, and waits until the disk has it.
func besides(path string, text []byte, mode os.FileMode) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}
