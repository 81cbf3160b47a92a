package powershell

import (
	"strings"
)

// value runs a statement or an expression for its value: nothing is nil, many
// become an array.
func (r *run) value(n node) (any, error) {
	v, err := r.rawValue(n)
	return plain(v), err
}

// rawValue keeps void apart from nil.
func (r *run) rawValue(n node) (any, error) {
	switch n := n.(type) {
	case *pipeline:
		if len(n.stages) == 1 {
			if _, isCommand := n.stages[0].(*command); !isCommand {
				return r.rawValue(n.stages[0])
			}
		}
		return collect(func(emit func(any) error) error { return r.pipeline(n, emit) })
	case *assign:
		if err := r.assign(n); err != nil {
			return nil, err
		}
		return r.value(n.target)
	case *ifNode, *foreach, *loop, *try, *leave, *switchNode:
		return collect(func(emit func(any) error) error { return r.statement(n, emit) })
	case *variable:
		return r.variable(n), nil
	case *subexpression:
		return collect(func(emit func(any) error) error { return r.statements(n.body.body, emit) })
	case *group:
		return r.rawValue(n.x)
	}
	return r.expression(n)
}

func (r *run) emitExpression(n node, emit func(any) error) error {
	if u, ok := n.(*unary); ok && (u.op == "++" || u.op == "--") {
		_, err := r.unary(u)
		return err
	}
	v, err := r.rawValue(n)
	if err != nil {
		return err
	}
	return spread(v, emit)
}

// spread puts a value into a pipeline: arrays item by item.
func spread(v any, emit func(any) error) error {
	switch v := v.(type) {
	case void:
		return nil
	case []any:
		for _, item := range v {
			if err := emit(item); err != nil {
				return err
			}
		}
		return nil
	}
	return emit(v)
}

func (r *run) expression(n node) (any, error) {
	switch n := n.(type) {
	case *literal:
		return n.value, nil
	case *expandable:
		var text strings.Builder
		for _, part := range n.parts {
			v, err := r.value(part)
			if err != nil {
				return nil, err
			}
			text.WriteString(toString(v))
		}
		return text.String(), nil
	case *typeLiteral:
		return TypeName(n.name), nil
	case *cast:
		v, err := r.value(n.x)
		if err != nil {
			return nil, err
		}
		return castValue(v, n.typ)
	case *unary:
		return r.unary(n)
	case *binary:
		return r.binary(n)
	case *list:
		items := make([]any, 0, len(n.items))
		for _, item := range n.items {
			v, err := r.value(item)
			if err != nil {
				return nil, err
			}
			items = append(items, v)
		}
		return items, nil
	case *arrayLiteral:
		items := []any{}
		err := r.statements(n.body.body, func(v any) error { items = append(items, v); return nil })
		return items, err
	case *hashLiteral:
		return r.hash(n)
	case *blockLiteral:
		return n.block, nil
	case *member:
		return r.member(n)
	case *invoke:
		return r.invoke(n)
	case *index:
		object, err := r.value(n.object)
		if err != nil {
			return nil, err
		}
		at, err := r.value(n.position)
		if err != nil {
			return nil, err
		}
		return readIndex(object, at)
	}
	return nil, &ParseError{Line: n.at(), What: "a construct that has no value"}
}

func (r *run) hash(n *hashLiteral) (any, error) {
	d := &Dictionary{Ordered: n.ordered, values: map[string]any{}}
	for i, key := range n.keys {
		k, err := r.value(key)
		if err != nil {
			return nil, err
		}
		v, err := r.value(n.values[i])
		if err != nil {
			return nil, err
		}
		if _, twice := d.Get(k); twice {
			return nil, soft("DuplicateKeyInHashLiteral", "InvalidOperation", "Duplicate keys '%s' are not allowed in hash literals.", toString(k))
		}
		d.Set(k, v)
	}
	if n.object {
		return fromDictionary(d), nil
	}
	return d, nil
}

func castValue(v any, typ string) (any, error) {
	out, ok := convert(v, typ)
	if !ok {
		return nil, &thrown{record: &ErrorRecord{ID: "InvalidCastConstructorException", Category: "InvalidArgument",
			Message: "Cannot convert value \"" + toString(v) + "\" to type \"" + fullTypeName(typ) + "\".",
			Type:    "System.Management.Automation.PSInvalidCastException", HResult: "0x80004002"}}
	}
	return out, nil
}

func (r *run) variable(n *variable) any {
	name := strings.ToLower(n.name)
	switch n.scope {
	case "env":
		if name == "computername" {
			return r.s.options.ComputerName
		}
		v := r.s.global.vars["env:"+name]
		return v
	case "script", "global":
		return r.s.global.vars[name]
	case "local", "private":
		return r.scope.vars[name]
	}
	switch name {
	case "true":
		return true
	case "false":
		return false
	case "null":
		return nil
	case "psitem":
		name = "_"
	case "?":
		return !r.failed
	}
	v, _ := r.scope.get(name)
	return v
}

func (r *run) setVariable(n *variable, v any) error {
	name := strings.ToLower(n.name)
	switch name {
	case "null":
		return nil
	case "true", "false", "?":
		return soft("VariableNotWritable", "WriteError", "Cannot overwrite variable %s because it is read-only or constant.", n.name)
	}
	switch n.scope {
	case "env":
		r.s.global.vars["env:"+name] = toString(v)
	case "script", "global":
		r.s.global.vars[name] = v
	default:
		r.scope.vars[name] = v
	}
	return nil
}

func (r *run) assign(n *assign) error {
	v, err := r.rawValue(n.value)
	if err != nil {
		return err
	}
	if n.op != "=" {
		old, err := r.value(n.target)
		if err != nil {
			return err
		}
		if v, err = arithmetic(n.op[:1], old, plain(v)); err != nil {
			return err
		}
	}
	return r.store(n.target, v)
}

func (r *run) store(target node, v any) error {
	switch t := target.(type) {
	case *variable:
		return r.setVariable(t, v)
	case *cast:
		c, err := castValue(plain(v), t.typ)
		if err != nil {
			return err
		}
		return r.store(t.x, c)
	case *list:
		items := asList(v)
		for i, each := range t.items {
			var item any
			if i < len(items) {
				item = items[i]
			}
			if i == len(t.items)-1 && len(items) > len(t.items) {
				item = append([]any(nil), items[i:]...)
			}
			if err := r.store(each, item); err != nil {
				return err
			}
		}
		return nil
	case *member:
		object, err := r.value(t.object)
		if err != nil {
			return err
		}
		name, err := r.value(t.name)
		if err != nil {
			return err
		}
		return writeMember(object, toString(name), plain(v))
	case *index:
		object, err := r.value(t.object)
		if err != nil {
			return err
		}
		at, err := r.value(t.position)
		if err != nil {
			return err
		}
		return writeIndex(object, at, plain(v))
	}
	return &ParseError{Line: target.at(), What: "an assignment to what cannot be assigned"}
}

func (r *run) unary(n *unary) (any, error) {
	v, err := r.value(n.x)
	if err != nil {
		return nil, err
	}
	switch n.op {
	case "not":
		return !toBool(v), nil
	case "bnot":
		return ^toLong(v), nil
	case "-":
		return arithmetic("-", int64(0), v)
	case "+":
		return arithmetic("+", int64(0), v)
	case "join":
		return joinText(asList(v), ""), nil
	case "split":
		return anyList(strings.Fields(toString(v))), nil
	}
	next, err := arithmetic(n.op[:1], v, int64(1))
	if err != nil {
		return nil, err
	}
	if err := r.store(n.x, next); err != nil {
		return nil, err
	}
	if n.post {
		return v, nil
	}
	return next, nil
}

func (r *run) binary(n *binary) (any, error) {
	l, err := r.value(n.l)
	if err != nil {
		return nil, err
	}
	switch n.op {
	case "and":
		if !toBool(l) {
			return false, nil
		}
	case "or":
		if toBool(l) {
			return true, nil
		}
	}
	right, err := r.value(n.r)
	if err != nil {
		return nil, err
	}
	return r.operate(n.op, l, right)
}
