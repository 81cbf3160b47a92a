package powershell

import (
	"errors"
	"io"
	"strings"
)

// stage is one running command of a pipeline.
type stage interface {
	process(v any) error
	finish() error
}

// enough tells the stages before it that nothing more is wanted.
type enough struct{ by stage }

func (*enough) Error() string { return "the pipeline has what it wants" }

type stageFuncs struct {
	each func(v any) error
	end  func() error
}

func (s *stageFuncs) process(v any) error {
	if s.each == nil {
		return nil
	}
	return s.each(v)
}

func (s *stageFuncs) finish() error {
	if s.end == nil {
		return nil
	}
	return s.end()
}

func (r *run) pipeline(n *pipeline, emit func(any) error) error {
	stages := make([]stage, len(n.stages))
	out := emit
	for i := len(n.stages) - 1; i >= 0; i-- {
		c, isCommand := n.stages[i].(*command)
		if !isCommand {
			continue
		}
		st, err := r.command(c, i > 0, out)
		if err != nil {
			return err
		}
		stages[i] = st
		out = st.process
	}
	if stages[0] == nil {
		if len(stages) == 1 {
			return r.emitExpression(n.stages[0], emit)
		}
		return runStages(stages[1:], func(push func(any) error) error { return r.emitExpression(n.stages[0], push) })
	}
	return runStages(stages, nil)
}

// runStages feeds the first stage and ends each in turn.
func runStages(stages []stage, feed func(push func(any) error) error) error {
	at := 0
	stopped := func(err error) error {
		var e *enough
		if errors.As(err, &e) {
			for i, st := range stages {
				if st == e.by {
					at = i
					return nil
				}
			}
		}
		return err
	}
	if feed != nil {
		if err := feed(stages[0].process); err != nil {
			if err = stopped(err); err != nil {
				return err
			}
		}
	}
	for ; at < len(stages); at++ {
		if err := stages[at].finish(); err != nil {
			if err = stopped(err); err != nil {
				return err
			}
		}
	}
	return nil
}

type namedArgument struct {
	name     string
	value    any
	given    bool // a value is there
	attached bool
}

// boundCall is a command with its arguments evaluated, before binding.
type boundCall struct {
	name       string
	block      *ScriptBlock
	named      []namedArgument
	positional []any
	piped      bool
}

func (r *run) command(c *command, piped bool, emit func(any) error) (stage, error) {
	name, err := r.value(c.name)
	if err != nil {
		return nil, err
	}
	call := &boundCall{piped: piped}
	if b, ok := name.(*ScriptBlock); ok {
		call.block, call.name = b, "&"
	} else {
		call.name = toString(name)
	}
	if err := r.arguments(c, call); err != nil {
		return nil, err
	}
	if c.outputGoes == "null" {
		emit = func(any) error { return nil }
	}
	inner := r
	switch c.errorsGo {
	case "null":
		copied := *r
		copied.stderr = io.Discard
		inner = &copied
	case "output":
		copied := *r
		copied.stderr = &lineWriter{emit: emit}
		inner = &copied
	}
	return inner.stageFor(call, emit)
}

// lineWriter puts error text into the output, for 2>&1.
type lineWriter struct{ emit func(any) error }

func (w *lineWriter) Write(p []byte) (int, error) {
	return len(p), w.emit(strings.TrimRight(string(p), "\r\n "))
}

func (r *run) arguments(c *command, call *boundCall) error {
	info := r.find(call.name)
	for i := 0; i < len(c.args); i++ {
		a := c.args[i]
		var v any
		var err error
		if a.value != nil {
			if v, err = r.value(a.value); err != nil {
				return err
			}
		}
		switch {
		case a.splat:
			if d, ok := v.(*Dictionary); ok {
				for _, key := range d.keys {
					item, _ := d.Get(key)
					call.named = append(call.named, namedArgument{name: toString(key), value: item, given: true, attached: true})
				}
			} else if v != nil {
				call.positional = append(call.positional, asList(v)...)
			}
		case a.parameter == "":
			call.positional = append(call.positional, v)
		case a.attached:
			call.named = append(call.named, namedArgument{name: a.parameter, value: v, given: true, attached: true})
		default:
			named := namedArgument{name: a.parameter}
			takes := info == nil || !isSwitch(info, a.parameter)
			if takes && i+1 < len(c.args) && c.args[i+1].parameter == "" && !c.args[i+1].splat {
				i++
				if named.value, err = r.value(c.args[i].value); err != nil {
					return err
				}
				named.given = true
			}
			call.named = append(call.named, named)
		}
	}
	return nil
}

// find is the contract of a command: a function, a core cmdlet, or one beyond.
func (r *run) find(name string) *CommandInfo {
	low := strings.ToLower(name)
	if full, ok := aliases[low]; ok {
		low = full
	}
	if info, ok := r.s.functions[low]; ok {
		return info
	}
	if c, ok := core[low]; ok {
		return c.info
	}
	if r.s.options.Commands != nil {
		if info, ok := r.s.options.Commands.Lookup(name); ok {
			return info
		}
	}
	return nil
}

func (r *run) stageFor(call *boundCall, emit func(any) error) (stage, error) {
	if call.block != nil {
		return r.blockStage(call, emit), nil
	}
	info := r.find(call.name)
	if info == nil {
		if st, ok := r.native(call, emit); ok {
			return st, nil
		}
		return nil, &thrown{record: &ErrorRecord{ID: "CommandNotFoundException", Category: "ObjectNotFound",
			Message: "The term '" + call.name + "' is not recognized as the name of a cmdlet, function, script file, or operable program. Check the spelling of the name, or if a path was included, verify that the path is correct and try again.",
			Type:    "System.Management.Automation.CommandNotFoundException", HResult: "0x80131501"}}
	}
	if fn, ok := r.s.bodies[strings.ToLower(call.name)]; ok {
		return r.functionStage(fn, info, call, emit)
	}
	b, err := bind(info, call)
	if err != nil {
		return nil, err
	}
	x := &execution{r: r, info: info, bound: b, emit: emit, piped: call.piped}
	if err := x.common(); err != nil {
		return nil, err
	}
	if c, ok := core[strings.ToLower(info.Name)]; ok {
		if err := b.settle(info, !call.piped); err != nil {
			return nil, err
		}
		return c.make(x)
	}
	return &outerStage{x}, nil
}

func (r *run) blockStage(call *boundCall, emit func(any) error) stage {
	input := []any{}
	return &stageFuncs{each: func(v any) error { input = append(input, v); return nil }, end: func() error {
		fn := &function{name: "&", body: call.block.body}
		values := map[string]any{}
		rest := call.positional
		for _, p := range fn.body.params {
			for _, n := range call.named {
				if strings.EqualFold(n.name, p.name) {
					values[p.name] = n.value
				}
			}
			if _, had := values[p.name]; !had && len(rest) > 0 {
				values[p.name], rest = rest[0], rest[1:]
			}
		}
		return r.body(fn, values, rest, input, emit)
	}}
}

func (r *run) functionStage(fn *function, info *CommandInfo, call *boundCall, emit func(any) error) (stage, error) {
	var extra []any
	if !fn.body.advanced { // what does not bind lands in $args
		named := call.named[:0:0]
		for _, n := range call.named {
			if p, err := findParameter(info, n.name); err == nil && p != nil {
				named = append(named, n)
			} else if err == nil && !common[strings.ToLower(n.name)] {
				extra = append(extra, "-"+n.name)
				if n.given {
					extra = append(extra, n.value)
				}
			}
		}
		places := 0
		for _, p := range info.Parameters {
			if p.Sets[allSets].Position >= 0 {
				places++
			}
		}
		for _, n := range named {
			if p, err := findParameter(info, n.name); err == nil && p.Sets[allSets].Position >= 0 {
				places--
			}
		}
		call.named = named
		if len(call.positional) > places {
			extra = append(extra, call.positional[places:]...)
			call.positional = call.positional[:places]
		}
	}
	b, err := bind(info, call)
	if err != nil {
		return nil, err
	}
	if err := b.settle(info, !call.piped); err != nil {
		return nil, err
	}
	input := []any{}
	return &stageFuncs{each: func(v any) error { input = append(input, v); return nil }, end: func() error {
		if n := len(input); n > 0 && fn.body.advanced {
			if err := b.pipe(info, input[n-1]); err != nil {
				return err
			}
		}
		return r.body(fn, b.values, extra, input, emit)
	}}, nil
}

// body runs a function in a scope of its own.
func (r *run) body(fn *function, values map[string]any, extra, input []any, emit func(any) error) error {
	r.depth++
	defer func() { r.depth-- }()
	if r.depth > deepest {
		return soft("CallDepthOverflow", "InvalidOperation", "The script failed due to call depth overflow.")
	}
	outer := r.scope
	r.scope = newScope(outer)
	defer func() { r.scope = outer }()
	r.scope.set("args", append([]any{}, extra...))
	r.scope.set("input", input)
	given := NewDictionary()
	for _, p := range fn.body.params {
		v, had := values[p.name]
		switch {
		case had:
			given.Set(p.name, v)
		case p.value != nil:
			var err error
			if v, err = r.value(p.value); err != nil {
				return err
			}
			had = true
		}
		if had && p.typ != "" && v != nil {
			c, err := castValue(v, p.typ)
			if err != nil {
				return err
			}
			v = c
		}
		if v == nil {
			v = zero(p.typ)
		}
		r.scope.set(p.name, v)
	}
	r.scope.set("PSBoundParameters", given)
	err := r.statements(fn.body.body, emit)
	var left *leaving
	if errors.As(err, &left) && left.kind == "return" {
		return nil
	}
	return err
}

// zero is what a typed parameter holds when nothing was given.
func zero(typ string) any {
	switch base := shortType(typ); {
	case base == "string":
		return ""
	case base == "bool" || base == "switchparameter":
		return false
	case base == "double" || base == "float" || base == "decimal":
		return float64(0)
	default:
		if _, whole := wholeRanges[base]; whole {
			return int64(0)
		}
	}
	return nil
}

// withItem runs a block with $_ in the scope around it.
func (r *run) withItem(item any, b *ScriptBlock) (any, error) {
	v, err := collect(func(emit func(any) error) error { return r.eachItem(item, b, emit) })
	return plain(v), err
}

func (r *run) eachItem(item any, b *ScriptBlock, emit func(any) error) error {
	before, had := r.scope.vars["_"]
	r.scope.vars["_"] = item
	defer func() {
		if had {
			r.scope.vars["_"] = before
		} else {
			delete(r.scope.vars, "_")
		}
	}()
	err := r.statements(b.body.body, emit)
	var left *leaving
	if errors.As(err, &left) && left.kind == "return" {
		return nil
	}
	return err
}
