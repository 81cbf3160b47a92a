package evidence

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

var began = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// named is the evidence of a run in which every free text is the given one.
func named(text string) plans.Evidence {
	measure := plans.Measure{Target: plans.Duration(time.Hour), Measured: plans.Duration(2 * time.Hour), Known: true}
	remark := []plans.Remark{{By: text, At: began, Text: text, File: text, Hash: text}}
	return plans.Evidence{
		Format: 1, Number: "DR-2026-001", Run: text, Plan: text, Operation: plans.TestFailover, From: text, To: text, Started: began, Ended: began.Add(time.Hour),
		Verdict: plans.VerdictDone, Outcome: "PASSED WITH 1 FINDING", Summary: text, Simulated: true, Speed: 1, Tenant: text, Withheld: 2,
		Fields: []plans.EvidenceField{
			{Block: "identity", Key: "identity.scenario", Label: "Scenario", Text: text, By: text},
			{Block: "people", Key: "people.lead", Label: "Lead", Missing: "who led", Needed: true},
			{Block: "signoff", Key: "signoff.reviewed", Label: "Reviewed", Text: text, By: text, At: began},
			{Block: "before", Key: "before.readiness", Label: "Before", Text: text}, {Block: "integrity", Key: "integrity.chain", Label: "Journal", Text: text},
		},
		VMs: []plans.VMEvidence{{
			ID: text, Label: text, SourceHost: text, TargetHost: text, Verdict: plans.VerdictDone, Result: "pass", Doing: text, RTO: measure, RPO: measure, Gates: text, After: text,
			Point: plans.Point{Kind: text, Time: began}, Integrity: remark, Repeats: 1, Acts: 2,
			Bars: []plans.PhaseEvidence{{Phase: plans.PhaseStart, To: plans.Duration(time.Minute)}, {Phase: plans.Phase(text), From: plans.Duration(time.Minute), To: plans.Duration(time.Hour), Open: true}},
		}},
		Stages:   []plans.StageEvidence{{Step: 1, Name: text, Planned: 1, AsRun: 1, VMs: []string{text}, RTO: measure, Deviation: text}},
		Criteria: []plans.Judgement{{Criterion: plans.Criterion{Text: text, Who: text}, Result: plans.CriterionMet, Why: text, By: text}},
		Manual:   []plans.ManualEvidence{{Step: 2, Name: text, Text: text, Owner: text, Verdict: plans.VerdictDone, By: []string{text}, Note: text, Started: began, Ended: began, Remarks: remark}},
		LeftOut:  []plans.LeftOut{{VM: text, Why: text}}, Before: []plans.Finding{{Severity: plans.Info, Host: text, VM: text, Text: text}},
		Findings: []plans.EvidenceFinding{{ID: "F1", Key: text, Severity: "minor", Text: text, Remedy: text, By: text, Owner: text, Action: text, Due: text, State: "open", Remarks: remark}},
		Log:      []plans.LogLine{{At: began, Ended: began, Kind: "act", Who: text, VM: text, Host: text, What: text, Outcome: text, Extra: text, Entry: 1}},
		Measured: plans.Measured{RTO: measure, RPO: measure, Worst: text, Done: 1, VMs: 1},
		Anchor:   plans.Anchor{Entry: 7, Hash: "abc"},
	}
}

var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</title></style></svg><script>`, `--><!--`, `-->`, `{{.}}`, `javascript:alert(1)`, `' onload='x`,
	"\u202eevil\u2066", "a\x00b\x1b[31mc", `=HYPERLINK("http://x")`, "+1+1", "-2+3|cmd", "@SUM(A1)", "\t=1+1", " =1+1", "＝1+1", "\ufeff=1", `"=1"`, "|calc", "%0A", "a,b\";\r\n=c",
	`\u003cscript\u003e`, strings.Repeat("W", 3000), "]]>", "<!-- lifeboat-seal {} -->\n", "VM (1)", "Müller & Söhne [x] `y`",
}

func text(rng *rand.Rand) string {
	var b strings.Builder
	for range 1 + rng.IntN(3) {
		b.WriteString(hostile[rng.IntN(len(hostile))])
	}
	return b.String()
}

var (
	tagForm  = regexp.MustCompile(`(?s)<(/?)([a-zA-Z!][a-zA-Z0-9]*)([^>]*)>`)
	attrForm = regexp.MustCompile(`(?i)\s(on[a-z]+|src|href|style|srcset|action)\s*=`)
)

// No name, however it is made, becomes markup, fetches anything or turns text
// around; the page opens without a network.
func TestNoNameBecomesMarkup(t *testing.T) {
	allowed := map[string]int{}
	plain, err := Page(named("VM"), PublicKey{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range tagForm.FindAllSubmatch(plain, -1) {
		allowed[string(m[1])+string(m[2])]++
	}
	for range 300 {
		seed := rand.Uint64()
		page, err := Page(named(text(rand.New(rand.NewPCG(seed, 1)))), PublicKey{})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		// The tags are those of a harmless name, each as often; widths may move a
		// label into a bar or out of it.
		got := map[string]int{}
		for _, m := range tagForm.FindAllSubmatch(page, -1) {
			name := string(m[1]) + string(m[2])
			got[name]++
			if allowed[name] == 0 {
				t.Fatalf("seed %d: <%s>", seed, name)
			}
			if attrForm.Match(m[3]) {
				t.Fatalf("seed %d: an attribute that acts or fetches: <%s%s>", seed, name, m[3])
			}
		}
		for name, n := range allowed {
			if name != "text" && name != "/text" && got[name] != n {
				t.Fatalf("seed %d: <%s> %d times, not %d", seed, name, got[name], n)
			}
		}
		for _, bad := range []string{"\u202e", "\u2066", "\x00", "\x1b", "http-equiv=\"refresh", "@import", "url(http"} {
			if bytes.Contains(page, []byte(bad)) {
				t.Fatalf("seed %d: %q is in the page", seed, bad)
			}
		}
	}
}

// What a spreadsheet would run is text, and every row keeps its columns.
func TestNoCellIsAFormula(t *testing.T) {
	for range 500 {
		seed := rand.Uint64()
		body, err := table(named(text(rand.New(rand.NewPCG(seed, 1)))))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
		if err != nil || len(rows) != 2 {
			t.Fatalf("seed %d: %d rows, %v", seed, len(rows), err)
		}
		for _, c := range rows[1] {
			if c != "" && strings.ContainsAny(c[:1], "=+-@\t\r|%") || strings.HasPrefix(strings.TrimSpace(c), "=") || strings.ContainsAny(c, "\r\n") {
				t.Fatalf("seed %d: cell %q", seed, c)
			}
		}
	}
	if cell("-12.5") != "-12.5" || cell("NG-DC01") != "NG-DC01" {
		t.Error("a number or a name was changed")
	}
}

func exported(t *testing.T, e plans.Evidence) (dir string, key Key) {
	t.Helper()
	data := t.TempDir()
	key, err := FolderKey(data)
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "out")
	files, err := Export(dir, Formats(), e, key)
	if err != nil || len(files) != 3 {
		t.Fatalf("%v, %v", files, err)
	}
	return dir, key
}

func read(t *testing.T, dir, ending string) []byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*."+ending))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	body, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// Any change of a byte, anywhere, is found; so is every cut.
func TestAChangedFileIsFound(t *testing.T) {
	for _, name := range []string{"NG-SQL01", `--> <!-- lifeboat-seal {} -->`} {
		dir, key := exported(t, named(name))
		page, text, rows := read(t, dir, "html"), read(t, dir, "json"), read(t, dir, "csv")
		for kind, file := range map[string][]byte{"html": page, "json": text} {
			s, err := Open(file)
			if err != nil || s.Key != key.Public().String() || s.Report != "DR-2026-001" || s.Anchor.Entry != 7 {
				t.Fatalf("%s: %+v, %v", kind, s, err)
			}
			for range 400 {
				seed := rand.Uint64()
				rng := rand.New(rand.NewPCG(seed, 1))
				at := rng.IntN(len(file))
				if bad := changed(rng, file, at); !bytes.Equal(bad, file) {
					if _, err := Open(bad); err == nil {
						t.Fatalf("%s, seed %d: a change at %d of %d passed", kind, seed, at, len(file))
					}
				}
			}
		}
		if _, err := OpenTable(rows, text); err != nil {
			t.Error(err)
		}
		if _, err := OpenTable(append(rows, ' '), text); !errors.Is(err, ErrNotAsSigned) {
			t.Error("a changed table passed:", err)
		}
	}
}

func changed(rng *rand.Rand, file []byte, at int) []byte {
	bad := bytes.Clone(file)
	switch rng.IntN(4) {
	case 0:
		bad[at] ^= 1 << rng.IntN(8)
	case 1:
		return bad[:at]
	case 2:
		return append(bad[:at], append([]byte(" "), file[at:]...)...)
	default:
		return append(bad, "<p>more"...)
	}
	return bad
}

// A second member of the same name, which readers take otherwise than we do, is no
// way around.
func TestNothingHidesBesideWhatWasSigned(t *testing.T) {
	dir, _ := exported(t, named("VM"))
	text := read(t, dir, "json")
	for _, bad := range []string{
		strings.Replace(string(text), "{", `{"report": {"outcome": "PASSED"},`, 1), strings.Replace(string(text), "{", `{"extra": 1,`, 1),
		string(text) + string(text), strings.ReplaceAll(string(text), "\n", ""),
	} {
		if _, err := Open([]byte(bad)); err == nil {
			t.Errorf("taken: %.80s", bad)
		}
	}
	// One kind of signature is none for another file.
	if _, err := Open([]byte("{}")); !errors.Is(err, ErrNoSeal) {
		t.Error(err)
	}
}

func TestAnExportWritesOverNothing(t *testing.T) {
	e := named("VM")
	dir, key := exported(t, e)
	again, err := Export(dir, Formats(), e, key)
	if err != nil || !again[0].Same || !again[1].Same || !again[2].Same {
		t.Fatalf("the same report: %+v, %v", again, err)
	}
	before := read(t, dir, "json")
	e.Summary = "otherwise"
	if err := os.Remove(filepath.Join(dir, "DR-2026-001-VM.html")); err != nil {
		t.Fatal(err)
	}
	if _, err := Export(dir, Formats(), e, key); !errors.Is(err, ErrThere) {
		t.Errorf("another report: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "DR-2026-001-VM.html")); err == nil || !bytes.Equal(before, read(t, dir, "json")) {
		t.Error("a refused export has written")
	}
}

func TestTheKeyIsMadeOnceAndKept(t *testing.T) {
	dir := t.TempDir()
	if _, err := FolderPublicKey(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	first, err := FolderKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := FolderKey(dir)
	public, err2 := FolderPublicKey(dir)
	if err != nil || err2 != nil || !first.Public().Same(second.Public()) || !public.Same(first.Public()) {
		t.Fatal(err, err2)
	}
	parsed, err := ParseKey(" " + public.String() + "\n")
	if err != nil || !parsed.Same(public) {
		t.Error(err)
	}
	name := filepath.Join(dir, keyFile)
	if runtime.GOOS != "windows" {
		if info, _ := os.Stat(name); info.Mode().Perm() != 0o600 {
			t.Errorf("mode %o", info.Mode().Perm())
		}
		_ = os.Chmod(name, 0o644)
		if _, err := FolderKey(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Error("a key that others can read is used:", err)
		}
		_ = os.Chmod(name, 0o600)
	}
	if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := FolderKey(dir); err == nil {
		t.Error("a damaged key was replaced in silence")
	}
	if _, err := FolderKey(filepath.Join(dir, "none")); err == nil {
		t.Error("a folder was made for a key")
	}
}

// The page holds all that a reader needs, and a blank as a blank.
func TestThePageSaysWhatMatters(t *testing.T) {
	page, err := Page(named("VM"), PublicKey{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"PASSED WITH 1 FINDING", "Missing before this can be signed", "blank: who led", "SIMULATED", "Evidence for ISO 22301", "MISSED", "@page", "report verify"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("no %q", want)
		}
	}
	if bytes.Contains(bytes.ToLower(page), []byte("compliant")) {
		t.Error("it says compliant")
	}
	again, _ := Page(named("VM"), PublicKey{})
	if !bytes.Equal(page, again) {
		t.Error("the same evidence gives another page")
	}
}

func FuzzOpen(f *testing.F) {
	key, err := FolderKey(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	bodies, err := render(named("VM"), key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bodies["html"])
	f.Add(bodies["json"])
	f.Add([]byte(`{"report":{},"csv_sha256":"","seal":{}}`))
	f.Add([]byte(sealHead + "{}" + sealTail))
	f.Fuzz(func(t *testing.T, file []byte) {
		s, err := Open(file)
		if err == nil && s.Key == key.Public().String() && !bytes.Equal(file, bodies["html"]) && !bytes.Equal(file, bodies["json"]) {
			t.Errorf("a file that was never signed is taken: %q", file)
		}
		if _, err := json.Marshal(s); err != nil {
			t.Error(err)
		}
	})
}
