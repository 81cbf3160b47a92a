package plans

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const (
	erpID = "11111111-0000-4000-8000-000000000001"
	sqlID = "11111111-0000-4000-8000-000000000002"
	appID = "11111111-0000-4000-8000-000000000003"
)

// beginning of a configuration with two sites.
const sitesAndHosts = `version: 1
sites: [{name: hq}, {name: dr, engine: true}]
networks:
  - name: lan
    sites: [{site: hq, switch: A, subnet: 10.1.0.0/24}, {site: dr, switch: B, subnet: 10.2.0.0/24}]
hosts:
  - {name: HV-A, site: hq, address: 10.1.0.5, winrm: {user: u, secret: "env:X"}}
  - {name: HV-B, site: dr, address: 10.2.0.5, winrm: {user: u, secret: "env:X"}}
`

func app() ProtectedVM {
	return ProtectedVM{Name: "APP", ID: appID, Memory: 16 << 30, NICs: []NIC{{Network: "lan", IP: "10.1.0.33"}}}
}

func asTheOther(p PlanVM) PlanVM { return PlanVM{After: p.After, Policy: p.Policy, RTO: p.RTO} }

// addApp adds APP beside ERP and holds the files against the promise: only what is
// said was put in, and what was read before is read again, with the VM.
func addApp(t *testing.T, files []File) ([]File, []Insertion, error) {
	t.Helper()
	before, err := Decode(files)
	if err != nil {
		t.Skip("no valid configuration")
	}
	like := ProtectedVM{ID: erpID}
	changed, added, err := AddLike(files, like, app(), asTheOther)
	if err != nil {
		var place *PlaceError
		if !errors.As(err, &place) {
			t.Fatalf("%v", err)
		}
		if changed != nil {
			t.Fatal("it is refused, and changed")
		}
		return nil, place.Lines, err
	}
	after := slices.Clone(files)
	for i := range after {
		for _, f := range changed {
			if f.Name != after[i].Name {
				continue
			}
			text, left := string(f.Data), string(after[i].Data)
			for _, in := range added {
				if in.File == f.Name {
					text = strings.Replace(text, in.Text, "", 1)
				}
			}
			if text != left {
				t.Fatalf("without what was put in, %s is not what it was:\n%s\n--- was\n%s", f.Name, text, left)
			}
			after[i] = f
		}
	}
	got, err := Decode(after)
	if err != nil {
		t.Fatalf("what was written cannot be read: %v", err)
	}
	withoutApp(got)
	if !reflect.DeepEqual(got, before) {
		t.Fatalf("more than the VM is different:\n%+v\n--- was\n%+v", got, before)
	}
	return changed, added, nil
}

// withoutApp takes APP out of a configuration.
func withoutApp(cfg *Config) {
	for i := range cfg.Groups {
		cfg.Groups[i].VMs = slices.DeleteFunc(cfg.Groups[i].VMs, func(v ProtectedVM) bool { return v.ID == appID })
	}
	for i := range cfg.Plans {
		for j := range cfg.Plans[i].Steps {
			s := &cfg.Plans[i].Steps[j]
			s.VMs = slices.DeleteFunc(s.VMs, func(p PlanVM) bool { return p.VM == "APP" || p.VM == appID })
		}
	}
}

func TestAVMIsPutBesideAnother(t *testing.T) {
	group := "  - name: g\n    from: HV-A\n    to: HV-B\n    frequency: 5m\n"
	for name, c := range map[string]struct{ text, want string }{
		"lines": {"groups:\n" + group + "    vms:\n      - name: ERP # the first\n        id: " + erpID + "\n        # on purpose\n        memory: 4GB\n\n      # the second\n      - name: SQL\n        id: " + sqlID + "\n",
			"        memory: 4GB\n      - name: APP\n        id: " + appID + "\n        memory: 16GB\n        nics: [{network: lan, ip: 10.1.0.33}]\n\n      # the second\n"},
		"one line each": {"groups:\n" + group + "    vms:\n      - {name: ERP, id: " + erpID + "} # the first\n      - {name: SQL, id: " + sqlID + "}\n",
			"} # the first\n      - {name: APP, id: " + appID + ", memory: 16GB, nics: [{network: lan, ip: 10.1.0.33}]}\n      - {name: SQL"},
		"a list of one line": {"groups:\n" + group + "    vms: [{name: ERP, id: " + erpID + "}, {name: SQL, id: " + sqlID + "}]\n",
			"{name: ERP, id: " + erpID + "}, {name: APP, id: " + appID + ", memory: 16GB, nics: [{network: lan, ip: 10.1.0.33}]}, {name: SQL"},
		"the end of the file, without an end of line": {"groups:\n" + group + "    vms:\n    - name: ERP\n      id: " + erpID,
			"\n    - name: APP\n      id: " + appID + "\n      memory: 16GB\n      nics: [{network: lan, ip: 10.1.0.33}]"},
		"wide dashes": {"groups:\n" + group + "    vms:\n      -   name: ERP\n          id: " + erpID + "\n", "      -   name: APP\n          id: "},
		"CRLF": {strings.ReplaceAll("groups:\n"+group+"    vms:\n      - name: ERP\n        id: "+erpID+"\n      - {name: SQL, id: "+sqlID+"}\n", "\n", "\r\n"),
			"      - name: APP\r\n        id: " + appID + "\r\n        memory: 16GB\r\n"},
		"CRLF in one line": {strings.ReplaceAll("groups:\n"+group+"    vms: [{name: ERP, id: "+erpID+"}]\n", "\n", "\r\n"), "}, {name: APP"},
		"an anchor":        {"groups:\n" + group + "    vms: &all\n      - &erp\n        name: ERP\n        id: " + erpID + "\n", "      - name: APP\n"},
		"a list over lines": {"groups:\n" + group + "    vms: [\n      {name: ERP,\n       id: " + erpID + "}, # the first\n      {name: SQL, id: " + sqlID + "}\n    ]\n",
			"       id: " + erpID + "}, {name: APP"},
		"letters of other scripts before it": {"groups:\n" + group + "    vms: [{name: \"Żółć-Büro\", id: " + sqlID + "}, {name: ERP, id: " + erpID + ", note: \"ümlaut }\"}]\n", "note: \"ümlaut }\"}, {name: APP"},
		"a long note":                        {"groups:\n" + group + "    vms:\n      - name: ERP\n        id: " + erpID + "\n        note: |\n          # looks like a comment\n\n          - looks like a dash\n      - {name: SQL, id: " + sqlID + "}\n", "looks like a dash\n      - name: APP\n"},
		"a stage": {"groups:\n" + group + "    vms: [{name: ERP, id: " + erpID + "}, {name: SQL, id: " + sqlID + "}]\nplans:\n  - name: p\n    from: hq\n    to: dr\n    steps:\n      - stage: data\n        vms: [{vm: SQL}]\n      - stage: apps\n        vms:\n          - {vm: ERP, after: [SQL], policy: if_capacity, rto: 1h, gates: [{heartbeat: {}}]}\n",
			"          - {vm: APP, after: [SQL], policy: if_capacity, rto: 1h}\n"},
		"a stage that names it by its id": {"groups:\n" + group + "    vms: [{name: ERP, id: " + erpID + "}]\nplans:\n  - {name: p, from: hq, to: dr, steps: [{stage: apps, vms: [{vm: " + strings.ToUpper(erpID) + "}]}]}\n", "}, {vm: APP}]"},
	} {
		t.Run(name, func(t *testing.T) {
			head := sitesAndHosts
			if strings.Contains(c.text, "\r\n") {
				head = strings.ReplaceAll(head, "\n", "\r\n")
			}
			changed, _, err := addApp(t, []File{{"a.yaml", []byte(head + c.text)}})
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(changed[0].Data), c.want) {
				t.Errorf("not %q in:\n%s", c.want, changed[0].Data)
			}
		})
	}
}

// Where adding would change more than the VM, or cannot be done, nothing is changed,
// and what a person is to write is said all the same.
func TestAVMIsNotPutWhereMoreWouldChange(t *testing.T) {
	group := func(name, vms string) string {
		return "  - {name: " + name + ", from: HV-A, to: HV-B, frequency: 5m, vms: " + vms + "}\n"
	}
	one := group("g", "[{name: ERP, id: "+erpID+"}]")
	stage := func(vms string) string { return "{stage: s, vms: " + vms + "}" }
	plan := func(name, step string) string {
		return "  - {name: " + name + ", from: hq, to: dr, steps: [" + step + "]}\n"
	}
	for name, text := range map[string]string{
		"a stage of two plans by an alias": "groups:\n" + one + "plans:\n" + plan("p", stage("&all [{vm: ERP}]")) + plan("q", stage("*all")),
		"an entry that is an alias":        "groups:\n" + one + "plans:\n" + plan("p", stage("[&erp {vm: ERP}]")) + plan("q", stage("[*erp]")),
		"a step that is an alias":          "groups:\n" + one + "plans:\n" + plan("p", "&s "+stage("[{vm: ERP}]")) + plan("q", "*s"),
		"an entry without brackets":        "groups:\n" + one + "plans:\n" + plan("p", stage("[vm: ERP]")),
	} {
		t.Run(name, func(t *testing.T) {
			_, lines, err := addApp(t, []File{{"a.yaml", []byte(sitesAndHosts + text)}})
			if err == nil {
				t.Fatal("it was written")
			}
			if len(lines) < 2 || !strings.Contains(lines[0].Text, "APP") || lines[0].File != "a.yaml" || lines[0].After == 0 {
				t.Errorf("the lines to be written are %+v", lines)
			}
		})
	}
	t.Run("two VMs of the same name", func(t *testing.T) {
		text := "groups:\n" + group("g", "[{name: ERP, id: "+erpID+"}, {name: APP, id: "+sqlID+"}]") + "plans:\n" + plan("p", stage("[{vm: ERP}, {vm: APP}]"))
		if _, _, err := addApp(t, []File{{"a.yaml", []byte(sitesAndHosts + text)}}); err == nil || !strings.Contains(err.Error(), "would not be valid") {
			t.Errorf("plans would not know which is meant: %v", err)
		}
	})
}

// Files of a folder are changed each in its place.
func TestAVMIsPutIntoSeveralFiles(t *testing.T) {
	files := []File{
		{"a.yaml", []byte(sitesAndHosts)},
		{"b.yaml", []byte("plans:\n- {name: p, from: hq, to: dr, steps: [{stage: s, vms: [{vm: SQL}, {vm: ERP, after: [SQL]}]}]}\n")},
		{"c.yaml", []byte("groups:\n- name: g\n  from: HV-A\n  to: HV-B\n  frequency: 30s\n  vms:\n  - {name: SQL, id: " + sqlID + "}\n")},
		{"d.yaml", []byte("# more\ngroups:\n- name: h\n  from: HV-A\n  to: HV-B\n  frequency: 5m\n  vms:\n  - name: ERP\n    id: " + erpID)},
	}
	changed, added, err := addApp(t, files)
	if err != nil || len(changed) != 2 || changed[0].Name != "b.yaml" || changed[1].Name != "d.yaml" {
		t.Fatalf("%v, %v, %v", changed, added, err)
	}
	if !bytes.Contains(changed[0].Data, []byte("{vm: ERP, after: [SQL]}, {vm: APP, after: [SQL]}]")) {
		t.Errorf("b.yaml is %s", changed[0].Data)
	}
}

// writer writes a configuration in a way that chance chooses.
type writer struct{ *rand.Rand }

func (w writer) comment(indent string) string {
	switch w.IntN(4) {
	case 0:
		return indent + "# " + []string{"why", "- {vm: X}", "}] [", "\u00fcber"}[w.IntN(4)] + "\n"
	case 1:
		return "\n"
	}
	return ""
}

// list writes entries, each of fields, as the value of a key.
func (w writer) list(indent, key string, entries [][]string) string {
	var b strings.Builder
	if w.IntN(3) == 0 {
		sep := []string{", ", ",  ", ",\n" + indent + "    "}[w.IntN(3)]
		all := make([]string, len(entries))
		for i, e := range entries {
			all[i] = "{" + strings.Join(e, sep) + "}"
		}
		return indent + key + ": [" + strings.Join(all, sep) + "]" + []string{"", "  # all"}[w.IntN(2)] + "\n"
	}
	b.WriteString(indent + key + ":" + []string{"", "   # these", " &x"}[w.IntN(3)] + "\n")
	dash := indent + []string{"", "  ", "   "}[w.IntN(3)]
	for _, e := range entries {
		b.WriteString(w.comment(dash))
		if w.IntN(2) == 0 {
			b.WriteString(dash + "- {" + strings.Join(e, ", ") + "}" + []string{"", " # this"}[w.IntN(2)] + "\n")
			continue
		}
		gap := []string{" ", "   "}[w.IntN(2)]
		for i, f := range e {
			head := dash + "-" + gap
			if i > 0 {
				b.WriteString(w.comment(dash + " " + gap))
				head = dash + " " + gap
			}
			b.WriteString(head + f + "\n")
		}
	}
	return b.String()
}

func (w writer) files() []File {
	erp, sql := []string{"name: ERP", "id: " + erpID, "memory: 4GB"}, []string{"name: \"SQL\"", "id: '" + sqlID + "'"}
	vms := [][]string{erp, sql}
	w.Shuffle(2, func(i, j int) { vms[i], vms[j] = vms[j], vms[i] })
	groups := "groups:\n- name: g\n  from: HV-A\n  to: HV-B\n  frequency: 5m\n" + w.list("  ", "vms", vms) + w.comment("")
	stages := [][]string{{"vm: ERP", "rto: 1h", "gates: [{heartbeat: {}}, {script: {in: engine, command: [/x, \"}\"]}}]"}, {"vm: SQL"}}
	w.Shuffle(2, func(i, j int) { stages[i], stages[j] = stages[j], stages[i] })
	plans := "plans:\n  - name: p\n    from: hq\n    to: dr\n    steps:\n      - stage: s\n" + w.list("        ", "vms", stages) + w.comment("  ")
	parts := []string{sitesAndHosts, groups, plans}
	if w.IntN(2) == 0 {
		parts = []string{sitesAndHosts, plans + groups}
	}
	if w.IntN(2) == 0 {
		parts = []string{strings.Join(parts, "")}
	}
	var files []File
	for i, text := range parts {
		if w.IntN(3) == 0 {
			text = strings.TrimRight(text, "\n")
		}
		if w.IntN(3) == 0 {
			text = strings.ReplaceAll(text, "\n", "\r\n")
		}
		files = append(files, File{fmt.Sprintf("%d.yaml", i), []byte(text)})
	}
	return files
}

// However a configuration is written, only the VM is different afterwards; and it is
// hardly ever refused.
func TestAVMIsPutIntoAnyConfiguration(t *testing.T) {
	seed := rand.Uint64()
	w := writer{rand.New(rand.NewPCG(seed, 1))}
	const times = 60
	refused := 0
	for range times {
		files := w.files()
		if _, err := Decode(files); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, files[len(files)-1].Data)
		}
		if _, _, err := addApp(t, files); err != nil {
			refused++
			for _, f := range files {
				t.Logf("seed %d: %v\n--- %s\n%s", seed, err, f.Name, f.Data)
			}
		}
	}
	if refused > 0 {
		t.Errorf("seed %d: %d of %d refused", seed, refused, times)
	}
}

func FuzzAVMIsPutOrRefused(f *testing.F) {
	w := writer{rand.New(rand.NewPCG(1, 1))}
	for range 20 {
		files := w.files()
		f.Add(string(files[len(files)-1].Data))
	}
	f.Add("groups:\n- {name: g, from: HV-A, to: HV-B, frequency: 5m, vms: [\t{name: ERP, id: " + erpID + "}]}")
	f.Add("groups:\n- name: g\n  from: HV-A\n  to: HV-B\n  frequency: 5m\n  vms:\n  - name: ERP\n    id: " + erpID + "\n\t# a tab\n---\nplans: []\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, _, _ = addApp(t, []File{{"a.yaml", []byte(sitesAndHosts)}, {"b.yaml", []byte(text)}})
	})
}
