package process

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"
)

// Engine is a real PowerShell that plays powershell.exe.
type Engine struct {
	// Path is the program.
	Path string
	// Before is script text that runs before every script.
	Before string
	// Env makes what is added to the environment of one process, "NAME=value",
	// and what has to be done when the process is gone. by answers the id of the
	// request that the process is working on.
	Env func(by func() string, h Handle) (env []string, done func())
}

// engine runs the real PowerShell as a child.
func (r *run) engine(ctx context.Context, script string) uint32 {
	e := r.host.Engine
	if e.Before != "" {
		script = e.Before + "\n" + script
	}
	c := exec.CommandContext(ctx, e.Path, "-NoLogo", "-NoProfile", "-NonInteractive", "-OutputFormat", "Text", "-EncodedCommand", encode(script))
	c.Env = os.Environ()
	watch := newRequests()
	if e.Env != nil {
		env, done := e.Env(watch.current, r.handle)
		defer done()
		c.Env = append(c.Env, env...)
	}
	c.Stdout, c.Stderr = r.stdout, r.stderr
	c.WaitDelay = 2 * time.Second // grandchildren may hold the pipes
	in, err := c.StdinPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		fmt.Fprintf(r.stderr, "the PowerShell engine did not start: %v\r\n", err)
		return 1
	}
	go func() {
		// The end of either side ends the other: nothing waits for a child that
		// reads no more, and a child whose input has ended ends.
		_, _ = io.Copy(in, io.TeeReader(r.process.stdin, watch))
		_ = in.Close()
	}()
	_ = c.Wait()
	if code := c.ProcessState.ExitCode(); code >= 0 {
		return uint32(code)
	}
	return 1
}

// requests reads along what goes to a session pump: docs/pump.md has one
// request at a time in a session, so the latest is the one being worked on.
type requests struct {
	line []byte // the beginning of the line that is not whole yet
	id   atomic.Value
}

// frameHead is how much of a line is looked at: kind and id stand first.
const frameHead = 80

func newRequests() *requests {
	q := &requests{}
	q.id.Store("process")
	return q
}

func (q *requests) current() string { return q.id.Load().(string) }

// Write takes input on its way to the child, before the child has it.
func (q *requests) Write(b []byte) (int, error) {
	n := len(b)
	for {
		head, rest, whole := bytes.Cut(b, []byte("\n"))
		q.line = append(q.line, head[:min(len(head), max(0, frameHead-len(q.line)))]...)
		if !whole {
			return n, nil
		}
		if f := strings.Fields(string(q.line)); len(f) > 1 && (f[0] == "RUN" || f[0] == "LOAD") && frameID.MatchString(f[1]) {
			q.id.Store(f[1])
		}
		q.line, b = q.line[:0], rest
	}
}
