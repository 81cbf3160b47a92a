package powershell

import (
	"errors"
	"strings"
)

// statements runs a body. An error that ends only its statement is reported and
// the next statement runs, unless a try stands around.
// Microsoft: about_Try_Catch_Finally, about_Preference_Variables.
func (r *run) statements(body []node, emit func(any) error) error {
	for _, n := range body {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		err := r.statement(n, emit)
		var t *thrown
		if err == nil || !errors.As(err, &t) {
			if err != nil {
				return err
			}
			continue
		}
		preference := r.preference()
		silent := preference == "silentlycontinue" || preference == "ignore"
		if r.tries > 0 || (t.hard || preference == "stop") && !silent {
			return err
		}
		if err := r.report(t.record, preference); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) statement(n node, emit func(any) error) error {
	switch n := n.(type) {
	case *pipeline:
		return r.pipeline(n, emit)
	case *assign:
		return r.assign(n)
	case *function:
		r.define(n)
		return nil
	case *ifNode:
		for i, condition := range n.conditions {
			v, err := r.value(condition)
			if err != nil {
				return err
			}
			if toBool(v) {
				return r.statements(n.bodies[i].body, emit)
			}
		}
		if n.otherwise != nil {
			return r.statements(n.otherwise.body, emit)
		}
		return nil
	case *foreach:
		return r.foreach(n, emit)
	case *loop:
		return r.loop(n, emit)
	case *switchNode:
		return r.switchOver(n, emit)
	case *try:
		return r.try(n, emit)
	case *leave:
		return r.leave(n, emit)
	}
	return r.emitExpression(n, emit)
}

func (r *run) leave(n *leave, emit func(any) error) error {
	if n.kind == "return" && n.value != nil {
		if err := r.statement(n.value, emit); err != nil {
			return err
		}
		return &leaving{kind: "return"}
	}
	var v any
	if n.value != nil {
		var err error
		if v, err = r.value(n.value); err != nil {
			return err
		}
	}
	if n.kind != "throw" {
		return &leaving{kind: n.kind, value: v}
	}
	switch v := v.(type) {
	case *ErrorRecord:
		return &thrown{record: v, hard: true}
	case *Object:
		if v.Is("System.Exception") {
			message, _ := v.Get("Message")
			return &thrown{hard: true, record: &ErrorRecord{ID: toString(message), Category: "OperationStopped",
				Message: toString(message), Type: v.typeName(), HResult: hresultText(v)}}
		}
	case nil:
		if n.value == nil {
			if current, ok := r.scope.get("_"); ok {
				if e, ok := current.(*ErrorRecord); ok {
					return &thrown{record: e, hard: true}
				}
			}
			return &thrown{record: runtimeError("ScriptHalted", "OperationStopped", "ScriptHalted"), hard: true}
		}
	}
	return &thrown{record: runtimeError(toString(v), "OperationStopped", "%s", toString(v)), hard: true}
}

func hresultText(o *Object) string {
	v, _ := o.Get("HResult")
	return hex(toLong(v))
}

// iterate runs one turn of a loop; done tells to leave it.
func (r *run) iterate(body *block, emit func(any) error) (done bool, err error) {
	err = r.statements(body.body, emit)
	var left *leaving
	if errors.As(err, &left) {
		switch left.kind {
		case "break":
			return true, nil
		case "continue":
			return false, nil
		}
	}
	return false, err
}

func (r *run) foreach(n *foreach, emit func(any) error) error {
	v, err := r.value(n.over)
	if err != nil {
		return err
	}
	if v == nil {
		return nil
	}
	for _, item := range asList(v) {
		r.scope.set(n.name, item)
		if done, err := r.iterate(n.body, emit); done || err != nil {
			return err
		}
	}
	return nil
}

func (r *run) loop(n *loop, emit func(any) error) error {
	if n.first != nil {
		if _, err := r.value(n.first); err != nil {
			return err
		}
	}
	for turn := 0; ; turn++ {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if n.condition != nil && (!n.after || turn > 0) {
			v, err := r.value(n.condition)
			if err != nil {
				return err
			}
			if toBool(v) == n.until {
				return nil
			}
		}
		if done, err := r.iterate(n.body, emit); done || err != nil {
			return err
		}
		if n.step != nil {
			if _, err := r.value(n.step); err != nil {
				return err
			}
		}
	}
}

func (r *run) switchOver(n *switchNode, emit func(any) error) error {
	v, err := r.value(n.subject)
	if err != nil {
		return err
	}
	for _, item := range asList(v) {
		matched := false
		for i, c := range n.cases {
			hit := false
			if code, ok := c.(*blockLiteral); ok {
				answer, err := r.withItem(item, code.block)
				if err != nil {
					return err
				}
				hit = toBool(answer)
			} else {
				want, err := r.value(c)
				if err != nil {
					return err
				}
				hit = looseEqual(want, item, false)
			}
			if !hit {
				continue
			}
			matched = true
			if done, err := r.iterate(n.bodies[i], emit); err != nil {
				return err
			} else if done {
				return nil
			}
		}
		if !matched && n.last != nil {
			if done, err := r.iterate(n.last, emit); done || err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) try(n *try, emit func(any) error) (err error) {
	r.tries++
	err = r.statements(n.body.body, emit)
	r.tries--
	var t *thrown
	if errors.As(err, &t) {
		r.remember(t.record)
		for _, c := range n.catches {
			if c.matches(t.record) {
				before, had := r.scope.vars["_"]
				r.scope.set("_", t.record)
				err = r.statements(c.body.body, emit)
				if had {
					r.scope.vars["_"] = before
				} else {
					delete(r.scope.vars, "_")
				}
				break
			}
		}
	}
	if n.finally != nil {
		if last := r.statements(n.finally.body, emit); last != nil {
			return last
		}
	}
	return err
}

func (c catch) matches(e *ErrorRecord) bool {
	if len(c.types) == 0 {
		return true
	}
	for _, typ := range c.types {
		full := strings.EqualFold(typ, e.Type) || strings.EqualFold("System."+typ, e.Type)
		if full || strings.EqualFold(shortType(typ), "exception") || shortType(typ) == "runtimeexception" && strings.HasPrefix(e.Type, "System.Management.Automation.") {
			return true
		}
	}
	return false
}

func (r *run) define(n *function) {
	info := &CommandInfo{Name: n.name, ErrorClass: n.name, DefaultSet: allSets}
	position := 0
	said := false
	for _, p := range n.body.params {
		said = said || p.position >= 0
	}
	for _, p := range n.body.params {
		at := p.position
		isSwitch := shortType(p.typ) == "switchparameter"
		if !said && !isSwitch {
			at = position
			position++
		}
		typ := p.typ
		if typ == "" {
			typ = "object"
		}
		info.Parameters = append(info.Parameters, Parameter{Name: p.name, Type: typ, Switch: isSwitch, Aliases: p.aliases, Enum: p.set,
			Sets: map[string]SetInfo{allSets: {Mandatory: p.mandatory, Position: at, Pipeline: p.pipeline}}})
	}
	key := strings.ToLower(n.name)
	r.s.functions[key], r.s.bodies[key] = info, n
}
