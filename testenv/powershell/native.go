package powershell

import (
	"bytes"
	"strings"
)

// native runs a program that is no command of the session. Its output is text,
// one string a line; its arguments are what was written, without binding.
// Microsoft: about_Command_Precedence; about_Automatic_Variables ($LASTEXITCODE).
func (r *run) native(call *boundCall, emit func(any) error) (stage, bool) {
	start := r.s.options.Native
	if start == nil || call.name == "" {
		return nil, false
	}
	var args []string
	for _, n := range call.named {
		args = append(args, "-"+n.name)
		if n.given {
			args = append(args, toString(n.value))
		}
	}
	for _, v := range call.positional {
		args = append(args, toString(v))
	}
	var out bytes.Buffer
	code, ok := start(r.ctx, call.name, args, &out, r.stderr)
	if !ok {
		return nil, false
	}
	return &stageFuncs{end: func() error {
		r.s.global.set("LASTEXITCODE", int64(code))
		r.failed = code != 0
		for line := range strings.Lines(out.String()) {
			if err := emit(strings.TrimRight(line, "\r\n")); err != nil {
				return err
			}
		}
		return nil
	}}, true
}
