package plans

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file of testdata, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test ./plans -update writes it anew); now it is\n%s", name, got)
	}
}

func read(t testing.TB, name string) File {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return File{Name: filepath.Base(name), Data: data}
}

func good(t testing.TB, name string) *Config {
	t.Helper()
	cfg, err := Decode([]File{read(t, "testdata/good/"+name)})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func files(t testing.TB, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("no file %s (%v)", pattern, err)
	}
	return names
}

func TestGoodConfigurationsResolveAsWritten(t *testing.T) {
	for _, name := range files(t, "testdata/good/*.yaml") {
		cfg := good(t, filepath.Base(name))
		for i := range cfg.Plans {
			var both []RunInput
			for _, to := range []string{cfg.Plans[i].To, cfg.Plans[i].From} {
				in, err := Resolve(cfg, &cfg.Plans[i], Request{Operation: PlannedFailover, To: to, By: "dana", RunID: "run", Speed: 1})
				if err != nil {
					t.Fatal(err)
				}
				in.PlanHash = "" // told apart by its own test
				both = append(both, in)
			}
			text, err := json.MarshalIndent(both, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(name, ".yaml")+".json", string(text)+"\n")
		}
	}
}

func TestBadConfigurationsSayEverythingThatIsWrong(t *testing.T) {
	for _, name := range files(t, "testdata/bad/*.yaml") {
		cfg, err := Decode([]File{read(t, name)})
		if err == nil || cfg != nil {
			t.Errorf("%s was accepted", name)
			continue
		}
		var all Errors
		if !errors.As(err, &all) || len(all) == 0 {
			t.Fatalf("%s: the error is %T", name, err)
		}
		for _, one := range all {
			if one.File == "" || one.Line < 1 || one.Column < 1 || one.Problem == "" {
				t.Errorf("%s: an error without its place: %+v", name, one)
			}
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error shows a secret:\n%v", name, err)
		}
		golden(t, strings.TrimSuffix(name, ".yaml")+".txt", err.Error()+"\n")
	}
}

func TestACycleIsNamedOnceVMByVM(t *testing.T) {
	_, err := Decode([]File{read(t, "testdata/bad/cycle.yaml")})
	want := "one -> two -> 22222222-0000-4000-8000-000000000003 -> one"
	if err == nil || strings.Count(err.Error(), "wait for each other") != 1 || !strings.Contains(err.Error(), want) {
		t.Errorf("the cycle %s is not named once:\n%v", want, err)
	}
}

// split cuts a good configuration into two files.
func split(t *testing.T) (one, two string) {
	whole := string(read(t, "testdata/good/northgate.yaml").Data)
	one, two, found := strings.Cut(whole, "groups:")
	if !found {
		t.Fatal("northgate.yaml has no groups")
	}
	return one, "groups:" + two
}

func TestFilesAreReadAsOneAndErrorsNameTheirFile(t *testing.T) {
	one, two := split(t)
	if _, err := Decode([]File{{"a.yaml", []byte(one)}, {"b.yaml", []byte(two)}}); err != nil {
		t.Fatal(err)
	}
	broken := strings.Replace(two, "vm: NG-WEB01", "vm: NG-WEB99", 1)
	_, err := Decode([]File{{"a.yaml", []byte(one)}, {"b.yaml", []byte(broken)}})
	if err == nil || !strings.HasPrefix(err.Error(), "b.yaml:") {
		t.Errorf("the error does not name b.yaml: %v", err)
	}
}

func TestVersionAndLabStandInOneFile(t *testing.T) {
	one, two := split(t)
	for field, text := range map[string]string{"version": "version: 1\n", "lab": "lab: {speed: 1}\n"} {
		first := one
		if field == "lab" {
			first += text
		}
		_, err := Decode([]File{{"a.yaml", []byte(first)}, {"b.yaml", []byte(text + two)}})
		if err == nil || !strings.Contains(err.Error(), field+": is written in a.yaml and in b.yaml") {
			t.Errorf("%s in two files: %v", field, err)
		}
	}
}

func TestTooManyVMsTiedTogetherAreRefused(t *testing.T) {
	write := func(n int) File {
		var vms, stage strings.Builder
		for i := range n {
			fmt.Fprintf(&vms, "      - {name: v%d, id: 22222222-0000-4000-8000-%012d}\n", i, i)
			after := ""
			if i > 0 {
				after = fmt.Sprintf(", after: [v%d]", i-1)
			}
			fmt.Fprintf(&stage, "          - {vm: v%d%s}\n", i, after)
		}
		return File{"many.yaml", []byte(`version: 1
sites: [{name: a}, {name: b}]
hosts:
  - {name: A1, site: a, address: 10.1.0.5, winrm: {user: u, secret: "env:S"}}
  - {name: B1, site: b, address: 10.2.0.5, winrm: {user: u, secret: "env:S"}}
groups:
  - name: g
    from: A1
    to: B1
    frequency: 30s
    vms:
` + vms.String() + `plans:
  - name: p
    from: a
    to: b
    steps:
      - stage: s
        vms:
` + stage.String())}
	}
	if _, err := Decode([]File{write(100)}); err != nil {
		t.Errorf("100 VMs in a row: %v", err)
	}
	if _, err := Decode([]File{write(101)}); err == nil || !strings.Contains(err.Error(), "ties 101 VMs") {
		t.Errorf("101 VMs in a row: %v", err)
	}
}

// FuzzDecode: whatever a file holds, Decode answers, with places inside the
// file and without what looks like a secret.
func FuzzDecode(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/bad/*.yaml"} {
		for _, name := range files(f, pattern) {
			f.Add(read(f, name).Data)
		}
	}
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("version: &v\n  x: *v"))
	f.Add([]byte("{{{{[[[["))
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := Decode([]File{{"f.yaml", data}})
		if err == nil {
			for i := range cfg.Plans {
				if _, err := Resolve(cfg, &cfg.Plans[i], Request{Operation: PlannedFailover}); err != nil {
					t.Errorf("accepted and not resolved: %v", err)
				}
			}
			return
		}
		var all Errors
		if !errors.As(err, &all) || len(all) == 0 {
			t.Fatalf("the error is %T: %v", err, err)
		}
		for _, one := range all {
			if one.Problem == "" || one.Line < 1 {
				t.Errorf("an error without words or place: %+v", one)
			}
		}
		// An edit that changes nothing adds nothing, however little can be read.
		if left, err := CheckRewrite([]File{{"f.yaml", data}}, nil); err != nil || len(left) != len(all) {
			t.Errorf("of %d errors %d are left, and added: %v", len(all), len(left), err)
		}
	})
}

// Aliases of aliases unfold without end: the reader stops, and says so once.
func TestAFileThatUnfoldsTooFarIsRefused(t *testing.T) {
	data := []byte("sites: [{name: a}, {name: b}, {name: c}, {name: d}]")
	tree, err := parse(data)
	if err != nil {
		t.Fatal(err)
	}
	b := &binder{file: File{"f.yaml", data}, places: places{}, bound: maxValues - 4}
	b.bind(tree.Docs[0].Body, reflect.ValueOf(&Config{}).Elem(), "")
	if len(b.errors) != 1 || !strings.Contains(b.errors[0].Problem, "more than 1000000 values") {
		t.Errorf("the errors are %v", b.errors)
	}
}

func TestWhichLinesMayBeShown(t *testing.T) {
	text := strings.Split(`winrm: {user: u, secret: "env:S"}
winrm: {user: u, secret: hunter2}
winrm: {secret: env:S, "password": hunter2}
winrm:
  Secret: |
    hunter2

    hunter2
  port: 1
token : hunter2
? password
: hunter2
keyboard: us
  secret: file:secrets/a`, "\n")
	want := []bool{false, true, true, false, true, true, true, true, false, true, true, true, false, false}
	for i := range text {
		if got := hidden(text, i); got != want[i] && strings.TrimSpace(text[i]) != "" {
			t.Errorf("line %d %q: hidden is %v", i+1, text[i], got)
		}
	}
}

// Lines that end as on Windows are counted once, whatever stands in them: an error
// names the line that people see.
func TestErrorsNameTheLineWhereLinesEndAsOnWindows(t *testing.T) {
	text := "version: 1\r\n# why\r\n\r\n# and more\r\nsites:\r\n# a comment\r\n- name: a\r\n  # and one\r\n  colour: red\r\n"
	_, err := Decode([]File{{Name: "a.yaml", Data: []byte(text)}})
	var errs Errors
	if !errors.As(err, &errs) {
		t.Fatal(err)
	}
	for _, e := range errs {
		if e.Field == "sites[0].colour" && e.Line != 9 {
			t.Errorf("line 9 is called line %d", e.Line)
		}
	}
}

// What is written once and used twice is known even where it stands in something
// that cannot be read; what is used and never written is told of where it is used.
func TestAnAliasIsKnownOrToldOf(t *testing.T) {
	whole := string(read(t, "testdata/good/names.yaml").Data)
	for _, test := range []struct{ old, new, want string }{
		{"winrm: &winrm", "winrmm: &winrm", "hosts[0].winrmm: there is no such field"},
		{"winrm: *winrm", "winrm: *other", "hosts[1].winrm: nothing is called &other here"},
	} {
		_, err := Decode([]File{{"names.yaml", []byte(strings.Replace(whole, test.old, test.new, 1))}})
		if err == nil || strings.Count(err.Error(), "names.yaml:") != 1 || !strings.Contains(err.Error(), test.want) {
			t.Errorf("told is not %q alone:\n%v", test.want, err)
		}
	}
}
