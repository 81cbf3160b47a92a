package wsman

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"time"
)

// shell is one remote shell. It outlives its client: only Delete, the idle time
// or the end of the host ends it.
type shell struct {
	server            *Server
	id, owner, client string
	idle              time.Duration
	born              time.Time
	ctx               context.Context
	cancel            context.CancelFunc

	mu       sync.Mutex
	ended    bool
	busy     int
	used     time.Time
	timer    *time.Timer
	conns    map[*connection]struct{}
	commands map[string]*command
}

func newShell(s *Server, owner, client string, idle time.Duration) *shell {
	ctx, cancel := context.WithCancel(context.Background())
	now := time.Now()
	return &shell{
		server: s, id: newGUID(), owner: owner, client: client, idle: idle, born: now, used: now,
		ctx: ctx, cancel: cancel,
		conns: map[*connection]struct{}{}, commands: map[string]*command{},
	}
}

// enter begins an operation: the idle time stands still during one.
func (sh *shell) enter(c *connection) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.ended {
		return false
	}
	sh.busy++
	sh.conns[c] = struct{}{}
	if sh.timer != nil {
		sh.timer.Stop()
	}
	return true
}

func (sh *shell) leave() {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.busy--
	sh.used = time.Now()
	if sh.busy == 0 && !sh.ended {
		if sh.timer == nil {
			sh.timer = time.AfterFunc(sh.idle, sh.expire)
		} else {
			sh.timer.Reset(sh.idle)
		}
	}
}

// expire ends the shell, unless an operation began as the timer fired.
func (sh *shell) expire() {
	sh.mu.Lock()
	again := sh.busy > 0 || time.Since(sh.used) < sh.idle
	sh.mu.Unlock()
	if !again {
		sh.end()
	}
}

// Cut is the Handle of the shell's processes.
func (sh *shell) Cut(kill bool) {
	sh.mu.Lock()
	var conns []*connection
	for c := range sh.conns {
		conns = append(conns, c)
	}
	clear(sh.conns)
	sh.mu.Unlock()
	for _, c := range conns {
		c.reset()
	}
	if kill {
		sh.end()
	}
}

// end kills the processes and forgets the shell.
func (sh *shell) end() {
	sh.server.mu.Lock()
	delete(sh.server.shells, sh.id)
	sh.server.mu.Unlock()
	sh.mu.Lock()
	sh.ended = true
	if sh.timer != nil {
		sh.timer.Stop()
	}
	commands := sh.commands
	sh.commands = map[string]*command{}
	sh.mu.Unlock()
	for _, c := range commands {
		c.abort()
		c.kill()
	}
	sh.cancel()
}

func (sh *shell) run(id, line string, console bool) *fault {
	c := &command{id: id, console: console, changed: make(chan struct{}), aborted: make(chan struct{}), started: make(chan struct{})}
	sh.mu.Lock()
	switch {
	case sh.ended:
		sh.mu.Unlock()
		return faultShell(sh.id)
	case len(sh.commands) >= maxProcesses:
		sh.mu.Unlock()
		return faultProcesses
	case sh.commands[id] != nil:
		sh.mu.Unlock()
		return faultParameter
	}
	sh.commands[id] = c
	sh.mu.Unlock()
	c.process = sh.server.opts.Start(sh.ctx, line, stream{c, 0}, stream{c, 1}, sh, c.exited)
	close(c.started)
	return nil
}

func (sh *shell) find(id string) *command {
	sh.mu.Lock()
	c := sh.commands[strings.ToUpper(id)]
	sh.mu.Unlock()
	if c != nil {
		<-c.started
	}
	return c
}

func (sh *shell) remove(c *command) {
	sh.mu.Lock()
	delete(sh.commands, c.id)
	sh.mu.Unlock()
	c.abort()
	c.kill()
}

func (sh *shell) unended() int {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return len(sh.commands)
}

func (sh *shell) describe() string {
	sh.mu.Lock()
	inactive := time.Since(sh.used)
	sh.mu.Unlock()
	return fmt.Sprintf(`<rsp:Shell><rsp:ShellId>%s</rsp:ShellId><rsp:ResourceUri>%s</rsp:ResourceUri><rsp:Owner>%s</rsp:Owner><rsp:ClientIP>%s</rsp:ClientIP><rsp:IdleTimeOut>PT%.3fS</rsp:IdleTimeOut><rsp:InputStreams>stdin</rsp:InputStreams><rsp:OutputStreams>stdout stderr</rsp:OutputStreams><rsp:ShellRunTime>%s</rsp:ShellRunTime><rsp:ShellInactivity>%s</rsp:ShellInactivity></rsp:Shell>`,
		sh.id, shellCmd, escape(sh.owner), escape(sh.client), sh.idle.Seconds(), span(time.Since(sh.born)), span(inactive))
}

func span(d time.Duration) string {
	s := int(d.Seconds())
	return fmt.Sprintf("P%dDT%dH%dM%dS", s/86400, s/3600%24, s/60%60, s%60)
}

// command is one process and what it wrote and nobody fetched yet.
type command struct {
	id      string
	console bool
	process Process
	started chan struct{}
	aborted chan struct{}
	once    sync.Once

	mu      sync.Mutex
	changed chan struct{} // closed and renewed at every change
	chunks  []chunk
	done    bool
	code    uint32
	// The latest answer, for a client that lost it and asks with the same
	// MessageID.
	lastID, last string
}

type chunk struct {
	stream int
	data   []byte
}

var streamNames = [...]string{"stdout", "stderr"}

// stream collects one output stream. It never waits for the client, which the
// real pipe would do after some kilobytes.
type stream struct {
	c *command
	n int
}

func (s stream) Write(p []byte) (int, error) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if n := len(s.c.chunks); n > 0 && s.c.chunks[n-1].stream == s.n {
		s.c.chunks[n-1].data = append(s.c.chunks[n-1].data, p...)
	} else {
		s.c.chunks = append(s.c.chunks, chunk{s.n, append([]byte(nil), p...)})
	}
	s.c.wake()
	return len(p), nil
}

func (c *command) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *command) exited(code uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.done {
		c.done, c.code = true, code
		c.wake()
	}
}

func (c *command) finished() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done
}

func (c *command) abort() { c.once.Do(func() { close(c.aborted) }) }

func (c *command) kill() {
	// Whoever kills may be the process itself, inside Start.
	go func() {
		<-c.started
		c.process.Kill()
	}()
}

// receive waits for output, the end of the process or the deadline.
func (c *command) receive(ctx context.Context, message string, limit int, deadline time.Time) (string, *fault) {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	for {
		c.mu.Lock()
		if message != "" && message == c.lastID {
			defer c.mu.Unlock()
			return c.last, nil
		}
		// A client that has gone takes nothing with it.
		if (len(c.chunks) > 0 || c.done) && ctx.Err() == nil {
			defer c.mu.Unlock()
			c.lastID, c.last = message, c.take(limit)
			return c.last, nil
		}
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-c.aborted:
			return "", faultAborted
		case <-ctx.Done():
			return "", faultAborted
		case <-timer.C:
			return "", faultTimeout
		}
	}
}

// take renders up to limit bytes of output, and the state.
func (c *command) take(limit int) string {
	var b strings.Builder
	b.WriteString("<rsp:ReceiveResponse>")
	for limit > 0 && len(c.chunks) > 0 {
		first := &c.chunks[0]
		n := min(limit, len(first.data))
		fmt.Fprintf(&b, `<rsp:Stream Name="%s" CommandId="%s">%s</rsp:Stream>`, streamNames[first.stream], c.id, base64.StdEncoding.EncodeToString(first.data[:n]))
		limit -= n
		if first.data = first.data[n:]; len(first.data) == 0 {
			c.chunks = c.chunks[1:]
		}
	}
	if c.done && len(c.chunks) == 0 {
		for _, name := range streamNames {
			fmt.Fprintf(&b, `<rsp:Stream Name="%s" CommandId="%s" End="true"></rsp:Stream>`, name, c.id)
		}
		fmt.Fprintf(&b, `<rsp:CommandState CommandId="%s" State="%s/CommandState/Done"><rsp:ExitCode>%d</rsp:ExitCode></rsp:CommandState>`, c.id, nsShell, c.code)
	} else {
		fmt.Fprintf(&b, `<rsp:CommandState CommandId="%s" State="%s/CommandState/Running"></rsp:CommandState>`, c.id, nsShell)
	}
	b.WriteString("</rsp:ReceiveResponse>")
	return b.String()
}
