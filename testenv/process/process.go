// Package process is what a command line starts on a simulated host: cmd.exe
// with the few commands that matter, PowerShell by the lab's own interpreter or
// by a real engine, and the session pump of docs/pump.md.
package process

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// Host is what processes of one simulated host share.
type Host struct {
	// Name is the computer name.
	Name string
	// Now is the clock processes see: real time plus the host's skew. It runs at
	// the real rate whatever the speed of the simulated world.
	Now func() time.Time
	// NewSession makes the interpreter of one PowerShell process. by points to
	// the id of the request being worked on, "process" before the first; native
	// starts programs of the host (powershell.Options.Native).
	NewSession func(by *string, h Handle, native Native) *powershell.Session
	// Engine runs PowerShell command lines for real; nil means the interpreter.
	Engine *Engine
	// Mutexes are the host's named mutexes; nil means that a process has its own.
	Mutexes *Mutexes

	// sessions replaces NewSession in this package's tests.
	sessions func(by *string, h Handle) session
}

// Native starts a program from within a script: see powershell.Options.
type Native = func(ctx context.Context, name string, args []string, stdout, stderr io.Writer) (code int, ok bool)

// Handle reaches the wire behind a process.
type Handle interface {
	// Cut resets the connections; kill also ends the shell.
	Cut(kill bool)
}

// session is what the processes need of the interpreter.
type session interface {
	Load(text string) error
	Call(ctx context.Context, function string, args map[string]any) (any, *powershell.ErrorRecord)
	Run(ctx context.Context, script string, stdout, stderr io.Writer) int
}

// Process is one running command line.
type Process struct {
	stdin  *queue
	cancel context.CancelFunc
	gone   chan struct{}
	once   sync.Once
	exited func(uint32)
	out    *gate
	onKill func()
}

// Start starts a command line as WinRS does: through cmd.exe. It answers at
// once; exited is called once, when the process has ended.
// Microsoft: cmd; "Command prompt (Cmd.exe) command-line string limitation".
func (h *Host) Start(ctx context.Context, commandLine string, stdout, stderr io.Writer, handle Handle, exited func(code uint32)) *Process {
	ctx, cancel := context.WithCancel(ctx)
	p := &Process{stdin: newQueue(), cancel: cancel, gone: make(chan struct{}), exited: exited, out: &gate{}}
	mutexes := h.Mutexes
	if mutexes == nil {
		mutexes = NewMutexes()
	}
	run := run{host: h, mutexes: mutexes, process: p, handle: handle, stdout: p.out.writer(stdout), stderr: p.out.writer(stderr), owner: new(owner), by: "process"}
	p.onKill = func() { mutexes.abandon(run.owner) }
	go func() {
		code := run.line(ctx, commandLine)
		p.end(code)
	}()
	context.AfterFunc(ctx, p.Kill)
	return p
}

// Write queues standard input; it never waits.
func (p *Process) Write(b []byte) (int, error) { return p.stdin.Write(b) }

// CloseStdin ends standard input.
func (p *Process) CloseStdin() { p.stdin.close() }

// Kill ends the process at once: nothing it writes afterwards is seen, and the
// mutexes it holds are abandoned. A call that has reached the simulated host is
// not undone.
func (p *Process) Kill() { p.end(1) }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.gone }

func (p *Process) end(code uint32) {
	p.once.Do(func() {
		p.out.shut()
		p.stdin.close()
		p.onKill()
		close(p.gone)
		p.exited(code)
		p.cancel()
	})
}

func (h *Host) session(by *string, handle Handle, native Native) session {
	if h.sessions != nil {
		return h.sessions(by, handle)
	}
	return h.NewSession(by, handle, native)
}

// gate lets output through until the process is gone.
type gate struct {
	mu   sync.Mutex
	gone bool
}

func (g *gate) shut() {
	g.mu.Lock()
	g.gone = true
	g.mu.Unlock()
}

func (g *gate) writer(w io.Writer) io.Writer { return gated{g, w} }

type gated struct {
	g *gate
	w io.Writer
}

func (w gated) Write(b []byte) (int, error) {
	w.g.mu.Lock()
	defer w.g.mu.Unlock()
	if w.g.gone {
		return 0, io.ErrClosedPipe
	}
	return w.w.Write(b)
}

// queue is standard input: unbounded, so that a writer never waits.
type queue struct {
	mu     sync.Mutex
	ready  *sync.Cond
	data   []byte
	closed bool
}

func newQueue() *queue {
	q := &queue{}
	q.ready = sync.NewCond(&q.mu)
	return q
}

func (q *queue) Write(b []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return 0, io.ErrClosedPipe
	}
	q.data = append(q.data, b...)
	q.ready.Signal()
	return len(b), nil
}

func (q *queue) Read(b []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.data) == 0 {
		if q.closed {
			return 0, io.EOF
		}
		q.ready.Wait()
	}
	n := copy(b, q.data)
	q.data = q.data[n:]
	return n, nil
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.ready.Broadcast()
	q.mu.Unlock()
}
