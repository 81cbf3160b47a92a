package control

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"
)

func TestReadEngine(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadEngine(dir); !errors.Is(err, ErrNoEngine) {
		t.Errorf("no file: %v, want ErrNoEngine", err)
	}
	want := Engine{PID: 7, Host: "a", Token: "t", Started: time.Now().UTC().Round(0)}
	if err := WriteEngine(dir, want); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadEngine(dir); err != nil || got != want {
		t.Errorf("read back %+v, %v, want %+v", got, err, want)
	}
	if info, err := os.Stat(filepath.Join(dir, EngineFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file holds the token and has mode %v (%v)", info.Mode(), err)
	}
	if err := os.WriteFile(filepath.Join(dir, EngineFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadEngine(dir); err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("half a file: %v", err)
	}
}

// A killed engine leaves its file behind.
func TestDialOfAKilledEngine(t *testing.T) {
	ended := exec.Command(os.Args[0], "-test.run=^$")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	host, _ := os.Hostname()
	_, err := Dial(context.Background(), Engine{PID: ended.Process.Pid, Host: host, Temporal: "127.0.0.1:1"})
	if !errors.Is(err, ErrNotRunning) {
		t.Errorf("error = %v, want ErrNotRunning", err)
	}
}

// A port that accepts and says nothing must not hold a person up.
func TestDialOfASilentPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	began := time.Now()
	if _, err = Dial(context.Background(), Engine{PID: os.Getpid(), Temporal: l.Addr().String()}); err == nil {
		t.Fatal("a silent port was taken for an engine")
	}
	if took := time.Since(began); took > dialLimit+3*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestGetOfADeadEngine(t *testing.T) {
	var v any
	err := Get(context.Background(), Engine{API: "127.0.0.1:1", Token: "hidden"}, "/v1/reports", nil, &v)
	var status *StatusError
	if err == nil || errors.As(err, &status) || strings.Contains(err.Error(), "hidden") {
		t.Errorf("error = %v", err)
	}
}

func TestRefusal(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		in   error
		want string
	}{
		"validator": {temporal.NewApplicationError("question 3 is closed", "refused"), "question 3 is closed"},
		"ended":     {serviceerror.NewNotFound("x"), "the run has ended: there is nothing to answer"},
		"broken":    {broken, ""},
		"accepted":  {nil, ""},
	} {
		got := refusal(c.in)
		var no *NotAcceptedError
		if errors.As(got, &no) != (c.want != "") || (no != nil && no.Reason != c.want) {
			t.Errorf("%s: %v, want %q", name, got, c.want)
		}
		if c.want == "" && got != c.in {
			t.Errorf("%s: %v became %v", name, c.in, got)
		}
	}
}
