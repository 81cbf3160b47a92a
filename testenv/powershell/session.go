package powershell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Session is one powershell.exe: functions and global variables stay from call
// to call. Calls are taken one at a time, as one runspace does.
type Session struct {
	options   Options
	mu        sync.Mutex
	functions map[string]*CommandInfo
	bodies    map[string]*function
	global    *scope
}

// NewSession starts a session with nothing loaded.
func NewSession(o Options) *Session {
	s := &Session{options: o, functions: map[string]*CommandInfo{}, bodies: map[string]*function{}, global: newScope(nil)}
	s.global.vars["erroractionpreference"] = "Continue"
	s.global.vars["confirmpreference"] = "High"
	s.global.vars["progresspreference"] = "Continue"
	s.global.vars["warningpreference"] = "Continue"
	s.global.vars["verbosepreference"] = "SilentlyContinue"
	s.global.vars["error"] = []any{}
	version, _ := toVersion("5.1.20348.2227")
	s.global.vars["psversiontable"] = NewDictionary().Set("PSVersion", version).Set("PSEdition", "Desktop")
	return s
}

// Load runs text in the session's own scope, so that its functions stay. The
// error names what could not be read or what the text threw.
func (s *Session) Load(text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := parse(text)
	if err != nil {
		return err
	}
	r := s.newRun(context.Background(), io.Discard, io.Discard)
	if err := r.statements(b.body, func(any) error { return nil }); err != nil {
		return asRecord(err)
	}
	return nil
}

// Call runs a loaded function with these named arguments, which may hold what
// JSON holds: objects become objects as ConvertFrom-Json makes them. The result
// is unrolled: nil, one value, or []any.
func (s *Session) Call(ctx context.Context, name string, args map[string]any) (any, *ErrorRecord) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.newRun(ctx, io.Discard, io.Discard)
	call := &boundCall{name: name}
	for _, key := range sortedNames(args) {
		call.named = append(call.named, namedArgument{name: key, value: fromJSON(args[key]), given: true})
	}
	out, err := collect(func(emit func(any) error) error {
		st, err := r.stageFor(call, emit)
		if err != nil {
			return err
		}
		return runStages([]stage{st}, nil)
	})
	if err != nil {
		return nil, asRecord(err)
	}
	return plain(out), nil
}

// Run runs a script as powershell.exe -NonInteractive -Command would: output is
// formatted to stdout, errors go to stderr. The exit code is 1 after an error
// that ended the script, or what exit said.
func (s *Session) Run(ctx context.Context, script string, stdout, stderr io.Writer) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.newRun(ctx, stdout, stderr)
	b, err := parse(script)
	if err != nil {
		r.printError(asRecord(err))
		return 1
	}
	show := newDisplay(stdout)
	last := len(b.body) - 1
	for i, n := range b.body {
		r.failed = false
		err := r.statements([]node{n}, show.add)
		var left *leaving
		switch {
		case errors.As(err, &left) && left.kind == "exit":
			show.flush()
			return int(toLong(left.value))
		case errors.As(err, &left):
			show.flush()
			return 0
		case err != nil:
			show.flush()
			r.printError(asRecord(err))
			return 1
		}
		if i == last && r.failed {
			show.flush()
			return 1
		}
	}
	show.flush()
	return 0
}

// thrown is an error on its way to a catch. hard means throw or an error
// preference of Stop: it ends the script, not only the statement.
type thrown struct {
	record *ErrorRecord
	hard   bool
}

func (t *thrown) Error() string { return t.record.Error() }

// leaving carries return, break, continue and exit outwards.
type leaving struct {
	kind  string
	value any
}

func (l *leaving) Error() string { return l.kind + " outside of its place" }

func asRecord(err error) *ErrorRecord {
	var t *thrown
	var e *ErrorRecord
	var p *ParseError
	switch {
	case errors.As(err, &t):
		return t.record
	case errors.As(err, &e):
		return e
	case errors.As(err, &p):
		return &ErrorRecord{ID: "ParseError", Category: "ParserError", Message: p.Error(),
			Type: "System.Management.Automation.ParseException", HResult: "0x80131501"}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &ErrorRecord{ID: "PipelineStopped", Category: "OperationStopped", Message: "The pipeline has been stopped.",
			Type: "System.Management.Automation.PipelineStoppedException", HResult: "0x80131501"}
	}
	return runtimeError("RuntimeException", "OperationStopped", "%s", err.Error())
}

// runtimeError is an error of the engine itself.
func runtimeError(id, category, format string, args ...any) *ErrorRecord {
	return &ErrorRecord{ID: id, Category: category, Message: fmt.Sprintf(format, args...),
		Type: "System.Management.Automation.RuntimeException", HResult: "0x80131501"}
}

func soft(id, category, format string, args ...any) error {
	return &thrown{record: runtimeError(id, category, format, args...)}
}

type scope struct {
	vars   map[string]any
	parent *scope
}

func newScope(parent *scope) *scope { return &scope{vars: map[string]any{}, parent: parent} }

func (s *scope) get(name string) (any, bool) {
	for at := s; at != nil; at = at.parent {
		if v, ok := at.vars[strings.ToLower(name)]; ok {
			return v, true
		}
	}
	return nil, false
}

func (s *scope) set(name string, v any) { s.vars[strings.ToLower(name)] = v }

// run is one execution in a session.
type run struct {
	ctx            context.Context
	s              *Session
	scope          *scope
	stdout, stderr io.Writer
	tries          int // how many try blocks stand around
	depth          int
	failed         bool // $? of the latest statement
}

func (s *Session) newRun(ctx context.Context, stdout, stderr io.Writer) *run {
	return &run{ctx: ctx, s: s, scope: s.global, stdout: stdout, stderr: stderr}
}

func (r *run) preference() string {
	v, _ := r.scope.get("ErrorActionPreference")
	return strings.ToLower(toString(v))
}

// remember puts a record on top of $Error.
func (r *run) remember(e *ErrorRecord) {
	all, _ := r.s.global.vars["error"].([]any)
	if len(all) > 0 && all[0] == e {
		return
	}
	all = append([]any{e}, all...)
	if len(all) > 256 {
		all = all[:256]
	}
	r.s.global.vars["error"] = all
}

func (r *run) printError(e *ErrorRecord) {
	fmt.Fprintf(r.stderr, "%s\r\n    + CategoryInfo          : %s: (:) [], %s\r\n    + FullyQualifiedErrorId : %s\r\n \r\n",
		e.Message, e.Category, lastSegment(e.Type), e.ID)
}

// report deals with a non-terminating error under the given preference.
func (r *run) report(e *ErrorRecord, preference string) error {
	r.failed = true
	switch preference {
	case "stop":
		return &thrown{record: e, hard: true}
	case "ignore":
		return nil
	}
	r.remember(e)
	if preference != "silentlycontinue" {
		r.printError(e)
	}
	return nil
}

func collect(f func(emit func(any) error) error) (any, error) {
	out := []any{}
	if err := f(func(v any) error { out = append(out, v); return nil }); err != nil {
		return nil, err
	}
	switch len(out) {
	case 0:
		return void{}, nil
	case 1:
		return out[0], nil
	}
	return out, nil
}

func plain(v any) any {
	if _, none := v.(void); none {
		return nil
	}
	return v
}
