package worker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Configuration is a decoded configuration and where it came from.
type Configuration struct {
	*plans.Config
	// Dir is the folder that relative paths (secrets, authorities) start from.
	Dir string
	// Path is the file or folder that was read.
	Path string
}

// LoadConfiguration reads one YAML file or all *.yaml and *.yml files of a
// folder as one configuration. Every error of every file comes at once, as
// plans.Errors.
func LoadConfiguration(path string) (*Configuration, error) {
	dir, files, err := readFiles(path)
	if err != nil {
		return nil, err
	}
	config, err := plans.Decode(files)
	if err != nil {
		return nil, err
	}
	return &Configuration{Config: config, Dir: dir, Path: path}, nil
}

func readFiles(path string) (dir string, files []plans.File, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", nil, fmt.Errorf("configuration %s: %w. Name it with --config or LIFEBOAT_CONFIG; lifeboat init writes one", path, err)
	}
	dir, names := filepath.Dir(path), []string{path}
	if info.IsDir() {
		if dir, names = path, yamlFiles(path); len(names) == 0 {
			return "", nil, fmt.Errorf("configuration %s: no .yaml file in this folder", path)
		}
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return "", nil, fmt.Errorf("configuration: %w", err)
		}
		files = append(files, plans.File{Name: name, Data: data})
	}
	return dir, files, nil
}

// RenameHost writes one host's name in place of another's in the groups of a
// configuration, whole or not at all, and says which files changed. What stood
// there before is kept beside each, as .before.
func RenameHost(path, lost, fresh string) ([]string, error) {
	_, files, err := readFiles(path)
	if err != nil {
		return nil, err
	}
	changed, err := plans.RenameHost(files, lost, fresh)
	if err != nil {
		return nil, err
	}
	names, err := RewriteFiles(files, changed)
	var invalid plans.Errors
	if errors.As(err, &invalid) {
		return nil, fmt.Errorf("with %s in place of %s the configuration would not be valid, so nothing was written: %w", fresh, lost, err)
	}
	return names, err
}

func yamlFiles(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		ext := strings.ToLower(filepath.Ext(e.Name()))
		if !e.IsDir() && (ext == ".yaml" || ext == ".yml") && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	sort.Strings(names)
	return names
}

// Speed is how much faster than real time the hosts live: 1 but in a lab.
func (c *Configuration) Speed() float64 {
	if c.Lab == nil || c.Lab.Speed <= 0 {
		return 1
	}
	return c.Lab.Speed
}

// Plan finds a recovery plan by its name.
func (c *Configuration) Plan(name string) (*plans.RecoveryPlan, error) {
	known := make([]string, 0, len(c.Plans))
	for i := range c.Plans {
		if c.Plans[i].Name == name {
			return &c.Plans[i], nil
		}
		known = append(known, c.Plans[i].Name)
	}
	if len(known) == 0 {
		return nil, fmt.Errorf("no plan %q: the configuration in %s has no plan", name, c.Dir)
	}
	return nil, fmt.Errorf("no plan %q: the configuration in %s has %s", name, c.Dir, strings.Join(known, ", "))
}
