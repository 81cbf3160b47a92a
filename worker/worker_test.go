package worker

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/activities/journal"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

func write(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return name
}

func says(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", words)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q lacks %q", err, w)
		}
	}
}

func TestLoadConfigurationSaysWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	_, err := LoadConfiguration(filepath.Join(dir, "none"))
	says(t, err, "--config")
	write(t, filepath.Join(dir, "notes.txt"), "x", 0o600)
	write(t, filepath.Join(dir, ".hidden.yaml"), "x", 0o600)
	_, err = LoadConfiguration(dir)
	says(t, err, "no .yaml file")
	write(t, filepath.Join(dir, "b.yaml"), "nonsense_b: 1\n", 0o600)
	write(t, filepath.Join(dir, "a.yml"), "nonsense_a: 1\n", 0o600)
	_, err = LoadConfiguration(dir)
	says(t, err, "nonsense_a", "nonsense_b")
	if got := yamlFiles(dir); len(got) != 2 || filepath.Base(got[0]) != "a.yml" {
		t.Errorf("files = %v, want a.yml, b.yaml", got)
	}
}

func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	s := secrets{dir}
	write(t, filepath.Join(dir, "good"), "pass word\r\n", 0o600)
	open := write(t, filepath.Join(dir, "open"), "visible", 0o600)
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "empty"), "\n", 0o600)
	t.Setenv("LB_TEST_SECRET", "from env")
	t.Setenv("LB_TEST_EMPTY", "")
	for ref, want := range map[plans.SecretRef]string{"file:good": "pass word", "env:LB_TEST_SECRET": "from env"} {
		if got, err := s.resolve(ref); err != nil || got != want {
			t.Errorf("%s: %v, equal %v", ref, err, got == want)
		}
	}
	for ref, words := range map[plans.SecretRef]string{"file:open": "chmod 600", "file:empty": "is empty",
		"file:none": "no such file", "env:LB_TEST_EMPTY": "is not set", "plain": "write env:NAME"} {
		_, err := s.resolve(ref)
		says(t, err, words)
		if strings.Contains(err.Error(), "visible") {
			t.Errorf("%s: the error shows the secret", ref)
		}
	}
}

func TestLabDialerKnowsItsGuestsOnly(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	lab := &plans.Lab{Addresses: []plans.LabAddress{{From: "10.1.2.3:80", To: l.Addr().String()}}}
	dial := dialer(&Configuration{Config: &plans.Config{Lab: lab}})
	c, err := dial(context.Background(), "10.1.2.3:80")
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	// The address itself would answer: it is the mapping that refuses.
	_, err = dial(context.Background(), l.Addr().String())
	says(t, err, "the lab has no guest")
}

func TestSecondClaimNamesTheHolder(t *testing.T) {
	dir := t.TempDir()
	f, err := ClaimFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := control.WriteEngine(dir, control.Engine{PID: 4711, User: "ann", Host: "dr1"}); err != nil {
		t.Fatal(err)
	}
	_, err = ClaimFolder(dir)
	says(t, err, "process 4711", "ann", "dr1", "started")
	if !errors.Is(err, journal.ErrHeld) {
		t.Errorf("error %v is not ErrHeld", err)
	}
	if err := f.Release(); err != nil {
		t.Fatal(err)
	}
	if f, err = ClaimFolder(dir); err != nil {
		t.Fatalf("a file left behind keeps the folder: %v", err)
	}
	_ = f.Release()
}

// The journal reads the same through an engine and from the file of a killed
// one; a wrong token is refused.
func TestReadersWithAndWithoutAnEngine(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	_, err := ReadEntries(ctx, dir, "", "")
	says(t, err, "--data")
	f, err := ClaimFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Journal.Note("r1", "hello"); err != nil {
		t.Fatal(err)
	}
	a, err := startAPI(f.Journal, nil)
	if err != nil {
		t.Fatal(err)
	}
	engine := control.Engine{API: a.address(), Token: a.token}
	if err := control.WriteEngine(dir, engine); err != nil {
		t.Fatal(err)
	}
	check := func(how string) {
		t.Helper()
		if list, err := ReadEntries(ctx, dir, "r1", ""); err != nil || len(list) != 1 {
			t.Errorf("%s: %d entries, %v, want 1", how, len(list), err)
		}
		if _, err := VerifyJournal(ctx, dir); err != nil {
			t.Errorf("%s: verify: %v", how, err)
		}
		if list, err := ReadReports(ctx, dir); err != nil || len(list) != 0 {
			t.Errorf("%s: %d reports, %v", how, len(list), err)
		}
		if _, err := ReadReport(ctx, dir, "none"); err == nil {
			t.Errorf("%s: a report that is not there was found", how)
		}
	}
	check("with an engine")
	var status *control.StatusError
	engine.Token = "wrong"
	if err := control.Get(ctx, engine, "/v1/reports", nil, new(any)); !errors.As(err, &status) || status.Code != 401 {
		t.Errorf("wrong token: %v, want 401", err)
	}
	_ = a.stop(ctx)
	_ = f.Release()
	check("after a kill")
}

func TestAHostTheEngineDoesNotKnowIsABlocker(t *testing.T) {
	all := newHosts(&Configuration{Config: &plans.Config{}, Dir: "etc"}, nil)
	_, err := all.host("HV9")
	says(t, err, "host HV9 is not in the engine's configuration")
}

func TestTheEngineInItsOwnPlanIsAWarning(t *testing.T) {
	in := plans.RunInput{Steps: []plans.RunStep{{VMs: []plans.RunVM{{Name: "DR01"}, {Name: "web"}}}}}
	before := []plans.Finding{{Severity: plans.Blocker, Code: "b"}, {Severity: plans.Info, Code: "i"}}
	got := warnOfEngine(before, in, "dr01.example.org")
	if len(got) != 3 || got[1].Code != "engine-in-plan" || got[1].VM != "DR01" {
		t.Errorf("findings = %+v", got)
	}
	if got := warnOfEngine(nil, in, "elsewhere"); len(got) != 0 {
		t.Errorf("findings for another machine = %+v", got)
	}
}
