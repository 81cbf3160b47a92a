// Package process is what a command line starts on a simulated host: cmd.exe's
// rules, a few built-in programs, and PowerShell, played by the lab's
// interpreter or by a real engine. The pump (docs/pump.md) is played in Go: the
// text of the real one is for real engines.
package process

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf16"

	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// Handle cuts the connections that serve a shell; kill also ends its process.
type Handle interface{ Cut(kill bool) }

// Host is what processes run on.
type Host struct {
	Name string
	// Now is the clock that processes see: real rate, with the host's skew.
	Now func() time.Time
	// NewSession makes a PowerShell of the interpreter. by is where the process
	// keeps the id of the request it works on.
	NewSession func(by *string, handle Handle) *powershell.Session
	// Engine runs PowerShell command lines in a real engine; nil for the
	// interpreter.
	Engine  *Engine
	Mutexes *Mutexes
}

// Process is a running command.
type Process struct {
	in     *queue
	cancel context.CancelFunc
	kill   func()
}

// Write queues standard input; it never blocks.
func (p *Process) Write(b []byte) (int, error) { return p.in.Write(b) }

// CloseStdin ends standard input.
func (p *Process) CloseStdin() { p.in.close() }

// Kill ends the process at once. What the host is doing for it goes on.
func (p *Process) Kill() {
	p.cancel()
	p.in.close()
	if p.kill != nil {
		p.kill()
	}
}

// maxLine is cmd.exe's limit.
//
// Microsoft: "Command prompt line string limitation".
const maxLine = 8191

// Start runs a command line as cmd.exe would.
func (h *Host) Start(ctx context.Context, line string, stdout, stderr io.Writer, handle Handle, exited func(code uint32)) *Process {
	ctx, cancel := context.WithCancel(ctx)
	p := &Process{in: newQueue(), cancel: cancel}
	words := split(line)
	if h.Engine != nil && len(words) > 0 && isPowerShell(words[0]) && len(line) <= maxLine {
		p.kill = h.Engine.start(ctx, words[1:], p.in, stdout, stderr, exited)
		return p
	}
	go func() {
		defer cancel()
		exited(h.run(ctx, p, line, words, stdout, stderr, handle))
	}()
	return p
}

func (h *Host) run(ctx context.Context, p *Process, line string, words []string, stdout, stderr io.Writer, handle Handle) uint32 {
	if len(line) > maxLine {
		_, _ = io.WriteString(stderr, "The command line is too long.\r\n")
		return 1
	}
	if len(words) == 0 {
		return 0
	}
	switch name := strings.TrimSuffix(strings.ToLower(words[0]), ".exe"); name {
	case "hostname":
		_, _ = io.WriteString(stdout, h.Name+"\r\n")
	case "whoami":
		_, _ = io.WriteString(stdout, strings.ToLower(h.Name)+"\\lifeboat\r\n")
	case "ver":
		_, _ = io.WriteString(stdout, "\r\nMicrosoft Windows [Version 10.0.20348.2227] (simulated)\r\n")
	case "echo":
		_, _ = io.WriteString(stdout, strings.Join(words[1:], " ")+"\r\n")
	case "exit":
		code := 0
		if len(words) > 1 {
			code, _ = strconv.Atoi(words[len(words)-1])
		}
		return uint32(code)
	case "powershell":
		return h.powershell(ctx, p, words[1:], stdout, stderr, handle)
	default:
		_, _ = fmt.Fprintf(stderr, "'%s' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n", words[0])
		return 1
	}
	return 0
}

func isPowerShell(word string) bool {
	return strings.TrimSuffix(strings.ToLower(word), ".exe") == "powershell"
}

// powershell runs -EncodedCommand or -Command; a script with the pump's mark
// becomes the pump.
func (h *Host) powershell(ctx context.Context, p *Process, args []string, stdout, stderr io.Writer, handle Handle) uint32 {
	script, err := scriptOf(args)
	if err != nil {
		_, _ = io.WriteString(stderr, err.Error()+"\r\n")
		return 1
	}
	by := "process"
	session := h.NewSession(&by, handle)
	if strings.Contains(script, "# lifeboat-pump 1") {
		pump := &pump{host: h, session: session, by: &by, out: stdout, results: map[string]string{}}
		return pump.run(ctx, p.in)
	}
	return uint32(session.Run(ctx, script, stdout, stderr))
}

// scriptOf reads the switches that people and tools use.
func scriptOf(args []string) (string, error) {
	for i := 0; i < len(args); i++ {
		name := strings.ToLower(strings.TrimLeft(args[i], "-/"))
		switch {
		case name == "encodedcommand" || name == "enc" || name == "e" || name == "ec":
			if i+1 >= len(args) {
				return "", fmt.Errorf("-EncodedCommand needs a value")
			}
			return decodeCommand(args[i+1])
		case name == "command" || name == "c":
			return strings.Join(args[i+1:], " "), nil
		case name == "executionpolicy" || name == "ex" || name == "ep" || name == "outputformat" || name == "inputformat" || name == "version" || name == "windowstyle":
			i++
		case !strings.HasPrefix(args[i], "-"):
			return strings.Join(args[i:], " "), nil
		}
	}
	return "", fmt.Errorf("an interactive PowerShell is not simulated: give -Command or -EncodedCommand")
}

func decodeCommand(text string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw)%2 != 0 {
		return "", fmt.Errorf("Cannot process the command because the value specified with -EncodedCommand is not properly encoded.")
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = uint16(raw[2*i]) | uint16(raw[2*i+1])<<8
	}
	return string(utf16.Decode(units)), nil
}

// split takes a command line apart at spaces outside double quotes.
func split(line string) []string {
	var words []string
	var word strings.Builder
	quoted, begun := false, false
	for _, r := range line {
		switch {
		case r == '"':
			quoted, begun = !quoted, true
		case (r == ' ' || r == '\t') && !quoted:
			if begun {
				words = append(words, word.String())
				word.Reset()
				begun = false
			}
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if begun {
		words = append(words, word.String())
	}
	return words
}

// queue is standard input: writes never block, reads wait.
type queue struct {
	mu    sync.Mutex
	more  *sync.Cond
	data  bytes.Buffer
	ended bool
}

func newQueue() *queue {
	q := &queue{}
	q.more = sync.NewCond(&q.mu)
	return q
}

func (q *queue) Write(b []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return 0, io.ErrClosedPipe
	}
	q.data.Write(b)
	q.more.Signal()
	return len(b), nil
}

// Read waits for data or the end.
func (q *queue) Read(b []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.data.Len() == 0 && !q.ended {
		q.more.Wait()
	}
	if q.data.Len() == 0 {
		return 0, io.EOF
	}
	return q.data.Read(b)
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.more.Broadcast()
}
