package plans

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxFile bounds a configuration file: the largest plans are far smaller.
const maxFile = 16 << 20

// Decode reads configuration files as one and validates the whole. An error is
// Errors: everything that is wrong, each with its place and remedy, but nothing that
// may be wrong only because something else could not be read.
func Decode(files []File) (*Config, error) {
	cfg, at, found := readAll(files)
	if found = append(found, validate(cfg, at)...); len(found) > 0 {
		return nil, found.sorted()
	}
	setDefaults(cfg)
	return cfg, nil
}

// readAll reads files as one, as far as they can be read.
func readAll(files []File) (*Config, places, Errors) {
	cfg, at := &Config{}, places{}
	var found Errors
	for _, file := range files {
		part, partPlaces, errs := decodeFile(file)
		found = append(found, errs...)
		found = append(found, twice(cfg, at, part, partPlaces)...)
		merge(cfg, at, part, partPlaces)
	}
	return cfg, at, found
}

func decodeFile(file File) (*Config, places, Errors) {
	b := &binder{file: file, places: places{}}
	cfg := &Config{}
	if len(file.Data) > maxFile {
		return unread(Errors{{File: file.Name, Line: 1, Column: 1, Field: "file", Problem: "is larger than 16 MB", Remedy: "split it"}})
	}
	tree, err := parse(file.Data)
	if err != nil {
		return unread(Errors{syntaxError(file, err)})
	}
	for _, doc := range tree.Docs {
		if doc.Body == nil {
			continue
		}
		if _, comment := doc.Body.(*ast.CommentGroupNode); comment {
			continue
		}
		ast.Walk(b, doc.Body)
		b.bind(doc.Body, reflect.ValueOf(cfg).Elem(), "")
	}
	if b.bound >= maxValues {
		return unread(b.errors)
	}
	return cfg, b.places, b.errors
}

// unread is a file of which nothing could be read: it may hold anything.
func unread(errs Errors) (*Config, places, Errors) {
	at := places{}
	at.loseAll("", fieldsOf(reflect.TypeFor[Config]()), nil)
	return &Config{}, at, errs
}

// parse guards against panics of the parser on hostile input: a plan file that
// cannot be read is an error, never a crash. Lines that end as on Windows are given
// to it as others are: it counts some of them twice.
func parse(data []byte) (tree *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("cannot be read as YAML: %v", r)
		}
	}()
	return parser.ParseBytes(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), 0)
}

func syntaxError(file File, err error) *Error {
	e := &Error{File: file.Name, Line: 1, Column: 1, Field: "file", Problem: err.Error(), Remedy: "mend the YAML: indentation, quotes and colons"}
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) && syntax.Token != nil {
		e.Line, e.Column, e.Problem = syntax.Token.Position.Line, syntax.Token.Position.Column, syntax.Message
		e.Snippet = snippet(file.Data, e.Line, e.Column)
	}
	return e
}

// twice refuses what may stand in one file only.
func twice(cfg *Config, at places, part *Config, partPlaces places) Errors {
	var found Errors
	for _, one := range []struct {
		field string
		both  bool
	}{
		{"version", cfg.Version != 0 && part.Version != 0}, {"lab", cfg.Lab != nil && part.Lab != nil},
		{"alerts", cfg.Alerts != nil && part.Alerts != nil}, {"repair", cfg.Repair != nil && part.Repair != nil},
		{"orphans", cfg.Orphans != nil && part.Orphans != nil},
	} {
		if !one.both {
			continue
		}
		here, there := partPlaces[one.field], at[one.field]
		found = append(found, &Error{File: here.file.Name, Line: here.line, Column: here.column, Field: one.field,
			Problem: fmt.Sprintf("is written in %s and in %s", there.file.Name, here.file.Name), Remedy: "keep it in one of them"})
		at.lose(one.field)
		partPlaces.lose(one.field)
	}
	return found
}

// merge appends a file's lists; version, alerts, repair, orphans and lab may stand in one
// file only. A list is lost where a part of it is, anything else where no file has it.
func merge(cfg *Config, at places, part *Config, partPlaces places) {
	shift := map[string]int{"sites": len(cfg.Sites), "hosts": len(cfg.Hosts), "networks": len(cfg.Networks), "groups": len(cfg.Groups), "plans": len(cfg.Plans), "drills": len(cfg.Drills), "canaries": len(cfg.Canaries)}
	for path, where := range partPlaces {
		path = shifted(path, shift)
		before, there := at[path]
		if _, list := shift[path]; list && there {
			before.lost = before.lost || where.lost
			where = before
		} else if there && where.lost {
			where = before
		}
		at[path] = where
	}
	if part.Version != 0 {
		cfg.Version = part.Version
	}
	if part.Lab != nil {
		cfg.Lab = part.Lab
	}
	if part.Alerts != nil {
		cfg.Alerts = part.Alerts
	}
	if part.Repair != nil {
		cfg.Repair = part.Repair
	}
	if part.Orphans != nil {
		cfg.Orphans = part.Orphans
	}
	cfg.Sites = append(cfg.Sites, part.Sites...)
	cfg.Hosts = append(cfg.Hosts, part.Hosts...)
	cfg.Networks = append(cfg.Networks, part.Networks...)
	cfg.Groups = append(cfg.Groups, part.Groups...)
	cfg.Plans = append(cfg.Plans, part.Plans...)
	cfg.Drills = append(cfg.Drills, part.Drills...)
	cfg.Canaries = append(cfg.Canaries, part.Canaries...)
}

// shifted renumbers the first index of a path: the third file's plans[0] is
// the whole configuration's plans[2].
func shifted(path string, shift map[string]int) string {
	var name string
	var i int
	for j, r := range path {
		if r == '[' {
			name = path[:j]
			break
		}
	}
	if name == "" {
		return path
	}
	var rest string
	if n, _ := fmt.Sscanf(path[len(name):], "[%d]", &i); n != 1 {
		return path
	}
	for j, r := range path {
		if r == ']' {
			rest = path[j+1:]
			break
		}
	}
	return fmt.Sprintf("%s[%d]%s", name, i+shift[name], rest)
}

// The defaults of what may be left out.
const (
	DefaultActLanes       = 4
	DefaultParallel       = 4
	DefaultShutdownWithin = Duration(10 * 60 * 1e9)
	DefaultGateWithin     = Duration(10 * 60 * 1e9)
)

func setDefaults(cfg *Config) {
	setAlertDefaults(cfg.Alerts)
	setDrillDefaults(cfg.Drills)
	setCanaryDefaults(cfg.Canaries)
	for i := range cfg.Hosts {
		h := &cfg.Hosts[i]
		h.WinRM.Transport = orWord(h.WinRM.Transport, "https")
		h.WinRM.Auth = orWord(h.WinRM.Auth, "ntlm")
		h.ReplicaName = orWord(h.ReplicaName, h.Name)
		if h.ActLanes == 0 {
			h.ActLanes = DefaultActLanes
		}
	}
	for i := range cfg.Groups {
		cfg.Groups[i].Authentication = orWord(cfg.Groups[i].Authentication, "kerberos")
	}
	for i := range cfg.Plans {
		p := &cfg.Plans[i]
		if p.Reverse == "" {
			p.Reverse = ReverseAfterGates
		}
		for _, limit := range []*int{&p.Limits.Shutdown, &p.Limits.Move, &p.Limits.Start} {
			if *limit == 0 {
				*limit = DefaultParallel
			}
		}
		if p.Limits.ShutdownWithin == 0 {
			p.Limits.ShutdownWithin = DefaultShutdownWithin
		}
	}
}

func orWord(text, standard string) string {
	if text == "" {
		return standard
	}
	return text
}
