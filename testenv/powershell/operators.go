package powershell

import (
	"regexp"
	"strings"
	"time"
)

func (r *run) operate(op string, l, right any) (any, error) {
	switch op {
	case "and", "or":
		return toBool(right), nil
	case "xor":
		return toBool(l) != toBool(right), nil
	case "band":
		return toLong(l) & toLong(right), nil
	case "bor":
		return toLong(l) | toLong(right), nil
	case "bxor":
		return toLong(l) ^ toLong(right), nil
	case "+", "-", "*", "/", "%":
		return arithmetic(op, l, right)
	case "..":
		return between(toLong(l), toLong(right))
	case "f":
		return format(toString(l), asList(right))
	case "join":
		return joinText(asList(l), toString(right)), nil
	case "is", "isnot":
		return is(l, typeText(right)) == (op == "is"), nil
	case "as":
		if v, ok := convert(l, typeText(right)); ok {
			return v, nil
		}
		return nil, nil
	}
	exact := strings.HasPrefix(op, "c") && op != "contains"
	if exact || strings.HasPrefix(op, "i") && op != "in" {
		op = op[1:]
	}
	switch op {
	case "contains", "notcontains":
		return contains(l, right, exact) == (op == "contains"), nil
	case "in", "notin":
		return contains(right, l, exact) == (op == "in"), nil
	case "replace":
		return replaceText(l, right, exact)
	case "split":
		return splitText(l, right, exact)
	}
	if items, many := l.([]any); many {
		kept := []any{}
		for _, item := range items {
			ok, err := r.compare(op, item, right, exact)
			if err != nil {
				return nil, err
			}
			if ok {
				kept = append(kept, item)
			}
		}
		return kept, nil
	}
	return r.compare(op, l, right, exact)
}

func typeText(v any) string {
	if t, ok := v.(TypeName); ok {
		return string(t)
	}
	return toString(v)
}

func contains(list, item any, exact bool) bool {
	for _, each := range asList(list) {
		if looseEqual(each, item, exact) {
			return true
		}
	}
	return false
}

// compare is one comparison, the left side's type deciding.
// Microsoft: about_Comparison_Operators.
func (r *run) compare(op string, l, right any, exact bool) (bool, error) {
	switch op {
	case "eq":
		return looseEqual(l, right, exact), nil
	case "ne":
		return !looseEqual(l, right, exact), nil
	case "like", "notlike":
		return wildcard(toString(right), exact).MatchString(toString(l)) == (op == "like"), nil
	case "match", "notmatch":
		re, err := pattern(toString(right), exact)
		if err != nil {
			return false, err
		}
		text := toString(l)
		m := re.FindStringSubmatch(text)
		if m != nil {
			found := &Dictionary{values: map[string]any{}}
			for i, name := range re.SubexpNames() {
				if name != "" {
					found.Set(name, m[i])
				} else {
					found.Set(int64(i), m[i])
				}
			}
			r.scope.set("Matches", found)
		}
		return (m != nil) == (op == "match"), nil
	}
	n, err := order(l, right, exact)
	if err != nil {
		return false, err
	}
	switch op {
	case "gt":
		return n > 0, nil
	case "ge":
		return n >= 0, nil
	case "lt":
		return n < 0, nil
	}
	return n <= 0, nil
}

func looseEqual(l, right any, exact bool) bool {
	if l == nil || right == nil {
		return l == nil && right == nil
	}
	switch l := l.(type) {
	case string:
		if exact {
			return l == toString(right)
		}
		return strings.EqualFold(l, toString(right))
	case bool:
		return l == toBool(right)
	case Char:
		return strings.EqualFold(string(rune(l)), toString(right))
	case Enum:
		switch want := right.(type) {
		case string:
			return strings.EqualFold(l.Name, want)
		case Enum:
			return l.Type == want.Type && l.Value == want.Value
		}
		return l.Value == toLong(right)
	case GUID:
		g, ok := toGUID(right)
		return ok && g == l
	case int64, float64:
		n, ok := number(right)
		return ok && toFloat(l) == toFloat(n)
	case time.Time:
		t, ok := toTime(right)
		return ok && t.Equal(l)
	case time.Duration:
		d, ok := toSpan(right)
		return ok && d == l
	case TypeName:
		return strings.EqualFold(fullTypeName(string(l)), fullTypeName(typeText(right)))
	case *Object:
		if l.Is("System.Version") {
			n, err := order(l, right, exact)
			return err == nil && n == 0
		}
		return l == right
	case []any:
		return false
	}
	return l == right
}

func order(l, right any, exact bool) (int, error) {
	switch a := l.(type) {
	case string:
		b := toString(right)
		if !exact {
			a, b = strings.ToLower(a), strings.ToLower(b)
		}
		return strings.Compare(a, b), nil
	case time.Time:
		if t, ok := toTime(right); ok {
			return a.Compare(t), nil
		}
	case time.Duration:
		if d, ok := toSpan(right); ok {
			return sign(float64(a - d)), nil
		}
	case GUID:
		return strings.Compare(string(a), toString(right)), nil
	case *Object:
		if b, ok := toVersion(right); ok && a.Is("System.Version") {
			for _, name := range []string{"Major", "Minor", "Build", "Revision"} {
				x, _ := a.Get(name)
				y, _ := b.Get(name)
				if n := sign(toFloat(x) - toFloat(y)); n != 0 {
					return n, nil
				}
			}
			return 0, nil
		}
	default:
		n, ok := number(l)
		m, ok2 := number(right)
		if ok && ok2 {
			return sign(toFloat(n) - toFloat(m)), nil
		}
	}
	return 0, soft("ComparisonFailure", "InvalidOperation", "Could not compare \"%s\" to \"%s\".", toString(l), toString(right))
}

func sign(f float64) int {
	switch {
	case f > 0:
		return 1
	case f < 0:
		return -1
	}
	return 0
}

// wildcard is a -like pattern. Microsoft: about_Wildcards.
func wildcard(text string, exact bool) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("(?s")
	if !exact {
		b.WriteString("i")
	}
	b.WriteString(")^")
	for _, c := range text {
		switch c {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return regexp.MustCompile(b.String() + "$")
}

func pattern(text string, exact bool) (*regexp.Regexp, error) {
	if !exact {
		text = "(?i)" + text
	}
	re, err := regexp.Compile(strings.ReplaceAll(text, "(?<", "(?P<"))
	if err != nil {
		return nil, soft("InvalidRegularExpression", "InvalidArgument", "The regular expression pattern %s is not valid.", text)
	}
	return re, nil
}

var groupShape = regexp.MustCompile(`\$(\d+)`)

func replaceText(l, right any, exact bool) (any, error) {
	args := asList(right)
	re, err := pattern(toString(args[0]), exact)
	if err != nil {
		return nil, err
	}
	with := ""
	if len(args) > 1 {
		with = groupShape.ReplaceAllString(toString(args[1]), "$${$1}")
	}
	if items, many := l.([]any); many {
		out := []any{}
		for _, item := range items {
			out = append(out, re.ReplaceAllString(toString(item), with))
		}
		return out, nil
	}
	return re.ReplaceAllString(toString(l), with), nil
}

func splitText(l, right any, exact bool) (any, error) {
	args := asList(right)
	re, err := pattern(toString(args[0]), exact)
	if err != nil {
		return nil, err
	}
	most := -1
	if len(args) > 1 && toLong(args[1]) > 0 {
		most = int(toLong(args[1]))
	}
	out := []any{}
	for _, item := range asList(l) {
		out = append(out, anyList(re.Split(toString(item), most))...)
	}
	return out, nil
}

func anyList(items []string) []any {
	out := make([]any, len(items))
	for i, item := range items {
		out[i] = item
	}
	return out
}

func joinText(items []any, with string) string {
	parts := make([]string, len(items))
	for i, item := range items {
		parts[i] = toString(item)
	}
	return strings.Join(parts, with)
}

func between(from, to int64) (any, error) {
	if from-to > 1e6 || to-from > 1e6 {
		return nil, soft("RangeTooLarge", "InvalidArgument", "The range is too large.")
	}
	out := []any{}
	for n := from; ; {
		out = append(out, n)
		switch {
		case n == to:
			return out, nil
		case n < to:
			n++
		default:
			n--
		}
	}
}
