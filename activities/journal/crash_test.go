//go:build unix

package journal

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	childEnv = "LIFEBOAT_JOURNAL_CHILD"
	fileEnv  = "LIFEBOAT_JOURNAL_FILE"
)

// TestMain turns this binary into the writer that other tests kill.
func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "":
		os.Exit(m.Run())
	case "full":
		fillUp()
	default:
		writeOn()
	}
}

// writeOn writes acts for ever and says which are on disk.
func writeOn() {
	j, err := Open(os.Getenv(fileEnv))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for {
		seq, err := j.Before(note("run"))
		if err != nil {
			os.Exit(1)
		}
		fmt.Println(seq)
	}
}

// fillUp writes until the file may not grow any more, then says how many acts
// it believes to be on disk.
func fillUp() {
	signal.Ignore(syscall.SIGXFSZ)
	j, err := Open(os.Getenv(fileEnv))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	limit := syscall.Rlimit{Cur: 96 << 10, Max: 96 << 10}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for last := uint64(0); last < 10_000; last++ {
		if _, err := j.Before(note("run")); err != nil {
			fmt.Println(last)
			_, _ = fmt.Fprintln(os.Stderr, err)
			os.Exit(0)
		}
	}
	os.Exit(1)
}

func child(t *testing.T, kind, file string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	c := exec.Command(self)
	c.Env = append(os.Environ(), childEnv+"="+kind, fileEnv+"="+file)
	return c
}

// What Before returned for is there after a kill -9, and the chain is whole;
// the next engine writes on.
func TestKilledInTheMiddle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	var said uint64
	for round := range 5 {
		c := child(t, "write", path)
		out, err := c.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, c.Start())
		lines := bufio.NewScanner(out)
		for range 3 + 7*round {
			require.True(t, lines.Scan(), "the writer ended early")
			said, err = strconv.ParseUint(lines.Text(), 10, 64)
			require.NoError(t, err, lines.Text())
		}
		require.NoError(t, c.Process.Kill())
		_ = c.Wait()

		j, err := Open(path)
		require.NoError(t, err)
		head, err := j.Verify()
		require.NoError(t, err)
		require.GreaterOrEqual(t, head.Entries, said)
		require.NoError(t, j.Close())
	}
}

func TestAFullDiskIsAnErrorOfBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	out, err := child(t, "full", path).Output()
	require.NoError(t, err, string(out))
	written, err := strconv.ParseUint(string(out[:len(out)-1]), 10, 64)
	require.NoError(t, err)
	require.NotZero(t, written)
	j, err := Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, j.Close()) }()
	head, err := j.Verify()
	require.NoError(t, err)
	require.Equal(t, written, head.Entries, "every act whose note was refused is not there, every other is")
	_, err = j.Before(note("run"))
	require.NoError(t, err, "there is room again")
}
