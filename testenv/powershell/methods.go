package powershell

import (
	"crypto/rand"
	"fmt"
	"math"
	"strings"
	"time"
)

const roundTrip = "2006-01-02T15:04:05.0000000"

func (r *run) invoke(n *invoke) (any, error) {
	object, err := r.value(n.object)
	if err != nil {
		return nil, err
	}
	name, err := r.value(n.name)
	if err != nil {
		return nil, err
	}
	args := make([]any, len(n.args))
	for i, a := range n.args {
		if args[i], err = r.value(a); err != nil {
			return nil, err
		}
	}
	low := strings.ToLower(toString(name))
	if n.static {
		return r.staticCall(typeText(object), low, args)
	}
	if object == nil {
		return nil, soft("InvokeMethodOnNull", "InvalidOperation", "You cannot call a method on a null-valued expression.")
	}
	if v, ok := method(object, low, args); ok {
		return v, nil
	}
	return nil, soft("MethodNotFound", "InvalidOperation", "Method invocation failed because [%s] does not contain a method named '%s'.", typeNameOf(object), toString(name))
}

func method(object any, name string, args []any) (any, bool) {
	arg := func(i int) any {
		if i < len(args) {
			return args[i]
		}
		return nil
	}
	switch name {
	case "gettype":
		return TypeName(typeNameOf(object)), true
	case "equals":
		return looseEqual(object, arg(0), true), true
	case "tostring":
		if len(args) == 0 {
			return toString(object), true
		}
		text, err := formatOne(object, toString(arg(0)))
		return text, err == nil
	}
	switch o := object.(type) {
	case string:
		return textMethod(o, name, args, arg)
	case *Dictionary:
		switch name {
		case "containskey", "contains":
			_, ok := o.Get(arg(0))
			return ok, true
		case "add":
			o.Set(arg(0), arg(1))
			return void{}, true
		case "remove":
			o.remove(arg(0))
			return void{}, true
		}
	case time.Time:
		switch name {
		case "touniversaltime":
			return o.UTC(), true
		case "tolocaltime":
			return o.Local(), true
		}
		units := map[string]time.Duration{"adddays": 24 * time.Hour, "addhours": time.Hour, "addminutes": time.Minute, "addseconds": time.Second, "addmilliseconds": time.Millisecond}
		if unit, ok := units[name]; ok {
			return o.Add(time.Duration(toFloat(arg(0)) * float64(unit))), true
		}
	case *SecureString:
		if name == "appendchar" {
			o.text = append(o.text, []rune(toString(arg(0)))...)
			return void{}, true
		}
		if name == "makereadonly" || name == "dispose" {
			return void{}, true
		}
	}
	return nil, false
}

func textMethod(s, name string, args []any, arg func(int) any) (any, bool) {
	cut := " \t\r\n"
	if len(args) > 0 {
		cut = joinText(asList(args[0]), "")
	}
	switch name {
	case "trim":
		return strings.Trim(s, cut), true
	case "trimstart":
		return strings.TrimLeft(s, cut), true
	case "trimend":
		return strings.TrimRight(s, cut), true
	case "toupper", "toupperinvariant":
		return strings.ToUpper(s), true
	case "tolower", "tolowerinvariant":
		return strings.ToLower(s), true
	case "startswith":
		return strings.HasPrefix(s, toString(arg(0))), true
	case "endswith":
		return strings.HasSuffix(s, toString(arg(0))), true
	case "contains":
		return strings.Contains(s, toString(arg(0))), true
	case "indexof", "lastindexof":
		find := strings.Index
		if name == "lastindexof" {
			find = strings.LastIndex
		}
		i := find(s, toString(arg(0)))
		if i > 0 {
			i = len([]rune(s[:i]))
		}
		return int64(i), true
	case "replace":
		return strings.ReplaceAll(s, toString(arg(0)), toString(arg(1))), true
	case "split":
		return anyList(splitAny(s, cut)), true
	case "tochararray":
		out := []any{}
		for _, c := range s {
			out = append(out, Char(c))
		}
		return out, true
	case "substring":
		runes, from := []rune(s), int(toLong(arg(0)))
		to := len(runes)
		if len(args) > 1 {
			to = from + int(toLong(arg(1)))
		}
		if from < 0 || to > len(runes) || from > to {
			return nil, false
		}
		return string(runes[from:to]), true
	}
	return nil, false
}

// now is the moment by the host's clock.
func (r *run) now() time.Time {
	if r.s.options.Now != nil {
		return r.s.options.Now()
	}
	return time.Now()
}

func (r *run) staticMember(typ, name string) (any, error) {
	switch shortType(typ) + "." + strings.ToLower(name) {
	case "datetime.utcnow":
		return r.now().UTC(), nil
	case "datetime.now":
		return r.now(), nil
	case "environment.machinename":
		return r.s.options.ComputerName, nil
	case "environment.newline":
		return "\r\n", nil
	case "guid.empty":
		return GUID("00000000-0000-0000-0000-000000000000"), nil
	case "string.empty":
		return "", nil
	case "int32.maxvalue":
		return int64(math.MaxInt32), nil
	case "int64.maxvalue":
		return int64(math.MaxInt64), nil
	case "math.pi":
		return math.Pi, nil
	}
	return nil, soft("OutsideSubset", "NotImplemented", "the static member [%s]::%s is outside the subset", typ, name)
}

func newGUID() GUID {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails on the systems we support
	b[6], b[8] = b[6]&15|64, b[8]&63|128
	return GUID(fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]))
}

func (r *run) staticCall(typ, name string, args []any) (any, error) {
	arg := func(i int) any {
		if i < len(args) {
			return args[i]
		}
		return nil
	}
	short := shortType(typ)
	switch short + "." + name {
	case "scriptblock.create":
		b, err := parse(toString(arg(0)))
		if err != nil {
			return nil, &thrown{record: asRecord(err)}
		}
		return &ScriptBlock{text: toString(arg(0)), body: b}, nil
	case "guid.newguid":
		return newGUID(), nil
	case "string.isnullorempty":
		return toString(arg(0)) == "", nil
	case "string.isnullorwhitespace":
		return strings.TrimSpace(toString(arg(0))) == "", nil
	case "string.join":
		return joinText(asList(arg(1)), toString(arg(0))), nil
	case "math.max":
		if toFloat(arg(0)) >= toFloat(arg(1)) {
			return arg(0), nil
		}
		return arg(1), nil
	case "math.min":
		if toFloat(arg(0)) <= toFloat(arg(1)) {
			return arg(0), nil
		}
		return arg(1), nil
	case "math.round":
		scale := math.Pow(10, toFloat(arg(1)))
		return math.RoundToEven(toFloat(arg(0))*scale) / scale, nil
	case "math.floor":
		return math.Floor(toFloat(arg(0))), nil
	case "math.ceiling":
		return math.Ceil(toFloat(arg(0))), nil
	case "math.abs":
		if toFloat(arg(0)) < 0 {
			return arithmetic("-", int64(0), arg(0))
		}
		return arg(0), nil
	}
	if name == "parse" || name == "new" && len(args) == 1 {
		return castValue(arg(0), typ)
	}
	if name == "new" {
		return construct(typ, args)
	}
	return nil, soft("OutsideSubset", "NotImplemented", "the static method [%s]::%s is outside the subset", typ, name)
}

// construct is New-Object. Only the types that host scripts need are known.
func construct(typ string, args []any) (any, error) {
	switch shortType(typ) {
	case "securestring":
		return &SecureString{}, nil
	case "pscredential":
		if len(args) == 2 {
			if s, ok := args[1].(*SecureString); ok {
				return NewObject("System.Management.Automation.PSCredential", "System.Object").Set("UserName", toString(args[0])).Set("Password", s), nil
			}
		}
	case "object", "pscustomobject":
		return NewObject(), nil
	case "hashtable":
		return &Dictionary{values: map[string]any{}}, nil
	case "guid", "version", "datetime", "timespan":
		if len(args) == 1 {
			return castValue(args[0], typ)
		}
	case "exception":
		return NewObject("System.Exception").Set("Message", toString(append(args, "")[0])).Set("HResult", int64(-2146233088)), nil
	}
	return nil, &thrown{record: &ErrorRecord{ID: "TypeNotFound,Microsoft.PowerShell.Commands.NewObjectCommand", Category: "InvalidType",
		Message: "Cannot find type [" + typ + "]: verify that the assembly containing this type is loaded.", Type: "System.Management.Automation.PSArgumentException", HResult: "0x80070057"}}
}
