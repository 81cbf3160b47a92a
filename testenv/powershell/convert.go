package powershell

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func toString(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		if v {
			return "True"
		}
		return "False"
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return floatText(v)
	case time.Time:
		return v.Format("01/02/2006 15:04:05")
	case time.Duration:
		return spanText(v)
	case GUID:
		return string(v)
	case Enum:
		return v.Name
	case Char:
		return string(rune(v))
	case TypeName:
		return fullTypeName(string(v))
	case *ErrorRecord:
		return v.Message
	case []any:
		parts := make([]string, len(v))
		for i, each := range v {
			parts[i] = toString(each)
		}
		return strings.Join(parts, " ")
	case *Dictionary:
		return typeNameOf(v)
	case *Object:
		return objectText(v)
	case fmt.Stringer:
		return v.String()
	}
	return fmt.Sprint(v)
}

func objectText(o *Object) string {
	if text, ok := o.Get("ToString()"); ok {
		return toString(text)
	}
	if !o.custom() {
		return o.typeName()
	}
	parts := make([]string, len(o.names))
	for i, name := range o.names {
		v, _ := o.Get(name)
		parts[i] = name + "=" + toString(v)
	}
	return "@{" + strings.Join(parts, "; ") + "}"
}

func floatText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	if a := math.Abs(f); a != 0 && (a >= 1e15 || a < 1e-5) {
		text := strconv.FormatFloat(f, 'E', -1, 64)
		return text
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

func spanText(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	days := d / (24 * time.Hour)
	text := fmt.Sprintf("%02d:%02d:%02d", int(d.Hours())%24, int(d.Minutes())%60, int(d.Seconds())%60)
	if days > 0 {
		text = fmt.Sprintf("%d.%s", days, text)
	}
	if rest := d % time.Second; rest != 0 {
		text += fmt.Sprintf(".%07d", rest/100)
	}
	return sign + text
}

// toBool is PowerShell's truth. Microsoft: about_Booleans.
func toBool(v any) bool {
	switch v := v.(type) {
	case nil, void:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case Char:
		return v != 0
	case Enum:
		return v.Value != 0
	case []any:
		switch len(v) {
		case 0:
			return false
		case 1:
			return toBool(v[0])
		}
	}
	return true
}

// number reads v as int64 or float64.
func number(v any) (any, bool) {
	switch v := v.(type) {
	case nil:
		return int64(0), true
	case int64, float64:
		return v, true
	case bool:
		if v {
			return int64(1), true
		}
		return int64(0), true
	case Enum:
		return v.Value, true
	case Char:
		return int64(v), true
	case string:
		text := strings.TrimSpace(v)
		if text == "" {
			return int64(0), true
		}
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, true
		}
		if strings.HasPrefix(strings.ToLower(text), "0x") {
			if n, err := strconv.ParseInt(text[2:], 16, 64); err == nil {
				return n, true
			}
		}
		if f, err := strconv.ParseFloat(text, 64); err == nil && !strings.ContainsAny(text, "xXpP_nN") {
			return f, true
		}
	}
	return nil, false
}

func toLong(v any) int64 {
	n, _ := number(v)
	switch n := n.(type) {
	case int64:
		return n
	case float64:
		return int64(math.RoundToEven(n))
	}
	return 0
}

func toFloat(v any) float64 {
	n, _ := number(v)
	switch n := n.(type) {
	case int64:
		return float64(n)
	case float64:
		return n
	}
	return 0
}

var guidShape = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

func toGUID(v any) (GUID, bool) {
	text := strings.ToLower(strings.Trim(strings.TrimSpace(toString(v)), "{}"))
	if len(text) == 32 {
		text = text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
	}
	return GUID(text), guidShape.MatchString(text)
}

var timeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.9999999", "2006-01-02 15:04:05.9999999", "2006-01-02 15:04",
	"2006-01-02", "01/02/2006 15:04:05", "1/2/2006 15:04:05", "1/2/2006"}

func toTime(v any) (time.Time, bool) {
	if t, ok := v.(time.Time); ok {
		return t, true
	}
	text, ok := v.(string)
	if !ok {
		return time.Time{}, false
	}
	for _, layout := range timeLayouts {
		if t, err := time.ParseInLocation(layout, strings.TrimSpace(text), time.Local); err == nil {
			return t.Local(), true
		}
	}
	return time.Time{}, false
}

var spanShape = regexp.MustCompile(`^(-)?(?:(\d+)\.)?(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,7}))?)?$`)

func toSpan(v any) (time.Duration, bool) {
	switch v := v.(type) {
	case time.Duration:
		return v, true
	case int64:
		return time.Duration(v) * 100, true
	case string:
		m := spanShape.FindStringSubmatch(strings.TrimSpace(v))
		if m == nil {
			return 0, false
		}
		part := func(i int) time.Duration { return time.Duration(toLong(m[i])) }
		d := part(2)*24*time.Hour + part(3)*time.Hour + part(4)*time.Minute + part(5)*time.Second
		if m[6] != "" {
			d += time.Duration(toLong((m[6] + "0000000")[:7])) * 100
		}
		if m[1] != "" {
			d = -d
		}
		return d, true
	}
	return 0, false
}

var wholeRanges = map[string][2]float64{
	"int32": {math.MinInt32, math.MaxInt32}, "int64": {math.MinInt64, math.MaxInt64}, "int16": {math.MinInt16, math.MaxInt16},
	"uint32": {0, math.MaxUint32}, "uint64": {0, math.MaxInt64}, "uint16": {0, math.MaxUint16}, "byte": {0, 255}, "sbyte": {-128, 127},
}

// convert casts v to the type, or says that it cannot. The second answer is
// false as well for types the subset does not know. Microsoft: about_Type_Conversion.
func convert(v any, typ string) (any, bool) {
	if _, none := v.(void); none {
		v = nil
	}
	if base, isList := strings.CutSuffix(typ, "[]"); isList {
		return convertList(v, base)
	}
	base := shortType(typ)
	if items, many := v.([]any); many && len(items) == 1 && base != "object" && base != "bool" && base != "string" && base != "array" {
		v = items[0]
	}
	if span, whole := wholeRanges[base]; whole {
		n, ok := number(v)
		if !ok || toFloat(n) < span[0] || toFloat(n) > span[1] {
			return nil, false
		}
		return toLong(n), true
	}
	switch base {
	case "object", "psobject", "void":
		return v, true
	case "string":
		return toString(v), true
	case "bool":
		return toBool(v), true
	case "switchparameter":
		return toBool(v), true
	case "double", "float", "decimal":
		n, ok := number(v)
		return toFloat(n), ok
	case "char":
		if text := []rune(toString(v)); len(text) == 1 {
			if n, isNumber := v.(int64); isNumber {
				return Char(n), true
			}
			return Char(text[0]), true
		}
		n, ok := v.(int64)
		return Char(n), ok
	case "guid":
		g, ok := toGUID(v)
		return g, ok
	case "datetime":
		t, ok := toTime(v)
		return t, ok
	case "timespan":
		d, ok := toSpan(v)
		return d, ok
	case "array":
		return asList(v), true
	case "version":
		o, ok := toVersion(v)
		return o, ok
	case "hashtable", "ordereddictionary", "idictionary":
		d, ok := v.(*Dictionary)
		return d, ok || v == nil
	case "scriptblock":
		b, ok := v.(*ScriptBlock)
		return b, ok || v == nil
	case "securestring":
		s, ok := v.(*SecureString)
		return s, ok || v == nil
	case "type":
		return TypeName(toString(v)), true
	case "pscustomobject":
		if d, ok := v.(*Dictionary); ok {
			return fromDictionary(d), true
		}
		return v, true
	}
	o, ok := v.(*Object)
	if v == nil {
		return nil, true
	}
	return v, ok && o.Is(typ)
}

func convertList(v any, base string) (any, bool) {
	if v == nil {
		return nil, true
	}
	items := asList(v)
	out := make([]any, len(items))
	for i, item := range items {
		each, ok := convert(item, base)
		if !ok {
			return nil, false
		}
		out[i] = each
	}
	return out, true
}

// asList is v as the items a pipeline would see; nil is one item.
func asList(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case void:
		return []any{}
	}
	return []any{v}
}

func fromDictionary(d *Dictionary) *Object {
	o := NewObject()
	for _, key := range d.keys {
		v, _ := d.Get(key)
		o.Set(toString(key), v)
	}
	return o
}

func toVersion(v any) (*Object, bool) {
	if o, ok := v.(*Object); ok && o.Is("System.Version") {
		return o, true
	}
	parts := strings.Split(toString(v), ".")
	if len(parts) < 2 || len(parts) > 4 {
		return nil, false
	}
	o := NewObject("System.Version", "System.Object")
	for i, name := range []string{"Major", "Minor", "Build", "Revision"} {
		n := int64(-1)
		if i < len(parts) {
			var err error
			if n, err = strconv.ParseInt(parts[i], 10, 32); err != nil || n < 0 {
				return nil, false
			}
		}
		o.Set(name, n)
	}
	return o, true
}
