package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Formats are the files that an export can write, with their endings.
func Formats() []string { return []string{"html", "json", "csv"} }

// File is an exported file.
type File struct {
	Path string `json:"path"`
	// Same is true when it was there already, as it would have been written.
	Same bool `json:"same,omitempty"`
	body []byte
}

// ErrThere says that another file is where an export would write.
var ErrThere = errors.New("it is there already, with other content")

// Export writes a report into a folder. Nothing is written over: where a file of
// that name has other content, nothing is written at all.
func Export(dir string, formats []string, e plans.Evidence, k Key) ([]File, error) {
	bodies, err := render(e, k)
	if err != nil {
		return nil, err
	}
	var files []File
	for _, format := range Formats() {
		if !slices.Contains(formats, format) {
			continue
		}
		f := File{Path: filepath.Join(dir, baseName(e)+"."+format), body: bodies[format]}
		have, err := os.ReadFile(f.Path)
		switch {
		case err == nil && !bytes.Equal(have, f.body):
			return nil, fmt.Errorf("%s: %w: somebody added to the report since, or another program wrote it. Name another folder", f.Path, ErrThere)
		case err == nil:
			f.Same = true
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
		files = append(files, f)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for _, f := range files {
		if f.Same {
			continue
		}
		if err := writeWhole(f.Path, f.body); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// writeWhole leaves either the whole file or none.
func writeWhole(name string, body []byte) error {
	part, err := os.CreateTemp(filepath.Dir(name), ".lifeboat-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(part.Name()) }()
	_, err = part.Write(body)
	if err = errors.Join(err, part.Chmod(0o644), part.Sync(), part.Close()); err != nil {
		return err
	}
	return os.Rename(part.Name(), name)
}

func render(e plans.Evidence, k Key) (map[string][]byte, error) {
	rows, err := table(e)
	if err != nil {
		return nil, err
	}
	text, err := k.sealJSON(e, rows)
	if err != nil {
		return nil, err
	}
	page, err := Page(e, k.Public())
	if err != nil {
		return nil, err
	}
	return map[string][]byte{"csv": rows, "json": text, "html": k.sealHTML(e, page)}, nil
}

// baseName is the number, for one tenant's copy with the tenant. A name that cannot
// be part of a file's on every system is told from others by its hash.
func baseName(e plans.Evidence) string {
	if e.Tenant == "" {
		return e.Number
	}
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, e.Tenant)
	if name != e.Tenant {
		name += "-" + sumOf([]byte(e.Tenant))[:6]
	}
	return e.Number + "-" + name
}
