package plans

import "slices"

// FilesWithPlan names the files that have a plan of this name, or, without one, any
// plan; of a file that is not valid as far as it can be read.
func FilesWithPlan(files []File, name string) []string {
	var names []string
	for _, f := range files {
		cfg, _, _ := decodeFile(f)
		if slices.ContainsFunc(cfg.Plans, func(p RecoveryPlan) bool { return name == "" || p.Name == name }) {
			names = append(names, f.Name)
		}
	}
	return names
}
