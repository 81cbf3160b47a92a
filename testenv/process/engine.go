package process

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
)

// Engine is a real PowerShell that runs command lines in place of the
// interpreter, with the stand-in Hyper-V module.
type Engine struct {
	// Path is the program; Env is added to the environment.
	Path string
	Env  []string
}

// start runs the engine as a child and returns what kills it.
func (e *Engine) start(ctx context.Context, args []string, in *queue, stdout, stderr io.Writer, exited func(uint32)) (kill func()) {
	cmd := exec.CommandContext(ctx, e.Path, args...)
	cmd.Env = append(os.Environ(), e.Env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, stdout, stderr
	if err := cmd.Start(); err != nil {
		_, _ = io.WriteString(stderr, err.Error()+"\r\n")
		go exited(1)
		return func() {}
	}
	go func() {
		err := cmd.Wait()
		var ended *exec.ExitError
		switch {
		case err == nil:
			exited(0)
		case errors.As(err, &ended) && ended.ExitCode() >= 0:
			exited(uint32(ended.ExitCode()))
		default:
			exited(1)
		}
	}()
	return func() { _ = cmd.Process.Kill() }
}
