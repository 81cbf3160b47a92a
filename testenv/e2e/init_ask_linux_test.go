package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A first set-up as somebody types it, with the slips that people make, from nothing
// to an engine that says whether a site may be lost.
func TestFirstSetUpAsTyped(t *testing.T) {
	w := newWorld(t, "northgate", 60)
	me, ca, password := w.person("me"), filepath.Join(w.site(), "ca.pem"), w.password()
	k := w.talkTo(me, nil, "init")
	k.answer("Name them", "hq")
	k.answer("Name them", "hq, warehouse")
	k.answer("It stands at [warehouse]", "")
	k.answer("Hosts at hq", "ng-hv01")
	k.answer("Hosts at hq", w.at("NG-HV01"))
	k.answer("PEM file", filepath.Join(w.site(), "lifeboat.yaml"))
	k.answer("PEM file", ca)
	k.answer("Account", "lifeboat")
	k.hide("Password", "not-"+password)
	k.answer("another account or password", "")
	k.answer("Account", "lifeboat")
	k.hide("Password", password)
	k.answer("Hosts at warehouse", w.at("NG-HV01"))
	k.answer("Account [lifeboat, same password]", "")
	k.answer("Address", w.at("NG-HV02"))
	k.answer("on purpose", "maybe")
	k.answer("on purpose", "y")
	k.answer("Which can wait", "NG-NONE")
	k.answer("Which can wait", "ng-rds02")
	k.answer("Its name [hq-loss]", "a/b")
	k.answer("Its name [hq-loss]", "")
	k.answer("first", "NG-DC01")
	k.answer("when those are up", "NG-DC01")
	k.answer("when those are up", "NG-SQL01, NG-FS01")
	k.answer("when those are up", "")
	k.answer("Write to [./site]", w.site())
	k.answer("Write to [./site]", "")
	said := result{out: k.end(0)}
	for _, words := range []string{
		"a failover needs two sites", "is no IP address", "holds no PEM certificate", "REFUSED Cannot log on to " + w.at("NG-HV01") + " as lifeboat",
		"calls itself NG-HV01", "nothing was changed", "y or n", `"NG-NONE" is none of`, "slash", `"NG-DC01" is none of`, "is not overwritten", "draft",
	} {
		if !said.says(words) {
			t.Errorf("it does not say %q", words)
		}
	}
	for _, line := range strings.Split(said.out, "\n") {
		if len([]rune(line)) > 80 && !strings.Contains(line, w.dir) {
			t.Errorf("wider than the terminal: %q", line)
		}
	}
	w.nothingChanged()

	site := filepath.Join(me, "site")
	cfg := readConfig(t, site)
	if len(cfg.Plans) != 1 || len(cfg.Plans[0].Steps) != 3 || !cfg.Sites[1].Engine || cfg.Hosts[0].Name != "NG-HV01" || cfg.Hosts[0].WinRM.Secret != "file:secrets/lifeboat" {
		t.Errorf("it wrote %+v, %+v, %+v", cfg.Sites, cfg.Hosts, cfg.Plans)
	}
	w.must(0, "plan", "validate", "--config", site)
	w.must(0, "check", "--config", site)
	lab := fmt.Sprintf("lab: {speed: 60, control: %q}\n", w.control)
	if err := os.WriteFile(filepath.Join(site, "lab.yaml"), []byte(lab), 0o644); err != nil {
		t.Fatal(err)
	}
	w.up("--config", site)
	w.until("the engine judges the plan", func() error {
		r := w.lifeboat("status", "--config", site)
		if !r.says("If hq is lost now: READY") {
			return fmt.Errorf("exit %d\n%s%s", r.code, r.out, r.err)
		}
		return nil
	})
	kept := filepath.Join(site, "secrets", "lifeboat")
	if names := tells(t, password, me, w.data(), w.log.Name()); strings.Contains(said.out, password) || !slices.Equal(names, []string{kept}) {
		t.Errorf("the password is in %q; on the screen: %t", names, strings.Contains(said.out, password))
	}
	if info, err := os.Stat(kept); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the password's file: %v, %v", info, err)
	}
}

// replies are what somebody may type at a question, right and wrong.
func (w *world) replies(r *rand.Rand, me, question string) string {
	ca := filepath.Join(w.site(), "ca.pem")
	for says, all := range map[string][]string{
		"Name them": {"here, there", "here, there", "here", "x, X"}, "It stands at": {"", "here", "nowhere"},
		"Hosts at here": {w.at("HV-A"), w.at("HV-A"), "300.1.1.1", ""}, "Hosts at there": {w.at("HV-B"), w.at("HV-B"), w.at("HV-A")},
		"Address": {w.at("HV-B"), w.at("HV-A")}, "PEM file": {ca, ca, "", "nothing"}, "Account": {"lifeboat", "lifeboat", "", `DOM\who`},
		"[a] another": {"a", "a", "d"}, "[r] try again": {"a", "d"}, "Its name": {"", "-", "a/b"}, "must start first": {"", "APP1", "nobody"},
		"when those": {"", "APP2"}, "Write to": {"", "taken", filepath.Join(me, "fresh")},
	} {
		if strings.Contains(question, says) {
			return all[r.IntN(len(all))]
		}
	}
	return ""
}

// Whatever is answered, and whenever somebody has had enough: no file that was there
// is another one, a password is nowhere but in its own file, and what is written is
// whole.
func TestNoAnswerOverwritesOrTells(t *testing.T) {
	w := newWorld(t, "pair", 60)
	seed := uint64(os.Getpid())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	password := w.password()
	for i := range 6 {
		me := w.person(fmt.Sprintf("me%d", i))
		there := map[string]string{"taken/lifeboat.yaml": "version: 1\n", "site/secrets/lifeboat": "another\n", "fresh/secrets/lifeboat": "another\n"}
		if r.IntN(3) == 0 {
			there["site/lifeboat.yaml"] = "version: 1\n"
		}
		for name, text := range there {
			path := filepath.Join(me, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		k := w.talkTo(me, nil, "init")
		code := w.answerAnyhow(k, r, me, password)
		for name, text := range there {
			if now, err := os.ReadFile(filepath.Join(me, name)); err != nil || string(now) != text {
				t.Errorf("%s holds %q (%v) and held %q\n%s", name, now, err, text, k.shown())
			}
		}
		for _, name := range tells(t, password, me) {
			if filepath.Base(filepath.Dir(name)) != "secrets" {
				t.Errorf("the password is in %s", name)
			}
		}
		if strings.Contains(k.shown(), password) {
			t.Error("the password is on the screen")
		}
		switch code {
		case 0:
			_, dir, _ := strings.Cut(k.shown(), "Wrote ")
			dir, _, _ = strings.Cut(dir, "/lifeboat.yaml")
			if !filepath.IsAbs(dir) {
				dir = filepath.Join(me, dir)
			}
			w.must(0, "check", "--config", dir)
		case 4:
			if names := tells(t, password, me); len(names) > 0 {
				t.Errorf("it was refused and left %q", names)
			}
		default:
			t.Errorf("exit %d\n%s", code, k.shown())
		}
	}
	w.nothingChanged()
}

// answerAnyhow answers what comes, until the end or until enough was asked; then it
// stops as people do.
func (w *world) answerAnyhow(k *talk, r *rand.Rand, me, password string) int {
	w.t.Helper()
	enough := 5 + r.IntN(60)
	for asked := 0; ; asked++ {
		question := k.question()
		switch {
		case question == "":
			return k.code()
		case asked == enough:
			k.types([]string{"\x03", "\x04"}[r.IntN(2)])
		case strings.Contains(question, "Password"):
			k.unseen()
			k.types([]string{password, password, "not it"}[r.IntN(3)] + "\n")
		default:
			k.types(w.replies(r, me, question) + "\n")
		}
	}
}

// The file is replaced only by one that is valid, and only if nobody else changed it.
func TestPlanEditAsTyped(t *testing.T) {
	w := newWorld(t, "pair", 60)
	me, file := w.person("me"), filepath.Join(w.site(), "lifeboat.yaml")
	was, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	same := func(when string) {
		t.Helper()
		if now, err := os.ReadFile(file); err != nil || string(now) != string(was) {
			t.Errorf("%s: the file was changed (%v)", when, err)
		}
	}
	// editor is a program that does one thing after another with the file it gets.
	editor := func(steps ...string) []string {
		path := filepath.Join(me, fmt.Sprintf("editor-%d", len(steps)))
		text := "#!/bin/sh\nn=$(cat '" + path + ".n' 2>/dev/null || echo 0)\necho $((n + 1)) > '" + path + ".n'\ncase $n in\n"
		for i, s := range steps {
			text += fmt.Sprintf("%d) %s ;;\n", i, s)
		}
		_ = os.Remove(path + ".n")
		if err := os.WriteFile(path, []byte(text+"esac\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return []string{"VISUAL=" + path}
	}
	spoil, mend := `echo 'sitse: []' >> "$1"`, `sed -i 's/^sitse.*/# looked at/' "$1"`

	w.talkTo(me, editor("true"), "plan", "edit", "lifeboat.yaml").end(0)
	same("nothing was typed")

	k := w.talkTo(me, editor(spoil, "false"), "plan", "edit", "lifeboat.yaml")
	k.answer("[e] edit again", "e")
	if said := (result{out: k.end(4)}); !said.says("sitse: there is no such field") || !said.says("did not end well") {
		t.Errorf("it says\n%s", said.out)
	}
	same("an editor that failed")

	k = w.talkTo(me, editor(spoil), "plan", "edit", "lifeboat.yaml")
	k.answer("[d] drop", "d")
	k.end(4)
	same("dropped")

	k = w.talkTo(me, editor(spoil, mend), "plan", "edit", "--dry-run", "lifeboat.yaml")
	k.answer("[e] edit again", "")
	k.end(0)
	same("a dry run")

	other := append(slices.Clone(was), "# somebody\n"...)
	k = w.talkTo(me, editor(spoil, mend+"; echo '# somebody' >> '"+file+"'"), "plan", "edit", "lifeboat.yaml")
	k.answer("[e] edit again", "")
	if said := (result{out: k.end(4)}); !said.says("changed by somebody else") {
		t.Errorf("it says\n%s", said.out)
	}
	was = other
	same("somebody else was faster")

	k = w.talkTo(me, editor(spoil, mend), "plan", "edit", "lifeboat.yaml")
	k.answer("[e] edit again", "e")
	k.end(0)
	if now, err := os.ReadFile(file); err != nil || string(now) != string(was)+"# looked at\n" {
		t.Errorf("it was not written: %v", err)
	}
	if before, err := os.ReadFile(file + ".before"); err != nil || string(before) != string(was) {
		t.Errorf("what stood there is not kept: %v", err)
	}
	w.must(0, "plan", "validate")
	w.must(2, "plan", "edit", "lifeboat.yaml") // no terminal: nothing waits

	// Two files that are both wrong are mended one after the other.
	more := filepath.Join(filepath.Dir(file), "more.yaml")
	if err := errors.Join(os.WriteFile(more, []byte("hsots: []\n"), 0o600), os.WriteFile(file, append(slices.Clone(was), "sitse: []\n"...), 0o600)); err != nil {
		t.Fatal(err)
	}
	said := result{out: w.talkTo(me, editor(mend), "plan", "edit", "lifeboat.yaml").end(0)}
	if !said.says("hsots: there is no such field") || !said.says("That was wrong before.") || !said.says("lifeboat plan edit "+more) || said.says("sitse") {
		t.Errorf("it says\n%s", said.out)
	}
	w.must(2, "plan", "validate")
	w.talkTo(me, editor(`sed -i 's/^hsots/hosts/' "$1"`), "plan", "edit", "more.yaml").end(0)
	w.must(0, "plan", "validate")
}
