package powershell

import (
	"math"
	"strings"
	"time"
)

// arithmetic follows the left side's type. Microsoft: about_Arithmetic_Operators.
func arithmetic(op string, l, right any) (any, error) {
	switch a := l.(type) {
	case []any:
		if op == "+" {
			return append(append([]any{}, a...), asList(right)...), nil
		}
	case string:
		switch op {
		case "+":
			return a + toString(right), nil
		case "*":
			if n := toLong(right); n >= 0 && n*int64(len(a)) < 1<<24 {
				return strings.Repeat(a, int(n)), nil
			}
		}
	case Char:
		if op == "+" {
			return string(rune(a)) + toString(right), nil
		}
	case *Dictionary:
		if b, ok := right.(*Dictionary); ok && op == "+" {
			sum := &Dictionary{Ordered: a.Ordered, values: map[string]any{}}
			for _, d := range []*Dictionary{a, b} {
				for _, key := range d.keys {
					v, _ := d.Get(key)
					sum.Set(key, v)
				}
			}
			return sum, nil
		}
	case time.Time:
		if b, ok := right.(time.Time); ok && op == "-" {
			return a.Sub(b), nil
		}
		if d, ok := right.(time.Duration); ok {
			if op == "-" {
				d = -d
			}
			return a.Add(d), nil
		}
	case time.Duration:
		if b, ok := right.(time.Duration); ok {
			if op == "-" {
				b = -b
			}
			return a + b, nil
		}
	case nil:
		if op == "+" {
			return right, nil
		}
	}
	return numeric(op, l, right)
}

func numeric(op string, l, right any) (any, error) {
	a, ok := number(l)
	b, ok2 := number(right)
	if !ok || !ok2 {
		return nil, soft("InvalidCastFromStringToInteger", "InvalidArgument", "Cannot convert value \"%s\" or \"%s\" to a number.", toString(l), toString(right))
	}
	x, whole := a.(int64)
	y, whole2 := b.(int64)
	if (op == "/" || op == "%") && toFloat(b) == 0 && whole && whole2 {
		return nil, &thrown{record: &ErrorRecord{ID: "RuntimeException", Category: "NotSpecified", Message: "Attempted to divide by zero.",
			Type: "System.Management.Automation.RuntimeException", HResult: "0x80131501"}}
	}
	f, g := toFloat(a), toFloat(b)
	if whole && whole2 {
		switch {
		case op == "+" && math.Abs(f+g) < 1<<62:
			return x + y, nil
		case op == "-" && math.Abs(f-g) < 1<<62:
			return x - y, nil
		case op == "*" && math.Abs(f*g) < 1<<62:
			return x * y, nil
		case op == "/" && x%y == 0:
			return x / y, nil
		case op == "%":
			return x % y, nil
		}
	}
	switch op {
	case "+":
		return f + g, nil
	case "-":
		return f - g, nil
	case "*":
		return f * g, nil
	case "/":
		return f / g, nil
	}
	return math.Mod(f, g), nil
}
