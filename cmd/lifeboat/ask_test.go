package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// typing answers an asker's questions; the lines end where nobody types any more.
func typing(lines ...string) (*asker, *bytes.Buffer) {
	var out bytes.Buffer
	text := strings.Join(lines, "\n")
	if len(lines) > 0 {
		text += "\n"
	}
	return newAsker(terminal{in: strings.NewReader(text), out: &out, err: &out}), &out
}

func TestWhatIsTypedWrongIsAskedAgain(t *testing.T) {
	a, out := typing("x", "Yes")
	letter, err := a.choose(context.Background(), "go? ", "ny")
	if err != nil || letter != "y" || strings.Count(out.String(), "go? ") != 2 || !strings.Contains(out.String(), `"x" is none of n, y`) {
		t.Errorf("%q, %v, said %q", letter, err, out)
	}
	a, _ = typing("")
	if letter, err = a.choose(context.Background(), "go? ", "ny"); err != nil || letter != "n" {
		t.Errorf("an empty answer is %q, %v", letter, err)
	}
}

// Who stops answering, or presses Ctrl-C while nothing comes, is not waited for.
func TestNobodyAnswers(t *testing.T) {
	a, _ := typing("x")
	if _, err := a.choose(context.Background(), "go? ", "ny"); !errors.Is(err, errNobody) {
		t.Errorf("the end of input: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	never := make(chan struct{})
	defer close(never)
	if _, err := waitFor(ctx, func() (string, error) { <-never; return "", nil }); !errors.Is(err, errNobody) {
		t.Errorf("Ctrl-C: %v", err)
	}
}

func TestPickFindsVMsByName(t *testing.T) {
	vms := []plans.FoundVM{{ID: "1", Name: "DB"}, {ID: "2", Name: "File server"}, {ID: "3", Name: "twin"}, {ID: "4", Name: "TWIN"}}
	for _, c := range []struct{ typed, want, problem string }{
		{"db, file server", "1 2", ""}, {"", "", ""}, {" , ", "", ""}, {"4", "4", ""},
		{"nope", "", "is none of DB, File server"}, {"DB,db", "", "twice"}, {"twin", "", "GUID"},
	} {
		ids, err := pick(vms, c.typed)
		if strings.Join(ids, " ") != c.want || (err == nil) != (c.problem == "") || err != nil && !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%q: %q, %v", c.typed, ids, err)
		}
	}
}

func TestTheEditor(t *testing.T) {
	for _, c := range []struct{ visual, editor, want string }{
		{"code --wait", "ed", "code|--wait"}, {"", "nano -l", "nano|-l"}, {"", "sh", "sh"},
	} {
		env := func(name string) string { return map[string]string{"VISUAL": c.visual, "EDITOR": c.editor}[name] }
		if got := strings.Join(editorWords(env), "|"); got != c.want {
			t.Errorf("%q, %q: %s, want %s", c.visual, c.editor, got, c.want)
		}
	}
	if len(editorWords(func(string) string { return "" })) != 1 {
		t.Error("no editor where none is named")
	}
}

func TestTheFileToEdit(t *testing.T) {
	site := plans.File{Name: "site/lifeboat.yaml", Data: []byte("version: 1\n")}
	hq := plans.File{Name: "site/plans.yaml", Data: []byte("plans:\n  - name: hq-loss\n  - name: spare\n")}
	more := plans.File{Name: "site/more.yaml", Data: []byte("plans:\n  - {name: more, wrong: 1}\n")}
	for _, c := range []struct {
		files       []plans.File
		means, want string
	}{
		{[]plans.File{site}, "", site.Name}, {[]plans.File{site, hq}, "", hq.Name}, {[]plans.File{site, hq, more}, "", ""},
		{[]plans.File{site, hq, more}, "spare", hq.Name}, {[]plans.File{site, hq, more}, "more", more.Name},
		{[]plans.File{site, hq, more}, "lifeboat.yaml", site.Name}, {[]plans.File{site, hq}, "site/lifeboat.yaml", site.Name}, {[]plans.File{site, hq}, "nope", ""},
	} {
		if got, err := fileToEdit(c.files, c.means); got.Name != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q of %d files: %q, %v", c.means, len(c.files), got.Name, err)
		}
	}
}

// What is named as able to wait must be enough, or nothing is recorded.
func TestWhatWaitsMakesRoom(t *testing.T) {
	d := plans.Doubt{Room: 8 << 30, Need: 14 << 30, VMs: []plans.FoundVM{{ID: "1", Name: "DB", Memory: 8 << 30}, {ID: "2", Name: "APP", Memory: 4 << 30}, {ID: "3", Name: "WEB", Memory: 2 << 30}}}
	for typed, want := range map[string]string{"app": "", "APP, web": "2 3", "db": "1", "": ""} {
		a, out := typing(typed, "")
		s := &setUp{asker: a}
		if err := s.askWaiting(context.Background(), d); err != nil || strings.Join(s.chosen.Waiting, " ") != want {
			t.Errorf("%q: %q waits, %v", typed, s.chosen.Waiting, err)
		}
		if short := strings.Contains(out.String(), "name more"); short != (typed == "app") {
			t.Errorf("%q: said %q", typed, out)
		}
	}
}
