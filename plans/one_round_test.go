package plans

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml/ast"
)

var roundSeed = flag.Uint64("round-seed", 0, "what TestAllErrorsComeInOneRound breaks; 0 is something new")

// Everything that a plan's file seldom has, beside testdata/good/northgate.yaml.
const roundExtras = `drills:
  - {name: weekly, plan: northgate, cron: "0 6 * * SUN", timezone: Europe/Dublin, hold: 30m, stages: [identity, rest], blackout: [month-end 3]}
  - name: monthly
    plan: northgate
    cron: "0 6 * * SAT"
    weeks: [1, -1]
    within: 1h
    hold: 20m
    criteria: [{must: vms-up}, {rto: 2h}, {ask: "Do the tills work?", who: Dana}]
canaries:
  - {name: night, host: NG-HV01, to: NG-HV02, cron: "30 2 * * *"}
repair: {resume: allow, window: 22:00-05:00, timezone: UTC}
orphans: {after: 24h, clean: [quarantine], cron: "0 6 * * 1"}
alerts:
  channels:
    - {name: post, mail: {server: "mail.northgate.example:587", from: a@northgate.example, to: [b@northgate.example], user: u, secret: "env:M"}}
    - {name: phone, plans: [northgate], ntfy: {address: "https://push.northgate.example/t", token: "env:T"}}
  to: [post]
  people: [{name: Dana, channels: [post, phone], mail: dana@northgate.example}]
  quiet: {from: "22:00", to: "06:30"}
  timezone: Europe/Dublin
`

// TestAllErrorsComeInOneRound breaks valid configurations in several places at once.
// Each place is told of in one round, and nothing else, but what refers to a
// name, a subnet or a stage that another place has hidden; and no mending of one
// brings up more than what that one may have hidden.
func TestAllErrorsComeInOneRound(t *testing.T) {
	seed := *roundSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("go test ./plans -run TestAllErrorsComeInOneRound -round-seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	northgate := read(t, "testdata/good/northgate.yaml")
	northgate.Data = []byte(strings.NewReplacer(
		"rpo: 15m\n", "rpo: 15m\n    repair: {window: 01:00-02:00, timezone: UTC}\n",
		"vSwitch-TEST", "vSwitch-TEST, test_subnet: 172.31.10.0/24",
		"nics: [{network: office, ip: 10.10.10.20}]", "nics: [{adapter: one, network: office, ip: 10.10.10.20}, {adapter: two, network: office}]",
	).Replace(string(northgate.Data)))
	names := read(t, "testdata/good/names.yaml")
	names.Data = bytes.ReplaceAll(names.Data, []byte(" 🛶"), nil) // columns are letters, here bytes
	samples := [][]File{
		{northgate, {"extras.yaml", []byte(roundExtras)}},
		{names},
	}
	for _, files := range samples {
		spots := spotsOf(t, files)
		for range 100 {
			breaks := chooseBreaks(random, files, spots, 1+random.IntN(6))
			checkRound(t, files, breaks)
			if t.Failed() {
				t.Fatalf("broken are\n%s", list(breaks))
			}
		}
	}
}

func checkRound(t *testing.T, files []File, breaks []rift) {
	told := tellAll(t, files, breaks)
	for e := range told {
		if !slices.ContainsFunc(breaks, func(b rift) bool { return b.error() == e }) {
			t.Errorf("%s is told and not broken", e)
		}
	}
	for i, b := range breaks {
		rest := slices.Delete(slices.Clone(breaks), i, i+1)
		if !told[b.error()] && !slices.ContainsFunc(rest, b.hiddenBy) {
			t.Errorf("%s is broken and not told of", b)
		}
		mended := tellAll(t, files, rest)
		for _, o := range rest {
			if e := o.error(); mended[e] && !told[e] && !o.hiddenBy(b) {
				t.Errorf("mending %s brings up %s", b, e)
			}
		}
	}
}

// spot is a value of a file that can be broken.
type spot struct {
	file         string
	path, key    string
	line, column int // of the key, 0 for an item of a list
	at, last     int // the value's column, and the last line of it
	start        int // the value's first line
	node         ast.Node
	shared       bool // something in it is used elsewhere: it must not vanish
}

// spotsOf are the values of files, but those written once and used twice.
func spotsOf(t *testing.T, files []File) []spot {
	var all []spot
	for _, f := range files {
		tree, err := parse(f.Data)
		if err != nil {
			t.Fatal(err)
		}
		var add func(n ast.Node, key *ast.MappingValueNode, path string)
		add = func(n ast.Node, key *ast.MappingValueNode, path string) {
			switch n.(type) {
			case *ast.AnchorNode, *ast.AliasNode:
				for i := range all {
					all[i].shared = all[i].shared || standsIn(path, all[i].path)
				}
				return
			}
			if path != "" {
				all = append(all, spotOf(f, n, key, path))
			}
			if items, ok := n.(*ast.SequenceNode); ok {
				for i, item := range items.Values {
					add(item, nil, fmt.Sprintf("%s[%d]", path, i))
				}
			}
			pairs, _ := pairsOf(n)
			for _, pair := range pairs {
				add(pair.Value, pair, join(path, keyText(pair)))
			}
		}
		add(tree.Docs[0].Body, nil, "")
	}
	for i := range all {
		all[i].last = all[i].start
		for _, o := range all {
			if o.file == all[i].file && standsIn(o.path, all[i].path) {
				all[i].last = max(all[i].last, o.start)
			}
		}
	}
	return all
}

func spotOf(f File, n ast.Node, key *ast.MappingValueNode, path string) spot {
	s := spot{file: f.Name, path: path, node: n}
	s.start, s.at = position(n)
	if token := n.GetToken(); token.Value == "{" || token.Value == "[" {
		s.start, s.at = token.Position.Line, token.Position.Column
	}
	if key != nil {
		s.key = keyText(key)
		s.line, s.column = position(key.Key)
	}
	return s
}

func standsIn(path, whole string) bool {
	return strings.HasPrefix(path, whole+".") || strings.HasPrefix(path, whole+"[")
}

// rift is a spot and how it is broken: by text in place of the value, or of the key.
type rift struct {
	spot
	newKey, text string
	refers       string // what may hide it, a form of paths
}

func (r rift) String() string {
	return fmt.Sprintf("%s:%d %s (%s%s)", r.file, r.where(), r.path, r.newKey, r.text)
}

func (r rift) where() int {
	if r.newKey != "" || r.start > r.line && r.line > 0 {
		return r.line
	}
	return r.start
}

// error is how the error about it begins.
func (r rift) error() string {
	path := r.path
	if r.newKey != "" {
		path = strings.TrimSuffix(path, r.key) + r.newKey
	}
	return fmt.Sprintf("%s:%d %s", r.file, r.where(), path)
}

// What defines the names of each kind.
const (
	siteNames    = `sites|sites\[\d+\](\.name)?`
	hostNames    = `hosts|hosts\[\d+\](\.name)?`
	hostSites    = siteNames + `|` + hostNames + `|hosts\[\d+\]\.site`
	networkNames = `networks|networks\[\d+\](\.name)?`
	vmNames      = `groups|groups\[\d+\](\.vms(\[\d+\](\.name|\.id)?)?)?`
	planNames    = `plans|plans\[\d+\](\.name)?`
	stageNames   = planNames + `|plans\[\d+\]\.steps(\[\d+\](\.(stage|manual|notice))?)?|drills\[\d+\]\.plan`
	channelNames = `alerts\.channels(\[\d+\](\.name)?)?`
)

// untrue are values that can be read and cannot be, and what they refer to.
var untrue = []struct{ path, text, refers string }{
	{`version`, "2", ""},
	{`(sites|hosts)\[\d\]\.name`, `""`, ""},
	{`hosts\[\d\]\.site`, "nowhere", siteNames},
	{`hosts\[\d\]\.act_lanes`, "99", ""},
	{`hosts\[\d\]\.replica_name`, "10.1.1.1", ""},
	{`hosts\[\d\]\.winrm\.(user|secret)`, `""`, ""},
	{`hosts\[\d\]\.winrm\.transport`, "ftp", ""},
	{`hosts\[\d\]\.winrm\.port`, "70000", ""},
	{`networks\[\d\]\.sites\[\d\]\.site`, "nowhere", siteNames},
	{`networks\[\d\]\.sites\[\d\]\.subnet`, "10.0.0/99", ""},
	{`networks\[\d\]\.sites\[\d\]\.gateway`, "9.9.9.9", `networks\[\d\]\.sites\[\d\]\.subnet`},
	{`networks\[\d\]\.sites\[\d\]\.test_subnet`, "x", ""},
	{`networks\[\d\]\.sites\[\d\]\.dns\[\d\]`, "dns", ""},
	{`groups\[\d\]\.(from|to)`, "NOBODY", hostNames},
	{`groups\[\d\]\.recovery_points`, "99", ""},
	{`groups\[\d\]\.vms\[\d\]\.id`, "x", ""},
	{`groups\[\d\]\.vms\[\d\]\.name`, `""`, ""},
	{`groups\[\d\]\.vms\[\d\]\.nics\[\d\]\.network`, "nowhere", networkNames},
	{`groups\[\d\]\.vms\[\d\]\.nics\[\d\]\.ip`, "x", ""},
	{`groups\[\d\]\.vms\[\d\]\.nics\[\d\]\.ip`, "9.9.9.9", networkNames + `|networks\[\d\]\.sites(\[\d\](\.site|\.subnet)?)?|groups\[\d\]\.from|groups\[\d\]\.vms\[\d\]\.nics\[\d\]\.network|` + hostSites},
	{`groups\[\d\]\.repair\.window`, "x", ""},
	{`plans\[\d\]\.(from|to)`, "nowhere", siteNames},
	{`plans\[\d\]\.name`, `""`, ""},
	{`plans\[\d\]\.limits\.shutdown`, "99", ""},
	{`plans\[\d\]\.steps\[\d\]\.parallel`, "99", ""},
	{`plans\[\d\]\.steps\[\d\]\.manual\.text`, `""`, ""},
	{`plans\[\d\]\.steps\[\d\]\.vms\[\d\]\.(vm|after\[\d\])`, "NOBODY", vmNames},
	{`plans\[\d\]\.steps\[\d\]\.vms\[\d\]\.gates\[\d\]\.tcp\.ports\[\d\]`, "0", ""},
	{`plans\[\d\]\.steps\[\d\]\.vms\[\d\]\.gates\[\d\]\.http\.url`, "nowhere", ""},
	{`drills\[\d\]\.plan`, "none", planNames},
	{`drills\[\d\]\.(cron|timezone)`, "x", ""},
	{`drills\[\d\]\.stages\[\d\]`, "none", stageNames},
	{`drills\[\d\]\.blackout\[\d\]`, "x", ""},
	{`drills\[\d\]\.weeks\[\d\]`, "9", ""},
	{`drills\[\d\]\.within`, "1s", ""},
	{`drills\[\d\]\.criteria\[\d\]\.who`, `""`, `drills\[\d\]\.criteria\[\d\]\.ask`},
	{`canaries\[\d\]\.(host|to)`, "NOBODY", hostNames},
	{`canaries\[\d\]\.name`, "Big", ""},
	{`repair\.(window|timezone)`, "x", ""},
	{`orphans\.after`, "1s", ""},
	{`alerts\.channels\[\d\]\.plans\[\d\]`, "none", planNames},
	{`alerts\.channels\[\d\]\.mail\.(server|from|to\[\d\]|secret)`, "x", ""},
	{`alerts\.channels\[\d\]\.ntfy\.(token|address)`, "x", ""},
	{`alerts\.(to\[\d\]|people\[\d\]\.channels\[\d\])`, "none", channelNames},
	{`alerts\.(quiet\.to|timezone)`, "x", ""},
}

// hiddenBy is true where the other may have hidden what this one refers to: a section
// that is called otherwise, and those that its file does not have, may hold any name.
func (r rift) hiddenBy(o rift) bool {
	if r.refers == "" {
		return false
	}
	refers := regexp.MustCompile(`^(` + r.refers + `)$`)
	return refers.MatchString(o.path) || o.newKey != "" && o.file == "extras.yaml" && !strings.Contains(o.path, ".") && !strings.HasPrefix(r.refers, `networks\[\d\]\.sites`)
}

// chooseBreaks takes up to n spots of which none lies in another.
func chooseBreaks(random *rand.Rand, files []File, spots []spot, n int) []rift {
	var out []rift
	for range n {
		s := spots[random.IntN(len(spots))]
		if slices.ContainsFunc(out, func(o rift) bool {
			return o.file == s.file && (o.path == s.path || standsIn(o.path, s.path) || standsIn(s.path, o.path))
		}) {
			continue
		}
		r := rift{spot: s}
		switch kind := random.IntN(3); {
		case kind == 0 && s.key != "":
			r.newKey = []string{s.key + "_zz", s.key[:len(s.key)-1]}[random.IntN(2)]
		case s.shared:
			continue
		case kind == 1 || !r.lie(random):
			r.text = "{broken: 1}"
			switch s.node.(type) {
			case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
				r.text = "7"
			}
		}
		out = append(out, r)
	}
	return out
}

// lie writes what can be read and cannot be, where there is such a value.
func (r *rift) lie(random *rand.Rand) bool {
	for _, i := range random.Perm(len(untrue)) {
		if u := untrue[i]; regexp.MustCompile(`^(` + u.path + `)$`).MatchString(r.path) {
			r.text, r.refers = u.text, u.refers
			return true
		}
	}
	return false
}

// tellAll is what Decode says of broken files, without the words.
func tellAll(t *testing.T, files []File, breaks []rift) map[string]bool {
	t.Helper()
	_, err := Decode(broken(files, breaks))
	var all Errors
	if err != nil && !errors.As(err, &all) {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, e := range all {
		told[fmt.Sprintf("%s:%d %s", e.File, e.Line, e.Field)] = true
	}
	return told
}

// broken are the files with their breaks, each line where it was.
func broken(files []File, breaks []rift) []File {
	var out []File
	for _, f := range files {
		lines := strings.Split(string(f.Data), "\n")
		sorted := slices.SortedFunc(slices.Values(breaks), func(a, b rift) int { return max(b.at, b.column) - max(a.at, a.column) })
		for _, r := range sorted {
			if r.file == f.Name {
				r.write(lines)
			}
		}
		out = append(out, File{f.Name, []byte(strings.Join(lines, "\n"))})
	}
	return out
}

func (r rift) write(lines []string) {
	switch line := &lines[r.where()-1]; {
	case r.newKey != "":
		*line = (*line)[:r.column-1] + r.newKey + (*line)[r.column-1+len(r.key):]
	case r.start > r.line && r.line > 0 || r.last > r.start:
		if r.line > 0 {
			*line = (*line)[:r.column-1] + r.key + ": " + r.text
		} else {
			*line = (*line)[:r.at-1] + r.text
		}
		for i := r.where(); i < r.last; i++ {
			lines[i] = ""
		}
	default:
		rest := (*line)[r.at-1:]
		*line = (*line)[:r.at-1] + r.text + rest[valueLen(rest):]
	}
}

// valueLen is how much of a line a value takes that begins there.
func valueLen(text string) int {
	depth, quoted := 0, false
	for i, c := range text {
		switch {
		case c == '"' && (i == 0 || text[i-1] != '\\'):
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case (c == '}' || c == ']') && depth > 0:
			depth--
		case depth == 0 && strings.ContainsRune(",]}", c):
			return i
		}
	}
	return len(text)
}

func list(breaks []rift) string {
	var b strings.Builder
	for _, r := range breaks {
		fmt.Fprintf(&b, "    %s\n", r)
	}
	return b.String()
}

// A file that cannot be read may hold any name: of the others is told what refers to
// none.
func TestAFileThatCannotBeReadMayHoldAnyName(t *testing.T) {
	one, two := split(t)
	two = strings.Replace(strings.Replace(two, "recovery_points: 6", "recovery_points: 99", 1), "vm: NG-WEB01", "vm: NOBODY", 1)
	one = strings.Replace(strings.Replace(one, "act_lanes: 2", "act_lanes: 99", 1), "port: 5985", "port: many", 1)
	for name, test := range map[string]struct {
		files []File
		want  []string
	}{
		"the first":  {[]File{{"a.yaml", []byte("version: [")}, {"b.yaml", []byte(two)}}, []string{"a.yaml file", "b.yaml groups[0].recovery_points"}},
		"the second": {[]File{{"a.yaml", []byte(one)}, {"b.yaml", []byte("{{{")}}, []string{"a.yaml hosts[1].winrm.port", "a.yaml hosts[1].act_lanes", "b.yaml file"}},
		"a third":    {[]File{{"a.yaml", []byte(one)}, {"b.yaml", []byte(two)}, {"c.yaml", []byte("groups: ]")}}, []string{"a.yaml hosts[1].winrm.port", "a.yaml hosts[1].act_lanes", "b.yaml groups[0].recovery_points", "c.yaml file"}},
	} {
		_, err := Decode(test.files)
		var all Errors
		if !errors.As(err, &all) {
			t.Fatalf("%s: %v", name, err)
		}
		var got []string
		for _, e := range all {
			got = append(got, e.File+" "+e.Field)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s cannot be read: told is %q, not %q", name, got, test.want)
		}
	}
}
