package embedded

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A log goes on where it was, and begins anew before it is too large; one that cannot
// be written is an error at the start, not silence later.
func TestALogGoesOnAndBeginsAnew(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lifeboat.log")
	write := func(text string) {
		t.Helper()
		l, err := OpenLog(name)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		if _, err := l.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	is := func(want string) {
		t.Helper()
		if text, err := os.ReadFile(name); err != nil || string(text) != want {
			t.Errorf("%v, %d bytes: %.40q", err, len(text), text)
		}
	}
	write("one\n")
	write("two\n")
	is("one\ntwo\n")
	if i, err := os.Stat(name); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", i.Mode(), err)
	}
	write(strings.Repeat("x", logMB<<20))
	write("three\n")
	is("three\n")
	require.Eventually(t, func() bool {
		aside, _ := filepath.Glob(filepath.Join(filepath.Dir(name), "lifeboat-*"))
		return len(aside) == 2 && strings.HasSuffix(aside[0], ".log.gz") && strings.HasSuffix(aside[1], ".log.gz")
	}, 30*time.Second, 10*time.Millisecond)
	_, err := OpenLog(filepath.Join(name, "within.log"))
	if err == nil || !strings.Contains(err.Error(), "the log cannot be written") {
		t.Errorf("a file is no folder: %v", err)
	}
}
