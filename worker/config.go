package worker

import (
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
}

// LoadConfiguration reads one YAML file or all *.yaml and *.yml files of a
// folder as one configuration. Every error of every file comes at once, as
// plans.Errors.
func LoadConfiguration(path string) (*Configuration, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("configuration %s: %w (name it with --config or LIFEBOAT_CONFIG)", path, err)
	}
	dir, names := filepath.Dir(path), []string{path}
	if info.IsDir() {
		if dir, names = path, yamlFiles(path); len(names) == 0 {
			return nil, fmt.Errorf("configuration %s: no .yaml file in this folder", path)
		}
	}
	files := make([]plans.File, 0, len(names))
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("configuration: %w", err)
		}
		files = append(files, plans.File{Name: name, Data: data})
	}
	config, err := plans.Decode(files)
	if err != nil {
		return nil, err
	}
	return &Configuration{Config: config, Dir: dir}, nil
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
