package powershell

import (
	"fmt"
	"strings"
)

// execution is a bound command that runs.
type execution struct {
	r          *run
	info       *CommandInfo
	bound      *bound
	emit       func(any) error
	piped      bool
	preference string
}

// common puts the common parameters to work.
func (x *execution) common() error {
	x.preference = x.r.preference()
	if v, ok := x.bound.common["erroraction"]; ok {
		x.preference = strings.ToLower(toString(v))
		if n, isNumber := v.(int64); isNumber && n >= 0 && n < 5 {
			x.preference = []string{"silentlycontinue", "stop", "continue", "inquire", "ignore"}[n]
		}
		switch x.preference {
		case "stop", "silentlycontinue", "continue", "ignore":
		default:
			return bindError(x.bound.class, "CannotConvertArgumentNoMessage", "InvalidArgument", "Cannot bind parameter 'ErrorAction'.")
		}
	}
	if name, ok := x.bound.common["outvariable"]; ok {
		kept, emit := []any{}, x.emit
		x.r.scope.set(toString(name), kept)
		x.emit = func(v any) error {
			kept = append(kept, v)
			x.r.scope.set(toString(name), kept)
			return emit(v)
		}
	}
	if name, ok := x.bound.common["errorvariable"]; ok {
		x.r.scope.set(toString(name), []any{})
	}
	return nil
}

// report deals with a non-terminating error of this command.
func (x *execution) report(e *ErrorRecord) error {
	if name, ok := x.bound.common["errorvariable"]; ok {
		before, _ := x.r.scope.get(toString(name))
		x.r.scope.set(toString(name), append(append([]any{}, asList(before)...), e))
	}
	return x.r.report(e, x.preference)
}

func (x *execution) arg(name string) any { return x.bound.values[name] }

func (x *execution) has(name string) bool {
	_, ok := x.bound.values[name]
	return ok
}

func (x *execution) on(name string) bool { return toBool(x.bound.values[name]) }

// outerStage runs a command that lives beyond the seam.
type outerStage struct{ *execution }

func (o *outerStage) process(v any) error {
	b := o.bound.clone()
	if err := b.pipe(o.info, v); err != nil {
		return o.binding(err)
	}
	if err := b.settle(o.info, true); err != nil {
		return o.binding(err)
	}
	return o.invoke(b)
}

// binding makes an error of binding a piped object what it is: non-terminating.
func (o *outerStage) binding(err error) error { return o.report(asRecord(err)) }

func (o *outerStage) finish() error {
	if o.piped {
		return nil
	}
	if err := o.bound.settle(o.info, true); err != nil {
		return err
	}
	return o.invoke(o.bound)
}

func (o *outerStage) invoke(b *bound) error {
	if o.info.ShouldProcess {
		if toBool(b.common["whatif"]) {
			fmt.Fprintf(o.r.stdout, "What if: Performing the operation \"%s\".\r\n", o.info.Name)
			return nil
		}
		if o.asks(b) {
			return &thrown{record: &ErrorRecord{ID: "InvalidOperation," + b.class, Category: "InvalidOperation",
				Message: "Windows PowerShell is in NonInteractive mode. Read and Prompt functionality is not available.",
				Type:    "System.Management.Automation.PSInvalidOperationException", HResult: "0x80131509"}}
		}
	}
	var failed error
	emit := func(v any) error {
		if failed == nil {
			failed = o.emit(v)
		}
		return failed
	}
	e := o.r.s.options.Commands.Invoke(o.r.ctx, o.r.s, Invocation{Name: o.info.Name, Set: b.set, Bound: b.values}, emit)
	if failed != nil {
		return failed
	}
	if err := o.r.ctx.Err(); err != nil {
		return err
	}
	if e != nil {
		return o.report(e)
	}
	return nil
}

// asks tells that a person would be asked. Microsoft: about_Preference_Variables,
// $ConfirmPreference.
func (x *execution) asks(b *bound) bool {
	if v, said := b.common["confirm"]; said {
		return toBool(v)
	}
	rank := map[string]int{"": 2, "none": 0, "low": 1, "medium": 2, "high": 3}
	v, _ := x.r.scope.get("ConfirmPreference")
	limit := rank[strings.ToLower(toString(v))]
	impact := rank[strings.ToLower(x.info.ConfirmImpact)]
	return limit > 0 && impact >= limit
}
