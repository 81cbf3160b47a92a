package plans

import "slices"

// Replaced are files with the changed ones in their places.
func Replaced(files, changed []File) []File {
	after := slices.Clone(files)
	for i := range after {
		if n := slices.IndexFunc(changed, func(f File) bool { return f.Name == after[i].Name }); n >= 0 {
			after[i] = changed[n]
		}
	}
	return after
}

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
