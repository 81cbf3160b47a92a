package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// talk is a command at a real terminal, and what stood on its screen so far.
type talk struct {
	w    *world
	cmd  *exec.Cmd
	tty  *os.File
	over chan struct{} // closed when the screen ended

	mu     sync.Mutex
	screen bytes.Buffer
	read   int // how much of it was answered
}

// talkTo starts a command in a folder at a terminal of 80 columns.
func (w *world) talkTo(dir string, env []string, args ...string) *talk {
	w.t.Helper()
	k := &talk{w: w, cmd: exec.Command(w.bin, args...), over: make(chan struct{})}
	k.cmd.Dir = dir
	k.cmd.Env = append(w.environ(), env...)
	var err error
	if k.tty, err = pty.StartWithSize(k.cmd, &pty.Winsize{Rows: 40, Cols: 80}); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = k.cmd.Process.Kill()
		_ = k.tty.Close()
	})
	go func() {
		defer close(k.over)
		chunk := make([]byte, 4096)
		for {
			n, err := k.tty.Read(chunk)
			k.mu.Lock()
			k.screen.Write(chunk[:n])
			k.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return k
}

// shown is all that stood on the screen.
func (k *talk) shown() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return strings.ReplaceAll(k.screen.String(), "\r\n", "\n")
}

// question waits for the next question, "" when there is none any more.
func (k *talk) question() (text string) {
	k.w.t.Helper()
	k.w.until("a question at the terminal", func() error {
		ended := false
		select {
		case <-k.over:
			ended = true
		default:
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		fresh := k.screen.String()[k.read:]
		switch {
		case strings.HasSuffix(fresh, ": "):
			k.read = k.screen.Len()
			text = fresh[strings.LastIndex(fresh, "\n")+1:]
			return nil
		case ended:
			return nil
		}
		return fmt.Errorf("the screen ends with %q", fresh[max(0, len(fresh)-200):])
	})
	return text
}

func (k *talk) types(text string) {
	k.w.t.Helper()
	if _, err := k.tty.WriteString(text); err != nil {
		k.w.t.Fatalf("typing: %v\n%s", err, k.shown())
	}
}

// answer waits for a question that says so and answers it.
func (k *talk) answer(says, text string) {
	k.w.t.Helper()
	if q := k.question(); !strings.Contains(q, says) {
		k.w.t.Fatalf("it asks %q, not %q\n%s", q, says, k.shown())
	}
	k.types(text + "\n")
}

// hide answers a question whose answer must not be seen.
func (k *talk) hide(says, text string) {
	k.w.t.Helper()
	if q := k.question(); !strings.Contains(q, says) {
		k.w.t.Fatalf("it asks %q, not %q\n%s", q, says, k.shown())
	}
	k.unseen()
	k.types(text + "\n")
}

// unseen waits until the terminal shows nothing of what is typed.
func (k *talk) unseen() {
	k.w.t.Helper()
	k.w.until("the terminal hides what is typed", func() error {
		is, err := unix.IoctlGetTermios(int(k.tty.Fd()), unix.TCGETS)
		if err == nil && is.Lflag&unix.ECHO != 0 {
			err = errors.New("it does not")
		}
		return err
	})
}

// end waits for the end, which must have this code.
func (k *talk) end(code int) string {
	k.w.t.Helper()
	if q := k.question(); q != "" {
		k.w.t.Fatalf("it asks %q and should be over\n%s", q, k.shown())
	}
	if got := k.code(); got != code {
		k.w.t.Fatalf("exit %d, want %d\n%s", got, code, k.shown())
	}
	return k.shown()
}

func (k *talk) code() int {
	k.w.t.Helper()
	<-k.over
	err := k.cmd.Wait()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		k.w.t.Fatal(err)
	}
	return k.cmd.ProcessState.ExitCode()
}

// at is where a lab's host is, as somebody types it.
func (w *world) at(host string) string {
	w.t.Helper()
	for _, h := range readConfig(w.t, w.site()).Hosts {
		if h.Name == host {
			return fmt.Sprintf("%s:%d", h.Address, h.WinRM.Port)
		}
	}
	w.t.Fatalf("the lab has no %s", host)
	return ""
}

// password is that of the lab's account.
func (w *world) password() string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.site(), "secrets", "hosts"))
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// tells are the files below some folders that hold a text.
func tells(t *testing.T, text string, dirs ...string) (names []string) {
	t.Helper()
	for _, dir := range dirs {
		if err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(name)
			if bytes.Contains(data, []byte(text)) {
				names = append(names, name)
			}
			return err
		}); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	return names
}

// person is a folder in which somebody works.
func (w *world) person(name string) string {
	w.t.Helper()
	dir := filepath.Join(w.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		w.t.Fatal(err)
	}
	return dir
}
