package process

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// Engine is a real PowerShell that plays powershell.exe.
type Engine struct {
	// Path is the program.
	Path string
	// Env is added to the environment, "NAME=value".
	Env []string
}

// engine runs the real PowerShell as a child.
func (r *run) engine(ctx context.Context, script string) uint32 {
	c := exec.CommandContext(ctx, r.host.Engine.Path, "-NoLogo", "-NoProfile", "-NonInteractive", "-OutputFormat", "Text", "-EncodedCommand", encode(script))
	c.Env = append(os.Environ(), r.host.Engine.Env...)
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
		io.Copy(in, r.process.stdin)
		in.Close()
	}()
	err = c.Wait()
	if code := c.ProcessState.ExitCode(); code >= 0 {
		return uint32(code)
	}
	return 1
}
