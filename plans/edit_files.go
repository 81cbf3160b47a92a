package plans

import (
	"errors"
	"regexp"
	"slices"
)

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

// CheckRewrite checks the configuration that changed files would make of files which
// may not have been valid before: the error is Errors, those that the change adds.
// left is what stays wrong and was wrong before; several files are mended one after
// another.
func CheckRewrite(files, changed []File) (left Errors, err error) {
	_, err = Decode(Replaced(files, changed))
	var now Errors
	if !errors.As(err, &now) {
		return nil, err
	}
	// What stood behind an error that kept a value from being read was wrong as well.
	cfg, at, was := readAll(files)
	before := map[wrong]int{}
	for _, e := range append(was, validate(cfg, at.found())...) {
		before[wrongOf(e)]++
	}
	var added Errors
	for _, e := range now {
		if is := wrongOf(e); before[is] > 0 {
			before[is]--
			left = append(left, e)
		} else {
			added = append(added, e)
		}
	}
	if len(added) > 0 {
		return nil, added
	}
	return left, nil
}

// wrong is an error wherever an edit has moved it to.
type wrong struct{ file, field, problem string }

var indexes = regexp.MustCompile(`\[\d+\]`)

func wrongOf(e *Error) wrong {
	return wrong{e.File, indexes.ReplaceAllString(e.Field, "[]"), e.Problem}
}
